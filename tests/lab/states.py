#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`states` against itself, on every case: its table, its table in other buckets, and its list of one moment.

    states.py CAPTURES PROGRAM [CASE...]

    sums      what came less what went is what is there; hosts add up to all; a maximum is no less than the count
              before, at the end and in the buckets that it spans
    widths    at the end of a long bucket the counts are those of the short bucket that ends there
    moments   `--at` the last nanosecond of a bucket lists as many sockets in each state as the table's row counts;
              those listed apart may be in any state, or none
    peaks     the table of listeners tells the same highest number of half-open connections

TAP, one line for each case.  Exit status 0, 1 for contradictions, 2 if the program failed.
"""

import collections
import concurrent.futures
import glob
import os
import subprocess
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import census  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402

STATES = {"syn_sent": "SYN-SENT", "syn_recv": "SYN-RECV", "established": "ESTAB", "fin_wait1": "FIN-WAIT-1",
          "fin_wait2": "FIN-WAIT-2", "close_wait": "CLOSE-WAIT", "closing": "CLOSING", "last_ack": "LAST-ACK",
          "time_wait": "TIME-WAIT", "unknown": "UNKNOWN"}
MAXIMA = [name for name in STATES if name != "unknown"]
LONG = 10  # seconds of the longer buckets
MOMENTS = 4  # rows of a host that are compared with the list of their moment


def settings(folder):
    """The options of a case that the command line has, too."""
    options = []
    path = os.path.join(folder, "args.txt")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, _, value = line.strip().partition(" ")
                if name and name not in ("explain", "raw-text", "all-states", "time"):
                    options += [f"--{name}", value]
    return options


def scope_of(row):
    return row["scope"], row["host"], row["port"]


def counts(row):
    return {name: int(row[name]) for name in STATES}


def check_sums(rows):
    there, hosts, before = collections.Counter(), {}, {}
    for number, row in enumerate(rows):
        scope, now = scope_of(row), counts(row)
        there[scope] += int(row["opened"]) - int(row["closed"])
        if sum(now.values()) != there[scope]:
            yield f"row {number + 1}: {sum(now.values())} there, {there[scope]} by what came and went"
        for name in MAXIMA:
            if int(row[f"{name}_max"]) < max(now[name], before.get(scope, {}).get(name, 0)):
                yield f"row {number + 1}: {name}_max is less than {name} at an end of its bucket"
        before[scope] = now
        if scope[0] == "host":
            hosts[scope] = now
        last = number + 1 == len(rows) or rows[number + 1]["t_ns"] != row["t_ns"]
        if last and ("all", "", "") in before:
            for name in STATES:
                if before["all", "", ""][name] != sum(host[name] for host in hosts.values()):
                    yield f"row {number + 1}: the hosts do not add up to all in {name}"


def levels(rows, ends):
    """{(scope, end): counts} at these bucket ends: until the next row all stays."""
    by_scope = {}
    for row in rows:
        by_scope.setdefault(scope_of(row), []).append(row)
    for scope, mine in by_scope.items():
        at, now = 0, None
        for end in ends:
            while at < len(mine) and int(mine[at]["t_ns"]) <= end:
                now = counts(mine[at])
                at += 1
            if now:
                yield (scope, end), now


def check_widths(short, long):
    ends = sorted({int(row["t_ns"]) for row in long})
    told = dict(levels(long, ends))
    for key, now in levels(short, ends):
        if told.get(key) != now:
            yield f"{key}: {now} by the short buckets, {told.get(key)} by the long ones"
    for row in long:
        first = int(row["t_ns"]) - LONG * 10**9
        for name in MAXIMA:
            most = max((int(one[f"{name}_max"]) for one in short
                        if scope_of(one) == scope_of(row) and first < int(one["t_ns"]) <= int(row["t_ns"])), default=0)
            if most != int(row[f"{name}_max"]):
                yield f"{scope_of(row)} until {row['t_ns']}: {name}_max is {row[f'{name}_max']}, of its parts {most}"


def check_peaks(rows, listeners):
    most = collections.Counter()
    for row in rows:
        if row["scope"] == "listener":
            place = row["host"], row["port"]
            most[place] = max(most[place], int(row["syn_recv_max"]))
    for row in listeners:
        place = row["server_ip"], row["server_port"]
        if int(row["peak_syn_recv"]) != most[place]:
            yield f"{place}: peak_syn_recv {row['peak_syn_recv']}, by the states {most[place]}"


def moment(binary, path, options, host, at_ns):
    """The list at that time; None: at the end of the capture."""
    when = ["--at", f"{at_ns // 10**9}.{at_ns % 10**9:09d}"] if at_ns else []
    done = subprocess.run([binary, "states", "-q", "--format", "ss", "--host", host, *when, *options, path],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise program.ProgramError(f"states --at ended with status {done.returncode}: {done.stderr.strip()}")
    listing = census.Listing()
    census.parse_listing(done.stdout, listing)
    return listing


def check_moments(binary, path, options, rows):
    """The table's last bucket ends with the capture; a list of a later moment would let the clocks run on."""
    hosts, end_ns = {}, max((int(row["t_ns"]) for row in rows), default=0)
    for row in rows:
        if row["scope"] == "host":
            hosts.setdefault(row["host"], []).append(row)
    for host, mine in sorted(hosts.items())[:3]:
        for row in mine[:: max(1, len(mine) // MOMENTS)]:
            until_ns = int(row["t_ns"])
            listing = moment(binary, path, options, host, until_ns - 1 if until_ns < end_ns else None)
            told = collections.Counter({STATES[name]: count for name, count in counts(row).items() if count})
            if not listing.agrees(told):
                yield f"{host} at {row['t']}: {census.words(told)} by the table, {listing.words()} by the list"


def check(binary, folder):
    """Contradictions of one case."""
    path, = glob.glob(f"{glob.escape(folder)}/capture.pcap*")
    options = settings(folder)
    short = program.table(binary, "states", *options, path)
    long = program.table(binary, "states", "--width", str(LONG), *options, path)
    listeners = program.table(binary, "listeners", *options, path) if "--host" not in options else []
    found = [*check_sums(short), *check_sums(long), *check_widths(short, long), *check_peaks(short, listeners)]
    return len(short), found + list(check_moments(binary, path, options, short))


def main(captures, binary, *wanted):
    tap = report.Tap()
    names = wanted or sorted(os.path.relpath(path, captures) for path in glob.glob(f"{glob.escape(captures)}/[a-z]*/[a-z]*")
                             if glob.glob(f"{glob.escape(path)}/capture.pcap*"))
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda name: check(binary, os.path.join(captures, name)), names))
    except (OSError, ValueError, program.ProgramError) as error:
        print(f"Bail out! {error}")
        return 2
    for name, (rows, found) in zip(names, results):
        tap.point(not found, f"{name}: {rows} rows", found[:5])
    tap.point(any(rows for rows, _ in results), "there is something to compare")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
