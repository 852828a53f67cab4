"""AWS's own runtime clients, unmodified, as custom runtimes."""

import os
import subprocess
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
CACHE = Path(os.environ.get("LAMBKIN_FIXTURES", "../target/fixtures")).resolve()


def build(name):
    """Builds a fixture's package once; its script says what it needs."""
    package = CACHE / f"{name}.zip"
    if not package.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["sh", FIXTURES / name / "build.sh", package], check=True, timeout=1200)
    return package.read_bytes()


@pytest.mark.timeout(1300)
@pytest.mark.parametrize("client_name", ["awslambdaric", "aws-lambda-ric", "lambda-runtime"])
def test_an_official_client_serves_many_events_and_errors(deploy, invoke, client_name):
    name = deploy(build(client_name), runtime="custom", Timeout=20)
    for number in range(5):
        assert invoke(name, {"n": number})["Json"] == {"ok": True, "n": number}
    failed = invoke(name, {"fail": "on purpose"})
    assert failed["FunctionError"] == "Unhandled"
    assert "on purpose" in failed["Json"]["errorMessage"]
    assert invoke(name, {"n": 9})["Json"] == {"ok": True, "n": 9}
