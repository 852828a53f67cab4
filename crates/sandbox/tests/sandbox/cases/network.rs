//! The programs' way to the network, with a world of the test's own and a server that refuses nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use lambkin_sandbox::{NetworkRequest, Query, Sandbox};

use crate::place::Inside;
use crate::world::{self, Server, V4, V6};

/// Runs a program that must succeed; `told` are the arguments that it finds.
async fn python(inside: &mut Inside<Arc<Sandbox>>, told: &[String], program: &str) -> String {
    let told = told.join(" ");
    inside
        .sh(&format!(
            "python3 - {told} <<'EOF'\nimport socket, sys, errno, os\n{program}\nEOF\n"
        ))
        .await
}

fn arguments(address: SocketAddr) -> [String; 2] {
    [address.ip().to_string(), address.port().to_string()]
}

pub(super) fn connections_lead_out() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let server = Server::of(inside.sandbox.clone());
        for address in [world::echo((V4, 0)).await, world::echo((V6, 0)).await] {
            let told = python(
                &mut inside,
                &arguments(address),
                r"
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b'hello')
print(s.recv(9).decode(), s.getpeername()[:2] == (sys.argv[1], int(sys.argv[2])), os.get_inheritable(s.fileno()))
s.setblocking(False)
t = socket.socket(s.family)
t.setblocking(False)
print(t.connect_ex(s.getpeername()) in (0, errno.EINPROGRESS))
import select
select.select([], [t], [])
print(t.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
t.send(b'more')
select.select([t], [], [])
print(t.recv(9).decode())",
            )
            .await;
            assert_eq!(told, "hello True False\nTrue\n0\nmore");
        }
        assert_eq!(server.asked(), 4);
    });
}

pub(super) fn loopback_is_the_sandbox_s_own() {
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

pub(super) fn waits_are_the_program_s() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let _server = Server::of(inside.sandbox.clone());
        let (address, _held) = world::silence();
        let told = python(
            &mut inside,
            &arguments(address),
            r"
import struct, time, signal
to = (sys.argv[1], int(sys.argv[2]))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 200000))
began = time.monotonic()
print(s.connect_ex(to) == errno.EINPROGRESS, 0.1 < time.monotonic() - began < 1)
class Rang(Exception): pass
def ring(*_): raise Rang
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.2)
t = socket.socket()
began = time.monotonic()
try: t.connect(to)
except Rang: print('rang', 0.1 < time.monotonic() - began < 1)
t.setblocking(False)
print(t.connect_ex(to) == errno.EALREADY)
print('still the sandbox', socket.socket().connect_ex(('127.0.0.1', 1)) == errno.ECONNREFUSED)",
        )
        .await;
        assert_eq!(told, "True True\nrang True\nTrue\nstill the sandbox True");
    });
}

pub(super) fn names_are_asked_of_the_server() {
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
