# SPDX-License-Identifier: MIT
"""Scenarios of closing: who says FIN first, what gets lost, and what happens to a peer that never closes."""

import contextlib
import socket
import time

import wire
from bench import exchange, read_all
from cases import case
from steps import CLEAN, close_client_first, pairs_that_talked, without_timestamps

OTHER = {"server": "client", "client": "server"}


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
    bench.intend("*", "close_four_way", at="certain")


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
    bench.intend([40001, 40002], "close_four_way", at="certain")
    bench.intend([40003, 40004], "close_three_way", at="certain")


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
    bench.intend("*", "close_simultaneous_both", at="certain")


@case("close/rec_simultaneous_lost",
      "Both ends send FIN unaware of the other's, and segments of the close are lost: one end alone goes through CLOSING.",
      says={"server.TcpRetransSegs": ">= 3", "client.TcpRetransSegs": ">= 2", "server.TcpOutRsts": "== 0"},
      bench={"delay": .03}, client_view=True)
def simultaneous_lost(bench):
    """The wire delays 30 ms each way. Ports 40001 and 40002 (IPv6): the server's FIN is lost on the wire, the client's,
    0.15 s later, in the server's firewall behind the tap; the server's next copy finds the client in FIN_WAIT1, so
    the client alone goes through CLOSING. Port 40003: both close in the same instant, and what the client says
    afterwards is lost before the server's tap: both go through CLOSING, the server sees only its own."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002), (four, 40003)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        time.sleep(.15)  # both directions acknowledged and idle
        with bench.server.filtering(f"tcp sport {port} tcp flags & fin == fin", first=1) if port != 40003 \
                else contextlib.nullcontext():
            bench.relay.policy = wire.drop_first(1, "FA", dport=port) if port != 40003 \
                else lambda segment: wire.DROP if segment.is_("A", sport=40003) else None
            server.close()
            time.sleep(0 if port == 40003 else .15)
            client.close()
            time.sleep(1.5)
        bench.relay.policy = lambda segment: None
    bench.intend((40001, 40002), "close_simultaneous_one", server="certain", client="certain")
    bench.intend(40003, "close_fin_crossing", server="probable")
    bench.intend(40003, "close_simultaneous_both", client="certain")
    bench.also((40001, 40002, 40003), "close_fin_retry", "close_last_ack_lost", "close_fin_unacked",
               "close_simultaneous_both", "close_fin_crossing")


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
    bench.intend("*", "close_half", at="certain")


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
            close_client_first(*((server, client) if port == 40003 else (client, server)), .1)
            time.sleep(.7)
    bench.intend(40001, "close_fin_retry", at="certain")
    # What was lost before a tap leaves nothing there but an ordinary close that took longer.
    for port, seen_by in ((40002, "client"), (40003, "server"), (40004, "client")):
        bench.intend(port, "close_fin_retry", **{seen_by: "certain"})
        bench.intend(port, "close_four_way", **{OTHER[seen_by]: "certain"})


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
    bench.intend("*", "close_last_ack_lost", server="certain", client="probable")


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
    pairs = pairs_that_talked(bench, (four, 40001), (four, 40002), (six, 40003))
    with bench.client.filtering("tcp sport 8080"):
        for _, server in pairs:
            server.close()
            time.sleep(.3)
        time.sleep(8)
    bench.intend("*", "close_fin_unacked", at="certain")


@case("close/rec_fin_wait2_timeout",
      "The server closed, its FIN_WAIT2 expired after 4 s, and what the client sends later is answered by RST.",
      says={"server.TcpOutRsts": "== 3"}, bench={"server_sysctl": {"net.ipv4.tcp_fin_timeout": 4}})
def fin_wait2_timeout(bench):
    """tcp_fin_timeout=4 at the server. Port 40001 and 40002 (IPv6): the client sends data after 7 s. Port 40003: the
    client closes after 7 s, its FIN is reset. Port 40004: the client closes after 2 s, in time."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = [bench.pair(six if port == 40002 else four, port) for port in range(40001, 40005)]
    for client, server in pairs:
        exchange(client, server)
        server.close()
    time.sleep(2)
    pairs[3][0].close()
    time.sleep(5)
    pairs[0][0].sendall(b"too late\n")
    pairs[1][0].sendall(b"too late\n")
    pairs[2][0].close()
    # Whether FIN_WAIT2 had expired makes no difference to late data: an orphan resets it either way.
    bench.intend([40001, 40002], "rst_data_after_close", at="certain")
    bench.also([40001, 40002], "close_half_then_rst", "close_fin_wait2_timeout")
    bench.intend(40003, "close_fin_wait2_timeout", at="probable")
    bench.also(40003, "rst_no_socket")
    bench.bystander(40004)


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
    # The state is certain; that nobody will ever close is the reading.
    bench.intend(list(range(40001, 40007)), "close_wait_leak", at="probable")
    bench.bystander(40010)


@case("close/rec_fin_ack_lost",
      "The ACK of the first FIN is lost, so the FIN is repeated although it had arrived.",
      says={"client.TcpRetransSegs": "== 3", "server.TcpRetransSegs": "== 2"}, bench={"delay": 0}, client_view=True)
def fin_ack_lost(bench):
    """The client closes first on ports 40001, 40004 (IPv6), 40005 and 40006 (no timestamps), and the server's ACK is
    lost on the wire behind the server's tap. The server closes first on ports 40002 and 40003, and the client's ACK
    is lost on the wire before the server's tap (40002) or dropped behind it (40003). The second end closes 0.6 s
    later; on port 40005 it closes after 80 ms, so that its FIN carries the acknowledgment that was lost."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in range(40001, 40007):
        with without_timestamps(bench, port == 40006):
            client, server = bench.pair(six if port == 40004 else four, port)
        exchange(client, server)
        time.sleep(.1)  # every byte is acknowledged: the next bare ACK is that of the FIN
        first, second = (server, client) if port in (40002, 40003) else (client, server)
        with losing_next_ack(bench, port, first is client):
            first.close()
            read_all(second)
            time.sleep(.08 if port == 40005 else .6)
        second.close()
        time.sleep(.3)
    bench.intend([40001, 40002, 40003, 40004, 40006], "close_fin_retry", at="certain")
    bench.intend(40005, "close_four_way", server="certain")
    bench.intend(40005, "close_three_way", client="certain")


def losing_next_ack(bench, port, of_server):
    """One bare ACK of this flow gets lost: the server's or the client's."""
    if port == 40003:
        return bench.server.filtering("tcp sport 40003", first=1)
    bench.relay.policy = wire.drop_first(1, "A", **{"dport" if of_server else "sport": port})
    return contextlib.nullcontext()


@case("close/rec_second_fin_lost",
      "The FIN of the end that closes second is lost, once or for good, while the first waits in FIN_WAIT2.",
      says={"server.TcpRetransSegs": ">= 5", "client.TcpRetransSegs": ">= 14", "server.TcpOutRsts": "== 1"},
      sysctls=("net.ipv4.tcp_orphan_retries",), bench={
          "delay": 0, "server_sysctl": {"net.ipv4.tcp_fin_timeout": 4, "net.ipv4.tcp_orphan_retries": 3},
          "client_sysctl": {"net.ipv4.tcp_fin_timeout": 4, "net.ipv4.tcp_orphan_retries": 5}}, client_view=True)
def second_fin_lost(bench):
    """tcp_fin_timeout=4 at both ends, tcp_orphan_retries 3 at the server and 5 at the client. Lost once: the server's
    FIN behind the server's tap (40001, and 40007 without timestamps), the client's FIN before it (40002) or dropped
    right behind it (40003, IPv6). Lost for good: the client's FIN before the server's tap (40004, IPv6: nothing ever
    ends the server's FIN_WAIT2 but its timer), the server's behind it (40006). Port 40005: six copies of the
    client's FIN are lost, the seventh finds the server's FIN_WAIT2 expired and is reset."""
    four, six = bench.listen(), bench.listen(v6=True)
    losses = {40001: ("dport", 1), 40007: ("dport", 1), 40002: ("sport", 1),
              40004: ("sport", 99), 40005: ("sport", 6), 40006: ("dport", 99)}
    bench.relay.policy = wire.any_of()
    for port in (40001, 40007, 40002, 40003, 40004, 40005, 40006):
        with without_timestamps(bench, port == 40007):
            client, server = bench.pair(six if port in (40003, 40004) else four, port)
        exchange(client, server)
        first, second = (client, server) if port in (40001, 40006, 40007) else (server, client)
        first.close()
        read_all(second)
        time.sleep(.1)
        if port in losses:
            field, count = losses[port]
            bench.relay.policy = wire.any_of(bench.relay.policy, wire.drop_first(count, "FA", **{field: port}))
        with bench.server.filtering("tcp sport 40003 tcp flags & fin == fin", first=1):
            second.close()
            time.sleep(.8 if port < 40004 or port == 40007 else .1)
    time.sleep(16)
    intend_second_fin_lost(bench)


def intend_second_fin_lost(bench):
    bench.intend([40001, 40007], "close_fin_retry", server="certain")
    bench.intend([40001, 40007], "close_four_way", client="certain")
    bench.intend(40002, "close_four_way", server="certain")
    bench.intend(40002, "close_fin_retry", client="certain")
    bench.intend(40003, "close_fin_retry", at="certain")
    # A silent FIN_WAIT2 may have expired or not: one end sees only that nothing more came.
    bench.intend(40004, "close_none_open_at_end", server="certain")
    bench.intend(40004, "close_last_ack_stuck", client="certain")
    # The client's capture holds its FINs as well: they may have arrived, and been reset for another reason.
    bench.intend(40005, "close_fin_wait2_timeout", server="probable")
    bench.also(40005, "rst_no_socket", "close_rst_both_fin", "close_rst_reply")
    bench.intend(40006, "close_last_ack_stuck", server="certain")
    bench.intend(40006, "close_none_open_at_end", client="certain")


@case("close/rec_fin_behind_hole",
      "A segment in front of the server's FIN is lost behind the server's tap: the FIN, which arrived, takes effect when it was sent "
      "again.",
      says={"server.TcpRetransSegs": ">= 3", "client.TcpExtTCPOFOQueue": "> 0", "server.TcpOutRsts": "== 0", "client.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_sack",), bench={"delay": .03}, client_view=True)
def fin_behind_hole(bench):
    """30 ms each way. The server sends three segments and shuts down; the second is lost on the wire. The client has no selective
    acknowledgments at 40001 and 40002 (IPv6), where it waits for the segment until the server's timer sends it, and
    acknowledges what came before it when it speaks itself, 0.15 s after the FIN; it has them at 40003. It closes 0.5 s later."""
    four, six = bench.listen(), bench.listen(v6=True)
    sent = dict.fromkeys((40001, 40002, 40003), 0)

    def lose_second(segment):
        if segment.dport not in sent or segment.length < 1000:
            return None
        sent[segment.dport] += 1
        return wire.DROP if sent[segment.dport] == 2 else None
    bench.relay.policy = lose_second
    for port in (40001, 40002, 40003):
        bench.client.sysctl({"net.ipv4.tcp_sack": int(port == 40003)})
        client, server = bench.pair(six if port == 40002 else four, port)
        exchange(client, server)
        server.sendall(bytes(3400))
        server.shutdown(socket.SHUT_WR)
        time.sleep(.15)
        client.sendall(b"thanks\n")
        read_all(client)
        time.sleep(.5)
        client.close()
        read_all(server)
        server.close()
        time.sleep(.2)
    bench.intend((40001, 40002), "close_four_way", at="certain")
    bench.intend(40003, "close_half", at="certain")  # it speaks behind a FIN that it has


def lose(lost):
    """A policy that loses of each flow (source port, destination port) its payloads and FINs of these numbers: a set for each."""
    passed = dict.fromkeys(lost, 0)

    def policy(segment):
        flow = (segment.sport, segment.dport)
        if flow not in lost or not (segment.length or "F" in segment.flags):
            return None
        passed[flow] += 1
        return wire.DROP if passed[flow] in lost[flow] else None
    return policy


@case("close/rec_fin_echoed",
      "FINs behind two holes, and FINs whose first answer is lost: the time stamp that the first acknowledgment of the FIN echoes names "
      "the segment with which it took effect.",
      says={"server.TcpRetransSegs": ">= 6", "client.TcpRetransSegs": ">= 2", "server.TcpOutRsts": "== 0", "client.TcpOutRsts": "== 0"},
      bench={"delay": .03}, client_view=True)
def fin_echoed(bench):
    """30 ms each way; the client asks, the server answers. Ports 40001 and 40002 (IPv6): the server sends two segments, 40 ms later
    two more and its FIN; the first of each two is lost on the wire, and the second hole is filled while the acknowledgment of the
    first is under way. The client closes 0.5 s later. 40003 and 40004 (IPv6): the client closes as soon as the server's
    FIN has come; its FIN is lost, as is the FIN that the server repeats."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = lose({(8080, 40001): {2, 4}, (8080, 40002): {2, 4}, (8080, 40003): {3}, (40003, 8080): {2},
                               (8080, 40004): {3}, (40004, 8080): {2}})
    for port in range(40001, 40005):
        client, server = bench.pair(six if port in (40002, 40004) else four, port)
        exchange(client, server)
        if port < 40003:
            for wait in (.04, 0):
                server.sendall(bytes(1000))
                server.sendall(bytes(1000))
                time.sleep(wait)
        server.shutdown(socket.SHUT_WR)
        read_all(client)
        if port < 40003:
            time.sleep(.5)
        client.close()
        read_all(server)
        server.close()
        time.sleep(.2)
    bench.intend((40001, 40002), "close_four_way", at="certain")
    bench.intend((40003, 40004), "close_three_way", server="certain")
    bench.intend((40003, 40004), "close_fin_retry", client="certain")


@case("close/rec_fins_cross_unseen",
      "Both ends close at once, or one after the other, and a FIN is lost: whose repeat answers what is told by numbers and times alone.",
      says={"server.TcpRetransSegs": ">= 4", "server.TcpOutRsts": "== 0", "client.TcpOutRsts": "== 0"},
      bench={"delay": .03}, client_view=True)
def fins_cross_unseen(bench):
    """30 ms each way; the client asks, the server answers, and the server's first FIN is lost on the wire. Ports 40001 and 40002 (IPv6): both
    close in one instant, so that the server's bare ACK of the client's FIN lies behind a FIN that the client's tap does not see.
    40003 and 40004 (IPv6): the client closes, the server closes as soon as it knows; then both repeat their FINs, which cross."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = lose({(8080, port): {2} for port in range(40001, 40005)})
    for port in range(40001, 40005):
        client, server = bench.pair(six if port in (40002, 40004) else four, port)
        exchange(client, server)
        time.sleep(.1)
        client.close()
        if port > 40002:
            read_all(server)
        server.close()
        time.sleep(1)
    bench.intend((40001, 40002), "close_simultaneous_one", server="certain", client="probable")
    bench.also((40001, 40002), "close_fin_retry")  # the server repeats it, which the client's tap cannot know
    bench.intend((40003, 40004), "close_fin_retry", at="certain")


@case("close/rec_data_crossing",
      "Both ends send data and close at the same time: "
      "what arrives after close() is reset, after shutdown() it is not.",
      says={"server.TcpExtTCPAbortOnData": ">= 4", "client.TcpExtTCPAbortOnData": ">= 2"},
      bench={"delay": .03}, client_view=True)
def data_crossing(bench):
    """The wire delays 30 ms each way. Ports 40001 and 40002 (IPv6): both ends send data and close(). Port 40003: both
    close(), only the client has sent data. Port 40004 (IPv6): both send data and shutdown(SHUT_WR), read, and close:
    nothing is lost. Port 40005: the client shuts down, the server closes, both have sent data."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in range(40001, 40006):
        client, server = bench.pair(six if port in (40002, 40004) else four, port)
        exchange(client, server)
        time.sleep(.15)  # both directions acknowledged and idle
        client.sendall(b"one more question\n")
        if port != 40003:
            server.sendall(b"one more answer\n")
        for end, gently in ((client, port >= 40004), (server, port == 40004)):
            if gently:
                end.shutdown(socket.SHUT_WR)
            else:
                end.close()
        time.sleep(.2)
        for end in (client, server):
            end.close()
        time.sleep(.1)
    bench.intend([40001, 40002, 40003, 40005], "rst_data_after_close", at="certain")
    bench.also([40001, 40002, 40003, 40005], "close_half_then_rst", "close_rst_both_fin")
    bench.also([40001, 40002, 40003, 40005], "rst_no_socket")  # the FIN behind the data finds nobody
    bench.intend(40004, "close_simultaneous_both", at="certain")
