"""The README's main command on the repository's own examples, and live reload."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from harness.server import BINARY, free_port

EXAMPLES = Path(__file__).parent.parent / "examples"
# Below it are the dependencies of the example in Rust, compiled for `fixtures/lambda-runtime` already.
FIXTURES = Path(os.environ.get("LAMBKIN_FIXTURES", "../target/fixtures")).resolve()
TEMPLATE = """
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Colour: {Type: String, Default: teal}
Globals:
  Function: {Timeout: 5, MemorySize: 256, Runtime: python3.11}
Resources:
  Painter:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: painter
      Handler: app.handler
      CodeUri: src/
      Environment: {Variables: {COLOUR: !Ref Colour, PLACE: !Sub '${Colour}-room'}}
      SnapStart: {ApplyOn: PublishedVersions}
  Table:
    Type: AWS::DynamoDB::Table
"""
LATER = """  Late:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: late, Handler: app.handler, CodeUri: later/code/}
  Table:"""


def clean_env(tmp_path):
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBKIN_"))}
    return keep | {"NO_COLOR": "1"}


@pytest.mark.timeout(900)
def test_every_example_is_invoked_and_billed(tmp_path):
    examples = tmp_path / "examples"
    shutil.copytree(EXAMPLES, examples, ignore=shutil.ignore_patterns("target", "node_modules", ".aws-sam"))
    done = subprocess.run([BINARY, "dev", examples, "--once", "--data-dir", tmp_path / "data", "--listen",
                           f"127.0.0.1:{free_port()}"], text=True, capture_output=True, timeout=840,
                          env=clean_env(tmp_path) | {"CARGO_TARGET_DIR": str(FIXTURES / "cargo")}, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    resources = re.findall(r"^  (\w+):\n    Type: AWS::Serverless::Function", (EXAMPLES / "template.yaml").read_text(), re.M)
    assert len(resources) >= 3
    assert done.stdout.count("REPORT RequestId:") == len(resources)
    for variable in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION",
                     "AWS_DEFAULT_REGION"):
        assert done.stdout.count(f"{variable}=") == 1
    assert "\x1b[" not in done.stdout, "no colour where there is no terminal"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "events").mkdir()
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "events" / "event.json").write_text('{"wall": 1}')
    (tmp_path / "src" / "app.py").write_text(
        "import os\ndef handler(e, c): return [1, os.environ['COLOUR'], os.environ['PLACE'], e]\n")
    return tmp_path


def snap_start(client):
    return client.get_function_configuration(FunctionName="painter")["SnapStart"]["ApplyOn"]


def test_a_saved_change_is_live_at_the_next_invoke(project):
    port = free_port()
    out = open(project / "out", "wb")
    dev = subprocess.Popen([BINARY, "dev", ".", "--listen", f"127.0.0.1:{port}"], stdout=out, stderr=out,
                           env=clean_env(project), cwd=project)
    try:
        deadline = time.monotonic() + 60
        while "AWS_DEFAULT_REGION=" not in (text := (project / "out").read_text()):
            assert dev.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.05)
        assert '[1,"teal","teal-room",{"wall":1}]' in re.sub(r"\s", "", text)
        assert "AWS::DynamoDB::Table" in text, "what is not understood is named"
        exports = dict(re.findall(r"(AWS_\w+)=(\S+)", text))
        client = boto3.client("lambda", endpoint_url=exports["AWS_ENDPOINT_URL"], region_name="us-east-1",
                              aws_access_key_id=exports["AWS_ACCESS_KEY_ID"],
                              aws_secret_access_key=exports["AWS_SECRET_ACCESS_KEY"])
        (project / "src" / "app.py").write_text("def handler(e, c): return 'changed'\n")
        saved = time.monotonic()
        while json.load(client.invoke(FunctionName="painter", Payload=b"{}")["Payload"]) != "changed":
            assert time.monotonic() - saved < 1.0, "a saved change is live in under a second"
            time.sleep(0.02)
        assert snap_start(client) == "PublishedVersions"
        (project / "template.yaml").write_text(TEMPLATE.replace("PublishedVersions", "None"))
        saved = time.monotonic()
        while snap_start(client) != "None":
            assert time.monotonic() - saved < 2.0, "a saved template is live, too"
            time.sleep(0.02)
        (project / "template.yaml").write_text(TEMPLATE.replace("  Table:", LATER))
        deadline = time.monotonic() + 10
        while "later/code" not in (project / "out").read_text():
            assert time.monotonic() < deadline, "a folder that is missing is named"
            time.sleep(0.02)
        for folder in ("later", "later/code"):
            (project / folder).mkdir()
            time.sleep(0.3)
        (project / "later" / "code" / "app.py").write_text("def handler(e, c): return 'late'\n")
        while "late is live" not in (project / "out").read_text():
            assert time.monotonic() < deadline, "a folder that comes later is deployed"
            time.sleep(0.02)
        assert json.load(client.invoke(FunctionName="late", Payload=b"{}")["Payload"]) == "late"
        dev.kill()
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)) == 0:
            assert time.monotonic() < deadline, "the server ends with a dev that is killed"
            time.sleep(0.05)
    finally:
        dev.send_signal(signal.SIGINT)
        assert dev.wait(20) in (0, 130, -signal.SIGKILL)


def test_a_missing_interpreter_is_named_and_the_others_run(project):
    template = TEMPLATE.replace("  Table:", """  Ancient:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, CodeUri: src/, Runtime: ruby3.4}
  Table:""")
    (project / "template.yaml").write_text(template)
    done = subprocess.run([BINARY, "dev", ".", "--once", "--listen", f"127.0.0.1:{free_port()}"], text=True,
                          capture_output=True, timeout=120, env=clean_env(project), cwd=project)
    assert done.returncode != 0
    assert "Ancient" in done.stdout + done.stderr and "ruby3.4" in done.stdout + done.stderr
    assert '"teal-room"' in done.stdout
