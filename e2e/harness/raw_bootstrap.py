#!/usr/bin/python3
"""A custom runtime that does to its Runtime API what the event says, byte by byte, and tells what came back.

`{ID}` in anything that is sent stands for the current request id, `{OLD}` for the one before it. Runs inside a
sandbox: it is packaged as `bootstrap` and imports nothing of the tests.
"""

import json
import os
import socket
import threading
import time

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
BASE = "/2018-06-01/runtime"
WAIT_S = 3
HELD_S = 0.5
state = {"id": "", "old": "", "after": [], "held": []}


def connect():
    sock = socket.create_connection((HOST, int(PORT)), WAIT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def filled(text):
    return text.replace("{ID}", state["id"]).replace("{OLD}", state["old"]).encode("latin-1")


def answer(stream):
    """One answer: status, headers, body; status 0 when the connection ends without one."""
    try:
        line = stream.readline()
        if not line:
            return {"status": 0}
        headers = {}
        while (header := stream.readline().strip()) != b"":
            name, _, value = header.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
    except TimeoutError:
        return {"status": -1}
    except OSError:
        return {"status": 0}
    try:
        told = json.loads(body)
    except ValueError:
        told = body[:200].decode("latin-1")
    return {"status": int(line.split()[1]), "headers": headers, "body": told}


def send(sock, parts):
    """Parts are texts, or [text, times]; the server may close before all of it is sent."""
    try:
        for part in parts:
            text, times = part if isinstance(part, list) else (part, 1)
            data = filled(text)
            for _ in range(times):
                sock.sendall(data)
    except OSError:
        pass


def exchange(step):
    """Sends on one new connection and reads `answers` answers."""
    with connect() as sock:
        send(sock, step["send"])
        if step.get("shutdown"):
            sock.shutdown(socket.SHUT_WR)
        stream = sock.makefile("rb")
        told = [answer(stream) for _ in range(step.get("answers", 1))]
        if step.get("held"):
            # Finished only once others have had their say; connections have no order, so the server gets time
            # to read this one first.
            time.sleep(HELD_S)
            told = told[1:] + [exchange(other) for other in step["held"]]
            send(sock, step["rest"])
            told.append(answer(stream))
    return told if len(told) > 1 else told[0]


def call(method, path, body="", headers=""):
    text = f"{method} {BASE}{path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return {"send": [text, body]}


def drain(sock):
    """Reads until nothing more comes for a moment."""
    try:
        while sock.recv(65536):
            pass
    except TimeoutError:
        pass


def flood(kind, seconds):
    """Hostile traffic for a while, from as many connections as may be."""
    end = time.monotonic() + seconds
    open_ = []
    counts = {"sent": 0}

    def half_open():
        sock = connect()
        sock.sendall(b"GET /2018-06-01/run")
        open_.append(sock)
        if len(open_) > 600:
            open_.pop(0).close()

    def reconnect():
        connect().close()

    def garbage():
        with connect() as sock:
            sock.sendall(os.urandom(4096))
            sock.recv(1000)

    def huge_heads():
        with connect() as sock:
            sock.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nX: " + b"x" * 1_100_000)
            open_.append(sock.dup())
        if len(open_) > 600:
            open_.pop(0).close()

    def pings():
        with connect() as sock:
            sock.settimeout(0.05)
            sock.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
            drain(sock)

    def large_heads():
        with connect() as sock:
            for _ in range(50):
                sock.sendall(b"GET /2018-06-01/ping HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n")
                sock.recv(65536)

    def refused():
        with connect() as sock:
            sock.settimeout(0.05)
            text = f"POST {BASE}/invocation/x/response HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
            sock.sendall(text.encode() * 500)
            drain(sock)

    def chunks():
        with connect() as sock:
            sock.sendall(b"POST /2018-06-01/nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            small = b"1\r\nx\r\n" * 10_000
            while time.monotonic() < end:
                sock.sendall(small)

    def bodies():
        with connect() as sock:
            sock.sendall(b"POST /2018-06-01/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n")
            block = bytes(1 << 20)
            for _ in range(60):
                sock.sendall(block)

    def drips():
        for _ in range(20):
            sock = connect()
            sock.sendall(b"POST /2018-06-01/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
            open_.append(sock)
        for sock in open_:
            sock.sendall(b"x")
        time.sleep(0.01)

    def again():
        with connect() as sock:
            sock.sendall(f"GET {BASE}/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100)
            time.sleep(0.1)

    act = locals()[kind]

    def run():
        while time.monotonic() < end:
            try:
                act()
                counts["sent"] += 1
            except OSError:
                open_.clear()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sock in open_:
        sock.close()
    return counts["sent"]


def hold(count):
    """Leaves connections half open, for good."""
    for _ in range(count):
        sock = connect()
        sock.sendall(b"POST /2018-06-01/runtime/inv")
        state["held"].append(sock)
    return count


def act(event):
    if "flood" in event:
        return flood(event["flood"], event["seconds"])
    if "hold" in event:
        return hold(event["hold"])
    told = {"id": state["id"], "before": [exchange(step) for step in event.get("before", [])]}
    # What was seen after the last event was answered.
    told["after"], state["after"] = state["after"], []
    return told


def initialise():
    for step in json.loads(os.environ.get("INIT_STEPS", "[]")):
        print("INIT", json.dumps(exchange(step)), flush=True)


def main():
    initialise()
    while True:
        with connect() as sock:
            sock.settimeout(None)
            send(sock, call("GET", "/invocation/next")["send"])
            event = answer(sock.makefile("rb"))
        state["old"] = state["id"] or state["old"]
        state["id"] = event["headers"]["lambda-runtime-aws-request-id"]
        event = event["body"] if isinstance(event["body"], dict) else {}
        told = act(event)
        if "own" in event:
            state["after"].append(exchange(event["own"]))
        else:
            state["after"].append(exchange(call("POST", "/invocation/{ID}/response", json.dumps(told))))
        state["after"] += [exchange(step) for step in event.get("late", [])]


main()
