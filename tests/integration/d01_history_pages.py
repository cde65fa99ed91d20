"""Pages, summaries and repeated writes of the history, where they are easily wrong."""
import datetime
import threading

import pytest

from process import wait_for

SEOUL = datetime.timezone(datetime.timedelta(hours=9))


def study(learner, minutes=25, subject="Biology", **fields):
    answer = learner.post("/v1/history", {"type": "study", "subject": subject,
                                          "minutes": minutes, **fields})
    assert answer.status == 201, answer
    return answer.json


def day(days_ago):
    return (datetime.datetime.now(SEOUL) - datetime.timedelta(days=days_ago)).date()


def noon(days_ago):
    return f"{day(days_ago)}T12:00:00+09:00"


def test_event_has_the_fields_of_the_contract(learner):
    event = study(learner, note="세포 분열", at="2026-03-10T09:30:00+09:00")
    assert event == {"id": event["id"], "type": "study", "at": "2026-03-10T00:30:00Z",
                     "subject": "Biology", "minutes": 25, "note": "세포 분열", "ref": None}


@pytest.mark.parametrize("limit", [1, 5, 19, 20, 21, 100])
def test_every_limit_shows_the_newest_and_goes_on_behind(learner, limit):
    ids = [study(learner, subject="p", minutes=n + 1,
                 at=f"2026-03-{10 + n // 10:02}T{n % 10:02}:00:00Z")["id"] for n in range(25)][::-1]
    for _ in range(2):  # from the database, then from the cache
        page = learner.get(f"/v1/history?limit={limit}&subject=p").json
        assert [event["id"] for event in page["items"]] == ids[:limit]
    whole = [event["id"] for event in learner.get("/v1/history?limit=100").json["items"]]
    for _ in range(2):
        page = learner.get(f"/v1/history?limit={limit}").json
        assert [event["id"] for event in page["items"]] == whole[:limit]
        assert (page["next_cursor"] is None) == (limit >= len(whole))
    if page["next_cursor"]:
        rest = learner.get(f"/v1/history?limit=100&cursor={page['next_cursor']}").json
        assert [event["id"] for event in rest["items"]] == whole[limit:]


def test_cursor_is_stable_while_events_are_added(learner):
    for n in range(6):
        study(learner, minutes=n + 1)
    first = learner.get("/v1/history?limit=3").json
    expected = [event["id"] for event in learner.get("/v1/history?limit=100").json["items"]][3:]
    study(learner, minutes=50)
    rest = learner.get(f"/v1/history?limit=100&cursor={first['next_cursor']}").json
    assert [event["id"] for event in rest["items"]] == expected


def test_a_cursor_belongs_to_the_filters_it_was_made_with(learner):
    for minute in range(3):
        learner.post("/v1/history", {"type": "study", "subject": "Latin", "minutes": 5,
                                     "at": f"2026-01-02T03:0{minute}:00Z"})
    queries = ["", "type=study", "type=item_done", "subject=Latin", "subject=latin", "from=2026-01-01",
               "to=2026-01-31", "from=2026-01-01&to=2026-01-31", "type=study&subject=Latin"]
    for query in ("", "type=study", "subject=Latin", "from=2026-01-01&to=2026-01-31"):
        cursor = learner.get(f"/v1/history?limit=1&{query}").json["next_cursor"]
        for other in queries:
            answer = learner.get(f"/v1/history?limit=2&{other}&cursor={cursor}")
            assert answer.status == (200 if other == query else 422), (query, other)
            if other != query:
                assert [error["parameter"] for error in answer.json["errors"]] == ["cursor"]


def test_edited_cursor_is_422(learner):
    for n in range(3):
        study(learner)
    cursor = learner.get("/v1/history?limit=1").json["next_cursor"]
    edited = cursor[:-3] + ("AAA" if not cursor.endswith("AAA") else "BBB")
    for bad in (edited, cursor[1:], cursor + "A", "0"):
        answer = learner.get("/v1/history?cursor=" + bad)
        assert (answer.status, answer.code) == (422, "validation"), bad


def test_days_of_the_filter_are_the_users(learner):
    late = study(learner, at="2026-03-10T14:59:59.999Z")   # the 10th in Seoul
    early = study(learner, at="2026-03-10T15:00:00Z")      # the 11th
    ids = lambda query: [e["id"] for e in learner.get("/v1/history?" + query).json["items"]]  # noqa: E731
    assert ids("from=2026-03-10&to=2026-03-10") == [late["id"]]
    assert ids("from=2026-03-11&to=2026-03-11") == [early["id"]]
    assert ids("from=2026-03-10&to=2026-03-11") == [early["id"], late["id"]]
    assert learner.get("/v1/history?from=2026-03-11&to=2026-03-10").status == 422
    assert learner.get("/v1/history?from=2026-02-30").status == 422


def test_another_users_event_is_404(app, learner):
    event = study(learner)
    other = app.learner()
    assert other.patch("/v1/history/" + event["id"], {"minutes": 1}).status == 404
    assert other.delete("/v1/history/" + event["id"]).status == 404
    assert learner.get("/v1/history").json["items"][0]["minutes"] == 25


@pytest.mark.parametrize("at", ["2099-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "yesterday",
                                "2026-03-10"])
def test_absurd_times_are_422(learner, at):
    answer = learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": 1, "at": at})
    assert (answer.status, answer.code) == (422, "validation")
    assert answer.json["errors"][0]["pointer"] == "/at"


def test_note_is_cleared_by_null_and_kept_when_absent(learner):
    event = study(learner, note="first")
    path = "/v1/history/" + event["id"]
    assert learner.patch(path, {"subject": "수학"}).json["note"] == "first"
    assert learner.patch(path, {"note": None}).json["note"] is None
    assert learner.get("/v1/history").json["items"][0]["subject"] == "수학"


def test_only_the_rest_of_the_same_key_is_repeated(learner):
    body = {"type": "study", "subject": "Biology", "minutes": 25}
    first = learner.post("/v1/history", body, headers={"Idempotency-Key": "k"})
    again = learner.post("/v1/history", body, headers={"Idempotency-Key": "k"})
    assert again.json == first.json and again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    other = learner.post("/v1/history", {**body, "minutes": 26}, headers={"Idempotency-Key": "k"})
    assert (other.status, other.code) == (422, "idempotency-key-reused")
    assert len(learner.get("/v1/history?type=study").json["items"]) == 1


def test_twenty_equal_writes_at_once_are_one(app, learner):
    answers = []

    def write():
        client = app.client()
        client.token = learner.token
        answers.append(client.post("/v1/history", {"type": "study", "subject": "x", "minutes": 3},
                                   headers={"Idempotency-Key": "once"}))
        client.close()

    threads = [threading.Thread(target=write) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 20
    assert len({answer.json["id"] for answer in answers}) == 1
    assert len(learner.get("/v1/history?type=study").json["items"]) == 1


@pytest.mark.parametrize("at", ["1988-05-01T00:00:00Z", "1960-01-01T00:00:00Z", "yesterday",
                                "1999-12-31T23:59:59Z"])
def test_a_time_that_cannot_be_is_refused_in_the_same_words(learner, at):
    body = {"type": "study", "subject": "x", "minutes": 1}
    answer = learner.post("/v1/history", {**body, "at": at})
    assert answer.status == 422
    assert answer.json["errors"] == [
        {"pointer": "/at", "detail": "must be a time as in RFC 3339, from 2000 on"}]
    assert learner.post("/v1/history", {**body, "at": "2000-01-01T00:00:00Z"}).status == 201


def test_plus_in_the_name_of_a_zone_need_not_be_encoded(learner):
    learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": 9,
                                 "at": "2026-03-10T11:00:00Z"})  # at UTC-12: on the day before
    for zone in ("Etc/GMT+12", "Etc/GMT%2B12"):
        answer = learner.get("/v1/history/summary?from=2026-03-09&to=2026-03-10&tz=" + zone)
        assert answer.status == 200, answer
        assert [one["minutes"] for one in answer.json["days"]] == [9, 0]
    assert learner.get("/v1/history/summary?tz=Etc/GMT-12").status == 200


def test_summary_has_every_day_of_its_range(learner):
    summary = learner.get("/v1/history/summary").json
    assert [one["date"] for one in summary["days"]] == [str(day(n)) for n in range(29, -1, -1)]
    assert learner.get("/v1/history/summary?from=2025-01-01&to=2026-01-01").status == 200
    for bad in ("from=2025-01-01&to=2026-01-02", "from=2026-03-02&to=2026-03-01", "tz=Mars/X"):
        assert learner.get("/v1/history/summary?" + bad).status == 422, bad


def test_summary_across_a_change_of_the_clock(learner):
    # New York, 2026-03-08: the day has 23 hours; 2025-11-02 has 25.
    for at, minutes in (("2026-03-08T04:59:00Z", 1), ("2026-03-08T05:00:00Z", 2),
                        ("2026-03-09T03:59:00Z", 4), ("2026-03-09T04:00:00Z", 8),
                        ("2025-11-02T03:59:00Z", 16), ("2025-11-02T04:00:00Z", 32),
                        ("2025-11-03T04:59:00Z", 64), ("2025-11-03T05:00:00Z", 128)):
        study(learner, minutes, at=at)
    days = {one["date"]: one["minutes"] for one in learner.get(
        "/v1/history/summary?from=2025-11-01&to=2026-03-10&tz=America/New_York").json["days"]}
    assert [days[date] for date in ("2026-03-07", "2026-03-08", "2026-03-09")] == [1, 6, 8]
    assert [days[date] for date in ("2025-11-01", "2025-11-02", "2025-11-03")] == [16, 96, 128]


def test_streak_may_end_yesterday(learner):
    for days_ago in (1, 2, 3, 5):
        study(learner, at=noon(days_ago))
    assert learner.get("/v1/history/summary").json["streak_days"] == 3
    event = study(learner)
    assert learner.get("/v1/history/summary").json["streak_days"] == 4
    study(learner, at=noon(4))
    assert learner.get("/v1/history/summary").json["streak_days"] == 6
    learner.delete("/v1/history/" + event["id"])
    assert learner.get("/v1/history/summary").json["streak_days"] == 5


def test_streak_is_that_of_today_whatever_the_range(learner):
    for days_ago in range(1, 41):
        study(learner, at=noon(days_ago))
    study(learner, at=noon(42))
    for dates in ("", f"from={day(0)}&to={day(0)}", f"from={day(7)}", f"from={day(60)}",
                  f"from={day(60)}&to={day(50)}", f"from={day(3)}&to={day(-3)}",
                  f"from={day(-2)}&to={day(-2)}"):
        assert learner.get("/v1/history/summary?" + dates).json["streak_days"] == 40, dates
    study(learner)
    assert learner.get("/v1/history/summary").json["streak_days"] == 41
    assert learner.get(f"/v1/history/summary?from={day(0)}").json["streak_days"] == 41


def test_any_activity_but_signing_in_makes_a_streak(learner):
    study(learner, at=noon(1))
    learner.sign_in()
    wait_for(lambda: learner.get("/v1/history?type=signed_in").json["items"], 20, "signed_in")
    assert learner.get("/v1/history/summary").json["streak_days"] == 1
    learner.plan()
    wait_for(lambda: learner.get("/v1/history?type=plan_created").json["items"], 20, "plan_created")
    summary = learner.get("/v1/history/summary").json
    assert (summary["streak_days"], summary["days"][-1]["minutes"]) == (2, 0)


def test_subjects_add_up_to_the_total(learner):
    for minutes, subject in ((10, "수학"), (20, "Biology"), (5, "수학"), (1, "math"), (1, "Math")):
        study(learner, minutes, subject)
    summary = learner.get("/v1/history/summary").json
    assert summary["subjects"][:2] == [{"subject": "Biology", "minutes": 20},
                                       {"subject": "수학", "minutes": 15}]
    assert sum(one["minutes"] for one in summary["subjects"]) == summary["total_minutes"] == 37
