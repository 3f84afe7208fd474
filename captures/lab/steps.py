# SPDX-License-Identifier: MIT
"""Steps that many scenarios take: how two applications talk and part, and what a client is made to do.

Every function takes a client and a server socket, or the bench; the sentence of the scenario says why it is done.
"""

import contextlib
import errno
import socket
import time

from bench import LabError, exchange, read_all

CLEAN = {"server.TcpRetransSegs": "== 0", "client.TcpRetransSegs": "== 0"}  # what nearly every ordinary story says
QUESTION = b"question\n"


# -- talking ---------------------------------------------------------------------------------------------

def ask(client, server, size=300):
    """A question, and an answer of so many bytes, read to its last."""
    client.sendall(QUESTION)
    read_exactly(server, len(QUESTION))
    server.sendall(bytes(size))
    read_exactly(client, size)


def read_exactly(sock, size):
    while size:
        part = sock.recv(size)
        if not part:
            raise LabError("the peer closed in the middle of an answer")
        size -= len(part)


def pairs_that_talked(bench, *ends):
    """A connection for each (listener, client port), a question and an answer on each, and a moment's rest."""
    pairs = [bench.pair(listener, port) for listener, port in ends]
    for client, server in pairs:
        exchange(client, server)
    time.sleep(.3)
    return pairs


# -- parting ---------------------------------------------------------------------------------------------

def close_client_first(client, server, pause):
    client.close()
    read_all(server)
    time.sleep(pause)
    server.close()


def close_server_first(client, server, pause):
    close_client_first(server, client, pause)


def close_in_three(client, server, _pause):
    """The second FIN leaves within the delayed-ACK time and acknowledges the first."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    server.close()
    read_all(client)
    client.close()


def close_half(client, server, pause):
    """The client closes its direction and goes on reading; the server sends two more parts."""
    client.shutdown(socket.SHUT_WR)
    read_all(server)
    for _ in range(2):
        time.sleep(pause)
        server.sendall(b"one more part\n" * 10)
        read_exactly(client, 140)
    time.sleep(pause)
    server.close()
    read_all(client)
    client.close()


def close_both(client, server, _pause):
    client.close()
    server.close()


CLOSES = {"client": close_client_first, "server": close_server_first, "three": close_in_three,
          "half": close_half, "both": close_both}


def converse(client, server, shape, sizes=(300,), pause=.08):
    """Questions with answers of these sizes, a moment's rest, and one way to close."""
    for size in sizes:
        ask(client, server, size)
    time.sleep(pause)
    CLOSES[shape](client, server, pause)


def finish(client, server):
    """An exchange, then the usual close by the client."""
    exchange(client, server)
    client.close()
    read_all(server)
    server.close()


# -- clients ---------------------------------------------------------------------------------------------

@contextlib.contextmanager
def without_timestamps(bench, wanted=True):
    """Connections that the client begins meanwhile do without the timestamp option, if that is wanted."""
    if not wanted:
        yield
        return
    bench.client.sysctl({"net.ipv4.tcp_timestamps": 0})
    try:
        yield
    finally:
        bench.client.sysctl({"net.ipv4.tcp_timestamps": 1})


def try_refused(bench, port, to, v6=False, **how):
    """Connect and tell how it failed; a connection would be a fault of the scenario."""
    try:
        bench.dial(port, to=to, v6=v6, **how).close()
    except OSError as error:
        bench.fact(f"connect() from port {port} to {to} failed: {errno.errorcode.get(error.errno, error)}")
    else:
        raise LabError(f"port {to} accepted a connection")


def give_up(bench, hasty, port, waiting):
    """One client whose SYNs nobody answers gives up after 2.5 s; the others wait until their kernel does."""
    time.sleep(2.5)
    hasty.close()
    bench.fact(f"port {port} gave up")
    time.sleep(14)
    for sock in waiting:
        sock.close()
