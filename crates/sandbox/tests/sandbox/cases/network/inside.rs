//! What stays inside: loopback, local sockets, names and interfaces.

use lambkin_sandbox::{NetworkRequest, Query};

use super::{arguments, python};
use crate::world::{self, Server, V4};

pub(in crate::cases) fn loopback_is_the_sandbox_s_own() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let server = Server::of(inside.sandbox.clone());
        // What listens on the same port outside is not reached.
        let outside = world::echo((V4, 0)).await;
        let told = python(
            &mut inside,
            &arguments(outside),
            r"
port = int(sys.argv[2])
print(socket.socket().connect_ex(('127.0.0.1', port)) == errno.ECONNREFUSED)
l = socket.socket()
l.bind(('127.0.0.1', port)); l.listen()
for blocking in True, False:
    s = socket.socket()
    s.setblocking(blocking)
    print(s.connect_ex(l.getsockname()) in (0, errno.EINPROGRESS))
    a, peer = l.accept()
    a.sendall(b'x'); s.setblocking(True)
    print(s.recv(1), peer == s.getsockname())
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('127.0.0.1', 0))
w = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
w.connect(u.getsockname()); w.send(b'y')
print(u.recv(9))
print(w.connect_ex(('203.0.113.1', 53)) == errno.ENETUNREACH)
x = socket.socket(socket.AF_UNIX); x.bind('/tmp/x'); x.listen()
y = socket.socket(socket.AF_UNIX); y.connect('/tmp/x')
print(y.getpeername())",
        )
        .await;
        let two = "True\nb'x' True\n".repeat(2);
        assert_eq!(told, format!("True\n{two}b'y'\nTrue\n/tmp/x"));
        assert_eq!(server.asked(), 0);
    });
}

pub(in crate::cases) fn names_are_asked_of_the_server() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let sandbox = inside.sandbox.clone();
        // Answers with the question, its letters turned.
        let server = tokio::spawn(async move {
            while let Some(request) = sandbox.network_request().await {
                let NetworkRequest::Query(Query {
                    id, mut message, ..
                }) = request
                else {
                    panic!("a name");
                };
                message.reverse();
                sandbox.answer_query(id, &message).await.expect("an answer");
            }
        });
        let told = python(
            &mut inside,
            &[],
            r"
import struct, threading
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.connect(('127.0.0.1', 53))
u.send(b'abc'); print(u.recv(99))
t = socket.create_connection(('127.0.0.1', 53))
def frame(b): return struct.pack('!H', len(b)) + b
long = bytes(range(250)) * 100
f = t.makefile('rb')
def read(): return f.read(struct.unpack('!H', f.read(2))[0])
for part in (frame(b'one') + frame(b'two') + frame(long))[:9], (frame(b'one') + frame(b'two') + frame(long))[9:]:
    t.sendall(part)
print(sorted([read(), read(), read()], key=len)[:2], long[:3])
# Too many at a time are dropped, and those after them answered again.
for n in range(1000): u.send(b'%d' % n)
u.settimeout(0.5)
got = 0
try:
    while u.recv(99): got += 1
except TimeoutError: pass
print(got > 50)
u.settimeout(9)
u.send(b'xyz'); print(u.recv(99))
print(open('/etc/resolv.conf').read().strip())
# Families of a machine with a network, and no way for datagrams.
for family, to in (socket.AF_INET, '203.0.113.1'), (socket.AF_INET6, '2001:db8::1'):
    w = socket.socket(family, socket.SOCK_DGRAM)
    print(w.connect_ex((to, 443)) == errno.ENETUNREACH)
print(socket.getaddrinfo('127.0.0.1', 80, 0, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)[0][4])
print(socket.getaddrinfo('::1', 80, 0, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)[0][4][0])",
        )
        .await;
        let expected = "b'cba'\n[b'eno', b'owt'] b'\\x00\\x01\\x02'\nTrue\nb'zyx'\n\
            nameserver 127.0.0.1\nTrue\nTrue\n('127.0.0.1', 80)\n::1";
        assert_eq!(told, expected);
        server.abort();
    });
}

pub(in crate::cases) fn local_sockets_are_the_caller_s() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let told = python(
            &mut inside,
            &[],
            r"
def unix(): return socket.socket(socket.AF_UNIX)
os.makedirs('/tmp/a/b'); os.chdir('/tmp/a/b')
os.umask(0o077)
l = unix(); l.bind('rel'); l.listen(0)
print(oct(os.stat('/tmp/a/b/rel').st_mode & 0o777), l.getsockname())
os.chdir('..')
c = unix(); c.connect('b/rel'); c.close(); l.accept()
d = os.open('/tmp/a/b', os.O_RDONLY)
for path in f'/proc/self/fd/{d}/rel', f'/dev/fd/{d}/rel', f'/proc/thread-self/fd/{d}/rel', '/proc/self/cwd/b/rel':
    c = unix(); c.connect(path); c.close(); l.accept()
print('reached')
for path in 'rel', '/tmp/none', '/proc/self/fd/999/rel', 'x' * 107:
    try: unix().connect(path)
    except OSError as e: print(errno.errorcode[e.errno], end=' ')
print()
a = unix(); a.bind(b'\0name\0x'); a.listen()
unix().connect(b'\0name\0x')
e = unix(); e.bind(''); print(len(e.getsockname()))
g = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); g.bind('/tmp/g')
h = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); h.connect('/tmp/g'); h.send(b'datagram'); print(g.recv(99))
# A full queue: who does not block is told, who waits gets its place.
held = []
while True:
    s = unix(); s.setblocking(False)
    error = s.connect_ex('b/rel')
    if error: break
    held.append(s)
print(errno.errorcode[error])
def later(): time.sleep(0.2); l.accept()
threading.Thread(target=later).start()
w = unix(); began = time.monotonic(); w.connect('b/rel'); print(0.1 < time.monotonic() - began < 2)
t = unix(); t.settimeout(0.2)
began = time.monotonic()
try: t.connect('b/rel')
except BlockingIOError: print('told')
t = unix(); t.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 200000))
print(errno.errorcode[t.connect_ex('b/rel')], 0.1 < time.monotonic() - began < 2)
# Somebody else's thread takes away the flag that keeps it from waiting, again and again.
import fcntl
t = unix()
stop = False
def wait_there():
    while not stop: fcntl.fcntl(t, fcntl.F_SETFL, 0)
threads = [threading.Thread(target=wait_there) for _ in range(2)]
for x in threads: x.start()
threading.Timer(0.5, l.accept).start()
t.connect('b/rel'); stop = True
print(t.getpeername())",
        )
        .await;
        let expected = "0o700 rel\nreached\nENOENT ENOENT ENOENT ENOENT \n6\nb'datagram'\n\
            EAGAIN\nTrue\ntold\nEAGAIN True\nrel";
        assert_eq!(told, expected);
    });
}

pub(in crate::cases) fn interfaces_are_the_sandbox_s_own() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let _server = Server::of(inside.sandbox.clone());
        let told = python(
            &mut inside,
            &arguments(world::echo((V4, 0)).await),
            r"
import array, fcntl
CONF, NAME, FLAGS, ADDR, MTU, INDEX = 0x8912, 0x8910, 0x8913, 0x8915, 0x8921, 0x8933
def entries(s):
    room = array.array('B', bytes(40 * 50))
    conf = fcntl.ioctl(s, CONF, struct.pack('iP', len(room), room.buffer_info()[0]))
    length = struct.unpack('iP', conf)[0]
    return [(bytes(room[i:i+16]).strip(b'\0'), socket.inet_ntoa(bytes(room[i+20:i+24]))) for i in range(0, length, 40)]
own = socket.socket()
theirs = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for s in own, theirs:
    print(entries(s))
    # The address is asked of the one that is there, whatever the network of the socket.
    lo = struct.pack('16s24x', b'lo')
    print(socket.inet_ntoa(fcntl.ioctl(s, ADDR, lo)[20:24]), struct.unpack('i', fcntl.ioctl(s, INDEX, lo)[16:20])[0])
    print(fcntl.ioctl(s, NAME, struct.pack('16si20x', b'', 1))[:2], struct.unpack('i', fcntl.ioctl(s, MTU, lo)[16:20])[0])
    for request, name in (ADDR, b'eth0'), (0x8946, b'lo'), (0x8954, b'lo'), (0x894c, b'lo'), (0x89f0, b'lo'):
        try: fcntl.ioctl(s, request, struct.pack('16s24x', name)); print('told')
        except OSError as e: print(errno.errorcode[e.errno], end=' ')
    print()
    try: fcntl.ioctl(s, CONF, struct.pack('iP', 400, 1)); print('told')
    except OSError as e: print(errno.errorcode[e.errno])
    print(struct.unpack('iP', fcntl.ioctl(s, CONF, struct.pack('iP', 0, 0)))[0] // 40)
try: fcntl.ioctl(0, ADDR, bytes(40))
except OSError as e: print(errno.errorcode[e.errno])
print([name for _, name in socket.if_nameindex()])",
        )
        .await;
        let one = "[(b'lo', '127.0.0.1'), (b'lo', '169.254.76.1')]\n127.0.0.1 1\nb'lo' 65536\n\
            ENODEV ENOTSUP ENOTSUP ENOTSUP ENOTSUP \nEFAULT\n2\n";
        assert_eq!(told, format!("{one}{one}ENOTTY\n['lo']"));
    });
}
