# SPDX-License-Identifier: MIT
"""What the program tells of a capture, undressed and compared.

The program is run over the plain capture and over the one in other clothes.  In the second one's tables
frames, addresses, times and sequence numbers are turned back into those of the plain one, by what the
transformation knows of itself; then every cell must be equal but those that it names.
"""

import collections
import csv
import os
import re
import shutil
import subprocess
import tempfile
import typing

NAME = "capture.pcap"  # of every file that is analysed, so that the tables do not differ by it
FLOW_ID = re.compile(r"\bc(\d+)f(\d+)")
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]*:[0-9a-f:.]*")
FRAME_COLUMNS = {"first_frame", "last_frame", "frame"}
PAGE = "summary"
# What a page says of records, and when the last one was.
OF_RECORDS = re.compile(r"\d+ packets?, \d+ TCP|frames? [\dcf;]+( to \d+)?|\d{4}-\S*Z to \S+ \([\d.]+ s\)|"
                        r"\d+ (packets? not decodable|IP packets? without TCP[^;]*)(; )?")
ENDS = ("client_ip", "client_port", "server_ip", "server_port")
TABLES = {"flows": ("flow_id", *ENDS), "listeners": ("server_ip", "server_port", "vlan", "encap"),
          "events": ("flow_id", *ENDS, "actor", "event", "finding", "from_state", "to_state")}
# In a form of its own, or numbered by what else there is: told again by other columns.
NEVER = {"flows": {"start"}, "listeners": {"first_seen"}, "events": {"time", "event_id"}}


class Failed(Exception):
    """The program did not end well."""


class Way(typing.NamedTuple):
    """How to turn a table of the clothed capture back into one of the plain capture."""

    frames: list = ()  # the plain frame of each frame, from 0; empty: the same
    addresses: dict = {}  # plain address of each address, as text
    ports: dict = {}  # plain port of each port, as text
    later: int = 0  # nanoseconds by which it is later than the plain one
    aside: frozenset = frozenset()  # clients whose rows are nothing of the plain capture
    only: bool = False  # nor are those whose addresses are not named; nor what is told of the capture as a whole
    numbers: typing.Any = {}  # of (source, port, destination, port) in plain words: by how much its numbers are higher


PLAIN = Way()


class Difference(typing.NamedTuple):
    """One cell, or one row, that is not the same."""

    table: str
    row: tuple
    column: str  # empty: the whole row
    plain: str
    clothed: str

    def __str__(self):
        key = " ".join(cell for cell in self.row if cell)
        return f"{self.table} {key}: {self.column or 'row'}: {self.plain or '-'} -> {self.clothed or '-'}"


def tables_of(program, data, options=()):
    """{table: (columns, rows)} of a capture file's bytes."""
    folder = tempfile.mkdtemp(prefix="meta")
    try:
        with open(os.path.join(folder, NAME), "wb") as file:
            file.write(data)
        done = subprocess.run([program, "report", "-q", "--all-states", *options, "-o", "out", NAME], cwd=folder,
                              check=False, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"status {done.returncode}: {done.stderr.strip()[-2000:]}")
        told = {name: read_table(os.path.join(folder, "out", name + ".csv")) for name in TABLES}
        with open(os.path.join(folder, "out", PAGE + ".txt"), encoding="utf-8") as file:
            told[PAGE] = file.read()
        return told
    finally:
        shutil.rmtree(folder)


def read_table(path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


# -- from the clothed capture's words to the plain one's -----------------------------------------------------


def undress_id(way, text):
    if not way.frames:
        return text
    return FLOW_ID.sub(lambda found: f"c{found[1]}f{way.frames[int(found[2]) - 1]}", text)


def undress_frames(way, text):
    """A list of frames; copies of one frame are one."""
    if not way.frames or not text:
        return text
    return ";".join(dict.fromkeys(str(way.frames[int(one) - 1]) for one in text.split(";")))


def undress_time(way, text):
    return str(int(text) - way.later) if way.later and text not in ("", "-1") else text


def undress_text(way, text):
    if not way.addresses:
        return text
    return ADDRESS.sub(lambda found: way.addresses.get(found[0], found[0]), text)


def undress_port(way, text):
    return way.ports.get(text, text)


def undresser(column):
    """What turns a cell of this column back, or None if nothing has to."""
    if column in FRAME_COLUMNS or column == "frames":
        return undress_frames
    if column.endswith("_ns"):
        return undress_time
    if column.endswith("_port"):
        return undress_port
    if column in ("flow_id", "reuse_of", "twin", "nat_of", "attempt_group"):
        return undress_id
    return undress_text if column in ("text", "server_ip", "client_ip", "value") else None


def undress_numbers(way, columns, row):
    """The initial sequence numbers of a row of flows, which is undressed but for them."""
    cells = [row[columns.index(name)] for name in ENDS]
    client, server = tuple(cells[:2]), tuple(cells[2:])
    for column, key in (("client_isn", client + server), ("server_isn", server + client)):
        place = columns.index(column)
        if row[place]:
            row[place] = str(int(row[place]) - way.numbers.get(key, 0) & 0xFFFFFFFF)


def belongs(way, columns):
    """Whether a row is about the plain capture's connections."""
    server, client = columns.index("server_ip"), columns.index("client_ip") if "client_ip" in columns else None

    def check(row):
        strange = client is not None and row[client] in way.aside
        return not strange and (not way.only or row[server] in way.addresses)
    return check


def undressed(way, table):
    """The same table in the plain capture's words."""
    columns, rows = table
    if way == PLAIN:
        return table
    changes = [(place, found) for place, found in enumerate(map(undresser, columns)) if found]
    made = []
    for old in filter(belongs(way, columns), rows):
        row = list(old)
        for place, change in changes:
            row[place] = change(way, row[place])
        if way.numbers and "client_isn" in columns:
            undress_numbers(way, columns, row)
        made.append(row)
    return columns, made


# -- and compared --------------------------------------------------------------------------------------------


def by_key(name, table, free=()):
    """{key: row}; rows of one key are numbered in their order."""
    columns, rows = table
    places = [columns.index(column) for column in TABLES[name] if column not in free]
    found, count = {}, collections.Counter()
    for row in rows:
        key = tuple([row[place] for place in places])
        count[key] += 1
        found[key + (f"#{count[key]}" if count[key] > 1 else "",)] = row
    return found


def placed(way, table):
    """The rows that are about an address, where others cannot be compared."""
    columns, rows = table
    place = columns.index("server_ip")
    return (columns, [row for row in rows if row[place]]) if way.only else table


def differing(name, key, columns, plain, clothed, free):
    """The cells of one row that differ."""
    for place, column in enumerate(columns):
        if plain[place] != clothed[place] and column not in free:
            yield Difference(name, key, column, plain[place], clothed[place])


def compare(plain, clothed, way, free=None):
    """Every Difference between two results of tables_of(); `free`: {table: columns that may change}."""
    for name in TABLES:
        ignored = NEVER[name] | (free or {}).get(name, set()) | (free or {}).get("", set())
        columns = plain[name][0]
        old, new = by_key(name, placed(way, plain[name]), ignored), by_key(name, undressed(way, clothed[name]), ignored)
        last = columns.index("text" if "text" in columns else "findings")
        for key, row in old.items():
            if key not in new:
                yield Difference(name, key, "", "there: " + row[last], "")
            elif row != new[key]:
                yield from differing(name, key, columns, row, new[key], ignored)
        for key in (key for key in new if key not in old):
            yield Difference(name, key, "", "", "there: " + new[key][last])


def other_pages(plain, clothed):
    """Paragraphs of the summary that only one of two results of tables_of() has."""
    old, new = (collections.Counter(OF_RECORDS.sub("", " ".join(block.split())) for block in told[PAGE].split("\n\n"))
                for told in (plain, clothed))
    for block in old - new:
        yield Difference(PAGE, (block,), "", "there", "")
    for block in new - old:
        yield Difference(PAGE, (block,), "", "", "there")


def unsaid(flows, says):
    """Rows of flows whose columns do not hold what they should: {column: text or one of several}."""
    columns, rows = flows
    for column, text in says.items():
        texts, place = (text,) if isinstance(text, str) else text, columns.index(column)
        for row in rows:
            if row[place] not in texts:
                yield Difference("flows", (row[0],), column, " or ".join(texts), row[place])
