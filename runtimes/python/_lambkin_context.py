"""The context object that a handler gets as its second argument."""

import os
import sys
import time

_W3C_FIELDS = ("traceparent", "tracestate", "baggage")
_VARIABLES = {
    "log_group_name": "AWS_LAMBDA_LOG_GROUP_NAME",
    "log_stream_name": "AWS_LAMBDA_LOG_STREAM_NAME",
    "function_name": "AWS_LAMBDA_FUNCTION_NAME",
    "memory_limit_in_mb": "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "function_version": "AWS_LAMBDA_FUNCTION_VERSION",
}
# What stays the same from one invoke to the next.
_of_function = {}


def read_environment():
    for attribute, variable in _VARIABLES.items():
        _of_function[attribute] = os.environ.get(variable)


def _shown(value, names):
    return "%s([%s])" % (type(value).__name__, ",".join("%s=%s" % (n, getattr(value, n, None)) for n in names))


class _Fields:
    """An object whose attributes are the fields of a JSON object; None where it has none."""

    __slots__ = ()

    def __init__(self, fields):
        for name in self.__slots__:
            setattr(self, name, fields.get(name))

    def __repr__(self):
        return _shown(self, self.__slots__)


class CognitoIdentity(_Fields):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Fields):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Fields):
    __slots__ = ("custom", "env", "client")

    def __init__(self, fields):
        super().__init__(fields)
        if self.client is not None:
            self.client = Client(self.client)


class LambdaContext:
    def __init__(self, headers, client_context, identity):
        self.__dict__.update(_of_function)
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._epoch_deadline_time_in_ms = int(headers.get("lambda-runtime-deadline-ms", 0))
        # The trace context travels inside the client context, and is none of its fields.
        w3c = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
        self._w3c = w3c if isinstance(w3c, dict) else {}
        self.client_context = None if client_context is None else ClientContext(client_context)
        identity = identity or {}
        self.identity = CognitoIdentity({
            "cognito_identity_id": identity.get("cognitoIdentityId"),
            "cognito_identity_pool_id": identity.get("cognitoIdentityPoolId"),
        })

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def w3c(self):
        return {name: self._w3c[name] for name in _W3C_FIELDS if isinstance(self._w3c.get(name), str)}

    def log(self, msg):
        sys.stdout.write(str(msg))

    def __repr__(self):
        return _shown(self, (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id",
        ))
