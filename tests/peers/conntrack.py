#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""conntrack_state against the table of a router that tracked the same connections.

    conntrack.py CAPTURES PROGRAM

A recorded case whose kernel.txt has a line `conntrack: PORT STATE PORT STATE...` was forwarded by such a router; a client
port that it does not name has no entry. TAP on standard output.
"""
import csv
import glob
import io
import os
import re
import subprocess
import sys

LINE = re.compile(r"^conntrack: (.*)$", re.M)


def entries(folder):
    """{client port: state} as the router said at the end; None if none did."""
    with open(os.path.join(folder, "kernel.txt"), encoding="utf-8") as file:
        said = LINE.search(file.read())
    if not said:
        return None
    words = said[1].split()
    return dict(zip(words[::2], words[1::2]))


def compare(program, folder, kernel):
    """What is wrong, a line each."""
    out = subprocess.run([program, "flows", os.path.join(folder, "capture.pcap")], stdout=subprocess.PIPE, check=True,
                         text=True).stdout
    ours = {row["client_port"]: row["conntrack_state"] for row in csv.DictReader(io.StringIO(out))}
    wrong = ["%s: the router says %s, the program %s" % (port, kernel.get(port, "nothing"), state or "nothing")
             for port, state in sorted(ours.items()) if kernel.get(port, "") != state]
    return wrong + ["%s: no row" % port for port in sorted(set(kernel) - set(ours))]


def main():
    captures, program = sys.argv[1:3]
    told = [(folder, entries(folder)) for folder in sorted(glob.glob(os.path.join(captures, "*", "rec_*")))]
    told = [(folder, kernel) for folder, kernel in told if kernel is not None]
    failed = 0
    print("TAP version 13\n1..%d" % max(len(told), 1))
    if not told:
        print("not ok 1 - no case tells its router's table")
        return 1
    for number, (folder, kernel) in enumerate(told, 1):
        wrong = compare(program, folder, kernel)
        failed += bool(wrong)
        print("%sok %d - %s: %d entries" % ("not " if wrong else "", number, os.path.relpath(folder, captures), len(kernel)))
        for line in wrong:
            print("# " + line)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
