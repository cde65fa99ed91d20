"""Case A, the paper's table 4."""
import os

bind = os.environ["BIND"]
workers = 10
worker_class = "sync"
timeout = 30
keepalive = 2
wsgi_app = "flask_app.app:app"
