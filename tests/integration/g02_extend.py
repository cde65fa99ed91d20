"""What an engineer relies on: settings are documented, a fifth service takes one command."""
import base64
import os
import re
import shutil
import subprocess
import tempfile

import pytest
import yaml

from stores import ROOT

# Run in the copy, whose harness finds the new service by its folder.
QUIZ_TEST = '''
def test_the_new_service_answers_through_the_gateway(app, learner):
    first = learner.get("/v1/quiz?greeting=hello")
    assert first.status == 200 and first.json == {"greeting": "hello", "visits": 1}
    assert learner.get("/v1/quiz").json == {"greeting": None, "visits": 2}
    assert learner.get("/v1/quiz?greeting=").status == 422
    assert app.client().get("/v1/quiz").status == 401
    assert "/v1/quiz" in learner.get("/openapi.json").json["paths"]
'''


def test_env_example_lists_every_setting():
    done = subprocess.run(["deploy/local/env-example", "--check"], cwd=ROOT, capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def copy():
    """A copy of the checkout, objects included, so that only what is new gets built."""
    base = tempfile.mkdtemp(prefix="studyhall-new-")
    path = os.path.join(base, "checkout")
    shutil.copytree(ROOT, path, symlinks=True,
                    ignore=shutil.ignore_patterns(".git", ".run", ".env", "asan", "tsan", "test"))
    yield path
    shutil.rmtree(base)


def run(copy, *command, **environment):
    env = {**os.environ, **environment}
    env.pop("MAKEFLAGS", None)
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "Quiz", "gateway", "auth", "a b", "../x", "9lives"])
def test_a_bad_name_is_one_clear_line(copy, name):
    done = subprocess.run(["deploy/local/new-service", name], cwd=copy, capture_output=True,
                          text=True, timeout=30)
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1 and "new-service:" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["it's", 'a"b', "a;b", "a`b", "a\\"])
def test_a_name_with_quotes_is_one_clear_line_of_make_too(copy, name):
    done = subprocess.run(["make", "-s", "new-service", "NAME=" + name], cwd=copy,
                          capture_output=True, text=True, timeout=60)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode != 0 and len(lines) == 1 and "new-service: NAME is" in lines[0], done


@pytest.mark.slow
def test_a_new_service_builds_and_answers_through_the_gateway(copy):
    done = run(copy, "make", "--no-print-directory", "new-service", "NAME=quiz")
    assert int(re.search(r"before its own logic: (\d+)", done.stdout)[1]) < 150
    run(copy, "make", "--no-print-directory", "-j2", "all")
    with open(os.path.join(copy, "tests/integration/z00_quiz.py"), "w", encoding="utf-8") as file:
        file.write(QUIZ_TEST)
    run(copy, "/usr/bin/python3", "-m", "pytest", "-q", "tests/integration/z00_quiz.py",
        STUDYHALL_BIN=os.path.join(copy, "build/release/bin"))


# The fixture's copy has the service from the test before.
@pytest.mark.slow
def test_a_new_service_can_be_deployed(copy):
    if not os.path.isdir(os.path.join(copy, "services/quiz")):
        run(copy, "make", "--no-print-directory", "new-service", "NAME=quiz")
    rendered = run(copy, "/usr/bin/python3", "tests/integration/manifests.py", "production").stdout
    kinds = {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget",
             "NetworkPolicy", "ServiceAccount"}
    found = re.findall(r"^kind: (\w+)\nmetadata:\n(?:  .*\n)*?  name: quiz$", rendered, re.M)
    assert set(found) == kinds
    assert "name: migrate-quiz" in rendered and "QUIZ_URL: tcp://quiz:" in rendered
    assert "image: registry.example/studyhall/quiz:" in rendered
    assert "GRANT ALL ON studyhall_quiz.* TO 'studyhall_quiz_owner'@" in secret_sql(run(copy, "deploy/k8s/secrets").stdout)
    done = run(copy, "/usr/bin/python3", "-m", "pytest", "-q", "tests/integration/k00_manifests.py",
               "tests/integration/g05_deploy_policy.py")
    assert " passed" in done.stdout and "skipped" not in done.stdout


@pytest.mark.slow
def test_a_new_service_is_in_compose(copy):
    if not os.path.isdir(os.path.join(copy, "services/quiz")):
        run(copy, "make", "--no-print-directory", "new-service", "NAME=quiz")
    with open(os.path.join(copy, "deploy/compose/compose.yaml"), encoding="utf-8") as file:
        compose = yaml.safe_load(file)
    history, quiz = (compose["services"][name] for name in ("history", "quiz"))
    assert set(quiz) == set(history) and "/quiz:" in quiz["image"]
    assert quiz["environment"]["QUIZ_DATABASE_URL_FILE"] == "/run/secrets/quiz-database-url"
    assert compose["services"]["gateway"]["environment"]["QUIZ_URL"] == "tcp://quiz:7005"
    assert compose["services"]["quiz-migrate"]["secrets"] == ["quiz-owner-url"]
    assert {"quiz-database-url", "quiz-owner-url"} <= set(compose["secrets"])
    with open(os.path.join(copy, "deploy/Containerfile"), encoding="utf-8") as file:
        image = file.read()
    assert "FROM common AS quiz\nCOPY --from=build /image/quiz /" in image
    assert "QUIZ_LISTEN=tcp://0.0.0.0:7005" in image


def secret_sql(secrets):
    return base64.b64decode(re.search(r'init.sql: "(.*)"', secrets)[1]).decode()


@pytest.mark.slow
def test_gdb_tasks_lists_parked_tasks_with_their_stacks(app, learner):
    pid = app["planner"].child.pid
    done = subprocess.run(["make", "-s", "gdb-tasks", f"PID={pid}"], cwd=ROOT,
                          capture_output=True, text=True, timeout=120)
    assert re.search(r"^task discovery  parked", done.stdout, re.M), done.stdout + done.stderr
    assert "discovery_task" in done.stdout and "task_main" in done.stdout
    assert learner.get("/v1/plans").status == 200, "the process goes on"
