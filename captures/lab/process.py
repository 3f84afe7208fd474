# SPDX-License-Identifier: MIT
"""Errors, signals and processes: how a recording ends that does not end well.

A signal becomes an exception, once; from then on signals change nothing, so the tear-down
that follows is whole.  What must not be torn apart (a thing made and the note of how to
remove it) runs in `unbroken()`: the exception waits until the block is done.

Signals are not blocked for this but counted: a blocked signal would be delivered to
another thread, whereupon Python runs the handler in the main thread all the same, and
every tool started meanwhile would inherit the block.
"""

import contextlib
import signal

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


class LabError(Exception):
    """Something about this machine or this run, said in words for the person at the terminal."""


class Spoilt(LabError):
    """A recording that a busy machine spoilt: made again, it may succeed."""


class _State:
    depth = 0  # of unbroken() blocks
    held = False  # no signal counts any more
    came = None  # the signal that waits for the end of a block


def catch():
    """From now on a signal raises LabError, also one that waited behind withheld()."""
    for signum in CAUGHT:
        signal.signal(signum, _handle)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)


def hold():
    """From now on no signal interrupts anything: the tear-down follows."""
    _State.held = True


def _handle(signum, _frame):
    if _State.held:
        return
    if _State.depth:
        _State.came = signum
        return
    _give_up(signum)


def _give_up(signum):
    # The handler stays: one that is replaced by SIG_IGN while a second signal is pending makes Python complain.
    hold()
    if signum == signal.SIGALRM:
        raise Spoilt("took longer than its limit")
    raise LabError("interrupted")


@contextlib.contextmanager
def unbroken():
    """Let a signal wait until the block is done.  For short blocks of the main thread."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
        if _State.came and not _State.depth and not _State.held:
            _give_up(_State.came)


@contextlib.contextmanager
def withheld():
    """Start a recorder in this block: signals wait, and the child begins with them waiting until its catch()."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def gone(pid):
    """True when there is no such process, or only its exit status is left."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
