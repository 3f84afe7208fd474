# SPDX-License-Identifier: MIT
"""Frames on the lab's wire: reading, making and relaying them.

Why this exists: the kernels under test have no `netem` here, and a loss that is
decided by probability cannot be asserted by a test.  So the wire itself is a
program: a relay which sees every frame and asks ONE policy function what to do
with each TCP segment.  Its log is the proof of "lost before the tap".

    client eth0 ---- m0 [ Relay: policy(segment) -> None | DROP | [delay...] ] m1 ---- server eth0

Invariants
  * A frame keeps its order within its direction unless the policy names another delay.
  * What is not TCP always passes, undelayed by any policy.
  * Nothing here parses more than headers; a frame that is not understood is forwarded.
"""

import dataclasses
import heapq
import ipaddress
import selectors
import socket
import struct
import threading
import time

ETH_P_ALL = 0x0003
ETH_P_8021Q = 0x8100
ETH_P_IP = 0x0800
ETH_P_IPV6 = 0x86DD
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23  # without it the relay would hear, and repeat, its own frames

FLAG_LETTERS = "FSRPAUEC"  # bit 0 to bit 7 of the TCP flags byte

DROP = ()  # a policy's word for "deliver no copy at all"


@dataclasses.dataclass(frozen=True)
class Segment:
    """The few header fields that policies and scripted peers decide by."""

    src: str
    sport: int
    dst: str
    dport: int
    flags: str
    seq: int
    ack: int
    length: int
    options: bytes

    def is_(self, flags, **fields):
        """True when the S, F, R and A flags are exactly `flags` (PSH is ignored) and every field matches."""
        kept = "".join(letter for letter in self.flags if letter in "SFRA")
        return sorted(kept) == sorted(flags) and all(getattr(self, k) == v for k, v in fields.items())

    @property
    def next_seq(self):
        """Sequence number right behind this segment."""
        return (self.seq + self.length + ("S" in self.flags) + ("F" in self.flags)) & 0xFFFFFFFF

    def __str__(self):
        return (f"{self.src}:{self.sport} > {self.dst}:{self.dport} {self.flags or '-'} "
                f"seq {self.seq} ack {self.ack} len {self.length}")


def parse(frame):
    """Read an Ethernet frame; None unless it is a whole TCP header in IPv4 or plain IPv6."""
    if len(frame) < 54:
        return None
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == ETH_P_IP and frame[23] == socket.IPPROTO_TCP:
        header = (frame[14] & 15) * 4
        size = struct.unpack_from("!H", frame, 16)[0] - header
        src, dst = (str(ipaddress.IPv4Address(frame[o:o + 4])) for o in (26, 30))
    elif kind == ETH_P_IPV6 and frame[20] == socket.IPPROTO_TCP:
        header = 40
        size = struct.unpack_from("!H", frame, 18)[0]
        src, dst = (str(ipaddress.IPv6Address(frame[o:o + 16])) for o in (22, 38))
    else:
        return None
    tcp = frame[14 + header:14 + header + size]
    if len(tcp) < 20:
        return None
    sport, dport, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", tcp)
    offset = (offset >> 4) * 4
    letters = "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if flags >> bit & 1)
    return Segment(src, sport, dst, dport, letters, seq, ack, size - offset, tcp[20:offset])


def checksum(data):
    """The Internet checksum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def build(src, sport, dst, dport, flags, seq, ack=0, window=64240, options=b"", data=b"", ttl=64, ip_id=0):
    """An IPv4 packet holding one TCP segment, both checksums complete."""
    bits = sum(1 << FLAG_LETTERS.index(letter) for letter in flags)
    options += b"\0" * (-len(options) % 4)
    src, dst = socket.inet_aton(src), socket.inet_aton(dst)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
                      (20 + len(options)) // 4 << 4, bits, window, 0, 0) + options + data
    pseudo = src + dst + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), ip_id, 0x4000, ttl, socket.IPPROTO_TCP, 0, src, dst)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def open_tap(device):
    """A packet socket on `device` of the current namespace that hears only what comes in."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    tap.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    tap.bind((device, 0))
    tap.setblocking(False)
    return tap


class Relay(threading.Thread):
    """The wire between two packet sockets, with a delay each way and one policy.

    `policy` may be replaced at any time.  It is called in the relay's thread with
    each TCP segment and returns None (deliver after the usual delay), DROP, or the
    list of delays, in seconds, at which copies are delivered.
    """

    def __init__(self, left, right, delay, monitor=None):
        super().__init__(name="relay", daemon=True)
        self.policy = lambda segment: None
        self.log = []  # (epoch seconds, what was done, segment)
        self._delay = delay
        self._monitor = monitor  # where each frame is copied to on arrival, as by the mirror port of a switch
        self._ends = {left: right, right: left}
        self._due = []  # heap of (instant, ordinal, socket, frame)
        self._ordinal = 0  # keeps equal instants in order of arrival
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        for end in self._ends:
            self._selector.register(end, selectors.EVENT_READ)

    def run(self):
        while not self._ended.is_set():
            for key, _ in self._selector.select(self._patience()):
                self._take(key.fileobj)
            self._deliver()

    def stop(self):
        """Stop relaying; frames still under way are lost, as on a cut cable."""
        self._ended.set()
        if self.is_alive():
            self.join(2)
        for end in self._ends:
            end.close()
        self._selector.close()

    def _patience(self):
        if not self._due:
            return 0.1
        return max(0.0, min(0.1, self._due[0][0] - time.monotonic()))

    def _take(self, end):
        while True:
            try:
                frame = end.recv(65535)
            except BlockingIOError:
                return
            except OSError:  # the device goes away before this thread at tear-down
                self._ended.set()
                return
            if self._monitor:
                self._monitor(frame)
            for delay in self._verdict(frame):
                self._ordinal += 1
                heapq.heappush(self._due, (time.monotonic() + delay, self._ordinal, self._ends[end], frame))

    def _verdict(self, frame):
        segment = parse(frame)
        if segment is None:
            return (self._delay,)
        delays = self.policy(segment)
        if delays is None:
            return (self._delay,)
        word = "dropped" if not delays else "delivered after " + ", ".join(f"{d:g} s" for d in delays)
        self.log.append((time.time(), word, segment))
        return delays

    def _deliver(self):
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            _, _, end, frame = heapq.heappop(self._due)
            try:
                end.send(frame)
            except OSError:
                self._ended.set()
                return


def tagged_copies(device, tag):
    """A monitor for Relay: sends each frame, with this 802.1Q tag, out of `device` of the current namespace."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    port.bind((device, 0))
    header = struct.pack("!HH", ETH_P_8021Q, tag)
    return lambda frame: port.send(frame[:12] + header + frame[12:])


def drop_first(count, flags, **fields):
    """A policy that loses the first `count` segments with exactly these flags and fields."""
    left = [count]

    def policy(segment):
        if left[0] and segment.is_(flags, **fields):
            left[0] -= 1
            return DROP
        return None
    return policy


def any_of(*policies):
    """The first policy that has an opinion decides."""
    def policy(segment):
        for one in policies:
            verdict = one(segment)
            if verdict is not None:
                return verdict
        return None
    return policy
