#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# The small corpus that is kept in the project: of many inputs the few that reach most, one after the other the one that adds most edges
# for its size. What is in OUT already under a name in words stays: it was put there on purpose, or once broke something.
#
#   pick.py TARGET FILES LEAST MOST OUT FOLDER...     TARGET: built with -Dfuzz=true; at most FILES inputs of LEAST to MOST bytes each
#
# An edge counts for the smallest input that reaches it. Where small ones reach much, and few of them are kept, LEAST leaves them out.
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile

target, files, least, most = sys.argv[1], *map(int, sys.argv[2:5])
out, folders = pathlib.Path(sys.argv[5]), [pathlib.Path(name) for name in sys.argv[6:]]


def edges_of(inputs, scratch):
    """By input, smallest first, the edges that none before it reached: what libFuzzer notes in the control file of a merge."""
    control, empty = scratch / "control", scratch / "empty"
    empty.mkdir()
    subprocess.run([target, "-merge=1", "-use_counters=0", "-detect_leaks=0", f"-max_len={most}", f"-merge_control_file={control}", empty,
                    inputs], check=True, stderr=subprocess.DEVNULL)
    lines = control.read_text().splitlines()
    names = lines[2:2 + int(lines[0])]
    found = [re.match(r"FT (\d+) (.*)", line) for line in lines]
    return {names[int(one[1])]: len(one[2].split()) for one in found if one}


def worth(name, edges):
    return edges / (200 + pathlib.Path(name).stat().st_size)


def main():
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        inputs = scratch / "inputs"
        inputs.mkdir()
        for folder in [out] + folders:
            for path in folder.glob("*") if folder.is_dir() else []:
                data = path.read_bytes()
                if least <= len(data) <= most:
                    (inputs / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)
        edges = edges_of(inputs, scratch)
        picked = sorted(edges, key=lambda name: (-worth(name, edges[name]), name))[:files]
        out.mkdir(parents=True, exist_ok=True)
        for path in out.glob("*"):
            if re.fullmatch("[0-9a-f]{16}", path.name):
                path.unlink()
        for path in picked:
            (out / pathlib.Path(path).name).write_bytes(pathlib.Path(path).read_bytes())
        kept = sum(path.stat().st_size for path in out.glob("*"))
        print(f"{out.name}: {len(picked)} of {len(edges)} inputs, {kept} bytes, {sum(edges[name] for name in picked)} of "
              f"{sum(edges.values())} edges")


main()
