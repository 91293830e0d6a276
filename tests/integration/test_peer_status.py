#!/usr/bin/env python3
"""What the peer's exit status says, and what it makes of registries that do not behave."""

import os
import signal
import subprocess
import unittest

from support.harness import DEADLINE, IntegrationTest, our_program, wait_until
from support.raw_http import post, users
from support.registry_test import RegistryTest
from support.scripted_server import ScriptedServer, answer
from support.udp import Inbox, send_datagram

BUSY = answer("503 Service Unavailable",
              '{"code":50301,"http":503,"error":"the disk is full","link":""}')
MISDIRECTED = answer("421 Misdirected Request",
                     '{"code":42101,"http":421,"error":"not my name","link":""}')


class OddRegistryTest(IntegrationTest):
    """A registry that answers, but not as one would like."""

    COMMANDS = (["list"], ["unicast", "bob", "x"], ["multicast", "[bob]", "x"], ["broadcast", "x"])

    def check(self, expected, said, *answers):
        for words in self.COMMANDS:
            with self.subTest(words), ScriptedServer(*answers) as server:
                sender = self.run_sender("ci", server, *words)
                self.assertEqual((sender.status, sender.stdout), (expected, b""), sender.stderr)
                self.assertIn(said, sender.stderr.decode())
                self.assertIn(server.address, sender.stderr.decode())
                self.assertEqual(len(server.requests), 1, "asked once, not again and again")

    def test_one_that_is_busy_is_75_with_its_reason(self):
        self.check(75, "the disk is full", BUSY)
        self.check(75, "slow down", answer("429 Too Many Requests", "slow down\n", "text/plain"))

    def test_one_that_refuses_is_77_with_its_reason(self):
        self.check(77, "not my name", MISDIRECTED)

    def test_one_that_breaks_the_protocol_is_76(self):
        for broken in (answer("500 Internal Server Error"), answer("302 Found"),
                       answer("200 OK", '{"v":1,"users":'), answer("200 OK", "[1,2]"),
                       answer("200 OK", '{"v":1,"version":1,"users":3}'),
                       b"220 mail ready\r\n", b"\0\1\2\3", b"HTTP/1.1 banana\r\n\r\n"):
            with self.subTest(broken):
                self.check(76, "", broken)

    def test_one_that_is_silent_is_asked_again_while_the_time_lasts_and_keeps_nothing_back(self):
        """What was begun before leaves first: its own time runs while the registry is silent."""
        with Inbox() as inbox:
            listed = answer("200 OK", f"bob@{inbox.endpoint}\n", "text/plain")
            with ScriptedServer(None, listed, None, listed) as server:
                sender = self.start_peer("ci", server, "send", "--plain", "--timeout", "60")
                sender.write('broadcast "one"\nunicast bob "two"')
                self.assertEqual(inbox.receive(), b"ci: one")
                asked = len(server.requests)
                self.assertEqual(inbox.receive(), b"ci: two")
                sender.end_input()
                self.assertEqual(sender.wait(), 0, sender.stderr)
                self.assertEqual(sender.stdout, b"message is sent to bob\n" * 2)
                # Ahead, for the broadcast, in vain for bob, and for bob.
                self.assertEqual((asked, len(server.requests)), (2, 4))

    def test_one_that_closes_without_a_word_is_76(self):
        self.check(76, "without an answer", b"")

    def test_what_it_says_reaches_the_terminal_harmless(self):
        evil = answer("503 Service Unavailable", "\x1b[31mred\x07\u202e\n", "text/plain")
        with ScriptedServer(evil) as server:
            sender = self.run_sender("ci", server, "list")
        for bad in ("\x1b", "\x07", "\u202e"):
            self.assertNotIn(bad, sender.stderr.decode())

    def test_a_busy_one_is_tried_again_by_a_listener_until_it_takes_the_name(self):
        with ScriptedServer(BUSY, answer("200 OK", "", "text/plain")) as server:
            bob = self.start_listener("bob", server)
            self.assertIn(b"the disk is full", bob.stderr)
            self.assertEqual(len(server.requests), 2)

    def test_one_that_refuses_a_listener_ends_it_with_77(self):
        with ScriptedServer(MISDIRECTED) as server:
            bob = self.start_peer("bob", server, "listen")
            self.assertEqual(bob.wait(), 77)
            bob.wait_stderr("not my name")

    def test_something_else_on_the_port_ends_a_listener_with_76(self):
        with ScriptedServer(b"SSH-2.0-OpenSSH_9.2\r\n") as server:
            self.assertEqual(self.start_peer("bob", server, "listen").wait(), 76)


class SilentRegistryTest(IntegrationTest):
    """A registry that takes the request and never answers."""

    def test_w_ends_send_and_listen(self):
        with ScriptedServer(None) as server:
            sender = self.run_sender("ci", server, "-W", "0.3", "list")
            self.assertEqual((sender.status, sender.stdout), (124, b""))
            bob = self.start_peer("bob", server, "listen", "-W", "0.3")
            self.assertEqual(bob.wait(), 69)  # never listed: the registry is the reason

    def test_a_signal_ends_both(self):
        for mode, number, expected in (("send", signal.SIGINT, 130), ("send", signal.SIGTERM, 143),
                                       ("listen", signal.SIGINT, 130),
                                       ("listen", signal.SIGTERM, 143)):
            with self.subTest(f"{mode} {number.name}"), ScriptedServer(None) as server:
                peer = self.start_peer("bob", server, mode)
                if mode == "send":
                    peer.write("list")
                wait_until(lambda: server.requests, "the request has arrived")
                peer.signal(number)
                self.assertEqual(peer.wait(), expected)


class ClosedOutputTest(RegistryTest):
    """Nobody reads any more: 74, and the name is given up."""

    def run_with_closed_output(self, *words):
        """Starts the peer on a pipe; returns the process and the end to close."""
        read_end, write_end = os.pipe()
        process = subprocess.Popen(
            [our_program("peer"), "bob", self.registry.address, *words], stdout=write_end,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=self.environment())
        self.addCleanup(process.kill)
        os.close(write_end)
        return process, read_end

    def test_send_is_74(self):
        process, read_end = self.run_with_closed_output("send", "list")
        os.close(read_end)
        self.assertEqual(process.wait(DEADLINE), 74)

    def test_listen_is_74_and_logs_out(self):
        process, read_end = self.run_with_closed_output("listen")
        wait_until(lambda: self.is_listed("bob"), "bob is listed")
        os.close(read_end)
        endpoint = users(self.registry)["bob"]["endpoint"]
        process.host, process.port = "127.0.0.1", int(endpoint.rpartition(":")[2])
        send_datagram(process, "ali: into the void")
        self.assertEqual(process.wait(DEADLINE), 74)
        self.assertFalse(self.is_listed("bob"))


class WorstTest(RegistryTest):
    """Of several commands the worst decides; of several recipients all count."""

    def check(self, status, *lines):
        sender = self.run_sender("ci", self.registry, stdin="\n".join(lines))
        self.assertEqual(sender.status, status, (lines, sender.stdout))
        return sender.stdout.decode()

    def test_the_worst_decides_whatever_the_order(self):
        with Inbox() as inbox:
            post(self.registry, f"REGISTER bob@{inbox.endpoint}")
            well, some = 'unicast bob "x"', 'multicast [bob, zoe] "x"'
            nobody, bad = 'unicast zoe "x"', "dance"
            for status, *lines in ((0, well, well), (1, some, well), (67, some, nobody),
                                   (65, bad, nobody), (67, 'multicast [zoe, yan] "x"')):
                self.check(status, *lines)
                self.check(status, *reversed(lines))

    def test_oneself_alone_is_nobody(self):
        with Inbox() as inbox:
            post(self.registry, f"REGISTER ci@{inbox.endpoint}")
            self.assertEqual(self.check(67, 'broadcast "x"'), "there is no online user\n")
            self.assertTrue(inbox.is_empty())

    def test_an_unknown_name_where_nobody_is_listed_is_told_in_the_old_words(self):
        self.assertEqual(self.check(67, 'unicast zoe "x"'),
                         "There is no online users!\nuser zoe is not found\n")

    def test_an_empty_multicast_is_told_in_the_old_words(self):
        self.assertEqual(self.check(65, 'multicast [] "x"'), "please enter a user in []\n")


if __name__ == "__main__":
    unittest.main()
