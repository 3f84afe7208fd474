# SPDX-License-Identifier: MIT
"""Which of the kernel's lives belongs to which of the program's flows, and how far a tap is from an endpoint.

Both number the connections of one pair of ends in time, and a flow that is missing (its
segments never passed the tap) or a life that is missing (a SYN that was refused) must not
shift the rest: so the longest pairing in order is chosen, and of these the one whose
beginnings lie closest together.
"""

import dataclasses

SLACK = 0.005  # seconds; two records of one instant


@dataclasses.dataclass
class Delays:
    """Seconds between an endpoint and the tap, by the side the endpoint is on."""

    out: dict  # from the endpoint to the tap
    back: dict  # from the tap to the endpoint

    def of(self, side):
        return max(self.out.get(side, 0.0), self.back.get(side, 0.0))


def first_answer(life, capture):
    """(seconds from the endpoint to the tap, and back) as this life's opening shows them; None where it cannot."""
    out = back = None
    mine = [s for s in capture.of(life.local, life.remote) if not s.icmp]
    first = life.steps[0]
    if first.state == "SYN_SENT":
        own = [s.at for s in mine if s.src == life.local and s.flags and s.has("S") and s.at >= first.at - SLACK]
        opened = next((step.at for step in life.steps if step.state == "ESTABLISHED"), None)
        answers = [s.at for s in mine if s.dst == life.local and s.has("SA") and opened and s.at <= opened + SLACK]
        out = own[0] - first.at if own else None
        back = opened - answers[-1] if answers else None
    elif life.by_request:
        own = [s.at for s in mine if s.src == life.local and s.has("SA") and s.at >= first.at - SLACK]
        asked = [s.at for s in mine if s.dst == life.local and s.has("S") and s.at <= first.at + SLACK]
        out = own[0] - first.at if own else None
        back = first.at - asked[-1] if asked else None
    return out, back


def measure(lives, capture, own_side):
    """The Delays of a tap, from the kernels' openings and the segments of these: the smallest of all, for a lost copy
    only makes it larger.  The tap's own side has none."""
    out, back = {own_side: 0.0}, {own_side: 0.0}
    for life in lives:
        if life.side == own_side:
            continue
        for known, seconds in zip((out, back), first_answer(life, capture)):
            if seconds is not None:
                known[life.side] = max(0.0, min(seconds, known.get(life.side, seconds)))
    return Delays(out, back)


def overlaps(life, flow, until, slack):
    return life.start - slack <= until and life.end + slack >= flow.start


def best_in_order(lives, flows, spans, slack):
    """[(life, flow)]: as many pairs in order as overlap in time, then those that begin closest together."""
    best = {(0, 0): (0, 0.0, ())}
    for i in range(len(lives) + 1):
        for j in range(len(flows) + 1):
            options = []
            if i:
                options.append(best[i - 1, j])
            if j:
                options.append(best[i, j - 1])
            if i and j and overlaps(lives[i - 1], flows[j - 1], spans[j - 1], slack):
                count, apart, pairs = best[i - 1, j - 1]
                apart += abs(lives[i - 1].start - flows[j - 1].start)
                options.append((count + 1, apart, pairs + ((i - 1, j - 1),)))
            if options:
                best[i, j] = max(options, key=lambda option: (option[0], -option[1]))
    return [(lives[i], flows[j]) for i, j in best[len(lives), len(flows)][2]]


def pair(lives, flows, slack):
    """{flow name: [life, ...]} and the lives that no flow tells of, for one endpoint of one pair of ends.

    A life that begins while a flow goes on, and has no flow of its own, is part of that flow: a server that takes a
    delayed copy of an old SYN makes a new request, which the capture shows among the old connection's segments.
    """
    flows = sorted(flows, key=lambda flow: flow.start)
    spans = [max(flow.last, flow.start) for flow in flows]
    pairs = best_in_order(lives, flows, spans, slack)
    owned = {flow.name: [life] for life, flow in pairs}
    taken = {id(life) for life, _ in pairs}
    for flow in flows:
        # A flow that begins in the middle may begin after its endpoint was gone: with what then drew the reset.
        earlier = [life for life in lives if id(life) not in taken and life.start <= flow.start]
        if flow.name not in owned and flow.columns.get("handshake") == "midstream" and earlier:
            owned[flow.name] = [earlier[-1]]
            taken.add(id(earlier[-1]))
    rest = []
    for life in lives:
        if id(life) in taken:
            continue
        within = [flow for flow, span in zip(flows, spans) if flow.start - slack <= life.start <= span + slack]
        if within:
            owned.setdefault(within[-1].name, []).append(life)
        else:
            rest.append(life)
    return {name: sorted(mine, key=lambda life: life.start) for name, mine in owned.items()}, rest


def pair_all(account, output, slack):
    """{(flow name, actor): [life, ...]}, and the lives that no flow tells of."""
    by_ends = {}
    for flow in output.flows:
        for actor, mine, other in (("client", flow.client, flow.server), ("server", flow.server, flow.client)):
            by_ends.setdefault((mine, other), []).append((flow, actor))
    found, rest = {}, []
    for ends, lives in account.lives.items():
        told = by_ends.get(ends, [])
        owned, alone = pair(lives, [flow for flow, _ in told], slack)
        rest += alone
        for flow, actor in told:
            if flow.name in owned:
                found[flow.name, actor] = owned[flow.name]
    return found, rest
