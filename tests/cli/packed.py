#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures inside compressed files and archives tell what they tell as plain files.

Every table and the summary, from a file and through a pipe; the packets that `explain -w` writes; archives in archives; what
is no capture; what is cut, damaged, empty, or expands without end. Of a build that can unpack nothing: that it says so, of each, and
reads the others.
"""

import bz2
import csv
import gzip
import io
import lzma
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import built  # noqa: E402
import report  # noqa: E402

TABLES = ("flows", "events", "listeners", "states", "summary")
CASES = ("queue/rec_overflow_ladder", "close/rec_four_way", "timewait/rec_reuse_ts")


class Bench:
    """A folder to make files in, and the program."""

    def __init__(self, program, captures, folder):
        self.program, self.captures, self.folder = program, pathlib.Path(captures), pathlib.Path(folder)

    def run(self, *arguments, given=None):
        return subprocess.run([self.program, *map(str, arguments)], input=given, capture_output=True, cwd=self.folder,
                              timeout=240, check=False)

    def capture(self, case):
        return (self.captures / case / "capture.pcap").read_bytes()

    def file(self, name, data):
        (self.folder / name).write_bytes(data)
        return name


def tool(*command):
    """What compresses by a program: None where it is not there."""
    if not shutil.which(command[0]):
        return None
    return lambda data: subprocess.run(command, input=data, capture_output=True, check=True).stdout


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": tool("zstd", "-qc"),
    "lz4": tool("lz4", "-qc"),
}


def tar(members, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def folders():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("empty")
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    return out.getvalue()


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def seven(bench, members):
    """By bsdtar, since no library of Python writes it; None without it."""
    if not shutil.which("bsdtar"):
        return None
    folder = bench.folder / "seven"
    folder.mkdir(exist_ok=True)
    for name, data in members.items():
        (folder / name).write_bytes(data)
    return subprocess.run(["bsdtar", "-c", "--format", "7zip", "-C", folder, "-f", "-", *members], capture_output=True,
                          check=True).stdout


# ---- what is told ----

def told(bench, table, name, shown, given=None):
    """The table of one input, with every name of it made CAPTURE."""
    out = bench.run(table, name, given=given).stdout.decode()
    for one in sorted(shown, key=len, reverse=True):
        out = out.replace(f"'{one}" if one.startswith("-") and table != "summary" else one, "CAPTURE")
        out = out.replace(one, "CAPTURE") if len(one) > 1 else out
    return re.sub(r" +", " ", out)  # columns of the summary are as wide as names


def same_tables(bench, plain, packed, shown):
    wrong = [table for table in TABLES
             if told(bench, table, plain, [plain]) != told(bench, table, packed, shown)]
    return not wrong


def compressed(bench):
    for case in CASES:
        data = bench.capture(case)
        plain = bench.file("one.pcap", data)
        for ending, pack in PACKERS.items():
            if not pack:
                continue
            packed = bench.file(f"packed.{ending}", pack(data))
            yield f"{case}: {ending}", same_tables(bench, plain, packed, [packed])
        flows = bench.run("flows", plain).stdout.replace(b",one.pcap,", b",-,")
        for ending, pack in PACKERS.items():
            if pack:
                piped = bench.run("flows", "-", given=pack(data)).stdout
                yield f"{case}: {ending}, through a pipe", piped == flows


def every_packer(_bench):
    yield "zstd, lz4 and bsdtar are there to make what is read", \
        all(PACKERS.values()) and shutil.which("bsdtar") is not None


def archives(bench):
    members = {f"{case.replace('/', '_')}.pcap": bench.capture(case) for case in CASES}
    with_text = {"README.txt": b"nothing to see\n", **members}
    made = {"a.tar": tar(with_text), "a.tar.gz": tar(with_text, "w:gz"), "a.tar.xz": tar(with_text, "w:xz"),
            "a.zip": zipped(with_text), "a.7z": seven(bench, with_text)}
    for name, data in members.items():
        bench.file(name, data)
    plain = bench.run("flows", *members).stdout
    for name, data in made.items():
        if data is None:
            continue
        bench.file(name, data)
        out = bench.run("flows", name)
        yield f"{name}: each member a capture of its own", out.stdout.replace(f"{name}/".encode(), b"") == plain
        yield f"{name}: what is none is passed over and told", out.returncode == 0 and \
            f"{name}: 1 member is no capture and passed over, the first is {name}/README.txt".encode() in out.stderr
        rows = bench.run("report", "-o", f"report_{name}", name)
        listed = (bench.folder / f"report_{name}" / "captures.csv").read_text().splitlines()
        yield f"{name}: captures.csv has them", rows.returncode == 0 and len(listed) == len(members) + 1
        if not name.endswith(".7z"):
            piped = bench.run("flows", "-", given=data)
            yield f"{name}: through a pipe", piped.stdout.replace(b"'-/", b"") == plain


def nested(bench):
    data = bench.capture(CASES[0])
    plain = bench.run("flows", bench.file("n.pcap", data)).stdout.splitlines()[1:]
    inner = tar({"n.pcap.gz": gzip.compress(data)}, "w:gz")
    bench.file("outer.zip", zipped({"inner.tar.gz": inner}))
    out = bench.run("flows", "outer.zip")
    yield "a compressed capture in a tar.gz in a zip", \
        out.stdout.replace(b"outer.zip/inner.tar.gz/n.pcap.gz", b"n.pcap").splitlines()[1:] == plain
    bench.file("deep.tar", tar({"outer.zip": zipped({"inner.tar.gz": inner})}))
    out = bench.run("flows", "deep.tar")
    yield "one level more is not looked into, and said", out.returncode == 3 and out.stderr == \
        b"tcpautopsy: deep.tar/outer.zip/inner.tar.gz/n.pcap.gz: gzip in 3 layers of archives and compression, and deeper is " \
        b"not looked: unpack the outer ones\n" and len(out.stdout.splitlines()) <= 1


def written(bench):
    data, other = bench.capture(CASES[0]), bench.capture(CASES[1])
    bench.file("w.pcap", data)
    bench.file("w.tar.gz", tar({"other.pcap": other, "w.pcap.xz": lzma.compress(data)}, "w:gz"))
    plain = bench.run("explain", "-w", "-", "stream=3", "w.pcap").stdout
    packed = bench.run("explain", "-w", "-", "flow=c2" + flow_of(bench, "w.pcap", 3), "w.tar.gz").stdout
    yield "explain -w finds a member again", len(plain) > 24 and plain == packed


def typed(bench):
    """A member as the tables name it, typed again."""
    data, other = bench.capture(CASES[0]), bench.capture(CASES[1])
    bench.file("t.pcap", data)
    inner = tar({"t.pcap.gz": gzip.compress(data), "other.pcap": other}, "w:gz")
    bench.file("t.tar.gz", tar({"other.pcap": other, "in/t.pcap.xz": lzma.compress(data), "words.txt": b"words\n"}, "w:gz"))
    bench.file("t.zip", zipped({"other.pcap": other, "inner.tar.gz": inner}))
    (bench.folder / "t.d").mkdir()
    (bench.folder / "t.d" / "t.tar").write_bytes(tar({"t.pcap": data}))
    plain = bench.run("flows", "t.pcap")
    ladder = bench.run("explain", "stream=3", "t.pcap")
    packets = bench.run("explain", "-w", "-", "stream=3", "t.pcap")
    for name in ("t.tar.gz/in/t.pcap.xz", "t.zip/inner.tar.gz/t.pcap.gz", "t.d/t.tar/t.pcap"):
        out = bench.run("flows", name)
        yield f"{name}: that one alone", out.returncode == 0 and not out.stderr and \
            out.stdout.replace(name.encode(), b"t.pcap") == plain.stdout
        out = bench.run("explain", "stream=3", name)
        yield f"{name}: explain", out.returncode == 0 and out.stdout.replace(name.encode(), b"t.pcap") == ladder.stdout
        out = bench.run("explain", "-w", "-", "stream=3", name)
        yield f"{name}: explain -w", out.returncode == 0 and len(out.stdout) > 24 and out.stdout == packets.stdout
    out = bench.run("flows", "t.pcap", "t.tar.gz/other.pcap")
    yield "among other captures", out.returncode == 0 and b",t.tar.gz/other.pcap," in out.stdout
    for name, why in (("t.tar.gz/t.pcap", b"no such capture is in it"), ("t.tar.gz/words.txt", b"no such capture"),
                      ("t.tar.gz/in", b"no such capture"), ("t.pcap/x", b"no such capture"),
                      ("t.zip/inner.tar.gz/x", b"no such capture"), ("t.tar.gz/", b"no such capture"),
                      ("nowhere/x", b"No such file")):
        out = bench.run("flows", name)
        yield f"{name}: told once, exit 3", out.returncode == 3 and out.stderr.count(why) == 1 and \
            out.stderr.count(b"\n") <= 2
        rows = bench.run("report", "-o", "report_typed", name)
        listed = (bench.folder / "report_typed" / "captures.csv").read_text().splitlines()
        shutil.rmtree(bench.folder / "report_typed")
        yield f"{name}: one row says so", rows.returncode == 3 and len(listed) == 2 and listed[1].startswith(f"{name},")
    out = bench.run("flows", "t.tar.gz/nothing", "t.pcap")
    yield "the others are read all the same", out.returncode == 3 and b",t.pcap," in out.stdout


def flow_of(bench, name, stream):
    for line in bench.run("flows", "-e", "tcp_stream,flow_id", name).stdout.decode().splitlines():
        if line.startswith(f"{stream},"):
            return line.split(",")[1][2:]
    return ""


# ---- where nothing can be unpacked ----

def packed_somehow(bench):
    """Of each kind that is known one: name -> bytes."""
    data = bench.capture(CASES[0])
    made = {f"p.{ending}": pack(data) for ending, pack in PACKERS.items() if pack}
    made.update({"p.tar": tar({"a.pcap": data}), "p.tar.gz": tar({"a.pcap": data}, "w:gz"), "p.zip": zipped({"a.pcap": data})})
    seven_zip = seven(bench, {"a.pcap": data})
    return {**made, **({"p.7z": seven_zip} if seven_zip else {})}


def told_alone(bench, name, *arguments, given=None):
    """That it is named, and why it is not read, once, and nothing else is said."""
    done = bench.run(*arguments, given=given)
    return done.returncode == 3 and done.stderr.startswith(b"tcpautopsy: %s: " % name.encode()) and \
        done.stderr.count(built.WITHOUT) == done.stderr.count(b"\n") == 1


def closed(bench):
    made = packed_somehow(bench)
    for name, data in made.items():
        bench.file(name, data)
        for command in (("flows",), ("summary",), ("explain", "stream=0")):
            yield f"{name}: {command[0]} says why it is not read, exit 3", told_alone(bench, name, *command, name)
        yield f"{name}: through a pipe, too", told_alone(bench, "standard input", "flows", "-", given=data)
        member = f"{name}/a.pcap"
        yield f"{name}: and of what is in it", told_alone(bench, member, "flows", member)
        bench.run("report", "-o", "report_closed", member)
        yield "  in a row of its name", rows_of(bench, "report_closed") == [(member, "unsupported")]
        shutil.rmtree(bench.folder / "report_closed")


def closed_among_others(bench):
    """In a folder, of which one file is a capture and one nothing."""
    made, where = packed_somehow(bench), bench.folder / "among"
    where.mkdir()
    for name, data in {**made, "z.pcap": bench.capture(CASES[1]), "notes.txt": b"notes"}.items():
        (where / name).write_bytes(data)
    rows = [*((f"among/{name}", "unsupported") for name in sorted(made)), ("among/z.pcap", "ok")]
    plain = bench.run("flows", "-e", "verdict", "among/z.pcap").stdout
    for command in (("report", "-R", "-o", "among.report"), ("scan", "-o", "among.scan")):
        done = bench.run(*command, "among")
        yield f"{command[0]} of a folder: a row for each, exit 3", done.returncode == 3 and sorted(rows_of(bench, command[-1])) == rows
        yield "  each is told, and what is no capture is counted", done.stderr.count(built.WITHOUT) == len(made) and \
            b"1 file is no capture" in done.stderr
    done = bench.run("flows", "-e", "verdict", "-R", "among")
    yield "  the other one is read", done.returncode == 3 and done.stdout == plain and plain.count(b"\n") > 1
    done = bench.run("summary", "--plan", "-R", "among")
    yield "--plan says which, and why", done.returncode == 0 and done.stdout.count(built.WITHOUT) == len(made)


def rows_of(bench, folder):
    with open(bench.folder / folder / "captures.csv", encoding="utf-8", newline="") as table:
        return [(row["capture"], row["status"]) for row in csv.DictReader(table)]


# ---- what is wrong with it ----

def cut(bench):
    data = bench.capture("queue/rec_stalled_service")
    packed = gzip.compress(data)
    bench.file("cut.gz", packed[:len(packed) // 2])
    out = bench.run("flows", "cut.gz")
    rows = len(out.stdout.splitlines())
    yield "cut in its middle: what there is is told, exit 0", out.returncode == 0 and rows > 20
    yield "... and said", b"compressed file ends before it should" in out.stderr
    yield "... an error with --strict", bench.run("flows", "--strict", "cut.gz").returncode == 3
    for missing in (1, 7, 8):
        bench.file("tail.gz", packed[:-missing])
        out = bench.run("flows", "tail.gz")
        yield f"of the checksums at its end {missing} bytes are missing: said, exit 0", out.returncode == 0 and \
            b"compressed file ends before it should" in out.stderr and len(out.stdout.splitlines()) > 20
    whole = tar({"a.pcap": bench.capture(CASES[0]), "b.pcap": data})
    ends = {"in a capture": len(whole) * 3 // 4, "in a header": len(bench.capture(CASES[0])) // 512 * 512 + 1024 + 200}
    for words, end in ends.items():
        bench.file("cut.tar", whole[:end])
        out = bench.run("flows", "cut.tar")
        yield f"a tar that was cut {words}: said so, what stands before is told", \
            b"cut.tar/a.pcap," in out.stdout and b"ends before it should" in out.stderr and b"needed" not in out.stderr
        yield "  status 3 where it is a member that is missing", out.returncode == (3 if "header" in words else 0)
    bench.file("cut.tar.gz", tar({"a.pcap": bench.capture(CASES[0]), "b.pcap": data}, "w:gz")[:len(packed) // 2])
    out = bench.run("flows", "cut.tar.gz")
    yield "a cut archive: members before the cut are told", b"cut.tar.gz/a.pcap" in out.stdout and out.returncode in (0, 3)


def damaged(bench):
    data = bench.capture("queue/rec_stalled_service")
    for ending, pack in PACKERS.items():
        if not pack:
            continue
        packed = bytearray(pack(data))
        for at in range(len(packed) // 2, len(packed) // 2 + 40):
            packed[at] ^= 0x5a
        bench.file(f"bad.{ending}", bytes(packed))
        out = bench.run("flows", f"bad.{ending}")
        yield f"damaged {ending}: said, exit 3", out.returncode == 3 and f"bad.{ending}: ".encode() in out.stderr
    bench.file("good.pcap", bench.capture(CASES[0]))
    out = bench.run("flows", "bad.gz", "good.pcap")
    yield "the others are read all the same", out.returncode == 3 and b",good.pcap," in out.stdout


def stumps(bench):
    """Cut so short that nothing comes out."""
    for ending, pack in PACKERS.items():
        if not pack:
            continue
        data = pack(bench.capture(CASES[1]))
        for end in (6, 10, 100, len(data) // 2, len(data) - 3):
            bench.file("stump", data[:end])
            out = bench.run("flows", "stump")
            yield f"{ending} cut to {end} bytes: said so, exit 3", out.returncode == 3 and out.stderr.count(b"\n") == 1 and \
                b"ends before it should" in out.stderr and b"layers" not in out.stderr and not out.stdout
    bench.file("stump.tar", tar({"a.pcap": b"x" * 3000}).replace(b"0000644", b"0000645"))
    out = bench.run("flows", "stump.tar")
    yield "a tar with a wrong header: said, exit 3", out.returncode == 3 and out.stderr.count(b"\n") == 1 and b"damaged" in out.stderr


def wrong_size(bench):
    """The library has words with a line's end for this."""
    data, made = bench.capture(CASES[0]), bytearray(zipped({"one.pcap": bench.capture(CASES[0])}))
    size = len(data).to_bytes(4, "little")
    wrong = (len(data) + 5).to_bytes(4, "little")
    bench.file("size.zip", bytes(made).replace(size, wrong))
    out = bench.run("flows", "size.zip")
    yield "a zip that tells a wrong size: said, in one line", out.returncode == 3 and b"wrong size" in out.stderr and \
        b"\\x0a" not in out.stderr


def not_one(bench):
    for name, size in (("zeros.gz", 5000), ("zeros.gz", 500000)):
        bench.file(name, gzip.compress(bytes(size)))
        out = bench.run("flows", name)
        yield f"{size} zeros: said so", out.returncode == 3 and out.stderr == \
            b"tcpautopsy: zeros.gz: gzip: nothing but zeros is in it: copy the file and try again\n"
    bench.file("folders.tar.gz", folders())
    out = bench.run("flows", "folders.tar.gz")
    yield "an archive of empty folders has nothing in it", out.returncode == 3 and b"nothing is in it" in out.stderr
    bench.file("text.gz", gzip.compress(b"just words\n" * 100))
    out = bench.run("flows", "text.gz")
    yield "compressed, but no capture", out.returncode == 3 and b"not a packet capture" in out.stderr
    bench.file("empty.gz", gzip.compress(b""))
    out = bench.run("flows", "empty.gz")
    yield "nothing in it", out.returncode == 3 and b"empty.gz: " in out.stderr
    bench.file("words.tar", tar({"a.txt": b"x", "b.txt": b"y"}))
    out = bench.run("flows", "words.tar")
    yield "an archive without a capture is an error", out.returncode == 3 and b"no capture" in out.stderr
    bench.file("hollow.tar", tar({}))
    yield "an archive with nothing in it", bench.run("flows", "hollow.tar").returncode == 3
    data = seven(bench, {"one.pcap": bench.capture(CASES[0])})
    if data:
        out = bench.run("flows", "-", given=data)
        yield "7z through a pipe: what to do is said", out.returncode == 3 and b"save it as a file" in out.stderr


def bomb(bench):
    data = bench.capture(CASES[0])
    bench.file("bomb.gz", gzip.compress(data + data[24:] * 1000))
    out = bench.run("summary", "--max-expanded", "1M", "bomb.gz")
    yield "what expands beyond the limit ends there, and says which", \
        out.returncode == 3 and b"--max-expanded" in out.stderr
    out = bench.run("summary", "--max-expanded", "1T", bench.file("c.gz", gzip.compress(bench.capture(CASES[0]))))
    yield "and nothing else does", out.returncode == 0


# The byte by which a block of xz asks for a dictionary: 64 MiB, as much as xz -9 makes; the next size; the largest.
XZ_MOST, XZ_MORE, XZ_LARGEST = 28, 29, 40


def asking(packed, told, block):
    """An xz file of which one block, whose header begins there, asks for this dictionary."""
    end = block + (packed[block] + 1) * 4 - 4
    head = bytearray(packed[block:end])
    head[head.index(b"\x21\x01") + 2] = told  # LZMA2, with one byte of properties
    return packed[:block] + bytes(head) + struct.pack("<I", zlib.crc32(head)) + packed[end + 4:]


def blocks_of(packed):
    """Where the blocks of an xz file of one stream begin, by its index."""
    index = packed[-12 - (struct.unpack("<I", packed[-8:-4])[0] + 1) * 4:-12]
    numbers, value, shift = [], 0, 0
    for byte in index[1:]:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    places = [12]
    for size in numbers[1:2 * numbers[0]:2]:
        places.append(places[-1] + (size + 3) // 4 * 4)
    return places[:-1]


def dictionaries(bench):
    """What an xz file asks for is known before room is made for it, of each of its blocks."""
    data = bench.capture(CASES[0])
    whole = data + data[24:] * 40
    bench.file("w.pcap", whole)
    rows = bench.run("flows", "w.pcap").stdout.count(b"\n")
    few = lzma.compress(whole)
    half = len(whole) // 2
    streams = lzma.compress(whole[:half]), bytes(8), lzma.compress(whole[half:])
    packer = tool("xz", "-c", "--block-size=20000")
    many = packer(whole) if packer else few
    rand, noise = random.Random(59991), bytearray(data[:24])  # records that cannot be packed, so that chunks are bytes as they are
    for at in range(40):
        noise += struct.pack("<IIII", 1700000000 + at, 0, 60000, 60000) + zlib.compress(bytes([at]) * 9)[:9] + rand.randbytes(59991)
    places = blocks_of(many)
    yield "xz makes several blocks", not packer or len(places) > 5
    for what, packed in (("as it is", few), ("64 MiB", asking(few, XZ_MOST, 12)), ("-0", lzma.compress(whole, preset=0)), ("many blocks", many),
                         ("streams", b"".join(streams)), ("no checks", lzma.compress(whole, check=lzma.CHECK_NONE)),
                         ("long checks", lzma.compress(whole, check=lzma.CHECK_SHA256)),
                         ("another filter", lzma.compress(whole, filters=[{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}]))):
        bench.file("d.xz", packed)
        for name, given in (("d.xz", None), ("-", packed)):
            out = bench.run("flows", name, given=given)
            yield f"xz, {what}, {'a file' if given is None else 'a pipe'}: read", out.returncode == 0 and out.stdout.count(b"\n") == rows
    bench.file("noise.pcap", bytes(noise))
    bench.file("noise.xz", lzma.compress(bytes(noise)))
    out = [bench.run("flows", f"noise.{ending}") for ending in ("pcap", "xz")]
    yield "xz, what cannot be packed: read", out[0].returncode == out[1].returncode == 0
    for what, packed in (("the next size", asking(few, XZ_MORE, 12)), ("the largest", asking(few, XZ_LARGEST, 12)),
                         ("the second block", asking(many, XZ_LARGEST, places[min(1, len(places) - 1)])),
                         ("the last block", asking(many, XZ_LARGEST, places[-1])),
                         ("the second stream", streams[0] + streams[1] + asking(streams[2], XZ_LARGEST, 12)),
                         ("behind what cannot be packed", lzma.compress(bytes(noise)) + asking(few, XZ_LARGEST, 12)),
                         ("a member", tar({"a.pcap.xz": asking(few, XZ_LARGEST, 12)}))):
        bench.file("d.xz", packed)
        for name, given in (("d.xz", None), ("-", packed)):
            out = bench.run("flows", name, given=given)
            yield f"xz, too large a dictionary, {what}, {'a file' if given is None else 'a pipe'}: said, exit 3", \
                out.returncode == 3 and b"its dictionary is larger than" in out.stderr


def names(bench):
    data = bench.capture(CASES[1])
    hostile = {"../../escape.pcap": data, "/etc/absolute.pcap": data, "new\nline\x1b[31m.pcap": data,
               "übung.pcap": data, "=formula.pcap": data}
    bench.file("names.tar", tar(hostile))
    before = sorted(bench.folder.parent.iterdir())
    out = bench.run("flows", "names.tar")
    yield "names of members are told, and used for nothing else", out.returncode == 0 and \
        b"names.tar/../../escape.pcap" in out.stdout and sorted(bench.folder.parent.iterdir()) == before
    yield "and told without control characters", b"\x1b" not in out.stdout + out.stderr and b"\\x1b[31m" in out.stdout
    yield "in UTF-8", "names.tar/übung.pcap".encode() in out.stdout


def interrupted(bench):
    with subprocess.Popen([bench.program, "flows", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, cwd=bench.folder) as process:
        process.stdin.write(gzip.compress(bench.capture("queue/rec_stalled_service"))[:5000])
        process.stdin.flush()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        try:
            out, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            out = b""
    yield "a signal ends it while a pipe has nothing to say", \
        process.returncode == 130 and time.monotonic() - started < 20 and out.startswith(b"flow_id")


def main():
    captures, program = sys.argv[1:3]
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(program, captures, pathlib.Path(folder) / "deep" / "er")
        bench.folder.mkdir(parents=True)
        unpacking = (compressed, archives, nested, written, typed, cut, stumps, damaged, wrong_size, not_one, bomb, dictionaries,
                     names, interrupted)
        unpacks = built.unpacks(program)
        for group in (every_packer, *(unpacking if unpacks else (closed, closed_among_others))):
            cases += list(group(bench))
        cases += [] if unpacks else [built.skipped(f"what is told of {group.__name__}") for group in unpacking]
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
