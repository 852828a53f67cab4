"""Writes botocore_signatures.json: requests signed by botocore, to hold our verification against.

Run with the end-to-end tests' interpreter:
target/e2e-venv/bin/python crates/wire/tests/data/sign_with_botocore.py
"""

import datetime
import hashlib
import json
import pathlib
from unittest import mock

from botocore import auth, awsrequest, credentials

AT = datetime.datetime(2026, 11, 25, 12, 30, 5, tzinfo=datetime.timezone.utc)
ENDPOINT = "http://127.0.0.1:9550"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
INVOKE = "/2015-03-31/functions/hello/invocations"
ARN = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello"

# (method, target, headers, body, session token)
HEADER = [
    ("GET", "/2015-03-31/functions/", {}, "", None),
    ("POST", INVOKE, {"X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "Tail"}, '{"n": 1}', None),
    ("POST", INVOKE + "?Qualifier=%24LATEST", {}, "{}", None),
    ("GET", f"/2015-03-31/functions/{ARN}/configuration", {}, "", None),
    ("GET", "/2017-03-31/tags/" + ARN, {}, "", "session/token+with=signs"),
    ("DELETE", f"/2017-03-31/tags/{ARN}?tagKeys=b%20b&tagKeys=a&tagKeys=%C3%BC%2Fslash", {}, "", None),
    ("GET", "/2018-10-31/layers?find=LayerVersion&Arn=arn%3Aaws%3Alambda", {}, "", None),
    ("GET", "/2015-03-31/functions?Marker=&MaxItems=50", {}, "", None),
    ("GET", "/2015-03-31/functions/../functions/./a//b/", {}, "", None),
    ("GET", "/2015-03-31/functions/%25%7E~%20b", {"X-Amz-Spaced": "  a   b  c ", "Content-Type": "application/json"}, "", None),
    ("PUT", "/2015-03-31/functions/hello/code", {"X-Amz-Content-SHA256": ""}, '{"ZipFile": "UEs="}', None),
]
# (method, target, seconds, session token)
QUERY = [
    ("GET", "/lambkin/v1/code/hello", 600, None),
    ("GET", "/2015-03-31/functions/?Marker=a%2Fb&MaxItems=5", 604800, "session/token+with=signs"),
    ("POST", INVOKE, 1, None),
]
UNSIGNED = "?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"


def signed(signer, method, target, headers, body, token, **options):
    headers = {k: v or hashlib.sha256(body.encode()).hexdigest() for k, v in headers.items()}
    request = awsrequest.AWSRequest(method, ENDPOINT + target, headers=headers, data=body.encode())
    keys = credentials.Credentials("AKIDEXAMPLE", SECRET, token)
    with mock.patch("botocore.auth.get_current_datetime", return_value=AT.replace(tzinfo=None), create=True):
        signer(keys, "lambda", "us-east-1", **options).add_auth(request)
    return {
        "method": method,
        "target": request.url.removeprefix(ENDPOINT),
        "headers": {k.lower(): v for k, v in request.headers.items()},
        "body": body,
    }


cases = [signed(auth.SigV4Auth, *case) for case in HEADER]
cases += [
    signed(auth.SigV4QueryAuth, method, target, {}, "", token, expires=seconds)
    for method, target, seconds, token in QUERY
]
# The one signer of botocore that leaves the payload unsigned.
cases += [
    signed(auth.S3SigV4QueryAuth, method, "/lambkin/v1/code/hello" + UNSIGNED, {}, "", None, expires=600)
    for method in ("GET", "PUT")
]
out = {"secret": SECRET, "authority": "127.0.0.1:9550", "at": AT.strftime("%Y-%m-%dT%H:%M:%SZ"), "requests": cases}
path = pathlib.Path(__file__).with_name("botocore_signatures.json")
path.write_text(json.dumps(out, indent=1) + "\n")
