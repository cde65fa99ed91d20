"""The processes answer for themselves."""
import json
import urllib.request

import pytest

from deployment import http_status

pytestmark = pytest.mark.smoke


def test_healthz_is_200_and_has_an_alias(client):
    assert client.get("/healthz").status == 200
    assert client.get("/health").status == 200


def test_readyz_says_ready(client):
    answer = client.get("/readyz")
    assert answer.status == 200
    assert answer.json["status"] == "ready"


def test_every_admin_port_answers_healthz_and_metrics(app):
    for name, port in app.admin_ports.items():
        assert http_status(port, "/healthz") == 200, name
        assert http_status(port, "/metrics") == 200, name


def test_metrics_are_prometheus_samples(app):
    for name in app.admin_ports:
        assert app.metrics(name), name


def test_admin_readyz_lists_each_dependency(app):
    with urllib.request.urlopen(f"http://127.0.0.1:{app.admin_ports['auth']}/readyz") as reply:
        document = json.load(reply)
    assert document["status"] == "ready"
    assert len(document) > 1, document
