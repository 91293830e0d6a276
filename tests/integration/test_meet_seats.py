#!/usr/bin/env python3
"""Rendezvous users in every seat: old client and our registry, `peer … meet` and the old registry,
ours with ours, and both kinds of client in one chat."""

import itertools
import re
import signal
import unittest

from support import golden
from support.harness import wait_until
from support.rendezvous import (ACCEPTED, ASKED, CLOSED, ENTERED, INVITED, RendezvousTest, server)

MADE = ("you have added yourself to group chat {}. a request has been sent to your added friends. "
        "type EXIT GROUP to leave.")


class Seats(RendezvousTest):
    """Each test is run with every pairing of clients at every registry."""

    def each_seating(self, clients=2, registries=("ours", "old")):
        for registry in registries:
            for kinds in itertools.product(("ours", "old"), repeat=clients):
                with self.subTest(registry=registry, clients=kinds):
                    where = self.start_door() if registry == "ours" else self.start_old_registry()
                    names = ("ali", "veli", "can")[:clients]
                    seated = [self.seat(name, kind, where) for name, kind in zip(names, kinds)]
                    yield where, seated
                    if registry == "old":
                        self.check_threads(where)
                    for program in seated:
                        program.dispose()
                    where.dispose()

    def seat(self, name, kind, where):
        client = (self.start_meet if kind == "ours" else self.start_old_client)(name, where)
        client.kind, client.name = kind, name
        return client

    def hears(self, client, text, count=1):
        client.wait_stdout_has(text, count=count)

    def hears_text(self, client, sender, text):
        client.wait_stdout_has(f"{sender}: {text}\n")

    def begin_chat(self, asker, asked):
        asker.write(f"CHAT REQUEST {asked.name}")
        self.hears(asked, server(ASKED.format(asker.name)))
        asked.write(f"OK {asker.name}")
        self.hears(asker, server(ACCEPTED.format(asked.name)))
        self.hears(asked, server(ENTERED.format(asker.name)))

    def says(self, speaker, hearer, text):
        speaker.write(text)
        self.hears_text(hearer, speaker.name, text)

    def leaves(self, client):
        """LOGOUT: an old client kills itself. (Its partner's program ends with it, if that is an
        old one: it hears nobody any more.)"""
        client.write("LOGOUT")
        self.assertEqual(client.wait(), 0 if client.kind == "ours" else 128 + signal.SIGKILL)
        client.wait_stderr(f"loggin out from session. goodbye {client.name}")


class MatrixTest(Seats):
    def test_a_private_chat(self):
        for where, (ali, veli) in self.each_seating():
            registry = "old" if where.label == "old registry" else "ours"
            ali.write("SEARCH veli")
            self.hears(ali, "server: veli found. its address is ('127.0.0.1', ")
            self.begin_chat(ali, veli)
            self.says(ali, veli, "merhaba veli")
            self.says(veli, ali, "merhaba ali")
            ali.write("nasılsın | iyi misin")
            self.hears_text(veli, "ali", "nasılsın | iyi misin" if veli.kind == "ours"
                            else "nasılsın   iyi misin")
            veli.write("EXIT")
            self.hears(veli, server("you left the chat room."))
            self.hears(ali, server(CLOSED.format("veli")))
            self.check_threads(ali, veli)
            shown = "".join(f"-- {c.name}, {c.kind} client, {registry} registry\n"
                            f"{c.stdout.decode()}" for c in (ali, veli))
            golden.check(self, f"rendezvous_{registry}_{ali.kind}_{veli.kind}.txt",
                         re.sub(r"\('127\.0\.0\.1', \d+\)", "('127.0.0.1', PORT)", shown))
            if ali.kind == veli.kind == "old":
                continue  # a second chat breaks the first one's connection, and a thread with it
            # Again: connections of before stay, and are used.
            self.begin_chat(veli, ali)
            self.says(veli, ali, "tekrar")
            self.says(ali, veli, "evet")
            ali.write("EXIT")
            self.hears(ali, server("you left the chat room."))
            self.hears(veli, server(CLOSED.format("ali")))
            self.check_threads(ali, veli)
            self.leaves(ali)
            self.leaves(veli)

    def test_a_request_is_refused(self):
        for _, (ali, veli) in self.each_seating():
            ali.write("CHAT REQUEST veli")
            self.hears(veli, server(ASKED.format("ali")))
            veli.write("REJECT ali")
            self.hears(veli, server("you have rejected the chat request!"))
            self.hears(ali, server("veli rejected the chat request!"))
            self.check_threads(ali, veli)

    def test_a_group_chat(self):
        for _, (ali, veli, can) in self.each_seating(clients=3):
            ali.write("GROUP CHAT veli can")
            self.hears(ali, server(MADE.format(1)))
            self.hears(veli, server(INVITED.format("ali", 1)))
            self.hears(can, server(INVITED.format("ali", 1)))
            veli.write("OK GROUP 1")
            for member in (ali, veli):
                self.hears(member, server("veli joined the group chat"))
            can.write("REJECT GROUP 1")
            self.hears(can, server("you have rejected the group chat request!"))
            self.hears(ali, server("can rejected the group chat request!"))
            self.says(veli, ali, "selam")
            self.says(ali, veli, "selam veli")
            for member in (ali, veli):
                # Shown once where it was typed: by an old client when it comes back.
                own = {"ali": "selam veli", "veli": "selam"}[member.name]
                if member.kind == "old":
                    self.hears_text(member, member.name, own)
                else:
                    self.assertNotIn(f"{member.name}: {own}".encode(), member.stdout)
            self.assertNotIn(b"selam", can.stdout)
            can.write("CHAT REQUEST ali")
            self.hears(can, server("the user is busy. try again later."))
            veli.write("EXIT GROUP")
            self.hears(veli, server("you left the chat room."))
            self.hears(ali, server("veli left the chat room."))
            ali.write("EXIT GROUP")
            self.hears(ali, server("you left the chat room."))
            self.check_threads(ali, veli, can)

    def test_names_that_nobody_has_hurt_nobody(self):
        """Our clients do not name them to the old registry; ours lives with old clients that do."""
        for where, (ali, veli) in self.each_seating():
            if where.label == "old registry" and "old" in (ali.kind, veli.kind):
                continue  # these two break each other, as they always did
            for command in ("CHAT REQUEST nobody", "OK nobody", "REJECT nobody",
                            "GROUP CHAT nobody", "OK GROUP 99", "REJECT GROUP 99"):
                ali.write(command)
            ali.write("SEARCH veli")
            self.hears(ali, "veli found.")
            veli.write("SEARCH ali")
            self.hears(veli, "ali found.")
            self.check_threads(ali, veli)

    def test_words_anywhere_in_an_old_clients_lines(self):
        """`BOOK` sends OK, and so on: our registry ignores or answers it, and all goes on."""
        for _, (ali, veli) in self.each_seating(registries=("ours",)):
            if ali.kind != "old":
                continue
            for line in ("I read a BOOK", "RESEARCH", "hello", "EXIT", "EXIT GROUP"):
                ali.write(line)
            ali.write("CHAT REQUEST veli")
            self.hears(veli, server(ASKED.format("ali")))
            veli.write("OK ali")
            self.hears(ali, server(ACCEPTED.format("veli")))
            ali.write("BOOK a GROUP CHAT")
            ali.write("hello")
            self.hears_text(veli, "ali", "hello")
            self.check_threads(ali, veli)


class HelloTest(RendezvousTest):
    def test_an_old_registry_keeps_our_client_for_as_long_as_it_says_hello(self):
        registry = self.start_old_registry("--limit", "2")
        ali = self.start_meet("ali", registry, "--hello", "0.5")
        for count in range(1, 6):
            wait_until(lambda: registry.stderr.count(b"resetting activity time") >= count,
                       f"HELLO {count}")
        self.assertNotIn(b"terminating", registry.stderr)
        ali.write("LOGOUT")
        self.assertEqual(ali.wait(), 0)
        registry.wait_stderr("terminating .* username: ali")
        self.check_threads(registry)

    def test_our_registry_keeps_an_old_client_for_as_long_as_it_says_hello(self):
        registry = self.start_door("--lease", "2", "--log-format", "classic")
        ali = self.start_old_client("ali", registry, "--hello", "0.5")
        veli = self.join(registry, "veli")
        registry.wait_stderr(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d;INFO;accepted/registered new "
                             r"connection from \('127.0.0.1', (\d+)\):\1 username: ali")
        for count in range(1, 6):
            wait_until(lambda: registry.stderr.count(b"resetting activity time from") >= count,
                       f"HELLO {count}")
        veli.expect("nothing was heard of you for too long. you have been removed. start again.",
                    "server")
        veli.expect_end()
        registry.wait_stderr(r";INFO;terminating \('127.0.0.1', \d+\):\d+ username: veli\n")
        self.assertNotIn(b"username: ali\n", registry.stderr.partition(b"terminating")[2]
                         .partition(b"\n")[0])
        self.check_threads(ali)
        self.wait_listed(registry, "ali")

    def test_the_log_begins_as_the_old_one_does(self):
        registry = self.start_door("--log-format", "classic")
        for text in (f"TCP server is running at {registry.door} and it is listening for "
                     "connections!", f"UDP server is running at 127.0.0.1:{registry.udp} and it is "
                     "listening for connections!", "successfully started register user thread",
                     "successfully started update activity thread",
                     "successfully started process message thread"):
            registry.wait_stderr(r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d;INFO;" + text + "$")


if __name__ == "__main__":
    unittest.main()
