"""Ways past the network policy, each tried by a function against a world of the tests' own, with root and without.

An attack tells what it reached (`inside/egress_attacks.py`); what stands in the world tells what arrived.
"""

import threading
import time
from pathlib import Path

import pytest
from harness import leftovers
from harness.world import CLOSED, DARK, ECHO, HOST4, HOST6, METADATA, RESET, SERVICE, WEB4, WEB6

SOURCE = (Path(__file__).parent / "inside" / "egress_attacks.py").read_text()
OPEN, REFUSING, RESETTING, UNANSWERED = (WEB4, ECHO), (WEB4, CLOSED), (WEB4, RESET), (DARK, 80)
# The host's loopback first: of a socket of its network, these are one connect away.
CLOSED_ONES = [("127.0.0.1", SERVICE), (HOST4, 80), (METADATA[0], 80)]
OVER_IPV6 = {"open": (WEB6, ECHO), "refusing": (WEB6, CLOSED),
             "closed": [("::1", SERVICE), (HOST6, 80), ("::ffff:127.0.0.1", SERVICE), (METADATA[2], 80)]}

# What each is told.
ATTACKS = {
    "connect_again": {"open": OPEN, "closed": CLOSED_ONES},
    "connect_after_disconnect": {"open": OPEN, "closed": CLOSED_ONES},
    "connect_after_failure": {"refusing": REFUSING, "closed": CLOSED_ONES},
    "connect_after_end": {"resetting": RESETTING, "open": OPEN, "closed": CLOSED_ONES},
    "connect_while_pending": {"dark": UNANSWERED, "closed": CLOSED_ONES},
    "own_server_on_it": {"open": OPEN, "resetting": RESETTING},
    "bind_first": {"open": OPEN},
    "address_beside_data": {"open": OPEN, "closed": CLOSED_ONES},
    "fast_open": {"open": OPEN, "closed": CLOSED_ONES},
    "race_the_address": {"open": OPEN, "closed": CLOSED_ONES[0]},
    "race_the_number": {"open": OPEN, "closed": CLOSED_ONES},
    "race_the_disconnect": {"open": OPEN, "closed": CLOSED_ONES},
    "options": {"open": OPEN},
    "controls": {"open": OPEN},
    "interface_names": {"open": OPEN},
    "netlink": {"open": OPEN},
    "through_another_process": {"open": OPEN, "closed": CLOSED_ONES},
    "through_proc": {"open": OPEN},
    "listen_for_notifications": {"open": OPEN},
    "odd_addresses": {"closed": CLOSED_ONES},
}


# Whose way differs with the family.
OF_BOTH_FAMILIES = ("connect_again", "connect_after_disconnect", "connect_after_failure", "address_beside_data",
                    "fast_open", "race_the_disconnect", "through_another_process", "odd_addresses")


@pytest.fixture(scope="module")
def attackers():
    """One function for each server: an attack that ends its environment costs nobody else."""
    return {}


def attack(place, attackers, name, arguments):
    if place.mode not in attackers:
        attackers[place.mode] = place.deploy({"index.py": SOURCE}, MemorySize=1769, Timeout=60)
    return place.do(name, name=attackers[place.mode], **arguments)


@pytest.mark.parametrize("name", ATTACKS)
def test_it_reaches_nothing(name, place, attackers):
    with place.world.untouched("secret", "mail", "udp", "dns"):
        assert attack(place, attackers, name, ATTACKS[name]) == []


@pytest.mark.parametrize("name", OF_BOTH_FAMILIES)
def test_it_reaches_nothing_over_ipv6_either(name, place, attackers):
    arguments = {key: OVER_IPV6.get(key, value) for key, value in ATTACKS[name].items()}
    with place.world.untouched("secret", "mail", "udp", "dns"):
        assert attack(place, attackers, name, arguments) == []


def test_who_dies_while_connecting_leaves_nothing(place, attackers):
    """Neither in the server nor in pid 1."""
    attack(place, attackers, "die_while_connecting", {"dark": UNANSWERED, "open": OPEN, "count": 5})

    def held():
        pids = leftovers.sandbox_processes(place.server.process.pid)
        inits = [pid for pid in pids if "lambkin-init" in leftovers.command_line(pid)]
        return {pid: len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in [place.server.process.pid, *inits]}

    before = held()
    after = attack(place, attackers, "die_while_connecting", {"dark": UNANSWERED, "open": OPEN, "count": 150})
    assert after == "hello"
    deadline = time.monotonic() + 8
    while any(count > before.get(pid, count) + 3 for pid, count in held().items()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert {pid: count for pid, count in held().items() if count > before.get(pid, count) + 3} == {}, before


def test_the_race_also_connects(place, attackers):
    """It would be no proof if every racing connect failed: some reach what is open."""
    before = len(place.world.outside.arrivals())
    assert attack(place, attackers, "race_the_address", ATTACKS["race_the_address"]) == []
    assert any(arrival["what"] == "echo" for arrival in place.world.outside.arrivals(before))


def test_connects_that_wait_are_bounded(place, attackers):
    errors, after = attack(place, attackers, "pending_without_end", {"dark": UNANSWERED, "open": OPEN})
    assert set(errors) <= {"EAGAIN", "EHOSTUNREACH", "EINPROGRESS"} and "EAGAIN" in errors, errors
    assert after == "after"


def test_a_crowd_of_connects_costs_no_other_function(place, attackers):
    """While one's connects wait, another's are answered."""
    crowd = threading.Thread(target=attack, args=(place, attackers, "pending_without_end",
                                                  {"dark": UNANSWERED, "open": OPEN}))
    crowd.start()
    try:
        for _ in range(20):
            assert place.do("echo", address=WEB4, port=ECHO) == "hello"
    finally:
        crowd.join()


def test_every_attack_is_tried():
    defined = {line[4:].split("(")[0] for line in SOURCE.splitlines() if line.startswith("def ")}
    tools = {"handler", "family_of", "packed", "connected", "raw_connect", "works", "words", "told", "sendmmsg", "ask",
             "connect_twice", "elsewhere",
             "pending_without_end", "die_while_connecting", "is_own"}
    assert defined - tools == ATTACKS.keys()
