"""Every invoke leaves one record; logs are kept per function and can be followed."""

import json
import subprocess
import threading
import time

from harness.server import BINARY

SLEEP = {"index.py": "import time\ndef handler(e, c):\n    print('slept', e['s']); time.sleep(e['s'])\n"}


def ledger(server):
    return json.loads(server.cli("ledger", "--output", "json").stdout)


def test_ledger_counts_requests_and_gb_seconds(server, deploy, invoke):
    name = deploy(SLEEP, MemorySize=1024)
    for seconds in (0.1, 0.2, 0):
        invoke(name, {"s": seconds})
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        mine = [f for f in ledger(server)["functions"] if f["function"] == name]
        if mine and mine[0]["requests"] == 3:
            break
        time.sleep(0.1)
    (mine,) = mine
    assert mine["requests"] == 3
    assert 0.3 <= mine["gb_seconds"] < 1.5
    assert mine["cost"] > 0
    total = ledger(server)
    assert total["requests"] >= 3 and total["gb_seconds"] >= mine["gb_seconds"]
    idle = ledger(server)
    time.sleep(0.5)
    assert ledger(server)["gb_seconds"] == idle["gb_seconds"], "nothing is billed while nothing runs"


def test_logs_are_kept_and_found_by_request(server, deploy, invoke):
    name = deploy(SLEEP)
    first = invoke(name, {"s": 0})["ResponseMetadata"]["RequestId"]
    second = invoke(name, {"s": 0.01})["ResponseMetadata"]["RequestId"]
    time.sleep(0.3)
    text = server.cli("logs", name).stdout
    for request in (first, second):
        assert f"START RequestId: {request} Version: $LATEST" in text
        assert f"END RequestId: {request}" in text
    assert text.index(first) < text.index(second)
    only = server.cli("logs", name, "--request-id", second).stdout
    assert second in only and first not in only and "slept 0.01" in only


def test_logs_are_followed_live(server, deploy, invoke):
    name = deploy(SLEEP)
    follow = subprocess.Popen([BINARY, "logs", name, "-f"], env=server.env(), stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(iter(follow.stdout.readline, "")), daemon=True)
        reader.start()
        invoke(name, {"s": 0})
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and not any("REPORT" in line for line in lines):
            time.sleep(0.05)
        assert any("slept 0" in line for line in lines) and any("REPORT" in line for line in lines)
    finally:
        follow.kill()
        follow.wait()


def test_the_log_has_an_invoke_that_runs_in_silence(server, deploy, invoke):
    name = deploy({"index.py": "import time\ndef handler(e, c):\n    time.sleep(e)\n"}, Timeout=900)
    invoke(name, 0)
    # It is frozen, and its owner sleeps for minutes.
    time.sleep(0.3)
    slow = threading.Thread(target=invoke, args=(name, 4), daemon=True)
    slow.start()
    deadline = time.monotonic() + 3
    while (text := server.cli("logs", name).stdout).count("START RequestId") < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert text.count("START RequestId") == 2 and text.count("END RequestId") == 1
    slow.join()


def test_records_survive_a_kill(own_server):
    from conftest import Deployer
    client = own_server.client()
    name = Deployer(client)(SLEEP)
    for _ in range(20):
        client.invoke(FunctionName=name, Payload=b'{"s": 0}')
    own_server.kill()
    own_server.start()
    (mine,) = [f for f in ledger(own_server)["functions"] if f["function"] == name]
    assert mine["requests"] == 20
