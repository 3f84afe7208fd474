#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recipes of docs/recipes.md are run, and answer what is computed here from the same tables.

    recipes.py CAPTURES PROGRAM DOCUMENT

A block of code whose first line has a number answers the question of that number; one without prepares. A tool that is not installed
is skipped, and said so. DuckDB is looked for as Node's @duckdb/node-api, in NODE_PATH.
"""

import collections
import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from decimal import Decimal, InvalidOperation

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

DUCKDB = """
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const told = await connection.runAndReadAll(process.argv[1]);
    for (const row of told.getRowsJson()) console.log(row.join(','));
})().catch(error => { console.error(error.message); process.exit(1); });
"""


def answers(folder):
    """What each question's answer is."""
    flows, events = (list(csv.DictReader((folder / f"{table}.csv").open(newline="", encoding="utf-8"))) for table in ("flows", "events"))
    hit = collections.defaultdict(list)
    seconds = collections.defaultdict(list)
    lost = []
    for flow in flows:
        if flow["verdict"] == "syn_drop_accept_full":
            hit[flow["client_ip"]].append(int(flow["syn_count"]) - 1)
        if flow["server_port"] == "8080":
            seconds[flow["start"].split(".")[0]].append(int(flow["syn_count"]) > 1)
        if flow["syn_gaps_s"]:
            lost.append((round(sum(map(Decimal, flow["syn_gaps_s"].split(";"))), 6), flow["flow_id"], flow["client_ip"]))
    by_id = {flow["flow_id"]: int(flow["server_bytes"]) for flow in flows}
    findings = collections.defaultdict(set)
    for event in events:
        if event["event"] == "finding" and event["flow_id"]:
            findings[event["finding"]].add(event["flow_id"])
    return {
        "1": [(ip, len(again), sum(again)) for ip, again in sorted(hit.items(), key=lambda pair: (-len(pair[1]), pair[0]))],
        "2": [(second, len(again), sum(again)) for second, again in sorted(seconds.items())],
        "3": [(flow, ip, number) for number, flow, ip in sorted(lost, key=lambda one: (-one[0], one[1]))[:5]],
        "4": [(name, len(ids), sum(by_id[i] > 0 for i in ids), sum(by_id[i] for i in ids)) for name, ids in sorted(findings.items())],
    }


def cell(text):
    try:
        return Decimal(text).normalize()
    except InvalidOperation:
        return text


def table(text):
    return [tuple(cell(part) for part in row) for row in csv.reader(text.splitlines()) if row]


def blocks(document):
    """(tool, language, question or "", code), in order."""
    tool = ""
    for head, language, number, code in re.findall(r"^## ([^\n]+)$|^```(\w+) ?(\d*)\n(.*?)^```$", document, re.M | re.S):
        tool = head or tool
        if language:
            yield tool, language, number, code


def pandas_python():
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import pandas"], capture_output=True, check=False).returncode == 0:
            return python
    return None


def found():
    """{tool: how a block of it is run}; only those that are installed."""
    tools = {}
    for tool, name in (("sqlite3", "sqlite3"), ("Miller", "mlr"), ("jq", "jq")):
        if shutil.which(name):
            tools[tool] = ["sh", "-ec"]
    python = pandas_python()
    if python:
        tools["pandas"] = [python, "-c"]
    if shutil.which("node") and subprocess.run(["node", "-e", "require('@duckdb/node-api')"], capture_output=True, check=False).returncode == 0:
        tools["DuckDB"] = ["node", "-e", DUCKDB]
    return tools


def loaded(here, program):
    """Tables that `schema --format sql` makes, filled by python's own sqlite3: their rows, and a question that needs the types."""
    import sqlite3  # not built into every python
    data = sqlite3.connect(":memory:")
    data.executescript(subprocess.run([program, "schema", "--format", "sql"], capture_output=True, text=True, check=True).stdout)
    for name in ("flows", "events", "listeners", "states", "counters", "settings", "captures", "run"):
        with (here / "out" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
        data.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(head))})", [[value or None for value in row] for row in rows])
        names = [row[1] for row in data.execute(f"PRAGMA table_info({name})")]
        count = data.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        yield f"schema --format sql: {name} takes the CSV's {len(rows)} rows", names == head and count == len(rows) > 0
    for name, column in (("flows", "start_ns"), ("flows", "server_port"), ("events", "time_ns"), ("listeners", "syn_count"), ("states", "t_ns"),
                         ("counters", "min"), ("settings", "evidence_count"), ("captures", "packets")):
        kinds = {row[0] for row in data.execute(f"SELECT DISTINCT typeof({column}) FROM {name} WHERE {column} IS NOT NULL")}
        yield f"{name}.{column} is a whole number", kinds == {"integer"}
    for name, column in (("flows", "duration_s"), ("events", "value")):
        kinds = {row[0] for row in data.execute(f"SELECT DISTINCT typeof({column}) FROM {name} WHERE {column} IS NOT NULL")}
        yield f"{name}.{column} is a number", kinds and kinds <= {"integer", "real"}
    port = data.execute("SELECT server_port FROM listeners WHERE syn_count > 1000").fetchall()
    yield "numbers compare as numbers", port == [(8080,)]


def cases(here, captures, program, document):
    """The document as it stands, and once more about a capture with more findings."""
    for name, capture in (("plain", None), ("more", "pressure/rec_mixed_incident")):
        (here / name).mkdir()
        yield from answered(here / name, captures, program, document, capture)


def answered(here, captures, program, document, capture):
    (here / "bin").mkdir()
    (here / "bin" / "tcpautopsy").symlink_to(program)
    (here / "captures").symlink_to(captures)
    environment = dict(os.environ, PATH=f"{here}/bin:{os.environ['PATH']}", LC_ALL="C.UTF-8", TZ="UTC")
    commands = re.findall(r"^\$ (tcpautopsy .*)$", document, re.M)
    if capture:
        commands = [re.sub(r"captures/\S+(?=/capture.pcap)", f"captures/{capture}", command) for command in commands]
    for command in commands:
        done = subprocess.run(["sh", "-c", command], cwd=here, env=environment, check=False)
        yield command, done.returncode == 0
    if not capture:
        yield from loaded(here, program)
    right, tools, seen = answers(here / "out"), found(), collections.Counter()
    yield f"the questions have answers: {[len(rows) for rows in right.values()]}", all(right.values()) and (not capture or len(right["4"]) > 3)
    for tool, _, number, code in blocks(document):
        seen[tool] += 1
        words = f"{tool}: {'question ' + number if number else 'what comes before'}{' of ' + capture if capture else ''}"
        if tool not in tools:
            yield f"{words} # SKIP {tool} is not installed", True
            continue
        done = subprocess.run([*tools[tool], code], cwd=here, env=environment, capture_output=True, text=True, timeout=60, check=False)
        got = table(done.stdout)
        want = [tuple(cell(str(part)) for part in row) for row in right[number]] if number else []
        good = done.returncode == 0 and got == want
        yield words if good else f"{words}: {json.dumps([[str(part) for part in row] for row in got[:3]])} {done.stderr.strip()[:300]!r}", good
    yield "every tool of the document has its questions", set(seen) == {"sqlite3", "Miller", "DuckDB", "pandas", "jq"} and min(seen.values()) > 1


def main():
    document = pathlib.Path(sys.argv[3]).read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        return report.tell_all(cases(pathlib.Path(scratch), pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), document))


if __name__ == "__main__":
    sys.exit(main())
