"""Where and with what a report was made."""
import os
import platform
import subprocess

import wrk  # noqa: F401  (finds the modules of the integration tests)
from cells import revision
from stores import program

PACKAGES = ("gunicorn", "python3-gevent", "python3-flask", "python3-sqlalchemy", "python3-pymysql",
            "python3-redis", "python3-argon2", "python3-requests", "python3-fastapi", "python3-uvicorn",
            "python3-uvloop", "python3-aiomysql", "python3-httpx", "python3-celery", "python3-locust",
            "python3-matplotlib", "wrk", "libnng1", "libuv1", "libsodium23")


def first_line(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True)
    except FileNotFoundError:
        return "not installed"
    return (done.stdout + done.stderr).strip().split("\n")[0]


def field(path, name):
    with open(path) as file:
        return next((line.split(":", 1)[1].strip() for line in file if line.startswith(name)), "?")


def versions():
    """{package: version} of those that are installed."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES],
                          capture_output=True, text=True)
    found = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    found["mariadb"] = first_line(program("mariadbd"), "--no-defaults", "--version").split(
        "Ver ")[-1].split(" for")[0]
    found["nginx"] = first_line(program("nginx"), "-v").rsplit("/", 1)[-1]
    found["redis"] = first_line(program("redis-cli"), "--version").split()[-1]
    return found


def facts(command):
    with open("/etc/os-release") as release:
        system = next(line.split('"')[1] for line in release if line.startswith("PRETTY_NAME"))
    return {"commit": revision(), "command": command, "processor": field("/proc/cpuinfo", "model name"),
            "cores": os.cpu_count(),
            "memory_gb": round(int(field("/proc/meminfo", "MemTotal").split()[0]) / 1048576, 1),
            "kernel": platform.release(), "system": system, "python": platform.python_version(),
            "versions": versions()}
