"""Turns with a voice service whose engines are the providers' stand-in."""
import io
import wave

import pytest

from e00_voice import turn
from providers import SPOKEN

WAV = {"Content-Type": "audio/wav"}
KEYS = ("gemini-key-0001", "openai-key-0001", "google-key-0001")
KOREAN = "오늘 뭐 공부해"
LISTEN = {"google": "speech:recognize", "openai": "audio/transcriptions"}
SPEAK = {"google": "text:synthesize", "openai": "audio/speech"}


def settings(upstream, **more):
    return {"DRAIN_DELAY": "0", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_DAILY_TOKENS": "0", "USER_MINUTE_TURNS": "0", "AI_PROVIDERS": "builtin",
            **upstream.settings(), **more}


def restart_voice(cloud, **more):
    """No key and no circuit of the voice service is worn out any more."""
    process = cloud["voice"]
    process.stop()
    cloud.usual = getattr(cloud, "usual", dict(process.env))
    process.env = {**cloud.usual, **more}
    process.start()
    cloud.wait_ready()
    cloud.worn = False


def signed_in(deployment, upstream):
    """A learner of a deployment that nothing has worn out; in the end no log may hold a key."""
    upstream.reset()
    if getattr(deployment, "worn", False):
        restart_voice(deployment)
    learner = deployment.learner()
    yield learner
    learner.close()
    for name, process in deployment.processes.items():
        for key in KEYS:
            assert key not in process.log_text(), f"a key stands in the log of {name}"


def say(learner, audio=SPOKEN, locale="ko", **headers):
    answer = turn(learner, audio, locale) if not headers else learner.post(
        f"/v1/voice/turns?locale={locale}", audio, headers={**WAV, **headers})
    assert not any(key.encode() in answer.body for key in KEYS)
    return answer


def type_in(learner, text, locale="en", **headers):
    return learner.post(f"/v1/voice/turns?locale={locale}", {"text": text}, headers=headers)


def speech_of(audio):
    """Seconds of a WAV file whose header tells the truth."""
    with wave.open(io.BytesIO(audio)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (1, 2)
        frames = reader.readframes(reader.getnframes())
        assert len(frames) == 2 * reader.getnframes()
        return reader.getnframes() / reader.getframerate()


def is_mp3(audio):
    return audio[:2] == b"\xff\xf3" and len(audio) > 1000


def paths(upstream):
    return [(call["provider"], call["path"]) for call in upstream.ledger()]


def faults(*some, slow):
    """Parameters; the slow ones are for `make test-full`."""
    return [*some, *(pytest.param(fault, marks=pytest.mark.slow) for fault in slow)]


def broken(fault, **where):
    rule = {"fault": fault, **where}
    if fault == "429":
        rule["retry_after"] = 30
    return rule
