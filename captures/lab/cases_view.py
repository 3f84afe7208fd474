# SPDX-License-Identifier: MIT
"""Scenarios of the capture itself: begun late, ended early, one direction only, doubled, tagged, cut, or in one piece.

The traffic is ordinary.  What a capture lacks must lower what is said, and must not turn into a symptom.
"""

import contextlib
import time

from bench import CLIENT_MAC, SERVER_MAC, read_all, reset, run
from cases import case
from cases_path import ALL, MIXED, intend_mixed, one_after_another
from steps import CLEAN, QUESTION, ask, converse

# MIXED on a wire without delay, where two ends that close in the same instant may or may not cross
PLAIN = tuple((port, "three" if shape == "both" else shape, v6) for port, shape, v6 in MIXED)
PORTS = [port for port, _, _ in MIXED]


def play_mixed(bench, **how):
    """Six ordinary conversations on a wire with a delay; the whole of them is captured."""
    one_after_another(bench, MIXED, **how)
    bench.bystander(PORTS)
    bench.intend(PORTS, "handshake_complete", **ALL)
    intend_mixed(bench)


def play_plain(bench, shapes=PLAIN, **how):
    """Six ordinary conversations without a delay; the whole of them is captured."""
    one_after_another(bench, shapes, **how)
    for port, shape, _ in shapes:
        bench.bystander(port)
        bench.intend(port, "handshake_complete", **ALL)
        bench.intend(port, {"half": "close_half", "three": "close_three_way"}.get(shape, "close_four_way"), **ALL)


# -- when --------------------------------------------------------------------------------------------------

@case("view/rec_late_start",
      "The capture begins when some connections are open, some half closed and some in the middle of their handshake.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 9", "server.TcpOutRsts": "== 0"},
      bench={"delay": .2}, client_view=True, windowed=True, linger=1.2)
def late_start(bench):
    """200 ms each way. When the capture begins, ports 40001 and 40002 (IPv6) are open and idle; 40003: the client
    has closed its direction (FIN_WAIT2); 40004: the server has closed (the client is in CLOSE_WAIT); 40005: the
    client's FIN has passed the client's tap and not yet the server's; 40006: the SYN has passed both taps, the
    SYN+ACK the server's only; 40007: the SYN has passed the client's tap only. Ports 40008 and 40009 (IPv6) come
    afterwards. Then all go on and close."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in range(40001, 40006)}
    for client, server in pairs.values():
        ask(client, server)
    time.sleep(.5)
    pairs[40003][0].shutdown(1)
    pairs[40004][1].close()
    time.sleep(.7)
    early = bench.dial(40006, wait=0)
    time.sleep(.25)
    late = bench.dial(40007, wait=0)
    pairs[40005][0].close()
    time.sleep(.05)
    bench.capture_begin()
    go_on_after_late_start(bench, pairs, four, six)
    converse(early, bench.accept(four, 40006), "client", pause=.5)
    converse(late, bench.accept(four, 40007), "server", pause=.5)
    intend_late_start(bench)


def go_on_after_late_start(bench, pairs, four, six):
    time.sleep(.1)
    ask(*pairs[40001])
    ask(*pairs[40002])
    pairs[40003][1].sendall(b"the last part\n")
    read_all(pairs[40005][1])
    time.sleep(.5)
    pairs[40003][1].close()
    pairs[40004][0].close()
    pairs[40005][1].close()
    read_all(pairs[40003][0])
    for client, server, shape in ((*pairs[40001], "client"), (*pairs[40002], "server")):
        converse(client, server, shape, sizes=(), pause=.5)
    for listener, port in ((four, 40008), (six, 40009)):
        client = bench.dial(port, v6=listener is six)
        converse(client, bench.accept(listener, port), "client", pause=.5)


def intend_late_start(bench):
    bench.bystander(list(range(40001, 40010)))
    bench.intend([40001, 40002, 40003, 40004, 40005, 40006], "handshake_midstream", **ALL)
    bench.intend(40007, "handshake_midstream", server="-", client="certain")
    bench.intend(40007, "handshake_complete", server="certain", client="-")
    bench.intend([40008, 40009], "handshake_complete", **ALL)
    bench.intend([40001, 40002, 40006, 40007, 40008, 40009], "close_four_way", **ALL)
    bench.intend(40005, "close_four_way", server="certain", client="-")
    # These closed, and the first FIN is not in the capture: an open end cannot be claimed.
    bench.intend([40003, 40004, 40005], "close_none_open_at_end", at="-")


@case("view/rec_early_end",
      "The capture ends while connections open, wait, ask and close; what it does not show went on as usual.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 9", "server.TcpOutRsts": "== 0"},
      bench={"delay": .2}, client_view=True, windowed=True, linger=1.2)
def early_end(bench):
    """200 ms each way. When the capture ends, ports 40001 and 40002 (IPv6) are open and idle, on 40002 a question
    has passed the client's tap and not the server's; 40003: the client has closed, the server is in CLOSE_WAIT;
    40004: the client's FIN has passed its own tap only; 40005: the server's FIN has passed both taps, its ACK only
    the client's; 40006: the SYN has passed the client's tap only; 40007: the SYN both, the SYN+ACK the server's
    only; 40008: the third ACK the client's tap only. Port 40009 was closed long before."""
    bench.capture_begin()
    four, six = bench.listen(), bench.listen(v6=True)
    converse(*bench.pair(four, 40009), "client", pause=.5)
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in range(40001, 40006)}
    for client, server in pairs.values():
        ask(client, server)
    pairs[40003][0].shutdown(1)
    time.sleep(.6)
    opening = {40008: bench.dial(40008, wait=0)}
    time.sleep(.2)
    opening[40007] = bench.dial(40007, wait=0)
    pairs[40005][1].close()
    time.sleep(.25)
    opening[40006] = bench.dial(40006, wait=0)
    pairs[40002][0].sendall(QUESTION)
    pairs[40004][0].close()
    bench.capture_end()
    go_on_after_early_end(bench, four, pairs, opening)
    bench.bystander(list(range(40001, 40010)))
    bench.intend(40009, "close_four_way", **ALL)
    bench.intend([40001, 40002, 40003, 40004, 40005, 40009], "handshake_complete", **ALL)
    bench.intend([40001, 40002, 40003, 40004, 40005], "close_none_open_at_end", **ALL)
    bench.intend(40006, "handshake_pending_at_end", client="certain", server="-")
    bench.intend(40007, "handshake_pending_at_end", client="certain", server="certain")


def go_on_after_early_end(bench, four, pairs, opening):
    time.sleep(.5)
    pairs[40002][1].recv(100)
    pairs[40003][1].close()
    read_all(pairs[40004][1])
    pairs[40004][1].close()
    pairs[40005][0].close()
    for port, client in opening.items():
        converse(client, bench.accept(four, port), "client", pause=.5)
    for port, shape in ((40001, "client"), (40002, "server")):
        converse(*pairs[port], shape, sizes=(), pause=.5)


@case("view/rec_midstream_reset",
      "The capture begins when five connections are open; then each is reset, each in another way.",
      says={"server.TcpPassiveOpens": "== 5", "client.TcpActiveOpens": "== 5"}, windowed=True)
def midstream_reset(bench):
    """Port 40001: the client resets (SO_LINGER 0), nothing else is captured. Port 40002 (IPv6): one more question,
    then the server resets. Port 40003: the client's host has lost the connection before the capture; the server
    speaks and is reset. Port 40004: the server closes, the client sends on and is reset. Port 40005: the server has
    closed before the capture, the client sends on and is reset."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in range(40001, 40006)}
    for client, server in pairs.values():
        ask(client, server)
    time.sleep(.1)
    bench.forget(pairs[40003][0])
    pairs[40005][1].close()
    time.sleep(.1)
    bench.capture_begin()
    time.sleep(.1)
    reset(pairs[40001][0])
    ask(*pairs[40002])
    time.sleep(.1)
    reset(pairs[40002][1])
    pairs[40003][1].sendall(b"are you there?\n")
    pairs[40004][1].close()
    time.sleep(.1)
    for port in (40004, 40005):
        pairs[port][0].sendall(QUESTION)
    time.sleep(.1)
    intend_midstream_reset(bench)


def intend_midstream_reset(bench):
    bench.intend(list(range(40001, 40006)), "handshake_midstream", **ALL)
    bench.intend([40001, 40002], "close_rst_active", **ALL)
    bench.also([40001, 40002], "rst_linger0", "rst_active_close", "rst_unread_data")
    bench.intend(40003, "close_rst_reply", **ALL)
    bench.also(40003, "half_open_discovered", "rst_no_socket")
    bench.intend(40004, "rst_data_after_close", **ALL)
    bench.also(40004, "close_half_then_rst")
    # The FIN lies before the capture: that the server has no socket is all that shows.
    bench.intend(40005, "close_rst_reply", **ALL)
    bench.intend(40005, "half_open_discovered", at="-")
    bench.also(40005, "rst_no_socket")


# -- which packets -------------------------------------------------------------------------------------------

def play_one_direction(bench):
    one_after_another(bench, MIXED, sizes=(300, 2000))
    bench.bystander(PORTS)
    # All of them closed, half of it unseen: a number that rises by one may stand for a FIN or for a byte.
    bench.intend(PORTS, "close_unknown_mid", **ALL)
    bench.intend(PORTS, "close_none_open_at_end", at="-")


@case("view/rec_one_direction_client",
      "Only what the clients sent was captured; the answers took another way.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 6"}, bench={"delay": .01}, capture_filter="tcp dst port 8080")
def one_direction_client(bench):
    """10 ms each way. Port 40001: the client closes first; 40002: the server; 40003: half-close; 40004: both at
    once; 40005 and 40006 (IPv6): the client, the server first."""
    play_one_direction(bench)


@case("view/rec_one_direction_server",
      "Only what the server sent was captured; what the clients sent took another way.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 6"}, bench={"delay": .01}, capture_filter="tcp src port 8080")
def one_direction_server(bench):
    """10 ms each way. Port 40001: the client closes first; 40002: the server; 40003: half-close; 40004: both at
    once; 40005 and 40006 (IPv6): the client, the server first."""
    play_one_direction(bench)


@case("view/rec_any",
      "Captured on all devices at once, so every segment is there twice: at the interface and at the bridge over it.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 6"}, tap="any", capture_filter="tcp")
def any_device(bench):
    """The server's address is on a bridge, its interface is a port of that bridge, and tcpdump -i any hears both. Port
    40001: the client closes first; 40002: the server; 40003: half-close; 40004: the server first, in three segments;
    40005 and 40006 (IPv6): the client, the server first."""
    with bench.server:
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "link", "set", "eth0", "master", "br0")
    move_addresses(bench, bench.server, "br0")
    play_plain(bench)


def move_addresses(bench, space, device):
    """Make `device` the one that has the addresses of an end, instead of eth0."""
    is_server = space is bench.server
    mine, theirs = (bench.server4, bench.server6), (bench.client4, bench.client6)
    addresses, neighbours = (mine, theirs) if is_server else (theirs, mine)
    own, other = (SERVER_MAC, CLIENT_MAC) if is_server else (CLIENT_MAC, SERVER_MAC)
    words = ["addr flush dev eth0", f"link set {device} address {own}", f"link set {device} up",
             f"addr add {addresses[0]}/24 dev {device}", f"addr add {addresses[1]}/64 dev {device} nodad"]
    words += [f"neigh replace {address} lladdr {other} dev {device} nud permanent" for address in neighbours]
    with space:
        run("ip", "-batch", "-", input="\n".join(words))


# -- how they look ---------------------------------------------------------------------------------------------

@case("view/rec_vlan",
      "Every frame carries an 802.1Q tag.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 6"}, bench={"vlan": 7})
def vlan_tagged(bench):
    """VLAN 7. Port 40001: the client closes first; 40002: the server; 40003: half-close; 40004: the server first,
    in three segments; 40005 and 40006 (IPv6): the client, the server first."""
    play_plain(bench)


@case("view/rec_giants",
      "Segmentation offload is on: what was captured is larger than any segment of the wire.",
      says={"server.TcpPassiveOpens": "== 3", "server.TcpOutRsts": "== 0"}, bench={"offload": True}, client_view=True,
      snaplen=96)
def giants(bench):
    """Answers of 100, 60 and 40 kB on the ports 40001, 40002 (IPv6) and 40003, where the server closes first."""
    listeners = {v6: bench.listen(v6=v6) for v6 in (False, True)}
    for port, size, v6, shape in ((40001, 100000, False, "client"), (40002, 60000, True, "client"),
                                  (40003, 40000, False, "server")):
        client, server = bench.pair(listeners[v6], port)
        converse(client, server, shape, sizes=(size,))
    bench.bystander([40001, 40002, 40003])
    bench.intend([40001, 40002, 40003], "handshake_complete", **ALL)
    bench.intend([40001, 40002, 40003], "close_four_way", **ALL)


@case("view/rec_snaplen",
      "Only 60 bytes of each packet were captured: of the TCP options six bytes are left, of the payload none.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 4"}, snaplen=60)
def cut_short(bench):
    """Port 40001: the client closes first; 40002: the server; 40003: half-close; 40004: the server first, in three
    segments."""
    play_plain(bench, [entry for entry in PLAIN if not entry[2]])


@case("view/rec_snaplen_v6",
      "Only 76 bytes of each packet were captured: over IPv6 the TCP header and two bytes of its options.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 3"}, snaplen=76)
def cut_short_v6(bench):
    """Ports 40001 and 40002 (IPv6): the client, the server closes first. Port 40003 (IPv6): half-close."""
    play_plain(bench, ((40001, "client", True), (40002, "server", True), (40003, "half", True)))


@case("view/rec_lo",
      "Client and server on one host, captured on its loopback.",
      says={"server.TcpPassiveOpens": "== 6", "server.TcpActiveOpens": "== 6", "server.TcpRetransSegs": "== 0"},
      tap="lo")
def loopback(bench):
    """The client's addresses belong to the server's host as well. Port 40001: the client closes first; 40002: the
    server; 40003: half-close; 40004: the server first, in three segments; 40005 and 40006 (IPv6): the client, the
    server first."""
    with bench.server:
        run("ip", "addr", "add", f"{bench.client4}/32", "dev", "lo")
        run("ip", "addr", "add", f"{bench.client6}/128", "dev", "lo", "nodad")
    with at_home(bench):
        play_plain(bench)


@contextlib.contextmanager
def at_home(bench):
    """While this lasts, the client's sockets are made on the server's host."""
    away, bench.client = bench.client, bench.server
    try:
        yield
    finally:
        bench.client = away


@case("view/rec_two_taps",
      "One and the same traffic, captured at the server and at the client.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 6"}, bench={"delay": .02}, client_view=True)
def two_taps(bench):
    """20 ms each way. Port 40001: the client closes first; 40002: the server; 40003: half-close; 40004: both at
    once; 40005 and 40006 (IPv6): the client, the server first."""
    play_mixed(bench, sizes=(300, 2000))
