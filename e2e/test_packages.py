"""Real packages from PyPI and npm, zipped as users zip them."""

import os
import subprocess
import sys
from pathlib import Path

from harness.package import zip_folder

CACHE = Path(os.environ.get("LAMBKIN_FIXTURES", "../target/fixtures"))


def installed(name, command, files):
    """A folder with packages installed once and the function's files beside them."""
    folder = CACHE / name
    if not (folder / ".done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(command(folder), check=True, cwd=folder, timeout=600)
        (folder / ".done").touch()
    for file, text in files.items():
        (folder / file).write_bytes(text.encode() if isinstance(text, str) else text)
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
