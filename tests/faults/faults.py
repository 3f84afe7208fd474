#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whatever fails, the program says so and leaves nothing half done.

    faults.py PROGRAM FAULTS.SO CAPTURES [--all] [--each N] [--only KIND,...] [--command NAME,...]

Each command runs once undisturbed, and its calls are counted; then again and again with another call failing (faults.c): some
of each kind, evenly over all, or with --all every one, and those of more commands. Besides, no file may become larger than N bytes (size), and nobody reads
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
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

sys.dont_write_bytecode = True  # no litter in the source tree
for neighbour in ("lab", "cli"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / neighbour))

import built  # noqa: E402
import report  # noqa: E402
import scan  # noqa: E402

USAGE, INPUT, OUTPUT, INTERRUPTED, TERMINATED = 2, 3, 4, 130, 143
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
TIMES = ("run.csv", "run.jsonl")
# Of a scan that was killed its parts stay, for --resume, and what is known of them.
STAYS = ("parts/", "journal", "manifest")
TWO = ("timewait/rec_reuse_ts", "queue/rec_slow_service")
COMMANDS = {"flows": ["flows", "-j", "1", "a.pcap"], "packed": ["events", "-j", "2", "a.pcap.gz"],
            "views": ["summary", "-j", "1", "a.pcap", "again.pcap"], "states": ["states", "--format", "ss", "--host", "10.66.44.1", "a.pcap"],
            "explain": ["explain", "stream=0", "-w", "DIR/out.pcap", "a.pcap"], "diff": ["diff", "old.csv", "new.csv"],
            "piped": ["diff", "-", "old.csv"], "plan": ["summary", "--plan", "a.pcap", "again.pcap", "a.pcap.gz"],
            "picture": ["explain", "-q", "--format", "html", "stream=0", "a.pcap"],
            "report": ["report", "-j", "2", "--memory", "1M", "-o", "DIR", "a.pcap", "b.pcap"],
            "scan": ["scan", "-j", "2", "-o", "DIR", "a.pcap.gz", "b.pcap"], "merge": ["merge", "-j", "1", "-o", "DIR", "shards1", "shards2"]}
# With --all these as well: other forms of the same, and what is kept otherwise.
MORE = {**{form: ["explain", "-q", "--format", form, "stream=0", "a.pcap"] for form in ("svg", "mermaid", "xplot")},
        "jsonl": ["events", "-j", "1", "--all-states", "--format", "jsonl", "-o", "DIR/events.jsonl", "c.pcap"],
        "nstat": ["states", "--format", "nstat", "--sysctl", "@sysctl", "--host", "10.66.44.1", "a.pcap"], "settings": ["settings", "-j", "1", "a.pcap"],
        "anonymized": ["explain", "-q", "--anonymize", "@sysctl", "-w", "DIR/out.pcap", "stream=0", "c.pcap"],
        "page": ["report", "-j", "1", "--anonymize", "key", "--format", "jsonl", "-o", "DIR", "c.pcap"],
        "zip": ["flows", "-j", "1", "both.zip"], "archived series": ["flows", "-j", "1", "--series", "one", "pieces.tar"],
        "series": ["events", "-j", "1", "-R", "pieces"], "filtered": ["flows", "-j", "1", "-F", "filter", "c.pcap"],
        "long plan": ["summary", "--plan", "-R", "pieces", "both.zip"], "many": ["listeners", "-j", "1", "many.pcap"],
        "hash": ["scan", "-j", "1", "--by", "hash", "--shard", "1/2", "-o", "DIR", "c.pcap"],
        "resume": ["scan", "-j", "1", "--resume", "-o", "DIR", "c.pcap", "c.pcap.gz"],
        "missing": ["scan", "--missing", "--shard", "1/2", "-o", "DIR", "a.pcap", "b.pcap"],
        "merge jsonl": ["merge", "-j", "1", "--format", "jsonl", "--anonymize", "key", "-o", "DIR", "hash1", "hash2"],
        "folders": ["diff", "report1", "report2"], "stdin": ["flows", "-j", "1", "-"],
        "schema": ["schema", "--format", "sql"], "findings": ["findings"]}
INPUT_OF = {"piped": "new.csv", "stdin": "c.pcap.gz"}  # by a pipe
BEGUN = {"resume": "begun", "missing": "shards1"}  # what is in the directory before
# libarchive does not tell memory that is out from damage: what could not be looked into before it is read is then no piece of a series.
PACKED = {"plan", "long plan", "archived series"}
REFUSED = {"resume"}  # a capture that cannot be read as it was is another one: exit 2
# Its scanner of filters does not look whether it had memory (libpcap 1.10.3, pcap_compile), and ends by itself.
OTHERS = {("filtered", "alloc"): -11}
MOST = {"many": 300}  # there are too many calls for all of them
LISTENERS = 4200  # more are kept packed


def first_records(capture, count):
    """So many of a pcap file in this machine's byte order."""
    at = 24
    for _ in range(count):
        at += 16 + struct.unpack_from("=I", capture, at + 8)[0]
    return capture[:at]


def listeners(count):
    """Of each one connection, not answered any further."""
    data = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
    for number in range(count):
        client, server = bytes([10, 1, 0, 1]), bytes([10, 2, number >> 8, number & 255])
        for at, packet in enumerate((scan.segment(client, server, (40000, 80), 100, 0, 2), scan.segment(server, client, (80, 40000), 500, 101, 0x12))):
            data += struct.pack("<IIII", 1700000000 + number // 1000, number % 1000 * 1000 + at, len(packet), len(packet)) + packet
    return data


class Bench:
    def __init__(self, program, library, captures, folder, every):
        self.program, self.library, self.folder, self.every = program, library, pathlib.Path(folder), every
        for at, case in enumerate(TWO):
            shutil.copy(captures / case / "capture.pcap", self.folder / f"{'ab'[at]}.pcap")
        shutil.copy(captures / TWO[0] / "capture.pcap", self.folder / "again.pcap")
        subprocess.run(["gzip", "-k", "a.pcap"], cwd=self.folder, check=True)
        self.unpacks = built.unpacks(program)
        self.commands = {**COMMANDS, **(MORE if every else {})}
        if every:
            self.make_more(captures)
        for name in ("old", "new"):
            with open(self.folder / f"{name}.csv", "wb") as out:
                subprocess.run([program, "flows", {"old": "a.pcap", "new": "b.pcap"}[name]], cwd=self.folder, stdout=out, check=True)
        for share in ("1/2", "2/2"):
            subprocess.run([program, "scan", "-q", "--shard", share, "-o", "shards" + share[0], "a.pcap", "b.pcap"], cwd=self.folder, check=True)

    def usual_code(self, name):
        """Undisturbed: two tables that differ, or something compressed that this program was not built to read."""
        words = self.commands[name] + [INPUT_OF.get(name, "")]
        closed = not self.unpacks and "--plan" not in words and any(word.endswith((".gz", ".zip", ".tar")) for word in words)
        return INPUT if closed else int(words[0] == "diff")

    def make_more(self, captures):
        """What the commands of MORE read."""
        def run(*arguments, **others):
            return subprocess.run([self.program, *arguments], cwd=self.folder, check=not others, stderr=subprocess.DEVNULL, **others)
        self.folder.joinpath("c.pcap").write_bytes(first_records((captures / TWO[0] / "capture.pcap").read_bytes(), 60))
        subprocess.run(["gzip", "-k", "c.pcap"], cwd=self.folder, check=True)
        self.folder.joinpath("sysctl").write_text("net.ipv4.tcp_max_tw_buckets = 100\nnet.ipv4.tcp_fin_timeout = 60\n")
        self.folder.joinpath("filter").write_text("tcp or icmp\n")
        self.folder.joinpath("many.pcap").write_bytes(listeners(LISTENERS))
        self.folder.joinpath("pieces").mkdir()
        for at, piece in enumerate(scan.pieces(self.folder / "c.pcap", 3)):
            self.folder.joinpath("pieces", f"p_{at}.pcap").write_bytes(piece)
        with tarfile.open(self.folder / "pieces.tar", "w") as out:
            out.add(self.folder / "pieces", "pieces")
        with zipfile.ZipFile(self.folder / "both.zip", "w", zipfile.ZIP_DEFLATED) as out:
            out.write(self.folder / "a.pcap", "a.pcap")
            out.write(self.folder / "c.pcap", "c.pcap")
        for number in "12":
            run("report", "-q", "-o", "report" + number, {"1": "c.pcap", "2": "a.pcap"}[number])
            run("scan", "-q", "--by", "hash", "--shard", number + "/2", "-o", "hash" + number, "c.pcap")
        self.begin_scan(run)

    def begin_scan(self, run):
        """A scan that was killed when it had a part, and no table."""
        for call in range(100, 100000, 20):
            shutil.rmtree(self.folder / "begun", ignore_errors=True)
            run("scan", "-q", "-j", "1", "--no-sandbox", "-o", "begun", "c.pcap", "c.pcap.gz",
                env=dict(os.environ, LD_PRELOAD=self.library, FAULT=f"kill:{call}"))
            if list(self.folder.glob("begun/parts/*")) and not (self.folder / "begun" / "flows.csv").exists():
                return
        sys.exit("no scan was killed between its first part and its tables")

    def outside(self, fault, arguments, env, given):
        """Faults that the system has itself."""
        kind, number = fault.split(":")
        del env["FAULT"]
        if kind == "pipe":
            reading, writing = os.pipe()
            os.close(reading)
            try:
                return subprocess.run([self.program, *arguments], cwd=self.folder, env=env, stdout=writing, stderr=subprocess.PIPE, timeout=120,
                                      input=given, check=False)
            finally:
                os.close(writing)
        return subprocess.run([self.program, *arguments], cwd=self.folder, env=env, capture_output=True, timeout=120, input=given, check=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number))))

    def run(self, name, place, fault=None, count=None, stays=False):
        """(exit code, standard output, standard error, files of the directory, what stayed in the temporary one)."""
        out, temp = place / "out", place / "temp"
        for folder in (out, temp):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        if name in BEGUN:
            shutil.copytree(self.folder / BEGUN[name], out, dirs_exist_ok=True)
        torn = set(out.rglob("*.tmp"))  # by the kill before: gone at the end of the scan that ends
        given = (self.folder / INPUT_OF[name]).read_bytes() if name in INPUT_OF else b""
        env = dict(os.environ, LD_PRELOAD=self.library, TMPDIR=str(temp), LC_ALL="C")
        env.update({"FAULT": fault} if fault else {}, **({"FAULT_COUNT": count} if count else {}), **({"FAULT_FROM": "1"} if stays else {}))
        arguments = [word.replace("DIR", str(out)) for word in self.commands[name]]
        arguments += ["--no-sandbox"] if fault and fault.split(":")[0] in SIGNALS else []
        try:
            ran = self.outside(fault, arguments, env, given) if fault and fault.split(":")[0] in OUTSIDE else subprocess.run(
                [self.program, *arguments], cwd=self.folder, env=env, capture_output=True, timeout=120, input=given, check=False)
        except subprocess.TimeoutExpired:
            return None, b"", b"", {}, []
        files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file() and path not in torn}
        return ran.returncode, ran.stdout, ran.stderr, files, [path.name for path in temp.iterdir()]


def same(name, files, wanted):
    """Names of files that are neither as they should be nor missing; the run's own table has its times."""
    return [path for path, content in files.items()
            if not path.startswith(STAYS) and path not in TIMES and content != wanted.get(path)]


def wrong(name, kind, ran, usual):
    """What is wrong with it; None: nothing."""
    code, out, said, files, left = ran
    allowed = KINDS[kind][0] | ({USAGE} if name in REFUSED else set())
    less = kind in LESS or code == INPUT or (kind == "alloc" and name in PACKED)  # a capture that could not be opened for want of memory is a row, and the others are read
    if code is None:
        return "it hangs"
    if OTHERS.get((name, kind)) == code:
        return None
    if kind in ("int", "term") and code in (BY_INT, BY_TERM) and files and name not in BEGUN:
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
    numbers = chosen(total, options.each if kind == "size" or not options.all else MOST.get(name, 0)) if KINDS[kind][1] else [0]
    jobs = [(number, stays) for number in numbers for stays in ((False, True) if kind in ("alloc", "write") else (False,))]

    def one(job):
        place = places.pop()
        ran = bench.run(name, place, f"{kind}:{job[0]}", stays=job[1])
        places.append(place)
        return job, wrong(name, kind, ran, usual), ran[0]
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
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background of a shell it is ignored, and by its children too
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-faults-") as folder:
        bench = Bench(os.path.abspath(options.program), os.path.abspath(options.library), options.captures.resolve(), folder, options.all)
        places = [bench.folder / "place1", bench.folder / "place2"]
        for name in options.command.split(",") if options.command else bench.commands:
            counts = bench.folder / "counts"
            usual = bench.run(name, places[0], count=str(counts))
            wanted = bench.usual_code(name)
            tap.point(usual[0] == wanted and not usual[4] and (usual[1] or usual[3] or wanted == INPUT and built.WITHOUT in usual[2]),
                      f"{name}: undisturbed", [repr(usual[2][-300:])] if usual[0] else [])
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
