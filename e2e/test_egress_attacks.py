"""Ways past the network policy, each tried by a function against a world of the tests' own, with root and without.

An attack tells what it reached (`inside/egress_attacks.py`); what stands in the world tells what arrived.
"""

from pathlib import Path

import pytest
from harness.world import CLOSED, DARK, ECHO, HOST4, METADATA, RESET, SERVICE, WEB4

SOURCE = (Path(__file__).parent / "inside" / "egress_attacks.py").read_text()
OPEN, REFUSING, RESETTING, UNANSWERED = (WEB4, ECHO), (WEB4, CLOSED), (WEB4, RESET), (DARK, 80)
# The host's loopback first: of a socket of its network, these are one connect away.
CLOSED_ONES = [("127.0.0.1", SERVICE), (HOST4, 80), (METADATA[0], 80)]

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
    "netlink": {"open": OPEN},
    "through_another_process": {"open": OPEN, "closed": CLOSED_ONES},
    "through_proc": {"open": OPEN},
    "listen_for_notifications": {"open": OPEN},
    "odd_addresses": {"closed": CLOSED_ONES},
}


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


def test_the_race_also_connects(place, attackers):
    """It would be no proof if every racing connect failed: some reach what is open."""
    before = len(place.world.outside.arrivals())
    assert attack(place, attackers, "race_the_address", ATTACKS["race_the_address"]) == []
    assert any(arrival["what"] == "echo" for arrival in place.world.outside.arrivals(before))


def test_connects_that_wait_are_bounded(place, attackers):
    errors, after = attack(place, attackers, "pending_without_end", {"dark": UNANSWERED, "open": OPEN})
    assert set(errors) <= {"EAGAIN", "EHOSTUNREACH"} and "EAGAIN" in errors, errors
    assert after == "after"


def test_a_crowd_of_connects_costs_no_other_function(place, attackers):
    """While one's connects wait, another's are answered."""
    import threading
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
             "connect_twice", "elsewhere", "controls", "interface_names",
             "pending_without_end"}
    assert defined - tools == ATTACKS.keys()
