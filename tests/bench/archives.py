#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What archives cost: many files at once, compressed files, many small ones.

    archives.py BUILD [--packets N] [--files N] [--rounds N]

Three tables, by wall time, which is what a scan of an archive takes:
  one thread against two over equal files that are no series;
  `flows` of a compressed file against decompressing it and walking its records (the compressor's own program into the bare
  libpcap loop), and against the same file as it is;
  peak memory over more and more small captures, those of one name pattern and those that are strangers.
Runs are taken in turn; a ratio is the median of those of each round.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import measure  # noqa: E402

COMPRESSORS = {"gz": ("gzip", "-6"), "zst": ("zstd", "-q", "-3")}
SMALL = (100, 1000, 10000)


def wall(run):
    return run.wall


class Bench:
    def __init__(self, build, folder, rounds):
        build = pathlib.Path(build)
        self.program = str(build / "analyzer/cli/tcpautopsy")
        self.generate, self.loop = str(build / "tests/bench/generate"), str(build / "tests/bench/bare_loop")
        self.meter, self.rounds = measure.Meter(str(build / "tests/bench/meter")), rounds
        self.folder = pathlib.Path(folder)

    def made(self, kind, packets, name, seed=1):
        subprocess.run([self.generate, kind, "--packets", str(packets), "--seed", str(seed), "-o", self.folder / name], check=True)
        return str(self.folder / name)

    def two_cores(self, files, packets):
        names = [self.made("mixed", packets, f"{word(at)}.pcap", at + 1) for at in range(files)]
        out = str(self.folder / "out")
        runs = measure.in_turn(self.meter, {jobs: ["sh", "-c", f"rm -rf {out}; exec {self.program} scan -q -j {jobs} -o {out} {' '.join(names)}"]
                                            for jobs in ("1", "2")}, self.rounds)
        faster = measure.ratio(runs["1"], runs["2"], wall)
        print(f"scan of {files} files of {packets} packets: -j 2 is {faster:.2f} times as fast as -j 1 "
              f"({measure.median(runs['1'], wall):.2f} s, {measure.median(runs['2'], wall):.2f} s)")
        for name in names:
            os.unlink(name)

    def compressed(self, kind, packets):
        plain = self.made(kind, packets, f"{kind}.pcap")
        for suffix, command in COMPRESSORS.items():
            if not shutil.which(command[0]):
                continue
            packed = f"{plain}.{suffix}"
            with open(plain, "rb") as source, open(packed, "wb") as sink:
                subprocess.run([*command, "-c"], stdin=source, stdout=sink, check=True)
            runs = measure.in_turn(self.meter, {
                "walk": ["sh", "-c", f"{command[0]} -dc {packed} | {self.loop} -"],
                "packed": [self.program, "flows", "-j", "2", "-q", packed],
                "plain": [self.program, "flows", "-j", "2", "-q", plain]}, self.rounds)
            print(f"{kind} {packets} packets, {suffix} ({os.path.getsize(packed) / os.path.getsize(plain):.2f} of its size): flows takes "
                  f"{measure.ratio(runs['packed'], runs['walk'], wall):.2f} times decompressing and walking "
                  f"({measure.median(runs['packed'], wall):.2f} s, {measure.median(runs['walk'], wall):.2f} s), "
                  f"{measure.ratio(runs['packed'], runs['plain'], wall):.2f} times the plain file")
            os.unlink(packed)
        os.unlink(plain)

    def small(self):
        one = pathlib.Path(self.made("mixed", 40, "small.pcap")).read_bytes()
        for alike in (True, False):
            for count in SMALL:
                where = self.folder / "many"
                where.mkdir()
                for at in range(count):
                    (where / (f"a{at}.pcap" if alike else f"{word(at)}.pcap")).write_bytes(one)
                out = str(self.folder / "out")
                shutil.rmtree(out, ignore_errors=True)
                run = self.meter.run([self.program, "scan", "-q", "--series", "each", "-j", "2", "-o", out, str(where)])
                print(f"{count} small captures{' of one name' if alike else ''}: {run.wall:.2f} s, peak {run.peak_kib / 1024:.0f} MiB"
                      f"{', ' + run.failure if run.failure else ''}")
                shutil.rmtree(where)


def word(number):
    """A name without digits."""
    text = ""
    while True:
        text = chr(ord("a") + number % 26) + text
        number = number // 26
        if not number:
            return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-archives-") as folder:
        bench = Bench(asked.build, folder, asked.rounds)
        bench.two_cores(asked.files, asked.packets // 4)
        for kind in ("mixed", "big", "full"):
            bench.compressed(kind, asked.packets)
        bench.small()


if __name__ == "__main__":
    main()
