#!/usr/bin/env python3
"""NetChat: old programs and ours in every seat, what each is told, what is taken back."""

import json
import re
import signal
import socket
import unittest

from support import golden
from support.harness import IntegrationTest, wait_until
from support.netchat import ID, PROMPT, MessageInbox, say, start_netchat_peer, wait_read
from support.ports import unused_port
from support.raw_http import exchange, netchat_update, post, users
from support.wire_recorder import WireRecorder

SEATS = {
    "old_old_ours": ("old", "old", "ours"),
    "old_ours_ours": ("old", "ours", "ours"),
    "ours_old_ours": ("ours", "old", "ours"),
    "ours_ours_ours": ("ours", "ours", "ours"),
    "old_ours_old": ("old", "ours", "old"),
    "ours_old_old": ("ours", "old", "old"),
    "ours_ours_old": ("ours", "ours", "old"),
}


class NetchatTest(IntegrationTest):
    def start_server(self, age):
        return self.start_registry() if age == "ours" else self.start_netchat_server()

    def start_client(self, age, name, server):
        if age == "old":
            return self.start_netchat_client(name, server)
        return start_netchat_peer(self, name, server)

    def raw_user(self, registry, name, endpoint):
        """Registers a record as an old NetChat client does."""
        self.assertIn(b" 200 ", exchange(registry, netchat_update(f"{name}@{endpoint}")))

    def ended(self, peer):
        peer.status = peer.wait()
        peer.dispose()
        return peer


class SeatsTest(NetchatTest):
    """alice and bob of either age at a registry of either: one conversation, written down."""

    def talk(self, seat):
        alice_age, bob_age, server_age = SEATS[seat]
        server = self.start_server(server_age)
        alice = self.start_client(alice_age, "alice", server)
        bob = self.start_client(bob_age, "bob", server)

        def run(client, line, answer, hearer=None, heard=None):
            counts = {who: who.stdout.count(text.encode())
                      for who, text in ((client, answer), (hearer, heard)) if who}
            client.write(line)
            client.wait_stdout_has(answer, count=counts[client] + 1)
            if hearer:
                hearer.wait_stdout_has(heard, count=counts[hearer] + 1)
            for who, age in ((alice, alice_age), (bob, bob_age)):
                if age == "old":  # its prompt comes last
                    wait_until(lambda shown=who: shown.stdout.endswith(PROMPT.encode()), "a prompt")

        run(alice, "LIST", ">>[alice, bob]\n")
        run(alice, 'SEND bob "see you at 10"', ">>Message sent!\n", bob,
            ">>You have a message from alice\n")
        run(bob, 'SEND alice "fine, tea?"', ">>Message sent!\n", alice,
            ">>You have a message from bob\n")
        run(alice, 'SEND bob "yes: Türk çayı"', ">>Message sent!\n", bob,
            ">>You have a message from alice\n")
        run(bob, 'SEND_MULTI [alice,zoe] "tea is ready"',
            ">> Error: Message cannot be sent to zoe, user does not exist\n", alice,
            ">>You have a message from bob\n")
        run(bob, 'SEND_MULTI [alice] "come"', ">>Message sent!\n", alice,
            ">>You have a message from bob\n")
        run(bob, "READ alice", ">>come - user\n")
        run(alice, "DELETE bob", ">>Deleted - user\n")
        run(alice, 'SEND zoe "hi"', ">>User not found!\n")
        run(alice, "DELETE zoe", ">>No messages to delete!\n")
        run(alice, "READ zoe", ">>No messages found!\n")
        run(alice, "dance", ">>Unknown command!\n")
        run(alice, "LIST all", ">>Invalid LIST command!\n")
        run(alice, "SEND bob", ">>Invalid SEND command!\n")
        run(alice, "SEND_MULTI [bob]", ">>Invalid SEND_MULTI command!\n")
        run(alice, "READ", "Invalid READ command!\n")
        run(alice, "DELETE", ">>Invalid DELETE command!\n")
        text = "".join(f"--- {who} has printed\n"
                       + client.stdout.decode().replace("\n", "␊\n").replace("\r", "␍")
                       .replace("\033", "␛").rstrip("\n") + "\n"
                       for who, client in (("alice", alice), ("bob", bob)))
        golden.check(self, f"netchat_{seat}.txt", text)
        # Behind the deletion is a look-up where bob is ours: it takes its time.
        wait_read(bob, "alice", ">>see you at 10 - alice\n>>fine, tea? - user\n>>Deleted - alice\n")
        for client in (alice, bob):
            client.write("EXIT")
        return [self.ended(client) for client in (alice, bob)]

    def test_old_and_old_at_ours(self):
        self.talk("old_old_ours")

    def test_old_and_ours_at_ours(self):
        self.talk("old_ours_ours")

    def test_ours_and_old_at_ours(self):
        self.talk("ours_old_ours")

    def test_ours_and_ours_at_ours(self):
        alice, bob = self.talk("ours_ours_ours")
        self.assertEqual((alice.status, bob.status), (65, 1))

    def test_old_and_ours_at_old(self):
        self.talk("old_ours_old")

    def test_ours_and_old_at_old(self):
        self.talk("ours_old_old")

    def test_ours_and_ours_at_old(self):
        self.talk("ours_ours_old")


class WireTest(NetchatTest):
    """Byte for byte: what our client says to registries and programs, and our registry to them."""

    def record(self, name, server):
        with WireRecorder(server) as wire:
            alice = start_netchat_peer(self, "alice", wire)
            alice.write("LIST")
            alice.wait_stdout_has(">>[alice]\n")
            alice.write('SEND zoe "hi"')
            alice.wait_stdout_has(">>User not found!\n")
            alice.write("EXIT")
            alice.wait()
        golden.check(self, name, wire.transcript())

    def test_our_client_at_our_registry(self):
        self.record("wire_netchat_our_registry.txt", self.start_registry())

    def test_our_client_at_an_old_registry(self):
        self.record("wire_netchat_old_registry.txt", self.start_netchat_server())

    def test_messages_of_our_client(self):
        registry = self.start_registry()
        alice = start_netchat_peer(self, "alice", registry)
        with MessageInbox() as bob:
            self.raw_user(registry, "bob", bob.endpoint)
            alice.write('SEND bob "see you at 10"')
            found = re.fullmatch(f'alice: "see you at 10" id=({ID})', bob.take().decode())
            self.assertTrue(found)
            alice.wait_stdout_has(">>Message sent!\n")
            alice.write("DELETE bob")
            self.assertEqual(bob.take().decode(), f"DELETE_MESSAGE:alice:{found[1]}")
            alice.wait_stdout_has(">>Deleted - user\n")
            alice.write('SEND bob "he said "hi""')
            self.assertRegex(bob.take().decode(), f'^alice: "he said ”hi”" quotes id={ID}$')
            alice.wait_stdout_has(">>Message sent!\n", count=2)
            alice.write("EXIT")
            self.assertEqual(self.ended(alice).status, 0)

    def test_messages_from_our_registry(self):
        registry = self.start_registry()
        with MessageInbox() as bob:
            self.raw_user(registry, "bob", bob.endpoint)
            answer = post(registry, "see you at 10", "/v1/to/bob?from=ci")
            self.assertEqual((answer.status, answer.text), (202, "sent\n"))
            self.assertEqual(bob.take(reads_to_end=True), b'ci: "see you at 10"')
            post(registry, 'he said "hi"', "/v1/to/bob?from=ci")
            self.assertEqual(bob.take(reads_to_end=True).decode(), 'ci: "he said ”hi”" quotes')

    def test_a_text_that_an_old_program_would_cut_is_refused(self):
        registry = self.start_registry()
        with MessageInbox() as bob:
            self.raw_user(registry, "bob", bob.endpoint)
            room = 1024 - len('ci: ""')
            self.assertEqual(post(registry, "x" * room, "/v1/to/bob?from=ci").status, 202)
            self.assertEqual(len(bob.take(reads_to_end=True)), 1024)
            self.assertEqual(post(registry, "x" * (room + 1), "/v1/to/bob?from=ci").status, 422)


class OutcomeTest(NetchatTest):
    """What the person, or the script, is told."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def run_netchat(self, name, *words, stdin=""):
        peer = self.start_peer(name, self.registry, "netchat", *words)
        if stdin:
            peer.write(stdin)
        peer.end_input()
        return self.ended(peer)

    def test_ipv6(self):
        """Between two of ours, to one who takes datagrams, and from one who only sends."""
        registry = self.start_registry(where="[::1]:0", data=self.dir / "ipv6")
        bob = start_netchat_peer(self, "bob", registry)
        dave = self.start_listener("dave", registry)
        for name in ("bob", "dave"):
            alice = self.start_peer("alice", registry, "netchat", "SEND", name, "over IPv6")
            self.assertEqual(alice.wait(), 0, alice.describe())
        bob.wait_stdout_has("You have a message from alice")
        bob.write("READ alice")
        bob.wait_stdout_has("over IPv6")
        dave.wait_stdout_has("alice: over IPv6\n")
        self.assertEqual(self.run_sender("ci", registry, "unicast", "bob", "hello").status, 0)
        bob.wait_stdout_has("You have a message from ci")

    def test_one_command_and_its_status(self):
        with MessageInbox() as bob:
            self.raw_user(self.registry, "bob", bob.endpoint)
            peer = self.start_peer("alice", self.registry, "netchat", "SEND", "bob", "hi", "there")
            self.assertIn(b'alice: "hi there" id=', bob.take())
            self.assertEqual(self.ended(peer).status, 0)
            self.assertEqual(peer.stdout,
                             b">>User registered in server!\n>>Message sent!\n")
        for words, out, status in (
                (["SEND", "zoe", "hi"], ">>User not found!\n", 67),
                (["SEND", "bob", "hi"], ">>Failed to send message: connection refused\n", 75),
                (["SEND", "bob"], ">>Invalid SEND command!\n", 64),
                (["DELETE", "bob"], ">>No messages to delete!\n", 1),
                (["LIST"], ">>[bob, alice]\n", 0),
                (["READ", "bob"], ">>No messages found!\n", 0)):
            with self.subTest(words):
                peer = self.run_netchat("alice", *words)
                self.assertEqual(peer.stdout.decode(), ">>User registered in server!\n" + out)
                self.assertEqual(peer.status, status)
        self.assertEqual(set(users(self.registry)), {"bob"})

    def test_every_way_out_logs_out(self):
        for what, leave, status in (
                ("EXIT", lambda peer: peer.write("EXIT"), 0),
                ("the end of input", lambda peer: peer.end_input(), 0),
                ("SIGINT", lambda peer: peer.signal(signal.SIGINT), 130),
                ("SIGTERM", lambda peer: peer.signal(signal.SIGTERM), 143)):
            with self.subTest(what):
                alice = start_netchat_peer(self, "alice", self.registry)
                self.assertEqual(users(self.registry)["alice"]["transport"], "tcp")
                self.assertEqual(users(self.registry)["alice"]["door"], "netchat")
                leave(alice)
                self.assertEqual(self.ended(alice).status, status)
                self.assertEqual(users(self.registry), {})

    def test_a_name_that_is_somebody_elses(self):
        self.assertEqual(post(self.registry, "REGISTER alice@127.0.0.1:50001",
                              headers=["Owner-Token: " + "x" * 43]).status, 200)
        # From the holder's own address UPDATE moves the record, as the old program's does.
        self.assertEqual(self.run_netchat("alice", "LIST").status, 0)
        peer = self.start_peer("alice", "127.0.0.1:9", "netchat")
        self.assertEqual(self.ended(peer).status, 69)
        self.assertEqual(peer.stdout, b">>Registration failed!\n")

    def test_one_of_a_name_at_a_time(self):
        start_netchat_peer(self, "alice", self.registry)
        second = self.run_netchat("alice", "LIST")
        self.assertEqual((second.status, second.stdout), (77, b">>Registration failed!\n"))

    def test_a_killed_client_has_its_name_back_at_once(self):
        alice = start_netchat_peer(self, "alice", self.registry)
        alice.kill()
        start_netchat_peer(self, "alice", self.registry)

    def test_n_and_w(self):
        alice = start_netchat_peer(self, "alice", self.registry, "-n", "2")
        alice.end_input()  # it waits for its messages all the same
        for text in ("one", "two"):
            say(alice, f'bob: "{text}"')
        self.assertEqual(self.ended(alice).status, 0)
        self.assertEqual(alice.stdout.count(b">>You have a message from bob\n"), 2)
        peer = self.start_peer("alice", self.registry, "netchat", "-W", "0.3")
        peer.end_input()
        self.assertEqual(self.ended(peer).status, 124)

    def test_json(self):
        alice = start_netchat_peer(self, "alice", self.registry, "--json", "-n", "1")
        say(alice, 'bob: "a \033 ü"')
        lines = [json.loads(line) for line in self.ended(alice).stdout.splitlines()]
        self.assertEqual(lines[0], {"v": 1, "event": "reply",
                                    "text": "User registered in server!"})
        self.assertEqual((lines[1]["event"], lines[1]["from"], lines[1]["text"]),
                         ("message", "bob", "a \033 ü"))

    def test_a_chosen_port_is_registered_and_one_in_use_refused(self):
        port = unused_port()
        with socket.create_server(("127.0.0.1", port)):
            peer = self.run_netchat("alice", "--port", str(port))
            self.assertEqual((peer.status, users(self.registry)), (69, {}))
        alice = start_netchat_peer(self, "alice", self.registry, "--port", str(port))
        self.assertEqual(users(self.registry)["alice"]["endpoint"], f"127.0.0.1:{port}")
        self.assertEqual(alice.port, port)

    def test_a_recipient_who_takes_the_connection_and_never_reads(self):
        with MessageInbox() as deaf:
            self.raw_user(self.registry, "deaf", deaf.endpoint)
            peer = self.run_netchat("alice", "SEND", "deaf", "hi")
        self.assertEqual(peer.stdout.decode().splitlines()[1],
                         ">>Failed to send message: deaf did not read it in time; it may arrive")
        self.assertEqual(peer.status, 75)

    def test_an_old_program_that_reads_to_the_end(self):
        with MessageInbox() as bob:
            self.raw_user(self.registry, "bob", bob.endpoint)
            peer = self.start_peer("alice", self.registry, "netchat", "SEND", "bob", "hi")
            self.assertIn(b'alice: "hi" id=', bob.take(reads_to_end=True))
        self.assertEqual(self.ended(peer).status, 0)

    def test_commands_behind_one_another_in_a_pipe(self):
        bob = start_netchat_peer(self, "bob", self.registry)
        lines = "\n".join(f'SEND bob "{i}"' for i in range(200))
        alice = self.run_netchat("alice", stdin=f"{lines}\nREAD bob")
        self.assertEqual(alice.status, 0)
        sent = b">>Message sent!\n" * 200 + b"".join(b">>%d - user\n" % i for i in range(200))
        self.assertEqual(alice.stdout, b">>User registered in server!\n" + sent)
        wait_read(bob, "alice", "".join(f">>{i} - alice\n" for i in range(200)))


class DeleteTest(NetchatTest):
    """DELETE hits the message that was meant, and nobody else's program can do it."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def test_a_lost_message_does_not_make_it_hit_another(self):
        alice = start_netchat_peer(self, "alice", self.registry)
        bob = start_netchat_peer(self, "bob", self.registry)
        alice.write('SEND bob "first"')
        alice.wait_stdout_has(">>Message sent!\n")
        endpoint = users(self.registry)["bob"]["endpoint"]
        alice.write('SEND bob "second"')
        alice.wait_stdout_has(">>Message sent!\n", count=2)
        # The third gets lost: bob's record leads nowhere for a while.
        with socket.create_server(("127.0.0.1", 0)) as nowhere:
            dead = f"127.0.0.1:{nowhere.getsockname()[1]}"
        token = ["Owner-Token: " + (self.dir / "home/state/peer/bob"
                                    / f"{self.registry.address}.token").read_text().strip(),
                 "Endpoint-Transport: tcp"]
        self.assertEqual(post(self.registry, f"UPDATE bob@{dead}", headers=token).status, 200)
        alice.write('SEND bob "lost"')
        alice.wait_stdout_has(">>Failed to send message: connection refused\n")
        self.assertEqual(post(self.registry, f"UPDATE bob@{endpoint}", headers=token).status, 200)
        alice.write("DELETE bob")
        alice.wait_stdout_has(">>first - user\n>>Deleted - user\n")
        wait_read(bob, "alice", ">>first - alice\n>>Deleted - alice\n")

    def test_forged_signals(self):
        bob = start_netchat_peer(self, "bob", self.registry)
        self.raw_user(self.registry, "alice", "127.0.0.1:50001")
        message_id = "0123456789abcdef" * 2
        self.assertEqual(say(bob, f'alice: "ours" id={message_id}', end=False),
                         f"TAKEN {message_id}\n".encode())
        guess = "f" * 32
        for signal_bytes, answer in (
                (b"DELETE_MESSAGE:alice", b""),
                (b"DELETE MESSAGE:alice", b""),
                (f"DELETE_MESSAGE:alice:{guess}".encode(), f"REFUSED {guess}\n".encode()),
                (f"DELETE_MESSAGE:mallory:{message_id}".encode(),
                 f"REFUSED {message_id}\n".encode()),
                (b"DELETE_MESSAGE:", b""),
                (b"DELETE_MESSAGE:" + b"a" * 5000, b"")):
            with self.subTest(signal_bytes[:60]):
                self.assertEqual(say(bob, signal_bytes, end=b":" + guess.encode()
                                     not in signal_bytes and not answer), answer)
        wait_read(bob, "alice", ">>ours - alice\n")
        self.assertEqual(say(bob, f"DELETE_MESSAGE:alice:{message_id}", end=False),
                         f"TAKEN {message_id}\n".encode())
        wait_read(bob, "alice", ">>Deleted - alice\n")

    def test_an_old_programs_signal_from_another_address(self):
        bob = start_netchat_peer(self, "bob", self.registry)
        say(bob, 'carol: "old"')
        # Nobody of that name is registered, so nobody can be it.
        say(bob, "DELETE_MESSAGE:carol")
        bob.wait_idle()  # he has asked
        self.raw_user(self.registry, "carol", "127.0.0.1:50002")
        wait_read(bob, "carol", ">>old - carol\n")
        say(bob, "DELETE_MESSAGE:carol")
        wait_read(bob, "carol", ">>Deleted - carol\n")


if __name__ == "__main__":
    unittest.main()
