"""An Idempotency-Key makes a repeated request find what the first one did."""
import threading


def keyed(learner, key, goal="chapters 1-3"):
    return learner.post("/v1/plans", {"goal": goal}, headers={"Idempotency-Key": key})


def test_repeat_answers_the_same_plan_and_says_so(learner):
    first, second = keyed(learner, "k1"), keyed(learner, "k1")
    assert first.status == second.status == 201
    assert first.json == second.json
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
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
