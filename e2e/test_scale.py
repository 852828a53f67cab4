"""Copies multiply with the load and are distinct; limits end in 429, not in collapse."""

import json
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError
from conftest import Deployer
from harness.server import Server

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
