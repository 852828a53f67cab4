"""JSON as Lambda's Python runtimes read and write it, without the cost of importing the `json` module.

Lambda's rules differ from the standard library's: Decimal is written as a number, bytes inside a result as
text, also as a key, a named tuple as an object; from Python 3.12 on, text that is not ASCII stays as it is.
"""

import os
import sys

from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

_SCALARS = frozenset((str, int, float, bool, type(None)))
_CONSTANTS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


class _Reading:
    """What the scanner asks its decoder for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _CONSTANTS.__getitem__


class _Literal(str):
    """A number that is written as its text says."""


class _NeedsLiterals(Exception):
    """A value that the fast encoder cannot write."""


def _keeps_unicode():
    # The runtime that was asked for decides, which may not be the interpreter's version.
    _, _, version = os.environ.get("AWS_EXECUTION_ENV", "").partition("AWS_Lambda_python")
    try:
        asked = tuple(map(int, version.split(".")))
    except ValueError:
        asked = sys.version_info[:2]
    return asked >= (3, 12)


def _default(value):
    if isinstance(value, bytes):
        return value.decode()
    decimal = sys.modules.get("decimal") or sys.modules.get("_decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        raise _NeedsLiterals
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def _default_with_literals(value):
    try:
        return _default(value)
    except _NeedsLiterals:
        return _CONSTANTS["NaN"] if value.is_nan() else _Literal(value)


def _with_objects(value):
    """The value with its named tuples as dicts; the very same value if it holds none."""
    if isinstance(value, dict):
        changed = {}
        for key, item in value.items():
            if type(item) not in _SCALARS:
                plain = _with_objects(item)
                if plain is not item:
                    changed[key] = plain
        return {**value, **changed} if changed else value
    if not isinstance(value, (list, tuple)):
        return value
    as_dict = getattr(value, "_asdict", None)
    if callable(as_dict):
        return _with_objects(dict(as_dict()))
    items = [item if type(item) in _SCALARS else _with_objects(item) for item in value]
    return value if all(map(_same, items, value)) else items


def _with_text_keys(value):
    """The value with keys of bytes as text; the very same value if it is no container."""
    if isinstance(value, dict):
        return {
            key.decode() if isinstance(key, bytes) else key: _with_text_keys(item) for key, item in value.items()
        }
    return [_with_text_keys(item) for item in value] if isinstance(value, (list, tuple)) else value


def _same(one, other):
    return one is other


_text = encode_basestring_ascii
_scan = make_scanner(_Reading)


def read_environment():
    global _text
    _text = encode_basestring if _keeps_unicode() else encode_basestring_ascii


def _text_or_literal(value):
    return str(value) if type(value) is _Literal else _text(value)


def _encode(value, default, text):
    chunks = make_encoder({}, default, text, None, ": ", ", ", False, False, True)(value, 0)
    return "".join(chunks)


def dumps(value):
    """The JSON of a result, as bytes. Raises what says why there is none."""
    try:
        value = value if type(value) in _SCALARS else _with_objects(value)
    except RecursionError:
        pass  # the encoder says it better
    try:
        return _write(value)
    except TypeError as error:
        # Keys of bytes are rare, and to look for them costs all others.
        try:
            changed = _with_text_keys(value)
        except RecursionError:
            raise error from None
        return _write(changed)


def _write(value):
    try:
        return _encode(value, _default, _text).encode()
    except _NeedsLiterals:
        return _encode(value, _default_with_literals, _text_or_literal).encode()


def loads(data):
    """The value of a JSON text in UTF-8."""
    text = data.decode().strip(" \t\n\r")
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
    except (StopIteration, SystemError, ValueError):
        # Without the `json` module the scanner has no exception of its own to raise.
        pass
    # Something is wrong with it: the standard library says what.
    from json import loads as explain

    return explain(data)
