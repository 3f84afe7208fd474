#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""damaged.py can fail: rows that are made up for a damaged capture, and what it has to say of them.  TAP."""

import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import damaged  # noqa: E402
import listeners  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

CLIENT, SERVER = "10.0.0.1:40001", "10.0.0.9:80"


def sent(flags, seq=100, ack=0, length=0):
    return segments.Segment(0, 0.0, CLIENT, SERVER, flags, seq, ack, length)


def came(flags, seq=900, ack=0, length=0):
    return segments.Segment(0, 0.0, SERVER, CLIENT, flags, seq, ack, length)


SYN, SYNACK, ACK = sent("S"), came("SA", ack=101), sent("A", 101, 901)
ASK, SERVED = sent("PA", 101, 901, 10), came("PA", 901, 111, 50)
WHOLE = [SYN, SYN, SYNACK, ACK, ASK, SERVED]  # its first SYN was refused
LADDER = [SYN, SYNACK, ACK, SYNACK, ACK, ASK, ASK, came("R", 901)]  # all after the first SYN+ACK was
SILENT = [SYN, SYN, None]


def row(overflow="none", overflows=(3, 3), drops=(3, 3), limit=("", "")):
    return {"server_ip": "10.0.0.9", "server_port": "80", "overflow": overflow, "listen_overflows_min": str(overflows[0]),
            "listen_overflows_max": str(overflows[1]), "listen_drops_min": str(drops[0]), "listen_drops_max": str(drops[1]),
            "backlog_min": limit[0], "backlog_max": limit[1], "cookie_count": "0"}


TRUTH = listeners.Truth({"TcpExtListenOverflows": 3, "TcpExtListenDrops": 3}, {SERVER: 4}, "10.0.0.9")


def faults(one, passed=tuple(WHOLE), lost=()):
    """Complaints about this row, of a capture in which these records are missing."""
    left = [place not in lost for place in range(len(passed))]
    return damaged.judge("made up", [one], TRUTH, damaged.connections(list(passed)), left).wrong


def places(passed):
    return damaged.refused(damaged.connections(passed)[0])


def shows(passed, lost):
    left = [place not in lost for place in range(len(passed))]
    return damaged.shows_loss(damaged.connections(passed)[0], left)


CASES = (
    ("a refused SYN is found", places(WHOLE) == {0}),
    ("a ladder's refused segments are found", places(LADDER) == {2, 4, 5, 6}),
    ("SYNs that nothing answers are found", places(SILENT) == {0, 1}),
    ("payload that is acknowledged and missing shows", shows(WHOLE, {4})),
    ("payload that nothing acknowledges does not", not shows(LADDER, {5, 6})),
    ("an answer that is missing, and nobody acknowledged, does not", not shows(WHOLE, {5})),
    ("a missing SYN does not", not shows(WHOLE, {0})),
    ("payload of which a copy is left does not", not shows([SYN, SYNACK, ACK, ASK, ASK, SERVED], {3})),
    ("bounds that hold the truth are right", not faults(row())),
    ("bounds that are too high are wrong", len(faults(row(overflows=(4, 9)))) == 1),
    ("... also where a refused segment is missing", len(faults(row(overflows=(4, 9)), lost={0})) == 1),
    ("bounds that are too low are wrong", len(faults(row(overflows=(0, 2)))) == 1),
    ("... also where another segment is missing", len(faults(row(overflows=(0, 2)), lost={4})) == 1),
    ("... but not by a refused one that is missing", not faults(row(overflows=(0, 2)), lost={0})),
    ("... and by no more than are missing", len(faults(row(overflows=(0, 1)), lost={0})) == 1),
    ("drops are held to the same", len(faults(row(drops=(0, 1)), lost={0})) == 1),
    ("a limit that is not the kernel's is wrong", len(faults(row(limit=("2", "3")), lost={0})) == 1),
    ("no limit is right", not faults(row(limit=("", "")))),
    ("a full queue may be certain of a whole capture", not faults(row("certain"))),
    ("... and where nothing shows that much is missing", not faults(row("certain"), lost={0, 1, 5})),
    ("... but not where it shows", len(faults(row("certain"), lost={4})) == 1),
    ("a probable one may be", not faults(row("probable"), lost={4})),
    ("the filter for flags keeps SYN, FIN and RST", damaged.filtered([SYN, ACK, sent("FA"), came("R"), None], "FSR")
     == [True, False, True, True, False]),
)


def main():
    return report.tell_all(CASES)


if __name__ == "__main__":
    sys.exit(main())
