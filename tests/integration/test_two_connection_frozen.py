#!/usr/bin/env python3
"""The two-connection door and clients that give no receipt for what they are pushed, or a late one.

Whoever waited is answered 304 in time, others go on meanwhile, and a late receipt counts for
nothing but its own line.
"""

import select
import unittest

from support.harness import DEADLINE, wait_until
from support.tcp_queue import wait_server_has_read
from support.two_connection import (AT_ONCE, DELIVERED, NOT_DELIVERED, RECEIPT, RECEIPT_LATEST,
                                    RECEIPT_TIME, DoorTest, Stopwatch)


class FrozenTest(DoorTest):
    def setUp(self):
        super().setUp()
        self.carol, self.dave = self.online("carol"), self.online("dave")

    def check_unanswered(self, user):
        """Nothing has come, though the registry has been at its sockets since."""
        self.connect().ask("/list", "401 Unrecognized message\n")
        self.assertEqual(select.select([user.la.socket], [], [], 0)[0], [])

    def freeze(self, text="hi"):
        self.carol.la.send(f"/to dave {text}\n")
        self.dave.lb.expect(f"/from carol {text}\n")
        self.carol.la.expect(NOT_DELIVERED)

    def check_reached(self, text):
        """He gets the message, and it is his receipt for it that counts."""
        self.carol.la.send(f"/to dave {text}\n")
        self.dave.lb.expect(f"/from carol {text}\n")
        self.check_unanswered(self.carol)
        self.dave.lb.send(RECEIPT)
        self.carol.la.expect(DELIVERED)

    def test_304_comes_in_five_seconds_and_other_pairs_go_on_meanwhile(self):
        erin, frank = self.online("erin").confirm_all(), self.online("frank").confirm_all()
        clock = Stopwatch()
        self.carol.la.send("/to dave hi\n")
        self.dave.lb.expect("/from carol hi\n")
        while not select.select([self.carol.la.socket], [], [], 0.02)[0]:
            asked = Stopwatch()
            erin.ask("/to frank hi", DELIVERED)
            frank.ask("/to erin hi", DELIVERED)
            self.dave.ask("/to erin frozen only one way", DELIVERED)
            self.assertLess(asked.seconds, AT_ONCE)
            self.assertLess(clock.seconds, RECEIPT_LATEST)
        self.assertGreaterEqual(clock.seconds, RECEIPT_TIME)
        self.carol.la.expect(NOT_DELIVERED)
        self.assertEqual(self.metric('registry_deliveries_total{outcome="timed out"}'), 1)

    def test_a_frozen_receiver_is_304_at_once_until_his_late_receipt(self):
        erin = self.online("erin").confirm_all()
        self.freeze()
        clock = Stopwatch()
        for _ in range(20):
            self.carol.ask("/to dave again", NOT_DELIVERED)
            erin.ask("/to dave again", NOT_DELIVERED)
            self.carol.ask("/toall again", NOT_DELIVERED)
        self.assertLess(clock.seconds, AT_ONCE)
        self.assertEqual(erin.received, ["/broadcastfrom carol again\n"] * 20)
        self.dave.ask("/list", "301 carol dave erin\n")
        self.dave.lb.send(RECEIPT)
        wait_server_has_read(self.dave.lb.socket)
        self.check_reached("welcome back")

    def test_a_late_receipt_counts_for_its_own_line_only(self):
        self.freeze()
        self.dave.lb.send(RECEIPT)
        wait_server_has_read(self.dave.lb.socket)
        self.check_reached("newer")
        clock = Stopwatch()
        self.carol.la.send("/to dave not confirmed\n")
        self.dave.lb.expect("/from carol not confirmed\n")
        self.carol.la.expect(NOT_DELIVERED)
        self.assertGreaterEqual(clock.seconds, RECEIPT_TIME)

    def test_receipts_for_nothing_are_no_credit(self):
        for _ in range(5):
            self.dave.lb.send(RECEIPT)
        wait_server_has_read(self.dave.lb.socket)
        self.check_reached("hi")

    def test_all_who_wait_for_him_are_answered_in_the_same_time(self):
        others = [self.online(name) for name in ("erin", "frank", "grace", "heidi")]
        clock = Stopwatch()
        for user in (self.carol, *others):
            user.la.send("/to dave hi\n")
        for user in (self.carol, *others):
            user.la.expect(NOT_DELIVERED)
        self.assertGreaterEqual(clock.seconds, RECEIPT_TIME)
        self.assertLess(clock.seconds, RECEIPT_LATEST)

    def test_a_broadcast_with_one_frozen_is_answered_once(self):
        erin, frank = self.online("erin").confirm_all(), self.online("frank").confirm_all()
        clock = Stopwatch()
        self.carol.la.send("/toall hi\n/list\n")
        self.dave.lb.expect("/broadcastfrom carol hi\n")
        self.carol.la.expect(NOT_DELIVERED)
        self.assertGreaterEqual(clock.seconds, RECEIPT_TIME)
        self.assertLess(clock.seconds, RECEIPT_LATEST)
        self.carol.la.expect("301 carol dave erin frank\n")
        self.assertEqual(erin.received + frank.received, ["/broadcastfrom carol hi\n"] * 2)

    def test_a_late_receipt_for_a_broadcast_is_not_one_for_the_message_after_it(self):
        self.carol.la.send("/toall hi\n")
        self.dave.lb.expect("/broadcastfrom carol hi\n")
        self.carol.la.expect(NOT_DELIVERED)
        self.dave.lb.send(RECEIPT)
        wait_server_has_read(self.dave.lb.socket)
        self.check_reached("and now")

    def test_who_gives_no_receipts_for_broadcasts_thaws_with_his_late_one_for_a_message(self):
        """Program b, whose machine was asleep for a while."""
        self.carol.la.send("/toall hi\n")
        self.dave.lb.expect("/broadcastfrom carol hi\n")
        self.carol.la.expect(NOT_DELIVERED)
        self.freeze()
        self.dave.lb.send(RECEIPT)
        wait_until(self.is_dave_reached, "dave is reached again")
        clock = Stopwatch()
        self.carol.la.send("/to dave and at once\n")
        self.dave.expect_pushed("/from carol and at once\n")
        self.carol.la.expect(DELIVERED)
        self.assertLess(clock.seconds, AT_ONCE)

    def test_who_gives_no_receipts_for_broadcasts_may_confirm_at_the_last_moment(self):
        self.carol.la.send("/toall hi\n")
        self.dave.lb.expect("/broadcastfrom carol hi\n")
        self.carol.la.expect(NOT_DELIVERED)
        clock = Stopwatch()
        self.carol.la.send("/to dave slow\n")
        self.dave.lb.expect("/from carol slow\n")
        select.select([], [], [], RECEIPT_TIME - 0.25 - clock.seconds)  # it takes him so long
        self.dave.lb.send(RECEIPT)
        self.carol.la.expect(DELIVERED)
        self.assertLess(clock.seconds, RECEIPT_LATEST)
        self.assertTrue(self.is_dave_reached())

    def is_dave_reached(self):
        self.carol.la.send("/to dave again\n")
        while not select.select([self.carol.la.socket, self.dave.lb.socket], [], [], DEADLINE)[0]:
            pass
        if select.select([self.carol.la.socket], [], [], 0)[0]:
            self.carol.la.expect(NOT_DELIVERED)
            return False
        self.dave.expect_pushed("/from carol again\n")
        self.carol.la.expect(DELIVERED)
        return True

    def test_a_frozen_receiver_who_leaves_and_comes_back_is_reached(self):
        self.freeze()
        self.dave.leave()
        self.dave = self.online("dave")
        self.check_reached("hi")


if __name__ == "__main__":
    unittest.main()
