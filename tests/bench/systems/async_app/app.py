"""The study planner on FastAPI: all drivers asynchronous, the password hash in the framework's threads, as
its documentation advises."""
import datetime
import json

import argon2
import fastapi
import fastapi.concurrency
import fastapi.responses
import pymysql

from shared import sql, study

from . import providers, stores

app = fastapi.FastAPI(openapi_url=None)
passwords = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
in_thread = fastapi.concurrency.run_in_threadpool
JSON = fastapi.responses.JSONResponse
PAGE_SECONDS = 300


@app.on_event("startup")
async def start():
    await stores.open_pool()


def refused(status, code, detail=""):
    return JSON(study.problem(status, code, detail), status)


class Unauthenticated(Exception):
    pass


@app.exception_handler(study.Invalid)
async def invalid(_, error):
    return refused(422, "validation", str(error))


@app.exception_handler(study.BadAnswer)
async def bad_answer(_, error):
    return refused(502, "providers-failed", str(error))


@app.exception_handler(Unauthenticated)
async def unauthenticated(*_):
    return refused(401, "unauthenticated")


async def user_of(authorization: str = fastapi.Header("")):
    """The id of the user whose bearer token that is."""
    digest = study.digest(authorization[7:])
    known = await stores.cache.get("session:" + digest)
    if known:
        return known.decode()
    async with stores.transaction() as cursor:
        row = await stores.first(cursor, sql.SELECT_SESSION, (digest, study.now_ms()))
    if not authorization.startswith("Bearer ") or row is None:
        raise Unauthenticated
    await stores.cache.set("session:" + digest, row[0], ex=600)
    return row[0]


async def record(cursor, user_id, kind, subject=None, minutes=None, note=None, ref=None):
    """An event of the history; its id and time."""
    event, now = study.new_id(), study.now_ms()
    await cursor.execute(sql.INSERT_EVENT, (user_id, now, event, study.EVENT_TYPES.index(kind), subject,
                                            minutes, note, ref))
    return event, now


async def forget_page(user_id):
    await stores.cache.delete("history:" + user_id)


@app.get("/healthz")
async def healthz():
    return {"status": "ok"}


@app.post("/v1/users")
async def sign_up(body: dict):
    email, password = study.credentials(body)
    user, hashed = study.new_id(), await in_thread(passwords.hash, password)
    try:
        async with stores.transaction() as cursor:
            await cursor.execute(sql.INSERT_ACCOUNT, (user, email, email.casefold(), hashed,
                                                      study.now_ms()))
            await record(cursor, user, "signed_up")
    except pymysql.err.IntegrityError:
        return refused(409, "email-taken")
    return JSON({"id": user, "email": email}, 201)


@app.post("/v1/sessions")
async def sign_in(body: dict):
    email, password = study.credentials(body)
    async with stores.transaction() as cursor:
        row = await stores.first(cursor, sql.SELECT_ACCOUNT, (email.casefold(),))
    try:
        hashed = row[1] if row else await in_thread(passwords.hash, "nobody")
        await in_thread(passwords.verify, hashed, password)
    except argon2.exceptions.VerifyMismatchError:
        raise Unauthenticated from None
    token, now = study.new_token(), study.now_ms()
    async with stores.transaction() as cursor:
        await cursor.execute(sql.INSERT_SESSION, (study.new_id(), row[0], study.digest(token), now, now,
                                                  now + study.SESSION_SECONDS * 1000))
        await record(cursor, row[0], "signed_in")
    await forget_page(row[0])
    return JSON({"token": token, "user": {"id": row[0], "email": email}}, 201)


@app.post("/v1/plans")
async def create_plan(body: dict, user: str = fastapi.Depends(user_of)):
    request, plan_id = study.study_request(body), study.new_id()
    text, usage = await providers.gemini_plan(study.plan_prompt(request), plan_id + ":1:1")
    items, now = study.checked_items(text, request), study.now_ms()
    plan = study.plan_document(plan_id, request, items, usage, now)
    days = {date: study.day_number(datetime.date.fromisoformat(date)) for date in request["dates"]}
    head = json.dumps({name: plan[name] for name in plan if name != "items"}, ensure_ascii=False)
    async with stores.transaction() as cursor:
        await cursor.execute(sql.INSERT_PLAN, (plan_id, user, now, days[request["dates"][0]],
                                               days[request["dates"][-1]], head.encode()))
        await cursor.executemany(sql.INSERT_ITEM, [
            (plan_id, item["id"], user, days[item["date"]], item["title"], item["minutes"],
             study.KINDS.index(item["kind"]), now) for item in items])
        await record(cursor, user, "plan_created", ref=plan_id)
    await forget_page(user)
    return JSON(plan, 201)


@app.get("/v1/history")
async def history(user: str = fastapi.Depends(user_of)):
    key = "history:" + user
    page, status = await stores.cache.get(key), "history; hit"
    if page is None:
        async with stores.transaction() as cursor:
            await cursor.execute(sql.SELECT_EVENTS, (user, 20))
            rows = await cursor.fetchall()
        page = json.dumps({"items": [study.event_document(row) for row in rows],
                           "next_cursor": None}).encode()
        await stores.cache.set(key, page, ex=PAGE_SECONDS)
        status = "history; fwd=miss"
    return fastapi.Response(page, media_type="application/json", headers={"Cache-Status": status})


@app.post("/v1/history")
async def study_event(body: dict, user: str = fastapi.Depends(user_of)):
    async with stores.transaction() as cursor:
        event, now = await record(cursor, user, "study", str(body["subject"])[:200],
                                  int(body["minutes"]), body.get("note"))
    await forget_page(user)
    return JSON(study.event_document((event, study.EVENT_TYPES.index("study"), now, body["subject"],
                                      body["minutes"], body.get("note"), None)), 201)


async def keep_turn(user, turn, said, reply):
    async with stores.transaction() as cursor:
        row = await stores.first(cursor, sql.SELECT_CONVERSATION, (user,))
        now, conversation = study.now_ms(), row[0] if row else study.new_id()
        if row:
            await cursor.execute(sql.UPDATE_CONVERSATION, (now, conversation))
        else:
            await cursor.execute(sql.INSERT_CONVERSATION, (conversation, user, said[:100], now, now))
        await cursor.execute(sql.INSERT_TURN, (conversation, turn, said, reply, now))
        await record(cursor, user, "voice_turn", ref=turn)
    await forget_page(user)
    return conversation, now


@app.post("/v1/voice/turns")
async def voice_turn(request: fastapi.Request, user: str = fastapi.Depends(user_of)):
    turn = study.new_id()
    said = await providers.google_hear(await request.body(), turn + ":stt")
    reply = await providers.openai_reply(said, turn + ":chat")
    audio = await providers.google_say(reply, turn + ":tts")
    conversation, now = await keep_turn(user, turn, said, reply)
    return JSON({"id": turn, "conversation_id": conversation, "transcript": said, "reply": reply,
                 "audio": {"content_type": "audio/wav", "data": audio},
                 "provider": {"stt": "google", "chat": "openai", "tts": "google"},
                 "created_at": study.instant(now)}, 201)
