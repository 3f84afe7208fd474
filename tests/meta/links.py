# SPDX-License-Identifier: MIT
"""The same packets under other link headers, and frames that hold no packet at all."""

import struct

import laboratory  # noqa: F401
import pcapfile
import segments

OTHER_HOST = 3  # packet type of the cooked headers that tells no direction: seen by a promiscuous interface
ARPHRD_ETHER = 1
KINDS = {0x0800: 4, 0x86DD: 6}
AF_INET, AF_INET6 = 2, 30  # as macOS numbers them
ETHER = 14  # bytes of an Ethernet header
EXPERIMENT = struct.pack("!H", 0x88B5)  # an ethertype for local experiments (IEEE 802): no IP
QUIET = {pcapfile.ETHERNET: bytes(12) + EXPERIMENT, pcapfile.SLL: bytes(14) + EXPERIMENT,
         pcapfile.SLL2: EXPERIMENT + bytes(18), pcapfile.NULL: b"\xff\0\0\0", pcapfile.LOOP: b"\0\0\0\xff"}


def quiet(link, at, origin):
    """A frame that holds no IP."""
    data = QUIET.get(link, b"") + bytes(46)
    return pcapfile.Record(at, data, len(data), origin)


def lasting(capture, until):
    """The same with a frame without IP at this time, so that two captures end, and their clocks stop, at one time."""
    return capture.of(capture.records + [quiet(capture.link, until, len(capture.records) + 1)])


def ethertype(data):
    return struct.unpack_from("!H", data, 12)[0] if len(data) >= ETHER else 0


def tagged(capture):
    """Does any frame carry a VLAN tag?"""
    return any(ethertype(record.data) in segments.VLAN for record in capture.records)


def relinked(capture, link, header):
    """header(ethertype, source address) in the place of each Ethernet header."""
    def change(record):
        new = header(ethertype(record.data), record.data[6:12])
        return record.holding(new + record.data[ETHER:], len(new) - ETHER)
    return capture.each(change)._replace(link=link, snaplen=capture.snaplen + 20)


def sll2(capture, interface=2):
    def header(kind, source):
        return struct.pack("!HHIHBB8s", kind, 0, interface, ARPHRD_ETHER, OTHER_HOST, 6, source)
    return relinked(capture, pcapfile.SLL2, header)


def sll(capture):
    def header(kind, source):
        return struct.pack("!HHH8sH", OTHER_HOST, ARPHRD_ETHER, 6, source, kind)
    return relinked(capture, pcapfile.SLL, header)


def family(order):
    """The BSD loopback header, in this byte order."""
    numbers = {0x0800: AF_INET, 0x86DD: AF_INET6}
    return lambda kind, _: struct.pack(order + "I", numbers.get(kind, 0xFF))


def null(capture):
    return relinked(capture, pcapfile.NULL, family("<"))


def null_swapped(capture):
    return relinked(capture, pcapfile.NULL, family(">"))


def loop(capture):
    return relinked(capture, pcapfile.LOOP, family(">"))


def raw(capture):
    return relinked(capture, pcapfile.RAW, lambda kind, source: b"")


def one_family(kind, link):
    """For link types that hold one version of IP only: None where a frame holds the other."""
    def change(capture):
        if any(ethertype(record.data) in KINDS and ethertype(record.data) != kind for record in capture.records):
            return None
        return raw(capture)._replace(link=link)
    return change
