# SPDX-License-Identifier: MIT
"""Scenarios of opening: a healthy service, each of the three segments lost, refusals, and the odd ways to begin."""

import contextlib
import socket
import time

import apps
import wire
from bench import NEIGHBOUR, SERVICE, Injector, exchange, read_all, reset
from cases import case
from steps import CLEAN, close_client_first, finish, give_up, try_refused

TCP_FASTOPEN_CONNECT = 30  # linux/tcp.h


@case("handshake/rec_healthy",
      "A busy, healthy service: connections in sequence and all at once, both ends close, nothing is wrong.",
      says={**CLEAN, "server.TcpExtListenDrops": "== 0", "server.TcpPassiveOpens": "== 63",
            "server.TcpOutRsts": "== 0"},
      bench={"delay": .004, "hosts": 3}, nanoseconds=False)
def healthy(bench):
    """The wire delays 4 ms each way. Two services, 8080 and 8081, one to three requests each; in about half of the
    connections the server closes first. 25 connections in a tenth of a second, 18 and 12 at 6 and 4 per second, 8
    over IPv6."""
    listeners = [bench.listen(port, v6=v6) for port in (SERVICE, NEIGHBOUR) for v6 in (False, True)]
    bench.start(apps.Service(*listeners))
    crowds = [bench.start(apps.Crowd(bench, 250, .1, SERVICE, asks=3, seed=1)),
              bench.start(apps.Crowd(bench, 6, 3, SERVICE, asks=2, seed=2)),
              bench.start(apps.Crowd(bench, 4, 3, NEIGHBOUR, asks=1, seed=3))]
    for i in range(8):
        client = bench.dial(40001 + i, v6=True, to=(SERVICE, NEIGHBOUR)[i % 2])
        client.sendall(apps.KEEP if i < 4 else apps.LAST)
        client.recv(4096)
        if i >= 4:
            read_all(client)
        client.close()
        time.sleep(.2)
    bench.truth("served: " + ", ".join(str(crowd.wait(10)) for crowd in crowds))
    bench.bystander("*")


@case("handshake/rec_syn_lost",
      "The first SYN is lost, once behind and once before the capture; its repetition a second later opens the "
      "connection.",
      says={"client.TcpExtTCPSynRetrans": "== 4", "server.TcpPassiveOpens": "== 4"},
      bench={"delay": 0}, client_view=True)
def syn_lost(bench):
    """Port 40001: the server's firewall drops the SYN behind the tap. Port 40002: it is lost on the wire before the
    tap. Port 40003 (IPv6): the first two SYNs are dropped behind the tap. Port 40004: nothing is lost."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = wire.drop_first(1, "S", sport=40002)
    with bench.server.filtering("tcp sport 40001 tcp flags syn", first=1), \
         bench.server.filtering("tcp sport 40003 tcp flags syn", first=2):
        for listener, port in ((four, 40001), (four, 40002), (six, 40003), (four, 40004)):
            finish(*bench.pair(listener, port))
    bench.intend((40001, 40003), "handshake_complete_syn_retry", "certain")
    # What never reached the server's tap only the client's can tell.
    bench.intend(40002, "handshake_complete_syn_retry", client="certain")
    bench.intend(40002, "handshake_complete", server="certain")
    bench.bystander(40004)


def drop_repeated_syn(*ports):
    """A policy that delivers the first SYN of these ports and loses the second."""
    seen = []

    def policy(segment):
        if segment.is_("S") and segment.sport in ports:
            seen.append(segment.sport)
            return wire.DROP if seen.count(segment.sport) == 2 else None
        return None
    return policy


@case("handshake/rec_synack_lost",
      "The SYN+ACK is lost on its way to the client: both have a timer of one second, and whichever is "
      "first opens the connection.",
      says={"server.TcpExtTCPSynRetrans": ">= 4", "client.TcpExtTCPSynRetrans": ">= 2",
            "server.TcpPassiveOpens": "== 5"},
      bench={"delay": 0}, client_view=True)
def synack_lost(bench):
    """All losses lie behind the server's tap. Port 40001: the first SYN+ACK is lost on the wire. Port 40002: the first
    two. Port 40003 (IPv6): the client's firewall drops the first. Port 40004: nothing is lost. Port 40005: the first
    SYN+ACK and the client's second SYN are lost, so that only the server's timer can open the connection."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = wire.any_of(wire.drop_first(1, "SA", dport=40001), wire.drop_first(2, "SA", dport=40002),
                                     wire.drop_first(1, "SA", dport=40005), drop_repeated_syn(40005))
    with bench.client.filtering("tcp dport 40003 tcp flags & (syn|ack) == syn|ack", first=1):
        for listener, port in ((four, 40001), (four, 40002), (six, 40003), (four, 40004), (four, 40005)):
            finish(*bench.pair(listener, port))
    bench.intend((40001, 40002, 40003), "handshake_complete_syn_retry", "certain")
    # Which of the two timers of one second is first is a matter of microseconds.
    bench.also((40001, 40002, 40003), "handshake_complete_synack_retry", "synack_dup_answer")
    bench.bystander(40004)
    bench.intend(40005, "handshake_complete_synack_retry", server="certain")
    bench.intend(40005, "handshake_complete_syn_retry", client="certain")


@case("handshake/rec_ack_lost",
      "The third ACK is lost once; the silent client hears the SYN+ACK again after a second and acknowledges it again.",
      says={"server.TcpExtTCPSynRetrans": "== 3", "server.TcpPassiveOpens": "== 5"},
      bench={"delay": 0}, client_view=True)
def ack_lost(bench):
    """Port 40001: the ACK is lost on the wire before the tap. Ports 40002 and 40003 (IPv6): it is dropped behind the
    tap. These clients say nothing for 2 s. Port 40004: dropped behind the tap too, but the client's request 0.2 s
    later opens the connection before any repetition. Port 40005: nothing is lost, the client is as silent as the
    first three."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = wire.drop_first(1, "A", sport=40001)
    with contextlib.ExitStack() as filters:
        for port in (40002, 40003, 40004):
            filters.enter_context(bench.server.filtering(f"tcp sport {port} tcp flags & (syn|ack) == ack", first=1))
        clients = {port: bench.dial(port, v6=port == 40003) for port in range(40001, 40006)}
        time.sleep(.2)
        clients[40004].sendall(b"question\n")
        finish(clients[40004], bench.accept(four, 40004))
        time.sleep(1.8)
        for port in (40001, 40002, 40005):
            finish(clients[port], bench.accept(four, port))
        finish(clients[40003], bench.accept(six, 40003))
    # Lost before the tap, the ACK is simply missing there; seen at the tap, it may have been lost behind it.
    bench.intend(40001, "handshake_complete_synack_retry", server="certain")
    bench.intend(40001, "handshake_complete_ack_retry", client="probable")
    bench.intend((40002, 40003), "handshake_complete_ack_retry", server="possible", client="probable")
    bench.intend((40001, 40002, 40003), "synack_ladder_ack_path_loss", client="probable")
    bench.intend(40004, "handshake_complete", "certain")
    bench.bystander(40005)


@case("handshake/rec_refused",
      "Connections to a closed port, and to one whose firewall answers with a TCP reset, are refused by RST.",
      says={"client.TcpAttemptFails": "== 4", "server.TcpOutRsts": "== 3"}, nanoseconds=False)
def refused(bench):
    """Ports 40001 and 40002 (IPv6) try 8089, where nobody listens, 40005 tries it again a second later. Port 40003
    tries 8082, which nftables rejects with a reset: byte for byte the same, but not in the kernel's OutRsts. Port
    40004 reaches the service on 8080."""
    listener = bench.listen()
    try_refused(bench, 40001, 8089)
    try_refused(bench, 40002, 8089, v6=True)
    with bench.server.filtering("tcp dport 8082", verdict="reject with tcp reset"):
        try_refused(bench, 40003, 8082)
    finish(*bench.pair(listener, 40004))
    time.sleep(1)
    try_refused(bench, 40005, 8089)
    bench.intend((40001, 40002, 40003, 40005), "handshake_refused_rst", "certain")
    bench.intend((40001, 40002, 40003, 40005), "rst_refused", "certain")
    bench.bystander(40004)


@case("handshake/rec_refused_icmp",
      "A firewall refuses connections by ICMP: port unreachable and administratively prohibited, which quote the SYN.",
      says={"client.TcpAttemptFails": ">= 1", "server.TcpPassiveOpens": "== 1"}, snaplen=200)
def refused_icmp(bench):
    """Port 40001 tries 8083 (ICMP port unreachable), 40002 tries 8084 (administratively prohibited), 40003 tries 8084
    over IPv6 (ICMPv6 administratively prohibited). Port 40004 reaches the service on 8080. An error that finds the
    connecting socket locked by its own thread is only noted: such a client repeats its SYN a second later."""
    listener = bench.listen()
    with bench.server.filtering("meta nfproto ipv4 tcp dport 8083", verdict="reject with icmp port-unreachable"), \
         bench.server.filtering("meta nfproto ipv4 tcp dport 8084", verdict="reject with icmp admin-prohibited"), \
         bench.server.filtering("meta nfproto ipv6 tcp dport 8084", verdict="reject with icmpv6 admin-prohibited"):
        try_refused(bench, 40001, 8083)
        try_refused(bench, 40002, 8084)
        try_refused(bench, 40003, 8084, v6=True)
    finish(*bench.pair(listener, 40004))
    bench.intend((40001, 40002, 40003), "handshake_refused_icmp", "certain")
    bench.bystander(40004)


@case("handshake/rec_no_answer",
      "SYNs vanish without an answer: the client climbs its whole ladder and gives up.",
      says={"client.TcpExtTCPSynRetrans": ">= 10", "client.TcpAttemptFails": "== 2", "server.TcpPassiveOpens": "== 1"},
      bench={"client_sysctl": {"net.ipv4.tcp_syn_retries": 2}}, limit=40)
def no_answer(bench):
    """tcp_syn_retries=2 and the linear first steps of new kernels. Ports 40001 and 40002 (IPv6) try 8090, which the
    server's firewall drops behind the tap. Port 40003 tries it too, but its application gives up after 2.5 s. Port
    40004 reaches the service on 8080 meanwhile."""
    listener = bench.listen()
    with bench.server.filtering("tcp dport 8090"):
        waiting = [bench.dial(40001, to=8090, wait=0), bench.dial(40002, to=8090, v6=True, wait=0)]
        hasty = bench.dial(40003, to=8090, wait=0)
        finish(*bench.pair(listener, 40004))
        give_up(bench, hasty, 40003, waiting)
    bench.intend((40001, 40002, 40003), "handshake_no_answer", "certain")
    # The host answers at 8080; of the IPv6 address of 40002 nothing else was captured.
    bench.intend((40001, 40003), "syn_drop_firewall", "possible")
    bench.intend(40002, "syn_to_dead_host", "possible")
    bench.bystander(40004)


@case("handshake/rec_half_open",
      "SYNs come from hosts that never answer: the server repeats its SYN+ACK along the whole ladder and forgets.",
      says={"server.TcpExtTCPSynRetrans": "== 10", "server.TcpPassiveOpens": "== 1"}, limit=100)
def half_open(bench):
    """Two hand-made SYNs from an address that is reachable and silent, ports 40001 and 40002, tcp_synack_retries=5: the
    server's requests live 63 s. Port 40010 is an ordinary connection, served meanwhile."""
    listener = bench.listen()
    injector = Injector(bench)
    for port in (40001, 40002):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", 1000 * port, options=SYN_OPTIONS, ip_id=port)
        time.sleep(.5)
    finish(*bench.pair(listener, 40010))
    time.sleep(66)
    injector.close()
    bench.intend((40001, 40002), "handshake_half_open", "certain")
    bench.intend((40001, 40002), "synack_ladder_no_ack", "certain")
    bench.bystander(40010)


# MSS 1460, SACK permitted, timestamp, window scale 7: what a Linux client offers
SYN_OPTIONS = bytes.fromhex("020405b4 0402 080a 0000a000 00000000 01 030307")


@case("handshake/rec_half_open_rst",
      "SYNs with a borrowed source address: the address's true owner answers the SYN+ACK with RST.",
      says={"client.TcpOutRsts": "== 3", "server.TcpPassiveOpens": "== 1"}, bench={"hosts": 2})
def half_open_rst(bench):
    """Hand-made SYNs to 8080 from ports 40001 to 40003 of an address whose host has no such sockets; TTL 51, the host's
    own segments have 64. Port 40010 is an ordinary connection."""
    listener = bench.listen()
    injector = Injector(bench)
    for port in (40001, 40002, 40003):
        injector.send(bench.hosts4[1], port, bench.server4, SERVICE, "S", 1000 * port, options=SYN_OPTIONS,
                      ttl=51, ip_id=port)
        time.sleep(.2)
    finish(*bench.pair(listener, 40010))
    injector.close()
    bench.intend((40001, 40002, 40003), "handshake_half_open_rst", "certain")
    bench.bystander(40010)


@case("handshake/rec_simultaneous_open",
      "Both ends connect to each other in the same moment: two SYNs cross, and one connection results.",
      says={"client.TcpActiveOpens": "== 2", "server.TcpActiveOpens": "== 2"}, bench={"delay": .03}, client_view=True)
def simultaneous_open(bench):
    """The wire delays 30 ms each way. Ports 40001 and 40002: each end binds its port and connects to the other's 8080
    within a millisecond. Then both exchange data, the client closes first."""
    for port in (40001, 40002):
        finish(*connect_both(bench, port))
        time.sleep(.3)
    bench.intend("*", "handshake_simultaneous_open", "certain")


def connect_both(bench, port, v6=False):
    """Both ends connect to each other in the same moment, the client from `port`, the server from 8080."""
    client, server = bench.socket(bench.client, v6), bench.socket(bench.server, v6)
    here, there = ((bench.client6, port), (bench.server6, SERVICE)) if v6 else \
        ((bench.client4, port), (bench.server4, SERVICE))
    client.bind(here)
    server.bind(there)
    for sock, peer in ((client, there), (server, here)):
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            sock.connect(peer)
    time.sleep(.3)
    client.settimeout(5)
    server.settimeout(5)
    return client, server


@case("handshake/rec_simultaneous_open_half",
      "Both ends connect to each other and one of the two SYNs is lost: the other, answered by a SYN+ACK, "
      "opens the connection.",
      says={"client.TcpActiveOpens": "== 4", "server.TcpActiveOpens": "== 4", "client.TcpRetransSegs": "== 0",
            "server.TcpRetransSegs": "== 0"},
      bench={"delay": .03}, client_view=True)
def simultaneous_open_half(bench):
    """The wire delays 30 ms each way. Ports 40001 and 40002 (IPv6): the client's SYN is lost on the wire, 40003 and
    40004 (IPv6): the server's. The end whose SYN arrived nowhere answers the other's with SYN+ACK. Only the tap of the
    end whose SYN was lost sees two SYNs; at the other it is an ordinary opening."""
    bench.relay.policy = wire.any_of(*(wire.drop_first(1, "S", sport=port) for port in (40001, 40002)),
                                     *(wire.drop_first(1, "S", dport=port) for port in (40003, 40004)))
    for port in (40001, 40002, 40003, 40004):
        finish(*connect_both(bench, port, v6=port in (40002, 40004)))
        time.sleep(.3)
    bench.intend((40001, 40002), "handshake_simultaneous_open", client="certain")
    bench.intend((40003, 40004), "handshake_simultaneous_open", server="certain")


def ask_on_syn(bench, listener, port, pause=0):
    """One connection whose client asks on its SYN, if it has a cookie; the service answers after the pause."""
    client = bench.dial(port, v6=listener.family == socket.AF_INET6,
                        setup=lambda s: s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1))
    client.sendall(b"question on the SYN\n")
    server = listener.accept()[0]
    server.recv(4096)
    time.sleep(pause)
    server.sendall(b"answer\n")
    client.recv(4096)
    close_client_first(client, server, 0)
    time.sleep(.1)


@case("handshake/rec_fast_open",
      "TCP Fast Open: a cookie is requested, used with data on the SYN, and refused after the server changed its key.",
      says={"server.TcpExtTCPFastOpenCookieReqd": "== 1", "server.TcpExtTCPFastOpenPassive": "== 2",
            "server.TcpExtTCPFastOpenPassiveFail": "== 1"},
      sysctls=("net.ipv4.tcp_fastopen",), bench={"delay": .01, "server_sysctl": {"net.ipv4.tcp_fastopen": 3}})
def fast_open(bench):
    """The wire delays 10 ms each way. Port 40001: cookie request. Ports 40002 and 40003: cookie and data on the SYN,
    accepted. Then the server changes its key; port 40004: the data on the SYN is not acknowledged and is sent
    again."""
    listener = bench.listen(setup=lambda s: s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16))
    for port in (40001, 40002, 40003, 40004):
        if port == 40004:
            bench.server.sysctl({"net.ipv4.tcp_fastopen_key": "deadbeef-01234567-89abcdef-02468ace"})
            bench.fact("the server changes its key")
        ask_on_syn(bench, listener, port)
    bench.intend(40001, "handshake_tfo_cookie_request", "certain")
    bench.intend((40002, 40003), "handshake_tfo_data_accepted", "certain")
    bench.intend(40004, "handshake_tfo_data_rejected", "certain")


@case("handshake/rec_syncookie",
      "The server answers every SYN with a cookie: no state, no repetition, fewer options without timestamps.",
      says={"server.TcpExtSyncookiesSent": "== 7", "server.TcpExtSyncookiesRecv": "== 6"},
      bench={"server_sysctl": {"net.ipv4.tcp_syncookies": 2}})
def syncookie(bench):
    """tcp_syncookies=2. Ports 40001 to 40003 and 40004 (IPv6) offer timestamps, 40005 and 40006 do not: their SYN+ACK
    holds the MSS alone. With timestamps a cookie shows only in its own one, which is set back by up to 63 ms: about
    30 ms here, but nothing on port 40002. One hand-made SYN from a silent address, port 40010: its SYN+ACK is never
    repeated."""
    four, six = bench.listen(), bench.listen(v6=True)
    injector = Injector(bench)
    injector.send(bench.ghost4, 40010, bench.server4, SERVICE, "S", 123456789, options=SYN_OPTIONS, ip_id=4711)
    for port in range(40001, 40007):
        if port == 40005:
            bench.client.sysctl({"net.ipv4.tcp_timestamps": 0})
        await_cookie_clock(0 if port == 40002 else 30)
        client, server = bench.pair(six if port == 40004 else four, port)
        time.sleep(.3)
        finish(client, server)
    time.sleep(2)
    injector.close()
    bench.intend((40001, 40003, 40004, 40005, 40006), "handshake_synack_cookie", "certain")
    bench.intend(40002, "close_three_way", "certain")
    bench.also(40002, "handshake_synack_cookie")
    bench.intend(40010, "handshake_synack_cookie", server="probable")
    bench.also(40010, "handshake_half_open")
    bench.intend("listener:8080", "syncookie_interval", server="certain", middle="probable", client="probable")


def await_cookie_clock(lag):
    """Wait until a cookie sent now would carry a timestamp that is `lag` ms old.

    The low six bits of its millisecond clock hold the options: window scale 7 and SACK, 0x17.
    """
    while (time.monotonic_ns() // 1_000_000 - 0x17) % 64 != lag:
        time.sleep(.0003)


@case("handshake/rec_challenged",
      "The client lost its socket and connects from the same port: the server's old connection answers with an "
      "ACK, the "
      "client's RST clears it, and the repeated SYN gets in.",
      says={"server.TcpExtTCPChallengeACK": "== 3", "server.TcpPassiveOpens": "== 6", "server.TcpEstabResets": "== 3"})
def challenged(bench):
    """Ports 40001, 40002 and 40003 (IPv6) are ESTABLISHED at both ends when the client's host forgets them without a
    word; half a second later it connects from the same port: SYN, challenge ACK, RST, SYN 10 to 20 ms later,
    SYN+ACK."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (four, 40002), (six, 40003)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        bench.forget(client)
        bench.fact(f"the client forgot port {port}")
        time.sleep(.5)
        finish(*bench.pair(listener, port))
        server.close()
        time.sleep(.1)
        bench.intend(f"{port}#1", "half_open_discovered", "certain")
        bench.also(f"{port}#1", "rst_no_socket", "close_rst_reply", "close_killed_by_reuse")
        bench.intend(f"{port}#2", "handshake_complete_after_challenge", "certain")


@case("handshake/rec_delayed_dup_syn",
      "The network delivers a second, old copy of a SYN long after its connection was closed; it opens nothing.",
      says={"server.TcpPassiveOpens": ">= 3", "client.TcpOutRsts": ">= 1"},
      bench={"delay": 0}, client_view=True, limit=90)
def delayed_dup_syn(bench):
    """Port 40001: the copy of the SYN arrives 1.5 s later, when the client is in TIME_WAIT and the server has nothing:
    it answers SYN+ACK, TIME_WAIT's ACK draws its RST, and so does the client's host answer the SYN+ACK repeated a
    second later. Port 40002: the client was reset and has nothing either: RST. Port 40003: the copy arrives 1.5 s
    later while the connection lives: a challenge ACK and no harm."""
    listener = bench.listen()
    copies = set()

    def twice(segment):
        if segment.is_("S") and segment.sport not in copies:
            copies.add(segment.sport)
            return (0, 1.5)
        return None
    bench.relay.policy = twice
    finish(*bench.pair(listener, 40001))
    time.sleep(3)
    client, server = bench.pair(listener, 40002)
    exchange(client, server)
    time.sleep(.1)
    reset(client)
    time.sleep(.1)
    server.close()
    time.sleep(3)
    client, server = bench.pair(listener, 40003)
    exchange(client, server)
    time.sleep(2.5)
    finish(client, server)
    # At the server's tap the old SYN begins a connection of its own; the client's never sees that copy.
    bench.intend(("40001#2", "40002#2"), "handshake_delayed_dup_syn", server="probable")
    bench.also(("40001#2", "40002#2"), "handshake_half_open_rst", "rst_no_socket")
    bench.intend("40001#1", "handshake_complete", "certain")
    bench.also("40001#1", "time_wait_assassinated", "rst_in_time_wait")  # the listener's RST ended the client's TIME_WAIT
    bench.intend("40002#1", "close_rst_active", "certain")
    bench.also("40002#1", "rst_linger0", "rst_active_close")
    bench.bystander(40003)


@case("handshake/rec_spurious_synack",
      "A round trip of 1.3 s is longer than the first timeouts: SYN and SYN+ACK are repeated although nothing "
      "was lost.",
      says={"server.TcpExtTCPSynRetrans": ">= 4", "client.TcpExtTCPSynRetrans": ">= 4",
            "server.TcpPassiveOpens": "== 4"},
      bench={"delay": .65}, client_view=True, linger=1.5)
def spurious_synack(bench):
    """The wire delays 650 ms each way and loses nothing of ports 40001, 40002 and 40003 (IPv6), one after the other. Of
    port 40004 it loses the repeated SYN, so that the second SYN+ACK is the timer's work alone."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = drop_repeated_syn(40004)
    for listener, port in ((four, 40001), (four, 40002), (six, 40003), (four, 40004)):
        finish(*bench.pair(listener, port))
        time.sleep(.3)
    bench.intend((40001, 40002, 40003), "handshake_complete_syn_retry", "certain")
    # The server's timer and the repeated SYN come in the same millisecond, in either order.
    bench.also((40001, 40002, 40003), "handshake_spurious_synack_rtx", "synack_spurious", "synack_dup_answer")
    bench.intend(40004, "synack_spurious", server="certain", client="probable")
    bench.intend(40004, "handshake_complete_syn_retry", client="certain")
    # At the client's tap the second SYN+ACK may be the answer to the second SYN as well.
    bench.also(40004, "handshake_spurious_synack_rtx")
    # The client answered the first SYN+ACK that came, at once.
    bench.intend((40001, 40002, 40003, 40004), "handshake_complete_synack_retry", "-")


@case("handshake/rec_data_on_ack",
      "The client holds its third ACK back until it has data: the request rides on the ACK.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 4"})
def data_on_ack(bench):
    """TCP_DEFER_ACCEPT at the CLIENT makes it wait for data. Ports 40001 and 40002 (IPv6): the request is written at
    once after connect(). Port 40003: after 50 ms. Port 40004: nothing is written, the ACK leaves alone 0.2 s
    later."""
    def setup(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, pause in ((four, 40001, 0), (six, 40002, 0), (four, 40003, .05), (four, 40004, 1)):
        client = bench.dial(port, v6=port == 40002, setup=setup)
        time.sleep(pause)
        client.sendall(b"question\n")
        server = listener.accept()[0]
        server.recv(4096)
        server.sendall(b"answer\n")
        client.recv(4096)
        client.close()
        server.close()
        time.sleep(.1)
    bench.intend((40001, 40002, 40003), "handshake_complete_data_on_ack", "certain")
    bench.intend(40004, "handshake_complete", "certain")


@case("handshake/rec_no_timestamps",
      "Openings without timestamps: healthy ones, and each of the three segments lost once.",
      says={"client.TcpExtTCPSynRetrans": "== 4", "server.TcpExtTCPSynRetrans": "== 3",
            "server.TcpPassiveOpens": "== 9"},
      bench={"delay": 0, "client_sysctl": {"net.ipv4.tcp_timestamps": 0}}, client_view=True)
def no_timestamps(bench):
    """The client offers no timestamps. Ports 40001 and 40002 (IPv6): nothing is lost. 40003 and 40004 (IPv6): the
    first SYN is dropped behind the server's tap. 40005 and 40006 (IPv6): the first SYN+ACK is lost on the wire, and
    so is the client's second SYN. 40007: the third ACK of a client that is silent for 2 s is dropped behind the tap.
    Then the client offers timestamps and the server has none: 40008 and 40009 (IPv6), nothing is lost."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = wire.any_of(wire.drop_first(1, "SA", dport=40005), wire.drop_first(1, "SA", dport=40006),
                                     drop_repeated_syn(40005, 40006))
    with bench.server.filtering("tcp sport 40003 tcp flags syn", first=1), \
         bench.server.filtering("tcp sport 40004 tcp flags syn", first=1), \
         bench.server.filtering("tcp sport 40007 tcp flags & (syn|ack) == ack", first=1):
        silent = bench.dial(40007)
        for port in range(40001, 40007):
            listener = four if port % 2 else six
            finish(bench.dial(port, v6=listener is six), bench.accept(listener, port))
        finish(silent, bench.accept(four, 40007))
    bench.client.sysctl({"net.ipv4.tcp_timestamps": 1})
    bench.server.sysctl({"net.ipv4.tcp_timestamps": 0})
    for listener, port in ((four, 40008), (six, 40009)):
        finish(*bench.pair(listener, port))
    bench.bystander((40001, 40002, 40008, 40009))
    bench.intend((40003, 40004), "handshake_complete_syn_retry", "certain")
    bench.intend((40005, 40006), "handshake_complete_synack_retry", server="certain")
    bench.intend((40005, 40006), "handshake_complete_syn_retry", client="certain")
    bench.intend(40007, "handshake_complete_ack_retry", server="possible", client="probable")
    bench.intend(40007, "synack_ladder_ack_path_loss", client="probable")


@case("handshake/rec_syn_other_isn",
      "A second SYN with another number reaches a half-open connection: an ACK answers it, and a client clears "
      "the way.",
      says={"server.TcpPassiveOpens": "== 3", "client.TcpOutRsts": ">= 2", "server.TcpOutRsts": "== 1"},
      bench={"server_sysctl": {"net.ipv4.tcp_synack_retries": 1}}, limit=30)
def syn_other_isn(bench):
    """Ports 40001 and 40002 (IPv6): the client's firewall drops the SYN+ACK, the application gives up silently after
    0.3 s and connects again from the same port: SYN, ACK with the old numbers, RST, SYN 10 to 20 ms later, SYN+ACK.
    Ports 40003 and 40004: two hand-made SYNs from a silent address. Beyond the window, on 40003, the second one draws
    an ACK and the request lives on; inside it, on 40004, it draws a reset and the request is gone.
    tcp_synack_retries=1. Port 40010 is ordinary."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002)):
        with bench.client.filtering(f"tcp dport {port} tcp flags & (syn|ack) == syn|ack"):
            given_up = bench.dial(port, v6=listener is six, wait=0)
            time.sleep(.3)
            given_up.close()
            bench.fact(f"port {port} gave up")
        finish(*bench.pair(listener, port))
    injector = Injector(bench)
    for port, step in ((40003, 5_000_000), (40004, 1000)):
        for isn in (1000 * port, 1000 * port + step):
            injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", isn, options=SYN_OPTIONS, ip_id=port)
            time.sleep(.3)
    time.sleep(4)
    injector.close()
    finish(*bench.pair(four, 40010))
    for port in (40001, 40002):
        bench.intend(f"{port}#1", "close_handshake_failed", "certain")
        bench.also(f"{port}#1", "handshake_half_open", "handshake_half_open_rst", "rst_no_socket")
        bench.intend(f"{port}#2", "handshake_complete_after_challenge", "certain")
    bench.intend("40003#1", "handshake_half_open", "certain")
    bench.intend("40003#1", "synack_ladder_no_ack", "certain")
    bench.intend("40003#2", "handshake_challenged", "certain")
    bench.intend("40004#1", "close_handshake_failed", "certain")
    bench.intend("40004#2", "handshake_refused_rst", "certain")
    bench.intend("40004#2", "rst_embryonic_dup", server="probable", client="possible", middle="probable")
    bench.bystander(40010)


@case("handshake/rec_syn_dup",
      "The network doubles segments of the opening: the server answers each copy of a SYN, nobody repeated anything.",
      says={"client.TcpExtTCPSynRetrans": "== 0", "server.TcpExtTCPSynRetrans": "== 4",
            "server.TcpPassiveOpens": "== 7"},
      bench={"delay": .005}, client_view=True)
def syn_dup(bench):
    """The wire delays 5 ms each way. Port 40001: the copy of the SYN follows at once, 40002 and 40003 (IPv6): before
    the client's ACK can arrive. 40004: 50 ms later, when the connection is open. 40005: after 5 ms, without
    timestamps. 40006: the SYN+ACK is doubled. 40007: nothing is."""
    four, six = bench.listen(), bench.listen(v6=True)
    again = {40001: 0, 40002: .003, 40003: .003, 40004: .05, 40005: .003}
    left = set(again)

    def twice(segment):
        if segment.is_("S") and segment.sport in left:
            left.remove(segment.sport)
            return (.005, .005 + again[segment.sport])
        if segment.is_("SA", dport=40006):
            return (.005, .008)
        return None
    bench.relay.policy = twice
    for port in range(40001, 40008):
        bench.client.sysctl({"net.ipv4.tcp_timestamps": int(port != 40005)})
        client, server = bench.pair(six if port == 40003 else four, port)
        time.sleep(.1)
        finish(client, server)
    bench.intend(range(40001, 40007), "handshake_complete", "certain")
    bench.also((40001, 40002, 40003, 40005), "synack_dup_answer")
    bench.intend(range(40001, 40007), "handshake_complete_syn_retry", "-")
    bench.bystander(40007)


@case("handshake/rec_fast_open_lost",
      "TCP Fast Open with losses: the data was taken and the SYN+ACK lost, or the SYN itself was; the repeated "
      "SYN is bare.",
      says={"server.TcpExtTCPFastOpenCookieReqd": "== 2", "server.TcpExtTCPFastOpenPassive": "== 3",
            "client.TcpExtTCPSynRetrans": "== 3", "server.TcpPassiveOpens": "== 6"},
      sysctls=("net.ipv4.tcp_fastopen",), client_view=True,
      bench={"delay": .01, "server_sysctl": {"net.ipv4.tcp_fastopen": 3, "net.ipv4.tcp_synack_retries": 2}})
def fast_open_lost(bench):
    """The wire delays 10 ms each way. Ports 40001 and 40004 (IPv6): cookie request. 40002 and 40005 (IPv6): cookie
    and data on the SYN; the data is taken, the SYN+ACK lost. On 40002 the service answers only after 1.5 s, on 40005
    at once, before the client heard anything. 40003: the SYN with its data is lost; the second SYN opens the
    connection and the data follows. 40006 (IPv6): a cookie and data, nothing is lost. 40010: a hand-made SYN from a
    silent address with data and no option of Fast Open: the data is not taken."""
    def listening(s):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    four, six = bench.listen(setup=listening), bench.listen(v6=True, setup=listening)
    bench.relay.policy = wire.any_of(wire.drop_first(1, "SA", dport=40002), wire.drop_first(1, "SA", dport=40005),
                                     wire.drop_first(1, "S", sport=40003))
    injector = Injector(bench)
    injector.send(bench.ghost4, 40010, bench.server4, SERVICE, "S", 123456789, options=SYN_OPTIONS, data=b"question\n",
                  ip_id=4711)
    for listener, port, pause in ((four, 40001, 0), (four, 40002, 1.5), (four, 40003, 0),
                                  (six, 40004, 0), (six, 40006, 0), (six, 40005, 0)):
        ask_on_syn(bench, listener, port, pause)
    time.sleep(1)
    injector.close()
    bench.intend((40001, 40004), "handshake_tfo_cookie_request", "certain")
    bench.intend((40002, 40005, 40006), "handshake_tfo_data_accepted", "certain")
    bench.intend((40002, 40005), "handshake_complete_syn_retry", "certain")
    bench.also((40002, 40005), "handshake_complete_synack_retry", "synack_dup_answer", "handshake_spurious_synack_rtx")
    bench.intend(40003, "handshake_complete_syn_retry", client="certain")
    bench.intend(40003, "close_three_way", "certain")
    bench.also(40003, "handshake_tfo_data_rejected")
    bench.intend(40010, "handshake_half_open", server="certain", client="possible")
    bench.also(40010, "synack_ladder_no_ack")
    bench.intend(40010, "syn_data_no_tfo", "certain")
