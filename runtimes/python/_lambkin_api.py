"""The Runtime API's client: HTTP/1.1 over one connection that stays open.

Speaks through the C socket type itself: the `socket` and `http` modules cost more than the interpreter's
own start. An answer and the request for the next event leave in one packet, so a warm invoke is one send
and, as a rule, two receives.
"""

from _socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

_VERSION = "/2018-06-01/runtime"
_NEXT = ("GET %s/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n" % _VERSION).encode()
_RECEIVE_BYTES = 64 << 10


class RuntimeApi:
    """One environment's connection. Used by the main thread only."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._connect()

    def next(self, more_headers=b""):
        """Waits for an event: its headers, names in lower case, and its body."""
        self._send(_NEXT[:-2], more_headers, b"\r\n")
        return self._event()

    def respond(self, request_id, body, content_type):
        """Posts a result, then waits for the next event."""
        return self._post_and_next("/invocation/%s/response" % request_id, body, content_type, "")

    def fail(self, request_id, body, error_type):
        """Posts an error of the function, then waits for the next event."""
        return self._post_and_next("/invocation/%s/error" % request_id, body, "application/json", error_type)

    def fail_init(self, body, error_type):
        """Says that the function cannot be loaded. The process is to end after it."""
        self._send(_post("/init/error", body, "application/json", error_type), body)
        self._receive()

    def _post_and_next(self, path, body, content_type, error_type):
        try:
            self._send(_post(path, body, content_type, error_type), body, _NEXT)
            # A refusal (the body is too large, the invoke has timed out) has been told to the caller by Lambda.
            self._receive()
            return self._event()
        except (EOFError, ConnectionError):
            # Whoever refuses a body may close the connection, and the second request is lost with it.
            self._socket.close()
            self._connect()
            return self.next()

    def _event(self):
        status, headers, body = self._receive()
        if status != 200:
            raise RuntimeError("the Runtime API answered %d to next: %r" % (status, body))
        return headers, body

    def _connect(self):
        self._socket = socket(AF_INET, SOCK_STREAM)
        # A default that the function's code has set is not ours.
        self._socket.settimeout(None)
        self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._socket.connect(self._address)
        self._received = b""

    def _send(self, *parts):
        sent = self._socket.sendmsg(parts)
        if sent < sum(map(len, parts)):
            self._socket.sendall(memoryview(b"".join(parts))[sent:])

    def _receive(self):
        """One answer: status, headers, body. What came after it is kept for the next call."""
        data = self._received
        end = data.find(b"\r\n\r\n")
        while end < 0:
            data += self._more(_RECEIVE_BYTES)
            end = data.find(b"\r\n\r\n")
        lines = data[:end].decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start = end + 4
        stop = start + int(headers.get("content-length", 0))
        if len(data) < stop:
            data = self._fill(data, stop)
        self._received = data[stop:]
        return int(lines[0].split(" ", 2)[1]), headers, bytes(data[start:stop])

    def _fill(self, data, size):
        whole = bytearray(size)
        whole[:len(data)] = data
        at = len(data)
        with memoryview(whole) as view:
            while at < size:
                count = self._socket.recv_into(view[at:])
                if count == 0:
                    raise EOFError
                at += count
        return bytes(whole)

    def _more(self, size):
        data = self._socket.recv(size)
        if not data:
            raise EOFError("the Runtime API closed the connection")
        return data


def _post(path, body, content_type, error_type):
    kind = "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type if error_type.isascii() and error_type else ""
    return (
        "POST %s%s HTTP/1.1\r\nHost: runtime\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n"
        % (_VERSION, path, content_type, kind, len(body))
    ).encode()
