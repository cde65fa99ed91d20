"""The rules of the study planner that have nothing to do with a web framework: what is asked of the
AI, what of its answer is believed, and how things look in JSON."""
import base64
import datetime
import hashlib
import json
import re
import secrets
import time

EVENT_TYPES = ("", "signed_up", "signed_in", "plan_created", "item_done", "study", "voice_turn")
KINDS = ("study", "review", "test")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
EPOCH = datetime.date(1970, 1, 1)
SESSION_SECONDS = 30 * 86400
PLANNER = ("You are a study planner. The user's message is a JSON object with topics, dates and "
           "minutes_per_day. Answer with JSON alone: {\"days\":[{\"date\":\"2026-05-04\",\"items\":"
           "[{\"title\":\"...\",\"minutes\":40,\"kind\":\"study\"}]}]}. Use only those dates, plan at "
           "most minutes_per_day for each, and cover every topic. kind is study, review or test.")
TUTOR = "You are a friendly tutor. Answer what the learner said in one to four short sentences."


class Invalid(ValueError):
    """What the client sent cannot be used: 422."""


class BadAnswer(Exception):
    """What a provider sent cannot be used: 502."""


def new_id():
    """In the order of time, so that a primary key of them grows at its end."""
    return f"{int(time.time() * 1000):011x}{secrets.token_hex(8)}"


def now_ms():
    return int(time.time() * 1000)


def instant(milliseconds):
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day_number(date):
    return (date - EPOCH).days


def new_token():
    return secrets.token_urlsafe(32)


def digest(token):
    """Of a token only this is kept."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


def credentials(body):
    """(email, password) of a request to sign up or in."""
    email, password = body.get("email"), body.get("password")
    if not isinstance(email, str) or not EMAIL.fullmatch(email) or len(email) > 254:
        raise Invalid("email")
    if not isinstance(password, str) or not 8 <= len(password) <= 128:
        raise Invalid("password")
    return email.strip(), password


def study_request(body):
    """The plan that is asked for, with its defaults and its study days."""
    try:
        goal, topics = str(body["goal"]), [str(topic) for topic in body["topics"]]
        start = datetime.date.fromisoformat(body.get("start_date") or
                                            datetime.date.today().isoformat())
        end = datetime.date.fromisoformat(body["end_date"]) if body.get("end_date") else \
            start + datetime.timedelta(27)
        minutes, rest = int(body.get("minutes_per_day", 60)), body.get("rest_days", [])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(str(error)) from None
    days = [start + datetime.timedelta(number) for number in range((end - start).days + 1)]
    dates = [day for day in days if WEEKDAYS[day.weekday()] not in rest]
    if not 1 <= len(goal) <= 500 or len(topics) > 200 or not 5 <= minutes <= 960 or not dates \
            or len(days) > 366:
        raise Invalid("goal, topics, dates or minutes_per_day")
    return {"goal": goal, "topics": topics, "minutes_per_day": minutes, "rest_days": rest,
            "start_date": start.isoformat(), "end_date": end.isoformat(),
            "dates": [day.isoformat() for day in dates]}


def plan_prompt(request):
    return json.dumps({name: request[name] for name in ("goal", "topics", "minutes_per_day", "dates")},
                      ensure_ascii=False)


def checked_items(text, request):
    """The items of the AI's plan, each checked: a model's answer is not believed unseen."""
    allowed, items = set(request["dates"]), []
    try:
        for day in json.loads(text)["days"]:
            total = 0
            for item in day["items"]:
                title, minutes, kind = str(item["title"])[:200], int(item["minutes"]), item["kind"]
                total += minutes
                if not title or minutes < 1 or kind not in KINDS:
                    raise BadAnswer("an item that breaks the rules")
                items.append({"id": new_id(), "date": day["date"], "title": title,
                              "minutes": minutes, "kind": kind, "done": False, "done_at": None})
            if day["date"] not in allowed or total > request["minutes_per_day"]:
                raise BadAnswer("a day that breaks the rules")
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"no plan: {error}") from None
    if not items:
        raise BadAnswer("an empty plan")
    return items


def plan_document(plan_id, request, items, usage, created_at):
    head = {name: request[name] for name in ("goal", "topics", "start_date", "end_date",
                                             "minutes_per_day", "rest_days")}
    return {"id": plan_id, **head, "provider": "gemini", "model": "gemini-2.5-flash", "usage": usage,
            "warnings": [], "created_at": instant(created_at),
            "items": [{**item, "plan_id": plan_id} for item in items]}


def event_document(row):
    identifier, kind, at_ms, subject, minutes, note, ref = row
    return {"id": identifier, "type": EVENT_TYPES[kind], "at": instant(at_ms), "subject": subject,
            "minutes": minutes, "note": note, "ref": ref}


def problem(status, code, detail=""):
    """RFC 9457."""
    return {"type": "/problems/" + code, "title": code, "status": status, "detail": detail}
