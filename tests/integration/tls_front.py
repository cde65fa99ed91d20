"""HTTP/2 with TLS before a plain HTTP/1.1 server: nginx with a certificate of a private authority."""
import os
import socket

from certificates import Authority
from deployment import free_port
from process import Process, wait_for
from stores import program

CONFIG = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 19000; }}
http {{
    access_log off;
    {temporary}
    client_max_body_size 64m;
    upstream behind {{ server 127.0.0.1:{behind}; keepalive 256; }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        http2_max_concurrent_streams {streams};
        keepalive_requests 10000000;
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_next_upstream off;
            proxy_read_timeout 1h;
            proxy_send_timeout 1h;
        }}
    }}
}}
"""


def temporary(directory):
    """Where nginx may put what it holds for a while: not in the system's places."""
    return " ".join(f"{what}_temp_path {directory}/{what};"
                    for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


class TlsFront(Process):
    """https://localhost:PORT, trusted by who trusts `certificate` (a file). `behind`: the port of
    the plain server. What the client aborts is aborted behind it too."""

    def __init__(self, directory, behind, streams=1000):
        self.directory = os.path.join(directory, f"front-{behind}")
        self.authority = Authority(self.directory)
        self.port = free_port()
        names = self.authority.issue("localhost")
        with open(self.authority.path("nginx.conf"), "w") as config:
            config.write(CONFIG.format(
                directory=self.directory, temporary=temporary(self.directory), behind=behind,
                port=self.port, streams=streams,
                user="user root;" if os.getuid() == 0 else "",
                certificate=names["ACTOR_TLS_CERT"], key=names["ACTOR_TLS_KEY"]))
        super().__init__("nginx", [program("nginx"), "-e", "stderr", "-p", self.directory, "-c",
                                   self.authority.path("nginx.conf")],
                         self.authority.path("nginx.log"))

    @property
    def certificate(self):
        return self.authority.certificate

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def start(self):
        super().start()
        wait_for(self.accepts, 30, "nginx's port")
        return self

    def accepts(self):
        assert self.alive(), self.log_tail()
        try:
            socket.create_connection(("127.0.0.1", self.port), 2).close()
            return True
        except OSError:
            return False
