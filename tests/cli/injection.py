#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nothing that a stranger chose reaches a terminal or a spreadsheet as more than text.

    injection.py CAPTURES PROGRAM

Hostile texts stand in every place that a stranger writes: names of files, folders and members of archives; comments, names of
interfaces, of hosts and of who captured in pcapng; tables given to diff; filters and options as somebody pasted them. Then
every command runs over them. Whatever it prints, to a terminal too, has to be UTF-8 without control characters and without
characters that turn the direction of what follows, and no cell of a table a formula.
"""

import csv
import io
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import built  # noqa: E402
import report  # noqa: E402

BIDI = "\u202e\u2066\u2069\u200f\u061c\u2028"
EVIL = {
    "an escape sequence": b"\x1b]0;owned\x07\x1b[35m",
    "the one byte of it": b"\x9b31m\x84\x85",
    "the same in UTF-8": "\u009b31m\u0085".encode(),
    "a line of ours": b"x\r\ntcpautopsy: all is well\n",
    "directions": f"gpj.{BIDI}pacp".encode(),
    "no UTF-8": b"\xff\xfe\xc0\xaf\xed\xa0\x80\xf5",
    "a formula": b"=cmd|' /C calc'!A0",
    "a sum": b"+1+1",
    "a difference": b"-1+1",
    "a function": b"@SUM(1+1)",
    "a tab": b"\t=1+1",
    "a wide formula": "\uff1d1+1".encode(),
    "cells": b'",=1+1,"\n=1+1,',
    "bytes that are kept from the terminal": b"\x7f\x08\x0e",
}
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
OURS = re.compile(r"\r\x1b\[K|\r\n|\x1b\[(?:1;31|33|32|0)m")  # the program's own, and the line ends of a terminal
NUMBER = re.compile(r"[+-]?[0-9.]+$|-$")
TABLES = ("flows", "events", "listeners", "states", "settings")


def told_badly(out):
    """What of this a terminal should not have been given; None: nothing."""
    try:
        text = out.decode()
    except UnicodeDecodeError as error:
        return f"no UTF-8 at {out[error.start - 20:error.start + 20]}"
    found = FORBIDDEN.search(OURS.sub("\n", text))
    return f"{found.group()!r} in {text[max(0, found.start() - 40):found.start() + 20]!r}" if found else None


def formulas(out):
    """Cells that a spreadsheet would take for a formula."""
    rows = csv.reader(io.StringIO(out.decode(errors="replace")))
    return [cell for row in rows for cell in row if len(cell) > 1 and cell[0] in "=+-@\t\r\uff1d" and not NUMBER.match(cell)]


class Bench:
    def __init__(self, program, captures, folder):
        self.program, self.captures, self.folder = program, pathlib.Path(captures), pathlib.Path(folder)

    def run(self, *arguments, given=None):
        return subprocess.run([self.program, *arguments], input=given, capture_output=True, cwd=self.folder, timeout=120, check=False)

    def clean(self, *arguments, table=False, given=None, wants=None):
        """What is wrong with what it prints, and how it ends; None: nothing."""
        done = self.run(*arguments, given=given)
        wrong = told_badly(done.stdout) or told_badly(done.stderr) or (table and formulas(done.stdout))
        if wrong or done.returncode not in (wants or (0, 2, 3)):
            return [f"{arguments}: {wrong}, exit {done.returncode}"]
        return []

    def on_terminal(self, *arguments):
        """All that the program writes to a terminal."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen([self.program, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        out = b""
        try:
            while piece := os.read(ours, 65536):
                out += piece
        except OSError:  # nobody has the other end open
            pass
        os.close(ours)
        return child.wait(timeout=60), out


# ---- what is hostile ----

def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def block(kind, body):
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def pcapng(records, text):
    """Every text of the format is this one."""
    end = option(0, b"")
    words = option(1, text) + option(2, text) + option(3, text) + option(4, text) + end
    out = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1) + words)
    names = option(1, text) + option(2, text) + option(3, text) + option(12, text) + option(15, text) + end
    out += block(1, struct.pack("<HHI", 1, 0, 0) + names)
    name = b"\x0a\0\0\1" + text + b"\0"
    out += block(4, struct.pack("<HH", 1, len(name)) + name + b"\0" * (-len(name) % 4) + struct.pack("<HH", 0, 0) + option(2, text) + end)
    for seconds, micros, frame in records:
        time = seconds * 1000000 + micros
        head = struct.pack("<IIIII", 0, time >> 32, time & 0xffffffff, len(frame), len(frame))
        out += block(6, head + frame + b"\0" * (-len(frame) % 4) + option(1, text) + end)
    out += block(5, struct.pack("<III", 0, 0, 0) + option(1, text) + end)
    return out


def records_of(data):
    at, found = 24, []
    while at + 16 <= len(data):
        seconds, micros, size, _ = struct.unpack_from("<IIII", data, at)
        found.append((seconds, micros, data[at + 16:at + 16 + size]))
        at += 16 + size
    return found


def members(name, data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        for one in (name, name + "/deep", name + "\n=2.pcap"):
            entry = tarfile.TarInfo(one)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def text_of(raw):
    return raw.replace(b"/", b"_").decode(errors="surrogateescape")


# ---- points ----

def names(bench, data):
    """Files, folders and members that bear such names, whole, cut and empty."""
    for what, raw in EVIL.items():
        name, wrong = text_of(raw), []
        where = bench.folder / "named"
        (where / name).mkdir(parents=True)
        for ending, bytes_ in ((".pcap", data), (".cut.pcap", data[:-7]), (".empty.pcap", b""), (".gz", b"\x1f\x8b" + b"x" * 30),
                               (".tar", members(name + ".pcap", data)), ("_1.pcap", data)):
            (where / name / (name + ending)).write_bytes(bytes_)
        try:
            (where / name / (name + ".zip")).write_bytes(zipped(name + ".pcap", data))
        except UnicodeEncodeError:
            pass
        os.chdir(where)
        bench.folder = where
        top = f"./{name}" if name[0] == "@" else name  # or it would be a list of names
        whole, cut = f"{top}/{name}.pcap", f"{top}/{name}.cut.pcap"
        for table in TABLES:
            wrong += bench.clean(table, "--", cut, table=True)
        wrong += bench.clean("report", "-v", "-R", "-o", "out", "--", top)
        for table in sorted((where / "out").iterdir()):
            out = table.read_bytes()
            bad = told_badly(out) or (table.suffix == ".csv" and formulas(out))
            wrong += [f"{table.name}: {bad}"] if bad else []
        wrong += bench.clean("summary", "-R", "--", top)
        wrong += bench.clean("explain", "stream=0", "--", cut)
        wrong += bench.clean("states", "--at", "end", "--format", "ss", "--", whole)
        wrong += bench.clean("states", "--at", "end", "--format", "nstat", "--", whole)
        wrong += bench.clean("scan", "--plan", "-R", "-o", "parts", "--", top)
        wrong += bench.clean("scan", "--keep-parts", "-R", "-o", "parts", "--", top)
        for table in sorted((where / "parts").rglob("*.csv")):
            out = table.read_bytes()
            bad = told_badly(out) or formulas(out)
            wrong += [f"scan: {table.name}: {bad}"] if bad else []
        wrong += bench.clean("scan", "--resume", "--keep-parts", "-R", "-o", "parts", "--", top)
        wrong += bench.clean("merge", "-o", "merged", "--", "parts")
        wrong += bench.clean("flows", "--", top, f"no such {name}", f"./{whole}", whole, wants=(0, 2, 3))
        for command in (("summary",), ("scan", "-o", "shown")):
            code, out = bench.on_terminal(*command, "-R", "--", top)
            bad = told_badly(out)
            wrong += [f"{command[0]} on a terminal: {bad}, exit {code}"] if bad or code not in (0, 3) else []
        bench.folder = where.parent
        os.chdir(bench.folder)
        shutil.rmtree(where)
        yield f"names: {what}", wrong


def comments(bench, records):
    """Every text that pcapng has room for."""
    for what, raw in EVIL.items():
        wrong = []
        (bench.folder / "c.pcapng").write_bytes(pcapng(records, raw + b"OO"))
        wrong += bench.clean("report", "-v", "-o", "out", "c.pcapng")
        out = (bench.folder / "out" / "captures.csv").read_bytes()
        bad = told_badly(out) or formulas(out)
        wrong += [f"captures.csv: {bad}"] if bad else []
        wrong += bench.clean("summary", "-v", "c.pcapng") + bench.clean("explain", "stream=0", "c.pcapng")
        explained = bench.run("explain", "stream=0", "c.pcapng").stdout
        if explained.count(b"\n                       # ") < 4 or b"OO" not in out:
            wrong.append("the comments of packets, or those of the file, are not there")
        yield f"comments: {what}", wrong


def typed(bench, whole):
    """What somebody pasted, and what programs told."""
    for what, raw in EVIL.items():
        name, wrong = text_of(raw), []
        (bench.folder / "w.pcap").write_bytes(whole)
        (bench.folder / "sysctl").write_bytes(raw + b" = " + raw + b"\n" + raw)
        (bench.folder / "filter").write_bytes(raw)
        (bench.folder / "list").write_bytes(raw + b"\n")
        for arguments in (("flows", "-f", name), ("flows", "-F", "filter"), ("flows", f"--columns={name}"), (f"--{name}",), (name,),
                          ("explain", name), ("flows", f"--sysctl={name}"), ("flows", "--sysctl=@sysctl"), ("flows", f"--memory={name}"),
                          ("events", f"--finding={name}"), ("flows", f"--temp-dir=no/{name}"), ("states", "--at", name),
                          ("flows", "-o", f"no/{name}"), ("schema", name), ("findings", name), ("flows", "-T", "list")):
            wrong += bench.clean(*arguments, "w.pcap", wants=(0, 1, 2, 3, 4, 5))
        yield f"typed: {what}", wrong


def compared(bench, whole):
    """Tables of others."""
    (bench.folder / "w.pcap").write_bytes(whole)
    plain = bench.run("flows", "w.pcap").stdout.decode()
    for what, raw in EVIL.items():
        evil, wrong = raw.decode(errors="surrogateescape"), []
        rows = list(csv.reader(io.StringIO(plain)))
        rows[1] = [cell if at < 2 else evil for at, cell in enumerate(rows[1])]
        for at, head in enumerate((rows[0], [*rows[0][:-1], evil])):
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerows([head, *rows[1:]])
            (bench.folder / f"{at}.csv").write_bytes(out.getvalue().encode(errors="surrogateescape"))
        (bench.folder / "plain.csv").write_text(plain)
        for one in ("0.csv", "1.csv"):
            wrong += bench.clean("diff", "plain.csv", one, wants=(0, 1, 2, 3))
        yield f"compared: {what}", wrong


def main():
    captures, program = pathlib.Path(sys.argv[1]).resolve(), str(pathlib.Path(sys.argv[2]).resolve())
    data = (captures / "queue/rec_overflow_ladder/capture.pcap").read_bytes()
    small = (captures / "close/rec_four_way/capture.pcap").read_bytes()
    tap = report.Tap()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-injection-") as folder:
        bench = Bench(program, captures, folder)
        for points in (names(bench, small), comments(bench, records_of(small)), typed(bench, small), compared(bench, small)):
            for words, wrong in points:
                tap.point(not wrong, words, wrong[:5])
    if not built.unpacks(program):
        tap.point(True, built.skipped("names of members of archives")[0])
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
