//! Connections out of a sandbox, as programs make them.

use super::{arguments, python};
use crate::world::{self, Server, V4, V6};

pub(in crate::cases) fn connections_lead_out() {
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

pub(in crate::cases) fn waits_are_the_program_s() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let _server = Server::of(inside.sandbox.clone());
        let (address, _listener, _held) = world::silence();
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
