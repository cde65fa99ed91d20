"""The systems that are measured, each started as its folder in systems/ says.

A system listens on a socket file behind nginx, or, `direct`, on a loopback port of its own."""
import contextlib
import os
import re
import secrets
import signal

from meters import family
from wrk import HERE

from deployment import BIN, Deployment, free_port  # noqa: E402
from process import Process  # noqa: E402
from stores import ROOT, program  # noqa: E402

SYSTEMS = os.path.join(HERE, "systems")
VARIANTS = os.path.join(os.path.dirname(BIN), "variants")
TABLES = {"auth": ("account", "session"), "planner": ("plan", "item"), "history": ("event",),
          "voice": ("conversation", "turn")}
# What the measurements need and no operator would refuse: no daily limits, room for 10,000 users.
STUDYHALL = {"USER_DAILY_PLANS": "0", "USER_DAILY_TOKENS": "0", "AI_DAILY_TOKENS": "0",
             "USER_MINUTE_TURNS": "0", "SIGNIN_ADDRESS_LIMIT": "0", "LOG_LEVEL": "warn",
             "PLANNER_WORKERS": "2", "PLANNER_WORKER_CONNECTIONS": "6000",
             "VOICE_WORKER_CONNECTIONS": "6000", "VOICE_QUEUE_LIMIT": "6000",
             "AUTH_QUEUE_LIMIT": "10000", "GATEWAY_MAX_CONNECTIONS": "16000",
             "TRUSTED_PROXIES": "unix", "AI_PROVIDERS": "gemini,builtin",
             "STT_PROVIDERS": "google", "TTS_PROVIDERS": "google"}
EACH = {"voice": {"AI_PROVIDERS": "openai,builtin"}}


def schema():
    """CREATE TABLE of the services' tables that hold the users' things, from their own migrations."""
    found = []
    for service, tables in TABLES.items():
        folder = os.path.join(ROOT, "services", service, "schema")
        text = "".join(open(os.path.join(folder, name)).read() for name in sorted(os.listdir(folder)))
        found += [re.search(rf"^CREATE TABLE {table} \(.*?^\) [^;]*;", text, re.M | re.S)[0]
                  for table in tables]
    return "\n".join(found)


class PythonSystem:
    """Programs of systems/, each a role; the first of them is the one that listens."""

    def __init__(self, title, **programs):
        self.title, self.programs, self.processes = title, programs, {}

    def start(self, rig, direct):
        self.listen = f"127.0.0.1:{free_port()}" if direct else rig.socket_path()
        env = {**self.environment(rig), "BIND": self.listen if direct else "unix:" + self.listen}
        for role, words in self.programs.items():
            self.processes[role] = Process(role, words, rig.path(role + ".log"), env, SYSTEMS)
            self.processes[role].start()
        return [self.listen]

    def database(self, _service):
        """The name of the database that has the tables of that service."""
        return self.name

    def environment(self, rig):
        name, password = "py" + secrets.token_hex(4), secrets.token_hex(8)
        self.name = name
        rig.stores.sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;"
                       f"CREATE USER {name}@localhost IDENTIFIED BY '{password}';"
                       f"GRANT ALL ON {name}.* TO {name}@localhost;")
        rig.stores.sql(schema(), name)
        rig.stores.redis_cli("flushall")
        return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": SYSTEMS, "MYSQL_SOCKET": rig.stores.path("mariadb.sock"),
                "MYSQL_USER": name, "MYSQL_PASSWORD": password, "MYSQL_DATABASE": name,
                "REDIS_SOCKET": rig.stores.path("redis.sock"),
                "REDIS_PASSWORD": rig.stores.redis_password, **rig.upstream.settings()}

    def roles(self):
        return {role: process.pid for role, process in self.processes.items()}

    def alive(self):
        return all(process.alive() for process in self.processes.values())

    def log_tail(self):
        return "\n".join(process.log_tail(8) for process in self.processes.values())

    def stop(self):
        end(self.processes.values())


class Studyhall:
    """The programs of this repository, as `make run` starts them; with several gateways on a socket file
    each, with gateways on loopback ports though nginx is before them (`tcp`), or with a program of a VARIANT
    (tests/bench/variants) in the place of its own, such as {"auth": "no_pool"}."""

    title = "Studyhall"

    def database(self, service):
        """The name of the database that has the tables of that service."""
        return f"sh{self.app.number}_{service}"

    def start(self, rig, direct, replicas=None, gateways=1, tcp=False, variants=(), **settings):
        files = {program: os.path.join(VARIANTS, variant, program)
                 for program, variant in dict(variants).items()}
        self.app = Deployment(rig.stores, {**STUDYHALL, **rig.upstream.settings(), **settings},
                              replicas=replicas, each=EACH, files=files)
        listens = [f"127.0.0.1:{self.app.port}" if direct or tcp else rig.socket_path()]
        self.app.env["GATEWAY_LISTEN"] = listen_setting(listens[0])
        self.app.start()
        for number in range(2, gateways + 1):
            listens.append(f"127.0.0.1:{free_port()}" if direct or tcp else rig.socket_path())
            self.app.add("gateway", f"gateway.{number}", listen_setting(listens[-1]))
            self.app[f"gateway.{number}"].start()
        self.app.wait_ready()
        return listens

    def roles(self):
        return {name: process.pid for name, process in self.app.processes.items()}

    def alive(self):
        return all(process.alive() for process in self.app.processes.values())

    def log_tail(self):
        return "\n".join(process.log_tail(4) for process in self.app.processes.values())

    def stop(self):
        end(self.app.processes.values())


def listen_setting(address):
    return "unix:" + address if address.startswith("/") else address


def end(processes):
    """At once, with all their children: what they still hold is of no interest any more."""
    running = [process for process in processes if process.alive()]
    for pid in [pid for process in running for pid in family(process.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for process in running:
        process.expected = True
        process.child.wait()


def systems():
    """{name: system}, in the order of the reports."""
    return {
        "case-a": PythonSystem("Case A: gunicorn, 10 sync workers",
                               gunicorn=[program("gunicorn"), "-c", "case_a/gunicorn_config.py"]),
        "case-b": PythonSystem("Case B: gunicorn, 8 gevent workers",
                               gunicorn=[program("gunicorn"), "-c", "case_b/gunicorn_config.py"]),
        "async": PythonSystem("FastAPI on uvicorn, 4 workers",
                              gunicorn=[program("gunicorn"), "-c", "async_app/gunicorn_config.py"]),
        "celery": PythonSystem("Case B, plans by Celery",
                               gunicorn=[program("gunicorn"), "-c", "celery_app/gunicorn_config.py"],
                               celery=["/usr/bin/python3", "-m", "celery", "-A", "celery_app.tasks", "worker", "--pool",
                                       "gevent", "--concurrency", "1000", "--loglevel", "WARNING"]),
        "studyhall": Studyhall(),
    }
