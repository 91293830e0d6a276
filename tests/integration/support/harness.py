"""Starts real programs for a test, watches what they print, and leaves nothing behind.

Rules that every test keeps by using this file:
* programs bind port 0 and say where they listen; nobody guesses a port;
* a test waits for a condition with a deadline, never for a fixed time;
* each test has a temporary directory that is also HOME, so no state leaks in or out;
* every child is reaped, and when a test fails, what its children printed is shown.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
SUPPORT = pathlib.Path(__file__).resolve().parent
BIN_DIR = pathlib.Path(os.environ.get("BIN_DIR", REPOSITORY / "build/dev/bin")).resolve()

# Generous, because a deadline only matters when something is broken. Sanitizers need more.
DEADLINE_SCALE = float(os.environ.get("DEADLINE_SCALE", "1"))
DEADLINE = 15.0 * DEADLINE_SCALE
POLL_PAUSE = 0.002

# A sanitizer's report fails the test even if the program seemed to behave.
SANITIZER_REPORT = re.compile(
    rb"(ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:)")
CRASH_SIGNALS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


def wait_until(condition, what, deadline=DEADLINE):
    """Returns the first true value of condition(); raises AssertionError after the deadline."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what}")
        time.sleep(POLL_PAUSE)


class Output:
    """What one stream of a child has printed so far; filled by a thread of its own."""

    def __init__(self, stream):
        self._stream = stream
        self._bytes = bytearray()
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            piece = os.read(self._stream.fileno(), 65536)
            with self._changed:
                self._bytes += piece
                self._ended = not piece
                self._changed.notify_all()
            if not piece:
                return

    def bytes(self):
        with self._changed:
            return bytes(self._bytes)

    def wait(self, predicate, what, deadline=DEADLINE):
        """Waits until predicate(bytes so far) is true and returns its value."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                value = predicate(bytes(self._bytes))
                if value:
                    return value
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    why = "the stream ended" if self._ended else f"not within {deadline:g} s"
                    raise AssertionError(f"{why}: {what}; so far: {bytes(self._bytes)!r}")
                self._changed.wait(left)

    def close(self):
        self._thread.join(DEADLINE)
        self._stream.close()


class Program:
    """A running child with captured output."""

    def __init__(self, label, arguments, *, cwd, env, is_ours, stdin=subprocess.PIPE):
        self.label = label
        self.arguments = [os.fspath(a) for a in arguments]
        self.is_ours = is_ours
        self.was_killed = False
        self._process = subprocess.Popen(
            self.arguments, cwd=cwd, env=env, stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self._out = Output(self._process.stdout)
        self._err = Output(self._process.stderr)

    @property
    def pid(self):
        return self._process.pid

    @property
    def stdout(self):
        return self._out.bytes()

    @property
    def stderr(self):
        return self._err.bytes()

    def is_running(self):
        return self._process.poll() is None

    def wait_idle(self):
        """Waits until it has dealt with all that has arrived: each of its threads sleeps."""
        wait_until(self._is_idle, f"{self.label} is idle")

    def _is_idle(self):
        return self._all_threads_are("S")

    def _all_threads_are(self, states):
        # The main thread last: whichever other thread went to sleep has woken it before.
        tasks = pathlib.Path("/proc", str(self.pid), "task")
        try:
            return all((tasks / task / "stat").read_text().rpartition(")")[2].split()[0] in states
                       for task in sorted(os.listdir(tasks), key=int, reverse=True))
        except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            return False

    def write(self, text):
        """Types one line (its newline is added) on the program's standard input."""
        data = text if isinstance(text, bytes) else text.encode()
        self._process.stdin.write(data + b"\n")

    def end_input(self):
        self._process.stdin.close()

    def wait_stdout(self, wanted, deadline=DEADLINE):
        """Waits until the standard output is, to the byte, what is wanted."""
        data = wanted if isinstance(wanted, bytes) else wanted.encode()
        self._out.wait(lambda seen: seen == data or len(seen) > len(data), f"stdout {data!r} of "
                       f"{self.label}", deadline)
        if self.stdout != data:
            raise AssertionError(f"{self.label} printed {self.stdout!r}, not {data!r}")

    def wait_stdout_has(self, part, deadline=DEADLINE, count=1):
        data = part if isinstance(part, bytes) else part.encode()
        self._out.wait(lambda seen: seen.count(data) >= count,
                       f"{data!r} x{count} on stdout of {self.label}", deadline)

    def wait_stderr(self, pattern, deadline=DEADLINE):
        """Waits for a regular expression on standard error; returns the match."""
        data = pattern if isinstance(pattern, bytes) else pattern.encode()
        return self._err.wait(lambda seen: re.search(data, seen), f"{pattern!r} on stderr of "
                              f"{self.label}", deadline)

    def signal(self, number):
        self._process.send_signal(number)
        if number == signal.SIGSTOP:  # a thread that runs on another core takes a moment
            wait_until(lambda: self._all_threads_are("Tt"), f"{self.label} has stopped")

    def kill(self):
        """kill -9, and reap."""
        self.was_killed = True
        self._process.kill()
        self._process.wait()

    def wait(self, deadline=DEADLINE):
        """The exit status, as a shell would show it (128 + signal for a signal)."""
        try:
            status = self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.label} did not end within {deadline:g} s") from None
        return status if status >= 0 else 128 - status

    def dispose(self):
        """Ends and reaps the child whatever its state, and joins the readers."""
        if self.is_running():
            self.kill()
        if self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._out.close()
        self._err.close()

    def complaint(self):
        """Why this child must fail the test by itself, or an empty string."""
        if not self.is_ours:
            return ""
        if SANITIZER_REPORT.search(self.stderr):
            return f"{self.label}: a sanitizer reported"
        code = self._process.returncode
        if code is not None and -code in CRASH_SIGNALS:
            return f"{self.label}: ended by signal {-code}"
        return ""

    def describe(self):
        return (f"--- {self.label}: {' '.join(self.arguments)}\n"
                f"    status {self._process.returncode}\n"
                f"    stdout {self.stdout!r}\n"
                f"    stderr:\n{self.stderr.decode(errors='backslashreplace')}")


class Registry(Program):
    """Our registry. `address` is where it listens, as HOST:PORT; `data` its working folder."""

    data = None

    def wait_ready(self):
        # Both log forms name the bound address in the event `listening`.
        found = self.wait_stderr(rb'(?:listening .*?http=|"http":")([^\s"]+)')
        self.address = found.group(1).decode()
        self.host, _, port = self.address.rpartition(":")
        self.port = int(port)
        self.wait_stderr(rb'\bready\b')
        return self


class IntegrationTest(unittest.TestCase):
    """A test with a temporary directory and children that end with it."""

    maxDiff = None

    def setUp(self):
        self.programs = []
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="integration-"))
        # A clean-up, the first one: it runs after every other that may still need the folder.
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def tearDown(self):
        self.end_programs()
        complaints = [c for c in (p.complaint() for p in self.programs) if c]
        self.assertEqual(complaints, [], "a program broke")

    def end_programs(self):
        for program in reversed(self.programs):
            program.dispose()

    def run(self, result=None):
        """Runs the test; when it failed, shows what its programs printed."""
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for program in getattr(self, "programs", []):
                print(program.describe(), file=sys.stderr)
        return result

    def environment(self, home=None, **more):
        """What every child gets: a HOME of its own, UTF-8, and the sanitizers' settings."""
        home = home or self.dir / "home"
        home.mkdir(parents=True, exist_ok=True)
        env = {k: v for k, v in os.environ.items()
               if k == "PATH" or k.endswith("SAN_OPTIONS") or k == "ASAN_SYMBOLIZER_PATH"}
        env.update(HOME=str(home), XDG_STATE_HOME=str(home / "state"),
                   XDG_DATA_HOME=str(home / "data"), XDG_CONFIG_HOME=str(home / "config"),
                   XDG_CACHE_HOME=str(home / "cache"), TMPDIR=str(self.dir),
                   LANG="C.UTF-8", LC_ALL="C.UTF-8", TZ="UTC", PYTHONUNBUFFERED="1")
        env.update(more)
        return env

    def start(self, label, *arguments, cwd=None, env=None, is_ours=False, kind=Program,
              stdin=subprocess.PIPE):
        program = kind(label, arguments, cwd=cwd or self.dir, env=env or self.environment(),
                       is_ours=is_ours, stdin=stdin)
        self.programs.append(program)
        return program

    # -- our programs ------------------------------------------------------------------------

    def start_registry(self, *options, where="127.0.0.1:0", data=None, wait=True, env=None,
                       under=()):
        """A registry on a free port, its userlist.txt in a folder of this test.

        `under` are the first words of a command that runs it: strace, or another machine.
        """
        data = data or self.dir / "registry"
        data.mkdir(exist_ok=True)
        registry = self.start("registry", *under, our_program("registry"), where, *options,
                              cwd=data, env=env, is_ours=True, kind=Registry)
        registry.data = data
        return registry.wait_ready() if wait else registry

    def start_peer(self, name, registry, *words, home=None, label=None, under=(), **more):
        """`peer NAME HOST:PORT words…`; registry may be a program with an address, or text."""
        address = registry if isinstance(registry, str) else registry.address
        env = self.environment(home=home, **more)
        return self.start(label or f"peer {name}", *under, our_program("peer"), name, address,
                          *words, is_ours=True, env=env)

    def start_listener(self, name, registry, *options, **more):
        """`peer … listen`, registered; its UDP port is in `port`."""
        peer = self.start_peer(name, registry, "listen", *options, **more)
        found = peer.wait_stderr(rb"peer: .* is listening on (\S+):(\d+), registered at ")
        peer.host, peer.port = found.group(1).decode(), int(found.group(2))
        return peer

    def run_sender(self, name, registry, *words, stdin=b"", deadline=DEADLINE, **more):
        """`peer … send` from start to end; returns the finished program."""
        peer = self.start_peer(name, registry, "send", *words, **more)
        with contextlib.suppress(BrokenPipeError):  # it may have ended before it read all
            if stdin:
                peer.write(stdin.rstrip(b"\n" if isinstance(stdin, bytes) else "\n"))
            peer.end_input()
        peer.status = peer.wait(deadline)
        # The process has ended; its last bytes may still be on their way through the pipes.
        peer.dispose()
        return peer

    # -- the old programs --------------------------------------------------------------------

    def start_classic_server(self, *options):
        """The old registry, plain or with --bonus, in a fresh folder (it never truncates)."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="classic-server-", dir=self.dir))
        server = self.start("classic server", sys.executable, SUPPORT / "classic_server.py",
                            "127.0.0.1:0", *options, cwd=folder)
        found = server.wait_stderr(rb"bound to (\S+):(\d+)")
        server.host, server.port = found.group(1).decode(), int(found.group(2))
        server.address, server.data = f"{server.host}:{server.port}", folder
        return server

    def start_netchat_server(self):
        """A registry of the old NetChat client's."""
        server = self.start("netchat server", sys.executable, SUPPORT / "netchat_server.py",
                            "127.0.0.1:0")
        found = server.wait_stderr(rb"bound to (\S+):(\d+)")
        server.host, server.port = found.group(1).decode(), int(found.group(2))
        server.address = f"{server.host}:{server.port}"
        return server

    def start_netchat_client(self, name, registry, ip="127.0.0.1", under=()):
        """An old NetChat client that listens; its prompt stands on standard output."""
        client = self.start(f"netchat {name}", *under, sys.executable,
                            SUPPORT / "netchat_client.py", name, registry.address, ip)
        found = client.wait_stderr(rb"listening on (\S+):(\d+)")
        client.host, client.port = found.group(1).decode(), int(found.group(2))
        return client

    def start_classic_client(self, name, registry, mode, *options, under=()):
        address = registry if isinstance(registry, str) else registry.address
        return self.start(f"classic {mode} {name}", *under, sys.executable,
                          SUPPORT / "classic_client.py", name, address, mode, *options)

    def start_classic_listener(self, name, registry, *options, **more):
        """An old listener whose UDP socket is bound (it binds only after the 200)."""
        client = self.start_classic_client(name, registry, "listen", *options, **more)
        found = client.wait_stderr(rb"bound to (\S+):(\d+)")
        client.host, client.port = found.group(1).decode(), int(found.group(2))
        return client


def our_program(name):
    path = BIN_DIR / name
    if not path.exists():
        raise AssertionError(f"{path} is missing: build it, or set BIN_DIR")
    return path
