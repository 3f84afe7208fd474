#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What users get wrong, and what they are told: one line that says what is wrong and what to do, and the exit status of its kind.

    mistakes.py PROGRAM CAPTURES

In the arguments C is a capture; all other names are below a folder that is made here: `empty` and `text`, folders without a capture;
`deep`, folders in folders; `zeros` and `blank`, files that are no filter; `one` and `other`, halves of two scans that differ in an
option. Then: names of captures that need quotes, through journal and manifest of a scan in shards; parts of another scan.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from series import Tap

CASE = "close/simultaneous"
USAGE, INPUT, OUTPUT = 2, 3, 4
MISTAKES = (
    ("schema --format yaml", USAGE, "--format yaml: schema has text, csv, json, sql"),
    ("schema nothing", USAGE, "no table 'nothing': see tcpautopsy schema"),
    ("schema flows events", USAGE, "schema takes one word: 'events' is too many"),
    ("flows -e colour C", USAGE, "table flows has no column 'colour': see tcpautopsy schema flows"),
    ("flows --ascii C", USAGE, "flows takes no --ascii: see tcpautopsy flows --help"),
    ("flows --format json C", USAGE, "--format: 'json' is not known here: did you mean jsonl"),
    ("flows C --width", USAGE, "option --width needs a value: --width SECONDS"),
    ("-R empty", USAGE, "no capture given"),
    ("-R text", USAGE, "no capture given"),
    ("-R deep", INPUT, "more than 64 folders deep: name the folder itself"),
    ("@nolist", INPUT, "list of names 'nolist': No such file or directory"),
    ("@empty", INPUT, "list of names 'empty': cannot be read"),
    ("-F zeros C", USAGE, "zeros: no filter could be read: -F wants a text file with one BPF expression"),
    ("-F blank C", USAGE, "blank: holds no filter"),
    ("-F nofilter C", USAGE, "nofilter: no filter could be read"),
    ("-f tcp -F blank C", USAGE, "two filters: -f and -F: keep one"),
    ("-f tcp -r C udp", USAGE, "two filters: one by -f or -F, one behind the captures ('udp'): keep one"),
    ("-r C colour", USAGE, "colour: neither a file nor a filter: check the name, or the expression"),
    ("flows --sysctl @nosysctl C", USAGE, "sysctl '@nosysctl': No such file or directory"),
    ("states --format ss --host 203.0.113.9 C", USAGE, "there are 192.0.2.10, 198.51.100.5: not 203.0.113.9"),
    ("explain stream=0 -w nowhere/x.pcap C", OUTPUT, "nowhere/x.pcap: cannot be written: No such file or directory"),
    ("diff empty blank", USAGE, "a folder and a table: name two folders or two tables"),
    ("diff blank nowhere", INPUT, "nowhere: cannot be opened: No such file or directory"),
    ("scan --missing -o nowhere", INPUT, "nowhere: cannot be read: No such file or directory"),
    ("scan --missing -o empty", INPUT, "empty: no scan was begun here: no shard is there"),
    ("merge -o out nowhere", INPUT, "nowhere: cannot be read: No such file or directory"),
    ("merge -o out empty", INPUT, "there is no manifest.csv: give the directory of a scan"),
    ("merge -o out one", INPUT, "1 of 2 parts are missing: run these shards again (merge --missing lists them)"),
    ("merge -o out one other", USAGE, "is of a scan with another --vantage: give the same options, or another directory"),
    ("scan --resume -o one --vantage server C", USAGE, "is of a scan with another --vantage"),
    ("scan --resume -o one --shard 1/3 C", USAGE, "is of a scan in 2 shards by hash, not in 3 by hash"),
)


class Place:
    def __init__(self, program, capture, folder):
        self.program, self.capture, self.folder = program, capture, folder

    def run(self, *words):
        words = [str(self.capture) if word == "C" else word for word in words]
        return subprocess.run([self.program, *words], cwd=self.folder, capture_output=True, timeout=60, check=False, text=True,
                              env=dict(os.environ, LC_ALL="C"))

    def path(self, name):
        return self.folder / name


def prepare(place):
    place.path("empty").mkdir()
    place.path("text").mkdir()
    place.path("text/note.txt").write_text("no capture\n")
    place.path("/".join(["deep"] + ["d"] * 70)).mkdir(parents=True)
    place.path("zeros").write_bytes(bytes(40))
    place.path("blank").write_text(" \n")
    place.run("scan", "-q", "-o", "one", "--shard", "1/2", "C")
    place.run("scan", "-q", "-o", "other", "--shard", "2/2", "--vantage", "client", "C")


def check_mistakes(place, tap):
    for line, status, words in MISTAKES:
        ran = place.run(*line.split())
        told = ran.stderr.startswith("tcpautopsy: ") and words in ran.stderr and not ran.stdout
        tap.point("" if told and ran.returncode == status else f"{ran.returncode}: {ran.stderr}{ran.stdout[:200]}", line)
    tap.point("out is there" if place.path("out").exists() else "", "nothing was begun to be written")


def check_names(place, tap):
    """Commas, quotes and a line end in names, of which a scan keeps lists."""
    place.path("names").mkdir()
    names = ['a,b.pcap', 'c"d.pcap', '"e",f.pcap', "g\nh.pcap"]
    for name in names:
        shutil.copy(place.capture, place.path("names") / name)
    for shard in ("1/2", "2/2"):
        ran = place.run("scan", "-q", "-o", "scanned", "--shard", shard, "-R", "names")
        tap.point(ran.stderr if ran.returncode else "", f"shard {shard} of captures whose names need quotes")
    again = place.run("scan", "-q", "-o", "scanned", "--resume", "--shard", "2/2", "-R", "names")
    tap.point(again.stderr if again.returncode else "", "its journal is read again")
    merged = place.run("merge", "-q", "-o", "merged", "scanned")
    place.run("report", "-q", "-o", "whole", "-R", "names")
    same = [place.path(f"{of}/flows.csv").read_bytes() for of in ("merged", "whole")] if not merged.returncode else [1, 2]
    tap.point("" if same[0] == same[1] else merged.stderr or "other flows", "merged they tell what report tells")
    tap.point("" if same[0] != 2 and same[1].count(b"\n") >= 4 * len(names) else "too few rows", "of all of them")


def check_strange_part(place, tap):
    """A part of another scan among those of this one: refused by its name, whatever it holds."""
    for part in place.path("other/parts").glob("*.part"):
        shutil.copy(part, place.path("one/parts"))
    ran = place.run("merge", "-o", "out", "one")
    told = "is of a scan with other options: leave it away, or give the parts of one scan" in ran.stderr
    tap.point("" if ran.returncode == USAGE and told else f"{ran.returncode}: {ran.stderr}", "a part of a scan with other options")


def main():
    program, captures = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-mistakes-") as folder:
        place = Place(program, captures / CASE / "capture.pcap", pathlib.Path(folder))
        prepare(place)
        check_mistakes(place, tap)
        check_names(place, tap)
        check_strange_part(place, tap)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
