"""What Python programs do anywhere, each done by one function inside a sandbox.

`handler` runs the piece of work that the event names and answers whatever it returns; `test_inside.py` tells what
that must be.
"""

import asyncio
import ctypes
import getpass
import locale
import mmap
import multiprocessing
import os
import pwd
import queue
import select
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from concurrent import futures
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

PATIENCE_S = 20
LIBC = ctypes.CDLL(None, use_errno=True)


def handler(event, context):
    return globals()[event["work"]](**event.get("with", {}))


def square(number):
    return number * number


def threads():
    numbers = queue.Queue()
    every = [threading.Thread(target=lambda n=n: numbers.put(square(n))) for n in range(50)]
    for thread in every:
        thread.start()
    for thread in every:
        thread.join()
    return sum(numbers.get() for _ in every)


def fork_and_exec():
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(write, 1)
        os.execv("/bin/sh", ["sh", "-c", "echo from the child; exit 7"])
    os.close(write)
    said = os.read(read, 100).decode()
    return [said, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]


def spawned():
    child = os.posix_spawn("/bin/true", ["true"], {})
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def orphans_are_reaped():
    """A grandchild whose parent ends belongs to pid 1, which waits for it."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        if os.fork() == 0:
            os.close(read)
            while os.getppid() != 1:
                time.sleep(0.01)
            os.write(write, struct.pack("i", os.getpid()))
        os._exit(0)
    os.waitpid(child, 0)
    orphan = struct.unpack("i", os.read(read, 4))[0]
    deadline = time.monotonic() + PATIENCE_S
    while os.path.exists(f"/proc/{orphan}") and time.monotonic() < deadline:
        time.sleep(0.01)
    return os.path.exists(f"/proc/{orphan}")


def pipes():
    tool = subprocess.Popen(["tr", "a-z", "A-Z"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    shouted, _ = tool.communicate(b"quiet " * 50_000)
    return [len(shouted), shouted[:6].decode()]


def tmp():
    folder = Path(tempfile.mkdtemp())
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".txt") as file, tempfile.TemporaryFile() as nameless:
        file.write(b"x" * 1000)
        file.flush()
        nameless.write(b"y")
        os.symlink(file.name, folder / "link")
        os.link(file.name, folder / "hard")
        (folder / "hard").rename(folder / "moved")
        os.chmod(folder / "moved", 0o600)
        os.mkfifo(folder / "fifo")
        seen = sorted(p.name for p in folder.iterdir() if p.name != Path(file.name).name)
        return [tempfile.gettempdir(), seen, (folder / "link").stat().st_size, (folder / "moved").stat().st_nlink]


def script_in_tmp():
    path = Path("/tmp/run.sh")
    path.write_text("#!/bin/sh\necho ran $1\n")
    path.chmod(0o755)
    return subprocess.run([path, "it"], capture_output=True, text=True).stdout


def file_locks():
    import fcntl
    with open("/tmp/lock", "w") as first, open("/tmp/lock", "w") as second:
        fcntl.flock(first, fcntl.LOCK_EX)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return "held"


def memory_maps():
    anonymous = mmap.mmap(-1, 1 << 20)
    anonymous[-3:] = b"end"
    Path("/tmp/mapped").write_bytes(bytes(8192))
    with open("/tmp/mapped", "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[4096:4100] = b"here"
        mapped.flush()
    memory = os.memfd_create("mine")
    os.write(memory, b"kept")
    return [anonymous[-3:].decode(), Path("/tmp/mapped").read_bytes()[4096:4100].decode(), os.pread(memory, 4, 0).decode()]


def machine_code():
    """What a JIT does: writes code, makes it executable, runs it."""
    code = {"x86_64": bytes.fromhex("8d477bc3"), "aarch64": bytes.fromhex("00ec0111c0035fd6")}[os.uname().machine]
    answers = []
    for first in (mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC, mmap.PROT_READ | mmap.PROT_WRITE):
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=first)
        page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        LIBC.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)
        answers.append(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(address)(7))
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(square)
    return answers + [callback(5)]


def tcp(family="AF_INET", address="127.0.0.1"):
    listener = socket.create_server((address, 0), family=getattr(socket, family))

    def serve():
        peer, _ = listener.accept()
        with peer:
            while data := peer.recv(65536):
                peer.sendall(data.upper())

    threading.Thread(target=serve).start()
    with socket.create_connection(listener.getsockname()[:2], PATIENCE_S) as client:
        client.sendall(b"hello")
        return client.recv(100).decode()


def udp():
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        client.settimeout(PATIENCE_S)
        client.sendto(b"ping", server.getsockname())
        data, peer = server.recvfrom(100)
        server.sendto(data + b" pong", peer)
        return client.recv(100).decode()


def unix_sockets():
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("/tmp/socket")
        server.listen()
        client.connect("/tmp/socket")
        read, write = os.pipe()
        socket.send_fds(client, [b"x"], [write])
        _, (mine, *_), _, _ = socket.recv_fds(server.accept()[0], 1, 1)
        os.write(mine, b"through a handed descriptor")
        return os.read(read, 100).decode()


def http_server():
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from urllib.request import urlopen

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("localhost", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        text = urlopen(f"http://localhost:{server.server_port}/path", timeout=PATIENCE_S).read().decode()
        server.shutdown()
        return text


def signals():
    """Handlers run in the main thread, where the handler of the function runs."""
    seen = []
    signal.signal(signal.SIGUSR1, lambda number, _: seen.append(signal.Signals(number).name))
    signal.signal(signal.SIGALRM, lambda number, _: seen.append(signal.Signals(number).name))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    signal.pause()
    child = subprocess.Popen(["sleep", "60"])
    child.terminate()
    return seen + [child.wait()]


def time_zones():
    moment = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("UTC"))
    zones = [moment.astimezone(ZoneInfo(name)).isoformat() for name in ("Europe/Berlin", "Asia/Kolkata")]
    before = time.localtime(moment.timestamp()).tm_hour
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    return zones + [before, time.localtime(moment.timestamp()).tm_hour, time.tzname]


def locales():
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    words = sorted(["Zebra", "äpfel", "apfel", "Öl"], key=locale.strxfrm)
    sort = subprocess.run(["sort"], input="b\nA\na\n", capture_output=True, text=True, env={"LC_ALL": "C.UTF-8"})
    path = Path("/tmp/größe-日本")
    path.write_text("ü", encoding="utf-8")
    return [words, sort.stdout, os.fsencode(path).decode(), locale.nl_langinfo(locale.CODESET)]


def default_locale():
    """The environment names en_US.UTF-8, which the machine may not have: text is UTF-8 all the same."""
    import sys
    return [os.environ["LANG"], sys.getfilesystemencoding(), sys.stdout.encoding, locale.getpreferredencoding(False)]


def _answer(end, number):
    end.send(square(number))


def _fill(queue_, number):
    queue_.put(square(number))


def _add(lock, value, times):
    for _ in range(times):
        with lock:
            value.value += 1


def processes(method):
    """Process, Pipe, Queue, Lock, Value, Event, Semaphore of multiprocessing."""
    context = multiprocessing.get_context(method)
    mine, theirs = context.Pipe()
    numbers, lock, value = context.Queue(), context.Lock(), context.Value("i", 0)
    every = [
        context.Process(target=_answer, args=(theirs, 3)),
        context.Process(target=_fill, args=(numbers, 4)),
        *(context.Process(target=_add, args=(lock, value, 200)) for _ in range(2)),
    ]
    for process in every:
        process.start()
    answers = [mine.recv(), numbers.get(timeout=PATIENCE_S)]
    for process in every:
        process.join(PATIENCE_S)
    return answers + [value.value, [process.exitcode for process in every]]


def pool(method):
    with multiprocessing.get_context(method).Pool(2) as workers:
        return workers.map(square, range(6))


def shared_memory():
    from multiprocessing.shared_memory import SharedMemory
    block = SharedMemory(create=True, size=4096)
    block.buf[:4] = b"here"
    child = os.fork()
    if child == 0:
        block.buf[:5] = b"there"
        os._exit(0)
    os.waitpid(child, 0)
    text = bytes(block.buf[:5]).decode()
    block.close()
    block.unlink()
    return text


def managers():
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        worker = multiprocessing.Process(target=shared.update, args=({"from": "child"},))
        worker.start()
        worker.join(PATIENCE_S)
        return dict(shared)


def executors():
    with futures.ThreadPoolExecutor(4) as threads_, futures.ProcessPoolExecutor(2) as processes_:
        return [list(threads_.map(square, range(4))), list(processes_.map(square, range(4)))]


async def _talk():
    child = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate(b"meow")

    async def shout(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"psst\n")
    answer = await reader.readline()
    server.close()
    in_thread = await asyncio.to_thread(square, 9)
    return [said.decode(), child.returncode, answer.decode(), in_thread]


def event_loop():
    return asyncio.run(_talk())


def database():
    with sqlite3.connect("/tmp/own.db") as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table t (n integer)")
        connection.executemany("insert into t values (?)", [(n,) for n in range(1000)])
    return sqlite3.connect("/tmp/own.db").execute("select sum(n) from t").fetchone()[0]


def certificates():
    context = ssl.create_default_context()
    return [len(context.get_ca_certs()) > 20, context.verify_mode == ssl.CERT_REQUIRED, len(ssl.RAND_bytes(8))]


def tls():
    """A handshake over loopback, checked against a certificate made on the spot."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost", "-keyout", "/tmp/key", "-out", "/tmp/cert"],
                   check=True, capture_output=True)
    listener = socket.create_server(("127.0.0.1", 0))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain("/tmp/cert", "/tmp/key")

    def serve():
        with served.wrap_socket(listener.accept()[0], server_side=True) as peer:
            peer.sendall(b"private")

    threading.Thread(target=serve).start()
    trusting = ssl.create_default_context(cafile="/tmp/cert")
    with socket.create_connection(listener.getsockname(), PATIENCE_S) as raw:
        with trusting.wrap_socket(raw, server_hostname="localhost") as client:
            return [client.recv(100).decode(), client.version()]


def processors():
    return [len(os.getloadavg()), os.cpu_count() >= 1, len(os.sched_getaffinity(0)) >= 1, os.sysconf("SC_PAGESIZE"), os.nice(0)]


def who_am_i():
    me = pwd.getpwuid(os.getuid())
    return [getpass.getuser(), me.pw_name, me.pw_dir, os.path.expanduser("~"), socket.gethostbyname("localhost"),
            socket.getservbyname("https"), os.access("/tmp", os.W_OK)]


def inotify():
    watch = LIBC.inotify_init1(0)
    LIBC.inotify_add_watch(watch, b"/tmp", 0x100)
    Path("/tmp/noticed").touch()
    event = os.read(watch, 4096)
    return event[16:].rstrip(b"\0").decode()


def descriptors_that_tell():
    """eventfd, timerfd and signalfd, all waited for with one epoll."""
    counter = os.eventfd(0)
    timer = LIBC.timerfd_create(1, 0)
    LIBC.timerfd_settime(timer, 0, ctypes.byref((ctypes.c_long * 4)(0, 0, 0, 10_000_000)), None)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    mask = (ctypes.c_uint64 * 16)(1 << (signal.SIGUSR2 - 1))
    signalled = LIBC.signalfd(-1, ctypes.byref(mask), 0)
    names = {counter: "event", timer: "timer", signalled: "signal"}
    os.eventfd_write(counter, 1)
    os.kill(os.getpid(), signal.SIGUSR2)
    told = set()
    with select.epoll() as loop:
        for descriptor in names:
            loop.register(descriptor, select.EPOLLIN)
        while len(told) < 3 and (ready := loop.poll(PATIENCE_S)):
            for descriptor, _ in ready:
                told.add(names[descriptor])
                loop.unregister(descriptor)
    return sorted(told)


def pidfd():
    child = subprocess.Popen(["true"])
    descriptor = os.pidfd_open(child.pid)
    select.select([descriptor], [], [], PATIENCE_S)
    return os.waitid(os.P_PIDFD, descriptor, os.WEXITED).si_status


def terminal():
    """Programs that want a terminal get one of their own."""
    import pty
    child, end = pty.fork()
    if child == 0:
        os.execv("/bin/sh", ["sh", "-c", "test -t 0 && echo a terminal"])
    said = os.read(end, 100).decode()
    os.waitpid(child, 0)
    return said.strip()


def system_v():
    """Semaphores and shared memory of System V: databases use them."""
    block = LIBC.shmget(0, 4096, 0o1600)
    LIBC.shmat.restype = ctypes.c_void_p
    address = LIBC.shmat(block, None, 0)
    ctypes.memmove(address, b"held", 4)
    text = ctypes.string_at(address, 4).decode()
    LIBC.shmdt(ctypes.c_void_p(address))
    return [text, LIBC.shmctl(block, 0, None), LIBC.semctl(LIBC.semget(0, 1, 0o1600), 0, 0)]


def archives():
    import gzip
    import shutil
    Path("/tmp/a/b").mkdir(parents=True)
    Path("/tmp/a/b/c.txt").write_text("packed")
    shutil.make_archive("/tmp/packed", "gztar", "/tmp/a")
    shutil.make_archive("/tmp/packed", "zip", "/tmp/a")
    shutil.unpack_archive("/tmp/packed.zip", "/tmp/again")
    return [Path("/tmp/again/b/c.txt").read_text(), len(gzip.open("/tmp/packed.tar.gz").read()) > 0,
            shutil.disk_usage("/tmp").total > 400 << 20]


def signals_at_start():
    """Blocked when the program began: nothing. Node.js and multiprocessing wait for the signals of their children."""
    status = Path("/proc/self/status").read_text()
    return [line.split()[1].strip("0") for line in status.splitlines() if line.startswith("SigBlk")]
