"""Somebody who speaks to a service's port: nng's stream mapping (SP over TCP, version 0), REQ's
request ids, and envelopes of proto/envelope.proto, all by hand so that each can be wrong."""
import socket
import struct

REQ = 48


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7f | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """A varint, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def envelope(call, kind, payload):
    return field(3, field(1, call) + field(kind, payload))


def request(call, method, body=b"", more=b""):
    return envelope(call, 3, field(1, method) + field(2, 5000) + field(10, body) + more)


def batch(role, boot, envelopes=b""):
    return b"\x08" + bytes([role]) + b"\x11" + struct.pack("<Q", boot) + envelopes


class Stranger:
    def __init__(self, url, timeout=5):
        host, port = url.removeprefix("tcp://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def greet(self):
        """The handshake of the transport."""
        self.send(b"\0SP\0" + struct.pack(">HH", REQ, 0))
        assert self.read(8)[:4] == b"\0SP\0"
        return self

    def read(self, size):
        data = b""
        while len(data) < size:
            chunk = self.socket.recv(min(size - len(data), 65536))
            if not chunk:
                raise ConnectionError("closed")
            data += chunk
        return data

    def post(self, payload):
        self.number += 1
        message = struct.pack(">I", 0x80000000 | self.number) + payload
        self.send(struct.pack(">Q", len(message)) + message)

    def answer(self):
        """The next message, without its request id."""
        length, = struct.unpack(">Q", self.read(8))
        return self.read(length)[4:]

    def hello(self):
        """Introduces itself and returns the service's boot id."""
        self.post(batch(0, 0, envelope(0, 2, field(1, 1))))
        answer = self.answer()
        return struct.unpack("<Q", answer[3:11])[0]
