"""What is asked of Gemini, OpenAI and Google's speech services, as (url, body, headers), and what their answers
say; how it is sent is each application's own."""
import base64

from shared import settings, study


def google_key(name):
    return {"x-goog-api-key": settings.KEYS[name]}


def plan(prompt):
    return settings.GEMINI_URL + "/v1beta/models/gemini-2.5-flash:generateContent", {
        "systemInstruction": {"parts": [{"text": study.PLANNER}]},
        "contents": [{"role": "user", "parts": [{"text": prompt}]}],
        "generationConfig": {"responseMimeType": "application/json"}}, google_key("gemini")


def plan_of(answer):
    """(text, usage)"""
    usage = answer["usageMetadata"]
    return (answer["candidates"][0]["content"]["parts"][0]["text"],
            {"prompt_tokens": usage["promptTokenCount"],
             "completion_tokens": usage["candidatesTokenCount"]})


def reply(said):
    return settings.OPENAI_URL + "/v1/chat/completions", {
        "model": "gpt-4o-mini", "messages": [{"role": "system", "content": study.TUTOR},
                                             {"role": "user", "content": said}]}, {
        "Authorization": "Bearer " + settings.KEYS["openai"]}


def reply_of(answer):
    return answer["choices"][0]["message"]["content"]


def hearing(audio):
    return settings.GOOGLE_STT_URL + "/v1/speech:recognize", {
        "config": {"encoding": "LINEAR16", "sampleRateHertz": 16000, "languageCode": "ko-KR"},
        "audio": {"content": base64.b64encode(audio).decode()}}, google_key("google")


def hearing_of(answer):
    return answer["results"][0]["alternatives"][0]["transcript"]


def speech(text):
    return settings.GOOGLE_TTS_URL + "/v1/text:synthesize", {
        "input": {"text": text}, "voice": {"languageCode": "ko-KR"},
        "audioConfig": {"audioEncoding": "LINEAR16", "sampleRateHertz": 24000}}, google_key("google")


def speech_of(answer):
    """WAV in base64, as it came."""
    return answer["audioContent"]
