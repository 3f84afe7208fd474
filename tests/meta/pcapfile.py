# SPDX-License-Identifier: MIT
"""Capture files as lists of records, read and written: pcap of either byte order and resolution, and plain pcapng.

A record keeps the number of the frame that it was made from, so that what is said of it can be traced back
whatever was done to it since.
"""

import struct
import typing

import laboratory  # noqa: F401
import segments

ETHERNET, NULL, RAW, LOOP, SLL, IPV4, IPV6, SLL2 = 1, 0, 101, 108, 113, 228, 229, 276
NS = 1_000_000_000
SECTION, INTERFACE, ENHANCED = 0x0A0D0D0A, 1, 6  # types of pcapng blocks
RESOLUTION = 9  # option if_tsresol


class Record(typing.NamedTuple):
    """One record: when (ns since 1970), the bytes captured, how many there were, and the frame it comes from."""

    at: int
    data: bytes
    length: int
    origin: int

    def later(self, nanoseconds):
        return self._replace(at=self.at + nanoseconds)

    def holding(self, data, added=0):
        """The same packet with these bytes, and so many more than before on the wire."""
        return Record(self.at, data, self.length + added, self.origin)


class Capture(typing.NamedTuple):
    """What one file holds."""

    link: int
    snaplen: int
    records: list

    def of(self, records):
        return self._replace(records=list(records))

    def each(self, change):
        """The same with every record changed."""
        return self.of(change(record) for record in self.records)

    def rounded(self, to):
        """The same with times that are whole multiples of `to` nanoseconds."""
        return self.each(lambda record: record._replace(at=record.at // to * to))

    def in_time(self):
        """Its records in order of time; equal times stay in order."""
        return self.of(sorted(self.records, key=lambda record: record.at))


def read(path):
    """The Capture in a pcap file; a cut last record ends it."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] not in segments.MAGICS:
        raise ValueError(f"{path}: not a pcap file")
    order, unit = segments.MAGICS[data[:4]]
    snaplen, link = struct.unpack_from(order + "II", data, 16)
    head, records, at = struct.Struct(order + "IIII"), [], 24
    while at + 16 <= len(data):
        seconds, fraction, captured, length = head.unpack_from(data, at)
        if at + 16 + captured > len(data):
            break
        stamp = seconds * NS + fraction * (NS // int(unit))
        records.append(Record(stamp, data[at + 16:at + 16 + captured], length, len(records) + 1))
        at += 16 + captured
    return Capture(link & 0xFFFF, snaplen, records)


def pcap(capture, order="<", unit=NS):
    """The bytes of a pcap file; `unit`: parts of a second that its time stamps count, NS or a million."""
    magic = 0xA1B23C4D if unit == NS else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, capture.snaplen, capture.link)]
    head = struct.Struct(order + "IIII")
    for at, data, length, _ in capture.records:
        parts.append(head.pack(at // NS, at % NS * unit // NS, len(data), length))
        parts.append(data)
    return b"".join(parts)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def pcapng(capture, order="<", digits=9):
    """The bytes of a pcapng file of one section and one interface; time stamps of so many decimal digits."""
    resolution = struct.pack(order + "HHB3xHH", RESOLUTION, 1, digits, 0, 0)
    parts = [block(order, SECTION, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
             block(order, INTERFACE, struct.pack(order + "HHI", capture.link, 0, capture.snaplen) + resolution)]
    for at, data, length, _ in capture.records:
        stamp = at * 10 ** digits // NS
        head = struct.pack(order + "IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data), length)
        parts.append(block(order, ENHANCED, head + data))
    return b"".join(parts)
