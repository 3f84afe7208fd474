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
    number: int  # third byte of its addresses
    says: dict  # "server.TcpExtListenOverflows" -> "> 0"
    bench: dict  # keywords of bench.Bench
    sysctls: tuple  # settings worth writing down
    limit: int = 60  # seconds of real time, at most
    snaplen: int = 120
    nanoseconds: bool = True
    client_view: bool = False  # record client.pcap too
    linger: float = 0.3  # seconds the capture goes on after the last step

    @property
    def details(self):
        return " ".join((self.play.__doc__ or "").split())


def case(name, sentence, says, sysctls=(), bench=None, **options):
    """Put the decorated function into the table."""
    def enter(play):
        # Numbers follow the table: recording the same scenario twice at the same time is refused by the recorder.
        TABLE[name] = Case(name, sentence, play, len(TABLE) + 1, says, bench or {}, tuple(sysctls), **options)
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
