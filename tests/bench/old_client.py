#!/usr/bin/env python3
"""The old client's way to send, as a figure to stand beside: old_client.py HOST:PORT <COMMANDS

For every command one GET of the whole list on a new connection and a new UDP socket: what the old
program does, by its own code. Changed is only that an answer is read to its end and not with one
recv(): else users beyond its first 2,048 bytes could not be found, and nothing be compared.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration" / "support"))
import classic_client  # noqa: E402  (found by the line above)


class WholeListRegistry(classic_client.Registry):
    """Reads long answers too."""

    def fetch(self):
        connection = self._connect()
        connection.send(f"GET /userlist.txt HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
        connection.close()
        return classic_client.parse_list(b"".join(pieces).decode())


if __name__ == "__main__":
    try:
        classic_client.send("sender", WholeListRegistry(sys.argv[1]))
    except EOFError:
        pass  # the old program would show a traceback
