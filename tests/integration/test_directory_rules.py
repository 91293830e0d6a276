#!/usr/bin/env python3
"""Who may register what: names, addresses, ownership, leases (docs/protocol/directory.md)."""

import base64
import socket
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.harness import IntegrationTest, wait_until
from support.raw_http import call, modern, post, users


def token(letter):
    """An owner token: 43 characters of base64url, as 32 bytes make."""
    return "Owner-Token: " + base64.urlsafe_b64encode(letter.encode() * 32).decode().rstrip("=")


class RulesTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def statuses(self, bodies):
        return {body: post(self.registry, body).status for body in bodies}


class NameTest(RulesTest):
    def test_names_of_real_people_are_accepted_and_kept_to_the_byte(self):
        names = ["Göktuğ", "Şule", "山田", "Ирина", "a", "1st", "a_b-c.d", "x" * 64, "Zoë"]
        for name in names:
            self.assertEqual(post(self.registry, f"REGISTER {name}@127.0.0.1:50001").status, 200,
                             name)
        self.assertEqual(list(users(self.registry)), names)

    def test_names_outside_the_grammar_are_400(self):
        names = ["a@b", "", "a b", "a\nb", "a\rb", "x" * 65, "x" * 300, "ş" * 33, "user", "USER",
                 "server", "all", "All", "room", "a,b", "a:b", 'a"b', "a/b", "a|b", ".a", "-a",
                 "_a", "a\u202eb", "a\u200bb", "a\0b", "a\x1bb", "Zoe\u0308", "\u2028a"]
        for name in names:
            status = post(self.registry, f"REGISTER {name}@127.0.0.1:50001").status
            self.assertEqual(status, 400, repr(name))
        self.assertEqual(post(self.registry, b"REGISTER \xff\xfe@127.0.0.1:50001").status, 400)
        self.assertEqual(users(self.registry), {})

    def test_a_malformed_name_is_400_before_it_is_taken(self):
        post(self.registry, "REGISTER a@127.0.0.1:50001")
        self.assertEqual(post(self.registry, "REGISTER a@b@127.0.0.1:50001").status, 400)

    def test_names_that_differ_only_in_case_are_the_same(self):
        post(self.registry, "REGISTER Göktuğ@127.0.0.1:50001")
        for name in ("göktuğ", "GÖKTUĞ"):
            self.assertEqual(post(self.registry, f"REGISTER {name}@127.0.0.1:50002").status, 406)


class AddressTest(RulesTest):
    def test_addresses_that_are_not_the_callers_are_400(self):
        bad = ["8.8.8.8:50001", "192.168.1.1:50001", "0.0.0.0:50001", "255.255.255.255:50001",
               "224.0.0.1:50001", "127.0.0.1:80", "127.0.0.1:1023", "127.0.0.1:0",
               "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+50001", "127.0.0.1:050001",
               "127.0.0.01:50001", "127.0.0.1", "127.0.0.1:", "localhost:50001", "127.1:50001",
               "0x7f.0.0.1:50001", "127.0.0.1:50001 x", "[2001:db8::1]:50001", "::1:50001"]
        expected = {f"REGISTER a@{endpoint}": 400 for endpoint in bad}
        self.assertEqual(self.statuses(expected), expected)

    def test_loopback_addresses_are_accepted_from_loopback(self):
        good = ["127.0.0.1:1024", "127.0.0.1:65535", "127.0.1.1:50001", "[::1]:50001"]
        for number, endpoint in enumerate(good):
            self.assertEqual(post(self.registry, f"REGISTER a{number}@{endpoint}").status, 200,
                             endpoint)
        self.assertEqual([u["endpoint"] for u in users(self.registry).values()], good)

    def test_allow_foreign_address_lifts_the_rule(self):
        open_registry = self.start_registry("--allow-foreign-address", data=self.dir / "open")
        self.assertEqual(post(open_registry, "REGISTER a@8.8.8.8:50001").status, 200)
        self.assertEqual(post(open_registry, "REGISTER b@8.8.8.8:80").status, 400)


class OwnershipTest(RulesTest):
    ALICE = "alice@127.0.0.1:50001"

    def test_a_held_name_is_406_even_with_the_identical_record(self):
        self.assertEqual(post(self.registry, f"REGISTER {self.ALICE}").status, 200)
        self.assertEqual(post(self.registry, f"REGISTER {self.ALICE}").status, 406)
        self.assertEqual(post(self.registry, "REGISTER alice@127.0.0.1:50009").status, 406)

    def test_the_owners_token_takes_the_name_back_at_once(self):
        post(self.registry, f"REGISTER {self.ALICE}", headers=[token("a")])
        moved = "REGISTER alice@127.0.0.1:50009"
        self.assertEqual(post(self.registry, moved).status, 406)
        self.assertEqual(post(self.registry, moved, headers=[token("b")]).status, 406)
        self.assertEqual(post(self.registry, moved, headers=[token("a")]).status, 200)
        self.assertEqual(users(self.registry)["alice"]["endpoint"], "127.0.0.1:50009")

    def test_update_from_the_same_source_replaces_and_both_paths_take_both_verbs(self):
        for target in ("/", "/userlist.txt"):
            for port in (50001, 50002):
                self.assertEqual(post(self.registry, f"UPDATE alice@127.0.0.1:{port}",
                                      target=target).status, 200)
                self.assertEqual(users(self.registry)["alice"]["endpoint"], f"127.0.0.1:{port}")
        self.assertEqual(post(self.registry, "REGISTER bob@127.0.0.1:50003", target="/").status,
                         200)

    def test_another_source_can_neither_update_nor_log_out(self):
        """127.0.0.2 is another source address that every Linux machine has."""
        post(self.registry, f"REGISTER {self.ALICE}")
        for body in (f"UPDATE {self.ALICE}", f"LOGOUT {self.ALICE}"):
            with socket.create_connection((self.registry.host, self.registry.port),
                                          source_address=("127.0.0.2", 0)) as stranger:
                stranger.sendall(modern(self.registry, "POST", "/userlist.txt", body,
                                        ["Connection: close"]))
                self.assertIn(b" 406 ", stranger.recv(2048).split(b"\r\n")[0])
        self.assertIn("alice", users(self.registry))

    def test_logout_of_what_is_not_listed_is_400_and_of_the_own_record_200(self):
        self.assertEqual(post(self.registry, f"LOGOUT {self.ALICE}").status, 400)
        post(self.registry, f"REGISTER {self.ALICE}")
        self.assertEqual(post(self.registry, "LOGOUT alice@127.0.0.1:50002").status, 400)
        self.assertEqual(post(self.registry, f"LOGOUT {self.ALICE}").status, 200)
        self.assertEqual(post(self.registry, f"REGISTER {self.ALICE}").status, 200)

    def test_a_malformed_token_is_400(self):
        for bad in ("short", "x" * 44, "x" * 42 + "!"):
            self.assertEqual(post(self.registry, f"REGISTER {self.ALICE}",
                                  headers=[f"Owner-Token: {bad}"]).status, 400)

    def test_one_of_many_racing_for_a_name_gets_it(self):
        bodies = [f"REGISTER alice@127.0.0.1:{50000 + n}" for n in range(32)]
        with ThreadPoolExecutor(32) as pool:
            statuses = list(pool.map(lambda body: post(self.registry, body).status, bodies))
        self.assertEqual(sorted(statuses), [200] + [406] * 31)
        won = bodies[statuses.index(200)].split("@")[1]
        self.assertEqual(users(self.registry)["alice"]["endpoint"], won)


class LeaseTest(IntegrationTest):
    def test_an_old_programs_record_ends_with_the_classic_lease(self):
        registry = self.start_registry("--classic-lease", "1", "--lease", "3600")
        post(registry, "REGISTER alice@127.0.0.1:50001")
        post(registry, "REGISTER bob@127.0.0.1:50002", headers=[token("b")])
        wait_until(lambda: "alice" not in users(registry), "alice's lease ends")
        self.assertIn("bob", users(registry))
        removed = call(registry, target="/userlist.txt?format=json&since=1").json()
        self.assertIn("alice", removed.get("removed", ["alice"]))

    def test_a_refreshed_record_ends_with_the_lease_and_its_name_is_free(self):
        registry = self.start_registry("--lease", "1")
        post(registry, "REGISTER alice@127.0.0.1:50001", headers=[token("a")])
        wait_until(lambda: users(registry) == {}, "the lease ends")
        self.assertEqual(post(registry, "REGISTER alice@127.0.0.1:50001").status, 200)


if __name__ == "__main__":
    unittest.main()
