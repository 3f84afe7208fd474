#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the generator says is in a capture is in it, as the program and tcpdump read it. TAP.

    test_generate.py BUILD

A benchmark of traffic that is not what it is meant to be measures nothing: healthy connections must look healthy, fates
must show, and the same seed must give the same bytes.
"""

import collections
import csv
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

PACKETS = 40_000
KINDS = ("mixed", "flood", "big", "full")


class Bench:
    """Programs of a build, captures in a folder."""

    def __init__(self, build, folder):
        self.generator = os.path.join(build, "tests", "bench", "generate")
        self.program = os.path.join(build, "analyzer", "cli", "tcpautopsy")
        self.folder = folder

    def make(self, kind, *more, name="capture"):
        """(path, truth)"""
        path = os.path.join(self.folder, name)
        done = subprocess.run([self.generator, kind, "--packets", str(PACKETS), "-o", path, *more], capture_output=True,
                              text=True, check=True)
        return path, {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", done.stderr)}

    def flows(self, path):
        done = subprocess.run([self.program, "-q", "flows", path], capture_output=True, text=True, check=True)
        return list(csv.DictReader(io.StringIO(done.stdout)))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def told(rows):
    """The truth as the rows of flows tell it."""
    return {"flows": len(rows),
            "ipv6": sum(":" in row["client_ip"] for row in rows),
            "vlan": sum(row["vlan"] != "" for row in rows),
            "reused": sum(row["reuse_of"] != "" for row in rows),
            "silent": sum(row["synack_count"] == "0" and row["rst_count"] == "0" for row in rows),
            "refused": sum(row["handshake"] == "refused_rst" for row in rows),
            "reset": sum(row["rst_count"] != "0" and row["handshake"] != "refused_rst" for row in rows)}


def differences(truth, rows):
    """Fates are counted where they begin or show: a connection that the file's end cut may not show its own."""
    found = told(rows)
    return [f"{key}: {found[key]}, made were {truth[key]}" for key in found if abs(found[key] - truth[key]) > 1]


# What fates are told as; all others are normal.
FATES = {"normal", "rst_active_close", "rst_linger0", "rst_refused", "syn_no_route_back", "syn_to_dead_host",
         "handshake_no_answer", "handshake_pending_at_end", "handshake_half_open", "synack_ladder_accept_overflow",
         "synack_ladder_ack_path_loss"}


def unhealthy(rows):
    """Verdicts that nothing was made for."""
    odd = collections.Counter(row["verdict"] for row in rows if row["verdict"] not in FATES)
    return [f"{count}x {verdict}" for verdict, count in odd.items()]


def bad_checksums(path):
    done = subprocess.run(["tcpdump", "-n", "-v", "-r", path], capture_output=True, text=True, check=True)
    return [line.strip() for line in done.stdout.splitlines() if "incorrect" in line or "bad cksum" in line]


def checks(bench):
    """(name, what is wrong) of each."""
    for kind in KINDS:
        path, truth = bench.make(kind)
        rows = bench.flows(path)
        yield f"{kind}: what the program finds is what was made", differences(truth, rows)
        if kind != "flood":
            yield f"{kind}: what is meant to be healthy is", unhealthy(rows)
        again, _ = bench.make(kind, name="again")
        other, _ = bench.make(kind, "--seed", "2", name="other")
        yield f"{kind}: a seed decides every byte", [] if digest(path) == digest(again) != digest(other) else ["it does not"]
        blocks, _ = bench.make(kind, "--pcapng", name="blocks")
        columns = [column for column in rows[0] if column not in ("capture", "last_capture")]
        same = [{c: row[c] for c in columns} for row in rows] == [{c: row[c] for c in columns} for row in bench.flows(blocks)]
        yield f"{kind}: pcapng holds the same", [] if same else ["it does not"]
    if shutil.which("tcpdump"):
        yield "full: checksums are right", bad_checksums(path)[:5]


def main():
    with tempfile.TemporaryDirectory(prefix="generate") as folder:
        failed = number = 0
        for number, (name, wrong) in enumerate(checks(Bench(sys.argv[1], folder)), 1):
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
            for line in wrong:
                print(f"# {line}")
        print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
