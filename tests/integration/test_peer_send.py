#!/usr/bin/env python3
"""`peer NAME HOST:PORT send`: outputs to the byte, exact datagrams, exit statuses."""

import socket
import unittest

from support.harness import IntegrationTest
from support.raw_http import post
from support.udp import Inbox

DATAGRAM_BYTES_MAX = 2048


class SendTest(IntegrationTest):
    """A registry with three inboxes: ann, bob and cleo."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.inboxes = {}
        for name in ("ann", "bob", "cleo"):
            self.list_inbox(name)

    def list_inbox(self, name, registry=None, host="127.0.0.1"):
        inbox = Inbox(host)
        self.addCleanup(inbox.__exit__)
        self.assertEqual(post(registry or self.registry,
                              f"REGISTER {name}@{inbox.endpoint}").status, 200)
        self.inboxes[name] = inbox
        return inbox

    def check(self, sender, stdout, status):
        self.assertEqual((sender.stdout, sender.status),
                         (stdout.encode() if isinstance(stdout, str) else stdout, status),
                         sender.stderr)

    def send(self, *words, **more):
        return self.run_sender("ci", self.registry, *words, **more)

    def typed(self, *lines):
        return self.send(stdin="\n".join(lines))


class CommandTest(SendTest):
    """Commands on standard input."""

    def test_list_prints_the_names_in_order(self):
        self.check(self.typed("list"), "The online users are:\nann\nbob\ncleo\n", 0)

    def test_unicast_sends_one_exact_datagram(self):
        self.check(self.typed('unicast bob "build done"'), "message is sent to bob\n", 0)
        self.assertEqual(self.inboxes["bob"].receive(), b"ci: build done")
        self.assertTrue(self.inboxes["bob"].is_empty())
        self.assertTrue(self.inboxes["ann"].is_empty())

    def test_unicast_to_nobody_of_that_name_is_67(self):
        self.check(self.typed('unicast zoe "hi"'), "user zoe is not found\n", 67)

    def test_multicast_goes_in_typed_order_and_twice_if_typed_twice(self):
        self.check(self.typed('multicast [cleo,ann , cleo] "hi"'),
                   "message is sent to cleo\nmessage is sent to ann\nmessage is sent to cleo\n", 0)
        for name, count in (("cleo", 2), ("ann", 1)):
            for _ in range(count):
                self.assertEqual(self.inboxes[name].receive(), b"ci: hi")
            self.assertTrue(self.inboxes[name].is_empty())

    def test_multicast_that_misses_some_is_1(self):
        self.check(self.typed('multicast [ann, ahmet, cleo] "Nice app!"'),
                   "message is sent to ann\nuser ahmet is not found\nmessage is sent to cleo\n", 1)
        self.assertEqual(self.inboxes["cleo"].receive(), b"ci: Nice app!")

    def test_broadcast_goes_to_all_in_list_order(self):
        self.check(self.typed('broadcast "all"'), "message is sent to ann\n"
                   "message is sent to bob\nmessage is sent to cleo\n", 0)
        for inbox in self.inboxes.values():
            self.assertEqual(inbox.receive(), b"ci: all")

    def test_broadcast_never_comes_back_to_the_sender(self):
        sender = self.run_sender("bob", self.registry, stdin='broadcast "all"')
        self.check(sender, "message is sent to ann\nmessage is sent to cleo\n", 0)
        self.assertEqual(self.inboxes["ann"].receive(), b"bob: all")
        self.assertTrue(self.inboxes["bob"].is_empty())

    def test_command_words_inside_a_text_are_text(self):
        text = "please list, broadcast, multicast, unicast [bob] and exit"
        self.check(self.typed(f'unicast bob "{text}"'), "message is sent to bob\n", 0)
        self.assertEqual(self.inboxes["bob"].receive(), f"ci: {text}".encode())

    def test_the_text_is_between_the_first_and_the_last_quote(self):
        for typed, sent in (('a "b" c', 'a "b" c'), ('"', '"'), ("", ""), ("  x  ", "  x  "),
                            ("[x], [y]", "[x], [y]"), ("tab\there", "tab\there")):
            self.check(self.typed(f'unicast bob "{typed}"'), "message is sent to bob\n", 0)
            self.assertEqual(self.inboxes["bob"].receive(), f"ci: {sent}".encode())
            self.check(self.typed(f'multicast [bob] "{typed}"'), "message is sent to bob\n", 0)
            self.assertEqual(self.inboxes["bob"].receive(), f"ci: {sent}".encode())

    def test_exit_ends_at_once_with_0_and_the_rest_is_not_read(self):
        sender = self.start_peer("ci", self.registry, "send")
        sender.write('exit')
        self.assertEqual(sender.wait(), 0)
        self.check(self.typed("exit", 'unicast bob "after"'), "", 0)
        self.assertTrue(self.inboxes["bob"].is_empty())

    def test_the_end_of_input_ends_it_like_exit(self):
        self.check(self.typed("list"), "The online users are:\nann\nbob\ncleo\n", 0)
        self.check(self.send(), "", 0)

    def test_malformed_lines_are_told_and_65(self):
        for line in ("dance", "unicast", "unicast bob", 'unicast bob "open', "unicast bob no",
                     'unicast "text"', "broadcast", "broadcast text", 'multicast "text"',
                     'multicast [ann "text"', "listing", "xlist", 'unicastbob "x"', "LIST",
                     'multicast ann] "text"'):
            sender = self.typed(line)
            self.check(sender, "Invalid command!\n", 65)
        for inbox in self.inboxes.values():
            self.assertTrue(inbox.is_empty())

    def test_a_malformed_line_does_not_stop_the_next_one(self):
        sender = self.typed("dance", 'unicast zoe "x"', 'unicast bob "x"')
        self.check(sender, "Invalid command!\nuser zoe is not found\nmessage is sent to bob\n", 65)

    def test_the_list_is_fetched_anew_for_each_command(self):
        sender = self.start_peer("ci", self.registry, "send")
        sender.write("list")
        sender.wait_stdout("The online users are:\nann\nbob\ncleo\n")
        post(self.registry, f"LOGOUT bob@{self.inboxes['bob'].endpoint}")
        sender.write('unicast bob "x"')
        sender.wait_stdout_has("user bob is not found\n")
        self.list_inbox("dan")
        sender.write("list")
        sender.wait_stdout_has("The online users are:\nann\ncleo\ndan\n")
        sender.write("exit")
        self.assertEqual(sender.wait(), 67)

    def test_carriage_returns_at_line_ends_do_no_harm(self):
        self.check(self.typed('unicast bob "x"\r', "list\r"),
                   "message is sent to bob\nThe online users are:\nann\nbob\ncleo\n", 0)
        self.assertEqual(self.inboxes["bob"].receive(), b"ci: x")


class ArgumentsTest(SendTest):
    """One command as arguments of the shell."""

    def test_a_unicast(self):
        self.check(self.send("unicast", "bob", "build done"), "message is sent to bob\n", 0)
        self.assertEqual(self.inboxes["bob"].receive(), b"ci: build done")

    def test_quotes_that_the_shell_leaves_are_kept(self):
        self.check(self.send("unicast", "bob", 'say "hi"'), "message is sent to bob\n", 0)
        self.assertEqual(self.inboxes["bob"].receive(), b'ci: say "hi"')

    def test_a_multicast_and_a_broadcast(self):
        self.check(self.send("multicast", "[ann, zoe]", "hi"),
                   "message is sent to ann\nuser zoe is not found\n", 1)
        self.check(self.send("broadcast", "hi"), "message is sent to ann\n"
                   "message is sent to bob\nmessage is sent to cleo\n", 0)

    def test_list(self):
        self.check(self.send("list"), "The online users are:\nann\nbob\ncleo\n", 0)

    def test_a_text_that_looks_like_an_option_is_text(self):
        self.check(self.send("unicast", "bob", "--help"), "message is sent to bob\n", 0)
        self.assertEqual(self.inboxes["bob"].receive(), b"ci: --help")

    def test_standard_input_is_left_alone(self):
        self.check(self.send("unicast", "bob", "x", stdin='unicast ann "y"'),
                   "message is sent to bob\n", 0)
        self.assertTrue(self.inboxes["ann"].is_empty())

    def test_an_unknown_user_is_67_and_wrong_words_are_64(self):
        self.check(self.send("unicast", "zoe", "x"), "user zoe is not found\n", 67)
        for words in (["dance"], ["unicast"], ["unicast", "bob"], ["broadcast"],
                      ["multicast", "ann", "x"]):
            self.assertEqual(self.send(*words).status, 64, words)


class LimitTest(SendTest):
    """Long texts, long lists."""

    def test_a_datagram_of_2048_bytes_is_sent_whole(self):
        text = "x" * (DATAGRAM_BYTES_MAX - len("ci: "))
        self.check(self.typed(f'unicast bob "{text}"'), "message is sent to bob\n", 0)
        self.assertEqual(self.inboxes["bob"].receive(), b"ci: " + text.encode())

    def test_a_longer_text_is_refused_with_a_reason_and_sent_to_nobody(self):
        for text, limit in (("x" * (DATAGRAM_BYTES_MAX - 3), b"2048"), ("ş" * 1023, b"2048"),
                            ("x" * 1_000_000, b"65536")):
            for command in (f'unicast bob "{text}"', f'broadcast "{text}"',
                            f'multicast [ann, bob] "{text}"'):
                sender = self.typed(command)
                self.assertEqual(sender.status, 65)
                self.assertNotIn(b"message is sent", sender.stdout)
                self.assertIn(limit, sender.stderr)
        for inbox in self.inboxes.values():
            self.assertTrue(inbox.is_empty())

    def test_10000_users_are_listed_found_and_broadcast_to(self):
        data = self.dir / "crowd"
        data.mkdir()
        names = [f"user{number:05d}" for number in range(10_000)]
        with Inbox() as inbox:
            (data / "userlist.txt").write_text(
                "".join(f"{name}@{inbox.endpoint}\n" for name in names))
            crowd = self.start_registry(data=data)
            listed = self.run_sender("ci", crowd, "list")
            self.assertEqual(listed.stdout.decode().splitlines(),
                             ["The online users are:", *names])
            found = self.run_sender("ci", crowd, "unicast", names[-1], "hi")
            self.check(found, f"message is sent to {names[-1]}\n", 0)
            self.assertEqual(inbox.receive(), b"ci: hi")
            sent = self.run_sender("ci", crowd, "broadcast", "hi")
            self.check(sent, "".join(f"message is sent to {name}\n" for name in names), 0)
            self.assertEqual(inbox.receive(), b"ci: hi")


class LanguageTest(SendTest):
    def test_names_and_texts_in_any_language(self):
        for name in ("Göktuğ", "山田", "Ирина"):
            inbox = self.list_inbox(name)
            sender = self.run_sender("Şule", self.registry,
                                     stdin=f'unicast {name} "Merhaba 🚀 здравствуй"')
            self.check(sender, f"message is sent to {name}\n", 0)
            self.assertEqual(inbox.receive(), "Şule: Merhaba 🚀 здравствуй".encode())

    def test_a_name_typed_another_way_is_the_same_name(self):
        """Upper case; and a letter and its dots as two characters, as some keyboards type it."""
        inbox = self.list_inbox("Zoë")
        for typed in ("ZOË", "Zoe\u0308"):
            self.assertEqual(self.send("unicast", typed, "hi").status, 0)
            self.assertEqual(inbox.receive(), b"ci: hi")
        sender = self.run_sender("zoe\u0308", self.registry, "broadcast", "not to me")
        self.check(sender, "".join(f"message is sent to {n}\n" for n in ("ann", "bob", "cleo")), 0)
        self.assertTrue(inbox.is_empty())

    def test_a_text_that_is_not_utf_8_is_refused(self):
        sender = self.send(stdin=b'unicast bob "\xff\xfe"')
        self.assertNotEqual(sender.status, 0)
        self.assertTrue(self.inboxes["bob"].is_empty())

    def test_hostile_text_is_not_echoed_raw(self):
        sender = self.send("unicast", "zo\x1b[31me", "x")
        self.assertNotIn(b"\x1b", sender.stdout + sender.stderr)


class AddressTest(IntegrationTest):
    """IPv6 and host names wherever an address is taken."""

    def test_everything_works_over_ipv6(self):
        registry = self.start_registry(where="[::1]:0")
        bob = self.start_listener("bob", registry)
        self.assertEqual(bob.host, "[::1]")
        sender = self.run_sender("ci", registry, stdin='list\nunicast bob "six"')
        self.assertEqual((sender.stdout, sender.status),
                         (b"The online users are:\nbob\nmessage is sent to bob\n", 0))
        bob.wait_stdout("ci: six\n")

    def test_a_host_name_leads_to_the_registry(self):
        registry = self.start_registry()
        bob = self.start_listener("bob", f"localhost:{registry.port}")
        sender = self.run_sender("ci", f"localhost:{registry.port}", "unicast", "bob", "hi")
        self.assertEqual((sender.stdout, sender.status), (b"message is sent to bob\n", 0))
        bob.wait_stdout("ci: hi\n")


class TroubleTest(IntegrationTest):
    def test_no_registry_is_69_and_says_what_where_and_why(self):
        with socket.socket() as closed:  # bound but not listening: surely refused
            closed.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % closed.getsockname()[1]
            for words in (["list"], ["unicast", "bob", "x"], ["broadcast", "x"]):
                sender = self.run_sender("ci", address, *words)
                self.assertEqual((sender.status, sender.stdout), (69, b""))
                self.assertIn(address, sender.stderr.decode())
                self.assertIn("refused", sender.stderr.decode())
                self.assertIn(f"curl http://{address}/healthz", sender.stderr.decode())

    def test_an_unknown_host_is_69(self):
        sender = self.run_sender("ci", "no-such-host.invalid:8080", "list")
        self.assertEqual((sender.status, sender.stdout), (69, b""))
        self.assertIn("no-such-host.invalid", sender.stderr.decode())

    def test_a_registry_that_goes_away_in_between_is_69_and_back_again_is_used(self):
        registry = self.start_registry()
        with Inbox() as inbox:
            post(registry, f"REGISTER bob@{inbox.endpoint}")
            sender = self.start_peer("ci", registry, "send")
            sender.write('unicast bob "one"')
            sender.wait_stdout("message is sent to bob\n")
            registry.kill()
            sender.write('unicast bob "two"')
            sender.wait_stderr("(?i)refused|closed|unreachable|reset")
            self.start_registry(where=registry.address)
            sender.write('unicast bob "three"')
            sender.wait_stdout("message is sent to bob\n" * 2)
            sender.end_input()
            self.assertEqual(sender.wait(), 69)
            self.assertEqual(inbox.receive(), b"ci: one")
            self.assertEqual(inbox.receive(), b"ci: three")

    def test_something_that_speaks_no_http_is_76(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen(4)
            sender = self.start_peer("ci", "127.0.0.1:%d" % other.getsockname()[1], "send", "list")
            connection, _ = other.accept()
            with connection:
                connection.recv(2048)
                connection.sendall(b"220 mail ready\r\n")
            self.assertEqual(sender.wait(), 76)


if __name__ == "__main__":
    unittest.main()
