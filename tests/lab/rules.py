# SPDX-License-Identifier: MIT
"""Why the program could not know something at a tap: rules, each with a name and a reason.

A rule decides by the captures (evidence.py) and by the kernels' own records, never by the
case's name.  Each is as narrow as the cases that need it: what it excuses is counted in
docs/agreement.md, under the rule's name.
"""

import dataclasses

import evidence

TIMER_LATE, TIMER_SPARE = 1 / 8, 0.1  # a kernel timer comes this part of its interval late, and this much jitter

REQUEST_LIFE = 63.0  # seconds; 1 + 2 + 4 + 8 + 16 + 32, net.ipv4.tcp_synack_retries = 5
FIRST_RUNGS = 3.0  # seconds; the first two repetitions of a SYN or SYN+ACK

NEVER_PASSED = "its segment never passed this tap"
IN_SILENCE = "ended in silence"
AFTER_END = "after the capture's end"
AFTER_RECORD = "after the end of the kernel's record"
BEFORE_START = "before the capture's start"
NEVER_LEFT = "the FIN was queued and never left"
LATE_FIN = "the FIN was queued and left later"
NOT_RECEIVED = "seen, but not received, and nothing tells"
STATELESS = "a SYN cookie keeps no state"
LOST_COPY = "dated by a copy that was lost behind the tap"
LATER_COPY = "dated by a later copy, the answer to the first was lost"
OVERTAKEN = "overtaken behind the tap"
BLIND = "follows from what is not in the capture"
NOT_TAKEN = "the ACK was not taken, and nothing shows it"
FORGED = "sent by somebody else in the endpoint's name"
SILENT_CHILD = "made by an ACK like the refused ones, and nothing shows it"
NO_BUCKET = "no room for a TIME_WAIT"
TAKEN_OVER = "told in the row of the next connection"
NO_ANSWER = "its answer never passed this tap"
REASONS = {
    NEVER_PASSED:
        "The segment that moved the endpoint is not in this capture: it was lost before the tap, or took another "
        "way.",
    IN_SILENCE:
        "A timer or the application ended it and no segment says so; the program may tell such an end later, by "
        "what shows it, or by the clock within the lateness of kernel timers, or not at all.",
    AFTER_END:
        "It happened after the last packet of the capture.",
    AFTER_RECORD:
        "The capture went on a moment longer than the kernel's record: what the program tells of it cannot be "
        "compared.",
    BEFORE_START:
        "It happened before the first packet of the capture; of states held then the last one is asked for, no "
        "time.",
    NEVER_LEFT:
        "The kernel is in FIN_WAIT1 or LAST_ACK from the moment the FIN is queued; behind a closed window it may "
        "never be sent.",
    LATE_FIN:
        "The kernel dates FIN_WAIT1 or LAST_ACK by the queueing of the FIN; on the wire the peer's FIN came before "
        "it.",
    NOT_RECEIVED:
        "The segment passed the tap and was lost behind it, and the endpoint sent nothing later that would show it.",
    STATELESS:
        "The server answered with a SYN cookie and keeps nothing; the program says SYN_RECV for the answered SYN.",
    LOST_COPY:
        "The order is right; the copy that the program dates it by was lost behind the tap, a later one moved the "
        "endpoint.",
    LATER_COPY:
        "The order is right; the endpoint's answer to the first copy never passed here, and what it answered to a "
        "later copy does not say (D-SACK) that it had the first.",
    OVERTAKEN:
        "The order is right; behind the tap a later segment overtook one that the endpoint needed first.",
    NOT_TAKEN:
        "The order is right; the server's kernel left the first ACK aside (a full accept queue, TCP_DEFER_ACCEPT), "
        "and until a later segment made the child the server sent nothing. At the server's own tap the client sent "
        "no payload either; elsewhere its payload may as well have been lost behind the tap.",
    FORGED:
        "The segment never left the endpoint (its own tap does not have it): a box on the path made it. Excused "
        "where its TTL is like the endpoint's, or where the program is not certain.",
    SILENT_CHILD:
        "A full accept queue had refused such ACKs before; the one that was taken draws no answer.",
    NO_BUCKET:
        "The kernel's table of TIME_WAIT was full (its counter says so): it acknowledged the FIN and kept nothing.",
    TAKEN_OVER:
        "A new connection took over the ports of one in TIME_WAIT; the program tells that in the new row "
        "(`reuse_of`), the old row ends in TIME_WAIT.",
    NO_ANSWER:
        "The SYN passed, the SYN+ACK did not: a SYN alone does not show that the server took it; what the client "
        "acknowledges then does.",
    BLIND:
        "Part of the connection is not in the capture, and the program, which says so by a confidence below "
        "certain, reads the rest otherwise (a FIN as FIN_WAIT1 where the peer's was never seen).",
}


# -- the kernel's history as a tap could know it -----------------------------------------------------------------


def wire_order(view, steps):
    """The steps as the wire shows them, where a FIN was queued before, and left after, the peer's FIN, or never.

    Returns (steps, excuses).  The kernel: FIN_WAIT1 (queued), CLOSING, TIME_WAIT.
                             The wire: CLOSE_WAIT, LAST_ACK, CLOSED.
    """
    names = [step.state for step in steps]
    if "FIN_WAIT1" not in names or "CLOSING" not in names:
        return steps, []
    fin = evidence.first_own_fin(view, view.segments if view.home is None else view.home)
    at = names.index("FIN_WAIT1")
    queued, got = steps[at], steps[names.index("CLOSING")]
    if fin is None and (view.home is not None or evidence.proves_close_wait(view)):
        seen = [dataclasses.replace(got, state="CLOSE_WAIT")]
        return steps[:at] + seen + [step for step in steps[at:] if step.state == "CLOSED"], [(NEVER_LEFT, "FIN_WAIT1")]
    if fin is None or fin.at <= got.at + view.tolerance:
        return steps, []
    seen = [dataclasses.replace(got, state="CLOSE_WAIT"), dataclasses.replace(queued, state="LAST_ACK", at=fin.at)]
    rest = [dataclasses.replace(step, state="CLOSED") for step in steps[at:] if step.state in ("TIME_WAIT", "CLOSED")]
    return steps[:at] + seen + rest[:1], [(LATE_FIN, f"FIN_WAIT1, {fin.at - queued.at:.3f} s later")]


def cut_start(view, steps, rows):
    """Of a flow that begins in the middle: what was before the program's first state is not asked for, nor its time."""
    if not rows or rows[0].before != "UNKNOWN":
        return steps, []
    begin = min((s.at for s in view.segments), default=view.capture_first)
    held = [step for step in steps if step.at < begin - view.tolerance]
    rest = steps[len(held):]
    first = rows[0].state
    if held and held[-1].state == first:
        return [dataclasses.replace(held[-1], timed=False)] + rest, before_start(held[:-1])
    spoke = any(s.src == view.local and s.frame < rows[0].frame for s in view.segments)
    if rest and rest[0].state == first and not spoke:
        rest = [dataclasses.replace(rest[0], timed=False)] + rest[1:]
    return rest, before_start(held)


def before_start(steps):
    return [(BEFORE_START, step.state) for step in steps]


# -- a transition that both have, at another time ------------------------------------------------------------------


def timer_fits(interval, difference):
    """Is an end told by the clock, before the kernel's, within the lateness of kernel timers?"""
    return -difference <= interval * TIMER_LATE + TIMER_SPARE


def missed_rung(view, step, row):
    """Is this row dated by when the endpoint would have sent again, at the latest, had it not ended after its frame?"""
    shown = view.segment(row.frame).at
    own = [s.at for s in view.segments if s.src == view.local and not s.icmp and s.at <= row.at]
    longest = max((2 * (after - before) for before, after in zip(own, own[1:])), default=0.0)
    return (shown - view.tolerance <= step.at <= row.at
            and timer_fits(max(FIRST_RUNGS, longest), shown + max(FIRST_RUNGS, longest) - row.at))


def silent_end(view, steps, index):
    """Was this the end of a life that no segment shows, at the endpoint's own tap or, failing that, at this one?"""
    step = steps[index]
    if step.state != "CLOSED" or index == 0:
        return False
    if step.how == "expired":
        return True
    segments = view.home if view.home is not None else view.segments
    return evidence.cause(view, segments, steps[index - 1].state, step) is None


def fin_left_then(view, step, row):
    """FIN_WAIT1 and LAST_ACK are dated by the first sending of the FIN that passed here."""
    return step.state in ("FIN_WAIT1", "LAST_ACK") and row.at > step.at and by_first_sent(view, row)


def by_first_sent(view, row):
    first = evidence.first_sent(view, row.state)
    return first is not None and abs(first.at - row.at) <= 1e-6


def not_its_own(view, row):
    forged, alike = evidence.forged(view, row.frame)
    return forged and (alike or row.confidence != "certain")


def why_other_time(view, steps, index, row):
    """The reason why the program could not date this transition as the kernel does; None if it could."""
    step = steps[index]
    before = steps[index - 1].state if index else ""
    difference = row.at - step.at
    if silent_end(view, steps, index):
        # Telling it later is no contradiction, it was over by then; telling it earlier must be the timers' lateness.
        late = difference > 0 or timer_fits(step.at - steps[index - 1].at, difference)
        return IN_SILENCE if late else None
    if not_its_own(view, row):
        return FORGED
    if difference < 0 and evidence.overtaken(view, row.frame, step):
        return OVERTAKEN
    if difference < 0 and evidence.lost_behind(view, row.frame):
        return LOST_COPY
    child = (before, step.state) == ("SYN_RECV", "ESTABLISHED")
    if difference < 0 and child and evidence.nothing_shows(view, row.frame, step.at):
        return NOT_TAKEN
    if difference > 0 and step.state == "SYN_RECV" and not evidence.answered_syn(view):
        shown = view.segment(row.frame)
        return NO_ANSWER if shown and shown.src == view.remote and shown.has("A") else None
    if step.state in evidence.SENDING:
        passed = evidence.first_sent(view, step.state)
        return NEVER_PASSED if difference > 0 and (passed is None or by_first_sent(view, row)) else None
    if difference > 0 and evidence.cause(view, view.segments, before, step) is None:
        return NEVER_PASSED
    if difference > 0 and evidence.later_copy(view, step, row.frame):
        return LATER_COPY
    return None


# -- a transition that only one of them has --------------------------------------------------------------------------


def why_missed(view, steps, index):
    """The reason why the program could not tell this step; None if it could."""
    step = steps[index]
    before = steps[index - 1].state if index else ""
    if step.at + view.delay > view.capture_last + evidence.CLOSE_BY:
        return AFTER_END
    if step.at < view.capture_first - view.tolerance and not evidence.proved_later(view, before, step):
        return BEFORE_START
    if step.state in ("FIN_WAIT1", "LAST_ACK") and view.home is not None and not view.one_way \
            and evidence.first_own_fin(view, view.home) is None:
        return NEVER_LEFT
    if step.how == "killed" and view.taken_over is not None and abs(view.taken_over - step.at) <= view.tolerance:
        return TAKEN_OVER
    if step.state == "SYN_RECV" and not any(s.src == view.local and s.at >= step.at - view.tolerance
                                            for s in view.segments):
        return NO_ANSWER
    if (before, step.state) == ("SYN_RECV", "ESTABLISHED") and evidence.silent_child(view, step.at):
        return SILENT_CHILD
    if silent_end(view, steps, index) and (step.how == "expired" or not view.one_way):
        return IN_SILENCE
    if evidence.cause(view, view.segments, before, step) is None and not evidence.proved_later(view, before, step):
        return NEVER_PASSED
    return None


def why_added(view, row):
    """The reason why the program could not know better than to tell this row; None if it could."""
    if row.at > view.until:
        return AFTER_RECORD
    if not_its_own(view, row):
        return FORGED
    if row.state == "ESTABLISHED" and evidence.child_after_record(view) \
            and evidence.nothing_shows(view, row.frame, view.until):
        return NOT_TAKEN
    if row.state == "TIME_WAIT" and view.no_bucket and not evidence.sent_after(view, row.frame + 1):
        return NO_BUCKET
    if view.cookies and not view.steps and row.state in ("SYN_RECV", "CLOSED") and evidence.answered_syn(view):
        return STATELESS
    doubted = row.confidence != "certain"
    if doubted and evidence.lost_behind(view, row.frame) and not evidence.sent_after(view, row.frame):
        return NOT_RECEIVED
    return None
