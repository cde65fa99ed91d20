"""The open-loop generator (openload/): requests come when they are due, whatever became of those before.

    load = OpenLoad(rig, port, [arrivals("history", 500, tokens, [HISTORY])], seconds=10)
    ... load.result()["flows"]["history"]["steps"]["history"]["latency"]["p99"]
"""
import itertools
import json
import os
import signal
import subprocess

from deployment import BIN
from scenario import PLAN

HISTORY = {"name": "history", "method": "GET", "path": "/v1/history"}
PLANS = {"name": "plan", "method": "POST", "path": "/v1/plans", "type": "application/json",
         "body": json.dumps(PLAN)}
numbers = itertools.count(1)


def arrivals(name, rate, tokens, steps, connections=2000):
    """So many requests a second at random moments."""
    return {"name": name, "rate": rate, "tokens": tokens, "steps": steps, "connections": connections}


def people(name, users, tokens, steps, ramp_s=1.0, think_s=(0, 0)):
    """So many users, each with a connection, who take the steps in turn; without steps they only
    connect."""
    return {"name": name, "users": users, "tokens": tokens, "steps": steps, "ramp_s": ramp_s,
            "think_s": list(think_s)}


def sign_ins(learners):
    """A step of which each user, or each arrival, is the next of those learners."""
    return {"name": "sign_in", "method": "POST", "path": "/v1/sessions", "type": "application/json",
            "bodies": [json.dumps({"email": learner.email, "password": learner.password})
                       for learner in learners]}


class OpenLoad:
    """Started at once; `result()` waits for its end, `stop()` brings it about."""

    def __init__(self, rig, flows, seconds, warm_s=1.0, grace_s=30.0, port=None, seed=1):
        path = rig.path(f"openload-{next(numbers)}.json")
        with open(path, "w") as file:
            json.dump({"port": port or rig.port, "seconds": seconds, "warm_s": warm_s,
                       "grace_s": grace_s, "seed": seed, "flows": flows}, file)
        self.run = subprocess.Popen([os.path.join(BIN, "openload"), path], stdout=subprocess.PIPE,
                                    text=True)
        self.pid = self.run.pid

    def result(self):
        text = self.run.communicate()[0]
        assert self.run.returncode == 0, "openload failed"
        return json.loads(text)

    def stop(self):
        self.run.send_signal(signal.SIGTERM)
        return self.result()


def step_of(result, flow, step=None):
    """What one step of a flow came to."""
    return result["flows"][flow]["steps"][step or flow]


def errors_of(result):
    """All that was counted and did not go well."""
    return sum(sum(step["errors"].values()) for flow in result["flows"].values()
               for step in flow["steps"].values()) + \
        sum(flow["never_sent"] for flow in result["flows"].values())
