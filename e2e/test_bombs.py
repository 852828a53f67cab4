"""Functions that use up what they are given: each costs only its own invocation, in AWS's words.

While one goes off, another function's calls are timed, signed beforehand: a client that computes between its calls
wants a processor for itself, and would measure that. What must hold there is a deadline with slack, for a loaded
machine; the ratio to its normal times is printed (`-s`) to be looked at.
"""

import json
import math
import re
import threading
import time
from pathlib import Path

import pytest
from harness import leftovers
from harness.signed import SignedCalls

SOURCE = (Path(__file__).parent / "inside" / "bombs.py").read_text()
NEIGHBOUR = {"index.py": "def handler(event, context):\n    print('call', event)\n    return event\n"}
NORMAL_CALLS = 1000
EVENTS = 20
CALLS_AT_LEAST = 400
LINES_CHECKED = 1000
# What a neighbour's call takes is a millisecond; nothing may make it wait for somebody else's end.
NEIGHBOUR_DEADLINE_S = 1.0
NEXT_CALL_DEADLINE_S = 3.0
OVERRUN_S = 0.5
GONE_S = 1.0

KILLED = {"errorType": "Runtime.OutOfMemory",
          "errorMessage": "RequestId: {id} Error: Runtime exited with error: signal: killed"}
TOO_LARGE = {"errorType": "Function.ResponseSizeTooLarge",
             "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}


def raised(kind, message):
    return {"errorType": kind, "errorMessage": message}


def timed_out(seconds):
    return {"errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {{id}} Error: Task timed out after {seconds}.00 seconds"}


# The event, settings, and what the caller gets; None where nothing fails.
BOMBS = {
    "memory": ({"bomb": "memory"}, {"MemorySize": 256}, KILLED),
    "memory-of-children": ({"bomb": "memory_of_children"}, {"MemorySize": 256, "Timeout": 30}, KILLED),
    "memory-file": ({"bomb": "memory_file"}, {"MemorySize": 256}, KILLED),
    "shared-memory": ({"bomb": "shared_memory"}, {"MemorySize": 256},
                      raised("OSError", "[Errno 28] No space left on device")),
    "threads": ({"bomb": "threads"}, {}, raised("RuntimeError", "can't start new thread")),
    "disk": ({"bomb": "disk"}, {"Timeout": 60}, raised("OSError", "[Errno 28] No space left on device")),
    "small-files": ({"bomb": "small_files"}, {"Timeout": 60},
                    raised("OSError", "[Errno 28] No space left on device: '/tmp/{any}'")),
    "descriptors": ({"bomb": "descriptors"}, {}, raised("OSError", "[Errno 24] Too many open files: '/dev/null'")),
    "log-of-long-lines": ({"bomb": "log", "with": {"line_bytes": 1 << 20}}, {"Timeout": 60}, None),
    "log-of-empty-lines": ({"bomb": "log", "with": {"line_bytes": 1}}, {"Timeout": 60}, None),
    "answer-of-7-mb": ({"bomb": "answer", "with": {"megabytes": 7}}, {}, TOO_LARGE),
    "answer-of-100-mb": ({"bomb": "answer", "with": {"megabytes": 100}}, {"MemorySize": 1024}, TOO_LARGE),
    # What never ends by itself.
    "forks": ({"bomb": "forks"}, {"Timeout": 2, "MemorySize": 1769}, timed_out(2)),
    "forks-with-a-small-share": ({"bomb": "forks"}, {"Timeout": 2, "MemorySize": 128}, timed_out(2)),
    "spin": ({"bomb": "spin"}, {"Timeout": 2, "MemorySize": 1769}, timed_out(2)),
    "endless-log": ({"bomb": "log_forever"}, {"Timeout": 2, "MemorySize": 1769}, timed_out(2)),
    "deaf-children": ({"bomb": "deaf"}, {"Timeout": 2}, timed_out(2)),
}


def p99(seconds):
    return sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]


class Bomb(threading.Thread):
    """One invocation in the background."""

    def __init__(self, client, name, event):
        super().__init__()
        self.arguments = {"FunctionName": name, "Payload": json.dumps(event)}
        self.client, self.answer, self.json, self.took_s = client, None, None, None

    def run(self):
        began = time.monotonic()
        self.answer = self.client.invoke(**self.arguments)
        self.json = json.load(self.answer["Payload"])
        self.took_s = time.monotonic() - began


def check_answer(bomb, expected):
    if expected is None:
        assert "FunctionError" not in bomb.answer, bomb.json
        return
    assert (bomb.answer["StatusCode"], bomb.answer["FunctionError"]) == (200, "Unhandled")
    for field, text in expected.items():
        request_id = bomb.answer["ResponseMetadata"]["RequestId"]
        pattern = re.escape(text).replace(r"\{any\}", ".*").replace(r"\{id\}", request_id)
        assert re.fullmatch(pattern, bomb.json[field]), bomb.json


def assert_gone(server, own, before):
    """Looks from the host: of the bomb only a pid 1 may be left, and that one is ours."""

    def left():
        return [pid for pid in leftovers.serving_processes(server.process.pid) if pid in own or pid not in before]

    deadline = time.monotonic() + GONE_S
    while left() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left() == [], "processes that outlived their timeout"


def assert_log_is_whole(server, name, calls):
    """Another's flood has taken none of its lines."""
    text = server.cli("logs", name).stdout
    # The command shows the newest lines; they are enough.
    newest = [str(number % EVENTS) for number in range(max(0, calls - LINES_CHECKED), calls)]
    assert re.findall(r"call (\d+)\n", text)[-len(newest):] == newest


@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_costs_only_its_own_invocation(case, server, client, deploy, invoke):
    event, settings, expected = BOMBS[case]
    name, neighbour = deploy({"index.py": SOURCE}, **settings), deploy(NEIGHBOUR, MemorySize=1769)

    others = leftovers.serving_processes(server.process.pid)
    assert invoke(name)["Json"] == "fine"
    own = leftovers.serving_processes(server.process.pid) - others
    assert own
    with SignedCalls(server, neighbour, EVENTS) as calls:
        calls.call(0)
        normal = [calls.call(number) for number in range(NORMAL_CALLS)]
        before = leftovers.serving_processes(server.process.pid)
        bomb = Bomb(client, name, event)
        bomb.start()
        during = []
        while bomb.is_alive() or len(during) < CALLS_AT_LEAST:
            during.append(calls.call(len(during)))
        bomb.join()

    check_answer(bomb, expected)
    if expected and expected["errorType"] == "Sandbox.Timedout":
        assert bomb.took_s < settings["Timeout"] + OVERRUN_S
        assert_gone(server, own, before)
    if "log" in case:
        assert_log_is_whole(server, neighbour, len(during))
    began = time.monotonic()
    assert invoke(name)["Json"] == "fine"
    next_s = time.monotonic() - began
    print(f"\n{case}: {bomb.took_s:.2f} s; the next call {next_s * 1e3:.0f} ms; p99 of {len(during)} calls of the "
          f"neighbour {p99(during) * 1e3:.1f} ms, normally {p99(normal) * 1e3:.1f}: {p99(during) / p99(normal):.2f}")
    assert next_s < NEXT_CALL_DEADLINE_S
    assert max(during) < NEIGHBOUR_DEADLINE_S
