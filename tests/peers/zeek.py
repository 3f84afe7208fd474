#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""conn_state and history against what Zeek's own tests expect of the same captures.

    zeek.py PROGRAM [FOLDER]       FOLDER, else TCPAUTOPSY_REAL: the captures from elsewhere; without it all is skipped

Each row names the test of Zeek (testing/btest) whose expected log or output says so. These were run with -C or of captures
without a wrong checksum, which is what this program does by itself where no good checksums are the rule. A value that the
test does not print is None. Tests that print the states of both ends instead of conn_state are given in conn_state's words.
TAP on standard output.
"""

import os
import sys

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

import program  # noqa: E402
import report  # noqa: E402

# capture, Zeek's test, client port: conn_state, history
KNOWN = [
    ("zeek-retransmit-fast009.pcap", "core.tcp.rxmit-history", 50368, "RSTO", "ShADaGdgtR"),
    ("zeek-mixed-vlan-mpls.pcap", "core.vlan-mpls", 11001, "SH", "SADF"),
    ("zeek-mixed-vlan-mpls.pcap", "core.vlan-mpls", 56730, "SF", "ShADdFaf"),
    ("zeek-mixed-vlan-mpls.pcap", "core.vlan-mpls", 50343, "SF", "ShADadfF"),
    ("zeek-gre.pcap", "core.tunnels.gre", 40264, "SF", "ShAdDaFf"),
    ("zeek-one-sided.pcap", "scripts.base.protocols.conn, one-sided", 2745, None, "^haf"),
    ("zeek-syn-then-rst.pcap", "scripts.base.protocols.conn.conn_state-RST-behavior", 13131, "RSTOS0", "SR"),
    ("zeek-rst-inject.pcap", "core.tcp.rst-after-syn: SYN_SENT and RESET", 2527, "REJ", None),
    ("zeek-fin-retransmission.pcap", "core.tcp.fin-retransmit: CLOSED and RESET", 55344, "RSTR", None),
]


def judge(rows, state, history):
    """Complaints about the rows of a port, all of them: no capture has one twice but for the same story."""
    if not rows:
        yield "no such row"
    for row in rows:
        got = (row["conn_state"], row["history"])
        if (state and got[0] != state) or (history and got[1] != history):
            yield f"expected {state or 'any'} {history or 'any'}, got {' '.join(got)}"


def main():
    tested = sys.argv[1]
    folder = os.environ.get("TCPAUTOPSY_REAL") or (sys.argv[2] if len(sys.argv) > 2 else "")
    if not os.path.isdir(folder):
        print(f"1..0 # SKIP the captures from elsewhere are not here: {folder}")
        return 0
    tap = report.Tap()
    for capture, origin, port, state, history in KNOWN:
        rows = [row for row in program.table(tested, "flows", os.path.join(folder, capture))
                if row["client_port"] == str(port)]
        wrong = list(judge(rows, state, history))
        tap.point(not wrong, f"{capture} port {port}: Zeek's {origin}", wrong)
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
