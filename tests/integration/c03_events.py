"""What happens to a job is streamed: job, days, plan; and a stream goes on where it broke off."""
import pytest

from events import Events

pytestmark = pytest.mark.smoke

GOAL = {"goal": "chapters 1-6"}


def whole(events):
    assert events.status == 200, events.response.read()
    seen = list(events)
    events.close()
    return seen


def test_post_streams_job_days_and_plan(learner):
    events = Events(learner, "/v1/plans", GOAL)
    job = events.response.headers["Location"]
    seen = whole(events)
    names = [event for _, event, _ in seen]
    assert names[0] == "job" and names[-2:] == ["job", "plan"] and set(names[1:-2]) == {"day"}
    plan = seen[-1][2].get("plan") or seen[-1][2]
    items = [item for _, name, data in seen if name == "day" for item in data["items"]]
    assert [item["id"] for item in items] == [item["id"] for item in plan["items"]]
    last = seen[-2][2].get("job") or seen[-2][2]
    assert last["status"] == "succeeded" and last["timing"]["total_ms"] >= 0
    assert job == f"/v1/jobs/{last['id']}"
    assert learner.get(f"/v1/plans/{plan['id']}").status == 200


def test_stream_goes_on_behind_each_id(learner):
    first = whole(Events(learner, "/v1/plans", GOAL))
    job = learner.get("/v1/jobs").json["items"][0]["id"]
    for at in (0, 1, len(first) // 2, len(first) - 2):
        again = whole(Events(learner, f"/v1/jobs/{job}/events",
                             headers={"Last-Event-ID": first[at][0]}))
        rest = [one for one in first[at + 1:] if one[1] == "day"]
        assert [one for one in again if one[1] == "day"] == rest
        assert again[-1][1] == "plan" and [one[1] for one in again].count("job") == 1
    end = Events(learner, f"/v1/jobs/{job}/events", headers={"Last-Event-ID": first[-1][0]})
    assert end.status == 204
    assert whole(Events(learner, f"/v1/jobs/{job}/events"))[-1][2] == first[-1][2]


def test_events_of_another_learners_job_are_not_found(app, learner):
    learner.plan()
    job = learner.get("/v1/jobs").json["items"][0]["id"]
    assert Events(app.learner(), f"/v1/jobs/{job}/events").status == 404
