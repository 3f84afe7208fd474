# SPDX-License-Identifier: MIT
"""Traffic of several captures in one file."""

import frames
import links
import pcapfile
import shifts
import tables

MS = 1_000_000
FIRST_OCTETS = [octet for octet in range(1, 224) if octet not in (10, 100, 127, 169, 172, 192, 198, 203)]
STEP = 0x01234567  # between the sequence numbers of one capture and the next
START = 1_700_000_000 * pcapfile.NS


class Namer:
    """Addresses that no other capture of the group has; the same networks in common as before."""

    def __init__(self, taken):
        self.taken, self.known = taken, {}

    def __call__(self, address):
        lead = address[:1] if len(address) == 4 else address[:2]
        if lead not in self.known:
            self.taken.append(lead)
            count = len(self.taken)
            self.known[lead] = (bytes((FIRST_OCTETS[count],)) if len(address) == 4
                                else (0x2000 + count).to_bytes(2, "big"))
        return self.known[lead] + address[len(lead):]


def comes_apart(capture):
    """May it stand beside others?  Not where the program has reason to look at what else there is: no client's ACK
    at all looks like a filter, and an address that says nothing like a dead host, if others speak."""
    clients, asked, heard, acked = set(), set(), set(), False
    for record in capture.records:
        tcp = frames.headers_of(record.data, capture.link)
        if not tcp or tcp.protocol != frames.TCP or tcp.captured < tcp.start + 14:
            continue
        source, port, target, _ = frames.ends(record.data, tcp)
        bits = record.data[tcp.start + 13] & (shifts.SYN | frames.ACK)
        heard.add(source)
        if bits == shifts.SYN:
            clients.add((source, port))
            asked.add(target)
        acked |= bits == frames.ACK and (source, port) in clients
    return capture.link == pcapfile.ETHERNET and acked and asked <= heard


def from_start(capture):
    """The same, beginning with a frame without IP at one time for all; and in order of time."""
    by = START - min(record.at for record in capture.records)
    moved = capture.each(lambda record: record.later(by)).in_time()
    return moved.of([links.quiet(capture.link, START, 0)] + moved.records)


def interleaved(captures):
    """[(plain, way)] of Ethernet captures, and the one capture that holds them all.

    Each has addresses of its own, and numbers: two connections with the same ones would be one, translated on its way.
    """
    captures, taken = [from_start(capture) for capture in captures], []
    until = max(record.at for capture in captures for record in capture.records) + MS
    plains = [links.lasting(capture, until) for capture in captures]
    plains = [plain.of([record._replace(origin=number + 1) for number, record in enumerate(plain.records)])
              for plain in plains]
    merged, names = [], []
    for member, plain in enumerate(plains):
        moved = shifts.renumbered_by(plain, member * STEP)
        clothed, addresses, _ = shifts.renamed(moved, Namer(taken))
        names.append(addresses)
        merged += [(record, member) for record in clothed.records]
    merged.sort(key=lambda one: one[0].at)
    ways = [tables.Way(frames=[record.origin if whose == member else "another's" for record, whose in merged],
                       addresses=names[member], numbers=shifts.Everywhere(member * STEP), only=True)
            for member in range(len(plains))]
    snaplen = max(plain.snaplen for plain in plains)
    return list(zip(plains, ways)), pcapfile.Capture(pcapfile.ETHERNET, snaplen, [record for record, _ in merged])
