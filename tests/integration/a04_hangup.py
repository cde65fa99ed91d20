"""Clients that go away while their plan is being made, and clients that only stop talking."""
import json
import time

import pytest

from process import wait_for

pytestmark = pytest.mark.disturbs


def plan_request(learner, goal, **fields):
    body = json.dumps({"goal": goal}).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join(["POST /v1/plans HTTP/1.1", "Host: a",
                        f"Authorization: Bearer {learner.token}",
                        "Content-Type: application/json", f"Content-Length: {len(body)}",
                        *lines, "", ""]).encode() + body


def hang_up_while_planning(app, learner, request):
    """The planner stands still until the client has gone."""
    app["planner"].pause()
    try:
        with learner.connect() as peer:
            peer.sendall(request)
            time.sleep(0.3)
        time.sleep(0.3)
    finally:
        app["planner"].resume()


def goals(learner):
    return [plan["goal"] for plan in learner.get("/v1/plans").json["items"]]


def test_hanging_up_cancels_the_plan(app, learner):
    hang_up_while_planning(app, learner, plan_request(learner, "chapters 1-3"))
    time.sleep(1)
    assert goals(learner) == []


@pytest.mark.parametrize("field", [{"Idempotency_Key": "k1"}, {"Prefer": "respond-async"}])
def test_who_will_come_back_keeps_the_plan(app, learner, field):
    hang_up_while_planning(app, learner, plan_request(learner, "chapters 1-3", **field))
    wait_for(lambda: goals(learner) == ["chapters 1-3"], 5, "the plan")


def test_a_half_closed_client_of_another_call_is_answered(app, learner):
    app["planner"].pause()
    try:
        with learner.connect() as peer:
            peer.sendall(f"GET /v1/plans HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                         f"{learner.token}\r\n\r\n".encode())
            peer.shutdown(1)
            time.sleep(0.3)
            app["planner"].resume()
            peer.settimeout(5)
            assert peer.recv(4096).startswith(b"HTTP/1.1 200 ")
    finally:
        app["planner"].resume()


def test_a_stopped_service_is_504_or_503_and_the_rest_goes_on(app, learner):
    app["planner"].pause()
    try:
        begun = time.monotonic()
        answer = learner.get("/v1/plans")
        assert (answer.status, answer.code) in ((504, "deadline"), (503, "dependency-down")), answer
        assert time.monotonic() - begun < 7
        assert learner.get("/v1/history").status == 200
    finally:
        app["planner"].resume()
