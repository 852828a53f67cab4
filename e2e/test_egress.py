"""What a function reaches and what it does not, with root and without: each line of the promise, in a world of its own.

The world is in `harness/world.py`; nothing here leaves it.
"""

import socket
import subprocess
import sys
import threading
import time

import pytest
from harness.outside import PROBE as PROBE_SOURCE
from harness.world import (CLOSED, DARK, DNS, ECHO, HOST4, HOST6, HOST_LAN4, HOST_LAN6, LAN4, LAN6, MAIL4, MAIL6,
                           METADATA, NAT64_METADATA, NAT64_WEB, RESET, SERVICE, WEB4, WEB6)

# No rule opens these; where one answers, it would tell a secret.
FORBIDDEN = {
    "loopback of the host": [("127.0.0.1", SERVICE), ("127.0.0.2", 80), ("::1", SERVICE)],
    "addresses of the host": [(HOST4, 80), (HOST6, 80), (HOST_LAN4, 80), (HOST_LAN6, 80), ("172.17.0.1", 80)],
    "metadata": [(address, port) for address in METADATA for port in (80, SERVICE)],
    "any address": [("0.0.0.0", 80), ("0.1.2.3", 80), ("::", 80)],
    "multicast": [("224.0.0.1", 80), ("239.255.255.250", 80), ("ff02::1", 80), ("ff0e::1", 80)],
    "broadcast and reserved": [("255.255.255.255", 80), ("203.0.113.255", 80), ("240.0.0.1", 80)],
    "link-local": [("169.254.1.1", 80), ("fe80::1", 80)],
    "mapped": [(f"::ffff:{address}", 80) for address in ("127.0.0.2", "169.254.169.254", HOST4, "0.0.0.0")],
    "behind NAT64": [(NAT64_METADATA, 80), ("64:ff9b::7f00:1", SERVICE), ("64:ff9b::cb00:7102", 80)],
    "obsolete": [("::127.0.0.1", 80), ("2002:7f00:1::1", 80), ("2002:a9fe:a9fe::1", 80)],
}
NOWHERE = {"ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED", "EINVAL", "EACCES", "EADDRNOTAVAIL"}
RULES_S = 1.0


def test_tcp_over_ipv4_and_ipv6(place):
    for address in (WEB4, WEB6, f"::ffff:{WEB4}", NAT64_WEB):
        assert place.do("echo", address=address, port=ECHO) == "hello", address


def test_by_name(place):
    both = (WEB4, WEB6)
    known = {"web.example": both, "four.example": (WEB4,), "six.example": (WEB6,), "alias.example": both}
    for name, addresses in known.items():
        peer, text = place.do("by_name", host=name, port=ECHO)
        assert text == "hello" and peer in addresses, name


def test_both_ends_are_told_as_anywhere(place):
    own, peer = place.do("ends", address=WEB4, port=ECHO)
    assert (own, peer) == (HOST4, [WEB4, ECHO])
    own, peer = place.do("ends", address=WEB6, port=ECHO)
    assert (own, peer) == (HOST6, [WEB6, ECHO])


def test_much_data(place):
    count = 50_000_000
    got, _ = place.do("download", address=WEB4, count=count)
    assert got > count


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_what_no_rule_opens(kind, place):
    with place.world.untouched("secret", "http", "https", "mail", "echo"):
        answers = place.do("reach", targets=FORBIDDEN[kind])
    assert set(answers) <= NOWHERE, dict(zip(map(str, FORBIDDEN[kind]), answers))


def test_no_rule_opens_them_indeed(place):
    name = place.deploy({"index.py": PROBE_SOURCE})
    for target in ("0.0.0.0/0", "::/0"):
        place.egress(name, "allow", target)
    with place.world.untouched("secret", "mail"):
        for targets in FORBIDDEN.values():
            assert set(place.do("reach", name=name, targets=targets)) <= NOWHERE, targets
        assert place.do("reach", name=name, targets=[(MAIL4, 25)]) == ["EACCES"]


def test_mail_is_refused(place):
    targets = [(MAIL4, 25), (MAIL6, 25), (WEB4, 25), (f"::ffff:{MAIL4}", 25), (NAT64_WEB, 25), ("127.0.0.1", 25)]
    with place.world.untouched("mail"):
        answers = place.do("reach", targets=targets)
    assert answers[:5] == ["EACCES"] * 5 and answers[5] == "ECONNREFUSED"


def test_nothing_but_tcp_goes_out(place):
    targets = [(WEB4, ECHO), (WEB6, ECHO), (WEB4, 53), (DNS, 53), (LAN4, ECHO), (HOST4, SERVICE),
               ("169.254.169.254", 80), ("255.255.255.255", ECHO), ("224.0.0.251", 5353)]
    with place.world.untouched("udp", "dns"):
        answers = place.do("datagrams", targets=targets)
        assert {error for pair in answers for error in pair} <= NOWHERE, answers
        refused = place.do("other_kinds")
    assert "made" not in refused.values(), refused


def test_the_lan_unless_denied(place):
    for address in (LAN4, LAN6):
        assert place.do("echo", address=address, port=ECHO) == "hello"
    name = place.deploy({"index.py": PROBE_SOURCE})
    place.egress(name, "deny", "10.0.0.0/8", "fd00::/8")
    with place.world.untouched("echo"):
        targets = [(LAN4, ECHO), (LAN6, ECHO), (f"::ffff:{LAN4}", ECHO)]
        assert place.do("reach", name=name, targets=targets) == ["EACCES"] * 3
    assert place.do("echo", name=name, address=WEB4, port=ECHO) == "hello"


def test_rules_are_in_force_within_a_second(place):
    """For an environment that runs, by port and by network, the most specific first."""
    name = place.deploy({"index.py": PROBE_SOURCE})

    def reached(*ports):
        return place.do("reach", name=name, targets=[(WEB4, port) for port in ports])

    def soon(wanted, *ports):
        deadline = time.monotonic() + RULES_S
        while (answers := reached(*ports)) != wanted and time.monotonic() < deadline:
            pass
        assert answers == wanted

    assert reached(ECHO, 80) == ["connected", "connected"]
    place.egress(name, "deny", f"{WEB4}/32:{ECHO}")
    soon(["EACCES", "connected"], ECHO, 80)
    place.egress(name, "deny", "203.0.113.0/24")
    soon(["EACCES", "EACCES"], ECHO, 80)
    place.egress(name, "allow", f"{WEB4}/32:80")
    soon(["EACCES", "connected"], ECHO, 80)
    shown = place.egress(name, "show").stdout
    assert "203.0.113.0/24" in shown and "deny" in shown and "allow" in shown
    place.egress(name, "reset")
    soon(["connected", "connected"], ECHO, 80)


def test_rules_stay_with_their_function(place):
    """Another function does not have them, a new version of the code and a restart of the server do."""
    name, other = place.deploy({"index.py": PROBE_SOURCE}), place.probe
    place.egress(name, "deny", "203.0.113.0/24")
    assert place.do("reach", name=other, targets=[(WEB4, ECHO)]) == ["connected"]
    place.client.update_function_configuration(FunctionName=name, Timeout=20)
    place.client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert place.do("reach", name=name, targets=[(WEB4, ECHO)]) == ["EACCES"]
    place.server.stop()
    place.server.start()
    assert place.do("reach", name=name, targets=[(WEB4, ECHO)]) == ["EACCES"]


def test_denials_stand_in_the_log(place):
    name = place.deploy({"index.py": PROBE_SOURCE})
    place.do("reach", name=name, targets=[("169.254.169.254", 80)] * 5 + [(MAIL4, 25)])
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        text = place.server.cli("logs", name).stdout
        if "169.254.169.254" in text and MAIL4 in text:
            break
        time.sleep(0.1)
    lines = [line for line in text.splitlines() if "169.254.169.254" in line]
    assert len(lines) == 1, text
    assert any(MAIL4 in line and "25" in line for line in text.splitlines()), text


def test_nobody_comes_in(place):
    """Listening inside opens no door outside: neither on the host nor for its neighbours nor for another function."""
    port, inside = 6000, {}
    before = listening()
    server = threading.Thread(target=lambda: inside.update(came=place.do("listen_here", port=port, seconds=2)))
    server.start()
    time.sleep(1)
    try:
        assert listening() == before
        for address in ("127.0.0.1", "::1", HOST4, HOST6, "169.254.76.1"):
            with pytest.raises(OSError):
                socket.create_connection((address, port), 1)
        for address in (HOST4, HOST6):
            refused = place.world.outside.run("sh", "-c", f"curl -s -m 1 telnet://[{address}]:{port} || echo refused"
                                              if ":" in address else
                                              f"curl -s -m 1 telnet://{address}:{port} </dev/null || echo refused")
            assert "refused" in refused
        other = place.deploy({"index.py": PROBE_SOURCE})
        targets = [(address, port) for address in ("127.0.0.1", "169.254.76.1", HOST4, "::1")]
        answers = place.do("reach", name=other, targets=targets)
        assert set(answers) <= NOWHERE, answers
    finally:
        server.join()
    assert inside["came"] == []


def listening():
    """Sockets that wait for connections on the host, by address and port."""
    tables = ("/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6")
    lines = [line.split() for table in tables for line in open(table).read().splitlines()[1:]]
    return {fields[1] for fields in lines if fields[3] == "0A"}


def test_how_a_connect_fails_is_told_as_anywhere(place):
    targets = [(WEB4, CLOSED), (WEB6, CLOSED), (DARK, 80)]
    assert place.do("reach", targets=targets) == ["ECONNREFUSED", "ECONNREFUSED", "EHOSTUNREACH"]
    assert place.do("was_reset", address=WEB4, port=RESET) == "ECONNRESET"
    assert place.do("half_closed", address=WEB4) == "last words"


def test_connecting_without_waiting(place):
    for address in (WEB4, WEB6):
        first, writable, error, again, blocking = place.do("without_waiting", address=address, port=ECHO)
        # Near as it is, it may be there already.
        assert first in ("EINPROGRESS", 0) and again in (0, "EISCONN")
        assert (writable, error, blocking) == (True, 0, False)
    assert place.do("without_waiting", address=DARK, port=80)[:3] == ["EINPROGRESS", True, "EHOSTUNREACH"]
    answer = place.do("without_waiting", address=WEB4, port=CLOSED)
    assert answer[:3] == ["EINPROGRESS", True, "ECONNREFUSED"] or answer[0] == "ECONNREFUSED", answer


@pytest.mark.parametrize("how", ("before", "modified"))
def test_epoll_before_connect(how, place):
    for address in (WEB4, WEB6):
        assert place.do("registered_before", address=address, port=ECHO, how=how) == "hello"


def test_many_connections_at_once(place):
    assert place.do("many_at_once", address=WEB4, port=ECHO, count=300) == 300
    assert place.do("threads_at_once", address=WEB6, port=ECHO, count=60) == 60


def test_connecting_on_a_busy_machine(place):
    """Each step of a connect waits for a turn, and none is lost."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        for _ in range(4):
            said, connected = place.do("each_is_connected", address=WEB4, port=ECHO, count=300)
            assert connected == 300 and set(said) <= {0, "EINPROGRESS"}, said
    finally:
        [spinner.kill() for spinner in spinners]
        [spinner.wait() for spinner in spinners]


def test_sockets_behave_as_anywhere(place):
    assert place.do("options_are_kept", address=WEB4, port=ECHO) == []
    assert place.do("duplicates", address=WEB4, port=ECHO) == "hello"
    assert place.do("shared_by_processes", address=WEB4, port=ECHO)[1:] == ["parent", True]


def test_waiting_connects_end(place):
    result, was_hit = place.do("interrupted", address=DARK, port=80)
    assert result in ("EHOSTUNREACH", "ETIMEDOUT") and was_hit
    result, took = place.do("send_timeout", address=DARK, port=80, seconds=1)
    assert result in ("EINPROGRESS", "EAGAIN", "BlockingIOError") and 0.9 < took < 2


def test_what_is_seen_of_the_network(place):
    seen = place.do("what_is_seen")
    assert seen["interfaces"] == ["lo"] and seen["routes"] == []
    text = " ".join(seen["files"].values())
    assert "eth0" not in text and "lan0" not in text
    # Addresses of the host and of its peers, as these files write them.
    for address in (HOST4, HOST_LAN4, WEB4, LAN4):
        written = socket.inet_aton(address)[::-1].hex().upper()
        assert written not in text, address

