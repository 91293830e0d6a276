"""What tests of the NetChat dialect share: our client, raw messages, and an inbox for their bytes."""

import contextlib
import socket

from support.harness import DEADLINE, wait_until

ONLINE = (rb"peer: \S+ is listening on TCP port (\d+), registered at ")
PROMPT = "Waiting for a command (to exit write EXIT): "
ID = r"[0-9a-f]{32}"


def start_netchat_peer(test, name, registry, *words, **more):
    """`peer … netchat`, registered; where it listens is `host` and `port`."""
    peer = test.start_peer(name, registry, "netchat", *words, **more)
    found = peer.wait_stderr(ONLINE)
    peer.host, peer.port = "127.0.0.1", int(found.group(1))
    return peer


def say(listener, data, source="127.0.0.1", end=True):
    """One connection with these bytes; returns what is answered until the other side closes.

    Whoever is thrown too much at may close while it is still sent.
    """
    data = data if isinstance(data, bytes) else data.encode()
    with socket.create_connection((listener.host, listener.port), timeout=DEADLINE,
                                  source_address=(source, 0)) as connection:
        answer = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if end:
                with contextlib.suppress(OSError):  # reset by now
                    connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(4096):
                answer += piece
        return answer


class MessageInbox:
    """Listens as a NetChat program would; `take` returns the bytes of the next connection."""

    def __init__(self, host="127.0.0.1"):
        self._listener = socket.create_server((host, 0))
        self._listener.settimeout(DEADLINE)
        self.host, self.port = self._listener.getsockname()
        self.endpoint = f"{host}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def accept(self):
        connection, _ = self._listener.accept()
        connection.settimeout(DEADLINE)
        return connection

    def take(self, reads_to_end=False, answer=None):
        """The bytes of one connection: one read's as the old program does, or all to its end."""
        with self.accept() as connection:
            data = connection.recv(1024)
            while reads_to_end and (piece := connection.recv(1024)):
                data += piece
            if answer:
                connection.sendall(answer(data))
            return data


class Gateway:
    """A gateway port of the registry's, as an old program is told it."""

    def __init__(self, endpoint):
        self.host, self.port = endpoint[0], int(endpoint[1])


def wait_read(client, name, expected, deadline=DEADLINE):
    """Has the person READ until that is what is shown."""
    seen = []

    def is_read():
        before = len(client.stdout)
        client.write(f"READ {name}")
        client.write("LIST")
        wait_until(lambda: b">>[" in client.stdout[before:], "the list behind the history")
        seen[:] = [client.stdout[before:].decode().replace(PROMPT, "")]
        return expected in seen[0]

    try:
        wait_until(is_read, expected, deadline)
    except AssertionError as failed:
        raise AssertionError(f"{failed}; last: {seen}") from None
