"""Two replicas of the planner over one queue: each job runs once, whoever stands still or dies."""
import time

import pytest

from f09_job_kills import everything
from process import wait_for

pytestmark = pytest.mark.disturbs
ASYNC = {"Prefer": "respond-async"}
LEASE_S = 5


def queue(app, learners, count):
    """Asks for so many plans without waiting for them; {learner: ids of jobs}."""
    asked = {}
    for number in range(count):
        learner = learners[number % len(learners)]
        answer = learner.post("/v1/plans", {"goal": f"chapters 1-3 of {number}"}, headers=ASYNC)
        assert answer.status == 202, answer
        asked.setdefault(learner, []).append(answer.json["id"])
    return asked


def await_all(asked, seconds):
    jobs = {}
    for learner, ids in asked.items():
        def ended():
            mine = {job["id"]: job for job in everything(learner, "/v1/jobs")}
            return mine if all(mine[one]["finished_at"] for one in ids) else None
        jobs.update(wait_for(ended, seconds, "the end of all jobs"))
    return jobs


def two_replicas(deploy, connections):
    return deploy({"USER_DAILY_PLANS": "0", "PLANNER_WORKER_CONNECTIONS": str(connections)},
                  replicas={"planner": 2})


def plans_of(learners):
    return [plan["goal"] for learner in learners for plan in everything(learner, "/v1/plans")]


def shared_by_two(deploy, count):
    app = two_replicas(deploy, 1000)
    learners = [app.learner() for _ in range(10)]
    asked = queue(app, learners, count)
    jobs = await_all(asked, 120)
    assert {job["status"] for job in jobs.values()} == {"succeeded"}
    assert {job["attempts"] for job in jobs.values()} == {1}
    goals = plans_of(learners)
    assert len(goals) == len(set(goals)) == count
    made = [app.metrics(name)["studyhall_jobs_ended_total{status=\"succeeded\"}"]
            for name in ("planner", "planner.2")]
    # Within 10 % of even, or for few jobs within four standard deviations of a toss for each.
    assert sum(made) == count and count / 2 - min(made) <= max(0.05 * count, 2 * count ** 0.5), made
    deadlocks = [app.metrics(name)["studyhall_db_deadlocks_total"]
                 for name in ("planner", "planner.2")]
    print(f"\n{count} jobs: {made[0]:.0f} and {made[1]:.0f}, deadlocks run again: {deadlocks}")


def test_jobs_are_shared_and_each_runs_once(deploy):
    shared_by_two(deploy, 300)


@pytest.mark.slow
def test_5000_jobs_are_shared_and_each_runs_once(deploy):
    shared_by_two(deploy, 5000)


def test_replica_that_is_killed_is_taken_over(deploy):
    app = two_replicas(deploy, 1000)
    learners = [app.learner() for _ in range(4)]
    asked = {}
    for _ in range(4):
        for learner, ids in queue(app, learners, 12).items():
            asked.setdefault(learner, []).extend(ids)
        app["planner.2"].kill9()
        wait_for(lambda: learners[0].get("/v1/jobs").status == 200, 20, "the other's answer")
        app.revive("planner.2")
        app.wait_ready()
    jobs = await_all(asked, 60)
    assert {job["status"] for job in jobs.values()} == {"succeeded"} and len(jobs) == 48
    assert len(plans_of(learners)) == 48


def test_replica_that_stood_still_past_its_lease_writes_nothing_stale(deploy):
    app = two_replicas(deploy, 1000)
    learner = app.learner()
    for _ in range(5):
        queue(app, [learner], 10)
        app["planner"].pause()
        time.sleep(0.2)
        app["planner"].resume()
    app["planner"].pause()
    time.sleep(LEASE_S + 2)
    app["planner"].resume()
    wait_for(lambda: "lease had ended" in app["planner"].log_text(), 20, "its finding that out")
    asked = queue(app, [learner], 20)
    await_all(asked, 60)
    jobs = everything(learner, "/v1/jobs")
    assert {job["status"] for job in jobs} == {"succeeded"} and len(jobs) == 70
    assert sorted(job["plan_id"] for job in jobs) == \
        sorted(plan["id"] for plan in everything(learner, "/v1/plans"))
