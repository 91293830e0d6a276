#!/usr/bin/env python3
"""`peer NAME HOST:PORT listen`: what it prints, asks, runs, and how it comes and goes."""

import json
import os
import signal
import subprocess
import unittest

from support.harness import DEADLINE, IntegrationTest, our_program, wait_until
from support.raw_http import call, post, users
from support.udp import send_datagram, unused_udp_port

QUESTION = "Do you want to log out?[y/n]"
TAKEN = b"This user already exists!\n"


class ListenTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def is_listed(self, name):
        return name in users(self.registry)


class OutputTest(ListenTest):
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
        self.assertIn("ali", first.values())
        self.assertIn('say "hi"\\', first.values())
        self.assertNotIn(b"\x1b", bob.stdout)
        self.assertIn("Göktuğ\x1b[31m", second.values())

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

    def test_a_reader_that_is_gone_ends_it(self):
        read_end, write_end = os.pipe()
        process = subprocess.Popen(
            [our_program("peer"), "bob", self.registry.address, "listen"], stdout=write_end,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=self.environment())
        try:
            os.close(write_end)
            wait_until(lambda: self.is_listed("bob"), "bob is listed")
            os.close(read_end)
            endpoint = users(self.registry)["bob"]["endpoint"]
            process.host, process.port = "127.0.0.1", int(endpoint.rpartition(":")[2])
            send_datagram(process, "ali: into the void")
            process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()


class LimitsTest(ListenTest):
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

    def test_n_before_w_is_0(self):
        bob = self.start_listener("bob", self.registry, "-n", "1", "-W", "60")
        send_datagram(bob, "ali: one")
        self.assertEqual(bob.wait(), 0)


class QuestionTest(ListenTest):
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


class HookTest(ListenTest):
    """--exec: one program run for each message, which no shell ever interprets."""

    def hook(self, body):
        path = self.dir / "hook.sh"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def recorded(self):
        path = self.dir / "record"
        return path.read_text() if path.exists() else ""

    def test_the_message_is_on_stdin_and_sender_and_id_in_the_environment(self):
        hook = self.hook(f'{{ printf "%s|%s|" "$PEER_SENDER" "$PEER_ID"; cat; echo "|"; }} '
                         f'>> {self.dir}/record')
        bob = self.start_listener("bob", self.registry, "--exec", hook)
        send_datagram(bob, "Göktuğ: two words")
        send_datagram(bob, "ali: second")
        wait_until(lambda: self.recorded().count("|") >= 6, "both hooks have run")
        first, second = self.recorded().strip().split("|\n")
        sender, message_id, text = first.split("|")
        self.assertEqual((sender, text.strip()), ("Göktuğ", "two words"))
        other_sender, other_id, other_text = second.rstrip("|").split("|")
        self.assertEqual((other_sender, other_text.strip()), ("ali", "second"))
        self.assertTrue(message_id)
        self.assertNotEqual(message_id, other_id)

    def test_nothing_in_a_message_is_ever_interpreted(self):
        trap = self.dir / "trap"
        hook = self.hook(f'{{ cat; echo; }} >> {self.dir}/record')
        bob = self.start_listener("bob", self.registry, "--exec", hook)
        texts = [f"$(touch {trap})", f"`touch {trap}`", f"; touch {trap}", f"| touch {trap}",
                 f"\\'; touch {trap} #", f'"; touch {trap} "', f"> {trap}", f"&& touch {trap}"]
        for text in texts:
            send_datagram(bob, f"$(touch {trap}): {text}")
            send_datagram(bob, f"ali: {text}")
        wait_until(lambda: self.recorded().count(texts[-1]) >= 1, "the last hook has run")
        for text in texts:
            self.assertIn(text, self.recorded())
        self.assertFalse(trap.exists())

    def test_hooks_run_one_at_a_time_and_in_order(self):
        hook = self.hook(f'mkdir {self.dir}/busy || echo OVERLAP >> {self.dir}/record\n'
                         f'{{ cat; echo; }} >> {self.dir}/record\nrmdir {self.dir}/busy')
        bob = self.start_listener("bob", self.registry, "--exec", hook)
        for number in range(20):
            send_datagram(bob, f"ali: {number}")
        wait_until(lambda: len(self.recorded().split()) >= 20, "20 hooks have run")
        self.assertEqual(self.recorded().split(), [str(number) for number in range(20)])

    def test_a_hook_that_hangs_is_ended_and_the_next_one_runs(self):
        hook = self.hook('read text\ncase "$text" in *hang*) sleep 600;; '
                         f'*) echo "$text" >> {self.dir}/record;; esac')
        bob = self.start_listener("bob", self.registry, "--exec", hook, "--exec-timeout", "1")
        send_datagram(bob, "ali: hang")
        send_datagram(bob, "ali: next")
        wait_until(lambda: "next" in self.recorded(), "the hook after the hanging one")

    def test_a_slow_hook_does_not_stop_the_lines(self):
        hook = self.hook("sleep 600")
        bob = self.start_listener("bob", self.registry, "--exec", hook)
        for number in range(100):  # more than the hook's queue holds
            send_datagram(bob, f"ali: {number}")
        bob.wait_stdout_has("ali: 99\n")

    def test_a_hook_that_is_missing_or_fails_does_not_end_it(self):
        bob = self.start_listener("bob", self.registry, "--exec", "/nonexistent/hook")
        send_datagram(bob, "ali: one")
        send_datagram(bob, "ali: two")
        bob.wait_stdout("ali: one\nali: two\n")
        self.assertTrue(bob.is_running())


class ComingAndGoingTest(ListenTest):
    def test_sigint_logs_out_and_exits_130(self):
        bob = self.start_listener("bob", self.registry)
        self.assertTrue(self.is_listed("bob"))
        bob.signal(signal.SIGINT)
        self.assertEqual(bob.wait(), 130)
        self.assertFalse(self.is_listed("bob"))

    def test_sigterm_logs_out_and_exits_143(self):
        bob = self.start_listener("bob", self.registry)
        bob.signal(signal.SIGTERM)
        self.assertEqual(bob.wait(), 143)
        self.assertFalse(self.is_listed("bob"))

    def test_a_signal_with_the_registry_away_still_ends_it(self):
        bob = self.start_listener("bob", self.registry)
        self.registry.kill()
        bob.signal(signal.SIGTERM)
        self.assertEqual(bob.wait(), 143)

    def test_killed_with_9_and_started_again_it_has_its_name_back_at_once(self):
        for _ in range(3):
            bob = self.start_listener("bob", self.registry)
            bob.kill()
            self.assertTrue(self.is_listed("bob"))
        bob = self.start_listener("bob", self.registry)
        self.assertEqual(users(self.registry)["bob"]["endpoint"], f"127.0.0.1:{bob.port}")

    def test_the_owner_token_is_kept_from_other_people(self):
        self.start_listener("bob", self.registry)
        files = [path for path in (self.dir / "home" / "state" / "peer").rglob("*")
                 if path.is_file()]
        self.assertTrue(files)
        for path in files:
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_a_taken_name_is_told_and_exits_77(self):
        self.start_listener("bob", self.registry)
        other = self.start_peer("bob", self.registry, "listen", home=self.dir / "other home")
        self.assertEqual(other.wait(), 77)
        other.wait_stdout(TAKEN)

    def test_a_second_instance_of_the_same_user_exits_77_and_the_first_stays(self):
        bob = self.start_listener("bob", self.registry)
        second = self.start_peer("bob", self.registry, "listen")
        self.assertEqual(second.wait(), 77)
        second.wait_stdout(TAKEN)
        self.assertEqual(users(self.registry)["bob"]["endpoint"], f"127.0.0.1:{bob.port}")

    def test_a_name_held_by_curl_is_taken(self):
        post(self.registry, "REGISTER bob@127.0.0.1:50001")
        bob = self.start_peer("bob", self.registry, "listen")
        self.assertEqual(bob.wait(), 77)
        bob.wait_stdout(TAKEN)

    def test_port_and_advertise_override_what_is_registered(self):
        port = unused_udp_port()
        bob = self.start_listener("bob", self.registry, "--port", str(port), "--advertise",
                                  "127.0.0.2")
        self.assertEqual(users(self.registry)["bob"]["endpoint"], f"127.0.0.2:{port}")
        bob.host, bob.port = "127.0.0.2", port
        send_datagram(bob, "ali: here")
        bob.wait_stdout("ali: here\n")

    def test_a_busy_port_is_one_sentence_and_69(self):
        first = self.start_listener("ann", self.registry)
        second = self.start_peer("bob", self.registry, "listen", "--port", str(first.port))
        self.assertEqual(second.wait(), 69)
        self.assertFalse(self.is_listed("bob"))

    def test_no_registry_at_the_start_is_69_with_a_reason(self):
        address = self.registry.address
        self.registry.kill()
        bob = self.start_peer("bob", address, "listen")
        self.assertEqual(bob.wait(), 69)
        bob.dispose()
        self.assertIn(address, bob.stderr.decode())

    def test_an_abandoned_record_ends_with_its_lease_and_a_kept_one_does_not(self):
        registry = self.start_registry("--lease", "2", data=self.dir / "short")
        self.start_listener("gone", registry).kill()
        self.start_listener("stays", registry)
        wait_until(lambda: "gone" not in users(registry), "the dead listener's lease ends")
        self.assertIn("stays", users(registry))


class RegistryAwayTest(IntegrationTest):
    """A registry that stops and comes back, under a listener that goes on."""

    def test_it_registers_again_with_a_registry_that_has_forgotten_it(self):
        registry = self.start_registry("--lease", "2")
        bob = self.start_listener("bob", registry)
        registry.kill()
        send_datagram(bob, "ali: while away")
        bob.wait_stdout("ali: while away\n")
        again = self.start_registry("--lease", "2", where=registry.address,
                                    data=self.dir / "forgetful")
        wait_until(lambda: "bob" in users(again), "bob is registered again", 60)
        self.assertEqual(users(again)["bob"]["endpoint"], f"127.0.0.1:{bob.port}")

    def test_it_stays_listed_over_a_restart(self):
        registry = self.start_registry("--lease", "2")
        bob = self.start_listener("bob", registry)
        registry.kill()
        again = self.start_registry("--lease", "2", where=registry.address)
        version = call(again, target="/userlist.txt?format=json").json()["version"]
        self.start_listener("gone", again).kill()
        wait_until(lambda: "gone" not in users(again), "a lease has passed", 60)
        self.assertIn("bob", users(again))
        self.assertGreater(call(again, target="/userlist.txt?format=json").json()["version"],
                           version)
        bob.signal(signal.SIGTERM)
        self.assertEqual(bob.wait(), 143)
        self.assertNotIn("bob", users(again))

    def test_it_says_once_that_the_registry_is_away_and_once_that_it_is_back(self):
        registry = self.start_registry("--lease", "2")
        bob = self.start_listener("bob", registry)
        said = len(bob.stderr.splitlines())
        registry.kill()
        wait_until(lambda: len(bob.stderr.splitlines()) > said, "it says that it is away", 60)
        again = self.start_registry("--lease", "2", where=registry.address,
                                    data=self.dir / "forgetful")
        wait_until(lambda: len(bob.stderr.splitlines()) > said + 1, "it says that it is back", 60)
        wait_until(lambda: "bob" in users(again), "bob is registered again", 60)
        self.assertEqual(len(bob.stderr.splitlines()), said + 2, bob.stderr)


class UsageTest(ListenTest):
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
