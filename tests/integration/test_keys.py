#!/usr/bin/env python3
"""Names that obey a key, signed by a client that shares no code with the registry."""

import time
import unittest

from support.data_test import DataTest
from support.raw_http import call, classic_post, exchange, post, split_answer, users
from support.signer import Signer

REGISTER = "REGISTER ali@127.0.0.1:50001"


class KeyTest(DataTest):
    def setUp(self):
        super().setUp()
        self.ali = Signer("ali", int(time.time() * 1000))
        self.eve = Signer("ali", int(time.time() * 1000))

    def send(self, registry, signer, body):
        return post(registry, body, headers=signer.fields(registry.address, body))

    def test_the_first_key_keeps_the_name_and_its_certificate_is_shown(self):
        registry = self.start_registry()
        self.assertEqual(self.send(registry, self.ali, REGISTER).status, 200)
        self.assertEqual(users(registry)["ali"]["certificate"], self.ali.certificate)
        one = call(registry, target="/userlist.txt?username=ali&format=json").json()
        self.assertEqual(one["certificate"], self.ali.certificate)

        self.assertEqual(self.send(registry, self.eve, REGISTER).status, 406)
        self.assertEqual(post(registry, "UPDATE ali@127.0.0.1:50002").status, 406)
        self.assertEqual(post(registry, "LOGOUT ali@127.0.0.1:50001").status, 406)
        old = split_answer(exchange(registry, classic_post("REGISTER ali@127.0.0.1:50003")))
        self.assertEqual(old.status, 406)

        self.ali.renew()
        moved = self.send(registry, self.ali, "REGISTER ali@127.0.0.1:50004")
        self.assertEqual(moved.status, 200)
        self.assertEqual(users(registry)["ali"]["certificate"], self.ali.certificate)
        self.assertEqual(self.listed(registry), {"ali@127.0.0.1:50004"})

    def test_key_and_serials_survive_a_kill(self):
        registry = self.start_registry()
        first = self.ali.fields(registry.address, REGISTER)
        self.assertEqual(post(registry, REGISTER, headers=first).status, 200)
        leave = "LOGOUT ali@127.0.0.1:50001"
        last = self.ali.fields(registry.address, leave)
        self.assertEqual(post(registry, leave, headers=last).status, 200)
        address = registry.address
        registry.kill()
        registry = self.start_registry(where=address)
        self.assertEqual(users(registry), {})
        for name, headers in (("unsigned", ()), ("replayed", first),
                              ("another's", self.eve.fields(address, REGISTER))):
            with self.subTest(name):
                self.assertEqual(post(registry, REGISTER, headers=headers).status, 406)
        self.assertEqual(self.send(registry, self.ali, REGISTER).status, 200)
        registry.kill()
        registry = self.start_registry(where=address)
        self.assertEqual(users(registry)["ali"]["certificate"], self.ali.certificate)

    def test_a_request_for_one_registry_is_none_for_another(self):
        one = self.start_registry()
        other = self.start_registry(data=self.dir / "other")
        headers = self.ali.fields(one.address, REGISTER)
        self.assertEqual(post(other, REGISTER, headers=headers).status, 400)
        self.assertEqual(users(other), {})
        self.assertEqual(post(one, REGISTER, headers=headers).status, 200)

    def test_a_holder_that_was_killed_has_his_name_back_at_once(self):
        registry = self.start_registry()
        self.assertEqual(self.send(registry, self.ali, REGISTER).status, 200)
        self.ali.renew()  # a new process has a new session key
        begun = time.monotonic()
        self.assertEqual(self.send(registry, self.ali, REGISTER).status, 200)
        self.assertLess(time.monotonic() - begun, 0.5)  # a probe would take that long


if __name__ == "__main__":
    unittest.main()
