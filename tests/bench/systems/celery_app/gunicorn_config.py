"""Case B's web server before the same application, whose plans are made by Celery."""
from gevent import monkey
monkey.patch_all()

import os  # noqa: E402

bind = os.environ["BIND"]
workers = 8
worker_class = "gevent"
worker_connections = 300
timeout = 120
keepalive = 5
wsgi_app = "celery_app.web:app"
