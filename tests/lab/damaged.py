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
queue where the kernel dropped nothing for one.  "Cannot tell" is always a right answer.

What was lost shows where the other end acknowledges what was not captured.  Where a fifth of the
connections show that, no full queue is certain.  But nothing acknowledges a segment that the kernel
refused: of one that the capture lost nobody can know.  So the kernel may have counted as many more as
the undamaged capture holds of such, and the damaged one does not.  TAP.
"""

import dataclasses
import os
import random
import struct
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import commandline  # noqa: E402
import listeners  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

CASES = ("pressure/rec_busy_healthy", "pressure/rec_crowd_served", "pressure/rec_flash_crowd",
         "pressure/rec_mixed_incident", "pressure/rec_mixed_incident_lost", "pressure/rec_path_loss",
         "pressure/rec_flood_spoofed", "pressure/rec_synq_full_cookies0", "queue/rec_backlog_zero",
         "queue/rec_client_gives_up", "queue/rec_overflow_abort", "queue/rec_overflow_cookies",
         "queue/rec_overflow_ladder", "queue/rec_overflow_ladder_v6", "queue/rec_overflow_recovered",
         "queue/rec_reuseport_one_frozen", "queue/rec_slow_service", "queue/rec_stalled_service")
LOSSES = (50, 10, 3)
# Every ListenOverflow of these is a line of the kernel's events, with its time.
LATE = ("queue/rec_client_gives_up", "queue/rec_overflow_ladder", "queue/rec_overflow_ladder_v6",
        "queue/rec_overflow_recovered")
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
SHOWN_SHARE = 5  # one connection in so many


def records(data):
    """Every record of a pcap file of this machine's byte order or the other."""
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        yield data[at:at + 16 + length]
        at += 16 + length


def read_segments(data):
    """The TCP segments of a pcap file in order; None for a record without one."""
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack(order + "I", data[20:24])[0] & 0xffff
    found = [segments.parse(at, 0.0, one[16:], link) for at, one in enumerate(records(data))]
    return [one if one and not one.icmp else None for one in found]


def filtered(passed, letters):
    """Which records a filter for these flags keeps."""
    return [one is not None and any(letter in one.flags for letter in letters) for one in passed]


def thinned(passed, one_in, seed):
    chance = random.Random(seed)
    return [chance.random() >= 1 / one_in for _ in passed]


def damages(passed):
    """(name, which records are left) of every kind of damage."""
    yield "flags", filtered(passed, "FSR")
    yield "syn", filtered(passed, "S")
    for one_in in LOSSES:
        for seed in range(3):
            yield f"thin {one_in} {seed}", thinned(passed, one_in, seed)


def written(data, left):
    """The pcap file with those of its records that are left."""
    return data[:24] + b"".join(one for one, kept in zip(records(data), left) if kept)


def connections(passed):
    """The segments of each connection, in order, as (place among the records, segment)."""
    found = {}
    for place, one in enumerate(passed):
        if one:
            found.setdefault(frozenset((one.src, one.dst)), []).append((place, one))
    return list(found.values())


def client_of(conversation):
    """Who opened it; None if that is not seen."""
    return next((one.src for _, one in conversation if one.has("S") and not one.has("A")), None)


def refused(conversation):
    """Places of segments to the server that had no effect, as far as the whole capture shows it: what comes next is not the
    server's answer to a SYN, but a copy, and for others the same again, the server's SYN+ACK or RST, or nothing."""
    client, places = client_of(conversation), set()
    for at, (place, one) in enumerate(conversation):
        if one.src != client or one.has("R"):
            continue
        later = [other for _, other in conversation[at + 1:]]
        if one.has("S"):
            later = later[:1]
        decides = next((other for other in later if other.src != client
                        or (one.length and (other.seq, other.length) == (one.seq, one.length))), None)
        answered = decides is not None and decides.src != client and (one.has("S") or not set("SR") & set(decides.flags))
        if not answered:
            places.add(place)
    return places


def shows_loss(conversation, left):
    """Does what is left of it acknowledge what is not left?"""
    kept = [one for place, one in conversation if left[place]]
    lost = [one for place, one in conversation if not left[place] and one.length]
    for gone in lost:
        covered = any(one.src == gone.src and one.length and not segments.before(gone.seq, one.seq)
                      and not segments.before(one.end, gone.end) for one in kept)
        acked = any(one.src == gone.dst and one.has("A") and not segments.before(one.ack, gone.end) for one in kept)
        if acked and not covered:
            return True
    return False


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


def certain_queues(rows, shown, count):
    """Complaints about accept queues certainly full, where much is missing and the capture shows it."""
    return [f"port {row['server_port']}: certainly full, with so much missing" for row in rows
            if SHOWN_SHARE * shown >= count and row["overflow"] == "certain"]


def allow(truth, rows, more):
    """The truth, for bounds that may be too low by so many: the nearest to them that may be true."""
    counters = dict(truth.counters)
    for what, counter in listeners.COUNTERS:
        counted, high = counters.get(counter, 0), listeners.total(rows, f"listen_{what}").high
        if high is not None and high < counted <= high + more:
            counters[counter] = high
    return dataclasses.replace(truth, counters=counters)


def full_queues(options, capture, truth):
    """Complaints about SYN queues called full."""
    if truth.counters.get("TcpExtTCPReqQFullDrop", 0):
        return []
    rows = program.table(options.program, "events", capture)
    return [f"{row['finding']} {row['confidence']}, and the kernel dropped nothing for it" for row in rows
            if row["finding"] == "synq_full_interval"]


def judge(name, rows, truth, conversations, left):
    """listeners.compare() of what is left of a capture."""
    more = sum(not left[place] for one in conversations for place in refused(one))
    shown = sum(shows_loss(one, left) for one in conversations)
    own = [row for row in rows if row["server_ip"] in truth.addresses]
    result = listeners.compare(name, "damaged", rows, allow(truth, own, more))
    result.wrong += certain_queues(rows, shown, len(conversations))
    return result


def compare_case(name, options, folder, tap):
    truth = listeners.read_truth(os.path.join(options.captures, name, "kernel.txt"))
    with open(os.path.join(options.captures, name, "capture.pcap"), "rb") as file:
        whole = file.read()
    passed = read_segments(whole)
    conversations = connections(passed)
    for damage, left in damages(passed):
        path = os.path.join(folder, "damaged.pcap")
        with open(path, "wb") as file:
            file.write(written(whole, left))
        rows = program.table(options.program, "listeners", path)
        result = judge(f"{name}, {damage}:", rows, truth, conversations, left)
        result.wrong += full_queues(options, path, truth)
        tap.point(not result.wrong, result.headline(), result.wrong)


def main(arguments=None):
    parser = commandline.parser(__doc__, default="those of the list")
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
