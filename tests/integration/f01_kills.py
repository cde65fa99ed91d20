"""kill -9 of each process in turn during a light load."""
import threading
import time

import pytest

from load import BROKEN, Load, read_all
from process import wait_for

pytestmark = pytest.mark.disturbs

READS = {
    "auth": lambda client: client.get("/v1/sessions"),
    "planner": lambda client: client.get("/v1/plans"),
    "history": lambda client: client.get("/v1/history"),
    "voice": lambda client: client.get("/v1/voice/conversations"),
    "page": lambda client: client.get("/readyz"),
}
SERVICES = ["auth", "planner", "history", "voice"]


def killed_under_load(app, learner, name):
    """Kills `name` for a second; returns the load's samples and when which thing happened."""
    with Load(app, learner.token, READS) as load:
        wait_for(lambda: all(len(load.of(one)) > 10 for one in READS), 20, "the load")
        killed = time.monotonic()
        app[name].kill9()
        time.sleep(1)
        revived = time.monotonic()
        app.revive(name)
        wait_for(lambda: len([one for one in load.of(name, revived) if one.status == 200]) > 5, 3,
                 f"answers of {name} within 3 s of its start")
        well = time.monotonic()
        time.sleep(1)
    return load, killed, well


@pytest.mark.parametrize("name", ["planner", "history", "voice"])
def test_others_answer_on_while_a_service_is_killed(app, learner, name):
    load, killed, _ = killed_under_load(app, learner, name)
    for other in set(READS) - {name}:
        assert load.failures(other) == []
        assert len(load.of(other, killed)) > 20, f"{other} stood still"


@pytest.mark.parametrize("name", SERVICES)
def test_killed_service_fails_within_a_second_and_is_well_after_3(app, learner, name):
    load, _, well = killed_under_load(app, learner, name)
    for one in load.failures(name):
        assert one.status in (502, 503) and one.seconds < 1, one
    for one in READS:
        assert load.failures(one, well + 0.2) == []


def test_what_needs_no_session_answers_while_auth_is_killed(app, learner):
    load, killed, _ = killed_under_load(app, learner, "auth")
    assert load.failures("page") == [] and len(load.of("page", killed)) > 20
    for name in ("planner", "history", "voice"):
        assert {one.status for one in load.failures(name)} <= {502, 503}


@pytest.mark.parametrize("name", SERVICES)
def test_request_in_flight_fails_within_a_second_of_the_kill(app, learner, name):
    answers = []

    def ask():
        client = app.client()
        client.token = learner.token
        answers.append((READS[name](client), time.monotonic()))

    learner.get("/v1/users/me")  # the gateway knows the session for the next second
    app[name].pause()
    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    assert answers == [], "answered by a stopped process"
    killed = time.monotonic()
    app[name].kill9()
    thread.join(5)
    answer, when = answers[0]
    assert answer.status in (502, 503) and when - killed < 1, (answer, when - killed)
    app.revive(name)
    wait_for(lambda: READS[name](learner).status == 200, 3, f"recovery of {name}")


def test_gateway_killed_under_load_is_back_with_every_session(app, learner):
    with Load(app, learner.token, READS) as load:
        wait_for(lambda: all(len(load.of(one)) > 10 for one in READS), 20, "the load")
        app["gateway"].kill9()
        revived = time.monotonic()
        app.revive("gateway")
        for name in READS:
            wait_for(lambda: [one for one in load.of(name, revived) if one.status == 200], 3,
                     f"answers for {name} within 3 s")
        well = time.monotonic()
        time.sleep(1)
    for name in READS:
        assert load.failures(name, well) == []
        assert {one.status for one in load.failures(name)} <= {BROKEN, 502, 503}


def test_killed_service_executes_nothing_twice_and_loses_nothing_acknowledged(app, learner):
    """Each subject is written by one request: none may appear twice, no 201 may be missing."""
    number = iter(range(1_000_000))
    acknowledged = set()

    def write(client):
        subject = f"s{next(number)}"
        answer = client.post("/v1/history", {"type": "study", "subject": subject, "minutes": 1})
        if answer.status == 201:
            acknowledged.add(subject)
        return answer

    with Load(app, learner.token, {"write": write}, clients=4, pause=0) as load:
        for _ in range(3):
            before = len(acknowledged)
            wait_for(lambda: len(acknowledged) > before + 50, 10, "writes")
            app["history"].kill9()
            app.revive("history")
    wait_for(lambda: learner.get("/v1/history").status == 200, 3, "the history's recovery")
    assert {one.status for one in load.failures("write")} <= {502, 503}
    shown = [event["subject"] for event in read_all(learner, "/v1/history?type=study")]
    assert len(shown) == len(set(shown))
    assert acknowledged <= set(shown)
