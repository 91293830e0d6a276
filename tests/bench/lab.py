"""Where the bench runs things: a folder on the same disk as the tree, children that end with it.

The folder is under build/ and not under /tmp, because /tmp may be memory, where fsync costs nothing.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 60
PAUSE = 0.01


class BenchError(Exception):
    """Something that makes a figure meaningless: said in one line instead of the figure."""


class Lab:
    """One run's folder, settings and notes."""

    def __init__(self, bin_dir, seconds, rounds, progress):
        self.bin_dir = pathlib.Path(bin_dir)
        self.seconds = seconds
        self.rounds = rounds
        self.notes = []  # what the reader of the table has to know
        self.progress = progress
        (ROOT / "build").mkdir(exist_ok=True)
        self._root = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "build"))

    def close(self):
        shutil.rmtree(self._root, ignore_errors=True)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def program(self, name):
        return self.bin_dir / name

    @contextlib.contextmanager
    def folder(self, label):
        """A fresh folder that goes with its user: a round must not find the last one's files."""
        path = pathlib.Path(tempfile.mkdtemp(prefix=f"{label}-", dir=self._root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def child(self, arguments, cwd=None, **streams):
        """A running program; ended, with all that it started, when the block is left."""
        streams.setdefault("stdin", subprocess.DEVNULL)
        streams.setdefault("stdout", subprocess.DEVNULL)
        streams.setdefault("stderr", subprocess.DEVNULL)
        # A process group of its own: Ctrl-C at the terminal reaches only us, and we end the rest.
        process = subprocess.Popen([os.fspath(a) for a in arguments], cwd=cwd or self._root,
                                   start_new_session=True, **streams)
        try:
            yield process
        finally:
            _end(process)

    def run(self, arguments, timeout, **more):
        """What a measuring program prints, once it has ended."""
        with self.child(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                        **more) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                raise BenchError(f"{_name(arguments)} took more than {timeout:.0f} s") from None
        if process.returncode != 0:
            raise BenchError(f"{_name(arguments)} ended with {process.returncode}: "
                             f"{(err or out).strip()[-300:]}")
        return out


def _name(arguments):
    return pathlib.Path(arguments[0]).name


def _end(process):
    for number, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):  # what it left behind
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def wait_for(condition, what, process=None, seconds=READY_SECONDS):
    """The first true value of condition()."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise BenchError(f"{what}: it ended with {process.returncode}")
        if time.monotonic() > end:
            raise BenchError(f"{what}: not within {seconds} s")
        time.sleep(PAUSE)


def free_port():
    """A port for programs that cannot be asked for any free one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    """True if something listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def memory_kib(pid):
    """Resident memory of a process."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise BenchError(f"no VmRSS of process {pid}")


def cpu_seconds(pid):
    """Processor time that a child and what it started have used: nginx works in a worker of its own."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == pid:  # its process group: lab.child() makes one for each child
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
