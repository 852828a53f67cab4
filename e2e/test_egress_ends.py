"""What is left of a function's network: connections end with it, and nothing is ever in the host's tables."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from harness import leftovers
from harness.outside import PROBE, Place
from harness.world import ECHO, WEB4

HOLD = PROBE + '''
held = []

def hold(address, port, count):
    """Connections that stay open after the invoke."""
    for _ in range(count):
        held.append(new_socket(address))
        held[-1].connect((address, port))
    return len(held)
'''
ENVIRONMENTS = 20


def tables():
    """All that the host's network is made of, but for what the kernel counts and forgets by itself."""
    def ip(*arguments):
        done = subprocess.run(["ip", "-j", *arguments], capture_output=True, text=True, check=True)
        return json.loads(done.stdout or "[]")

    state = {" ".join(what): ip(*what) for what in (
        ("link",), ("addr",), ("rule",), ("-6", "rule"), ("route", "show", "table", "all"),
        ("-6", "route", "show", "table", "all"), ("tuntap",))}
    for interface in state["addr"]:
        for address in interface["addr_info"]:
            address.pop("valid_life_time", None), address.pop("preferred_life_time", None)
    for name in ("ip_tables_names", "ip6_tables_names", "nf_conntrack", "packet", "raw", "raw6", "udp", "udp6", "icmp"):
        file = Path(f"/proc/thread-self/net/{name}")
        state[name] = len(file.read_text().splitlines()) if file.exists() else None
    return state


def connections():
    """Established connections of the host to the echo server."""
    lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[3] == "01" and line.split()[2].endswith(f":{ECHO:04X}") for line in lines)


def wait_until(holds, what):
    deadline = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture(params=("root", "ordinary"))
def own(request, world, tmp_path):
    """A server of the test's own on the host of the world."""
    tmp_path.chmod(0o755)
    with world.entered():
        before = tables()
        place = Place(world, request.param, tmp_path)
        place.tables_before = before
        yield place
        if place.server.process:
            place.server.stop()
        if place.ordinary:
            place.ordinary.remove()


def hold_many(place):
    """Many environments at once, each with connections."""
    from concurrent.futures import ThreadPoolExecutor
    slow = HOLD.replace("return len(held)", "time.sleep(1)\n    return len(held)")
    name = place.deploy({"index.py": slow}, MemorySize=128, Timeout=30)
    with ThreadPoolExecutor(ENVIRONMENTS) as crowd:
        done = [crowd.submit(place.do, "hold", name=name, address=WEB4, port=ECHO, count=5)
                for _ in range(ENVIRONMENTS)]
        assert max(one.result() for one in done) < 5 * ENVIRONMENTS, "one environment made all of them"
    wait_until(lambda: connections() == 5 * ENVIRONMENTS, "open connections")
    return name


def test_nothing_is_left_after_an_end(own):
    hold_many(own)
    assert tables() == own.tables_before
    own.deploy.delete_all()
    wait_until(lambda: connections() == 0, "connections of functions that are gone")
    assert tables() == own.tables_before
    assert own.server.stop() == 0
    assert tables() == own.tables_before


def test_nothing_is_left_after_a_kill(own):
    hold_many(own)
    own.server.kill()
    wait_until(lambda: connections() == 0, "connections of a server that was killed")
    assert tables() == own.tables_before
    leftovers.wait_until_none(leftovers.cgroups, "cgroups")
    own.server.start()
    assert own.do("echo", address=WEB4, port=ECHO) == "hello"
    assert own.server.stop() == 0
    assert tables() == own.tables_before


def test_connections_outlive_an_invoke_and_end_with_their_environment(own):
    name = own.deploy({"index.py": HOLD})
    assert own.do("hold", name=name, address=WEB4, port=ECHO, count=3) == 3
    time.sleep(0.2)
    assert connections() == 3
    assert own.do("hold", name=name, address=WEB4, port=ECHO, count=1) == 4
    own.client.delete_function(FunctionName=name)
    wait_until(lambda: connections() == 0, "connections of a function that was deleted")


def test_idle_connections_cost_the_server_no_descriptor(own):
    """A connection is the function's alone; the server holds what it holds for an environment without one."""
    name = own.deploy({"index.py": HOLD})
    own.do("hold", name=name, address=WEB4, port=ECHO, count=0)
    time.sleep(0.3)
    pid = own.server.process.pid
    before = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    own.do("hold", name=name, address=WEB4, port=ECHO, count=200)
    time.sleep(0.3)
    assert len(list(Path(f"/proc/{pid}/fd").iterdir())) <= before + 5
