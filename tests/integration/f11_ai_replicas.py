"""Replicas that stand still, die or come back in the middle of a provider's answer: one plan, no
call bought twice unknowingly, nothing stale written."""
import time

import pytest

from conftest import run_deployment
from deployment import Deployment
from events import Events
from process import wait_for

pytestmark = pytest.mark.disturbs
GOAL = {"goal": "Biology chapters 1-6", "locale": "en", "minutes_per_day": 60}
SETTINGS = {"DRAIN_DELAY": "0", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_PROVIDERS": "openai,builtin"}
REPLICAS = ("planner", "planner.2")


@pytest.fixture(scope="module")
def app(stores, stand_in):
    yield from run_deployment(Deployment(stores, {**SETTINGS, **stand_in.settings()},
                                         replicas={"planner": 2}))


@pytest.fixture
def learner(app, upstream):
    wait_for(lambda: app.metrics("gateway")['studyhall_rpc_replicas_up{actor="planner"}'] == 2, 60,
             "both replicas, as the gateway sees it")
    learner = app.learner()
    yield learner
    learner.close()


def job_of(learner, job):
    answer = learner.get(f"/v1/jobs/{job}")
    assert answer.status == 200, answer
    return answer.json


def await_end(learner, job):
    return wait_for(lambda: (one := job_of(learner, job))["finished_at"] and one, 120, "its end")


def owner(app):
    """The replica that has the only call."""
    def look():
        having = [name for name in REPLICAS
                  if app.metrics(name)['studyhall_ai_in_flight{provider="openai"}'] > 0]
        return having[0] if len(having) == 1 else None
    return wait_for(look, 30, "the replica with the call")


def begin(app, learner, upstream, fault, headers=None):
    """A job whose first call is held; its id and the replica that runs it."""
    upstream.faults({"fault": fault, "next": 1})
    job = learner.post("/v1/plans", GOAL,
                       headers={"Prefer": "respond-async", **(headers or {})}).json["id"]
    upstream.await_held(1)
    return job, owner(app)


def check(learner, upstream, job, outcomes):
    plans = learner.get("/v1/plans").json["items"]
    assert [plan["id"] for plan in plans] == [job["plan_id"]]
    assert plans[0]["provider"] == "openai"
    assert [call["outcome"] for call in job["calls"]] == outcomes
    marks = [call["mark"] for call in upstream.ledger(job=job["id"])]
    assert marks == [f"{job['id']}:{number}:{number}" for number in range(1, len(outcomes) + 1)]


@pytest.mark.parametrize("fault", ["hold", "hold_middle"])
def test_replica_that_stood_still_during_a_call_writes_nothing_stale(app, learner, upstream, fault):
    job, name = begin(app, learner, upstream, fault)
    app[name].pause()
    done = await_end(learner, job)
    assert done["status"] == "succeeded" and done["attempts"] == 2
    plan = learner.get(f"/v1/plans/{job}").json
    upstream.release()  # the answer waits for the one that stands still
    app[name].resume()
    wait_for(lambda: "lease had ended" in app[name].log_text(), 30, "its finding that out")
    app.wait_ready()
    upstream.await_ended()
    time.sleep(1)
    assert learner.get(f"/v1/plans/{job}").json == plan
    check(learner, upstream, job_of(learner, job), ["unknown", "answered"])


def test_answer_that_came_while_standing_still_is_written_within_the_lease(app, learner, upstream):
    job, name = begin(app, learner, upstream, "hold")
    app[name].pause()
    upstream.release()
    time.sleep(1)
    app[name].resume()
    done = await_end(learner, job)
    assert done["attempts"] == 1
    check(learner, upstream, done, ["answered"])


@pytest.mark.parametrize("fault", ["hold", "hold_middle"])
def test_call_of_a_replica_that_died_is_unknown_and_bought_once_more(app, learner, upstream, fault):
    job, name = begin(app, learner, upstream, fault, {"Idempotency-Key": "k"})
    events = Events(learner, f"/v1/jobs/{job}/events")
    seen = [next(iter(events))]
    while fault == "hold_middle" and [one[1] for one in seen].count("day") < 6:
        seen.append(next(iter(events)))
    app[name].kill9()
    done = await_end(learner, job)
    assert done["status"] == "succeeded" and done["attempts"] == 2
    check(learner, upstream, done, ["unknown", "answered"])
    # What had come in is kept; only the rest is asked for.
    first, second = upstream.await_ended(job=job)
    assert first["outcome"] == "aborted"
    if fault == "hold_middle":
        whole = learner.get(f"/v1/plans/{job}").json
        kept = [data["date"] for _, kind, data in seen if kind == "day"]
        assert sorted({item["date"] for item in whole["items"]})[:len(kept)] == kept
        assert second["completion_tokens"] < 0.8 * sum(
            len(item["title"]) + 60 for item in whole["items"]) / 4
    events.close()
    # The key answers with that plan, on whichever replica.
    again = learner.post("/v1/plans", GOAL, headers={"Idempotency-Key": "k"})
    assert again.status == 201 and again.json["id"] == job and len(upstream.ledger()) == 2


def test_call_that_was_lost_twice_is_not_bought_again(app, learner, upstream):
    upstream.faults("hold")
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    for attempt in (1, 2):
        wait_for(lambda: len(upstream.ledger(job=job)) == attempt, 60, f"call {attempt}")
        name = owner(app)
        app[name].kill9()
        app.revive(name)
    done = await_end(learner, job)
    assert done["status"] == "succeeded" and done["attempts"] == 3
    assert [call["outcome"] for call in done["calls"]] == ["unknown", "unknown"]
    plan = learner.get(f"/v1/plans/{job}").json
    assert plan["provider"] == "builtin" and plan["warnings"][0]["code"] == "providers_failed"
    assert len(upstream.ledger(job=job)) == 2


@pytest.mark.parametrize("fault", ["hold", "hold_middle"])
@pytest.mark.parametrize("column", ["owner", "attempt"])
def test_stale_attempt_that_does_not_know_it_is_refused_by_the_database(app, stores, learner,
                                                                       upstream, column, fault):
    job, _ = begin(app, learner, upstream, fault)
    database = f"sh{app.number}_planner"

    def rows():
        return stores.sql(f"SELECT status, owner, attempt, epoch, finished_at FROM job"
                          f" WHERE id = '{job}'; SELECT * FROM job_call WHERE job_id = '{job}';"
                          f" SELECT COUNT(*) FROM plan WHERE id = '{job}'", database)
    stores.sql(f"UPDATE job SET {column} = {column} + 1 WHERE id = '{job}'", database)
    before = rows()
    upstream.release()
    upstream.await_ended()
    wait_for(lambda: all(app.metrics(name)['studyhall_ai_in_flight{provider="openai"}'] == 0
                         for name in REPLICAS), 30, "the end of the call")
    time.sleep(1)
    assert rows() == before and learner.get("/v1/plans").json["items"] == []
    stores.sql(f"DELETE FROM job WHERE id = '{job}'", database)


@pytest.mark.parametrize("last", [0, 3])
def test_stream_goes_on_on_the_other_replica(app, learner, upstream, last):
    job, name = begin(app, learner, upstream, "hold_middle", {"Idempotency-Key": "k"})
    events = Events(learner, f"/v1/jobs/{job}/events")
    seen = [next(iter(events))]
    while [one[1] for one in seen].count("day") < last:
        seen.append(next(iter(events)))
    app[name].kill9()
    events.close()

    def goes_on():
        again = Events(learner, f"/v1/jobs/{job}/events", headers={"Last-Event-ID": seen[-1][0]})
        return again if again.status == 200 else again.close()
    rest = list(wait_for(goes_on, 30, "the other's stream"))
    assert rest[-1][1] == "plan" and "reset" not in [one[1] for one in rest]
    days = [data["date"] for _, kind, data in seen + rest if kind == "day"]
    plan = rest[-1][2].get("plan") or rest[-1][2]
    assert days == sorted({item["date"] for item in plan["items"]})


def test_call_waits_for_a_lease_that_is_only_late(deploy, stores, upstream):
    """The renewal stands for longer than calls may be begun, and then comes in time after all."""
    app = deploy({**SETTINGS, **upstream.settings()})
    learner = app.learner()
    upstream.configure(latency={"first_byte": 3500})
    upstream.faults({"fault": "reset_middle", "at": 0.1, "next": 1})
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    upstream.await_open(1)
    upstream.configure(latency={"first_byte": 50})
    stores.sql("START TRANSACTION; SELECT owner FROM replica FOR UPDATE; DO SLEEP(4.5); COMMIT",
               f"sh{app.number}_planner")
    done = await_end(learner, job)
    assert [call["outcome"] for call in done["calls"]] == ["failed", "answered"]
    assert learner.get(f"/v1/plans/{job}").json["provider"] == "openai"
    learner.close()
