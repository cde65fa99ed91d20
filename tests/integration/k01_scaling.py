"""Replicas come and go under load: new ones get work within seconds, old ones lose none."""
import collections
import contextlib
import itertools
import time

import pytest

from cluster import Cluster, Front
from conftest import run_deployment
from load import Load
from process import wait_for

pytestmark = [pytest.mark.disturbs, pytest.mark.slow]  # as root: each process has a name server
# Plans of a provider that takes 300 ms, so that many are under way at any time.
GOAL = {"goal": "chapters 1-3", "fallback": False}
SETTINGS = {"DRAIN_DELAY": "3", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_DAILY_TOKENS": "0", "AI_PROVIDERS": "openai"}


@pytest.fixture
def cluster(stores, stand_in):
    stand_in.reset()
    stand_in.configure(latency={"first_byte": 300})
    running = []

    def start(**options):
        steps = run_deployment(Cluster(stores, {**SETTINGS, **stand_in.settings()}, **options))
        running.append(steps)
        return next(steps)

    yield start
    for steps in reversed(running):
        for _ in steps:
            pass
    stand_in.reset()


def calls(cluster, name):
    """How many plans a planner has been asked for."""
    return cluster.metrics(name)['studyhall_call_seconds_count{method="CreatePlan"}']


def shares(cluster, seconds):
    names = list(cluster.members["planner"])
    before = {name: calls(cluster, name) for name in names}
    time.sleep(seconds)
    return {name: calls(cluster, name) - before[name] for name in names}


def check_even(cluster, count, what):
    found = shares(cluster, 6)
    even = sum(found.values()) / count
    print(f"{what}: " + ", ".join(f"{name} {share / even:.3f}" for name, share in found.items()))
    assert len(found) == count and even > 50
    assert all(abs(share / even - 1) <= 0.15 for share in found.values()), found


@contextlib.contextmanager
def under_load(cluster, requests, learners=4, clients=2):
    """Each request repeated by so many clients of each learner; yields the list of samples, and no
    sample may be a failure."""
    tokens = [cluster.learner().token for _ in range(learners)]
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(cluster, token, requests, clients)) for token in tokens]
        yield loads
    samples = [sample for load in loads for sample in load.samples]
    failed = collections.Counter((sample.name, sample.status) for sample in samples
                                 if not 200 <= sample.status < 300)
    slowest = max(sample.seconds for sample in samples)
    print(f"{len(samples)} requests, the slowest took {slowest:.2f} s, failed: {dict(failed)}")
    assert len(samples) > 200 and not failed


def plan(client):
    return client.post("/v1/plans", GOAL)


def await_addresses(cluster, program, count):
    wait_for(lambda: len(cluster.names.addresses[program]) == count, 20, f"{count} addresses")


def test_load_is_even_five_seconds_after_each_change_and_nothing_fails(cluster):
    app = cluster()
    with under_load(app, {"plan": plan}, learners=8, clients=4):
        time.sleep(2)
        app.scale("planner", 4)
        time.sleep(5)
        check_even(app, 4, "1 -> 4")
        leaving = app.scale("planner", 2)
        await_addresses(app, "planner", 2)
        time.sleep(5)
        check_even(app, 2, "4 -> 2")
        for thread in leaving:
            thread.join()


# One for each kind of work: CPU, AI, cache, keys, sound.
numbers = itertools.count()
MIXED = {
    "plan": plan,
    "me": lambda client: client.get("/v1/users/me"),
    "items": lambda client: client.get("/v1/items"),
    "history": lambda client: client.get("/v1/history"),
    "record": lambda client: client.post(
        "/v1/history", {"type": "study", "minutes": 5, "subject": "maths"},
        headers={"Idempotency-Key": f"record-{next(numbers)}"}),
    "conversations": lambda client: client.get("/v1/voice/conversations"),
}


def test_a_replica_that_leaves_loses_nothing_however_slow_dns_is(cluster):
    """Its address stays in DNS until it is gone: only its own word keeps callers away."""
    app = cluster(replicas={"planner": 2})
    with under_load(app, {"plan": plan, "items": MIXED["items"]}):
        app.roll("planner", gone_after=None)


def test_a_rolling_restart_of_every_service_loses_nothing(cluster):
    app = cluster(replicas={"planner": 2, "auth": 2, "history": 2, "voice": 2}, gateways=2)
    Front(app)
    with under_load(app, MIXED, learners=3, clients=1):
        for program in ("auth", "planner", "history", "voice"):
            app.roll(program)


def test_a_rolling_restart_of_two_gateways_behind_nginx_loses_nothing(cluster):
    app = cluster(gateways=2)
    Front(app)
    with under_load(app, MIXED, learners=3, clients=1):
        for _ in range(2):
            app.roll("gateway")


def test_a_process_ends_in_order_though_dns_is_silent(cluster):
    app = cluster()
    app.names.silent = True
    time.sleep(4)  # by now each process looks for somebody, in vain
    for name in ("gateway.1", "voice.1", "auth.1"):
        app.remove_replica(name, gone_after=None)
