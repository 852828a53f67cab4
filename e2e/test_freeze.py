"""An environment that waits for its next event stands still, and costs the server next to nothing."""

import os
import re
import signal
import time

import pytest
from conftest import Deployer
from harness import leftovers
from harness.server import Server

# From the answer to the last moment that the function saw: the 50 ms that are promised, and what a loaded machine adds.
STILL_AFTER_S = 0.05 + 0.15
PAUSE_S = 1.0
# Listener, log pipe, control socket, Runtime API connection, and one more.
DESCRIPTORS_IDLE = 5

TICKS = """
import threading, time
seen = []

def tick():
    while True:
        seen.append(time.time())
        time.sleep(0.001)

def handler(event, context):
    if not seen:
        threading.Thread(target=tick, daemon=True).start()
        time.sleep(0.05)
    before = [at for at in seen if at < event.get('began', 0)]
    return {'last': before[-1] if before else None, 'now': time.time()}
"""


SPINS_ON = """
import threading

def spin():
    while True:
        pass

def handler(event, context):
    threading.Thread(target=spin, daemon=True).start()
"""


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture
def can_freeze():
    if os.path.isdir("/sys/fs/cgroup/memory") and not os.path.isdir("/sys/fs/cgroup/freezer"):
        pytest.skip("this machine has control groups of version 1 without a freezer")


def test_it_stands_still_between_invokes_and_goes_on(can_freeze, deploy, invoke):
    name = deploy({"index.py": TICKS})
    for _ in range(3):
        first = invoke(name)["Json"]
        time.sleep(PAUSE_S)
        began = time.time()
        second = invoke(name, {"began": began})["Json"]
        assert second["now"] >= began
        assert second["last"] - first["now"] < STILL_AFTER_S, "it ran on"


def test_cpu_of_the_grace_is_measured_and_told(can_freeze, tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime", env={"LAMBKIN_LOG": "debug"}).start()
    client = server.client()
    name = Deployer(client)({"index.py": SPINS_ON})
    client.invoke(FunctionName=name)
    time.sleep(PAUSE_S)
    assert server.stop() == 0
    told = re.findall(r"froze an environment.*cpu_us.*?=.*?(\d+)", re.sub(r"\x1b\[[0-9;]*m", "", server.log()))
    # It spins through its grace: some of 30 ms, and no second of it.
    assert [int(us) for us in told if 1_000 < int(us) < 500_000], server.log()


def test_a_frozen_one_ends_with_its_function(can_freeze, server, deploy, invoke, client):
    name = deploy({"index.py": TICKS})
    invoke(name)
    time.sleep(PAUSE_S)
    client.delete_function(FunctionName=name)
    deadline = time.monotonic() + PAUSE_S
    while leftovers.sandbox_processes(server.process.pid):
        assert time.monotonic() < deadline, "a frozen environment outlived its function"
        time.sleep(0.02)


def test_idle_environments_hold_few_descriptors(can_freeze, tmp_path):
    # What is made ahead has descriptors of its own.
    server = Server(tmp_path, "--allow-nearest-runtime", "--pool-memory-mib", "0").start()
    deploy = Deployer(server.client())

    def deployed():
        return deploy({"index.py": "def handler(event, context): return 1"}, MemorySize=128)

    def invoke(name):
        server.client().invoke(FunctionName=name)

    invoke(deployed())
    time.sleep(PAUSE_S)
    before = descriptors(server.process.pid)
    count = 8
    for name in [deployed() for _ in range(count)]:
        invoke(name)
    deadline = time.monotonic() + 5
    while (held := descriptors(server.process.pid) - before) > DESCRIPTORS_IDLE * count:
        assert time.monotonic() < deadline, f"{held} descriptors for {count} idle environments"
        time.sleep(0.1)
    assert server.stop() == 0


def test_frozen_ones_die_with_a_killed_spawner(can_freeze, own_server):
    client = own_server.client()
    name = Deployer(client)({"index.py": TICKS})
    client.invoke(FunctionName=name)
    time.sleep(PAUSE_S)
    below = leftovers.children(own_server.process.pid)
    spawner = next(pid for pid in below if "__spawner" in leftovers.command_line(pid))
    inside = [pid for pid in below if pid != spawner]
    assert inside
    os.kill(spawner, signal.SIGKILL)
    leftovers.wait_until_none(lambda: [pid for pid in inside if leftovers.command_line(pid)], "processes")
    # Its groups are empty by now, and the next start removes them.
    own_server.kill()
    own_server.start()
    # The new one has groups of its own, for what waits ahead.
    of_the_old = lambda: [group for group in leftovers.cgroups() if f"/lambkin-{spawner}/" in group]
    leftovers.wait_until_none(of_the_old, "cgroups")
