"""Every error code of the HTTP contract that can be provoked here: exact status and document."""
import json
import socket
import time

import pytest

from load import Load
from process import wait_for

JSON = {"Content-Type": "application/json"}


def problem(answer, status, code):
    assert (answer.status, answer.code) == (status, code), answer
    document = answer.json
    assert set(document) >= {"type", "title", "status", "detail", "trace_id"}, document
    assert document["trace_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return document


def retry_after(answer):
    assert int(answer.headers["Retry-After"]) >= 1


def test_invalid_json_400(client):
    problem(client.post("/v1/users", b'{"email":', headers=JSON), 400, "invalid-json")


def test_bad_request_400(client):
    received = client.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and json.loads(body)["type"] == "/problems/bad-request"


def test_unauthenticated_401(client):
    client.token = "A" * 43
    answer = client.get("/v1/users/me")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://evil.example"},
                                     {"Sec-Fetch-Site": "cross-site"}],
                         ids=["neither", "foreign origin", "cross-site"])
def test_forbidden_origin_403(app, learner, headers):
    client = app.client()
    cookie = {"Cookie": "studyhall_session=" + learner.token, **headers}
    problem(client.delete("/v1/sessions/current", headers=cookie), 403, "forbidden-origin")
    assert learner.get("/v1/users/me").status == 200


def test_not_found_404(learner):
    problem(learner.get("/v1/plans/doesnotexist"), 404, "not-found")
    problem(learner.delete("/v1/history/doesnotexist"), 404, "not-found")
    problem(learner.get("/v1/voice/conversations/doesnotexist"), 404, "not-found")


def test_method_not_allowed_405(client):
    answer = client.request("PUT", "/v1/history")
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].replace(" ", "").split(","))


def test_not_acceptable_406(learner):
    problem(learner.get("/v1/plans", headers={"Accept": "image/png"}), 406, "not-acceptable")


def test_email_taken_409(client, learner):
    body = {"email": learner.email.upper(), "password": "correct horse battery"}
    problem(client.post("/v1/users", body), 409, "email-taken")


def test_precondition_failed_412(learner):
    path = "/v1/plans/" + learner.plan()["id"]
    answer = learner.patch(path, {"subject": "x"}, headers={"If-Match": '"other"'})
    problem(answer, 412, "precondition-failed")
    problem(learner.delete(path, headers={"If-Match": '"other"'}), 412, "precondition-failed")
    assert learner.get(path).status == 200


def test_too_large_413(learner):
    answer = learner.post("/v1/plans", {"goal": "x" * (2 << 20)})
    problem(answer, 413, "too-large")


def test_unsupported_media_415(learner):
    problem(learner.post("/v1/plans", b"<a/>", headers={"Content-Type": "text/xml"}),
            415, "unsupported-media")
    answer = learner.post("/v1/voice/turns", b"abc", headers={"Content-Type": "image/png"})
    problem(answer, 415, "unsupported-media")
    assert "audio/wav" in answer.headers["Accept-Post"]


@pytest.mark.parametrize("body,pointer", [
    ({"email": "a@example.org", "password": "12345678", "nope": 1}, "/nope"),
    ({"email": "a@example.org"}, "/password"),
    ({"email": "nobody", "password": "12345678"}, "/email"),
    ({"email": "a@example.org", "password": "1234567"}, "/password"),
    ({"email": "a@example.org", "password": 12345678}, "/password"),
    ({"email": "a@example.org", "password": "12345678", "time_zone": "Mars/Base"}, "/time_zone"),
    ({"email": "a@example.org", "password": "12345678", "locale": "xx"}, "/locale"),
])
def test_validation_422_has_the_pointer(client, body, pointer):
    document = problem(client.post("/v1/users", body), 422, "validation")
    assert pointer in [error.get("pointer") for error in document["errors"]], document
    assert all(error["detail"] for error in document["errors"])


def test_idempotency_key_reused_422(learner):
    key = {"Idempotency-Key": "one"}
    event = {"type": "study", "subject": "x", "minutes": 5}
    assert learner.post("/v1/history", event, headers=key).status == 201
    answer = learner.post("/v1/history", {**event, "minutes": 6}, headers=key)
    problem(answer, 422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "a" * 129, "a b", "\u00e9"], ids=["empty", "long", "space",
                                                                       "not ASCII"])
def test_malformed_idempotency_key_is_refused(learner, key):
    answer = learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": 5},
                          headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status in (400, 422), answer


def test_headers_too_large_431(client):
    problem(client.get("/healthz", headers={"X": "a" * 20480}), 431, "headers-too-large")


def test_throttled_429_after_repeated_failures(app, learner):
    client = app.client()
    for _ in range(60):
        answer = client.post("/v1/sessions", {"email": learner.email, "password": "wrong one!"})
        if answer.status == 429:
            break
        problem(answer, 401, "unauthenticated")
    problem(answer, 429, "throttled")
    retry_after(answer)


def test_quota_exceeded_429(deploy):
    app = deploy(settings={"USER_DAILY_PLANS": "2"})
    learner = app.learner()
    for _ in range(2):
        learner.plan()
    answer = learner.post("/v1/plans", {"goal": "chapters 1-3"})
    problem(answer, 429, "quota-exceeded")
    retry_after(answer)


def test_request_timeout_408_or_close_for_a_body_that_never_comes(client):
    head = (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10\r\n\r\n{")
    with socket.create_connection(("127.0.0.1", client.port)) as peer:
        peer.settimeout(40)
        peer.sendall(head)
        received = peer.recv(65536)
    assert received == b"" or b" 408 " in received.split(b"\r\n")[0]
    if received:
        assert json.loads(received.partition(b"\r\n\r\n")[2])["type"] == "/problems/request-timeout"


@pytest.mark.disturbs
def test_dependency_down_503(app, learner):
    app["planner"].kill9()
    answer = learner.get("/v1/plans")
    problem(answer, 503, "dependency-down")
    retry_after(answer)
    app.revive("planner")
    wait_for(lambda: learner.get("/v1/plans").status == 200, 3, "recovery")


@pytest.mark.disturbs
def test_deadline_504(app, learner):
    """A stopped service: its link is given up after 3 s, a route's deadline is 5 s."""
    learner.get("/v1/users/me")
    app["history"].pause()
    began = time.monotonic()
    answer = learner.get("/v1/history")
    app["history"].resume()
    assert (answer.status, answer.code) in ((504, "deadline"), (503, "dependency-down"),
                                            (502, "providers-failed"))
    assert time.monotonic() - began < 6
    wait_for(lambda: learner.get("/v1/history").status == 200, 3, "recovery")


def test_overloaded_503_is_immediate(deploy):
    """A CPU pool and queue that are too small for thirty sign-ins at once."""
    app = deploy(settings={"AUTH_QUEUE_LIMIT": "1", "AUTH_WORKER_CONNECTIONS": "1",
                           "AUTH_WORKERS": "1"})
    learner = app.learner()
    body = {"email": learner.email, "password": learner.password}
    answers = []

    def sign_in(client):
        answers.append(client.post("/v1/sessions", body))
        return answers[-1]

    with Load(app, None, {"sign-in": sign_in}, clients=30, pause=0) as load:
        time.sleep(2)
    refused = [answer for answer in answers if answer.status == 503]
    assert refused and load.of("sign-in")
    problem(refused[0], 503, "overloaded")
    retry_after(refused[0])
    assert {answer.status for answer in answers} <= {201, 503, 429}


def test_every_code_has_its_page(client):
    for code in ("invalid-json", "bad-request", "unauthenticated", "forbidden-origin", "not-found",
                 "method-not-allowed", "not-acceptable", "request-timeout", "email-taken",
                 "conflict", "precondition-failed", "too-large", "unsupported-media", "validation",
                 "idempotency-key-reused", "headers-too-large", "throttled", "quota-exceeded",
                 "internal", "providers-failed", "overloaded", "dependency-down", "deadline"):
        assert client.get("/problems/" + code).status == 200, code
    assert client.get("/problems/nope").status == 404
