# SPDX-License-Identifier: MIT
"""Scenarios whose router tracks connections, and says at the end in which state it left each."""
import re
import socket
import time

from bench import SERVICE, reset
from cases import case
from steps import ask, close_client_first, close_server_first, try_refused

CLOSED = 8081  # nobody listens
SILENT = 8082  # the server's host drops what comes
TRACKING = """table inet track {
chain c {
type filter hook forward priority 0; policy accept;
ct state established counter
}
}
"""
ENTRY = re.compile(r"^ipv\d .* tcp +6 \d+ ([A-Z_0-9]+) src=\S+ dst=\S+ sport=(\d+) ", re.M)


def tracked(bench):
    """The router's entries: (client port, state), in order of ports."""
    with bench.middle, open("/proc/thread-self/net/nf_conntrack", encoding="ascii") as file:
        return sorted((int(port), state) for state, port in ENTRY.findall(file.read()))


@case("view/rec_conntrack",
      "A router tracks connections: one for each state in which a connection can be left, and one that leaves no entry.",
      says={"server.TcpPassiveOpens": "== 7", "server.TcpOutRsts": ">= 2", "server.TcpRetransSegs": "== 0"},
      bench={"router": True})
def conntrack(bench):
    """Port 40001: the client closes first, 40002: the server; 40003: left open, 40004 (IPv6): likewise, nothing was said.
    40005: the client closed its direction, the server goes on. 40006: likewise by the server. 40007: the server resets
    it. 40008: refused. 40009: the server's host drops the SYNs."""
    bench.middle.nft(TRACKING)
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = {port: bench.pair(six if port == 40004 else four, port) for port in range(40001, 40008)}
    for port, (client, server) in pairs.items():
        if port != 40004:
            ask(client, server, 60)
    time.sleep(.1)
    close_client_first(*pairs[40001], .1)
    close_server_first(*pairs[40002], .1)
    pairs[40005][0].shutdown(socket.SHUT_WR)
    pairs[40006][1].shutdown(socket.SHUT_WR)
    reset(pairs[40007][1])
    try_refused(bench, 40008, CLOSED)
    with bench.server.filtering(f"tcp dport {SILENT}"):
        bench.dial(40009, to=SILENT, wait=0)
        time.sleep(.4)
        bench.truth("conntrack: " + " ".join(f"{port} {state}" for port, state in tracked(bench)))
    bench.bystander(range(40001, 40007))
    bench.intend(40007, "rst_active_close", at="probable")
    bench.also(40007, "close_rst_active", "rst_linger0")
    bench.intend(40008, "rst_refused", at="certain")
    bench.also(40008, "handshake_refused_rst")
    bench.bystander(40009)
