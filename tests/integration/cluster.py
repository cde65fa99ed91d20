"""A cluster on one machine: each replica has a loopback address of its own, names of services are
looked up in a DNS server of the test's, and replicas come and go as pods of Kubernetes do.

Programs find that server by an /etc/resolv.conf of their own (a private mount namespace); that and
port 53 take root. Ports are the same for all replicas of a service, as in a cluster.
"""
import os
import random
import signal
import socket
import struct
import threading
import time

from client import Client, Learner
from deployment import BIN, Deployment, free_port, http_status, services
from process import Process, wait_for
from stores import program
from tls_front import temporary

GONE_FROM_DNS_S = 1.0  # after the SIGTERM: endpoints are removed at the same time, DNS follows
# minReadySeconds: a new replica is known to its callers, who look every three seconds, before an old
# one has to go.
READY_S = 4.0


class Names(threading.Thread):
    """Answers questions for A records from `addresses`; everything else has no addresses."""

    def __init__(self):
        super().__init__(daemon=True)
        self.addresses = {}
        self.silent = False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for _ in range(50):
            self.host = f"127.{random.randrange(100, 250)}.{random.randrange(250)}.53"
            try:
                self.socket.bind((self.host, 53))
                break
            except PermissionError:
                raise
            except OSError:
                continue
        self.start()

    def run(self):
        while True:
            try:
                query, client = self.socket.recvfrom(512)
            except OSError:
                return
            if not self.silent:
                self.socket.sendto(self.answer(query), client)

    def answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack("!H", query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        name = ".".join(labels)
        known = name in self.addresses
        found = list(self.addresses.get(name, ())) if kind == 1 else []
        head = query[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, len(found), 0, 0)
        records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + socket.inet_aton(one)
                           for one in found)
        return head + question + records

    def close(self):
        self.socket.close()


class Visitor(Learner):
    """A learner of a gateway that is not at 127.0.0.1."""

    def __init__(self, place, **user):
        self.place = place
        super().__init__(place[1], **user)

    def request(self, *args, **options):
        self.host = self.place[0]
        return super().request(*args, **options)


class Cluster(Deployment):
    """As a Deployment; `replicas` says how many there are at first, scale() changes it. Clients go
    to the first gateway, or to the Front that a test puts before them all."""

    def __init__(self, stores, settings=None, replicas=None, gateways=1):
        self.names = Names()
        self.next_host = 1
        self.net = f"127.{random.randrange(20, 90)}.{random.randrange(1, 250)}"
        self.members = {}  # program: [names of its replicas]
        self.front = None  # an nginx before the gateways, if there is one
        self.hosts = {}
        self.counts = {**{service: 1 for service in services()}, **(replicas or {}),
                       "gateway": gateways}
        super().__init__(stores, settings)
        self.resolv = self.stores.path(f"{self.number}-resolv.conf")
        with open(self.resolv, "w", encoding="utf-8") as file:
            file.write(f"nameserver {self.names.host}\noptions timeout:1 attempts:2\n")

    def base_environment(self):
        env = super().base_environment()
        self.ports = {program: free_port() for program in [*services(), "gateway"]}
        for service in services():
            prefix = service.upper().replace("-", "_")
            env[prefix + "_URL"] = f"tcp://{service}:{self.ports[service]}"
        return {**env, **self.settings}

    def start(self):
        for service in services():
            self.migrate(service)
        for role in [*services(), "gateway"]:
            for _ in range(self.counts[role]):
                self.create(role)
        for name in list(self.processes):
            self.enter(name)
        self.wait_ready()
        return self

    def create(self, program):
        """A new replica, started; its name, as "planner.2"."""
        numbers = [int(name.split(".")[1]) for name in self.hosts if name.startswith(program + ".")]
        name = f"{program}.{max(numbers, default=0) + 1}"
        host = f"{self.net}.{self.next_host}"
        self.next_host += 1
        self.hosts[name] = host
        prefix = program.upper().replace("-", "_")
        listen = f"{host}:{self.ports[program]}"
        self.admin_ports[name] = free_port()
        env = {**self.env, prefix + "_ADMIN": f"127.0.0.1:{self.admin_ports[name]}",
               prefix + "_LISTEN": listen if program == "gateway" else f"tcp://{listen}"}
        command = f"mount --bind {self.resolv} /etc/resolv.conf && exec {os.path.join(BIN, program)}"
        self.processes[name] = Process(name, ["unshare", "-m", "sh", "-c", command],
                                       self.stores.path(f"{self.number}-{name}.log"), env,
                                       self.stores.directory)
        self.processes[name].start()
        self.members.setdefault(program, []).append(name)
        return name

    def enter(self, name):
        """It is among the endpoints from now on."""
        self.names.addresses.setdefault(name.split(".")[0], []).append(self.hosts[name])
        self.tell_front(name)

    def leave(self, name):
        addresses = self.names.addresses[name.split(".")[0]]
        if self.hosts[name] in addresses:
            addresses.remove(self.hosts[name])
            self.tell_front(name)

    def entered(self, program):
        return [name for name, host in self.hosts.items()
                if host in self.names.addresses.get(program, ())]

    def tell_front(self, name):
        if self.front and name.startswith("gateway."):
            self.front.update()

    def await_ready(self, name):
        wait_for(lambda: self.processes[name].crashed() or self.ready(name), 60,
                 f"readiness of {name}")
        assert not self.processes[name].crashed(), self.processes[name].log_tail()

    def add_replica(self, program):
        name = self.create(program)
        self.await_ready(name)
        self.enter(name)
        return name

    def remove_replica(self, name, gone_after=GONE_FROM_DNS_S):
        """SIGTERM, and a moment later no address any more; waits for the end."""
        process = self.processes[name]
        process.terminate()
        if gone_after is not None:
            time.sleep(gone_after)
            self.leave(name)
        status = process.child.wait(150)
        self.leave(name)
        self.members[name.split(".")[0]].remove(name)
        assert status == 0, f"{name} ended with status {status}"

    def scale(self, program, count):
        while len(self.members[program]) < count:
            self.add_replica(program)
        leaving = self.members[program][count:]
        threads = [threading.Thread(target=self.remove_replica, args=(name,)) for name in leaving]
        for thread in threads:
            thread.start()
        return threads

    def roll(self, program, gone_after=GONE_FROM_DNS_S):
        """Every replica is replaced, a new one first: maxSurge 1, maxUnavailable 0."""
        for name in list(self.members[program]):
            self.add_replica(program)
            time.sleep(READY_S)
            self.remove_replica(name, gone_after)

    def place(self):
        """Where clients go: host and port."""
        if self.front:
            return "127.0.0.1", self.front.port
        return self.hosts[self.members["gateway"][0]], self.ports["gateway"]

    def client(self):
        host, port = self.place()
        return Client(port, host)

    def learner(self, **user):
        return Visitor(self.place(), **user)

    def wait_ready(self, seconds=60):
        for name, process in self.processes.items():
            if process.alive():
                wait_for(lambda: process.crashed() or http_status(
                    self.admin_ports[name], "/readyz") == 200, seconds, f"readiness of {name}")
        for name, process in self.processes.items():
            if process.alive():
                wait_for(lambda: self.readiness(name) == "ready", seconds, f"all of {name}")

    def stop(self):
        if self.front:
            self.front.stop()
        super().stop()
        self.names.close()


FRONT = """
daemon off;
{user}
worker_processes 1;
pid {directory}/front.pid;
error_log stderr crit;
events {{ worker_connections 2000; }}
http {{
    access_log off;
    {temporary}
    upstream gateways {{
        {servers}
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_timeout 0;
        location / {{
            proxy_pass http://gateways;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_buffering off;
            proxy_read_timeout 150s;
            proxy_next_upstream error timeout;
        }}
    }}
}}
"""


class Front(Process):
    """nginx before the gateways of a cluster, told of their addresses as an ingress controller tells
    it of endpoints: a new configuration and SIGHUP. That closes connections that clients keep open, so
    it keeps none open by itself."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.port = free_port()
        self.directory = cluster.stores.path(f"{cluster.number}-front")
        os.makedirs(self.directory)
        self.config = os.path.join(self.directory, "nginx.conf")
        super().__init__("front", [program("nginx"), "-e", "stderr", "-c", self.config],
                         os.path.join(self.directory, "log"), None, self.directory)
        self.write()
        self.start()
        wait_for(lambda: http_status(self.port, "/readyz") == 200, 30, "the front")
        cluster.front = self

    def write(self):
        servers = "\n        ".join(
            f"server {self.cluster.hosts[name]}:{self.cluster.ports['gateway']} max_fails=0;"
            for name in self.cluster.entered("gateway"))
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(FRONT.format(directory=self.directory, temporary=temporary(self.directory),
                                    port=self.port, servers=servers,
                                    user="user root;" if os.getuid() == 0 else ""))

    def update(self):
        self.write()
        self.child.send_signal(signal.SIGHUP)
