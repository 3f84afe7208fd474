#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tables as JSON Lines say what the same tables say as CSV, cell by cell.

    jsonl.py CAPTURES PROGRAM [FAMILY]

All captures of the tree, or of one family, are read at once into a folder of each form; then one with a hostile name and hostile comments.
"""

import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

TABLES = ("flows", "events", "listeners", "states", "counters", "settings", "captures")
NUMBERS = ("int", "seconds", "number")
HOSTILE = b'=a"b\\c\x01\xff\xc2\x85\xe2\x80\xae,;\xf0\x9f\x90\x9f\n{"x":1}.pcap'


class Number(str):
    """A number as it is written."""


class Wrong(Exception):
    pass


def no_constant(text):
    raise Wrong(f"{text} is no JSON")


def no_twice(pairs):
    if len(dict(pairs)) != len(pairs):
        raise Wrong("a member stands there twice")
    return pairs


def parsed(line):
    """[(name, value)] in the order of the line."""
    return json.loads(line, object_pairs_hook=no_twice, parse_float=Number, parse_int=Number, parse_constant=no_constant)


def wanted(cell, kind, unit):
    """What a cell of the CSV has to be."""
    if cell == "":
        return None
    if kind in NUMBERS:
        Decimal(cell)
        return Number(cell)
    if kind == "list":
        return [Number(part) if unit == "s" else part for part in cell.split(";")]
    return cell


def same(got, want):
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(same, got, want))
    return type(got) is type(want) and got == want


def schema(program):
    told = subprocess.run([program, "schema", "--format", "csv"], capture_output=True, text=True, check=True).stdout
    columns = {}
    for row in csv.DictReader(told.splitlines()):
        columns.setdefault(row["table"], []).append((row["column"], row["type"], row["unit"]))
    return columns


def difference(as_csv, as_json, columns):
    """What the JSON says otherwise, in words; None: nothing. And how many rows there are."""
    rows = csv.reader(as_csv.decode().splitlines(keepends=True))
    if next(rows) != [name for name, _, _ in columns]:
        return "the CSV has other columns than the schema", 0
    lines = as_json.decode().split("\n")
    if lines.pop() != "":
        return "the last line has no end", 0
    rows = list(rows)
    if len(rows) != len(lines):
        return f"{len(rows)} rows of CSV, {len(lines)} lines", 0
    for number, (row, line) in enumerate(zip(rows, lines), 1):
        want = [(name, wanted(cell, kind, unit)) for cell, (name, kind, unit) in zip(row, columns)]
        got = parsed(line)
        if [name for name, _ in got] != [name for name, _ in want]:
            return f"line {number}: other members", 0
        for (name, one), (_, other) in zip(got, want):
            if not same(one, other):
                return f"line {number}: {name}: {one!r}, not {other!r}", 0
    return None, len(rows)


def report_in(folder, program, *arguments):
    done = subprocess.run([program, "report", "-q", "-o", folder, *arguments], capture_output=True, timeout=300, check=False)
    if done.returncode not in (0, 3):
        raise Wrong(done.stderr.decode(errors="replace"))
    return folder


def tables(here, program, captures, columns, least):
    plain = report_in(here / "csv", program, "-R", captures)
    lines = report_in(here / "jsonl", program, "--format", "jsonl", "-j", "1", "-R", captures)
    for table in TABLES:
        wrong, rows = difference((plain / f"{table}.csv").read_bytes(), (lines / f"{table}.jsonl").read_bytes(), columns[table])
        yield f"{table}: {rows} rows of all captures are the same in both forms {wrong or ''}", wrong is None and rows > least
    threads = report_in(here / "threads", program, "--format", "jsonl", "-j", "3", "-R", captures)
    yield "and the same bytes with three threads", all(
        (lines / f"{table}.jsonl").read_bytes() == (threads / f"{table}.jsonl").read_bytes() for table in TABLES)
    yield "the summary and the page are the same", all((plain / name).read_bytes() == (lines / name).read_bytes() for name in ("summary.txt", "report.html"))
    yield "nothing is written as CSV", sorted(p.name for p in lines.iterdir()) == \
        sorted([f"{table}.jsonl" for table in TABLES] + ["summary.txt", "report.html", "run.jsonl"])


def one_table(here, program, capture, columns):
    def told(*arguments):
        return subprocess.run([program, *arguments, capture], capture_output=True, timeout=60, check=False)

    for table in TABLES[:4] + TABLES[5:6]:
        wrong, rows = difference(told(table).stdout, told(table, "--format", "jsonl").stdout, columns[table])
        yield f"{table} --format jsonl: {rows} rows {wrong or ''}", wrong is None and rows > 0
    kinds = {name: (name, kind, unit) for name, kind, unit in columns["flows"]}
    for chosen in (["syn_gaps_s", "flow_id", "capture"], ["findings"], ["capture"], ["duration_s"]):
        picked = ",".join(chosen)
        wrong, rows = difference(told("flows", "-e", picked).stdout, told("flows", "-e", picked, "--format", "jsonl").stdout,
                                 [kinds[name] for name in chosen])
        yield f"flows -e {picked}: the same columns in the same order {wrong or ''}", wrong is None
    told_all = told("states", "--format", "jsonl").stdout
    (here / "told").mkdir()
    done = told("states", "--format", "jsonl", "-o", here / "told" / "states.jsonl")
    yield "a file and standard output get the same bytes", done.returncode == 0 and (here / "told" / "states.jsonl").read_bytes() == told_all
    yield "--at wants ss", told("states", "--format", "jsonl", "--at", "1700000000").returncode == 2
    yield "a form that tables do not have is refused", all(
        b"did you mean jsonl" in told(*words, "--format", "json").stderr
        for words in (["flows"], ["states"], ["report", "-o", here / "x"], ["scan", "-o", here / "x"]))


def hostile(here, program, capture, columns):
    name = os.fsencode(here / "h") + b"/" + HOSTILE
    os.mkdir(here / "h")
    shutil.copyfile(capture, name)
    for more in ([], ["--raw-text"]):
        plain = report_in(here / f"hc{len(more)}", program, *more, name)
        lines = report_in(here / f"hj{len(more)}", program, "--format", "jsonl", *more, name)
        for table in ("flows", "captures"):
            wrong, rows = difference((plain / f"{table}.csv").read_bytes(), (lines / f"{table}.jsonl").read_bytes(), columns[table])
            yield f"{table} of a capture with a hostile name {more} {wrong or ''}", wrong is None and rows > 0
        for file in lines.iterdir():
            text = file.read_bytes().decode()
            yield f"{file.name} is UTF-8 without control characters", not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    run = [dict(parsed(line)) for line in (here / "hj1" / "run.jsonl").read_text().splitlines()]
    plain_run = {row["key"]: row["value"] for row in csv.DictReader((here / "hc1" / "run.csv").open(newline=""))}
    yield "run.jsonl has the keys of run.csv", [row["key"] for row in run].count("details") > 1 and \
        {row["key"] for row in run} == set(plain_run)
    arguments = next(row["value"] for row in run if row["key"] == "arguments")
    yield "and tells what was typed", arguments.replace("hj1", "hc1").replace("--format jsonl ", "") == plain_run["arguments"] and \
        '"b\\c\\x01\\xff' in arguments


def scanned(here, program, capture):
    for step, words in (("scan", ["scan", "-q", "--keep-parts", "-o", here / "s", "--format", "jsonl", capture]),
                        ("merge", ["merge", "-q", "-o", here / "m", "--format", "jsonl", here / "s"]),
                        ("again", ["scan", "-q", "--resume", "-o", here / "s", "--format", "jsonl", capture]),
                        ("report", ["report", "-q", "-o", here / "r", "--format", "jsonl", capture])):
        done = subprocess.run([program, *words], capture_output=True, timeout=60, check=False)
        yield f"{step} --format jsonl", done.returncode == 0
    for table in TABLES:
        told = {(here / where / f"{table}.jsonl").read_bytes() for where in "smr"}
        yield f"{table}.jsonl of scan, merge and report are the same bytes", len(told) == 1


def read_back(here, program):
    done = subprocess.run([program, "diff", here / "r" / "flows.jsonl", here / "r" / "flows.jsonl"], capture_output=True, text=True,
                          timeout=60, check=False)
    yield "diff says that it reads CSV", done.returncode == 3 and "is JSON" in done.stderr and "CSV" in done.stderr


def cases(here, captures, program, family=""):
    columns = schema(program)
    capture = captures / "queue/rec_overflow_abort/capture.pcap"
    yield from tables(here, program, captures / family, columns, 0 if family else 50)
    yield from one_table(here, program, capture, columns)
    yield from hostile(here, program, capture, columns)
    yield from scanned(here, program, capture)
    yield from read_back(here, program)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        return report.tell_all(cases(pathlib.Path(scratch), pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), *sys.argv[3:]))


if __name__ == "__main__":
    sys.exit(main())
