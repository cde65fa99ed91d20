"""Every refusal of the edge is a problem document with its status; the process lives on."""
import pytest

pytestmark = pytest.mark.smoke


def problem(answer, status, code):
    assert answer.status == status, answer
    assert answer.code == code, answer
    assert answer.json["trace_id"] == answer.headers["X-Request-Id"], answer


def test_unknown_path_is_404(client):
    problem(client.get("/v1/nothing"), 404, "not-found")


def test_wrong_method_is_405_with_allow(client):
    answer = client.request("PUT", "/v1/plans", {})
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= {word.strip() for word in answer.headers["Allow"].split(",")}


def test_no_token_is_401_with_challenge(client):
    answer = client.get("/v1/users/me")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_broken_json_is_400(client):
    problem(client.post("/v1/users", b"{", headers={"Content-Type": "application/json"}),
            400, "invalid-json")


def test_invalid_utf8_is_400(client):
    body = b'{"email":"a@example.org","password":"\xff\xfe45678901"}'
    problem(client.post("/v1/users", body, headers={"Content-Type": "application/json"}),
            400, "invalid-json")


def test_json_of_depth_10000_is_refused(client):
    body = b'{"email":' + b"[" * 10000 + b"]" * 10000 + b"}"
    answer = client.post("/v1/users", body, headers={"Content-Type": "application/json"})
    assert answer.status in (400, 422), answer
    assert client.get("/healthz").status == 200


def test_wrong_media_type_is_415(client):
    problem(client.post("/v1/users", b"email=a", headers={"Content-Type": "text/plain"}),
            415, "unsupported-media")


def test_unknown_field_is_422_with_its_pointer(client):
    answer = client.post("/v1/users", {"email": "a@example.org", "password": "12345678", "nope": 1})
    problem(answer, 422, "validation")
    assert [error["pointer"] for error in answer.json["errors"]] == ["/nope"]


def test_body_of_2_mb_is_413(client):
    body = b'{"email":"' + b"a" * (2 << 20) + b'"}'
    try:
        answer = client.post("/v1/users", body, headers={"Content-Type": "application/json"})
    except ConnectionError:
        client.close()  # refused before it was read whole, also fine
    else:
        problem(answer, 413, "too-large")
    assert client.get("/healthz").status == 200


def test_header_of_20_kb_is_431(client):
    answer = client.get("/healthz", headers={"X-Long": "a" * 20480})
    problem(answer, 431, "headers-too-large")


def test_malformed_query_parameter_is_422(learner):
    answer = learner.get("/v1/plans?limit=0")
    problem(answer, 422, "validation")
    assert answer.json["errors"][0]["parameter"] == "limit"
    assert learner.get("/v1/plans?limit=abc").status == 422
    assert learner.get("/v1/plans?whatever=1").status == 200


@pytest.mark.parametrize("request_head", [
    b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n",
    b"GET /healthz HTTP/1.1\nHost: a\n\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n",
    b"nonsense\r\n\r\n",
], ids=["both lengths", "bare LF", "two hosts", "space before colon", "obs-fold", "no host",
        "no request"])
def test_malformed_request_is_400_and_closed(client, request_head):
    received = client.raw(request_head + b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    assert received == b"" or received.startswith(b"HTTP/1.1 400 "), received
    assert received.count(b"HTTP/1.1 ") <= 1, "answered something after a malformed request"


def test_problem_page_exists(client):
    assert client.get("/problems/validation").status == 200
