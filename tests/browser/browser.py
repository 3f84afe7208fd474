#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pages in a real browser: the report of a recorded incident, of a capture full of hostile names, of a crowd; and a ladder.

No complaint on the console, no request but the page itself, no words that overlap, nothing wider than the window, on a desk and on a
phone, light, dark and printed.  What the queue's timeline shows is looked at in the picture that the browser made: is there red where
clients were turned away, and none before.

    browser.py CAPTURES PROGRAM GENERATE CHROMIUM [--crowd KIND:PACKETS]      flood:1000000 is a page of a million connections
"""

import argparse
import base64
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

sys.dont_write_bytecode = True  # no litter in the source tree
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lab"), str(HERE.parent / "cli")]

import devtools  # noqa: E402
import page as pages  # noqa: E402
import report  # noqa: E402

DESK, PHONE = (1100, 900), (360, 740)
# Boxes of words, unfolded, by picture: what a reader would have to read one above the other.
OVERLAPS = """(() => {
  document.querySelectorAll('details').forEach(one => one.open = true);
  let bad = [], count = 0;
  document.querySelectorAll('svg').forEach(svg => {
    const boxes = [...svg.querySelectorAll('text')].map(text => [text.getBoundingClientRect(), text.textContent]);
    count += boxes.length;
    boxes.forEach(([a, first], i) => boxes.slice(i + 1).forEach(([b, second]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > 0.5 && high > 0.25 * Math.min(a.height, b.height)) bad.push(first + ' / ' + second);
    }));
  });
  return [count, bad.slice(0, 5)];
})()"""
WIDER = "Math.max(0, document.documentElement.scrollWidth - window.innerWidth)"
OUTSIDE = """(() => {
  let bad = [];
  document.querySelectorAll('svg').forEach(svg => {
    const all = svg.getBoundingClientRect();
    svg.querySelectorAll('text').forEach(text => {
      const box = text.getBoundingClientRect();
      if (box.left < all.left - 1 || box.right > all.right + 1) bad.push(text.textContent);
    });
  });
  return bad.slice(0, 5);
})()"""
# Where the chart of the first listener is, and what it is drawn upon.
CHART = """(() => {
  const svg = document.querySelector('.panel svg'), box = svg.getBoundingClientRect(), full = svg.querySelector('.full').getBoundingClientRect();
  window.scrollTo(0, box.top - 20);
  const now = svg.getBoundingClientRect(), red = svg.querySelector('.full').getBoundingClientRect();
  return [now.left, now.top, now.right, now.bottom, red.left, red.right];
})()"""


def pixels(png):
    """(width, rows of bytes, bytes of a pixel) of a PNG of 8 bits, not interlaced."""
    data, at, packed, width, channels = base64.b64decode(png), 8, b"", 0, 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, _, _, colour = struct.unpack_from(">IIBB", body)
            channels = {2: 3, 6: 4}[colour]
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, stride, rows, before = zlib.decompress(packed), width * channels, [], bytes(width * channels)
    for at in range(0, len(raw), stride + 1):
        rows.append(before := unfiltered(raw[at], bytearray(raw[at + 1:at + 1 + stride]), before, channels))
    return width, rows, channels


def unfiltered(kind, row, above, channels):
    for at in range(len(row)) if kind else ():
        left, up = row[at - channels] if at >= channels else 0, above[at]
        corner = above[at - channels] if at >= channels else 0
        near = min((abs(left + up - corner - one), place, one) for place, one in enumerate((left, up, corner)))[2]
        row[at] = row[at] + (0, left, up, (left + up) // 2, near)[kind] & 255
    return bytes(row)


def test_page(browser, name, path):
    for words, size, scheme, media in (("at a desk", DESK, "light", ""), ("dark, on a phone", PHONE, "dark", ""), ("printed", DESK, "light", "print")):
        browser.open(path, *size, scheme, media)
        count, bad = browser.value(OVERLAPS)
        yield f"{name} {words}: nothing is fetched but the page", browser.asked() == [path.as_uri()]
        yield f"{name} {words}: the console is silent", not browser.complaints()
        yield f"{name} {words}: no words overlap{': ' + '; '.join(bad) if bad else ''}", not bad and count >= 0
        yield f"{name} {words}: no words leave their picture", not browser.value(OUTSIDE)
        yield f"{name} {words}: it is no wider than the window", media == "print" or not browser.value(WIDER)


def is_red(row, x, channels):
    red, green, blue = row[x * channels:x * channels + 3]
    return red > 235 and 180 < green < 225 and 180 < blue < 225


def test_seen(browser, path):
    """The picture itself: where clients were turned away it is red from top to bottom but for what is drawn upon it, and not before."""
    browser.open(path, *DESK)
    left, top, right, bottom, begins, ends = map(int, browser.value(CHART))
    width, rows, channels = pixels(browser.picture())
    inside = [is_red(rows[y], x, channels) for y in range(top + 2, bottom - 30, 3) for x in range(begins + 3, ends - 3, 5)]
    outside = [is_red(rows[y], x, channels) for y in range(top + 2, bottom - 30, 3) for x in [*range(left, begins - 3, 5), *range(ends + 3, right, 5)]]
    yield "the browser shows red while the queue was full", width == DESK[0] and sum(inside) > 0.4 * len(inside)
    yield "  and only then", sum(outside) < 0.02 * len(outside)  # the dashed line's edges are as light


def reports(bench, generate, kind, packets):
    """(name, path) of the pages that are looked at."""
    bench.report("incident", bench.capture("queue/rec_stalled_service"))
    bench.report("ladders", bench.capture("queue/rec_overflow_ladder"))
    evil = bench.folder / "<img src=x onerror=alert(1)>.pcapng"
    with open(bench.capture("queue/rec_overflow_ladder"), "rb") as file:
        evil.write_bytes(pages.hostile_capture(file.read()))
    bench.report("hostile", str(evil))
    crowd = bench.folder / "crowd.pcap"
    subprocess.run([generate, kind, "--packets", packets, "--seed", "3", "-o", str(crowd)], check=True, timeout=600, stderr=subprocess.DEVNULL)
    bench.report("crowd", str(crowd))
    for name in ("incident", "ladders", "hostile", "crowd"):
        yield name, bench.folder / name / "report.html"
    for name, case in (("ladder", "queue/rec_overflow_ladder"), ("ladder_hostile", None)):
        with open(bench.folder / f"{name}.html", "wb") as file:
            subprocess.run([bench.program, "explain", "--format", "html", "stream=5", bench.capture(case) if case else str(evil)],
                           stdout=file, check=True, timeout=60)
        yield name, bench.folder / f"{name}.html"


def main():
    asked = argparse.ArgumentParser()
    for name in ("captures", "program", "generate", "chromium"):
        asked.add_argument(name)
    asked.add_argument("--crowd", default="mixed:60000")
    given = asked.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tcpautopsy-test-"))
    bench, browser = pages.Bench(given.captures, given.program, folder), None

    def points():
        for name, path in reports(bench, given.generate, *given.crowd.split(":")):
            yield f"{name}: below a megabyte", 0 < path.stat().st_size < pages.MOST_BYTES
            yield from test_page(browser, name, path)
        yield from test_seen(browser, folder / "incident" / "report.html")

    try:
        browser = devtools.Browser(given.chromium, folder / "profile")
        return report.tell_all(points())
    finally:
        if browser:
            browser.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
