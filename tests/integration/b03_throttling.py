"""Guessing passwords is slowed down; nobody is locked out; who exists is no secret."""
import statistics
import threading
import time

import pytest

from client import Learner
from process import wait_for

WRONG = "a wrong password"


def attempt(client, email, password=WRONG, address=None):
    headers = {"X-Forwarded-For": address} if address else {}
    return client.post("/v1/sessions", {"email": email, "password": password}, headers=headers)


def at_once(app, count, email, password):
    answers = []

    def run():
        client = app.client()
        answers.append(attempt(client, email, password))
        client.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def let_in(app, learner):
    """The status once there is room; None before."""
    client = app.client()
    status = attempt(client, learner.email, learner.password).status
    client.close()
    return None if status == 503 else status


def exhaust(client, email, address=None):
    for _ in range(30):
        answer = attempt(client, email, address=address)
        if answer.status == 429:
            return answer
        assert answer.status == 401, answer
    raise AssertionError("never throttled")


def test_burst_of_guesses_is_not_looked_at(app):
    victim = app.learner()
    statuses = [answer.status for answer in at_once(app, 40, victim.email, WRONG)]
    # 503: a busy machine has no room for so many at once.
    assert set(statuses) <= {401, 429, 503}
    assert statuses.count(401) <= 12, statuses


def test_right_password_many_times_at_once_is_let_in(app):
    # More than pass unasked. 503: a busy machine has no room for so many at once; later it has.
    learner = app.learner()
    statuses = [answer.status for answer in at_once(app, 16, learner.email, learner.password)]
    for _ in range(statuses.count(503)):
        statuses.append(wait_for(lambda: let_in(app, learner), what="room for a sign-in"))
    assert set(statuses) <= {201, 503} and statuses.count(201) == 16


def test_throttled_account_opens_after_retry_after(app, client):
    learner = app.learner()
    answer = exhaust(client, learner.email)
    assert answer.code == "throttled" and 1 <= int(answer.headers["Retry-After"]) <= 60
    assert attempt(client, learner.email, learner.password).status == 429
    time.sleep(int(answer.headers["Retry-After"]))
    assert attempt(client, learner.email, learner.password).status == 201
    # And the failures are forgotten.
    assert attempt(client, learner.email).status == 401
    assert attempt(client, learner.email, learner.password).status == 201


def test_unknown_account_is_throttled_alike(client):
    answer = exhaust(client, "nobody-at-all@example.org")
    assert answer.code == "throttled"


def test_known_address_keeps_its_own_allowance(deploy):
    app = deploy(settings={"DRAIN_DELAY": "0", "TRUSTED_PROXIES": "127.0.0.0/8"},
                 absent=("planner", "voice", "history"))
    learner, client = app.learner(), app.client()
    assert attempt(client, learner.email, learner.password, "192.0.2.1").status == 201
    exhaust(client, learner.email, "198.51.100.9")
    # Not even a hundred other addresses lock it.
    for number in range(1, 70):
        attempt(client, learner.email, WRONG, f"203.0.113.{number}")
    assert attempt(client, learner.email, WRONG, "203.0.113.99").status == 429
    assert attempt(client, learner.email, learner.password, "192.0.2.1").status == 201


def test_address_limit_and_its_headers(deploy):
    app = deploy(settings={"DRAIN_DELAY": "0", "SIGNIN_ADDRESS_LIMIT": "5",
                           "TRUSTED_PROXIES": "127.0.0.0/8"},
                 absent=("planner", "voice", "history"))
    client = app.client()
    client.post("/v1/users", {"email": "limit@example.org", "password": Learner.password})
    if time.time() % 60 > 50:
        time.sleep(60 - time.time() % 60)  # all of it within one window
    left = []
    for number in range(5):
        answer = attempt(client, f"user{number}@example.org", WRONG, "192.0.2.5")
        assert answer.status == 401
        assert answer.headers["RateLimit-Policy"] == '"address";q=5;w=60'
        left.append(int(answer.headers["RateLimit"].split("r=")[1].split(";")[0]))
    assert left == [4, 3, 2, 1, 0]
    answer = attempt(client, "limit@example.org", Learner.password, "192.0.2.5")
    assert (answer.status, answer.code) == (429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    # A right password costs nothing, and other addresses have their own.
    for _ in range(8):
        answer = attempt(client, "limit@example.org", Learner.password, "192.0.2.6")
        assert answer.status == 201, answer


@pytest.mark.disturbs
def test_throttling_goes_on_without_redis(app, stores, client):
    victim = app.learner()
    stores.redis.kill9()
    assert exhaust(client, victim.email).code == "throttled"


def known_and_unknown(app, client, tried):
    """The usual seconds of an answer to a wrong password and to an unknown email."""
    emails = {True: [app.learner().email for _ in range(15)],
              False: [f"unknown{tried}-{n}@example.org" for n in range(15)]}
    times = {True: [], False: []}
    for number in range(30):  # in turn, so that the machine's other work slows both
        exists = number % 2 == 0
        email = emails[exists][number // 2]
        began = time.perf_counter()
        assert attempt(client, email).status == 401
        times[exists].append(time.perf_counter() - began)
    return [statistics.median(sorted(times[exists])[:10]) for exists in (True, False)]


def test_unknown_email_takes_as_long_as_a_wrong_password(app, client):
    seen = []
    for tried in range(4):  # what else a machine does may make a difference once, not each time
        known, unknown = known_and_unknown(app, client, tried)
        if abs(known - unknown) < 0.3 * max(known, unknown):
            return
        seen.append((known, unknown))
    raise AssertionError(f"seconds of a wrong password and of an unknown email: {seen}")


@pytest.mark.parametrize("code, status", [(None, 422), ("guess", 422), ("초대 2026", 201)])
def test_signing_up_with_a_code(deploy, code, status):
    app = deploy(settings={"DRAIN_DELAY": "0", "SIGNUP": "code", "SIGNUP_CODE": "초대 2026"},
                 absent=("planner", "voice", "history"))
    body = {"email": "invited@example.org", "password": "12345678"}
    answer = app.client().post("/v1/users", {**body, **({"code": code} if code else {})})
    assert answer.status == status, answer
    if status == 422:
        assert answer.json["errors"][0]["pointer"] == "/code"


def test_signing_up_where_it_is_closed(deploy):
    app = deploy(settings={"DRAIN_DELAY": "0", "SIGNUP": "closed"},
                 absent=("planner", "voice", "history"))
    answer = app.client().post("/v1/users", {"email": "a@example.org", "password": "12345678"})
    assert (answer.status, answer.code) == (409, "conflict")


def test_full_cpu_pool_answers_503_with_retry_after(deploy):
    app = deploy(settings={"DRAIN_DELAY": "0", "AUTH_CPU_THREADS": "1", "ARGON2_PASSES": "12"},
                 absent=("planner", "voice", "history"))
    answers = []

    def run(number):
        client = app.client()
        answers.append(attempt(client, f"user{number}@example.org"))
        client.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(120)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status == 503]
    assert refused and {answer.status for answer in answers} <= {401, 503}
    assert all(int(answer.headers["Retry-After"]) > 0 and answer.code == "overloaded"
               for answer in refused)
