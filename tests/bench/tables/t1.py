"""T1, the paper's table 8: 5 to 100 users in the paper's scenario, by Locust, without a pause.

The ideal of an iteration is what the providers alone took for it: the stand-in's log has that for every
plan and every turn, so the time over the ideal is measured iteration by iteration."""
import json
import os
import subprocess
import sys
import time

import passwords
from cells import Cell
from meters import Use
from samples import summary
from stores import program
from wrk import HERE

NAME = "T1"
TITLE = "The paper's table 8: response times with 5 to 100 users"
SCENARIO = ("sign_in", "plan", "history", "voice")
# Mean response times in seconds, as the paper gives them; None: "Timeout".
PAPER = {"case-a": {5: 3.2, 10: 4.1, 30: 15.8, 50: 28.3, 100: None},
         "case-b": {5: 3.1, 10: 3.2, 30: 4.8, 50: 6.2, 100: 9.5}}
USERS = {"quick": (10, 50), "usual": (5, 10, 30, 50, 100), "all": (5, 10, 30, 50, 100)}
SYSTEMS = {"quick": ("case-b", "studyhall"), "usual": ("case-a", "case-b", "studyhall"),
           "all": ("case-a", "case-b", "async", "celery", "studyhall")}


def cells(level):
    found = []
    for system in SYSTEMS[level]:
        for users in USERS[level]:
            # In the shortest, two iterations of each user; one takes 4.6 s at least.
            seconds = {"quick": 9, "usual": 30, "all": 45}[level]
            if system == "case-a" and users >= 30:
                seconds = 60 if users < 100 else 100  # of which one iteration takes the half
            warm = 5 + users // 20
            found.append(Cell(f"t1/{system}/{users}", sys.modules[__name__], system,
                              seconds=warm + seconds + 8,
                              how={"users": users, "seconds": seconds, "warm": warm}))
    return found


def locust(rig, users, seconds, log):
    words = [program("locust"), "-f", os.path.join(HERE, "locustfile.py"), "--headless", "-u", str(users),
             "-r", str(max(1, users / 4)), "-t", f"{seconds}s", "--stop-timeout", "180",
             "--host", f"http://127.0.0.1:{rig.port}", "--only-summary"]
    return subprocess.Popen(words, env={**os.environ, "BENCH_LOG": log}, stdout=subprocess.DEVNULL,
                            stderr=open(log + ".err", "w"))


def provider_seconds(rig):
    """{id of a plan or turn: what the providers took for it}"""
    took = {}
    for call in rig.upstream.ledger():
        if call["ended"]:
            thing = call["mark"].split(":")[0]
            took[thing] = took.get(thing, 0) + (call["ended"] - call["started"]) / 1e6
    return took


def measure(rig, cell):
    users, seconds, warm = (cell.how[name] for name in ("users", "seconds", "warm"))
    rig.upstream.forget()
    log = rig.path(f"locust-{users}-{time.time_ns()}.jsonl")
    run = locust(rig, users, warm + seconds, log)
    try:
        time.sleep(warm)
        use = Use({**rig.roles(), "locust": run.pid})
        time.sleep(seconds)
        use.stop()
        run.wait()
    finally:
        run.kill()
    lines = [json.loads(line) for line in open(log)]
    result = figures(lines, provider_seconds(rig), use.began, use.began + use.seconds)
    result["use"] = use.document()
    result["hash_cpu_s"] = passwords.cpu_seconds(cell.system)
    result["own"] = rig.own_roles()
    return result


def figures(lines, took, since, until):
    """Of the iterations that began in the time measured, whenever they ended; CPU is shared out among
    those that ended in it."""
    begun = [line for line in lines if since <= line["began"] < until]
    good = [line for line in begun if not line["failed"]]
    steps = {name: summary([line["steps"][name] for line in good]) for name in SCENARIO}
    whole = [sum(line["steps"].values()) for line in good]
    steps["iteration"] = summary(whole)
    over = [total - took[line["plan"]] - took[line["turn"]] for total, line in zip(whole, good)
            if line["plan"] in took and line["turn"] in took]
    failures = [line["failed"] for line in begun if line["failed"]]
    return {"samples": len(begun), "steps": steps, "over": summary(over), "errors": len(failures),
            "error_texts": sorted(set(failures))[:5], "iterations": len(begun),
            "ended": sum(since <= line["ended"] < until for line in lines),
            "rate": sum(since <= line["ended"] < until and not line["failed"] for line in lines)
            / (until - since)}


def own_cpu(result):
    """CPU seconds an iteration of the system's own programs: (with, without the password hash)."""
    used = sum(result["use"]["cpu_s"][role] for role in result["own"]) / max(1, result["ended"])
    return used, max(0.0, used - result["hash_cpu_s"])


def own_pss(result):
    return sum(result["use"]["pss_mb"][role] for role in result["own"])


def section(results):
    from tables import t1_report  # which knows this module
    return t1_report.section(results)
