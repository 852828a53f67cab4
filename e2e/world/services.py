"""What stands in one network name space of the tests' world: `services.py PLAN ARRIVALS`, run in it.

PLAN is JSON: what listens where. Every arrival, of whatever kind, is a line of JSON in the file ARRIVALS, so that a
test can show that nothing came. It ends with its parent, and with it everything that it holds: the name space too.
"""

import ctypes
import json
import signal
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PR_SET_PDEATHSIG = 1
DATAGRAM_MAX = 1 << 16
LATE_S = 0.5
PATIENCE_S = 20
GREETING = b"220 mail.example ESMTP\r\n"
SECRET = b"a secret of the machine"

arrivals = open(sys.argv[2], "a", buffering=1)
plan = json.loads(sys.argv[1])


def arrived(what, at, peer, **more):
    line = {"what": what, "at": at[:2], "peer": peer[:2] if peer else None, "time": time.monotonic()} | more
    arrivals.write(json.dumps(line) + "\n")


def listener(address, port, kind=socket.SOCK_STREAM):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((address, port))
    if kind == socket.SOCK_STREAM:
        server.listen(1024)
    return server


def in_background(target, *arguments):
    threading.Thread(target=target, args=arguments, daemon=True).start()


def accept_all(what, server, serve):
    while True:
        connection, peer = server.accept()
        arrived(what, connection.getsockname(), peer)
        in_background(serve_one, serve, connection)


def serve_one(serve, connection):
    connection.settimeout(PATIENCE_S)
    try:
        with connection:
            serve(connection)
    except OSError:
        pass


def echo(connection):
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def mail(connection):
    connection.sendall(GREETING)
    echo(connection)


def secret(connection):
    connection.sendall(SECRET)


def reset(connection):
    """Ends by a reset and not by a farewell."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def datagrams(server):
    while True:
        data, peer = server.recvfrom(DATAGRAM_MAX)
        arrived("udp", server.getsockname(), peer)
        server.sendto(data, peer)


def late_datagrams(server):
    """Answers when nobody waits any more."""
    while True:
        data, peer = server.recvfrom(DATAGRAM_MAX)
        threading.Timer(LATE_S, server.sendto, (data, peer)).start()


class Web(BaseHTTPRequestHandler):
    """Pages, uploads, and what two clients of AWS ask for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path, _, count = self.path.rpartition("/")
        if path == "/bytes":
            return self.answer(b"x" * int(count), "application/octet-stream")
        self.answer_json({"path": self.path, "host": self.headers["Host"], "tls": hasattr(self.request, "cipher")})

    def do_POST(self):
        body = self.body()
        if target := self.headers.get("X-Amz-Target"):
            return self.answer_json({"TableNames": [target.split(".")[-1]]})
        if "Authorization" in self.headers:
            # S3 has nothing to say to an object.
            return self.answer(b"", "application/xml")
        self.answer_json({"bytes": len(body)})

    do_PUT = do_POST

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size + 2)[:-2])
        self.rfile.readline()
        return b"".join(parts)

    def answer_json(self, value):
        self.answer(json.dumps(value).encode(), "application/json")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class WebServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, what, address, port, context=None):
        self.what, self.context = what, context
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), Web)

    def get_request(self):
        connection, peer = super().get_request()
        arrived(self.what, connection.getsockname(), peer)
        return connection, peer

    def finish_request(self, connection, peer):
        connection.settimeout(PATIENCE_S)
        if self.context:
            connection = self.context.wrap_socket(connection, server_side=True)
        super().finish_request(connection, peer)

    def handle_error(self, request, client_address):
        pass


def web(what, address, port):
    context = None
    if what == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(plan["certificate"])
    in_background(WebServer(what, address, port, context).serve_forever)


STREAMS = {"echo": echo, "mail": mail, "secret": secret, "reset": reset}


def start(what, address, port):
    if what in STREAMS:
        in_background(accept_all, what, listener(address, port), STREAMS[what])
    elif what in ("http", "https"):
        web(what, address, port)
    elif what == "dns":
        import names
        names.start(listener(address, port, socket.SOCK_DGRAM), listener(address, port), arrived)
    elif what == "late":
        in_background(late_datagrams, listener(address, port, socket.SOCK_DGRAM))
    else:
        in_background(datagrams, listener(address, port, socket.SOCK_DGRAM))


def main():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.path.insert(0, str(Path(__file__).parent))
    for what, address, port in plan["listen"]:
        start(what, address, port)
    print("ready", flush=True)
    signal.pause()


main()
