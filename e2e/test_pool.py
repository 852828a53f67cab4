"""Sandboxes that are made before they are needed: fast to get, and never told from others by what runs in them."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Deployer
from harness import leftovers
from harness.ordinary import Ordinary
from harness.server import Server

FILLED_S = 10
# What differs from one environment to the next however it was made.
UNIQUE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME",
          "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_LOG_GROUP_NAME", "_X_AMZN_TRACE_ID"}

PYTHON = """
import ctypes, gc, keyword, locale, os, resource, signal, stat, sys, time

def handler(event, context):
    descriptors = {}
    for number in os.listdir('/proc/self/fd'):
        try:
            descriptors[number] = stat.S_IFMT(os.stat(f'/proc/self/fd/{number}').st_mode)
        except OSError:
            pass
    return {
        'environment': dict(os.environ), 'argv': sys.argv, 'cwd': os.getcwd(), 'path': sys.path, 'flags': repr(sys.flags),
        'descriptors': descriptors, 'stdin': sys.stdin.read(), 'zone': time.tzname, 'locale': locale.setlocale(locale.LC_ALL),
        'encoding': sys.getfilesystemencoding(), 'ignored': signal.getsignal(signal.SIGPIPE), 'umask': os.umask(0o22),
        'limits': resource.getrlimit(resource.RLIMIT_NOFILE), 'group': os.getpgrp() == os.getpid(), 'task': os.listdir('.'),
        'children': open('/proc/self/task/%d/children' % os.getpid()).read(), 'meta': [str(one) for one in sys.meta_path],
        'hooks': len(gc.callbacks), 'original': sys.orig_argv, 'seekable': sys.stdin.seekable(), 'input': repr(sys.stdin),
        'command': open('/proc/self/cmdline').read(), 'library': ctypes.CDLL('libown.so') is not None, 'own': keyword.MINE, 'tmp': os.listdir('/tmp'), 'write': os.access('/var/task', os.W_OK),
    }
"""

NODE = """
const fs = require('fs');
const order = [];
process.nextTick(() => order.push('tick'));
Promise.resolve().then(() => order.push('promise'));
const kinds = () => fs.readdirSync('/proc/self/fd').filter((n) => n < 3).map((n) => fs.fstatSync(+n).mode & 0o170000);
exports.handler = async () => ({
  environment: { ...process.env }, argv: process.argv, execArgv: process.execArgv, cwd: process.cwd(), descriptors: kinds(),
  stdin: fs.readFileSync(0, 'utf8'), zone: new Date(0).toString(), umask: process.umask(), paths: module.paths,
  heap: require('v8').getHeapStatistics().heap_size_limit, global: Object.keys(globalThis), tmp: fs.readdirSync('/tmp'),
  loaded: Object.keys(require.cache), asked: Object.keys(require('module')._pathCache), siblings: module.parent.children.map((one) => one.id),
  console: Object.keys(console), aws: Object.keys(awslambda), caught: process.hasUncaughtExceptionCaptureCallback(), order, command: fs.readFileSync('/proc/self/cmdline', 'utf8'), listeners: process.eventNames().map(String), task: fs.readdirSync('.'), globalPaths: require('module').globalPaths,
});
"""



def library():
    """A library of the function's own, with a module that has the name of one of Python's."""
    own = next(Path("/usr/lib/x86_64-linux-gnu").glob("libz.so.1*"), None) or next(Path("/lib").rglob("libm.so.6"))
    return own.read_bytes()


SHOWS = {"python": lambda: {"index.py": PYTHON, "keyword.py": "MINE = 1\ndef iskeyword(text): return False\nkwlist = []\n",
                            "lib/libown.so": library()},
         "node": lambda: {"index.js": NODE}}


def waiting(server):
    """Processes that wait in sandboxes of a server: their input is a pipe still."""
    pids = leftovers.sandbox_processes(server.process.pid)
    return [pid for pid in pids if command(pid).endswith((".py ", ".cjs ")) and leftovers.input_of(pid).startswith("pipe:")]


def command(pid):
    return leftovers.command_line(pid)


def wait_filled(server, count=1):
    until = time.monotonic() + FILLED_S
    while len(waiting(server)) < count:
        assert time.monotonic() < until, server.log()
        time.sleep(0.05)
    # From its start to its waiting.
    time.sleep(0.5)


def wait_empty(server):
    until = time.monotonic() + FILLED_S
    while waiting(server):
        assert time.monotonic() < until, waiting(server)
        time.sleep(0.05)


def starts(server, name):
    """How the invokes of a function got their environments."""
    rows = json.loads(server.cli("ledger", "--output", "json").stdout)["functions"]
    row = next(row for row in rows if row["function"] == name)
    return {kind: row[kind] for kind in ("cold", "pooled", "warm") if row[kind]}


@pytest.fixture(scope="module")
def pooled(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("pooled"), "--allow-nearest-runtime").start()
    yield server
    assert server.stop() == 0
    leftovers.wait_until_none(leftovers.cgroups, "cgroups after the server's end")


@pytest.fixture(scope="module")
def without(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("without"), "--allow-nearest-runtime", "--pool-memory-mib", "0").start()
    yield server
    assert server.stop() == 0


@pytest.fixture
def deployer(pooled):
    deployer = Deployer(pooled.client())
    yield deployer
    for name in deployer.names:
        try:
            deployer.client.delete_function(FunctionName=name)
        except deployer.client.exceptions.ResourceNotFoundException:
            pass
    wait_empty(pooled)


def invoke(server, name):
    answer = server.client().invoke(FunctionName=name)
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body


def shown(server, runtime, pools, **settings):
    deploy = Deployer(server.client())
    name = deploy(SHOWS[runtime](), runtime, **settings)
    if pools:
        wait_filled(server)
        waited = waiting(server)
    told = invoke(server, name)
    if pools:
        assert starts(server, name) == {"pooled": 1}
        assert any(leftovers.input_of(pid) == "/dev/null" for pid in waited), "one that waited serves"
    server.client().delete_function(FunctionName=name)
    for variable in UNIQUE:
        told["environment"].pop(variable, None)
    return told


@pytest.mark.parametrize("variables", [{}, {"TZ": "Asia/Tokyo", "MINE": "ä=\n1", "PATH": "/opt/bin", "NODE_ENV": "production"}],
                         ids=["bare", "own"])
@pytest.mark.parametrize("runtime", ["python", "node"])
def test_a_function_cannot_tell(pooled, without, runtime, variables):
    settings = {"Environment": {"Variables": variables}}
    ahead = shown(pooled, runtime, True, **settings)
    late = shown(without, runtime, False, **settings)
    assert ahead == late
    assert "index" in str(ahead["task"])
    wait_empty(pooled)


def test_the_first_invoke_is_pooled_and_the_second_warm(pooled, deployer):
    name = deployer({"index.py": "def handler(event, context):\n    return 1\n"})
    wait_filled(pooled)
    before = waiting(pooled)
    assert invoke(pooled, name) == 1
    assert invoke(pooled, name) == 1
    wait_filled(pooled)
    assert starts(pooled, name) == {"pooled": 1, "warm": 1}
    assert not set(before) & set(waiting(pooled)), "one that was used is never used again"


def test_without_root_it_is_the_same():
    user = Ordinary()
    server = user.server("--allow-nearest-runtime").start()
    try:
        name = Deployer(server.client())({"index.py": "import os\ndef handler(event, context):\n    return os.listdir('.')\n"})
        wait_filled(server)
        assert invoke(server, name) == ["index.py"]
        assert starts(server, name) == {"pooled": 1}
    finally:
        assert server.stop() == 0
        user.remove()


def test_nothing_waits_without_memory_for_it(without):
    deploy = Deployer(without.client())
    name = deploy({"index.py": "def handler(event, context):\n    return 1\n"})
    time.sleep(1)
    assert waiting(without) == []
    assert invoke(without, name) == 1
    assert starts(without, name) == {"cold": 1}


READ_AT_START = {
    "python": ("PYTHONHASHSEED", "0", "def handler(event, context):\n    return hash('x') == hash('x') and SAME\n"),
    "node": ("NODE_OPTIONS", "--stack-trace-limit=3", "exports.handler = async () => Error.stackTraceLimit === 3;\n"),
}


@pytest.mark.parametrize("runtime", READ_AT_START)
def test_variables_that_are_read_at_the_start_are_read(pooled, deployer, runtime):
    variable, value, code = READ_AT_START[runtime]
    # What Python makes of an `x` with this seed.
    same = subprocess.run([sys.executable, "-c", "print(hash('x'))"], env={"PYTHONHASHSEED": value}, capture_output=True, text=True)
    code = code.replace("SAME", f"hash('x') == {same.stdout.strip()}")
    name = deployer({"index.py": code, "index.js": code}, runtime, Environment={"Variables": {variable: value}})
    time.sleep(0.5)
    assert waiting(pooled) == []
    assert invoke(pooled, name) is True
    # The sandbox was there all the same.
    assert starts(pooled, name) == {"pooled": 1}


def test_what_dies_while_it_waits_fails_no_invoke(pooled, deployer):
    name = deployer({"index.py": "def handler(event, context):\n    return 1\n"})
    wait_filled(pooled)
    for pid in waiting(pooled):
        os.kill(pid, signal.SIGKILL)
    assert invoke(pooled, name) == 1
    assert starts(pooled, name) == {"cold": 1}


def test_what_a_waiting_process_cannot_become_is_the_functions_fault(pooled, deployer):
    missing = deployer({"readme.txt": "nothing to run"}, "custom", MemorySize=200)
    # The kernel takes no file without a first line that names its interpreter, and no shell does instead.
    nameless = deployer({"bootstrap": "sleep 5\n"}, "custom", MemorySize=210)
    time.sleep(1)
    for name in (missing, nameless):
        answer = pooled.client().invoke(FunctionName=name)
        assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.InvalidEntrypoint"
        assert starts(pooled, name) == {"pooled": 1}


def test_it_goes_with_the_last_function_and_follows_changes(pooled, deployer):
    one = deployer({"index.py": "def handler(event, context):\n    return 1\n"}, MemorySize=256)
    other = deployer({"index.py": "def handler(event, context):\n    return 2\n"}, MemorySize=256)
    wait_filled(pooled)
    pooled.client().delete_function(FunctionName=one)
    time.sleep(0.5)
    assert waiting(pooled), "another function still has use for it"
    before = waiting(pooled)
    pooled.client().update_function_configuration(FunctionName=other, MemorySize=300)
    pooled.client().get_waiter("function_updated_v2").wait(FunctionName=other)
    wait_filled(pooled)
    assert not set(before) & set(waiting(pooled))
    assert invoke(pooled, other) == 2


def test_a_burst_is_served_beyond_what_waits(pooled, deployer):
    name = deployer({"index.py": "import time\ndef handler(event, context):\n    time.sleep(0.3)\n    return event\n"})
    wait_filled(pooled)
    client = pooled.client()

    def one(number):
        return json.loads(client.invoke(FunctionName=name, Payload=json.dumps(number))["Payload"].read())

    with ThreadPoolExecutor(12) as threads:
        assert sorted(threads.map(one, range(12))) == list(range(12))


def test_where_memory_is_short_the_latest_counts(tmp_path):
    # Room for one interpreter, not for two.
    server = Server(tmp_path, "--allow-nearest-runtime", "--pool-memory-mib", "28").start()
    try:
        deploy = Deployer(server.client())
        deploy({"index.py": "def handler(event, context):\n    return 1\n"}, MemorySize=256)
        wait_filled(server)
        first = waiting(server)
        latest = deploy({"index.py": "def handler(event, context):\n    return 2\n"}, MemorySize=300)
        until = time.monotonic() + FILLED_S
        while not waiting(server) or set(waiting(server)) & set(first):
            assert time.monotonic() < until
            time.sleep(0.05)
        wait_filled(server)
        assert len(waiting(server)) == 1
        assert invoke(server, latest) == 2
        assert starts(server, latest) == {"pooled": 1}
        look_at_loaded_programs(server, deploy)
    finally:
        assert server.stop() == 0


# With its 20 MiB nothing else has room.
LARGE = """
import time
held = b"x" * (20 << 20)
def handler(event, context):
    time.sleep(event)
"""


def look_at_loaded_programs(server, deploy):
    """They take of the same memory, until the last clone of them is gone."""
    client = server.client()
    name = deploy({"index.py": LARGE}, MemorySize=300, SnapStart={"ApplyOn": "PublishedVersions"})
    wait_filled(server)
    client.publish_version(FunctionName=name)
    wait_empty(server)
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(client.invoke, FunctionName=name, Qualifier="1", Payload=b"2")
        time.sleep(0.5)
        client.delete_function(FunctionName=name)
        deploy({"index.py": "def handler(event, context):\n    return 3\n"}, MemorySize=400)
        time.sleep(0.7)
        assert waiting(server) == [] and not running.done()
        assert "FunctionError" not in running.result()
    until = time.monotonic() + FILLED_S
    while not waiting(server):
        assert time.monotonic() < until
        # With each it is looked again.
        deploy({"index.py": "def handler(event, context):\n    return 4\n"}, MemorySize=400)
        time.sleep(0.3)


def test_a_killed_server_leaves_none(tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime").start()
    Deployer(server.client())({"index.py": "def handler(event, context):\n    return 1\n"})
    wait_filled(server)
    pids = waiting(server)
    server.process.kill()
    server.process.wait()
    until = time.monotonic() + FILLED_S
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert server.start()
    assert server.stop() == 0
