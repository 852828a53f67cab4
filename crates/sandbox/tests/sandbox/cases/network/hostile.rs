//! Programs that want elsewhere: each has a connection to the one address that the server allows, and tries to make it
//! another, or to have the server's half of the mechanism look at one thing and do another.

use std::sync::Arc;
use std::time::Duration;

use lambkin_sandbox::{CONNECTS_MAX, NetworkRequest, Sandbox};

use super::{arguments, python};
use crate::mode::Mode;
use crate::place::{Inside, Place};
use crate::world::{self, Canary, Server, V4};

/// What every program here begins with: the way there, the way that is closed, and calls without a net.
const MEANS: &str = r"
import ctypes, fcntl, mmap, ctypes.util
libc = ctypes.CDLL(None, use_errno=True)
to, closed = (sys.argv[1], int(sys.argv[2])), (sys.argv[3], int(sys.argv[4]))
def raw(address): return struct.pack('HH4s8x', 2, socket.htons(address[1]), socket.inet_aton(address[0]))
def told(result): return errno.errorcode[ctypes.get_errno()] if result < 0 else result
def connect(fd, address): return told(libc.connect(fd, address, len(address)))
def attempt(address):
    s = socket.socket()
    return connect(s.fileno(), raw(address))
def alive(s): s.settimeout(5); s.sendall(b'still'); return s.recv(9) == b'still'
";

/// Runs a program that has one way out, and looks that it has gone no other.
fn tries(program: &'static str, expected: impl FnOnce(&str) + Send + 'static) {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let allowed = world::echo((V4, 0)).await;
        let (closed, canary) = Canary::new();
        let _server = Server::only(inside.sandbox.clone(), allowed);
        let told = [arguments(allowed), arguments(closed)].concat();
        let told = python(&mut inside, &told, &format!("{MEANS}{program}")).await;
        expected(&told);
        canary.sings();
    });
}

pub(in crate::cases) fn a_connection_stays_where_it_is() {
    tries(
        r"
own = socket.socket().getsockopt(1, 71, 8)
s = socket.create_connection(to)
n = s.fileno()
print(connect(n, raw(closed)), connect(n, raw(to)), connect(n, raw(('127.0.0.1', 9))))
for call in lambda: s.bind(('0.0.0.0', 0)), lambda: s.listen(), lambda: s.bind(('127.0.0.1', 4242)):
    try: call()
    except OSError as e: print(errno.errorcode[e.errno], end=' ')
print()
s.sendto(b'', closed)
s.sendmsg([b'sent'], [], 0, closed); print(s.recv(9))
# Dissolved, it is one of the sandbox's own: it may listen there, and leads nowhere.
other = s.dup()
print(connect(n, bytes(16)), connect(n, raw(closed)))
s.listen(); print(s.getsockname()[0], socket.socket().connect_ex(('127.0.0.1', s.getsockname()[1])))
s = socket.create_connection(to); connect(s.fileno(), struct.pack('H', 0)); s.bind(('0.0.0.0', 4242)); s.listen()
s = socket.create_connection(to); print(connect(s.fileno(), struct.pack('H', 0) + b'x' * 126), connect(s.fileno(), raw(closed)))
# Wherever a copy of it is.
s = socket.create_connection(to)
pid = os.fork()
if not pid:
    d = s.dup()
    for one in s, d:
        print(connect(one.fileno(), raw(closed)), told(libc.listen(one.fileno(), 1)), told(libc.bind(one.fileno(), raw(('0.0.0.0', 0)), 16)))
    os._exit(0)
os.waitpid(pid, 0)
a, b = socket.socketpair()
socket.send_fds(a, [b'x'], [s.fileno()])
got = socket.socket(fileno=socket.recv_fds(b, 9, 1)[1][0])
print(connect(got.fileno(), raw(closed)), told(libc.listen(got.fileno(), 1)), connect(got.fileno(), bytes(16)), connect(got.fileno(), raw(closed)))
print(errno.errorcode[got.connect_ex(closed)], alive(socket.create_connection(to)))
# One of the machine's that nobody answered, which is bound to nothing any more.
for blocking in True, False:
    s = socket.socket(); s.setblocking(blocking)
    s.connect_ex((to[0], 1)); select.select([], [s], [])
    print(s.getsockopt(1, 71, 8) != own, told(libc.listen(s.fileno(), 5)), told(libc.bind(s.fileno(), raw(('0.0.0.0', 0)), 16)), s.getsockname()[0] != '127.0.0.1')",
        |told| {
            let three = "EISCONN EINVAL EINVAL\n".repeat(2);
            let two = ["True EINVAL EINVAL True"; 2].join("\n");
            assert_eq!(
                told,
                format!(
                    "EISCONN EISCONN EISCONN\nEINVAL EINVAL EINVAL \nb'sent'\n0 EACCES\n\
                     0.0.0.0 0\n0 EACCES\n{three}EISCONN EINVAL 0 EACCES\nEACCES True\n{two}"
                )
            );
        },
    );
}

pub(in crate::cases) fn no_other_call_begins_a_connection() {
    tries(
        r"
FAST = 0x20000000
s = socket.socket()
print(told(libc.sendto(s.fileno(), b'x', 1, FAST, raw(closed), 16)))
class iovec(ctypes.Structure): _fields_ = [('base', ctypes.c_char_p), ('len', ctypes.c_size_t)]
class msghdr(ctypes.Structure): _fields_ = [('name', ctypes.c_char_p), ('namelen', ctypes.c_uint), ('iov', ctypes.POINTER(iovec)), ('iovlen', ctypes.c_size_t), ('control', ctypes.c_void_p), ('controllen', ctypes.c_size_t), ('flags', ctypes.c_int), ('count', ctypes.c_uint)]
v = iovec(b'x', 1)
# The flag of the message itself is the kernel's to fill in.
m = msghdr(raw(closed), 16, ctypes.pointer(v), 1, None, 0, FAST, 0)
for flags in FAST, FAST | 0x4000, 0:
    print(told(libc.sendmsg(s.fileno(), ctypes.byref(m), flags)), told(libc.sendmmsg(s.fileno(), ctypes.byref(m), 1, flags)), end=' ')
print()
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
for call in lambda: s.sendto(b'x', closed), lambda: s.sendmsg([b'x'], [], 0, closed):
    try: call()
    except OSError as e: print(errno.errorcode[e.errno], end=' ')
print()
try: s.setsockopt(socket.IPPROTO_TCP, 30, 1)
except OSError as e: print(errno.errorcode[e.errno])
# Interfaces beneath the C library: the same.
print(told(libc.syscall(425, 8, bytes(120))), told(libc.syscall(53, 2, 1, 0)))",
        |told| {
            let six = "ENOTSUP ENOTSUP ENOTSUP ENOTSUP EPIPE EPIPE ";
            assert_eq!(
                told,
                format!("ENOTSUP\n{six}\nEPIPE EPIPE \nENOPROTOOPT\nEPERM EAFNOSUPPORT")
            );
        },
    );
}

pub(in crate::cases) fn no_option_leads_a_connection_elsewhere() {
    tries(
        r"
own, theirs = socket.socket(), socket.create_connection(to)
IP, TCP, V6, SOCKET = 0, 6, 41, 1
route = bytes([131, 7, 4]) + socket.inet_aton(closed[0]) + b'\0'
filter = struct.pack('HxxxxxxP', 1, 0)
tries = [(IP, 4, route), (IP, 15, 1), (IP, 19, 1), (IP, 50, 1 << 24), (IP, 51, 1), (IP, 16, bytes(64)), (IP, 17, bytes(64)), (IP, 3, 1),
    (IP, 42, bytes(136)), (IP, 64, bytes(64)), (V6, 9, bytes(28)), (V6, 50, bytes(20)), (V6, 54, bytes(8)), (V6, 55, bytes(8)), (V6, 57, bytes(24)),
    (V6, 59, bytes(8)), (V6, 6, bytes(8)), (V6, 32, bytes(32)), (V6, 75, 1), (V6, 78, 1), (V6, 76, 1 << 24), (V6, 27, bytes(20)), (V6, 1, 2),
    (TCP, 14, bytes(216)), (TCP, 19, 1), (TCP, 20, 1), (TCP, 21, 1), (TCP, 22, bytes(8)), (TCP, 23, 5), (TCP, 27, 1), (TCP, 30, 1), (TCP, 31, b'tls'),
    (TCP, 33, bytes(16)), (TCP, 34, 1), (TCP, 37, 9), (TCP, 38, bytes(216)), (TCP, 39, bytes(16)),
    (SOCKET, 25, b'lo'), (SOCKET, 62, 1), (SOCKET, 36, 7), (SOCKET, 75, 7), (SOCKET, 26, filter), (SOCKET, 50, 0), (SOCKET, 51, filter), (SOCKET, 52, 0), (SOCKET, 32, 9), (SOCKET, 33, 9), (SOCKET, 1, 1),
    (282, 1, bytes(40)), (17, 100, 2), (132, 1, 1), (255, 1, 1), (263, 1, 1), (-1, 1, 1)]
left = []
for s in own, theirs:
    for level, name, value in tries:
        try: s.setsockopt(level, name, value); left.append((level, name))
        except OSError as e:
            if e.errno != errno.ENOPROTOOPT: left.append((level, name, errno.errorcode[e.errno]))
print(left, alive(theirs))
# Those that programs need are there.
for level, name, value in (TCP, 1, 1), (TCP, 4, 60), (TCP, 18, 1000), (SOCKET, 9, 1), (SOCKET, 8, 65536), (SOCKET, 13, struct.pack('ii', 0, 0)), (IP, 1, 16), (SOCKET, 12, 6), (TCP, 13, b'reno'):
    theirs.setsockopt(level, name, value); own.setsockopt(level, name, value)",
        |told| assert_eq!(told, "[] True"),
    );
}

pub(in crate::cases) fn a_second_thought_changes_nothing() {
    tries(
        r"
# The address lies in memory that another process writes all the time.
place = mmap.mmap(-1, 4096)
at = ctypes.addressof(ctypes.c_char.from_buffer(place))
good, bad, end = raw(to), raw(closed), bytes(16)
place[:16] = good
stop = mmap.mmap(-1, 4096)
if not os.fork():
    while not stop[0]:
        for _ in range(50): place[:16] = bad; place[:16] = good; place[4:8] = bad[4:8]; place[2:4] = bad[2:4]
        place[:16] = end
    os._exit(0)
libc.connect.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
seen = {}
began = time.monotonic()
while time.monotonic() - began < 3 or seen.get('there', 0) < 10 or seen.get('EACCES', 0) < 10:
    s = socket.socket()
    result = told(libc.connect(s.fileno(), at, 16))
    if result == 0:
        try: peer = s.getpeername()
        except OSError: peer = None
        result = 'there' if peer == to else peer
    seen[result] = seen.get(result, 0) + 1
    s.close()
stop[0] = 1; os.wait()
# A connect of no family succeeds and leads nowhere.
print({key for key in seen if key not in ('there', 'EACCES', None)})",
        |told| assert_eq!(told, "set()"),
    );
}

pub(in crate::cases) fn a_socket_that_is_swapped_changes_nothing() {
    tries(
        r"
held = socket.create_connection(to)
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen(512)
u = socket.socket(socket.AF_UNIX); u.bind('/tmp/u'); u.listen(512)
path = struct.pack('H', 1) + b'/tmp/u\0'
any, near, end = raw(('0.0.0.0', 0)), raw(l.getsockname()), bytes(16)
plain = [socket.socket(socket.AF_UNIX), socket.socket(), socket.socket()]
plain[2].setblocking(False)
n = os.dup(plain[0].fileno())
calls = [lambda: connect(n, path), lambda: connect(n, near), lambda: told(libc.bind(n, any, 16)), lambda: told(libc.bind(n, path, len(path))),
    lambda: told(libc.listen(n, 5)), lambda: connect(n, raw(closed))]
# Other threads put the machine's socket at that number, and away, all the time.
def swap():
    while not stop:
        for s in plain: libc.dup2(s.fileno(), n); libc.dup2(held.fileno(), n)
def race(calls, seconds):
    global stop
    stop = False
    threads = [threading.Thread(target=swap) for _ in range(2)]
    for t in threads: t.start()
    seen = set()
    began = time.monotonic()
    l.setblocking(False); u.setblocking(False)
    while time.monotonic() - began < seconds:
        for number in range(100): seen |= {call() for call in calls}
        for s in l, u:
            try:
                while True: s.accept()
            except OSError: pass
    stop = True
    for t in threads: t.join()
    return seen
seen = race(calls, 5)
print(held.getpeername() == to, alive(held), 'EISCONN' in seen and 'EINVAL' in seen and 0 in seen)
# With an end to it whenever it is there: then it is the sandbox's own, at each of its numbers.
race(calls + [lambda: connect(n, end)], 3)
print(alive(socket.create_connection(to)))",
        |told| assert_eq!(told, "True True True\nTrue"),
    );
}

pub(in crate::cases) fn no_filter_of_its_own_frees_a_program() {
    tries(
        r"
libc.prctl(38, 1, 0, 0, 0)
def filter(verdict, flags):
    code = struct.pack('HBBI', 0x20, 0, 0, 0) + struct.pack('HBBI', 0x15, 0, 1, 42) + struct.pack('HBBI', 6, 0, 0, verdict) + struct.pack('HBBI', 6, 0, 0, 0x7fff0000)
    buffer = ctypes.create_string_buffer(code)
    return told(libc.syscall(317, 1, flags, struct.pack('HxxxxxxP', 4, ctypes.addressof(buffer))))
NOTIFY, ALLOW, TRACE = 0x7fc00000, 0x7fff0000, 0x7ff00000
# It hears no call, its own or others', and lets through nothing.
print([filter(NOTIFY, flags) for flags in (8, 8 | 1, 8 | 32)])
print(filter(ALLOW, 0), attempt(closed), filter(TRACE, 0), attempt(closed))
links = [os.readlink(f'/proc/self/fd/{n}') for n in range(64) if os.path.lexists(f'/proc/self/fd/{n}')]
print([link for link in links if 'seccomp' in link])
print(told(libc.syscall(438, os.pidfd_open(1), 8, 0)), told(libc.syscall(310, 1, 0, 0, 0, 0, 0)), told(libc.syscall(311, 1, 0, 0, 0, 0, 0)))
# Not even one that does not want to be looked at.
print(libc.prctl(4, 0, 0, 0, 0), libc.prctl(3, 0, 0, 0, 0))
s = socket.create_connection(to); print(alive(s))
# A call that is asked for nobody: it denies itself.
print(filter(NOTIFY, 0), attempt(to))",
        |told| {
            assert_eq!(
                told,
                "['EBUSY', 'EINVAL', 'EBUSY']\n0 EACCES 0 EACCES\n[]\nEPERM EPERM EPERM\n0 1\nTrue\n0 ENOSYS"
            );
        },
    );
}

pub(in crate::cases) fn pid_1_is_not_held_up() {
    tries(
        r"
# Signals to it, descriptors without end, and programs that die in their calls.
def flood():
    while not stop: libc.kill(1, signal.SIGALRM)
stop = False
t = threading.Thread(target=flood); t.start()
# An emulated machine makes few in that time.
def rounds(most):
    until = time.monotonic() + 15
    for n in range(most):
        if n >= 10 and time.monotonic() > until: return
        yield n
for _ in rounds(200):
    s = socket.create_connection(to); s.close()
stop = True; t.join()
print('signals')
for n in rounds(200):
    pid = os.fork()
    if not pid:
        s = socket.socket(); connect(s.fileno(), raw(to)); time.sleep(1); os._exit(0)
    time.sleep(n * 1e-5)
    os.kill(pid, 9); os.wait()
print('deaths')
epolls = [select.epoll() for _ in range(100)]
many = [os.dup(0) for _ in range(500)]
pairs = [socket.socket() for _ in range(200)]
for e in epolls:
    for p in pairs: e.register(p, select.EPOLLIN)
began = time.monotonic()
for _ in range(20): attempt(closed)
took = (time.monotonic() - began) / 20
print('numbers', took < 0.1 or took)
print(alive(socket.create_connection(to)))",
        |told| assert_eq!(told, "signals\ndeaths\nnumbers True\nTrue"),
    );
}

/// Nobody answers: so many wait, the others are told, and what stays inside goes on.
pub(in crate::cases) fn requests_are_bounded() {
    world::with(|place| async move {
        let mut spec = place.spec();
        spec.processes_max = 400;
        let mut inside = place.sandbox_of(spec).await.shared();
        let told = python(
            &mut inside,
            &[CONNECTS_MAX.to_string()],
            r"
most = int(sys.argv[1])
got = []
def try_it():
    try: socket.socket().connect(('203.0.113.9', 9))
    except OSError as e: got.append(e.errno)
threads = [threading.Thread(target=try_it, daemon=True) for _ in range(most + 40)]
for t in threads: t.start()
began = time.monotonic()
while len(got) < 40 and time.monotonic() - began < 10: time.sleep(0.01)
time.sleep(0.2)
print(len(got), {errno.errorcode[e] for e in got})
l = socket.socket(); l.bind(('127.0.0.1', 0)); l.listen()
print(socket.socket().connect_ex(l.getsockname()))
sys.stdout.flush(); os._exit(0)",
        )
        .await;
        assert_eq!(told, "40 {'EAGAIN'}\n0");
        // The server still has them: a program that comes next gets no more of them at a time.
        let mut asked = Vec::new();
        while let Ok(Some(NetworkRequest::Connect(request))) =
            tokio::time::timeout(Duration::from_millis(200), inside.sandbox.network_request()).await
        {
            asked.push(request.id);
        }
        assert_eq!(asked.len(), CONNECTS_MAX);
        let again = r"
try: socket.socket().connect(('203.0.113.9', 9))
except OSError as e: print(errno.errorcode[e.errno])";
        assert_eq!(python(&mut inside, &[], again).await, "EAGAIN");
        for id in asked {
            let refused = inside.sandbox.connected(id, Err(libc::ECONNREFUSED)).await;
            refused.expect("heard");
        }
        let _server = Server::of(inside.sandbox.clone());
        assert_eq!(python(&mut inside, &[], again).await, "ECONNREFUSED");
    });
}

pub(in crate::cases) fn ten_thousand_connections_leave_nothing() {
    world::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let address = world::echo((V4, 0)).await;
        let server = Server::of(inside.sandbox.clone());
        let program = r"
to = (sys.argv[1], int(sys.argv[2]))
before = len(os.listdir('/proc/self/fd'))
for n in range(int(sys.argv[3])):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    if n % 3 == 1: s.setblocking(False)
    s.connect_ex(to if n % 3 else ('127.0.0.1', 1)); s.close()
print(len(os.listdir('/proc/self/fd')) - before)";
        let run = async |inside: &mut Inside<Arc<Sandbox>>, count: usize| {
            let [host, port] = arguments(address);
            let told = python(inside, &[host, port, count.to_string()], program).await;
            assert_eq!(told, "0");
        };
        run(&mut inside, 10).await;
        let before = held_by_pid_1(&place);
        let count = connections();
        run(&mut inside, count).await;
        assert_eq!(held_by_pid_1(&place), before);
        // Two of three lead outside.
        assert!(server.asked() >= count / 3 * 2);
    });
}

/// In a row. LAMBKIN_TEST_CONNECTIONS is for slow machines.
fn connections() -> usize {
    let count = std::env::var("LAMBKIN_TEST_CONNECTIONS").ok();
    count.map_or(10_000, |count| count.parse().expect("a number"))
}

/// Descriptors, which only root may count.
fn held_by_pid_1(place: &Place) -> Option<usize> {
    if Mode::own() != Mode::Root {
        return None;
    }
    let processes = place.traces().processes;
    let pid = processes.iter().next().expect("pid 1");
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    Some(files.count())
}
