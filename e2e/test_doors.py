"""The server's outer doors: signature, Host, Origin, health, and what reaches no handler."""

import http.client
import json
import time
from datetime import datetime, timedelta, timezone
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

LIST = "/2015-03-31/functions"


def raw(server, method="GET", path=LIST, headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def signed(server, method="GET", path=LIST, body=b"", secret=None, key=None, at=None):
    """Headers as botocore's own signer makes them."""
    credentials = botocore.credentials.Credentials(key or server.access_key, secret or server.secret_key)
    request = botocore.awsrequest.AWSRequest(method, server.endpoint + path, data=body)
    signer = botocore.auth.SigV4Auth(credentials, "lambda", "us-east-1")
    at = at or datetime.now(timezone.utc)
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.replace(tzinfo=None), create=True):
        signer.add_auth(request)
    return dict(request.headers)


def error_type(headers):
    return {k.lower(): v for k, v in headers.items()}.get("x-amzn-errortype")


def test_health_needs_no_signature(server):
    status, _, body = raw(server, path="/health")
    assert (status, json.loads(body)) == (200, {"status": "ready"})


def test_a_right_signature_opens(server):
    status, _, body = raw(server, headers=signed(server))
    assert status == 200 and "Functions" in json.loads(body)


def test_no_signature(server):
    status, headers, body = raw(server, headers={"Accept": "application/json"})
    assert status == 403
    assert error_type(headers) == "MissingAuthenticationTokenException"
    assert json.loads(body)["message"] == "Missing Authentication Token"


def test_wrong_secret(server):
    status, headers, body = raw(server, headers=signed(server, secret="x" * 40))
    assert (status, error_type(headers)) == (403, "InvalidSignatureException")
    assert json.loads(body) == {"message": (
        "The request signature we calculated does not match the signature you provided. Check your "
        "AWS Secret Access Key and signing method. Consult the service documentation for details.")}


def test_unknown_key(server):
    status, headers, _ = raw(server, headers=signed(server, key="AKIA0000000000000000"))
    assert (status, error_type(headers)) == (403, "UnrecognizedClientException")


def test_body_must_be_the_signed_one(server):
    headers = signed(server, "POST", LIST, b'{"a": 1}')
    status, headers, _ = raw(server, "POST", LIST, headers, b'{"a": 2}')
    assert (status, error_type(headers)) == (403, "InvalidSignatureException")


@pytest.mark.parametrize("minutes,opens", [(-4, True), (4, True), (-6, False), (6, False)])
def test_five_minutes_of_skew(server, minutes, opens):
    at = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    status, headers, _ = raw(server, headers=signed(server, at=at))
    assert (status == 200) is opens
    if not opens:
        assert error_type(headers) == "InvalidSignatureException"


def test_foreign_host_and_origin_are_refused(server):
    for extra in ({"Host": "rebound.example"}, {"Origin": "https://evil.example"}):
        status, headers, _ = raw(server, headers=signed(server) | extra)
        assert status == 403
        assert "access-control-allow-origin" not in {k.lower() for k in headers}


def test_slow_clients_delay_nobody(server, client):
    connections = []
    for _ in range(200):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.connect()
        connection.sock.sendall(b"POST /2015-03-31/functions HTTP/1.1\r\nHost: 127.0")
        connections.append(connection)
    start = time.monotonic()
    client.get_account_settings()
    assert time.monotonic() - start < 2
    for connection in connections:
        connection.close()


def test_too_large_a_head_is_refused(server):
    status, _, _ = raw(server, headers={"X-Large": "x" * 70_000})
    assert status in (400, 431)
