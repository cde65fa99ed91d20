#!/usr/bin/env python3
"""Isolation: GET /v1/history alone, and while logins saturate auth's CPU pool and speech voice's.

usage: tests/bench/isolation.py [SECONDS]     (of each measurement, default 6)
Prints both p99s from one run, and nginx's static page of the same size in the same two states:
what the kernel makes anything wait that shares the cores with the load. Status 1 if a request
failed, or history's p99 grew by more than 20 ms and is more than four times nginx's.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from wrk import Nginx, Wrk, settle

from deployment import Deployment  # noqa: E402
from load import Load  # noqa: E402
from smoke import learner_with_a_page  # noqa: E402
from stores import Stores  # noqa: E402

CONNECTIONS = 8
P99_GROWTH_MS = 20
P99_TIMES_NGINX = 4


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
    with Nginx(directory, learner.get("/v1/history").body) as nginx:
        return compare(
            app, work,
            lambda took=seconds: Wrk(url, took, CONNECTIONS, learner.token).result(),
            lambda took=seconds: Wrk(nginx.url, took, CONNECTIONS).result())


def compare(app, work, history, static):
    history(1), static(1)
    alone, static_alone = history(), static()
    speaker = app.learner()
    with Load(app, speaker.token, work, clients=6, pause=0) as load:
        settle(2)
        began, before = time.monotonic(), {name: cpu_seconds(app[name]) for name in app.processes}
        loaded = history()
        took = time.monotonic() - began
        used = {name: (cpu_seconds(app[name]) - before[name]) / took for name in app.processes}
        done = {name: len([one for one in load.of(name, began) if one.status == 201])
                for name in work}
        static_loaded = static()
    print(f"GET /v1/history, {CONNECTIONS} connections, {os.cpu_count()} cores shared with wrk")
    print(f"  alone                {alone}")
    print(f"  beside CPU-bound use {loaded}")
    print(f"nginx's static page of the same size\n  alone                {static_alone}")
    print(f"  beside CPU-bound use {static_loaded}")
    for name in work:
        other = sorted({one.status for one in load.failures(name)})
        print(f"  {name}: {done[name] / took:.1f}/s answered 201, others {other}")
    print("  cores used:", ", ".join(f"{name} {cores:.2f}" for name, cores in used.items()))
    bound = max(alone.p99 + P99_GROWTH_MS, P99_TIMES_NGINX * static_loaded.p99)
    print(f"  p99 {alone.p99:.1f} -> {loaded.p99:.1f} ms (at most {bound:.1f})")
    return alone.bad + loaded.bad == 0 and loaded.p99 <= bound


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
