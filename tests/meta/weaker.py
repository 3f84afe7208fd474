# SPDX-License-Identifier: MIT
"""What is told of a part of a capture, held against what is told of the whole.

A part may say less, and other things where it cannot know better.  How a connection opened and closed it tells as
far as it reaches.  But no cause above info is certain that the whole does not name for that connection at all, and
there is no handshake where there is no SYN.  Of records that were lost this is asked only where what is left of the
connection shows that some are missing.
"""

import collections

import tables

CAUSES = ("finding", "begin")
DESCRIBES = ("handshake_", "close_")  # how it opened and closed
GENERAL = {"rst_no_socket": "rst_"}  # where the reason is missing, its sender does not have the connection any more
SHOWN = {"gap", "start_cut", "one_way"}  # words of `damage`


def rows_of(table):
    columns, rows = table
    return (dict(zip(columns, row)) for row in rows)


def pair(row):
    return frozenset(((row["client_ip"], row["client_port"]), (row["server_ip"], row["server_port"])))


def told(events):
    """{pair of ends: {finding: a row that tells it, the most certain one}}"""
    found = collections.defaultdict(dict)
    for row in rows_of(events):
        if row["flow_id"] and row["event"] in CAUSES and not row["finding"].startswith(DESCRIBES):
            known = found[pair(row)].get(row["finding"])
            if not known or row["confidence"] == "certain":
                found[pair(row)][row["finding"]] = row
    return found


def invented(flows):
    """Handshakes of connections without a SYN."""
    for row in rows_of(flows):
        if row["syn_count"] == "0" and row["handshake"] not in ("midstream", ""):
            yield tables.Difference("flows", (row["flow_id"],), "handshake", "no SYN", row["handshake"])


def named(finding, known):
    """Does the whole name this cause, or the closer one of which this is the general case?"""
    return finding in known or (finding in GENERAL and any(one.startswith(GENERAL[finding]) for one in known))


def unaware(flows):
    """Connections that show no loss."""
    return {row["flow_id"] for row in rows_of(flows) if not SHOWN.intersection(row["damage"].split(";"))}


def contradictions(severities, lossy=False):
    """A comparison as tables.compare(), for parts; `severities`: {finding: severity}; `lossy`: records were lost."""
    def compare(plain, clothed, way, _):
        part = {name: tables.undressed(way, clothed[name]) for name in tables.TABLES}
        whole, excused = told(plain["events"]), unaware(part["flows"]) if lossy else ()
        for ends, findings in told(part["events"]).items():
            for finding, row in findings.items():
                graver = row["confidence"] == "certain" and severities[finding] != "info"
                if graver and not named(finding, whole.get(ends, {})) and row["flow_id"] not in excused:
                    yield tables.Difference("events", (row["flow_id"], row["frame"]), finding, "", row["text"])
        yield from invented(part["flows"])
    return compare
