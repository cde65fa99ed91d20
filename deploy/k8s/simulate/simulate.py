#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Replicas over time, by which signal the autoscaler follows: writes the SVG files beside this one.

    deploy/k8s/simulate/simulate.py [--check]

The load is the paper's scenario: a learner asks for a plan, which an AI provider takes three seconds for,
looks at the history, has a turn with the tutor, and then reads for ten seconds. The users come within two
minutes, stay for eight, and go within two; from minute five to eight the provider takes four times as long,
which is when a service holds many requests and hardly uses its CPU. What a pod costs is measured
(tests/bench/scaling.py): see README.md, as for what the pictures say.
"""
import os
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from autoscaler import SYNC_S, Autoscaler  # noqa: E402

MINUTES = 22
POD_START_S = 20  # scheduled, image there, started, ready, minReadySeconds
SCRAPE_S = 15  # age of what the autoscaler reads: scrape interval and adapter
THINK_S, HISTORY_S, TURN_S = 10.0, 0.05, 1.5
WORKER_CONNECTIONS, QUEUE_LIMIT = 1000, 1000

# CPU-seconds of one call, seconds it waits for others, cores a pod may use, its request in cores, and
# at how many calls at once a pod is full.
PLANNER = {"cpu_s": 0.0012, "wait_s": 3.0, "cores": 1.0, "request": 0.25,
           "room": WORKER_CONNECTIONS}
AUTH = {"cpu_s": 0.050, "wait_s": 0.0, "cores": 1.0, "request": 0.25, "room": 64}
SIGNALS = {"in flight": ["studyhall_in_flight"], "queue wait": ["studyhall_oldest_wait_seconds"],
           "CPU": ["cpu"], "all three": None, "all three, adapter dies": None}
COLORS = ["#1b6ca8", "#c8553d", "#6a994e", "#222222", "#b388c9"]
ADAPTER_DIES_S = 6 * 60


def users_at(second, users):
    """Two minutes up, eight there, two down, then nobody."""
    minute = second / 60
    return users * max(0.0, min(1.0, minute / 2, (12 - minute) / 2))


def provider_slowness(second):
    return 4.0 if 5 <= second / 60 < 8 else 1.0


class Pods:
    """The pods of one service as a fluid: what arrives, is at work, waits in the queue."""

    def __init__(self, kind, least):
        self.kind = kind
        self.ready = least
        self.starting = []  # when each will be ready
        self.at_work = 0.0
        self.queued = 0.0
        self.refused = 0.0
        self.done = 0.0
        self.values = []  # what each second's metrics were

    def set_replicas(self, now, count):
        have = self.ready + len(self.starting)
        if count > have:
            self.starting += [now + POD_START_S] * (count - have)
        else:
            for _ in range(have - count):
                if self.starting:
                    self.starting.pop()
                else:
                    self.ready -= 1

    def second(self, now, arriving, slowness):
        kind = self.kind
        self.ready += sum(1 for at in self.starting if at <= now)
        self.starting = [at for at in self.starting if at > now]
        room = self.ready * kind["room"]
        self.queued += arriving
        taken = min(self.queued, max(0.0, room - self.at_work))
        self.queued -= taken
        self.at_work += taken
        waited = self.queued
        over = max(0.0, self.queued - self.ready * QUEUE_LIMIT)
        self.queued -= over
        self.refused += over
        by_cpu = self.ready * kind["cores"] / kind["cpu_s"]
        wait = kind["wait_s"] * slowness
        by_wait = self.at_work / wait if wait > 0 else self.at_work
        ended = min(self.at_work, by_cpu, by_wait)
        self.at_work -= ended
        self.done += ended
        # Little's law; a call that only waits for the CPU waits in the same queue.
        backlog = self.queued + (self.at_work if wait == 0 else 0.0)
        self.values.append({
            "studyhall_in_flight": (self.at_work + (waited if wait == 0 else 0.0)) / self.ready,
            "studyhall_oldest_wait_seconds": backlog / ended if ended > 0 and backlog > 1 else 0.0,
            "cpu": ended * kind["cpu_s"] / self.ready / kind["request"]})

    def read(self, adapter_alive):
        """What the autoscaler sees: a little old, the mean of a scrape interval."""
        recent = self.values[-2 * SCRAPE_S:-SCRAPE_S] or self.values[:1]
        values = {name: sum(one[name] for one in recent) / len(recent) for name in recent[0]}
        if not adapter_alive:
            values = {"cpu": values["cpu"]}  # that comes from metrics-server
        return values


def arrivals(service, users, slowness):
    if service == "auth":
        return users / 300  # each signs in once in five minutes
    return users / (PLANNER["wait_s"] * slowness + HISTORY_S + TURN_S + THINK_S)


def run(service, kind, manifest, signal, users):
    scaler = Autoscaler.of(manifest, SIGNALS[signal])
    pods = Pods(kind, scaler.least)
    replicas, series = scaler.least, []
    for now in range(MINUTES * 60):
        slowness = provider_slowness(now) if service == "planner" else 1.0
        pods.second(now, arrivals(service, users_at(now, users), slowness), slowness)
        if now % SYNC_S == 0:
            alive = "dies" not in signal or now < ADAPTER_DIES_S
            replicas = scaler.step(now, replicas, pods.ready, pods.read(alive))
            pods.set_replicas(now, replicas)
        series.append((now / 60, replicas))
    worst = max(one["studyhall_oldest_wait_seconds"] for one in pods.values)
    held = max(one["studyhall_in_flight"] for one in pods.values)
    return {"series": series, "worst_wait_s": worst, "held": held, "refused": pods.refused,
            "done": pods.done, "pod_minutes": sum(n for _, n in series) / 60}


def manifests():
    """The autoscalers of overlays/production: what the component says, on what the base says."""
    found = {}
    with open(os.path.join(HERE, "../components/queue-metrics/kustomization.yaml"),
              encoding="utf-8") as file:
        patches = yaml.safe_load(file)["patches"]
    for patch in patches:
        name = patch["target"]["name"]
        with open(os.path.join(HERE, f"../base/{name}.yaml"), encoding="utf-8") as file:
            scaler = next(one for one in yaml.safe_load_all(file)
                          if one["kind"] == "HorizontalPodAutoscaler")
        scaler["spec"]["metrics"] = yaml.safe_load(patch["patch"])[0]["value"]
        found[name] = scaler
    return found


# --- pictures ---------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, TOP = 760, 300, 50, 46


def path_of(series, most):
    points = [f"{LEFT + minute / MINUTES * WIDTH:.1f},{TOP + HEIGHT - n / most * HEIGHT:.1f}"
              for minute, n in series[::5]]
    return "M" + " L".join(points)


def picture(title, runs):
    most = max(n for one in runs.values() for _, n in one["series"]) + 1
    text = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 230} '
            f'{TOP + HEIGHT + 50}" font-family="sans-serif" font-size="13">',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="{LEFT}" y="22" font-size="16">{title}</text>']
    x5, x8 = (LEFT + minute / MINUTES * WIDTH for minute in (5, 8))
    if "planner" in title:
        text.append(f'<rect x="{x5:.1f}" y="{TOP}" width="{x8 - x5:.1f}" height="{HEIGHT}" '
                    'fill="#f4e9d8"/><text x="%.1f" y="%d" font-size="11">provider 4 x slower</text>'
                    % (x5 + 4, TOP + 14))
    for n in range(0, most + 1, max(1, most // 8)):
        y = TOP + HEIGHT - n / most * HEIGHT
        text.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" '
                    f'stroke="#ddd"/><text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{n}</text>')
    for minute in range(0, MINUTES + 1, 2):
        x = LEFT + minute / MINUTES * WIDTH
        text.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{minute}</text>')
    text.append(f'<text x="{LEFT}" y="{TOP + HEIGHT + 40}">minutes; replicas upwards</text>')
    for number, (signal, one) in enumerate(runs.items()):
        dashes = ' stroke-dasharray="6 4"' if "dies" in signal else ""
        text.append(f'<path d="{path_of(one["series"], most)}" fill="none" stroke="{COLORS[number]}" '
                    f'stroke-width="2"{dashes}/>')
        y = TOP + 20 + 56 * number
        text.append(f'<line x1="{LEFT + WIDTH + 14}" x2="{LEFT + WIDTH + 34}" y1="{y - 4}" y2="{y - 4}" '
                    f'stroke="{COLORS[number]}" stroke-width="3"{dashes}/>'
                    f'<text x="{LEFT + WIDTH + 40}" y="{y}">{signal}</text>'
                    f'<text x="{LEFT + WIDTH + 40}" y="{y + 16}" font-size="11">waits {one["worst_wait_s"]:.1f} s,'
                    f' {one["held"]:.0f} a pod</text>'
                    f'<text x="{LEFT + WIDTH + 40}" y="{y + 30}" font-size="11">refused {one["refused"]:.0f},'
                    f' {one["pod_minutes"]:.0f} pod minutes</text>')
    return "\n".join(text + ["</svg>", ""])


def main():
    scalers, stale, lines = manifests(), [], []
    for service, kind in (("planner", PLANNER), ("auth", AUTH)):
        for users in (100, 1000, 10000):
            runs = {signal: run(service, kind, scalers[service], signal, users)
                    for signal in SIGNALS}
            title = f"{service}, {users:,} users"
            lines += [f"| {service} | {users:,} | {signal} | {max(n for _, n in one['series'])} |"
                      f" {one['held']:.0f} | {one['worst_wait_s']:.1f} | {one['refused']:.0f} |"
                      f" {one['pod_minutes']:.0f} |" for signal, one in runs.items()]
            path = os.path.join(HERE, f"{service}-{users}.svg")
            text = picture(title, runs)
            if os.path.exists(path) and open(path, encoding="utf-8").read() == text:
                continue
            stale.append(path)
            if "--check" not in sys.argv:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
    print("| service | users | signal | most pods | most in a pod | longest wait, s | refused | pod minutes |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(lines))
    if "--check" in sys.argv and stale:
        print("not up to date: " + " ".join(stale), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
