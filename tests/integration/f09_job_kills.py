"""kill -9 of whatever there is while plans are asked for: each that was promised is there once."""
import os
import random
import threading
import time

import pytest

from deployment import BIN
from process import wait_for
from upstream import Upstream

pytestmark = pytest.mark.disturbs
KILLS = int(os.environ.get("KILLS", "5" if "asan" in BIN else "50"))
CONCURRENCY = int(os.environ.get("CONCURRENCY", "200"))
LATENCY = {"first_byte": 300, "streaming": 1200, "chunks": 8}
# Without a wish, with one to wait, with a key, and for who comes back later.
WISHES = [{}, {"Prefer": "wait=1"}, {"Idempotency-Key": "{}"},
          {"Idempotency-Key": "{}", "Prefer": "respond-async"}]


class Asking:
    """Many learners who each ask for one plan after the other, and note what they are promised."""

    def __init__(self, app, threads):
        self.app = app
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.plans, self.jobs, self.other, self.keys = {}, {}, [], {}
        self.learners = [app.learner() for _ in range(8)]
        self.threads = [threading.Thread(target=self.run, args=(number,))
                        for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        learner = self.learners[number % len(self.learners)]
        for round in range(1_000_000):
            if self.ending.is_set():
                return
            name = f"{number}-{round}"
            headers = {key: value.format(name)
                       for key, value in WISHES[(number + round) % len(WISHES)].items()}
            self.note(name, headers, self.ask(learner, name, headers), learner)

    def ask(self, learner, name, headers):
        client = self.app.client()
        client.token = learner.token
        try:
            return client.post("/v1/plans", {"goal": f"chapters 1-3 of {name}"}, headers=headers)
        except OSError:
            return None
        except Exception as broken:  # http.client's, when the gateway dies
            assert "http" in type(broken).__module__, broken
            return None
        finally:
            client.close()

    def note(self, name, headers, answer, learner):
        with self.lock:
            if "Idempotency-Key" in headers:
                self.keys[name] = (learner, headers["Idempotency-Key"])
            if answer is not None and answer.status == 201:
                self.plans[name] = (learner, answer.json["id"])
            elif answer is not None and answer.status == 202:
                self.jobs[name] = (learner, answer.json["id"])
            else:
                self.other.append(answer.status if answer is not None else "broken")
        if answer is None or answer.status >= 500:
            time.sleep(0.1)

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()


def page_of(learner, path):
    answer = learner.get(path)
    assert answer.status in (200, 503, 504), answer  # what was killed is still coming back
    return answer.json if answer.status == 200 else None


def everything(learner, path):
    items, cursor = [], ""
    while cursor is not None:
        page = wait_for(lambda: page_of(learner, f"{path}?limit=100{cursor}"), 60, path)
        items += page["items"]
        cursor = "&cursor=" + page["next_cursor"] if page["next_cursor"] else None
    return items


def check(asking):
    """All jobs end; what was promised is there, nothing twice."""
    for learner in asking.learners:
        learner.close()  # its connection may be that of a gateway that died
        wait_for(lambda: not [job for job in everything(learner, "/v1/jobs")
                              if job["finished_at"] is None], 120, "the end of all jobs")
    plans, jobs = {}, {}
    for learner in asking.learners:
        for plan in everything(learner, "/v1/plans"):
            assert plan["goal"] not in plans, f"two plans of {plan['goal']}"
            plans[plan["goal"]] = plan["id"]
        jobs.update((job["id"], job) for job in everything(learner, "/v1/jobs"))
    for name, (_, plan) in asking.plans.items():
        assert plans.get(f"chapters 1-3 of {name}") == plan, "a plan was promised and is not there"
    for name, (_, job) in asking.jobs.items():
        assert jobs[job]["status"] in ("succeeded", "failed"), jobs[job]
        if jobs[job]["status"] == "succeeded":
            assert plans[f"chapters 1-3 of {name}"] == jobs[job]["plan_id"]
    made = [job for job in jobs.values() if job["status"] == "succeeded"]
    assert sorted(job["plan_id"] for job in made) == sorted(plans.values())
    for name, (learner, key) in list(asking.keys.items())[:50]:
        answer = asking.ask(learner, name, {"Idempotency-Key": key})
        known = asking.plans.get(name)
        assert answer.status == 201 and (known is None or answer.json["id"] == known[1]), answer
    return jobs


def check_calls(upstream, jobs, kills, open_calls, seconds):
    """What was bought twice is known to be so. `open_calls`: under way at all kills together."""
    delivered = upstream.counts("job")
    unknown = sum(call["outcome"] == "unknown" for job in jobs.values() for call in job["calls"])
    twice = {name: group for name, group in delivered.items() if group["delivered"] > 1}
    for name in twice:
        calls = jobs[name]["calls"]
        assert sum(call["outcome"] == "answered" for call in calls) <= 1, jobs[name]
        assert [call for call in calls if call["outcome"] == "unknown"], jobs[name]
    assert all(len([call for call in job["calls"] if call["outcome"] == "unknown"]) <= 2
               for job in jobs.values())
    print(f"\n{len(jobs)} jobs, {unknown} unknown calls ({kills} kills x "
          f"{len(jobs) / seconds:.0f} jobs/s x their 1.5 s, {open_calls} calls under way then), "
          f"{len(twice)} delivered twice")


def kill_and_revive(app, stores, name):
    if name == "mariadb":
        stores.mariadb.kill9()
        stores.mariadb.start()
    elif name == "redis":
        stores.redis.kill9()
        stores.redis.start()
    else:
        app[name].kill9()
        app.revive(name)


def killed_at_random(deploy, stores, name, kills, threads):
    upstream = Upstream(stores.directory).start()
    upstream.reset(latency=LATENCY)
    app = deploy({"AI_PROVIDERS": "openai,builtin", "USER_DAILY_PLANS": "0",
                  "USER_DAILY_TOKENS": "0", **upstream.settings()})
    began = time.monotonic()
    asking = Asking(app, threads)
    dice, open_calls = random.Random(kills), 0
    try:
        for _ in range(kills):
            promised = len(asking.plans) + len(asking.jobs)
            wait_for(lambda: len(asking.plans) + len(asking.jobs) > promised + threads // 4, 120,
                     f"plans after {name} was killed")
            time.sleep(dice.random() * 1.5)
            open_calls += upstream.stats()["open"]
            kill_and_revive(app, stores, name)
    finally:
        asking.end()
    app.wait_ready()
    jobs = check(asking)
    check_calls(upstream, jobs, kills, open_calls, time.monotonic() - began)
    upstream.kill9()


@pytest.mark.parametrize("name", ["planner", "mariadb", "redis", "gateway"])
def test_what_was_promised_is_there_once_after_a_kill(deploy, stores, name):
    killed_at_random(deploy, stores, name, kills=2, threads=40)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["planner", "mariadb", "redis", "gateway"])
def test_what_was_promised_is_there_once_after_many_kills(deploy, stores, name):
    """KILLS (50) times, under CONCURRENCY (200) requests at a time."""
    killed_at_random(deploy, stores, name, KILLS, CONCURRENCY)
