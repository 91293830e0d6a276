#!/usr/bin/env python3
"""NetChat and the other doors: their users reach each other by way of gateway ports."""

import socket
import unittest

from support.harness import wait_until
from support.netchat import Gateway, MessageInbox, say, start_netchat_peer, wait_read
from support.netchat_http import NetchatRegistry
from support.raw_http import call, exchange, netchat_update, post
from support.two_connection import DELIVERED, NOT_DELIVERED, DoorTest


class DoorsTest(DoorTest):
    """A listener, an account's user and a NetChat user reach each other, whoever is how old."""

    def setUp(self):
        super().setUp()
        self.netchat = NetchatRegistry(self.registry.host, self.registry.port)

    def start_netchat(self, age, name):
        if age == "old":
            return self.start_netchat_client(name, self.registry)
        return start_netchat_peer(self, name, self.registry)

    def talk(self, age):
        lara = (self.start_classic_listener if age == "old"
                else self.start_listener)("lara", self.registry)
        nina = self.start_netchat(age, "nina")
        carol = self.online("carol").confirm_all()
        utku = self.start_classic_client("utku", self.registry, "send")
        # From the classic sender, who broadcasts to whom he is shown.
        utku.write('broadcast "from utku"')
        lara.wait_stdout_has("utku: from utku\n")
        wait_read(nina, "utku", ">>from utku - utku\n")
        wait_until(lambda: "/from utku from utku\n" in carol.received, "carol hears")
        # From the account's user.
        carol.ask("/to nina from carol", DELIVERED)
        wait_read(nina, "carol", ">>from carol - carol\n")
        carol.ask("/toall to all", DELIVERED)
        lara.wait_stdout_has("carol: to all\n")
        wait_read(nina, "carol", ">>from carol - carol\n>>to all - carol\n")
        # From the NetChat user, to addresses of his own transport or by way of the registry.
        nina.write('SEND lara "from nina"')
        lara.wait_stdout_has("nina: from nina\n")
        nina.write('SEND carol "from nina"')
        wait_until(lambda: "/from nina from nina\n" in carol.received, "carol hears nina")

    def test_old_programs_of_three_doors(self):
        self.talk("old")

    def test_ours_of_three_doors(self):
        self.talk("ours")

    def test_lists_show_everybody_to_everybody(self):
        post(self.registry, "REGISTER lara@127.0.0.1:50001")
        exchange(self.registry, netchat_update("nina@127.0.0.1:50002"))
        carol = self.online("carol")
        carol.ask("/list", "301 lara nina carol\n")
        self.assertEqual(list(self.netchat.list()), ["lara", "nina", "carol"])
        self.assertEqual(self.netchat.list()["nina"], ("127.0.0.1", 50002))
        sender = self.run_sender("utku", self.registry, "list")
        self.assertEqual(sender.stdout, b"The online users are:\nlara\nnina\ncarol\n")
        old = self.start_classic_client("defne", self.registry, "send")
        old.write("list")
        old.wait_stdout_has("lara\nnina\ncarol\n")

    def test_our_sender_reaches_a_netchat_user(self):
        nina = self.start_netchat("ours", "nina")
        for line in ('unicast nina "one"', 'multicast [nina] "two"', 'broadcast "three"'):
            sender = self.run_sender("utku", self.registry, stdin=line)
            self.assertEqual((sender.status, sender.stdout), (0, b"message is sent to nina\n"))
        wait_read(nina, "utku", ">>one - utku\n>>two - utku\n>>three - utku\n")

    def test_a_user_who_is_not_there_any_more(self):
        with MessageInbox() as gone:
            exchange(self.registry, netchat_update(f"gone@{gone.endpoint}"))
        carol = self.online("carol")
        carol.ask("/to gone hi", NOT_DELIVERED)
        self.assertEqual(post(self.registry, "hi", "/v1/to/gone?from=ci").status, 504)
        sender = self.run_sender("utku", self.registry, 'unicast', 'gone', 'hi')
        self.assertEqual(sender.status, 75)

    def test_a_name_counts_from_its_holder_alone(self):
        self.online("carol")
        gateway = Gateway(self.netchat.lookup("carol"))
        before = self.dropped("forged_sender")
        say(gateway, 'dave: "I am dave"', source="127.0.0.2")  # an account's name
        wait_until(lambda: self.dropped("forged_sender") == before + 1, "it is dropped")

    def test_the_registry_never_connects_to_itself(self):
        self.online("carol")
        gateway = Gateway(self.netchat.lookup("carol"))
        for port in (self.registry.port, self.registry.door_port, gateway.port):
            with self.subTest(port):
                exchange(self.registry, netchat_update(f"loop@127.0.0.1:{port}"))
                self.assertEqual(post(self.registry, "hi", "/v1/to/loop?from=ci").status, 422)
        self.assertEqual(
            self.metric('registry_netchat_failed_dials_total{reason="forbidden"}'), 3)

    def dropped(self, reason):
        return self.metric(
            f'registry_gateway_dropped_total{{transport="tcp",reason="{reason}"}}')


class OnePortTest(DoorTest):
    options = ("--gateway-ports", "1")

    def test_ports_are_bounded_closed_again_and_given_to_the_next(self):
        registry, netchat = self.registry, NetchatRegistry(self.registry.host, self.registry.port)
        for name, port in (("a", 50001), ("b", 50002)):
            post(registry, f"REGISTER {name}@127.0.0.1:{port}")
        self.assertEqual(list(netchat.list()), ["a"])
        self.assertIsNone(netchat.lookup("b"))
        self.assertEqual(self.metric('registry_gateway_left_out{transport="tcp"}'), 1)
        port = netchat.lookup("a")[1]
        post(registry, "LOGOUT a@127.0.0.1:50001")
        wait_until(lambda: not self.is_listened_at(port), "the port is closed")
        self.assertEqual(list(netchat.list()), ["b"])

    @staticmethod
    def is_listened_at(port):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return False
        return True


class NoPortTest(DoorTest):
    options = ("--gateway-ports", "0")

    def test_without_gateway_ports_each_sees_his_own_transport(self):
        registry = self.registry
        post(registry, "REGISTER lara@127.0.0.1:50001")
        exchange(registry, netchat_update("nina@127.0.0.1:50002"))
        self.assertEqual(list(NetchatRegistry(registry.host, registry.port).list()), ["nina"])
        self.assertEqual(call(registry).text, "lara@127.0.0.1:50001,\r\n\r\n")


if __name__ == "__main__":
    unittest.main()
