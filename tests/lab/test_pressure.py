#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pressure.py must be able to fail: truths and bounds made up for it, and what it has to say of them."""

import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import pressure  # noqa: E402

KERNEL = """Linux 6.18
[counters of the server] differences, without zeros
TcpExtSyncookiesSent 18
TcpExtTCPReqQFullDoCookies 18
[counters of the client] differences, without zeros
TcpExtTCPReqQFullDrop 7
[accept queues of the server] ss -lnt
1795246463.000 10.0.0.1:8080 0 16
1795246463.000 [fd00::1]:8080 0 4
"""


def lines(cookies=(18, 18), full=(18, 18), drops=(0, 0), queue=(17, 17), addr="10.0.0.1"):
    rows = (("SyncookiesSent", cookies), ("TCPReqQFullDoCookies", full), ("TCPReqQFullDrop", drops),
            ("syn_queue", queue))
    return "".join(f"{addr} 8080 {name} {low} {high}\n" for name, (low, high) in rows)


NONE = {"cookies": (0, 0), "full": (0, 0), "queue": (1, pressure.NEVER)}
CASES = (  # (why, bounds, faults)
    ("bounds that are the truth", lines(), 0),
    ("bounds around it", lines(cookies=(3, 20), full=(0, 40), queue=(2, 30)), 0),
    ("too many at least", lines(cookies=(19, 20)), 1),
    ("too few at most", lines(cookies=(0, 17)), 1),
    ("the client's counter is not the server's", lines(drops=(7, 7)), 1),
    ("the sum of two listeners", lines(cookies=(8, 8)) + lines(cookies=(10, 10), full=(0, 0), queue=(5, 5), addr="fd00::1"),
     0),
    ("a SYN queue that is too short", lines(queue=(3, 16)), 1),
    ("a SYN queue that is too long", lines(queue=(18, 30)), 1),
    ("the SYN queue of the other listener", lines() + lines(**{**NONE, "queue": (6, 6)}, addr="fd00::1"), 1),
    ("a SYN queue that was never full", lines(queue=(1, pressure.NEVER)), 0),
    ("a SYN queue of no place", lines(queue=(0, 0)), 1),
    ("no listener at all", "", 2),
)


def main():
    failed = 0
    truth = pressure.read_truth(KERNEL)
    for number, (why, text, wanted) in enumerate(CASES, 1):
        faults = pressure.compare(*truth, pressure.read_bounds(text))[0]
        good = len(faults) == wanted
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {why}: {len(faults)} faults")
    try:
        pressure.read_bounds("10.0.0.1 8080 SyncookiesSent 1\n")
        good = False
    except pressure.Unreadable:
        good = True
    failed += not good
    print(f"{'ok' if good else 'not ok'} {len(CASES) + 1} - a line that is not one of bounds")
    print(f"1..{len(CASES) + 1}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
