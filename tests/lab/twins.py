#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two and three captures of one recorded case, given together, against what the wire and the kernels say.

    twins.py CAPTURES PROGRAM [CASE...]      TAP: one line per case and order of its captures

Truth is read without the program: which rows are the same connection (they share segments, by
the captures themselves), and which segments were lost on the way (the laboratory's relay wrote
down what it dropped, the kernels what their firewalls and routers dropped).

  * Rows that share segments are linked, and no others.
  * What is told to be lost is in the nearer capture, is not in the farther one, and is in the account.
  * Of payload no more copies are told to be lost than are missing in the farther capture and than the account knows;
    the copy that is named arrived if that is said.
  * What a capture holds nothing of is dated by the clocks as they differ, and the summary is not "ok" where a row proves
    trouble.
  * A clock that is wrong by hours, and a capture that begins in the middle or ends early add no claim that is not true.
  * In the other order of captures every row is the same but for their numbers.
  * Two cuts of one capture that overlap are linked row by row, and nothing was lost between them.
  * Segments that overtook each other on the way to one capture are no losses.
"""

import collections
import dataclasses
import os
import re
import struct
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import damaged  # noqa: E402
import program  # noqa: E402
import segments  # noqa: E402

VIEWS = ("capture.pcap", "client.pcap", "middle.pcap")
DROPPED = re.compile(r"([\d.]+) the (?:server's )?wire dropped: (\S+) > (\S+) (\w+) seq (\d+) ack (\d+) len (\d+)")
REASONED = re.compile(r"([\d.]+) (\S+) (\S+) ([A-Z]+) ([A-Z_0-9]+)$")
CLAIM = re.compile(r"The (?:client|server)'s (.*) passed capture (\d+) \(frame (\d+)\) and never reached capture (\d+)"
                   r"(?:, and (\d+) more such losses)?\.")
COPIES = re.compile(r"Of (\d+) copies of the (?:client|server)'s payload at \d+ that passed capture (\d+), "
                    r"(?:at least (\d+) never|none) reached capture (\d+) \(frame (\d+) is (one of them|one that did|a copy)\)"
                    r"(?:, and (\d+) more such losses)?\.")
NAMED = ("flow_id", "event_id", "twin", "frames", "text", "reuse_of")  # columns that name captures
CAPTURE_NAME = re.compile(r"\b(c|capture )(\d+)(f|i\d+|l|\b)")  # c2f14, c1i1e2, and capture 2 in a sentence
FAR_OFF = "s from the loss is where it is dated"
GRAVE = ("medium", "high")
SOON = 0.5  # seconds between a segment's passing a tap and the account of its end
OTHER_END = ("OTHERHOST", "QUEUE_PURGE", "NO_SOCKET")  # no loss: a bridge's copy, a socket's end, a refusal


@dataclasses.dataclass(frozen=True)
class Drop:
    """One segment that did not go on: by the relay (all its numbers) or by a kernel (ends and flags)."""

    at: float
    src: str
    dst: str
    flags: str
    seq: int = None

    def fits(self, segment):
        same = (self.src, self.dst) == (segment.src, segment.dst) and set(self.flags) == set(segment.flags)
        if self.seq is not None:
            return same and self.seq == segment.seq
        return same and -SOON < self.at - segment.at < SOON


def bracketed(end):
    """ADDR:PORT, an IPv6 address in brackets, which the relay does not write."""
    address, _, port = end.rpartition(":")
    return f"[{address}]:{port}" if ":" in address.strip("[]") and address[0] != "[" else end


def account(text):
    """Every Drop that kernel.txt tells."""
    drops = [Drop(float(m[1]), bracketed(m[2]), bracketed(m[3]), m[4], int(m[5])) for m in map(DROPPED.match, text.splitlines()) if m]
    drops += [Drop(float(m[1]), m[2], m[3], m[4]) for m in map(REASONED.match, text.splitlines())
              if m and m[5] not in OTHER_END]
    return drops


@dataclasses.dataclass
class Told:
    """What the program said of all captures of one case together."""

    rows: list  # of flows
    events: list  # of events, segment_lost_between only
    others: list = dataclasses.field(default_factory=list)  # the rest of events
    page: list = dataclasses.field(default_factory=list)  # lines of the summary


def ask(binary, files):
    told = Told(program.table(binary, "flows", *files), [])
    for row in program.table(binary, "events", *files):
        (told.events if row["finding"] == "segment_lost_between" else told.others).append(row)
    told.page = program.summary(binary, *files)
    return told


# -- rows --------------------------------------------------------------------------------------------------


def identities(capture, row):
    """What passed this tap of this row's connection, by identity: a Counter."""
    first, last = int(row["first_frame"]), int(row["last_frame"])
    mine = [s for s in capture.of(program.end_of(row, "client"), program.end_of(row, "server"))
            if first <= s.frame <= last and not s.icmp]
    begins = {("SYN", s.src, s.seq): 1 for s in mine if s.has("S")}  # where no copy passed both
    return collections.Counter({**collections.Counter(s.identity for s in mine), **begins})


def doubled(seen, number, mates):
    """Does one of the captures hold two rows with one SYN? Then only one of them has its like elsewhere."""
    syns = [(number[name], mark) for name in mates for mark in seen[name] if mark[0] == "SYN"]
    return len(syns) > len(set(syns))


def only_rst(row):
    """Does the row hold nothing that has a place in sequence space?"""
    return int(row["client_pkts"]) + int(row["server_pkts"]) == int(row["rst_count"])


def check_rows(told, captures):
    """Faults of the column twin."""
    number = {row["flow_id"]: int(row["flow_id"][1:].partition("f")[0]) - 1 for row in told.rows}
    seen = {row["flow_id"]: identities(captures[number[row["flow_id"]]], row) for row in told.rows}
    ends = collections.defaultdict(list)
    for row in told.rows:
        ends[frozenset((program.end_of(row, "client"), program.end_of(row, "server")))].append(row["flow_id"])
    for row in told.rows:
        name = row["flow_id"]
        mates = ends[frozenset((program.end_of(row, "client"), program.end_of(row, "server")))]
        linked = set(filter(None, row["twin"].split(";")))
        for other in mates:
            if number[other] == number[name]:
                continue
            share = bool(seen[name] & seen[other])
            nameless = only_rst(row) or only_rst(next(one for one in told.rows if one["flow_id"] == other))
            if share and other not in linked and not nameless and not doubled(seen, number, mates):
                yield f"{name} and {other} share segments and are not linked"
            if not share and other in linked:
                yield f"{name} and {other} are linked and share no segment"
        for other in linked - set(mates):
            yield f"{name} is linked to {other}, which has other ends"


# -- losses ------------------------------------------------------------------------------------------------


def copies(capture, segment):
    """The segments of this connection that carry the first byte of this payload, in pieces of whatever size."""
    return [s for s in capture.of(segment.src, segment.dst)
            if s.src == segment.src and (segment.seq - s.seq) & 0xFFFFFFFF < s.length]


def passed(capture, segment):
    return sum(s.identity == segment.identity for s in capture.of(segment.src, segment.dst))


def missing(near, far, segment):
    """Is it in the nearer capture, and not (or less often) in the farther one?"""
    return passed(near, segment) > passed(far, segment)


def frames_of(event):
    """[(capture, frame)], captures from 0."""
    own = int(event["event_id"][1:].partition("f")[0])
    for word in event["frames"].split(";"):
        capture, _, frame = word[1:].partition("f") if word[0] == "c" else (own, "", word)
        yield int(capture) - 1, int(frame)


def check_copies(words, captures, drops):
    """Faults of what is told of the copies of a payload: their number, how many are lost, and the one that is named."""
    told, near, far, frame = (int(words[n]) for n in (1, 2, 4, 5))
    named = captures[near - 1].by_frame.get(frame)
    if not named or not named.length:
        yield f"frame {frame} of capture {near} has no payload"
        return
    sent, arrived = copies(captures[near - 1], named), copies(captures[far - 1], named)
    lost = collections.Counter(s.identity for s in sent) - collections.Counter(s.identity for s in arrived)
    missing = int(words[3] or told)
    if told > len(sent):
        yield f"{told} copies are told, {len(sent)} passed"
    if missing > lost.total():
        yield f"{missing} copies are told to be lost, {lost.total()} were"
    if words[6] != "a copy" and bool(lost[named.identity]) != (words[6] == "one of them"):
        yield f"frame {frame} {'did not arrive' if lost[named.identity] else 'did arrive'}"
    known = sum((drop.src, drop.dst) == (named.src, named.dst) and drop.seq in (None, *(s.seq for s in sent))
                for drop in drops)
    if missing > known:
        yield f"{missing} copies are told to be lost, the account knows {known}"


def check_value(event, captures):
    """No more than what passed one tap and not another."""
    ends = program.end_of(event, "client"), program.end_of(event, "server")
    seen = [collections.Counter(s.identity for s in capture.of(*ends)) for capture in captures]
    lost = sum((one - other).total() for one in seen for other in seen)
    if int(event["value"]) > lost:
        yield f"{event['value']} segments are told to be lost, {lost} are missing somewhere"


def check_time(event, captures, own, near, frame):
    """The taps of a case share a clock: what this row's capture holds nothing of is dated by when it was lost."""
    first, gone = next(frames_of(event)), captures[near].by_frame.get(frame)
    held = captures[own].by_frame.get(first[1])
    if own == near or first[0] != own or not held or not gone or (held.src, held.flags, held.seq) == (gone.src, gone.flags, gone.seq):
        return
    if abs(int(event["time_ns"]) / 1e9 - gone.at) > SOON:
        yield f"{int(event['time_ns']) / 1e9 - gone.at:+.3f} {FAR_OFF}"


def check_claim(event, captures, drops):
    """Faults of one event."""
    several, words = COPIES.fullmatch(event["text"]), CLAIM.fullmatch(event["text"])
    if not words and not several:
        return [f"{event['event_id']}: what does this mean: {event['text']}"]
    near, frame, far = [int(several[n]) for n in (2, 5, 4)] if several else [int(words[n]) for n in (2, 3, 4)]
    near, far = near - 1, far - 1
    faults = [f"{event['event_id']}: {fault}" for fault in check_copies(several, captures, drops)] if several else []
    faults += [f"{event['event_id']}: {fault}" for fault in check_value(event, captures)]
    if (near, frame) not in set(frames_of(event)):
        faults.append(f"{event['event_id']}: frame {frame} is not among its frames")
    own = int(event["event_id"][1:].partition("f")[0]) - 1
    faults += [f"{event['event_id']}: {fault}" for fault in check_time(event, captures, own, near, frame)]
    for place, (capture, number) in enumerate(frames_of(event)):
        segment = captures[capture].by_frame.get(number)
        if not segment:
            faults.append(f"{event['event_id']}: capture {capture + 1} has no segment {number}")
            continue
        if (place == 0 and own != near) or capture == far:
            continue  # where to look in this capture, or the copy that did arrive
        away = [other for other in range(len(captures)) if other != capture and missing(captures[capture],
                                                                                          captures[other], segment)]
        if (capture, number) == (near, frame) and far not in away and not several:
            faults.append(f"{event['event_id']}: frame {number} of capture {capture + 1} did reach {far + 1}")
        if segment.length and (several or (capture, number) != (near, frame)):
            continue  # one of the copies: which of them are lost is not told
        if away and not any(drop.fits(segment) for drop in drops):
            faults.append(f"{event['event_id']}: the account does not know of the loss of frame {number} of capture "
                          f"{capture + 1}")
    return faults


def check_page(told):
    """The summary calls nothing healthy of which a row of either capture proves trouble."""
    proved = [row["flow_id"] for row in told.rows if row["confidence"] == "certain" and row["severity"] in GRAVE]
    if proved and any(line.startswith("ok ") for line in told.page):
        yield f"the summary says ok, and {proved[0]} is certain of trouble"


def check(told, captures, drops):
    faults = [*check_rows(told, captures), *check_page(told)]
    for event in told.events:
        faults += check_claim(event, captures, drops)
    return faults


def lost(told):
    """Segments told to be lost, each connection once."""
    return sum({(event["client_ip"], event["client_port"]): int(event["value"])
                for event in sorted(told.events, key=lambda event: int(event["value"]))}.values())


def names_payload(event):
    """Does it cite a frame of payload as lost?"""
    several = COPIES.fullmatch(event["text"])
    return several[6] == "one of them" if several else "'s payload at " in event["text"]


def renamed(row, order):
    """The row as it would be called with the captures in this order: order[i] is the new place of capture i + 1. The
    number of an incident is left out: it counts those of all captures."""
    def place(match):
        return f"{match[1]}{order[int(match[2]) - 1] + 1}{match[3][:1]}"
    named = {column: CAPTURE_NAME.sub(place, text) if column in NAMED else text for column, text in row.items()}
    if "twin" in named:
        named["twin"] = ";".join(sorted(named["twin"].split(";")))
    return tuple(named.items())


def check_order(told, again, order):
    """Faults: rows that are not the same when the captures are given in another order."""
    for old, new in ((told.rows, again.rows), (told.events, again.events), (told.others, again.others)):
        before, after = {renamed(row, order) for row in old}, {renamed(row, range(len(order))) for row in new}
        for row in sorted(before - after):
            yield f"not told in the other order: {dict(row)}"
        for row in sorted(after - before):
            yield f"told in the other order only: {dict(row)}"


# -- the same captures in other clothes ----------------------------------------------------------------------


def reordered(path, target):
    """A copy in which a segment comes late: behind the next one of its sender, and behind the answer to that."""
    with open(path, "rb") as file:
        data = file.read()
    records, waiting = list(damaged.records(data)), {}  # connection -> places of two segments of one sender, and who that is
    for place, one in enumerate(damaged.read_segments(data)):
        if not one:
            continue
        pair = frozenset((one.src, one.dst))
        places, sender = waiting.pop(pair, ([], one.src))
        if sender != one.src and len(places) == 2:
            places.append(place)
            late, *others = [records[at][8:] for at in places]
            for at, rest in zip(places, (*others, late)):
                records[at] = records[at][:8] + rest
        elif sender == one.src:
            waiting[pair] = ([*places, place][-2:], sender)
        else:
            waiting[pair] = ([place], one.src)
    with open(target, "wb") as file:
        file.write(data[:24] + b"".join(records))
    return target


def rewrite(path, target, shift=0, first=0.0, last=1.0):
    """A copy with the clock `shift` seconds ahead, and only the records from `first` to `last` of all."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    records, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, captured, size = struct.unpack_from(order + "IIII", data, at)
        records.append(struct.pack(order + "IIII", seconds + shift, fraction, captured, size)
                       + data[at + 16:at + 16 + captured])
        at += 16 + captured
    count = len(records)
    with open(target, "wb") as file:
        file.write(data[:24] + b"".join(records[int(first * count):int(last * count)]))
    return target


def claims(told):
    return sorted((event["event_id"], event["frames"], event["text"]) for event in told.events)


def dressed(binary, files, drops, whole):
    """Faults of other clothes; `whole` is what the whole captures told."""
    with tempfile.TemporaryDirectory() as folder:
        def named(number):  # by letters: names that differ in digits are those of a series
            return os.path.join(folder, f"{'abc'[number]}.pcap")
        shifted = [rewrite(path, named(i), shift=3600 * i - 1800) for i, path in enumerate(files)]
        if claims(ask(binary, shifted)) != claims(whole):
            yield "other clocks, other claims"
        for i in range(len(files)):
            for first, last in ((.5, 1), (0, .5)):
                some = [rewrite(path, named(k), first=first if k == i else 0, last=last if k == i else 1)
                        for k, path in enumerate(files)]
                faults = check(ask(binary, some), [segments.read(path) for path in some], drops)
                yield from (f"capture {i + 1} from {first:.0%} to {last:.0%}: {fault}" for fault in faults
                            if "not linked" not in fault)


def overlapping(binary, path):
    """Faults of two cuts of one capture that share its middle."""
    with tempfile.TemporaryDirectory() as folder:
        cuts = [rewrite(path, os.path.join(folder, "a.pcap"), last=.6), rewrite(path, os.path.join(folder, "b.pcap"), first=.4)]
        told = ask(binary, cuts)
        known = any(row["twin"] for row in told.rows)  # else too little of what both hold was kept to know them for cuts
        yield from (f"in cuts that overlap: {fault}" for fault in check(told, [segments.read(cut) for cut in cuts], [])
                    if known or "not linked" not in fault)


def overtaken(binary, files, drops):
    """Faults where segments overtook each other on the way to the first capture."""
    with tempfile.TemporaryDirectory() as folder:
        some = [reordered(files[0], os.path.join(folder, "a.pcap")), *files[1:]]
        faults = check(ask(binary, some), [segments.read(path) for path in some], drops)
        yield from (f"out of order: {fault}" for fault in faults
                    if "not linked" not in fault and FAR_OFF not in fault)  # segments were moved, times were not


def test_case(binary, folder):
    """(faults, losses told, segments dropped by the relay, rows, lost payload that is named) of one case."""
    files = [os.path.join(folder, view) for view in VIEWS if os.path.exists(os.path.join(folder, view))]
    with open(os.path.join(folder, "kernel.txt"), encoding="utf-8") as file:
        drops = account(file.read())
    told = ask(binary, files)
    faults = check(told, [segments.read(path) for path in files], drops)
    back = ask(binary, files[::-1])
    wrong = check(back, [segments.read(path) for path in files[::-1]], drops)
    faults += [f"in the other order: {fault}" for fault in wrong]
    faults += check_order(told, back, list(reversed(range(len(files)))))
    faults += dressed(binary, files, drops, told)
    faults += overlapping(binary, files[0])
    faults += overtaken(binary, files, drops)
    return faults, lost(told), sum(drop.seq is not None for drop in drops), len(told.rows), sum(map(names_payload, told.events))


def main(captures, binary, *wanted):
    cases = sorted(os.path.join(family, name) for family in os.listdir(captures) if family[0] not in "._"
                   and os.path.isdir(os.path.join(captures, family))
                   for name in os.listdir(os.path.join(captures, family))
                   if os.path.exists(os.path.join(captures, family, name, VIEWS[1])))
    failed, total, named = 0, 0, 0
    cases = [case for case in cases if not wanted or case in wanted]
    for number, case in enumerate(cases, 1):
        faults, count, dropped, rows, payload = test_case(binary, os.path.join(captures, case))
        total += count
        named += payload
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {case}: {rows} rows, {count} losses told, "
              f"the relay dropped {dropped}")
        for fault in faults[:20]:
            print(f"# {fault}")
    whole = {"losses told": total, "rows that name lost payload": named}
    for number, (what, count) in enumerate(whole.items(), len(cases) + 1):
        print(f"{'ok' if count else 'not ok'} {number} - {what} in all: {count}")
    print(f"1..{len(cases) + len(whole)}")
    return 1 if failed or not all(whole.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
