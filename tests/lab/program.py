# SPDX-License-Identifier: MIT
"""What the program told: its tables flows and events, read as any user would read them."""

import csv
import dataclasses
import io
import subprocess

LEVELS = ("possible", "probable", "certain")  # weakest first
CLASSES = ("handshake", "close")  # columns of flows that hold a finding's id without its prefix


class ProgramError(Exception):
    """The program failed, or what it printed cannot be read."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One change of state as the program tells it."""

    state: str
    at: float
    frame: int
    confidence: str
    before: str


@dataclasses.dataclass(frozen=True)
class Told:
    """One finding as the program tells it."""

    finding: str
    confidence: str
    frame: int
    text: str = ""


@dataclasses.dataclass
class Flow:
    """One connection as the program tells it."""

    name: str
    client: str
    server: str
    start: float
    first_frame: int
    last_frame: int
    columns: dict
    paths: dict = dataclasses.field(default_factory=lambda: {"client": [], "server": []})
    told: list = dataclasses.field(default_factory=list)

    @property
    def last(self):
        return self.start + float(self.columns.get("duration_s") or 0)

    def end(self, actor):
        return self.client if actor == "client" else self.server


@dataclasses.dataclass
class Output:
    """Everything of one run."""

    flows: list
    listeners: dict  # "8080", "host:10.0.0.1", "capture" -> [Told]
    mismatches: list  # where flows and events contradict each other


def table(program, command, *options):
    """The rows of one table; an exit status other than 0 is an error."""
    done = subprocess.run([program, command, "-q", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramError(f"{command} ended with status {done.returncode}: {done.stderr.strip()}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def summary(program, *captures):
    """The lines of the summary."""
    done = subprocess.run([program, "-q", *captures], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramError(f"the summary ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def findings(program):
    """{id: severity} of every finding there is."""
    done = subprocess.run([program, "findings"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramError(f"findings ended with status {done.returncode}: {done.stderr.strip()}")
    known, name = {}, None
    for line in done.stdout.splitlines():
        if line and not line[0].isspace():
            name = line.strip()
        elif name and name not in known:
            known[name] = line.split()[0]
    return known


def end_of(row, who):
    address, port = row[f"{who}_ip"], row[f"{who}_port"]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def read_flow(row):
    flow = Flow(row["flow_id"], end_of(row, "client"), end_of(row, "server"), int(row["start_ns"]) / 1e9,
                int(row["first_frame"]), int(row["last_frame"]), row)
    for column in CLASSES:
        if row[column]:
            flow.told.append(Told(f"{column}_{row[column]}", row[f"{column}_confidence"], flow.first_frame))
    return flow


def read_event(row, flow):
    """Enter one row of events into its flow."""
    if row["event"] == "state":
        flow.paths[row["actor"]].append(Row(row["to_state"], int(row["time_ns"]) / 1e9, int(row["frame"] or 0),
                                            row["confidence"], row["from_state"]))
    elif row["finding"] and row["event"] != "end":
        flow.told.append(Told(row["finding"], row["confidence"], int(row["frame"] or 0), row["text"]))


def contradictions(flows):
    """Flows whose path column is not what their events say."""
    for flow in flows:
        for actor in ("client", "server"):
            column = [state for state in flow.columns[f"{actor}_path"].split(";") if state not in ("", "UNKNOWN")]
            events = [row.state for row in flow.paths[actor] if row.state != "UNKNOWN"]
            if column != events:
                yield f"{flow.name} {actor}: flows says {';'.join(column)}, events say {';'.join(events)}"


def subject_of(row):
    """What an event without a flow is about: a listener's port, a host or the whole capture."""
    if row["actor"] == "host":
        return f"host:{row['server_ip']}"
    return "capture" if row["actor"] == "capture" else row["server_port"]


def read(program, capture, vantage):
    """Run the program over one capture file."""
    flows = [read_flow(row) for row in table(program, "flows", "--vantage", vantage, capture)]
    by_name = {flow.name: flow for flow in flows}
    listeners = {}
    for row in table(program, "events", "--all-states", "--vantage", vantage, capture):
        if row["flow_id"]:
            read_event(row, by_name[row["flow_id"]])
        elif row["finding"] and row["event"] != "end":
            told = Told(row["finding"], row["confidence"], int(row["frame"] or 0), row["text"])
            listeners.setdefault(subject_of(row), []).append(told)
    return Output(flows, listeners, list(contradictions(flows)))
