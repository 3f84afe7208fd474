#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold what the program tells of listeners against what the kernels counted.

    listeners.py CAPTURES PROGRAM [CASE...]

For every capture of every folder CAPTURES/*/rec_* the rows of the table listeners that
belong to the recorded server are added up and compared with its own account in kernel.txt:

  overflows  [listen_overflows_min, listen_overflows_max] holds TcpExtListenOverflows
  drops      [listen_drops_min, listen_drops_max] holds TcpExtListenDrops
  backlog    [backlog_min, backlog_max] of each row, as far as it is told, holds the limit
             that ss printed for this listener
  cookies    cookie_count is no more than TcpExtSyncookiesSent

at every vantage.  At the server more is asked: where the kernel counted overflows the bounds
must meet in at least half of the scenarios, for drops likewise; and where the application
stood still (FROZEN) the limit must be told exactly.  TAP, one point a capture.
"""

import dataclasses
import os
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import agree  # noqa: E402
import case  # noqa: E402
import commandline  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402

COUNTERS = (("overflows", "TcpExtListenOverflows"), ("drops", "TcpExtListenDrops"))

# The application accepted nothing while the queue filled, by what the scenario did.
FROZEN = frozenset({
    "pressure/rec_mixed_incident", "pressure/rec_mixed_incident_long", "queue/rec_backlog_zero",
    "queue/rec_client_gives_up", "queue/rec_overflow_abort", "queue/rec_overflow_cookies",
    "queue/rec_overflow_ladder", "queue/rec_overflow_ladder_v6", "queue/rec_overflow_recovered",
    "queue/rec_reuseport_one_frozen", "queue/rec_stalled_service"})


@dataclasses.dataclass
class Truth:
    """What the kernel of the server wrote down."""

    counters: dict = dataclasses.field(default_factory=dict)
    limits: dict = dataclasses.field(default_factory=dict)  # "10.66.1.100:8080" -> limit
    address: str = ""

    @property
    def addresses(self):
        return {self.address, *(listener.rpartition(":")[0].strip("[]") for listener in self.limits)}


def read_truth(path):
    """Truth out of a kernel.txt."""
    truth, section = Truth(), ""
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if "the server is " in line and not section:
                truth.address = words[-1]
            elif line.startswith("["):
                section = line
            elif section.startswith("[counters of the server]") and len(words) == 2:
                truth.counters[words[0]] = int(words[1])
            elif section.startswith("[accept queues of the server]") and len(words) == 4:
                truth.limits[words[1]] = int(words[3])
    if not truth.address:
        raise ValueError(f"{path}: whose account is it?")
    return truth


@dataclasses.dataclass(frozen=True)
class Bounds:
    """At least and at most; None: not told."""

    low: int | None
    high: int | None

    def __contains__(self, value):
        return (self.low is None or self.low <= value) and (self.high is None or value <= self.high)

    def __str__(self):
        return f"{'' if self.low is None else self.low}..{'' if self.high is None else self.high}"

    def exactly(self, value):
        return self.low == value == self.high


def number(cell):
    return int(cell) if cell else None


def bounds_of(row, name):
    return Bounds(number(row[f"{name}_min"]), number(row[f"{name}_max"]))


def total(rows, name):
    each = [bounds_of(row, name) for row in rows]
    if any(one.low is None for one in each):
        raise ValueError(f"{name}: a bound is missing")
    high = None if any(one.high is None for one in each) else sum(one.high for one in each)
    return Bounds(sum(one.low for one in each), high)


@dataclasses.dataclass
class Result:
    """One capture."""

    name: str
    vantage: str
    counted: dict = dataclasses.field(default_factory=dict)  # "overflows" -> (Bounds, truth)
    limits: list = dataclasses.field(default_factory=list)  # (listener, Bounds, truth)
    wrong: list = dataclasses.field(default_factory=list)

    def headline(self):
        words = [f"{what} {told} of {truth}" for what, (told, truth) in self.counted.items()]
        words += [f"limit {told} of {truth}" for _, told, truth in self.limits if told != Bounds(None, None)]
        return f"{self.name} {self.vantage}: {', '.join(words)}"


def compare_limits(result, rows, truth):
    for row in rows:
        listener = program.end_of(row, "server")
        if listener not in truth.limits:
            continue
        told, limit = bounds_of(row, "backlog"), truth.limits[listener]
        result.limits.append((listener, told, limit))
        if limit not in told:
            result.wrong.append(f"{listener}: the limit is {limit}, not {told}")


def check_frozen(result):
    """Somewhere in this capture the queue of a standing application was full."""
    full = [(listener, told, limit) for listener, told, limit in result.limits if told != Bounds(None, None)]
    if not any(told.exactly(limit) for _, told, limit in full):
        result.wrong.append("the application stood still, and the limit is not told exactly")


def compare(name, vantage, rows, truth):
    """The result of one capture; `rows`: of the table listeners."""
    result = Result(name, vantage)
    own = [row for row in rows if row["server_ip"] in truth.addresses]
    for what, counter in COUNTERS:
        told, counted = total(own, f"listen_{what}"), truth.counters.get(counter, 0)
        result.counted[what] = (told, counted)
        if counted not in told:
            result.wrong.append(f"{counter} is {counted}, not {told}")
        if told.high is None and vantage != "damaged":
            result.wrong.append(f"{counter} has no upper bound")
    sent, told = truth.counters.get("TcpExtSyncookiesSent", 0), sum(int(row["cookie_count"]) for row in own)
    if told > sent:
        result.wrong.append(f"TcpExtSyncookiesSent is {sent}, and {told} SYN cookies are told")
    compare_limits(result, own, truth)
    if vantage == "server" and name in FROZEN:
        check_frozen(result)
    return result


def compare_case(name, options, tap):
    folder = os.path.join(options.captures, name)
    results = []
    try:
        truth = read_truth(os.path.join(folder, "kernel.txt"))
    except (OSError, ValueError) as error:
        tap.point(False, f"{name}: {error}")
        return results
    for vantage, file in case.VIEWS:
        if not os.path.exists(os.path.join(folder, file)):
            continue
        rows = program.table(options.program, "listeners", os.path.join(folder, file))
        result = compare(name, vantage, rows, truth)
        tap.point(not result.wrong, result.headline(), result.wrong)
        results.append(result)
    return results


def check_exact(what, results, tap):
    """Where the kernel counted any, the bounds meet in at least half of the scenarios."""
    counting = [result.counted[what] for result in results if result.vantage == "server" and result.counted[what][1]]
    exact = sum(told.exactly(counted) for told, counted in counting)
    tap.point(2 * exact >= len(counting), f"{what} exact in {exact} of {len(counting)} scenarios that have any, at the server")


def check_quiet(what, results, tap):
    """Where the kernel counted none: how often that is known."""
    quiet = [result.counted[what] for result in results if result.vantage == "server" and not result.counted[what][1]]
    known = sum(told.exactly(0) for told, _ in quiet)
    tap.point(2 * known >= len(quiet), f"{what}: none, and known to be none, in {known} of {len(quiet)} scenarios")


def parse_options(arguments):
    parser = commandline.parser(__doc__)
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parse_options(arguments)
    tap, results = report.Tap(), []
    try:
        names, without = agree.find(options.captures, options.case)
        for name in sorted(names + without):
            results += compare_case(name, options, tap)
    except BrokenPipeError:
        raise
    except (OSError, ValueError, KeyError, program.ProgramError) as error:
        print(f"Bail out! {error}")
        return 2
    if not results:
        print("Bail out! nothing to compare")
        return 2
    if not options.case:
        for what, _ in COUNTERS:
            check_exact(what, results, tap)
            check_quiet(what, results, tap)
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
