"""Thousands of signed-in users at once: rows of accounts and sessions, since signing in ten thousand would
take minutes of argon2id."""
import base64
import hashlib
import itertools
import secrets
import time

BATCH = 1000
numbers = itertools.count(1)


def digest(token):
    """As every system keeps it."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


def seed(rig, count):
    """Tokens of so many new users."""
    database, now = rig.system.database("auth"), int(time.time() * 1000)
    tokens = [secrets.token_urlsafe(32) for _ in range(count)]
    for first in range(0, count, BATCH):
        accounts, sessions = [], []
        for token in tokens[first:first + BATCH]:
            user = f"seeded{next(numbers):08d}"
            accounts.append(f"('{user}','{user}@example.org','{user}@example.org','ko','Asia/Seoul',"
                            f"'-',{now})")
            sessions.append(f"('{user}','{user}','{digest(token)}',{now},{now},{now + 30 * 86400000})")
        rig.stores.sql(
            "INSERT INTO account (id, email, email_folded, locale, time_zone, password, created_at) "
            f"VALUES {','.join(accounts)};"
            "INSERT INTO session (id, user_id, token_digest, created_at, last_seen_at, expires_at) "
            f"VALUES {','.join(sessions)};", database)
    return tokens
