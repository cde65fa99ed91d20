"""MariaDB and Redis away for ten seconds: what is cached is read, nothing acknowledged is lost."""
import time

import pytest

from load import Load, read_all
from process import wait_for

pytestmark = [pytest.mark.disturbs, pytest.mark.slow]
OUTAGE = 10


class Writer:
    """Writes events and ticks items, and remembers what was acknowledged."""

    def __init__(self, learner):
        self.plan = learner.plan()
        self.left = [item["id"] for item in self.plan["items"]]
        self.events, self.ticked = set(), set()
        self.refused = []

    def write(self, client):
        answer = client.post("/v1/history", {"type": "study", "subject": "x", "minutes": 1})
        if answer.status == 201:
            self.events.add(answer.json["id"])
        else:
            self.refused.append(answer)
        return answer

    def tick(self, client):
        if not self.left:
            return client.get("/healthz")
        item = self.left[-1]
        answer = client.patch(f"/v1/plans/{self.plan['id']}/items/{item}", {"done": True})
        if answer.status == 200:
            self.ticked.add(item)
            self.left.pop()
        else:
            self.refused.append(answer)
        return answer

    def missing(self, learner):
        shown = {event["id"] for event in read_all(learner, "/v1/history?type=study")}
        plan = learner.get("/v1/plans/" + self.plan["id"]).json
        done = {item["id"] for item in plan["items"] if item["done"]}
        return self.events - shown, self.ticked - done


def test_mariadb_away_for_10_s(app, stores, learner):
    writer = Writer(learner)
    reader = app.learner()
    wait_for(lambda: reader.get("/v1/history").headers["Cache-Status"] == "history; hit", 10, "hit")
    requests = {"write": writer.write, "tick": writer.tick,
                "read": lambda client: reader_get(client, reader)}
    with Load(app, learner.token, requests, clients=1, pause=0.05) as load:
        wait_for(lambda: writer.events and writer.ticked, 10, "writes")
        stores.mariadb.stop(60)
        stopped = time.monotonic()
        time.sleep(OUTAGE)
        writes = load.of("write", stopped + 0.5)
        reads = load.of("read", stopped + 0.5)
        stores.mariadb.start()
        stores.wait_ready()
        back = time.monotonic()
        wait_for(lambda: any(one.status == 201 for one in load.of("write", back)), 3,
                 "a write within 3 s of MariaDB's return")
    assert writes and {one.status for one in writes} == {503}
    assert reads and {one.status for one in reads} == {200}, "cached reads still answer"
    for answer in writer.refused:
        assert (answer.status, answer.code) == (503, "dependency-down"), answer
        assert int(answer.headers["Retry-After"]) > 0
    assert writer.missing(learner) == (set(), set())


def reader_get(client, reader):
    client.token = reader.token
    return client.get("/v1/history")


def test_redis_away_for_10_s(app, stores, learner):
    writer = Writer(learner)
    seen = []

    def read_own_write(client):
        event = writer.write(client)
        answer = client.get("/v1/history")
        if event.status == 201 and answer.status == 200:
            seen.append(event.json["id"] == answer.json["items"][0]["id"])
        return answer

    with Load(app, learner.token, {"read": read_own_write}, clients=1, pause=0.02) as load:
        wait_for(lambda: len(seen) > 5, 10, "reads")
        stores.redis.kill9()
        stopped = time.monotonic()
        time.sleep(OUTAGE)
        away = load.of("read", stopped)
        stores.redis.start()
        stores.wait_ready()
        back = time.monotonic()
        wait_for(lambda: learner.get("/v1/history").headers["Cache-Status"] == "history; hit", 5,
                 "a hit after Redis's return")
        print(f"\na hit again {time.monotonic() - back:.2f} s after Redis's return")
    assert load.failures("read") == [] and writer.refused == []
    assert len(away) > 20 and max(one.seconds for one in away) < 2
    assert all(seen), "a read that did not show the write before it"
    assert writer.missing(learner) == (set(), set())


def test_stopped_redis_holds_nobody_for_long(app, stores, learner):
    learner.get("/v1/history")
    stores.redis.pause()
    for number in range(5):
        began = time.monotonic()
        answer = learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": 1})
        shown = learner.get("/v1/history")
        assert (answer.status, shown.status) == (201, 200)
        assert shown.json["items"][0]["id"] == answer.json["id"]
        assert time.monotonic() - began < 2, f"round {number}"


def test_sign_in_and_sign_out_work_without_redis(app, stores, learner):
    stores.redis.kill9()
    other = app.client()
    other.token = learner.token
    learner.sign_in()
    assert other.delete("/v1/sessions/current").status == 204
    for _ in range(20):
        assert other.get("/v1/users/me").status == 401
    assert learner.get("/v1/users/me").status == 200
