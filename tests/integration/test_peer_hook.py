#!/usr/bin/env python3
"""`peer … listen --exec`: one program run for each message, which no shell ever interprets."""

import pathlib
import signal
import unittest

from support.harness import wait_until
from support.registry_test import RegistryTest
from support.udp import send_datagram


class HookTest(RegistryTest):
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
        bob = self.start_listener("bob", self.registry, "--exec-plain", "--exec", hook)
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
        bob = self.start_listener("bob", self.registry, "--exec-plain", "--exec", hook)
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
        bob = self.start_listener("bob", self.registry, "--exec-plain", "--exec", hook)
        for number in range(20):
            send_datagram(bob, f"ali: {number}")
        wait_until(lambda: len(self.recorded().split()) >= 20, "20 hooks have run")
        self.assertEqual(self.recorded().split(), [str(number) for number in range(20)])

    def test_a_hook_that_hangs_is_ended_with_all_it_started_and_the_next_one_runs(self):
        hook = self.hook('read text\ncase "$text" in\n'
                         f'*hang*) sleep 600 & echo $! > {self.dir}/child; wait;;\n'
                         f'*) echo "$text" >> {self.dir}/record;;\nesac')
        bob = self.start_listener("bob", self.registry, "--exec-plain", "--exec", hook, "--exec-timeout", "0.3")
        send_datagram(bob, "ali: hang")
        send_datagram(bob, "ali: next")
        wait_until(lambda: "next" in self.recorded(), "the hook after the hanging one")
        self.wait_gone(self.dir / "child")
        bob.wait_stderr("peer: the hook: took too long")

    def test_a_slow_hook_stops_neither_the_lines_nor_the_end(self):
        hook = self.hook(f"echo $$ > {self.dir}/child.new\n"
                         f"mv {self.dir}/child.new {self.dir}/child\nexec sleep 600")
        bob = self.start_listener("bob", self.registry, "--exec-plain", "--exec", hook)
        for number in range(10):
            send_datagram(bob, f"ali: {number}")
        bob.wait_stdout_has("ali: 9\n")
        wait_until((self.dir / "child").exists, "the hook runs")
        bob.signal(signal.SIGTERM)
        self.assertEqual(bob.wait(), 143)
        self.wait_gone(self.dir / "child")
        self.assertFalse(self.is_listed("bob"))

    def test_64_messages_wait_for_a_slow_hook_and_the_rest_is_only_shown(self):
        hook = self.hook(f'until [ -e {self.dir}/gate ]; do sleep 0.01; done\n'
                         f'cat >> {self.dir}/record')
        bob = self.start_listener("bob", self.registry, "--exec-plain", "--exec", hook)
        for number in range(100):
            send_datagram(bob, f"ali: {number}")
        bob.wait_stdout_has("ali: 99\n")
        (self.dir / "gate").touch()
        wait_until(lambda: len(self.recorded().split()) >= 64, "64 hooks have run")
        send_datagram(bob, "ali: again")
        wait_until(lambda: "again" in self.recorded(), "the hook keeps up again")
        self.assertEqual(self.recorded().split(), [*map(str, range(64)), "again"])
        self.assertEqual(bob.stderr.count(b"does not keep up"), 1)

    def test_a_hook_that_is_missing_or_fails_does_not_end_it(self):
        for command, why in (("/nonexistent/hook", "exit status 127"), ("exit 3", "exit status 3"),
                             ("kill -9 $$", "killed by signal 9")):
            with self.subTest(command):
                bob = self.start_listener("bob", self.registry, "--exec-plain", "--exec", command)
                send_datagram(bob, "ali: one")
                bob.wait_stderr(f"peer: the hook: .*{why}")
                send_datagram(bob, "ali: two")
                bob.wait_stdout("ali: one\nali: two\n")
                bob.signal(signal.SIGTERM)
                self.assertEqual(bob.wait(), 143)

    def test_what_a_hook_prints_is_never_taken_for_a_message(self):
        bob = self.start_listener("bob", self.registry, "-n", "1", "--exec-plain", "--exec",
                                  self.hook("echo from the hook"))
        send_datagram(bob, "ali: one")
        self.assertEqual(bob.wait(), 0)
        bob.dispose()
        self.assertEqual(bob.stdout, b"ali: one\n")
        self.assertIn(b"from the hook\n", bob.stderr)

    def test_the_last_message_of_n_has_been_through_its_hook(self):
        bob = self.start_listener("bob", self.registry, "-n", "2", "--exec-plain", "--exec",
                                  self.hook(f"sleep 0.1; cat >> {self.dir}/record"))
        send_datagram(bob, "ali: one")
        send_datagram(bob, "ali: two")
        self.assertEqual(bob.wait(), 0)
        self.assertEqual(self.recorded(), "one\ntwo\n")

    def wait_gone(self, pid_file):
        """Waits until the process has ended; nobody may reap an orphan, so a zombie counts."""
        status = pathlib.Path("/proc", pid_file.read_text().strip(), "stat")

        def is_gone():
            try:
                return status.read_text().rpartition(")")[2].split()[0] in "ZX"
            except (FileNotFoundError, ProcessLookupError):
                return True
        wait_until(is_gone, "the hook's process ends")


if __name__ == "__main__":
    unittest.main()
