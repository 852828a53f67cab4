"""The Runtime API under attack: a program answers only its own current invocation, and harms only itself.

The programs are custom runtimes that send what a case says, byte by byte (`harness/raw_bootstrap.py`).
"""

import json
import os
import threading
import time
import uuid
from pathlib import Path

import pytest
from harness import leftovers
from harness.package import zip_files
from harness.server import ROLE, Server

BOOTSTRAP = (Path(__file__).parent / "harness" / "raw_bootstrap.py").read_text()
BASE = "/2018-06-01/runtime"
RESPONSE_BYTES_MAX = 6_291_556
REFUSED = "State transition from {} to {} failed for runtime. Error: State transition is not allowed"
# A quiet call takes some ten milliseconds; under load from outside the test it may take far more.
QUIET_S_MAX = 1.5
FLOOD_S = 2
# Of the server, while one environment floods it and another works: 0.1 to 0.4 here, more where the machine is shared.
CORES_MAX = 0.95


def make(client, name, bootstrap=BOOTSTRAP, **settings):
    client.create_function(
        FunctionName=name, Runtime="provided.al2023", Role=ROLE, Handler="x",
        Code={"ZipFile": zip_files({"bootstrap": bootstrap})},
        **{"MemorySize": 512, "Timeout": 8} | settings)
    deadline = time.monotonic() + 20
    while client.get_function(FunctionName=name)["Configuration"]["State"] != "Active":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A server of this file's own, so that what it holds can be counted."""
    # What is made ahead has descriptors of its own.
    server = Server(tmp_path_factory.mktemp("runtime-api"), "--pool-memory-mib", "0").start()
    client = server.client()
    make(client, "raw")
    make(client, "quiet")
    yield server
    assert server.stop() == 0
    leftovers.wait_until_none(leftovers.cgroups, "cgroups after the server's end")


@pytest.fixture
def invoke(host):
    client = host.client()

    def call(event, name="raw", **arguments):
        told = client.invoke(FunctionName=name, Payload=json.dumps(event), **arguments)
        told["Json"] = json.loads(told["Payload"].read())
        return told

    return call


def request(method, path, body="", headers="", base=BASE):
    head = f"{method} {base}{path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return {"send": [head, body]}


def raw(*parts, **more):
    return {"send": list(parts)} | more


def post(path, headers, body=""):
    return raw(f"POST {BASE}{path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n", body)


def ping(headers, **more):
    parts = headers if isinstance(headers, list) else [headers]
    return raw("GET /2018-06-01/ping HTTP/1.1\r\n", *parts, "\r\n", **more)


def assert_told(told, status, error_type=None, message=None):
    assert told["status"] == status, told
    if error_type:
        assert told["body"]["errorType"] == error_type, told
        assert told["headers"]["content-type"] == "application/json"
    if message:
        assert told["body"]["errorMessage"] == message, told


OTHER = str(uuid.uuid4())
OWN = "/invocation/{ID}"
INVALID_ID = (400, "InvalidRequestID", "Invalid request ID")

# While an invocation runs: each is refused as AWS does, and the invocation is answered all the same.
WHILE_RUNNING = {
    "response to another's id": (request("POST", f"/invocation/{OTHER}/response", "1"), *INVALID_ID),
    "error for another's id": (request("POST", f"/invocation/{OTHER}/error", "{}"), *INVALID_ID),
    "response to an id that is over": (request("POST", "/invocation/{OLD}/response", "1"), *INVALID_ID),
    "error for an id that is over": (request("POST", "/invocation/{OLD}/error", "{}"), *INVALID_ID),
    "no id": (request("POST", "/invocation//response", "1"), *INVALID_ID),
    "a word for an id": (request("POST", "/invocation/next/response", "1"), *INVALID_ID),
    "the id and more": (request("POST", OWN + "0/response", "1"), *INVALID_ID),
    "the id in braces": (request("POST", "/invocation/%7B{ID}%7D/response", "1"), *INVALID_ID),
    "the id with a null byte": (request("POST", OWN + "%00/response", "1"), *INVALID_ID),
    "an id of 36 letters": (request("POST", f"/invocation/{'z' * 36}/response", "1"), *INVALID_ID),
    "an id of 60 KB": (request("POST", f"/invocation/{'1' * 60_000}/response", "1"), *INVALID_ID),
    "a way around the id": (request("POST", f"/invocation/{OTHER}/../{{ID}}/response", "1"), 404),
    "init/error while running": (
        request("POST", "/init/error", "{}"), 403, "InvalidStateTransition",
        REFUSED.format("Running", "InitError")),
    "another version": (request("GET", "/invocation/next", base="/2019-01-01/runtime"), 404),
    "a slash too many": (request("GET", "/invocation/next/"), 404),
    "no such verb": (request("POST", OWN + "/answer", "1"), 404),
    "extensions": (request("POST", "/register", "{}", base="/2020-01-01/extension"), 404),
    "next by POST": (request("POST", "/invocation/next"), 405),
    "response by GET": (request("GET", OWN + "/response"), 405),
    "response by DELETE": (request("DELETE", OWN + "/response"), 405),
    "a method of one's own": (request("BREAK", OWN + "/response"), 405),
    "a body that asks first": (
        post(f"/invocation/{OTHER}/response", "Expect: 100-continue\r\nContent-Length: 100\r\n"), *INVALID_ID),
    "an absurd length for another's id": (
        post(f"/invocation/{OTHER}/response", f"Content-Length: {2**62}\r\n"), *INVALID_ID),
    "a cut body for another's id": (
        post(f"/invocation/{OTHER}/response", "Content-Length: 100\r\n", "cut") | {"shutdown": True},
        *INVALID_ID),
    "garbage": (raw("\x00\x01\xfe\xff\r\n\r\n"), 400),
    "TLS": (raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", shutdown=True), 400),
    "HTTP/2": (raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", shutdown=True), 0),
    "HTTP/0.9": (raw("GET /2018-06-01/ping\r\n\r\n"), 400),
    "HTTP/3.7": (raw("GET /2018-06-01/ping HTTP/3.7\r\nHost: x\r\n\r\n"), 400),
    "a line without a name": (ping("Host: x\r\n: y\r\n"), 400),
    "a space before the colon": (ping("Host : x\r\n"), 400),
    "a folded line": (ping("Host: x\r\n folded\r\n"), 400),
    "a null byte in a value": (ping("Host: x\x00y\r\n"), 400),
    "two lengths": (post(OWN + "/response", "Content-Length: 1\r\nContent-Length: 2\r\n", "11"), 400),
    "a negative length": (post(OWN + "/response", "Content-Length: -1\r\n"), 400),
    "a length beyond 64 bits": (post(OWN + "/response", "Content-Length: 99999999999999999999\r\n"), 400),
    "chunked twice removed": (post(OWN + "/response", "Transfer-Encoding: chunked, identity\r\n"), 400),
    "a head of 2.4 MB": (ping(["X: ", ["x" * 1_000, 2_400], "\r\n"]), 431),
    "a head without end": (raw("GET /2018-06-01/ping HTTP/1.1\r\n", ["X: " + "y" * 1_000 + "\r\n", 1_200]), 431),
    "a hundred lines": (ping("X: y\r\n" * 100), 431),
}


@pytest.mark.parametrize("case", WHILE_RUNNING)
def test_what_is_wrong_is_refused_and_the_invocation_answered(invoke, case):
    step, *expected = WHILE_RUNNING[case]
    before = invoke({})
    told = invoke({"before": [step]})
    assert "FunctionError" not in told and told["Json"]["id"] == told["ResponseMetadata"]["RequestId"]
    assert told["Json"]["id"] != before["ResponseMetadata"]["RequestId"]
    assert_told(told["Json"]["before"][0], *expected)


ANSWER = request("POST", OWN + "/response", '"own"')
ERROR = request("POST", OWN + "/error", '{"errorType":"E","errorMessage":"m"}')

# After the answer, while the id is still the current one.
AFTER_THE_ANSWER = {
    "a second response": (ANSWER, "RuntimeResponseSentState", "InvocationResponse"),
    "an error after the response": (ERROR, "RuntimeResponseSentState", "InvocationErrorResponse"),
    "init/error after the response": (
        request("POST", "/init/error", "{}"), "RuntimeResponseSentState", "InitError"),
}


@pytest.mark.parametrize("own", [ANSWER, ERROR], ids=["response", "error"])
@pytest.mark.parametrize("case", AFTER_THE_ANSWER)
def test_an_invocation_is_answered_once(invoke, case, own):
    late, *states = AFTER_THE_ANSWER[case]
    first = invoke({"own": own, "late": [late]})
    if own is ANSWER:
        assert first["Json"] == "own" and "FunctionError" not in first
    else:
        assert first["Json"] == {"errorType": "E", "errorMessage": "m"} and first["FunctionError"] == "Unhandled"
    accepted, refused = invoke({})["Json"]["after"]
    assert_told(accepted, 202)
    assert accepted["body"] == {"status": "OK"}
    assert_told(refused, 403, "InvalidStateTransition", REFUSED.format(*states))


def half(body, rest, **more):
    """A response of which a part is held back until the steps in `held` are done."""
    head = f"POST {BASE}/invocation/{{ID}}/response HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body + rest)}\r\n\r\n"
    return raw(head + body, rest=[rest], **more)


# While the answer is on its way over another connection.
MEANWHILE = {
    "a second response": (ANSWER, "InvocationResponse", "InvocationResponse"),
    "an error": (ERROR, "InvocationResponse", "InvocationErrorResponse"),
    "next": (request("GET", "/invocation/next"), "InvocationResponse", "Ready"),
    "init/error": (request("POST", "/init/error", "{}"), "InvocationResponse", "InitError"),
}


@pytest.mark.parametrize("case", MEANWHILE)
def test_the_first_of_two_answers_counts(invoke, case):
    step, *states = MEANWHILE[case]
    told = invoke({"own": half('"fir', 'st"', held=[step], answers=0)})
    assert told["Json"] == "first"
    refused, accepted = invoke({})["Json"]["after"][0]
    assert_told(refused, 403, "InvalidStateTransition", REFUSED.format(*states))
    assert_told(accepted, 202)


def chunked(*chunks):
    head = f"POST {BASE}/invocation/{{ID}}/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return raw(head, *chunks)


def ones(count):
    """JSON of so many bytes."""
    return ['"', ["1" * 1_000, (count - 2) // 1_000], "1" * ((count - 2) % 1_000) + '"']


TOO_LARGE = (413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).")
CUT = (400, "TruncatedHTTPRequest", "HTTP request detected as truncated")
SIZE = "Function.ResponseSizeTooLarge"
BROKEN = "Runtime.TruncatedResponse"

# Answers that fail the invocation: what the runtime and what the caller is told.
FAILING_ANSWERS = {
    "one byte too many": (
        raw(f"POST {BASE}{OWN}/response HTTP/1.1\r\nHost: x\r\nContent-Length: {RESPONSE_BYTES_MAX + 1}\r\n\r\n",
            *ones(RESPONSE_BYTES_MAX + 1)), TOO_LARGE, SIZE),
    "an absurd length": (post(OWN + "/response", f"Content-Length: {2**62}\r\n"), TOO_LARGE, SIZE),
    "chunks beyond the limit": (chunked(["186A0\r\n" + "1" * 100_000 + "\r\n", 80], "0\r\n\r\n"), TOO_LARGE, SIZE),
    "an error that is too large": (
        raw(f"POST {BASE}{OWN}/error HTTP/1.1\r\nHost: x\r\nContent-Length: 7000000\r\n\r\n", ["x" * 1_000, 7_000]),
        TOO_LARGE, SIZE),
    "no such mode": (
        request("POST", OWN + "/response", "1", "Lambda-Runtime-Function-Response-Mode: sideways\r\n"),
        (400, "InvalidFunctionResponseMode", "Invalid function response mode"), "Runtime.InvalidResponseModeHeader"),
    "a chunk of no size": (chunked("zz\r\n1\r\n"), CUT, BROKEN),
    "a chunk beyond 64 bits": (chunked("fffffffffffffffff\r\n1\r\n"), CUT, BROKEN),
    "an extension without end": (chunked("1;" + "x" * 100_000), CUT, BROKEN),
}


@pytest.mark.parametrize("case", FAILING_ANSWERS)
def test_a_broken_answer_fails_the_invocation_in_aws_words(invoke, case):
    step, expected, error_type = FAILING_ANSWERS[case]
    told = invoke({"own": step})
    assert told["FunctionError"] == "Unhandled" and told["Json"]["errorType"] == error_type
    assert_told(invoke({})["Json"]["after"][0], *expected)


def test_an_x_ray_cause_of_a_mebibyte_is_accepted(invoke):
    """AWS's clients send it in the head; the caller is told the error alone."""
    body = '{"errorType":"E","errorMessage":"m"}'
    cause = ["Lambda-Runtime-Function-XRay-Error-Cause: ", ["x" * 1_024, 1_024], "\r\n"]
    own = raw(f"POST {BASE}{OWN}/error HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n", *cause, "\r\n" + body)
    told = invoke({"own": own})
    assert told["Json"] == json.loads(body)
    assert_told(invoke({})["Json"]["after"][0], 202)


def test_a_cut_answer_fails_the_invocation(invoke):
    told = invoke({"own": post(OWN + "/response", "Content-Length: 100\r\n", "cut") | {"shutdown": True}})
    assert told["Json"] == {"errorMessage": "HTTP request detected as truncated", "errorType": BROKEN}
    assert invoke({})["Json"]["id"]


def test_the_largest_answer_passes(invoke):
    head = f"POST {BASE}{OWN}/response HTTP/1.1\r\nHost: x\r\nContent-Length: {RESPONSE_BYTES_MAX}\r\n\r\n"
    told = invoke({"own": raw(head, *ones(RESPONSE_BYTES_MAX))})
    assert "FunctionError" not in told


def test_next_while_running_gives_the_same_event(invoke):
    told = invoke({"before": [request("GET", "/invocation/next")] * 2})["Json"]
    for again in told["before"]:
        assert again["status"] == 200
        assert again["headers"]["lambda-runtime-aws-request-id"] == told["id"]


def test_pipelined_calls_are_answered_in_turn(invoke):
    wrong = f"POST {BASE}/invocation/{OTHER}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
    both = "GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n" + wrong
    told = invoke({"before": [raw(both * 3, answers=6)]})["Json"]["before"][0]
    assert [one["status"] for one in told] == [200, 400] * 3


def test_a_smuggled_call_is_a_call_of_the_same_program(invoke):
    """Two framings at once: whichever counts, there is nobody else's request to reach."""
    smuggled = f"POST {BASE}/invocation/{OTHER}/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
    head = "POST /2018-06-01/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    told = invoke({"before": [raw(head + "0\r\n\r\n" + smuggled, answers=2)]})
    assert "FunctionError" not in told
    assert [one["status"] for one in told["Json"]["before"][0]] in ([404, 400], [400, 0], [404, 0])


def test_a_late_answer_is_refused_and_reaches_nobody(host, invoke):
    """The answer comes when its time is up: the next invocation gets its own."""
    client = host.client()
    bootstrap = BOOTSTRAP.replace("def act(event):", "def act(event):\n    time.sleep(event.get('sleep', 0))")
    make(client, "late", bootstrap, Timeout=1)
    told = invoke({"sleep": 1.3}, name="late")
    assert told["Json"]["errorType"] == "Sandbox.Timedout"
    told = invoke({}, name="late")
    assert told["Json"]["id"] == told["ResponseMetadata"]["RequestId"]
    client.delete_function(FunctionName="late")


@pytest.mark.parametrize("second", ["/init/error", "/invocation/next"])
def test_init_error_is_said_once(host, second):
    client = host.client()
    name = "init-" + second.split("/")[-1]
    failure = request("POST", "/init/error", '{"errorType":"Boot","errorMessage":"m"}')
    again = request("GET" if "next" in second else "POST", second, "" if "next" in second else "{}")
    both = raw(*failure["send"], *again["send"], answers=2)
    bootstrap = BOOTSTRAP.replace('os.environ.get("INIT_STEPS", "[]")', repr(json.dumps([both])))
    make(client, name, bootstrap)
    told = client.invoke(FunctionName=name, Payload="{}", LogType="Tail")
    assert json.loads(told["Payload"].read()) == {"errorType": "Boot", "errorMessage": "m"}
    deadline = time.monotonic() + 5
    state = "Ready" if "next" in second else "InitError"
    while REFUSED.format("InitError", state) not in (log := host.cli("logs", name).stdout):
        assert time.monotonic() < deadline, log
        time.sleep(0.1)
    client.delete_function(FunctionName=name)


# ---- hostile traffic ----


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def memory_mib(server):
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def cpu_s(server):
    """Processor time that the server itself has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch:
    """Calls another function and looks at the server while something runs."""

    def __init__(self, server):
        self.server = server
        self.slowest_s = 0
        self.calls = 0
        self.descriptors = 0
        self.memory_mib = 0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        client = self.server.client()
        while not self.end.is_set():
            start = time.monotonic()
            client.invoke(FunctionName="quiet", Payload="{}")["Payload"].read()
            self.slowest_s = max(self.slowest_s, time.monotonic() - start)
            self.calls += 1
            self.descriptors = max(self.descriptors, descriptors(self.server))
            self.memory_mib = max(self.memory_mib, memory_mib(self.server))
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


FLOODS = ["half_open", "reconnect", "garbage", "huge_heads", "large_heads", "pings", "refused", "chunks", "bodies", "drips", "again"]


@pytest.mark.parametrize("kind", FLOODS)
def test_hostile_traffic_costs_only_its_own_environment(host, invoke, kind):
    invoke({})
    invoke({}, name="quiet")
    descriptors_before, memory_before = descriptors(host), memory_mib(host)
    # `again` fetches a large event again and again.
    padding = "x" * (3_000_000 if kind == "again" else 1)
    cpu_before = cpu_s(host)
    with Watch(host) as watch:
        told = invoke({"flood": kind, "seconds": FLOOD_S, "padding": padding})
    assert "FunctionError" not in told, told["Json"]
    assert told["Json"] > 0, "nothing was sent"
    assert watch.calls > 3 and watch.slowest_s < QUIET_S_MAX, (watch.calls, watch.slowest_s)
    most = descriptors_before + 20
    assert watch.descriptors <= most, "8 connections of the environment, a few clients, a sandbox that is made ahead"
    assert watch.memory_mib < memory_before + 48, (memory_before, watch.memory_mib)
    cores = (cpu_s(host) - cpu_before) / FLOOD_S
    assert cores < CORES_MAX, "what moves no invocation is paced"
    assert invoke({})["Json"]["id"], "the environment works on"


def test_a_program_that_holds_connections_still_gets_its_events(host, invoke):
    """More than there are places for are left half open: the next call closes one of them."""
    before = descriptors(host)
    assert invoke({"hold": 100})["Json"] == 100
    for _ in range(3):
        assert invoke({})["Json"]["id"]
    assert descriptors(host) <= before + 12


def test_nothing_is_held_for_an_environment_that_is_gone(host, invoke):
    client = host.client()
    client.get_account_settings()
    before = descriptors(host)
    make(client, "holder")
    assert invoke({"hold": 100}, name="holder")["Json"] == 100
    assert descriptors(host) >= before + 8
    client.delete_function(FunctionName="holder")
    deadline = time.monotonic() + 5
    while descriptors(host) > before + 4:
        assert time.monotonic() < deadline, (before, descriptors(host))
        time.sleep(0.05)
