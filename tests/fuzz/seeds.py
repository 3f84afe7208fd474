#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Where a hunt begins: for each target a folder of inputs made of what is there, captures with their packets cut short, tables, parts
# and settings. What a hunt keeps of them is in corpus/ (docs/fuzzing.md).
#
#   seeds.py CAPTURES PROGRAM PARTS FOLDER      PROGRAM: tcpautopsy, PARTS: tests/parts, both of any build
import gzip
import pathlib
import struct
import subprocess
import sys

FEW, MANY, BYTES = 12, 80, 96  # packets of a capture, of a packet
captures, program, parts, folder = (pathlib.Path(name).resolve() for name in sys.argv[1:])
# LINKTYPE_ values as analyzer/capture/link.def lists them: decode takes the place in that list.
LINKS = [0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 109, 113, 119, 127, 163, 192, 228, 229, 239, 276]


def put(target, name, data):
    place = folder / target
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(data)


def packets(data, most):
    """Byte order, link type and (header, bytes) of the first packets of a classic capture."""
    order = "<" if data[0] in (0xD4, 0x4D) else ">"
    link = struct.unpack_from(order + "I", data, 20)[0]
    found, at = [], 24
    while at + 16 <= len(data) and len(found) < most:
        seconds, fraction, kept, sent = struct.unpack_from(order + "4I", data, at)
        found.append((seconds, fraction, sent, data[at + 16:at + 16 + min(kept, BYTES)]))
        at += 16 + kept
    return order, link, found


def short_capture(data, most):
    order, _, found = packets(data, most)
    return data[:24] + b"".join(struct.pack(order + "4I", s, f, len(p), n) + p for s, f, n, p in found)


def as_records(link, found, how):
    return b"".join(bytes([how, LINKS.index(link), len(p)]) + p for _, _, _, p in found[:6])


def of_capture(name, path):
    data = path.read_bytes()
    if data[:4] == b"\n\r\r\n":
        put("reader", name, b"\x0c" + data[:1500])
        put("input", name, b"\0" + data[:3000])
        return
    short, long = short_capture(data, FEW), short_capture(data, MANY)
    _, link, found = packets(data, FEW)
    put("reader", name, bytes([len(name) % 64 * 4]) + short)
    put("input", name, bytes([len(name) % 4]) + long)
    if len(name) % 3 == 0:  # cut between two packets
        cut = len(short)
        put("input", name + ".cut", bytes([12 + len(name) % 2 * 16]) + struct.pack(">H", cut) + long)
    if len(name) % 8 == 0:
        put("input", name + ".gz", b"\0" + gzip.compress(short, mtime=0))
    if link in LINKS:
        put("decode", name, as_records(link, found, len(name) & 3 | (64 if len(name) % 5 else 0)))


def of_tables(name, path):
    text = subprocess.run([program, "flows", path], capture_output=True, check=True).stdout[:3000]
    rows = text.splitlines(keepends=True)
    put("table", name, b"ignore flow_id\n\x1e" + b"".join(rows[:3]) + b"\x1e" + b"".join(rows[:1] + rows[2:4]))


def of_part(name, path):
    part = folder / "part.tmp"
    short = folder / "c.pcap"
    short.write_bytes(short_capture(path.read_bytes(), FEW))
    subprocess.run([parts, "save", part, "", "--", short], check=True, capture_output=True)
    put("part", name, b"\0" + part.read_bytes())
    part.unlink()
    short.unlink()


SETTINGS = ["filter tcp port 80 and host 10.0.0.1", "filter vlan and ip6 or inbound", "after 2023-11-14T22:13:20.5Z", "before 1700000001.25",
            "count 9", "vantage server", "server [fd00::1]:80", "key vlan,tunnel", "checksums on", "min-confidence certain",
            "finding normal,rst_refused", "all-states true", "raw-text true", "at 1700000000", "width 0.25", "memory 2M", "max-expanded 3G",
            "jobs 2", "host 10.0.0.1", "time iso", "shard 1/2", "sysctl net.ipv4.tcp_fin_timeout=30",
            "sysctl net.core.somaxconn = 128\x1enet.ipv4.tcp_syncookies = 1\x1e", "kernel 5.10.0-8-amd64", "flows flow_id,verdict",
            "events frame,event", "states time", "explain stream=0", "explain 10.0.0.2:40000-10.0.0.1:80@1700000000", "explain finding=normal:1",
            "explain cid=1:abc", "explain c1:frame=2", "fail-on any"]
# Steps of shape.c: kind and conversation, time and what follows.
SCRIPTS = {
    "whole": [0, 0, 0x0E, 0x83, 0, 0xFF, 0x1E, 0x83, 0, 0x80, 0x03, 5, 0x83, 5],
    "bursts": [1, 0, 0x0D, 0x83, 0, 31, 0x8D, 0x83, 1, 0x9F, 0x0D, 0x87, 9, 31],
    "crowds": [0, 0, 0x0D, 0x83, 3, 31, 0x8D, 0x83, 3, 0xDF, 0x0D, 0x87, 7, 0xFF, 0x2D, 0x87, 15, 0xFF, 0x02, 7],
    "refused": [0, 3, 0x10, 3, 0x96, 3, 0x10, 7, 0x96, 3, 0x0A, 0x83, 0, 2],
    "queue": [0, 0] + [0x00, 3, 0x81, 3, 0x02, 3, 0x03, 3, 0x81, 7, 0x02, 3, 0x08, 6, 0x08, 7, 0x85, 8] * 2,
    "again": [8, 0xE0, 0x0E, 0x83, 0, 0xF0, 0x08, 6, 0x88, 7, 0x0F, 11, 0x00, 3, 0x81, 3, 0x02, 3, 0x0C, 9, 0x09, 1],
    "fragments": [2, 4, 0x4E, 3, 0x0B, 0x83, 0, 1, 0x4B, 0x83, 0, 2, 0x0B, 0x83, 0, 3],
    "icmp": [0, 0x1D, 0x00, 3, 0x8A, 0x83, 0, 3, 0x40, 3, 0xCA, 0x83, 0, 8],
    "twins": [0, 0xA0, 0x0E, 0x83, 2, 0xFF, 0x6E, 0x83, 2, 0xF0, 0x7E, 0x83, 3, 0xF0, 0x83, 0x84, 3, 1],
    "backward": [0, 0, 0x0E, 0x8D, 0, 0xF0, 0x02, 14, 0x83, 13, 0x03, 15, 0x84, 12, 0x04, 3],
}


def main():
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(captures.glob("*/*/capture.pcap*"))
    for number, path in enumerate(found):
        name = path.parent.parent.name + "_" + path.parent.name
        if number % 3 == 0:
            of_capture(name, path)
        if number % 25 == 0:
            of_tables(name, path)
        if number % 25 == 1 and path.suffix == ".pcap":
            of_part(name, path)
    for number, line in enumerate(SETTINGS):
        put("settings", str(number), (line + "\n" + SETTINGS[number * 7 % len(SETTINGS)] + "\n").encode())
    for name, script in SCRIPTS.items():
        put("engine", name, bytes(script))
        put("input", f"{name}.pieces", bytes([0x20 + len(name) % 2, 7, 3, 9, 1, 40, 2, 90, 5]) + bytes(script[1:]))
        for how in (0x04, 0x0C, 0x06, 0x34): # our own part: whole, in shares, twice, with three bytes that are others
            put("part", f"{name}_{how}", bytes([how] + [2, 77, 9] * (how >> 4) + script[1:]))


main()
