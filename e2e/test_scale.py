"""Copies multiply with the load and are distinct; limits end in 429, not in collapse."""

import json
import os
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.exceptions import ClientError
from conftest import Deployer
from harness import leftovers, raw_invoke
from harness.raw_invoke import Callers
from harness.server import BINARY, Server

COPIES = 40
# Copies share nothing but the machine's clock, so it is the barrier: all of them must be inside at once.
BARRIER = """
import time, uuid
me = str(uuid.uuid4())
def handler(event, context):
    entered = time.monotonic()
    time.sleep(event['hold'])
    return [me, entered, time.monotonic()]
"""


def test_forty_environments_at_once(deploy, invoke):
    name = deploy({"index.py": BARRIER}, MemorySize=128, Timeout=60)
    with ThreadPoolExecutor(COPIES) as pool:
        answers = list(pool.map(lambda _: invoke(name, {"hold": 10})["Json"], range(COPIES)))
    assert len({copy for copy, _, _ in answers}) == COPIES
    last_in, first_out = max(a[1] for a in answers), min(a[2] for a in answers)
    assert last_in < first_out, "all copies were inside at the same moment"


def test_a_warm_environment_is_used_again(deploy, invoke):
    name = deploy({"index.py": BARRIER})
    assert len({invoke(name, {"hold": 0})["Json"][0] for _ in range(10)}) == 1


def test_concurrency_limit_throttles(tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime", "--concurrency", "2").start()
    try:
        client = server.client()
        name = Deployer(client)({"index.py": BARRIER})

        def call(_):
            try:
                return json.load(client.invoke(FunctionName=name, Payload=b'{"hold": 3}')["Payload"])
            except ClientError as error:
                return error.response

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(call, range(4)))
        refused = [a for a in answers if isinstance(a, dict)]
        assert len(refused) == 2
        for answer in refused:
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
            assert answer["Error"]["Code"] == "TooManyRequestsException"
            assert answer["Reason"] == "ConcurrentInvocationLimitExceeded"
    finally:
        assert server.stop() == 0


SHORT = """
import uuid
me = str(uuid.uuid4())
def handler(event, context):
    return [me, event]
"""


def test_a_burst_gets_no_more_environments_than_drain_it(server, deploy):
    name = deploy({"index.py": SHORT}, MemorySize=128)
    client = server.client()

    def call(number):
        return json.load(client.invoke(FunctionName=name, Payload=json.dumps(number))["Payload"])

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(call, range(200)))
    assert [number for _, number in answers] == list(range(200))
    # One for each would be 200. The first ready ones drain the queue while the others still start, or never do.
    assert len(leftovers.sandbox_processes(server.process.pid)) < 2 * 100


# Two environments keep a processor busy.
CALLERS = 8 * os.cpu_count()
BRIEF = """
import time, uuid
me = str(uuid.uuid4())
def handler(event, context):
    time.sleep(event)
    return me
"""


def test_who_answers_at_once_serves_many_callers_and_who_sleeps_one(server, deploy):
    one, callers = Callers(server, 1), Callers(server, CALLERS)

    def serving():
        """A function, and how many environments serve many callers of it at once."""
        name = deploy({"index.py": BRIEF}, MemorySize=1_769, Timeout=30)
        request = raw_invoke.signed(server, name, 0)
        # How long it takes is known from here on.
        assert len({copy for _ in range(20) for copy in one.call(request)}) == 1
        return name, len({copy for _ in range(60) for copy in callers.call(request)})

    try:
        # One for each caller is what a machine needs that stands still for longer than a start takes.
        for _ in range(4):
            name, count = serving()
            if count <= CALLERS * 3 // 4:
                break
        assert count <= CALLERS * 3 // 4
        # What was short so far is so no more: none waits for one that sleeps.
        slept = callers.call(raw_invoke.signed(server, name, 3))
        assert len(set(slept)) == CALLERS
    finally:
        one.close()
        callers.close()


SLOW_TO_START = """
import time
time.sleep(2)
def handler(event, context):
    time.sleep(1)
"""


def test_starts_that_wait_keep_no_others_from_starting(deploy, invoke):
    name = deploy({"index.py": SLOW_TO_START}, MemorySize=128, Timeout=30)
    # Eight for each processor, of which two start at a time.
    count = 8 * os.cpu_count()
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda _: invoke(name, {}), range(count)))
    # Two seconds, and one; a quarter at a time would take nine. Three more are for a loaded machine.
    assert time.monotonic() - began < 3 + 3


def test_what_rests_makes_room_for_what_is_wanted(tmp_path):
    script = tmp_path / "limited"
    # Suffices for 54 environments.
    script.write_text(f'#!/bin/sh\nulimit -n 1024\nexec {BINARY} "$@"\n')
    script.chmod(0o755)
    server = Server(tmp_path, "--allow-nearest-runtime", binary=script).start()
    try:
        client = server.client()
        deploy = Deployer(client)
        first, second = (deploy({"index.py": BARRIER}, MemorySize=128, Timeout=60) for _ in range(2))

        def copies(name, count, hold):
            def call(_):
                return json.load(client.invoke(FunctionName=name, Payload=json.dumps({"hold": hold}))["Payload"])

            with ThreadPoolExecutor(count) as pool:
                return {copy for copy, _, _ in pool.map(call, range(count))}

        assert len(copies(first, 36, 6)) == 36
        latest = copies(first, 8, 0.5)
        assert len(copies(second, 36, 6)) == 36
        # The longest at rest had to go for it.
        assert copies(first, 8, 0.5) == latest and len(latest) == 8
    finally:
        assert server.stop() == 0


# Takes more memory than an interpreter does, and its time over it.
LARGE = """
import time
held = b'x' * (300 << 20)
time.sleep(0.3)
def handler(event, context):
    time.sleep(2)
"""
ROOM_MIB = 1_400


def test_a_burst_of_a_function_that_nobody_knows_leaves_the_reserve_alone(tmp_path):
    """Room for three: what is still loading counts as all that it may take."""
    available = int(re.search(r"MemAvailable: +(\d+)", Path("/proc/meminfo").read_text())[1]) >> 10
    server = Server(tmp_path, "--allow-nearest-runtime", "--memory-reserve-mib", str(available - ROOM_MIB),
                    "--pool-memory-mib", "0").start()
    try:
        client = server.client()
        name = Deployer(client)({"index.py": LARGE}, MemorySize=512)

        def call(_):
            try:
                told = client.invoke(FunctionName=name)
                return told.get("FunctionError", "served")
            except ClientError as error:
                return error.response["Error"]["Code"]

        with ThreadPoolExecutor(10) as pool:
            answers = Counter(pool.map(call, range(10)))
        assert set(answers) == {"served", "TooManyRequestsException"}, answers
        # Others use the machine's memory, too.
        assert 1 <= answers["served"] <= 5, answers
    finally:
        assert server.stop() == 0


def test_what_rests_leaves_its_user_to_what_is_wanted(tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime", "--sandbox-uids", "6").start()
    try:
        deploy = Deployer(server.client())
        for name in [deploy({"index.py": BARRIER}, MemorySize=128) for _ in range(9)]:
            told = server.client().invoke(FunctionName=name, Payload=b'{"hold": 0}')
            assert "FunctionError" not in told
    finally:
        assert server.stop() == 0
