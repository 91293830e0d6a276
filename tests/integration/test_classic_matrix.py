#!/usr/bin/env python3
"""Old programs and ours in every seat hold the same conversation.

Seats: the registry (ours, the old plain one, the old bonus one), the listeners and the senders
(ours or old). Whatever the seating, what each program prints is the same to the byte, so one
golden transcript serves all. docs/protocol/directory.md and classic-datagrams.md define it.
"""

import signal
import sys
import unittest

from support import golden
from support.harness import SUPPORT, IntegrationTest, wait_until
from support.raw_http import call, users
from support.wire_recorder import WireRecorder

LISTENERS = ("Ali", "Veli", "Melih", "Lara")
SCRIPT = (
    ("Utku", "list"),
    ("Utku", 'unicast Ali "Hello Ali, how are you?"'),
    ("Utku", 'multicast [Ali, Veli, Lara, Ahmet] "Nice app!"'),
    ("Defne", 'broadcast "Good evening everyone"'),
    ("Defne", 'unicast Ahmet "Are you there?"'),
    ("Defne", 'multicast [Melih, Melih] "Twice is twice"'),
    ("Utku", "dance"),
    ("Utku", "exit"),
    ("Defne", "exit"),
)


class Seating(IntegrationTest):
    """Starts programs in the seats of a test."""

    def registry(self, kind):
        if kind == "ours":
            return self.start_registry()
        return self.start_classic_server(*(["--bonus"] if kind == "bonus" else []))

    def listener(self, kind, name, registry):
        start = self.start_listener if kind == "ours" else self.start_classic_listener
        return start(name, registry)

    def starter(self, kind):
        return self.start_peer if kind == "ours" else self.start_classic_client


class SampleConversationTest(Seating):
    """The conversation of the old programs' manual, in every seating."""

    def converse(self, registry, listeners, senders):
        server = self.registry(registry)
        programs = {name: self.listener(listeners, name, server) for name in LISTENERS}
        taken = self.starter(listeners)("Ali", server, "listen")
        taken.wait()
        for name in ("Utku", "Defne"):
            programs[name] = self.starter(senders)(name, server, "send")
        self.play(programs)
        lines = []
        for label, program in [*programs.items(), ("a second Ali", taken)]:
            lines.append(f"{label} prints")
            lines += ["  " + line for line in program.stdout.decode().splitlines()]
        golden.check(self, "sample_conversation.txt", "\n".join(lines) + "\n")
        return taken

    def play(self, programs):
        """Types each line once the line before it has had all its effect."""
        printed = {name: 0 for name in programs}
        for speaker, line in SCRIPT:
            programs[speaker].write(line)
            for name, count in self.effect(speaker, line).items():
                printed[name] += count
                wait_until(lambda: programs[name].stdout.count(b"\n") >= printed[name],
                           f"{name} prints line {printed[name]} after {line!r}")
        for sender in ("Utku", "Defne"):
            programs[sender].wait()

    @staticmethod
    def effect(speaker, line):
        """How many lines each program prints because of one command."""
        if line == "list":
            return {speaker: 1 + len(LISTENERS)}
        if "Nice app!" in line:
            return {speaker: 4, "Ali": 1, "Veli": 1, "Lara": 1}
        if line.startswith("broadcast"):
            return {speaker: 4, **{name: 1 for name in LISTENERS}}
        if "Twice" in line:
            return {speaker: 2, "Melih": 2}
        if "Hello Ali" in line:
            return {speaker: 1, "Ali": 1}
        return {} if line == "exit" else {speaker: 1}

    def test_all_old_on_the_plain_server(self):
        self.converse("plain", "old", "old")

    def test_all_old_on_the_bonus_server(self):
        self.converse("bonus", "old", "old")

    def test_old_listeners_and_senders_on_our_registry(self):
        self.converse("ours", "old", "old")

    def test_old_listeners_and_our_senders_on_our_registry(self):
        self.converse("ours", "old", "ours")

    def test_our_listeners_and_old_senders_on_our_registry(self):
        self.assertEqual(self.converse("ours", "ours", "old").wait(), 77)

    def test_all_ours(self):
        self.assertEqual(self.converse("ours", "ours", "ours").wait(), 77)

    def test_our_listeners_and_senders_on_the_plain_server(self):
        self.assertEqual(self.converse("plain", "ours", "ours").wait(), 77)

    def test_our_listeners_and_senders_on_the_bonus_server(self):
        self.converse("bonus", "ours", "ours")

    def test_our_listeners_and_old_senders_on_the_plain_server(self):
        self.converse("plain", "ours", "old")

    def test_our_listeners_and_old_senders_on_the_bonus_server(self):
        self.converse("bonus", "ours", "old")

    def test_old_listeners_and_our_senders_on_the_plain_server(self):
        self.converse("plain", "old", "ours")

    def test_old_listeners_and_our_senders_on_the_bonus_server(self):
        self.converse("bonus", "old", "ours")


class NobodyOnlineTest(Seating):
    """An empty list is told in the old words, whoever asks whom."""

    EXPECTED = ("There is no online users!\nThe online users are:\n"
                "There is no online users!\nthere is no online user\n"
                "There is no online users!\nuser Ali is not found\n")

    def ask(self, registry, sender):
        program = self.starter(sender)("Utku", self.registry(registry), "send")
        for line in ("list", 'broadcast "hi"', 'unicast Ali "hi"', "exit"):
            program.write(line)
        program.wait()
        program.wait_stdout(self.EXPECTED)

    def test_an_old_sender_on_our_registry(self):
        self.ask("ours", "old")

    def test_our_sender_on_our_registry(self):
        self.ask("ours", "ours")

    def test_our_sender_on_the_old_server(self):
        self.ask("plain", "ours")

    def test_an_old_sender_on_the_old_server(self):
        self.ask("plain", "old")


class LeavingTest(Seating):
    """LOGOUT between the generations."""

    def test_an_old_bonus_listener_logs_out_of_our_registry_and_its_name_is_free(self):
        registry = self.start_registry()
        ali = self.start_classic_listener("Ali", registry, "--bonus")
        utku = self.start_peer("Utku", registry, "send")
        for number in range(5):
            utku.write(f'unicast Ali "message {number}"')
        ali.wait_stdout_has("Do you want to log out?[y/n]")
        ali.write("y")
        self.assertEqual(ali.wait(), 0)
        self.assertNotIn(b"ERROR", ali.stdout)
        self.assertEqual(users(registry), {})
        self.start_classic_listener("Ali", registry)

    def test_our_listener_takes_its_record_off_the_bonus_server(self):
        server = self.start_classic_server("--bonus")
        ali = self.start_listener("Ali", server)
        self.assertIn("Ali@", (server.data / "userlist.txt").read_text())
        ali.signal(signal.SIGTERM)
        self.assertEqual(ali.wait(), 143)
        self.assertEqual((server.data / "userlist.txt").read_text(), "")

    def test_our_listener_leaves_the_plain_server_that_never_answers_a_logout(self):
        server = self.start_classic_server()
        ali = self.start_listener("Ali", server)
        ali.signal(signal.SIGTERM)
        self.assertEqual(ali.wait(), 143)
        self.assertTrue(server.is_running())


class OldListTest(Seating):
    """What an old server's list does to our peer."""

    def test_our_sender_reads_a_list_longer_than_one_receive(self):
        server = self.start_classic_server()
        names = [f"user{number:03d}" for number in range(300)]
        (server.data / "userlist.txt").write_text(
            "".join(f"{name}@127.0.0.1:50001\n" for name in names))
        sender = self.run_sender("Utku", server, "list")
        self.assertEqual(sender.stdout.decode().splitlines(), ["The online users are:", *names])

    def test_our_sender_sees_the_users_behind_a_blank_record(self):
        server = self.start_classic_server()
        (server.data / "userlist.txt").write_text("a@127.0.0.1:50001\n\nb@127.0.0.1:50002\n")
        sender = self.run_sender("Utku", server, "list")
        self.assertEqual(sender.stdout, b"The online users are:\na\nb\n")

    def test_our_sender_skips_records_it_cannot_use(self):
        server = self.start_classic_server()
        (server.data / "userlist.txt").write_text(
            "a@127.0.0.1:50001\nhalf@127.0.0.1\nb@127.0.0.1:0\nc@127.0.0.1:70000\n"
            "d@127.0.0.1:50004\n")
        sender = self.run_sender("Utku", server, "list")
        self.assertEqual(sender.stdout, b"The online users are:\na\nd\n")

    def test_a_listener_that_is_gone_stops_neither_side(self):
        registry = self.start_registry()
        gone = self.start_classic_listener("Gone", registry)
        stays = self.start_classic_listener("Stays", registry)
        gone.kill()
        sender = self.run_sender("Utku", registry, stdin='broadcast "one"\nbroadcast "two"')
        self.assertEqual(sender.stdout, b"message is sent to Gone\nmessage is sent to Stays\n" * 2)
        self.assertEqual(sender.status, 0)
        stays.wait_stdout("Utku: one\nUtku: two\n")


class WireTest(Seating):
    """The bytes on the connection to the registry, of one registration, list and logout."""

    def record(self, name, registry, client):
        with WireRecorder(registry) as wire:
            if client == "old":
                ali = self.start_classic_listener("Ali", wire, "--bonus")
                sender = self.start_classic_client("Utku", wire, "send")
            else:
                ali = self.start_listener("Ali", wire, "--question", "always")
                sender = self.start_peer("Utku", wire, "send")
            # One by one: what waits together, our sender may look up together.
            sender.write("list")
            sender.wait_stdout_has("Ali\n")
            for number in range(1, 6):
                sender.write(f'unicast Ali "{number}"')
                sender.wait_stdout_has("message is sent to Ali\n", count=number)
            ali.wait_stdout_has("[y/n]")
            ali.write("y")
            ali.wait()
            sender.write("list")
            sender.wait_stdout_has("The online users are:\n", count=2)
            sender.write("exit")
            sender.wait()
        golden.check(self, name, wire.transcript())

    def test_an_old_client_on_the_bonus_server_keeps_its_bytes(self):
        self.record("wire_old_client_bonus_server.txt", self.start_classic_server("--bonus"),
                    "old")

    def test_an_old_client_on_our_registry_keeps_its_bytes(self):
        self.record("wire_old_client_our_registry.txt", self.start_registry(), "old")

    def test_our_peer_on_the_bonus_server_keeps_its_bytes(self):
        self.record("wire_our_peer_bonus_server.txt", self.start_classic_server("--bonus"),
                    "ours")

    def test_our_peer_on_our_registry_keeps_its_bytes(self):
        self.record("wire_our_peer_our_registry.txt", self.start_registry(), "ours")


class NetchatTest(Seating):
    """The NetChat client's program against our registry, as a person would see it."""

    def netchat(self, registry, *words):
        program = self.start("netchat", sys.executable, SUPPORT / "netchat_http.py",
                             registry.address, *words)
        program.wait()
        program.dispose()
        return program.stdout.decode()

    def test_registers_lists_and_looks_up(self):
        registry = self.start_registry()
        self.assertEqual(self.netchat(registry, "list"), ">>[]\n")
        for port in ("40001", "40002"):  # the second UPDATE replaces
            self.assertEqual(self.netchat(registry, "update", "Can", f"127.0.1.1:{port}"),
                             ">>User registered in server!\n")
        self.assertEqual(self.netchat(registry, "update", "Göktuğ", "127.0.1.1:40003"),
                         ">>User registered in server!\n")
        self.assertEqual(self.netchat(registry, "list"), ">>[Can, Göktuğ]\n")
        self.assertEqual(self.netchat(registry, "lookup", "Can"), "127.0.1.1:40002\n")
        self.assertEqual(self.netchat(registry, "lookup", "Göktuğ"), "127.0.1.1:40003\n")
        self.assertEqual(self.netchat(registry, "lookup", "Zoe"), ">>User Zoe not found!\n")

    def test_without_gateway_ports_old_clients_see_those_of_their_own_transport(self):
        registry = self.start_registry("--gateway-ports", "0")
        self.start_classic_listener("Ali", registry)
        self.netchat(registry, "update", "Can", "127.0.1.1:40001")
        self.assertEqual(self.netchat(registry, "list"), ">>[Can]\n")
        utku = self.start_classic_client("Utku", registry, "send")
        utku.write("list")
        utku.wait_stdout("The online users are:\nAli\n")
        everyone = call(registry, target="/userlist.txt?format=json").json()["users"]
        self.assertEqual([(u["name"], u["transport"]) for u in everyone],
                         [("Ali", "udp"), ("Can", "tcp")])


if __name__ == "__main__":
    unittest.main()
