# SPDX-License-Identifier: MIT
"""Scenarios of how packets travel: inside of other packets, and in pieces.

The traffic is ordinary, and nothing of it may turn into a symptom.
"""

import socket
import time

from bench import run
from cases import case
from cases_path import ALL
from steps import CLEAN, CLOSES, ask, converse

UNFRAGMENTED = {"net.ipv4.ip_no_pmtu_disc": 1}  # hosts that do not set DF
PIECE = 576  # MTU of the router's link towards the server
QUESTION = b"q" * 2999 + b"\n"  # three segments, each of them in three fragments


@case("tunnel/rec_vxlan",
      "The network between both hosts is a VXLAN, and the capture was taken below it.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 2"}, bench={"vxlan": 42}, snaplen=126,
      capture_filter="udp port 4789")
def vxlan(bench):
    """VNI 42. Port 40001: the client closes first; 40002: the server."""
    four = bench.listen()
    for port, shape in ((40001, "client"), (40002, "server")):
        client, server = bench.pair(four, port)
        converse(client, server, shape)
        time.sleep(.05)
    bench.bystander([40001, 40002])
    bench.intend([40001, 40002], "handshake_complete", **ALL)
    bench.intend([40001, 40002], "close_four_way", **ALL)


def play_fragments(bench):
    with bench.middle:
        run("ip", "link", "set", "m1", "mtu", str(PIECE))
    four = bench.listen()
    for port, shape in ((40001, "client"), (40002, "server")):
        client, server = bench.pair(four, port)
        client.sendall(QUESTION)
        server.recv(len(QUESTION), socket.MSG_WAITALL)
        ask(client, server)
        CLOSES[shape](client, server, .05)
        time.sleep(.05)
    bench.bystander([40001, 40002])
    bench.intend([40001, 40002], "handshake_complete", **ALL)
    bench.intend([40001, 40002], "close_four_way", **ALL)


@case("tunnel/rec_fragments",
      "A router cuts the client's full segments into IP fragments, which the server's host puts together.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 2"},
      bench={"router": True, "client_sysctl": UNFRAGMENTED, "server_sysctl": UNFRAGMENTED}, snaplen=600)
def fragments(bench):
    """The router's link towards the server has an MTU of 576, and the hosts leave DF clear. Port 40001: a question of
    3000 bytes, then the client closes first; 40002: the server."""
    play_fragments(bench)


@case("tunnel/rec_fragments_cut",
      "A router cuts the client's full segments into IP fragments, of which the capture kept only the first bytes.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 2"},
      bench={"router": True, "client_sysctl": UNFRAGMENTED, "server_sysctl": UNFRAGMENTED}, snaplen=96)
def fragments_cut(bench):
    """The router's link towards the server has an MTU of 576, and the hosts leave DF clear. Port 40001: a question of
    3000 bytes, then the client closes first; 40002: the server."""
    play_fragments(bench)
