#!/usr/bin/env python3
"""Plans a second through the whole chain with AI calls of 3 s, and what the processes use for it.

usage: tests/bench/jobs.py [CONNECTIONS [SECONDS]]     (default 1600 and 20)
The stand-in for the providers takes a second to begin and two to stream an answer; so many requests
are held at a time, and come evenly. Prints the rate of finished plans beside what as many requests
of 3 s could be at most, and beside the small transactions that this machine's MariaDB commits on as
many connections, measured in the same run; latency beyond the stand-in's 3 s; CPU of each process and
statements per plan. KEYED=1: each request has an Idempotency-Key, as the web app's have. Status 1 if
a request failed or a call was made twice.
"""
import os
import subprocess
import sys
import time

from wrk import Wrk

from plans import KEYED, cpu_seconds, deployed, processes, pss_kib, script, statements  # noqa: E402
from stores import program  # noqa: E402

CALL_MS = 3000
EXPECTED = 500  # plans a second, on two cores with the stand-in beside
WARM_S = 6
CONNECTIONS = os.environ.get("CONNECTIONS", "8")  # of the planner to MariaDB
SHOWN = {"statements": "Com_stmt_execute", "prepared anew": "Com_stmt_prepare",
         "transactions": "Com_commit", "rows written": "Handler_write",
         "bytes of log": "Innodb_os_log_written"}


def small_transactions(stores, each=2000):
    """A second, of one inserted row each, by as many clients as the planner has connections."""
    stores.sql("CREATE DATABASE small; CREATE TABLE small.t (id INT AUTO_INCREMENT PRIMARY KEY,"
               " a VARCHAR(36), b BIGINT) ENGINE=InnoDB")
    path = stores.path("small.sql")
    with open(path, "w") as file:
        file.write("INSERT INTO t (a, b) VALUES ('01m82hqrex029qjvez8fnsp5en', 1);\n" * each)
    words = [program("mariadb"), "--no-defaults", "--user=root", "--batch",
             f"--socket={stores.path('mariadb.sock')}", "small"]
    began = time.monotonic()
    clients = [subprocess.Popen(words, stdin=open(path, encoding="ascii"))
               for _ in range(int(CONNECTIONS))]
    assert not any(client.wait() for client in clients)
    return each * len(clients) / (time.monotonic() - began)


def measure(stores, upstream, app, connections, seconds):
    url = f"http://127.0.0.1:{app.port}"
    more = KEYED if os.environ.get("KEYED") else ""
    Wrk(url, 4, 64, script=script(stores, app, more)).result()
    upstream.reset(latency={"first_byte": 1000, "streaming": 2000, "chunks": 16})
    pids = processes(stores, upstream, app)
    idle = pss_kib(pids["planner"])
    path = script(stores, app, more.replace("k-", "l-"), spread=(connections, CALL_MS))
    wrk = Wrk(url, WARM_S + seconds + 2, connections, script=path, timeout=60)
    time.sleep(WARM_S)
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    counted, plans, began = statements(stores), plans_made(stores), time.monotonic()
    time.sleep(seconds)
    plans, took = plans_made(stores) - plans, time.monotonic() - began
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    after = statements(stores)
    memory = (pss_kib(pids["planner"]) - idle) / connections
    result = wrk.result()
    small = small_transactions(stores)
    print(f"{plans / took:.0f} plans/s finished, {connections} at a time, for {took:.0f} s; "
          f"at most {connections * 1000 / CALL_MS:.0f}/s with calls of {CALL_MS} ms")
    print(f"  MariaDB's small transactions on {CONNECTIONS} connections: {small:.0f}/s, "
          f"{small * took / plans:.1f} for each plan")
    print(f"  beyond {CALL_MS} ms: p50 {result.p50 - CALL_MS:.0f} ms, "
          f"p99 {result.p99 - CALL_MS:.0f} ms; {result.bad} of {result.requests} failed")
    for name, cpu in used.items():
        print(f"  {name:9}{cpu / took:6.2f} cores {cpu * 1000 / plans:7.2f} ms of CPU a plan")
    print(f"  together {sum(used.values()) / took:6.2f} cores "
          f"{sum(used.values()) * 1000 / plans:7.2f} ms of CPU a plan")
    print("  a plan: " + ", ".join(f"{(after[name] - counted[name]) / plans:.2f} {word}"
                                   for word, name in SHOWN.items()))
    print(f"  planner: {memory:.1f} KiB a request")
    print(f"  expected: {EXPECTED} plans/s on two cores: "
          f"{'ok' if plans / took >= EXPECTED else 'NOT ok'}")
    return result


def plans_made(stores):
    name = next(name for name in stores.sql("SHOW DATABASES").split() if name.endswith("planner"))
    return int(stores.sql(f"SELECT COUNT(*) FROM {name}.plan"))


def main():
    connections, seconds = (int(word) for word in (sys.argv[1:] + ["1600", "20"][len(sys.argv) - 1:]))
    with deployed(PLANNER_DATABASE_CONNECTIONS=CONNECTIONS) as (stores, upstream, app):
        result = measure(stores, upstream, app, connections, seconds)
        stats = upstream.stats()
        marks = [call["mark"] for call in upstream.ledger()]
    twice = len(marks) - len(set(marks))
    print(f"  stand-in: {stats['calls']} calls, {twice} twice, {stats['outcomes']}")
    sys.exit(1 if result.bad or twice else 0)


if __name__ == "__main__":
    main()
