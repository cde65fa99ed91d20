"""Whatever a provider does wrong, the learner gets a plan: by the same provider where that is worth
another call, by the next one, or built in; with as many calls as that takes and no more."""
import pytest

from client import instant
from conftest import run_deployment
from deployment import BIN, Deployment
from events import Events
from providers import check_plan

REQUEST = {"goal": "Pass the biology exam", "topics": ["Cells", "Genes", "Evolution", "Ecology"],
           "start_date": "2031-05-05", "end_date": "2031-05-18", "rest_days": ["sat", "sun"],
           "minutes_per_day": 60, "locale": "en"}
DATES = [f"2031-05-{day:02}" for day in (5, 6, 7, 8, 9, 12, 13, 14, 15, 16)]
LIMITS = {"DRAIN_DELAY": "0", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
          "AI_FIRST_BYTE_TIMEOUT": "1", "AI_SILENCE_TIMEOUT": "1"}


@pytest.fixture(scope="module",
                params=["gemini", pytest.param("openai", marks=pytest.mark.slow)])
def first(request):
    return request.param


@pytest.fixture(scope="module")
def second(first):
    return {"gemini": "openai", "openai": "gemini"}[first]


@pytest.fixture(scope="module")
def ai(stores, stand_in, first, second):
    """Its providers are the stand-in, `first` before `second`."""
    yield from run_deployment(Deployment(stores, {
        **LIMITS, "AI_PROVIDERS": f"{first},{second},builtin", **stand_in.settings()}))


@pytest.fixture(scope="module")
def someone(ai):
    learner = ai.learner()
    yield learner
    learner.close()


@pytest.fixture
def learner(someone, upstream, first, second):
    learner = someone
    yield learner
    # When the fault is over each is used again; here so often that its circuit stays closed.
    for provider, other in ((first, second), (second, first)):
        bad = sum(call["outcome"] != "delivered" for call in upstream.ledger(provider=provider))
        upstream.faults({"fault": "400", "provider": other})
        for _ in range(max(provider == first, bad)):
            assert ask(learner)["provider"] == provider


@pytest.fixture
def forgetting(ai, learner):
    """After the test no key rests and no circuit is open."""
    yield
    ai["planner"].restart()
    ai.wait_ready()


def ask(learner, **fields):
    answer = learner.post("/v1/plans", {**REQUEST, **fields})
    assert answer.status == 201, answer
    return answer.json


def expect_plan(plan, provider):
    assert plan["provider"] == provider and plan["warnings"] == [], plan
    days = [{"date": date, "items": [item for item in plan["items"] if item["date"] == date]}
            for date in sorted({item["date"] for item in plan["items"]})]
    check_plan({"days": days}, {"dates": DATES, "topics": REQUEST["topics"], "minutes_per_day": 60})


def calls_of(learner, upstream):
    """Providers in the order they were asked for the latest plan, by the ledger, with which the
    job's record has to agree."""
    job = learner.get("/v1/jobs?limit=1").json["items"][0]
    ledger = upstream.await_ended(job=job["id"])
    assert [call["mark"] for call in ledger] == \
        [f"{job['id']}:1:{number + 1}" for number in range(len(job["calls"]))]
    assert [call["provider"] for call in ledger] == [call["provider"] for call in job["calls"]]
    for call, recorded in zip(ledger, job["calls"]):
        assert instant(recorded["started_at"]) <= instant(recorded["ended_at"])
        assert recorded["outcome"] in ("answered", "failed")
        assert recorded["outcome"] == "failed" or call["outcome"] == "delivered", (call, recorded)
    return [call["provider"] for call in ledger]


def expect_calls(asked, provider, counts):
    """`counts`: how many there may be, one number or the ends of a range."""
    least, most = counts if isinstance(counts, tuple) else (counts, counts)
    assert asked == [provider] * len(asked) and least <= len(asked) <= most


# fault, calls that it takes when it strikes once, and those of the first provider when it always
# does before the next one is asked (0: the plan is the first provider's all the same). A reset
# may or may not swallow what was sent before it.
FAULTS = [
    ({"fault": "429", "retry_after": 1}, 2, 4), ("500", 2, 4), ("502", 2, 4), ("503", 2, 4),
    ("reset", 2, 4), ("close", 2, 4), ("html", 2, 4), ("empty", 2, 4), ("huge", 2, 4),
    ({"fault": "slow", "delay_ms": 300}, 1, 0), ({"fault": "drip", "bytes": 100}, 1, 0),
    ("fenced", 1, 0), ("leading", 1, 0), ("trailing", 1, 0), ("unfinished", 1, 0),
    ("truncated", 2, 3), ("truncated_body", 2, 3), ("stream_error", 2, 3), ("cut", 2, 3),
    ("reset_middle", 2, (3, 12)), ("stall_middle", 2, 3), ("length", 2, 3), ("prose", 2, 2),
    ("wrong_schema", 2, 2), ("wrong_dates", 2, 2), ("wrong_rest", 2, 2), ("wrong_minutes", 2, 2),
    ("missing_topics", 2, 2),
]
# What asking again would not change, or not soon: the next provider is asked at once.
HOPELESS = ["400", "404", "quota", "invalid_key", "stall", "safety", "blocked",
            {"fault": "429", "retry_after": 30}]
# Those that leave nothing of an answer behind, and what each takes of the last provider.
IN_VAIN = [("500", 4, 4), ("reset", 4, 4), ("stall", 1, 4), ("safety", 1, 1),
           ("wrong_schema", 2, 5), ({"fault": "429", "retry_after": 30}, 1, 1)]


def rule_of(fault, **more):
    return {**({"fault": fault} if isinstance(fault, str) else fault), **more}


def name_of(fault):
    return fault if isinstance(fault, str) else "-".join(str(value) for value in fault.values())


def faults(names, faults):
    return pytest.mark.parametrize(names, faults, ids=[
        name_of(fault[0] if isinstance(fault, tuple) else fault) for fault in faults])


@faults("fault, calls", [(fault, once) for fault, once, _ in FAULTS] + [
    ({"fault": "429", "retry_after": 1, "form": "date"}, 2),
    ({"fault": "429", "form": "none"}, 2)])
def test_fault_that_strikes_once_costs_a_call_at_most(learner, upstream, first, fault, calls):
    upstream.faults(rule_of(fault, provider=first, next=1))
    plan = ask(learner)
    expect_calls(calls_of(learner, upstream), first, calls)
    expect_plan(plan, first)


@faults("fault, calls", [(fault, always) for fault, _, always in FAULTS])
def test_fault_that_stays_is_left_for_the_next_provider(learner, upstream, first, second, fault,
                                                        calls):
    upstream.faults(rule_of(fault, provider=first))
    plan = ask(learner)
    asked = calls_of(learner, upstream)
    if calls:
        assert asked.pop() == second
    expect_calls(asked, first, calls or 1)
    expect_plan(plan, second if calls else first)


@faults("fault", HOPELESS)
def test_next_provider_is_asked_where_asking_again_is_in_vain(learner, upstream, first, second,
                                                              forgetting, fault):
    upstream.faults(rule_of(fault, provider=first))
    plan = ask(learner)
    assert calls_of(learner, upstream) == [first, second]
    expect_plan(plan, second)


@faults("fault, calls, last_calls", IN_VAIN)
def test_learner_has_a_plan_when_all_providers_fail(learner, upstream, first, second, forgetting,
                                                    fault, calls, last_calls):
    upstream.faults(rule_of(fault))
    plan = ask(learner)
    assert calls_of(learner, upstream) == [first] * calls + [second] * last_calls
    assert plan["provider"] == "builtin" and plan["items"]
    assert [warning["code"] for warning in plan["warnings"]] == ["providers_failed"]


@faults("fault", ["truncated", "truncated_body", "cut", "length", "stall_middle", "stream_error"])
def test_days_that_were_complete_are_kept_and_the_rest_is_asked_for(learner, upstream, first,
                                                                    fault):
    whole = ask(learner)
    upstream.forget()
    upstream.faults(rule_of(fault, next=1))
    plan = ask(learner)
    assert [item["title"] for item in plan["items"]] == [item["title"] for item in whole["items"]]
    _, rest = upstream.ledger(provider=first)
    assert rest["completion_tokens"] < 0.8 * whole["usage"]["completion_tokens"]
    assert learner.get("/v1/jobs?limit=1").json["items"][0]["progress"]["days_done"] == len(DATES)


def test_answer_without_an_end_takes_no_memory(ai, learner, upstream, first):
    ask(learner)
    before = ai["planner"].memory_kb("Rss")
    for _ in range(3):
        upstream.faults(rule_of("huge", provider=first, next=4))
        ask(learner)
    if "asan" not in BIN:  # which keeps freed memory for a while
        assert ai["planner"].memory_kb("Rss") < before + 20 * 1024


def test_retry_after_is_waited_for(learner, upstream, first):
    for fault in ("429", "503"):
        upstream.forget()
        upstream.faults({"fault": fault, "retry_after": 2, "provider": first, "next": 1})
        expect_plan(ask(learner), first)
        refused, answered = upstream.ledger()
        assert answered["started"] - refused["ended"] >= 2_000_000


def test_throttled_key_gives_way_to_the_next_one(deploy, upstream):
    app = deploy({**LIMITS, **upstream.settings(gemini="gemini-key-aaaa,gemini-key-bbbb")})
    learner = app.learner()
    upstream.faults({"fault": "429", "key": "gemini-key-aaaa", "retry_after": 30})
    expect_plan(ask(learner), "gemini")
    assert [call["key"] for call in upstream.ledger()] == ["aaaa", "bbbb"]
    upstream.faults({"fault": "invalid_key", "key": "gemini-key-bbbb"})
    expect_plan(ask(learner), "openai")  # the first one rests still
    assert [call["key"] for call in upstream.ledger()[2:]] == ["bbbb", "0001"]


@pytest.fixture
def hasty(deploy, upstream):
    """A learner of a deployment whose jobs may take 5 s, and whose provider needs longer."""
    app = deploy({**LIMITS, "TIMEOUT": "5", **upstream.settings()})
    upstream.faults({"fault": "drip", "bytes": 8, "every_ms": 100})
    return app.learner()


def test_answer_that_drips_for_too_long_is_given_up(hasty, upstream):
    plan = ask(hasty)
    assert plan["provider"] == "builtin"
    assert [warning["code"] for warning in plan["warnings"]] == ["providers_late"]
    call, = upstream.await_ended()
    assert call["outcome"] == "aborted" and call["ended"] - call["started"] < 10_000_000
    job = hasty.get("/v1/jobs").json["items"][0]
    assert job["status"] == "succeeded" and [one["outcome"] for one in job["calls"]] == ["cancelled"]


def test_job_that_ran_out_of_time_is_a_provider_that_failed(hasty, upstream):
    answer = hasty.post("/v1/plans", {**REQUEST, "fallback": False})
    assert (answer.status, answer.code) == (502, "providers-failed")
    assert "5 s" in answer.json["detail"]
    events = Events(hasty, "/v1/plans", {**REQUEST, "fallback": False})
    *_, (_, name, data) = events
    events.close()
    problem = data.get("problem") or data
    assert name == "problem" and (problem["status"], problem["type"]) == \
        (502, "/problems/providers-failed")
    for job in hasty.get("/v1/jobs").json["items"]:
        assert job["status"] == "failed" and job["error"].startswith("deadline: ")
    assert hasty.get("/v1/plans").json["items"] == []
