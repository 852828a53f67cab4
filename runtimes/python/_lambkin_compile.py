"""Compiles the files of a package, and writes what a cache of Python's would hold as a zip to the standard output.

Runs in a sandbox of its own, before the function does, and runs nothing of it. Files that do not compile are left out:
whoever imports them is told so then. So are those at which Python may warn at each import, and those that take more
memory than there is.
"""

import os
import resource
import sys
import warnings
from importlib.machinery import SourceFileLoader
from time import monotonic
from zipfile import ZipFile, ZipInfo

_TASK = "/var/task/"
# Longer files are data as a rule. Compiling takes up to a thousand times as much memory, and is not stopped in between.
_SOURCE_BYTES_MAX = 512 << 10
# Less than the sandbox has, whose end would be that of all files' results; beyond this limit one file fails.
_MEMORY_BYTES_MAX = 450 << 20
# What the unpacker takes, of which a cache's names need a part.
_NAME_BYTES_MAX = 255
_PATH_BYTES_MAX = 4096
_DEPTH_MAX = 128


class Compiling(SourceFileLoader):
    """Loads a file's code, and has what the interpreter would have kept of it; nothing if the package brings that."""

    compiled = None

    def set_data(self, path, data, *, _mode=0o666):
        self.compiled = path, data


def main(bytes_max, seconds_max):
    ends = monotonic() + seconds_max
    output = os.fdopen(os.dup(1), "wb")
    # What the interpreter has to say is no part of the zip.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    # Those of every kind: a function may want the ones that Python does not show of itself.
    warnings.simplefilter("error")
    limit_memory()
    with output, ZipFile(output, "w") as result:
        for path in sources():
            name, data = compile_one(path)
            bytes_max -= len(data)
            if bytes_max < 0 or monotonic() > ends:
                break
            if data:
                result.writestr(ZipInfo(name), data)


def limit_memory():
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES_MAX, _MEMORY_BYTES_MAX))
    except ValueError:
        pass  # There is a lower one.


def sources():
    for folder, folders, files in os.walk(_TASK):
        for file in files:
            path = os.path.join(folder, file)
            # Nobody imports what is called nothing but ".py", and its result would have the name of that of py.py.
            is_source = file.endswith(".py") and file != ".py" and not os.path.islink(path)
            if is_source and os.path.getsize(path) <= _SOURCE_BYTES_MAX:
                yield path


def compile_one(path):
    """Its name in the zip, and what is compiled of it; no bytes if there is nothing to keep."""
    loader = Compiling("any", path)
    try:
        loader.get_code("any")
    except Exception:
        return "", b""
    cached, data = loader.compiled or (_TASK, b"")
    name = cached[len(_TASK):]
    return (name, data) if is_taken(name) else ("", b"")


def is_taken(name):
    try:
        raw = name.encode()
    except UnicodeEncodeError:
        return False
    names = raw.split(b"/")
    return len(raw) <= _PATH_BYTES_MAX and len(names) <= _DEPTH_MAX and max(map(len, names)) <= _NAME_BYTES_MAX


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
