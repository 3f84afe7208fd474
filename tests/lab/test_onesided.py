#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""onesided.py can fail: rows that are made up for a damaged capture, and what it has to say of them.  TAP."""

import collections
import os
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import case  # noqa: E402
import damaged  # noqa: E402
import onesided  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402
import segments  # noqa: E402

CLIENT, SERVER = "10.0.0.1:40001", "10.0.0.9:80"
REAL = "close/rec_four_way"


def sent(flags, frame=1):
    return segments.Segment(frame, 0.0, CLIENT, SERVER, flags)


def came(flags, frame=1):
    return segments.Segment(frame, 0.0, SERVER, CLIENT, flags)


PASSED = [sent("S"), came("SA"), sent("A"), sent("PA"), None, came("FA")]


def flow(handshake="midstream", client=CLIENT, server=SERVER, client_bytes=9, missed=0, first="ESTABLISHED", pkts=3):
    columns = {"handshake": handshake, "client_bytes": str(client_bytes), "server_bytes": "0", "server_missed_bytes": "0",
               "client_missed_bytes": str(missed), "client_pkts": str(pkts), "server_pkts": "2"}
    rows = {"client": [program.Row(first, 0.0, 1, "certain", "UNKNOWN")], "server": []}
    return program.Flow("c1f1", client, server, 0.0, 1, 9, columns, rows)


WHOLE = {frozenset((CLIENT, SERVER)): [{CLIENT: 10, SERVER: 0}]}


def bytes_of(one):
    return list(onesided.check_bytes(one, collections.defaultdict(list, WHOLE)))


def real_complaints(options, change):
    """What is said of a real case, of which `change` changes what the program told."""
    folder = case.Folder(options[0], REAL)
    with open(folder.files["server"], "rb") as file:
        data = file.read()
    left = onesided.cut(damaged.read_segments(data), 2)
    with tempfile.TemporaryDirectory() as there:
        path = os.path.join(there, "part.pcap")
        with open(path, "wb") as file:
            file.write(damaged.written(data, left))
        output = program.read(options[1], path, "server")
        change(output)
        return list(onesided.wrong_states(onesided.Part(folder, path), output, folder.intent(())[0]))


def add_state(confidence):
    def change(output):
        rows = output.flows[0].paths["server"]
        rows.append(program.Row("CLOSING", rows[-1].at, rows[-1].frame, confidence, rows[-1].state))
    return change


def cases(options):
    yield "one direction is the server's", onesided.directions(PASSED, {"10.0.0.9"})["server"] == [
        False, True, False, False, False, True]
    yield "the other one is the client's", onesided.directions(PASSED, {"10.0.0.9"})["client"] == [
        True, False, True, True, False, False]
    yield "the first records of a connection are cut", onesided.cut(PASSED, 2) == [False, False, True, True, True, True]
    yield "no SYN and midstream is right", not list(onesided.check_opening(flow(), [sent("A")]))
    yield "no SYN and a handshake is wrong", len(list(onesided.check_opening(flow("complete"), [sent("A")]))) == 1
    yield "... but not where one is left", not list(onesided.check_opening(flow("complete"), [sent("S")]))
    yield "no SYN and SYN_SENT is wrong", len(list(onesided.check_opening(flow(first="SYN_SENT"), [sent("A")]))) == 1
    yield "who sent the SYN is the client", not list(onesided.check_roles(flow(), [sent("S")]))
    yield "who sent the SYN+ACK is not", len(list(onesided.check_roles(flow(client=SERVER, server=CLIENT), [came("SA")]))) == 1
    yield "as many bytes as there were are right", not bytes_of(flow(client_bytes=9, missed=1))
    yield "more are wrong", len(bytes_of(flow(client_bytes=9, missed=2))) == 1
    yield "a FIN that was not seen may count as one", not bytes_of(flow(client_bytes=0, missed=11, pkts=0))
    yield "two may not", len(bytes_of(flow(client_bytes=0, missed=12, pkts=0))) == 1
    yield "what the program tells of a real one is right", not real_complaints(options, lambda output: None)
    yield "a state that no kernel was in is wrong", len(real_complaints(options, add_state("certain"))) == 1
    yield "... but not if it is told as probable", not real_complaints(options, add_state("probable"))


def main():
    return report.tell_all(cases(sys.argv[1:3]))


if __name__ == "__main__":
    sys.exit(main())
