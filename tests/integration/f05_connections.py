"""Ten thousand idle keep-alive connections on the gateway."""
import os
import resource
import socket

import pytest

pytestmark = pytest.mark.slow
WANTED = 10_000
SPARE = 400  # descriptors for everything else of a process
MOST_KB = 20


def reachable():
    """How many connections this machine's limit of open files allows, at both ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = len(os.listdir("/proc/self/fd")) + SPARE
    limit = WANTED + others if hard == resource.RLIM_INFINITY else min(hard, WANTED + others)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return min(WANTED, limit - others)


def connect(app, number):
    """From several loopback addresses, so that no pair of address and port is scarce."""
    peer = socket.socket()
    peer.bind((f"127.0.0.{2 + number % 8}", 0))
    peer.settimeout(20)
    peer.connect(("127.0.0.1", app.port))
    peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    return peer


def test_idle_connections_cost_little_and_the_gateway_serves_on(deploy):
    count = reachable()
    app = deploy(settings={"ADDRESS_CONNECTIONS": "0", "GATEWAY_MAX_CONNECTIONS": str(WANTED + 100),
                           "KEEPALIVE": "300"})
    learner = app.learner()
    before = app["gateway"].memory_kb()
    peers = []
    try:
        for start in range(0, count, 100):
            group = [connect(app, start + i) for i in range(min(100, count - start))]
            for peer in group:
                assert peer.recv(4096).startswith(b"HTTP/1.1 200")
            peers += group
        after = app["gateway"].memory_kb()
        for _ in range(50):
            assert learner.get("/v1/history", timeout=5).status == 200
        for peer in peers[:: max(1, count // 50)]:
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert peer.recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        for peer in peers:
            peer.close()
    each = (after - before) / count
    print(f"\n{count} idle connections: {each:.2f} KB each ({before} -> {after} KB)")
    assert each < MOST_KB


def test_connection_above_the_limit_is_refused_and_frees_up(deploy):
    app = deploy(settings={"GATEWAY_MAX_CONNECTIONS": "50", "ADDRESS_CONNECTIONS": "0"})
    peers = [connect(app, number) for number in range(50)]
    assert all(peer.recv(4096).startswith(b"HTTP/1.1 200") for peer in peers)
    with socket.create_connection(("127.0.0.1", app.port), 5) as late:
        try:
            late.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            late.settimeout(2)
            answer = late.recv(4096)
        except (ConnectionError, TimeoutError):
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 503"), answer
    for peer in peers:
        peer.close()
    assert app.client().get("/healthz").status == 200
