"""T2, beyond the paper: 300 to 10,000 people with sessions who think for 10 to 30 s between their steps."""
import os
import sys
import time

import charts
import openload
import sessions
from cells import Cell
from meters import Use
from report_parts import Chart, Claim, Section, Table, seconds
from samples import summary
from scenario import speech

TITLE = "Beyond the paper: people who think between their steps"
TEXT = ("Each has a session (made beforehand: signing in so many would be minutes of argon2id), asks for a plan, "
        "looks at the history, talks to the tutor, and so on, with 10 to 30 s between an answer and the next "
        "step; 2,400 is what the paper calculates as Case B's limit. Latencies are those of an open-loop "
        "generator. Beside the plan's median stands that of the provider's own time in the same minute.")
SYSTEMS = {"quick": (), "usual": (), "all": ("case-a", "case-b", "async", "studyhall")}
USERS = (300, 1000, 2400, 5000, 10000)
THINK_S = (10, 30)
ROUND_S = 65  # of one person: three thoughts, a plan and a turn
SECONDS = 40
STEPS = ("plan", "history", "voice")


def cells(level):
    return [Cell(f"t2/{system}/{users}", sys.modules[__name__], system, fresh=True,
                 seconds=ROUND_S + SECONDS + 20, how={"users": users, "seconds": SECONDS})
            for system in SYSTEMS[level] for users in USERS]


def speech_file(rig):
    path = rig.path("speech.wav")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(speech())
    return path


def measure(rig, cell):
    tokens = sessions.seed(rig, cell.how["users"])
    steps = [openload.PLANS, openload.HISTORY,
             {"name": "voice", "method": "POST", "path": "/v1/voice/turns?locale=ko",
              "type": "audio/wav", "body_file": speech_file(rig)}]
    length = cell.how["seconds"]
    load = openload.OpenLoad(rig, [openload.people("people", cell.how["users"], tokens, steps,
                                                   ramp_s=ROUND_S, think_s=THINK_S)],
                             length, warm_s=ROUND_S + 3, grace_s=30)
    time.sleep(ROUND_S + 3)
    use = Use({**rig.roles(), "load": load.pid}, sample_seconds=10)
    began = time.time()
    time.sleep(length)
    use.stop()
    result = load.result()
    took = [(call["ended"] - call["started"]) / 1e6 for call in rig.upstream.ledger(provider="gemini")
            if call["ended"] and began * 1e6 <= call["started"] < (began + length) * 1e6]
    people = result["flows"]["people"]
    return {"steps": people["steps"], "connected": people["connected"], "late_s": result["late_s"],
            "provider": summary(took), "alive": rig.system.alive(),
            "samples": sum(step["sent"] for step in people["steps"].values()),
            "errors": openload.errors_of(result), "use": use.document(), "own": rig.own_roles()}


# --- the report -----------------------------------------------------------------------------------

def by_system(results):
    found = {}
    for system in SYSTEMS["all"]:
        for users in USERS:
            if f"t2/{system}/{users}" in results:
                found.setdefault(system, {})[users] = results[f"t2/{system}/{users}"]
    return found


def how_it_ended(result):
    """What went wrong, in words."""
    errors = {}
    for step in result["steps"].values():
        for name, count in step["errors"].items():
            errors[name] = errors.get(name, 0) + count
    words = [f"{count} {name}" for name, count in sorted(errors.items(), key=lambda one: -one[1])]
    return ", ".join(words) + ("" if result["alive"] else "; dead") or "–"


def row(system, users, result):
    steps, own = result["steps"], result["own"]
    cpu = sum(result["use"]["cpu_s"][role] for role in own) / result["use"]["seconds"]
    pss = sum(result["use"]["pss_mb"][role] for role in own)
    return [f"{charts.name_of(system)}, {users}", result["samples"], result["errors"],
            f"{sum(step['ended'] for step in steps.values()) / result['how']['seconds']:.0f}/s",
            seconds(steps["plan"]["latency"].get("p50")), seconds(result["provider"].get("p50")),
            seconds(steps["plan"]["latency"].get("p99")), seconds(steps["history"]["latency"].get("p50")),
            seconds(steps["history"]["latency"].get("p99")), seconds(steps["voice"]["latency"].get("p50")),
            seconds(steps["voice"]["latency"].get("p99")), f"{cpu:.2f}", f"{pss:.0f} MB",
            how_it_ended(result)]


def section(results):
    found = by_system(results)
    if not found:
        return None
    head = ["system, users", "requests", "errors", "answered", "plan p50", "provider's p50", "plan p99",
            "history p50", "p99", "voice p50", "p99", "own cores", "PSS", "what went wrong"]
    made = Section("T2", TITLE, TEXT, [Table("People who think", head, [
        row(system, users, result) for system, cells in found.items()
        for users, result in cells.items()])])
    figure, (left, right) = charts.panels(2)
    charts.lines(left, "Plan, median", {
        system: [(users, result["steps"]["plan"]["latency"].get("p50")) for users, result in cells.items()]
        for system, cells in found.items()}, "people", "s")
    charts.lines(right, "History, p99", {
        system: [(users, result["steps"]["history"]["latency"].get("p99"))
                 for users, result in cells.items()] for system, cells in found.items()}, "people", "s")
    made.charts.append(Chart("Of requests that were answered well. All axes are logarithmic.",
                             charts.svg(figure)))
    most = found.get("studyhall", {}).get(USERS[-1])
    if most:
        beyond = most["steps"]["plan"]["latency"].get("p50", 0) / most["provider"].get("p50", 1)
        made.ratios["t2/plan"] = beyond
        made.claims = [
            Claim("10,000 people without an error", str(most["errors"]), "0", most["errors"] == 0),
            Claim("the plan's median with 10,000 people beside the provider's own", f"{beyond:.3f}",
                  "0.97 to 1.03", 0.97 <= beyond <= 1.03)]
    return made
