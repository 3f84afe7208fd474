# SPDX-License-Identifier: MIT
"""The table of scenarios.

A scenario is one short function with one sentence: the sentence becomes line 1 of the
case's story, the docstring its details, and `says` what the KERNEL must have counted for
the recording to be kept.  A capture that does not show its story is worse than none, so
a recording whose counters disagree is thrown away.
"""

import dataclasses
import operator

COMPARISONS = {"==": operator.eq, ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}

TABLE = {}  # name -> Case, in the order of definition


@dataclasses.dataclass(frozen=True)
class Case:
    """One scenario: what it is called, what it says, and how its bench and its recording look."""

    name: str
    sentence: str
    play: object  # the function: play(bench)
    says: dict  # "server.TcpExtListenOverflows" -> "> 0"
    bench: dict  # keywords of bench.Bench
    sysctls: tuple  # settings worth writing down
    limit: int = 60  # seconds of real time, at most
    snaplen: int = 120
    nanoseconds: bool = True
    client_view: bool = False  # record client.pcap too
    middle_view: bool = False  # and middle.pcap, at the router's side towards the client
    router_view: bool = False  # and router.pcap, on all devices of the router at once
    tap: str = ""  # another device for the server's capture, such as any
    capture_filter: str = ""  # of the server's capture, instead of the usual one
    windowed: bool = False  # play() says when the captures begin and end
    alone: bool = False  # it touches limits of the whole host: nothing else may run
    linger: float = 0.3  # seconds the capture goes on after the last step

    @property
    def details(self):
        return " ".join((self.play.__doc__ or "").split())


def case(name, sentence, says, sysctls=(), bench=None, **options):
    """Put the decorated function into the table."""
    def enter(play):
        TABLE[name] = Case(name, sentence, play, says, bench or {}, tuple(sysctls), **options)
        return play
    return enter


def verify(says, counters):
    """The lines of `says` that the counters contradict."""
    wrong = []
    for key, wish in says.items():
        side, _, name = key.partition(".")
        sign, _, number = wish.partition(" ")
        seen = counters[side].get(name, 0)
        if not COMPARISONS[sign](seen, int(number)):
            wrong.append(f"{key} is {seen}, the story needs {wish}")
    return wrong
