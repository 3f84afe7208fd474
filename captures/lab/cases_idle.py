# SPDX-License-Identifier: MIT
"""Scenarios of liveness: connections that wait, are probed, or die while nobody closes them."""

import socket
import time

from bench import exchange, read_all, reset
from cases import case
from steps import CLEAN, read_exactly, without_timestamps


def small_reader(sock):
    """Room for little to read (the kernel doubles it), and for much to write."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100000)


def probe_idle(bench, sock, idle=1, interval=1, count=3):
    """Keepalive on this connected socket, in seconds."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    served = sock.getpeername()[1] >= 40000  # a client's port
    for option, value in (("TCP_KEEPIDLE", idle), ("TCP_KEEPINTVL", interval), ("TCP_KEEPCNT", count)):
        sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        bench.option("server" if served else "client", sock.getsockname()[1] if served else 0, option, value)


def ask_and_part(pairs):
    """Each asks once more and closes, the client first."""
    for client, server in pairs:
        exchange(client, server)
        client.close()
        read_all(server)
        server.close()
        time.sleep(.05)


@case("idle/rec_keepalive",
      "Idle connections are probed every second or two and answer; then they are used again and close.",
      says={**CLEAN, "server.TcpExtTCPKeepAlive": ">= 10", "client.TcpExtTCPKeepAlive": ">= 5"},
      bench={"delay": .005}, client_view=True)
def keepalive(bench):
    """5 ms each way. Probes once a second by the server on ports 40001, 40002 (IPv6) and 40004 (no timestamps), by
    the client on 40003 (IPv6), by both on 40005; 40006 is idle without any. After 6.5 s each asks once more and
    closes."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = []
    for port in range(40001, 40007):
        with without_timestamps(bench, port == 40004):
            client, server = bench.pair(six if port in (40002, 40003) else four, port)
        exchange(client, server)
        if port not in (40003, 40006):
            probe_idle(bench, server)
        if port in (40003, 40005):
            probe_idle(bench, client)
        pairs.append((client, server))
        time.sleep(.05)
    time.sleep(6.5)
    ask_and_part(pairs)
    bench.bystander("*")
    bench.intend([40001, 40002, 40003, 40004, 40005], "keepalive_probe", at="certain")
    bench.intend(40006, "keepalive_probe", at="-")
    bench.intend(list(range(40001, 40007)), "keepalive_dead", at="-")


@case("idle/rec_keepalive_both",
      "Both ends of idle connections probe, the server every second and the client every two: so some probes come right behind "
      "an answer to the other's.",
      says={**CLEAN, "server.TcpExtTCPKeepAlive": ">= 12", "client.TcpExtTCPKeepAlive": ">= 6"}, client_view=True,
      bench={"delay": .005})
def keepalive_both(bench):
    """5 ms each way. Ports 40001 (IPv6), 40002, 40003 (no timestamps). After 7 s each asks once more and closes."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = []
    for port in range(40001, 40004):
        with without_timestamps(bench, port == 40003):
            client, server = bench.pair(six if port == 40001 else four, port)
        exchange(client, server)
        probe_idle(bench, server)
        probe_idle(bench, client, idle=2, interval=2)
        pairs.append((client, server))
        time.sleep(.05)
    time.sleep(7)
    ask_and_part(pairs)
    bench.bystander("*")
    bench.intend([40001, 40002, 40003], "keepalive_probe", at="certain")
    bench.intend([40001, 40002, 40003], "keepalive_dead", at="-")


@case("idle/rec_zero_window",
      "A reader stops reading: its window closes, the sender probes it, until the reader reads again or goes away.",
      says={"client.TcpExtTCPFromZeroWindowAdv": ">= 1", "server.TcpExtTCPFromZeroWindowAdv": ">= 2",
            "server.TcpExtTCPAbortOnClose": "== 1"}, bench={"delay": .002}, client_view=True)
def zero_window(bench):
    """2 ms each way, receive buffers of 8 kB. Port 40001, and 40005 without timestamps: the client sends 40 kB, which
    the server reads 6 s later. Port 40002 (IPv6): the other way round. Port 40003: the client sends 40 kB and calls
    close() at once: its FIN waits behind the closed window for 6 s. Port 40004: as 40003, but then the server closes
    without reading, and resets."""
    four, six = bench.listen(setup=small_reader), bench.listen(v6=True, setup=small_reader)
    pairs = {}
    for port in range(40001, 40006):
        with without_timestamps(bench, port == 40005):
            pairs[port] = client, server = bench.pair(six if port == 40002 else four, port, setup=small_reader)
        exchange(client, server)
        time.sleep(.1)
        (server if port == 40002 else client).sendall(b"a lot of data, really\n" * 1800)
        if port in (40003, 40004):
            client.close()
    time.sleep(6)
    pairs[40004][1].close()
    for port in (40001, 40002, 40003, 40005):
        writer, reader = pairs[port][::-1] if port == 40002 else pairs[port]
        writer.close()
        read_all(reader)
        time.sleep(.1)
        reader.close()
    bench.intend([40001, 40002, 40003, 40005], "close_four_way", at="certain")
    bench.intend(40004, "close_rst_active", at="certain")
    bench.intend(40004, "rst_unread_data", at="probable")
    bench.also(40004, "rst_active_close")
    bench.intend(list(range(40001, 40006)), "zero_window_stall", at="certain")
    bench.intend(list(range(40001, 40006)), "persist_timeout", at="-")


@case("idle/rec_persist_dead",
      "A reader stops reading and then its host vanishes: nothing answers the probes of its window, the sender gives up.",
      says={"server.TcpExtTCPAbortOnTimeout": "== 2", "server.TcpExtTCPToZeroWindowAdv": "== 0",
            "server.TcpExtTCPWinProbe": ">= 8", "server.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_retries2",),
      bench={"delay": .002, "server_sysctl": {"net.ipv4.tcp_retries2": 4}}, linger=1.0)
def persist_dead(bench):
    """2 ms each way, receive buffers of 8 kB, tcp_retries2=4 at the server. The server sends 40 kB on each port and the
    client does not read. Ports 40001 and 40002 (IPv6): once the window is closed the client's host drops everything
    that comes. Port 40003: only for 0.7 s, after 5 s the client reads, and all is well. Port 40004: 12 s later, as
    usual."""
    four, six = bench.listen(setup=small_reader), bench.listen(v6=True, setup=small_reader)
    pairs = [bench.pair(six if port == 40002 else four, port, setup=small_reader) for port in (40001, 40002, 40003)]
    for client, server in pairs:
        exchange(client, server)
        server.sendall(b"a lot of data, really\n" * 1800)
    time.sleep(.6)
    with bench.client.filtering("tcp dport { 40001, 40002 }"):
        with bench.client.filtering("tcp dport 40003"):
            time.sleep(.7)
        time.sleep(4)
        client, server = pairs[2]
        server.close()
        read_all(client)
        time.sleep(.1)
        client.close()
        time.sleep(12)
    late_client, late_server = bench.pair(four, 40004)
    exchange(late_client, late_server)
    late_client.close()
    read_all(late_server)
    late_server.close()
    bench.intend([40001, 40002], "persist_timeout", at="probable")
    bench.intend([40001, 40002, 40003], "zero_window_stall", at="certain")
    bench.intend(40003, "persist_timeout", at="-")
    bench.bystander(40004)
    bench.intend(40003, "close_four_way", at="certain")
    bench.intend([40001, 40002], "close_timeout_silent", at="probable")


@case("idle/rec_nagle_delack",
      "Requests written in two parts: Nagle's algorithm holds the second until the delayed ACK of the first.",
      says={**CLEAN, "server.TcpExtDelayedACKs": ">= 10", "client.TcpExtDelayedACKs": ">= 5"})
def nagle_delack(bench):
    """Ten rounds on each port. 40001, 40002 (IPv6) and 40003 (no timestamps): the client writes a request in two
    parts without TCP_NODELAY; each round stalls for 40 ms. Port 40004 (IPv6): the server writes its answers so. Near
    misses: 40005 has TCP_NODELAY, 40006 writes each request in one part, and 40007 writes two parts and never waits
    for an answer."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in range(40001, 40008):
        with without_timestamps(bench, port == 40003):
            client, server = bench.pair(six if port in (40002, 40004) else four, port)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, port == 40005)
        for _ in range(10):
            talk_in_parts(client, server, port)
        client.close()
        read_all(server)
        server.close()
        time.sleep(.1)
    bench.bystander("*")
    bench.intend([40001, 40002, 40003, 40004], "nagle_delack_stall", at="probable")
    bench.intend([40005, 40006, 40007], "nagle_delack_stall", at="-")


def talk_in_parts(client, server, port):
    """One round: a request of 300 bytes and its answer of 200, each in the parts that the port stands for."""
    whole = port in (40004, 40006)
    for size in (300,) if whole else (100, 200):
        client.sendall(b"q" * size)
    read_exactly(server, 300)
    if port == 40007:
        return
    for size in (80, 120) if port == 40004 else (200,):
        server.sendall(b"a" * size)
    read_exactly(client, 200)


@case("reset/rec_user_timeout",
      "Data is repeated without an answer and the kernel gives the connection up: "
      "no FIN, no RST, nothing marks the end.",
      says={"server.TcpExtTCPAbortOnTimeout": "== 4", "server.TcpOutRsts": "== 1", "client.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_retries2",), bench={"server_sysctl": {"net.ipv4.tcp_retries2": 4}})
def user_timeout(bench):
    """After an exchange the client's host drops everything that comes, and the server sends news. Ports 40001 and
    40002 (IPv6): TCP_USER_TIMEOUT is 3 s. Ports 40003 and 40004: tcp_retries2=4. Port 40005: the client's host hears
    again after 1 s, the news arrives, and the connection closes as usual. 20 s later the client asks again on port
    40004, and the server does not know it any more."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = [bench.pair(six if port == 40002 else four, port) for port in range(40001, 40006)]
    for client, server in pairs:
        exchange(client, server)
    for _, server in pairs[:2]:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 3000)
    time.sleep(.3)
    with bench.client.filtering("tcp dport { 40001, 40002, 40003, 40004 }"):
        with bench.client.filtering("tcp dport 40005"):
            for _, server in pairs:
                server.sendall(b"news\n")
            time.sleep(1)
        time.sleep(1)
        client, server = pairs[4]
        client.recv(4096)
        client.close()
        read_all(server)
        server.close()
        time.sleep(18)
    pairs[3][0].sendall(b"another question\n")
    bench.intend([40001, 40002, 40003], "close_timeout_silent", at="certain")
    bench.intend(40004, "rst_no_socket", at="certain")
    bench.intend(40004, "close_rst_reply", at="certain")
    bench.also(40004, "half_open_discovered")
    bench.intend([40001, 40002, 40003, 40004], "rto_ladder_established", at="certain")
    bench.bystander(40005)


@case("reset/rec_gave_up",
      "Data is repeated without an answer until the application loses patience and resets the connection.",
      says={"server.TcpOutRsts": "== 4", "server.TcpExtTCPAbortOnTimeout": "== 0", "client.TcpOutRsts": "== 0"})
def gave_up(bench):
    """After an exchange the server sends news and closes 4 s later with SO_LINGER 0. Ports 40001 and 40002 (IPv6): the
    client's host drops everything that comes. Port 40003: for half a second only, and the news arrives. Port 40004: the
    news arrives at once. Port 40010 is ordinary."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = [bench.pair(six if port == 40002 else four, port) for port in (40001, 40002, 40003, 40004, 40010)]
    for client, server in pairs:
        exchange(client, server)
    with bench.client.filtering("tcp dport { 40001, 40002 }"):
        with bench.client.filtering("tcp dport 40003"):
            for _, server in pairs[:4]:
                server.sendall(b"news\n")
            time.sleep(.5)
        time.sleep(3.5)
        for _, server in pairs[:4]:
            reset(server)
        time.sleep(.3)
    client, server = pairs[4]
    client.close()
    read_all(server)
    server.close()
    bench.intend([40001, 40002], "rst_retry_exhausted", at="probable")
    bench.intend([40001, 40002], "rto_ladder_established", at="certain")
    bench.intend([40003, 40004], "rst_active_close", at="probable")
    bench.intend([40001, 40002, 40003, 40004], "close_rst_active", at="certain")
    bench.also([40003, 40004], "rst_linger0")
    bench.bystander(40010)
