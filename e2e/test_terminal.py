"""A server whose standard output and standard error lead nowhere any more, as when a terminal was closed."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from conftest import Deployer
from harness.server import Server

CODE = {"index.py": "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'ran'\n"}


def heed_hangups():
    """Whoever started the tests may have had them ignored, which shells and the server keep so."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path):
    """Starts a server by a shell that sets its two outputs, and has a key pair made; what is left is killed."""
    server = Server(tmp_path, "--allow-nearest-runtime")

    def start(shell):
        env = {k: v for k, v in server.env().items() if not k.startswith("AWS_")}
        env["LAMBKIN_MASTER_KEY_FILE"] = str(tmp_path / "master.key")
        (tmp_path / "server.log").touch()
        command = [server.binary, "serve", "--listen", f"127.0.0.1:{server.port}", "--data-dir", server.data]
        server.process = subprocess.Popen(["sh", "-c", shell, "sh", *command, *server.flags], env=env,
                                          stdin=subprocess.DEVNULL, preexec_fn=heed_hangups)
        server.wait_ready()
        keys = (server.data / "credentials").read_text()
        server.access_key, server.secret_key = re.findall(r"^aws_\w+ = (\S+)$", keys, re.M)
        return server

    yield start
    if server.process and server.process.poll() is None:
        server.kill()


def invoke(server, name, seconds):
    answer = server.client().invoke(FunctionName=name, Payload=json.dumps(seconds))
    return answer["Payload"].read()


# A pipe without a reader, and a device that takes nothing.
DEAD_PIPE = 'mkfifo {0}/pipe; exec 3<>{0}/pipe 4>{0}/pipe 3>&-; exec "$@" >&4 2>&4 4>&-'
FULL = 'exec "$@" >/dev/full 2>&1'


@pytest.mark.parametrize(("shell", "told"), [(DEAD_PIPE, signal.SIGHUP), (FULL, signal.SIGTERM)],
                         ids=["no reader", "full"])
def test_it_serves_on_and_drains(start, tmp_path, shell, told):
    server = start(shell.format(tmp_path))
    name = Deployer(server.client())(CODE)
    assert invoke(server, name, 0) == b'"ran"'
    answers = []
    running = threading.Thread(target=lambda: answers.append(invoke(server, name, 1)))
    running.start()
    time.sleep(0.4)
    server.process.send_signal(told)
    assert server.process.wait(20) == 0
    running.join()
    assert answers == [b'"ran"']


def test_an_ignored_hangup_stays_ignored(start, tmp_path):
    server = start(f"""trap '' HUP; exec "$@" >{tmp_path}/server.log 2>&1""")
    os.kill(server.process.pid, signal.SIGHUP)
    time.sleep(0.3)
    assert server.process.poll() is None and "draining" not in server.log()
    assert server.stop() == 0
