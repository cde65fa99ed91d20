"""Fixtures: `app` is one deployment for the whole run; `deploy(...)` starts one of the test's own."""
import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import Client  # noqa: E402
from deployment import Deployment  # noqa: E402
from stores import Stores  # noqa: E402
from upstream import Upstream  # noqa: E402

live = []  # deployments whose logs are watched


@pytest.fixture(scope="session")
def stores():
    directory = tempfile.mkdtemp(prefix="sh-", dir="/tmp")
    stores = Stores(directory)
    try:
        yield stores.start()
    finally:
        for process in (stores.redis, stores.mariadb):
            if process.alive():
                process.stop(60)
        shutil.rmtree(directory, ignore_errors=True)


def run_deployment(deployment):
    live.append(deployment)
    try:
        yield deployment.start()
        deployment.stop()
    finally:
        for process in deployment.processes.values():
            if process.alive():
                process.kill9()
        live.remove(deployment)


@pytest.fixture(scope="session")
def app(stores):
    yield from run_deployment(Deployment(stores))


@pytest.fixture
def deploy(stores):
    """A function that starts a deployment with settings of the test's own; ended after the test."""
    running = []

    def start(settings=None, **options):
        settings = {"DRAIN_DELAY": "0", **(settings or {})}
        steps = run_deployment(Deployment(stores, settings=settings, **options))
        deployment = next(steps)
        running.append(steps)
        return deployment

    yield start
    for steps in reversed(running):
        for _ in steps:
            pass


@pytest.fixture
def client(app):
    client = app.client()
    yield client
    client.close()


@pytest.fixture
def learner(app):
    learner = app.learner()
    yield learner
    learner.close()


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """The providers' stand-in, one for the whole run."""
    upstream = Upstream(str(tmp_path_factory.mktemp("upstream"))).start()
    yield upstream
    assert upstream.stop() == 0 and not upstream.fatal_lines(), upstream.log_tail()


@pytest.fixture
def upstream(stand_in):
    """The same with its configuration and ledger as at the start, and nothing held that a test
    which failed left behind."""
    stand_in.reset()
    stand_in.release()
    return stand_in


@pytest.fixture
def caller(upstream):
    """A client of the stand-in itself."""
    client = Client(upstream.port)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def nothing_breaks(request):
    """After each test: no process died unasked, nothing fatal in a log, and all is ready again."""
    yield
    complaints = [line for deployment in live for line in deployment.complaints()]
    if complaints or request.node.get_closest_marker("disturbs"):
        for deployment in live:
            heal(deployment)
    assert not complaints, "\n".join(complaints)


def heal(deployment):
    """Starts what a test ended, continues what it stopped, and waits until all is ready."""
    stores = [deployment.stores.mariadb, deployment.stores.redis]
    for process in stores + list(deployment.processes.values()):
        if process.child is None:
            continue
        if process.alive():
            process.resume()
        else:
            process.start()
        if process is stores[-1]:
            deployment.stores.wait_ready()
    deployment.wait_ready()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed:
        return
    for deployment in live:
        for process in deployment.processes.values():
            if process.child is not None:
                report.sections.append((f"log of {process.name}", process.log_tail()))


def pytest_collection_modifyitems(config, items):
    """Without -m: everything but what is only for `make test-full`."""
    if config.getoption("markexpr"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
