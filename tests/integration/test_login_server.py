#!/usr/bin/env python3
"""`peer … login` at a server that goes away, says nothing, or does what the old one never does."""

import signal
import socket
import unittest

from support.login_test import ONLINE, LoginTest


class GoneTest(LoginTest):
    def test_no_server_is_69(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            address = "127.0.0.1:%d" % closed.getsockname()[1]
        carol = self.run_login("carol", address)
        self.assertEqual(carol.status, 69)
        self.assertIn(b"cannot reach the server at ", carol.stderr)

    def test_a_server_that_goes_at_each_step(self):
        for step, status in (("login", 76), ("port", 69), ("command", 69), ("exit", 0)):
            with self.subTest(step):
                server = self.start_server("--gone-at", step)
                carol = self.run_login("carol", server, stdin="/list\n/exit\n")
                self.assertEqual(carol.status, status)
                if status:
                    self.assertIn(b"closed the connection", carol.stderr)

    def test_a_server_that_is_killed(self):
        server = self.start_server()
        carol = self.online("carol", server)
        server.kill()
        self.assertEqual(self.ended(carol).status, 69)

    def test_a_server_that_closes_the_connection_for_messages(self):
        carol = self.start_login("carol", self.start_server("--close-messages"))
        self.assertEqual(self.ended(carol).status, 69)
        self.assertIn(b"closed the connection for messages", carol.stderr)

    def test_a_server_that_says_nothing_is_left_when_asked_to(self):
        for step in ("login", "port", "command", "exit"):
            with self.subTest(step):
                server = self.start_server("--silent-at", step)
                carol = self.start_login("carol", server)
                carol.write("/exit" if step == "exit" else "/list")
                server.wait_stderr({"login": "got '/login", "port": "got '/port",
                                    "command": "got '/list", "exit": "got '/exit"}[step])
                if step != "exit":
                    carol.signal(signal.SIGTERM)
                self.assertEqual(self.ended(carol).status, 0 if step == "exit" else 143)

    def test_something_that_is_no_such_server_is_76(self):
        registry = self.start_registry()
        carol = self.run_login("carol", registry)
        self.assertEqual(carol.status, 76)
        self.assertIn(b"does not answer as a two-connection server", carol.stderr)


class ScriptedTest(LoginTest):
    """A server played by the test, for what the old one never does."""

    def setUp(self):
        super().setUp()
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        self.carol = self.start_login("carol", "127.0.0.1:%d" % listener.getsockname()[1])
        self.commands, _ = listener.accept()
        self.commands.settimeout(15)
        self.addCleanup(self.commands.close)

    def expect(self, line):
        self.assertEqual(self.commands.recv(1024), line)

    def connect_back(self):
        self.expect(b"/login carol s3cret\n")
        self.commands.sendall(b"101 Authentication successful\n")
        self.port = int(self.commands.recv(1024).removeprefix(b"/port "))
        self.messages = socket.create_connection(("127.0.0.1", self.port))
        self.messages.settimeout(15)
        self.addCleanup(self.messages.close)
        self.commands.sendall(b"201 Build connection successful\n")
        self.carol.wait_stderr(ONLINE)

    def receipts(self, count):
        seen = b""
        while seen.count(b"\n") < count:
            piece = self.messages.recv(1024)
            self.assertTrue(piece, seen)
            seen += piece
        self.assertEqual(seen, b"302 Message receipt successful\n" * count)

    def test_glued_and_cut_lines_of_messages(self):
        self.connect_back()
        self.messages.sendall(b"/from dave one\n/broadcastfrom dave two\n/forceQuit\n/from dave th")
        self.receipts(3)
        self.messages.sendall(b"ree\r\n")
        self.receipts(1)
        self.carol.wait_stdout("dave: one\ndave: two\ndave: three\n")
        self.carol.wait_stderr("a line from .* is no message and was left out")

    def test_a_reply_byte_by_byte(self):
        self.connect_back()
        self.carol.write("/list")
        self.expect(b"/list\n")
        for byte in b"301 carol dave\n":
            self.commands.sendall(bytes([byte]))
        self.carol.wait_stdout("301 carol dave\n")

    def test_a_long_list(self):
        self.connect_back()
        self.carol.write("/list")
        self.expect(b"/list\n")
        names = b" ".join(b"%064d" % number for number in range(30_000))
        self.commands.sendall(b"301 " + names + b"\n")
        self.carol.wait_stdout(b"301 " + names + b"\n")

    def test_one_connection_from_the_server_and_no_other(self):
        self.expect(b"/login carol s3cret\n")
        self.commands.sendall(b"101 Authentication successful\n")
        port = int(self.commands.recv(1024).removeprefix(b"/port "))
        with socket.create_connection(("127.0.0.1", port),
                                      source_address=("127.0.0.2", 0)) as stranger:
            stranger.settimeout(15)
            self.assertEqual(stranger.recv(1), b"")
        with socket.create_connection(("127.0.0.1", port)) as first:
            self.commands.sendall(b"201 Build connection successful\n")
            self.carol.wait_stderr(ONLINE)
            with self.assertRaises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
            first.sendall(b"/from dave hi\n")
            self.carol.wait_stdout("dave: hi\n")

    def test_garbage_is_76(self):
        self.expect(b"/login carol s3cret\n")
        self.commands.sendall(b"\x1b[2JHello\n")
        self.assertEqual(self.ended(self.carol).status, 76)
        self.assertIn(rb"does not answer as a two-connection server: \x1b[2JHello",
                      self.carol.stderr)


class StrangerTest(LoginTest):
    def test_an_old_server_connects_back_by_another_address_of_this_machine(self):
        server = self.start_server("--own-address", "127.0.0.3")
        carol = self.run_login("carol", server, "-n", "1", "/to carol hi")
        self.assertEqual(carol.status, 0)
        self.assertIn(b"carol: hi\n", carol.stdout)

    def test_a_stranger_who_is_faster_is_turned_away(self):
        server = self.start_server("--stranger")
        carol = self.run_login("carol", server, "/list")
        self.assertEqual((carol.status, carol.stdout), (0, b"301 carol\n"))
        server.wait_stderr(r"stranger at carol got b''")


if __name__ == "__main__":
    unittest.main()
