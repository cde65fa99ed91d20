"""Spoken and typed turns with the local engines."""
import base64
import io
import math
import os
import random
import shutil
import struct
import subprocess
import tempfile
import wave
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import Client
from process import wait_for

WAV = {"Content-Type": "audio/wav"}


def flite(text):
    return spoken(["flite", "-voice", "slt", "-t", text, "-o"])


def espeak(text, voice="en-us"):
    return spoken(["espeak-ng", "-v", voice, text, "-w"])


def spoken(command):
    assert shutil.which(command[0]), f"{command[0]} is not installed: make deps"
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "speech.wav")
        subprocess.run(command + [path], check=True, capture_output=True)
        with open(path, "rb") as speech:
            return speech.read()


def samples(values, rate=16000):
    out = io.BytesIO()
    with wave.open(out, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(b"".join(struct.pack("<h", int(value)) for value in values))
    return out.getvalue()


def turn(learner, audio, locale="en"):
    """A turn that came to an end: the engines give way to everything else that a machine does, and
    on a busy one that can take longer than a turn may."""
    for _ in range(20):
        answer = learner.post(f"/v1/voice/turns?locale={locale}", audio, headers=WAV)
        if answer.status != 504:
            break
    return answer


@pytest.mark.smoke
@pytest.mark.parametrize("speak", [flite, espeak])
def test_todays_question_is_understood_and_answered_aloud(learner, speak):
    plan = learner.plan(locale="en")
    answer = turn(learner, speak("what should I study today"))
    assert answer.status == 201, answer
    assert answer.json["transcript"] == "what should I study today"
    first_day = [item for item in plan["items"] if item["date"] == plan["items"][0]["date"]]
    assert any(item["title"] in answer.json["reply"] for item in first_day), answer.json["reply"]
    reply = base64.b64decode(answer.json["audio"]["data"])
    with wave.open(io.BytesIO(reply)) as reader:
        assert reader.getnframes() / reader.getframerate() > 0.5


@pytest.mark.smoke
def test_typed_turn_is_kept_in_its_conversation(learner):
    learner.plan(locale="en")
    first = learner.post("/v1/voice/turns?locale=en", {"text": "what is late"}).json
    second = learner.post(
        f"/v1/voice/turns?locale=en&conversation_id={first['conversation_id']}",
        {"text": "what should I study today"}).json
    assert second["conversation_id"] == first["conversation_id"]
    path = "/v1/voice/conversations/" + first["conversation_id"]
    turns = learner.get(path).json["turns"]
    assert {one["transcript"] for one in turns} == {"what is late", "what should I study today"}
    assert {one["conversation_id"] for one in turns} == {first["conversation_id"]}
    assert not any("audio" in one for one in turns), "speech is not kept"
    assert learner.delete(path).status == 204
    assert learner.get(path).status == 404


def test_turns_that_end_together_are_all_kept(learner):
    """They are written in batches: of one conversation, of new ones, of one that is gone."""
    known = learner.post("/v1/voice/turns?locale=en", {"text": "what is late"}).json["conversation_id"]
    gone = learner.post("/v1/voice/turns?locale=en", {"text": "what is late"}).json["conversation_id"]
    assert learner.delete("/v1/voice/conversations/" + gone).status == 204
    more = {"known": "&conversation_id=" + known, "gone": "&conversation_id=" + gone, "new": ""}
    kinds = ["known", "new", "new", "gone"] * 8

    def ask(kind):
        client = Client(learner.port)
        client.token = learner.token
        return client.post("/v1/voice/turns?locale=en" + more[kind], {"text": "what is late"})
    with ThreadPoolExecutor(len(kinds)) as pool:
        answers = list(pool.map(ask, kinds))
    assert {kind: {answer.status for answer, other in zip(answers, kinds) if other == kind}
            for kind in more} == {"known": {201}, "new": {201}, "gone": {404}}
    assert len(learner.get("/v1/voice/conversations/" + known).json["turns"]) == 1 + 8
    found = {answer.json["conversation_id"] for answer, kind in zip(answers, kinds) if kind == "new"}
    assert len(found) == 16
    for conversation in found:
        assert len(learner.get("/v1/voice/conversations/" + conversation).json["turns"]) == 1
    wait_for(lambda: len(learner.get("/v1/history?type=voice_turn&limit=100").json["items"]) == 2 + 8 + 16,
             20, "the turns' events")


def test_audio_can_be_asked_for_instead_of_json(learner):
    answer = learner.post("/v1/voice/turns?locale=en", {"text": "what should I study today"},
                          headers={"Accept": "audio/wav"})
    assert answer.status == 201 and answer.headers["Content-Type"] == "audio/wav"
    assert answer.body[:4] == b"RIFF"


@pytest.mark.parametrize("values", [
    [0] * 32000,
    [random.Random(1).randrange(-3000, 3000) for _ in range(32000)],
    [8000 * math.sin(n / 8) for n in range(32000)],
], ids=["silence", "noise", "tone"])
def test_what_is_no_speech_is_422(learner, values):
    answer = turn(learner, samples(values))
    assert answer.status == 422, answer


def test_korean_speech_without_an_engine_is_a_kind_422(learner):
    answer = turn(learner, espeak("오늘 뭐 공부해", "ko"), locale="ko")
    assert answer.status == 422
    assert any("가" <= letter <= "힣" for letter in answer.body.decode()), answer


def test_unknown_audio_is_415_with_accept_post(learner):
    answer = learner.post("/v1/voice/turns", b"OggS" + b"\0" * 100,
                          headers={"Content-Type": "audio/ogg"})
    assert (answer.status, answer.code) == (415, "unsupported-media")
    assert "audio/wav" in answer.headers["Accept-Post"]


def test_over_60_seconds_is_refused(learner):
    assert turn(learner, samples([0] * (61 * 16000))).status in (413, 422)


@pytest.mark.parametrize("audio", [b"", b"RIFF", b"RIFF\xff\xff\xff\xffWAVEfmt ", flite],
                         ids=["empty", "head", "cut", "truncated"])
def test_broken_wav_is_refused_and_the_service_lives(learner, audio):
    body = audio("what should I study today")[:60] if callable(audio) else audio
    assert turn(learner, body).status in (400, 422)
    assert learner.get("/v1/voice/conversations").status == 200


def test_turns_are_limited_by_the_minute(deploy):
    learner = deploy(settings={"USER_MINUTE_TURNS": "2"}).learner()
    answers = [learner.post("/v1/voice/turns", {"text": "hello"}) for _ in range(6)]
    # A window may end in between: then two more pass.
    refused = [answer for answer in answers if answer.status == 429]
    assert 2 <= len(refused) <= 4 and answers[0].status == 201
    assert refused[0].code == "throttled" and 1 <= int(refused[0].headers["Retry-After"]) <= 60
    assert answers[0].headers["RateLimit-Policy"] == '"turns";q=2;w=60'
    assert answers[0].headers["RateLimit"].startswith('"turns";r=1;t=')
