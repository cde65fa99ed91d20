"""An Idempotency-Key makes a repeated request find what the first one did."""
import threading

import pytest


def keyed(learner, key, goal="chapters 1-3"):
    return learner.post("/v1/plans", {"goal": goal}, headers={"Idempotency-Key": key})


def test_repeat_answers_the_same_plan_and_says_so(learner):
    first, second = keyed(learner, "k1"), keyed(learner, "k1")
    assert first.status == second.status == 201
    assert first.json == second.json
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    for name in ("ETag", "Location", "RateLimit-Policy", "RateLimit", "Content-Type"):
        assert second.headers[name].split(";t=")[0] == first.headers[name].split(";t=")[0], name
    path = "/v1/plans/" + first.json["id"]
    assert learner.get(path).headers["ETag"] == first.headers["ETag"]
    assert learner.patch(path, {"subject": "x"}).status == 200
    assert keyed(learner, "k1").headers["ETag"] == first.headers["ETag"]
    assert len(learner.get("/v1/plans").json["items"]) == 1


def test_another_body_under_the_same_key_is_422(learner):
    keyed(learner, "k1")
    answer = keyed(learner, "k1", goal="something else")
    assert (answer.status, answer.code) == (422, "idempotency-key-reused")


def test_key_is_the_users_own(app, learner):
    other = app.learner()
    assert keyed(learner, "k1").json["id"] != keyed(other, "k1").json["id"]


def test_ten_at_once_make_one_plan(app, learner):
    answers = []

    def run():
        client = app.client()
        client.token = learner.token
        answers.append(keyed(client, "k1"))

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 10
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(learner.get("/v1/plans").json["items"]) == 1


def test_history_write_is_repeated_once(learner):
    body = {"type": "study", "subject": "Biology", "minutes": 25}
    first = learner.post("/v1/history", body, headers={"Idempotency-Key": "h1"})
    second = learner.post("/v1/history", body, headers={"Idempotency-Key": "h1"})
    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] == second.json["id"]


def test_a_refusal_is_kept_and_the_key_belongs_to_that_body(learner):
    key = {"Idempotency-Key": "refused"}
    body = {"goal": "x", "start_date": "2026-03-02", "end_date": "2026-03-01"}
    first = learner.post("/v1/plans", body, headers=key)
    assert (first.status, first.code) == (422, "validation")
    again = learner.post("/v1/plans", body, headers=key)
    assert again.status == 422 and again.headers["Idempotency-Replayed"] == "true"
    assert again.json["errors"] == first.json["errors"]
    other = learner.post("/v1/plans", {"goal": "x"}, headers=key)
    assert (other.status, other.code) == (422, "idempotency-key-reused")


EVENT = {"type": "study", "subject": "Biology", "minutes": 25}


@pytest.mark.parametrize("path, body, good", [
    ("/v1/plans", {"goal": ""}, {"goal": "x"}),
    ("/v1/plans", {"goal": "x", "minutes_per_day": 4}, {"goal": "x", "minutes_per_day": 5}),
    ("/v1/plans", {"goal": "x", "minutes_per_day": -4}, {"goal": "x", "minutes_per_day": -5}),
    ("/v1/plans", {"goal": "x", "nope": 1}, {"goal": "x", "nope": 2}),
    ("/v1/plans", {"goal": "x", "level": "x"}, {"goal": "x"}),
    ("/v1/history", {**EVENT, "minutes": 0}, EVENT),
    ("/v1/history", {**EVENT, "subject": 7}, {**EVENT, "subject": 8}),
    ("/v1/history", {**EVENT, "at": "2999-01-01T00:00:00Z"}, EVENT),
    ("/v1/voice/turns", {"text": ""}, {"text": "hello"}),
    ("/v1/voice/turns?locale=xx", {"text": "hello"}, {"text": "hallo"}),
    ("/v1/voice/turns", {"text": "hello", "locale": "en"}, {"text": "hello"}),
], ids=range(11))
def test_a_refusal_by_the_rules_is_kept_too(learner, path, body, good):
    key = {"Idempotency-Key": "refused"}
    first = learner.post(path, body, headers=key)
    assert (first.status, first.code) == (422, "validation")
    assert "Idempotency-Replayed" not in first.headers
    again = learner.post(path, body, headers=key)
    assert (again.status, again.code) == (422, "validation")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["errors"] == first.json["errors"] and again.json["errors"]
    assert again.json["detail"] == first.json["detail"]
    other = learner.post(path, good, headers=key)
    assert (other.status, other.code) == (422, "idempotency-key-reused")
    assert "errors" not in other.json


def test_malformed_json_is_kept_and_a_good_request_wins_over_a_later_bad_one(learner):
    headers = {"Idempotency-Key": "bad", "Content-Type": "application/json"}
    first, again = (learner.post("/v1/history", b"{", headers=headers) for _ in range(2))
    assert (first.status, again.status) == (400, 400)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json["detail"] == first.json["detail"]
    headers["Idempotency-Key"] = "good"
    assert learner.post("/v1/history", EVENT, headers=headers).status == 201
    for body in ({**EVENT, "minutes": 0}, {**EVENT, "minutes": "x"},
                 {**EVENT, "at": "2999-01-01T00:00:00Z"}, b"{"):
        answer = learner.post("/v1/history", body, headers=headers)
        assert (answer.status, answer.code) == (422, "idempotency-key-reused")


def test_a_refusal_is_kept_for_who_wants_a_stream_too(learner):
    headers = {"Idempotency-Key": "stream", "Accept": "text/event-stream"}
    for body, replayed in (({"goal": ""}, None), ({"goal": ""}, "true")):
        answer = learner.post("/v1/plans", body, headers=headers)
        assert (answer.status, answer.code) == (422, "validation")
        assert answer.headers["Idempotency-Replayed"] == replayed
    for body in ({"goal": "x"}, {"goal": 1}):
        answer = learner.post("/v1/plans", body, headers=headers)
        assert (answer.status, answer.code) == (422, "idempotency-key-reused"), body
