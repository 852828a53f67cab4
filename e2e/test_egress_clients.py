"""Clients as they come, against servers in a world of the tests' own, with root and without."""

import subprocess
import sys
from pathlib import Path

import pytest
from test_packages import installed

INSIDE = Path(__file__).parent / "inside"
PACKAGES = ("boto3==1.44.5", "requests==2.32.5", "aiohttp==3.12.15", "urllib3==2.5.0")


@pytest.fixture(scope="session")
def package(world, tmp_path_factory):
    """The function's files with the libraries, and a class for a JVM; made while the machine's network is there."""
    def pip(folder):
        return [sys.executable, "-m", "pip", "install", "-q", "--target", folder, "--only-binary", ":all:",
                "--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64", *PACKAGES]

    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "--release", "17", "-d", classes, INSIDE / "Client.java"], check=True)
    files = {"index.py": (INSIDE / "egress_clients.py").read_text(), "root.pem": world.authority.root.read_text()}
    return installed("http-clients", pip, files | {"Client.class": (classes / "Client.class").read_bytes()})


@pytest.fixture(scope="module")
def functions():
    return {}


@pytest.fixture
def python(package, place, functions):
    if place.mode not in functions:
        functions[place.mode] = place.deploy(package, MemorySize=1769, Timeout=60)
    name = functions[place.mode]
    return lambda work, **arguments: place.do(work, name=name, **arguments)


def test_requests(python):
    assert python("with_requests") == [True, 1_000_000, "/six", 1_000_000, True]


def test_urllib3_with_tls(python):
    assert python("with_urllib3") == [[True] * 5, False]


def test_aiohttp(python):
    assert python("with_aiohttp") == [True, 5_000_000]


def test_boto3(python):
    assert python("with_boto3") == [["ListTables"], 200]


def test_curl(python):
    both, uploaded, several, refused = python("with_curl")
    assert (both, uploaded, several) == ([True, True], True, 1000)
    assert 0 not in refused


def test_a_jvm(python):
    code, lines, errors = python("with_a_jvm")
    assert code == 0, errors
    assert lines[:4] == ["200", "50", "hello", "hello"], lines
    assert "Exception" in lines[4] and lines[5] == "ConnectException", lines


def test_node(place):
    files = {"index.js": (INSIDE / "egress.cjs").read_text(), "root.pem": place.world.authority.root.read_text()}
    variables = {"Variables": {"NODE_EXTRA_CA_CERTS": "/var/task/root.pem"}}
    name = place.deploy(files, runtime="node", MemorySize=1769, Timeout=30, Environment=variables)
    answers = {work: place.invoke(name, {"work": work}) for work in ("fetch", "net", "tls", "keptAlive", "names")}
    assert answers == {
        "fetch": [True, 1_000_000, "ENETUNREACH"],
        "net": ["four", "six", "either", "ECONNREFUSED", "ENETUNREACH", "EACCES"],
        "tls": True,
        "keptAlive": True,
        "names": ["203.0.113.10", ["203.0.113.10"], ["2001:db8::10"], "ENOTFOUND"],
    }
