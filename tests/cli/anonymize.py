#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--anonymize shows other addresses, and nothing else becomes different.

    anonymize.py CAPTURES PROGRAM [FAMILY]

What an address becomes is computed here a second time, bit by bit (shown()). Then everything that is told of all captures of the
tree, or of one family, has to be what is told without the key, with each address put in the place of the other; and no real address
may be in what any command prints or writes.
"""

import base64
import csv
import hashlib
import hmac
import ipaddress
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

import report  # noqa: E402

KEY = "a key for this test"
TABLES = ("flows", "events", "listeners", "states", "counters", "settings", "captures")
ADDRESS = re.compile(r"(?<![0-9A-Za-z.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*)(?![0-9A-Za-z.])")
KEPT = [(ipaddress.ip_network(net), whole) for net, whole in (
    ("0.0.0.0/8", True), ("127.0.0.0/8", True), ("224.0.0.0/4", False), ("255.255.255.255/32", True),
    ("::/127", True), ("::ffff:0:0/96", False), ("fe80::/10", False), ("ff00::/8", False))]
MAPPED = "0" * 80 + "1" * 16
SEARCHED = ("queue/rec_overflow_ladder", "pressure/rec_mixed_incident", "path/rec_unreachable_midflow", "pressure/rec_flood_direct")


# ---- the same rule, written again ----

def path_of(address):
    if address.version == 4:
        return MAPPED + format(int(address), "032b")
    return format(int(address), "0128b")


BLOCKS = [(path_of(net.network_address)[:net.prefixlen + (96 if net.version == 4 else 0)], whole) for net, whole in KEPT]


def stretched(key):
    return hashlib.pbkdf2_hmac("sha1", key, b"tcpautopsy --anonymize", 20000, 20)


class Shown(dict):
    """What an address becomes; remembered."""

    def __init__(self, key):
        super().__init__()
        self.key = stretched(key.encode())
        self.nodes = {}

    def swapped(self, path, begin):
        depth = begin + (len(path) - begin) // 7 * 7
        node = path[:depth]
        if node not in self.nodes:
            block = int(node.ljust(128, "0"), 2).to_bytes(16, "big")
            self.nodes[node] = hmac.new(self.key, bytes([depth]) + block, "sha1").digest()
        place = int("1" + path[depth:], 2) - 1
        return self.nodes[node][place // 8] >> (7 - place % 8) & 1

    def __missing__(self, text):
        address = ipaddress.ip_address(text)
        path, begin = path_of(address), 0
        shown = ""
        if path.startswith(MAPPED):
            begin, shown = 96, MAPPED
        for at in range(len(shown), 128):
            prefix = path[:at]
            kept = any((len(block) > at and block.startswith(prefix)) or (whole and prefix.startswith(block)) for block, whole in BLOCKS)
            shown += path[at] if kept else str(int(path[at]) ^ self.swapped(prefix, begin))
        number = int(shown, 2)
        self[text] = socket.inet_ntop(socket.AF_INET, struct.pack(">I", number & 0xffffffff)) if address.version == 4 \
            else socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))
        return self[text]

    def text(self, text):
        def one(match):
            try:
                return self[match.group(0)]
            except ValueError:
                return match.group(0)  # a time of day, say
        return ADDRESS.sub(one, text)


def community_id(client, client_port, server, server_port):
    ends = sorted((ipaddress.ip_address(ip).packed, int(port)) for ip, port in ((client, client_port), (server, server_port)))
    message = b"\0\0" + ends[0][0] + ends[1][0] + b"\6\0" + struct.pack(">HH", ends[0][1], ends[1][1])
    return "1:" + base64.b64encode(hashlib.sha1(message).digest()).decode()


# ---- running it ----

def run(folder, program, *words, key=KEY):
    more = [] if key is None else ["--anonymize", key]
    return subprocess.run([program, *words, *more], capture_output=True, cwd=folder, timeout=300, check=False)


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expected(table, row, shown):
    """A row as it has to be with the key."""
    row = dict(row)
    for column in ("client_ip", "server_ip", "host"):
        if row.get(column):
            row[column] = shown[row[column]]
    if table == "flows":
        row["community_id"] = community_id(row["client_ip"], row["client_port"], row["server_ip"], row["server_port"])
    if table == "events":
        row["event_id"] = re.sub(r"l(.*):([0-9]+)e", lambda m: f"l{shown.text(m.group(1).strip('[]')) if '[' not in m.group(1) else '[' + shown[m.group(1).strip('[]')] + ']'}:{m.group(2)}e", row["event_id"])
        row["text"] = shown.text(row["text"])
    if table == "captures" and row["comment"]:
        row["comment"] = "(left out)"
    return row


def first_difference(table, plain, other, shown):
    if len(plain) != len(other):
        return f"{len(plain)} rows, {len(other)} with the key"
    for number, (row, got) in enumerate(zip(plain, other), 1):
        want = expected(table, row, shown)
        if want != got:
            return "; ".join(f"row {number}: {name}: {got[name]!r}, not {want[name]!r}" for name in want if want[name] != got[name])
    return ""


def words_of(summary, shown=None):
    """Lines wrap elsewhere where addresses have other lengths; what is longer than the page ends in dots."""
    text = re.sub(r"\s+", " ", summary)
    return shown.text(text) if shown else text


def everything(here, program, captures, shown, whole):
    plain, other = here / "plain", here / "other"
    for folder, key in ((plain, None), (other, KEY)):
        done = run(here, program, "report", "-q", "-o", folder, "-R", captures, key=key)
        yield f"report of all captures {'without' if key is None else 'with'} a key", done.returncode in (0, 3)
    for table in TABLES:
        want, got = rows(plain / f"{table}.csv"), rows(other / f"{table}.csv")
        wrong = first_difference(table, want, got, shown)
        yield f"{table}: {len(want)} rows are the same but for addresses {wrong}", not wrong and len(want) > (50 if whole else 0)
    ips = {row[column] for row in rows(plain / "flows.csv") for column in ("client_ip", "server_ip")}
    yield from prefixes(ips, shown, whole)
    threads = here / "threads"
    run(here, program, "report", "-q", "-j", "3", "-o", threads, "-R", captures)
    yield "the same bytes with three threads", all((other / f"{t}.csv").read_bytes() == (threads / f"{t}.csv").read_bytes() for t in TABLES)


def prefixes(ips, shown, whole):
    for version, least in ((4, 100), (6, 10)) if whole else ((4, 2), (6, 2)):
        pairs = [(int(ipaddress.ip_address(ip)), int(ipaddress.ip_address(shown[ip]))) for ip in ips if ipaddress.ip_address(ip).version == version]
        wrong = sum((a ^ b).bit_length() != (c ^ d).bit_length() for i, (a, c) in enumerate(pairs) for b, d in pairs[:i])
        yield f"{len(pairs)} addresses of version {version}: any two have as many leading bits in common as before", not wrong and len(pairs) >= least
        moved = sum(a != b for a, b in pairs)
        yield f"and {moved} of them are other ones", moved > 0.9 * len(pairs)


# ---- nothing real is told ----

def real_in(data, ips):
    """Real addresses in what was written; also as they stand in packets."""
    text = data.decode("utf-8", "replace")
    return sorted({found for found in ADDRESS.findall(text) if found in ips})


def all_commands(host):
    yield from (("summary",), ("flows",), ("flows", "--format", "jsonl"), ("events", "--all-states"), ("listeners",), ("states",), ("settings",),
                ("states", "--format", "ss", "--host", host), ("states", "--format", "nstat", "--host", host),
                ("states", "--format", "ss"), ("settings", "--host", "192.0.2.77"), ("states", "--host", "192.0.2.77"),
                ("states", "--format", "nstat"), ("--sysctl", "tcp_rmem=7"), ("--host", host, "--sysctl", "tcp_syn_retries=1"), ("-v",))
    for form in ("text", "svg", "html", "mermaid", "xplot"):
        for which in ("stream=0", "stream=3", "frame=1"):
            yield "explain", "--format", form, which


def leaks(here, program, captures, case, shown):
    capture = here / "c.pcap"
    shutil.copyfile(captures / case / "capture.pcap", capture)
    flows = list(csv.DictReader(run(here, program, "flows", "-q", capture, key=None).stdout.decode().splitlines()))
    ips = {row[column] for row in flows for column in ("client_ip", "server_ip")}
    ips -= {shown[ip] for ip in ips}
    host = shown[flows[0]["server_ip"]]
    found = []
    for words in all_commands(host):
        done = run(here, program, *words, "c.pcap")
        found += [f"{' '.join(words)}: {ip}" for ip in real_in(done.stdout + done.stderr, ips)]
        if done.returncode not in (0, 2):
            found.append(f"{' '.join(words)}: status {done.returncode}")
    for words in (("report", "-o", "r"), ("scan", "-o", "s", "--fail-on", "any"), ("report", "--format", "jsonl", "-o", "j")):
        done = run(here, program, *words, "c.pcap")
        found += [f"{' '.join(words)}: {ip}" for ip in real_in(done.stdout + done.stderr, ips)]
    for file in (path for name in "rsj" for path in (here / name).rglob("*") if path.is_file()):
        found += [f"{file.relative_to(here)}: {ip}" for ip in real_in(file.read_bytes(), ips)]
        if KEY.encode() in file.read_bytes():
            found.append(f"{file.relative_to(here)}: the key")
    yield f"{case}: none of {len(ips)} addresses is in what any command tells {found[:5]}", not found and len(ips) > 1
    for name in "rsj":
        shutil.rmtree(here / name)
    plain = run(here, program, "flows", "c.pcap", key=None).stdout
    yield "and the search finds them where there is no key", set(real_in(plain, ips)) == ips


def typed(here, program, captures, shown):
    """Addresses that were shown are taken where addresses are typed; filters choose packets by what they hold."""
    capture = captures / "queue/rec_overflow_ladder/capture.pcap"
    shutil.copyfile(capture, here / "c.pcap")
    flow = list(csv.DictReader(run(here, program, "flows", "c.pcap").stdout.decode().splitlines()))[3]
    real = list(csv.DictReader(run(here, program, "flows", "c.pcap", key=None).stdout.decode().splitlines()))[3]
    by_frame = run(here, program, "explain", f"flow={flow['flow_id']}", "c.pcap").stdout
    ends = f"{flow['client_ip']}:{flow['client_port']}-{flow['server_ip']}:{flow['server_port']}"
    yield "explain takes the addresses that were shown", by_frame and run(here, program, "explain", ends, "c.pcap").stdout == by_frame
    yield "and the Community ID", run(here, program, "explain", f"cid={flow['community_id']}", "c.pcap").stdout == by_frame
    real_ends = f"{real['client_ip']}:{real['client_port']}-{real['server_ip']}:{real['server_port']}"
    yield "and not the real ones", run(here, program, "explain", real_ends, "c.pcap").returncode == 2
    for words in (("states", "--format", "ss"), ("settings",), ("states",)):
        plain = run(here, program, *words, "--host", real["server_ip"], "c.pcap", key=None)
        other = run(here, program, *words, "--host", flow["server_ip"], "c.pcap")
        same = re.sub(r" +", " ", shown.text(plain.stdout.decode())) == re.sub(r" +", " ", other.stdout.decode())
        yield f"{' '.join(words)} --host of an address that was shown", other.returncode == 0 and same
    chosen = run(here, program, "flows", "-f", f"host {real['server_ip']} and port {real['client_port']}", "c.pcap").stdout
    yield "filters name real addresses", len(chosen.decode().splitlines()) == 2
    told = run(here, program, "-f", f"host {real['server_ip']}", "c.pcap").stdout.decode()
    yield "and are not told again", real["server_ip"] not in told and "-f FILTER" in told


def keys(here, program, captures):
    capture = captures / "queue/rec_overflow_ladder/capture.pcap"
    (here / "key").write_bytes(KEY.encode() + b"\r\n")
    (here / "binary").write_bytes(b"\0\1\n\2" * 30)
    (here / "none").write_bytes(b"\n")
    by_text = run(here, program, "flows", capture).stdout
    yield "a key in a file is the same key", by_text and run(here, program, "flows", capture, key="@key").stdout == by_text
    yield "any bytes are a key", run(here, program, "flows", capture, key="@binary").returncode == 0
    others = {run(here, program, "flows", capture, key=key).stdout for key in (KEY, KEY + ".", "k", "@binary", None)}
    yield "another key gives other addresses", len(others) == 5
    for key, words in (("", b"wants a key"), ("@none", b"wants a key"), ("@missing", b"No such file"), ("x" * 5000, b"wants a key")):
        done = run(here, program, "flows", capture, key=key)
        yield f"{key[:9]!r} is no key", done.returncode == 2 and words in done.stderr and not done.stdout


def shards(here, program, captures):
    """Parts are real; who joins them has the key."""
    capture = captures / "queue/rec_overflow_ladder/capture.pcap"
    host = list(csv.DictReader(run(here, program, "flows", capture, key=None).stdout.decode().splitlines()))[0]["server_ip"]
    refused = run(here, program, "scan", "-o", "p", "--shard", "1/2", capture)
    yield "a shard takes no key", refused.returncode == 2 and b"give --anonymize to merge" in refused.stderr
    for shard in ("1/2", "2/2"):
        run(here, program, "scan", "-q", "-o", "p", "--by", "hash", "--shard", shard, "--host", host, "--kernel", "6.1", capture, key=None)
    merged = run(here, program, "merge", "-q", "-o", "m", "p")
    whole = run(here, program, "report", "-q", "-o", "w", "--host", Shown(KEY)[host], "--kernel", "6.1", capture)
    yield "merge --anonymize is report --anonymize", merged.returncode == 0 == whole.returncode and all(
        (here / "m" / f"{table}.csv").read_bytes() == (here / "w" / f"{table}.csv").read_bytes() for table in TABLES)
    run(here, program, "scan", "-q", "-o", "o", capture, key=None)
    again = run(here, program, "scan", "-q", "-o", "o", "--resume", capture)
    yield "a scan that was over without a key is not told as one with it", again.returncode == 2 and not again.stdout
    first = run(here, program, "scan", "-q", "-o", "q", capture)
    again = run(here, program, "scan", "-q", "-o", "q", "--resume", capture)
    yield "one that was over with it is", again.returncode == 0 and again.stdout == first.stdout != b""


def cases(here, captures, program, family=""):
    shown = Shown(KEY)
    yield from everything(here, program, captures / family, shown, not family)
    for case in SEARCHED:
        yield from leaks(here, program, captures, case, shown)
    yield from typed(here, program, captures, shown)
    yield from keys(here, program, captures)
    yield from shards(here, program, captures)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        return report.tell_all(cases(pathlib.Path(scratch), pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), *sys.argv[3:]))


if __name__ == "__main__":
    sys.exit(main())
