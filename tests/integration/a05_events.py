"""What the gateway does for jobs and streams of events, whatever there is in them."""
import http.client
import json

import pytest


def test_no_jobs_is_an_empty_page(learner):
    assert learner.get("/v1/jobs").json == {"items": [], "next_cursor": None}
    assert learner.get("/v1/jobs?status=queued").json["items"] == []


@pytest.mark.parametrize("query", ["status=sleeping", "limit=0", "limit=101"])
def test_a_malformed_parameter_of_the_list_is_422(learner, query):
    answer = learner.get("/v1/jobs?" + query)
    assert (answer.status, answer.code) == (422, "validation")
    assert answer.json["errors"][0]["parameter"] == query.split("=")[0]


@pytest.mark.parametrize("method, path", [("GET", "/v1/jobs/nobody"), ("DELETE", "/v1/jobs/nobody"),
                                          ("GET", "/v1/jobs/nobody/events"),
                                          ("GET", "/v1/jobs/no.id/events")])
def test_an_unknown_job_is_404(learner, method, path):
    answer = learner.request(method, path)
    assert (answer.status, answer.code) == (404, "not-found")


def test_events_come_as_nothing_but_events(learner):
    answer = learner.get("/v1/jobs/nobody/events", headers={"Accept": "application/json"})
    assert (answer.status, answer.code) == (406, "not-acceptable")
    assert "text/event-stream" in answer.json["detail"]
    for accepted in ("text/event-stream", "text/*;q=0.1", "*/*"):
        answer = learner.get("/v1/jobs/nobody/events", headers={"Accept": accepted})
        assert answer.status == 404, accepted


def test_a_plan_is_json_or_events(learner):
    answer = learner.post("/v1/plans", {"goal": "x"}, headers={"Accept": "text/html"})
    assert (answer.status, answer.code) == (406, "not-acceptable")
    for accepted in ("application/json", "*/*", "text/event-stream;q=0.9, application/json"):
        answer = learner.post("/v1/plans", {"goal": "x"}, headers={"Accept": accepted})
        assert answer.status == 201 and answer.json["goal"] == "x", accepted
        assert "Accept" in answer.headers["Vary"]


def test_events_need_a_session(client):
    answer = client.get("/v1/jobs/nobody/events", headers={"Accept": "text/event-stream"})
    assert (answer.status, answer.code) == (401, "unauthenticated")


def test_the_description_knows_both_answers_of_a_plan(client):
    responses = client.get("/openapi.json").json["paths"]["/v1/plans"]["post"]["responses"]
    assert set(responses) >= {"200", "201", "202"}
    assert set(responses["200"]["content"]) == {"text/event-stream"}


def test_preferences_that_mean_nothing_are_ignored(learner):
    connection = http.client.HTTPConnection("127.0.0.1", learner.port)
    connection.putrequest("POST", "/v1/plans")
    body = json.dumps({"goal": "chapters 1-3"}).encode()
    for name, value in (("Authorization", "Bearer " + learner.token), ("Prefer", "wait=soon"),
                        ("Prefer", "handling=lenient; x=\"respond-async\""), ("Prefer", ","),
                        ("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    assert response.status == 201 and json.loads(response.read())["goal"] == "chapters 1-3"
    assert response.headers["Preference-Applied"] is None
    connection.close()
