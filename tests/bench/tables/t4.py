"""T4, the machine's own limits beside the systems: what nginx, Redis, nng and argon2id do here at most, and
history from the cache as a share of that."""
import re
import subprocess
import sys
import time

import charts
import learners
import openload
import passwords
from cells import Cell
from deployment import BIN
from meters import Use
from report_parts import Chart, Claim, Section, Table, ratio, seconds
from stores import program
from wrk import Nginx, Wrk

TITLE = "The machine's limits beside the systems"
TEXT = ("History is a page of 20 events, about 2 KB, from the cache, for a learner whose token is checked; 64 "
        "connections ask without pause (wrk), directly, without nginx between. The latency is measured "
        "apart, by the open-loop generator at 1,000 requests a second. nginx serves a file of the same "
        "bytes, Redis a value of the same size over its socket file.")
SYSTEMS = {"quick": ("case-b", "studyhall"), "usual": ("case-b", "studyhall"),
           "all": ("case-a", "case-b", "async", "studyhall")}
SECONDS = {"quick": 3, "usual": 8, "all": 10}
CONNECTIONS = 64
OPEN_RATE = 1000


def cells(level):
    how = {"seconds": SECONDS[level]}
    systems = [Cell(f"t4/{system}", sys.modules[__name__], system, direct=True,
                    seconds=2 * SECONDS[level] + 10, how=how) for system in SYSTEMS[level]]
    return systems + [Cell("t4/limits", sys.modules[__name__], seconds=3 * SECONDS[level] + 12, how=how)]


def measure(rig, cell):
    return (limits if cell.system is None else history)(rig, cell.how["seconds"])


def without_pause(rig, token, length):
    """64 connections that ask for history again and again."""
    url = f"http://127.0.0.1:{rig.port}/v1/history"
    Wrk(url, 1, CONNECTIONS, token).result()
    load = Wrk(url, length, CONNECTIONS, token)
    use = Use({**rig.roles(), "wrk": load.run.pid})
    time.sleep(length - 0.3)
    use.stop()
    most = load.result()
    requests = most.rate * use.seconds
    return {"rate": most.rate, "closed_p50": most.p50 / 1000, "closed_p99": most.p99 / 1000,
            "samples": most.requests, "errors": most.bad, "use": use.document(), "own": rig.own_roles(),
            "cpu_us": {role: value * 1e6 / requests for role, value in use.cpu_s.items()}}


def at_a_rate(rig, tokens, length):
    """1,000 requests for history a second at random moments."""
    load = openload.OpenLoad(rig, [openload.arrivals("history", OPEN_RATE, tokens, [openload.HISTORY])],
                             length)
    return openload.step_of(load.result(), "history")


def history(rig, length):
    readers = learners.readers(rig)
    page = readers[0].get("/v1/history").body
    result = without_pause(rig, readers[0].token, length)
    one = at_a_rate(rig, learners.tokens(readers), length)
    return {**result, "bytes": len(page), "open": one["latency"],
            "samples": result["samples"] + one["sent"],
            "errors": result["errors"] + sum(one["errors"].values())}


# --- the machine ----------------------------------------------------------------------------------

def static_rate(rig, length):
    with Nginx(rig.path(""), b'{"items":[' + b'{"type":"study"},' * 115 + b'{}]}\n') as nginx:
        Wrk(nginx.url, 1, CONNECTIONS).result()
        return Wrk(nginx.url, length, CONNECTIONS).result()


def redis_rate(rig, length):
    rig.stores.redis_cli("set", "page", "x" * 2000)
    words = [program("redis-benchmark"), "-s", rig.stores.path("redis.sock"), "-a",
             rig.stores.redis_password, "-c", str(CONNECTIONS), "-q", "-n", str(40000 * length), "get",
             "page"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return float(re.findall(r"([\d.]+) requests per second", done.stdout)[-1])


def nng_rates(length, program=f"{BIN}/rpc_bench"):
    """{what: (round trips a second, seconds of one)}"""
    done = subprocess.run([program, str(max(1, length // 4))], capture_output=True, text=True, check=True)
    line = re.compile(r"(.*?) +(\d+) in flight: +(\d+)/s +p50 +([\d.]+) ms")
    return {f"{name}, {count} in flight": (float(rate), float(p50) / 1000)
            for name, count, rate, p50 in line.findall(done.stdout)}


def limits(rig, length):
    use = Use({"mariadb": rig.stores.mariadb.pid, "redis": rig.stores.redis.pid})
    static = static_rate(rig, length)
    result = {"static": {"rate": static.rate, "p99": static.p99 / 1000},
              "redis": redis_rate(rig, length), "nng": nng_rates(length),
              "argon2id": {**passwords.with_studyhall(),
                           "python3-argon2": passwords.cpu_seconds("case-b")},
              "samples": static.requests, "errors": static.bad}
    return {**result, "use": use.stop().document()}


# --- the report -----------------------------------------------------------------------------------

def limit_rows(limits):
    rows = [["nginx, a static file, 64 connections", f"{limits['static']['rate']:,.0f}/s",
             seconds(limits["static"]["p99"])],
            ["Redis, GET, 64 connections", f"{limits['redis']:,.0f}/s", "–"]]
    rows += [[f"between two programs: {name}", f"{rate:,.0f}/s", seconds(p50) + " (p50)"]
             for name, (rate, p50) in limits["nng"].items()]
    return rows + [[f"one argon2id, {name}", f"{1 / cost:.0f}/s and core", seconds(cost) + " of CPU"]
                   for name, cost in limits["argon2id"].items()]


def history_rows(found, limits):
    rows = []
    for system, result in found.items():
        own = sum(result["cpu_us"][role] for role in result["own"])
        share = [ratio(result["rate"], limits["static"]["rate"])[0],
                 ratio(result["rate"], limits["redis"])[0]] if limits else ["–", "–"]
        rows.append([charts.name_of(system), f"{result['rate']:,.0f}/s", *share,
                     seconds(result["closed_p50"]), seconds(result["closed_p99"]),
                     seconds(result["open"].get("p50")), seconds(result["open"].get("p99")),
                     str(result["errors"]), f"{own:.0f} us",
                     ", ".join(f"{role} {cost:.0f}" for role, cost in result["cpu_us"].items()
                               if cost >= 0.5)])
    return rows


def claims(found, limits, ratios):
    ours, theirs, said = found.get("studyhall"), found.get("case-b"), []
    if ours and limits:
        text, value = ratio(ours["rate"], limits["static"]["rate"])
        ratios["t4/nginx"] = value
        said.append(Claim("history's rate as a share of nginx's static rate", text, "0.333",
                          value >= 1 / 3))
    if ours and theirs:
        text, value = ratio(ours["rate"], theirs["rate"])
        ratios["t4/rate"] = value
        said.append(Claim("history's rate beside Case B's", text, "8", value >= 8))
        text, value = ratio(ours["open"]["p99"], theirs["open"]["p99"])
        said.append(Claim("history's p99 at 1,000/s beside Case B's", text, "0.1", value <= 0.1))
        text, value = ratio(ours["closed_p99"], theirs["closed_p99"])
        ratios["t4/p99"] = value
        said.append(Claim("history's p99 of 64 connections without pause beside Case B's", text, "0.1",
                          value <= 0.1))
    return said


def section(results):
    found = {system: results[f"t4/{system}"] for system in SYSTEMS["all"] if f"t4/{system}" in results}
    limits = results.get("t4/limits")
    if not found:
        return None
    made = Section("T4", TITLE, TEXT)
    made.tables.append(Table("History from the cache", [
        "system", "rate", "of nginx's", "of Redis's", "p50, closed loop", "p99", "p50 at 1,000/s", "p99",
        "errors", "own CPU/request", "by program, us"], history_rows(found, limits)))
    if limits:
        made.tables.append(Table("The machine", ["what", "rate", "latency"], limit_rows(limits)))
    figure, (left, right) = charts.panels(2, height=1.1 + 0.45 * (len(found) + 1))
    rates = {system: result["rate"] for system, result in found.items()}
    charts.bars(left, "History from the cache, requests a second",
                {**rates, **({"nginx static": limits["static"]["rate"]} if limits else {})}, "/s")
    charts.bars(right, "Its p99 at 1,000 requests a second", {
        system: result["open"].get("p99", 0) * 1000 for system, result in found.items()}, "ms")
    made.charts.append(Chart("Directly, without nginx between.", charts.svg(figure)))
    made.claims = claims(found, limits, made.ratios)
    return made
