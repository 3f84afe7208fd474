#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The census comparison can fail: each kind of disagreement, planted in a copy of a recorded case or in what the
program prints, must be reported.

    test_census.py CAPTURES PROGRAM          TAP
"""

import contextlib
import io
import os
import re
import shutil
import stat
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import census  # noqa: E402
import report  # noqa: E402

CASE = "idle/rec_keepalive"  # connections that live for seconds
FILTER = """#!{python} -IS
import subprocess, sys
done = subprocess.run([{program!r}, *sys.argv[1:]], capture_output=True, text=True, check=False)
lines = done.stdout.splitlines()
if "ss" in sys.argv:
    head, rows = lines[0], lines[1:]
    calm = [row for row in rows if row.startswith("ESTAB")]
    {change}
    lines = [head, *rows]
print("\\n".join(lines))
sys.stderr.write(done.stderr)
sys.exit(done.returncode)
"""
CHANGES = (
    ("a socket is missing", "rows = rows[:-1] if calm else rows", 1),
    ("a socket is told twice", "rows += calm[:1]", 1),
    ("a state is another one", "rows = [row.replace('ESTAB', 'CLOSE-WAIT') for row in rows]", 1),
    ("everything is listed apart", f"rows = [row for row in rows if row not in calm] + [{census.APART!r}] + calm", 1),
    ("another line of slack", "rows += ['# or so:'] + calm", 2),
    ("no header", "head = 'ESTAB'", 2),
    ("nothing is changed", "pass", 0),
)


def run(captures, program):
    """(exit status, what was printed)"""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = census.main([captures, program, CASE])
    return status, out.getvalue()


def wrap(folder, program, change):
    """A program that changes what the real one prints."""
    path = os.path.join(folder, "wrapped")
    with open(path, "w", encoding="utf-8") as file:
        file.write(FILTER.format(python=sys.executable, program=program, change=change))
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


def copy(folder, captures, change):
    """A copy of the case whose samples are changed: change(text of kernel.txt)."""
    to = os.path.join(folder, "captures", CASE)
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(os.path.join(captures, CASE), to)
    path = os.path.join(to, "kernel.txt")
    with open(path, encoding="utf-8") as file:
        text = change(file.read())
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return os.path.join(folder, "captures")


def more(text):
    return re.sub(r"( (?:server|client) ESTAB=)(\d+)", lambda match: match[1] + str(int(match[2]) + 1), text)


SAMPLES = (
    ("the samples as they are", lambda text: text, 0),
    ("ss listed one more", more, 1),
    ("one more in seconds that are unknown", lambda text: re.sub(r"( (?:server|client)) ESTAB=.*", r"\1 unknown", more(text)), 0),
    ("a sample in another form", lambda text: text.replace(" server ESTAB=", " server ESTAB:"), 2),
    ("no samples", lambda text: re.sub(r"\[sockets by state\].*?(?=\n\[)", "[nothing]", text, flags=re.S), 1),
)


def main(captures, program):
    tap = report.Tap()
    with tempfile.TemporaryDirectory() as folder:
        for words, change, wanted in CHANGES:
            status, told = run(captures, wrap(folder, program, change))
            tap.point(status == wanted, f"{words}: status {wanted}", told.splitlines()[:4] if status != wanted else ())
        for words, change, wanted in SAMPLES:
            status, told = run(copy(folder, captures, change), program)
            tap.point(status == wanted, f"{words}: status {wanted}", told.splitlines()[:4] if status != wanted else ())
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
