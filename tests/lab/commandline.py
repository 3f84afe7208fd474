# SPDX-License-Identifier: MIT
"""The command line that the checks of this folder share."""

import argparse


def parser(doc, default="all"):
    """`CAPTURES PROGRAM [CASE...]`; the first paragraph of the script's documentation describes it."""
    made = argparse.ArgumentParser(description=doc.split("\n\n", maxsplit=1)[0])
    made.add_argument("captures", help="folder of the case folders")
    made.add_argument("program", help="the program under test")
    made.add_argument("case", nargs="*", help=f"FAMILY/CASE (default: {default})")
    return made


def add_table(made):
    """For a check whose result is also a table in a document."""
    made.add_argument("--table", metavar="FILE", help="write the table into this document")
    made.add_argument("--check-table", metavar="FILE", help="the table in this document must be the one of this run")
