"""A light load: a few clients that repeat one request each and note how every one went."""
import collections
import http.client
import threading
import time

Sample = collections.namedtuple("Sample", "name began seconds status")
BROKEN = 0  # in place of a status: the connection ended without an answer


class Load:
    """`requests`: {name: function(client) -> Answer}; each has `clients` threads of its own.

    with Load(app, learner.token, {"plans": lambda c: c.get("/v1/plans")}) as load: ...
    """

    def __init__(self, app, token, requests, clients=2, pause=0.01):
        self.samples = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.repeat, args=(app, token, name, send, pause))
                        for name, send in requests.items() for _ in range(clients)]

    def repeat(self, app, token, name, send, pause):
        client = app.client()
        client.token = token
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                status = send(client).status
            except (OSError, http.client.HTTPException):
                client.close()
                status = BROKEN
            self.samples.append(Sample(name, began, time.monotonic() - began, status))
            time.sleep(pause)
        client.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def of(self, name, since=0.0):
        return [one for one in self.samples if one.name == name and one.began >= since]

    def failures(self, name, since=0.0):
        return [one for one in self.of(name, since) if not 200 <= one.status < 300]


def read_all(client, path):
    """Every item of a paged collection."""
    items, cursor = [], ""
    while cursor is not None:
        mark = "&" if "?" in path else "?"
        answer = client.get(f"{path}{mark}limit=100{'&cursor=' + cursor if cursor else ''}")
        assert answer.status == 200, answer
        items += answer.json["items"]
        cursor = answer.json["next_cursor"]
    return items
