#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packets written with --anonymize: other addresses, no payload, and else as they were.

    redacted.py CAPTURES PROGRAM

Connections of some captures are written twice, with a key and without. What the program tells of the first file is what it tells of
the second one with the key; no address and no payload of the second is in the first; lengths and times are the same; and each
checksum is right where it was right, and wrong where it was wrong, as tshark sees it, where there is one.
"""

import collections
import csv
import ipaddress
import itertools
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "meta"))

import links  # noqa: E402
import pcapfile  # noqa: E402
import tunnels  # noqa: E402

import report  # noqa: E402

KEY = "of packets"
CASES = ("queue/rec_overflow_ladder", "queue/rec_overflow_ladder_v6", "path/rec_frag_needed", "tunnel/rec_vxlan", "tunnel/rec_fragments",
         "tunnel/rec_fragments_cut", "view/rec_any", "view/rec_snaplen", "view/rec_giants", "view/rec_vlan", "handshake/rec_refused_icmp",
         "timewait/rec_reuse_ts", "path/rec_upload", "view/rec_lo")
DRESSED = {"handshake/rec_refused_icmp": "", "queue/rec_overflow_ladder_v6": "ipip gre vxlan geneve SLL2"}
LINKS = {"SLL": links.sll, "SLL2": links.sll2, "RAW": links.raw, "NULL": links.null, "LOOP": links.loop}
STATUS = ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status")
TEXT = re.compile(rb"[ -~]{8,}")


def run(program, *words, key=None, cwd=None):
    more = [] if key is None else ["--anonymize", key]
    done = subprocess.run([program, *words, *more], capture_output=True, cwd=cwd, timeout=60, check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"{words}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def table(folder, name):
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sums_of(path):
    """[(states of all checksums)] by tshark; None: there is none."""
    if not shutil.which("tshark"):
        return None
    wanted = [word for field in STATUS for word in ("-e", field)]
    done = subprocess.run(["tshark", "-n", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o",
                           "udp.check_checksum:TRUE", "-o", "ip.defragment:TRUE", "-T", "fields", *wanted], capture_output=True, text=True,
                          timeout=60, check=False)
    return done.stdout.splitlines()


class Connection:
    """One connection of a capture, written twice."""

    def __init__(self, here, program, capture, flow):
        self.here, self.program = here, program
        for name, key in (("real", None), ("shown", KEY)):
            (here / name).mkdir(exist_ok=True)
            run(program, "explain", "-q", "-o", here / "ladder", "-w", here / name / "w.pcap", flow, capture, key=key)
        self.real = pcapfile.read(here / "real" / "w.pcap")
        self.shown = pcapfile.read(here / "shown" / "w.pcap")

    def told(self):
        """What is told otherwise; rows of settings are in the order of real addresses."""
        for name, key in (("real", KEY), ("shown", None)):
            run(self.program, "report", "-q", "--all-states", "--checksums", "on", "-o", "out", "w.pcap", key=key, cwd=self.here / name)
        for name in ("flows", "events", "listeners", "counters", "settings", "captures"):
            real, shown = (table(self.here / which / "out", name) for which in ("real", "shown"))
            if name in ("settings", "counters"):
                real, shown = (sorted(rows, key=lambda row: sorted(row.items())) for rows in (real, shown))
            for one, other in itertools.zip_longest(real, shown, fillvalue={}):
                for column in one.keys() | other.keys():
                    if one.get(column) != other.get(column):
                        yield f"{name}: {column}: {one.get(column)}, and {other.get(column)} of the packets"

    def records(self):
        if [(r.at, len(r.data), r.length) for r in self.real.records] != [(r.at, len(r.data), r.length) for r in self.shown.records]:
            yield "other times or lengths"

    @staticmethod
    def leaks(secrets, capture):
        """Addresses as bytes, of Ethernet too, and text."""
        for record in capture.records:
            yield from (f"{secret.hex(':')} stands in a packet" for secret in secrets if secret in record.data)
            yield from (f"{text} stands in a packet" for text in TEXT.findall(record.data))


def macs_of(capture):
    """Those of hosts, in Ethernet frames."""
    if capture.link != pcapfile.ETHERNET:
        return set()
    return {mac for record in capture.records for mac in (record.data[:6], record.data[6:12])
            if len(mac) == 6 and mac not in (bytes(6), b"\xff" * 6, tunnels.MACS[:6], tunnels.MACS[6:])}


def flows_of(program, capture):
    return list(csv.DictReader(run(program, "flows", "-q", capture).decode().splitlines()))


def of_capture(here, program, name, capture, count):
    flows = flows_of(program, capture)
    ends = {ipaddress.ip_address(flow[column]) for flow in flows for column in ("client_ip", "server_ip")}
    secrets = macs_of(pcapfile.read(capture)) | {end.packed for end in ends if not end.is_loopback} | set(tunnels.OUTER)
    wrong, texts, seen = [], 0, collections.Counter()
    for flow in flows[::max(1, len(flows) // count)][:count]:
        connection = Connection(here, program, capture, f"flow={flow['flow_id']}")
        seen["records"] += len(connection.real.records)
        texts += sum(bool(TEXT.search(record.data)) for record in connection.real.records)
        seen["found"] += len(list(connection.leaks(secrets, connection.real)))
        wrong += [f"{flow['flow_id']}: {words}" for words in
                  itertools.chain(connection.records(), connection.told(), connection.leaks(secrets, connection.shown))]
    yield f"{name}: {seen['records']} records, {texts} of them with text {wrong[:3]}", not wrong and (seen["found"] > 0 or not ends - {e for e in ends if e.is_loopback})


def damaged(capture):
    """Every third checksum of TCP over IPv4 in Ethernet is wrong, every fifth of IP."""
    def change(number, record):
        data = bytearray(record.data)
        if links.ethertype(record.data) == 0x0800 and len(data) > 54 and data[23] == 6:
            if number % 3 == 0:
                data[51] ^= 0x11
            if number % 5 == 0:
                data[25] ^= 0x22
        return record._replace(data=bytes(data))
    return capture.of(change(number, record) for number, record in enumerate(capture.records))


def checksums(here, program, name, capture):
    """The states of all checksums, of each packet, as tshark reads them."""
    flow = max(flows_of(program, capture), key=lambda row: int(row["client_pkts"]) + int(row["server_pkts"]))
    Connection(here, program, capture, f"flow={flow['flow_id']}")
    real, shown = (sums_of(here / which / "w.pcap") for which in ("real", "shown"))
    if real is None:
        yield f"{name}: checksums # SKIP tshark is not installed", True
        return
    kinds = collections.Counter(status for line in real for status in re.split(r"[\t,]", line) if status)
    differs = [number for number, pair in enumerate(itertools.zip_longest(real, shown), 1) if pair[0] != pair[1]]
    yield f"{name}: checksums of {len(real)} packets are as right and as wrong {dict(kinds)} {differs[:5]}", real and not differs
    if name.endswith("damaged"):
        yield f"{name}: of both kinds", {"0", "1"} <= set(kinds)


def cases(here, captures, program):
    for case in CASES:
        yield from of_capture(here, program, case, captures / case / "capture.pcap", 2)
    for case, only in DRESSED.items():
        plain = pcapfile.read(captures / case / "capture.pcap")
        dresses = {around.__name__: tunnels.wrapped(plain, around) for around in tunnels.ALL}
        dresses.update((name, change(plain)) for name, change in LINKS.items())
        for name, capture in ((name, dresses[name]) for name in only.split() or dresses):
            (here / "dressed.pcap").write_bytes(pcapfile.pcap(capture))
            yield from of_capture(here, program, f"{case} in {name}", here / "dressed.pcap", 1)
    for case in ("tunnel/rec_fragments", "tunnel/rec_vxlan"):
        yield from checksums(here, program, case, captures / case / "capture.pcap")
    (here / "damaged.pcap").write_bytes(pcapfile.pcap(damaged(pcapfile.read(captures / "path/rec_loss/capture.pcap"))))
    yield from checksums(here, program, "path/rec_loss damaged", here / "damaged.pcap")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        return report.tell_all(cases(pathlib.Path(scratch), pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()))


if __name__ == "__main__":
    sys.exit(main())
