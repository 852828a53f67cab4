"""How an invoke got its environment, and where the time of its start went."""

import json
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

HELLO = {"index.py": "def handler(e, c):\n    return 'hello'\n"}
SLEEP_NODE = "const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);\n"
SLOW = {
    "python": {
        "index.py": "import json\nimport slow\nimport time\ntime.sleep(0.1)\ndef handler(e, c):\n    return 'done'\n",
        "slow/__init__.py": "from . import core\n",
        "slow/core.py": "import time\ntime.sleep(2)\n",
    },
    "node": {
        "index.js": SLEEP_NODE + "require('slow');\nsleep(100);\nexports.handler = async () => 'done';\n",
        "node_modules/slow/index.js": "require('./core.js');\n",
        "node_modules/slow/core.js": SLEEP_NODE + "sleep(2000);\n",
    },
    "esm": {
        "index.mjs": "import './elsewhere.mjs';\nimport 'slow';\nexport const handler = async () => 'done';\n",
        "elsewhere.mjs": SLEEP_NODE + "sleep(100);\n",
        "node_modules/slow/index.js": "require('./core.js');\n",
        "node_modules/slow/core.js": SLEEP_NODE + "sleep(2000);\n",
    },
}
MODULES = {
    "python": ("index", "slow", "slow.core"),
    "node": ("index.js", "slow/index.js", "slow/core.js"),
    "esm": ("index.mjs", "slow/index.js", "slow/core.js"),
}
# Answers every event, and sends what a kind says with its first `next`.
HOSTILE = """#!/usr/bin/python3
import os, socket, time
def told(**more):
    fields = {"runtime": 0, "load": 0, "init": 0, "modules": "[]"} | more
    return ("{" + ",".join('"%s":%s' % field for field in fields.items()) + "}").encode()
HUGE = 2**64 - 1
VALUES = {
    "nothing": None,
    "too long": told(modules="[" + " " * 100_000 + "]"),
    "no json": b"certainly {",
    "no text": bytes(range(128, 256)),
    "NaN": told(load="NaN"),
    "negative": told(load=-1),
    "fraction": told(load="0.5"),
    "ten thousand modules": told(modules="[" + ",".join(['["m",0,1,1,1]'] * 10_000) + "]"),
    "deep": told(modules="[" * 4000),
    "unknown field": told(more=1),
    "lies": told(runtime=HUGE, load=HUGE, init=HUGE, modules='[["\\\\u001b[31m",%d,%d,%d,1]]' % (HUGE, HUGE, HUGE)),
}
value = VALUES[os.environ["KIND"]]
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
sock = socket.create_connection((host, int(port)))
stream = sock.makefile("rb")
base = b" /2018-06-01/runtime/invocation/"
header = b"" if value is None else b"Lambkin-Start: " + value + b"\\r\\n"
while True:
    sock.sendall(b"GET" + base + b"next HTTP/1.1\\r\\nHost: x\\r\\n" + header + b"\\r\\n")
    headers = {}
    while line := stream.readline().strip():
        name, _, text = line.partition(b":")
        headers[name.lower()] = text.strip()
    stream.read(int(headers[b"content-length"]))
    answer = b"POST" + base + headers[b"lambda-runtime-aws-request-id"] + b"/response HTTP/1.1\\r\\nHost: x\\r\\n"
    sock.sendall(answer + b"Content-Length: 4\\r\\n\\r\\ntrue")
    while stream.readline().strip():
        pass
    stream.read(16)
"""


def test_each_invoke_tells_how_it_got_its_environment(server, deploy, invoke):
    name = deploy(HELLO)
    for expected in ((1, 0), (1, 1), (1, 2)):
        invoke(name)
        (mine,) = [f for f in ledger(server)["functions"] if f["function"] == name]
        assert (mine["cold"] + mine["pooled"], mine["warm"]) == expected
    head, line = [row.split() for row in server.cli("ledger").stdout.splitlines() if row.startswith(("FUNCTION", name))]
    assert line[head.index("WARM")] == "2"
    events = [json.loads(line) for line in server.cli("--output", "json", "logs", name).stdout.splitlines()]
    first, *others = [event["start"] for event in events if "start" in event]
    assert first in ("cold", "pooled") and others == ["warm", "warm"]
    assert all(("start" in event) == event["message"].startswith("REPORT ") for event in events)


@pytest.mark.parametrize("language", SLOW)
def test_what_is_slow_is_named_with_its_share(server, deploy, invoke, language, tmp_path):
    runtime = "python" if language == "python" else "node"
    name = deploy(SLOW[language], runtime=runtime)
    request = invoke(name)["ResponseMetadata"]["RequestId"]
    invoke(name)
    (start,) = starts(server, name)
    assert (start["request_id"], start["outcome"]) == (request, "success") and start["start"] in ("cold", "pooled")
    program = start["program"]
    modules = {module["name"]: module for module in program["modules"]}
    index, package, core = (modules[module] for module in MODULES[language])
    assert [one["depth"] for one in (index, package, core)] == [0, 1, 2]
    assert core["self_us"] >= 2_000_000 and package["self_us"] < 2_000_000 <= package["total_us"]
    assert program["imports_us"] >= 2_000_000 and 100_000 <= program["init_us"] < 2_000_000
    assert index["total_us"] >= 2_100_000 and index["self_us"] == program["init_us"]
    adds_up(start)

    drawing = tmp_path / "start.svg"
    lines = server.cli("why-slow", name, "--svg", str(drawing)).stdout.splitlines()
    assert f"request {request}" in lines[0]
    share = round(100 * package["total_us"] / start["total_us"])
    assert lines[-1].startswith(f"import of {MODULES[language][1]} takes {share} % of the start")
    assert f"for {MODULES[language][2]} alone" in lines[-1]
    svg = xml.etree.ElementTree.parse(drawing).getroot()
    assert svg.tag.endswith("svg") and MODULES[language][2] in drawing.read_text()


def test_no_stack_shows_the_timing(deploy, invoke):
    python = {
        "index.py": "import inner\ndef handler(e, c):\n    return inner.seen\n",
        "inner.py": "import traceback\nseen = ''.join(traceback.format_stack())\n"
        "try:\n    import broken\nexcept ValueError:\n    seen += traceback.format_exc()\n",
        "broken.py": "raise ValueError\n",
    }
    node = {
        "index.js": "const inner = require('./inner.js');\nexports.handler = async () => inner.seen;\n",
        "inner.js": "Error.stackTraceLimit = 99;\nexports.seen = new Error().stack;\n"
        "try { require('./broken.js'); } catch (error) { exports.seen += error.stack; }\n",
        "broken.js": "throw new Error();\n",
    }
    for runtime, files in (("python", python), ("node", node)):
        seen = invoke(deploy(files, runtime=runtime))["Json"]
        assert "index" in seen and "broken" in seen, seen
        assert "lambkin-start" not in seen and "lambkin_start" not in seen, seen


def test_slow_code_of_the_handlers_module_and_of_the_handler_are_told_apart(server, deploy, invoke):
    slow = "import time\ntime.sleep(%s)\ndef handler(e, c):\n    time.sleep(%s)\n"
    for sleeps, part, advice in (((0.8, 0), "init_us", "outside of the handler"), ((0, 0.8), "handler_us", "first run")):
        name = deploy({"index.py": slow % sleeps})
        invoke(name)
        (start,) = starts(server, name)
        spent = start["program"] | start
        assert spent[part] >= 800_000 and start["total_us"] < 2 * spent[part]
        assert advice in server.cli("why-slow", name).stdout


def test_an_init_that_failed_is_a_part_of_its_own(server, deploy, invoke):
    name = deploy({"index.py": "import time\ntime.sleep(0.15)\nraise ValueError\n"})
    assert invoke(name)["FunctionError"] == "Unhandled"
    (start,) = starts(server, name)
    assert start["outcome"] == "error" and start["failed_init_us"] >= 300_000 and start["program_us"] == 0
    assert f"lambkin logs {name}" in server.cli("why-slow", name).stdout


def test_the_last_starts_are_kept_until_the_function_changes(server, deploy, invoke, client):
    name = deploy({"index.py": "def handler(e, c):\n    import time; time.sleep(1.5)\n"})
    nothing = server.cli("why-slow", name).stdout
    assert nothing.startswith(f"no start of {name} is known: invoke it once")
    assert server.cli("why-slow", name, "--svg", "/tmp/never", check=False).returncode == 1
    with ThreadPoolExecutor(10) as pool:
        requests = [one["ResponseMetadata"]["RequestId"] for one in pool.map(invoke, [name] * 10)]
    kept = starts(server, name)
    assert len(kept) == 8 and {start["request_id"] for start in kept} <= set(requests)
    assert "MEDIAN OF 8" in server.cli("why-slow", name).stdout

    client.update_function_configuration(FunctionName=name, Description="other")
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert starts(server, name) == []
    client.delete_function(FunctionName=name)
    gone = server.cli("why-slow", name, check=False)
    assert gone.returncode == 1 and "ResourceNotFoundException" in gone.stderr
    assert f"Function not found: arn:aws:lambda:us-east-1:000000000000:function:{name}" in gone.stderr


def test_what_a_program_tells_is_bounded_and_lies_hurt_nobody(server, deploy, invoke):
    kinds = [line.split('"')[1] for line in HOSTILE.splitlines() if line.startswith('    "')]
    assert len(kinds) == 11
    make = partial(deploy, {"bootstrap": HOSTILE}, runtime="custom")
    with ThreadPoolExecutor(len(kinds)) as pool:
        names = list(pool.map(lambda kind: make(Environment={"Variables": {"KIND": kind}}), kinds))
    for kind, name in zip(kinds, names, strict=True):
        assert (invoke(name)["Json"], invoke(name)["Json"]) == (True, True), kind
        (start,) = starts(server, name)
        assert start["outcome"] == "success" and 0 < start["program_us"] < 5_000_000, kind
        adds_up(start)
        if kind != "lies":
            assert "program" not in start, kind
            continue
        (module,) = start["program"]["modules"]
        assert module["name"] == "?[31m" and module["start_us"] + module["total_us"] <= start["program_us"]
        assert "\x1b" not in server.cli("why-slow", name).stdout


def adds_up(start):
    parts = ("queue_us", "code_us", "sandbox_us", "mounts_us", "failed_init_us", "program_us", "handler_us")
    assert start["mounts_us"] > 0 and start["sandbox_us"] > 0
    assert sum(start[part] for part in parts) == start["total_us"]
    if program := start.get("program"):
        parts = ("interpreter_us", "bootstrap_us", "imports_us", "init_us")
        assert sum(program[part] for part in parts) == start["program_us"]


def starts(server, name):
    return json.loads(server.cli("why-slow", name, "--json").stdout)["starts"]


def ledger(server):
    return json.loads(server.cli("ledger", "--output", "json").stdout)
