"""Invoke: headers, logs, metering, and every way in which a function can fail."""

import base64
import json
import re
import time

import pytest
from botocore.exceptions import ClientError

ECHO = {"index.py": "def handler(event, context):\n    print('seen', context.aws_request_id)\n    return event\n"}
NODE_ECHO = {"index.js": "exports.handler = async (event, context) => { console.log('seen'); return event; };\n"}


@pytest.mark.parametrize("runtime,files", [("python", ECHO), ("node", NODE_ECHO)])
def test_answer_headers_and_log_tail(deploy, invoke, runtime, files):
    name = deploy(files, runtime=runtime)
    answer = invoke(name, {"a": [1, "ü", None]}, LogType="Tail")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert answer["Json"] == {"a": [1, "ü", None]}
    assert headers["content-type"] == "application/json"
    assert headers["x-amzn-remapped-content-length"] == "0"
    assert headers["x-amzn-trace-id"].lower().startswith("root=1-")
    lines = base64.b64decode(answer["LogResult"]).decode().split("\n")
    assert lines[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert any("seen" in line for line in lines)
    assert lines[-3] == f"END RequestId: {request_id}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 512 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t", lines[-2])
    warm = base64.b64decode(invoke(name, {}, LogType="Tail")["LogResult"]).decode()
    assert "Init Duration" not in warm


def test_billed_duration_includes_init_when_cold(deploy, invoke):
    name = deploy({"index.py": "import time\ntime.sleep(0.3)\ndef handler(e, c): return 1\n"})
    tail = base64.b64decode(invoke(name, LogType="Tail")["LogResult"]).decode()
    duration = float(re.search(r"\tDuration: ([\d.]+) ms", tail)[1])
    billed = int(re.search(r"Billed Duration: (\d+) ms", tail)[1])
    init = float(re.search(r"Init Duration: ([\d.]+) ms", tail)[1])
    assert init >= 300
    assert abs(billed - (duration + init)) <= 1.02


def test_dry_run_runs_nothing(server, deploy, client):
    name = deploy(ECHO)
    answer = client.invoke(FunctionName=name, InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert "ExecutedVersion" not in answer
    ledger = json.loads(server.cli("ledger", "--output", "json").stdout)
    assert name not in [f["function"] for f in ledger["functions"]]


def test_client_context_reaches_the_handler(deploy, client):
    name = deploy({"index.py": "def handler(e, c): return c.client_context.custom\n"})
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    answer = client.invoke(FunctionName=name, ClientContext=context)
    assert json.load(answer["Payload"]) == {"k": "v"}


FAILURES = {
    "exception": ("def handler(e, c):\n    raise ValueError('no')\n", "ValueError", "no"),
    "exit": ("import os\ndef handler(e, c):\n    os._exit(3)\n", "Runtime.ExitError",
             "RequestId: {id} Error: Runtime exited with error: exit status 3"),
    "exit-zero": ("import os\ndef handler(e, c):\n    os._exit(0)\n", "Runtime.ExitError",
                  "RequestId: {id} Error: Runtime exited without providing a reason"),
    "killed": ("import os\ndef handler(e, c):\n    os.kill(os.getpid(), 9)\n", "Runtime.ExitError",
               "RequestId: {id} Error: Runtime exited with error: signal: killed"),
    "init-exit": ("import os\nos._exit(3)\ndef handler(e, c): pass\n", "Runtime.ExitError",
                  "RequestId: {id} Error: Runtime exited with error: exit status 3"),
    "missing-handler": ("x = 1\n", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
    "import": ("import nowhere\n", "Runtime.ImportModuleError", "Unable to import module 'index': No module named 'nowhere'"),
    "syntax": ("def handler(\n", "Runtime.UserCodeSyntaxError", None),
    "marshal": ("def handler(e, c): return {1, 2}\n", "Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"),
    "too-big": ("def handler(e, c): return 'x' * 7_000_000\n", "Function.ResponseSizeTooLarge",
                "Response payload size exceeded maximum allowed payload size (6291556 bytes)."),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_is_reported_as_aws_reports_it(deploy, invoke, case):
    source, error_type, message = FAILURES[case]
    name = deploy({"index.py": source})
    answer = invoke(name, {}, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Json"]["errorType"] == error_type
    if message:
        assert answer["Json"]["errorMessage"] == message.format(id=request_id)
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert f"END RequestId: {request_id}\n" in tail and f"REPORT RequestId: {request_id}\t" in tail


@pytest.mark.parametrize("case", ["exit", "killed", "too-big", "exception"])
def test_the_next_invoke_works(deploy, invoke, case):
    source, _, _ = FAILURES[case]
    body = source.split("\n    ", 1)[1] if "\n    " in source else "return 'x' * 7_000_000\n"
    guarded = f"import os\ndef handler(e, c):\n    if e.get('ok'): return 'fine'\n    {body}"
    name = deploy({"index.py": guarded})
    assert invoke(name, {})["FunctionError"] == "Unhandled"
    assert invoke(name, {"ok": 1})["Json"] == "fine"


def test_timeout(deploy, invoke):
    source = ("import os, time\ndef handler(e, c):\n    if e.get('ok'): return os.path.exists('/tmp/mark')\n"
              "    open('/tmp/mark', 'w').close()\n    time.sleep(30)\n")
    name = deploy({"index.py": source}, Timeout=1)
    invoke(name, {"ok": 1})
    start = time.monotonic()
    answer = invoke(name, {}, LogType="Tail")
    assert 1.0 <= time.monotonic() - start < 1.5
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Json"] == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "Task timed out after 1.00 seconds" in tail and "\tStatus: timeout" in tail
    assert re.search(r"\tDuration: 1000\.00 ms\tBilled Duration: 1000 ms\t", tail)
    assert invoke(name, {"ok": 1})["Json"] is True, "/tmp outlives a timeout"


def test_out_of_memory(deploy, invoke):
    source = "def handler(e, c):\n    if e.get('ok'): return 'fine'\n    return len(bytearray(400 * 2**20))\n"
    name = deploy({"index.py": source}, MemorySize=128, Timeout=20)
    answer = invoke(name, {}, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert answer["Json"]["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")
    assert answer["Json"]["errorMessage"].endswith("Runtime exited with error: signal: killed")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "Error Type: Runtime.OutOfMemory" in tail
    assert invoke(name, {"ok": 1})["Json"] == "fine"


def test_temporary_storage_is_not_memory(deploy, invoke):
    source = ("def handler(e, c):\n    done = 0\n    try:\n        with open('/tmp/fill', 'wb') as f:\n"
              "            for _ in range(700):\n                f.write(bytes(2**20)); f.flush(); done += 1\n"
              "    except OSError as error:\n        return [done, error.errno]\n    return [done, 0]\n")
    name = deploy({"index.py": source}, MemorySize=128, Timeout=60)
    written, errno = invoke(name)["Json"]
    assert errno == 28 and 400 < written <= 512


def test_bad_json_is_refused_before_it_runs(deploy, client):
    name = deploy(ECHO)
    with pytest.raises(client.exceptions.InvalidRequestContentException) as caught:
        client.invoke(FunctionName=name, Payload=b"abc")
    assert caught.value.response["Error"]["Message"].startswith(
        "Could not parse request body into json: Could not parse payload into json: "
        "Unrecognized token 'abc': was expecting (JSON String, Number, Array, Object or token "
        "'null', 'true' or 'false')\n at [Source: REDACTED")


def test_payload_over_6_mb_is_refused(deploy, client):
    name = deploy(ECHO)
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName=name, Payload=b'"' + b"x" * 6291456 + b'"')
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert caught.value.response["Error"]["Message"] == (
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation")


def test_missing_bootstrap(deploy, invoke):
    name = deploy({"readme.txt": "nothing to run"}, runtime="custom")
    answer = invoke(name)
    assert answer["Json"]["errorType"] == "Runtime.InvalidEntrypoint"


def test_shell_bootstrap(deploy, invoke):
    bootstrap = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  event=$(curl -sS -D /tmp/head "$api/next")
  id=$(grep -i Lambda-Runtime-Aws-Request-Id /tmp/head | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -o /dev/null "$api/$id/response" -d "{\\"echo\\": $event}"
done
"""
    name = deploy({"bootstrap": bootstrap}, runtime="custom")
    assert invoke(name, {"n": 1})["Json"] == {"echo": {"n": 1}}
    assert invoke(name, {"n": 2})["Json"] == {"echo": {"n": 2}}


def test_json_logging(deploy, invoke, client):
    source = "import logging\ndef handler(e, c):\n    logging.getLogger().error('boom %s', 1)\n"
    name = deploy({"index.py": source}, LoggingConfig={"LogFormat": "JSON"})
    shown = client.get_function_configuration(FunctionName=name)["LoggingConfig"]
    assert shown == {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO",
                     "LogGroup": f"/aws/lambda/{name}"}
    tail = base64.b64decode(invoke(name, LogType="Tail")["LogResult"]).decode()
    records = [json.loads(line) for line in tail.splitlines()]
    assert [r["type"] for r in records if "type" in r] == ["platform.start", "platform.report"]
    line = next(r for r in records if r.get("level") == "ERROR")
    assert line["message"] == "boom 1"
    assert records[-1]["record"]["status"] == "success"
