"""Real packages from PyPI and npm, zipped as users zip them, and hostile packages."""

import io
import os
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from harness.package import zip_files, zip_folder

CACHE = Path(os.environ.get("LAMBKIN_FIXTURES", "../target/fixtures"))


def installed(name, command, files):
    """A folder with packages installed once and the function's files beside them."""
    folder = CACHE / name
    if not (folder / ".done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(command(folder), check=True, cwd=folder, timeout=600)
        (folder / ".done").touch()
    for file, text in files.items():
        (folder / file).write_text(text)
    return zip_folder(folder)


def test_powertools_and_pydantic(deploy, invoke):
    def pip(folder):
        return [sys.executable, "-m", "pip", "install", "-q", "--target", folder, "--only-binary", ":all:",
                "--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64",
                "aws-lambda-powertools==3.20.0", "pydantic==2.11.9"]
    source = """
from aws_lambda_powertools import Logger
from pydantic import BaseModel
logger = Logger(service="shop")
class Order(BaseModel):
    item: str
    count: int = 1
@logger.inject_lambda_context
def handler(event, context):
    logger.info("order")
    return Order(**event).model_dump()
"""
    name = deploy(installed("powertools", pip, {"index.py": source}), Timeout=30)
    assert invoke(name, {"item": "hat"})["Json"] == {"item": "hat", "count": 1}


def test_express_behind_serverless_http(deploy, invoke):
    def npm(folder):
        return ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder),
                "express@4.21.2", "serverless-http@3.2.0"]
    source = """
const express = require('express');
const app = express();
app.get('/hello/:who', (request, response) => response.json({ hello: request.params.who }));
exports.handler = require('serverless-http')(app);
"""
    name = deploy(installed("express", npm, {"index.js": source}), runtime="node", Timeout=30)
    event = {"version": "2.0", "rawPath": "/hello/world", "rawQueryString": "", "headers": {},
             "requestContext": {"http": {"method": "GET", "path": "/hello/world"}}, "isBase64Encoded": False}
    answer = invoke(name, event)["Json"]
    assert (answer["statusCode"], answer["body"]) == (200, '{"hello":"world"}')


def link(name, target):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return buffer.getvalue()


def bomb():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(300 * 2**20))
    return buffer.getvalue()


def lying_size():
    """The directory says 1 byte, the stream holds 300 MB."""
    data = bytearray(bomb())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24:at + 28] = struct.pack("<I", 1)
    return bytes(data)


def many():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in range(200_000):
            archive.writestr(f"{index}", b"")
    return buffer.getvalue()


HOSTILE = {
    "not a zip": b"x" * 100,
    "truncated": zip_files({"index.py": "x = 1\n" * 1000})[:-40],
    "absolute": zip_files({"/etc/cron.d/x": "x"}),
    "parent": zip_files({"../../escape": "x"}),
    "link out": link("out", "/etc/passwd"),
    "link up": link("out", "../../../etc/passwd"),
    "too large": bomb(),
    "lying size": lying_size(),
    "too many": many(),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_package_is_refused_and_leaves_nothing(client, deploy, server, case):
    before = sorted(p.name for p in (server.data / "blobs").rglob("*") if p.is_file())
    with pytest.raises(ClientError) as caught:
        deploy(HOSTILE[case], name="hostile")
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException", error
    if case in ("not a zip", "truncated"):
        assert error["Message"] == "Could not unzip uploaded file. Please check your file, then try to upload again."
    if case == "too large":
        assert error["Message"] == "Unzipped size must be smaller than 262144000 bytes"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="hostile")
    after = sorted(p.name for p in (server.data / "blobs").rglob("*") if p.is_file())
    assert before == after
    assert not Path("/etc/cron.d/x").exists()


def test_setuid_bits_are_dropped(deploy, invoke):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("tool")
        info.create_system = 3
        info.external_attr = (stat.S_IFREG | 0o6755) << 16
        archive.writestr(info, "x")
        archive.writestr("index.py", "import os\ndef handler(e, c): return oct(os.stat('tool').st_mode)\n")
    assert invoke(deploy(buffer.getvalue()))["Json"] == "0o100755"
