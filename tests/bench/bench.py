#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the program costs, beside the bare libpcap loop (B) and what other tools cost, on captures that are made here.

    bench.py BUILD [--packets N...] [--quick] [--kinds LIST] [--only LIST] [--rounds N] [--json FILE]
    bench.py BUILD --instructions          instructions per packet, as callgrind counts them
    bench.py --show FILE                   the table of raw figures that were kept

BUILD is a meson build folder, of an optimized build (--buildtype=release). Programs run one after the other, in rounds; a
ratio is the median of the rounds' ratios against B in the same round. What they print is thrown away. CPU time is user
and system together: on a machine that others use as well it says more than wall time, which is given beside it. Tools that
are not installed are left out. The last column is the number of connections a tool found, and how many there are.
"""

import argparse
import csv
import dataclasses
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import measure  # noqa: E402

KINDS = {"mixed": 1.0, "flood": 1.0, "big": 1.0, "full": 0.24}  # times --packets
BASE = "B"
INSTRUCTION_PACKETS = 100_000


@dataclasses.dataclass(frozen=True)
class Tool:
    """One way to read a capture: {file} stands for its name."""

    name: str
    command: tuple
    count: object = None  # (tool, file) -> connections found
    most: dict = dataclasses.field(default_factory=dict)  # packets, of each kind, beyond which it is not asked


def output(command):
    """All that it prints."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    return done.stdout


def lines_of(command, source=subprocess.DEVNULL):
    """The number of lines it prints."""
    with subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        count = sum(block.count(b"\n") for block in iter(lambda: process.stdout.read(1 << 16), b""))
    return count if process.returncode == 0 else None


def first_number(pattern, text):
    found = re.search(pattern, text)
    return int(found.group(1)) if found else None


def count_flows(tool, file):
    lines = lines_of([*fill(tool.command, file), "-e", "flow_id"])
    return None if lines is None else lines - 1


def count_summary(tool, file):
    return first_number(r"(\d+) connections", output(fill(tool.command, file)))


def count_tcptrace(tool, file):
    """It lists them with a number each."""
    return max(map(int, re.findall(r"^ *(\d+): ", output(fill(tool.command, file)), re.M)), default=None)


def count_tshark(tool, file):
    """Streams are numbered from 0."""
    with subprocess.Popen(fill(tool.command, file), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        return max((int(row[0]) for row in csv.reader(process.stdout, delimiter="\t") if row and row[0]), default=-1) + 1


def count_argus(tool, file):
    """It writes records of a few seconds each; put together, connections of one tuple are one."""
    with subprocess.Popen(fill(tool.command, file), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        return lines_of(["racluster", "-n", "-L", "-1", "-r", "-", "-m", "saddr", "daddr", "proto", "sport", "dport", "-s",
                         "saddr", "-", "tcp"], process.stdout)


# What each of them does is not the same: tcptrace and tshark follow sequence numbers, argus counts and times, none infers
# states or queues. Beyond these packets a tool needs more memory, or time, than a measurement is worth.
PEERS = (
    Tool("tcptrace -n", ("tcptrace", "-n", "{file}"), count_tcptrace, {"flood": 300_000}),
    Tool("tshark, analysis fields", ("tshark", "-n", "-r", "{file}", "-T", "fields", "-e", "tcp.stream", "-e",
                                     "tcp.analysis.flags"), count_tshark,
         {kind: 1_000_000 if kind != "full" else 240_000 for kind in KINDS}),
    Tool("argus", ("argus", "-r", "{file}", "-w", "-"), count_argus, {"flood": 1_000_000}),
)


def own_tools(program):
    """Our commands; with two threads where the program has an option for that."""
    tools = [Tool("flows", (program, "-q", "flows", "{file}"), count_flows),
             Tool("listeners", (program, "-q", "listeners", "{file}")),
             Tool("summary", (program, "-q", "summary", "{file}"), count_summary)]
    if re.search(r"^\s*-j\b", output([program, "flows", "--help"]), re.M):
        tools = [dataclasses.replace(tool, name=tool.name + threads, command=tool.command + ("-j", threads[4:]))
                 for threads in (" -j 1", " -j 2") for tool in tools]
    return tools


def fill(command, file):
    return [word.format(file=file) for word in command]


# ---- captures ----

@dataclasses.dataclass(frozen=True)
class Capture:
    """A file that was made, and what is in it."""

    kind: str
    path: str
    truth: dict

    @property
    def name(self):
        return f"{self.kind}, {self.truth['packets'] / 1e6:g} M"


def make_capture(generate, folder, kind, packets, seed):
    """The file, made unless it is there and no older than the generator."""
    path = os.path.join(folder, f"{kind}-{packets}-{seed}.pcap")
    told = path + ".truth"
    if not os.path.exists(told) or os.path.getmtime(told) < os.path.getmtime(generate):
        done = subprocess.run([generate, kind, "--packets", str(packets), "--seed", str(seed), "-o", path],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise measure.MeasureError(done.stderr.strip())
        with open(told, "w", encoding="ascii") as file:
            file.write(done.stderr)
    text = open(told, encoding="ascii").read()
    return Capture(kind, path, {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)})


def read_once(path):
    """So that no program pays for the disk."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


# ---- the tables ----

def show(rows):
    """Rows of text in columns; the first two to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip(), flush=True)


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


HEADER = ("file", "command", "n", "CPU s", "wall s", "ns/packet", "Mpackets/s", "CPU/B", "wall/B", "peak MiB", "connections")


def row_of(truth, entry, base):
    """What one command cost on one file; `base`: the entry of the bare loop there."""
    runs, unit = runs_of(entry), runs_of(base)
    done = str(len([run for run in runs if run]))
    failure = next((run.failure for run in runs if run and run.failure), "")
    if failure:
        return (entry["file"], entry["command"], done, *["-"] * 7, "failed: " + failure[:60])
    cpu, wall = measure.median(runs, lambda r: r.cpu), measure.median(runs, lambda r: r.wall)
    found = entry["connections"]
    return (entry["file"], entry["command"], done, number(cpu), number(wall), number(cpu * 1e9 / truth["packets"], 0),
            number(truth["packets"] / wall / 1e6),
            number(measure.ratio(runs, unit, lambda r: r.cpu)), number(measure.ratio(runs, unit, lambda r: r.wall)),
            number(measure.median(runs, lambda r: r.peak_kib / 1024), 0),
            "" if found is None else f"{found} of {truth['flows']}")


def runs_of(entry):
    return [run and measure.Run(**run) for run in entry["runs"]]


def show_table(raw):
    truths = {truth["file"]: truth for truth in raw["files"]}
    bases = {entry["file"]: entry for entry in raw["figures"] if entry["command"] == BASE}
    show([HEADER] + [row_of(truths[entry["file"]], entry, bases[entry["file"]]) for entry in raw["figures"]])


def measure_capture(capture, tools, meter, args):
    """Every tool on one capture: raw figures."""
    read_once(capture.path)
    asked = [tool for tool in tools if capture.truth["packets"] <= tool.most.get(capture.kind, float("inf"))]
    runs = measure.in_turn(meter, {tool.name: fill(tool.command, capture.path) for tool in asked},
                           args.rounds, slow_rounds=args.slow_rounds)
    raw = []
    for tool in asked:
        good = not any(run and run.failure for run in runs[tool.name])
        found = tool.count(tool, capture.path) if tool.count and good else None
        raw.append({"file": capture.name, "command": tool.name, "connections": found,
                    "runs": [run and dataclasses.asdict(run) for run in runs[tool.name]]})
    return raw


def instructions(command):
    """Of one run, as callgrind counts them; None without it."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        counter = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(folder, "out")]
        done = subprocess.run([*counter, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    return first_number(r"Collected : (\d+)", done.stderr)


def count_instructions(capture, tools):
    rows, raw = [("file", "command", "instructions/packet")], []
    for tool in tools:
        count = instructions(fill(tool.command, capture.path))
        each = count / capture.truth["packets"] if count else None
        rows.append((capture.name, tool.name, number(each, 0)))
        raw.append({"file": capture.name, "command": tool.name, "instructions": count})
    show(rows)
    return raw


def machine():
    """What the figures depend on."""
    try:
        cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo", encoding="ascii").read())
    except OSError:
        cpu = None
    asked = {"tshark": ["tshark", "--version"], "tcptrace": ["tcptrace", "-version"], "argus": ["argus", "-h"]}
    versions = {name: re.search(r"\d+(\.\d+)+", output(command)) for name, command in asked.items() if shutil.which(name)}
    return {"cpu": cpu.group(1) if cpu else platform.processor(), "cores": os.cpu_count(), "kernel": platform.release(),
            "tools": {name: found and found.group(0) for name, found in versions.items()}}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", help="meson build folder")
    parser.add_argument("--show", help="raw figures that were kept")
    parser.add_argument("--packets", type=int, nargs="+", default=[10_000_000], help="of each file; of full a quarter")
    parser.add_argument("--quick", action="store_true", help="files of a million packets, three rounds, one for what is slow")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of " + ",".join(KINDS))
    parser.add_argument("--only", default="", help="commands, by the beginning of their names")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slow-rounds", type=int, default=2, help="for what takes more than ten seconds")
    parser.add_argument("--memory", type=float, default=8.0, help="GiB that a program may ask for")
    parser.add_argument("--seconds", type=float, default=240.0, help="that a program may take")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="keep the captures there; else a temporary folder")
    parser.add_argument("--json", help="raw figures")
    parser.add_argument("--instructions", action="store_true", help="count instructions instead, of mixed")
    args = parser.parse_args()
    if args.quick:
        args.packets, args.rounds, args.slow_rounds = [1_000_000], 3, 1
    if not args.build and not args.show:
        parser.error("which build folder?")
    if not set(args.kinds.split(",")) <= set(KINDS):
        parser.error("--kinds: of " + ",".join(KINDS))
    return args


def chosen(tools, only):
    return [tool for tool in tools if tool.name == BASE or not only or tool.name.startswith(tuple(only.split(",")))]


def save(args, raw):
    """After each file, so that what was measured is not lost when the rest is not."""
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(raw, file, indent=1)
            file.write("\n")


def run(args, folder):
    bench = os.path.join(args.build, "tests", "bench")
    generate = os.path.join(bench, "generate")
    tools = [Tool(BASE, (os.path.join(bench, "bare_loop"), "{file}"))]
    tools += own_tools(os.path.join(args.build, "analyzer", "cli", "tcpautopsy"))
    raw = {"machine": machine(), "files": [], "figures": []}
    if args.instructions:
        capture = make_capture(generate, folder, "mixed", INSTRUCTION_PACKETS, args.seed)
        raw["files"].append({"file": capture.name, **capture.truth})
        raw["figures"] = count_instructions(capture, chosen(tools, args.only))
        save(args, raw)
        return
    tools = chosen(tools + [peer for peer in PEERS if shutil.which(peer.command[0])], args.only)
    meter = measure.Meter(os.path.join(bench, "meter"), args.memory, args.seconds)
    for packets in args.packets:
        for kind in args.kinds.split(","):
            capture = make_capture(generate, folder, kind, int(packets * KINDS[kind]), args.seed)
            raw["figures"] += measure_capture(capture, tools, meter, args)
            raw["files"].append({"file": capture.name, **capture.truth})
            print(f"measured: {capture.name}", file=sys.stderr)
            save(args, raw)
    show_table(raw)


def main():
    args = arguments()
    if args.show:
        with open(args.show, encoding="utf-8") as file:
            show_table(json.load(file))
        return
    with tempfile.TemporaryDirectory(prefix="bench") as scratch:
        run(args, args.dir or scratch)


if __name__ == "__main__":
    try:
        main()
    except measure.MeasureError as error:
        sys.exit(f"bench.py: {error}")
