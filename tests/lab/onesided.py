#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures of one direction, and captures that begin late, against what the kernels really did.

    onesided.py CAPTURES PROGRAM [CASE...]      TAP: one line per case

The server's capture of each recorded case is damaged, connection by connection:

  client, server   only what that end sent is left
  cut K            the first K records of each connection are missing

Much cannot be known of it then; but what is told must still be so:

  * A state that is told as certain is one in which the kernel's socket was, in that order (by the rules of agree.py); when
    it was so is not asked: with its segments its moment may be missing.
  * A connection of which no SYN is left has the handshake `midstream`, and no state of an opening is told of it.
  * Who is client and who is server is told as the kernels say it, where SYN or SYN+ACK are left.
  * Bytes that are told to have been acknowledged and not captured are no more than the whole capture holds.
"""

import collections
import dataclasses
import os
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import agree  # noqa: E402
import case  # noqa: E402
import commandline  # noqa: E402
import damaged  # noqa: E402
import listeners  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

CUTS = (1, 2, 3, 5)
LARGEST = 20000  # bytes of a capture: larger ones show nothing else, and take longer than all the others
# What cannot be compared: (case, damage) -> reason.
LEFT_OUT = {
    ("handshake/rec_split", "server"): "half of a split opening is the opening of a connection the other way",
    ("handshake/rec_split", "cut 1"): "likewise",
    ("handshake/rec_syn_other_isn", "cut 3"): "all that is left of a connection is the reset before the next one",
}
NOTHING = ("UNKNOWN", "LISTEN")  # says nothing of a socket


def directions(passed, servers):
    """{name: which records are left} of each direction; the servers' addresses tell them apart."""
    from_server = [one is not None and one.src.rpartition(":")[0].strip("[]") in servers for one in passed]
    return {"server": from_server, "client": [one is not None and not there for one, there in zip(passed, from_server)]}


def cut(passed, count):
    """Which records are left if the first `count` of each connection are missing."""
    seen, left = collections.Counter(), []
    for one in passed:
        ends = one and frozenset((one.src, one.dst))
        seen[ends] += one is not None
        left.append(one is None or seen[ends] > count)
    return left


def damages(passed, servers):
    yield from directions(passed, servers).items()
    for count in CUTS:
        yield f"cut {count}", cut(passed, count)


# -- states ------------------------------------------------------------------------------------------------------


class Part:
    """What case.Comparison wants of a folder, with a damaged capture at the server."""

    def __init__(self, folder, path):
        self.name, self.account = folder.name, folder.account
        self.files = {"server": path}
        self.captures = {**folder.captures, "server": segments.read(path)}


def wrong_states(part, output, clauses):
    """Complaints about states that are told as certain, and in which no kernel was, by the rules of agree.py."""
    comparison = case.Comparison(part, "server", output)
    cookies = part.account.counters.get("server.TcpExtSyncookiesSent", 0) > 0  # which answer and keep no state
    comparison.compare_paths(clauses)
    for wrong in comparison.result.wrong:
        words = [one for one in wrong.words.split("; ") if "(certain)" in one and "never there" in one
                 and not (cookies and one.startswith("SYN_RECV"))]
        if words:
            yield f"{wrong.subject}: {'; '.join(words)} [frames {', '.join(map(str, wrong.frames))}]"


# -- what is not there -------------------------------------------------------------------------------------------


def check_opening(flow, mine):
    """Complaints about a handshake that nobody saw."""
    seen = [one for one in mine if one.has("S")]
    handshake = flow.columns["handshake"]
    if not seen and handshake != "midstream":
        yield f"{flow.name}: no SYN is left, and the handshake is told: {handshake}"
    if not seen:
        for actor in ("client", "server"):
            first = next((row for row in flow.paths[actor] if row.state not in NOTHING), None)
            if first and first.state in ("SYN_SENT", "SYN_RECV"):
                yield f"{flow.name} {actor}: no SYN is left, and {first.state} is told"


def check_roles(flow, mine):
    """Complaints about who is the client."""
    first = next((one for one in mine if one.has("S")), None)
    if first and flow.client != (first.dst if first.has("A") else first.src):
        yield f"{flow.name}: {flow.client} is told as the client, frame {first.frame} says otherwise"


def whole_bytes(rows):
    """{(client, server): [(start, {end: bytes})]} of the undamaged capture."""
    found = collections.defaultdict(list)
    for flow in rows:
        both = {flow.end(actor): int(flow.columns[f"{actor}_bytes"]) + int(flow.columns[f"{actor}_missed_bytes"])
                for actor in ("client", "server")}
        found[frozenset(both)].append(both)
    return found


def check_bytes(flow, whole):
    """Complaints about bytes that nobody sent.  Of a direction that is missing a FIN may count as one: it takes a number, too."""
    for actor in ("client", "server"):
        told = int(flow.columns[f"{actor}_bytes"]) + int(flow.columns[f"{actor}_missed_bytes"])
        end = flow.end(actor)
        most = sum(both[end] for both in whole[frozenset((flow.client, flow.server))])
        if told > most + (flow.columns[f"{actor}_pkts"] == "0"):
            yield f"{flow.name} {actor}: {told} bytes are told, the whole capture holds {most}"


# -- the comparison ----------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    """One case, all damages."""

    wrong: list = dataclasses.field(default_factory=list)
    flows: int = 0
    states: int = 0  # told as certain


def judge(part, output, whole, clauses):
    """Complaints, and how many states were told as certain."""
    wrong, states = list(wrong_states(part, output, clauses)), 0
    for flow in output.flows:
        mine = [one for one in part.captures["server"].of(flow.client, flow.server)
                if not one.icmp and flow.first_frame <= one.frame <= flow.last_frame]
        wrong += [*check_opening(flow, mine), *check_roles(flow, mine), *check_bytes(flow, whole)]
        states += sum(row.confidence == "certain" for rows in flow.paths.values() for row in rows)
    return wrong, states


def compare_case(name, options, path):
    folder = case.Folder(options.captures, name)
    source = folder.files["server"]
    with open(source, "rb") as file:
        data = file.read()
    passed = damaged.read_segments(data)
    servers = listeners.read_truth(os.path.join(folder.path, "kernel.txt")).addresses
    whole = whole_bytes(program.read(options.program, source, "server").flows)
    clauses = folder.intent(())[0]
    result = Result()
    for damage, left in damages(passed, servers):
        if (name, damage) in LEFT_OUT or not commandline.chosen(options.thin, name, damage):
            continue
        with open(path, "wb") as file:
            file.write(damaged.written(data, left))
        output = program.read(options.program, path, "server")
        wrong, states = judge(Part(folder, path), output, whole, clauses)
        result.wrong += [f"{damage}: {words}" for words in wrong]
        result.flows += len(output.flows)
        result.states += states
    return result


def main(arguments=None):
    parser = commandline.parser(__doc__)
    commandline.add_thin(parser, "the damages of a case")
    options, tap = parser.parse_args(arguments), report.Tap()
    with tempfile.TemporaryDirectory() as folder:
        for name in agree.find(options.captures, options.case)[0]:
            if not options.case and os.path.getsize(os.path.join(options.captures, name, "capture.pcap")) > LARGEST:
                continue
            result = compare_case(name, options, os.path.join(folder, "part.pcap"))
            tap.point(not result.wrong, f"{name}: {result.flows} flows, {result.states} states told as certain",
                      result.wrong[:40])
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
