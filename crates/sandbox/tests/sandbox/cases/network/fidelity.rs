//! What programs may expect of the kernel's own `connect`, they find: events, flags, errors, signals.

use std::net::SocketAddr;

use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

use super::{arguments, python};
use crate::world::{self, Server, V4, V6};

pub(in crate::cases) fn who_waits_for_events_hears_of_them() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let server = Server::of(inside.sandbox.clone());
        let address = world::echo((V4, 0)).await;
        let told = python(
            &mut inside,
            &arguments(address),
            r"
to = (sys.argv[1], int(sys.argv[2]))
def talk(s, text):
    s.setblocking(True); s.sendall(text); return s.recv(99) == text
# Registered before it connects, as Netty does; later changed by the same number.
for flags in select.EPOLLIN | select.EPOLLOUT, select.EPOLLOUT | select.EPOLLET, 0:
    e = select.epoll()
    spare = [os.dup(0) for _ in range(flags & 7)]
    s = socket.socket(); s.setblocking(False)
    e.register(s, flags)
    e.poll(0)
    if s.connect_ex(to) not in (0, errno.EINPROGRESS): print('no')
    if not flags: e.modify(s, select.EPOLLOUT)
    print(e.poll(5) == [(s.fileno(), select.EPOLLOUT)], end=' ')
    e.modify(s, select.EPOLLIN)
    print(e.poll(0), end=' ')
    s.sendall(b'x')
    print(e.poll(5) == [(s.fileno(), select.EPOLLIN)], s.recv(9), end=' ')
    e.unregister(s); print(talk(s, b'y'))
# In two epolls, of which one knows it by another number.
one, two = select.epoll(), select.epoll()
s = socket.socket(); other = s.dup(); s.setblocking(False)
one.register(s, select.EPOLLOUT); two.register(other, select.EPOLLOUT)
s.connect_ex(to)
print(one.poll(5) == [(s.fileno(), select.EPOLLOUT)], two.poll(5) == [(other.fileno(), select.EPOLLOUT)])
for wait in 'poll', 'select':
    s = socket.socket(); s.setblocking(False); s.connect_ex(to)
    if wait == 'poll':
        p = select.poll(); p.register(s, select.POLLOUT); print(p.poll(5000) == [(s.fileno(), select.POLLOUT)])
    else: print(select.select([], [s], [], 5)[1] == [s])
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.connect_ex(to) in (0, errno.EISCONN), s.connect_ex(to) == errno.EISCONN)
import asyncio
async def ask(n):
    r, w = await asyncio.open_connection(*to)
    w.write(b'%d\n' % n); line = await r.readline(); w.close(); return int(line)
async def all(): return await asyncio.gather(*[ask(n) for n in range(100)])
print(asyncio.run(all()) == list(range(100)))",
        )
        .await;
        let epoll = "True [] True b'x' True\n".repeat(3);
        let waits = "True\n0 True True\n".repeat(2);
        assert_eq!(told, format!("{epoll}True True\n{waits}True"));
        assert_eq!(server.asked(), 106);
    });
}

pub(in crate::cases) fn flags_and_numbers_are_kept() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let _server = Server::of(inside.sandbox.clone());
        let address = world::echo((V4, 0)).await;
        let told = python(
            &mut inside,
            &arguments(address),
            r"
import fcntl, subprocess
to = (sys.argv[1], int(sys.argv[2]))
for inherited in True, False:
    for blocking in True, False:
        s = socket.socket(); s.set_inheritable(inherited); s.setblocking(blocking)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 3))
        number = s.fileno()
        s.connect_ex(to); select.select([], [s], [])
        flags = fcntl.fcntl(s, fcntl.F_GETFL)
        linger = struct.unpack('ii', s.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        print(s.fileno() == number, s.get_inheritable() == inherited, (flags & os.O_NONBLOCK == 0) == blocking, linger)
# At other numbers, each with its own flag.
s = socket.socket(); a = s.dup(); b = s.dup(); b.set_inheritable(True)
s.connect(to)
print(a.getpeername() == b.getpeername() == to, a.get_inheritable(), b.get_inheritable())
s.sendall(b'by one'); print(b.recv(9))
child = subprocess.run(['sh', '-c', f'printf by-a-child >&{b.fileno()}'], pass_fds=[b.fileno()])
print(a.recv(99))
# Shared with a child before: the child has its own from then on.
s = socket.socket()
pid = os.fork()
if not pid:
    s.connect(to); s.sendall(b'child'); os._exit(s.recv(9) != b'child')
print(os.waitpid(pid, 0)[1], s.connect_ex(to), s.getpeername() == to)
# Passed on to another process.
one, two = socket.socketpair()
if not os.fork():
    one.recv(1); got = socket.recv_fds(one, 9, 1)[1][0]
    t = socket.socket(fileno=got); t.sendall(b'passed'); os._exit(t.recv(9) != b'passed')
s = socket.create_connection(to)
two.send(b'.'); socket.send_fds(two, [b'x'], [s.fileno()])
print(os.wait()[1])
# By each form of an address.
m = socket.socket(socket.AF_INET6); m.connect(('::ffff:' + to[0], to[1])); m.sendall(b'mapped'); print(m.recv(9), m.getpeername()[0])
import concurrent.futures
def one_more(n):
    s = socket.create_connection(to); s.sendall(b'%d' % n); return int(s.recv(9))
with concurrent.futures.ThreadPoolExecutor(20) as pool: print(list(pool.map(one_more, range(300))) == list(range(300)))",
        )
        .await;
        let flags = "True True True (1, 3)\n".repeat(4);
        let expected = "True False True\nb'by one'\nb'by-a-child'\n0 0 True\n0\n\
            b'mapped' ::ffff:203.0.113.1\nTrue";
        assert_eq!(told, format!("{flags}{expected}"));
    });
}

pub(in crate::cases) fn failures_are_the_kernel_s() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let _server = Server::of(inside.sandbox.clone());
        let address = world::echo((V4, 0)).await;
        let six = world::echo(SocketAddr::from((V6, 0))).await;
        let told = python(
            &mut inside,
            &[arguments(address), arguments(six)].concat(),
            r"
to, six = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4]))
closed = (to[0], 1)
def name(n): return errno.errorcode.get(n, n)
s = socket.socket()
print(name(s.connect_ex(closed)))
# The same socket again: to who answers, and for that to the sandbox itself.
print(s.connect_ex(to), s.getpeername() == to)
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
print(name(s.connect_ex(closed)), s.connect_ex(l.getsockname()), s.getpeername() == l.getsockname(), s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
s = socket.socket(); s.setblocking(False)
error = s.connect_ex(closed)
if error == errno.EINPROGRESS: select.select([], [s], []); error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
print(name(error))
# Ended by an address of no family, and then anew.
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def end(s): return libc.connect(s.fileno(), bytes(16), 16)
s = socket.socket(); s.connect(to)
print(end(s), s.connect_ex(to), end(s), s.connect_ex(l.getsockname()), end(s), s.connect_ex(to), s.getpeername() == to)
# What is connected, listens, or is of another kind.
print(name(s.connect_ex(to)), name(s.connect_ex(l.getsockname())), name(l.connect_ex(to)))
def raw(s, address, length=None):
    length = len(address) if length is None else length
    return name(ctypes.get_errno()) if libc.connect(s.fileno(), address, ctypes.c_int(length)) else 0
four = struct.pack('HH4s8x', 2, socket.htons(to[1]), socket.inet_aton(to[0]))
long = struct.pack('H', 10) + socket.htons(six[1]).to_bytes(2, 'little') + bytes(4) + socket.inet_pton(10, six[0]) + bytes(4)
print(raw(socket.socket(), four), raw(socket.socket(), four, 15), raw(socket.socket(), four, -1), raw(socket.socket(), four, 129), raw(socket.socket(), long), raw(socket.socket(), b'', 0))
print(raw(socket.socket(socket.AF_INET6), long), raw(socket.socket(socket.AF_INET6), long[:24]), raw(socket.socket(socket.AF_INET6), long, 23), raw(socket.socket(socket.AF_INET6), four))
libc.connect.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
def at(s, place): libc.connect(s, place, 16); return name(ctypes.get_errno())
s = socket.socket(); print(at(s.fileno(), 1), at(999, 1), at(-1, None), at(os.open('/tmp', 0), ctypes.cast(ctypes.c_char_p(four), ctypes.c_void_p)))
for call in 'bind', 'listen':
    s = socket.create_connection(to)
    try: s.bind(('0.0.0.0', 0)) if call == 'bind' else s.listen()
    except OSError as e: print(name(e.errno))
# What is bound first is bound in the sandbox, and connects all the same.
s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.connect_ex(to), s.getpeername() == to)",
        )
        .await;
        let expected = "ECONNREFUSED\n0 True\nECONNREFUSED 0 True 1\nECONNREFUSED\n0 0 0 0 0 0 True\n\
            EISCONN EISCONN EISCONN\n0 EINVAL EINVAL EINVAL EAFNOSUPPORT EINVAL\n\
            0 0 EINVAL EINVAL\nEFAULT EBADF EBADF ENOTSOCK\nEINVAL\nEINVAL\n0 True";
        assert_eq!(told, expected);
    });
}

pub(in crate::cases) fn signals_interrupt() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let server = Arc::new(Server::of(inside.sandbox.clone()));
        let (address, listener, held) = world::silence();
        let asked = server.clone();
        let opened = tokio::spawn(async move {
            while asked.asked() < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            tokio::time::sleep(Duration::from_millis(600)).await;
            let listener = TcpListener::from_std(listener.into()).expect("a listener");
            let mut taken = Vec::new();
            while let Ok(accepted) = listener.accept().await {
                taken.push(accepted);
            }
            drop((taken, held));
        });
        let told = python(
            &mut inside,
            &arguments(address),
            r"
import ctypes
to = (sys.argv[1], int(sys.argv[2]))
libc = ctypes.CDLL(None, use_errno=True)
four = struct.pack('HH4s8x', 2, socket.htons(to[1]), socket.inet_aton(to[0]))
rang = []
signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
# Without a restart: told, and on its way all the same.
signal.siginterrupt(signal.SIGALRM, True)
a = socket.socket()
signal.setitimer(signal.ITIMER_REAL, 0.2)
print(libc.connect(a.fileno(), four, 16), errno.errorcode[ctypes.get_errno()])
a.setblocking(False); print(errno.errorcode[a.connect_ex(to)]); a.setblocking(True)
p = select.poll(); p.register(a, select.POLLOUT); print(p.poll(0))
# With one, the same call goes on.
signal.siginterrupt(signal.SIGALRM, False)
b = socket.socket()
signal.setitimer(signal.ITIMER_REAL, 0.2)
began = time.monotonic()
print(libc.connect(b.fileno(), four, 16), len(rang), time.monotonic() - began > 0.3)
print(p.poll(5000) == [(a.fileno(), select.POLLOUT)], a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), a.getpeername() == to)",
        )
        .await;
        assert_eq!(told, "-1 EINTR\nEALREADY\n[]\n0 2 True\nTrue 0 True");
        assert_eq!(server.asked(), 2);
        opened.abort();
    });
}
