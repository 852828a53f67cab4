# ---- datagrams, beside what `egress.py` has ----

IP_PKTINFO = 8
kept = {}


def asked(sender, address, port, data, patience_s=1):
    """What comes back for one datagram, of which nothing is lost on the way in these tests."""
    sender.settimeout(patience_s)
    sender.sendto(data, (address, port))
    return sender.recv(1 << 16)


def sizes(address, port, counts):
    """Of each datagram that is so long: the length of what comes back, if it is the same."""
    with new_socket(address, socket.SOCK_DGRAM) as sender:
        def one(count):
            data = os.urandom(count)
            return len(data) if asked(sender, address, port, data) == data else "other bytes"
        return [tried(one, count) for count in counts]


def ask_for_a_name(server, host):
    """A question straight to a server outside: its code, and how many answers there are."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
    question = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
    with new_socket(server, socket.SOCK_DGRAM) as sender:
        answer = asked(sender, server, 53, question)
    return [answer[:2].hex(), answer[3] & 15, answer[7]]


def errors(targets):
    """What a connected socket is told after it has sent; broadcast is asked for."""
    def one(address, port):
        with new_socket(address, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.settimeout(0.2)
            sender.connect((address, port))
            sender.send(b"hello")
            return answer_of(sender)
    return [tried(one, *target) for target in targets]


def keep_asking(address, port):
    """By a socket that stays, and so by the same flow."""
    key = (address, port)
    if key not in kept:
        kept[key] = new_socket(address, socket.SOCK_DGRAM)
        kept[key].connect(key)
    def one():
        kept[key].settimeout(0.2)
        kept[key].send(b"hello")
        return answer_of(kept[key])
    return tried(one)


def what_has_come(address, port):
    """To a socket that stays."""
    kept[address, port].settimeout(0.2)
    return tried(answer_of, kept[address, port])


def send_and_listen(address, port, seconds, text="hello"):
    """All that comes to the socket, and from whom; it is bound to every address and connected to none."""
    with new_socket(address, socket.SOCK_DGRAM) as sender:
        sender.bind(("", 0))
        sender.sendto(text.encode(), (address, port))
        came, until = [], time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            sender.settimeout(left)
            try:
                data, peer = sender.recvfrom(1 << 16)
            except TimeoutError:
                break
            came.append([data.decode(), *peer[:2]])
    return came


def many_flows(address, port, count):
    """Each by a socket of its own; then the first one once more, whose flow has made room for others."""
    senders = [new_socket(address, socket.SOCK_DGRAM) for _ in range(count)]
    answered = sum(asked(sender, address, port, b"x") == b"x" for sender in senders)
    answered += sum(asked(sender, address, port, b"x") == b"x" for sender in senders[:1])
    [sender.close() for sender in senders]
    return answered


def several(address, port, sockets, each, size):
    got = 0
    for _ in range(sockets):
        with new_socket(address, socket.SOCK_DGRAM) as sender:
            got += sum(len(asked(sender, address, port, b"x" * size)) for _ in range(each))
    return got


def send_alone(address, port, size):
    """Says something and waits for nothing."""
    with new_socket(address, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x" * size, (address, port))


def flood(address, port, seconds, size):
    """As fast as it goes, from ever new sockets after a while."""
    sent, data, until = 0, b"x" * size, time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket(family_of(address), socket.SOCK_DGRAM) as sender:
            for _ in range(200):
                sender.sendto(data, (address, port))
                sent += 1
    return sent


def false_senders(v4, v6, port):
    """Datagrams with a sender that is not this environment's: the kernel refuses them, or nobody carries them."""
    def one(source, kind):
        address = v6 if ":" in source else v4
        with new_socket(address, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0.2)
            if kind == "bound":
                sender.bind((source, 0))
                sender.sendto(b"false", (address, port))
            else:
                sender.sendmsg([b"false"], [sent_by(source)], 0, (address, port))
            return answer_of(sender)
    return {f"{source} {kind}": tried(one, source, kind)
            for source in ("127.0.0.1", "127.9.9.9", "203.0.113.2", "203.0.113.99", "::1", "2001:db8::2")
            for kind in ("bound", "beside the data")}


def sent_by(source):
    if ":" in source:
        return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, socket.inet_pton(socket.AF_INET6, source) + bytes(4)
    return socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, socket.inet_aton(source), bytes(4))


def addresses_of_ipv6():
    """Address and device of each."""
    return [[line.split()[0], line.split()[-1]] for line in open("/proc/net/if_inet6")]
