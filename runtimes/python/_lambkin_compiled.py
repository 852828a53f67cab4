"""Has Python find what was compiled of the function's package beforehand, beside the package and not in it.

It is laid out as the package is, and holds what Python would have written into the package's `__pycache__` folders. It
is held against its source as ever.
"""

import os
import sys

import _frozen_importlib_external

_TASK = "/var/task/"
_COMPILED = "/var/compiled/"


def use():
    """From now on, unless there is nothing, or the function's variables ask for code that is compiled in another way."""
    if sys.warnoptions or "PYTHONNODEBUGRANGES" in os.environ or not os.listdir(_COMPILED):
        return
    usual = _frozen_importlib_external.cache_from_source
    exists = os.path.exists

    def cache_from_source(path, debug_override=None, *, optimization=None):
        cached = usual(path, debug_override, optimization=optimization)
        # Names of optimised code are others, and PYTHONPYCACHEPREFIX is somewhere else.
        if cached.startswith(_TASK):
            compiled = _COMPILED + cached[len(_TASK):]
            if exists(compiled):
                return compiled
        return cached

    _frozen_importlib_external.cache_from_source = cache_from_source
