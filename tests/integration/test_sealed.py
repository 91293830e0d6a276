#!/usr/bin/env python3
"""Sealed messages between real programs: what `$?` says, keys and pins, hooks and their answers."""

import json
import pathlib
import shutil
import signal
import unittest

from support import strace
from support.harness import IntegrationTest, our_program, wait_until
from support.raw_http import exchange, modern, post, users
from support.scripted_server import ScriptedServer
from support.udp import Inbox, send_datagram


class SealedTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.taken = {}  # messages read so far, by listener

    def send(self, *words, name="ci", **more):
        return self.run_sender(name, self.registry, *words, **more)

    def run_peer(self, name, *words, **more):
        peer = self.start_peer(name, self.registry, *words, **more)
        peer.status = peer.wait()
        peer.dispose()
        return peer

    def key_of(self, name, **more):
        shown = self.run_peer(name, "key", **more)
        self.assertEqual(shown.status, 0)
        return dict(line.split(maxsplit=1) for line in shown.stdout.decode().splitlines())

    def stop(self, program):
        program.signal(signal.SIGINT)
        self.assertEqual(program.wait(), 130)

    def next_message(self, listener):
        """What it prints next under --json."""
        taken = self.taken.setdefault(listener, 0)
        wait_until(lambda: listener.stdout.count(b"\n") > taken, "another message")
        self.taken[listener] += 1
        return json.loads(listener.stdout.splitlines()[taken])

    def recipient(self, *arguments):
        """The result for one recipient in the JSON that a sender prints."""
        sender = self.send("--json", *arguments)
        lines = [json.loads(line) for line in sender.stdout.splitlines()]
        self.assertEqual(len(lines), 1)
        return sender.status, lines[0]


class DeliveryTest(SealedTest):
    def test_sent_means_that_it_was_shown(self):
        bob = self.start_listener("bob", self.registry, "--json")
        sender = self.send("unicast", "bob", "build done")
        self.assertEqual((sender.status, sender.stdout), (0, b"message is sent to bob\n"))
        self.assertEqual(sender.stderr, b"")
        shown = self.next_message(bob)
        self.assertEqual((shown["from"], shown["text"], shown["sealed"]), ("ci", "build done", True))
        self.assertEqual(shown["key"], self.key_of("ci")["fingerprint"])
        status, told = self.recipient("unicast", "bob", "again")
        self.assertEqual(status, 0)
        self.assertEqual(told["id"], self.next_message(bob)["id"])
        self.assertEqual({k: told[k] for k in ("to", "ok", "level", "path", "trust", "sealed")},
                         {"to": "bob", "ok": True, "level": "delivered", "sealed": True,
                          "path": f"127.0.0.1:{bob.port}", "trust": "known"})
        self.assertGreater(told["rtt_ms"], 0)

    def test_nobody_who_listens_to_the_wire_reads_it(self):
        """The registry lists an address that we hold: what comes there has neither text nor name."""
        bob = self.start_listener("bob", self.registry)
        certificate = users(self.registry)["bob"]["certificate"]
        self.assertTrue(certificate)
        with Inbox() as inbox:
            self.stop(bob)
            mute = self.start_listener("bob", self.registry, "--advertise",
                                       f"127.0.0.1:{inbox.port}")
            sender = self.send("--timeout", "0.5", "unicast", "bob", "the secret plan")
            self.assertEqual(sender.status, 75)
            self.assertIn(b"not acknowledged within 0.5 s", sender.stderr)
            datagram = inbox.receive()
            self.assertEqual(datagram[0], 0xFE)
            self.assertNotIn(b"secret", datagram)
            self.assertNotIn(b"UMC1\x02ci", datagram)  # nor the sender's certificate
            self.assertTrue(mute.is_running())

    def test_a_frozen_recipient_is_75_and_a_thawed_one_shows_it_once(self):
        bob = self.start_listener("bob", self.registry)
        bob.signal(signal.SIGSTOP)
        self.assertEqual(self.send("--timeout", "0.7", "unicast", "bob", "one").status, 75)
        sender = self.start_peer("ci", self.registry, "send", "--timeout", "30", "unicast", "bob",
                                 "two")
        wait_until(lambda: b"two" not in bob.stdout and sender.is_running(), "it waits")
        bob.signal(signal.SIGCONT)
        self.assertEqual(sender.wait(), 0)
        bob.wait_stdout_has("ci: two\n")
        self.assertEqual(bob.stdout.count(b"ci: two"), 1)

    def test_a_recipient_that_is_killed_and_started_again_gets_it(self):
        bob = self.start_listener("bob", self.registry)
        self.assertEqual(self.send("unicast", "bob", "one").status, 0)
        bob.kill()
        sender = self.start_peer("ci", self.registry, "send", "--timeout", "60", "unicast", "bob",
                                 "two")
        again = self.start_listener("bob", self.registry)  # its key takes the name back at once
        self.assertEqual(sender.wait(), 0)
        again.wait_stdout("ci: two\n")

    def test_a_sender_that_goes_on_reaches_who_was_started_anew(self):
        sender = self.start_peer("ci", self.registry, "send", "--timeout", "60")
        for count in (1, 2, 3):
            bob = self.start_listener("bob", self.registry)
            sender.write(f'unicast bob "{count}"')
            sender.wait_stdout_has("message is sent to bob\n", count=count)
            bob.wait_stdout(f"ci: {count}\n")
            bob.kill()
        sender.end_input()
        self.assertEqual(sender.wait(), 0)

    def test_what_nobody_reads_is_not_confirmed(self):
        bob = self.start("bob", "sh", "-c", '"$@" | head -n 1', "sh", our_program("peer"), "bob",
                         self.registry.address, "listen")
        bob.wait_stderr(b"is listening")
        self.assertEqual(self.send("unicast", "bob", "one").status, 0)
        bob.wait_stdout("ci: one\n")  # and head has left
        self.assertEqual(self.send("--timeout", "1", "unicast", "bob", "two").status, 75)
        bob.wait()

    def test_a_registry_that_hangs_keeps_nobody_from_being_heard(self):
        bob = self.start_listener("bob", self.registry)
        found = exchange(self.registry, modern(
            self.registry, target="/userlist.txt?username=bob",
            headers=("Accept: application/json", "Connection: close")))
        with ScriptedServer(found) as other:
            self.registry.signal(signal.SIGSTOP)
            senders = [self.start_peer(f"s{n}", other, "send", "--timeout", "30", "unicast", "bob",
                                       "x") for n in range(3)]
            self.assertEqual([sender.wait() for sender in senders], [0, 0, 0])
            self.registry.signal(signal.SIGCONT)
        bob.wait_stdout_has(": x\n", count=3)

    def test_long_texts_and_many(self):
        bob = self.start_listener("bob", self.registry, "--json")
        text = "ş" * 32_768
        sender = self.send(stdin=f'unicast bob "{text}"\n' +
                           "".join(f'unicast bob "{n}"\n' for n in range(500)))
        self.assertEqual(sender.status, 0)
        self.assertEqual(sender.stdout, b"message is sent to bob\n" * 501)
        heard = [self.next_message(bob)["text"] for _ in range(501)]
        self.assertEqual(heard, [text, *map(str, range(500))])

    def test_everybody_at_once_the_old_program_among_them(self):
        listeners = [self.start_listener(f"user{n}", self.registry) for n in range(12)]
        with Inbox() as old:
            post(self.registry, f"REGISTER old@{old.endpoint}")
            sender = self.send("broadcast", "tea")
            self.assertEqual(sender.status, 0)
            self.assertEqual(sender.stdout, "".join(
                f"message is sent to {name}\n"
                for name in [*(f"user{n}" for n in range(12)), "old"]).encode())
            self.assertEqual(old.receive(), b"ci: tea")
        for listener in listeners:
            listener.wait_stdout("ci: tea\n")

    def test_old_programs_and_new_ones_in_one_conversation(self):
        bob = self.start_listener("bob", self.registry, "--json")
        send_datagram(bob, "old: hello")
        self.assertEqual(self.send("unicast", "bob", "hi").status, 0)
        first, second = self.next_message(bob), self.next_message(bob)
        self.assertEqual((first["from"], first["sealed"]), ("old", False))
        self.assertEqual((second["from"], second["sealed"]), ("ci", True))

    def test_who_cannot_confirm_is_not_asked_to(self):
        with Inbox() as old:
            post(self.registry, f"REGISTER old@{old.endpoint}")
            self.assertEqual(self.send("--level", "delivered", "unicast", "old", "x").status, 76)
            self.assertTrue(old.is_empty())
            self.assertEqual(self.send("unicast", "old", "x").status, 0)
            status, told = self.recipient("unicast", "old", "y")
            self.assertEqual((status, told["level"], told["sealed"]), (0, "sent", False))


class ReceiptTest(SealedTest):
    def verify(self, *words):
        program = self.start("peer verify", our_program("peer"), "verify", *words, is_ours=True)
        program.status = program.wait()
        program.dispose()
        return program

    def test_who_was_sent_something_signs_for_it_and_anybody_can_check_that(self):
        file = self.dir / "receipts"
        bob = self.start_listener("bob", self.registry, "--exec", "echo got it; exit 3")
        carol = self.start_listener("carol", self.registry)
        sent = self.send("--receipt", file, "multicast", "[bob, carol]", "build done")
        self.assertEqual(sent.status, 0, sent.describe())
        asked = self.send("--receipt", file, "ask", "bob", "status?")
        self.assertEqual((asked.status, asked.stdout), (3, b"got it\n"))
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        receipts = [json.loads(line) for line in file.read_text().splitlines()]
        self.assertEqual(sorted((r["recipient"]["name"], r["result"], r["text"]) for r in receipts),
                         [("bob", "exited", "status?"), ("bob", "shown", "build done"),
                          ("carol", "shown", "build done")])
        for program in (bob, carol):  # nobody is asked
            self.stop(program)
        checked = self.verify(file)
        self.assertEqual(checked.status, 0, checked.describe())
        self.assertIn(f"  key      {self.key_of('carol')['fingerprint']}\n".encode(), checked.stdout)
        self.assertEqual(checked.stdout.count(b"has the message"), 2)
        self.assertEqual(self.run_peer("ci", "verify", file).stdout.count(b"  known\n"), 3)
        file.write_text(file.read_text().replace("build done", "build failed"))
        checked = self.verify(file)
        self.assertEqual(checked.status, 65)
        self.assertEqual(checked.stderr.count(b" has signed\n"), 2, checked.describe())

    def test_a_receipt_of_another_key_is_refused(self):
        file = self.dir / "receipts"
        bob = self.start_listener("bob", self.registry)
        self.assertEqual(self.send("--receipt", file, "unicast", "bob", "hello").status, 0)
        self.stop(bob)
        self.assertEqual(self.run_peer("ci", "trust", "bob", self.key_of("eve")["key"]).status, 0)
        checked = self.run_peer("ci", "verify", file)
        self.assertEqual(checked.status, 77, checked.describe())
        self.assertIn(b"is signed by another key than that of bob here", checked.stderr)

    def test_who_cannot_sign_is_sent_nothing(self):
        self.start_classic_listener("old", self.registry)
        sent = self.send("--receipt", self.dir / "receipts", "unicast", "old", "hello")
        self.assertEqual(sent.status, 76, sent.describe())

    @unittest.skipIf(strace.why_not(), strace.why_not())
    def test_a_file_that_cannot_be_read_to_its_end_proves_nothing(self):
        file = self.dir / "receipts"
        self.start_listener("bob", self.registry)
        self.assertEqual(self.send("--receipt", file, "unicast", "bob", "hello").status, 0)
        # What leaks when a tracer is about is not asked.
        broken = self.start("peer verify", "strace", "-qq", "-o", self.dir / "trace", "-P", file,
                            "-e", "trace=read", "-e", "inject=read:error=EIO:when=2",
                            our_program("peer"), "verify", file, is_ours=True,
                            env={**self.environment(), "ASAN_OPTIONS": "detect_leaks=0"})
        self.assertEqual(broken.wait(), 65, broken.describe())
        broken.wait_stderr(b"cannot be read: Input/output error")

    def test_files_that_cannot_be_written_or_read(self):
        self.start_listener("bob", self.registry)
        sent = self.send("--receipt", self.dir, "unicast", "bob", "hello")
        self.assertEqual(sent.status, 78, sent.describe())
        sent = self.send("--receipt", "/dev/full", "unicast", "bob", "hello")
        self.assertEqual((sent.status, sent.stdout), (74, b"message is sent to bob\n"))
        self.assertEqual(self.verify(self.dir / "none").status, 65)
        self.assertEqual(self.verify("/dev/null").status, 65)
        self.assertEqual(self.verify().status, 64)

    def test_several_files_are_checked_each_by_itself(self):
        files = [self.dir / name for name in ("one", "other")]
        self.start_listener("bob", self.registry)
        for file in files:
            self.assertEqual(self.send("--receipt", file, "unicast", "bob", "hello").status, 0)
        checked = self.verify(*files)
        self.assertEqual((checked.status, checked.stdout.count(b"has the message")), (0, 2))
        files[0].write_text("{}\n")
        checked = self.verify(*files)
        self.assertEqual((checked.status, checked.stdout.count(b"has the message")), (65, 1))
        self.assertEqual(checked.stderr, f"peer: {files[0]}:1 is no receipt\n".encode())


class KeyTest(SealedTest):
    def other_home(self):
        home = self.dir / "elsewhere"
        home.mkdir(exist_ok=True)
        return home

    def test_a_name_is_its_key_and_another_is_refused(self):
        self.start_listener("bob", self.registry)
        impostor = self.start_peer("bob", self.registry, "listen", home=self.other_home())
        self.assertEqual(impostor.wait(), 77)
        impostor.dispose()
        self.assertEqual(impostor.stdout, b"This user already exists!\n")

    def test_a_changed_key_is_refused_on_both_sides_until_a_person_says_so(self):
        bob = self.start_listener("bob", self.registry)
        self.assertEqual(self.send("unicast", "bob", "one").status, 0)
        self.stop(bob)
        # Another registry at the same address, which knows nothing: what a pin is for.
        address = self.registry.address
        self.registry.kill()
        data = self.dir / "fresh"
        self.registry = self.start_registry(where=address, data=data)
        other = self.start_listener("bob", self.registry, home=self.other_home())
        sender = self.send("unicast", "bob", "two")
        self.assertEqual(sender.status, 77)
        fingerprint = self.key_of("bob", home=self.other_home())["fingerprint"]
        repair = f"peer ci {address} trust bob {fingerprint}"
        self.assertIn(b"the key of bob has changed", sender.stderr)
        self.assertIn(repair.encode(), sender.stderr)
        self.assertEqual(other.stdout, b"")
        wrong = self.run_peer("ci", "trust", "bob", fingerprint[::-1])
        self.assertEqual(wrong.status, 77)
        self.assertEqual(self.run_peer(*repair.split()[1:2], *repair.split()[3:]).status, 0)
        self.assertEqual(self.recipient("unicast", "bob", "three")[1]["trust"], "verified")
        other.wait_stdout("ci: three\n")
        # And the other way round: bob has seen ci by this key.
        stranger = self.send("unicast", "bob", "four", home=self.dir / "third")
        self.assertEqual(stranger.status, 77)
        self.assertIn(b"one side knows the other by another key", stranger.stderr)
        other.wait_stderr(b"the key of ci has changed")
        self.assertNotIn(b"four", other.stdout)

    def test_a_name_seen_with_a_key_gets_no_plain_text(self):
        bob = self.start_listener("bob", self.registry)
        self.assertEqual(self.send("unicast", "bob", "one").status, 0)
        self.stop(bob)
        address = self.registry.address
        self.registry.kill()
        self.registry = self.start_registry(where=address, data=self.dir / "fresh")
        with Inbox() as inbox:
            post(self.registry, f"REGISTER bob@{inbox.endpoint}")
            sender = self.send("unicast", "bob", "two")
            self.assertEqual(sender.status, 77)
            self.assertIn(b"it gets no plain text", sender.stderr)
            self.assertTrue(inbox.is_empty())

    def test_who_writes_without_a_key_under_a_name_that_has_one_is_shown_as_such(self):
        bob = self.start_listener("bob", self.registry)
        send_datagram(bob, "ci: before")
        bob.wait_stdout(b"ci: before\n")
        self.assertEqual(self.send("unicast", "bob", "sealed").status, 0)
        send_datagram(bob, "ci: forged")
        bob.wait_stdout(b"ci: before\nci: sealed\nci (not sealed): forged\n")

    def test_strict_lets_in_who_was_named(self):
        bob = self.start_listener("bob", self.registry, "--trust", "strict", home=self.other_home())
        sender = self.send("unicast", "bob", "one")
        self.assertEqual(sender.status, 77)
        bob.wait_stderr(b"ci is not known here")
        key = self.key_of("ci")
        named = self.start_peer("bob", self.registry, "trust", "ci", key["key"],
                                home=self.other_home())
        self.assertEqual(named.wait(), 0)
        self.stop(bob)
        again = self.start_listener("bob", self.registry, "--trust", "strict",
                                    home=self.other_home())
        self.assertEqual(self.send("unicast", "bob", "two").status, 0)
        again.wait_stdout("ci: two\n")

    def test_ask_refuses_whom_nobody_vouches_for_and_says_how_to_let_him_in(self):
        bob = self.start_listener("bob", self.registry, "--trust", "ask", home=self.other_home())
        self.assertEqual(self.send("unicast", "bob", "one").status, 77)
        key = self.key_of("ci")
        bob.wait_stderr(f"ci is new here, with the key {key['fingerprint']}".encode())
        named = self.start_peer("bob", self.registry, "trust", "ci", key["key"],
                                home=self.other_home())
        self.assertEqual(named.wait(), 0)
        # It goes on listening, and reads the file again by itself.
        wait_until(lambda: self.send("unicast", "bob", "two").status == 0, "ci is let in")
        bob.wait_stdout("ci: two\n")
        sender = self.send("--trust", "ask", "unicast", "bob", "three", home=self.dir / "third",
                           name="ann")
        self.assertEqual(sender.status, 77)
        self.assertIn(b"bob is new here", sender.stderr)

    def test_what_could_not_be_pinned_on_disk_is_known_while_the_listener_lives(self):
        home = self.dir / "bobs"
        bob = self.start_listener("bob", self.registry, home=home)
        pins = home / "data" / "peer" / "known_peers"
        pins.mkdir()  # nothing can be written in its place
        self.assertEqual(self.send("unicast", "bob", "one", name="eve").status, 0)
        bob.wait_stderr(b"cannot write .*known_peers")
        pins.rmdir()
        pins.touch()
        other = self.send("unicast", "bob", "two", name="eve", home=self.dir / "elsewhere")
        self.assertEqual(other.status, 77, other.describe())
        self.assertEqual(bob.stdout, b"eve: one\n")

    def test_both_sides_see_one_safety_number(self):
        self.start_listener("bob", self.registry, home=self.other_home())
        self.start_listener("ann", self.registry)
        numbers = []
        for name, other, home in (("ann", "bob", None), ("bob", "ann", self.other_home())):
            shown = self.run_peer(name, "key", other, home=home)
            self.assertEqual(shown.status, 0)
            numbers.append(shown.stdout.decode().splitlines()[-1])
        self.assertEqual(numbers[0], numbers[1])
        self.assertRegex(numbers[0], r"^safety number  (\d{5} ){11}\d{5}$")

    def test_an_identity_is_made_once_kept_private_and_never_overwritten(self):
        first = self.key_of("ci")
        path = pathlib.Path(first["file"])
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.key_of("ci")["key"], first["key"])
        path.write_text("rubbish\n")
        broken = self.run_peer("ci", "key")
        self.assertEqual(broken.status, 78)
        self.assertIn(b"is no identity", broken.stderr)
        self.assertEqual(path.read_text(), "rubbish\n")
        self.assertEqual(self.send("list").status, 78)

    def test_a_key_may_be_given(self):
        made = pathlib.Path(self.key_of("ci")["file"])
        kept = self.dir / "ci.key"
        shutil.copy(made, kept)
        for more in ({"home": self.dir / "new1", "PEER_KEY": str(kept)},):
            self.assertEqual(self.key_of("ci", **more)["key"], self.key_of("ci")["key"])
        given = self.start_peer("ci", self.registry, "key", "--key", kept, home=self.dir / "new2")
        self.assertEqual(given.wait(), 0)
        missing = self.start_peer("ci", self.registry, "send", "--key", self.dir / "none", "list")
        self.assertEqual(missing.wait(), 78)

    def test_plain_is_the_old_program(self):
        bob = self.start_listener("bob", self.registry, "--plain", "--json")
        self.assertNotIn("certificate", users(self.registry)["bob"])
        self.assertEqual(self.send("--plain", "unicast", "bob", "x").status, 0)
        self.assertFalse(self.next_message(bob)["sealed"])


class HookTest(SealedTest):
    def hook(self, *commands):
        return self.start_listener("bob", self.registry, "--exec", "; ".join(commands))

    def test_handled_brings_the_hooks_status_back(self):
        self.hook('exit "$(cat)"')
        for status in (0, 3, 255):
            plain, told = self.recipient("--level", "handled", "unicast", "bob", str(status))
            self.assertEqual((plain, told["level"], told["hook_status"]), (0, "handled", status))
            self.assertEqual(self.send("--hook-status", "unicast", "bob", str(status)).status, status)

    def test_a_hook_that_is_killed_or_takes_too_long(self):
        self.start_listener("bob", self.registry, "--exec-timeout", "0.3", "--exec",
                            'test "$(cat)" = die && kill -9 $$; sleep 100')
        self.assertEqual(self.send("--hook-status", "unicast", "bob", "die").status, 137)
        self.assertEqual(self.send("--hook-status", "unicast", "bob", "wait").status, 124)

    def test_without_a_hook_nothing_is_handled(self):
        bob = self.start_listener("bob", self.registry)
        sender = self.send("--level", "handled", "unicast", "bob", "x")
        self.assertEqual(sender.status, 75)
        self.assertIn(b"message to bob was delivered, but no hook took it", sender.stderr)
        bob.wait_stdout("ci: x\n")

    def test_ask_prints_what_the_hook_wrote(self):
        bob = self.hook('printf "%s: up\\n" "$PEER_SENDER_KEY"', "cat", "echo beside >&2", "exit 4")
        asked = self.send("ask", "bob", "status?")
        self.assertEqual(asked.status, 4)
        self.assertEqual(asked.stdout.decode(),
                         f"{self.key_of('ci')['fingerprint']}: up\nstatus?\n")
        bob.wait_stderr(b"beside")
        self.assertEqual(bob.stdout, b"")

    def test_an_answer_may_have_64_kib_and_no_more(self):
        self.hook("head -c $(cat) /dev/zero | tr '\\0' x")
        asked = self.send("ask", "bob", "65536")
        self.assertEqual((asked.status, len(asked.stdout)), (0, 65536))
        too_much = self.send("ask", "bob", "65537")
        self.assertEqual(too_much.status, 128 + signal.SIGPIPE)
        self.assertEqual(len(too_much.stdout), 65536)

    def test_a_listener_that_leaves_brings_its_last_answer_home(self):
        bob = self.start_listener("bob", self.registry, "-n", "1", "--exec",
                                  "head -c 60000 /dev/zero | tr '\\0' x >/dev/stdout")
        asked = self.send("ask", "bob", "how much?")
        self.assertEqual((asked.status, len(asked.stdout)), (0, 60000))
        self.assertEqual(bob.wait(), 0)

    @unittest.skipIf(strace.why_not(), strace.why_not())
    def test_a_hook_runs_once_whatever_ends_the_listener(self):
        """Killed as it sends what would acknowledge the message: that comes again, under its id."""
        hook = f"echo ran >> {self.dir}/record"
        # Its first datagram answers the handshake.
        kill = ("strace", "-D", "-qq", "-f", "-o", self.dir / "trace", "-e", "trace=sendmsg",
                "-e", "inject=sendmsg:signal=KILL:when=2")
        bob = self.start_listener("bob", self.registry, "--json", "--exec", hook, under=kill)
        sender = self.start_peer("ci", self.registry, "send", "--timeout", "60", "unicast", "bob",
                                 "deploy")
        bob.wait()
        wait_until(lambda: (self.dir / "record").exists(), "the hook has run")
        again = self.start_listener("bob", self.registry, "--json", "--exec", hook)
        self.assertEqual(sender.wait(), 0)
        self.assertEqual(json.loads(bob.stdout)["id"], self.next_message(again)["id"])
        again.wait_stderr(b"does not run it again")
        self.assertEqual((self.dir / "record").read_text(), "ran\n")

    def test_a_forged_classic_message_runs_no_hook(self):
        bob = self.hook(f"echo ran >> {self.dir}/record")
        send_datagram(bob, "ci: rm -rf")
        bob.wait_stdout("ci: rm -rf\n")
        self.assertEqual(self.send("--level", "handled", "unicast", "bob", "x").status, 0)
        self.assertEqual((self.dir / "record").read_text(), "ran\n")


if __name__ == "__main__":
    unittest.main()
