"""A learner can take everything away, and can have it all as a document first."""
from process import wait_for


def test_export_has_everything_in_one_document(learner):
    plan = learner.plan()
    learner.post("/v1/history", {"type": "study", "subject": "Biology", "minutes": 25})
    answer = learner.get("/v1/users/me/export", timeout=120)
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    document = answer.json
    assert document["user"]["email"] == learner.email
    assert [one["id"] for one in document["plans"]] == [plan["id"]]
    assert "Biology" in [event.get("subject") for event in document["history"]]
    assert {"format", "exported_at", "sessions", "jobs", "conversations", "usage"} <= document.keys()


def test_erasure_needs_the_password(learner):
    assert learner.delete("/v1/users/me", {"current_password": "wrong one"}).status in (401, 422)
    assert learner.get("/v1/users/me").status == 200


def test_erasure_ends_sessions_frees_the_email_and_reaches_every_service(app, stores, learner):
    learner.plan()
    learner.post("/v1/history", {"type": "study", "subject": "Erased", "minutes": 5})
    user = learner.user["id"]
    assert learner.delete("/v1/users/me", {"current_password": learner.password}).status == 202
    wait_for(lambda: learner.get("/v1/users/me").status == 401, 1, "the token's death")
    databases = [url.split("/")[3].split("?")[0] for name, url in app.env.items()
                 if name.endswith("_DATABASE_URL")]
    wait_for(lambda: not remains(stores, databases, user), 60, "the erasure in every service")
    again = app.learner(email=learner.email)
    assert again.user["id"] != user
    assert again.get("/v1/history").json["items"][0]["type"] in ("signed_up", "signed_in")


def remains(stores, databases, user):
    """Rows that still name the user, tombstones and unsent events apart."""
    columns = stores.sql(
        "SELECT table_schema, table_name FROM information_schema.columns WHERE column_name = "
        f"'user_id' AND table_schema IN ({', '.join(repr(name) for name in databases)})")
    tables = [line.split("\t") for line in columns.splitlines()]
    return [f"{schema}.{table}" for schema, table in tables
            if table not in ("erased_user", "outbox")
            and stores.sql(f"SELECT COUNT(*) FROM {schema}.{table} WHERE user_id = '{user}'") != "0"]
