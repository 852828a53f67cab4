"""Python's code is compiled once for all environments, and nobody can tell but by the time."""

import base64
import importlib._bootstrap_external as importing
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

from conftest import Deployer
from harness.package import zip_files
from harness.raw_zip import Entry, archive, link
from harness.renewing import Renewing
from harness.server import Server

COMPILED = "/var/compiled/"
# Imports what the event names; tells where its code was found, and which files were compiled for it.
INDEX = """
import importlib, inspect, os, traceback
from importlib.machinery import SourceFileLoader

compiled = []
usual = SourceFileLoader.source_to_code

def source_to_code(self, data, path, **more):
    compiled.append(path)
    return usual(self, data, path, **more)

def handler(event, context):
    SourceFileLoader.source_to_code = source_to_code
    told = {}
    for name in event:
        try:
            module = importlib.import_module(name)
        except SyntaxError as error:
            told[name] = {"error": [error.filename, error.lineno]}
            continue
        told[name] = {"file": module.__file__, "cached": module.__cached__, "value": module.VALUE}
        if hasattr(module, "fail"):
            try:
                module.fail()
            except ValueError as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                told[name] |= {"raised": [last.filename, last.lineno, last.line], "source": inspect.getsource(module.fail)}
    writable = True
    try:
        open("/var/compiled/x", "w")
    except OSError:
        writable = False
    return {"told": told, "compiled": compiled, "task": sorted(os.listdir("/var/task")), "writable": writable}
"""
FAIL = "def fail():\n    raise ValueError('on purpose')\n"
BULK = "".join(f"def function_{i}(a, b=None, *more):\n    return [a, b, {i}, *more]\n" for i in range(60))


def good(value):
    return f"VALUE = {value!r}, __debug__\n{FAIL}{BULK}"


def files(value):
    # What is compiled here and says never to look at its source again is not what the source says.
    code = compile("VALUE = 'brought'", "/var/task/brought.py", "exec")
    cached = importing.cache_from_source("brought.py")
    return {
        "index.py": INDEX,
        "good.py": good(value),
        "folder/__init__.py": "",
        "folder/module.py": "VALUE = 'in a folder'\n",
        "bad.py": "VALUE = 1\nthis is no Python\n",
        "warned.py": "VALUE = 1 is 1\n",
        # Until Python 3.11 a DeprecationWarning, which only a function sees that wants it.
        "escaped.py": "VALUE = '\\d'\n",
        "brought.py": "VALUE = 'source'\n",
        cached: bytes(importing._code_to_hash_pyc(code, b"12345678", False)),
    }


ALL = ["good", "folder.module", "bad", "warned", "escaped", "brought"]


def is_compiled(found):
    return found["told"]["good"]["cached"].startswith(COMPILED)


def first_environment(deploy, invoke):
    """Of a function that nobody has called before, for as long as it takes to compile it."""
    for seconds in (2, 5, 10):
        name = deploy(files("first") | {"tries.py": f"SECONDS = {seconds}\n"})
        time.sleep(seconds)
        answer = invoke(name, ALL, LogType="Tail")
        if is_compiled(answer["Json"]):
            break
    return name, answer


def test_python_code_is_compiled_once_for_all_environments(client, deploy, invoke):
    name, answer = first_environment(deploy, invoke)
    function = Renewing(client, invoke, name)
    found, told = answer["Json"], answer["Json"]["told"]
    tag = importing.cache_from_source("x.py")[len("__pycache__/x"):]
    line, text = 3, "raise ValueError('on purpose')"
    assert told["good"] == {
        "file": "/var/task/good.py",
        "cached": f"{COMPILED}__pycache__/good{tag}",
        "value": ["first", True],
        "raised": ["/var/task/good.py", line, text],
        "source": FAIL,
    }
    assert told["folder.module"]["cached"] == f"{COMPILED}folder/__pycache__/module{tag}"
    # What does not compile is told where it is; what warns does so in each environment; what is brought along is used.
    assert told["bad"] == {"error": ["/var/task/bad.py", 2]}
    assert found["compiled"] == [f"/var/task/{name}.py" for name in ("bad", "warned", "escaped")]
    assert b"SyntaxWarning" in base64.b64decode(answer["LogResult"])
    assert told["brought"]["value"] == "brought"
    assert told["brought"]["cached"] == f"/var/task/__pycache__/brought{tag}"
    own = [name for name in files("") if "/" not in name]
    assert found["task"] == sorted(["__pycache__", "folder", "tries.py", *own])
    assert not found["writable"]

    # Of changed code nothing is taken that was compiled before.
    client.update_function_code(FunctionName=name, ZipFile=zip_files(files("second")))
    function.settled()
    assert invoke(name, ["good"])["Json"]["told"]["good"]["value"] == ["second", True]
    assert function.until(ALL, is_compiled)["Json"]["told"]["good"]["value"] == ["second", True]

    for variables, value, cached in (
        ({"PYTHONOPTIMIZE": "1"}, ["second", False], f"/var/task/__pycache__/good{tag[:-4]}.opt-1.pyc"),
        ({"PYTHONPYCACHEPREFIX": "/tmp/mine"}, ["second", True], f"/tmp/mine/var/task/good{tag}"),
        ({"PYTHONWARNINGS": "error"}, ["second", True], f"/var/task/__pycache__/good{tag}"),
        ({"PYTHONDONTWRITEBYTECODE": "1"}, ["second", True], f"{COMPILED}__pycache__/good{tag}"),
    ):
        function.change(Environment={"Variables": variables})
        told = invoke(name, ["good"])["Json"]["told"]["good"]
        assert (told["value"], told["cached"]) == (value, cached), variables


def test_what_a_package_holds_is_compiled_within_limits(client, deploy, invoke):
    many = [Entry(f"many/m{i}.py".encode(), b"VALUE = %d\n" % i) for i in range(500)]
    odd = [
        Entry(b"index.py", INDEX.encode()),
        Entry(b"good.py", good("here").encode()),
        link(b"linked.py", b"good.py"),
        link(b"loop", b"."),
        link(b"none.py", b"nothing"),
        Entry(b"folder.py/", b""),
        Entry(b"folder.py/__pycache__", b"no folder"),
        Entry(b"folder.py/x.py", b"VALUE = 1\n"),
        Entry(b"n" * 252 + b".py", b"VALUE = 1\n"),
        Entry(b"d/" * 127 + b"x.py", b"VALUE = 1\n"),
        Entry(b"\xff\xfe\\..\n.py", b"VALUE = 1\n"),
        Entry(b"deep.py", b"VALUE = " + b"-" * 500_000 + b"1\n"),
        Entry(b"nested.py", b"VALUE = " + b"[" * 100_000),
        Entry(b"nul.py", b"VALUE = 1\0\n"),
        Entry(b"huge.py", b"VALUE = " + b"9" * 4_000_000 + b"\n"),
        # Takes more memory than the compiler has.
        Entry(b"dense.py", b"x\n" * 2_000_000),
        # Their compiled forms have one name.
        Entry(b".py", b"VALUE = 1\n"),
        Entry(b"py.py", b"VALUE = 1\n"),
        Entry(b"bomb.py", b"VALUE = ((1 << 99999),) * 99999\n"),
        # Nothing of it runs.
        Entry(b"ends.py", b"import os\nos.write(1, b'x' * 999)\nos._exit(0)\n"),
        Entry(b"zipfile.py", b"import os\nos._exit(0)\n"),
        Entry(b"os.py", b"raise SystemExit\n"),
        # No program starts that takes these for its libraries.
        Entry(b"libc.so.6", b"no library"),
        Entry(b"lib/libz.so.1", b"no library"),
    ]
    libraries = {"Variables": {"LD_LIBRARY_PATH": "/var/lang/lib"}}
    name = deploy(archive(*odd, *many), MemorySize=1769, Environment=libraries)
    function = Renewing(client, invoke, name)
    found = function.until(["good", "linked", "many.m499"], is_compiled)["Json"]
    assert found["compiled"] == ["/var/task/linked.py"]
    assert found["told"]["many.m499"]["value"] == 499


# As in its sandbox, but for the place of the package.
COMPILES = """
import sys
sys.path.insert(0, sys.argv[1])
import _lambkin_compile
_lambkin_compile._TASK = sys.argv[2]
_lambkin_compile.main(int(sys.argv[3]), int(sys.argv[4]))
"""


def test_what_there_is_no_time_or_room_for_is_left_uncompiled(tmp_path):
    for number in range(3):
        (tmp_path / f"m{number}.py").write_text(good(number))

    def compiled(bytes_max, seconds_max=45):
        runtime = Path(__file__).parent.parent / "runtimes" / "python"
        line = [sys.executable, "-I", "-c", COMPILES, runtime, f"{tmp_path}/", str(bytes_max), str(seconds_max)]
        done = subprocess.run(line, capture_output=True, check=True)
        return [entry.file_size for entry in ZipFile(io.BytesIO(done.stdout)).infolist()]

    sizes = compiled(1 << 20)
    assert len(sizes) == 3
    assert compiled(sum(sizes)) == sizes and compiled(sum(sizes) - 1) == sizes[:2]
    assert compiled(1 << 20, seconds_max=0) == []


def test_what_could_not_be_kept_is_not_compiled_again_at_once(tmp_path):
    server = Server(tmp_path, "--allow-nearest-runtime", env={"LAMBKIN_CODE_CACHE_MIB": "1"}).start()
    try:
        client = server.client()
        # The package alone fills it.
        index = "def handler(event, context): return 1\n" + BULK
        name = Deployer(client)({"index.py": index, "data": os.urandom((1 << 20) - len(index) - 4_000)})
        tries = lambda: server.log().count("compiles its code for itself: the code cache has no room for it")
        until = time.monotonic() + 15
        while not tries():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert client.invoke(FunctionName=name)["Payload"].read() == b"1"
        # So long did it take the first time, and a little longer.
        time.sleep(1.8)
        assert tries() == 1
    finally:
        assert server.stop() == 0
