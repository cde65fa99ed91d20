"""What the operator types, and what is left in the logs."""
import re
import time

import pytest

from process import wait_for


def users(app, *words, **options):
    return app.command("auth", "users", *words, **options)


def audit(app, event, user):
    return [line for line in app["auth"].log_text().splitlines()
            if '"message":"audit"' in line and f'"event":"{event}"' in line and user in line]


def test_list_names_each_user_once(app, learner):
    lines = [line.split("\t") for line in users(app, "list").stdout.splitlines()]
    mine = [line for line in lines if line[1] == learner.email]
    assert [line[0] for line in mine] == [learner.user["id"]]
    assert mine[0][3] == "enabled"
    assert "cache" not in users(app, "list").stderr


@pytest.mark.parametrize("words, usage", [
    (["list", "x"], "users list"), (["disable"], "users disable EMAIL"),
    (["enable", "a", "b"], "users enable EMAIL"), (["reset-link"], "users reset-link EMAIL")])
def test_wrong_arguments_are_answered_with_the_usage(app, words, usage):
    for env in (app.env, {}):  # whatever the settings are
        done = users(app, *words, check=False, env={"PATH": "/usr/bin", **env})
        assert (done.returncode, done.stderr, done.stdout) == (2, f"usage: auth {usage}\n", "")


def test_usage_of_an_argument_that_may_be_left_out(app):
    done = app.command("planner", "jobs", "list", "failed", "x", check=False)
    assert (done.returncode, done.stderr) == (2, "usage: planner jobs list [STATUS]\n")
    assert app.command("planner", "jobs", "list", "failed").stderr == ""
    app.command("planner", "jobs", "list")


def test_commands_say_what_they_did_and_nothing_else(app, learner):
    for command, said in (("disable", "is disabled and signed out everywhere"),
                          ("enable", "is enabled and may sign in")):
        done = users(app, command, learner.email)
        assert done.stdout == f"{learner.email} {said}\n"
        audit_line, = done.stderr.splitlines()
        assert f'"event":"{command}"' in audit_line and '"message":"audit"' in audit_line
    assert users(app, "list").stderr == ""
    loud = users(app, "enable", learner.email, env={**app.env, "LOG_LEVEL": "info"})
    assert '"level":"info"' in loud.stderr and loud.stdout == done.stdout


def test_a_missing_setting_is_named_as_in_env_example(app):
    env = {name: value for name, value in app.env.items() if name != "AUTH_DATABASE_URL"}
    for words in (["users", "list"], ["migrate"], ["check"], []):
        done = app.command("auth", *words, check=False, env=env)
        assert (done.returncode, done.stderr) == (1, "auth: AUTH_DATABASE_URL is not set\n"), words


def test_disabled_user_is_out_and_stays_out(app, learner):
    users(app, "disable", learner.email.upper())
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 2, "the session's end")
    answer = app.client().post("/v1/sessions", {"email": learner.email,
                                                "password": learner.password})
    assert (answer.status, answer.code) == (401, "unauthenticated")
    users(app, "enable", learner.email)
    learner.sign_in()


def test_set_password_reads_standard_input_and_ends_sessions(app, learner):
    old = learner.token
    users(app, "set-password", learner.email, input="새로운 비밀번호 42\n")
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 2, "the old session's end")
    learner.password = "새로운 비밀번호 42"
    learner.sign_in()
    assert learner.token != old


def test_set_password_refuses_short_ones(app, learner):
    done = users(app, "set-password", learner.email, input="short\n", check=False)
    assert done.returncode == 1 and "8 to 128" in done.stderr
    learner.sign_in()


def test_reset_link_works_once(app, learner):
    link = users(app, "reset-link", learner.email).stdout.strip()
    path = "/v1/password-resets/" + link.rsplit("/", 1)[1]
    assert app.client().post(path, {"password": "short"}).status == 422
    assert app.client().post(path, {"password": "the new password"}).status == 204
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 2, "the old session's end")
    answer = app.client().post(path, {"password": "yet another one"})
    assert (answer.status, answer.code) == (404, "not-found")
    learner.password = "the new password"
    learner.sign_in()


@pytest.mark.parametrize("settings, origin", [
    ({}, "http://127.0.0.1:8080"),
    ({"GATEWAY_LISTEN": "127.0.0.1:8081"}, "http://127.0.0.1:8081"),
    ({"GATEWAY_LISTEN": "0.0.0.0:81"}, "http://127.0.0.1:81"),
    ({"GATEWAY_LISTEN": "[::]:82"}, "http://[::1]:82"),
    ({"GATEWAY_LISTEN": "[::1]:82"}, "http://[::1]:82"),
    ({"GATEWAY_LISTEN": "unix:/run/studyhall.sock"}, "http://localhost"),
    ({"GATEWAY_LISTEN": "127.0.0.1:8081", "PUBLIC_URL": "https://study.example/"},
     "https://study.example"),
])
def test_reset_link_begins_where_the_gateway_is(app, learner, settings, origin):
    env = {name: value for name, value in app.env.items()
           if name not in ("GATEWAY_LISTEN", "PUBLIC_URL")}
    link = users(app, "reset-link", learner.email, env={**env, **settings}).stdout.strip()
    assert link.rsplit("/", 1)[0] == origin + "/v1/password-resets"


def test_password_change_voids_an_open_link(app, learner):
    link = users(app, "reset-link", learner.email).stdout.strip()
    learner.patch("/v1/users/me", {"password": "changed meanwhile",
                                   "current_password": learner.password})
    answer = app.client().post("/v1/password-resets/" + link.rsplit("/", 1)[1],
                               {"password": "the new password"})
    assert answer.status == 404


def test_unknown_reset_token_is_404(client):
    assert client.post("/v1/password-resets/" + "x" * 43, {"password": "12345678"}).status == 404


def test_erase_reaches_every_service(app, learner):
    learner.post("/v1/history", {"type": "study", "subject": "x", "minutes": 1})
    users(app, "erase", learner.email)
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 2, "the session's end")
    wait_for(lambda: '"event":"history-erased"' in "".join(
        line for line in app["history"].log_text().splitlines() if learner.user["id"] in line),
        10, "the erasure in history")


def test_unknown_user_is_an_error(app):
    done = users(app, "disable", "nobody@example.org", check=False)
    assert done.returncode == 1 and "no such user" in done.stderr


@pytest.mark.disturbs
def test_erasure_survives_kill_9(app, learner):
    user = learner.user["id"]
    app["history"].kill9()
    assert learner.delete("/v1/users/me", {"current_password": learner.password}).status == 202
    app["auth"].kill9()
    app.revive("auth")
    app.revive("history")
    wait_for(lambda: any(user in line and '"history-erased"' in line
                         for line in app["history"].log_text().splitlines()), 30, "the erasure")


def test_audit_lines_and_no_secrets_in_any_log(app, learner):
    secret = "unmistakable passphrase 7431"
    client = app.client()
    client.post("/v1/sessions", {"email": learner.email, "password": secret})
    learner.patch("/v1/users/me", {"password": secret, "current_password": learner.password})
    learner.get("/v1/users/me/export", timeout=120)
    link = users(app, "reset-link", learner.email).stdout.strip()
    token = learner.token
    learner.delete("/v1/users/me", {"current_password": secret})
    time.sleep(0.2)
    user = learner.user["id"]
    sign_ins = audit(app, "sign-in", user)
    assert any('"outcome":"ok"' in line for line in sign_ins)
    assert any('"outcome":"unauthenticated"' in line for line in sign_ins)
    for event in ("password-change", "export", "erasure"):
        assert len(audit(app, event, user)) == 1, event
    assert all(re.search(r'"address":"127\.0\.0\.1"', line) for line in sign_ins)
    for process in app.processes.values():
        log = process.log_text()
        for hidden in (secret, learner.password, token, link.rsplit("/", 1)[1], learner.email):
            assert hidden not in log, process.name
