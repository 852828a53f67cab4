"""What a Python does that is started before it is known for which function.

It loads what most functions import, then waits for its environment on standard input: `NAME=VALUE`, each
ended by a zero byte, and then the end. From there on nothing may tell it from one that was started late.
"""

import os
import sys
import time
from importlib import import_module

import _lambkin_start

# None of them reads the environment, opens anything or starts anything, and all are of Python itself. `logging`
# is not among them: that it is imported decides when it is set up.
_LOADED_AHEAD = ("base64", "collections", "contextlib", "datetime", "functools", "json", "re", "typing", "urllib.parse")
_READ_BYTES = 64 << 10


def wait():
    for name in _LOADED_AHEAD:
        import_module(name)
    environment = read_all(0)
    _lambkin_start.runtime_begins()
    become(environment)


def read_all(descriptor):
    parts = []
    while part := os.read(descriptor, _READ_BYTES):
        parts.append(part)
    return b"".join(parts)


def become(text):
    """Takes an environment, and what else a start would have given."""
    # Python sets it at its start where the locale is unknown.
    own = os.environ.get("LC_CTYPE")
    os.environ.clear()
    os.environb.update(pair.split(b"=", 1) for pair in text.split(b"\0") if pair)
    if own is not None:
        os.environ.setdefault("LC_CTYPE", own)
    time.tzset()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # The function's code has come to this folder; so far it was an empty one.
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    sys.argv.pop()
