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

A sample is dated by the instant before ss was started; what it lists is some milliseconds younger.  sockets.txt holds
every change of state with its instant, so where a sample is not what that record says of its own date, it is dated at
the first later instant, within 0.1 s, at which it is.

Output is TAP, one line for each case and vantage, then the figures.  Exit status 0, 1 for disagreements, 2 if it could
not be compared.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import agree  # noqa: E402
import kernel  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

VIEWS = (("server", "capture.pcap"), ("client", "client.pcap"))  # taken at that side
APART = "# within 20 ms, or 1/8 of the running timer, of a transition:"
LATE = 0.1  # seconds after its date within which ss reads the kernel's tables
KERNEL_WORDS = {"SYN_SENT": "SYN-SENT", "SYN_RECV": "SYN-RECV", "ESTABLISHED": "ESTAB", "FIN_WAIT1": "FIN-WAIT-1",
                "FIN_WAIT2": "FIN-WAIT-2", "CLOSE_WAIT": "CLOSE-WAIT", "LAST_ACK": "LAST-ACK", "CLOSING": "CLOSING",
                "TIME_WAIT": "TIME-WAIT"}
SAMPLE = re.compile(r"(\d+\.\d{3}) (server|client) (none|\S+=\d+(?: \S+=\d+)*)$")


@dataclasses.dataclass(frozen=True)
class Sample:
    """What ss listed at one side."""

    at: float
    counts: collections.Counter


@dataclasses.dataclass
class Result:
    """One capture of one case."""

    name: str
    plain: int = 0  # samples without a socket near a transition
    spare: int = 0  # agreed without the slack there was
    slack: int = 0  # agreed because of it
    left_out: str = ""  # why nothing was compared
    beyond: int = 0  # samples that the capture cannot know of
    wrong: list = dataclasses.field(default_factory=list)

    @property
    def judged(self):
        return self.plain + self.spare + self.slack + len(self.wrong)


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
        pairs = [] if match[3] == "none" else [word.rpartition("=") for word in match[3].split()]
        found[match[2]].append(Sample(float(match[1]), collections.Counter({name: int(n) for name, _, n in pairs})))
    return found


def every_second(samples, until):
    """Samples that equal the one before are left out of kernel.txt: put them back, at the full second."""
    for sample, following in zip(samples, [*samples[1:], None]):
        yield sample
        end = following.at - 0.5 if following else until - LATE
        second = int(sample.at) + 1
        while second < end:
            yield Sample(float(second), sample.counts)
            second += 1


def recorded_at(lives, at):
    """What the kernel's record of every socket says of this instant."""
    states = (life.state_at(at) for life in lives)
    return collections.Counter(KERNEL_WORDS[state] for state in states if state in KERNEL_WORDS)


def dated(sample, lives):
    """The sample, dated at the first instant within LATE at which the record says what it says."""
    changes = (step.at for life in lives for step in life.steps if sample.at < step.at <= sample.at + LATE)
    for at in [sample.at, *sorted(changes)]:
        if recorded_at(lives, at + 1e-6) == sample.counts:
            return Sample(at + 1e-6, sample.counts)
    return sample


# -- what the program lists ------------------------------------------------------------------------------------


def parse_listing(text):
    """(sockets by state, sockets listed apart by state) of `states --format ss`; LISTEN left out."""
    sure, apart = collections.Counter(), collections.Counter()
    into = sure
    lines = text.splitlines()
    if not lines or not lines[0].startswith("State "):
        raise program.ProgramError("states --format ss printed no header")
    for line in lines[1:]:
        if line.startswith("#"):
            if line != APART:
                raise program.ProgramError(f"states --format ss printed: {line}")
            into = apart
        elif not line.startswith("LISTEN "):
            into[line.split()[0]] += 1
    return sure, apart


def listing(binary, capture, vantage, host, at):
    done = subprocess.run([binary, "states", "-q", "--format", "ss", "--vantage", vantage, "--host", host,
                           "--at", f"{at:.6f}", capture], capture_output=True, text=True, check=False)
    if done.returncode:
        raise program.ProgramError(f"states ended with status {done.returncode}: {done.stderr.strip()}")
    return parse_listing(done.stdout)


def agrees(counts, sure, apart):
    """Could the sockets listed apart make up the difference?"""
    spare = sum(apart.values())
    return (all(sure[state] <= counts[state] <= sure[state] + spare for state in counts | sure)
            and 0 <= sum(counts.values()) - sum(sure.values()) <= spare)


# -- one capture -----------------------------------------------------------------------------------------------


def began_before(lives, capture):
    """Had a socket of this side a life before the first packet?"""
    return any(life.start < capture.first - LATE for life in lives)


def words(counts):
    return " ".join(f"{state}={count}" for state, count in sorted(counts.items()) if count) or "none"


def judge(sample, sure, apart, result):
    if not agrees(sample.counts, sure, apart):
        result.wrong.append(f"{sample.at:.6f}: ss listed {words(sample.counts)}; told {words(sure)}"
                            + (f"; apart {words(apart)}" if apart else ""))
    elif not apart:
        result.plain += 1
    elif +sure == +sample.counts:
        result.spare += 1
    else:
        result.slack += 1


def addresses(lives):
    return {life.local.rpartition(":")[0].strip("[]") for life in lives}


def told_hosts(binary, path, vantage):
    return {row["host"] for row in program.table(binary, "states", "--vantage", vantage, path) if row["scope"] == "host"}


def compare(root, name, vantage, file, binary):
    """The Result of one capture."""
    path = os.path.join(root, name, file)
    result = Result(f"{name} {vantage}")
    account = kernel.read_account(os.path.join(root, name))
    with open(os.path.join(root, name, "kernel.txt"), encoding="utf-8") as text:
        samples = read_samples(text.read())[vantage]
    lives = [life for mine in account.lives.values() for life in mine if life.side == vantage]
    capture = segments.read(path)
    if not samples:
        result.left_out = "no sample"
    elif began_before(lives, capture):
        result.left_out = "connections were open before the capture began"
    if result.left_out:
        return result
    hosts = sorted(addresses(lives) & told_hosts(binary, path, vantage))
    for sample in every_second(samples, account.until):
        sample = dated(sample, lives)
        if sample.at < capture.first:
            continue
        sure, apart = collections.Counter(), collections.Counter()
        for host in hosts:
            one, more = listing(binary, path, vantage, host, sample.at)
            sure, apart = sure + one, apart + more
        judge(sample, sure, apart, result)
    return result


# -- all of them -----------------------------------------------------------------------------------------------


def tell(result, tap, verbose):
    if result.left_out:
        tap.point(True, f"{result.name}: # SKIP {result.left_out}")
        return
    told = f"{result.name}: {result.judged} samples, {result.slack} by slack"
    tap.point(not result.wrong, told, result.wrong if verbose else result.wrong[:8])


def figures(results):
    judged = sum(result.judged for result in results)
    yield (f"{judged} samples of {sum(bool(result.judged) for result in results)} captures: "
           f"{sum(result.plain for result in results)} without a socket near a transition, "
           f"{sum(result.spare for result in results)} with some and equal without them, "
           f"{sum(result.slack for result in results)} equal because of them, "
           f"{sum(len(result.wrong) for result in results)} wrong")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("captures", help="folder of the case folders")
    parser.add_argument("program", help="the program under test")
    parser.add_argument("case", nargs="*", help="FAMILY/CASE (default: all)")
    parser.add_argument("--verbose", action="store_true", help="tell every wrong sample")
    options = parser.parse_intermixed_args(arguments)
    tap = report.Tap()
    try:
        names, _ = agree.find(options.captures, options.case)
        jobs = [(name, vantage, file) for name in names for vantage, file in VIEWS
                if os.path.exists(os.path.join(options.captures, name, file))]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda job: compare(options.captures, *job, options.program), jobs))
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
