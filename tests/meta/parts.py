# SPDX-License-Identifier: MIT
"""Less of the same traffic: cut packets, half the file, records that were lost.  And packets in another order."""

import random
import struct

import frames
import tables

MS = 1_000_000
TURNED = 50 * MS  # neighbours may be so far apart that change places


def way(capture):
    return tables.Way(frames=[record.origin for record in capture.records])


# -- cut packets ---------------------------------------------------------------------------------------------


def cut(capture, limit):
    return capture.each(lambda record: record.holding(record.data[:limit]))._replace(snaplen=limit)


def header_end(record, link):
    """Where the frame's last header ends, an ICMP error's quote included."""
    headers = frames.headers_of(record.data, link)
    if not headers:
        return 0
    if headers.protocol == frames.TCP and headers.captured > headers.start + 12:
        return headers.start + (record.data[headers.start + 12] >> 4) * 4
    return len(record.data)


def wrong_checksum(record, link):
    """Of a segment that was captured whole: cut, it would be believed."""
    tcp = frames.headers_of(record.data, link)
    if not tcp or tcp.protocol != frames.TCP or len(record.data) < record.length or tcp.captured < tcp.start + 20:
        return False
    sum_ = (frames.pseudo(record.data, tcp) + frames.ones(record.data[tcp.start:tcp.captured])) % 0xFFFF
    field = struct.unpack_from("!H", record.data, tcp.start + 16)[0]
    return sum_ != 0 and field % 0xFFFF != frames.pseudo(record.data, tcp)


def harmlessly_cut(limit):
    """Payload is cut, no header."""
    def dress(capture):
        for record in capture.records:
            if header_end(record, capture.link) > limit or wrong_checksum(record, capture.link):
                return None
        return capture, cut(capture, limit), tables.Way()
    return dress


def harshly_cut(limit):
    return lambda capture: (capture, cut(capture, limit), tables.Way())


# -- fewer records -------------------------------------------------------------------------------------------


def begun_late(share):
    def dress(capture):
        clothed = capture.of(capture.records[int(len(capture.records) * share):])
        return capture, clothed, way(clothed)
    return dress


def ended_early(share):
    def dress(capture):
        clothed = capture.of(capture.records[:int(len(capture.records) * share)])
        return capture, clothed, way(clothed)
    return dress


def thinned(one_in):
    """One record in so many is lost, always the same ones."""
    def dress(capture):
        chance = random.Random(len(capture.records))
        clothed = capture.of([record for record in capture.records if chance.random() >= 1 / one_in])
        return capture, clothed, way(clothed)
    return dress


# -- another order -------------------------------------------------------------------------------------------


def connection_of(record, link):
    tcp = frames.headers_of(record.data, link)
    if not tcp or tcp.protocol != frames.TCP or tcp.captured < tcp.start + 4:
        return None
    there = frames.ends(record.data, tcp)
    return frozenset((there[:2], there[2:]))


def disordered(capture):
    """Some neighbours of one connection in each other's place in the file, with their times."""
    chance, order, last = random.Random(len(capture.records)), list(capture.records), {}
    for place, record in enumerate(capture.records):
        key = connection_of(record, capture.link)
        if key is None:
            continue
        before = last.pop(key, None)
        if before is not None and 0 < record.at - order[before].at <= TURNED and chance.random() < 0.3:
            order[before], order[place] = order[place], order[before]
        else:
            last[key] = place
    clothed = capture.of(order)
    return capture, clothed, way(clothed)
