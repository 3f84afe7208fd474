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

    A request that goes leaves the listener as it was: the program's LISTEN is the end of the endpoint.  UNKNOWN says
    nothing, nor does CLOSED where nothing had been.
    """
    kept = [dataclasses.replace(row, state="CLOSED") if row.state == "LISTEN" else row
            for row in rows if row.state != "UNKNOWN"]
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


def compare(view):
    """The Verdict on one endpoint."""
    verdict = Verdict()
    missed, added = excuse_blindness(view, *match(view, verdict), verdict)
    verdict.wrong += [f"{step.state} at {step.at:.6f} is not told" for step in missed]
    verdict.wrong += [f"{row.state} ({row.confidence}) at frame {row.frame} is told, the kernel was never there"
                      for row in added]
    verdict.frames += [row.frame for row in added]
    return verdict
