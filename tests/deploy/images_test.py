"""The images, and compose with them: run by `make test-images`, after `make images-all`.

Needs podman, podman-compose and root. Everything runs under a project of its own, on free ports, and
is removed at the end.
"""
import http.client
import itertools
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

from client import Client, Learner  # noqa: E402
from deployment import free_port  # noqa: E402
from load import Load  # noqa: E402
from process import wait_for  # noqa: E402
from stores import ROOT  # noqa: E402

PROGRAMS = ("auth", "planner", "history", "voice", "gateway")
USERS = {**dict.fromkeys(PROGRAMS, 10001), "mariadb": 10002, "redis": 10003, "nginx": 10004}
PASSWORD = "correct horse"
numbers = itertools.count()


def podman(*words, check=True, **options):
    done = subprocess.run(["podman", *words], capture_output=True, text=True, timeout=300, **options)
    assert not check or done.returncode == 0, f"podman {words}: {done.stdout}{done.stderr}"
    return done


class TlsClient(Client):
    """Client's requests over TLS, on one connection that is kept."""

    context = None

    def request(self, method, path, body=None, headers=None, timeout=60):
        headers = {"Content-Type": "application/json", **(headers or {})}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(
                "localhost", self.port, timeout=timeout, context=self.context)
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        answer.body = answer.read()
        return answer


class Stack:
    """compose.yaml in a directory of its own."""

    def __init__(self, base):
        self.base = base
        self.directory = os.path.join(base, "deploy/compose")
        self.project = os.path.basename(base)
        self.http, self.https = free_port(), free_port()
        shutil.copytree(os.path.join(ROOT, "deploy"), os.path.join(base, "deploy"),
                        ignore=shutil.ignore_patterns(".env", "secrets", "settings.env", "k8s"))
        with open(os.path.join(self.directory, ".env"), "w", encoding="utf-8") as env:
            env.write(f"PUBLIC_URL=https://localhost:{self.https}\nLOG_DRIVER=k8s-file\n"
                      f"HTTP_PORT=127.0.0.1:{self.http}\nHTTPS_PORT=127.0.0.1:{self.https}\n")
        subprocess.run([os.path.join(self.directory, "setup")], check=True)
        with open(os.path.join(self.directory, "settings.env"), "a", encoding="utf-8") as env:
            env.write("USER_DAILY_PLANS=0\n")
        self.certificate = os.path.join(self.directory, "secrets/tls.crt")
        TlsClient.context = ssl.create_default_context(cafile=self.certificate)

    def run(self, *words, **more):
        env = {**os.environ, "COMPOSE": f"podman-compose -p {self.project}", **more}
        return subprocess.run(words, cwd=self.directory, env=env, capture_output=True, text=True,
                              timeout=900)

    def compose(self, *words):
        return self.run("podman-compose", "-p", self.project, *words)

    def container(self, service):
        names = podman("ps", "-a", "--format", "{{.Names}}", "--filter",
                       f"label=com.docker.compose.project.working_dir={self.directory}",
                       "--filter", f"label=com.docker.compose.service={service}").stdout.split()
        return names[0]

    def pid(self, service):
        return int(podman("inspect", "-f", "{{.State.Pid}}", self.container(service)).stdout)

    def client(self):
        return TlsClient(self.https)

    def ready(self):
        try:
            answer = self.client().get("/readyz")
            return answer.status == 200 and json.loads(answer.body)["status"] == "ready"
        except OSError:
            return False

    def sign_up(self):
        client = self.client()
        email = f"n{next(numbers)}-{os.getpid()}@example.org"
        body = {"email": email, "password": PASSWORD}
        assert client.post("/v1/users", body).status == 201
        return self.sign_in(email)

    def sign_in(self, email):
        client = self.client()
        client.email = email
        answer = client.post("/v1/sessions", {"email": email, "password": PASSWORD})
        assert answer.status == 201, answer.body
        client.token = json.loads(answer.body)["token"]
        return client


@pytest.fixture(scope="module")
def stack():
    base = tempfile.mkdtemp(prefix="shcompose", dir="/tmp")
    stack = Stack(base)
    try:
        stack.compose("up", "-d")
        wait_for(stack.ready, 60, "readiness")
        yield stack
    finally:
        podman("ps", "-a")
        stack.compose("down", "-v", "-t", "20")
        for kind in ("mariadb", "sockets"):
            podman("volume", "rm", "-f", f"{stack.project}_{kind}", check=False)
        for kind in ("front", "back", "out"):
            podman("network", "rm", "-f", f"{stack.project}_{kind}", check=False)
        shutil.rmtree(base)


# --- images -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", PROGRAMS)
def test_image_is_small_has_no_shell_and_no_root(name):
    image = json.loads(podman("image", "inspect", f"studyhall/{name}").stdout)[0]
    print(name, image["Size"] / 1e6, "MB")
    assert image["Size"] < 100e6
    assert image["Config"]["User"] == "10001:10001"
    assert image["Config"]["Labels"]["org.opencontainers.image.version"]
    done = podman("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", f"studyhall/{name}",
                  check=False)
    assert "no such file" in done.stderr.lower()


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_starts_with_a_read_only_root_and_no_rights(name):
    done = podman("run", "--rm", "--network", "none", "--read-only", "--read-only-tmpfs=false",
                  "--cap-drop", "all", f"studyhall/{name}", "settings")
    assert f"{name.upper()}_LOG_LEVEL" in done.stdout


# --- compose -------------------------------------------------------------------------------------------

def cgroup(pid, controller, v1, v2):
    """The text of a limit's file, of either version of cgroups."""
    with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        lines = [line.strip().split(":", 2) for line in file]
    for _, names, path in lines:
        if controller in names.split(","):
            place = f"/sys/fs/cgroup/{controller}{path}/{v1}"
            break
    else:
        place = f"/sys/fs/cgroup{lines[-1][2]}/{v2}"
    with open(place, encoding="utf-8") as file:
        return file.read().split()


@pytest.mark.parametrize("name, megabytes, cpus", [
    ("nginx", 128, 1.5), ("gateway", 384, 1.5), ("auth", 384, 1.5), ("planner", 512, 1.5),
    ("history", 192, 1.5), ("voice", 512, 1.0), ("mariadb", 768, 1.5), ("redis", 128, 1.0)])
def test_limits_are_in_force(stack, name, megabytes, cpus):
    pid = stack.pid(name)
    assert cgroup(pid, "memory", "memory.limit_in_bytes", "memory.max") == [str(megabytes << 20)]
    assert cgroup(pid, "cpu", "cpu.cfs_quota_us", "cpu.max")[0] == str(int(cpus * 100000))
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["Uid"].split() == [str(USERS[name])] * 4
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    with open(f"/proc/{pid}/mounts", encoding="utf-8") as file:
        root = [line.split() for line in file if line.split()[1] == "/"][-1]
    assert root[3].split(",")[0] == "ro"


def test_the_main_job_through_nginx_with_tls(stack):
    done = subprocess.run([os.path.join(ROOT, "deploy/local/demo")], capture_output=True, text=True,
                          env={**os.environ, "STUDYHALL_URL": f"https://localhost:{stack.https}",
                               "CURL_CA_BUNDLE": stack.certificate}, timeout=300)
    assert "the whole main job works" in done.stdout, done.stdout + done.stderr
    assert "HTTP/2 201" in done.stdout


def test_events_come_through_nginx_as_they_are_made(stack):
    learner = stack.sign_up()
    answer = learner.post("/v1/plans", {"goal": "Biology chapters 1-12", "locale": "en"},
                          headers={"Accept": "text/event-stream"})
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/event-stream")
    events = re.findall(rb"^event: (\w+)$", answer.body, re.M)
    assert events[0] == b"job" and events[-1] == b"plan" and events.count(b"day") > 10


def test_http_is_led_to_https(stack):
    connection = http.client.HTTPConnection("127.0.0.1", stack.http, timeout=10)
    connection.request("GET", "/docs", headers={"Host": "study.example"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Location"]) == (308, "https://study.example/docs")


def test_a_services_user_may_not_change_tables(stack):
    with open(os.path.join(stack.directory, "secrets/auth-database-url"), encoding="utf-8") as file:
        user, password = re.match(r"mysql://(\w+):(\w+)@", file.read()).groups()
    for sql, good in (("SELECT COUNT(*) FROM studyhall_auth.schema_migration", True),
                      ("DROP TABLE studyhall_auth.schema_migration", False),
                      ("SELECT * FROM studyhall_planner.schema_migration", False)):
        done = podman("exec", stack.container("mariadb"), "mariadb", "-h", "127.0.0.1", f"-u{user}",
                      f"-p{password}", "-e", sql, check=False)
        assert (done.returncode == 0) == good, sql + done.stderr


def test_a_new_certificate_is_taken_without_a_restart(stack):
    def served():
        return ssl.get_server_certificate(("127.0.0.1", stack.https))

    before = served()
    secrets = os.path.join(stack.directory, "secrets")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", "new.key", "-out",
                    "new.crt"], cwd=secrets, check=True, capture_output=True)
    for name in ("key", "crt"):  # in place, as the file itself is mounted
        shutil.copyfile(os.path.join(secrets, f"new.{name}"), os.path.join(secrets, f"tls.{name}"))
    podman("kill", "--signal", "HUP", stack.container("nginx"))
    wait_for(lambda: served() != before, 20, "the new certificate")
    TlsClient.context.load_verify_locations(stack.certificate)
    assert stack.ready()


def test_egress_is_limited_where_it_goes_out(stack):
    pid = str(stack.pid("voice"))

    def queues():
        return subprocess.run(["nsenter", "-t", pid, "-n", "tc", "qdisc", "show"], check=True,
                              capture_output=True, text=True).stdout

    done = stack.run("./egress", "voice", "20mbit", ENGINE="podman")
    assert done.returncode == 0, done.stderr
    assert queues().count("tbf") == 1 and "rate 20Mbit" in queues()
    assert stack.run("./egress", "voice", "off", ENGINE="podman").returncode == 0
    assert "tbf" not in queues()


def export(token):
    """The auth service asks all others for it. Of somebody who has little, for it is done often."""
    def send(client):
        client.token = token
        return client.get("/v1/users/me/export")
    return send


def study(client):
    return client.post("/v1/history", {"type": "study", "subject": f"s{next(numbers)}", "minutes": 5})


def test_reload_exchanges_every_process_and_no_request_fails(stack):
    requests = {"me": lambda client: client.get("/v1/users/me"), "study": study,
                "plan": lambda client: client.post("/v1/plans", {"goal": "Biology", "locale": "en"}),
                "history": lambda client: client.get("/v1/history"), "export": export(stack.sign_up().token)}
    before = {name: stack.pid(name) for name in PROGRAMS}
    with Load(stack, stack.sign_up().token, requests, clients=2, pause=0.05) as load:
        done = stack.run("./reload")
        time.sleep(1)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in PROGRAMS:
        assert stack.pid(name) != before[name]
    for name in requests:
        print(name, len(load.of(name)), "requests,", len(load.failures(name)), "failures")
        assert len(load.of(name)) > 50 and load.failures(name) == [], name
    assert "-next" not in podman("ps", "-a", "--format", "{{.Names}}").stdout


def rotate(stack):
    """As deploy/README.md says."""
    for how in ("--rotate", "--forget"):
        done = stack.run("./setup", how)
        assert done.returncode == 0, done.stderr
        with open(os.path.join(stack.directory, "secrets/init.sql"), encoding="utf-8") as file:
            podman("exec", "-i", stack.container("mariadb"), "mariadb", stdin=file)
        podman("restart", "-t", "10", stack.container("redis"))
        if how == "--rotate":
            done = stack.run("./reload")
            assert done.returncode == 0, done.stdout + done.stderr
    time.sleep(1)


def urls_of_databases(stack):
    for name in PROGRAMS[:-1]:
        with open(os.path.join(stack.directory, f"secrets/{name}-database-url"),
                  encoding="utf-8") as file:
            yield re.match(r"mysql://(\w+):(\w+)@", file.read()).groups()


def test_all_passwords_are_exchanged_and_no_request_fails(stack):
    requests = {"me": lambda client: client.get("/v1/users/me"), "study": study,
                "plan": lambda client: client.post("/v1/plans", {"goal": "Biology", "locale": "en"}),
                "history": lambda client: client.get("/v1/history")}
    before = list(urls_of_databases(stack))
    with Load(stack, stack.sign_up().token, requests, clients=2, pause=0.05) as load:
        rotate(stack)
    for name in requests:
        print(name, len(load.of(name)), "requests,", len(load.failures(name)), "failures",
              sorted({one.status for one in load.failures(name)}))
    for users, good in ((before, False), (list(urls_of_databases(stack)), True)):
        for user, password in users:
            done = podman("exec", stack.container("mariadb"), "mariadb", "-h", "127.0.0.1",
                          f"-u{user}", f"-p{password}", "-e", "SELECT 1", check=False)
            assert (done.returncode == 0) == good, user
    assert {name: load.failures(name) for name in requests if load.failures(name)} == {}


def test_what_was_backed_up_comes_back(stack, tmp_path):
    learner = stack.sign_up()
    plan = json.loads(learner.post("/v1/plans", {"goal": "Biology", "locale": "en"}).body)
    where = {"CONTAINER": stack.container("mariadb"), "ENGINE": "podman"}
    backup = str(tmp_path / "day.sql.zst")
    done = stack.run("../backup", backup, **where)
    assert done.returncode == 0 and os.stat(backup).st_mode & 0o777 == 0o600, done.stderr
    podman("exec", where["CONTAINER"], "mariadb", "-e", "DROP DATABASE studyhall_planner")
    assert learner.get(f"/v1/plans/{plan['id']}").status >= 500
    done = stack.run("../restore", backup, **where)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: learner.get(f"/v1/plans/{plan['id']}").status == 200, 30, "the plan")
    assert json.loads(learner.get(f"/v1/plans/{plan['id']}").body)["items"] == plan["items"]
    assert stack.sign_in(learner.email).token


def test_half_a_backup_is_refused_and_touches_nothing(stack, tmp_path):
    where = {"CONTAINER": stack.container("mariadb"), "ENGINE": "podman"}
    backup = tmp_path / "day.sql.zst"
    assert stack.run("../backup", str(backup), **where).returncode == 0
    backup.write_bytes(backup.read_bytes()[:-100])
    learner = stack.sign_up()
    done = stack.run("../restore", str(backup), **where)
    assert done.returncode != 0 and "not a whole backup" in done.stderr
    assert stack.sign_in(learner.email).token


# --- everything in one ---------------------------------------------------------------------------------

class One:
    """The container with everything; `place` is a volume's name or a folder."""

    def __init__(self, place):
        self.name, self.port, self.place = f"studyhall-test-{os.getpid()}", free_port(), place

    def start(self):
        podman("run", "-d", "--name", self.name, "--read-only", "--cap-drop", "all", "-e",
               "USER_DAILY_PLANS=0", "-p", f"127.0.0.1:{self.port}:8080", "-v", f"{self.place}:/data",
               "studyhall:all")
        wait_for(lambda: plain_ready(self.port), 20, "readiness")
        return self

    def exec(self, *words):
        return podman("exec", self.name, *words).stdout

    def remove(self):
        podman("rm", "-f", "-t", "60", self.name, check=False)


@pytest.fixture
def one():
    one = One(f"studyhall-test-{os.getpid()}")
    podman("volume", "create", one.place)
    yield one
    one.remove()
    podman("volume", "rm", "-f", one.place, check=False)


@pytest.fixture
def cramped():
    """On a disk of 300 MB."""
    place = tempfile.mkdtemp(prefix="shdata", dir="/tmp")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m,uid=10001,gid=10001,mode=700", "tmpfs",
                    place], check=True)
    one = One(place)
    yield one
    one.remove()
    subprocess.run(["umount", place], check=True)
    os.rmdir(place)


def plain_ready(port):
    client = Client(port)
    try:
        return client.get("/readyz").json["status"] == "ready"
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        client.close()


def test_everything_in_one_is_ready_in_20_s_and_keeps_what_it_knows(one):
    began = time.monotonic()
    one.start()
    print("ready after", round(time.monotonic() - began, 1), "s")
    assert one.exec("redis-cli", "-s", "/tmp/redis.sock", "ping").strip() == "PONG"
    learner = Learner(one.port)
    podman("stop", "-t", "60", one.name)
    assert podman("inspect", "-f", "{{.State.ExitCode}}", one.name).stdout.strip() == "0"
    podman("rm", one.name)
    one.start()
    learner.close()
    assert learner.sign_in()


def test_a_full_disk_fails_writes_alone_and_then_goes_on(cramped):
    learner = Learner(cramped.start().port)

    def write():
        return learner.post("/v1/plans", {"goal": "Biology chapters 1-12"},
                            headers={"Prefer": "respond-async"})

    cramped.exec("sh", "-c", "dd if=/dev/zero of=/data/fill bs=64k 2>/dev/null; true")
    answers = [write()]
    while answers[-1].status == 202 and len(answers) < 500:
        answers.append(write())
    assert answers[-1].status == 503 and answers[-1].code == "dependency-down", answers[-1]
    for path in ("/v1/plans", "/v1/history", "/v1/users/me"):
        assert learner.get(path).status == 200
    cramped.exec("rm", "/data/fill")
    wait_for(lambda: learner.post("/v1/plans", {"goal": "Biology"}).status == 201, 30, "a plan")
    wait_for(lambda: not learner.get("/v1/jobs?status=running").json["items"], 60, "what waited")
    plans = {one["id"] for one in learner.get("/v1/plans?limit=100").json["items"]}
    for accepted in answers[:-1]:
        job = learner.get(accepted.headers["Location"]).json
        assert job["status"] == "succeeded" and (job["plan_id"] in plans or len(plans) == 100), job
