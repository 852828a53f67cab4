"""What a runtime does after an answer, before it asks for the next event: nobody's invoke waits for it, and it ends."""

import json
import time

import pytest

TIMEOUT_S = 2
# Of an invoke that another environment has to be made for, on a busy machine.
SOON_S = 1.5
# {"work": seconds} is done after the answer, which says which program gave it and its how manieth it is.
BOOTSTRAP = """#!/usr/bin/python3
import http.client, json, os, time, uuid
api, me, count = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API']), str(uuid.uuid4()), 0
BASE = '/2018-06-01/runtime/invocation/'
while True:
    api.request('GET', BASE + 'next')
    got = api.getresponse()
    event, id, count = json.loads(got.read()), got.headers['Lambda-Runtime-Aws-Request-Id'], count + 1
    api.request('POST', BASE + id + '/response', json.dumps([me, count]))
    api.getresponse().read()
    if event.get('end'):
        os._exit(3)
    time.sleep(event.get('work', 0))
    print('worked on', event, flush=True)
"""


@pytest.fixture
def ask(client, deploy):
    name = deploy({"bootstrap": BOOTSTRAP}, "custom", MemorySize=512, Timeout=TIMEOUT_S)

    def ask(**event):
        began = time.monotonic()
        told = client.invoke(FunctionName=name, Payload=json.dumps(event))
        assert "FunctionError" not in told, told["Payload"].read()
        program, count = json.loads(told["Payload"].read())
        return program, count, time.monotonic() - began

    ask.name = name
    return ask


def test_nobody_waits_for_work_after_an_answer(ask):
    busy, _, _ = ask(work=1)
    began = time.monotonic()
    others = {ask()[0] for _ in range(3)}
    assert time.monotonic() - began < SOON_S
    # In steady use it is one environment still: the question for the next event comes in time.
    assert len(others) == 1 and busy not in others
    time.sleep(1.2)
    # It is there again since it has asked, as the one that rests for the shortest time, and the other one helps out.
    [other] = others
    assert ask(work=0.5)[:2] == (busy, 2)
    assert ask()[:2] == (other, 4)


def test_it_ends_with_the_time_of_its_invoke(ask, server):
    program, _, _ = ask(work=60)
    deadline = time.monotonic() + TIMEOUT_S + 2
    while "was answered, but its runtime did not ask" not in (log := server.cli("logs", ask.name).stdout):
        assert time.monotonic() < deadline, log
        time.sleep(0.1)
    for _ in range(3):
        another, _, took = ask()
        assert another != program and took < SOON_S


def test_a_program_that_ends_after_its_answer_harms_nobody(ask):
    for _ in range(3):
        program, _, _ = ask(end=1)
        another, _, took = ask()
        assert another != program and took < SOON_S
