"""Fixtures: a server on the host of the tests' world, once as root and once as an ordinary user.

`place` is what most tests take; while one runs, its thread is on that host.
"""

import json
import os
from pathlib import Path

import pytest
from harness import leftovers
from harness.authority import Authority
from harness.ordinary import Ordinary
from harness.server import BINARY, Server
from harness.world import World

PROBE = (Path(__file__).parent.parent / "inside" / "egress.py").read_text()
MODES = ("root", "ordinary")


class Place:
    """A server, and a function in it that does what a test asks for."""

    def __init__(self, world, mode, folder, *flags, devices=None):
        from conftest import Deployer
        self.world, self.mode = world, mode
        self.ordinary = Ordinary() if mode == "ordinary" else None
        binary, uid = BINARY, None
        if self.ordinary:
            binary, uid, folder = self.ordinary.binary, self.ordinary.uid, self.ordinary.folder
        self.server = Server(folder, "--allow-nearest-runtime", *flags, binary=binary, before=world.before(uid, devices))
        self.server.start()
        self.client = self.server.client()
        self.deploy = Deployer(self.client)
        self.probe = self.deploy({"index.py": PROBE}, MemorySize=1024, Timeout=30)

    def invoke(self, name, event=None):
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event or {}))
        body = json.loads(answer["Payload"].read() or "null")
        assert "FunctionError" not in answer, body
        return body

    def do(self, work, name=None, **arguments):
        """Has the probe, or another function of the same code, do one piece of work."""
        return self.invoke(name or self.probe, {"do": work, "with": arguments})

    def egress(self, name, *arguments, check=True):
        return self.server.cli("egress", name, *arguments, check=check)

    def end(self):
        self.deploy.delete_all()
        assert self.server.stop() == 0
        if self.ordinary:
            self.ordinary.remove()


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    if os.getuid() != 0:
        pytest.skip("only root can make a world of network name spaces")
    folder = tmp_path_factory.mktemp("world")
    folder.chmod(0o755)
    world = World(folder, Authority(folder))
    yield world
    world.end()


@pytest.fixture(scope="session", params=MODES)
def placed(request, world, tmp_path_factory):
    with world.entered():
        place = Place(world, request.param, tmp_path_factory.mktemp("outside"))
    yield place
    with world.entered():
        place.end()
    leftovers.wait_until_none(leftovers.cgroups, "cgroups after the server's end")


@pytest.fixture
def place(placed):
    with placed.world.entered():
        yield placed
