#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same truth in other clothes is told alike: metamorphic tests over all captures.

    meta.py CAPTURES PROGRAM [CASE...] [--all] [--thin N] [--clothes WORDS]

Each capture of the cases is changed as clothes.py says, in ways that leave what happened as it was; flows,
events and listeners of both have to be equal but for the columns that these clothes cost.  Of a part of a
capture nothing may be told for certain that the whole one contradicts.  known.txt lists the known gaps.  TAP.
"""

import fnmatch
import glob
import multiprocessing
import os
import sys
import typing

sys.dont_write_bytecode = True  # no litter in the source tree

import laboratory  # noqa: F401,E402
import clothes  # noqa: E402
import commandline  # noqa: E402
import merging  # noqa: E402
import pcapfile  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import tables  # noqa: E402
import weaker  # noqa: E402

LINES = 12  # of differences of one capture that are printed
TOGETHER = 10  # captures in one file
INTERLEAVED = "ten in one file"
OTHERS = {"": {"tcp_stream"}, "flows": {"community_id"}, "listeners": {"backlog_min", "backlog_max", "backlog_basis"}}
KNOWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.txt")


class Known(typing.NamedTuple):
    """A gap that is known: these clothes do not fit these captures yet."""

    clothes: str
    captures: str  # a pattern, as in file names
    reason: str


def read_known(path):
    """Lines `CLOTHES | CAPTURES | REASON`; # begins a comment line."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [Known(*(part.strip() for part in line.split("|", 2))) for line in lines if line and line[0] != "#"]


class Tap(report.Tap):
    """Test points; known gaps are points of their own, that fail once they are met."""

    def known(self, met, words, reason):
        self.number += 1
        self.failed += met
        print(f"{'ok' if met else 'not ok'} {self.number} - {words} # TODO {reason}")


# -- comparing -----------------------------------------------------------------------------------------------


class Wardrobe:
    """Tries clothes on the captures of one folder."""

    def __init__(self, folder, binary, thin, words):
        self.folder, self.binary, self.thin = folder, binary, thin
        self.clothes = [one for one in clothes.ALL if words in one.name]
        severities = program.findings(binary)
        self.compare = {"": tables.compare, clothes.CUT: weaker.contradictions(severities),
                        clothes.LOST: weaker.contradictions(severities, lossy=True)}

    def told(self, data, options=()):
        return tables.tables_of(self.binary, data, options)

    def differences(self, one, plain, clothed, way):
        """What is not alike."""
        found = [difference for difference in self.compare[one.part](plain, clothed, way, one.free)
                 if not one.without.intersection(difference.row)]
        pages = tables.other_pages(plain, clothed) if one.page else ()
        return [*found, *pages, *tables.unsaid(clothed["flows"], one.says)]

    def try_on(self, name):
        """{clothes: [differences]} of one capture."""
        capture, plains, results = pcapfile.read(os.path.join(self.folder, name)), {}, {}
        for one in self.clothes:
            dressed = clothes.chosen(one, name, self.thin) and one.dress(capture)
            if not dressed:
                continue
            plain, clothed, way = dressed
            key = (pcapfile.pcap(plain), one.options)
            try:
                if key not in plains:
                    plains[key] = self.told(*key)
                told = self.told(one.write(clothed), one.options)
                results[one.name] = self.differences(one, plains[key], told, way)
            except tables.Failed as error:
                results[one.name] = [error]
        return results

    def try_together(self, names):
        """{capture: [differences]} of several captures in one file."""
        members, merged = merging.interleaved([pcapfile.read(os.path.join(self.folder, name)) for name in names])
        clothed = self.told(pcapfile.pcap(merged))
        return {name: list(tables.compare(self.told(pcapfile.pcap(plain)), clothed, way, OTHERS))
                for name, (plain, way) in zip(names, members)}


def work(job):
    """One job of a process of the pool."""
    kind, what = job
    return getattr(WARDROBE, kind)(what)


WARDROBE = None  # of this process, which the processes of the pool inherit


# -- which ---------------------------------------------------------------------------------------------------


def captures_of(folder, cases):
    """Names of all pcap files of the cases."""
    found = sorted(os.path.relpath(path, folder) for path in glob.glob(os.path.join(folder, "*", "*", "*.pcap")))
    return [name for name in found if not name.startswith("lab") and (not cases or os.path.dirname(name) in cases)]


def groups_of(folder, names, thin):
    """Captures that go together into one file: one of each case."""
    good = [name for name in names if os.path.basename(name) == "capture.pcap"
            and merging.comes_apart(pcapfile.read(os.path.join(folder, name)))]
    count = max(1, len(good) // TOGETHER)
    return [good[first::count] for first in range(count)][::thin]


# -- telling -------------------------------------------------------------------------------------------------


def tell(tap, name, results, known):
    """The points of one transformation: `results` is {capture: [differences]}."""
    mine = [gap for gap in known if gap.clothes == name]
    bad = {capture: found for capture, found in results.items() if found}
    unknown = {capture: found for capture, found in bad.items()
               if not any(fnmatch.fnmatch(capture, gap.captures) for gap in mine)}
    lines = []
    for capture, found in unknown.items():
        lines += [f"{capture}: {difference}" for difference in found[:LINES]]
        if len(found) > LINES:
            lines.append(f"{capture}: and {len(found) - LINES} more")
    tap.point(not unknown, f"{name}: {len(results) - len(bad)} of {len(results)} captures told alike", lines)
    for gap in mine:
        seen = [capture for capture in results if fnmatch.fnmatch(capture, gap.captures)]
        if seen:
            tap.known(not any(capture in bad for capture in seen), f"{name}: {gap.captures}", gap.reason)


def arguments_of(arguments):
    parser = commandline.parser(__doc__.partition("\n\n")[0])
    parser.add_argument("--all", action="store_true", help="every capture in all clothes")
    parser.add_argument("--thin", type=int, default=1, metavar="N",
                        help="only one in N of the captures that are chosen by name")
    parser.add_argument("--clothes", default="", metavar="WORDS", help="only clothes whose name contains this")
    return parser.parse_args(arguments)


def main(arguments=None):
    global WARDROBE  # pylint: disable=global-statement
    options = arguments_of(arguments)
    if options.all:
        clothes.ALL = tuple(one._replace(every=1) for one in clothes.ALL)
    WARDROBE = Wardrobe(options.captures, os.path.abspath(options.program), options.thin, options.clothes)
    names = captures_of(options.captures, options.case)
    groups = groups_of(options.captures, names, options.thin) if options.clothes in INTERLEAVED else []
    jobs = [("try_together", group) for group in groups] + [("try_on", name) for name in names]
    results, tap, known = {one.name: {} for one in WARDROBE.clothes}, Tap(), read_known(KNOWN)
    if groups:
        results[INTERLEAVED] = {}
    with multiprocessing.Pool(2) as pool:
        for (kind, what), found in zip(jobs, pool.imap(work, jobs)):
            if kind == "try_together":
                results[INTERLEAVED].update(found)
            else:
                for one, differences in found.items():
                    results[one][what] = differences
    for name, found in results.items():
        tell(tap, name, found, known)
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
