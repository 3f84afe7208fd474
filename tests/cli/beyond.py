#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Connections beyond those that --memory has room for: marked, counted, said, and the same by any number of threads.

    beyond.py TCPAUTOPSY

One listener is asked by so many clients that some are beyond; every third one it refuses.
"""

import csv
import io
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

ROOM, BEYOND = 32768, 999  # engine/alone.c: as many as fit into the least memory
BEGIN_S, STEP_US = 1700000000, 100
SYN, RST, ACK = 2, 4, 16


def packet(at, client, back, flags, seq, ack):
    here, there = struct.pack(">I", 0x0b000000 + client), b"\x0a\0\0\2"
    ends = (80, 1024, there, here) if back else (1024, 80, here, there)
    tcp = struct.pack(">HHIIBBHHH", *ends[:2], seq, ack, 0x50, flags, 1000, 0, 0)
    data = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0x4000, 64, 6, 0, *ends[2:]) + tcp
    time_us = at * STEP_US
    return struct.pack("<IIII", BEGIN_S + time_us // 10**6, time_us % 10**6, len(data), len(data)) + data


def capture(connections):
    out = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)]
    for n in range(connections):
        out.append(packet(3 * n, n, False, SYN, n * 65537 % 2**32, 0))
        if n % 3:
            out.append(packet(3 * n + 1, n, True, SYN | ACK, n * 99991 % 2**32, (n * 65537 + 1) % 2**32))
            out.append(packet(3 * n + 2, n, False, ACK, (n * 65537 + 1) % 2**32, (n * 99991 + 1) % 2**32))
        else:
            out.append(packet(3 * n + 1, n, True, RST | ACK, 0, (n * 65537 + 1) % 2**32))
    return b"".join(out)


def rows(folder, table):
    return list(csv.DictReader(io.StringIO((folder / table).read_text())))


def cases(program, folder):
    name, memory = folder / "many.pcap", ["--memory", "16M"]
    name.write_bytes(capture(ROOM + BEYOND))
    done = subprocess.run([program, "report", "-q", "-j", "1", *memory, "-o", folder / "one", name], capture_output=True, check=False)
    flows = rows(folder / "one", "flows.csv")
    cut = [at for at, row in enumerate(flows) if "cut_short" in row["damage"]]
    yield "the last ones of all are cut short, and no others", done.returncode == 0 and len(flows) == ROOM + BEYOND and \
        cut == list(range(ROOM, ROOM + BEYOND))
    same = [flows[at]["verdict"] == flows[at - 3]["verdict"] != "" for at in cut[3:]]
    yield "each has a verdict of its own, as those before it", all(same)
    listener = rows(folder / "one", "listeners.csv")
    refused = len(range(0, ROOM + BEYOND, 3))
    yield "their listener counts them", len(listener) == 1 and [int(listener[0][column]) for column in (
        "syn_count", "syn_retx_count", "refused_count", "established_count", "unanswered_count")] == [
            ROOM + BEYOND, 0, refused, ROOM + BEYOND - refused, 0]
    yield "... and has no upper bounds", listener[0]["listen_drops_max"] == "" == listener[0]["listen_overflows_max"]
    captures = rows(folder / "one", "captures.csv")
    yield "the capture counts them", [row["cut_short"] for row in captures] == [str(BEYOND)]
    out = subprocess.run([program, "summary", "-j", "2", *memory, name], capture_output=True, text=True, check=False)
    yield "summary counts them among what was not judged", \
        f"{BEYOND} connections beyond those that --memory has room for" in " ".join(out.stdout.split())
    yield "and it is said", f"{BEYOND} connections were cut short, since --memory has no more room" in out.stderr
    subprocess.run([program, "report", "-q", "-j", "2", *memory, "-o", folder / "two", name], capture_output=True, check=False)
    tables = sorted(path.name for path in (folder / "one").iterdir() if path.name != "run.csv")
    yield "two threads tell the same, in all tables", len(tables) > 5 and \
        all((folder / "one" / table).read_bytes() == (folder / "two" / table).read_bytes() for table in tables)
    out = subprocess.run([program, "listeners", "--memory", "32M", name], capture_output=True, text=True, check=False)
    whole = list(csv.DictReader(io.StringIO(out.stdout)))
    yield "with twice the memory there are none, and bounds", out.returncode == 0 and not out.stderr and \
        "" not in (whole[0]["listen_drops_max"], whole[0]["listen_overflows_max"])


def main():
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-beyond-") as folder:
        return report.tell_all(list(cases(sys.argv[1], pathlib.Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
