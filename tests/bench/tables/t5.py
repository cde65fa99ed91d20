"""T5, memory: of a system that has nothing to do, and what each idle connection, AI call in flight and
reader of an event stream adds to it."""
import sys
import time

import charts
import learners
import openload
from cells import Cell
from meters import Use, family, pss_kib
from report_parts import Chart, Claim, Section, Table

TITLE = "Memory"
TEXT = ("PSS of the system's own programs: idle, and what each of so many idle connections, AI calls in flight "
        "and readers of an event stream adds, over all programs. Connections come directly, without nginx. "
        "Of the systems only Studyhall streams.")
SYSTEMS = {"quick": (), "usual": ("case-b", "studyhall"),
           "all": ("case-a", "case-b", "async", "studyhall")}
COUNTS = {"connections": {"studyhall": 8000}, "calls": {"studyhall": 5000}, "readers": {"studyhall": 3000}}
OTHERS = 1000  # of the systems that begin to refuse above their 2,400
CALL_S = 60
HASHES_S = 3  # auth keeps what password hashes fill for a second: it is no part of being idle
LEARNERS = 16
BOUND_KIB = {"connections": 8, "calls": 40, "readers": 16}
WORDS = {"connections": "an idle connection, once asked", "calls": "an AI call in flight",
         "readers": "a reader of an event stream"}


def cells(level):
    found = []
    for system in SYSTEMS[level]:
        for what in COUNTS:
            if what == "readers" and system != "studyhall" or system == "case-a" and what != "connections":
                continue
            count = COUNTS[what].get(system, OTHERS)
            found.append(Cell(f"t5/{system}/{what}", sys.modules[__name__], system, direct=True,
                              fresh=True, seconds=12 + count // 250,
                              how={"what": what, "count": count}))
    return found


def memory(rig):
    """{role: KiB} of the system's own programs."""
    return {role: sum(pss_kib(one) for one in family(pid))
            for role, pid in rig.system.roles().items()}


def hold(rig, flow, ramp):
    load = openload.OpenLoad(rig, [flow], seconds=600, warm_s=0, grace_s=0)
    time.sleep(ramp + 3)
    return load


def connections(rig, count):
    tokens = learners.tokens(learners.readers(rig))
    time.sleep(HASHES_S)
    idle = memory(rig)
    load = hold(rig, openload.people("idle", count, tokens, [openload.HISTORY], ramp_s=count / 500,
                                     think_s=(3600, 3600)), count / 500)
    return idle, load, lambda: load_connected(load)


def calls(rig, count):
    rig.upstream.reset(providers={"gemini": {"first_byte": CALL_S * 333, "streaming": CALL_S * 667,
                                             "chunks": 16}})
    tokens = learners.tokens(learners.crowd(rig, "planners", LEARNERS))
    time.sleep(HASHES_S)
    idle, ramp = memory(rig), count / 250
    load = hold(rig, openload.people("plans", count, tokens, [openload.PLANS], ramp), ramp)
    return idle, load, lambda: rig.upstream.stats()["open"]


def readers(rig, count):
    """Each of a job of its own, whose days stream in for a minute; of their use only the readers'."""
    rig.upstream.reset(providers={"gemini": {"first_byte": CALL_S * 900, "streaming": CALL_S * 100}})
    crowd, jobs = learners.crowd(rig, "planners", LEARNERS), []
    for number in range(count // 10):
        answer = crowd[number % LEARNERS].post("/v1/plans", openload.PLAN,
                                               headers={"Prefer": "respond-async"})
        assert answer.status == 202, answer
        jobs.append("/v1/jobs/" + answer.json["id"] + "/events")
    step = {"name": "events", "method": "GET", "paths": jobs, "headers": "Accept: text/event-stream\r\n"}
    turns = [crowd[number % LEARNERS].token for number in range(len(jobs))]
    time.sleep(HASHES_S)
    idle = memory(rig)
    load = hold(rig, openload.people("readers", count, turns, [step], count / 500), count / 500)
    return idle, load, lambda: load_connected(load)


def load_connected(load):
    """How many connections it holds now."""
    report = load.stop()
    return next(iter(report["flows"].values()))["connected"]


def measure(rig, cell):
    what, count = cell.how["what"], cell.how["count"]
    time.sleep(2)
    use = Use(rig.roles(), sample_seconds=60)
    idle, load, held = {"connections": connections, "calls": calls, "readers": readers}[what](rig, count)
    try:
        loaded = memory(rig)
        use.stop()
        really = held()
    finally:
        load.run.kill()
    return {"idle_kib": idle, "loaded_kib": loaded, "held": really, "samples": count,
            "errors": max(0, count - really), "use": use.document()}


# --- the report -----------------------------------------------------------------------------------

def each_kib(result, role=None):
    """What one of them adds: of one program or of all."""
    total = sum(result["loaded_kib"][one] - result["idle_kib"][one] for one in result["idle_kib"]
                if role in (None, one))
    return total / max(1, result["held"])


def section(results):
    found = {name.split("/", 1)[1]: result for name, result in results.items()
             if name.startswith("t5/")}
    if not found:
        return None
    rows, idle, said, ratios = [], {}, [], {}
    for system in SYSTEMS["all"]:
        for what in COUNTS:
            result = found.get(f"{system}/{what}")
            if result is None:
                continue
            idle.setdefault(system, sum(result["idle_kib"].values()) / 1024)
            parts = [f"{role} {each_kib(result, role):.1f}" for role in result["idle_kib"]
                     if each_kib(result, role) >= 0.05]
            rows.append([f"{charts.name_of(system)}, {WORDS[what]}", result["held"], result["errors"],
                         f"{sum(result['idle_kib'].values()) / 1024:.1f} MB",
                         f"{sum(result['loaded_kib'].values()) / 1024:.1f} MB",
                         f"{each_kib(result):.1f} KB", ", ".join(parts)])
            if system == "studyhall":
                ratios[f"t5/{what}"] = each_kib(result)
                said.append(Claim(f"memory of {WORDS[what]}, {result['held']} held",
                                  f"{each_kib(result):.1f} KB", f"{BOUND_KIB[what]} KB",
                                  each_kib(result) <= BOUND_KIB[what] and result["errors"] == 0))
    figure, panels = charts.panels(2, height=1.0 + 0.45 * len(idle))
    charts.bars(panels[0], "Idle", idle, "MB")
    charts.bars(panels[1], "Each AI call in flight", {
        system: each_kib(found[f"{system}/calls"]) for system in idle if f"{system}/calls" in found}, "KB")
    return Section("T5", TITLE, TEXT, [Table("Memory of all programs of a system", [
        "system, what is held", "held", "not held", "before", "with them", "each", "by program, KB"], rows)],
        [Chart("Memory (PSS) of the system's own programs.", charts.svg(figure))], said, ratios)
