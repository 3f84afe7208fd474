#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What --plan says of files: which are one capture, in which order, and why.

  plan.py CAPTURES PROGRAM

Files as tcpdump and dumpcap name them, compressed in every way and in archives; recorded captures of one traffic from two and
three places; what is missing; what --series asks for.
"""

import itertools
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "lab")]

import built  # noqa: E402
import packed  # noqa: E402
import report  # noqa: E402

FILE = re.compile(r"^    (c\d+|-) +(\S+) +(?:([+-][0-9.]+) s +)?(\S.*?)(, a piece is missing before it)?$")
VIEWS = ("capture.pcap", "client.pcap", "middle.pcap", "router.pcap")
ETHERNET, RAW = 1, 101


class Bench:
    """A folder to make files in, and the program."""

    def __init__(self, program, captures, folder):
        self.program, self.captures = os.path.abspath(program), pathlib.Path(captures)
        self.folder = pathlib.Path(folder)

    def clean(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def run(self, *arguments, given=b""):
        return subprocess.run([self.program, *map(str, arguments)], input=given, capture_output=True, cwd=self.folder,
                              timeout=240, check=False)

    def make(self, name, data):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    def plan(self, *arguments):
        """Units as lists of names, "!" before one that something is missing before; and the words of each."""
        done = self.run("flows", "--plan", *arguments)
        units, words = [], []
        for line in done.stdout.decode().splitlines():
            found = FILE.match(line)
            if found:
                units[-1].append(("!" if found[5] else "") + found[4])
            elif line.startswith("  "):
                units.append([])
                words.append(line.strip())
        return (units, words) if done.returncode == 0 and not done.stderr else (None, [done.stderr.decode()])


def piece(first, last, count=30, link=ETHERNET, mark=0):
    """A capture of TCP segments between two seconds, of their own or like others of that mark."""
    ethernet = b"" if link == RAW else bytes(12) + b"\x08\0"
    out = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, link)]
    for at in range(count):
        micros = int(1e6 * first + 1e6 * (last - first) * at / max(count - 1, 1))
        packet = ethernet + struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, at, 0, 64, 6, 0, bytes([10, 0, 0, 1]),
                                        bytes([10, 0, 0, 2]))
        packet += struct.pack(">HHIIBBHHH", 1234, 80, (micros * 2654435761 + mark) % 2**32, 1, 0x50, 0x10, 100, 0, 0)
        out.append(struct.pack("<IIII", micros // 10**6, micros % 10**6, len(packet), len(packet)) + packet)
    return b"".join(out)


def shuffled(names):
    names = list(names)
    random.Random(1).shuffle(names)
    return names


# ---- series ----

def rings(bench):
    schemes = {
        "tcpdump -C": ["f.pcap"] + [f"f.pcap{at}" for at in range(1, 13)],
        "tcpdump -C -W, wrapped": [f"f.pcap{at % 12:02}" for at in range(7, 19)],
        "dumpcap -b": [f"o_{at:05}_202407141201{at:02}.pcapng" for at in range(1, 13)],
        "netsniff-ng": [f"dump-{1720958477 + 60 * at}.pcap" for at in range(12)],
        "tcpdump -G, strftime": [f"f-2024-07-14_{at:02}.pcap" for at in range(11, 23)],
        "Suricata": [f"log.pcap.{1720958477 + 10 * at}" for at in range(12)],
    }
    for scheme, names in schemes.items():
        bench.clean()
        made = list(enumerate(names))
        for at, name in shuffled(made):
            bench.make(name, piece(100 * at, 100 * at + 90, mark=at))
        units, words = bench.plan(*shuffled(names))
        yield f"{scheme}: one capture, in the order of time", units == [names]
        yield f"{scheme}: why", words == ["names alike but for digits, one after the other in time"]
        again, _ = bench.plan("-R", ".")
        yield f"{scheme}: walked", again == [[f"./{name}" for name in names]]


def missing(bench):
    for scheme, form in (("tcpdump -C", "f.pcap{}"), ("dumpcap -b", "o_{:05}_20240714120117.pcapng")):
        bench.clean()
        names = [bench.make(form.format(at), piece(100 * at, 100 * at + 99)) for at in range(1, 9) if at != 5]
        units, _ = bench.plan(*shuffled(names))
        yield f"{scheme}: a piece is missing", units == [names[:4] + ["!" + names[4]] + names[5:]]
        bench.make(form.format(5), piece(0, 0, count=0))
        units, _ = bench.plan(*shuffled(names), form.format(5))
        yield f"{scheme}: one without packets is not", units == [names + [form.format(5)]]


def compressed(bench):
    """One piece in each way, two in archives."""
    if not built.unpacks(bench.program):
        yield built.skipped("pieces that are compressed or in archives")
        return
    bench.clean()
    packers = [(ending, pack) for ending, pack in packed.PACKERS.items() if pack]
    names = [bench.make("c1", piece(100, 190))]
    for at, (ending, pack) in enumerate(packers, 2):
        names.append(bench.make(f"c{at}.{ending}", pack(piece(100 * at, 100 * at + 90))))
    behind = len(names) + 1
    inside = {f"old/c{at}.gz": packed.PACKERS["gz"](piece(100 * at, 100 * at + 90)) for at in (behind + 1, behind)}
    bench.make("old.tar.gz", packed.tar({**inside, "old/README": b"words"}, "w:gz"))
    bench.make("new.zip", packed.zipped({f"c{behind + 2}": piece(100 * behind + 200, 100 * behind + 290)}))
    typed = shuffled(names) + ["new.zip", "old.tar.gz"]
    names += [f"old.tar.gz/old/c{behind}.gz", f"old.tar.gz/old/c{behind + 1}.gz", f"new.zip/c{behind + 2}"]
    units, _ = bench.plan(*typed)
    yield f"compressed in {len(packers)} ways, and in two archives: one capture", units == [names]
    yield "all packers are there", all(packed.PACKERS.values())
    rows = bench.run("flows", "-e", "capture", *typed)
    yield "and it is read; what is no capture in an archive is told", rows.returncode == 0 and rows.stderr == \
        b"tcpautopsy: old.tar.gz: 1 member is no capture and passed over, the first is old.tar.gz/old/README\n"
    rows = bench.run("scan", "-o", "scanned", *typed)
    yield "  by scan, too", rows.returncode == 0 and rows.stderr.count(b"1 member is no capture and passed over") == 1
    units, words = bench.plan("old.tar.gz", "c1", "--series", "each")
    yield "--series each: archives are not looked into", units == [["old.tar.gz"], ["c1"]] and "as asked for" in words[0]
    bench.make("m.tar", packed.tar({"a": piece(1, 2), "b": piece(1, 2)}))
    units, words = bench.plan("m.tar")
    yield "captures of an archive that do not belong together", units == [["m.tar"]] and "no capture belongs to another" in words[0]


def named_only(bench):
    """What cannot be unpacked stands alone, and the words say why; the others are planned without it."""
    if built.unpacks(bench.program):
        return
    bench.clean()
    names = [bench.make(f"c{at}", piece(100 * at, 100 * at + 90)) for at in range(1, 9) if at != 5]
    closed = [bench.make("c5.gz", packed.PACKERS["gz"](piece(500, 590))), bench.make("m.tar", packed.tar({"a": piece(1, 2)}))]
    units, words = bench.plan(*closed, *names)
    yield "compressed files and archives, in a build without libarchive: alone, and why", units == \
        [["c5.gz"], ["m.tar"], [*names[:4], "!" + names[4], *names[5:]]] and \
        [built.WITHOUT.decode() in word for word in words] == [True, True, False]
    done = bench.run("flows", "--series", "one", *names, *closed)
    yield "  --series one: the others are one, and these are told", done.returncode == 3 and \
        done.stderr.count(built.WITHOUT) == 2 and done.stdout.count(b"\n") > 1


def apart(bench):
    bench.clean()
    for name, data in {"c1": piece(0, 900), "c2": piece(901, 1800), "c3": piece(9000, 9900), "d1": piece(0, 900),
                       "x/c4": piece(9901, 9990), "c5": piece(9901, 9990, link=RAW)}.items():
        bench.make(name, data)
    units, words = bench.plan("c1", "c2", "c3", "d1", "x/c4", "c5")
    yield "a long quiet, another name, another folder, another link type", \
        units == [["c1", "c2"], ["c3"], ["d1"], ["x/c4"], ["c5"]]
    yield "... and why", len(words) == 5 and words[1].startswith("begins anew after 2 hours without a packet") and \
        words[2] == words[3] == "no other capture here has such a name"


def numbers(bench):
    """Captures are numbered as they will be when they are read, as far as that is known."""
    bench.clean()
    for name, data in {"a": piece(1, 2), "z": piece(3, 4), "lone.gz": packed.PACKERS["gz"](piece(1, 2)), "words": b"words",
                       "m.tar": packed.tar({"x": piece(1, 2), "y.txt": b"words", "v": piece(1, 2)}),
                       "r1": piece(10, 11), "r2": piece(12, 13)}.items():
        bench.make(name, data)
    typed = ("lone.gz", "nowhere", "words", "m.tar", "r1", "r2", "z", "a")
    unpacks = built.unpacks(bench.program)  # where nothing is, an archive is one row, and no file may hold several
    alone = "c1 c2 c3 c4 c5 c6 c7 c8"
    for series, wanted in (("auto", "c1 c2 c3 c4 c6 c7 c8 c9" if unpacks else alone), ("each", "c1 - - - - - - -" if unpacks else alone)):
        done = bench.run("flows", "--plan", "--series", series, *typed)
        shown = [FILE.match(line) for line in done.stdout.decode().splitlines() if FILE.match(line)]
        yield f"numbers of captures, --series {series}", " ".join(one[1] for one in shown) == wanted
    bench.run("report", "-o", "rows", *typed)
    rows = [line.split(",")[0] for line in (bench.folder / "rows" / "captures.csv").read_text().splitlines()[1:]]
    if unpacks:
        del rows[4]  # the other one of the archive
    yield "  as they are when they are read", rows == ["lone.gz", "nowhere", "words", "m.tar/x" if unpacks else "m.tar", "r1", "r2", "z", "a"]
    done = bench.run("flows", "--plan", "--series", "each", "a", "z", "words", "m.tar", "r1")
    shown = [FILE.match(line)[1] for line in done.stdout.decode().splitlines() if FILE.match(line)]
    yield "  up to what may hold several, and was not looked into", shown == ["c1", "c2", "c3", "c4", "-" if unpacks else "c5"]


# ---- views ----

def views(bench):
    """The recorded ones, under names that would make them pieces of one."""
    seen = 0
    for case in sorted(bench.captures.glob("*/*/")):
        found = [case / name for name in VIEWS if (case / name).exists()]
        if len(found) < 2:
            continue
        bench.clean()
        names = [bench.make(f"v{at}", path.read_bytes()) for at, path in enumerate(found)]
        units, words = bench.plan(*names)
        told = sum("the same segments as in" in word for word in words)
        other = sum("another link type" in word for word in words)  # a router's, of all its devices
        good = units == [[name] for name in names] and (told == len(names) or other == len(names))
        seen += 1
        if not good or seen % 20 == 1:
            yield f"{case.parent.name}/{case.name}: {len(names)} views of one traffic are no series", good
    yield "in all recorded cases that have several", seen > 40


def side_by_side(bench):
    bench.clean()
    names = [bench.make(f"log.{thread}.{1720958477 + at}", piece(10 * at, 10 * at + 9, mark=thread * 7919))
             for at, thread in itertools.product(range(4), (1, 2, 3))]
    units, words = bench.plan(*shuffled(names))
    yield "threads that wrote files side by side: merged", units == [names] and \
        words == ["names alike but for digits, overlap with different segments: merged by time"]
    bench.clean()
    rings_of = [[bench.make(f"h{host}_{at:02}.pcap", piece(10 * at, 10 * at + 9)) for at in range(4)] for host in (1, 2)]
    units, _ = bench.plan(*shuffled(sum(rings_of, [])))
    yield "two hosts that wrote rings: two series", sorted(units) == rings_of


# ---- what is asked for ----

def asked(bench):
    bench.clean()
    for name, data in {"b": piece(1, 9), "x/a": piece(10, 19), "raw": piece(20, 29, link=RAW)}.items():
        bench.make(name, data)
    units, words = bench.plan("--series", "one", "x/a", "b")
    yield "--series one", units == [["b", "x/a"]] and words == ["one series, as asked for, one after the other in time"]
    for arguments, why in ((("b", "raw"), b"link type"), (("b", "-"), b"standard input")):
        done = bench.run("flows", "--series", "one", *arguments)
        yield f"--series one of {arguments[1]}: refused", done.returncode == 2 and why in done.stderr and not done.stdout
    units, words = bench.plan("b", "nowhere", "-")
    yield "what is not there, and standard input", units == [["b"], ["nowhere"], ["standard input"]]


def main():
    captures, program = sys.argv[1:3]
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(program, captures, pathlib.Path(folder) / "plan")
        for group in (rings, missing, compressed, named_only, apart, numbers, views, side_by_side, asked):
            cases += list(group(bench))
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
