#!/usr/bin/env python3
"""`make bench-smoke`: GET /v1/history from the cache through the whole chain, beside nginx's static
page of the same size, and the memory of each process; all from one run on this machine.

usage: tests/bench/smoke.py [SECONDS]     (of each measurement, default 8)
Status 1 if a request failed, the rate is below a quarter of nginx's, or the five idle processes
take 60 MB or more.
"""
import os
import shutil
import sys
import tempfile
import time

from wrk import Nginx, Wrk, settle

from deployment import Deployment  # noqa: E402
from process import wait_for  # noqa: E402
from stores import Stores  # noqa: E402

CONNECTIONS = 64
LEAST_RATIO = 0.25
MOST_IDLE_MB = 60


def learner_with_a_page(app):
    """Twenty events, about 2 KB, in the cache."""
    learner = app.learner()
    types = lambda: {event["type"]  # noqa: E731
                     for event in learner.get("/v1/history").json["items"]}
    wait_for(lambda: {"signed_up", "signed_in"} <= types(), 10, "the relayed events")
    for number in range(20):
        answer = learner.post("/v1/history", {"type": "study", "subject": "Biology",
                                              "minutes": 10 + number})
        assert answer.status == 201, answer
    wait_for(lambda: learner.get("/v1/history").headers["Cache-Status"] == "history; hit", 5,
             "a hit")
    return learner


def memory(app):
    return {name: process.memory_kb() / 1024 for name, process in app.processes.items()}


def show_memory(idle, loaded):
    print(f"\nmemory (PSS, MB)   {'idle':>8} {'loaded':>8}")
    for name in idle:
        print(f"  {name:<16} {idle[name]:8.1f} {loaded[name]:8.1f}")
    print(f"  {'all':<16} {sum(idle.values()):8.1f} {sum(loaded.values()):8.1f}")


def measure(app, directory, seconds):
    settle(3)
    idle = memory(app)
    learner = learner_with_a_page(app)
    page = learner.get("/v1/history").body
    url = f"http://127.0.0.1:{app.port}/v1/history"
    with Nginx(directory, page) as nginx:
        Wrk(url, 2, CONNECTIONS, learner.token).result()  # warms both up
        Wrk(nginx.url, 1, CONNECTIONS).result()
        first = Wrk(nginx.url, seconds // 2, CONNECTIONS).result()
        running = Wrk(url, seconds, CONNECTIONS, learner.token)
        time.sleep(seconds * 0.7)
        loaded = memory(app)
        chain = running.result()
        second = Wrk(nginx.url, seconds // 2, CONNECTIONS).result()
    alone = Wrk(url, 2, 1, learner.token).result()
    static = (first.rate + second.rate) / 2
    print(f"GET /v1/history: hit, {len(page)} bytes, {CONNECTIONS} connections,"
          f" {os.cpu_count()} cores shared with wrk")
    print(f"  the whole chain  {chain}")
    print(f"  one connection   {alone}")
    print(f"  nginx, static    {first}\n  nginx, again     {second}")
    ratio = chain.rate / static
    print(f"  ratio {ratio:.3f} of nginx's rate (at least {LEAST_RATIO})")
    show_memory(idle, loaded)
    print(f"  idle: {sum(idle.values()):.1f} MB (below {MOST_IDLE_MB})")
    return (chain.bad == 0 and ratio >= LEAST_RATIO and sum(idle.values()) < MOST_IDLE_MB)


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    directory = tempfile.mkdtemp(prefix="sh-", dir="/tmp")
    stores = Stores(directory)
    try:
        app = Deployment(stores.start())
        good = measure(app.start(), directory, max(2, seconds))
        app.stop()
    finally:
        stores.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print("passed" if good else "failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
