"""What happened, newest first, cached, and never stale after a write."""
import pytest

from process import wait_for

pytestmark = pytest.mark.smoke


def study(learner, subject="Biology", minutes=25, **fields):
    answer = learner.post("/v1/history", {"type": "study", "subject": subject,
                                          "minutes": minutes, **fields})
    assert answer.status == 201, answer
    return answer.json


def settled(learner):
    """The events that other services relay have arrived: the page stays as it is."""
    wait_for(lambda: {"signed_up", "signed_in"} <=
             {event["type"] for event in learner.get("/v1/history").json["items"]},
             10, "the sign-up and sign-in in the history")


def test_write_is_shown_by_the_next_read(learner):
    for minutes in range(1, 21):
        event = study(learner, minutes=minutes)
        assert learner.get("/v1/history").json["items"][0]["id"] == event["id"]


def test_miss_then_hit_then_miss_after_a_write(learner):
    settled(learner)
    study(learner)
    statuses = [learner.get("/v1/history").headers["Cache-Status"] for _ in range(2)]
    assert statuses == ["history; fwd=miss", "history; hit"]
    study(learner)
    assert learner.get("/v1/history").headers["Cache-Status"] == "history; fwd=miss"


def test_events_of_the_other_services_arrive(learner):
    plan = learner.plan()
    learner.patch(f"/v1/plans/{plan['id']}/items/{plan['items'][0]['id']}", {"done": True})
    expected = {"signed_up", "signed_in", "plan_created", "item_done"}
    wait_for(lambda: expected <= {event["type"]
                                  for event in learner.get("/v1/history").json["items"]},
             10, "the events")


def test_unticked_items_event_disappears(learner):
    plan = learner.plan()
    path = f"/v1/plans/{plan['id']}/items/{plan['items'][0]['id']}"
    learner.patch(path, {"done": True})
    done = lambda: learner.get("/v1/history?type=item_done").json["items"]  # noqa: E731
    wait_for(done, 10, "the event")
    learner.patch(path, {"done": False})
    wait_for(lambda: not done(), 10, "its disappearance")


def test_patch_and_delete_are_shown_and_only_for_study(learner):
    event = study(learner)
    path = "/v1/history/" + event["id"]
    assert learner.patch(path, {"minutes": 40}).json["minutes"] == 40
    assert learner.get("/v1/history").json["items"][0]["minutes"] == 40
    assert learner.delete(path).status == 204
    assert event["id"] not in [one["id"] for one in learner.get("/v1/history").json["items"]]
    settled(learner)
    signed_up = learner.get("/v1/history?type=signed_up").json["items"][0]
    assert learner.delete("/v1/history/" + signed_up["id"]).status in (404, 409)


def test_filters_by_type_and_subject(learner):
    study(learner, "Biology")
    study(learner, "화학")
    page = learner.get("/v1/history?type=study&subject=%ED%99%94%ED%95%99").json["items"]
    assert [event["subject"] for event in page] == ["화학"]


def test_pages_by_cursor_show_every_event_once(learner):
    settled(learner)
    written = [study(learner, minutes=n)["id"] for n in range(1, 8)]
    seen, cursor = [], ""
    while cursor is not None:
        page = learner.get("/v1/history?type=study&limit=3&cursor=" + cursor if cursor
                           else "/v1/history?type=study&limit=3").json
        seen += [event["id"] for event in page["items"]]
        cursor = page["next_cursor"]
    assert seen == written[::-1]


def test_summary_counts_by_the_day_of_the_time_zone(learner):
    study(learner, minutes=30, at="2026-03-10T14:59:00Z")  # 23:59 in Seoul
    study(learner, minutes=20, at="2026-03-10T15:01:00Z")  # 00:01 on the 11th
    seoul = learner.get("/v1/history/summary?from=2026-03-10&to=2026-03-11&tz=Asia/Seoul").json
    days = {one["date"]: one["minutes"] for one in seoul["days"]}
    assert (days.get("2026-03-10"), days.get("2026-03-11")) == (30, 20)
    utc = learner.get("/v1/history/summary?from=2026-03-10&to=2026-03-11&tz=UTC").json
    assert {one["date"]: one["minutes"] for one in utc["days"]}.get("2026-03-10") == 50
    assert seoul["total_minutes"] == 50
    assert seoul["subjects"] == [{"subject": "Biology", "minutes": 50}]


def test_activity_today_is_a_streak_of_a_day(learner):
    study(learner)
    assert learner.get("/v1/history/summary").json["streak_days"] == 1


@pytest.mark.parametrize("minutes", [0, 1441, -1, 2.5, "x"])
def test_minutes_out_of_range_are_422(learner, minutes):
    answer = learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": minutes})
    assert (answer.status, answer.code) == (422, "validation")
