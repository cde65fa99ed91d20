"""Processes and stores fail; what is not touched goes on, and all is well soon after."""
import threading
import time

import pytest

from process import wait_for

pytestmark = pytest.mark.disturbs


def test_history_killed_the_others_answer_and_it_comes_back(app, learner):
    app["history"].kill9()
    answer = learner.get("/v1/history", timeout=10)
    assert answer.status in (502, 503), answer
    assert learner.plan()["id"] and learner.get("/v1/users/me").status == 200
    app.revive("history")
    wait_for(lambda: learner.get("/v1/history").status == 200, 3, "the history")


@pytest.mark.parametrize("name", ["auth", "planner", "history", "voice"])
def test_killed_service_fails_clearly_and_recovers(app, learner, name):
    path = {"auth": "/v1/sessions", "planner": "/v1/plans", "history": "/v1/history",
            "voice": "/v1/voice/conversations"}[name]
    app[name].kill9()
    began = time.monotonic()
    answer = learner.get(path, timeout=10)
    assert answer.status in (502, 503) and time.monotonic() - began < 4, answer
    assert answer.headers.get("Retry-After") or answer.status == 502
    app.revive(name)
    wait_for(lambda: learner.get(path).status == 200, 3, f"recovery of {name}")


def test_gateway_killed_comes_back_with_sessions(app, learner):
    app["gateway"].kill9()
    learner.close()
    app.revive("gateway")
    wait_for(lambda: signed_in(learner), 3, "the gateway's recovery")


def signed_in(learner):
    try:
        return learner.get("/v1/users/me").status == 200
    except OSError:
        return False


def test_redis_down_is_slower_but_correct(app, stores, learner):
    stores.redis.kill9()
    event = learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": 1})
    assert event.status == 201, event
    assert learner.get("/v1/history").json["items"][0]["id"] == event.json["id"]
    learner.sign_in()
    assert learner.delete("/v1/sessions/current").status == 204
    assert learner.get("/v1/users/me").status == 401


def test_emptied_redis_logs_nobody_out(stores, learner):
    assert stores.redis_cli("flushall") == "OK"
    assert learner.get("/v1/users/me").status == 200


def test_stopped_and_continued_redis_revives_nothing(stores, learner):
    learner.get("/v1/history")
    old = learner.token
    learner.sign_in()
    stores.redis.pause()
    event = learner.post("/v1/history", {"type": "study", "subject": "new", "minutes": 1})
    mine, learner.token = learner.token, old
    assert learner.delete("/v1/sessions/current").status == 204
    stores.redis.resume()
    stores.wait_ready()
    for _ in range(20):
        assert learner.get("/v1/users/me").status == 401
    learner.token = mine
    assert event.status == 201
    assert learner.get("/v1/history").json["items"][0]["id"] == event.json["id"]


def test_mariadb_down_refuses_writes_and_loses_nothing(app, stores, learner):
    acknowledged = [learner.post("/v1/history", {"type": "study", "subject": "x",
                                                 "minutes": n}).json["id"] for n in range(1, 6)]
    wait_for(lambda: learner.get("/v1/history").headers["Cache-Status"] == "history; hit", 60,
             "the page in the cache")
    page = learner.get("/v1/history")
    stores.mariadb.stop(60)
    answer = learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": 9})
    assert (answer.status, answer.code) == (503, "dependency-down")
    assert int(answer.headers["Retry-After"]) > 0
    # The write that was refused has changed nothing: what was cached is still shown.
    assert learner.get("/v1/history").body == page.body
    assert app.client().get("/healthz").status == 200
    stores.mariadb.start()
    stores.wait_ready()
    wait_for(lambda: learner.post("/v1/history", {"type": "study", "subject": "y",
                                                  "minutes": 1}).status == 201, 5, "writing again")
    shown = [event["id"] for event in learner.get("/v1/history?type=study").json["items"]]
    assert set(acknowledged) <= set(shown)


def test_acknowledged_writes_survive_kill_9_under_load(app, learner):
    acknowledged, stop = [], threading.Event()

    def write():
        client = app.client()
        client.token = learner.token
        while not stop.is_set():
            try:
                answer = client.post("/v1/history", {"type": "study", "subject": "x",
                                                     "minutes": 1}, timeout=10)
            except OSError:
                continue
            if answer.status == 201:
                acknowledged.append(answer.json["id"])
            else:
                assert answer.status in (502, 503), answer

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(acknowledged) > 20, 10, "some writes")
    app["history"].kill9()
    app.revive("history")
    before = len(acknowledged)
    wait_for(lambda: len(acknowledged) > before + 20, 10, "writes after the restart")
    stop.set()
    for thread in threads:
        thread.join()
    shown, cursor = set(), ""
    while cursor is not None:
        page = learner.get(f"/v1/history?limit=100{'&cursor=' + cursor if cursor else ''}").json
        shown |= {event["id"] for event in page["items"]}
        cursor = page["next_cursor"]
    assert set(acknowledged) <= shown
