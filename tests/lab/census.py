#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold `states --at TIME --format ss` against what `ss -tan` printed on the hosts themselves.

    census.py CAPTURES PROGRAM [CASE...] [--verbose]

While a case was recorded, `ss -tan` was run at both ends once a second (kernel.txt, "[sockets by state]").  For each
such sample of the side at which a capture was taken, the program must list as many sockets in each state of that
side's hosts; LISTEN is left out, as in the samples.

Slack: sockets that the program lists apart, near a transition, may count in any state or not at all.  The figures
tell how many samples needed none, how many had such sockets and would have agreed without them, and how many
agree because of them.

What a tap cannot know: where the counts differ nevertheless, each socket whose state the kernel's record has otherwise
than the program must be one that agree.py excuses by rule (rules.py: it ended in silence, its FIN was queued and never
left, ...).  Such samples are counted apart; one socket without a rule makes the sample wrong.

A sample is dated by the instant before ss was started; what it lists is some milliseconds younger.  sockets.txt holds
every change of state with its instant, so where a sample is not what that record says of its own date, it is dated at
the first later instant, within 0.1 s, at which it is.

Output is TAP, one line for each case and vantage, then the figures.  Exit status 0, 1 for disagreements, 2 if it could
not be compared.
"""

import collections
import concurrent.futures
import dataclasses
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import agree  # noqa: E402
import case  # noqa: E402
import commandline  # noqa: E402
import kernel  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402

SIDES = ("server", "client")  # samples are of these; none of a router between them
ONE_HOST = ("view/rec_lo",)  # both ends in one namespace: what its ss lists is both sides'
CALM = {"ESTAB": 1.0, "CLOSE-WAIT": 1.0, "TIME-WAIT": 59.0}  # seconds in a state before which no clock of it rings
NO_ROOM = {"ESTAB": "TcpExtListenOverflows", "TIME-WAIT": "TcpExtTCPTimeWaitOverflow"}  # what the kernel counts then
QUEUED = "the FIN was queued and had not left"
APART = "# within 20 ms, or 1/8 of the running timer, of a transition:"
JUST = 1e-6  # seconds, the resolution of the record
LATE = 0.1  # seconds after its date within which ss reads the kernel's tables
KERNEL_WORDS = {"SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECV", "ESTABLISHED": "ESTAB", "FIN_WAIT1": "FIN-WAIT-1",
                "FIN_WAIT2": "FIN-WAIT-2", "CLOSE_WAIT": "CLOSE-WAIT", "LAST_ACK": "LAST-ACK", "CLOSING": "CLOSING",
                "TIME_WAIT": "TIME-WAIT"}
UNKNOWN = "unknown"  # ss took too long to be of one instant
SAMPLE = re.compile(r"(\d+\.\d{3}) (server|client) (none|unknown|\S+=\d+(?: \S+=\d+)*)$")


@dataclasses.dataclass(frozen=True)
class Sample:
    """What ss listed at one side."""

    at: float
    counts: collections.Counter  # None: unknown


@dataclasses.dataclass
class Result:
    """One capture of one case."""

    name: str
    plain: int = 0  # samples without a socket near a transition
    spare: int = 0  # agreed without the slack there was
    slack: int = 0  # agreed because of it
    left_out: str = ""  # why nothing was compared
    beyond: int = 0  # samples that the capture cannot know of
    unknowable: int = 0  # differ by sockets that a rule excuses
    reasons: set = dataclasses.field(default_factory=set)  # the rules
    wrong: list = dataclasses.field(default_factory=list)

    @property
    def judged(self):
        return self.plain + self.spare + self.slack + self.unknowable + len(self.wrong)


# -- what the hosts printed ------------------------------------------------------------------------------------


def read_samples(text):
    """{side: [Sample]} of kernel.txt."""
    found = {"server": [], "client": []}
    for title, row in kernel.sections(text):
        if not title.startswith("sockets by state") or not row.strip():
            continue
        match = SAMPLE.match(row)
        if not match:
            raise ValueError(f"kernel.txt: not a sample of sockets by state: {row}")
        pairs = [] if match[3] in ("none", UNKNOWN) else [word.rpartition("=") for word in match[3].split()]
        counts = None if match[3] == UNKNOWN else collections.Counter({name: int(n) for name, _, n in pairs})
        found[match[2]].append(Sample(float(match[1]), counts))
    return found


def every_second(samples, until):
    """Samples that equal the one before are left out of kernel.txt: put them back, at the full second, fewer and fewer
    of a long stretch.  Of a second that ss took too long for there is none."""
    for sample, following in zip(samples, [*samples[1:], None]):
        if sample.counts is None:
            continue
        yield sample
        end = following.at - 0.5 if following else until - LATE
        first = second = int(sample.at) + 1
        while second < end:
            yield Sample(float(second), sample.counts)
            second += max(1, (second - first) // 4)


def recorded(lives, at):
    """{(local, remote): state} by the kernel's record of this instant."""
    states = ((life, life.state_at(at)) for life in lives)
    return {(life.local, life.remote): KERNEL_WORDS[state] for life, state in states if state in KERNEL_WORDS}


def dated(sample, lives):
    """The sample, dated at the first instant within LATE at which the record says what it says."""
    changes = (step.at for life in lives for step in life.steps if sample.at < step.at <= sample.at + LATE)
    for at in [sample.at, *sorted(changes)]:
        if collections.Counter(recorded(lives, at + JUST).values()) == sample.counts:
            return Sample(at + JUST, sample.counts)
    return sample


# -- what the program lists ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Listing:
    """What the program printed of one moment; LISTEN left out."""

    sockets: list = dataclasses.field(default_factory=list)  # (state, local, peer)
    apart: list = dataclasses.field(default_factory=list)  # the same, near a transition

    @property
    def sure(self):
        return collections.Counter(state for state, _, _ in self.sockets)

    def agrees(self, counts):
        """Could the sockets listed apart make up the difference?"""
        sure, spare = self.sure, len(self.apart)
        return (all(sure[state] <= counts[state] <= sure[state] + spare for state in counts | sure)
                and 0 <= sum(counts.values()) - sum(sure.values()) <= spare)

    def differing(self, known):
        """The ends of which the kernel's record says otherwise."""
        told = {(local, peer): state for state, local, peer in self.sockets}
        apart = {(local, peer) for _, local, peer in self.apart}
        return {ends for ends in known.keys() | told.keys() if known.get(ends) != told.get(ends)} - apart

    def words(self):
        apart = collections.Counter(state for state, _, _ in self.apart)
        return words(self.sure) + (f"; apart {words(apart)}" if apart else "")


def words(counts):
    return " ".join(f"{state}={count}" for state, count in sorted(counts.items()) if count) or "none"


def parse_listing(text, listing):
    """Add what `states --format ss` printed."""
    into = listing.sockets
    lines = text.splitlines()
    if not lines or not lines[0].startswith("State "):
        raise program.ProgramError("states --format ss printed no header")
    for line in lines[1:]:
        if line.startswith("#"):
            if line != APART:
                raise program.ProgramError(f"states --format ss printed: {line}")
            into = listing.apart
        elif not line.startswith("LISTEN "):
            state, _, _, local, peer = line.split()
            into.append((state, local, peer))


def list_sockets(binary, capture, vantage, hosts, at):
    listing = Listing()
    for host in hosts:
        done = subprocess.run([binary, "states", "-q", "--format", "ss", "--vantage", vantage, "--host", host,
                               "--at", f"{at:.6f}", capture], capture_output=True, text=True, check=False)
        if done.returncode:
            raise program.ProgramError(f"states ended with status {done.returncode}: {done.stderr.strip()}")
        parse_listing(done.stdout, listing)
    return listing


# -- what cannot be known --------------------------------------------------------------------------------------


class Rules(case.Comparison):
    """The ends of one capture that agree.py excuses: {(local, remote): the rules}."""

    def __init__(self, folder, vantage, binary):
        super().__init__(folder, vantage, program.read(binary, folder.files[vantage], vantage))
        self.excused, self.contradicted = {}, set()
        self.compare_paths([clause for clause in folder.intent(())[0] if clause.kind == "scripted"])

    def enter(self, subject, view, verdict, comparable):
        super().enter(subject, view, verdict, comparable)
        ends = view.local, view.remote
        if verdict.wrong:
            self.contradicted.add(ends)
        for reason, _ in verdict.excused:
            self.excused.setdefault(ends, set()).add(reason)

    def of(self, ends):
        return set() if ends in self.contradicted else self.excused.get(ends, set())


# -- one capture -----------------------------------------------------------------------------------------------


class Census:
    """One capture of one case, and what both told of it."""

    def __init__(self, root, name, vantage, binary):
        self.folder, self.vantage, self.binary = case.Folder(root, name), vantage, binary
        self.path, self.capture = self.folder.files[vantage], self.folder.captures[vantage]
        self.result = Result(f"{name} {vantage}")
        self.lives = [life for mine in self.folder.account.lives.values() for life in mine
                      if life.side == vantage or name in ONE_HOST]
        with open(os.path.join(self.folder.path, "kernel.txt"), encoding="utf-8") as text:
            self.samples = read_samples(text.read())[vantage]
        self._rules = None

    def why_not(self):
        """Why nothing can be compared; empty if it can."""
        heard = {(s.src, s.dst) for s in self.capture.by_frame.values() if not s.icmp}
        if not self.samples:
            return "no sample"
        if any(life.start < self.capture.first - LATE for life in self.lives):
            return "connections were open before the capture began"
        if not any((dst, src) in heard for src, dst in heard):
            return "the capture holds one direction only"
        return ""

    def end(self):
        """When the capture stopped watching: sockets that went on to send or take something show that it had."""
        moved = ("SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "CLOSE_WAIT", "LAST_ACK")
        early = any(step.state in moved and step.at > self.capture.last + LATE
                    for life in self.lives for step in life.steps)
        return self.capture.last if early else float("inf")

    def hosts(self):
        """This side's addresses of which the capture tells."""
        own = {life.local.rpartition(":")[0].strip("[]") for life in self.lives}
        rows = program.table(self.binary, "states", "--vantage", self.vantage, self.path)
        return sorted(own & {row["host"] for row in rows if row["scope"] == "host"})

    def queued(self, ends, state, at):
        """Is it by the kernel in a state that it enters by queuing its FIN, and had no FIN left until this instant?"""
        left = any(s.src == ends[0] and s.has("F") and s.at <= at for s in self.capture.of(*ends))
        return {QUEUED} if state in ("FIN-WAIT-1", "LAST-ACK") and not left else set()

    def excuses(self, sample, listing):
        """The rules that excuse every difference from the kernel's record; empty if one has none."""
        known = recorded(self.lives, sample.at)
        if collections.Counter(known.values()) != sample.counts:
            return set()
        if self._rules is None:
            self._rules = Rules(self.folder, self.vantage, self.binary)
        found = [self._rules.of(ends) or self.queued(ends, known.get(ends), sample.at)
                 for ends in listing.differing(known)]
        return set().union(*found) if all(found) else set()

    def may_hide_fin(self, ends, at):
        """Had this end sent payload again before this instant, and did it send nothing new until its FIN, if anything?  Then
        no tap shows since when the FIN was queued."""
        own = [s for s in self.capture.of(*ends) if s.src == ends[0] and not s.icmp]
        sent = [s for s in own if s.length and s.at <= at]
        again = [s for s in sent if any(o.seq == s.seq and o.at < s.at for o in sent)]
        newer = next((s for s in own if s.at > at and (s.has("F") or s.length and s.seq not in {o.seq for o in sent})), None)
        return bool(again) and (newer is None or newer.has("F"))

    def needless(self, sample, listing):
        """Sockets listed apart though, by the kernel, nothing happened to them about then and their state has no clock
        that could have rung: slack for the asking.  A kernel that had no room for some TIME_WAITs, or for some connections in an
        accept queue, says nothing of which to the wire."""
        counted = {state for state, name in NO_ROOM.items()
                   if self.folder.account.counters.get(f"{self.vantage}.{name}", 0) > 0}
        for state, local, peer in listing.apart:
            if state not in CALM or state in counted:
                continue
            lives = [life for life in self.lives if (life.local, life.remote) == (local, peer)]
            if state == "ESTAB" and any(life.repeated for life in lives):
                continue  # which segment the full queue took at last, after it had ignored some, no tap shows
            if state in ("ESTAB", "CLOSE-WAIT") and self.may_hide_fin((local, peer), sample.at):
                continue
            steps = [step for life in lives for step in life.steps]
            entered = max((step.at for step in steps
                           if KERNEL_WORDS.get(step.state) == state and step.at <= sample.at + LATE), default=None)
            near = any(abs(step.at - sample.at) <= LATE for step in steps)
            if entered is not None and not near and sample.at - entered < CALM[state]:
                yield f"{sample.at:.6f}: {state} {local} {peer} is listed apart for no reason"

    def judge(self, sample, listing):
        result = self.result
        needless = list(self.needless(sample, listing))
        if needless:
            result.wrong += needless
            return
        if listing.agrees(sample.counts):
            if not listing.apart:
                result.plain += 1
            elif +listing.sure == +sample.counts:
                result.spare += 1
            else:
                result.slack += 1
            return
        reasons = self.excuses(sample, listing)
        if reasons:
            result.unknowable += 1
            result.reasons |= reasons
        else:
            result.wrong.append(f"{sample.at:.6f}: ss listed {words(sample.counts)}; told {listing.words()}")

    def run(self, thin=1):
        self.result.left_out = self.why_not()
        if self.result.left_out:
            return self.result
        hosts, end, within = self.hosts(), self.end(), []
        for sample in every_second(self.samples, self.folder.account.until):
            sample = dated(sample, self.lives)
            if self.capture.first <= sample.at <= end:
                within.append(sample)
            else:
                self.result.beyond += 1
        for sample in within[::thin]:
            self.judge(sample, list_sockets(self.binary, self.path, self.vantage, hosts, sample.at))
        return self.result


# -- all of them -----------------------------------------------------------------------------------------------


def tell(result, tap, verbose):
    if not result.judged:
        tap.point(True, f"{result.name} # SKIP {result.left_out or 'every sample lies outside of the capture'}")
        return
    told = f"{result.name}: {result.judged} samples, {result.slack} by slack"
    if result.unknowable:
        told += f", {result.unknowable} not knowable ({'; '.join(sorted(result.reasons))})"
    tap.point(not result.wrong, told, result.wrong if verbose else result.wrong[:8])


def figures(results):
    judged = sum(result.judged for result in results)
    yield (f"{judged} samples of {sum(bool(result.judged) for result in results)} captures: "
           f"{sum(result.plain for result in results)} without a socket near a transition, "
           f"{sum(result.spare for result in results)} with some and equal without them, "
           f"{sum(result.slack for result in results)} equal because of them, "
           f"{sum(result.unknowable for result in results)} that differ by sockets which no tap can know, "
           f"{sum(len(result.wrong) for result in results)} wrong; "
           f"{sum(result.beyond for result in results)} outside of their capture, not judged")


def main(arguments=None):
    parser = commandline.parser(__doc__)
    parser.add_argument("--verbose", action="store_true", help="tell every wrong sample")
    commandline.add_thin(parser, "the samples of a capture")
    options = parser.parse_intermixed_args(arguments)
    tap = report.Tap()
    try:
        names, _ = agree.find(options.captures, options.case)
        jobs = [(name, vantage) for name in names for vantage, file in case.VIEWS
                if vantage in SIDES and os.path.exists(os.path.join(options.captures, name, file))]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda job: Census(options.captures, *job, options.program).run(options.thin), jobs))
    except (OSError, ValueError, program.ProgramError) as error:
        print(f"Bail out! {error}")
        return 2
    for result in results:
        tell(result, tap, options.verbose)
    for line in figures(results):
        print(f"# {line}")
    if not any(result.judged for result in results):
        tap.point(False, "there is something to compare")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
