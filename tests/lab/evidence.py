# SPDX-License-Identifier: MIT
"""What the captures say about one endpoint: which segments passed, which arrived, what they prove.

Rules ask these questions; none of them knows what the program told.
"""

import dataclasses

CLOSE_BY = 0.005  # seconds by which kernel and capture may differ at the endpoint's own tap
SENDING = {"SYN_SENT": "S", "FIN_WAIT1": "F", "LAST_ACK": "F"}  # states entered by sending


@dataclasses.dataclass
class View:
    """One endpoint of one flow, and all that a rule may look at."""

    local: str
    remote: str
    steps: list  # the kernel's
    rows: list  # the program's
    segments: list  # of this connection, in this capture
    own: bool  # the tap is the endpoint's own
    delay: float  # seconds between the endpoint and this tap
    capture_first: float
    capture_last: float
    until: float = float("inf")  # when the kernel's record ended
    far: list = None  # segments of this connection at the endpoint's own tap; None without that capture
    drops: tuple = ()  # kernel.Drop of this connection
    cookies: bool = False  # the server's kernel sent SYN cookies in this case
    no_bucket: bool = False  # the endpoint's kernel had no room for all TIME_WAITs of this case
    left_aside: bool = False  # the server's kernel left ACKs aside (kernel.Account.left_aside)
    taken_over: float = None  # when the next connection of the same ports began, by the program

    @property
    def tolerance(self):
        return CLOSE_BY + self.delay

    def segment(self, frame):
        return next((s for s in self.segments if s.frame == frame), None)

    def near(self, segment, at, segments):
        return abs(segment.at - at) <= (CLOSE_BY if segments is self.home else self.tolerance)

    @property
    def one_way(self):
        """Does the capture hold one direction only?"""
        return len({s.src for s in self.segments if not s.icmp}) == 1

    @property
    def home(self):
        """The segments as the endpoint's own tap saw them, where that is known."""
        return self.segments if self.own else self.far


def fin_ends(view):
    """Acknowledgment numbers that cover a FIN of the endpoint, from every capture at hand."""
    return {s.end for s in [*view.segments, *(view.far or ())] if s.src == view.local and s.has("F")}


def could_cause(view, segment, before, state):
    """Could this segment have moved the endpoint from `before` to `state`?"""
    own = segment.src == view.local
    if segment.icmp:
        return state == "CLOSED" and before == "SYN_SENT"
    if state in SENDING:
        return own and sends(segment, state)
    if state == "CLOSED" and segment.has("R"):
        return True
    if own:
        return False
    if state == "SYN_RECV":
        return segment.has("S")
    if state == "ESTABLISHED":
        return segment.has("SA") if before == "SYN_SENT" else segment.has("A")
    if state in ("CLOSE_WAIT", "CLOSING") or (state, before) == ("TIME_WAIT", "FIN_WAIT2"):
        return segment.has("F") or segment.length > 0  # data that fills the hole before a FIN
    if (state, before) == ("CLOSED", "LAST_ACK") or state in ("FIN_WAIT2", "TIME_WAIT"):
        return segment.has("A") and segment.ack in fin_ends(view)
    return False


def sends(segment, state):
    """Is this the kind of segment whose sending enters the state?  (A SYN+ACK enters none: SYN_RECV was before it.)"""
    return segment.has(SENDING[state]) and not (state == "SYN_SENT" and segment.has("A"))


def cause(view, segments, before, step):
    """A segment near the step's time that could have made it; None if there is none."""
    return next((s for s in segments if view.near(s, step.at, segments) and could_cause(view, s, before, step.state)),
                None)


def first_own_fin(view, segments):
    return next((s for s in segments if s.src == view.local and s.has("F")), None)


def first_sent(view, state):
    """The endpoint's first segment here of the kind whose sending enters this state."""
    return next((s for s in view.segments if s.src == view.local and not s.icmp and sends(s, state)), None)


def proved_later(view, before, step):
    """A segment of the endpoint itself, in this capture and after the step, that only this state could send."""
    peer_fins = {s.end for s in [*view.segments, *(view.far or ())] if s.src == view.remote and s.has("F")}
    for s in view.segments:
        if s.src != view.local or s.icmp or s.at < step.at - view.tolerance or s.has("R"):
            continue
        if step.state == "ESTABLISHED" and s.has("A") and not s.has("S"):
            return s
        if step.state in SENDING and could_cause(view, s, before, step.state):
            return s
        if step.state in ("CLOSE_WAIT", "CLOSING", "TIME_WAIT") and s.has("A") and s.ack in peer_fins:
            return s
    return None


def dropped(view, segment):
    """Did the wire, or a filter of the receiving host, lose this segment after it had passed the tap?"""
    for drop in view.drops:
        same = (drop.src, drop.dst, drop.flags) == (segment.src, segment.dst, segment.flags)
        if drop.numbers is not None:
            same = same and drop.numbers == (segment.seq, segment.ack, segment.length)
        if same and -0.001 <= drop.at - segment.at <= view.tolerance:
            return True
    return False


def lost_behind(view, frame):
    """Was the segment of this frame, meant for the endpoint, lost between the tap and the endpoint's TCP?"""
    segment = view.segment(frame)
    if segment is None or segment.icmp or segment.src == view.local:
        return False
    if dropped(view, segment):
        return True
    if view.own or view.far is None:
        return False
    return not arrivals(view, frame)


def arrivals(view, frame):
    """When the segment of this frame came to, or left, the endpoint's own tap; empty where that is not known."""
    segment = view.segment(frame)
    if segment is None or view.own or view.far is None:
        return []
    apart = view.tolerance + (1 if segment.distinct else CLOSE_BY)  # a copy sent again must not be taken for this one
    return [s.at for s in view.far if s.identity == segment.identity and abs(s.at - segment.at) <= apart]


def overtaken(view, frame, step):
    """Behind the tap, did this frame change places with another, and the endpoint move when that other one came?"""
    own = arrivals(view, frame)
    for s in view.segments:
        if own and s.frame != frame and s.src == view.remote:
            moved = [at for at in arrivals(view, s.frame) if abs(at - step.at) <= CLOSE_BY]
            if moved and (s.frame < frame) == (min(moved) > min(own)):
                return True
    return False


def forged(view, frame):
    """(Was this segment sent in the endpoint's name by somebody else?  Is its TTL within one of the endpoint's own?)"""
    segment = view.segment(frame)
    if segment is None or segment.icmp or segment.src != view.local or view.own or view.far is None:
        return False, False
    own = [s.ttl for s in view.segments if s.src == view.local and s.frame != frame and arrivals(view, s.frame)]
    return not arrivals(view, frame), any(abs(ttl - segment.ttl) <= 1 for ttl in own)


def child_after_record(view):
    """Was the server's end a request until the kernel's record ended, and does it speak as a full socket after that?"""
    waiting = bool(view.steps) and view.steps[-1].state == "SYN_RECV"
    return waiting and any(s.src == view.local and not s.has("S") and s.at > view.until for s in view.segments)


def silent_child(view, at):
    """Did the server make its child by an ACK like those that it had refused before, and send nothing afterwards?"""
    acks = [s.frame for s in view.segments if s.src == view.remote and s.has("A") and not s.has("S")]
    repeats = [s.frame for s in view.segments if s.src == view.local and s.has("SA")]
    refused = bool(acks and repeats and max(repeats) > min(acks))
    return refused and not any(s.src == view.local and s.at >= at - view.tolerance and not s.has("SA")
                               for s in view.segments)


def nothing_shows(view, frame, at):
    """Is this frame an ACK that a kernel may have left aside, and was there, until that time, behind it nothing of the
    endpoint, and no payload to be answered?"""
    ack = view.segment(frame)
    if not view.left_aside or ack is None or ack.src != view.remote or not ack.has("A") or ack.has("S"):
        return False
    between = [s for s in view.segments if s.frame > frame and s.at < at - view.tolerance and not s.icmp]
    return not any(s.src == view.local or view.own and (s.length or s.has("F")) for s in between)


def later_copy(view, step, frame):
    """Is this frame a repeat, and nothing here says that the endpoint had an earlier copy: no answer, and no D-SACK?"""
    used = view.segment(frame)
    if used is None or used.src != view.remote:
        return False
    first = [s for s in view.segments if s.src == view.remote and s.frame < frame and s.at <= step.at + view.tolerance
             and (s.seq, s.length, s.flags) == (used.seq, used.length, used.flags) and s.end != s.seq]
    mine = [s for s in view.segments if s.src == view.local and not s.icmp and s.at >= step.at - view.tolerance]
    between = [s for s in mine if s.frame < frame and s.has("A") and s.ack == used.end]
    answered = next((s for s in mine if s.frame > frame), None)
    return bool(first) and not between and not (answered and answered.dsack)


def answered_syn(view):
    return any(s.src == view.local and s.has("SA") for s in view.segments)


def sent_after(view, frame):
    return any(s.frame > frame and s.src == view.local and not s.icmp for s in view.segments)


def proves_close_wait(view):
    """Does the endpoint acknowledge the peer's FIN without having sent its own?"""
    peer_fins = {s.end for s in view.segments if s.src == view.remote and s.has("F")}
    return any(s.src == view.local and s.has("A") and s.ack in peer_fins for s in view.segments)
