"""The AWS CLI as it comes from PyPI, pointed at the server by its environment alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness.package import zip_files
from harness.server import ROLE

AWS = Path(sys.executable).parent / "aws"
# What version 1 of the CLI, the one on PyPI, ends with when the service refuses.
FAILED = 255


@pytest.fixture
def aws(server, tmp_path):
    def call(*arguments, check=True):
        done = subprocess.run([sys.executable, AWS, "lambda", *arguments], env=server.env() | {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path)}, cwd=tmp_path, text=True,
            capture_output=True, timeout=120)
        if check:
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout) if done.stdout.strip() else None
        return done

    return call


def test_a_functions_whole_life(aws, tmp_path, deploy):
    deploy.names.append("by-cli")
    (tmp_path / "code.zip").write_bytes(zip_files({"index.js": "exports.handler = async (e) => ({ sum: e.a + e.b });\n"}))
    created = aws("create-function", "--function-name", "by-cli", "--runtime", "nodejs20.x", "--role", ROLE,
                  "--handler", "index.handler", "--zip-file", "fileb://code.zip")
    assert created["State"] == "Pending"
    aws("wait", "function-active-v2", "--function-name", "by-cli")
    answer = aws("invoke", "--function-name", "by-cli", "--payload", '{"a": 2, "b": 3}', "out.json")
    assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads((tmp_path / "out.json").read_text()) == {"sum": 5}
    assert aws("publish-version", "--function-name", "by-cli", "--description", "first")["Version"] == "1"
    answer = aws("invoke", "--function-name", "by-cli", "--qualifier", "1", "--payload", "{}", "out.json")
    assert answer == {"StatusCode": 200, "ExecutedVersion": "1"}
    aws("update-function-configuration", "--function-name", "by-cli", "--timeout", "9")
    aws("wait", "function-updated-v2", "--function-name", "by-cli")
    assert aws("get-function-configuration", "--function-name", "by-cli")["Timeout"] == 9
    assert "by-cli" in [f["FunctionName"] for f in aws("list-functions")["Functions"]]
    aws("delete-function", "--function-name", "by-cli")
    gone = aws("get-function", "--function-name", "by-cli", check=False)
    assert gone.returncode == FAILED
    assert "ResourceNotFoundException" in gone.stderr


def test_a_function_that_is_not_there(aws):
    done = aws("invoke", "--function-name", "nobody", "out.json", check=False)
    assert done.returncode == FAILED
    assert ("(ResourceNotFoundException) when calling the Invoke operation: Function not found: "
            "arn:aws:lambda:us-east-1:000000000000:function:nobody:$LATEST") in done.stderr
