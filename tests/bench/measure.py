# SPDX-License-Identifier: MIT
"""Running programs in turn and comparing what they cost: CPU and wall time, peak memory, ratios pair by pair."""

import dataclasses
import os
import resource
import signal
import statistics
import subprocess
import tempfile


class MeasureError(Exception):
    """A program that must run did not."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of one program, whole process. Times in seconds."""

    user: float
    system: float
    wall: float
    peak_kib: int
    failure: str = ""  # how it ended, when not well

    @property
    def cpu(self):
        return self.user + self.system


class Meter:
    """Runs commands under the small program that measures them (meter.c); what they print is thrown away."""

    def __init__(self, program, memory_gib=8.0, seconds=600.0):
        self.program, self.seconds = program, seconds
        self.memory = int(memory_gib * 2**30)

    def run(self, command):
        """A Run; one that takes longer than is allowed, or asks for more memory, is a failure and tells no costs."""
        with tempfile.NamedTemporaryFile("r", prefix="meter") as result, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(
                [self.program, result.name, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors, start_new_session=True,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (self.memory, self.memory)))
            try:
                process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return Run(0, 0, 0, 0, f"longer than {self.seconds:.0f} s")
            text = open(result.name, encoding="ascii").read().split()
            errors.seek(0)
            said = errors.read().strip().splitlines()[-1:]
        if len(text) != 6:
            raise MeasureError(f"{command[0]}: not measured: {said}")
        status, signalled, user, system, wall, peak = map(int, text)
        failure = f"signal {signalled}" if signalled else f"status {status}" if status else ""
        if failure and said:
            failure += f": {said[0]}"
        return Run(user / 1e6, system / 1e6, wall / 1e6, peak, failure)


def in_turn(meter, commands, rounds, slow=10.0, slow_rounds=None):
    """{name: [Run or None for each round]} of {name: command}: all of a round one after the other, so that what
    disturbs the machine disturbs all of them. One that failed, or took more than `slow` seconds of CPU time `slow_rounds`
    times, is left out of later rounds."""
    runs = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            done = [run for run in runs[name] if run]
            tired = slow_rounds and len(done) >= slow_rounds and min(run.cpu for run in done) > slow
            skip = tired or any(run.failure for run in done)
            runs[name].append(None if skip else meter.run(command))
    return runs


def median(runs, value):
    """The median of value(run), None if there is none."""
    values = [value(run) for run in runs if run and not run.failure]
    return statistics.median(values) if values else None


def ratio(runs, base, value):
    """The median of the ratios of the rounds in which both ran, so that a slow minute counts for both."""
    pairs = [value(run) / value(unit) for run, unit in zip(runs, base)
             if run and unit and not run.failure and not unit.failure and value(unit) > 0]
    return statistics.median(pairs) if pairs else None
