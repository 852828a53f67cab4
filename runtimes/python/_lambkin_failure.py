"""What is said when the function's code fails: the error object and its lines in the log.

Loaded at the first failure: `traceback` is slow to import.
"""

import os
import time
import traceback

from _lambkin_json import dumps
from _lambkin_logging import write_record

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
_NO_BREAK_SPACE = "\u00a0"


def error_object(message, error_type, stack_trace, request_id):
    return {
        "errorMessage": message or "",
        "errorType": error_type or "",
        "requestId": request_id or "",
        "stackTrace": stack_trace or [],
    }


def raised(error, request_id):
    """The error object of an exception. The frames that called the function's code are left out."""
    # Plain tuples print without the markers below a line.
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]
    while len(frames) > 1 and os.path.dirname(frames[0][0]) == _OWN_FOLDER:
        del frames[0]
    return error_object(str(error), type(error).__name__, traceback.format_list(frames), request_id)


def log(error, as_json):
    if as_json:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = dumps({"timestamp": now, "level": "ERROR", **error}).decode()
    else:
        text = "\n".join(_lines(error))
    write_record(text)


def _lines(error):
    parts = [part for part in (error["errorType"], error["errorMessage"]) if part]
    yield " ".join(("[ERROR]", ": ".join(parts))) if parts else "[ERROR]"
    yield "Traceback (most recent call last):"
    for frame in error["stackTrace"]:
        for line in frame.splitlines() or [""]:
            code = line.lstrip(" ")
            # A log viewer folds leading blanks; these it keeps.
            yield _NO_BREAK_SPACE * (len(line) - len(code)) + code
