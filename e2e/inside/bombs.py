"""Functions that use up what they are given, one way or another; the event names which."""

import os
import sys
import threading
import time

kept = []


def handler(event, context):
    return globals()[event["bomb"]](**event.get("with", {})) if "bomb" in event else "fine"


def memory():
    """Touched as it is taken, until the kernel ends it."""
    while True:
        kept.append(bytearray(b"x" * (1 << 20)))


def memory_of_children():
    """Many small ones that together take too much."""
    for _ in range(64):
        if os.fork() == 0:
            memory()
    while True:
        os.wait()


def shared_memory():
    """A file in memory; whoever writes it is not who holds it."""
    with open("/dev/shm/fill", "wb") as file:
        fill(file)


def memory_file():
    with os.fdopen(os.memfd_create("fill"), "wb") as file:
        fill(file)


def fill(file):
    block = b"x" * (1 << 20)
    while True:
        file.write(block)


def forks():
    """Every copy makes copies, in sessions of their own; killed one by one they would outrun the killer."""
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
        except OSError:
            pass


def threads():
    while True:
        thread = threading.Thread(target=time.sleep, args=(3600,), daemon=True)
        thread.start()


def spin():
    for _ in range(8):
        if os.fork() == 0:
            break
    while True:
        pass


def disk():
    with open(f"/tmp/fill-{time.monotonic_ns()}", "wb") as file:
        fill(file)


def small_files():
    number = 0
    while True:
        number += 1
        open(f"/tmp/{time.monotonic_ns()}-{number}", "w").close()


def descriptors():
    while True:
        kept.append(os.open("/dev/null", os.O_RDONLY))


def log(line_bytes):
    """100 MB, in lines of this length."""
    line = b"x" * (line_bytes - 1) + b"\n"
    block = line * ((1 << 20) // len(line) or 1)
    written = 0
    while written < 100_000_000:
        written += os.write(1, block)
    return "written"


def log_forever():
    block = b"\n" * 65536
    while True:
        os.write(1, block)


def answer(megabytes):
    return "x" * (megabytes * 1_000_000)


def deaf():
    """Hears no signal that can be ignored, nor do its children."""
    import signal
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    for _ in range(50):
        if os.fork() == 0:
            os.setsid()
            break
    time.sleep(3600)
