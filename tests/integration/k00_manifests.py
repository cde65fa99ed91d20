"""What kubectl apply would take: every manifest of every overlay, by the API's schema and our policy."""
import copy
import os
import re
import subprocess

import pytest

from manifests import (K8S, OVERLAYS, ROOT, name_of, of_kind, pod_of, policy_faults, render,
                       schema_faults, selects)

pytestmark = pytest.mark.slow  # needs the npm registry: `make test-manifests` and `make test-full`


@pytest.fixture(scope="module")
def rendered():
    return {overlay: render(overlay) for overlay in OVERLAYS}


def container(deployment):
    return pod_of(deployment)["spec"]["containers"][0]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_takes_every_manifest(rendered, overlay):
    assert schema_faults(rendered[overlay]) == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_keeps_our_policy(rendered, overlay):
    assert len(of_kind(rendered[overlay], "Deployment")) >= 5
    assert policy_faults(rendered[overlay]) == []


# Each breaks one thing; the checks must find it, and nothing else.
SCHEMA_BREAKS = {
    "unknown field \"replica\"": lambda one: one["spec"].update(replica=3),
    "must be": lambda one: one["spec"].update(minReadySeconds="ten"),
    "must have required property selector": lambda one: one["spec"].pop("selector"),
    "unknown field \"livenessprobe\"": lambda one: container(one).update(livenessprobe={}),
    "no such kind": lambda one: one.update(apiVersion="apps/v9"),
}


@pytest.mark.parametrize("fault", SCHEMA_BREAKS)
def test_a_broken_manifest_fails_the_schema(rendered, fault):
    manifests = copy.deepcopy(rendered["production"])
    SCHEMA_BREAKS[fault](of_kind(manifests, "Deployment")[0])
    found = schema_faults(manifests)
    assert len(found) == 1 and fault in found[0], found


def first(manifests, kind):
    return of_kind(manifests, kind)[0]


POLICY_BREAKS = {
    "no limits of memory": lambda m: container(first(m, "Deployment"))["resources"]["limits"].pop("memory"),
    "no livenessProbe": lambda m: container(first(m, "Deployment")).pop("livenessProbe"),
    "may run as root": lambda m: pod_of(first(m, "Deployment"))["spec"]["securityContext"].pop("runAsNonRoot"),
    "has capabilities": lambda m: container(first(m, "Deployment"))["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    "writes to its root": lambda m: container(first(m, "Deployment"))["securityContext"].pop("readOnlyRootFilesystem"),
    "may gain privileges": lambda m: container(first(m, "Deployment"))["securityContext"].pop("allowPrivilegeEscalation"),
    "no seccomp": lambda m: pod_of(first(m, "Job"))["spec"]["securityContext"].pop("seccompProfile"),
    "has a token": lambda m: pod_of(first(m, "Deployment"))["spec"].pop("automountServiceAccountToken"),
    "is too short": lambda m: pod_of(first(m, "Deployment"))["spec"].update(terminationGracePeriodSeconds=60),
    "shorter than the longest": lambda m: first(m, "ConfigMap")["data"].update(DRAIN_GRACE="30"),
    "no preStop": lambda m: container(first(m, "Deployment")).pop("lifecycle"),
    "has 0 autoscalers": lambda m: m.remove(first(m, "HorizontalPodAutoscaler")),
    "0 disruption budgets": lambda m: m.remove(first(m, "PodDisruptionBudget")),
    "0 network policies": lambda m: m.remove(next(one for one in of_kind(m, "NetworkPolicy") if one["metadata"]["name"] == "auth")),
    "may talk to everybody": lambda m: m.remove(next(one for one in of_kind(m, "NetworkPolicy") if one["metadata"]["name"] == "nothing-else")),
    "no Service": lambda m: m.remove(first(m, "Service")),
    "is a secret in a variable": lambda m: container(first(m, "Deployment"))["env"].append({"name": "AUTH_DATABASE_URL", "value": "x"}),
    "selects the pods of": lambda m: first(m, "Deployment")["spec"]["selector"].update(matchLabels={}),
    "replicas belong to": lambda m: first(m, "Deployment")["spec"].update(replicas=2),
    "a Secret with its content": lambda m: m.append({"kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "b"}}),
}


@pytest.mark.parametrize("fault", POLICY_BREAKS)
def test_a_broken_manifest_fails_the_policy(rendered, fault):
    manifests = copy.deepcopy(rendered["production"])
    POLICY_BREAKS[fault](manifests)
    found = policy_faults(manifests)
    assert found and all(fault in line for line in found), found


def test_what_is_generated_is_up_to_date():
    done = subprocess.run([os.path.join(K8S, "generate"), "--check"], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0, done.stdout


def table():
    with open(os.path.join(K8S, "programs"), encoding="utf-8") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {row[0]: {"port": int(row[1]), "calls": set(row[2].split(",")) - {"-"},
                     "stores": set(row[3].split(",")) - {"-"}, "internet": row[4] == "internet"}
            for row in rows}


def source_of(program):
    path = "gateway/routes.c" if program == "gateway" else f"services/{program}/main.c"
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def test_the_table_of_who_calls_whom_is_that_of_the_programs():
    for program, row in table().items():
        text = source_of(program)
        if program == "gateway":
            assert row["calls"] == set(table()) - {"gateway"}
            continue
        calls = re.search(r"_calls\[\] = \{(.*?)NULL\}", text)
        assert row["calls"] == (set(re.findall(r'"(\w+)"', calls[1])) if calls else set()), program
        assert ("redis" in row["stores"]) == ("uses_cache = true" in text), program
        assert ("database" in row["stores"]) == (".migrations =" in text), program
        assert row["internet"] == ("uses_fetch = true" in text), program
        assert row["port"] == int(re.search(r"default_port = (\d+)", text)[1]), program


def test_the_table_in_the_architecture_says_the_same():
    with open(os.path.join(ROOT, "ARCHITECTURE.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| (\w+) \| (.*) \|$", file.read().split("| caller | calls |")[1]
                          .split("\n\n")[0], re.M)
    names = "|".join(table())
    written = {caller: set(re.findall(rf"\b({names})\b", re.sub(r"\([^)]*\)", "", what)))
               for caller, what in rows}
    real = {name: row["calls"] for name, row in table().items() if row["calls"]}
    assert {name: calls for name, calls in real.items() if name in written} == written


def allowed(manifests, labels, direction, peer_labels, port):
    """Would the network policies let this pod talk (or be talked to) by that one?"""
    side = "to" if direction == "egress" else "from"
    for policy in of_kind(manifests, "NetworkPolicy"):
        if not selects(policy["spec"]["podSelector"], labels):
            continue
        for rule in policy["spec"].get(direction) or []:
            ports = [one["port"] for one in rule.get("ports", [])]
            peers = rule.get(side)
            if (not ports or port in ports) and (peers is None or any(
                    "podSelector" in one and selects(one["podSelector"], peer_labels)
                    for one in peers)):
                return True
    return False


@pytest.mark.parametrize("overlay", ["local", "production", "blue-green"])
def test_the_network_lets_through_what_the_table_says_and_nothing_else(rendered, overlay):
    manifests = rendered[overlay]
    pods = [pod_of(one)["metadata"]["labels"] for one in of_kind(manifests, "Deployment")]
    programs = table()
    for caller in pods:
        for callee in pods:
            name, other = (one["app.kubernetes.io/name"] for one in (caller, callee))
            port = programs[other]["port"]
            meant = other in programs[name]["calls"] and \
                caller["studyhall/track"] == callee["studyhall/track"]
            through = allowed(manifests, caller, "egress", callee, port) and \
                allowed(manifests, callee, "ingress", caller, port)
            assert through == meant, f"{caller} -> {callee}"


def test_only_who_uses_a_store_reaches_it_and_only_planner_and_voice_the_internet(rendered):
    manifests, programs = rendered["local"], table()
    stores = {"database": ("mariadb", 3306), "redis": ("redis", 6379)}
    for one in of_kind(manifests, "Deployment"):
        labels = pod_of(one)["metadata"]["labels"]
        row = programs[labels["app.kubernetes.io/name"]]
        for store, (name, port) in stores.items():
            peer = {"app.kubernetes.io/name": name}
            through = allowed(manifests, labels, "egress", peer, port) and \
                allowed(manifests, peer, "ingress", labels, port)
            assert through == (store in row["stores"]), f"{name_of(one)} -> {name}"
        outside = [policy for policy in of_kind(manifests, "NetworkPolicy")
                   if selects(policy["spec"]["podSelector"], labels)
                   and "0.0.0.0/0" in str(policy["spec"].get("egress"))]
        assert bool(outside) == row["internet"], name_of(one)


def test_production_speaks_tls_and_scales_by_waiting_work(rendered):
    manifests = rendered["production"]
    assert "ACTOR_TLS_CA" in first(manifests, "ConfigMap")["data"]
    for one in of_kind(manifests, "HorizontalPodAutoscaler"):
        names = [metric.get("pods", metric.get("resource")) for metric in one["spec"]["metrics"]]
        assert "studyhall_in_flight" in str(names) and "cpu" in str(names), name_of(one)
        assert one["spec"]["minReplicas"] >= 2
        assert one["spec"]["behavior"]["scaleUp"]["stabilizationWindowSeconds"] == 0
        assert one["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 300
    for one in of_kind(rendered["local"], "HorizontalPodAutoscaler"):
        assert [metric["type"] for metric in one["spec"]["metrics"]] == ["Resource"]


def test_what_one_gateway_does_not_have_of_the_web_app_another_is_asked_for(rendered):
    for overlay in ("production", "canary", "blue-green"):
        paths = {one["metadata"]["name"]: one["spec"]["rules"][0]["http"]["paths"]
                 for one in of_kind(rendered[overlay], "Ingress")}
        assert [(name, path["path"], path["backend"]["service"]["name"])
                for name, one in sorted(paths.items()) for path in one] == [
                    ("gateway", "/", "gateway"), ("gateway-assets", "/assets/", "gateway")], overlay


def test_canary_pods_stand_behind_the_same_services(rendered):
    manifests = rendered["canary"]
    for one in of_kind(manifests, "Deployment"):
        labels = pod_of(one)["metadata"]["labels"]
        assert [service["metadata"]["name"] for service in of_kind(manifests, "Service")
                if selects({"matchLabels": service["spec"]["selector"]}, labels)] \
            == [labels["app.kubernetes.io/name"]]
    images = {container(one)["image"].rsplit(":", 1)[1] for one in of_kind(manifests, "Deployment")}
    assert len(images) == 2


def test_blue_and_green_share_nothing_but_the_stores_and_one_service_chooses(rendered):
    manifests = rendered["blue-green"]
    front = [one for one in of_kind(manifests, "Service") if one["metadata"]["name"] == "gateway"]
    ingress = first(manifests, "Ingress")["spec"]["rules"][0]["http"]["paths"][0]
    assert ingress["backend"]["service"]["name"] == "gateway" and len(front) == 1
    for color in ("blue", "green"):
        front[0]["spec"]["selector"]["studyhall/track"] = color
        chosen = {one["metadata"]["name"] for one in of_kind(manifests, "Deployment")
                  if selects({"matchLabels": front[0]["spec"]["selector"]},
                             pod_of(one)["metadata"]["labels"])}
        assert chosen == {f"gateway-{color}"}
        data = [one["data"] for one in of_kind(manifests, "ConfigMap")
                if one["metadata"]["name"].startswith(f"settings-{color}")]
        services = {one["metadata"]["name"]: one["spec"]["ports"][0]["port"]
                    for one in of_kind(manifests, "Service")}
        for program, row in table().items():
            if program != "gateway":
                url = data[0][f"{program.upper()}_URL"]
                assert url == f"tcp://{program}-{color}:{row['port']}"
                assert services[f"{program}-{color}"] == row["port"]


def test_the_secrets_script_makes_every_secret_that_is_referred_to(tmp_path):
    import yaml
    done = subprocess.run([os.path.join(K8S, "secrets")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    made = {one["metadata"]["name"]: set(one["data"]) for one in yaml.safe_load_all(done.stdout)}
    assert schema_faults(list(yaml.safe_load_all(done.stdout))) == []
    (tmp_path / "secrets.yaml").write_text(done.stdout)
    rotated = subprocess.run([os.path.join(K8S, "secrets"), "--rotate", tmp_path / "secrets.yaml"],
                             capture_output=True, text=True, timeout=60)
    assert rotated.returncode == 0 and rotated.stdout != done.stdout, rotated.stderr
    assert schema_faults(list(yaml.safe_load_all(rotated.stdout))) == []
    for overlay in OVERLAYS:
        for one in of_kind(render(overlay), "Deployment", "StatefulSet", "Job"):
            for volume in pod_of(one)["spec"].get("volumes", []):
                if "secret" in volume:
                    assert volume["secret"]["secretName"] in made, name_of(one)
    assert all({"ca.crt", "tls.crt", "tls.key"} == made[f"{program}-actor-tls"]
               for program in table())
