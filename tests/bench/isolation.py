#!/usr/bin/env python3
"""Isolation: GET /v1/history alone, and while logins saturate auth's CPU pool and speech voice's.

usage: tests/bench/isolation.py [SECONDS]     (of each measurement, default 6)
Prints both p99s from one run; status 1 if a request failed, or the loaded p99 is above 100 ms and
ten times the other (a machine that is busy with something else has a bad p99 of its own).
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from wrk import Wrk, settle

from deployment import Deployment  # noqa: E402
from load import Load  # noqa: E402
from smoke import learner_with_a_page  # noqa: E402
from stores import Stores  # noqa: E402

CONNECTIONS = 8
MOST_P99_MS = 100


def speech(directory, text="what should I study today"):
    path = os.path.join(directory, "speech.wav")
    subprocess.run(["espeak-ng", "-v", "en-us", "-w", path, text], check=True)
    with open(path, "rb") as wav:
        return wav.read()


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(app, directory, seconds):
    learner = learner_with_a_page(app)
    url = f"http://127.0.0.1:{app.port}/v1/history"
    wav = speech(directory)
    body = {"email": learner.email, "password": learner.password}
    work = {
        "sign-in": lambda client: client.post("/v1/sessions", body),
        "speech": lambda client: client.post("/v1/voice/turns?locale=en", wav,
                                             headers={"Content-Type": "audio/wav"}),
    }
    Wrk(url, 1, CONNECTIONS, learner.token).result()
    alone = Wrk(url, seconds, CONNECTIONS, learner.token).result()
    speaker = app.learner()
    with Load(app, speaker.token, work, clients=6, pause=0) as load:
        settle(2)
        began, before = time.monotonic(), {name: cpu_seconds(app[name]) for name in app.processes}
        loaded = Wrk(url, seconds, CONNECTIONS, learner.token).result()
        took = time.monotonic() - began
        used = {name: (cpu_seconds(app[name]) - before[name]) / took for name in app.processes}
    print(f"GET /v1/history, {CONNECTIONS} connections, {os.cpu_count()} cores")
    print(f"  alone                {alone}")
    print(f"  beside CPU-bound use {loaded}")
    for name in work:
        done = [one for one in load.of(name, began) if one.status == 201]
        other = sorted({one.status for one in load.failures(name)})
        print(f"  {name}: {len(done) / took:.1f}/s answered 201, others {other}")
    print("  cores used:", ", ".join(f"{name} {cores:.2f}" for name, cores in used.items()))
    return alone.bad + loaded.bad == 0 and loaded.p99 <= max(MOST_P99_MS, 10 * alone.p99)


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    directory = tempfile.mkdtemp(prefix="sh-", dir="/tmp")
    stores = Stores(directory)
    try:
        app = Deployment(stores.start()).start()
        good = measure(app, directory, seconds)
        app.stop()
    finally:
        stores.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print("passed" if good else "failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
