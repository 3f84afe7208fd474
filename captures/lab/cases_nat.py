# SPDX-License-Identifier: MIT
"""Scenarios of address translation: one connection under two pairs of addresses.

The router's capture, on all its devices at once, holds every connection twice; the server's holds it once, as the server's
kernel does.  So the two must give the same numbers.
"""

import contextlib
import socket
import threading
import time

from bench import NEIGHBOUR, SERVICE, read_all
from cases import case
from cases_path import ALL
from steps import CLEAN, ask, converse

PUBLISHED, PROXY, FULL = 80, 3128, 8082  # ports of the router that stand for the server; the one that nobody serves

RULES = """table inet translation {{
 chain before {{ type nat hook prerouting priority -100; policy accept;
  iifname m0 meta nfproto ipv4 tcp dport {published} dnat ip to {server4}:{service}
  iifname m0 meta nfproto ipv6 tcp dport {published} dnat ip6 to [{server6}]:{service}
 }}
 chain after {{ type nat hook postrouting priority 100; policy accept;
  oifname m1 tcp sport {{ 40001, 40002, 40004, 40005, 40006, 40007 - 40012 }} masquerade
 }}
}}
"""


def sides(bench):
    """(router's IPv4 towards the client, its IPv6; the same towards the server)"""
    return f"{bench.net4}.62", f"{bench.net6}:fe", f"{bench.net4}.65", f"{bench.net6}:1fe"


def dial(bench, port, address, to):
    """A client's connection to the router."""
    client = bench.socket(bench.client, ":" in address)
    client.bind((bench.client6 if ":" in address else bench.client4, port))
    client.connect((address, to))
    return client


def proxy(bench, address, outside):
    """A program on the router that opens a connection of its own for each that it takes, once."""
    listener = bench.socket(bench.middle)
    listener.bind((address, PROXY))
    listener.listen(4)

    def relay():
        near = listener.accept()[0]
        far = bench.socket(bench.middle)
        far.bind((outside, 40021))
        far.connect((bench.server4, SERVICE))
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=relay, daemon=True).start()


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@case("view/rec_nat_router",
      "A router translates addresses, and what was captured on all its devices holds every connection twice.",
      says={"server.TcpPassiveOpens": "== 8", "server.TcpOutRsts": "== 1", "server.TcpExtListenOverflows": "> 3"},
      bench={"router": True}, router_view=True, snaplen=104)
def nat_router(bench):
    """capture.pcap is the server's, router.pcap the router's. Port 40001 and 40002 (IPv6): the router puts its own
    address in the client's place (masquerade). 40003: the client asks the router's port 80, which stands for the
    server's 8080. 40004 (IPv6): both. 40005: nobody listens on the port 8081. 40006: the server closes first. 40007
    to 40012: a queue of two places that nobody empties, four SYNs find no place. 40020: a proxy on the router, which
    is no translation: it opens a connection of its own."""
    near4, near6, far4, far6 = sides(bench)
    bench.middle.nft(RULES.format(published=PUBLISHED, service=SERVICE, server4=bench.server4, server6=bench.server6))
    four, six = bench.listen(), bench.listen(v6=True)
    conversations = ((40001, four, bench.server4, SERVICE, "client"), (40002, six, bench.server6, SERVICE, "client"),
                     (40003, four, near4, PUBLISHED, "client"), (40004, six, near6, PUBLISHED, "three"),
                     (40006, four, bench.server4, SERVICE, "server"))
    for port, listener, address, to, shape in conversations:
        client = dial(bench, port, address, to)
        converse(client, listener.accept()[0], shape)
        time.sleep(.05)
    with contextlib.suppress(ConnectionRefusedError):
        bench.dial(40005, to=NEIGHBOUR)
    proxy(bench, near4, far4)
    client = dial(bench, 40020, near4, PROXY)
    server = four.accept()[0]
    ask(client, server)
    client.close()
    read_all(server)
    server.close()
    bench.listen(FULL, backlog=1)
    for port in range(40007, 40013):
        bench.dial(port, to=FULL, wait=0)
        time.sleep(.05)
    time.sleep(3.3)
    intend(bench)


def intend(bench):
    near4, _, far4, far6 = sides(bench)
    masked = [f"{far4}:40001", f"[{far6}]:40002", f"[{far6}]:40004", f"{far4}:40006", f"{far4}:40007", f"{far4}:40008"]
    published = f"{bench.client4}:40003"  # its kernel's own connection is the first, which the server does not see
    bench.translated(masked + [f"{published}#2"])
    bench.intend(masked + [f"{published}#2", f"{far4}:40021"], "handshake_complete", **ALL)
    bench.intend(f"{far4}:40005", "handshake_refused_rst", **ALL)
    bench.also(f"{far4}:40005", "rst_refused")
    dropped = [f"{far4}:{port}" for port in range(40009, 40013)]
    bench.intend(dropped, "handshake_no_answer", **ALL)
    bench.also(dropped, "syn_drop_accept_full")
    bench.also(f"listener:{FULL}", "overflow_interval")
    # What the client's kernel has passed the router only.
    ports = [*range(40001, 40013), 40020]
    bench.bystander([f"[{bench.client6}]:{port}" if port in (40002, 40004) else f"{bench.client4}:{port}" for port in ports])
    bench.bystander(f"{near4}:{PROXY}")
