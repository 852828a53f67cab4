"""The root logger's handler, set up the moment the function's code imports `logging`, and not before:
the module costs more than a whole warm invoke, and most small functions never use it.
"""

import os
import sys

as_json = False

# The invoke that runs now, for the lines that are logged meanwhile.
request_id = None
tenant_id = None


# Says, before a line feed, that the record has one more line: no text has this byte. The engine knows it too.
_GOES_ON = b"\xff"
_log = open(1, "wb", closefd=False)


def write_record(text):
    """One event of the log, whatever lines it has; as on Lambda it does not pass through sys.stdout."""
    record = text.encode("utf-8", "replace").removesuffix(b"\n")
    try:
        _log.write(record.replace(b"\n", _GOES_ON + b"\n") + b"\n")
        _log.flush()
    except OSError:
        pass  # the function has closed it


class _SetUpOnImport:
    """A finder that stands in front of the others until `logging` has been asked for once."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(cls)
        from importlib.machinery import PathFinder

        # A file of this name in the function's package stays unseen, as on Lambda, where the runtime has
        # imported the standard library's before.
        spec = PathFinder.find_spec(name, [os.path.dirname(os.__file__)])
        load = spec.loader.exec_module

        def load_and_set_up(module):
            del spec.loader.exec_module
            load(module)
            _set_up(module)

        spec.loader.exec_module = load_and_set_up
        return spec


def set_up_on_import():
    global as_json
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    if "logging" in sys.modules:
        _set_up(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, _SetUpOnImport)


def _set_up(logging):
    import time

    logging.Formatter.converter = time.gmtime
    root = logging.getLogger()
    root.addHandler(_handler(logging))
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if level in logging._nameToLevel:
        root.setLevel(level)


def _handler(logging):
    class LambdaLoggerHandler(logging.Handler):
        def emit(self, record):
            write_record(self.format(record))

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = request_id or ""
            record.tenant_id = tenant_id
            return True

    handler = LambdaLoggerHandler()
    handler.setFormatter(_json_formatter(logging) if as_json else _text_formatter(logging))
    handler.addFilter(LambdaLoggerFilter())
    return handler


def _text_formatter(logging):
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    return logging.Formatter(line, "%Y-%m-%dT%H:%M:%S")


def _json_formatter(logging):
    import json
    import traceback

    # What every record carries; all else came with `extra` and is written as a member of its own.
    known = set(vars(logging.makeLogRecord({})))
    known.update(("message", "asctime", "aws_request_id", "tenant_id", "taskName"))
    encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            kept_whole = isinstance(record.msg, dict) and not record.args
            members = {
                "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
                "level": logging.getLevelName(min(50, max(0, record.levelno)) // 10 * 10),
                "message": record.msg if kept_whole else record.getMessage(),
                "logger": record.name,
            }
            if record.exc_info:
                error_type, error, trace = record.exc_info
                members["stackTrace"] = traceback.format_tb(trace)
                members["errorType"] = getattr(error_type, "__name__", None)
                members["errorMessage"] = str(error)
            members["requestId"] = getattr(record, "aws_request_id", None)
            if record.exc_info:
                members["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
            members["tenantId"] = getattr(record, "tenant_id", None)
            for name, value in vars(record).items():
                if name not in known and name not in members:
                    members[name] = value
            return encode({name: value for name, value in members.items() if value is not None}) + "\n"

    return JsonFormatter()
