# SPDX-License-Identifier: MIT
"""One frame taken apart and put together with other addresses, ports, numbers or TTL.

Checksums keep their kind: one that was good is good again, one that transmit offload left unfinished stays so,
and one that was wrong stays wrong, by the same difference.  So nothing has to be captured whole.
"""

import struct

import laboratory  # noqa: F401
import segments

TCP, ICMP, UDP, ICMP6 = 6, 1, 17, 58
ACK, RST = 0x10, 0x04
SACK = 5  # kind of the option
QUOTING = {ICMP: (3, 4, 5, 11, 12), ICMP6: (1, 2, 3, 4)}  # types of ICMP that quote a packet


class Headers:
    """Where the headers of an IP packet lie in a frame; `quoted` is the packet that an ICMP error quotes."""

    __slots__ = ("ip", "version", "protocol", "start", "size", "captured", "quoted")

    def __init__(self, ip, version, protocol, start, size, captured):
        self.ip, self.version, self.protocol, self.start = ip, version, protocol, start
        self.size = size  # bytes behind the IP header, by the IP header
        self.captured = captured  # end of what was captured of them
        self.quoted = None

    @property
    def addresses(self):
        """(begin, length of one address, end)"""
        return (self.ip + 12, 4, self.ip + 20) if self.version == 4 else (self.ip + 8, 16, self.ip + 40)


def packet_at(data, ip, version):
    """The Headers of the IP packet there, or None."""
    found = segments.ip_payload(data[ip:], version)
    if not found:
        return None
    _, _, protocol, size, header, _, _ = found
    if version == 4 and struct.unpack_from("!H", data, ip + 6)[0] & 0x1FFF:
        protocol = None  # a later fragment holds no header
    start = ip + header
    captured = min(len(data), start + size) if size > 0 else len(data)
    headers = Headers(ip, version, protocol, start, size if size > 0 else len(data) - start, captured)
    if protocol in QUOTING and captured >= start + 8 and data[start] in QUOTING[protocol]:
        quoted = start + 8
        if captured > quoted and data[quoted] >> 4 in (4, 6):
            headers.quoted = packet_at(data[:captured], quoted, data[quoted] >> 4)
    return headers


def headers_of(data, link):
    """The Headers of a frame, or None where it holds no IP packet that could be followed."""
    where = segments.network_header(data, link)
    return packet_at(data, *where) if where else None


def inner_tcp(headers):
    """The headers of the TCP segment that this is, or quotes; None without one."""
    found = headers.quoted if headers and headers.quoted else headers
    return found if found and found.protocol == TCP and found.captured >= found.start + 8 else None


def ends(data, tcp):
    """(source, its port, destination, its port) as bytes and numbers."""
    begin, length, _ = tcp.addresses
    source, target = struct.unpack_from("!HH", data, tcp.start)
    return bytes(data[begin:begin + length]), source, bytes(data[begin + length:begin + 2 * length]), target


# -- checksums -----------------------------------------------------------------------------------------------


def ones(data):
    """The ones' complement sum of 16-bit words, modulo 65535."""
    if len(data) % 2:
        data = bytes(data) + b"\0"
    return int.from_bytes(data, "big") % 0xFFFF


class Keeper:
    """Keeps one checksum in step with what it covers.  `spans` are the covered bytes that may change."""

    def __init__(self, data, place, spans, unfinished):
        self.place, self.spans, self.unfinished = place, spans, unfinished
        self.before = self.sum(data)

    def sum(self, data):
        return sum(ones(data[begin:end]) for begin, end in self.spans)

    def keep(self, data):
        change = self.sum(data) - self.before
        if not change:
            return
        old = struct.unpack_from("!H", data, self.place)[0]
        new = (old + (change if self.unfinished else -change)) % 0xFFFF
        struct.pack_into("!H", data, self.place, new)


def around(begin, end, hole):
    """The spans of a header without its own checksum."""
    return [(begin, hole), (hole + 2, end)]


def pseudo(data, headers):
    begin, length, _ = headers.addresses
    return (ones(data[begin:begin + 2 * length]) + headers.protocol + headers.size) % 0xFFFF


def keepers(data, headers):
    """A Keeper for each checksum of this packet, innermost first."""
    found = keepers(data, headers.quoted) if headers.quoted else []
    begin, length, _ = headers.addresses
    hosts = (begin, begin + 2 * length)
    if headers.protocol == TCP and headers.captured >= headers.start + 20:
        place = headers.start + 16
        unfinished = struct.unpack_from("!H", data, place)[0] % 0xFFFF == pseudo(data, headers)
        end = min(headers.captured, headers.start + (data[headers.start + 12] >> 4) * 4)
        spans = [hosts] if unfinished else [hosts] + around(headers.start, max(end, place + 2), place)
        found.append(Keeper(data, place, spans, unfinished))
    elif headers.protocol in (ICMP, ICMP6) and headers.captured >= headers.start + 4:
        spans = around(headers.start, headers.captured, headers.start + 2)
        found.append(Keeper(data, headers.start + 2, spans + ([hosts] if headers.protocol == ICMP6 else []), False))
    elif headers.protocol == UDP and headers.captured >= headers.start + 8:
        found.append(Keeper(data, headers.start + 6, [hosts, (headers.start, headers.start + 4)], False))
    if headers.version == 4:
        found.append(Keeper(data, headers.ip + 10, around(headers.ip, headers.start, headers.ip + 10), False))
    return found


def rewritten(data, headers, *edits):
    """The frame after edit(data, headers) for each edit, and for what it quotes, with its checksums kept."""
    data = bytearray(data)
    kept = keepers(data, headers)
    while headers:
        for edit in edits:
            edit(data, headers)
        headers = headers.quoted
    for keeper in kept:
        keeper.keep(data)
    return bytes(data)


# -- edits ---------------------------------------------------------------------------------------------------


def renaming(rename):
    """An edit: every address by rename(bytes) -> bytes."""
    def edit(data, headers):
        begin, length, _ = headers.addresses
        for at in (begin, begin + length):
            data[at:at + length] = rename(bytes(data[at:at + length]))
    return edit


def porting(rename):
    """An edit: every TCP port by rename(number) -> number."""
    def edit(data, headers):
        if headers.protocol == TCP and headers.captured >= headers.start + 4:
            struct.pack_into("!HH", data, headers.start,
                             *map(rename, struct.unpack_from("!HH", data, headers.start)))
    return edit


def hopping(data, headers):
    """An edit: one router further.  What an ICMP error quotes had its own way."""
    place = headers.ip + (8 if headers.version == 4 else 7)
    data[place] -= 1


def sack_blocks(data, tcp):
    """(place, length) of the contents of each SACK option."""
    end = min(tcp.captured, tcp.start + (data[tcp.start + 12] >> 4) * 4) if tcp.captured > tcp.start + 12 else 0
    at = tcp.start + 20
    while at + 1 < end and data[at]:
        if data[at] == 1:
            at += 1
            continue
        if data[at + 1] < 2:
            return
        if data[at] == SACK:
            yield at + 2, min(data[at + 1], end - at) - 2
        at += data[at + 1]


def add(data, place, by):
    struct.pack_into("!I", data, place, struct.unpack_from("!I", data, place)[0] + by & 0xFFFFFFFF)


def shifting(numbers):
    """An edit: sequence numbers by numbers[ends()].

    Zeros that no sequence space gave stay: the number of an RST that refuses, the acknowledgment of a segment
    that acknowledges nothing.
    """
    def edit(data, headers):
        if headers.protocol != TCP or headers.captured < headers.start + 8:
            return
        there = ends(data, headers)
        own, other = numbers.get(there, 0), numbers.get(there[2:] + there[:2], 0)
        whole = headers.captured >= headers.start + 14
        bits = data[headers.start + 13] if whole else 0
        seq = struct.unpack_from("!I", data, headers.start + 4)[0]
        if seq or not bits & RST:
            add(data, headers.start + 4, own)
        if whole and bits & ACK:
            add(data, headers.start + 8, other)
            for place, length in list(sack_blocks(data, headers)):
                for at in range(place, place + length - 3, 4):
                    add(data, at, other)
    return edit
