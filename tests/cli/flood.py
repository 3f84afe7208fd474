#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A flood is told SYN by SYN as if each were alone.

SYNs of which nothing came are kept, judged and written in few steps where others like them came before.  Here such a
capture is made, with what else a listener sees among them: SYNs that are sent again, answered, refused; of two listeners,
IPv4 and IPv6, with and without options.  The rows are held against what was made, and against the rows that the program
gives beside a second capture, which has nothing to do with the first: then it judges each flow by itself.
"""

import csv
import io
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile

SYNS, STEP_NS, BEGIN_NS = 3000, 1_500_000, 1_700_000_000 * 10**9
MSS, STAMPS = b"\x02\x04\x05\xb4", b"\x04\x02\x08\x0a%b\0\0\0\0\x01\x03\x03\x07"
SYN, RST, ACK = 2, 4, 16


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Packet:
    def __init__(self, time_ns, src, dst, sport, dport, flags, seq, ack=0, ttl=60, ident=0, window=1000, options=b""):
        self.time_ns, self.src, self.sport, self.seq, self.flags = time_ns, src, sport, seq, flags
        self.dst, self.dport = dst, dport
        six = ":" in src
        family = socket.AF_INET6 if six else socket.AF_INET
        ends = socket.inet_pton(family, src) + socket.inet_pton(family, dst)
        tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options
        sum_of = checksum(ends + struct.pack(">II", len(tcp), 6) + tcp)
        tcp = tcp[:16] + struct.pack(">H", sum_of) + tcp[18:]
        if six:
            head = struct.pack(">IHBB", 6 << 28, len(tcp), 6, ttl) + ends
        else:
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), ident, 0x4000, ttl, 6, 0) + ends
            head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        self.bytes = bytes(12) + (b"\x86\xdd" if six else b"\x08\x00") + head + tcp


def save(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))
        for packet in packets:
            file.write(struct.pack("<IIII", packet.time_ns // 10**9, packet.time_ns % 10**9, len(packet.bytes),
                                   len(packet.bytes)) + packet.bytes)


def make(chance):
    """Packets in the order of time, and which of them begin a flow."""
    packets, first = [], []
    for at in range(SYNS):
        time_ns = BEGIN_NS + at * STEP_NS + chance.randrange(1000)
        six = at % 23 == 0
        src = (f"2001:db8::{chance.randrange(1, 65535):x}:{at + 1:x}" if six else
               f"{chance.randrange(1, 120)}.{chance.randrange(256)}.{at >> 8}.{at & 255}")
        dst = "2001:db8:1::1" if six else chance.choice(["192.0.2.1", "192.0.2.1", "192.0.2.2"])
        stamp = chance.choice([0, chance.getrandbits(32)])
        options = chance.choice([b"", MSS, MSS + STAMPS.replace(b"%b", struct.pack(">I", stamp))])
        ends = (src, dst, chance.randrange(1024, 65536), 80)
        syn = Packet(time_ns, *ends, SYN, chance.getrandbits(32), ttl=chance.choice([64, 128, chance.randrange(1, 256)]),
                     ident=chance.choice([0, chance.randrange(1, 65536)]), window=chance.choice([0, 1024, 29200, 64240]),
                     options=options)
        back = (dst, src, 80, ends[2])
        first.append(syn)
        packets.append(syn)
        if at % 37 == 5: # again
            packets.append(Packet(time_ns + 10**9, *ends, SYN, syn.seq, ident=7, options=options))
        elif at % 41 == 6: # answered, acknowledged
            packets.append(Packet(time_ns + 9 * 10**6, *back, SYN | ACK, 77, (syn.seq + 1) & 0xffffffff, options=MSS))
            packets.append(Packet(time_ns + 10**7, *ends, ACK, (syn.seq + 1) & 0xffffffff, 78))
        elif at % 43 == 7: # refused, much later
            packets.append(Packet(time_ns + 10**9, *back, RST | ACK, 0, (syn.seq + 1) & 0xffffffff))
    packets.sort(key=lambda packet: packet.time_ns)
    return packets, sorted(first, key=lambda packet: packet.time_ns)


def make_few(chance):
    """SYNs to a dozen ports in turn, each number of which is one of two, that differ as one does from what it is held against where
    the line of such a SYN is cut (alike.c)."""
    packets = []
    for at in range(SYNS):
        packets.append(Packet(BEGIN_NS + at * STEP_NS, f"203.0.{at >> 8}.{at & 255}", "192.0.2.1", chance.choice([4000, 4000 ^ 0x55]),
                              8001 + at // 2 % 12, SYN, chance.choice([5, 5 + 0x13579bdf]), ttl=chance.choice([50, 77, 99, 64, 128]),
                              ident=chance.choice([9, 9 ^ 0x1a2b]), window=chance.choice([1000, 1000 ^ 0x3c4d])))
    return packets, packets


def rows(program, *args):
    done = subprocess.run([program, "flows", *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode:
        return [{"error": f"exit {done.returncode}: {done.stderr}"}]
    return list(csv.DictReader(io.StringIO(done.stdout)))


def difference(one, other):
    """The first two rows that differ, in few words; "" where none do."""
    if len(one) != len(other):
        return f"{len(one)} rows and {len(other)}"
    for a, b in zip(one, other):
        columns = [column for column in a if a[column] != b.get(column)]
        if columns:
            return f"{a.get('flow_id')}: " + ", ".join(f"{c} {a[c]!r} {b.get(c)!r}" for c in columns[:4])
    return ""


def expected(packets, first):
    number = {id(packet): at + 1 for at, packet in enumerate(packets)}
    return [{"flow_id": f"c1f{number[id(syn)]}", "start_ns": str(syn.time_ns), "client_ip": syn.src,
             "client_port": str(syn.sport), "server_ip": syn.dst, "client_isn": str(syn.seq),
             "first_frame": str(number[id(syn)]), "tcp_stream": str(at)} for at, syn in enumerate(first)]


def main():
    program = sys.argv[1]
    number = 0
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for seed, how in ((1, make), (2, make), (3, make_few)):
            packets, first = how(random.Random(seed))
            save(folder / "flood.pcap", packets)
            save(folder / "other.pcap", [Packet(BEGIN_NS, "203.0.113.9", "198.51.100.7", 1234, 25, ACK, 99, 98)])
            made = expected(packets, first)
            for options in (["-j", "1"], ["-j", "2"], ["-j", "1", "--memory", "1M"]):
                told = rows(program, *options, folder / "flood.pcap")
                plain = [row for row in rows(program, *options, folder / "flood.pcap", folder / "other.pcap")
                         if row.get("flow_id", "c1").startswith("c1")]
                short = [{column: row.get(column) for column in made[0]} for row in told]
                for what, wrong in (("rows are what was made", difference(short, made)),
                                    ("each is told as if it were alone", difference(told, plain))):
                    number += 1
                    failed |= bool(wrong)
                    print(f"{'not ' if wrong else ''}ok {number} - seed {seed}, {' '.join(options)}: {what}"
                          + (f" - {wrong}" if wrong else ""))
    print(f"1..{number}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
