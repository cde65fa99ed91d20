"""Plans by the built-in planner: what a teacher would accept."""
import datetime
import re

import icalendar
import pytest

pytestmark = pytest.mark.smoke

TODAY = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=9))).date()


def day(offset):
    return (TODAY + datetime.timedelta(days=offset)).isoformat()


def weekday(date):
    return ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[
        datetime.date.fromisoformat(date).weekday()]


def check_plan(plan):
    """The rules that every plan keeps."""
    minutes = {}
    for item in plan["items"]:
        assert plan["start_date"] <= item["date"] <= plan["end_date"], item
        assert weekday(item["date"]) not in plan["rest_days"], item
        assert item["kind"] in ("study", "review", "test") and item["title"], item
        assert item["plan_id"] == plan["id"], item
        minutes[item["date"]] = minutes.get(item["date"], 0) + item["minutes"]
    assert max(minutes.values()) <= plan["minutes_per_day"], minutes
    dates = [item["date"] for item in plan["items"]]
    assert dates == sorted(dates)


def test_six_weeks_with_two_rest_days(learner):
    plan = learner.plan(goal="Biology chapters 1-12", subject="Biology", start_date=day(0),
                        end_date=day(41), minutes_per_day=60, rest_days=["sat", "sun"],
                        locale="en")
    check_plan(plan)
    assert (plan["provider"], plan["rest_days"]) == ("builtin", ["sat", "sun"])
    assert plan["usage"] == {"prompt_tokens": 0, "completion_tokens": 0}
    titles = [item["title"] for item in plan["items"] if item["kind"] == "study"]
    for chapter in range(1, 13):
        assert any(re.search(rf"\b{chapter}\b", title) for title in titles), chapter
    assert {"study", "review", "test"} == {item["kind"] for item in plan["items"]}


def test_korean_range_in_the_goal(learner):
    plan = learner.plan(goal="수학 1~12단원", start_date=day(0), end_date=day(41))
    check_plan(plan)
    titles = " ".join(item["title"] for item in plan["items"])
    assert all(f"{unit}단원" in titles for unit in range(1, 13)), titles


def test_every_topic_is_covered(learner):
    topics = ["cells", "genes", "진화", "ecology"]
    plan = learner.plan(goal="Biology", topics=topics, end_date=day(20))
    check_plan(plan)
    for topic in topics:
        assert any(topic in item["title"] for item in plan["items"]), topic


def test_same_request_makes_the_same_schedule(learner):
    fields = {"goal": "chapters 1-8", "start_date": day(0), "end_date": day(27)}
    one, two = learner.plan(**fields), learner.plan(**fields)
    keep = ("date", "title", "minutes", "kind")
    assert [[item[key] for key in keep] for item in one["items"]] == \
        [[item[key] for key in keep] for item in two["items"]]


def test_too_many_topics_are_thinned_and_say_so(learner):
    plan = learner.plan(goal="all", topics=[f"topic {n}" for n in range(60)],
                        start_date=day(0), end_date=day(4), minutes_per_day=30)
    check_plan(plan)
    assert plan["warnings"] and all(one["code"] and one["detail"] for one in plan["warnings"])


def test_no_study_day_left_is_422(learner):
    rest = [name for name in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
            if name != weekday(day(3))]
    answer = learner.post("/v1/plans", {"goal": "x", "start_date": day(1), "end_date": day(2),
                                        "rest_days": rest})
    assert (answer.status, answer.code) == (422, "validation")


@pytest.mark.parametrize("field, value", [
    ("goal", ""), ("goal", "가" * 501), ("minutes_per_day", 4), ("minutes_per_day", 961),
    ("rest_days", ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), ("rest_days", ["someday"]),
    ("topics", ["x"] * 201), ("level", "genius"), ("start_date", "2026-02-30"),
    ("end_date", day(-1)), ("end_date", day(400)), ("minutes_per_day", 1e99),
])
def test_invalid_field_is_422(learner, field, value):
    answer = learner.post("/v1/plans", {"goal": "chapters 1-3", field: value})
    assert (answer.status, answer.code) == (422, "validation")
    assert any(error["pointer"].startswith("/" + field) for error in answer.json["errors"]), answer


def test_ticking_sets_done_at_and_the_list_counts_it(learner):
    plan = learner.plan()
    path = f"/v1/plans/{plan['id']}/items/{plan['items'][0]['id']}"
    done = learner.patch(path, {"done": True})
    assert done.status == 200 and done.json["done"] and done.json["done_at"]
    row = learner.get("/v1/plans").json["items"][0]
    assert (row["id"], row["items_done"]) == (plan["id"], 1)
    assert row["items_total"] == len(plan["items"]) and "items" not in row
    undone = learner.patch(path, {"done": False})
    assert not undone.json["done"] and not undone.json.get("done_at")


def test_replan_moves_missed_items_and_repeating_changes_nothing(learner):
    plan = learner.plan(start_date=day(-7), end_date=day(21), rest_days=["sun"])
    missed = [item["id"] for item in plan["items"] if item["date"] < day(0)]
    assert missed
    first = learner.post(f"/v1/plans/{plan['id']}/replan")
    assert first.status == 200 and first.json["moved"] >= len(missed)
    after = first.json["plan"]
    check_plan(after)
    assert all(item["date"] >= day(0) for item in after["items"] if item["id"] in missed)
    second = learner.post(f"/v1/plans/{plan['id']}/replan")
    assert second.json["moved"] == 0 and second.json["plan"]["items"] == after["items"]


def undone(plan):
    return {item["id"]: item["date"] for item in plan["items"] if not item["done"]}


@pytest.mark.parametrize("ago", [1, 5, 9, 400])
def test_replan_from_a_past_date_moves_nothing_into_the_past(learner, ago):
    plan = learner.plan(start_date=day(-9), end_date=day(12))
    first = plan["items"][0]
    learner.patch(f"/v1/plans/{plan['id']}/items/{first['id']}", {"done": True})
    answer = learner.post(f"/v1/plans/{plan['id']}/replan", {"from_date": day(-ago)})
    assert answer.status == 200, answer
    after = answer.json["plan"]
    assert all(date >= day(0) for date in undone(after).values()), answer
    assert [item["date"] for item in after["items"] if item["done"]] == [first["date"]]
    again = learner.post(f"/v1/plans/{plan['id']}/replan", {"from_date": day(-ago)})
    assert (again.json["moved"], again.json["plan"]) == (0, after)


@pytest.mark.parametrize("body", [None, {}, {"from_date": day(0)}, {"from_date": day(-8)}],
                         ids=["nothing", "empty", "today", "while it ran"])
def test_replan_of_a_plan_that_has_ended_says_that_no_day_is_left(learner, body):
    plan = learner.plan(start_date=day(-9), end_date=day(-3), locale="en")
    answer = learner.post(f"/v1/plans/{plan['id']}/replan", body)
    assert answer.status == 200, answer
    assert answer.json["moved"] == 0 and undone(answer.json["plan"]) == undone(plan)
    assert [warning["code"] for warning in answer.json["warnings"]] == ["no_day_left"]


def test_replan_from_a_later_day_needs_a_day_for_study_there(learner):
    plan = learner.plan(start_date=day(0), end_date=day(12))
    path = f"/v1/plans/{plan['id']}/replan"
    for late in (day(13), "2999-01-01"):
        answer = learner.post(path, {"from_date": late})
        assert (answer.status, answer.code) == (422, "validation"), answer
        assert [error["pointer"] for error in answer.json["errors"]] == ["/from_date"]
    assert learner.get(f"/v1/plans/{plan['id']}").json["items"] == plan["items"]
    answer = learner.post(path, {"from_date": day(4)})
    assert answer.status == 200 and answer.json["moved"] > 0
    assert all(date >= day(4) for date in undone(answer.json["plan"]).values())


def test_replan_before_the_plan_begins_changes_nothing(learner):
    plan = learner.plan(start_date=day(3), end_date=day(12))
    for body in (None, {"from_date": day(0)}, {"from_date": day(2)}):
        answer = learner.post(f"/v1/plans/{plan['id']}/replan", body)
        assert (answer.status, answer.json["moved"]) == (200, 0), answer
        assert answer.json["plan"]["items"] == plan["items"]


def test_plan_of_somebody_else_is_404(app, learner):
    plan = learner.plan()
    stranger = app.learner()
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replan"), ("GET", ".ics")):
        answer = stranger.request(method, f"/v1/plans/{plan['id']}{path}")
        assert (answer.status, answer.code) == (404, "not-found"), path


def test_if_match_guards_patch_and_delete(learner):
    path = "/v1/plans/" + learner.plan()["id"]
    stale = learner.get(path).headers["ETag"]
    assert learner.patch(path, {"subject": "x"}, headers={"If-Match": stale}).status == 200
    answer = learner.patch(path, {"subject": "y"}, headers={"If-Match": stale})
    assert (answer.status, answer.code) == (412, "precondition-failed")
    assert learner.delete(path, headers={"If-Match": stale}).status == 412
    assert learner.delete(path).status == 204
    assert learner.get(path).status == 404


def test_an_item_is_read_with_the_tag_that_guards_its_changes(app, learner):
    plan = learner.plan(goal="Biology chapters 1-3")
    one = f"/v1/plans/{plan['id']}/items/{plan['items'][0]['id']}"
    answer = learner.get(one)
    assert (answer.status, answer.json) == (200, plan["items"][0])
    tag = answer.headers["ETag"]
    assert learner.get(one, headers={"If-None-Match": tag}).status == 304
    assert learner.patch(one, {"done": True}, headers={"If-Match": tag}).status == 200
    assert learner.get(one).headers["ETag"] != tag
    assert learner.get(one).json["done"]
    assert learner.delete(one, headers={"If-Match": tag}).status == 412
    assert app.learner().get(one).status == 404
    elsewhere = one.replace(plan["id"], learner.plan()["id"])
    assert learner.get(elsewhere).status == 404
    assert learner.delete(one).status == 204
    assert learner.get(one).status == 404


def test_items_can_be_added_changed_and_removed(learner):
    path = f"/v1/plans/{learner.plan()['id']}/items"
    added = learner.post(path, {"date": day(1), "title": "extra", "minutes": 15})
    assert added.status == 201 and added.json["kind"] == "study"
    one = f"{path}/{added.json['id']}"
    assert learner.patch(one, {"date": day(2), "minutes": 20}).json["date"] == day(2)
    listed = learner.get(f"/v1/items?from={day(2)}&to={day(2)}&done=false").json["items"]
    assert added.json["id"] in [item["id"] for item in listed]
    assert learner.delete(one).status == 204
    assert learner.delete(one).status == 404


def test_cursor_pages_show_every_plan_once(learner):
    plans = {learner.plan(goal=f"goal {n} chapters 1-2")["id"] for n in range(5)}
    seen, cursor = [], ""
    while cursor is not None:
        page = learner.get("/v1/plans?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        seen += [plan["id"] for plan in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == 5 and set(seen) == plans


def test_a_page_of_great_plans_ends_early(learner):
    topics = ["\N{GRINNING FACE}" * 196 + f"{n:04}" for n in range(200)]
    plans = [learner.plan(goal="\N{GRINNING FACE}" * 500, topics=topics, end_date=day(0))["id"]
             for _ in range(100)]
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        answer = learner.get("/v1/plans?limit=100" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status == 200 and len(answer.body) < 2 << 20, answer.status
        assert answer.json["items"], "an empty page"
        seen += [plan["id"] for plan in answer.json["items"]]
        cursor = answer.json["next_cursor"]
        pages += 1
    assert seen == plans[::-1] and pages > 1


@pytest.mark.parametrize("count", [24, 25, 26, 51])
def test_a_page_of_many_plans_holds_as_many_as_were_asked_for(learner, count):
    plans = [learner.plan(goal="chapters 1-2", end_date=day(0))["id"] for _ in range(count)]
    for limit in (count - 1, count, count + 1):
        page = learner.get(f"/v1/plans?limit={limit}").json
        assert [plan["id"] for plan in page["items"]] == plans[::-1][:limit]
        assert (page["next_cursor"] is None) == (limit >= count), limit


def test_a_patch_that_changes_nothing_makes_no_version(learner):
    plan = learner.plan(subject="Biology")
    path = "/v1/plans/" + plan["id"]
    item = plan["items"][0]
    one = f"{path}/items/{item['id']}"
    learner.patch(one, {"done": True})
    calendar = learner.get(path + ".ics").body
    tags = [learner.get(path).headers["ETag"], learner.patch(one, {}).headers["ETag"]]
    for body in ({}, {"goal": plan["goal"]}, {"subject": "Biology"}):
        assert learner.patch(path, body).headers["ETag"] == tags[0], body
    for body in ({}, {"date": item["date"]}, {"title": item["title"]}, {"done": True},
                 {"minutes": item["minutes"]}):
        assert learner.patch(one, body).headers["ETag"] == tags[1], body
    assert learner.get(path).headers["ETag"] == tags[0]
    assert learner.get(path + ".ics").body == calendar
    assert learner.patch(one, {"title": "another"}).headers["ETag"] != tags[1]
    assert learner.patch(path, {"subject": None}).headers["ETag"] != tags[0]
    assert learner.patch(path, {"subject": None}).json["subject"] is None


def test_a_cursor_of_jobs_belongs_to_its_filter(learner):
    for _ in range(2):
        learner.plan()
    cursor = learner.get("/v1/jobs?limit=1&status=succeeded").json["next_cursor"]
    assert learner.get(f"/v1/jobs?limit=5&status=succeeded&cursor={cursor}").status == 200
    for other in ("", "status=failed"):
        answer = learner.get(f"/v1/jobs?limit=5&{other}&cursor={cursor}")
        assert (answer.status, answer.code) == (422, "validation"), other


def test_a_cursor_of_items_belongs_to_its_filters(learner):
    learner.plan()
    cursor = learner.get("/v1/items?limit=1&done=false").json["next_cursor"]
    assert learner.get(f"/v1/items?limit=5&done=false&cursor={cursor}").status == 200
    for other in ("", "done=true", f"done=false&from={day(0)}", f"done=false&to={day(20)}"):
        answer = learner.get(f"/v1/items?limit=5&{other}&cursor={cursor}")
        assert (answer.status, answer.code) == (422, "validation"), other
        assert [error["parameter"] for error in answer.json["errors"]] == ["cursor"]


def test_calendar_passes_a_strict_parser(learner):
    plan = learner.plan(goal="한국사 1~6단원", locale="ko")
    answer = learner.get(f"/v1/plans/{plan['id']}.ics")
    assert answer.headers["Content-Type"].startswith("text/calendar")
    assert all(len(line) <= 75 for line in answer.body.split(b"\r\n"))
    assert b"\n" not in answer.body.replace(b"\r\n", b"")
    events = icalendar.Calendar.from_ical(answer.body).walk("VEVENT")
    assert len(events) == len(plan["items"])
    for event, item in zip(sorted(events, key=lambda one: one["DTSTART"].dt), plan["items"]):
        assert event["DTSTART"].dt.isoformat() == item["date"]
        assert {"UID", "DTSTAMP", "SEQUENCE", "SUMMARY"} <= event.keys()
