# SPDX-License-Identifier: MIT
"""What a scenario means, and whether the program says it: intent.txt against the findings of one vantage.

    WHO intend ID server=certain client=possible middle=-
    WHO also ID ID...
    WHO bystander
    WHO later ID
    WHO scripted
    WHO translated

A level is the strongest confidence that vantage can honour: the finding must be told there,
that strongly or weaker.  "-": it cannot be known there and must not be told.  Besides, of a
connection that nothing intends or allows it for, no finding above severity info may be
certain, and of a bystander none may be told at all.  "scripted": no kernel holds its server's end.
"translated": a router gave the client this address, so its kernel holds its socket under another.
"""

import dataclasses

LEVELS = ("possible", "probable", "certain")
VANTAGES = ("server", "client", "middle")


class IntentError(Exception):
    """intent.txt itself is at fault."""


@dataclasses.dataclass(frozen=True)
class Clause:
    """One line of intent.txt."""

    who: str
    kind: str  # intend, also, bystander, later, scripted, translated
    ids: tuple = ()
    levels: tuple = ()  # (vantage, level) of an intend

    def level(self, vantage):
        return dict(self.levels).get(vantage, "-")


def read_levels(words, text):
    levels = []
    for word in words:
        vantage, _, level = word.partition("=")
        if vantage not in VANTAGES or level not in (*LEVELS, "-"):
            raise IntentError(f"not a level: {word} in: {text}")
        levels.append((vantage, level))
    return tuple(levels)


def read_line(text, known):
    """The Clause of one line; `known` holds the ids that exist."""
    who, kind, *words = text.split() + [""] * (len(text.split()) < 2)
    if kind in ("bystander", "scripted", "translated") and not words:
        return Clause(who, kind)
    if kind == "later" and len(words) == 1:
        if words[0] in known:
            raise IntentError(f"{words[0]} is no longer for later: intend it: {text}")
        return Clause(who, kind, tuple(words))
    if kind == "intend" and words:
        clause = Clause(who, kind, (words[0],), read_levels(words[1:], text))
    elif kind == "also" and words:
        clause = Clause(who, kind, tuple(words))
    else:
        raise IntentError(f"not a form of intent.txt: {text}")
    for name in clause.ids:
        if name not in known:
            raise IntentError(f"{name} is no finding: {text}")
    return clause


def read(text, known):
    """(clauses, faults) of intent.txt."""
    clauses, faults = [], []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        try:
            clause = read_line(line.strip(), known)
            if clause not in clauses:
                clauses.append(clause)
        except IntentError as error:
            faults.append(str(error))
    return clauses, faults


@dataclasses.dataclass(frozen=True)
class Subject:
    """One connection of the case, seen at this vantage or not."""

    client: str  # ADDR:PORT
    nth: int  # 1 for the first connection of that port
    nth_end: int  # 1 for the first of that ADDR:PORT
    ends: frozenset  # both ends: in a simultaneous open either is called client
    flow: object = None  # None: no segment of it passed here, or the program did not tell it

    @property
    def name(self):
        """As intent.txt would say it; with the address where hosts share the port."""
        end = self.client if self.nth != self.nth_end else self.client.rpartition(":")[2]
        return end if self.nth_end == 1 else f"{end}#{self.nth_end}"


def means(who, subject):
    """Does WHO of intent.txt mean this connection?"""
    if who == "*":
        return True
    name, _, nth = who.partition("#")
    if ":" in name:
        return name in subject.ends and subject.nth_end == int(nth or 1)
    return name == subject.client.rpartition(":")[2] and subject.nth == int(nth or 1)


@dataclasses.dataclass
class Judgement:
    """What came of all intents of one vantage."""

    right: int = 0
    intended: int = 0
    wrong: list = dataclasses.field(default_factory=list)  # (subject=finding, words, frames)
    pending: list = dataclasses.field(default_factory=list)  # ids for later
    unasked: list = dataclasses.field(default_factory=list)  # told without being intended, not certain: no fault


def strongest(told, finding):
    """(confidence, frames) of a finding as told; (None, []) where it is not."""
    mine = [one for one in told if one.finding == finding]
    if not mine:
        return None, []
    return max((one.confidence for one in mine), key=LEVELS.index), sorted({one.frame for one in mine})


def judge_intended(name, told, clause, vantage, result):
    finding, level = clause.ids[0], clause.level(vantage)
    confidence, frames = strongest(told, finding)
    if level == "-":
        if confidence:
            result.wrong.append((f"{name}={finding}", f"told {confidence}, cannot be known at the {vantage}", frames))
        return
    result.intended += 1
    if confidence is None:
        said = ", ".join(sorted({f"{one.finding} ({one.confidence})" for one in told})) or "nothing"
        result.wrong.append((f"{name}={finding}", f"not told; told is {said}", []))
    elif LEVELS.index(confidence) > LEVELS.index(level):
        result.wrong.append((f"{name}={finding}", f"told {confidence}, the {vantage} can honour {level} at most",
                             frames))
    else:
        result.right += 1


def judge_rest(name, told, clauses, severities, vantage, result):
    """Findings that nobody intended."""
    allowed = {one for clause in clauses if clause.kind in ("intend", "also") for one in clause.ids}
    bystander = any(clause.kind == "bystander" for clause in clauses)
    for finding in sorted({one.finding for one in told} - allowed):
        if severities.get(finding) == "info":
            continue
        confidence, frames = strongest(told, finding)
        if bystander:
            result.wrong.append((f"{name}={finding}", f"FALSE ALARM: told {confidence} of a bystander", frames))
        elif confidence == "certain":
            result.wrong.append((f"{name}={finding}", "WRONG CERTAIN: told certain, neither intended nor allowed",
                                 frames))
        else:
            result.unasked.append(f"{name}={finding} ({confidence})")


def judge_subject(subject, clauses, vantage, severities, result):
    mine = [clause for clause in clauses if means(clause.who, subject)]
    if not any(clause.kind in ("intend", "bystander") for clause in mine):
        result.wrong.append((f"{subject.name}=", "no line of intent.txt covers this connection: the case is at fault",
                             [subject.flow.first_frame] if subject.flow else []))
        return
    if subject.flow is None:
        # Nothing of it passed here, so nothing can be told of it: an intent that asks for more is at fault.
        for clause in mine:
            if clause.kind == "intend" and clause.level(vantage) != "-" and clause.who != "*":
                judge_intended(subject.name, [], clause, vantage, result)
        return
    for clause in mine:
        if clause.kind == "intend":
            judge_intended(subject.name, subject.flow.told, clause, vantage, result)
        elif clause.kind == "later":
            result.pending += clause.ids
    judge_rest(subject.name, subject.flow.told, mine, severities, vantage, result)


def is_scope(who):
    """It is no connection: listener:PORT, host:ADDR, capture."""
    return who == "capture" or who.startswith(("listener:", "host:"))


def judge(clauses, subjects, listeners, vantage, severities):
    """The Judgement of one vantage; `listeners` is {port, host:ADDR or capture: told}."""
    result = Judgement()
    for subject in subjects:
        judge_subject(subject, clauses, vantage, severities, result)
    told_of = {key if is_scope(key) else f"listener:{key}": told for key, told in listeners.items()}
    for who in sorted({clause.who for clause in clauses if is_scope(clause.who)} | set(told_of)):
        mine = [clause for clause in clauses if clause.who == who]
        told = told_of.get(who, [])
        for clause in mine:
            if clause.kind == "intend":
                judge_intended(who, told, clause, vantage, result)
            elif clause.kind == "later":
                result.pending += clause.ids
        judge_rest(who, told, mine, severities, vantage, result)
    for clause in clauses:
        if is_scope(clause.who):
            continue
        # What only another vantage saw is named there: here it is a fault only if it must be told here.
        wanted = clause.level(vantage) != "-" if clause.kind == "intend" else vantage == "server"
        if wanted and not any(means(clause.who, subject) for subject in subjects):
            words = "intent.txt names a connection that neither kernel nor program knows"
            result.wrong.append((f"{clause.who}=", words, []))
    return result
