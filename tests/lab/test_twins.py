#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""twins.py can fail: wrong links and wrong losses are found.  TAP."""

import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import report  # noqa: E402
import segments  # noqa: E402
import twins  # noqa: E402

CLIENT, SERVER = "10.0.0.1:40001", "10.0.0.9:80"


def segment(frame, at, flags, seq=100, src=CLIENT, dst=SERVER, tsval=7, length=0):
    return segments.Segment(frame, at, src, dst, flags, seq, 0, length, tsval)


def row(name, last, twin=""):
    return {"flow_id": name, "first_frame": "1", "last_frame": str(last), "twin": twin, "client_ip": "10.0.0.1",
            "client_port": "40001", "server_ip": "10.0.0.9", "server_port": "80", "client_pkts": str(last), "server_pkts": "0",
            "rst_count": "0", "confidence": "", "severity": "info"}


def event(name, frames, frame, near=1, far=2, what="SYN copy 1 of 2"):
    return {**row(name, 1), "event_id": f"{name}e1", "frames": frames, "finding": "segment_lost_between", "value": "1",
            "text": f"The client's {what} passed capture {near} (frame {frame}) and never reached capture {far}."}


FIRST, AGAIN = segment(1, 10.0, "S"), segment(2, 11.0, "S", tsval=1007)
NEAR = segments.Capture([FIRST, AGAIN])
FAR = segments.Capture([segment(1, 11.1, "S", tsval=1007)])
OTHER = segments.Capture([segment(1, 11.1, "S", seq=999, tsval=4)])
DROPS = twins.account(f"10.000100 the wire dropped: {CLIENT} > {SERVER} S seq 100 ack 0 len 0\n")
LINKED = [row("c1f1", 2, "c2f1"), row("c2f1", 1, "c1f1")]
APART = [row("c1f1", 2), row("c2f1", 1)]
LOST = event("c1f1", "1;c2f1", 1)
SWAPPED = [row("c2f1", 2, "c1f1"), row("c1f1", 1, "c2f1")]
LOST_SWAPPED = event("c2f1", "1;c1f1", 1, near=2, far=1)
DATA = [segment(1, 10.0, "A", length=50), segment(2, 11.0, "A", length=50, tsval=1007)]
SENT = segments.Capture(DATA)
CAME = segments.Capture([segment(1, 11.1, "A", length=50, tsval=1007)])
LATE = segments.Capture([*FAR.by_frame.values(), segment(2, 11.2, "A", seq=101)])
DATED = dict(event("c2f1", "2;c1f1", 1), time_ns="10100000000")
PROVED = [dict(row("c1f1", 2), confidence="certain", severity="high")]
GONE = twins.account(f"10.000100 the wire dropped: {CLIENT} > {SERVER} A seq 100 ack 0 len 50\n")


def payload(frame, missing="at least 1 never", fate="one that did"):
    return dict(LOST, frames=f"{frame};c2f1", text=f"Of 2 copies of the client's payload at 1 that passed capture 1, {missing} "
                f"reached capture 2 (frame {frame} is {fate}).")


def faults(rows, events, captures, drops=None):
    return twins.check(twins.Told(rows, events), captures, DROPS if drops is None else drops)


CASES = (
    ("what is true is found true", not faults(LINKED, [LOST], [NEAR, FAR])),
    ("rows that share segments must be linked", faults(APART, [], [NEAR, FAR])),
    ("but nothing names a row that is one RST", not faults([dict(one, rst_count=one["client_pkts"]) for one in APART], [],
                                                           [NEAR, FAR])),
    ("rows that share none must not", faults(LINKED, [], [NEAR, OTHER])),
    ("connections of other ends must not be linked", faults([row("c1f1", 2, "c2f7")], [], [NEAR, FAR])),
    ("a segment that arrived is not lost", faults(LINKED, [event("c1f1", "2", 2)], [NEAR, FAR])),
    ("a loss must be in the account", faults(LINKED, [LOST], [NEAR, FAR], drops=[])),
    ("the account of another segment is none", faults(LINKED, [LOST], [NEAR, FAR],
                                                      twins.account(f"10.0 the wire dropped: {CLIENT} > {SERVER} S "
                                                                    "seq 5 ack 0 len 0\n"))),
    ("a socket's end is no loss on the way", faults(LINKED, [LOST], [NEAR, FAR],
                                                    twins.account(f"10.0 {CLIENT} {SERVER} S OTHERHOST\n"))),
    ("a firewall's drop is", not faults(LINKED, [LOST], [NEAR, FAR],
                                        twins.account(f"10.0 {CLIENT} {SERVER} S NETFILTER_DROP\n"))),
    ("a frame must exist", faults(LINKED, [event("c1f1", "9", 9)], [NEAR, FAR])),
    ("a claim's frame must be among its proof", faults(LINKED, [event("c1f1", "2", 1)], [NEAR, FAR])),
    ("unknown words are a fault", faults(LINKED, [dict(LOST, text="It was lost.")], [NEAR, FAR])),
    ("a copy of payload is lost", not faults(LINKED, [payload(2)], [SENT, CAME], GONE)),
    ("the one that was lost", not faults(LINKED, [payload(1, fate="one of them")], [SENT, CAME], GONE)),
    ("and not the other one", faults(LINKED, [payload(2, fate="one of them")], [SENT, CAME], GONE)),
    ("one of both", not faults(LINKED, [payload(2, fate="a copy")], [SENT, CAME], GONE)),
    ("no more copies than are missing", faults(LINKED, [payload(2, "none")], [SENT, CAME], GONE + GONE)),
    ("no more copies than the account knows", faults(LINKED, [payload(2)], [SENT, CAME], [])),
    ("what is told to have arrived did", faults(LINKED, [payload(2)], [SENT, segments.Capture(DATA[:1])], GONE)),
    ("a lost frame of payload is not told as its repetition",
     faults(LINKED, [event("c1f1", "2;c2f1", 2, what="one of 2 copies of payload at 1")], [SENT, CAME], GONE)),
    ("not more is lost than is missing", faults(LINKED, [dict(LOST, value="2")], [NEAR, FAR])),
    ("the same rows under other numbers are the same",
     not list(twins.check_order(twins.Told(LINKED, [LOST]), twins.Told(SWAPPED, [LOST_SWAPPED]), [1, 0]))),
    ("another frame first is not", list(twins.check_order(twins.Told(LINKED, [LOST]), twins.Told(SWAPPED, [
        dict(LOST_SWAPPED, frames="c1f1;1")]), [1, 0]))),
    ("nor is a row more", list(twins.check_order(twins.Told(LINKED, []), twins.Told(SWAPPED, [LOST_SWAPPED]), [1, 0]))),
    ("what another capture lost is dated by its loss", not faults(LINKED, [DATED], [NEAR, LATE])),
    ("and not by when the connection began", faults(LINKED, [dict(DATED, time_ns="7000000000")], [NEAR, LATE])),
    ("trouble that a row proves is told", not list(twins.check_page(twins.Told(PROVED, [], page=["!  1x trouble"])))),
    ("and is not ok", list(twins.check_page(twins.Told(PROVED, [], page=["ok healthy"])))),
    ("a guess proves none", not list(twins.check_page(twins.Told([dict(PROVED[0], confidence="probable")], [],
                                                                 page=["ok healthy"])))),
    ("the relay's IPv6 ends are read", twins.bracketed("fd00::1:80") == "[fd00::1]:80"),
)


def main():
    return report.tell_all(CASES)


if __name__ == "__main__":
    sys.exit(main())
