"""Copies multiply with the load and are distinct; limits end in 429, not in collapse."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from harness.server import Server

COPIES = 40
# Each copy waits until all copies have come: only environments that live at once can pass.
BARRIER = """
import time, uuid
me = str(uuid.uuid4())
def handler(event, context):
    time.sleep(event['hold'])
    return me
"""


def test_forty_environments_at_once(deploy, invoke):
    name = deploy({"index.py": BARRIER}, MemorySize=128, Timeout=60)
    with ThreadPoolExecutor(COPIES) as pool:
        answers = list(pool.map(lambda _: invoke(name, {"hold": 15})["Json"], range(COPIES)))
    assert len(set(answers)) == COPIES
    assert all(uuid.UUID(answer) for answer in answers)


def test_a_warm_environment_is_used_again(deploy, invoke):
    name = deploy({"index.py": BARRIER})
    assert len({invoke(name, {"hold": 0})["Json"] for _ in range(10)}) == 1


def test_concurrency_limit_throttles(tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime", "--concurrency", "2").start()
    try:
        client = server.client()
        from conftest import Deployer
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
