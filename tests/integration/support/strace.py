"""Programs under strace: to count their system calls, and to make some of these fail."""

import functools
import re
import shutil
import signal
import subprocess

from support.harness import DEADLINE

UNFINISHED = " <unfinished ...>"


@functools.cache
def why_not():
    """Why strace cannot be used here; empty when it can."""
    if not shutil.which("strace"):
        return "strace is not installed"
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            tried = subprocess.Popen(["strace", "-p", str(sleeper.pid)], stderr=subprocess.PIPE)
            said = tried.stderr.readline().decode().strip()
            tried.stderr.close()
        finally:
            sleeper.kill()
        tried.wait(DEADLINE)
    return "" if "attached" in said else f"strace cannot attach: {said}"


class Trace:
    """The system calls of one program, as strace writes them down."""

    def __init__(self, path, calls):
        self._path = path
        self.options = ["-f", "-o", path, "-e", f"trace={calls}"]

    @property
    def words(self):
        """In front of a command: the program stays the test's own child, strace runs beside it."""
        return ["strace", "-D", "-qq", "--seccomp-bpf", *self.options]

    def lines(self):
        """One line a call. A call during which another thread called stands where it began."""
        lines, begun = [], {}
        for line in self._path.read_text(errors="replace").splitlines() if self._path.exists() else []:
            thread = line.partition(" ")[0]
            if line.endswith(UNFINISHED):
                begun[thread] = len(lines)
                line = line.removesuffix(UNFINISHED)
            elif (end := re.match(r"\d+ +<\.\.\. \w+ resumed>(.*)", line)) and thread in begun:
                lines[begun.pop(thread)] += end.group(1)
                continue
            lines.append(line)
        return lines


class Fault:
    """Makes system calls of a running program fail from now on, by strace's rule for `inject`.

    Calls are counted a thread, from here on.
    """

    def __init__(self, test, program, rule):
        self.rule = rule
        number = len(test.programs)
        self._trace = Trace(test.dir / f"trace{number}", rule.split(":")[0])
        self._strace = test.start(f"strace {rule}", "strace", *self._trace.options,
                                  "-e", f"inject={rule}", "-p", str(program.pid))
        self._strace.wait_stderr(r"Process \d+ attached")

    def has_come(self):
        return any("INJECTED)" in line or "DELAYED)" in line for line in self._trace.lines())

    def end(self):
        """All calls work again."""
        self._strace.signal(signal.SIGINT)
        self._strace.wait()
