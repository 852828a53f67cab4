"""Where memory is short, the pages of environments that are idle leave it before environments have to end."""

import glob
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
from conftest import Deployer
from harness import leftovers
from harness.server import Server

ZRAM = Path("/sys/block/zram0")
SWAP_BYTES = 1 << 30
HELD_MIB = 100
# Five seconds after it was frozen, looked for every two.
OUT_AFTER_S = 5 + 2 + 3

HOLDS = """
import hashlib, os
# Half of it can be compressed.
held = b"".join(os.urandom(1 << 19) + bytes(1 << 19) for _ in range(%d))
first = hashlib.sha256(held).hexdigest()
calls = 0

def handler(event, context):
    global calls
    calls += 1
    return {"calls": calls, "intact": hashlib.sha256(held).hexdigest() == first if event.get("look") else None}
""" % HELD_MIB


@pytest.fixture
def zram():
    """Swap in the machine's memory for the time of a test."""
    swaps = Path("/proc/swaps").read_text().splitlines()[1:]
    if os.geteuid() != 0 or not ZRAM.exists() or swaps or (ZRAM / "disksize").read_text().strip() != "0":
        pytest.skip("no zram device that is free, no right to swap on it, or other swap is in use")
    (ZRAM / "disksize").write_text(str(SWAP_BYTES))
    try:
        subprocess.run(["mkswap", "/dev/zram0"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["swapon", "/dev/zram0"], check=True)
        yield
    finally:
        subprocess.run(["swapoff", "/dev/zram0"], check=False)
        (ZRAM / "reset").write_text("1")


@pytest.fixture
def short_of_memory(zram, tmp_path):
    """A server with room for a few more environments, and less than for twice as many."""
    reserve = str(available_mib() * 3 // 4)
    server = Server(tmp_path, "--allow-nearest-runtime", "--memory-reserve-mib", reserve, env={"LAMBKIN_LOG": "debug"})
    yield server.start()
    server.stop()


def available_mib():
    return int(re.search(r"MemAvailable: +(\d+)", Path("/proc/meminfo").read_text())[1]) >> 10


def value(group, *names):
    return next(int(path.read_text()) for path in (Path(group) / name for name in names) if path.exists())


def used_mib(group):
    return value(group, "memory.usage_in_bytes", "memory.current") >> 20


def groups_that_hold():
    """Groups of environments that have loaded the function."""
    groups = [group for group in leftovers.cgroups() if glob.glob(f"{group}/memory.*")]
    return {group for group in groups if used_mib(group) >= HELD_MIB}


def invoked(client, name, event=None):
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event or {}))
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def in_use(client, name, stop):
    while not stop.wait(1):
        client.invoke(FunctionName=name)


def swap_is_closed(group):
    return value(group, "memory.swappiness", "memory.swap.max") == 0


def wait(what, condition):
    deadline = time.monotonic() + OUT_AFTER_S
    while not condition():
        assert time.monotonic() < deadline, f"not yet: {what}"
        time.sleep(0.002)


def test_pages_of_the_idle_leave_memory_when_it_is_short_and_come_back(short_of_memory):
    server = short_of_memory
    client = server.client()
    deploy = Deployer(client)
    idle, wanted, used = (deploy({"index.py": HOLDS}, MemorySize=256) for _ in range(3))
    stop = threading.Event()
    groups = []
    for name in (idle, wanted, used):
        before = groups_that_hold()
        assert invoked(client, name)["calls"] == 1
        groups += groups_that_hold() - before
    of_idle, of_wanted, of_used = groups
    # They stand still from almost the same moment on.
    assert [invoked(client, name)["calls"] for name in (idle, wanted)] == [2, 2]
    keeps_busy = threading.Thread(target=in_use, args=(server.client(), used, stop))
    keeps_busy.start()
    try:
        wait("the pages of the first", lambda: used_mib(of_idle) <= HELD_MIB // 4 or not swap_is_closed(of_wanted))
        assert used_mib(of_idle) <= HELD_MIB // 4, "one after the other, the longest frozen first"
        # One whose pages are on their way keeps the rest.
        wait("those of the second", lambda: not swap_is_closed(of_wanted) or used_mib(of_wanted) <= HELD_MIB // 4)
        assert swap_is_closed(of_idle)
        assert invoked(client, wanted)["calls"] == 3
        assert swap_is_closed(of_wanted), "swap is closed to those that run"
        assert used_mib(of_used) >= HELD_MIB, "it is in use"
    finally:
        stop.set()
        keeps_busy.join()
    assert swap_is_closed(of_idle) and swap_is_closed(of_used)
    for name, calls, group in ((idle, 3, of_idle), (wanted, 4, of_wanted)):
        assert invoked(client, name, {"look": 1}) == {"calls": calls, "intact": True}
        assert used_mib(group) >= HELD_MIB
    assert server.stop() == 0
    assert "pushed an environment's pages out" in server.log()
    assert "cannot push" not in server.log() and "cannot keep" not in server.log()
