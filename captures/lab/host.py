# SPDX-License-Identifier: MIT
"""What recordings share with the whole host: its few settings that no namespace has, and who records right now.

Settings.  Before one is changed, its name and old value go into /run/tcalab-PID-host, which is removed when the value
is back.  If the recorder is killed, `record.py clean`, or the next scenario that changes a host's setting, reads that
file and puts the value back.

Who records.  Each recording holds one number, and one that must be alone holds a name besides; both are abstract
sockets, which the kernel frees with their process.  Each side takes its own name first and looks for the other's
afterwards, so of two that begin together at least one sees the other.
"""

import contextlib
import glob
import os
import re
import socket
import sys
import time
import zlib

from process import LabError, gone

NUMBERS = 250
NAME = "tcautopsy-lab-"
PATIENCE = 300  # seconds to wait for other recordings: more than the longest takes


# -- settings --------------------------------------------------------------------------------------------

class Settings:
    """Settings of the whole host, changed for a while by a scenario that is alone."""

    def __init__(self, values):
        self._values, self._path = values, f"/run/tcalab-{os.getpid()}-host"

    def change(self):
        for path, pid in changed_settings():
            if gone(pid):  # else a value that a killed run left behind would be taken for the host's own
                restore(path)
        old = "".join(f"{name} {_read(name)}\n" for name in self._values)
        with open(self._path, "w", encoding="ascii") as file:
            file.write(old)
        for name, value in self._values.items():
            _write(name, value)

    def restore(self):
        """Put back what was there.  Safe to call twice, or without change()."""
        if os.path.exists(self._path):
            restore(self._path)


def restore(path):
    with open(path, encoding="ascii") as file:
        for line in file:
            _write(*line.rstrip("\n").split(" ", 1))
    os.unlink(path)


def changed_settings():
    """(path, process id) of the files that tell which settings recorders have changed."""
    matches = (re.fullmatch(r"/run/tcalab-(\d+)-host", path) for path in sorted(glob.glob("/run/tcalab-*-host")))
    return [(match[0], match[1]) for match in matches if match]


def _read(name):
    with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
        return file.read().strip()


def _write(name, value):
    with open("/proc/sys/" + name.replace(".", "/"), "w", encoding="ascii") as file:
        file.write(str(value))


# -- who records -----------------------------------------------------------------------------------------

def claim(name, alone):
    """(number, guards): the third byte of this recording's addresses, which no recording under way has.

    Waits while a recording that must be alone is under way, or, to be `alone`, until no other is.
    """
    deadline = time.monotonic() + PATIENCE
    with contextlib.ExitStack() as undo:
        if alone:
            undo.enter_context(_first(lambda: _bind("alone"), deadline, "another recording that must be alone"))
            _first(lambda: not _others(), deadline, "other recordings, for this one must be alone")
            number, guard = _claim_number(name)
        else:
            number, guard = _first(lambda: _claim_beside(name), deadline, "a recording that must be alone")
        undo.enter_context(guard)
        return number, undo.pop_all()


def _claim_beside(name):
    """A number beside other recordings; None while one must be alone."""
    if _is_alone():
        return None
    number, guard = _claim_number(name)
    if not _is_alone():
        return number, guard
    guard.close()
    return None


def _claim_number(name):
    """The name decides where the search begins, so that a case usually gets the same addresses again."""
    for step in range(NUMBERS):
        number = (zlib.crc32(name.encode()) + step) % NUMBERS + 1
        guard = _bind(number)
        if guard:
            return number, guard
    raise LabError(f"{NUMBERS} recordings are under way")


def _bind(word):
    guard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        guard.bind(f"\0{NAME}{word}")
        return guard
    except OSError:
        guard.close()
        return None


def _words():
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        return set(re.findall(rf"@{NAME}(\w+)", file.read()))


def _is_alone():
    return "alone" in _words()


def _others():
    return _words() - {"alone"}


def _first(attempt, deadline, what):
    """The first result of attempt() that counts."""
    result, told = attempt(), False
    while not result:
        if time.monotonic() > deadline:
            raise LabError(f"waited {PATIENCE} s in vain for the end of {what}")
        if not told:
            print(f"record.py: waits for the end of {what}", file=sys.stderr, flush=True)
            told = True
        time.sleep(0.2)
        result = attempt()
    return result
