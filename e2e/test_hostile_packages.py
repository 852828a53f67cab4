"""Hostile packages: refused in AWS's words and without a trace, or unpacked with nothing hostile left in them."""

import io
import time
import zipfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from harness import leftovers
from harness.hostile_packages import REFUSED
from harness.raw_zip import DEFLATED, LARGE, MANY, UTF8, Entry, archive, end_record, end_record_64, link, zip64_extra
from harness.server import ROLE

ANSWER = b"def handler(event, context): return 'well'\n"
# Lists what there is below /var/task: kind, mode, what a link says, the beginning of a file.
LIST = b"""
import os, stat
def handler(event, context):
    found = {}
    for folder, folders, files in os.walk(b'/var/task'):
        for name in folders + files:
            path = os.path.join(folder, name)
            info = os.lstat(path)
            what = {'mode': oct(info.st_mode), 'owner': info.st_uid}
            if stat.S_ISLNK(info.st_mode):
                what['to'] = os.readlink(path).decode()
                what['real'] = os.path.realpath(path).decode()
            elif stat.S_ISREG(info.st_mode):
                with open(path, 'rb') as file:
                    what['text'] = file.read(20).decode('latin-1')
            found[os.path.relpath(path, b'/var/task').decode()] = what
    return {'found': found, 'root': os.stat('/var/task').st_uid, 'outside': os.path.exists('/var/escape')}
"""


def blobs(server):
    return sorted(path.name for path in (server.data / "blobs").rglob("*") if path.is_file())


def trees(server):
    """Packages that the spawner holds in memory."""
    [spawner] = leftovers.spawners(server.process.pid)

    def seen():
        return sum("/sandbox/code/" in line for line in Path(f"/proc/{spawner}/mountinfo").read_text().splitlines())

    # While it makes a sandbox it is for a moment where none can be seen.
    until = time.monotonic() + 0.2
    most = seen()
    while time.monotonic() < until:
        most = max(most, seen())
    return most


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(FunctionName=arguments.pop("name"), **arguments)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400, answer
    assert answer["Error"]["Code"] == "InvalidParameterValueException", answer
    return answer["Error"]["Message"]


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_and_leaves_nothing(client, deploy, invoke, server, case):
    make, message = REFUSED[case]
    package = make()
    name = deploy(archive(Entry(b"index.py", ANSWER)))
    before = client.get_function_configuration(FunctionName=name)
    held, in_memory = blobs(server), trees(server)

    assert refusal(client.update_function_code, name=name, ZipFile=package) == message
    assert refusal(client.create_function, name="hostile", Role=ROLE, Handler="x.y", Runtime="python3.11",
                   Code={"ZipFile": package}) == message

    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="hostile")
    after = client.get_function_configuration(FunctionName=name)
    assert (after["CodeSha256"], after["RevisionId"]) == (before["CodeSha256"], before["RevisionId"])
    # Those of functions that were deleted before may go meanwhile.
    assert set(blobs(server)) <= set(held) and trees(server) == in_memory
    assert invoke(name)["Json"] == "well"
    assert not Path("/etc/cron.d/x").exists() and not Path("/escape").exists()


def inner_bomb():
    """A zip in a zip in a zip: nothing unpacks what is inside."""
    package = archive(Entry(b"zeros", bytes(64 << 20), method=DEFLATED))
    for level in range(3):
        package = archive(*(Entry(b"%d-%d.zip" % (level, n), package, method=DEFLATED) for n in range(16)))
    return package


NEUTRALISED = [
    Entry(b"index.py", LIST),
    # Modes.
    Entry(b"setuid", b"x", 0o104755), Entry(b"setgid", b"x", 0o102711), Entry(b"sticky", b"x", 0o101777),
    Entry(b"all", b"x", 0o107777), Entry(b"writable", b"x", 0o100666), Entry(b"secret", b"x", 0o100000),
    Entry(b"closed/", b"", 0o042000), Entry(b"closed/x", b"x"), Entry(b"open/", b"", 0o047777),
    # Names.
    Entry(b"..\\..\\escape", b"x"), Entry(b"C:\\x", b"x"), Entry(b"./a//b/./c", b"x"), Entry(b"...", b"x"),
    Entry(b"new\nline", b"x"), Entry(b"\x1b[31mred", b"x"), Entry(b"caf\xe9", b"x"), Entry(b"\xff\xfe", b"x", flags=UTF8),
    Entry(b"y" * 255, b"x"), Entry(b"-rf", b"x"), Entry(b"~root", b"x"), Entry(b"$(reboot)", b"x"),
    Entry(b"deep/" * 100 + b"x", b"x"),
    # Twice the same: the last counts.
    Entry(b"twice", b"first", 0o104755), Entry(b"./twice", b"second"), Entry(b"same", b"first"), Entry(b"same", b"second"),
    # Links within the package, to nothing, in a ring.
    link(b"to-file", b"a/b/c"), link(b"a/b/up", b"../../index.py"), link(b"dangling", b"nowhere/at/all"),
    link(b"ring", b"ring"), link(b"a/top", b".."), link(b"a/again", b"top/a/top/a"), link(b"slashes", b".//a/.//b"),
    # Headers that disagree: only the directory counts.
    Entry(b"honest", b"x", local_name=b"../../escape"), Entry(b"sized", b"xyz", local={"packed": 1, "size": 1 << 30}),
    Entry(b"summed", b"x", local={"crc": 1}), Entry(b"hidden", b"x", local={"flags": 8, "packed": 0, "size": 0, "crc": 0}),
    Entry(b"large", b"x", central={"size": LARGE}, extra=zip64_extra(1)),
    # A folder with content, and times that are none.
    Entry(b"folder/", b"content", 0o040755), Entry(b"never", b"x", central={"date": 0, "time": MANY}),
    # An old system's file, whose mode is none.
    Entry(b"dos", b"x", 0o104755, central={"made_by": 20}),
    Entry(b"bomb.zip", inner_bomb()),
]


def test_what_is_unpacked_is_harmless(client, deploy, invoke):
    answer = invoke(deploy(archive(*NEUTRALISED)))["Json"]
    found = answer["found"]
    assert not answer["outside"]
    text = {name: what["text"] for name, what in found.items() if "text" in what}
    modes = {name: what["mode"] for name, what in found.items() if "text" in what}
    links = {name: (what["to"], what["real"]) for name, what in found.items() if "to" in what}

    executable = {"setuid", "setgid", "sticky", "all"}
    assert modes == {name: "0o100755" if name in executable else "0o100644" for name in text}, modes
    folders = {name: what["mode"] for name, what in found.items() if name not in text and name not in links}
    assert set(folders.values()) == {"0o40755"}, folders
    assert {what["owner"] for what in found.values()} == {answer["root"]}
    assert {"closed", "open", "folder", "a", "a/b", "deep/" * 99 + "deep"} <= set(folders)

    assert (text["twice"], text["same"], text["sized"], text["closed/x"]) == ("second", "second", "xyz", "x")
    assert text["bomb.zip"].startswith("PK")
    plain = {"..\\..\\escape", "C:\\x", "a/b/c", "...", "new\nline", "\x1b[31mred", "caf\xe9", "\xff\xfe", "y" * 255, "-rf",
             "~root", "$(reboot)", "deep/" * 100 + "x", "honest", "summed", "hidden", "large", "never", "dos", "secret",
             "writable"}
    assert {name for name, content in text.items() if content == "x"} - executable - {"closed/x"} == plain
    assert set(links) == {"to-file", "a/b/up", "dangling", "ring", "a/top", "a/again", "slashes"}
    for name, (to, real) in links.items():
        assert real == "/var/task" or real.startswith("/var/task/"), (name, to, real)


def described():
    """A package whose sizes follow the data, as a writer to a pipe makes it."""
    class Pipe(io.RawIOBase):
        parts = b""

        def writable(self):
            return True

        def write(self, data):
            self.parts += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("index.py", ANSWER)
    return pipe.parts


def with_larger_record():
    """A small package as a writer makes it that always uses the larger record."""
    whole = archive(Entry(b"index.py", ANSWER))
    end = len(whole) - len(end_record(0, 0, 0))
    start = whole.index(b"PK\1\2")
    return whole[:end] + end_record_64(1, end - start, start, end) + end_record(MANY, LARGE, LARGE)


ODD = {
    "in front": lambda: archive(Entry(b"index.py", ANSWER), before=b"#!/usr/bin/python3\n" + b"junk" * 1000),
    "comment": lambda: archive(Entry(b"index.py", ANSWER), comment=b"c" * MANY),
    "record in comment": lambda: archive(Entry(b"index.py", ANSWER), comment=end_record(1, 50, 0, comment_length=9)),
    "behind": lambda: archive(Entry(b"index.py", ANSWER), behind=bytes(100)),
    "entry comment": lambda: archive(Entry(b"index.py", ANSWER, central={"comment_length": 4, "extra_length": 0}, extra=b"text")),
    "described": described,
    "larger record": with_larger_record,
    "deflated": lambda: archive(Entry(b"index.py", ANSWER, method=DEFLATED)),
}


def test_many_small_files_are_unpacked(deploy, invoke):
    """As many as may be, with the longest names and most of a page lost on each."""
    files = (Entry(b"d%d/" % (n % 50) + b"%05d" % n * 50, bytes(4097), method=DEFLATED) for n in range(63_000))
    assert invoke(deploy(archive(Entry(b"index.py", ANSWER), *files)))["Json"] == "well"


@pytest.mark.parametrize("case", ODD)
def test_what_is_only_odd_is_accepted(deploy, invoke, case):
    assert invoke(deploy(ODD[case]()))["Json"] == "well"
