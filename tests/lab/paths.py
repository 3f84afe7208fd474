# SPDX-License-Identifier: MIT
"""One endpoint's history by the kernel against the program's: order, times, and what could not be known.

    kernel    SYN_SENT  ESTABLISHED  FIN_WAIT1  FIN_WAIT2  TIME_WAIT  CLOSED
                 |          |           |          |          |         (a timer, in silence)
    program   SYN_SENT  ESTABLISHED  FIN_WAIT1  FIN_WAIT2  TIME_WAIT

The two are aligned by state.  What only one of them has, and what lies further apart in time
than the tap explains, must be excused by a rule (rules.py).  Whatever no rule excuses is a disagreement.
"""

import dataclasses

import evidence
import rules

EXACT = 1.5e-6  # seconds; a capture's microsecond, in two floating-point numbers of today's epoch

@dataclasses.dataclass
class Verdict:
    """What came of the comparison of one endpoint."""

    agreed: int = 0  # transitions that are in both
    excused: list = dataclasses.field(default_factory=list)  # (reason, words)
    wrong: list = dataclasses.field(default_factory=list)  # words
    frames: list = dataclasses.field(default_factory=list)
    blind: bool = False  # part of the connection is not in the capture


def align(steps, rows):
    """[(index of step or None, index of row or None)]: the longest common order of states, times deciding ties."""
    best = {}
    for i in range(len(steps), -1, -1):
        for j in range(len(rows), -1, -1):
            options = [(0, 0.0, ())] if i == len(steps) and j == len(rows) else []
            if i < len(steps):
                count, apart, rest = best[i + 1, j]
                options.append((count, apart, ((i, None),) + rest))
            if j < len(rows):
                count, apart, rest = best[i, j + 1]
                options.append((count, apart, ((None, j),) + rest))
            if i < len(steps) and j < len(rows) and steps[i].state == rows[j].state:
                count, apart, rest = best[i + 1, j + 1]
                options.append((count + 1, apart + abs(steps[i].at - rows[j].at), ((i, j),) + rest))
            best[i, j] = max(options, key=lambda option: (option[0], -option[1]))
    return best[0, 0][2]


def judge_time(view, steps, index, row, verdict):
    """Both have the transition; do they agree when?"""
    step = steps[index]
    difference = row.at - step.at
    if not step.timed or abs(difference) <= view.tolerance or rules.fin_left_then(view, step, row):
        return
    if any(abs(at - step.at) <= evidence.CLOSE_BY for at in evidence.arrivals(view, row.frame)):
        return  # the very segment came to the endpoint's own tap when the kernel moved
    reason = rules.why_other_time(view, steps, index, row)
    if reason:
        verdict.excused.append((reason, f"{step.state} told {difference:+.3f} s off, at frame {row.frame}"))
        return
    verdict.wrong.append(f"{step.state} ({row.confidence}) is told {difference:+.6f} s off, at frame {row.frame}")
    verdict.frames.append(row.frame)


def told_rows(rows, steps):
    """The program's rows that say something of this endpoint.

    A request that goes leaves the listener as it was: the program's LISTEN is the end of an endpoint whose last life never
    left SYN_RECV, by the kernel as well.  UNKNOWN says nothing, nor does CLOSED where nothing had been.
    """
    kept = [row for row in rows if row.state != "UNKNOWN"]
    ends = [step.state for step in steps[-2:]]
    request = not steps or ends == ["SYN_RECV", "CLOSED"] or ends[-1] == "SYN_RECV"
    if request and [row.state for row in kept[-2:]] == ["SYN_RECV", "LISTEN"]:
        kept[-1] = dataclasses.replace(kept[-1], state="CLOSED")
    return [] if not steps and all(row.state == "CLOSED" for row in kept) else kept


def match(view, verdict):
    """Align both histories and excuse what a rule excuses: (steps not told, rows not the kernel's) without a reason."""
    rows = told_rows(view.rows, view.steps)
    steps, verdict.excused = rules.wire_order(view, view.steps)
    steps, excuses = rules.cut_start(view, steps, rows)
    verdict.excused += excuses
    verdict.blind = view.one_way or bool(excuses)
    missed, added = [], []
    for index, at in align(steps, rows):
        if index is not None and at is not None:
            verdict.agreed += 1
            judge_time(view, steps, index, rows[at], verdict)
        elif at is None:
            reason = rules.why_missed(view, steps, index)
            if reason:
                verdict.excused.append((reason, steps[index].state))
                verdict.blind |= reason in (rules.NEVER_PASSED, rules.BEFORE_START)
            else:
                missed.append(steps[index])
        else:
            reason = rules.why_added(view, rows[at])
            if reason:
                verdict.excused.append((reason, f"{rows[at].state} at frame {rows[at].frame}"))
            else:
                added.append(rows[at])
    return missed, added


def excuse_blindness(view, missed, added, verdict):
    """Where part of the connection is not in the capture, rows that the program is not certain of are excused, and with
    each the step that it stands for."""
    if not verdict.blind:
        return missed, added
    for row in [row for row in added if row.confidence != "certain"]:
        added.remove(row)
        verdict.excused.append((rules.BLIND, f"{row.state} at frame {row.frame}"))
        missed = [step for step in missed if abs(step.at - row.at) > view.tolerance]
    return missed, added


def by_the_clock(view, row):
    """Is this an end that the program dates by the clock, and did a timer or the application end it then?"""
    if row.state not in ("CLOSED", "LISTEN"):
        return False
    if view.cookies and not view.steps:  # as long as a request would have lived
        return abs(row.at - view.rows[0].at - rules.REQUEST_LIFE) <= rules.TIMER_SPARE
    for index, step in enumerate(view.steps):
        if rules.silent_end(view, view.steps, index):
            interval = step.at - view.steps[index - 1].at
            if rules.timer_fits(interval, view.tolerance - abs(row.at - step.at)) or rules.missed_rung(view, step, row):
                return True
    return False


def check_dates(view, verdict):
    """A change of state has the time of the segment that it names, and that is one of this connection."""
    for row in view.rows:
        segment = view.segment(row.frame)
        if segment is None:
            verdict.wrong.append(f"{row.state} is told at frame {row.frame}, which is no segment of this connection")
        elif abs(row.at - segment.at) > EXACT and not by_the_clock(view, row):
            late = f", {row.at - view.capture_last:.6f} s after the capture" if row.at > view.capture_last else ""
            verdict.wrong.append(f"{row.state} is dated {row.at - segment.at:+.6f} s off its own frame "
                                 f"{row.frame}{late}")
        else:
            continue
        verdict.frames.append(row.frame)


def compare(view):
    """The Verdict on one endpoint."""
    verdict = Verdict()
    missed, added = excuse_blindness(view, *match(view, verdict), verdict)
    verdict.wrong += [f"{step.state} at {step.at:.6f} is not told" for step in missed]
    verdict.wrong += [f"{row.state} ({row.confidence}) at frame {row.frame} is told, the kernel was never there"
                      for row in added]
    verdict.frames += [row.frame for row in added]
    return verdict
