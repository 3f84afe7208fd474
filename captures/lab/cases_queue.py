# SPDX-License-Identifier: MIT
"""Scenarios of the two queues of a listener.

    SYN --> request (SYN queue) --third ACK--> child (accept queue, holds backlog + 1) --accept()--> application

Linux since 4.10 drops a SYN whose accept queue is full without any answer.  On a LAN that is
ALL one sees of an overflow.  Repeated SYN+ACKs appear only where handshakes were already in
flight when the last slot went: that is why the ladder scenarios have a slow wire.
"""

import socket
import time

import apps
from bench import NEIGHBOUR, SERVICE, Injector, exchange
from cases import case

SHORT_SYN_LADDER = {"net.ipv4.tcp_syn_retries": 1}


def fill_and_crowd(bench, listener, data=()):
    """Leave one slot of the accept queue (backlog 4) free, then let five handshakes fly at once. The first of the five,
    40011, takes the slot; 40012 to 40015 complete at the client only. `data`: ports which send their request as soon
    as they are connected."""
    v6 = listener.family == socket.AF_INET6
    early = [bench.dial(port, v6=v6) for port in range(40001, 40005)]
    early[0].sendall(b"question\n")
    time.sleep(.2)
    clients = {port: bench.dial(port, v6=v6, wait=0) for port in range(40011, 40016)}
    time.sleep(.15)
    for port in data:
        clients[port].sendall(b"question\n")
    bench.truth("the accept queue is filled by ports 40001 to 40004 and 40011; ports 40012 to 40015 find it full")
    return early, clients


@case("queue/rec_overflow_ladder",
      "The application never accepts; four handshakes in flight find the accept queue full and the server repeats their "
      "SYN+ACKs until it forgets them.",
      says={"server.TcpExtTCPSynRetrans": "== 20", "server.TcpExtListenOverflows": "> 20", "server.TcpOutRsts": "== 3"},
      bench={"delay": .03, "client_sysctl": SHORT_SYN_LADDER}, client_view=True, limit=120)
def overflow_ladder(bench):
    """Backlog 4 (five places), tcp_abort_on_overflow=0, tcp_synack_retries=5, 30 ms each way. Four early connections
    and port 40011 fill the queue. 40012 and 40013 send their request at once and repeat it; 40014 is silent until 67
    s, when its data draws a RST; 40015 is silent for ever and stays a ghost. The SYNs of 40021 and 40022 find the
    queue full and are dropped without an answer."""
    clients = fill_and_crowd(bench, bench.listen(backlog=4), data=(40011, 40012, 40013))[1]
    start = time.time()
    late = [bench.dial(port, wait=0) for port in (40021, 40022)]
    time.sleep(8)
    for sock in late:
        sock.close()
    time.sleep(max(0, start + 67 - time.time()))
    bench.fact("port 40014 sends its first data")
    clients[40014].sendall(b"question, far too late\n")
    time.sleep(5)


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
    fill_and_crowd(bench, bench.listen(backlog=4), data=(40011,))
    late = [bench.dial(port, wait=0) for port in (40021, 40022)]
    time.sleep(4)
    for sock in late:
        sock.close()


@case("queue/rec_overflow_recovered",
      "The application stalls and the accept queue overflows; after five seconds it accepts again and the waiting "
      "handshakes complete with the clients' next segments.",
      says={"server.TcpExtTCPSynRetrans": ">= 6", "server.TcpExtListenOverflows": "> 6", "server.TcpPassiveOpens": "== 9",
            "server.TcpOutRsts": "== 0"},
      bench={"delay": .03}, client_view=True)
def overflow_recovered(bench):
    """Backlog 4 (five places), 30 ms each way. Ports 40001 to 40004 and 40011 fill the queue, 40012 to 40015 climb the
    ladder; 40012 and 40013 repeat their request, 40014 and 40015 are silent. The application accepts again 5 s
    later: the queue is served at once, the four get in with their next data or ACK. All others ask after 11 s."""
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
      "A client whose handshake found the accept queue full gives up and closes: its FIN is ignored like everything else.",
      says={"server.TcpExtTCPSynRetrans": ">= 8", "server.TcpExtListenOverflows": "> 8"},
      bench={"delay": .03, "client_sysctl": {**SHORT_SYN_LADDER, "net.ipv4.tcp_orphan_retries": 4},
             "server_sysctl": {"net.ipv4.tcp_synack_retries": 3}}, limit=60)
def client_gives_up(bench):
    """Backlog 4, tcp_synack_retries=3 (the request dies after 15 s), 30 ms each way. 40012 sent its request and closes
    after 2 s, but its FIN has to wait behind the unacknowledged request; 40013, silent, closes after 5 s. 40014
    waits in vain and closes after 20 s, when the request is gone: its FIN draws a RST. 40015 stays silent."""
    clients = fill_and_crowd(bench, bench.listen(backlog=4), data=(40011, 40012))[1]
    start = time.time()
    for port, instant in ((40012, 2), (40013, 5), (40014, 20)):
        time.sleep(max(0, start + instant - time.time()))
        bench.fact(f"port {port} closes")
        clients.pop(port).close()
    time.sleep(4)


@case("queue/rec_stalled_service",
      "A service stops accepting for twelve seconds under load: its accept queue fills, new SYNs are dropped in silence, "
      "and the neighbour port on the same host never notices.",
      says={"server.TcpExtListenOverflows": "> 300", "server.TcpExtTCPSynRetrans": "== 0"},
      bench={"hosts": 6, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}},
      snaplen=96, nanoseconds=False, limit=90)
def stalled_service(bench):
    """A LAN without delay, backlog 32 (33 places). 24 connections per second from six client addresses to 8080, 4 per
    second to 8081. After 5 s the application behind 8080 hangs for 12 s, resumes, and serves everyone; clients
    retry."""
    frozen = bench.start(apps.Service(bench.listen(SERVICE, backlog=32)))
    bench.start(apps.Service(bench.listen(NEIGHBOUR, backlog=32)))
    crowd = bench.start(apps.Crowd(bench, 24, 22, SERVICE, seed=9))
    beside = bench.start(apps.Crowd(bench, 4, 24, NEIGHBOUR, seed=10))
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


def tell_residents(bench, service, resumed, places):
    """Who sat in the accept queue all the time: those accepted first after the application resumed."""
    queued = [f"{peer}:{port}" for at, peer, port in service.accepted if at >= resumed][:places]
    bench.truth(f"the first {len(queued)} accepted after the stall, the queue's residents, in order: " + " ".join(queued))


@case("queue/rec_slow_service",
      "A service accepts three connections per second while four and a half arrive, for two minutes: its queue is full "
      "all the time and it never stops working.",
      says={"server.TcpExtListenOverflows": "> 200", "server.TcpPassiveOpens": "> 300"},
      bench={"hosts": 6, "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999"}}, snaplen=96, limit=200)
def slow_service(bench):
    """A LAN without delay, backlog 16 (17 places). One worker needs 0.33 s per request; 4.5 clients per second arrive
    for 120 s and lose patience after 20 s. A neighbour on 8081 is served well at 0.5 per second."""
    slow = bench.start(apps.Service(bench.listen(SERVICE, backlog=16), work=.33))
    bench.start(apps.Service(bench.listen(NEIGHBOUR)))
    crowd = bench.start(apps.Crowd(bench, 4.5, 120, SERVICE, patience=20, seed=4))
    beside = bench.start(apps.Crowd(bench, .5, 120, NEIGHBOUR, seed=5))
    bench.truth(f"8080 customers: {crowd.wait(170)}")
    bench.truth(f"8081 customers: {beside.wait(10)}")
    bench.truth(f"the application accepted {len(slow.accepted)} connections")


@case("queue/rec_pruned",
      "More than half of the SYN queue is taken by requests that nobody acknowledges: the older ones get two repetitions "
      "instead of five.",
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


@case("queue/rec_defer_accept",
      "The listener defers: silent clients are not handed to the application until they send something, or until the "
      "SYN+ACK was repeated once, seven seconds later.",
      says={"server.TcpExtTCPDeferAcceptDrop": ">= 3", "server.TcpExtTCPSynRetrans": "== 2",
            "server.TcpPassiveOpens": "== 5"})
def defer_accept(bench):
    """TCP_DEFER_ACCEPT=5, IPv4 and IPv6. Port 40001 asks at once. Ports 40002 and 40003 (IPv6) are silent: one SYN+ACK
    after 7 s, whose ACK opens the connection; they ask after 9 s. Port 40004 asks after 2 s. Port 40005 closes after
    3 s without a word."""
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


@case("queue/rec_reuseport_one_frozen",
      "Four workers share port 8080 by SO_REUSEPORT and one hangs: only the clients that hash to it wait or are dropped.",
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
