# SPDX-License-Identifier: MIT
#
# docs/add_a_finding.md is true: files that it names are there; and with --build, which takes minutes, what it says is done in a copy of
# the tree: its entry, its judge and its case are put where it says, and its commands are typed.
#
#   add_a_finding.py SOURCE [--build]
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

from document import Checks, fenced  # noqa: E402

source = pathlib.Path(sys.argv[1]).resolve()
text = (source / "docs/add_a_finding.md").read_text()
NEW = "captures/path/small_mss/" # what the page makes
tap = Checks()


def named():
    """Files of the tree in code marks, and pages that are linked."""
    marked = re.findall(r"`((?:\.ci|analyzer|captures|tests|docs)/[\w./]+|[A-Z]+\.md)`", text)
    return [name for name in marked if not name.startswith((NEW, "captures/FAMILY"))] + [f"docs/{name}" for name in re.findall(r"\]\(([\w./]+)\)", text)]


def parts():
    """[(file, is put at its end, text)]: a block, and the last file that the paragraph in front of it names."""
    for before, block in re.findall(r"([^\n]+):\n\n```c?\n(.*?)^```$", text, re.M | re.S):
        yield re.findall(r"`([\w./]+)`", before)[-1], "at its end" in before, block


def commands():
    return [line for language, block in fenced(text) if language == "sh" for line in block.splitlines()]


def run(words, folder):
    done = subprocess.run(words, cwd=folder, shell=isinstance(words, str), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(os.environ, TCPAUTOPSY_CAPTURES=f"{folder}/captures"))
    return done.returncode, done.stdout.splitlines()


def done_in_a_copy():
    with tempfile.TemporaryDirectory() as scratch:
        tree = pathlib.Path(scratch) / "tree"
        shutil.copytree(source, tree, ignore=shutil.ignore_patterns(".git", "build*"))
        for name, appended, block in parts():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            with open(tree / name, "a" if appended else "w") as file:
                file.write(("\n" if name.endswith(".c") else "") + block)
        if shutil.which("clang-format"):
            tap.check("its judge is formatted", run(["clang-format", "--dry-run", "-Werror", "analyzer/classify/path.c"], tree)[1])
        status, said = run("meson setup build --buildtype=release -Dwerror=true", tree)
        tap.check("a build is set up", said[-30:] if status else [])
        for line in commands():
            status, said = run(line, tree)
            tap.check(f"$ {line}", said[-30:] if status else [])
        _, said = run("build/analyzer/cli/tcpautopsy flows -e client_port,verdict captures/path/small_mss/capture.pcap", tree)
        tap.check("the finding is a verdict", [] if said[1:] == ["40001,mss_small", "40002,normal"] else said)


tap.check("every file that is named is there", [name for name in named() if not (source / name).exists()])
tap.check("it names files, parts and commands", [] if len(named()) > 10 and len(list(parts())) == 5 and len(commands()) > 5 else ["too few"])
if "--build" in sys.argv:
    done_in_a_copy()
tap.end()
