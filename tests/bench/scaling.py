"""How throughput and memory grow with the replicas of a service, N = 1, 2, 4, 8 planners on one host.

    /usr/bin/python3 tests/bench/scaling.py [N...]

Reads: GET /v1/items, 64 connections. Plans: 600 clients, each asking for one plan after the other of a
provider that takes three seconds. All on this machine, so more replicas bring no more CPU here: what is
to be seen is that a replica more costs nothing but its memory, that each gets an equal share, and what a
request costs the CPU of each program, which is what one reckons with on many hosts.
"""
import os
import sys
import tempfile
import time

from plans import MARIADB, SETTINGS, script
from wrk import Wrk

from deployment import Deployment  # noqa: E402
from stores import Stores  # noqa: E402
from upstream import Upstream  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
READ_S, PLAN_S, CLIENTS = 6, 12, 600


def cpu_s(process):
    with open(f"/proc/{process.pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def by_kind(app, measure):
    found = {}
    for name, process in [*app.processes.items(), ("mariadb", app.stores.mariadb)]:
        kind = name.split(".")[0]
        found[kind] = found.get(kind, 0) + measure(process)
    return found


def method_counts(app, method):
    return [app.metrics(name)[f'studyhall_call_seconds_count{{method="{method}"}}']
            for name in app.processes if name.startswith("planner")]


class Run:
    """What a load cost, by program."""

    def __init__(self, app, method, seconds, start):
        before, began = by_kind(app, cpu_s), time.monotonic()
        counts = method_counts(app, method)
        self.load = start()
        time.sleep(seconds * 0.8)
        self.memory = by_kind(app, lambda process: process.memory_kb() / 1024)
        self.result = self.load.result()
        self.seconds = time.monotonic() - began
        after = by_kind(app, cpu_s)
        self.shares = [now - then for now, then in zip(method_counts(app, method), counts)]
        self.cpu_us = {kind: (after[kind] - before[kind]) * 1e6 / max(1, self.result.requests)
                       for kind in after}

    def line(self, count):
        even = sum(self.shares) / len(self.shares)
        worst = max(abs(share / even - 1) for share in self.shares)
        return (f"{count:2} | {self.result.rate:8.0f} | {self.result.p99:7.1f} |"
                f" {self.cpu_us['gateway']:5.0f} {self.cpu_us['planner']:5.0f}"
                f" {self.cpu_us['mariadb']:5.0f} |"
                f" {self.memory['gateway']:6.1f} {self.memory['planner'] / count:6.1f} |"
                f" {100 * worst:4.1f} % | {self.result.bad}")


HEAD = " N |   rate/s | p99 ms | CPU us gw, pl, db | MB gw, each | uneven | failed"


def measure(count):
    with tempfile.TemporaryDirectory(prefix="sh-") as directory:
        stores = Stores(directory, MARIADB).start()
        upstream = Upstream(directory).start()
        upstream.configure(latency={"first_byte": 3000})
        settings = {**SETTINGS, **upstream.settings(), "PLANNER_WORKERS": "1"}
        app = Deployment(stores, settings, replicas={"planner": count})
        try:
            app.start()
            learner = app.learner()
            learner.plan()
            url = f"http://127.0.0.1:{app.port}"
            reads = Run(app, "ListItems", READ_S,
                        lambda: Wrk(url + "/v1/items", READ_S, 64, learner.token))
            lua = script(stores, app)
            plans = Run(app, "CreatePlan", PLAN_S,
                        lambda: Wrk(url + "/v1/plans", PLAN_S, CLIENTS, script=lua, timeout=60))
            return reads, plans
        finally:
            for process in [*app.processes.values(), upstream]:
                if process.alive():
                    process.kill9()
            stores.stop()


def main():
    counts = [int(word) for word in sys.argv[1:]] or [1, 2, 4, 8]
    rows = {count: measure(count) for count in counts}
    for number, title in enumerate(("reads, 64 connections", f"plans, {CLIENTS} clients")):
        print(f"{title}\n{HEAD}")
        for count in counts:
            print(rows[count][number].line(count))


if __name__ == "__main__":
    main()
