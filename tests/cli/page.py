#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The report page tells what the tables beside it tell, whoever wrote the capture, and needs nothing but itself.

Charts are read as an eye reads them: the height of a path where its column is.  Their numbers are computed again from the cells of the
tables.

    page.py CAPTURES PROGRAM GENERATE
"""

import collections
import csv
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
MOST_BYTES = 1000000
COLUMNS, COLUMN = 240, 2
# A page of each kind of trouble, and of none; of several captures.
PAGES = (("queue/rec_stalled_service",), ("queue/rec_overflow_ladder",), ("queue/rec_overflow_ladder_v6",), ("handshake/rec_healthy",),
         ("path/rec_loss",), ("reset/rec_linger0",), ("view/rec_any",), ("queue/rec_stalled_service", "queue/rec_overflow_ladder"))
HOSTILE = "]]><script>alert(1)</script>\"'&amp;<svg onload=x>%%;#35;\x1b[31m\u202e\ufffe"
ELEMENTS = set("html head meta title style body header main section div h1 h2 h3 p span b code table thead tbody tr th td ol li details "
               "summary svg desc g rect line path text tspan".split())
ATTRIBUTES = set("lang charset http-equiv content name class role width height viewBox font-family x y rx x1 y1 x2 y2 d font-size "
                 "font-weight text-anchor".split())


class Bench:
    def __init__(self, captures, program, folder):
        self.captures, self.program, self.folder = os.path.abspath(captures), os.path.abspath(program), pathlib.Path(folder)

    def report(self, name, *arguments):
        """The page, as bytes; empty where there is none."""
        done = subprocess.run([self.program, "report", "-q", "-o", name, *arguments], cwd=self.folder, capture_output=True, timeout=300,
                              check=False)
        path = self.folder / name / "report.html"
        return path.read_bytes() if done.returncode == 0 and path.exists() else b""

    def rows(self, name, table):
        with open(self.folder / name / f"{table}.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def capture(self, case):
        return str(next(pathlib.Path(self.captures, case).glob("capture.pcap*")))


def tree_of(page):
    """It is XML as well, so nothing in it is left to a browser's mending."""
    return ElementTree.fromstring(re.sub(rb"^<!DOCTYPE html>\n", b"", page))


def words(element):
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


# ---- charts ----

def strips(svg):
    """{title: (note, heights by column)}: words come before the path that they stand above."""
    found, title, note = {}, None, None
    for element in svg:
        if element.tag == SVG + "text" and element.get("class") == "ink":
            title = words(element)
        elif element.tag == SVG + "text" and element.get("text-anchor") == "end" and title not in found:
            note = words(element)
            found[title] = (note, [0] * COLUMNS)
        elif element.tag == SVG + "path" and title in found:
            points = [tuple(map(float, point.split())) for point in re.findall(r"[ML]([\d.]+ [\d.]+)", element.get("d"))]
            base = points[0][1]
            heights = [0] * COLUMNS
            for (x1, y1), (x2, y2) in zip(points, points[1:]):
                if y1 == y2 and x2 > x1:
                    for at in range(int(x1 // COLUMN), int(x2 // COLUMN)):
                        heights[at] = base - y1
            found[title] = (note, heights)
    return found


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def test_states(bench, name, tree):
    section = next((one for one in tree.iter("section") if one.find("h2") is not None and one.find("h2").text == "States over time"), None)
    told = {title: numbers(note)[0] for title, (note, _) in strips(next(section.iter(SVG + "svg"))).items()} if section is not None else {}
    most = collections.Counter()
    for row in bench.rows(name, "states"):
        if row["scope"] == "all":
            for column, value in row.items():
                if column.endswith("_max"):
                    most[column[:-4].upper()] = max(most[column[:-4].upper()], int(value))
    return told == {state: count for state, count in most.items() if count}


def panels(tree):
    return [section for section in tree.iter("section") if section.get("class") == "panel"]


def endpoint(row, side):
    address = row[f"{side}_ip"]
    return f"[{address}]:{row[f'{side}_port']}" if ":" in address else f"{address}:{row[f'{side}_port']}"


def limit_of(row):
    low, high = (row[column] for column in ("backlog_min", "backlog_max"))
    if low and high:
        return [int(low)] if low == high else [int(low), int(high)]
    return [int(low or high)] if low or high else []


def test_queue(bench, name, panel):
    """Its peak, its limit, and what was refused are the listener's; so are the times in its table."""
    title = panel.find("h2").text.strip()
    row = next(row for row in bench.rows(name, "listeners") if endpoint(row, "server") == title and row["overflow"] != "none")
    shown = strips(next(panel.iter(SVG + "svg")))
    peak, *limit = numbers(shown["in the accept queue"][0])
    refused = sum(numbers(shown[strip][0])[0] for strip in ("SYNs left unanswered", "ACKs and payload of handshakes refused") if strip in shown)
    cells = [[words(cell) for cell in line] for line in next(panel.iter("tbody"))]
    hit = int(row["overflow_flows"])
    yield f"{name}: peak, limit and hits of {title} are the listener's", (
        peak == int(row["peak_unaccepted"]) and limit == limit_of(row) and len(cells) == int(row["overflow_episodes"])
        and max(int(line[5]) for line in cells) <= hit <= sum(int(line[5]) for line in cells))
    yield f"{name}: what is drawn as refused is what its times add up to", refused >= sum(int(line[4]) for line in cells) > 0
    heights = shown["in the accept queue"][1]
    yield f"{name}: and the queue stands highest when it was full", max(heights) == max(
        height for height, drops in zip(heights, shown.get("SYNs left unanswered", shown["in the accept queue"])[1]) if drops)


def test_clients(bench, name, panel):
    title = panel.find("h2").text.strip()
    bodies = list(panel.iter("tbody"))
    told = {cells[0]: tuple(map(int, cells[1:4])) for cells in ([words(cell) for cell in line] for line in bodies[-1])}
    flows = [row for row in bench.rows(name, "flows") if endpoint(row, "server") == title]
    wanted = {}
    for row in flows:
        troubled = row["severity"] in ("medium", "high")
        before = wanted.get(row["client_ip"], (0, 0, 0))
        wanted[row["client_ip"]] = (before[0] + troubled, before[1] + (troubled and not row["server_bytes"].strip("0")), before[2] + 1)
    return told == {client: counts for client, counts in wanted.items() if counts[0]}


def test_flows(bench, name, tree):
    """Each is a row of flows with that verdict, none that stands there is less grave than one that could."""
    rank = {"info": 0, "low": 1, "medium": 2, "high": 3}
    rows = {row["flow_id"]: row for row in bench.rows(name, "flows")}
    shown = []
    for details in tree.iter("details"):
        verdict = words(details.find("summary")).split()[0]
        flow = re.search(r"flow=(c\d+f\d+)", words(details))[1]
        if rows[flow]["verdict"] != verdict or not list(details.iter(SVG + "svg")):
            return False
        shown.append(flow)
    order = [rank[rows[flow]["severity"]] for flow in shown]
    groups = collections.Counter((rows[flow]["verdict"], endpoint(rows[flow], "server")) for flow in shown)
    left = [rank[row["severity"]] for flow, row in rows.items() if flow not in shown
            and groups[(row["verdict"], endpoint(row, "server"))] < 3 and row["severity"] != "info"]
    return order == sorted(order, reverse=True) and len(shown) == len(set(shown)) and \
        (not left or (len(shown) == 12 and max(left) <= min(order)))


def test_pages(bench):
    for number, cases in enumerate(PAGES):
        name = f"{number}-{cases[0].split('/')[1]}"
        captures = [bench.capture(case) for case in cases]
        page = bench.report(name, *captures)
        tree = tree_of(page)
        yield f"{name}: a page", bool(page) and len(page) < MOST_BYTES
        yield f"{name}: sockets by state are those of states.csv", test_states(bench, name, tree)
        yield f"{name}: the worst connections are rows of flows.csv", test_flows(bench, name, tree)
        text = re.sub(r"\s+", " ", (bench.folder / name / "summary.txt").read_text(encoding="utf-8"))
        summary = next(one for one in tree.iter("section") if one.get("class") == "summary")
        yield f"{name}: the summary is there, word for word", \
            re.sub(r" ?(!!|! |\. |ok) ", " ", text).split() == words(summary).split() or \
            [word for word in text.split() if word not in ("!!", "!", ".", "ok")] == [
                word for part in summary.iter("p") for word in words(part).split()]
        for panel in panels(tree):
            if "in the accept queue" in strips(next(panel.iter(SVG + "svg"))):
                yield from test_queue(bench, name, panel)
                if len(captures) == 1:
                    yield f"{name}: who was hit are the clients of flows.csv", test_clients(bench, name, panel)
        yield f"{name}: the same bytes with three threads and a megabyte", \
            page == bench.report(f"{name}-j3", "-j", "3", "--memory", "1M", *captures)


# ---- strangers ----

def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<2I", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def option(code, value):
    return struct.pack("<2H", code, len(value)) + value + b"\0" * (-len(value) % 4)


def hostile_capture(data):
    """The packets of a classic capture as pcapng, with a comment on everything that may have one."""
    words_of = HOSTILE.encode("utf-8", "surrogatepass")
    comment = option(1, words_of)
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + comment + option(4, words_of) + option(0, b""))
    link = struct.unpack_from("<I", data, 20)[0]
    nanoseconds = struct.unpack_from("<I", data)[0] == 0xA1B23C4D
    out += block(1, struct.pack("<HHI", link, 0, 0) + comment + option(2, words_of) + option(9, b"\x09" if nanoseconds else b"\x06") + option(0, b""))
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, sent = struct.unpack_from("<4I", data, at)
        ticks = seconds * (10**9 if nanoseconds else 10**6) + fraction
        packet = data[at + 16:at + 16 + kept]
        out += block(6, struct.pack("<5I", 0, ticks >> 32, ticks & 0xFFFFFFFF, kept, sent) + packet + b"\0" * (-kept % 4) + comment + option(0, b""))
        at += 16 + kept
    return out


def test_alone(page):
    """Nothing runs, nothing is fetched, and only what our own writers write is there."""
    tree = tree_of(page)
    tags = {element.tag.replace(SVG, "") for element in tree.iter()}
    attributes = {name for element in tree.iter() for name in element.attrib}
    policy = [element.get("content") for element in tree.iter("meta") if element.get("http-equiv") == "Content-Security-Policy"]
    style = "".join(element.text or "" for element in tree.iter("style"))
    return tags <= ELEMENTS and attributes <= ATTRIBUTES and policy == ["default-src 'none'; style-src 'unsafe-inline'"] and \
        "url(" not in style and "@import" not in style and \
        not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe]", page.decode())


def test_strangers(bench):
    folder = bench.folder / "strangers"
    folder.mkdir()
    with open(bench.capture("queue/rec_overflow_ladder"), "rb") as file:
        (folder / "<img src=x onerror=alert(1)>.pcapng").write_bytes(hostile_capture(file.read()))
    page = bench.report("hostile", str(folder / "<img src=x onerror=alert(1)>.pcapng"))
    yield "names and comments of strangers stay words", test_alone(page) and b"onerror=alert(1)&gt;" in page
    yield "the capture's comment stands beside it", b"&lt;script&gt;alert(1)" in page
    for name in sorted(path.name for path in bench.folder.iterdir() if path.name[0].isdigit()):
        yield f"{name}: nothing runs, nothing is fetched", test_alone((bench.folder / name / "report.html").read_bytes())


# ---- size ----

def test_size(bench, generate):
    """A crowd of connections, and of listeners in trouble: the page stays small, and says what it left out."""
    capture = bench.folder / "crowd.pcap"
    subprocess.run([generate, "mixed", "--packets", "60000", "--seed", "3", "-o", str(capture)], check=True, timeout=120)
    page = bench.report("crowd", str(capture))
    yield "a page of a crowd is below a megabyte", 0 < len(page) < MOST_BYTES
    yield "  and true to flows.csv", test_flows(bench, "crowd", tree_of(page))
    yield "  and to states.csv", test_states(bench, "crowd", tree_of(page))
    yield "an empty capture has a page", test_empty(bench)


def test_empty(bench):
    path = bench.folder / "empty.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    page = bench.report("empty", str(path))
    return bool(page) and test_alone(page)


def test_failing(bench):
    """What cannot be written is not there, and that is said."""
    (bench.folder / "taken").mkdir()
    (bench.folder / "taken" / "report.html").mkdir()
    done = subprocess.run([bench.program, "report", "-q", "-o", "taken", bench.capture("handshake/rec_healthy")], cwd=bench.folder,
                          capture_output=True, timeout=60, check=False)
    yield "a page that cannot be written is an error", done.returncode == 4 and b"report.html" in done.stderr
    yield "  and the tables are there all the same", (bench.folder / "taken" / "flows.csv").exists()


def main():
    captures, program, generate = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix="tcpautopsy-test-")
    bench = Bench(captures, program, folder)

    def points():
        yield from test_pages(bench)
        yield from test_strangers(bench)
        yield from test_size(bench, generate)
        yield from test_failing(bench)

    try:
        return report.tell_all(points())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
