"""Packages that must be refused, each with what the refusal says. Each is made when it is asked for: some are large."""

import functools
import itertools
import string

from harness.package import zip_files
from harness.raw_zip import (DEFLATED, LARGE, MANY, STORED, Entry, archive, end_record, end_record_64, link, one,
                             zip64_extra)

UNZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
PATH = f"{UNZIP} It holds a path that is absolute, leaves the package, goes through a file or a link, or cannot be one."
LINK = f"{UNZIP} It holds a link that leaves the package."
ENTRY = (f"{UNZIP} It holds an entry that is encrypted, compressed by another method than deflate, or neither a file, "
         "a folder nor a link.")
SHARED = f"{UNZIP} Its entries share bytes, so that it would unpack to many times its size."
MANY_ENTRIES = f"{UNZIP} It has too many files and folders."
LARGE_TEXT = "Unzipped size must be smaller than 262144000 bytes"
EMPTY = "Uploaded file must be a non-empty zip"

GOOD = zip_files({"index.py": "x = 1\n" * 1000, "more.py": "y = 2\n" * 1000})
MIB = 1 << 20
MILLION = 1_000_000
LOCAL_BYTES, CENTRAL_BYTES, END_BYTES = 30, 46, 22


def kernel(count, content):
    """Fifield's first form: every entry of the directory is the same one file."""
    first = Entry(b"0", content, method=DEFLATED, local_name=b"")
    copies = [Entry(b"%d" % n, content, method=DEFLATED, at=0) for n in range(1, count)]
    return archive(first, *copies)


def quoted(count):
    """Fifield's second form: each file begins with stored local headers of those behind it."""
    names = [b"%03d" % n for n in range(count)]
    content = bytes(MIB)
    last = Entry(names[-1], content, method=DEFLATED)
    chain = [last.local_header(last.packed()) + last.packed()]
    entries = [last]
    for name in reversed(names[:-1]):
        behind = chain[0]
        entry = Entry(name, behind, method=STORED)
        chain.insert(0, entry.local_header(behind) + behind)
        entries.insert(0, entry)
    # Each is the beginning of the one before it, 33 bytes further on.
    body = chain[0]
    directory = b"".join(entry.central_header(entry.packed(), (LOCAL_BYTES + 3) * n)
                         for n, entry in enumerate(entries))
    return body + directory + end_record(count, len(directory), len(body))


@functools.cache
def million():
    """A directory of a million entries for one file, and how long it is."""
    names = itertools.islice(itertools.product(string.ascii_letters.encode(), repeat=4), MILLION)
    header = Entry(b"abcd").central_header(b"", 0)[:-4]
    local = Entry(b"abcd").local_header(b"")
    return local, b"".join(header + bytes(name) for name in names)


def million_entries(tail):
    local, directory = million()
    return local + directory + tail(len(directory), len(local), len(local) + len(directory))


def million_zip64(length, offset, at):
    return end_record_64(MILLION, length, offset, at) + end_record(MANY, LARGE, LARGE)


def million_beside_small_count(length, offset, at):
    """The small record counts one entry; only its offset says that there is a larger one."""
    return end_record_64(MILLION, length, offset, at) + end_record(1, 1, LARGE)


def million_behind_comment(length, offset, at):
    """What comes last looks like a record of one entry; the real one has it in its comment."""
    small = end_record(1, 50, 0, comment_length=5)
    return end_record_64(MILLION, length, offset, at) + end_record(MANY, LARGE, LARGE, comment=small)


def million_far_record(length, offset, at):
    """The larger record is far in front of its locator, with a sector of its own between."""
    return end_record_64(MILLION, length, offset, at, bytes(100_000)) + end_record(MANY, LARGE, LARGE)


def implied_folders():
    """Few entries, each at the end of folders of its own."""
    return archive(*(Entry(b"/".join(b"%d_%d" % (n, m) for m in range(120)) + b"/f") for n in range(620)))


def zip64_lie(size):
    return one(b"x", central={"size": LARGE, "extra_length": 12}, extra=zip64_extra(size))


def changed(package, at, value):
    data = bytearray(package)
    data[at] ^= value
    return bytes(data)


def encrypted(flags, **fields):
    return one(b"x", b"x" * 20, flags=flags, **fields)


def device(kind):
    return lambda: one(b"node", b"", kind | 0o666)


def method(number):
    return lambda: one(b"x", b"x" * 40, method=number)


REFUSED = {
    # No zip, or not a whole one.
    "text": (lambda: b"x" * 100, UNZIP),
    "one byte": (lambda: b"P", UNZIP),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(100), UNZIP),
    "nothing but a local header": (lambda: Entry(b"x", b"x").local_header(b"x") + b"x", UNZIP),
    "no directory": (lambda: GOOD[:GOOD.index(b"PK\1\2")], UNZIP),
    "cut in its directory": (lambda: GOOD[:-40], UNZIP),
    "cut in its end": (lambda: GOOD[:-1], UNZIP),
    "without its beginning": (lambda: GOOD[60:], UNZIP),
    "empty": (lambda: archive(), EMPTY),
    "spanning disks": (lambda: archive(Entry(b"x"), disk=1, first_disk=1), UNZIP),
    "part of a set": (lambda: archive(Entry(b"x"), total=2), UNZIP),
    "more entries than there are": (lambda: archive(Entry(b"x"), total=9, here=9), UNZIP),
    "directory behind the end": (lambda: archive(Entry(b"x"), offset=1 << 30), UNZIP),
    "no directory where it should be": (lambda: archive(Entry(b"x", central={"magic": b"PK\1\3"})), UNZIP),
    # Paths.
    "absolute path": (lambda: one(b"/etc/cron.d/x"), PATH),
    "parent": (lambda: one(b"../../escape"), PATH),
    "parent further down": (lambda: one(b"a/../../escape"), PATH),
    "parent that comes back": (lambda: one(b"a/../escape"), PATH),
    "parent at the end": (lambda: one(b"a/.."), PATH),
    "parent as a folder": (lambda: one(b"../", b""), PATH),
    "nothing but a slash": (lambda: one(b"/"), PATH),
    "no name": (lambda: one(b""), PATH),
    "a dot": (lambda: one(b"."), PATH),
    "NUL in a name": (lambda: one(b"index.py\0.txt"), PATH),
    "long name": (lambda: one(b"x" * 256), PATH),
    "long path": (lambda: one(b"/".join([b"x" * 250] * 20)), PATH),
    "deep path": (lambda: one(b"a/" * 200 + b"x"), PATH),
    "name of 64 KiB": (lambda: one(b"x" * MANY), PATH),
    # Links.
    "link to an absolute path": (lambda: archive(link(b"out", b"/etc/passwd")), LINK),
    "link up": (lambda: archive(link(b"out", b"../../../etc/passwd")), LINK),
    "link up from a folder": (lambda: archive(link(b"a/out", b"../../x")), LINK),
    "link to the parent": (lambda: archive(link(b"out", b"..")), LINK),
    "link down and up": (lambda: archive(link(b"a/b/out", b"x/../../../y")), LINK),
    "link up by way of a link": (lambda: archive(link(b"a/up", b".."), link(b"out", b"a/up/../x")), LINK),
    "link to nothing": (lambda: archive(link(b"out", b"")), LINK),
    "NUL in a link": (lambda: archive(link(b"out", b"x\0/etc")), LINK),
    "long link": (lambda: archive(link(b"out", b"x/" * 3000)), LINK),
    "link of 300 MB": (lambda: archive(Entry(b"out", bytes(300 * MIB), 0o120777, DEFLATED)), LINK),
    "link that is no text": (lambda: archive(link(b"out", b"\xff\xfe")), LINK),
    # Conflicts.
    "file through a link": (lambda: archive(link(b"a", b"b"), Entry(b"a/x", b"x")), PATH),
    "file through a link outside": (lambda: archive(link(b"a", b"/tmp"), Entry(b"a/x", b"x")), LINK),
    "file through a link, file first": (lambda: archive(Entry(b"a/x", b"x"), link(b"a", b"b")), PATH),
    "link through a link": (lambda: archive(link(b"a", b"b"), link(b"a/x", b"y")), PATH),
    "folder and file": (lambda: archive(Entry(b"a/", mode=0o040755), Entry(b"a", b"x")), PATH),
    "file and folder": (lambda: archive(Entry(b"a", b"x"), Entry(b"a/", mode=0o040755)), PATH),
    "file below a file": (lambda: archive(Entry(b"a", b"x"), Entry(b"a/b", b"x")), PATH),
    "file and link": (lambda: archive(Entry(b"a", b"x"), link(b"./a", b"b")), PATH),
    "link twice": (lambda: archive(link(b"a", b"b"), link(b"./a", b"c")), PATH),
    # Kinds of entry.
    "character device": (device(0o020000), ENTRY),
    "block device": (device(0o060000), ENTRY),
    "pipe": (device(0o010000), ENTRY),
    "socket": (device(0o140000), ENTRY),
    "encrypted": (lambda: encrypted(1), ENTRY),
    "strongly encrypted": (lambda: encrypted(0x41), ENTRY),
    "AES": (lambda: encrypted(1, method=99), ENTRY),
    "shrunk": (method(1), ENTRY),
    "imploded": (method(6), ENTRY),
    "deflate64": (method(9), ENTRY),
    "bzip2": (method(12), ENTRY),
    "lzma": (method(14), ENTRY),
    "zstd": (method(93), ENTRY),
    "unknown method": (method(77), ENTRY),
    # Sizes and sums.
    "wrong sum": (lambda: one(b"x", b"x" * 100, central={"crc": 1}), UNZIP),
    "declared smaller": (lambda: one(b"x", b"x" * 100, method=DEFLATED, central={"size": 1}), UNZIP),
    "declared larger": (lambda: one(b"x", b"x" * 100, method=DEFLATED, central={"size": 1000}), UNZIP),
    "declared empty": (lambda: one(b"x", b"x" * 100, method=DEFLATED, central={"size": 0, "crc": 0}), UNZIP),
    "packed smaller": (lambda: one(b"x", b"x" * 100, central={"packed": 10}), UNZIP),
    "packed larger": (lambda: one(b"x", b"x" * 100, central={"packed": 110}), SHARED),
    "packed beyond the end": (lambda: one(b"x", b"x" * 100, central={"packed": 1 << 30}), SHARED),
    "stream that is none": (lambda: one(b"x", b"\xff" * 100, local={"method": DEFLATED},
                                        central={"method": DEFLATED}), UNZIP),
    "stream cut": (lambda: one(b"x", bytes(range(256)) * 40, method=DEFLATED, central={"packed": 20}), UNZIP),
    "stream changed": (lambda: changed(GOOD, 60, 0xFF), UNZIP),
    "no local header": (lambda: one(b"x", local={"magic": b"PK\3\5"}), UNZIP),
    "local header beyond the end": (lambda: one(b"x", central={"offset": 1 << 30}), UNZIP),
    "local header in the directory": (lambda: one(b"x", central={"offset": 32}), UNZIP),
    "size of 2^63": (lambda: zip64_lie(1 << 63), UNZIP),
    "size of 2^64 - 1": (lambda: zip64_lie((1 << 64) - 1), UNZIP),
    "larger field cut": (lambda: one(b"x", central={"size": LARGE}, extra=zip64_extra(1)[:7]), UNZIP),
    "larger record lies": (lambda: GOOD[:-END_BYTES] + end_record_64(1 << 60, 1, 1, len(GOOD) - END_BYTES)
                           + GOOD[-END_BYTES:], MANY_ENTRIES),
    "larger record missing": (lambda: GOOD[:-END_BYTES] + end_record_64(2, 1, 1, 0)[-20:] + GOOD[-END_BYTES:], UNZIP),
    # Bombs.
    "bomb": (lambda: one(b"zeros", bytes(300 * MIB), method=DEFLATED), LARGE_TEXT),
    "bomb that declares a byte": (lambda: one(b"zeros", bytes(300 * MIB), method=DEFLATED, central={"size": 1}), UNZIP),
    "bomb in pieces": (lambda: archive(*(Entry(b"%d" % n, bytes(60 * MIB), method=DEFLATED) for n in range(5))),
                       LARGE_TEXT),
    "overlap of two": (lambda: kernel(2, b"x" * 1000), SHARED),
    "overlap of thousands": (lambda: kernel(5000, bytes(MIB)), SHARED),
    "overlap of empty files": (lambda: kernel(2, b""), SHARED),
    "quoted overlap": (lambda: quoted(250), SHARED),
    "data in the directory": (lambda: one(b"x", b"x" * 10, central={"packed": 40, "size": 40}), SHARED),
    # Many.
    "too many entries": (lambda: zip_files({str(n): b"" for n in range(65_537)}), MANY_ENTRIES),
    "too many folders": (implied_folders, LARGE_TEXT),
    "a million entries": (lambda: million_entries(million_zip64), MANY_ENTRIES),
    "a million beside a small count": (lambda: million_entries(million_beside_small_count), MANY_ENTRIES),
    "a million behind a comment": (lambda: million_entries(million_behind_comment), MANY_ENTRIES),
    "a million in a far record": (lambda: million_entries(million_far_record), UNZIP),
}
