# SPDX-License-Identifier: MIT
#
# docs/findings.md says what the registry says: all below its line is made here of what `tcpautopsy findings ID` prints, in the order
# and the families of analyzer/classify/*.def. What is above is written by hand; each setting and each counter that a finding names
# stands in its tables, and nothing there is named by none.
#
#   findings.py SOURCE PROGRAM            the test, as TAP
#   findings.py SOURCE PROGRAM --renew    writes the page anew below its line; read the diff
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

source, program = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
page = source / "docs/findings.md"
LINE = "<!-- Below: made of the tables by tests/docs/findings.py --renew. -->\n"
TITLES = {"handshake": "How connections open", "queue": "The two queues of a listener", "pressure": "SYNs in masses, and SYNs without an answer",
          "reset": "Who reset it, and why", "close": "How connections close", "timewait": "TIME_WAIT", "liveness": "Connections that wait",
          "path": "The path", "host": "A host as a whole", "twin": "Two captures of one traffic"}
NAMES = r"\b(?:TcpExt|Tcp)[A-Z]\w+(?!\*)\b(?!\*)|\bnet(?:\.\w+|\.\*)+"


def told(finding):
    """{"id": ..., "severity": ..., "meaning": ...} of one finding, each text in one line."""
    text = subprocess.run([program, "findings", finding], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0")).stdout
    parts = {name: " ".join(words.split()) for name, words in re.findall(r"^  ((?:seen in)|[a-z]+) +(\S.*\n(?:   .*\n)*)", text, re.M)}
    return {"id": finding, **parts}


def families():
    """[(title, sentence of the table's head, [id])], in the registry's order."""
    folder = source / "analyzer/classify"
    for name in re.findall(r'^#include "classify/(\w+)\.def"', (folder / "findings.def").read_text(), re.M):
        text = (folder / f"{name}.def").read_text()
        yield TITLES.get(name, name), re.findall(r"^FINDING\((\w+),", text, re.M)


def made(findings):
    """The page below its line."""
    lines = []
    for title, ids in families():
        lines += [f"## {title}", ""]
        for found in (findings[name] for name in ids):
            lines += [f"### {found['id']}", "", f"{found['severity']}. {found['meaning']}", "", f"- **proof**: {found['proof']}",
                      f"- **doubt**: {found['doubt']}", f"- **host**: {found['host']}", ""]
    return "\n".join(line.replace("*", "\\*") if not line.startswith("- **") else line[:4] + line[4:].replace(".*", ".\\*")
                     for line in lines)


def named(text):
    return {name.rstrip(".") for name in re.findall(NAMES, text.replace("\\*", "*"))}


def main():
    ids = re.findall(r"^([a-z]\w*)$", subprocess.run([program, "findings"], capture_output=True, text=True, check=True).stdout, re.M)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        findings = {found["id"]: found for found in pool.map(told, ids)}
    head, _, below = page.read_text().partition(LINE)
    if sys.argv[3:] == ["--renew"]:
        page.write_text(head + LINE + "\n" + made(findings))
        return
    tables = [name for _, names in families() for name in names]
    rows = set(re.findall(r"^\| `([^`]+)` \|", head, re.M))
    wanted = set().union(*(named(found[part]) for found in findings.values() for part in ("host", "doubt")))
    mentioned = wanted | named("\n".join(line.split("|", 2)[2] for line in head.splitlines() if line.startswith("| `")))
    tests = {
        "the tables and the program have the same findings": [*(set(ids) ^ set(tables))],
        "each family has a title": [title for title, _ in families() if title not in TITLES.values()],
        "below its line the page says what the program says (findings.py --renew)": [] if below == "\n" + made(findings) else ["it differs"],
        "each setting and counter that a finding names is explained": sorted(wanted - rows),
        "nothing is explained that no finding names": sorted(rows - mentioned),
    }
    for number, (name, wrong) in enumerate(tests.items(), 1):
        print("not ok" if wrong else "ok", number, "-", name)
        for line in wrong:
            print("#", line)
    print(f"1..{len(tests)}")
    sys.exit(any(tests.values()))


main()
