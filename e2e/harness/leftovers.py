"""Finds what sandboxes may leave behind: processes, cgroups, mounts, loop devices."""

import os
import time
from pathlib import Path

# How long nothing may go away before what is left counts as left over.
PATIENCE_S = 6


def children(pid):
    """All descendants of a process."""
    found, open_ = [], [pid]
    while open_:
        try:
            tasks = os.listdir(f"/proc/{open_[0]}/task")
        except OSError:
            tasks = []
        parent = open_.pop(0)
        for task in tasks:
            try:
                kids = Path(f"/proc/{parent}/task/{task}/children").read_text().split()
            except OSError:
                continue
            found += map(int, kids)
            open_ += map(int, kids)
    return found


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def sandbox_processes(server_pid):
    """Every process below the server but the spawner itself."""
    return [pid for pid in children(server_pid) if "__spawner" not in command_line(pid)]


def input_of(pid):
    try:
        return os.readlink(f"/proc/{pid}/fd/0")
    except OSError:
        return ""


def serving_processes(server_pid):
    """Those that are some function's: who waits for one has a pipe as its input still, and pid 1 its control socket."""
    return {pid for pid in sandbox_processes(server_pid) if not input_of(pid).startswith(("pipe:", "socket:"))}


def spawners(server_pid):
    """The one spawner of a server, while both live. Below it are copies that become sandboxes."""
    return [pid for pid in children(server_pid) if "__spawner" in command_line(pid) and parent(pid) == server_pid]


def parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def cgroups():
    """The sandboxes' cgroups that exist now, on v1 or v2; those of somebody else's live spawner are not ours."""
    ours, found = children(os.getpid()), []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        spawner = Path(folder).name.removeprefix("lambkin-")
        if spawner == Path(folder).name or not spawner.isdigit():
            continue
        if int(spawner) in ours or "__spawner" not in command_line(int(spawner)):
            found += [f"{folder}/{name}" for name in names]
    return found


def host_mounts():
    """Mounts of the host's name space that carry our name."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "lambkin" in line]


def network_namespaces(server_pid):
    """Distinct network name spaces of the server's tree, besides the host's."""
    mine = os.stat("/proc/self/ns/net").st_ino
    seen = set()
    for pid in children(server_pid):
        try:
            seen.add(os.stat(f"/proc/{pid}/ns/net").st_ino)
        except OSError:
            continue
    return seen - {mine}


def wait_until_none(look, what):
    """Fails with what is left once nothing of it has gone away for a while: a busy machine ends a hundred slowly."""
    fewest, deadline = None, 0
    while left := look():
        now = time.monotonic()
        if fewest is None or len(left) < fewest:
            fewest, deadline = len(left), now + PATIENCE_S
        if now > deadline:
            shown = [f"{item} {command_line(item)}" if isinstance(item, int) else item for item in left]
            raise AssertionError(f"left over: {what}: {shown[:10]}")
        time.sleep(0.05)
