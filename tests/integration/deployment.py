"""The programs of Studyhall, started on free ports with databases of their own."""
import http.client
import itertools
import os
import random
import socket
import subprocess
import time

from client import Client, Learner
from process import Process, die_with_parent, wait_for
from stores import ROOT

BIN = os.path.abspath(os.environ.get("STUDYHALL_BIN") or os.path.join(ROOT, "build/release/bin"))
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:strict_string_checks=1:fast_unwind_on_malloc=0",
    "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "exitcode=99",
}
held_ports = {}


def free_port():
    """A loopback port below the ephemeral range that no other test run on this network holds: the
    name of an abstract socket is known exactly where the port is, in other roots and containers
    too."""
    while True:
        port = random.randrange(10000, 20000)
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0studyhall-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        held_ports[port] = lock
        return port


def services():
    return sorted(entry.name for entry in os.scandir(os.path.join(ROOT, "services"))
                  if entry.is_dir())


def http_status(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Deployment:
    """`settings`: further environment for all processes. `replicas`: how many of a service, e.g.
    {"history": 2}; they all stand in S_URL, and `app["history.2"]` is the second. Names of
    programs in `absent` are not started. `each`: further environment of one process by its name.
    `files`: where a program is that is not BIN's, such as {"auth": path}."""

    numbers = itertools.count(1)

    def __init__(self, stores, settings=None, replicas=None, absent=(), each=None,
                 files=None):
        self.stores = stores
        self.number = next(self.numbers)
        self.settings = dict(settings or {})
        self.replicas = dict(replicas or {})
        self.absent = set(absent)
        self.each = dict(each or {})
        self.files = dict(files or {})
        self.processes = {}
        self.admin_ports = {}
        self.port = free_port()
        self.env = self.base_environment()

    def base_environment(self):
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        env = {**keep, "LANG": "C.UTF-8", **SANITIZERS,
               "SIGNIN_ADDRESS_LIMIT": "100000",  # every test signs in from 127.0.0.1
               "GATEWAY_LISTEN": f"127.0.0.1:{self.port}", "REDIS_URL": self.stores.redis_url}
        self.listen = {}
        for service in services():
            prefix = service.upper().replace("-", "_")
            ports = [free_port() for _ in range(self.replicas.get(service, 1))]
            self.listen[service] = [f"tcp://127.0.0.1:{port}" for port in ports]
            env[prefix + "_URL"] = ",".join(self.listen[service])
            if os.path.isdir(os.path.join(ROOT, "services", service, "schema")):
                env[prefix + "_DATABASE_URL"] = self.stores.create_database(
                    f"sh{self.number}_{service.replace('-', '_')}")
        return {**env, **self.settings}

    def __getitem__(self, name):
        return self.processes[name]

    def add(self, program, name, listen=None):
        prefix = program.upper().replace("-", "_")
        self.admin_ports[name] = free_port()
        env = {**self.env, prefix + "_ADMIN": f"127.0.0.1:{self.admin_ports[name]}"}
        if listen:
            env[prefix + "_LISTEN"] = listen
        env.update(self.each.get(name, {}))
        self.processes[name] = Process(
            name, self.wrap(program) + [self.files.get(program) or os.path.join(BIN, program)],
            self.stores.path(f"{self.number}-{name}.log"), env, self.stores.directory)

    @staticmethod
    def wrap(program):
        """STUDYHALL_WRAP_VOICE="valgrind -q": a command that a program is run under."""
        return os.environ.get("STUDYHALL_WRAP_" + program.upper(), "").split()

    def start(self):
        for service in services():
            self.migrate(service)
            for number, listen in enumerate(self.listen[service], 1):
                self.add(service, service if number == 1 else f"{service}.{number}", listen)
        self.add("gateway", "gateway")
        for name, process in self.processes.items():
            if name.split(".")[0] not in self.absent:
                process.start()
        self.wait_ready()
        return self

    def migrate(self, service):
        if service.upper().replace("-", "_") + "_DATABASE_URL" in self.env:
            self.command(service, "migrate")

    def command(self, program, *words, check=True, env=None, **options):
        """Runs a sub-command such as command("auth", "users", "list"); returns the finished run."""
        done = subprocess.run([os.path.join(BIN, program), *words], env=env or self.env,
                              cwd=self.stores.directory, capture_output=True, text=True,
                              timeout=60, preexec_fn=die_with_parent, **options)
        # What ASan says of any program with tasks is not the program's.
        done.stderr = "".join(line for line in done.stderr.splitlines(keepends=True)
                              if "makecontext/swapcontext" not in line)
        assert not check or done.returncode == 0, f"{program} {words}: {done.stdout}{done.stderr}"
        return done

    def ready(self, name):
        return http_status(self.admin_ports[name], "/readyz") == 200

    def wait_ready(self, seconds=60):
        """Waits until every started process says so on its admin port, the gateway last."""
        deadline = time.monotonic() + seconds
        for name, process in self.processes.items():
            if process.child is None or process.expected:
                continue
            wait_for(lambda: process.crashed() or self.ready(name),
                     max(0.1, deadline - time.monotonic()), f"readiness of {name}")
            assert not process.crashed(), f"{name} ended at once:\n{process.log_tail()}"
        # With every process up each must have found all the others, not just be ready for work:
        # a replica that has not found its sibling yet cannot tell it to cancel a job at once.
        if all(process.alive() for process in self.processes.values()):
            for name in self.processes:
                wait_for(lambda: self.readiness(name) == "ready" and self.has_found_all(name),
                         10, f"{name}'s finding of its dependencies")

    def has_found_all(self, name):
        """Has it a link to every replica of each service that it calls?"""
        metrics = self.metrics(name)
        found = {service: metrics.get(f'studyhall_rpc_replicas_up{{actor="{service}"}}')
                 for service in self.listen}
        return all(up in (None, len(self.listen[service])) for service, up in found.items())

    def readiness(self, name):
        """"ready", "degraded", "starting" or "draining", or None without an answer."""
        try:
            return Client(self.admin_ports[name]).get("/readyz", timeout=2).json["status"]
        except (OSError, http.client.HTTPException, ValueError):
            return None

    def revive(self, name):
        """What the supervisor does: starts a process that a test ended."""
        self[name].start()

    def client(self):
        return Client(self.port)

    def learner(self, **user):
        return Learner(self.port, **user)

    def metrics(self, name):
        """The process's /metrics as {"name{labels}": value}."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_ports[name], timeout=5)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {key: float(value) for key, value in samples}

    def complaints(self):
        """What no test may leave behind: processes that died, sanitizer reports, assertions."""
        found = []
        for process in self.processes.values():
            if process.child is None:
                continue
            if process.crashed():
                found.append(f"{process.name} died with status {process.child.returncode}")
                process.expected = True
            found += [f"{process.name}: {line}" for line in process.fatal_lines()]
        return found

    def stop(self):
        """SIGTERM to all at once; each must end with status 0 (a leak report would change it)."""
        running = [process for process in self.processes.values() if process.alive()]
        for process in running:
            process.resume()
            process.terminate()
        bad = [f"{process.name} ended with status {status}" for process in running
               if (status := self.wait_end(process)) != 0]
        bad += self.complaints()
        assert not bad, "; ".join(bad)

    @staticmethod
    def wait_end(process):
        try:
            return process.child.wait(40)
        except subprocess.TimeoutExpired:
            process.kill9()
            return "none (SIGTERM ignored for 40 s)"
