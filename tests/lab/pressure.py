#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the bounds of SYN pressure against what the kernels counted.

    pressure.py CAPTURES BOUNDS [CASE...]

For each recorded case, at the server: the sum over its listeners of [at least, at most] must
contain the difference of the kernel's counter (kernel.txt; not mentioned there: 0), for
SyncookiesSent, TCPReqQFullDoCookies and TCPReqQFullDrop.  Where the number of half-open
connections is told at which a listener's SYN queue was full, it must be the listener's
backlog and one more.  BOUNDS is the program that prints the bounds (tests/tools/bounds_main.c).

Output is TAP, a line per scenario, then how often the bounds were exact.
"""

import glob
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

COUNTERS = ("SyncookiesSent", "TCPReqQFullDoCookies", "TCPReqQFullDrop")
NEVER = 2**64 - 1  # as `at most` of a queue that was never full


class Unreadable(Exception):
    """A case or the output of BOUNDS is not what it should be."""


def section(text, head):
    """The lines below [head...] of kernel.txt."""
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.startswith(f"[{head}")
        elif inside:
            lines.append(line)
    return lines


def read_truth(text):
    """({counter: difference at the server}, {(address, port): backlog})"""
    counted = {}
    for line in section(text, "counters of the server"):
        name, _, number = line.partition(" ")
        counted[name.removeprefix("TcpExt")] = int(number)
    limits = {}
    for line in section(text, "accept queues of the server"):
        found = re.fullmatch(r"\S+ \[?([0-9a-fA-F.:]+?)\]?:(\d+) \d+ (\d+)", line.strip())
        if found:
            limits[found[1], int(found[2])] = int(found[3])
    return counted, limits


def read_bounds(text):
    """{(address, port): {name: (at least, at most)}}"""
    bounds = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) != 5:
            raise Unreadable(f"not a line of bounds: {line}")
        bounds.setdefault((words[0], int(words[1])), {})[words[2]] = int(words[3]), int(words[4])
    return bounds


def compare(counted, limits, bounds):
    """(faults, what was told in words, how many counters are above 0, how many of these are exact)"""
    faults, words, above, exact = [], [], 0, 0
    for name in COUNTERS:
        low = sum(one[name][0] for one in bounds.values())
        high = sum(one[name][1] for one in bounds.values())
        truth = counted.get(name, 0)
        if truth or high:
            words.append(f"{name} {low}..{high} kernel {truth}")
        if not low <= truth <= high:
            faults.append(f"{name}: {low}..{high} does not contain {truth}")
        above += truth > 0
        exact += truth > 0 and low == high == truth
    for place, one in sorted(bounds.items()):
        low, high = one["syn_queue"]
        if high != NEVER and place in limits:
            words.append(f"SYN queue {low}..{high} kernel {limits[place] + 1}")
            if not low <= limits[place] + 1 <= high:
                faults.append(f"SYN queue of {place[0]} {place[1]}: {low}..{high} does not contain {limits[place] + 1}")
    return faults, words, above, exact


def check(path, program):
    """compare() of one recorded case."""
    with open(f"{path}/kernel.txt", encoding="utf-8") as file:
        counted, limits = read_truth(file.read())
    done = subprocess.run([program, f"{path}/capture.pcap", "server"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unreadable(done.stderr.strip() or f"status {done.returncode}")
    return compare(counted, limits, read_bounds(done.stdout))


def main(arguments):
    if len(arguments) < 2:
        print("Bail out! usage: pressure.py CAPTURES BOUNDS [CASE...]")
        return 2
    captures, program, wanted = arguments[0], arguments[1], arguments[2:]
    number = failed = all_above = all_exact = 0
    for path in sorted(glob.glob(f"{glob.escape(captures)}/*/rec_*")):
        name = os.path.relpath(path, captures)
        if (wanted and name not in wanted) or not os.path.exists(f"{path}/kernel.txt"):
            continue
        number += 1
        try:
            faults, words, above, exact = check(path, program)
        except (OSError, ValueError, KeyError, Unreadable) as error:
            faults, words, above, exact = [str(error)], [], 0, 0
        failed += bool(faults)
        all_above, all_exact = all_above + above, all_exact + exact
        print(f"{'not ok' if faults else 'ok'} {number} - {name}" + (f": {', '.join(words)}" if words else ""))
        for fault in faults:
            print(f"# {fault}")
    print(f"# counters above 0: {all_above}, bounds exact: {all_exact}")
    print(f"1..{number}")
    return 1 if failed or not number else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
