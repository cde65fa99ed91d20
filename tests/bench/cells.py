"""What is measured: a cell is one measurement of one system; its result is a file of its own, so that a
long run can be broken off and taken up again."""
import dataclasses
import json
import os
import subprocess
import time

from stores import ROOT


@dataclasses.dataclass(frozen=True)
class Cell:
    """`table` measures it: `table.measure(rig, cell)`. `system` runs meanwhile, behind nginx or
    `direct`; without one the table starts what it needs. Neighbours in the list with the same system
    share one start of it, unless `fresh`. `settings` are further ones of Studyhall, and `replicas`.
    `seconds` is about how long it takes."""
    name: str
    table: object
    system: str = None
    direct: bool = False
    fresh: bool = False
    seconds: int = 30
    how: dict = dataclasses.field(default_factory=dict)
    settings: dict = dataclasses.field(default_factory=dict)

    def start(self):
        """What must be the same for a neighbour to share the start."""
        return self.system, self.direct, self.settings


def revision():
    """The commit, with a mark if the work tree is not that."""
    def git(*words):
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True).stdout.strip()
    return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain",
                                                                         "-uno") else "")


class Results:
    """Files in DIRECTORY/cells. `known(cell)`: it is there, and of this revision."""

    def __init__(self, directory, fresh):
        self.directory = directory
        self.revision = revision()
        os.makedirs(self.path(""), exist_ok=True)
        if fresh:
            for name in os.listdir(self.path("")):
                os.unlink(self.path(name))

    def path(self, name):
        return os.path.join(self.directory, "cells", name)

    def file(self, name):
        return self.path(name.replace("/", "_") + ".json")

    def read(self, name):
        """The result of a cell, or None."""
        try:
            with open(self.file(name)) as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def known(self, cell):
        result = self.read(cell.name)
        return result is not None and result["revision"] == self.revision and not result.get("broken")

    def keep(self, cell, began, measured):
        document = {"cell": cell.name, "revision": self.revision, "began": round(began, 1),
                    "took_s": round(time.time() - began, 1), "how": cell.how, **measured}
        with open(self.file(cell.name) + ".new", "w") as file:
            json.dump(document, file, indent=1)
        os.rename(self.file(cell.name) + ".new", self.file(cell.name))

    def all(self):
        """{name: result}"""
        found = {}
        for name in sorted(os.listdir(self.path(""))):
            if name.endswith(".json"):
                with open(self.path(name)) as file:
                    result = json.load(file)
                found[result["cell"]] = result
        return found
