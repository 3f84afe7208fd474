# SPDX-License-Identifier: MIT
"""Scenarios of pressure: SYN floods, crowds, scans, an incident in the middle of ordinary traffic, and a busy day.

Here the question is less what happened to one connection than whose fault it was: a flood and a crowd both fill a
queue, a scan and an outage both leave SYNs without an answer, and next to all of them somebody is served as always.
"""

import contextlib
import random
import time

import apps
import wire
from bench import NEIGHBOUR, SERVICE, Injector, exchange, read_all, reset, run
from cases import case
from cases_queue import Ledger, mean_crowd, mean_silent
from steps import CLEAN, without_timestamps

PORTS = {"net.ipv4.ip_local_port_range": "41000 59999"}  # those of the crowds; ports below are the script's own
CLOSED = 8082

# What one listener's attempts show together: whose fault it was is never certain, that cookies were sent can be.
CAUSE = {"server": "probable", "middle": "probable", "client": "possible"}
COOKIES = {"server": "certain", "middle": "probable", "client": "probable"}
SYNQ_FULL = {"server": "certain", "middle": "possible", "client": "possible"}

# Options as Linux offers them, and the same without timestamps: mss, sackOK, (timestamps,) wscale 7.
OPTIONS = bytes.fromhex("020405b4 0402 080a 0000a000 00000000 01 030307")
PLAIN_OPTIONS = bytes.fromhex("020405b4 0402 01 030307")
MSS_ONLY = bytes.fromhex("020405b4")


def ask(bench, port, **how):
    """One ordinary connection: a question, its answer, the client closes."""
    client = bench.dial(port, **how)
    client.sendall(apps.KEEP)
    client.recv(4096)
    client.close()


def wait_until(instant):
    time.sleep(max(0, instant - time.time()))


# -- the SYN queue ---------------------------------------------------------------------------------------

def fill_syn_queue(bench, injector):
    """30 SYNs of a silent address, ports 40001 to 40030, every third without timestamps: 17 places for them."""
    for port in range(40001, 40031):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", 1000 * port, ip_id=port,
                      options=PLAIN_OPTIONS if port % 3 == 0 else OPTIONS)
        time.sleep(.02)


@case("pressure/rec_synq_full_cookies0",
      "The SYN queue is full of requests that nobody acknowledges and cookies are off: further SYNs are dropped in "
      "silence although the application has nothing to do.",
      says={"server.TcpExtTCPReqQFullDrop": "> 30", "server.TcpExtListenOverflows": "== 0",
            "server.TcpExtSyncookiesSent": "== 0", "server.TcpPassiveOpens": "== 6"},
      bench={"server_sysctl": {"net.ipv4.tcp_syncookies": 0}}, limit=60)
def synq_full_cookies0(bench):
    """Backlog 16 (17 places), tcp_syncookies=0, no delay. Of 30 hand-made SYNs of a silent address 17 are taken and 13
    dropped. Ports 40101 to 40105 (40104 and 40105 without timestamps) repeat their SYNs until, 7 s after the flood, the
    kernel prunes the older half of the queue. Port 40106 comes at 14 s and gets in at once."""
    bench.start(apps.Service(bench.listen()))
    injector = Injector(bench)
    start = time.time()
    fill_syn_queue(bench, injector)
    clients = {}
    for port in range(40101, 40106):
        with without_timestamps(bench, port > 40103):
            clients[port] = bench.dial(port, wait=0)
        time.sleep(.1)
    wait_until(start + 13)
    for client in clients.values():
        client.sendall(apps.KEEP)
        client.recv(4096)
        client.close()
    wait_until(start + 14)
    ask(bench, 40106)
    wait_until(start + 34)
    injector.close()
    ghosts = [f"{bench.ghost4}:{port}" for port in range(40001, 40031)]
    mean_silent(bench, ghosts[:17])
    bench.intend(ghosts[17:], "handshake_syn_only", at="certain")
    bench.intend(list(clients), "handshake_complete_syn_retry", at="certain")
    bench.intend([*ghosts[17:], *clients], "syn_drop_synq_full", **SYNQ_FULL)
    bench.intend([*ghosts[17:], *clients], "syn_drop_accept_full", at="-")
    bench.intend("listener:8080", "overflow_interval", at="-")
    bench.intend("listener:8080", "synq_full_interval", **SYNQ_FULL)
    bench.also("listener:8080", "syn_flood_direct")  # 30 SYNs in 0.6 s: small, but one
    bench.bystander(40106)


@case("pressure/rec_synq_full_backlog_one",
      "listen(1) and no cookies: two silent SYNs fill the SYN queue, and hundreds are dropped beside them, while the accept queue "
      "stays empty.",
      says={"server.TcpExtTCPReqQFullDrop": "> 100", "server.TcpExtListenOverflows": "== 0",
            "server.TcpExtSyncookiesSent": "== 0", "server.TcpPassiveOpens": "== 7"},
      bench={"server_sysctl": {"net.ipv4.tcp_syncookies": 0}}, limit=60)
def synq_full_backlog_one(bench):
    """Backlog 1 (two places), tcp_syncookies=0, no delay. 40101 to 40103 are served. Two hand-made SYNs of a silent address
    take both places, 110 more are dropped. So are those of 40104 to 40106, until the silent address takes its two SYNs back
    after 3.5 s. 40107 gets in at once."""
    bench.start(apps.Service(bench.listen(backlog=1)))
    injector = Injector(bench)
    for port in range(40101, 40104):
        ask(bench, port)
    for port in range(41001, 41113):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", 1000 * port, ip_id=port, options=OPTIONS)
        time.sleep(.01)
    start = time.time()
    clients = [bench.dial(port, wait=0) for port in range(40104, 40107)]
    wait_until(start + 3.5)
    for port in (41001, 41002):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "R", 1000 * port + 1, ip_id=port)
    wait_until(start + 6)
    for client in clients:
        client.sendall(apps.KEEP)
        client.recv(4096)
        client.close()
    ask(bench, 40107)
    injector.close()
    ghosts = [f"{bench.ghost4}:{port}" for port in range(41001, 41113)]
    bench.intend(ghosts[:2], "handshake_half_open_rst", server="certain")
    bench.intend(ghosts[2:], "handshake_syn_only", at="certain")
    bench.intend(range(40104, 40107), "handshake_complete_syn_retry", at="certain")
    bench.intend([*ghosts[2:], *range(40104, 40107)], "syn_drop_synq_full", **SYNQ_FULL)
    bench.intend("listener:8080", "overflow_interval", at="-")
    bench.intend("listener:8080", "synq_full_interval", **SYNQ_FULL)
    bench.also("listener:8080", "syn_flood_direct")
    bench.bystander((40101, 40102, 40103, 40107))


@case("pressure/rec_synq_full_cookies1",
      "The SYN queue is full and the kernel answers further SYNs with cookies: everybody gets in, at the price of "
      "fewer options.",
      says={"server.TcpExtTCPReqQFullDoCookies": "== 18", "server.TcpExtSyncookiesRecv": "== 5",
            "server.TcpExtListenDrops": "== 0", "client.TcpExtTCPSynRetrans": "== 0"}, limit=60)
def synq_full_cookies1(bench):
    """Backlog 16 (17 places), tcp_syncookies=1, no delay. Of 30 hand-made SYNs of a silent address 17 become requests
    and 13 get one cookie each. So do ports 40101 to 40105 (40104 and 40105 without timestamps: their SYN+ACK holds the
    MSS alone). Port 40106 comes at 14 s, when half of the queue was pruned, and gets an ordinary SYN+ACK."""
    bench.start(apps.Service(bench.listen()))
    injector = Injector(bench)
    start = time.time()
    fill_syn_queue(bench, injector)
    for port in range(40101, 40106):
        with without_timestamps(bench, port > 40103):
            ask(bench, port)
        time.sleep(.1)
    wait_until(start + 14)
    ask(bench, 40106)
    wait_until(start + 34)
    injector.close()
    ghosts = {port: f"{bench.ghost4}:{port}" for port in range(40001, 40031)}
    mean_silent(bench, [ghosts[port] for port in range(40001, 40018)])
    unused = range(40018, 40031)
    mean_cookie_unused(bench, [ghosts[port] for port in unused])
    bench.intend([ghosts[port] for port in unused if port % 3 == 0], "handshake_synack_cookie", at="certain")
    bench.intend(range(40101, 40106), "handshake_synack_cookie", at="certain")
    bench.intend("listener:8080", "overflow_interval", at="-")
    bench.intend("listener:8080", "syncookie_interval", **COOKIES)
    bench.also("listener:8080", "syn_flood_direct")
    bench.bystander(40106)


@case("pressure/rec_synq_full_no_timestamps",
      "The SYN queue is full and the kernel, which has timestamps off, answers further SYNs with cookies: their SYN+ACKs "
      "hold the MSS alone, whatever the clients offer.",
      says={"server.TcpExtTCPReqQFullDoCookies": "== 18", "server.TcpExtSyncookiesRecv": "== 5",
            "server.TcpExtListenDrops": "== 0", "client.TcpExtTCPSynRetrans": "== 0"},
      bench={"server_sysctl": {"net.ipv4.tcp_timestamps": 0}}, limit=60)
def synq_full_no_timestamps(bench):
    """Backlog 16 (17 places), tcp_syncookies=1, tcp_timestamps=0 at the server only, no delay. Port 40100 is an ordinary
    connection before it all. Of 30 hand-made SYNs of a silent address 17 become requests and 13 get one cookie each. So
    do ports 40101 to 40105."""
    bench.start(apps.Service(bench.listen()))
    injector = Injector(bench)
    ask(bench, 40100)
    time.sleep(.2)
    start = time.time()
    fill_syn_queue(bench, injector)
    for port in range(40101, 40106):
        ask(bench, port)
        time.sleep(.1)
    wait_until(start + 6)
    injector.close()
    ghosts = [f"{bench.ghost4}:{port}" for port in range(40001, 40031)]
    bench.intend(ghosts[:17], "handshake_half_open", server="certain", middle="probable", client="possible")
    bench.also(ghosts[:17], "synack_ladder_no_ack")
    mean_cookie_unused(bench, ghosts[17:])
    bench.intend(ghosts[17:], "handshake_synack_cookie", at="certain")
    bench.intend(range(40101, 40106), "handshake_synack_cookie", at="certain")
    bench.intend("listener:8080", "overflow_interval", at="-")
    bench.intend("listener:8080", "syncookie_interval", **COOKIES)
    bench.also("listener:8080", "syn_flood_direct")
    bench.bystander(40100)


@case("pressure/rec_cookie_lost",
      "A SYN is answered by a cookie that does not arrive, and then the accept queue fills: no request remembers the client, so "
      "the copies of its SYN are dropped like new ones.",
      says={"server.TcpExtListenOverflows": "== 8", "server.TcpExtSyncookiesSent": "== 6",
            "server.TcpPassiveOpens": "== 5"}, limit=60)
def cookie_lost(bench):
    """Backlog 2 (three places in either queue), tcp_syncookies=1, no delay. Three SYNs of a silent address fill the SYN queue.
    The SYN+ACKs to 40101 and, half a second later, 40102 are dropped by the client's host. Then 40011 to 40013 connect by
    cookies and ask, so that the accept queue is full, and each of the two repeats its SYN four times in vain, a second apart. From 4.8 s on the application
    accepts: 40101 gets another cookie at 5 s. The silent address takes its SYNs back at 5.2 s, and 40102 gets a request."""
    listener = bench.listen(backlog=2)
    injector = Injector(bench)
    for port in range(40001, 40004):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", 1000 * port, ip_id=port, options=OPTIONS)
    time.sleep(.1)
    start = time.time()
    with bench.client.filtering("tcp dport { 40101, 40102 }"):
        clients = [bench.dial(40101, wait=0)]
        wait_until(start + .5)
        clients.append(bench.dial(40102, wait=0))
        time.sleep(.1)
    for port in range(40011, 40014):
        clients.append(bench.dial(port))
        clients[-1].sendall(apps.KEEP)
    wait_until(start + 4.8)
    bench.fact("the application accepts")
    bench.start(apps.Service(listener))
    wait_until(start + 5.2)
    for port in range(40001, 40004):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "R", 1000 * port + 1, ip_id=port)
    wait_until(start + 6)
    for client in clients:
        if client in clients[:2]:
            client.sendall(apps.KEEP)
        client.recv(4096)
        client.close()
    injector.close()
    bench.intend([f"{bench.ghost4}:{port}" for port in range(40001, 40004)], "handshake_half_open_rst", server="certain")
    bench.intend((40101, 40102), "syn_drop_accept_full", **COOKIES)
    bench.intend((40101, 40102), "handshake_complete_syn_retry", at="certain")
    bench.intend((40011, 40012, 40013, 40101), "handshake_synack_cookie", server="certain")
    bench.also(40101, "synack_dup_answer")
    bench.also(40102, "handshake_synack_cookie")  # the first one was
    bench.intend("listener:8080", "overflow_interval", **COOKIES)
    bench.also("listener:8080", "syncookie_interval")


@case("pressure/rec_synq_full_short_snaplen",
      "SYN cookies in a capture of the first 68 bytes, as old tcpdump made them: the timestamps that give a cookie away are cut, and "
      "only the silence after most SYN+ACKs tells.",
      says={"server.TcpExtTCPReqQFullDoCookies": ">= 60", "server.TcpExtListenDrops": "== 0",
            "client.TcpExtTCPSynRetrans": "== 0"}, snaplen=68, limit=60)
def synq_full_short_snaplen(bench):
    """Backlog 4 (five places), tcp_syncookies=1, no delay. 60 hand-made SYNs with the MSS alone of a silent address: five
    become requests, which repeat their SYN+ACK, the others get a cookie each. So do ports 40101 to 40106, ordinary
    connections with timestamps."""
    bench.start(apps.Service(bench.listen(backlog=4)))
    injector = Injector(bench)
    ask(bench, 40100)
    time.sleep(.2)
    start = time.time()
    for port in range(40001, 40061):
        injector.send(bench.ghost4, port, bench.server4, SERVICE, "S", 1000 * port, ip_id=port, options=MSS_ONLY)
        time.sleep(.01)
    for port in range(40101, 40107):
        ask(bench, port)
        time.sleep(.05)
    wait_until(start + 5)
    injector.close()
    ghosts = [f"{bench.ghost4}:{port}" for port in range(40001, 40061)]
    bench.intend(ghosts[:5], "handshake_half_open", server="certain", middle="probable", client="possible")
    bench.also(ghosts[:5], "synack_ladder_no_ack")
    mean_cookie_unused(bench, ghosts[5:])
    bench.intend("listener:8080", "overflow_interval", at="-")
    bench.intend("listener:8080", "syncookie_interval", **COOKIES)
    bench.also("listener:8080", "syn_flood_direct")
    bench.bystander([40100, *range(40101, 40107)])


def mean_cookie_unused(bench, clients):
    """The intent of SYNs whose cookie nobody sent back: no ladder, for there was no request; half open to the eye."""
    bench.intend(clients, "synack_ladder_no_ack", at="-")
    bench.also(clients, "handshake_half_open", "handshake_synack_cookie")


# -- floods ------------------------------------------------------------------------------------------------

@case("pressure/rec_flood_spoofed",
      "A SYN flood from invented addresses fills the SYN queue; the few real clients get in by SYN cookies.",
      says={"server.TcpExtTCPReqQFullDoCookies": "> 150", "server.TcpExtSyncookiesRecv": "== 7",
            "server.TcpExtEmbryonicRsts": ">= 1", "server.TcpPassiveOpens": "== 8",
            "client.TcpExtTCPSynRetrans": "== 0"},
      bench={"client_sysctl": {"net.ipv4.ip_forward": 0}}, snaplen=96, limit=60)
def flood_spoofed(bench):
    """Backlog 32 (33 places), tcp_syncookies=1, no delay. 200 SYNs from 198.18.0.0/15, 50 per second, one each, with
    the MSS alone and TTL 241. Every 25th address belongs to a live host, whose RST comes back with another TTL. After
    each 25 a real client asks: 40101 to 40108, of which 40103, 40105 and 40107 have no timestamps; from 40102 on
    cookies."""
    bench.start(apps.Service(bench.listen(backlog=32)))
    with bench.server:  # the invented addresses are reached through the client's host, which throws all of it away
        run("ip", "route", "add", "default", "via", bench.client4)
    injector, dice = Injector(bench), random.Random(7)
    start, silent, alive = time.time(), [], []
    for count in range(1, 201):
        source = f"198.{dice.choice((18, 19))}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        port = dice.randrange(1024, 65536)
        injector.drain()
        injector.send(source, port, bench.server4, SERVICE, "S", dice.randrange(2**32), window=512, options=MSS_ONLY,
                      ttl=241, ip_id=dice.randrange(65536))
        (silent if count % 25 else alive).append(f"{source}:{port}")
        if count % 25 == 0:
            answer = injector.hear("SA", dst=source, dport=port)
            injector.send(source, port, bench.server4, SERVICE, "R", answer.ack, window=0, ttl=49)
            real = 40100 + count // 25
            with without_timestamps(bench, real in (40103, 40105, 40107)):
                ask(bench, real)
        time.sleep(.02)
    wait_until(start + 36)
    injector.close()
    mean_flood(bench, silent)
    bench.intend(alive, "handshake_half_open_rst", server="certain", middle="certain", client="probable")
    bench.also(alive, "handshake_synack_cookie")
    bench.bystander(40101)
    bench.intend(range(40102, 40109), "handshake_synack_cookie", at="certain")
    bench.intend("listener:8080", "syn_flood_spoofed", **CAUSE)
    bench.intend("listener:8080", "syncookie_interval", **COOKIES)


def mean_flood(bench, silent):
    """Those that got a request climbed its ladder; the others got a cookie."""
    rungs = Ledger(bench).rungs
    mean_silent(bench, [one for one in silent if one in rungs])
    mean_cookie_unused(bench, [one for one in silent if one not in rungs])
    bench.intend("listener:8080", "overflow_interval", at="-")


@case("pressure/rec_flood_direct",
      "A SYN flood from three real hosts: one never answers the SYN+ACK, one resets each, one drops them and repeats "
      "its SYN.",
      says={"server.TcpExtTCPReqQFullDoCookies": ">= 10", "server.TcpExtEmbryonicRsts": "== 15",
            "server.TcpExtListenOverflows": "== 0", "client.TcpExtTCPSynRetrans": ">= 12"},
      bench={"hosts": 4}, snaplen=96, limit=60)
def flood_direct(bench):
    """Backlog 32, tcp_syncookies=1, no delay. Host .3 sends 15 hand-made SYNs (ports 43001 and up), its kernel resets
    the SYN+ACKs. Host .4 connects four times (44001 and up) behind a firewall that drops the SYN+ACKs, repeats its SYNs
    and gives up after 4.5 s. Host .2 sends 45 hand-made SYNs (42001 and up) and lets no RST out: they fill the queue.
    40101 (before), 40102 (without timestamps) and 40103 (both during the flood) are real clients of host .1."""
    bench.start(apps.Service(bench.listen(backlog=32)))
    injector = Injector(bench)
    silent, resetting, deaf = bench.hosts4[1:]
    start = time.time()
    ask(bench, 40101)
    with bench.client.filtering(f"ip saddr {silent} tcp flags & rst == rst", hook="output"), \
         bench.client.filtering(f"ip daddr {deaf}"):
        calls = [bench.dial(44001 + i, src=deaf, wait=0) for i in range(4)]
        for i in range(15):
            injector.send(resetting, 43001 + i, bench.server4, SERVICE, "S", 7000 * i, options=OPTIONS, ip_id=i + 1)
            time.sleep(.05)
        for i in range(45):
            injector.send(silent, 42001 + i, bench.server4, SERVICE, "S", 9000 * i, options=MSS_ONLY, window=1024,
                          ip_id=i + 1)
            time.sleep(.03)
        with without_timestamps(bench):
            ask(bench, 40102)
        ask(bench, 40103)
        wait_until(start + 4.5)
        for call in calls:
            call.close()
        wait_until(start + 36)
    injector.close()
    mean_flood(bench, [f"{silent}:{port}" for port in range(42001, 42046)])
    bench.intend(range(43001, 43016), "handshake_half_open_rst", server="certain", middle="certain", client="probable")
    bench.intend(range(44001, 44005), "handshake_half_open", server="certain", middle="probable", client="possible")
    bench.also(range(44001, 44005), "synack_ladder_no_ack", "synack_dup_answer", "synack_ladder_pruned")
    bench.bystander(40101)
    bench.intend((40102, 40103), "handshake_synack_cookie", at="certain")
    bench.intend("listener:8080", "syn_flood_direct", **CAUSE)
    bench.intend("listener:8080", "syncookie_interval", **COOKIES)


# -- crowds --------------------------------------------------------------------------------------------------

@case("pressure/rec_flash_crowd",
      "Eight times as many real clients as usual come at once: the queue overflows, they repeat their SYNs and in the "
      "end all of them are served.",
      says={"server.TcpExtListenOverflows": "> 60", "server.TcpExtListenDrops": "> 60", "server.TcpOutRsts": "== 0",
            "server.TcpExtSyncookiesSent": "== 0"},
      bench={"delay": .005, "hosts": 8, "client_sysctl": PORTS}, snaplen=96, nanoseconds=False, client_view=True,
      limit=60)
def flash_crowd(bench):
    """5 ms each way, backlog 24 (25 places), one worker that needs 80 ms per request. Three clients per second ask all
    the time; from 3 s to 8 s another 24 per second come. A neighbour on 8081 is served as always."""
    bench.start(apps.Service(bench.listen(SERVICE, backlog=24), work=.08))
    bench.start(apps.Service(bench.listen(NEIGHBOUR)))
    usual = bench.start(apps.Crowd(bench, 3, 12, SERVICE, seed=21))
    beside = bench.start(apps.Crowd(bench, 1, 12, NEIGHBOUR, seed=22))
    time.sleep(3)
    bench.fact("the crowd comes")
    crowd = bench.start(apps.Crowd(bench, 24, 5, SERVICE, seed=23))
    for name, one in (("usual", usual), ("crowd", crowd), ("neighbour's", beside)):
        bench.truth(f"{name} customers: {one.wait(40)}")
    crowd.customers += usual.customers
    mean_crowd(bench, crowd, beside, late=Ledger(bench).admitted_late(.1))
    bench.intend("listener:8080", "flash_crowd", **CAUSE)


@case("pressure/rec_portscan",
      "One host scans 24 ports by hand-made SYNs, another 22 by connect(); most are closed, three are open, one is "
      "behind a firewall, and a quiet client never notices.",
      says={"server.TcpExtEmbryonicRsts": "== 3", "server.TcpExtListenOverflows": "== 0",
            "client.TcpAttemptFails": ">= 18"},
      bench={"hosts": 3, "client_sysctl": {"net.ipv4.tcp_syn_retries": 1, "net.ipv4.tcp_syn_linear_timeouts": 0}},
      snaplen=96)
def portscan(bench):
    """Open: 8080, 8081, 8090; 8070 drops what comes. Host .2 (MSS alone, window 1024, one sequence number, TTL 43)
    tries 8069 to 8092, each from its own port: 42069 to 42092 in step; its kernel resets the open ones. Then an ACK to
    the closed 8071 (from 42201) and to the open 8080 (42202), FIN, PSH and URG to the closed 8072 (42203), and a FIN to
    the open 8080 (42204). Host .3 connects to 8070 to 8091, from 43070 to 43091, and closes what opens. 40001 to 40003
    are a quiet client's."""
    opened = (SERVICE, NEIGHBOUR, 8090)
    bench.start(apps.Service(*[bench.listen(port) for port in opened]))
    injector = Injector(bench)
    _, scanner, caller = bench.hosts4
    with bench.server.filtering("tcp dport 8070"):
        ask(bench, 40001)
        for port in range(8069, 8093):
            injector.send(scanner, 42000 + port - 8000, bench.server4, port, "S", 0x1F2E3D4C, window=1024,
                          options=MSS_ONLY, ttl=43, ip_id=port)
            time.sleep(.01)
        ask(bench, 40002)
        for source, port, flags, ack in ((42201, 8071, "A", 0x5A5A), (42202, SERVICE, "A", 0x5A5A),
                                         (42203, 8072, "FPU", 0), (42204, SERVICE, "F", 0)):
            injector.send(scanner, source, bench.server4, port, flags, 0x1F2E3D4C, ack, window=1024, ttl=43,
                          ip_id=source)
            time.sleep(.05)
        for port in range(8070, 8092):
            with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                bench.dial(43000 + port - 8000, to=port, src=caller, wait=2.5).close()
        ask(bench, 40003)
    injector.close()
    raw = {port: 42000 + port - 8000 for port in range(8069, 8093)}
    calls = {port: 43000 + port - 8000 for port in range(8070, 8092)}
    for ports in (raw, calls):
        for port, source in ports.items():
            mean_scanned(bench, port, source, opened, raw=ports is raw)
    bench.intend((42201, 42202, 42203), "rst_no_socket", server="certain", middle="probable", client="probable")
    bench.also((42201, 42202, 42203), "close_rst_reply", "rst_refused")
    bench.bystander((40001, 40002, 40003, 42204))
    bench.intend([*raw.values(), *calls.values(), *range(42201, 42205)], "portscan", at="certain")
    bench.intend((f"host:{scanner}", f"host:{caller}"), "portscan", at="certain")


def mean_scanned(bench, port, source, opened, raw):
    if port == 8070:
        bench.intend(source, "handshake_syn_only" if raw else "handshake_no_answer", at="certain")
    elif port not in opened:
        bench.intend(source, "handshake_refused_rst", at="certain")
        bench.also(source, "rst_refused")
    elif raw:
        bench.intend(source, "handshake_half_open_rst", server="certain", middle="certain", client="probable")
    else:
        bench.bystander(source)


@case("pressure/rec_scan_flags",
      "One host scans 20 ports each by ACK, FIN, no flags and FIN with PSH and URG: closed ports answer by a reset, the "
      "open one only to the ACK.",
      says={"server.TcpOutRsts": "== 77", "server.TcpPassiveOpens": "== 2", "server.TcpExtListenDrops": "== 0"},
      bench={"hosts": 5}, snaplen=96)
def scan_flags(bench):
    """8080 is open, 8071 to 8090 are tried: by ACK from host .2, by FIN from .3, without flags from .4, by FIN, PSH and
    URG from .5, each from its own port, window 1024, TTL 51. 40001 and 40002 are a quiet client's."""
    bench.start(apps.Service(bench.listen()))
    injector = Injector(bench)
    ask(bench, 40001)
    scans = dict(zip(bench.hosts4[1:], ("A", "F", "", "FPU")))
    for port in range(8071, 8091):
        for source, flags in scans.items():
            injector.send(source, 42000 + port - 8000, bench.server4, port, flags, 0x2B3C4D5E, 0x5A5A if flags == "A" else 0,
                          window=1024, ttl=51, ip_id=port)
        time.sleep(.02)
    ask(bench, 40002)
    time.sleep(1.5)
    injector.close()
    closed = [f"{source}:{42000 + port - 8000}" for source in scans for port in range(8071, 8091)
              if port != SERVICE or scans[source] == "A"]
    bench.intend(closed, "rst_no_socket", server="certain", middle="probable", client="probable")
    bench.also(closed, "close_rst_reply", "rst_refused", "close_rst_by_passive")
    bench.intend([f"{source}:{42000 + port - 8000}" for source in scans for port in range(8071, 8091)], "portscan",
                 at="certain")
    bench.intend([f"host:{source}" for source in scans], "portscan", at="certain")
    bench.bystander((40001, 40002))


@case("pressure/rec_flood_no_cookies",
      "Two hosts flood a listener that sends no cookies: its SYN queue is full and a real client gets in only when the "
      "kernel has pruned it.",
      says={"server.TcpExtTCPReqQFullDrop": "> 150", "server.TcpExtListenOverflows": "== 0",
            "server.TcpExtSyncookiesSent": "== 0", "server.TcpPassiveOpens": "== 2"},
      bench={"hosts": 3, "server_sysctl": {"net.ipv4.tcp_syncookies": 0}}, snaplen=96, limit=60)
def flood_no_cookies(bench):
    """Backlog 16 (17 places), tcp_syncookies=0. Hosts .2 and .3 send 100 hand-made SYNs each in two seconds, window 1024,
    the MSS alone, and let no RST out. 40101 asks before, 40102 in the middle of it: it repeats its SYN until the older
    half of the queue is pruned."""
    bench.start(apps.Service(bench.listen()))
    injector = Injector(bench)
    ask(bench, 40101)
    sources, start = bench.hosts4[1:], time.time()
    with bench.client.filtering(f"ip saddr {{ {', '.join(sources)} }} tcp flags & rst == rst", hook="output"):
        for count in range(100):
            for source in sources:
                injector.send(source, 42001 + count, bench.server4, SERVICE, "S", 9000 * count, options=MSS_ONLY,
                              window=1024, ip_id=count + 1)
            if count == 50:
                client = bench.dial(40102, wait=0)
            time.sleep(.02)
        wait_until(start + 12)
        client.sendall(apps.KEEP)
        client.recv(4096)
        client.close()
        wait_until(start + 36)
    injector.close()
    rungs = Ledger(bench).rungs
    flood = [f"{source}:{42001 + count}" for count in range(100) for source in sources]
    dropped = [one for one in flood if one not in rungs]
    mean_silent(bench, [one for one in flood if one in rungs])
    bench.intend(dropped, "handshake_syn_only", at="certain")
    bench.intend(40102, "handshake_complete_syn_retry", at="certain")
    bench.intend([*dropped, 40102], "syn_drop_synq_full", **SYNQ_FULL)
    bench.intend("listener:8080", "synq_full_interval", **SYNQ_FULL)
    bench.intend("listener:8080", "syn_flood_direct", **CAUSE)
    bench.intend("listener:8080", "overflow_interval", at="-")
    bench.bystander(40101)


@case("pressure/rec_crowd_served",
      "A crowd of real clients comes at once to a service that is fast enough: nobody waits, nothing is dropped.",
      says={**CLEAN, "server.TcpExtListenOverflows": "== 0", "server.TcpExtListenDrops": "== 0",
            "server.TcpPassiveOpens": ">= 60"},
      bench={"hosts": 6, "client_sysctl": PORTS}, snaplen=96, limit=60)
def crowd_served(bench):
    """Backlog 64, no delay. Two clients per second ask all the time, from 4 s to 7 s another 16 per second."""
    bench.start(apps.Service(bench.listen(SERVICE, backlog=64)))
    usual = bench.start(apps.Crowd(bench, 2, 10, SERVICE, seed=51))
    time.sleep(4)
    bench.fact("the crowd comes")
    crowd = bench.start(apps.Crowd(bench, 16, 3, SERVICE, seed=52))
    bench.truth(f"served: {usual.wait(30)}, {crowd.wait(30)}")
    time.sleep(.2)
    bench.bystander(["*", "listener:8080"])


# -- the path ------------------------------------------------------------------------------------------------

def lossy(hosts, share, seed):
    """A policy that loses this share of what goes to or comes from these hosts."""
    dice = random.Random(seed)
    return lambda s: wire.DROP if {s.src, s.dst} & hosts and dice.random() < share else None


@case("pressure/rec_path_loss",
      "For three seconds the path of three hosts loses most segments, both ways, whatever service they use; a fourth "
      "host comes another way and notices nothing.",
      says={"server.TcpRetransSegs": ">= 8", "client.TcpRetransSegs": ">= 8", "server.TcpExtListenDrops": "== 0",
            "server.TcpOutRsts": "== 0", "client.TcpOutRsts": "== 0"},
      bench={"delay": .01, "hosts": 4}, client_view=True, snaplen=96, limit=60)
def path_loss(bench):
    """10 ms each way. Services on 8080, 8081 and 8090. Ports 40001 to 40012 are connections of hosts .1 to .3, four to
    each service, 40021 to 40023 one each of host .4. All ask at the beginning and at the end; at 3 s, when six of ten
    segments of hosts .1 to .3 begin to be lost, the clients ask and the servers send, too, and 40031 to 40036 connect,
    two to each service. At 6 s the path is whole again."""
    listeners = [bench.listen(port) for port in (SERVICE, NEIGHBOUR, 8090)]
    hosts, start = bench.hosts4, time.time()
    pairs = {}
    for i in range(12):
        pairs[40001 + i] = bench.pair(listeners[i % 3], 40001 + i, src=hosts[i % 4 % 3])
    for i in range(3):
        pairs[40021 + i] = bench.pair(listeners[i], 40021 + i, src=hosts[3])
    for ends in pairs.values():
        exchange(*ends)
    wait_until(start + 3)
    bench.fact("the path of hosts .1 to .3 begins to lose")
    bench.relay.policy = lossy(set(hosts[:3]), .6, 5)
    for client, server in pairs.values():
        client.sendall(b"question\n")
        server.sendall(b"news\n")
    late = {40031 + i: (listeners[i % 3], bench.dial(40031 + i, to=(SERVICE, NEIGHBOUR, 8090)[i % 3],
                                                      src=hosts[i % 3], wait=0)) for i in range(6)}
    wait_until(start + 6)
    bench.relay.policy = lambda s: None
    bench.fact("the path is whole again")
    wait_until(start + 10)
    for client, _ in pairs.values():
        client.recv(65536)  # the news: closing with unread bytes would reset
    pairs.update({port: (client, bench.accept(listener, port)) for port, (listener, client) in late.items()})
    for client, server in pairs.values():
        client.sendall(b"and\n")
        client.close()
        read_all(server)
        server.close()
        time.sleep(.01)
    wait_until(start + 14)
    lost = {port: {s.flags for _, word, s in bench.relay.log if word == "dropped" and port in (s.sport, s.dport)}
            for port in late}
    mean_path_loss(bench, pairs, lost)


def mean_path_loss(bench, pairs, lost):
    bench.intend("capture", "path_loss_burst", **CAUSE)
    for port in pairs:
        if port < 40020:
            bench.intend(port, "handshake_complete", at="certain")
            bench.also(port, "rto_ladder_established", "retransmission_rto", "retransmission_tlp")
        elif port < 40030:
            bench.bystander(port)
    for port, flags in lost.items():
        unanswered = bool(flags & {"S", "SA"})
        bench.intend(port, "syn_lost_path", **({"client": "probable"} if unanswered else {}))
        bench.also(port, "handshake_complete_syn_retry", "handshake_complete_synack_retry", "handshake_complete_ack_retry",
                   "synack_dup_answer", "synack_ladder_ack_path_loss")
        bench.intend(port, "syn_drop_accept_full", at="-")


# -- everything at once ----------------------------------------------------------------------------------

def incident(bench, burst=1, rate=6):
    """The service behind 8080 hangs from 4 s to 10 s of 13; its neighbour on 8081 does not; three connections to a
    closed port, one whose client vanished in the handshake, two that are reset by their client."""
    frozen = bench.start(apps.Service(bench.listen(SERVICE, backlog=16)))
    bench.start(apps.Service(bench.listen(NEIGHBOUR, backlog=16)))
    crowd = bench.start(apps.Crowd(bench, rate, 13, SERVICE, seed=31, burst=burst))
    beside = bench.start(apps.Crowd(bench, 2, 13, NEIGHBOUR, asks=2, seed=32))
    steps = ((1, refuse, 40801), (2, vanish, 40901), (3, abort, 40902), (4, hang, frozen), (5, refuse, 40802),
             (8, abort, 40903), (10, recover, frozen), (11, refuse, 40803))
    follow(bench, steps, crowd, beside, seconds=19)
    mean_incident(bench, crowd, beside)


def follow(bench, steps, crowd, beside, seconds):
    """Take these steps, each at its second, and wait for the customers and for the end."""
    start = time.time()
    with bench.client.filtering("tcp dport 40901"):
        for instant, act, what in steps:
            wait_until(start + instant)
            act(bench, what)
        bench.truth(f"8080 customers: {crowd.wait(40)}")
        bench.truth(f"8081 customers: {beside.wait(10)}")
        wait_until(start + seconds)


def mean_incident(bench, crowd, beside):
    mean_crowd(bench, crowd, beside, late=Ledger(bench).admitted_late(.2))
    bench.intend((40801, 40802, 40803), "handshake_refused_rst", at="certain")
    bench.also((40801, 40802, 40803), "rst_refused")
    mean_silent(bench, [f"{bench.client4}:40901"], NEIGHBOUR)
    bench.intend((40902, 40903), "close_rst_active", at="certain")
    bench.also((40902, 40903), "rst_linger0", "rst_active_close")


def hang(bench, service):
    bench.fact("stall_start: the application behind 8080 hangs")
    service.freeze()


def recover(bench, service):
    bench.fact("stall_end: the application behind 8080 resumes")
    service.resume()


def refuse(bench, port):
    with contextlib.suppress(ConnectionRefusedError):
        bench.dial(port, to=CLOSED)


def vanish(bench, port):
    """A client that is gone before the SYN+ACK arrives: its socket is closed without a word."""
    client = bench.dial(port, to=NEIGHBOUR, wait=0)
    time.sleep(.02)
    client.close()


def abort(bench, port):
    client = bench.dial(port, to=NEIGHBOUR)
    client.sendall(apps.KEEP)
    client.recv(4096)
    reset(client)


@case("pressure/rec_mixed_incident",
      "A service stops accepting for six seconds in the middle of ordinary traffic: healthy and refused connections, a "
      "half-open one and resets go on beside it and have nothing to do with it.",
      says={"server.TcpExtListenOverflows": "> 30", "server.TcpExtTCPSynRetrans": "== 4", "server.TcpOutRsts": "== 3",
            "client.TcpAttemptFails": ">= 3", "server.TcpExtSyncookiesSent": "== 0"},
      bench={"router": True, "delay": .002, "hosts": 5, "client_sysctl": PORTS}, snaplen=96, client_view=True,
      middle_view=True, limit=60)
def mixed_incident(bench):
    """A router between the ends, 2 ms each way. Backlog 16 (17 places); 6 connections per second to 8080, which hangs
    from 4 s to 10 s, and 2 per second to 8081. 40801 to 40803 try the closed 8082. 40901 vanishes after its SYN to
    8081. 40902 and 40903 are served by 8081 and end with a reset."""
    incident(bench)


@case("pressure/rec_mixed_incident_long",
      "The same incident over a long path: handshakes that were in flight when the queue filled climb the ladder of "
      "SYN+ACKs, beside those whose SYN was dropped.",
      says={"server.TcpExtListenOverflows": "> 30", "server.TcpExtTCPSynRetrans": "> 7", "server.TcpOutRsts": "== 3",
            "server.TcpExtSyncookiesSent": "== 0"},
      bench={"router": True, "delay": .06, "hosts": 5, "client_sysctl": PORTS}, snaplen=96, client_view=True,
      middle_view=True, limit=60)
def mixed_incident_long(bench):
    """As rec_mixed_incident, with 60 ms each way and clients that come five at a time, 7 per second in all."""
    incident(bench, burst=5, rate=7)


@case("pressure/rec_busy_healthy",
      "A busy, healthy quarter of a minute over IPv4 and IPv6: many requests, both ends close, nothing is wrong.",
      says={**CLEAN, "server.TcpExtListenDrops": "== 0", "server.TcpPassiveOpens": ">= 200",
            "server.TcpOutRsts": "== 0", "client.TcpOutRsts": "== 0"},
      bench={"router": True, "delay": .01, "hosts": 8, "client_sysctl": PORTS}, snaplen=96, client_view=True,
      middle_view=True, limit=60)
def busy_healthy(bench):
    """A router between the ends, 10 ms each way. Two services on both address families. 24 connections of three
    requests each, 80 to the neighbour's with one, and 96 that come six at a time; a third is IPv6. In about half of
    them the server closes first."""
    bench.start(apps.Service(*[bench.listen(port, v6=v6) for port in (SERVICE, NEIGHBOUR) for v6 in (False, True)]))
    crowds = [bench.start(apps.Crowd(bench, 2, 12, SERVICE, asks=3, seed=41, v6=.33)),
              bench.start(apps.Crowd(bench, 8, 10, NEIGHBOUR, seed=42, v6=.33)),
              bench.start(apps.Crowd(bench, 8, 12, SERVICE, seed=43, burst=6, v6=.33))]
    bench.truth("served: " + ", ".join(str(crowd.wait(30)) for crowd in crowds))
    time.sleep(.2)
    bench.bystander("*")
    bench.bystander(["listener:8080", "listener:8081"])


@case("pressure/rec_mixed_incident_lost",
      "A service stops accepting for ten seconds and its clients wait four: most of those who come meanwhile are lost, "
      "beside healthy, refused, half-open and reset connections that have nothing to do with it.",
      says={"server.TcpExtListenOverflows": "> 20", "server.TcpExtTCPSynRetrans": "> 5",
            "server.TcpExtSyncookiesSent": "== 0", "client.TcpAttemptFails": "== 3"},
      bench={"delay": .02, "hosts": 5, "client_sysctl": PORTS}, snaplen=96, nanoseconds=False, limit=60)
def mixed_incident_lost(bench):
    """20 ms each way. Backlog 12 (13 places); 4 connections per second, four at a time, to 8080, which hangs from 4 s to
    14 s, and one in two seconds to 8081. Every client gives up 4 s after it began. 40801 to 40803 try the closed 8082.
    40901 vanishes after its SYN to 8081. 40902 and 40903 are served by 8081 and end with a reset."""
    frozen = bench.start(apps.Service(bench.listen(SERVICE, backlog=12)))
    bench.start(apps.Service(bench.listen(NEIGHBOUR, backlog=12)))
    crowd = bench.start(apps.Crowd(bench, 4, 17, SERVICE, patience=4, seed=33, burst=4))
    beside = bench.start(apps.Crowd(bench, .5, 17, NEIGHBOUR, seed=34))
    steps = ((1, refuse, 40801), (2, vanish, 40901), (3, abort, 40902), (4, hang, frozen), (6, refuse, 40802),
             (9, abort, 40903), (14, recover, frozen), (15, refuse, 40803))
    follow(bench, steps, crowd, beside, seconds=21)
    bench.truth("8080 customers who gave up: " + " ".join(
        f"{one.name}={one.state.split()[-1]}" for one in crowd.customers if one.state.startswith("gave up")))
    mean_incident(bench, crowd, beside)
