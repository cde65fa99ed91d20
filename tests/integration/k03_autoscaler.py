"""The autoscaler's arithmetic as Kubernetes documents it, and the pictures drawn with it."""
import os
import subprocess
import sys

import pytest

from process import wait_for
from stores import ROOT

PLACE = os.path.join(ROOT, "deploy/k8s/simulate")
sys.path.insert(0, PLACE)

from autoscaler import Autoscaler, Behavior  # noqa: E402
from simulate import manifests  # noqa: E402

FREE = Behavior(0, [("Percent", 1000, 15)])


def scaler(up=FREE, down=FREE, least=1, most=100, **targets):
    return Autoscaler(targets or {"load": 10}, least, most, up, down)


# The documentation's example: 200m where 100m is wanted doubles, 50m halves, and a tenth is tolerated.
@pytest.mark.parametrize("replicas, value, desired", [
    (4, 20, 8), (4, 5, 2), (4, 10.9, 4), (4, 9.1, 4), (4, 11.1, 5), (3, 11.2, 4), (4, 0, 1)])
def test_desired_is_the_ratio_rounded_up_unless_it_is_nearly_one(replicas, value, desired):
    assert scaler().step(0, replicas, replicas, {"load": value}) == desired


def test_the_greatest_proposal_of_several_metrics_counts():
    both = scaler(load=10, wait=1)
    assert both.step(0, 4, 4, {"load": 20, "wait": 0.5}) == 8
    assert both.step(15, 4, 4, {"load": 5, "wait": 1.5}) == 6


def test_with_one_metric_missing_it_scales_up_but_never_down():
    both = scaler(load=10, wait=1)
    assert both.step(0, 4, 4, {"load": 20, "wait": None}) == 8
    assert both.step(15, 8, 8, {"load": 1, "wait": None}) == 8
    assert both.step(30, 8, 8, {}) == 8
    assert both.step(45, 8, 8, {"load": 1, "wait": 0.1}) == 1


def test_pods_that_are_not_ready_count_as_idle_when_scaling_up():
    assert scaler().step(0, 8, 4, {"load": 20}) == 8
    assert scaler().step(0, 8, 4, {"load": 40}) == 16


def test_scaling_down_takes_the_greatest_proposal_of_the_window():
    slow = scaler(down=Behavior(300, [("Percent", 100, 15)]))
    assert slow.step(0, 8, 8, {"load": 10}) == 8
    assert slow.step(15, 8, 8, {"load": 2}) == 8
    assert slow.step(290, 8, 8, {"load": 2}) == 8
    assert slow.step(301, 8, 8, {"load": 2}) == 2


def test_policies_bound_what_changes_within_their_period():
    careful = scaler(up=Behavior(0, [("Percent", 100, 60), ("Pods", 4, 60)]),
                     down=Behavior(0, [("Pods", 1, 60)]))
    assert careful.step(0, 2, 2, {"load": 100}) == 6
    assert careful.step(15, 6, 6, {"load": 100}) == 6
    assert careful.step(61, 6, 6, {"load": 100}) == 12
    assert careful.step(130, 12, 12, {"load": 1}) == 11
    assert careful.step(145, 11, 11, {"load": 1}) == 11


def test_least_and_most_hold():
    assert scaler(least=2, most=5).step(0, 4, 4, {"load": 1000}) == 5
    assert scaler(least=2, most=5).step(0, 4, 4, {"load": 0}) == 2


def test_the_pictures_are_what_the_manifests_give():
    done = subprocess.run(["/usr/bin/python3", os.path.join(PLACE, "simulate.py"), "--check"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in
            done.stdout.splitlines()[2:]]
    of = {(row[0], row[1], row[2]): [float(cell) for cell in row[3:]] for row in rows}
    with open(os.path.join(PLACE, "README.md"), encoding="utf-8") as file:
        told = file.read()
    assert all(line in told for line in done.stdout.splitlines() if "10,000" in line)
    # What the targets are chosen for: nobody waits and nobody is refused with all three signals.
    for (service, users, signal), (_, _, wait, refused, _) in of.items():
        if signal == "all three":
            assert wait < 1 and refused == 0, (service, users)
    # One signal alone is worse: CPU forgets a slow provider, in flight does not see passwords.
    assert of["planner", "10,000", "queue wait"][2] > 1
    assert of["auth", "10,000", "in flight"][0] < of["auth", "10,000", "CPU"][0]
    dies = of["planner", "10,000", "all three, adapter dies"], of["planner", "10,000", "all three"]
    assert dies[0][4] > dies[1][4]


ASYNC = {"Prefer": "respond-async"}


def read_as_the_adapter_does(app, names):
    """The mean of prometheus-adapter.yaml's two rules over the pods: requests at work, oldest wait."""
    at_work = waits = 0
    for name in names:
        metrics = app.metrics(name)
        at_work += max(metrics["studyhall_mailbox_in_flight"], metrics["studyhall_jobs_running"])
        waits += max(metrics["studyhall_mailbox_oldest_wait_microseconds"],
                     metrics["studyhall_jobs_oldest_wait_microseconds"]) / 1e6
    return {"studyhall_in_flight": at_work / len(names),
            "studyhall_oldest_wait_seconds": waits / len(names), "cpu": 0.1}


@pytest.mark.slow
def test_what_the_programs_print_makes_the_autoscaler_follow_a_load(deploy, upstream):
    """Plans that an idle provider holds: no CPU to speak of, and yet more pods are wanted."""
    app = deploy({"USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0", "AI_DAILY_TOKENS": "0",
                  "AI_PROVIDERS": "openai", **upstream.settings()}, replicas={"planner": 2})
    names = ["planner", "planner.2"]
    upstream.faults("hold")
    learners = [app.learner() for _ in range(8)]
    scaler = Autoscaler.of(manifests()["planner"])
    cpu_alone = Autoscaler.of(manifests()["planner"], ["cpu"])
    replicas, by_cpu, now, seen = 2, 2, 0, []
    for count in (200, 800, 1200, 1200, 0, *[0] * 40):
        while count > 0 and upstream.stats()["held"] < count:
            for learner in learners:
                answer = learner.post("/v1/plans", {"goal": "chapters 1-3", "fallback": False},
                                      headers=ASYNC)
                assert answer.status == 202, answer
            wait_for(lambda: upstream.stats()["held"] == upstream.stats()["open"], 30, "held calls")
        if count == 0 and upstream.stats()["held"] > 0:
            upstream.faults()
            upstream.release()
            wait_for(lambda: read_as_the_adapter_does(app, names)["studyhall_in_flight"] == 0, 60,
                     "the jobs' end")
        values = read_as_the_adapter_does(app, names)
        assert abs(values["studyhall_in_flight"] * len(names) - count) <= 16, (count, values)
        # There are two processes: for the arithmetic the load is spread over the pods wanted.
        values["studyhall_in_flight"] *= len(names) / replicas
        replicas = scaler.step(now, replicas, replicas, values)
        by_cpu = cpu_alone.step(now, by_cpu, by_cpu, values)
        seen.append(replicas)
        now += 15
    print(f"\nreplicas: {seen}")
    assert max(seen) == 3 and seen[-1] == 2 and by_cpu == 2


@pytest.mark.slow
def test_jobs_that_wait_in_the_table_make_the_autoscaler_add_pods(deploy, upstream):
    """They are in nobody's mailbox: every planner must see them, and see when they have gone."""
    app = deploy({"USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0", "AI_DAILY_TOKENS": "0",
                  "WORKERS": "1", "WORKER_CONNECTIONS": "4", "AI_PROVIDERS": "openai",
                  **upstream.settings()}, replicas={"planner": 2})
    names = ["planner", "planner.2"]
    upstream.faults("hold")
    learners = [app.learner() for _ in range(12)]

    def waits():
        return [app.metrics(name)["studyhall_jobs_oldest_wait_microseconds"] / 1e6 for name in names]

    assert waits() == [0, 0]
    for learner in learners:
        answer = learner.post("/v1/plans", {"goal": "chapters 1-3", "fallback": False}, headers=ASYNC)
        assert answer.status == 202, answer
    wait_for(lambda: min(waits()) > 3, 60, "jobs that have waited three seconds")
    for name in names:
        assert app.metrics(name)["studyhall_mailbox_oldest_wait_microseconds"] == 0
    values = read_as_the_adapter_does(app, names)
    assert Autoscaler.of(manifests()["planner"]).step(0, 2, 2, values) > 2
    upstream.faults()
    upstream.release()
    wait_for(lambda: waits() == [0, 0], 60, "an empty queue")
