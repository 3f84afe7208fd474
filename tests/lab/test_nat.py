#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nat.py can fail: rows that are made up, and what it has to say of them.  TAP."""

import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import listeners  # noqa: E402
import nat  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

INSIDE, OUTSIDE, SERVER, PUBLISHED = "10.0.0.1:40001", "10.9.9.9:40001", "10.1.1.1:8080", "10.0.0.254:80"


def syn(src, dst, seq, flags="S"):
    return segments.Segment(0, 0.0, src, dst, flags, seq)


def row(name, client, server, nat_of=""):
    cells = {"flow_id": name, "nat_of": nat_of}
    for who, end in (("client", client), ("server", server)):
        cells[f"{who}_ip"], cells[f"{who}_port"] = end.split(":")
    return cells


def listener(server, syns=1, opened=1, overflows=(0, 2)):
    address, port = server.split(":")
    return {"server_ip": address, "server_port": port, "syn_count": str(syns), "established_count": str(opened),
            "refused_count": "0", "unanswered_count": "0", "listen_overflows_min": str(overflows[0]),
            "listen_overflows_max": str(overflows[1]), "listen_drops_min": "0", "listen_drops_max": "9"}


PASSED = (syn(INSIDE, SERVER, 7), syn(OUTSIDE, SERVER, 7), syn(INSIDE, SERVER, 7), syn("10.0.0.1:40002", SERVER, 8),
          syn(SERVER, OUTSIDE, 9, "SA"))
TRUTH = {(OUTSIDE, SERVER): (INSIDE, SERVER)}
BOTH = {("10.9.9.9:40001", SERVER): (INSIDE, PUBLISHED)}
ACCOUNT = listeners.Truth({"TcpExtListenOverflows": 2}, {}, "10.1.1.1")
ROWS = [row("c1f1", INSIDE, SERVER), row("c1f2", OUTSIDE, SERVER, "c1f1"), row("c1f9", "10.0.0.1:40002", SERVER)]
SUMMARY = ["router.pcap: 9 packets, 9 TCP, 2 connections", "1 connections seen again behind address translation"]


def names(*rows):
    return list(nat.check_names(rows, TRUTH))


def counted(seen, wanted, truth=None):
    return list(nat.check_counts(seen, wanted, truth or {}))


CASES = (
    ("SYNs of one number are one connection", nat.pairs(PASSED) == TRUTH),
    ("the right name is right", not names(*ROWS)),
    ("no name is wrong", len(names(ROWS[0], row("c1f2", OUTSIDE, SERVER))) == 1),
    ("the name of a third row is wrong", len(names(ROWS[0], row("c1f2", OUTSIDE, SERVER, "c1f9"), ROWS[2])) == 1),
    ("a name in a row of one connection is wrong",
     len(names(ROWS[0], ROWS[1], row("c1f9", "10.0.0.1:40002", SERVER, "c1f1"))) == 1),
    ("the earlier row that names the later one is wrong",
     len(names(row("c1f1", INSIDE, SERVER, "c1f2"), row("c1f2", OUTSIDE, SERVER))) == 2),
    ("equal counts are right", not counted([listener(SERVER)], [listener(SERVER)])),
    ("a connection that is counted twice is wrong", len(counted([listener(SERVER, 2, 2)], [listener(SERVER)])) == 2),
    ("one that is counted nowhere is wrong", len(counted([listener(SERVER, 0, 0)], [listener(SERVER)])) == 2),
    ("one that is counted where it was asked for is right", not counted([listener(PUBLISHED)], [listener(SERVER)], BOTH)),
    ("... and there and here is wrong",
     len(counted([listener(PUBLISHED), listener(SERVER)], [listener(SERVER)], BOTH)) == 2),
    ("bounds that hold the truth are right", not list(nat.check_bounds([listener(SERVER)], ACCOUNT))),
    ("bounds that are doubled are wrong", len(list(nat.check_bounds([listener(SERVER, overflows=(4, 4))], ACCOUNT))) == 1),
    ("the summary's numbers are right", not list(nat.check_summary(SUMMARY, ROWS))),
    ("a summary that counts all rows is wrong",
     len(list(nat.check_summary([SUMMARY[0].replace("2 conn", "3 conn"), SUMMARY[1]], ROWS))) == 1),
    ("one that keeps silent is wrong", len(list(nat.check_summary(SUMMARY[:1], ROWS))) == 1),
)


def main():
    return report.tell_all(CASES)


if __name__ == "__main__":
    sys.exit(main())
