#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The comparison of settings can fail: what is planted in a small fixture must be reported.

    test_settings.py       TAP
"""

import contextlib
import io
import os
import stat
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # no litter in the source tree

import settings  # noqa: E402
from test_agree import Tap  # noqa: E402

ACCOUNT = """Linux 6.18: its account of close/rec_one
[settings]
net.ipv4.tcp_synack_retries server=5 client=3
net.ipv4.tcp_orphan_retries server=0 client=2
net.core.somaxconn server=4096 client=4096
[socket options] side, its port (0: any of its clients), option, value
client 0 TCP_KEEPIDLE 7
server 8080 TCP_DEFER_ACCEPT 5
[accept queues of the server] ss -lnt once a second
1000.0 10.66.1.100:8080 0 4
1001.0 10.66.1.100:8080 5 4
[sockets by state]
"""
SOCKETS = """# side, kind, local end
server socket 10.66.1.100:8080 0.0.0.0:0 1000.0 LISTEN+0.0
client socket [fd00::1]:40001 [fd00::100]:8080 1000.0 SYN_SENT+0.0
"""
HEADER = "capture,host,port,setting,min,max,basis,evidence_count,frames,known,verdict\n"


class Settings(unittest.TestCase):
    """Each method is one fixture: rows that the program says, and whether the comparison minds them."""

    def run_on(self, *rows, account=ACCOUNT, status=0, frames="7"):
        with tempfile.TemporaryDirectory() as root:
            folder = f"{root}/close/rec_one"
            os.makedirs(folder)
            said = HEADER + "".join(f"x,{row},basis,1,{frames},,not_judged\n" for row in rows)
            for name, text in (("kernel.txt", account), ("sockets.txt", SOCKETS), ("capture.pcap", ""), ("said", said)):
                with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                    file.write(text)
            program = f"{root}/program"
            with open(program, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\ncat {folder}/said\nexit {status}\n")
            os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = settings.main([root, program])
            return code, out.getvalue()

    def agrees(self, *rows, **more):
        code, out = self.run_on(*rows, **more)
        self.assertEqual(code, 0, out)
        return out

    def disagrees(self, *rows, code=1, **more):
        got, out = self.run_on(*rows, **more)
        self.assertEqual(got, code, out)
        self.assertIn("not ok", out)

    def test_value_inside(self):
        out = self.agrees("10.66.1.100,,tcp_synack_retries,3,", "fd00::1,,tcp_synack_retries,3,3")
        self.assertRegex(out, r"tcp_synack_retries +4 +2 +2 +0")

    def test_below(self):
        self.disagrees("10.66.1.100,,tcp_synack_retries,6,")

    def test_above(self):
        self.disagrees("10.66.1.100,,tcp_synack_retries,1,4")

    def test_other_side(self):
        self.disagrees("fd00::1,,tcp_synack_retries,5,5")

    def test_zero_orphan_retries_are_eight(self):
        self.agrees("10.66.1.100,,tcp_orphan_retries,8,8")
        self.disagrees("10.66.1.100,,tcp_orphan_retries,0,7")

    def test_backlog(self):
        self.agrees("10.66.1.100,8080,backlog,3,4")
        self.disagrees("10.66.1.100,8080,backlog,5,5")

    def test_without_frames(self):
        self.disagrees("10.66.1.100,8080,backlog,3,4", frames="")

    def test_time_wait(self):
        self.agrees("10.66.1.100,,TIME_WAIT,55,")
        self.disagrees("10.66.1.100,,TIME_WAIT,61,")

    def test_socket_options(self):
        self.agrees("10.66.1.100,8080,TCP_DEFER_ACCEPT,4,7", "fd00::1,,TCP_KEEPIDLE,7,7")
        self.disagrees("10.66.1.100,8080,TCP_DEFER_ACCEPT,2,3")
        self.disagrees("10.66.1.100,8081,TCP_DEFER_ACCEPT,4,7")

    def test_kernels_own_timers(self):
        self.agrees("10.66.1.100,,tcp_rto_min_us,1,300000", "10.66.1.100,,delayed ACK,40,44")
        self.disagrees("10.66.1.100,,tcp_rto_max_ms,1000,2000")
        self.disagrees("10.66.1.100,,delayed ACK,12,44")

    def test_router_taken_for_an_end(self):
        for told, wrong in (("middle", 0), ("unknown", 1), ("server", 1)):
            with tempfile.TemporaryDirectory() as root:
                with open(f"{root}/middle.pcap", "w", encoding="ascii"):
                    pass
                with open(f"{root}/program", "w", encoding="ascii") as file:
                    file.write(f"#!/bin/sh\necho vantage\necho {told}\n")
                os.chmod(f"{root}/program", 0o700)
                self.assertEqual(bool(settings.compare_vantage(root, f"{root}/program")), bool(wrong), told)

    def test_strangers_are_left_aside(self):
        self.disagrees("192.0.2.1,,tcp_synack_retries,9,9", code=2)

    def test_nothing_told(self):
        self.disagrees(code=2)

    def test_failed_program(self):
        self.disagrees("10.66.1.100,,tcp_synack_retries,3,", status=3)

    def test_no_account(self):
        self.disagrees("10.66.1.100,,tcp_synack_retries,3,", account="Linux 6.18\n")


def main():
    result, here = Tap(), sys.modules["__main__"]
    unittest.defaultTestLoader.loadTestsFromTestCase(here.Settings).run(result)
    print(f"1..{result.number}")
    return 0 if result.wasSuccessful() and result.number else 1


if __name__ == "__main__":
    sys.exit(main())
