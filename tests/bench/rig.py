"""All that a measurement needs beside the system: MariaDB, Redis, the providers' stand-in and nginx,
started once on free ports in a private directory, with one system at a time behind them."""
import contextlib
import itertools
import os
import resource
import tempfile

import lineup

from deployment import free_port, http_status  # noqa: E402
from process import Process, wait_for  # noqa: E402
from stores import Stores, program  # noqa: E402
from tls_front import temporary  # noqa: E402
from upstream import Upstream  # noqa: E402

# As deploy/local has it; the tests' own log is too small for a load.
MARIADB = ["--innodb-log-file-size=96M", "--innodb-buffer-pool-size=256M", "--max-connections=300"]
# The paper's upstream: a plan takes 3 s; a turn's three calls together 1.6 s; all +-20 %.
LATENCY = {"gemini": {"first_byte": 800, "chunks": 16,
                      "streaming": {"distribution": "uniform", "min": 1600, "max": 2800}},
           "openai": {"first_byte": {"distribution": "uniform", "min": 480, "max": 720},
                      "streaming": 0},
           "google": {"first_byte": {"distribution": "uniform", "min": 400, "max": 600},
                      "streaming": 0}}
IDEAL_S = {"sign_in": 0.0, "plan": 3.0, "history": 0.0, "voice": 1.6, "iteration": 4.6}
# As gunicorn's documentation has it, for every system alike, but that connections to the system are kept (for
# less than any of them keeps one) and that the speech of a turn is not written to a file on its way.
KEPT = ("keepalive 128; keepalive_timeout 1s;", 'proxy_http_version 1.1; proxy_set_header Connection "";')
NGINX = """daemon off; worker_processes auto; worker_rlimit_nofile {files}; pid nginx.pid;
error_log error.log warn;
events {{ worker_connections {connections}; }}
http {{
  access_log off; keepalive_requests 1000000; client_max_body_size 12m;
  client_body_buffer_size 64k; proxy_buffers 16 8k;
  {temporary}
  upstream app {{ {servers} {upstream_more} }}
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    location = /static.json {{ root .; }}
    location / {{
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Host $http_host;
      proxy_redirect off;
      proxy_read_timeout 120s;
      {location_more}
      proxy_pass http://app;
    }}
  }}
}}
"""


def raise_open_files():
    """As many as this machine allows; all children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Rig:
    numbers = itertools.count(1)

    def __init__(self, directory):
        self.directory = directory
        self.files = raise_open_files()
        self.stores = Stores(directory, MARIADB)
        self.upstream = Upstream(directory)
        self.system = self.nginx = None
        self.kept = {}  # what belongs to the system that runs, such as its users

    def path(self, name):
        return os.path.join(self.directory, name)

    def socket_path(self):
        return self.path(f"app{next(self.numbers)}.sock")

    def start(self):
        self.stores.start()
        self.upstream.start()
        self.providers()
        return self

    def providers(self, **more):
        """The stand-in as the paper's providers are, but for what is given."""
        self.upstream.reset(providers=LATENCY, **more)

    @contextlib.contextmanager
    def running(self, name, direct=False, nginx=KEPT, **settings):
        """The system of that name, behind nginx unless `direct`; yields itself with `port` set.
        `nginx`: lines for the upstream block, and for the location."""
        self.system, self.kept = lineup.systems()[name], {}
        try:
            listens = self.system.start(self, direct, **settings)
            if direct:
                self.port = int(listens[0].rsplit(":", 1)[1])
            else:
                self.start_nginx(listens, *nginx)
            wait_for(self.answers, 60, f"{name}'s answer")
            yield self
        finally:
            self.stop_system()

    def answers(self):
        assert self.system.alive(), self.system.log_tail()
        return http_status(self.port, "/healthz") == 200

    def start_nginx(self, listens, upstream_more, location_more):
        home = self.path(f"nginx{next(self.numbers)}")
        os.mkdir(home, 0o755)
        os.chmod(self.directory, 0o711)
        self.port = free_port()
        servers = " ".join(f"server {lineup.listen_setting(listen)} fail_timeout=0;" for listen in listens)
        with open(os.path.join(home, "nginx.conf"), "w") as config:
            config.write(NGINX.format(port=self.port, servers=servers, temporary=temporary("."), files=self.files,
                                      connections=self.files - 100, upstream_more=upstream_more,
                                      location_more=location_more))
        for listen in listens:
            if listen.startswith("/"):
                wait_for(lambda: os.path.exists(listen), 30, "the system's socket")
                os.chmod(listen, 0o777)
        self.nginx = Process("nginx", [program("nginx"), "-p", home, "-c", "nginx.conf", "-e",
                                       "error.log"], os.path.join(home, "log")).start()

    def roles(self):
        """{role: pid} of all that serves."""
        roles = {**self.system.roles(), "mariadb": self.stores.mariadb.pid,
                 "redis": self.stores.redis.pid, "stand-in": self.upstream.pid}
        if self.nginx:
            roles["nginx"] = self.nginx.pid
        return roles

    def own_roles(self):
        """Those of them that are the system's own programs."""
        return list(self.system.roles())

    def stop_system(self):
        if self.nginx:
            self.nginx.stop()
        self.nginx = None
        self.system.stop()
        self.system = None

    def stop(self):
        for process in (self.upstream, self.stores.redis, self.stores.mariadb):
            if process.alive():
                process.terminate()
        for process in (self.upstream, self.stores.redis, self.stores.mariadb):
            if process.child:
                process.child.wait(60)


@contextlib.contextmanager
def rig():
    with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as directory:
        one = Rig(directory)
        try:
            yield one.start()
        finally:
            one.stop()
