# SPDX-License-Identifier: MIT
"""Scenarios of closing: who says FIN first, what gets lost, and what happens to a peer that never closes."""

import socket
import time

import wire
from bench import exchange, read_all
from cases import case

CLEAN = {"server.TcpRetransSegs": "== 0", "client.TcpRetransSegs": "== 0"}


@case("close/rec_four_way",
      "The client closes first, the server acknowledges that and closes 60 to 250 ms later.",
      says={**CLEAN, "client.TcpActiveOpens": "== 4"}, nanoseconds=False)
def four_way(bench):
    """Ports 40001 (60 ms), 40002 (250 ms), 40003 (IPv6, 100 ms): the client calls close(), so the last ACK comes from a
    time-wait mini-socket (IP ID 0). Port 40004 (120 ms): the client calls shutdown(SHUT_WR) and keeps its socket."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, pause, orphan in ((four, 40001, .06, True), (four, 40002, .25, True),
                                          (six, 40003, .10, True), (four, 40004, .12, False)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        if orphan:
            client.close()
        else:
            client.shutdown(socket.SHUT_WR)
        read_all(server)
        time.sleep(pause)
        server.close()
        time.sleep(.1)
        client.close()


@case("close/rec_server_first",
      "The server closes first; two clients take their time, two close at once, in three segments.",
      says={**CLEAN, "client.TcpActiveOpens": "== 4"})
def server_first(bench):
    """Ports 40001 and 40002 (IPv6): the client closes 80 ms after the server's FIN. Ports 40003 and 40004: the client
    closes within the delayed-ACK time, so that its FIN carries the acknowledgment of the server's."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, pause in ((four, 40001, .08), (six, 40002, .08), (four, 40003, 0), (four, 40004, 0)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        if not pause:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        server.close()
        read_all(client)
        time.sleep(pause)
        client.close()
        time.sleep(.15)


@case("close/rec_simultaneous",
      "Both ends send FIN before either has received the other's, so both pass through CLOSING.",
      says={**CLEAN, "server.TcpExtTW": ">= 3"}, bench={"delay": .03}, client_view=True)
def simultaneous(bench):
    """The wire delays 30 ms each way. Ports 40001, 40002 and 40003 (IPv6): both applications close() in the same
    instant; port 40004: the server closes 15 ms after the client, still before the client's FIN arrives."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, pause in ((four, 40001, 0), (four, 40002, 0), (six, 40003, 0), (four, 40004, .015)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        time.sleep(.15)  # both directions acknowledged and idle
        client.close()
        time.sleep(pause)
        server.close()
        time.sleep(.2)


@case("close/rec_half_close",
      "One end closes its direction and goes on receiving for a second: a legal half-close.",
      says={**CLEAN, "client.TcpActiveOpens": "== 4"})
def half_close(bench):
    """Ports 40001 and 40002 (IPv6): the client shuts down its sending side, the server sends five more parts 200 ms
    apart and closes. Ports 40003 and 40004: the other way round, the server shuts down and the client goes on."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, client_first in ((four, 40001, True), (six, 40002, True),
                                         (four, 40003, False), (four, 40004, False)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        first, second = (client, server) if client_first else (server, client)
        first.shutdown(socket.SHUT_WR)
        for _ in range(5):
            time.sleep(.2)
            second.sendall(b"one more part\n" * 10)
        second.close()
        read_all(first)
        first.close()
        time.sleep(.1)


@case("close/rec_fin_lost",
      "The first FIN is lost once; its sender repeats it about 0.2 s later and the close completes.",
      says={"client.TcpRetransSegs": "== 4", "server.TcpRetransSegs": "== 1"}, bench={"delay": 0}, client_view=True)
def fin_lost(bench):
    """Port 40001: the client's FIN is dropped behind the server's tap (seen, never received). Port 40002: it is lost on
    the wire before the tap. Port 40003: the server's FIN is lost on the wire behind the tap; the server closes
    first. Port 40004 (IPv6): the client's FIN is lost before the tap, twice."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = wire.any_of(wire.drop_first(1, "FA", sport=40002), wire.drop_first(1, "FA", dport=40003),
                                     wire.drop_first(2, "FA", sport=40004))
    with bench.server.filtering("tcp sport 40001 tcp flags & fin == fin", first=1):
        for listener, port in ((four, 40001), (four, 40002), (four, 40003), (six, 40004)):
            client, server = bench.pair(listener, port)
            exchange(client, server)
            first, second = (server, client) if port == 40003 else (client, server)
            first.close()
            read_all(second)
            time.sleep(.1)
            second.close()
            time.sleep(.7)


@case("close/rec_last_ack_lost",
      "The last ACK is lost; the passive closer repeats its FIN from LAST_ACK and time-wait acknowledges it again.",
      says={"server.TcpRetransSegs": ">= 2", "client.TcpRetransSegs": ">= 1"}, bench={"delay": 0}, client_view=True)
def last_ack_lost(bench):
    """The client closes first on ports 40001 (last ACK lost on the wire before the tap), 40002 (dropped behind the
    server's tap) and 40003 (IPv6, on the wire). On port 40004 the server closes first and its last ACK, sent from
    time-wait, is lost on the wire behind the tap."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (four, 40002), (six, 40003), (four, 40004)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        first, second = (server, client) if port == 40004 else (client, server)
        first.close()
        read_all(second)
        time.sleep(.1)
        lose_last_ack(bench, port, second)
        time.sleep(1.2)


def lose_last_ack(bench, port, second):
    """Close the second end, and lose the ACK that this draws."""
    if port == 40002:
        with bench.server.filtering("tcp sport 40002"):
            second.close()
            time.sleep(.1)
        return
    side = "dport" if port == 40004 else "sport"
    bench.relay.policy = wire.drop_first(1, "A", **{side: port})
    second.close()


@case("close/rec_fin_unacked",
      "The peer vanished: the closing end repeats its FIN without an answer and gives up in silence.",
      says={"server.TcpRetransSegs": ">= 12", "server.TcpExtTCPAbortOnTimeout": ">= 3"},
      sysctls=("net.ipv4.tcp_orphan_retries",), bench={"server_sysctl": {"net.ipv4.tcp_orphan_retries": 3}})
def fin_unacked(bench):
    """tcp_orphan_retries=3 at the server. After a normal exchange the client's host drops everything that comes; the
    server closes on ports 40001, 40002 and 40003 (IPv6). After 8 s the sockets are gone and nothing on the wire says
    so."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = [bench.pair(listener, port) for listener, port in ((four, 40001), (four, 40002), (six, 40003))]
    for client, server in pairs:
        exchange(client, server)
    time.sleep(.3)
    with bench.client.filtering("tcp sport 8080"):
        for _, server in pairs:
            server.close()
            time.sleep(.3)
        time.sleep(8)


@case("close/rec_fin_wait2_timeout",
      "The server closed, its FIN_WAIT2 expired after 4 s, and what the client sends later is answered by RST.",
      says={"server.TcpOutRsts": "== 3"}, bench={"server_sysctl": {"net.ipv4.tcp_fin_timeout": 4}})
def fin_wait2_timeout(bench):
    """tcp_fin_timeout=4 at the server. Port 40001 and 40002 (IPv6): the client sends data after 7 s. Port 40003: the
    client closes after 7 s, its FIN is reset. Port 40004: the client closes after 2 s, in time."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = [bench.pair(listener, port) for listener, port in ((four, 40001), (six, 40002), (four, 40003), (four, 40004))]
    for client, server in pairs:
        exchange(client, server)
        server.close()
    time.sleep(2)
    pairs[3][0].close()
    time.sleep(5)
    pairs[0][0].sendall(b"too late\n")
    pairs[1][0].sendall(b"too late\n")
    pairs[2][0].close()


@case("close/rec_close_wait_leak",
      "Six clients close and the server never does: its sockets stay in CLOSE_WAIT for more than a minute.",
      says={**CLEAN, "client.TcpActiveOpens": "== 7"}, limit=100)
def close_wait_leak(bench):
    """Ports 40001 to 40006 (40006 is IPv6), 200 ms apart: the client reads its answer and closes, the server
    acknowledges the FIN and forgets to close. Port 40010, 68 s later, is a connection served and closed as it
    should."""
    four, six = bench.listen(), bench.listen(v6=True)
    leaked = []
    for port in range(40001, 40007):
        client, server = bench.pair(six if port == 40006 else four, port)
        exchange(client, server)
        client.close()
        leaked.append(server)
        time.sleep(.2)
    time.sleep(68)
    client, server = bench.pair(four, 40010)
    exchange(client, server)
    client.close()
    server.close()
    bench.fact(f"the server still holds {len(leaked)} sockets whose peers closed")
