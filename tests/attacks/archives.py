#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compressed files and archives that expand without end: each ends, soon, in little memory, and says why.

    archives.py TCPAUTOPSY CAPTURES METER [--usual]

A build that reads neither says that at once. Each is some ten or hundred kilobytes. --usual: the figures of docs/attacks.md, with what may expand as a rule.
"""

import argparse
import gzip
import io
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
for neighbour in ("lab", "cli"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / neighbour))

import built  # noqa: E402
import report  # noqa: E402

MIB = 1 << 20
ENOUGH_S, ENOUGH_MIB = 10, 128  # what these take is a second, and 15 MiB, but for the long name: that has what may be ahead, twice
EXPANDS = b"expands to more than may be: --max-expanded SIZE lets it"


# ---- what they are made of ----

def header(name, size=0, kind=tarfile.REGTYPE):
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def tar(members):
    out = io.BytesIO()
    for name, data in members.items():
        out.write(header(name, len(data)) + data + bytes(-len(data) % 512))
    return out.getvalue() + bytes(1024)


def zstd(*parts):
    """A frame of bytes as they are, and of (byte, MiB): each 128 KiB of it take four bytes. A window of 128 KiB."""
    blocks = []
    for part in parts:
        if isinstance(part, tuple):
            blocks += [(1, 131072, part[0])] * (part[1] * 8)
        else:
            blocks += [(0, len(part[at:at + 65536]), part[at:at + 65536]) for at in range(0, len(part), 65536)]
    frame = [b"\x28\xb5\x2f\xfd\x00\x38"]
    for at, (kind, size, data) in enumerate(blocks):
        frame.append((size << 3 | kind << 1 | (at + 1 == len(blocks))).to_bytes(3, "little") + data)
    return b"".join(frame)


def sparse():
    """A member of an exbibyte, of which one kilobyte is there: the format of old GNU tar."""
    block = bytearray(header("hole.pcap", 512))
    block[156:157] = b"S"
    block[386:410] = b"%011o\0%011o\0" % (0, 512)
    block[483:495] = b"\x80\0\0\0" + (1 << 60).to_bytes(8, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def packets(capture, mib):
    """A gzip file of so many MiB of packets: its members, each of a MiB, are one file."""
    records = capture[24:]
    return gzip.compress(capture, 9) + gzip.compress(records * (MIB // len(records)), 9) * mib


def made(capture):
    """name -> bytes, what is said, status."""
    layers = packets(capture, 1200)
    skipped = zstd(header("notes.bin", 8 << 30), (b"\0", 8192), header("one.pcap", len(capture)), capture)
    folders = gzip.compress(header("d", kind=tarfile.DIRTYPE) * 10000) * 200
    deep = capture
    for _ in range(20):
        deep = gzip.compress(deep, 1)
    deeper = deep
    for _ in range(980):
        deeper = gzip.compress(deeper, 1)
    nest = zstd(header("n.bin", 8 << 30), (b"\0", 8192))
    return {
        "twice.gz": (gzip.compress(layers, 9), EXPANDS, 3),
        "within.tar.gz": (gzip.compress(tar({f"{n}.pcap.gz": layers for n in range(4)}), 9), EXPANDS, 3),
        "skipped.tar.zst": (skipped, EXPANDS, 3),
        "many_skipped.tar.gz": (gzip.compress(tar({f"{n}.tar.zst": nest for n in range(40)}), 9), EXPANDS, 3),
        "empty_members.tar.gz": (gzip.compress(header("e.txt") * 1000) * 40, EXPANDS, 3),
        "empty_captures.tar.gz": (gzip.compress(header("e.pcap") * 1000) * 20, EXPANDS, 3),
        "folders.tar.gz": (folders, EXPANDS, 3),
        "twenty_layers.gz": (deep, b"compressed more than three times over", 3),
        "thousand_layers.gz": (deeper, b"too many filters", 3),
        "sparse.tar": (sparse() + capture[:512] + bytes(1024), b"zero bytes instead of a record", 3),
        "size.tar": (header("size.pcap", 1 << 62) + capture, b"ends before it should", 3),
        "long_name.gz": (b"\x1f\x8b\x08\x08\0\0\0\0\0\3" + b"n" * (48 * MIB), b"longer than may be", 3),
        "members.gz": (gzip.compress(b"") * 200000 + gzip.compress(capture), b"", 0),
        "window.zst": (b"\x28\xb5\x2f\xfd\x00\xa8" + zstd(capture)[6:], b"too much memory", 3),
        "itself.tar": (header("itself.tar", kind=tarfile.SYMTYPE) + header("again.tar", kind=tarfile.LNKTYPE), b"nothing is in it", 3),
    }


# ---- the program ----

class Bench:
    def __init__(self, options, folder):
        self.command = [pathlib.Path(options.meter).resolve(), "result", options.program, "summary", "--memory", "16M"]
        self.command += [] if options.usual else ["--max-expanded", "100M"]
        self.folder = pathlib.Path(folder)

    def run(self, name, data):
        """Its status, what it said, CPU seconds, peak MiB."""
        (self.folder / name).write_bytes(data)
        said = subprocess.run([*self.command, name], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder, check=True,
                              env={**os.environ, "MALLOC_PERTURB_": "0"}).stderr  # meson's, which would write to all that is allocated
        status, signalled, user, system, _, peak = map(int, (self.folder / "result").read_text().split())
        (self.folder / name).unlink()
        return signalled or status, said, (user + system) / 1e6, peak / 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("captures")
    parser.add_argument("meter")
    parser.add_argument("--usual", action="store_true")
    options = parser.parse_args()
    capture = (pathlib.Path(options.captures) / "close/rec_four_way/capture.pcap").read_bytes()
    points = []
    with tempfile.TemporaryDirectory(prefix="tcpautopsy-archives-") as folder:
        bench = Bench(options, folder)
        for name, (data, words, wanted) in made(capture).items():
            words, wanted = (words, wanted) if built.unpacks(options.program) else (built.WITHOUT, 3)
            status, said, cpu, peak = bench.run(name, data)
            if options.usual:
                print(f"| `{name}` | {len(data) / 1024:.0f} | {cpu:.1f} | {peak:.0f} | {words.decode()} |", flush=True)
            points.append((f"{name}: {words.decode() or 'nothing'} is said, {cpu:.1f} s, {peak:.0f} MiB", status == wanted and
                           words in said and bool(said) == bool(words) and cpu < ENOUGH_S and peak < ENOUGH_MIB))
    return 0 if options.usual else report.tell_all(points)


if __name__ == "__main__":
    sys.exit(main())
