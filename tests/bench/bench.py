#!/usr/bin/env python3
"""The paper's experiment and what goes beyond it, on this machine: `make bench-quick`, `make bench`,
`make bench-all`. README.md beside this file says what is measured and how to read the report.

usage: tests/bench/bench.py quick|usual|all [--resume] [--minutes N] [--only PATTERN] [--out DIRECTORY]

Each cell's result is kept in DIRECTORY/cells (build/bench/LEVEL); report.md, report.json and report.html
are written at the end. --resume: cells that are known of this commit are not measured again. --minutes:
begins no cell that would end later. --only: cells whose names match the pattern (t1/*). --report: writes
the report of what is known, and measures nothing. Status 1 if a cell could not be measured.
"""
import argparse
import contextlib
import fnmatch
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import report  # noqa: E402
from cells import Results  # noqa: E402
from rig import rig  # noqa: E402
from stores import ROOT  # noqa: E402
from tables import TABLES  # noqa: E402


class Runner:
    """Measures cells; the rig is started with the first, a system is kept for its neighbours."""

    def __init__(self, results):
        self.results = results
        self.stack = contextlib.ExitStack()
        self.rig = self.running = None
        self.system = contextlib.ExitStack()

    def run(self, cell):
        began = time.time()
        try:
            measured = self.measure(cell)
        except Exception as error:  # one cell that cannot be measured must not cost the others
            measured = {"broken": f"{type(error).__name__}: {error}"[:2000]}
            traceback.print_exc()
            self.end_system()
        self.results.keep(cell, began, measured)
        return "broken" not in measured

    def measure(self, cell):
        self.rig = self.rig or self.stack.enter_context(rig())
        if self.running != cell.start() or cell.fresh:
            self.end_system()
            if cell.system:
                self.system.enter_context(self.rig.running(cell.system, cell.direct, **cell.settings))
                self.running = cell.start()
        self.rig.providers()
        return cell.table.measure(self.rig, cell)

    def end_system(self):
        self.running = None
        self.system.close()

    def close(self):
        self.end_system()
        self.stack.close()


def by_system(cells):
    """Those of one system together, so that each is started once."""
    order = []
    for cell in cells:
        if cell.start() not in order:
            order.append(cell.start())
    return sorted(cells, key=lambda cell: order.index(cell.start()))


def run_cells(cells, results, minutes):
    runner, good, began = Runner(results), True, time.time()
    try:
        for number, cell in enumerate(cells, 1):
            if minutes and time.time() + cell.seconds > began + minutes * 60:
                print(f"bench: {len(cells) - number + 1} cells left for the next run")
                break
            print(f"bench: {number}/{len(cells)} {cell.name} (about {cell.seconds} s)", flush=True)
            good = runner.run(cell) and good
    finally:
        runner.close()
    return good


def arguments():
    parser = argparse.ArgumentParser(description="The benchmark; see tests/bench/README.md")
    parser.add_argument("level", choices=("quick", "usual", "all"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--only", default="*")
    parser.add_argument("--out")
    return parser.parse_args()


def main():
    chosen = arguments()
    out = chosen.out or os.path.join(ROOT, "build/bench", chosen.level)
    results = Results(out, fresh=not (chosen.resume or chosen.report or chosen.only != "*"))
    cells = [cell for table in TABLES for cell in table.cells(chosen.level)]
    wanted = [cell for cell in by_system(cells) if fnmatch.fnmatch(cell.name, chosen.only)
              and not (chosen.resume and results.known(cell))]
    good = chosen.report or run_cells(wanted, results, chosen.minutes)
    report.write(out, results.all(), TABLES, " ".join(sys.argv))
    print(f"bench: {os.path.relpath(out)}/report.md, report.json, report.html")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
