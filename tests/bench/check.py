#!/usr/bin/env python3
"""`make bench-check`: measures the cells behind the ratios of expected.json, shortly, and fails when one of
them is worse than it says by more than its noise. Absolute times are not looked at.

usage: tests/bench/check.py [--report DIRECTORY]     (a directory of a run instead of measuring)

expected.json: {"RATIO": {"kept": 0.1, "noise": 0.5, "better": "less"}}. A ratio is worse if it is beyond kept
by more than that share of it. One that is worse is measured once more before it counts: what a busy machine
did to it is gone then. Status 1 if one is worse, or could not be measured.
"""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bench  # noqa: E402
import report  # noqa: E402
from cells import Results  # noqa: E402
from stores import ROOT  # noqa: E402
from tables import TABLES  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(ROOT, "build/bench/check")


def is_worse(value, expected):
    """Beyond what is kept, by more than the noise; a ratio that is missing is."""
    if value is None:
        return True
    if expected["better"] == "less":
        return value > expected["kept"] * (1 + expected["noise"])
    return value < expected["kept"] * (1 - expected["noise"])


def compare(expected, ratios):
    """The names of those that are worse; prints all."""
    worse = []
    for name, one in expected.items():
        value = ratios.get(name)
        bad = is_worse(value, one)
        worse += [name] * bad
        shown = "none" if value is None else f"{value:.3f}"
        print(f"{'WORSE' if bad else 'ok   '} {name:24} {shown:>9}, kept {one['kept']:.3f} "
              f"+-{one['noise']:.0%}, {one['better']} is better")
    return worse


def ratios_of(results):
    sections = report.write(results.directory, results.all(), TABLES, " ".join(sys.argv))
    return {name: value for section in sections for name, value in section.ratios.items()}


def measure(results, tables):
    cells = [cell for table in TABLES if table.__name__.split(".")[-1] in tables
             for cell in table.cells("quick")]
    bench.run_cells(bench.by_system(cells), results, 0)


def main():
    with open(os.path.join(HERE, "expected.json")) as file:
        expected = json.load(file)
    if sys.argv[1:2] == ["--report"]:
        return 1 if compare(expected, ratios_of(Results(sys.argv[2], fresh=False))) else 0
    results = Results(OUT, fresh=True)
    measure(results, {name.split("/")[0] for name in expected})
    worse = compare(expected, ratios_of(results))
    if worse:
        print("bench-check: once more what is worse")
        measure(results, {name.split("/")[0] for name in worse})
        worse = compare(expected, ratios_of(results))
    print(f"{len(expected) - len(worse)} passed, {len(worse)} failed")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
