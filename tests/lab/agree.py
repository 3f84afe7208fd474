#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the program against what the kernels really did.

    agree.py CAPTURES PROGRAM [CASE...] [--table FILE] [--check-table FILE] [--verbose]

Every folder CAPTURES/*/rec_* was recorded from a real kernel, which wrote down every change
of state of every socket (sockets.txt), and its scenario wrote down what it meant by each
connection (intent.txt).  For each capture of each folder the program is run as a user would
run it, and

  paths    each endpoint's states, their order and their times, must be the kernel's;
           what a tap cannot know must be excused by a rule (paths.py)
           and a state that names a segment must have the very time of that segment
  ids      each intended finding must be told, no more strongly than that vantage can honour;
           nothing certain may be told that nobody meant, nothing at all of a bystander

Output is TAP, then the figures.  Exit status 0 if everything agrees, 1 if not, 2 if it could
not be compared.  Single known gaps stand in exceptions.txt beside this file, one a line:

    CASE VANTAGE SUBJECT REASON...      SUBJECT is WHO/SIDE (40001/server) or WHO=FINDING

and one that is no longer needed is an error, too.
"""

import glob
import os
import sys

sys.dont_write_bytecode = True  # no litter in the source tree

import case  # noqa: E402
import commandline  # noqa: E402
import program  # noqa: E402
import report  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def find(captures, wanted):
    """(names of the cases to compare, names of recorded cases without a kernel record)"""
    found, without = [], []
    for name in wanted:
        if not os.path.isdir(os.path.join(captures, name)) or not os.path.basename(name).startswith("rec_"):
            raise ValueError(f"{name} is no recorded case of {captures}")
    for path in sorted(glob.glob(f"{glob.escape(captures)}/*/rec_*")):
        name = os.path.relpath(path, captures)
        if wanted and name not in wanted:
            continue
        (found if os.path.exists(f"{path}/sockets.txt") else without).append(name)
    return found, without


def read_exceptions(path):
    """{(case, vantage, subject): reason}"""
    exceptions = {}
    if not os.path.exists(path):
        return exceptions
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split(None, 3)
            if len(words) != 4:
                raise ValueError(f"{path}: CASE VANTAGE SUBJECT REASON wanted: {line.strip()}")
            exceptions[tuple(words[:3])] = words[3].strip()
    return exceptions


def apply_exceptions(result, exceptions, used):
    """Move explained disagreements of a result from wrong to known."""
    for wrong in list(result.wrong):
        key = (result.case, result.vantage, wrong.subject)
        if key in exceptions:
            used.add(key)
            result.wrong.remove(wrong)
            result.known.append((wrong, exceptions[key]))


def compare_case(name, options, severities, exceptions, used, tap):
    """The results of one case, each told as a test point."""
    try:
        folder = case.Folder(options.captures, name)
    except (OSError, ValueError, IndexError) as error:
        tap.point(False, f"{name}: {error}")
        return []
    results = []
    for vantage in folder.files:
        result = case.run(folder, vantage, options.program, severities)
        apply_exceptions(result, exceptions, used)
        tap.point(not result.wrong, report.headline(result), report.lines_of(result, options.verbose))
        results.append(result)
    if not any(result.compared for result in results):
        tap.point(False, f"{name}: no endpoint could be compared: is this a recording?")
    return results


def check_exceptions(captures, results, exceptions, used, tap):
    """Exceptions must be of cases and vantages that there are; of those that were compared each must have been needed.
    """
    compared = {(result.case, result.vantage) for result in results}
    for key in sorted(set(exceptions) - used):
        if key[:2] in compared:
            tap.point(False, f"exceptions.txt: no longer needed: {' '.join(key)}")
        elif not os.path.exists(os.path.join(captures, key[0], dict(case.VIEWS).get(key[1], key[1]))):
            tap.point(False, f"exceptions.txt: no such case or vantage: {' '.join(key)}")


def check_table(path, results, tap):
    lines = list(report.differences(path, report.table(results)))
    tap.point(not lines, f"{os.path.basename(path)} holds the table of this run (else: --table)", lines[:20])


def parse_options(arguments):
    parser = commandline.parser(__doc__)
    commandline.add_table(parser)
    parser.add_argument("--exceptions", metavar="FILE", default=f"{HERE}/exceptions.txt",
                        help="known gaps (default: %(default)s)")
    parser.add_argument("--verbose", action="store_true", help="tell what was excused by rule, too")
    return parser.parse_intermixed_args(arguments)


def main(arguments=None):
    options = parse_options(arguments)
    tap, used, results = report.Tap(), set(), []
    try:
        severities = program.findings(options.program)
        exceptions = read_exceptions(options.exceptions)
        names, without = find(options.captures, options.case)
        for name in names:
            results += compare_case(name, options, severities, exceptions, used, tap)
        check_exceptions(options.captures, results, exceptions, used, tap)
        if options.table:
            report.write_table(options.table, report.table(results))
        if options.check_table:
            check_table(options.check_table, results, tap)
    except BrokenPipeError:
        raise
    except (OSError, ValueError, program.ProgramError) as error:
        print(f"Bail out! {error}")
        return 2
    for line in report.figures(results):
        print(f"# {line}")
    if without:
        print(f"# without a kernel record, not compared: {' '.join(without)}")
    if not results:
        tap.point(False, "there is something to compare")
    tap.plan()
    return 1 if tap.failed else 0


if __name__ == "__main__":
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
