"""Whatever a stranger sends to a service's port, the service goes on and its memory stays."""
import os
import random
import socket
import struct
import time

import pytest

from process import wait_for
from stranger import Stranger, batch, envelope, field, request

METHODS = {"auth": "auth.Auth/SignIn", "planner": "planner.Planner/CreatePlan",
           "history": "history.History/Ingest", "voice": "voice.Voice/CreateTurn"}
USES = {"auth": lambda learner: learner.get("/v1/sessions").status,
        "planner": lambda learner: learner.get("/v1/plans").status,
        "history": lambda learner: learner.get("/v1/history/summary").status,
        "voice": lambda learner: learner.get("/v1/voice/conversations").status}
TIMES = 1000
GROWTH_KB = 2048


def connects_and_closes(url, _):
    Stranger(url).__exit__()


def sends_http(url, _):
    with Stranger(url) as peer:
        peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try_answer(peer)


def claims_4_gib(url, _):
    with Stranger(url).greet() as peer:
        peer.send(struct.pack(">Q", 1 << 32) + bytes(1000))
        try_answer(peer)


def sends_garbage(url, _):
    with Stranger(url) as peer:
        peer.send(random.randbytes(2000))
    with Stranger(url).greet() as peer:
        peer.post(random.randbytes(2000))


def breaks_the_batch(url, _):
    with Stranger(url).greet() as peer:
        boot = peer.hello()
        peer.post(batch(0, boot, b"\x1a\xff\xff\xff\xff\x0f" + bytes(100)))
        try_answer(peer)


def nests_deeply(url, method):
    body = b""
    for _ in range(10000):
        body = field(1, body)
    ask(url, request(1, method, body))


def repeats_hugely(url, method):
    ask(url, request(1, method, b"\x0a\x00" * 100_000))


def repeats_headers(url, method):
    ask(url, request(1, method, b"", b"\x4a\x00" * 100_000))


def repeats_unknown_fields(url, method):
    ask(url, request(1, method, b"\xf8\x07\x01" * 60_000))


def promises_a_body_and_goes(url, method):
    ask(url, request(1, method, b"x" * 1000, field(11, 8 << 20)), wait=False)
    ask(url, request(1, method, b"", field(11, 0xffffffff)), wait=False)


def uses_a_call_twice(url, method):
    ask(url, request(7, method) + request(7, method), wait=False)


def sends_hostile_pieces(url, method):
    ask(url, request(1, method, b"", field(11, 1000)) +
        envelope(1, 5, field(1, b"y" * 5000)) + envelope(1, 5, b"\xf8\x07\x01" * 20_000) +
        envelope(99, 5, b"") + envelope(1, 6, b"") + envelope(1, 7, field(1, 0xffffffff)),
        wait=False)


def calls_what_is_not_there(url, _):
    ask(url, request(1, "x" * 50_000) + request(2, "") + request(3, "history.History/Nope"))


KINDS = [connects_and_closes, sends_http, claims_4_gib, sends_garbage, breaks_the_batch,
         nests_deeply, repeats_hugely, repeats_headers, repeats_unknown_fields,
         promises_a_body_and_goes, uses_a_call_twice, sends_hostile_pieces,
         calls_what_is_not_there]


def ask(url, envelopes, wait=True):
    """A well-behaved stranger but for what it asks; waits for an answer of its poll."""
    with Stranger(url).greet() as peer:
        boot = peer.hello()
        peer.post(batch(0, boot, envelopes))
        if wait:
            peer.post(batch(1, boot))
            try_answer(peer)


def try_answer(peer):
    try:
        return peer.answer()
    except (OSError, ConnectionError):
        return None


def once(kind, url, method):
    try:
        kind(url, method)
    except (ConnectionError, socket.timeout):
        pass  # the service has thrown us out, which is fine


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "history" else
                                               pytest.mark.slow) for name in sorted(METHODS)])
def test_strangers_1000_times(app, learner, name):
    url, process = app.listen[name][0], app[name]
    assert USES[name](learner) == 200
    before = process.memory_kb()
    for number in range(TIMES):
        once(KINDS[number % len(KINDS)], url, METHODS[name])
    assert process.alive()
    assert USES[name](learner) == 200
    if os.environ.get("STUDYHALL_BIN", "").find("asan") >= 0:
        return  # the sanitizer keeps freed memory for a while
    wait_for(lambda: process.memory_kb() - before <= GROWTH_KB, 5,
             f"memory of {name} within {GROWTH_KB} KB of {before} KB "
             f"(now {process.memory_kb()} KB)")
    print(f"\n{name}: {before} KB before, {process.memory_kb()} KB after {TIMES} strangers")


def test_strangers_cannot_fill_the_log(app, learner):
    def warnings():
        return app["history"].log_text().count("broke the protocol")

    before, began = warnings(), time.monotonic()
    while time.monotonic() - began < 2:
        once(breaks_the_batch, app.listen["history"][0], None)
    assert warnings() - before <= (time.monotonic() - began) / 10 + 1
    assert USES["history"](learner) == 200


def test_stranger_is_refused_what_was_meant_for_another_boot(app):
    with Stranger(app.listen["history"][0]).greet() as peer:
        boot = peer.hello()
        peer.post(batch(0, boot ^ 1, request(1, METHODS["history"])))
        answer = peer.answer()
        assert struct.unpack("<Q", answer[3:11])[0] == boot
        peer.post(batch(1, boot))
        assert b"\x1a" not in try_answer(peer)[11:12], "executed in the name of another boot"


def test_silent_connections_do_not_keep_others_out(app, learner):
    silent = [Stranger(app.listen["history"][0]) for _ in range(200)]
    silent += [Stranger(app.listen["history"][0]).greet() for _ in range(200)]
    try:
        for _ in range(20):
            assert learner.get("/v1/history").status == 200
    finally:
        for peer in silent:
            peer.socket.close()
