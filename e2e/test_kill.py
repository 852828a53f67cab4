"""`kill -9` of the server, a hundred times, in a mix of creates, updates and invokes."""

import json
import random
import threading
import time
import uuid

import pytest
from botocore.exceptions import BotoCoreError, ClientError, WaiterError
from harness import leftovers
from harness.package import zip_files
from harness.server import ROLE

KILLS = 100
FUNCTIONS_KEPT = 6


def code(mark):
    return zip_files({"index.py": f"def handler(e, c): return '{mark}'\n"})


class Load(threading.Thread):
    """Creates, updates, invokes and deletes until the server is gone; remembers what was acknowledged."""

    def __init__(self, client, seed, known):
        super().__init__(daemon=True)
        self.client, self.random, self.known = client, random.Random(seed), known

    def run(self):
        try:
            while True:
                self.step()
        except (BotoCoreError, ClientError, OSError):
            return

    def step(self):
        name = f"{self.name.lower()}-{self.random.randrange(FUNCTIONS_KEPT)}"
        mark = uuid.uuid4().hex
        if name not in self.known:
            # Until the answer is here either outcome is right: absent, or there with this code.
            self.known[name] = {None, mark}
            self.client.create_function(FunctionName=name, Runtime="python3.11", Role=ROLE,
                                        Handler="index.handler", Code={"ZipFile": code(mark)})
            self.known[name] = {mark}
        elif self.random.random() < 0.4:
            self.client.get_waiter("function_updated_v2").wait(
                FunctionName=name, WaiterConfig={"Delay": 0.01, "MaxAttempts": 200})
            self.known[name] = self.known[name] | {mark}
            self.client.update_function_code(FunctionName=name, ZipFile=code(mark))
            self.known[name] = {mark}
        else:
            self.client.get_waiter("function_active_v2").wait(
                FunctionName=name, WaiterConfig={"Delay": 0.01, "MaxAttempts": 200})
            self.client.invoke(FunctionName=name)


def check(client, known):
    """Every acknowledged function is there, invocable, and runs a code that was acknowledged or under way."""
    for name, marks in list(known.items()):
        try:
            client.get_waiter("function_updated_v2").wait(
                FunctionName=name, WaiterConfig={"Delay": 0.01, "MaxAttempts": 500})
            answer = json.load(client.invoke(FunctionName=name)["Payload"])
        except (ClientError, WaiterError) as error:
            answer = error.response if isinstance(error, ClientError) else error.last_response
            assert answer.get("Error", {}).get("Code") == "ResourceNotFoundException", error
            assert None in marks, f"{name} was acknowledged and is gone"
            del known[name]
            continue
        assert answer in marks, f"{name}: {answer} is none of {marks}"
        known[name] = {answer}


@pytest.mark.timeout(900)
def test_a_hundred_kills_lose_nothing(own_server):
    known = {}
    seeds = random.Random(2026)
    for round_ in range(KILLS):
        load = [Load(own_server.client(), seeds.random(), known) for _ in range(2)]
        for number, thread in enumerate(load):
            thread.name = f"Load{number}"
            thread.start()
        time.sleep(seeds.uniform(0.05, 0.5))
        pid = own_server.process.pid
        sandboxes = leftovers.children(pid)
        own_server.kill()
        for thread in load:
            thread.join(20)
        own_server.start()
        leftovers.wait_until_none(
            lambda: [p for p in sandboxes if leftovers.command_line(p)], "processes of the killed server")
        assert leftovers.host_mounts() == []
        if round_ % 10 == 9 or round_ == KILLS - 1:
            check(own_server.client(), known)
    assert own_server.stop() == 0
    leftovers.wait_until_none(leftovers.cgroups, "cgroups")
