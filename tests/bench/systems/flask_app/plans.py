"""Making a plan with Gemini, and keeping it."""
import datetime
import json

from shared import sql, study

from . import providers, sessions
from .database import transaction


def make(user_id, request, plan_id):
    """Asks the AI, checks and stores its plan; returns the plan."""
    text, usage = providers.gemini_plan(study.plan_prompt(request), plan_id + ":1:1")
    items, now = study.checked_items(text, request), study.now_ms()
    plan = study.plan_document(plan_id, request, items, usage, now)
    days = {date: study.day_number(datetime.date.fromisoformat(date)) for date in request["dates"]}
    head = json.dumps({name: plan[name] for name in plan if name != "items"}, ensure_ascii=False)
    with transaction() as run:
        run(sql.INSERT_PLAN, (plan_id, user_id, now, days[request["dates"][0]],
                              days[request["dates"][-1]], head.encode()))
        run(sql.INSERT_ITEM, [(plan_id, item["id"], user_id, days[item["date"]], item["title"],
                               item["minutes"], study.KINDS.index(item["kind"]), now)
                              for item in items])
        sessions.record(run, user_id, "plan_created", ref=plan_id)
    sessions.forget_page(user_id)
    return plan


def find(user_id, plan_id):
    """A stored plan, or None."""
    with transaction() as run:
        row = run(sql.SELECT_PLAN, (plan_id, user_id)).first()
        items = run(sql.SELECT_ITEMS, (plan_id,)).all() if row else []
    if row is None:
        return None
    return {**json.loads(row[0]), "items": [
        {"id": item, "plan_id": plan_id, "title": title, "minutes": minutes,
         "date": (study.EPOCH + datetime.timedelta(day)).isoformat(), "kind": study.KINDS[kind],
         "done": False, "done_at": None} for item, day, title, minutes, kind in items]}
