"""Jobs that failed for good are dead letters, which the operator looks at, replays and purges."""
import pytest

from conftest import run_deployment
from deployment import Deployment
from process import wait_for

pytestmark = pytest.mark.disturbs
GOAL = {"goal": "Biology chapters 1-6", "locale": "en", "fallback": False}
SETTINGS = {"DRAIN_DELAY": "0", "USER_DAILY_PLANS": "5", "AI_PROVIDERS": "gemini,builtin"}
COLUMNS = ["id", "status", "created", "user", "attempts", "failure"]


@pytest.fixture(scope="module")
def app(stores, stand_in):
    yield from run_deployment(Deployment(stores, {**SETTINGS, **stand_in.settings()}))


@pytest.fixture
def learner(app, upstream):
    learner = app.learner()
    yield learner
    learner.close()


def jobs(app, *words, check=True):
    return app.command("planner", "jobs", *words, check=check)


def listed(app, *words):
    lines = [line.split("\t") for line in jobs(app, "list", *words).stdout.splitlines()]
    assert all(len(line) == len(COLUMNS) for line in lines), lines
    return {line[0]: dict(zip(COLUMNS, line)) for line in lines}


def shown(app, job):
    """The fields of a job as a dict, and its calls as lists."""
    lines = [line.split("\t") for line in jobs(app, "show", job).stdout.splitlines()]
    return ({line[0]: line[1:] for line in lines if not line[0].startswith("call ")},
            [line[1:] for line in lines if line[0].startswith("call ")])


def await_end(learner, job):
    def look():
        answer = learner.get(f"/v1/jobs/{job}").json
        return answer.get("finished_at") and answer
    return wait_for(look, 60, "the job's end")


def quota(learner):
    quota = learner.get("/v1/users/me/quota").json
    return quota["plans"]["used"], quota["tokens"]["used"]


def dead_letter(learner, upstream):
    upstream.faults("400")
    answer = learner.post("/v1/plans", GOAL)
    assert (answer.status, answer.code) == (502, "providers-failed")
    return learner.get("/v1/jobs?limit=1").json["items"][0]["id"]


def test_dead_letter_is_listed_shown_and_replayed_to_a_plan(app, learner, upstream):
    job = dead_letter(learner, upstream)
    row = listed(app, "failed")[job]
    assert row["failure"] == "providers-failed" and row["attempts"] == "1"
    assert row["user"] == learner.user["id"]
    fields, calls = shown(app, job)
    assert fields["status"] == ["failed"] and fields["finished"] != ["-"]
    assert fields["failure"][0] == "providers-failed" and "400" in fields["failure"][1]
    provider, model, attempt, outcome, *_, why = calls[0]
    assert (provider, attempt, outcome) == ("gemini", "attempt 1", "failed") and "400" in why
    assert quota(learner) == (0, 0)
    upstream.faults()
    jobs(app, "replay", job)
    done = await_end(learner, job)
    assert done["status"] == "succeeded" and done["error"] is None and done["attempts"] == 1
    assert [call["outcome"] for call in done["calls"]] == ["failed", "answered"]
    plan = learner.get(f"/v1/plans/{done['plan_id']}").json
    assert plan["provider"] == "gemini" and plan["items"]
    usage = plan["usage"]["prompt_tokens"] + plan["usage"]["completion_tokens"]
    assert quota(learner) == (1, usage)
    assert job not in listed(app, "failed") and listed(app, "succeeded")[job]["failure"] == ""
    assert jobs(app, "replay", job, check=False).returncode == 1
    marks = [call["mark"] for call in upstream.ledger(job=job)]
    assert len(marks) == len(set(marks)) == 2


def test_dead_letter_that_fails_again_is_one_still_and_costs_nothing(app, learner, upstream):
    learner.expect(201, learner.post("/v1/plans", {**GOAL, "fallback": True}))
    job, before = dead_letter(learner, upstream), quota(learner)
    for _ in range(3):
        jobs(app, "replay", job)
        assert await_end(learner, job)["status"] == "failed"
    assert quota(learner) == before and before[0] == 1
    assert listed(app, "failed")[job]["failure"] == "providers-failed"
    assert len(shown(app, job)[1]) == 4


def test_job_whose_calls_were_lost_can_be_replayed(app, learner, upstream):
    upstream.faults("hold")
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    for attempt in (1, 2):
        wait_for(lambda: len(upstream.ledger(job=job)) == attempt, 60, f"call {attempt}")
        app["planner"].kill9()
        app.revive("planner")
        app.wait_ready()
    wait_for(lambda: job in listed(app, "failed"), 60, "the dead letter")
    assert [call[3] for call in shown(app, job)[1]] == ["unknown", "unknown"]
    upstream.faults()
    jobs(app, "replay", job)
    done = await_end(learner, job)
    assert done["status"] == "succeeded"
    assert [call["outcome"] for call in done["calls"]] == ["unknown", "unknown", "answered"]
    assert learner.get(f"/v1/plans/{job}").json["provider"] == "gemini"


def test_many_jobs_are_listed_and_only_finished_ones_are_purged(app, learner, upstream):
    upstream.faults({"fault": "400", "next": 120})
    many = [app.learner() for _ in range(24)]
    for number in range(120):
        answer = many[number % 24].post("/v1/plans", {**GOAL, "fallback": number % 2 == 0})
        assert answer.status == (201 if number % 2 == 0 else 502), answer
    failed = listed(app, "failed")
    assert len(failed) >= 60 and len(listed(app)) >= 120
    assert list(listed(app)) == sorted(listed(app))
    upstream.faults("hold")
    job = learner.post("/v1/plans", GOAL, headers={"Prefer": "respond-async"}).json["id"]
    upstream.await_held(1)
    assert list(listed(app, "running")) == [job]
    assert jobs(app, "purge", "1").stdout.strip() == "0"
    assert int(jobs(app, "purge", "0").stdout) >= 120
    assert list(listed(app)) == [job]
    assert many[0].get("/v1/jobs").json["items"] == []
    assert len(many[0].get("/v1/plans").json["items"]) == 5
    upstream.release()
    assert await_end(learner, job)["status"] == "succeeded"


@pytest.mark.parametrize("words", [
    ["list", "dead"], ["list", "failed", "x"], ["show"], ["show", "nobody"], ["replay"],
    ["replay", "nobody"], ["purge"], ["purge", "-1"], ["purge", "x"], ["purge", "1x"],
    ["purge", "9999999999999999"], ["bury"]])
def test_wrong_command_is_refused_in_a_line(app, words):
    run = jobs(app, *words, check=False)
    assert run.returncode != 0 and run.stdout == "" and run.stderr
    if words != ["bury"]:
        assert len(run.stderr.splitlines()) == 1 and f"jobs {words[0]}" in run.stderr
