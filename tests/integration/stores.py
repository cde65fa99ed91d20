"""A MariaDB and a Redis of our own for one test run, in a private directory on unix sockets."""
import fcntl
import glob
import os
import secrets
import shutil
import subprocess
import tempfile

from process import Process, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AS_ROOT = ["--user=root"] if os.getuid() == 0 else []
SMALL = ["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=64M", "--performance-schema=OFF"]


def program(name):
    """A program of the system, or one that deploy/local/install unpacked into build/tools."""
    unpacked = glob.glob(os.path.join(ROOT, "build/tools/*/usr/*bin"))
    path = shutil.which(name, path=":".join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *unpacked]))
    assert path, f"{name} is not installed: deploy/local/install test full bench"
    return path


def data_template():
    """An initialized data directory, made once per checkout and MariaDB version, then copied."""
    server = program("mariadbd")
    version = subprocess.check_output([server, "--no-defaults", "--version"], text=True).split()[2]
    template = os.path.join(ROOT, "build", "mariadb-" + version)
    os.makedirs(os.path.dirname(template), exist_ok=True)
    with open(template + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(template):
            fresh = tempfile.mkdtemp(prefix=template + ".")
            scratch = tempfile.mkdtemp(prefix="sh-", dir="/tmp")
            subprocess.run(
                [program("mariadb-install-db"), "--no-defaults", f"--datadir={fresh}", *AS_ROOT,
                 "--auth-root-authentication-method=normal", "--skip-test-db",
                 "--skip-name-resolve", "--cross-bootstrap", *SMALL],
                check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TMPDIR": scratch})
            os.rmdir(scratch)
            os.rename(fresh, template)
    return template


class Stores:
    """`directory` must have a short path: it holds sockets. MariaDB gets a directory of its own for
    temporary tables: whatever server starts removes all of them from /tmp, its neighbours' too."""

    def __init__(self, directory, mariadb_options=()):
        self.directory = directory
        self.mariadb_options = mariadb_options
        self.redis_password = secrets.token_hex(8)
        self.mariadb = Process("mariadb", self.mariadb_argv(), self.path("mariadb.log"))
        self.redis = Process("redis", self.redis_argv(), self.path("redis.log"))

    def path(self, name):
        return os.path.join(self.directory, name)

    def mariadb_argv(self):
        return [program("mariadbd"), "--no-defaults", *AS_ROOT, *SMALL,
                f"--datadir={self.path('data')}", f"--tmpdir={self.path('tmp')}",
                f"--socket={self.path('mariadb.sock')}",
                f"--pid-file={self.path('mariadb.pid')}", "--skip-networking", "--skip-log-bin",
                "--skip-name-resolve", "--character-set-server=utf8mb4",
                "--collation-server=utf8mb4_bin", "--default-time-zone=+00:00",
                *self.mariadb_options]

    def redis_argv(self):
        # Debian's redis-tools holds the server; it tells what to be by its name.
        os.symlink(program("redis-check-rdb"), self.path("redis-server"))
        return [self.path("redis-server"), "--port", "0", "--unixsocket", self.path("redis.sock"),
                "--requirepass", self.redis_password, "--save", "", "--appendonly", "no",
                "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru",
                "--dir", self.directory]

    @property
    def redis_url(self):
        return f"unix://{self.path('redis.sock')}?password={self.redis_password}"

    def start(self):
        shutil.copytree(data_template(), self.path("data"))
        os.mkdir(self.path("tmp"))
        self.mariadb.start()
        self.redis.start()
        self.wait_ready()
        return self

    def wait_ready(self):
        wait_for(self.mariadb_answers, 30, "MariaDB's answer")
        wait_for(self.redis_answers, 10, "Redis's answer")

    def mariadb_answers(self):
        try:
            return self.sql("SELECT 1") == "1"
        except subprocess.CalledProcessError:
            return False

    def redis_answers(self):
        return "PONG" in self.redis_cli("ping")

    def sql(self, text, database=""):
        """Runs SQL as MariaDB's root; rows as lines, columns by tabs."""
        done = subprocess.run(
            [program("mariadb"), "--no-defaults", f"--socket={self.path('mariadb.sock')}",
             "--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4",
             database], input=text, capture_output=True, text=True)
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, text, done.stdout, done.stderr)
        return done.stdout.strip()

    def redis_cli(self, *words):
        done = subprocess.run([program("redis-cli"), "-s", self.path("redis.sock"), *words],
                              env=dict(os.environ, REDISCLI_AUTH=self.redis_password),
                              capture_output=True, text=True)
        return done.stdout.strip()

    def create_database(self, name):
        """A database with a user of the same name that has rights on it alone; returns its URL."""
        password = secrets.token_hex(8)
        self.sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;"
                 f"CREATE USER {name}@localhost IDENTIFIED BY '{password}';"
                 f"GRANT ALL ON {name}.* TO {name}@localhost;")
        return f"mysql://{name}:{password}@localhost/{name}?socket={self.path('mariadb.sock')}"

    def stop(self):
        self.redis.stop()
        self.mariadb.stop()
