#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""However many threads share the work, and with however little memory, what is told is the same, byte for byte. TAP.

    jobs.py PROGRAM GENERATE CAPTURES [--every N] [--packets N] [--races]

Of every N-th capture of the tree, and of captures of tens of thousands of packets, in order, with records that change places,
stand in any order, in leaping blocks, strewn with copies or twice over, or flooded in one partition of the tuples, all tables and texts are made by one thread and by several, and with
the least memory that may be asked for.

--races is for a program that watches for data races (-Db_sanitize=thread) and ends with an error where there was one: each is made by
several threads only, with much memory and with the least, and nothing is compared, which needs no such program.
"""

import argparse
import collections
import csv
import io
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

EPOCH = 1_700_000_000  # when made captures begin, in seconds
WAYS = (["-j", "1"], ["-j", "2"], ["-j", "3"], ["-j", "8"], ["-j", "1", "--memory", "1M"], ["-j", "2", "--memory", "1M"])
LITTLE = (["-j", "1", "--memory", "1M"], ["-j", "2", "--memory", "1M"], ["-j", "5", "--memory", "1M"])
RACED = (["-j", "3"], ["-j", "2", "--memory", "1M"])


def made(generate, folder, most):
    """(name, path) of captures long enough for many chunks."""
    for kind, packets in (("mixed", most), ("flood", most // 4), ("big", most // 2), ("full", most // 8)):
        path = os.path.join(folder, kind + ".pcap")
        subprocess.run([generate, kind, "--packets", str(packets), "-o", path], check=True, capture_output=True)
        yield kind, path
    plain = os.path.join(folder, "mixed.pcap")
    for name, change in (("shuffled", shuffled), ("doubled", doubled), ("joined", joined), ("strewn", strewn),
                         ("cornered", cornered)):
        path = os.path.join(folder, name + ".pcap")
        with open(plain, "rb") as file:
            content = file.read()
        with open(path, "wb") as file:
            file.write(content[:24])
            file.writelines(change(list(records(content))))
        yield name, path


PARTITION = 7
WORD = (1 << 64) - 1


def partition(addresses, ports):
    """As flow/partition.h has it, of IPv4."""
    low = sum(int.from_bytes(b"\0\0\xff\xff" + address, "little") for address in addresses) & WORD
    mixed = low * 0xC2B2AE3D27D4EB4F & WORD ^ (ports[0] + ports[1]) << 32 ^ ports[0] ^ ports[1]
    return (mixed * 0x9FB21C651E98DF25 & WORD) >> 58


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def segment(addresses, ports, seq, ack, flags):
    """Ethernet, IPv4 and TCP."""
    tcp = struct.pack(">HHIIBBHHH", *ports, seq, ack, 5 << 4, flags, 8192, 0, 0)
    pseudo = addresses[0] + addresses[1] + struct.pack(">HH", 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), seq & 0xFFFF, 0, 60, 6, 0) + addresses[0] + addresses[1]
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return bytes(12) + b"\x08\x00" + head + tcp


def cornered(all_records):
    """Amid the traffic a flood of one partition of the tuples, which has to be cut there: SYNs, some answered at once or late, bare
    ACKs, and some that come again."""
    chance = random.Random(5)
    server = bytes([172, 16, 0, 1])
    due = []
    first, last = (struct.unpack_from("<I", all_records[at])[0] for at in (0, -1))
    for number in range(9000):
        client = bytes([203, 0, number >> 8, number & 255])
        port = next(port for port in range(1024 + number, 65536) if partition((client, server), (port, 443)) == PARTITION)
        time = first + (last - first) * number / 9000
        kind = chance.randrange(6)
        there, back = ((client, server), (port, 443)), ((server, client), (443, port))
        seq = chance.randrange(1 << 32)
        due.append((time, segment(*there, seq, 1 if kind == 0 else 0, 0x10 if kind == 0 else 0x02)))
        if kind in (1, 2):
            after = 0.05 if kind == 1 else chance.uniform(1, 30)
            due.append((time + after, segment(*back, 99, seq + 1 & 0xFFFFFFFF, 0x12)))
            due.append((time + after + 0.1, segment(*there, seq + 1 & 0xFFFFFFFF, 100, 0x10)))
        if kind == 3:
            due.append((time + chance.uniform(1, 30), segment(*there, seq, 0, 0x02)))
    whole = [(struct.unpack_from("<I", record)[0] + struct.unpack_from("<I", record, 4)[0] / 1e6, record)
             for record in all_records]
    for time, frame in due:
        seconds, part = int(time), int(time % 1 * 1e6)
        whole.append((time, struct.pack("<IIII", seconds, part, len(frame), len(frame)) + frame))
    for _, record in sorted(whole, key=lambda one: one[0]):
        yield record


def records(content):
    at = 24
    while at < len(content):
        length = struct.unpack_from("<I", content, at + 8)[0]
        yield content[at:at + 16 + length]
        at += 16 + length


def shuffled(all_records):
    """Neighbours change places, as where several queues of a card are written by several threads."""
    chance = random.Random(1)
    for at in range(0, len(all_records), 12):
        some = all_records[at:at + 12]
        if chance.random() < 0.5:
            chance.shuffle(some)
        yield from some


def disordered(path, folder):
    """The same records in any order: what waits for what then is all the more nobody's to decide but the file's."""
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
        return []
    some = list(records(content))
    random.Random(2).shuffle(some)
    made_of_it = os.path.join(folder, "disordered.pcap")
    with open(made_of_it, "wb") as file:
        file.write(content[:24])
        file.writelines(some)
    return [made_of_it]


def joined(all_records):
    """Blocks of the file after each other in some order: time leaps by more than connections wait, either way."""
    blocks = [all_records[at:at + 300] for at in range(0, len(all_records), 300)]
    random.Random(3).shuffle(blocks)
    for block in blocks:
        for record in block:
            seconds = struct.unpack_from("<I", record)[0]
            yield struct.pack("<I", EPOCH + (seconds - EPOCH) * 5) + record[4:]


def strewn(all_records):
    """Copies of some records anywhere in the file."""
    chance = random.Random(4)
    some = list(all_records)
    for record in all_records[::5]:
        some.insert(chance.randrange(len(some)), record)
    return some


def doubled(all_records):
    for record in all_records:
        yield record
        yield record


def captures_of(folder, every):
    found = sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names
                   if name.endswith((".pcap", ".pcapng")))
    return [(os.path.relpath(path, folder), path) for path in found[::every]]


def told(program, path, way, folder):
    """All that is told of a capture, by name; '' what was said besides."""
    tables = os.path.join(folder, "tables")
    shutil.rmtree(tables, ignore_errors=True)
    done = subprocess.run([program, "report", "-o", tables, *way, path], capture_output=True, check=False)
    whole = {"": done.stderr, "status": done.returncode}
    for command in (["summary"], ["states", "--format", "nstat"], ["explain", "frame=1"]):
        one = subprocess.run([program, *command[:1], *way, *command[1:], path], capture_output=True, check=False)
        whole[command[0]] = (one.returncode, one.stdout, one.stderr)
    for name in sorted(os.listdir(tables)) if os.path.isdir(tables) else ():
        if name != "run.csv":  # which tells the day
            with open(os.path.join(tables, name), "rb") as file:
                whole[name] = file.read()
    return whole


def cut_short(tables):
    """How many rows say that they are cut short, how many of these at the server with most are SYNs that nobody answered, with that
    server, and how many the capture is said to have. Where some are, less memory is another question, and the answers to it are held against each other."""
    rows = list(csv.DictReader(io.StringIO(tables.get("flows.csv", b"").decode())))
    rows = [row for row in rows if "cut_short" in row["damage"].split(";")]
    alone = collections.Counter((row["server_ip"], row["server_port"]) for row in rows
                                if row["role_basis"] == "syn" and row["server_pkts"] == "0")
    facts = list(csv.DictReader(io.StringIO(tables.get("captures.csv", b"").decode())))
    return (len(rows), alone.most_common(1)[0] if alone else None, sum(int(row["cut_short"]) for row in facts))


def racing(program, path, folder):
    """What was told with a race on the way. That something is told at all says that the races were looked for."""
    wrong = set()
    for way in RACED:
        whole = told(program, path, way, folder)
        said = {name: text[2] for name, text in whole.items() if isinstance(text, tuple)} | {"report": whole[""]}
        for name, text in said.items():
            if b"ThreadSanitizer" in text:
                print("# " + text.decode(errors="replace").replace("\n", "\n# "))
                wrong.add(name)
        if not any(name.endswith(".csv") for name in whole):
            wrong.add("tables")
    return sorted(wrong)


def differing(program, path, folder):
    """What is not told alike."""
    little = told(program, path, LITTLE[0], folder)
    rows, busiest, said = cut_short(little)
    alone = busiest[1] if busiest else 0
    if alone:  # its listener counts them all the same
        listed = sum(int(row["unanswered_count"]) for row in csv.DictReader(io.StringIO(little["listeners.csv"].decode()))
                     if (row["server_ip"], row["server_port"]) == busiest[0])
        said += listed < alone
    if os.path.basename(path) == "cornered.pcap":  # not only SYNs had to go
        said += not 0 < alone < rows - 500
    groups = (WAYS[:4], LITTLE) if rows else (WAYS,)
    return differing_ways(program, path, folder, groups) + ["cut_short"] * (rows != said)


def differing_ways(program, path, folder, groups):
    return sorted(set().union(*(differing_of(program, path, folder, ways) for ways in groups)))


def differing_of(program, path, folder, ways):
    alone = told(program, path, ways[0], folder)
    wrong = set()
    for way in ways[1:]:
        other = told(program, path, way, folder)
        wrong |= {key or "words" for key in alone.keys() | other.keys() if alone.get(key) != other.get(key)}
    return wrong


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
    with tempfile.TemporaryDirectory() as folder:
        all_captures = list(made(args.generate, folder, args.packets)) + captures_of(args.captures, args.every)
        for number, (name, path) in enumerate(all_captures):
            for shown in [path] + (disordered(path, folder) if number % 4 == 0 else []):
                wrong = (racing if args.races else differing)(args.program, shown, folder)
                count += 1
                failed += bool(wrong)
                print(f"{'not ' if wrong else ''}ok {count} - {name}{' disordered' if shown != path else ''}", flush=True)
                if wrong:
                    print("# race:" if args.races else "# differ:", ", ".join(wrong))
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
