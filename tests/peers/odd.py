# SPDX-License-Identifier: MIT
"""Captures that no stack would send, to try every rule by which streams are numbered: random segments of few tuples with
few sequence numbers, with pauses in which a tuple is forgotten; quotations; headers that are cut or make no sense."""

import random
import socket
import struct

import pcap

LINK = 1
FIN, SYN, RST, ACK = 1, 2, 4, 16
HOSTS = ("10.1.0.1", "10.1.0.2")
PACKETS = 6000
KINDS = (SYN, SYN, SYN, SYN | ACK, SYN | ACK, ACK, ACK, ACK | 8, FIN | ACK, RST, RST | ACK, 0, FIN, SYN | FIN, SYN | RST)


def tcp(ports, flags, seq, ack, payload=b"", offset=5):
    return struct.pack("!HHIIBBHHH", *ports, seq % 2**32, ack % 2**32, offset << 4, flags, 1000, 0, 0) + payload


def ip(hosts, body, protocol=6, length=None, fragment=0):
    source, destination = (socket.inet_aton(host) for host in hosts)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body) if length is None else length, 1, fragment, 64, protocol, 0)
    return head + source + destination + body


def ethernet(packet, vlan=0):
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return bytes.fromhex("020000000002020000000001") + tag + b"\x08\x00" + packet


def quote(packet, kind=3, code=3):
    """An ICMP error about it, from its receiver."""
    hosts = [socket.inet_ntoa(packet[at:at + 4]) for at in (16, 12)]
    return ip(hosts, struct.pack("!BBHI", kind, code, 0, 0) + packet, 1)


class Maker:
    """Random segments: the same with every run."""

    def __init__(self, seed, strange, tuples, vlans):
        self.random = random.Random(seed)
        self.strange = strange  # share of packets that are no plain segments
        self.tuples = tuples
        self.vlans = vlans

    def number(self):
        if self.random.random() < 0.05:
            return self.random.choice((0, 1, 2**32 - 1))
        return self.random.choice((1000, 2000, 3000)) + self.random.choice((0, 0, 0, 1, 1, -1, 5))

    def segment(self, offset=5):
        """(hosts, header and payload)"""
        port, turned = 5000 + self.random.randrange(self.tuples), self.random.random() < 0.5
        flags = self.random.choice(KINDS) if self.random.random() < 0.9 else self.random.randrange(64)
        ports = (9000, port) if turned else (port, 9000)
        payload = bytes(self.random.choice((0, 0, 0, 1, 10)))
        return HOSTS[::-1] if turned else HOSTS, tcp(ports, flags, self.number(), self.number(), payload, offset)

    def strange_frame(self):
        """(frame as it was sent, captured bytes)"""
        hosts, body = self.segment(self.random.choice((0, 4, 5, 5, 5, 6, 15)))
        packet = ip(hosts, body)
        kind = self.random.randrange(6)
        if kind == 0:
            frame = ethernet(ip(hosts, body[:self.random.randrange(12, 20)]))
        elif kind == 1:
            hosts, body = self.segment()
            frame = ethernet(ip(hosts, body, length=20 + len(body) + self.random.choice((1, 100))))
        elif kind == 2:
            frame = ethernet(ip(hosts, body, length=self.random.choice((0, 20 + len(body)))))
        elif kind == 3:
            frame = ethernet(quote(packet[:self.random.choice((28, 34, 36, 38, 40, 48, len(packet)))],
                                   *self.random.choice(((3, 3), (3, 4), (11, 0), (5, 0), (12, 0), (4, 0)))))
        elif kind == 4:
            frame = ethernet(quote(ip(hosts, body, fragment=self.random.choice((0, 0x2000, 5)))))
        else:
            frame = ethernet(packet)
            return frame, min(len(frame), self.random.choice((34, 47, 48, 49, 50, 52, 53, 54, 60)))
        return frame, len(frame)

    def records(self):
        now = 1_700_000_000 * 10**9
        for _ in range(PACKETS):
            now += self.random.choice((10**6, 10**6, 200 * 10**9))
            if self.random.random() < self.strange:
                frame, captured = self.strange_frame()
            else:
                frame = ethernet(ip(*self.segment()), self.random.choice(self.vlans))
                captured = len(frame)
            yield pcap.Record(now, frame[:captured], len(frame))


def captures():
    """(name, records) of each."""
    kinds = ((0, 3, (0,)), (0, 60, (0, 10, 20)), (0.2, 40, (0, 10)), (0.6, 400, (0,)))
    for seed, kind in enumerate(kinds):
        yield f"random-{seed}", list(Maker(seed, *kind).records())
