"""Who is signed in: rows in MySQL, with Redis before them; and the cache of history's pages."""
import redis

from shared import settings, sql, study

from .database import transaction

cache = redis.Redis(unix_socket_path=settings.REDIS_SOCKET, password=settings.REDIS_PASSWORD or None)
PAGE_SECONDS = 300


def begin(run, user_id):
    """A new session's token."""
    token, now = study.new_token(), study.now_ms()
    run(sql.INSERT_SESSION, (study.new_id(), user_id, study.digest(token), now, now,
                             now + study.SESSION_SECONDS * 1000))
    return token


def user_of(authorization):
    """The id of the user whose bearer token that is, or None."""
    if not authorization.startswith("Bearer "):
        return None
    digest = study.digest(authorization[7:])
    known = cache.get("session:" + digest)
    if known:
        return known.decode()
    with transaction() as run:
        row = run(sql.SELECT_SESSION, (digest, study.now_ms())).first()
    if row is None:
        return None
    cache.set("session:" + digest, row[0], ex=600)
    return row[0]


def record(run, user_id, kind, subject=None, minutes=None, note=None, ref=None):
    """An event of the history; its id and time."""
    event, now = study.new_id(), study.now_ms()
    run(sql.INSERT_EVENT, (user_id, now, event, study.EVENT_TYPES.index(kind), subject, minutes, note,
                           ref))
    return event, now


def forget_page(user_id):
    """After the commit: the next reader fetches what was written."""
    cache.delete("history:" + user_id)
