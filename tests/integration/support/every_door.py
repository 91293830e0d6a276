"""Users of every door at one registry, of both kinds, who all speak and hear by the same few calls.

*Scripted* users send the bytes of the old programs and compare what comes byte for byte; *ours* are
`peer` in its modes. docs/protocol/doors.md says what becomes of a text from each to each.
"""

import re
import socket

from support.harness import DEADLINE, wait_until
from support.netchat import ID, Gateway, say, start_netchat_peer, wait_read
from support.netchat_http import NetchatRegistry
from support.raw_http import classic_list, classic_post, exchange, post, split_answer
from support.rendezvous import (ACCEPTED, ASKED, ENTERED, FOUND_NOBODY, RendezvousTest, YOU_LEFT,
                                frame)
from support.room import IN_ROOM, PROMPT, WELCOME
from support.two_connection import DELIVERED, NOT_DELIVERED, Link

REJECTED = "you have rejected the chat request!"
LEFT = "you left the chat room."


class Seen:
    """What a program has printed since it was looked at last."""

    def __init__(self, program):
        self.program, self.at = program, len(program.stdout)

    def expect(self, text):
        data = text.encode()
        at = wait_until(lambda: self.program.stdout.find(data, self.at) + 1,
                        f"{text!r} on stdout of {self.program.label}")
        self.at = at - 1 + len(data)


class User:
    """`write` hands a text over; what it returns is called for what came of it: 'sent', 'failed',
    or None where the dialect does not say."""

    joins_room = True
    needs_consent = False

    def __init__(self, test, name):
        self.test, self.registry, self.name = test, test.registry, name

    def post(self, to, text):
        """As a program of today would on the user's behalf: the old one has no words for it."""
        return post(self.registry, text, f"/v1/to/{to}?from={self.name}").status

    def enter_room(self):
        self.test.assertIn(self.post("room", "hello"), (200, 202))

    def leave_room(self):
        self.test.assertIn(self.post("room", "/leave"), (200, 202))

    def end_talk(self):
        """Ends what `write` began."""


class RoomWriter(User):
    """Writes to the room as to anybody, and is told what came of it."""

    def enter_room(self):
        self.test.assertEqual(self.write("room", "hello")(), "sent")

    def leave_room(self):
        self.test.assertEqual(self.write("room", "/leave")(), "sent")


class ScriptedClassic(User):
    def __init__(self, test, name, inbox):
        super().__init__(test, name)
        self.inbox = inbox
        answer = exchange(self.registry, classic_post(f"REGISTER {name}@{inbox.endpoint}"))
        test.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    def list(self):
        items = split_answer(exchange(self.registry, classic_list())).text.split("\r\n")[0]
        return dict(item.split("@") for item in items.split(",") if item)

    def write(self, to, text):
        host, _, port = self.list()[to].rpartition(":")
        with socket.socket(type=socket.SOCK_DGRAM) as outbox:
            outbox.sendto(f"{self.name}: {text}".encode(), (host, int(port)))
        return lambda: None

    def hear(self, sender, text):
        self.test.assertEqual(self.inbox.receive().decode(), f"{sender}: {text}")


class OurClassic(RoomWriter):
    def __init__(self, test, name):
        super().__init__(test, name)
        self.listener = test.start_listener(name, self.registry)
        self.seen = Seen(self.listener)

    def list(self):
        lines = self.test.run_sender(self.name, self.registry, "list").stdout.decode().split("\n")
        return lines[1:-1]

    def write(self, to, text):
        sender = self.test.start_peer(self.name, self.registry, "send", "unicast", to, text)

        def result():
            status = sender.wait()
            sender.dispose()
            said = sender.stdout.decode()
            self.test.assertEqual(said, f"message is sent to {to}\n" if status == 0 else "")
            return "sent" if status == 0 else "failed"
        return result

    def hear(self, sender, text):
        self.seen.expect(f"{sender}: {text}\n")


class ScriptedNetchat(User):
    def __init__(self, test, name, inbox):
        super().__init__(test, name)
        self.inbox = inbox
        self.http = NetchatRegistry(self.registry.host, self.registry.port)
        test.assertTrue(self.http.update(name, inbox.host, inbox.port))

    def list(self):
        return self.http.list()

    def write(self, to, text):
        say(Gateway(self.list()[to]), f'{self.name}: "{text}"')
        return lambda: None

    def hear(self, sender, text):
        heard = self.inbox.take().decode()
        # Our own program adds an id, where an old one does not look.
        self.test.assertEqual(re.sub(f" id={ID}$", "", heard), f'{sender}: "{text}"')


class OurNetchat(User):
    def __init__(self, test, name):
        super().__init__(test, name)
        self.peer = start_netchat_peer(test, name, self.registry)

    def list(self):
        seen = Seen(self.peer)
        self.peer.write("LIST")
        seen.expect("]\n")
        return re.findall(r">>\[(.*)\]\n", self.peer.stdout.decode())[-1].split(", ")

    def write(self, to, text):
        seen = Seen(self.peer)
        self.peer.write(f'SEND {to} "{text}"')

        def result():
            wait_until(lambda: re.search(rb">>(Message sent!|Failed to send message: .*)\n",
                                         self.peer.stdout[seen.at:]), "what came of it")
            return "sent" if b">>Message sent!" in self.peer.stdout[seen.at:] else "failed"
        return result

    def hear(self, sender, text):
        wait_read(self.peer, sender, f">>{text} - {sender}\n")


class ScriptedRoom(User):
    def __init__(self, test, name):
        super().__init__(test, name)
        self.link = test.room_link(PROMPT)
        self.link.ask(name, WELCOME)

    def write(self, to, text):
        assert to == "room", "this dialect has no private messages"
        self.link.send(f"{text}\n")
        return lambda: None

    def hear(self, sender, text):
        self.link.expect(f"<{sender} to you> {text}\n")

    def hear_in_room(self, sender, text):
        self.link.expect(f"<{sender}> {text}\n")


class OurRoom(User):
    def __init__(self, test, name):
        super().__init__(test, name)
        self.peer = test.start_peer(name, test.registry.room, "room")
        self.peer.wait_stderr(IN_ROOM)
        self.seen = Seen(self.peer)

    def write(self, to, text):
        assert to == "room", "this dialect has no private messages"
        self.peer.write(text)
        return lambda: None

    def hear(self, sender, text):
        self.seen.expect(f"<{sender} to you> {text}\n")

    def hear_in_room(self, sender, text):
        self.seen.expect(f"<{sender}> {text}\n")


class ScriptedTwoConnection(RoomWriter):
    def __init__(self, test, name):
        super().__init__(test, name)
        self.user = test.online(test.registry, name)

    def list(self):
        self.user.la.send("/list\n")
        code, *names = self.user.la.read_line().split()
        self.test.assertEqual(code, "301")
        return names

    def write(self, to, text):
        self.user.la.send(f"/to {to} {text}\n")
        return lambda: {DELIVERED: "sent", NOT_DELIVERED: "failed"}[self.user.la.read_line()]

    def hear(self, sender, text):
        self.user.expect_pushed(f"/from {sender} {text}\n")


class OurTwoConnection(RoomWriter):
    def __init__(self, test, name, password):
        super().__init__(test, name)
        door = f"127.0.0.1:{test.registry.login_port}"
        self.peer = test.start_peer(name, door, "login", PEER_PASSWORD=password)
        self.peer.wait_stderr(rb"is logged in")
        self.seen = Seen(self.peer)

    def list(self):
        seen = Seen(self.peer)
        self.peer.write("/list")
        seen.expect("301 ")
        at = seen.at
        seen.expect("\n")
        return self.peer.stdout[at:seen.at].decode().split()

    def write(self, to, text):
        seen = Seen(self.peer)
        self.peer.write(f"/to {to} {text}")

        def result():
            wait_until(lambda: re.search(rb"30[34] .*\n", self.peer.stdout[seen.at:]), "a reply")
            return "sent" if b"303 " in self.peer.stdout[seen.at:] else "failed"
        return result

    def hear(self, sender, text):
        self.seen.expect(f"{sender}: {text}\n")


class ScriptedRendezvous(User):
    needs_consent = True

    def __init__(self, test, name):
        super().__init__(test, name)
        self.user = test.join(self.registry, name)
        self.link = None

    def is_found(self, name):
        self.user.send(f"&&SEARCH&&|{name}|{self.name}")
        cause, answer = self.user.read()
        self.test.assertEqual(cause, self.name)
        return answer != FOUND_NOBODY

    def ask_for_chat(self, to):
        self.user.send(f"&&CHATREQUEST&&|{to}|{self.name}")

    def enter_chat(self, to):
        """Reads that the other has accepted."""
        cause, data = self.user.read()
        text, _, port = data.rpartition("|")
        self.test.assertEqual((cause, text), (to, f"&&CLIENTOK&&|{ACCEPTED.format(to)}"))
        self.link = socket.create_connection(("127.0.0.1", int(port)), timeout=DEADLINE)
        self.test.addCleanup(self.link.close)

    def write_in_chat(self, text):
        self.link.sendall(frame(f"&&MESSAGE&&|{self.name}: {text}"))

    def end_talk(self):
        self.user.ask(f"&&EXIT&&|{self.name}", YOU_LEFT)

    def hear_end_of(self, partner):
        self.user.expect(
            f"&&CLIENTEXIT&&|{partner} left the chat room. the chat room has been closed", partner)

    def hear_request(self, sender):
        self.user.expect(ASKED.format(sender), sender)

    def reject(self, sender):
        self.user.ask(f"&&REJECT&&|{self.name}|{sender}", REJECTED)

    def hear_rejection(self, by):
        self.user.expect(f"{by} rejected the chat request!", by)

    def accept(self, sender):
        self.user.send(f"&&OK&&|{self.name}|{sender}|{self.user.port}")
        cause, data = self.user.read()
        text, _, _ = data.rpartition("|")
        self.test.assertEqual((cause, text), (self.name, f"&&CLIENTOK&&|{ENTERED.format(sender)}"))

    def hear(self, sender, text):
        self.user.expect(f"&&MESSAGE&&|{sender}: {text}", sender)

    def hear_directly(self, sender, text):
        self.user.listener.settimeout(DEADLINE)
        link, _ = self.user.listener.accept()
        self.test.addCleanup(link.close)
        link.settimeout(DEADLINE)
        wanted = frame(f"&&MESSAGE&&|{sender}: {text}")
        self.test.assertEqual(link.recv(4096), wanted)

    def is_told_nothing(self):
        self.user.is_quiet()


class OurRendezvous(User):
    needs_consent = True

    def __init__(self, test, name):
        super().__init__(test, name)
        self.peer = test.start_meet(name, self.registry)
        self.seen = Seen(self.peer)

    def is_found(self, name):
        self.peer.write(f"SEARCH {name}")
        seen = self.seen.at
        self.seen.expect("\n")
        return f"{name} found." in self.peer.stdout[seen:].decode()

    def ask_for_chat(self, to):
        self.peer.write(f"CHAT REQUEST {to}")

    def enter_chat(self, to):
        self.seen.expect(f"server: {ACCEPTED.format(to)}\n")

    def write_in_chat(self, text):
        self.peer.write(text)

    def end_talk(self):
        self.peer.write("EXIT")
        self.seen.expect(f"server: {LEFT}\n")

    def hear_end_of(self, partner):
        self.seen.expect(f"server: {partner} left the chat room. the chat room has been closed\n")

    def hear_request(self, sender):
        self.seen.expect(f"server: {ASKED.format(sender)}\n")

    def reject(self, sender):
        self.peer.write(f"REJECT {sender}")
        self.seen.expect(f"server: {REJECTED}\n")

    def hear_rejection(self, by):
        self.seen.expect(f"server: {by} rejected the chat request!\n")

    def accept(self, sender):
        self.peer.write(f"OK {sender}")
        self.seen.expect(f"server: {ENTERED.format(sender)}\n")

    def hear(self, sender, text):
        self.seen.expect(f"{sender}: {text}\n")

    hear_directly = hear

    def is_told_nothing(self):
        self.test.assertFalse(self.is_found("nobody-of-that-name"))


class EveryDoorTest(RendezvousTest):
    """A registry with all doors open, and two users of each: one scripted, one ours."""

    def setUp(self):
        super().setUp()
        self.registry = registry = self.start_both_doors("--room", "127.0.0.1:0")
        registry.room = registry.wait_stderr(rb"listening +room=(\S+)").group(1).decode()

    def room_link(self, wanted):
        """A connection to the room that has read the prompt."""
        host, _, port = self.registry.room.rpartition(":")
        link = Link(socket.create_connection((host, int(port)), timeout=DEADLINE))
        self.addCleanup(link.cut)
        link.expect(wanted)
        return link

    def everybody(self, inbox, message_inbox):
        """All ten, by door and kind."""
        return {
            ("classic", "scripted"): ScriptedClassic(self, "zoe", inbox),
            ("classic", "ours"): OurClassic(self, "lara"),
            ("netchat", "scripted"): ScriptedNetchat(self, "nora", message_inbox),
            ("netchat", "ours"): OurNetchat(self, "nina"),
            ("room", "scripted"): ScriptedRoom(self, "rita"),
            ("room", "ours"): OurRoom(self, "rosa"),
            ("two-connection", "scripted"): ScriptedTwoConnection(self, "carol"),
            ("two-connection", "ours"): OurTwoConnection(self, "dave", "hunter2"),
            ("rendezvous", "scripted"): ScriptedRendezvous(self, "ali"),
            ("rendezvous", "ours"): OurRendezvous(self, "veli"),
        }
