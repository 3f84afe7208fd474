# SPDX-License-Identifier: MIT
"""What passed a tap: the TCP headers of a pcap file, read without the program under test.

The comparison has to know whether a segment was there to be seen.  It must not learn that
from the program which it judges, so this is a second, much simpler reader: pcap only, headers
only, and whatever it does not understand is counted as a frame and skipped.
"""

import dataclasses
import ipaddress
import struct

FLAG_LETTERS = "FSRPAUEC"  # bit 0 to bit 7 of the TCP flags byte, as the lab's relay writes them
MAGICS = {b"\xd4\xc3\xb2\xa1": ("<", 1e6), b"\xa1\xb2\xc3\xd4": (">", 1e6),
          b"\x4d\x3c\xb2\xa1": ("<", 1e9), b"\xa1\xb2\x3c\x4d": (">", 1e9)}
# Link type -> offset of the network header, and of the two bytes that name its protocol (None: look at the version)
LINKS = {0: (4, None), 1: (14, 12), 101: (0, None), 108: (4, None), 113: (16, 14), 228: (0, None), 229: (0, None),
         276: (20, 0)}
VLAN = (0x8100, 0x88A8)
VXLAN_PORT = struct.pack("!H", 4789)  # eight bytes of UDP, eight of its own, then Ethernet


@dataclasses.dataclass(frozen=True)
class Segment:
    """One TCP segment, or one ICMP error about a connection (then `icmp` is set and src, dst are the quoted ones)."""

    frame: int
    at: float
    src: str
    dst: str
    flags: str = ""
    seq: int = 0
    ack: int = 0
    length: int = 0
    tsval: int = None
    dsack: tuple = None  # (left, right) of a first SACK block that lies below the acknowledgment: received twice
    icmp: bool = False
    ip_id: int = 0  # IPv4 only; 0 tells nothing
    ttl: int = 0  # or hop limit

    def has(self, letters):
        return all(letter in self.flags for letter in letters)

    @property
    def end(self):
        return (self.seq + self.length + ("S" in self.flags) + ("F" in self.flags)) & 0xFFFFFFFF

    @property
    def identity(self):
        """What is the same in the captures of two taps, and differs in what is sent again (see `distinct`)."""
        return self.src, self.dst, self.flags, self.seq, self.ack, self.length, self.tsval, self.ip_id

    @property
    def distinct(self):
        """Has it something that a copy sent again would not have?"""
        return self.tsval is not None or self.ip_id != 0


def endpoint(address, port):
    text = str(ipaddress.ip_address(address))
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def options_of(data):
    """{kind: contents} of a TCP header's options, as far as the capture kept them."""
    found, at = {}, 0
    while at + 1 < len(data) and data[at] != 0:
        if data[at] == 1:
            at += 1
            continue
        length = data[at + 1]
        if length < 2 or at + length > len(data):
            break
        found.setdefault(data[at], data[at + 2:at + length])
        at += length
    return found


def before(one, other):
    """Is sequence number `one` before `other`, modulo 2^32?"""
    return one != other and (other - one) & 0xFFFFFFFF < 0x80000000


def twice(sack, ack):
    """The D-SACK block of RFC 2883; None if the first block is an ordinary one."""
    if not sack or len(sack) < 8:
        return None
    left, right = struct.unpack_from("!II", sack)
    return (left, right) if right == ack or before(right, ack) else None


def network_header(frame, link):
    """(offset of the IP header, its version), or None."""
    start, kind_at = LINKS[link]
    if kind_at is None:
        version = frame[start] >> 4 if len(frame) > start else 0
        return (start, version) if version in (4, 6) else None
    if len(frame) < start:
        return None
    kind = struct.unpack_from("!H", frame, kind_at)[0]
    while kind in VLAN and len(frame) >= start + 4:
        kind = struct.unpack_from("!H", frame, start + 2)[0]
        start += 4
    version = {0x0800: 4, 0x86DD: 6}.get(kind)
    return (start, version) if version and len(frame) > start else None


def ip_payload(data, version):
    """(source, destination, protocol, length by the header, offset of the payload, identification, TTL), or None."""
    if version == 4 and len(data) >= 20:
        header = (data[0] & 15) * 4
        size, ip_id = struct.unpack_from("!HH", data, 2)
        return data[12:16], data[16:20], data[9], size - header, header, ip_id, data[8]
    if version == 6 and len(data) >= 40:
        return data[8:24], data[24:40], data[6], struct.unpack_from("!H", data, 4)[0], 40, 0, data[7]
    return None


def tcp_segment(number, at, packet, tcp):
    src, dst, _, size, _, ip_id, ttl = packet
    if len(tcp) < 14:
        return None
    sport, dport, seq, ack, offset, bits = struct.unpack_from("!HHIIBB", tcp)
    header = (offset >> 4) * 4  # the IP header's length is 0 in a segment too large for it (segmentation offload)
    letters = "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if bits >> bit & 1)
    options = options_of(tcp[20:header])
    tsval = struct.unpack_from("!I", options[8])[0] if len(options.get(8, b"")) == 8 else None
    return Segment(number, at, endpoint(src, sport), endpoint(dst, dport), letters, seq, ack, max(0, size - header),
                   tsval,
                   twice(options.get(5), ack), ip_id=ip_id,
                   ttl=ttl)


def icmp_error(number, at, version, payload):
    """An ICMP error that quotes a TCP segment, under the quoted segment's ends."""
    errors = (3, 11, 12) if version == 4 else (1, 2, 3, 4)
    if len(payload) < 8 or payload[0] not in errors:
        return None
    quoted = ip_payload(payload[8:], version)
    if not quoted or quoted[2] != 6 or len(payload) < 8 + quoted[4] + 4:
        return None
    sport, dport = struct.unpack_from("!HH", payload, 8 + quoted[4])
    return Segment(number, at, endpoint(quoted[0], sport), endpoint(quoted[1], dport), icmp=True)


def parse(number, at, frame, link):
    where = network_header(frame, link)
    if not where:
        return None
    start, version = where
    packet = ip_payload(frame[start:], version)
    if not packet:
        return None
    payload = frame[start + packet[4]:]
    if version == 4 and struct.unpack_from("!H", frame, start + 6)[0] & 0x1FFF:
        return None  # a later fragment: no header
    if packet[2] == 17 and payload[2:4] == VXLAN_PORT:
        return parse(number, at, payload[16:], 1)
    if packet[2] == 6:
        return tcp_segment(number, at, packet, payload)
    if packet[2] in (1, 58):
        return icmp_error(number, at, version, payload)
    return None


class Capture:
    """The segments of one file, and those of one connection."""

    def __init__(self, segments=(), first=float("inf"), last=float("-inf")):
        self.first, self.last = first, last  # epoch of the first and the last frame
        self.by_frame = {segment.frame: segment for segment in segments}
        self._by_ends = {}
        for segment in segments:
            self._by_ends.setdefault(frozenset((segment.src, segment.dst)), []).append(segment)

    def of(self, one, other):
        """Segments between two ends, in either direction, in order of frames."""
        return self._by_ends.get(frozenset((one, other)), [])


def read(path):
    """The Capture in a pcap file; a cut last record ends it."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] not in MAGICS:
        raise ValueError(f"{path}: not a pcap file")
    order, unit = MAGICS[data[:4]]
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    if link not in LINKS:
        raise ValueError(f"{path}: link type {link} is not known")
    segments, times, at, number = [], [], 24, 0
    while at + 16 <= len(data):
        seconds, fraction, captured, _ = struct.unpack_from(order + "IIII", data, at)
        number += 1
        times.append(seconds + fraction / unit)
        segment = parse(number, times[-1], data[at + 16:at + 16 + captured], link)
        if segment:
            segments.append(segment)
        at += 16 + captured
    return Capture(segments, min(times, default=float("inf")), max(times, default=float("-inf")))
