#!/usr/bin/env python3
"""The re-made old programs behave among themselves as their description says.

Without this, a weakness lost in the re-making would make the other tests weaker unseen.
"""

import socket
import sys
import unittest

from support import classic_client
from support.harness import DEADLINE, SUPPORT, IntegrationTest
from support.netchat import MessageInbox, say
from support.two_connection import (BYE, CONNECTED, LOGGED_IN, LOGIN_FAILED, NOT_CONNECTED, RECEIPT,
                                    Link)


def one_recv(server, request):
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(request)
        connection.settimeout(10)
        return connection.recv(2048)


REGISTER = (b"POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/*\r\n"
            b"Content-Length: 30\r\n\r\nREGISTER alice@127.0.0.1:50001\r\n\r\n")
LOGOUT = REGISTER.replace(b"REGISTER", b"LOGOUT").replace(b": 30", b": 28")
LIST = b"GET /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class ClassicServerTest(IntegrationTest):
    def test_answers_are_bare_status_lines(self):
        server = self.start_classic_server()
        self.assertEqual(one_recv(server, LIST), b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertEqual(one_recv(server, REGISTER), b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(one_recv(server, REGISTER), b"HTTP/1.1 406 Not Acceptable\r\n\r\n")
        self.assertEqual(one_recv(server, REGISTER.replace(b"alice", b"bob")),
                         b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(one_recv(server, LIST),
                         b"HTTP/1.1 200 OK\r\n\r\nalice@127.0.0.1:50001,"
                         b"bob@127.0.0.1:50001,\r\n\r\n")

    def test_the_duplicate_test_runs_before_the_character_test(self):
        server = self.start_classic_server()
        colon = REGISTER.replace(b"alice", b"a:b")
        self.assertEqual(one_recv(server, colon), b"HTTP/1.1 400 Bad Request\r\n\r\n")
        (server.data / "userlist.txt").write_text("a:b@127.0.0.1:50009\n")
        self.assertEqual(one_recv(server, colon), b"HTTP/1.1 406 Not Acceptable\r\n\r\n")

    def test_plain_server_does_not_answer_a_logout_and_bonus_server_removes_the_record(self):
        plain, bonus = self.start_classic_server(), self.start_classic_server("--bonus")
        one_recv(plain, REGISTER)
        self.assertEqual(one_recv(plain, LOGOUT), b"")
        one_recv(bonus, REGISTER)
        self.assertEqual(one_recv(bonus, LOGOUT), b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(one_recv(bonus, LOGOUT), b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.assertEqual((bonus.data / "userlist.txt").read_text(), "")

    def test_a_blank_record_hides_the_users_after_it(self):
        server = self.start_classic_server()
        (server.data / "userlist.txt").write_text("a@127.0.0.1:50001\n\nb@127.0.0.1:50002\n")
        answer = one_recv(server, LIST)
        self.assertIn(b"a@127.0.0.1:50001,,b@127.0.0.1:50002,", answer)
        self.assertEqual([n for n, _ in classic_client.parse_list(answer.decode())], ["a"])

    def test_a_request_without_an_empty_line_ends_the_server(self):
        server = self.start_classic_server()
        one_recv(server, b"GET /userlist.txt HTTP/1.1\r\n")
        self.assertEqual(server.wait(), 1)

    def test_a_body_in_a_second_segment_gets_no_answer(self):
        server = self.start_classic_server()
        head, _, _ = REGISTER.partition(b"REGISTER")
        self.assertEqual(one_recv(server, head), b"")


class ClassicClientTest(IntegrationTest):
    def test_listener_and_sender_talk_through_the_old_server(self):
        server = self.start_classic_server()
        ali = self.start_classic_listener("Ali", server)
        veli = self.start_classic_listener("Veli", server)
        utku = self.start_classic_client("Utku", server, "send")
        utku.write('list')
        utku.wait_stdout_has("Veli\n")
        utku.write('unicast Ali "two words"')
        utku.write('multicast [Veli, Ahmet] "and \\"more\\""')
        utku.write('broadcast "all"')
        utku.write('nonsense')
        utku.write('unicast Ali "see list"')
        utku.write('exit')
        self.assertEqual(utku.wait(), 0)
        utku.wait_stdout("The online users are:\nAli\nVeli\n"
                         "message is sent to Ali\nmessage is sent to Veli\n"
                         "user Ahmet is not found\n"
                         "message is sent to Ali\nmessage is sent to Veli\n"
                         "Invalid command!\nThe online users are:\nAli\nVeli\n")
        ali.wait_stdout("Utku: two words\nUtku: all\n")
        veli.wait_stdout('Utku: and \\"more\\"\nUtku: all\n')

    def test_a_taken_name_a_bad_name_and_a_bad_mode_are_told(self):
        server = self.start_classic_server()
        self.start_classic_listener("Ali", server)
        again = self.start_classic_client("Ali", server, "listen")
        again.wait_stdout("This user already exists!\n")
        self.start_classic_client("a@b", server, "listen").wait_stdout("Invalid username!\n")
        self.start_classic_client("Ali", server, "talk").wait_stdout("Invalid mode!\n")

    def test_the_bonus_listener_asks_after_five_messages_and_logs_out(self):
        server = self.start_classic_server("--bonus")
        ali = self.start_classic_listener("Ali", server, "--bonus")
        utku = self.start_classic_client("Utku", server, "send")
        for number in range(5):
            utku.write(f'unicast Ali "m{number}"')
        question = "Do you want to log out?[y/n]"
        ali.wait_stdout("".join(f"Utku: m{n}\n" for n in range(5)) + question)
        ali.write("maybe")
        ali.wait_stdout_has(question + "Invalid input!\n" + question)
        ali.write("Y")
        self.assertEqual(ali.wait(), 0)
        utku.write("list")
        utku.wait_stdout_has("There is no online users!\nThe online users are:\n")

    def test_a_status_line_alone_crashes_the_list(self):
        with self.assertRaises(IndexError):
            classic_client.parse_list("HTTP/1.1 200 OK\r\n")

    def test_a_list_cut_in_a_record_gives_a_wrong_port(self):
        users = classic_client.parse_list("HTTP/1.1 200 OK\r\n\r\na@127.0.0.1:50001,b@127.0.0.1:5")
        self.assertEqual(users[1], ("b", "127.0.0.1:5"))


class TwoConnectionClientTest(IntegrationTest):
    """The old clients a and b in front of a server that the test plays."""

    def start_client(self, variant):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        listener.settimeout(DEADLINE)
        client = self.start("client", sys.executable, SUPPORT / "two_connection_client.py",
                            "127.0.0.1", str(listener.getsockname()[1]), variant)
        self.la = Link(listener.accept()[0])
        self.addCleanup(self.la.cut)
        return client

    def log_in(self, client):
        client.write("carol")
        client.write("s3cret")
        self.la.expect("/login carol s3cret\n")

    def go_online(self, variant):
        client = self.start_client(variant)
        self.log_in(client)
        self.la.send(LOGGED_IN)
        _, port = self.la.read_line().split()
        self.lb = Link(socket.create_connection(("127.0.0.1", int(port)), timeout=DEADLINE))
        self.addCleanup(self.lb.cut)
        self.la.send(CONNECTED)
        client.wait_stdout_has(CONNECTED)
        return client

    def test_a_refused_login_is_asked_for_again_and_a_failed_push_connection_is_the_end(self):
        client = self.start_client("a")
        for reply in (LOGIN_FAILED, "401 Authentication failed\n", LOGGED_IN):
            self.log_in(client)
            self.la.send(reply)
        self.assertTrue(self.la.read_line().startswith("/port "))
        self.la.send(NOT_CONNECTED)
        self.assertEqual(client.wait(), 0)
        question = "Please input your user name:Please input your password:"
        client.wait_stdout(f"{question}{LOGIN_FAILED}{question}401 Authentication failed\n"
                           f"{question}{LOGGED_IN}{NOT_CONNECTED}")

    def test_a_goes_by_the_code_and_b_by_the_whole_text(self):
        for variant, text in (("a", "101 Welcome\n"), ("b", LOGGED_IN)):
            client = self.start_client(variant)
            self.log_in(client)
            self.la.send("101 Welcome\n")
            if variant == "b":  # asks again
                self.log_in(client)
                self.la.send(text)
            self.assertTrue(self.la.read_line().startswith("/port "))

    def test_a_confirms_two_glued_lines_once(self):
        client = self.go_online("a")
        self.lb.send("/from dave one\n/from dave two\n")
        client.wait_stdout_has("message from dave: one\nmessage from dave: two\n")
        self.lb.expect(RECEIPT)
        self.lb.send("/broadcastfrom dave three\n")
        self.lb.expect(RECEIPT)
        self.lb.cut()
        self.la.cut()

    def test_b_confirms_messages_and_no_broadcastfrom(self):
        client = self.go_online("b")
        for line, is_confirmed in (("/broadcastfrom dave x\n", False), ("/from dave y\n", True),
                                   ("/broadcast dave z\n", True)):
            self.lb.send(line)
            client.wait_stdout_has(line)
            if is_confirmed:
                self.lb.expect(RECEIPT)

    def test_it_ends_only_with_its_push_connection(self):
        for variant in "ab":
            client = self.go_online(variant)
            client.write("/exit")
            self.la.expect("/exit\n")
            self.la.send(BYE)
            self.la.cut()
            client.wait_stdout_has(BYE)
            client.wait_idle()  # its second thread is all that is left
            self.assertTrue(client.is_running())
            self.lb.cut()
            self.assertEqual(client.wait(), 0)



class NetchatClientTest(IntegrationTest):
    """The weaknesses that our programs have to live with (docs/protocol/netchat.md)."""

    def setUp(self):
        super().setUp()
        self.server = self.start_netchat_server()
        self.bob = self.start_netchat_client("bob", self.server)

    def read(self, name, expected):
        self.bob.write(f"READ {name}")
        self.bob.wait_stdout_has(expected)

    def test_a_message_without_a_quote_or_with_bad_utf8_ends_its_listener_for_good(self):
        for number, (data, error) in enumerate(
                ((b"alice: hi", "IndexError"), (b'alice: "\xff"', "UnicodeDecodeError"))):
            with self.subTest(data):
                client = self.start_netchat_client(f"victim{number}", self.server)
                say(client, data)
                client.wait_stderr(error)
                client.write("LIST")
                client.wait_stdout_has(">>[bob, ")  # its commands go on, and nobody notices

    def test_it_takes_one_read_up_to_the_second_quote(self):
        say(self.bob, 'alice: "one "two" three"')
        self.read("alice", ">>one  - alice\n")
        say(self.bob, f'carol: "{"x" * 2000}"' + '"')
        self.bob.wait_idle()  # 1,024 bytes without a second quote
        say(self.bob, 'dave: "' + "x" * 1015 + '"')
        self.bob.wait_stdout_has("from dave")
        self.read("dave", ">>" + "x" * 1015 + " - dave\n")

    def test_it_says_sent_whatever_happened_and_never_asks_again(self):
        with MessageInbox() as carol:
            self.say_update(f"carol@{carol.endpoint}")
            self.bob.write('SEND carol "one"')
            self.assertEqual(carol.take(), b'bob: "one"')
        self.say_update("carol@127.0.0.1:50001")  # she has moved; he does not hear of it
        self.bob.write('SEND carol "two"')
        self.bob.wait_stdout_has(">>Failed to send message: ")
        self.bob.wait_stdout_has(">>Message sent!\n", count=2)

    def say_update(self, record):
        one_recv(self.server, (f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               f"Content-Length: 1\r\n\r\nUPDATE {record}").encode())

    def test_anybody_deletes_by_position(self):
        say(self.bob, 'alice: "one"')
        say(self.bob, 'alice: "two"')
        say(self.bob, "DELETE_MESSAGE:alice:" + "0" * 32)  # what ours add is not looked at
        self.read("alice", ">>one - alice\n>>Deleted - alice\n")


if __name__ == "__main__":
    unittest.main()
