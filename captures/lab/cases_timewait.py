# SPDX-License-Identifier: MIT
"""Scenarios of TIME_WAIT: who may reuse its four numbers, who is refused, and what kills it early.

Linux keeps TIME_WAIT 60 s whatever tcp_fin_timeout says.  A server that closed first holds
it; a SYN on the same four numbers is then judged by sequence number and timestamp, and the
answer's initial sequence number (old SND.NXT + 65537) tells which of the two happened.
"""

import time

import wire
from bench import Injector, exchange, read_all, start_sequence_at
from cases import case

NO_TIMESTAMPS = {"net.ipv4.tcp_timestamps": 0}


def close_server_first(client, server):
    """A whole exchange after which the SERVER keeps TIME_WAIT."""
    exchange(client, server)
    server.close()
    read_all(client)
    client.close()
    time.sleep(.1)


@case("timewait/rec_reuse_ts",
      "The client reuses its port while the server is in TIME_WAIT; the newer timestamp or sequence number opens the door.",
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
        close_server_first(*bench.pair(listener, port, **how))
        time.sleep(pause)
        if isn:
            how = {"setup": start_sequence_at(isn - 1000000)}
        bench.fact(f"port {port} connects again")
        close_server_first(*bench.pair(listener, port, **how))


@case("timewait/rec_reuse_nots",
      "Without timestamps the client reuses its port; the greater sequence number is what the server's TIME_WAIT accepts.",
      says={"server.TcpPassiveOpens": "== 6", "server.TcpOutRsts": "== 0", "client.TcpAttemptFails": "== 0"},
      bench={"client_sysctl": NO_TIMESTAMPS})
def reuse_nots(bench):
    """The client offers no timestamps. The server closes first, then the same port connects again after 2 s: 40001,
    40002 (IPv6) and 40003. The SYN+ACKs begin at the old SND.NXT + 65537."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002), (four, 40003)):
        close_server_first(*bench.pair(listener, port))
        time.sleep(2)
        bench.fact(f"port {port} connects again")
        close_server_first(*bench.pair(listener, port))


@case("timewait/rec_assassination",
      "A SYN below the old sequence number draws TIME_WAIT's ACK, the client's RST kills TIME_WAIT, the next SYN gets in.",
      says={"server.TcpPassiveOpens": "== 4", "client.TcpOutRsts": "== 2", "server.TcpOutRsts": "== 0"},
      sysctls=("net.ipv4.tcp_rfc1337",), bench={"client_sysctl": NO_TIMESTAMPS})
def assassination(bench):
    """No timestamps, tcp_rfc1337=0. Ports 40001 and 40002 (IPv6) connect again 1 s after the server closed first, with
    an initial sequence number 1000000 below the old one: SYN, ACK, RST, SYN 10 to 20 ms later, SYN+ACK with a fresh
    number."""
    four, six = bench.listen(), bench.listen(v6=True)
    for listener, port in ((four, 40001), (six, 40002)):
        close_server_first(*bench.pair(listener, port, setup=start_sequence_at(3000000000)))
        time.sleep(1)
        bench.fact(f"port {port} connects again")
        close_server_first(*bench.pair(listener, port, setup=start_sequence_at(2999000000)))


@case("timewait/rec_client_reuse",
      "The client, itself in TIME_WAIT, reuses its only port: the SYN already carries the old connection's timestamp echo.",
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
        close_server_first(*bench.pair(listener, port, setup=start_sequence_at(3000000000)))
    time.sleep(1)
    again = [bench.dial(port, v6=six_, wait=0, setup=start_sequence_at(2999000000))
             for port, six_ in ((40001, False), (40002, True))]
    time.sleep(13)
    for sock in again:
        sock.close()


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


@case("timewait/rec_data",
      "Old data reaches TIME_WAIT: it answers with an ACK; where the client's host answers that with RST, TIME_WAIT dies.",
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
        close_server_first(client, server)
        time.sleep(.5)
        if port == 40002:
            with bench.muted(port):
                repeat_twice(injector, copy)
        else:
            repeat_twice(injector, copy)
    injector.close()


def repeat_twice(injector, copy):
    for _ in range(2):
        injector.send(copy.src, copy.sport, copy.dst, copy.dport, copy.flags, copy.seq, copy.ack,
                      options=copy.options, data=b"question\n", ip_id=4711)
        time.sleep(.7)  # beyond the 500 ms limit of answers to invalid segments
