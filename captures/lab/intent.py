# SPDX-License-Identifier: MIT
"""What a scenario means: the finding that each of its connections must, may, or must not get.

A scenario knows what it did, and the kernel confirms it; neither knows our program.  So the
intent is written beside the capture (intent.txt) at recording time and the comparison test
(tests/lab) holds the program against it, at each vantage.

    WHO intend ID server=certain client=possible middle=-
    WHO also ID ID ...        true as well, never required
    WHO bystander             ordinary traffic: nothing above severity info
    WHO later ID              a phenomenon that has no finding of its own yet
    WHO translated            a router gave it this address: no kernel has the client's socket under it
    WHO scripted              a script sends what the server's end sends: no kernel has a socket of it

WHO is a client port (40001), its second connection (40001#2), a client's ADDR:PORT, every
connection of the case (*), a listener (listener:8080), a host (host:10.66.1.2), or the whole
capture (capture).  A level is the strongest
confidence which that vantage can honour; "-" says that it cannot be known there, so that
telling it would be a guess.
"""

LEVELS = ("certain", "probable", "possible", "-")
VANTAGES = ("server", "client", "middle")


class Intent:
    """Collects the lines of intent.txt in the order in which the scenario says them."""

    def __init__(self):
        self.lines = []

    def intend(self, who, finding, at=None, **levels):
        """`at` is the level at every vantage; server=, client= and middle= say it for one."""
        unknown = set(levels) - set(VANTAGES)
        assert not unknown, f"no such vantage: {unknown}"
        told = {vantage: levels.get(vantage) or at or "-" for vantage in VANTAGES}
        assert all(level in LEVELS for level in told.values()), f"no such confidence: {told}"
        self._each(who, f"intend {finding} " + " ".join(f"{v}={level}" for v, level in told.items()))

    def also(self, who, *findings):
        self._each(who, "also " + " ".join(findings))

    def bystander(self, who):
        self._each(who, "bystander")

    def scripted(self, who):
        self._each(who, "scripted")

    def translated(self, who):
        self._each(who, "translated")

    def later(self, who, finding):
        self._each(who, f"later {finding}")

    def _each(self, who, text):
        for one in who if isinstance(who, (list, tuple, set, range)) else (who,):
            self.lines.append(f"{one} {text}")

    def text(self):
        yield "# who, what this scenario means by it, and the strongest confidence a capture can honour at each vantage"
        yield from self.lines
