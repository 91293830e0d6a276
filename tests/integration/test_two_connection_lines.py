#!/usr/bin/env python3
"""How the two-connection door cuts what it reads into lines, and which lines it refuses."""

import itertools
import socket
import unittest

from support.tcp_queue import wait_server_has_read
from support.two_connection import (BYE, CONNECTED, DELIVERED, LOGGED_IN, NOT_DELIVERED, RECEIPT,
                                    RECEIPT_LATEST, UNRECOGNIZED, DoorTest)


class FramingTest(DoorTest):
    def setUp(self):
        super().setUp()
        self.carol = self.online("carol").confirm_all()
        # What carol may say online, and what she must hear.
        self.commands = (("/list\n", "301 carol\n"), ("/to carol hi there\n", DELIVERED),
                         ("/to nobody hi\n", NOT_DELIVERED), ("/toall hi there\n", DELIVERED),
                         ("/dance\n", UNRECOGNIZED), ("\n", UNRECOGNIZED),
                         ("/list\r\n", "301 carol\n"), ("/to carol hi\r\n", DELIVERED))

    def send_split(self, user, line, at):
        """The line in two segments, of which the first is read alone."""
        data = line.encode()
        user.la.send(data[:at])
        wait_server_has_read(user.la.socket)
        user.la.send(data[at:])

    def test_a_command_split_at_any_byte_is_the_same_command(self):
        for line, answer in self.commands:
            for at in range(1, len(line)):
                self.send_split(self.carol, line, at)
                self.carol.la.expect(answer)
        self.assertEqual(set(self.carol.received), {"/from carol hi there\n", "/from carol hi\n"})

    def test_a_login_and_an_exit_split_at_any_byte(self):
        for at in range(1, len("/login dave hunter2\n")):
            dave = self.connect()
            self.send_split(dave, "/login dave hunter2\n", at)
            dave.la.expect(LOGGED_IN)
            self.send_split(dave, "/exit\n", 1 + at % 5)
            dave.la.expect(BYE)
            dave.la.expect_end()

    def test_a_port_split_at_any_byte(self):
        for at in range(1, len("/port 50000\n")):
            dave = self.log_in("dave")
            self.send_split(dave, f"/port {dave.listen()}\n", at)
            dave.take_push_link()
            dave.la.expect(CONNECTED)
            dave.leave()

    def test_commands_glued_to_the_next_are_answered_in_order(self):
        for (first, one), (second, two) in itertools.product(self.commands, repeat=2):
            self.carol.la.send(first + second)
            self.carol.la.expect(one + two)

    def test_a_whole_visit_in_one_segment(self):
        dave = self.connect()
        dave.la.send(f"/login dave hunter2\n/port {dave.listen()}\n/list\n/to carol one\n"
                     "/to carol two\n/toall three\n/dance\n/exit\n/list\n")
        dave.take_push_link()
        dave.la.expect(LOGGED_IN + CONNECTED + "301 carol dave\n" + DELIVERED * 3 + UNRECOGNIZED
                       + BYE)
        dave.la.expect_end()
        dave.lb.expect_end()
        self.assertEqual(self.carol.received, ["/from dave one\n", "/from dave two\n",
                                               "/broadcastfrom dave three\n"])

    def test_a_whole_visit_byte_by_byte(self):
        dave = self.connect()
        for line, answer in (("/login dave hunter2\n", LOGGED_IN),
                             (f"/port {dave.listen()}\n", CONNECTED),
                             ("/list\n", "301 carol dave\n"),
                             ("/to carol hi\n", DELIVERED), ("/exit\n", BYE)):
            for byte in line:
                dave.la.send(byte)
                wait_server_has_read(dave.la.socket)
            dave.la.expect(answer)

    def test_two_lines_wait_for_each_others_receipt(self):
        """A program that reads two pushed lines at once confirms only one."""
        dave, erin = self.online("dave"), self.online("erin")
        erin.la.send("/to dave one\n/to dave two\n")
        dave.lb.expect("/from erin one\n")
        self.carol.ask("/to carol x", DELIVERED)  # the registry has been at its sockets since
        dave.lb.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            dave.lb.socket.recv(1)
        dave.lb.socket.settimeout(RECEIPT_LATEST)
        dave.lb.send(RECEIPT)
        dave.expect_pushed("/from erin two\n")
        erin.la.expect(DELIVERED * 2)

    def test_a_command_that_follows_waits_for_the_answer_before(self):
        dave = self.online("dave")
        self.carol.la.send("/to dave hi\n/list\n")
        wait_server_has_read(self.carol.la.socket)
        dave.expect_pushed("/from carol hi\n")
        self.carol.la.expect(DELIVERED + "301 carol dave\n")

    def test_ten_thousand_commands_at_once_are_all_answered(self):
        self.carol.la.send("/list\n" * 10_000)
        self.carol.la.expect("301 carol\n" * 10_000)

    def test_a_client_that_says_no_more_is_answered_before_the_end(self):
        dave = self.online("dave")
        dave.la.send("/to carol last words\n/list\n")
        dave.la.socket.shutdown(socket.SHUT_WR)
        dave.la.expect(DELIVERED + "301 carol dave\n")
        dave.la.expect_end()
        self.wait_listed("carol")


class BoundsTest(DoorTest):
    def setUp(self):
        super().setUp()
        self.carol, self.dave = self.online("carol"), self.online("dave")

    def check_delivered(self, text, end="\n"):
        self.carol.la.send(f"/to dave {text}{end}")
        self.dave.expect_pushed(f"/from carol {text}\n")
        self.carol.la.expect(DELIVERED)

    def test_4096_bytes_are_a_line_and_one_more_is_401(self):
        room = 4096 - len("/to dave ")
        self.check_delivered("x" * room)
        self.check_delivered("x" * room, "\r\n")
        self.check_delivered("ş" * (room // 2))
        for line in ("/to dave " + "x" * (room + 1), "/to dave " + "x" * (room + 1) + "\r",
                     "/to dave " + "ş" * (room // 2 + 1), "x" * 4097, "/list" + " " * 4092):
            self.carol.ask(line, UNRECOGNIZED)
        self.check_delivered("still here")

    def test_an_endless_line_is_one_401(self):
        self.carol.la.send(b"/to dave " + b"x" * 1_000_000 + b"\n/list\n")
        self.carol.la.expect(UNRECOGNIZED + "301 carol dave\n")

    def test_what_is_not_utf8_is_401(self):
        for text in (b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
                     b"a\x80b"):
            for command in (b"/to dave ", b"/toall ", b"/to ", b""):
                self.carol.ask(command + text, UNRECOGNIZED)
        self.check_delivered("still here")

    def test_control_characters_other_than_tab_are_401(self):
        controls = [bytes([code]) for code in [*range(32), 127] if code not in (9, 10)]
        controls += ["\x85".encode(), "\x9b31m".encode(), b"\r\r"]
        for control in controls:
            self.carol.ask(b"/to dave a" + control + b"b", UNRECOGNIZED)
            self.carol.ask(b"/toall " + control + b"b", UNRECOGNIZED)
        self.carol.ask(b"/to dave a\r\r", UNRECOGNIZED)
        self.check_delivered("still\there")

    def test_a_line_may_end_with_crlf(self):
        self.check_delivered("hi", "\r\n")
        self.carol.ask("/list\r", "301 carol dave\n")
        self.connect().ask("/login erin correct-horse\r", LOGGED_IN)
        self.carol.ask("/exit\r", BYE)


if __name__ == "__main__":
    unittest.main()
