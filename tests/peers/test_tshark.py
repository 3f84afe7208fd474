#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tshark.py can fail: a wrong number, bit, packet count or stream is found, and no rule excuses what it does not
account for.  TAP."""

import os
import sys

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

import report  # noqa: E402
import tshark  # noqa: E402

CLIENT, SERVER, OTHER = ("10.0.0.1", "40000"), ("10.0.0.2", "80"), ("10.0.0.1", "40001")
ENDS, MORE = frozenset((CLIENT, SERVER)), frozenset((OTHER, SERVER))
NAME = "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


def packet(frame, stream=0, completeness=7, ends=ENDS, **more):
    return tshark.Packet(frame, stream, completeness, ends, community=NAME, **more)


def row(frame, stream=0, completeness=7, packets=(2, 1), client=CLIENT, name=NAME):
    return {"flow_id": f"c1f{frame}", "tcp_stream": str(stream), "completeness": str(completeness), "community_id": name,
            "client_ip": client[0], "client_port": client[1], "server_ip": SERVER[0], "server_port": SERVER[1],
            "client_pkts": str(packets[0]), "server_pkts": str(packets[1])}


OPEN = [packet(1), packet(2), packet(3)]
BOTH = OPEN + [packet(4, 1, 1, MORE)]
ROWS = [row(1), row(4, 1, 1, (1, 0), OTHER)]
QUOTED = OPEN + [packet(4, quoted=True)]
STUB = OPEN + [packet(4, stub=True)]
REUSED = OPEN + [packet(4, 1, 5), packet(5, 1, 5)]
LATE = [row(1, packets=(2, 2)), row(4, 1, 5, (1, 0))]


LONE = [tshark.Fragment(9, MORE)]
PART = [tshark.Fragment(9, ENDS, 0)]
LATE_PART = [tshark.Fragment(9, ENDS, 1)]


def faults(rows, packets, fragments=()):
    return len(tshark.compare(rows, tshark.Answer(packets, fragments)).faults)


def used(rows, packets, fragments=()):
    return dict(+tshark.compare(rows, tshark.Answer(packets, fragments)).used)


def cells(**more):
    given = {"frame.number": "9", "frame.protocols": "eth:ethertype:ip:tcp", "tcp.stream": "4", "tcp.completeness": "31",
             "ip.src": "10.0.0.1", "ip.dst": "10.0.0.2", "ipv6.src": "", "ipv6.dst": "", "tcp.srcport": "40000",
             "tcp.dstport": "80", "tcp.hdr_len": "20", "tcp.len": "0", "tcp.urgent_pointer": "0", "communityid": NAME,
             "ip.proto": "6", "ip.flags.mf": "0", "ip.frag_offset": "0", "ip.reassembled_in": "", "ipv6.fraghdr.nxt": "",
             "ipv6.fraghdr.offset": "", "ipv6.fraghdr.more": "", "ipv6.reassembled.in": "", "data.data": ""}
    names = {name.replace(".", "_"): name for name in given}
    return {**given, **{names[name]: value for name, value in more.items()}}


def part(newest=None, **more):
    """What is made of a fragment that tshark shows as data."""
    data = {"tcp_stream": "", "ip_flags_mf": "1", "data_data": "9c4000500000"}
    return tshark.fragment_of({**cells(**{**data, **more})}, newest or {})


SIX = {"ip_src": "", "ip_dst": "", "ipv6_src": "fe80::1", "ipv6_dst": "fe80::2", "ip_proto": "", "ip_flags_mf": "",
       "ip_frag_offset": "", "frame_protocols": "eth:ethertype:ipv6:ipv6.fraghdr:data"}
TUNNEL = list(tshark.packets_of(cells(ip_src="9.9.9.9,10.0.0.1", ip_dst="8.8.8.8,10.0.0.2")))[0]
CASES = (
    ("what is equal is found equal", not faults(ROWS, BOTH)),
    ("a wrong number", faults([row(1, 1), row(4, 0, 1, (1, 0), OTHER)], BOTH)),
    ("a number that tshark does not have", faults([row(1), row(4, 2, 1, (1, 0), OTHER)], BOTH)),
    ("no number", faults([row(1, ""), ROWS[1]], BOTH)),
    ("a wrong bit", faults([row(1, completeness=15), ROWS[1]], BOTH)),
    ("a row too few", faults(ROWS[:1], BOTH)),
    ("a row too many", faults([*ROWS, row(9, "", 0, (1, 0))], BOTH)),
    ("a row of a fragment", not faults([*ROWS, row(9, "", 0, (1, 0), OTHER)], BOTH, LONE)),
    ("a row of a fragment with a number", faults([*ROWS, row(9, 0)], BOTH, LONE)),
    ("a fragment in a stream's row", not faults([row(1, packets=(3, 1))], OPEN, PART)),
    ("and is counted as that", used([row(1, packets=(3, 1))], OPEN, PART) == {"fragment": 1}),
    ("a fragment that no row has", faults([row(1)], OPEN, PART)),
    ("a fragment that is two to us", faults([row(1, packets=(4, 1))], OPEN, PART)),
    ("a late fragment", not faults([row(1, packets=(3, 1)), row(4, 1, 5)], [*OPEN, packet(4, 1, 5), packet(5, 1, 5),
                                                                         packet(6, 1, 5)], LATE_PART)),
    ("a fragment told from its frame", part() == tshark.Fragment(9, ENDS)),
    ("and its stream", part({ENDS: 4}) == tshark.Fragment(9, ENDS, 4)),
    ("a fragment of IPv6", part(**SIX, ipv6_fraghdr_nxt="6", ipv6_fraghdr_offset="0", ipv6_fraghdr_more="1")),
    ("not its second one", not part(**SIX, ipv6_fraghdr_nxt="6", ipv6_fraghdr_offset="8", ipv6_fraghdr_more="1")),
    ("not the only one", not part(**SIX, ipv6_fraghdr_nxt="6", ipv6_fraghdr_offset="0", ipv6_fraghdr_more="0")),
    ("no fragment", not part(ip_flags_mf="0")),
    ("a second fragment", not part(ip_frag_offset="8")),
    ("a fragment of UDP", not part(ip_proto="17")),
    ("a fragment of a whole datagram", not part(ip_reassembled_in="10")),
    ("a quoted fragment", not part(frame_protocols="eth:ip:icmp:ip:data")),
    ("a fragment without ports", not part(data_data="9c40")),
    ("a fragment that tshark shows", not part(tcp_stream="4")),
    ("which is no stub", not list(tshark.packets_of(cells(tcp_len="", ip_flags_mf="1")))[0].stub),
    ("as is a segment without a length", list(tshark.packets_of(cells(tcp_len="")))[0].stub),
    ("a packet too many", faults([row(1, packets=(3, 1)), ROWS[1]], BOTH)),
    ("a packet too few", faults([row(1, packets=(1, 1)), ROWS[1]], BOTH)),
    ("a wrong Community ID", faults([row(1, name="1:x"), ROWS[1]], BOTH)),
    ("a quoted header is no packet of ours", not faults(ROWS[:1], QUOTED)),
    ("and is counted as that", used(ROWS[:1], QUOTED) == {"icmp-quote": 1}),
    ("a quoted header that we count", faults([row(1, packets=(3, 1))], QUOTED)),
    ("a stub is no packet of ours", not faults(ROWS[:1], STUB) and used(ROWS[:1], STUB) == {"stub": 1}),
    ("a late segment in the older row", not faults(LATE, REUSED)),
    ("and is counted as that", used(LATE, REUSED) == {"late-to-older": 2}),
    ("a late segment in neither row", faults([row(1), LATE[1]], REUSED)),
    ("a late segment in both rows", faults([LATE[0], row(4, 1, 5, (2, 0))], REUSED)),
    ("a late segment of another tuple", faults([row(1, packets=(2, 2)), row(4, 1, 1, (0, 0), OTHER)], BOTH)),
    ("a stream without a row", not faults([row(1, packets=(3, 2))], REUSED)),
    ("and is counted as that", "no-row" in used([row(1, packets=(3, 2))], REUSED)),
    ("a stream without a row and its packets nowhere", faults(ROWS[:1], REUSED)),
    ("the innermost addresses", TUNNEL.ends == ENDS),
    ("a header that is quoted", list(tshark.packets_of(cells(frame_protocols="eth:ip:icmp:ip:tcp")))[0].quoted),
    ("a header that is cut", list(tshark.packets_of({**cells(), "tcp.urgent_pointer": ""}))[0].stub),
    ("a data offset below 5", list(tshark.packets_of({**cells(), "tcp.hdr_len": "16"}))[0].stub),
    ("no TCP", not list(tshark.packets_of(cells(tcp_stream="")))),
    ("a frame of a merged capture", tshark.Batch("", [(1, "a"), (4, "b")]).part(4) == ("b", 1)),
    ("the frame before it", tshark.Batch("", [(1, "a"), (4, "b")]).part(3) == ("a", 3)),
)

if __name__ == "__main__":
    sys.exit(report.tell_all((words, bool(found)) for words, found in CASES))
