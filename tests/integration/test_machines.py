#!/usr/bin/env python3
"""The registry, listeners and senders each on a machine of their own."""

import contextlib
import subprocess
import unittest

from support import machines
from support.harness import IntegrationTest, Registry, our_program, wait_until
from support.machines import Machines
from support.raw_http import (RawConnection, call, classic_list, exchange, modern, post, split_answer,
                              users)
from support.udp import send_datagram


@unittest.skipIf(machines.why_not(), machines.why_not())
class MachinesTest(IntegrationTest):
    """A registry on the first machine, for all; two more machines."""

    with_ipv4 = True
    wildcard = "0.0.0.0:0"
    loss = None

    def setUp(self):
        super().setUp()
        self.lan = Machines(3, self.with_ipv4, self.loss)
        self.home, self.second, self.third = self.lan.__enter__()
        self.addCleanup(self.lan.__exit__)
        self.registry = self.start_registry(where=self.wildcard, under=self.home.words)
        self.registry.host = self.home.address or f"[{self.home.address6}]"
        self.registry.address = f"{self.registry.host}:{self.registry.port}"

    def listen(self, name, machine, *options, at=None):
        return self.start_listener(name, at or self.registry, *options, under=machine.words,
                                   home=self.dir / machine.namespace, **self.keys())

    def send(self, name, machine, *words, at=None, **more):
        return self.run_sender(name, at or self.registry, *words, under=machine.words,
                               home=self.dir / machine.namespace, **self.keys(), **more)

    def keys(self):
        """A name is one person, whatever machine he is at."""
        return {"PEER_HOME": str(self.dir / "keys")}

    def check_sent(self, sender, *names):
        self.assertEqual((sender.stdout.decode(), sender.status),
                         ("".join(f"message is sent to {name}\n" for name in names), 0),
                         sender.stderr)


class LanTest(MachinesTest):
    def test_unicast_multicast_and_broadcast_cross_the_network(self):
        bob, cleo = self.listen("bob", self.second), self.listen("cleo", self.third)
        self.assertEqual((bob.host, cleo.host), (self.second.address, self.third.address))
        self.check_sent(self.send("ci", self.third, "unicast", "bob", "one"), "bob")
        self.check_sent(self.send("ci", self.third, "multicast", "[bob, cleo]", "two"),
                        "bob", "cleo")
        self.check_sent(self.send("cleo", self.third, "broadcast", "three"), "bob")
        bob.wait_stdout("ci: one\nci: two\ncleo: three\n")
        cleo.wait_stdout("ci: two\n")

    def test_a_user_of_the_registrys_own_machine_is_reached_from_another(self):
        """Its record says 127.0.0.1, which means another machine to everybody else."""
        local = f"127.0.0.1:{self.registry.port}"
        ann = self.listen("ann", self.home, at=local)
        self.assertEqual(ann.host, "127.0.0.1")
        self.check_sent(self.send("ci", self.third, "unicast", "ann", "one"), "ann")
        self.check_sent(self.send("ci", self.third, "broadcast", "two"), "ann")
        self.check_sent(self.send("ci", self.home, "broadcast", "three", at=local), "ann")
        ann.wait_stdout("ci: one\nci: two\nci: three\n")
        seen = f"{self.home.address}:{ann.port}"
        with self.third.inside():
            self.assertEqual(users(self.registry)["ann"]["endpoint"], seen)
            self.assertEqual(call(self.registry, target="/userlist.txt?username=ann").text, seen)
            self.assertEqual(call(self.registry).text, f"ann@{seen},\r\n\r\n")
            old = split_answer(exchange(self.registry, classic_list(self.home.address)))
            self.assertEqual(old.text, f"ann@{seen},\r\n\r\n")
        with self.home.inside():
            self.assertEqual(users(self.registry)["ann"]["endpoint"], seen, "came by the network")
            self.registry.host = "127.0.0.1"
            self.assertEqual(users(self.registry)["ann"]["endpoint"], f"127.0.0.1:{ann.port}")

    def test_old_programs_on_other_machines_talk_with_ours(self):
        old = self.start_classic_listener("old", self.registry, under=self.second.words)
        new = self.listen("new", self.third)
        self.assertEqual(old.host, self.second.address)
        self.check_sent(self.send("ci", self.third, "unicast", "old", "to the old one"), "old")
        utku = self.start_classic_client("Utku", self.registry, "send", under=self.second.words)
        utku.write('unicast new "to the new one"')
        utku.wait_stdout("message is sent to new\n")
        old.wait_stdout("ci: to the old one\n")
        new.wait_stdout("Utku: to the new one\n")

    def test_an_address_that_is_neither_the_callers_nor_private_is_refused(self):
        with self.second.inside():
            for address, status in ((self.second.address, 200), (self.third.address, 200),
                                    ("8.8.8.8", 400), ("127.0.0.1", 400)):
                self.assertEqual(post(self.registry, f"UPDATE ann@{address}:50001").status, status,
                                 address)

    def test_a_machine_without_ipv6_says_so_and_sends_to_nobody_else(self):
        with self.home.inside():
            post(self.registry, f"REGISTER six@[{self.home.address6}]:50001")
            post(self.registry, f"REGISTER four@{self.home.address}:50001")
        subprocess.run([*self.second.words, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"],
                       check=True)
        sender = self.send("ci", self.second, "broadcast", "hi")
        self.assertEqual((sender.stdout, sender.status), (b"message is sent to four\n", 1))
        self.assertRegex(sender.stderr, b"message to six was not delivered: (this machine has no IPv6|"
                         b"cannot assign requested address|network is unreachable)")

    def test_localhost_of_a_machine_without_ipv6(self):
        """What is told is that IPv4's port is closed, not that there is no IPv6."""
        subprocess.run([*self.third.words, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"],
                       check=True)
        sender = self.send("ci", self.third, "list", at="localhost:50009")
        self.assertEqual((sender.stdout, sender.status), (b"", 69))
        self.assertIn(b"cannot reach the registry at localhost:50009: connection refused",
                      sender.stderr)

    def test_only_the_machine_that_registered_may_log_out(self):
        bob = self.listen("bob", self.second, "--plain")
        record = f"bob@{bob.host}:{bob.port}"
        with self.third.inside():
            self.assertEqual(post(self.registry, f"LOGOUT {record}").status, 406)
        with self.second.inside():
            self.assertEqual(post(self.registry, f"LOGOUT {record}").status, 200)

    def test_advertise_names_the_address_that_others_reach(self):
        bob = self.listen("bob", self.second, "--advertise", self.second.address6)
        with self.third.inside():
            self.assertEqual(users(self.registry)["bob"]["endpoint"],
                             f"[{self.second.address6}]:{bob.port}")
        self.check_sent(self.send("ci", self.third, "unicast", "bob", "over six"), "bob")
        bob.wait_stdout("ci: over six\n")


class BothFamiliesTest(MachinesTest):
    """A registry for IPv4 and IPv6 at once."""

    wildcard = "[::]:0"

    def test_listeners_of_both_families_are_reached_and_old_readers_see_one(self):
        six = f"[{self.home.address6}]:{self.registry.port}"
        bob = self.listen("bob", self.second)
        cleo = self.listen("cleo", self.third, at=six)
        self.assertEqual((bob.host, cleo.host),
                         (self.second.address, f"[{self.third.address6}]"))
        for at in (self.registry, six):
            self.check_sent(self.send("ci", self.third, "broadcast", "hi", at=at), "bob", "cleo")
        bob.wait_stdout("ci: hi\nci: hi\n")
        cleo.wait_stdout("ci: hi\nci: hi\n")
        utku = self.start_classic_client("Utku", self.registry, "send", under=self.second.words)
        utku.write("list")
        utku.wait_stdout("The online users are:\nbob\n")

    def test_a_source_is_the_same_whether_mapped_into_ipv6_or_not(self):
        bob = self.listen("bob", self.second, "--plain")
        with self.second.inside():
            self.assertEqual(post(self.registry, f"LOGOUT bob@{bob.host}:{bob.port}").status, 200)


class OnlyIpv6Test(MachinesTest):
    """Machines without any IPv4 address."""

    with_ipv4 = False
    wildcard = "[::]:0"

    def test_the_whole_conversation(self):
        bob, cleo = self.listen("bob", self.second), self.listen("cleo", self.third)
        self.assertEqual(bob.host, f"[{self.second.address6}]")
        sender = self.send("ci", self.third, stdin='list\nunicast bob "one"\nbroadcast "two"')
        self.assertEqual((sender.stdout, sender.status),
                         (b"The online users are:\nbob\ncleo\nmessage is sent to bob\n"
                          b"message is sent to bob\nmessage is sent to cleo\n", 0))
        bob.wait_stdout("ci: one\nci: two\n")
        cleo.wait_stdout("ci: two\n")

    def test_a_user_of_the_registrys_own_machine_is_reached_from_another(self):
        ann = self.listen("ann", self.home, at=f"[::1]:{self.registry.port}")
        self.check_sent(self.send("ci", self.third, "unicast", "ann", "one"), "ann")
        ann.wait_stdout("ci: one\n")
        with self.third.inside():
            self.assertEqual(users(self.registry)["ann"]["endpoint"],
                             f"[{self.home.address6}]:{ann.port}")


class AwayTest(MachinesTest):
    def test_a_machine_that_is_gone_stops_no_broadcast(self):
        """Nobody answers for its address: not even an error comes back, or only much later."""
        self.listen("gone", self.second).kill()
        cleo = self.listen("cleo", self.third)
        self.second.unplug()
        sender = self.send("ci", self.third, "--timeout", "1", "broadcast", "hi")
        self.assertEqual((sender.stdout, sender.status), (b"message is sent to cleo\n", 1))
        self.assertIn(b"message to gone was not delivered: not acknowledged", sender.stderr)
        cleo.wait_stdout("ci: hi\n")

    def test_a_registry_out_of_reach_is_told_as_such(self):
        self.third.unplug()
        sender = self.send("ci", self.third, "list")
        self.assertEqual((sender.status, sender.stdout), (69, b""))
        self.assertRegex(sender.stderr.decode(), "unreachable|timed out|no route")

    def test_a_listener_cut_off_for_a_while_is_heard_again(self):
        bob = self.listen("bob", self.second)
        self.second.unplug()
        self.second.plug_in()
        with self.second.inside():
            send_datagram(bob, "ali: back")
        bob.wait_stdout("ali: back\n")

    def test_a_registry_whose_machine_restarts_has_lost_nobody(self):
        """Its network goes with it, and no connection is told that it has ended."""
        self.registry.kill()
        where = f"{self.home.address}:{self.registry.port}"
        registry = self.start_registry("--lease", "3", where=where, under=self.home.words,
                                       data=self.registry.data)
        bob = self.listen("bob", self.second, at=registry)
        with self.third.inside():
            post(registry, f"REGISTER old@{self.third.address}:50001")
        self.home.unplug()
        registry.kill()
        away = self.send("ci", self.third, "unicast", "bob", "lost", at=registry)
        self.assertEqual((away.status, away.stdout), (69, b""))
        bob.wait_stderr("cannot reach the registry")
        self.home.plug_in()
        again = self.start_registry("--lease", "3", where=where, under=self.home.words,
                                    data=self.registry.data)
        with self.third.inside():
            self.assertEqual(set(users(again)), {"bob", "old"})
        self.check_sent(self.send("ci", self.third, "unicast", "bob", "back", at=again), "bob")
        bob.wait_stdout("ci: back\n")
        bob.wait_stderr("registered again")


@unittest.skipIf(machines.why_no_loss(), machines.why_no_loss())
class NoWayTest(MachinesTest):
    def test_a_registry_that_the_network_does_not_find_for_a_while_is_asked_again(self):
        """As when a neighbour's address was asked for three times and each question was lost."""
        bob = self.listen("bob", self.second)
        with self.third.no_way_to(self.home.address) as packets_refused:
            sender = self.start_peer("ci", self.registry, "send", "--timeout", "60", "unicast",
                                     "bob", "found", under=self.third.words,
                                     home=self.dir / self.third.namespace, **self.keys())
            wait_until(lambda: packets_refused() >= 2, "asked again")
        self.assertEqual((sender.wait(), sender.stdout), (0, b"message is sent to bob\n"),
                         sender.stderr)
        bob.wait_stdout("ci: found\n")


@unittest.skipIf(machines.why_no_loss(), machines.why_no_loss())
class LossTest(MachinesTest):
    """Three of ten frames are lost on every way."""

    loss = 0.3

    def test_most_commands_and_most_datagrams_come_through_and_none_twice(self):
        """TCP sends again, so that requests take longer, and fail when their time is over: 69. A
        classic datagram that is lost is lost; the sender's 0 means that the network had it."""
        bob = self.listen("bob", self.second, "--plain")
        # Until the machines have found each other, the kernel drops whole bursts.
        wait_until(lambda: self.send("ci", self.third, "--plain", "unicast", "bob", "first").status
                   in (0, 69) and b"first" in bob.stdout, "a first one")
        texts = [f"message {number}" for number in range(30)]
        lines = "\n".join(f'unicast bob "{text}"' for text in texts)
        sender = self.send("ci", self.third, "--plain", stdin=lines)
        sent = sender.stdout.count(b"message is sent to bob\n")
        failed = sender.stderr.count(b"cannot reach the registry")
        self.assertEqual((sent + failed, sender.status), (30, 69 if failed else 0), sender.stderr)
        wait_until(lambda: self.send("ci", self.third, "--plain", "unicast", "bob", "end").status
                   in (0, 69)
                   and b"end" in bob.stdout, "a last one, so that all before it are through")
        shown = [line.removeprefix("ci: ") for line in bob.stdout.decode().splitlines()]
        shown = [text for text in shown if text not in ("first", "end")]
        # In any order: even this machine's own queues, one a core, can swap two datagrams.
        self.assertEqual(sorted(shown), sorted(set(texts).intersection(shown)), "none twice")
        self.assertGreater(len(shown), sent // 4 - 1)
        self.assertLess(len(shown), 30)
        self.assertGreater(self.lan.frames_lost(), 0)

    def test_every_sealed_message_comes_through_once_and_in_order(self):
        """With a minute for each, the registry is asked again when it does not answer."""
        bob = self.listen("bob", self.second)
        texts = [f"message {number}" for number in range(40)]
        lines = "\n".join(f'unicast bob "{text}"' for text in texts)
        sender = self.send("ci", self.third, "--timeout", "60", stdin=lines, deadline=180)
        self.assertEqual(sender.stdout, b"message is sent to bob\n" * 40, sender.stderr)
        self.assertEqual((sender.stderr, sender.status), (b"", 0))
        self.assertEqual(bob.stdout.decode().splitlines(), [f"ci: {text}" for text in texts])
        long = "x" * 60_000
        sender = self.send("ci", self.third, "--timeout", "60", "unicast", "bob", long, deadline=180)
        self.assertEqual(sender.status, 0, sender.stdout + sender.stderr)
        bob.wait_stdout_has(f"ci: {long}\n")
        self.assertGreater(self.lan.frames_lost(), 0)


class CrowdOfOneMachineTest(MachinesTest):
    """One machine cannot take all connections for itself."""

    PER_SOURCE = 256

    def test_256_connections_from_one_machine_and_no_more(self):
        with self.second.inside(), contextlib.ExitStack() as stack:
            for _ in range(self.PER_SOURCE):
                connection = stack.enter_context(RawConnection(self.registry))
            connection.send(modern(self.registry))
            self.assertEqual(connection.read_response().status, 400)  # nobody is listed
            with RawConnection(self.registry) as one_more:
                with contextlib.suppress(ConnectionError):
                    one_more.send(modern(self.registry))
                with contextlib.suppress(ConnectionError):
                    self.assertEqual(one_more.read_to_end(), b"")
            with self.third.inside():
                self.assertEqual(call(self.registry, target="/healthz").status, 200)
                metrics = call(self.registry, target="/metrics").text
                self.assertIn('registry_connections_refused_total{reason="too_many_from_source"} 1',
                              metrics)
            connection.socket.close()
        with self.second.inside():  # the places are free again
            wait_until(self.is_served, "served again")

    def is_served(self):
        try:
            return call(self.registry, target="/healthz").status == 200
        except (ConnectionError, EOFError):
            return False


@unittest.skipIf(machines.why_not(), machines.why_not())
class DefaultsTest(IntegrationTest):
    """On a machine where nobody else has port 8080."""

    def test_the_first_lines_that_everybody_types(self):
        lan = Machines(1)
        home, = lan.__enter__()
        self.addCleanup(lan.__exit__)
        folder = self.dir / "here"
        folder.mkdir()
        registry = self.start("registry", *home.words, our_program("registry"), cwd=folder,
                              is_ours=True, kind=Registry).wait_ready()
        self.assertEqual(registry.address, "127.0.0.1:8080")
        alice = self.start_listener("alice", registry, under=home.words)
        alice.kill()
        face = folder / "userlist.txt"
        wait_until(lambda: face.exists() and face.read_text(), "the list is written")
        self.assertEqual(face.read_text(), f"alice@127.0.0.1:{alice.port}\n")
        self.assertTrue((folder / ".registry").is_dir())


if __name__ == "__main__":
    unittest.main()
