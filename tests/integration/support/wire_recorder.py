"""A relay between a program and a registry that writes down every byte of both directions.

The program is given the relay's address instead of the registry's. Connections are recorded in
the order in which they were opened, each by a thread of its own.
"""

import socket
import threading


class WireRecorder:
    """Relays and records until closed; has `address`, `host` and `port` like a registry."""

    def __init__(self, registry):
        self._registry = registry
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self.host, self.port = self._listener.getsockname()
        self.address = f"{self.host}:{self.port}"
        self._exchanges = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            pieces = []
            self._exchanges.append(pieces)
            threading.Thread(target=self._relay, args=(near, pieces), daemon=True).start()

    def _relay(self, near, pieces):
        """Pumps both ways until both sides have closed."""
        def pump(source, sink, mark):
            try:
                while piece := source.recv(65536):
                    if pieces and pieces[-1][0] == mark:
                        pieces[-1][1] += piece
                    else:
                        pieces.append([mark, bytearray(piece)])
                    sink.sendall(piece)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        with near, socket.create_connection((self._registry.host, self._registry.port)) as far:
            forth = threading.Thread(target=pump, args=(near, far, ">"), daemon=True)
            forth.start()
            pump(far, near, "<")
            forth.join()

    def transcript(self):
        """The record as text: `>` to the registry, `<` from it; ␍ and ␊ show line ends."""
        lines = []
        for number, pieces in enumerate(self._exchanges, 1):
            lines.append(f"connection {number}")
            for mark, data in pieces:
                text = bytes(data).decode(errors="backslashreplace")
                text = text.replace("\r", "␍").replace("\n", "␊\n")
                for line in text.split("\n"):
                    if line:
                        lines.append(f"{mark} {line}")
        return "\n".join(lines) + "\n"
