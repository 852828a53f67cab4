"""Without root: what works, what is missing and named, and what is refused."""

import json
import os

import pytest
from conftest import Deployer
from harness.ordinary import Ordinary

# A program that covers a file of /proc, as container engines do, and becomes the ordinary user.
MASKED = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 4096, 16384, 1 << 18
def do(result):
    if result: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
do(libc.unshare(CLONE_NEWNS))
do(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
do(libc.mount(b"/dev/null", b"/proc/timer_list", None, MS_BIND, None))
uid = int(sys.argv[1])
os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
os.execv(sys.argv[2], sys.argv[2:])
"""
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can cover a part of /proc")


@pytest.fixture
def ordinary():
    user = Ordinary()
    yield user
    user.remove()


def masked(ordinary):
    return ["/usr/bin/python3", "-c", MASKED, str(ordinary.uid)]


def test_functions_run_and_what_is_missing_is_named(ordinary):
    server = ordinary.server("--allow-nearest-runtime").start()
    try:
        client = server.client()
        deploy = Deployer(client)
        code = "import os\ndef handler(event, context): return [os.getuid(), open('/proc/1/status').read()]\n"
        name = deploy({"index.py": code})
        uid, status = json.load(client.invoke(FunctionName=name)["Payload"])
        assert uid == 993 and "CapEff:\t0000000000000000" in status
        isolation = json.loads(server.cli("functions", "show", name, "--output", "json").stdout)
        isolation = isolation["Configuration"]["Isolation"]
        assert isolation["Level"] == "Limited" and isolation["User"] == "SharedUser"
        assert all("; remedy: " in one for one in isolation["Missing"])
        assert "Isolation.Level" in server.cli("functions", "show", name).stdout
        log = server.log()
        for word in ("one user", "/tmp is charged"):
            assert word in log and any(word in one for one in isolation["Missing"]), word
        assert log.count("remedy=") == len(isolation["Missing"])
        deploy.delete_all()
    finally:
        assert server.stop() == 0


def test_production_refuses_what_is_not_whole(ordinary):
    done = ordinary.run("serve", "--production", "--data-dir", "data", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "--production" in done.stderr and "listening" not in done.stderr
    assert done.stderr.count("; remedy: ") >= 2, done.stderr


@needs_root
def test_a_covered_proc_is_refused_with_its_remedy(ordinary):
    for command in (["serve", "--data-dir", "data", "--listen", "127.0.0.1:0"], ["doctor"]):
        done = ordinary.run(*command, before=masked(ordinary))
        assert done.returncode == 1
        assert "/proc is partly covered" in done.stdout + done.stderr, done
        assert "systempaths=unconfined" in done.stdout + done.stderr


def test_root_of_a_user_name_space_is_an_ordinary_user(ordinary):
    """As in a container of an ordinary user: it is user 0 there, and has the rights of nobody."""
    before = ["unshare", "--user", "--map-root-user"]
    if ordinary.uid is not None:
        uid = str(ordinary.uid)
        before = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", *before]
    done = ordinary.run("doctor", "--json", before=before)
    counts = json.loads(done.stdout)["counts"]
    assert done.returncode == 0 and counts["failed"] == 0 and counts["missing"] >= 2, done.stdout
