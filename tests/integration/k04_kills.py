"""Any one pod is killed under load: what clients see of it, and how soon it is over."""
import collections
import contextlib
import itertools
import time

import pytest

from cluster import Cluster, Front
from conftest import run_deployment
from load import Load
from process import wait_for

pytestmark = [pytest.mark.disturbs, pytest.mark.slow]
SETTINGS = {"DRAIN_DELAY": "1", "USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0",
            "AI_DAILY_TOKENS": "0", "AI_PROVIDERS": "openai"}
GOAL = {"goal": "chapters 1-3", "fallback": False}
RESTART_S = 1.0  # until kubelet has started the container again, at the same address
numbers = itertools.count()
repeated = []  # writes with a key that were sent a second time, as clients of the API do


def keyed(path, body):
    def send(client):
        headers = {"Idempotency-Key": f"kill-{next(numbers)}"}
        answer = client.post(path, body, headers=headers)
        if answer.status in (502, 503):
            repeated.append((path, answer.status))
            answer = client.post(path, body, headers=headers)
        return answer
    return send


REQUESTS = {
    "me": lambda client: client.get("/v1/users/me"),
    "items": lambda client: client.get("/v1/items"),
    "history": lambda client: client.get("/v1/history"),
    "conversations": lambda client: client.get("/v1/voice/conversations"),
    "record": keyed("/v1/history", {"type": "study", "minutes": 5, "subject": "maths"}),
    "plan": keyed("/v1/plans", GOAL),
}


@pytest.fixture(scope="module")
def app(stores, stand_in):
    stand_in.reset()
    stand_in.configure(latency={"first_byte": 300})
    steps = run_deployment(Cluster(
        stores, {**SETTINGS, **stand_in.settings()}, gateways=2,
        replicas={"planner": 2, "auth": 2, "history": 2, "voice": 2}))
    cluster = next(steps)
    Front(cluster)
    yield cluster
    for _ in steps:
        pass
    stand_in.reset()


def kill(app, name):
    """kill -9; the endpoint goes and comes back with the container."""
    killed = time.monotonic()
    app[name].kill9()
    time.sleep(RESTART_S)
    app.leave(name)
    app[name].start()
    app.await_ready(name)
    app.enter(name)
    return killed, time.monotonic() - killed


@pytest.mark.parametrize("program", ["gateway", "auth", "planner", "history", "voice"])
def test_killing_a_pod_costs_no_idempotent_call(app, program):
    repeated.clear()
    tokens = [app.learner().token for _ in range(3)]
    name = app.members[program][0]
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(app, token, REQUESTS, clients=1)) for token in tokens]
        time.sleep(2)
        killed, back = kill(app, name)
        time.sleep(4)
    samples = [sample for load in loads for sample in load.samples]
    failed = [sample for sample in samples if not 200 <= sample.status < 300]
    after = [sample for sample in samples if sample.began + sample.seconds > killed]
    slow = max(sample.began + sample.seconds for sample in after if sample.seconds > 1) - killed \
        if any(sample.seconds > 1 for sample in after) else 0.0
    print(f"\n{program}: {len(samples)} calls, {len(failed)} failed, repeated {dict(collections.Counter(repeated))}; "
          f"the slowest took {max(sample.seconds for sample in after):.2f} s, "
          f"all as before after {slow:.1f} s, the pod back after {back:.1f} s")
    assert len(samples) > 200 and failed == []
    # Only a gateway takes writes with it, which nginx sends to no other by itself.
    assert program == "gateway" or repeated == []
    wait_for(lambda: app.readiness(app.members["gateway"][1]) == "ready", 30, "all of it")
