"""Gemini, OpenAI and Google's speech services by httpx's asynchronous client."""
import base64

import httpx

from shared import settings, study

http = httpx.AsyncClient(timeout=httpx.Timeout(60, connect=5, pool=60),
                         limits=httpx.Limits(max_connections=None, max_keepalive_connections=300))


async def ask(url, body, mark, **headers):
    try:
        answer = await http.post(url, json=body, headers={**headers, "Idempotency-Key": mark})
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise study.BadAnswer(str(error)) from None


def google_key(name):
    return {"x-goog-api-key": settings.KEYS[name]}


async def gemini_plan(prompt, mark):
    """(text, usage)"""
    answer = await ask(settings.GEMINI_URL + "/v1beta/models/gemini-2.5-flash:generateContent", {
        "systemInstruction": {"parts": [{"text": study.PLANNER}]},
        "contents": [{"role": "user", "parts": [{"text": prompt}]}],
        "generationConfig": {"responseMimeType": "application/json"}}, mark, **google_key("gemini"))
    usage = answer["usageMetadata"]
    return (answer["candidates"][0]["content"]["parts"][0]["text"],
            {"prompt_tokens": usage["promptTokenCount"],
             "completion_tokens": usage["candidatesTokenCount"]})


async def openai_reply(said, mark):
    answer = await ask(settings.OPENAI_URL + "/v1/chat/completions", {
        "model": "gpt-4o-mini", "messages": [{"role": "system", "content": study.TUTOR},
                                             {"role": "user", "content": said}]},
        mark, Authorization="Bearer " + settings.KEYS["openai"])
    return answer["choices"][0]["message"]["content"]


async def google_hear(audio, mark):
    answer = await ask(settings.GOOGLE_STT_URL + "/v1/speech:recognize", {
        "config": {"encoding": "LINEAR16", "sampleRateHertz": 16000, "languageCode": "ko-KR"},
        "audio": {"content": base64.b64encode(audio).decode()}}, mark, **google_key("google"))
    return answer["results"][0]["alternatives"][0]["transcript"]


async def google_say(text, mark):
    """WAV in base64, as it came."""
    answer = await ask(settings.GOOGLE_TTS_URL + "/v1/text:synthesize", {
        "input": {"text": text}, "voice": {"languageCode": "ko-KR"},
        "audioConfig": {"audioEncoding": "LINEAR16", "sampleRateHertz": 24000}},
        mark, **google_key("google"))
    return answer["audioContent"]
