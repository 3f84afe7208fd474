# SPDX-License-Identifier: MIT
"""Other sequence numbers, times, addresses and ports for the same packets."""

import ipaddress
import random
import struct

import frames
import pcapfile
import tables

SYN, FIN = 0x02, 0x01
HANDSHAKE, DATA, CLOSE = range(3)


# -- sequence numbers ----------------------------------------------------------------------------------------


class Span:
    """The numbers of one direction."""

    def __init__(self, first):
        self.first = first  # the SYN's, if one was seen
        self.length = 0  # from there to the highest one
        self.fin = None
        self.resets = set()  # numbers of its RSTs

    def enter(self, seq, length, bits):
        reach = (seq + length - self.first) & 0xFFFFFFFF
        if self.fin is None and reach < 0x80000000:
            self.length = max(self.length, reach)
            if bits & FIN:
                self.fin = seq + length & 0xFFFFFFFF

    def at(self, moment):
        """The number that it reaches then."""
        if moment == CLOSE and self.fin is not None:
            return self.fin
        return self.first + {HANDSHAKE: 0, DATA: self.length // 2, CLOSE: self.length}[moment] & 0xFFFFFFFF

    def wrapping(self, moment):
        """By how much it has to be moved to pass 2^32 then.

        By one less where an RST would get number 0: that is the mark of what refuses a SYN.
        """
        by = 0xFFFFFFFF - self.at(moment) & 0xFFFFFFFF
        while -by & 0xFFFFFFFF in self.resets:
            by = by - 1 & 0xFFFFFFFF
        return by


def spans(capture):
    """{ends(): Span} of every direction that has a number of its own."""
    found, resets = {}, {}
    for record in capture.records:
        tcp = frames.headers_of(record.data, capture.link)
        if not tcp or tcp.protocol != frames.TCP or tcp.captured < tcp.start + 14:
            continue
        there, bits = frames.ends(record.data, tcp), record.data[tcp.start + 13]
        seq = struct.unpack_from("!I", record.data, tcp.start + 4)[0]
        if bits & frames.RST:
            resets.setdefault(there, set()).add(seq)
            continue
        length = max(0, tcp.size - (record.data[tcp.start + 12] >> 4) * 4)
        found.setdefault(there, Span(seq)).enter(seq, length, bits)
    for there, span in found.items():
        span.resets = resets.get(there, set())
    return found


def renumbered(moment):
    """One direction in four passes 2^32 at this moment of it, the others somewhere or never.

    Not all, for numbers that are alike on many connections are a sign of their own.
    """
    def dress(capture):
        numbers = {}
        for there, span in spans(capture).items():
            chance = random.Random(repr(there))
            numbers[there] = chance.choice((span.wrapping(moment), *(chance.getrandbits(32) for _ in range(3))))
        words = {tuple(map(text, there)): by for there, by in numbers.items()}
        return capture, edited(capture, frames.shifting(numbers)), tables.Way(numbers=words)
    return dress


class Everywhere:
    """The same shift for all directions, in the place of a dict."""

    def __init__(self, by):
        self.by = by

    def get(self, _, otherwise=0):
        return self.by or otherwise


def renumbered_by(capture, by):
    """All numbers higher by so many."""
    return edited(capture, frames.shifting(Everywhere(by)))


def edited(capture, *edits):
    def change(record):
        headers = frames.headers_of(record.data, capture.link)
        return record.holding(frames.rewritten(record.data, headers, *edits)) if headers else record
    return capture.each(change)


def text(cell):
    return str(ipaddress.ip_address(cell)) if isinstance(cell, bytes) else str(cell)


# -- time ----------------------------------------------------------------------------------------------------


def moved(to):
    """All times later or earlier, so that the middle of the capture is at `to` seconds since 1970."""
    def dress(capture):
        stamps = [record.at for record in capture.records]
        by = to * pcapfile.NS - (min(stamps) + max(stamps)) // 2
        by = max(by // pcapfile.NS * pcapfile.NS, -min(stamps))
        return capture, capture.each(lambda record: record.later(by)), tables.Way(later=by)
    return dress


# -- addresses and ports -------------------------------------------------------------------------------------


def mirror_image(address):
    """Another address for each, in the opposite order, with the same networks in common."""
    keep = 3 if len(address) == 4 else 16  # leading bits: what is reserved or local stays so
    bits = 8 * len(address)
    return (int.from_bytes(address, "big") ^ (1 << bits - keep) - 1).to_bytes(len(address), "big")


def same(cell):
    return cell


def renamed(capture, rename, port=same):
    """(the capture with other addresses and ports, {plain text of each address}, {... port})."""
    addresses, ports = {}, {}

    def name(address):
        new = rename(address)
        addresses[text(new)] = text(address)
        return new

    def number(one):
        new = port(one)
        ports[str(new)] = str(one)
        return new
    return edited(capture, frames.renaming(name), frames.porting(number)), addresses, ports


def sides(capture):
    clothed, addresses, _ = renamed(capture, mirror_image)
    return capture, clothed, tables.Way(addresses=addresses)


def opened(capture):
    """Does every connection begin with a SYN?  Where none tells the sides apart, the ports do."""
    seen = set()
    for record in capture.records:
        tcp = frames.inner_tcp(frames.headers_of(record.data, capture.link))
        if not tcp or tcp.captured < tcp.start + 14:
            continue
        there = frames.ends(record.data, tcp)
        pair = frozenset((there[:2], there[2:]))
        if pair not in seen and not record.data[tcp.start + 13] & SYN:
            return False
        seen.add(pair)
    return True


def ports(capture):
    if not opened(capture):
        return None
    clothed, _, names = renamed(capture, same, lambda port: 0xFFFF - port)
    return capture, clothed, tables.Way(ports=names)
