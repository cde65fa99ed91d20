"""The stand-in for the AI providers: what it answers when nothing goes wrong."""
import json
import math

import pytest

from client import Client
from providers import (GEMINI, GEMINI_STREAM, OPENAI, REQUEST, ask_gemini, ask_openai, check_plan,
                       events, gemini_text, openai_text, prompt)
from upstream import wall_us

pytestmark = pytest.mark.smoke


# --- chat ------------------------------------------------------------------------------------------

def test_gemini_answers_with_a_plan_and_its_usage(caller):
    answer = ask_gemini(caller, prompt(REQUEST))
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"
    check_plan(json.loads(gemini_text(answer.json)), REQUEST)
    candidate, usage = answer.json["candidates"][0], answer.json["usageMetadata"]
    assert candidate["finishReason"] == "STOP" and candidate["content"]["role"] == "model"
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]
    assert usage["promptTokenCount"] == math.ceil(len(prompt(REQUEST).encode()) / 4)
    assert answer.json["modelVersion"] == "gemini-2.5-flash"


def test_openai_answers_with_the_same_plan_and_its_usage(caller):
    answer = ask_openai(caller, prompt(REQUEST))
    assert answer.status == 200, answer
    assert openai_text(answer.json) == gemini_text(ask_gemini(caller, prompt(REQUEST)).json)
    assert answer.json["object"] == "chat.completion" and answer.json["model"] == "gpt-4o-mini"
    assert answer.json["choices"][0]["finish_reason"] == "stop"
    usage = answer.json["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


@pytest.mark.parametrize("topics, days, minutes", [
    (1, 1, 5), (1, 40, 60), (7, 7, 30), (3, 40, 20), (50, 7, 90), (200, 1, 60), (200, 3, 5),
    (13, 366, 960), (200, 366, 45)])
def test_every_plan_keeps_the_rules(caller, topics, days, minutes):
    request = {"topics": [f"Topic {number:03}" for number in range(topics)],
               "dates": [f"20{26 + day // 360}-{day // 30 % 12 + 1:02}-{day % 28 + 1:02}"
                         for day in range(days)], "minutes_per_day": minutes}
    request["dates"] = sorted(set(request["dates"]))
    check_plan(json.loads(gemini_text(ask_gemini(caller, prompt(request)).json)), request)


def test_the_days_done_are_left_out_and_the_rest_is_the_same(caller):
    whole = json.loads(gemini_text(ask_gemini(caller, prompt(REQUEST)).json))
    done = REQUEST["dates"][:2]
    rest = json.loads(gemini_text(
        ask_gemini(caller, prompt({**REQUEST, "days_done": done})).json))
    check_plan(rest, REQUEST, done)
    assert rest["days"] == whole["days"][2:]


def test_the_last_message_that_has_a_request_counts(caller):
    other = {**REQUEST, "topics": ["Genes"]}
    contents = [{"role": "user", "parts": [{"text": prompt(REQUEST)}]},
                {"role": "model", "parts": [{"text": "no"}]},
                {"role": "user", "parts": [{"text": "Again: {\"x\": {"}, {"text": prompt(other)}]},
                {"role": "model", "parts": [{"text": prompt(REQUEST)}]},
                {"role": "user", "parts": [{"text": "{\"dates\": []} was wrong, repair it"}]}]
    answer = caller.post(GEMINI, {"contents": contents}, headers={"x-goog-api-key": "k"})
    check_plan(json.loads(gemini_text(answer.json)), other)


@pytest.mark.parametrize("text, korean", [("오늘 뭐 할까요?", True), ("What now?", False)])
def test_the_tutor_answers_in_the_language_of_the_question(caller, text, korean):
    for reply in (gemini_text(ask_gemini(caller, text).json),
                  openai_text(ask_openai(caller, text).json)):
        assert any("가" <= letter <= "힣" for letter in reply) == korean, reply


@pytest.mark.parametrize("provider", ["gemini", "openai"])
def test_a_token_limit_cuts_the_answer(caller, provider):
    if provider == "gemini":
        answer = ask_gemini(caller, prompt(REQUEST), generationConfig={"maxOutputTokens": 20}).json
        assert answer["candidates"][0]["finishReason"] == "MAX_TOKENS"
        assert answer["usageMetadata"]["candidatesTokenCount"] == 20
    else:
        answer = ask_openai(caller, prompt(REQUEST), max_completion_tokens=20).json
        assert answer["choices"][0]["finish_reason"] == "length"
        assert answer["usage"]["completion_tokens"] == 20


def test_thoughts_are_in_the_usage_figures(upstream, caller):
    upstream.configure(thought_tokens=100)
    usage = ask_gemini(caller, "Hello").json["usageMetadata"]
    assert usage["thoughtsTokenCount"] == 100
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"] + 100
    usage = ask_openai(caller, "Hello").json["usage"]
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 100
    assert usage["completion_tokens"] > 100


# --- streams ---------------------------------------------------------------------------------------

def test_gemini_streams_the_same_plan_in_events(upstream, caller):
    upstream.configure(latency={"chunks": 12})
    answer = ask_gemini(caller, prompt(REQUEST), GEMINI_STREAM)
    assert answer.headers["Content-Type"] == "text/event-stream"
    documents = [json.loads(data) for data in events(answer, "\r\n")]
    assert len(documents) == 13
    text = "".join(gemini_text(document) for document in documents)
    assert text == gemini_text(ask_gemini(caller, prompt(REQUEST)).json)
    assert [document["candidates"][0].get("finishReason") for document in documents] == \
        [None] * 12 + ["STOP"]
    usage = documents[-1]["usageMetadata"]
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + usage["candidatesTokenCount"]


@pytest.mark.parametrize("usage", [False, True])
def test_openai_streams_the_same_plan_in_chunks(upstream, caller, usage):
    upstream.configure(latency={"chunks": 12})
    options = {"stream_options": {"include_usage": True}} if usage else {}
    answer = ask_openai(caller, prompt(REQUEST), stream=True, **options)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    data = events(answer, "\n")
    assert data.pop() == "[DONE]"
    chunks = [json.loads(one) for one in data]
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    if usage:
        last = chunks.pop()
        assert last["choices"] == [] and last["usage"]["completion_tokens"] > 0
        assert all(chunk["usage"] is None for chunk in chunks)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == openai_text(ask_openai(caller, prompt(REQUEST)).json)


def chunks_of(upstream, path, body, headers):
    """The chunks of a chunked answer as they were written."""
    text = json.dumps(body).encode()
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    received = Client(upstream.port).raw(
        f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{head}"
        f"Content-Length: {len(text)}\r\n\r\n".encode() + text, timeout=60)
    rest, found = received.split(b"\r\n\r\n", 1)[1], []
    while True:
        size, rest = rest.split(b"\r\n", 1)
        if int(size, 16) == 0:
            return found
        found.append(rest[:int(size, 16)])
        rest = rest[int(size, 16) + 2:]


def test_writes_are_cut_within_characters_and_tokens(upstream):
    upstream.configure(latency={"chunks": 200})
    body = {"contents": [{"parts": [{"text": prompt({**REQUEST, "topics": ["한국사" * 30]})}]}]}
    chunks = chunks_of(upstream, GEMINI_STREAM, body, {"x-goog-api-key": "k"})
    assert len(chunks) == 200

    def broken(chunk):
        try:
            chunk.decode()
            return False
        except UnicodeDecodeError:
            return True

    assert any(broken(chunk) for chunk in chunks), "no write ends within a character"
    assert any(not chunk.endswith(b"\n") for chunk in chunks), "no write ends within an event"
    texts = [gemini_text(json.loads(data[6:]))
             for data in b"".join(chunks).decode().split("\r\n\r\n") if data]
    assert any(text.count('"') % 2 for text in texts), "no event ends within a JSON string"


# --- time ------------------------------------------------------------------------------------------

def test_first_byte_and_streaming_take_the_times_that_were_set(upstream, caller):
    upstream.configure(latency={"first_byte": 150, "streaming": 300, "chunks": 4})
    ask_gemini(caller, prompt(REQUEST), GEMINI_STREAM)
    ask_gemini(caller, prompt(REQUEST))
    streamed, whole = upstream.ledger()
    # Sleeps are whole milliseconds, and the ledger's clock is another one.
    assert streamed["first_byte"] - streamed["started"] >= 147_000
    assert streamed["ended"] - streamed["started"] >= 445_000
    assert whole["first_byte"] - whole["started"] >= 445_000


def test_a_provider_may_have_a_pace_of_its_own(upstream, caller):
    upstream.configure(latency={"first_byte": 600000}, providers={"openai": {"first_byte": 100}})
    assert ask_openai(caller, "hello").status == 200
    (call,) = upstream.ledger()
    assert call["first_byte"] - call["started"] >= 97_000


def test_the_same_seed_gives_the_same_draws(upstream, caller):
    runs = []
    for seed in (7, 7, 8):
        upstream.reset(seed=seed, faults=[{"fault": "429", "probability": 0.4},
                                          {"fault": "500", "probability": 0.4}])
        for _ in range(40):
            ask_openai(caller, "hello")
        runs.append([call["fault"] for call in upstream.ledger()])
    assert runs[0] == runs[1] != runs[2]
    assert {None, "429", "500"} == set(runs[0])


# --- the ledger ------------------------------------------------------------------------------------

def test_the_ledger_has_every_call(upstream, caller):
    before = wall_us()
    ask_gemini(caller, prompt(REQUEST), key="secret-abcd", headers={"Idempotency-Key": "job1:1:1"})
    ask_openai(caller, "hello", headers={"Idempotency-Key": "job1:1:2"}, stream=True)
    first, second = upstream.ledger()
    assert (first["number"], first["provider"], first["path"], first["key"], first["mark"]) == \
        (1, "gemini", "generateContent", "abcd", "job1:1:1")
    assert (second["provider"], second["path"], second["streamed"]) == \
        ("openai", "chat/completions", True)
    for call in (first, second):
        assert before <= call["started"] <= call["first_byte"] <= call["ended"] <= wall_us()
        assert (call["outcome"], call["fault"], call["status"]) == ("delivered", None, 200)
        assert call["prompt_tokens"] > 0 and call["completion_tokens"] > 0
    assert upstream.ledger(provider="openai") == [second] == upstream.ledger(mark="job1:1:2")
    assert upstream.ledger(job="job1") == [first, second] and upstream.ledger(job="job") == []


def test_calls_are_counted_by_mark_and_by_job(upstream, caller):
    for mark in ("a:1:1", "a:1:1", "a:1:2", "b:1:1"):
        ask_openai(caller, "hello", headers={"Idempotency-Key": mark})
    upstream.faults("500")
    ask_openai(caller, "hello", headers={"Idempotency-Key": "b:1:2"})
    ask_openai(caller, "hello")
    by_mark, by_job = upstream.counts("mark"), upstream.counts("job")
    assert {name: group["calls"] for name, group in by_mark.items()} == \
        {"a:1:1": 2, "a:1:2": 1, "b:1:1": 1, "b:1:2": 1}
    assert (by_job["a"]["delivered"], by_job["b"]["delivered"], by_job["b"]["failed"]) == (3, 1, 1)
    assert list(upstream.counts("mark", min_delivered=2)) == ["a:1:1"]
    assert list(upstream.counts("job", min_calls=3)) == ["a"]
    assert upstream.stats()["outcomes"] == {"delivered": 4, "failed": 2}


def test_an_abort_is_noticed_at_once(upstream):
    upstream.configure(latency={"first_byte": 60000})
    client = Client(upstream.port)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
    with client.connect() as peer:
        peer.sendall(b"POST " + OPENAI.encode() + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k"
                     b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        upstream.await_open(1)
        assert upstream.ledger()[0]["outcome"] == "open"
        left = wall_us()
    (call,) = upstream.await_ended()
    assert (call["outcome"], call["first_byte"]) == ("aborted", None)
    assert left <= call["ended"] < left + 60_000_000
    stats = upstream.stats()
    assert (stats["open"], stats["highest_open"], stats["aborted_after_ms"]["count"]) == (0, 1, 1)


def test_the_ledger_can_be_emptied_under_a_running_call(upstream):
    upstream.configure(latency={"first_byte": 60000})
    client = Client(upstream.port)
    body = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
    with client.connect() as peer:
        peer.sendall(b"POST " + OPENAI.encode() + b" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k"
                     b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        upstream.await_open(1)
        upstream.forget()
    upstream.await_open(0)
    assert upstream.ledger() == []


def test_the_sending_of_each_day_is_recorded(upstream, caller):
    upstream.configure(latency={"streaming": 200, "chunks": 8}, record_days=True)
    ask_openai(caller, prompt(REQUEST), stream=True)
    (call,) = upstream.ledger()
    assert len(call["days"]) == len(REQUEST["dates"]) and call["days"] == sorted(call["days"])
    assert call["first_byte"] <= call["days"][0] and call["days"][-1] <= call["ended"]
    assert call["days"][-1] >= call["started"] + 197_000


def test_a_wrong_configuration_is_refused_and_changes_nothing(upstream, caller):
    upstream.configure(seed=5, faults=[{"fault": "500", "next": 1}])
    before = caller.get("/_upstream/config").json
    for wrong in ({"sede": 1}, {"faults": [{"fault": "none such"}]}, {"faults": [{"next": 1}]},
                  {"faults": [{"fault": "500", "proability": 1}]}, {"latency": {"first": 1}},
                  {"latency": {"first_byte": {"distribution": "uniform", "min": 5, "max": 1}}},
                  {"seed": 9, "providers": {"gemini": {"x": 1}}}, []):
        assert caller.patch("/_upstream/config", wrong).status == 400, wrong
        assert caller.request("PUT", "/_upstream/config", wrong).status == 400, wrong
    assert caller.get("/_upstream/config").json == before


# --- what the real ones refuse ---------------------------------------------------------------------

def schema(**day):
    return {"type": "OBJECT", "properties": {"days": {"type": "ARRAY", "items": {
        "type": "OBJECT", "properties": {"date": {"type": "STRING"}}, **day}}}}


def test_gemini_refuses_what_it_does_not_know(caller):
    good = {"responseMimeType": "application/json", "responseSchema": schema(), "temperature": 0}
    assert ask_gemini(caller, prompt(REQUEST), generationConfig=good).status == 200
    for bad in ({**good, "temprature": 1}, {**good, "responseSchema": schema(additionalProperties=False)},
                {"responseSchema": schema()}, {**good, "responseSchema": {"type": "OBJEKT"}}):
        answer = ask_gemini(caller, prompt(REQUEST), generationConfig=bad)
        assert answer.status == 400, (bad, answer)
        assert answer.json["error"]["status"] == "INVALID_ARGUMENT"
    assert ask_gemini(caller, "hello", messages=[]).status == 400
    assert caller.post(GEMINI, {"contents": []}, headers={"x-goog-api-key": "k"}).status == 400


def test_openai_refuses_a_strict_schema_that_is_not(caller):
    item = {"type": "object", "properties": {"date": {"type": "string"}}, "required": ["date"],
            "additionalProperties": False}

    def format_of(schema):
        return {"type": "json_schema",
                "json_schema": {"name": "plan", "strict": True, "schema": schema}}

    assert ask_openai(caller, prompt(REQUEST), response_format=format_of(item)).status == 200
    for bad in ({**item, "required": []}, {**item, "additionalProperties": True}):
        answer = ask_openai(caller, prompt(REQUEST), response_format=format_of(bad))
        assert answer.status == 400 and answer.json["error"]["type"] == "invalid_request_error"
    assert ask_openai(caller, "hello", stream_options={"include_usage": True}).status == 400


def test_without_a_key_each_refuses_in_its_way(caller):
    answer = caller.post(GEMINI, {"contents": [{"parts": [{"text": "hello"}]}]})
    assert (answer.status, answer.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    answer = caller.post(OPENAI, {"model": "m", "messages": [{"role": "user", "content": "x"}]})
    assert (answer.status, answer.json["error"]["type"]) == (401, "invalid_request_error")
