# SPDX-License-Identifier: MIT
"""The kernel's own account of what happened, to lay beside a capture.

A capture shows what passed; only the kernel knows what it thought.  The sources:

  counters   /proc net/snmp and net/netstat of a namespace, before and after
  events     tracepoints, in a tracing instance of our own, so that nobody else's
             tracing is disturbed and ours is removed as a whole
  samples    `ss -tan` once a second: length and limit of each accept queue, and how many sockets are in which
             state, at both ends
  probe      mini-sockets and dropped segments (probe.py)

Clock: events are stamped with CLOCK_MONOTONIC, packets with CLOCK_REALTIME.  The
difference is measured by bracketing (real, mono, real: the narrowest of many tries)
at both ends of the recording, so every line here can be laid on the capture's time.

Trap: tracepoints carry no namespace.  Each scenario therefore has addresses of its
own, and events are kept by address.  TIME_WAIT, orphaned FIN_WAIT2 and request
sockets are mini-sockets: inet_sock_set_state does not show them, probe.py does.
"""

import collections
import errno
import os
import re
import subprocess
import threading
import time

TRACING = "/sys/kernel/tracing"
EVENTS = ("sock/inet_sock_set_state", "tcp/tcp_retransmit_synack", "tcp/tcp_retransmit_skb",
          "tcp/tcp_send_reset", "tcp/tcp_receive_reset", "tcp/tcp_destroy_sock", "sock/inet_sk_error_report")
BUFFER_KB = 8192  # per processor; a second of a busy service is some 100 kB

# "  task-123 [001] ..s2.  12.345678: event_name: key=value key=value"
LINE = re.compile(r"\s(\d+\.\d{6}): (\w+): (.*)$")
FIELD = re.compile(r"(\w+)=(\S+)")


def clock_offset():
    """(CLOCK_REALTIME - CLOCK_MONOTONIC, uncertainty), both in seconds."""
    best = None
    for _ in range(200):
        before, mono, after = time.time_ns(), time.monotonic_ns(), time.time_ns()
        if best is None or after - before < best[1]:
            best = ((before + after) // 2 - mono, after - before)
    return best[0] / 1e9, best[1] / 2e9


def read_counters():
    """The TCP counters of the calling thread's namespace, named as nstat names them."""
    counters = {}
    for name in ("snmp", "netstat"):
        with open(f"/proc/thread-self/net/{name}", encoding="ascii") as file:
            lines = file.read().splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            group, _, names = names.partition(": ")
            if group not in ("Tcp", "TcpExt"):
                continue
            for key, value in zip(names.split(), values.partition(": ")[2].split()):
                counters[group + key] = int(value)
    return counters


def mount_tracing():
    """Make the tracing file system visible where every tool expects it."""
    if not os.path.isdir(f"{TRACING}/instances"):
        subprocess.run(["mount", "-t", "tracefs", "nodev", TRACING], check=True)


class Trace:
    """A tracing instance of our own, and what it recorded."""

    def __init__(self, name):
        self.path = f"{TRACING}/instances/{name}"
        self.lost = 0

    def start(self):
        mount_tracing()
        os.mkdir(self.path)
        self._write("trace_clock", "mono")
        self._write("buffer_size_kb", str(BUFFER_KB))
        self.offset, self.uncertainty = clock_offset()
        for event in EVENTS:
            self._write(f"events/{event}/enable", "1")

    def stop(self):
        """Stop recording; returns how far the two clocks drifted apart meanwhile, in seconds."""
        self._write("tracing_on", "0")
        return clock_offset()[0] - self.offset

    def remove(self):
        """Give the buffers back to the kernel.  Safe to call twice, or without start()."""
        if os.path.isdir(self.path):
            self._write("tracing_on", "0")
            os.rmdir(self.path)

    def events(self, wanted):
        """The events whose text `wanted(text)` accepts: (epoch, name, fields), oldest first."""
        found = []
        with open(f"{self.path}/trace", encoding="ascii", errors="replace") as file:
            for line in file:
                match = LINE.search(line)
                if match and wanted(match[3]):
                    found.append((float(match[1]) + self.offset, match[2], dict(FIELD.findall(match[3]))))
        self.lost = sum(self._overrun(entry) for entry in os.listdir(f"{self.path}/per_cpu"))
        return found

    def _overrun(self, cpu):
        with open(f"{self.path}/per_cpu/{cpu}/stats", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("overrun:"))

    def _write(self, name, text):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as file:
            file.write(text)


def ends(fields):
    """(local, remote) endpoint of a socket event, as address:port."""
    if fields["family"] == "AF_INET6":
        return (f"[{fields['saddrv6']}]:{fields['sport']}", f"[{fields['daddrv6']}]:{fields['dport']}")
    return f"{fields['saddr']}:{fields['sport']}", f"{fields['daddr']}:{fields['dport']}"


def short(state):
    """TCP_ESTABLISHED as ESTABLISHED."""
    return state.removeprefix("TCP_")


def describe(name, fields):
    """One event in the words used by kernel.txt: what, local end, remote end, detail."""
    if name == "tcp_send_reset":
        # The packet that drew the reset, or the socket that sends it: the kernel fills in the same direction.
        return ("sends-reset", fields["src"], fields["dest"],
                f"{short(fields['state'])} {fields['reason'].removeprefix('SK_RST_REASON_')}")
    local, remote = ends(fields)
    if name == "inet_sock_set_state":
        return "state", local, remote, f"{short(fields['oldstate'])} > {short(fields['newstate'])}"
    if name == "tcp_retransmit_synack":
        return "repeats-synack", local, remote, ""
    if name == "tcp_retransmit_skb":
        failed = f" not sent ({fields['err']})" if fields.get("err", "0") != "0" else ""
        return "repeats", local, remote, short(fields["state"]) + failed
    if name == "tcp_destroy_sock":
        return "destroyed", local, remote, ""
    if name == "inet_sk_error_report":
        return "error", local, remote, errno.errorcode.get(int(fields["error"]), fields["error"])
    return "takes-reset", local, remote, ""


def repeated_syns(lines):
    """{client end: how often it repeated its SYN}, from described events."""
    repeated = {}
    for _, what, local, _, detail in lines:
        if what == "repeats" and detail == "SYN_SENT":
            repeated[local] = repeated.get(local, 0) + 1
    return repeated


class Sampler(threading.Thread):
    """Once a second: length and limit of the server's accept queues, and both ends' sockets by state.  A sample that took longer
    than TOOK_MAX is of no one instant (a busy machine, the first ss of a namespace): of its second nothing is known."""

    TOOK_MAX = 0.1  # seconds; tests/lab/census.py dates a sample within as much

    def __init__(self, server, client):
        super().__init__(name="sampler", daemon=True)
        self.queues = []  # (epoch, local address, queued, limit)
        self.states = []  # (epoch, side, "STATE=number ...")
        self._spaces = (server, client)
        self._ended = threading.Event()

    def run(self):
        while not self._ended.wait(1.0 - time.time() % 1.0):
            for space in self._spaces:
                with space:
                    self._sample(space.side)

    def _sample(self, side):
        now = time.time()
        text = subprocess.run(["ss", "-Htan"], capture_output=True, text=True, check=False).stdout
        if time.time() - now > self.TOOK_MAX:
            self.states.append((now, side, "unknown"))
            return
        counts = collections.Counter()
        for line in text.splitlines():
            state, queued, limit, local = line.split()[:4]
            if state != "LISTEN":
                counts[state] += 1
            elif side == "server":
                self.queues.append((now, local, int(queued), int(limit)))
        self.states.append((now, side, " ".join(f"{state}={count}" for state, count in sorted(counts.items())) or "none"))

    def stop(self):
        self._ended.set()
        if self.is_alive():
            self.join(3)


def totals(lines):
    """How often each kind of event, with its detail, was seen."""
    return collections.Counter(f"{what} {detail}".strip() for _, what, _, _, detail in lines)
