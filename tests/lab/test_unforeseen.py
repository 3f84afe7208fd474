#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The comparison of findings with what the server's kernel counted can fail: what is told in vain must be reported.

    test_unforeseen.py       TAP
"""

import contextlib
import io
import os
import stat
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # no litter in the source tree

import unforeseen  # noqa: E402
from test_agree import Tap  # noqa: E402

ACCOUNT = """Linux 6.18: its account of random/rec_0001
[counters of the server] differences, without zeros
TcpPassiveOpens 30
TcpExtListenOverflows 20
[counters of the client] differences, without zeros
TcpExtTCPReqQFullDrop 9
"""


class Unforeseen(unittest.TestCase):
    """Each method is one fixture: findings that the program tells, and whether the comparison minds them."""

    def run_on(self, *told):
        with tempfile.TemporaryDirectory() as root:
            folder = f"{root}/random/rec_0001"
            os.makedirs(folder)
            said = "finding,confidence\n" + "".join(f"{finding},{level}\n" for finding, level in told)
            for name, text in (("kernel.txt", ACCOUNT), ("capture.pcap", ""), ("said", said)):
                with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                    file.write(text)
            program = f"{root}/program"
            with open(program, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\ncat {folder}/said\n")
            os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = unforeseen.main([root, program])
            return code, out.getvalue()

    def test_what_was_counted_may_be_told(self):
        code, out = self.run_on(("overflow_interval", "certain"), ("normal", "certain"))
        self.assertEqual(code, 0)
        self.assertIn("accept queue: told at the server in 1 of 1", out)

    def test_not_told_is_counted(self):
        code, out = self.run_on()
        self.assertEqual(code, 0)
        self.assertIn("accept queue: told at the server in 0 of 1", out)

    def test_cookies_in_vain(self):
        code, out = self.run_on(("handshake_synack_cookie", "possible"), ("handshake_synack_cookie", "probable"))
        self.assertEqual(code, 1)
        self.assertIn("told is handshake_synack_cookie (probable)", out)

    def test_the_clients_counters_do_not_excuse(self):
        self.assertEqual(self.run_on(("synq_full_interval", "certain"))[0], 1)

    def test_perhaps_is_no_claim(self):
        self.assertEqual(self.run_on(("synq_full_interval", "possible"))[0], 0)


def main():
    result, here = Tap(), sys.modules["__main__"]
    unittest.defaultTestLoader.loadTestsFromTestCase(here.Unforeseen).run(result)
    print(f"1..{result.number}")
    return 0 if result.wasSuccessful() and result.number else 1


if __name__ == "__main__":
    sys.exit(main())
