#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The comparison can fail: each kind of disagreement, planted in a small fixture, must be reported.

    test_agree.py          TAP

Most fixtures are histories written by hand; the last part runs agree.py itself over a case
folder made here, with a program that prints what the test wants it to print.
"""

import contextlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # no litter in the source tree

import agree  # noqa: E402
import evidence  # noqa: E402
import intent  # noqa: E402
import kernel  # noqa: E402
import pairing  # noqa: E402
import paths  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import rules  # noqa: E402
import segments  # noqa: E402

CLIENT, SERVER = "10.66.1.1:40001", "10.66.1.100:8080"
CLIENT6, SERVER6 = "[fd00:66:1::1]:40003", "[fd00:66:1::100]:8080"
T = 1000.0  # epoch at which every fixture begins
ISS_C, ISS_S = 5000, 9000
HEADER = "Linux 6.18: its account of close/rec_one\n"


# -- fixtures --------------------------------------------------------------------------------------------


def seg(frame, after, src, flags, seq=0, ack=0, length=0, **more):
    """A segment `after` seconds after T; src is c or s."""
    ends = (CLIENT, SERVER) if src == "c" else (SERVER, CLIENT)
    return segments.Segment(frame, T + after, *ends, flags, seq, ack, length, **more)


def healthy():
    """A connection of 9 segments: the client closes first, the server 50 ms later."""
    return [seg(1, 0, "c", "S", ISS_C), seg(2, .0001, "s", "SA", ISS_S, ISS_C + 1),
            seg(3, .0002, "c", "A", ISS_C + 1, ISS_S + 1), seg(4, .0003, "c", "PA", ISS_C + 1, ISS_S + 1, 10),
            seg(5, .0004, "s", "A", ISS_S + 1, ISS_C + 11), seg(6, .1, "c", "FA", ISS_C + 11, ISS_S + 1),
            seg(7, .1001, "s", "A", ISS_S + 1, ISS_C + 12), seg(8, .15, "s", "FA", ISS_S + 1, ISS_C + 12),
            seg(9, .1501, "c", "A", ISS_C + 12, ISS_S + 2)]


CLIENT_PATH = (("SYN_SENT", 0), ("ESTABLISHED", .0001), ("FIN_WAIT1", .1), ("FIN_WAIT2", .1001), ("TIME_WAIT", .15))
SERVER_PATH = (("SYN_RECV", 0), ("ESTABLISHED", .0002), ("CLOSE_WAIT", .1), ("LAST_ACK", .15), ("CLOSED", .1501))
CLIENT_FRAMES, SERVER_FRAMES = (1, 2, 6, 7, 8), (1, 3, 6, 8, 9)


def steps(path, **ends):
    return [kernel.Step(state, T + at, ends.get(state, "")) for state, at in path]


def rows(path, frames, doubted=(), first="LISTEN"):
    told, before = [], first
    for (state, at), frame in zip(path, frames):
        told.append(program.Row(state, T + at, frame, "probable" if state in doubted else "certain", before))
        before = state
    return told


def client_view(kernels=CLIENT_PATH, told=CLIENT_PATH, frames=CLIENT_FRAMES, passed=None, **more):
    passed = healthy() if passed is None else passed
    doubted, first, ends = more.pop("doubted", ()), more.pop("first", "CLOSED"), more.pop("ends", {})
    settings = {"own": True, "delay": 0.0, "capture_first": T, "capture_last": T + 100.0, **more}
    return evidence.View(local=CLIENT, remote=SERVER, steps=steps(kernels, **ends), segments=passed,
                         rows=rows(told, frames, doubted, first), **settings)


def server_view(kernels=SERVER_PATH, told=SERVER_PATH, frames=SERVER_FRAMES, passed=None, **more):
    view = client_view(kernels, told, frames, passed, **more)
    view.local, view.remote = SERVER, CLIENT
    return view


def reasons(verdict):
    return [reason for reason, _ in verdict.excused]


class Check(unittest.TestCase):
    """What the path tests ask."""

    def agrees(self, view, *excused):
        verdict = paths.compare(view)
        self.assertEqual(verdict.wrong, [])
        self.assertEqual(sorted(reasons(verdict)), sorted(excused))

    def wrong(self, view, *words):
        verdict = paths.compare(view)
        for word in words:
            self.assertIn(word, "; ".join(verdict.wrong))
        self.assertEqual(len(verdict.wrong), len(words), verdict.wrong)


# -- the kernel's history ----------------------------------------------------------------------------------


class KernelHistory(unittest.TestCase):
    """sockets.txt as lives."""

    def lives(self, *lines, end=(SERVER, CLIENT)):
        return kernel.read_sockets("\n".join([*lines, "# recorded until 2000.0"]))[0].get(end, [])

    def path(self, life):
        return " ".join(f"{step.state}+{step.at - T:g}" for step in life.steps)

    def test_request_and_child_are_one_life(self):
        life, = self.lives(f"server request {SERVER} {CLIENT} 1000 SYN_RECV+0 again+1 gone+1.5",
                           f"server socket {SERVER} {CLIENT} 1001.5 SYN_RECV+0 ESTABLISHED+0 CLOSE_WAIT+1 "
                           "LAST_ACK+2 CLOSE+3")
        self.assertEqual(self.path(life), "SYN_RECV+0 ESTABLISHED+1.5 CLOSE_WAIT+2.5 LAST_ACK+3.5 CLOSED+4.5")
        self.assertTrue(life.by_request)

    def test_cookie_child_has_no_time_for_syn_recv(self):
        life, = self.lives(f"server socket {SERVER} {CLIENT} 1000 SYN_RECV+0 ESTABLISHED+0")
        self.assertEqual([step.timed for step in life.steps], [False, True])

    def test_request_without_child_is_closed(self):
        for word in ("gone", "expired"):
            life, = self.lives(f"server request {SERVER} {CLIENT} 1000 SYN_RECV+0 {word}+63")
            self.assertEqual((self.path(life), life.steps[-1].how), ("SYN_RECV+0 CLOSED+63", word))

    def test_loser_of_two_children_is_no_endpoint(self):
        lives = self.lives(f"server request {SERVER} {CLIENT} 1000 SYN_RECV+0 gone+0.1",
                           f"server socket {SERVER} {CLIENT} 1000.1 SYN_RECV+0 CLOSE+0.0001",
                           f"server socket {SERVER} {CLIENT} 1000.10005 SYN_RECV+0 ESTABLISHED+0.0001")
        self.assertEqual([self.path(life) for life in lives], ["SYN_RECV+0 ESTABLISHED+0.10015"])

    def test_child_closed_at_once_without_a_sibling_is_kept(self):
        life, = self.lives(f"server socket {SERVER} {CLIENT} 1000 SYN_RECV+0 CLOSE+0.0001")
        self.assertEqual(life.steps[-1].state, "CLOSED")

    def test_orphan_goes_on_as_mini_socket(self):
        life, = self.lives(f"client socket {CLIENT} {SERVER} 1000 SYN_SENT+0 ESTABLISHED+1 FIN_WAIT1+2 FIN_WAIT2+3 "
                           f"CLOSE+3.0001",
                           f"client timewait {CLIENT} {SERVER} 1003 FIN_WAIT2+0 TIME_WAIT+5 again+6 expired+66",
                           end=(CLIENT, SERVER))
        self.assertEqual(self.path(life), "SYN_SENT+0 ESTABLISHED+1 FIN_WAIT1+2 FIN_WAIT2+3 TIME_WAIT+8 CLOSED+69")

    def test_close_long_before_a_mini_socket_is_closed(self):
        lives = self.lives(f"client socket {CLIENT} {SERVER} 1000 SYN_SENT+0 CLOSE+1",
                           f"client timewait {CLIENT} {SERVER} 1003 TIME_WAIT+0 killed+1", end=(CLIENT, SERVER))
        self.assertEqual([self.path(life) for life in lives], ["SYN_SENT+0 CLOSED+1", "TIME_WAIT+3 CLOSED+4"])

    def test_two_connections_on_the_same_ports(self):
        lives = self.lives(f"server request {SERVER} {CLIENT} 1000 SYN_RECV+0 gone+0.1",
                           f"server socket {SERVER} {CLIENT} 1000.1 SYN_RECV+0 ESTABLISHED+0 FIN_WAIT1+1 "
                           "FIN_WAIT2+1 CLOSE+1",
                           f"server timewait {SERVER} {CLIENT} 1001.1 TIME_WAIT+0 killed+2",
                           f"server request {SERVER} {CLIENT} 1003.1 SYN_RECV+0 gone+0.1",
                           f"server socket {SERVER} {CLIENT} 1003.2 SYN_RECV+0 ESTABLISHED+0")
        self.assertEqual([life.steps[-1].state for life in lives], ["CLOSED", "ESTABLISHED"])
        self.assertEqual(len(lives), 2)

    def test_beginning_without_a_port_is_joined(self):
        portless = CLIENT.rpartition(":")[0] + ":0"
        life, = self.lives(f"client socket {portless} {SERVER} 1000 SYN_SENT+0",
                           f"client socket {CLIENT} {SERVER} 1001 ESTABLISHED+0 CLOSE+1", end=(CLIENT, SERVER))
        self.assertEqual(self.path(life), "SYN_SENT+0 ESTABLISHED+1 CLOSED+2")

    def test_listeners_are_no_endpoints(self):
        text = f"server socket {SERVER} 0.0.0.0:0 1000 LISTEN+0\n# recorded until 1005.5\n"
        self.assertEqual(kernel.read_sockets(text), ({}, 1005.5))

    def test_garbage_is_an_error(self):
        with self.assertRaises(ValueError):
            kernel.read_sockets("server thing a b 1000 SYN_RECV+0")

    def test_cut_records_are_errors(self):
        line = f"server request {SERVER} {CLIENT} 1000 SYN_RECV+0 gone+5\n"
        for text, words in ((line, "is missing"), (line + "# recorded until 1004.9\n", "and tells of 1005")):
            with self.assertRaisesRegex(ValueError, words):
                kernel.read_sockets(text)
        event = f"{HEADER}[events] x\n1005.0 {SERVER} {CLIENT} state LISTEN > SYN_RECV\n"
        kernel.read_kernel(event, kernel.Account({}, 1005.0))
        for text, words in ((event, "kernel.txt tells of 1005"), ("", "does not begin"), (event[5:], "does not begin")):
            with self.assertRaisesRegex(ValueError, words):
                kernel.read_kernel(text, kernel.Account({}, 1004.9))

    def test_acks_left_aside(self):
        again = self.lives(f"server request {SERVER} {CLIENT} 1000 SYN_RECV+0 again+1 gone+1.5")
        once = self.lives(f"server request {SERVER} {CLIENT} 1000 SYN_RECV+0 gone+1.5")
        for text, lives, wanted in (("", once, False), ("", again, True),
                                    ("[counters of the server] x\nTcpExtListenOverflows 3\n", once, True),
                                    ("[counters of the server] x\nTcpExtTCPDeferAcceptDrop 1\n", once, True),
                                    ("[counters of the client] x\nTcpExtListenOverflows 3\n", once, False),
                                    (f"[drops] x\n1001.0 {CLIENT} {SERVER} A TCP_LISTEN_OVERFLOW\n", once, True),
                                    (f"[drops] x\n1001.0 {CLIENT}9 {SERVER} A TCP_LISTEN_OVERFLOW\n", once, False)):
            account = kernel.Account({})
            kernel.read_kernel(HEADER + text, account)
            self.assertEqual(account.left_aside(SERVER, CLIENT, lives), wanted, text)

    def test_counters_and_drops(self):
        account = kernel.Account({})
        kernel.read_kernel(HEADER + "[truth] x\n"
                           "1000.5 the wire dropped: fd00::1:40003 > fd00::2:8080 FA seq 7 ack 8 len 9\n"
                           "[counters of the server] differences\nTcpExtSyncookiesSent 4\n"
                           f"[drops] x\n1001.0 {CLIENT} {SERVER} A NETFILTER_DROP\n"
                           f"1001.5 {CLIENT} {SERVER} A QUEUE_PURGE\n", account)
        self.assertEqual(account.counters, {"server.TcpExtSyncookiesSent": 4})
        self.assertEqual([(drop.src, drop.flags, drop.numbers) for drop in account.drops],
                         [("[fd00::1]:40003", "FA", (7, 8, 9)), (CLIENT, "A", None)])


# -- the second reader of captures ---------------------------------------------------------------------------


def packet(src, dst, flags, seq=0, ack=0, data=b"", options=b"", v6=False):
    """An IP packet with one TCP segment; the checksums are nobody's business here."""
    bits = sum(1 << segments.FLAG_LETTERS.index(letter) for letter in flags)
    ports = [int(end.rpartition(":")[2]) for end in (src, dst)]
    tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, (20 + len(options)) // 4 << 4, bits, 500, 0, 0) + options + data
    addresses = b"".join(segments.ipaddress.ip_address(end.rpartition(":")[0].strip("[]")).packed for end in (src, dst))
    if v6:
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + addresses + tcp
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses + tcp


def pcap(frames, link=1, magic=b"\xd4\xc3\xb2\xa1", unit=1e6):
    """A capture of (epoch, bytes)."""
    out = [magic, struct.pack("<HHiIII", 2, 4, 0, 0, 65535, link)]
    for at, data in frames:
        out += [struct.pack("<IIII", int(at), round(at % 1 * unit), len(data), len(data)), data]
    return b"".join(out)


def ethernet(data, tag=b""):
    return b"\2" * 12 + tag + (b"\x86\xdd" if data[0] >> 4 == 6 else b"\x08\x00") + data


class Reader(unittest.TestCase):
    """segments.py"""

    def read(self, *arguments, **more):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.pcap")
            with open(path, "wb") as file:
                file.write(pcap(*arguments, **more))
            return segments.read(path)

    def test_headers(self):
        data = packet(CLIENT, SERVER, "FPA", 7, 8, b"abc")
        one, = self.read([(1000.25, ethernet(data))]).of(SERVER, CLIENT)
        self.assertEqual((one.frame, one.at, one.src, one.dst, one.flags, one.seq, one.ack, one.length, one.end),
                         (1, 1000.25, CLIENT, SERVER, "FPA", 7, 8, 3, 11))

    def test_links(self):
        four, six = packet(CLIENT, SERVER, "S"), packet(CLIENT6, SERVER6, "S", v6=True)
        tag = b"\x81\x00\x00\x07"
        for link, data in ((1, ethernet(four, tag)), (1, ethernet(six)), (101, four), (101, six),
                           (113, b"\0" * 14 + b"\x08\x00" + four), (276, b"\x08\x00" + b"\0" * 18 + four),
                           (0, b"\2\0\0\0" + four)):
            self.assertEqual(len(self.read([(T, data)], link).by_frame), 1, link)

    def test_what_is_no_tcp_is_counted(self):
        capture = self.read([(T, b"\0" * 14), (T + 1, ethernet(packet(CLIENT, SERVER, "S")))])
        self.assertEqual((list(capture.by_frame), capture.first, capture.last), ([2], T, T + 1))

    def test_nanoseconds_and_a_cut_record(self):
        capture = self.read([(1000.5, ethernet(packet(CLIENT, SERVER, "S")))], magic=b"\x4d\x3c\xb2\xa1", unit=1e9)
        self.assertEqual(capture.first, 1000.5)

    def test_dsack_is_told_from_sack(self):
        below, above = struct.pack("!BBBBII", 1, 1, 5, 10, 90, 95), struct.pack("!BBBBII", 1, 1, 5, 10, 200, 300)
        for options, wanted in ((below, (90, 95)), (above, None)):
            one, = self.read([(T, ethernet(packet(CLIENT, SERVER, "A", 1, 100, options=options)))]).of(CLIENT, SERVER)
            self.assertEqual(one.dsack, wanted)

    def test_icmp_error_names_the_quoted_connection(self):
        quoted = packet(CLIENT, SERVER, "S")
        body = struct.pack("!BBHI", 3, 1, 0, 0) + quoted[:28]
        outer = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0) + bytes(8) + body
        one, = self.read([(T, ethernet(outer))]).of(CLIENT, SERVER)
        self.assertEqual((one.icmp, one.src, one.dst), (True, CLIENT, SERVER))


# -- paths -----------------------------------------------------------------------------------------------------


class Planted(Check):
    """Disagreements that no rule may excuse."""

    def test_the_healthy_connection_agrees(self):
        self.agrees(client_view())
        self.agrees(server_view())

    def test_missing_state(self):
        self.wrong(server_view(told=SERVER_PATH[:2] + SERVER_PATH[3:], frames=(1, 3, 8, 9)),
                   "CLOSE_WAIT at 1000.100000 is not told")

    def test_invented_state(self):
        told = CLIENT_PATH[:3] + (("CLOSING", .1001),) + CLIENT_PATH[4:]
        self.wrong(client_view(told=told, frames=CLIENT_FRAMES), "FIN_WAIT2 at", "CLOSING (certain) at frame 7")

    def test_other_order(self):
        told = (CLIENT_PATH[0], CLIENT_PATH[1], CLIENT_PATH[3], CLIENT_PATH[2], CLIENT_PATH[4])
        self.wrong(client_view(told=told), "is not told", "the kernel was never there")

    def test_time_off_by_more_than_the_tap_explains(self):
        told = CLIENT_PATH[:3] + (("FIN_WAIT2", .1061), ("TIME_WAIT", .15))
        self.wrong(client_view(told=told), "FIN_WAIT2 (certain) is told +0.006000 s off, at frame 7")
        self.agrees(client_view(told=CLIENT_PATH[:3] + (("FIN_WAIT2", .1041), ("TIME_WAIT", .15))))
        self.wrong(client_view(told=CLIENT_PATH[:3] + (("FIN_WAIT2", .0041), ("TIME_WAIT", .15))),
                   "FIN_WAIT2 (certain) is told -0.096")

    def test_delay_of_the_tap_widens_the_tolerance(self):
        told = tuple((state, at + .03) for state, at in CLIENT_PATH)
        self.wrong(client_view(told=told, own=False), *["s off"] * 5)
        self.agrees(client_view(told=told, own=False, delay=.03))

    def test_end_told_too_early(self):
        path = CLIENT_PATH + (("CLOSED", 60.15),)
        told = CLIENT_PATH + (("CLOSED", 40.15),)
        self.wrong(client_view(path, told, CLIENT_FRAMES + (9,), ends={"CLOSED": "expired"}),
                   "CLOSED (certain) is told -20.0")

    def test_nothing_told_of_what_passed(self):
        self.wrong(client_view(told=(), frames=()), *["is not told"] * 5)

    def test_told_of_an_end_without_a_socket(self):
        self.wrong(server_view(kernels=()), *["the kernel was never there"] * 5)

    def test_closed_alone_says_nothing_where_nothing_was(self):
        self.agrees(server_view((), (("CLOSED", .1),), (2,)))
        self.wrong(server_view(told=(("CLOSED", .1501),), frames=(9,)), *["is not told"] * 4)


class Excused(Check):
    """Each rule, and beside it what the rule must not excuse."""

    def test_ended_in_silence(self):
        path = CLIENT_PATH + (("CLOSED", 60.15),)
        ended = {"ends": {"CLOSED": "expired"}}
        self.agrees(client_view(path, **ended), rules.IN_SILENCE)
        self.agrees(client_view(path, CLIENT_PATH + (("CLOSED", 55.),), CLIENT_FRAMES + (9,), **ended),
                    rules.IN_SILENCE)

    def test_reset_is_no_silence(self):
        passed = healthy() + [seg(10, .2, "s", "R", ISS_S + 2)]
        self.wrong(client_view(CLIENT_PATH + (("CLOSED", .2),), passed=passed), "CLOSED at")

    def test_listen_ends_a_request(self):
        passed = healthy()[:2] + [seg(3, .2, "c", "R", ISS_C + 1)]
        path = (("SYN_RECV", 0), ("CLOSED", .2))
        self.agrees(server_view(path, (("SYN_RECV", 0), ("LISTEN", .2)), (1, 3), passed))

    def test_listen_ends_nothing_else(self):
        told = SERVER_PATH[:4] + (("LISTEN", .1501),)
        self.wrong(server_view(told=told), "CLOSED at", "LISTEN (certain)")
        self.wrong(server_view((), (("LISTEN", .1),), (2,)), "LISTEN (certain)")
        self.wrong(client_view((("SYN_SENT", 0), ("CLOSED", .0001)), (("SYN_SENT", 0), ("LISTEN", .0001)), (1, 2),
                               [healthy()[0], seg(2, .0001, "s", "RA", 0, ISS_C + 1)]), "CLOSED at", "LISTEN (certain)")

    def test_after_the_captures_end(self):
        self.agrees(client_view(told=CLIENT_PATH[:2], frames=(1, 2), passed=healthy()[:5], capture_last=T + .0004),
                    *[rules.AFTER_END] * 3)
        self.wrong(client_view(told=CLIENT_PATH[:2], frames=(1, 2), capture_last=T + .1501), *["is not told"] * 3)

    def test_after_the_kernels_record(self):
        told = CLIENT_PATH + (("CLOSED", 5.),)
        passed = healthy() + [seg(10, 5, "s", "R", ISS_S + 2)]
        self.agrees(client_view(told=told, frames=CLIENT_FRAMES + (10,), passed=passed, until=T + 4),
                    rules.AFTER_RECORD)
        self.wrong(client_view(told=told, frames=CLIENT_FRAMES + (10,), passed=passed, until=T + 6),
                   "CLOSED (certain) at frame 10")

    def test_before_the_captures_start(self):
        passed = healthy()[5:]
        told = (("ESTABLISHED", .1),) + CLIENT_PATH[2:]
        self.agrees(client_view(told=told, frames=(6, 6, 7, 8), passed=passed, capture_first=T + .1, first="UNKNOWN"),
                    rules.BEFORE_START)
        self.agrees(client_view(told=CLIENT_PATH[2:], frames=(6, 7, 8), passed=passed, capture_first=T + .1,
                                first="UNKNOWN"),
                    *[rules.BEFORE_START] * 2)

    def test_wrong_guess_in_the_middle_must_be_doubted(self):
        passed = healthy()[7:]
        told = (("ESTABLISHED", .1501), ("CLOSE_WAIT", .1501))
        view = {"told": told, "frames": (9, 9), "passed": passed, "capture_first": T + .15, "first": "UNKNOWN"}
        self.wrong(client_view(**view), "TIME_WAIT at", "ESTABLISHED (certain)", "CLOSE_WAIT (certain)")
        self.agrees(client_view(**view, doubted=("ESTABLISHED", "CLOSE_WAIT")), *[rules.BEFORE_START] * 4,
                    *[rules.BLIND] * 2)

    def test_segment_that_never_passed(self):
        passed = [s for s in healthy() if s.frame not in (7, 8, 9)]
        self.agrees(client_view(told=CLIENT_PATH[:3], frames=(1, 2, 6), passed=passed, own=False, far=healthy()),
                    *[rules.NEVER_PASSED] * 2)

    def test_segment_that_never_passed_but_was_answered(self):
        passed = [s for s in healthy() if s.frame not in (7, 8)]
        self.wrong(client_view(told=CLIENT_PATH[:3], frames=(1, 2, 6), passed=passed, own=False, far=healthy()),
                   "TIME_WAIT at")

    def test_first_copy_lost_before_the_tap(self):
        passed = [seg(1, 1, "c", "S", ISS_C), seg(2, 1.0001, "s", "SA", ISS_S, ISS_C + 1)]
        path = (("SYN_SENT", 0), ("ESTABLISHED", 1.0001))
        self.agrees(client_view(path, (("SYN_SENT", 1), ("ESTABLISHED", 1.0001)), (1, 2), passed, own=False),
                    rules.NEVER_PASSED)

    def test_fin_dated_by_its_sending(self):
        path = CLIENT_PATH[:2] + (("FIN_WAIT1", .05),) + CLIENT_PATH[3:]
        self.agrees(client_view(path))
        late = CLIENT_PATH[:2] + (("FIN_WAIT1", .09),) + CLIENT_PATH[3:]
        self.wrong(client_view(path, late), "FIN_WAIT1 (certain) is told +0.040")

    def test_fin_that_never_left(self):
        passed = healthy()[:5]
        self.agrees(client_view(CLIENT_PATH[:2] + (("FIN_WAIT1", .1),), CLIENT_PATH[:2], (1, 2), passed),
                    rules.NEVER_LEFT)
        self.wrong(client_view(CLIENT_PATH[:2] + (("FIN_WAIT1", .1),), CLIENT_PATH[:2], (1, 2)), "FIN_WAIT1 at")

    def test_fin_that_left_after_the_peers(self):
        path = (("SYN_RECV", 0), ("ESTABLISHED", .0002), ("FIN_WAIT1", .05), ("CLOSING", .1), ("TIME_WAIT", .1501))
        self.agrees(server_view(path), rules.LATE_FIN)

    def test_fin_that_never_left_though_the_peers_came(self):
        path = (("SYN_RECV", 0), ("ESTABLISHED", .0002), ("FIN_WAIT1", .05), ("CLOSING", .1))
        self.agrees(server_view(path, SERVER_PATH[:3], (1, 3, 6), healthy()[:7]), rules.NEVER_LEFT)

    def test_seen_but_not_received(self):
        drop = (kernel.Drop(T + .00021, CLIENT, SERVER, "A"),)
        view = {"kernels": SERVER_PATH[:1], "told": SERVER_PATH[:2], "frames": (1, 3), "passed": healthy()[:3]}
        self.agrees(server_view(**view, doubted=("ESTABLISHED",), drops=drop), rules.NOT_RECEIVED)
        self.wrong(server_view(**view, drops=drop), "ESTABLISHED (certain)")
        self.wrong(server_view(**view, doubted=("ESTABLISHED",)), "ESTABLISHED (probable)")
        view["passed"] = healthy()[:3] + [seg(4, 1, "s", "SA", ISS_S, ISS_C + 1)]
        self.wrong(server_view(**view, doubted=("ESTABLISHED",), drops=drop), "ESTABLISHED (probable)")

    def test_copy_lost_behind_the_tap(self):
        passed = healthy()[:6] + [seg(7, .3, "c", "FA", ISS_C + 11, ISS_S + 1, tsval=300),
                                  seg(8, .3001, "s", "A", ISS_S + 1, ISS_C + 12)]
        path = SERVER_PATH[:2] + (("CLOSE_WAIT", .3),)
        drop = (kernel.Drop(T + .1, CLIENT, SERVER, "FA", (ISS_C + 11, ISS_S + 1, 0)),)
        self.agrees(server_view(path, SERVER_PATH[:3], (1, 3, 6), passed, drops=drop), rules.LOST_COPY)
        self.agrees(server_view(path, SERVER_PATH[:3], (1, 3, 6), passed, own=False, far=passed[:5] + passed[6:]),
                    rules.LOST_COPY)
        self.wrong(server_view(path, SERVER_PATH[:3], (1, 3, 6), passed), "CLOSE_WAIT (certain) is told -0.2")

    def test_later_copy(self):
        passed = healthy()[:6] + [seg(7, .3, "c", "FA", ISS_C + 11, ISS_S + 1),
                                  seg(8, .3001, "s", "A", ISS_S + 1, ISS_C + 12)]
        told = SERVER_PATH[:2] + (("CLOSE_WAIT", .3),)
        self.agrees(server_view(SERVER_PATH[:3], told, (1, 3, 7), passed, own=False), rules.LATER_COPY)
        passed[-1] = seg(8, .3001, "s", "A", ISS_S + 1, ISS_C + 12, dsack=(ISS_C + 11, ISS_C + 12))
        view = server_view(SERVER_PATH[:3], told, (1, 3, 7), passed, own=False)
        self.wrong(view, "CLOSE_WAIT (certain) is told +0.2")
        for other in (("FPA", ISS_C + 11, 0), ("FA", ISS_C + 10, 1)):  # the same end, and yet no copy
            flags, seq, length = other
            passed[-2:] = [seg(7, .3, "c", flags, seq, ISS_S + 1, length),
                           seg(8, .3001, "s", "A", ISS_S + 1, ISS_C + 12)]
            view = server_view(SERVER_PATH[:3], told, (1, 3, 7), passed, own=False)
            self.wrong(view, "CLOSE_WAIT (certain) is told +0.2")

    def test_overtaken_behind_the_tap(self):
        data, fin = ("c", "PA", ISS_C + 5, ISS_S + 1, 6), ("c", "FA", ISS_C + 11, ISS_S + 1)
        passed = healthy()[:5] + [seg(6, .1, *data, tsval=1), seg(7, .1, *fin, tsval=1)]
        far = healthy()[:5] + [seg(6, .12, *fin, tsval=1), seg(7, .14, *data, tsval=1)]
        path = SERVER_PATH[:2] + (("CLOSE_WAIT", .14),)
        told = SERVER_PATH[:2] + (("CLOSE_WAIT", .1),)
        self.agrees(server_view(path, told, (1, 3, 7), passed, own=False, far=far), rules.OVERTAKEN)
        self.wrong(server_view(path, told, (1, 3, 7), passed, own=False, far=passed), "CLOSE_WAIT (certain)")

    def test_fin_that_overtakes_the_ack_of_its_peers(self):
        passed = [seg(s.frame, s.at - T, "c" if s.src == CLIENT else "s", s.flags, s.seq, s.ack, s.length, tsval=1)
                  for s in healthy()]
        far = passed[:6] + [seg(7, .15, "s", "FA", ISS_S + 1, ISS_C + 12, tsval=1),
                            seg(8, .16, "s", "A", ISS_S + 1, ISS_C + 12, tsval=1)]
        path = CLIENT_PATH[:3] + (("FIN_WAIT2", .15), ("TIME_WAIT", .15))
        self.agrees(client_view(path, passed=passed, own=False, far=far), rules.OVERTAKEN)

    def test_ack_that_was_not_taken(self):
        passed = healthy()[:3] + [seg(4, 2, "c", "PA", ISS_C + 1, ISS_S + 1, 10),
                                  seg(5, 2.0001, "s", "A", ISS_S + 1, ISS_C + 11)]
        path = (("SYN_RECV", 0), ("ESTABLISHED", 2))
        self.agrees(server_view(path, SERVER_PATH[:2], (1, 3), passed, left_aside=True), rules.NOT_TAKEN)
        self.wrong(server_view(path, SERVER_PATH[:2], (1, 3), passed), "ESTABLISHED (certain) is told -1.9998")
        for frame in (1, 2, 99):
            self.wrong(server_view(path, SERVER_PATH[:2], (1, frame), passed, left_aside=True), "s off, at frame")
        passed.insert(3, seg(4, 1, "c", "PA", ISS_C + 1, ISS_S + 1, 10))
        self.wrong(server_view(path, SERVER_PATH[:2], (1, 3), passed, left_aside=True),
                   "ESTABLISHED (certain) is told -1.9998")
        self.agrees(server_view(path, SERVER_PATH[:2], (1, 3), passed, own=False, left_aside=True), rules.NOT_TAKEN)

    def test_ack_that_was_not_taken_until_the_record_ended(self):
        passed = healthy()[:3] + [seg(4, 5, "c", "PA", ISS_C + 1, ISS_S + 1, 10),
                                  seg(5, 5.0001, "s", "A", ISS_S + 1, ISS_C + 11)]
        view = {"kernels": SERVER_PATH[:1], "told": SERVER_PATH[:2], "frames": (1, 3), "passed": passed,
                "left_aside": True}
        self.agrees(server_view(**view, until=T + 4.9), rules.NOT_TAKEN)
        self.wrong(server_view(**view, until=T + 5.1), "ESTABLISHED (certain) at frame 3")

    def test_silent_child(self):
        passed = healthy()[:3] + [seg(4, 1, "s", "SA", ISS_S, ISS_C + 1),
                                  seg(5, 1.0001, "c", "A", ISS_C + 1, ISS_S + 1)]
        path = (("SYN_RECV", 0), ("ESTABLISHED", 1.0001))
        self.agrees(server_view(path, SERVER_PATH[:1], (1,), passed), rules.SILENT_CHILD)
        self.wrong(server_view(SERVER_PATH[:2], SERVER_PATH[:1], (1,), healthy()[:3]), "ESTABLISHED at")
        passed.append(seg(6, 2, "s", "PA", ISS_S + 1, ISS_C + 1, 5))
        self.wrong(server_view(path, SERVER_PATH[:1], (1,), passed), "ESTABLISHED at")

    def test_forged(self):
        own = [seg(s.frame, s.at - T, "c" if s.src == CLIENT else "s", s.flags, s.seq, s.ack, s.length, ttl=63)
               for s in healthy()[:5]]
        told = SERVER_PATH[:2] + (("CLOSED", .05),)
        for ttl, doubted, excused in ((64, (), True), (255, (), False), (255, ("CLOSED",), True)):
            view = server_view(SERVER_PATH[:2], told, (1, 3, 6), own + [seg(6, .05, "s", "R", ISS_S + 1, ttl=ttl)],
                               doubted=doubted,
                               own=False, far=own)
            if excused:
                self.agrees(view, rules.FORGED)
            else:
                self.wrong(view, "CLOSED (certain) at frame 6")
            view.far = view.segments
            self.wrong(view, "at frame 6 is told, the kernel was never there")

    def test_no_room_for_a_time_wait(self):
        path = CLIENT_PATH[:4] + (("CLOSED", .15),)
        ended = {"ends": {"CLOSED": "close"}}
        self.agrees(client_view(path, no_bucket=True, **ended), rules.IN_SILENCE, rules.NO_BUCKET)
        self.wrong(client_view(path, **ended), "TIME_WAIT (certain) at frame 8")

    def test_cookie(self):
        view = {"kernels": (), "told": (("SYN_RECV", 0),), "frames": (1,), "passed": healthy()[:2]}
        self.agrees(server_view(**view, cookies=True), rules.STATELESS)
        self.wrong(server_view(**view), "SYN_RECV (certain)")
        view["passed"] = healthy()[:1]
        self.wrong(server_view(**view, cookies=True), "SYN_RECV (certain)")

    def test_taken_over(self):
        path = CLIENT_PATH + (("CLOSED", 5),)
        passed = healthy() + [seg(10, 5, "s", "R", ISS_S + 2)]
        ended = {"ends": {"CLOSED": "killed"}, "passed": passed}
        self.agrees(client_view(path, **ended, taken_over=T + 5), rules.TAKEN_OVER)
        self.wrong(client_view(path, **ended, taken_over=T + 7), "CLOSED at")

    def test_answer_that_never_passed(self):
        self.agrees(server_view(SERVER_PATH[:1], (), (), healthy()[:1], own=False), rules.NO_ANSWER)
        self.wrong(server_view(SERVER_PATH[:1], (), (), healthy()[:2], own=False), "SYN_RECV at")
        path, told = SERVER_PATH[:2], (("SYN_RECV", .1), ("ESTABLISHED", .1))
        one_way = [healthy()[0], seg(2, .1, "c", "A", ISS_C + 1, ISS_S + 1)]
        view = server_view((path[0], ("ESTABLISHED", .1)), told, (2, 2), one_way)
        self.agrees(view, rules.NO_ANSWER)
        view.segments = [*one_way, seg(3, .2, "s", "SA", ISS_S, ISS_C + 1)]
        self.wrong(view, "SYN_RECV (certain) is told +0.1")

    def test_every_rule_has_a_reason_and_a_test(self):
        names = {value for name, value in vars(rules).items() if name.isupper() and isinstance(value, str)}
        self.assertEqual(names, set(rules.REASONS))
        with open(__file__, encoding="utf-8") as file:
            text = file.read()
        for name, value in vars(rules).items():
            if name.isupper() and value in rules.REASONS.values():
                self.assertIn(f"rules.{name}", text)


class Dates(Check):
    """A row has the time of the segment that it names."""

    def misdated(self, view):
        verdict = paths.Verdict()
        paths.check_dates(view, verdict)
        return "; ".join(verdict.wrong)

    def test_the_segments_time(self):
        self.assertEqual(self.misdated(client_view()), "")
        for after, words in ((5, "+5.000000"), (-5, "-5.000000"), (.00001, "+0.000010")):
            for own in (True, False):
                told = tuple((state, at + after) for state, at in CLIENT_PATH)
                self.assertEqual(self.misdated(client_view(told=told, own=own, delay=9.)).count(words), 5)

    def test_a_segment_of_another_connection(self):
        self.assertIn("ESTABLISHED is told at frame 77, which is no segment of this connection",
                      self.misdated(client_view(frames=(1, 77, 6, 7, 8))))
        self.assertIn("CLOSED is told at frame 0", self.misdated(client_view(told=CLIENT_PATH + (("CLOSED", 60.15),),
                                                                             frames=CLIENT_FRAMES + (0,))))

    def test_ends_by_the_clock(self):
        path, ended = CLIENT_PATH + (("CLOSED", 60.15),), {"ends": {"CLOSED": "expired"}}
        for after, wanted in ((60.15, ""), (66., ""), (54., ""), (70., "off its own"), (50., "off its own")):
            view = client_view(path, CLIENT_PATH + (("CLOSED", after),), CLIENT_FRAMES + (9,), **ended)
            self.assertIn(wanted, self.misdated(view))
            self.assertEqual(bool(wanted), bool(self.misdated(view)), after)

    def test_an_end_that_a_segment_shows_is_not_dated_by_the_clock(self):
        told = SERVER_PATH[:4] + (("CLOSED", .1601),)
        self.assertIn("CLOSED is dated +0.01", self.misdated(server_view(told=told)))

    def test_a_rung_that_did_not_come(self):
        passed = [seg(1, 0, "c", "S", ISS_C), seg(2, 1, "c", "S", ISS_C), seg(3, 3, "c", "S", ISS_C)]
        path = (("SYN_SENT", 0), ("CLOSED", 4.))
        for after, good in ((7., True), (8., False), (3.3, False), (12., False)):
            view = client_view(path, (("SYN_SENT", 0), ("CLOSED", after)), (1, 3), passed)
            self.assertEqual(self.misdated(view) == "", good, after)

    def test_a_cookies_end(self):
        for after, cookies, good in ((63., True, True), (64., True, False), (63., False, False)):
            view = server_view((), (("SYN_RECV", 0), ("CLOSED", after)), (1, 2), healthy()[:2], cookies=cookies)
            self.assertEqual(self.misdated(view) == "", good, after)

    def test_after_the_captures_end(self):
        told = SERVER_PATH[:3] + (("LAST_ACK", .25), ("CLOSED", .2501))
        words = self.misdated(server_view(told=told, capture_last=T + .1501))
        self.assertIn("LAST_ACK is dated +0.100000 s off its own frame 8, 0.099900 s after the capture", words)
        self.assertEqual(words.count("after the capture"), 2)


# -- which life is which flow's -----------------------------------------------------------------------------------


class Pairing(unittest.TestCase):
    """pairing.py"""

    def flow(self, name, start, last, handshake="complete"):
        columns = {"duration_s": str(last - start), "handshake": handshake}
        return program.Flow(name, CLIENT, SERVER, T + start, 1, 9, columns)

    def life(self, start, end):
        path = [kernel.Step("SYN_SENT", T + start), kernel.Step("CLOSED", T + end)]
        return kernel.Life("client", CLIENT, SERVER, path)

    def names(self, lives, flows):
        owned, rest = pairing.pair(lives, flows, .005)
        numbers = {name: [lives.index(life) for life in mine] for name, mine in owned.items()}
        return numbers, [lives.index(life) for life in rest]

    def test_in_order(self):
        self.assertEqual(self.names([self.life(0, 1), self.life(2, 3)], [self.flow("a", 0, 1), self.flow("b", 2, 3)]),
                         ({"a": [0], "b": [1]}, []))

    def test_a_life_that_never_passed(self):
        self.assertEqual(self.names([self.life(0, 1), self.life(2, 3)], [self.flow("b", 2, 3)]), ({"b": [1]}, [0]))

    def test_time_wait_reaching_into_the_next_flow(self):
        self.assertEqual(self.names([self.life(0, 9)], [self.flow("a", 0, 1), self.flow("b", 2, 9)]), ({"a": [0]}, []))

    def test_a_second_life_within_one_flow(self):
        self.assertEqual(self.names([self.life(0, 1), self.life(1.5, 2)], [self.flow("a", 0, 2)]), ({"a": [0, 1]}, []))

    def test_a_flow_that_begins_after_its_end(self):
        self.assertEqual(self.names([self.life(0, 1)], [self.flow("a", 2, 3, "midstream")]), ({"a": [0]}, []))
        self.assertEqual(self.names([self.life(0, 1)], [self.flow("a", 2, 3)]), ({}, [0]))

    def test_delays_are_measured(self):
        path = [kernel.Step("SYN_SENT", T - .03), kernel.Step("ESTABLISHED", T + .0201)]
        life = kernel.Life("client", CLIENT, SERVER, path)
        delays = pairing.measure([life], segments.Capture(healthy()), "server")
        self.assertAlmostEqual(delays.out["client"], .03)
        self.assertAlmostEqual(delays.back["client"], .02)
        self.assertEqual(delays.of("server"), 0)


# -- intent ---------------------------------------------------------------------------------------------------------

SEVERITIES = {"handshake_complete": "info", "close_four_way": "info", "rst_linger0": "low", "close_fin_retry": "low",
              "overflow_interval": "high"}


class Intent(unittest.TestCase):
    """intent.py"""

    def judge(self, text, told=(), vantage="server", listeners=None, flow=True):
        clauses, faults = intent.read(text, SEVERITIES)
        self.assertEqual(faults, [])
        mine = program.Flow("c1f1", CLIENT, SERVER, T, 1, 9, {}, told=[program.Told(*one) for one in told])
        subject = intent.Subject(CLIENT, 1, 1, frozenset((CLIENT, SERVER)), mine if flow else None)
        heard = {port: [program.Told(*one) for one in some] for port, some in (listeners or {}).items()}
        return intent.judge(clauses, [subject], heard, vantage, SEVERITIES)

    def words(self, *arguments, **more):
        return "; ".join(f"{subject} {words}" for subject, words, _ in self.judge(*arguments, **more).wrong)

    def test_told_as_intended(self):
        for level in ("certain", "probable", "possible"):
            result = self.judge("40001 intend rst_linger0 server=certain", [("rst_linger0", level, 9)])
            self.assertEqual((result.right, result.intended, result.wrong), (1, 1, []))

    def test_too_confident(self):
        text = "40001 intend rst_linger0 server=probable"
        self.assertIn("can honour probable", self.words(text, [("rst_linger0", "certain", 9)]))
        twice = [("rst_linger0", "possible", 8), ("rst_linger0", "certain", 9)]
        self.assertIn("can honour probable", self.words(text, twice))

    def test_not_told(self):
        self.assertIn("40001=rst_linger0 not told; told is handshake_complete (certain)",
                      self.words("* intend rst_linger0 server=possible", [("handshake_complete", "certain", 3)]))

    def test_told_though_it_cannot_be_known(self):
        text = "40001 intend rst_linger0 server=certain client=-"
        self.assertIn("cannot be known at the client", self.words(text, [("rst_linger0", "possible", 9)], "client"))
        self.assertIn("cannot be known at the middle", self.words(text, [("rst_linger0", "possible", 9)], "middle"))
        self.assertEqual(self.words(text, [], "client"), "")

    def test_wrong_certain(self):
        text = "40001 intend handshake_complete server=certain"
        told = [("handshake_complete", "certain", 3)]
        self.assertIn("WRONG CERTAIN", self.words(text, told + [("rst_linger0", "certain", 9)]))
        self.assertEqual(self.words(text, told + [("rst_linger0", "probable", 9)]), "")
        self.assertEqual(self.words(text, told + [("close_four_way", "certain", 9)]), "")
        self.assertEqual(self.words(text + "\n40001 also rst_linger0", told + [("rst_linger0", "certain", 9)]), "")

    def test_false_alarm(self):
        self.assertIn("FALSE ALARM", self.words("40001 bystander", [("rst_linger0", "possible", 9)]))
        self.assertEqual(self.words("40001 bystander", [("close_four_way", "certain", 9)]), "")

    def test_nobody_covers_it(self):
        self.assertIn("no line of intent.txt covers", self.words("40001 also rst_linger0"))
        self.assertIn("neither kernel nor program knows", self.words("* bystander\n40002 bystander"))
        self.assertEqual(self.words("* bystander\n40002 bystander", vantage="client"), "")
        text = "* bystander\n40002 intend rst_linger0 client=certain"
        self.assertIn("neither kernel nor program knows", self.words(text, vantage="client"))

    def test_listener(self):
        text = "* bystander\nlistener:8080 intend overflow_interval server=certain"
        self.assertEqual(self.words(text, listeners={"8080": [("overflow_interval", "certain", 4)]}), "")
        self.assertIn("listener:8080=overflow_interval not told", self.words(text))
        heard = {"8080": [("overflow_interval", "certain", 4)]}
        self.assertIn("WRONG CERTAIN", self.words("* bystander", listeners=heard))

    def test_connection_that_never_passed(self):
        self.assertEqual(self.words("* intend handshake_complete client=certain", flow=False), "")
        self.assertIn("not told", self.words("40001 intend handshake_complete server=certain", flow=False))
        self.assertEqual(self.words("40001 intend handshake_complete server=-", flow=False), "")

    def test_later_is_counted(self):
        self.assertEqual(self.judge("40001 bystander\n40001 later keepalive_probe").pending, ["keepalive_probe"])

    def test_who(self):
        second = intent.Subject("10.66.1.2:40001", 2, 1, frozenset(("10.66.1.2:40001", SERVER)))
        for who, wanted in (("*", True), ("40001", False), ("40001#2", True), ("10.66.1.2:40001", True),
                            (CLIENT, False), ("10.66.1.2:40001#2", False), ("8080", False)):
            self.assertEqual(intent.means(who, second), wanted, who)
        self.assertEqual(second.name, "10.66.1.2:40001")

    def test_faults_of_the_file(self):
        for line, words in (("40001 intend nonsense server=certain", "no finding"),
                            ("40001 intend rst_linger0 tap=certain", "not a level"),
                            ("40001 intend rst_linger0 server=sure", "not a level"),
                            ("40001 wants rst_linger0", "not a form"), ("40001", "not a form"),
                            ("40001 later rst_linger0", "no longer for later")):
            clauses, faults = intent.read(line, SEVERITIES)
            self.assertEqual(clauses, [])
            self.assertIn(words, faults[0])


# -- the whole ------------------------------------------------------------------------------------------------------

FLOW_COLUMNS = ("flow_id", "start_ns", "duration_s", "client_ip", "client_port", "server_ip", "server_port",
                "handshake",
                "handshake_confidence", "close", "close_confidence", "first_frame", "last_frame", "client_path",
                "server_path", "reuse_of")
EVENT_COLUMNS = ("flow_id", "time_ns", "frame", "server_port", "actor", "event", "finding", "confidence", "from_state",
                 "to_state", "text")
FAKE = """#!/usr/bin/env python3
import json, sys
with open(__file__ + ".json") as file:
    said = json.load(file)
print(said[sys.argv[1]])
sys.exit(said.get("status", 0))
"""


def comma(columns, lines):
    return "\n".join([",".join(columns)] + [",".join(str(line.get(column, "")) for column in columns)
                                            for line in lines])


def told_tables(client=CLIENT_PATH, server=SERVER_PATH, findings=()):
    """The tables flows and events of a program that tells these paths and findings of the healthy connection."""
    flow = {"flow_id": "c1f1", "start_ns": int(T * 1e9), "duration_s": "0.1501", "client_ip": "10.66.1.1",
            "client_port": 40001,
            "server_ip": "10.66.1.100", "server_port": 8080, "handshake": "complete", "handshake_confidence": "certain",
            "close": "four_way", "close_confidence": "certain", "first_frame": 1, "last_frame": 9,
            "client_path": ";".join(state for state, _ in client),
            "server_path": ";".join(state for state, _ in server)}
    events = []
    for actor, path, frames in (("client", client, CLIENT_FRAMES), ("server", server, SERVER_FRAMES)):
        for (state, at), frame in zip(path, frames):
            events.append({"flow_id": "c1f1", "time_ns": int((T + at) * 1e9), "frame": frame, "actor": actor,
                           "event": "state",
                           "confidence": "certain", "from_state": "LISTEN", "to_state": state})
    for finding, confidence in findings:
        events.append({"flow_id": "c1f1", "time_ns": int(T * 1e9), "frame": 9, "event": "finding", "finding": finding,
                       "confidence": confidence})
    return {"flows": comma(FLOW_COLUMNS, [flow]), "events": comma(EVENT_COLUMNS, events),
            "findings": "\n".join(f"{name}\n    {severity}   Words." for name, severity in SEVERITIES.items())}


SOCKETS = f"""# a case
client socket {CLIENT} {SERVER} {T:.6f} SYN_SENT+0 ESTABLISHED+.0001 FIN_WAIT1+.1 FIN_WAIT2+.1001 CLOSE+.1001
server request {SERVER} {CLIENT} {T:.6f} SYN_RECV+0 gone+.0002
server socket {SERVER} {CLIENT} {T + .0002:.6f} SYN_RECV+0 ESTABLISHED+0 CLOSE_WAIT+.0998 LAST_ACK+.1498 CLOSE+.1499
client timewait {CLIENT} {SERVER} {T + .1001:.6f} FIN_WAIT2+0 TIME_WAIT+.0499
# recorded until {T + 1:.6f}
"""
INTENT = "* intend close_four_way server=certain client=certain middle=certain\n"


class Whole(unittest.TestCase):
    """agree.py over a folder."""

    def setUp(self):
        self.root = self.enterContext(tempfile.TemporaryDirectory())
        self.folder = os.path.join(self.root, "captures", "close", "rec_one")
        os.makedirs(self.folder)
        self.write("sockets.txt", SOCKETS)
        self.write("intent.txt", INTENT)
        self.write("kernel.txt", HEADER)
        frames = [(s.at, ethernet(packet(s.src, s.dst, s.flags, s.seq, s.ack, b"x" * s.length))) for s in healthy()]
        with open(os.path.join(self.folder, "capture.pcap"), "wb") as file:
            file.write(pcap(frames))
        self.program = os.path.join(self.root, "program")
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(FAKE)
        os.chmod(self.program, os.stat(self.program).st_mode | stat.S_IXUSR)
        self.exceptions = os.path.join(self.root, "exceptions.txt")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def agree(self, *options, said=None, status=0):
        """(exit status, output)"""
        with open(self.program + ".json", "w", encoding="utf-8") as file:
            json.dump({**(said or told_tables()), "status": status}, file)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = agree.main([os.path.join(self.root, "captures"), self.program, "--exceptions", self.exceptions,
                               *options])
        return code, out.getvalue()

    def fails(self, words, *options, **more):
        code, out = self.agree(*options, **more)
        self.assertEqual(code, 1, out)
        self.assertIn(words, out)
        return out

    def test_agreement(self):
        code, out = self.agree()
        self.assertEqual(code, 0, out)
        self.assertIn("ok 1 - close/rec_one server: paths 2/2, ids 1/1", out)
        self.assertTrue(out.endswith("1..1\n"))

    def test_path_disagreement_shows_both_histories(self):
        out = self.fails("40001/client: FIN_WAIT2 at", said=told_tables(CLIENT_PATH[:3] + CLIENT_PATH[4:]))
        self.assertIn("kernel:  SYN_SENT+0.000000 ESTABLISHED+0.000100 FIN_WAIT1+0.100000 FIN_WAIT2", out)
        self.assertIn("program: SYN_SENT+0.000000@1", out)
        self.assertIn("paths 1/2", out)

    def test_invented_state_names_its_frame(self):
        path = SERVER_PATH[:3] + (("CLOSING", .15),) + SERVER_PATH[4:]
        self.fails("CLOSING (certain) at frame 8 is told, the kernel was never there [frames 8]",
                   said=told_tables(server=path))

    def test_flows_and_events_must_not_contradict_each_other(self):
        said = told_tables()
        said["flows"] = said["flows"].replace("TIME_WAIT", "CLOSED")
        self.fails("c1f1 client: flows says", said=said)

    def test_intent(self):
        other = {**told_tables(), "flows": told_tables()["flows"].replace("four_way", "three_way")}
        self.fails("40001=close_four_way: not told", said=other)
        self.fails("WRONG CERTAIN", said=told_tables(findings=[("rst_linger0", "certain")]))
        self.write("intent.txt", "")
        self.fails("no line of intent.txt covers this connection")
        self.write("intent.txt", INTENT + "40001 intend nonsense server=certain\n")
        self.fails("nonsense is no finding")
        os.remove(os.path.join(self.folder, "intent.txt"))
        self.fails("intent.txt is missing")

    def test_exceptions(self):
        said = told_tables(CLIENT_PATH[:3] + CLIENT_PATH[4:])
        with open(self.exceptions, "w", encoding="utf-8") as file:
            file.write("# known\nclose/rec_one server 40001/client a reason\n")
        code, out = self.agree(said=said)
        self.assertEqual(code, 0, out)
        self.assertIn("known gap: 40001/client", out)
        self.fails("no longer needed: close/rec_one server 40001/client")
        with open(self.exceptions, "w", encoding="utf-8") as file:
            file.write("close/rec_one server\n")
        self.assertEqual(self.agree()[0], 2)

    def test_table(self):
        path = os.path.join(self.root, "agreement.md")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"# Agreement\n{report.BEGIN}\n{report.END}\nThe end.\n")
        self.fails("holds the table of this run", "--check-table", path)
        self.assertEqual(self.agree("--table", path)[0], 0)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("| close/rec_one | server | 1 | 0 | 2/2 | 1/1 | 0 |  |", text)
        self.assertTrue(text.endswith("The end.\n"))
        self.assertEqual(self.agree("--check-table", path)[0], 0)
        self.fails("this run:  | close/rec_one | server | 1 | 0 | 2/2 | 0/1", "--check-table", path,
                   said={**told_tables(), "flows": told_tables()["flows"].replace("four_way", "three_way")})
        self.fails("this run:  | close/rec_one | server | 1 | 0 | 2/2 | 1/1 | 1 |", "--check-table", path,
                   said=told_tables(findings=[("rst_linger0", "probable")]))
        os.remove(path)
        self.assertEqual(self.agree("--check-table", path)[0], 2)

    def test_lines_that_are_gone_from_the_record(self):
        for side, words in (("client", "it acknowledges, and the kernel's record has no socket"),
                            ("server", "the kernel was never there"), ("", "it acknowledges")):
            kept = [line for line in SOCKETS.splitlines() if line[0] == "#" or not line.startswith(side)]
            self.write("sockets.txt", "\n".join(kept))
            self.fails(words)
        self.write("sockets.txt", "\n".join(line for line in SOCKETS.splitlines() if " request " not in line))
        self.fails("1 children without a request, the server's kernel counted 0")
        self.write("kernel.txt", HEADER + "[counters of the server] x\nTcpExtSyncookiesRecv 1\n")
        self.assertEqual(self.agree()[0], 0)
        self.write("sockets.txt", SOCKETS.rpartition("#")[0])
        self.fails("is cut")
        self.write("sockets.txt", SOCKETS)
        os.remove(os.path.join(self.folder, "kernel.txt"))
        self.fails("kernel.txt")

    def test_endpoints_without_a_socket_are_counted(self):
        self.write("sockets.txt", "\n".join(line for line in SOCKETS.splitlines() if not line.startswith("client")))
        self.assertIn("endpoints without a kernel socket 1", self.agree()[1])

    def test_a_scripted_server_has_no_socket(self):
        self.write("sockets.txt", "\n".join(line for line in SOCKETS.splitlines() if not line.startswith("server")))
        self.fails("the kernel was never there")
        with open(os.path.join(self.folder, "intent.txt"), "a", encoding="utf-8") as file:
            file.write("\n40001 scripted\n")
        self.assertNotIn("the kernel was never there", self.agree()[1])

    def test_a_translated_client_has_its_socket_elsewhere(self):
        self.write("sockets.txt", "\n".join(line for line in SOCKETS.splitlines() if not line.startswith("client")))
        self.fails("it acknowledges, and the kernel's record has no socket")
        with open(os.path.join(self.folder, "intent.txt"), "a", encoding="utf-8") as file:
            file.write("\n40001 translated\n")
        self.assertEqual(self.agree()[0], 0)

    def test_dates(self):
        shifted = tuple((state, at + .001) for state, at in SERVER_PATH)
        out = self.fails("CLOSED is dated +0.001000 s off its own frame 9", said=told_tables(server=shifted))
        self.assertEqual(out.count("off its own frame"), 5)

    def test_names_that_do_not_exist(self):
        for name in ("close/rec_two", "close", "nonsense"):
            code, out = self.agree("close/rec_one", name)
            self.assertEqual(code, 2)
            self.assertIn(f"{name} is no recorded case", out)
        for key in ("close/rec_two server", "close/rec_one middle", "close/rec_one servr"):
            with open(self.exceptions, "w", encoding="utf-8") as file:
                file.write(f"{key} 40001/server a reason\n")
            self.fails(f"exceptions.txt: no such case or vantage: {key} 40001/server")

    def test_a_reader_that_leaves(self):
        self.agree()
        here = os.path.dirname(os.path.abspath(__file__))
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([sys.executable, os.path.join(here, "agree.py"), os.path.join(self.root, "captures"),
                               self.program, "--exceptions", self.exceptions], stdout=writing, stderr=subprocess.PIPE,
                              check=False)
        os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_program_that_fails(self):
        code, out = self.agree(status=3)
        self.assertEqual(code, 2)
        self.assertIn("Bail out!", out)

    def test_nothing_to_compare(self):
        os.remove(os.path.join(self.folder, "sockets.txt"))
        out = self.fails("there is something to compare")
        self.assertIn("without a kernel record, not compared: close/rec_one", out)

    def test_empty_record(self):
        self.write("sockets.txt", "# recorded until 1001.0\n")
        self.fails("no endpoint could be compared", said={**told_tables(), "flows": ",".join(FLOW_COLUMNS),
                                                               "events": ",".join(EVENT_COLUMNS)})

    def test_damaged_record(self):
        self.write("sockets.txt", "server thing a b 1000 SYN_RECV+0\n")
        self.fails("not a line of sockets.txt")

    def test_connection_that_is_not_told(self):
        said = told_tables()
        said["flows"], said["events"] = said["flows"].splitlines()[0], said["events"].splitlines()[0]
        self.fails("SYN_SENT at 1000.000000 is not told", said=said)


class Tap(unittest.TestResult):
    """Results as TAP."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def tell(self, test, good, words=""):
        self.number += 1
        print(f"{'ok' if good else 'not ok'} {self.number} - {test.id().removeprefix('__main__.')}")
        for line in words.splitlines():
            print(f"# {line}")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(test, False, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(test, False, self.errors[-1][1])


def main():
    result = Tap()
    unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]).run(result)
    print(f"1..{result.number}")
    return 0 if result.wasSuccessful() and result.number else 1


if __name__ == "__main__":
    sys.exit(main())
