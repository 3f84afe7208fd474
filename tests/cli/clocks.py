#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clocks of pcapng at their ends: every resolution and offset that can be written, ticks from none to all bits set.

    clocks.py CAPTURES TCPAUTOPSY

Held against integers of any size, and against tshark where it is there. In one file each interface has another clock, so times also leap
by decades, backward, and to the last one and the first one that are told: 1970, and 2^62 - 1 ns, which is in 2116.
"""

import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

BINARY, LAST_NS = 0x80, (1 << 62) - 1
RESOLUTIONS = (0, 1, 3, 6, 9, 10, 12, 19, BINARY, BINARY | 1, BINARY | 10, BINARY | 31, BINARY | 32, BINARY | 33, BINARY | 62, BINARY | 63)
UNREADABLE = (20, 64, 127, BINARY | 64, 255)
OFFSETS = (None, 0, 1, -1, 1700000000, -4294967296, (1 << 63) - 1, -(1 << 63))
TICKS = (0, 1, 1700000000, 4294967295, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
TSHARK_ENDS = 1 << 31  # seconds: later ones, and those before 1970, are told by it in a way of its own
TSHARK_TICKS = 1 << 34  # in a second: of more its product of the rest and 10^9 overflows (version 4.0)


def block(kind, body):
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(resolution, offset):
    options = option(9, bytes([resolution]))
    if offset is not None:
        options += option(14, struct.pack("<q", offset))
    return block(1, struct.pack("<HHI", 101, 0, 262144) + options + bytes(4))


SYN = (False, 7, 0, 2, b"")
# By the server?, sequence number, acknowledgment, flags, payload: an opening, a request that is sent again, an answer, two ends.
TALK = (SYN, (True, 70, 8, 0x12, b""), (False, 8, 71, 0x10, b""), (False, 8, 71, 0x18, b"ask"), (False, 8, 71, 0x18, b"ask"),
        (True, 71, 11, 0x19, b"told"), (False, 11, 76, 0x11, b""))


def packet(number, ticks, port, step):
    server, seq, ack, flags, payload = step
    ends = (80, port, b"\x0a\0\0\2", b"\x0a\0\0\1") if server else (port, 80, b"\x0a\0\0\1", b"\x0a\0\0\2")
    tcp = struct.pack(">HHIIBBHHH", *ends[:2], seq, ack, 0x50, flags, 1000, 0, 0) + payload
    data = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0, *ends[2:]) + tcp
    data += bytes(-len(data) % 4)
    return block(6, struct.pack("<IIIII", number, ticks >> 32, ticks & 0xffffffff, len(data), len(data)) + data)


def unit_of(resolution):
    return 2 ** (resolution & 127) if resolution & BINARY else 10 ** resolution


def exact(resolution, offset, ticks):
    """Seconds and nanoseconds, rounded down."""
    unit = unit_of(resolution)
    return ticks // unit + (offset or 0), ticks % unit * 10 ** 9 // unit


def made(talk):
    """All clocks in one file, and the time of each packet: a SYN of its own, or, of one interface, one connection of these steps."""
    clocks = [(resolution, offset) for resolution in RESOLUTIONS for offset in OFFSETS]
    file = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + b"".join(interface(*clock) for clock in clocks)
    times = []
    for number, clock in enumerate(clocks):
        for step, ticks in enumerate(TICKS):
            times.append(exact(*clock, ticks))
            file += packet(number, ticks, 1024 + (number if talk else len(times)), talk[step] if talk else SYN)
    return file, times


def told(seconds, ns):
    """Seconds are taken as 64 bits, as who wrote them must have."""
    seconds = (seconds + (1 << 63)) % (1 << 64) - (1 << 63)
    return min(max(seconds * 10 ** 9 + ns, 0), LAST_NS)


def each_clock(bench):
    file, times = made(None)
    bench.name.write_bytes(file)
    out = bench.run("flows", "-e", "client_port,start_ns", bench.name)
    rows = dict(line.split(",") for line in out.stdout.decode().splitlines()[1:])
    wrong = [f"{at}: {rows.get(str(1025 + at))}, not {told(*time)}" for at, time in enumerate(times)
             if rows.get(str(1025 + at)) != str(told(*time))]
    yield f"{len(times)} times of {len(RESOLUTIONS) * len(OFFSETS)} clocks are right to the nanosecond", \
        out.returncode == 0 and len(rows) == len(times) and not wrong
    if wrong:
        print("#", *wrong[:5], sep="\n# ")
    yield "what cannot be right is counted", b"a time that cannot be right" in out.stderr and b"before that of the packet before" in out.stderr
    if shutil.which("tshark"):
        fields = subprocess.run(["tshark", "-r", bench.name, "-T", "fields", "-e", "frame.time_epoch"], capture_output=True, check=False)
        theirs = fields.stdout.decode().split()
        each = len(OFFSETS) * len(TICKS)
        within = [at for at, (seconds, _) in enumerate(times)
                  if 0 <= seconds < TSHARK_ENDS and unit_of(RESOLUTIONS[at // each]) <= TSHARK_TICKS]
        same = len(theirs) == len(times) and all(theirs[at] == "%d.%09d" % times[at] for at in within)
        yield f"tshark says the same of {len(within)}, from 1970 to 2038 by clocks that it can convert", same and len(within) > 200


def leaps(bench):
    """All commands; what one row or one sum makes of it, the sanitizers say."""
    for words, talk in (("SYNs", [SYN] * len(TICKS)), ("connections", TALK), ("connections from their ends", TALK[::-1])):
        bench.name.write_bytes(made(talk)[0])
        for command in (["summary"], ["flows"], ["events", "--all-states"], ["states"], ["listeners"], ["settings"]):
            one, two = (bench.run(*command, "-j", jobs, bench.name) for jobs in "12")
            yield f"{command[0]}: {words} over all times, by one thread as by two", one.returncode == 0 and one.stdout == two.stdout != b""
        yield "explain, too", bench.run("explain", "frame=1", bench.name).returncode == 0


def unreadable(bench):
    for resolution in UNREADABLE:
        head = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
        bench.name.write_bytes(head + interface(resolution, None) + packet(0, 1, 1024, SYN))
        out = bench.run("flows", bench.name)
        yield f"resolution {resolution:#x}: said, exit 3", out.returncode == 3 and b"time resolution cannot be read" in out.stderr


class Bench:
    def __init__(self, program, folder):
        self.program, self.name = program, pathlib.Path(folder) / "clocks.pcapng"

    def run(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, timeout=240, check=False)


def main():
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-clocks-") as folder:
        bench = Bench(sys.argv[2], folder)
        cases = [case for group in (each_clock, leaps, unreadable) for case in group(bench)]
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
