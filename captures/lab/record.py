#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make this project's captures from a real kernel, with the kernel's own account beside them.

    record.py list                        the scenarios, one line each
    record.py run NAME... [--out DIR]     record some (a name, or a family such as queue)
    record.py run all [--jobs N]          record all of them
    record.py clean                       remove what a killed run left behind

A case is a folder FAMILY/CASE with
    capture.pcap   what tcpdump saw at the server's interface
    client.pcap    the same traffic at the client's, where that teaches something else
    kernel.txt     the kernel's account: settings, counters, events, queues, and the truth only the script knows
    story.txt      line 1 what happened, then how it was made and what the kernel said

How it works: one process per scenario builds a bench (bench.py) of private network
namespaces, starts the watchers (tcpdump, account.py), plays the scenario (cases_*.py),
and renames the four files into the case folder only if the kernel's counters confirm
the story.  Everything it made carries its process id and is removed on every exit path;
`clean` is for SIGKILL, which nobody can catch.

Needs: root, Linux with network namespaces and tracefs, ip, tcpdump, nft, ethtool, ss.
"""

import argparse
import contextlib
import fnmatch
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # no litter in the project's folders

import account  # noqa: E402
import bench as lab  # noqa: E402
import cases  # noqa: E402
import cases_close  # noqa: E402,F401  (importing a family enters its scenarios into the table)
import cases_handshake  # noqa: E402,F401
import cases_queue  # noqa: E402,F401
import cases_reset  # noqa: E402,F401
import cases_timewait  # noqa: E402,F401

TOOLS = ("ip", "tcpdump", "nft", "ethtool", "ss", "mount")
CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
EVENT_LINES = 300  # of kernel.txt; what is left out is still counted in the totals
CAPTURES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Settings that decide the numbers in nearly every story; a case adds those of its own.
SYSCTLS = ("net.ipv4.tcp_timestamps", "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syn_retries",
           "net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_abort_on_overflow",
           "net.ipv4.tcp_max_syn_backlog", "net.core.somaxconn", "net.ipv4.tcp_fin_timeout",
           "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_rfc1337")


# -- the kernel's account as text ----------------------------------------------------------------------

def stamp(epoch):
    return f"{epoch:.6f}"


def text_settings(bench, case):
    yield "[settings]"
    for key in SYSCTLS + case.sysctls:
        values = [space.read_sysctl(key) for space in (bench.server, bench.client)]
        yield f"{key} server={values[0]} client={values[1]}"


def text_truth(bench):
    yield "[truth] what the script did, by its own clock (epoch seconds)"
    dated = [fact for fact in bench.facts if fact[0] is not None] + bench.server.judged + bench.client.judged
    if bench.relay:
        dated += [(at, f"the wire {word}: {segment}") for at, word, segment in bench.relay.log]
    yield from (f"{stamp(at)} {text}" for at, text in sorted(dated))
    yield from (text for at, text in bench.facts if at is None)


def text_counters(before, after):
    for side in ("server", "client"):
        yield f"[counters of the {side}] differences, without zeros"
        for key, value in sorted(after[side].items()):
            if value != before[side].get(key, 0):
                yield f"{key} {value - before[side].get(key, 0)}"


def text_samples(rows):
    if rows:
        yield "[accept queues of the server] ss -lnt: epoch seconds, listener, queued, limit"
        yield from (f"{at:.3f} {local} {queued} {limit}" for at, local, queued, limit in rows)


def text_syn_drops(lines):
    """The clients that had to repeat their SYN, from the kernel's own retransmissions."""
    repeated = {}
    for _, what, local, _, detail in lines:
        if what == "repeats" and detail == "SYN_SENT":
            repeated[local] = repeated.get(local, 0) + 1
    if repeated:
        yield f"[repeated SYNs] {len(repeated)} client sockets, {sum(repeated.values())} repetitions: client=count"
        items = [f"{client}={count}" for client, count in repeated.items()]
        yield from (" ".join(items[i:i + 6]) for i in range(0, len(items), 6))


def text_events(lines, lost):
    yield f"[event totals] {len(lines)} events" + (f", AND {lost} LOST BY THE TRACE BUFFER" if lost else "")
    yield from (f"{count} {what}" for what, count in sorted(account.totals(lines).items()))
    yield "[events] epoch seconds, local end, remote end, what"
    for at, what, local, remote, detail in lines[:EVENT_LINES]:
        yield f"{stamp(at)} {local} {remote} {what} {detail}".rstrip()
    if len(lines) > EVENT_LINES:
        yield f"(cut: {len(lines) - EVENT_LINES} more events are counted in the totals above)"


# -- one recording -------------------------------------------------------------------------------------

def only_one(number):
    """Refuse to record one scenario twice at the same time: the two would share addresses, and so events."""
    guard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        guard.bind(f"\0tcautopsy-lab-{number}")
    except OSError:
        raise lab.LabError("this scenario is being recorded by another process") from None
    return guard


class Recording:
    """One scenario on one bench: watch, play, judge, keep."""

    def __init__(self, case, folder, force=False):
        self.case, self.folder, self.force = case, folder, force
        self.bench = lab.Bench(case.number, **case.bench)
        self.trace = account.Trace(f"tcalab-{os.getpid()}")

    def run(self):
        with contextlib.ExitStack() as undo:
            undo.enter_context(only_one(self.case.number))
            os.makedirs(self.folder, exist_ok=True)
            self.scratch = lab.scratch(self.folder)
            undo.callback(shutil.rmtree, self.scratch, ignore_errors=True)
            undo.callback(self.trace.remove)
            undo.enter_context(self.bench)
            self._record(undo)

    def _record(self, undo):
        captures = self._start_captures(undo)
        self.trace.start()
        sampler = account.QueueSampler(self.bench.server)
        undo.callback(sampler.stop)
        sampler.start()
        before = self._counters()
        self.case.play(self.bench)
        time.sleep(self.case.linger)
        after = self._counters()
        sampler.stop()
        drift = self.trace.stop()
        for capture in captures:
            capture.stop()
        self._judge(before, after)
        lines = self._events()
        self._write("kernel.txt", self._kernel(before, after, sampler.rows, lines, drift))
        self._write("story.txt", self._story(before, after))
        for name in os.listdir(self.scratch):
            os.replace(f"{self.scratch}/{name}", f"{self.folder}/{name}")

    def _start_captures(self, undo):
        captures = []
        views = [(self.bench.server, "capture.pcap")]
        if self.case.client_view:
            views.append((self.bench.client, "client.pcap"))
        for space, name in views:
            capture = lab.Capture(space, f"{self.scratch}/{name}", self.case.snaplen, self.case.nanoseconds)
            undo.callback(capture.kill)
            captures.append(capture)
        return captures

    def _counters(self):
        return {"server": self.bench.server.counters(), "client": self.bench.client.counters()}

    def _judge(self, before, after):
        wrong = cases.verify(self.case.says, changes(before, after))
        if wrong and not self.force:
            raise lab.LabError("the kernel does not confirm the story: " + "; ".join(wrong))
        for line in wrong:
            print(f"record.py: {self.case.name}: kept although {line}", file=sys.stderr)

    def _events(self):
        near = re.compile(re.escape(self.bench.net4) + r"\.\d|" + re.escape(self.bench.net6))
        found = self.trace.events(near.search)
        return [(at, *account.describe(name, fields)) for at, name, fields in found]

    def _kernel(self, before, after, rows, lines, drift):
        yield f"Linux {os.uname().release.split('-')[0]}: its account of {self.case.name}"
        yield (f"event times are good to {(self.trace.uncertainty + abs(drift)) * 1e6 + 1:.0f} us on the capture's clock; "
               "the server is " + self.bench.server4)
        yield from text_settings(self.bench, self.case)
        yield from text_truth(self.bench)
        yield from text_counters(before, after)
        yield from text_samples(rows if self.case.name.startswith("queue/") else [])
        yield from text_syn_drops(lines)
        yield from text_events(lines, self.trace.lost)

    def _story(self, before, after):
        yield self.case.sentence
        yield ""
        yield from fold(self.case.details)
        yield f"Made by: captures/lab/record.py run {self.case.name}"
        seen = changes(before, after)
        for key in self.case.says:
            side, _, name = key.partition(".")
            yield f"The {side}'s kernel counted: {name} {seen[side].get(name, 0)}"

    def _write(self, name, lines):
        with open(f"{self.scratch}/{name}", "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)


def changes(before, after):
    return {side: {k: v - before[side].get(k, 0) for k, v in after[side].items()} for side in after}


def fold(text, width=100):
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = ""
        line += (" " if line else "") + word
    if line:
        yield line


# -- commands --------------------------------------------------------------------------------------------

def require_machine():
    if os.geteuid() != 0:
        raise lab.LabError("recording needs root: it makes network namespaces and reads the kernel's tracepoints")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise lab.LabError("not installed: " + ", ".join(missing))


def choose(names):
    """The scenarios meant by names, families, patterns, or `all`."""
    chosen = []
    for name in names:
        fits = [n for n in cases.TABLE if name in ("all", n, n.split("/")[0]) or fnmatch.fnmatch(n, name)]
        if not fits:
            raise lab.LabError(f"no scenario is called {name}: see record.py list")
        chosen += [n for n in fits if n not in chosen]
    return chosen


def give_up(signum, _frame):
    for other in CAUGHT:
        signal.signal(other, signal.SIG_IGN)  # nothing may interrupt the tear-down that follows
    raise lab.LabError("took longer than its limit" if signum == signal.SIGALRM else "interrupted")


def catch_signals():
    for signum in CAUGHT:
        signal.signal(signum, give_up)


def record_one(name, out, force):
    """Record in this process; every signal that can be caught ends in the tear-down."""
    case = cases.TABLE[name]
    catch_signals()
    signal.alarm(case.limit)
    Recording(case, os.path.join(out, name), force).run()
    signal.alarm(0)


def record_many(names, options):
    """One process per scenario, --jobs at a time, the longest first; returns how many failed."""
    waiting = sorted(names, key=lambda n: -cases.TABLE[n].limit)
    catch_signals()
    command = [sys.executable, os.path.abspath(__file__), "run", "--out", options.out] + ["--force"] * options.force
    running, failed = {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < options.jobs:
                name = waiting.pop(0)
                running[name] = subprocess.Popen(command + [name])
            time.sleep(0.1)
            for name, process in list(running.items()):
                if process.poll() is not None:
                    failed += process.returncode != 0
                    del running[name]
    finally:
        for process in running.values():  # none, unless a signal came
            process.terminate()
        for process in running.values():
            process.wait()
    return failed


def command_run(options):
    require_machine()
    account.mount_tracing()
    names = choose(options.name)
    if len(names) > 1:
        return 1 if record_many(names, options) else 0
    record_one(names[0], options.out, options.force)
    print(f"recorded {names[0]}")
    return 0


def command_list(_options):
    for name, case in cases.TABLE.items():
        print(f"{name:32} {case.sentence}")
    return 0


def command_clean(options):
    """Remove the namespaces, tracing instances and unfinished folders of runs whose process is gone."""
    require_machine()
    account.mount_tracing()
    for entry in sorted(os.listdir("/run/netns") if os.path.isdir("/run/netns") else []):
        if is_orphan(entry):
            for pid in lab.run("ip", "netns", "pids", entry).split():
                os.kill(int(pid), signal.SIGTERM)  # the tcpdump of that run
            lab.run("ip", "netns", "del", entry)
            print(f"removed namespace {entry}")
    for entry in sorted(os.listdir(f"{account.TRACING}/instances")):
        if is_orphan(entry):
            account.Trace(entry).remove()
            print(f"removed tracing instance {entry}")
    for folder in glob.glob(f"{glob.escape(options.out)}/*/*/.recording-*"):
        if is_orphan("tcalab-" + os.path.basename(folder).split("-")[1]):
            shutil.rmtree(folder)
            print(f"removed {folder}")
    return 0


def is_orphan(name):
    match = re.fullmatch(r"tcalab-(\d+)(-[cms])?", name)
    return bool(match) and not os.path.isdir(f"/proc/{match[1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("list", help="list the scenarios").set_defaults(act=command_list)
    runner = commands.add_parser("run", help="record scenarios")
    runner.add_argument("name", nargs="+", help="a scenario, a family, a pattern, or all")
    runner.add_argument("--jobs", type=int, default=6, help="scenarios at a time (default: %(default)s)")
    runner.add_argument("--force", action="store_true", help="keep a recording which the kernel's counters contradict")
    runner.set_defaults(act=command_run)
    cleaner = commands.add_parser("clean", help="remove what a killed run left behind")
    cleaner.set_defaults(act=command_clean)
    for command in (runner, cleaner):
        command.add_argument("--out", default=CAPTURES, help="folder of the case folders (default: this project's captures)")
    options = parser.parse_args()
    try:
        return options.act(options)
    except (lab.LabError, OSError, subprocess.TimeoutExpired) as error:
        print(": ".join(["record.py", *getattr(options, "name", []), str(error)]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
