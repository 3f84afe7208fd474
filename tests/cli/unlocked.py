#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scan where the file system has no locks, as those of clusters may be mounted: the same bytes, with or without a twin.

The kernel is asked (seccomp) to answer flock as such a file system does.
"""

import ctypes
import errno
import os
import pathlib
import platform
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

TABLES = ("flows.csv", "events.csv", "listeners.csv", "states.csv", "captures.csv", "summary.txt", "report.html")
FLOCK = {"x86_64": 73, "aarch64": 32, "riscv64": 32}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # of the classic BPF: the number of the call is word 0
ALLOW, ANSWER = 0x7fff0000, 0x00050000


class Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("code", ctypes.c_char_p))


def answer_flock(number):
    """From now on flock fails with this error, in this process and those that it becomes."""
    code = b"".join(struct.pack("=HBBI", *one) for one in (
        (LOAD, 0, 0, 0), (EQUAL, 0, 1, FLOCK[platform.machine()]), (RETURN, 0, 0, ANSWER | number), (RETURN, 0, 0, ALLOW)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(len(code) // 8, code)), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class Bench:
    def __init__(self, program, folder):
        self.program, self.folder = os.path.abspath(program), folder

    def start(self, error, *arguments):
        return subprocess.Popen([self.program, *arguments], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, preexec_fn=(lambda: answer_flock(error)) if error else None)

    def run(self, error, *arguments):
        """Status, and what it said."""
        running = self.start(error, *arguments)
        words = running.communicate(timeout=240)[1]
        return running.returncode, words

    def tables(self, name):
        return [path.read_bytes() if path.exists() else None for path in (self.folder / name / table for table in TABLES)]


def alone(bench, wanted):
    for error in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK):
        name = errno.errorcode[error]
        torn = bench.folder / name / "flows.csv.aB3dE6.tmp"
        torn.parent.mkdir()
        torn.write_bytes(b"half")
        os.utime(torn, (time.time() - 7200,) * 2)
        status, _ = bench.run(error, "scan", "-q", "-o", name, "d")
        yield f"{name}: scan gives the same bytes", status == 0 and bench.tables(name) == wanted
        yield "  and leaves what may be another's", torn.exists()
    status, words = bench.run(errno.EIO, "scan", "-q", "-o", "broken", "d")
    yield "a file system that fails is told as ever", status == 4 and b"cannot be locked" in words


def twins(bench, wanted):
    """Both write to one journal."""
    shard = ("scan", "-q", "-o", "twins", "--resume", "--shard")
    for share in ("1/2", "2/2"):
        running = [bench.start(errno.ENOSYS, *shard, share, "d") for _ in range(2)]
        for one in running:
            one.communicate(timeout=240)
        yield f"shard {share} twice at the same time: both end well", [one.returncode for one in running] == [0, 0]
    journal = bench.folder / "twins" / "journal-1-of-2.csv"
    whole = journal.read_bytes()
    first = b"".join(whole.splitlines(keepends=True)[:2])
    journal.write_bytes(whole + first)
    yield "a journal that has its first lines again is gone on with", bench.run(errno.ENOSYS, *shard, "1/2", "d")[0] == 0
    yield "  and nothing of it was cut off", journal.read_bytes() == whole + first
    journal.write_bytes(whole + first.replace(b" plan ", b" plan 0"))
    yield "  but not one with those of another scan", bench.run(errno.ENOSYS, *shard, "1/2", "d")[0] == 2
    status, _ = bench.run(0, "merge", "-q", "-o", "merged", "twins")
    yield "merge gives the same bytes", status == 0 and bench.tables("merged") == wanted


def main():
    captures, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(program, pathlib.Path(name))
        (bench.folder / "d").mkdir()
        for at, case in enumerate(sorted(captures.glob("*/*/capture.pcap"))[::40]):
            (bench.folder / "d" / f"{chr(97 + at)}.pcap").write_bytes(case.read_bytes())
        status, _ = bench.run(0, "scan", "-q", "-o", "plain", "d")
        wanted = bench.tables("plain")
        cases = [("scan with locks", status == 0 and None not in wanted), *alone(bench, wanted), *twins(bench, wanted)]
    return report.tell_all(cases)


if __name__ == "__main__":
    sys.exit(main())
