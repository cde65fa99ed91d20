"""The study planner as the paper has it: Flask, MySQL, Redis; each request does its own work."""
import functools

import argon2
import flask
import sqlalchemy.exc

from shared import sql, study

from . import plans, providers, sessions
from .database import transaction

app = flask.Flask(__name__)
passwords = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def refused(status, code, detail=""):
    return flask.jsonify(study.problem(status, code, detail)), status


@app.errorhandler(study.Invalid)
def invalid(error):
    return refused(422, "validation", str(error))


@app.errorhandler(study.BadAnswer)
def bad_answer(error):
    return refused(502, "providers-failed", str(error))


def signed_in(view):
    @functools.wraps(view)
    def checked(**arguments):
        flask.g.user = sessions.user_of(flask.request.headers.get("Authorization", ""))
        return view(**arguments) if flask.g.user else refused(401, "unauthenticated")
    return checked


@app.get("/healthz")
def healthz():
    return {"status": "ok"}


@app.post("/v1/users")
def sign_up():
    email, password = study.credentials(flask.request.get_json())
    user, hashed = study.new_id(), passwords.hash(password)
    try:
        with transaction() as run:
            run(sql.INSERT_ACCOUNT, (user, email, email.casefold(), hashed, study.now_ms()))
            sessions.record(run, user, "signed_up")
    except sqlalchemy.exc.IntegrityError:
        return refused(409, "email-taken")
    return {"id": user, "email": email}, 201


@app.post("/v1/sessions")
def sign_in():
    email, password = study.credentials(flask.request.get_json())
    with transaction() as run:
        row = run(sql.SELECT_ACCOUNT, (email.casefold(),)).first()
    try:
        passwords.verify(row[1] if row else passwords.hash("nobody"), password)
    except argon2.exceptions.VerifyMismatchError:
        return refused(401, "unauthenticated")
    with transaction() as run:
        token = sessions.begin(run, row[0])
        sessions.record(run, row[0], "signed_in")
    sessions.forget_page(row[0])
    return {"token": token, "user": {"id": row[0], "email": email}}, 201


@app.post("/v1/plans")
@signed_in
def create_plan():
    request = study.study_request(flask.request.get_json())
    return plans.make(flask.g.user, request, study.new_id()), 201


@app.get("/v1/history")
@signed_in
def history():
    key = "history:" + flask.g.user
    page, status = sessions.cache.get(key), "history; hit"
    if page is None:
        with transaction() as run:
            rows = run(sql.SELECT_EVENTS, (flask.g.user, 20)).all()
        page = flask.json.dumps({"items": [study.event_document(row) for row in rows],
                                 "next_cursor": None}).encode()
        sessions.cache.set(key, page, ex=sessions.PAGE_SECONDS)
        status = "history; fwd=miss"
    return flask.Response(page, mimetype="application/json", headers={"Cache-Status": status})


@app.post("/v1/history")
@signed_in
def study_event():
    body = flask.request.get_json()
    with transaction() as run:
        event, now = sessions.record(run, flask.g.user, "study", str(body["subject"])[:200],
                                     int(body["minutes"]), body.get("note"))
    sessions.forget_page(flask.g.user)
    return study.event_document((event, study.EVENT_TYPES.index("study"), now, body["subject"],
                                 body["minutes"], body.get("note"), None)), 201


def keep_turn(turn, said, reply):
    with transaction() as run:
        row, now = run(sql.SELECT_CONVERSATION, (flask.g.user,)).first(), study.now_ms()
        conversation = row[0] if row else study.new_id()
        if row:
            run(sql.UPDATE_CONVERSATION, (now, conversation))
        else:
            run(sql.INSERT_CONVERSATION, (conversation, flask.g.user, said[:100], now, now))
        run(sql.INSERT_TURN, (conversation, turn, said, reply, now))
        sessions.record(run, flask.g.user, "voice_turn", ref=turn)
    sessions.forget_page(flask.g.user)
    return conversation, now


@app.post("/v1/voice/turns")
@signed_in
def voice_turn():
    turn = study.new_id()
    said = providers.google_hear(flask.request.get_data(), turn + ":stt")
    reply = providers.openai_reply(said, turn + ":chat")
    audio = providers.google_say(reply, turn + ":tts")
    conversation, now = keep_turn(turn, said, reply)
    return {"id": turn, "conversation_id": conversation, "transcript": said, "reply": reply,
            "audio": {"content_type": "audio/wav", "data": audio},
            "provider": {"stt": "google", "chat": "openai", "tts": "google"},
            "created_at": study.instant(now)}, 201
