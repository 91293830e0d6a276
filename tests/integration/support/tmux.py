"""A program at a real terminal: tmux on a socket of its own."""

import contextlib
import os
import pathlib
import signal
import subprocess

from support.harness import DEADLINE, wait_until

COLUMNS, ROWS = 100, 40


# tmux 3.3 does not always know how its command ended, so a shell writes it down. Its trap keeps it
# alive over Control-C, and is not inherited by the command.
KEEP_STATUS = 'trap : INT; "$@"; echo $? > "$0"'


class Tmux:
    """One detached session that runs one command; the pane stays when the command ends."""

    def __init__(self, socket_path, env, command):
        self._socket = socket_path
        self._status = socket_path.with_suffix(".status")
        self._env = env
        # The pane must survive its command, so the option is set before the command starts.
        self._run("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS),
                  "sleep 86400", ";", "set-option", "-g", "remain-on-exit", "on", ";",
                  "respawn-pane", "-k", "sh", "-c", KEEP_STATUS, str(self._status),
                  *map(str, command))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shell = self._run("display-message", "-p", "#{pane_pid}", check=False).strip()
        self._run("kill-server", check=False)
        if shell:
            self._kill_session(int(shell))

    @staticmethod
    def _kill_session(session):
        """What the terminal's end has not ended: a leak check that a hang-up interrupts spins on."""
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == session:
                    os.kill(int(entry.name), signal.SIGKILL)

    def _run(self, *words, check=True):
        return subprocess.run(["tmux", "-u", "-S", self._socket, *words], env=self._env,
                              capture_output=True, text=True, timeout=DEADLINE, check=check).stdout

    def screen(self):
        """The text on the screen and in its history, without trailing blanks."""
        return self._run("capture-pane", "-p", "-J", "-S", "-").rstrip()

    def type(self, text):
        self._run("send-keys", "-l", text)

    def press(self, *keys):
        """Keys by tmux's names, as Enter or C-c."""
        self._run("send-keys", *keys)

    def resize(self, columns, rows):
        self._run("resize-window", "-x", str(columns), "-y", str(rows))
        path = self._run("display-message", "-p", "#{pane_tty}").strip()
        tty = os.open(path, os.O_RDONLY | os.O_NOCTTY)
        try:  # tmux takes its time to tell the terminal's programs
            wait_until(lambda: os.get_terminal_size(tty) == (columns, rows),
                       "the terminal has its new size")
        finally:
            os.close(tty)

    def wait_screen(self, part, count=1, deadline=DEADLINE):
        wait_until(lambda: self.screen().count(part) >= count,
                   f"{part!r} x{count} on the screen:\n{self.screen()}", deadline)

    def wait_status(self, deadline=DEADLINE):
        """The exit status of the command, once it has ended."""
        wait_until(lambda: self._status.exists() and self._status.read_text().endswith("\n"),
                   "the program ends", deadline)
        return int(self._status.read_text())
