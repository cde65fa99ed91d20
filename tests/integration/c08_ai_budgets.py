"""Budgets of tokens: bursts never overstep them, and what a failure did not use comes back."""
import threading

import pytest

from process import wait_for

GOAL = {"goal": "Biology chapters 1-6", "locale": "en"}
FAST = {"first_byte": 50, "streaming": 200, "chunks": 8}
SETTINGS = {"DRAIN_DELAY": "0", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_DAILY_TOKENS": "0", "AI_PROVIDERS": "gemini,openai,builtin"}
ROOM = 10  # plans that a budget has room for


@pytest.fixture(scope="module")
def reserved(stores, stand_in):
    """Tokens that one call holds until it ends."""
    from conftest import run_deployment
    from deployment import Deployment
    stand_in.reset(faults=[{"fault": "hold"}])
    for app in run_deployment(Deployment(stores, {**SETTINGS, **stand_in.settings()})):
        learner = app.learner()
        job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
        stand_in.await_held(1)
        tokens = used(learner)
        assert learner.delete(f"/v1/jobs/{job}").status == 202
    return tokens


def used(learner):
    return learner.get("/v1/users/me/quota").json["tokens"]["used"]


def ask(app, learner, **fields):
    client = app.client()
    client.token = learner.token
    try:
        return client.post("/v1/plans", {**GOAL, **fields}, timeout=300)
    finally:
        client.close()


def burst(app, upstream, learners, count):
    """So many requests at once, while the calls they are worth are under way; (plans by the AI,
    built-in ones, refusals). Every other one wants no built-in plan."""
    upstream.reset(latency=FAST, faults=[{"fault": "hold"}])
    answers = [None] * count

    def run(number):
        answers[number] = ask(app, learners[number % len(learners)], fallback=number % 2 == 0)

    threads = [threading.Thread(target=run, args=(number,), daemon=True)
               for number in range(count)]
    for thread in threads:
        thread.start()
    upstream.await_held(ROOM)
    wait_for(lambda: sum(answer is not None for answer in answers) >= count - ROOM, 120,
             "the answers without a call")
    held = sum(used(learner) for learner in learners)
    upstream.release()
    for thread in threads:
        thread.join()
    plans = [answer.json for answer in answers if answer.status == 201]
    return (held, [plan for plan in plans if plan["provider"] != "builtin"],
            [plan for plan in plans if plan["provider"] == "builtin"],
            [answer for answer in answers if answer.status != 201])


def check_burst(app, upstream, learners, limit):
    held, by_ai, built_in, refused = burst(app, upstream, learners, 100)
    calls = upstream.await_ended()
    assert len(calls) == ROOM == len(by_ai) and held <= limit
    assert len(built_in) + len(refused) == 100 - ROOM and built_in and refused
    for plan in built_in:
        assert [warning["code"] for warning in plan["warnings"]] == ["tokens_spent"]
        assert plan["warnings"][0]["detail"] and plan["items"]
    for answer in refused:
        assert (answer.status, answer.code) == (429, "quota-exceeded")
        assert 0 < int(answer.headers["Retry-After"]) <= 24 * 3600 + 1
    spent = sum(call["prompt_tokens"] + call["completion_tokens"] for call in calls)
    assert sum(used(learner) for learner in learners) == spent


@pytest.mark.parametrize("limit, count", [("USER_DAILY_TOKENS", 1), ("AI_DAILY_TOKENS", 100)])
def test_burst_of_100_has_room_for_10(deploy, upstream, reserved, limit, count):
    tokens = (ROOM + 1) * reserved - 1
    app = deploy({**SETTINGS, limit: str(tokens), **upstream.settings()})
    learners = [app.learner() for _ in range(count)]
    check_burst(app, upstream, learners, tokens)


@pytest.mark.parametrize("replicas", [1, 2])
def test_budget_is_whole_again_after_failures(deploy, upstream, reserved, replicas):
    app = deploy({**SETTINGS, "USER_DAILY_TOKENS": str(ROOM * reserved),
                  "AI_DAILY_TOKENS": str(ROOM * reserved), **upstream.settings()},
                 replicas={"planner": replicas})
    learner = app.learner()
    for fault in ("400", "404", "reset"):
        upstream.reset(latency=FAST, faults=[{"fault": fault}])
        threads = [threading.Thread(target=ask, args=(app, learner)) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert upstream.ledger() and used(learner) == 0
    for name in [name for name in app.processes if name.startswith("planner")]:
        app[name].restart()  # the circuits are open
    app.wait_ready()
    check_burst(app, upstream, [learner], ROOM * reserved)


def test_limit_of_a_provider_leaves_the_rest_to_the_next(deploy, upstream, reserved):
    app = deploy({**SETTINGS, "GEMINI_DAILY_TOKENS": str((ROOM + 1) * reserved - 1),
                  **upstream.settings()})
    learners = [app.learner() for _ in range(5)]
    upstream.reset(latency=FAST, faults=[{"fault": "hold"}])
    answers = []
    threads = [threading.Thread(target=lambda one=one: answers.append(ask(app, one)))
               for one in learners * 6]
    for thread in threads:
        thread.start()
    upstream.await_held(30)
    assert len(upstream.ledger(provider="gemini")) == ROOM
    upstream.release()
    for thread in threads:
        thread.join()
    by = [answer.json["provider"] for answer in answers]
    assert by.count("gemini") == ROOM and by.count("openai") == 20
    assert all(answer.json["warnings"] == [] for answer in answers)


def test_refusal_names_the_time_of_renewal(deploy, upstream):
    app = deploy({**SETTINGS, "USER_DAILY_TOKENS": "1", **upstream.settings()})
    learner = app.learner()
    quota = learner.get("/v1/users/me/quota").json
    assert quota["tokens"] == {"limit": 1, "used": 0} and quota["resets_at"]
    answer = ask(app, learner, fallback=False)
    assert (answer.status, answer.code) == (429, "quota-exceeded") and answer.json["detail"]
    assert int(answer.headers["Retry-After"]) > 0
    job = learner.get("/v1/jobs").json["items"][0]
    assert job["status"] == "failed" and job["error"].startswith("quota-exceeded: ")
    assert job["calls"] == [] and upstream.ledger() == []
    assert learner.get("/v1/users/me/quota").json["plans"]["used"] == 0
