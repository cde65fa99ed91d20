"""Gemini, OpenAI and Google's speech services by httpx's asynchronous client."""
import httpx

from shared import documents, study

http = httpx.AsyncClient(timeout=httpx.Timeout(60, connect=5, pool=60),
                         limits=httpx.Limits(max_connections=None, max_keepalive_connections=300))


async def ask(document, mark):
    url, body, headers = document
    try:
        answer = await http.post(url, json=body, headers={**headers, "Idempotency-Key": mark})
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise study.BadAnswer(str(error)) from None


async def gemini_plan(prompt, mark):
    """(text, usage)"""
    return documents.plan_of(await ask(documents.plan(prompt), mark))


async def openai_reply(said, mark):
    return documents.reply_of(await ask(documents.reply(said), mark))


async def google_hear(audio, mark):
    return documents.hearing_of(await ask(documents.hearing(audio), mark))


async def google_say(text, mark):
    """WAV in base64, as it came."""
    return documents.speech_of(await ask(documents.speech(text), mark))
