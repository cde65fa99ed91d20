"""A plan is made by a job: it can be waited for, looked at, listed and cancelled."""
import pytest

from client import instant
from process import wait_for

pytestmark = pytest.mark.smoke

ASYNC = {"Prefer": "respond-async"}


def ended(learner, job):
    def look():
        answer = learner.get(f"/v1/jobs/{job}").json
        return answer if answer["finished_at"] else None
    return wait_for(look, 20, "the job's end")


def test_respond_async_is_202_with_the_job_and_its_place(learner):
    answer = learner.post("/v1/plans", {"goal": "chapters 1-6"}, headers=ASYNC)
    assert answer.status == 202 and answer.headers["Preference-Applied"] == "respond-async"
    job = answer.json
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert job["kind"] == "plan" and job["status"] in ("queued", "running", "succeeded")
    job = ended(learner, job["id"])
    assert job["status"] == "succeeded" and job["attempts"] == 1 and job["error"] is None
    assert job["progress"]["days_done"] == job["progress"]["days_total"] > 0
    plan = learner.get(f"/v1/plans/{job['plan_id']}")
    assert plan.status == 200 and plan.json["items"]


def test_jobs_are_listed_newest_first_and_by_status(learner):
    for _ in range(3):
        learner.plan()
    page = learner.get("/v1/jobs?limit=2").json
    rest = learner.get(f"/v1/jobs?limit=2&cursor={page['next_cursor']}").json
    jobs = page["items"] + rest["items"]
    assert len(jobs) == 3 and rest["next_cursor"] is None
    assert [job["created_at"] for job in jobs] == \
        sorted((job["created_at"] for job in jobs), key=instant, reverse=True)
    assert len(learner.get("/v1/jobs?status=succeeded").json["items"]) == 3
    assert learner.get("/v1/jobs?status=failed").json["items"] == []
    assert learner.get("/v1/jobs?status=never").status == 422


def test_another_learners_job_is_not_found(app, learner):
    learner.plan()
    job = learner.get("/v1/jobs").json["items"][0]["id"]
    other = app.learner()
    assert other.get(f"/v1/jobs/{job}").status == 404
    assert other.delete(f"/v1/jobs/{job}").status == 404
    assert other.get("/v1/jobs").json["items"] == []


def test_finished_job_cannot_be_cancelled(learner):
    learner.plan()
    job = learner.get("/v1/jobs").json["items"][0]["id"]
    answer = learner.delete(f"/v1/jobs/{job}")
    assert (answer.status, answer.code) == (409, "conflict")


def test_key_of_a_job_that_was_answered_with_202_finds_its_plan(learner):
    keyed = {"Idempotency-Key": "k", **ASYNC}
    job = learner.post("/v1/plans", {"goal": "chapters 1-3"}, headers=keyed).json["id"]
    ended(learner, job)
    again = learner.post("/v1/plans", {"goal": "chapters 1-3"}, headers={"Idempotency-Key": "k"})
    assert again.status == 201 and again.headers["Idempotency-Replayed"] == "true"
    assert again.json["id"] == learner.get(f"/v1/jobs/{job}").json["plan_id"]
    assert len(learner.get("/v1/plans").json["items"]) == 1


def test_plans_that_a_key_answers_stay_as_they_were(learner):
    keyed = {"Idempotency-Key": "k"}
    first = learner.post("/v1/plans", {"goal": "chapters 1-3"}, headers=keyed)
    learner.delete(f"/v1/plans/{first.json['id']}")
    again = learner.post("/v1/plans", {"goal": "chapters 1-3"}, headers=keyed)
    assert again.status == 201 and again.json == first.json


def test_without_a_provider_and_without_fallback_it_is_502_and_a_dead_letter(app, learner):
    key = {"Idempotency-Key": "f"}
    body = {"goal": "chapters 1-3", "fallback": False}
    answer = learner.post("/v1/plans", body, headers=key)
    assert (answer.status, answer.code) == (502, "providers-failed")
    again = learner.post("/v1/plans", body, headers=key)
    assert again.status == 502 and "Idempotency-Replayed" not in again.headers
    jobs = learner.get("/v1/jobs?status=failed").json["items"]
    assert len(jobs) == 2 and jobs[0]["error"].startswith("providers-failed: ")
    assert learner.get("/v1/plans").json["items"] == []
    assert learner.get("/v1/users/me/quota").json["plans"]["used"] == 0


def test_operator_lists_shows_replays_and_purges_jobs(app, learner):
    learner.post("/v1/plans", {"goal": "x", "fallback": False})
    learner.plan()
    failed = learner.get("/v1/jobs?status=failed").json["items"][0]["id"]
    made = learner.get("/v1/jobs?status=succeeded").json["items"][0]["id"]
    listed = app.command("planner", "jobs", "list", "failed").stdout
    assert failed in listed and made not in listed
    assert "failure\tproviders-failed" in app.command("planner", "jobs", "show", failed).stdout
    assert app.command("planner", "jobs", "replay", made, check=False).returncode == 1
    app.command("planner", "jobs", "replay", failed)
    job = ended(learner, failed)
    assert job["status"] == "failed" and job["attempts"] == 1
    assert int(app.command("planner", "jobs", "purge", "1").stdout) == 0
    assert int(app.command("planner", "jobs", "purge", "0").stdout) >= 2
    assert learner.get("/v1/jobs").json["items"] == []
    assert len(learner.get("/v1/plans").json["items"]) == 1


def test_export_has_the_jobs(learner):
    plan = learner.plan()
    export = learner.get("/v1/users/me/export").json
    assert [job["status"] for job in export["jobs"]] == ["succeeded"]
    assert export["jobs"][0]["plan_id"] == plan["id"] == export["plans"][0]["id"]
    assert export["usage"]["prompt_tokens"] == 0
