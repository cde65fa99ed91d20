"""`make reload`: new binaries and settings for what runs, and nobody notices."""
import itertools
import os
import re
import time

import pytest

from checkout import Checkout
from client import Learner
from deployment import services
from load import Load
from process import wait_for

pytestmark = pytest.mark.slow

PROGRAMS = ("gateway", *services())
UNLIMITED = {"USER_DAILY_PLANS": "0"}
numbers = itertools.count()


@pytest.fixture(scope="module")
def checkout():
    with Checkout.running(**UNLIMITED) as checkout:
        yield checkout


def new_connection(client):
    """One request on a connection of its own: it must be accepted whoever listens."""
    client.close()
    return client.get("/v1/users/me", headers={"Connection": "close"})


def study(client):
    """Neither idempotent nor keyed: nothing may send it twice."""
    return client.post("/v1/history", {"type": "study", "subject": f"s{next(numbers)}", "minutes": 5})


REQUESTS = {
    "me": lambda client: client.get("/v1/users/me"),
    "new": new_connection,
    "plans": lambda client: client.get("/v1/plans"),
    "plan": lambda client: client.post("/v1/plans", {"goal": "Biology", "locale": "en"}),
    "history": lambda client: client.get("/v1/history"),
    "study": study,
    "voice": lambda client: client.get("/v1/voice/conversations"),
}


def export(token):
    """The auth service asks all others for it. Of somebody who has little, for it is done often."""
    def send(client):
        client.token = token
        return client.get("/v1/users/me/export")
    return send


def pids(checkout):
    wait_for(lambda: all(checkout.pid(name) for name in PROGRAMS), 10, "all pids")
    return [checkout.pid(name) for name in PROGRAMS]


def test_no_request_fails_while_every_process_is_exchanged(checkout):
    learner = Learner(checkout.port)
    requests = {**REQUESTS, "export": export(Learner(checkout.port).token)}
    before = pids(checkout)
    with Load(checkout, learner.token, requests, clients=2, pause=0.02) as load:
        done = checkout.make("reload", WORKER_CONNECTIONS="900", **UNLIMITED)
        time.sleep(1)
    assert not set(before) & set(pids(checkout)), done.stdout
    for name in requests:
        assert len(load.of(name)) > 50, name
        assert load.failures(name) == [], f"{name}: {len(load.of(name))} in all"
    assert not [name for name in PROGRAMS if checkout.pid(f"{name}-next")]


def test_reload_with_nothing_new_leaves_everything_alone(checkout):
    before = pids(checkout)
    checkout.make("reload", WORKER_CONNECTIONS="900", **UNLIMITED)
    assert before == pids(checkout)


def test_pages_of_before_find_their_assets_after_a_new_web_app(checkout):
    def asset():
        return re.search(r'href="(/assets/[^"]+[.]css)"', checkout.client().get("/docs").body.decode())[1]

    before = asset()
    for change in ("/* new */", "/* newer */"):
        with open(os.path.join(checkout.path, "gateway/web/docs.css"), "a", encoding="utf-8") as sheet:
            sheet.write(change)
        checkout.make("reload", WORKER_CONNECTIONS="900", **UNLIMITED)
        assert asset() != before
        assert checkout.client().get(before).status == checkout.client().get(asset()).status == 200
        before = asset()


def test_a_setting_that_cannot_be_used_ends_nothing(checkout):
    before = pids(checkout)
    done = checkout.make("reload", check=False, AUTH_WORKERS="0", **UNLIMITED)
    assert done.returncode != 0 and "AUTH_WORKERS" in done.stderr
    assert before == pids(checkout)


def test_what_runs_goes_on_when_a_new_binary_does_not_start(checkout):
    before = pids(checkout)
    binary = os.path.join(checkout.path, "build/release/bin/auth")
    with open(binary, "rb") as file:
        good = file.read()
    script = '#!/bin/sh\n[ "$1" != serve ] && [ -n "$1" ] && exit 0\nexit 1\n'
    try:
        os.unlink(binary)  # what runs keeps its file
        with open(binary, "w", encoding="utf-8") as file:
            file.write(script)
        os.chmod(binary, 0o755)
        done = checkout.make("reload", check=False, WORKER_CONNECTIONS="901", **UNLIMITED)
    finally:
        with open(binary, "wb") as file:
            file.write(good)
    assert done.returncode != 0 and "the old one goes on" in done.stderr, done.stderr
    assert before == pids(checkout)
    Learner(checkout.port)
