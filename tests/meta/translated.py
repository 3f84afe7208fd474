# SPDX-License-Identifier: MIT
"""Each connection a second time, as the other side of a network address translator shows it."""

import struct

import frames
import links
import shifts
import tables

WITHIN = 500  # nanoseconds from before to behind the translator
BETWEEN = 3 * WITHIN  # more, from one record to the next: every answer comes after what it answers on both sides
OUTSIDE = {4: bytes((203, 0, 113, 77)), 16: bytes.fromhex("20010db8ffff0000000000000000004d")}
FIRST_PORT = 20000


def openers(capture):
    """{(address, port) that sent a SYN: its port outside}"""
    found = {}
    for record in capture.records:
        tcp = frames.headers_of(record.data, capture.link)
        if not tcp or tcp.protocol != frames.TCP or tcp.captured < tcp.start + 14:
            continue
        if record.data[tcp.start + 13] & 0x12 == shifts.SYN:
            found.setdefault(frames.ends(record.data, tcp)[:2], FIRST_PORT + len(found))
    return found


def outside(ports):
    """An edit: what the translator makes of a segment from or to one of its clients."""
    def edit(data, headers):
        if headers.protocol != frames.TCP:
            return
        there = frames.ends(data, headers)
        begin, length, _ = headers.addresses
        for end, at, place in ((there[:2], begin, headers.start), (there[2:], begin + length, headers.start + 2)):
            if end in ports:
                data[at:at + length] = OUTSIDE[length]
                struct.pack_into("!H", data, place, ports[end])
        frames.hopping(data, headers)
    return edit


def spaced(capture):
    """The same with a little more time between its records."""
    return capture.of([record.later(BETWEEN * at) for at, record in enumerate(capture.records)])


def dress(capture):
    capture = spaced(capture)
    ports = openers(capture)
    edit, records = outside(ports), []
    for record in capture.records:
        headers = frames.headers_of(record.data, capture.link)
        records.append(record)
        if not headers or headers.protocol != frames.TCP or headers.captured < headers.start + 14:
            continue
        there = frames.ends(record.data, headers)
        if (there[:2] in ports) == (there[2:] in ports):
            continue
        later = WITHIN if there[:2] in ports else -WITHIN
        records.append(record.holding(frames.rewritten(record.data, headers, edit)).later(later))
    until = max(record.at for record in records) + WITHIN
    plain, clothed = links.lasting(capture, until), capture.of(records).in_time()
    clothed = clothed.of(clothed.records + plain.records[-1:])
    aside = frozenset(shifts.text(address) for address in OUTSIDE.values())
    return plain, clothed, tables.Way(frames=[record.origin for record in clothed.records], aside=aside)
