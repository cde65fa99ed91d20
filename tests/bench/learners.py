"""Users of a system that is measured, made over its own API."""
import time

from client import Learner
from process import wait_for

EVENTS = 20


def crowd(rig, what, count):
    """So many learners, signed in, the same for the same word as long as the system runs."""
    known = rig.kept.setdefault(what, [])
    known += [Learner(rig.port) for _ in range(count - len(known))]
    return known[:count]


def readers(rig, count=4):
    """Learners who do nothing but read: each has a first page of 20 events, about 2 KB, that the cache
    has."""
    known = len(rig.kept.get("readers", ()))
    learners = crowd(rig, "readers", count)
    give_pages(learners[known:])
    return learners


def give_pages(learners):
    for learner in learners:
        for number in range(EVENTS):
            answer = learner.post("/v1/history", {"type": "study", "subject": "Biology",
                                                  "minutes": 10 + number})
            assert answer.status == 201, answer
    for learner in learners:
        wait_for(lambda: is_settled(learner), 20, "a page in the cache")


def is_settled(learner):
    """A hit twice in a row: what a service passes on a little later has arrived."""
    hits = 0
    for _ in range(2):
        hits += learner.get("/v1/history").headers["Cache-Status"] == "history; hit"
        time.sleep(0.05)
    return hits == 2


def tokens(learners):
    return [learner.token for learner in learners]
