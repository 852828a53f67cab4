"""The API's face: what clients who have signed nothing may cost, and what nobody is told."""

import json
import os
import resource
import socket
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from harness.package import zip_files
from harness.server import BINARY, ROLE, Server
from test_doors import signed

LIST = "/2015-03-31/functions"
INVOKE = "/2015-03-31/functions/f/invocations"
HEAD_TIMEOUT_S = 2
CONNECTIONS_MAX = 300
BODIES_MIB_MAX = 96
CALL_S_MAX = 2
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server with little room and little patience."""
    flags = ("--head-timeout-s", HEAD_TIMEOUT_S, "--connections-max", CONNECTIONS_MAX,
             "--bodies-mib-max", BODIES_MIB_MAX)
    server = Server(tmp_path_factory.mktemp("face"), *map(str, flags)).start()
    yield server
    assert server.stop() == 0


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), 10)


def read_answer(sock):
    """Status, head and body; status 0 when the connection ends without an answer."""
    data = b""
    try:
        while b"\r\n\r\n" not in data and (piece := sock.recv(65536)):
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while length and len(body) < int(length[0].split(b":")[1]) and (piece := sock.recv(65536)):
            body += piece
    except ConnectionError:
        return 0, b"", b""
    return (int(head.split()[1]) if head else 0), head, body


def signed_call_s(server):
    """How long a signed call on a new connection takes; tried again where that is closed, as AWS's clients do."""
    client = server.client()
    start = time.monotonic()
    while True:
        try:
            client.get_account_settings()
            return time.monotonic() - start
        except ConnectionClosedError:
            assert time.monotonic() - start < CALL_S_MAX


# ---- heads ----


def get(headers="", path=LIST, method="GET", host="Host: localhost\r\n", version="HTTP/1.1"):
    return f"{method} {path} {version}\r\n{host}{headers}\r\n".encode("latin-1")


AUTH = ("Authorization: AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/lambda/aws4_request, "
        "SignedHeaders=host, Signature=" + "0" * 64 + "\r\n")

HEADS = {
    "a head of 70 KB": (get("X: " + "x" * 70_000 + "\r\n"), 431),
    "a head without end": (get()[:-2] + b"X: y\r\n" * 20_000, 431),
    "a hundred lines and one": (get("X: y\r\n" * 101), 431),
    "a path of 70 KB": (get(path="/" + "x" * 70_000), 414),
    "garbage": (b"\x00\x01\xfe\xff\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 400),
    "HTTP/3.7": (get(version="HTTP/3.7"), 400),
    "a folded line": (get("X: y\r\n z\r\n"), 400),
    "a space before the colon": (get("X : y\r\n"), 400),
    "a null byte": (get("X: \x00\r\n"), 400),
    "two lengths": (get("Content-Length: 1\r\nContent-Length: 2\r\n", method="POST"), 400),
    "a negative length": (get("Content-Length: -1\r\n", method="POST"), 400),
    "a length beyond 64 bits": (get("Content-Length: 99999999999999999999\r\n", method="POST"), 400),
    "chunked and not": (get("Transfer-Encoding: chunked, identity\r\n", method="POST"), 400),
    "no host": (get(host=""), 400),
    "two hosts": (get(host="Host: localhost\r\nHost: localhost\r\n"), 400),
    "another's host": (get(host="Host: rebound.example\r\n"), 403),
    "a host that ends as ours": (get(host="Host: localhost.example\r\n"), 403),
    "a host with a user": (get(host="Host: localhost@evil.example\r\n"), 403),
    "another's host in the target": (get(path="http://rebound.example/health", host=""), 403),
    "another's origin": (get("Origin: https://evil.example\r\n"), 403),
    "a page without origin": (get("Origin: null\r\n"), 403),
    "a preflight": (get("Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n",
                        method="OPTIONS"), 403),
    "no signature": (get(), 403),
    "no signature, and a body of 4 EB": (get(f"Content-Length: {2**62}\r\n", method="POST"), 403),
    "no signature, and a body that asks first": (
        get("Expect: 100-continue\r\nContent-Length: 9\r\n", method="POST"), 403),
    "no signature, and chunks without end": (get("Transfer-Encoding: chunked\r\n", method="POST") + b"5\r\nab", 403),
    "another's key, and a body of 6 MB": (
        get(AUTH.format("AKIAUNKNOWN") + "X-Amz-Date: 20260101T000000Z\r\nContent-Length: 6000000\r\n",
            method="POST", path=INVOKE), 403),
    "a signature of nothing": (get("Authorization: AWS4-HMAC-SHA256\r\n"), 403),
    "a signature of 60 KB": (get("Authorization: AWS4-HMAC-SHA256 " + "A=" * 30_000 + "\r\n"), 403),
    "a password": (get("Authorization: Basic bGFtYmtpbjpsYW1ia2lu\r\n"), 403),
    "a tunnel": (get(method="CONNECT", path="localhost:22"), 403),
    "an upgrade to HTTP/2": (get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"), 403),
    "a way out of the path": (get(path="/../../etc/passwd"), 403),
    "a way out, encoded": (get(path="/2015-03-31/functions/%2e%2e%2f%2e%2e/"), 403),
}


@pytest.mark.parametrize("case", HEADS)
def test_a_head_is_refused_at_once_and_told_nothing(small, case):
    sent, expected = HEADS[case]
    with connect(small) as sock:
        start = time.monotonic()
        try:
            sock.sendall(sent)
        except ConnectionError:
            pass
        status, head, body = read_answer(sock)
        assert status == expected, (head, body)
        assert time.monotonic() - start < CALL_S_MAX
    assert b"access-control" not in head.lower()
    for hidden in (small.access_key, small.secret_key, str(small.data), "panicked", ".rs:", "/root/"):
        assert hidden.encode() not in head + body
    assert signed_call_s(small) < CALL_S_MAX


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def line(name, value):
    """A header line that no table keeps, in HPACK."""
    length = bytes([len(value)]) if len(value) < 127 else b"\x7f" + varint(len(value) - 127)
    return b"\x00" + bytes([len(name)]) + name + length + value


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number % 128 + 128])
        number //= 128
    return out + bytes([number])


# GET, http, and the path and authority of the health check.
ASKED = b"\x82\x86" + line(b":path", b"/health") + line(b":authority", b"localhost")
HEADERS, CONTINUATION, ENDS_STREAM, ENDS_HEAD = 1, 9, 1, 4


def head_frames(block, ends=True):
    """A head in frames of 16 KB."""
    pieces = [block[at:at + 16_000] for at in range(0, len(block), 16_000)]
    frames = [frame(CONTINUATION, 0, 1, piece) for piece in pieces]
    frames[0] = frame(HEADERS, ENDS_STREAM, 1, pieces[0])
    return b"".join(frames) + (frame(CONTINUATION, ENDS_HEAD, 1, b"") if ends else b"")


HTTP2_HEADS = {
    "a head of 70 KB": head_frames(ASKED + line(b"x", b"x" * 70_000)),
    "a hundred lines and one": head_frames(ASKED + line(b"x", b"y") * 101),
    "a head without end": head_frames(ASKED + line(b"x", b"y" * 100) * 40_000, ends=False),
    "empty pieces of a head without end": (
        frame(HEADERS, ENDS_STREAM, 1, ASKED) + frame(CONTINUATION, 0, 1, b"") * 40_000),
    "a head that unpacks to much": head_frames(
        ASKED + b"\x40\x01x\x7f" + varint(4_000 - 127) + b"y" * 4_000 + b"\xbe" * 20_000),
    "another's host": head_frames(b"\x82\x86" + line(b":path", b"/health") + line(b":authority", b"evil.example")),
    "no signature": head_frames(b"\x82\x86" + line(b":path", LIST.encode()) + line(b":authority", b"localhost")),
    "a frame of 1 MB": frame(HEADERS, ENDS_STREAM | ENDS_HEAD, 1, ASKED + line(b"x", b"x" * 1_000_000)),
}


def refusal_over_http2(sock):
    """Whether the call is refused: by a status that is no success, a reset, or the connection's end."""
    data = b""
    while True:
        while len(data) >= 9 and len(data) >= 9 + (length := int.from_bytes(data[:3], "big")):
            kind, payload, data = data[3], data[9:9 + length], data[9 + length:]
            if kind == HEADERS:
                # The first line is the status; 200 has a number of its own.
                return payload[0] != 0x88
            if kind in (3, 7):
                return True
        try:
            piece = sock.recv(65536)
        except ConnectionError:
            return True
        if not piece:
            return True
        data += piece


@pytest.mark.parametrize("case", HTTP2_HEADS)
def test_a_head_of_http2_is_refused_at_once(small, case):
    before = memory_mib(small)
    with connect(small) as sock:
        start = time.monotonic()
        try:
            sock.sendall(PREFACE + HTTP2_HEADS[case])
        except ConnectionError:
            pass
        assert refusal_over_http2(sock)
        assert time.monotonic() - start < CALL_S_MAX
        assert memory_mib(small) < before + 16
    assert signed_call_s(small) < CALL_S_MAX


def test_a_head_of_http2_is_answered(small):
    with connect(small) as sock:
        sock.sendall(PREFACE + head_frames(ASKED + line(b"x", b"y") * 90))
        assert not refusal_over_http2(sock)


# ---- time ----

DAWDLERS = {
    "silence": [],
    "one letter": [b"P"],
    "half a head": [b"POST /2015-03-31/functions HTTP/1.1\r\nHost: loc"],
    "a head letter by letter": [b"P"] * 40,
    "a head line by line": [b"GET /health HTTP/1.1\r\n", *[b"X: y\r\n"] * 40],
    "HTTP/2 without a request": [PREFACE],
    "HTTP/2 with half a head": [PREFACE + bytes([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82])],
}


def stay_s(server, pieces, end):
    """How long the server bears a client that sends a piece every tenth of a second and then nothing."""
    start = time.monotonic()
    with connect(server) as sock:
        sock.settimeout(0.1)
        pieces = list(pieces)
        while time.monotonic() < end:
            try:
                if pieces:
                    sock.sendall(pieces.pop(0))
                if sock.recv(65536) == b"":
                    break
            except TimeoutError:
                pass
            except ConnectionError:
                break
        return time.monotonic() - start


@pytest.fixture(scope="module")
def stays(small):
    """All dawdlers at once."""
    found = {}
    end = time.monotonic() + HEAD_TIMEOUT_S * 5
    threads = [threading.Thread(target=lambda case=case: found.update({case: stay_s(small, DAWDLERS[case], end)}))
               for case in DAWDLERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.mark.parametrize("case", DAWDLERS)
def test_a_head_has_its_time_and_no_more(stays, case):
    assert HEAD_TIMEOUT_S - 0.2 <= stays[case] < HEAD_TIMEOUT_S * 1.5 + 0.5


# ---- crowds ----


def health_check(server):
    sock = connect(server)
    sock.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return sock


def sends(data):
    def opened(server):
        sock = connect(server)
        sock.sendall(data)
        return sock

    return opened


def guessed(server, length):
    """A head of whoever knows the key's name, which is no secret; its signature proves wrong when the body is there."""
    headers = signed(server, "POST", LIST, b"not this", secret="guessed")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name.lower() != "content-length")
    return get(lines + f"Content-Length: {length}\r\n", method="POST", host=f"Host: 127.0.0.1:{server.port}\r\n")


CROWDS = {
    "silent": connect,
    "half a head": sends(b"POST /2015-03-31/functions HTTP/1.1\r\nHost: loc"),
    "60 KB of a head": sends(get()[:-2] + b"X: y\r\n" * 10_000),
    "health checks": health_check,
    "HTTP/2": sends(PREFACE),
    "bodies that do not come": sends(get("Content-Length: 1000000\r\n", method="POST", path=INVOKE)),
    "guessed signatures, and bodies that do not come": lambda server: sends(guessed(server, 1_000_000))(server),
}


@pytest.mark.parametrize("case", CROWDS)
def test_a_crowd_beyond_every_place_delays_no_signed_call(small, case):
    """Twice as many as there are places: one who signs takes the place of one who does not."""
    crowd = []
    try:
        for _ in range(CONNECTIONS_MAX * 2):
            try:
                crowd.append(CROWDS[case](small))
            except ConnectionError:
                pass
        for _ in range(3):
            assert signed_call_s(small) < CALL_S_MAX
        held = [fd for fd in Path(f"/proc/{small.process.pid}/fd").iterdir()]
        assert len(held) < CONNECTIONS_MAX + 80
    finally:
        for sock in crowd:
            sock.close()


RESET = b"".join(frame(HEADERS, ENDS_STREAM | ENDS_HEAD, stream, ASKED) + frame(3, 0, stream, b"\0\0\0\x08")
                 for stream in range(1, 4_001, 2))

# What a client can send without end: what it begins with, and what it repeats.
FLOODS = {
    "connections": (b"", None),
    "health checks": (b"", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500),
    "calls without signature": (b"", get() * 500),
    "guessed signatures": (b"", get(AUTH.format("AKIAUNKNOWN") + "X-Amz-Date: 20260101T000000Z\r\n") * 100),
    "requests that are taken back": (PREFACE + RESET, b""),
    "pings": (PREFACE, frame(6, 0, 0, bytes(8)) * 1_000),
    "settings": (PREFACE, frame(4, 0, 0, b"") * 1_000),
    "windows": (PREFACE, frame(8, 0, 0, b"\0\0\0\1") * 1_000),
}


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_delays_no_signed_call(small, case):
    first, again = FLOODS[case]
    end = time.monotonic() + 2
    sent = []

    def flood():
        while time.monotonic() < end:
            try:
                with connect(small) as sock:
                    sock.settimeout(0.2)
                    sock.sendall(first)
                    sent.append(case)
                    while again and time.monotonic() < end:
                        sock.sendall(again)
                        sent.append(case)
                        sock.recv(1 << 20)
            except OSError:
                pass

    before = memory_mib(small)
    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    while time.monotonic() < end:
        assert signed_call_s(small) < CALL_S_MAX
    for thread in threads:
        thread.join()
    assert len(sent) > 10, "too little to be a flood"
    assert memory_mib(small) < before + 32


def test_a_known_client_keeps_its_connection_in_a_crowd(small):
    known = small.client()
    known.get_account_settings()
    pool = known._endpoint.http_session._manager.connection_from_url(small.endpoint)
    crowd = [connect(small) for _ in range(CONNECTIONS_MAX * 2)]
    known.get_account_settings()
    for sock in crowd:
        sock.close()
    assert pool.num_connections == 1


def test_two_hundred_slow_clients_delay_no_signed_call(server):
    crowd = [connect(server) for _ in range(200)]
    end = time.monotonic() + 3
    for sock in crowd:
        sock.sendall(b"GET /health HTTP/1.1\r\nX: ")
    while time.monotonic() < end:
        for sock in crowd:
            sock.sendall(b"x")
        assert signed_call_s(server) < CALL_S_MAX
    for sock in crowd:
        sock.close()


def limited(tmp_path, descriptors):
    """The binary with so many descriptors, or as many as it may have if those are fewer."""
    script = tmp_path / "limited"
    script.write_text(f'#!/bin/sh\nulimit -n {descriptors} 2>/dev/null\nexec {BINARY} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def sockets():
    """As many as this process may have open, ten thousand if it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (12_000, max(hard, 12_000)))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_ten_thousand_idle_connections_delay_no_signed_call(tmp_path, sockets):
    server = Server(tmp_path, binary=limited(tmp_path, 60_000)).start()
    crowd = []
    try:
        crowd += [connect(server) for _ in range(sockets)]
        for _ in range(3):
            assert signed_call_s(server) < CALL_S_MAX
        held = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        assert held > sockets or "leaves room for" in server.log()
    finally:
        for sock in crowd:
            sock.close()
        assert server.stop() == 0


def test_few_descriptors_suffice_for_functions_and_who_signs(tmp_path):
    """The limit of open files bounds the clients, or a crowd of them would leave no function any."""
    server = Server(tmp_path, "--allow-nearest-runtime", binary=limited(tmp_path, 1_024)).start()
    crowd = []
    try:
        client = server.client()
        client.create_function(FunctionName="f", Runtime="python3.11", Role=ROLE, Handler="index.handler",
                               Code={"ZipFile": zip_files({"index.py": "def handler(event, context):\n    return 1\n"})})
        client.get_waiter("function_active_v2").wait(FunctionName="f")
        crowd += [connect(server) for _ in range(1_500)]
        assert json.loads(client.invoke(FunctionName="f")["Payload"].read()) == 1
        assert signed_call_s(server) < CALL_S_MAX
    finally:
        for sock in crowd:
            sock.close()
        assert server.stop() == 0
    assert "leaves room for 96 of connections_max = 12000" in server.log()
    assert "cannot accept" not in server.log()


# ---- bodies ----


def memory_mib(server):
    for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def test_bodies_of_clients_who_may_be_anybody_are_bounded_and_leave_room(small):
    head = guessed(small, 60_000_000)
    before = memory_mib(small)
    refused = []

    def hold(sock):
        try:
            sock.sendall(head)
            for _ in range(40):
                sock.sendall(bytes(1 << 20))
        except OSError:
            refused.append(sock)

    crowd = [connect(small) for _ in range(12)]
    threads = [threading.Thread(target=hold, args=(sock,)) for sock in crowd]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 4
    most = 0
    while time.monotonic() < end:
        most = max(most, memory_mib(small))
        with pytest.raises(ClientError, match="ResourceNotFound"):
            small.client().invoke(FunctionName="nobody", Payload=b'"' + b"x" * 100_000 + b'"')
        assert signed_call_s(small) < CALL_S_MAX
    for sock in crowd:
        sock.close()
    for thread in threads:
        thread.join()
    assert most > before + 10, "nothing was held: the test attacks nobody"
    assert most < before + BODIES_MIB_MAX + 64, (before, most)


# ---- secrets ----

HANDLER = """
import json, os
def handler(event, context):
    print("logged", event.get("log"))
    if event.get("fail"):
        raise ValueError(event["fail"])
    return {name: os.environ[name] for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
"""


def told(call, **arguments):
    """What a caller is told by an error."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return json.dumps(error.value.response, default=str)


def test_secrets_are_in_no_log_and_no_error(tmp_path):
    def secret(name):
        return f"{name}-{uuid.uuid4().hex}"

    server = Server(tmp_path, "--allow-nearest-runtime", env={"LAMBKIN_LOG": "trace"}).start()
    client = server.client()
    variable, payload, line, failure, context, code = map(
        secret, ("variable", "payload", "line", "failure", "context", "code"))
    settings = {"FunctionName": "f", "Runtime": "python3.11", "Role": ROLE, "Handler": "index.handler"}
    client.create_function(
        **settings, Code={"ZipFile": zip_files({"index.py": HANDLER + f"# {code}"})},
        Environment={"Variables": {"SECRET": variable}})
    client.get_waiter("function_active_v2").wait(FunctionName="f")
    inside = json.loads(client.invoke(FunctionName="f", Payload=json.dumps({"p": payload, "log": line}))["Payload"].read())
    client.invoke(FunctionName="f", Payload=json.dumps({"fail": failure}), LogType="Tail")
    location = client.get_function(FunctionName="f")["Code"]["Location"]
    with urllib.request.urlopen(location) as package:
        assert package.read()
    shown = signed(server)
    with connect(server) as sock:
        sock.sendall(get("".join(f"{name}: {value}\r\n" for name, value in shown.items()),
                         host=f"Host: 127.0.0.1:{server.port}\r\n"))
        assert read_answer(sock)[0] == 200

    errors = [
        told(client.create_function, **settings, Code={"ZipFile": b"x"},
             Environment={"Variables": {"SECRET": variable}}),
        told(client.create_function, **settings | {"FunctionName": "g"}, Code={"ZipFile": b"no zip"},
             Environment={"Variables": {"SECRET": variable}}),
        told(client.update_function_configuration, FunctionName="f",
             Environment={"Variables": {"not a name": variable}}),
        told(client.update_function_configuration, FunctionName="f",
             Environment={"Variables": {"AWS_REGION": variable}}),
        told(client.invoke, FunctionName="f", Payload=f'{{"p": "{payload}"'),
        told(client.invoke, FunctionName="f", ClientContext=context),
        told(client.invoke, FunctionName="nobody", Payload=json.dumps({"p": payload})),
        told(client.get_function, FunctionName="f", Qualifier="7"),
    ]
    with connect(server) as sock:
        # A signature that is wrong, over a document that is broken.
        headers = signed(server, "POST", LIST, b"{}", secret="guessed" * 5)
        body = json.dumps({"Environment": variable}).encode()[:-1]
        text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        sock.sendall(get(text + f"Content-Length: {len(body)}\r\n", method="POST", host="") + body)
        errors.append(repr(read_answer(sock)))
    # AWS's words quote the variables to whoever just sent them; that is in no log all the same.
    told(client.update_function_configuration, FunctionName="f", Environment={"Variables": {"LARGE": variable * 1_000}})
    client.delete_function(FunctionName="f")
    assert server.stop() == 0

    hidden = {
        "secret key": server.secret_key, "variable": variable, "payload": payload, "printed line": line,
        "failure": failure, "client context": context, "code": code, "master key": master_key(server),
        "signature": shown["Authorization"].split("Signature=")[1], "presigned address": location.split("X-Amz-Signature=")[1][:64],
        "key inside": inside["AWS_SECRET_ACCESS_KEY"], "token inside": inside["AWS_SESSION_TOKEN"],
    }
    log = server.log()
    assert "listening on" in log and "TRACE" in log, log[:2_000]
    for what, value in hidden.items():
        assert len(value) >= 16, what
        assert value not in log, f"the log has the {what}"
        for error in errors:
            assert value not in error, f"an error has the {what}: {error[:500]}"
    assert server.access_key not in log and not any(server.access_key in error for error in errors)


def master_key(server):
    data = (server.folder / "master.key").read_bytes().strip()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex()
