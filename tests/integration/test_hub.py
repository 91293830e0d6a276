#!/usr/bin/env python3
"""Messages from door to door: classic programs, two-connection programs, and POST /v1/to."""

import itertools
import json
import shutil
import signal
import socket
import subprocess
import unittest
from concurrent.futures import ThreadPoolExecutor

from support.harness import DEADLINE, wait_until
from support.ports import unused_port
from support.raw_http import call, classic_list, exchange, post, split_answer, users
from support.two_connection import (ACCOUNTS, AT_ONCE, DELIVERED, LOGGED_IN, LOGIN_FAILED,
                                    NOT_DELIVERED, PASSWORDS, RECEIPT_LATEST, RECEIPT_TIME,
                                    DoorTest, Stopwatch)
from support.udp import Inbox


class HubTest(DoorTest):
    def gateway_of(self, name):
        """The port that classic programs are told for a connected user."""
        return int(call(self.registry, target=f"/userlist.txt?username={name}").text
                   .rpartition(":")[2])

    def send_to_gateway(self, port, datagram, source="127.0.0.1"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox:
            outbox.bind((source, 0))
            outbox.sendto(datagram if isinstance(datagram, bytes) else datagram.encode(),
                          ("127.0.0.1", port))

    def dropped(self, reason):
        return self.metric(f'registry_gateway_dropped_total{{transport="udp",reason="{reason}"}}')

    def old_list(self):
        """Names and ports as an old classic program is told them."""
        answer = split_answer(exchange(self.registry, classic_list()))
        records = [item for item in answer.text.split("\r\n")[0].split(",") if item]
        return {record.split("@")[0]: int(record.rpartition(":")[2]) for record in records}


class StopTest(HubTest):
    def test_who_waits_for_a_connected_user_is_answered_when_the_registry_stops(self):
        carol = self.online("carol")
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(call, self.registry, "POST", "/v1/to/carol?from=ci", body="hi")
            carol.lb.expect("/from ci hi\n")
            clock = Stopwatch()
            self.registry.signal(signal.SIGTERM)
            self.assertEqual(answer.result(DEADLINE).status, 504)
        self.assertEqual(self.registry.wait(), 0)
        self.assertLess(clock.seconds, AT_ONCE)


class MatrixTest(HubTest):
    """Every classic program with every two-connection program, both ways."""

    CLASSIC = ("old", "ours")
    TWO_CONNECTION = ("a", "b", "ours")

    def listener(self, kind, name):
        start = self.start_listener if kind == "ours" else self.start_classic_listener
        return start(name, self.registry)

    def send(self, kind, line):
        """One command of a classic sender `utku`, who is not registered; returns what he prints."""
        if kind == "ours":
            return self.run_sender("utku", self.registry, stdin=line).stdout.decode()
        client = self.start_classic_client("utku", self.registry, "send")
        client.write(line)
        client.write("exit")
        self.assertEqual(client.wait(), 0, client.stderr)
        client.dispose()
        return client.stdout.decode()

    def client(self, variant, name):
        """A two-connection program whose user has logged in: old a, old b, or our own."""
        if variant != "ours":
            return self.start_old_client(name, variant)
        door = f"{self.registry.door_host}:{self.registry.door_port}"
        client = self.start_peer(name, door, "login", PEER_PASSWORD=PASSWORDS[name])
        client.wait_stderr(rb"is logged in")
        return client

    @staticmethod
    def shown(variant, sender, text):
        """What a two-connection program prints."""
        return {"a": f"message from {sender}: {text}\n", "b": f"/from {sender} {text}\n",
                "ours": f"{sender}: {text}\n"}[variant]

    def test_two_connection_programs_write_to_each_other(self):
        for here, there in itertools.product(self.TWO_CONNECTION, repeat=2):
            carol, dave = self.client(here, "carol"), self.client(there, "dave")
            carol.write("/to dave Hi there")
            dave.wait_stdout_has(self.shown(there, "carol", "Hi there"))
            carol.wait_stdout_has(DELIVERED)
            for program in (carol, dave):
                program.write("/exit")
                program.wait()

    def test_two_connection_programs_write_to_classic_listeners(self):
        for kind, variant in itertools.product(self.CLASSIC, self.TWO_CONNECTION):
            name = f"bob-{kind}-{variant}"
            bob = self.listener(kind, name)
            carol = self.client(variant, "carol")
            carol.write(f"/to {name} Hi there")
            carol.wait_stdout_has(DELIVERED)
            carol.write("/toall Lunch?")
            carol.wait_stdout_has(DELIVERED, count=2)
            bob.wait_stdout("carol: Hi there\ncarol: Lunch?\n")
            carol.write("/exit")
            carol.wait()
            bob.kill()
            post(self.registry, f"LOGOUT {name}@{bob.host}:{bob.port}")

    def check_from_classic(self, kind):
        """A private message to each two-connection program, and one to all."""
        programs = {name: (variant, self.client(variant, name)) for name, variant
                    in zip(("carol", "dave", "erin"), self.TWO_CONNECTION, strict=True)}
        for name, (variant, program) in programs.items():
            self.assertEqual(self.send(kind, f'unicast {name} "Hi there"'),
                             f"message is sent to {name}\n")
            program.wait_stdout_has(self.shown(variant, "utku", "Hi there"))
        self.assertEqual(self.send(kind, 'broadcast "Lunch?"'),
                         "".join(f"message is sent to {name}\n" for name in programs))
        for variant, program in programs.values():
            program.wait_stdout_has(self.shown(variant, "utku", "Lunch?"))
        self.assertEqual(self.send(kind, "list"),
                         "".join(f"{line}\n" for line in ("The online users are:", *programs)))

    def test_old_classic_senders_write_to_two_connection_programs(self):
        self.check_from_classic("old")

    def test_our_senders_write_to_two_connection_programs(self):
        self.check_from_classic("ours")

    def test_our_senders_write_to_two_connection_programs_by_their_gateway_ports(self):
        everybody = [self.online(name).confirm_all() for name in ("carol", "dave")]
        self.old_list()  # opens the ports
        self.assertEqual(self.send("ours", 'unicast carol "Hi there"\nbroadcast "Lunch?"\nlist'),
                         "message is sent to carol\nmessage is sent to carol\n"
                         "message is sent to dave\nThe online users are:\ncarol\ndave\n")
        wait_until(lambda: [len(user.received) for user in everybody] == [2, 1], "all came")
        self.assertEqual(everybody[0].received + everybody[1].received,
                         ["/from utku Hi there\n", "/from utku Lunch?\n", "/from utku Lunch?\n"])

    def test_everybody_is_reached_by_a_broadcast_whatever_his_door(self):
        old, new = self.listener("old", "old"), self.listener("ours", "new")
        carol, dave = self.online("carol"), self.online("dave").confirm_all()
        carol.ask("/list", "301 old new carol dave\n")
        carol.ask("/toall Lunch?", DELIVERED)
        self.assertEqual(dave.received, ["/broadcastfrom carol Lunch?\n"])
        for listener in (old, new):
            listener.wait_stdout("carol: Lunch?\n")


class ClassicListenerTest(HubTest):
    def test_a_listener_gets_the_datagram_of_a_classic_sender(self):
        carol = self.online("carol")
        with Inbox() as bob, Inbox("::1") as six:
            post(self.registry, f"REGISTER bob@{bob.endpoint}")
            post(self.registry, f"REGISTER six@{six.endpoint}")
            for target, inbox in (("bob", bob), ("BOB", bob), ("six", six)):
                carol.ask(f"/to {target} Şule,  hi: there ", DELIVERED)
                self.assertEqual(inbox.receive(), "carol: Şule,  hi: there ".encode())

    def test_303_means_handed_to_the_network_when_nobody_listens(self):
        carol = self.online("carol")
        post(self.registry, f"REGISTER bob@127.0.0.1:{unused_port()}")
        for _ in range(5):
            carol.ask("/to bob hi", DELIVERED)

    def test_a_text_that_no_classic_datagram_holds_is_304(self):
        carol = self.online("carol")
        with Inbox() as bob:
            post(self.registry, f"REGISTER bob@{bob.endpoint}")
            room = 2048 - len("carol: ")
            carol.ask("/to bob " + "x" * (room + 1), NOT_DELIVERED)
            carol.ask("/toall " + "x" * (room + 1), NOT_DELIVERED)
            carol.ask("/to bob " + "x" * room, DELIVERED)
            self.assertEqual(len(bob.receive()), 2048)

    def test_a_netchat_user_is_listed_and_reached(self):
        carol = self.online("carol")
        nina = self.start_netchat_client("nina", self.registry)
        self.assertEqual(self.names(), {"nina", "carol"})
        carol.ask("/list", "301 nina carol\n")
        carol.ask("/to nina hi", DELIVERED)
        nina.wait_stdout_has(">>You have a message from carol\n")
        carol.ask("/toall tea", DELIVERED)
        nina.wait_stdout_has(">>You have a message from carol\n", count=2)
        nina.write("READ carol")
        nina.wait_stdout_has(">>hi - carol\n>>tea - carol\n")


class GatewayTest(HubTest):
    options = ("--gateway-ports", "2")

    def setUp(self):
        super().setUp()
        self.carol = self.online("carol").confirm_all()

    def wait_received(self, *lines):
        wait_until(lambda: len(self.carol.received) >= len(lines), f"{lines} came")
        self.assertEqual(self.carol.received, list(lines))

    def test_a_datagram_to_the_gateway_port_arrives_as_from_its_sender(self):
        port = self.gateway_of("carol")
        self.assertEqual(self.old_list(), {"carol": port})
        for text in ("hi", " two  blanks: and a colon", "Şule ☕", "\ttab"):
            self.send_to_gateway(port, f"utku: {text}")
            self.wait_received(f"/from utku {text}\n")
            self.carol.received.clear()

    def test_lines_in_a_datagram_cannot_forge_others(self):
        self.send_to_gateway(self.gateway_of("carol"), "utku: one\r\n/from dave two\n")
        self.wait_received("/from utku one /from dave two\n")

    def test_what_is_no_message_is_dropped_and_counted_by_reason(self):
        port = self.gateway_of("carol")
        for datagram, reason in ((b"no sender", "no_sender"), (b": hi", "no_sender"),
                                 (b"a b: hi", "no_sender"), (b"utku: \xff", "malformed"),
                                 (b"utku: ", "malformed"), (b"utku: \x1b[31m", "malformed"),
                                 (b"utku: " + b"x" * 4097, "malformed"), (b"", "empty")):
            before = self.dropped(reason)
            self.send_to_gateway(port, datagram)
            wait_until(lambda: self.dropped(reason) == before + 1, f"{datagram!r} is counted")
        self.send_to_gateway(port, "utku: hi")
        self.wait_received("/from utku hi\n")

    def test_a_forged_sender_is_dropped_and_counted(self):
        """A known name counts only from its own address."""
        port = self.gateway_of("carol")
        self.log_in("dave", source="127.0.0.2")
        post(self.registry, "REGISTER bob@127.0.0.1:50001")
        forged = (("erin", "127.0.0.1"), ("ERIN", "127.0.0.1"), ("dave", "127.0.0.1"),
                  ("carol", "127.0.0.2"), ("bob", "127.0.0.2"))
        for number, (name, source) in enumerate(forged, 1):
            self.send_to_gateway(port, f"{name}: hi", source)
            wait_until(lambda: self.dropped("forged_sender") == number, f"{name} is counted")
        for name, source in (("dave", "127.0.0.2"), ("carol", "127.0.0.1"), ("bob", "127.0.0.1"),
                             ("utku", "127.0.0.2")):
            self.send_to_gateway(port, f"{name}: hi", source)
            self.wait_received(f"/from {name} hi\n")
            self.carol.received.clear()
        self.assertEqual(self.dropped("forged_sender"), len(forged))

    def test_ports_go_to_the_first_who_come_and_the_rest_is_left_out(self):
        dave, erin = self.online("dave"), self.online("erin")
        ports = self.old_list()
        self.assertEqual(list(ports), ["carol", "dave"])
        self.assertEqual(self.metric('registry_gateway_left_out{transport="udp"}'), 1)
        self.assertEqual(self.metric('registry_gateway_ports{transport="udp"}'), 2)
        self.assertEqual(call(self.registry, target="/userlist.txt?username=erin").status, 404)
        listed = users(self.registry)
        self.assertEqual([user["via"] for user in listed.values()], ["relay"] * 3)
        self.assertEqual(listed["carol"]["endpoint"], f"127.0.0.1:{ports['carol']}")
        self.assertNotIn("endpoint", listed["erin"])
        dave.leave()
        later = self.old_list()
        self.assertEqual(list(later), ["carol", "erin"])
        self.assertEqual(later["carol"], ports["carol"])
        self.assertEqual(self.metric('registry_gateway_left_out{transport="udp"}'), 0)
        self.send_to_gateway(later["erin"], "utku: at last")
        erin.expect_pushed("/from utku at last\n")

    def test_the_port_of_a_user_who_left_is_closed(self):
        port = self.gateway_of("carol")
        self.carol.leave()
        self.assertEqual(self.metric('registry_gateway_ports{transport="udp"}'), 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outbox:
            outbox.settimeout(DEADLINE)
            outbox.connect(("127.0.0.1", port))
            outbox.send(b"utku: hi")
            with self.assertRaises(ConnectionRefusedError):
                outbox.recv(1)

    def test_a_frozen_receiver_stops_no_gateway(self):
        dave = self.online("dave")
        carol, to_dave = self.gateway_of("carol"), self.gateway_of("dave")
        for number in range(10):
            self.send_to_gateway(to_dave, f"utku: {number}")
            self.send_to_gateway(carol, f"utku: {number}")
        self.wait_received(*(f"/from utku {number}\n" for number in range(10)))
        dave.lb.expect("/from utku 0\n")


class NoGatewayTest(HubTest):
    options = ("--gateway-ports", "0")

    def test_classic_programs_are_shown_no_connected_users_and_others_all(self):
        self.online("carol")
        self.assertEqual(split_answer(exchange(self.registry, classic_list())).status, 400)
        self.assertEqual(call(self.registry, target="/userlist.txt?username=carol").status, 404)
        self.assertEqual(users(self.registry)["carol"]["via"], "relay")
        self.assertEqual(self.metric('registry_gateway_left_out{transport="udp"}'), 1)


class NamesTest(HubTest):
    def test_the_name_of_an_account_cannot_be_registered(self):
        carol = self.online("carol")
        for name in ("carol", "erin", "CAROL", "Erin"):
            for verb in ("REGISTER", "UPDATE"):
                self.assertEqual(post(self.registry, f"{verb} {name}@127.0.0.1:50001").status, 406)
        self.assertEqual(self.names(), {"carol"})
        for record in (f"carol@127.0.0.1:{self.gateway_of('carol')}", "carol@127.0.0.1:50001"):
            self.assertNotEqual(post(self.registry, f"LOGOUT {record}").status, 200)
        carol.ask("/list", "301 carol\n")

    def test_a_registered_name_keeps_its_owner_when_an_account_comes(self):
        post(self.registry, "REGISTER zoe@127.0.0.1:50001")
        self.write_accounts(ACCOUNTS + "zoe z\n")
        self.registry.signal(signal.SIGHUP)
        self.registry.wait_stderr("accounts read .*count=9")
        zoe = self.connect()
        zoe.ask("/login zoe z", LOGIN_FAILED)
        self.assertEqual(post(self.registry, "LOGOUT zoe@127.0.0.1:50001").status, 200)
        zoe.ask("/login zoe z", LOGGED_IN)
        self.assertEqual(post(self.registry, "REGISTER zoe@127.0.0.1:50001").status, 406)

    def test_who_is_connected_is_no_record_on_disk(self):
        carol = self.online("carol")
        post(self.registry, "REGISTER bob@127.0.0.1:50001")
        face = self.registry.data / "userlist.txt"
        wait_until(lambda: face.exists() and face.read_text() == "bob@127.0.0.1:50001\n",
                   "only bob is written down")
        self.registry.kill()
        carol.la.expect_end()
        self.registry = self.start_door()
        self.assertEqual(self.names(), {"bob"})

    def test_changes_name_who_came_and_who_left(self):
        version = call(self.registry, target="/userlist.txt?format=json").json()["version"]
        carol = self.online("carol")

        def changes():
            return call(self.registry, target=f"/userlist.txt?since={version}").json()

        self.assertEqual([user["name"] for user in changes()["users"]], ["carol"])
        carol.leave()
        self.assertEqual(changes()["users"], [])
        self.assertEqual(changes()["removed"], ["carol"])


@unittest.skipUnless(shutil.which("curl"), "curl is not installed")
class PostMessageTest(HubTest):
    """POST /v1/to/NAME?from=SENDER with the real curl."""

    def post(self, to, sender, text, *words):
        """Status and body of one call; sender None leaves ?from= out."""
        query = "" if sender is None else f"?from={sender}"
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *words,
             "--data-binary", "@-", f"http://{self.registry.address}/v1/to/{to}{query}"],
            input=text if isinstance(text, bytes) else text.encode(), capture_output=True,
            timeout=DEADLINE, check=True, env=self.environment())
        body, _, status = done.stdout.decode().rpartition("\n")
        return int(status), body

    def status(self, *arguments):
        return self.post(*arguments)[0]

    def test_200_once_a_connected_user_has_it(self):
        carol = self.online("carol").confirm_all()
        self.assertEqual(self.post("carol", "utku", "Günaydın,  Carol\n"), (200, "delivered\n"))
        self.assertEqual(carol.received, ["/from utku Günaydın,  Carol\n"])
        status, body = self.post("carol", "utku", "one\r\ntwo", "-H", "Accept: application/json")
        self.assertEqual((status, json.loads(body)),
                         (200, {"v": 1, "to": "carol", "outcome": "delivered"}))
        self.assertEqual(carol.received[1], "/from utku one two\n")
        self.assertEqual(self.status("CAROL", "carol", "to myself"), 200)
        self.assertEqual(self.status("carol", "utku", "x" * 4096), 200)

    def test_202_when_it_is_handed_to_the_network(self):
        with Inbox() as bob:
            post(self.registry, f"REGISTER Şule@{bob.endpoint}")
            self.assertEqual(self.post("%C5%9Eule", "utku", "hi"), (202, "sent\n"))
            self.assertEqual(bob.receive(), b"utku: hi")
            self.assertEqual(self.status("%C5%9Eule", "utku", "x" * 2100), 422)

    def test_404_for_nobody_and_for_who_is_not_there_yet(self):
        self.log_in("carol")
        for name in ("nobody", "dave", "carol"):
            self.assertEqual(self.status(name, "utku", "hi"), 404)

    def test_504_without_a_receipt_and_other_requests_go_on_meanwhile(self):
        carol = self.online("carol")
        with ThreadPoolExecutor() as pool:
            clock = Stopwatch()
            waiting = pool.submit(self.status, "carol", "utku", "hi")
            carol.lb.expect("/from utku hi\n")
            asked = Stopwatch()
            self.assertEqual(self.names(), {"carol"})
            self.assertLess(asked.seconds, AT_ONCE)
            self.assertEqual(waiting.result(DEADLINE), 504)
            self.assertGreaterEqual(clock.seconds, RECEIPT_TIME)
            self.assertLess(clock.seconds, RECEIPT_LATEST + 1)  # curl's start is in it
        clock = Stopwatch()
        self.assertEqual(self.status("carol", "utku", "frozen"), 504)
        self.assertLess(clock.seconds, AT_ONCE)

    def test_504_when_the_receiver_leaves_before_its_receipt(self):
        carol = self.online("carol")
        with ThreadPoolExecutor() as pool:
            clock = Stopwatch()
            waiting = pool.submit(self.status, "carol", "utku", "hi")
            carol.lb.expect("/from utku hi\n")
            carol.cut()
            self.assertEqual(waiting.result(DEADLINE), 504)
            self.assertLess(clock.seconds, AT_ONCE)

    def test_403_for_somebody_elses_name(self):
        self.online("carol").confirm_all()
        token = "Owner-Token: " + "A" * 43
        post(self.registry, "REGISTER bob@127.0.0.1:50001", headers=(token,))
        foreign = ("--interface", "127.0.0.2")
        self.assertEqual(self.status("carol", "erin", "hi"), 403)  # an account, not logged in
        self.assertEqual(self.status("carol", "carol", "hi", *foreign), 403)
        self.assertEqual(self.status("carol", "bob", "hi", *foreign), 403)
        self.assertEqual(self.status("carol", "bob", "hi", *foreign, "-H", token), 200)
        self.assertEqual(self.status("carol", "bob", "hi"), 200)
        self.assertEqual(self.status("carol", "utku", "hi", *foreign), 200)
        self.assertEqual(self.status("carol", "utku", "hi", "-H", "Origin: http://evil.example"),
                         403)

    def test_413_for_a_text_that_is_too_long(self):
        self.online("carol")
        self.assertEqual(self.status("carol", "utku", "x" * 4097), 413)
        self.assertEqual(self.status("carol", "utku", "x" * 100_000), 413)

    def test_400_for_what_is_no_message(self):
        self.online("carol")
        for to, sender, text in (("carol", None, "hi"), ("carol", "", "hi"), ("carol", "a@b", "hi"),
                                 ("carol", "all", "hi"), ("a@b", "utku", "hi"), ("", "utku", "hi"),
                                 ("carol", "utku", ""), ("carol", "utku", "\r\n"),
                                 ("carol", "utku", b"\xff"), ("carol", "utku", "\x1b[31m"),
                                 ("carol", "utku", "\0")):
            self.assertEqual(self.status(to, sender, text), 400, (to, sender, text))
        self.assertEqual(self.status("carol", "utku", "hi", "-H", "Owner-Token: short"), 400)

    def test_without_a_door_classic_listeners_are_reached_all_the_same(self):
        self.registry.kill()
        self.registry = self.start_registry()
        with Inbox() as bob:
            post(self.registry, f"REGISTER bob@{bob.endpoint}")
            self.assertEqual(self.status("bob", "utku", "hi"), 202)
            self.assertEqual(bob.receive(), b"utku: hi")
        self.registry.kill()  # nothing more to check at a door


if __name__ == "__main__":
    unittest.main()
