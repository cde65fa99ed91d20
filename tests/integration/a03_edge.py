"""The edge between HTTP and the services: media types, fields, parameters, origins, validators."""
import json
import re

import pytest

pytestmark = pytest.mark.smoke

JSON = {"Content-Type": "application/json"}


def refused(answer, status, code):
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.json["trace_id"] == answer.headers["X-Request-Id"], answer
    return answer


def pointers(answer):
    refused(answer, 422, "validation")
    assert all(error["detail"] for error in answer.json["errors"]), answer
    return [error.get("pointer", error.get("parameter")) for error in answer.json["errors"]]


# --- media types ---------------------------------------------------------------------------------

@pytest.mark.parametrize("content_type, status", [
    ("application/json", 422), ("application/json; charset=utf-8", 422),
    ("APPLICATION/JSON;charset=\"UTF-8\"", 422), ("application/json; charset=euc-kr", 415),
    ("application/xml", 415), ("application/jsonp", 415), ("", 415), (None, 415),
    ("application/merge-patch+json", 415),
])
def test_content_type_of_a_body(client, content_type, status):
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = client.post("/v1/users", b"{}", headers=headers)
    assert answer.status == status, answer
    if status == 415:
        assert answer.headers["Accept-Post"] == "application/json"


def test_compressed_body_is_415(client):
    refused(client.post("/v1/users", b"{}", headers={**JSON, "Content-Encoding": "gzip"}),
            415, "unsupported-media")


def test_patch_says_what_it_takes(learner):
    answer = learner.patch("/v1/users/me", b"name=x", headers={"Content-Type": "text/plain"})
    refused(answer, 415, "unsupported-media")
    types = answer.headers["Accept-Patch"].split(", ")
    assert set(types) == {"application/json", "application/merge-patch+json"}
    for number, content_type in enumerate(types):
        headers = {"Content-Type": content_type}
        answer = learner.patch("/v1/users/me", b'{"name":"n%d"}' % number, headers=headers)
        assert answer.json["name"] == f"n{number}", answer


@pytest.mark.parametrize("accept, status", [
    ("application/json", 200), ("*/*", 200), ("application/*;q=0.1, text/html", 200),
    ("text/html", 406), ("application/json;q=0", 406), ("text/html, application/json;q=0", 406),
])
def test_accept(learner, accept, status):
    answer = learner.get("/v1/users/me", headers={"Accept": accept})
    assert answer.status == status, answer
    if status == 406:
        refused(answer, 406, "not-acceptable")


# --- bodies --------------------------------------------------------------------------------------

@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"{}{}", b"{'a':1}", b'{"goal":"a","goal":"b"}', b'{"goal":"\\ud800"}',
    b'\xef\xbb\xbf{"goal":"a"}', b'{"goal":"a"', b'{"goal":01}', b"nul"])
def test_what_is_not_json_is_400(learner, body):
    refused(learner.post("/v1/plans", body, headers=JSON), 400, "invalid-json")


@pytest.mark.parametrize("body, pointer", [
    (b"[]", ""), (b"null", ""), (b'"goal"', ""), (b"1", ""),
    (b'{"goal":"a\\u0000b"}', "/goal"), (b'{"goal":["a"]}', "/goal"),
    (b'{"goal":"a","minutes_per_day":1e400}', "/minutes_per_day"),
    (b'{"goal":"a","minutes_per_day":123456789012345678901}', "/minutes_per_day"),
    (b'{"goal":"a","minutes_per_day":60.5}', "/minutes_per_day"),
    (b'{"goal":"a","minutes_per_day":"60"}', "/minutes_per_day"),
    (b'{"goal":"a","minutes_per_day":-60}', "/minutes_per_day"),
    (b'{"goal":"a","minutes_per_day":4}', "/minutes_per_day"),
    (b'{"goal":"a","level":"expert"}', "/level"), (b'{"goal":"a","level":1}', "/level"),
    (b'{"goal":"a","topics":["b",5]}', "/topics/1"), (b'{"goal":"a","topics":["b",""]}', "/topics/1"),
    (b'{"goal":"a","rest_days":["mon","mon"]}', "/rest_days/1"),
    (b'{"goal":"a","rest_days":["mon","tue","wed","thu","fri","sat","sun"]}', "/rest_days"),
    (b'{"goal":"a","start_date":"2026-02-30"}', "/start_date"),
    (b'{"goal":"a","fallback":"no"}', "/fallback"),
    (b'{"goal":"a","a/b~":1}', "/a~1b~0"), (b'{"goal":"a","id":"x"}', "/id"), (b"{}", "/goal"),
    (b'{"goal":null}', "/goal"),
])
def test_what_is_wrong_in_a_body_is_pointed_at(learner, body, pointer):
    assert pointers(learner.post("/v1/plans", body, headers=JSON)) == [pointer]


def test_whole_numbers_may_be_written_in_any_way(learner):
    for number, minutes in (("60.0", 60), ("6e1", 60), ("600e-1", 60)):
        body = '{"goal":"chapters 1-2","minutes_per_day":%s}' % number
        answer = learner.post("/v1/plans", body.encode(), headers=JSON)
        assert (answer.status, answer.json["minutes_per_day"]) == (201, minutes), answer


def test_every_wrong_field_is_named_at_once(learner):
    answer = learner.post("/v1/plans", {"topics": [1], "level": "x", "nope": 1})
    assert pointers(answer) == ["/topics/0", "/level", "/nope"]


def test_detail_says_what_is_wrong_in_words(learner):
    answer = learner.post("/v1/plans", {})
    assert answer.json["detail"] == "/goal is required"
    answer = learner.get("/v1/plans?limit=x")
    assert answer.json["detail"] == "limit must be a whole number"
    for wrong in ("-1", "0", "101", "99999999999"):
        answer = learner.get("/v1/plans?limit=" + wrong)
        assert answer.json["detail"] == "limit must be 1 to 100", wrong
    for wrong in (-1, 0, 961, 1e20):
        answer = learner.post("/v1/plans", {"goal": "x", "minutes_per_day": wrong})
        assert answer.json["detail"] == "/minutes_per_day must be 5 to 960", wrong
    answer = learner.post("/v1/plans", {"goal": "x", "start_date": "1969-12-31"})
    assert answer.json["detail"] == "/start_date must be a date, YYYY-MM-DD, from 1970 on"
    answer = learner.get("/v1/history/summary?from=2026-01-01&to=2027-01-02")
    assert answer.json["detail"] == "from must be less than 366 days before `to`"
    answer = learner.get("/v1/history/summary?from=9000-01-01")
    assert answer.json["detail"] == "from is after today"


def test_a_field_of_the_path_is_none_of_the_body(learner):
    plan = learner.plan()
    assert pointers(learner.patch(f"/v1/plans/{plan['id']}", {"id": "x"})) == ["/id"]
    assert pointers(learner.patch(f"/v1/plans/{plan['id']}", {"cleared": []})) == ["/cleared"]


def test_a_field_that_must_be_there_cannot_be_cleared(learner):
    plan = learner.plan(subject="maths")
    path = f"/v1/plans/{plan['id']}"
    assert pointers(learner.patch(path, {"goal": None})) == ["/goal"]
    answer = learner.patch(path, {"subject": None})
    assert answer.status == 200 and not answer.json["subject"], answer


def test_a_body_may_be_left_out_only_where_it_is_optional(learner):
    path = f"/v1/plans/{learner.plan()['id']}/replan"
    assert learner.post(path).status == 200
    assert learner.post(path, b"", headers=JSON).status == 200
    assert learner.post(path, {}).status == 200
    assert learner.post(path, b"{}").status == 415
    refused(learner.post("/v1/plans"), 400, "invalid-json")


# --- path and query ------------------------------------------------------------------------------

@pytest.mark.parametrize("query, parameter", [
    ("limit=101", "limit"), ("limit=", "limit"), ("limit=1.0", "limit"), ("limit=%2B1", "limit"),
    ("limit=4294967297", "limit"), ("limit=1&limit=1", "limit"), ("cursor=", "cursor"),
    ("from=2026-13-01", "from"), ("type=nothing", "type"), ("subject=", "subject"),
    ("subject=%00", "subject"), ("subject=a%ffb", "subject"), ("from=%zz", "from"),
    ("limit=%00", "limit"), ("cursor=%00", "cursor"), ("type=%", "type"),
])
def test_malformed_parameter_is_named(learner, query, parameter):
    answer = learner.get("/v1/history?" + query)
    refused(answer, 422, "validation")
    assert [error["parameter"] for error in answer.json["errors"]] == [parameter]


def test_unknown_parameters_are_ignored(learner):
    assert learner.get("/v1/history?x=1&x=2&limits=abc&limit=1&=").status == 200
    assert learner.get("/v1/history?x=%ff&y=%00&%ff=1&z=%C3%28&%zz&limit=1").status == 200


@pytest.mark.parametrize("path", [
    "/v1/plans/none", "/v1/plans/" + "a" * 37, "/v1/plans/a.b", "/v1/plans/a%2Fb", "/v1/plans/%00",
    "/v1/plans/%EA%B0%80", "/v1/plans/.ics", "/v1/voice/conversations/none", "/v1/plans/none.ics",
    "/v1/history/none/", "/v1/plans/", "/v1//plans", "/v2/plans", "/v1",
])
def test_what_is_not_there_is_404(learner, path):
    answer = learner.get(path)
    assert answer.status == 404 or (answer.status == 400 and "%00" in path), answer
    assert answer.code in ("not-found", "bad-request")


@pytest.mark.parametrize("method, path, allow", [
    ("PUT", "/v1/plans", "GET, HEAD, POST, OPTIONS"),
    ("POST", "/v1/users/me", "GET, HEAD, PATCH, DELETE, OPTIONS"),
    ("DELETE", "/v1/history/summary", "GET, HEAD, OPTIONS"),
    ("GET", "/v1/users", "POST, OPTIONS"), ("HEAD", "/v1/voice/turns", "POST, OPTIONS"),
    ("POST", "/healthz", "GET, HEAD, OPTIONS"), ("DELETE", "/docs", "GET, HEAD, OPTIONS"),
])
def test_another_method_is_405(client, method, path, allow):
    answer = client.request(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allow), answer


def test_options_tells_the_methods_without_a_session(client):
    answer = client.request("OPTIONS", "/v1/plans")
    assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert client.request("OPTIONS", "*").status == 204
    assert client.request("OPTIONS", "/nothing").status == 404


# --- sessions and origins ------------------------------------------------------------------------

@pytest.mark.parametrize("authorization", [
    "Bearer", "Bearer ", "Bearer x y", "Basic YTpi", "bearer", "Token abc", "Bearer " + "a" * 600,
    "Bearer \xe9", "Bearer wrong",
])
def test_what_is_no_token_is_401(client, authorization):
    refused(client.get("/v1/users/me", headers={"Authorization": authorization}),
            401, "unauthenticated")


def test_scheme_of_the_token_has_no_case(learner):
    headers = {"Authorization": "bEARER " + learner.token}
    assert learner.get("/v1/users/me", headers=headers).status == 200


def test_bearer_wins_over_the_cookie(app, learner):
    other = app.client()
    cookie = {"Cookie": "studyhall_session=" + learner.token}
    answer = other.get("/v1/users/me", headers={**cookie, "Authorization": "Bearer wrong"})
    refused(answer, 401, "unauthenticated")
    answer = other.patch("/v1/users/me", {"name": "b"}, headers={
        "Cookie": "studyhall_session=wrong", "Authorization": "Bearer " + learner.token,
        "Origin": "https://evil.example"})
    assert answer.status == 200, answer


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Token abc", "Bearerx"])
def test_another_scheme_does_not_hide_the_cookie(app, learner, authorization):
    headers = {"Cookie": "studyhall_session=" + learner.token, "Authorization": authorization}
    assert app.client().get("/v1/users/me", headers=headers).status == 200
    answer = app.client().patch("/v1/users/me", {"name": "x"}, headers=headers)
    refused(answer, 403, "forbidden-origin")


@pytest.mark.parametrize("fields, status", [
    ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "none"}, 200),
    ({"Sec-Fetch-Site": "same-site"}, 403), ({"Origin": "null"}, 403),
    ({"Origin": "own", "Sec-Fetch-Site": "cross-site"}, 403), ({"Origin": "own"}, 200),
])
def test_only_this_site_changes_anything_by_cookie(app, learner, fields, status):
    fields = {name: f"http://127.0.0.1:{app.port}" if value == "own" else value
              for name, value in fields.items()}
    answer = app.client().patch("/v1/users/me", {"name": "x"}, headers={
        "Cookie": "a=b; studyhall_session=" + learner.token, **fields})
    assert answer.status == status, answer


def test_sign_out_by_cookie_clears_it(app, learner):
    answer = app.client().delete("/v1/sessions/current", headers={
        "Cookie": "studyhall_session=" + learner.token, "Sec-Fetch-Site": "same-origin"})
    assert answer.status == 204 and answer.body == b"", answer
    assert re.match(r"studyhall_session=; .*Max-Age=0", answer.headers["Set-Cookie"])
    assert learner.get("/v1/users/me").status == 401


def test_a_trusted_proxy_tells_scheme_and_address(deploy):
    app = deploy(settings={"TRUSTED_PROXIES": "127.0.0.0/8"})
    learner, browser = app.learner(), app.client()
    learner.post("/v1/sessions", {"email": learner.email, "password": learner.password},
                 headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    own = {"Cookie": "studyhall_session=" + learner.token, "Host": "study.example"}
    for scheme, origin, status in (("https", "https://study.example", 200),
                                   ("https", "http://study.example", 403),
                                   ("http", "https://study.example", 403)):
        answer = browser.patch("/v1/users/me", {"name": "x"}, headers={
            **own, "Origin": origin, "X-Forwarded-Proto": scheme})
        assert answer.status == status, (scheme, origin, answer)
    log = app["auth"].log_text()
    assert "203.0.113.9" in log and "6.6.6.6" not in log, log


def test_https_and_foreign_origins(deploy):
    app = deploy(settings={"PUBLIC_URL": "https://study.example",
                           "CORS_ORIGINS": "https://a.example, https://b.example:8443"})
    learner = app.learner()
    answer = learner.post("/v1/sessions", {"email": learner.email, "password": learner.password})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-studyhall_session=") and "; Secure" in cookie
    assert "Path=/" in cookie and "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"]
    browser = app.client()
    signed = {"Cookie": "__Host-studyhall_session=" + learner.token}
    for origin, status in (("https://study.example", 200), (f"http://127.0.0.1:{app.port}", 403),
                           ("https://a.example", 403)):
        answer = browser.patch("/v1/users/me", {"name": "x"}, headers={**signed, "Origin": origin})
        assert answer.status == status, answer
    answer = browser.request("OPTIONS", "/v1/plans", headers={
        "Origin": "https://b.example:8443", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type"})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://b.example:8443"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in answer.headers
    answer = learner.get("/v1/users/me", headers={"Origin": "https://a.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "Origin" in ", ".join(answer.headers.get_all("Vary"))
    answer = learner.get("/v1/users/me", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


# --- other fields --------------------------------------------------------------------------------

@pytest.mark.parametrize("key", ["", "a" * 129, "a b", "\xe9", "a\tb"])
def test_malformed_idempotency_key_is_400(learner, key):
    refused(learner.post("/v1/plans", {"goal": "chapters 1-2"}, headers={"Idempotency-Key": key}),
            400, "bad-request")


def test_etag_of_a_plan_gives_304(learner):
    path = f"/v1/plans/{learner.plan()['id']}"
    etag = learner.get(path).headers["ETag"]
    for match in (etag, "W/" + etag, f'"other", {etag}', "*"):
        answer = learner.get(path, headers={"If-None-Match": match})
        assert (answer.status, answer.body) == (304, b""), match
        assert answer.headers["ETag"] == etag
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert learner.get(path, headers={"If-None-Match": '"other"'}).status == 200
    refused(learner.patch(path, {"goal": "x"}, headers={"If-Match": '"other"'}),
            412, "precondition-failed")
    assert learner.patch(path, {"goal": "x"}, headers={"If-Match": etag}).status == 200


def test_head_of_the_api_is_get_without_a_body(learner):
    answer = learner.request("HEAD", "/v1/users/me")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(learner.get("/v1/users/me").body)


def test_server_timing_has_each_share(learner):
    timing = learner.get("/v1/plans").headers["Server-Timing"]
    for share in ("gateway", "queue", "service"):
        assert re.search(share + r";dur=\d+\.\d+", timing), timing


def test_answers_have_every_field(learner):
    user = learner.get("/v1/users/me").json
    assert set(user) == {"id", "email", "name", "locale", "time_zone", "created_at"}
    plan = learner.plan()
    assert {"subject", "exam_date", "warnings", "usage", "items"} <= plan.keys()
    assert plan["exam_date"] is None and isinstance(plan["warnings"], list)
    assert set(plan["items"][0]) == {"id", "plan_id", "date", "title", "minutes", "kind", "done",
                                     "done_at"}


def test_export_is_one_document_to_save(learner):
    learner.plan()
    answer = learner.get("/v1/users/me/export")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    document = json.loads(answer.body)
    assert document["user"]["email"] == learner.email
    assert len(document["plans"]) == 1 and document["plans"][0]["items"]
    for name in ("sessions", "history", "conversations"):
        assert isinstance(document[name], list), name


def test_calendar_has_its_media_type(learner):
    answer = learner.get(f"/v1/plans/{learner.plan()['id']}.ics")
    assert answer.headers["Content-Type"].startswith("text/calendar")
    assert answer.body.startswith(b"BEGIN:VCALENDAR\r\n")


# --- pages ---------------------------------------------------------------------------------------

def test_files_have_validators_and_a_policy(client):
    answer = client.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    again = client.get("/docs", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', answer.body.decode()):
        assert client.get(path).status == 200, path
    assert b"http" not in answer.body.replace(b"HTTP", b"").replace(b"openapi", b"")


@pytest.mark.parametrize("path", [
    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/.git/config",
    "//etc/passwd", "/docs.html/", "/docs/x",
])
def test_no_path_leads_out_of_the_files(client, path):
    received = client.raw(b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode())
    assert re.match(rb"HTTP/1.1 (404|400) ", received), received


def test_problems_are_explained_to_people_and_programs(client):
    for code in ("invalid-json", "unauthenticated", "validation", "throttled", "deadline"):
        page = client.get("/problems/" + code, headers={"Accept": "text/html,*/*;q=0.8"})
        assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
        answer = client.get("/problems/" + code, headers={"Accept": "application/json"})
        assert answer.json["type"] == "/problems/" + code and answer.json["description"]
    assert client.get("/problems/nothing").status == 404
    assert client.get("/problems/ok").status == 404
