"""What the benchmarks of plans by an AI share: their deployment, a crowd of learners that wrk asks
for, and what processes use."""
import contextlib
import os
import tempfile

import wrk  # noqa: F401  (finds the modules of the integration tests)

from deployment import Deployment  # noqa: E402
from stores import Stores  # noqa: E402
from upstream import Upstream  # noqa: E402

LEARNERS = 64
SETTINGS = {"AI_PROVIDERS": "openai,builtin", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_DAILY_TOKENS": "100000000000", "PLANNER_WORKERS": "2",
            "PLANNER_WORKER_CONNECTIONS": "6000", "GATEWAY_MAX_CONNECTIONS": "12000",
            "LOG_LEVEL": "warn"}
# As deploy/local has it. The tests' own log of 8 MB is full within a second here.
MARIADB = ["--innodb-log-file-size=48M"]
SCRIPT = """
tokens = {{ {tokens} }}
number = 0
request = function()
  number = number + 1
  return wrk.format("POST", "/v1/plans",
    {{["Authorization"] = "Bearer " .. tokens[number % #tokens + 1],
      ["Content-Type"] = "application/json"{more}}},
    '{{"goal":"Biology chapters 1-6","minutes_per_day":60}}')
end
"""
# Each connection's first request comes at some moment of the first `spread` milliseconds.
SPREAD = """
waiting = {connections}
delay = function()
  waiting = waiting - 1
  return waiting >= 0 and math.random(0, {spread}) or 0
end
"""
KEYED = ', ["Idempotency-Key"] = "k-" .. number'


@contextlib.contextmanager
def deployed(**settings):
    """Stores, the stand-in and a deployment that uses it."""
    with tempfile.TemporaryDirectory(prefix="sh-") as directory:
        stores = Stores(directory, MARIADB).start()
        upstream = Upstream(directory).start()
        app = Deployment(stores, {**SETTINGS, **upstream.settings(), **settings})
        try:
            app.start()
            yield stores, upstream, app
        finally:
            for process in [*app.processes.values(), upstream]:
                if process.alive():
                    process.kill9()
            stores.stop()


def script(stores, app, more="", spread=None):
    """wrk's script that asks for plans. `spread`: connections, and milliseconds."""
    tokens = ", ".join(f'"{app.learner().token}"' for _ in range(LEARNERS))
    text = SCRIPT.format(tokens=tokens, more=more)
    if spread:
        text += SPREAD.format(connections=spread[0], spread=spread[1])
    path = os.path.join(stores.directory, "plans.lua")
    with open(path, "w") as file:
        file.write(text)
    return path


def processes(stores, upstream, app):
    return {"planner": app["planner"].child.pid, "gateway": app["gateway"].child.pid,
            "history": app["history"].child.pid, "mariadb": stores.mariadb.child.pid,
            "stand-in": upstream.child.pid}


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return int(next(line for line in rollup if line.startswith("Pss:")).split()[1])


def statements(stores):
    """What MariaDB has done since it started, by the names of SHOW STATUS."""
    rows = [row.split("\t") for row in stores.sql("SHOW GLOBAL STATUS").splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
