"""`lambkin doctor`: a machine's state with remedies, and a sandbox on trial."""

import json
import os
import subprocess

import pytest
from harness.ordinary import Ordinary
from harness.server import BINARY

TRIALS = ("ptrace", "files of the machine", "descriptors of the server", "inbound connections",
          "outbound connections", "forbidden system calls", "processes of the machine", "bound of memory")
NETWORK_TRIALS = ("outbound connections", "names", "port 25", "metadata service", "services of the machine",
                  "rules of a function", "datagrams", "connections that were handed in", "inbound connections",
                  "what arrived outside")
SUBJECTS = {"kernel", "limits", "address", "disk", "clock", "interpreters", "sandbox", "self-test"}


def doctor(*arguments, cwd):
    return subprocess.run([BINARY, "doctor", *arguments], text=True, capture_output=True, timeout=60, cwd=cwd)


def test_every_subject_is_looked_at_and_every_promise_tried(tmp_path):
    done = doctor("--json", "--listen", "127.0.0.1:0", cwd=tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    assert {one["subject"] for one in report["findings"]} == SUBJECTS
    trials = [one for one in report["findings"] if one["subject"] == "self-test"]
    assert len(trials) >= 20 and all(one["state"] == "good" for one in trials)
    for name in TRIALS:
        assert any(one["found"].startswith(name + ": ") for one in trials), name
    assert report["counts"]["failed"] == 0
    assert list(tmp_path.iterdir()) == [], "it leaves nothing"


def test_the_network_is_tried_with_root_and_without(tmp_path):
    ordinary = Ordinary()
    try:
        for done in (doctor("--json", "--listen", "127.0.0.1:0", cwd=tmp_path),
                     ordinary.run("doctor", "--json", "--listen", "127.0.0.1:0")):
            trials = {one["found"].partition(": ")[0]: one for one in json.loads(done.stdout)["findings"]
                      if one["subject"] == "self-test"}
            assert all(trials[name]["state"] == "good" for name in NETWORK_TRIALS), done.stdout
            assert "203.0.113.1 and 2001:db8::1" in trials["outbound connections"]["found"]
    finally:
        ordinary.remove()


def test_lines_have_marks_and_a_count(tmp_path):
    lines = doctor("--listen", "127.0.0.1:0", cwd=tmp_path).stdout.splitlines()
    assert any(line.startswith("  ✓ ptrace: ") for line in lines)
    assert lines[-1].endswith(" failed")


def test_what_is_missing_has_a_remedy_and_fails_in_production_only():
    ordinary = Ordinary()
    try:
        done = ordinary.run("doctor", "--json", "--listen", "127.0.0.1:0")
        missing = [one for one in json.loads(done.stdout)["findings"] if one["state"] == "missing"]
        assert done.returncode == 0 and len(missing) >= 2 and all(one["remedy"] for one in missing)
        assert ordinary.run("doctor", "--production", "--listen", "127.0.0.1:0").returncode == 1
    finally:
        ordinary.remove()


@pytest.mark.skipif(os.getuid() != 0, reason="only root has every part of the isolation")
def test_root_has_the_full_set(tmp_path):
    done = doctor("--production", "--json", "--listen", "127.0.0.1:0", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_it_does_not_disturb_a_server(server, invoke, deploy, tmp_path):
    name = deploy({"index.py": "def handler(event, context): return 1\n"})
    assert invoke(name)["Json"] == 1
    done = doctor("--json", "--listen", f"127.0.0.1:{server.port}", cwd=tmp_path)
    taken = [one for one in json.loads(done.stdout)["findings"] if one["subject"] == "address"]
    assert str(server.process.pid) in taken[0]["found"] and taken[0]["remedy"]
    assert invoke(name)["Json"] == 1
