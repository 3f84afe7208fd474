#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold what the program tells of damaged captures against what the kernels counted.

    damaged.py CAPTURES PROGRAM [CASE...]

The server's capture of each case is damaged in the ways in which captures are in the field:

  flags  filtered to segments with SYN, FIN or RST, as `tcp[13]&7!=0` does
  syn    filtered to segments with SYN
  late   begun late, after a twentieth, a tenth, ... of its time; the kernel's overflows until then do not count
  thin   one record in 50, in 10, in 3 is lost, three times each, always the same ones

Whatever is told of it must still hold of the kernel: the bounds as in listeners.py, and no full SYN
queue where the kernel dropped nothing for one; and of a capture that lost a tenth of its records no full
queue is certain.  "Cannot tell" is always a right answer.  TAP.
"""

import argparse
import os
import random
import struct
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import listeners  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402

CASES = ("pressure/rec_busy_healthy", "pressure/rec_crowd_served", "pressure/rec_flash_crowd",
         "pressure/rec_mixed_incident", "pressure/rec_mixed_incident_lost", "pressure/rec_path_loss",
         "pressure/rec_flood_spoofed", "pressure/rec_synq_full_cookies0", "queue/rec_overflow_ladder",
         "queue/rec_overflow_recovered", "queue/rec_reuseport_one_frozen", "queue/rec_slow_service",
         "queue/rec_stalled_service")
# Nothing acknowledges a refused segment: of one that the capture lost there is no trace, unless others show a loss.
NO_TRACE = frozenset({
    ("pressure/rec_synq_full_cookies0", "thin 50 1"), ("queue/rec_overflow_ladder", "thin 50 0"),
    ("queue/rec_overflow_ladder", "thin 50 1"), ("queue/rec_overflow_ladder", "thin 10 0")})
LOSSES = (50, 10, 3)
# Every ListenOverflow of these is a line of the kernel's events, with its time.
LATE = ("queue/rec_client_gives_up", "queue/rec_overflow_ladder", "queue/rec_overflow_ladder_v6",
        "queue/rec_overflow_recovered")
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
FIN, SYN, RST = 1, 2, 4
ETHERNET, SLL2 = 1, 276
HEADERS = {ETHERNET: (14, 12), SLL2: (20, 0)}  # link type -> length, place of the protocol


def records(data):
    """Every record of a pcap file of this machine's byte order or the other."""
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        yield data[at:at + 16 + length]
        at += 16 + length


def flags_of(link, record):
    """TCP flags of this record, None without TCP.  Lab packets have no IPv6 extension headers."""
    length, place = HEADERS[link]
    frame = record[16:]
    kind = struct.unpack(">H", frame[place:place + 2])[0]
    packet = frame[length:]
    if kind == 0x0800 and packet[9] == 6:
        return packet[4 * (packet[0] & 15) + 13]
    if kind == 0x86dd and packet[6] == 6:
        return packet[40 + 13]
    return None


def filtered(data, wanted):
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack(order + "I", data[20:24])[0] & 0xffff
    return data[:24] + b"".join(one for one in records(data) if (flags_of(link, one) or 0) & wanted)


def thinned(data, one_in, seed):
    chance = random.Random(seed)
    return data[:24] + b"".join(one for one in records(data) if chance.random() >= 1 / one_in)


def damages(data):
    """(name, capture) of every kind of damage."""
    yield "flags", filtered(data, FIN | SYN | RST)
    yield "syn", filtered(data, SYN)
    for one_in in LOSSES:
        for seed in range(3):
            yield f"thin {one_in} {seed}", thinned(data, one_in, seed)


def begun(data, seconds):
    """(capture from this time on, its beginning as epoch seconds); nanosecond files only."""
    order = "<" if data[:4] == b"\x4d\x3c\xb2\xa1" else ">"
    stamp = [whole + part / 1e9 for whole, part in (struct.unpack(order + "II", one[:8]) for one in records(data))]
    start = stamp[0] + seconds * (stamp[-1] - stamp[0])
    kept = [one for at, one in zip(stamp, records(data)) if at >= start]
    return data[:24] + b"".join(kept), start


def overflow_times(path):
    """When the kernel counted a ListenOverflow, out of a kernel.txt."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file]
    return [float(words[0]) for words in lines if len(words) == 5 and words[-1] == "TCP_LISTEN_OVERFLOW"]


def compare_late(name, options, folder, tap):
    account = os.path.join(options.captures, name, "kernel.txt")
    truth = listeners.read_truth(account)
    with open(os.path.join(options.captures, name, "capture.pcap"), "rb") as file:
        whole = file.read()
    for share in SHARES:
        data, start = begun(whole, share)
        path = os.path.join(folder, "late.pcap")
        with open(path, "wb") as file:
            file.write(data)
        counted = sum(at > start for at in overflow_times(account))
        for _, counter in listeners.COUNTERS:
            truth.counters[counter] = counted
        rows = program.table(options.program, "listeners", path)
        result = listeners.compare(f"{name}, late {share}:", "damaged", rows, truth)
        tap.point(not result.wrong, result.headline(), result.wrong)


def certain_queues(rows, damage):
    """Complaints about accept queues certainly full, by a capture of which much is missing."""
    much = damage.startswith(("thin 10 ", "thin 3 "))
    return [f"port {row['server_port']}: certainly full, with so much missing" for row in rows
            if much and row["overflow"] == "certain"]


def full_queues(options, capture, truth):
    """Complaints about SYN queues called full."""
    if truth.counters.get("TcpExtTCPReqQFullDrop", 0):
        return []
    rows = program.table(options.program, "events", capture)
    return [f"{row['finding']} {row['confidence']}, and the kernel dropped nothing for it" for row in rows
            if row["finding"] == "synq_full_interval"]


def compare_case(name, options, folder, tap):
    truth = listeners.read_truth(os.path.join(options.captures, name, "kernel.txt"))
    with open(os.path.join(options.captures, name, "capture.pcap"), "rb") as file:
        whole = file.read()
    for damage, data in damages(whole):
        if (name, damage) in NO_TRACE:
            tap.point(True, f"{name}, {damage}: # SKIP no connection shows that anything is missing")
            continue
        path = os.path.join(folder, "damaged.pcap")
        with open(path, "wb") as file:
            file.write(data)
        rows = program.table(options.program, "listeners", path)
        result = listeners.compare(f"{name}, {damage}:", "damaged", rows, truth)
        result.wrong += full_queues(options, path, truth) + certain_queues(rows, damage)
        tap.point(not result.wrong, result.headline(), result.wrong)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("captures", help="folder of the case folders")
    parser.add_argument("program", help="the program under test")
    parser.add_argument("case", nargs="*", help="FAMILY/CASE (default: those of the list)")
    options = parser.parse_args(arguments)
    tap = report.Tap()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.case or CASES:
            compare_case(name, options, folder, tap)
        for name in [one for one in LATE if not options.case or one in options.case]:
            compare_late(name, options, folder, tap)
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
