"""The stand-in for the AI and speech providers: every fault once, seen by a client."""
import base64
import contextlib
import email.utils
import http.client
import json
import re
import socket
import threading
import time

import pytest

from client import Client
from process import wait_for
from providers import (GEMINI, GEMINI_STREAM, OPENAI, REQUEST, SPOKEN, ask_gemini, ask_openai,
                       check_plan, events, gemini_text, openai_text, prompt, recognize, synthesize)

pytestmark = pytest.mark.smoke

PROVIDERS = ("gemini", "openai")
PLAN = prompt(REQUEST)


def ask(caller, provider, text=PLAN, stream=False, **more):
    if provider == "gemini":
        return ask_gemini(caller, text, GEMINI_STREAM if stream else GEMINI, **more)
    return ask_openai(caller, text, **({"stream": True} if stream else {}), **more)


def text_of(answer, provider, stream=False):
    """The model's text, and the finish reason."""
    if provider == "gemini":
        documents = [json.loads(data) for data in events(answer, "\r\n")] if stream \
            else [answer.json]
        return ("".join(gemini_text(document) for document in documents),
                documents[-1]["candidates"][0].get("finishReason"))
    if not stream:
        return openai_text(answer.json), answer.json["choices"][0]["finish_reason"]
    data = [one for one in events(answer, "\n") if one != "[DONE]"]
    choices = [json.loads(one)["choices"][0] for one in data]
    return ("".join(choice["delta"].get("content", "") for choice in choices),
            choices[-1]["finish_reason"])


def raw(upstream, provider, stream=True, silent=None, text=PLAN):
    """What comes on a socket of its own until its end; and how it ended. `silent`: what is true of
    the ledger's entry once nothing more will come."""
    if provider == "gemini":
        path = GEMINI_STREAM if stream else GEMINI
        body = {"contents": [{"parts": [{"text": text}]}]}
    else:
        path = OPENAI
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}
    body = json.dumps(body).encode()
    received, ending = b"", "closed"
    with Client(upstream.port).connect(60) as peer:
        peer.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\nx-goog-api-key: k\r\n"
                     f"Authorization: Bearer k\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                     + body)
        if silent:
            wait_for(lambda: any(map(silent, upstream.ledger(outcome="open"))), 60, "the silence")
            peer.settimeout(0.3)
        try:
            while chunk := peer.recv(65536):
                received += chunk
                if received.endswith(b"\r\n0\r\n\r\n"):
                    ending = "whole"
                    break
        except ConnectionResetError:
            ending = "reset"
        except TimeoutError:
            ending = "silent"
    return received, ending


def last(upstream):
    """The last call's outcome and fault, once it has ended."""
    call = upstream.await_ended()[-1]
    return call["outcome"], call["fault"]


# --- refusals --------------------------------------------------------------------------------------

@pytest.mark.parametrize("fault, gemini, openai", [
    ("429", (429, "RESOURCE_EXHAUSTED"), (429, "rate_limit_exceeded")),
    ("quota", (429, "RESOURCE_EXHAUSTED"), (429, "insufficient_quota")),
    ("invalid_key", (400, "INVALID_ARGUMENT"), (401, "invalid_api_key")),
    ("400", (400, "INVALID_ARGUMENT"), (400, None)),
    ("404", (404, "NOT_FOUND"), (404, "model_not_found")),
    ("500", (500, "INTERNAL"), (500, None)),
    ("503", (503, "UNAVAILABLE"), (503, None)),
])
def test_refusals_have_each_providers_status_and_document(upstream, caller, fault, gemini, openai):
    upstream.faults(fault)
    for stream in (False, True):
        answer = ask(caller, "gemini", stream=stream)
        error = answer.json["error"]
        assert (answer.status, error["status"]) == gemini and error["code"] == answer.status
        assert last(upstream) == ("failed", fault)
        answer = ask(caller, "openai", stream=stream)
        error = answer.json["error"]
        assert (answer.status, error["code"]) == openai and error["message"] and error["type"]
    reasons = json.dumps(ask(caller, "gemini").json)
    assert ("API_KEY_INVALID" in reasons) == (fault == "invalid_key")


def test_502_is_a_page_of_html(upstream, caller):
    upstream.faults("502")
    answer = ask(caller, "openai")
    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html")


def test_429_says_in_each_form_when_to_come_back(upstream, caller):
    def refused(form, provider="gemini"):
        upstream.faults({"fault": "429", "retry_after": 7, "form": form})
        return ask(caller, provider)

    assert refused("seconds").headers["Retry-After"] == "7"
    assert refused("seconds", "openai").headers["Retry-After"] == "7"
    before = time.time()
    date = email.utils.parsedate_to_datetime(refused("date").headers["Retry-After"])
    assert before + 6 <= date.timestamp() <= time.time() + 8
    answer = refused("retry_info")
    assert "Retry-After" not in answer.headers
    delays = [detail["retryDelay"] for detail in answer.json["error"]["details"]
              if detail["@type"].endswith("google.rpc.RetryInfo")]
    assert delays == ["7s"]
    answer = refused("none")
    assert "Retry-After" not in answer.headers and "retryDelay" not in answer.body.decode()


# --- which calls -----------------------------------------------------------------------------------

def test_rules_choose_by_what_the_call_is(upstream, caller):
    def struck(rule, *answers):
        upstream.faults({"fault": "500", **rule})
        return [answer().status for answer in answers]

    marked = {"Idempotency-Key": "job7:1:1"}
    assert struck({"provider": "openai"}, lambda: ask(caller, "gemini"),
                  lambda: ask(caller, "openai")) == [200, 500]
    assert struck({"path": "stream"}, lambda: ask(caller, "gemini"),
                  lambda: ask(caller, "gemini", stream=True)) == [200, 500]
    assert struck({"mark": "job7:"}, lambda: ask(caller, "openai"),
                  lambda: ask(caller, "openai", headers=marked)) == [200, 500]
    assert struck({"prompt": "BREAK-ME"}, lambda: ask(caller, "gemini"),
                  lambda: ask(caller, "gemini", "BREAK-ME " + PLAN)) == [200, 500]
    assert struck({"key": "key-b"}, lambda: ask(caller, "gemini", key="key-a"),
                  lambda: ask(caller, "gemini", key="key-b")) == [200, 500]
    assert struck({"skip": 2, "next": 1}, *[lambda: ask(caller, "openai")] * 5) == \
        [200, 200, 500, 200, 200]


def test_a_key_may_be_spent_and_another_be_good(upstream, caller):
    upstream.faults({"fault": "quota", "key": "spent-key"}, {"fault": "invalid_key", "key": "bad"})
    assert [ask(caller, "openai", key=key).status for key in ("spent-key", "bad", "fresh-key")] == \
        [429, 401, 200]
    assert [call["key"] for call in upstream.ledger()] == ["-key", "bad", "-key"]


def test_probability_is_kept_and_the_first_rule_that_strikes_counts(upstream, caller):
    upstream.reset(seed=3, faults=[{"fault": "500", "probability": 0.3}, {"fault": "503"}])
    for _ in range(200):
        ask(caller, "openai", "hello")
    faults = upstream.stats()["faults"]
    assert faults["500"] + faults["503"] == 200 and 40 <= faults["500"] <= 80
    rules = caller.get("/_upstream/config").json["faults"]
    assert [(rule["seen"], rule["struck"]) for rule in rules] == \
        [(200, faults["500"]), (faults["503"], faults["503"])]


# --- connections -----------------------------------------------------------------------------------

@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_connections_end_before_the_first_byte(upstream, provider, stream):
    upstream.faults("reset")
    assert raw(upstream, provider, stream) == (b"", "reset")
    assert last(upstream) == ("failed", "reset")
    upstream.faults("close")
    assert raw(upstream, provider, stream) == (b"", "closed")
    upstream.faults("stall")
    assert raw(upstream, provider, stream, silent=lambda call: True) == (b"", "silent")
    assert last(upstream) == ("aborted", "stall")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault, ending", [("reset_middle", "reset"), ("cut", "closed"),
                                           ("stall_middle", "silent")])
def test_connections_end_in_the_middle(upstream, provider, stream, fault, ending):
    upstream.faults(fault)
    silent = (lambda call: call["first_byte"]) if ending == "silent" else None
    received, ended = raw(upstream, provider, stream, silent)
    assert ended == ending and received.startswith(b"HTTP/1.1 200") and len(received) > 300
    assert b"[DONE]" not in received and b"STOP" not in received
    assert last(upstream) == ("aborted" if ending == "silent" else "failed", fault)
    call = upstream.ledger()[-1]
    assert call["first_byte"] and call["status"] == 200


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_held_calls_go_on_when_they_are_released(upstream, caller, provider, stream):
    for fault in ("hold", "hold_middle"):
        upstream.forget()
        upstream.faults(fault)
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(ask(caller, provider, stream=stream)))
        asking.start()
        upstream.await_held(1)
        (call,) = upstream.ledger()
        assert call["outcome"] == "open" and bool(call["first_byte"]) == (fault == "hold_middle")
        assert upstream.release() == 1
        asking.join()
        check_plan(json.loads(text_of(answers[0], provider, stream)[0]), REQUEST)
        assert last(upstream) == ("delivered", fault)


def test_held_calls_are_released_by_mark_and_in_order(upstream):
    upstream.faults("hold")
    clients = [Client(upstream.port) for _ in range(4)]
    marks = ("a:1:1", "b:1:1", "a:1:2", "a:1:3")
    threads = []

    def ask_marked(caller, mark):
        with contextlib.suppress(OSError):  # one is hung up
            ask(caller, "openai", headers={"Idempotency-Key": mark})

    for number, (caller, mark) in enumerate(zip(clients, marks), 1):
        threads.append(threading.Thread(target=ask_marked, args=(caller, mark)))
        threads[-1].start()
        upstream.await_held(number)
    assert upstream.release(mark="c:") == 0 and upstream.release(mark="a:", next=2) == 2
    upstream.await_open(2)
    assert [call["mark"] for call in upstream.ledger(outcome="open")] == ["b:1:1", "a:1:3"]
    # The rest goes by itself: who hangs up is held no longer.
    clients[1].connection.sock.shutdown(socket.SHUT_RDWR)
    upstream.await_held(1)
    assert upstream.release() == 1
    for thread in threads:
        thread.join()
    assert [call["outcome"] for call in upstream.ledger()] == \
        ["delivered", "aborted", "delivered", "delivered"]


def test_slow_is_late_and_otherwise_well(upstream, caller):
    upstream.faults({"fault": "slow", "delay_ms": 200})
    check_plan(json.loads(text_of(ask(caller, "openai"), "openai")[0]), REQUEST)
    (call,) = upstream.ledger()
    assert call["first_byte"] - call["started"] >= 197_000
    assert last(upstream) == ("delivered", "slow")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_drip_comes_byte_by_byte_and_whole(upstream, caller, provider, stream):
    upstream.faults({"fault": "drip", "bytes": 40, "every_ms": 4})
    answer = ask(caller, provider, stream=stream)
    check_plan(json.loads(text_of(answer, provider, stream)[0]), REQUEST)
    (call,) = upstream.ledger()
    assert call["ended"] - call["first_byte"] >= len(answer.body) / 40 * 3_000
    assert last(upstream) == ("delivered", "drip")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_error_comes_in_the_middle_of_a_stream(upstream, caller, provider):
    upstream.faults("stream_error")
    data = events(ask(caller, provider, stream=True), "\r\n" if provider == "gemini" else "\n")
    assert len(data) > 3 and "error" in json.loads(data[-1])
    assert last(upstream) == ("failed", "stream_error")
    assert ask(caller, provider).status == 500


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_huge_is_ten_megabytes_of_valid_json(upstream, caller, provider, stream):
    upstream.faults("huge")
    answer = ask(caller, provider, stream=stream)
    assert len(answer.body) > 10 << 20
    text = text_of(answer, provider, stream)[0]
    assert len(json.loads(text)["note"]) == 10 << 20
    assert last(upstream) == ("failed", "huge")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_providers_own_json_is_cut(upstream, caller, provider):
    upstream.faults("truncated_body")
    answer = ask(caller, provider)
    assert answer.status == 200 and int(answer.headers["Content-Length"]) == len(answer.body)
    with pytest.raises(ValueError):
        json.loads(answer.body)
    assert raw(upstream, provider)[1] == "closed"


@pytest.mark.parametrize("stream", [False, True])
def test_html_with_status_200(upstream, caller, stream):
    upstream.faults("html")
    answer = ask(caller, "gemini", stream=stream)
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert answer.body.startswith(b"<!DOCTYPE html>")


# --- ends ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_without_an_end(upstream, provider):
    upstream.faults("unfinished")
    received, ended = raw(upstream, provider)
    assert ended == "whole"
    assert b"finishReason" not in received and b"[DONE]" not in received
    assert b'"finish_reason":"stop"' not in received
    assert last(upstream) == ("failed", "unfinished")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_length_cuts_behind_complete_days(upstream, caller, provider, stream):
    upstream.faults("length")
    text, reason = text_of(ask(caller, provider, stream=stream), provider, stream)
    assert reason == ("MAX_TOKENS" if provider == "gemini" else "length")
    with pytest.raises(ValueError):
        json.loads(text)
    days = re.findall(r'\{"date":"[-0-9]+","items":\[(?:\{[^}]*\},?)+\]\}', text)
    assert len(days) >= 2 and json.loads(days[0])["date"] == REQUEST["dates"][0]
    assert last(upstream) == ("delivered", "length")


@pytest.mark.parametrize("stream", [False, True])
def test_safety_gives_no_text_and_the_reason(upstream, caller, stream):
    upstream.faults("safety")
    answer = ask(caller, "gemini", stream=stream)
    (document,) = [json.loads(data) for data in events(answer, "\r\n")] if stream else [answer.json]
    candidate = document["candidates"][0]
    assert candidate["finishReason"] == "SAFETY" and "content" not in candidate
    text, reason = text_of(ask(caller, "openai", stream=stream), "openai", stream)
    assert (text, reason) == ("", "content_filter")


@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_prompt_gets_no_candidate(upstream, caller, stream):
    upstream.faults("blocked")
    answer = ask(caller, "gemini", stream=stream)
    (document,) = [json.loads(data) for data in events(answer, "\r\n")] if stream else [answer.json]
    assert "candidates" not in document
    assert document["promptFeedback"]["blockReason"] == "PROHIBITED_CONTENT"
    answer = ask(caller, "openai", stream=stream)
    if stream:
        deltas = [json.loads(data)["choices"][0]["delta"] for data in events(answer, "\n")[:-1]]
        assert any(delta.get("refusal") for delta in deltas)
        assert not any(delta.get("content") for delta in deltas)
    else:
        message = answer.json["choices"][0]["message"]
        assert message["refusal"] and message["content"] is None


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("stream", [False, True])
def test_empty_ends_well_without_text(upstream, caller, provider, stream):
    upstream.faults("empty")
    text, reason = text_of(ask(caller, provider, stream=stream), provider, stream)
    assert text == "" and reason in ("STOP", "stop")


# --- what the model says ---------------------------------------------------------------------------

def said(upstream, caller, fault, stream, request=None):
    upstream.faults(fault)
    text, reason = text_of(ask(caller, "gemini", prompt(request or REQUEST), stream), "gemini",
                           stream)
    assert reason == "STOP" and last(upstream) == ("delivered", fault)
    return text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault, pattern", [
    ("fenced", r"```json\n(?P<plan>\{.*\})\n```\n"), ("trailing", r"(?P<plan>\{.*\]\})\n\nGood.*"),
    ("leading", r"Sure! .*\n\n(?P<plan>\{.*\})")])
def test_words_stand_around_the_json(upstream, caller, fault, pattern, stream):
    text = said(upstream, caller, fault, stream)
    check_plan(json.loads(re.fullmatch(pattern, text, re.S)["plan"]), REQUEST)
    with pytest.raises(ValueError):
        json.loads(text)


@pytest.mark.parametrize("stream", [False, True])
def test_truncated_text_is_said_to_be_complete(upstream, caller, stream):
    text = said(upstream, caller, "truncated", stream)
    assert text.startswith('{"days":[{"date"')
    with pytest.raises(ValueError):
        json.loads(text)


def test_prose_has_no_json(upstream, caller):
    assert "{" not in said(upstream, caller, "prose", False)


def test_wrong_plans_break_one_rule_each(upstream, caller):
    assert "days" not in json.loads(said(upstream, caller, "wrong_schema", False))
    days = json.loads(said(upstream, caller, "wrong_dates", False))["days"]
    assert any(day["date"] < REQUEST["dates"][0] for day in days)
    days = json.loads(said(upstream, caller, "wrong_rest", False))["days"]
    # 2026-05-06 is the first day in the range that is not among the dates.
    assert days[0]["date"] == "2026-05-06"
    days = json.loads(said(upstream, caller, "wrong_minutes", False))["days"]
    assert any(sum(item["minutes"] for item in day["items"]) > 60 for day in days)
    for topics in (["Genes"], REQUEST["topics"], [f"Topic {n}" for n in range(9)]):
        request = {**REQUEST, "topics": topics}
        text = said(upstream, caller, "missing_topics", False, request)
        assert any(topic not in text for topic in topics)
        assert all(day["items"] for day in json.loads(text)["days"])


# --- speech ----------------------------------------------------------------------------------------

def test_speech_fails_as_well(upstream, caller):
    upstream.faults({"fault": "503", "path": "recognize"}, {"fault": "429", "path": "synthesize"})
    assert recognize(caller, SPOKEN).status == 503
    assert synthesize(caller, "hello", "MP3").status == 429
    upstream.faults("empty")
    assert "results" not in recognize(caller, SPOKEN).json
    assert synthesize(caller, "hello", "MP3").json["audioContent"] == ""
    upstream.faults("wrong_schema")
    assert recognize(caller, SPOKEN).json["results"] == "none"
    assert "audioContent" not in synthesize(caller, "hello", "MP3").json
    upstream.faults("huge")
    assert len(recognize(caller, SPOKEN).body) > 10 << 20
    assert len(base64.b64decode(synthesize(caller, "hello", "MP3").json["audioContent"])) > 7 << 20
    upstream.faults("cut")
    with pytest.raises(http.client.IncompleteRead):
        recognize(caller, SPOKEN)
    upstream.faults("truncated_body")
    with pytest.raises(ValueError):
        json.loads(synthesize(caller, "hello", "MP3").body)
