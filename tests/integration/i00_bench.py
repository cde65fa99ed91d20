"""The benchmark itself runs: its smallest cells, and the report of them."""
import json
import os
import re
import subprocess
import sys

import pytest

from stores import ROOT

BENCH = os.path.join(ROOT, "tests", "bench")

@pytest.mark.slow
@pytest.mark.parametrize("system", ["case-b", "studyhall"])
def test_smallest_cell_and_its_report(system, tmp_path):
    code = """if True:
        import sys
        sys.path.insert(0, sys.argv[1])
        import bench, cells, report, tables
        from tables import t1
        results = cells.Results(sys.argv[2], fresh=True)
        cell = cells.Cell(f"t1/{sys.argv[3]}/2", t1, sys.argv[3],
                          how={"users": 2, "seconds": 2, "warm": 1})
        good = bench.run_cells([cell], results, 0)
        report.write(sys.argv[2], results.all(), tables.TABLES, "test")
        sys.exit(not good)
        """
    done = subprocess.run([sys.executable, "-c", code, BENCH, str(tmp_path), system],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(tmp_path / "report.json") as file:
        document = json.load(file)
    result = document["cells"][f"t1/{system}/2"]
    assert result["iterations"] >= 1 and result["errors"] == 0, result
    assert result["over"]["count"] == result["iterations"], "an iteration that no provider knows"
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 2
    assert not re.search(r'(src|href)="(?!#)|url\((?!#)', page), "something is loaded from elsewhere"
    assert "T1" in (tmp_path / "report.md").read_text()


CHANGES = ("front/least-conn", "front/tcp-kept", "cache/off", "cache/short-ttl", "cache/no-flight", "pool/none",
           "link/one-envelope")


@pytest.mark.slow
def test_each_kind_of_change_and_its_report(tmp_path):
    """T8's cells as bench-all has them, but short."""
    subprocess.run(["make", "-s", "bench-programs"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    code = """if True:
        import dataclasses, sys
        sys.path.insert(0, sys.argv[1])
        import bench, cells, report, tables
        from tables import t8
        results = cells.Results(sys.argv[2], fresh=True)
        chosen = [dataclasses.replace(cell, how={**cell.how, "seconds": 2}) for cell in t8.cells("all")
                  if cell.name[3:] in sys.argv[3:]]
        good = bench.run_cells(chosen, results, 0)
        report.write(sys.argv[2], results.all(), tables.TABLES, "test")
        sys.exit(not good)
        """
    done = subprocess.run([sys.executable, "-c", code, BENCH, str(tmp_path), *CHANGES],
                          env={**os.environ, "STUDYHALL_BIN": os.path.join(ROOT, "build/release/bin")},
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(tmp_path / "report.json") as file:
        found = json.load(file)["cells"]
    assert sorted(found) == sorted("t8/" + name for name in CHANGES)
    assert all(cell["errors"] == 0 and cell["samples"] > 0 and "use" in cell for cell in found.values()), found
    off, short, alone = (found[f"t8/cache/{name}"] for name in ("off", "short-ttl", "no-flight"))
    assert off["one"]["hit_ratio"] == 0 and off["one"]["selects_per_read"] > 0.9
    assert short["many"]["hit_ratio"] < 0.9 < alone["many"]["hit_ratio"], "values of 1 s, and of an hour"
    assert found["t8/front/least-conn"]["stalling"]["count"] > 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 3 and "Redis off" in page


@pytest.mark.slow
@pytest.mark.parametrize("value, better, worse", [
    (0.14, "less", False), (0.16, "less", True), (0.01, "less", False),
    (0.06, "more", False), (0.04, "more", True), (9, "more", False), (None, "less", True)])
def test_check_knows_what_is_worse(value, better, worse):
    """Kept 0.1 with a noise of a half."""
    code = ("import sys; sys.path.insert(0, sys.argv[1]); import check, json;"
            "print(check.is_worse(*json.loads(sys.argv[2])))")
    case = json.dumps([value, {"kept": 0.1, "noise": 0.5, "better": better}])
    done = subprocess.run([sys.executable, "-c", code, BENCH, case], capture_output=True, text=True)
    assert done.stdout.strip() == str(worse), done.stderr
