#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures by somebody who knows this program: time that grows with the packets and no faster, memory below what was allowed.

    attacks.py BUILD [--packets N] [--table]

For each kind (attack.c) N packets and four times as many go through `report`, which makes every table, with --memory 16M. Points:
four times as many packets take at most eight times the CPU time (twice as much each; a square would be sixteen), no packet costs more
than twenty times one of ordinary traffic, and peak memory is below 16 MiB for connections, what the program has besides, and
what docs/limits.md says that it keeps of each. --table: the figures of docs/attacks.md instead, where a packet is to
cost at most three times an ordinary one.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench"), str(HERE.parent / "lab")]

import measure  # noqa: E402
import report  # noqa: E402

TIMES, STEEPEST, DEAREST = 4, 8, 20
MEMORY, BESIDES_MIB, BYTES_EACH = "16M", 96, 160  # of each packet: pieces of streams, hints, rows of listeners and hosts


class Bench:
    def __init__(self, build, folder, packets, rounds):
        build = pathlib.Path(build)
        self.program, self.generate = str(build / "analyzer/cli/tcpautopsy"), str(build / "tests/bench/generate")
        self.attack, self.packets, self.folder = str(build / "tests/attacks/attack"), packets, pathlib.Path(folder)
        self.rounds = rounds
        self.meter = measure.Meter(str(build / "tests/bench/meter"))

    def kinds(self):
        return subprocess.run([self.attack, "--list"], capture_output=True, text=True, check=True).stdout.split()

    def run(self, kind, packets):
        """The cheapest of some runs, by CPU time: whatever else the machine does only adds."""
        path, out = self.folder / "attack.pcap", self.folder / "out"
        with open(path, "wb") as file:
            command = [self.generate, "mixed", "--packets", str(packets), "-o", "/dev/stdout"] if kind == "ordinary" else [
                self.attack, kind, str(packets)]
            subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)
        runs = []
        for _ in range(self.rounds):
            shutil.rmtree(out, ignore_errors=True)
            runs.append(self.meter.run([self.program, "report", "-q", "-j", "1", "--memory", MEMORY, "-o", str(out), str(path)]))
        return min(runs, key=lambda run: (bool(run.failure), run.cpu))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--packets", type=int, default=10000)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    tap = report.Tap()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-attacks-") as folder:
        bench = Bench(options.build, folder, options.packets, 3 if options.table else 2)
        empty = bench.run("flood", 1).cpu  # what starting costs
        few, many = options.packets, TIMES * options.packets
        usual = max(bench.run("ordinary", many).cpu - empty, 1e-9) / many
        if options.table:
            print(f"| kind | ns/packet, {few} | ns/packet, {many} | of ordinary ({usual * 1e9:.0f} ns) | peak MiB, {few} | peak MiB, {many} |")
            print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for kind in bench.kinds():
            small, large = bench.run(kind, few), bench.run(kind, many)
            each = [max(run.cpu - empty, 1e-9) / count for run, count in ((small, few), (large, many))]
            words = (f"{kind}: {each[0] * 1e9:.0f} ns a packet of {few}, {each[1] * 1e9:.0f} of {many}, {each[1] / usual:.1f} times ordinary; "
                     f"{small.peak_kib / 1024:.0f} and {large.peak_kib / 1024:.0f} MiB")
            if options.table:
                print(f"| `{kind}` | {each[0] * 1e9:.0f} | {each[1] * 1e9:.0f} | {each[1] / usual:.1f} | {small.peak_kib / 1024:.0f} | "
                      f"{large.peak_kib / 1024:.0f} |")
                continue
            most = BESIDES_MIB + many * BYTES_EACH / 2**20
            good = not small.failure and not large.failure and each[1] * TIMES <= STEEPEST * max(each[0], usual / 2) and \
                each[1] <= DEAREST * usual and large.peak_kib / 1024 <= most
            tap.point(good, words, [small.failure or large.failure or f"at most {most:.0f} MiB"])
    if not options.table:
        tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
