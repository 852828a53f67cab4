"""One real `lambkin serve` in a folder of its own, with real clients pointed at it."""

import os
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

BINARY = Path(os.environ.get("LAMBKIN_BIN", "target/debug/lambkin")).resolve()
ROLE = "arn:aws:iam::000000000000:role/any"
READY_S = 20
STOP_S = 20


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def as_user(uid):
    """Arguments of Popen that start a program as an ordinary user, where one is named."""
    return {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}


class Server:
    """Starts, kills and restarts the server on the same data folder and port."""

    def __init__(self, folder, *flags, env=None, binary=BINARY, user=None, before=()):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.port = free_port()
        self.flags = flags
        self.access_key = "AKIA" + secrets.token_hex(8).upper()
        self.secret_key = secrets.token_hex(20)
        self.extra_env = env or {}
        self.binary = binary
        self.user = user
        # What runs the binary; it has to become the user itself.
        self.before = list(before)
        self.process = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def env(self):
        """The environment of clients and of the server itself."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBKIN_"))}
        return clean | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def start(self):
        env = self.env() | {
            "LAMBKIN_ROOT_ACCESS_KEY_ID": self.access_key,
            "LAMBKIN_ROOT_SECRET_ACCESS_KEY": self.secret_key,
            "LAMBKIN_MASTER_KEY_FILE": str(self.folder / "master.key"),
        } | self.extra_env
        command = [self.binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", self.data]
        log = open(self.folder / "server.log", "ab")
        self.process = subprocess.Popen(
            [*self.before, *command, *self.flags], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            **({} if self.before else as_user(self.user))
        )
        self.wait_ready()
        return self

    def wait_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.log()[-3000:]}")
            try:
                with urllib.request.urlopen(self.endpoint + "/health", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready after {READY_S} s: {self.log()[-3000:]}")

    def log(self):
        return (self.folder / "server.log").read_text(errors="replace")

    def stop(self):
        """Asks it to end and returns its exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"not stopped after {STOP_S} s: {self.log()[-3000:]}") from None
        finally:
            self.process = None

    def kill(self):
        """The power cord: SIGKILL."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def client(self, service="lambda", **config):
        """A boto3 client without retries, so that a test sees the first answer."""
        return boto3.session.Session().client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(retries={"total_max_attempts": 1}, read_timeout=120,
                          max_pool_connections=200, **config),
        )

    def cli(self, *arguments, check=True, text=True):
        """Runs one of the binary's own commands against this server."""
        return subprocess.run([BINARY, *arguments], env=self.env(), check=check, text=text,
                              capture_output=True, timeout=120)
