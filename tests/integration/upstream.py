"""The stand-in for all AI and speech providers (tests/upstream/), started on a free port.

    upstream = Upstream(directory).start()
    upstream.configure(latency={"first_byte": 3000}, faults=[{"fault": "429", "next": 2}])
    ... GEMINI_BASE_URL=upstream.url ...
    upstream.ledger(outcome="aborted")
"""
import http.client
import itertools
import json
import os
import time
import urllib.parse

from deployment import BIN, SANITIZERS
from process import Process, wait_for


class Upstream(Process):
    """`directory` takes the log. A stand-in that is started again keeps its port."""

    numbers = itertools.count(1)

    def __init__(self, directory):
        number = next(self.numbers)
        env = {**SANITIZERS, "PATH": os.environ.get("PATH", "")}
        super().__init__(f"upstream.{number}", [os.path.join(BIN, "upstream")],
                         os.path.join(directory, f"upstream-{number}.log"), env, directory)
        self.port = None

    def start(self):
        if self.port:
            self.argv[1:] = [f"127.0.0.1:{self.port}"]
        super().start()
        self.port = wait_for(self.listening, 30, "the stand-in's port")
        return self

    def listening(self):
        assert self.alive(), self.log_tail()
        lines = [line for line in self.log_text().splitlines() if line.startswith("listening on ")]
        return int(lines[-1].rsplit(":", 1)[1]) if lines else None

    def open_files(self):
        return os.listdir(f"/proc/{self.pid}/fd")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def settings(self, gemini="gemini-key-0001", openai="openai-key-0001", google="google-key-0001"):
        """Settings of a deployment whose providers are all this stand-in."""
        return {"GEMINI_API_KEY": gemini, "GEMINI_BASE_URL": self.url,
                "OPENAI_API_KEY": openai, "OPENAI_BASE_URL": self.url,
                "GOOGLE_API_KEY": google, "GOOGLE_STT_BASE_URL": self.url,
                "GOOGLE_TTS_BASE_URL": self.url}

    # --- the control API -----------------------------------------------------------------------

    def control(self, method, what, body=None, **query):
        path = f"/_upstream/{what}"
        query = {name: value for name, value in query.items() if value is not None}
        if query:
            path += "?" + urllib.parse.urlencode(query)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        assert response.status in (200, 204), f"{method} {path}: {response.status} {text!r}"
        return json.loads(text) if text else None

    def reset(self, **members):
        """Everything as at the start, but for what is given; the ledger is emptied."""
        self.control("PUT", "config", members)
        self.control("DELETE", "ledger")

    def configure(self, **members):
        """Changes what is given: seed, latency, providers, faults, transcripts, record_days."""
        return self.control("PATCH", "config", members)

    def faults(self, *rules):
        """Replaces the rules; each a name ("reset") or a rule: {"fault": "429", "next": 3}."""
        self.configure(faults=[{"fault": rule} if isinstance(rule, str) else rule
                               for rule in rules])

    def ledger(self, **filters):
        """The calls, in order; filters: mark, job, provider, path, fault, outcome, from_, limit."""
        if "from_" in filters:
            filters["from"] = filters.pop("from_")
        answer = self.control("GET", "ledger", **filters)
        assert answer["complete"], "the ledger's cap was hit"
        return answer["calls"]

    def counts(self, by="mark", **filters):
        """{name: {calls, open, delivered, aborted, failed}}; filters: min_calls, min_delivered."""
        answer = self.control("GET", "counts", by=by, **filters)
        assert answer["complete"], "the ledger's cap was hit"
        return {group["name"]: group for group in answer["groups"]}

    def stats(self):
        return self.control("GET", "stats")

    def release(self, mark=None, next=None):
        """Lets calls that a "hold" keeps go on; how many those were."""
        return self.control("POST", "release", mark=mark, next=next)["released"]

    def await_held(self, count, seconds=60):
        wait_for(lambda: self.stats()["held"] == count, seconds, f"{count} held calls")

    def forget(self):
        """Empties the ledger."""
        self.control("DELETE", "ledger")

    def await_open(self, count, seconds=60):
        """Waits until `count` calls are under way."""
        wait_for(lambda: self.stats()["open"] == count, seconds, f"{count} open calls")

    def await_ended(self, seconds=60, **filters):
        """Waits until every call of these filters has ended; returns them."""
        wait_for(lambda: all(call["ended"] for call in self.ledger(**filters)), seconds,
                 "the calls' end")
        return self.ledger(**filters)


def wall_us():
    """Now, on the clock of the ledger's times."""
    return time.time_ns() // 1000
