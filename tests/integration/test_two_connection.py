#!/usr/bin/env python3
"""The two-connection dialect as its users speak it: every command and every answer."""

import socket
import unittest

from support import golden
from support.tcp_queue import wait_server_has_read
from support.two_connection import (AT_ONCE, BYE, CONNECTED, DELIVERED, LOGGED_IN, LOGIN_FAILED,
                                    NOT_CONNECTED, NOT_DELIVERED, PASSWORDS, RECEIPT,
                                    RECEIPT_LATEST, RECEIPT_TIME, UNRECOGNIZED, DoorTest, Stopwatch)

# In no state a command: words, their number, blanks, ports that are none.
NO_COMMANDS = (
    "", " ", "hi", "/", "/dance", "list", "login carol s3cret", "/LIST", "/List", " /list",
    "\t/list", "/list ", "/list x", "/lists", "/exit ", "/exit now", "/login", "/login ",
    "/login carol", "/login carol ", "/login  s3cret", "/login  carol s3cret",
    "/login carol  s3cret", "/login carol s3cret ", "/login carol s3cret x", "/port", "/port ",
    "/port x", "/port 0", "/port 65536", "/port 99999999999999999999", "/port -1", "/port +5000",
    "/port 05000", "/port  5000", "/port 5000 ", "/port 5000 5001", "/port 0x1388", "/to", "/to ",
    "/to dave", "/to dave ", "/to  dave hi", "/to\tdave hi", "/toall", "/toall ", "/tolall x",
    "/from carol hi", "/broadcastfrom carol hi", "302 Message receipt successful")


class Transcript:
    """A conversation on real sockets, written down with what the server really said."""

    def __init__(self):
        self._lines = []

    def _note(self, who, link, mark, text):
        self._lines.append(f"{who:5} {link} {mark} {text}".replace("\n", "␊"))

    def says(self, who, user, text):
        user.la.send(text)
        self._note(who, "La", ">", text)

    def hears(self, who, user):
        self._note(who, "La", "<", user.la.read_line())

    def is_pushed(self, who, user):
        self._note(who, "Lb", "<", user.lb.read_line())
        user.lb.send(RECEIPT)
        self._note(who, "Lb", ">", RECEIPT)

    def ends(self, who, user):
        user.la.expect_end()
        user.lb.expect_end()
        self._note(who, "both", "<", "closed")

    def comes(self, who, user):
        """Logs in and lets the server call back."""
        self.says(who, user, f"/login {who} {PASSWORDS[who]}\n")
        self.hears(who, user)
        user.la.send(f"/port {user.listen()}\n")
        self._note(who, "La", ">", "/port PORT\n")
        user.take_push_link()
        self.hears(who, user)

    def text(self):
        return "\n".join(self._lines) + "\n"


class ConversationTest(DoorTest):
    def test_three_users_hold_the_conversation_of_the_manual(self):
        script = Transcript()
        everybody = {name: self.connect() for name in ("carol", "dave", "erin")}
        for name, user in everybody.items():
            script.comes(name, user)

        def talk(speaker, line, *hearers):
            script.says(speaker, everybody[speaker], line)
            for hearer in hearers:
                script.is_pushed(hearer, everybody[hearer])
            script.hears(speaker, everybody[speaker])

        def leave(name):
            talk(name, "/exit\n")
            script.ends(name, everybody[name])

        for name in everybody:
            talk(name, "/list\n")
        talk("carol", "/to dave Hi there\n", "dave")
        talk("dave", "/to carol Hi yourself, how are you?\n", "carol")
        talk("erin", "/to carol Günaydın ☕\n", "carol")
        talk("carol", "/toall Lunch?\n", "dave", "erin")
        talk("dave", "/toall Yes, at noon\n", "carol", "erin")
        talk("erin", "/toall  I bring  cake \n", "carol", "dave")
        talk("carol", "/to nobody x\n")
        talk("carol", "/dance\n")
        leave("erin")
        talk("carol", "/list\n")
        talk("carol", "/to erin Too late\n")
        talk("carol", "/toall Only us\n", "dave")
        leave("dave")
        talk("carol", "/toall Anybody?\n")
        talk("carol", "/list\n")
        leave("carol")
        golden.check(self, "two_connection_conversation.txt", script.text())


class Ipv6Test(DoorTest):
    def start_door(self, *options, **more):
        return super().start_door(*options, door="[::1]:0", **more)

    def test_the_registry_calls_back_over_ipv6(self):
        carol, dave = self.online("carol"), self.online("dave")
        carol.la.send("/to dave hi\n")
        dave.expect_pushed("/from carol hi\n")
        carol.la.expect(DELIVERED)


class CommandTest(DoorTest):
    def check_unrecognized(self, user, lines):
        for line in lines:
            user.ask(line, UNRECOGNIZED)

    def test_before_the_login_nothing_but_login_is_a_command(self):
        user = self.connect()
        self.check_unrecognized(user, NO_COMMANDS)
        self.check_unrecognized(user, ["/list", "/exit", "/port 50000", "/to dave hi", "/toall hi"])
        user.ask("/login carol s3cret", LOGGED_IN)

    def test_between_the_login_and_the_push_connection_only_port_list_and_exit(self):
        user = self.log_in("carol")
        self.check_unrecognized(user, NO_COMMANDS)
        self.check_unrecognized(user, ["/login carol s3cret", "/login dave hunter2", "/to carol hi",
                                       "/to dave hi", "/toall hi"])
        user.ask("/list", "301 carol\n")
        user.go_online().leave()
        self.log_in("carol").leave()

    def test_online_everything_but_login_and_port_is_a_command(self):
        user = self.online("carol")
        self.check_unrecognized(user, NO_COMMANDS)
        self.check_unrecognized(user, ["/login carol s3cret", "/login dave hunter2",
                                       f"/port {user.listen()}"])
        user.ask("/list", "301 carol\n")
        user.leave()
        user.lb.expect_end()

    def test_a_failed_login_may_be_tried_again_on_the_same_connection(self):
        user = self.connect()
        for login in ("carol wrong", "nobody s3cret", "carol S3CRET", "a@b x", "all x"):
            user.ask(f"/login {login}", LOGIN_FAILED)
        user.ask("/login carol s3cret", LOGGED_IN)

    def test_names_and_passwords_of_any_language_and_sign(self):
        for name, password in PASSWORDS.items():
            user = self.connect()
            user.ask(f"/login {name} {password}", LOGGED_IN)
            user.leave()

    def test_everybody_is_listed_from_101_with_single_blanks_in_the_order_of_coming(self):
        carol = self.online("carol")
        dave = self.log_in("dave")
        for user in (carol, dave):
            user.ask("/list", "301 carol dave\n")
        dave.leave()
        carol.ask("/list", "301 carol\n")

    def test_who_has_no_push_connection_yet_is_no_recipient(self):
        carol, dave = self.online("carol"), self.log_in("dave")
        carol.ask("/to dave hi", NOT_DELIVERED)
        carol.ask("/toall hi", DELIVERED)  # to nobody
        erin = self.online("erin")
        carol.la.send("/toall hi\n")
        erin.expect_pushed("/broadcastfrom carol hi\n")
        carol.la.expect(DELIVERED)
        dave.go_online()
        carol.la.send("/to dave now\n")
        dave.expect_pushed("/from carol now\n")
        carol.la.expect(DELIVERED)

    def test_a_message_to_nobody_is_304(self):
        carol = self.online("carol")
        for target in ("dave", "nobody", "a@b", "all", "x" * 65, "ş" * 400):
            carol.ask(f"/to {target} hi", NOT_DELIVERED)

    def test_a_broadcast_of_the_only_one_is_303(self):
        self.online("carol").ask("/toall hi", DELIVERED)

    def test_a_message_to_oneself_is_delivered(self):
        carol = self.online("carol")
        carol.la.send("/to carol remember the milk\n")
        carol.expect_pushed("/from carol remember the milk\n")
        carol.la.expect(DELIVERED)

    def test_a_broadcast_that_one_does_not_confirm_is_304(self):
        carol, dave, erin = (self.online(name) for name in ("carol", "dave", "erin"))
        carol.la.send("/toall hi\n")
        dave.expect_pushed("/broadcastfrom carol hi\n")
        erin.lb.expect("/broadcastfrom carol hi\n")
        erin.cut()
        carol.la.expect(NOT_DELIVERED)

    def test_303_comes_after_the_last_receipt_and_not_before(self):
        carol, dave, erin = (self.online(name) for name in ("carol", "dave", "erin"))
        carol.la.send("/toall hi\n")
        dave.expect_pushed("/broadcastfrom carol hi\n")
        wait_server_has_read(dave.lb.socket)
        carol.la.socket.setblocking(False)
        with self.assertRaises(BlockingIOError):
            carol.la.socket.recv(1)
        carol.la.socket.settimeout(RECEIPT_LATEST)
        erin.expect_pushed("/broadcastfrom carol hi\n")
        carol.la.expect(DELIVERED)

    def test_a_receipt_counts_by_its_code(self):
        carol, dave = self.online("carol"), self.online("dave")
        for receipt in ("302\n", "302 Got it\n", "302 Message receipt successful\r\n"):
            carol.la.send("/to dave hi\n")
            dave.lb.expect("/from carol hi\n")
            for piece in ("30", "3 No\n", "3020 Neither\n", "\n", "/from x y\n", receipt):
                dave.lb.send(piece)
            carol.la.expect(DELIVERED)

    def test_content_is_passed_on_to_the_byte(self):
        carol, dave = self.online("carol"), self.online("dave")
        for text in ("x", " ", "  two blanks first", "two  inside", "at the end  ", "\ttab\t",
                     "/exit", "/to carol hi", "302 Message receipt successful", 'say "hi"',
                     "Şule içti ☕ 山田 e\u0301", "%s%n\\n\\0", "x" * 4000):
            for command, word in (("/to dave", "/from"), ("/toall", "/broadcastfrom")):
                carol.la.send(f"{command} {text}\n")
                dave.expect_pushed(f"{word} carol {text}\n")
                carol.la.expect(DELIVERED)


class PushConnectionTest(DoorTest):
    def test_a_port_that_nobody_listens_on_is_202_and_may_be_tried_again(self):
        carol = self.log_in("carol")
        port = carol.listen()
        carol.listener.close()
        carol.ask(f"/port {port}", NOT_CONNECTED)
        carol.ask("/list", "301 carol\n")
        carol.ask(f"/port {port}", NOT_CONNECTED)
        carol.go_online().leave()

    def test_system_ports_and_the_registrys_own_are_202(self):
        carol = self.log_in("carol")
        for port in (1, 22, 80, 1023, self.registry.port, self.registry.door_port):
            carol.ask(f"/port {port}", NOT_CONNECTED)
        carol.go_online()
        self.assertEqual(self.metric("registry_two_connection_failed_dials_total"), 6)

    def test_the_registry_calls_the_address_that_it_sees(self):
        carol = self.log_in("carol", source="127.0.0.9")
        listener = socket.create_server(("127.0.0.9", 0))
        self.addCleanup(listener.close)
        listener.settimeout(RECEIPT_LATEST)
        carol.la.send(f"/port {listener.getsockname()[1]}\n")
        lb, _ = listener.accept()
        self.addCleanup(lb.close)
        carol.la.expect(CONNECTED)

    def test_a_push_connection_that_is_closed_ends_the_session(self):
        carol = self.online("carol")
        carol.lb.cut()
        carol.la.expect_end()
        self.wait_listed()

    def test_a_push_connection_that_is_filled_with_junk_ends_the_session(self):
        carol = self.online("carol")
        carol.lb.send(b"x" * 100_000)
        carol.la.expect_end()
        carol.lb.expect_end()
        self.wait_listed()

    def test_a_name_is_free_again_after_exit(self):
        for _ in range(20):
            self.online("carol").leave()


class OldProgramTest(DoorTest):
    """The old clients against each other, through our registry."""

    def converse(self, first, second):
        carol, dave = self.start_old_client("carol", first), self.start_old_client("dave", second)
        carol.write("/to dave Hi there")
        carol.wait_stdout_has(DELIVERED)
        dave.write("/to carol Hi yourself")
        dave.wait_stdout_has(DELIVERED)
        carol.write("/list")
        carol.wait_stdout_has("301 carol dave\n")
        carol.write("/to nobody x")
        carol.wait_stdout_has(NOT_DELIVERED)
        carol.write("/dance")
        carol.wait_stdout_has(UNRECOGNIZED)
        for client, variant, line in ((carol, first, "dave Hi yourself"),
                                      (dave, second, "carol Hi there")):
            sender, _, text = line.partition(" ")
            client.wait_stdout_has(f"message from {sender}: {text}\n" if variant == "a"
                                   else f"/from {line}\n")
        for client in (carol, dave):
            client.write("/exit")
            client.wait_stdout_has(BYE)
            self.assertEqual(client.wait(), 0, "ends once both its connections are closed")
        self.assertEqual(carol.stderr + dave.stderr, b"")

    def test_program_a_with_itself(self):
        self.converse("a", "a")

    def test_program_b_with_itself(self):
        self.converse("b", "b")

    def test_program_a_with_program_b(self):
        self.converse("a", "b")

    def test_broadcasts_among_programs_a(self):
        carol, dave, erin = (self.start_old_client(name) for name in ("carol", "dave", "erin"))
        carol.write("/toall Lunch?")
        carol.wait_stdout_has(DELIVERED)
        for client in (dave, erin):
            client.wait_stdout_has("broadcast from carol: Lunch?\n")

    def test_program_b_shows_broadcasts_without_a_receipt_and_still_gets_messages(self):
        carol, dave = self.online("carol"), self.start_old_client("dave", "b")
        clock = Stopwatch()
        carol.la.send("/toall Lunch?\n")
        dave.wait_stdout_has("/broadcastfrom carol Lunch?\n")
        carol.la.expect(NOT_DELIVERED)
        self.assertGreaterEqual(clock.seconds, RECEIPT_TIME)
        self.assertLess(clock.seconds, RECEIPT_LATEST)
        for text in ("one", "two"):  # the first receipt might be the one that was owed
            clock = Stopwatch()
            carol.ask(f"/to dave {text}", DELIVERED)
            dave.wait_stdout_has(f"/from carol {text}\n")
            if text == "one":
                self.assertGreaterEqual(clock.seconds, 0.45)
            self.assertLess(clock.seconds, AT_ONCE)
        dave.write("/to carol yes")
        carol.expect_pushed("/from dave yes\n")
        dave.wait_stdout_has(DELIVERED)

    def test_a_wrong_password_is_asked_for_again(self):
        for name, variant in (("carol", "a"), ("dave", "b")):
            client = self.start_old_client(name, variant, typed=[name, "wrong"])
            client.wait_stdout_has(LOGIN_FAILED)


if __name__ == "__main__":
    unittest.main()
