"""Gemini, OpenAI and Google's speech services, over one pool of connections."""
import requests
import requests.adapters

from shared import documents, study

TIMEOUT = (5, 60)
http = requests.Session()
http.mount("http://", requests.adapters.HTTPAdapter(pool_connections=8, pool_maxsize=300))


def ask(document, mark):
    url, body, headers = document
    try:
        answer = http.post(url, json=body, headers={**headers, "Idempotency-Key": mark},
                           timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()
    except (requests.RequestException, ValueError) as error:
        raise study.BadAnswer(str(error)) from None


def gemini_plan(prompt, mark):
    """(text, usage)"""
    return documents.plan_of(ask(documents.plan(prompt), mark))


def openai_reply(said, mark):
    return documents.reply_of(ask(documents.reply(said), mark))


def google_hear(audio, mark):
    return documents.hearing_of(ask(documents.hearing(audio), mark))


def google_say(text, mark):
    """WAV in base64, as it came."""
    return documents.speech_of(ask(documents.speech(text), mark))
