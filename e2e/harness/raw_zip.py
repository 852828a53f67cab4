"""Zips written field by field, so that each field may lie."""

import functools
import struct
import zlib
from dataclasses import dataclass, field

STORED, DEFLATED = 0, 8
UTF8 = 0x800
UNIX = 3
# The fields of the three records, in their order.
LOCAL = "magic version flags method time date crc packed size name_length extra_length".split()
CENTRAL = ("magic made_by version flags method time date crc packed size name_length extra_length "
           "comment_length disk internal external offset").split()
END = "magic disk first_disk here total length offset comment_length".split()
LOCAL_FORMAT, CENTRAL_FORMAT, END_FORMAT = "<4sHHHHHIIIHH", "<4sHHHHHHIIIHHHHHII", "<4sHHHHIIH"
MANY, LARGE = 0xFFFF, 0xFFFFFFFF


@dataclass
class Entry:
    """One entry; `local` and `central` replace fields of its two headers."""

    name: bytes
    content: bytes = b""
    mode: int = 0o100644
    method: int = STORED
    flags: int = 0
    local_name: bytes | None = None
    extra: bytes = b""
    local: dict = field(default_factory=dict)
    central: dict = field(default_factory=dict)
    # Where its local header is, instead of writing one.
    at: int | None = None

    def packed(self):
        if self.method != DEFLATED:
            return self.content
        return deflated(self.content)

    def shared(self, packed):
        return {"version": 20, "flags": self.flags, "method": self.method, "time": 0, "date": 0x5C61,
                "crc": checksum(self.content), "packed": len(packed), "size": len(self.content)}

    def local_header(self, packed):
        name = self.name if self.local_name is None else self.local_name
        values = self.shared(packed) | {"magic": b"PK\3\4", "name_length": len(name), "extra_length": 0}
        return record(LOCAL_FORMAT, LOCAL, values | self.local) + name

    def central_header(self, packed, offset):
        values = self.shared(packed) | {
            "magic": b"PK\1\2", "made_by": UNIX << 8 | 20, "name_length": len(self.name),
            "extra_length": len(self.extra), "comment_length": 0, "disk": 0, "internal": 0,
            "external": self.mode << 16, "offset": offset}
        return record(CENTRAL_FORMAT, CENTRAL, values | self.central) + self.name + self.extra


# Bombs have the same content thousands of times.
@functools.lru_cache(4)
def checksum(content):
    return zlib.crc32(content)


@functools.lru_cache(4)
def deflated(content):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    return squeeze.compress(content) + squeeze.flush()


def record(layout, names, values):
    return struct.pack(layout, *(values[name] for name in names))


def end_record(count, length, start, comment=b"", **changed):
    values = {"magic": b"PK\5\6", "disk": 0, "first_disk": 0, "here": count, "total": count,
              "length": length, "offset": start, "comment_length": len(comment)}
    return record(END_FORMAT, END, values | changed) + comment


def end_record_64(count, length, offset, at, sector=b""):
    """The larger record and its locator."""
    larger = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44 + len(sector), 45, 45, 0, 0, count, count, length, offset)
    return larger + sector + struct.pack("<4sIQI", b"PK\6\7", 0, at, 1)


def archive(*entries, before=b"", comment=b"", behind=b"", **end):
    """The zip of these entries; `end` replaces fields of the last record."""
    body, directory = bytearray(before), bytearray()
    for entry in entries:
        packed = entry.packed()
        offset = entry.at
        if offset is None:
            offset = len(body) - len(before)
            body += entry.local_header(packed) + packed
        directory += entry.central_header(packed, offset)
    tail = end_record(len(entries), len(directory), len(body) - len(before), comment, **end)
    return bytes(body + directory + tail + behind)


def one(name, content=b"x", mode=0o100644, **fields):
    """The zip of a single entry."""
    return archive(Entry(name, content, mode, **fields))


def link(name, target):
    return Entry(name, target, 0o120777)


def zip64_extra(*sizes):
    return struct.pack(f"<HH{len(sizes)}Q", 1, 8 * len(sizes), *sizes)
