"""A function that tries to reach the world; the event says what to try. It tells what came of it, and no more."""

import asyncio
import ctypes
import errno
import os
import select
import socket
import struct
import threading
import time

TIMEOUT_S = 10
libc = ctypes.CDLL(None, use_errno=True)


def handler(event, context):
    return globals()[event["do"]](**event.get("with", {}))


def named(error):
    """As the kernel names it; a timeout of Python's own has no number."""
    return errno.errorcode.get(error.errno, type(error).__name__)


def tried(work, *arguments):
    """What work returns, or the name of its error."""
    try:
        return work(*arguments)
    except OSError as error:
        return named(error)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def new_socket(address, kind=socket.SOCK_STREAM):
    made = socket.socket(family_of(address), kind)
    made.settimeout(TIMEOUT_S)
    return made


# ---- what works ----

def echo(address, port, text="hello"):
    with new_socket(address) as connection:
        connection.connect((address, port))
        connection.sendall(text.encode())
        return connection.recv(100).decode()


def reach(targets):
    """Of each [address, port]: the errno of a connect, or what came first."""
    return [tried(first_word, *target) for target in targets]


def first_word(address, port):
    with new_socket(address) as connection:
        connection.connect((address, port))
        return word_of(connection)


def word_of(connection):
    connection.settimeout(0.3)
    try:
        return connection.recv(100).decode()
    except TimeoutError:
        return "connected"


def reach_by_name(targets):
    """The same of names, at all of their addresses."""
    return [tried(first_word_by_name, *target) for target in targets]


def first_word_by_name(host, port):
    with socket.create_connection((host, port), TIMEOUT_S) as connection:
        return word_of(connection)


def by_name(host, port):
    with socket.create_connection((host, port), TIMEOUT_S) as connection:
        connection.sendall(b"hello")
        return [connection.getpeername()[0], connection.recv(100).decode()]


def ends(address, port):
    """Both ends, as the program sees them."""
    with new_socket(address) as connection:
        connection.connect((address, port))
        return [connection.getsockname()[0], connection.getpeername()[:2]]


def download(address, count):
    """Through a plain socket; answers with bytes and seconds."""
    began = time.monotonic()
    with new_socket(address) as connection:
        connection.connect((address, 80))
        connection.sendall(f"GET /bytes/{count} HTTP/1.0\r\n\r\n".encode())
        connection.shutdown(socket.SHUT_WR)
        got = sum(len(part) for part in iter(lambda: connection.recv(1 << 16), b""))
    return [got, time.monotonic() - began]


def resolve(host, family="AF_UNSPEC"):
    try:
        found = socket.getaddrinfo(host, 80, getattr(socket, family), socket.SOCK_STREAM)
    except socket.gaierror as error:
        return socket_error_name(error)
    return sorted({entry[4][0] for entry in found})


def resolve_again(host, count):
    """As programs do that keep no connection; how many were answered, and how long it took."""
    began = time.monotonic()
    answered = sum(isinstance(resolve(host), list) for _ in range(count))
    return [answered, time.monotonic() - began]


def socket_error_name(error):
    names = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}
    return names.get(error.errno, str(error))


# ---- as programs use sockets ----

def without_waiting(address, port):
    """connect says that it is under way, and the socket when it is done."""
    with socket.socket(family_of(address)) as connection:
        connection.setblocking(False)
        first = connection.connect_ex((address, port))
        _, writable, _ = select.select([], [connection], [], TIMEOUT_S)
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        again = connection.connect_ex((address, port))
        flags = connection.getblocking()
        return [errno.errorcode.get(first, first), bool(writable), errno.errorcode.get(error, error),
                errno.errorcode.get(again, again), flags]


def registered_before(address, port, how):
    """As Netty and Go do it: first into epoll, edges only, and then connect."""
    poll = select.epoll()
    with socket.socket(family_of(address)) as connection:
        connection.setblocking(False)
        events = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
        poll.register(connection.fileno(), 0 if how == "modified" else events)
        connection.connect_ex((address, port))
        if how == "modified":
            poll.modify(connection.fileno(), select.EPOLLOUT)
        wait_for(poll, select.EPOLLOUT)
        connection.send(b"hello")
        poll.modify(connection.fileno(), select.EPOLLIN)
        wait_for(poll, select.EPOLLIN)
        text = connection.recv(100).decode()
        poll.unregister(connection.fileno())
        return text


def wait_for(poll, wanted):
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        for _, events in poll.poll(1):
            if events & wanted:
                return
    raise TimeoutError("no event")


def many_at_once(address, port, count):
    async def one(number):
        reader, writer = await asyncio.open_connection(address, port)
        writer.write(f"{number}\n".encode())
        line = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return int(line) == number

    async def all_of_them():
        return await asyncio.gather(*map(one, range(count)))

    return sum(asyncio.run(all_of_them()))


def threads_at_once(address, port, count):
    answers = []

    def one():
        answers.append(tried(echo, address, port))

    threads = [threading.Thread(target=one) for _ in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers.count("hello")


def each_is_connected(address, port, count):
    """What connects without waiting say, and how many of them are connections in the end."""
    said, connected, made = set(), 0, []
    for _ in range(count):
        made.append(socket.socket(family_of(address)))
        made[-1].setblocking(False)
        code = made[-1].connect_ex((address, port))
        said.add(errno.errorcode.get(code, code))
    for connection in made:
        select.select([], [connection], [], TIMEOUT_S)
        connected += not isinstance(tried(connection.getpeername), str)
        connection.close()
    return [sorted(said, key=str), connected]


def options_are_kept(address, port):
    """Set before the connect, and read after it."""
    wanted = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
              (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 5),
              (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 12_345)]
    with new_socket(address) as connection:
        for level, option, value in wanted:
            connection.setsockopt(level, option, value)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 2, 0))
        connection.connect((address, port))
        lost = [[level, option, value, connection.getsockopt(level, option)] for level, option, value in wanted
                if connection.getsockopt(level, option) != value]
        linger = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        receive = connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)
        return lost + [list(entry) for entry in (linger, receive)
                       if entry not in (struct.pack("ii", 1, 0), struct.pack("ll", 2, 0))]


def shared_by_processes(address, port):
    """A socket made before a fork and connected in the child is the parent's, too; flags go with the number."""
    connection = new_socket(address)
    connection.setblocking(True)
    os.set_inheritable(connection.fileno(), True)
    child = os.fork()
    if child == 0:
        connection.connect((address, port))
        connection.sendall(b"child")
        os._exit(0 if connection.recv(5) == b"child" else 1)
    status = os.waitpid(child, 0)[1]
    # The kernel says that it is connected, and by whom does not matter.
    connection.connect_ex((address, port))
    connection.sendall(b"parent")
    inheritable = os.get_inheritable(connection.fileno())
    return [status, connection.recv(100).decode(), inheritable]


def duplicates(address, port):
    """Numbers of one socket: all of them are connected."""
    connection = new_socket(address)
    copy = socket.socket(fileno=os.dup(connection.fileno()))
    connection.setblocking(True)
    connection.connect((address, port))
    copy.sendall(b"hello")
    return connection.recv(100).decode()


def interrupted(address, port):
    """A signal during a connect that waits: Python's own handling makes it go on."""
    import signal
    hits = []
    signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        result = tried(first_word, address, port)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return [result, len(hits) > 1]


def send_timeout(address, port, seconds):
    """SO_SNDTIMEO bounds a connect that waits."""
    connection = socket.socket(family_of(address))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), 0))
    began = time.monotonic()
    result = tried(connection.connect, (address, port))
    return [result, time.monotonic() - began]


def half_closed(address):
    """The other side hears the end of ours and still answers."""
    with new_socket(address) as connection:
        connection.connect((address, 7))
        connection.sendall(b"last words")
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(100), b"")).decode()


def was_reset(address, port):
    with new_socket(address) as connection:
        connection.connect((address, port))
        connection.sendall(b"xx")
        return tried(connection.recv, 1)


def what_is_seen():
    """Of the network, from inside."""
    interfaces = [name for _, name in socket.if_nameindex()]
    routes = open("/proc/net/route").read().splitlines()[1:]
    listening = [line.split()[1] for line in open("/proc/net/tcp").read().splitlines()[1:] if line.split()[3] == "0A"]
    return {"interfaces": interfaces, "routes": routes, "listening": sorted(listening),
            "files": {name: open(f"/proc/net/{name}").read() for name in ("tcp", "tcp6", "udp", "unix", "arp", "dev")}}


# ---- what must go nowhere ----

def datagrams(targets):
    """UDP to each, with and without a connect: errno names, or what came back."""
    return [[tried(send_datagram, *target), tried(connect_and_send, *target)] for target in targets]


def send_datagram(address, port):
    with new_socket(address, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0.3)
        sender.sendto(b"hello", (address, port))
        return answer_of(sender)


def connect_and_send(address, port):
    with new_socket(address, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0.3)
        sender.connect((address, port))
        sender.send(b"hello")
        return answer_of(sender)


def answer_of(receiver):
    try:
        return receiver.recv(100).decode()
    except TimeoutError:
        return "nothing came"


def other_kinds():
    """Sockets that are no TCP or UDP: how each is refused."""
    kinds = {
        "raw icmp": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "raw ip": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
        "raw icmp 6": (socket.AF_INET6, socket.SOCK_RAW, 58),
        "ping": (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
        "ping 6": (socket.AF_INET6, socket.SOCK_DGRAM, 58),
        "sctp": (socket.AF_INET, socket.SOCK_STREAM, 132),
        "mptcp": (socket.AF_INET, socket.SOCK_STREAM, 262),
        "udp lite": (socket.AF_INET, socket.SOCK_DGRAM, 136),
        "dccp": (socket.AF_INET, 6, 33),
        "packet": (socket.AF_PACKET, socket.SOCK_RAW, 0x0300),
        "packet datagram": (socket.AF_PACKET, socket.SOCK_DGRAM, 0x0300),
        "vsock": (40, socket.SOCK_STREAM, 0),
        "tipc": (30, socket.SOCK_STREAM, 0),
        "bluetooth": (31, socket.SOCK_RAW, 1),
        "xdp": (44, socket.SOCK_RAW, 0),
        "smc": (43, socket.SOCK_STREAM, 0),
        "rds": (21, socket.SOCK_SEQPACKET, 0),
        "sock diag": (socket.AF_NETLINK, socket.SOCK_RAW, 4),
        "netfilter": (socket.AF_NETLINK, socket.SOCK_RAW, 12),
    }
    return {name: "made" if made is None else made
            for name, kind in kinds.items() for made in [tried(lambda kind=kind: socket.socket(*kind).close())]}


def listen_here(port, seconds):
    """A server in this environment, on every address it has; who came?"""
    came = []
    for address in ("0.0.0.0", "::"):
        server = socket.socket(family_of(address))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((address, port))
        server.listen()
        threading.Thread(target=lambda server=server: came.append(server.accept()[1]), daemon=True).start()
    time.sleep(seconds)
    return [list(peer) for peer in came]
