"""Cases of jobs at the edges of the contract: keys of jobs that were cancelled, streams of what is
gone, the queue, learners who leave."""
import threading
import time

import pytest

from client import instant
from conftest import run_deployment
from deployment import Deployment
from events import Events
from process import wait_for
from upstream import wall_us

GOAL = {"goal": "Biology chapters 1-6", "locale": "en"}
SETTINGS = {"DRAIN_DELAY": "0", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_PROVIDERS": "gemini,builtin"}
ASYNC = {"Prefer": "respond-async"}
SLOTS = 6


@pytest.fixture(scope="module")
def app(stores, stand_in):
    """It has room for few jobs at a time."""
    yield from run_deployment(Deployment(stores, {
        **SETTINGS, "PLANNER_WORKERS": "1", "PLANNER_WORKER_CONNECTIONS": str(SLOTS),
        **stand_in.settings()}))


@pytest.fixture
def learner(app, upstream):
    learner = app.learner()
    yield learner
    learner.close()


def whole(events):
    assert events.status == 200, events.response.read()
    seen = list(events)
    events.close()
    return seen


def events_of(learner, job, last=None):
    return Events(learner, f"/v1/jobs/{job}/events",
                  headers={"Last-Event-ID": last} if last else None)


def begin(learner, **fields):
    answer = learner.post("/v1/plans", {**GOAL, **fields}, headers=ASYNC)
    assert answer.status == 202, answer
    return answer.json["id"]


def job_of(learner, job):
    return learner.expect(200, learner.get(f"/v1/jobs/{job}"))


def await_end(learner, job):
    return wait_for(lambda: (one := job_of(learner, job))["finished_at"] and one, 60, "its end")


def fill(app, upstream):
    """Jobs of others that take all the room."""
    upstream.faults("hold")
    others = [app.learner() for _ in range(SLOTS)]
    for other in others:
        begin(other)
    upstream.await_held(SLOTS)
    return others


def test_stream_of_a_plan_that_was_deleted_ends_for_good(learner):
    plan = learner.expect(201, learner.post("/v1/plans", GOAL))["id"]
    assert learner.delete(f"/v1/plans/{plan}").status == 204
    seen = whole(events_of(learner, plan))
    assert [name for _, name, _ in seen][-2:] == ["job", "problem"]
    problem = seen[-1][2].get("problem") or seen[-1][2]
    assert (problem["status"], problem["type"]) == (404, "/problems/not-found")
    assert events_of(learner, plan, seen[-1][0]).status == 204


def test_stream_says_that_the_budget_is_spent(deploy, upstream):
    app = deploy({**SETTINGS, "USER_DAILY_TOKENS": "1", **upstream.settings()})
    learner = app.learner()
    seen = whole(Events(learner, "/v1/plans", {**GOAL, "fallback": False}))
    problem = seen[-1][2].get("problem") or seen[-1][2]
    assert seen[-1][1] == "problem" and problem["status"] == 429
    assert problem["type"] == "/problems/quota-exceeded" and problem["retry_after"] > 0
    seen = whole(Events(learner, "/v1/plans", GOAL))
    plan = seen[-1][2].get("plan") or seen[-1][2]
    assert seen[-1][1] == "plan" and plan["warnings"][0]["code"] == "tokens_spent"
    assert upstream.ledger() == []


def test_key_of_a_job_that_was_cancelled_buys_nothing(learner, upstream):
    upstream.faults("hold")
    key = {"Idempotency-Key": "k"}
    job = learner.post("/v1/plans", GOAL, headers={**ASYNC, **key}).json["id"]
    upstream.await_held(1)
    assert learner.post("/v1/plans", {**GOAL, "goal": "x"}, headers=key).code == \
        "idempotency-key-reused"
    again = learner.post("/v1/plans", GOAL, headers={**ASYNC, **key})
    assert again.status == 202 and again.json["id"] == job
    assert learner.delete(f"/v1/jobs/{job}").status == 202
    assert learner.delete(f"/v1/jobs/{job}").status == 409
    assert learner.post("/v1/plans", GOAL, headers=key).status == 409
    seen = whole(Events(learner, "/v1/plans", GOAL, headers=key))
    assert seen[-1][1] == "job" and len(upstream.await_ended()) == 1
    assert events_of(learner, job, seen[-1][0]).status == 204


def test_key_of_a_failed_job_is_free_again(learner, upstream):
    key, body = {"Idempotency-Key": "k"}, {**GOAL, "fallback": False}
    upstream.faults({"fault": "400", "next": 1})
    assert learner.post("/v1/plans", body, headers=key).status == 502
    answer = learner.post("/v1/plans", body, headers=key)
    assert answer.status == 201 and "Idempotency-Replayed" not in answer.headers
    again = learner.post("/v1/plans", body, headers=key)
    assert again.json == answer.json and again.headers["Idempotency-Replayed"] == "true"
    assert len(upstream.ledger()) == 2


def test_repeats_that_come_while_the_first_is_running_wait_for_it(learner, upstream, app):
    upstream.faults("hold")
    answers = []

    def ask():
        client = app.client()
        client.token = learner.token
        answers.append(client.post("/v1/plans", GOAL, headers={"Idempotency-Key": "k"}))
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    upstream.await_held(1)
    time.sleep(0.5)
    assert answers == []
    upstream.release()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 1 == len(upstream.ledger())
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 3


def test_queued_jobs_have_a_place_and_can_be_cancelled_there(app, learner, upstream):
    fill(app, upstream)
    jobs = [begin(learner) for _ in range(3)]
    assert [job_of(learner, job)["position"] for job in jobs] == [1, 2, 3]
    assert {job_of(learner, job)["status"] for job in jobs} == {"queued"}
    events = iter(events_of(learner, jobs[2]))
    assert next(events)[2].get("job", {}).get("position", 3) == 3
    answer = learner.delete(f"/v1/jobs/{jobs[1]}")
    assert answer.status == 202 and answer.json["status"] == "cancelled"
    assert answer.json["position"] is None and answer.json["calls"] == []
    assert job_of(learner, jobs[2])["position"] == 2
    upstream.faults()
    upstream.release()
    assert [name for _, name, _ in events][-1] == "plan"
    assert await_end(learner, jobs[0])["status"] == "succeeded"
    assert learner.get("/v1/users/me/quota").json["plans"]["used"] == 2


def test_learners_who_wait_for_plans_are_in_nobodys_way(app, learner, upstream):
    upstream.faults("hold")
    waiting, answers, threads = [app.learner() for _ in range(SLOTS)], [], []
    for other in waiting:
        client = app.client()
        client.token = other.token
        threads.append(threading.Thread(daemon=True, target=lambda client=client: answers.append(
            client.post("/v1/plans", GOAL, timeout=60).status)))
        threads[-1].start()
    upstream.await_held(SLOTS)  # as many as the planner works on at a time
    assert learner.get("/v1/plans", timeout=5).status == 200
    job, = learner.expect(200, waiting[0].get("/v1/jobs", timeout=5))["items"]
    assert waiting[0].delete(f"/v1/jobs/{job['id']}", timeout=5).status == 202
    upstream.faults()
    upstream.release()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201] * (SLOTS - 1) + [409]


def test_learner_with_many_jobs_does_not_delay_another(app, learner, upstream):
    fill(app, upstream)
    many = [begin(learner) for _ in range(20)]
    other = app.learner()
    one = begin(other)
    assert job_of(other, one)["position"] <= 2
    upstream.configure(faults=[], latency={"first_byte": 50})
    upstream.release()
    started = instant(await_end(other, one)["started_at"])
    ahead = [job for job in many if instant(await_end(learner, job)["started_at"]) < started]
    assert len(ahead) <= 2, ahead


def test_learner_who_leaves_ends_the_call_and_the_job(app, learner, upstream):
    upstream.faults("hold_middle")
    job = begin(learner)
    waiting = begin(learner, goal="Genes")
    upstream.await_held(1)
    assert learner.delete("/v1/users/me", {"current_password": learner.password}).status == 202
    left = wall_us()
    call, = upstream.await_ended(job=job)
    assert call["outcome"] == "aborted"
    assert call["ended"] - left < 20_000_000  # not only when the silence is too long
    wait_for(lambda: job not in (listed := app.command("planner", "jobs", "list").stdout) and
             waiting not in listed, 60, "the end of the jobs")
    assert upstream.stats()["open"] == 0


def test_events_behind_an_id_that_never_was_begin_anew(learner):
    plan = learner.expect(201, learner.post("/v1/plans", GOAL))["id"]
    first = whole(events_of(learner, plan))
    for last in ("x", "0", "1-", "-1", "999999999999-1", "1-1-1", "end"):
        assert whole(events_of(learner, plan, last)) == first, last
