#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scan and merge: the bytes of one report, however the work is cut, killed and gone on with.

  scan.py CAPTURES PROGRAM [--kills N] [--many N] ...     kills at random moments; tiny captures in one directory
"""

import argparse
import contextlib
import fcntl
import gzip
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import built  # noqa: E402
import report  # noqa: E402

TABLES = ("flows.csv", "events.csv", "listeners.csv", "states.csv", "counters.csv", "settings.csv", "captures.csv",
          "summary.txt", "report.html")
FILES = 60
# What no scheduler of the machine at hand may decide.
CLEAN = {name: value for name, value in os.environ.items()
         if not name.startswith(("SLURM_", "OMPI_")) and name != "JOB_COMPLETION_INDEX"}


class Scanner:
    """The program, run in one folder."""

    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder

    def start(self, *arguments):
        return subprocess.Popen([self.program, *arguments], cwd=self.folder, env=CLEAN, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *arguments, **environment):
        return subprocess.run([self.program, *arguments], cwd=self.folder, env={**CLEAN, **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=False)

    def tables(self, name):
        """The bytes of all tables in a folder; None for those that are not there."""
        return [path.read_bytes() if path.exists() else None
                for path in (self.folder / name / table for table in TABLES)]


def pieces(capture, count):
    """A capture's records in so many files, as a capture program that rotates writes them."""
    data = capture.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    records, at = [], 24
    while at < len(data):
        end = at + 16 + struct.unpack(order + "I", data[at + 8:at + 12])[0]
        records.append(data[at:end])
        at = end
    return [data[:24] + b"".join(records[len(records) * piece // count:len(records) * (piece + 1) // count])
            for piece in range(count)]


def make(folder, captures):
    """Captures at several depths: plain, compressed, in an archive, in pieces, and one that is damaged."""
    cases = sorted(captures.glob("*/*/capture.pcap"))
    chosen = cases[::max(1, len(cases) // FILES)][:FILES]
    for at, case in enumerate(chosen):
        place = folder / "d" / f"part{at % 4}" / f"{case.parent.name}.pcap"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(case.read_bytes())
    (folder / "d" / "packed.pcap.gz").write_bytes(gzip.compress(chosen[3].read_bytes(), mtime=0))
    with tarfile.open(folder / "d" / "some.tar", "w") as archive:
        for at, case in enumerate(chosen[5:8]):
            archive.add(case, f"member{at}.pcap")
    (folder / "d" / "ring").mkdir()
    for at, piece in enumerate(pieces(captures / "queue" / "rec_stalled_service" / "capture.pcap", 5)):
        (folder / "d" / "ring" / f"ring_{(at + 3) % 5:05}.pcap").write_bytes(piece)
    damaged = bytearray(chosen[9].read_bytes())
    damaged[24 + 8:24 + 16] = b"\xff" * 8  # the first record's lengths
    (folder / "d" / "bad.pcap").write_bytes(damaged)


def read(scanner, done, wanted):
    yield "report reads all but what is damaged", done.returncode == 3 and None not in wanted
    if not built.unpacks(scanner.program):
        yield "  but for what is compressed or an archive, which are told", done.stderr.count(built.WITHOUT) == 2
        yield built.skipped("what is compressed or in an archive, in all that follows")


# ---- the same bytes ----

def wholes(scanner, wanted):
    for name, words, arguments in (("whole0", "the tables of report", ()), ("whole1", "one thread", ("-j", "1")),
                                   ("whole3", "three threads", ("-j", "3")),
                                   ("little", "little memory", ("--memory", "1M", "-j", "2"))):
        done = scanner.run("scan", "-o", name, *arguments, "d")
        yield f"scan: {words}", scanner.tables(name) == wanted
        yield "  a capture that is damaged: status 3, told once", \
            done.returncode == 3 and done.stderr.count(b"d/bad.pcap") == 1
        yield "  the summary is printed", done.stdout == (scanner.folder / name / "summary.txt").read_bytes()
        yield "  the parts are gone", not (scanner.folder / name / "parts").exists()
    done = scanner.run("scan", "-o", "kept", "--keep-parts", "d")
    yield "--keep-parts keeps them", len(list((scanner.folder / "kept" / "parts").iterdir())) > 10
    done = scanner.run("merge", "-o", "again", "kept")
    yield "which merge to the same", done.returncode == 3 and scanner.tables("again") == wanted
    names = "\n".join(line.split(",")[0] for line in (scanner.folder / "kept" / "captures.csv").read_text().splitlines()[1:]
                      if "some.tar" not in line)
    (scanner.folder / "list").write_text(names + "\nd/some.tar\n")
    done = scanner.run("report", "-o", "listed", "@list"), scanner.run("scan", "-o", "listed2", "@list")
    yield "a list of names", [one.returncode for one in done] == [3, 3] and scanner.tables("listed") == scanner.tables("listed2")


def options(scanner):
    told = scanner.run("summary", "-q", "-R", "d").stdout.decode().splitlines()
    yield "of many captures the ten worst findings, on 25 lines", \
        sum(line[:2] in ("!!", "! ", ". ") for line in told) >= 10 and len(told) <= 25
    """What pass 2 is told on the command line of scan reaches merge."""
    (scanner.folder / "known").write_text("net.ipv4.tcp_syncookies = 1\nnet.core.somaxconn = 128\n")
    chosen = ("--all-states", "--width", "10", "--min-confidence", "probable", "--sysctl", "@known", "--kernel", "5.10",
              "--raw-text", "-f", "tcp or icmp", "--vantage", "middle")
    scanner.run("report", "-R", "-o", "chosen", *chosen, "d")
    wanted = scanner.tables("chosen")
    yield "options: report has tables", wanted[0] is not None and wanted != scanner.tables("report")
    scanner.run("scan", "-o", "chosen1", *chosen, "d")
    yield "  scan's are the same", scanner.tables("chosen1") == wanted
    for share in ("1/2", "2/2"):
        scanner.run("scan", "-o", "chosen2", "--shard", share, *chosen, "d")
    (scanner.folder / "known").unlink()
    scanner.run("merge", "-o", "chosen3", "chosen2")
    yield "  merge's are, though nobody tells it, and the file with settings is gone", scanner.tables("chosen3") == wanted


def shards(scanner, wanted):
    for by in ("series", "hash"):
        for count in (1, 2, 7):
            name = f"{by}{count}"
            for share in range(count, 0, -1):  # in no order that helps
                done = scanner.run("scan", "-o", name, "--shard", f"{share}/{count}", "--by", by, "d")
                yield f"shard {share} of {count} by {by}: no tables, and no word on standard output", \
                    done.returncode in (0, 3) and not done.stdout and scanner.tables(name) == [None] * len(TABLES)
            done = scanner.run("merge", "-o", f"merged-{name}", name)
            yield f"{count} shards by {by} merge to the bytes of one run", \
                done.returncode == 3 and scanner.tables(f"merged-{name}") == wanted


def altered(scanner, wanted):
    """A byte of a part is another one: the part is as good as missing, and its twin or a new one takes its place."""
    for share in range(1, 8):
        scanner.run("scan", "-o", "worn", "--shard", f"{share}/7", "--by", "hash", "d")
    shutil.copytree(scanner.folder / "worn", scanner.folder / "good", copy_function=shutil.copy2)
    part = next(path for path in sorted((scanner.folder / "worn" / "parts").iterdir()) if "-4-of-7" in path.name)
    data = bytearray(part.read_bytes())
    data[len(data) * 2 // 3] ^= 0x40
    part.write_bytes(data)
    done = scanner.run("merge", "-o", "refused-worn", "worn")
    yield "a part of which a byte changed is refused, and named once", \
        done.returncode == 3 and done.stderr.count(part.name.encode()) == 1 and not (scanner.folder / "refused-worn").exists()
    yield "  and is missing", scanner.run("merge", "--missing", "worn").stdout == b"4\n"
    scanner.run("merge", "-o", "by-twin", "worn", "good")
    yield "  its twin is taken, whichever comes first", scanner.tables("by-twin") == wanted
    scanner.run("scan", "-o", "worn", "--resume", "--shard", "4/7", "--by", "hash", "d")
    scanner.run("merge", "-o", "mended", "worn")
    yield "  its shard makes it again", scanner.tables("mended") == wanted


def missing(scanner, wanted):
    for by in ("series", "hash"):
        for share in (1, 2, 4, 6):
            scanner.run("scan", "-o", f"some-{by}", "--shard", f"{share}/7", "--by", by, "d")
        done = scanner.run("merge", "-o", f"refused-{by}", f"some-{by}")
        yield f"{by}: shards that are missing: refused, no table", \
            done.returncode == 3 and b"missing" in done.stderr and not (scanner.folder / f"refused-{by}").exists()
        yield "  listed as an array job takes them", \
            scanner.run("merge", "--missing", f"some-{by}").stdout == b"3,5,7\n" and \
            scanner.run("scan", "--missing", "-o", f"some-{by}").stdout == b"3,5,7\n"
        for share in (3, 5, 7):  # in a directory of their own, shard 1 a second time
            scanner.run("scan", "-o", f"rest-{by}", "--shard", f"{share}/7", "--by", by, "d")
        scanner.run("scan", "-o", f"rest-{by}", "--shard", "1/7", "--by", by, "d")
        done = scanner.run("merge", "--missing", f"some-{by}", f"rest-{by}")
        yield "  none is, with another directory", done.returncode == 0 and done.stdout == b""
        scanner.run("merge", "-o", f"all-{by}", f"rest-{by}", f"some-{by}")
        yield "  one that was made twice does no harm", scanner.tables(f"all-{by}") == wanted
    part = sorted((scanner.folder / "some-series" / "parts").iterdir())[0]
    part.write_bytes(part.read_bytes()[:-1])
    done = scanner.run("merge", "-o", "cut", "some-series", "rest-series")
    yield "a part that is cut short: refused, or its twin taken", \
        scanner.tables("cut") == wanted or (done.returncode == 3 and part.name.encode() in done.stderr)
    yield from altered(scanner, wanted)
    scanner.run("scan", "-o", "other", "--shard", "1/7", "--width", "5", "d")
    done = scanner.run("merge", "-o", "refused", "some-hash", "rest-hash", "other")
    yield "parts of a scan with other options are refused, and which", done.returncode == 2 and b"--width" in done.stderr
    flat = scanner.folder / "flat"
    flat.mkdir()
    for name in ("some-hash", "rest-hash"):
        for path in (scanner.folder / name / "parts").iterdir():
            shutil.copy(path, flat)
    done = scanner.run("merge", "-o", "refused", "flat")
    yield "parts without their manifest are refused", done.returncode == 3 and b"manifest.csv" in done.stderr
    shutil.copy(scanner.folder / "some-hash" / "manifest.csv", flat)
    scanner.run("merge", "-o", "flat-merged", "flat")
    yield "parts may be gathered in one directory", scanner.tables("flat-merged") == wanted
    part = next(path for path in sorted(flat.iterdir()) if path.suffix == ".part")
    part.rename(flat / "piece")
    yield "  of a directory those whose names end in .part", \
        scanner.run("merge", "--missing", "flat").stdout != b"" and scanner.run("merge", "-o", "refused", "flat").returncode == 3
    done = scanner.run("merge", "-o", "flat-named", "flat", "flat/piece")
    yield "  and one that is named, whatever it is called", done.returncode == 3 and scanner.tables("flat-named") == wanted
    foreign = sorted((scanner.folder / "other" / "parts").iterdir())[0]
    manifest = (flat / "manifest.csv").read_bytes()
    for words, status, arguments, content in (
            ("nothing is named", 2, (), manifest), ("a part of another scan", 2, ("flat", foreign), manifest),
            ("a manifest of another scan", 2, ("flat", "other"), manifest), ("a damaged manifest", 3, ("flat",), manifest[:-9]),
            ("no such directory", 3, ("nowhere",), manifest)):
        (flat / "manifest.csv").write_bytes(content)
        done = scanner.run("merge", "-o", "refused", *map(str, arguments))
        yield f"refused with status {status}: {words}", done.returncode == status and not (scanner.folder / "refused").exists()


def schedulers(scanner):
    """Which share --shard auto takes, from the journal's name."""
    slurm = {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "3", "SLURM_ARRAY_TASK_COUNT": "3"}
    again = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_MAX": "3", "SLURM_ARRAY_TASK_COUNT": "1"}
    kubernetes, mpi = {"JOB_COMPLETION_INDEX": "0"}, {"OMPI_COMM_WORLD_RANK": "4", "OMPI_COMM_WORLD_SIZE": "5"}
    for words, name, shard, environment, wanted in (
            ("an array of Slurm", "auto1", "auto", slurm, "2-of-3"),
            ("of one task that was resubmitted: the directory knows how many", "auto1", "auto", again, "3-of-3"),
            ("or --shard does", "auto2", "auto/7", again, "3-of-7"),
            ("an indexed job of Kubernetes", "auto3", "auto/4", kubernetes, "1-of-4"),
            ("ranks of MPI", "auto4", "auto", mpi, "5-of-5")):
        done = scanner.run("scan", "-o", name, "--shard", shard, "d/part1", **environment)
        yield f"--shard auto: {words}", \
            done.returncode in (0, 3) and (scanner.folder / name / f"journal-{wanted}.csv").exists()
    for words, shard, environment in (("no scheduler", "auto", {}), ("one task of an unknown number", "auto", again),
                                      ("no number from Kubernetes", "auto", kubernetes), ("an array from 0", "auto/3",
                                      {**slurm, "SLURM_ARRAY_TASK_ID": "0"})):
        done = scanner.run("scan", "-o", "nowhere", "--shard", shard, "d/part1", **environment)
        yield f"  refused: {words}", done.returncode == 2 and b"--shard auto" in done.stderr
    for shard in ("0/3", "4/3", "3", "x/3", "1/0", "-1/3", "1/99999999999999999999"):
        yield f"  refused: --shard {shard}", scanner.run("scan", "-o", "nowhere", "--shard", shard, "d/part1").returncode == 2


# ---- going on ----

def duration(scanner, *arguments):
    start = time.monotonic()
    scanner.run("scan", "-o", "timed", *arguments, "d")
    return time.monotonic() - start


def killed(scanner, rand, name, span, number, *arguments):
    """Start, kill after a while; as a user would, with --resume from the second time on."""
    words = [("scan", "-o", name, *arguments, "d"), ("scan", "-o", name, "--resume", *arguments, "d")]
    running = scanner.start(*words[(scanner.folder / name / "journal.csv").exists()])
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.communicate(timeout=rand.random() * span)
    running.send_signal(number)
    running.communicate()
    return running.returncode


def kills(scanner, wanted, rand, count):
    span = duration(scanner)
    for turn in range(count):
        name = f"killed{turn}"
        status = killed(scanner, rand, name, span, signal.SIGKILL)
        done = scanner.run("scan", "-o", name, "--resume", "d")
        yield f"kill -9 (status {status}), then --resume: the same bytes", \
            done.returncode == 3 and scanner.tables(name) == wanted
        others = {path.name for path in (scanner.folder / name).iterdir()} - {*TABLES, "run.csv", "journal.csv", "manifest.csv"}
        yield f"  and no other files{' but ' + ' '.join(sorted(others)) if others else ''}", not others
    for turn in range(max(1, count // 3)):
        name = f"often{turn}"
        for _ in range(6):
            killed(scanner, rand, name, span, signal.SIGKILL)
        scanner.run("scan", "-o", name, "--resume", "d")
        yield "killed six times, then --resume: the same bytes", scanner.tables(name) == wanted
    for turn, by in enumerate(("series", "hash")):
        name = f"shardkill{turn}"
        for share in (1, 2):
            running = scanner.start("scan", "-o", name, "--shard", f"{share}/2", "--by", by, "d")
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.communicate(timeout=rand.random() * span / 2)
            running.kill()
            running.communicate()
            scanner.run("scan", "-o", name, "--shard", f"{share}/2", "--by", by, "--resume", "d")
        scanner.run("merge", "-o", f"merged-{name}", name)
        yield f"shards by {by} that were killed and went on merge to the same bytes", \
            scanner.tables(f"merged-{name}") == wanted


def write_torn(folder, *names):
    """Files as a run leaves them that was killed two hours ago."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - 7200,) * 2)


def there(folder, *names):
    return [(folder / name).exists() for name in names]


def leftovers(scanner, wanted):
    """What killed runs leave goes with the next one; what others hold, or never was ours, stays."""
    folder = scanner.folder
    torn = ("flows.csv.aB3dE6.tmp", "captures.csv.000000.tmp", "run.csv.zzzzzz.tmp")
    foreign = ("flows.csv.backup", "flows.csv.old123", "mine.csv.aB3dE6.tmp", "flows.csv.aB3dE.tmp", "flows.csv.aB3dE67.tmp",
               "flows.csv.aB_dE6.tmp", "summary.txt.tmp", ".aB3dE6.tmp")
    scanner.run("scan", "-o", "left", "--keep-parts", "d")
    parts = sorted(path.name for path in (folder / "left" / "parts").iterdir())
    torn_parts = [f"{parts[0]}.aB3dE6.tmp", f"{parts[-1]}.x00000.tmp"]
    foreign_parts = ["000001-0123456789abcdef.part.aB3dE6.tmp", f"{parts[0]}.backup", f"{parts[0]}.aB3dE6", "x.part.aB3dE6.tmp"]
    write_torn(folder / "left", *torn, "manifest.csv.Q00000.tmp", *foreign)
    write_torn(folder / "left" / "parts", *torn_parts, *foreign_parts)
    done = scanner.run("scan", "-o", "left", "--resume", "--keep-parts", "d")
    yield "scan --resume: what a killed run left half written goes", done.returncode == 3 and \
        not any(there(folder / "left", *torn, "manifest.csv.Q00000.tmp") + there(folder / "left" / "parts", *torn_parts))
    yield "  what has other names stays", all(there(folder / "left", *foreign) + there(folder / "left" / "parts", *foreign_parts))
    for command, name in (("merge", "left-merge"), ("report", "left-report")):
        write_torn(folder / name, *torn, "manifest.csv.Q00000.tmp", *foreign, "held")
        os.mkdir(folder / name / "settings.csv.aB3dE6.tmp")
        os.rename(folder / name / "held", folder / name / "events.csv.aB3dE6.tmp")
        with open(folder / name / "events.csv.aB3dE6.tmp", "r+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            done = scanner.run(command, "-o", name, *(("left",) if command == "merge" else ("-R", "d")))
        yield f"{command}: what a killed run left half written in -o goes", \
            done.returncode == 3 and scanner.tables(name) == wanted and not any(there(folder / name, *torn))
        yield "  but not what is being written, and what is none of its", \
            all(there(folder / name, "events.csv.aB3dE6.tmp", "settings.csv.aB3dE6.tmp", "manifest.csv.Q00000.tmp", *foreign))
    for by in ("series", "hash"):
        name = f"left-{by}"
        for share in (1, 2):
            scanner.run("scan", "-o", name, "--shard", f"{share}/2", "--by", by, "d")
        journals = [(folder / name / f"journal-{share}-of-2.csv").read_text().splitlines()[2:] for share in (1, 2)]
        mine, other = ([line.split(",")[3] + ".aB3dE6.tmp" for line in lines] for lines in journals)
        write_torn(folder / name / "parts", *mine, *other)
        with open(folder / name / "parts" / mine[0], "r+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            scanner.run("scan", "-o", name, "--shard", "1/2", "--by", by, "--resume", "d")
        yield f"shards by {by}: a shard's own go, not one that is being written", \
            there(folder / name / "parts", *mine) == [True] + [False] * (len(mine) - 1) and len(mine) > 1
        yield "  and not those of the other shard", all(there(folder / name / "parts", *other)) and other


def interrupts(scanner, wanted):
    for turn, number in enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGINT)):
        name = f"stopped{turn}"
        running = scanner.start("scan", "-o", name, "-j", "1", "d")
        journal = scanner.folder / name / "journal.csv"
        until = time.monotonic() + 60
        while running.poll() is None and time.monotonic() < until and \
                not (journal.exists() and journal.read_bytes().count(b"\npart,") > turn):
            time.sleep(0.001)
        running.send_signal(number)
        words = running.communicate()[1]
        stopped = running.returncode == 128 + number and b"--resume" in words
        yield f"signal {number.name} stops: status {running.returncode}, and says how to go on", \
            stopped and scanner.tables(name)[-1] is None
        done = scanner.run("scan", "-o", name, "--resume", "d")
        yield "  --resume ends with the same bytes", done.returncode == 3 and scanner.tables(name) == wanted


def journals(scanner, wanted):
    folder = scanner.folder
    scanner.run("scan", "-o", "torn", "--keep-parts", "d")
    whole = (folder / "torn" / "journal.csv").read_bytes()
    done = scanner.run("scan", "-o", "torn", "d")
    yield "a directory with a journal is refused, with words", done.returncode == 2 and b"--resume" in done.stderr
    lines = whole.splitlines(keepends=True)
    for words, bytes_left in (("after its last line", whole + b"part,12,1,00"), ("in its last line", whole[:-3]),
                              ("in a line of a part", b"".join(lines[:5]) + lines[5][:-4]),
                              ("in its second line", lines[0] + lines[1][:10]), ("in its first", lines[0][:10]),
                              ("to nothing", b"")):
        (folder / "torn" / "journal.csv").write_bytes(bytes_left)
        parts = sorted((folder / "torn" / "parts").iterdir())
        parts[0].unlink()
        parts[1].write_bytes(parts[1].read_bytes()[:-20])
        done = scanner.run("scan", "-o", "torn", "--resume", "--keep-parts", "d")
        yield f"a journal torn {words}, and parts gone and cut short: --resume ends with the same bytes", \
            done.returncode == 3 and scanner.tables("torn") == wanted
        now = (folder / "torn" / "journal.csv").read_bytes()
        yield "  its journal is whole again", now.endswith(b"\n") and now.splitlines()[0] == whole.splitlines()[0] and \
            all(line.count(b",") == 9 for line in now.splitlines())
    (folder / "torn" / "journal.csv").write_bytes(whole.replace(b"\npart,", b"\nrubbish,", 1))
    yield "a journal that is damaged within is refused", \
        scanner.run("scan", "-o", "torn", "--resume", "--keep-parts", "d").returncode == 2
    scanner.run("scan", "-o", "over", "d")
    done = scanner.run("scan", "-o", "over", "--resume", "d")
    yield "--resume of what was over: its summary again, and its status", \
        done.returncode == 3 and done.stdout == (folder / "over" / "summary.txt").read_bytes()
    done = scanner.run("scan", "-o", "fresh", "--resume", "d")
    yield "--resume where nothing was begun begins", done.returncode == 3 and scanner.tables("fresh") == wanted


def refusals(scanner):
    folder = scanner.folder
    scanner.run("scan", "-o", "first", "-j", "1", "--width", "2", "d/part0")
    for words, arguments, told in (
            ("another option", ("--width", "3", "d/part0"), b"--width"), ("no option", ("d/part0",), b"--width"),
            ("one more option", ("--width", "2", "--key", "vlan", "d/part0"), b"--key"),
            ("other memory", ("--width", "2", "--memory", "9M", "d/part0"), b"--memory"),
            ("a filter", ("--width", "2", "-f", "tcp", "d/part0"), b"--filter"),
            ("other inputs", ("--width", "2", "d/part1"), b"other inputs"),
            ("more inputs", ("--width", "2", "d/part0", "d/part1"), b"first/manifest.csv"),
            ("shards", ("--width", "2", "--shard", "1/2", "d/part0"), b"shards")):
        done = scanner.run("scan", "-o", "first", "--resume", *arguments)
        yield f"--resume with {words} is refused, and says so", done.returncode == 2 and told in done.stderr
    yield "  threads may differ", scanner.run("scan", "-o", "first", "--resume", "-j", "2", "--width", "2", "d/part0").returncode in (0, 3)
    some = sorted((folder / "d" / "part0").iterdir())[0]
    whole = some.read_bytes()
    some.write_bytes(whole[:-1])
    done = scanner.run("scan", "-o", "first", "--resume", "--width", "2", "d/part0")
    some.write_bytes(whole)
    yield "a capture that changed is named", done.returncode == 2 and some.name.encode() in done.stderr
    done = scanner.run("scan", "-o", "unbegun", "--temp-dir", "nowhere", "d/part0")
    yield "what no run can begin with begins no scan", done.returncode == 2 and not (folder / "unbegun").exists()
    done = scanner.run("scan", "-o", some, "d/part0")
    yield "a file is no directory for tables", done.returncode == 4 and some.read_bytes() == whole
    os.mkfifo(folder / "pipe")
    done = scanner.run("scan", "-o", "unbegun", "pipe")
    yield "a pipe is no input", done.returncode == 2 and not (folder / "unbegun").exists()
    for name in ("manifest.csv", "journal.csv"):
        (folder / f"no-{name}").mkdir()
        os.mkfifo(folder / f"no-{name}" / name)
        done = scanner.run("scan", "-o", f"no-{name}", "--resume", "d/part0")
        yield f"{name} that is a pipe is refused", done.returncode in (3, 4) and name.encode() in done.stderr
    scanner.run("scan", "-o", "locked", "d/part1")
    with open(folder / "locked" / "journal.csv", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = scanner.run("scan", "-o", "locked", "--resume", "d/part1")
    yield "two scans in one directory at the same time are refused", done.returncode == 2 and b"another scan" in done.stderr
    scanner.run("scan", "-o", "twice", "--shard", "1/2", "d/part1")
    with open(folder / "twice" / "journal-1-of-2.csv", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = scanner.run("scan", "-o", "twice", "--shard", "1/2", "--resume", "d/part1")
    yield "a shard that runs twice at the same time does no harm", \
        done.returncode in (0, 3) and (folder / "twice" / "journal-1-of-2.2.csv").exists()
    for words, arguments in (("no directory", ("d",)), ("no capture", ("-o", "x")), ("standard input", ("-o", "x", "-")),
                             ("--by without --shard", ("-o", "x", "--by", "hash", "d")),
                             ("another --by", ("-o", "x", "--shard", "1/2", "--by", "size", "d")),
                             ("--max-errors that is no number", ("-o", "x", "--max-errors", "some", "d")),
                             ("--fail-on of a shard", ("-o", "x", "--shard", "1/2", "--fail-on", "any", "d")),
                             ("too many shards by hash", ("-o", "x", "--shard", "1/65", "--by", "hash", "d"))):
        yield f"refused: {words}", scanner.run("scan", *arguments).returncode == 2
    yield "  and nothing was made", not (folder / "x").exists()


def endings(scanner):
    folder = scanner.folder
    many = folder / "e"
    many.mkdir()
    for at in range(12):
        (many / f"bad{at}.pcap").write_bytes((folder / "d" / "bad.pcap").read_bytes()[:100 - at])
    shutil.copytree(folder / "d" / "part2", many / "good")
    done = scanner.run("scan", "-q", "-o", "errors", "--max-errors", "3", "-j", "1", "e")
    yield "more than --max-errors: stopped with words, no tables", \
        done.returncode == 3 and b"--resume" in done.stderr and scanner.tables("errors")[0] is None
    done = scanner.run("scan", "-q", "-o", "errors", "--resume", "--max-errors", "12", "-j", "1", "e")
    scanner.run("report", "-q", "-R", "-o", "errors2", "e")
    yield "  --resume goes on, and each is a row", \
        done.returncode == 3 and scanner.tables("errors") == scanner.tables("errors2") and \
        scanner.tables("errors")[6].count(b"bad") >= 12
    for words, arguments, status in (("found", ("--fail-on", "any"), 1),
                                     ("not found", ("--fail-on", "setting_contradicted"), 0),
                                     ("not reported", ("--finding", "portscan", "--fail-on", "close_rst_active"), None)):
        name = "fail" + words.replace(" ", "")
        plain = scanner.run("report", "-q", "-R", "-o", name + "r", *arguments, "d/part1").returncode
        done = scanner.run("scan", "-q", "-o", name, *arguments, "d/part1")
        again = scanner.run("scan", "-q", "-o", name, "--resume", *arguments, "d/part1")
        yield f"--fail-on: {words}: the status of report, and again when it is over", \
            done.returncode == again.returncode == plain and (status is None or plain == status)
    shutil.copytree(folder / "d" / "part3", folder / "cut")
    last = sorted((folder / "cut").iterdir())[0]
    last.write_bytes(last.read_bytes()[:-5])
    yield "a cut last packet is status 0", scanner.run("scan", "-o", "cut0", "cut").returncode == 0
    yield "  with --strict 3", scanner.run("scan", "-o", "cut3", "--strict", "cut").returncode == 3
    done = scanner.run("scan", "--plan", "d")
    yield "--plan prints what is read together", \
        done.returncode == 0 and b"some.tar" in done.stdout and b": 5 files" in done.stdout
    yield "  in the order of time", re.findall(rb"ring_0000(\d)", done.stdout) == [b"3", b"4", b"0", b"1", b"2"]
    done = scanner.run("scan", "--plan", "--shard", "1/3", "d")
    yield "  and which shard reads it", all(f"shard {share}".encode() in done.stdout for share in (1, 2, 3))
    done = scanner.run("scan", "--plan", "--series", "each", "d")
    yield "--series each: no piece belongs to another", done.returncode == 0 and b": 5 files" not in done.stdout
    yield "--series: a word that is not known", scanner.run("scan", "--plan", "--series", "all", "d").returncode == 2
    scanner.run("report", "-q", "-R", "-o", "each1", "--series", "each", "d/ring")
    scanner.run("scan", "-q", "-o", "each2", "--series", "each", "d/ring")
    yield "  scan and report agree", scanner.tables("each1") == scanner.tables("each2") != [None] * len(TABLES) and \
        scanner.tables("each1")[6].count(b"\n") == 6
    done = scanner.run("flows", "--plan", "-R", "d/part1")
    yield "  for other commands too", done.returncode == 0 and b"item 1:" in done.stdout and b"flow_id" not in done.stdout


def terminals(scanner):
    """What a terminal shows while all is read; a pipe gets none of it."""
    for words, arguments, shown in (("on a terminal", (), True), ("but not with -q", ("-q",), False)):
        ours, theirs = os.openpty()
        running = subprocess.Popen([scanner.program, "scan", "-o", f"line{shown}", "-j", "1", *arguments, "d"], env=CLEAN,
                                   cwd=scanner.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        line = b""
        with contextlib.suppress(OSError):  # the other end was closed
            while piece := os.read(ours, 65536):
                line += piece
        os.close(ours)
        running.wait()
        seen = re.search(rb"\d+%, \d+/\d+ items, \d+\.\d . packets/s, \d+ flows", line) is not None
        yield f"progress {words}", seen == shown and (line.rstrip(b"\r\n").endswith(b"\x1b[K") or not shown)
    yield "and none in a pipe", b"%" not in scanner.run("scan", "-o", "line", "d").stderr


# ---- many ----

def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def segment(source, target, ports, seq, ack, flags):
    tcp = struct.pack(">HHIIBBHHH", *ports, seq % 2 ** 32, ack % 2 ** 32, 5 << 4, flags, 65535, 0, 0)
    pseudo = source + target + struct.pack(">BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0, source, target)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + tcp


def tiny(number):
    """One connection: opened, or refused every tenth time."""
    client, server = bytes([10, 1, number >> 8 & 255, number & 255]), bytes([10, 2, 0, number % 7 + 1])
    ports, back = (40000, 80), (80, 40000)
    ours, theirs = number * 1000003 + 100, number * 7919 + 500
    packets = [segment(client, server, ports, ours, 0, 2)]
    if number % 10 == 0:
        packets.append(segment(server, client, back, 0, ours + 1, 0x14))
    else:
        packets += [segment(server, client, back, theirs, ours + 1, 0x12),
                    segment(client, server, ports, ours + 1, theirs + 1, 0x10),
                    segment(client, server, ports, ours + 1, theirs + 1, 0x11),
                    segment(server, client, back, theirs + 1, ours + 2, 0x11),
                    segment(client, server, ports, ours + 2, theirs + 2, 0x10)]
    data = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
    for at, packet in enumerate(packets):
        data += struct.pack("<IIII", 1700000000 + number, at * 1000, len(packet), len(packet)) + packet
    return data


def watch_memory(running):
    """The most that it had at a time, in kB: asked until it ends."""
    peak = 0
    while running.poll() is None:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{running.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]))
        time.sleep(0.002)
    return peak


def many(scanner, count, most):
    """Names that share no pattern, so that each is a capture of its own."""
    folder = scanner.folder
    peaks = {}
    for files in (count // 10, count):
        place = folder / f"many{files}"
        place.mkdir()
        for number in range(files):
            letters = "".join(chr(97 + number // 26 ** power % 26) for power in range(4))
            (place / f"{letters}.pcap").write_bytes(tiny(number))
        start = time.monotonic()
        running = scanner.start("scan", "-q", "-o", f"out{files}", place.name)
        peaks[files] = watch_memory(running)
        out = running.communicate()[0]
        print(f"# {files} captures: {time.monotonic() - start:.1f} s, {peaks[files]} kB at most")
        rows = (folder / f"out{files}" / "captures.csv").read_text().count("\n") - 1 if running.returncode == 0 else 0
        yield f"{files} captures in one directory", running.returncode == 0 and rows == files
        lines = out.decode().splitlines()
        yield "  a summary of at most 25 lines of 80 columns, with the refusals", \
            0 < len(lines) <= 25 and all(len(line) <= 80 for line in lines) and any("refused" in line for line in lines)
        scanner.run("report", "-q", "-R", "-o", f"report{files}", place.name)
        yield "  the bytes of report", scanner.tables(f"out{files}") == scanner.tables(f"report{files}")
    each = (peaks[count] - peaks[count // 10]) * 1024 / (count - count // 10)
    print(f"# {each:.0f} bytes of memory for each capture more")
    yield f"memory grows by no more than {most} bytes for each capture, its rows and connections included", each < most


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", type=pathlib.Path)
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--many", type=int, default=2000)
    parser.add_argument("--growth", type=int, default=9000,
                        help="bytes of memory for each of these: with few, what waits to be written is most of it; sanitizers need more")
    parser.add_argument("--only", help="these groups, a comma list")
    parser.add_argument("--leave", default="", help="not these groups, a comma list")
    arguments = parser.parse_args()
    rand = random.Random(7)
    os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=1")
    CLEAN["ASAN_OPTIONS"] = CLEAN.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
    with tempfile.TemporaryDirectory() as name:
        scanner = Scanner(arguments.program, pathlib.Path(name))
        make(scanner.folder, arguments.captures)
        done = scanner.run("report", "-R", "-o", "report", "d")
        wanted = scanner.tables("report")
        groups = {
            "report": lambda: read(scanner, done, wanted),
            "wholes": lambda: wholes(scanner, wanted), "options": lambda: options(scanner),
            "shards": lambda: shards(scanner, wanted), "missing": lambda: missing(scanner, wanted),
            "schedulers": lambda: schedulers(scanner), "kills": lambda: kills(scanner, wanted, rand, arguments.kills),
            "interrupts": lambda: interrupts(scanner, wanted), "leftovers": lambda: leftovers(scanner, wanted), "journals": lambda: journals(scanner, wanted),
            "endings": lambda: endings(scanner), "refusals": lambda: refusals(scanner), "terminals": lambda: terminals(scanner),
            "many": lambda: many(scanner, arguments.many, arguments.growth)}
        left = arguments.leave.split(",")
        chosen = arguments.only.split(",") if arguments.only else [group for group in groups if group not in left]
        cases = [case for group in chosen for case in groups[group]()]
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
