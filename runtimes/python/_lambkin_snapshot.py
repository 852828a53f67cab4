"""What an initialised Python does to become a template, and what its clones do first.

It says that it is ready by stopping itself; whoever started it holds the child of the fork that follows, and forks
that child into sandboxes. Each of those goes on behind the fork with its environment on standard input, as a Python
that was started ahead does (`_lambkin_wait`).
"""

import gc
import os
import signal
import sys

import _lambkin_wait


def become_template():
    """Returns in each clone."""
    run_before_snapshot()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    gc.collect()
    # What is there stays in memory that is shared; only what a clone makes is its own to look through.
    gc.freeze()
    os.kill(os.getpid(), signal.SIGSTOP)
    if os.fork():
        os._exit(0)
    _lambkin_wait.become(_lambkin_wait.read_all(0))
    refresh_randomness()


def refresh_randomness():
    """Python's own generators know of the fork. OpenSSL's may take one process for another by its number."""
    if "_ssl" in sys.modules:
        sys.modules["_ssl"].RAND_add(os.urandom(48), 48.0)


def run_before_snapshot():
    hooks = sys.modules.get("snapshot_restore_py")
    before = hooks.get_before_snapshot() if hooks else []
    while before:
        hook, args, kwargs = before.pop()
        hook(*args, **kwargs)


def run_after_restore():
    hooks = sys.modules.get("snapshot_restore_py")
    for hook, args, kwargs in hooks.get_after_restore() if hooks else ():
        hook(*args, **kwargs)
