"""The component for a service mesh, put in the place of actor-tls as deploy/k8s/README.md says."""
import json
import os
import shutil

import pytest
import yaml

from manifests import K8S, of_kind, pod_of, policy_faults, render_text, schema_faults, settings_of

pytestmark = pytest.mark.slow  # needs the npm registry: `make test-manifests` and `make test-full`


@pytest.fixture(scope="module")
def meshed(tmp_path_factory):
    place = tmp_path_factory.mktemp("mesh") / "k8s"
    shutil.copytree(K8S, place)
    production = place / "overlays/production/kustomization.yaml"
    text = production.read_text(encoding="utf-8")
    assert text.count("components/actor-tls") == 1
    production.write_text(text.replace("components/actor-tls", "components/mesh"), encoding="utf-8")
    return list(yaml.safe_load_all(render_text(str(production.parent))))


def test_the_mesh_keeps_schema_and_policy(meshed):
    assert schema_faults(meshed) == [] and policy_faults(meshed) == []


def test_every_pod_gets_a_sidecar_that_outlives_its_drain(meshed):
    deployments = of_kind(meshed, "Deployment")
    assert len(deployments) == 5
    for one in deployments:
        pod = pod_of(one)
        marks = pod["metadata"]["annotations"]
        assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"
        assert marks["linkerd.io/inject"] == "enabled"
        # It is added to what scrapes need, and does not take its place.
        assert marks["prometheus.io/scrape"] == "true"
        istio = json.loads(marks["proxy.istio.io/config"])
        grace = pod["spec"]["terminationGracePeriodSeconds"]
        assert int(istio["terminationDrainDuration"].rstrip("s")) >= grace
        first, last = map(int, marks["config.linkerd.io/opaque-ports"].split("-"))
        ports = {port["name"]: port["containerPort"]
                 for port in pod["spec"]["containers"][0]["ports"]}
        assert set(ports) <= {"tcp-actor", "http", "http-admin"}
        assert "tcp-actor" not in ports or first <= ports["tcp-actor"] <= last
        assert "http" not in ports or not first <= ports["http"] <= last


def test_the_programs_own_tls_is_off(meshed):
    for one in of_kind(meshed, "Deployment"):
        assert not [name for name in settings_of(meshed, one) if name.startswith("ACTOR_TLS")]


def test_no_job_waits_for_a_sidecar(meshed):
    """One that never ends keeps a Job from ending."""
    for one in of_kind(meshed, "Job"):
        assert pod_of(one)["metadata"].get("annotations", {}).get("linkerd.io/inject") != "enabled"
        assert pod_of(one)["metadata"]["labels"].get("sidecar.istio.io/inject") != "true"
