# SPDX-License-Identifier: MIT
#
# What README and docs show is run. A command is a line `$ ...` of a code block, with the lines below it, up to the next `$` or the end
# of the block, as its output; in a block without such lines, a line whose first word is a program's, or any of a ```sh block (a recipe).
#
#   * A line of only `...` stands for any number of lines. A command without output below it must end with status 0, and what it prints is
#     not compared. Standard error is part of the output.
#   * Commands run under a POSIX shell, in UTC, the program under test first in PATH; those of one document one after the other in one
#     copy of captures/, so that they may write files; each block of recipes in a folder of its own, which holds what they name (GIVEN).
#   * What cannot be run here stands in ELSEWHERE with its reason, and who does run it. A line of that table that fits no command is an
#     error, as is a test, a suite or a file that it, or such a command, names and that there is not; and so is a link that leads nowhere.
#
#   words.py SOURCE PROGRAM [DOCUMENT...]
#
# TAP.
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

from document import Checks, described  # noqa: E402

source, program = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
CAPTURES = source / "captures"
PROGRAMS = """tcpautopsy meson ninja apt-get apt dpkg-buildpackage dpkg python3 cc gcc make sh bash tcpdump dumpcap editcap mergecap
    nstat ss sysctl ip nsenter ethtool uname sudo cp scp date chronyc lsns sbatch squeue srun parallel afl-fuzz taskset kill nft
    autopkgtest grep diff duckdb mlr sqlite3 git clang-format""".split()

# What recipes name, and what stands in its place here.
GIVEN = {"incident.pcap": "queue/rec_stalled_service/capture.pcap", "healthy.pcap": "close/fin_crossing/capture.pcap",
         "archive/a.pcap": "queue/rec_overflow_ladder/capture.pcap", "archive/b.pcap": "queue/rec_overflow_abort/capture.pcap",
         "server.pcap": "handshake/rec_syn_lost/capture.pcap", "client.pcap": "handshake/rec_syn_lost/client.pcap"}
MADE = {"flows.csv": "flows healthy.pcap", "expected.csv": "flows healthy.pcap"}
REPLACED = {"/var/captures": "archive"}

# (document, commands, who runs them: tests and suites of meson, or "nobody", and why not here)
ELSEWHERE = [
    ("README.md", r"tests/tools/try\.sh", "nobody: as root it installs packages and builds"),
    ("README.md", r"\.ci/run", "nobody: it runs this test"),
    ("docs/add_a_finding.md", r".*", "test add_a_finding_done: in a copy of the tree, which is built"),
    ("docs/install.md", r"apt-get ", "nobody: installs packages, as root; .ci/run has a like line of its own"),
    ("docs/install.md", r"(meson|ninja) ", "test dist: in the unpacked archive, some minutes"),
    ("docs/install.md", r"dpkg-buildpackage ", "test debian: as root, some ten minutes"),
    ("docs/embed.md", r".*", "test embed: against the installed library"),
    ("docs/capturing.md", r"(tcpdump|dumpcap|PID=.*|nsenter|date|nstat|ss|sysctl) ", "nobody: as root, where there is traffic"),
    ("docs/cluster.md", r".*", "test slurm: in a Slurm of its own"),
    ("docs/agreement.md", r"python3 tests/lab/", "test agree: all cases, a minute"),
    ("docs/counters.md", r"python3 tests/lab/", "test counters: all cases, minutes"),
    ("docs/attacks.md", r"python3 ", "suite bench: with fewer packets"),
    ("docs/benchmarks.md", r"(meson|python3|nice|build/|taskset) ?", "suite bench: with fewer packets; the figures take hours and a quiet machine"),
    ("docs/fuzzing.md", r".*", "suite fuzz: replays what was found; fuzzing takes clang or AFL, and hours"),
    ("docs/design/cases.md", r"build/tests/", "test cases: the same programs, on all cases"),
    ("docs/design/metamorphic.md", r"python3 ", "suite meta: minutes"),
]

SHELLS = ("sh", "bash", "shell", "console") # languages of blocks that are commands and nothing else
tap = Checks()


def blocks(text):
    """[(number of its first line, language, [line])] of all code blocks: fenced, or indented by four spaces behind an empty line."""
    found, lines, fence, before = [], [], None, ""
    for at, line in enumerate(text.splitlines() + [""], 1):
        mark = re.match(r"\s*```(\w*)", line)
        if mark and fence is None:
            fence, lines, first = mark.group(1), [], at + 1
        elif mark:
            found.append((first, fence, lines))
            fence, lines = None, []
        elif fence is not None:
            lines.append(line)
        elif line.startswith("    ") and (lines or not before.strip()):
            first = first if lines else at
            lines.append(line[4:])
        elif lines and line.strip():
            found.append((first, "", lines))
            lines = []
        elif lines:
            lines.append("")
        before = line
    return found + ([(first, "", lines)] if lines else [])


def is_program(line):
    word = re.sub(r"^(sudo |[A-Z_]+=\S+ )+", "", line).split(" ")[0]
    return word in PROGRAMS or re.match(r"build[\w-]*/", word) or ("/" in word and (source / word).is_file())


def commands(text):
    """[(line, command, [line of output], is a recipe, number of its block)]"""
    found = []
    for block, (first, language, lines) in enumerate(blocks(text)):
        if language not in ("", *SHELLS):
            continue
        shown = any(line.startswith("$ ") for line in lines)
        at = 0
        while at < len(lines):
            line, begin = lines[at], at
            at += 1
            if not (line.startswith("$ ") if shown else is_program(line) or (language in SHELLS and re.match(r"[^\s#]", line))):
                continue
            while line.endswith("\\") and at < len(lines):
                line, at = line[:-1] + lines[at].strip(), at + 1
            output = []
            while shown and at < len(lines) and not lines[at].startswith("$ "):
                output.append(lines[at])
                at += 1
            while output and not output[-1]:
                output.pop()
            found.append((first + begin, line[2:] if shown else line, output, not shown, block))
    return found


def elsewhere(document, command):
    return next((row for row in ELSEWHERE if row[0] == document and re.match(row[1], command)), None)


def environment(folder):
    (folder / "bin").mkdir()
    (folder / "bin/tcpautopsy").symlink_to(program)
    return dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC", NO_COLOR="1", PATH=f"{folder}/bin:{os.environ['PATH']}")


def run(command, folder, words):
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.splitlines()


def give(folder, words):
    """What recipes name."""
    for name, case in GIVEN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CAPTURES / case, folder / name)
    for name, command in MADE.items():
        run(f"tcpautopsy {command} >{name}", folder, words)
    return folder


def try_one(where, command, output, folder, words):
    for name, instead in REPLACED.items():
        command = command.replace(name, instead)
    status, got = run(command, folder, words)
    good = described(output, got) if output else status == 0
    tap.check(where, [] if good else [f"$ {command}   (status {status})", *(f"- {line}" for line in output), *(f"+ {line}" for line in got)])


def named_files(command):
    """Files of this tree that a command that is not run names."""
    return re.findall(r"(?<!\S)((?:tests|docs)/[\w./-]*\w)", command)


def dead_links(document):
    """Links of a document that lead nowhere, and pages that it names and there are not."""
    text = re.sub(r"^```.*?^```", "", (source / document).read_text(), flags=re.M | re.S)
    wrong = [f"{document}: {name}" for name in re.findall(r"`(docs/[\w/]+\.md)`", text) if not (source / name).exists()]
    for link, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)", text):
        target = (source / document).parent / link if link else source / document
        if not target.exists():
            wrong.append(f"{document}: {link}")
        elif anchor and anchor not in {re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
                                       for line in re.findall(r"^#+ (.*)$", target.read_text(), re.M)}:
            wrong.append(f"{document}: {link}#{anchor}")
    return wrong


def tests_known():
    text = "\n".join(path.read_text() for path in (source / "tests").rglob("meson.build"))
    names = set(re.findall(r"^\s*test\('(\w+)'|suite: '(\w+)'", text, re.M))
    return {f"test {name}" for name, _ in names if name} | {f"suite {name}" for _, name in names if name} | {
        f"test {name}" for name in re.findall(r"'(\w+)': \[", text)} | {f"suite {name}" for name in ("meta", "lab")}


def main():
    documents = sys.argv[3:] or ["README.md", "SECURITY.md", *sorted(str(path.relative_to(source)) for path in (source / "docs").rglob("*.md"))]
    used, missing, unclear = set(), [], []
    with tempfile.TemporaryDirectory() as scratch:
        top = pathlib.Path(scratch)
        words = environment(top)
        shutil.copytree(CAPTURES, top / "captures")
        for document in documents:
            shown = None
            recipes = {}
            for line, command, output, recipe, block in commands((source / document).read_text()):
                where = f"{document}:{line}"
                if re.search(r"\S {3,}[^#\s]", command):
                    unclear.append(f"{where}: words behind a command that are no remark (#)")
                if row := elsewhere(document, command):
                    used.add(row)
                    missing += [f"{where}: no file {name}" for name in named_files(command) if not (source / name).exists()]
                elif recipe:
                    if block not in recipes:
                        recipes[block] = top / document / str(block)
                        recipes[block].mkdir(parents=True)
                        give(recipes[block], words)
                    try_one(where, command, output, recipes[block], words)
                else:
                    if shown is None:
                        shown = top / document / "shown"
                        shown.mkdir(parents=True)
                        (top / "captures").rename(shown / "captures")
                    try_one(where, command, output, shown, words)
            if shown:
                (shown / "captures").rename(top / "captures")
    if not sys.argv[3:]:
        tap.check("what is run elsewhere is still in the documents", [str(row[:2]) for row in ELSEWHERE if row not in used])
    known = tests_known()
    tap.check("links lead somewhere", [line for document in documents for line in dead_links(document)])
    tap.check("who runs it is a test or a suite", [row[2] for row in ELSEWHERE if row[2].split(":")[0] not in known | {"nobody"}])
    tap.check("what commands name that are not run here is in the tree", missing)
    tap.check("words behind a command are a remark", unclear)
    tap.end()


main()
