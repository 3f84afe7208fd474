#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Streams of captures as an installed tshark has them, against the rows of `flows`: number, packets, completeness.

    tshark.py CAPTURES REAL PROGRAM [--each]     TAP: one line per capture, then the rules that were used

tshark reads twice (-2) with the settings that users have; a stream's completeness is that of its last packet. What it
needs most time for is to start: so the captures of the cases are merged, in the order of their names, each some hours
after the one before, and both programs read the merged files (--each: every capture for itself). Addresses stay as they
are: one case uses a tuple that another one used, and tshark never forgets one. The captures of the folder REAL are read
one by one, and so is one of random segments (odd.py).

A stream and our rows are joined by the frame that names a row. Where they differ one of the RULES must account for it,
to the packet. What the program is asked besides must not change a label: of files that are read one by one the rows
with another key and with a filter bear the same numbers and completeness.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

import odd  # noqa: E402
import pcap  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402

FIELDS = ("frame.number", "frame.protocols", "tcp.stream", "tcp.completeness", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
          "tcp.srcport", "tcp.dstport", "tcp.hdr_len", "tcp.len", "tcp.urgent_pointer", "communityid",
          "ip.flags.mf", "ip.frag_offset", "ip.proto", "ip.reassembled_in", "ipv6.fraghdr.more", "ipv6.fraghdr.offset",
          "ipv6.fraghdr.nxt", "ipv6.reassembled.in", "data.data")
# No header says whether a pseudowire has a control word, and tshark looks for one only where it knows the vendor of a MAC
# address: it must be told. 17 is the label of those in captures/tunnel/many.
SETTINGS = ("-d", "mpls.label==17,pwethcw")
RULES = {
    "icmp-quote": "tshark counts a header that an ICMP error quotes as a packet of its stream; it was never sent then",
    "stub": "tshark counts what has no whole TCP header, or a data offset below 5, if the window is there",
    "fragment": "a first fragment whose datagram never became whole is a segment to us, and no TCP to tshark: no number, "
                "and not counted",
    "late-to-older": "a late segment belongs to the incarnation that it fits; tshark gives it to the newest stream: the "
                     "streams of the tuple together have as many packets",
    "no-row": "a stream that only a late or senseless segment begins is no connection: its packets are in the other "
              "rows of the tuple",
}
GAPS = {}
ASKED_BESIDES = {"with --key": ("--key", "vlan,tunnel"), "with a filter": ("-f", "less 60")}
GAP_NS = 5 * 3600 * 10**9  # between merged captures: longer than any connection is waited for
BEGIN_NS = 1_600_000_000 * 10**9
MERGED_RECORDS = 12000  # about so many in one merged file, so that two can be read at a time


@dataclasses.dataclass(frozen=True)
class Packet:
    """One TCP header as tshark shows it."""

    frame: int
    stream: int
    completeness: int
    ends: frozenset
    quoted: bool = False
    stub: bool = False
    community: str = ""


@dataclasses.dataclass(frozen=True)
class Fragment:
    """The first fragment of a TCP segment that tshark does not show as one."""

    frame: int
    ends: frozenset
    stream: int = None  # the newest of its tuple; None: the tuple had none


# -- what tshark says ----------------------------------------------------------------------------------------


def innermost(cells):
    """(source, destination) of the last IP header before TCP."""
    six = cells["frame.protocols"].split(":tcp")[0].endswith("ipv6")
    names = ("ipv6.src", "ipv6.dst") if six else ("ip.src", "ip.dst")
    return [cells[name].split(",")[-1] for name in names]


def is_quoted(cells):
    return any(name in ("icmp", "icmpv6") for name in cells["frame.protocols"].split(":"))


def packets_of(cells):
    """Each TCP header of one frame."""
    streams = cells["tcp.stream"].split(",") if cells["tcp.stream"] else []
    if not streams:
        return
    values = cells["tcp.completeness"].split(",")
    ports = [cells[name].split(",")[-1] for name in ("tcp.srcport", "tcp.dstport")]
    # Of a fragment that is shown alone tshark does not know how long the segment is.
    measured = cells["tcp.len"] or begins_datagram(cells)
    whole = cells["tcp.urgent_pointer"] and measured and int(cells["tcp.hdr_len"].split(",")[-1]) >= 20
    ends = frozenset(zip(innermost(cells), ports))
    quoted = is_quoted(cells)
    for stream, value in zip(streams, values):
        yield Packet(int(cells["frame.number"]), int(stream), int(value), ends, quoted, not whole, cells["communityid"])


def begins_datagram(cells):
    """Is the innermost datagram a first fragment of TCP?"""
    last = {name: value.split(",")[-1] for name, value in cells.items()}
    if cells["ipv6.fraghdr.nxt"]:
        return (last["ipv6.fraghdr.nxt"], last["ipv6.fraghdr.offset"]) == ("6", "0") and last["ipv6.fraghdr.more"] == "1"
    return (last["ip.proto"], last["ip.frag_offset"], last["ip.flags.mf"]) == ("6", "0", "1")


def fragment_of(cells, newest):
    """The first fragment in this frame, if its datagram never became whole."""
    data = cells["data.data"].split(",")[-1]
    if is_quoted(cells) or cells["tcp.stream"] or cells["ip.reassembled_in"] or cells["ipv6.reassembled.in"]:
        return None
    if len(data) < 8 or not begins_datagram(cells):
        return None
    ends = frozenset(zip(innermost(cells), (str(int(data[:4], 16)), str(int(data[4:8], 16)))))
    return Fragment(int(cells["frame.number"]), ends, newest.get(ends))


@dataclasses.dataclass
class Answer:
    """What tshark says of a file."""

    packets: list
    fragments: list = dataclasses.field(default_factory=list)


def ask_tshark(path):
    """Every packet of a file."""
    command = ["tshark", "-2", "-n", *SETTINGS, "--enable-protocol", "communityid", "-r", path, "-T", "fields"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise program.ProgramError(f"tshark ended with status {done.returncode}: {done.stderr.strip()}")
    answer, newest = Answer([]), {}
    for line in done.stdout.splitlines():
        cells = dict(zip(FIELDS, line.split("\t")))
        found = list(packets_of(cells))
        newest.update((packet.ends, packet.stream) for packet in found)
        answer.packets += found
        fragment = fragment_of(cells, newest)
        answer.fragments += [fragment] if fragment else []
    return answer


# -- compared ------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    """What one file showed: faults as (frame, words)."""

    streams: int = 0
    faults: list = dataclasses.field(default_factory=list)
    used: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def fault(self, frame, words):
        self.faults.append((frame, words))


def count(row):
    return int(row["client_pkts"]) + int(row["server_pkts"])


def ends_of(row):
    return frozenset(((row["client_ip"], row["client_port"]), (row["server_ip"], row["server_port"])))


def named_frame(row):
    """The frame with which the connection began, whether or not it was left out."""
    return int(row["flow_id"].split("f")[1])


def check_rows(result, rows, answer):
    """Each row's number is that of the stream to which its first frame belongs; so is the Community ID. And its
    completeness is that of the stream's last packet."""
    by_frame, last, fragments = collections.defaultdict(list), {}, {each.frame for each in answer.fragments}
    for packet in answer.packets:
        by_frame[packet.frame].append(packet)
        last[str(packet.stream)] = packet
    for row in rows:
        frame = named_frame(row)
        there = [packet for packet in by_frame[frame] if not packet.quoted]
        if not there:
            result.used["fragment"] += frame in fragments
            if row["tcp_stream"] or frame not in fragments:
                result.fault(frame, f"{row['flow_id']} has stream {row['tcp_stream'] or 'none'}, tshark no TCP there")
            continue
        if row["tcp_stream"] not in {str(packet.stream) for packet in there}:
            result.fault(frame, f"{row['flow_id']} has stream {row['tcp_stream'] or 'none'}, tshark {there[0].stream}")
        if all(packet.community and row["community_id"] not in packet.community.split(",") for packet in there):
            result.fault(frame, f"{row['flow_id']} has Community ID {row['community_id']}, tshark {there[0].community}")
        packet = last.get(row["tcp_stream"])
        if packet and row["completeness"] != str(packet.completeness):
            result.fault(frame, f"{row['flow_id']}, stream {packet.stream}, has completeness {row['completeness']}, "
                                f"tshark {packet.completeness}")


def check_stream(result, mine, theirs, fragments):
    """One stream; true if its packets are still to be accounted for."""
    quotes = sum(packet.quoted for packet in theirs)
    stubs = sum(packet.stub and not packet.quoted for packet in theirs)
    ours, sent = sum(count(row) for row in mine), len(theirs) - quotes - stubs + fragments
    result.used["icmp-quote"] += quotes > 0
    result.used["stub"] += stubs > 0
    result.used["fragment"] += fragments > 0
    return ours != sent


def check_tuples(result, open_streams, rows, streams, fragments):
    """Streams whose packets are not those of their rows: the tuple together must have as many."""
    ours, several = collections.Counter(), collections.Counter()
    theirs = collections.Counter(fragment.ends for fragment in fragments)
    for row in rows:
        ours[ends_of(row)] += count(row)
    for packets in streams.values():
        several[packets[0].ends] += 1
        for packet in packets:
            theirs[packet.ends] += not packet.quoted and not packet.stub
    for number in open_streams:
        packets = streams[number]
        ends = packets[0].ends
        if ours[ends] != theirs[ends] or several[ends] < 2:
            result.fault(packets[0].frame, f"stream {number}: the rows of its tuple have {ours[ends]} packets, "
                                           f"tshark's streams {theirs[ends]}")
            continue
        has_row = any(row["tcp_stream"] == str(number) for row in rows)
        result.used["late-to-older" if has_row else "no-row"] += 1


def compare(rows, answer):
    """Our rows against tshark's packets."""
    streams, mine = collections.defaultdict(list), collections.defaultdict(list)
    for packet in answer.packets:
        streams[packet.stream].append(packet)
    for row in rows:
        mine[row["tcp_stream"]].append(row)
    result = Result(len(streams))
    check_rows(result, rows, answer)
    parts = collections.Counter(fragment.stream for fragment in answer.fragments)
    still_open = [number for number, theirs in streams.items()
                  if check_stream(result, mine[str(number)], theirs, parts[number])]
    check_tuples(result, still_open, rows, streams, answer.fragments)
    for number in mine:
        if number and int(number) not in streams:
            result.fault(named_frame(mine[number][0]), f"stream {number}: tshark has none")
    return result


# -- captures ------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Batch:
    """A file that both programs read, and which of its frames came from which capture."""

    path: str
    parts: list  # (first frame, name)
    besides: bool = False  # to be asked for in other ways, too

    def part(self, frame):
        """(name, frame there)"""
        first, name = max(part for part in self.parts if part[0] <= frame)
        return name, frame - first + 1


def merged(folder, paths, root):
    """The captures in few files: by link type, in their order."""
    groups = {}
    for path in paths:
        link, records = pcap.read(path)
        group = groups.setdefault(link, [])
        if not group or sum(len(records) for _, records in group[-1]) > MERGED_RECORDS:
            group.append([])
        group[-1].append((os.path.relpath(path, root), records))
    for link, group in sorted(groups.items()):
        for number, captures in enumerate(group):
            yield merge(os.path.join(folder, f"merged-{link}-{number}.pcap"), link, captures)


def merge(path, link, captures):
    batch, whole, begin = Batch(path, []), [], BEGIN_NS
    for name, records in captures:
        batch.parts.append((len(whole) + 1, name))
        whole += pcap.shifted(records, begin)
        begin = max((record.time_ns for record in whole), default=begin) + GAP_NS
    pcap.write(path, link, whole)
    return batch


def single(path, root, besides=False):
    return Batch(path, [(1, os.path.relpath(path, root))], besides)


def batches(folder, options):
    """Every file to be read."""
    cases = sorted(glob.glob(os.path.join(options.captures, "*", "*", "*.pcap")))
    yield from ((single(path, options.captures) for path in cases) if options.each
                else merged(folder, cases, options.captures))
    for path in sorted(glob.glob(os.path.join(options.real, "*.pcap*"))):
        yield single(path, os.path.dirname(os.path.abspath(options.real)), True)
    for name, records in odd.captures():
        path = os.path.join(folder, f"{name}.pcap")
        pcap.write(path, odd.LINK, records)
        yield Batch(path, [(1, f"made/{name}")], True)


def kind_of(names):
    """Whose captures these are."""
    folder = next(iter(names)).split("/")[0]
    return folder if folder in ("real", "made") else "cases"


def judge(batch, tested):
    """{capture: its faults}, and the rules used."""
    try:
        answer = ask_tshark(batch.path)
        result = compare(program.table(tested, "flows", batch.path), answer)
        for words, options in ASKED_BESIDES.items() if batch.besides else ():
            again = Result()
            check_rows(again, program.table(tested, "flows", *options, batch.path), answer)
            result.faults += [(frame, f"{words}: {fault}") for frame, fault in again.faults]
    except program.ProgramError as error:
        result = Result(faults=[(1, str(error))])
    faults = {name: [] for _, name in batch.parts}
    for frame, words in result.faults:
        name, there = batch.part(frame)
        faults[name].append(f"frame {there}: {words}")
    return faults, result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("captures", help="folder of the case folders")
    parser.add_argument("real", help="folder of captures from elsewhere; may be missing")
    parser.add_argument("program", help="the program under test")
    parser.add_argument("--each", action="store_true", help="read every capture for itself")
    options = parser.parse_args()
    if not shutil.which("tshark"):
        print("1..0 # SKIP there is no tshark: streams are compared with nobody's")
        return 0
    tap, used, streams = report.Tap(), collections.defaultdict(collections.Counter), collections.Counter()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for faults, result in pool.map(lambda batch: judge(batch, options.program), list(batches(folder, options))):
            used[kind_of(faults)] += result.used
            streams[kind_of(faults)] += result.streams
            for name, lines in faults.items():
                gap = f" # TODO {GAPS[name]}" if name in GAPS else ""
                tap.point(not lines, name + gap, lines[:10])
                tap.failed -= bool(gap and lines)
    for kind, counted in streams.items():
        rules = ", ".join(f"{name} {used[kind][name]}" for name in RULES if used[kind][name])
        print(f"# {kind}: {counted} streams; by rule: {rules or 'none'}")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
