"""What deploy/compose and deploy/Containerfile promise, read off the files themselves."""
import base64
import os
import re
import subprocess

import pytest
import yaml

from deployment import services
from process import Process, wait_for
from stores import ROOT, program

COMPOSE = os.path.join(ROOT, "deploy/compose")
PROGRAMS = ("gateway", *services())
STORES = ("mariadb", "redis", "nginx")
LONGEST_WAIT = 120  # seconds: TIMEOUT, an export
SERVER_MB, SERVER_CPUS = 4096, 2


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def substitute(text):
    """As compose does without .env: ${NAME:-default}."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(substitute(read("deploy/compose/compose.yaml")))


@pytest.fixture(scope="module")
def lasting(compose):
    """The services that go on, without those that migrate and end."""
    return {name: one for name, one in compose["services"].items() if not name.endswith("-migrate")}


def megabytes(text):
    assert text.endswith("m")
    return int(text[:-1])


def seconds(text):
    assert text.endswith("s")
    return int(text[:-1])


def test_every_container_is_confined(compose):
    for name, one in compose["services"].items():
        assert one["read_only"] is True and one["cap_drop"] == ["ALL"], name
        assert "cap_add" not in one and "privileged" not in one and "user" not in one, name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        assert one["ulimits"]["nofile"] and one["ulimits"]["nproc"], name
        assert one["logging"]["options"]["max-size"] == "10m", name
        assert one["mem_limit"] and one["cpus"] and one["cpu_shares"], name
        assert one["restart"] == ("on-failure" if name.endswith("-migrate") else "unless-stopped")


def test_a_quarter_of_the_server_stays_free(lasting):
    assert sum(megabytes(one["mem_limit"]) for one in lasting.values()) <= SERVER_MB * 0.75
    for name, one in lasting.items():
        assert float(one["cpus"]) <= SERVER_CPUS * 0.75, name


def test_who_serves_logins_goes_before_who_speaks(lasting):
    shares = {name: one["cpu_shares"] for name, one in lasting.items()}
    assert shares["voice"] * 4 <= min(share for name, share in shares.items() if name != "voice")
    assert shares["gateway"] == shares["auth"] == max(shares.values())


def test_what_was_begun_may_end(lasting):
    for name in PROGRAMS:
        grace = int(lasting[name]["environment"]["DRAIN_GRACE"])
        delay = int(lasting[name]["environment"]["DRAIN_DELAY"])
        assert LONGEST_WAIT < grace and grace + delay < seconds(lasting[name]["stop_grace_period"])


def test_every_service_has_a_health_check(lasting):
    containerfile = read("deploy/Containerfile")
    for name, one in lasting.items():
        assert one["healthcheck"]["interval"] and one["healthcheck"]["timeout"], name
        stage = containerfile.split(f" AS {name}\n")[1].split("\nFROM ")[0]
        assert "HEALTHCHECK" in stage, name


def test_passwords_come_as_files_to_those_who_need_them(compose):
    for name, one in compose["services"].items():
        for key, value in (one.get("environment") or {}).items():
            secret = re.search(r"PASSWORD|SECRET|API_KEY|DATABASE_URL|REDIS_URL", key)
            assert not secret or (key.endswith("_FILE") and value.startswith("/run/secrets/")), key
        databases = [one for one in one.get("secrets", []) if "database" in one or "owner" in one]
        assert all(one.startswith(name.removesuffix("-migrate")) for one in databases), name
        assert len(databases) == (1 if name.removesuffix("-migrate") in services() else 0), name


def test_only_who_asks_providers_has_a_way_out(compose, lasting):
    assert compose["networks"]["back"]["internal"] is True
    for name, one in lasting.items():
        assert ("out" in one["networks"]) == (name in ("planner", "voice")), name
    assert [name for name, one in lasting.items() if "ports" in one] == ["nginx"]


def by(user, *passwords):
    ways = " OR ".join(f"mysql_native_password USING PASSWORD('{one}')" for one in passwords)
    return f"ALTER USER {user}@'%' IDENTIFIED VIA {ways}"


def test_a_service_may_read_and_write_its_own_database_and_nothing_else(tmp_path):
    for name in ("setup", "env.example", "compose.yaml"):
        subprocess.run(["cp", os.path.join(COMPOSE, name), tmp_path], check=True)
    subprocess.run([tmp_path / "setup"], check=True, stdout=subprocess.DEVNULL)
    before = {one.name: one.read_text() for one in (tmp_path / "secrets").iterdir()}
    sql = before["init.sql"]
    grants = re.findall(r"GRANT (.*) ON (\S+) TO (\S+)@", sql)
    assert len(grants) == 2 * len(services())
    for rights, place, user in grants:
        owner = user.endswith("_owner")
        assert rights == ("ALL" if owner else "SELECT, INSERT, UPDATE, DELETE")
        assert place == user.removesuffix("_owner") + ".*"
    for service in services():
        for url in (before[f"{service}-database-url"], before[f"{service}-owner-url"]):
            user, password = re.fullmatch(r"mysql://(\w+):(\w{48})@mariadb:3306/\w+\n", url).groups()
            assert by(user, password) + ";" in sql
    assert oct((tmp_path / "secrets").stat().st_mode & 0o777) == "0o700"
    subprocess.run([tmp_path / "setup"], check=True, stdout=subprocess.DEVNULL)
    assert before == {one.name: one.read_text() for one in (tmp_path / "secrets").iterdir()}
    subprocess.run([tmp_path / "setup", "--rotate"], check=True, stdout=subprocess.DEVNULL)
    after = {one.name: one.read_text() for one in (tmp_path / "secrets").iterdir()}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"init.sql", "redis.conf", "redis-url", *(f"{one}-database-url" for one in services()),
                       *(f"{one}-owner-url" for one in services())}
    # Old and new passwords are good until --forget, and no third comes.
    assert subprocess.run([tmp_path / "setup", "--rotate"], capture_output=True).returncode == 1
    assert after == {one.name: one.read_text() for one in (tmp_path / "secrets").iterdir()}
    urls = [f"{service}-{which}-url" for service in services() for which in ("database", "owner")]
    for url in urls:
        (user, new), (_, old) = (re.match(r"mysql://(\w+):(\w+)@", of[url]).groups()
                                 for of in (after, before))
        assert by(user, new, old) + ";" in after["init.sql"]
    new, old = (re.search(r":(\w+)@", of["redis-url"])[1] for of in (after, before))
    assert after["redis.conf"] == f"user default on >{new} >{old} ~* &* +@all\n"
    subprocess.run([tmp_path / "setup", "--forget"], check=True, stdout=subprocess.DEVNULL)
    last = {one.name: one.read_text() for one in (tmp_path / "secrets").iterdir()}
    assert {name for name in last if last[name] != after[name]} == {"init.sql", "redis.conf"}
    assert " OR " not in last["init.sql"] and last["init.sql"].count(" VIA ") == len(urls)
    assert last["redis.conf"] == f"user default on >{new} ~* &* +@all\n"


def k8s_secrets(*words):
    done = subprocess.run([os.path.join(ROOT, "deploy/k8s/secrets"), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def decoded(printed):
    """{"secret/key": value}"""
    return {f"{one['metadata']['name']}/{key}": base64.b64decode(value).decode()
            for one in yaml.safe_load_all(printed) for key, value in one["data"].items()}


@pytest.fixture
def rotation(tmp_path):
    """The Secrets of a cluster, before, between and after; each as it was printed."""
    kept = {}
    for step, how in (("first", []), ("rotated", ["--rotate", tmp_path / "first"]),
                      ("last", ["--forget", tmp_path / "rotated"])):
        kept[step] = k8s_secrets(*how)
        (tmp_path / step).write_text(kept[step])
    return kept


def test_a_rotation_in_a_cluster_changes_passwords_and_nothing_else(rotation, tmp_path):
    first, rotated, last = (decoded(rotation[step]) for step in ("first", "rotated", "last"))
    assert first.keys() == rotated.keys() == last.keys()
    assert {key for key in first if first[key] != rotated[key]} == {
        "mariadb/init.sql", "redis/url", "redis/redis.conf",
        *(f"{one}{owner}/database-url" for one in services() for owner in ("", "-owner"))}
    assert {key for key in last if last[key] != rotated[key]} == {"mariadb/init.sql", "redis/redis.conf"}
    new, old = (re.search(r":(\w+)@", of["redis/url"])[1] for of in (rotated, first))
    assert new != old and len(new) == 48
    assert rotated["redis/redis.conf"] == f"user default on >{new} >{old} ~* &* +@all\n"
    assert last["redis/redis.conf"] == f"user default on >{new} ~* &* +@all\n"
    assert k8s_secrets("--sql", tmp_path / "rotated") == rotated["mariadb/init.sql"]
    # A third password would shut out what is in use.
    done = subprocess.run([os.path.join(ROOT, "deploy/k8s/secrets"), "--rotate", tmp_path / "rotated"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == "" and "--forget first" in done.stderr


def test_old_and_new_passwords_open_the_database_until_the_old_are_forgotten(rotation, stores):
    of = {step: decoded(rotation[step]) for step in rotation}
    urls = [f"{one}{owner}/database-url" for one in services() for owner in ("", "-owner")]
    prefix = f"rot{os.getpid()}_"  # names that nothing else on this server has

    def opens(url):
        user, password = re.match(r"mysql://(\w+):(\w+)@", url).groups()
        done = subprocess.run([program("mariadb"), "--no-defaults", "-e", "SELECT 1",
                               f"--socket={stores.path('mariadb.sock')}", f"--password={password}",
                               f"--user={user.replace('studyhall_', prefix)}"], capture_output=True)
        return done.returncode == 0

    for step, good in (("first", {"first"}), ("rotated", {"first", "rotated"}), ("last", {"last"})):
        stores.sql(of[step]["mariadb/init.sql"].replace("studyhall_", prefix))
        for url in urls:
            for other in of:
                assert opens(of[other][url]) == (of[other][url] in {of[one][url] for one in good}), \
                    f"{url} of {other} when {step}"


def test_redis_takes_the_passwords_that_its_configuration_names(rotation, tmp_path):
    of = {step: decoded(rotation[step]) for step in rotation}
    socket = str(tmp_path / "redis.sock")
    server = str(tmp_path / "redis-server")
    os.symlink(program("redis-check-rdb"), server)

    def opens(url):
        done = subprocess.run([program("redis-cli"), "-s", socket, "ping"], capture_output=True, text=True,
                              env={**os.environ, "REDISCLI_AUTH": re.search(r":(\w+)@", url)[1]})
        return "PONG" in done.stdout and "AUTH failed" not in done.stdout + done.stderr

    for step, old in (("first", True), ("rotated", True), ("last", False)):
        (tmp_path / "redis.conf").write_text(of[step]["redis/redis.conf"])
        redis = Process("redis", [server, tmp_path / "redis.conf", "--port", "0", "--unixsocket", socket,
                                  "--save", "", "--dir", tmp_path], str(tmp_path / "log")).start()
        try:
            wait_for(lambda: opens(of[step]["redis/url"]), 20, f"Redis with the password of {step}")
            assert opens(of["first"]["redis/url"]) == old
        finally:
            redis.stop()


def test_nginx_waits_longer_than_anybody_and_holds_no_event_back():
    config = read("deploy/nginx/nginx.conf")
    assert int(re.search(r"proxy_read_timeout (\d+)s", config).group(1)) > LONGEST_WAIT
    assert re.search(r"location /v1/ \{\s+proxy_buffering off;", config)
    assert "server unix:/run/studyhall/gateway.sock" in config
    assert re.search(r"keepalive \d+;", config) and 'proxy_set_header Connection "";' in config
    idle = int(re.search(r"upstream gateway \{.*?keepalive_timeout (\d+)s", config, re.S).group(1))
    compose_delay = re.search(r'DRAIN_DELAY: "(\d+)"', read("deploy/compose/compose.yaml")).group(1)
    assert idle < int(compose_delay)


@pytest.mark.parametrize("name", [*PROGRAMS, *STORES])
def test_an_image_runs_as_a_user_without_rights(name):
    stage = read("deploy/Containerfile").split(f" AS {name}\n")[1].split("\nFROM ")[0]
    if name in PROGRAMS:
        common = read("deploy/Containerfile").split("FROM scratch AS common\n")[1].split("\nFROM ")[0]
        assert "\nUSER 10001:10001\n" in common and "USER" not in stage
        assert f'ENTRYPOINT ["/usr/lib/studyhall/{name}"]' in stage
        assert "RUN" not in stage
    else:
        assert re.search(r"^USER 1000[234]:1000[234]$", stage, re.M)
    assert "org.opencontainers.image.version" in stage


def test_the_env_names_what_compose_asks_for():
    asked = set(re.findall(r"\$\{([A-Z_]+):-", read("deploy/compose/compose.yaml")))
    told = set(re.findall(r"^([A-Z_]+)=", read("deploy/compose/env.example"), re.M))
    assert {"WORKERS", "WORKER_CONNECTIONS", "TIMEOUT"} <= told
    assert {name for name in asked if not name.endswith("_CPUS")} == told


STUBS = {
    "podman-compose": "exit 0",
    "sleep": "exit 0",
    "curl": "echo 'studyhall_rpc_replicas_up{actor=\"planner\"} '\"$FOUND\"",
    "podman": """echo "$*" >>"$SAID"
case $1 in
ps) case $* in
	*=gateway*) echo test_gateway_1 ;;
	*=planner-migrate*) echo test_planner-migrate_1 ;;
	*) echo test_planner_1 ;;
	esac ;;
inspect) echo 192.0.2.1 ;;
wait) echo 0 ;;
esac""",
}


@pytest.mark.parametrize("found, exchanged", [("2", True), ("1", False)])
def test_reload_ends_nothing_before_the_gateway_has_found_the_next(tmp_path, found, exchanged):
    for name, script in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / name).chmod(0o755)
    said = tmp_path / "said"
    done = subprocess.run([os.path.join(COMPOSE, "reload"), "planner"], capture_output=True, text=True,
                          env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "SAID": str(said),
                               "COMPOSE": "podman-compose", "READY_SECONDS": "1", "FOUND": found})
    assert (done.returncode == 0) == exchanged, done.stderr
    stopped = {line.split()[-1] for line in said.read_text().splitlines() if line.startswith("stop ")}
    assert ("test_planner_1" in stopped) == exchanged
    assert exchanged or "the old one goes on" in done.stderr
