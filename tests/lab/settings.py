#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the settings that the program reads off the traffic against those that the kernels had.

    settings.py CAPTURES PROGRAM [CASE...]

Every folder CAPTURES/*/rec_* says in kernel.txt how both kernels were set and which limit each
listener's accept queue had.  For each of its captures the program is asked for `settings`, told
where it was taken and not told, and every interval that it tells of a host that was there must hold
the value, and cite frames.  Output is TAP, then how often each setting was told, bounded from both sides,
and exact.  Exit status 0 if no interval was wrong, 1 if one was, 2 if nothing could be compared.
"""

import collections
import csv
import dataclasses
import glob
import io
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import commandline  # noqa: E402

TIME_WAIT_SECONDS = 60  # TCP_TIMEWAIT_LEN
ORPHAN_RETRIES = 8  # what 0 stands for
UNKNOWN = "not set by any script"
# What a kernel has where its account does not say otherwise.
DEFAULTS = {"linux": 1, "tcp_rto_min_us": 200_000, "tcp_rto_max_ms": 120_000}
DELAYED = (38, 240)  # milliseconds: TCP_DELACK_MIN and TCP_DELACK_MAX, with a tick less and an eighth more
# Scenarios that change a setting while they run; kernel.txt holds one of its values only.
CHANGED = {("handshake/rec_syncookie", "client", "tcp_timestamps"),
           ("handshake/rec_no_timestamps", "client", "tcp_timestamps"),
           ("handshake/rec_no_timestamps", "server", "tcp_timestamps")}
VIEWS = {"capture.pcap": "server", "client.pcap": "client", "middle.pcap": "middle"}


class Unusable(Exception):
    """A case or an answer that nothing can be compared with."""


@dataclasses.dataclass
class Truth:
    """How the kernels of one case were set."""
    side: dict  # address -> "server" or "client"
    value: dict  # (side, setting) -> number
    limit: dict  # (address, port) -> accept queue's limit
    option: dict  # (side, port or 0, socket option) -> number


@dataclasses.dataclass
class Tally:
    told: int = 0
    bounded: int = 0
    exact: int = 0
    wrong: int = 0


def address_of(end):
    """The address of ADDR:PORT or [ADDR]:PORT."""
    return end.rsplit(":", 1)[0].strip("[]")


def read_sides(text):
    """Whose address is whose, by the sockets that each kernel had."""
    side = {}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("#") or len(words) < 3 or words[0] not in ("client", "server"):
            continue
        side.setdefault(address_of(words[2]), words[0])
    return side


def read_values(text):
    value = {}
    for line in text.splitlines():
        found = re.fullmatch(r"net\.(?:ipv4|core)\.(\w+) server=(\d+) client=(\d+)", line)
        if found:
            value["server", found[1]] = int(found[2])
            value["client", found[1]] = int(found[3])
    release = re.match(r"Linux (\d+)\.(\d+)", text)
    for side in ("server", "client") if release and value else ():
        value[side, "kernel"] = 1000 * int(release[1]) + int(release[2])
    return value


def read_options(text):
    option, inside = {}, False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.startswith("[socket options]")
        elif inside:
            side, port, name, value = line.split()
            option[side, int(port), name] = int(value)
    return option


def read_limits(text):
    """(address, port) -> limit, of listeners whose limit never changed"""
    limits = collections.defaultdict(set)
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.startswith("[accept queues of the server]")
        elif inside and len(line.split()) == 4:
            _, end, _, limit = line.split()
            limits[address_of(end), int(end.rsplit(":", 1)[1])].add(int(limit))
    return {key: one.pop() for key, one in limits.items() if len(one) == 1}


def read_truth(folder):
    try:
        with open(f"{folder}/kernel.txt", encoding="utf-8") as file:
            account = file.read()
        with open(f"{folder}/sockets.txt", encoding="utf-8") as file:
            sockets = file.read()
    except OSError as error:
        raise Unusable(error) from error
    truth = Truth(read_sides(sockets), read_values(account), read_limits(account), read_options(account))
    if not truth.value or not truth.side:
        raise Unusable("no settings, or no sockets")
    name = "/".join(os.path.normpath(folder).split(os.sep)[-2:])
    for case, side, setting in CHANGED:
        if case == name:
            truth.value.pop((side, setting), None)
    return truth


def expected(row, truth):
    """The value that the row must hold; None if there is no truth about it."""
    side, setting = truth.side.get(row["host"]), row["setting"]
    if side is None:
        return None
    if setting.startswith("TCP_"):
        return truth.option.get((side, int(row["port"] or 0), setting), UNKNOWN)
    if setting == "delayed ACK":
        return f"{DELAYED[0]} to {DELAYED[1]}"
    if setting == "TIME_WAIT":
        return TIME_WAIT_SECONDS
    if setting == "backlog":
        return truth.limit.get((row["host"], int(row["port"])))
    value = truth.value.get((side, setting), DEFAULTS.get(setting))
    return ORPHAN_RETRIES if setting == "tcp_orphan_retries" and value == 0 else value


def ask(program, capture, vantage):
    done = subprocess.run([program, "settings", "-q", "--vantage", vantage, capture], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Unusable(f"the program failed with {done.returncode}: {done.stderr.strip()}")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    for row in rows:
        if not {"host", "port", "setting", "min", "max", "frames"} <= row.keys():
            raise Unusable("a column is missing")
    return rows


def compare(rows, truth, tallies):
    """Lines about the rows that are wrong."""
    wrong = []
    for row in rows:
        if not row["frames"]:
            wrong.append(f"{row['setting']} of {row['host']} {row['port']} rests on no frame")
        value = expected(row, truth)
        if value is None:
            continue
        low, high = int(row["min"]), float(row["max"] or "inf")
        tally = tallies[row["setting"]]
        tally.told += 1
        tally.bounded += row["max"] != ""
        tally.exact += low == high == value
        if row["setting"] == "delayed ACK":
            right = DELAYED[0] <= low <= high <= DELAYED[1]
        else:
            right = value != UNKNOWN and low <= value <= high
        if not right:
            tally.wrong += 1
            wrong.append(f"{row['setting']} of {row['host']} {row['port']} was {value}, told is {row['min']} to "
                         f"{row['max'] or 'anything'} by frames {row['frames']}")
    return wrong


def compare_vantage(folder, program):
    """Lines about a router's capture that is taken for one of an end; that it cannot be told is no error."""
    capture = f"{folder}/middle.pcap"
    if not os.path.exists(capture):
        return []
    done = subprocess.run([program, "flows", "-q", capture], capture_output=True, text=True, check=False)
    told = collections.Counter(row.get("vantage") for row in csv.DictReader(io.StringIO(done.stdout)))
    wrong = [f"middle.pcap: {count} flows are told seen at {where}" for where, count in sorted(told.items(), key=str)
             if where not in ("middle", "unknown")]
    return wrong if told["middle"] else wrong + ["middle.pcap: no flow is told seen in the middle"]


def compare_case(folder, program, tallies):
    truth = read_truth(folder)
    wrong = compare_vantage(folder, program)
    for name, vantage in VIEWS.items():
        for where in (vantage, "auto") if os.path.exists(f"{folder}/{name}") else ():
            rows = ask(program, f"{folder}/{name}", where)
            wrong += [f"{name} {where}: {line}" for line in compare(rows, truth, tallies)]
    return wrong


def print_tallies(tallies):
    print(f"# {'setting':26} {'told':>5} {'bounded':>8} {'exact':>6} {'wrong':>6}")
    for setting, tally in sorted(tallies.items()):
        print(f"# {setting:26} {tally.told:5} {tally.bounded:8} {tally.exact:6} {tally.wrong:6}")


def main(arguments):
    parser = commandline.parser(__doc__)
    options = parser.parse_args(arguments)
    names = options.case or sorted(os.path.relpath(path, options.captures)
                                   for path in glob.glob(f"{glob.escape(options.captures)}/*/rec_*"))
    tallies, failed = collections.defaultdict(Tally), 0
    for number, name in enumerate(names, 1):
        try:
            wrong = compare_case(os.path.join(options.captures, name), options.program, tallies)
        except Unusable as error:
            wrong = [str(error)]
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} {name}")
        for line in wrong:
            print(f"# {line}")
    told = sum(tally.told for tally in tallies.values())
    print(f"{'ok' if told else 'not ok'} {len(names) + 1} something could be compared")
    print(f"1..{len(names) + 1}")
    print_tallies(tallies)
    return 1 if failed else 0 if told else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
