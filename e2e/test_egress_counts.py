"""Connections and bytes stand in the record of the invoke that made them."""

import json
import time

from harness.outside import PROBE
from harness.world import CLOSED, ECHO, WEB4, WEB6

KEPT = PROBE + '''
kept = []

def talk(address, port, count):
    """Over one connection that outlives the invoke."""
    if not kept:
        kept.append(new_socket(address))
        kept[0].connect((address, port))
    data, got = b"x" * count, 0
    kept[0].sendall(data)
    while got < count:
        got += len(kept[0].recv(1 << 16))
    return got
'''
# What the head of a request, an answer's, and TCP itself add.
OVERHEAD = 2_000


def network_of(place, name, requests):
    """The function's line of the ledger, once its records are there."""
    deadline = time.monotonic() + 5
    while True:
        ledger = json.loads(place.server.cli("ledger", "--output", "json").stdout)
        mine = [one for one in ledger["functions"] if one["function"] == name]
        if mine and mine[0]["requests"] == requests:
            return mine[0]["network"]
        assert time.monotonic() < deadline, mine
        time.sleep(0.05)


def test_connections_and_bytes_are_counted(place):
    name = place.deploy({"index.py": PROBE}, MemorySize=1024)
    for address in (WEB4, WEB6):
        got, _ = place.do("download", name=name, address=address, count=3_000_000)
        assert got > 3_000_000
    counted = network_of(place, name, 2)
    assert counted["connections"] == 2
    assert 6_000_000 <= counted["received_bytes"] < 6_000_000 + OVERHEAD
    assert 50 < counted["sent_bytes"] < OVERHEAD


def test_many_short_connections_are_counted(place):
    name = place.deploy({"index.py": PROBE}, MemorySize=1024)
    assert place.do("many_at_once", name=name, address=WEB4, port=ECHO, count=200) == 200
    counted = network_of(place, name, 1)
    assert counted["connections"] == 200
    assert 2 * 200 <= counted["sent_bytes"] < 5 * 200
    assert 2 * 200 <= counted["received_bytes"] < 5 * 200


def test_what_goes_nowhere_is_not_counted(place):
    name = place.deploy({"index.py": PROBE}, MemorySize=1024)
    targets = [("169.254.169.254", 80), (WEB4, CLOSED), ("127.0.0.1", 9999), (WEB4, 25)]
    place.do("reach", name=name, targets=targets)
    place.do("datagrams", name=name, targets=targets)
    counted = network_of(place, name, 2)
    assert (counted["connections"], counted["sent_bytes"], counted["received_bytes"]) == (0, 0, 0)


def test_bytes_belong_to_the_invoke_that_moved_them(place):
    """A connection is counted once; what goes through it later is on the later invoke."""
    name = place.deploy({"index.py": KEPT}, MemorySize=1024)
    assert place.do("talk", name=name, address=WEB4, port=ECHO, count=1_000) == 1_000
    first = network_of(place, name, 1)
    assert place.do("talk", name=name, address=WEB4, port=ECHO, count=500_000) == 500_000
    both = network_of(place, name, 2)
    assert (first["connections"], both["connections"]) == (1, 1)
    for field in ("sent_bytes", "received_bytes"):
        assert 1_000 <= first[field] < 1_000 + OVERHEAD
        assert 500_000 <= both[field] - first[field] < 500_000 + OVERHEAD
