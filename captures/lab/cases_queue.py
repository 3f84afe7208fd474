# SPDX-License-Identifier: MIT
"""Scenarios of the two queues of a listener.

    SYN --> request (SYN queue) --third ACK--> child (accept queue, holds backlog + 1) --accept()--> application

Linux since 4.10 drops a SYN whose accept queue is full without any answer.  On a LAN that is
ALL one sees of an overflow.  Repeated SYN+ACKs appear only where handshakes were already in
flight when the last slot went: that is why the ladder scenarios have a slow wire.
"""

import os
import socket
import time

import account
import apps
import wire
from bench import NEIGHBOUR, SERVICE, Injector, exchange, reset
from cases import case
from cases_path import Loss
from steps import without_timestamps

# What a path that loses segments does to a connection, and a full queue beside it.
LOSSY = ("close_fin_retry", "close_last_ack_lost", "handshake_complete_syn_retry", "handshake_complete_synack_retry",
         "handshake_complete_ack_retry", "synack_dup_answer", "synack_ladder_accept_overflow", "synack_ladder_no_ack",
         "overflow_data_unacked", "overflow_recovered", "syn_drop_accept_full")

# What happens to whom a full queue forgot, or who gave up before he was served.
FORGOTTEN = ("syn_drop_synq_full", "handshake_no_answer", "overflow_client_fin_unacked", "overflow_rst_after_expiry", "overflow_lost",
             "rst_request_expired", "rst_data_after_close", "rst_unread_data", "rst_active_close", "handshake_half_open",
             "synack_ladder_pruned", "close_half_then_rst", "close_rst_active")

SHORT_SYN_LADDER = {"net.ipv4.tcp_syn_retries": 1}
TCP_USER_TIMEOUT = 18  # linux/tcp.h; the socket module of the oldest supported Python has it on some systems only

# A full accept queue is certain at the server, where several connections of one listener agree; elsewhere they lift
# what one connection could say by one level.
OVERFLOW = {"server": "certain", "middle": "probable", "client": "probable"}
RESIDENTS, REFUSED = (*range(40001, 40005), 40011), range(40012, 40016)  # of fill_and_crowd()


def fill_and_crowd(bench, listener, data=(), plain=(), pause=.15):
    """Leave one slot of the accept queue (backlog 4) free, then let five handshakes fly at once. The first of the five,
    40011, takes the slot; 40012 to 40015 complete at the client only. `data`: ports which send their request as soon
    as they are connected. `plain`: ports without timestamps."""
    def dial(port, **how):
        with without_timestamps(bench, port in plain):
            return bench.dial(port, v6=listener.family == socket.AF_INET6, **how)
    early = [dial(port) for port in range(40001, 40005)]
    early[0].sendall(b"question\n")
    time.sleep(.2)
    clients = {port: dial(port, wait=0) for port in range(40011, 40016)}
    time.sleep(pause)
    for port in data:
        clients[port].sendall(b"question\n")
    bench.truth("the accept queue is filled by ports 40001 to 40004 and 40011; ports 40012 to 40015 find it full")
    return early, clients


def mean_overflow(bench, refused=REFUSED, dropped=(), residents=RESIDENTS, expired=()):
    """The intent of an overflow on port 8080: who climbed the ladder, whose SYN was dropped, who just waits in the
    queue, and who was answered by RST after the request had died."""
    bench.intend("listener:8080", "overflow_interval", **OVERFLOW)
    bench.bystander(residents)
    bench.intend(refused, "synack_ladder_accept_overflow", **OVERFLOW)
    bench.intend(dropped, "syn_drop_accept_full", **OVERFLOW)
    for finding in ("overflow_rst_after_expiry", "rst_request_expired"):
        bench.intend(expired, finding, **OVERFLOW)


class Ledger:
    """What the kernel has seen of one listener so far: this recording's own trace, read while it is still written."""

    def __init__(self, bench, port=SERVICE):
        self.rungs = {}  # client -> SYN+ACKs repeated by the timer, or in answer to a repeated SYN
        self._connected, self._born = {}, {}  # client -> instant: ESTABLISHED there, the child made here
        trace = account.Trace(f"tcalab-{os.getpid()}")
        trace.offset = 0
        ends = {f"{bench.server4}:{port}", f"[{bench.server6}]:{port}"}
        for at, name, fields in trace.events(lambda text: bench.net4 in text or bench.net6 in text):
            if name in ("inet_sock_set_state", "tcp_retransmit_synack"):
                self._enter(at, name, *account.ends(fields), ends, fields.get("newstate"))

    def _enter(self, at, name, local, remote, ends, state):
        if local in ends and name == "tcp_retransmit_synack":
            self.rungs[remote] = self.rungs.get(remote, 0) + 1
        elif local in ends and state == "TCP_SYN_RECV":
            self._born.setdefault(remote, at)
        elif remote in ends and state == "TCP_ESTABLISHED":
            self._connected[local] = at

    def admitted_late(self, patience=.15):
        """Clients whose first ACK did not make the child: it came more than `patience` later, or never."""
        return [client for client, at in self._connected.items() if self._born.get(client, at + 999) - at > patience]


def come_late(bench, silent, patience, speaks, v6=False):
    """Two more clients find the queue full and give up; the silent one, whose request the server has forgotten by then, asks
    after so many seconds."""
    start = time.time()
    late = [bench.dial(port, v6=v6, wait=0) for port in (40021, 40022)]
    time.sleep(patience)
    for sock in late:
        sock.close()
    time.sleep(max(0, start + speaks - time.time()))
    bench.fact("port 40014 sends its first data")
    silent.sendall(b"question, too late\n")


def mean_ladder(bench):
    """The intent of fill_and_crowd() and come_late()."""
    mean_overflow(bench, dropped=(40021, 40022), expired=(40012, 40013, 40014))
    bench.intend(REFUSED, "overflow_lost", **OVERFLOW)
    bench.intend((40012, 40013), "overflow_data_unacked", **OVERFLOW)
    bench.also(REFUSED, "handshake_half_open")
    bench.also((40021, 40022), "handshake_no_answer")


@case("queue/rec_overflow_ladder",
      "The application never accepts; four handshakes in flight find the accept queue full and the server repeats "
      "their SYN+ACKs until it forgets them.",
      says={"server.TcpExtTCPSynRetrans": "== 20", "server.TcpExtListenOverflows": "> 20", "server.TcpOutRsts": "== 3"},
      bench={"delay": .03, "client_sysctl": SHORT_SYN_LADDER}, client_view=True, limit=120)
def overflow_ladder(bench):
    """Backlog 4 (five places), tcp_abort_on_overflow=0, tcp_synack_retries=5, 30 ms each way. Four early connections
    and port 40011 fill the queue. 40012 and 40013 send their request at once and repeat it; 40014 is silent until 67
    s, when its data draws a RST; 40015 is silent for ever and stays a ghost. The SYNs of 40021 and 40022 find the
    queue full and are dropped without an answer."""
    clients = fill_and_crowd(bench, bench.listen(backlog=4), data=(40011, 40012, 40013))[1]
    come_late(bench, clients[40014], patience=8, speaks=67)
    time.sleep(5)
    mean_ladder(bench)


@case("queue/rec_overflow_abort",
      "With tcp_abort_on_overflow=1 the handshakes that find the accept queue full are reset at once.",
      says={"server.TcpExtTCPSynRetrans": "== 0", "server.TcpExtListenOverflows": ">= 10", "server.TcpOutRsts": "== 4",
            "server.TcpExtEmbryonicRsts": "== 4"},
      bench={"delay": .03, "client_sysctl": SHORT_SYN_LADDER, "server_sysctl": {"net.ipv4.tcp_abort_on_overflow": 1}},
      client_view=True)
def overflow_abort(bench):
    """Backlog 4 (five places), 30 ms each way. Four early connections and port 40011 fill the queue; the third ACKs of
    40012 to 40015 are answered by RST. The SYNs of 40021 and 40022 to the full queue are dropped in silence all the
    same."""
    mean_overflow(bench, refused=(), dropped=(40021, 40022))
    bench.intend(REFUSED, "rst_abort_on_overflow", **OVERFLOW)
    bench.also(REFUSED, "handshake_half_open", "close_rst_reply")
    bench.also((40021, 40022), "handshake_no_answer")
    fill_and_crowd(bench, bench.listen(backlog=4), data=(40011,))
    late = [bench.dial(port, wait=0) for port in (40021, 40022)]
    time.sleep(4)
    for sock in late:
        sock.close()


@case("queue/rec_overflow_recovered",
      "The application stalls and the accept queue overflows; after five seconds it accepts again and the waiting "
      "handshakes complete with the clients' next segments.",
      says={"server.TcpExtTCPSynRetrans": ">= 6", "server.TcpExtListenOverflows": "> 6",
            "server.TcpPassiveOpens": "== 9", "server.TcpOutRsts": "== 0"},
      bench={"delay": .03}, client_view=True)
def overflow_recovered(bench):
    """Backlog 4 (five places), 30 ms each way. Ports 40001 to 40004 and 40011 fill the queue, 40012 to 40015 climb the
    ladder; 40012 and 40013 repeat their request, 40014 and 40015 are silent. The application accepts again 5 s
    later: the queue is served at once, the four get in with their next data or ACK. All others ask after 11 s."""
    mean_overflow(bench)
    bench.intend(REFUSED, "overflow_recovered", **OVERFLOW)
    bench.intend((40012, 40013), "overflow_data_unacked", **OVERFLOW)
    bench.also(REFUSED, "handshake_complete_ack_retry")
    listener = bench.listen(backlog=4)
    early, clients = fill_and_crowd(bench, listener, data=(40011, 40012, 40013))
    time.sleep(5)
    bench.fact("the application accepts again")
    service = bench.start(apps.Service(listener))
    time.sleep(6)
    for sock in (*early[1:], clients[40014], clients[40015]):
        sock.sendall(apps.KEEP)
    time.sleep(1)
    for sock in (*early, *clients.values()):
        sock.recv(4096)
        sock.close()
    time.sleep(.5)
    bench.truth("accepted at: " + " ".join(f"{peer}:{port}={at:.6f}" for at, peer, port in service.accepted))


@case("queue/rec_client_gives_up",
      "A client whose handshake found the accept queue full gives up and closes: its FIN is ignored like everything "
      "else.",
      says={"server.TcpExtTCPSynRetrans": ">= 8", "server.TcpExtListenOverflows": "> 8"},
      bench={"delay": .03, "client_sysctl": {**SHORT_SYN_LADDER, "net.ipv4.tcp_orphan_retries": 4},
             "server_sysctl": {"net.ipv4.tcp_synack_retries": 3}}, limit=60)
def client_gives_up(bench):
    """Backlog 4, tcp_synack_retries=3 (the request dies after 15 s), 30 ms each way. 40012 sent its request and closes
    after 2 s, but its FIN has to wait behind the unacknowledged request; 40013, silent, closes after 5 s. 40014
    waits in vain and closes after 20 s, when the request is gone: its FIN draws a RST. 40015 stays silent."""
    mean_overflow(bench, expired=(40014,))
    bench.intend(40012, "overflow_data_unacked", at="certain")
    bench.intend(40013, "overflow_client_fin_unacked", at="certain")
    bench.intend((40014, 40015), "overflow_lost", at="certain")
    bench.also(REFUSED, "handshake_half_open")
    bench.also(40012, "overflow_client_fin_unacked")  # its FIN left with the repeated request, or not at all
    bench.also((40012, 40013), "close_fin_unacked")
    clients = fill_and_crowd(bench, bench.listen(backlog=4), data=(40011, 40012))[1]
    start = time.time()
    for port, instant in ((40012, 2), (40013, 5), (40014, 20)):
        time.sleep(max(0, start + instant - time.time()))
        bench.fact(f"port {port} closes")
        clients.pop(port).close()
    time.sleep(4)


@case("queue/rec_stalled_service",
      "A service stops accepting for twelve seconds under load: its accept queue fills, new SYNs are dropped in "
      "silence, and the neighbour port on the same host never notices.",
      says={"server.TcpExtListenOverflows": "> 300", "server.TcpExtTCPSynRetrans": "== 0"},
      bench={"hosts": 6, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}},
      snaplen=96, nanoseconds=False, limit=90)
def stalled_service(bench):
    """A LAN without delay, backlog 32 (33 places). 16 connections per second from six client addresses to 8080, 3 per
    second to 8081. After 5 s the application behind 8080 hangs for 12 s, resumes, and serves everyone; clients
    retry."""
    frozen = bench.start(apps.Service(bench.listen(SERVICE, backlog=32)))
    bench.start(apps.Service(bench.listen(NEIGHBOUR, backlog=32)))
    crowd = bench.start(apps.Crowd(bench, 16, 22, SERVICE, seed=9))
    beside = bench.start(apps.Crowd(bench, 3, 24, NEIGHBOUR, seed=10))
    time.sleep(5)
    frozen.freeze()
    bench.fact("stall_start: the application behind 8080 hangs")
    time.sleep(12)
    bench.fact("stall_end: the application behind 8080 resumes")
    resumed = time.time()
    frozen.resume()
    bench.truth(f"8080 customers: {crowd.wait(40)}")
    bench.truth(f"8081 customers: {beside.wait(5)}")
    tell_residents(bench, frozen, resumed, 33)
    mean_crowd(bench, crowd, beside)


def hang(bench, service, begin, seconds):
    """So many seconds from now the application hangs for so long."""
    time.sleep(begin)
    service.freeze()
    bench.fact("stall_start: the application behind 8080 hangs")
    time.sleep(seconds)
    bench.fact("stall_end: the application behind 8080 resumes")
    service.resume()


def mean_crowd(bench, crowd, *healthy, late=()):
    """The intent of an overflow under load, on port 8080. Who repeated a SYN met a full queue, for nothing else lost
    segments; of whom the kernel made no child at the first ACK (`late`), the same; all others were served, sooner or
    later."""
    dropped, rungs = set(bench.repeated_syns(SERVICE)), Ledger(bench).rungs
    bench.intend("listener:8080", "overflow_interval", **OVERFLOW)
    bench.bystander([f"listener:{NEIGHBOUR}"] if healthy else [])
    for customer in (c for one in healthy for c in one.customers):
        bench.bystander(customer.name)
    for customer in crowd.customers:
        mean_customer(bench, customer, customer.name in dropped, customer.name in late, customer.name in rungs)


def mean_customer(bench, customer, dropped, late, climbed):
    name, forgotten = customer.name, customer.state == "Connection reset by peer"
    if not (dropped or late or forgotten or customer.state.startswith("gave up")):
        return bench.bystander(name)
    if dropped:
        bench.intend(name, "syn_drop_accept_full", **OVERFLOW)
        bench.also(name, "handshake_complete_syn_retry", "handshake_no_answer")
    if dropped and not late and customer.state == "served":
        bench.intend(name, "handshake_complete_syn_retry", at="certain")
    if late:
        # Without a rung of the SYN+ACK only the client's repeated request shows it.
        bench.intend(name, "synack_ladder_ack_path_loss", at="-")
        bench.also(name, "overflow_data_unacked", "overflow_recovered", "handshake_complete_ack_retry",
                   "synack_ladder_accept_overflow")
    if late and climbed:
        bench.intend(name, "synack_ladder_accept_overflow", **OVERFLOW)
    if forgotten:
        # Nothing else resets here: the request had died, pruned or at the end of its ladder.
        bench.intend(name, "overflow_rst_after_expiry", **OVERFLOW)
        bench.intend(name, "rst_request_expired", **OVERFLOW)
        bench.also(name, "overflow_lost", "synack_ladder_pruned", "handshake_half_open")
    if customer.state == "gave up while waiting":
        # It closed before the answer: the answer, or its FIN, met a socket that was gone.
        bench.intend(name, "synack_ladder_no_ack", at="-")
        bench.also(name, "overflow_client_fin_unacked", "overflow_rst_after_expiry", "rst_request_expired",
                   "overflow_lost", "synack_ladder_pruned", "handshake_half_open", "rst_data_after_close",
                   "rst_no_socket", "close_half_then_rst", "close_rst_reply", "close_rst_both_fin",
                   "close_fin_unacked", "close_fin_retry")
    return None


def tell_residents(bench, service, resumed, places):
    """Who sat in the accept queue all the time: those accepted first after the application resumed."""
    queued = [f"{peer}:{port}" for at, peer, port in service.accepted if at >= resumed][:places]
    bench.truth(f"the first {len(queued)} accepted after the stall, the queue's residents, in order: "
                + " ".join(queued))


@case("queue/rec_slow_service",
      "A service accepts two connections per second while nearly three arrive, for more than two minutes: its queue is "
      "full all the time and it never stops working.",
      says={"server.TcpExtListenOverflows": "> 150", "server.TcpPassiveOpens": "> 150",
            "server.TcpExtSyncookiesSent": "== 0"},
      bench={"hosts": 6, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}}, snaplen=96, limit=200)
def slow_service(bench):
    """A LAN without delay, backlog 16 (17 places). One worker needs 0.5 s per request; 2.8 clients per second arrive
    for 130 s and lose patience after 20 s. A neighbour on 8081 is served well, one in three seconds."""
    slow = bench.start(apps.Service(bench.listen(SERVICE, backlog=16), work=.5))
    bench.start(apps.Service(bench.listen(NEIGHBOUR)))
    crowd = bench.start(apps.Crowd(bench, 2.8, 130, SERVICE, patience=20, seed=4))
    beside = bench.start(apps.Crowd(bench, .33, 130, NEIGHBOUR, seed=5))
    bench.truth(f"8080 customers: {crowd.wait(160)}")
    bench.truth(f"8081 customers: {beside.wait(10)}")
    bench.truth(f"the application accepted {len(slow.accepted)} connections")
    mean_crowd(bench, crowd, beside, late=Ledger(bench).admitted_late())


@case("queue/rec_pruned",
      "More than half of the SYN queue is taken by requests that nobody acknowledges: the older ones get two "
      "repetitions instead of five.",
      says={"server.TcpExtTCPSynRetrans": ">= 30"}, bench={"server_sysctl": {"net.ipv4.tcp_syncookies": 0}}, limit=100)
def pruned(bench):
    """Backlog 16. Twelve hand-made SYNs, ports 40001 to 40012, 50 ms apart, from a silent address: some ladders end
    after two repetitions, the others go on for 63 s. Port 40020 is an ordinary connection, served meanwhile."""
    listener = bench.listen(backlog=16)
    injector = Injector(bench)
    for port in range(40001, 40013):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", 1000 * port,
                      options=bytes.fromhex("020405b4 0402 080a 0000a000 00000000 01 030307"), ip_id=port)
        time.sleep(.05)
    client, server = bench.pair(listener, 40020)
    exchange(client, server)
    client.close()
    server.close()
    time.sleep(66)
    injector.close()
    mean_silent(bench, [f"{bench.ghost4}:{port}" for port in range(40001, 40013)])
    bench.bystander(40020)


def mean_silent(bench, clients, port=SERVICE):
    """The intent of half-open connections: those whose ladder ended after two rungs were pruned."""
    rungs = Ledger(bench, port).rungs
    bench.intend(clients, "synack_ladder_no_ack", server="certain", middle="probable", client="possible")
    bench.intend(clients, "handshake_half_open", server="certain", middle="probable", client="possible")
    for client in clients:
        pruned = rungs[client] == 2
        bench.intend(client, "synack_ladder_pruned", **({"server": "certain", "middle": "probable"} if pruned else {}))


@case("queue/rec_defer_accept",
      "The listener defers: silent clients are not handed to the application until they send something, or until the "
      "SYN+ACK was repeated once, seven seconds later.",
      says={"server.TcpExtTCPDeferAcceptDrop": ">= 3", "server.TcpExtTCPSynRetrans": "== 2",
            "server.TcpPassiveOpens": "== 5"})
def defer_accept(bench):
    """TCP_DEFER_ACCEPT=5, IPv4 and IPv6. Port 40001 asks at once. Ports 40002 and 40003 (IPv6) are silent: one SYN+ACK
    after 7 s, whose ACK opens the connection; they ask after 9 s. Port 40004 asks after 2 s. Port 40005 closes after
    3 s without a word."""
    bench.option("server", 8080, "TCP_DEFER_ACCEPT", 5)
    bench.intend((40002, 40003), "synack_defer_accept", at="certain")
    bench.bystander((40001, 40004, 40005))

    def setup(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
    bench.start(apps.Service(bench.listen(setup=setup), bench.listen(v6=True, setup=setup)))
    start = time.time()
    clients = {port: bench.dial(port, v6=port == 40003) for port in range(40001, 40006)}
    for port, instant in ((40001, 0), (40004, 2), (40005, 3), (40002, 9), (40003, 9)):
        time.sleep(max(0, start + instant - time.time()))
        if port != 40005:
            clients[port].sendall(apps.KEEP)
            clients[port].recv(4096)
        clients[port].close()


@case("queue/rec_defer_asked",
      "The listener defers and all its clients ask at once: each bare ACK is dropped, which no segment shows.",
      says={"server.TcpExtTCPDeferAcceptDrop": "== 12", "server.TcpExtTCPSynRetrans": "== 0",
            "server.TcpPassiveOpens": "== 12"})
def defer_asked(bench):
    """TCP_DEFER_ACCEPT=3. Ports 40001 to 40012 connect, ask at once and close."""
    bench.option("server", 8080, "TCP_DEFER_ACCEPT", 3)

    def setup(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 3)
    bench.start(apps.Service(bench.listen(setup=setup)))
    for port in range(40001, 40013):
        client = bench.dial(port)
        client.sendall(apps.KEEP)
        client.recv(4096)
        client.close()
        time.sleep(.05)
    bench.bystander("*")


@case("queue/rec_defer_overflow",
      "The listener defers and its accept queue is full: who asked is refused, and the request, whose SYN+ACK is repeated once "
      "only, late, is forgotten four seconds after that.",
      says={"server.TcpExtTCPDeferAcceptDrop": "== 9", "server.TcpExtTCPSynRetrans": "== 4",
            "server.TcpExtListenOverflows": "> 16", "server.TcpPassiveOpens": "== 5"},
      bench={"delay": .03, "server_sysctl": {"net.ipv4.tcp_synack_retries": 2}}, limit=60)
def defer_overflow(bench):
    """TCP_DEFER_ACCEPT=3, backlog 4 (five places), tcp_synack_retries=2, 30 ms each way. 40001 to 40004 ask and fill four places;
    then 40011 to 40015 connect and ask at once, and 40011 gets the last place. The others repeat what they asked; the SYN+ACK
    comes again after 3 s, its ACK is refused as well, and after 7 s the next repetition draws a RST. Nobody accepts."""
    bench.option("server", 8080, "TCP_DEFER_ACCEPT", 3)

    def setup(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 3)
    bench.listen(backlog=4, setup=setup)
    for port in range(40001, 40005):
        bench.dial(port).sendall(apps.KEEP)
    time.sleep(.2)
    clients = [bench.dial(port, wait=0) for port in range(40011, 40016)]
    time.sleep(.15)
    for client in clients:
        client.sendall(apps.KEEP)
    time.sleep(15)
    mean_overflow(bench, expired=REFUSED)
    bench.intend(REFUSED, "overflow_data_unacked", **OVERFLOW)
    bench.intend(REFUSED, "overflow_lost", **OVERFLOW)
    bench.also(REFUSED, "synack_defer_accept", "handshake_half_open")


@case("queue/rec_small_queue_burst",
      "A service that is fast enough has a queue of two places: of six clients that come in one instant some find it full, though "
      "it is empty again a moment later.",
      says={"server.TcpExtListenOverflows": ">= 10", "server.TcpPassiveOpens": "== 90"},
      bench={"hosts": 6, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}}, snaplen=96, limit=60)
def small_queue_burst(bench):
    """A LAN without delay, backlog 1 (two places). Six clients at a time, five times a second, for 3 s."""
    bench.start(apps.Service(bench.listen(SERVICE, backlog=1)))
    crowd = bench.start(apps.Crowd(bench, 30, 3, SERVICE, seed=77, burst=6))
    bench.truth(f"8080 customers: {crowd.wait(30)}")
    time.sleep(.2)
    dropped = set(bench.repeated_syns(SERVICE))
    for customer in crowd.customers:
        if customer.name in dropped:
            bench.intend(customer.name, "handshake_complete_syn_retry", at="certain")
            bench.also(customer.name, "syn_drop_accept_full", "handshake_synack_cookie")
        else:
            bench.bystander(customer.name)
    bench.also("listener:8080", "overflow_interval", "syncookie_interval")


@case("queue/rec_bursts_then_freeze",
      "A queue of two places is now and then full for a moment, for clients come six at a time; then the service hangs for a second and a half.",
      says={"server.TcpExtListenOverflows": ">= 40", "server.TcpPassiveOpens": "== 150", "server.TcpExtSyncookiesSent": "== 0"},
      bench={"hosts": 6, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"},
             "server_sysctl": {"net.ipv4.tcp_syncookies": 0}}, snaplen=96, limit=60)
def bursts_then_freeze(bench):
    """A LAN without delay, backlog 1 (two places), no SYN cookies. Six clients at a time, five times a second, for 5 s. From 2.2 s
    to 3.7 s the application hangs."""
    service = bench.start(apps.Service(bench.listen(SERVICE, backlog=1)))
    crowd = bench.start(apps.Crowd(bench, 30, 5, SERVICE, seed=78, burst=6))
    hang(bench, service, 2.2, 1.5)
    bench.truth(f"8080 customers: {crowd.wait(30)}")
    time.sleep(.2)
    dropped = set(bench.repeated_syns(SERVICE))
    for customer in crowd.customers:
        if customer.name in dropped:
            bench.intend(customer.name, "handshake_complete_syn_retry", at="certain")
            bench.also(customer.name, "syn_drop_accept_full")
        else:
            bench.bystander(customer.name)
    bench.intend("listener:8080", "overflow_interval", server="certain", client="-")


@case("queue/rec_freeze_on_lossy_path",
      "A service hangs for four seconds while the path to its host's clients loses one segment in seven: that these repeat what was "
      "acknowledged long since is the path's doing, the full queue is not.",
      says={"server.TcpExtListenOverflows": ">= 10", "server.TcpExtSyncookiesSent": "== 0"},
      bench={"hosts": 3, "delay": .03, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"},
             "server_sysctl": {"net.ipv4.tcp_syncookies": 0}}, snaplen=96, limit=60)
def freeze_on_lossy_path(bench):
    """No SYN cookies, 30 ms each way, of both directions 15 % are lost behind the server's tap. To 8080 (backlog 2, three places) three clients come
    each second for 7 s; its application hangs from 2 s to 6 s. To 8081 sixteen come, and ask three times."""
    service = bench.start(apps.Service(bench.listen(SERVICE, backlog=2)))
    bench.start(apps.Service(bench.listen(NEIGHBOUR, backlog=32)))
    bench.relay.policy = Loss(.15, 3)
    crowds = {SERVICE: bench.start(apps.Crowd(bench, 3, 7, SERVICE, seed=79, patience=30)),
              NEIGHBOUR: bench.start(apps.Crowd(bench, 16, 7, NEIGHBOUR, seed=80, asks=3, patience=30))}
    hang(bench, service, 2, 4)
    for port, crowd in crowds.items():
        bench.truth(f"{port} customers: {crowd.wait(40)}")
    time.sleep(.5)
    for crowd in crowds.values():
        for customer in crowd.customers:
            bench.bystander(customer.name)
            bench.also(customer.name, *LOSSY)
    bench.intend("listener:8080", "overflow_interval", server="certain")
    bench.bystander("listener:8081")


@case("queue/rec_flood_then_slow",
      "Half-open connections of a flood fill the SYN queue of a service that is slow: so SYNs are dropped for two reasons, one after the "
      "other, and at different numbers of waiting connections.",
      says={"server.TcpExtListenOverflows": ">= 50", "server.TcpExtTCPReqQFullDrop": ">= 100", "server.TcpExtSyncookiesSent": "== 0"},
      bench={"client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"},
             "server_sysctl": {"net.ipv4.tcp_syncookies": 0}}, snaplen=68, limit=90)
def flood_then_slow(bench):
    """A LAN without delay, backlog 64 (65 places), no SYN cookies. The service works 0.4 s for each request; 16 customers come each
    second for 14 s. After 1.5 s 600 SYNs of an address that keeps silent come within 1.2 s; their requests are pruned one by one."""
    service = bench.start(apps.Service(bench.listen(SERVICE, backlog=64), work=.4))
    crowd = bench.start(apps.Crowd(bench, 16, 14, SERVICE, seed=81, asks=2, patience=10))
    time.sleep(1.5)
    bench.fact("flood")
    injector = Injector(bench)
    for at in range(600):
        injector.send(bench.ghost4, 1024 + at, bench.server4, SERVICE, "S", 1000 * at, options=bytes.fromhex("020405b4"), ip_id=at)
        time.sleep(.002)
    injector.close()
    time.sleep(14)
    bench.truth(f"8080 customers: {crowd.wait(20)}")
    ghosts = [f"{bench.ghost4}:{1024 + at}" for at in range(600)]
    bench.bystander([*ghosts, *(customer.name for customer in crowd.customers)])
    bench.also(ghosts, "handshake_syn_only", "handshake_half_open", "synack_ladder_no_ack", "synack_ladder_pruned",
               "syn_drop_synq_full", "syn_drop_accept_full")
    bench.also([customer.name for customer in crowd.customers], *LOSSY, *FORGOTTEN)
    for finding in ("overflow_interval", "synq_full_interval"):
        bench.intend("listener:8080", finding, server="certain")
    bench.also("listener:8080", "syn_flood_direct")


@case("queue/rec_bursts_one_place",
      "Clients come six at a time to a queue of one place, and a service that empties it at once: SYNs are dropped and the payload of "
      "SYN cookies is refused, but no number of waiting connections tells when.",
      says={"server.TcpExtListenOverflows": ">= 30", "server.TcpExtSyncookiesSent": ">= 10"},
      bench={"hosts": 3, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}}, snaplen=68, limit=60)
def bursts_one_place(bench):
    """A LAN without delay, backlog 0 (one place). Six clients at a time, five times a second, for 5 s; each asks twice and
    gets 3 kB."""
    bench.start(apps.Service(bench.listen(SERVICE, backlog=0), answer=b"x" * 3000 + b"\n"))
    crowd = bench.start(apps.Crowd(bench, 30, 5, SERVICE, seed=82, burst=6, asks=2, patience=30))
    bench.truth(f"8080 customers: {crowd.wait(30)}")
    time.sleep(.2)
    for customer in crowd.customers:
        bench.bystander(customer.name)
        bench.also(customer.name, *LOSSY, *FORGOTTEN, "handshake_cookie_ack_lost_state", "handshake_synack_cookie")
    bench.intend("listener:8080", "overflow_interval", server="possible", client="-")
    bench.also("listener:8080", "syncookie_interval")


@case("queue/rec_reuseport_one_frozen",
      "Four workers share port 8080 by SO_REUSEPORT and one hangs: only the clients that hash to it wait or are "
      "dropped.",
      says={"server.TcpExtListenOverflows": "> 20", "server.TcpExtTCPSynRetrans": "== 0"},
      bench={"hosts": 6, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}}, snaplen=96, limit=60)
def reuseport_one_frozen(bench):
    """A LAN without delay, four listeners with backlog 8 (9 places each). 16 connections per second for 14 s; from 3 s
    to 11 s worker 1 hangs, the other three serve on. The kernel chooses the worker by a hash of the addresses and
    ports."""
    def share(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    workers = [bench.start(apps.Service(bench.listen(backlog=8, setup=share))) for _ in range(4)]
    crowd = bench.start(apps.Crowd(bench, 16, 14, SERVICE, seed=6))
    time.sleep(3)
    workers[0].freeze()
    bench.fact("stall_start: worker 1 of 4 hangs")
    time.sleep(8)
    bench.fact("stall_end: worker 1 resumes")
    resumed = time.time()
    workers[0].resume()
    bench.truth(f"8080 customers: {crowd.wait(30)}")
    tell_residents(bench, workers[0], resumed, 9)
    mean_crowd(bench, crowd)


@case("queue/rec_overflow_ladder_v6",
      "The same overflow over IPv6, two of its four clients without timestamps: neither IP identification nor "
      "timestamps help to tell who spoke.",
      says={"server.TcpExtTCPSynRetrans": "== 12", "server.TcpExtListenOverflows": "> 14", "server.TcpOutRsts": "== 3",
            "server.TcpPassiveOpens": "== 5"},
      bench={"delay": .03, "client_sysctl": SHORT_SYN_LADDER, "server_sysctl": {"net.ipv4.tcp_synack_retries": 3}},
      client_view=True, limit=60)
def overflow_ladder_v6(bench):
    """Backlog 4 (five places), tcp_synack_retries=3 (the request dies after 15 s), 30 ms each way. 40011 takes the last
    place. 40012 (no timestamps) and 40013 repeat their request to the end and beyond; 40014 (no timestamps) is silent
    until 18 s, when its data draws a RST; 40015 is silent for ever. The SYNs of 40021 and 40022 are dropped."""
    listener = bench.listen(backlog=4, v6=True)
    clients = fill_and_crowd(bench, listener, data=(40011, 40012, 40013), plain=(40012, 40014))[1]
    come_late(bench, clients[40014], patience=6, speaks=18, v6=True)
    time.sleep(3)
    mean_ladder(bench)


@case("queue/rec_overflow_cookies",
      "The accept queue overflows while SYN cookies are sent: a refused ACK leaves nothing at the server, which "
      "repeats no SYN+ACK and forgets; the client's own repetitions are all that can still open the connection.",
      says={"server.TcpExtTCPSynRetrans": "== 0", "server.TcpExtListenOverflows": "> 8",
            "server.TcpPassiveOpens": "== 9", "server.TcpExtSyncookiesFailed": ">= 1", "server.TcpOutRsts": "== 1"},
      bench={"delay": .03, "server_sysctl": {"net.ipv4.tcp_syncookies": 2}}, client_view=True, limit=180)
def overflow_cookies(bench):
    """Backlog 4 (five places), tcp_syncookies=2, 30 ms each way; all but 40011 and 40012 without timestamps, so that
    their SYN+ACK holds the MSS alone. 40001 to 40004 and 40011 fill the queue, the ACKs of the others are refused.
    40012 and 40013 send their request and repeat it; the application accepts again after 5 s and their next repetition
    opens the connection. 40014 asks too, but its TCP_USER_TIMEOUT of 2 s ends it before. 40015 is silent until 124 s,
    when its cookie is dead: its data draws a RST. The SYNs of 40021 and 40022 are dropped for five seconds."""
    listener = bench.listen(backlog=4)
    plain = (*range(40001, 40005), 40013, 40014, 40015)
    early, clients = fill_and_crowd(bench, listener, plain=plain)
    clients[40014].setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 2000)
    for port in (40011, 40012, 40013, 40014):
        clients[port].sendall(apps.KEEP)
    start = time.time()
    with without_timestamps(bench):
        late = [bench.dial(port, wait=0) for port in (40021, 40022)]
        time.sleep(5.5)
    bench.fact("the application accepts again")
    bench.start(apps.Service(listener))
    time.sleep(6)
    for sock in (*early[1:], *late):
        sock.sendall(apps.KEEP)
    time.sleep(1)
    for sock in (*early, *late, clients[40011], clients[40012], clients[40013]):
        sock.recv(4096)
        sock.close()
    time.sleep(max(0, start + 124 - time.time()))
    bench.fact("port 40015 sends its first data")
    clients[40015].sendall(apps.KEEP)
    time.sleep(1)
    mean_cookies(bench, plain)


def mean_cookies(bench, plain):
    # What a SYN+ACK lacks although it was offered proves the cookie; with timestamps the siblings and a skewed clock.
    bench.intend("listener:8080", "overflow_interval", **OVERFLOW)
    bench.intend((*plain, 40011, 40012, 40021, 40022), "handshake_synack_cookie", at="certain")
    bench.intend("listener:8080", "syncookie_interval", **OVERFLOW)
    bench.intend((40014, 40015), "handshake_cookie_ack_lost_state", server="probable", client="possible")
    bench.also((40012, 40013), "handshake_cookie_ack_lost_state", "overflow_recovered")
    bench.also(range(40012, 40015), "overflow_data_unacked")
    bench.also((40014, 40015), "overflow_lost", "close_timeout_silent", "close_rst_reply", "half_open_discovered",
               "rst_no_socket", "rst_request_expired")
    bench.intend((40021, 40022), "syn_drop_accept_full", **OVERFLOW)
    bench.also((40021, 40022), "handshake_complete_syn_retry")


@case("queue/rec_cookie_failed",
      "A cookie's ACK and the payload behind it are lost on the way, and the FIN that comes instead proves nothing to the server: it "
      "resets what it does not know. No queue is full.",
      says={"server.TcpExtListenOverflows": "== 0", "server.TcpExtSyncookiesFailed": "== 2", "server.TcpPassiveOpens": "== 6"},
      bench={"router": True, "delay": .003, "server_sysctl": {"net.ipv4.tcp_syncookies": 2}}, client_view=True, limit=60)
def cookie_failed(bench):
    """tcp_syncookies=2, 3 ms each way. 40001 to 40006 are served. The router drops what 40011 and 40012 send but SYN and FIN:
    they ask and close, 40011 after 0.3 s and 40012 after 1.6 s."""
    bench.start(apps.Service(bench.listen()))
    for port in range(40001, 40007):
        client = bench.dial(port)
        client.sendall(apps.KEEP)
        client.recv(4096)
        client.close()
    with bench.middle.filtering("tcp sport { 40011, 40012 } tcp flags & (syn|fin) == 0", hook="forward"):
        clients = [bench.dial(port) for port in (40011, 40012)]
        for client, wait in zip(clients, (.3, 1.3)):
            time.sleep(wait)
            client.sendall(apps.KEEP)
            client.close()
        time.sleep(2)
    bench.intend(range(40001, 40007), "handshake_synack_cookie", server="certain", client="probable")
    bench.intend((40011, 40012), "handshake_cookie_ack_lost_state", server="probable")
    bench.also((40011, 40012), "handshake_synack_cookie")
    bench.intend("listener:8080", "syncookie_interval", server="certain", client="probable")
    bench.intend((40011, 40012), "rst_no_socket", server="certain", client="probable")
    bench.intend((40011, 40012), "rst_abort_on_overflow", server="-")
    bench.intend("listener:8080", "overflow_interval", at="-")


@case("queue/rec_abort_pairs",
      "Clients come in pairs to a queue of one place: the second one, with a SYN cookie, has it before the first one's payload, "
      "deferred, comes. tcp_abort_on_overflow=1 resets that one; no SYN meets a full queue.",
      says={"server.TcpExtListenOverflows": "== 24", "server.TcpExtListenDrops": "== 24", "server.TcpExtEmbryonicRsts": "== 24",
            "server.TcpPassiveOpens": "== 24", "server.TcpExtTCPReqQFullDoCookies": "== 24"},
      bench={"delay": .03, "server_sysctl": {"net.ipv4.tcp_abort_on_overflow": 1}}, client_view=True, limit=60)
def abort_pairs(bench):
    """TCP_DEFER_ACCEPT=3, backlog 0, tcp_syncookies=1, 30 ms each way. 24 times: 40101 and on get a request, 40201 and on a cookie;
    all ask 0.15 s later, and 0.1 s after that the application accepts, answers, and closes."""
    bench.option("server", 8080, "TCP_DEFER_ACCEPT", 3)

    def setup(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 3)
    listener = bench.listen(backlog=0, setup=setup)
    for at in range(1, 25):
        pair = [bench.dial(base + at, wait=0) for base in (40100, 40200)]
        time.sleep(.15)
        for client in pair:
            client.sendall(apps.KEEP)
        time.sleep(.1)
        served = listener.accept()[0]
        served.recv(4096)
        served.sendall(b"answer\n")
        served.close()
        time.sleep(.1)
        for client in pair:
            client.close()
        time.sleep(.1)
    bench.intend(range(40101, 40125), "rst_abort_on_overflow", server="certain", client="possible")
    bench.intend("listener:8080", "overflow_interval", server="certain")
    bench.intend(range(40201, 40225), "handshake_synack_cookie", server="certain", client="probable")
    bench.intend("listener:8080", "syncookie_interval", server="certain", client="probable")
    bench.also(range(40101, 40125), "handshake_half_open", "close_rst_reply")
    bench.also(range(40201, 40225), "close_rst_by_passive", "rst_unread_data")  # the client closes with the answer unread


@case("queue/rec_cookies_v6",
      "Over IPv6, without timestamps, every third client gets a SYN cookie: nothing tells but the options that the others got.",
      says={"server.TcpExtSyncookiesSent": "== 6", "server.TcpExtSyncookiesRecv": "== 6", "server.TcpExtListenOverflows": "== 0",
            "server.TcpPassiveOpens": "== 19"},
      bench={"delay": .03}, client_view=True, limit=60)
def cookies_v6(bench):
    """Backlog 1, tcp_syncookies=1, 30 ms each way; but for 40200, which comes first, no client has timestamps. Six times three
    clients: two, from 40001 and on, at once, and 15 ms later one, from 40101 and on, that finds their two requests. All ask,
    and are served."""
    bench.start(apps.Service(bench.listen(backlog=1, v6=True)))
    first = bench.dial(40200, v6=True)
    first.sendall(apps.KEEP)
    first.recv(4096)
    first.close()
    with without_timestamps(bench):
        for at in range(6):
            clients = [bench.dial(40001 + 2 * at + one, v6=True, wait=0) for one in (0, 1)]
            time.sleep(.015)
            clients.append(bench.dial(40101 + at, v6=True, wait=0))
            time.sleep(.15)
            for client in clients:
                client.sendall(apps.KEEP)
                client.recv(4096)
                client.close()
            time.sleep(.2)
    bench.bystander([40200, *range(40001, 40013)])
    bench.intend(range(40101, 40107), "handshake_synack_cookie", at="probable")
    bench.intend("listener:8080", "syncookie_interval", server="certain", client="probable")


@case("queue/rec_cookies_refused",
      "Of SYN cookies one at a time finds a place in the queue: the other clients take themselves for connected and send their payload "
      "again and again. From their side a path that died looks the same; but others are answered meanwhile.",
      says={"server.TcpExtSyncookiesSent": "== 16", "server.TcpPassiveOpens": "== 9", "server.TcpExtListenOverflows": ">= 30"},
      bench={"delay": .03, "server_sysctl": {"net.ipv4.tcp_syncookies": 2}}, client_view=True, limit=60)
def cookies_refused(bench):
    """Backlog 0, tcp_syncookies=2, 30 ms each way. 40001 to 40005 are served, one after another. 40011 to 40018 come at once; one of
    them, whichever came first, takes the place, and 0.8 s later the application serves it, when 40021 comes, likewise after 1.6 s, when
    40022 comes, and after 3.2 s, when 40023 comes. So the place is never free when one of the seven repeats its payload; after 3.7 s
    they give up."""
    refused, served = race_for_place(bench, bench.listen(backlog=0))
    bench.intend(refused, "handshake_cookie_ack_lost_state", server="probable", client="possible")
    bench.intend(served, "handshake_synack_cookie", server="certain", client="probable")
    bench.intend("listener:8080", "syncookie_interval", server="certain", client="probable")


def race_for_place(bench, listener):
    """(ports that are refused, ports that are served)"""
    ports, others = range(40011, 40019), (40021, 40022, 40023)
    for port in range(40001, 40006):
        client, server = bench.pair(listener, port)
        exchange(client, server)
        client.close()
        server.close()
    clients = {port: bench.dial(port, wait=0) for port in ports}
    time.sleep(.1)
    start = time.monotonic()
    for client in clients.values():
        client.sendall(apps.KEEP)
    served = []
    for port, at in zip((*others, None), (.8, 1.6, 3.2, 3.6)):
        time.sleep(max(0, start + at - time.monotonic()))
        server, peer = listener.accept()
        served.append(peer[1])
        if port:
            clients[port] = bench.dial(port, wait=0)
            time.sleep(.15)
        if peer[1] in others:
            clients[peer[1]].sendall(apps.KEEP)
        server.recv(4096)
        server.sendall(apps.ANSWER)
        clients[peer[1]].recv(4096)
        clients.pop(peer[1]).close()
        server.close()
    for client in clients.values():
        reset(client)
    return sorted(clients), [*range(40001, 40006), *served]


@case("queue/rec_fin_makes_child",
      "While the queue is full a client's ACK and payload are refused; then it has a place again, and the client's FIN makes the "
      "connection: it lies behind a hole, until the payload comes once more.",
      says={"server.TcpPassiveOpens": "== 9", "server.TcpExtListenOverflows": ">= 15", "server.TcpExtSyncookiesSent": "== 0"},
      bench={"delay": .03}, client_view=True)
def fin_makes_child(bench):
    """Backlog 1 (two places), 30 ms each way. Three times a client takes a place, a second one the other, a third, whose SYN had come
    before that, asks in vain, and a fourth finds the queue full. Then the application accepts the first, and the third closes its half,
    before its first timeout: 40003 after 0.5 s; 40013 and, over IPv6, 40023 have no time stamps and lost their first SYN, so that the
    timeout comes after 3 s: they close when the SYN+ACK has been repeated. Later the second and the third are accepted, and the
    third is answered; the fourth (40004, 40014, 40024) gives up."""
    four, six, ports = bench.listen(backlog=1), bench.listen(backlog=1, v6=True), (40001, 40011, 40021)
    bench.relay.policy = wire.any_of(*(wire.drop_first(1, "S", sport=port + 2) for port in ports[1:]))
    for port in ports:
        listener, plain = six if port == 40021 else four, port != 40001
        with without_timestamps(bench, plain):
            first = bench.dial(port, v6=listener is six)
            late = bench.dial(port + 2, v6=listener is six, wait=0) if plain else None
            time.sleep(.98 if plain else 0)
            second = bench.dial(port + 1, v6=listener is six, wait=0)
            late = late or bench.dial(port + 2, v6=listener is six, wait=0)
            time.sleep(.2)
        late.sendall(apps.KEEP)
        dropped = bench.dial(port + 3, v6=listener is six, wait=0)
        time.sleep(1.4 if plain else .3)
        accepted = [listener.accept()[0]]
        late.shutdown(socket.SHUT_WR)
        time.sleep(3 if plain else 1)
        accepted += [listener.accept()[0] for _ in (second, late)]
        accepted[-1].recv(4096)
        accepted[-1].sendall(apps.ANSWER)
        accepted[-1].close()
        while late.recv(4096):
            pass
        for sock in (*accepted, first, second, late, dropped):
            sock.close()
        time.sleep(.3)
    bench.bystander([port + one for port in ports for one in (0, 1, 2)])
    for finding in ("synack_ladder_accept_overflow", "overflow_recovered"):
        bench.intend((40013, 40023), finding, server="probable", client="possible" if "ladder" in finding else "-")
    bench.intend((40004, 40014, 40024), "syn_drop_accept_full", server="probable", client="-")
    bench.intend((40013, 40023), "handshake_complete_syn_retry", server="-", client="certain")
    # One rung: from the client's side the path explains it as well.
    bench.also((40013, 40023), "handshake_complete_ack_retry", "overflow_data_unacked", "synack_ladder_ack_path_loss")
    bench.also((40004, 40014, 40024), "handshake_no_answer")
    bench.intend("listener:8080", "overflow_interval", server="probable", client="-")


@case("queue/rec_defer_accept_short",
      "The listener defers by one second: ten silent clients get exactly one repeated SYN+ACK each, as if their "
      "ACK had been lost.",
      says={"server.TcpExtTCPDeferAcceptDrop": "== 13", "server.TcpExtTCPSynRetrans": "== 10",
            "server.TcpExtListenOverflows": "== 0", "server.TcpPassiveOpens": "== 13"},
      bench={"delay": .005}, client_view=True)
def defer_accept_short(bench):
    """TCP_DEFER_ACCEPT=1, IPv4 and IPv6, 5 ms each way. Ports 40001 to 40005 and, over IPv6, 40006 to 40010
    are silent for some 4 s and then ask. Ports 40011, 40012 (IPv6) and 40013 ask at once."""
    def setup(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    bench.option("server", 8080, "TCP_DEFER_ACCEPT", 1)
    idle, quick, six = range(40001, 40011), (40011, 40012, 40013), (*range(40006, 40011), 40012)
    bench.intend(idle, "synack_defer_accept", at="probable")
    bench.intend(idle, "synack_ladder_accept_overflow", at="-")
    bench.also(idle, "handshake_complete_ack_retry")  # literally so: the first ACK did not open it
    bench.bystander(quick)
    bench.bystander("listener:8080")
    bench.start(apps.Service(bench.listen(setup=setup), bench.listen(v6=True, setup=setup)))
    start, clients = time.time(), {}
    for port in (*idle, *quick):
        clients[port] = bench.dial(port, v6=port in six)
        if port in quick:
            clients[port].sendall(apps.KEEP)
        time.sleep(.1)
    time.sleep(max(0, start + 4.5 - time.time()))
    for port, client in clients.items():
        if port in idle:
            client.sendall(apps.KEEP)
        client.recv(4096)
        client.close()


@case("queue/rec_backlog_zero",
      "listen(0): one place in each queue, so that of three clients at once two are answered with SYN cookies and then "
      "find the accept queue full.",
      says={"server.TcpExtTCPReqQFullDoCookies": "== 2", "server.TcpExtTCPSynRetrans": "== 0",
            "server.TcpExtListenOverflows": ">= 5", "server.TcpPassiveOpens": "== 5", "server.TcpOutRsts": "== 0"},
      bench={"delay": .03}, client_view=True)
def backlog_zero(bench):
    """Backlog 0, tcp_syncookies=1, 30 ms each way. 40001, 40002 and 40003 connect in one instant: the first request
    fills the SYN queue and then the accept queue; 40002 and 40003 (no timestamps) get cookies, their ACKs are refused
    and leave nothing. 40002 asks at once and repeats its request, 40003 is silent. The SYN of 40004 is dropped. After
    3.5 s the application accepts whatever comes; 40003 and 40005, an ordinary client, ask at 9 s."""
    listener = bench.listen(backlog=0)
    clients = {40001: bench.dial(40001, wait=0)}
    with without_timestamps(bench):
        clients.update({port: bench.dial(port, wait=0) for port in (40002, 40003)})
    time.sleep(.15)
    clients[40001].sendall(apps.KEEP)
    clients[40002].sendall(apps.KEEP)
    start = time.time()
    clients[40004] = bench.dial(40004, wait=0)
    time.sleep(3.5)
    bench.fact("the application accepts")
    bench.start(apps.Service(listener))
    time.sleep(max(0, start + 9 - time.time()))
    clients[40005] = bench.dial(40005)
    for port in (40003, 40004, 40005):
        clients[port].sendall(apps.KEEP)
    for sock in clients.values():
        sock.recv(4096)
        sock.close()
    time.sleep(.3)
    mean_overflow(bench, refused=(), dropped=(40004,), residents=(40001, 40005))
    bench.intend((40002, 40003), "handshake_synack_cookie", at="certain")
    bench.intend("listener:8080", "syncookie_interval", **OVERFLOW)
    bench.also((40002, 40003), "handshake_cookie_ack_lost_state", "overflow_recovered", "overflow_data_unacked")
    bench.also(40004, "handshake_complete_syn_retry")
