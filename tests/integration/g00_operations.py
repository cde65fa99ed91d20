"""What an operator relies on: sub-commands, settings, drain, readiness, replicas."""
import os
import socket
import stat
import subprocess
import time

import pytest

from deployment import BIN
from process import Process, wait_for
from stores import ROOT


def test_migrate_can_be_repeated(app):
    app.command("history", "migrate")


def test_setting_that_cannot_be_parsed_is_one_line_that_names_it(app):
    app.env["AUTH_WORKERS"] = "many"
    try:
        done = app.command("auth", check=False)
    finally:
        del app.env["AUTH_WORKERS"]
    assert done.returncode != 0
    assert "AUTH_WORKERS" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_check_says_whether_the_settings_can_be_used(app):
    for program in ("gateway", "auth", "planner", "history", "voice"):
        done = app.command(program, "check")
        assert done.stdout + done.stderr == "", program


@pytest.mark.parametrize("program, name, value", [
    ("gateway", "GATEWAY_LISTEN", "192.0.2.1:80"), ("gateway", "GATEWAY_LISTEN", "unix:/none/x"),
    ("gateway", "AUTH_URL", "none"), ("auth", "AUTH_DATABASE_URL", "x"), ("auth", "AUTH_DATABASE_URL", ""), ("auth", "REDIS_URL", "x"),
    ("auth", "SIGNUP", "code"), ("planner", "AI_PROVIDERS", "none"),
    ("planner", "HISTORY_URL", "none"), ("history", "HISTORY_LISTEN", "none"),
    ("voice", "TTS_PROVIDERS", "none")])
def test_check_names_what_cannot_be_used_in_one_line(app, program, name, value):
    done = app.command(program, "check", check=False, env={**app.env, name: value})
    assert done.returncode == 1 and name in done.stderr, done
    assert len(done.stderr.splitlines()) == 1, done.stderr


# As tests/unit/config_test.c wants it of the programs: the shell of `make run` agrees.
DOTENV = """# comment
A="https://x"  # comment
B='a # b' # c
export C=1 # x
D=a#b
E=#x
F= # only
G="a\\"b\\\\"\x20
  H = x y\x20\x20
I=
J="x"#c
K=it's
L=cr\r
M=a #b #c
"""


def test_dot_env_is_read_by_make_run_as_by_the_programs(tmp_path):
    (tmp_path / ".env").write_bytes(DOTENV.encode())
    script = f'. "{ROOT}/deploy/local/settings"; settings_read_dotenv; ' \
             'for n in A B C D E F G H I J K L M; do printf "%s|" "$(settings_get $n)"; done'
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"]}, timeout=60)
    assert done.stdout.split("|") == ["https://x", "a # b", "1", "a#b", "#x", "", 'a"b\\', "x y", "",
                                      "x", "it's", "cr", "a", ""], done


@pytest.mark.parametrize("line", ["A", "=a", 'A="a', "A='a' b", "U-L=a", "U a=b", "export =a"])
def test_dot_env_is_refused_by_make_run_as_by_the_programs(app, tmp_path, line):
    (tmp_path / ".env").write_text(f"# first\n{line}\n")
    script = f'. "{ROOT}/deploy/local/settings"; die() {{ echo "$*"; exit 1; }}; ' \
             "settings_read_dotenv"
    for argv in (["bash", "-euc", script], [os.path.join(BIN, "gateway"), "check"]):
        done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, env=app.env,
                              timeout=60)
        assert done.returncode == 1, argv
        assert ".env, line 2: not NAME=VALUE" in done.stdout + done.stderr, argv


def test_operator_disables_and_enables_a_user(app, learner):
    app.command("auth", "users", "disable", learner.email)
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 2, "the session's end")
    assert learner.post("/v1/sessions", {"email": learner.email,
                                         "password": learner.password}).status == 401
    app.command("auth", "users", "enable", learner.email)
    learner.sign_in()


def test_operator_lists_users(app, learner):
    assert learner.email in app.command("auth", "users", "list").stdout


def test_reset_link_sets_a_password_once(app, client, learner):
    link = app.command("auth", "users", "reset-link", learner.email).stdout
    token = link.split()[-1].rstrip("/").rsplit("/", 1)[-1]
    path = "/v1/password-resets/" + token
    assert client.post(path, {"password": "fresh password"}).status == 204
    assert client.post(path, {"password": "fresh password"}).status in (404, 422)
    learner.password = "fresh password"
    learner.sign_in()


@pytest.mark.disturbs
def test_sigterm_drains_readiness_goes_and_the_exit_status_is_0(app, client):
    gateway = app["gateway"]
    client.get("/healthz")
    gateway.terminate()
    wait_for(lambda: not app.ready("gateway"), 2, "readiness to go")
    assert app.client().get("/healthz", timeout=2).status == 200, "still serving for a moment"
    assert gateway.child.wait(30) == 0


def test_socket_file_is_for_any_user_and_goes_with_the_gateway(app, tmp_path):
    path = str(tmp_path / "gateway.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)  # what a killed gateway leaves behind
    env = {**app.env, "GATEWAY_LISTEN": "unix:" + path, "GATEWAY_ADMIN": "off", "DRAIN_DELAY": "0"}
    gateway = Process("gateway at a socket", [os.path.join(BIN, "gateway")],
                      str(tmp_path / "log"), env, str(tmp_path))
    gateway.start()

    def status():
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(path)
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return client.recv(12)
            except ConnectionRefusedError:
                return b""

    wait_for(lambda: gateway.crashed() or status() == b"HTTP/1.1 200", 30, "an answer")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    assert app.command("gateway", check=False, env=env).returncode != 0, "a live one's place"
    assert status() == b"HTTP/1.1 200"
    gateway.terminate()
    assert gateway.child.wait(60) == 0 and not os.path.exists(path)


def test_those_who_answer_at_once_go_before_those_who_wait_for_ai(app):
    nice = {name: os.getpriority(os.PRIO_PROCESS, app[name].pid)
            for name in ("gateway", "auth", "history", "planner", "voice")}
    first = nice["gateway"]
    assert nice == {"gateway": first, "auth": first, "history": first,
                    "planner": first + 5, "voice": first + 5}


@pytest.mark.disturbs
def test_restart_of_a_service_loses_no_request(app, learner):
    app["history"].terminate()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert learner.get("/v1/history").status == 200
    app["history"].child.wait(40)


def test_two_replicas_share_and_one_may_go(deploy):
    app = deploy(replicas={"history": 2})
    learner = app.learner()
    for _ in range(50):
        assert learner.get("/v1/history").status == 200
    app["history"].kill9()
    wait_for(lambda: learner.get("/v1/history").status == 200, 2, "the other replica")
    for _ in range(50):
        assert learner.get("/v1/history").status == 200


def test_closed_sign_up_is_refused(deploy):
    app = deploy(settings={"SIGNUP": "closed"})
    answer = app.client().post("/v1/users", {"email": "a@example.org", "password": "12345678"})
    assert answer.status in (403, 409, 422) and "closed" in answer.json["detail"], answer


def test_database_user_has_rights_on_its_own_database_alone(app, stores):
    for name, url in app.env.items():
        if name.endswith("_DATABASE_URL"):
            user = url.split("//")[1].split(":")[0]
            grants = stores.sql(f"SHOW GRANTS FOR {user}@localhost").splitlines()
            assert [line for line in grants if "USAGE" not in line and f"`{user}`.*" not in line] \
                == [], grants
