# SPDX-License-Identifier: MIT
"""Scenarios of obstacles on the path: a link that is too narrow, a route that is gone, a firewall that forgets.

The router of the bench is the obstacle; both ends behave.
"""

import contextlib
import time

import apps
from bench import SERVICE, run
from cases import case
from steps import ask, close_client_first, finish

NARROW = 1300  # bytes; IPv6 allows no less than 1280
# Rules end with a new line before the closing brace, as the oldest supported nft wants it.
STATEFUL = """table inet state {
chain c {
type filter hook %s priority 0; policy accept;
meta l4proto != tcp accept
ct state established accept
tcp flags & (syn | ack) == syn accept
%s
counter drop
}
}
"""


def narrow(bench):
    """The router's link towards the client carries less than the ends believe."""
    with bench.middle:
        run("ip", "link", "set", "m0", "mtu", str(NARROW))


@case("path/rec_frag_needed",
      "A link of the path is narrower than the ends believe; the router says so by ICMP, the server sends smaller "
      "segments.",
      says={"server.TcpRetransSegs": ">= 2", "server.TcpPassiveOpens": "== 4", "server.TcpOutRsts": "== 0"},
      bench={"router": True, "delay": .003}, client_view=True, snaplen=140)
def frag_needed(bench):
    """The router's link towards the client has an MTU of 1300. Ports 40001 and 40002 (IPv6): the server's answer of
    4000 bytes begins with segments of 1500, which draw ICMP errors: fragmentation needed, packet too big. It repeats
    them in smaller ones. Port 40003: the server's host remembers the path's MTU. Port 40004: a short answer."""
    four, six = bench.listen(), bench.listen(v6=True)
    narrow(bench)
    for port, size in ((40001, 4000), (40002, 4000), (40003, 4000), (40004, 300)):
        client, server = bench.pair(six if port == 40002 else four, port)
        ask(client, server, size)
        time.sleep(.05)
        close_client_first(client, server, .05)
        time.sleep(.1)
    bench.intend((40001, 40002), "icmp_frag_needed", server="certain")
    bench.bystander((40003, 40004))


@case("path/rec_pmtu_blackhole",
      "A link of the path is narrower than the ends believe, and a firewall drops the ICMP errors that say so: full "
      "segments vanish, small ones pass.",
      says={"server.TcpRetransSegs": ">= 15", "server.TcpExtTCPMTUPFail": ">= 0", "server.TcpPassiveOpens": "== 4"},
      sysctls=("net.ipv4.tcp_mtu_probing", "net.ipv4.tcp_base_mss"),
      bench={"router": True, "delay": .003}, client_view=True, limit=60)
def pmtu_blackhole(bench):
    """The router's link towards the client has an MTU of 1300; its ICMP errors are dropped. Every port gets a short
    answer first. Ports 40001 and 40002 (IPv6), tcp_mtu_probing=0: an answer of 4000 bytes never arrives but for its
    end. Port 40003, tcp_mtu_probing=1: after a few repetitions the server tries smaller segments, and those arrive.
    Port 40004 has short answers only."""
    four, six = bench.listen(), bench.listen(v6=True)
    narrow(bench)
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in (40001, 40002, 40003, 40004)}
    for port in pairs:
        ask(*pairs[port])
    with bench.middle.filtering("icmp type destination-unreachable", hook="output"), \
         bench.middle.filtering("icmpv6 type packet-too-big", hook="output"):
        for port in (40001, 40002):
            pairs[port][0].sendall(b"question\n")
            pairs[port][1].sendall(bytes(4000))
        time.sleep(7)
        bench.server.sysctl({"net.ipv4.tcp_mtu_probing": 1})
        bench.fact("tcp_mtu_probing is 1")
        ask(*pairs[40003], 4000)
        bench.fact("the answer of 40003 has arrived")
        for port in (40003, 40004):
            ask(*pairs[port])
            close_client_first(*pairs[port], .05)
            time.sleep(.1)
    bench.intend((40001, 40002, 40003), "pmtu_blackhole", server="probable")
    bench.also((40001, 40002, 40003), "rto_ladder_established")
    bench.intend((40001, 40002), "close_none_open_at_end", "certain")
    bench.bystander(40004)


@contextlib.contextmanager
def unreachable(bench, address):
    """The router's route to this address is gone; it says so to whoever asks."""
    with bench.middle:
        run("ip", "route", "add", "unreachable", f"{address}/{128 if ':' in address else 32}", "metric", "1")
        bench.fact(f"the router has no route to {address}")
    try:
        yield
    finally:
        with bench.middle:
            run("ip", "route", "del", "unreachable", f"{address}/{128 if ':' in address else 32}", "metric", "1")
        bench.fact(f"the router has a route to {address} again")


@case("path/rec_unreachable_midflow",
      "The router loses a route in the middle of connections and answers by ICMP; the route comes back, the connections "
      "go on.",
      says={"server.TcpRetransSegs": ">= 4", "client.TcpRetransSegs": ">= 2", "server.TcpOutRsts": "== 0",
            "client.TcpOutRsts": "== 0"},
      bench={"router": True, "delay": .003}, client_view=True, snaplen=140)
def unreachable_midflow(bench):
    """Ports 40001 and 40002 (IPv6): for 1 s the router has no route to the client while the server sends; each copy
    draws an ICMP error, host unreachable, and the connection goes on when the route is back. Port 40003: the same
    towards the server, while the client sends; the server sees only the silence. Port 40004 is idle meanwhile."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in range(40001, 40005)}
    for port in pairs:
        ask(*pairs[port])
    time.sleep(.1)
    for port, address in ((40001, bench.client4), (40002, bench.client6)):
        with unreachable(bench, address):
            pairs[port][1].sendall(b"news\n")
            time.sleep(1)
        pairs[port][0].recv(4096)
    with unreachable(bench, bench.server4):
        pairs[40003][0].sendall(b"question\n")
        time.sleep(1)
    pairs[40003][1].recv(4096)
    for port in pairs:
        ask(*pairs[port])
        close_client_first(*pairs[port], .05)
        time.sleep(.1)
    bench.intend((40001, 40002), "icmp_unreach_midflow", server="certain")
    bench.intend(40003, "icmp_unreach_midflow", client="certain")
    bench.bystander(40004)


def rest_but(pairs, busy, pause):
    """Every connection talks once; then only the busy one does, three times, each after a pause."""
    for port in pairs:
        ask(*pairs[port])
    for _ in range(3):
        time.sleep(pause)
        ask(*pairs[busy])


@case("path/rec_state_expired",
      "A firewall on the path forgets idle connections after a minute and drops their next segments; new ones pass.",
      says={"client.TcpRetransSegs": ">= 8", "server.TcpRetransSegs": ">= 4", "server.TcpPassiveOpens": "== 5",
            "server.TcpOutRsts": "== 0"},
      bench={"router": True, "delay": .003}, client_view=True, middle_view=True, limit=110)
def state_expired(bench):
    """The router tracks connections: 60 s for an established one, and what belongs to none is dropped unless it is a
    SYN. Ports 40001 and 40002 (IPv6) are idle for 65 s, then the client asks again, six times and more, and gives up.
    Port 40003: after the same rest the server sends. Port 40004 talks every 20 s. Port 40005 connects while the
    others repeat, and is served."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.middle.nft(STATEFUL % ("forward", ""))
    bench.middle.sysctl({"net.netfilter.nf_conntrack_tcp_loose": 0,
                         "net.netfilter.nf_conntrack_tcp_timeout_established": 60})
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in range(40001, 40005)}
    rest_but(pairs, 40004, 21.7)
    for port in (40001, 40002):
        pairs[port][0].sendall(b"question\n")
    pairs[40003][1].sendall(b"news\n")
    bench.fact("40001 to 40003 speak again")
    time.sleep(2)
    finish(*bench.pair(four, 40005))
    time.sleep(7)
    for port in (40001, 40002):
        pairs[port][0].close()
        bench.fact(f"the client gives up {port}")
    close_client_first(*pairs[40004], .05)
    time.sleep(1)
    # Port 40002 is alone at its address: no other connection shows that the server lives. Nor does one of the client's
    # host, for 40003: what the server sends in vain may as well have met a host that is gone.
    bench.intend(40001, "middlebox_state_expired", client="probable", middle="possible")
    bench.also(40002, "middlebox_state_expired")
    bench.also((40001, 40002, 40003), "rto_ladder_established")
    bench.intend((40001, 40002, 40003), "close_none_open_at_end", "certain")
    bench.bystander((40004, 40005))


@case("path/rec_host_filter_random",
      "A filter on the server's host drops one segment in three of those that come, behind the tap: SYNs, ACKs and payload of whomever. "
      "Near miss: the accept queue is never full.",
      says={"server.TcpExtListenOverflows": "== 0", "client.TcpExtTCPSynRetrans": ">= 10"},
      bench={"hosts": 3, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}}, snaplen=96, limit=90)
def host_filter_random(bench):
    """A LAN without delay, backlog 128. Six clients at a time, three times a second, for 5 s, ask three times each; from 1 s to 4 s
    nftables drops every third segment, at random, that comes for port 8080."""
    bench.start(apps.Service(bench.listen(SERVICE, backlog=128)))
    crowd = bench.start(apps.Crowd(bench, 18, 5, SERVICE, seed=83, burst=6, asks=3, patience=30))
    time.sleep(1)
    with bench.server.filtering(f"tcp dport {SERVICE} numgen random mod 3 == 0"):
        time.sleep(3)
    bench.truth(f"8080 customers: {crowd.wait(30)}")
    time.sleep(.5)
    names = [customer.name for customer in crowd.customers]
    bench.bystander([*names, f"listener:{SERVICE}"])
    bench.also(names, "close_fin_retry", "handshake_complete_syn_retry", "handshake_complete_synack_retry",
               "handshake_complete_ack_retry", "synack_dup_answer", "synack_ladder_ack_path_loss", "rto_ladder_established",
               "close_last_ack_lost")
    bench.intend(f"listener:{SERVICE}", "overflow_interval", at="-")


@case("path/rec_conntrack_invalid",
      "The server's own firewall forgets idle connections and drops their next segments as invalid, behind the tap.",
      says={"client.TcpRetransSegs": ">= 8", "server.TcpPassiveOpens": "== 4", "server.TcpOutRsts": "== 0"},
      bench={"delay": .003}, client_view=True, limit=40)
def conntrack_invalid(bench):
    """The server's host tracks connections, 5 s for an established one, and drops what is invalid. Ports 40001 and
    40002 (IPv6) are idle for 7 s, then the client asks again and again; the server's host never answers. Port 40003
    talks every 2 s. Port 40004 connects while the others repeat, and is served."""
    four, six = bench.listen(), bench.listen(v6=True)
    bench.server.nft(STATEFUL % ("input", "ct state != invalid accept"))
    bench.server.sysctl({"net.netfilter.nf_conntrack_tcp_loose": 0,
                         "net.netfilter.nf_conntrack_tcp_timeout_established": 5})
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in (40001, 40002, 40003)}
    rest_but(pairs, 40003, 2.3)
    for port in (40001, 40002):
        pairs[port][0].sendall(b"question\n")
    bench.fact("40001 and 40002 speak again")
    time.sleep(2)
    ask(*pairs[40003])
    finish(*bench.pair(four, 40004))
    time.sleep(2)
    ask(*pairs[40003])
    time.sleep(2)
    close_client_first(*pairs[40003], .05)
    # Port 40002 is alone at its address: no other connection shows that the service is well.
    bench.intend(40001, "conntrack_invalid_drop", server="possible")
    bench.also(40002, "conntrack_invalid_drop")
    bench.also((40001, 40002), "rto_ladder_established")
    bench.intend((40001, 40002), "close_none_open_at_end", "certain")
    bench.bystander((40003, 40004))
