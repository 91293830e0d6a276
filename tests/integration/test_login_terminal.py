#!/usr/bin/env python3
"""A person at a real terminal (tmux), in front of `peer … login`."""

import contextlib
import os
import pathlib
import shutil
import signal
import unittest

from support.harness import our_program, wait_until
from support.login_test import ACCOUNTS, LoginTest
from support.tmux import Tmux

NAME = "Please input your user name:"
PASSWORD = "Please input your password:"
FAILED = "102 Authentication failed"


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class LoginTerminalTest(LoginTest):
    def setUp(self):
        super().setUp()
        self.server = self.start_server()
        self.terminals = 0

    def at_terminal(self, name, *words, **more):
        env = self.environment(TERM="screen", **more)
        command = [our_program("peer"), name, self.server.address, "login", *words]
        return self.in_tmux(command, env)

    def in_tmux(self, command, env):
        self.terminals += 1
        terminal = Tmux(self.dir / f"{self.terminals}.tmux", env, command)
        self.addCleanup(terminal.__exit__)
        return terminal

    def carol(self, *words):
        carol = self.at_terminal("carol", *words, PEER_PASSWORD=ACCOUNTS["carol"])
        carol.wait_screen("carol is logged in")
        wait_until(lambda: carol.screen().endswith("\n>"), "the prompt")
        return carol

    def last_line(self, terminal, line):
        wait_until(lambda: terminal.screen().endswith("\n" + line),
                   f"{line!r} is the last line of\n{terminal.screen()}")


class AskingTest(LoginTerminalTest):
    def test_name_and_password_are_asked_for_and_the_password_is_not_shown(self):
        carol = self.at_terminal("-")
        carol.wait_screen(NAME)
        carol.type("carol")
        carol.press("Enter")
        carol.wait_screen(PASSWORD)
        carol.type(ACCOUNTS["carol"])
        carol.press("Enter")
        carol.wait_screen("carol is logged in at")
        self.assertNotIn(ACCOUNTS["carol"], carol.screen())
        self.assertEqual(carol.screen().splitlines()[:2], [NAME + "carol", PASSWORD])
        carol.press("C-d")
        self.assertEqual(carol.wait_status(), 0)

    def test_a_wrong_password_is_asked_for_again_on_the_same_connection(self):
        carol = self.at_terminal("carol")
        for attempt, password in enumerate(("wrong", "wrong-too", ACCOUNTS["carol"]), 1):
            carol.wait_screen(PASSWORD, count=attempt)
            carol.type(password)
            carol.press("Enter")
        carol.wait_screen("carol is logged in at")
        self.assertEqual(carol.screen().count(FAILED), 2)
        self.assertNotIn("wrong", carol.screen())
        self.assertNotIn(b"None is gone", self.server.stderr)

    def test_the_name_is_asked_for_again_if_it_was_asked_for(self):
        carol = self.at_terminal("-")
        for attempt, (name, password) in enumerate((("nobody", "x"), ("carol", "s3cret")), 1):
            carol.wait_screen(NAME, count=attempt)
            carol.type(name)
            carol.press("Enter")
            carol.wait_screen(PASSWORD, count=attempt)
            carol.type(password)
            carol.press("Enter")
        carol.wait_screen("carol is logged in at")

    def test_a_refused_password_of_the_environment_is_asked_for(self):
        carol = self.at_terminal("carol", PEER_PASSWORD="stale")
        carol.wait_screen(FAILED)
        carol.wait_screen(PASSWORD)
        carol.type(ACCOUNTS["carol"])
        carol.press("Enter")
        carol.wait_screen("carol is logged in at")

    def test_what_can_be_no_name_or_password_is_asked_for_again(self):
        carol = self.at_terminal("-")
        carol.wait_screen(NAME)
        carol.type("a b")
        carol.press("Enter")
        carol.wait_screen("the name has a character other than")
        carol.wait_screen(NAME, count=2)
        carol.type("carol")
        carol.press("Enter")
        carol.wait_screen(PASSWORD)
        carol.press("Enter")
        carol.wait_screen("the password is empty")
        carol.wait_screen(PASSWORD, count=2)
        self.assertNotIn(b"got", self.server.stderr)

    def test_leaving_at_the_password_leaves_a_terminal_that_shows_what_is_typed(self):
        for key, status in (("C-c", 130), ("C-d", 0)):
            with self.subTest(key):
                env = self.environment(TERM="screen")
                peer = f'"{our_program("peer")}" carol {self.server.address} login'
                # A trap keeps the shell alive and is not inherited.
                script = f"trap : INT; {peer}; echo left $?; read line; sleep 60"
                shell = self.in_tmux(["sh", "-c", script], env)
                shell.wait_screen(PASSWORD)
                shell.press(key)
                shell.wait_screen(f"left {status}")
                shell.type("visible")
                shell.wait_screen("visible")
                shell.__exit__()


class EditingTest(LoginTerminalTest):
    def test_a_message_appears_above_the_half_typed_line_which_is_sent_whole(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        carol.type("/to dave how ar")
        self.last_line(carol, "> /to dave how ar")
        dave.write("/to carol are you there?")
        dave.wait_stdout("303 Message delivery successful\n")
        self.last_line(carol, "dave: are you there?\n> /to dave how ar")
        dave.write("/toall and now?")
        self.last_line(carol, "dave: and now?\n> /to dave how ar")
        carol.type("e you")
        carol.press("Enter")
        dave.wait_stdout_has("carol: how are you\n")
        self.last_line(carol, "> /to dave how are you\n303 Message delivery successful\n>")

    def test_messages_appear_above_a_line_of_several_rows(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        text = "/to dave " + " ".join(f"word{number:02}" for number in range(40))
        carol.type(text)
        carol.wait_screen("word39")
        for number in range(5):
            dave.write(f"/to carol line {number}")
        carol.wait_screen("dave: line 4")
        wait_until(lambda: " ".join(carol.screen().split()).endswith("> " + text), carol.screen())
        shown = [line for line in carol.screen().splitlines() if line.startswith("dave: ")]
        self.assertEqual(shown, [f"dave: line {number}" for number in range(5)])
        self.assertEqual(carol.screen().count("word00"), 1, carol.screen())
        carol.press("Enter")
        dave.wait_stdout_has("carol: " + text.removeprefix("/to dave ") + "\n")

    def test_the_line_is_edited_in_any_script(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        carol.type("/to dave Göktuğ 你好 é🚀x")
        carol.press("Left", "BSpace")
        self.last_line(carol, "> /to dave Göktuğ 你好 éx")
        dave.write("/to carol hi")
        self.last_line(carol, "dave: hi\n> /to dave Göktuğ 你好 éx")
        carol.press("C-e")
        carol.type("!")
        carol.press("Enter")
        dave.wait_stdout_has("carol: Göktuğ 你好 éx!\n")

    def test_lines_of_before_can_be_called_back(self):
        carol = self.carol()
        carol.type("/list")
        carol.press("Enter")
        carol.wait_screen("301 carol")
        carol.press("Up")
        self.last_line(carol, "> /list")
        carol.press("Enter")
        carol.wait_screen("301 carol", count=2)

    def test_a_lone_escape_stops_nothing(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        carol.type("half")
        carol.press("Escape")
        dave.write("/to carol hi")
        dave.wait_stdout("303 Message delivery successful\n")
        carol.wait_screen("dave: hi")

    def test_lines_typed_before_the_reply_are_sent_one_after_the_other(self):
        carol = self.carol()
        carol.type("/list")
        carol.press("Enter")
        carol.type("/dance")
        carol.press("Enter")
        carol.type("/to nobody x")
        carol.press("Enter")
        carol.wait_screen("304 Message delivery failed")
        for command in ("/list", "/dance", "/to nobody x"):
            self.server.wait_stderr(rf"got '{command}\\n'")

    def test_what_a_message_says_is_not_obeyed(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        dave.write("/to carol before")
        carol.wait_screen("dave: before")
        dave.write("/to carol \N{RIGHT-TO-LEFT OVERRIDE}txt.exe")
        carol.wait_screen("dave: <U+202E>txt.exe")
        self.assertIn("dave: before", carol.screen())


    def test_the_line_is_whole_after_the_terminal_has_got_another_size(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        text = "/to dave " + "y" * 70
        carol.type(text)
        self.last_line(carol, "> " + text)
        for number, columns in enumerate((50, 120), 1):
            carol.resize(columns, 40)
            carol.type("z")  # a key after the new size is read after it
            text += "z"
            self.ends_with(carol, text)
            dave.write(f"/to carol hi {number}")
            carol.wait_screen(f"dave: hi {number}")
            self.ends_with(carol, f"dave: hi {number}\n> {text}")
        carol.press("Enter")
        dave.wait_stdout_has("carol: " + "y" * 70 + "zz\n")

    def test_a_wider_terminal_keeps_what_stands_above_the_line(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        carol.resize(40, 30)
        shown = [f"dave: line {number}" for number in range(6)]
        for line in shown:
            dave.write("/to carol " + line.removeprefix("dave: "))
            carol.wait_screen(line)
        text = "/to dave " + "y" * 150
        carol.type(text)
        self.ends_with(carol, text)
        for columns in (75, 120, 200):
            carol.resize(columns, 30)
            carol.type("z")  # a key after the new size is read after it
            text += "z"
            self.ends_with(carol, text)
            shown.append(f"dave: wider {columns}")
            dave.write("/to carol " + shown[-1].removeprefix("dave: "))
            self.ends_with(carol, f"{shown[-1]}\n> {text}")
            lines = [line for line in carol.screen().splitlines() if line.startswith("dave: ")]
            self.assertEqual(lines, shown, carol.screen())
            self.assertEqual(carol.screen().count("> /to dave"), 1, carol.screen())

    def test_a_narrower_terminal_keeps_it_too(self):
        carol = self.carol()
        dave = self.online("dave", self.server)
        shown = [f"dave: line {number}" for number in range(6)]
        for line in shown:
            dave.write("/to carol " + line.removeprefix("dave: "))
            carol.wait_screen(line)
        text = "/to dave " + "y" * 150
        carol.type(text)
        self.ends_with(carol, text)
        carol.resize(40, 30)
        carol.type("z")
        text += "z"
        self.ends_with(carol, text)
        dave.write("/to carol narrower")
        self.ends_with(carol, f"dave: narrower\n> {text}")
        lines = [line for line in carol.screen().splitlines() if line.startswith("dave: ")]
        self.assertEqual(lines, [*shown, "dave: narrower"], carol.screen())

    def ends_with(self, terminal, text):
        """Wherever the rows are broken."""
        wait_until(lambda: "".join(terminal.screen().split()).endswith("".join(text.split())),
                   f"{text!r} at the end of\n{terminal.screen()}")


class PlainTest(LoginTerminalTest):
    """A terminal without a line editor."""

    def test_output_that_goes_elsewhere_has_no_prompts(self):
        env = self.environment(TERM="screen")
        out = self.dir / "out"
        peer = f'"{our_program("peer")}" - {self.server.address} login'
        carol = self.in_tmux(["sh", "-c", f"{peer} >{out}"], env)
        for question, answer in ((NAME, "carol"), (PASSWORD, ACCOUNTS["carol"])):
            carol.wait_screen(question)
            carol.type(answer)
            carol.press("Enter")
        carol.wait_screen("carol is logged in at")
        carol.type("/list")
        carol.press("Enter")
        wait_until(lambda: out.read_text() == "301 carol\n", "the list")
        self.assertNotIn(ACCOUNTS["carol"], carol.screen())
        carol.press("C-d")
        self.assertEqual(carol.wait_status(), 0)

    def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(self):
        env = self.environment(TERM="dumb", PEER_PASSWORD=ACCOUNTS["carol"])
        command = [our_program("peer"), "carol", self.server.address, "login"]
        carol = self.in_tmux(command, env)
        carol.wait_screen("carol is logged in at")
        carol.type("/list")
        carol.press("Enter")
        carol.wait_screen("/list\n301 carol")

    def test_a_server_that_goes_while_a_person_is_asked(self):
        carol = self.at_terminal("carol")
        carol.wait_screen(PASSWORD)
        self.server.kill()
        self.assertEqual(carol.wait_status(), 76)
        carol.wait_screen(PASSWORD + f"\npeer: {self.server.address} closed the connection")


class LeavingTest(LoginTerminalTest):
    def leaves(self, status, *keys):
        carol = self.carol()
        carol.type("half")
        self.last_line(carol, "> half")
        carol.press(*keys)
        self.assertEqual(carol.wait_status(), status)
        self.server.wait_stderr(r"got '/exit\\n'")

    def test_control_c_leaves_with_130(self):
        self.leaves(130, "C-c")

    def test_control_d_leaves_with_0_once_the_line_is_empty(self):
        self.leaves(0, "C-u", "C-d")

    def test_exit_shows_the_goodbye(self):
        carol = self.carol()
        carol.type("/exit")
        carol.press("Enter")
        self.assertEqual(carol.wait_status(), 0)
        carol.wait_screen("> /exit\n310 Bye bye")

    def test_the_terminal_is_as_before_whatever_ended_it(self):
        before = self.dir / "before"
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number):
                env = self.environment(TERM="screen", PEER_PASSWORD=ACCOUNTS["carol"])
                after = self.dir / f"after-{number}"
                peer = f'"{our_program("peer")}" carol {self.server.address} login'
                script = f"stty -g >{before}; {peer}; echo left $?; stty -g >{after}"
                shell = self.in_tmux(["sh", "-c", f"trap : HUP QUIT; {script}; sleep 60"], env)
                shell.wait_screen("carol is logged in")
                wait_until(lambda: shell.screen().endswith("\n>"), "the prompt")
                os.kill(self.pid_of_peer(), number)
                shell.wait_screen(f"left {128 + number}")
                wait_until(lambda: after.exists() and after.read_text(), "stty has written")
                self.assertEqual(after.read_text(), before.read_text())
                shell.__exit__()

    def pid_of_peer(self):
        """The one `peer` at this test's server."""
        wanted = [str(our_program("peer")), "carol", self.server.address, "login", ""]
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if path.read_bytes().decode(errors="replace").split("\0") == wanted:
                    return int(path.parent.name)
        raise AssertionError("no peer runs")

    def test_control_z_gives_the_terminal_back_and_returns(self):
        env = self.environment(TERM="screen", PEER_PASSWORD=ACCOUNTS["carol"], PS1="shell$ ")
        shell = self.in_tmux(["bash", "--norc", "--noprofile", "-i"], env)
        shell.wait_screen("shell$")
        shell.type(f'"{our_program("peer")}" carol {self.server.address} login')
        shell.press("Enter")
        shell.wait_screen("carol is logged in")
        wait_until(lambda: shell.screen().endswith("\n>"), "the prompt")
        shell.type("/li")
        self.last_line(shell, "> /li")  # what is not read yet is dropped with the signal
        shell.press("C-z")
        shell.wait_screen("Stopped")
        shell.type("fg")
        shell.press("Enter")
        wait_until(lambda: shell.screen().endswith("\n> /li"), shell.screen())
        shell.type("st")
        shell.press("Enter")
        shell.wait_screen("301 carol")


if __name__ == "__main__":
    unittest.main()
