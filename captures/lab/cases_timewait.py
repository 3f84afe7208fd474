# SPDX-License-Identifier: MIT
"""Scenarios of TIME_WAIT: who may reuse its four numbers, who is refused, and what kills it early.

Linux keeps TIME_WAIT 60 s whatever tcp_fin_timeout says.  A server that closed first holds
it; a SYN on the same four numbers is then judged by sequence number and timestamp, and the
answer's initial sequence number (old SND.NXT + 65537) tells which of the two happened.
"""

import socket
import time

import wire
from bench import SERVICE, Injector, exchange, read_all, start_sequence_at
from cases import case
from steps import close_in_three, close_server_first, finish, try_refused

NO_TIMESTAMPS = {"net.ipv4.tcp_timestamps": 0}


def end_by_server(client, server):
    """A whole exchange after which the SERVER keeps TIME_WAIT."""
    exchange(client, server)
    close_server_first(client, server, 0)
    time.sleep(.1)


@case("timewait/rec_reuse_ts",
      "The client reuses its port while the server is in TIME_WAIT; the newer timestamp or sequence number "
      "opens the door.",
      says={"server.TcpPassiveOpens": "== 8", "server.TcpOutRsts": "== 0", "client.TcpAttemptFails": "== 0"},
      nanoseconds=False)
def reuse_ts(bench):
    """Timestamps on. The server closes first, then the same client port connects again: 40001 after 2 s, 40002 (IPv6)
    after 2 s, 40003 after 0.2 s, and 40004 after 0.5 s with an initial sequence number 1000000 BELOW its old one,
    which only the newer timestamp excuses. Each second SYN+ACK begins at the old SND.NXT + 65537."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, pause, isn in ((four, 40001, 2, None), (six, 40002, 2, None),
                                       (four, 40003, .1, None), (four, 40004, .4, 3000000000)):
        how = {"setup": start_sequence_at(isn)} if isn else {}
        end_by_server(*bench.pair(listener, port, **how))
        time.sleep(pause)
        if isn:
            how = {"setup": start_sequence_at(isn - 1000000)}
        bench.fact(f"port {port} connects again")
        end_by_server(*bench.pair(listener, port, **how))
        intend_accepted(bench, port)


def intend_accepted(bench, port):
    """The second connection of this port was taken in the place of the first one's TIME_WAIT."""
    bench.bystander(f"{port}#1")
    bench.intend(f"{port}#2", "time_wait_reuse_accepted", "certain")
    bench.intend(f"{port}#2", "handshake_complete", "certain")


@case("timewait/rec_reuse_nots",
      "Without timestamps the client reuses its port; the greater sequence number is what the server's "
      "TIME_WAIT accepts.",
      says={"server.TcpPassiveOpens": "== 6", "server.TcpOutRsts": "== 0", "client.TcpAttemptFails": "== 0"},
      bench={"client_sysctl": NO_TIMESTAMPS})
def reuse_nots(bench):
    """The client offers no timestamps. The server closes first, then the same port connects again after 2 s: 40001,
    40002 (IPv6) and 40003. The SYN+ACKs begin at the old SND.NXT + 65537."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002), (four, 40003)):
        end_by_server(*bench.pair(listener, port))
        time.sleep(2)
        bench.fact(f"port {port} connects again")
        end_by_server(*bench.pair(listener, port))
        intend_accepted(bench, port)


@case("timewait/rec_assassination",
      "A SYN below the old sequence number draws TIME_WAIT's ACK, the client's RST kills TIME_WAIT, the next "
      "SYN gets in.",
      says={"server.TcpPassiveOpens": "== 4", "client.TcpOutRsts": "== 2", "server.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_rfc1337",), bench={"client_sysctl": NO_TIMESTAMPS})
def assassination(bench):
    """No timestamps, tcp_rfc1337=0. Ports 40001 and 40002 (IPv6) connect again 1 s after the server closed first, with
    an initial sequence number 1000000 below the old one: SYN, ACK, RST, SYN 10 to 20 ms later, SYN+ACK with a fresh
    number."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002)):
        end_by_server(*bench.pair(listener, port, setup=start_sequence_at(3000000000)))
        time.sleep(1)
        bench.fact(f"port {port} connects again")
        end_by_server(*bench.pair(listener, port, setup=start_sequence_at(2999000000)))
        intend_killed(bench, port, six=listener is six)


def intend_killed(bench, port, six, which=2):
    """TIME_WAIT answered this connection's SYN by an ACK, the client's RST killed it, the next SYN got in.

    Only IPv4 has the identification 0 by which TIME_WAIT's ACK differs from a living connection's.
    """
    bench.intend(f"{port}#{which - 1}", "close_three_way", "certain")
    bench.also(f"{port}#{which - 1}", "time_wait_assassinated")
    bench.intend(f"{port}#{which}", "handshake_complete_after_challenge", "certain")
    bench.intend(f"{port}#{which}", "time_wait_syn_challenged", "probable" if six else "certain")
    bench.intend(f"{port}#{which}", "time_wait_assassinated", "certain")


@case("timewait/rec_client_reuse",
      "The client, itself in TIME_WAIT, reuses its only port: the SYN already carries the old connection's "
      "timestamp echo.",
      says={"client.TcpExtTWRecycled": "== 3", "server.TcpPassiveOpens": "== 4"},
      sysctls=("net.ipv4.ip_local_port_range", "net.ipv4.tcp_tw_reuse_delay"),
      bench={"client_sysctl": {"net.ipv4.tcp_tw_reuse": 1, "net.ipv4.ip_local_port_range": "40001 40001"}})
def client_reuse(bench):
    """tcp_tw_reuse=1 and a single ephemeral port, 40001. The client connects four times, closes first each time and
    comes back 1.3 s later: SYN with the old SND.NXT + 65537, TSecr not zero and window 65160 instead of 64240."""
    listener = bench.listen()
    for connection in range(4):
        if connection:
            time.sleep(1.3)
            bench.fact("the client connects again")
        client, server = bench.pair(listener, 0)
        exchange(client, server)
        client.close()
        read_all(server)
        server.close()
    bench.bystander("40001#1")
    bench.intend(("40001#2", "40001#3", "40001#4"), "time_wait_reuse_client", "certain")


@case("timewait/rec_rst_ignored",
      "With tcp_rfc1337=1 the client's RST does not kill TIME_WAIT: SYN, ACK, RST again and again, until the "
      "client gives up.",
      says={"server.TcpPassiveOpens": "== 2", "client.TcpAttemptFails": "== 2"},
      bench={"client_sysctl": {**NO_TIMESTAMPS, "net.ipv4.tcp_syn_retries": 2},
             "server_sysctl": {"net.ipv4.tcp_rfc1337": 1}})
def rst_ignored(bench):
    """No timestamps, tcp_rfc1337=1 at the server, tcp_syn_retries=2 at the client. Ports 40001 and 40002 (IPv6) connect
    again 1 s after the server closed first, with an initial sequence number 1000000 below the old one, and never get
    in."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002)):
        end_by_server(*bench.pair(listener, port, setup=start_sequence_at(3000000000)))
    time.sleep(1)
    again = [bench.dial(port, v6=six_, wait=0, setup=start_sequence_at(2999000000))
             for port, six_ in ((40001, False), (40002, True))]
    time.sleep(13)
    for sock in again:
        sock.close()
    for port, level in ((40001, "certain"), (40002, "probable")):
        bench.bystander(f"{port}#1")
        bench.intend(f"{port}#2", "handshake_challenge_loop", "certain")
        bench.intend(f"{port}#2", "time_wait_refused_loop", level)
        bench.intend(f"{port}#2", "time_wait_rst_ignored", level)


@case("timewait/rec_fin_reack",
      "The client's FIN is repeated because the server's last ACK was lost; TIME_WAIT acknowledges it again.",
      says={"client.TcpRetransSegs": ">= 3"}, bench={"delay": 0}, client_view=True)
def fin_reack(bench):
    """The server closes first. Its ACK of the client's FIN, sent from TIME_WAIT, is lost on the wire behind the tap:
    once on port 40001, twice on port 40002 (IPv6). Each repeated FIN draws the same ACK again and restarts the 60
    s."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port, losses in ((four, 40001, 1), (six, 40002, 2)):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        server.close()
        read_all(client)
        time.sleep(.1)
        bench.relay.policy = wire.drop_first(losses, "A", dport=port)
        client.close()
        time.sleep(1.5)
    bench.intend((40001, 40002), "close_last_ack_lost", server="certain", client="probable")
    # The client's tap cannot tell the lost ACK from a lost FIN.
    bench.intend((40001, 40002), "time_wait_fin_reack", server="certain")


@case("timewait/rec_data",
      "Old data reaches TIME_WAIT: it answers with an ACK; where the client's host answers that with RST, "
      "TIME_WAIT dies.",
      says={"client.TcpOutRsts": "== 3", "server.TcpOutRsts": "== 1"})
def stray_data(bench):
    """The server closes first. Half a second later the network delivers an old copy of the client's request. Port
    40001: the client's host has no such socket any more and answers TIME_WAIT's ACK by RST, so TIME_WAIT is gone and
    a second copy is answered by the server's RST. Port 40002: the client's host lets no RST out (its kernel counts
    the two it meant to send) and both copies draw the same ACK."""
    listener = bench.listen()
    injector = Injector(bench)
    for port in (40001, 40002):
        client, server = bench.pair(listener, port)
        injector.drain()
        client.sendall(b"question\n")
        copy = injector.hear("A", sport=port, length=9)
        exchange(client, server)
        end_by_server(client, server)
        time.sleep(.5)
        if port == 40002:
            with bench.muted(port):
                repeat_twice(injector, copy)
        else:
            repeat_twice(injector, copy)
    injector.close()
    bench.intend((40001, 40002), "time_wait_data", "certain")
    bench.intend(40001, "time_wait_assassinated", "certain")
    bench.also(40001, "rst_no_socket")
    bench.intend(40002, "time_wait_assassinated", "-")


def repeat_twice(injector, copy):
    for _ in range(2):
        injector.send(copy.src, copy.sport, copy.dst, copy.dport, copy.flags, copy.seq, copy.ack,
                      options=copy.options, data=b"question\n", ip_id=4711)
        time.sleep(.7)  # beyond the 500 ms limit of answers to invalid segments


@case("timewait/rec_expired",
      "TIME_WAIT runs its whole minute and the port is used again after it; a port that comes back within it "
      "is taken in.",
      says={"server.TcpPassiveOpens": "== 10", "client.TcpAttemptFails": "== 0", "server.TcpOutRsts": "== 0",
            "client.TcpOutRsts": "== 0"}, limit=100)
def expired(bench):
    """The server closes first on ports 40001, 40002 (IPv6) and 40003 (no timestamps), the client first on 40005; they
    connect again after 66 s, when nothing is left at either end. Port 40004 connects again after 55 s, while the
    server's TIME_WAIT still stands."""
    four, six = bench.listen(), bench.listen(v6=True)

    def connect(port):
        bench.client.sysctl({"net.ipv4.tcp_timestamps": int(port != 40003)})
        client, server = bench.pair(six if port == 40002 else four, port)
        if port == 40005:
            client, server = server, client
        end_by_server(client, server)
    for port in range(40001, 40006):
        connect(port)
    time.sleep(55)
    bench.fact("port 40004 connects again")
    connect(40004)
    time.sleep(11)
    bench.fact("the others connect again")
    for port in (40001, 40002, 40003, 40005):
        connect(port)
    intend_accepted(bench, 40004)
    for port in (40001, 40002, 40003, 40005):
        bench.bystander((f"{port}#1", f"{port}#2"))
        bench.intend(f"{port}#2", "handshake_complete", "certain")
        for wrong in ("time_wait_absent", "time_wait_reuse_accepted", "time_wait_port_reuse_fast"):
            bench.intend(f"{port}#2", wrong, "-")


@case("timewait/rec_v6",
      "TIME_WAIT over IPv6, where no identification tells who answers: old data, a client that reuses its "
      "port, rfc1337.",
      says={"client.TcpExtTWRecycled": ">= 2", "server.TcpPassiveOpens": "== 9", "server.TcpOutRsts": "== 1"},
      sysctls=("net.ipv4.ip_local_port_range",),
      bench={"delay": 0, "client_sysctl": {"net.ipv4.tcp_tw_reuse": 1, "net.ipv4.ip_local_port_range": "40001 40001"}},
      client_view=True)
def over_v6(bench):
    """IPv6 but for port 40005. Port 40001 is the client's only ephemeral port (tcp_tw_reuse=1): it closes first and
    connects again after 1.3 s, twice. Ports 40002 (tcp_rfc1337=0) and 40003 (1): the server closes first, copies of
    the client's request arrive 1 and 2 s late; the client's host answers TIME_WAIT's ACK by RST, which kills
    TIME_WAIT of 40002, so that the second copy draws the server's RST, but not that of 40003. Ports 40004 and 40005
    (IPv4): the client closes first and, bound to its port, takes its own TIME_WAIT over after 0.3 s."""
    four, six = bench.listen(), bench.listen(v6=True)
    for connection in range(3):
        time.sleep(1.3 if connection else 0)
        end_by_client(*bench.pair(six, 0))
    for listener, port in ((six, 40004), (four, 40005)):
        for connection in range(2):
            end_by_client(*bench.pair(listener, port))
            time.sleep(.3)
    bench.relay.policy = copies_of(lambda s: s.length == 9 and s.dport == SERVICE)
    for port, rfc1337 in ((40002, 0), (40003, 1)):
        bench.server.sysctl({"net.ipv4.tcp_rfc1337": rfc1337})
        end_by_server(*bench.pair(six, port))
        time.sleep(2.5)
    bench.bystander(("40001#1", "40004#1", "40005#1"))
    bench.intend(("40001#2", "40001#3", "40004#2", "40005#2"), "time_wait_reuse_client", "certain")
    # At the client's tap nothing old arrives: what shows is an ACK out of the blue and the RST that answers it.
    bench.intend((40002, 40003), "time_wait_data", server="certain")
    bench.intend(40002, "time_wait_assassinated", server="certain", client="probable")
    bench.also(40002, "rst_no_socket")
    bench.intend(40003, "time_wait_rst_ignored", server="certain")
    bench.intend(40003, "time_wait_assassinated", "-")


def end_by_client(client, server):
    end_by_server(server, client)


def copies_of(meant):
    """A policy that delivers the first such segment of each port at once, and again 1 and 2 s later."""
    done = set()

    def policy(segment):
        if meant(segment) and segment.sport not in done:
            done.add(segment.sport)
            return (0, 1, 2)
        return None
    return policy


@case("timewait/rec_old_fin",
      "Copies of the client's FIN reach TIME_WAIT late; it acknowledges them, and the RST of the client's host "
      "kills it or not.",
      says={"server.TcpPassiveOpens": "== 4", "server.TcpOutRsts": "== 2", "client.TcpRetransSegs": "== 0",
            "client.TcpOutRsts": ">= 6"}, bench={"delay": 0})
def old_fin(bench):
    """The server closes first; the network delivers the client's FIN again 1 and 2 s late. Ports 40001 and 40002 (IPv6)
    with tcp_rfc1337=0: FIN, ACK, RST, and the second copy meets nothing, RST. Ports 40003 and 40004 (IPv6) with
    tcp_rfc1337=1: TIME_WAIT outlives the RST and acknowledges the second copy too."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.relay.policy = copies_of(lambda s: "F" in s.flags and s.dport == SERVICE)
    for rfc1337, ports in ((0, (40001, 40002)), (1, (40003, 40004))):
        bench.server.sysctl({"net.ipv4.tcp_rfc1337": rfc1337})
        for listener, port in zip((four, six), ports):
            end_by_server(*bench.pair(listener, port))
        time.sleep(2.5)
    ports = (40001, 40002, 40003, 40004)
    bench.intend(ports, "time_wait_fin_reack", "certain")
    bench.intend(ports, "close_last_ack_lost", "-")  # the client repeated nothing
    bench.intend((40001, 40002), "time_wait_assassinated", "certain")
    bench.also((40001, 40002), "rst_no_socket")
    bench.intend((40003, 40004), "time_wait_rst_ignored", "certain")
    bench.intend((40003, 40004), "time_wait_assassinated", "-")


@case("timewait/rec_late_segments",
      "Copies of a closed connection's payload and FIN arrive when the next connection on its ports is open, which answers "
      "them by an ACK.",
      says={"server.TcpPassiveOpens": "== 8", "client.TcpRetransSegs": "== 0", "server.TcpOutRsts": "== 0",
            "client.TcpOutRsts": "== 0", "server.TcpExtPAWSEstab": "== 3", "server.TcpExtTCPDSACKOldSent": "== 4",
            "server.TcpExtTCPChallengeACK": "== 0"},
      sysctls=("net.ipv4.tcp_timestamps",), bench={"delay": 0})
def late_segments(bench):
    """The server closes first, and the same client port connects again after 0.3 s. 1.5 s after the first connection's
    payload (ports 40001, 40002 over IPv6) or FIN (40003) the network delivers a copy of it: the second connection is
    ESTABLISHED, refuses it by its time stamp and states its numbers, with a D-SACK. Port 40004 does without time stamps:
    the payload is outside the window. Then each goes on as if nothing had been."""
    four, six = bench.listen(), bench.listen(v6=True)
    done = set()

    def policy(segment):
        meant = "F" in segment.flags if segment.sport == 40003 else segment.length
        if segment.dport == SERVICE and meant and segment.sport not in done:
            done.add(segment.sport)
            return (0, 1.5)
        return None
    bench.relay.policy = policy
    for listener, port in ((four, 40001), (six, 40002), (four, 40003), (four, 40004)):
        if port == 40004:
            bench.client.sysctl(NO_TIMESTAMPS)
        end_by_server(*bench.pair(listener, port))
        time.sleep(.2)
        client, server = bench.pair(listener, port)
        exchange(client, server)
        time.sleep(2)
        bench.fact(f"port {port}: the late copy has come")
        end_by_server(client, server)
        intend_accepted(bench, port)
        bench.intend(f"{port}#1", "old_dup_segment", "certain", client="-")
        bench.intend(f"{port}#2", "old_dup_segment", "-")
        bench.intend(f"{port}#2", "dup_ack_paws", "-" if port == 40004 else "certain", client="-")
        bench.intend(f"{port}#2", "challenge_ack", "-")
    bench.client.sysctl({"net.ipv4.tcp_timestamps": 1})  # as before: the account tells the settings at the end


@case("timewait/rec_paws",
      "The client's timestamps go backwards: TIME_WAIT answers its SYN by an ACK although the sequence number "
      "is greater.",
      says={"server.TcpPassiveOpens": ">= 5", "client.TcpOutRsts": ">= 2", "client.TcpAttemptFails": "== 1",
            "server.TcpExtPAWSTimewait": ">= 5", "server.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_timestamps",), bench={"client_sysctl": {"net.ipv4.tcp_syn_retries": 2}}, limit=40)
def paws(bench):
    """What a translator does that gives one port to two hosts, the client does by its setting: tcp_timestamps=1 adds a
    number of its own to the clock of each connection, 2 adds none. Where that does not go backwards at once, the
    second connection is taken in and the third one is meant. Ports 40001 and 40002 (IPv6): SYN, ACK, RST, which kills
    TIME_WAIT, SYN, SYN+ACK. Port 40003: the client's host lets no RST out and never gets in (tcp_syn_retries=2)."""
    four, six = bench.listen(), bench.listen(v6=True)
    injector = Injector(bench)
    for listener, port in ((four, 40001), (six, 40002), (four, 40003)):
        last = go_backwards(bench, injector, listener, port)
        bench.fact(f"port {port} connects with an older timestamp")
        if port == 40003:
            with bench.muted(port):
                hopeless = bench.dial(port, wait=0)
                time.sleep(13)
                hopeless.close()
            bench.intend(f"{port}#{last}", "handshake_challenge_loop", "certain")
            bench.intend(f"{port}#{last}", "time_wait_refused_loop", "certain")
            bench.intend(f"{port}#{last}", "time_wait_assassinated", "-")
            bench.bystander(f"{port}#{last - 1}")
        else:
            end_by_server(*bench.pair(listener, port))
            intend_killed(bench, port, listener is six, which=last)
    injector.close()


def go_backwards(bench, injector, listener, port):
    """Leave TIME_WAIT at the server such that the next SYN's timestamp is older; returns that connection's ordinal."""
    bench.client.sysctl({"net.ipv4.tcp_timestamps": 1})
    injector.drain()
    end_by_server(*bench.pair(listener, port))
    # MSS, SACK permitted, timestamp: the order of a Linux client's SYN
    stamp = int.from_bytes(injector.hear("S", sport=port).options[8:12], "big")
    clock = time.monotonic_ns() // 1_000_000
    bench.client.sysctl({"net.ipv4.tcp_timestamps": 2})
    if (stamp - clock) & 0xFFFFFFFF < 1 << 31:
        return 2
    time.sleep(.2)
    end_by_server(*bench.pair(listener, port))
    intend_accepted(bench, port)
    bench.client.sysctl({"net.ipv4.tcp_timestamps": 1})
    return 3


@case("timewait/rec_dup_syn",
      "SYNs that nobody means any more reach TIME_WAIT: a new one is taken in and then disowned, a copy of the "
      "old one is not.",
      says={"server.TcpPassiveOpens": "== 4", "client.TcpOutRsts": ">= 6", "server.TcpOutRsts": "== 0"},
      bench={"delay": 0, "server_sysctl": {"net.ipv4.tcp_synack_retries": 1}})
def dup_syn(bench):
    """The server closes first. Ports 40001 and 40002 (IPv6): the client connects again, its SYN is 1.5 s on the way and
    its application gives up meanwhile; TIME_WAIT gives way to it, and the client's host answers the SYN+ACK by RST.
    Ports 40003 and 40004 (IPv6): copies of the first SYN arrive 1 and 2 s late; TIME_WAIT's ACK draws an RST that
    kills it, so that the second copy is answered by SYN+ACK, and that by RST."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002)):
        end_by_server(*bench.pair(listener, port))
    bench.relay.policy = lambda segment: (1.5,) if segment.is_("S") else None
    given_up = [bench.dial(40001, wait=0), bench.dial(40002, v6=True, wait=0)]
    time.sleep(.3)
    for sock in given_up:
        sock.close()
    bench.fact("ports 40001 and 40002 gave up")
    time.sleep(1.5)
    bench.relay.policy = copies_of(lambda s: s.is_("S"))
    for listener, port in ((four, 40003), (six, 40004)):
        end_by_server(*bench.pair(listener, port))
    time.sleep(2.5)
    bench.bystander(("40001#1", "40002#1"))
    # The second connection of these is the client's attempt, over before its SYN arrived; the third is the server's.
    bench.bystander(("40001#2", "40002#2"))
    bench.intend(("40001#3", "40002#3"), "time_wait_dup_syn_accepted_then_rst", "certain")
    bench.also(("40001#3", "40002#3"), "handshake_half_open_rst", "handshake_delayed_dup_syn")
    for port, level in ((40003, "certain"), (40004, "probable")):
        bench.intend(f"{port}#1", "close_three_way", "certain")
        bench.also(f"{port}#1", "time_wait_assassinated")
        bench.intend(f"{port}#2", "handshake_delayed_dup_syn", "probable")
        bench.intend(f"{port}#2", "time_wait_syn_challenged", level)
        bench.intend(f"{port}#2", "time_wait_assassinated", "certain")
        bench.also(f"{port}#2", "handshake_challenged", "handshake_half_open_rst")


def begin_at(isn):
    """start_sequence_at(), and the port stays free for a later socket: leaving TCP_REPAIR takes SO_REUSEADDR away."""
    def setup(sock):
        start_sequence_at(isn)(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return setup


@case("timewait/rec_refused_rst",
      "The server closed first and still waits for the client's FIN; the client forgot and connects again: "
      "refused by RST.",
      says={"server.TcpPassiveOpens": "== 6", "client.TcpAttemptFails": "== 2", "server.TcpOutRsts": "== 2"})
def refused_rst(bench):
    """The server closes and is in FIN_WAIT2 when the client's host forgets its socket; half a second later it connects
    from the same port. Ports 40001 and 40002 (IPv6): the new initial sequence number lies in the old window: SYN,
    RST, and a further attempt 0.2 s later gets in. Port 40003: it lies beyond: SYN, ACK, the client's RST, SYN 10 to
    20 ms later, SYN+ACK."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002), (four, 40003)):
        client, server = bench.pair(listener, port, setup=begin_at(3000000000))
        exchange(client, server)
        server.close()
        read_all(client)
        time.sleep(.1)
        bench.forget(client)
        bench.fact(f"the client forgot port {port}")
        time.sleep(.5)
        bench.intend(f"{port}#1", "handshake_complete", "certain")
        bench.also(f"{port}#1", "close_killed_by_reuse", "close_rst_by_passive", "close_rst_reply",
                   "half_open_discovered", "rst_no_socket")
        if port != 40003:
            try_refused(bench, port, SERVICE, v6=listener is six, setup=begin_at(3000001000))
            time.sleep(.2)
            bench.intend(f"{port}#2", "handshake_refused_rst", "certain")
            bench.intend(f"{port}#2", "time_wait_refused_rst", "certain")
            bench.also(f"{port}#2", "rst_refused")
            bench.bystander(f"{port}#3")
        finish(*bench.pair(listener, port))
        time.sleep(.1)
    bench.intend("40003#2", "handshake_complete_after_challenge", "certain")
    bench.intend(("40003#1", "40003#2"), "time_wait_assassinated", "-")  # it was FIN_WAIT2
    bench.intend("40003#2", "time_wait_syn_challenged", "-")


@case("timewait/rec_absent",
      "The server closes first and has no room for another time-wait socket, so the same ports are taken in as if they "
      "were new.",
      says={"server.TcpExtTCPTimeWaitOverflow": ">= 6", "server.TcpPassiveOpens": "== 14", "server.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_max_tw_buckets",), bench={"server_sysctl": {"net.ipv4.tcp_max_tw_buckets": 1}})
def absent(bench):
    """tcp_max_tw_buckets=1 at the server. Ports 40011 and 40012 fill the table. Ports 40001 to 40006 (40006 over IPv6):
    the server closes, the client's FIN follows at once and carries the acknowledgment, so no TIME_WAIT begins; a
    second later the port connects again: SYN+ACK with a fresh number."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in (40011, 40012):
        end_in_three(*bench.pair(four, port))
    ports = (40001, 40002, 40003, 40004, 40005, 40006)
    for port in ports:
        end_in_three(*bench.pair(six if port == 40006 else four, port))
    time.sleep(1)
    bench.fact("the ports connect again")
    for port in ports:
        client, server = bench.pair(six if port == 40006 else four, port)
        exchange(client, server)
        client.close()
        read_all(server)
        server.close()
        time.sleep(.05)
        bench.bystander(f"{port}#1")
        bench.intend(f"{port}#2", "time_wait_absent", "probable")
    bench.intend([f"{port}#2" for port in ports[:5]], "time_wait_early_recycle", "probable")
    bench.bystander((40011, 40012))


def end_in_three(client, server):
    """An exchange; the server closes, and the client's FIN carries the acknowledgment of the server's."""
    exchange(client, server)
    time.sleep(.05)
    close_in_three(client, server, 0)
    time.sleep(.1)


@case("timewait/rec_syn_dropped",
      "TIME_WAIT has just acknowledged something old; SYNs below the old number that follow within half a second get no "
      "answer at all.",
      says={"server.TcpExtTCPACKSkippedTimeWait": "== 4", "server.TcpPassiveOpens": "== 3", "server.TcpOutRsts": "== 0"},
      bench={"client_sysctl": NO_TIMESTAMPS})
def syn_dropped(bench):
    """No timestamps. Ports 40001 and 40002: the server closes first. A hand-made duplicate ACK with an old number draws
    TIME_WAIT's ACK, which the client's host keeps silent about; two copies of a SYN 1000 below the old initial number
    follow within 0.4 s, and TIME_WAIT acknowledges such things twice a second at most. Port 40010 is ordinary."""
    listener = bench.listen()
    injector = Injector(bench)
    for port in (40001, 40002):
        end_by_server(*bench.pair(listener, port, setup=begin_at(3000000000)))
        with bench.muted(port):
            for flags, number, ack in (("A", 3000000001, 1), ("S", 2999999000, 0), ("S", 2999999000, 0)):
                injector.send(bench.client4, port, bench.server4, SERVICE, flags, number, ack)
                time.sleep(.12)
            time.sleep(.3)
    injector.close()
    time.sleep(2)
    finish(*bench.pair(listener, 40010))
    bench.intend(("40001#2", "40002#2"), "time_wait_syn_dropped", server="probable", client="possible")
    bench.intend(("40001#1", "40002#1"), "close_three_way", "certain")
    bench.also(("40001#2", "40002#2"), "handshake_no_answer", "close_handshake_failed")
    bench.bystander(40010)
