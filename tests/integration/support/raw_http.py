"""HTTP written by hand, byte for byte, as a test wants it.

A library would repair or refuse the very requests these tests are about.
"""

import json
import socket

from support.harness import DEADLINE


class Response:
    """One parsed answer; header names in lower case."""

    def __init__(self, head, body=b""):
        lines = head.decode("latin-1").split("\r\n")
        self.head = head
        self.version, status, *_ = lines[0].split(" ", 2) + [""]
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.body = body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class RawConnection:
    """A connection that sends exactly what it is given and reads answers one by one."""

    def __init__(self, server):
        host = server.host.strip("[]")
        self.socket = socket.create_connection((host, server.port), timeout=DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read_to_end(self):
        """Everything until the server closes."""
        pieces = [self._pending]
        self._pending = b""
        while True:
            piece = self.socket.recv(65536)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)

    def read_response(self, is_head=False):
        """One answer, cut by its Content-Length; EOFError when the server closed instead."""
        while b"\r\n\r\n" not in self._pending:
            self._fill()
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        response = Response(head)
        if is_head or response.status in (100, 204, 304):
            return response
        length = int(response.headers["content-length"])
        while len(self._pending) < length:
            self._fill()
        response.body, self._pending = self._pending[:length], self._pending[length:]
        return response

    def _fill(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError(f"the server closed after {self._pending!r}")
        self._pending += piece


def exchange(server, data):
    """Sends the bytes in one segment and returns all that comes back until the close."""
    with RawConnection(server) as connection:
        connection.send(data)
        return connection.read_to_end()


def split_answer(answer):
    """Parses the bytes of one answer that ended with a close."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return Response(head, body)


def modern(server, method="GET", target="/userlist.txt", body=None, headers=()):
    """The bytes of a request as a program of today sends it: Host with port, User-Agent."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {server.address}",
             "User-Agent: integration-test", *headers]
    data = b"" if body is None else body if isinstance(body, bytes) else body.encode()
    if body is not None:
        lines.append(f"Content-Length: {len(data)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + data


def call(server, method="GET", target="/userlist.txt", body=None, headers=()):
    """One request of today on a connection of its own."""
    with RawConnection(server) as connection:
        connection.send(modern(server, method, target, body, headers))
        return connection.read_response(is_head=method == "HEAD")


def post(server, body, target="/userlist.txt", headers=()):
    return call(server, "POST", target, body, headers)


def lookup_body(endpoint):
    """The body of ?username= for a program of today; for the old ones it is the same, bare."""
    return endpoint


def users(server):
    """All listed users as a dictionary of name to JSON object."""
    return {user["name"]: user for user in call(server, target="/userlist.txt?format=json")
            .json()["users"]}


# -- exact bytes of the old programs (docs/protocol/directory.md) ------------------------------


def classic_post(body, host="127.0.0.1"):
    """What an old client sends: the length counts characters, CRLF CRLF follow the body."""
    return (f"POST /userlist.txt HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/*\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}\r\n\r\n").encode()


def classic_list(host="127.0.0.1"):
    return f"GET /userlist.txt HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def netchat_update(record, host="localhost"):
    body = f"UPDATE {record}"
    return (f"POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def netchat_get(query="", host="localhost"):
    return (f"GET /userlist.txt{query} HTTP/1.1\r\nHost: {host}\r\n"
            "Connection: close\r\n\r\n").encode()


def java_post(body, host="127.0.0.1"):
    """The Java relative: lower-case header names, CRLF counted, Connection: close."""
    return (f"POST /userlist.txt HTTP/1.1\r\nhost: {host}\r\ncontent-type: text/*\r\n"
            f"connection: close\r\ncontent-length: {len(body) + 2}\r\n\r\n{body}\r\n").encode()
