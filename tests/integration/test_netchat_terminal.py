#!/usr/bin/env python3
"""A person at a real terminal (tmux), in front of `peer … netchat`."""

import shutil
import unittest

from support.harness import our_program, wait_until
from support.netchat import PROMPT, say
from support.raw_http import users
from support.registry_test import RegistryTest
from support.tmux import Tmux


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class NetchatTerminalTest(RegistryTest):
    def setUp(self):
        super().setUp()
        self.terminals = 0

    def at_terminal(self, name):
        self.terminals += 1
        terminal = Tmux(self.dir / f"{self.terminals}.tmux", self.environment(TERM="screen"),
                        [our_program("peer"), name, self.registry.address, "netchat"])
        self.addCleanup(terminal.__exit__)
        self.last_line(terminal, PROMPT)
        endpoint = users(self.registry)[name]["endpoint"]
        terminal.host, _, port = endpoint.rpartition(":")
        terminal.port = int(port)
        return terminal

    def last_line(self, terminal, line):
        wait_until(lambda: terminal.screen().endswith("\n" + line.rstrip()),
                   f"{line!r} is the last line of\n{terminal.screen()}")

    def test_a_message_is_announced_above_the_half_typed_line_which_is_sent_whole(self):
        alice, bob = self.at_terminal("alice"), self.at_terminal("bob")
        alice.type('SEND bob "how ar')
        self.last_line(alice, PROMPT + 'SEND bob "how ar')
        say(alice, 'bob: "are you there?"')
        self.last_line(alice, ">>You have a message from bob\n" + PROMPT + 'SEND bob "how ar')
        alice.type('e you"')
        alice.press("Enter")
        self.last_line(alice, ">>Message sent!\n" + PROMPT)
        bob.wait_screen(">>You have a message from alice")
        bob.type("READ alice")
        bob.press("Enter")
        self.last_line(bob, ">>how are you - alice\n" + PROMPT)

    def test_what_is_announced_and_read_commands_no_terminal(self):
        alice = self.at_terminal("alice")
        say(alice, b'\x1b[2Jmallory: "x"')
        say(alice, b'bob: "\x1b[2J\x1b]0;gone\x07"')
        alice.wait_screen(r">>You have a message from \x1b[2Jmallory")
        alice.type("READ bob")
        alice.press("Enter")
        alice.wait_screen(r">>\x1b[2J\x1b]0;gone\x07 - bob")

    def test_a_wrong_command_is_helped(self):
        alice = self.at_terminal("alice")
        alice.type("send bob hi")
        alice.press("Enter")
        alice.wait_screen(">>Unknown command!")
        alice.wait_screen("did you mean SEND?")

    def test_ways_to_leave(self):
        for keys, status in ((("C-c",), 130), (("C-d",), 0), (("E", "X", "I", "T", "Enter"), 0)):
            with self.subTest(keys):
                alice = self.at_terminal("alice")
                alice.press(*keys)
                self.assertEqual(alice.wait_status(), status)
                self.assertEqual(users(self.registry), {})


if __name__ == "__main__":
    unittest.main()
