"""wrk, and a private nginx that serves one file: what the benchmarks measure with."""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

from deployment import free_port  # noqa: E402
from process import Process, wait_for  # noqa: E402
from stores import program  # noqa: E402
from tls_front import temporary  # noqa: E402

UNIT_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


class Measured:
    """One run of wrk: `rate` a second, `p50` and `p99` in ms, `bad`: not 2xx or 3xx, or broken."""

    def __init__(self, text):
        self.text = text
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
        self.p50, self.p99 = (self.percentile(percent) for percent in (50, 99))
        self.requests = int(re.search(r"(\d+) requests in", text)[1])
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                           text)
        self.bad = int(bad[1]) if bad else 0
        self.bad += sum(map(int, broken.groups())) if broken else 0

    def percentile(self, percent):
        value, unit = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s|m)\s*$", self.text,
                                re.MULTILINE).groups()
        return float(value) * UNIT_MS[unit]

    def __str__(self):
        return (f"{self.rate:9.0f} requests/s   p50 {self.p50:7.2f} ms   p99 {self.p99:7.2f} ms"
                f"   {self.bad} failed")


class Wrk:
    """Started at once; `result()` waits for its end."""

    def __init__(self, url, seconds, connections=64, token=None, script=None, timeout=10):
        words = [program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
                 "--timeout", f"{timeout}s"]
        words += ["-H", "Authorization: Bearer " + token] if token else []
        words += ["-s", script] if script else []
        self.run = subprocess.Popen(words + [url], stdout=subprocess.PIPE, text=True)

    def result(self):
        text = self.run.communicate()[0]
        assert self.run.returncode == 0, text
        return Measured(text)


class Nginx:
    """One file at `url`, served as nginx does best."""

    CONFIG = """daemon off; worker_processes auto; pid nginx.pid; error_log error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; sendfile on; open_file_cache max=10;
  {temporary}
  server {{ listen 127.0.0.1:{port}; location / {{ root .; default_type application/json; }} }}
}}
"""

    def __init__(self, directory, body):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/page.json"
        home = os.path.join(directory, "nginx")
        os.mkdir(home, 0o755)
        os.chmod(directory, 0o711)
        with open(os.path.join(home, "page.json"), "wb") as page:
            page.write(body)
        with open(os.path.join(home, "nginx.conf"), "w") as config:
            text = self.CONFIG.format(port=self.port, temporary=temporary("."))
            config.write(text.replace("root .", "root " + home))
        self.process = Process("nginx", [program("nginx"), "-p", home, "-c", "nginx.conf", "-e",
                                         "error.log"], os.path.join(home, "log"))

    def __enter__(self):
        from deployment import http_status
        self.process.start()
        wait_for(lambda: http_status(self.port, "/page.json") == 200, 10, "nginx's answer")
        return self

    def __exit__(self, *_):
        self.process.stop()


def settle(seconds=1.0):
    """Lets what the last step left over come to an end."""
    time.sleep(seconds)
