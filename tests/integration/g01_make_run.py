"""`make run` from a checkout with an awkward path: start, crash, start again, demo, stop."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from checkout import Checkout
from client import Learner
from deployment import free_port, http_status, services
from process import wait_for
from stores import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout():
    with Checkout.running() as checkout:
        yield checkout


def test_it_is_ready_and_says_where(checkout):
    done = checkout.make("run")
    assert f"http://127.0.0.1:{checkout.port}" in done.stdout and "make stop" in done.stdout
    assert http_status(checkout.port, "/readyz") == 200


def test_demo_does_the_whole_main_job(checkout):
    assert "the whole main job works" in checkout.make("demo").stdout


def test_mariadb_keeps_its_files_in_the_checkout(checkout):
    # Even temporary ones: a starting server removes those of its neighbours from /tmp.
    directory = f"/proc/{checkout.pid('mariadb')}/fd"
    files = [os.readlink(os.path.join(directory, name)) for name in os.listdir(directory)]
    files = [path for path in files if path.startswith("/") and not path.startswith("/dev/")]
    assert any("/mariadb-tmp/" in path for path in files), files
    assert not [path for path in files if not path.startswith(checkout.path + "/")]


@pytest.mark.parametrize("name", ["gateway", "mariadb", "redis", *services()])
def test_crashed_process_is_back_within_2_seconds(checkout, name):
    before = checkout.pid(name)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: checkout.pid(name) not in (0, before), 2, f"the restart of {name}")
    wait_for(lambda: http_status(checkout.port, "/readyz") == 200, 10, "readiness")


def test_second_run_takes_seconds_and_starts_nothing_anew(checkout):
    wait_for(lambda: all(checkout.pid(name) for name in ("gateway", *services())), 5, "all pids")
    before = [checkout.pid(name) for name in ("gateway", "mariadb", *services())]
    began = time.monotonic()
    checkout.make("run")
    assert time.monotonic() - began < 10
    assert before == [checkout.pid(name) for name in ("gateway", "mariadb", *services())]


def test_stop_ends_everything_and_the_data_stays(checkout):
    learner = Learner(checkout.port)
    learner.close()
    running = [checkout.pid(name) for name in ("gateway", "mariadb", "redis", *services())]
    checkout.make("stop")
    assert not [pid for pid in running if os.path.exists(f"/proc/{pid}/exe")]
    with open(os.path.join(checkout.path, ".run/log/mariadb/current")) as log:
        assert "Shutdown complete" in log.read()
    checkout.make("run")
    assert learner.sign_in()["user"]["id"] == learner.user["id"]


def test_port_in_use_is_one_clear_line(checkout):
    with socket.socket() as other:
        port = free_port()
        other.bind(("127.0.0.1", port))
        other.listen()
        done = checkout.make("run", check=False, GATEWAY_LISTEN=f"127.0.0.1:{port}")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0 and len(lines) == 1, done.stderr
    assert str(port) in lines[0] and "GATEWAY_LISTEN" in lines[0]


def test_port_of_our_own_gateway_is_not_foreign(checkout):
    checkout.make("run", GATEWAY_LISTEN=f"0.0.0.0:{checkout.port}")
    assert http_status(checkout.port, "/readyz") == 200
    checkout.make("run")


@pytest.mark.parametrize("name, value", [
    ("GATEWAY_LISTEN", "192.0.2.1:8080"), ("PUBLIC_URL", "study"), ("GATEWAY_THREADS", "many"),
    ("AUTH_WORKERS", "0"), ("SIGNUP", "code"), ("AI_PROVIDERS", "none"), ("STT_PROVIDERS", "none"),
    ("HISTORY_DATABASE_URL", "none"), ("PLANNER_URL", "none")])
def test_what_runs_goes_on_when_a_new_setting_cannot_be_used(checkout, name, value):
    programs = ("gateway", *services())
    wait_for(lambda: all(checkout.pid(program) for program in programs), 5, "all pids")
    before = [checkout.pid(program) for program in programs]
    done = checkout.make("run", check=False, **{name: value})
    assert done.returncode != 0 and name in done.stderr, done
    assert before == [checkout.pid(program) for program in programs]
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: checkout.pid("gateway") not in (0, before[0]), 10, "the gateway's restart")
    wait_for(lambda: http_status(checkout.port, "/readyz") == 200, 10, "readiness")


def test_socket_is_named_as_one(checkout):
    directory = tempfile.mkdtemp(prefix="sh-", dir="/tmp")
    os.chmod(directory, 0o777)
    try:
        done = checkout.make("run", GATEWAY_LISTEN=f"unix:{directory}/socket")
        assert f"{directory}/socket" in done.stdout and "localhost" not in done.stdout
        assert "the whole main job works" in checkout.make("demo").stdout
    finally:
        checkout.make("run")
    os.rmdir(directory)


def test_dot_env_may_have_quotes_and_comments_and_be_private(checkout):
    path = os.path.join(checkout.path, ".env")
    with open(path, "w") as file:
        file.write('export PUBLIC_URL="https://study.example"  # where browsers go\n')
    os.chmod(path, 0o600)
    try:
        checkout.make("run")
        with socket.create_connection(("127.0.0.1", checkout.port)) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert b"Strict-Transport-Security" in client.makefile("rb").read()
        with open(path, "w") as file:
            file.write('PUBLIC_URL="https://study.example\n')
        done = checkout.make("run", check=False)
        assert done.returncode != 0 and ".env, line 1" in done.stderr
    finally:
        os.unlink(path)
    checkout.make("run")


def test_settings_come_from_dot_env(checkout):
    port = free_port()
    with open(os.path.join(checkout.path, ".env"), "w") as file:
        file.write(f"# a comment\nGATEWAY_LISTEN=127.0.0.1:{port}\n")
    try:
        checkout.make("run", GATEWAY_LISTEN="")
        assert http_status(port, "/readyz") == 200
    finally:
        os.unlink(os.path.join(checkout.path, ".env"))
    checkout.make("run")


def test_where_to_listen_may_come_from_a_file(checkout):
    port = free_port()
    path = os.path.join(checkout.path, "listen address")
    with open(path, "w") as file:
        file.write(f"127.0.0.1:{port}\n")
    os.chmod(path, 0o644)
    try:
        done = checkout.make("run", GATEWAY_LISTEN="", GATEWAY_LISTEN_FILE=path)
        assert f"http://127.0.0.1:{port}" in done.stdout
        assert http_status(port, "/readyz") == 200
    finally:
        os.unlink(path)
    checkout.make("run")


def test_each_program_gets_its_own_database_alone(checkout):
    checkout.make("run")
    for name in ("gateway", *services()):
        with open(f"/proc/{checkout.pid(name)}/environ", encoding="utf-8") as file:
            names = [pair.partition("=")[0] for pair in file.read().split("\0")]
        own = [] if name == "gateway" else [name.upper() + "_DATABASE_URL_FILE"]
        assert [one for one in names if "DATABASE_URL" in one] == own, name


def test_commands_with_the_settings_of_make_run(checkout):
    checkout.make("run")
    learner = Learner(checkout.port)
    done = subprocess.run(
        ["bash", "-c", 'set -a; . .run/env; build/release/bin/auth users reset-link "$0"',
         learner.email], cwd=checkout.path, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(f"http://127.0.0.1:{checkout.port}/v1/password-resets/"), done
    path = "/" + done.stdout.strip().split("/", 3)[3]
    assert learner.post(path, {"password": "something else"}).status == 204


def test_logs_hold_nothing_but_json(checkout):
    checkout.make("run")
    learner = Learner(checkout.port, locale="ko")
    assert learner.post("/v1/voice/turns", {"text": "오늘 뭐 공부해?"}).status == 201
    for name in ("gateway", *services()):
        with open(os.path.join(checkout.path, ".run/log", name, "current")) as log:
            others = [line for line in log if not line.startswith("{")]
        assert not others, (name, others)


def test_stop_of_what_does_not_run_says_so_and_nothing_else():
    with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as path:
        for name in ("Makefile", "deploy", "services"):
            (shutil.copytree if os.path.isdir(os.path.join(ROOT, name)) else shutil.copy)(
                os.path.join(ROOT, name), os.path.join(path, name))
        checkout = Checkout(path)
        for directory in ("", ".run/sv", ".run/sv/redis"):  # before a run, a refused one, a stop
            os.makedirs(os.path.join(path, directory), exist_ok=True)
            done = checkout.make("stop")
            assert (done.stdout, done.stderr) == ("run: nothing is running\n", ""), directory


def test_secrets_and_logs_are_the_owners_alone(checkout):
    secrets = os.path.join(checkout.path, ".run/secrets")
    for path in (secrets, os.path.join(checkout.path, ".run/log"), *(entry.path for entry in os.scandir(secrets)),
                 os.path.join(checkout.path, ".run/env")):
        assert os.stat(path).st_mode & 0o077 == 0, path
