"""Names: what a function asks goes through the server to the host's name server, bounded; answers open nothing."""

import time

import pytest
from harness.outside import PROBE
from harness.world import ECHO, WEB4, WEB6

# Names whose owner points them at what no function reaches.
TRAPS = ("metadata.example", "loopback.example", "host.example", "mapped.example")
SOURCE = PROBE + '''

# ---- the name server, by hand ----

def stub_of(kind):
    made = socket.socket(socket.AF_INET, kind)
    made.settimeout(2)
    made.connect(("127.0.0.1", 53))
    return made


def query(name, kind=1, flags=0x0100, count=1):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 7, flags, count, 0, 0, 0) + labels + b"\\0" + struct.pack("!HH", kind, 1)


def ask_by_hand(host, kind=1, flags=0x0100):
    """Identifier, error code and number of answers."""
    with stub_of(socket.SOCK_DGRAM) as stub:
        stub.send(query(host, kind, flags))
        answer = tried(stub.recv, 4096)
        return answer if isinstance(answer, str) else head(answer)


def head(answer):
    number, flags, _, answers = struct.unpack_from("!HHHH", answer)
    return [number, flags & 15, answers, bool(flags & 0x0200)]


def ask_over_tcp(names):
    with stub_of(socket.SOCK_STREAM) as stub:
        for name in names:
            message = query(name)
            stub.sendall(struct.pack("!H", len(message)) + message)
        stream, heads = stub.makefile("rb"), []
        for _ in names:
            heads.append(head(stream.read(struct.unpack("!H", stream.read(2))[0])))
        return sorted(heads)


def garbage():
    """Whatever is no question: afterwards a question is answered."""
    junk = [b"", b"x", b"\\0" * 11, b"\\xff" * 512, query("web.example")[:-3], b"\\0" * 65000,
            query("web.example")[:12] + b"\\xc0\\x0c" * 20, query("x" * 63),
            struct.pack("!HHHHHH", 1, 0x0100, 65535, 0, 0, 0)]
    with stub_of(socket.SOCK_DGRAM) as stub:
        [tried(stub.send, one) for one in junk]
    for one in junk:
        with stub_of(socket.SOCK_STREAM) as stub:
            tried(stub.sendall, struct.pack("!H", len(one)) + one)
            tried(stub.sendall, one)
    held = [stub_of(socket.SOCK_STREAM) for _ in range(50)]
    return resolve("four.example")


def tunnel(seconds, data):
    """Data in names, as fast as it goes; how many were answered."""
    answered, deadline, number = 0, time.monotonic() + seconds, 0
    with stub_of(socket.SOCK_DGRAM) as stub:
        stub.setblocking(False)
        while time.monotonic() < deadline:
            number += 1
            tried(stub.send, query(f"{data}-{number}.tunnel.example", kind=16))
            got = tried(stub.recv, 4096)
            answered += isinstance(got, bytes) and head(got)[1] == 0
    return [number, answered]
'''
TUNNEL_S = 4
# Questions of one environment that go on: at once or after a wait, and then for each second.
BURST, PER_SECOND = 160, 20


@pytest.fixture(scope="module")
def askers():
    return {}


@pytest.fixture
def asker(place, askers):
    if place.mode not in askers:
        askers[place.mode] = place.deploy({"index.py": SOURCE}, MemorySize=1024, Timeout=30)
    return lambda work, **arguments: place.do(work, name=askers[place.mode], **arguments)


def test_names_are_answered(asker):
    assert asker("resolve", host="web.example") == sorted([WEB4, WEB6])
    assert asker("resolve", host="alias.example") == sorted([WEB4, WEB6])
    assert asker("resolve", host="six.example") == [WEB6]
    assert asker("resolve", host="nobody.example") in ("EAI_NONAME", "EAI_NODATA")
    assert asker("resolve", host="localhost", family="AF_INET") == ["127.0.0.1"]


def test_long_answers_come_over_tcp(asker):
    assert len(asker("resolve", host="many.example")) == 80


def test_the_same_names_again_and_again(asker):
    """A program that keeps no connections asks for each; it is not slowed down."""
    answered, took = asker("resolve_again", host="web.example", count=400)
    assert answered == 400 and took < 5, took


def test_questions_of_all_kinds(asker):
    assert asker("ask_by_hand", host="four.example") == [7, 0, 1, False]
    assert asker("ask_by_hand", host="x.tunnel.example", kind=16) == [7, 0, 1, False]
    assert asker("ask_by_hand", host="nobody.example") == [7, 3, 0, False]
    assert asker("ask_over_tcp", names=["four.example", "many.example"]) == [[7, 0, 1, False], [7, 0, 80, False]]


def test_what_is_no_question_goes_nowhere(asker, place):
    """Updates, transfers of zones and everything of all kinds; and junk."""
    with place.world.untouched("dns"):
        for kind, flags in ((252, 0x0100), (251, 0x0100), (1, 0x2900), (6, 0x2000)):
            answer = asker("ask_by_hand", host="web.example", kind=kind, flags=flags)
            assert answer == "TimeoutError" or answer[2] == 0, (kind, flags, answer)
    assert asker("garbage") == [WEB4]


@pytest.mark.parametrize("name", TRAPS)
def test_a_name_opens_nothing(name, asker, place):
    with place.world.untouched("secret", "mail", "echo"):
        answers = asker("reach_by_name", targets=[(name, port) for port in (80, 8099, 25, ECHO)])
        assert set(answers) <= {"ENETUNREACH", "EACCES", "ECONNREFUSED"}, answers


def test_a_name_that_changes_opens_nothing(asker, place):
    """It says a harmless address first; a connect looks at the address that it is given and at nothing else."""
    with place.world.untouched("secret"):
        answers = {asker("reach_by_name", targets=[("rebind.example", 80)])[0] for _ in range(12)}
    assert "connected" in answers and "ENETUNREACH" in answers, answers


def test_a_tunnel_is_bounded(asker, place):
    before = len(place.world.outside.arrivals())
    tried, answered = asker("tunnel", seconds=TUNNEL_S, data="d" * 50)
    time.sleep(0.5)
    came = sum(arrival["what"] == "dns" for arrival in place.world.outside.arrivals(before))
    assert tried > 10 * came or tried > 2000, (tried, answered, came)
    assert came <= BURST + PER_SECOND * (TUNNEL_S + 1), (tried, answered, came)
    # Names work again, and did for others all the time.
    time.sleep(1)
    assert asker("resolve", host="four.example") == [WEB4]


def test_a_flood_of_one_starves_no_other(asker, place):
    import threading
    flood = threading.Thread(target=asker, args=("tunnel",), kwargs={"seconds": 3, "data": "flood"})
    flood.start()
    try:
        for _ in range(10):
            assert place.do("resolve", host="four.example") == [WEB4]
    finally:
        flood.join()
