#!/usr/bin/env python3
"""The two-connection door and clients that break: cut off, killed, slow, deaf, too many.

After each of them the list is right, whoever waited is answered 304, and others are served.
"""

import contextlib
import resource
import select
import signal
import socket
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.harness import DEADLINE, DEADLINE_SCALE, wait_until
from support.tcp_queue import wait_server_has_read
from support.two_connection import (AT_ONCE, BYE, CONNECTED, DELIVERED, LOGGED_IN, NOT_CONNECTED,
                                    NOT_DELIVERED, RECEIPT, DoorTest, Link, Stopwatch)

DIAL_TIME = 3.0
LINE_TIME = 10.0
WRITE_TIME = 30.0
# More than the kernel's buffers of a connection take for a server that does not read.
KERNEL_BYTES = 48 << 20
ENDS = (Link.cut, Link.reset)


class CutTest(DoorTest):
    """Carol's connections end in every way at every step; dave stays."""

    def setUp(self):
        super().setUp()
        self.dave = self.online("dave").confirm_all()

    def deaf_port(self):
        """A port that takes no connection and refuses none: its queue is full."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            filler = socket.socket()
            self.addCleanup(filler.close)
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        return listener.getsockname()[1]

    def check_gone(self, deadline=DEADLINE):
        self.wait_listed("dave", deadline=deadline)
        self.dave.ask("/to carol hi", NOT_DELIVERED)
        self.dave.ask("/toall hi", DELIVERED)
        self.online("carol").leave()

    def test_before_the_login(self):
        for end in ENDS:
            for said in ("", "/lo", "/login carol s3cret", "/login carol wrong\n",
                         "/login carol s3cret\n"):
                user = self.connect()
                user.la.send(said)
                end(user.la)
                self.check_gone()

    def test_between_login_and_push_connection(self):
        for end in ENDS:
            for said in ("", "/po", "/list\n"):
                user = self.log_in("carol")
                user.la.send(said)
                end(user.la)
                self.check_gone()

    def test_while_the_registry_calls(self):
        for end, latest in ((Link.cut, DIAL_TIME + AT_ONCE), (Link.reset, AT_ONCE)):
            user = self.log_in("carol")
            user.la.send(f"/port {self.deaf_port()}\n")
            wait_server_has_read(user.la.socket)
            end(user.la)
            self.check_gone(deadline=latest)

    def test_a_port_that_does_not_answer_is_202_in_three_seconds_and_holds_up_nobody(self):
        carol, clock = self.log_in("carol"), Stopwatch()
        carol.la.send(f"/port {self.deaf_port()}\n/list\n")
        while not select.select([carol.la.socket], [], [], 0.02)[0]:
            asked = Stopwatch()
            self.dave.ask("/to dave hi", DELIVERED)
            self.assertLess(asked.seconds, AT_ONCE)
        self.assertGreaterEqual(clock.seconds, DIAL_TIME)
        self.assertLess(clock.seconds, DIAL_TIME + AT_ONCE)
        carol.la.expect(NOT_CONNECTED + "301 dave carol\n")
        carol.go_online().leave()

    def test_online(self):
        for end in ENDS:
            for link in ("la", "lb"):
                carol = self.online("carol")
                end(getattr(carol, link))
                self.check_gone()

    def test_while_a_message_of_his_awaits_its_receipt(self):
        erin = self.online("erin")
        for end in ENDS:
            for link in ("la", "lb"):
                carol = self.online("carol")
                carol.la.send(f"/to erin {link}\n")
                erin.lb.expect(f"/from carol {link}\n")
                end(getattr(carol, link))
                if (end, link) != (Link.cut, "la"):  # that one may still wait for his answer
                    self.wait_listed("dave", "erin")
                erin.lb.send(RECEIPT)
                self.wait_listed("dave", "erin")
                self.dave.la.send("/to erin next\n")
                erin.expect_pushed("/from dave next\n")
                self.dave.la.expect(DELIVERED)
                erin.ask("/to carol hi", NOT_DELIVERED)

    def test_whoever_waits_for_a_receipt_of_his_is_answered_at_once(self):
        for end in (*ENDS, lambda link: link.socket.shutdown(socket.SHUT_WR)):
            for link in ("la", "lb"):
                for command in ("to carol", "toall"):
                    carol = self.online("carol")
                    clock = Stopwatch()
                    self.dave.la.send(f"/{command} hi\n")
                    carol.lb.read_line()
                    end(getattr(carol, link))
                    self.dave.la.expect(NOT_DELIVERED)
                    self.assertLess(clock.seconds, AT_ONCE)
                    self.wait_listed("dave")

    def test_killed(self):
        for variant in "ab":
            client = self.start_old_client("carol", variant)
            self.dave.ask("/to carol hi", DELIVERED)
            client.kill()
            self.check_gone()

    def test_killed_while_it_owes_a_receipt(self):
        client = self.start_old_client("carol")
        client.signal(signal.SIGSTOP)
        clock = Stopwatch()
        self.dave.la.send("/to carol hi\n")
        wait_server_has_read(self.dave.la.socket)
        client.kill()
        self.dave.la.expect(NOT_DELIVERED)
        self.assertLess(clock.seconds, AT_ONCE)
        self.check_gone()

    def test_an_old_program_says_so_when_the_registry_is_killed(self):
        client = self.start_old_client("carol")
        self.registry.kill()
        client.write("/list")
        self.assertEqual(client.wait(), 0)
        self.assertEqual(client.stderr, b"")

    def test_a_push_connection_that_breaks_right_before_it_is_written_to(self):
        """The registry reads 256 connections at a time: the break is the 257th thing to see, and
        the message the first."""
        erin = self.online("erin")
        others = [self.connect() for _ in range(255)]
        self.registry.signal(signal.SIGSTOP)
        self.dave.la.send("/to erin hi\n")
        for other in others:
            other.la.send("x")
        erin.lb.reset()
        self.registry.signal(signal.SIGCONT)
        self.dave.la.expect(NOT_DELIVERED)
        erin.la.expect_end()

    def test_a_registry_that_stops_answers_what_waits(self):
        carol = self.online("carol")
        self.dave.la.send("/to carol hi\n")
        carol.lb.expect("/from dave hi\n")
        self.registry.signal(signal.SIGTERM)
        self.dave.la.expect(NOT_DELIVERED)
        for link in (self.dave.la, carol.la, carol.lb):
            link.expect_end()
        self.assertEqual(self.registry.wait(), 0)


class SlowTest(DoorTest):
    def test_a_line_of_one_byte_a_second_is_given_up_after_ten(self):
        carol, dave = self.online("carol"), self.online("dave").confirm_all()
        clock = Stopwatch()
        with contextlib.suppress(ConnectionError):
            for byte in "/to dave a very slow typist":
                carol.la.send(byte)
                if select.select([carol.la.socket], [], [], 1)[0]:  # a second, or the end
                    break
        carol.la.expect_end()
        self.assertGreaterEqual(clock.seconds, LINE_TIME)
        self.assertLess(clock.seconds, LINE_TIME + 1 + AT_ONCE)
        carol.lb.expect_end()
        self.wait_listed("dave")
        self.assertEqual(dave.received, [])

    def flood(self, link, line):
        """Sends and never reads until nothing more is taken for a second."""
        link.socket.setblocking(False)
        sent = 0
        while select.select([], [link.socket], [], 1)[1]:
            with contextlib.suppress(BlockingIOError):
                while sent < KERNEL_BYTES:
                    sent += link.socket.send(line * 10_000)
            self.assertLess(sent, KERNEL_BYTES, "the registry goes on taking commands")

    def test_who_never_reads_his_answers_is_dropped_and_others_are_served(self):
        carol, dave = self.online("carol"), self.online("dave").confirm_all()
        before = self.metric("process_resident_memory_bytes")
        self.flood(carol.la, b"/list\n")
        for line in (b"\n", b"/list\n", b"no command\n"):  # strangers can do it, too
            self.flood(self.connect().la, line)
        clock = Stopwatch()
        while clock.seconds < WRITE_TIME + 5 * DEADLINE_SCALE and "carol" in self.names():
            asked = Stopwatch()
            dave.ask("/to dave hi", DELIVERED)
            self.assertLess(asked.seconds, AT_ONCE)
            select.select([], [], [], 0.05)  # leaves the processor to others
        self.assertEqual(self.names(), {"dave"})
        grown = self.metric("process_resident_memory_bytes") - before
        if DEADLINE_SCALE == 1:  # sanitizers keep what was freed
            self.assertLess(grown, 16 << 20, "what he sent and did not read is not kept")


class CrowdTest(DoorTest):
    def test_a_thousand_idle_connections_while_others_talk(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        idle = [self.connect() for _ in range(1000)]
        carol, dave = self.online("carol").confirm_all(), self.online("dave").confirm_all()
        clock = Stopwatch()
        for _ in range(200):
            carol.ask("/to dave hi", DELIVERED)
            dave.ask("/toall hi", DELIVERED)
        self.assertLess(clock.seconds, 10 * DEADLINE_SCALE)
        self.assertEqual(self.metric("registry_two_connection_clients"), 1002)
        for number, user in enumerate(idle):
            ENDS[number % 2](user.la)
        wait_until(lambda: self.metric("registry_two_connection_clients") == 2, "they are gone")

    def test_two_who_write_to_each_other_at_once_never_wait_for_each_other(self):
        carol, dave = self.online("carol").confirm_all(), self.online("dave").confirm_all()

        def write(sender, to):
            for number in range(200):
                sender.ask(f"/to {to} {number}", DELIVERED)

        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(write, carol, "dave"), pool.submit(write, dave, "carol")]:
                done.result(DEADLINE)
        for user, sender in ((carol, "dave"), (dave, "carol")):
            self.assertEqual(user.received, [f"/from {sender} {n}\n" for n in range(200)])

    def test_two_hundred_messages_each_way_sent_without_waiting(self):
        carol, dave = self.online("carol").confirm_all(), self.online("dave").confirm_all()
        for number in range(200):
            carol.la.send(f"/to dave {number}\n")
            dave.la.send(f"/to carol {number}\n")
        for user in (carol, dave):
            user.la.expect(DELIVERED * 200)

    def test_everybody_calls_out_to_everybody_at_once(self):
        names = ("carol", "dave", "erin", "frank", "grace", "heidi")
        everybody = [self.online(name).confirm_all() for name in names]
        for user in everybody:
            user.la.send("".join(f"/toall {number}\n" for number in range(50)))
        for user in everybody:
            user.la.expect(DELIVERED * 50)
        for user in everybody:
            self.assertEqual(len(user.received), 50 * (len(names) - 1))

    def test_logins_and_logouts_in_a_storm_leave_nobody_behind(self):
        def visit(name, times=20):
            for _ in range(times):
                user = self.connect()
                user.ask(f"/login {name} {'s3cret' if name == 'carol' else 'hunter2'}", LOGGED_IN)
                user.la.send(f"/port {user.listen()}\n")
                user.take_push_link()
                user.la.expect(CONNECTED)
                user.ask("/exit", BYE)
                user.la.expect_end()

        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(visit, "carol"), pool.submit(visit, "dave")]:
                done.result(DEADLINE)
        self.wait_listed()


if __name__ == "__main__":
    unittest.main()
