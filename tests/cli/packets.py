#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `explain -w` writes is that connection and nothing else, for every connection of some captures.

Three witnesses, none of them the program's own word alone.  The records: those of the capture whose segments another
reader of TCP headers (tests/lab/segments.py) finds between the two ends, byte for byte, with their times and lengths.
Other tools: tcpdump and tshark read the file and count as many packets; tshark numbers the same ones as one stream.
The program again: what it tells of the written file is, by `diff`, what it tells of the capture when a filter leaves
out all other connections, but for the names of things (frames, streams, files).  Where an address and port pair was
used again no filter tells its connections apart: then what other connections and the rest of the capture add to a
judgement is left out of the comparison too.
"""

import collections
import csv
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import commandline  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

CASES = ("close/rec_four_way", "close/rec_fin_lost", "handshake/rec_refused_icmp", "handshake/rec_syn_other_isn",
         "handshake/rec_no_answer", "handshake/rec_refused", "path/rec_frag_needed", "path/rec_duplicate",
         "queue/rec_overflow_ladder", "queue/rec_overflow_ladder_v6", "timewait/rec_reuse_ts", "timewait/rec_dup_syn",
         "timewait/rec_paws", "view/rec_any", "view/rec_vlan", "view/rec_snaplen", "view/rec_giants",
         "host/sll_client")
SHOWN_TO_TSHARK = ("close/rec_four_way", "timewait/rec_reuse_ts", "view/rec_any")

# Columns that name a place in the file, which is another file now.
NAMES = "flow_id capture last_capture first_frame last_frame tcp_stream"
# Columns that other connections, or what comes after the last packet, have a part in.
NEIGHBOURS = ("verdict severity confidence findings handshake handshake_confidence close close_confidence vantage damage "
              "rst_cause reuse_of reuse_gap_s reuse_outcome client_path server_path client_end_state server_end_state "
              "close_wait_s fin_wait2_s client_zero_window_s server_zero_window_s "
              # Other programs' words are of all that a pair of ends bore, and so are the clocks of time stamps.
              "conn_state history completeness conntrack_state attempt_group nat_of client_ts_hz server_ts_hz "
              "client_ts_clock server_ts_clock")


class Wrong(Exception):
    """The written file is not what it should be."""


def records(path):
    """[(time in ns, original length, bytes)] and the magic number of a pcap file."""
    data = path.read_bytes()
    order, unit = segments.MAGICS[data[:4]]
    at, found = 24, []
    while at < len(data):
        seconds, fraction, captured, original = struct.unpack_from(order + "IIII", data, at)
        found.append((seconds * 10**9 + fraction * (1 if unit == 1e9 else 1000), original,
                      data[at + 16:at + 16 + captured]))
        at += 16 + captured
    return found, unit


def run(*command, allowed=(0,)):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in allowed:
        raise Wrong(f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def write_table(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


class Case:
    """One capture and its connections."""

    def __init__(self, binary, capture):
        self.binary, self.capture = binary, capture
        self.rows = program.table(binary, "flows", str(capture))
        self.records, self.unit = records(capture)
        self.segments = segments.read(capture)
        self.uses = collections.Counter(self.ends(row) for row in self.rows)
        self.streams = {}  # tshark's number of each frame
        self.written = {}  # flow_id -> frames

    @staticmethod
    def ends(row):
        return frozenset((program.end_of(row, "client"), program.end_of(row, "server")))

    def frames_of(self, row):
        return [segment.frame for segment in self.segments.of(program.end_of(row, "client"), program.end_of(row, "server"))]

    def write(self, row):
        run(self.binary, "explain", "-w", "w.pcap", f"flow={row['flow_id']}", str(self.capture))
        return pathlib.Path("w.pcap")

    def check_records(self, row, path):
        """Which frames were written; all must be of this pair of ends, and of an only connection all of them."""
        written, unit = records(path)
        if unit != self.unit:
            raise Wrong(f"{row['flow_id']}: times are in another unit")
        frames = self.frames_of(row)
        if self.uses[self.ends(row)] == 1:
            if written != [self.records[frame - 1] for frame in frames]:
                raise Wrong(f"{row['flow_id']}: not the records of frames {frames}")
            return frames
        left, found = collections.deque(frames), []
        for record in written:
            while left and self.records[left[0] - 1] != record:
                left.popleft()
            if not left:
                raise Wrong(f"{row['flow_id']}: holds what is no record of this pair, or not in order")
            found.append(left.popleft())
        return found

    def check_tcpdump(self, row, path):
        lines = run("tcpdump", "-nt", "-r", str(path)).splitlines()
        count = sum(not line.startswith(("\t", " ")) for line in lines)
        if count != len(self.written[row["flow_id"]]):
            raise Wrong(f"{row['flow_id']}: tcpdump reads {count} packets of {len(self.written[row['flow_id']])}")

    def reference(self, row):
        """(what is told of this connection, columns to leave out)."""
        vlan = row["vlan"] != ""
        if self.uses[self.ends(row)] > 1 or vlan:
            return [row], f"{NAMES} {NEIGHBOURS}"
        ends = [row[f"{who}_{what}"] for what in ("ip", "port") for who in ("client", "server")]
        rule = "host {0} and host {1} and tcp port {2} and tcp port {3}".format(*ends)
        # An ICMP error quotes the ports behind IP header, its own eight bytes, and another IP header.
        quote = "icmp6 and ip6[88:4] = 0x{:04x}{:04x}" if ":" in ends[0] else "icmp and icmp[28:4] = 0x{:04x}{:04x}"
        for one, other in ((ends[2], ends[3]), (ends[3], ends[2])):
            rule = f"({rule}) or ({quote.format(int(one), int(other))})"
        return program.table(self.binary, "flows", "-f", rule, str(self.capture)), NAMES

    def check_told(self, row, path):
        told, left_out = self.reference(row)
        write_table("told.csv", told)
        write_table("read.csv", program.table(self.binary, "flows", str(path)))
        lines = run(self.binary, "diff", "-q", "--key", "start_ns,client_port", "--ignore", left_out.replace(" ", ","),
                    "told.csv", "read.csv", allowed=(0, 1))
        if lines:
            raise Wrong(f"{row['flow_id']}: told otherwise: {lines.splitlines()[0]}")

    def check_union(self):
        """Connections of one pair of ends share its frames out among them, and leave none over."""
        of_pair = collections.defaultdict(list)
        for row in self.rows:
            of_pair[self.ends(row)] += self.written[row["flow_id"]]
        for row in self.rows:
            if sorted(of_pair[self.ends(row)]) != self.frames_of(row):
                raise Wrong(f"{row['flow_id']}: the connections of this pair do not make up its frames")

    def check_tshark(self, row):
        """Frames of its stream, but for ICMP errors, which belong to none."""
        if not self.streams:
            for line in run("tshark", "-r", str(self.capture), "-T", "fields", "-e", "frame.number", "-e",
                            "tcp.stream").splitlines():
                frame, _, stream = line.partition("\t")
                self.streams[int(frame)] = stream
        mine = [frame for frame in self.written[row["flow_id"]] if not self.segments.by_frame[frame].icmp]
        theirs = [frame for frame, stream in self.streams.items() if stream == row["tcp_stream"]]
        if mine != theirs:
            raise Wrong(f"{row['flow_id']}: frames {mine}, and tshark's stream has {theirs}")

    def check_tshark_reads(self, row, path):
        lines = run("tshark", "-r", str(path), "-T", "fields", "-e", "frame.cap_len", "-e", "frame.len").splitlines()
        wanted = [f"{len(self.records[frame - 1][2])}\t{self.records[frame - 1][1]}"
                  for frame in self.written[row["flow_id"]]]
        if lines != wanted:
            raise Wrong(f"{row['flow_id']}: tshark reads {lines}, not {wanted}")

    def check(self, tools):
        for row in self.rows:
            path = self.write(row)
            self.written[row["flow_id"]] = self.check_records(row, path)
            self.check_told(row, path)
            if "tcpdump" in tools:
                self.check_tcpdump(row, path)
            if "tshark" in tools:
                self.check_tshark(row)
        self.check_union()
        if "tshark" in tools:
            self.check_tshark_reads(self.rows[-1], path)


def check_case(binary, capture, tools):
    """Words for a test point, and what is wrong."""
    try:
        case = Case(binary, capture)
        case.check(tools)
    except (Wrong, program.ProgramError) as error:
        return "", [str(error)]
    return f"{len(case.rows)} connections", []


def main():
    made = commandline.parser(__doc__)
    args = made.parse_args()
    binary, captures = os.path.abspath(args.program), pathlib.Path(args.captures).resolve()
    there = [tool for tool in ("tcpdump", "tshark") if shutil.which(tool)]
    tap = report.Tap()
    for tool in ("tcpdump", "tshark"):
        if tool not in there:
            tap.point(True, f"{tool} reads what was written # SKIP no {tool} is installed")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for case in args.case or CASES:
            tools = [tool for tool in there if tool != "tshark" or case in SHOWN_TO_TSHARK]
            words, wrong = check_case(binary, captures / case / "capture.pcap", tools)
            tap.point(not wrong, f"{case}: {words}, read by {', '.join(['this test', *tools])}", wrong)
        os.chdir("/")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
