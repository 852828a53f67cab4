"""The switch that weakens sandboxes for tests is in no build but its own."""

import json
import subprocess

from harness.server import BINARY


def test_an_ordinary_build_cannot_be_weakened(tmp_path):
    assert b"LAMBKIN_WEAKEN" not in BINARY.read_bytes()
    done = subprocess.run([BINARY, "doctor", "--json", "--listen", "127.0.0.1:0"], cwd=tmp_path, text=True,
                          capture_output=True, timeout=60, env={"LAMBKIN_WEAKEN": "seccomp,landlock,userns"})
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["counts"]["failed"] == 0, done.stdout
    assert "WEAKENED" not in done.stderr
