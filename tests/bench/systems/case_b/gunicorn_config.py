"""Case B, the paper's table 5."""
from gevent import monkey
monkey.patch_all()

import os  # noqa: E402

bind = os.environ["BIND"]
workers = 8
worker_class = "gevent"
worker_connections = 300
timeout = 120
keepalive = 5
wsgi_app = "flask_app.app:app"
