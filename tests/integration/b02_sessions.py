"""Sessions: listed, ended, sliding, and dead when they are dead."""
import datetime
import time

import pytest

from client import Learner
from process import wait_for


def parse(instant):
    return datetime.datetime.fromisoformat(instant.replace("Z", "+00:00"))


def test_session_ends_in_thirty_days(learner):
    session = learner.get("/v1/sessions/current").json
    left = parse(session["expires_at"]) - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=29, hours=23) < left <= datetime.timedelta(days=30)
    assert session["user"]["id"] == learner.user["id"]


def test_list_shows_the_user_agent_and_pages_by_cursor(learner):
    for number in range(4):
        learner.post("/v1/sessions", {"email": learner.email, "password": learner.password},
                     headers={"User-Agent": f"Browser/{number}"})
    seen, cursor = [], None
    while True:
        page = learner.get("/v1/sessions?limit=2" + (f"&cursor={cursor}" if cursor else "")).json
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["items"]) == 2
    assert len({session["id"] for session in seen}) == 5
    assert [session["user_agent"] for session in seen[:4]] == [f"Browser/{n}" for n in (3, 2, 1, 0)]
    assert sum(session["current"] for session in seen) == 1


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%2B%2B", "a" * 500])
def test_bad_cursor_is_422(learner, cursor):
    answer = learner.get("/v1/sessions?cursor=" + cursor)
    assert (answer.status, answer.code) == (422, "validation")
    assert answer.json["errors"][0]["parameter"] == "cursor"


def test_cursor_of_another_user_is_422(app, learner):
    for _ in range(2):
        learner.sign_in()
    cursor = learner.get("/v1/sessions?limit=1").json["next_cursor"]
    other = app.learner()
    assert other.get("/v1/sessions?limit=1&cursor=" + cursor).status == 422


def test_session_of_another_user_is_404(app, learner):
    other = app.learner()
    theirs = other.get("/v1/sessions").json["items"][0]["id"]
    answer = learner.delete("/v1/sessions/" + theirs)
    assert (answer.status, answer.code) == (404, "not-found")
    assert other.get("/v1/users/me").status == 200


def test_unused_session_ends_and_a_used_one_slides(deploy):
    app = deploy(settings={"DRAIN_DELAY": "0", "SESSION_TTL": "3"},
                 absent=("planner", "voice", "history"))
    used, unused = app.learner(), app.learner()
    for _ in range(12):
        assert used.get("/v1/users/me").status == 200
        time.sleep(0.5)
    assert unused.get("/v1/users/me").status == 401
    assert used.get("/v1/users/me").status == 200


def cookie_of(answer):
    """Name=value and Max-Age of the session cookie an answer sets, or None."""
    field = answer.headers["Set-Cookie"]
    if field is None:
        return None
    pair, *attributes = field.split("; ")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes), field
    return pair, int(dict(one.partition("=")[::2] for one in attributes)["Max-Age"])


def test_the_cookie_slides_with_its_session_but_not_on_every_answer(deploy):
    app = deploy(settings={"SESSION_TTL": "20"}, absent=("planner", "voice", "history"))
    learner, browser = app.learner(), app.client()
    pair, age = cookie_of(learner.post("/v1/sessions", {"email": learner.email,
                                                        "password": learner.password}))
    assert 0 < age <= 20
    cookie = {"Cookie": pair, "Sec-Fetch-Site": "same-origin"}
    answers, began = [], time.monotonic()
    while time.monotonic() - began < 6:
        answers.append(cookie_of(browser.get("/v1/users/me", headers=cookie)))
        time.sleep(0.3)
    renewed = [answer for answer in answers if answer]
    assert 2 <= len(renewed) <= (time.monotonic() - began) / 2 + 1, answers  # a tenth of 20 s
    assert all(one[0] == pair and 0 < one[1] <= 20 for one in renewed), renewed
    time.sleep(2.1)
    assert "Set-Cookie" not in learner.get("/v1/users/me").headers  # a bearer has no cookie
    time.sleep(2.1)
    answer = browser.delete("/v1/sessions/current", headers=cookie)
    assert answer.headers.get_all("Set-Cookie") == [
        "studyhall_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"]


def test_last_seen_is_written_though_nobody_waits_for_it(deploy):
    app = deploy(settings={"DRAIN_DELAY": "0", "SESSION_TTL": "20"},
                 absent=("planner", "voice", "history"))
    learner = app.learner()
    first = learner.get("/v1/sessions").json["items"][0]["last_seen_at"]
    time.sleep(2.5)
    learner.get("/v1/users/me")
    time.sleep(1.5)
    assert parse(learner.get("/v1/sessions").json["items"][0]["last_seen_at"]) > parse(first)


def test_change_of_zone_reaches_the_services(learner):
    learner.get("/v1/history/summary")
    assert learner.patch("/v1/users/me", {"time_zone": "Pacific/Kiritimati"}).status == 200
    time.sleep(1.1)  # the gateway may remember who asks for a second
    east = learner.get("/v1/history/summary").json["days"][-1]["date"]
    learner.patch("/v1/users/me", {"time_zone": "Pacific/Pago_Pago"})
    time.sleep(1.1)
    west = learner.get("/v1/history/summary").json["days"][-1]["date"]
    assert west < east


def test_null_puts_the_defaults_back(learner):
    learner.patch("/v1/users/me", {"locale": "en", "time_zone": "Europe/Berlin"})
    user = learner.patch("/v1/users/me", {"locale": None, "time_zone": None}).json
    assert (user["locale"], user["time_zone"]) == ("ko", "Asia/Seoul")


def test_a_hundred_sessions_end_with_a_password_change(app, learner):
    tokens = [learner.sign_in()["token"] for _ in range(100)]
    client = app.client()
    for client.token in tokens:
        assert client.get("/v1/users/me").status == 200
    assert learner.patch("/v1/users/me", {"password": "another password",
                                          "current_password": learner.password}).status == 200
    time.sleep(1.1)
    alive = []
    for client.token in tokens[:-1]:
        alive += [client.token] if client.get("/v1/users/me").status != 401 else []
    assert not alive
    assert learner.get("/v1/users/me").status == 200


def hash_regions(app):
    """The mappings of auth that are as large as what one password hash fills (19 MiB)."""
    found = []
    with open(f"/proc/{app['auth'].pid}/maps") as maps:
        for line in maps:
            since, until = (int(number, 16) // 1024 for number in line.split()[0].split("-"))
            if 19456 <= until - since < 19456 + 64:
                found.append(line)
    return found


def test_what_a_password_hash_fills_is_given_back(app):
    """It is kept for the next hash (but not by sanitized programs); an idle auth is small again."""
    Learner(app.port)
    wait_for(lambda: not hash_regions(app), 30, "auth to give back the memory of the hash")
