"""The name server of the tests' world: what it knows is below; every question is told as an arrival."""

import itertools
import socket
import struct
import threading

A, AAAA, TXT, CNAME = 1, 28, 16, 5
NAME_ERROR, TRUNCATED, ANSWER = 3, 0x0200, 0x8580
PLAIN_UDP_MAX = 512

WEB4, WEB6 = "203.0.113.10", "2001:db8::10"
KNOWN = {
    "web.example": {A: [WEB4], AAAA: [WEB6]},
    "four.example": {A: [WEB4]},
    "six.example": {AAAA: [WEB6]},
    "alias.example": {CNAME: ["web.example"]},
    "many.example": {A: [f"203.0.113.{last}" for last in range(10, 90)]},
    "mail.example": {A: ["203.0.113.25"], AAAA: ["2001:db8::25"]},
    "lan.example": {A: ["10.77.0.9"]},
    # Names of somebody who wants a function to reach what it must not.
    "metadata.example": {A: ["169.254.169.254"], AAAA: ["fd00:ec2::254"]},
    "loopback.example": {A: ["127.0.0.1"], AAAA: ["::1"]},
    "host.example": {A: ["203.0.113.2"], AAAA: ["2001:db8::2"]},
    "mapped.example": {AAAA: ["::ffff:169.254.169.254"]},
}
# First a harmless address, then forbidden ones, each once.
REBINDS = itertools.cycle([WEB4, "169.254.169.254", "127.0.0.1", "203.0.113.2"])


def lookup(name, kind):
    """Records of a name, or None where there is no such name."""
    if name == "rebind.example":
        return [(name, A, next(REBINDS))] if kind == A else []
    if name.endswith(".tunnel.example"):
        return [(name, TXT, "t" * 200)] if kind == TXT else []
    if name not in KNOWN:
        return None
    records, known = [], KNOWN[name]
    if CNAME in known:
        target = known[CNAME][0]
        records, name, known = [(name, CNAME, target)], target, KNOWN[target]
    return records + [(name, kind, value) for value in known.get(kind, [])]


def pack_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def pack(record):
    name, kind, value = record
    if kind == A:
        data = socket.inet_pton(socket.AF_INET, value)
    elif kind == AAAA:
        data = socket.inet_pton(socket.AF_INET6, value)
    elif kind == TXT:
        data = bytes([len(value)]) + value.encode()
    else:
        data = pack_name(value)
    return pack_name(name) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


def question(message):
    """Name, kind, and where the question ends."""
    labels, at = [], 12
    while size := message[at]:
        labels.append(message[at + 1:at + 1 + size].decode())
        at += 1 + size
    return ".".join(labels).lower(), struct.unpack_from("!H", message, at + 1)[0], at + 5


def room_of(message):
    """What the asker takes in one datagram: it says so in an OPT record, which is the last."""
    additional = struct.unpack_from("!H", message, 10)[0]
    end = question(message)[2]
    if not additional or len(message) < end + 11:
        return PLAIN_UDP_MAX
    return max(PLAIN_UDP_MAX, struct.unpack_from("!H", message, end + 3)[0])


def answer(message, room):
    name, kind, end = question(message)
    records = lookup(name, kind)
    flags = ANSWER | (NAME_ERROR if records is None else 0)
    body = b"".join(map(pack, records or []))
    count = len(records or [])
    if end + len(body) > room:
        flags, body, count = flags | TRUNCATED, b"", 0
    return message[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + message[12:end] + body


def start(udp, tcp, arrived):
    def told(way, message, peer):
        name, kind, _ = question(message)
        arrived("dns", udp.getsockname(), peer, name=name, kind=kind, way=way)

    def over_udp():
        while True:
            message, peer = udp.recvfrom(4096)
            told("udp", message, peer)
            udp.sendto(answer(message, room_of(message)), peer)

    def over_tcp():
        while True:
            connection, peer = tcp.accept()
            threading.Thread(target=talk, args=(connection, peer), daemon=True).start()

    def talk(connection, peer):
        with connection, connection.makefile("rb") as stream:
            while head := stream.read(2):
                message = stream.read(struct.unpack("!H", head)[0])
                told("tcp", message, peer)
                reply = answer(message, 65535)
                connection.sendall(struct.pack("!H", len(reply)) + reply)

    for work in (over_udp, over_tcp):
        threading.Thread(target=work, daemon=True).start()
