# SPDX-License-Identifier: MIT
"""Classic capture files, as far as they are merged and made here."""

import dataclasses
import struct

MAGIC = {b"\xd4\xc3\xb2\xa1": ("<", 1000), b"\xa1\xb2\xc3\xd4": (">", 1000),
         b"\x4d\x3c\xb2\xa1": ("<", 1), b"\xa1\xb2\x3c\x4d": (">", 1)}  # byte order, nanoseconds in a unit


@dataclasses.dataclass(frozen=True)
class Record:
    """One captured frame."""

    time_ns: int
    data: bytes
    length: int  # as it was sent


def read(path):
    """(link type, [Record]); None for another format. A record that was cut ends the file."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] not in MAGIC:
        return None
    order, unit = MAGIC[content[:4]]
    link, at, records = struct.unpack_from(order + "I", content, 20)[0], 24, []
    while at + 16 <= len(content):
        seconds, fraction, captured, length = struct.unpack_from(order + "IIII", content, at)
        if at + 16 + captured > len(content):
            break
        data = content[at + 16:at + 16 + captured]
        records.append(Record(seconds * 10**9 + fraction * unit, data, length))
        at += 16 + captured
    return link, records


def write(path, link, records):
    """Little-endian, in nanoseconds."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, link))
        for record in records:
            seconds, fraction = divmod(record.time_ns, 10**9)
            file.write(struct.pack("<IIII", seconds, fraction, len(record.data), record.length) + record.data)


def shifted(records, begin_ns):
    """The same records, the earliest at this time."""
    earliest = min((record.time_ns for record in records), default=0)
    return [dataclasses.replace(record, time_ns=record.time_ns - earliest + begin_ns) for record in records]
