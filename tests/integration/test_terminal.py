#!/usr/bin/env python3
"""A person at a real terminal (tmux), in front of `peer … listen` and `peer … send`."""

import shutil
import unittest

from support.harness import IntegrationTest, our_program, wait_until
from support.raw_http import users
from support.tmux import Tmux
from support.udp import send_datagram

QUESTION = "Do you want to log out?[y/n]"


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class TerminalTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def at_terminal(self, name, mode, *words):
        env = self.environment(TERM="screen")
        command = [our_program("peer"), name, self.registry.address, mode, *words]
        terminal = Tmux(self.dir / f"{name}.tmux", env, command)
        self.addCleanup(terminal.__exit__)
        return terminal

    def listening(self, name, *words):
        """A listener at a terminal, once it is listed; has `host` and `port` to send to."""
        terminal = self.at_terminal(name, "listen", *words)
        # It says so after the registry's answer; before, the line would land among the messages.
        terminal.wait_screen(f"{name} is listening on")
        host, _, port = users(self.registry)[name]["endpoint"].rpartition(":")
        terminal.host, terminal.port = host, int(port)
        return terminal

    def send(self, terminal, first, last):
        for number in range(first, last + 1):
            send_datagram(terminal, f"ali: message {number}")


class TrustTest(TerminalTest):
    def test_nothing_typed_before_the_question_answers_it_and_only_yes_or_no_does(self):
        self.start_listener("bob", self.registry)
        ci = self.at_terminal("ci", "send", "-q", "--trust", "ask")
        # Both lines are there before the question is asked.
        ci.type('unicast bob "one"\nyes\n')
        ci.wait_screen("Send to it from now on? [y/n]")
        ci.type("yikes")
        ci.press("Enter")
        ci.wait_screen("Send to it from now on? [y/n]", count=2)
        self.assertNotIn("message is sent to bob", ci.screen())
        ci.type("yes")
        ci.press("Enter")
        ci.wait_screen("message is sent to bob")


class QuestionTest(TerminalTest):
    def test_the_question_comes_after_the_fifth_message_and_y_leaves(self):
        bob = self.listening("bob")
        self.send(bob, 1, 4)
        bob.wait_screen("ali: message 4")
        self.assertNotIn(QUESTION, bob.screen())
        self.send(bob, 5, 5)
        bob.wait_screen(QUESTION)
        bob.type("y")
        bob.press("Enter")
        self.assertEqual(bob.wait_status(), 0)
        self.assertNotIn("bob", users(self.registry))

    def test_messages_are_shown_at_once_while_the_question_is_open(self):
        bob = self.listening("bob")
        self.send(bob, 1, 5)
        bob.wait_screen(QUESTION)
        self.send(bob, 6, 7)
        bob.wait_screen("ali: message 7")
        lines = bob.screen().splitlines()
        for number in range(1, 8):
            self.assertTrue(any(line.endswith(f"ali: message {number}") for line in lines), lines)

    def test_n_goes_on_for_five_more(self):
        bob = self.listening("bob")
        self.send(bob, 1, 5)
        bob.wait_screen(QUESTION)
        bob.type("n")
        bob.press("Enter")
        bob.wait_screen(QUESTION + "n")
        self.send(bob, 6, 9)
        bob.wait_screen("ali: message 9")
        self.assertEqual(bob.screen().count(QUESTION), 1)
        self.send(bob, 10, 10)
        bob.wait_screen(QUESTION, count=2)

    def test_another_answer_is_invalid_and_asked_again(self):
        bob = self.listening("bob")
        self.send(bob, 1, 5)
        bob.wait_screen(QUESTION)
        bob.type("maybe")
        bob.press("Enter")
        bob.wait_screen("Invalid input!")
        bob.wait_screen(QUESTION, count=2)
        bob.type("Y")
        bob.press("Enter")
        self.assertEqual(bob.wait_status(), 0)

    def test_a_note_leaves_the_open_question_on_a_line_of_its_own(self):
        self.registry.kill()
        self.registry = self.start_registry("--lease", "1")
        bob = self.listening("bob")
        self.send(bob, 1, 5)
        bob.wait_screen(QUESTION)
        self.registry.kill()
        bob.wait_screen("cannot reach the registry")
        wait_until(lambda: bob.screen().endswith("\n" + QUESTION), "the question stands last")

    def test_what_was_typed_before_the_question_is_no_answer(self):
        bob = self.listening("bob")
        bob.type("y")
        bob.press("Enter")
        bob.wait_screen("y")
        self.send(bob, 1, 5)
        bob.wait_screen(QUESTION)
        self.send(bob, 6, 6)
        bob.wait_screen("ali: message 6")
        self.assertIn("bob", users(self.registry))
        bob.type("y")
        bob.press("Enter")
        self.assertEqual(bob.wait_status(), 0)

    def test_control_d_at_the_question_logs_out(self):
        bob = self.listening("bob")
        self.send(bob, 1, 5)
        bob.wait_screen(QUESTION)
        bob.press("C-d")
        self.assertEqual(bob.wait_status(), 0)
        self.assertNotIn("bob", users(self.registry))

    def test_never_asks_nothing(self):
        bob = self.listening("bob", "--question", "never")
        self.send(bob, 1, 6)
        bob.wait_screen("ali: message 6")
        self.assertNotIn(QUESTION, bob.screen())


class KeysTest(TerminalTest):
    def test_control_c_logs_out_and_exits_130(self):
        bob = self.listening("bob")
        bob.press("C-c")
        self.assertEqual(bob.wait_status(), 130)
        self.assertNotIn("bob", users(self.registry))

    def test_control_d_ends_the_sender(self):
        self.listening("bob")
        ci = self.at_terminal("ci", "send")
        ci.wait_screen("commands: list")
        ci.type("list")
        ci.press("Enter")
        ci.wait_screen("The online users are:")
        ci.press("C-d")
        self.assertEqual(ci.wait_status(), 0)


class HostileTest(TerminalTest):
    def test_escape_sequences_in_a_message_are_shown_and_not_obeyed(self):
        bob = self.listening("bob")
        send_datagram(bob, "ali: before")
        bob.wait_screen("ali: before")
        send_datagram(bob, "mallory: \x1b[2J\x1b[H\x1b[31mcleared?\x1bc\rali: forged")
        send_datagram(bob, "ali: after")
        bob.wait_screen("ali: after")
        screen = bob.screen()
        self.assertIn("ali: before", screen)
        self.assertIn("cleared?", screen)
        self.assertFalse([line for line in screen.splitlines() if line.startswith("ali: forged")])


if __name__ == "__main__":
    unittest.main()
