# SPDX-License-Identifier: MIT
"""One recorded case at one vantage: kernel, capture, program and intent brought together."""

import collections
import dataclasses
import os

import evidence
import intent
import kernel
import pairing
import paths
import program
import segments

JITTER = 0.2  # seconds by which a busy wire may delay a segment beyond its usual delay
VIEWS = (("server", "capture.pcap"), ("client", "client.pcap"), ("middle", "middle.pcap"))


@dataclasses.dataclass(frozen=True)
class Wrong:
    """One disagreement."""

    subject: str  # WHO/SIDE of an endpoint, WHO=FINDING of a finding
    words: str
    frames: tuple = ()
    details: tuple = ()  # further lines: both histories


@dataclasses.dataclass
class Result:
    """All that one vantage of one case gave."""

    case: str
    vantage: str
    flows: int = 0
    compared: int = 0  # endpoints of which both kernel and program have a history
    equal: int = 0
    transitions: int = 0  # that both have, in the same order
    intended: int = 0
    right: int = 0
    no_socket: int = 0  # endpoints of flows without any kernel socket
    excused: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    notes: list = dataclasses.field(default_factory=list)
    wrong: list = dataclasses.field(default_factory=list)
    known: list = dataclasses.field(default_factory=list)  # disagreements that exceptions.txt explains
    pending: list = dataclasses.field(default_factory=list)
    unasked: list = dataclasses.field(default_factory=list)

    @property
    def name(self):
        return f"{self.case} {self.vantage}"


class Folder:
    """What a case folder holds, read once for all its vantages."""

    def __init__(self, root, name):
        self.name, self.path = name, os.path.join(root, name)
        self.account = kernel.read_account(self.path)
        self.files = {vantage: os.path.join(self.path, file) for vantage, file in VIEWS
                      if os.path.exists(os.path.join(self.path, file))}
        self.captures = {vantage: segments.read(file) for vantage, file in self.files.items()}

    def intent(self, known):
        """(clauses, faults)"""
        try:
            with open(os.path.join(self.path, "intent.txt"), encoding="utf-8") as file:
                return intent.read(file.read(), known)
        except FileNotFoundError:
            return [], ["intent.txt is missing"]


# -- which connection is which -------------------------------------------------------------------------------


def client_end(lives, flow):
    """The end that the laboratory calls client; the program may call a mid-stream connection's ends otherwise."""
    for life in lives:
        if life.side == "client":
            return life.local
    for life in lives:
        return life.local if life.steps[0].state == "SYN_SENT" else life.remote
    return flow.client


def subjects(output, owned, alone):
    """Every connection that the program or a client's kernel knows, oldest first, with its number on its port."""
    entries = []
    for flow in output.flows:
        lives = owned.get((flow.name, "client"), []) + owned.get((flow.name, "server"), [])
        entries.append((flow.start, client_end(lives, flow), frozenset((flow.client, flow.server)), flow))
    for life in alone:
        if life.side == "client":
            entries.append((life.start, life.local, frozenset((life.local, life.remote)), None))
    ports, ends, found = collections.Counter(), collections.Counter(), []
    for _, client, both, flow in sorted(entries, key=lambda entry: entry[0]):
        port = client.rpartition(":")[2]
        ports[port] += 1
        ends[client] += 1
        found.append(intent.Subject(client, ports[port], ends[client], both, flow))
    return found


# -- paths ---------------------------------------------------------------------------------------------------


class Comparison:
    """One vantage of one case."""

    def __init__(self, folder, vantage, output):
        self.folder, self.vantage, self.output = folder, vantage, output
        self.account, self.capture = folder.account, folder.captures[vantage]
        lives = [life for mine in self.account.lives.values() for life in mine]
        self.delays = pairing.measure(lives, self.capture, vantage)
        slack = pairing.SLACK + max([*self.delays.out.values(), *self.delays.back.values()])
        self.owned, self.alone = pairing.pair_all(self.account, output, slack)
        self.subjects = subjects(output, self.owned, self.alone)
        self.result = Result(folder.name, vantage, len(output.flows))

    def view(self, lives, local, remote, rows, window, taken_over=None):
        """What the rules may look at; `window` is (first frame, last frame, begin, end) of this connection here."""
        side = lives[0].side if lives else "server"
        first, last, begin, end = window
        spare = 2 * self.delays.of(side) + JITTER
        far = self.folder.captures.get(side) if side != self.vantage else None
        return evidence.View(
            local=local, remote=remote, rows=rows, steps=[step for life in lives for step in life.steps],
            segments=[s for s in self.capture.of(local, remote) if first <= s.frame <= last],
            left_aside=self.account.left_aside(local, remote, lives),
            own=side == self.vantage, delay=self.delays.of(side), taken_over=taken_over,
            capture_first=self.capture.first, capture_last=self.capture.last, until=self.account.until,
            far=[s for s in far.of(local, remote) if begin - spare <= s.at <= end + spare] if far else None,
            drops=tuple(drop for drop in self.account.drops if {drop.src, drop.dst} == {local, remote}),
            no_bucket=self.account.counters.get(f"{side}.TcpExtTCPTimeWaitOverflow", 0) > 0,
            cookies=self.account.counters.get("server.TcpExtSyncookiesSent", 0) > 0)

    def window(self, flow):
        """The frames, and the times, of one of several connections on the same ports."""
        later = [one for one in self.output.flows if {one.client, one.server} == {flow.client, flow.server}
                 and one.first_frame > flow.first_frame]
        after = min(later, key=lambda one: one.first_frame) if later else None
        last = max(flow.last_frame, after.first_frame - 1) if after else float("inf")
        return flow.first_frame, last, flow.start, max(after.start, flow.last) if after else float("inf")

    def lacks_socket(self, flow):
        """Did this client, without a socket, open and then acknowledge to what is or should be a full socket?

        Scripts make SYNs, and resets, by hand, but no whole connections.
        """
        sent = [s for s in self.capture.of(flow.client, flow.server)
                if s.src == flow.client and flow.first_frame <= s.frame <= flow.last_frame and not s.icmp]
        peer = self.owned.get((flow.name, "server"), [])
        full = not peer or any(step.state == "ESTABLISHED" for life in peer for step in life.steps)
        acknowledged = any(s.has("A") and not s.has("S") and not s.has("R") for s in sent)
        return full and acknowledged and any(s.has("S") for s in sent)

    def compare_paths(self, clauses):
        for subject in self.subjects:
            if subject.flow is None:
                continue
            translated = any(clause.kind == "translated" and intent.means(clause.who, subject) for clause in clauses)
            for actor in ("client", "server"):
                lives = self.owned.get((subject.flow.name, actor), [])
                self.result.no_socket += not lives
                if not lives and actor == "client" and not translated and self.lacks_socket(subject.flow):
                    self.result.wrong.append(Wrong(f"{subject.name}/client", "it acknowledges, and the kernel's record "
                                                   "has no socket of it", (subject.flow.first_frame,)))
                scripted = any(clause.kind == "scripted" and intent.means(clause.who, subject) for clause in clauses)
                # Segments of a client without a socket were made by hand.
                if lives or (actor == "server" and not scripted):
                    self.compare_end(subject, actor, lives)
        for life in self.alone:
            self.compare_alone(life)
        for words in self.output.mismatches:
            self.result.wrong.append(Wrong(words.split(":")[0], words))

    def compare_end(self, subject, actor, lives):
        flow = subject.flow
        local, remote = flow.end(actor), flow.end("server" if actor == "client" else "client")
        taken_over = next((one.start for one in self.output.flows if one.columns["reuse_of"] == flow.name), None)
        view = self.view(lives, local, remote, flow.paths[actor], self.window(flow), taken_over)
        verdict = paths.compare(view)
        paths.check_dates(view, verdict)
        side = "client" if local == subject.client else "server"
        self.enter(f"{subject.name}/{side}", view, verdict,
                   bool(verdict.agreed or verdict.wrong or not verdict.excused))

    def compare_alone(self, life):
        """A life that no flow tells of: every step of it must be unknowable here."""
        view = self.view([life], life.local, life.remote, [], (0, float("inf"), life.start, life.end))
        begin, end = life.start - view.tolerance, life.end + view.tolerance
        view.segments = [s for s in view.segments if begin <= s.at <= end]
        verdict = paths.compare(view)
        client = life.local if life.side == "client" else life.remote
        self.enter(f"{client.rpartition(':')[2]}/{life.side}", view, verdict, bool(verdict.wrong))

    def enter(self, subject, view, verdict, comparable):
        self.result.compared += comparable
        self.result.equal += comparable and not verdict.wrong
        self.result.transitions += verdict.agreed
        for reason, words in verdict.excused:
            self.result.excused[reason] += 1
            self.result.notes.append(f"{subject}: {reason}: {words}")
        if verdict.wrong:
            self.result.wrong.append(Wrong(subject, "; ".join(verdict.wrong), tuple(verdict.frames), histories(view)))

    # -- findings ------------------------------------------------------------------------------------------

    def compare_intent(self, clauses, faults, severities):
        for fault in faults:
            self.result.wrong.append(Wrong("intent", fault))
        judged = intent.judge(clauses, self.subjects, self.output.listeners, self.vantage, severities)
        self.result.right, self.result.intended = judged.right, judged.intended
        self.result.pending, self.result.unasked = judged.pending, judged.unasked
        for subject, words, frames in judged.wrong:
            self.result.wrong.append(Wrong(subject, words, tuple(frames)))


def histories(view):
    """Both histories as lines, in seconds after the first of either."""
    origin = min([step.at for step in view.steps] + [row.at for row in view.rows], default=0.0)
    told = " ".join(f"{step.state}+{step.at - origin:.6f}" + (f"({step.how})" if step.how else "")
                    for step in view.steps)
    rows = " ".join(f"{row.state}+{row.at - origin:.6f}@{row.frame}" + ("" if row.confidence == "certain" else "?")
                    for row in view.rows)
    return (f"{view.local} > {view.remote}, seconds after {origin:.6f}, the tap explains {view.tolerance:.6f}",
            f"kernel:  {told or '(no socket)'}", f"program: {rows or '(nothing told)'}")


def run(folder, vantage, binary, severities):
    """The Result of one vantage."""
    try:
        output = program.read(binary, folder.files[vantage], vantage)
    except program.ProgramError as error:
        return Result(folder.name, vantage, wrong=[Wrong("program", str(error))])
    comparison = Comparison(folder, vantage, output)
    clauses, faults = folder.intent(severities)
    comparison.compare_paths(clauses)
    comparison.compare_intent(clauses, faults, severities)
    return comparison.result
