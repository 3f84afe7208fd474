# SPDX-License-Identifier: MIT
"""Scenarios of openings that come to nothing: a dead way there or back, routers that refuse, whole SYN ladders."""

import contextlib
import errno
import socket
import time

import wire
from bench import SERVICE, run
from cases import case
from steps import finish, give_up, try_refused

CLOSED, SILENT, FORBIDDEN = 8089, 8090, 8091  # ports: nobody listens, SYNs vanish, a firewall refuses


@case("handshake/rec_synack_never",
      "The way back is dead: every SYN is answered, no SYN+ACK ever arrives, both ends give up.",
      says={"client.TcpAttemptFails": "== 4", "server.TcpExtTCPSynRetrans": ">= 20", "server.TcpPassiveOpens": "== 2"},
      bench={"delay": 0, "client_sysctl": {"net.ipv4.tcp_syn_retries": 2},
             "server_sysctl": {"net.ipv4.tcp_synack_retries": 2}}, client_view=True, limit=40)
def synack_never(bench):
    """tcp_syn_retries=2 and tcp_synack_retries=2. The wire loses every SYN+ACK to ports 40001 and 40002 (IPv6); the
    client's firewall drops those to 40003 and 40004 (IPv6) behind the client's tap. Port 40005 is lost on the wire
    too, and its application gives up after 2.5 s. Ports 40010 and 40011 are ordinary, at the beginning and the end."""
    listener = bench.listen()
    bench.listen(v6=True)
    bench.relay.policy = lambda segment: wire.DROP if segment.dport in (40001, 40002, 40005) else None
    with bench.client.filtering("tcp dport { 40003, 40004 }"):
        waiting = [bench.dial(port, v6=port % 2 == 0, wait=0) for port in (40001, 40002, 40003, 40004)]
        hasty = bench.dial(40005, wait=0)
        finish(*bench.pair(listener, 40010))
        give_up(bench, hasty, 40005, waiting)
        finish(*bench.pair(listener, 40011))
    bench.intend((40001, 40002, 40005), "synack_dup_answer", server="certain")
    bench.intend((40003, 40004), "synack_dup_answer", server="certain", client="certain")
    bench.intend((40001, 40002, 40005), "handshake_half_open", server="certain")
    bench.intend((40001, 40002, 40005), "handshake_no_answer", client="certain")
    bench.intend((40003, 40004), "handshake_half_open", server="certain", client="possible")
    bench.also(range(40001, 40006), "synack_ladder_no_ack")
    bench.bystander((40010, 40011))


@case("handshake/rec_ack_never",
      "The third ACK and all that follows is lost for good: the client is connected, the server never knows.",
      says={"server.TcpExtTCPSynRetrans": "== 18", "server.TcpPassiveOpens": "== 3", "server.TcpOutRsts": "== 0"},
      bench={"delay": 0, "server_sysctl": {"net.ipv4.tcp_synack_retries": 3}}, client_view=True, limit=40)
def ack_never(bench):
    """tcp_synack_retries=3: requests live 15 s. A firewall behind the server's tap drops everything from ports 40001
    (a silent client), 40002 and 40005 (IPv6; both send a request) but their SYNs. The wire loses the same of ports
    40003 (silent), 40004 (sends) and 40006 (IPv6, silent) before the tap. Nothing is wrong with the service: ports
    40010, 40011 and 40012, at the beginning, 5 s later and at the end, are ordinary."""
    four, six = bench.listen(), bench.listen(v6=True)
    del six
    bench.relay.policy = lambda s: wire.DROP if s.sport in (40003, 40004, 40006) and "S" not in s.flags else None
    with bench.server.filtering("tcp sport { 40001, 40002, 40005 } tcp flags & (syn|ack) == ack"):
        clients = {port: bench.dial(port, v6=port in (40005, 40006)) for port in range(40001, 40007)}
        finish(*bench.pair(four, 40010))
        for port in (40002, 40004, 40005):
            clients[port].sendall(b"question\n")
        time.sleep(5)
        finish(*bench.pair(four, 40011))
        time.sleep(12)
        finish(*bench.pair(four, 40012))
    bench.intend(range(40001, 40007), "handshake_half_open", server="certain", client="possible")
    bench.intend((40003, 40004, 40006), "synack_ladder_no_ack", server="certain")
    # From the client's side alone a full accept queue looks the same; 40010 and 40011 speak against a dead path.
    bench.also(range(40001, 40007), "synack_ladder_ack_path_loss")
    # 40005 is alone at its address: no other connection shows that the service is well.
    bench.intend((40001, 40002), "conntrack_invalid_drop", server="possible")
    bench.also(40005, "conntrack_invalid_drop")
    bench.bystander((40010, 40011, 40012))


def reach(bench, port, address, to=SERVICE):
    """Connect to any address and tell how it failed."""
    six = ":" in address
    sock = bench.socket(bench.client, six)
    sock.bind((bench.client6 if six else bench.client4, port))
    with contextlib.closing(sock):
        try:
            sock.connect((address, to))
        except OSError as error:
            bench.fact(f"connect() from port {port} to {address} failed: {errno.errorcode.get(error.errno, error)}")


@case("handshake/rec_blackhole_router",
      "A router swallows SYNs, or answers them by ICMP: host and network unreachable, administratively prohibited.",
      says={"client.TcpAttemptFails": "== 8", "server.TcpPassiveOpens": "== 1"}, snaplen=200,
      bench={"router": True, "delay": .003, "client_sysctl": {"net.ipv4.tcp_syn_retries": 2}},
      client_view=True, middle_view=True, limit=50)
def blackhole_router(bench):
    """tcp_syn_retries=2. Ports 40001 and 40002 (IPv6) try 8090, which the router's forward chain drops. 40003 and
    40004 (IPv6): a host behind the router that does not exist; the router says so after its own 3 s of asking. 40005
    and 40006 (IPv6): a network to which the router has no route. 40007 and 40008 (IPv6) try 8091, which the router
    rejects as administratively prohibited. Port 40010 is an ordinary connection through it. The server sees nothing
    of the first eight."""
    listener = bench.listen()
    with bench.middle.filtering(f"tcp dport {SILENT}", hook="forward"), \
         bench.middle.filtering(f"meta nfproto ipv4 tcp dport {FORBIDDEN}", "reject with icmp admin-prohibited",
                                hook="forward"), \
         bench.middle.filtering(f"meta nfproto ipv6 tcp dport {FORBIDDEN}", "reject with icmpv6 admin-prohibited",
                                hook="forward"):
        waiting = [bench.dial(40001, to=SILENT, wait=0), bench.dial(40002, to=SILENT, v6=True, wait=0)]
        try_refused(bench, 40007, FORBIDDEN)
        try_refused(bench, 40008, FORBIDDEN, v6=True)
        reach(bench, 40005, f"{bench.net4}.200")
        reach(bench, 40006, f"{bench.net6}:300")
        finish(*bench.pair(listener, 40010))
        reach(bench, 40003, f"{bench.net4}.110")
        with bench.middle:
            run("ip", "route", "replace", f"{bench.net6}:1aa/128", "dev", "m1")
        reach(bench, 40004, f"{bench.net6}:1aa")
        time.sleep(10)
        for sock in waiting:
            sock.close()
    bench.intend((40001, 40002), "handshake_no_answer", client="certain", middle="certain")
    bench.intend((40001, 40002), "syn_drop_firewall", client="possible", middle="possible")
    bench.intend(range(40003, 40009), "handshake_refused_icmp", client="certain", middle="certain")
    bench.bystander(40010)


@case("handshake/rec_refused_router",
      "Connections through a router are refused: by the host, where nobody listens, and by the router in the "
      "host's name.",
      says={"client.TcpAttemptFails": "== 5", "server.TcpOutRsts": "== 3", "server.TcpPassiveOpens": "== 2"},
      bench={"router": True, "delay": .003}, client_view=True, middle_view=True)
def refused_router(bench):
    """Ports 40001, 40002 (IPv6) and 40005 try 8089, where nobody listens: the host's RST has crossed the router, TTL
    63 at the client like all its segments. Ports 40003 and 40004 (IPv6) try 8091, which the router rejects by a TCP
    reset of its own: TTL 64, and the server never sees the SYN. Ports 40010 and 40011 (IPv6) are ordinary."""
    four, six = bench.listen(), bench.listen(v6=True)
    finish(*bench.pair(four, 40010))
    try_refused(bench, 40001, CLOSED)
    try_refused(bench, 40002, CLOSED, v6=True)
    with bench.middle.filtering(f"tcp dport {FORBIDDEN}", "reject with tcp reset", hook="forward"):
        try_refused(bench, 40003, FORBIDDEN)
        try_refused(bench, 40004, FORBIDDEN, v6=True)
    finish(*bench.pair(six, 40011))
    try_refused(bench, 40005, CLOSED)
    bench.intend((40001, 40002, 40005), "handshake_refused_rst", "certain")
    bench.intend((40001, 40002, 40005), "rst_refused", "certain")
    bench.intend((40003, 40004), "handshake_refused_rst", client="certain", middle="certain")
    bench.also((40003, 40004), "rst_refused", "rst_forged_or_middlebox")
    bench.bystander((40010, 40011))


@case("handshake/rec_no_route_back",
      "The server has no route back to one of its clients: the SYNs arrive and nothing is answered, while another client "
      "is served.",
      says={"server.TcpExtListenDrops": ">= 6", "server.TcpExtListenOverflows": "== 0", "server.TcpPassiveOpens": "== 3"},
      bench={"hosts": 2, "client_sysctl": {"net.ipv4.tcp_syn_retries": 1}}, limit=40)
def no_route_back(bench):
    """`ip route add unreachable` for host .2 on the server. Ports 40001 and 40002 of host .2 try 8080, 40003 tries 8081,
    all in vain. 40010 to 40012 are ordinary connections of host .1 before, meanwhile and after."""
    listener = bench.listen()
    bench.listen(8081)
    with bench.server:
        run("ip", "route", "add", "unreachable", bench.hosts4[1])
    finish(*bench.pair(listener, 40010))
    waiting = [bench.dial(port, to=to, src=bench.hosts4[1], wait=0)
               for port, to in ((40001, SERVICE), (40002, SERVICE), (40003, 8081))]
    time.sleep(2)
    finish(*bench.pair(listener, 40011))
    time.sleep(8)
    for sock in waiting:
        sock.close()
    finish(*bench.pair(listener, 40012))
    bench.intend((40001, 40002, 40003), "handshake_no_answer", "certain")
    bench.intend((40001, 40002), "syn_no_route_back", server="possible")
    # A filter for this source would look the same; and of 8081, which nobody else tried, nothing else is known.
    bench.also((40001, 40002), "syn_drop_firewall")
    bench.intend(40003, "syn_drop_firewall", "possible")
    bench.bystander((40010, 40011, 40012))


def mean_silent_port(bench):
    """Ports 40001 and 40003, while the host answers at 8080. Of the IPv6 address of 40002 nothing else was captured."""
    bench.intend((40001, 40003), "syn_drop_firewall", "possible")
    bench.intend(40002, "syn_to_dead_host", "possible")


def climb(bench, seconds):
    """Three clients and their whole ladder of SYNs to a silent port, ordinary connections meanwhile and after.

    After: no segment marks the end of a ladder, only a capture that goes on beyond the latest instant of it.
    """
    listener = bench.listen()
    with bench.server.filtering(f"tcp dport {SILENT}"):
        bench.dial(40001, to=SILENT, wait=0)
        bench.dial(40002, to=SILENT, v6=True, wait=0)
        bench.dial(40003, to=SILENT, wait=0, setup=lambda s: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 2))
        time.sleep(1)
        finish(*bench.pair(listener, 40010))
        time.sleep(seconds)
        finish(*bench.pair(listener, 40011))
    bench.intend((40001, 40002, 40003), "handshake_no_answer", "certain")
    bench.intend((40001, 40002, 40003), "close_handshake_failed", "certain")
    mean_silent_port(bench)
    bench.bystander((40010, 40011))


@case("handshake/rec_syn_ladder_full",
      "The classic ladder of SYNs to its end: 0, 1, 3, 7, 15, 31 s, and connect() fails after 63 s.",
      says={"client.TcpExtTCPSynRetrans": "== 12", "client.TcpAttemptFails": "== 3"}, limit=100,
      bench={"client_sysctl": {"net.ipv4.tcp_syn_linear_timeouts": 0, "net.ipv4.tcp_syn_retries": 5}})
def syn_ladder_full(bench):
    """tcp_syn_linear_timeouts=0 and tcp_syn_retries=5, as kernels before 6.5 do it. Ports 40001 and 40002 (IPv6) try
    8090, which the server's firewall drops behind the tap, to the end. Port 40003 has TCP_SYNCNT=2 and fails after 7
    s. Ports 40010 and 40011 reach the service on 8080 meanwhile and after."""
    climb(bench, 67)


@case("handshake/rec_syn_ladder_linear",
      "The ladder of SYNs of new kernels to its end: four linear steps of a second first, connect() fails after 131 s.",
      says={"client.TcpExtTCPSynRetrans": "== 25", "client.TcpAttemptFails": "== 3"}, limit=180)
def syn_ladder_linear(bench):
    """The kernel's defaults, tcp_syn_linear_timeouts=4 and tcp_syn_retries=6. Ports 40001 and 40002 (IPv6) try 8090,
    which the server's firewall drops behind the tap, to the end. Port 40003 has TCP_SYNCNT=2. Ports 40010 and
    40011 reach the service on 8080 meanwhile and after."""
    climb(bench, 152)
