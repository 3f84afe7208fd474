#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the kernel counters that the program infers against what the kernels counted.

    counters.py CAPTURES PROGRAM [CASE...] [--table FILE] [--check-table FILE] [--verbose]

For every folder CAPTURES/*/rec_* `states --format nstat` is asked for each host, and the bounds of the
recorded server's addresses are added up, as are those of the recorded clients: each have one kernel.  They must hold what kernel.txt says that this kernel counted (absent:
0), at every view:

  near      the server's kernel by the capture at its side, the clients' by the one at theirs
  far       each by the capture at the other side, and by the one between
  inferred  both by the server's capture, with nobody telling the program where it was taken
  narrowed  the near ones again, with records left out by a filter (-f), before (-A) or after (-B) the capture's
            middle: no bound from above may be told
  damaged   the near ones again, of a copy of the capture of which tcpdump kept only SYN, FIN and RST, or lost one
            record in 10, if any connection shows that something is missing

A capture that was begun late, ended early or shows one direction is held to the lower bounds
alone.  How often the bounds meet at the truth is counted at the near views: one row per
counter, docs/counters.md.  TAP, one point a case; exit status 0, 1, or 2 if it could not be
compared.
"""

import collections
import contextlib
import dataclasses
import functools
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import agree  # noqa: E402
import commandline  # noqa: E402
import damaged  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN = "<!-- made by tests/lab/counters.py --table: begin -->"
END = "<!-- made by tests/lab/counters.py --table: end -->"
HEAD = ("| counter | host | kernels that counted | bounded below | exact | kernels with 0, told exactly |",
        "| --- | --- | ---: | ---: | ---: | ---: |")
KERNELS = ("server", "client")
ALONE = frozenset({"queue/rec_overflow_ladder", "queue/rec_overflow_ladder_v6", "pressure/rec_mixed_incident"})
DAMAGES = ("flags", "thin 10 0")

# What the capture shows is not all that the kernel counted, by what the scenario did.
PARTIAL = frozenset({"view/rec_late_start", "view/rec_early_end", "view/rec_midstream_reset",
                     "view/rec_one_direction_client", "view/rec_one_direction_server"})

# Segments that bear a client's address and that the scenario made by hand: nobody's kernel counted sending them.
HAND_MADE = frozenset({"timewait/rec_data", "timewait/rec_v6"})

# ... where it looks like a repeat, once what went before it is lost.
HAND_MADE_REPEATS = frozenset({"timewait/rec_old_fin"})

# Either end opens: who is taken for the server, whose side --vantage names, depends on the tap.
TURNED_ROUND = frozenset({"handshake/rec_simultaneous_open_half"})

# Client and server are one kernel.
ONE_KERNEL = frozenset({"view/rec_lo"})

# A reset that the host's own firewall took before the tap was counted, but not captured; the kernel says how many it
# could not send, and the probe which segments were dropped.
UNSENT = "TcpExtTCPAbortFailed"
MAY_BE_UNSENT = frozenset({"TcpEstabResets", "TcpOutRsts", "TcpExtTCPAbortOnData", "TcpExtTCPAbortOnClose",
                           "TcpExtTCPAbortOnTimeout"})
# One that it took behind the tap was captured and ended nothing.
MAY_BE_UNHEARD = frozenset({"TcpEstabResets", "TcpAttemptFails", "TcpExtEmbryonicRsts"})


@dataclasses.dataclass(frozen=True)
class Bounds:
    """At least and at most; high None: no bound."""

    low: int = 0
    high: int | None = 0

    def __add__(self, other):
        none = self.high is None or other.high is None
        return Bounds(self.low + other.low, None if none else self.high + other.high)

    def __str__(self):
        return f"{self.low}..{'' if self.high is None else self.high}"

    def exactly(self, value):
        return self.low == value == self.high


ANYTHING = Bounds(0, None)


@dataclasses.dataclass
class Truth:
    """kernel.txt: what each kernel counted, and resets dropped; sockets.txt: whose addresses are whose."""

    counters: dict  # "server" -> {name: count}
    hosts: dict  # "server" -> [address]
    unsent: dict  # "server" -> resets of its own that were dropped on the way out
    unheard: dict  # "server" -> resets to it that its firewall dropped


def read_counters(path):
    counters, side = {kernel: {} for kernel in KERNELS}, None
    with open(path, encoding="utf-8") as file:
        for line in file:
            begin = re.match(r"\[(counters of the (server|client))?", line)
            if begin:
                side = begin[2]
            elif side:
                name, value = line.split()
                counters[side][name] = int(value)
    return counters


def kernel_of(address):
    """The bench gives the server 100, its clients numbers from 1; from 50 on nobody's kernel listens."""
    if not re.match(r"10\.66\.|fd00:66:", address):
        return None
    last = re.split("[.:]", address)[-1]
    number = int(last, 16 if ":" in address else 10)
    return "server" if last == "100" else "client" if number < 50 else None


def address_of(end):
    return end.rpartition(":")[0].strip("[]")


def read_drops(path):
    """Resets that somebody dropped, by the kernel that sent them and by the one that did not get them.  Where the list
    is cut, what was left out may be resets of either.
    """
    unsent, unheard, within = collections.Counter(), collections.Counter(), False
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("["):
                within = line.startswith("[drops]")
                continue
            cut = re.match(r"\(cut: (\d+) more drops", line)
            words = line.split()
            if cut:
                unsent.update({kernel: int(cut[1]) for kernel in KERNELS})
                unheard.update({kernel: int(cut[1]) for kernel in KERNELS})
            elif within and len(words) == 5 and "R" in words[3]:
                unsent[kernel_of(address_of(words[1]))] += 1
                unheard[kernel_of(address_of(words[2]))] += 1
    return unsent, unheard


def read_truth(folder, one_kernel):
    hosts = {kernel: set() for kernel in KERNELS}
    with open(f"{folder}/sockets.txt", encoding="utf-8") as file:
        for found in re.findall(r"(?:\[([0-9a-f:]+)\]|\b((?:\d+\.){3}\d+)):\d+\b", file.read()):
            address = found[0] or found[1]
            if kernel_of(address):
                hosts[kernel_of(address)].add(address)
    if one_kernel:
        hosts = {"server": hosts["server"] | hosts["client"], "client": set()}
    return Truth(read_counters(f"{folder}/kernel.txt"), {kernel: sorted(own) for kernel, own in hosts.items()},
                 *read_drops(f"{folder}/kernel.txt"))


def known_counters():
    """The names of the counters that the program bounds."""
    with open(f"{HERE}/../../analyzer/classify/count/counter.def", encoding="utf-8") as file:
        return re.findall(r"^COUNTER\((\w+),", file.read(), re.MULTILINE)


# -- what the program tells ------------------------------------------------------------------------------------


def told_of(section, names):
    """{name: Bounds} out of nstat's text for one host: its head, and a line for each counter."""
    head, *lines = section.splitlines()
    bounds = {name: Bounds() if "not listed are 0" in head else ANYTHING for name in names}
    for line in lines:
        name, low, high, mark = line.split(None, 4)[:4]
        if name not in bounds or mark != "#":
            raise program.ProgramError(f"no line of a counter: {line}")
        bounds[name] = Bounds(int(low), None if high == "-" else int(high))
    return bounds


def printed(executable, capture, *options):
    """What `states --format nstat` printed."""
    done = subprocess.run([executable, "states", "-q", "--format", "nstat", *options, capture],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise program.ProgramError(f"states ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def sections(text):
    """{address: the lines of that host, with its head}."""
    found = {}
    for section in re.split(r"^(?=#host )", text, flags=re.MULTILINE):
        if section.strip():
            word, address = section.split(None, 2)[:2]
            address = address.removesuffix(":")
            if word != "#host" or address in found:
                raise program.ProgramError(f"no section of a host, or a second one: {section[:80]}")
            found[address] = section.strip()
    return found


def ask(executable, capture, vantage, addresses, names, narrowed=()):
    """The bounds of the kernel that has these addresses; None where the capture shows none of them. Among all those hosts are
    told of which there is something to tell; one that is in the capture all the same is asked for by name."""
    options = [*(["--vantage", vantage] if vantage else []), *narrowed]
    told = sections(printed(executable, capture, *options))
    untold = [address for address in addresses if address not in told]
    shown = {row[column] for row in program.table(executable, "flows", *narrowed, capture)
             for column in ("client_ip", "server_ip")} if untold else ()
    told |= {address: printed(executable, capture, *options, "--host", address) for address in untold if address in shown}
    mine = [told_of(told[address], names) for address in addresses if address in told]
    return {name: sum((bounds[name] for bounds in mine), Bounds()) for name in names} if mine else None


def differs_alone(executable, capture):
    """Hosts of which --host tells something else than is told of them among all."""
    return [host for host, section in sections(printed(executable, capture)).items()
            if printed(executable, capture, "--host", host).strip() != section]


# -- the comparison --------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class View:
    """One capture, one kernel, where the program was told that the capture was taken, and what was left out."""

    kernel: str
    capture: str
    vantage: str | None
    near: bool
    narrowed: tuple = ()  # options
    damage: str = ""

    @property
    def words(self):
        how = [f"at {self.vantage}" if self.vantage else "inferred", *filter(None, [" ".join(self.narrowed), self.damage])]
        return f"{self.kernel}'s kernel by {self.capture} {', '.join(how)}"


def shows_loss(executable, path):
    """Does any connection show that the capture lacks segments?  Else no program can know."""
    return any("gap" in row["damage"].split(";") for row in program.table(executable, "flows", path))


def undelayed(executable, capture):
    """Nothing lies between the two ends: one capture shows what both sent."""
    return {row["vantage"] for row in program.table(executable, "flows", capture)} <= {"same_host", "unknown"}


def views(folder, executable):
    """What is asked of one case."""
    client = "client.pcap" if os.path.exists(f"{folder}/client.pcap") else "capture.pcap"
    yield View("server", "capture.pcap", "server", True)
    if client == "client.pcap" or undelayed(executable, f"{folder}/{client}"):
        yield View("client", client, "client", True)
    yield View("client", "capture.pcap", "server", False)
    if client == "client.pcap":
        yield View("server", client, "client", False)
    if os.path.exists(f"{folder}/middle.pcap"):
        yield from (View(kernel, "middle.pcap", "middle", False) for kernel in KERNELS)
    yield from (View(kernel, "capture.pcap", None, False) for kernel in KERNELS)


def less(view, path):
    """A near view again, of less."""
    stamps = sorted(segment.at for segment in segments.read(path).by_frame.values())
    if not stamps:
        raise ValueError(f"{path}: no segment")
    middle = f"{stamps[len(stamps) // 2]:.6f}"
    for narrowed in (("-f", "tcp[13] & 7 != 0"), ("-A", middle), ("-B", middle)):
        yield dataclasses.replace(view, near=False, narrowed=narrowed)
    for damage in DAMAGES:
        yield dataclasses.replace(view, near=False, damage=damage)


def all_views(name, folder, executable, thin):
    for view in views(folder, executable):
        yield view
        if view.near:
            yield from (one for one in less(view, f"{folder}/{view.capture}") if commandline.chosen(thin, name, one.words))


@functools.lru_cache(maxsize=2)
def whole(path):
    """(bytes, segments) of a capture."""
    with open(path, "rb") as file:
        data = file.read()
    return data, damaged.read_segments(data)


@contextlib.contextmanager
def capture_of(view, folder):
    """The path of what this view shows to the program."""
    path = f"{folder}/{view.capture}"
    if not view.damage:
        yield path
        return
    data, passed = whole(path)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as out:
        left = next(left for name, left in damaged.damages(passed) if name == view.damage)
        out.write(damaged.written(data, left))
        out.flush()
        yield out.name


@dataclasses.dataclass
class Tally:
    """Of one counter at one kernel, over all near views."""

    counted: int = 0
    bounded: int = 0
    exact: int = 0
    zero: int = 0
    zero_exact: int = 0

    def add(self, bounds, value):
        exact = bounds.exactly(value)
        self.counted += value > 0
        self.bounded += value > 0 and bounds.low > 0
        self.exact += value > 0 and exact
        self.zero += value == 0
        self.zero_exact += value == 0 and exact


@dataclasses.dataclass(frozen=True)
class Slack:
    """What a kernel did that no tap can know, by its own account."""

    partial: bool  # the capture does not show all of it
    hand_made: bool  # it shows what this kernel did not do
    unsent: int
    unheard: int


def slack_of(name, truth, view):
    kernel, hand_made = view.kernel, name in HAND_MADE or (view.damage and name in HAND_MADE_REPEATS)
    return Slack(name in PARTIAL, bool(kernel == "client" and hand_made),
                 truth.counters[kernel].get(UNSENT, 0) + truth.unsent[kernel], truth.unheard[kernel])


def holds(name, bounds, counted, slack):
    """Do these bounds hold what the kernel counted?"""
    value = counted.get(name, 0)
    most = value - (slack.unsent if name in MAY_BE_UNSENT else 0)
    least = value + (slack.unheard if name in MAY_BE_UNHEARD else 0)
    return ((slack.hand_made or bounds.low <= least) and
            (slack.partial or bounds.high is None or most <= bounds.high))


def compare_view(view, bounds, counted, slack):
    """Words for every counter whose bounds do not hold the truth."""
    for name, told in bounds.items():
        if not holds(name, told, counted, slack):
            yield f"{view.words}: {name} {told}, the kernel counted {counted.get(name, 0)}"
        if view.narrowed and told.high is not None:
            yield f"{view.words}: {name} {told}, though what was left out may have been counted"


def compare(name, options, names, tallies, left_out):
    """The wrong words of one case; near views of whole captures enter the tallies, views that tell nothing `left_out`."""
    folder = os.path.join(options.captures, name)
    truth, wrong = read_truth(folder, name in ONE_KERNEL), []
    for view in all_views(name, folder, options.program, options.thin):
        if not view.near and name in TURNED_ROUND:
            left_out["either end may be the server"] += 1
            continue
        with capture_of(view, folder) as path:
            if view.damage and not shows_loss(options.program, path):
                left_out["no connection shows that records are missing"] += 1
                continue
            bounds = ask(options.program, path, view.vantage, truth.hosts[view.kernel], names, view.narrowed)
        if not bounds:
            left_out["nothing is left of the host"] += 1
            continue
        counted, slack = truth.counters[view.kernel], slack_of(name, truth, view)
        wrong += compare_view(view, bounds, counted, slack)
        if view.near and not (slack.partial or slack.hand_made):
            for counter, told in bounds.items():
                tallies[counter, view.kernel].add(told, counted.get(counter, 0))
                if options.verbose and not told.exactly(counted.get(counter, 0)):
                    print(f"# {name} {view.kernel}: {counter} {told} of {counted.get(counter, 0)}")
    return wrong


def table(tallies, names):
    yield from HEAD
    for name in names:
        for kernel in KERNELS:
            t = tallies[name, kernel]
            if t.counted or t.zero_exact < t.zero:
                yield (f"| {name} | {kernel} | {t.counted} | {report.ratio(t.bounded, t.counted)} | "
                       f"{report.ratio(t.exact, t.counted)} | {report.ratio(t.zero_exact, t.zero)} |")


def figures(tallies):
    counted, bounded, exact, zero, zero_exact = (
        sum(getattr(tally, field) for tally in tallies.values())
        for field in ("counted", "bounded", "exact", "zero", "zero_exact"))
    return (f"kernel above 0: {counted}, bounded below {bounded}, exact {exact}; "
            f"kernel 0: {zero}, exact {zero_exact}")


def parse_options(arguments):
    parser = commandline.parser(__doc__)
    commandline.add_table(parser)
    parser.add_argument("--verbose", action="store_true", help="tell where the bounds do not meet")
    commandline.add_thin(parser, "the views of less")
    return parser.parse_intermixed_args(arguments)


def main(arguments=None):
    options, tap = parse_options(arguments), report.Tap()
    tallies, left_out = collections.defaultdict(Tally), collections.Counter()
    try:
        names = known_counters()
        cases, _ = agree.find(options.captures, options.case)
        for name in cases:
            wrong = compare(name, options, names, tallies, left_out)
            tap.point(not wrong, name, wrong)
            if name in ALONE:
                alone = differs_alone(options.program, os.path.join(options.captures, name, "capture.pcap"))
                tap.point(not alone, f"{name}: of each host the same alone (--host) as among all", alone)
        tap.point(any(tally.exact for tally in tallies.values()), "some bounds meet at what the kernel counted")
        lines = list(table(tallies, names))
        if options.table:
            report.write_table(options.table, lines, BEGIN, END)
        if options.check_table:
            differing = list(report.differences(options.check_table, lines, BEGIN, END))
            tap.point(not differing, f"{os.path.basename(options.check_table)} holds the table of this run (else: "
                      "--table)", differing[:20])
    except (OSError, ValueError, program.ProgramError) as error:
        print(f"Bail out! {error}")
        return 2
    print(f"# {figures(tallies)}")
    print(f"# views not compared: {', '.join(f'{count} {why}' for why, count in sorted(left_out.items())) or 'none'}")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
