# SPDX-License-Identifier: MIT
"""Scenarios in which every ladder ends and the capture goes on: what a kernel was set to can be read off exactly."""

import contextlib
import socket
import time

from bench import NEIGHBOUR, SERVICE, Injector, exchange, read_all
from cases import case
from cases_blackhole import SILENT
from cases_handshake import SYN_OPTIONS
from cases_idle import probe_idle
from steps import finish

DEFERRED = 8082  # port of the listener that defers


def defer(bench, port, seconds):
    """A setup for listen(): TCP_DEFER_ACCEPT."""
    bench.option("server", port, "TCP_DEFER_ACCEPT", seconds)
    return lambda sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, seconds)


@case("host/rec_settings",
      "Two hosts with settings of their own: each ladder runs to its end while the capture goes on, "
      "so that each setting can be told from the traffic.",
      says={"client.TcpExtTCPSynRetrans": "== 18", "client.TcpAttemptFails": ">= 2",
            "server.TcpExtTCPAbortOnTimeout": "== 4", "server.TcpExtTCPKeepAlive": ">= 6"},
      sysctls=("net.ipv4.tcp_orphan_retries",), client_view=True, limit=130,
      bench={"delay": .002, "client_sysctl": {"net.ipv4.tcp_syn_retries": 5},
             "server_sysctl": {"net.ipv4.tcp_synack_retries": 3, "net.ipv4.tcp_orphan_retries": 4,
                               "net.ipv4.tcp_fin_timeout": 7}})
def settings(bench):
    """tcp_syn_retries=5 at the client; tcp_synack_retries=3, tcp_orphan_retries=4, tcp_fin_timeout=7 at the server.
    Ports 40001 and 40002 (IPv6) try a port whose SYNs a firewall behind the server's tap drops, for 67 s. Ports 40003
    and 40004 are hand-made SYNs from a silent address. Ports 40005 and 40006
    (IPv6): the server closes and nothing reaches the client any more. Ports 40007 to 40010 (even ones IPv6): the
    server closes; the client closes after 6.95 s, and after 8 s. Ports 40011 and 40012 (IPv6): keepalive of 3 s, 2 s
    and 3 probes at port 8081, and the client is gone. Port 40013: TCP_DEFER_ACCEPT=5 at port 8082 and a silent client.
    Ports 40020 to 40026 are ordinary."""
    four, six = bench.listen(), bench.listen(v6=True)
    guarded = {False: bench.listen(NEIGHBOUR), True: bench.listen(NEIGHBOUR, v6=True)}
    deferring = bench.listen(DEFERRED, setup=defer(bench, DEFERRED, 5))
    for port in range(40020, 40026):  # how both kernels number their packets
        finish(*bench.pair(six if port % 2 else four, port))
    time.sleep(1.5)
    injector = Injector(bench)
    with contextlib.ExitStack() as filters:
        filters.enter_context(bench.server.filtering(f"tcp dport {SILENT}"))
        trying = [bench.dial(port, to=SILENT, v6=port == 40002, wait=0) for port in (40001, 40002)]
        for port in (40003, 40004):
            injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", 1000 * port, options=SYN_OPTIONS, ip_id=port)
        vanish(bench, filters, four, six, guarded)
        quiet = bench.dial(40013, to=DEFERRED)
        leave_late(bench, four, six)
        finish(quiet, bench.accept(deferring, 40013))
        time.sleep(72)
        for sock in trying:
            sock.close()
        finish(*bench.pair(four, 40026))
    injector.close()
    mean(bench)


def vanish(bench, filters, four, six, guarded):
    """The client's end of four connections hears nothing any more; two of them are closed by the server."""
    left = {port: bench.pair(six if port == 40006 else four, port) for port in (40005, 40006)}
    for port in (40011, 40012):
        left[port] = bench.pair(guarded[port == 40012], port)
        probe_idle(bench, left[port][1], idle=3, interval=2, count=3)
    for client, server in left.values():
        exchange(client, server)
    time.sleep(.3)
    filters.enter_context(bench.client.filtering("tcp dport { 40005, 40006, 40011, 40012 }"))
    for port in (40005, 40006):
        left[port][1].close()


def leave_late(bench, four, six):
    """The server closes four connections, and the clients just before and just after tcp_fin_timeout."""
    left = {port: bench.pair(four if port % 2 else six, port) for port in range(40007, 40011)}
    for client, server in left.values():
        exchange(client, server)
    for port in left:
        left[port][1].close()
    start = time.time()
    for port, instant in ((40007, 6.95), (40008, 6.95), (40009, 8), (40010, 8)):
        time.sleep(max(0, start + instant - time.time()))
        left[port][0].close()
    time.sleep(1)


def mean(bench):
    """What each connection is."""
    bench.intend((40001, 40002), "handshake_no_answer", "certain")
    bench.intend((40001, 40002), "close_handshake_failed", "certain")
    bench.intend((40001, 40002), "syn_drop_firewall", "possible")
    bench.intend((40003, 40004), "handshake_half_open", server="certain", client="possible")
    bench.also((40003, 40004), "synack_ladder_no_ack")
    bench.intend((40005, 40006), "close_fin_unacked", at="certain")
    bench.intend((40009, 40010), "close_fin_wait2_timeout", at="probable")
    bench.also((40009, 40010), "rst_no_socket")
    bench.intend((40011, 40012), "rst_keepalive_timeout", at="certain")
    bench.intend((40011, 40012), "close_rst_active", at="certain")
    bench.intend((40011, 40012), "keepalive_dead", at="certain")
    bench.intend(40013, "synack_defer_accept", at="certain")
    bench.bystander((40007, 40008, *range(40020, 40027)))


@case("host/rec_settings_timers",
      "A retransmission timer that stops to double at one second, and a client that takes its only port again and "
      "again while it is in TIME_WAIT.",
      says={"client.TcpExtTWRecycled": "== 6", "server.TcpExtTCPTimeouts": ">= 6", "server.TcpOutRsts": "== 0"},
      limit=60, bench={"server_sysctl": {"net.ipv4.tcp_rto_max_ms": 1000, "net.ipv4.tcp_rto_min_us": 100000},
                       "client_sysctl": {"net.ipv4.tcp_tw_reuse": 1, "net.ipv4.ip_local_port_range": "40001 40001"}})
def timers(bench):
    """tcp_rto_min_us=100000 and tcp_rto_max_ms=1000 at the server. Port 40002: the client's host hears nothing for 6 s
    while the server sends its answer again and again, which then arrives. Meanwhile the client, tcp_tw_reuse=1 and one
    ephemeral port, 40001, connects seven times, closes first each time and comes back 1.3 s later."""
    listener = bench.listen()
    cut, answering = bench.pair(listener, 40002)
    exchange(cut, answering)
    with bench.client.filtering("tcp dport 40002"):
        cut.sendall(b"question\n")
        answering.recv(4096)
        answering.sendall(b"answer\n")
        start = time.time()
        for _ in range(4):
            finish(*bench.pair(listener, 0))
            time.sleep(1.3)
        time.sleep(max(0, start + 6 - time.time()))
    cut.recv(4096)
    for _ in range(3):
        finish(*bench.pair(listener, 0))
        time.sleep(1.3)
    cut.close()
    read_all(answering)
    answering.close()
    bench.intend(40002, "rto_ladder_established", "certain")
    bench.intend([f"40001#{n}" for n in range(2, 8)], "time_wait_reuse_client", "certain")
    bench.bystander("40001#1")
