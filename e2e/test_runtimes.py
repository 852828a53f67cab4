"""The managed runtimes: what a handler is, gets, logs and answers in Python and in Node.js."""

import base64
import json
import re
import time

import pytest

ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def lines(answer):
    """The log of an invoke without the platform's own lines."""
    text = base64.b64decode(answer["LogResult"]).decode()
    return [line for line in text.split("\n") if line and not re.match(r"(START|END|REPORT|INIT_REPORT) ", line)]


def request_id(answer):
    return answer["ResponseMetadata"]["RequestId"]


def assert_logged(server, name, text):
    """What INIT wrote stands before START, so it is in the log but not in the tail."""
    deadline = time.monotonic() + 5
    while text not in (log := server.cli("logs", name).stdout):
        assert time.monotonic() < deadline, f"{text!r} is not in:\n{log}"
        time.sleep(0.1)


def events(server, name, request):
    """The messages of an invoke's events; one may have several lines."""
    deadline = time.monotonic() + 5
    while True:
        shown = server.cli("--output", "json", "logs", name, "--request-id", request).stdout.splitlines()
        messages = [json.loads(line)["message"] for line in shown]
        if any(message.startswith("REPORT ") for message in messages):
            return messages
        assert time.monotonic() < deadline, messages
        time.sleep(0.1)


# ---- Python

PYTHON_CONTEXT = """
import os
def handler(event, context):
    left = context.get_remaining_time_in_millis()
    return {
        'attributes': {name: getattr(context, name) for name in (
            'aws_request_id', 'log_group_name', 'log_stream_name', 'function_name', 'memory_limit_in_mb',
            'function_version', 'invoked_function_arn', 'tenant_id')},
        'left': left, 'client': context.client_context and context.client_context.client.app_title,
        'custom': context.client_context and context.client_context.custom,
        'env': context.client_context and context.client_context.env,
        'identity': [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
        'trace': os.environ['_X_AMZN_TRACE_ID'],
    }
"""


def test_python_context(deploy, client, invoke):
    name = deploy({"index.py": PYTHON_CONTEXT})
    sent = {"custom": {"k": "ü"}, "env": {"e": "1"}, "client": {"app_title": "shop"}}
    answer = client.invoke(FunctionName=name, ClientContext=base64.b64encode(json.dumps(sent).encode()).decode())
    seen = json.load(answer["Payload"])
    stream = seen["attributes"].pop("log_stream_name")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    arn = seen["attributes"].pop("invoked_function_arn")
    assert arn.startswith("arn:aws:lambda:us-east-1:") and arn.endswith(f":function:{name}")
    assert seen["attributes"] == {
        "aws_request_id": request_id(answer), "log_group_name": f"/aws/lambda/{name}", "function_name": name,
        "memory_limit_in_mb": "512", "function_version": "$LATEST", "tenant_id": None}
    assert 8_000 < seen["left"] <= 10_000
    assert (seen["client"], seen["custom"], seen["env"]) == ("shop", {"k": "ü"}, {"e": "1"})
    assert seen["identity"] == [None, None]
    assert seen["trace"].startswith("Root=1-")
    assert invoke(name)["Json"]["custom"] is None


@pytest.mark.parametrize("handler,files", [
    ("pack.deep.handle", {"pack/__init__.py": "", "pack/deep.py": "def handle(e, c): return 'found'\n"}),
    ("src/app.handle", {"src/app.py": "def handle(e, c): return 'found'\n"}),
    # The runtime's own files hide none of the function's.
    ("bootstrap.handle", {"bootstrap.py": "def handle(e, c): return 'found'\n"}),
])
def test_python_handler_names(deploy, invoke, handler, files):
    assert invoke(deploy(files, handler=handler))["Json"] == "found"


PYTHON_LOAD_FAILURES = {
    "malformed": ("foo", {"foo.py": ""}, "Runtime.MalformedHandlerName",
                  "Bad handler 'foo': not enough values to unpack (expected 2, got 1)"),
    "builtin": ("sys.exit", {"x.py": ""}, "Runtime.BuiltInModuleConflict",
                "Cannot use built-in module sys as a handler module"),
    "no-module": ("other.handler", {"index.py": ""}, "Runtime.ImportModuleError",
                  "Unable to import module 'other': No module named 'other'"),
    "raises": ("index.handler", {"index.py": "raise KeyError('k')\n"}, "KeyError", "'k'"),
}


@pytest.mark.parametrize("case", PYTHON_LOAD_FAILURES)
def test_python_load_failures(server, deploy, invoke, case):
    handler, files, error_type, message = PYTHON_LOAD_FAILURES[case]
    name = deploy(files, handler=handler)
    error = invoke(name)["Json"]
    assert (error["errorType"], error["errorMessage"], error["requestId"]) == (error_type, message, "")
    assert bool(error["stackTrace"]) == (case == "raises")
    assert_logged(server, name, f"[ERROR] {error_type}: {message}")
    assert_logged(server, name, "Z\t\tLAMBDA_WARNING: Unhandled exception. ")


def test_python_syntax_error_names_its_place(deploy, invoke):
    error = invoke(deploy({"index.py": "x = 1\ndef handler(\n"}))["Json"]
    assert error["errorType"] == "Runtime.UserCodeSyntaxError"
    assert error["errorMessage"].startswith("Syntax error in module 'index': ")
    assert error["stackTrace"] == ['  File "/var/task/index.py" Line 2\n    def handler(\n']


def test_python_exception(deploy, invoke):
    source = "class Odd(Exception): pass\ndef inner():\n    raise Odd('no\\u00fc')\ndef handler(e, c):\n    inner()\n"
    answer = invoke(deploy({"index.py": source}), LogType="Tail")
    assert answer["Json"] == {
        "errorMessage": "noü", "errorType": "Odd", "requestId": request_id(answer),
        "stackTrace": ['  File "/var/task/index.py", line 5, in handler\n    inner()\n',
                       '  File "/var/task/index.py", line 3, in inner\n    raise Odd(\'no\\u00fc\')\n']}
    log = lines(answer)
    at = log.index("[ERROR] Odd: noü")
    assert log[at + 1:at + 4] == [
        "Traceback (most recent call last):",
        '\u00a0\u00a0File "/var/task/index.py", line 5, in handler', "\u00a0\u00a0\u00a0\u00a0inner()"]


def test_python_exit(deploy, invoke):
    name = deploy({"index.py": "import sys\ndef handler(e, c):\n    if e: exit(e)\n    return 'fine'\n"})
    answer = invoke(name, 4)
    assert answer["Json"] == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id(answer)} Error: Runtime exited with error: exit status 4"}
    assert invoke(name, 0)["Json"] == "fine"


def test_python_logging_as_text(deploy, invoke):
    source = ("import logging, sys\nlog = logging.getLogger()\nlog.warning('loading')\n"
              "def handler(e, c):\n    log.info('unseen')\n    log.setLevel('INFO')\n    log.info('got %s', e)\n"
              "    logging.getLogger('sub').error('sub')\n    print('plain')\n    print('a\\nb')\n"
              "    print('err', file=sys.stderr)\n    print('no end', end='')\n")
    answer = invoke(deploy({"index.py": source}), [1], LogType="Tail")
    log, own = lines(answer), request_id(answer)
    assert re.fullmatch(rf"\[INFO\]\t{ISO}\t{own}\tgot \[1\]", log[-7])
    assert re.fullmatch(rf"\[ERROR\]\t{ISO}\t{own}\tsub", log[-6])
    assert log[-5:] == ["plain", "a", "b", "err", "no end"]
    assert not any("unseen" in line for line in log)


def test_a_record_of_python_is_one_event_and_a_print_is_one_a_line(server, deploy, invoke):
    source = ("import contextlib, io, logging\ndef handler(e, c):\n    print('a\\nb')\n"
              "    with contextlib.redirect_stdout(io.StringIO()):\n        logging.warning('x\\n\\n  y')\n"
              "    logging.getLogger().handlers[0].setFormatter(logging.Formatter('%(message)s'))\n"
              "    logging.warning('no end')\n    logging.warning('z\\n')\n    raise ValueError('not\\nso')\n")
    name = deploy({"index.py": source})
    answer = invoke(name)
    start, *own, end, report = events(server, name, request_id(answer))
    assert own[:2] == ["a", "b"]
    assert re.fullmatch(rf"\[WARNING\]\t{ISO}\t{request_id(answer)}\tx\n\n  y", own[2])
    assert own[3:5] == ["no end", "z"]
    assert own[5].startswith("[ERROR] ValueError: not\nso\nTraceback (most recent call last):\n\u00a0\u00a0File ")
    assert len(own) == 6


def test_python_logging_as_json(deploy, invoke):
    source = ("import logging\nlog = logging.getLogger()\n"
              "def handler(e, c):\n    log.debug('unseen')\n    log.info({'k': 1}, extra={'order': 7})\n"
              "    try:\n        1 / 0\n    except ZeroDivisionError:\n        log.exception('bad')\n"
              "    print('plain')\n    raise ValueError('no')\n")
    answer = invoke(deploy({"index.py": source}, LoggingConfig={"LogFormat": "JSON"}), LogType="Tail")
    log = lines(answer)
    assert "plain" in log
    info, caught, uncaught = (r for r in (json.loads(line) for line in log if line != "plain") if "level" in r)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", info.pop("timestamp"))
    assert info == {"level": "INFO", "message": {"k": 1}, "logger": "root", "requestId": request_id(answer), "order": 7}
    assert (caught["errorType"], caught["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert caught["location"] == "/var/task/index.py:handler:9" and caught["stackTrace"]
    assert (uncaught["level"], uncaught["errorType"], uncaught["requestId"]) == (
        "ERROR", "ValueError", request_id(answer))


PYTHON_RESULTS = {
    "ascii": ("'ü'", b'"\\u00fc"'),
    "separators": ("{'a': [1, 2.5], 'b': None}", b'{"a": [1, 2.5], "b": null}'),
    "decimal": ("{'d': Decimal('1.10'), 's': 'x'}", b'{"d": 1.10, "s": "x"}'),
    "decimal-nan": ("Decimal('NaN')", b"NaN"),
    "infinity": ("float('inf')", b"Infinity"),
    "nan": ("[float('nan')]", b"[NaN]"),
    "named-tuple": ("Point(1, (2,))", b'{"x": 1, "y": [2]}'),
    "nested-bytes": ("{'b': b'x'}", b'{"b": "x"}'),
    "bytes-as-keys": ("[{b'k': [{b'l': Decimal('1.0')}]}]", b'[{"k": [{"l": 1.0}]}]'),
    "nothing": ("None", b"null"),
    "bytes": ("b'raw'", b"raw"),
}


def test_python_results(deploy, client):
    cases = ", ".join(f"{case!r}: lambda: {value}" for case, (value, _) in PYTHON_RESULTS.items())
    source = ("from collections import namedtuple\nfrom decimal import Decimal\nPoint = namedtuple('Point', 'x y')\n"
              f"CASES = {{{cases}, 'refused': lambda: [bytearray(b'x')]}}\ndef handler(e, c): return CASES[e]()\n")
    name = deploy({"index.py": source})
    for case, (_, expected) in PYTHON_RESULTS.items():
        # Some results are no JSON, as on Lambda.
        assert client.invoke(FunctionName=name, Payload=json.dumps(case))["Payload"].read() == expected, case
    refused = json.load(client.invoke(FunctionName=name, Payload='"refused"')["Payload"])
    assert refused["errorType"] == "Runtime.MarshalError" and "type bytearray is not" in refused["errorMessage"], refused


def test_python_results_keep_unicode_from_3_12_on(deploy, client):
    name = deploy({"index.py": "def handler(e, c): return 'ü'\n"}, runtime="python3.12")
    assert client.invoke(FunctionName=name)["Payload"].read() == '"ü"'.encode()


def test_every_python_of_the_machine_hides_its_packages(server, deploy, invoke):
    source = ("import sys, importlib.util as u\ndef handler(e, c):\n"
              "    return [sys.prefix, '%d.%d' % sys.version_info[:2], [n for n in e if u.find_spec(n)]]\n")
    found = json.loads(server.cli("runtimes", "list", "--output", "json").stdout)
    pythons = [one["runtime"] for one in found if one["runtime"].startswith("python")]
    assert pythons
    for runtime in pythons:
        seen = invoke(deploy({"index.py": source}, runtime=runtime), ["pip", "setuptools", "apt_pkg", "pytest"])["Json"]
        assert seen == ["/var/lang", runtime.removeprefix("python"), []]


WRAPPER = "#!/bin/sh\nexport WRAPPED=yes\nexec \"$@\"\n"


@pytest.mark.parametrize("runtime,file,source", [
    ("python", "index.py", "import os\ndef handler(e, c): return os.environ.get('WRAPPED')\n"),
    ("node", "index.js", "exports.handler = async () => process.env.WRAPPED ?? null;\n"),
])
def test_an_exec_wrapper_starts_the_runtime(deploy, invoke, runtime, file, source):
    def wrapped_by(path):
        return deploy({file: source, "wrap.sh": WRAPPER}, runtime=runtime,
                      Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": path}})
    assert invoke(wrapped_by("/var/task/wrap.sh"))["Json"] == "yes"
    answer = invoke(wrapped_by("/opt/missing"))
    assert answer["Json"] == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id(answer)} Error: Runtime exited with error: exit status 127"}


@pytest.mark.parametrize("asked", ["python3.99", "nodejs98.x"])
def test_a_version_that_stands_in_is_told(server, deploy, invoke, asked):
    name = deploy({"index.py": "def handler(e, c): return 1\n", "index.js": "exports.handler = async () => 1;\n"},
                  runtime=asked)
    assert invoke(name)["Json"] == 1
    assert_logged(server, name, f"{asked} is not installed on this machine; ")


# ---- Node.js

NODE_CONTEXT = """
exports.handler = async (event, context) => {
  const { getRemainingTimeInMillis, ...attributes } = context;
  return { attributes, left: context.getRemainingTimeInMillis(), names: Object.keys(context),
           flags: [typeof global.gc, require('http').maxHeaderSize], trace: process.env._X_AMZN_TRACE_ID };
};
"""


def test_node_context(deploy, client):
    name = deploy({"index.js": NODE_CONTEXT}, runtime="node")
    sent = base64.b64encode(json.dumps({"custom": {"k": "ü"}}).encode()).decode()
    answer = client.invoke(FunctionName=name, ClientContext=sent)
    seen = json.load(answer["Payload"])
    attributes = seen["attributes"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", attributes.pop("logStreamName"))
    assert attributes.pop("invokedFunctionArn").endswith(f":function:{name}")
    assert attributes == {
        "callbackWaitsForEmptyEventLoop": True, "functionVersion": "$LATEST", "functionName": name,
        "memoryLimitInMB": "512", "logGroupName": f"/aws/lambda/{name}", "awsRequestId": request_id(answer),
        "clientContext": {"custom": {"k": "ü"}}}
    assert {"succeed", "fail", "done", "identity", "tenantId"} <= set(seen["names"])
    assert 8_000 < seen["left"] <= 10_000 and seen["trace"].startswith("Root=1-")
    assert seen["flags"] == ["function", 81920]


ESM = "import { sep } from 'node:path';\nawait 0;\nexport const handler = async () => 'found' + sep;\n"


@pytest.mark.parametrize("handler,files", [
    ("index.handler", {"index.mjs": ESM}),
    ("index.handler", {"index.js": ESM, "package.json": '{"type": "module"}'}),
    ("index.handler", {"index.cjs": "exports.handler = async () => 'found/'"}),
    ("src/app.api.get", {"src/app.js": "exports.api = { get: async () => 'found/' };"}),
])
def test_node_handler_names(deploy, invoke, handler, files):
    assert invoke(deploy(files, runtime="node", handler=handler))["Json"] == "found/"


NODE_LOAD_FAILURES = {
    "module": ("index.handler", "require('nowhere');", "Runtime.ImportModuleError",
               "Error: Cannot find module 'nowhere'\nRequire stack:\n- /var/task/index.js\n- /var/runtime/index.mjs"),
    "file": ("other.handler", "", "Runtime.ImportModuleError",
             "Error: Cannot find module 'other'\nRequire stack:\n- /var/runtime/index.mjs"),
    "syntax": ("index.handler", "exports.handler = (", "Runtime.UserCodeSyntaxError",
               "SyntaxError: Unexpected end of input"),
    "missing": ("index.handler", "exports.x = 1", "Runtime.HandlerNotFound",
                "index.handler is undefined or not exported"),
    "no-function": ("index.handler", "exports.handler = 1", "Runtime.HandlerNotFound",
                    "index.handler is not a function"),
    "malformed": ("index", "", "Runtime.MalformedHandlerName", "Bad handler"),
    "throws": ("index.handler", "throw new TypeError('init')", "TypeError", "init"),
}


@pytest.mark.parametrize("case", NODE_LOAD_FAILURES)
def test_node_load_failures(server, deploy, invoke, case):
    handler, source, error_type, message = NODE_LOAD_FAILURES[case]
    name = deploy({"index.js": source}, runtime="node", handler=handler)
    error = invoke(name)["Json"]
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert set(error) == {"errorType", "errorMessage", "trace"} and error["trace"]
    assert_logged(server, name, f'Z\tundefined\tERROR\tUncaught Exception \t{{"errorType":"{error_type}",')


NODE_FAILURES = {
    "rejects": ("async () => { throw new RangeError('no'); }", "RangeError", "no", "Invoke Error"),
    "throws": ("() => { throw new Error('no'); }", "Error", "no", "Invoke Error"),
    "calls back": ("(e, c, done) => done(new Error('no'))", "Error", "no", "Invoke Error"),
    "throws a string": ("async () => { throw 'no'; }", "string", "no", "Invoke Error"),
    "rejects with nothing": ("() => Promise.reject()", "string", "handled", "Invoke Error"),
    "no JSON": ("async () => 1n", "Error", "Unable to stringify response body", "Invoke Error"),
    "unhandled rejection": ("() => { Promise.reject(new Error('lost')); return new Promise(r => setTimeout(r, 900)); }",
                            "Runtime.UnhandledPromiseRejection", "Error: lost", "Unhandled Promise Rejection"),
    "uncaught": ("() => new Promise(() => setTimeout(() => { throw new Error('late'); }, 5))", "Error", "late",
                 "Uncaught Exception"),
    "never settles": ("async (e, c, done) => new Promise(() => {})", "Runtime.NodeJsExit", (
        "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise "
        "that was never settled. For more information, see "
        "https://nodejs.org/docs/latest/api/process.html#exit-codes"), "Invoke Error"),
}


@pytest.mark.parametrize("case", NODE_FAILURES)
def test_node_failures(deploy, invoke, case):
    handler, error_type, message, said = NODE_FAILURES[case]
    is_async = "async " if case == "never settles" else ""
    source = (f"const failing = {handler};\n"
              f"exports.handler = {is_async}(e, c, done) => e.ok ? done(null, 'fine') : failing(e, c, done);\n")
    name = deploy({"index.js": source}, runtime="node")
    answer = invoke(name, {}, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    error = answer["Json"]
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    if error_type == "string":
        assert error["trace"] == []
    else:
        assert error["trace"][0] == f"{error_type}: {message}"
    start = f"\t{request_id(answer)}\tERROR\t{said} \t{{"
    assert any(start in line for line in lines(answer)), lines(answer)
    assert invoke(name, {"ok": 1})["Json"] == "fine"


NODE_LEFT_BEHIND = """
const floating = () => { throw new Error('floating'); };
const ways = {
  nothing: () => {},
  rejections: async () => { Promise.reject(new Error('floating')); Promise.reject(new Error('too')); },
  immediate: () => setImmediate(floating),
  tick: () => process.nextTick(floating),
  exit: () => setImmediate(() => process.exit(0)),
};
let events = 0;
const answer = async (way) => {
  ways[way]();
  const pad = way === 'rejections' ? 'x'.repeat(5 << 20) : '';
  return `${++events}${pad}`;
};
exports.handler = answer;
exports.streams = awslambda.streamifyResponse(async (way, out, context) => {
  context.callbackWaitsForEmptyEventLoop = false;
  out.end(JSON.stringify(await answer('nothing')));
  if (way !== 'nothing') await new Promise((sent) => out.on('finish', sent));
  ways[way]();
});
"""


@pytest.mark.parametrize("runtime,handler", [("node", "handler"), ("node", "streams"), ("nodejs24.x", "handler")])
def test_what_fails_after_the_answer_of_node_fails_no_invoke(server, deploy, invoke, runtime, handler):
    name = deploy({"index.js": NODE_LEFT_BEHIND}, runtime=runtime, handler=f"index.{handler}")
    for way in ["rejections", "immediate", "tick", "exit"]:
        seen = [invoke(name, event) for event in ["nothing", way, "nothing"]]
        assert [answer.get("FunctionError") for answer in seen] == [None] * 3, (way, [a["Raw"][:200] for a in seen])
        # The process has ended in between, and what it left is in the log.
        assert [answer["Json"].rstrip("x") for answer in seen] == ["1", "2", "1"], way
        invoke(name, "exit")
    if runtime == "node":
        assert_logged(server, name, '\tERROR\tUnhandled Promise Rejection \t{"errorType":"Runtime.UnhandledPromiseRejection"')


NODE_CALLBACKS = {
    "waits": ("(e, c, done) => { setTimeout(() => console.log('later'), 50); done(null, 'x'); }", "x", True),
    "waits not": ("(e, c, done) => { c.callbackWaitsForEmptyEventLoop = false; "
                  "setTimeout(() => console.log('later'), 2000); done(null, 'x'); }", "x", False),
    "never": ("() => { setTimeout(() => console.log('later'), 50); }", None, True),
    "never settles": ("() => new Promise(() => setTimeout(() => console.log('later'), 50))", None, True),
    "succeed": ("(e, c) => c.succeed('x')", "x", False),
    "undefined": ("async () => undefined", None, False),
}


@pytest.mark.parametrize("case", NODE_CALLBACKS)
def test_node_callbacks(deploy, invoke, case):
    handler, result, waited = NODE_CALLBACKS[case]
    name = deploy({"index.js": f"exports.handler = {handler};"}, runtime="node")
    for _ in range(2):
        answer = invoke(name, LogType="Tail")
        assert answer["Json"] == result and "FunctionError" not in answer
        assert any("later" in line for line in lines(answer)) == waited


def test_node_console_as_text(deploy, invoke):
    source = ("console.log('loading');\nexports.handler = async () => {\n  console.log('a %s', 'b', { c: 1 });\n"
              "  console.debug('d'); console.warn('w'); console.error('e'); console.trace('t');\n"
              "  process.stdout.write('raw\\n');\n};\n")
    answer = invoke(deploy({"index.js": source}, runtime="node"), LogType="Tail")
    log, own = lines(answer), request_id(answer)
    expected = ["INFO\ta b { c: 1 }", "DEBUG\td", "WARN\tw", "ERROR\te", "TRACE\tt"]
    for line, text in zip(log[-6:-1], expected, strict=True):
        assert re.fullmatch(rf"{ISO}\t{own}\t{re.escape(text)}", line), line
    assert log[-1] == "raw"


def test_a_record_of_node_is_one_event_and_a_write_is_one_a_line(server, deploy, invoke):
    source = ("exports.handler = async () => {\n  console.log('a\\n\\n ü\\n'); console.log({ long: 'x'.repeat(80), y: 1 });\n"
              "  process.stdout.write('b\\nc\\n');\n};\n")
    name = deploy({"index.js": source}, runtime="node")
    answer = invoke(name)
    start, *own, end, report = events(server, name, request_id(answer))
    prefix = rf"{ISO}\t{request_id(answer)}\tINFO\t"
    assert re.fullmatch(prefix + "a\n\n ü\n", own[0])
    assert re.fullmatch(prefix + r"\{\n  long: 'x{80}',\n  y: 1\n\}", own[1])
    assert own[2:] == ["b", "c"]


def test_node_console_as_json(deploy, invoke):
    source = ("exports.handler = async () => {\n  console.debug('unseen');\n"
              "  console.log({ k: 1 }); console.log('a %d', 1);\n"
              "  console.warn('x', new TypeError('bad'));\n  throw new Error('no');\n};\n")
    name = deploy({"index.js": source}, runtime="node", LoggingConfig={"LogFormat": "JSON"})
    answer = invoke(name, LogType="Tail")
    records = [r for r in map(json.loads, lines(answer)) if "level" in r]
    kept, text, warned, failed = records
    assert re.fullmatch(ISO, kept.pop("timestamp"))
    assert kept == {"level": "INFO", "requestId": request_id(answer), "message": {"k": 1}}
    assert text["message"] == "a 1"
    assert (warned["level"], warned["errorType"], warned["errorMessage"]) == ("WARN", "TypeError", "bad")
    assert failed["message"]["errorType"] == "Error" and failed["message"]["stackTrace"][0] == "Error: no"


NODE_STREAMS = {
    "pieces": ("async (e, out) => { out.write('a'); out.write({ b: 1 }); out.end('ü'); }", 'a{"b":1}ü'.encode()),
    "pipeline": ("async (e, out) => { const { Readable } = require('stream');\n"
                 "  await require('stream/promises').pipeline(Readable.from(['x', 'y']), out); }", b"xy"),
    "http": ("async (e, out) => { out = awslambda.HttpResponseStream.from(out, { statusCode: 201 });\n"
             "  out.write('body'); out.end(); }", b'{"statusCode":201}' + bytes(8) + b"body"),
}


@pytest.mark.parametrize("case", NODE_STREAMS)
def test_node_streams(deploy, client, case):
    handler, expected = NODE_STREAMS[case]
    name = deploy({"index.js": f"exports.handler = awslambda.streamifyResponse({handler});"}, runtime="node")
    for _ in range(2):
        answer = client.invoke(FunctionName=name)
        assert "FunctionError" not in answer
        assert answer["Payload"].read() == expected


def test_node_stream_that_fails_midway(deploy, invoke):
    source = ("exports.handler = awslambda.streamifyResponse(async (e, out) => {\n"
              "  out.write('half'); throw new Error('mid');\n});\n")
    name = deploy({"index.js": source}, runtime="node")
    for _ in range(2):
        answer = invoke(name)
        assert answer["FunctionError"] == "Unhandled"
        assert (answer["Json"]["errorType"], answer["Json"]["errorMessage"]) == ("Error", "mid")


def test_node_24_knows_no_callbacks(deploy, invoke):
    name = deploy({"index.js": "exports.handler = (e, c, done) => done();"}, runtime="nodejs24.x")
    error = invoke(name)["Json"]
    assert error["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert error["errorMessage"].startswith("ERROR: AWS Lambda has removed support for callback-based function")


def test_node_24_context(deploy, invoke):
    source = ("exports.handler = async (e, c) => ({ names: Object.keys(c),\n"
              "  same: awslambda.InvokeStore.getRequestId() === c.awsRequestId, trace: c.xRayTraceId });")
    seen = invoke(deploy({"index.js": source}, runtime="nodejs24.x"))["Json"]
    assert not {"done", "fail", "succeed", "callbackWaitsForEmptyEventLoop"} & set(seen["names"])
    assert seen["same"] is True and seen["trace"].startswith("Root=1-")
