#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shards under a real Slurm give the bytes of one scan: the scripts of docs/cluster.md, on two nodes, with mishaps.

  cluster.py CAPTURES PROGRAM DOCUMENT [--full]

A task is killed midway, and resubmitted by what --missing prints; a shard runs twice at the same time; a merge runs too early. With
--full in more shards, and a node is lost: its task goes on as an orphan, while what is missing is resubmitted, and Slurm starts it again in
the end.

What is midway is no matter of luck: the program that jobs find is a script, which connects standard error of a chosen task to a
gate, a pipe so full that only some lines more go in (--verbose says one for each capture). There it stands until the gate is opened.
"""

import argparse
import contextlib
import fcntl
import functools
import gzip
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import threading
import time

sys.dont_write_bytecode = True  # no litter in the source tree
HERE = pathlib.Path(__file__).resolve().parent
for neighbour in ("lab", "docs"):
    sys.path.insert(0, str(HERE.parent / neighbour))

import report  # noqa: E402
import slurm  # noqa: E402
from document import fenced  # noqa: E402

TABLES = ("flows.csv", "events.csv", "listeners.csv", "states.csv", "counters.csv", "settings.csv", "captures.csv",
          "summary.txt", "report.html")
SCRIPTS = ("shard.sh", "merge.sh", "submit.sh")
SIZES = range(3000, 30000)  # of captures: so that each shard has several
PIPE = 4096
LINE = len("tcpautopsy: reading d/s0/t0.pcap.gz\n")  # the longest that a gate meets; names are made to be much alike
BEFORE = len("tcpautopsy: sandbox: off\n")  # what it says there inside is of any length
ROOM = BEFORE + 5 * LINE // 2  # two lots are begun by two threads; the third line, when one of them is done, stands

PROGRAM = """\
#!/bin/sh
# Runs the program; where a gate waits for this task, what it says goes there.
for gate in "$GATES/$SLURM_ARRAY_TASK_ID".*.gate; do
    taken=${{gate%.gate}}
    if mv "$gate" "$taken" 2>/dev/null; then
        echo "$$ $SLURMD_NODENAME" >"$taken.tmp" && mv "$taken.tmp" "$taken.who"
        exec {program} "$@" -v --no-sandbox 2>"$taken"
    fi
done
exec {program} "$@"
"""


# ---- the archive ----

def pieces_of(data, count):
    """A capture as that many, whole records, each with the file header."""
    ends, at = [], 24
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        ends.append(at)
    cuts = [24] + [ends[len(ends) * turn // count - 1] for turn in range(1, count)] + [len(data)]
    return [data[:24] + data[one:next_one] for one, next_one in zip(cuts, cuts[1:])]


def make_archive(folder, captures, count):
    """Captures that stand alone, two that were cut while they were written, and an archive."""
    cases = [case for case in sorted(captures.glob("*/*/capture.pcap")) if case.stat().st_size in SIZES]
    chosen = cases[::len(cases) // count][:count]
    for at, case in enumerate(chosen):
        (folder / f"{chr(97 + at // 26)}{chr(97 + at % 26)}.pcap").write_bytes(case.read_bytes())
    for name, ending, pack in (("queue/rec_slow_service", "pcap.gz", lambda data: gzip.compress(data, mtime=0)),
                               ("pressure/rec_flash_crowd", "pcap", bytes)):
        place = folder / ("s0" if ending.endswith("gz") else "s1")
        place.mkdir()
        for at, piece in enumerate(pieces_of((captures / name / "capture.pcap").read_bytes(), 5)):
            (place / f"t{at}.{ending}").write_bytes(pack(piece))
    with tarfile.open(folder / "t.tar", "w") as archive:
        for at, case in enumerate(cases[1:9:3]):
            archive.add(case, f"{'abc'[at]}.pcap")


def scripts_of(document):
    """The job scripts that people copy: what is told is what is tried."""
    found = {}
    for block in (block for language, block in fenced(document.read_text()) if language == "bash"):
        name = re.match(r"#!.*\n# (\w+\.sh) ", block)
        if name:
            found[name.group(1)] = block
    return found


# ---- gates ----

class Gate:
    """Holds one run of a task midway, until it is opened."""

    def __init__(self, folder, task, name):
        self.path = folder / f"{task}.{name}"
        os.mkfifo(f"{self.path}.gate.tmp")
        self.pipe = os.open(f"{self.path}.gate.tmp", os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.pipe, fcntl.F_SETPIPE_SZ, PIPE)
        os.write(self.pipe, b"-" * (PIPE - ROOM))
        os.rename(f"{self.path}.gate.tmp", f"{self.path}.gate")

    def who(self):
        """The process that stands there, and its node."""
        path = pathlib.Path(f"{self.path}.who")
        slurm.until("a task to begin", path.exists)
        pid, node = path.read_text().split()
        return int(pid), node

    def hold(self):
        """Until it stands there: no other line goes in. Its first lot may not be done yet."""
        def is_full():
            count = fcntl.ioctl(self.pipe, termios.FIONREAD, b"\0" * 4)
            return struct.unpack("i", count)[0] > PIPE - LINE
        slurm.until("a task to stand at its gate", is_full)
        return self.who()

    def open(self):
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """As long as this process lives: the end of one that writes is none of the gate."""
        with contextlib.suppress(OSError):
            while True:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.pipe, PIPE)
                time.sleep(0.01)


# ---- a scan, submitted ----

class Trial:
    """One scan in shards: its folders, and what was seen of it."""

    def __init__(self, cluster, work, program, count, by):
        self.cluster, self.work, self.program, self.count = cluster, work, program, count
        self.out, self.parts = f"out-{by}-{count}", f"parts-{by}-{count}"
        self.arguments = [str(count), "--by", by, "@list"]
        self.gates = work / f"gates-{by}-{count}"
        self.gates.mkdir()

    def run(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], cwd=self.work, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=slurm.PATIENCE, check=False)

    def ask(self, *command):
        path = f"{self.work / 'bin'}:{os.environ['PATH']}"
        return self.cluster.ask(*command, cwd=self.work, environment={"PATH": path, "GATES": str(self.gates)})

    def gate(self, task, name):
        return Gate(self.gates, task, name)

    def submit(self):
        """By the script: the array's number or None, and that of the merge."""
        words = self.ask("bash", "submit.sh", self.out, self.parts, *self.arguments)
        array = re.search(r"^shards \S+: job (\d+)", words, re.M)
        return array and array.group(1), re.search(r"^merge: job (\d+)", words, re.M).group(1)

    def missing(self):
        return self.run("merge", "--missing", self.parts).stdout.strip()

    def parts_there(self):
        return {path.name: path.stat().st_ino for path in (self.work / self.parts / "parts").glob("*.part")}

    def noted(self, journal):
        """Parts that a journal tells of."""
        path = self.work / self.parts / journal
        lines = path.read_text().splitlines() if path.exists() else []
        return {line.split(",")[3] for line in lines if line.startswith("part,")}

    def made(self):
        return (self.work / self.out).exists()

    def midway(self, task):
        """Some parts of this shard are there, and it is still missing."""
        slurm.until("a part to be done", lambda: self.noted(f"journal-{task}-of-{self.count}.csv"))
        return str(task) in numbers(self.missing())

    def same(self, wanted):
        return tables(self.work / self.out) == wanted


def numbers(missing):
    """What --missing prints, one by one."""
    every = []
    for word in missing.split(",") if missing else ():
        first, _, last = word.partition("-")
        every += [str(one) for one in range(int(first), int(last or first) + 1)]
    return every


def tables(folder):
    return [path.read_bytes() if path.exists() else None for path in (folder / table for table in TABLES)]


def others_over(trial, array, task):
    """All tasks but this one."""
    slurm.until("the other tasks to end", lambda: set(trial.cluster.tasks(array)) == {task}, pause=0.2)


# ---- mishaps ----

def killed_and_twice(trial, wanted, by_user):
    """A shard is killed midway, by the user or else as the kernel does without memory; then it runs twice at the same time."""
    task = trial.count
    held = trial.gate(task, "killed")
    array, merge = trial.submit()
    pid, _ = held.hold()
    yield "a task is midway", trial.midway(task)
    others_over(trial, array, task)
    yield "  all others are done, and it alone is missing", trial.missing() == str(task)
    done = trial.run("merge", "-o", trial.out, trial.parts)
    yield "  a merge that comes too early is refused, and makes nothing", \
        done.returncode == 3 and "missing" in done.stderr and not trial.made()
    before = trial.parts_there()
    if by_user:
        trial.ask("scancel", "--full", "--signal=KILL", f"{array}_{task}")
    else:
        os.kill(pid, signal.SIGKILL)
    record = trial.cluster.wait(array)[task]
    yield f"  killed: {record['JobState']}, {record['ExitCode']}", \
        record["JobState"] == ("CANCELLED" if by_user else "FAILED") and record["ExitCode"] == "0:9"
    record = trial.cluster.wait(merge)[None]
    yield "  the merge behind the array runs all the same, refuses, and makes nothing", \
        record["JobState"] == "FAILED" and record["ExitCode"] == "3:0" and not trial.made()
    held = [trial.gate(task, "one"), trial.gate(task, "other")]
    array, merge = trial.submit()
    twin = trial.ask("sbatch", "--parsable", f"--array={task}", "shard.sh", trial.parts, *trial.arguments[1:])
    nodes = {gate.hold()[1] for gate in held}
    yield "resubmitted by what is missing, and once more: both run, each on a node", nodes == set(slurm.NODES)
    yield "  both are midway", trial.midway(task)
    journals = [f"journal-{task}-of-{trial.count}{ending}.csv" for ending in ("", ".2")]
    for gate in held:
        gate.open()
    records = [trial.cluster.wait(one) for one in (array, twin)]
    yield "  both end well", all(one[task]["ExitCode"] == "0:0" for one in records)
    yield "  at the same time, and made the same parts", bool(trial.noted(journals[0]) & trial.noted(journals[1]))
    after = trial.parts_there()
    yield "  what was done before the kill was not done again", \
        any(after.get(name) == inode for name, inode in before.items() if name in trial.noted(journals[0]))
    record = trial.cluster.wait(merge)[None]
    yield "the merge gives the bytes of one scan", record["ExitCode"] == "0:0" and trial.same(wanted)
    yield "  nothing is missing", trial.missing() == ""


def undisturbed(trial, wanted):
    array, merge = trial.submit()
    records = trial.cluster.wait(array)
    yield f"{trial.count} tasks end well", \
        len(records) == trial.count and all(one["ExitCode"] == "0:0" for one in records.values())
    yield "  the merge behind them gives the bytes of one scan", \
        trial.cluster.wait(merge)[None]["ExitCode"] == "0:0" and trial.same(wanted)


def node_lost(trial, wanted):
    """A node is lost with a task midway, which goes on unseen."""
    cluster, task = trial.cluster, trial.count
    orphan = trial.gate(task, "orphan")
    array, merge = trial.submit()
    pid, node = orphan.hold()
    yield "a task is midway", trial.midway(task)
    others_over(trial, array, task)
    cluster.lose_node(node)
    started = time.monotonic()
    slurm.until("Slurm to see it", lambda: "down" in " ".join(cluster.node_states()), pause=0.5)
    print(f"# node down after {time.monotonic() - started:.0f} s")
    yield "its node is lost: the task goes on, an orphan", slurm.is_running(pid)
    again = trial.gate(task, "again")
    second, second_merge = trial.submit()
    yield "what is missing is resubmitted, on the node that is left", again.hold()[1] != node
    for gate in (orphan, again):
        gate.open()
    yield "  it ends well", cluster.wait(second)[task]["ExitCode"] == "0:0"
    slurm.until("the orphan to end", lambda: not slurm.is_running(pid))
    yield "  and so does the orphan, which made the same parts", \
        bool(trial.noted(f"journal-{task}-of-{trial.count}.csv") & trial.noted(f"journal-{task}-of-{trial.count}.2.csv"))
    yield "  the merge gives the bytes of one scan", \
        cluster.wait(second_merge)[None]["ExitCode"] == "0:0" and trial.same(wanted)
    shutil.rmtree(trial.work / trial.out)
    cluster.start_node(node)
    slurm.until("the node to come back", lambda: cluster.node_states().count("down") == 0, pause=0.5)
    record = cluster.wait(array, 300)[task]
    print(f"# started again by Slurm, and over, {time.monotonic() - started:.0f} s after the loss")
    yield "Slurm starts the task again by itself: it finds its parts, and ends well", \
        record["ExitCode"] == "0:0" and record["Restarts"] == "1"
    yield "  and the first merge, which waited for that, gives the same", \
        cluster.wait(merge)[None]["ExitCode"] == "0:0" and trial.same(wanted)


# ---- all of it ----

def ensure_packages():
    """As root what is missing is installed, and said; as anybody else it is said."""
    missing = slurm.missing_programs()
    if missing:
        print(f"# {', '.join(missing)}: missing; packages: {' '.join(slurm.PACKAGES)}", flush=True)
        subprocess.run(["bash", "-c", '. "$0" && install_packages "$@"', str(HERE.parent / "tools" / "install.sh"), *slurm.PACKAGES],
                       stdout=sys.stderr, check=False, timeout=600)
    return not slurm.missing_programs()


def prepare(work, arguments):
    """The folder that all machines see."""
    (work / "d").mkdir()
    make_archive(work / "d", arguments.captures, 100 if arguments.full else 24)
    names = sorted(path.relative_to(work) for path in (work / "d").rglob("*.*"))
    (work / "list").write_text("".join(f"{name}\n" for name in names))
    (work / "bin").mkdir()
    (work / "bin" / "tcpautopsy").write_text(PROGRAM.format(program=os.path.abspath(arguments.program)))
    (work / "bin" / "tcpautopsy").chmod(0o755)
    scripts = scripts_of(arguments.document)
    for name, text in scripts.items():
        (work / name).write_text(text)
    return set(scripts) == set(SCRIPTS)


def trials(cluster, work, arguments, wanted):
    """How it is cut, in how many shards, what happens to them."""
    by_user = functools.partial(killed_and_twice, by_user=True)
    by_kernel = functools.partial(killed_and_twice, by_user=False)
    small = (("series", 3, by_user), ("hash", 3, by_kernel))
    full = (("series", 12, by_user), ("hash", 8, by_kernel), ("series", 50, undisturbed), ("series", 4, node_lost),
            ("hash", 4, node_lost))
    for number, (by, count, happens) in enumerate(full if arguments.full else small, 1):
        if arguments.only in (None, number):
            trial = Trial(cluster, work, arguments.program, count, by)
            for words, good in happens(trial, wanted):
                yield f"{count} by {by}: {words}", good


def cases_of(arguments, folder):
    work = folder / "work"
    work.mkdir()
    yield "the document has the job scripts", prepare(work, arguments)
    local = subprocess.run([arguments.program, "scan", "-q", "-o", "local", "@list"], cwd=work, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=300, check=False)
    wanted = tables(work / "local")
    yield "scan on this machine alone", local.returncode == 0 and None not in wanted
    with slurm.Slurm(folder / "slurm", **({"lost_after": 8} if arguments.full else {})) as cluster:
        yield "Slurm has two nodes", True
        yield from trials(cluster, work, arguments, wanted)
    yield "Slurm is stopped, and no process of it is left", not slurm.descendants(os.getpid())


def show_logs(folder):
    """For people, when something went wrong."""
    daemons = (path for path in folder.glob("slurm/log/*") if path.suffix != ".out")
    for path in sorted([*daemons, *folder.glob("slurm/munge/log"), *folder.glob("work/*.log")]):
        for line in path.read_text(errors="replace").splitlines()[-12:]:
            print(f"# {path.name}: {line}")


def tell(arguments, folder, tap):
    try:
        for words, good in cases_of(arguments, folder):
            tap.point(good, words)
            sys.stdout.flush()
    except slurm.Trouble as error:
        tap.point(False, str(error))
    if tap.failed:
        show_logs(folder)


def stop(number, _frame):
    """As an exception, so that everything is stopped and removed on the way out."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def run(arguments):
    tap = report.Tap()
    tap.point(ensure_packages(), f"Slurm and munge are there ({' '.join(slurm.PACKAGES)})")
    if not tap.failed:
        with tempfile.TemporaryDirectory() as name:
            tell(arguments, pathlib.Path(name), tap)
    tap.plan()
    return 1 if tap.failed else 0


def run_apart(body):
    """In a child of its own session, which cleans up whatever becomes of this process: killed, the child is told by the kernel."""
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    parent, child = os.getpid(), os.fork()
    if child == 0:
        os.setsid()
        for number in signals:
            signal.signal(number, stop)
        slurm.die_with_parent(signal.SIGTERM)
        return body() if os.getppid() == parent else 1
    for number in signals:
        signal.signal(number, lambda *_: os.kill(child, signal.SIGTERM))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", type=pathlib.Path)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("document", type=pathlib.Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", type=int, help="this trial, from 1")
    arguments = parser.parse_args()
    return run_apart(lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
