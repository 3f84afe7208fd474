#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pictures of a connection tell what its ladder of text tells, whoever wrote the capture, and can be read.

Facts are taken from a picture as an eye takes them: the state of an end is the colour of its bar where the arrow is, a segment was not
taken if its arrow ends in a cross.  The recorded overflow is held against its kernel's account besides.  Boxes of words are computed
from the table of widths in analyzer/report/svg.c.

    picture.py CAPTURES PROGRAM
"""

import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True  # no litter in the source tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

import report  # noqa: E402
import segments  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
STATES = ("LISTEN SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT1 FIN_WAIT2 CLOSE_WAIT CLOSING LAST_ACK TIME_WAIT CLOSED UNKNOWN").split()
CASES = (("queue/rec_overflow_ladder", "stream=5"), ("queue/rec_overflow_ladder_v6", "stream=6"), ("handshake/rec_healthy", "stream=0"),
         ("handshake/rec_refused_icmp", "stream=0"), ("path/rec_loss", "stream=3"), ("path/rec_very_long", "stream=0"),
         ("path/rec_upload", "stream=0"), ("reset/rec_linger0", "stream=0"), ("reset/rec_orphan_limit", "stream=0"),
         ("close/rec_simultaneous", "stream=0"), ("close/rec_fin_wait2_timeout", "stream=0"), ("timewait/rec_assassination", "stream=0"),
         ("timewait/rec_late_segments", "stream=0"), ("view/rec_midstream_reset", "stream=0"), ("idle/rec_zero_window", "stream=0"),
         ("idle/rec_keepalive", "stream=0"), ("view/rec_any", "stream=0"), ("handshake/rec_simultaneous_open", "stream=0"))
HOSTILE = "]]><script>alert(1)</script>\"'&amp;<svg onload=x>%%;#35;\n    end\n```\x1b[31m\u202e\ufffe"


class Bench:
    def __init__(self, captures, program, folder):
        self.captures, self.program, self.folder = captures, program, folder

    def explain(self, capture, selector, form, *more):
        done = subprocess.run([self.program, "explain", *(("--ascii",) if form == "text" else ("--format", form)), *more, selector, capture],
                              cwd=self.folder, capture_output=True, timeout=120, check=False)
        return done.stdout.decode() if done.returncode == 0 else ""


# ---- what the text tells ----

LINE = re.compile(r"^ *(\S+) +([\d.]+)  (\w+) +(?:-- (.*?) -+([>x])|([<x])-+ (.*?) --) (\w+)$")
GAP = re.compile(r"^ {20,}(?:~ ([\d.]+ s) ~)? *(.*)$")
FOLD = re.compile(r"^ +: +frames (\S+) to (\S+): (.*)$")
TIMER = re.compile(r"^ +([\d.]+)  ~ timer ~  (.*)$")
FINDING = re.compile(r"^(\w+)  \((\w+), (\w+)\)(?:  frames? (.*))?$")


def told_by_text(text):
    """(entries, findings): of each entry what a picture shows of it, of each finding its id, weight, frames and sentence."""
    entries, findings, gap, name = [], [], "", ""
    for line in text.split("\n"):
        if found := LINE.match(line):
            frame, at, client, right, to_right, to_left, left, server = found.groups()
            entries.append((frame, at, client, server, right or left, "right" if right else "left", "x" in (to_right, to_left), gap, name))
            gap = name = ""
        elif found := FOLD.match(line):
            entries.append(found.groups())
        elif found := TIMER.match(line):
            entries.append(found.groups())
        elif found := FINDING.match(line):
            findings.append([found[1], found[2], found[3], found[4] or "", ""])
        elif findings and line.startswith("    ") and not line.startswith(("    doubt:", "    host:", "     ")):
            findings[-1][4] = (findings[-1][4] + " " + line.strip()).strip()
        elif not findings and line.startswith(" " * 20) and line.strip()[0] not in "#!" and (found := GAP.match(line)):
            gap, name = found[1] or "", found[2]
    # What follows a doubt is indented as its sentence is not.
    return entries, [tuple(finding) for finding in findings]


# ---- what a picture shows ----

def number(element, name):
    return float(element.get(name))


def words(element):
    return "".join(element.itertext())


def has(element, name):
    return name in (element.get("class") or "").split()


class Picture:
    """The rows of all <svg> in a document, in their order."""

    def __init__(self, text):
        self.root = ElementTree.fromstring(text)
        self.drawn = [self.root] if self.root.tag == SVG + "svg" else list(self.root.iter(SVG + "svg"))

    def bars(self, drawn):
        """[(x, from y, to y, state)]"""
        return [(number(r, "x"), number(r, "y"), number(r, "y") + number(r, "height"), state)
                for r in drawn.iter(SVG + "rect") for state in STATES if has(r, state)]

    @staticmethod
    def state_at(bars, x, y):
        return next((state for at, begin, end, state in bars if at == x and begin <= y + 1 < end), None)

    def entries(self):
        for drawn in self.drawn:
            bars = self.bars(drawn)
            left, right = min(bar[0] for bar in bars), max(bar[0] for bar in bars)
            gap = ""
            for element in drawn:
                if element.tag == SVG + "text" and words(element).startswith("~ "):
                    gap = words(element).strip("~ ")
                if element.tag == SVG + "g":
                    yield self.entry(element, bars, left, right, gap)
                    gap = ""

    def entry(self, row, bars, left, right, gap):
        texts = [element for element in row.iter(SVG + "text")]
        lines = [words(t) for t in texts if t.get("text-anchor") == "middle" and not has(t, "state") and not has(t, "number")]
        led = [t for t in texts if t.find(SVG + "tspan") is not None]
        place = [words(t) for t in texts if t.get("text-anchor") == "end" and t.get("font-size") in ("10", "12")
                 and t.find(SVG + "tspan") is None]
        if not led:
            return self.several(lines, place)
        arrow = next(line for line in row.iter(SVG + "line") if has(line, "wire"))
        y = number(arrow, "y1")
        below = [line for line in lines if re.match(r"seq=", line)]
        name = [words(t) for t in texts if has(t, "again-words") or (has(t, "soft") and t.get("font-size") == "11")]
        name = [line for line in name if not line.startswith("#")]
        return (*place, self.state_at(bars, left, y), self.state_at(bars, right, y), " ".join([words(led[0]).strip(), *below]),
                "right" if number(arrow, "x1") < number(arrow, "x2") else "left", any(has(p, "cross") for p in row.iter(SVG + "path")),
                gap, " ".join(name))

    @staticmethod
    def several(lines, place):
        if found := re.match(r"frames (\S+) to (\S+) (.*)$", " ".join(lines)):
            return found.groups()
        return place[-1], " ".join(lines)


def told_by_svg(picture):
    """Findings below the ladder: a strong line, sentence, frames."""
    findings = []
    for text in picture.root.iter(SVG + "text"):
        line = words(text)
        if found := re.match(r"^(\w+) \((\w+), (\w+)\)$", line):
            findings.append([*found.groups(), "", ""])
        elif findings and text.get("text-anchor") is None and text.get("font-size") == "12" and text.find(SVG + "tspan") is None:
            findings[-1][4] = (findings[-1][4] + " " + line).strip()
        elif findings and text.get("text-anchor") is None and text.get("font-size") == "10":
            findings[-1][3] = (findings[-1][3] + " " + line).strip()
    for finding in findings:
        finding[3] = re.sub(r"^frames? ", "", finding[3])
    return [tuple(finding) for finding in findings]


def told_by_html(picture):
    findings = []
    for item in picture.root.iter("li"):
        name = words(item.find("h3")).split()[-1]
        weight, says = [words(p) for p in item.findall("p")][:2]
        found = re.match(r"(\w+), (\w+)(?:; frames? (.*))?$", weight)
        findings.append((name, found[1], found[2], found[3] or "", says))
    return findings


# ---- the others ----

def told_by_mermaid(text):
    entries, findings, state = [], [], {"C": "", "S": ""}
    gap = ""
    for line in (re.sub(r"#(\d+);", lambda m: chr(int(m[1])), line.strip().replace("<br/>", "")) for line in text.split("\n")):
        if found := re.match(r"([CS])(--?>>|--?x)([CS]): (\S+) at ([\d.]+): (.*?)(?: \((?!copy)(.*)\))?$", line):
            entries.append([found[4], found[5], "", "", found[6], "right" if found[1] == "C" else "left", "x" in found[2], gap,
                            found[7] or ""])
            gap = ""
        elif found := re.match(r"Note over ([CS]): (\w+)$", line):
            state[found[1]] = found[2]
        elif found := re.match(r"Note over C,S: ([\d.]+ s) of silence$", line):
            gap = found[1]
        elif found := re.match(r"Note over C,S: frames (\S+) to (\S+): (.*)$", line):
            entries.append(found.groups())
        elif found := re.match(r"Note over C,S: ([\d.]+): (.*)$", line):
            entries.append(found.groups())
        elif found := re.match(r"Note over C,S: (\w+) \((\w+), (\w+)(?:, frames? (.*?))?\): (.*)$", line):
            findings.append((found[1], found[2], found[3], found[4] or "", found[5]))
        if entries and isinstance(entries[-1], list):
            entries[-1][2:4] = state["C"], state["S"]
    return [tuple(entry) for entry in entries], findings


def xplot_graphs(text):
    """Of each graph its vertical lines of payload, (time, from, to, again); None where it is not xplot's language."""
    graphs, colour, lines = [], "", iter(text.split("\n"))
    point = r" \d+\.\d{6} -?\d+"
    for line in lines:
        if line == "timeval double":
            graphs.append([])
        elif line in ("title", "xlabel", "ylabel"):
            next(lines)
        elif line in ("white", "green", "yellow", "orange", "red"):
            colour = line
        elif re.fullmatch(f"atext{point}", line):
            next(lines)
        elif found := re.fullmatch(f"line({point})({point})", line):
            (at, begin), (to, end) = found[1].split(), found[2].split()
            if colour in ("white", "red") and at == to:
                graphs[-1].append((at, int(begin), int(end), colour == "red"))
        elif not re.fullmatch(f"(dot|diamond|box|uarrow|darrow|utick|dtick){point}", line) and line not in ("new_plotter", "go", ""):
            return None
    return graphs


# ---- boxes ----

def width_table():
    source = (HERE.parent.parent / "analyzer" / "report" / "svg.c").read_text(encoding="utf-8")
    table = re.search(r"ascii_width\[2\].*?= \{(.*?)\n\};", source, re.S)[1]
    rows = [[int(width) for width in re.findall(r"\d+", row)] for row in re.findall(r"\{(.*?)\}", table, re.S)]
    return {False: rows[0], True: rows[1]}


def width_of(text, bold, table):
    return sum(table[bold][ord(c) - 32] if 32 <= ord(c) < 127 else 1050 if ord(c) < 0x2E80 else 1400 for c in text)


def boxes(drawn, table):
    """(left, top, right, bottom, words) of each text."""
    for text in drawn.iter(SVG + "text"):
        size, x, y = (number(text, name) for name in ("font-size", "x", "y"))
        lead = text.find(SVG + "tspan")
        wide = width_of(text.text or "", text.get("font-weight") == "bold", table)
        if lead is not None:
            wide += width_of(lead.text, True, table) + width_of((lead.tail or "").rstrip(), False, table)
        wide *= size / 1000
        left = x - {"middle": wide / 2, "end": wide}.get(text.get("text-anchor"), 0)
        yield left, y - 0.76 * size, left + wide, y + 0.22 * size, words(text)


def meetings(drawn, table):
    """Texts that overlap others, or that stand outside of the picture."""
    x, y, width, height = (float(n) for n in drawn.get("viewBox").split())
    seen = sorted(boxes(drawn, table), key=lambda box: box[1])
    for i, a in enumerate(seen):
        if a[0] < x or a[1] < y or a[2] > x + width + 0.2 or a[3] > y + height + 0.2:
            yield f"outside: {a}"
        for b in seen[i + 1:]:
            if b[1] >= a[3]:
                break
            if a[0] < b[2] and b[0] < a[2]:
                yield f"{a} meets {b}"


def unreadable(picture, table):
    return [meeting for drawn in picture.drawn for meeting in meetings(drawn, table)]


# ---- the recorded cases ----

def compare(bench, table, case, selector):
    capture = str(bench.captures / case / "capture.pcap")
    forms = {form: bench.explain(capture, selector, form) for form in ("text", "svg", "html", "mermaid", "xplot")}
    if not all(forms.values()):
        yield f"{case}: {[form for form in forms if not forms[form]]} fail", False
        return
    entries, findings = told_by_text(forms["text"])
    svg, html = Picture(forms["svg"]), Picture(forms["html"])
    for form, got, found in (("svg", list(svg.entries()), told_by_svg(svg)[-len(findings):]),
                             ("html", list(html.entries()), told_by_html(html)), ("mermaid", *told_by_mermaid(forms["mermaid"]))):
        for wanted, shown in zip(entries + findings, got + found):
            if wanted != shown:
                print(f"# {form}: {shown} instead of {wanted}")
        yield f"{case}: {form} tells what the text tells", bool(entries) and (entries, findings) == (got, found)
    met = unreadable(svg, table) + unreadable(html, table)
    for meeting in met[:5]:
        print(f"# {meeting}")
    yield f"{case}: no words meet others", not met
    yield f"{case}: xplot draws each segment with payload", payload_drawn(bench, capture, selector, forms["xplot"])


def payload_drawn(bench, capture, selector, text):
    """As the packets of the connection have it, without what the capture holds twice."""
    bench.explain(capture, selector, "text", "-w", "one.pcap")
    sent = [s for s in segments.read(str(bench.folder / "one.pcap")).by_frame.values() if not s.icmp and s.length]
    graphs = xplot_graphs(text)
    drawn = sorted((at, end - begin) for graph in graphs or () for at, begin, end, again in graph)
    wanted = sorted((f"{s.at:.6f}", s.length) for s in sent)
    return graphs is not None and len(graphs) == 2 and (len(drawn) == len(wanted) or "(copy)" in bench.explain(capture, selector, "text")) \
        and {length for _, length in drawn} == {length for _, length in wanted}


def kernel_of(path, port):
    """{side: [(time, word)]} of what the kernels said of this connection's sockets."""
    account = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        side, *rest = line.split() or [""]
        if len(rest) > 4 and any(end.endswith(f":{port}") for end in rest[1:3]):
            account[side] = [(float(rest[3]) + float(word.split("+")[1]), word.split("+")[0]) for word in rest[4:]]
    return account


def true_to_kernel(bench):
    """The overflow: when each end's bar changes, and when the server's SYN+ACK is drawn again, is when its kernel said so."""
    folder = bench.captures / "queue" / "rec_overflow_ladder"
    kernel = kernel_of(folder / "sockets.txt", 40012)
    picture = Picture(bench.explain(str(folder / "capture.pcap"), "stream=5", "svg", "--time", "epoch"))
    bars, rows = picture.bars(picture.root), []
    left, right = min(bar[0] for bar in bars), max(bar[0] for bar in bars)
    drawn = {"client": [], "server": []}
    for row, entry in zip(picture.root.findall(SVG + "g"), picture.entries()):
        at = float(entry[1] if len(entry) > 3 else entry[0])
        line = next(row.iter(SVG + "line"))
        mark = [path for path in row.iter(SVG + "line") if has(path, "wire")]
        y = number(mark[0] if mark else line, "y1")
        rows.append((at, mark[0] if mark else None))
        for side, x in (("client", left), ("server", right)):
            state = picture.state_at(bars, x, y)
            if not drawn[side] or drawn[side][-1][1] != state:
                drawn[side].append((at, state))
    told = {"client": [(at, {"CLOSE": "CLOSED"}.get(word, word)) for at, word in kernel["client"]],
            "server": [(at, {"expired": "CLOSED"}.get(word, word)) for at, word in kernel["server"] if word != "again"]}
    for side in drawn:
        near = len(drawn[side]) == len(told[side]) and all(a[1] == b[1] and abs(a[0] - b[0]) < 1 for a, b in zip(drawn[side], told[side]))
        if not near:
            print(f"# {drawn[side]} but {told[side]}")
        yield f"the {side}'s bar is what its kernel said", near
    again = [at for at, arrow in rows if arrow is not None and has(arrow, "again") and number(arrow, "x1") > number(arrow, "x2")]
    timers = [at for at, word in kernel["server"] if word == "again"]
    yield "SYN+ACKs are drawn again when the kernel's timer sent them", \
        len(again) == len(timers) == 5 and all(abs(a - b) < 0.01 for a, b in zip(again, timers))


# ---- captures of others ----

def tcp_frame(source, flags, seq, ack, payload=b""):
    ends = (b"\x0a\0\0\1", b"\x0a\0\0\2"), struct.pack("!HH", 40000, 80)
    addresses, ports = (ends[0], ends[1]) if source else (ends[0][::-1], ends[1][2:] + ends[1][:2])
    tcp = ports + struct.pack("!IIBBHHH", seq, ack, 0x50, flags, 65535, 0, 0) + payload
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, *addresses) + tcp


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def option(code, text):
    data = text.encode("utf-8", "surrogatepass")
    return struct.pack("<HH", code, len(data)) + data + b"\0" * (-len(data) % 4)


def pcapng(frames):
    """Of (microseconds, bytes, comment); raw IP."""
    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
           block(1, struct.pack("<HHI", 101, 0, 0) + option(2, HOSTILE) + struct.pack("<HH", 0, 0))]
    for at, frame, comment in frames:
        more = option(1, comment) + struct.pack("<HH", 0, 0) if comment else b""
        body = struct.pack("<IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(frame), len(frame)) + frame + b"\0" * (-len(frame) % 4)
        out.append(block(6, body + more))
    return b"".join(out)


def opening(comment=""):
    return [(1_700_000_000_000_000, tcp_frame(1, 2, 99, 0), comment), (1_700_000_000_000_100, tcp_frame(0, 0x12, 499, 100), comment),
            (1_700_000_000_000_200, tcp_frame(1, 0x10, 100, 500), comment)]


TAGS = {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "div", "h1", "h2", "h3", "p", "b", "span", "ol", "li",
        "a"} | {SVG + tag for tag in ("svg", "title", "desc", "style", "g", "rect", "line", "path", "text", "tspan")}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "href", "id", "role", "width", "height", "viewBox", "font-family", "x",
              "y", "x1", "y1", "x2", "y2", "rx", "d", "font-size", "font-weight", "text-anchor"}


def harmless(picture):
    """No element, attribute or link but those we draw with."""
    for element in picture.root.iter():
        if element.tag not in TAGS or not set(element.attrib) <= ATTRIBUTES or not element.get("href", "#").startswith("#"):
            print(f"# {element.tag} {element.attrib}")
            return False
        if element.tag in ("style", SVG + "style") and re.search(r"url|@import|expression|<", element.text):
            return False
    return True


def hostile(bench, table):
    place = bench.folder / "x]]><svg onload=alert(1)>\"'& \x1b[31m"
    place.mkdir()
    name = str((place / "script>\u202e.pcapng").relative_to(bench.folder))
    (bench.folder / name).write_bytes(pcapng(opening(HOSTILE)))
    for form in ("svg", "html"):
        text = bench.explain(name, "stream=0", form)
        yield f"{form}: hostile words stay words", bool(text) and harmless(Picture(text)) and not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
        yield f"{form}: and are shown", "alert(1)" in text and "\\x1b[31m" in text and "]]&gt;&lt;script" in text
        yield f"{form}: and meet no others", not unreadable(Picture(text), table)
    text = bench.explain(name, "stream=0", "mermaid")
    lines = text.strip().split("\n")
    known = r"sequenceDiagram|    (rect rgba\([\d., ]+\)|end|(acc(Title|Descr): |participant [CS] as |Note over C(,S)?: |Note over S: |[CS]-[->x]+[CS]: )[^;<>\"&`%]*)"
    plain = [re.sub(r"#\d+;", "", line.replace("<br/>", "")) for line in lines]
    yield "mermaid: hostile words stay words", bool(text) and all(re.fullmatch(known, line) for line in plain)
    yield "mermaid: no character turns the direction", "#65533;" in text and "#8238;" not in text
    text = bench.explain(name, "stream=0", "xplot")
    yield "xplot: nothing of them comes in", xplot_graphs(text) is not None and "script" not in text


def long_ladder(bench, table):
    """Four thousand segments, of which each is told: every one comes twice, and has a comment."""
    frames, at, seq = opening("begin"), 1_700_000_000_001_000, 100
    for _ in range(2000):
        for _again in range(2):
            frames.append((at, tcp_frame(1, 0x18, seq, 500, b"x" * 40), HOSTILE * 6))
            at += 700_000
        seq += 40
    frames.append((at, tcp_frame(0, 0x14, 500, seq), ""))
    (bench.folder / "long.pcapng").write_bytes(pcapng(frames))
    last = str(len(frames))
    for form, most in (("svg", 300_000), ("html", 300_000), ("mermaid", 50_000)):
        text = bench.explain("long.pcapng", "stream=0", form, "--time", "ns")
        print(f"# {form}: {len(text.encode())} bytes")
        yield f"{form}: bounded, however long the connection", bool(text) and len(text.encode()) < most
        yield f"{form}: and says what it leaves out", "left out" in text
        if form == "mermaid":
            continue
        picture = Picture(text)
        shown = [entry for entry in picture.entries() if len(entry) > 3]
        yield f"{form}: its beginning and its end are there", (shown[0][0], shown[-1][0]) == ("1", last)
        yield f"{form}: no words meet others", not unreadable(picture, table)
    links = {a.get("href")[1:] for a in picture.root.iter("a")}
    yield "html: links lead to frames that are drawn", bool(links) and links <= {g.get("id") for g in picture.root.iter(SVG + "g")}


def main():
    captures, program = pathlib.Path(sys.argv[1]).resolve(), str(pathlib.Path(sys.argv[2]).resolve())
    table = width_table()
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(captures, program, pathlib.Path(name))
        cases = [point for case, selector in CASES for point in compare(bench, table, case, selector)]
        cases += [*true_to_kernel(bench), *hostile(bench, table), *long_ladder(bench, table)]
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
