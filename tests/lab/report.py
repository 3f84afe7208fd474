# SPDX-License-Identifier: MIT
"""The comparison's words: TAP while it runs, figures at the end, and the table of docs/agreement.md."""

import collections

import rules

BEGIN = "<!-- made by tests/lab/agree.py --table: begin -->"
END = "<!-- made by tests/lab/agree.py --table: end -->"
HEAD = ("| scenario | vantage | flows | no socket | paths equal | ids right | further | not knowable, by rule |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |")


class Tap:
    """Test points, numbered as they come."""

    def __init__(self):
        self.number = self.failed = 0

    def point(self, good, words, lines=()):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {words}")
        for line in lines:
            print(f"# {line}")

    def plan(self):
        print(f"1..{self.number}")


def tell_all(cases):
    """A test point for each (words, is it so?); the exit status."""
    tap = Tap()
    for words, good in cases:
        tap.point(good, words)
    tap.plan()
    return 1 if tap.failed else 0


def ratio(good, whole):
    return f"{good}/{whole}" if whole else "-"


def frames_of(wrong):
    return f" [frames {', '.join(str(frame) for frame in wrong.frames)}]" if wrong.frames else ""


def lines_of(result, verbose):
    """What a person needs to look into a disagreement."""
    for wrong in result.wrong:
        yield f"{wrong.subject}: {wrong.words}{frames_of(wrong)}"
        yield from (f"    {line}" for line in wrong.details)
    for wrong, reason in result.known:
        yield f"known gap: {wrong.subject}: {wrong.words}{frames_of(wrong)}: {reason}"
    if verbose:
        yield from (f"by rule: {note}" for note in result.notes)
        yield from (f"told besides, not certain: {words}" for words in result.unasked)
        yield from (f"for later: {finding}" for finding in sorted(set(result.pending)))


def headline(result):
    return (f"{result.name}: paths {ratio(result.equal, result.compared)}, "
            f"ids {ratio(result.right, result.intended)}")


def reasons(result):
    parts = [f"{count} {reason}" for reason, count in sorted(result.excused.items())]
    if result.known:
        parts.append(f"{len(result.known)} known gaps")
    return "; ".join(parts)


def total(results):
    """(flows, equal, compared, right, intended, no_socket, further) over several results."""
    fields = ("flows", "equal", "compared", "right", "intended", "no_socket")
    return (*(sum(getattr(result, field) for result in results) for field in fields),
            sum(len(result.unasked) for result in results))


def row(name, vantage, figures, rest):
    flows, equal, compared, right, intended, no_socket, further = figures
    return (f"| {name} | {vantage} | {flows} | {no_socket} | {ratio(equal, compared)} | {ratio(right, intended)} | "
            f"{further} | {rest} |")


def table(results):
    """One row per scenario and vantage, one per vantage, and all; then the rules, with how often each was used."""
    yield from HEAD
    for result in results:
        yield row(result.case, result.vantage, total([result]), reasons(result))
    for vantage in ("server", "client", "middle"):
        mine = [result for result in results if result.vantage == vantage]
        if mine:
            yield row("**all**", vantage, total(mine), "")
    yield row("**all**", "all", total(results), "")
    yield ""
    yield from rule_table(results)


def rule_table(results):
    counts = collections.Counter()
    for result in results:
        counts.update(result.excused)
    yield from ("| rule | used | reason |", "| --- | ---: | --- |")
    yield from (f"| {name} | {counts[name]} | {reason} |" for name, reason in rules.REASONS.items())


def summed(results):
    counts = collections.Counter()
    for result in results:
        counts.update(result.excused)
    parts = [f"{count} {reason}" for reason, count in sorted(counts.items())]
    known = sum(len(result.known) for result in results)
    return "; ".join(parts + ([f"{known} known gaps"] if known else []))


def figures(results):
    """The closing words on the terminal."""
    flows, equal, compared, right, intended, no_socket, further = total(results)
    yield (f"{len({result.case for result in results})} scenarios, {len(results)} captures, {flows} flows: "
           f"paths equal {ratio(equal, compared)} ({sum(result.transitions for result in results)} transitions), "
           f"ids right {ratio(right, intended)}, disagreements {sum(len(result.wrong) for result in results)}, "
           f"known gaps {sum(len(result.known) for result in results)}")
    yield (f"endpoints without a kernel socket {no_socket}; findings told besides, of no bystander, "
           f"below certain: {further}")
    yield f"not knowable, by rule: {summed(results) or 'nothing'}"
    pending = collections.Counter(finding for result in results for finding in result.pending)
    if pending:
        yield "for later: " + ", ".join(f"{finding} {count}" for finding, count in sorted(pending.items()))


# -- docs/agreement.md ---------------------------------------------------------------------------------------


def split(text, begin=BEGIN, closing=END):
    """(before, inside, after) of the part that is made here."""
    head, mark, rest = text.partition(begin + "\n")
    inside, end, tail = rest.partition(closing)
    if not mark or not end:
        raise ValueError(f"the marks {begin} and {closing} are missing")
    return head, inside, tail


def write_table(path, lines, begin=BEGIN, closing=END):
    with open(path, encoding="utf-8") as file:
        head, _, tail = split(file.read(), begin, closing)
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + "\n" + "\n".join(lines) + "\n" + closing + tail)


def differences(path, lines, begin=BEGIN, closing=END):
    """Where the committed table is not the one of this run."""
    with open(path, encoding="utf-8") as file:
        committed = split(file.read(), begin, closing)[1].splitlines()
    lines = list(lines)
    for gone in (line for line in committed if line not in lines):
        yield f"committed: {gone}"
    for new in (line for line in lines if line not in committed):
        yield f"this run:  {new}"
    if sorted(committed) == sorted(lines) and committed != lines:
        yield "the same rows in another order"
