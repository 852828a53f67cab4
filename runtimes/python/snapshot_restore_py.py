"""Hooks around the moment in which an initialised environment becomes a snapshot, under the names of AWS's package.

Both can be used as decorators, or called with arguments for the hook.
"""

_before_snapshot = []
_after_restore = []


def register_before_snapshot(hook, *args, **kwargs):
    """Runs before the snapshot; what is registered last runs first."""
    return _register(_before_snapshot, hook, args, kwargs)


def register_after_restore(hook, *args, **kwargs):
    """Runs in each environment that comes of the snapshot, in the order of registration."""
    return _register(_after_restore, hook, args, kwargs)


def get_before_snapshot():
    return _before_snapshot


def get_after_restore():
    return _after_restore


def _register(hooks, hook, args, kwargs):
    if not callable(hook):
        raise TypeError("a hook must be callable, and %r is not" % (hook,))
    hooks.append((hook, args, kwargs))
    return hook
