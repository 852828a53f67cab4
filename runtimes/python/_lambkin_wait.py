"""What a Python does that is started before it is known for which function.

It loads what most functions import, connects to the Runtime API, then waits for its environment on standard input:
`NAME=VALUE`, each ended by a zero byte, and then the end. From there on nothing may tell it from one that was started
late.
"""

import io
import os
import sys
import time
from importlib import import_module

import _lambkin_start

# None of them reads the environment, opens anything or starts anything, and all are of Python itself. `logging`
# is not among them: that it is imported decides when it is set up.
_LOADED_AHEAD = ("base64", "collections", "contextlib", "datetime", "functools", "json", "re", "typing", "urllib.parse")
_READ_BYTES = 64 << 10
# To compile touches much of the interpreter that nothing else does: what most functions are made of.
_REHEARSED = '''
import os
class Rehearsed(dict):
    LIMIT = 1
    def handler(self, event, context=None, *more, **named):
        try:
            for key, value in sorted(event.items()):
                if value is not None and key not in self or len(more) > self.LIMIT:
                    self[key] = [f"{one}: {value!r}" for one in more if one]
                else:
                    raise ValueError("%s" % (key,))
        except (KeyError, ValueError) as error:
            return {"statusCode": 200, "body": lambda: str(error)}
        with open(os.devnull) as nothing:
            while named:
                named.popitem()
'''


def wait(connect):
    ahead = load_ahead()
    api = connect()
    environment = read_all(0)
    _lambkin_start.runtime_begins()
    become(environment)
    give_way(ahead)
    return api


def load_ahead():
    before = set(sys.modules)
    for name in _LOADED_AHEAD:
        import_module(name)
    compile(_REHEARSED, "", "exec")
    return set(sys.modules) - before


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
    close_input()
    # The function's code has come to this folder; so far it was an empty one.
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])


def close_input():
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # A stream keeps what it once found its file to be.
    raw = io.FileIO(0, "rb", closefd=False)
    raw.name = "<stdin>"
    old = sys.__stdin__
    encoding, errors = getattr(old, "encoding", None), getattr(old, "errors", None)
    new = io.TextIOWrapper(io.BufferedReader(raw), encoding=encoding or "utf-8", errors=errors)
    new.mode = "r"
    # A function that was loaded before this may have put another one there.
    if sys.stdin is old:
        sys.stdin = new
    sys.__stdin__ = new


def give_way(ahead):
    """A module of the function's own stands before one of Python's that has the same name, if nobody has loaded that."""
    own = {name.partition(".")[0] for name in os.listdir(".")}
    if not own.isdisjoint(ahead):
        for name in ahead:
            del sys.modules[name]
