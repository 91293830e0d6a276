#!/usr/bin/env python3
"""Rendezvous users in every seat: old client and our registry, `peer … meet` and the old registry,
ours with ours, and both kinds of client in one chat."""

import contextlib
import itertools
import json
import re
import signal
import socket
import sys
import unittest

from support import golden
from support.harness import DEADLINE, SUPPORT, wait_until
from support.rendezvous import RendezvousTest, frame

ASKED = "{} would like to chat with you? (OK/REJECT)"
ACCEPTED = "{} accepted the chat request. you can send your message now!"
ENTERED = "you have entered into a private chat with {}. you can send your message now!"
CLOSED = "{} left the chat room. the chat room has been closed"
MADE = ("you have added yourself to group chat {}. a request has been sent to your added friends. "
        "type EXIT GROUP to leave.")
INVITED = "{} would like to add you to group chat room {}? (OK/REJECT GROUP <room_number>)"


def server(text):
    return f"server: {text}\n"


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

    def leaves(self, client):
        """LOGOUT: an old client kills itself. (Its partner's program ends with it, if that is an old
        one: it hears nobody any more.)"""
        client.write("LOGOUT")
        self.assertEqual(client.wait(), 0 if client.kind == "ours" else 128 + signal.SIGKILL)
        client.wait_stderr(f"loggin out from session. goodbye {client.name}")


class MatrixTest(Seats):
    def test_a_private_chat(self):
        for where, (ali, veli) in self.each_seating():
            registry = "old" if where.label == "old registry" else "ours"
            ali.write("SEARCH veli")
            self.hears(ali, "server: veli found. its address is ('127.0.0.1', ")
            ali.write("CHAT REQUEST veli")
            self.hears(veli, server(ASKED.format("ali")))
            veli.write("OK ali")
            self.hears(ali, server(ACCEPTED.format("veli")))
            self.hears(veli, server(ENTERED.format("ali")))
            ali.write("merhaba veli")
            self.hears_text(veli, "ali", "merhaba veli")
            veli.write("merhaba ali")
            self.hears_text(ali, "veli", "merhaba ali")
            ali.write("nasılsın | iyi misin")
            self.hears_text(veli, "ali", "nasılsın | iyi misin" if veli.kind == "ours"
                            else "nasılsın   iyi misin")
            veli.write("EXIT")
            self.hears(veli, server("you left the chat room."))
            self.hears(ali, server(CLOSED.format("veli")))
            self.check_threads(ali, veli)
            shown = "".join(f"-- {c.name}, {c.kind} client, {registry} registry\n{c.stdout.decode()}"
                            for c in (ali, veli))
            golden.check(self, f"rendezvous_{registry}_{ali.kind}_{veli.kind}.txt",
                         re.sub(r"\('127\.0\.0\.1', \d+\)", "('127.0.0.1', PORT)", shown))
            if ali.kind == veli.kind == "old":
                continue  # a second chat breaks the first one's connection, and a thread with it
            # Again: connections of before stay, and are used.
            veli.write("CHAT REQUEST ali")
            self.hears(ali, server(ASKED.format("veli")))
            ali.write("OK veli")
            self.hears(veli, server(ACCEPTED.format("ali")))
            self.hears(ali, server(ENTERED.format("veli")))
            veli.write("tekrar")
            self.hears_text(ali, "veli", "tekrar")
            ali.write("evet")
            self.hears_text(veli, "ali", "evet")
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
            veli.write("selam")
            self.hears_text(ali, "veli", "selam")
            ali.write("selam veli")
            self.hears_text(veli, "ali", "selam veli")
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


class LeavingTest(RendezvousTest):
    """Ctrl-C, SIGTERM, the end of input and -W leave cleanly, from wherever."""

    def in_chat(self, registry):
        veli = self.join(registry, "veli")
        ali = self.start_meet("ali", registry)
        veli.send("&&CHATREQUEST&&|ali|veli")
        ali.wait_stdout_has(server(ASKED.format("veli")))
        ali.write("OK veli")
        veli.expect(f"&&CLIENTOK&&|{ACCEPTED.format('ali')}|{ali.port}", "ali")
        ali.wait_stdout_has(server(ENTERED.format("veli")))
        return ali, veli

    def test_signals_in_a_chat(self):
        for old in (False, True):
            for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143),
                                   (signal.SIGHUP, 129)):
                with self.subTest(old=old, number=number):
                    registry = self.start_old_registry() if old else self.start_door()
                    ali, veli = self.in_chat(registry)
                    ali.signal(number)
                    veli.expect(f"&&CLIENTEXIT&&|{CLOSED.format('ali')}", "ali")
                    self.assertEqual(ali.wait(), status)
                    ali.wait_stderr("loggin out from session. goodbye ali")
                    if old:
                        self.check_threads(registry)
                    else:
                        self.wait_listed(registry, "veli")

    def test_the_end_of_input_in_a_group(self):
        registry = self.start_door()
        veli = self.join(registry, "veli")
        ali = self.start_meet("ali", registry)
        ali.write("GROUP CHAT veli")
        veli.expect(INVITED.format("ali", 1), "ali")
        veli.send("&&OKGROUP&&|veli|1")
        veli.expect("veli joined the group chat")
        ali.wait_stdout_has(server("veli joined the group chat"))
        ali.write("bye")
        ali.end_input()
        veli.expect("&&MESSAGE&&|ali: bye", "ali")
        veli.expect("ali left the chat room.", "ali")
        self.assertEqual(ali.wait(), 0)

    def test_time_is_up(self):
        registry = self.start_door()
        ali = self.run_meet("ali", registry, "-W", "0.3")
        self.assertEqual(ali.status, 124)
        self.wait_listed(registry)

    def test_an_old_partner_survives_our_leaving_the_chat(self):
        registry = self.start_old_registry()
        ali = self.start_old_client("ali", registry)
        veli = self.start_meet("veli", registry)
        can = self.start_meet("can", registry)
        for guest in (veli, can):
            guest.write("CHAT REQUEST ali")
            name = guest.label.split()[-1]
            ali.wait_stdout_has(server(ASKED.format(name)))
            ali.write(f"OK {name}")
            guest.wait_stdout_has(server(ACCEPTED.format("ali")))
            guest.write(f"hello from {name}")
            ali.wait_stdout_has(f"{name}: hello from {name}\n")
            guest.write("EXIT")
            guest.wait_stdout_has(server("you left the chat room."))
        self.check_threads(ali, registry)


class ScriptTest(RendezvousTest):
    """Off a terminal: standard output and exit statuses, to the byte."""

    def test_a_script_asks_says_and_leaves(self):
        registry = self.start_door()
        veli = self.join(registry, "veli")
        ali = self.start_meet("ali", registry)
        for line in ("CHAT REQUEST veli", "one", "two", "EXIT", "LOGOUT"):
            ali.write(line)
        veli.expect(ASKED.format("ali"), "ali")
        veli.ask(f"&&OK&&|veli|ali|{veli.port}",
                 f"&&CLIENTOK&&|{ENTERED.format('ali')}|{ali.port}")
        link, _ = veli.listener.accept()
        link.settimeout(DEADLINE)
        texts = frame("&&MESSAGE&&|ali: one") + frame("&&MESSAGE&&|ali: two")
        self.assertEqual(link.recv(len(texts), socket.MSG_WAITALL), texts)
        self.assertEqual(self.ended(ali).status, 0)
        self.assertEqual(ali.stdout.decode(),
                         server(ACCEPTED.format("veli")) + server("you left the chat room."))
        self.assertEqual(link.recv(1), b"")  # an orderly end, with the program
        link.close()

    def test_texts_that_the_registry_would_refuse_are_not_sent(self):
        registry = self.start_door()
        veli = self.join(registry, "veli")
        keyword = "&&EXIT&&"  # sent as & &EXIT&&
        ali = self.start_meet("ali", registry)
        ali.write("GROUP CHAT veli")
        veli.expect(INVITED.format("ali", 1), "ali")
        veli.ask("&&OKGROUP&&|veli|1", "veli joined the group chat")
        for line in ("a\u0085b", "x" * (4096 - len(keyword)) + keyword, "hello"):
            ali.write(line)
        ali.wait_stderr(r"(a text has 1 to 4096 bytes[^\n]*\n[^\n]*){2}")
        veli.expect("&&MESSAGE&&|ali: hello", "ali")
        ali.end_input()
        self.assertEqual(ali.wait(), 65)

    def test_the_last_text_before_a_typed_exit_is_read(self):
        registry = self.start_door()
        for count in range(5):  # the text races with the registry's word that the chat is over
            with self.subTest(count=count):
                veli = self.start_meet("veli", registry)
                ali = self.start_meet("ali", registry)
                for line in ("CHAT REQUEST veli", "hello one", "EXIT"):
                    ali.write(line)
                ali.end_input()
                veli.wait_stdout_has(server(ASKED.format("ali")))
                veli.write("OK ali")
                veli.wait_stdout_has("ali: hello one\n")
                self.assertEqual(self.ended(ali).status, 0)
                veli.end_input()
                self.assertEqual(self.ended(veli).status, 0)

    def script_for_partner(self, listener, texts):
        """A script of ours says `texts` to a partner at that listener, and ends."""
        registry = self.start_door()
        veli = self.join(registry, "veli")
        ali = self.start_meet("ali", registry)
        ali.write("CHAT REQUEST veli")
        for text in texts:
            ali.write(text)
        ali.end_input()
        veli.expect(ASKED.format("ali"), "ali")
        veli.ask(f"&&OK&&|veli|ali|{listener.getsockname()[1]}",
                 f"&&CLIENTOK&&|{ENTERED.format('ali')}|{ali.port}")
        return ali

    def test_a_partner_who_is_never_connected_with(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            # One waits to be accepted: the kernel answers no more than that.
            with socket.create_connection(listener.getsockname(), timeout=DEADLINE):
                ali = self.script_for_partner(listener, ["hello"])
                self.assertEqual(ali.wait(), 75)
                ali.wait_stderr("a text to veli may not have arrived: it was not taken in time")

    def test_a_partner_who_reads_nothing(self):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            # More than he has room for, and less than waits on our side.
            ali = self.script_for_partner(listener, ["x" * 4000] * 50)
            self.assertEqual(ali.wait(), 75)
            ali.wait_stderr("a text to veli may not have arrived: it does not take what is sent")

    def test_somebody_who_only_sends_is_accepted_by_his_name(self):
        """`ci` listens nowhere and is in no list: his request is what makes him known."""
        for kind in ("ours", "old"):
            with self.subTest(client=kind):
                registry = self.start_door()
                start = self.start_meet if kind == "ours" else self.start_old_client
                ali = start("ali", registry)
                sent = self.start_peer("ci", registry, "send", "unicast", "ali", "build 7 failed")
                ali.wait_stdout_has("server: ci would like to chat with you? (OK/REJECT)\n")
                ali.write("OK ci")
                ali.wait_stdout_has("ci: build 7 failed\n")
                self.assertEqual(sent.wait(), 0, sent.describe())
                self.assertEqual(sent.stdout, b"message is sent to ali\n")
                for program in (ali, sent, registry):
                    program.dispose()

    def test_ipv6(self):
        """From machine to machine, and with somebody who only sends, by a relay port."""
        registry = self.start_registry("--rendezvous", "[::1]:0", where="[::1]:0")
        door = registry.wait_stderr(rb" rendezvous=(\S+)").group(1).decode()
        udp = registry.wait_stderr(rb"rendezvous-udp=\S+:(\d+)").group(1).decode()
        ali, veli = (self.start_meet(name, door, "--udp", udp) for name in ("ali", "veli"))
        ali.write("CHAT REQUEST veli")
        veli.wait_stdout_has("ali would like to chat with you? (OK/REJECT)")
        veli.write("OK ali")
        ali.wait_stdout_has("veli accepted the chat request")
        ali.write("merhaba")
        veli.wait_stdout_has("ali: merhaba\n")
        veli.write("selam")
        ali.wait_stdout_has("veli: selam\n")
        veli.write("EXIT")
        ali.wait_stdout_has("veli left the chat room")
        sent = self.start_peer("ci", registry, "send", "unicast", "ali", "build 7 failed")
        ali.wait_stdout_has("ci would like to chat with you? (OK/REJECT)")
        ali.write("OK ci")
        ali.wait_stdout_has("ci: build 7 failed\n")
        self.assertEqual(sent.wait(), 0, sent.describe())

    def test_exit_statuses(self):
        registry = self.start_door()
        veli = self.join(registry, "veli")
        self.assertEqual(self.run_meet("ali", registry, stdin="SEARCH nobody").status, 67)
        self.assertEqual(self.run_meet("ali", registry, stdin="SEARCH veli").status, 0)
        self.assertEqual(self.run_meet("ali", registry, stdin="hello?").status, 65)
        self.assertEqual(self.run_meet("ali", registry, stdin="SEARCH").status, 65)
        ali = self.start_meet("ali", registry)
        ali.write("CHAT REQUEST veli")
        ali.end_input()
        veli.expect(ASKED.format("ali"), "ali")
        veli.ask("&&REJECT&&|veli|ali", "you have rejected the chat request!")
        self.assertEqual(ali.wait(), 77)

    def test_a_name_that_is_taken(self):
        registry = self.start_door()
        self.join(registry, "ali")
        ali = self.run_meet("ali", registry)
        self.assertEqual(ali.status, 77)
        self.assertEqual(ali.stdout.decode(),
                         "server: your name was refused. it is in use. start again with another.\n")

    def test_old_clients_see_why_they_are_refused(self):
        registry = self.start_door()
        self.join(registry, "ali")
        client = self.start("old client ali", sys.executable, SUPPORT / "rendezvous_client.py",
                            str(registry.tcp), str(registry.udp))
        client.write("ali")
        client.write("x")
        client.wait_stdout_has("server: your name was refused. it is in use.")
        client.wait_stderr("the receive server message thread ended")

    def test_servers_that_are_none(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            free = f"127.0.0.1:{listener.getsockname()[1]}"
            ali = self.start_meet("ali", free, wait=False)
            link, _ = listener.accept()
            with link:
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                self.assertEqual(ali.wait(), 76)
            ali = self.start_meet("ali", free, wait=False)
            link, _ = listener.accept()
            link.close()
            self.assertEqual(ali.wait(), 76)
        ali = self.start_meet("ali", free, wait=False)
        self.assertEqual(ali.wait(), 69)
        ali.wait_stderr("cannot reach the server at")

    def test_usage(self):
        registry = self.start_door()
        for words in (("--hello", "0"), ("--hello", "200"), ("--udp", "0"), ("now",)):
            ali = self.start_peer("ali", registry.door, "meet", *words)
            self.assertEqual(ali.wait(), 64, words)

    def test_json_and_a_count(self):
        registry = self.start_door()
        veli = self.join(registry, "veli")
        ali = self.start_meet("ali", registry, "--json", "-n", "1")
        veli.send("&&CHATREQUEST&&|ali|veli")
        ali.wait_stdout_has('"event":"notice","kind":"text","text":"veli would like')
        ali.write("OK veli")
        veli.expect(f"&&CLIENTOK&&|{ACCEPTED.format('ali')}|{ali.port}", "ali")
        with socket.create_connection(("127.0.0.1", ali.port)) as link:
            link.sendall(frame('&&MESSAGE&&|veli: say "hi"'))
            veli.expect(f"&&CLIENTEXIT&&|{CLOSED.format('ali')}", "ali")
        self.assertEqual(self.ended(ali).status, 0)
        events = [json.loads(line) for line in ali.stdout.splitlines()]
        self.assertEqual([event["event"] for event in events],
                         ["notice", "notice", "message", "notice"])
        self.assertEqual(events[2]["from"], "veli")
        self.assertEqual(events[2]["text"], 'say "hi"')

    def test_a_partner_without_a_usable_port(self):
        registry = self.start_old_registry()  # ours refuses such ports
        veli = self.join(registry, "veli")
        ali = self.start_meet("ali", registry)
        ali.write("CHAT REQUEST veli")
        ali.end_input()
        veli.expect(ASKED.format("ali"), "ali")
        veli.ask("&&OK&&|veli|ali|22", f"&&CLIENTOK&&|{ENTERED.format('ali')}|{ali.port}")
        veli.expect(f"&&CLIENTEXIT&&|{CLOSED.format('ali')}", "ali")
        self.assertEqual(ali.wait(), 75)
        ali.wait_stderr("the registry names no usable port of the partner")
        ali.wait_stderr("loggin out from session. goodbye ali")
        self.check_threads(registry)

    def test_a_registry_that_goes(self):
        for old in (False, True):
            registry = self.start_old_registry() if old else self.start_door()
            ali = self.start_meet("ali", registry)
            registry.kill()
            self.assertEqual(ali.wait(), 69)

    def test_a_registry_that_drains_says_so(self):
        registry = self.start_door()
        ali = self.start_meet("ali", registry)
        registry.signal(signal.SIGTERM)
        ali.wait_stdout_has("server: the registry is closing.\n")
        self.assertEqual(ali.wait(), 69)
        self.assertEqual(registry.wait(), 0)

    def start_chat(self):
        """`ali`, ours, whose request the scripted `veli` has accepted."""
        registry = self.start_door()
        veli = self.join(registry, "veli")
        ali = self.start_meet("ali", registry)
        ali.write("CHAT REQUEST veli")
        veli.expect(ASKED.format("ali"), "ali")
        veli.ask(f"&&OK&&|veli|ali|{veli.port}",
                 f"&&CLIENTOK&&|{ENTERED.format('ali')}|{ali.port}")
        ali.wait_stdout_has("veli accepted")
        return ali, veli

    def test_nobody_else_puts_words_into_the_partners_mouth(self):
        ali, _ = self.start_chat()
        with socket.create_connection(("127.0.0.1", ali.port)) as link:
            for data in ("&&MESSAGE&&|can: forged", "&&EXIT&&|ali", "hello"):
                link.sendall(frame(data))
            link.sendall(frame("&&MESSAGE&&|veli: his"))
            ali.wait_stdout_has("veli: his\n")
            self.assertNotIn(b"forged", ali.stdout)
            link.sendall(b"garbage")
        with socket.create_connection(("127.0.0.1", ali.port)) as link:
            link.sendall(frame("&&MESSAGE&&|veli: \x1b[2J"))
            ali.wait_stdout_has("veli: \\x1b[2J\n")
        ali.end_input()
        self.assertEqual(ali.wait(), 0)
        ali.wait_stderr("4 frames from others were no text of a partner's")

    def test_a_stranger_who_connects_and_says_nothing_silences_nobody(self):
        ali, _ = self.start_chat()
        with contextlib.ExitStack() as strangers:
            def connect():
                return strangers.enter_context(
                    socket.create_connection(("127.0.0.1", ali.port), timeout=DEADLINE))

            def say(link, text):
                link.sendall(frame(f"&&MESSAGE&&|veli: {text}"))
                ali.wait_stdout_has(f"veli: {text}\n")

            def connect_many(text):
                for group in range(14):
                    for _ in range(10):  # as many as wait to be accepted; they are with the text
                        connect()
                    say(first, f"{text} {group}")

            first = connect()
            connect_many("before")
            second = connect()
            say(second, "hello")
            connect_many("behind")
            say(second, "still here")
        ali.end_input()
        self.assertEqual(ali.wait(), 0)


if __name__ == "__main__":
    unittest.main()
