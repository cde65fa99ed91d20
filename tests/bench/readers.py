#!/usr/bin/env python3
"""How soon readers of event streams get each day of their plan, while some read a byte a second.

usage: tests/bench/readers.py [READERS [SLOW [JOBS]]]     (default 1000, 50 and one job a reader)
JOBS plans are asked for, each of 28 days that the stand-in streams over some ten seconds; the readers
share them evenly. The delay of a day is counted from the stand-in's sending of its last byte to the
reader's having it, over all readers but the slow ones; and the gateway's and planner's memory is
looked at all the while. Status 1 if one of those readers misses a day or its plan.
"""
import re
import selectors
import socket
import sys
import tempfile
import threading
import time

import wrk  # noqa: F401  (finds the modules of the integration tests)

from deployment import Deployment  # noqa: E402
from stores import Stores  # noqa: E402
from upstream import Upstream, wall_us  # noqa: E402

LEARNERS = 50
SETTINGS = {"AI_PROVIDERS": "openai", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_DAILY_TOKENS": "100000000000", "PLANNER_WORKERS": "2",
            "PLANNER_WORKER_CONNECTIONS": "6000", "GATEWAY_MAX_CONNECTIONS": "12000",
            "LOG_LEVEL": "warn"}
LATENCY = {"first_byte": 2000, "streaming": {"distribution": "uniform", "min": 8000, "max": 12000},
           "chunks": 60}
GOAL = {"goal": "Biology chapters 1-12", "minutes_per_day": 60, "fallback": False}
EVENT = re.compile(rb"id: (\S+)\nevent: (\w+)\n")


class Reader:
    """One stream: `times` of its days as they came, by number."""

    def __init__(self, app, token, job, is_slow):
        self.job, self.is_slow = job, is_slow
        self.times, self.ended, self.rest = [], None, b""
        self.socket = socket.socket()
        if is_slow:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", app.port))
        self.socket.sendall(f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: a\r\n"
                            f"Authorization: Bearer {token}\r\n\r\n".encode())
        self.socket.setblocking(False)

    def read(self, size):
        try:
            data = self.socket.recv(size)
        except BlockingIOError:
            return True
        except ConnectionError:
            data = b""
        now, self.rest = wall_us(), self.rest[-100:] + data
        last = 0
        for match in EVENT.finditer(self.rest):
            last = match.end()
            if match[2] == b"day":
                self.times.append(now)
            elif match[2] in (b"plan", b"problem"):
                self.ended = match[2].decode()
        self.rest = self.rest[last:]
        return bool(data) and self.ended is None


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return int(next(line for line in rollup if line.startswith("Pss:")).split()[1])


class Memory(threading.Thread):
    """The greatest PSS of processes, looked at twice a second."""

    def __init__(self, processes):
        super().__init__(daemon=True)
        self.processes = processes
        self.idle = {process.name: pss_kib(process.pid) for process in processes}
        self.most = dict(self.idle)
        self.start()

    def run(self):
        while True:
            for process in self.processes:
                try:
                    self.most[process.name] = max(self.most[process.name], pss_kib(process.pid))
                except OSError:
                    return
            time.sleep(0.5)


def ask(learners, jobs):
    """The jobs' ids with their learners' tokens."""
    asked = []
    for number in range(jobs):
        learner = learners[number % len(learners)]
        answer = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"})
        assert answer.status == 202, answer
        asked.append((answer.json["id"], learner.token))
    return asked


def follow(readers):
    """Until every reader but the slow ones has its end, or nothing has come for half a minute."""
    selector = selectors.DefaultSelector()
    for reader in readers:
        if not reader.is_slow:
            selector.register(reader.socket, selectors.EVENT_READ, reader)
    slow = [reader for reader in readers if reader.is_slow]
    quiet, next_byte = time.monotonic(), time.monotonic()
    while selector.get_map() and time.monotonic() < quiet + 30:
        for key, _ in selector.select(0.1):
            quiet = time.monotonic()
            if not key.data.read(65536):
                selector.unregister(key.data.socket)
        if time.monotonic() > next_byte:
            next_byte += 1
            for reader in slow:
                reader.read(1)


def delays(upstream, readers):
    """Milliseconds from the stand-in's sending to each reader's having it, for every day."""
    sent = {}
    for call in upstream.ledger():
        sent.setdefault(call["mark"].split(":")[0], call["days"])
    found, bad = [], 0
    for reader in readers:
        if reader.is_slow:
            continue
        days = sent.get(reader.job, [])
        bad += reader.ended != "plan" or not days or len(reader.times) != len(days)
        found += [(got - gone) / 1000 for got, gone in zip(reader.times, days)]
    return sorted(found), bad


def measure(upstream, app, count, slow, jobs):
    learners = [app.learner() for _ in range(LEARNERS)]
    learners[0].plan(fallback=True)
    upstream.reset(latency=LATENCY, record_days=True)
    memory = Memory([app["gateway"], app["planner"]])
    asked = ask(learners, jobs)
    readers = [Reader(app, asked[number % jobs][1], asked[number % jobs][0], number < slow)
               for number in range(count)]
    follow(readers)
    found, bad = delays(upstream, readers)
    assert found, "no reader got any day"
    late = sum(delay > 50 for delay in found)
    print(f"{count} readers of {jobs} jobs, {slow} of them slow: {len(found)} days, "
          + ", ".join(f"p{percent} {found[len(found) * percent // 100]:.1f}" for percent in (50, 95, 99))
          + f", greatest {found[-1]:.1f} ms; {late} later than 50 ms; {bad} readers missed something")
    print(f"  expected: every day within 50 ms: {'ok' if late == 0 else 'NOT ok'}")
    for name, most in memory.most.items():
        print(f"  {name}: {memory.idle[name]} KiB idle, {most} at most, "
              f"{(most - memory.idle[name]) / count:.1f} a reader")
    return bad


def main():
    words = [int(word) for word in sys.argv[1:]]
    count, slow = words[:2] + [1000, 50][len(words[:2]):]
    jobs = words[2] if len(words) > 2 else count
    with tempfile.TemporaryDirectory(prefix="sh-") as directory:
        stores = Stores(directory).start()
        upstream = Upstream(directory).start()
        app = Deployment(stores, {**SETTINGS, **upstream.settings()})
        try:
            app.start()
            bad = measure(upstream, app, count, slow, jobs)
        finally:
            for process in [*app.processes.values(), upstream]:
                if process.alive():
                    process.kill9()
            stores.stop()
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
