"""Streams of a plan that takes its time: who hangs up, who comes back, who waits how long."""
import time

import pytest

from conftest import run_deployment
from deployment import Deployment
from events import Events
from process import wait_for
from upstream import Upstream

pytestmark = pytest.mark.disturbs

GOAL = {"goal": "Biology chapters 1-8", "minutes_per_day": 60, "fallback": False}
SLOW = {"first_byte": 200, "streaming": 4000, "chunks": 56}
SETTINGS = {"AI_PROVIDERS": "openai,builtin", "DRAIN_DELAY": "0", "USER_DAILY_PLANS": "0",
            "USER_DAILY_TOKENS": "0"}


@pytest.fixture(scope="module")
def upstream(stores):
    upstream = Upstream(stores.directory).start()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="module")
def app(stores, upstream):
    yield from run_deployment(Deployment(stores, {**SETTINGS, **upstream.settings()},
                                         replicas={"planner": 2}))


@pytest.fixture(autouse=True)
def slow(upstream):
    upstream.reset(latency=SLOW)


@pytest.fixture
def learner(app):
    learner = app.learner()
    yield learner
    learner.close()


def first(events, name):
    """Reads on until an event of that name; returns all so far."""
    seen = []
    for event in events:
        seen.append(event)
        if event[1] == name:
            return seen
    raise AssertionError(f"no {name} in {seen}")


def job_of(events):
    return events.response.headers["Location"].removeprefix("/v1/jobs/")


def ended(learner, job, status):
    def look():
        answer = learner.get(f"/v1/jobs/{job}").json
        return answer["finished_at"] and answer
    answer = wait_for(look, 60, "the job's end")
    assert answer["status"] == status, answer
    return answer


def test_hanging_up_on_the_stream_of_a_post_cancels_the_job(learner, upstream):
    events = Events(learner, "/v1/plans", GOAL)
    job = job_of(events)
    first(events, "day")
    events.close()
    ended(learner, job, "cancelled")
    assert [call["outcome"] for call in upstream.await_ended(job=job)] == ["aborted"]
    assert learner.get("/v1/plans").json["items"] == []


@pytest.mark.parametrize("field", [{"Idempotency-Key": "k1"}, {"Prefer": "respond-async"}])
def test_who_will_come_back_hangs_up_without_harm(learner, field):
    events = Events(learner, "/v1/plans", GOAL, headers=field)
    job = job_of(events)
    seen = first(events, "day")
    events.close()
    rest = list(Events(learner, f"/v1/jobs/{job}/events", headers={"Last-Event-ID": seen[-1][0]}))
    assert rest[-1][1] == "plan"
    ended(learner, job, "succeeded")
    days = [data["date"] for _, name, data in seen + rest if name == "day"]
    assert days == sorted(set(days)) and len(days) > 2


def test_closing_a_stream_that_only_looks_cancels_nothing(learner):
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "wait=0"}).json["id"]
    for _ in range(3):
        events = Events(learner, f"/v1/jobs/{job}/events")
        first(events, "job")
        events.close()
    ended(learner, job, "succeeded")


def test_who_comes_late_gets_at_once_what_there_is(learner, upstream):
    upstream.faults({"fault": "hold_middle", "at": 0.5})
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    upstream.await_held(1)
    for _ in range(4):  # both planners are asked
        events = Events(learner, f"/v1/jobs/{job}/events")
        first(events, "day")
        events.close()
    upstream.release()
    assert list(Events(learner, f"/v1/jobs/{job}/events"))[-1][1] == "plan"


def test_days_come_while_the_plan_is_being_made(learner, upstream):
    upstream.configure(record_days=True)
    events = Events(learner, "/v1/plans", GOAL)
    first(events, "day")
    # Most of the answer is still to come, on the stand-in's own clock.
    call = upstream.ledger(job=job_of(events))[0]
    assert call["outcome"] == "open" and call["days"].count(None) > 14, call
    assert first(events, "plan")[-2][1] == "job"
    events.close()


def goes_on(learner, job, seen):
    """Reads on behind what was seen, by as many connections as it takes, up to the plan."""
    while seen[-1][1] not in ("plan", "problem"):
        again = Events(learner, f"/v1/jobs/{job}/events", headers={"Last-Event-ID": seen[-1][0]})
        if again.status == 200:
            seen += list(again)
        else:
            assert again.status == 503, again.response.read()
            time.sleep(0.2)
        again.close()
    kept = []
    for _, name, data in seen:
        kept = [] if name == "reset" else kept + ([data["date"]] if name == "day" else [])
    plan = seen[-1][2].get("plan") or seen[-1][2]
    assert kept == sorted({item["date"] for item in plan["items"]})


def test_a_stream_goes_on_when_the_planners_have_died(app, learner):
    events = Events(learner, "/v1/plans", GOAL, headers={"Idempotency-Key": "k"})
    job = job_of(events)
    seen = first(events, "day")
    for name in ("planner", "planner.2"):
        app[name].kill9()
        app.revive(name)
    seen += list(events)
    assert seen[-1][1] == "day"
    goes_on(learner, job, seen)


def test_a_planner_that_drains_finishes_what_it_streams(app, learner):
    events = Events(learner, "/v1/plans", GOAL, headers={"Idempotency-Key": "k"})
    job = job_of(events)
    seen = first(events, "day")
    for name in ("planner", "planner.2"):
        app[name].terminate()
    seen += list(events)
    for name in ("planner", "planner.2"):
        assert app[name].child.wait(60) == 0
        app.revive(name)
    app.wait_ready()
    goes_on(learner, job, seen)
    assert learner.get(f"/v1/jobs/{job}").json["attempts"] == 1


def test_a_gateway_that_drains_ends_streams_that_can_be_resumed(app, learner):
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    events = Events(learner, f"/v1/jobs/{job}/events")
    seen = first(events, "day")
    app["gateway"].terminate()
    seen += list(events)
    assert seen[-1][1] == "day"
    assert app["gateway"].child.wait(20) == 0
    app.revive("gateway")
    app.wait_ready()
    rest = list(Events(learner, f"/v1/jobs/{job}/events", headers={"Last-Event-ID": seen[-1][0]}))
    assert rest[-1][1] == "plan"
    assert not {event[0] for event in seen} & {event[0] for event in rest}


@pytest.mark.parametrize("prefer, applied, status", [
    ("wait=1", "wait=1", 202), ("wait=0", "wait=0", 202), ("respond-async", "respond-async", 202),
    ("wait=60", "wait=60", 201), ("respond-async, wait=60", "respond-async, wait=60", 201)])
def test_a_post_waits_as_long_as_its_client_prefers(learner, prefer, applied, status):
    begun = time.monotonic()
    answer = learner.post("/v1/plans", GOAL, headers={"Prefer": prefer})
    took = time.monotonic() - begun
    assert answer.status == status and answer.headers["Preference-Applied"] == applied
    if status == 201:
        assert answer.headers["Location"] == f"/v1/plans/{answer.json['id']}" and took > 3
    else:
        assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
        assert answer.json["status"] in ("queued", "running")
        assert took >= (1 if prefer == "wait=1" else 0)


def test_old_clients_get_the_stream_until_it_is_closed(app, learner):
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    text = learner.raw(f"GET /v1/jobs/{job}/events HTTP/1.0\r\n"
                       f"Authorization: Bearer {learner.token}\r\n\r\n".encode(), timeout=60)
    head, _, body = text.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head and b"Connection: close" in head
    assert body.startswith(b"retry: 2000\n\nid: ") and b"event: plan\n" in body


def test_head_of_a_stream_is_answered_at_once(learner):
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    answer = learner.request("HEAD", f"/v1/jobs/{job}/events")
    assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
    assert answer.body == b"" and learner.get(f"/v1/jobs/{job}").json["finished_at"] is None


@pytest.mark.slow
def test_a_quiet_stream_gets_a_comment_every_15_s(learner, upstream):
    upstream.configure(latency={"first_byte": 40000, "streaming": 100, "chunks": 2})
    events = Events(learner, "/v1/plans", GOAL)
    lines = []
    while not any(line.startswith(b"event: day") for line in lines):
        lines.append(events.response.readline())
    assert lines.count(b":\n") == 2
    events.close()
