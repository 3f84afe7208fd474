#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A capture that was cut into files tells what it tells as one.

    series.py PROGRAM CAPTURES [CASE...]

Each case's capture is cut into 2, 7 and 50 pieces of whole records, numbered so that the order of names is not that of time,
some compressed, some in an archive (where the program was built to read these), and read as a directory. Frames, captures and ids made of them are mapped back; all else
has to be equal, in every table, at any number of threads and with little memory. tcp_stream is what the program tells of
the piece alone. Then: packets of one connection out of several files, files that were written side by side, a piece that is
missing, a piece that is damaged.
"""

import csv
import gzip
import io
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import built  # noqa: E402

CASES = ("queue/rec_overflow_ladder", "queue/rec_slow_service", "timewait/rec_late_segments", "pressure/rec_flash_crowd",
         "path/rec_duplicate")
TABLES = (("flows",), ("events", "--all-states"), ("listeners",), ("states",))
PIECES = (2, 7, 50)
FRAMES = {"flows": ("first_frame", "last_frame"), "events": ("frame",)}
IDS = ("flow_id", "reuse_of", "twin", "attempt_group", "nat_of", "event_id")


class Tap:
    """Points are counted, and every one can fail."""

    def __init__(self):
        self.count = self.failed = 0

    def point(self, why, name):
        self.count += 1
        self.failed += bool(why)
        print(f"{'not ok' if why else 'ok'} {self.count} - {name}")
        for line in str(why).splitlines()[:6] if why else ():
            print(f"# {line[:400]}")
        sys.stdout.flush()

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed or not self.count else 0


def records(path):
    """Header and records of a pcap file."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    found, at = [], 24
    while at + 16 <= len(data):
        size = 16 + struct.unpack(order + "IIII", data[at:at + 16])[2]
        found.append(data[at:at + size])
        at += size
    return data[:24], found


class Pieces:
    """A capture cut into files: which frame of the whole each of their frames is."""

    def __init__(self, path, count, folder, seed, packs):
        self.packs = packs
        self.header, self.record = records(path)
        chance = random.Random(seed)
        count = min(count, len(self.record))
        self.cut = [0] + sorted(chance.sample(range(1, len(self.record)), count - 1)) + [len(self.record)]
        self.folder, self.name = folder, {}
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.write(count)

    def piece(self, at):
        return self.header + b"".join(self.record[self.cut[at]:self.cut[at + 1]])

    def write(self, count):
        """Every third one compressed, every fifth one in an archive beside the others; or all of them plain."""
        if not self.packs:
            for at in range(count):
                self.write_plain(at)
            return
        with tarfile.open(self.folder / "rest.tar", "w") as archive:
            for at in reversed(range(count)):
                name = f"eth0.{at + 1}.pcap"
                if count > 4 and at % 5 == 2:
                    member = tarfile.TarInfo(name)
                    member.size = len(self.piece(at))
                    archive.addfile(member, io.BytesIO(self.piece(at)))
                    self.name[f"{self.folder}/rest.tar/{name}"] = at
                elif at % 3 == 1:
                    (self.folder / (name + ".gz")).write_bytes(gzip.compress(self.piece(at), 1))
                    self.name[f"{self.folder}/{name}.gz"] = at
                elif at % 3 == 2 and shutil.which("zstd"):
                    squeezed = subprocess.run(["zstd", "-q", "-c"], input=self.piece(at), capture_output=True, check=True)
                    (self.folder / (name + ".zst")).write_bytes(squeezed.stdout)
                    self.name[f"{self.folder}/{name}.zst"] = at
                else:
                    self.write_plain(at)
        if count <= 4:
            (self.folder / "rest.tar").unlink()

    def write_plain(self, at):
        name = f"eth0.{at + 1}.pcap"
        (self.folder / name).write_bytes(self.piece(at))
        self.name[f"{self.folder}/{name}"] = at

    def frame(self, at, frame):
        return str(self.cut[at] + int(frame))

    def ids(self, text):
        """Ids as of the whole."""
        return re.sub(r"c(\d+)f(\d+)", lambda m: "c1f" + self.frame(int(m[1]) - 1, m[2]), text)

    def frames(self, own, text):
        def one(frame):
            return self.ids(frame)[3:] if frame.startswith("c") else self.frame(own, frame)
        return ";".join(one(frame) for frame in text.split(";") if frame)


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.packs = built.unpacks(program)

    def run(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, timeout=240, check=False,
                              env=dict(os.environ, LC_ALL="C"))

    def table(self, *arguments):
        ran = self.run(*arguments, "-q")
        return list(csv.DictReader(io.StringIO(ran.stdout.decode()))), ran.stderr.decode()


def mapped(pieces, table, row, whole):
    """The row as the whole would tell it."""
    row = dict(row)
    own = pieces.name.get(row.get("capture"), 0)
    if table == "flows":
        row["last_frame"] = pieces.frame(pieces.name[row["last_capture"]], row["last_frame"])
        row["first_frame"] = pieces.frame(own, row["first_frame"])
        row["last_capture"] = whole["last_capture"]
    elif table == "events" and row["frame"]:
        row["frame"] = pieces.frame(own, row["frame"])
    if "frames" in row:
        row["frames"] = pieces.frames(own, row["frames"])
    for column in row:
        if column in ("capture", "tcp_stream"):
            row[column] = whole[column]
        elif column in IDS:
            row[column] = pieces.ids(row[column])
    return row


def differences(pieces, table, whole, cut):
    if len(whole) != len(cut):
        return f"{len(whole)} rows of the whole, {len(cut)} of the pieces"
    for at, (one, other) in enumerate(zip(whole, cut)):
        other = mapped(pieces, table, other, one)
        if one != other:
            return f"row {at + 1}: " + ", ".join(f"{k}: {one[k]} / {other.get(k)}" for k in one if one[k] != other.get(k))
    return "" if whole else "nothing was told"


def check_streams(bench, pieces, flows):
    """In each piece the number is that of the piece read alone."""
    rows = bench.table("flows", "--series", "each", "-R", pieces.folder)[0]
    alone = {(row["capture"], row["first_frame"]): row["tcp_stream"] for row in rows}
    for row in flows:
        told = alone.get((row["capture"], row["first_frame"]))
        if told != row["tcp_stream"]:
            return f"{row['flow_id']} of {row['capture']}: {row['tcp_stream']}, alone {told}"
    return "" if flows else "nothing was told"


def check_case(bench, tap, captures, case):
    path = captures / case / "capture.pcap"
    whole = {table[0]: bench.table(*table, path)[0] for table in TABLES}
    for count in PIECES:
        pieces = Pieces(path, count, bench.folder / "cut", count, bench.packs)
        for table in TABLES:
            cut, said = bench.table(*table, "-R", pieces.folder)
            tap.point(differences(pieces, table[0], whole[table[0]], cut) and
                      differences(pieces, table[0], whole[table[0]], cut) + said,
                      f"{case} in {count} pieces: {table[0]} is that of the whole")
            if table[0] == "flows":
                tap.point(check_streams(bench, pieces, cut), f"{case} in {count} pieces: tcp_stream is each piece's own")
    check_ways(bench, tap, case, pieces)
    check_packets(bench, tap, case, path, pieces)


def check_ways(bench, tap, case, pieces):
    for table in TABLES:
        usual = bench.run(*table, "-R", pieces.folder).stdout
        for way in (("-j", "1"), ("-j", "3"), ("-j", "2", "--memory", "1M")):
            other = bench.run(*table, *way, "-R", pieces.folder).stdout
            tap.point("" if usual == other and usual else "other bytes", f"{case}: {table[0]} the same with {' '.join(way)}")


def check_packets(bench, tap, case, path, pieces):
    """The packets of a connection that goes through several files, by each way of naming it."""
    flows = bench.table("flows", "-R", pieces.folder)[0]
    rows = [row for row in flows if row["capture"] != row["last_capture"]]
    for row in rows[:2]:
        whole_id = pieces.ids(row["flow_id"])
        want, got = bench.folder / "whole.pcap", bench.folder / "cut.pcap"
        bench.run("explain", f"flow={whole_id}", "-w", want, path)
        ordinal = row["flow_id"][1:].split("f")[0]
        for selector in (f"flow={row['flow_id']}", f"stream=c{ordinal}:{row['tcp_stream']}", f"frame=c{ordinal}:{row['first_frame']}"):
            got.unlink(missing_ok=True)
            ran = bench.run("explain", selector, "-w", got, "-R", pieces.folder)
            same = got.exists() and records(got)[1] == records(want)[1] and records(want)[1]
            tap.point("" if same else ran.stderr.decode() or "other packets", f"{case}: explain -w {selector}")


def check_repeats(bench, tap, captures):
    """Pieces that share their records where one ends and the next begins are one series; the whole twice is not."""
    header, record = records(captures / "queue/rec_slow_service/capture.pcap")
    folder = bench.folder / "cut"
    for what, shared, series in (("the end of one is the beginning of the next", 60, 1), ("most is in both", 2000, 2)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for at in range(2):
            part = record[at * 1000:1000 + shared + at * (len(record) - 1000)]
            (folder / f"eth0.{at + 1}.pcap").write_bytes(header + b"".join(part))
        bench.run("report", "-q", "-o", bench.folder / "out", "-R", folder)
        rows = list(csv.DictReader((bench.folder / "out" / "captures.csv").open()))
        told = len({row["series"] or row["ordinal"] for row in rows})
        tap.point("" if told == series else rows, f"{what}: {series} of them")
    shutil.rmtree(bench.folder / "out")


def syn(port, seq):
    """Ethernet, IPv4 and TCP, without checksums."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0x4000, 64, 6, 0, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
    return bytes(12) + b"\x08\x00" + ip + struct.pack(">HHIIBBHHH", port, 80, seq, 0, 0x50, 2, 64240, 0, 0)


def capture_of(packets):
    """Of (milliseconds, bytes)."""
    head = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", 1700000000 + ms // 1000, ms % 1000 * 1000, len(data), len(data)) + data
                           for ms, data in packets)


def check_beside(bench, tap):
    """Files written side by side, a connection of the one between two SYNs alike of the other. Wireshark, which reads one, sees
    no new stream there (tshark 4.0.17: 0, 0, 1 in the first, 0 in the second)."""
    folder = bench.folder / "cut"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "eth0.1.pcap").write_bytes(capture_of([(0, syn(1000, 7)), (2000, syn(1000, 7)), (3000, syn(1001, 9))]))
    (folder / "eth0.2.pcap").write_bytes(capture_of([(1000, syn(1000, 8)), (4000, syn(1002, 9))]))
    want = {("1", "1"): "0", ("1", "2"): "0", ("1", "3"): "1", ("2", "1"): "0", ("2", "2"): "1"}
    for way in (("-j", "1"), ("-j", "2"), ("-j", "3", "--memory", "1M")):
        rows = bench.table("flows", "-R", folder, *way)[0]
        got = {(row["capture"].split(".")[-2], row["first_frame"]): row["tcp_stream"] for row in rows}
        wrong = {key: told for key, told in got.items() if want[key] != told}
        tap.point(wrong or ("" if len(got) >= 4 else got), f"files side by side: tcp_stream is each file's own with {' '.join(way)}")


def check_missing(bench, tap, captures):
    """A piece that the numbers leave out is a gap, and what was open then says so; so is a file that cannot be read on."""
    path = captures / "queue/rec_slow_service/capture.pcap"
    pieces = Pieces(path, 7, bench.folder / "cut", 7, bench.packs)
    name = next(name for name, at in pieces.name.items() if at == 3)
    pathlib.Path(name).unlink()
    check_gap(bench, tap, pieces, "a piece is missing", 5, "probable")
    pieces = Pieces(path, 7, bench.folder / "cut", 7, bench.packs)
    name = pathlib.Path(next(name for name, at in pieces.name.items() if at == 3))
    name.write_bytes(pieces.piece(3)[:24 + 16 * 40] + b"\xff" * 64)
    check_gap(bench, tap, pieces, "a piece is damaged", 5, "certain")
    pieces = Pieces(path, 7, bench.folder / "cut", 7, bench.packs)
    gaps = [row for row in bench.table("events", "-R", pieces.folder)[0] if row["finding"] == "gap"]
    tap.point("" if not gaps else gaps, "all pieces are there: no gap")


def check_closed(bench, tap, captures):
    """A piece that is compressed is missing to a program that cannot read it, and has a row that says why."""
    pieces = Pieces(captures / "queue/rec_slow_service/capture.pcap", 7, bench.folder / "cut", 7, False)
    path = bench.folder / "cut" / "eth0.4.pcap"
    path.with_name("eth0.4.pcap.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
    path.unlink()
    ran = bench.run("report", "-q", "-o", bench.folder / "out", "-R", pieces.folder)
    rows = list(csv.DictReader((bench.folder / "out" / "captures.csv").open()))
    gaps = [pieces.name.get(row["capture"]) for row in rows if row["gap_before_s"]]
    tap.point("" if gaps == [4] and len({row["series"] for row in rows if row["status"] == "ok"}) == 1 else rows,
              "a piece is compressed: the others are one series, with a gap")
    told = [row["capture"] for row in rows if row["status"] == "unsupported" and built.WITHOUT.decode() in row["message"]]
    tap.point("" if told == [f"{path}.gz"] and ran.returncode == 3 and len(rows) == 7 else rows,
              "a piece is compressed: its row says why it is not read, exit 3")
    shutil.rmtree(bench.folder / "out")


def check_gap(bench, tap, pieces, what, behind, confidence):
    events, _ = bench.table("events", "-R", pieces.folder)
    gaps = [row for row in events if row["finding"] == "gap"]
    told = [(row["event"], row["actor"], row["confidence"]) for row in gaps]
    tap.point("" if told == [("begin", "capture", confidence), ("end", "capture", confidence)] else told, f"{what}: told once")
    last = gaps[-1] if gaps else {}
    tap.point("" if pieces.name.get(last.get("capture")) == behind - 1 and last.get("frame") == "1" else last,
              f"{what}: until the first packet of the next one")
    rows, _ = bench.table("flows", "-R", pieces.folder)
    through = [row for row in rows if row["capture"] != row["last_capture"] and
               pieces.name[row["capture"]] < behind - 1 <= pieces.name[row["last_capture"]]]
    tap.point("" if through and all("gap" in row["damage"].split(";") for row in through) else through[:1],
              f"{what}: connections that go on behind it say so")
    bench.run("report", "-q", "-o", bench.folder / "out", "-R", pieces.folder)
    table = list(csv.DictReader((bench.folder / "out" / "captures.csv").open()))
    with_gap = [row["capture"] for row in table if row["gap_before_s"]]
    tap.point("" if [pieces.name[name] for name in with_gap] == [behind - 1] else with_gap, f"{what}: captures.csv says before which")
    tap.point("" if {row["series"] for row in table} == {"c1"} else table, f"{what}: all are one series")
    shutil.rmtree(bench.folder / "out")


def main():
    program, captures = sys.argv[1], pathlib.Path(sys.argv[2])
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-series-") as folder:
        bench = Bench(program, pathlib.Path(folder))
        for case in sys.argv[3:] or CASES:
            check_case(bench, tap, captures, case)
        check_repeats(bench, tap, captures)
        check_beside(bench, tap)
        check_missing(bench, tap, captures)
        if not bench.packs:
            check_closed(bench, tap, captures)
            tap.point("", built.skipped("pieces that are compressed or in an archive")[0])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
