#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the program is given by its caller may be closed, or a pipe that nobody reads.

    descriptors.py CAPTURES PROGRAM

Output is TAP; exit status 0, or 1 for a disagreement.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

CASE = "pressure/rec_mixed_incident"
WAIT = 60  # seconds after which a run hangs


def run(folder, *arguments, **how):
    return subprocess.run(arguments, cwd=folder, timeout=WAIT, check=False, **how)


def closing(*descriptors):
    """For the child, before it becomes the program."""
    def close():
        for one in descriptors:
            os.close(one)
    return close


def closed(folder, program, capture):
    """Nothing that the program opens may take the place of a standard file."""
    tables = folder / "all"
    run(folder, program, "report", "-q", "-o", tables, capture, stdout=subprocess.DEVNULL)
    wanted = {one.name: one.read_bytes() for one in tables.iterdir() if one.name != "run.csv"}
    for descriptors in ((0,), (2,), (0, 2)):
        out = folder / f"closed{len(descriptors)}{descriptors[0]}"
        done = run(folder, program, "report", "-v", "-o", out, capture, preexec_fn=closing(*descriptors), stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
        made = {one.name: one.read_bytes() for one in out.iterdir() if one.name != "run.csv"}
        yield f"with {descriptors} closed a report is the same", done.returncode == 0 and made == wanted
    done = run(folder, program, "flows", capture, preexec_fn=closing(1), stderr=subprocess.PIPE)
    yield "a closed standard output cannot be written, which is said once", \
        done.returncode == 4 and done.stderr.count(b"standard output: cannot be written") == 1
    done = run(folder, program, "flows", "-", preexec_fn=closing(0), capture_output=True)
    yield "a closed standard input cannot be read", done.returncode == 3 and b"standard input" in done.stderr
    for descriptors in ((1,), (2,), (1, 2)):
        out = folder / f"scan{len(descriptors)}{descriptors[0]}"
        run(folder, program, "scan", "-v", "-o", out, capture, preexec_fn=closing(*descriptors), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines = (out / "journal.csv").read_text().splitlines()
        again = run(folder, program, "scan", "--resume", "-o", out, capture, capture_output=True)
        yield f"with {descriptors} closed the journal holds its own lines alone, and the scan goes on", \
            all(line.split(",")[0] in ("what", "scan", "part", "tables") for line in lines) and again.returncode == 0


def into_closed_pipe(folder, program, *arguments, which, **how):
    """The exit status of a run with that standard file a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        files = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, which: writer}
        return run(folder, program, *arguments, **files, **how).returncode
    finally:
        os.close(writer)


def pipes(folder, program, capture):
    ends = into_closed_pipe(folder, program, "flows", capture, which="stdout")
    yield "a reader of standard output that has gone ends it by SIGPIPE", ends == -signal.SIGPIPE
    ends = into_closed_pipe(folder, program, "flows", capture, which="stdout", restore_signals=False,
                            preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    yield "or is an error like others, where the caller ignores SIGPIPE", ends == 4
    ends = into_closed_pipe(folder, program, "report", "-v", "-o", "piped", capture, which="stderr")
    yield "one of standard error takes nothing from the tables", ends == 0 and (folder / "piped" / "flows.csv").exists()


def ends(child):
    """Its exit status; None for one that hangs, which is killed."""
    try:
        return child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        return None


def waiting(folder, program, capture):
    """A pipe as a result waits for its reader, and for signals."""
    os.mkfifo(folder / "pipe")
    with subprocess.Popen([program, "flows", "-o", "pipe", capture], cwd=folder, stderr=subprocess.DEVNULL) as one:
        time.sleep(.5)
        waits = one.poll() is None
        one.terminate()
        yield "nobody reads it: it waits, until the first SIGTERM", waits and ends(one) == 4
    with subprocess.Popen([program, "flows", "-o", "pipe", capture], cwd=folder) as one:
        time.sleep(.2)
        text = (folder / "pipe").read_bytes()
        wanted = run(folder, program, "flows", capture, capture_output=True).stdout
        yield "somebody does: it is all there", ends(one) == 0 and text == wanted


def main():
    captures, program = pathlib.Path(sys.argv[1]), str(pathlib.Path(sys.argv[2]).resolve())
    capture = (captures / CASE / "capture.pcap").resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        return report.tell_all(case for group in (closed, pipes, waiting) for case in group(folder, program, capture))


if __name__ == "__main__":
    sys.exit(main())
