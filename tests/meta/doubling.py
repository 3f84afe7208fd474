# SPDX-License-Identifier: MIT
"""Each frame twice, as mirror ports, routers and the `any` device show it.

The copy is what the wire held: the same bytes, or what one router more makes of them.
"""

import heapq

import frames
import links
import pcapfile
import tables

US, MS = 1_000, 1_000_000
NEXT_MACS = bytes.fromhex("02000000beef02000000cafe")
# A copy is a packet of the capture, but not of the connection: it moves no state and no number.
# Other programs take it for a segment sent again.
OTHERS = {"history", "conn_state", "conntrack_state", "completeness"}
# COSTS = what may change.
COSTS = {"flows": {"client_pkts", "server_pkts", "last_frame", "duration_s", "damage", *OTHERS},
         "listeners": {"last_seen_ns"}}


def in_turn(first, second):
    """Two lists of (place, record) merged by time; each keeps its own order, though its times may go back."""
    return [record for _, record in heapq.merge(first, second, key=lambda one: (one[1].at, one[0]))]


def twice(capture, later, copy):
    """Each record and copy(record), so many nanoseconds later; both captures with one end."""
    until = max(record.at for record in capture.records) + MS
    copies = [copy(record).later(later) for record in capture.records]
    plain = links.lasting(capture, until)
    records = in_turn(enumerate(capture.records), enumerate(copies))
    clothed = capture.of(records + plain.records[-1:])
    return plain, clothed, tables.Way(frames=[record.origin for record in clothed.records])


def same(record):
    return record


def routed(link):
    """What the next router sends on: a TTL less, other hardware addresses."""
    def copy(record):
        headers = frames.headers_of(record.data, link)
        data = bytearray(record.data)
        if headers:
            kept = frames.keepers(data, headers)
            frames.hopping(data, headers)
            for keeper in kept:
                keeper.keep(data)
        if link == pcapfile.ETHERNET:
            data[:12] = NEXT_MACS
        return record.holding(bytes(data))
    return copy


def mirrored(later):
    def dress(capture):
        return twice(capture, later, same)
    return dress


def around_a_router(later):
    def dress(capture):
        return twice(capture, later, routed(capture.link))
    return dress


def two_interfaces(capture):
    """On `any`: first on one interface, then on the other."""
    if capture.link != pcapfile.ETHERNET:
        return None
    plain = links.sll2(capture, 2)
    second = {record.origin: record for record in links.sll2(capture, 3).records}
    return twice(plain, 2 * US, lambda record: second[record.origin])
