#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""conntrack_state against the table of a router that tracked the same connections.

    conntrack.py CAPTURES PROGRAM

A recorded case whose kernel.txt has a line `conntrack: PORT STATE PORT STATE...` was forwarded by such a router; a client
port that it does not name has no entry. TAP on standard output.
"""

import glob
import os
import re
import sys

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

import program  # noqa: E402
import report  # noqa: E402

LINE = re.compile(r"^conntrack: (.*)$", re.M)


def entries(folder):
    """{client port: state} as the router said at the end; None if none did."""
    with open(os.path.join(folder, "kernel.txt"), encoding="utf-8") as file:
        said = LINE.search(file.read())
    if not said:
        return None
    words = said[1].split()
    return dict(zip(words[::2], words[1::2]))


def compare(tested, folder, kernel):
    """What is wrong, a line each."""
    rows = program.table(tested, "flows", os.path.join(folder, "capture.pcap"))
    ours = {row["client_port"]: row["conntrack_state"] for row in rows}
    for port, state in sorted(ours.items()):
        if kernel.get(port, "") != state:
            yield f"{port}: the router says {kernel.get(port, 'nothing')}, the program {state or 'nothing'}"
    for port in sorted(set(kernel) - set(ours)):
        yield f"{port}: no row"


def main():
    captures, tested = sys.argv[1:3]
    tap = report.Tap()
    for folder in sorted(glob.glob(os.path.join(captures, "*", "rec_*"))):
        kernel = entries(folder)
        if kernel is not None:
            wrong = list(compare(tested, folder, kernel))
            tap.point(not wrong, f"{os.path.relpath(folder, captures)}: {len(kernel)} entries", wrong)
    if not tap.number:
        tap.point(False, "no case tells its router's table")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
