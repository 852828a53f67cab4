"""Runs a Python function: loads its handler, then takes one event after the other from the Runtime API.

A cold start imports as little as it can; what is needed only for logging or for failures is loaded when
that happens.
"""

import os
import sys
from importlib import import_module

import _lambkin_start  # first: it notes when the runtime began
import _lambkin_compiled
import _lambkin_context
import _lambkin_json
import _lambkin_logging
from _lambkin_api import RuntimeApi
from _lambkin_context import LambdaContext
from _lambkin_json import dumps, loads

# Given up at the first failure: what tells it is loaded from a file then, and the function may have used up all others.
_spare_descriptors = []
_NOT_LOADED = "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."


class Fault(Exception):
    """A failure that has a name of Lambda's own."""

    def __init__(self, error_type, message, stack_trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.stack_trace = list(stack_trace)


def connect():
    return RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])


def main(api):
    _spare_descriptors.append(os.open(os.devnull, os.O_RDONLY))
    read_environment()
    prepare_path()
    _lambkin_compiled.use()
    _lambkin_logging.set_up_on_import()
    loading = _lambkin_start.Loading()
    loading.begin()
    handler = load_or_end(api)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        run_hooks(api)
    serve(api, handler, loading.end())


def serve(api, handler, more_headers=b""):
    headers, body = api.next(more_headers)
    while True:
        headers, body = invoke(api, handler, headers, body)


def main_of_clones():
    """Loads the function once, and serves in every clone of this process. Whatever fails before is told by nobody: an
    environment that is started for itself meets it again."""
    import _lambkin_snapshot

    read_environment()
    prepare_path()
    _lambkin_compiled.use()
    _lambkin_logging.set_up_on_import()
    handler = load(os.environ.get("_HANDLER", ""))
    _lambkin_snapshot.become_template()
    _spare_descriptors.append(os.open(os.devnull, os.O_RDONLY))
    read_environment()
    api = connect()
    run_or_end(api, _lambkin_snapshot.run_after_restore, "Runtime.AfterRestoreError")
    serve(api, handler)


def run_hooks(api):
    """What a version with SnapStart counts on where it is served by no clone: both moments, one after the other."""
    if "snapshot_restore_py" in sys.modules:
        import _lambkin_snapshot

        run_or_end(api, _lambkin_snapshot.run_before_snapshot, "Runtime.BeforeSnapshotError")
        run_or_end(api, _lambkin_snapshot.run_after_restore, "Runtime.AfterRestoreError")


def run_or_end(api, hooks, error_type):
    try:
        hooks()
    except Exception as error:
        end(api, error, error_type)


def read_environment():
    _lambkin_context.read_environment()
    _lambkin_json.read_environment()


def prepare():
    """What needs no environment."""
    prepare_streams()
    if sys.flags.no_site:
        do_without_site()


def prepare_streams():
    """A line reaches the log when it ends, so that it is there before the answer."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", line_buffering=True)


def do_without_site():
    """What functions expect of the `site` module, which is slow: the engine starts Python with -S."""
    import builtins

    from _sitebuiltins import Quitter

    for name in ("exit", "quit"):
        setattr(builtins, name, Quitter(name, "Ctrl-D (i.e. EOF)"))
    try:
        # Tools that instrument a function put one on PYTHONPATH.
        import sitecustomize  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise


def prepare_path():
    """Lambda's order: the function, its layers, the interpreter's own, the SDK."""
    version = "python%d.%d" % sys.version_info[:2]
    # The first entry is this script's folder; what PYTHONPATH names comes after it.
    own, rest = sys.path[0], sys.path[1:]
    front = [
        os.environ.get("LAMBDA_TASK_ROOT", "/var/task"),
        "/opt/python/lib/%s/site-packages" % version,
        "/opt/python",
        own,
    ]
    # Debian's Python looks for packages in a folder of its own.
    packages = ["/var/lang/lib/%s/site-packages" % version, "/var/lang/lib/python3/dist-packages"]
    last = [folder for folder in packages if folder not in rest and os.path.isdir(folder)]
    sys.path[:] = front + [entry for entry in rest if entry not in front] + last


def load_or_end(api):
    try:
        return load(os.environ.get("_HANDLER", ""))
    except Exception as error:
        end(api, error)


def end(api, error, error_type=None):
    """Tells why there is no function to serve."""
    log = import_failure().log
    import logging

    logging.warning(_NOT_LOADED)
    report = describe(error, None)
    log(report, _lambkin_logging.as_json)
    flush()
    api.fail_init(dumps(report), error_type or report["errorType"])
    sys.exit(1)


def load(name):
    """The function that a handler's name means."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, error)) from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name
        )
    try:
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error)
        ) from None
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        message = "Syntax error in module '%s': %s" % (module_name, error)
        raise Fault("Runtime.UserCodeSyntaxError", message, [place]) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Fault(
            "Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name)
        ) from None


def invoke(api, handler, headers, body):
    """Runs one event; its answer goes out together with the request for the next one, which is returned."""
    request_id = headers["lambda-runtime-aws-request-id"]
    _lambkin_logging.request_id = request_id
    _lambkin_logging.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
    set_trace(headers.get("lambda-runtime-trace-id"))
    try:
        context = make_context(headers)
        event = read_event(headers, body)
        result, content_type = write_result(handler(event, context))
    except Exception as error:
        log = import_failure().log
        report = describe(error, request_id)
        log(report, _lambkin_logging.as_json)
        flush()
        # The exception would hold the handler's frames, and all they refer to, until the next one.
        del error
        return api.fail(request_id, dumps(report), report["errorType"])
    flush()
    return api.respond(request_id, result, content_type)


def import_failure():
    """The module that tells failures."""
    while _spare_descriptors:
        try:
            os.close(_spare_descriptors.pop())
        except OSError:
            pass
    return import_module("_lambkin_failure")


def set_trace(trace_id):
    if trace_id is not None:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)


def make_context(headers):
    client_context = read_header(headers.get("lambda-runtime-client-context"), "Client Context")
    identity = read_header(headers.get("lambda-runtime-cognito-identity"), "Cognito Identity")
    return LambdaContext(headers, client_context, identity)


def read_header(text, what):
    if not text:
        return None
    try:
        return loads(text.encode())
    except Exception as error:
        raise Fault(
            "Runtime.LambdaContextUnmarshalError", "Unable to parse %s JSON: %s" % (what, error)
        ) from None


def read_event(headers, body):
    if headers.get("content-type") != "application/json":
        return body
    try:
        return loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from None


def write_result(result):
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return dumps(result), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from None


def describe(error, request_id):
    failure = import_failure()
    error_object, raised = failure.error_object, failure.raised

    if isinstance(error, Fault):
        return error_object(str(error), error.error_type, error.stack_trace, request_id)
    return raised(error, request_id)


def flush():
    """Half a line must be in the log as well; a stream that the function has closed or replaced is its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass

