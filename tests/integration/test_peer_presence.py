#!/usr/bin/env python3
"""How `peer … listen` comes, stays listed and goes, whatever becomes of the registry."""

import re
import signal
import unittest

from support.harness import DEADLINE_SCALE, IntegrationTest, wait_until
from support.ports import unused_port
from support.raw_http import post, users
from support.registry_test import RegistryTest
from support.udp import send_datagram

TAKEN = b"This user already exists!\n"
# Seconds; the shortest that a slow build can keep.
LEASE = str(max(1, round(DEADLINE_SCALE)))


class ComingAndGoingTest(RegistryTest):
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

    def test_a_registry_that_hangs_delays_the_end_but_little_and_a_second_signal_not_at_all(self):
        bob, ann = self.start_listener("bob", self.registry), self.start_listener("ann",
                                                                                  self.registry)
        self.registry.signal(signal.SIGSTOP)
        bob.signal(signal.SIGTERM)
        self.assertEqual(bob.wait(), 143)
        ann.signal(signal.SIGTERM)
        ann.signal(signal.SIGINT)
        self.assertIn(ann.wait(), (130, 143))
        self.registry.signal(signal.SIGCONT)

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
        port = unused_port()
        bob = self.start_listener("bob", self.registry, "--port", str(port), "--advertise",
                                  "127.0.0.2")
        self.assertEqual(users(self.registry)["bob"]["endpoint"], f"127.0.0.2:{port}")
        bob.host, bob.port = "127.0.0.2", port
        send_datagram(bob, "ali: here")
        bob.wait_stdout("ali: here\n")

    def test_advertise_takes_a_host_name_and_a_port_of_its_own(self):
        for number, (advertised, endpoint) in enumerate((
                ("localhost", "127.0.0.1:{}"), ("127.0.0.2:40000", "127.0.0.2:40000"),
                ("::1", "[::1]:{}"), ("[::1]:40000", "[::1]:40000"))):
            bob = self.start_listener(f"bob{number}", self.registry, "--advertise", advertised)
            bound = bob.stderr.decode()
            self.assertEqual(users(self.registry)[f"bob{number}"]["endpoint"],
                             endpoint.format(bob.port), bound)

    def test_a_typed_name_is_registered_as_one_character_a_letter(self):
        self.start_listener("Zoe\u0308", self.registry)
        self.assertEqual(list(users(self.registry)), ["Zo\u00eb"])

    def test_a_busy_port_is_one_sentence_and_69(self):
        first = self.start_listener("ann", self.registry)
        second = self.start_peer("bob", self.registry, "listen", "--port", str(first.port))
        self.assertEqual(second.wait(), 69)
        self.assertFalse(self.is_listed("bob"))

    def test_w_ends_the_wait_for_a_registry_that_never_came_with_69_and_a_reason(self):
        address = self.registry.address
        self.registry.kill()
        bob = self.start_peer("bob", address, "listen", "-W", "0.3")
        self.assertEqual(bob.wait(), 69)
        bob.dispose()
        self.assertEqual(bob.stdout, b"")
        for part in (address, "refused", f"curl http://{address}/healthz"):
            self.assertIn(part, bob.stderr.decode())

    def test_an_abandoned_record_ends_with_its_lease_and_a_kept_one_never_does(self):
        registry = self.start_registry("--lease", LEASE, data=self.dir / "short")
        stays = self.start_listener("stays", registry)
        for name in ("gone1", "gone2", "gone3"):  # three leases, one after another
            self.start_listener(name, registry).kill()
            wait_until(lambda: name not in users(registry), f"the lease of {name} ends")
            self.assertEqual(users(registry)["stays"]["endpoint"], f"127.0.0.1:{stays.port}")
        self.assertNotIn(b"user expired  user=stays", registry.stderr)


class RegistryAwayTest(IntegrationTest):
    """A registry that stops and comes back, under a listener that goes on."""

    def test_it_registers_again_with_a_registry_that_has_forgotten_it(self):
        registry = self.start_registry("--lease", LEASE)
        bob = self.start_listener("bob", registry)
        registry.kill()
        send_datagram(bob, "ali: while away")
        bob.wait_stdout("ali: while away\n")
        again = self.start_registry("--lease", LEASE, where=registry.address,
                                    data=self.dir / "forgetful")
        wait_until(lambda: "bob" in users(again), "bob is registered again")
        self.assertEqual(users(again)["bob"]["endpoint"], f"127.0.0.1:{bob.port}")

    def test_over_a_restart_on_the_same_data_its_record_stays_and_is_kept(self):
        registry = self.start_registry("--lease", LEASE)
        bob = self.start_listener("bob", registry)
        before = users(registry)["bob"]
        registry.kill()
        again = self.start_registry("--lease", LEASE, where=registry.address)
        self.assertEqual(users(again)["bob"], before)
        self.start_listener("gone", again).kill()
        wait_until(lambda: "gone" not in users(again), "a lease has passed")
        self.assertEqual(users(again)["bob"], before)
        self.assertNotIn(b"user=bob", again.stderr)  # neither expired nor registered anew
        bob.signal(signal.SIGTERM)
        self.assertEqual(bob.wait(), 143)
        self.assertNotIn("bob", users(again))

    def test_started_before_the_registry_it_registers_when_that_is_there(self):
        registry = self.start_registry()
        registry.kill()
        bob = self.start_peer("bob", registry, "listen")
        bob.wait_stderr(rb"cannot reach the registry at \S+: connection refused")
        again = self.start_registry(where=registry.address)
        bob.wait_stderr(rb"bob is listening on ")
        self.assertIn("bob", users(again))

    def test_it_says_once_that_the_registry_is_away_and_once_that_it_is_back(self):
        registry = self.start_registry("--lease", LEASE)
        bob = self.start_listener("bob", registry)
        registry.kill()
        bob.wait_stderr(rb"cannot reach the registry at \S+: connection refused\n")
        again = self.start_registry("--lease", LEASE, where=registry.address,
                                    data=self.dir / "forgetful")
        bob.wait_stderr(rb"registered again at ")
        self.assertIn("bob", users(again))
        bob.signal(signal.SIGTERM)
        self.assertEqual(bob.wait(), 143)
        bob.dispose()
        events = [line for line in bob.stderr.decode().splitlines() if not line.startswith("  ")]
        self.assertEqual([re.sub(r"127\.0\.0\.1:\d+", "X", line) for line in events],
                         ["peer: bob is listening on X, registered at X. Ctrl-C logs out.",
                          "peer: cannot reach the registry at X: connection refused",
                          "peer: registered again at X", "peer: bob logged out"])


if __name__ == "__main__":
    unittest.main()
