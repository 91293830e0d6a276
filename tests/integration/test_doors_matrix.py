#!/usr/bin/env python3
"""One registry with every door open: from each door to each, what docs/protocol/doors.md promises."""

import itertools
import signal
import socket
import unittest

from support.every_door import EveryDoorTest
from support.harness import DEADLINE, wait_until
from support.netchat import MessageInbox
from support.raw_http import RawConnection, call, classic_post, exchange, netchat_update, users
from support.rendezvous import PASSWORDS, frame
from support.room import PROMPT
from support.two_connection import LOGIN_FAILED, Link
from support.udp import Inbox

DOORS = ("classic", "netchat", "room", "two-connection", "rendezvous")

# How a text travels from a user of the first door to one of the second.
BY_NAME = "delivered"            # at once, to him alone
BY_CONSENT = "after consent"     # held; refused, or shown once he accepts
BY_CHAT = "in a chat"            # the sender opens one, which needs no answer
BETWEEN_TWO = "past the registry"  # the other consents, then their programs talk directly
IN_ROOM = "in the room"          # to all in it; so to those who have written to the room
IN_ROOM_CHAT = "in a chat with the room"

MATRIX = {
    # to:        classic     netchat     room          two-connection rendezvous
    "classic":        (BY_NAME, BY_NAME, BY_NAME, BY_NAME, BY_CONSENT),
    "netchat":        (BY_NAME, BY_NAME, BY_NAME, BY_NAME, BY_CONSENT),
    "room":           (IN_ROOM, IN_ROOM, IN_ROOM, IN_ROOM, IN_ROOM_CHAT),
    "two-connection": (BY_NAME, BY_NAME, BY_NAME, BY_NAME, BY_CONSENT),
    "rendezvous":     (BY_CHAT, BY_CHAT, BY_CHAT, BY_CHAT, BETWEEN_TWO),
}


def text_between(sender, reader):
    return f"günaydın {reader.name} | from {sender.name}, 10:30"


class MatrixTest(EveryDoorTest):
    def setUp(self):
        super().setUp()
        inboxes = Inbox(), MessageInbox()
        for inbox in inboxes:
            self.addCleanup(inbox.__exit__)
        self.users = self.everybody(*inboxes)

    def of_door(self, door):
        return [user for (where, _), user in self.users.items() if where == door]

    def test_from_each_door_to_each(self):
        ways = {BY_NAME: self.by_name, BY_CONSENT: self.by_consent, BY_CHAT: self.by_chat,
                BETWEEN_TWO: self.between_two, IN_ROOM: self.in_room,
                IN_ROOM_CHAT: self.in_room_chat}
        for here, outcomes in MATRIX.items():
            for there, outcome in zip(DOORS, outcomes, strict=True):
                for sender, reader in itertools.product(self.of_door(here), self.of_door(there)):
                    if sender is not reader:
                        with self.subTest(f"{sender.name} ({here}) to {reader.name} ({there})"):
                            ways[outcome](sender, reader)
        # Whoever needs not be asked has heard all that was for him, in its order, and nothing
        # else; those who must be asked are told nothing either.
        for user in self.of_door("rendezvous"):
            user.is_told_nothing()
        self.assertTrue(self.users["classic", "scripted"].inbox.is_empty())

    def by_name(self, sender, reader):
        result = sender.write(reader.name, text_between(sender, reader))
        reader.hear(sender.name, text_between(sender, reader))
        self.assertIn(result(), ("sent", None))

    def by_consent(self, sender, reader):
        result = sender.write(reader.name, "not wanted")
        reader.hear_request(sender.name)
        reader.is_told_nothing()
        reader.reject(sender.name)
        self.assertIn(result(), ("failed", None))
        result = sender.write(reader.name, text_between(sender, reader))
        reader.hear_request(sender.name)
        reader.accept(sender.name)
        reader.hear(sender.name, text_between(sender, reader))
        self.assertIn(result(), ("sent", None))
        result = sender.write(reader.name, "and more")
        reader.hear(sender.name, "and more")
        self.assertIn(result(), ("sent", None))
        reader.end_talk()

    def by_chat(self, sender, reader):
        sender.ask_for_chat(reader.name)
        sender.enter_chat(reader.name)
        sender.write_in_chat(text_between(sender, reader))
        reader.hear(sender.name, text_between(sender, reader))
        sender.end_talk()

    def between_two(self, sender, reader):
        sender.ask_for_chat(reader.name)
        reader.hear_request(sender.name)
        reader.reject(sender.name)
        sender.hear_rejection(reader.name)
        sender.ask_for_chat(reader.name)
        reader.hear_request(sender.name)
        reader.accept(sender.name)
        sender.enter_chat(reader.name)
        sender.write_in_chat(text_between(sender, reader))
        reader.hear_directly(sender.name, text_between(sender, reader))
        sender.end_talk()
        reader.hear_end_of(sender.name)

    def in_room(self, sender, reader):
        text = text_between(sender, reader)
        others = [user for user in self.of_door("room") if user is not sender]
        if reader in others:
            sender.write("room", text)
            return reader.hear_in_room(sender.name, text)
        reader.enter_room()
        for user in self.of_door("room"):
            user.hear_in_room(reader.name, "hello")
        sender.write("room", text)
        reader.hear("room", f"<{sender.name}> {text}")
        for user in others:
            user.hear_in_room(sender.name, text)
        return reader.leave_room()

    def in_room_chat(self, sender, reader):
        text = text_between(sender, reader)
        others = [user for user in self.of_door("room") if user is not sender]
        reader.ask_for_chat("room")
        reader.enter_chat("room")
        sender.write("room", text)  # he need say nothing to hear it
        reader.hear("room", f"<{sender.name}> {text}")
        for user in others:
            user.hear_in_room(sender.name, text)
        reader.write_in_chat("hello")
        for user in self.of_door("room"):
            user.hear_in_room(reader.name, "hello")
        reader.end_talk()

    def test_each_doors_list_shows_everybody(self):
        names = {user.name for user in self.users.values()}
        self.assertEqual(set(users(self.registry)), names)
        for (door, kind), user in self.users.items():
            with self.subTest(f"{door}, {kind}"):
                if door == "rendezvous":
                    self.assertEqual({name for name in names if user.is_found(name)},
                                     names - {user.name} if kind == "ours" else names)
                    self.assertFalse(user.is_found("nobody-of-that-name"))
                elif door != "room":  # whose dialect has no list
                    self.assertEqual(sorted(user.list()), sorted(names))
        self.check_gateway_ports(names)

    def check_gateway_ports(self, names):
        """Old programs are told where to write to each; no two users have one place."""
        for door in ("classic", "netchat"):
            places = self.users[door, "scripted"].list()
            self.assertEqual(len(set(places.values())), len(names))

    # -- names -------------------------------------------------------------------------------

    def test_a_name_that_is_taken_at_one_door_is_refused_at_every_other(self):
        taken = {door: self.users[door, "scripted"].name for door in DOORS}
        before = users(self.registry)
        attempts = {"classic": self.try_classic, "netchat": self.try_netchat,
                    "room": self.try_room, "rendezvous": self.try_rendezvous}
        for (holder, name), (door, attempt) in itertools.product(taken.items(), attempts.items()):
            with self.subTest(f"{name} of {holder} at {door}"):
                attempt(name)
        # Names come to the two-connection door by the file of accounts, while they are held.
        self.open_accounts(taken.values())
        for holder, name in taken.items():
            with self.subTest(f"{name} of {holder} at two-connection"):
                self.try_two_connection(name)
        self.assertEqual(users(self.registry), before)

    def try_classic(self, name):
        answer = exchange(self.registry, classic_post(f"REGISTER {name}@127.0.0.1:50001"))
        self.assertEqual(answer.split(b"\r\n")[0], b"HTTP/1.1 406 Not Acceptable")

    def try_netchat(self, name):
        """From elsewhere: UPDATE from its holder's address would be the holder's own."""
        with socket.create_connection((self.registry.host, self.registry.port), DEADLINE,
                                      ("127.0.0.2", 0)) as link:
            link.sendall(netchat_update(f"{name}@127.0.0.2:50001"))
            answer = link.recv(4096)
        self.assertEqual(answer.split(b"\r\n")[0], b"HTTP/1.1 406 Not Acceptable")

    def try_room(self, name):
        self.room_link(PROMPT).ask(name, PROMPT)

    def try_rendezvous(self, name):
        user = self.connect(self.registry)
        user.send_bytes(frame(f"&&REGISTER&&|{name}|7000", first=True))
        _, notice = user.read()
        self.assertTrue(notice.startswith("your name was refused."), notice)
        user.expect_end()

    def open_accounts(self, names):
        lines = {**PASSWORDS, **{name: "any" for name in names if name not in PASSWORDS}}
        (self.dir / "accounts.txt").write_text("".join(f"{n} {p}\n" for n, p in lines.items()))
        before = self.registry.stderr.count(b"accounts")
        self.registry.signal(signal.SIGHUP)
        wait_until(lambda: self.registry.stderr.count(b"accounts") > before
                   and self.registry.stderr.endswith(b"\n"), "SIGHUP is dealt with")

    def try_two_connection(self, name):
        link = Link(socket.create_connection(("127.0.0.1", self.registry.login_port), DEADLINE))
        self.addCleanup(link.cut)
        link.ask(f"/login {name} {PASSWORDS.get(name, 'any')}", LOGIN_FAILED)


if __name__ == "__main__":
    unittest.main()
