"""Versions with SnapStart: loaded once, and cloned for each environment."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Deployer
from harness import leftovers
from harness.ordinary import Ordinary
from harness.package import zip_files
from harness.server import Server

# Loading it takes half a second; what is told twice would be shared.
CODE = """
import os, random, secrets, socket, ssl, sys, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot
time.sleep(0.5)
print("loading")
told, loaded, first = [], os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], ssl.RAND_bytes(8)
@register_before_snapshot
def one(): told.append("before 1")
register_before_snapshot(told.append, "before 2")
register_after_restore(told.append, "after 1")
@register_after_restore
def two(): told.append("after 2")
def handler(event, context):
    if event == "end": os._exit(3)
    if event == "sleep": time.sleep(60)
    if event == "fork": return os.popen("echo forked").read()
    time.sleep(0.3)
    told.append("invoked")
    own = [random.random(), secrets.token_hex(), str(uuid.uuid4()), ssl.RAND_bytes(8).hex(), context.log_stream_name,
           os.environ["AWS_LAMBDA_LOG_STREAM_NAME"], os.environ["AWS_SESSION_TOKEN"]]
    return {"told": told, "loaded": loaded, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "own": own,
            "stdin": sys.stdin.read(), "cwd": os.getcwd(), "tmp": os.listdir("/tmp"), "colour": os.environ["COLOUR"],
            "processes": [n for n in os.listdir("/proc") if n.isdigit() and int(n) not in (1, os.getpid())]}
"""
TOLD = ["before 2", "before 1", "after 1", "after 2", "invoked"]
OTHERS = {
    "unfit": "import snapshot_restore_py as hooks\nfile, told = open('/etc/passwd'), []\n"
             "hooks.register_after_restore(told.append, 'after')\nhooks.register_before_snapshot(told.append, 'before')\n"
             "def handler(event, context): return [file.readline()[:4], *told]\n",
    "before": "import snapshot_restore_py\nsnapshot_restore_py.register_before_snapshot(int, 'x')\n"
              "def handler(event, context): return 'unreached'\n",
    "broken": "raise ValueError('not today')\n",
    "restore": "import snapshot_restore_py\nsnapshot_restore_py.register_after_restore(int, 'x')\n"
               "def handler(event, context): return 'unreached'\n",
}
# A clone of it ends before it asks for its first event.
DYING = """
import os, time
from snapshot_restore_py import register_after_restore
register_after_restore(os._exit, 7)
def handler(event, context):
    time.sleep(0.7)
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""
# Takes longer to be loaded to be cloned than anybody waits; an environment has a log stream.
SLOW = """
import os, time
print("loads", flush=True)
if not os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]: time.sleep(100)
def handler(event, context): return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""


def templates(server):
    """Processes that stand still for ever."""
    def stands(pid):
        try:
            with open(f"/proc/{pid}/status") as status:
                return "\nState:\tt" in status.read()
        except OSError:
            return False
    return [pid for pid in leftovers.sandbox_processes(server.process.pid) if stands(pid)]


def wait_for(server, count, others_than=()):
    until = time.monotonic() + 30
    while len(there := templates(server)) != count or set(there) & set(others_than):
        assert time.monotonic() < until, server.log()
        time.sleep(0.05)
    # From its standing still to the server's hearing of it, which looks at it before.
    time.sleep(0.3 if count else 0)


def publish(server, code, **settings):
    name = Deployer(server.client())({"index.py": code}, "python", SnapStart={"ApplyOn": "PublishedVersions"}, **settings)
    published = server.client().publish_version(FunctionName=name)
    assert (published["State"], published["StateReasonCode"]) == ("Pending", "Creating")
    server.client().get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier="1", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    return name


def invoke(server, name, event=None, qualifier="1"):
    answer = server.client().invoke(FunctionName=name, Qualifier=qualifier, Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def is_on(server, name, qualifier="1"):
    shown = server.client().get_function_configuration(FunctionName=name, Qualifier=qualifier)
    listed = server.client().list_versions_by_function(FunctionName=name)["Versions"]
    listed = next(version for version in listed if version["Version"] == qualifier)
    assert listed["SnapStart"] == shown["SnapStart"]
    return {"On": True, "Off": False}[shown["SnapStart"]["OptimizationStatus"]]


def starts(server, name):
    rows = json.loads(server.cli("ledger", "--output", "json").stdout)["functions"]
    row = next(row for row in rows if row["function"] == name)
    return {kind: row[kind] for kind in ("cold", "pooled", "cloned", "warm") if row[kind]}


def look_at_clones(server):
    name = publish(server, CODE, Environment={"Variables": {"COLOUR": "green"}})
    wait_for(server, 1)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: invoke(server, name), range(4)))
    assert starts(server, name) == {"cloned": 4}
    assert all(error is None for error, _ in answers), answers
    bodies = [body for _, body in answers]
    own = [value for body in bodies for value in set(body.pop("own"))]
    assert len(own) == len(set(own)) == 4 * 6, "each has randomness, credentials and a stream of its own"
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0] == {"told": TOLD, "loaded": "snap-start", "type": "snap-start", "stdin": "", "cwd": "/var/task",
                         "tmp": [], "colour": "green", "processes": []}
    return name


def look_at_logs(server, name, unfit, broken):
    """Loading has a stream of its own, whatever comes of it, and clones tell of their restoration."""
    log = lambda function: server.cli("logs", f"{function}:1").stdout
    text = log(name)
    counts = [text.count(words) for words in ("INIT_START", "loading", "INIT_REPORT Init Duration: ", "RESTORE_START",
                                              "RESTORE_REPORT Restore Duration: ", "Billed Restore Duration: ")]
    assert counts[:3] == [1, 1, 1] and counts[3] == counts[4] >= counts[5] == 4 and "one by one" not in text, text
    assert "lambkin: environments are started one by one: " in log(unfit)
    text = log(broken)
    assert "ValueError: not today" in text and "one by one: its code or a hook failed" in text, text
    assert "Phase: init\tStatus: error\tError Type: Runtime.ExitError" in text, text


def look_at_ends(server, name):
    assert invoke(server, name, "fork") == (None, "forked\n")
    for event in ("end", "sleep"):
        error, body = invoke(server, name, event)
        assert error == "Unhandled" and body["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout"), body
        assert invoke(server, name, "fork") == (None, "forked\n")
    assert "pooled" not in starts(server, name) and "cold" not in starts(server, name)


def test_environments_are_clones_and_each_is_its_own(tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime").start()
    try:
        name = look_at_clones(server)
        others = {kind: publish(server, code) for kind, code in OTHERS.items()}
        wait_for(server, 2)
        assert invoke(server, others["unfit"]) == (None, ["root", "before", "after"]), "no clone, but its hooks have run"
        look_at_logs(server, name, others["unfit"], others["broken"])
        assert "cloned" not in starts(server, others["unfit"])
        assert [is_on(server, deployed) for deployed in (name, others["unfit"], others["broken"])] == [True, False, False]
        assert not is_on(server, name, qualifier="$LATEST")
        assert invoke(server, others["broken"])[1]["errorType"] in ("Runtime.ImportModuleError", "ValueError")
        for hook in ("before", "restore"):
            error, body = invoke(server, others[hook])
            assert (error, body["errorType"]) == ("Unhandled", "ValueError"), body
        assert invoke(server, others["unfit"], qualifier="$LATEST") == (None, ["root"])
        for deployed in [name, *others.values()]:
            server.client().delete_function(FunctionName=deployed)
        wait_for(server, 0)
    finally:
        assert server.stop() == 0
    leftovers.wait_until_none(leftovers.cgroups, "cgroups after the server's end")


def look_at_latest(server):
    client = server.client()
    code = {"index.py": "loaded = 1\ndef handler(event, context): return loaded\n"}
    name = Deployer(client)(code, "python", SnapStart={"ApplyOn": "PublishedVersions"})
    wait_for(server, 1)
    assert invoke(server, name, qualifier="$LATEST") == (None, 1)
    [start] = json.loads(server.cli("why-slow", name, "--output", "json").stdout)["starts"]
    assert start["start"] == "cloned" and "program" not in start and start["program_us"] > 0, start
    assert "restore" in server.cli("why-slow", name).stdout
    assert starts(server, name) == {"cloned": 1} and is_on(server, name, qualifier="$LATEST")
    code["index.py"], before = code["index.py"].replace("1", "2", 1), templates(server)
    client.update_function_code(FunctionName=name, ZipFile=zip_files(code))
    assert client.get_function_configuration(FunctionName=name)["State"] == "Active", "nobody waits for it"
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    wait_for(server, 1, others_than=before)
    assert invoke(server, name, qualifier="$LATEST") == (None, 2)
    assert starts(server, name) == {"cloned": 2}
    client.delete_function(FunctionName=name)
    wait_for(server, 0)


def look_at_dying_clones(server):
    name = Deployer(server.client())({"index.py": DYING}, "python", SnapStart={"ApplyOn": "PublishedVersions"})
    wait_for(server, 1)
    until = time.monotonic() + 30
    with ThreadPoolExecutor(2) as pool:
        # On a busy machine one may be over before the other comes, which meets no clone then.
        while templates(server) and time.monotonic() < until:
            answers = list(pool.map(lambda _: invoke(server, name, qualifier="$LATEST"), range(2)))
            assert answers == [(None, "on-demand")] * 2
    assert "cloned" not in starts(server, name)
    start = json.loads(server.cli("why-slow", name, "--output", "json").stdout)["starts"][0]
    assert start["failed_init_us"] > 0 and start["start"] != "cloned", start
    wait_for(server, 0)
    server.client().delete_function(FunctionName=name)


def look_at_what_is_not_loaded_yet(server):
    """It is started as any other, and stops loading when nobody wants it any more."""
    client = server.client()
    name = Deployer(client)({"index.py": SLOW}, "python", SnapStart={"ApplyOn": "PublishedVersions"})
    until = time.monotonic() + 10
    while "loads" not in server.cli("logs", name).stdout:
        assert time.monotonic() < until
        time.sleep(0.05)
    client.publish_version(FunctionName=name)
    for version, kind in (("$LATEST", "on-demand"), ("1", "snap-start")):
        assert invoke(server, name, qualifier=version) == (None, kind)
    assert client.get_function_configuration(FunctionName=name, Qualifier="1")["State"] == "Pending"
    client.delete_function(FunctionName=name)
    leftovers.wait_until_none(lambda: leftovers.sandbox_processes(server.process.pid), "what was loaded")


def test_latest_is_cloned_where_the_operator_says_so(tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime", "--snap-start", "latest").start()
    try:
        look_at_latest(server)
        look_at_dying_clones(server)
        look_at_what_is_not_loaded_yet(server)
    finally:
        assert server.stop() == 0


def test_clones_end_and_are_replaced_and_without_root_it_is_the_same():
    user = Ordinary()
    server = user.server("--allow-nearest-runtime").start()
    try:
        name = publish(server, CODE, Timeout=1, Environment={"Variables": {"COLOUR": "green"}})
        wait_for(server, 1)
        look_at_ends(server, name)
        server.client().delete_function(FunctionName=name)
        wait_for(server, 0)
    finally:
        assert server.stop() == 0
        user.remove()
