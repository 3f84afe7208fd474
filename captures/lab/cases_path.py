# SPDX-License-Identifier: MIT
"""Scenarios of the path: ordinary conversations over wires that lose, reorder, double, delay and stop.

The two ends behave.  What a capture shows of it depends on where it was taken, so most of these are recorded at the
server, at the client and, where there is a router, in the middle; nobody may be blamed for what the path did.
"""

import collections
import contextlib
import queue
import random
import socket
import threading
import time

import wire
from bench import NEIGHBOUR, LabError, Spoilt, read_all, reset
from cases import case
from steps import CLEAN, QUESTION, ask, close_client_first, converse, read_exactly, without_timestamps

ALL = {"at": "certain"}  # every vantage may be certain


class Together:
    """Conversations side by side: each in a thread of its own, both ends of one in the same thread."""

    def __init__(self, bench, sizes=(300,), pause=.08):
        self.bench, self.sizes, self.pause = bench, sizes, pause
        self._boxes = collections.defaultdict(queue.SimpleQueue)  # client port -> accepted socket
        self._threads, self._faults, self._kept = [], [], []
        self._listeners = {v6: bench.listen(v6=v6) for v6 in (False, True)}
        for listener in self._listeners.values():
            listener.settimeout(None)
            threading.Thread(target=self._receive, args=(listener,), daemon=True).start()

    def begin(self, port, shape, v6=False):
        self._threads.append(threading.Thread(target=self._hold, args=(port, shape, v6), daemon=True))
        self._threads[-1].start()

    def wait(self, seconds=50):
        """Until all are done; Spoilt when one went wrong."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, end - time.monotonic()))
        if self._faults or any(thread.is_alive() for thread in self._threads):
            raise Spoilt(f"conversations went wrong: {self._faults or 'not done in time'}")

    def _receive(self, listener):
        while True:
            try:
                server, peer = listener.accept()
            except OSError:  # the listener is closed with the bench
                return
            server.settimeout(20)
            self._boxes[peer[1]].put(server)

    def _hold(self, port, shape, v6):
        try:
            client = self.bench.dial(port, v6=v6)
            server = self._boxes[port].get(timeout=20)
            self._kept.append(server)
            converse(client, server, shape, self.sizes, self.pause)
        except (OSError, LabError, queue.Empty) as error:
            self._faults.append(f"{port}: {error!r}")


def one_after_another(bench, shapes, **how):
    """One conversation per (port, shape, v6), each done before the next begins."""
    listeners = {v6: bench.listen(v6=v6) for v6 in (False, True)}
    for port, shape, v6 in shapes:
        client, server = bench.pair(listeners[v6], port)
        converse(client, server, shape, **how)
        time.sleep(.05)


# -- the router ------------------------------------------------------------------------------------------

@case("path/rec_router",
      "Every ordinary way to close, a refusal and a deliberate reset, seen at the client, a router and the server.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 9", "client.TcpAttemptFails": "== 1"},
      bench={"router": True, "delay": (.008, .012)}, client_view=True, middle_view=True)
def router(bench):
    """8 ms to the router, 12 ms from there to the server: every TTL falls by one. Ports 40001 and 40002 (IPv6): the
    client closes first. 40003 and 40004 (IPv6): the server closes first. 40005: the server first, in three
    segments. 40006: half-close. 40007 and 40008 (IPv6): both close in the same instant. 40009: nobody listens on
    the port 8081. 40010: the client resets its connection (SO_LINGER 0) after the answer."""
    one_after_another(bench, [(40001, "client", False), (40002, "client", True), (40003, "server", False),
                              (40004, "server", True), (40005, "three", False), (40006, "half", False),
                              (40007, "both", False), (40008, "both", True)])
    with contextlib.suppress(ConnectionRefusedError):
        bench.dial(40009, to=NEIGHBOUR)
    listener = bench.listen(8082)
    client, server = bench.pair(listener, 40010)
    ask(client, server)
    time.sleep(.1)
    reset(client)
    bench.intend([40001, 40002, 40003, 40004], "close_four_way", **ALL)
    bench.intend(40005, "close_three_way", **ALL)
    bench.intend(40006, "close_half", **ALL)
    bench.intend([40007, 40008], "close_simultaneous_both", **ALL)
    bench.intend(list(range(40001, 40009)), "handshake_complete", **ALL)
    bench.intend(40009, "handshake_refused_rst", **ALL)
    bench.also(40009, "rst_refused")
    bench.intend(40010, "close_rst_active", **ALL)
    bench.also(40010, "rst_linger0", "rst_active_close", "rst_unread_data")


# -- loss ------------------------------------------------------------------------------------------------

class Loss:
    """A policy that loses this share of each direction's segments.

    Whether a segment is lost depends on the seed, its connection, its direction and how many went before it there, not
    on what other connections do meanwhile: so a run is like the next.
    """

    def __init__(self, share, seed):
        self._share, self._seed = share, seed
        self._passed = collections.Counter()
        self.ends = {}  # (source port, destination port, number right behind a SYN or FIN) -> "syn" or "fin"

    def __call__(self, segment):
        way = segment.sport, segment.dport
        self._passed[way] += 1
        for letter, kind in (("S", "syn"), ("F", "fin")):
            if letter in segment.flags:
                self.ends[(*way, segment.next_seq)] = kind
        dice = random.Random(f"{self._seed} {way} {self._passed[way]}")
        return wire.DROP if dice.random() < self._share else None


@case("path/rec_loss",
      "Twenty conversations on a path that loses some eight per cent of the segments, on both sides of a router.",
      says={"server.TcpRetransSegs": ">= 10", "client.TcpRetransSegs": ">= 5", "server.TcpPassiveOpens": ">= 20",
            "server.TcpOutRsts": "== 0", "server.TcpExtListenDrops": "== 0"},
      bench={"router": True, "delay": (.01, .01)}, client_view=True, middle_view=True, linger=2.0)
def loss(bench):
    """10 ms to the router and 10 ms from there to the server; each of the two wires loses about four per cent each
    way, as a seed decides. Ports 40001 to 40020, three questions each with answers of 3, 5 and 2 kB; every fourth
    is IPv6. The ways to close take turns: the client first, the server first, half-close, the client first."""
    bench.relay.policy, bench.relay2.policy = Loss(.04, "near the client"), Loss(.04, "near the server")
    shapes = {port: ("client", "server", "half", "client")[port % 4] for port in range(40001, 40021)}
    together = Together(bench, sizes=(3000, 5000, 2000), pause=.25)
    for port, shape in shapes.items():
        together.begin(port, shape, v6=port % 4 == 0)
        time.sleep(.03)
    together.wait()
    time.sleep(2.5)  # a FIN whose acknowledgment was lost is repeated, or the one behind that
    for port, shape in shapes.items():
        intend_under_loss(bench, port, {"half": "close_half"}.get(shape, "close_four_way"))


def intend_under_loss(bench, port, close):
    """What is true of a connection, from what the wires lost of it."""
    near, far = ([s for _, word, s in relay.log if word == "dropped" and port in (s.sport, s.dport)]
                 for relay in (bench.relay, bench.relay2))
    ends = bench.relay.policy.ends | bench.relay2.policy.ends
    kinds = {kind_of(segment, ends) for segment in near + far}
    if not kinds & {"syn", "syn+ack", "ack of a syn"}:
        bench.intend(port, "handshake_complete", **ALL)
    if not kinds & {"fin", "ack of a fin"}:
        bench.intend(port, close, **ALL)
    if "syn" in kinds and not kinds & {"syn+ack", "ack of a syn"}:
        lost_far = any(kind_of(segment, ends) == "syn" for segment in far)
        bench.intend(port, "handshake_complete_syn_retry", client="certain",
                     middle="certain" if lost_far else "-", server="-")
        bench.intend(port, "handshake_complete", client="-", middle="-" if lost_far else "certain", server="certain")
    for kind in sorted(kinds):
        if REPEATS[kind]:
            bench.also(port, *REPEATS[kind])
    # Whatever was repeated, nobody reset anything, no queue was full, and all of it was captured.
    for wrong in ("overflow_recovered", "syn_drop_accept_full", "rst_no_socket", "close_unknown_mid"):
        bench.intend(port, wrong, at="-")


# What was lost -> what may be said where its repetition shows
REPEATS = {
    "syn": ("handshake_complete_syn_retry",),
    "syn+ack": ("handshake_complete_syn_retry", "handshake_complete_synack_retry", "synack_dup_answer"),
    "ack of a syn": ("handshake_complete_ack_retry", "handshake_complete_synack_retry", "synack_ladder_ack_path_loss"),
    "fin": ("close_fin_retry", "close_last_ack_lost"),
    "ack of a fin": ("close_fin_retry", "close_last_ack_lost"),
    "data": (),
}


def kind_of(segment, ends):
    """What a lost segment was good for; an ACK of data counts as data, since the next one makes up for it."""
    if "F" in segment.flags:
        return "fin"
    if "S" in segment.flags:
        return "syn+ack" if "A" in segment.flags else "syn"
    if segment.length:
        return "data"
    acked = ends.get((segment.dport, segment.sport, segment.ack))
    return f"ack of a {acked}" if acked else "data"


def lose_once(wanted):
    """A policy that loses the first segment for which `wanted(segment)` holds."""
    left = [1]

    def policy(segment):
        if left[0] and wanted(segment):
            left[0] = 0
            return wire.DROP
        return None
    return policy


@case("path/rec_upload",
      "Uploads of ten segments, one of which is lost before the server: repeated at once, or by a probe if it was the last.",
      says={"client.TcpExtTCPFastRetrans": "== 3", "client.TcpExtTCPLossProbes": "== 2", "client.TcpRetransSegs": "== 5",
            "server.TcpRetransSegs": "== 0", "server.TcpOutRsts": "== 0"}, bench={"delay": .01})
def upload(bench):
    """10 ms each way. Ports 40001, 40002 (IPv6) and 40003 (no timestamps): the third segment is lost. 40004: the last
    one. 40005: nothing of it is lost, but the server's acknowledgments of the last segment are, for 0.1 s."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in (40001, 40002, 40003):
        add_policy(bench, lose_once(from_client(port, nth_data(3))))
    add_policy(bench, lose_once(from_client(40004, nth_data(10))))
    add_policy(bench, lose_acks_of(40005, 13500, .1))
    for port in range(40001, 40006):
        with without_timestamps(bench, port == 40003):
            client, server = bench.pair(six if port == 40002 else four, port)
        client.sendall(bytes(13500))
        read_exactly(server, 13500)
        time.sleep(.4)
        close_client_first(client, server, .08)
        time.sleep(.05)
    bench.bystander(list(range(40001, 40006)))
    bench.intend(list(range(40001, 40006)), "handshake_complete", **ALL)
    bench.intend(list(range(40001, 40006)), "close_four_way", **ALL)
    bench.intend([40001, 40002, 40003], "retransmission_fast", at="probable")
    bench.intend([40001, 40002, 40003], "seq_gap", at="certain")
    bench.intend([40004, 40005], "seq_gap", at="-")
    bench.intend(40005, "retransmission_tlp", at="probable")
    bench.intend(40005, "retransmission_spurious", at="certain")
    bench.intend(list(range(40001, 40006)), "reorder", at="-")
    bench.intend(list(range(40001, 40006)), "ack_of_unseen", at="-")


@case("path/rec_probe_takes_new",
      "The acknowledgment of a small payload is lost while more waits behind it: the tail loss probe takes that, and nothing is sent again.",
      says={"client.TcpExtTCPLossProbes": "== 3", "client.TcpRetransSegs": "== 0", "server.TcpRetransSegs": "== 0"},
      bench={"delay": .01}, client_view=True)
def probe_takes_new(bench):
    """10 ms each way. Ports 40001, 40002 (IPv6) and 40003 (no timestamps): the client writes 100 bytes, and 200 more that
    Nagle's algorithm holds back until the first are acknowledged. That ACK is lost for 0.5 s. 40004: likewise, but no ACK is
    lost."""
    four, six = bench.listen(), bench.listen(v6=True)
    for port in (40001, 40002, 40003):
        add_policy(bench, lose_acks_of(port, 100, .5))
    for port in range(40001, 40005):
        with without_timestamps(bench, port == 40003):
            client, server = bench.pair(six if port == 40002 else four, port)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, False)
        client.sendall(bytes(100))
        client.sendall(bytes(200))
        read_exactly(server, 300)
        time.sleep(.2)
        close_client_first(client, server, .08)
        time.sleep(.05)
    ports = list(range(40001, 40005))
    bench.bystander(ports)
    bench.intend(ports, "handshake_complete", **ALL)
    bench.intend(ports, "close_four_way", **ALL)
    for finding in ("retransmission_tlp", "retransmission_rto", "retransmission_spurious", "ack_of_unseen"):
        bench.intend(ports, finding, at="-")


def lose_acks_of(port, size, seconds):
    """A policy that loses the server's bare ACKs of so many bytes for a while."""
    base, until = [], []

    def policy(segment):
        if segment.dport != port:
            return None
        if "S" in segment.flags:
            base[:] = [segment.ack]
        if not is_bare(segment) or not base or segment.ack != (base[0] + size) & 0xFFFFFFFF:
            return None
        until[:] = until or [time.monotonic() + seconds]
        return wire.DROP if time.monotonic() < until[0] else None
    return policy


# -- reordering ------------------------------------------------------------------------------------------

def late_once(delay, wanted):
    """A policy that delays the first segment for which `wanted(segment)` holds."""
    left = [1]

    def policy(segment):
        if left[0] and wanted(segment):
            left[0] = 0
            return (delay,)
        return None
    return policy


def to_client(port, wanted):
    return lambda s: s.dport == port and wanted(s)


def from_client(port, wanted):
    return lambda s: s.sport == port and wanted(s)


def nth_data(number):
    """Whether this is the segment with payload of that number."""
    seen = [0]

    def wanted(segment):
        seen[0] += segment.length > 0
        return segment.length > 0 and seen[0] == number
    return wanted


def is_bare(segment):
    return segment.is_("A") and not segment.length


@case("path/rec_reorder",
      "Segments overtake each other on the way: data, third ACKs, FINs, the ACK of a FIN arrive late; nothing is lost.",
      says={"server.TcpPassiveOpens": "== 9", "server.TcpOutRsts": "== 1", "client.TcpOutRsts": "== 0"},
      bench={"delay": .005}, client_view=True)
def reorder(bench):
    """5 ms each way; one segment of each connection takes 15 ms instead. Ports 40001 and 40002 (IPv6): the second
    of the answer's five data segments. 40003 and 40004 (IPv6): the client's third ACK, so that the question arrives
    before it. 40005 and 40006 (IPv6): the last data of the server, so that its FIN arrives before it. 40007: the
    client's last data, and its FIN arrives before it. 40008: the ACK of the client's FIN (30 ms), so that the
    server's FIN overtakes it; TIME_WAIT answers it, and that ACK draws a reset from the server, which has closed.
    40009: the SYN+ACK's ACK and the question are in order, the client's FIN overtakes the acknowledgment of the
    answer."""
    hold = .015
    for port in (40001, 40002):
        add_policy(bench, late_once(hold, to_client(port, nth_data(2))))
    for port in (40003, 40004):
        add_policy(bench, late_once(hold, from_client(port, is_bare)))
    listeners = {v6: bench.listen(v6=v6) for v6 in (False, True)}
    for port in (40001, 40002, 40003, 40004):
        client, server = bench.pair(listeners[port % 2 == 0], port)
        converse(client, server, "client", sizes=(6000,))
    for port in (40005, 40006):
        fin_overtakes(bench, listeners[port == 40006], port, to_client)
    fin_overtakes(bench, listeners[False], 40007, from_client)
    second_fin_overtakes(bench, listeners[False], 40008)
    fin_overtakes_ack(bench, listeners[False], 40009)
    bench.bystander([port for port in range(40001, 40010) if port != 40008])
    bench.intend(40008, "time_wait_assassinated", server="probable", client="probable")
    bench.also(40008, "rst_in_time_wait", "rst_no_socket")
    bench.intend(list(range(40001, 40010)), "handshake_complete", **ALL)
    bench.intend(list(range(40001, 40010)), "close_four_way", **ALL)


def add_policy(bench, policy):
    bench.relay.policy = wire.any_of(policy, bench.relay.policy)


def pair_at_rest(bench, listener, port):
    """A connection whose question was answered a moment ago."""
    client, server = bench.pair(listener, port)
    ask(client, server)
    time.sleep(.1)
    return client, server


def fin_overtakes(bench, listener, port, direction):
    """The closing end sends its last data and FIN in one go; the data takes the slow way."""
    client, server = pair_at_rest(bench, listener, port)
    first, second = (server, client) if direction is to_client else (client, server)
    add_policy(bench, late_once(.015, direction(port, lambda s: s.length > 0)))
    first.sendall(b"and one more thing\n")
    first.close()
    read_all(second)
    time.sleep(.08)
    second.close()
    time.sleep(.1)


def second_fin_overtakes(bench, listener, port):
    """The server acknowledges the client's FIN when the delay of its ACKs is over, and closes right behind."""
    client, server = pair_at_rest(bench, listener, port)
    add_policy(bench, late_once(.03, to_client(port, is_bare)))
    client.close()
    read_all(server)
    time.sleep(.05)
    server.close()
    time.sleep(.1)


def fin_overtakes_ack(bench, listener, port):
    client, server = pair_at_rest(bench, listener, port)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    add_policy(bench, late_once(.015, from_client(port, is_bare)))
    server.sendall(bytes(200))
    read_exactly(client, 200)
    time.sleep(.002)
    client.close()
    read_all(server)
    time.sleep(.08)
    server.close()
    time.sleep(.1)


# -- doubled segments ------------------------------------------------------------------------------------

def twice(after, wanted):
    """A policy that delivers each segment for which `wanted(segment)` holds a second time, so many seconds later."""
    return lambda s: (.005, .005 + after) if wanted(s) else None


@case("path/rec_duplicate",
      "The path delivers segments twice: SYN, SYN+ACK, ACK, data, FIN; two of the copies cost a TIME_WAIT each.",
      says={"server.TcpPassiveOpens": "== 11", "server.TcpExtListenDrops": "== 0", "server.TcpOutRsts": "== 2"},
      bench={"delay": .005}, client_view=True, linger=1.0)
def duplicate(bench):
    """5 ms each way. The copy comes 3 ms behind its original on ports 40001 (SYN), 40002 (SYN+ACK), 40003 (the
    client's third ACK), 40004 (the question), 40005 (every data segment of the answer), 40006 (the client's FIN)
    and 40009 (IPv6: the SYN+ACK). Port 40007: the server's FIN is doubled, the client's TIME_WAIT acknowledges it
    again, and the server, whose socket is gone, resets. Port 40008: the client's last ACK is doubled, with the same
    end. Port 40010: the SYN's copy comes 40 ms later. Port 40011 (IPv6): the copy of the question 40 ms later."""

    def data(segment):
        return segment.length > 0

    def flag(letter):
        return lambda segment: letter in segment.flags

    bench.relay.policy = wire.any_of(
        twice(.003, from_client(40001, flag("S"))), twice(.003, to_client(40002, flag("S"))),
        twice(.003, first_only(from_client(40003, is_bare))), twice(.003, from_client(40004, data)),
        twice(.003, to_client(40005, data)), twice(.003, from_client(40006, flag("F"))),
        twice(.003, to_client(40007, flag("F"))),
        twice(.003, after_fin(to_client(40008, flag("F")), from_client(40008, is_bare))),
        twice(.003, to_client(40009, flag("S"))), twice(.04, from_client(40010, flag("S"))),
        twice(.04, from_client(40011, data)))
    one_after_another(bench, [(port, "client", port in (40009, 40011)) for port in range(40001, 40012)], sizes=(4000,))
    ports = [port for port in range(40001, 40012) if port not in (40007, 40008)]
    bench.bystander(ports)
    bench.also([40001, 40010], "synack_dup_answer")
    bench.intend(ports, "close_four_way", **ALL)
    bench.intend([40007, 40008], "close_four_way", **ALL)
    bench.intend([40007, 40008], "time_wait_assassinated", server="probable", client="probable")
    bench.also([40007, 40008], "rst_in_time_wait", "rst_no_socket")


def first_only(wanted):
    left = [1]

    def once(segment):
        hit = bool(left[0]) and wanted(segment)
        left[0] -= hit
        return hit
    return once


def after_fin(fin, wanted):
    """wanted(segment), once a segment for which fin() holds has passed."""
    passed = []

    def both(segment):
        if fin(segment):
            passed.append(segment)
        return bool(passed) and wanted(segment)
    return both


# -- delay -----------------------------------------------------------------------------------------------

MIXED = ((40001, "client", False), (40002, "server", False), (40003, "half", False), (40004, "both", False),
         (40005, "client", True), (40006, "server", True))


def intend_mixed(bench):
    """The closes of MIXED."""
    bench.intend([40001, 40002, 40005, 40006], "close_four_way", **ALL)
    bench.intend(40003, "close_half", **ALL)
    bench.intend(40004, "close_simultaneous_both", **ALL)


@case("path/rec_long",
      "A long path: 150 ms each way. Everything takes its time and nothing is wrong.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 6"}, bench={"delay": .15}, client_view=True, linger=1.0)
def long_path(bench):
    """Side by side. Port 40001: the client closes first; 40002: the server; 40003: half-close; 40004: both close in
    the same instant, so that their FINs cross; 40005 and 40006 (IPv6): the client, the server first."""
    together = Together(bench, sizes=(300, 3000), pause=.3)
    for port, shape, v6 in MIXED:
        together.begin(port, shape, v6)
        time.sleep(.02)
    together.wait()
    time.sleep(.5)
    bench.bystander([port for port, _, _ in MIXED])
    bench.intend([port for port, _, _ in MIXED], "handshake_complete", **ALL)
    intend_mixed(bench)


@case("path/rec_very_long",
      "600 ms each way: SYN and SYN+ACK are repeated before the answer can come; nothing is lost, all close.",
      says={"server.TcpPassiveOpens": "== 6", "client.TcpExtTCPSynRetrans": "== 6", "server.TcpOutRsts": "== 0"},
      bench={"delay": .6}, client_view=True, linger=3.0)
def very_long_path(bench):
    """Side by side. Port 40001: the client closes first; 40002: the server; 40003: half-close; 40004: both close in
    the same instant; 40005 and 40006 (IPv6): the client, the server first. Each SYN is repeated once; the SYN+ACK
    is repeated for the second SYN, by the timer, or both."""
    together = Together(bench, sizes=(300, 3000), pause=.3)
    for port, shape, v6 in MIXED:
        together.begin(port, shape, v6)
        time.sleep(.02)
    together.wait()
    time.sleep(1)
    bench.also([port for port, _, _ in MIXED], "handshake_spurious_synack_rtx", "handshake_complete_syn_retry",
               "synack_spurious", "synack_dup_answer", "close_fin_retry")
    intend_mixed(bench)
    for wrong in ("handshake_complete_ack_retry", "handshake_complete_synack_retry", "synack_ladder_ack_path_loss"):
        bench.intend([port for port, _, _ in MIXED], wrong, at="-")


@case("path/rec_asymmetric",
      "The way to the server takes 5 ms and the way back 120 ms; nothing is lost.",
      says={**CLEAN, "server.TcpPassiveOpens": "== 6"}, bench={"delay": .005}, client_view=True, linger=.6)
def asymmetric(bench):
    """Ports 40001 to 40006 as everywhere in this family: the client closes first, the server, half-close, both at
    once, and over IPv6 the client, the server first. The log of the wire therefore tells each segment of the slow
    direction."""
    bench.relay.policy = lambda s: (.12,) if s.sport == 8080 else None
    one_after_another(bench, MIXED, sizes=(300, 3000), pause=.2)
    time.sleep(.3)
    bench.bystander([port for port, _, _ in MIXED])
    bench.intend([port for port, _, _ in MIXED], "handshake_complete", **ALL)
    intend_mixed(bench)


# -- outage ----------------------------------------------------------------------------------------------

@case("path/rec_outage",
      "For 2.4 seconds the path carries nothing; what was sent meanwhile is repeated, and every connection goes on.",
      says={"server.TcpRetransSegs": ">= 4", "client.TcpRetransSegs": ">= 6", "server.TcpPassiveOpens": "== 8",
            "server.TcpOutRsts": "== 0", "client.TcpOutRsts": "== 0"},
      bench={"delay": .01}, client_view=True, linger=2.0)
def outage(bench):
    """Port 40001 and 40002 (IPv6): the client asks during the outage. 40003: the server sends during it. 40004: the
    client closes during it, 40005: the server does. 40006: open and idle all the while. 40007: the client connects
    during it. 40008: before and after, nothing in between."""
    four, six = bench.listen(), bench.listen(v6=True)
    pairs = {port: bench.pair(six if port == 40002 else four, port) for port in range(40001, 40007)}
    for client, server in pairs.values():
        ask(client, server)
    early = bench.pair(four, 40008)
    converse(*early, "client")
    time.sleep(.2)
    bench.fact("the path carries nothing from here")
    bench.relay.policy = lambda s: wire.DROP
    pairs[40001][0].sendall(QUESTION)
    pairs[40002][0].sendall(QUESTION)
    pairs[40003][1].sendall(bytes(1000))
    pairs[40004][0].close()
    pairs[40005][1].close()
    opening = bench.dial(40007, wait=0)
    time.sleep(2.4)
    bench.relay.policy = lambda s: None
    bench.fact("the path carries everything again")
    finish_after_outage(bench, four, pairs, opening)
    bench.bystander([40001, 40002, 40003, 40006, 40008])
    bench.intend([40001, 40002, 40003, 40006, 40008], "handshake_complete", **ALL)
    bench.intend([40001, 40002, 40003, 40006, 40008], "close_four_way", **ALL)
    bench.intend([40001, 40002], "rto_ladder_established", client="certain", server="-")
    bench.intend(40003, "rto_ladder_established", server="certain", client="-")
    bench.intend(40004, "close_fin_retry", client="certain", server="-")
    bench.intend(40005, "close_fin_retry", server="certain", client="-")
    bench.intend(40004, "handshake_complete", **ALL)
    bench.intend(40005, "handshake_complete", **ALL)
    bench.intend(40007, "handshake_complete_syn_retry", client="certain", server="-")
    bench.intend(40007, "close_four_way", **ALL)


def finish_after_outage(bench, four, pairs, opening):
    for port in (40001, 40002):
        client, server = pairs[port]
        read_exactly(server, len(QUESTION))
        server.sendall(bytes(300))
        read_exactly(client, 300)
    read_exactly(pairs[40003][0], 1000)
    read_all(pairs[40004][1])
    read_all(pairs[40005][0])
    time.sleep(.1)
    pairs[40004][1].close()
    pairs[40005][0].close()
    converse(opening, bench.accept(four, 40007), "client")
    for port in (40001, 40002, 40003, 40006):
        converse(*pairs[port], "client" if port != 40003 else "server")
