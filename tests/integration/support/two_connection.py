"""A test around a registry with a two-connection door, and users who say what they are told.

The scripted user sends bytes as they are and reads them one by one against what is expected; the
old programs are in two_connection_client.py.
"""

import contextlib
import socket
import struct
import sys
import threading
import time

from support.harness import DEADLINE, DEADLINE_SCALE, SUPPORT, IntegrationTest, wait_until
from support.raw_http import call, users

LOGGED_IN = "101 Authentication successful\n"
LOGIN_FAILED = "102 Authentication failed\n"
CONNECTED = "201 Build connection successful\n"
NOT_CONNECTED = "202 Build connection failed\n"
RECEIPT = "302 Message receipt successful\n"
DELIVERED = "303 Message delivery successful\n"
NOT_DELIVERED = "304 Message delivery failed\n"
BYE = "310 Bye bye\n"
UNRECOGNIZED = "401 Unrecognized message\n"

# How long the registry waits for a receipt, and when it must have said so.
RECEIPT_TIME = 5.0
RECEIPT_LATEST = 5.0 + 1.0 * DEADLINE_SCALE
# "At once": clearly without waiting for a receipt.
AT_ONCE = 2.0 * DEADLINE_SCALE

PASSWORDS = {"carol": "s3cret", "dave": "hunter2", "erin": "correct-horse", "frank": "pa:ss$word",
             "grace": "g", "heidi": "şifre", "ivan": "i-van", "judy": "j.u.d.y"}
ACCOUNTS = "".join(f"{name} {password}\n" for name, password in PASSWORDS.items())


class Stopwatch:
    def __init__(self):
        self._since = time.monotonic()

    @property
    def seconds(self):
        return time.monotonic() - self._since


class Link:
    """One TCP connection, byte for byte."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def read_line(self):
        """The next line with its end, as text."""
        while b"\n" not in self._pending:
            self._fill("a line")
        line, end, self._pending = self._pending.partition(b"\n")
        return (line + end).decode()

    def expect(self, wanted):
        """Reads exactly these bytes."""
        wanted = wanted if isinstance(wanted, bytes) else wanted.encode()
        while len(self._pending) < len(wanted) and wanted.startswith(self._pending):
            self._fill(repr(wanted))
        if not self._pending.startswith(wanted):
            raise AssertionError(f"{self._pending!r} came, not {wanted!r}")
        self._pending = self._pending[len(wanted):]

    def read_until(self, wanted):
        """Reads these bytes and whatever comes before them, which it returns."""
        wanted = wanted if isinstance(wanted, bytes) else wanted.encode()
        while wanted not in self._pending:
            self._fill(repr(wanted))
        before, _, self._pending = self._pending.partition(wanted)
        return before

    def ask(self, line, answer):
        """One command and the answer that it must have."""
        self.send(line + b"\n" if isinstance(line, bytes) else f"{line}\n")
        try:
            self.expect(answer)
        except AssertionError as failed:
            raise AssertionError(f"after {line!r}: {failed}") from None

    def expect_end(self):
        """Nothing more comes: the server has closed, or reset what it cannot use any more."""
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            piece = b""
        if self._pending + piece:
            raise AssertionError(f"{self._pending + piece!r} came, not the end")

    def _fill(self, what):
        try:
            piece = self.socket.recv(65536)
        except TimeoutError:
            raise AssertionError(f"no {what}; so far {self._pending!r}") from None
        if not piece:
            raise AssertionError(f"the server closed, no {what}; so far {self._pending!r}")
        self._pending += piece

    def cut(self):
        """An orderly end."""
        self.socket.close()

    def reset(self):
        """RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class User:
    """A scripted client: `la` for commands, `lb` for what is pushed, once that is up."""

    def __init__(self, test, la):
        self._test = test
        self.la = la
        self.lb = None
        self.received = []  # lines that were confirmed by confirm_all()
        self._thread = None

    def ask(self, line, answer):
        self.la.ask(line, answer)

    def listen(self):
        """A socket for the registry to call; returns its port."""
        self.listener = socket.create_server(("", 0), family=self.la.socket.family)
        self.listener.settimeout(DEADLINE)
        self._test.addCleanup(self.listener.close)
        return self.listener.getsockname()[1]

    def take_push_link(self):
        self.lb = Link(self.listener.accept()[0])
        self._test.addCleanup(self.lb.cut)

    def go_online(self):
        self.la.send(f"/port {self.listen()}\n")
        self.take_push_link()
        self.la.expect(CONNECTED)
        return self

    def expect_pushed(self, line):
        """The next pushed line, which is confirmed."""
        self.lb.expect(line)
        self.lb.send(RECEIPT)

    def confirm_all(self):
        """From now on a thread confirms every pushed line and keeps it in `received`."""
        self._thread = threading.Thread(target=self._confirm, daemon=True)
        self._thread.start()
        self._test.addCleanup(self.stop_confirming)
        return self

    def _confirm(self):
        with contextlib.suppress(OSError, AssertionError):
            self.lb.socket.settimeout(None)
            while True:
                self.received.append(self.lb.read_line())
                self.lb.send(RECEIPT)

    def stop_confirming(self):
        with contextlib.suppress(OSError):
            self.lb.socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)

    def leave(self):
        self.ask("/exit", BYE)
        self.la.expect_end()

    def cut(self):
        for link in (self.la, self.lb):
            if link:
                link.cut()


class DoorTest(IntegrationTest):
    """Starts a registry with accounts; when the test is over it must still serve others."""

    accounts = ACCOUNTS
    options = ()

    def setUp(self):
        super().setUp()
        self.registry = self.start_door(*self.options)

    def tearDown(self):
        try:
            if self.registry.is_running():
                self.check_serves()
        finally:
            super().tearDown()

    def start_door(self, *options, accounts=None, door="127.0.0.1:0", **more):
        """A registry with a door; `door_host` and `door_port` are where it is."""
        self.accounts_file = self.dir / "accounts.txt"
        self.write_accounts(self.accounts if accounts is None else accounts)
        registry = self.start_registry("--two-connection", door, "--accounts", self.accounts_file,
                                       *options, **more)
        found = registry.wait_stderr(rb"two-connection=(\S+):(\d+)")
        registry.door_host, registry.door_port = found.group(1).decode(), int(found.group(2))
        return registry

    def write_accounts(self, text):
        self.accounts_file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.accounts_file.chmod(0o600)

    # -- scripted users ----------------------------------------------------------------------

    def connect(self, source=None):
        """Somebody who has connected and said nothing yet."""
        connection = socket.create_connection(
            (self.registry.door_host.strip("[]"), self.registry.door_port), timeout=DEADLINE,
            source_address=(source, 0) if source else None)
        link = Link(connection)
        self.addCleanup(link.cut)
        return User(self, link)

    def log_in(self, name, source=None):
        """A user after 101: listed, and not to be reached yet."""
        user = self.connect(source)
        user.ask(f"/login {name} {PASSWORDS[name]}", LOGGED_IN)
        return user

    def online(self, name, source=None):
        """A user after 201."""
        return self.log_in(name, source).go_online()

    # -- old programs ------------------------------------------------------------------------

    def start_old_client(self, name, variant="a", typed=(), under=()):
        """An old program whose user has logged in; type his commands with write().

        `typed` are lines that he types before name and password.
        """
        client = self.start(f"old client {variant} {name}", *under, sys.executable,
                            SUPPORT / "two_connection_client.py", self.registry.door_host,
                            str(self.registry.door_port), variant)
        for line in (*typed, name, PASSWORDS[name]):
            client.write(line)
        client.wait_stdout_has(CONNECTED)
        return client

    # -- what the registry says --------------------------------------------------------------

    def names(self):
        return set(users(self.registry))

    def wait_listed(self, *names, deadline=DEADLINE):
        wait_until(lambda: self.names() == set(names), f"exactly {names} are listed", deadline)

    def metric(self, name):
        """The value of one line of /metrics; 0 if it is not there."""
        for line in call(self.registry, target="/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0

    def check_serves(self):
        """Two users who have nothing to do with the test talk to each other."""
        ivan, judy = self.online("ivan"), self.online("judy")
        for speaker, hearer, line in ((ivan, judy, "/from ivan still there?\n"),
                                      (judy, ivan, "/from judy yes\n")):
            _, name, text = line.rstrip("\n").split(" ", 2)
            speaker.la.send(f"/to {'judy' if name == 'ivan' else 'ivan'} {text}\n")
            hearer.expect_pushed(line)
            speaker.la.expect(DELIVERED)
        for user in (ivan, judy):
            user.leave()
