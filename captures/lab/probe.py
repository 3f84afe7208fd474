# SPDX-License-Identifier: MIT
"""What tracefs cannot print: mini-sockets and the segments that the kernel threw away.

A connection spends part of its life in no full socket: as a request (SYN_RECV), as a
time-wait bucket (TIME_WAIT, and FIN_WAIT2 after close()).  These change state without
`inet_sock_set_state`; what can be seen is their timers.  And `kfree_skb` names a reason
but no ports.  Both need a look into kernel memory, so one bpftrace program does it for
the whole machine, whatever number of recordings run; each keeps the lines of its own
addresses.

    timer_start, timer_cancel, timer_expire_entry
        of reqsk_timer_handler   the SYN+ACK timer of a request      (struct request_sock)
        of tw_timer_handler      the timer of a time-wait mini-socket (struct inet_timewait_sock)
    kfree_skb                    ports and flags of a TCP segment, and the reason

The timers sit inside their sockets at an offset that differs between kernels: it is read
from the kernel's own type information (BTF).
"""

import contextlib
import ctypes
import os
import re
import signal
import struct
import subprocess
import time

from process import LabError, gone

PR_SET_PDEATHSIG = 1
BTF = "/sys/kernel/btf/vmlinux"
KFREE_FORMAT = "/sys/kernel/tracing/events/skb/kfree_skb/format"

# 10.66.0.0/16 and fd00:66::/32 in memory order: the addresses of every bench.
PROGRAM = r"""
BEGIN {{ printf("ready\n"); }}

tracepoint:timer:timer_start /args->function == kaddr("reqsk_timer_handler")/ {{
    $s = (struct sock_common *)((uint64)args->timer - {request});
    @kind[args->timer] = 1;
    if ($s->skc_family == 2) {{
        printf("%llu request %llx start %d %s %d %s %d\n", nsecs, args->timer, 12,
            ntop(2, $s->skc_rcv_saddr), $s->skc_num, ntop(2, $s->skc_daddr), $s->skc_dport);
    }} else {{
        printf("%llu request %llx start %d %s %d %s %d\n", nsecs, args->timer, 12,
            ntop(10, $s->skc_v6_rcv_saddr.in6_u.u6_addr8), $s->skc_num,
            ntop(10, $s->skc_v6_daddr.in6_u.u6_addr8), $s->skc_dport);
    }}
}}
tracepoint:timer:timer_start /args->function == kaddr("tw_timer_handler")/ {{
    $t = (struct inet_timewait_sock *)((uint64)args->timer - {timewait});
    $s = (struct sock_common *)$t;
    @kind[args->timer] = 2;
    if ($s->skc_family == 2) {{
        printf("%llu timewait %llx start %d %s %d %s %d\n", nsecs, args->timer, $t->tw_substate,
            ntop(2, $s->skc_rcv_saddr), $s->skc_num, ntop(2, $s->skc_daddr), $s->skc_dport);
    }} else {{
        printf("%llu timewait %llx start %d %s %d %s %d\n", nsecs, args->timer, $t->tw_substate,
            ntop(10, $s->skc_v6_rcv_saddr.in6_u.u6_addr8), $s->skc_num,
            ntop(10, $s->skc_v6_daddr.in6_u.u6_addr8), $s->skc_dport);
    }}
}}
tracepoint:timer:timer_cancel /@kind[args->timer]/ {{
    printf("%llu timer %llx cancel\n", nsecs, args->timer);
}}
tracepoint:timer:timer_expire_entry /@kind[args->timer]/ {{
    printf("%llu timer %llx expire\n", nsecs, args->timer);
}}
tracepoint:skb:kfree_skb /args->protocol == 0x0800/ {{
    $skb = (struct sk_buff *)args->skbaddr;
    $h = (uint64)$skb->head + $skb->network_header;
    $ip = (struct iphdr *)$h;
    if ($ip->protocol == 6 && ($ip->saddr & 0xffff) == 0x420a) {{
        $tcp = (struct tcphdr *)($h + (*(uint8 *)$h & 15) * 4);
        printf("%llu drop %d %s %d %s %d %d\n", nsecs, args->reason, ntop(2, $ip->saddr), $tcp->source,
            ntop(2, $ip->daddr), $tcp->dest, *(uint8 *)((uint64)$tcp + 13));
    }}
}}
tracepoint:skb:kfree_skb /args->protocol == 0x86dd/ {{
    $skb = (struct sk_buff *)args->skbaddr;
    $h = (uint64)$skb->head + $skb->network_header;
    $ip6 = (struct ipv6hdr *)$h;
    if ($ip6->nexthdr == 6 && $ip6->saddr.in6_u.u6_addr32[0] == 0x660000fd) {{
        $tcp = (struct tcphdr *)($h + 40);
        printf("%llu drop %d %s %d %s %d %d\n", nsecs, args->reason, ntop(10, $ip6->saddr.in6_u.u6_addr8), $tcp->source,
            ntop(10, $ip6->daddr.in6_u.u6_addr8), $tcp->dest, *(uint8 *)((uint64)$tcp + 13));
    }}
}}
"""

SUBSTATES = {5: "FIN_WAIT2", 6: "TIME_WAIT", 12: "SYN_RECV"}  # include/net/tcp_states.h
FLAG_LETTERS = "FSRPAUEC"

# BTF kinds that are followed by something (include/uapi/linux/btf.h): kind -> bytes fixed, bytes per element
TRAILERS = {1: (4, 0), 3: (12, 0), 4: (0, 12), 5: (0, 12), 6: (0, 8), 13: (0, 8), 14: (4, 0), 15: (0, 12),
            17: (4, 0), 19: (0, 12)}


def member_offsets(wanted, path=BTF):
    """Byte offsets of {structure: member} in the running kernel's types."""
    with open(path, "rb") as file:
        data = file.read()
    head = struct.unpack_from("<HBBIIIII", data)
    types, strings = head[3] + head[4], head[3] + head[6]

    def name(offset):
        start = strings + offset
        return data[start:data.index(b"\0", start)].decode()

    names = {data.find(b"\0" + s.encode() + b"\0", strings) + 1 - strings: s for s in wanted}
    found, at = {}, types
    while at < types + head[5]:
        label, info, _ = struct.unpack_from("<III", data, at)
        kind, count, packed = info >> 24 & 31, info & 0xFFFF, info >> 31
        if kind == 4 and label in names:
            for member in range(count):
                word, _, bits = struct.unpack_from("<III", data, at + 12 + 12 * member)
                if name(word) == wanted[names[label]]:
                    found[names[label]] = (bits & 0xFFFFFF if packed else bits) // 8
        fixed, each = TRAILERS.get(kind, (0, 0))
        at += 12 + fixed + each * count
    return found


def drop_reasons():
    """{number: name} of kfree_skb's reasons, as this kernel prints them."""
    with open(KFREE_FORMAT, encoding="ascii") as file:
        return {int(number): word for number, word in re.findall(r"\{ (\w+), \"(\w+)\" \}", file.read()) if number.isdigit()}


def swap16(port):
    return (port & 0xFF) << 8 | port >> 8


def end(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def descriptors(pid):
    """What the kernel says of a process's open files, its BPF programs among them."""
    parts = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for name in os.listdir(f"/proc/{pid}/fdinfo"):
            # One that was closed meanwhile
            with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as file:
                parts.append(file.read())
    return "".join(parts)


class Probe:
    """The bpftrace process.  Whoever starts it stops it; others read its file."""

    def __init__(self, path):
        self.path = path
        offsets = member_offsets({"request_sock": "rsk_timer", "inet_timewait_sock": "tw_timer"})
        program = PROGRAM.format(request=offsets["request_sock"], timewait=offsets["inet_timewait_sock"])
        # A group of its own: Ctrl-C must end it only through stop().
        libc = ctypes.CDLL(None)
        settings = {"BPFTRACE_PERF_RB_PAGES": "1024", "BPFTRACE_MAP_KEYS_MAX": "65536"}
        with open(path, "w", encoding="ascii") as file:
            self._process = subprocess.Popen(["bpftrace", "-B", "line", "-e", program], stdout=file, text=True,
                                             stderr=subprocess.PIPE, start_new_session=True, env={**os.environ, **settings},
                                             # Even a SIGKILL of the recorder must not leave it behind.
                                             preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT))
        with open(f"{path}.pid", "w", encoding="ascii") as file:
            file.write(str(self._process.pid))

    def wait(self, seconds=30):
        """Until every probe is attached."""
        end_at = time.monotonic() + seconds
        while time.monotonic() < end_at:
            if self._process.poll() is not None:
                raise OSError(f"bpftrace: {self._process.stderr.read().strip()}")
            if os.path.exists(self.path):
                with open(self.path, encoding="ascii", errors="replace") as file:
                    if "ready" in file.read(4096):
                        return
            time.sleep(0.05)
        self.stop()
        raise OSError("bpftrace: did not get ready")

    @staticmethod
    def misses(path):
        """How often the kernel skipped the program of this file so far, because one was running on that processor."""
        with open(f"{path}.pid", encoding="ascii") as file:
            pid = file.read().strip()
        text = "" if gone(pid) else descriptors(pid)
        if "prog_type:" not in text:  # a zombie has no descriptors: it would seem to have missed nothing
            raise LabError("bpftrace ended too early, so the account would lack mini-sockets and dropped segments")
        return sum(int(count) for count in re.findall(r"^recursion_misses:\s*(\d+)", text, re.MULTILINE))

    def check(self):
        """LabError when the process is gone.  For whoever started it."""
        if self._process.poll() is not None:
            code = self._process.returncode
            why = f"signal {-code}" if code < 0 else self._process.stderr.read().strip()
            raise LabError(f"bpftrace ended too early: {why or code}")

    def stop(self):
        """End it.  Raises nothing: what was lost is in its file's readers' eyes as `lost`."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()


class Findings:
    """The lines of a probe's file that concern one bench, between two instants (CLOCK_MONOTONIC, seconds)."""

    def __init__(self, path, since, until, near, offset):
        self.lost = 0
        self.mini = []   # (epoch, kind, timer, word, substate, local, remote)
        self.drops = []  # (epoch, reason, source, destination, flags)
        reasons = drop_reasons()
        owners = {}  # timer -> (kind, local, remote) of the live mini-socket of this bench
        # Each processor has a buffer of its own, so the file is in order of time only nearly.
        for nanoseconds, words in sorted(self._lines(path, since, until)):
            at = nanoseconds / 1e9 + offset
            if words[1] == "drop":
                self._drop(at, words, near, reasons)
            else:
                self._timer(at, words, near, owners)

    def _lines(self, path, since, until):
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                words = line.split()
                if line.startswith("Lost "):
                    self.lost += int(words[1])
                elif words and words[0].isdigit() and line.endswith("\n") and since <= int(words[0]) / 1e9 <= until:
                    yield int(words[0]), words

    def _drop(self, at, words, near, reasons):
        src, sport, dst, dport, flags = words[3:8]
        ends = end(src, swap16(int(sport))), end(dst, swap16(int(dport)))
        if near(ends[0]) or near(ends[1]):
            letters = "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if int(flags) >> bit & 1)
            self.drops.append((at, reasons.get(int(words[2]), words[2]), *ends, letters or "-"))

    def _timer(self, at, words, near, owners):
        kind, timer, word = words[1:4]
        if word == "start":
            local, remote = end(words[5], int(words[6])), end(words[7], swap16(int(words[8])))
            owners.pop(timer, None)
            if near(local):
                owners[timer] = (kind, local, remote)
                self.mini.append((at, kind, timer, word, SUBSTATES.get(int(words[4]), words[4]), local, remote))
        elif timer in owners:
            kind, local, remote = owners[timer]
            self.mini.append((at, kind, timer, word, "", local, remote))
