"""A disk that is full: what runs leaves its record, and what could not is refused before it runs."""

import json
import subprocess
import time

import pytest
from botocore.exceptions import ClientError
from conftest import Deployer
from harness.server import Server

DISK = "size=40m,mode=700"
# The server looks at its disk four times a second.
NOTICED_S = 3


@pytest.fixture
def disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "none", disk], check=True)
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


def fill(file):
    """To the last page: what the server frees meanwhile is taken as well."""
    with file.open("ab", buffering=0) as filler:
        for size in (1 << 20, 4096):
            try:
                while True:
                    filler.write(b"\0" * size)
            except OSError:
                pass


def test_every_invoke_that_runs_on_a_full_disk_leaves_its_record(disk):
    server = Server(disk, "--allow-nearest-runtime", "--pool-memory-mib", "0").start()
    try:
        client = server.client()
        name = Deployer(client)({"index.py": "def handler(event, context): return 1"})

        def call():
            """Whether it ran."""
            try:
                return json.load(client.invoke(FunctionName=name)["Payload"]) == 1
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ServiceException"
                assert "disk" in error.response["Error"]["Message"]
                return False

        assert call()
        ran, filler = 1, disk / "filler"
        deadline = time.monotonic() + 30
        refused = 0
        while refused < 20:
            assert time.monotonic() < deadline, "it goes on"
            fill(filler)
            if call():
                ran += 1
            else:
                refused += 1
        filler.unlink()
        deadline = time.monotonic() + NOTICED_S
        while not call():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        [row] = json.loads(server.cli("ledger", "--output", "json").stdout)["functions"]
        assert row["requests"] == ran + 1
    finally:
        assert server.stop() == 0
