#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Directories and lists of names stand for the captures in them."""

import gzip
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import built  # noqa: E402
import report  # noqa: E402

CASES = ("close/rec_four_way", "handshake/rec_refused", "timewait/rec_reuse_ts")


def run(folder, program, *arguments, given=None):
    return subprocess.run([program, *arguments], input=given, capture_output=True, cwd=folder, timeout=120,
                          check=False)


def captures_of(out):
    """The names of captures in the order in which captures.csv has them, from a report's folder."""
    return [line.split(",")[0] for line in out.read_text().splitlines()[1:]]


def listed(folder, program, *arguments, given=None):
    done = run(folder, program, "report", "-o", "out", *arguments, given=given)
    return done, captures_of(folder / "out" / "captures.csv") if done.returncode in (0, 3) else []


def make(folder, captures):
    """A tree with captures at several depths, other files, and links."""
    places = ("d/b.pcap", "d/B/x.pcap", "d/a/y")
    for place, case in zip(places, CASES):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes((captures / case / "capture.pcap").read_bytes())
    (folder / "d" / "notes.txt").write_text("nothing")
    (folder / "d" / "empty").write_bytes(b"")
    os.symlink("..", folder / "d" / "a" / "up")
    (folder / "far.pcap").write_bytes((captures / CASES[0] / "capture.pcap").read_bytes())
    os.symlink("../../far.pcap", folder / "d" / "a" / "link")
    os.symlink("nowhere", folder / "d" / "a" / "broken")
    os.mkfifo(folder / "d" / "pipe")


def directories(folder, program):
    done, names = listed(folder, program, "-R", "d")
    yield "in the order of bytes, folder by folder; links to files are files, links to folders nothing", \
        done.returncode == 0 and names == ["d/B/x.pcap", "d/a/link", "d/a/y", "d/b.pcap"]
    yield "what is no capture is passed over, and counted", \
        b"2 files are no captures and passed over, the first is d/empty" in done.stderr
    done, names = listed(folder, program, "-R", "d/b.pcap", "d/a/")
    yield "files and folders may be mixed, and a folder's slash is not doubled", \
        names == ["d/b.pcap", "d/a/link", "d/a/y"]
    done = run(folder, program, "flows", "d")
    yield "a folder without -R is an error that says what to do", done.returncode == 3 and b"-R" in done.stderr
    (folder / "none").mkdir()
    yield "a folder without a capture is none given", run(folder, program, "flows", "-R", "none").returncode == 2


def named(folder, program):
    """A file that says by its name that it is a capture, and is none, is a row; others are none of ours."""
    where = folder / "named"
    where.mkdir()
    good = (folder / "d" / "b.pcap").read_bytes()
    told = ["a.pcap", "b.PCAPNG", "c.pcap12", "d.pcap.3", "e.cap.gz", "f.pcap-20260101.zst"]
    passed = ["._a.pcap", "a.pcap.md5", "g.pcapx", "h.cap.txt", "pcap", "x.2", "12"]
    for name in told + passed:
        (where / name).write_bytes(b"nothing that a capture begins with")
    (where / "good.pcap").write_bytes(good)
    done = run(folder, program, "scan", "-q", "-o", "named.out", "-R", "named")
    rows = [row.split(",") for row in (folder / "named.out" / "captures.csv").read_text().splitlines()[1:]]
    yield "what is named a capture and is none is a row, and the exit code 3", done.returncode == 3 and \
        sorted(row[0] for row in rows if row[11] == "damaged") == [f"named/{name}" for name in told]
    yield "  the others are none", [row[0] for row in rows if row[11] == "ok"] == ["named/good.pcap"] and len(rows) == len(told) + 1
    if not built.unpacks(program):
        yield built.skipped("  likewise of members of an archive")
        return
    with tarfile.open(folder / "named.tar", "w") as archive:
        archive.add(where, "m")
    done = run(folder, program, "scan", "-q", "-o", "named.tar.out", "named.tar")
    rows = [row.split(",") for row in (folder / "named.tar.out" / "captures.csv").read_text().splitlines()[1:]]
    yield "  likewise of members of an archive", done.returncode == 3 and \
        sorted(row[0] for row in rows) == [f"named.tar/m/{name}" for name in sorted(told + ["good.pcap"])]


def plan_of(folder, program, *arguments):
    done = run(folder, program, "flows", "--plan", *arguments)
    return [line.split()[-1] for line in done.stdout.decode().splitlines() if line.startswith("    ")], done


def once(folder, program):
    """Names that stand for one file."""
    where = folder / "o"
    where.mkdir()
    data, other = ((folder / name).read_bytes() for name in ("d/b.pcap", "d/a/y"))
    (where / "b_07.pcap").write_bytes(data)
    (where / "same.pcap").write_bytes(data)
    (where / "y.pcap").write_bytes(other)
    os.symlink("b_07.pcap", where / "a_latest.pcap")
    os.link(where / "y.pcap", where / "z.pcap")
    with tarfile.open(where / "t.tar", "w") as archive:
        archive.add(where / "b_07.pcap", "x.pcap")
        archive.add(where / "y.pcap", "in/y.pcap")
    told = b" named more than once and read once, the first is "
    for words, names, wanted, first in (
            ("two ways to write it", ("o/y.pcap", "./o/y.pcap", f"{where}/y.pcap"), ["o/y.pcap"], "./o/y.pcap, read as o/y.pcap"),
            ("a folder and a file in it", ("-R", "o/y.pcap", "o"), ["o/y.pcap", "o/b_07.pcap", "o/same.pcap", "o/t.tar"],
             "o/a_latest.pcap, read as o/b_07.pcap"),
            ("a link and what it points to", ("o/a_latest.pcap", "o/b_07.pcap"), ["o/b_07.pcap"], "o/a_latest.pcap, read as o/b_07.pcap"),
            ("a hard link", ("o/z.pcap", "o/y.pcap"), ["o/z.pcap"], "o/y.pcap, read as o/z.pcap"),
            ("members of an archive that is named", ("o/t.tar/x.pcap", "o/t.tar", "./o/t.tar/in/y.pcap"), ["o/t.tar"],
             "o/t.tar/x.pcap, read as o/t.tar"),
            ("one that is not there, too", ("o/t.tar/", "o/t.tar"), ["o/t.tar"], "o/t.tar/, read as o/t.tar"),
            ("a member twice", ("o/t.tar/x.pcap", "o/t.tar/in/y.pcap", "./o/t.tar/x.pcap"), ["o/t.tar/x.pcap", "o/t.tar/in/y.pcap"],
             "./o/t.tar/x.pcap, read as o/t.tar/x.pcap")):
        for series in ("auto", "each"):
            planned, done = plan_of(folder, program, "--series", series, *names)
            yield f"one file under several names: {words}, --series {series}", sorted(planned) == sorted(wanted)
            yield "  said once", done.returncode == 0 and done.stderr.count(told + first.encode()) == 1
    for words, names in (("files with equal contents", ("o/b_07.pcap", "o/same.pcap")),
                         ("two members", ("o/t.tar/x.pcap", "o/t.tar/in/y.pcap")), ("what is not there", ("none", "./none"))):
        planned, done = plan_of(folder, program, *names)
        yield f"  but not {words}", planned == list(names) and not done.stderr
    done = run(folder, program, "flows", "-q", "o/y.pcap", "o/z.pcap"), run(folder, program, "flows", "o/y.pcap")
    yield "what is told is what one name tells", done[0].stdout == done[1].stdout and not done[0].stderr
    run(folder, program, "report", "-o", "out", "o/y.pcap", "o/z.pcap")
    yield "  run.csv counts one", '\ncaptures,"1"\n' in (folder / "out" / "run.csv").read_text()
    status = set()
    for share in ("1/2", "2/2"):
        done = run(folder, program, "scan", "-o", "out-scan", "--shard", share, "o", "o/z.pcap")
        status.add(done.returncode)
        yield f"scan says it, shard {share}", done.returncode in (0, 3) and told in done.stderr
    done = run(folder, program, "merge", "-o", "out-merge", "out-scan")
    inside, wanted = (["o/t.tar/x.pcap", "o/t.tar/in/y.pcap"], {0}) if built.unpacks(program) else (["o/t.tar"], {0, 3})
    yield "  and shards agree", captures_of(folder / "out-merge" / "captures.csv") == \
        ["o/b_07.pcap", "o/same.pcap", *inside, "o/y.pcap"] and status == wanted and done.returncode == max(wanted)
    (folder / "list").write_text("o/y.pcap\n./o/y.pcap\n" * 10000)
    planned, done = plan_of(folder, program, "@list")
    yield "twenty thousand names of one file", planned == ["o/y.pcap"] and b"19999 inputs are" + told in done.stderr


def logs(folder, program):
    """Compressed files that hold something else lie beside captures everywhere."""
    where = folder / "log"
    where.mkdir()
    (where / "a.pcap.gz").write_bytes(gzip.compress((folder / "d" / "b.pcap").read_bytes()))
    (where / "syslog.1.gz").write_bytes(gzip.compress(b"nothing " * 40))
    (where / "cut.gz").write_bytes(gzip.compress(os.urandom(4000))[:1000])
    done, names = listed(folder, program, "-R", "log")
    if built.unpacks(program):
        yield "compressed files of something else are passed over", \
            b"the first is log/syslog.1.gz" in done.stderr and "log/syslog.1.gz" not in names
    else:
        yield "what compressed files hold a build without libarchive does not know: each is told", done.returncode == 3 and \
            names == ["log/a.pcap.gz", "log/cut.gz", "log/syslog.1.gz"] and done.stderr.count(built.WITHOUT) == 3
    yield "  and those that cannot be unpacked are told", names[0] == "log/a.pcap.gz" and done.returncode in (0, 3)


def lists(folder, program):
    (folder / "list").write_text("d/b.pcap\r\n\nd/B/x.pcap\nd/a/y")
    wanted = ["d/b.pcap", "d/B/x.pcap", "d/a/y"]
    yield "a name on each line, as any system ends them", listed(folder, program, "@list")[1] == wanted
    done = listed(folder, program, "@-", given=b"d/b.pcap\0d/B/x.pcap\0d/a/y\0")
    yield "zero bytes between them, through a pipe", done[1] == wanted
    odd = folder / "odd\nname"
    odd.write_bytes((folder / "d" / "b.pcap").read_bytes())
    done = run(folder, program, "flows", "-e", "capture", "@-", given=b"odd\nname\0")
    yield "with these a name may hold anything", done.returncode == 0 and b"odd\\x0aname" in done.stdout
    (folder / "list").write_text("d/a\nd/b.pcap\n")
    yield "folders in a list are walked with -R", \
        listed(folder, program, "-R", "@list")[1] == ["d/a/link", "d/a/y", "d/b.pcap"]
    (folder / "list").write_text("missing.pcap\nd/b.pcap\n")
    done, names = listed(folder, program, "@list")
    yield "a name that is no file is one row, and the others are read", \
        done.returncode == 3 and names == ["missing.pcap", "d/b.pcap"]
    (folder / "@odd.pcap").write_bytes((folder / "d" / "b.pcap").read_bytes())
    (folder / "odd.pcap").write_text("secret words\n")
    done = run(folder, program, "flows", "@odd.pcap")
    yield "a file whose name begins so is a capture, and lists nothing", done.returncode == 0 and b"secret" not in done.stderr
    done = run(folder, program, "flows", "@/dev/zero")
    yield "a list without an end is refused", done.returncode == 3 and b"is no list" in done.stderr
    done = run(folder, program, "flows", "@absent")
    yield "a list that is not there", done.returncode == 3 and b"absent" in done.stderr
    (folder / "list").write_text("")
    yield "an empty list names no capture", run(folder, program, "flows", "@list").returncode == 2


def main():
    captures, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder, captures)
        cases = [*directories(folder, program), *named(folder, program), *once(folder, program), *logs(folder, program), *lists(folder, program)]
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
