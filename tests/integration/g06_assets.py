"""A rollout of the gateway: every page loads with all its assets, whichever gateway they are asked of."""
import collections
import os
import re
import shutil
import signal
import subprocess

import pytest
import yaml

from client import Client
from deployment import BIN, free_port, http_status
from process import Process, wait_for
from stores import ROOT, program
from tls_front import temporary

K8S = os.path.join(ROOT, "deploy/k8s")
FOREVER = "public, max-age=31536000, immutable"
CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 100; }}
http {{
    access_log off;
    {temporary}
    # By turns, three requests a page could always begin with the same gateway.
    upstream gateways {{ random; {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://gateways; proxy_next_upstream error timeout; }}
        location /assets/ {{
            proxy_pass http://gateways;
            proxy_next_upstream {next_upstream};
            proxy_next_upstream_tries {tries};
        }}
    }}
}}
"""


def ingress(name):
    with open(os.path.join(K8S, "overlays/production/cluster/ingress.yaml"), encoding="utf-8") as file:
        return next(one for one in yaml.safe_load_all(file) if one["metadata"]["name"] == name)


def annotation(name):
    return ingress("gateway-assets")["metadata"]["annotations"]["nginx.ingress.kubernetes.io/" + name]


class Web:
    """The files of one build of the web app, made of ours with something changed."""

    def __init__(self, base, name, change=""):
        source, self.path = os.path.join(base, name + ".source"), os.path.join(base, name)
        shutil.copytree(os.path.join(ROOT, "gateway/web"), source)
        for file in ("docs.css", "docs.js"):
            with open(os.path.join(source, file), "a", encoding="utf-8") as end:
                end.write(change)
        subprocess.run([os.path.join(ROOT, "gateway/web-build"), source, self.path], check=True)

    def page(self):
        with open(os.path.join(self.path, "docs.html"), "rb") as file:
            return file.read()

    def assets(self):
        """{name: content}"""
        found = {}
        for name in os.listdir(os.path.join(self.path, "assets")):
            with open(os.path.join(self.path, "assets", name), "rb") as file:
                found[name] = file.read()
        return found


class Rollout:
    """Gateways without anything behind them, and an nginx before them that does what the ingress is
    told to do."""

    def __init__(self, base):
        self.base, self.port, self.gateways, self.nginx = str(base), free_port(), {}, None
        self.kept = {}

    def start(self, name, web, previous=None):
        """A gateway that serves these files."""
        port, admin = free_port(), free_port()
        env = {"PATH": os.environ["PATH"], "READ_DOTENV": "no", "DRAIN_DELAY": "0",
               "GATEWAY_LISTEN": f"127.0.0.1:{port}", "GATEWAY_ADMIN": f"127.0.0.1:{admin}",
               "WEB_ROOT": web.path, **({"WEB_ROOT_PREVIOUS": previous.path} if previous else {})}
        process = Process(name, [os.path.join(BIN, "gateway")], os.path.join(self.base, name + ".log"),
                          env, self.base)
        process.port = port
        process.start()
        wait_for(lambda: process.crashed() or http_status(port, "/healthz") == 200, 30, name)
        assert not process.crashed(), process.log_tail()
        self.gateways[name] = process
        self.tell()
        return process

    def end(self, name):
        process = self.gateways.pop(name)
        self.tell()
        assert process.stop() == 0, process.log_tail()

    def tell(self):
        config = os.path.join(self.base, "nginx.conf")
        servers = " ".join(f"server 127.0.0.1:{one.port} max_fails=0;" for one in self.gateways.values())
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(
                directory=self.base, temporary=temporary(self.base), port=self.port, servers=servers,
                user="user root;" if os.getuid() == 0 else "",
                next_upstream=annotation("proxy-next-upstream"),
                tries=annotation("proxy-next-upstream-tries")))
        if self.nginx:
            # A worker of before may still take a page's assets, and does not know who made the page.
            before = self.workers()
            self.nginx.child.send_signal(signal.SIGHUP)
            wait_for(lambda: self.workers() and not before & self.workers(), 30, "nginx's new worker")
            return
        self.nginx = Process("nginx", [program("nginx"), "-e", "stderr", "-p", self.base, "-c", config],
                             os.path.join(self.base, "nginx.log"), None, self.base).start()
        wait_for(lambda: http_status(self.port, "/healthz") == 200, 30, "nginx")

    def workers(self):
        with open(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children", encoding="ascii") as file:
            return set(file.read().split())

    def get(self, path, port=None):
        client = Client(port or self.port)
        try:
            return client.get(path, headers={"Connection": "close"})
        finally:
            client.close()

    def load(self, page):
        """As a browser does: whatever the page refers to."""
        for path in re.findall(rb'(?:src|href)="(/assets/[^"]+)"', page):
            name = os.path.basename(path.decode())
            answer = self.get(path.decode())
            assert answer.status == 200, f"{name}: {answer.status}"
            assert answer.headers["Cache-Control"] == FOREVER and answer.body == self.kept[name]
        return page

    def visit_until_seen(self, *webs):
        """Loads pages until those of these builds and no others have come a few times."""
        last = collections.deque(maxlen=8)
        for web in webs:
            self.kept.update(web.assets())

        def seen():
            last.append(self.load(self.get("/docs").body))
            return len(last) == 8 and set(last) == {web.page() for web in webs}

        wait_for(seen, 30, "pages of these builds")

    def stop(self):
        for process in [*self.gateways.values(), *([self.nginx] if self.nginx else [])]:
            process.stop()


@pytest.fixture
def rollout(tmp_path):
    rollout = Rollout(tmp_path)
    yield rollout
    rollout.stop()


@pytest.fixture
def webs(tmp_path):
    return Web(tmp_path, "old", "\n/* old */\n"), Web(tmp_path, "new", "\n/* new */\n")


def test_every_page_loads_through_a_rollout(rollout, webs):
    old, new = webs
    rollout.start("old.1", old)
    rollout.start("old.2", old)
    rollout.visit_until_seen(old)
    rollout.start("new.1", new, old)
    rollout.visit_until_seen(old, new)
    rollout.end("old.1")
    rollout.visit_until_seen(old, new)
    rollout.start("new.2", new, old)
    rollout.end("old.2")
    rollout.visit_until_seen(new)
    rollout.load(old.page())  # handed out before, its assets asked for only now


def test_an_asset_that_a_gateway_does_not_have_is_kept_by_nobody(rollout, webs):
    old, new = webs
    port = rollout.start("old.1", old).port
    for name in new.assets():
        answer = rollout.get("/assets/" + name, port)
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
    # Through all that nginx tries, too.
    answer = rollout.get("/assets/docs-00000000.css")
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")


def test_pages_are_asked_for_again_and_only_assets_of_before_are_served(rollout, webs):
    old, new = webs
    with open(os.path.join(old.path, "gone.html"), "w", encoding="utf-8") as file:
        file.write("old")
    port = rollout.start("new.1", new, old).port
    page = rollout.get("/docs", port)
    assert page.headers["Cache-Control"] == "no-cache" and page.body == new.page()
    assert rollout.get("/gone", port).status == 404
    problem = rollout.get("/problems/validation", port)
    assert b"/assets/docs-" in problem.body
    for path in re.findall(rb'href="(/assets/[^"]+)"', problem.body):
        assert os.path.basename(path.decode()) in new.assets()


def test_as_many_gateways_are_asked_for_an_asset_as_there_may_be():
    with open(os.path.join(K8S, "base/gateway.yaml"), encoding="utf-8") as file:
        scaler = next(one for one in yaml.safe_load_all(file) if one["kind"] == "HorizontalPodAutoscaler")
    assert int(annotation("proxy-next-upstream-tries")) >= scaler["spec"]["maxReplicas"]
    for name in ("gateway", "gateway-assets"):
        assert ingress(name)["spec"]["rules"][0]["host"] == ingress("gateway")["spec"]["rules"][0]["host"]
