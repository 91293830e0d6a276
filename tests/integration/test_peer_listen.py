#!/usr/bin/env python3
"""`peer NAME HOST:PORT listen`: its command line, what it prints and what it asks."""

import json
import signal
import unittest

from support.harness import our_program, wait_until
from support.raw_http import users
from support.registry_test import RegistryTest
from support.udp import send_datagram

QUESTION = "Do you want to log out?[y/n]"


class OutputTest(RegistryTest):
    def test_each_message_is_a_line_in_order_and_nothing_else_is_on_stdout(self):
        bob = self.start_listener("bob", self.registry)
        expected = ""
        for text in ("hello", "two words", '"quoted"', "Göktuğ'dan selam 🚀", "", "a: b: c"):
            send_datagram(bob, f"ali: {text}")
            expected += f"ali: {text}\n"
        bob.wait_stdout(expected)

    def test_it_registers_the_port_that_it_has_bound(self):
        bob = self.start_listener("bob", self.registry)
        self.assertEqual(users(self.registry)["bob"]["endpoint"], f"127.0.0.1:{bob.port}")
        send_datagram(bob, "ali: here")
        bob.wait_stdout("ali: here\n")

    def test_a_datagram_of_2048_bytes_is_shown_whole(self):
        bob = self.start_listener("bob", self.registry)
        text = "ali: " + "x" * 2043
        send_datagram(bob, text)
        bob.wait_stdout(text + "\n")

    def test_escape_control_and_bidi_characters_never_reach_stdout(self):
        bob = self.start_listener("bob", self.registry)
        hostile = ["\x1b[31mred", "bell\x07", "over\rwritten", "c1\x9b31m", "del\x7f",
                   "rlo\u202egnp", "isolate\u2066x", "zero\u200bwidth", "osc\x1b]52;c;eA==\x07",
                   "nul\0byte", "back\x08space"]
        for text in hostile:
            send_datagram(bob, f"ali: {text}")
        send_datagram(bob, b"ali: \xff\xfe\xc3")
        send_datagram(bob, "ali: end")
        bob.wait_stdout_has("ali: end\n")
        out = bob.stdout
        self.assertEqual(out.count(b"\n"), len(hostile) + 2, out)
        text = out.decode()  # what is not UTF-8 is made visible as well
        for bad in "\x1b\x07\r\x9b\x7f\u202e\u2066\u200b\0\x08":
            self.assertNotIn(bad, text)
        for line in text.splitlines():
            self.assertTrue(line.startswith("ali: "), line)

    def test_a_newline_inside_a_message_cannot_forge_another_line(self):
        bob = self.start_listener("bob", self.registry)
        send_datagram(bob, "mallory: hi\nali: send money")
        send_datagram(bob, "ali: real")
        bob.wait_stdout_has("ali: real\n")
        self.assertEqual(bob.stdout.count(b"\n"), 2, bob.stdout)
        self.assertTrue(bob.stdout.startswith(b"mallory: "))

    def test_junk_datagrams_end_nothing(self):
        bob = self.start_listener("bob", self.registry)
        for junk in (b"", b"no colon", b":", b": ", b"\xfe\x01\x01\x00" + b"x" * 40, b"\xfe",
                     b"\0" * 100, b"x" * 60000):
            send_datagram(bob, junk)
        send_datagram(bob, "ali: still here")
        bob.wait_stdout_has("ali: still here\n")

    def test_json_is_one_object_a_line(self):
        bob = self.start_listener("bob", self.registry, "--json")
        for text in ('say "hi"\\', "Göktuğ\x1b[31m"):
            send_datagram(bob, f"ali: {text}")
        bob.wait_stdout_has("\n", count=2)
        first, second = (json.loads(line) for line in bob.stdout.splitlines())
        self.assertEqual((first["from"], first["to"], first["text"], first["event"]),
                         ("ali", ["bob"], 'say "hi"\\', "message"))
        self.assertIs(first["sealed"], False)
        self.assertRegex(first["ts"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertNotEqual(first["id"], second["id"])
        self.assertNotIn(b"\x1b", bob.stdout)
        self.assertEqual(second["text"], "Göktuğ\x1b[31m")

    def test_json_of_a_datagram_without_a_sender_says_null(self):
        bob = self.start_listener("bob", self.registry, "--json")
        send_datagram(bob, "no colon here")
        bob.wait_stdout_has("\n")
        message = json.loads(bob.stdout)
        self.assertEqual((message["from"], message["text"]), (None, "no colon here"))

    def test_quiet_says_nothing_on_stderr(self):
        bob = self.start_peer("bob", self.registry, "listen", "-q", "-n", "1")
        wait_until(lambda: self.is_listed("bob"), "bob is listed")
        bob.host, bob.port = "127.0.0.1", int(
            users(self.registry)["bob"]["endpoint"].rpartition(":")[2])
        send_datagram(bob, "ali: hi")
        self.assertEqual(bob.wait(), 0)
        bob.dispose()
        self.assertEqual((bob.stdout, bob.stderr), (b"ali: hi\n", b""))

    def test_it_reads_nothing_from_standard_input(self):
        bob = self.start_listener("bob", self.registry)
        bob.end_input()
        send_datagram(bob, "ali: hi")
        bob.wait_stdout("ali: hi\n")
        self.assertTrue(bob.is_running())


class LimitsTest(RegistryTest):
    def test_n_ends_it_after_so_many_messages_and_logs_out(self):
        bob = self.start_listener("bob", self.registry, "-n", "2")
        send_datagram(bob, "ali: one")
        send_datagram(bob, "ali: two")
        self.assertEqual(bob.wait(), 0)
        bob.wait_stdout("ali: one\nali: two\n")
        self.assertFalse(self.is_listed("bob"))

    def test_w_ends_it_with_124_when_the_time_is_over(self):
        bob = self.start_listener("bob", self.registry, "-W", "1")
        self.assertEqual(bob.wait(), 124)
        self.assertFalse(self.is_listed("bob"))

    def test_n_counts_exactly_in_a_burst(self):
        bob = self.start_listener("bob", self.registry, "-n", "3")
        bob.signal(signal.SIGSTOP)  # so that all are there before it reads the first
        for number in range(20):
            send_datagram(bob, f"ali: {number}")
        bob.signal(signal.SIGCONT)
        self.assertEqual(bob.wait(), 0)
        bob.wait_stdout("ali: 0\nali: 1\nali: 2\n")

    def test_n_before_w_is_0(self):
        bob = self.start_listener("bob", self.registry, "-n", "1", "-W", "60")
        send_datagram(bob, "ali: one")
        self.assertEqual(bob.wait(), 0)


class QuestionTest(RegistryTest):
    def send_messages(self, bob, first, last):
        for number in range(first, last + 1):
            send_datagram(bob, f"ali: {number}")

    def lines(self, first, last):
        return "".join(f"ali: {number}\n" for number in range(first, last + 1))

    def test_off_a_terminal_nothing_is_asked(self):
        bob = self.start_listener("bob", self.registry)
        self.send_messages(bob, 1, 12)
        bob.wait_stdout(self.lines(1, 12))

    def test_asked_for_it_comes_after_every_fifth_and_y_leaves(self):
        bob = self.start_listener("bob", self.registry, "--question", "always")
        self.send_messages(bob, 1, 5)
        bob.wait_stdout(self.lines(1, 5) + QUESTION)
        bob.write("n")
        self.send_messages(bob, 6, 10)
        bob.wait_stdout_has(QUESTION, count=2)
        self.assertTrue(bob.stdout.decode().endswith(self.lines(6, 10) + QUESTION))
        bob.write("Y")
        self.assertEqual(bob.wait(), 0)
        self.assertFalse(self.is_listed("bob"))

    def test_another_answer_is_invalid_and_asked_again(self):
        bob = self.start_listener("bob", self.registry, "--question", "always")
        self.send_messages(bob, 1, 5)
        bob.wait_stdout_has(QUESTION)
        bob.write("maybe")
        bob.wait_stdout_has("Invalid input!\n" + QUESTION)
        bob.write("N")
        send_datagram(bob, "ali: 6")
        bob.wait_stdout_has("ali: 6\n")

    def test_reception_goes_on_while_the_question_is_open(self):
        bob = self.start_listener("bob", self.registry, "--question", "always")
        self.send_messages(bob, 1, 5)
        bob.wait_stdout_has(QUESTION)
        self.send_messages(bob, 6, 8)
        bob.wait_stdout_has("ali: 8\n")

    def test_never_means_never(self):
        bob = self.start_listener("bob", self.registry, "--question", "never")
        self.send_messages(bob, 1, 6)
        bob.wait_stdout(self.lines(1, 6))


class UsageTest(RegistryTest):
    def run_peer(self, *words):
        program = self.start_peer(*words)
        status = program.wait()
        program.dispose()
        return status, program.stdout

    def test_a_name_outside_the_grammar_is_told_without_connecting(self):
        for name in ("a:b", "a@b", "a b", "", "user", "x" * 65):
            self.assertEqual(self.run_peer(name, "127.0.0.1:9", "listen"),
                             (64, b"Invalid username!\n"), name)

    def test_another_mode_is_told(self):
        self.assertEqual(self.run_peer("bob", "127.0.0.1:9", "dance"), (64, b"Invalid mode!\n"))

    def test_missing_or_wrong_arguments_are_usage_errors(self):
        address = self.registry.address
        for words in ([], ["bob"], ["bob", address], ["bob", address, "listen", "--nonsense"],
                      ["bob", "nonsense", "listen"], ["bob", "127.0.0.1:99999", "listen"],
                      ["bob", address, "listen", "-n"], ["bob", address, "listen", "-n", "x"],
                      ["bob", address, "listen", "--question", "perhaps"],
                      ["bob", address, "listen", "--port", "70000"]):
            program = self.start("peer", our_program("peer"), *words, is_ours=True)
            self.assertEqual(program.wait(), 64, words)
        self.assertEqual(users(self.registry), {})

    def test_help_is_one_screen_and_names_every_mode_and_status(self):
        program = self.start("peer", our_program("peer"), "--help", is_ours=True)
        self.assertEqual(program.wait(), 0)
        program.dispose()
        text = program.stdout.decode()
        self.assertLessEqual(text.count("\n"), 24)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        for part in ("-W", "--quiet", "--version", "listen", "send", "unicast", "multicast",
                     "broadcast", "ask", "list", "key", "trust", *"0 1 64 65 67 69 74 75 76 77 78 "
                     "124 130 143".split()):
            self.assertRegex(text, rf"(?m)(^|\W){part}(\W|$)")

    def test_a_mode_has_a_help_of_its_own(self):
        program = self.start("peer", our_program("peer"), "listen", "--help", is_ours=True)
        self.assertEqual(program.wait(), 0)
        program.dispose()
        for part in ("-n", "-W", "--port", "--advertise", "--json", "--exec", "--exec-timeout",
                     "--exec-plain", "--question", "--quiet", "--trust", "--key", "--plain"):
            self.assertRegex(program.stdout.decode(), rf"(?m)(^|\W){part}(\W|$)")

    def test_options_may_stand_anywhere(self):
        for number, words in enumerate((["-n", "1", "bob", self.registry.address, "listen"],
                                        ["bob", "-n", "1", self.registry.address, "listen"],
                                        ["bob", self.registry.address, "-n", "1", "listen"])):
            bob = self.start(f"peer {number}", our_program("peer"), *words, is_ours=True)
            found = bob.wait_stderr(rb"listening on (\S+):(\d+)")
            bob.host, bob.port = found.group(1).decode(), int(found.group(2))
            send_datagram(bob, "ali: one")
            self.assertEqual(bob.wait(), 0)


if __name__ == "__main__":
    unittest.main()
