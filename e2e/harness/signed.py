"""Invokes whose requests were signed beforehand, over one open connection: what a call takes is the server's part."""

import socket
import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ANSWER_MAX = 64 << 10
ANSWER_WAIT_S = 60


class SignedCalls:
    """Of one function, with each number below `count` as its event. A signature holds for five minutes."""

    def __init__(self, server, function, count):
        self.requests = [self._request(server, function, str(number).encode()) for number in range(count)]
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @staticmethod
    def _request(server, function, body):
        path = f"/2015-03-31/functions/{function}/invocations"
        request = AWSRequest("POST", server.endpoint + path, data=body)
        SigV4Auth(Credentials(server.access_key, server.secret_key), "lambda", "us-east-1").add_auth(request)
        headers = dict(request.prepare().headers) | {"Host": f"127.0.0.1:{server.port}", "Content-Length": len(body)}
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        return "\r\n".join(lines).encode() + body

    def call(self, number):
        """Sends event `number` modulo the count to a function that returns its event; gives seconds."""
        event = number % len(self.requests)
        began = time.monotonic()
        self.socket.sendall(self.requests[event])
        answer = self.socket.recv(ANSWER_MAX)
        took = time.monotonic() - began
        assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n%d" % event), answer
        return took

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
