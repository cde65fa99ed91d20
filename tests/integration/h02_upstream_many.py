"""The stand-in behind HTTP/2, and with as many calls at a time as one process can hold."""
import json
import re
import resource
import select
import shutil
import socket
import subprocess

import pytest

from deployment import BIN
from process import wait_for
from providers import GEMINI, GEMINI_STREAM, OPENAI, REQUEST, check_plan, gemini_text, prompt
from tls_front import TlsFront

SANITIZED = "asan" in BIN
SLEEPERS = 2000 if SANITIZED else 15000


# --- HTTP/2 ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def front(stand_in, tmp_path_factory):
    front = TlsFront(str(tmp_path_factory.mktemp("front")), stand_in.port).start()
    yield front
    front.stop()


def curl(front, path, *words, body=None, background=False):
    """curl over HTTP/2; the last line says protocol and status."""
    command = [shutil.which("curl"), "-sS", "--http2", "--cacert", front.certificate,
               "-H", "x-goog-api-key: k", "-H", "Authorization: Bearer k",
               "-H", "Content-Type: application/json", "-w", "\n%{http_version} %{http_code}",
               "-d", json.dumps(body), *words, front.url + path]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return run if background else (*run.communicate(), run.returncode)


PLAN = {"contents": [{"parts": [{"text": prompt(REQUEST)}]}]}


@pytest.mark.smoke
def test_http2_with_tls_gives_the_same(upstream, front):
    out, complaint, status = curl(front, GEMINI, body=PLAN)
    body, end = out.decode().rsplit("\n", 1)
    assert (end, status) == ("2 200", 0), complaint
    check_plan(json.loads(gemini_text(json.loads(body))), REQUEST)
    out = curl(front, GEMINI_STREAM, body=PLAN)[0].decode()
    body, end = out.rsplit("\n", 1)
    assert end == "2 200" and "finishReason" in body and body.endswith("\r\n\r\n")
    assert [call["outcome"] for call in upstream.ledger()] == ["delivered", "delivered"]


@pytest.mark.smoke
def test_an_abort_over_http2_reaches_the_stand_in(upstream, front):
    upstream.configure(latency={"first_byte": 0, "streaming": 600000, "chunks": 100})
    run = curl(front, GEMINI_STREAM, body=PLAN, background=True)
    wait_for(lambda: any(call["first_byte"] for call in upstream.ledger()), 60, "the first byte")
    run.terminate()
    run.communicate()
    (call,) = upstream.await_ended()
    assert call["outcome"] == "aborted"


@pytest.mark.smoke
def test_a_cut_stream_is_an_error_over_http2(upstream, front):
    upstream.faults("cut")
    out, complaint, status = curl(front, GEMINI_STREAM, body=PLAN)
    assert status == 92, complaint  # stream error: not ended well
    assert b"data: " in out and b"finishReason" not in out


# --- many ------------------------------------------------------------------------------------------

def sleepers(port, count, body):
    """`count` connections, each with a call under way."""
    request = (f"POST {OPENAI} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key-0001\r\n"
               f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
               "Idempotency-Key: %s\r\n\r\n")
    peers = []
    for number in range(count):
        peer = socket.create_connection(("127.0.0.1", port), 60)
        peer.sendall((request % f"job{number}:1:1").encode() + body)
        peers.append(peer)
    return peers


def read_all(peers):
    """How many of them got a whole answer of status 200."""
    poll = select.epoll()
    received = {}
    for peer in peers:
        received[peer.fileno()] = b""
        poll.register(peer, select.EPOLLIN)
    good = left = len(peers)
    while left:
        ready = poll.poll(120)
        assert ready, f"{left} answers are missing"
        for fd, _ in ready:
            piece = socket.socket(fileno=fd)
            chunk = piece.recv(65536)
            piece.detach()
            received[fd] += chunk
            length = re.search(rb"Content-Length: (\d+)\r\n", received[fd])
            whole = length and len(received[fd].split(b"\r\n\r\n", 1)[1]) >= int(length[1])
            if whole or not chunk:
                good -= not (whole and received[fd].startswith(b"HTTP/1.1 200"))
                poll.unregister(fd)
                left -= 1
    return good


def memory_kb(upstream):
    """PSS, and the page tables that the kernel keeps for it."""
    with open(f"/proc/{upstream.pid}/status") as status:
        tables = next(int(line.split()[1]) for line in status if line.startswith("VmPTE:"))
    return upstream.memory_kb(), tables


@pytest.mark.slow
def test_15000_calls_sleep_in_one_process(upstream, capsys):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    text = prompt({**REQUEST, "topics": [f"Topic {number}" for number in range(100)]})
    body = json.dumps({"model": "gpt-4o-mini", "messages": [
        {"role": "system", "content": "You plan. " * 150}, {"role": "user", "content": text}]}).encode()
    before = memory_kb(upstream)
    upstream.faults("hold")
    peers = sleepers(upstream.port, SLEEPERS, body)
    try:
        upstream.await_held(SLEEPERS, 300)
        during, files = memory_kb(upstream), len(upstream.open_files())
        assert upstream.stats()["highest_open"] == SLEEPERS
        assert len(upstream.counts("job")) == SLEEPERS
        assert upstream.release() == SLEEPERS
        assert read_all(peers) == SLEEPERS
    finally:
        for peer in peers:
            peer.close()
    upstream.await_open(0)
    each = (during[0] - before[0]) / SLEEPERS, (during[1] - before[1]) / SLEEPERS
    with capsys.disabled():
        print(f"\n{SLEEPERS} sleeping calls, {len(body)} bytes each: {during[0] / 1024:.0f} MB PSS"
              f" ({each[0]:.1f} KB a call), page tables {during[1] / 1024:.0f} MB"
              f" ({each[1]:.1f} KB a call), {files} open files")
    assert files >= SLEEPERS
    assert each[0] < 40 or SANITIZED
    assert upstream.stats()["outcomes"] == {"delivered": SLEEPERS}


@pytest.mark.smoke
def test_calls_that_all_hang_up_at_once_are_all_noticed(upstream):
    upstream.configure(latency={"first_byte": 600000})
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    for peer in sleepers(upstream.port, 500, body):
        peer.close()
    upstream.await_open(0)
    assert upstream.stats()["outcomes"] == {"aborted": 500}
