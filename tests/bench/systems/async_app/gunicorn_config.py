"""FastAPI's documentation: gunicorn looks after processes of uvicorn."""
import os

bind = os.environ["BIND"]
workers = 4
worker_class = "uvicorn.workers.UvicornWorker"
timeout = 120
keepalive = 5
wsgi_app = "async_app.app:app"
