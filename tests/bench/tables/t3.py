"""T3, isolation: what sign-in and history feel of AI calls in flight, and history of sign-ins.

AI calls take 30 s here, so that what is held is measured, and not what begins and ends meanwhile. History
is read and people sign in by an open-loop generator, at the same rates for every system. Not of Celery: who
asks it for a plan is answered at once, so nothing is held."""
import sys
import time

import charts
import learners
import openload
from cells import Cell
from meters import Use
from report_parts import Chart, Claim, Section, Table, ratio, seconds

TITLE = "Isolation: sign-in and history beside AI calls in flight, history beside sign-ins"
TEXT = ("So many plans are asked for and held by the provider for 30 s each; meanwhile history is read 100 "
        "times a second and somebody signs in five times a second, at random moments. Storm: 16 users who sign "
        "in without pause. Where there were several runs, the median of each figure is shown.")
SYSTEMS = {"quick": ("case-b", "studyhall"), "usual": ("case-a", "case-b", "studyhall"),
           "all": ("case-a", "case-b", "async", "studyhall")}
CALLS = {"quick": (1000,), "usual": (100, 1000, 5000), "all": (100, 1000, 5000)}
SECONDS = {"quick": 5, "usual": 10, "all": 20}
RUNS = {"quick": 1, "usual": 1, "all": 5}
CALL_S = 30
PLANNERS = SIGNERS = 8
STORM = 16
HISTORY_RATE, SIGN_IN_RATE = 100, 5


def cells(level):
    found = []
    for system in SYSTEMS[level]:
        for calls in (0, "storm", *CALLS[level]):
            how = {"calls": calls, "seconds": SECONDS[level], "runs": RUNS[level]}
            took = RUNS[level] * (SECONDS[level] + 4) + (calls // 150 + 5 if calls != "storm" else 5)
            # What a provider still holds for the cell before would end in this one.
            fresh = calls in CALLS[level][1:]
            found.append(Cell(f"t3/{system}/{calls}", sys.modules[__name__], system, fresh=fresh,
                              seconds=took, how=how))
    return found


def hold(rig, calls):
    """That many plans under way, or as many as the system lets be; returns their generator."""
    latency = {"first_byte": CALL_S * 333, "streaming": CALL_S * 667, "chunks": 16}
    rig.upstream.reset(providers={"gemini": latency})
    crowd = learners.tokens(learners.crowd(rig, "planners", PLANNERS))
    ramp = max(2, calls / 200)
    load = openload.OpenLoad(rig, [openload.people("plans", calls, crowd, [openload.PLANS], ramp)],
                             seconds=600, warm_s=0, grace_s=0)
    time.sleep(ramp + 2)
    return load


def storm(rig):
    """16 users who sign in again and again."""
    flows = [openload.people("storm", STORM, [], [
        openload.sign_ins(learners.crowd(rig, "storm", STORM))])]
    load = openload.OpenLoad(rig, flows, seconds=600, warm_s=0, grace_s=0)
    time.sleep(1)
    return load


def measure(rig, cell):
    calls, length = cell.how["calls"], cell.how["seconds"]
    readers, signers = learners.readers(rig), learners.crowd(rig, "signers", SIGNERS)
    beside = storm(rig) if calls == "storm" else hold(rig, calls) if calls else None
    flows = [openload.arrivals("history", HISTORY_RATE, learners.tokens(readers), [openload.HISTORY])]
    if calls != "storm":
        flows.append(openload.arrivals("sign_in", SIGN_IN_RATE, [], [openload.sign_ins(signers)]))
    results = []
    try:
        use = Use({**rig.roles(), **({"load beside": beside.pid} if beside else {})})
        held = rig.upstream.stats()["open"]
        for number in range(cell.how["runs"]):
            results.append(openload.OpenLoad(rig, flows, length, seed=number + 1).result())
        use.stop()
    finally:
        besides = beside.stop() if beside else None
    return {"runs": [{flow: openload.step_of(result, flow)["latency"] for flow in result["flows"]}
                     for result in results],
            "held": held, "beside": besides and beside_summary(besides, use.seconds),
            "samples": sum(step["sent"] for result in results
                           for flow in result["flows"].values() for step in flow["steps"].values()),
            "errors": sum(openload.errors_of(result) for result in results),
            "use": use.document(), "own": rig.own_roles()}


def beside_summary(result, length):
    """What the load beside came to, a second."""
    steps = [step for flow in result["flows"].values() for step in flow["steps"].values()]
    errors = {}
    for step in steps:
        for name, count in step["errors"].items():
            if name != "no answer":  # it was broken off
                errors[name] = errors.get(name, 0) + count
    return {"good": sum(step["good"] for step in steps), "seconds": length, "errors": errors}


# --- the report ----------------------------------------------------------------------------------

def median(result, flow, figure):
    """Over the runs of a cell; None if there is nothing."""
    values = sorted(run[flow][figure] for run in result["runs"]
                    if run.get(flow, {}).get("count"))
    return values[len(values) // 2] if values else None


def by_system(results):
    """{system: {calls or "storm": result}}"""
    found = {}
    for system in SYSTEMS["all"]:
        mine = {result["how"]["calls"]: result for name, result in results.items()
                if name.startswith(f"t3/{system}/")}
        if mine:
            found[system] = {calls: mine[calls] for calls in (0, *CALLS["all"], "storm") if calls in mine}
    return found


def row(system, calls, result):
    beside = result["beside"] or {}
    trouble = ", ".join(f"{count} {name}" for name, count in beside.get("errors", {}).items()) or "–"
    what = "16 sign in without pause" if calls == "storm" else f"{calls} calls"
    return [f"{charts.name_of(system)}, {what}", "–" if calls == "storm" else result["held"],
            result["samples"], result["errors"]] + [
        seconds(median(result, flow, figure)) for flow in ("history", "sign_in")
        for figure in ("p50", "p99", "max")] + [
        f"{beside['good'] / beside['seconds']:.0f}/s" if calls == "storm" else "–", trouble]


def chart(found):
    figure, panels = charts.panels(2, height=1.0 + 0.45 * len(found))
    calls = max((calls for cells in found.values() for calls in cells if calls != "storm"), default=0)
    for axes, (which, title) in zip(panels, (
            (calls, f"History's p99, {calls} AI calls in flight"),
            ("storm", "History's p99 while 16 users sign in"))):
        values = {system: median(cells[which], "history", "p99") for system, cells in found.items()
                  if which in cells}
        charts.bars(axes, title, {system: value * 1000 for system, value in values.items() if value},
                    "ms")
    return Chart("Of history, from the moment each request was due.", charts.svg(figure))


def claims(found, ratios):
    ours, theirs = found.get("studyhall", {}), found.get("case-b", {})
    said = []
    if "storm" in ours and "storm" in theirs:
        text, value = ratio(median(ours["storm"], "history", "p99"),
                            median(theirs["storm"], "history", "p99"))
        ratios["t3/storm"] = value
        said.append(Claim("history's p99 beside Case B's, while 16 users sign in", text, "0.02",
                          value is not None and value <= 0.02))
    for calls in (calls for calls in ours if calls not in (0, "storm") and 0 in ours):
        for flow in ("history", "sign_in"):
            idle, loaded = (median(ours[which], flow, "p99") for which in (0, calls))
            if idle and loaded:
                bound = max(1.5 * idle, idle + 0.002)
                ratios[f"t3/{flow}/{calls}"] = loaded / idle
                said.append(Claim(f"p99 of {flow.replace('_', '-')}, {calls} AI calls in flight",
                                  seconds(loaded), seconds(bound), loaded <= bound))
    return said


def section(results):
    found = by_system(results)
    if not found:
        return None
    head = ["system, beside", "held", "samples", "errors", "history p50", "p99", "max", "sign-in p50",
            "p99", "max", "sign-ins beside", "errors beside"]
    made = Section("T3", TITLE, TEXT, [Table("Latency from the moment each request was due", head, [
        row(system, calls, result) for system, cells in found.items()
        for calls, result in cells.items()])], [chart(found)])
    made.claims = claims(found, made.ratios)
    return made
