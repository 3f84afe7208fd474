#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the findings about a listener's two queues against what the kernel counted, whatever the scenario meant.

    unforeseen.py CAPTURES PROGRAM [CASE...]

So it serves scenarios that mean nothing, drawn by a seed (captures/lab/cases_random.py). Of every capture of every folder
CAPTURES/*/rec_*:

  told in vain   a finding, at least probable, of which the server's kernel counted nothing: the accept queue's without
                 ListenOverflows, the SYN queue's without TCPReqQFullDrop, cookies without SyncookiesSent
  not told       at the server's own side, with many counted: no fault, since not all can be known; it is counted

TAP, one point a capture; the last lines say how many were told.
"""

import collections
import glob
import os
import re
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import commandline  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402

MANY = 15
ACCEPT = {"overflow_interval", "syn_drop_accept_full", "synack_ladder_accept_overflow", "rst_abort_on_overflow",
          "overflow_rst_after_expiry", "overflow_lost", "overflow_recovered", "overflow_data_unacked",
          "overflow_client_fin_unacked"}
QUEUES = (("accept queue", "TcpExtListenOverflows", ACCEPT, "overflow_interval"),
          ("SYN queue", "TcpExtTCPReqQFullDrop", {"synq_full_interval", "syn_drop_synq_full"}, "synq_full_interval"),
          ("cookies", "TcpExtSyncookiesSent", {"syncookie_interval", "handshake_synack_cookie"}, "syncookie_interval"))


def server_counters(folder):
    with open(os.path.join(folder, "kernel.txt"), encoding="utf-8") as file:
        text = file.read().partition("[counters of the server]")[2].partition("[")[0]
    return collections.Counter({name: int(value) for name, value in re.findall(r"^(Tcp\w+) (\d+)$", text, re.M)})


def findings(binary, capture):
    """Finding -> the confidences that it was told with."""
    told = collections.defaultdict(set)
    for row in program.table(binary, "events", capture):
        if row["finding"]:
            told[row["finding"]].add(row["confidence"])
    return told


def compare(counted, told, at_server, tally):
    faults = []
    for name, counter, ids, interval in QUEUES:
        sure = {finding: sorted(told[finding] - {"possible"}) for finding in sorted(ids & set(told))}
        faults += [f"{name}: the kernel counted none, told is {finding} ({', '.join(levels)})"
                   for finding, levels in sure.items() if levels and not counted[counter]]
        if at_server and counted[counter] >= MANY:
            tally[name, interval in told] += 1
    return faults


def main(arguments):
    made = commandline.parser(__doc__)
    options = made.parse_args(arguments)
    tap, tally = report.Tap(), collections.Counter()
    for folder in sorted(glob.glob(os.path.join(options.captures, "*", "rec_*"))):
        name = os.path.relpath(folder, options.captures)
        if options.case and name not in options.case:
            continue
        counted = server_counters(folder)
        for view in ("capture", "client"):
            path = os.path.join(folder, view + ".pcap")
            if os.path.exists(path):
                faults = compare(counted, findings(options.program, path), view == "capture", tally)
                tap.point(not faults, f"{name} {view}", faults)
    tap.plan()
    for name, *_ in QUEUES:
        print(f"# {name}: told at the server in {tally[name, True]} of {tally[name, True] + tally[name, False]} scenarios "
              f"with {MANY} or more")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
