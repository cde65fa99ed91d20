"""Plans by the AI: streamed as they come, paid for as used, cancelled at once, replaced when they
fail. The stand-in for the providers says what was really asked of them."""
import time

import pytest

from events import Events
from process import wait_for
from upstream import Upstream

FAST = {"first_byte": 50, "streaming": 200, "chunks": 8}
GOAL = {"goal": "Biology chapters 1-6", "locale": "en"}


@pytest.fixture(scope="module")
def upstream(stores):
    upstream = Upstream(stores.directory).start()
    yield upstream
    upstream.kill9()


@pytest.fixture(scope="module")
def ai(stores, upstream):
    from conftest import run_deployment
    from deployment import Deployment
    yield from run_deployment(Deployment(stores, {
        "DRAIN_DELAY": "0", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
        "AI_DAILY_TOKENS": "0", **upstream.settings()}))


@pytest.fixture
def learner(ai, upstream):
    upstream.reset(latency=FAST)
    learner = ai.learner()
    yield learner
    learner.close()


def tokens(learner):
    return learner.get("/v1/users/me/quota").json["tokens"]["used"]


def only_job(learner):
    jobs = learner.get("/v1/jobs").json["items"]
    assert len(jobs) == 1, jobs
    return jobs[0]


def test_plan_of_the_first_provider_and_its_record(learner, upstream):
    answer = learner.post("/v1/plans", GOAL)
    assert answer.status == 201 and "ai;dur=" in answer.headers["Server-Timing"]
    plan = answer.json
    assert plan["provider"] == "gemini" and plan["warnings"] == []
    job = only_job(learner)
    assert [(call["provider"], call["outcome"]) for call in job["calls"]] == [("gemini", "answered")]
    calls = upstream.ledger()
    assert len(calls) == 1 and calls[0]["mark"] == f"{job['id']}:1:1"
    used = calls[0]["prompt_tokens"] + calls[0]["completion_tokens"]
    assert plan["usage"]["prompt_tokens"] + plan["usage"]["completion_tokens"] == used
    assert tokens(learner) == used


def test_days_are_streamed_while_the_provider_still_writes(learner, upstream):
    upstream.configure(latency={"first_byte": 100, "streaming": 3000, "chunks": 60})
    began = time.monotonic()
    events = Events(learner, "/v1/plans", GOAL)
    seen = []
    for event in events:
        seen.append((time.monotonic() - began, *event))
    names = [name for _, _, name, _ in seen]
    assert names[0] == "job" and names[-2:] == ["job", "plan"]
    days = [at for at, _, name, _ in seen if name == "day"]
    assert len(days) > 5 and days[0] < 0.1 + 1.5
    plan = seen[-1][3].get("plan") or seen[-1][3]
    items = [item["id"] for _, _, name, data in seen if name == "day" for item in data["items"]]
    assert items == [item["id"] for item in plan["items"]]


def test_stream_goes_on_where_it_broke_off(learner, upstream):
    upstream.configure(latency={"first_byte": 50, "streaming": 1500, "chunks": 60})
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    first = Events(learner, f"/v1/jobs/{job}/events")
    seen = []
    for event in first:
        seen.append(event)
        if len(seen) == 4:
            break
    first.close()
    rest = list(Events(learner, f"/v1/jobs/{job}/events", headers={"Last-Event-ID": seen[-1][0]}))
    whole = list(Events(learner, f"/v1/jobs/{job}/events"))
    days = [event for event in whole if event[1] == "day"]
    assert [event for event in seen + rest if event[1] == "day"] == days
    assert rest[-1] == whole[-1]


def test_cancelling_aborts_the_call_and_gives_back(learner, upstream):
    upstream.configure(faults=[{"fault": "hold"}])
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    upstream.await_held(1)
    assert tokens(learner) > 0
    asked = time.time()
    answer = learner.delete(f"/v1/jobs/{job}")
    assert answer.status == 202 and answer.json["status"] == "cancelled"
    call = upstream.await_ended()[0]
    assert call["outcome"] == "aborted" and call["ended"] / 1e6 - asked < 1
    assert tokens(learner) == 0 and only_job(learner)["calls"][0]["outcome"] == "cancelled"
    assert learner.get("/v1/plans").json["items"] == []


def test_hanging_up_cancels_unless_there_is_a_key(ai, learner, upstream):
    upstream.configure(faults=[{"fault": "hold"}])
    for headers, outcome in (({}, "cancelled"), ({"Idempotency-Key": "k"}, "succeeded")):
        upstream.forget()
        client = ai.client()
        client.token = learner.token
        with pytest.raises(TimeoutError):
            client.post("/v1/plans", GOAL, headers=headers, timeout=1)
        if outcome == "succeeded":
            time.sleep(0.3)
            upstream.await_held(1)
            upstream.release()
        wait_for(lambda: learner.get("/v1/jobs").json["items"][0]["status"] == outcome, 20, outcome)


def test_providers_that_fail_are_replaced_and_the_plan_says_so(learner, upstream):
    upstream.faults({"fault": "400", "provider": "gemini"})
    assert learner.post("/v1/plans", GOAL).json["provider"] == "openai"
    upstream.faults("400")
    plan = learner.post("/v1/plans", GOAL).json
    assert plan["provider"] == "builtin"
    assert [one["code"] for one in plan["warnings"]] == ["providers_failed"]
    answer = learner.post("/v1/plans", {**GOAL, "fallback": False})
    assert (answer.status, answer.code) == (502, "providers-failed")
