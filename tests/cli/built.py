# SPDX-License-Identifier: MIT
"""What the program under test was built with. Its --version says so: no test asks how the build was set up."""

import functools
import subprocess

WITHOUT = b"built without libarchive"  # in the program's words about what it then cannot read, too


@functools.cache
def unpacks(program):
    """Does it read compressed captures and archives (-Darchive)?"""
    words = subprocess.run([program, "--version"], capture_output=True, check=True).stdout.splitlines()
    said = [not line.startswith(b"no ") for line in words if b"libarchive" in line]
    if len(said) != 1:
        raise ValueError("--version says not once whether there is libarchive")
    return said[0]


def skipped(words):
    """A test point in the place of those that need what a build without libarchive cannot read."""
    return f"{words} # SKIP {WITHOUT.decode()}", True
