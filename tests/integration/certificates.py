"""Certificates for mutual TLS between the processes: DNS name = the service's, made by openssl."""
import os
import subprocess


def openssl(directory, *words):
    subprocess.run(["openssl", *words], cwd=directory, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


class Authority:
    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        openssl(directory, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj",
                "/CN=test authority")

    def path(self, name):
        return os.path.join(self.directory, name)

    @property
    def certificate(self):
        return self.path("ca.pem")

    def issue(self, name, dns=None):
        """Settings of the process `name`; its certificate says `dns`, by default the same."""
        dns = dns or name
        with open(self.path(name + ".ext"), "w") as extensions:
            extensions.write(f"subjectAltName=DNS:{dns}\n")
        openssl(self.directory, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", f"/CN={dns}")
        openssl(self.directory, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey",
                "ca.key", "-CAcreateserial", "-days", "2", "-extfile", name + ".ext",
                "-out", name + ".pem")
        return {"ACTOR_TLS_CA": self.certificate, "ACTOR_TLS_CERT": self.path(name + ".pem"),
                "ACTOR_TLS_KEY": self.path(name + ".key")}
