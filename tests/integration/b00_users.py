"""Sign up, the user's own data, sign in and out."""
import re

import pytest

from process import wait_for

pytestmark = pytest.mark.smoke


def test_sign_up_answers_the_user(learner):
    user = learner.user
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,36}", user["id"])
    assert user["email"] == learner.email
    assert (user["locale"], user["time_zone"]) == ("ko", "Asia/Seoul")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", user["created_at"])


def test_email_is_trimmed_and_taken_whatever_its_case(app, learner):
    answer = app.client().post("/v1/users", {"email": f"  {learner.email.upper()} ",
                                             "password": "12345678"})
    assert (answer.status, answer.code) == (409, "email-taken")


@pytest.mark.parametrize("field, value", [
    ("email", "nobody"), ("email", "a" * 250 + "@example.org"), ("password", "1234567"),
    ("password", "x" * 129), ("locale", "fr"), ("time_zone", "Mars/Olympus"), ("email", None),
])
def test_invalid_field_is_422_with_its_pointer(client, field, value):
    answer = client.post("/v1/users", {"email": "v@example.org", "password": "12345678",
                                       field: value})
    assert (answer.status, answer.code) == (422, "validation")
    assert "/" + field in [error["pointer"] for error in answer.json["errors"]]


def test_session_answers_token_and_cookie(learner):
    answer = learner.post("/v1/sessions", {"email": learner.email, "password": learner.password})
    assert answer.status == 201
    assert {"token", "expires_at", "user"} <= answer.json.keys()
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("studyhall_session=") and "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie and "Secure" not in cookie
    assert answer.headers["Cache-Control"] == "no-store"


def test_unknown_email_and_wrong_password_get_the_same_answer(client, learner):
    wrong = client.post("/v1/sessions", {"email": learner.email, "password": "wrong password"})
    unknown = client.post("/v1/sessions", {"email": "no-" + learner.email,
                                           "password": "wrong password"})
    assert wrong.status == unknown.status == 401
    assert wrong.code == unknown.code == "unauthenticated"
    assert wrong.json["detail"] == unknown.json["detail"]


def test_cookie_works_and_needs_its_own_origin_to_write(app, learner):
    browser = app.client()
    cookie = {"Cookie": "studyhall_session=" + learner.token}
    origin = f"http://127.0.0.1:{app.port}"
    assert browser.get("/v1/users/me", headers=cookie).status == 200
    for foreign in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = browser.patch("/v1/users/me", {"name": "x"}, headers={**cookie, **foreign})
        assert (answer.status, answer.code) == (403, "forbidden-origin"), foreign
    answer = browser.patch("/v1/users/me", {"name": "own"}, headers={**cookie, "Origin": origin})
    assert answer.status == 200 and answer.json["name"] == "own"


def test_signed_out_token_is_dead_everywhere_within_a_second(learner):
    assert learner.get("/v1/sessions/current").status == 200
    assert learner.delete("/v1/sessions/current").status == 204
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 1, "the token's death")


def test_sessions_are_listed_and_can_be_ended_one_by_one(learner):
    other = learner.token
    learner.sign_in()
    page = learner.get("/v1/sessions").json
    assert sorted(session["current"] for session in page["items"]) == [False, True]
    ended = next(session["id"] for session in page["items"] if not session["current"])
    assert learner.delete("/v1/sessions/" + ended).status == 204
    mine, learner.token = learner.token, other
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 1, "the other token's death")
    learner.token = mine
    assert learner.get("/v1/users/me").status == 200


def test_merge_patch_changes_and_clears(learner):
    assert learner.patch("/v1/users/me", {"name": "김하나", "locale": "en"}).json["name"] == "김하나"
    cleared = learner.patch("/v1/users/me", {"name": None})
    assert cleared.status == 200 and not cleared.json.get("name")
    assert cleared.json["locale"] == "en"


def test_password_change_needs_the_old_one_and_ends_other_sessions(learner):
    other = learner.token
    learner.sign_in()
    answer = learner.patch("/v1/users/me", {"password": "a new password",
                                            "current_password": "not the old one"})
    assert answer.status in (401, 422), answer
    assert learner.patch("/v1/users/me", {"password": "a new password",
                                          "current_password": learner.password}).status == 200
    assert learner.get("/v1/users/me").status == 200
    learner.password = "a new password"
    learner.token = other
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 1, "the other session's end")
    learner.sign_in()


def test_only_a_hash_of_the_token_is_stored(app, stores, learner):
    database = app.env["AUTH_DATABASE_URL"].split("/")[3].split("?")[0]
    for table in stores.sql("SHOW TABLES", database).split():
        assert learner.token not in stores.sql(f"SELECT * FROM {table}", database), table
    assert learner.token not in stores.redis_cli("--scan")


def test_repeated_failures_are_throttled_with_retry_after(client, app):
    victim = app.learner()
    for _ in range(40):
        answer = client.post("/v1/sessions", {"email": victim.email, "password": "wrong one"})
        if answer.status == 429:
            break
        assert answer.status == 401, answer
    assert (answer.status, answer.code) == (429, "throttled")
    assert int(answer.headers["Retry-After"]) > 0
