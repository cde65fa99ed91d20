"""The queue of plans: Celery with Redis as broker and for results. What waits for an AI wants many green
threads, not processes: `celery -A celery_app.tasks worker --pool gevent --concurrency 1000`."""
import urllib.parse

import celery

from flask_app import plans
from shared import settings, study

REDIS = f"redis+socket://:{urllib.parse.quote(settings.REDIS_PASSWORD)}@{settings.REDIS_SOCKET}"
app = celery.Celery("celery_app.tasks", broker=REDIS + "?virtual_host=1",
                    backend=REDIS + "?virtual_host=2")
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, result_expires=3600,
                task_track_started=True)


@app.task(autoretry_for=(study.BadAnswer,), max_retries=2, retry_backoff=True)
def make_plan(user_id, request, plan_id):
    plans.make(user_id, request, plan_id)
