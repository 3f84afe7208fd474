#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures that were read apart, as parts or as shares of one, are told as one session tells them, byte for byte. TAP.

    parts.py PARTS GENERATE CAPTURES [--every N] [--packets N] [--races]

PARTS is tests/tools/parts_main.c. Every N-th capture of the tree, the captures that jobs.py makes, and these in any order
are told in items of one, two or three captures: by one session, and by one that takes in parts, of which each item is one, two
or seven, read with another number of threads; also with the least memory, and with keys that tell VLANs and tunnels apart. A capture
that is listed twice over stands in two parts.

--races, for a program that watches for data races: only once of each that is made, with several threads, and nothing is compared.
"""

import argparse
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import jobs  # beside this one

WAYS = ([], ["memory=1M"], ["key=vlan"])
SHARES = (1, 2, 7)
AT_ONCE = (1, 3, 2)  # captures of an item


def run(program, *words):
    done = subprocess.run([program, *words], capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


def items_of(paths):
    """The captures in items of one, two or three, as far as they go."""
    at = number = 0
    while at < len(paths):
        many = AT_ONCE[number % len(AT_ONCE)]
        yield paths[at:at + many]
        at += many
        number += 1


def saved(program, folder, item, number, shares, way):
    """Parts of an item, the last share first; what went wrong instead."""
    names = []
    for share in range(shares, 0, -1):
        name = os.path.join(folder, f"{number}-{share}-of-{shares}.part")
        threads = "jobs=3" if (number + share) % 2 else "jobs=1"
        shard = [] if shares == 1 and number % 2 else [f"shard={share}/{shares}"]
        done = run(program, "save", name, f"item {number}", threads, *shard, *way, "--", *item)
        if done[0]:
            return None, done
        names.append(name)
    return ",".join(names), None


def differing(program, folder, items, shares, way):
    """None: told alike; else words."""
    plain = run(program, "plain", *way, "jobs=1", "--", *(path for item in items for path in item))
    parts = []
    for number, item in enumerate(items):
        names, failed = saved(program, folder, item, number, shares, way)
        if failed:
            return f"save: {failed}"
        parts.append(names)
    merged = run(program, "merge", *way, "jobs=2" if shares == 2 else "jobs=1", "--", *parts)
    for names in parts:
        for name in names.split(","):
            os.unlink(name)
    if plain[0] or not plain[1]:
        return f"plain: {plain}"
    if merged == plain:
        return None
    one, other = plain[1].splitlines(), merged[1].splitlines()
    for number, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return f"line {number}: {a!r} is not {b!r}"
    return f"{len(one)} lines are not {len(other)}; {merged[0]} {merged[2]!r}"


def racing(program, folder, path):
    """None: saved in two shares and told by several threads without a race; else words."""
    names = [os.path.join(folder, f"{share}.part") for share in (1, 2)]
    steps = [["save", name, "shares", "jobs=3", f"shard={share}/2", "--", path] for share, name in enumerate(names, 1)]
    for step in (*steps, ["merge", "jobs=2", "--", ",".join(names)]):
        status, out, err = run(program, *step)
        if status or (step[0] == "merge" and not out):
            return f"{step[0]}: status {status}\n{err.decode(errors='replace')}".replace("\n", "\n# ")
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("generate")
    parser.add_argument("captures")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--packets", type=int, default=40_000, help="of the longest capture that is made")
    parser.add_argument("--races", action="store_true")
    args = parser.parse_args()
    failed = count = 0

    def say(wrong, words):
        nonlocal failed, count
        count += 1
        failed += bool(wrong)
        print(f"{'not ' if wrong else ''}ok {count} - {words}", flush=True)
        if wrong:
            print("#", wrong[:6000])

    def tell(name, folder, items, shares, way):
        wrong = differing(args.program, folder, items, shares, way)
        say(wrong, f"{name}, {shares} shares, {' '.join(way) or 'as usual'}")

    with tempfile.TemporaryDirectory() as folder:
        made = list(jobs.made(args.generate, folder, args.packets))
        if args.races:
            for name, path in made:
                say(racing(args.program, folder, path), f"{name}, no race")
            made = []  # and nothing is compared
        for name, path in made:
            for way in WAYS:
                for shares in SHARES:
                    tell(name, folder, [[path]], shares, way)
            for shown in jobs.disordered(path, folder):
                tell(name + " disordered", folder, [[shown], [path]], 7, [])
        some = [path for _, path in jobs.captures_of(args.captures, args.every)] if made else []
        for at in range(0, len(some), 6):
            items = list(items_of(some[at:at + 6]))
            for number, way in enumerate(WAYS):
                shares = SHARES[(at // 6 + number) % 3]
                tell(f"{os.path.relpath(some[at], args.captures)} and those behind it", folder, items, shares, way)
        every = [path for _, path in made]
        for shares in SHARES if made else ():
            tell("all that was made", folder, list(items_of(every + every[:2])), shares, [])
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
