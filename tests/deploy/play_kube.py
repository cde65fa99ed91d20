"""overlays/local, run by podman on this machine: the same pods, as non-root, on a read-only root.

    /usr/bin/python3 tests/deploy/play_kube.py up PORT [tls]    starts everything; the gateway at 127.0.0.1:PORT
    /usr/bin/python3 tests/deploy/play_kube.py check PORT   the main job through it, and how the pods run
    /usr/bin/python3 tests/deploy/play_kube.py down

podman play kube knows Pods, ConfigMaps, Secrets and claims. What it does not know is left out (Services,
network policies, autoscalers, budgets, probes, which would take a shell in the images); a Deployment becomes
its one pod, which has the name that its Service has. Needs the images (make images), root and podman.
"""
import base64
import os
import subprocess
import sys
import time

import yaml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "tests/integration"))

from client import Learner  # noqa: E402
from deployment import http_status  # noqa: E402
from manifests import pod_of, render  # noqa: E402
from process import wait_for  # noqa: E402

NETWORK = PREFIX = "studyhall-play"
ORDER = ["mariadb", "redis", "migrate", "auth", "planner", "history", "voice", "gateway"]


def podman(*words, text=None, check=True):
    done = subprocess.run(["podman", *words], input=text, capture_output=True, text=True, timeout=300)
    assert not check or done.returncode == 0, f"podman {words}: {done.stdout}{done.stderr}"
    return done.stdout


def name_of(manifest):
    return manifest["metadata"]["name"]


def as_pod(manifest, port):
    """The pod of a Deployment, StatefulSet or Job, as podman takes it."""
    template = pod_of(manifest)
    spec = template["spec"]
    for field in ("topologySpreadConstraints", "serviceAccountName"):
        spec.pop(field, None)
    if manifest["kind"] == "Job":
        spec["restartPolicy"] = "Never"
    for container in spec["containers"] + spec.get("initContainers", []):
        container["image"] = "localhost/" + container["image"] + ":latest"
        container["imagePullPolicy"] = "Never"
        for field in ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle"):
            container.pop(field, None)
        for opened in container.get("ports", []):
            if opened["name"] == "http":
                opened.update(hostPort=port, hostIP="127.0.0.1")
    for claim in manifest["spec"].get("volumeClaimTemplates", []):
        spec.setdefault("volumes", []).append({"name": name_of(claim), "emptyDir": {}})
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name_of(manifest), "labels": {"play": PREFIX}}, "spec": spec}


def secrets():
    text = subprocess.run([os.path.join(ROOT, "deploy/k8s/secrets")], capture_output=True, text=True,
                          check=True).stdout
    made = {name_of(one): one for one in yaml.safe_load_all(text)}
    for secret in made.values():  # podman 4.3 takes what is under `data` as it stands there
        secret["data"] = {key: base64.b64decode(value).decode()
                          for key, value in secret["data"].items()}
    return made


def rank(manifest):
    return next(number for number, name in enumerate(ORDER) if name_of(manifest).startswith(name))


def play(pod, configs):
    text = yaml.safe_dump_all([*configs, pod])
    podman("play", "kube", "--network", NETWORK, "-", text=text)


def up(port, tls):
    manifests = render("local")
    configs = [one for one in manifests if one["kind"] == "ConfigMap"]
    if tls:  # what components/actor-tls adds
        files = [one["data"] for one in render("production") if one["kind"] == "ConfigMap"][0]
        configs[0]["data"].update({name: value for name, value in files.items() if "TLS" in name})
    podman("network", "create", NETWORK, check=False)
    made = secrets()
    for name, secret in made.items():
        podman("secret", "rm", name, check=False)
        podman("secret", "create", name, "-", text=yaml.safe_dump(secret))
    work = [one for one in manifests if one["kind"] in ("Deployment", "StatefulSet", "Job")]
    for manifest in sorted(work, key=rank):
        for volume in pod_of(manifest)["spec"].get("volumes", []):
            if "secret" in volume:
                volume["secret"]["optional"] = False  # podman 4.3 falls over where it is not said
        play(as_pod(manifest, port), configs)
        if manifest["kind"] == "Job":
            await_end(name_of(manifest) + "-migrate")
        print(f"  {name_of(manifest)}", flush=True)


def await_end(container):
    def state():
        words = podman("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container)
        return words.split() if words.startswith("exited") else None
    assert wait_for(state, 120, f"the end of {container}")[1] == "0", podman("logs", container)


def check_containers():
    """Every container runs as a user of its own, on a read-only root, without capabilities."""
    names = podman("ps", "--filter", f"label=play={PREFIX}", "--format", "{{.Names}}").split()
    names = [name for name in names if not name.endswith("-infra")]
    assert len(names) == 7, names
    for name in names:
        user, read_only, memory, pid, capabilities = podman(
            "inspect", "--format", "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} "
            "{{.HostConfig.Memory}} {{.State.Pid}} {{.EffectiveCaps}}", name).split()
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            uid = next(line.split()[1] for line in file if line.startswith("Uid:"))
        assert user != "root" and int(uid) > 0 and read_only == "true", name
        assert int(memory) > 0 and capabilities == "[]", name
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            pss = next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        print(f"  {name}: user {uid}, read-only root, {pss / 1024:.1f} of {int(memory) >> 20} MB")


def check(port):
    wait_for(lambda: http_status(port, "/readyz") == 200, 60, "the gateway's readiness")
    check_containers()
    learner = Learner(port, email=f"play-{time.time_ns()}@example.org")
    plan = learner.plan(goal="Biology chapters 1-6")
    item = plan["items"][0]
    assert learner.patch(f"/v1/plans/{plan['id']}/items/{item['id']}", {"done": True}).status == 200
    # Events arrive a moment after what they tell of.
    wait_for(lambda: {"plan", "item"} <= {event["type"].split("_")[0].split(".")[0] for event in
                                          learner.get("/v1/history").json["items"]}, 30, "history")
    assert learner.get(f"/v1/plans/{plan['id']}.ics").body.startswith(b"BEGIN:VCALENDAR")
    assert learner.get("/v1/voice/conversations").status == 200
    print("  signed up, made a plan, ticked an item, saw it in the history")


def down():
    for pod in podman("pod", "ls", "-q", "--filter", f"label=play={PREFIX}").split():
        podman("pod", "rm", "-f", "-t", "0", pod, check=False)
    for name in secrets():
        podman("secret", "rm", name, check=False)
    podman("network", "rm", "-f", NETWORK, check=False)


def main():
    if sys.argv[1:] == ["down"]:
        down()
    elif sys.argv[1:2] == ["up"] and len(sys.argv) in (3, 4):
        up(int(sys.argv[2]), sys.argv[3:] == ["tls"])
    elif sys.argv[1:2] == ["check"] and len(sys.argv) == 3:
        check(int(sys.argv[2]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
