"""Ports for the few tests that need a number before its owner is there."""

import contextlib
import random
import socket


def unused_port():
    """Free for TCP and UDP, and so for UDP at the next number. It stays so: by default the
    kernel gives none of these to whoever asks for any, and two tests rarely draw the same."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
            for number in (port, port + 1):
                udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                udp.bind(("127.0.0.1", number))
            return port
