"""What is watched is asked of a real Prometheus that scrapes real programs; the alerts by promtool."""
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml

from deployment import free_port
from k02_observability import PLACE, expressions
from process import Process, wait_for
from stores import ROOT, program

pytestmark = pytest.mark.slow  # needs Debian's prometheus

ADAPTER = os.path.join(ROOT, "deploy/k8s/components/queue-metrics/prometheus-adapter.yaml")
ALERTS = os.path.join(ROOT, "tests/deploy/rules_test.yaml")
# Of what has not happened (errors, calls of a provider that nobody configured) there is no share.
EMPTY = re.compile(r"studyhall_ai_|_errors_|code=\"5xx\"|> |== |_cache_gets_total|_ended_total")


def promtool(*words, cwd):
    done = subprocess.run([program("promtool"), *words], cwd=cwd, capture_output=True, text=True,
                          timeout=120)
    return done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules_and_the_configuration(tmp_path):
    shutil.copy(os.path.join(PLACE, "rules.yaml"), tmp_path)
    with open(os.path.join(PLACE, "prometheus.yaml"), encoding="utf-8") as file:
        config = yaml.safe_load(file)
    for job in config["scrape_configs"]:
        # Debian's Prometheus is built without the discovery of Kubernetes' pods.
        job.pop("kubernetes_sd_configs", None)
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    for what, name in (("rules", "rules.yaml"), ("config", "prometheus.yaml")):
        good, said = promtool("check", what, name, cwd=tmp_path)
        assert good, said


def test_every_alert_rings_when_it_should_and_only_then(tmp_path):
    shutil.copy(os.path.join(PLACE, "rules.yaml"), tmp_path)
    shutil.copy(ALERTS, tmp_path)
    good, said = promtool("test", "rules", "rules_test.yaml", cwd=tmp_path)
    assert good, said
    with open(ALERTS, encoding="utf-8") as file:
        tests = [one for group in yaml.safe_load(file)["tests"] for one in group["alert_rule_test"]]
    with open(os.path.join(PLACE, "rules.yaml"), encoding="utf-8") as file:
        alerts = {rule["alert"] for group in yaml.safe_load(file)["groups"] for rule in group["rules"]}
    rung = {one["alertname"] for one in tests if one["exp_alerts"]}
    silent = {one["alertname"] for one in tests if not one.get("exp_alerts")}
    assert rung == silent == alerts


class Prometheus(Process):
    """Scrapes every program of `app` each second, under the labels that a cluster's pods have."""

    def __init__(self, app, directory):
        targets = [{"targets": [f"127.0.0.1:{port}"],
                    "labels": {"app": name.split(".")[0], "namespace": "studyhall", "pod": name}}
                   for name, port in app.admin_ports.items()]
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                            "scrape_configs": [{"job_name": "studyhall",
                                                "static_configs": targets}]}, file)
        self.port = free_port()
        super().__init__("prometheus", [
            program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{self.port}"], os.path.join(directory, "log"),
            dict(os.environ), directory)

    def ask(self, expression):
        """[(labels, value)], or the text of what is wrong with the expression."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode(
            {"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it listens, but is still loading
                raise
            return json.load(error)["error"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def asked(self, expression):
        """ask, once there is a Prometheus."""
        try:
            return self.ask(expression)
        except OSError:
            return []


@pytest.fixture(scope="module")
def prometheus(app, tmp_path_factory):
    prometheus = Prometheus(app, str(tmp_path_factory.mktemp("prometheus")))
    prometheus.start()
    try:
        learner = app.learner()
        assert learner.post("/v1/plans", {"goal": "Biology"}).status == 201
        wait_for(lambda: len(prometheus.asked("count_over_time(up[1m]) > 5"))
                 == len(app.processes), 60, "scrapes of every program")
        for path in ("/v1/plans", "/v1/history", "/v1/users/me", "/v1/voice/conversations"):
            assert learner.get(path).status == 200
        wait_for(lambda: len(prometheus.asked("sum by (app) (increase("
                                              "studyhall_call_seconds_count[1m])) > 0")) >= 4,
                 60, "what was asked in the metrics")
        yield prometheus
    finally:
        prometheus.stop()


def filled_in(expression):
    """With what Grafana or the adapter puts in the place of their variables."""
    for name, value in (("$__rate_interval", "1m"), ("$app", "planner"), ("$provider", "openai"),
                        ("<<.GroupBy>>", "pod"),
                        ("<<.LabelMatchers>>", 'namespace="studyhall",pod=~"planner|gateway|auth"')):
        expression = expression.replace(name, value)
    return expression


def test_every_expression_is_one_and_finds_what_is_printed(prometheus):
    wrong = []
    for where, expression in expressions():
        found = prometheus.ask(filled_in(expression))
        if isinstance(found, str) or (not found and not EMPTY.search(expression)):
            wrong.append((where, expression, found))
    assert wrong == []


def test_the_adapter_finds_one_value_of_each_pod(prometheus):
    with open(ADAPTER, encoding="utf-8") as file:
        rules = {rule["name"]["as"]: rule["metricsQuery"] for rule in yaml.safe_load(file)["rules"]}
    pods = {name: {one["pod"] for one, _ in prometheus.ask(filled_in(query))}
            for name, query in rules.items()}
    assert pods == {"studyhall_in_flight": {"planner", "gateway", "auth"},
                    "studyhall_oldest_wait_seconds": {"planner", "auth"}}
    values = prometheus.ask(filled_in(rules["studyhall_in_flight"]))
    assert len(values) == 3 and all(value >= 0 for _, value in values)


def test_no_alert_rings_on_programs_that_are_well(prometheus):
    with open(os.path.join(PLACE, "rules.yaml"), encoding="utf-8") as file:
        rules = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    assert {rule["alert"]: found for rule in rules if (found := prometheus.ask(rule["expr"]))} == {}
