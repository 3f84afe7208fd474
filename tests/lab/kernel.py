# SPDX-License-Identifier: MIT
"""What the kernel did: sockets.txt and kernel.txt of a case, as one history per endpoint.

A connection spends part of its life in no full socket, so its history is put together from
up to three kinds of kernel object:

    request            full socket                        time-wait mini-socket
    SYN_RECV      -->  (SYN_RECV) ESTABLISHED ... CLOSE   FIN_WAIT2, TIME_WAIT  --> gone

Mapping, the same as told in docs/agreement.md:
  * The request's SYN_RECV is the server's.  The child's own SYN_RECV, entered at the ACK that
    made the child, is then dropped.  Without a request (SYN cookie, fast open) the child's is
    the first one; its time is not compared, for the wire shows SYN_RECV from the SYN on.
  * CLOSE of a full socket together with a new mini-socket of the same ends is not CLOSED but
    what that mini-socket stands for: FIN_WAIT2 or TIME_WAIT.
  * A request that goes without a child is CLOSED (the listener's own state is no endpoint's).
  * Two children of one request, made at once by two processors: the one that closes at once
    without ever being ESTABLISHED is no endpoint.
  * A client whose kernel chooses the port enters SYN_SENT before it has one: that beginning, noted
    under port 0, is put before the first socket of the same addresses that has none of its own.
  * A FIN that carries the ACK moves FIN_WAIT1, FIN_WAIT2, TIME_WAIT with no time between, in the
    kernel as in the program.
"""

import dataclasses
import re

SOON = 0.005  # seconds within which two records of one instant lie
RACE = 0.002  # a child that lost the race for its request is closed within this


@dataclasses.dataclass(frozen=True)
class Step:
    """The endpoint entered `state` at `at` (epoch seconds)."""

    state: str
    at: float
    how: str = ""  # of an end: close, gone, expired, killed
    timed: bool = True  # False: the instant is not the one which the wire shows


@dataclasses.dataclass
class Life:
    """One endpoint in one connection."""

    side: str  # server or client: the namespace of its kernel, and so the tap next to it
    local: str
    remote: str
    steps: list
    by_request: bool = False
    repeated: bool = False  # the request sent its SYN+ACK again

    @property
    def start(self):
        return self.steps[0].at

    @property
    def end(self):
        """When it was over; far in the future while it lived on."""
        return self.steps[-1].at if self.steps[-1].state == "CLOSED" else float("inf")

    def state_at(self, at):
        state = None
        for step in self.steps:
            if step.at <= at:
                state = step.state
        return state


@dataclasses.dataclass
class Line:
    """One line of sockets.txt."""

    side: str
    kind: str
    local: str
    remote: str
    start: float
    words: list  # (word, epoch)

    @property
    def names(self):
        return [word for word, _ in self.words]


@dataclasses.dataclass(frozen=True)
class Drop:
    """A segment that was thrown away: by the wire, or inside a kernel (then seq, ack and length are not known)."""

    at: float
    src: str
    dst: str
    flags: str
    numbers: tuple = None  # (seq, ack, length)


@dataclasses.dataclass
class Account:
    """All that the kernels of one case told."""

    lives: dict  # (local, remote) -> [Life], oldest first
    until: float = float("inf")
    drops: list = dataclasses.field(default_factory=list)
    counters: dict = dataclasses.field(default_factory=dict)  # "server.TcpExtSyncookiesSent" -> number
    overflowed: set = dataclasses.field(default_factory=set)  # {end, end} whose ACK found the accept queue full

    def left_aside(self, local, remote, lives):
        """Did the server's kernel leave ACKs of handshakes aside: of this connection, or, by its counters, of some?"""
        counted = ("TcpExtListenOverflows", "TcpExtTCPDeferAcceptDrop")
        return (any(self.counters.get(f"server.{name}", 0) > 0 for name in counted)
                or frozenset((local, remote)) in self.overflowed or any(life.repeated for life in lives))


# -- sockets.txt ---------------------------------------------------------------------------------------


def parse_line(text):
    side, kind, local, remote, start, *words = text.split()
    if kind not in ("socket", "request", "timewait") or not words:
        raise ValueError(f"not a line of sockets.txt: {text}")
    start = float(start)
    pairs = (word.rsplit("+", 1) for word in words)
    return Line(side, kind, local, remote, start, [(name, start + float(after)) for name, after in pairs])


def socket_steps(line):
    return [Step("CLOSED", at, "close") if word == "CLOSE" else Step(word, at) for word, at in line.words]


def request_life(line):
    steps = [Step("SYN_RECV", line.start)]
    last, at = line.words[-1]
    if last in ("gone", "expired"):
        steps.append(Step("CLOSED", at, last))
    return Life(line.side, line.local, line.remote, steps, by_request=True, repeated="again" in line.names)


def timewait_steps(line):
    steps = [Step(word, at) for word, at in line.words if word in ("FIN_WAIT2", "TIME_WAIT")]
    last, at = line.words[-1]
    if last in ("expired", "killed"):
        steps.append(Step("CLOSED", at, last))
    return steps


def lost_the_race(line, others):
    """Is this child the second one of a request, closed at once because the first had been entered already?"""
    if line.names != ["SYN_RECV", "CLOSE"] or line.words[-1][1] - line.start > RACE:
        return False
    return any(other is not line and "ESTABLISHED" in other.names and abs(other.start - line.start) <= RACE
               for other in others)


def take_request(child, requests):
    """The life of the request that this child came from, taken out of `requests`; None without one."""
    for life in requests:
        if life.start <= child.start + RACE and child.start - RACE <= life.end:
            requests.remove(life)
            return life
    return None


def child_life(line, requests):
    life = take_request(line, requests)
    steps = socket_steps(line)
    if life is None:
        steps[0] = dataclasses.replace(steps[0], timed=False)
        return Life(line.side, line.local, line.remote, steps)
    return Life(line.side, line.local, line.remote, life.steps[:1] + steps[1:], by_request=True,
                repeated=life.repeated)


def append_timewait(line, lives):
    """Put a time-wait mini-socket behind the socket that it took over from."""
    steps = timewait_steps(line)
    for life in lives:
        last = life.steps[-1]
        if last.state == "CLOSED" and last.how == "close" and abs(last.at - line.start) <= SOON:
            life.steps.pop()
            if life.steps and life.steps[-1].state == steps[0].state:
                steps = steps[1:]
            life.steps += steps
            return
    if steps:
        lives.append(Life(line.side, line.local, line.remote, steps))


def assemble(lines):
    """The lives of one endpoint, oldest first."""
    sockets = [line for line in lines if line.kind == "socket"]
    children = [line for line in sockets if line.names[0] == "SYN_RECV"]
    requests = [request_life(line) for line in lines if line.kind == "request"]
    lives = [child_life(line, requests) for line in children if not lost_the_race(line, children)]
    lives += [Life(line.side, line.local, line.remote, socket_steps(line)) for line in sockets if line not in children]
    lives += requests
    lives.sort(key=lambda life: life.start)
    for line in lines:
        if line.kind == "timewait":
            append_timewait(line, lives)
    return sorted(lives, key=lambda life: life.start)


def give_ports(lines):
    """Put the beginnings noted under port 0 before the sockets whose beginning they are."""
    portless = [line for line in lines if line.local.endswith(":0") and line.kind == "socket"]
    kept = [line for line in lines if line not in portless]
    for early in portless:
        address = early.local.rpartition(":")[0]
        for line in kept:
            same = (line.local.rpartition(":")[0], line.remote) == (address, early.remote)
            begun = line.kind != "socket" or line.names[0] in ("SYN_SENT", "SYN_RECV")
            if same and line.start >= early.start and not begun:
                line.words[:0] = early.words
                line.start = early.start
                break
    return kept


def is_listener(line):
    return line.remote in ("0.0.0.0:0", "[::]:0")


def check_until(until, lines):
    """A record that does not say when it ended, or goes on after that, has been cut or changed."""
    if until is None:
        raise ValueError("sockets.txt is cut: its last line '# recorded until EPOCH' is missing")
    last = max((at for line in lines for _, at in line.words), default=until)
    if last > until:
        raise ValueError(f"sockets.txt was recorded until {until:.6f} and tells of {last:.6f}")


def read_sockets(text):
    """({(local, remote): [Life]}, epoch until which was recorded)"""
    grouped, until, lines = {}, None, []
    for row in text.splitlines():
        match = re.match(r"# recorded until (\d+\.\d+)", row)
        if match:
            until = float(match[1])
        if row.strip() and not row.startswith("#"):
            lines.append(parse_line(row))
    check_until(until, lines)
    lines.sort(key=lambda line: line.start)
    for line in give_ports([line for line in lines if not is_listener(line)]):
        grouped.setdefault((line.local, line.remote), []).append(line)
    return {key: assemble(mine) for key, mine in grouped.items()}, until


# -- kernel.txt ----------------------------------------------------------------------------------------

WIRE_DROP = re.compile(r"^(\d+\.\d+) the (?:server's )?wire dropped: "
                       r"(\S+) > (\S+) (\S+) seq (\d+) ack (\d+) len (\d+)$")
HEADER = re.compile(r"Linux \S+: its account of \S+\n")
OVERFLOW = "TCP_LISTEN_OVERFLOW"  # the reason for an ACK that found the accept queue full
FILTERED = "NETFILTER_DROP"  # the reason of skb:kfree_skb that keeps a segment from the TCP it was meant for


def plain(end):
    """ADDR:PORT as the relay's log writes it, in the form of sockets.txt."""
    address, _, port = end.rpartition(":")
    return f"[{address}]:{port}" if ":" in address and not address.startswith("[") else end


def sections(text):
    """(title, line) of each line below a [title]."""
    title = ""
    for row in text.splitlines():
        if row.startswith("["):
            title = row[1:].partition("]")[0]
        else:
            yield title, row


def read_kernel(text, account):
    """Add counters and drops of kernel.txt to the account."""
    if not HEADER.match(text):
        raise ValueError("kernel.txt does not begin with 'Linux RELEASE: its account of CASE'")
    for title, row in sections(text):
        if title.startswith("counters of the "):
            name, _, number = row.partition(" ")
            account.counters[f"{title.rpartition(' ')[2]}.{name}"] = int(number)
        elif title == "truth" and (match := WIRE_DROP.match(row)):
            numbers = tuple(int(match[i]) for i in (5, 6, 7))
            account.drops.append(Drop(float(match[1]), plain(match[2]), plain(match[3]), match[4], numbers))
        elif title == "drops" and row.endswith(" " + FILTERED):
            at, src, dst, flags, _ = row.split()
            account.drops.append(Drop(float(at), src, dst, flags))
        elif title == "drops" and row.endswith(" " + OVERFLOW):
            account.overflowed.add(frozenset(row.split()[1:3]))
        elif title == "events" and (match := re.match(r"\d+\.\d+ ", row)) and float(match[0]) > account.until:
            raise ValueError(f"sockets.txt was recorded until {account.until:.6f}, kernel.txt tells of {match[0]}")


def check_children(account):
    """The server's children without a request are no more than SYN cookies and fast opens that its kernel counted."""
    without = sum(life.side == "server" and life.steps[0].state == "SYN_RECV" and not life.by_request
                  for mine in account.lives.values() for life in mine)
    counted = sum(account.counters.get(f"server.TcpExt{name}", 0) for name in ("SyncookiesRecv", "TCPFastOpenPassive"))
    if without > counted:
        raise ValueError(f"sockets.txt is cut: {without} children without a request, the server's kernel counted "
                         f"{counted} (SYN cookies, fast open)")


def read_account(folder):
    """The account of a case folder."""
    with open(f"{folder}/sockets.txt", encoding="utf-8") as file:
        lives, until = read_sockets(file.read())
    account = Account(lives, until)
    with open(f"{folder}/kernel.txt", encoding="utf-8") as file:
        read_kernel(file.read(), account)
    check_children(account)
    return account
