"""Case B's web server before the same application, whose plans are made by Celery."""
from case_b.gunicorn_config import *  # noqa: F401,F403

wsgi_app = "celery_app.web:app"
