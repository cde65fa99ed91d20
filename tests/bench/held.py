#!/usr/bin/env python3
"""Thousands of AI calls in flight in one planner: what each costs, and what others feel of them.

usage: tests/bench/held.py [CALLS [SECONDS]]     (default 5000 calls of 30 s)
So many requests for plans are held at a time, each for the stand-in's SECONDS: a third of them
until it begins to answer, two thirds while it streams. They arrive evenly, and once all are held,
GET /v1/history and sign-in are measured as they were before, idle. Prints the time that a plan takes
beyond the stand-in's own, memory and CPU a call, and both p99s side by side. Status 1 if a request
failed, if history's or sign-in's p99 grew by more than a half and 2 ms, or a call takes more than
40 KiB of the planner.
"""
import os
import sys
import time

from wrk import Wrk, settle

from plans import cpu_seconds, deployed, processes, pss_kib, script  # noqa: E402
from smoke import learner_with_a_page  # noqa: E402

PLANNER_KIB = 40
READERS = 8
SIGN_INS = 200
# Each reader pauses, or the readers alone would use up the machine.
PAUSES = "delay = function() return math.random(5, 15) end\n"


def sign_in_p99(app, learner):
    """Of many sign-ins, one after the other, in ms."""
    body = {"email": learner.email, "password": learner.password}
    times = []
    for _ in range(SIGN_INS):
        began = time.monotonic()
        assert app.client().post("/v1/sessions", body).status == 201
        times.append((time.monotonic() - began) * 1000)
    return sorted(times)[SIGN_INS * 99 // 100 - 1]


def others(app, learner, pauses, seconds):
    history = Wrk(f"http://127.0.0.1:{app.port}/v1/history", seconds, READERS, learner.token,
                  pauses).result()
    return history, sign_in_p99(app, learner)


def measure(stores, upstream, app, calls, seconds):
    learner = learner_with_a_page(app)
    pauses = os.path.join(stores.directory, "pauses.lua")
    with open(pauses, "w") as file:
        file.write(PAUSES)
    url = f"http://127.0.0.1:{app.port}"
    Wrk(url, 3, 64, script=script(stores, app)).result()
    others(app, learner, pauses, 2)
    settle()
    idle = others(app, learner, pauses, 6)
    settle(3)
    upstream.reset(latency={"first_byte": seconds * 1000 // 3,
                            "streaming": seconds * 2000 // 3, "chunks": 16})
    pids = processes(stores, upstream, app)
    before = {name: pss_kib(pid) for name, pid in pids.items()}
    wrk = Wrk(url, 3 * seconds + 10, calls, timeout=4 * seconds,
              script=script(stores, app, spread=(calls, seconds * 1000)))
    time.sleep(seconds + 2)
    held = upstream.stats()["open"]
    memory = {name: (pss_kib(pid) - before[name]) / held for name, pid in pids.items()}
    loaded = others(app, learner, pauses, 6)
    used = {name: cpu_seconds(pid) for name, pid in pids.items()}
    began = upstream.stats()["calls"]
    time.sleep(seconds)
    done = upstream.stats()["calls"] - began
    used = {name: cpu_seconds(pid) - used[name] for name, pid in pids.items()}
    return held, memory, used, done, idle, loaded, wrk.result()


def within(idle, loaded):
    return loaded <= max(1.5 * idle, idle + 2)


def main():
    calls, seconds = (int(word) for word in (sys.argv[1:] + ["5000", "30"][len(sys.argv) - 1:]))
    with deployed() as (stores, upstream, app):
        held, memory, used, done, idle, loaded, plans = measure(stores, upstream, app, calls,
                                                                seconds)
        calls_seen = upstream.stats()
    print(f"{held} AI calls of {seconds} s in flight, {done / seconds:.0f}/s begin and end")
    print(f"  beyond the stand-in's {seconds} s: p50 {plans.p50 - seconds * 1000:.0f} ms, "
          f"p99 {plans.p99 - seconds * 1000:.0f} ms; {plans.bad} failed")
    for name in memory:
        print(f"  {name:9} {memory[name]:6.1f} KiB and {used[name] * 1000 / max(1, done):5.2f} ms "
              f"of CPU a call")
    print(f"                    idle      beside them\n"
          f"  history p99   {idle[0].p99:7.1f} ms   {loaded[0].p99:7.1f} ms   "
          f"({idle[0].rate:.0f}/s, {loaded[0].rate:.0f}/s)\n"
          f"  sign-in p99   {idle[1]:7.1f} ms   {loaded[1]:7.1f} ms")
    print(f"  stand-in: {calls_seen['calls']} calls, {calls_seen['outcomes']}")
    verdicts = {f"{PLANNER_KIB} KiB of the planner a call": memory["planner"] <= PLANNER_KIB,
                "history's p99 within half or 2 ms more": within(idle[0].p99, loaded[0].p99),
                "sign-in's p99 likewise": within(idle[1], loaded[1])}
    for claim, kept in verdicts.items():
        print(f"  expected: {claim}: {'ok' if kept else 'NOT ok'}")
    good = plans.bad == 0 and all(verdicts.values())
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
