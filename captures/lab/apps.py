# SPDX-License-Identifier: MIT
"""The two applications of the busy scenarios: a service and the crowd that asks it.

The service is ONE thread, as event-driven servers are: when it is frozen nothing at all
happens in it, when it is slow each request keeps all others waiting, and what shows on
the wire meanwhile is the kernel's doing alone.

Protocol: one line asks, one line answers.  A line that begins with "last" asks the
service to close after the answer; otherwise the client closes.
"""

import contextlib
import errno
import os
import random
import selectors
import socket
import threading
import time

ANSWER = b"200 " + b"answer " * 17 + b"\n"  # 124 bytes
KEEP, LAST = b"more, please\n", b"last, please\n"


class Service(threading.Thread):
    """Serves one or more listeners.  work: seconds of labour per request, during which nothing else is served."""

    def __init__(self, *listeners, work=0.0, answer=ANSWER):
        super().__init__(name="service", daemon=True)
        self.accepted = []  # (epoch, client address, client port)
        self.running = threading.Event()  # cleared: the application hangs
        self.running.set()
        self._work, self._answer = work, answer
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        for listener in listeners:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def freeze(self):
        self.running.clear()

    def resume(self):
        self.running.set()

    def stop(self):
        self._ended.set()
        self.running.set()
        if self.is_alive():
            self.join(5)
        for key in list((self._selector.get_map() or {}).values()):
            key.fileobj.close()
        self._selector.close()

    def run(self):
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.05):
                self.running.wait()
                if self._ended.is_set():
                    return
                # A peer's reset ends its connection, never the service.
                with contextlib.suppress(ConnectionError):
                    key.data(key.fileobj)

    def _accept(self, listener):
        if self._work:
            return self._serve_whole(listener)
        try:
            conn, peer = listener.accept()
        except BlockingIOError:
            return None
        self.accepted.append((time.time(), peer[0], peer[1]))
        conn.settimeout(2)  # who does not read what was asked for is left alone after that
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._selector.register(conn, selectors.EVENT_READ, self._read)

    def _serve_whole(self, listener):
        """The slow service's way: one customer at a time, from accept to close."""
        conn, peer = listener.accept()
        self.accepted.append((time.time(), peer[0], peer[1]))
        with conn, contextlib.suppress(ConnectionError, TimeoutError):
            conn.settimeout(2)
            if conn.recv(4096):
                time.sleep(self._work)
                conn.sendall(self._answer)

    def _read(self, conn):
        try:
            data = conn.recv(4096)
            for line in data.splitlines(keepends=True):
                conn.sendall(self._answer)
                if line.startswith(b"last"):
                    data = b""
        except (ConnectionError, TimeoutError):
            data = b""
        if not data:
            self._selector.unregister(conn)
            conn.close()


class Customer:
    """One connection of the crowd: connect, ask `asks` times, close or let the service close."""

    def __init__(self, sock, asks, last):
        self.sock, self.asks, self.last = sock, asks, last
        self.born, self.state = time.monotonic(), "connecting"
        self.name = None

    def step(self):
        """Do what the socket is ready for; False when this customer is done."""
        if self.state == "connecting":
            return self._connected()
        data = self.sock.recv(65536)
        if not data:
            self.state = "served" if self.asks == 0 else "cut short"
            return False
        self.asks -= 1
        if self.asks:
            self._ask()
            return True
        if self.last:
            return True  # the service's FIN is still to come
        self.state = "served"
        return False

    def _connected(self):
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.state = os.strerror(error)
            return False
        self.state = "waiting"
        self._ask()
        return True

    def _ask(self):
        self.sock.sendall(LAST if self.last and self.asks == 1 else KEEP)


def name_of(sock):
    """ADDR:PORT of its own end, as the kernel's account writes it."""
    return ("[%s]:%d" if sock.family == socket.AF_INET6 else "%s:%d") % sock.getsockname()[:2]


TAKEN = set()  # addresses and ports of all crowds: none is used twice, so that a name means one connection


class Crowd(threading.Thread):
    """Customers that arrive at a steady rate, from several hosts, whatever the service does.

    burst: so many at the same instant, as a browser opens several connections; v6: the share that comes over IPv6.
    """

    def __init__(self, bench, rate, seconds, port, patience=60.0, asks=1, seed=1, burst=1, v6=0.0):
        super().__init__(name="crowd", daemon=True)
        self.customers = []
        self._bench, self._port, self._patience, self._asks, self._v6 = bench, port, patience, asks, v6
        self._dice = random.Random(seed)
        starts = [(i + self._dice.uniform(0, .8)) / rate for i in range(0, int(rate * seconds), burst)]
        self._arrivals = [start for start in starts for _ in range(burst)]
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()

    def run(self):
        start = time.monotonic()
        waiting = list(self._arrivals)
        while not self._ended.is_set() and (waiting or self._selector.get_map()):
            now = time.monotonic() - start
            while waiting and waiting[0] <= now:
                waiting.pop(0)
                self._arrive()
            pause = min(0.05, waiting[0] - now) if waiting else 0.05
            for key, _ in self._selector.select(max(0, pause)):
                self._step(key.data)
            self._lose_patience()

    def stop(self):
        self._ended.set()
        if self.is_alive():
            self.join(5)
        for customer in self.customers:
            customer.sock.close()
        self._selector.close()

    def wait(self, seconds):
        """Until every customer is done; returns how many ended how."""
        self.join(seconds)
        ends = {}
        for customer in self.customers:
            ends[customer.state] = ends.get(customer.state, 0) + 1
        return ends

    def _arrive(self):
        bench = self._bench
        six = bool(self._v6) and self._dice.random() < self._v6
        sock = self._take_place(six, bench.client6 if six else self._dice.choice(bench.hosts4))
        error = sock.connect_ex((bench.server6 if six else bench.server4, self._port))
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, os.strerror(error))
        customer = Customer(sock, self._asks, last=self._dice.random() < .5)
        customer.name = name_of(sock)
        self.customers.append(customer)
        self._selector.register(sock, selectors.EVENT_WRITE, customer)

    def _take_place(self, six, host):
        """A socket with an address and a port that the kernel chose and no customer had before."""
        while True:
            sock = self._bench.socket(self._bench.client, six)
            sock.setblocking(False)
            sock.bind((host, 0))
            if name_of(sock) not in TAKEN:
                TAKEN.add(name_of(sock))
                return sock
            sock.close()

    def _step(self, customer):
        try:
            goes_on = customer.step()
        except ConnectionError as error:
            customer.state, goes_on = error.strerror, False
        if goes_on:
            self._selector.modify(customer.sock, selectors.EVENT_READ, customer)
        else:
            self._leave(customer)

    def _lose_patience(self):
        limit = time.monotonic() - self._patience
        for key in list((self._selector.get_map() or {}).values()):
            if key.data.born < limit:
                key.data.state = "gave up while " + key.data.state
                self._leave(key.data)

    def _leave(self, customer):
        self._selector.unregister(customer.sock)
        customer.sock.close()
