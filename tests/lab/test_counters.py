#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""counters.py can fail: wrong bounds, told by a program made here, must be reported.

    test_counters.py          TAP
"""

import contextlib
import io
import os
import stat
import struct
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # no litter in the source tree

import counters  # noqa: E402
import program  # noqa: E402

SERVER, CLIENT = "10.66.1.100", "10.66.1.1"
KERNEL = """Linux 6.18: its account of close/rec_one
[counters of the server] differences, without zeros
TcpPassiveOpens 2
TcpOutRsts 3
[counters of the client] differences, without zeros
TcpActiveOpens 2
[drops] epoch seconds, source, destination, flags, reason
1000.0 10.66.1.1:40001 10.66.1.100:8080 R NETFILTER_DROP
"""
SOCKETS = f"""# side, kind, local end, remote end
server socket {SERVER}:8080 {CLIENT}:40001 1000.0 ESTABLISHED+0.0
client socket {CLIENT}:40001 {SERVER}:8080 1000.0 ESTABLISHED+0.0
"""
# What a faithful program tells of either host, by the vantage it was given; the rest is exact.
NEAR = {SERVER: "TcpPassiveOpens 2 2 # x\nTcpOutRsts 3 3 # x\n", CLIENT: "TcpActiveOpens 2 2 # x\n"}
# One SYN from the client to the server.
RECORD = (bytes(12) + b"\x08\x00"
          + b"\x45\0\0\x28\0\0\x40\0\x40\x06\0\0" + bytes((10, 66, 1, 1, 10, 66, 1, 100))
          + struct.pack(">HHIIBBHHH", 40001, 8080, 1, 0, 0x50, 2, 64240, 0, 0))
CAPTURE = (struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
           + struct.pack("<IIII", 1000, 0, len(RECORD), len(RECORD)) + RECORD)
FAKE = """#!{python} -IS
import sys
words = sys.argv
if words[1] == "flows":
    print("client_ip,server_ip,vantage,damage")
    print({client!r} + "," + {server!r} + ",same_host," + {damage!r})
    sys.exit()
hosts = [words[words.index("--host") + 1]] if "--host" in words else [{server!r}, {client!r}]
vantage = words[words.index("--vantage") + 1] if "--vantage" in words else None
near = {near!r}
part = {{"-f", "-A", "-B"}} & {{*words}} or words[-1][-12:] != "capture.pcap"
for host in hosts:
    side = {{{server!r}: "server", {client!r}: "client"}}[host]
    if side == vantage and (not part or {blind!r}):
        print("#host", host + ": captured at this host; counters told here that are not listed are 0; of x")
        print(near[host], end="")
    else:
        print("#host", host + ": captured elsewhere: lower bounds only; of x")
        print({far!r}, end="")
"""


def run(near=None, far="", arguments=(), damage="", blind=False):
    """(status, output) of counters.py over one case folder and a program that tells this.  blind: it does not see what
    was left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        case = f"{folder}/captures/close/rec_one"
        os.makedirs(case)
        for file, content in (("kernel.txt", KERNEL.encode()), ("sockets.txt", SOCKETS.encode()), ("capture.pcap", CAPTURE)):
            with open(f"{case}/{file}", "wb") as out:
                out.write(content)
        fake = f"{folder}/program"
        with open(fake, "w", encoding="utf-8") as out:
            out.write(FAKE.format(python=sys.executable, near={**NEAR, **(near or {})}, server=SERVER, client=CLIENT, far=far, damage=damage,
                                  blind=blind))
        os.chmod(fake, os.stat(fake).st_mode | stat.S_IXUSR)
        table = f"{folder}/counters.md"
        with open(table, "w", encoding="utf-8") as out:
            out.write(f"text\n{counters.BEGIN}\n{counters.END}\n")
        words = [word.replace("TABLE", table) for word in arguments]
        with contextlib.redirect_stdout(io.StringIO()) as output:
            status = counters.main([f"{folder}/captures", fake, *words])
        with open(table, encoding="utf-8") as file:
            return status, output.getvalue() + file.read()


class CanFail(unittest.TestCase):
    def test_faithful(self):
        status, output = run()
        self.assertEqual(status, 0, output)
        self.assertIn("kernel above 0: 3, bounded below 3, exact 3", output)

    def test_too_low(self):
        self.assertIn("TcpPassiveOpens 1..1, the kernel counted 2", run({SERVER: "TcpPassiveOpens 1 1 # x\n"})[1])

    def test_too_high(self):
        self.assertEqual(run({CLIENT: "TcpActiveOpens 3 - # x\n"})[0], 1)

    def test_not_listed_near_is_none(self):
        self.assertEqual(run({CLIENT: ""})[0], 1)

    def test_counted_none_told_some(self):
        self.assertEqual(run({CLIENT: "TcpActiveOpens 2 2 # x\nTcpExtTW 1 1 # x\n"})[0], 1)

    def test_no_bound_holds_but_is_not_exact(self):
        status, output = run({CLIENT: "TcpActiveOpens 0 - # x\n"})
        self.assertEqual(status, 0, output)
        self.assertIn("bounded below 2, exact 2", output)

    def test_far_says_too_much(self):
        self.assertEqual(run(far="TcpOutRsts 4 - # x\n")[0], 1)

    def test_bounded_though_records_were_left_out(self):
        self.assertIn("-B 1000.000000: TcpOutRsts 3..3, though what was left out", run(blind=True)[1])

    def test_damaged(self):
        damaged = {CLIENT: "TcpActiveOpens 2 2 # x\n", SERVER: "TcpPassiveOpens 2 2 # x\nTcpOutRsts 9 9 # x\n"}
        self.assertIn("flags: TcpOutRsts 9..9, the kernel counted 3", run(damaged, damage="gap", blind=True)[1])
        self.assertNotIn("flags: ", run(damaged, blind=True)[1])

    def test_unknown_counter(self):
        self.assertEqual(run({CLIENT: "TcpNothing 2 2 # x\n"})[0], 2)

    def test_not_a_line_of_nstat(self):
        self.assertEqual(run({CLIENT: "TcpActiveOpens 2 2 x x\n"})[0], 2)

    def test_nothing_exact_at_all(self):
        anything = {host: "".join(f"{name} 0 - # x\n" for name in counters.known_counters()) for host in NEAR}
        self.assertEqual(run(anything)[0], 1)

    def test_table(self):
        status, output = run(arguments=["--table", "TABLE"])
        self.assertEqual(status, 0, output)
        self.assertIn("| TcpOutRsts | server | 1 | 1/1 | 1/1 | - |", output)
        self.assertEqual(run(arguments=["--check-table", "TABLE"])[0], 1)

    def test_a_host_is_told_once(self):
        with self.assertRaises(program.ProgramError):
            counters.sections("#host a: captured\n#host b: captured\n#host a: captured\n")


class Slack(unittest.TestCase):
    def hold(self, name, low, high, value, slack=(False, False, 0, 0)):
        return counters.holds(name, counters.Bounds(low, high), {name: value}, counters.Slack(*slack))

    def test_part_of_it(self):
        self.assertTrue(self.hold("TcpExtTW", 1, 1, 5, (True, False, 0, 0)))
        self.assertFalse(self.hold("TcpExtTW", 6, 6, 5, (True, False, 0, 0)))

    def test_hand_made(self):
        self.assertTrue(self.hold("TcpRetransSegs", 3, 3, 0, (False, True, 0, 0)))
        self.assertFalse(self.hold("TcpRetransSegs", 0, 0, 1, (False, True, 0, 0)))

    def test_unsent_resets(self):
        self.assertTrue(self.hold("TcpOutRsts", 1, 1, 3, (False, False, 2, 0)))
        self.assertFalse(self.hold("TcpOutRsts", 1, 1, 4, (False, False, 2, 0)))
        self.assertFalse(self.hold("TcpExtTW", 1, 1, 3, (False, False, 2, 0)))

    def test_unheard_resets(self):
        self.assertTrue(self.hold("TcpEstabResets", 2, 2, 0, (False, False, 0, 2)))
        self.assertFalse(self.hold("TcpEstabResets", 3, 3, 0, (False, False, 0, 2)))
        self.assertFalse(self.hold("TcpExtTW", 2, 2, 0, (False, False, 0, 2)))

    def test_drops(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(KERNEL + "(cut: 7 more drops are counted in the totals above)\n")
            file.flush()
            unsent, unheard = counters.read_drops(file.name)
        self.assertEqual((unsent["client"], unsent["server"]), (8, 7))
        self.assertEqual((unheard["client"], unheard["server"]), (7, 8))

    def test_whose_address(self):
        kernels = [counters.kernel_of(one) for one in (SERVER, CLIENT, "10.66.1.50", "fd00:66:1::100", "fd00:66:1::2",
                                                       "198.18.0.1", "::")]
        self.assertEqual(kernels, ["server", "client", None, "server", "client", None, None])


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    tests = [test for group in suite for test in group]
    failed = 0
    for number, test in enumerate(tests, 1):
        result = unittest.TestResult()
        test.run(result)
        good = result.wasSuccessful()
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {test.id().removeprefix('__main__.')}")
        for _, trace in result.failures + result.errors:
            print("\n".join(f"# {line}" for line in trace.splitlines()))
    print(f"1..{len(tests)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
