"""A copy of the checkout at an awkward path, in which `make run` and its sisters are said."""
import contextlib
import os
import shutil
import subprocess
import tempfile

from client import Client
from deployment import free_port
from stores import ROOT


class Checkout:
    def __init__(self, path):
        self.path = path
        self.port = free_port()

    def make(self, target, check=True, **settings):
        env = {**os.environ, "GATEWAY_LISTEN": f"127.0.0.1:{self.port}", **settings}
        env.pop("MAKEFLAGS", None)
        done = subprocess.run(["make", "--no-print-directory", target], cwd=self.path, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def pid(self, name):
        """0: it does not run (what runs then may be runit's `finish`)."""
        supervise = os.path.join(self.path, ".run/sv", name, "supervise")
        with open(os.path.join(supervise, "stat")) as stat, \
                open(os.path.join(supervise, "pid")) as pid:
            return int(pid.read() or 0) if stat.read().strip() == "run" else 0

    def client(self):
        return Client(self.port)

    @classmethod
    @contextlib.contextmanager
    def running(cls, **settings):
        base = tempfile.mkdtemp(prefix="sh ", dir="/tmp")
        os.chmod(base, 0o755)  # so that root can run it under another user id
        path = os.path.join(base, "it's a checkout ".ljust(150 - len(base) - 1, "x"))
        shutil.copytree(ROOT, path, symlinks=True, ignore=shutil.ignore_patterns(
            ".git", ".run", ".env", "asan", "tsan", "test"))
        assert len(path) >= 150
        checkout = cls(path)
        try:
            checkout.make("run", **settings)
            yield checkout
        finally:
            checkout.make("stop", check=False)
            shutil.rmtree(base)
