"""The open-loop generator counts what it is there to count."""
import json
import os
import subprocess

from deployment import BIN, free_port

ASK = {"name": "ask", "method": "POST", "path": "/v1/chat/completions", "type": "application/json",
       "body": json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]})}


def run(directory, port, flow, seconds=2, grace=60):
    path = os.path.join(directory, "scenario.json")
    with open(path, "w") as file:
        json.dump({"port": port, "seconds": seconds, "grace_s": grace, "flows": [
            {"name": "flow", "tokens": ["openai-key-0001"], "steps": [ASK], **flow}]}, file)
    done = subprocess.run([os.path.join(BIN, "openload"), path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    flow = json.loads(done.stdout)["flows"]["flow"]
    return flow["steps"]["ask"], flow


def test_what_waits_behind_a_slow_answer_is_not_left_out(upstream, tmp_path):
    """One connection to what takes 0.2 s, and 20 requests a second: each waits for those before it."""
    upstream.configure(latency={"first_byte": 200, "streaming": 0})
    step, _ = run(str(tmp_path), upstream.port, {"rate": 20, "connections": 1})
    assert step["good"] == step["sent"] > 20 and step["errors"] == {}, step
    # With the last one due after 2 s and the queue worked off at 5 a second.
    assert step["latency"]["max"] > step["sent"] * 0.2 - 2.5, step
    assert step["latency"]["p50"] > 0.8, step


def test_with_connections_enough_nothing_waits_for_another(upstream, tmp_path):
    upstream.configure(latency={"first_byte": 1000, "streaming": 0})
    step, flow = run(str(tmp_path), upstream.port, {"rate": 30, "connections": 200})
    assert step["good"] == step["sent"] > 30 and flow["connected"] > 10, (step, flow)


def test_people_think_between_their_steps(upstream, tmp_path):
    """Three people who think for a second ask at most three times each in two seconds."""
    upstream.configure(latency={"first_byte": 0, "streaming": 0})
    step, flow = run(str(tmp_path), upstream.port, {"users": 3, "think_s": [1, 1]})
    assert 3 <= step["sent"] <= 9 and step["good"] == step["sent"], step
    assert flow["connected"] == 3


def test_refusals_and_lost_connections_are_told_apart(upstream, tmp_path):
    upstream.configure(latency={"first_byte": 0, "streaming": 0})
    upstream.faults({"fault": "503", "next": 1}, {"fault": "close", "next": 1})
    step, _ = run(str(tmp_path), upstream.port, {"rate": 20, "connections": 10})
    assert step["errors"] == {"status 503": 1, "closed": 1}, step
    assert step["refused"]["count"] == 1 and step["good"] == step["sent"] - 2


def test_nobody_listens(tmp_path):
    step, _ = run(str(tmp_path), free_port(), {"rate": 20, "connections": 10}, seconds=1)
    assert step["good"] == 0 and step["errors"] == {"not connected": step["sent"]}, step
