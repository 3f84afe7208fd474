#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The comparison of listeners can fail: each kind of disagreement, planted, must be reported.

    test_listeners.py          TAP

The program is a script that prints a table made here; the captures are empty files.
"""

import contextlib
import io
import os
import stat
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import listeners  # noqa: E402
import report  # noqa: E402

ACCOUNT = """Linux 6.18: its account of queue/rec_one
event times are good to 1 us on the capture's clock; the server is 10.66.1.100
[counters of the server] differences, without zeros
TcpExtListenDrops 7
TcpExtListenOverflows 5
TcpExtSyncookiesSent 3
[counters of the client] differences, without zeros
TcpExtListenOverflows 99
[accept queues of the server] ss -lnt once a second
1000.000 10.66.1.100:8080 0 4
1001.000 10.66.1.100:8080 5 4
1001.000 [fd00:66:1::100]:8080 0 16
"""

COLUMNS = ("server_ip", "server_port", "listen_overflows_min", "listen_overflows_max", "listen_drops_min",
           "listen_drops_max", "backlog_min", "backlog_max", "cookie_count")
TRUE = ("10.66.1.100", 8080, 5, 5, 7, 7, 4, 4, 3)


def table(*rows):
    lines = [",".join(COLUMNS)] + [",".join(str(cell) for cell in row) for row in rows]
    return "\n".join(lines) + "\n"


def changed(**cells):
    return tuple(cells.get(name, cell) for name, cell in zip(COLUMNS, TRUE))


def compare(rows, name="queue/rec_one", account=ACCOUNT, arguments=()):
    """(exit status, output) of the comparison over one case at the server."""
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, "captures", name)
        os.makedirs(folder)
        for file, text in (("capture.pcap", ""), ("sockets.txt", ""), ("kernel.txt", account), ("table.csv", rows)):
            with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
                out.write(text)
        program = os.path.join(root, "program")
        with open(program, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\ncat '{folder}/table.csv'\n")
        os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = listeners.main([os.path.join(root, "captures"), program, *arguments])
        return status, printed.getvalue()


# what, rows, what the comparison must say (None: nothing is wrong)
CASES = (
    ("the truth passes", [TRUE], None),
    ("wide bounds pass", [changed(listen_overflows_min=0, listen_overflows_max=90, listen_drops_min=5)], None),
    ("a limit that is not told passes", [changed(backlog_min="", backlog_max="")], None),
    ("two listeners are added up", [changed(listen_overflows_max=2, listen_overflows_min=2),
                                    ("fd00:66:1::100", 8080, 3, 3, 0, 0, "", "", 0)], None),
    ("another host's row is left out", [TRUE, ("10.66.1.1", 8080, 9, 9, 9, 9, 9, 9, 9)], None),
    ("too many at least", [changed(listen_overflows_min=6, listen_overflows_max=6)], "ListenOverflows is 5, not 6..6"),
    ("too few at most", [changed(listen_overflows_min=0, listen_overflows_max=4)], "ListenOverflows is 5, not 0..4"),
    ("drops too few at most", [changed(listen_drops_min=0, listen_drops_max=6)], "ListenDrops is 7, not 0..6"),
    ("drops too many at least", [changed(listen_drops_min=8, listen_drops_max=9)], "ListenDrops is 7, not 8..9"),
    ("no row at all", [], "ListenOverflows is 5, not 0..0"),
    ("a limit too low", [changed(backlog_min="", backlog_max=3)], "the limit is 4, not ..3"),
    ("a limit too high", [changed(backlog_min=5, backlog_max="")], "the limit is 4, not 5.."),
    ("another listener's limit", [TRUE, ("fd00:66:1::100", 8080, 0, 0, 0, 0, 4, 4, 0)], "the limit is 16, not 4..4"),
    ("more SYN cookies than were sent", [changed(cookie_count=4)], "SyncookiesSent is 3, and 4 SYN cookies"),
    ("no upper bound", [changed(listen_overflows_max="")], "has no upper bound"),
    ("a bound is missing", [changed(listen_overflows_min="")], "Bail out!"),
)


def check_cases(tap):
    for what, rows, wanted in CASES:
        status, printed = compare(table(*rows), arguments=["queue/rec_one"])
        good = status == 0 if wanted is None else status != 0 and wanted in printed
        tap.point(good, what, [] if good else printed.splitlines())


def check_whole(tap):
    """What is asked of all scenarios together, and of a frozen one."""
    for what, rows, name, wanted in (
            ("exact bounds are exact", TRUE, "queue/rec_one", None),
            ("bounds that never meet", changed(listen_overflows_min=0), "queue/rec_one", "overflows exact in 0 of 1"),
            ("drops that never meet", changed(listen_drops_min=0), "queue/rec_one", "drops exact in 0 of 1"),
            ("a frozen application, exactly", TRUE, sorted(listeners.FROZEN)[0], None),
            ("a frozen application, not exactly", changed(backlog_min=3), sorted(listeners.FROZEN)[0], "stood still"),
            ("a frozen application, not told", changed(backlog_min="", backlog_max=""), sorted(listeners.FROZEN)[0],
             "stood still")):
        status, printed = compare(table(rows), name)
        good = status == 0 if wanted is None else status == 1 and wanted in printed
        tap.point(good, what, [] if good else printed.splitlines())
    status, printed = compare(table(TRUE), account="nothing\n", arguments=["queue/rec_one"])
    tap.point(status != 0 and "whose account" in printed, "an account of nobody", printed.splitlines())
    quiet = ACCOUNT.replace("TcpExtListenDrops 7\n", "").replace("TcpExtListenOverflows 5\n", "")
    status, printed = compare(table(changed(listen_overflows_min=0, listen_drops_min=0)), account=quiet)
    tap.point(status == 1 and "known to be none, in 0 of 1" in printed, "slack where nothing was counted",
              printed.splitlines())


def main():
    tap = report.Tap()
    check_cases(tap)
    check_whole(tap)
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
