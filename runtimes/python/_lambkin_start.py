"""Times the loading of the function's code, module by module, and tells the engine in a header of the first `next`.

Shown by `lambkin why-slow`; nothing depends on it. The import system holds a lock around the search for a module and
the run of its code; timing that lock leaves no frame in anybody's stack, and an import costs a microsecond more.
"""

import _frozen_importlib
from _json import encode_basestring_ascii
from _thread import get_ident
from time import perf_counter_ns

_began = perf_counter_ns()
# What the engine keeps; it reads no more and cuts longer names.
_MODULES_MAX = 32
_BYTES_MAX = 3500
_NAME_CHARACTERS_MAX = 128
# Whoever imports this many times goes on untimed.
_TIMED_MAX = 20000


def runtime_begins():
    """What was before belongs to no function."""
    global _began
    _began = perf_counter_ns()


class Loading:
    """The imports of one thread, from `begin` to `end`."""

    def __init__(self):
        self._lock = getattr(_frozen_importlib, "_ModuleLockManager", None)
        self._modules = []
        self._began = perf_counter_ns()

    def begin(self):
        if self._lock is not None:
            _frozen_importlib._ModuleLockManager = _timed(self._lock, self._modules)

    def end(self):
        """The header that tells what has been measured, as bytes."""
        load = perf_counter_ns() - self._began
        if self._lock is not None:
            _frozen_importlib._ModuleLockManager = self._lock
        own = sum(module[3] for module in self._modules if module[4] == 0)
        return b'Lambkin-Start: {"runtime":%d,"load":%d,"init":%d,"modules":[%s]}\r\n' % (
            (self._began - _began) // 1000, load // 1000, own // 1000, self._told()
        )

    def _told(self):
        """The modules that took longest; each counts by what it loaded and what it did itself."""
        self._modules.sort(key=_weight, reverse=True)
        told, size = [], 0
        for name, began, total, own, depth in self._modules[:_MODULES_MAX]:
            one = '[%s,%d,%d,%d,%d]' % (
                encode_basestring_ascii(name[:_NAME_CHARACTERS_MAX]),
                (began - self._began) // 1000, total // 1000, own // 1000, min(depth, 255),
            )
            size += len(one) + 1
            if size <= _BYTES_MAX:
                told.append(one)
        return ",".join(told).encode()


def _weight(module):
    return module[2] + module[3]


def _timed(lock, modules):
    """The import system's lock of a module, which writes down how long it was held by this thread."""
    thread = get_ident()
    # Time that was spent in the modules within each module that is being loaded.
    within = []

    class ModuleLock(lock):
        def __enter__(self):
            super().__enter__()
            if get_ident() == thread:
                within.append(0)
                self._lambkin_began = perf_counter_ns()

        def __exit__(self, *raised):
            if get_ident() == thread and within:
                total = perf_counter_ns() - self._lambkin_began
                own = total - within.pop()
                if within:
                    within[-1] += total
                if len(modules) < _TIMED_MAX:
                    modules.append((self._name, self._lambkin_began, total, own, len(within)))
            super().__exit__(*raised)

    return ModuleLock
