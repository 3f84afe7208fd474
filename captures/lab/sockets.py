# SPDX-License-Identifier: MIT
"""Every kernel socket of a recording on one line: the record that the mirror is held to.

    SIDE KIND LOCAL REMOTE START WORD+SECONDS ...

KIND socket    inet_sock_set_state, the states entered.  A passive child begins with SYN_RECV
               at the ACK that made it; what goes to TIME_WAIT, or to FIN_WAIT2 without an
               owner, ends in CLOSE here and goes on as a timewait line.
KIND request   the timer of a request: SYN_RECV when armed, `again` for each rung, then `gone`
               (a child, a reset, a closed listener) or `expired`.
KIND timewait  the timer of a time-wait mini-socket: FIN_WAIT2 or TIME_WAIT when armed, TIME_WAIT
               when that changes, `again` when the minute restarts, then `killed` or `expired`.

START is in epoch seconds on the capture's clock, what follows in seconds after it.  A line
without an end was alive when the recording ended.

The kernel stops a mini-socket's timer before it arms it anew, and before it runs it: so a
cancel that is followed at once by a start, or by its expiry, is no end.

One change has no event of its own: FIN_WAIT2 to TIME_WAIT inside a mini-socket, when the new
minute falls into the timer's old slot (it is then not armed anew).  It is read from the FIN:
a time-wait mini-socket takes it by freeing it for no particular reason (NOT_SPECIFIED, after
the ACK went out; tcp_v4_rcv, do_time_wait) and lives on.
"""

import account

AT_ONCE = 50e-6  # seconds between a timer's cancel and its start or expiry in one kernel function


class Line:
    """One socket: who, since when, and what happened."""

    def __init__(self, kind, local, remote, at, word):
        self.kind, self.local, self.remote, self.start = kind, local, remote, at
        self.words = [(at, word)]

    @property
    def state(self):
        return self.words[-1][1]

    def add(self, at, word):
        self.words.append((at, word))

    def text(self, side):
        steps = " ".join(f"{word}+{at - self.start:.6f}" for at, word in self.words)
        return f"{side} {self.kind} {self.local} {self.remote} {self.start:.6f} {steps}"


def full_sockets(events):
    """Lines of kind socket from (epoch, name, fields) of inet_sock_set_state."""
    lines, live = [], {}
    for at, name, fields in events:
        if name != "inet_sock_set_state":
            continue
        old, new = account.short(fields["oldstate"]), account.short(fields["newstate"])
        ends = account.ends(fields)
        mine = live.setdefault(ends, [])
        # A child and its listener share an address, never an old state; of two children the younger one yields.
        known = next((line for line in reversed(mine) if line.state == old), None)
        if (old, new) == ("LISTEN", "SYN_RECV") or known is None:
            known = Line("socket", *ends, at, new)
            lines.append(known)
            mine.append(known)
        else:
            known.add(at, new)
        if new == "CLOSE":
            mine.remove(known)
    return lines


class Timers:
    """Lines of kind request and timewait from the events of their timers."""

    def __init__(self, events):
        self.lines = []
        self._live = {}      # timer -> line
        self._stopped = {}   # timer -> instant of a cancel that nothing has explained yet
        for at, kind, timer, word, state, local, remote in events:
            getattr(self, "_" + word)(at, kind, timer, state, local, remote)
        for timer in list(self._stopped):
            self._end(timer)

    def _start(self, at, kind, timer, state, local, remote):
        stopped = self._stopped.get(timer)
        line = self._live.get(timer)
        rearmed = stopped is None or at - stopped < AT_ONCE
        if line and rearmed and (line.kind, line.local, line.remote) == (kind, local, remote):
            self._stopped.pop(timer, None)
            line.add(at, state if state != self._substate(line) else "again")
            return
        if line:
            self._end(timer)
        self._live[timer] = Line(kind, local, remote, at, state)
        self.lines.append(self._live[timer])

    def _cancel(self, at, _kind, timer, *_):
        if timer in self._live:
            self._stopped[timer] = at

    def _expire(self, at, _kind, timer, *_):
        # Runs now: a request may arm it anew (then _start takes this back), a time-wait mini-socket never does.
        if timer in self._live:
            self._stopped.pop(timer, None)
            self._live[timer].add(at, "expired")

    @staticmethod
    def _substate(line):
        return next((word for _, word in reversed(line.words) if word.isupper()), None)

    def _end(self, timer):
        line, at = self._live.pop(timer), self._stopped.pop(timer, None)
        if line.state != "expired" and at is not None:
            line.add(at, "gone" if line.kind == "request" else "killed")


def tidy(line):
    """A request's timer that ran and was armed anew is a rung, no end."""
    kept = []
    for index, (at, word) in enumerate(line.words):
        following = line.words[index + 1][1] if index + 1 < len(line.words) else None
        if word == "expired" and following == "again":
            continue
        kept.append((at, word))
    line.words = kept
    return line


def take_fins(lines, drops):
    """Enter TIME_WAIT where a FIN_WAIT2 mini-socket took its peer's FIN; see the head of this file."""
    fins = {}
    for at, reason, src, dst, flags in drops:
        if "F" in flags and reason == "NOT_SPECIFIED":
            fins.setdefault((dst, src), []).append(at)
    for line in lines:
        if line.kind != "timewait" or line.words[0][1] != "FIN_WAIT2":
            continue
        # A later FIN may have armed the timer: the first one made the change.
        known = next((at for at, word in line.words if word in ("TIME_WAIT", "killed", "expired")), float("inf"))
        taken = next((at for at in fins.get((line.local, line.remote), ()) if line.start < at < known - AT_ONCE), None)
        if taken:
            line.words = [(at, "again" if word == "TIME_WAIT" else word) for at, word in line.words]
            line.words.append((taken, "TIME_WAIT"))
            line.words.sort()
    return lines


def text(events, mini, drops, server_addresses, until):
    """The whole of sockets.txt."""
    timers = [tidy(line) for line in Timers(mini).lines]
    lines = full_sockets(events) + take_fins(timers, drops)
    yield "# side, kind, local end, remote end, epoch seconds of the first word; then each word with its seconds after that"
    for line in sorted(lines, key=lambda one: (one.start, one.kind)):
        side = "server" if line.local.rpartition(":")[0].strip("[]") in server_addresses else "client"
        yield line.text(side)
    yield f"# recorded until {until:.6f}"
