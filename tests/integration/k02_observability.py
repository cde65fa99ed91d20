"""What is watched exists: every metric that alerts, dashboard and autoscalers name is printed."""
import glob
import json
import os
import re

import pytest
import yaml

from conftest import run_deployment
from deployment import Deployment
from stores import ROOT

PLACE = os.path.join(ROOT, "deploy/observability")
NAME = re.compile(r"\b(studyhall_[a-z_]+|process_[a-z_]+)")
SELECTOR = re.compile(r"\b(studyhall_[a-z_]+|process_[a-z_]+)\{([^}]*)\}")
GIVEN = {"app", "pod", "namespace", "track", "job", "instance", "le"}  # by Prometheus
MADE = {"studyhall_in_flight", "studyhall_oldest_wait_seconds"}  # by the adapter


@pytest.fixture(scope="module")
def printed(stores, stand_in):
    """{metric: {label: {values}}} of all programs, with providers configured."""
    steps = run_deployment(Deployment(stores, {"DRAIN_DELAY": "0", **stand_in.settings()}))
    app = next(steps)
    found = {}
    for name in app.processes:
        for sample in app.metrics(name):
            metric, _, labels = sample.partition("{")
            of_metric = found.setdefault(metric, {})
            for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
                of_metric.setdefault(label, set()).add(value)
    yield found
    for _ in steps:
        pass


def expressions():
    with open(os.path.join(PLACE, "rules.yaml"), encoding="utf-8") as file:
        for group in yaml.safe_load(file)["groups"]:
            for rule in group["rules"]:
                yield rule["alert"], rule["expr"]
    with open(os.path.join(PLACE, "dashboard.json"), encoding="utf-8") as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"].split("(")[1].split(",")[0]
    adapter = os.path.join(ROOT, "deploy/k8s/components/queue-metrics/prometheus-adapter.yaml")
    with open(adapter, encoding="utf-8") as file:
        for rule in yaml.safe_load(file)["rules"]:
            yield rule["name"]["as"], rule["metricsQuery"]
            yield rule["name"]["as"], rule["seriesQuery"]


def test_every_metric_that_is_named_is_printed(printed):
    named = {(where, name) for where, text in expressions() for name in NAME.findall(text)}
    assert len({name for _, name in named}) > 20
    assert sorted((where, name) for where, name in named
                  if name not in printed and name not in MADE) == []


def test_every_label_that_is_asked_for_is_printed(printed):
    missing = []
    for where, text in expressions():
        for name, selector in SELECTOR.findall(text):
            for label, how, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', selector):
                values = printed[name].get(label, set())
                if label in GIVEN or "$" in value:
                    continue
                if not values or (how == "=" and value not in values):
                    missing.append((where, name, label, value))
    assert missing == []


def test_every_alert_has_its_lines_in_the_run_book():
    with open(os.path.join(PLACE, "README.md"), encoding="utf-8") as file:
        headings = re.findall(r"^### (\w+)$", file.read(), re.M)
    with open(os.path.join(PLACE, "rules.yaml"), encoding="utf-8") as file:
        rules = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    assert headings == [rule["alert"] for rule in rules]
    for rule in rules:
        assert rule["annotations"]["runbook"] == f"README.md#{rule['alert'].lower()}"


def test_the_dashboard_shows_the_four_golden_signals_of_each_service_and_provider():
    with open(os.path.join(PLACE, "dashboard.json"), encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    rows, current = {}, None
    for panel in panels:
        if panel["type"] == "row":
            current = rows.setdefault(panel.get("repeat", panel["title"]), [])
        else:
            current.append(panel["title"].split(":")[0])
    golden = ["Traffic", "Errors", "Latency", "Saturation"]
    assert all(rows[of] == golden for of in ("What learners see (gateway)", "app", "provider"))


def test_every_program_is_scraped():
    with open(os.path.join(PLACE, "prometheus.yaml"), encoding="utf-8") as file:
        jobs = yaml.safe_load(file)["scrape_configs"]
    apps = {static["labels"]["app"] for job in jobs for static in job.get("static_configs", [])}
    assert apps >= {"gateway", "auth", "planner", "history", "voice"}


def test_every_field_of_the_log_is_told():
    with open(os.path.join(PLACE, "README.md"), encoding="utf-8") as file:
        told = set(re.findall(r"`(\w+)`", file.read().split("## Log")[1]))
    used = set()
    for folder in ("common", "gateway", "services"):
        for path in glob.glob(os.path.join(ROOT, folder, "**/*.c"), recursive=True):
            with open(path, encoding="utf-8") as source:
                used |= set(re.findall(r'LOG_(?:TEXT|INT)\("(\w+)"', source.read()))
    assert used - told == set()
