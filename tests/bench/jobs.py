#!/usr/bin/env python3
"""Plans a second through the whole chain with AI calls of 3 s, and what the processes use for it.

usage: tests/bench/jobs.py [CONNECTIONS [SECONDS]]     (default 1600 and 15)
The stand-in for the providers takes a second to begin and two to stream an answer. So many
requests are held at a time; the rate is what comes of it. Prints the rate, latency beyond the
stand-in's 3 s, CPU of each process per plan, and what its ledger says of calls per plan. Status 1
if a request failed or a call was made twice.
"""
import os
import sys
import tempfile
import time

from wrk import Wrk

from deployment import Deployment  # noqa: E402
from stores import Stores  # noqa: E402
from upstream import Upstream  # noqa: E402

LEARNERS = 64
SETTINGS = {"AI_PROVIDERS": "openai,builtin", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_DAILY_TOKENS": os.environ.get("AI_DAILY_TOKENS", "100000000000"),
            "PLANNER_WORKERS": "2", "PLANNER_WORKER_CONNECTIONS": "6000",
            "PLANNER_DATABASE_CONNECTIONS": os.environ.get("CONNECTIONS", "8"),
            "GATEWAY_MAX_CONNECTIONS": "12000", "LOG_LEVEL": "warn"}
SCRIPT = """
tokens = {{ {tokens} }}
number = 0
request = function()
  number = number + 1
  return wrk.format("POST", "/v1/plans",
    {{["Authorization"] = "Bearer " .. tokens[number % #tokens + 1],
      ["Content-Type"] = "application/json"{key} }},
    '{{"goal":"Biology chapters 1-6","minutes_per_day":60}}')
end
"""


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def counters(stores):
    """What MariaDB has done since it started, by the names of SHOW STATUS."""
    rows = stores.sql("SHOW GLOBAL STATUS").splitlines()
    return {name: int(value) for name, value in (row.split("\t") for row in rows if row.count("\t") == 1)
            if value.isdigit()}


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return int(next(line for line in rollup if line.startswith("Pss:")).split()[1])


def measure(stores, upstream, app, connections, seconds):
    tokens = ", ".join(f'"{app.learner().token}"' for _ in range(LEARNERS))
    script = os.path.join(stores.directory, "plans.lua")
    with open(script, "w") as file:
        file.write(SCRIPT.format(tokens=tokens, key=""))
    url = f"http://127.0.0.1:{app.port}"
    Wrk(url, 4, 64, script=script).result()
    upstream.reset(latency={"first_byte": 1000, "streaming": 2000, "chunks": 16})
    processes = {"planner": app["planner"].child.pid, "gateway": app["gateway"].child.pid,
                 "history": app["history"].child.pid, "mariadb": stores.mariadb.child.pid,
                 "upstream": upstream.child.pid}
    idle = pss_kib(processes["planner"])
    before = {name: cpu_seconds(pid) for name, pid in processes.items()}
    statements = counters(stores)
    began = time.monotonic()
    wrk = Wrk(url, seconds, connections, script=script)
    time.sleep(seconds * 2 / 3)
    memory = pss_kib(processes["planner"]) - idle
    result = wrk.result()
    took = time.monotonic() - began
    stats = upstream.stats()
    print(f"{result}   {connections} at a time, {took:.0f} s")
    for name, pid in processes.items():
        used = cpu_seconds(pid) - before[name]
        print(f"  {name:9}{used / took:6.2f} cores {used * 1000 / max(1, result.requests):7.2f} "
              f"ms of CPU a plan")
    after = counters(stores)
    done = {name: (after[name] - statements[name]) / max(1, result.requests) for name in statements if name in after}
    print("  a plan: " + ", ".join(f"{name} {done.get(name, 0):.2f}" for name in ("Com_stmt_execute", "Com_stmt_prepare", "Com_begin", "Com_commit", "Com_rollback", "Com_select", "Com_insert", "Com_update", "Com_delete", "Handler_write", "Innodb_data_fsyncs", "Innodb_os_log_written")))
    if os.environ.get("TALLY"):
        names = [n for n in stores.sql("SHOW DATABASES").split() if n.endswith("planner")]
        for table in ("plan", "item", "job", "job_call", "job_day", "outbox", "quota"):
            print(table, stores.sql(f"SELECT COUNT(*) FROM {names[0]}.{table}"))
    print(f"  planner: {memory / connections:.1f} KiB a request; beyond 3 s: "
          f"p50 {result.p50 - 3000:.0f} ms, p99 {result.p99 - 3000:.0f} ms")
    print(f"  stand-in: {stats}")
    return result


def main():
    connections, seconds = (int(word) for word in (sys.argv[1:] + ["1600", "15"][len(sys.argv) - 1:]))
    with tempfile.TemporaryDirectory(prefix="sh-") as directory:
        stores = Stores(directory).start()
        upstream = Upstream(directory).start()
        app = Deployment(stores, {**SETTINGS, **upstream.settings(), "BENCH_AI": upstream.url})
        try:
            app.start()
            result = measure(stores, upstream, app, connections, seconds)
        finally:
            for process in [*app.processes.values(), upstream]:
                if process.alive():
                    process.kill9()
            stores.stop()
    sys.exit(1 if result.bad else 0)


if __name__ == "__main__":
    main()
