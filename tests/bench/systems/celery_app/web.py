"""The Flask application of Case B with a queue: asking for a plan answers 202 with the address of its job,
which the client asks about until it is done."""
import flask

from flask_app import app as base
from flask_app import plans
from shared import study

from . import tasks

app = base.app
STATES = {"PENDING": "queued", "STARTED": "running", "RETRY": "running", "SUCCESS": "succeeded"}


@base.signed_in
def queue_plan():
    request = study.study_request(flask.request.get_json())
    plan_id = study.new_id()
    tasks.make_plan.apply_async((flask.g.user, request, plan_id), task_id=plan_id)
    return {"id": plan_id, "status": "queued"}, 202, {"Location": "/v1/jobs/" + plan_id}


@app.get("/v1/jobs/<job>")
@base.signed_in
def job_state(job):
    state = STATES.get(tasks.make_plan.AsyncResult(job).state, "failed")
    return {"id": job, "status": state, "plan_id": job if state == "succeeded" else None}


@app.get("/v1/plans/<plan>")
@base.signed_in
def one_plan(plan):
    found = plans.find(flask.g.user, plan)
    return found or base.refused(404, "not-found")


app.view_functions["create_plan"] = queue_plan
