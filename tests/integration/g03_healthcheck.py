"""The sub-command that tells a container's supervisor whether the process in it is ready."""
import pytest

from deployment import free_port
from process import wait_for

PROGRAMS = ("gateway", "auth", "planner", "history", "voice")


def healthcheck(deployment, program, admin):
    """The exit status, and what was said."""
    env = {**deployment.env, program.upper() + "_ADMIN": admin}
    env.pop(program.upper() + "_DATABASE_URL", None)
    done = deployment.command(program, "healthcheck", check=False, env=env)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_healthcheck_of_a_ready_process_is_0_and_silent(app, program):
    for host in ("127.0.0.1", "0.0.0.0"):
        admin = f"{host}:{app.admin_ports[program]}"
        assert healthcheck(app, program, admin) == (0, ""), host


@pytest.mark.parametrize("program", PROGRAMS)
def test_healthcheck_where_nobody_listens_is_1_and_one_line(app, program):
    status, said = healthcheck(app, program, f"127.0.0.1:{free_port()}")
    assert status == 1 and "not reachable" in said and said.count("\n") == 1


def test_healthcheck_of_draining_processes_is_1(deploy):
    draining = deploy({"DRAIN_DELAY": "300"})
    for program in PROGRAMS:
        admin = f"127.0.0.1:{draining.admin_ports[program]}"
        draining[program].terminate()
        wait_for(lambda: healthcheck(draining, program, admin)[0] == 1, 30, "the drain")
        assert "not ready" in healthcheck(draining, program, admin)[1], program
        draining[program].kill9()
