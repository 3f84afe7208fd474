#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whatever fails, the program says so and leaves nothing half done.

    faults.py PROGRAM FAULTS.SO CAPTURES [--all] [--each N] [--only KIND,...] [--command NAME,...]

Each command runs once undisturbed, and its calls are counted; then again and again with another call failing (faults.c): some
of each kind, evenly over all, or with --all every one. Besides, no file may become larger than N bytes (size), and nobody reads
standard output (pipe). What must hold each time:

  no signal ends it but one that was sent, and nothing hangs;
  its exit code is one that the manual has for it (0: what failed was not needed, and then every byte is as undisturbed);
  where it is not 0, words on standard error say why;
  under a final name is the whole file, or none; no temporary file stays, neither beside it nor in the temporary folder.
"""

import argparse
import concurrent.futures
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

INPUT, OUTPUT, INTERRUPTED, TERMINATED = 3, 4, 130, 143
KILLED, PIPED, BY_INT, BY_TERM = -9, -13, -2, -15  # by the signal itself: nothing was begun, or the command has no need to end in order
# Which exit codes a fault may end with, and whether some of them are tried or the one there is.
KINDS = {"alloc": ({0, INPUT, OUTPUT}, True), "read": ({0, INPUT, OUTPUT}, True), "end": ({0, INPUT, OUTPUT}, True), "short": ({0}, False),
         "again": ({0}, False), "write": ({0, OUTPUT}, True), "sync": ({0, OUTPUT}, True), "rename": ({OUTPUT}, True),
         "temp": ({0, OUTPUT}, True), "thread": ({0, OUTPUT}, True), "int": ({0, INTERRUPTED, BY_INT}, True), "term": ({0, TERMINATED, BY_TERM}, True),
         "kill": ({KILLED, 0}, True), "size": ({OUTPUT}, True), "pipe": ({PIPED}, False)}
OUTSIDE = {"size", "pipe"}
SIGNALS = {"int", "term", "kill"}  # which a process in the sandbox may not even send to itself
# With these the tables are of less than all, or of nothing: a file is whole, but another one.
LESS = {"read", "end", "int", "term"}
# Of a scan that was killed its parts stay, for --resume.
STAYS = {"parts", "journal.csv", "manifest.csv"}
PICTURES = ("svg", "mermaid", "xplot")  # one of the forms will do for some
TWO = ("timewait/rec_reuse_ts", "queue/rec_slow_service")


class Bench:
    def __init__(self, program, library, captures, folder, every):
        self.program, self.library, self.folder, self.every = program, library, pathlib.Path(folder), every
        for at, case in enumerate(TWO):
            shutil.copy(captures / case / "capture.pcap", self.folder / f"{'ab'[at]}.pcap")
        shutil.copy(captures / TWO[0] / "capture.pcap", self.folder / "again.pcap")
        subprocess.run(["gzip", "-k", "a.pcap"], cwd=self.folder, check=True)
        for name in ("old", "new"):
            with open(self.folder / f"{name}.csv", "wb") as out:
                subprocess.run([program, "flows", {"old": "a.pcap", "new": "b.pcap"}[name]], cwd=self.folder, stdout=out, check=True)
        for share in ("1/2", "2/2"):
            subprocess.run([program, "scan", "-q", "--shard", share, "-o", "shards" + share[0], "a.pcap", "b.pcap"], cwd=self.folder, check=True)

    def commands(self):
        """name: (arguments; DIR is the output directory's name, if it has one)."""
        pictures = {form: ["explain", "-q", "--format", form, "stream=0", "a.pcap"] for form in PICTURES} if self.every else {}
        return {**pictures, "flows": ["flows", "-j", "1", "a.pcap"], "packed": ["events", "-j", "2", "a.pcap.gz"],
                "views": ["summary", "-j", "1", "a.pcap", "again.pcap"], "states": ["states", "--format", "ss", "--host", "10.66.44.1", "a.pcap"],
                "explain": ["explain", "stream=0", "-w", "DIR/out.pcap", "a.pcap"], "diff": ["diff", "old.csv", "new.csv"],
                "picture": ["explain", "-q", "--format", "html", "stream=0", "a.pcap"],
                "report": ["report", "-j", "2", "--memory", "1M", "-o", "DIR", "a.pcap", "b.pcap"],
                "scan": ["scan", "-j", "2", "-o", "DIR", "a.pcap.gz", "b.pcap"], "merge": ["merge", "-j", "1", "-o", "DIR", "shards1", "shards2"]}

    def outside(self, fault, arguments, env):
        """Faults that the system has itself."""
        kind, number = fault.split(":")
        del env["FAULT"]
        if kind == "pipe":
            reading, writing = os.pipe()
            os.close(reading)
            try:
                return subprocess.run([self.program, *arguments], cwd=self.folder, env=env, stdout=writing, stderr=subprocess.PIPE, timeout=120,
                                      check=False)
            finally:
                os.close(writing)
        return subprocess.run([self.program, *arguments], cwd=self.folder, env=env, capture_output=True, timeout=120, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number))))

    def run(self, name, place, fault=None, count=None, stays=False):
        """(exit code, standard output, standard error, files of the directory, what stayed in the temporary one)."""
        out, temp = place / "out", place / "temp"
        for folder in (out, temp):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        env = dict(os.environ, LD_PRELOAD=self.library, TMPDIR=str(temp), LC_ALL="C")
        env.update({"FAULT": fault} if fault else {}, **({"FAULT_COUNT": count} if count else {}), **({"FAULT_FROM": "1"} if stays else {}))
        arguments = [word.replace("DIR", str(out)) for word in self.commands()[name]]
        arguments += ["--no-sandbox"] if fault and fault.split(":")[0] in SIGNALS else []
        try:
            ran = self.outside(fault, arguments, env) if fault and fault.split(":")[0] in OUTSIDE else subprocess.run(
                [self.program, *arguments], cwd=self.folder, env=env, capture_output=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            return None, b"", b"", {}, []
        files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        return ran.returncode, ran.stdout, ran.stderr, files, [path.name for path in temp.iterdir()]


def same(name, files, wanted):
    """Names of files that are neither as they should be nor missing; the run's own table has its times."""
    return [path for path, content in files.items()
            if path.split("/")[0] not in STAYS | {"run.csv"} and content != wanted.get(path)]


def wrong(kind, ran, usual):
    """What is wrong with it; None: nothing."""
    code, out, said, files, left = ran
    allowed = KINDS[kind][0]
    less = kind in LESS or code == INPUT  # a capture that could not be opened for want of memory is a row, and the others are read
    if code is None:
        return "it hangs"
    if kind in ("int", "term") and code in (BY_INT, BY_TERM) and files:
        return "ended by the signal, and files are there"
    if code not in allowed | {usual[0]}:
        return f"exit code {code}: {said[-300:]!r}"
    if code == usual[0] and not less and out != usual[1]:
        return "the usual exit code, and another output"
    if code not in (0, usual[0], INTERRUPTED, TERMINATED) and code > 0 and not said:
        return f"exit code {code} without a word"
    if kind not in ("kill", "pipe") and (left or any(path.endswith(".tmp") for path in files)):
        return f"left behind: {left or sorted(files)}"
    if not less and same(kind, files, usual[3]) and not (kind == "kill" and all(p.endswith(".tmp") for p in same(kind, files, usual[3]))):
        return f"not as it should be: {same(kind, files, usual[3])}"
    if code == usual[0] and not less and set(files) - {"journal.csv"} != set(usual[3]) - {"journal.csv"}:
        return f"exit code {code}, and other files: {sorted(set(files) ^ set(usual[3]))}"
    return None


def chosen(total, each):
    """Evenly, the first and the last among them; of bytes never all."""
    if not each or total <= each:
        return list(range(1, total + 1))
    return sorted({1 + at * (total - 1) // (each - 1) for at in range(each)})


def try_kind(bench, name, kind, total, usual, options, places):
    numbers = chosen(total, options.each if kind == "size" else 0 if options.all else options.each) if KINDS[kind][1] else [0]
    jobs = [(number, stays) for number in numbers for stays in ((False, True) if kind in ("alloc", "write") else (False,))]

    def one(job):
        place = places.pop()
        ran = bench.run(name, place, f"{kind}:{job[0]}", stays=job[1])
        places.append(place)
        return job, wrong(kind, ran, usual), ran[0]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(one, jobs))
    bad = [f"{kind}:{number}{' and on' if stays else ''}: {why}" for (number, stays), why, _ in results if why]
    refused = sum(code != usual[0] for _, _, code in results)
    if kind in SIGNALS and 2 * refused < len(jobs):
        bad.append("the signals do not arrive")
    return len(jobs), refused, bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("library")
    parser.add_argument("captures", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--command", default="")
    options = parser.parse_args()
    tap = report.Tap()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-faults-") as folder:
        bench = Bench(os.path.abspath(options.program), os.path.abspath(options.library), options.captures.resolve(), folder, options.all)
        places = [bench.folder / "place1", bench.folder / "place2"]
        for name in options.command.split(",") if options.command else bench.commands():
            counts = bench.folder / "counts"
            usual = bench.run(name, places[0], count=str(counts))
            tap.point(usual[0] == (name == "diff") and not usual[4] and (usual[1] or usual[3]), f"{name}: undisturbed", [repr(usual[2][-300:])] if usual[0] else [])
            total = {kind: int(number) for kind, number in map(str.split, counts.read_text().splitlines())}
            total.update(size=max(map(len, usual[3].values()), default=1) - 1, pipe=1)
            for kind in options.only.split(","):
                if (KINDS[kind][1] and not total[kind]) or (kind == "pipe" and not usual[1]):
                    continue
                tried, refused, bad = try_kind(bench, name, kind, total[kind], usual, options, list(places))
                tap.point(not bad, f"{name}: {kind}, {tried} of {max(total[kind], 1)} tried, {refused} ended it", bad[:8])
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
