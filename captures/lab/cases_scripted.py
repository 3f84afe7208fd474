# SPDX-License-Identifier: MIT
"""Scenarios in which one end is a script: openings that no Linux socket would begin or answer so.

The other end is a kernel, and shows what it makes of it.
"""

import time

from bench import SERVICE, Injector
from cases import case
from steps import finish

SCRIPTED = 8099  # a port of the server which its kernel does not hear
PAUSE = .02


@case("handshake/rec_client_abort",
      "A client takes its SYN back by RST before any answer can have reached it.",
      says={"server.TcpExtEmbryonicRsts": "== 1", "server.TcpPassiveOpens": "== 1", "client.TcpOutRsts": "== 0"},
      bench={"delay": .01}, client_view=True)
def client_abort(bench):
    """Hand-made segments from a silent address, 10 ms from the server. Port 40001: SYN, and RST 2 ms later; the
    server's firewall drops the SYN behind the tap. Port 40002: the same, and nothing is dropped: the SYN+ACK crosses
    the RST, which ends the request. Port 40010 is ordinary."""
    listener = bench.listen()
    injector = Injector(bench)
    with bench.server.filtering("tcp sport 40001"):
        for port, isn in ((40001, 1000000), (40002, 2000000)):
            for flags, number in (("S", isn), ("R", isn + 1)):
                injector.send(bench.ghost4, port, bench.server4, SERVICE, flags, number,
                              window=64240 if flags == "S" else 0)
                time.sleep(.002)
            time.sleep(.2)
    finish(*bench.pair(listener, 40010))
    injector.close()
    bench.intend(40001, "handshake_client_abort", "certain")
    bench.intend(40002, "handshake_client_abort", client="certain")
    bench.intend(40002, "handshake_half_open_rst", server="certain")
    bench.intend(40001, "rst_syn_sent_abort", server="certain", client="certain", middle="probable")
    bench.intend(40002, "rst_syn_sent_abort", client="certain")
    bench.also((40001, 40002), "close_handshake_failed")
    bench.bystander(40010)


@case("handshake/rec_split",
      "A server answers the SYN by a bare ACK and a SYN of its own: the client's kernel opens by sending SYN+ACK.",
      says={"client.TcpActiveOpens": ">= 3", "client.TcpOutRsts": "== 0"},
      bench={"delay": .005}, client_view=True)
def split(bench):
    """A script answers on port 8099, which the server's kernel does not hear. Port 40001: ACK, then SYN; the client's
    kernel ignores the ACK, answers the SYN by SYN+ACK with its old number, and is connected by the script's ACK.
    Port 40002: the same without the first ACK. The client asks, is answered, and closes. Port 40010 is ordinary."""
    listener = bench.listen()
    injector = Injector(bench, bench.server)
    with bench.server.filtering(f"tcp dport {SCRIPTED}"):
        for port, isn in ((40001, 5000000), (40002, 6000000)):
            injector.drain()
            client = bench.dial(port, to=SCRIPTED, wait=0)
            serve_split(bench, injector, client, port, isn)
            time.sleep(.1)
    finish(*bench.pair(listener, 40010))
    injector.close()
    bench.scripted((40001, 40002))
    bench.intend(40001, "handshake_split", "probable")
    # Without the ACK before it a SYN of the server's own accord looks the same.
    bench.also(40002, "handshake_split", "handshake_simultaneous_open")
    bench.intend(40002, "close_three_way", "certain")
    bench.bystander(40010)


def serve_split(bench, injector, client, port, isn):
    """The script's half of one connection."""
    def say(flags, number, ack=0, data=b""):
        injector.send(bench.server4, SCRIPTED, bench.client4, port, flags, number, ack, data=data)

    syn = injector.hear("S", sport=port)
    time.sleep(PAUSE)
    if port == 40001:
        say("A", isn, syn.next_seq)
        time.sleep(PAUSE)
    say("S", isn)
    injector.hear("SA", sport=port)
    say("A", isn + 1, syn.next_seq)
    time.sleep(PAUSE)
    client.sendall(b"question\n")
    question = injector.hear("A", sport=port, length=9)
    say("PA", isn + 1, question.next_seq, b"answer\n")
    client.recv(4096)
    time.sleep(PAUSE)
    client.close()
    fin = injector.hear("FA", sport=port)
    say("FA", isn + 8, fin.next_seq)
