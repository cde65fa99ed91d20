"""The paper's scenario for Locust: sign in, have a plan made, look at the history, talk to the tutor;
again and again, without a pause.

    locust -f tests/bench/locustfile.py --headless -u 50 -r 10 -t 60s --host http://127.0.0.1:8080

Each iteration is a line of JSON in the file BENCH_LOG (if it is set): when it began, what each step
took, what failed, and the ids of plan and turn, by which the stand-in's log knows its delays.
"""
import itertools
import json
import os
import sys
import time

from locust import FastHttpUser, constant, events, task

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scenario import PASSWORD, PLAN, speech  # noqa: E402

POLL_SECONDS = 0.5
numbers = itertools.count(1)
log = None


SPEECH = speech()


@events.test_start.add_listener
def open_log(**_):
    global log
    log = open(os.environ.get("BENCH_LOG", os.devnull), "a", buffering=1, encoding="ascii")


class Failed(Exception):
    """A step that was not answered as it should be."""


class Learner(FastHttpUser):
    wait_time = constant(0)
    connection_timeout = network_timeout = 120

    def on_start(self):
        self.email = f"u{next(numbers)}-{os.getpid()}-{time.time_ns()}@example.org"
        self.headers = {}
        body = {"email": self.email, "password": PASSWORD}
        while self.client.post("/v1/users", json=body).status_code not in (201, 409):
            time.sleep(1)

    def call(self, method, path, want=(201,), **options):
        with self.client.request(method, path, headers={**self.headers, **options.pop("headers", {})},
                                 catch_response=True, **options) as answer:
            if answer.status_code not in want:
                answer.failure(f"status {answer.status_code}")
                raise Failed(str(answer.status_code))
            answer.success()
            return answer

    def sign_in(self, _):
        self.headers = {}
        answer = self.call("POST", "/v1/sessions",
                           json={"email": self.email, "password": PASSWORD}).json()
        self.headers = {"Authorization": "Bearer " + answer["token"]}

    def plan(self, ids):
        """201 with the plan, or 202 with the address of a job that is asked about until it is done."""
        answer = self.call("POST", "/v1/plans", want=(201, 202), json=PLAN)
        if answer.status_code == 202:
            job = answer.headers["Location"]
            while (state := self.call("GET", job, want=(200,), name="/v1/jobs/ID").json())[
                    "status"] in ("queued", "running"):
                time.sleep(POLL_SECONDS)
            if state["status"] != "succeeded":
                raise Failed(state["status"])
            answer = self.call("GET", "/v1/plans/" + state["plan_id"], want=(200,),
                               name="/v1/plans/ID")
        plan = answer.json()
        ids["plan"] = plan["id"]
        if not plan["items"]:
            raise Failed("an empty plan")

    def history(self, _):
        self.call("GET", "/v1/history", want=(200,))

    def voice(self, ids):
        answer = self.call("POST", "/v1/voice/turns?locale=ko", data=SPEECH, name="/v1/voice/turns",
                           headers={"Content-Type": "audio/wav"})
        ids["turn"] = answer.json()["id"]

    @task
    def iteration(self):
        line = {"began": time.time(), "steps": {}, "failed": None}
        for step in (self.sign_in, self.plan, self.history, self.voice):
            began = time.monotonic()
            try:
                step(line)
            except Exception as error:  # whatever it was: the step did not do its work
                line["failed"] = f"{step.__name__}: {error or type(error).__name__}"[:80]
                break
            finally:
                line["steps"][step.__name__] = time.monotonic() - began
        line["ended"] = time.time()
        log.write(json.dumps(line) + "\n")
        if line["failed"]:
            time.sleep(1)  # as people do; or failures, which are quick, would crowd out the rest
