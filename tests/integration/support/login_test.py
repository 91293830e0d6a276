"""What tests of `peer … login` share: an old two-connection server, and peers that log in there."""

import contextlib
import sys
import tempfile
import pathlib

from support.harness import SUPPORT, IntegrationTest

ACCOUNTS = {"carol": "s3cret", "dave": "pw-of-dave", "erin": "pw-of-erin"}
ONLINE = rb"peer: \S+ is logged in at \S+\. /list, /to NAME TEXT, /toall TEXT, /exit\n"


class LoginTest(IntegrationTest):
    def start_server(self, *options):
        """The old server with the accounts above; `said` are its notes so far."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="two-connection-", dir=self.dir))
        credentials = folder / "credentials.txt"
        credentials.write_text("".join(f"{n} {p}\n" for n, p in ACCOUNTS.items()))
        server = self.start("two-connection server", sys.executable,
                            SUPPORT / "two_connection_server.py", credentials, *options)
        found = server.wait_stderr(rb"bound to (\S+):(\d+)")
        server.host, server.port = found.group(1).decode(), int(found.group(2))
        server.address = f"{server.host}:{server.port}"
        return server

    def start_login(self, name, server, *words, password=None, **more):
        """A peer that gets its password from the environment (an empty one: from nowhere)."""
        if password is None:
            password = ACCOUNTS[name]
        if password:
            more["PEER_PASSWORD"] = password
        return self.start_peer(name, server, "login", *words, **more)

    def online(self, name, server, *words, **more):
        peer = self.start_login(name, server, *words, **more)
        peer.wait_stderr(ONLINE)
        return peer

    def run_login(self, name, server, *words, stdin="", **more):
        """From start to end; returns the finished program."""
        peer = self.start_login(name, server, *words, **more)
        with contextlib.suppress(BrokenPipeError):  # it may have ended before it read all
            if stdin:
                peer.write(stdin.removesuffix("\n"))
            peer.end_input()
        return self.ended(peer)

    def ended(self, peer):
        """The peer once it has left by itself, with its `status`."""
        peer.status = peer.wait()
        peer.dispose()
        return peer
