"""T1's part of the report."""
import charts
from report_parts import Chart, Claim, Section, Table, ratio, seconds
from rig import IDEAL_S
from tables import t1

TEXT = ("Each user signs in, has a plan made (3 s at the provider), looks at the history and talks to "
        "the tutor (1.6 s at three providers), without a pause; the sum is ideally 4.6 s. Times over the "
        "ideal are what an iteration took beyond what the stand-in logged for that very iteration. CPU "
        "and memory are those of the system's own programs; nginx, MariaDB and Redis, which all have "
        "alike, stand beside them in the second table.")


def by_system(results):
    """{system: {users: result}}, in the order of the reports."""
    found = {}
    for system in t1.SYSTEMS["all"]:
        mine = {result["how"]["users"]: result for name, result in results.items()
                if name.startswith(f"t1/{system}/")}
        if mine:
            found[system] = dict(sorted(mine.items()))
    return found


def times_table(found):
    head = ["system, users", "samples", "errors", "mean", "p50", "p95", "p99", "over the ideal",
            "iterations/s", "sign-in", "plan", "history", "voice", "paper's mean"]
    rows = []
    for system, cells in found.items():
        for users, result in cells.items():
            steps, whole = result["steps"], result["steps"]["iteration"]
            paper = t1.PAPER.get(system, {}).get(users, "–")
            rows.append([f"{charts.name_of(system)}, {users}", whole["count"], result["errors"]]
                        + [seconds(whole.get(name)) for name in ("mean", "p50", "p95", "p99")]
                        + [seconds(result["over"].get("mean")), f"{result['rate']:.2f}"]
                        + [seconds(steps[name].get("mean")) for name in t1.SCENARIO]
                        + ["timeout" if paper is None else f"{paper} s" if paper != "–" else "–"])
    return Table("Times of an iteration, and the means of its steps", head, rows)


def steps_table(found):
    rows = []
    for system, cells in found.items():
        for users, result in cells.items():
            for step in t1.SCENARIO:
                one = result["steps"][step]
                rows.append([f"{charts.name_of(system)}, {users}, {step.replace('_', '-')}",
                             one["count"]] + [seconds(one.get(name))
                                              for name in ("mean", "p50", "p95", "p99", "max")])
    return Table("Each step", ["system, users, step", "samples", "mean", "p50", "p95", "p99", "max"],
                 rows)


def costs_table(found):
    others = ("nginx", "mariadb", "redis", "stand-in", "locust")
    head = ["system, users", "CPU/iteration", "of it the hash", "without it", "PSS"]
    head += [f"{role}, CPU" for role in others] + ["each program's CPU/iteration"]
    rows = []
    for system, cells in found.items():
        for users, result in cells.items():
            used, bare = t1.own_cpu(result)
            ended = max(1, result["ended"])
            cpu = result["use"]["cpu_s"]
            rows.append([f"{charts.name_of(system)}, {users}", seconds(used),
                         seconds(result["hash_cpu_s"]), seconds(bare), f"{t1.own_pss(result):.0f} MB"]
                        + [seconds(cpu.get(role, 0) / ended) for role in others]
                        + [", ".join(f"{role} {seconds(cpu[role] / ended)}" for role in result["own"])])
    return Table("What an iteration costs", head, rows)


def time_chart(found):
    figure, (left, right) = charts.panels(2)
    series = {system: [(users, result["steps"]["iteration"].get("mean"))
                       for users, result in cells.items()] for system, cells in found.items()}
    for system in found:
        if system in t1.PAPER:
            series[(system, "paper")] = [(users, value) for users, value in t1.PAPER[system].items()
                                         if value]
    charts.lines(left, "Mean time of the four steps", series, "users", "s")
    left.axhline(IDEAL_S["iteration"], color="#bbbbbb", linewidth=1, zorder=1)
    charts.lines(right, "Mean time over the ideal", {
        system: [(users, result["over"].get("mean")) for users, result in cells.items()]
        for system, cells in found.items()}, "users", "s")
    return Chart("Both axes are logarithmic. The grey line is the providers' own time. Dashed: the "
                 "figures that the paper gives for its machine.", charts.svg(figure))


def cost_chart(found):
    users = max(max(cells) for cells in found.values())
    last = {system: cells[users] for system, cells in found.items() if users in cells}
    figure, (left, right) = charts.panels(2, height=0.9 + 0.45 * len(last))
    charts.bars(left, "CPU of an iteration (pale: the password hash)",
                {system: t1.own_cpu(result)[0] * 1000 for system, result in last.items()}, "ms",
                parts={system: min(t1.own_cpu(result)[0], result["hash_cpu_s"]) * 1000
                       for system, result in last.items()})
    charts.bars(right, "Memory (PSS) of the programs",
                {system: t1.own_pss(result) for system, result in last.items()}, "MB")
    return Chart(f"With {users} users.", charts.svg(figure))


def claims(found, ratios):
    ours, theirs = found.get("studyhall", {}), found.get("case-b", {})
    common = [users for users in ours if users in theirs]
    if not common:
        return []
    errors = sum(result["errors"] for result in ours.values())
    ratios["t1/errors"] = errors
    said = [Claim("no errors", str(errors), "0", errors == 0)]
    for users in common:
        bound = 0.25 if users <= 30 else 0.1 if users >= 100 else None
        text, value = ratio(ours[users]["over"].get("mean"), theirs[users]["over"].get("mean"))
        ratios[f"t1/over/{users}"] = value
        if bound and value is not None:
            said.append(Claim(f"time over the ideal beside Case B's, {users} users", text,
                              f"{bound}", value <= bound))
    users = max(common)
    ratios["t1/cpu with hash"] = ratio(t1.own_cpu(ours[users])[0], t1.own_cpu(theirs[users])[0])[1]
    for what, bound, mine, other in (
            ("CPU of an iteration without the hash", 0.1, t1.own_cpu(ours[users])[1],
             t1.own_cpu(theirs[users])[1]),
            ("memory of all programs", 0.2, t1.own_pss(ours[users]), t1.own_pss(theirs[users]))):
        text, value = ratio(mine, other)
        ratios[f"t1/{what.split(' ')[0].lower()}"] = value
        if value is not None:
            said.append(Claim(f"{what} beside Case B's, {users} users", text, f"{bound}",
                              value <= bound))
    return said


def section(results):
    found = by_system(results)
    if not found:
        return None
    made = Section("T1", t1.TITLE, TEXT, [times_table(found), costs_table(found), steps_table(found)],
                   [time_chart(found), cost_chart(found)])
    made.claims = claims(found, made.ratios)
    return made
