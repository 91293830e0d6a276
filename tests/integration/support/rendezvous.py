"""A test around a rendezvous registry, ours or the old one, and users who are scripted, old or ours.

The scripted user sends frames as they are, and reads pairs of them one by one against what is
expected; the old programs are rendezvous_client.py and rendezvous_server.py.
"""

import collections
import contextlib
import pathlib
import re
import socket
import struct
import sys
import tempfile

from support.harness import DEADLINE, SUPPORT, IntegrationTest, wait_until
from support.raw_http import call, users
from support.two_connection import Link, User

FOUND_NOBODY = "&&NOTFOUND&&|user not found"
LOGGED_OUT = "&&LOGOUTSUCCESS&&"
YOU_LEFT = "&&CLIENTEXIT&&|you left the chat room."
ASKED = "{} would like to chat with you? (OK/REJECT)"
ACCEPTED = "{} accepted the chat request. you can send your message now!"
ENTERED = "you have entered into a private chat with {}. you can send your message now!"
CLOSED = "{} left the chat room. the chat room has been closed"
INVITED = "{} would like to add you to group chat room {}? (OK/REJECT GROUP <room_number>)"
ACCOUNTS = "carol s3cret\ndave hunter2\n"
PASSWORDS = dict(line.split() for line in ACCOUNTS.splitlines())


def frame(data, first=False):
    data = data if isinstance(data, bytes) else data.encode()
    return (f"{len(data):<5}" if first else f" {len(data):<4}").encode() + data


def server(text):
    """What a client prints of it."""
    return f"server: {text}\n"


class Scripted:
    """A user at the registry who is told what he expects, to the byte."""

    def __init__(self, connection, name=None):
        self.socket = connection
        self.socket.settimeout(DEADLINE)
        self.name = name
        self.listener = None

    def send(self, data):
        self.socket.sendall(frame(data))

    def send_bytes(self, data):
        self.socket.sendall(data)

    def read_bytes(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise AssertionError(f"{self.name}: closed after {data!r}")
            data += piece
        return data

    def read_frame(self):
        header = self.read_bytes(5)
        if not re.fullmatch(rb" \d{1,4} *", header):
            raise AssertionError(f"{self.name}: {header!r} is no header of the registry's")
        return self.read_bytes(int(header)).decode()

    def read(self):
        """Who caused it, and what it is."""
        return self.read_frame(), self.read_frame()

    def expect(self, data, cause=None):
        seen = self.read()
        if seen != (cause or self.name, data):
            raise AssertionError(f"{self.name} is told {seen}, not {(cause or self.name, data)}")

    def ask(self, data, answer, cause=None):
        self.send(data)
        self.expect(answer, cause)

    def expect_end(self):
        with contextlib.suppress(ConnectionResetError):
            rest = self.socket.recv(1)
            if rest:
                raise AssertionError(f"{self.name}: {rest!r} instead of the end")

    def is_quiet(self):
        """Nothing has come, though the registry has been at this connection since."""
        self.ask("&&SEARCH&&|nobody-of-that-name|" + self.name, FOUND_NOBODY)

    def cut(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class RendezvousTest(IntegrationTest):
    # -- registries --------------------------------------------------------------------------

    def start_door(self, *options, where="127.0.0.1:0", **more):
        """Our registry with a door: `tcp` and `udp` are its ports, `door` is HOST:PORT."""
        data = pathlib.Path(tempfile.mkdtemp(prefix="registry-", dir=self.dir))
        registry = self.start_registry("--rendezvous", where, *options, data=data, **more)
        found = registry.wait_stderr(rb"rendezvous=(\S+):(\d+)")
        registry.door_host, registry.tcp = found.group(1).decode(), int(found.group(2))
        registry.door = f"{registry.door_host}:{registry.tcp}"
        registry.udp = int(registry.wait_stderr(rb"rendezvous-udp=\S+:(\d+)").group(1))
        return registry

    def start_old_registry(self, *options):
        server = self.start("old registry", sys.executable, SUPPORT / "rendezvous_server.py",
                            *options)
        for kind in ("TCP", "UDP"):
            port = server.wait_stderr(rf"{kind} server is running at 127.0.0.1:(\d+)").group(1)
            setattr(server, kind.lower(), int(port))
        server.door = f"127.0.0.1:{server.tcp}"
        server.wait_stderr("successfully started process message thread")
        return server

    def check_threads(self, *programs):
        """No thread of an old program has met what it cannot bear."""
        for program in programs:
            self.assertNotIn(b"thread ended", program.stderr)

    # -- users -------------------------------------------------------------------------------

    def connect(self, registry, source=None, port=None):
        host = getattr(registry, "door_host", "127.0.0.1").strip("[]")
        link = socket.create_connection((host, port or registry.tcp), timeout=DEADLINE,
                                        source_address=(source, 0) if source else None)
        self.addCleanup(link.close)
        return Scripted(link)

    def join(self, registry, name, source=None):
        """A scripted user who listens for partners and is registered."""
        user = self.connect(registry, source)
        user.name = name
        family = user.socket.family
        user.listener = socket.create_server(
            ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        self.addCleanup(user.listener.close)
        user.port = user.listener.getsockname()[1]
        user.send_bytes(frame(f"&&REGISTER&&|{name}|{user.port}", first=True))
        user.ask(f"&&SEARCH&&|{name}|{name}",
                 "&&INVALIDSEARCH&&|you can't search yourself. search for other users")
        return user

    def start_old_client(self, name, registry, *options):
        client = self.start(f"old client {name}", sys.executable,
                            SUPPORT / "rendezvous_client.py", str(registry.tcp),
                            str(registry.udp), *options)
        client.write(name)
        client.write("secret")
        client.wait_stderr("successfully started send status thread")
        client.port = int(client.wait_stderr(r"is running at 127.0.0.1:(\d+)").group(1))
        client.write("SEARCH nobody-of-that-name")
        client.wait_stdout_has("server: user not found\n")
        return client

    def start_meet(self, name, registry, *options, wait=True, **more):
        address = registry if isinstance(registry, str) else registry.door
        udp = () if isinstance(registry, str) else ("--udp", str(registry.udp))
        peer = self.start_peer(name, address, "meet", *udp, *options, **more)
        if wait:
            found = peer.wait_stderr(r"is running at port (\d+) and it is listening")
            peer.port = int(found.group(1))
        return peer

    def run_meet(self, name, registry, *options, stdin="", **more):
        peer = self.start_meet(name, registry, *options, wait=False, **more)
        with contextlib.suppress(BrokenPipeError):
            if stdin:
                peer.write(stdin.rstrip("\n"))
            peer.end_input()
        return self.ended(peer)

    def ended(self, peer):
        peer.status = peer.wait()
        peer.dispose()
        return peer

    # -- users of other doors ----------------------------------------------------------------

    def start_both_doors(self, *options):
        """Our registry with this door and the two-connection one."""
        accounts = self.dir / "accounts.txt"
        accounts.write_text(ACCOUNTS)
        accounts.chmod(0o600)
        registry = self.start_door("--two-connection", "127.0.0.1:0", "--accounts", accounts,
                                   *options)
        registry.login_port = int(registry.wait_stderr(rb"two-connection=\S+:(\d+)").group(1))
        return registry

    def online(self, registry, name):
        """A scripted user of the two-connection door."""
        link = Link(socket.create_connection(("127.0.0.1", registry.login_port),
                                             timeout=DEADLINE))
        self.addCleanup(link.cut)
        user = User(self, link)
        user.ask(f"/login {name} {PASSWORDS[name]}", "101 Authentication successful\n")
        return user.go_online()

    # -- what the registry says --------------------------------------------------------------

    def wait_listed(self, registry, *names):
        wait_until(lambda: set(users(registry)) == set(names), f"exactly {names} are listed")

    def metric(self, registry, name):
        for line in call(registry, target="/metrics").text.splitlines():
            if line.startswith(f"registry_rendezvous_{name} "):
                return float(line.rpartition(" ")[2])
        return 0

    def counts(self, registry):
        """What came to nothing so far, by reason: frames, registrations, connections."""
        kinds = "dropped_frames|refused_registrations|closed"
        found = re.findall(rf'^registry_rendezvous_(?:{kinds})_total{{reason="(\w+)"}} (\d+)$',
                           call(registry, target="/metrics").text, re.MULTILINE)
        counts = collections.Counter()
        for reason, count in found:
            counts[reason] += int(count)
        return counts

    def wait_counted(self, registry, before, expected):
        """Just that much has come to nothing since, and for these reasons."""
        expected = collections.Counter(expected)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.counts(registry) - before == expected, "it is counted")
        self.assertEqual(self.counts(registry) - before, expected)

    def hello(self, registry, name, source=None):
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            if source:
                udp.bind((source, 0))
            udp.sendto(frame(f"&&HELLO&&|{name}"), ("127.0.0.1", registry.udp))

    def check_serves(self, registry):
        """Two users who have nothing to do with the test meet."""
        ivan, judy = self.join(registry, "ivan"), self.join(registry, "judy")
        ivan.send("&&CHATREQUEST&&|judy|ivan")
        judy.expect("ivan would like to chat with you? (OK/REJECT)", "ivan")
        judy.ask("&&REJECT&&|judy|ivan", "you have rejected the chat request!")
        ivan.expect("judy rejected the chat request!", "judy")
        for user in (ivan, judy):
            user.ask("&&LOGOUT&&", LOGGED_OUT)
            user.cut()
