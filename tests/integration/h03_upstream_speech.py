"""The stand-in for the speech providers: what it hears and says when nothing goes wrong."""
import base64
import io
import wave

import pytest

from providers import SILENCE, SPOKEN, recognize, synthesize, wav

pytestmark = pytest.mark.smoke


def mp3_frames(audio):
    """Counts frames of the one kind that the stand-in makes."""
    assert len(audio) % 96 == 0 and all(
        audio[at:at + 4] == b"\xff\xf3\x44\xc4" for at in range(0, len(audio), 96))
    return len(audio) // 96


def test_google_hears_what_it_was_told_to(upstream, caller):
    answer = recognize(caller, SPOKEN).json
    assert answer["results"][0]["alternatives"][0]["transcript"] == "오늘 뭐 공부해"
    assert answer["results"][0]["alternatives"][0]["confidence"] > 0.9
    upstream.configure(transcripts={"en": "tell me more"})
    answer = recognize(caller, SPOKEN, "en-US", sampleRateHertz=16000).json
    assert answer["results"][0]["alternatives"][0]["transcript"] == "tell me more"
    assert upstream.ledger()[0]["path"] == "speech:recognize"


def test_google_hears_nothing_in_silence(caller):
    answer = recognize(caller, SILENCE)
    assert answer.status == 200 and "results" not in answer.json


@pytest.mark.parametrize("change", [{"sampleRateHertz": 8000}, {"languageCode": 5}],
                         ids=["rate", "language"])
def test_google_refuses_a_wrong_configuration(caller, change):
    answer = recognize(caller, SPOKEN, **change)
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_google_refuses_over_a_minute_and_no_audio(caller):
    assert recognize(caller, wav([1] * 61 * 16000)).status == 400
    assert recognize(caller, b"").status == 400


def test_google_speaks_wav_and_mp3(caller):
    audio = base64.b64decode(synthesize(caller, "안녕하세요", "LINEAR16",
                                        sampleRateHertz=16000).json["audioContent"])
    with wave.open(io.BytesIO(audio)) as reader:
        assert (reader.getframerate(), reader.getnchannels()) == (16000, 1)
        assert reader.getnframes() / 16000 > 0.5
    audio = base64.b64decode(synthesize(caller, "안녕하세요", "MP3").json["audioContent"])
    assert mp3_frames(audio) * 0.024 > 0.5
    assert synthesize(caller, "", "MP3").status == 400
    assert synthesize(caller, "x" * 5001, "MP3").status == 400


def transcribe(caller, audio, **fields):
    parts = b"".join(f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                     .encode() for name, value in fields.items())
    parts += (b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
              b"Content-Type: audio/wav\r\n\r\n" + audio + b"\r\n--XX--\r\n")
    return caller.post("/v1/audio/transcriptions", parts, headers={
        "Authorization": "Bearer k", "Content-Type": "multipart/form-data; boundary=XX"})


def test_openai_hears_and_speaks(caller):
    answer = transcribe(caller, SPOKEN, model="whisper-1", language="ko")
    assert answer.json["text"] == "오늘 뭐 공부해"
    assert transcribe(caller, SILENCE, model="whisper-1").json["text"] == ""
    assert transcribe(caller, SPOKEN, language="ko").status == 400
    speech = {"model": "tts-1", "voice": "alloy", "input": "hello there"}
    key = {"Authorization": "Bearer k"}
    answer = caller.post("/v1/audio/speech", speech, headers=key)
    assert answer.headers["Content-Type"] == "audio/mpeg" and mp3_frames(answer.body) > 10
    answer = caller.post("/v1/audio/speech", {**speech, "response_format": "wav"}, headers=key)
    assert answer.headers["Content-Type"] == "audio/wav"
    # Its header is written before the length is known.
    assert answer.body[:8] == b"RIFF\xff\xff\xff\xff" and len(answer.body) > 20000
    assert caller.post("/v1/audio/speech", {**speech, "voice": 1}, headers=key).status == 400
