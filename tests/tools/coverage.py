#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much of analyzer/ the tests and the corpora run: lines and branches, by folder and by file.

    meson setup build-cov -Db_coverage=true -Doptimization=1 && ninja -C build-cov
    coverage.py build-cov SUITE...          runs the suites, then tells
    coverage.py build-cov                   tells of what was run already
    coverage.py build-cov --missing FILE    lines of one file that nothing ran, and those of whose branches one never was taken

A program in its sandbox may not write what it counted: in the meantime a script stands in its place that adds --no-sandbox. Tests of the
sandbox fail then, and what is killed counts nothing.

Lines and branches of headers and of sources that are compiled twice are there once: run, if any copy of them was. Calls that do not
return, as of a failed assertion, count as branches like all others.
"""
import collections
import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORST = 25  # files that are named


def run_suites(build, suites):
    program = build / "analyzer/cli/tcpautopsy"
    whole = program.with_name("tcpautopsy.whole")
    for path in build.rglob("*.gcda"):
        path.unlink()
    shutil.move(program, whole)
    try:
        program.write_text(f'#!/bin/sh\nexec "{whole}" --no-sandbox "$@"\n')
        program.chmod(0o755)
        wanted = [word for suite in suites for word in ("--suite", suite)]
        return subprocess.run(["meson", "test", "-C", str(build), "--no-rebuild", "-t", "4", *wanted], check=False).returncode
    finally:
        shutil.move(whole, program)


def reports(build):
    """What gcov makes of each object that belongs to analyzer/; of those that never ran as well."""
    notes = [path for path in sorted(build.rglob("*.gcno")) if "libtcpautopsy" in str(path) or "analyzer/cli" in str(path)]
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(notes), 40):
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--hash-filenames", *map(str, notes[start:start + 40])],
                           cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in pathlib.Path(folder).glob("*.json.gz"):
            data = json.loads(gzip.decompress(path.read_bytes()))
            for file in data["files"]:
                name = pathlib.Path(data["current_working_directory"], file["file"])
                yield name, file


class Source:
    def __init__(self):
        self.lines = collections.Counter()
        self.branches = collections.Counter()  # by line and number

    def add(self, file):
        for line in file["lines"]:
            number = line["line_number"]
            self.lines[number] += line["count"]
            for at, branch in enumerate(line["branches"]):
                self.branches[number, at] += branch["count"]


def read(build):
    sources = collections.defaultdict(Source)
    for name, file in reports(build):
        for base in (name, build / file["file"]):
            real = base.resolve()
            if real.is_file() and (ROOT / "analyzer") in real.parents:
                sources[str(real.relative_to(ROOT))].add(file)
                break
    return sources


def share(counters):
    ran = sum(count > 0 for counter in counters for count in counter.values())
    return ran, sum(map(len, counters))


def percent(ran, all_of):
    return f"{100 * ran / all_of:5.1f}" if all_of else "    -"


def row(name, sources):
    lines, branches = share([one.lines for one in sources]), share([one.branches for one in sources])
    return f"{name:40} {lines[1]:6} {percent(*lines)} {branches[1]:6} {percent(*branches)}"


def tell(sources):
    folders = collections.defaultdict(list)
    for name, source in sources.items():
        folders["/".join(name.split("/")[:2])].append(source)
    print(f"{'':40} {'lines':>6} {'%':>5} {'branches':>6} {'%':>4}")
    for name in sorted(folders):
        print(row(name, folders[name]))
    print(row("all", list(sources.values())))
    print("\nleast covered: lines that nothing ran")

    def left(name):
        ran, all_of = share([sources[name].lines])
        return all_of - ran
    for name in sorted(sources, key=lambda name: (-left(name), name))[:WORST]:
        print(f"{left(name):5} {row(name, [sources[name]])}")


def missing(source):
    never = sorted(number for number, count in source.lines.items() if not count)
    half = sorted({number for (number, _), count in source.branches.items() if not count and source.lines[number]})
    print("never run:", *never)
    print("a branch never taken:", *half)


def main():
    build, rest = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    if rest and rest[0] == "--missing":
        missing(read(build)[rest[1]])
        return 0
    failed = run_suites(build, rest) if rest else 0
    tell(read(build))
    return failed


sys.exit(main())
