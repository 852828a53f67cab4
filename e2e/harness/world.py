"""A world of the tests' own: four network name spaces, of which one holds the server.

```text
 the world  203.0.113.0/24, 2001:db8::/64        the host                        a neighbour on the LAN
   web .10, mail .25, names .53, dark .99  ────  203.0.113.2, 2001:db8::2
   metadata 169.254.169.254, fd00:ec2::254       10.77.0.2, fd77::2        ────  10.77.0.9, fd77::9
                                                 127.0.0.1, ::1: services, and the server
```
Nothing of it is in the machine's own network, and nothing of it can reach that. Each space lives as long as the
process in it (`world/services.py`), which ends with the tests.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(__file__).parent.parent / "world" / "services.py"
CLONE_NEWNET = 0x40000000
SETTLE_S = 0.3

WEB4, WEB6 = "203.0.113.10", "2001:db8::10"
MAIL4, MAIL6 = "203.0.113.25", "2001:db8::25"
DNS = "203.0.113.53"
# On the network, and nobody answers for it.
DARK = "203.0.113.99"
HOST4, HOST6 = "203.0.113.2", "2001:db8::2"
HOST_LAN4, HOST_LAN6 = "10.77.0.2", "fd77::2"
LAN4, LAN6 = "10.77.0.9", "fd77::9"
METADATA = ("169.254.169.254", "100.100.100.200", "fd00:ec2::254")
# IPv4 as a translator of the network would write it: of the web server, the metadata server, the host.
NAT64_WEB, NAT64_METADATA = "64:ff9b::cb00:710a", "64:ff9b::a9fe:a9fe"
ECHO, RESET, CLOSED, LATE, SERVICE = 7, 9, 11, 13, 8099


def listen_in_world():
    plan = [["dns", DNS, 53], ["mail", MAIL4, 25], ["mail", MAIL6, 25], ["reset", WEB4, RESET],
            ["late", WEB4, LATE]]
    for address in (WEB4, WEB6, NAT64_WEB):
        plan += [["echo", address, ECHO], ["http", address, 80], ["https", address, 443], ["udp", address, ECHO],
                 ["mail", address, 25], ["udp", address, 53]]
    for address in (*METADATA, NAT64_METADATA):
        plan += [["secret", address, 80], ["secret", address, SERVICE], ["udp", address, 80]]
    return plan


# Services of the host on its loopback alone and on all of its addresses.
LISTEN_ON_HOST = [["secret", "127.0.0.1", SERVICE], ["secret", "::1", SERVICE], ["secret", "0.0.0.0", 80],
                  ["secret", "::", 80], ["udp", "0.0.0.0", SERVICE], ["udp", "::", SERVICE],
                  ["mail", "127.0.0.1", 25]]
LISTEN_ON_LAN = [["echo", address, ECHO] for address in (LAN4, LAN6)] + [["http", LAN4, 80], ["udp", LAN4, ECHO]]

WORLD_LINK = f"""
addr add 203.0.113.1/24 dev eth0
addr add {WEB4}/24 dev eth0
addr add {MAIL4}/24 dev eth0
addr add {DNS}/24 dev eth0
addr add 2001:db8::1/64 dev eth0 nodad
addr add {WEB6}/64 dev eth0 nodad
addr add {MAIL6}/64 dev eth0 nodad
link set eth0 up
""" + "".join(f"addr add {address}/{128 if ':' in address else 32} dev lo\n"
              for address in (*METADATA, NAT64_WEB, NAT64_METADATA))
HOST_LINKS = f"""
addr add {HOST4}/24 dev eth0
addr add {HOST6}/64 dev eth0 nodad
link set eth0 up
addr add {HOST_LAN4}/24 dev lan0
addr add {HOST_LAN6}/64 dev lan0 nodad
link set lan0 up
addr add 172.17.0.1/32 dev lo
route add default via 203.0.113.1
route add default via 2001:db8::1
"""
LAN_LINK = f"""
addr add {LAN4}/24 dev eth0
addr add {LAN6}/64 dev eth0 nodad
link set eth0 up
route add default via {HOST_LAN4}
route add default via {HOST_LAN6}
"""


class Space:
    """One network name space, and the process that keeps it and serves in it."""

    def __init__(self, name, folder):
        self.name = name
        self.arrivals_file = folder / f"{name}.arrivals"
        self.arrivals_file.touch()
        self.process = None
        # Waits for its plan, so that links can be made before it listens.
        script = 'read plan && exec "$0" "$1" "$plan" "$2"'
        command = ["unshare", "--net", "sh", "-c", script, sys.executable, PROGRAM, self.arrivals_file]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._wait_until_apart()
        self.handle = os.open(f"/proc/{self.process.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def _wait_until_apart(self):
        ours, theirs = os.stat("/proc/self/ns/net").st_ino, Path(f"/proc/{self.process.pid}/ns/net")
        deadline = time.monotonic() + 10
        while theirs.stat().st_ino == ours:
            assert time.monotonic() < deadline, "no network name space"
            time.sleep(0.005)

    def ip(self, lines):
        """Lines of `ip -batch`, in this space."""
        command = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", "ip", "-batch", "-"]
        done = subprocess.run(command, input=lines, text=True, capture_output=True)
        assert done.returncode == 0, (lines, done.stderr)

    def run(self, *command):
        done = subprocess.run(["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *command], text=True,
                              capture_output=True, check=True)
        return done.stdout

    def serve(self, plan, certificate):
        print(json.dumps({"listen": plan, "certificate": str(certificate)}), file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "ready\n", f"the services of {self.name} do not start"

    def arrivals(self, since=0):
        return [json.loads(line) for line in self.arrivals_file.read_text().splitlines()[since:]]

    def end(self):
        os.close(self.handle)
        self.process.kill()
        self.process.wait()


class World:
    """The four of them, joined."""

    def __init__(self, folder, authority):
        self.authority = authority
        self.outside, self.host, self.lan = (Space(name, folder) for name in ("world", "host", "lan"))
        for name, far in (("eth0", self.outside), ("lan0", self.lan)):
            self.host.ip(f"link add {name} type veth peer name eth0 netns {far.process.pid}\n")
        for space, links in ((self.outside, WORLD_LINK), (self.host, HOST_LINKS), (self.lan, LAN_LINK)):
            space.ip("link set lo up\n" + links)
        for space, plan in ((self.outside, listen_in_world()), (self.host, LISTEN_ON_HOST), (self.lan, LISTEN_ON_LAN)):
            space.serve(plan, authority.certificate)
        self.resolv_conf = folder / "resolv.conf"
        self.resolv_conf.write_text(f"nameserver {DNS}\noptions timeout:1 attempts:2\n")
        self.resolv_conf.chmod(0o644)

    @property
    def spaces(self):
        return (self.outside, self.host, self.lan)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread, and all that it starts meanwhile, is on the host."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        enter(self.host.handle)
        try:
            yield
        finally:
            enter(own)
            os.close(own)

    @contextlib.contextmanager
    def untouched(self, *kinds):
        """Nothing arrives anywhere meanwhile; with kinds, nothing of these."""
        before = [len(space.arrivals()) for space in self.spaces]
        yield
        time.sleep(SETTLE_S)
        came = [dict(arrival, space=space.name) for space, since in zip(self.spaces, before)
                for arrival in space.arrivals(since) if not kinds or arrival["what"] in kinds]
        assert came == []

    def before(self, uid, devices=None):
        """Begins the command line of a server that asks the world's names, as a user where one is named; `devices` is
        a line that fills /dev/net."""
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        if devices is not None:
            script = f"mkdir -p /dev/net && mount -t tmpfs devices /dev/net && {devices} && {script}"
        command = ["unshare", "--mount", "sh", "-c", script, str(self.resolv_conf)]
        if uid is not None:
            command += ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
        return command

    def end(self):
        for space in self.spaces:
            space.end()


def enter(handle):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(handle, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
