"""A registry that says what a test wants: busy, broken, silent, or something else altogether."""

import re
import socket
import threading

from support.harness import DEADLINE


class ScriptedServer:
    """Gives each request the next of `answers` (the last one for ever), then closes.

    An answer of None is silence: the connection stays open until the end of the test.
    """

    def __init__(self, *answers):
        self.requests = []
        self._answers = list(answers)
        self._silent = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host, self.port = self._listener.getsockname()
        self.address = f"{self.host}:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._silent:
            connection.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(DEADLINE)
            request = self._read_request(connection)
            if request is None:  # connected and left without a word
                connection.close()
                continue
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            self.requests.append(request)
            if answer is None:
                self._silent.append(connection)
            else:
                connection.sendall(answer)
                connection.close()

    @staticmethod
    def _read_request(connection):
        data = b""
        while True:
            head, end, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            if end and len(body) >= (int(length.group(1)) if length else 0):
                return data
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece


def answer(status, body="", content_type="application/json", headers=()):
    """The bytes of a whole HTTP answer."""
    data = body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}",
             f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data
