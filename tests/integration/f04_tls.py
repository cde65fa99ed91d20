"""Mutual TLS between the five processes: who has no certificate of the right authority, or not the
name that was dialled, is refused."""
import os
import socket
import ssl
import tempfile
import time
import urllib.request

import pytest

from certificates import Authority
from conftest import run_deployment
from deployment import Deployment, services
from process import wait_for

PROCESSES = services() + ["gateway"]


@pytest.fixture(scope="module")
def authority():
    with tempfile.TemporaryDirectory() as directory:
        yield Authority(os.path.join(directory, "ca"))


@pytest.fixture(scope="module")
def stranger():
    with tempfile.TemporaryDirectory() as directory:
        yield Authority(os.path.join(directory, "other"))


def good(authority):
    return {name: authority.issue(name) for name in PROCESSES}


@pytest.fixture(scope="module")
def secure(stores, authority):
    yield from run_deployment(Deployment(stores, {"DRAIN_DELAY": "0"}, each=good(authority)))


def dependencies(app, name="gateway"):
    with urllib.request.urlopen(f"http://127.0.0.1:{app.admin_ports[name]}/readyz") as reply:
        return reply.read().decode()


def handshake(app, service, certificate=None, authority=None):
    """Dials the service as a peer with that certificate; what the transport says first, or b""."""
    host, port = app.listen[service][0].removeprefix("tcp://").split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # the refusal comes within the handshake
    context.load_verify_locations(authority.certificate)
    if certificate:
        context.load_cert_chain(certificate["ACTOR_TLS_CERT"], certificate["ACTOR_TLS_KEY"])
    with socket.create_connection((host, int(port)), 5) as peer:
        try:
            with context.wrap_socket(peer, server_hostname=service) as secured:
                secured.sendall(b"\0SP\0\0\x30\0\0")
                return secured.recv(8)
        except (ssl.SSLError, ConnectionError):
            return b""


def test_main_job_passes_under_mutual_tls(secure):
    learner = secure.learner()
    plan = learner.plan()
    ticked = learner.patch(f"/v1/plans/{plan['id']}/items/{plan['items'][0]['id']}", {"done": True})
    assert ticked.status == 200
    assert learner.post("/v1/history", {"type": "study", "subject": "x",
                                        "minutes": 5}).status == 201
    wait_for(lambda: "item_done" in {one["type"] for one in
                                     learner.get("/v1/history").json["items"]}, 10, "the event")
    turn = learner.post("/v1/voice/turns?locale=en", {"text": "what should I study today"})
    assert turn.status == 201, turn
    assert learner.get("/v1/users/me/export", timeout=60).status == 200
    assert learner.delete("/v1/sessions/current").status == 204
    assert learner.get("/v1/users/me").status == 401


def test_service_shows_the_certificate_of_its_name(secure, authority):
    assert handshake(secure, "history", authority.issue("probe"), authority)[:4] == b"\0SP\0"


def test_peer_without_a_certificate_is_refused(secure, authority):
    assert handshake(secure, "history", None, authority) == b""


def test_peer_of_another_authority_is_refused(secure, authority, stranger):
    assert handshake(secure, "history", stranger.issue("gateway"), authority) == b""


def test_peer_that_speaks_without_tls_is_refused(secure):
    host, port = secure.listen["history"][0].removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port)), 2) as peer:
        peer.sendall(b"\0SP\0\0\x30\0\0")
        try:
            answer = peer.recv(8)
        except (TimeoutError, ConnectionError):
            answer = b""
    assert not answer.startswith(b"\0SP\0")


@pytest.mark.parametrize("wrong", ["name", "authority", "none"])
def test_service_with_a_wrong_certificate_is_not_called(deploy, authority, stranger, wrong):
    each = good(authority)
    if wrong == "name":
        each["history"] = authority.issue("elsewhere")
    elif wrong == "authority":
        each["history"] = stranger.issue("history")
    else:
        each["history"] = {}
    app = deploy(each=each, absent=["history"])
    app.revive("history")
    wait_for(lambda: app.ready("history"), 20, "the history service's readiness")
    time.sleep(3)  # longer than the pause between two tries to connect
    assert '"history":"down"' in dependencies(app)
    assert '"planner":"up"' in dependencies(app)
    learner = app.learner()
    assert learner.get("/v1/history").status == 503
    assert learner.get("/v1/plans").status == 200


def test_half_of_the_tls_settings_is_one_line_that_names_them(app):
    app.env["ACTOR_TLS_CA"] = "/dev/null"
    try:
        done = app.command("history", check=False)
    finally:
        del app.env["ACTOR_TLS_CA"]
    assert done.returncode != 0 and "ACTOR_TLS_CERT" in done.stderr
