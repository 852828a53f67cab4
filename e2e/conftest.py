"""Fixtures: one server for the session, functions that are deleted after each test, no left-overs."""

import json
import uuid

import pytest
from harness import leftovers
from harness.outside import place, placed, world  # noqa: F401 (fixtures)
from harness.package import zip_files
from harness.server import ROLE, Server

RUNTIMES = {"python": "python3.11", "node": "nodejs20.x", "custom": "provided.al2023"}


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server most tests share."""
    server = Server(tmp_path_factory.mktemp("server"), "--allow-nearest-runtime").start()
    yield server
    assert server.stop() == 0, "SIGTERM must drain and exit 0"
    leftovers.wait_until_none(leftovers.cgroups, "cgroups after the server's end")
    assert leftovers.host_mounts() == []


@pytest.fixture
def own_server(tmp_path):
    """A server of the test's own: it may be killed and restarted."""
    server = Server(tmp_path, "--allow-nearest-runtime").start()
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


@pytest.fixture
def client(server):
    return server.client()


class Deployer:
    """Creates functions and waits until they are active."""

    def __init__(self, client):
        self.client = client
        self.names = []

    def __call__(self, files, runtime="python", name=None, handler="index.handler", **settings):
        name = name or f"t-{uuid.uuid4().hex[:12]}"
        code = files if isinstance(files, bytes) else zip_files(files)
        self.names.append(name)
        self.client.create_function(
            FunctionName=name,
            Runtime=RUNTIMES.get(runtime, runtime),
            Role=ROLE,
            Handler=handler,
            Code={"ZipFile": code},
            **{"MemorySize": 512, "Timeout": 10} | settings,
        )
        self.client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400}
        )
        return name

    def delete_all(self):
        for name in self.names:
            try:
                self.client.delete_function(FunctionName=name)
            except self.client.exceptions.ResourceNotFoundException:
                pass


@pytest.fixture
def deploy(client):
    """Deploys functions for one test; afterwards nothing of them may be left."""
    deployer = Deployer(client)
    yield deployer
    deployer.delete_all()


@pytest.fixture(autouse=True)
def nothing_left(request):
    """After every test no sandbox process, cgroup, mount or network name space is left."""
    yield
    if "server" not in request.fixturenames:
        return
    # The functions of `deploy` are gone by now: it was set up after this fixture, so it ends before it.
    pid = request.getfixturevalue("server").process.pid
    leftovers.wait_until_none(lambda: leftovers.sandbox_processes(pid), "processes")
    leftovers.wait_until_none(leftovers.cgroups, "cgroups")
    leftovers.wait_until_none(lambda: leftovers.network_namespaces(pid), "network name spaces")
    assert leftovers.host_mounts() == []


@pytest.fixture
def invoke(client):
    """Invokes with a JSON event; returns the answer with its payload parsed."""

    def call(name, event=None, **arguments):
        payload = event if isinstance(event, bytes) else json.dumps({} if event is None else event)
        answer = client.invoke(FunctionName=name, Payload=payload, **arguments)
        body = answer["Payload"].read()
        answer["Raw"] = body
        answer["Json"] = json.loads(body) if body else None
        return answer

    return call
