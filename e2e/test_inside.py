"""What must work inside a sandbox as it does anywhere: the pieces of work in `inside/`, each through a real invoke."""

import json
import subprocess
from pathlib import Path

import pytest
from conftest import Deployer
from harness.ordinary import Ordinary

WORK = Path(__file__).parent / "inside"
SQUARES = [0, 1, 4, 9]

# What each piece of work in `inside/work.py` answers.
PYTHON = {
    "threads": sum(n * n for n in range(50)),
    "fork_and_exec": ["from the child\n", 7],
    "spawned": 0,
    "orphans_are_reaped": False,
    "pipes": [300_000, "QUIET "],
    "tmp": ["/tmp", ["fifo", "link", "moved"], 1000, 2],
    "script_in_tmp": "ran it\n",
    "file_locks": "held",
    "memory_maps": ["end", "here", "kept"],
    "machine_code": [130, 130, 25],
    "udp": "ping pong",
    "unix_sockets": "through a handed descriptor",
    "http_server": "/path",
    "signals": ["SIGUSR1", "SIGALRM", -15],
    "signals_at_start": [""],
    "time_zones": ["2026-07-01T14:00:00+02:00", "2026-07-01T17:30:00+05:30", 12, 8, ["EST", "EDT"]],
    "locales": [["Zebra", "apfel", "Öl", "äpfel"], "A\na\nb\n", "/tmp/größe-日本", "UTF-8"],
    "default_locale": ["en_US.UTF-8", "utf-8", "utf-8", "utf-8"],
    "shared_memory": "there",
    "managers": {"from": "child"},
    "executors": [SQUARES, SQUARES],
    "event_loop": ["meow", 0, "PSST\n", 81],
    "database": 499_500,
    "certificates": [True, True, 8],
    "tls": ["private", "TLSv1.3"],
    "processors": [3, True, True, 4096, 0],
    "who_am_i": ["sbx_user1051", "sbx_user1051", "/tmp", "/tmp", "127.0.0.1", 443, True],
    "inotify": "noticed",
    "descriptors_that_tell": ["event", "signal", "timer"],
    "pidfd": 0,
    "terminal": "a terminal",
    "system_v": ["held", 0, 0],
    "archives": ["packed", True, True],
}
NODE = {
    "workers": [[1, 4, 9, 16], 10],
    "children": ["42", "meow", 0, "SIGTERM", 42],
    "httpServer": "/path",
    "sockets": ["local", "datagram"],
    "compiled": [-2014260032, 42],
    "signals": "SIGUSR2",
    "times": [12, "14:00:00 MESZ", "aäz"],
    "watched": "noticed",
}
JVM = """
import subprocess
def handler(event, context):
    done = subprocess.run(["java", "-Xmx64m", "-Xshare:auto", "-version"], capture_output=True, text=True)
    return [done.returncode, done.stderr]
"""


def test_python(deploy, invoke):
    """One function does it all: what one piece of work leaves behind, the next must bear."""
    name = deploy({"index.py": (WORK / "work.py").read_text()}, MemorySize=1769, Timeout=30)
    answers = {work: invoke(name, {"work": work})["Json"] for work in PYTHON}
    assert answers == PYTHON
    for family, address in (("AF_INET", "127.0.0.1"), ("AF_INET6", "::1")):
        event = {"work": "tcp", "with": {"family": family, "address": address}}
        assert invoke(name, event)["Json"] == "HELLO", family


@pytest.mark.parametrize("method", ("fork", "spawn", "forkserver"))
def test_multiprocessing(method, deploy, invoke):
    name = deploy({"index.py": (WORK / "work.py").read_text()}, MemorySize=1769, Timeout=30)
    event = {"work": "processes", "with": {"method": method}}
    assert invoke(name, event)["Json"] == [9, 16, 400, [0, 0, 0, 0]]
    event = {"work": "pool", "with": {"method": method}}
    assert invoke(name, event)["Json"] == [0, 1, 4, 9, 16, 25]


def test_node(deploy, invoke):
    name = deploy({"index.js": (WORK / "work.cjs").read_text()}, runtime="node", MemorySize=1769, Timeout=30)
    assert {work: invoke(name, {"work": work})["Json"] for work in NODE} == NODE


def test_every_piece_of_work_is_done():
    source = (WORK / "work.py").read_text()
    defined = {line[4:].split("(")[0] for line in source.splitlines() if line.startswith("def ")}
    ours = {name for name in defined if not name.startswith("_")} - {"handler", "square"}
    assert ours == PYTHON.keys() | {"tcp", "processes", "pool"}


def test_a_shell_and_its_tools(deploy, invoke):
    files = {"bootstrap": (WORK / "bootstrap.sh").read_text(), "work.sh": (WORK / "work.sh").read_text()}
    name = deploy(files, runtime="custom", Timeout=30)
    answer = invoke(name)
    assert answer["Json"][-1] == "every tool works", answer["Json"]


def test_a_static_program(deploy, invoke, tmp_path):
    program = tmp_path / "bootstrap"
    subprocess.run(["rustc", "--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-o", program,
                    WORK / "static.rs"], check=True)
    linked = subprocess.run(["ldd", program], capture_output=True, text=True)
    assert "statically linked" in linked.stdout, linked
    name = deploy({"bootstrap": program.read_bytes()}, runtime="custom")
    assert invoke(name)["Json"] == [84, "child", "file", "loopback"]


def test_a_jvm_starts(deploy, invoke):
    name = deploy({"index.py": JVM}, MemorySize=1024, Timeout=60)
    code, text = invoke(name)["Json"]
    assert code == 0 and "VM" in text, text


def test_the_same_without_root():
    """One user for all sandboxes, no limits, a /tmp in memory: what works there is the same."""
    ordinary = Ordinary()
    server = ordinary.server("--allow-nearest-runtime").start()
    try:
        client = server.client()
        deploy = Deployer(client)
        python = deploy({"index.py": (WORK / "work.py").read_text()}, MemorySize=1769, Timeout=30)
        node = deploy({"index.js": (WORK / "work.cjs").read_text()}, runtime="node", MemorySize=1769, Timeout=30)

        def do(name, work, **arguments):
            event = json.dumps({"work": work, "with": arguments})
            return json.load(client.invoke(FunctionName=name, Payload=event)["Payload"])

        assert {work: do(python, work) for work in PYTHON} == PYTHON
        assert {work: do(node, work) for work in NODE} == NODE
        assert do(python, "processes", method="forkserver") == [9, 16, 400, [0, 0, 0, 0]]
    finally:
        server.stop()
        ordinary.remove()
