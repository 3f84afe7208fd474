# SPDX-License-Identifier: MIT
"""kernel.txt and story.txt: the kernel's account, and the scenario's, as text for people.

Programs read sockets.txt (sockets.py) and intent.txt (intent.py); here long lists are cut,
and say so.
"""

import collections

import account

EVENT_LINES = 300  # of kernel.txt; what is left out is still counted in the totals, and no state is left out of sockets.txt

# Settings that decide the numbers in nearly every story; a case adds those of its own.
SYSCTLS = ("net.ipv4.tcp_timestamps", "net.ipv4.tcp_synack_retries", "net.ipv4.tcp_syn_retries",
           "net.ipv4.tcp_syn_linear_timeouts", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_abort_on_overflow",
           "net.ipv4.tcp_max_syn_backlog", "net.core.somaxconn", "net.ipv4.tcp_fin_timeout",
           "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_rfc1337", "net.ipv4.tcp_rto_min_us", "net.ipv4.tcp_rto_max_ms")

# QUEUE_PURGE: what lay unread, usually a bare FIN, when a socket was destroyed.  OTHERHOST: the stack below a relay's taps.
ROUTINE = ("QUEUE_PURGE", "OTHERHOST")


def stamp(epoch):
    return f"{epoch:.6f}"


def text_settings(bench, case):
    yield "[settings]"
    for key in SYSCTLS + case.sysctls:
        values = [space.read_sysctl(key) for space in (bench.server, bench.client)]
        yield f"{key} server={values[0]} client={values[1]}"


def text_options(bench):
    """What scripts chose for their own sockets, where a program can tell it from traffic."""
    if bench.options:
        yield "[socket options] side, its port (0: any of its clients), option, value"
        yield from (f"{side} {port} {name} {value}" for (side, port, name), value in sorted(bench.options.items()))


def text_truth(bench):
    yield "[truth] what the script did, by its own clock (epoch seconds)"
    dated = [fact for fact in bench.facts if fact[0] is not None]
    for space in (bench.server, bench.client, bench.middle):
        dated += space.judged if space else []
    for relay, name in ((bench.relay, "the wire"), (bench.relay2, "the server's wire")):
        dated += [(at, f"{name} {word}: {segment}") for at, word, segment in relay.log] if relay else []
    yield from (f"{stamp(at)} {text}" for at, text in sorted(dated))
    yield from (text for at, text in bench.facts if at is None)


def text_counters(before, after):
    for side in ("server", "client"):
        yield f"[counters of the {side}] differences, without zeros"
        for key, value in sorted(after[side].items()):
            if value != before[side].get(key, 0):
                yield f"{key} {value - before[side].get(key, 0)}"


def text_samples(sampler):
    """Samples that equal the one before are left out: what is told holds until the next line of its kind."""
    if sampler.queues:
        yield "[accept queues of the server] ss -lnt once a second, told when it changed: epoch seconds, listener, queued, limit"
        yield from changed((at, local, f"{queued} {limit}") for at, local, queued, limit in sampler.queues)
    if sampler.states:
        yield "[sockets by state] ss -tan once a second, told when it changed: epoch seconds, side, STATE=number; unknown: ss took too long"
        yield from changed(sampler.states)


def changed(rows):
    last = {}
    for at, key, text in rows:
        if last.get(key) != text:
            last[key] = text
            yield f"{at:.3f} {key} {text}"


def text_syn_drops(lines):
    """The clients that had to repeat their SYN, from the kernel's own retransmissions."""
    repeated = account.repeated_syns(lines)
    if repeated:
        yield f"[repeated SYNs] {len(repeated)} client sockets, {sum(repeated.values())} repetitions: client=count"
        items = [f"{client}={count}" for client, count in repeated.items()]
        yield from (" ".join(items[i:i + 6]) for i in range(0, len(items), 6))


def text_events(lines, lost):
    yield f"[event totals] {len(lines)} events" + (f", AND {lost} LOST BY THE TRACE BUFFER" if lost else "")
    yield from (f"{count} {what}" for what, count in sorted(account.totals(lines).items()))
    yield "[events] epoch seconds, local end, remote end, what"
    for at, what, local, remote, detail in lines[:EVENT_LINES]:
        yield f"{stamp(at)} {local} {remote} {what} {detail}".rstrip()
    if len(lines) > EVENT_LINES:
        yield f"(cut: {len(lines) - EVENT_LINES} more events are counted in the totals above)"


def text_drops(drops):
    """Segments that a kernel threw away, and why (skb:kfree_skb); routine frees of sent copies have other reasons."""
    if drops:
        yield f"[segments dropped] {len(drops)} by reason"
        yield from (f"{count} {reason}" for reason, count in sorted(collections.Counter(d[1] for d in drops).items()))
        told = [drop for drop in drops if drop[1] not in ROUTINE]
        yield f"[drops] epoch seconds, source, destination, flags, reason; without {' and '.join(ROUTINE)}"
        yield from (f"{stamp(at)} {src} {dst} {flags} {reason}" for at, reason, src, dst, flags in told[:EVENT_LINES])
        if len(told) > EVENT_LINES:
            yield f"(cut: {len(told) - EVENT_LINES} more drops are counted in the totals above)"


def text_story(case, seen):
    """`seen`: what the kernels counted, by side."""
    yield case.sentence
    yield ""
    yield from fold(case.details)
    yield f"Made by: captures/lab/record.py run {case.name}"
    for key in case.says:
        side, _, name = key.partition(".")
        yield f"The {side}'s kernel counted: {name} {seen[side].get(name, 0)}"


def fold(text, width=100):
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = ""
        line += (" " if line else "") + word
    if line:
        yield line
