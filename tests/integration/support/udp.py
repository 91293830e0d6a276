"""The datagram side of a test: an inbox that can be listed, and a way to send raw bytes."""

import socket

from support.harness import DEADLINE


class Inbox:
    """A bound UDP socket, for exact datagrams; `record` names it in the registry."""

    def __init__(self, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(DEADLINE)
        self.port = self._socket.getsockname()[1]
        self.endpoint = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def receive(self):
        """The next datagram; TimeoutError after the deadline."""
        return self._socket.recv(65536)

    def is_empty(self):
        """True when nothing has arrived. Only meaningful once the sender has ended."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(65536, socket.MSG_PEEK)
            return False
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(DEADLINE)


def send_datagram(receiver, data):
    """One datagram to a program that has `host` and `port`."""
    payload = data if isinstance(data, bytes) else data.encode()
    host = receiver.host.strip("[]")
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as outbox:
        outbox.sendto(payload, (host, receiver.port))
