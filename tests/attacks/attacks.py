#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures by somebody who knows this program: time that grows with the packets and no faster, memory below what was allowed.

    attacks.py BUILD [--packets N] [--table | --instructions | --far N]

For each kind (attack.c) N packets and four times as many go through `report`, which makes every table, and through `summary`, which
writes next to nothing, with --memory 16M. Points: four times as many packets take at most eight times the CPU time (twice as
much each; a square would be sixteen), no packet costs more than so many times one of ordinary traffic, and peak memory is below
16 MiB for connections, what the program has besides, and what docs/limits.md says that it keeps of each. --table: the figures
of docs/attacks.md instead, and with --far N those of memory for N packets of what grows. --instructions: what a packet costs in
`summary` and `flows` in instructions, which no other job on the machine changes (valgrind; half an hour for 25 000 packets).
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench"), str(HERE.parent / "lab")]

import measure  # noqa: E402
import report  # noqa: E402

TIMES, STEEPEST, ORDINARY, TRIES = 4, 8, 100_000, 3
DEAREST = {"report": 30, "summary": 20}  # times an ordinary packet: what a connection of one packet costs, twice
MEMORY, BESIDES_MIB = "16M", 40
TOGETHER, BYTES_TOGETHER, BYTES_EACH = 32768, 480, 110  # connections that sweeps hold something of (engine/alone.c); of all, numbers of streams and hosts


class Bench:
    def __init__(self, build, folder, packets, rounds):
        build = pathlib.Path(build)
        self.program, self.generate = str(build / "analyzer/cli/tcpautopsy"), str(build / "tests/bench/generate")
        self.attack, self.packets, self.folder = str(build / "tests/attacks/attack"), packets, pathlib.Path(folder)
        self.rounds, self.empty, self.usual = rounds, {}, {}
        self.meter = measure.Meter(str(build / "tests/bench/meter"))

    def kinds(self):
        return subprocess.run([self.attack, "--list"], capture_output=True, text=True, check=True).stdout.split()

    def make(self, kind, packets):
        path = self.folder / "attack.pcap"
        with open(path, "wb") as file:
            command = [self.generate, "mixed", "--packets", str(packets), "-o", "/dev/stdout"] if kind == "ordinary" else [
                self.attack, kind, str(packets)]
            subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, check=True)
        return path

    def run(self, kind, packets, command):
        """The cheapest of some runs, by CPU time: whatever else the machine does only adds."""
        path, out = self.make(kind, packets), self.folder / "out"
        runs = []
        for _ in range(self.rounds):
            shutil.rmtree(out, ignore_errors=True)
            runs.append(self.meter.run([self.program, command, "-q", "-j", "1", "--memory", MEMORY, "-o", str(out), str(path)]))
            if out.is_file():
                out.unlink()
        return min(runs, key=lambda run: (bool(run.failure), run.cpu))


    def count(self, kind, packets, command):
        """Instructions of the program, its threads included."""
        path = self.make(kind, packets)
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", self.program, command, "-q", "-j", "1",
                               "--no-sandbox", "--memory", MEMORY, "-o", "/dev/null", str(path)], capture_output=True, text=True, check=True)
        return int(re.search(r"Collected : (\d+)", done.stderr)[1])


class Figures:
    """One kind by one command: few packets and many."""

    def __init__(self, bench, kind, command):
        self.few, self.many = bench.packets, TIMES * bench.packets
        self.small, self.large = bench.run(kind, self.few, command), bench.run(kind, self.many, command)
        self.each = [max(run.cpu - bench.empty[command], 1e-9) / count for run, count in ((self.small, self.few), (self.large, self.many))]
        self.usual = bench.usual[command]
        self.most = BESIDES_MIB + (min(self.many, TOGETHER) * BYTES_TOGETHER + self.many * BYTES_EACH) / 2**20
        self.failure = self.small.failure or self.large.failure

    def good(self, command):
        linear = self.each[1] * TIMES <= STEEPEST * max(self.each[0], self.usual)
        return not self.failure and linear and self.each[1] <= DEAREST[command] * self.usual and self.peaks()[1] <= self.most

    def peaks(self):
        return self.small.peak_kib / 1024, self.large.peak_kib / 1024

    def words(self):
        return (f"{self.each[0] * 1e9:.0f} ns a packet of {self.few}, {self.each[1] * 1e9:.0f} of {self.many}, "
                f"{self.each[1] / self.usual:.1f} times ordinary; {self.peaks()[0]:.0f} and {self.peaks()[1]:.0f} MiB")

    def cells(self):
        return f"{self.each[0] * 1e9:.0f} | {self.each[1] * 1e9:.0f} | {self.each[1] / self.usual:.1f}"


def learn_usual(bench, command):
    """What starting costs, and an ordinary packet."""
    bench.empty[command] = bench.run("flood", 1, command).cpu
    bench.usual[command] = max(bench.run("ordinary", ORDINARY, command).cpu - bench.empty[command], 1e-9) / ORDINARY


def judged(bench, kind, command):
    """What is too dear is measured again, beside ordinary packets of the same moment: a machine is not as fast in every minute."""
    figures = Figures(bench, kind, command)
    for _ in range(TRIES - 1):
        if figures.good(command):
            break
        learn_usual(bench, command)
        figures = Figures(bench, kind, command)
    return figures


def table(bench):
    few, many = bench.packets, TIMES * bench.packets
    usual = {command: f"{bench.usual[command] * 1e9:.0f} ns" for command in DEAREST}
    print(f"| kind | `summary`, ns/packet, {few} | {many} | of ordinary ({usual['summary']}) | `report`, {few} | {many} | "
          f"of ordinary ({usual['report']}) | peak MiB, {few} | {many} |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind in bench.kinds():
        summary, report_ = Figures(bench, kind, "summary"), Figures(bench, kind, "report")
        print(f"| `{kind}` | {summary.cells()} | {report_.cells()} | {report_.peaks()[0]:.0f} | {report_.peaks()[1]:.0f} |", flush=True)


def instructions(bench):
    each = {}
    print(f"| kind | `summary`, instructions a packet of {bench.packets} | of ordinary | `flows` | of ordinary |\n"
          "| --- | ---: | ---: | ---: | ---: |")
    for kind in ["ordinary", *bench.kinds()]:
        cells = []
        for command in ("summary", "flows"):
            more = bench.count(kind, bench.packets, command) - bench.count(kind, 1, command)
            each[kind, command] = more / bench.packets
            cells.append(f"{each[kind, command]:.0f} | {each[kind, command] / each['ordinary', command]:.1f}")
        print(f"| `{kind}` | {' | '.join(cells)} |", flush=True)


def far(bench, packets):
    print(f"| kind | peak MiB, {packets} |\n| --- | ---: |")
    for kind in bench.kinds():
        print(f"| `{kind}` | {bench.run(kind, packets, 'report').peak_kib / 1024:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--packets", type=int, default=10000)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--far", type=int, default=0)
    options = parser.parse_args()
    tap = report.Tap()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-attacks-") as folder:
        bench = Bench(options.build, folder, options.packets, 3 if options.table else 1 if options.far else 2)
        if options.far:
            far(bench, options.far)
            return 0
        if options.instructions:
            instructions(bench)
            return 0
        for command in DEAREST:
            learn_usual(bench, command)
        if options.table:
            table(bench)
            return 0
        for kind in bench.kinds():
            for command in DEAREST:
                figures = judged(bench, kind, command)
                tap.point(figures.good(command), f"{kind}, {command}: {figures.words()}",
                          [figures.failure or f"at most {figures.most:.0f} MiB"])
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
