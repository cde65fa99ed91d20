"""A small HTTP client for tests: one keep-alive connection, or raw bytes on a socket."""
import datetime
import http.client
import itertools
import json
import os
import socket


def instant(text):
    """A time of an answer, to be compared: without a fraction when that is zero."""
    return datetime.datetime.fromisoformat(text)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The CODE of a problem document, after checking that it is one."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self
        problem = self.json
        assert problem["status"] == self.status and problem["title"], self
        assert problem["type"].startswith("/problems/"), self
        return problem["type"].removeprefix("/problems/")

    def __repr__(self):
        headers = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{self.status}\n{headers}\n{self.body[:2000]!r}"


class Client:
    def __init__(self, port, host="127.0.0.1"):
        self.host = host
        self.port = port
        self.token = None
        self.connection = None

    def connect(self, timeout=10):
        return socket.create_connection((self.host, self.port), timeout)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None, timeout=60):
        """`body`: bytes go as they are, anything else as JSON. A stale connection is opened anew
        before sending, never after: no request is sent twice."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        if self.token:
            headers.setdefault("Authorization", "Bearer " + self.token)
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port)
        self.connection.timeout = timeout
        if self.connection.sock:
            self.connection.sock.settimeout(timeout)
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except BaseException:
            self.close()
            raise
        if response.will_close:
            self.close()
        return answer

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def patch(self, path, body=None, **options):
        return self.request("PATCH", path, body, **options)

    def delete(self, path, body=None, **options):
        return self.request("DELETE", path, body, **options)

    def raw(self, data, timeout=5, half_close=False):
        """Sends bytes on a connection of their own and returns what comes until the other side
        closes or is silent for `timeout` seconds."""
        received = b""
        with self.connect(timeout) as peer:
            try:
                peer.sendall(data)
                if half_close:
                    peer.shutdown(socket.SHUT_WR)
                while chunk := peer.recv(65536):
                    received += chunk
            except (TimeoutError, ConnectionError):
                pass
        return received


class Learner(Client):
    """A client with a user of its own, signed in."""

    numbers = itertools.count(1)
    password = "correct horse battery"

    def __init__(self, port, **user):
        super().__init__(port)
        self.email = user.pop("email", f"learner{next(self.numbers)}-{os.getpid()}@example.org")
        self.user = self.expect(201, self.post(
            "/v1/users", {"email": self.email, "password": self.password, **user}))
        self.sign_in()

    @staticmethod
    def expect(status, answer):
        assert answer.status == status, answer
        return answer.json

    def sign_in(self):
        self.token = None
        session = self.expect(201, self.post(
            "/v1/sessions", {"email": self.email, "password": self.password}))
        self.token = session["token"]
        return session

    def plan(self, **fields):
        """A plan by the built-in planner; returns it."""
        return self.expect(201, self.post("/v1/plans", {"goal": "chapters 1-6", **fields}))
