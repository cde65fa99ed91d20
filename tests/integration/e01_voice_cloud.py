"""Turns whose engines are elsewhere: Google's and OpenAI's speech services, played by the stand-in,
which says what it was really asked."""
import base64
import struct

import pytest

from conftest import run_deployment
from deployment import Deployment
from e00_voice import espeak, flite
from providers import SILENCE, SPOKEN, wav
from upstream import Upstream
from voice import (KOREAN, LISTEN, SPEAK, broken, faults, is_mp3, paths, restart_voice, say, settings,
                   signed_in, speech_of, type_in)


@pytest.fixture(scope="module")
def upstream(stores):
    upstream = Upstream(stores.directory).start()
    yield upstream
    upstream.kill9()


@pytest.fixture(scope="module")
def cloud(stores, upstream):
    """Speech by Google, then OpenAI, then this machine; the tutor and the planner are built in. A
    stall is noticed within two seconds."""
    yield from run_deployment(Deployment(stores, settings(upstream, AI_FIRST_BYTE_TIMEOUT="2")))


@pytest.fixture
def learner(cloud, upstream):
    yield from signed_in(cloud, upstream)


@pytest.fixture
def fresh(cloud, learner):
    """A learner whose voice service has further settings; what wears it out concerns no other."""
    def start(**more):
        if more:
            restart_voice(cloud, **more)
        cloud.worn = True
        return learner
    return start


# --- what goes well ------------------------------------------------------------------------------


@pytest.mark.smoke
def test_korean_turn_by_google(learner, upstream):
    learner.plan(locale="ko", goal="생물 1-3단원")
    answer = say(learner)
    assert answer.status == 201, answer
    assert answer.json["transcript"] == KOREAN
    assert answer.json["provider"] == {"stt": "google", "chat": "builtin", "tts": "google"}
    assert any("가" <= letter <= "힣" for letter in answer.json["reply"])
    assert answer.json["audio"]["content_type"] == "audio/wav"
    assert speech_of(base64.b64decode(answer.json["audio"]["data"])) > 0.5
    assert paths(upstream) == [("google", LISTEN["google"]), ("google", SPEAK["google"])]
    assert [call["mark"].split(":")[:2] for call in upstream.ledger()] == \
        [[answer.json["id"], "stt"], [answer.json["id"], "tts"]]
    path = "/v1/voice/conversations/" + answer.json["conversation_id"]
    assert learner.get(path).json["turns"][0]["provider"] == answer.json["provider"]
    assert "ai;dur=" in answer.headers["Server-Timing"]


@pytest.mark.parametrize("accept, kind", [
    ("audio/mpeg", "audio/mpeg"), ("audio/mpeg, audio/wav;q=0.9", "audio/mpeg"),
    ("audio/wav", "audio/wav"), ("audio/*", "audio/wav"), ("audio/mpeg;q=0.1, audio/*", "audio/wav"),
])
def test_accept_decides_between_mp3_and_wav(learner, accept, kind):
    answer = say(learner, Accept=accept)
    assert answer.status == 201, answer
    assert answer.headers["Content-Type"] == kind and "Accept" in answer.headers["Vary"]
    assert is_mp3(answer.body) if kind == "audio/mpeg" else speech_of(answer.body) > 0.5


def test_json_has_mp3_where_it_is_wanted_beside_it(learner):
    answer = say(learner, Accept="application/json, audio/mpeg;q=0.5")
    assert answer.json["audio"]["content_type"] == "audio/mpeg"
    assert is_mp3(base64.b64decode(answer.json["audio"]["data"]))


def test_openai_listens_and_speaks(learner, upstream):
    upstream.faults({"fault": "400", "provider": "google"})
    answer = say(learner)
    assert answer.status == 201, answer
    assert answer.json["transcript"] == KOREAN
    assert answer.json["provider"] == {"stt": "openai", "chat": "builtin", "tts": "openai"}
    assert speech_of(base64.b64decode(answer.json["audio"]["data"])) > 0.5
    assert is_mp3(say(learner, Accept="audio/mpeg").body)


def stereo_float(values, rate=16000):
    data = b"".join(struct.pack("<ff", value / 32768, value / 32768) for value in values)
    return (b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " +
            struct.pack("<IHHIIHH", 16, 3, 2, rate, rate * 8, 8, 32) +
            b"data" + struct.pack("<I", len(data)) + data)


TONE = ([1000] * 40 + [-1000] * 40) * 200


@pytest.mark.parametrize("audio", [wav(TONE, 44100), wav(TONE, 96000), stereo_float(TONE)],
                         ids=["44.1 kHz", "96 kHz", "stereo float"])
def test_every_wav_reaches_the_engine(learner, audio):
    answer = say(learner, audio)
    assert answer.status == 201 and answer.json["provider"]["stt"] == "google", answer


@pytest.mark.parametrize("kind", ["audio/ogg;codecs=opus", "audio/webm", "audio/flac"])
def test_other_media_go_to_the_engine_that_takes_them(learner, upstream, kind):
    answer = learner.post("/v1/voice/turns?locale=ko", b"OggS" + bytes(range(256)) * 20,
                          headers={"Content-Type": kind})
    assert answer.status == 201 and answer.json["provider"]["stt"] == "google", answer
    upstream.faults({"fault": "500", "path": LISTEN["google"]})
    answer = learner.post("/v1/voice/turns?locale=ko", b"OggS" + bytes(range(256)) * 20,
                          headers={"Content-Type": kind})
    assert (answer.status, answer.code) == (502, "providers-failed")
    assert not [call for call in upstream.ledger() if call["provider"] == "openai"]


@pytest.mark.parametrize("kind, audio", [
    ("audio/wav", lambda: wav((TONE * 400)[:96000 * 54], 96000)),
    ("audio/ogg", lambda: b"OggS" + bytes(range(256)) * 40959)], ids=["wav", "ogg"])
def test_ten_megabytes_are_no_trouble(fresh, kind, audio):
    audio = audio()
    # A busy machine's stand-in needs more than the others' two seconds to read so much.
    learner = fresh(AI_FIRST_BYTE_TIMEOUT="20")
    assert 10 << 20 > len(audio) > 10_300_000
    answer = learner.post("/v1/voice/turns?locale=ko", audio, headers={"Content-Type": kind})
    assert answer.status == 201 and answer.json["provider"]["stt"] == "google", answer


def test_media_that_nobody_takes_are_415_with_those_that_are(learner, upstream):
    for kind in ("audio/aac", "audio/ogg;codecs=vorbis"):
        answer = learner.post("/v1/voice/turns", b"x" * 1000, headers={"Content-Type": kind})
        assert (answer.status, answer.code) == (415, "unsupported-media")
        accepted = answer.headers["Accept-Post"]
        assert all(one in accepted for one in ("audio/wav", "audio/ogg", "application/json"))
    assert upstream.ledger() == []


def test_replayed_turn_is_spoken_anew_and_not_heard_again(learner, upstream):
    first = say(learner, **{"Idempotency-Key": "k"})
    again = say(learner, **{"Idempotency-Key": "k", "Accept": "audio/mpeg"})
    assert again.headers["Idempotency-Replayed"] == "true" and is_mp3(again.body)
    assert first.status == 201 and paths(upstream) == [
        ("google", LISTEN["google"]), ("google", SPEAK["google"]), ("google", SPEAK["google"])]


# --- what goes wrong -----------------------------------------------------------------------------


BROKEN = faults("500", "429", "invalid_key", "stall", "huge", "truncated_body", "wrong_schema",
                slow=["502", "503", "400", "404", "quota", "reset", "close", "cut", "reset_middle",
                      "stall_middle", "drip", "html"])


@pytest.mark.parametrize("fault", BROKEN)
def test_engine_that_fails_is_followed_by_the_next(fresh, upstream, fault):
    learner = fresh()
    upstream.faults(broken(fault, provider="google"))
    answer = say(learner)
    assert answer.status == 201, answer
    assert answer.json["transcript"] == KOREAN
    # A short answer may come in whole, however slowly.
    assert answer.json["provider"]["stt"] == "openai" or fault == "drip"
    assert answer.json["provider"]["tts"] == "openai"
    assert speech_of(base64.b64decode(answer.json["audio"]["data"])) > 0.5


@pytest.mark.parametrize("fault", faults("500", "huge", slow=["429", "stall", "html", "empty"]))
def test_this_machine_speaks_when_nobody_else_does(fresh, upstream, fault):
    learner = fresh()
    upstream.faults(broken(fault, path=SPEAK["google"]), broken(fault, path=SPEAK["openai"]))
    answer = type_in(learner, "what is late")
    assert answer.status == 201 and answer.json["provider"]["tts"] == "builtin", answer
    assert speech_of(base64.b64decode(answer.json["audio"]["data"])) > 0.5
    # Sound that is no MP3 is better than none, and says what it is.
    answer = type_in(learner, "what is late", Accept="audio/mpeg")
    assert answer.status == 201 and answer.headers["Content-Type"] == "audio/wav"


@pytest.mark.parametrize("fault", ["500", "stall"])
def test_this_machine_listens_when_nobody_else_does(fresh, upstream, fault):
    learner = fresh()
    upstream.faults(broken(fault, path=LISTEN["google"]), broken(fault, path=LISTEN["openai"]))
    answer = say(learner, flite("what should I study today"), "en")
    assert answer.status == 201 and answer.json["provider"]["stt"] == "builtin", answer
    assert answer.json["transcript"] == "what should I study today"
    # It knows no Korean: that is nobody's silence, and is said in Korean.
    answer = say(learner, espeak("오늘 뭐 공부해", "ko"))
    assert (answer.status, answer.code) == (502, "providers-failed")
    assert any("가" <= letter <= "힣" for letter in answer.json["detail"])


def test_answer_beyond_all_measure_is_not_read(fresh, cloud, upstream):
    learner = fresh()
    upstream.faults({"fault": "huge", "path": SPEAK["google"]},
                    {"fault": "huge", "path": LISTEN["google"]})
    assert say(learner).json["provider"] == {"stt": "openai", "chat": "builtin", "tts": "openai"}
    metrics = cloud.metrics("voice")
    for name in ("google-stt", "google-tts"):
        key = f'studyhall_ai_calls_total{{provider="{name}",outcome="too_large"}}'
        assert metrics[key] >= 1, metrics
    assert metrics['studyhall_voice_engines_total{stage="stt",engine="google",outcome="failed"}']
    assert metrics['studyhall_voice_engines_total{stage="tts",engine="openai",outcome="answered"}']


def test_engine_in_trouble_is_left_alone_for_a_while(fresh, cloud, upstream):
    learner = fresh()
    upstream.faults({"fault": "500", "provider": "google"})
    for _ in range(10):
        assert type_in(learner, "hello").json["provider"]["tts"] == "openai"
    asked = len(upstream.ledger(provider="google"))
    assert cloud.metrics("voice")['studyhall_ai_breaker_state{provider="google-tts"}'] == 2
    assert type_in(learner, "hello").json["provider"]["tts"] == "openai"
    assert len(upstream.ledger(provider="google")) == asked < 20


def test_nothing_understood_is_an_answer_and_silence_costs_nothing(learner, upstream):
    upstream.faults({"fault": "empty", "path": LISTEN["google"]})
    answer = say(learner)
    assert (answer.status, answer.code) == (422, "validation")
    assert any("가" <= letter <= "힣" for letter in answer.body.decode())
    assert paths(upstream) == [("google", LISTEN["google"])]
    upstream.faults({"fault": "400", "provider": "google"},
                    {"fault": "empty", "path": LISTEN["openai"]})
    assert say(learner).status == 422
    upstream.reset()
    assert say(learner, SILENCE).status == 422 and upstream.ledger() == []
    assert say(learner, wav([1000, -1000] * 61 * 8000)).status in (413, 422)
    assert say(learner, SPOKEN[:60]).status == 422 and upstream.ledger() == []


def test_engine_without_a_key_is_skipped_with_one_line(deploy, upstream):
    upstream.reset()
    app = deploy({**settings(upstream, GOOGLE_API_KEY="")})
    learner = app.learner()
    assert say(learner).json["provider"] == {"stt": "openai", "chat": "builtin", "tts": "openai"}
    lines = [line for line in app["voice"].log_text().splitlines() if "without a key" in line]
    assert len([line for line in lines if "STT_PROVIDERS" in line]) == 1, lines
    assert len([line for line in lines if "TTS_PROVIDERS" in line]) == 1, lines


def test_order_of_engines_is_the_operators(deploy, upstream):
    upstream.reset()
    app = deploy(settings(upstream, STT_PROVIDERS="openai", TTS_PROVIDERS="builtin,google"))
    answer = say(app.learner())
    assert answer.json["provider"] == {"stt": "openai", "chat": "builtin", "tts": "builtin"}
    assert is_mp3(say(app.learner(), Accept="audio/mpeg").body)


def test_unknown_engine_stops_the_process_and_names_the_setting(cloud):
    done = cloud.command("voice", "serve", check=False,
                         env={**cloud.env, "STT_PROVIDERS": "whisper",
                              "VOICE_LISTEN": "tcp://127.0.0.1:0", "VOICE_ADMIN": "127.0.0.1:0"})
    assert done.returncode != 0 and "STT_PROVIDERS" in done.stderr and "whisper" in done.stderr


def test_key_that_is_throttled_is_followed_by_the_next_key(fresh, upstream):
    learner = fresh(GOOGLE_API_KEY="google-key-0002,google-key-0001")
    upstream.faults({"fault": "429", "key": "google-key-0002", "retry_after": 30})
    assert say(learner).json["provider"]["stt"] == "google"
    assert {call["key"] for call in upstream.ledger(path=LISTEN["google"])} == {"0002", "0001"}


def test_without_keys_mp3_is_406_and_all_else_as_ever(deploy):
    learner = deploy().learner()
    answer = type_in(learner, "hello", Accept="audio/mpeg")
    assert (answer.status, answer.code) == (406, "not-acceptable")
    answer = type_in(learner, "hello", Accept="audio/mpeg, application/json;q=0.1")
    assert answer.status == 201 and answer.headers["Content-Type"] == "application/json"
    answer = learner.post("/v1/voice/turns", b"OggS" * 100, headers={"Content-Type": "audio/ogg"})
    assert answer.status == 415 and answer.headers["Accept-Post"] == "audio/wav, application/json"
