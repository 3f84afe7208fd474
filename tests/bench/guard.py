#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""That `flows` did not become much slower, or larger, unnoticed. TAP.

    guard.py BUILD [PROGRAM]        PROGRAM: instead of the one in BUILD

On one capture of mixed traffic the program and the bare libpcap loop run in turn, five times. CPU times are compared, pair by
pair, and the median of the ratios counts: so neither the machine's speed nor what else it does decides. The bounds are wide
on purpose; they catch what is grossly wrong, the benchmark tells the rest.
"""

import os
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import bench  # noqa: E402
import measure  # noqa: E402

PACKETS = 300_000
ROUNDS = 5
UNITS = 12  # the bare loop reads the file so often in a run: then both take about as long, and are disturbed alike
# Measured (docs/benchmarks.md), times 1.6: what an unlucky machine, another compiler or -O2 add. When the program becomes
# faster these come down with it.
MOST_CPU = 1.6 * 13.0  # times that of the bare loop
MOST_MIB = 1.6 * 24.0


def main():
    build = sys.argv[1]
    program = sys.argv[2] if len(sys.argv) > 2 else os.path.join(build, "analyzer", "cli", "tcpautopsy")
    folder = os.path.join(build, "tests", "bench")
    meter = measure.Meter(os.path.join(folder, "meter"), seconds=120)
    with tempfile.TemporaryDirectory(prefix="guard") as scratch:
        capture = bench.make_capture(os.path.join(folder, "generate"), scratch, "mixed", PACKETS, 1)
        bench.read_once(capture.path)
        runs = measure.in_turn(meter, {"B": [os.path.join(folder, "bare_loop"), *[capture.path] * UNITS],
                                       "flows": [program, "-q", "flows", "-j", "1", capture.path]}, ROUNDS)
    print("1..2")
    failure = next((run.failure for name in runs for run in runs[name] if run and run.failure), "")
    cpu = None if failure else measure.ratio(runs["flows"], runs["B"], lambda run: run.cpu) * UNITS
    peak = None if failure else measure.median(runs["flows"], lambda run: run.peak_kib / 1024)
    checks = [(cpu is not None and cpu <= MOST_CPU,
               f"flows costs {bench.number(cpu)} times the bare loop's CPU time, at most {MOST_CPU:.1f}"),
              (peak is not None and peak <= MOST_MIB,
               f"flows needs {bench.number(peak, 1)} MiB, at most {MOST_MIB:.0f}")]
    for at, (good, name) in enumerate(checks, 1):
        print(f"{'ok' if good else 'not ok'} {at} - {name}")
    if failure:
        print(f"# {failure}")
    return 0 if all(good for good, _ in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
