# SPDX-License-Identifier: MIT
"""The command line that the checks of this folder share."""

import argparse
import zlib


def parser(doc, default="all"):
    """`CAPTURES PROGRAM [CASE...]`; the first paragraph of the script's documentation describes it."""
    made = argparse.ArgumentParser(description=doc.split("\n\n", maxsplit=1)[0])
    made.add_argument("captures", help="folder of the case folders")
    made.add_argument("program", help="the program under test")
    made.add_argument("case", nargs="*", help=f"FAMILY/CASE (default: {default})")
    return made


def add_thin(made, what):
    """For a check that takes long: of each case it asks less, always the same, and suite slow asks all."""
    made.add_argument("--thin", type=int, default=1, metavar="N", help=f"only one in N of {what}")


def chosen(thin, *words):
    """Is this one, by its name, one of those that are asked?"""
    return zlib.crc32(" ".join(words).encode()) % thin == 0


def add_table(made):
    """For a check whose result is also a table in a document."""
    made.add_argument("--table", metavar="FILE", help="write the table into this document")
    made.add_argument("--check-table", metavar="FILE", help="the table in this document must be the one of this run")
