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


def invoked(server, name, event=None):
    answer = server.client().invoke(FunctionName=name, Payload=json.dumps(event or {}))
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def in_use(client, name, stop):
    while not stop.wait(1):
        client.invoke(FunctionName=name)


def test_pages_of_the_idle_leave_memory_when_it_is_short_and_come_back(short_of_memory):
    server = short_of_memory
    deploy = Deployer(server.client())
    idle, used = (deploy({"index.py": HOLDS}, MemorySize=256) for _ in range(2))
    stop = threading.Event()
    before = groups_that_hold()
    assert invoked(server, idle)["calls"] == 1
    [of_idle] = groups_that_hold() - before
    assert invoked(server, used)["calls"] == 1
    [of_used] = groups_that_hold() - before - {of_idle}
    keeps_busy = threading.Thread(target=in_use, args=(server.client(), used, stop))
    keeps_busy.start()
    try:
        deadline = time.monotonic() + OUT_AFTER_S
        while used_mib(of_idle) > HELD_MIB // 4:
            assert time.monotonic() < deadline, f"{used_mib(of_idle)} MiB are still there: {server.log()[-2000:]}"
            time.sleep(0.1)
        assert used_mib(of_used) >= HELD_MIB, "it is in use"
    finally:
        stop.set()
        keeps_busy.join()
    assert value(of_idle, "memory.swappiness", "memory.swap.max") == 0, "swap is closed to those that run"
    assert invoked(server, idle, {"look": 1}) == {"calls": 2, "intact": True}
    assert used_mib(of_idle) >= HELD_MIB
    assert server.stop() == 0
    assert "pushed an environment's pages out" in server.log()
