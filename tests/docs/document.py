# SPDX-License-Identifier: MIT
"""What tests of documents have in common: their blocks of code, what a command is said to print, test points."""

import pathlib
import re
import sys

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402


class Checks(report.Tap):
    def check(self, name, wrong):
        """One test; it passes where nothing is wrong."""
        self.point(not wrong, name, [str(line) for line in wrong[:30]])

    def end(self):
        self.plan()
        sys.exit(self.failed > 0)


def fenced(text):
    """[(language, text)] of the fenced blocks."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def described(expected, got):
    """Do these lines, `...` among them for any number of lines, describe those? can[i]: the first i of expected describe got so far."""
    can = [all(line == "..." for line in expected[:i]) for i in range(len(expected) + 1)]
    for line in got:
        can = [False] + [(can[i + 1] or can[i] if word == "..." else can[i] and word == line) for i, word in enumerate(expected)]
        for i, word in enumerate(expected):
            can[i + 1] = can[i + 1] or (word == "..." and can[i])
    return can[-1]
