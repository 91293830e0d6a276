"""A relay between a program and a registry that writes down every byte of both directions.

The program is given the relay's address instead of the registry's. Connections are recorded in
the order in which they were opened, each by a thread of its own.
"""

import re
import socket
import struct
import threading

DATA_SEGMENTS_IN = 152  # offset of tcpi_data_segs_in in struct tcp_info
REQUEST_BEGIN = re.compile(rb"(?=(?:GET|POST) /\S* HTTP/1\.1\r\n)")


class Exchange:
    """One connection: pieces of [direction, bytes], and how many segments the program sent."""

    def __init__(self):
        self.pieces = []
        self.segments = 0

    def add(self, mark, piece):
        if self.pieces and self.pieces[-1][0] == mark:
            self.pieces[-1][1] += piece
        else:
            self.pieces.append([mark, bytearray(piece)])

    def of(self, mark):
        """What was said in one direction, one entry for each turn."""
        return [bytes(data) for direction, data in self.pieces if direction == mark]


class WireRecorder:
    """Relays and records until closed; has `address`, `host` and `port` like a registry."""

    def __init__(self, registry):
        self._registry = registry
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.host, self.port = self._listener.getsockname()
        self.address = f"{self.host}:{self.port}"
        self.exchanges = []
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
            exchange = Exchange()
            self.exchanges.append(exchange)
            threading.Thread(target=self._relay, args=(near, exchange), daemon=True).start()

    def _relay(self, near, exchange):
        """Pumps both ways until both sides have closed."""
        def pump(source, sink, mark):
            try:
                while piece := source.recv(65536):
                    exchange.add(mark, piece)
                    if source is near:
                        info = near.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                        exchange.segments = struct.unpack_from("=I", info, DATA_SEGMENTS_IN)[0]
                    sink.sendall(piece)
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        with near, socket.create_connection((self._registry.host, self._registry.port)) as far:
            forth = threading.Thread(target=pump, args=(near, far, ">"), daemon=True)
            forth.start()
            pump(far, near, "<")
            forth.join()

    def requests(self):
        """All requests, in order; several may have been sent at once."""
        return [request for exchange in self.exchanges for turn in exchange.of(">")
                for request in REQUEST_BEGIN.split(turn) if request]

    def request_lines(self):
        return [request.split(b"\r\n")[0].decode() for request in self.requests()]

    def answers(self):
        return [answer for exchange in self.exchanges for answer in exchange.of("<")]

    def transcript(self):
        """The record as text: `>` to the registry, `<` from it; ␍ and ␊ show line ends."""
        lines = []
        for number, exchange in enumerate(self.exchanges, 1):
            lines.append(f"connection {number}")
            for mark, data in exchange.pieces:
                text = bytes(data).decode(errors="backslashreplace")
                text = text.replace("\r", "␍").replace("\n", "␊\n")
                for line in text.split("\n"):
                    if line:
                        lines.append(f"{mark} {line}")
        return "\n".join(lines) + "\n"
