# SPDX-License-Identifier: MIT
"""A bench: two kernels' worth of TCP, a wire between them, and everything that watches.

    +-- client ns --+       +------ middle ns ------+       +-- server ns --+
    | 10.66.N.1 ... |-eth0--| m0   wire.Relay   m1  |--eth0-| 10.66.N.100   |
    | fd00:66:N::1  |       +--- only if delayed ---+       | fd00:66:N::100|
    +---------------+                                       +---------------+
                                              tcpdump and nstat on both sides

    With router=True a forwarding host stands between two subnets, and the wires may each have a delay:

    client eth0 --[relay]-- m0 middle ns: IPv4 and IPv6 forwarding m1 --[relay2]-- eth0 server

N is the scenario's number, so benches that run side by side never share an address and
the kernel's events can be told apart.  One process holds both ends: a socket belongs for
life to the namespace it was made in, so a scenario is an ordinary straight-line script
(`client.send(...)`, `server.recv(...)`) although the two ends are strangers.

Invariants
  * Nothing leaves: the namespaces have no device but the veth pair of the bench.
  * Every name carries the process id; close() undoes everything, on every path, twice if asked.
  * Neighbours are permanent: no ARP, no neighbour discovery, so a silent host stays a TCP phenomenon.
  * Segmentation offloads are off, unless a scenario asks for them: a captured segment is a segment of the wire.
"""

import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import account
import host
import wire
from intent import Intent
from process import LabError, Spoilt, unbroken

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

SERVICE, NEIGHBOUR = 8080, 8081  # the ports of every scenario
# The two ends, and the two sides of a router
CLIENT_MAC, SERVER_MAC, CLIENT_SIDE, SERVER_SIDE = (f"02:00:00:00:00:0{i}" for i in range(1, 5))

GHOST = 50  # last byte of an address which the server can reach but which nobody answers

# What a namespace would inherit from this machine's tuning is set to the kernel's defaults.
DEFAULTS = {
    "net.ipv4.tcp_congestion_control": "reno",  # the one which every kernel lets a namespace choose
    "net.ipv4.tcp_rmem": "4096 131072 6291456",
    "net.ipv4.tcp_no_metrics_save": "1",  # flows of a case must not teach each other
    "net.ipv6.conf.all.accept_dad": "0",
    "net.ipv6.conf.default.accept_dad": "0",
    "net.ipv6.conf.all.router_solicitations": "0",
    "net.ipv6.conf.default.router_solicitations": "0",
}

# linux/tcp.h, where the socket module of the oldest supported Python has no name for it
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_SEND_QUEUE = 19, 20, 21, 2


def run(*command, **options):
    """Run a tool; its own words become the error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Namespace:
    """A network namespace.  `with namespace:` moves the calling thread inside."""

    def __init__(self, name, side):
        self.name, self.side = name, side
        run("ip", "netns", "add", name)
        self._fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.judged = []  # (epoch, what a filter did): the proof of "seen, not received"
        self._tables = 0

    def __enter__(self):
        self._move(self._fd)
        return self

    def __exit__(self, *_):
        self._move(self._home)

    def remove(self):
        os.close(self._fd)
        os.close(self._home)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)

    def sysctl(self, values):
        """Write settings, each as sysctl(8) names it."""
        with self:
            for key, value in values.items():
                with open("/proc/sys/" + key.replace(".", "/"), "w", encoding="ascii") as file:
                    file.write(str(value))

    def read_sysctl(self, key):
        with self, open("/proc/sys/" + key.replace(".", "/"), encoding="ascii") as file:
            return " ".join(file.read().split())

    def counters(self):
        with self:
            return account.read_counters()

    def nft(self, text):
        with self:
            run("nft", "-f", "-", input=text)

    @contextlib.contextmanager
    def filtering(self, match, verdict="drop", hook="input", first=None):
        """Have nftables judge the packets that `match` while the block runs, or only the `first` so many of them.

        INPUT lies behind the capture's tap: what is dropped there was seen, and not received.
        """
        self._tables += 1
        table = f"inet lab{self._tables}"
        # A day's allowance of N packets: the rate is never refilled while a scenario runs.
        spare = f"{match} limit rate over 1/day burst {first} packets accept\n" if first else ""
        self.nft(f"table {table} {{ chain c {{ type filter hook {hook} priority 0;\n"
                 f"{spare}{match} counter {verdict}\n}}\n}}\n")
        since = time.time()
        try:
            yield
        finally:
            with self:
                count = re.search(r"counter packets (\d+)", run("nft", "list", "table", *table.split()))[1]
            self.nft(f"delete table {table}")
            self.judged.append((since, f"until {time.time():.6f} {self.side} {hook}: {count} packets, {verdict}: {match}"))

    @staticmethod
    def _move(fd):
        if LIBC.setns(fd, CLONE_NEWNET):
            raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


class Capture:
    """tcpdump on one device of a namespace."""

    # ICMPv6 errors only (types below 128): the rest is the neighbours' small talk.
    WANTED = "tcp or icmp or (icmp6 and ip6[40] < 128)"
    TAGGED = f"{WANTED} or (vlan and ({WANTED}))"  # libpcap: from `vlan` on, offsets are those behind the tag

    def __init__(self, namespace, path, snaplen, nanoseconds, device="eth0", words=None):
        precision = "nano" if nanoseconds else "micro"
        with namespace:
            # Immediate mode: otherwise the last block of packets is lost with the signal that ends tcpdump.
            # A process group of its own: Ctrl-C must reach tcpdump only through stop().
            self._process = subprocess.Popen(
                ["tcpdump", "-i", device, "-n", "-U", "--immediate-mode", "-Z", "root", "-s", str(snaplen), "-B", "8192",
                 f"--time-stamp-precision={precision}", "-w", path, words or (self.WANTED if device == "any" else self.TAGGED)],
                stderr=subprocess.PIPE, text=True, start_new_session=True)
        self._talk = ""
        while "listening on" not in self._talk:
            line = self._process.stderr.readline()
            if not line:
                raise LabError(f"tcpdump: {self._talk.strip()}")
            self._talk += line

    def stop(self):
        """End the capture; complains when tcpdump itself lost packets, for then the case would lie."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGINT)
        talk = self._process.communicate(timeout=10)[1]
        if "packets dropped by kernel" not in talk:  # it ended before it was told to, as on a full disk
            raise LabError(f"tcpdump: {talk.strip() or 'ended early'}")
        if "\n0 packets dropped by kernel" not in talk:
            raise Spoilt(f"tcpdump lost packets: {talk.strip()}")

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Bench:
    """See the head of this file.  Use as a context manager; scenarios get it ready to use."""

    def __init__(self, number, delay=None, hosts=1, server_sysctl=None, client_sysctl=None, router=False, vlan=None,
                 offload=False, vxlan=None):
        self.net4, self.net6 = f"10.66.{number}", f"fd00:66:{number:x}:"
        self.client4, self.server4 = f"{self.net4}.1", f"{self.net4}.100"
        self.client6, self.server6 = f"{self.net6}:1", f"{self.net6}:100"
        self.hosts4 = [f"{self.net4}.{i + 1}" for i in range(hosts)]
        self.ghost4 = f"{self.net4}.{GHOST}"
        self.facts = []  # (epoch or None, text): the truth which only the script knows
        self.options = {}  # (side, its port or 0 for a client's, option) -> value that sockets of it were given
        self.relay = self.relay2 = self.middle = None
        self.intent = Intent()
        self.intend, self.also = self.intent.intend, self.intent.also
        self.bystander, self.later = self.intent.bystander, self.intent.later
        self.scripted, self.translated = self.intent.scripted, self.intent.translated
        self.capture_begin = self.capture_end = lambda: None  # a windowed case's recorder puts the real ones here
        self.repeated_syns = lambda port: []  # likewise
        self.tap_space, self.tap_device = None, "eth0"  # where the server's capture is taken
        self._delay, self._router, self._vlan, self._offload, self._vxlan = delay, router, vlan, offload, vxlan
        self._settings = {"server": server_sysctl or {}, "client": client_sysctl or {}}
        self._undo = contextlib.ExitStack()
        self._threads = []
        self._kept = []
        self._parked = {}  # (listener, client port) -> accepted socket that nobody asked for yet

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for thread in self._threads:
            thread.stop()
        self._threads.clear()
        for sock in self._kept:
            sock.close()
        self._undo.close()

    # -- building ----------------------------------------------------------------------------------

    def _build(self):
        self.client, self.server = self._namespace("client"), self._namespace("server")
        if self._router:
            self._build_routed()
        elif self._delay is None and not self._vlan:
            self._link(self.client, "eth0", self.server, "eth0")
        else:
            self.relay = self._wire(self.client, "eth0", self.server, "eth0", self._delay or 0, "wire")
        self.tap_space = self.tap_space or self.server
        if not self._router:
            self._equip(self.client, CLIENT_MAC, SERVER_MAC)
            self._equip(self.server, SERVER_MAC, CLIENT_MAC)
        for space, key in ((self.client, "client"), (self.server, "server")):
            space.sysctl(self._settings[key])

    def _build_routed(self):
        near, far = self._delay if isinstance(self._delay, tuple) else (self._delay, None)
        self.middle = self._namespace("middle")
        self.middle.sysctl({"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
        if near is None:
            self._link(self.client, "eth0", self.middle, "m0")
        else:
            self.relay = self._wire(self.client, "eth0", self.middle, "m0", near, "wire")
        if far is None:
            self._link(self.middle, "m1", self.server, "eth0")
        else:
            self.relay2 = self._wire(self.middle, "m1", self.server, "eth0", far, "xwire")
        self._equip(self.client, CLIENT_MAC, CLIENT_SIDE)
        self._equip(self.server, SERVER_MAC, SERVER_SIDE)
        self._equip_router()

    def _namespace(self, side):
        with unbroken():
            space = Namespace(f"tcalab-{os.getpid()}-{side[0]}", side)
            self._undo.callback(space.remove)
        space.sysctl(DEFAULTS)
        return space

    def _link(self, left, left_device, right, right_device):
        run("ip", "link", "add", left_device, "netns", left.name, "type", "veth",
            "peer", "name", right_device, "netns", right.name)
        for space, device in ((left, left_device), (right, right_device)):
            with space:
                run("ip", "link", "set", device, "up")
                if not self._offload:
                    run("ethtool", "-K", device, "tso", "off", "gso", "off", "gro", "off")

    def _wire(self, left, left_device, right, right_device, delay, name):
        """A delaying relay between two devices, in a namespace of its own."""
        space = self._namespace(name)
        space.sysctl({"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv6.conf.default.disable_ipv6": 1})
        self._link(left, left_device, space, "w0")
        self._link(right, right_device, space, "w1")
        for end, device in ((left, left_device), (right, right_device)):
            with end:  # what leaves a packet socket is not trusted by its receiver: the checksum must be finished
                run("ethtool", "-K", device, "tx", "off")
        if self._vlan:  # copies of all frames, tagged, come out of mon1: the server's capture is taken there
            self._link(space, "mon0", space, "mon1")
            self.tap_space, self.tap_device = space, "mon1"
        with space:
            monitor = wire.tagged_copies("mon0", self._vlan) if self._vlan else None
            relay = wire.Relay(wire.open_tap("w0"), wire.open_tap("w1"), delay, monitor)
        relay.start()
        self._undo.callback(relay.stop)
        return relay

    def _equip(self, space, mac, other):
        """Addresses, permanent neighbours and routes of one end."""
        is_server = space is self.server
        mine = [self.server4, self.server6] if is_server else self.hosts4 + [self.client6]
        theirs = self.hosts4 + [self.ghost4, self.client6] if is_server else [self.server4, self.server6]
        words = [f"link set lo up\nlink set eth0 address {mac}"]
        bits = (120, 26) if self._router else (64, 24)
        words += [f"addr add {a}/{bits[0]} dev eth0 nodad" if ":" in a else f"addr add {a}/{bits[1]} dev eth0"
                  for a in mine]
        if self._router:
            theirs = [f"{self.net4}.65", f"{self.net6}:1fe"] if is_server else [f"{self.net4}.62", f"{self.net6}:fe"]
            words += [f"route add 0.0.0.0/0 via {theirs[0]}", f"route add ::/0 via {theirs[1]}"]
        words += [f"neigh replace {a} lladdr {other} dev eth0 nud permanent" for a in theirs]
        if self._vxlan:
            words = self._tunnel(is_server, mac, other) + [word.replace("dev eth0", "dev tun0") for word in words[1:]]
        with space:
            run("ip", "-batch", "-", input="\n".join(words))

    def _tunnel(self, is_server, mac, other):
        """The ends' addresses are those of a VXLAN, between 192.0.2.1 (the client's host) and 192.0.2.2."""
        own, peer = ("192.0.2.2", "192.0.2.1") if is_server else ("192.0.2.1", "192.0.2.2")
        return [f"link set lo up\nlink set eth0 address {mac}\naddr add {own}/30 dev eth0",
                f"neigh replace {peer} lladdr {other} dev eth0 nud permanent",
                f"link add tun0 address {mac} type vxlan id {self._vxlan} dstport 4789 local {own} remote {peer} dev eth0",
                "link set tun0 up"]

    def _equip_router(self):
        """Addresses and permanent neighbours of the middle; it forwards, and says so in TTL."""
        words = ["link set lo up", f"link set m0 address {CLIENT_SIDE}", f"link set m1 address {SERVER_SIDE}"]
        words += [f"addr add {self.net4}.62/26 dev m0", f"addr add {self.net6}:fe/120 dev m0 nodad",
                  f"addr add {self.net4}.65/26 dev m1", f"addr add {self.net6}:1fe/128 dev m1 nodad",
                  # No prefix here: the server's address would be its first, which every IPv6 router answers to.
                  f"route add {self.server6}/128 dev m1"]
        words += [f"neigh replace {a} lladdr {CLIENT_MAC} dev m0 nud permanent"
                  for a in self.hosts4 + [self.ghost4, self.client6]]
        words += [f"neigh replace {a} lladdr {SERVER_MAC} dev m1 nud permanent" for a in (self.server4, self.server6)]
        with self.middle:
            run("ip", "-batch", "-", input="\n".join(words))

    def start(self, thread):
        """Start a thread with a stop() of its own; close() stops it."""
        self._threads.append(thread)
        thread.start()
        return thread

    # -- what scenarios say ---------------------------------------------------------------------------

    def fact(self, text, at=None):
        """Record a truth of this run, with its instant."""
        self.facts.append((time.time() if at is None else at, text))

    def truth(self, text):
        """Record a truth that has no instant."""
        self.facts.append((None, text))

    def option(self, side, port, name, value):
        """Record that all sockets of a side, or of a port of it, that use this option were given this value."""
        if self.options.setdefault((side, port, name), value) != value:
            raise LabError(f"{name} of {side} {port} has two values")

    @contextlib.contextmanager
    def host_sysctl(self, values):
        """Settings which the whole host has once, for a while; only for a scenario with alone=True."""
        settings = host.Settings(values)
        with unbroken():
            self._undo.callback(settings.restore)  # should a signal come just before the one below
            settings.change()
        try:
            yield
        finally:
            with unbroken():
                settings.restore()

    # -- what scenarios do ------------------------------------------------------------------------------

    def listen(self, port=SERVICE, backlog=16, v6=False, setup=lambda s: None):
        """A listening socket of the server."""
        listener = self.socket(self.server, v6)
        setup(listener)
        listener.bind((self.server6 if v6 else self.server4, port))
        listener.listen(backlog)
        return listener

    def dial(self, port=0, to=SERVICE, v6=False, src=None, wait=20.0, setup=lambda s: None):
        """A client's connection from `port` (0: the kernel chooses).  wait=0 returns with the SYN just sent."""
        client = self.socket(self.client, v6)
        setup(client)
        client.settimeout(wait)
        if port:
            client.bind((src or (self.client6 if v6 else self.client4), port))
        # A connect() under way is what wait=0 asks for, no error.
        with contextlib.suppress(BlockingIOError):
            client.connect((self.server6 if v6 else self.server4, to))
        client.settimeout(20.0)
        return client

    def pair(self, listener, port, **how):
        """(client socket, accepted server socket) of a new connection."""
        client = self.dial(port, v6=listener.family == socket.AF_INET6, to=listener.getsockname()[1], **how)
        return client, self._keep(listener.accept()[0])

    def accept(self, listener, port):
        """accept() the connection of one client port; others that come first are kept for their own turn."""
        while (listener, port) not in self._parked:
            server, peer = listener.accept()
            self._parked[listener, peer[1]] = self._keep(server)
        return self._parked.pop((listener, port))

    def socket(self, space, v6=False):
        """A stream socket of one end, kept open until the bench closes unless the scenario closes it."""
        with space:
            sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._keep(sock)

    def _keep(self, sock):
        # A socket that goes out of scope is closed by Python, and its FIN would be part of the capture.
        sock.settimeout(20.0)
        self._kept.append(sock)
        return sock

    def forget(self, sock):
        """Lose one client socket without a word to the peer, as a host that lost its power does."""
        with self.muted(sock.getsockname()[1]):
            reset(sock)

    def muted(self, port):
        """While this lasts, the client's host lets no RST out from `port`."""
        return self.client.filtering(f"tcp sport {port} tcp flags & rst == rst", hook="output")


def reset(sock):
    """close() with SO_LINGER 0: the connection is reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


def start_sequence_at(isn):
    """A setup for dial(): the SYN will carry this initial sequence number (TCP_REPAIR leaves it in the socket)."""
    def setup(sock):
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, isn.to_bytes(4, sys.byteorder))
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 0)
    return setup


def read_all(sock):
    """Read to the peer's FIN; returns the bytes."""
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def exchange(client, server, ask=b"question\n", answer=b"answer " * 20 + b"\n"):
    """One request and its answer."""
    client.sendall(ask)
    server.recv(65536)
    server.sendall(answer)
    client.recv(65536)


class Injector:
    """Puts hand-made IPv4 segments on one side of the wire, the client's unless told, and hears what passes there."""

    def __init__(self, bench, space=None):
        macs = (CLIENT_MAC, SERVER_MAC) if space is bench.server else (SERVER_MAC, CLIENT_MAC)
        self._header = bytes.fromhex("".join(macs).replace(":", "")) + wire.ETH_P_IP.to_bytes(2, "big")
        with space or bench.client:
            self._out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._out.bind(("eth0", 0))  # protocol 0: this one never hears
            self._ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(wire.ETH_P_ALL))
            self._ear.bind(("eth0", wire.ETH_P_ALL))
        self._ear.settimeout(0.5)

    def send(self, *args, **fields):
        packet = wire.build(*args, **fields)
        self._out.send(self._header + packet)

    def hear(self, flags, wait=3.0, **fields):
        """The next segment with these flags and fields, in either direction; LabError when none comes."""
        end = time.monotonic() + wait
        while time.monotonic() < end:
            try:
                segment = wire.parse(self._ear.recv(65535))
            except TimeoutError:
                continue
            if segment and segment.is_(flags, **fields):
                return segment
        raise Spoilt(f"no {flags} with {fields} was heard in {wait} s")

    def drain(self):
        """Forget what was heard so far."""
        self._ear.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self._ear.recv(65535):
                pass
        self._ear.settimeout(0.5)

    def close(self):
        self._out.close()
        self._ear.close()


def scratch(folder):
    """A private folder beside the case, so that finished files can be renamed into place."""
    return tempfile.mkdtemp(prefix=f".recording-{os.getpid()}-", dir=folder)
