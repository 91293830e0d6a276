#!/usr/bin/env python3
"""Rules about minutes and days: leases, taking back a name, limits of a connection."""

import re
import socket
import unittest

from support.clock import Clock, library
from support.harness import IntegrationTest, wait_until
from support.raw_http import (RawConnection, call, exchange, modern, netchat_update, post, users)
from support.tcp_queue import wait_server_has_read
from support.udp import Inbox, send_datagram

TOKEN = "Owner-Token: " + "A" * 43
DAY = 86_400


@unittest.skipUnless(library(), "no compiler for the clock")
class ClockTest(IntegrationTest):
    def start_clocked(self, name, *options):
        """A registry with a clock of its own, in `clock`."""
        clock = Clock(self.dir / f"{name}.clock")
        registry = self.start_registry(*options, data=self.dir / name,
                                       env=self.environment(**clock.environment))
        registry.clock = clock
        return registry


class LeaseTest(ClockTest):
    def test_refreshed_records_last_200_s_and_old_programs_a_day_by_no_clock_on_the_wall(self):
        """Three registries at once, because each looks at its leases every ten seconds only."""
        modern_over, classic_over, wall = (self.start_clocked(name) for name in
                                           ("modern", "classic", "wall"))
        for registry in (modern_over, classic_over, wall):
            post(registry, "REGISTER old@127.0.0.1:50001")
            post(registry, "REGISTER new@127.0.0.1:50002", headers=[TOKEN])
        modern_over.clock.sleep(201)
        classic_over.clock.sleep(DAY + 1)
        post(classic_over, "REGISTER fresh@127.0.0.1:50003", headers=[TOKEN])
        wall.clock.set_wall(3 * DAY)
        wait_until(lambda: "new" not in users(modern_over), "200 s are over")
        wait_until(lambda: "old" not in users(classic_over), "a day is over")
        self.assertEqual(list(users(modern_over)), ["old"])
        self.assertEqual(list(users(classic_over)), ["fresh"])
        wall.clock.set_wall(-6 * DAY)
        self.assertEqual(list(users(wall)), ["old", "new"])
        for registry, name in ((modern_over, "new"), (classic_over, "old")):
            registry.wait_stderr(f"user expired  user={name}")
            self.assertEqual(post(registry, f"REGISTER {name}@127.0.0.1:50009").status, 200)

    def test_our_listener_refreshes_within_60_s_and_stays(self):
        registry = self.start_clocked("registry")
        bob = self.start_listener("bob", registry, **registry.clock.environment)
        before = users(registry)["bob"]
        version = call(registry, target="/userlist.txt?format=json").json()["version"]
        for minute in range(1, 6):  # 300 s in all: more than a lease
            registry.clock.sleep(60)
            send_datagram(bob, "ali: wake up")
            wait_until(lambda: self.refreshes(registry) >= minute, "another refresh")
            bob.wait_idle()  # it has the answer, and counts from now
        self.assertEqual(users(registry)["bob"], before)
        # A refresh that changes nothing is no change, and is not written.
        self.assertEqual(call(registry, target="/userlist.txt?format=json").json()["version"],
                         version)

    @staticmethod
    def refreshes(registry):
        found = re.search(r'registry_requests_total\{operation="update",status="200"\} (\d+)',
                          call(registry, target="/metrics").text)
        return int(found.group(1)) if found else 0


class ReclaimTest(ClockTest):
    """A name whose holder may be gone, asked for by another program of the same machine."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_clocked("registry")

    def claim(self, name, source="127.0.0.1"):
        with socket.create_connection((self.registry.host, self.registry.port),
                                      source_address=(source, 0)) as connection:
            connection.sendall(modern(self.registry, "POST", "/userlist.txt",
                                      f"REGISTER {name}@127.0.0.1:50009", ["Connection: close"]))
            return int(connection.recv(2048).split(b" ")[1])

    def hold(self, name):
        """Registers the name for an inbox."""
        inbox = Inbox()
        self.addCleanup(inbox.__exit__)
        self.assertEqual(post(self.registry, f"REGISTER {name}@{inbox.endpoint}").status, 200)
        return inbox

    def test_a_holder_that_is_gone_loses_its_name_after_60_s(self):
        self.hold("bob").__exit__()
        self.assertEqual(self.claim("bob"), 406, "too young to ask")
        self.registry.clock.sleep(61)
        self.assertEqual(self.claim("bob", source="127.0.0.2"), 406, "from elsewhere")
        self.assertEqual(self.claim("bob"), 200)
        self.assertEqual(users(self.registry)["bob"]["endpoint"], "127.0.0.1:50009")
        self.registry.wait_stderr("user reclaimed  user=bob")

    def test_a_silent_holder_keeps_it_and_is_asked_once_a_minute(self):
        inbox = self.hold("bob")
        self.registry.clock.sleep(61)
        for _ in range(3):
            self.assertEqual(self.claim("bob"), 406)
        self.assertEqual(inbox.receive(), b"", "the probe is an empty datagram")
        self.assertTrue(inbox.is_empty(), "and one only")
        self.registry.clock.sleep(61)
        self.assertEqual(self.claim("bob"), 406)
        self.assertEqual(inbox.receive(), b"")

    def test_a_refresh_makes_the_record_young_again(self):
        inbox = self.hold("bob")
        inbox.__exit__()
        self.registry.clock.sleep(61)
        self.assertEqual(post(self.registry, f"UPDATE bob@{inbox.endpoint}").status, 200)
        self.assertEqual(self.claim("bob"), 406)

    def test_our_listener_answers_no_probe_and_prints_none(self):
        bob = self.start_listener("bob", self.registry)
        self.registry.clock.sleep(61)
        self.assertEqual(self.claim("bob"), 406)
        send_datagram(bob, "ali: hi")
        bob.wait_stdout("ali: hi\n")

    def test_a_netchat_holder_is_asked_by_a_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            exchange(self.registry, netchat_update(f"can@127.0.0.1:{port}"))
            self.registry.clock.sleep(61)
            self.assertEqual(self.claim("can"), 406)
            probe, _ = listener.accept()
            with probe:
                self.assertEqual(probe.recv(16), b"")
        self.registry.clock.sleep(61)
        self.assertEqual(self.claim("can"), 200)

    def test_a_record_kept_over_a_restart_is_young_and_has_its_full_lease(self):
        self.hold("bob").__exit__()
        self.registry.clock.sleep(61)
        self.registry.kill()
        self.registry = self.start_clocked("registry")
        self.assertEqual(self.claim("bob"), 406)


class ConnectionLimitTest(ClockTest):
    """Ten seconds for a request, and ten between two."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_clocked("registry")

    def test_a_request_that_takes_too_long_is_408(self):
        with RawConnection(self.registry) as connection:
            connection.send(b"POST /userlist.txt HTTP/1.1\r\nHost: localhost\r\n")
            wait_server_has_read(connection.socket)
            self.registry.wait_idle()
            self.registry.clock.sleep(9)
            connection.send(b"User-Agent: slow\r\n")
            wait_server_has_read(connection.socket)
            self.registry.wait_idle()
            self.registry.clock.sleep(2)
            self.assertEqual(connection.read_response().status, 408)
            self.assertEqual(connection.read_to_end(), b"")

    def test_an_idle_connection_is_closed_without_a_word(self):
        with RawConnection(self.registry) as connection:
            connection.send(modern(self.registry, target="/healthz"))
            self.assertEqual(connection.read_response().status, 200)
            self.registry.clock.sleep(11)
            self.assertEqual(connection.read_to_end(), b"")

    def test_a_peer_whose_kept_connection_was_closed_asks_again(self):
        with Inbox() as inbox:
            post(self.registry, f"REGISTER bob@{inbox.endpoint}")
            sender = self.start_peer("ci", self.registry, "send")
            sender.write('unicast bob "one"')
            sender.wait_stdout("message is sent to bob\n")
            self.registry.clock.sleep(11)
            wait_until(lambda: re.search(r"registry_connections 1\n", call(
                self.registry, target="/metrics").text), "its connection is closed")
            sender.write('unicast bob "two"')
            sender.wait_stdout("message is sent to bob\n" * 2)
            sender.end_input()
            self.assertEqual(sender.wait(), 0)


if __name__ == "__main__":
    unittest.main()
