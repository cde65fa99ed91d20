"""T8 in the report."""
import charts
from report_parts import Chart, Section, Table, seconds

TITLE = "The paper's future work, one change at a time"
TEXT = ("Studyhall as it is, with one thing changed. nginx: history as in T4; a connection to the gateway is new "
        "for each request (as all systems here have it) or kept; a gateway stalls by standing still for a tenth "
        "of each second while 1,000 requests a second come. Redis: one page that 64 connections ask for "
        "without pause while it changes 20 times a second, and the pages of 500 users, which do not change, 1,000 "
        "requests a second; SELECTs are those of all programs. CPU pool: 16 users sign in without pause, who "
        "somebody is is asked of the same program (auth) 50 times a second, and history is read 100 times a "
        "second. Link: calls of 100 bytes between two programs; bare nng, which does nothing but send them back, "
        "is measured with each. Without single flight, with a short life in the cache, without the pool and with "
        "one envelope a message Studyhall cannot be run: those are programs of tests/bench/variants. Where one "
        "argon2id took longer, the machine itself was slower then, and rates are lower by as much.")
FRONTS = {"direct": "without nginx", "unix": "socket file, new connections",
          "unix-kept": "socket file, kept (as deployed)", "tcp": "TCP, new connections",
          "tcp-kept": "TCP, kept", "round-robin": "two gateways, round robin, kept",
          "least-conn": "two gateways, least_conn, kept"}
CACHES = {"off": "Redis off", "short-ttl": "gone after 1 s", "no-flight": "no single flight",
          "whole": "as it is"}
POOLS = {"none": "no pool", "1": "1 thread (as it is)", "2": "2 threads"}
LINKS = {"one-envelope": "one envelope a message", "batched": "batched (as it is)"}


def found_of(results, what, names):
    """{title: result}"""
    return {title: results[f"t8/{what}/{name}"] for name, title in names.items()
            if f"t8/{what}/{name}" in results}


def latency(result, name):
    """p50 and p99 of one of its distributions."""
    return [seconds(result.get(name, {}).get(figure)) for figure in ("p50", "p99")]


def hash_of(result):
    """How fast the machine was."""
    return seconds(result.get("machine_s"))


def costs(result):
    """CPU a request: nginx's, and that of all gateways."""
    return [f"{sum(cost for role, cost in result['cpu_us'].items() if role.split('.')[0] == name):.0f} us"
            for name in ("nginx", "gateway")]


def front_table(found):
    return Table("nginx before the gateway", [
        "nginx to gateway", "rate, 64 connections", "p50", "p99", "p50 at 1,000/s", "p99", "p50, one stalls",
        "p99", "CPU/request: nginx", "gateway", "errors", "one argon2id then"],
        [[title, f"{one['rate']:,.0f}/s", seconds(one["closed_p50"]), seconds(one["closed_p99"]),
          *latency(one, "open"), *latency(one, "stalling"), *costs(one), one["errors"], hash_of(one)]
         for title, one in found.items()])


def cache_table(found):
    rows = [[title, f"{one['one']['rate']:,.0f}/s"] + [text for part in (one["one"], one["many"]) for text in (
        f"{part['selects_per_read']:.3f}", f"{part['hit_ratio']:.1%}", *latency({"of": part}, "of"))] +
        [one["errors"], hash_of(one)] for title, one in found.items()]
    return Table("Redis", ["history's cache", "rate, one page that changes", "SELECTs/read", "hits", "p50", "p99",
                           "500 pages: SELECTs/read", "hits", "p50", "p99", "errors", "one argon2id then"],
                 rows)


def pool_table(found):
    return Table("The CPU pool, while 16 users sign in", [
        "pool of auth", "sign-ins", "p50", "p99", "who am I, p50", "p99", "history, p50", "p99", "errors", "one argon2id then"],
        [[title, f"{one['rate']:.1f}/s", *latency(one, "sign_in"), *latency(one, "me"),
          *latency(one, "history"), one["errors"], hash_of(one)] for title, one in found.items()])


def link_table(found):
    """A line for each number of calls in flight; bare nng beside the first that is known."""
    columns = {"bare nng": ("bare nng REQ/REP", next(iter(found.values()))),
               **{title: ("rpc_call()", one) for title, one in found.items()}}
    rows = []
    for count in (1, 64, 1000):
        pairs = [one["rates"].get(f"{name}, {count} in flight") for name, one in columns.values()]
        rows.append([f"{count} in flight"] + [text for pair in pairs for text in (
            (f"{pair[0]:,.0f}/s", f"{pair[1] * 1000:.2f} ms") if pair else ("–", "–"))])
    return Table("The link", ["calls"] + [text for title in columns for text in (title, "p50")], rows)


# --- charts ---------------------------------------------------------------------------------------

def bars(axes, title, found, unit, value):
    """One bar each; what Studyhall is by itself in its own colour."""
    charts.bars(axes, title, {name: value(one) for name, one in found.items()}, unit,
                ours=[name for name in found if name.endswith(("as it is", "as it is)", "as deployed)"))])


def front_chart(found):
    figure, (left, right) = charts.panels(2, height=1.0 + 0.42 * len(found))
    bars(left, "History behind nginx, requests a second", found, "/s", lambda one: one["rate"])
    stalled = {title: one for title, one in found.items() if one.get("stalling", {}).get("count")}
    bars(right, "p99 while one of two gateways stalls", stalled, "ms",
         lambda one: one["stalling"]["p99"] * 1000)
    if not stalled:
        right.set_visible(False)
    return Chart("All but the first through nginx.", charts.svg(figure))


def cache_chart(found):
    figure, (left, right) = charts.panels(2, height=1.0 + 0.42 * len(found))
    bars(left, "SELECTs per 1,000 reads, one page that changes", found, "",
         lambda one: one["one"]["selects_per_read"] * 1000)
    bars(right, "SELECTs per 1,000 reads, 500 pages", found, "",
         lambda one: one["many"]["selects_per_read"] * 1000)
    return Chart("Less is better.", charts.svg(figure))


def rest_chart(pools, links):
    figure, (left, right) = charts.panels(2, height=2.4)
    bars(left, "p99 of “who am I” while 16 sign in", pools, "ms", lambda one: one["me"]["p99"] * 1000)
    calls = {title: one for title, one in links.items() if "rpc_call(), 64 in flight" in one["rates"]}
    bars(right, "Calls between two programs a second, 64 in flight", calls, "/s",
         lambda one: one["rates"]["rpc_call(), 64 in flight"][0])
    for axes, shown in ((left, pools), (right, calls)):
        if not shown:
            axes.set_visible(False)
    return Chart("Left: less is better; right: more.", charts.svg(figure))


def section(results):
    fronts, caches, pools, links = (found_of(results, what, names) for what, names in (
        ("front", FRONTS), ("cache", CACHES), ("pool", POOLS), ("link", LINKS)))
    if not (fronts or caches or pools or links):
        return None
    made = Section("T8", TITLE, TEXT)
    for found, table in ((fronts, front_table), (caches, cache_table), (pools, pool_table),
                         (links, link_table)):
        if found:
            made.tables.append(table(found))
    if fronts:
        made.charts.append(front_chart(fronts))
    if caches:
        made.charts.append(cache_chart(caches))
    if pools or links:
        made.charts.append(rest_chart(pools, links))
    return made
