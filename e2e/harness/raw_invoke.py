"""Invokes as bytes, signed beforehand, so that many of them arrive at one moment."""

import json
import socket

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def signed(server, name, event):
    """One whole request."""
    body = json.dumps(event).encode()
    url = f"{server.endpoint}/2015-03-31/functions/{name}/invocations"
    request = AWSRequest("POST", url, data=body, headers={"Host": f"127.0.0.1:{server.port}", "Content-Length": str(len(body))})
    SigV4Auth(Credentials(server.access_key, server.secret_key), "lambda", "us-east-1").add_auth(request)
    lines = [f"POST {url.removeprefix(server.endpoint)} HTTP/1.1", *(f"{key}: {value}" for key, value in request.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Callers:
    """So many open connections."""

    def __init__(self, server, count):
        self.streams = [socket.create_connection(("127.0.0.1", server.port), timeout=30).makefile("rwb", 0) for _ in range(count)]

    def call(self, request):
        """Sends it over all of them, then reads all answers."""
        for stream in self.streams:
            stream.write(request)
        return [answer(stream) for stream in self.streams]

    def close(self):
        for stream in self.streams:
            stream.close()


def answer(stream):
    status = stream.readline()
    length = 0
    while line := stream.readline().strip():
        key, _, value = line.partition(b":")
        length = int(value) if key.lower() == b"content-length" else length
    body = b""
    while len(body) < length:
        body += stream.read(length - len(body))
    assert status.split()[1] == b"200", body
    return json.loads(body)
