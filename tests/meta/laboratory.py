# SPDX-License-Identifier: MIT
"""Finds the modules that these tests share with the laboratory's: import this before them."""

import os
import sys

sys.dont_write_bytecode = True  # no litter in the source tree
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))
