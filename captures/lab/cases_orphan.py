# SPDX-License-Identifier: MIT
"""Scenarios of orphans: sockets that no process owns any more, and what the kernel does with them.

An orphan that waits for an acknowledgment is a full socket and counts against tcp_max_orphans; in
FIN_WAIT2 and TIME_WAIT it is a mini-socket and counts against tcp_max_tw_buckets.
"""

import contextlib
import socket
import subprocess
import time

from bench import exchange, read_all
from cases import case
from steps import pairs_that_talked, without_timestamps


@case("close/rec_fin_ladder_full",
      "The peer vanished: by default an orphan repeats its FIN for almost two minutes and then disappears in silence.",
      says={"server.TcpExtTCPAbortOnTimeout": "== 2", "server.TcpRetransSegs": ">= 27", "server.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_orphan_retries", "net.ipv4.tcp_retries2"), limit=160)
def fin_ladder_full(bench):
    """tcp_orphan_retries=0, the default. After an exchange the client's host drops everything that comes. Ports 40001
    and 40002 (IPv6): the server calls close(). Port 40003: it calls shutdown(SHUT_WR) and keeps its socket, which is
    no orphan and goes on after the others are gone."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = pairs_that_talked(bench, (four, 40001), (six, 40002), (four, 40003))
    with bench.client.filtering("tcp sport 8080"):
        pairs[0][1].close()
        pairs[1][1].close()
        pairs[2][1].shutdown(socket.SHUT_WR)
        time.sleep(132)
    bench.intend([40001, 40002], "close_fin_unacked", at="certain")
    bench.intend(40003, "close_fin_unacked", at="probable")


@case("close/rec_killed",
      "A process is killed: the kernel closes its sockets, by FIN, or by RST where data was left unread.",
      says={"server.TcpExtTCPAbortOnClose": "== 2", "server.TcpOutRsts": "== 2", "client.TcpOutRsts": "== 2"})
def killed(bench):
    """SIGKILL. Ports 40001 and 40002 (IPv6): the server's process, which had read everything; the client closes 0.2 s
    later. Ports 40003 and 40004 (IPv6): the server's process, before it read the request. Ports 40005 and 40006
    (IPv6): the client's process, while it waits for the answer, which comes 0.2 s later and is reset."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in range(40001, 40007):
        client, server = bench.pair(four if port % 2 else six, port)
        if port < 40003:
            exchange(client, server)
        else:
            client.sendall(b"question\n")
        with owner(server if port < 40005 else client) as process:
            if port >= 40005:
                server.recv(4096)
            time.sleep(.1)
            process.kill()
        bench.fact(f"the process that held the {'server' if port < 40005 else 'client'}'s end of {port} was killed")
        time.sleep(.2)
        if port >= 40005:
            server.sendall(b"answer\n")
            time.sleep(.1)
        for end in (client, server):
            end.close()
        time.sleep(.1)
    bench.intend([40001, 40002], "close_four_way", at="certain")
    bench.intend([40003, 40004], "rst_unread_data", at="probable")
    bench.intend([40003, 40004], "close_rst_active", at="certain")
    bench.intend([40005, 40006], "rst_data_after_close", at="certain")
    bench.also([40005, 40006], "close_half_then_rst")


@contextlib.contextmanager
def owner(sock):
    """Another process owns this socket, alone, and does nothing with it."""
    process = subprocess.Popen(["sleep", "30"], pass_fds=[sock.fileno()])
    try:
        sock.close()
        yield process
    finally:
        process.kill()
        process.wait()


@case("reset/rec_orphan_limit",
      "More orphans than tcp_max_orphans: a socket that is closed now sends FIN and, in the same instant, RST.",
      says={"server.TcpExtTCPAbortOnMemory": "== 5", "server.TcpOutRsts": "== 5"}, alone=True)
def orphan_limit(bench):
    """Ports 40001 to 40003, and 40004 over IPv6: the client's host drops what comes, the server closes: four orphans.
    Then tcp_max_orphans is 1 while the server closes 40005, 40006, 40007 (IPv6), 40008 (no timestamps) and 40009,
    and 40010, whose client had closed first and acknowledges too soon for an orphan. The limit is lifted, the client
    hears again, and the four finish by their repeated FINs."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = {}
    for port in range(40001, 40011):
        with without_timestamps(bench, port == 40008):
            pairs[port] = bench.pair(six if port in (40004, 40007) else four, port)
        exchange(*pairs[port])
    pairs[40010][0].close()
    read_all(pairs[40010][1])
    time.sleep(.1)
    with bench.client.filtering("tcp dport { 40001, 40002, 40003, 40004 }"):
        for port in range(40001, 40005):
            pairs[port][1].close()
        time.sleep(.3)  # the kernel counts its orphans ten times a second
        with bench.host_sysctl({"net.ipv4.tcp_max_orphans": 1}):
            bench.fact("tcp_max_orphans is 1")
            for port in range(40005, 40011):
                pairs[port][1].close()
        bench.fact("tcp_max_orphans is what it was")
        time.sleep(.7)
    time.sleep(1.5)
    for port in range(40001, 40010):
        pairs[port][0].close()
    bench.intend([40001, 40002, 40003, 40004], "close_fin_retry", at="certain")
    bench.intend(list(range(40005, 40010)), "close_rst_both_fin", at="certain")
    bench.intend(list(range(40005, 40010)), "rst_orphan_limit", at="probable")
    bench.bystander(40010)


@case("reset/rec_tw_overflow",
      "No room for another time-wait socket: the server forgets what it closed, and resets the client's FIN.",
      says={"server.TcpExtTCPTimeWaitOverflow": "== 6", "server.TcpOutRsts": "== 5"},
      sysctls=("net.ipv4.tcp_max_tw_buckets",), bench={"server_sysctl": {"net.ipv4.tcp_max_tw_buckets": 2}})
def tw_overflow(bench):
    """tcp_max_tw_buckets=2 at the server, which closes first. Ports 40001 and 40002 (IPv6) fill the table; their
    clients close 0.1 s later, as do those of 40003, 40004 (IPv6), 40005 and 40006 (no timestamps), whose FIN finds
    no socket. Port 40007: the client sends data instead of closing. Port 40008: the client closes at once and its FIN
    carries the acknowledgment of the server's, which needs no FIN_WAIT2. Port 40009: the client closes first."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in range(40001, 40010):
        with without_timestamps(bench, port == 40006):
            client, server = bench.pair(six if port in (40002, 40004) else four, port)
        exchange(client, server)
        time.sleep(.1)
        if port == 40008:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        first, second = (client, server) if port == 40009 else (server, client)
        first.close()
        read_all(second)
        time.sleep(0 if port == 40008 else .1)
        if port == 40007:
            client.sendall(b"one more question\n")
            time.sleep(.1)
        second.close()
        time.sleep(.1)
    forgotten = [40003, 40004, 40005, 40006]
    bench.intend(forgotten, "rst_tw_overflow", server="probable", client="possible", middle="probable")
    bench.also(forgotten, "close_rst_both_fin", "close_rst_reply")
    bench.intend(40007, "rst_data_after_close", at="certain")
    bench.also(40007, "close_half_then_rst")
    bench.bystander([40001, 40002, 40008, 40009])


@case("reset/rec_linger2",
      "TCP_LINGER2 below zero: the closing end does not wait in FIN_WAIT2, "
      "it resets as soon as its FIN is acknowledged.",
      says={"server.TcpOutRsts": "== 5", "server.TcpExtTCPAbortOnLinger": ">= 1"})
def linger2(bench):
    """Ports 40001, 40002 (IPv6) and 40003 (no timestamps): TCP_LINGER2 is -1 and the server calls close(): its FIN is
    acknowledged, and that ACK is answered by RST. Port 40004: the client's FIN carries the acknowledgment. Port
    40005: the server calls shutdown(SHUT_WR), and close() 0.2 s later: an active reset. Port 40006: TCP_LINGER2 is 5
    seconds and the client closes in time."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in range(40001, 40007):
        with without_timestamps(bench, port == 40003):
            client, server = bench.pair(six if port == 40002 else four, port)
        exchange(client, server)
        time.sleep(.1)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 5 if port == 40006 else -1)
        if port == 40004:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        if port == 40005:
            server.shutdown(socket.SHUT_WR)
            time.sleep(.2)
        server.close()
        with contextlib.suppress(ConnectionResetError):
            read_all(client)
        time.sleep(0 if port == 40004 else .2)
        client.close()
        time.sleep(.1)
    bench.intend([40001, 40002, 40003, 40004, 40005], "close_rst_both_fin", at="certain")
    bench.intend([40001, 40002, 40003, 40004], "rst_linger2", server="probable", client="possible", middle="probable")
    # An active reset in FIN_WAIT2: SO_LINGER 0 after shutdown() looks the same.
    bench.also(40005, "rst_active_close", "rst_linger2")
    bench.bystander(40006)
