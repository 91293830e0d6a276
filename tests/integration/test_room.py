#!/usr/bin/env python3
"""The chat room: old programs and ours in every seat, and the users of other doors in it."""

import json
import signal
import socket
import unittest

from support import golden
from support.harness import DEADLINE, wait_until
from support.raw_http import call, exchange, netchat_update, users
from support.room import PROMPT, WELCOME, RoomTest
from support.two_connection import DELIVERED, NOT_DELIVERED, Stopwatch


class Transcript:
    """A conversation of programs, written down with what each of them printed."""

    def __init__(self):
        self._text = []

    def add(self, line):
        self._text.append(line)

    def printed(self, who, program):
        self.add(f"--- {who} has printed")
        self.add(program.stdout.decode().replace("\n", "␊\n").rstrip("\n"))

    def text(self):
        return "\n".join(self._text) + "\n"


class SeatsTest(RoomTest):
    """A client of one age at a server of another."""

    def start_client(self, age, name, server):
        if age == "old":
            return self.start_room_client(name, server)
        return self.start_room_peer(name, server)

    def talk(self, client_age, server_age):
        server = (self.registry.room_address if server_age == "ours"
                  else self.start_room_server().address)
        script = Transcript()
        alice = self.start_client(client_age, "alice", server)
        bob = self.start_client(client_age, "bob", server)
        for speaker, hearer, line in (
                ("alice", bob, "hello bob"), ("bob", alice, "hello alice, how are you?"),
                ("alice", bob, "Günaydın ☕"), ("bob", alice, "<alice> I did not say this"),
                ("alice", bob, "x" * 300)):
            script.add(f"{speaker} types {line}")
            (alice if speaker == "alice" else bob).write(line)
            # An old client prints a line end of its own behind what it reads.
            hearer.wait_stdout_has(f"<{speaker}> {line}\n" + "\n" * (client_age == "old"))
        for who, program in (("alice", alice), ("bob", bob)):
            script.printed(who, program)
        return script, (alice, bob)

    def test_an_old_client_at_our_registry(self):
        script, _ = self.talk("old", "ours")
        golden.check(self, "room_old_client_our_registry.txt", script.text())

    def test_our_peer_at_an_old_server(self):
        script, peers = self.talk("ours", "old")
        for peer in peers:
            peer.end_input()
            self.assertEqual(peer.wait(), 0)
        golden.check(self, "room_our_peer_old_server.txt", script.text())

    def test_our_peer_at_our_registry(self):
        script, peers = self.talk("ours", "ours")
        for peer in peers:
            peer.end_input()
            self.assertEqual(peer.wait(), 0)
        wait_until(lambda: users(self.registry) == {}, "nobody is listed")
        golden.check(self, "room_our_peer_our_registry.txt", script.text())

    def test_old_clients_and_our_peers_in_one_room(self):
        for server in (self.registry.room_address, self.start_room_server().address):
            old = self.start_room_client("old", server)
            ours = self.start_room_peer("ours", server)
            old.write("from the old one")
            ours.wait_stdout("<old> from the old one\n")
            ours.write("from ours")
            old.wait_stdout_has("<ours> from ours\n")


class WireTest(RoomTest):
    def test_the_exact_bytes(self):
        alice, bob = self.come(), self.enter("bob")
        alice.send("alice\n")
        alice.expect(WELCOME)
        alice.send("hi\n")
        bob.expect("<alice> hi\n")
        bob.send("hi yourself\r\n")
        alice.expect("<bob> hi yourself\r\n")
        alice.send("\n")
        bob.expect("<alice> \n")

    def test_name_and_lines_in_one_segment_and_lines_in_pieces(self):
        bob, alice = self.enter("bob"), self.come()
        alice.send("alice\none\ntwo\nthr")
        alice.expect(WELCOME)
        bob.expect("<alice> one\n<alice> two\n")
        for byte in "ee\nGöktuğ\n".encode():
            alice.send(bytes([byte]))
        bob.expect("<alice> three\n<alice> Göktuğ\n")

    def test_a_name_in_use_anywhere_is_asked_again(self):
        self.start_listener("lara", self.registry)
        self.online("carol")
        self.enter("bob")
        newcomer = self.come()
        for name in ("bob", "BOB", "lara", "carol", "dave", "room", "all", "", "a b", "a@b"):
            newcomer.ask(name, PROMPT)  # dave has an account, and is not there
        newcomer.ask("zoe", WELCOME)
        self.assertEqual(self.room_metric("refused_names_total", "account"), 2)

    def test_a_name_is_free_again_when_its_user_is_gone_however_he_went(self):
        for end in ("cut", "reset"):
            alice = self.enter("alice")
            getattr(alice, end)()
            wait_until(lambda: "alice" not in users(self.registry), "alice is gone")
        client = self.start_room_client("alice", self.registry.room_address)
        client.kill()
        wait_until(lambda: "alice" not in users(self.registry), "alice is gone")

    def test_half_a_line_is_said_at_the_end_of_the_stream(self):
        bob, alice = self.enter("bob"), self.come()
        alice.send("alice\nwhole\nhalf")
        alice.expect(WELCOME)
        alice.socket.shutdown(1)
        bob.expect("<alice> whole\n<alice> half\n")
        alice.expect_end()

    def test_joins_and_leaves_are_in_the_log_and_not_in_the_room(self):
        bob = self.enter("bob")
        self.enter("alice").cut()
        self.registry.wait_stderr(rb"user logged in.*user=alice.*door=room")
        self.registry.wait_stderr(rb"user logged out.*user=alice.*door=room")
        self.enter("erin-2").send("hi\n")
        bob.expect("<erin-2> hi\n")  # and nothing before it

    def test_metrics_and_list(self):
        alice, bob = self.enter("alice"), self.enter("bob")
        alice.send("hi\n")
        bob.expect("<alice> hi\n")
        self.assertEqual(self.room_metric("clients"), 2)
        self.assertEqual(self.room_metric("joins_total"), 2)
        self.assertEqual(self.room_metric("lines_total"), 1)
        answer = call(self.registry, target="/userlist.txt?format=json").json()
        self.assertEqual([(u["name"], u["door"], u["via"]) for u in answer["users"]],
                         [("alice", "room", "relay"), ("bob", "room", "relay")])

    def test_a_registry_that_stops_closes_the_room(self):
        alice, newcomer = self.enter("alice"), self.come()
        self.registry.signal(signal.SIGTERM)
        for link in (alice, newcomer):
            link.expect_end()
        self.assertEqual(self.registry.wait(), 0)


class OtherDoorsTest(RoomTest):
    def post(self, name, to, text):
        return call(self.registry, "POST", f"/v1/to/{to}?from={name}", body=text)

    def test_a_user_of_the_room_is_reached_by_name(self):
        alice, bob, carol = self.enter("alice"), self.enter("bob"), self.online("carol")
        carol.ask("/list", "301 alice bob carol\n")
        carol.ask("/to alice only you", DELIVERED)
        alice.expect("<carol to you> only you\n")
        carol.ask("/toall tea", DELIVERED)
        for user in (alice, bob):
            user.expect("<carol to all> tea\n")
        sent = self.run_sender("utku", self.registry, "unicast", "alice", "merhaba")
        self.assertEqual((sent.status, sent.stdout), (0, b"message is sent to alice\n"))
        alice.expect("<utku to you> merhaba\n")
        old = self.start_classic_client("veli", self.registry, "send")
        old.write('unicast bob "old hello"')
        bob.expect("<veli to you> old hello\n")

    def test_a_two_connection_user_is_a_guest_until_he_leaves(self):
        alice, carol = self.enter("alice"), self.online("carol")
        carol.ask("/to room hello", DELIVERED)
        alice.expect("<carol> hello\n")
        alice.send("welcome\n")
        carol.expect_pushed("/from room <alice> welcome\n")
        carol.ask("/to room /leave", DELIVERED)
        alice.send("gone?\n")
        carol.ask("/to carol myself", "")
        carol.expect_pushed("/from carol myself\n")  # and nothing before it
        carol.la.expect(DELIVERED)

    def test_our_peers_take_part_by_send_and_listen(self):
        alice = self.enter("alice")
        home = self.dir / "lara-home"
        lara = self.start_listener("lara", self.registry, home=home)
        sent = self.run_sender("lara", self.registry, "unicast", "room", "here I am", home=home)
        self.assertEqual((sent.status, sent.stdout), (0, b"message is sent to room\n"))
        alice.expect("<lara> here I am\n")
        alice.send("good\n")
        lara.wait_stdout("room: <alice> good\n")
        only_sends = self.run_sender("utku", self.registry, stdin='multicast [room, alice] "both"\n')
        self.assertEqual(only_sends.stdout,
                         b"message is sent to room\nmessage is sent to alice\n")
        alice.read_until("<utku> both\n")
        alice.expect("<utku to you> both\n")
        lara.wait_stdout("room: <alice> good\nroom: <utku> both\n")

    def test_our_login_takes_part(self):
        alice = self.enter("alice")
        carol = self.start_peer("carol", f"{self.registry.door_host}:{self.registry.door_port}",
                                "login", PEER_PASSWORD="s3cret")
        carol.wait_stderr(rb"is logged in")
        carol.write("/to room hi all")
        alice.expect("<carol> hi all\n")
        alice.send("hi carol\n")
        carol.wait_stdout_has("room: <alice> hi carol\n")

    def test_curl_writes_to_the_room_and_is_told_what_came_of_it(self):
        alice = self.enter("alice")
        answer = self.post("utku", "room", "from a script")
        self.assertEqual((answer.status, answer.text), (202, "sent\n"))
        alice.expect("<utku> from a script\n")
        self.assertEqual(self.post("alice", "room", "my own").status, 200)  # nobody else is there
        answer = self.post("room", "alice", "forged")
        self.assertEqual(answer.status, 400)
        found = call(self.registry, target="/userlist.txt?username=room",
                     headers=("Accept: application/json",)).json()
        self.assertEqual((found["name"], found["via"]), ("room", "relay"))
        self.assertEqual(call(self.registry, target="/userlist.txt?username=room").status, 404)

    def test_a_netchat_user_is_a_guest_and_one_who_does_not_answer_holds_up_nobody(self):
        alice, bob = self.enter("alice"), self.enter("bob")
        with socket.create_server(("127.0.0.1", 0)) as inbox:
            inbox.settimeout(DEADLINE)
            exchange(self.registry, netchat_update(f"zed@127.0.0.1:{inbox.getsockname()[1]}"))
            self.assertEqual(self.post("zed", "room", "hello").status, 202)
            bob.expect("<zed> hello\n")
            alice.expect("<zed> hello\n")
            alice.send("hi zed\nanother\n")  # nobody has taken the first one's connection yet
            bob.expect("<alice> hi zed\n<alice> another\n")
            heard = []
            for _ in range(2):
                with inbox.accept()[0] as connection:
                    heard.append(connection.makefile("rb").read().decode())
            self.assertEqual(sorted(heard), ['room: "<alice> another"', 'room: "<alice> hi zed"'])

    def test_a_frozen_guest_holds_up_nobody_in_the_room(self):
        alice, bob, carol = self.enter("alice"), self.enter("bob"), self.online("carol")
        carol.ask("/to room hello", DELIVERED)
        bob.expect("<carol> hello\n")
        clock = Stopwatch()
        for number in range(20):
            alice.send(f"{number}\n")
            bob.expect(f"<alice> {number}\n")
        self.assertLess(clock.seconds, 2)
        carol.lb.expect("/from room <alice> 0\n")

    def test_without_the_option_there_is_no_room(self):
        registry = self.start_registry(data=self.dir / "other")
        answer = call(registry, "POST", "/v1/to/room?from=utku", body="hello?")
        self.assertEqual(answer.status, 404)
        carol = self.online("carol")
        carol.ask("/to rooms hi", NOT_DELIVERED)


class PeerTest(RoomTest):
    """`peer … room` off a terminal."""

    def run_room(self, name, server, *words, stdin=""):
        peer = self.start_peer(name, server, "room", *words)
        if stdin:
            peer.write(stdin.removesuffix("\n"))
        peer.end_input()
        peer.status = peer.wait()
        peer.dispose()
        return peer

    def servers(self):
        return (self.registry.room_address, self.start_room_server().address)

    def test_a_text_of_the_command_line_is_said_once(self):
        for server in self.servers():
            bob = self.start_room_peer("bob", server)
            said = self.run_room("alice", server, "hello", "all", "of you")
            self.assertEqual((said.status, said.stdout, said.stderr), (0, b"", b""))
            bob.wait_stdout("<alice> hello all of you\n")

    def test_a_pipe_is_said_line_by_line_even_to_a_server_that_frames_nothing(self):
        lines = "".join(f"line {number}\n" for number in range(50))
        for server in self.servers():
            bob = self.start_room_peer("bob", server)
            said = self.run_room("alice", server, stdin=lines)
            self.assertEqual(said.status, 0)
            bob.wait_stdout("".join(f"<alice> line {number}\n" for number in range(50)))

    def test_what_an_old_server_would_cut_is_not_sent(self):
        bob = self.start_room_peer("bob", self.start_room_server().address)
        said = self.run_room("alice", bob.arguments[2],
                             stdin="x" * 2047 + "\n" + "y" * 2048 + "\nlast\n")
        self.assertEqual(said.status, 65)
        self.assertIn(b"not sent: the line has more than 2047 bytes\n", said.stderr)
        bob.wait_stdout(f"<alice> {'x' * 2047}\n<alice> last\n")

    def test_a_taken_name_is_77(self):
        self.enter("alice")
        refused = self.run_room("alice", self.registry.room_address, "hi")
        self.assertEqual(refused.status, 77)
        self.assertIn(b"does not let alice in: the name is in use", refused.stderr)

    def test_what_no_chat_room_is(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            peer = self.start_peer("alice", f"127.0.0.1:{server.getsockname()[1]}", "room")
            with server.accept()[0] as connection:
                connection.sendall(b"220 mail.example ready\r\n")
                self.assertEqual(peer.wait(), 76)
        peer.dispose()
        self.assertIn(b"does not answer as a chat-room server: 220 mail.example ready", peer.stderr)
        silent = f"{self.registry.door_host}:{self.registry.door_port}"
        self.assertEqual(self.run_room("alice", silent, "-W", "0.5").status, 124)
        self.assertEqual(self.run_room("alice", "127.0.0.1:1", "hi").status, 69)

    def test_a_server_that_goes_is_69(self):
        server = self.start_room_server()
        alice = self.start_room_peer("alice", server.address)
        server.kill()
        self.assertEqual(alice.wait(), 69)
        alice = self.start_room_peer("alice", self.registry.room_address)
        self.registry.signal(signal.SIGTERM)
        self.assertEqual(alice.wait(), 69)
        self.assertEqual(self.registry.wait(), 0)

    def test_signals_leave_and_old_servers_take_others_in(self):
        for server in self.servers():
            for number in (signal.SIGINT, signal.SIGTERM):
                alice = self.start_room_peer("alice", server)
                alice.signal(number)
                self.assertEqual(alice.wait(), 128 + number)
            self.start_room_peer("bob", server)

    def test_count_wait_and_json(self):
        alice = self.start_room_peer("alice", self.registry.room_address, "--json", "-n2")
        alice.end_input()
        self.assertEqual(self.run_room("bob", self.registry.room_address, 'say "hi"').status, 0)
        self.run_sender("utku", self.registry, "unicast", "alice", "psst")
        self.assertEqual(alice.wait(), 0)
        alice.dispose()
        first, second = (json.loads(line) for line in alice.stdout.splitlines())
        self.assertEqual((first["from"], first["to"], first["text"]), ("bob", ["room"], 'say "hi"'))
        self.assertEqual((second["from"], second["to"], second["text"]),
                         ("utku", ["alice"], "psst"))
        waits = self.start_room_peer("zoe", self.registry.room_address, "-W", "0.5")
        self.assertEqual(waits.wait(), 124)

    def test_nothing_that_arrives_commands_a_terminal(self):
        bob = self.start_room_peer("bob", self.start_room_server().address)
        old = self.start_room_client("\x1b[2Jeve", bob.arguments[2])
        old.write("\x1b]52;c;x\x07\r<alice> hi\u202e")
        bob.wait_stdout("<\\x1b[2Jeve> \\x1b]52;c;x\\x07\\x0d<alice> hi<U+202E>\n")


class Ipv6Test(RoomTest):
    options = ("--room", "[::1]:0")

    def test_the_room_over_ipv6(self):
        alice = self.enter("alice")
        bob = self.start_room_peer("bob", self.registry.room_address)
        bob.write("hi")
        alice.expect("<bob> hi\n")


if __name__ == "__main__":
    unittest.main()
