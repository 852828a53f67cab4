"""UDP out of functions, where the operator lets it, with root and without; everything else is as without."""

import sys
import threading
import time
from pathlib import Path

import pytest
from harness.ordinary import Ordinary
from harness.outside import MODES, PROBE as EGRESS, Place
from harness.world import (CLOSED, DNS, ECHO, HOST4, HOST6, HOST_LAN4, LAN4, LATE, MAIL4, SERVICE, WEB4, WEB6)
from test_egress import FORBIDDEN
from test_egress_counts import network_of
from test_egress_ends import tables

PROBE = EGRESS + (Path(__file__).parent / "inside" / "datagrams.py").read_text()
# As most machines have it, whatever this one has.
DEVICE = "mknod -m 666 /dev/net/tun c 10 200"
RULES_S = 1.0
FLOWS_MAX = 256
# So long that the server could carry several times as many as it may: each costs twice its 25 µs and 4 µs per KiB.
FLOOD_S, FLOOD_BYTES, FLOOD_PRICE_S = 1.2, 60_000, 2 * (25e-6 + 58 * 4e-6)
# Which lead nowhere but to the environment itself.
OWN = ("127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.2", "::ffff:0.0.0.0")
# What one waits for that is refused: a want of a route, a word of the relay, or nothing at all.
LOST = {"ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL", "EADDRNOTAVAIL", "nothing came"}


@pytest.fixture(scope="module", params=MODES)
def placed_open(request, world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datagrams")
    folder.chmod(0o755)
    with world.entered():
        before = tables()
        place = Place(world, request.param, folder, "--egress-udp", "--pool-memory-mib", "0", devices=DEVICE)
        place.tables_before = before
        place.udp = place.deploy({"index.py": PROBE}, MemorySize=1024, Timeout=30)
    yield place
    with world.entered():
        place.end()
        assert tables() == before


@pytest.fixture
def place(placed_open):
    with placed_open.world.entered():
        yield placed_open


def ask(place, work, name=None, **arguments):
    return place.do(work, name=name or place.udp, **arguments)


def test_datagrams_go_out_and_answers_come_back(place):
    targets = [(WEB4, ECHO), (WEB6, ECHO), (f"::ffff:{WEB4}", ECHO), (LAN4, ECHO)]
    assert ask(place, "datagrams", targets=targets) == [["hello", "hello"]] * 4
    # As long as they get in one piece.
    assert ask(place, "sizes", address=WEB4, port=ECHO, counts=[0, 1, 1_400, 9_000, 65_507]) == [0, 1, 1_400, 9_000, 65_507]
    assert ask(place, "sizes", address=WEB6, port=ECHO, counts=[0, 1_400, 65_487]) == [0, 1_400, 65_487]
    assert ask(place, "ask_for_a_name", server=DNS, host="web.example") == ["1234", 0, 1]
    # A kernel answers few of those in a second.
    assert any(ask(place, "datagrams", targets=[(WEB4, CLOSED)])[0][1] == "ECONNREFUSED" for _ in range(5))


def test_everything_else_is_as_without(place):
    assert "made" not in ask(place, "other_kinds").values()
    for address in (WEB4, WEB6):
        assert ask(place, "echo", address=address, port=ECHO) == "hello"
    assert ask(place, "by_name", host="web.example", port=ECHO)[1] == "hello"
    refused = [("169.254.169.254", 80), (HOST4, 80), (MAIL4, 25)]
    assert ask(place, "reach", targets=refused) == ["ENETUNREACH", "ENETUNREACH", "EACCES"]
    seen = ask(place, "what_is_seen")
    assert seen["interfaces"] == ["lo", "udp0"] and "eth0" not in " ".join(seen["files"].values())
    assert {device for _, device in ask(place, "addresses_of_ipv6")} == {"lo"}, "the link has none of its own"
    assert tables()["link"] == place.tables_before["link"]


def test_what_no_rule_opens_is_closed_to_datagrams(place):
    name = place.deploy({"index.py": PROBE}, MemorySize=1024, Timeout=30)
    for target in ("0.0.0.0/0", "::/0"):
        place.egress(name, "allow", target)
    targets = [target for kind, some in FORBIDDEN.items() if kind != "any address" for target in some]
    targets += [(HOST4, SERVICE), (HOST6, SERVICE), (HOST_LAN4, SERVICE), ("169.254.100.1", place.server.port),
                (MAIL4, 25), (WEB4, 25), (WEB6, 25), ("255.255.255.255", ECHO), ("203.0.113.255", ECHO)]
    with place.world.untouched("udp", "mail", "secret"):
        told = dict(zip(map(str, targets), ask(place, "errors", name=name, targets=targets)))
    assert {told[str(target)] for target in targets if target[0] not in OWN} <= LOST, told
    assert told[str((HOST4, SERVICE))] == "ENETUNREACH" and told[str((WEB4, 25))] == "EHOSTUNREACH"
    assert told[str((HOST6, SERVICE))] == told[str((WEB6, 25))] == "EACCES"
    ask(place, "errors", name=name, targets=[(WEB4, 25)] * 3)
    deadline = time.monotonic() + 3
    while "203.0.113.10:25" not in (text := place.server.cli("logs", name).stdout) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert text.count("203.0.113.10:25 is denied") == 1, text


def test_rules_are_in_force_within_a_second_for_flows_too(place):
    name = place.deploy({"index.py": PROBE}, MemorySize=1024, Timeout=30)

    def soon(wanted):
        deadline = time.monotonic() + RULES_S
        while (answer := ask(place, "keep_asking", name=name, address=WEB4, port=ECHO)) != wanted:
            assert time.monotonic() < deadline, answer

    soon("hello")
    late = {}
    wait = threading.Thread(target=lambda: late.update(
        came=ask(place, "send_and_listen", name=name, address=WEB4, port=LATE, seconds=0.8)))
    wait.start()
    time.sleep(0.1)
    place.egress(name, "deny", f"{WEB4}/32:{LATE}")
    wait.join()
    assert late["came"] == []
    place.egress(name, "deny", "203.0.113.0/24")
    soon("EHOSTUNREACH")
    place.egress(name, "reset")
    soon("hello")


def test_nobody_else_answers(place):
    """To the port of a flow on the host: from another port, from another host, from the host itself."""
    since, done = len(place.world.outside.arrivals()), {}
    listens = threading.Thread(target=lambda: done.update(
        came=ask(place, "send_and_listen", address=WEB4, port=ECHO, seconds=1)))
    listens.start()
    deadline = time.monotonic() + 1
    while not (came := [one for one in place.world.outside.arrivals(since) if one["what"] == "udp"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    address, port = came[0]["peer"]
    assert address == HOST4
    script = ("import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
              "[s.sendto(b'intruder', (sys.argv[1], int(sys.argv[2]))) for _ in range(5)]")
    for space, to in ((place.world.outside, HOST4), (place.world.lan, HOST_LAN4), (place.world.lan, HOST4),
                      (place.world.host, HOST4), (place.world.host, "127.0.0.1")):
        space.run(sys.executable, "-c", script, to, str(port))
    listens.join()
    assert done["came"] == [["hello", WEB4, ECHO]]


def test_senders_are_the_environments_own(place):
    with place.world.untouched("udp"):
        answers = ask(place, "false_senders", v4=WEB4, v6=WEB6, port=ECHO)
    assert "false" not in answers.values(), answers
    # One way the kernel lets them out.
    assert "nothing came" in answers.values(), answers


def test_flows_and_bytes_are_counted(place):
    name = place.deploy({"index.py": PROBE}, MemorySize=1024, Timeout=30)
    assert ask(place, "several", name=name, address=WEB4, port=ECHO, sockets=2, each=5, size=100) == 1_000
    counted = network_of(place, name, 1)
    assert (counted["connections"], counted["sent_bytes"], counted["received_bytes"]) == (2, 1_000, 1_000)
    # Also what nobody waits for.
    assert ask(place, "send_alone", name=name, address=LAN4, port=CLOSED, size=77) == 77
    counted = network_of(place, name, 2)
    assert (counted["connections"], counted["sent_bytes"], counted["received_bytes"]) == (3, 1_077, 1_000)


def test_what_comes_for_one_that_stands_still_waits(place):
    if place.ordinary:
        pytest.skip("without groups of its own nothing stands still")
    name = place.deploy({"index.py": PROBE}, MemorySize=1024, Timeout=30)

    def waiting():
        """Bytes that the machine keeps for flows, as the kernel counts them."""
        lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
        return sum(int(line[4].split(":")[1], 16) for line in lines if line[2].endswith(f":{LATE:04X}"))

    assert ask(place, "keep_asking", name=name, address=WEB4, port=LATE) == "nothing came"
    deadline = time.monotonic() + 2
    while not waiting():
        assert time.monotonic() < deadline, "the server has read it, or it has not come"
        time.sleep(0.02)
    time.sleep(0.1)
    assert waiting()
    assert ask(place, "what_has_come", name=name, address=WEB4, port=LATE) == "hello"
    assert not waiting()


def test_flows_are_bounded_and_an_idle_environment_costs_five_descriptors(place):
    def leads_to(descriptor):
        try:
            return str(descriptor.readlink())
        except FileNotFoundError:
            return None  # Closed since the folder was listed.

    def descriptors():
        """Of the server, without those of functions' logs."""
        open_ones = map(leads_to, Path(f"/proc/{place.server.process.pid}/fd").iterdir())
        return sum(one is not None and "/logs/" not in one for one in open_ones)

    name = place.deploy({"index.py": PROBE}, MemorySize=1024, Timeout=30)
    before = descriptors()
    assert ask(place, "many_flows", name=name, address=WEB4, port=ECHO, count=0) == 0
    time.sleep(0.3)
    # Listener, log pipe, control socket, a connection of the Runtime API, and the device.
    assert descriptors() <= before + 5
    before = descriptors()
    assert ask(place, "many_flows", name=name, address=WEB4, port=ECHO, count=FLOWS_MAX + 50) == FLOWS_MAX + 51
    assert before + FLOWS_MAX - 10 < descriptors() <= before + FLOWS_MAX + 5
    place.client.delete_function(FunctionName=name)
    deadline = time.monotonic() + 5
    while descriptors() >= before:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_flood_costs_its_own_function(place):
    flooder, took = place.deploy({"index.py": PROBE}, MemorySize=1769, Timeout=30), []
    sent = {}
    flood = threading.Thread(target=lambda: sent.update(
        count=ask(place, "flood", name=flooder, address=WEB4, port=CLOSED, seconds=FLOOD_S, size=FLOOD_BYTES)))
    flood.start()
    time.sleep(0.3)
    while flood.is_alive():
        began = time.monotonic()
        assert ask(place, "datagrams", targets=[(LAN4, ECHO)]) == [["hello", "hello"]]
        took.append(time.monotonic() - began)
        assert ask(place, "echo", address=WEB4, port=ECHO) == "hello"
    flood.join()
    carried = network_of(place, flooder, 1)["sent_bytes"] / FLOOD_BYTES
    # What is free at once, and then half a core's; the rest is lost.
    assert 500 < carried < (0.5 + FLOOD_S + 0.2) / FLOOD_PRICE_S, (sent, carried)
    assert len(took) > 5
    assert sorted(took)[len(took) // 2] < 0.2 and max(took) < 1, took


def test_without_the_device_the_server_does_not_start(world):
    """It says what is missing and what to do."""
    user = Ordinary()
    try:
        for devices in ("true", "mknod -m 600 /dev/net/tun c 10 200"):
            before = world.before(user.uid, devices)
            ended = user.run("serve", "--egress-udp", "--listen", "127.0.0.1:0", before=before)
            assert ended.returncode != 0
            assert "egress_udp" in ended.stderr and "chmod 0666 /dev/net/tun" in ended.stderr, ended.stderr
    finally:
        user.remove()
