"""A reader of server-sent events over http.client."""
import http.client
import json


class Events:
    """Iterates over (id, event, data) of a stream. `body`: a POST with it, else a GET."""

    def __init__(self, learner, path, body=None, headers=None, timeout=60):
        self.connection = http.client.HTTPConnection(learner.host, learner.port, timeout=timeout)
        headers = {"Accept": "text/event-stream", "Authorization": "Bearer " + learner.token,
                   **(headers or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self.connection.request("GET" if body is None else "POST", path,
                                None if body is None else json.dumps(body), headers)
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def __iter__(self):
        fields = {}
        while line := self.response.readline().decode():
            line = line.rstrip("\r\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "data" in fields:
                yield fields.get("id"), fields.get("event"), json.loads(fields["data"])
            fields = {}

    def close(self):
        self.response.close()
        self.connection.close()
