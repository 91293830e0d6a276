#!/usr/bin/env python3
"""A person at a real terminal (tmux), in front of `peer … room`."""

import shutil
import unittest

from support.harness import our_program, wait_until
from support.room import RoomTest
from support.tmux import Tmux


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class RoomTerminalTest(RoomTest):
    def setUp(self):
        super().setUp()
        self.terminals = 0

    def at_terminal(self, name):
        self.terminals += 1
        terminal = Tmux(self.dir / f"{self.terminals}.tmux", self.environment(TERM="screen"),
                        [our_program("peer"), name, self.registry.room_address, "room"])
        self.addCleanup(terminal.__exit__)
        terminal.wait_screen(f"{name} is in the room")
        self.last_line(terminal, ">")
        return terminal

    def last_line(self, terminal, line):
        wait_until(lambda: terminal.screen().endswith("\n" + line),
                   f"{line!r} is the last line of\n{terminal.screen()}")

    def test_a_line_appears_above_the_half_typed_one_which_is_said_whole(self):
        alice, bob = self.at_terminal("alice"), self.enter("bob")
        alice.type("how ar")
        self.last_line(alice, "> how ar")
        bob.send("are you there?\n")
        self.last_line(alice, "<bob> are you there?\n> how ar")
        alice.type("e you")
        alice.press("Enter")
        bob.expect("<alice> how are you\n")
        self.last_line(alice, "> how are you\n>")

    def test_commands(self):
        alice, bob = self.at_terminal("alice"), self.enter("bob")
        for typed in ("/help", "//help", "/quit"):
            alice.type(typed)
            alice.press("Enter")
            if typed == "/help":
                alice.wait_screen("no command: /help")
        bob.expect("<alice> /help\n")
        self.assertEqual(alice.wait_status(), 0)

    def test_ways_to_leave(self):
        for key, status in (("C-c", 130), ("C-d", 0)):
            with self.subTest(key):
                alice = self.at_terminal("alice")
                alice.press(key)
                self.assertEqual(alice.wait_status(), status)
                wait_until(lambda: self.room_metric("clients") == 0, "she has left")

    def test_two_talk(self):
        alice, bob = self.at_terminal("alice"), self.at_terminal("bob")
        alice.type("Günaydın ☕")
        alice.press("Enter")
        bob.wait_screen("<alice> Günaydın ☕")
        bob.type("<alice> sana da")
        bob.press("Enter")
        alice.wait_screen("<bob> <alice> sana da")


if __name__ == "__main__":
    unittest.main()
