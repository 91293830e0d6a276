#!/usr/bin/env python3
"""`peer … meet`: leaving, scripts, and partners and registries that are not as they should be."""

import contextlib
import json
import signal
import socket
import sys
import unittest

from support.harness import DEADLINE, SUPPORT
from support.rendezvous import (ACCEPTED, ASKED, CLOSED, ENTERED, INVITED, RendezvousTest, frame,
                                server)


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
