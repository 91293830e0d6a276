#!/usr/bin/env python3
"""`peer … login` off a terminal, at an old two-connection server."""

import contextlib
import json
import os
import signal
import socket
import threading
import unittest

from support.harness import wait_until
from support.login_test import ONLINE, LoginTest
from support.ports import unused_port

RECEIPT = rb"receipted b'302 Message receipt successful\\n'"


class ConversationTest(LoginTest):
    def test_three_users_talk(self):
        server = self.start_server()
        carol, dave, erin = (self.online(n, server) for n in ("carol", "dave", "erin"))
        carol.write("/list")
        carol.wait_stdout("301 carol dave erin\n")
        carol.write("/to dave Hi there")
        dave.wait_stdout("carol: Hi there\n")
        carol.wait_stdout_has("303 Message delivery successful\n")
        erin.write("/toall Lunch?")
        carol.wait_stdout_has("erin: Lunch?\n")
        dave.wait_stdout("carol: Hi there\nerin: Lunch?\n")
        erin.wait_stdout("303 Message delivery successful\n")
        dave.write("/to nobody x")
        dave.wait_stdout_has("304 Message delivery failed\n")
        dave.write("/dance")
        dave.wait_stdout_has("401 Unrecognized message\n")
        erin.write("/exit")
        erin.wait_stdout("303 Message delivery successful\n310 Bye bye\n")
        dave.end_input()
        carol.end_input()
        self.assertEqual([self.ended(p).status for p in (carol, dave, erin)], [0, 65, 0])
        self.assertEqual(carol.stdout, b"301 carol dave erin\n303 Message delivery successful\n"
                                       b"erin: Lunch?\n")
        self.assertEqual(len(receipts_at(server)), 3)

    def test_servers_that_differ(self):
        server = self.start_server("--short", "--broadcast")
        dave = self.online("dave", server)
        carol = self.run_login("carol", server, stdin="/to dave one\n/toall two\n")
        self.assertEqual(carol.status, 0)
        self.assertEqual(carol.stdout, b"303 Message delivery success\n" * 2)
        dave.wait_stdout("carol: one\ncarol: two\n")

    def test_commands_of_a_pipe_are_said_one_at_a_time(self):
        # The server takes whatever one recv() returns for one command.
        server = self.start_server()
        dave = self.online("dave", server)
        lines = "".join(f"/to dave message {number}\n" for number in range(100))
        carol = self.run_login("carol", server, stdin=lines + "/exit\n")
        self.assertEqual(carol.status, 0)
        self.assertEqual(carol.stdout, b"303 Message delivery successful\n" * 100 +
                         b"310 Bye bye\n")
        dave.wait_stdout("".join(f"carol: message {number}\n" for number in range(100)))

    def test_two_who_write_to_each_other_at_once_do_not_wait_for_each_other(self):
        server = self.start_server()
        carol, dave = self.online("carol", server), self.online("dave", server)
        for number in range(50):
            carol.write(f"/to dave {number}")
            dave.write(f"/to carol {number}")
        for peer in (carol, dave):
            peer.wait_stdout_has("303 Message delivery successful\n", count=50)
            peer.end_input()
            self.assertEqual(self.ended(peer).status, 0)

    def test_json(self):
        server = self.start_server()
        dave = self.online("dave", server, "--json", "-n", "1")
        dave.write("/list")
        self.assertEqual(self.run_login("carol", server, "/to", "dave", 'say "hi"').status, 0)
        reply, message = (json.loads(line) for line in self.ended(dave).stdout.splitlines())
        self.assertEqual((reply["event"], reply["code"], reply["text"]), ("reply", 301, "dave"))
        self.assertEqual((message["event"], message["from"], message["to"], message["text"]),
                         ("message", "carol", ["dave"], 'say "hi"'))

    def test_host_names_and_ipv6(self):
        server = self.start_server()
        self.assertEqual(self.run_login("carol", f"localhost:{server.port}", "/list").status, 0)
        server = self.start_server("--bind", "::1")
        dave = self.online("dave", f"[::1]:{server.port}")
        carol = self.run_login("carol", f"localhost:{server.port}", "/to dave hi")
        self.assertEqual((carol.status, carol.stdout), (0, b"303 Message delivery successful\n"))
        dave.wait_stdout("carol: hi\n")


def receipts_at(server):
    return [line for line in server.stderr.splitlines() if b"receipted" in line]


class WordsTest(LoginTest):
    """A command on the command line."""

    def setUp(self):
        super().setUp()
        self.server = self.start_server()

    def test_each_outcome_has_its_status(self):
        self.online("dave", self.server)
        for words, status, out in ((("/list",), 0, "301 dave carol"),
                                   (("/to", "dave", "hi there"), 0,
                                    "303 Message delivery successful"),
                                   (("/to dave hi",), 0, "303 Message delivery successful"),
                                   (("/to", "nobody", "hi"), 75, "304 Message delivery failed"),
                                   (("/dance",), 64, "401 Unrecognized message")):
            with self.subTest(words):
                carol = self.run_login("carol", self.server, *words)
                self.assertEqual((carol.status, carol.stdout.decode()), (status, out + "\n"))
                self.server.wait_stderr(r"carol is gone")

    def test_toall_that_misses_somebody_is_1(self):
        server = self.start_server("--receipt-time", "0.2")
        dave = self.online("dave", server)
        dave.signal(signal.SIGSTOP)
        self.assertEqual(self.run_login("carol", server, "/toall", "hi").status, 1)
        dave.signal(signal.SIGCONT)

    def test_what_cannot_be_sent_is_refused_before_anything_is_said(self):
        for words in (("/to", "dave", "two\nlines"), ("/to", "dave", "x" * 4096), ("",)):
            carol = self.run_login("carol", self.server, *words)
            self.assertEqual((carol.status, carol.stdout), (64, b""))
        self.assertNotIn(b"got", self.server.stderr)

    def test_it_reads_no_input_but_a_password(self):
        carol = self.run_login("carol", self.server, "/list", stdin="s3cret\n/dance\n", password="")
        self.assertEqual((carol.status, carol.stdout), (0, b"301 carol\n"))

    def test_n_waits_for_an_answer(self):
        dave = self.online("dave", self.server)
        carol = self.start_login("carol", self.server, "-n", "1", "/to", "dave", "ping")
        dave.wait_stdout("carol: ping\n")
        dave.write("/to carol pong")
        self.assertEqual(self.ended(carol).status, 0)
        # On two connections, so either may come first.
        self.assertEqual(sorted(carol.stdout.splitlines()),
                         [b"303 Message delivery successful", b"dave: pong"])


class PasswordTest(LoginTest):
    def setUp(self):
        super().setUp()
        self.server = self.start_server()

    def test_from_input(self):
        carol = self.run_login("carol", self.server, stdin="s3cret\n/list\n", password="")
        self.assertEqual((carol.status, carol.stdout), (0, b"301 carol\n"))
        nameless = self.run_login("-", self.server, stdin="dave\npw-of-dave\n/list\n", password="")
        self.assertEqual((nameless.status, nameless.stdout), (0, b"301 dave\n"))

    def test_from_a_file(self):
        for content in ("s3cret", "s3cret\n", "s3cret\r\nmore\n"):
            (self.dir / "secret").write_text(content)
            # The file goes before the environment, and input has commands alone.
            carol = self.run_login("carol", self.server, "--password-file", self.dir / "secret",
                                   stdin="/list\n", password="wrong")
            self.assertEqual((carol.status, carol.stdout), (0, b"301 carol\n"))

    def test_a_file_that_has_none_is_78(self):
        for content, why in (("\ns3cret\n", "is empty"), ("two words\n", "has a blank"),
                             ("x" * 1025, "is longer than 1,024 bytes"),
                             ("\x1b\n", "has a control character"), (None, "no such file")):
            path = self.dir / "secret"
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_text(content)
            carol = self.run_login("carol", self.server, "--password-file", path)
            self.assertEqual(carol.status, 78)
            self.assertIn(why, carol.stderr.decode())
        self.assertNotIn(b"got", self.server.stderr)
        self.assertEqual(self.run_login("carol", self.server, password="a b").status, 78)

    def test_input_without_one_is_65(self):
        for stdin, why in (("", "no password"), ("\n", "is empty"), ("a b\n", "has a blank")):
            carol = self.run_login("carol", self.server, stdin=stdin, password="")
            self.assertEqual(carol.status, 65)
            self.assertIn(why, carol.stderr.decode())
        nameless = self.run_login("-", self.server, stdin="server\n", password="")
        self.assertEqual(nameless.status, 65)
        self.assertIn(b"the name is reserved", nameless.stderr)

    def test_nothing_is_printed_but_what_is_asked_for(self):
        carol = self.run_login("carol", self.server, "-q", stdin="s3cret\n", password="")
        self.assertEqual((carol.status, carol.stdout, carol.stderr), (0, b"", b""))

    def test_the_password_is_not_among_the_arguments(self):
        carol = self.online("carol", self.server)
        with open(f"/proc/{carol.pid}/cmdline", "rb") as cmdline:
            self.assertNotIn(b"s3cret", cmdline.read())


class RefusedTest(LoginTest):
    def test_a_refused_login_is_shown_and_77(self):
        for code, line in (("102", "102 Authentication failed"),
                           ("103", "103 You are already logged in"),
                           ("401", "401 Authentication failed")):
            with self.subTest(code):
                server = self.start_server("--refuse", code)
                carol = self.run_login("carol", server, stdin="/list\n", password="wrong")
                self.assertEqual((carol.status, carol.stdout.decode()), (77, line + "\n"))
                self.assertEqual(server.stderr.count(b"got '/login"), 1)

    def test_who_is_logged_in_already(self):
        server = self.start_server()
        self.online("carol", server)
        carol = self.run_login("carol", server)
        self.assertEqual((carol.status, carol.stdout), (77, b"103 You are already logged in\n"))

    def test_no_connection_back_is_69(self):
        carol = self.run_login("carol", self.start_server("--no-connection"), "/list")
        self.assertEqual((carol.status, carol.stdout), (69, b"202 Build connection failed\n"))
        self.assertIn(b"could not connect back to TCP port ", carol.stderr)

    def test_a_chosen_port(self):
        port = unused_port()
        with socket.create_server(("127.0.0.1", port)):
            server = self.start_server()
            carol = self.run_login("carol", server, "--port", str(port))
            self.assertEqual((carol.status, carol.stdout), (69, b""))
            self.assertIn(f"cannot listen on TCP port {port}: the port is in use",
                          carol.stderr.decode())
            server.wait_stderr(r"got '/exit\\n'")
        for _ in range(2):  # and at once again
            carol = self.run_login("carol", server, "--port", str(port), "/list")
            self.assertEqual((carol.status, carol.stdout), (0, b"301 carol\n"))
            server.wait_stderr(rf"got '/port {port}\\n'")


class LeavingTest(LoginTest):
    def setUp(self):
        super().setUp()
        self.server = self.start_server()

    def test_signals(self):
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(number):
                carol = self.online("carol", self.server)
                carol.signal(number)
                self.assertEqual(self.ended(carol).status, status)
                wait_until(lambda: self.server.stderr.endswith(b"got '/exit\\n'\ncarol is gone\n"),
                           "it took leave")

    def test_n(self):
        dave = self.online("dave", self.server, "-n", "2")
        dave.end_input()
        carol = self.run_login("carol", self.server, stdin="/to dave one\n/to dave two\n")
        self.assertEqual(carol.stdout, b"303 Message delivery successful\n" * 2)
        self.assertEqual(self.ended(dave).status, 0)
        self.assertEqual(dave.stdout, b"carol: one\ncarol: two\n")

    def test_w(self):
        carol = self.start_login("carol", self.server, "-W", "0.3")
        carol.end_input()
        self.assertEqual(self.ended(carol).status, 124)
        self.server.wait_stderr(r"got '/exit\\n'")

    def test_w_while_nothing_answers(self):
        with socket.create_server(("127.0.0.1", 0), backlog=1) as deaf:
            address = "127.0.0.1:%d" % deaf.getsockname()[1]
            carol = self.start_login("carol", address, "-W", "0.3")
            self.assertEqual(self.ended(carol).status, 124)

    def test_w_while_nobody_writes_the_password(self):
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        for is_open in (False, True):  # by a writer who then says nothing
            with self.subTest(is_open=is_open), contextlib.ExitStack() as stack:
                if is_open:
                    writer = os.open(fifo, os.O_RDWR)
                    stack.callback(os.close, writer)
                carol = self.start_login("carol", self.server, "--password-file", fifo, "-W", "0.3",
                                         password="")
                self.assertEqual(self.ended(carol).status, 124)

    def test_lines_that_cannot_be_sent_are_65_and_stop_nothing(self):
        carol = self.start_login("carol", self.server)
        for line in (b"x" * 4097, b"\xff", b"\x1b[2J", b"", b"/list\r", b"/exit"):
            carol.write(line)
        self.assertEqual(self.ended(carol).status, 65)
        self.assertEqual(carol.stdout, b"301 carol\n310 Bye bye\n")
        self.assertEqual(carol.stderr.count(b"peer: not sent: the line "), 3)

    def test_a_last_line_without_an_end_counts(self):
        carol = self.start_login("carol", self.server)
        carol._process.stdin.write(b"/list")
        carol.end_input()
        self.assertEqual(self.ended(carol).stdout, b"301 carol\n")


class OutputTest(LoginTest):
    """A receipt means: it was shown."""

    def test_closed_output_ends_it_with_74_and_no_receipt(self):
        server = self.start_server()
        read_end, write_end = os.pipe()
        dave = self.start_with_output("dave", server, write_end)
        os.close(read_end)
        carol = self.run_login("carol", server, "/to", "dave", "hi")
        self.assertEqual((carol.status, carol.stdout), (75, b"304 Message delivery failed\n"))
        self.assertEqual(dave.wait(), 74)
        self.assertNotIn(b"receipted b'302", server.stderr)

    def test_a_slow_reader_delays_the_receipt_and_nothing_else(self):
        server = self.start_server()
        read_end, write_end = os.pipe()
        self.fill(write_end)
        dave = self.start_with_output("dave", server, write_end)
        carol = self.start_login("carol", server, "/to", "dave", "hi")
        server.wait_stderr("got '/to dave hi")
        dave.wait_idle()
        self.assertNotIn(b"receipted", server.stderr)
        self.assertTrue(carol.is_running())
        rest = threading.Thread(target=self.drain, args=(read_end,), daemon=True)
        rest.start()
        self.assertEqual(self.ended(carol).status, 0)
        server.wait_stderr(RECEIPT)
        dave.signal(signal.SIGTERM)
        self.assertEqual(dave.wait(), 143)
        rest.join()
        self.assertTrue(self.drained.endswith(b"carol: hi\n"))

    def test_who_stops_reading_cannot_hold_it(self):
        server = self.start_server()
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        self.fill(write_end)
        dave = self.start_with_output("dave", server, write_end)
        self.start_login("carol", server, "/to", "dave", "hi")
        server.wait_stderr("got '/to dave hi")
        dave.signal(signal.SIGTERM)
        self.assertEqual(dave.wait(), 143)

    def start_with_output(self, name, server, write_end):
        """A peer whose standard output is that pipe."""
        path = f"/proc/{os.getpid()}/fd/{write_end}"
        peer = self.online_under(["sh", "-c", f'exec "$@" >{path}', "sh"], name, server)
        os.close(write_end)
        return peer

    def online_under(self, under, name, server):
        peer = self.start_login(name, server, under=under)
        peer.wait_stderr(ONLINE)
        return peer

    @staticmethod
    def fill(write_end):
        os.set_blocking(write_end, False)
        try:
            while True:
                os.write(write_end, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(write_end, True)

    def drain(self, read_end):
        self.drained = b""
        while piece := os.read(read_end, 65536):
            self.drained += piece
        os.close(read_end)


if __name__ == "__main__":
    unittest.main()
