# SPDX-License-Identifier: MIT
"""Scenarios of resets: which end sent it, and why.

Linux has two shapes.  A reply to a segment that fits no socket is a bare RST: no timestamps,
window 0, IP ID 0.  An active reset, decided by the application or by a timer, is RST|ACK and
looks like any other segment of its socket.
"""

import socket
import time

from bench import SERVICE, Injector, exchange, read_all, reset
from cases import case

IP_TTL_OF_FORGER = 37


@case("reset/rec_listener_closed",
      "The service dies with connections waiting in its accept queue: each of them is reset, later SYNs are refused.",
      says={"server.TcpOutRsts": ">= 8", "client.TcpEstabResets": "== 6", "client.TcpAttemptFails": "== 2"})
def listener_closed(bench):
    """Ports 40001 to 40004, and 40005 and 40006 over IPv6, are connected and never accepted when the listeners close;
    40002, 40004 and 40006 have sent a request. Ports 40007 and 40008 (IPv6) connect afterwards."""
    four, six = bench.listen(), bench.listen(v6=True)
    clients = [bench.dial(port, v6=port > 40004) for port in range(40001, 40007)]
    for client in clients[1::2]:
        client.sendall(b"question\n")
    time.sleep(.5)
    bench.fact("the listeners close")
    four.close()
    six.close()
    time.sleep(.5)
    for port in (40007, 40008):
        bench.dial(port, v6=port == 40008, wait=0).close()
    for client in clients:
        client.close()


@case("reset/rec_linger0",
      "One end closes with SO_LINGER 0: a reset instead of a FIN, with nothing left unread.",
      says={"server.TcpOutRsts": "== 3", "client.TcpOutRsts": "== 1"}, nanoseconds=False)
def linger0(bench):
    """Ports 40001 and 40002 (IPv6): the server resets right after its answer was received. Port 40003: the server
    resets before a word was said. Port 40004: the client resets after the answer."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002), (four, 40003), (four, 40004)):
        client, server = bench.pair(listener, port)
        if port != 40003:
            exchange(client, server)
        time.sleep(.1)
        reset(client if port == 40004 else server)
        time.sleep(.1)
        client.close()
        server.close()


@case("reset/rec_unread_data",
      "The server answers and closes without having read the whole request: the kernel resets the connection.",
      says={"server.TcpExtTCPAbortOnClose": "== 3", "server.TcpOutRsts": "== 3", "client.TcpOutRsts": "== 0"})
def unread_data(bench):
    """Ports 40001 and 40002 (IPv6): the client sends 4000 bytes, the server reads 100, answers and closes. Port 40003:
    the server closes without reading or answering at all. Port 40004: the server reads everything, an ordinary
    close."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, reads in ((four, 40001, 100), (six, 40002, 100), (four, 40003, 0), (four, 40004, 8000)):
        client, server = bench.pair(listener, port)
        client.sendall(b"request " * 500)
        time.sleep(.1)
        if reads:
            server.recv(reads)
            server.sendall(b"413 too large\n")
        time.sleep(.1)
        server.close()
        time.sleep(.1)
        if port == 40004:
            read_all(client)  # or the client would reset in its turn
        client.close()


@case("reset/rec_data_after_close",
      "The server closed and the client goes on sending: every further segment is answered by a bare RST.",
      says={"server.TcpOutRsts": ">= 3", "client.TcpEstabResets": "== 3"},
      bench={"delay": .02}, client_view=True)
def data_after_close(bench):
    """20 ms each way. Ports 40001 and 40002 (IPv6): the client sends 0.3 s after the server's FIN, which it has
    acknowledged. Port 40003: its data crosses the FIN. Port 40004: it only closes, an ordinary close."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, pause in ((four, 40001, .3), (six, 40002, .3), (four, 40003, 0), (four, 40004, .3)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        server.close()
        time.sleep(pause)
        if port != 40004:
            client.sendall(b"one more question\n")
        time.sleep(.2)
        client.close()


@case("reset/rec_keepalive_dead",
      "The peer vanished; the server's keepalive probes stay unanswered and it resets the connection.",
      says={"server.TcpExtTCPKeepAlive": ">= 9", "server.TcpExtTCPAbortOnTimeout": "== 2", "server.TcpOutRsts": "== 2"})
def keepalive_dead(bench):
    """TCP_KEEPIDLE 2, TCP_KEEPINTVL 1, TCP_KEEPCNT 3 at the server. Ports 40001 and 40002 (IPv6): after the exchange
    the client's host drops everything that comes. Port 40003: the client lives and answers three probes, then
    closes."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = []
    for listener, port in ((four, 40001), (six, 40002), (four, 40003)):
        client, server = bench.pair(listener, port)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3)):
            server.setsockopt(socket.IPPROTO_TCP, option, value)
        exchange(client, server)
        pairs.append((client, server))
    with bench.client.filtering("tcp dport { 40001, 40002 }"):
        time.sleep(7)
    pairs[2][0].close()
    pairs[2][1].close()


@case("reset/rec_half_open_discovered",
      "The client's host lost its connections without a word; the server finds out when it sends, and gets RST.",
      says={"client.TcpOutRsts": ">= 3", "server.TcpEstabResets": "== 2"})
def half_open_discovered(bench):
    """After an exchange the client forgets ports 40001, 40002 and 40003 (IPv6) as a crashed host does. The server
    pushes data one second later (40001 and 40003), or closes (40002), and the client's kernel answers by RST."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = [bench.pair(listener, port) for listener, port in ((four, 40001), (four, 40002), (six, 40003))]
    for client, server in pairs:
        exchange(client, server)
    time.sleep(.3)
    for client, _ in pairs:
        bench.forget(client)
    bench.fact("the client forgot its three connections")
    time.sleep(1)
    for (_, server), closes in zip(pairs, (False, True, False)):
        if closes:
            server.close()
        else:
            server.sendall(b"news\n")
        time.sleep(.1)


@case("reset/rec_forged",
      "Somebody else sends resets in the client's name: far out of the window, inside it, and at last exact.",
      says={"server.TcpExtTCPChallengeACK": "== 1", "server.TcpEstabResets": "== 1", "client.TcpOutRsts": "== 0"})
def forged(bench):
    """TTL 37 where the client has 64, IP ID 0. Port 40001: a reset 100000000 bytes beyond the window is ignored; the
    connection goes on and closes. Port 40002: a reset 100 bytes inside the window draws a challenge ACK; the
    connection goes on and closes. Port 40003: an exact reset kills the server's socket; the client's next data draws
    RST."""
    listener = bench.listen()
    injector = Injector(bench)
    for port, ahead in ((40001, 100000000), (40002, 100), (40003, 0)):
        client, server = bench.pair(listener, port)
        injector.drain()
        client.sendall(b"question\n")
        heard = injector.hear("A", sport=port, length=9)
        server.recv(4096)
        time.sleep(.3)
        injector.send(heard.src, port, heard.dst, SERVICE, "R", heard.next_seq + ahead, ttl=IP_TTL_OF_FORGER, window=0)
        bench.fact(f"forged RST for port {port}, {ahead} bytes ahead")
        time.sleep(.3)
        client.sendall(b"question\n")
        if port == 40003:
            time.sleep(.2)
            client.close()
            server.close()
            continue
        exchange(client, server)
        client.close()
        read_all(server)
        server.close()
        time.sleep(.1)
    injector.close()
