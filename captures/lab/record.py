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
    middle.pcap    the same at a router between them, at its side towards the client
    router.pcap    the same at that router, on all its devices
    kernel.txt     the kernel's account: settings, counters, events, queues, and the truth only the script knows
    sockets.txt    every state of every socket, as the kernel changed it
    intent.txt     the findings that each connection must, may and must not get
    story.txt      line 1 what happened, then how it was made and what the kernel said

How it works: one process per scenario builds a bench (bench.py) of private network
namespaces, starts the watchers (tcpdump, account.py), plays the scenario (cases_*.py),
and renames the files into the case folder only if the kernel's counters confirm
the story.  Everything it made carries its process id and is removed on every exit path;
`clean` is for SIGKILL, which nobody can catch.

Needs: root, Linux with network namespaces, tracefs and BTF, ip, tcpdump, nft, ethtool, ss, bpftrace.
"""

import argparse
import contextlib
import fnmatch
import functools
import glob
import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # no litter in the project's folders

import account  # noqa: E402
import bench as lab  # noqa: E402
import cases  # noqa: E402
import host  # noqa: E402
import probe  # noqa: E402
import process as proc  # noqa: E402
import sockets  # noqa: E402
import words  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BROKEN = []  # families that could not be imported: `run all` is refused then
for family in sorted(glob.glob(f"{HERE}/cases_*.py")):  # importing a family enters its scenarios into the table
    try:
        importlib.import_module(os.path.basename(family)[:-3])
    except (ImportError, SyntaxError, NameError, TypeError) as error:
        BROKEN.append(f"{os.path.basename(family)}: {error}")

TOOLS = ("ip", "tcpdump", "nft", "ethtool", "ss", "mount", "bpftrace")
SETTLE = .05  # seconds: what was sent last is still on its way to the file
TRIES = 3  # a busy machine can spoil a recording: a lost race, a missed event; then it is made again
AGAIN = 75  # the exit status of a recording that may succeed another time (EX_TEMPFAIL)
MAY_PASS = (proc.Spoilt, TimeoutError, ConnectionError, subprocess.TimeoutExpired)
CLEAN_SECONDS = 5  # a process that was just killed takes a moment to let go
CAPTURES = os.path.dirname(HERE)

# -- one recording -------------------------------------------------------------------------------------

class Recording:
    """One scenario on one bench: watch, play, judge, keep."""

    def __init__(self, case, folder, probe_path, force=False):
        self.case, self.folder, self.force, self.probe_path = case, folder, force, probe_path
        number, self._guard = host.claim(case.name, case.alone)
        self.bench = lab.Bench(number, **case.bench)
        self.trace = account.Trace(f"tcalab-{os.getpid()}")
        self.captures = []

    def run(self):
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._guard)
            os.makedirs(self.folder, exist_ok=True)
            try:
                with proc.unbroken():
                    self.scratch = lab.scratch(self.folder)
                    undo.callback(shutil.rmtree, self.scratch, ignore_errors=True)
                undo.callback(self.trace.remove)
                undo.enter_context(self.bench)
                self._record(undo)
            finally:
                proc.hold()

    def _record(self, undo):
        self._prepare_captures(undo)
        self.trace.start()
        self.since, self.missed = time.monotonic(), probe.Probe.misses(self.probe_path)
        sampler = account.Sampler(self.bench.server, self.bench.client)
        undo.callback(sampler.stop)
        sampler.start()
        before = self._counters()
        self.case.play(self.bench)
        time.sleep(self.case.linger)
        sampler.stop()
        time.sleep(SETTLE)
        after = self._counters()  # of what the captures hold, and hardly more or less: connections may still go on
        self._stop_captures()  # before the trace, so that nothing is captured that was not traced
        drift = self.trace.stop()
        self.until = time.monotonic()
        self.missed = probe.Probe.misses(self.probe_path) - self.missed
        seen = changes(before, after)
        self._judge(seen)
        self._keep(before, after, seen, sampler, drift)

    def _keep(self, before, after, seen, sampler, drift):
        """Write the account beside the captures and move all of it into the case's folder."""
        raw = self._raw_events()
        lines = [(at, *account.describe(name, fields)) for at, name, fields in raw]
        probed = probe.Findings(self.probe_path, self.since, self.until, self._near, self.trace.offset)
        probe.Probe.misses(self.probe_path)  # raises if the probe ended before its last lines were read
        self.trace.lost += probed.lost
        self._write("kernel.txt", self._kernel(before, after, sampler, lines, probed.drops, drift))
        servers = (self.bench.server4, self.bench.server6)
        self._write("sockets.txt", sockets.text(raw, probed.mini, probed.drops, servers, self.until + self.trace.offset))
        self._write("intent.txt", self.bench.intent.text())
        self._write("story.txt", words.text_story(self.case, seen))
        for view in ("client.pcap", "middle.pcap", "router.pcap"):  # of an earlier recording that had more views
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.folder}/{view}")
        for name in os.listdir(self.scratch):
            os.replace(f"{self.scratch}/{name}", f"{self.folder}/{name}")

    # -- captures ---------------------------------------------------------------------------------

    def _prepare_captures(self, undo):
        case, bench = self.case, self.bench
        self.views = [(bench.tap_space, "capture.pcap", case.tap or bench.tap_device, case.capture_filter)]
        if case.client_view:
            self.views.append((bench.client, "client.pcap", "eth0", ""))
        if case.middle_view:
            self.views.append((bench.middle, "middle.pcap", "m0", ""))
        if case.router_view:
            self.views.append((bench.middle, "router.pcap", "any", ""))
        undo.callback(lambda: [capture.kill() for capture in self.captures])
        bench.capture_begin, bench.capture_end = self._begin_captures, self._end_captures
        bench.repeated_syns = self._repeated_syns
        if not case.windowed:
            self._begin_captures()

    def _begin_captures(self):
        case = self.case
        for space, name, device, filter_words in self.views:
            with proc.unbroken():
                self.captures.append(lab.Capture(space, f"{self.scratch}/{name}", case.snaplen, case.nanoseconds,
                                                 device, filter_words))

    def _end_captures(self):
        time.sleep(SETTLE)
        self._stop_captures()

    def _stop_captures(self):
        for capture in self.captures:
            capture.stop()

    # -- the account ------------------------------------------------------------------------------

    def _counters(self):
        return {"server": self.bench.server.counters(), "client": self.bench.client.counters()}

    def _judge(self, seen):
        wrong = cases.verify(self.case.says, seen)
        if self.missed:
            wrong.append(f"{self.missed} events were missed by the probe, so its account may be incomplete")
        if wrong and not self.force:
            raise lab.Spoilt("not kept: " + "; ".join(wrong))
        for line in wrong:
            print(f"record.py: {self.case.name}: kept although {line}", file=sys.stderr)

    def _near(self, text):
        """True for an address, or an event's text, of this bench."""
        return self._addresses.search(text)

    @functools.cached_property
    def _addresses(self):
        return re.compile(rf"(?<![\d.]){re.escape(self.bench.net4)}\.\d|(?<![\da-f:]){re.escape(self.bench.net6)}:")

    def _raw_events(self):
        return self.trace.events(self._near)

    def _repeated_syns(self, port):
        """Clients of one service port that repeated their SYN so far, by the kernel's events."""
        lines = [(at, *account.describe(name, fields)) for at, name, fields in self._raw_events()
                 if name == "tcp_retransmit_skb" and fields["dport"] == str(port)]
        return list(account.repeated_syns(lines))

    def _kernel(self, before, after, sampler, lines, drops, drift):
        yield f"Linux {os.uname().release.split('-')[0]}: its account of {self.case.name}"
        yield (f"event times are good to {(self.trace.uncertainty + abs(drift)) * 1e6 + 1:.0f} us on the capture's clock; "
               "the server is " + self.bench.server4)
        yield from words.text_settings(self.bench, self.case)
        yield from words.text_options(self.bench)
        yield from words.text_truth(self.bench)
        yield from words.text_counters(before, after)
        yield from words.text_samples(sampler)
        yield from words.text_syn_drops(lines)
        yield from words.text_events(lines, self.trace.lost)
        yield from words.text_drops(drops)

    def _write(self, name, lines):
        with open(f"{self.scratch}/{name}", "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)


def changes(before, after):
    return {side: {k: v - before[side].get(k, 0) for k, v in after[side].items()} for side in after}


# -- commands --------------------------------------------------------------------------------------------

def require_machine():
    if os.geteuid() != 0:
        raise lab.LabError("recording needs root: it makes network namespaces and reads the kernel's tracepoints")
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise lab.LabError("not installed: " + ", ".join(missing))


def choose(names):
    """The scenarios meant by names, families, patterns, or `all`."""
    if BROKEN:
        print("record.py: " + "; ".join(BROKEN), file=sys.stderr)
        if "all" in names:
            raise lab.LabError("not all scenarios can be read")
    chosen = []
    for name in names:
        fits = [n for n in cases.TABLE if name in ("all", n, n.split("/")[0]) or fnmatch.fnmatch(n, name)]
        if not fits:
            raise lab.LabError(f"no scenario is called {name}: see record.py list")
        chosen += [n for n in fits if n not in chosen]
    return chosen


def record_one(name, options):
    """Record in this process; every signal that can be caught ends in the tear-down."""
    case = cases.TABLE[name]
    proc.catch()
    recording = Recording(case, os.path.join(options.out, name), options.probe, options.force)
    signal.alarm(case.limit)  # waiting for others does not count
    recording.run()
    signal.alarm(0)


def record_many(names, options, check):
    """One process per scenario, --jobs at a time, the longest first, what must be alone last; how many failed.

    What a busy machine spoilt is made again.  `check` raises when going on is in vain.
    """
    table = cases.TABLE
    waiting = sorted(names, key=lambda n: (table[n].alone, -table[n].limit))
    command = [sys.executable, os.path.abspath(__file__), "run", "--out", options.out, "--probe", options.probe]
    command += ["--force"] * options.force
    running, tries, failed = {}, {}, 0
    try:
        while waiting or running:
            while waiting and len(running) < (1 if table[waiting[0]].alone else options.jobs):
                name = waiting.pop(0)
                tries[name] = tries.get(name, 0) + 1
                with proc.withheld():
                    running[name] = subprocess.Popen(command + [name])
            time.sleep(0.1)
            check()
            for name, process in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    if process.returncode == AGAIN and tries[name] < TRIES:
                        waiting.append(name)
                    else:
                        failed += process.returncode != 0
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
    if options.probe:
        record_one(names[0], options)
        print(f"recorded {names[0]}", flush=True)
        return 0
    proc.catch()
    with contextlib.ExitStack() as undo:
        try:
            with proc.unbroken():
                folder = undo.enter_context(tempfile.TemporaryDirectory(prefix=f"tcalab-{os.getpid()}-"))
                options.probe = os.path.join(folder, "probe.txt")
                watcher = probe.Probe(options.probe)
                undo.callback(watcher.stop)
            watcher.wait()
            failed = record_many(names, options, watcher.check)
        finally:
            proc.hold()
    print(f"{len(names) - failed} recorded, {failed} failed")
    return 1 if failed else 0


def command_list(_options):
    for name, case in cases.TABLE.items():
        print(f"{name:32} {case.sentence}")
    return 0


def command_clean(options):
    """Undo what runs left behind whose process is gone: host's settings, namespaces, tracing instances, folders."""
    require_machine()
    account.mount_tracing()
    end = time.monotonic() + CLEAN_SECONDS
    while (failed := sweep(options.out)) and time.monotonic() < end:
        time.sleep(0.3)
    if failed:
        raise lab.LabError("; ".join(failed))
    return 0


def sweep(out):
    """One round of cleaning; what could not be undone yet."""
    failed = []
    for what, act in list(leftovers(out)):
        try:
            act()
            print(what)
        except (lab.LabError, OSError) as error:
            failed.append(f"not {what}: {error}")
    return failed


def leftovers(out):
    """(what will have been done, how to do it) for everything of recorders that are gone."""
    for path, pid in host.changed_settings():
        if proc.gone(pid):
            yield f"restored the host's settings of {path}", functools.partial(host.restore, path)
    for entry in sorted(os.listdir("/run/netns") if os.path.isdir("/run/netns") else []):
        if is_orphan(entry):
            yield f"removed namespace {entry}", functools.partial(remove_namespace, entry)
    for entry in sorted(os.listdir(f"{account.TRACING}/instances")):
        if is_orphan(entry):
            yield f"removed tracing instance {entry}", account.Trace(entry).remove
    litter = glob.glob(f"{glob.escape(out)}/*/*/.recording-*") + glob.glob(f"{tempfile.gettempdir()}/tcalab-*-*")
    for folder in litter:
        if is_orphan("tcalab-" + os.path.basename(folder).split("-")[1]):
            yield f"removed {folder}", functools.partial(shutil.rmtree, folder)


def remove_namespace(name):
    for pid in lab.run("ip", "netns", "pids", name).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGTERM)  # the tcpdump of that run
    lab.run("ip", "netns", "del", name)


def is_orphan(name):
    match = re.fullmatch(r"tcalab-(\d+)(-[cmswx])?", name)
    return bool(match) and proc.gone(match[1])


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("list", help="list the scenarios").set_defaults(act=command_list)
    runner = commands.add_parser("run", help="record scenarios")
    runner.add_argument("name", nargs="+", help="a scenario, a family, a pattern, or all")
    runner.add_argument("--jobs", type=positive, default=6, help="scenarios at a time (default: %(default)s)")
    runner.add_argument("--force", action="store_true", help="keep a recording which the kernel's counters contradict")
    runner.add_argument("--probe", help=argparse.SUPPRESS)  # the file of the probe that the parent process started
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
        return AGAIN if isinstance(error, MAY_PASS) and getattr(options, "probe", None) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
