# SPDX-License-Identifier: MIT
#
# The table of docs/capturing.md: what is still told of the recorded cases where their captures are cut shorter, filtered, or lack packets. Each
# row is one run over all of them; connections are those of the whole captures, by addresses, ports and order.
#
#   capturing.py SOURCE PROGRAM            the test, as TAP; --some: of a few rows only
#   capturing.py SOURCE PROGRAM --renew    writes the table anew; read the diff
import collections
import csv
import io
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

source, program = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
page = source / "docs/capturing.md"
SURE = {"possible": 1, "probable": 2, "certain": 3}
FIN, SYN, RST = 1, 2, 4


def segment(frame):
    """(flags, does a server send it?) of TCP over IP over Ethernet, None for all else. The servers of recorded cases have low ports."""
    kind = struct.unpack_from(">H", frame, 12)[0]
    at = {0x0800: 14 + (frame[14] & 15) * 4, 0x86DD: 54}.get(kind, 0)
    if not at or frame[23 if kind == 0x0800 else 20] != 6:
        return None
    return frame[at + 13], struct.unpack_from(">H", frame, at)[0] < 10000


def shorter(length):
    return lambda: lambda frame: frame[:length]


def flagged(flags):
    return lambda: lambda frame: frame if (segment(frame) or (0,))[0] & flags else None


def sent(by_server):
    return lambda: lambda frame: frame if segment(frame) and segment(frame)[1] == by_server else None


def missing(share):
    def begin():
        chance = random.Random(1)
        return lambda frame: None if chance.random() < 1 / share else frame
    return begin


ROWS = {
    "`-s 128`": shorter(128), "`-s 96`": shorter(96), "`-s 80`": shorter(80), "`-s 68`": shorter(68), "`-s 64`": shorter(64),
    "`tcp`, so no ICMP": lambda: lambda frame: frame if segment(frame) else None,
    "SYN, FIN and RST only": flagged(SYN | FIN | RST), "SYN and SYN+ACK only": flagged(SYN),
    "what goes to the server only": sent(False), "what comes from the server only": sent(True),
    "one packet in 1000 lost by the capture": missing(1000), "one in 100": missing(100), "one in 10": missing(10),
}
SOME = ["`-s 128`", "`-s 64`", "SYN and SYN+ACK only"]


def records(data):
    """[(its header's seconds, fraction and length, its bytes)] of a pcap file in this machine's order."""
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, captured, length = struct.unpack_from("<4I", data, at)
        yield seconds, fraction, length, data[at + 16:at + 16 + captured]
        at += 16 + captured


def told(captures, begin):
    """{(capture, ends, which): row} where each frame is what keep() leaves of it."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, data in enumerate(captures):
            keep, out = begin(), [data[:24]]
            for seconds, fraction, length, frame in records(data):
                if (frame := keep(frame)) is not None:
                    out.append(struct.pack("<4I", seconds, fraction, len(frame), length) + frame)
            names.append(f"{folder}/{number:04}.pcap")
            pathlib.Path(names[-1]).write_bytes(b"".join(out))
        text = subprocess.run([program, "flows", "-q", "--series", "each", *names], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0")).stdout
    found, seen = {}, collections.Counter()
    for row in csv.DictReader(io.StringIO(text)):
        ends = sorted([(row["client_ip"], row["client_port"]), (row["server_ip"], row["server_port"])])
        key = (pathlib.Path(row["capture"]).name, *map(tuple, ends))
        seen[key] += 1
        found[key + (seen[key],)] = row
    return found


def line(name, whole, got):
    same = less = other = 0
    became = collections.Counter()
    for key, row in whole.items():
        now = got.get(key)
        if now and now["verdict"] == row["verdict"]:
            lower = SURE[now["confidence"]] < SURE[row["confidence"]]
            same, less = same + (not lower), less + lower
        elif now:
            other += 1
            became[row["verdict"], now["verdict"]] += 1
    most = "; ".join(f"`{a}` to `{b}` ({count})" for (a, b), count in sorted(became.items(), key=lambda item: (-item[1], item[0]))[:2])
    return f"| {name} | {same} | {less} | {other} | {len(whole) - same - less - other} | {most} |"


def main():
    captures = [path.read_bytes() for path in sorted((source / "captures").glob("*/rec_*/capture.pcap"))]
    # Little-endian pcap over Ethernet, as record.py writes nearly all of them.
    captures = [data for data in captures if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") and data[20:24] == b"\1\0\0\0"]
    whole = told(captures, lambda: lambda frame: frame)
    wanted = SOME if "--some" in sys.argv else list(ROWS)
    lines = [line(name, whole, told(captures, ROWS[name])) for name in wanted]
    text = page.read_text()
    head = f"| of {len(captures)} captures, {len(whole)} connections | same verdict | less sure | another verdict | not seen | most of all |"
    if "--renew" in sys.argv:
        table = "\n".join([head, "| --- " * 6 + "|", *lines])
        page.write_text(re.sub(r"\| of \d+ captures.*?\n(?!\|)", lambda _: table + "\n", text, flags=re.S))
        return
    shown = text.splitlines()
    for number, wrong in enumerate([head not in shown, *(row not in shown for row in lines)], 1):
        print("not ok" if wrong else "ok", number, "-", ["its captures", *wanted][number - 1])
        if wrong:
            print("# docs/capturing.md lacks:", [head, *lines][number - 1])
    print(f"1..{len(lines) + 1}")
    sys.exit(any(row not in shown for row in [head, *lines]))


main()
