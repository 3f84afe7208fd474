# SPDX-License-Identifier: MIT
"""Scenarios of resets: which end sent it, and why.

Linux has two shapes.  A reply to a segment that fits no socket is a bare RST: no timestamps,
window 0, IP ID 0.  An active reset, decided by the application or by a timer, is RST|ACK and
looks like any other segment of its socket.
"""

import contextlib
import socket
import time

import wire
from bench import CLIENT_MAC, CLIENT_SIDE, SERVER_MAC, SERVER_SIDE, SERVICE, Injector, exchange, read_all, reset
from cases import case
from cases_idle import probe_idle
from steps import pairs_that_talked

IP_TTL_OF_FORGER = 37
HOPS = ("net.ipv4.ip_default_ttl", "net.ipv6.conf.m0.hop_limit", "net.ipv6.conf.m1.hop_limit")
HOPS_OF_FIREWALL, HOPS_OF_LINUX = dict.fromkeys(HOPS, 255), dict.fromkeys(HOPS, 64)
RESET = "reject with tcp reset"  # nft's words


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
    bench.intend(list(range(40001, 40007)), "rst_listener_closed", at="certain")
    bench.intend(list(range(40001, 40007)), "close_rst_active", at="certain")
    bench.intend([40007, 40008], "handshake_refused_rst", at="certain")
    bench.intend([40007, 40008], "rst_refused", at="certain")


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
    bench.intend("*", "close_rst_active", at="certain")
    # After a whole exchange no capture can tell SO_LINGER from data that nobody read.
    bench.intend([40001, 40002, 40004], "rst_active_close", at="probable")
    bench.also([40001, 40002, 40004], "rst_linger0")
    bench.intend(40003, "rst_linger0", at="probable")


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
    bench.intend([40001, 40002, 40003], "close_rst_active", at="certain")
    bench.intend([40001, 40002], "rst_active_close", at="probable")
    bench.also([40001, 40002], "rst_unread_data")
    bench.intend(40003, "rst_unread_data", at="probable")
    bench.bystander(40004)


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
    bench.intend([40001, 40002, 40003], "rst_data_after_close", at="certain")
    bench.intend([40001, 40002, 40003], "close_half_then_rst", at="certain")
    bench.bystander(40004)


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
        probe_idle(bench, server, idle=2, interval=1, count=3)
        exchange(client, server)
        pairs.append((client, server))
    with bench.client.filtering("tcp dport { 40001, 40002 }"):
        time.sleep(7)
    pairs[2][0].close()
    pairs[2][1].close()
    bench.intend([40001, 40002], "rst_keepalive_timeout", at="certain")
    bench.intend([40001, 40002], "close_rst_active", at="certain")
    bench.bystander(40003)
    bench.intend([40001, 40002, 40003], "keepalive_probe", at="certain")
    bench.intend([40001, 40002], "keepalive_dead", at="certain")
    bench.intend(40003, "keepalive_dead", at="-")


@case("reset/rec_half_open_discovered",
      "The client's host lost its connections without a word; the server finds out when it sends, and gets RST.",
      says={"client.TcpOutRsts": ">= 3", "server.TcpEstabResets": "== 2"})
def half_open_discovered(bench):
    """After an exchange the client forgets ports 40001, 40002 and 40003 (IPv6) as a crashed host does. The server
    pushes data one second later (40001 and 40003), or closes (40002), and the client's kernel answers by RST."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = pairs_that_talked(bench, (four, 40001), (four, 40002), (six, 40003))
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
    bench.intend("*", "half_open_discovered", at="certain")
    bench.intend("*", "rst_no_socket", at="certain")
    bench.intend([40001, 40003], "close_rst_reply", at="certain")
    bench.intend(40002, "close_rst_by_passive", at="certain")


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
    bench.intend("*", "rst_forged_or_middlebox", at="certain")
    bench.intend([40001, 40002], "rst_invalid", at="certain")
    bench.intend(40003, "rst_no_socket", at="certain")
    bench.intend(40003, "close_rst_reply", at="certain")


@case("reset/rec_challenge_needed",
      "The last data is lost and the client resets: the number of its RST is not the one expected, so the server asks, "
      "and a second RST is exact.",
      says={"server.TcpExtTCPChallengeACK": "== 2", "client.TcpOutRsts": "== 5", "server.TcpOutRsts": "== 0"},
      bench={"delay": .01}, client_view=True)
def challenge_needed(bench):
    """Ports 40001 and 40002 (IPv6): after an exchange the client sends a question, which the wire loses, and closes with
    SO_LINGER 0 at once. Its RST lies nine bytes ahead: challenge ACK, and the client's host, which has no such socket
    any more, answers that by RST. Port 40003: nothing is lost, one RST is enough. Port 40004 closes as usual."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in (40001, 40002, 40003, 40004):
        client, server = bench.pair(six if port == 40002 else four, port)
        exchange(client, server)
        time.sleep(.1)
        if port < 40003:
            bench.relay.policy = lambda segment: wire.DROP if segment.length else None
            client.sendall(b"question\n")
        if port < 40004:
            reset(client)
        time.sleep(.1)
        bench.relay.policy = lambda segment: None
        client.close()
        server.close()
        time.sleep(.1)
    bench.intend((40001, 40002), "rst_challenge_needed", server="certain", client="probable", middle="certain")
    bench.intend((40001, 40002, 40003), "close_rst_active", at="certain")
    bench.also((40001, 40002, 40003), "rst_active_close", "rst_linger0")
    bench.bystander(40004)


@case("reset/rec_middlebox",
      "A firewall between the ends resets connections in the other host's name, towards one end or towards both.",
      says={"client.TcpEstabResets": "== 5", "server.TcpEstabResets": "== 4", "server.TcpOutRsts": "== 0",
            "client.TcpOutRsts": "== 2"},
      bench={"router": True, "delay": .005}, client_view=True, middle_view=True)
def middlebox(bench):
    """A router stands between the ends, 5 ms from the client; its own segments start with TTL 255, those of the ends
    with 64. Ports 40001 and 40002 (IPv6): it answers the client's second question by RST; 0.3 s later the server,
    which knows nothing of it, sends news and is reset by the client. Port 40003: it resets whatever either end sends.
    Port 40004: it sends a RST to both ends in the same instant, which nothing had asked for. Port 40005: as 40001,
    but the router's TTL is 64 like everybody's, and the server stays silent. Ports 40006 and 40007 (IPv6) are let
    through."""
    four, six = bench.listen(), bench.listen(v6=True)
    injector = Injector(bench)
    bench.middle.sysctl(HOPS_OF_FIREWALL)
    for port in range(40001, 40008):
        injector.drain()
        client, server = bench.pair(six if port in (40002, 40007) else four, port)
        exchange(client, server)
        time.sleep(.1)
        if port == 40005:
            bench.middle.sysctl(HOPS_OF_LINUX)
        if port == 40004:
            reset_both(bench, injector.hear("A", sport=port, length=9), injector.hear("A", dport=port, length=141))
        elif port >= 40006:
            client.close()
            read_all(server)
            server.close()
        else:
            meet_firewall(bench, port, client, server)
        time.sleep(.1)
    injector.close()
    intend_middlebox(bench)


def meet_firewall(bench, port, client, server):
    """Segments of the client, or of both ends, are answered by the router in the other's name."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(bench.middle.filtering(f"tcp sport {port}", RESET, hook="forward"))
        if port == 40003:
            stack.enter_context(bench.middle.filtering(f"tcp dport {port}", RESET, hook="forward"))
            server.sendall(b"news\n")
            time.sleep(.1)
        client.sendall(b"another question\n")
        time.sleep(.3)
    if port in (40001, 40002):
        server.sendall(b"news\n")
        time.sleep(.1)


def reset_both(bench, question, answer):
    """The router sends each end a RST in the other's name, with exact numbers."""
    for last, device, macs in ((question, "m1", SERVER_MAC + SERVER_SIDE), (answer, "m0", CLIENT_MAC + CLIENT_SIDE)):
        with bench.middle, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as out:
            out.bind((device, 0))
            packet = wire.build(last.src, last.sport, last.dst, last.dport, "R", last.next_seq,
                                window=0, ttl=255, ip_id=4711)
            out.send(bytes.fromhex(macs.replace(":", "")) + wire.ETH_P_IP.to_bytes(2, "big") + packet)
    bench.fact(f"the router reset both ends of port {question.sport}")


def intend_middlebox(bench):
    """What the router sends to one end is not seen at the other; the middle's tap looks at the client's side."""
    # The server goes on sending after "its" reset: no other reading is left.
    bench.intend([40001, 40002], "rst_forged_or_middlebox", client="certain", middle="certain")
    bench.intend([40001, 40002], "rst_no_socket", server="certain", client="probable", middle="probable")
    bench.also([40001, 40002], "half_open_discovered", "close_rst_reply")
    # Here nobody goes on: only the TTL, which never was that host's, tells.
    bench.intend([40003, 40004], "rst_forged_or_middlebox", at="probable")
    bench.also([40003, 40004], "close_rst_reply", "close_rst_active")
    # One hop of difference is no proof of anything; and the server never hears of it.
    bench.intend(40005, "close_none_open_at_end", server="certain")
    bench.also(40005, "rst_forged_or_middlebox", "close_rst_reply")
    bench.bystander([40006, 40007])
