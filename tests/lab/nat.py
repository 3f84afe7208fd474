#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A router that translates addresses: its capture holds each connection twice, and must count it once.

    nat.py CAPTURES PROGRAM [CASE...]      TAP: one line per case that has a router.pcap

Truth is read without the program: tuples of router.pcap whose SYNs bear one number are one
connection, and capture.pcap, taken at the server, holds each once.

  * Of two such rows the later one names the earlier one in nat_of, and no other row names any.
  * What the listeners of router.pcap are told to have got is what those of capture.pcap got.
  * Their bounds hold what the server's kernel counted.
  * The server's list of sockets (states --format ss) is the same from both captures.
  * The summary counts the connections once, and says how many rows it left out.
"""

import collections
import os
import subprocess
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import agree  # noqa: E402
import commandline  # noqa: E402
import listeners  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

COUNTS = ("established_count", "refused_count", "unanswered_count", "syn_count")


def pairs(passed):
    """{later tuple: earlier tuple} of connections that pass under two pairs of addresses; a tuple is (client, server)."""
    by_number = {}
    for one in passed:
        if one.has("S") and not one.has("A") and not one.icmp:
            tuples = by_number.setdefault(one.seq, [])
            if (one.src, one.dst) not in tuples:
                tuples.append((one.src, one.dst))
    return {tuples[1]: tuples[0] for tuples in by_number.values() if len(tuples) == 2}


def ends(row):
    return program.end_of(row, "client"), program.end_of(row, "server")


def check_names(rows, truth):
    """Complaints about nat_of."""
    named = {row["flow_id"]: ends(row) for row in rows}
    for row in rows:
        wanted, told = truth.get(ends(row)), named.get(row["nat_of"])
        if wanted != told:
            yield f"{row['flow_id']} {' > '.join(ends(row))}: nat_of is {row['nat_of'] or 'empty'}, not {wanted}"


def counts(rows, known_as):
    """{server: {count: sum}} of listeners; `known_as` translates the servers' ends."""
    found = collections.defaultdict(collections.Counter)
    for row in rows:
        server = known_as.get(program.end_of(row, "server"), program.end_of(row, "server"))
        for name in COUNTS:
            found[server][name] += int(row[name])
    return found


def check_counts(router, server, truth):
    """Complaints about the listeners' counts."""
    known_as = {before[1]: after[1] for after, before in truth.items()}
    seen, wanted = counts(router, known_as), counts(server, {})
    for end, numbers in wanted.items():
        for name in COUNTS:
            if seen[end][name] != numbers[name]:
                yield f"{end}: {name} is {seen[end][name]} at the router, {numbers[name]} at the server"


def check_bounds(rows, truth):
    """Complaints about what the kernel counted."""
    for what, counter in listeners.COUNTERS:
        told, counted = listeners.total(rows, f"listen_{what}"), truth.counters.get(counter, 0)
        if counted not in told:
            yield f"{counter} is {counted}, not {told}"


def check_summary(lines, rows):
    """Complaints about how many connections the summary counts."""
    again = sum(bool(row["nat_of"]) for row in rows)
    if f", {len(rows) - again} connections" not in lines[0]:
        yield f"{len(rows) - again} connections, and the summary says: {lines[0]}"
    if not any(line.startswith(f"{again} connections seen again") for line in lines):
        yield f"{again} rows are connections seen again, and the summary does not say so"


def sockets(binary, capture, host):
    done = subprocess.run([binary, "states", "-q", "--host", host, "--format", "ss", capture], capture_output=True,
                          text=True, check=True)
    return sorted(line for line in done.stdout.splitlines() if not line.startswith("LISTEN"))


def compare_case(name, options, tap):
    folder = os.path.join(options.captures, name)
    router, server = os.path.join(folder, "router.pcap"), os.path.join(folder, "capture.pcap")
    truth = pairs(segments.read(router).by_frame.values())
    account = listeners.read_truth(os.path.join(folder, "kernel.txt"))
    rows = program.table(options.program, "flows", router)
    told = program.table(options.program, "listeners", router)
    wrong = [*check_names(rows, truth),
             *check_counts(told, program.table(options.program, "listeners", server), truth),
             *check_bounds(told, account),
             *check_summary(program.summary(options.program, router), rows)]
    lists = [sockets(options.program, capture, account.address) for capture in (router, server)]
    if lists[0] != lists[1]:
        wrong.append(f"sockets of the server: {lists[0]} at the router, {lists[1]} at the server")
    if not truth:
        wrong.append("nothing is translated here")
    tap.point(not wrong, f"{name}: {len(truth)} of {len(rows)} rows are seen again, {len(lists[0]) - 1} sockets", wrong)


def main(arguments=None):
    options = commandline.parser(__doc__).parse_args(arguments)
    tap = report.Tap()
    for name in agree.find(options.captures, options.case)[0]:
        if os.path.exists(os.path.join(options.captures, name, "router.pcap")):
            compare_case(name, options, tap)
    tap.point(tap.number > 0, "there is something to compare")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
