#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Directories and lists of names stand for the captures in them."""

import gzip
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

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
    os.symlink("../b.pcap", folder / "d" / "a" / "link")
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


def logs(folder, program):
    """Compressed files that hold something else lie beside captures everywhere."""
    where = folder / "log"
    where.mkdir()
    (where / "a.pcap.gz").write_bytes(gzip.compress((folder / "d" / "b.pcap").read_bytes()))
    (where / "syslog.1.gz").write_bytes(gzip.compress(b"nothing " * 40))
    (where / "cut.gz").write_bytes(gzip.compress(os.urandom(4000))[:1000])
    done, names = listed(folder, program, "-R", "log")
    yield "compressed files of something else are passed over", \
        b"the first is log/syslog.1.gz" in done.stderr and "log/syslog.1.gz" not in names
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
    done = run(folder, program, "flows", "@absent")
    yield "a list that is not there", done.returncode == 3 and b"absent" in done.stderr
    (folder / "list").write_text("")
    yield "an empty list names no capture", run(folder, program, "flows", "@list").returncode == 2


def main():
    captures, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder, captures)
        cases = [*directories(folder, program), *logs(folder, program), *lists(folder, program)]
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
