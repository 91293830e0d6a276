#!/usr/bin/env python3
"""A person at a real terminal (tmux), in front of `peer … meet`."""

import re
import shutil
import socket
import unittest

from support.harness import our_program, wait_until
from support.rendezvous import RendezvousTest, frame
from support.tmux import Tmux


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class MeetTerminalTest(RendezvousTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_door()
        self.terminals = 0

    def at_terminal(self, name, *words):
        self.terminals += 1
        command = [our_program("peer"), name, self.registry.door, "meet", "--udp",
                   str(self.registry.udp), *words]
        terminal = Tmux(self.dir / f"{self.terminals}.tmux", self.environment(TERM="screen"),
                        command)
        self.addCleanup(terminal.__exit__)
        terminal.wait_screen("has been successfully added")
        self.last_line(terminal, ">")
        return terminal

    def last_line(self, terminal, line):
        wait_until(lambda: terminal.screen().endswith("\n" + line),
                   f"{line!r} is the last line of\n{terminal.screen()}")

    def enter(self, terminal, line):
        terminal.type(line)
        terminal.press("Enter")

    def in_chat(self):
        veli = self.join(self.registry, "veli")
        ali = self.at_terminal("ali")
        self.enter(ali, "CHAT REQUEST veli")
        veli.expect("ali would like to chat with you? (OK/REJECT)", "ali")
        veli.send(f"&&OK&&|veli|ali|{veli.port}")
        veli.read()
        self.last_line(ali, "veli>")
        return ali, veli

    def test_what_comes_stands_above_the_line_being_typed(self):
        ali, veli = self.in_chat()
        self.enter(ali, "hello veli")
        link, _ = veli.listener.accept()
        wanted = frame("&&MESSAGE&&|ali: hello veli")
        self.assertEqual(link.recv(4096), wanted)
        link.close()
        ali.type("half a line")
        self.last_line(ali, "veli> half a line")
        can = self.join(self.registry, "can")
        can.send("&&SEARCH&&|ali|can")
        can.read()
        port = self.port_of(ali)
        with socket.create_connection(("127.0.0.1", port)) as partner:
            for number in range(5):
                partner.sendall(frame(f"&&MESSAGE&&|veli: text {number}"))
                ali.wait_screen(f"veli: text {number}")
            self.last_line(ali, "veli> half a line")
            ali.press("C-u")
            self.enter(ali, "EXIT")
            ali.wait_screen("server: you left the chat room.")
            self.last_line(ali, ">")
        ali.press("C-d")
        self.assertEqual(ali.wait_status(), 0)
        self.wait_listed(self.registry, "veli", "can")

    @staticmethod
    def port_of(terminal):
        return int(re.search(r"is running at port (\d+)", terminal.screen()).group(1))

    def test_control_c_leaves_the_chat_and_logs_out(self):
        ali, veli = self.in_chat()
        ali.press("C-c")
        veli.expect("&&CLIENTEXIT&&|ali left the chat room. the chat room has been closed", "ali")
        self.assertEqual(ali.wait_status(), 130)
        self.wait_listed(self.registry, "veli")
        self.assertIn("loggin out from session. goodbye ali", ali.screen())

    def test_a_wrong_command_is_helped(self):
        ali = self.at_terminal("ali")
        for line, help_text in (("SEARCH", "peer: SEARCH NAME"), ("OK", "peer: OK NAME"),
                                ("hello", "peer: you are in no chat room"),
                                ("EXIT", "peer: you are in no chat room"),
                                ("OK GROUP 3", "peer: there is no request for group chat 3")):
            self.enter(ali, line)
            ali.wait_screen(help_text)
            self.last_line(ali, ">")
        self.enter(ali, "LOGOUT")
        self.assertEqual(ali.wait_status(), 65)

    def test_a_person_does_not_wait_for_another(self):
        self.join(self.registry, "veli")
        ali = self.at_terminal("ali")
        self.enter(ali, "CHAT REQUEST veli")
        self.enter(ali, "SEARCH nobody")
        ali.wait_screen("server: user not found")
        self.enter(ali, "GROUP CHAT veli")
        self.last_line(ali, "group 1>")
        self.enter(ali, "LOGOUT")
        ali.wait_screen("peer: you are in a chat room: EXIT GROUP before anything else")
        ali.press("C-d")
        ali.wait_status()
        self.wait_listed(self.registry, "veli")

    def test_nothing_from_outside_commands_the_terminal(self):
        ali, veli = self.in_chat()
        with socket.create_connection(("127.0.0.1", self.port_of(ali))) as partner:
            partner.sendall(frame("&&MESSAGE&&|veli: \x1b[2J\x1b[H\x07\u202egone"))
            ali.wait_screen(r"veli: \x1b[2J\x1b[H\x07<U+202E>gone")
        self.assertIn("has been successfully added", ali.screen())
        veli.cut()
        ali.wait_screen("server: veli left the chat room.")


if __name__ == "__main__":
    unittest.main()
