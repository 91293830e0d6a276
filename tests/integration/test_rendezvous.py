#!/usr/bin/env python3
"""The rendezvous door as its users speak it, byte by byte, and messages to and from other doors."""

import re
import socket
import unittest

from support import golden
from support.harness import wait_until
from support.ports import unused_port
from support.raw_http import call
from support.rendezvous import FOUND_NOBODY, LOGGED_OUT, YOU_LEFT, RendezvousTest, frame

ACCEPTED = "&&CLIENTOK&&|{} accepted the chat request. you can send your message now!|{}"
ENTERED = ("&&CLIENTOK&&|you have entered into a private chat with {}. you can send your message "
           "now!|{}")
CLOSED = "&&CLIENTEXIT&&|{} left the chat room. the chat room has been closed"
TOO_LATE = "your message was not sent. the chat that it was for is over."
ASKED = "{} would like to chat with you? (OK/REJECT)"


class Transcript:
    """A conversation on real sockets, written down with what the registry really said."""

    def __init__(self, test, registry):
        self.test, self.registry = test, registry
        self.users = {}
        self.lines = []
        self.ports = {}

    def note(self, name, mark, data):
        text = data.decode(errors="backslashreplace")
        for port, label in self.ports.items():
            text = text.replace(str(port), label)
        self.lines.append(f"{name:5}{mark} {text}".rstrip())

    def comes(self, name):
        user = self.users[name] = self.test.connect(self.registry)
        user.name = name
        user.port = 7000 + len(self.users)
        self.ports[user.socket.getsockname()[1]] = f"{name.upper()}-END"
        self.says(name, f"&&REGISTER&&|{name}|{user.port}", first=True)

    def says(self, name, data, first=False):
        sent = frame(data, first)
        self.users[name].send_bytes(sent)
        self.note(name, ">", sent)

    def hears(self, *names):
        """One pair of frames each, with headers as they are."""
        for name in names:
            user, seen = self.users[name], b""
            for _ in range(2):
                header = user.read_bytes(5)
                seen += header + user.read_bytes(int(header))
            self.note(name, "<", seen)

    def text(self):
        return "\n".join(self.lines) + "\n"


class GoldenTest(RendezvousTest):
    def test_three_users_hold_the_conversation_of_the_manual(self):
        script = Transcript(self, self.start_door())
        for name in ("ali", "veli", "can"):
            script.comes(name)
            script.says(name, f"&&SEARCH&&|{name}|{name}")
            script.hears(name)

        def turn(name, data, *hearers):
            script.says(name, data)
            script.hears(*hearers)

        turn("ali", "&&SEARCH&&|nobody|ali", "ali")
        turn("ali", "&&SEARCH&&|veli|ali", "ali")
        turn("ali", "&&CHATREQUEST&&|veli|ali", "veli")
        turn("veli", "&&REJECT&&|veli|ali", "veli", "ali")
        turn("ali", "&&CHATREQUEST&&|veli|ali", "veli")
        turn("veli", "&&OK&&|veli|ali|7002", "ali", "veli")
        turn("can", "&&CHATREQUEST&&|ali|can", "can")
        turn("veli", "&&LOGOUT&&", "veli")
        turn("ali", "&&EXIT&&|ali", "ali", "veli")
        turn("ali", "&&GROUPCHAT&&|ali|veli|can|nobody|", "ali", "veli", "can", "ali")
        turn("veli", "&&OKGROUP&&|veli|1", "ali", "veli")
        turn("can", "&&REJECTGROUP&&|can|1", "can", "ali")
        turn("veli", "&&MESSAGE&&|veli: günaydın, saat 10:30 | 11", "ali", "veli")
        turn("can", "&&GROUPCHAT&&|can|ali|", "can", "can")
        turn("can", "&&EXITGROUP&&|can", "can")
        turn("veli", "&&EXITGROUP&&|veli", "veli", "ali")
        turn("ali", "&&EXITGROUP&&|ali", "ali")
        turn("can", "&&OKGROUP&&|can|1", "can")
        turn("can", "&&OK&&|can|ali|7003", "can")
        for name in ("ali", "veli", "can"):
            turn(name, "&&LOGOUT&&", name)
        golden.check(self, "rendezvous_conversation.txt", script.text())


class DoorTest(RendezvousTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_door()

    def tearDown(self):
        try:
            if self.registry.is_running():
                self.check_serves(self.registry)
        finally:
            super().tearDown()

    def test_both_frames_are_in_one_segment(self):
        ali = self.join(self.registry, "ali")
        ali.send("&&SEARCH&&|nobody|ali")
        wanted = b" 3   ali 27  &&NOTFOUND&&|user not found"
        self.assertEqual(ali.socket.recv(4096), wanted)

    def test_headers_of_every_form_and_frames_in_pieces(self):
        data = b"&&REGISTER&&|ali|7000"
        search = b"&&SEARCH&&|nobody|ali"
        for header in (b"%05d" % len(data), b"%-5d" % len(data), b" %-4d" % len(data),
                       b"%5d" % len(data)):
            user = self.connect(self.registry)
            user.name = "ali"
            stream = header + data + header + search
            for at in range(len(stream)):
                user.send_bytes(stream[at:at + 1])
            user.expect(FOUND_NOBODY)
            user.ask("&&LOGOUT&&", LOGGED_OUT)
            user.cut()

    def test_names_are_one_directory(self):
        """Taken at one door, taken at all; lists of other doors show who is here."""
        self.assertEqual(call(self.registry, "POST", "/userlist.txt",
                              body="REGISTER zoe@127.0.0.1:50001").status, 200)
        zoe = self.connect(self.registry)
        zoe.send_bytes(frame("&&REGISTER&&|Zoe|7000", first=True))
        zoe.expect("your name was refused. it is in use. start again with another.", "Zoe")
        zoe.expect_end()
        ali = self.join(self.registry, "ali")
        ali.ask("&&SEARCH&&|zoe|ali", "&&FOUND&&|zoe found. its address is ('127.0.0.1', 50001)")
        self.assertEqual(call(self.registry, "POST", "/userlist.txt",
                              body="REGISTER ali@127.0.0.1:50002").status, 406)
        seen = call(self.registry, target="/userlist.txt?format=json").json()["users"]
        shown = {user["name"]: user for user in seen}
        self.assertEqual(shown["ali"]["door"], "rendezvous")
        self.assertTrue(shown["ali"]["since"].startswith("20"))
        ali.cut()
        self.wait_listed(self.registry, "zoe")

    def test_who_has_gone_can_be_found_no_more(self):
        for end in ("cut", "reset", "logout"):
            ali, veli = self.join(self.registry, "ali"), self.join(self.registry, "veli")
            if end == "logout":
                ali.ask("&&LOGOUT&&", LOGGED_OUT)
            else:
                getattr(ali, end)()
            self.wait_listed(self.registry, "veli")
            veli.ask("&&SEARCH&&|ali|veli", FOUND_NOBODY)
            veli.ask("&&LOGOUT&&", LOGGED_OUT)
            self.wait_listed(self.registry)
            ali.cut()
            veli.cut()

    def test_a_member_who_dies_leaves_the_room(self):
        for end in ("cut", "reset"):
            ali, veli = self.join(self.registry, "ali"), self.join(self.registry, "veli")
            ali.send("&&CHATREQUEST&&|veli|ali")
            veli.expect(ASKED.format("ali"), "ali")
            veli.ask(f"&&OK&&|veli|ali|{veli.port}", ENTERED.format("ali", ali.port))
            getattr(ali, end)()
            veli.expect(CLOSED.format("ali"), "ali")
            veli.ask("&&LOGOUT&&", LOGGED_OUT)
            self.wait_listed(self.registry)

    def test_hello_from_another_address_does_not_count(self):
        self.hello(self.registry, "ali")
        wait_until(lambda: self.metric(self.registry, 'dropped_hellos_total{reason="unknown_name"}')
                   == 1, "the HELLO of nobody")
        self.join(self.registry, "ali")
        self.hello(self.registry, "ali", source="127.0.0.2")
        wait_until(lambda: self.metric(self.registry,
                                       'dropped_hellos_total{reason="foreign_address"}') == 1,
                   "the HELLO from elsewhere")
        self.hello(self.registry, "ali")
        wait_until(lambda: self.metric(self.registry, "hellos_total") == 1, "the HELLO")

    def test_udp_is_bound_before_tcp_accepts(self):
        """And beside it, at the next port, unless it is said where."""
        port = unused_port()
        registry = self.start_door(where=f"127.0.0.1:{port}")
        self.assertEqual((registry.tcp, registry.udp), (port, port + 1))
        bound = re.search(rb"rendezvous=.*rendezvous-udp=", registry.stderr, re.DOTALL)
        self.assertTrue(bound)

    def test_the_udp_port_may_be_taken(self):
        with socket.socket(type=socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            registry = self.start_registry("--rendezvous", "127.0.0.1:0", "--rendezvous-udp", where,
                                           data=self.dir / "other", wait=False)
            self.assertEqual(registry.wait(), 69)
            registry.wait_stderr("cannot listen on .*: the port is in use")

    def test_ipv6(self):
        registry = self.start_door(where="[::1]:0")
        ali, veli = self.join(registry, "ali"), self.join(registry, "veli")
        end = veli.socket.getsockname()[1]
        ali.ask("&&SEARCH&&|veli|ali", f"&&FOUND&&|veli found. its address is ('--1', {end})")
        ali.send("&&CHATREQUEST&&|veli|ali")
        veli.expect(ASKED.format("ali"), "ali")
        veli.ask(f"&&OK&&|veli|ali|{veli.port}", ENTERED.format("ali", ali.port))
        ali.expect(ACCEPTED.format("veli", veli.port), "veli")
        peer = self.start_meet("can", registry)
        peer.write("SEARCH ali")
        peer.wait_stdout_has("ali found.")
        peer.end_input()
        self.assertEqual(peer.wait(), 0)


class OtherDoorsTest(RendezvousTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_both_doors()

    def relay_port(self, user, partner):
        """Asks for a chat with a user of another door; returns where to write to him."""
        user.send(f"&&CHATREQUEST&&|{partner}|{user.name}")
        cause, data = user.read()
        self.assertEqual(cause, partner)
        self.assertTrue(data.startswith(f"&&CLIENTOK&&|{partner} accepted the chat request."))
        return int(data.rpartition("|")[2])

    def link(self, port):
        link = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(link.close)
        return link

    def test_a_user_of_the_two_connection_door_asks_by_writing(self):
        carol, ali = self.online(self.registry, "carol"), self.join(self.registry, "ali")
        carol.la.send("/to ali hello\n")
        ali.expect(ASKED.format("carol"), "carol")
        ali.send(f"&&OK&&|ali|carol|{ali.port}")
        cause, data = ali.read()
        self.assertEqual(cause, "ali")
        port = int(data.rpartition("|")[2])
        ali.expect("&&MESSAGE&&|carol: hello", "carol")
        carol.la.expect("303 Message delivery successful\n")
        link = self.link(port)
        link.sendall(frame("&&MESSAGE&&|ali: hello carol"))
        carol.expect_pushed("/from ali hello carol\n")
        carol.ask("/to ali more", "303 Message delivery successful\n")
        ali.expect("&&MESSAGE&&|carol: more", "carol")
        ali.ask("&&EXIT&&|ali", YOU_LEFT)
        link.sendall(frame("&&MESSAGE&&|ali: into the void"))
        ali.expect(TOO_LATE)
        ali.is_quiet()

    def test_he_refuses_and_the_sender_hears_it(self):
        carol, ali = self.online(self.registry, "carol"), self.join(self.registry, "ali")
        carol.la.send("/to ali hello\n")
        ali.expect(ASKED.format("carol"), "carol")
        ali.ask("&&REJECT&&|ali|carol", "you have rejected the chat request!")
        carol.la.expect("304 Message delivery failed\n")

    def test_who_does_not_answer_keeps_nobody_waiting_for_long(self):
        carol, ali = self.online(self.registry, "carol"), self.join(self.registry, "ali")
        carol.la.send("/to ali hello\n")
        ali.expect(ASKED.format("carol"), "carol")
        carol.la.expect("304 Message delivery failed\n")  # 8 s
        ali.send(f"&&OK&&|ali|carol|{ali.port}")
        ali.read()
        carol.expect_pushed("/from ali accepted the chat request. you can send your message now!\n")
        carol.ask("/to ali again", "303 Message delivery successful\n")
        ali.expect("&&MESSAGE&&|carol: again", "carol")

    def test_by_http_and_to_a_classic_listener(self):
        ali = self.join(self.registry, "ali")
        zoe = self.start_listener("zoe", self.registry, "--plain")  # curl may speak for her
        link = self.link(self.relay_port(ali, "zoe"))
        link.sendall(frame("&&MESSAGE&&|ali: hello zoe"))
        zoe.wait_stdout("ali: hello zoe\n")
        answer = call(self.registry, "POST", "/v1/to/ali?from=zoe", body="hello ali")
        self.assertEqual((answer.status, answer.text), (202, "sent\n"))
        ali.expect("&&MESSAGE&&|zoe: hello ali", "zoe")
        ali.ask("&&EXIT&&|ali", YOU_LEFT)

    def test_our_sender_and_a_classic_one_reach_him_with_his_consent(self):
        ali = self.join(self.registry, "ali")
        sender = self.start_peer("ci", self.registry, "send", "unicast", "ali", "build done")
        ali.expect(ASKED.format("ci"), "ci")
        ali.send(f"&&OK&&|ali|ci|{ali.port}")
        self.assertEqual(ali.read()[0], "ali")
        ali.expect("&&MESSAGE&&|ci: build done", "ci")
        self.assertEqual(sender.wait(), 0)
        ali.ask("&&EXIT&&|ali", YOU_LEFT)
        classic = self.start_classic_client("old", self.registry, "send")
        classic.write('unicast ali "from long ago"')
        ali.expect(ASKED.format("old"), "old")
        ali.send(f"&&OK&&|ali|old|{ali.port}")
        ali.read()
        ali.expect("&&MESSAGE&&|old: from long ago", "old")

    def test_an_old_client_talks_with_the_other_door(self):
        carol = self.online(self.registry, "carol")
        ali = self.start_old_client("ali", self.registry)
        carol.la.send("/to ali merhaba\n")
        ali.wait_stdout_has("server: carol would like to chat with you? (OK/REJECT)\n")
        ali.write("OK carol")
        ali.wait_stdout_has("server: you have entered into a private chat with carol.")
        ali.wait_stdout_has("carol: merhaba\n")
        carol.la.expect("303 Message delivery successful\n")
        ali.write("nasılsın")
        carol.expect_pushed("/from ali nasılsın\n")
        ali.write("EXIT")
        ali.wait_stdout_has("server: you left the chat room.\n")
        ali.write("CHAT REQUEST carol")
        ali.wait_stdout_has("server: carol accepted the chat request.")
        ali.write("tekrar")
        carol.expect_pushed("/from ali tekrar\n")
        carol.la.cut()
        self.wait_listed(self.registry, "ali")  # else the text may come before her end is read
        ali.write("kimse yok mu")
        ali.wait_stdout_has("server: carol left the chat room. the chat room has been closed\n")
        self.check_threads(ali)

    def test_our_client_talks_with_the_other_door(self):
        carol = self.online(self.registry, "carol")
        ali = self.start_meet("ali", self.registry)
        ali.write("CHAT REQUEST carol")
        ali.wait_stdout_has("server: carol accepted the chat request.")
        ali.write("merhaba")
        carol.expect_pushed("/from ali merhaba\n")
        carol.ask("/to ali selam", "303 Message delivery successful\n")
        ali.wait_stdout_has("carol: selam\n")
        ali.end_input()
        self.assertEqual(ali.wait(), 0)

    def test_what_comes_late_finds_no_other_partner(self):
        """Texts and connections of a chat that is over, while its user talks with somebody else."""
        carol, dave = (self.online(self.registry, name) for name in ("carol", "dave"))
        ali = self.join(self.registry, "ali")
        first = self.relay_port(ali, "carol")
        spoken, silent = self.link(first), self.link(first)
        spoken.sendall(frame("&&MESSAGE&&|ali: hello carol"))
        carol.expect_pushed("/from ali hello carol\n")
        half = frame("&&MESSAGE&&|ali: a secret for carol")
        spoken.sendall(half[:20])
        ali.ask("&&EXIT&&|ali", YOU_LEFT)
        dave.la.send("/to ali hello\n")
        ali.expect(ASKED.format("dave"), "dave")
        ali.send(f"&&OK&&|ali|dave|{ali.port}")
        second = int(ali.read()[1].rpartition("|")[2])
        ali.expect("&&MESSAGE&&|dave: hello", "dave")
        dave.la.expect("303 Message delivery successful\n")
        self.assertNotEqual(first, second)
        for link, data in ((spoken, half[20:]), (silent, half), (self.link(first), half)):
            link.sendall(data)
            ali.expect(TOO_LATE)
        link = self.link(second)
        link.sendall(frame("&&MESSAGE&&|ali: hello dave"))
        dave.expect_pushed("/from ali hello dave\n")  # and nothing before it
        carol.ask("/to carol only this\n".rstrip(), "")
        carol.expect_pushed("/from carol only this\n")  # nor here

    def test_a_link_says_nothing_in_anothers_name(self):
        carol = self.online(self.registry, "carol")
        ali, bob = self.join(self.registry, "ali"), self.join(self.registry, "bob")
        port = self.relay_port(ali, "carol")
        self.relay_port(bob, "carol")
        link = self.link(port)
        link.sendall(frame("&&MESSAGE&&|ali: mine"))
        carol.expect_pushed("/from ali mine\n")
        for data in ("&&MESSAGE&&|bob: not mine", "&&EXIT&&|ali", "&&MESSAGE&&|carol: x", "x"):
            link.sendall(frame(data))
        link.sendall(frame("&&MESSAGE&&|ali: mine again"))
        carol.expect_pushed("/from ali mine again\n")


if __name__ == "__main__":
    unittest.main()
