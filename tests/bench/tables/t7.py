"""T7, growth: plans a second, by workers and replicas; AI calls held, by WORKER_CONNECTIONS; history, by rows
of one user; history and what it takes to ask for a plan, by users."""
import datetime
import sys
import time

import charts
import learners
import openload
import sessions
from cells import Cell
from meters import Use
from report_parts import Chart, Claim, Section, Table, seconds

TITLE = "Growth of Studyhall"
TEXT = ("Plans: 2,400 people who ask for one plan of 3 s after the other, which could be 800 plans a second at "
        "most. AI calls: a tenth more people than there are connections ask for plans of 30 s, and as many calls "
        "as the planner has connections are under way. History: pages of one user that no cache has (each asks "
        "for another span of time), 100 a second. Users: so many by turns read their history 300 times a second "
        "and ask for a plan 20 times a second, without waiting for it (Prefer: respond-async); with more users "
        "fewer pages are in the cache.")
PEOPLE = 2400
CALL_S = 30
SETTLE_S = 15
PLANNERS = {"1 worker": ({"PLANNER_WORKERS": "1"}, 1), "2 workers": ({"PLANNER_WORKERS": "2"}, 1),
            "4 workers": ({"PLANNER_WORKERS": "4"}, 1), "2 replicas": ({"PLANNER_WORKERS": "1"}, 2)}
CONNECTIONS = (1000, 2500, 5000, 10000)
ROWS = (10, 1000, 100000, 1000000)
USERS = (10, 1000, 10000)
READS, ASKS, USERS_S = 300, 20, 8


def cells(level):
    if level != "all":
        return []
    found = []
    for name, (settings, replicas) in PLANNERS.items():
        more = {**settings, **({"replicas": {"planner": replicas}} if replicas > 1 else {})}
        found.append(Cell(f"t7/plans/{name.replace(' ', '-')}", sys.modules[__name__], "studyhall",
                          direct=True, seconds=35, settings=more, how={"what": "plans"}))
    for count in CONNECTIONS:
        settings = {"PLANNER_WORKERS": "1", "PLANNER_WORKER_CONNECTIONS": str(count),
                    "PLANNER_QUEUE_LIMIT": "2000"}
        found.append(Cell(f"t7/calls/{count}", sys.modules[__name__], "studyhall", direct=True,
                          seconds=25 + count // 400, settings=settings, how={"what": "calls", "count": count}))
    for count in ROWS:
        found.append(Cell(f"t7/rows/{count}", sys.modules[__name__], "studyhall", direct=True,
                          seconds=20 + count // 20000, how={"what": "rows", "count": count}))
    for count in USERS:
        found.append(Cell(f"t7/users/{count}", sys.modules[__name__], "studyhall", direct=True,
                          seconds=20 + count // 2000, how={"what": "users", "count": count}))
    return found


def plans(rig, _):
    tokens = sessions.seed(rig, PEOPLE)
    load = openload.OpenLoad(rig, [openload.people("plan", PEOPLE, tokens, [openload.PLANS], ramp_s=6)],
                             seconds=12, warm_s=10, grace_s=15)
    time.sleep(10)
    use = Use(rig.roles(), 5)
    result = load.result()
    one = openload.step_of(result, "plan")
    return {"rate": one["ended"] / result["seconds"], "latency": one["latency"], "use": use.stop().document(),
            "samples": one["sent"], "errors": sum(one["errors"].values())}


def calls(rig, count):
    rig.upstream.reset(providers={"gemini": {"first_byte": CALL_S * 333, "streaming": CALL_S * 667,
                                             "chunks": 16}})
    tokens, ramp, held = sessions.seed(rig, 64), max(3, count // 400), 0
    load = openload.OpenLoad(rig, [openload.people("plan", int(count * 1.1), tokens, [openload.PLANS],
                                                   ramp_s=ramp)], seconds=600, warm_s=0, grace_s=0)
    use = Use(rig.roles(), 5)
    for _ in range(ramp + SETTLE_S):
        time.sleep(1)
        held = max(held, rig.upstream.stats()["open"])
    failed = {name: number for name, number in openload.step_of(load.stop(), "plan")["errors"].items()
              if name != "no answer"}
    return {"held": held, "use": use.stop().document(), "samples": int(count * 1.1),
            "errors": sum(failed.values()), "error_texts": failed}


def rows(rig, count):
    """One user's events, evenly over the last year."""
    (learner,) = learners.crowd(rig, f"rows{count}", 1)
    database, now = rig.system.database("history"), int(time.time() * 1000)
    step = 365 * 86400000 // count
    rig.stores.sql(
        "INSERT INTO event (user_id, at_ms, id, version, type, subject, minutes) "
        f"SELECT '{learner.user['id']}', {now} - seq * {step}, CONCAT('r', seq), 1, 5, 'Biology', 25 "
        f"FROM seq_1_to_{count}; ANALYZE TABLE event", database)
    days = [(datetime.date.today() - datetime.timedelta(number)).isoformat() for number in range(300)]
    paths = [f"/v1/history?to={day}&limit={limit}" for limit in range(18, 24) for day in days]
    page = {"name": "history", "method": "GET", "paths": paths}
    load = openload.OpenLoad(rig, [openload.arrivals("history", 100, [learner.token], [page])], 10,
                             warm_s=2)
    use = Use(rig.roles(), 5)
    one = openload.step_of(load.result(), "history")
    return {"latency": one["latency"], "samples": one["sent"], "errors": sum(one["errors"].values()),
            "error_texts": one["errors"], "use": use.stop().document()}


def users(rig, count):
    tokens = sessions.seed(rig, count)
    ask = {**openload.PLANS, "name": "ask", "headers": "Prefer: respond-async\r\n"}
    load = openload.OpenLoad(rig, [openload.arrivals("history", READS, tokens, [openload.HISTORY]),
                                   openload.arrivals("ask", ASKS, tokens, [ask])], USERS_S, warm_s=2)
    use = Use(rig.roles(), 5)
    result = load.result()
    steps = {name: openload.step_of(result, name) for name in ("history", "ask")}
    return {name: {"rate": one["ended"] / result["seconds"], "latency": one["latency"],
                   "error_texts": one["errors"]} for name, one in steps.items()} | {
        "samples": sum(one["sent"] for one in steps.values()), "errors": openload.errors_of(result),
        "use": use.stop().document()}


def measure(rig, cell):
    return {"plans": plans, "calls": calls, "rows": rows, "users": users}[cell.how["what"]](
        rig, cell.how.get("count"))


# --- the report -----------------------------------------------------------------------------------

def section(results):
    found = {name.split("/", 1)[1]: result for name, result in results.items()
             if name.startswith("t7/")}
    if not found:
        return None
    made = Section("T7", TITLE, TEXT)
    plan_rows = [[name, f"{one['rate']:.0f}/s", seconds(one["latency"].get("p50")),
                  seconds(one["latency"].get("p99")), one["errors"],
                  f"{sum(one['use']['cpu_s'].values()) / one['use']['seconds']:.2f}"]
                 for name in PLANNERS if (one := found.get(f"plans/{name.replace(' ', '-')}"))]
    call_rows = [[f"{count} connections", one["held"], f"{one['held'] / count:.2f}", one["errors"]]
                 for count in CONNECTIONS if (one := found.get(f"calls/{count}"))]
    row_rows = [[f"{count:,} rows", seconds(one["latency"].get("p50")), seconds(one["latency"].get("p99")),
                 seconds(one["latency"].get("max")), one["errors"]]
                for count in ROWS if (one := found.get(f"rows/{count}"))]
    user_rows = [[f"{count:,} users", f"{one[name]['rate']:.0f}/s", seconds(one[name]["latency"].get("p50")),
                  seconds(one[name]["latency"].get("p99")), sum(one[name]["error_texts"].values())]
                 for count in USERS if (one := found.get(f"users/{count}")) for name in ("history", "ask")]
    for number, line in enumerate(user_rows):
        line.insert(1, ("history", "asking for a plan")[number % 2])
    for caption, head, lines in (
            ("Plans a second", ["planner", "plans", "p50", "p99", "errors", "cores of all programs"],
             plan_rows),
            ("AI calls of 30 s under way", ["WORKER_CONNECTIONS", "held", "of them", "errors"], call_rows),
            ("History without the cache", ["of one user", "p50", "p99", "max", "errors"], row_rows),
            ("Distinct users", ["by turns", "what", "answered", "p50", "p99", "errors"], user_rows)):
        if lines:
            made.tables.append(Table(caption, head, lines))
    made.claims = claims(found, made.ratios)
    figure, (left, right) = charts.panels(2)
    charts.lines(left, "AI calls of 30 s under way", {
        "studyhall": [(count, found[f"calls/{count}"]["held"]) for count in CONNECTIONS
                      if f"calls/{count}" in found]}, "WORKER_CONNECTIONS", "")
    charts.lines(right, "History's p99 without the cache", {
        "studyhall": [(count, found[f"rows/{count}"]["latency"]["p99"] * 1000) for count in ROWS
                      if found.get(f"rows/{count}", {"latency": {}})["latency"].get("p99")]}, "rows of the user", "ms")
    made.charts.append(Chart("All axes are logarithmic.", charts.svg(figure)))
    return made


def claims(found, ratios):
    said = []
    shares = [found[f"calls/{count}"]["held"] / count for count in CONNECTIONS if f"calls/{count}" in found]
    if shares:
        ratios["t7/calls"] = min(shares)
        said.append(Claim("AI calls under way, of WORKER_CONNECTIONS, up to "
                          f"{max(count for count in CONNECTIONS if f'calls/{count}' in found):,}",
                          f"{min(shares):.2f}", "0.95", min(shares) >= 0.95))
    first, last = (found.get(f"rows/{count}") for count in (ROWS[0], ROWS[-1]))
    if first and last and first["latency"].get("p99") and last["latency"].get("p99"):
        value = last["latency"]["p99"] / first["latency"]["p99"]
        ratios["t7/rows"] = value
        said.append(Claim("history's p99 with 1,000,000 rows of one user beside that with 10",
                          f"{value:.2f}", "2", value <= 2))
    return said
