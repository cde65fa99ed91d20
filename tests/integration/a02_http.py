"""HTTP/1.1 as clients rely on it."""
import re
import socket

import pytest

pytestmark = pytest.mark.smoke


def test_keep_alive_serves_several_requests_on_one_connection(client):
    client.get("/healthz")
    first = client.connection.sock
    client.get("/readyz")
    assert client.connection.sock is first


def test_pipelined_requests_are_answered_in_order(client):
    received = client.raw(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                          b"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                          b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"404", b"200"]


def test_head_is_get_without_a_body(client):
    received = client.raw(b"HEAD /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and body == b""


def test_expect_100_continue_is_answered_before_the_body(client):
    body = b'{"email":"x"}'
    with client.connect() as peer:
        peer.sendall(b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert peer.recv(1024).startswith(b"HTTP/1.1 100 ")
        peer.sendall(body)
        assert peer.recv(4096).startswith(b"HTTP/1.1 422 ")


def test_chunked_request_body_is_read(client):
    body = b'{"email":"not an address","password":"12345678"}'
    received = client.raw(
        b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (body[:5], len(body) - 5, body[5:]))
    assert received.startswith(b"HTTP/1.1 422 "), received


def test_half_closed_client_is_answered(client):
    received = client.raw(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n", half_close=True)
    assert received.startswith(b"HTTP/1.1 200 ")


def test_every_answer_has_a_request_id_and_continues_traceparent(client):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = client.get("/v1/users/me", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert answer.headers["X-Request-Id"] == trace
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/v1/users/me").headers["X-Request-Id"])


def test_authenticated_answers_carry_their_headers(learner):
    answer = learner.get("/v1/users/me")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "gateway" in answer.headers["Server-Timing"]


def test_openapi_describes_every_route(client):
    document = client.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for path in ("/v1/users", "/v1/sessions", "/v1/plans", "/v1/history", "/v1/voice/turns"):
        assert "post" in document["paths"][path], path


def test_docs_page_and_redirect_to_it(client):
    assert client.get("/docs").status == 200
    answer = client.get("/")
    assert answer.status in (302, 307) and answer.headers["Location"] == "/docs"


def test_slow_reader_does_not_hold_others_back(app, client):
    with socket.create_connection(("127.0.0.1", app.port)) as peer:
        peer.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        assert client.get("/healthz", timeout=5).status == 200
