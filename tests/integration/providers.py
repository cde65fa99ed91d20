"""Requests to the AI and speech providers as a client of theirs makes them, and what comes back."""
import base64
import io
import json
import struct
import wave

REQUEST = {"goal": "한국사", "dates": ["2026-05-04", "2026-05-05", "2026-05-07", "2026-05-08"],
           "topics": ["고조선", "삼국 {시대}", "고려"], "minutes_per_day": 60}
GEMINI = "/v1beta/models/gemini-2.5-flash:generateContent"
GEMINI_STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
OPENAI = "/v1/chat/completions"


def prompt(request):
    return f"Plan this.\n{json.dumps(request, ensure_ascii=False)}\nAnswer in {{JSON}}."


def ask_gemini(client, text, path=GEMINI, key="gemini-key-0001", headers=None, **more):
    return client.post(path, {"contents": [{"role": "user", "parts": [{"text": text}]}], **more},
                       headers={"x-goog-api-key": key, **(headers or {})})


def ask_openai(client, text, key="openai-key-0001", headers=None, **more):
    return client.post(OPENAI, {"model": "gpt-4o-mini",
                                "messages": [{"role": "system", "content": "You plan."},
                                             {"role": "user", "content": text}], **more},
                       headers={"Authorization": f"Bearer {key}", **(headers or {})})


def events(answer, line_end):
    """The data of each event of a whole stream, framed with `line_end`."""
    blocks = answer.body.decode().split(line_end * 2)
    assert blocks.pop() == "", answer
    assert all(block.startswith("data: ") for block in blocks), answer
    return [block.removeprefix("data: ") for block in blocks]


def check_plan(plan, request, done=()):
    """Every rule that a plan must keep."""
    assert [day["date"] for day in plan["days"]] == \
        [date for date in request["dates"] if date not in done]
    for day in plan["days"]:
        assert 1 <= len(day["items"]) <= 20, day
        assert sum(item["minutes"] for item in day["items"]) <= request["minutes_per_day"], day
        assert all(item["minutes"] >= 1 and item["title"] for item in day["items"]), day
        assert {item["kind"] for item in day["items"]} <= {"study", "review", "test"}, day
    if not done:
        titles = " ".join(item["title"] for day in plan["days"] for item in day["items"])
        assert all(topic in titles for topic in request["topics"]), titles


def gemini_text(document):
    return document["candidates"][0]["content"]["parts"][0]["text"]


def openai_text(document):
    return document["choices"][0]["message"]["content"]


def wav(values, rate=16000):
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return out.getvalue()


SPOKEN = wav([1000, -1000] * 8000)
SILENCE = wav([0] * 16000)


def recognize(client, audio, language="ko-KR", **config):
    return client.post("/v1/speech:recognize", {
        "config": {"encoding": "LINEAR16", "languageCode": language, **config},
        "audio": {"content": base64.b64encode(audio).decode()}}, headers={"x-goog-api-key": "k"})


def synthesize(client, text, encoding, **config):
    return client.post("/v1/text:synthesize", {
        "input": {"text": text}, "voice": {"languageCode": "ko-KR"},
        "audioConfig": {"audioEncoding": encoding, **config}}, headers={"x-goog-api-key": "k"})
