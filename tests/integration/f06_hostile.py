"""Hostile HTTP: a clear answer or a clean close each time; the process lives, its memory stays."""
import os
import re
import socket

import pytest

from process import wait_for

TIMES = 40
GROWTH_KB = 3072
JSON = b"Content-Type: application/json\r\n"


def post(body, more=b"", path=b"/v1/users"):
    return (b"POST " + path + b" HTTP/1.1\r\nHost: a\r\n" + JSON + more +
            b"Content-Length: %d\r\n\r\n" % len(body) + body)


def get(more, target=b"/healthz"):
    return b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" + more + b"\r\n"


CHUNKED = b"POST /v1/users HTTP/1.1\r\nHost: a\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
# name: (bytes, the statuses that may be answered). A close without an answer is always fine.
CASES = {
    "2 MB body": (post(b'{"email":"' + b"a" * (2 << 20) + b'"}'), {413}),
    "2 MB in chunks": (CHUNKED + b"10000\r\n" + b"a" * 65536 + b"\r\n" + b"10000\r\n" +
                       b"a" * 65536 + b"\r\n" + (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 30 +
                       b"0\r\n\r\n", {400, 413}),
    "depth 10,000 of arrays": (post(b'{"email":' + b"[" * 10000 + b"]" * 10000 + b"}"), {400}),
    "depth 10,000 of objects": (post(b'{"a":' * 10000 + b"1" + b"}" * 10000), {400}),
    "unclosed depth": (post(b"[" * 60000), {400}),
    "invalid UTF-8": (post(b'{"email":"\xff\xfe"}'), {400}),
    "overlong UTF-8": (post(b'{"email":"\xc0\xaf"}'), {400}),
    "lone surrogate": (post(b'{"email":"\\ud800"}'), {400, 422}),
    "NUL in a text": (post(b'{"email":"a\\u0000b@example.org","password":"12345678"}'), {400, 422}),
    "number out of range": (post(b'{"email":1e400,"password":"x"}'), {400, 422}),
    "great integer": (post(b'{"email":' + b"9" * 400 + b"}"), {400, 422}),
    "a member twice": (post(b'{"email":"a@example.org","email":"b@example.org",'
                            b'"password":"12345678"}'), {400, 422}),
    "an array": (post(b"[]"), {400, 422}),
    "nothing": (post(b""), {400}),
    "text after the value": (post(b"{} {}"), {400}),
    "5,000 unknown fields": (post(b"{" + b",".join(b'"f%d":1' % i for i in range(5000)) + b"}"),
                              {422}),
    "20 KB header": (get(b"X: " + b"a" * 20480 + b"\r\n"), {431}),
    "1,000 headers": (get(b"".join(b"X%d: y\r\n" % i for i in range(1000))), {431, 400}),
    "20 KB target": (get(b"", b"/" + b"a" * 20480), {414, 431}),
    "bare LF": (b"GET /healthz HTTP/1.1\nHost: a\n\n", {400}),
    "bare CR after the request line": (b"GET /healthz HTTP/1.1\rX: y\r\nHost: a\r\n\r\n", {400}),
    "bare CR in a header": (get(b"X: a\rb: c\r\n"), {400}),
    "both lengths": (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "two lengths": (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    b"Content-Length: 4\r\n\r\nabcd", {400}),
    "negative length": (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", {400}),
    "length of 30 digits": (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 30 +
                            b"\r\n\r\n", {400, 413}),
    "chunk of 2^64": (CHUNKED + b"fffffffffffffffff\r\n", {400, 413}),
    "chunk extensions": (CHUNKED + (b"1;" + b"a" * 16000 + b"\r\nx\r\n") * 20, {400, 413, 431}),
    "great trailers": (CHUNKED + b"0\r\n" + b"X: " + b"a" * 30000 + b"\r\n\r\n", {400, 431}),
    "unknown coding": (b"POST /v1/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n"
                       b"\r\n0\r\n\r\n", {400, 415, 501}),
    "NUL in a header": (get(b"X: a\0b\r\n"), {400}),
    "control in the target": (get(b"", b"/health\x01z"), {400}),
    "percent nonsense": (get(b"", b"/v1/%zz"), {400, 404}),
    "NUL in the path": (get(b"", b"/v1/plans/%00"), {400, 401, 404}),
    "dots": (get(b"", b"/../../../../etc/passwd"), {400, 404}),
    "encoded dots": (get(b"", b"/docs/%2e%2e/%2e%2e/etc/passwd"), {400, 404}),
    "absolute target": (get(b"", b"http://evil.example/healthz"), {200, 400, 404, 421}),
    "two hosts": (get(b"Host: b\r\n"), {400}),
    "two authorizations": (get(b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
                               b"/v1/users/me"), {400}),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 505}),
    "HTTP/9.9": (b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n", {400, 505}),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), {400}),
    "a token of 8 KB": (get(b"Authorization: Bearer " + b"a" * 8000 + b"\r\n", b"/v1/users/me"),
                        {401, 431}),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", {400, 404, 405, 501}),
    "upgrade": (get(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), {200, 400, 404, 426}),
}


def answers(client, data, timeout):
    """The final statuses that come, and whether the other side closed."""
    received, closed = b"", False
    with client.connect(timeout) as peer:
        try:
            peer.sendall(data)
            while not closed and not re.search(rb"HTTP/1\.1 [2-5]\d\d ", received):
                chunk = peer.recv(65536)
                received += chunk
                closed = not chunk
            peer.settimeout(0.2)  # is there a second answer?
            received += b"" if closed else peer.recv(65536)
        except ConnectionError:
            closed = True
        except TimeoutError:
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([2-5]\d\d) ", received)], closed


@pytest.mark.parametrize("name", CASES)
def test_hostile_request_gets_a_clear_answer_or_a_close(app, client, name):
    data, allowed = CASES[name]
    statuses, closed = answers(client, data, 3)
    assert set(statuses) <= allowed, statuses
    assert len(statuses) == 1 or not statuses and closed, "neither an answer nor a close"
    assert client.get("/healthz").status == 200


def fire(app, data):
    """Sends and goes, sometimes without reading a byte."""
    try:
        with socket.create_connection(("127.0.0.1", app.port), 5) as peer:
            peer.sendall(data)
            peer.settimeout(0.3)
            peer.recv(65536)
    except OSError:
        pass


def test_hostile_requests_leave_no_memory_behind(app, client):
    gateway = app["gateway"]
    for data, _ in CASES.values():
        fire(app, data)
    before = gateway.memory_kb()
    for _ in range(TIMES):
        for data, _ in CASES.values():
            fire(app, data)
    assert gateway.alive() and client.get("/healthz").status == 200
    if "asan" in os.environ.get("STUDYHALL_BIN", ""):
        return
    wait_for(lambda: gateway.memory_kb() - before <= GROWTH_KB, 5,
             f"the gateway's memory within {GROWTH_KB} KB of {before} KB")
    print(f"\ngateway: {before} KB before, {gateway.memory_kb()} KB after"
          f" {TIMES * len(CASES)} hostile requests")


def test_slow_senders_and_readers_do_not_hold_others_back(app, learner):
    slow = []
    for number in range(100):
        peer = socket.create_connection(("127.0.0.1", app.port), 5)
        if number % 2:
            peer.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 20)  # never read
        else:
            peer.sendall(b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Le")  # never ended
        slow.append(peer)
    try:
        for _ in range(20):
            assert learner.get("/v1/history", timeout=2).status == 200
    finally:
        for peer in slow:
            peer.close()
