"""A test around a registry with a room door (and a two-connection one), and users of the room who
say what they hear, byte for byte. The old programs are in room_client.py and room_server.py."""

import socket
import sys

from support.harness import SUPPORT
from support.two_connection import DoorTest, Link

PROMPT = "Please enter your username: "
WELCOME = "You are connected to chatroom."
IN_ROOM = rb"peer: \S+ is in the room at \S+\n"


class RoomTest(DoorTest):
    """Starts a registry with both doors; when the test is over it must still serve others."""

    options = ("--room", "127.0.0.1:0")

    def start_door(self, *options, **more):
        registry = super().start_door(*options, **more)
        found = registry.wait_stderr(rb"listening +room=(\S+):(\d+)")
        registry.room_host, registry.room_port = found.group(1).decode(), int(found.group(2))
        registry.room_address = f"{registry.room_host}:{registry.room_port}"
        return registry

    # -- scripted users ----------------------------------------------------------------------

    def come(self, source=None):
        """A connection to the room that has read the prompt."""
        link = Link(socket.create_connection(
            (self.registry.room_host.strip("[]"), self.registry.room_port),
            source_address=source and (source, 0)))
        self.addCleanup(link.cut)
        link.expect(PROMPT)
        return link

    def enter(self, name, source=None):
        link = self.come(source)
        link.ask(name, WELCOME)
        return link

    # -- programs ----------------------------------------------------------------------------

    def start_room_client(self, name, server):
        """The old client, whose user is in the room; server is HOST:PORT."""
        host, _, port = server.rpartition(":")
        client = self.start(f"old room client {name}", sys.executable, SUPPORT / "room_client.py",
                            host, port)
        client.wait_stdout(PROMPT + "\n")
        client.write(name)
        client.wait_stdout_has(WELCOME)
        return client

    def start_room_server(self, *options):
        """The old server."""
        server = self.start("old room server", sys.executable, SUPPORT / "room_server.py", "0",
                            *options)
        found = server.wait_stderr(rb"bound to (\S+):(\d+)")
        server.address = f"{found.group(1).decode()}:{int(found.group(2))}"
        return server

    def start_room_peer(self, name, server, *words, **more):
        """Our peer in the room."""
        peer = self.start_peer(name, server, "room", *words, **more)
        if not any(word for word in words if not word.startswith("-")):
            peer.wait_stderr(IN_ROOM)
        return peer

    # -- what the registry says --------------------------------------------------------------

    def room_metric(self, name, reason=None):
        label = f'{{reason="{reason}"}}' if reason else ""
        return self.metric(f"registry_room_{name}{label}")

    def check_serves(self):
        """The room serves two who have nothing to do with the test, and so does the other door."""
        super().check_serves()
        kim, lee = self.enter("kim"), self.enter("lee")
        kim.send("still there?\n")
        lee.read_until("<kim> still there?\n")
        lee.send("yes\n")
        kim.read_until("<lee> yes\n")
        for user in (kim, lee):
            user.cut()
