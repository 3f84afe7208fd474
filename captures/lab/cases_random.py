# SPDX-License-Identifier: MIT
"""Scenarios that nobody thought of.

A seed draws the settings of both kernels, the listeners, what their applications do, the crowds that come, what the
wire loses and whether somebody floods.  Nothing is meant by any connection, so no recording of these is kept as a
case; but both kernels count while they run, and what is told of such a capture must not contradict them:

    # TCALAB_RANDOM=1-24 record.py run 'random/*' --jobs 3 --out DIR
    $ python3 tests/lab/unforeseen.py DIR PROGRAM        and listeners.py, counters.py, settings.py, likewise

Without TCALAB_RANDOM there are none of them.
"""

import os
import random
import socket
import time

import apps
from bench import NEIGHBOUR, SERVICE, Injector
from cases import case
from cases_path import Loss

PORTS = (SERVICE, NEIGHBOUR, 8090)
MSS_ONLY = bytes.fromhex("020405b4")


def draw_listener(dice, v6):
    """One listener, its application and its crowd."""
    kind = dice.choice(["healthy", "healthy", "slow", "freezes", "freezes"])
    pauses = dice.choice([1, 1, 2]) if kind == "freezes" else 0
    return {"backlog": dice.choice([0, 1, 4, 8, 16, 64, 128]),
            "work": dice.choice([.05, .2, .4]) if kind == "slow" else 0.0,
            "freezes": [(dice.uniform(2, 8), dice.uniform(1, 9)) for _ in range(pauses)],
            "answer": dice.choice([124, 124, 3000, 40000]), "defer": dice.choice([0, 0, 0, 0, 3]),
            "crowd": {"rate": dice.choice([1, 3, 8, 16, 30]), "burst": dice.choice([1, 1, 2, 6]),
                      "asks": dice.choice([1, 1, 2, 3]), "patience": dice.choice([3, 10, 30]), "v6": v6}}


def draw(seed):
    """All that a scenario is made of."""
    dice = random.Random(f"scenario {seed}")
    delay, v6 = dice.choice([None, None, .005, .03, .08]), dice.choice([0, 0, 0, 1])
    return {"bench": {
                "hosts": dice.choice([1, 2, 6]), **({"delay": delay} if delay else {}),
                "server_sysctl": {"net.ipv4.tcp_syncookies": dice.choice([0, 1, 1, 1, 2]),
                                  "net.ipv4.tcp_abort_on_overflow": dice.choice([0, 0, 0, 1]),
                                  "net.ipv4.tcp_synack_retries": dice.choice([5, 5, 2, 1]),
                                  "net.ipv4.tcp_timestamps": dice.choice([1, 1, 1, 0]),
                                  "net.core.somaxconn": dice.choice([4096, 4096, 16]),
                                  "net.ipv4.tcp_max_syn_backlog": dice.choice([4096, 512, 32])},
                "client_sysctl": {"net.ipv4.ip_local_port_range": "41000 59999",
                                  "net.ipv4.tcp_syn_retries": dice.choice([6, 6, 2, 1]),
                                  "net.ipv4.tcp_timestamps": dice.choice([1, 1, 1, 0])}},
            "listeners": [draw_listener(dice, v6) for _ in range(dice.choice([1, 1, 2, 3]))],
            "seconds": dice.choice([10, 15, 22]), "flood": 0 if v6 else dice.choice([0, 0, 0, 0, 150, 600]),
            "loss": dice.choice([0, 0, .01, .05, .15]) if delay else 0, "lossy": (dice.uniform(0, 6), dice.uniform(2, 12)),
            "snaplen": 96 if v6 else dice.choice([68, 96, 120])}


def serve(bench, port, about):
    """The application behind one listener."""
    def setup(sock):
        if about["defer"]:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, about["defer"])
    listener = bench.listen(port, backlog=about["backlog"], v6=bool(about["crowd"]["v6"]), setup=setup)
    return bench.start(apps.Service(listener, work=about["work"], answer=b"x" * about["answer"] + b"\n"))


def flood(bench, count):
    """SYNs of one silent address, half a thousand a second."""
    injector = Injector(bench)
    for at in range(count):
        injector.send(bench.ghost4, 1024 + at, bench.server4, SERVICE, "S", 1000 * at, options=MSS_ONLY, ip_id=at)
        time.sleep(.002)
    injector.close()


def deeds_of(bench, drawn, services, seed):
    """(second, what it is called, what to do) of all that happens beside the crowds."""
    deeds = []
    for service, about in zip(services, drawn["listeners"]):
        for begin, seconds in about["freezes"]:
            deeds += [(begin, "freeze", service.freeze), (begin + seconds, "resume", service.resume)]
    if drawn["loss"]:
        begin, seconds = drawn["lossy"]
        deeds += [(begin, "loss", lambda: setattr(bench.relay, "policy", Loss(drawn["loss"], seed))),
                  (begin + seconds, "whole", lambda: setattr(bench.relay, "policy", lambda segment: None))]
    if drawn["flood"]:
        deeds.append((3.0, "flood", lambda: flood(bench, drawn["flood"])))
    return sorted(deeds, key=lambda deed: deed[0])


def play_of(seed, drawn):
    """The scenario of one seed."""
    def play(bench):
        services = [serve(bench, port, about) for port, about in zip(PORTS, drawn["listeners"])]
        crowds = [bench.start(apps.Crowd(bench, seconds=drawn["seconds"], port=port, seed=10 * seed + port, **about["crowd"]))
                  for port, about in zip(PORTS, drawn["listeners"])]
        begin = time.time()
        for second, name, do in deeds_of(bench, drawn, services, seed):
            time.sleep(max(0, begin + second - time.time()))
            bench.fact(name)
            do()
        time.sleep(max(0, begin + drawn["seconds"] - time.time()))
        for port, crowd in zip(PORTS, crowds):
            bench.truth(f"{port} customers: {crowd.wait(40)}")
        bench.truth(f"drawn: {drawn}")
        time.sleep(1)
    play.__doc__ = f"Drawn by seed {seed}; kernel.txt says what."
    return play


def enter(first, last):
    for seed in range(first, last + 1):
        drawn = draw(seed)
        case(f"random/rec_{seed:04d}", f"What seed {seed} draws.", says={}, bench=drawn["bench"], snaplen=drawn["snaplen"],
             client_view="delay" in drawn["bench"], limit=150)(play_of(seed, drawn))


if "TCALAB_RANDOM" in os.environ:
    enter(*map(int, os.environ["TCALAB_RANDOM"].split("-")))
