"""Two releases on one database, as during every rollout: this one on the next one's schema, and on the
last one's until it is migrated."""
import glob
import os
import re

import pytest

from client import Learner
from deployment import Deployment, services
from stores import ROOT

pytestmark = pytest.mark.slow


def main_job(app):
    """Writes to and reads from every service."""
    learner = Learner(app.port)
    plan = learner.post("/v1/plans", {"goal": "Biology chapters 1-4"})
    assert plan.status == 201, plan
    item = plan.json["items"][0]
    done = learner.patch(f"/v1/plans/{plan.json['id']}/items/{item['id']}", {"done": True})
    assert done.status == 200, done
    study = learner.post("/v1/history", {"type": "study", "subject": "Biology", "minutes": 25})
    assert study.status == 201, study
    turn = learner.post("/v1/voice/turns", {"text": "What is next?"})
    assert turn.status in (200, 201), turn
    for path in ("/v1/plans", "/v1/jobs", "/v1/history", "/v1/voice/conversations", "/v1/users/me"):
        assert learner.get(path).status == 200, path
    assert learner.sign_in()


def database_of(app, service):
    return re.search(r"/(\w+)(\?|$)", app.env[f"{service.upper()}_DATABASE_URL"])[1]


def expand(app):
    """What a migration of the next release may do: more tables, columns, indexes."""
    for service in services():
        database = database_of(app, service)
        for table in app.stores.sql("SHOW TABLES", database).split():
            if table != "schema_migration":
                app.stores.sql(f"ALTER TABLE {table} ADD COLUMN of_next_release VARCHAR(20) NULL FIRST,"
                               " ADD KEY of_next_release (of_next_release)", database)
        app.stores.sql("CREATE TABLE of_next_release (id INT PRIMARY KEY);"
                       "INSERT INTO schema_migration (number, name, begun, done, complete)"
                       " VALUES (999, 'of_next_release', 1, 1, 1)", database)


def take_back(app):
    """The newest migration of each service that has several: what it made is not there yet."""
    for service in services():
        paths = sorted(glob.glob(os.path.join(ROOT, "services", service, "schema/*.sql")))
        if len(paths) < 2:
            continue
        with open(paths[-1], encoding="utf-8") as file:
            made = re.findall(r"^CREATE TABLE (\w+)", file.read(), re.M)
        assert made, f"{paths[-1]} makes more than tables: take_back must learn it"
        app.stores.sql("".join(f"DROP TABLE {table};" for table in made) +
                       "DELETE FROM schema_migration ORDER BY number DESC LIMIT 1",
                       database_of(app, service))


class Altered(Deployment):
    """Its databases are changed after they have been migrated, before anything starts."""

    def __init__(self, stores, change):
        super().__init__(stores, {"DRAIN_DELAY": "0"})
        self.change = change

    def migrate(self, service):
        super().migrate(service)
        if service == services()[-1]:
            self.change(self)


def test_this_release_serves_on_the_schema_of_the_last_one_until_it_is_migrated(stores):
    app = Altered(stores, take_back)
    try:
        app.start()
        main_job(app)
        before = {name: process.pid for name, process in app.processes.items()}
        for service in services():
            Deployment.migrate(app, service)
        main_job(app)
        assert before == {name: process.pid for name, process in app.processes.items()}
    finally:
        app.stop()


def test_this_release_works_on_the_schema_of_the_next_one(stores):
    app = Altered(stores, expand)
    try:
        app.start()
        main_job(app)
        # And going back: its own `migrate` finds nothing to do, and does not mind what it does not know.
        for service in services():
            Deployment.migrate(app, service)
        main_job(app)
    finally:
        app.stop()


def test_migrations_only_add():
    """What takes away, renames or narrows breaks the release before, which still runs."""
    wrong = []
    for path in sorted(glob.glob(os.path.join(ROOT, "services/*/schema/*.sql"))):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"--.*", "", file.read())
        for statement in text.split(";"):
            words = " ".join(statement.upper().split())
            narrow = re.search(r"\b(DROP|RENAME|CHANGE|MODIFY|TRUNCATE)\b", words)
            needed = re.search(r"ADD (COLUMN )?(?!.*\bDEFAULT\b).*\bNOT NULL\b", words)
            if narrow or (words.startswith("ALTER TABLE") and needed):
                wrong.append((os.path.relpath(path, ROOT), words[:60]))
    assert wrong == []
