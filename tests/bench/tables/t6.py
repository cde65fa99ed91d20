"""T6, overload: requests that come at 0.5 to 5 times what a system can do. The system has one core and the
generator the other, or at five times capacity it would be the generator that is overloaded."""
import os
import sys
import time

import charts
import learners
import openload
import sessions
from cells import Cell
from meters import Use, family, pss_kib
from report_parts import Chart, Claim, Section, Table, seconds
from wrk import Wrk

TITLE = "Overload"
TEXT = ("The capacity is what the system answers to a crowd that asks without pause (history: 64 connections; "
        "plans: 300 people). Then requests come at random moments, at multiples of that. Goodput: good answers "
        "a second. Latency is that of good answers, refused: until the 503 or 429. The system and its stores "
        "have one core, the generator the other; directly, without nginx. Studyhall's planner has room for 100 "
        "plans at a time and 100 that wait, so that the limit is its own and not the machine's. Where the "
        "generator itself was late by more than some 50 ms, the row says nothing: the machine was too busy.")
SYSTEMS = {"quick": (), "usual": (), "all": ("case-b", "async", "studyhall")}
TIMES = (0.5, 1, 2, 5)
SECONDS = 8
FLAT, CONNECTION_MB = 1.25, 8 / 1024  # memory at 5 times the capacity beside that at the capacity itself
CROWD = 300
CONNECTIONS = 6000
SMALL = {"PLANNER_WORKERS": "1", "PLANNER_WORKER_CONNECTIONS": "100", "PLANNER_QUEUE_LIMIT": "100"}


def cells(level):
    found = []
    for system in SYSTEMS[level]:
        for what in ("history", "plans"):
            small = SMALL if system == "studyhall" and what == "plans" else {}
            found.append(Cell(f"t6/{system}/{what}", sys.modules[__name__], system, direct=True,
                              fresh=True, seconds=75 if what == "history" else 130, settings=small,
                              how={"what": what, "seconds": SECONDS}))
    return found


def pin(pids, core):
    """All threads of these processes and of their children on one core; threads inherit it."""
    for pid in pids:
        for one in family(pid):
            for thread in os.listdir(f"/proc/{one}/task"):
                os.sched_setaffinity(int(thread), {core})


def generator(rig, flows, **how):
    load = openload.OpenLoad(rig, flows, **how)
    pin([load.pid], os.cpu_count() - 1)
    return load


def capacity(rig, what, tokens):
    """Good answers a second to a crowd without pause."""
    if what == "history":
        load = Wrk(f"http://127.0.0.1:{rig.port}/v1/history", 4, 64, tokens[0])
        pin([load.run.pid], os.cpu_count() - 1)
        return load.result().rate
    load = generator(rig, [openload.people("plan", CROWD, tokens, [openload.PLANS], ramp_s=3)],
                     seconds=9, warm_s=6)
    return openload.step_of(load.result(), "plan")["ended"] / 9


def pss_mb(rig):
    return sum(pss_kib(one) for pid in rig.system.roles().values() for one in family(pid)) / 1024


def measure(rig, cell):
    what = cell.how["what"]
    if what == "history":
        tokens, step = learners.tokens(learners.readers(rig)), openload.HISTORY
    else:
        tokens, step = sessions.seed(rig, 1000), openload.PLANS
    pin(rig.roles().values(), 0)
    able, runs, use = capacity(rig, what, tokens), [], Use(rig.roles(), 5)
    for times in TIMES:
        time.sleep(2)
        load = generator(rig, [openload.arrivals("load", able * times, tokens, [step], CONNECTIONS)],
                         seconds=cell.how["seconds"], warm_s=2 if what == "history" else 6,
                         grace_s=15)
        time.sleep(cell.how["seconds"])
        pss = pss_mb(rig)
        result = load.result()
        one = openload.step_of(result, "load", step["name"])
        runs.append({"times": times, "rate": able * times, "goodput": one["ended"] / result["seconds"],
                     "latency": one["latency"], "refused": one["refused"], "errors": one["errors"],
                     "never_sent": result["flows"]["load"]["never_sent"], "late_s": result["late_s"],
                     "pss_mb": pss, "connections": result["flows"]["load"]["connected"], "sent": one["sent"], "alive": rig.system.alive()})
    return {"capacity": able, "runs": runs, "samples": sum(run["sent"] for run in runs),
            "errors": sum(sum(run["errors"].values()) for run in runs), "use": use.stop().document()}


# --- the report -----------------------------------------------------------------------------------

def row(system, what, run):
    refused = run["refused"]
    others = {name: count for name, count in run["errors"].items()
              if name not in ("status 503", "status 429")}
    if run["never_sent"]:
        others["never sent"] = run["never_sent"]
    return [f"{charts.name_of(system)}, {what}, {run['times']:g} times", f"{run['rate']:,.0f}/s",
            f"{run['goodput']:,.0f}/s", seconds(run["latency"].get("p50")),
            seconds(run["latency"].get("p99")), refused["count"], seconds(refused.get("p50")),
            seconds(refused.get("p99")),
            ", ".join(f"{count} {name}" for name, count in others.items()) or "–",
            f"{run['pss_mb']:.0f} MB", seconds(run["late_s"]), "yes" if run["alive"] else "no"]


def memory(what, usual, last):
    """More connections may cost what idle ones may (T5); all else is to stay as it was."""
    more = max(0, last.get("connections", 0) - usual.get("connections", 0))
    bound = FLAT * usual["pss_mb"] + more * CONNECTION_MB
    return Claim(f"{what}: memory at 5 times the capacity, at the capacity {usual['pss_mb']:.0f} MB",
                 f"{last['pss_mb']:.0f} MB", f"{bound:.0f} MB: {FLAT} times that, 8 KB for each of {more:,} "
                 "more connections", last["pss_mb"] <= bound)


def section(results):
    found = {name.split("/", 1)[1]: result for name, result in results.items()
             if name.startswith("t6/")}
    if not found:
        return None
    rows, said, ratios = [], [], {}
    figure, panels = charts.panels(2)
    for axes, what in zip(panels, ("history", "plans")):
        series = {}
        for system in SYSTEMS["all"]:
            result = found.get(f"{system}/{what}")
            if result:
                rows += [row(system, what, run) for run in result["runs"]]
                series[system] = [(run["times"], run["goodput"] / result["capacity"])
                                  for run in result["runs"]]
        if series:
            charts.lines(axes, f"Goodput of {what}, as a share of the capacity", series,
                         "times the capacity", "", log_y=False)
        ours = found.get(f"studyhall/{what}")
        if ours:
            peak, last = max(run["goodput"] for run in ours["runs"]), ours["runs"][-1]
            ratios[f"t6/{what}"] = last["goodput"] / peak
            said.append(Claim(f"goodput of {what} at 5 times the capacity, beside the peak",
                              f"{last['goodput'] / peak:.2f}", "0.9", last["goodput"] >= 0.9 * peak))
            if last["refused"]["count"]:
                said.append(Claim(f"{what}: a refusal at 5 times the capacity, median",
                                  seconds(last["refused"]["p50"]), "20 ms",
                                  last["refused"]["p50"] <= 0.02))
            said.append(memory(what, next(run for run in ours["runs"] if run["times"] == 1), last))
            said.append(Claim(f"{what}: nothing died", str(last["alive"]), "True", last["alive"]))
    head = ["system, what, arrivals", "come", "goodput", "p50", "p99", "refused", "until refused, p50",
            "p99", "other errors", "PSS", "generator's lateness", "alive"]
    return Section("T6", TITLE, TEXT, [Table("At multiples of the capacity", head, rows)],
                   [Chart("The x axis is logarithmic.", charts.svg(figure))], said, ratios)
