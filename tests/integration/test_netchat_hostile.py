#!/usr/bin/env python3
"""The registry's TCP gateway, our client's listener and our client's correspondents, and all that
strangers throw at them: others are served, nothing reaches a terminal raw, memory stays bounded."""

import contextlib
import random
import resource
import socket
import struct
import threading
import unicodedata
import unittest

from support.harness import DEADLINE, DEADLINE_SCALE, IntegrationTest, wait_until
from support.netchat import ID, Gateway, MessageInbox, say, start_netchat_peer, wait_read
from support.netchat_http import NetchatRegistry
from support.raw_http import call, exchange, netchat_update, post
from support.two_connection import Stopwatch
from support.udp import Inbox

MEGABYTE = 1 << 20
# What one stranger may make a program grow by.
GROWTH_MAX = 48 * MEGABYTE * DEADLINE_SCALE
NOISE = random.Random(1024).randbytes(4000)
MESSAGE_ID = "0123456789abcdef" * 2

# What no program of the dialect says, or not so. The second part is whether it is a message with a
# sender and a text that may be passed on to others.
HOSTILE = {
    "nothing": (b"", False),
    "a NUL": (b"\0", False),
    "one quote": (b'"', False),
    "a colon": (b":", False),
    "no sender": (b': "hi"', False),
    "a quote before the colon": (b'"mallory: hi"', False),
    "no quotes": (b"mallory: hi", True),
    "no quotes and no colon": (b"hi", False),
    "one quote alone": (b'mallory: "hi', True),
    "an empty text": (b'mallory: ""', False),
    "inner quotes": (b'mallory: "a "b" c"', True),
    "only quotes": (b'mallory: """""', True),
    "bad UTF-8": (b'mallory: "\xff\xfe"', False),
    "a cut character": (b'mallory: "\xc3"', False),
    "bad UTF-8 in the name": (b'mall\xf6ry: "hi"', False),
    "an overlong encoding": (b'mallory: "\xc0\xaf"', False),
    "a surrogate": (b'mallory: "\xed\xa0\x80"', False),
    "a command for the terminal": (b'mallory: "\x1b[2J\x1b]52;c;cm0gLXJm\x07"', False),
    "C1 controls": ('mallory: "\u009b2J"'.encode(), False),
    "a command in the name": (b'\x1b[2Jmallory: "hi"', False),
    "a right-to-left override": ('mallory: "\u202egnp.exe"'.encode(), True),
    "an invisible letter in the name": ('mal\u200blory: "hi"'.encode(), False),
    "lines that imitate the program's": (b'mallory: "a\n>>You have a message from bob\n"', True),
    "carriage returns": (b'mallory: "a\r>>b"', True),
    "a second message behind the first": (b'mallory: "a"bob: "b"', True),
    "a name of 64 bytes": (b"m" * 64 + b': "hi"', True),
    "a name of 65 bytes": (b"m" * 65 + b': "hi"', False),
    "a name of 5,000 bytes": (b"m" * 5000 + b': "hi"', False),
    "a reserved name": (b'user: "hi"', False),
    "the room's name": (b'room: "hi"', False),
    "everybody's name": (b'all: "hi"', False),
    "two words": (b'mal lory: "hi"', False),
    "5 kB": (b'mallory: "' + b"x" * 5000 + b'"', False),
    "a megabyte": (b'mallory: "' + b"x" * MEGABYTE + b'"', False),
    "a megabyte of quotes": (b'mallory: ' + b'"' * MEGABYTE, False),
    "a megabyte of colons": (b":" * MEGABYTE, False),
    "a delete signal": (b"DELETE_MESSAGE:bob", False),
    "one with a blank": (b"DELETE MESSAGE:bob", False),
    "one with an id": (f"DELETE_MESSAGE:bob:{MESSAGE_ID}".encode(), False),
    "one of nobody": (b"DELETE_MESSAGE:", False),
    "one without a colon": (b"DELETE_MESSAGE", False),
    "one of many": (b"DELETE_MESSAGE:" + b"bob:" * 1000, False),
    "an id in capitals": (b'mallory: "hi" id=' + MESSAGE_ID.upper().encode(), True),
    "a short id": (b'mallory: "hi" id=0', True),
    "an id of a kilobyte": (b'mallory: "hi" id=' + b"0" * 1024, True),
    "a reply": (f"TAKEN {MESSAGE_ID}\n".encode(), False),
    "an HTTP request": (b"POST / HTTP/1.1\r\nHost: x\r\n\r\nUPDATE a@127.0.0.1:5000", False),
    "a TLS greeting": (bytes.fromhex("16030100f8010000f40303") + bytes(range(240)), False),
    "a telnet negotiation": (b"\xff\xfd\x18\xff\xfd\x20\xff\xfb\x03", False),
    "noise": (NOISE, False),
}


def reset(connection):
    """RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def connect(listener, source="127.0.0.1"):
    return socket.create_connection((listener.host, listener.port), timeout=DEADLINE,
                                    source_address=(source, 0))


def is_harmless(data):
    """No byte but text, tabs and line ends, and nothing that turns text around or hides."""
    text = data.decode()
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in "\n\t"
                   for c in text)


class GatewayTest(IntegrationTest):
    """The gateway port of lara, a listener of datagrams."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.lara = Inbox()
        self.addCleanup(self.lara.__exit__)
        post(self.registry, f"REGISTER lara@{self.lara.endpoint}")
        self.gateway = Gateway(
            NetchatRegistry(self.registry.host, self.registry.port).lookup("lara"))

    def heard(self):
        """What lara has heard up to a word of a good program's."""
        say(self.gateway, 'ali: "still there?"')
        heard = []
        while (datagram := self.lara.receive()) != b"ali: still there?":
            heard.append(datagram)
        return heard

    def metric(self, name):
        for line in call(self.registry, target="/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0

    def wait_quiet(self):
        wait_until(lambda: self.metric("registry_netchat_streams") == 0, "no connection is left")

    def test_bytes(self):
        self.assertGreaterEqual(len(HOSTILE), 50)
        before = self.metric("process_resident_memory_bytes")
        for what, (data, is_message) in HOSTILE.items():
            with self.subTest(what):
                self.assertEqual(say(self.gateway, data), b"")
                heard = self.heard()
                self.assertEqual(len(heard), 1 if is_message else 0, heard)
                for datagram in heard:
                    self.assertRegex(datagram, rb"^m(allory|m{63}): [^\r\n\x00-\x08\x1b]+$")
        self.wait_quiet()
        self.assertLess(self.metric("process_resident_memory_bytes") - before, GROWTH_MAX)

    def test_the_same_byte_by_byte(self):
        for what, (data, is_message) in HOSTILE.items():
            if len(data) > 200:
                continue
            with self.subTest(what):
                with connect(self.gateway) as connection, contextlib.suppress(ConnectionError):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    for byte in data:
                        connection.send(bytes([byte]))
                    connection.shutdown(socket.SHUT_WR)
                    self.assertEqual(connection.recv(1), b"")
                self.assertEqual(len(self.heard()), 1 if is_message else 0)

    def test_somebody_elses_name_from_another_address(self):
        with socket.create_connection((self.registry.host, self.registry.port),
                                      source_address=("127.0.0.2", 0)) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                               b"Content-Length: 26\r\n\r\nUPDATE bob@127.0.0.2:50009")
            self.assertIn(b" 200 ", connection.recv(4096))
        say(self.gateway, 'bob: "I am bob"', source="127.0.0.3")
        self.assertEqual(self.heard(), [])
        say(self.gateway, 'bob: "I am"', source="127.0.0.2")
        self.assertEqual(self.heard(), [b"bob: I am"])

    def test_silent_and_endless_connections_end(self):
        clock = Stopwatch()
        silent = [connect(self.gateway) for _ in range(200)]
        half = connect(self.gateway)
        half.sendall(b'mallory: "half')
        self.assertEqual(self.heard(), [])
        for connection in (*silent, half):
            self.assertEqual(connection.recv(1), b"")
            connection.close()
        self.assertGreater(clock.seconds, 4)
        self.wait_quiet()
        self.assertEqual(self.metric(
            'registry_gateway_dropped_total{transport="tcp",reason="slow"}'), 201)

    def test_one_byte_a_while(self):
        with connect(self.gateway) as slow, contextlib.suppress(ConnectionError):
            slow.settimeout(0.1)
            clock = Stopwatch()
            slow.sendall(b'mallory: "')
            while True:
                with contextlib.suppress(TimeoutError):
                    if slow.recv(1) == b"":
                        break
                slow.sendall(b'"')
        self.assertLess(clock.seconds, 8 * DEADLINE_SCALE)
        self.assertLessEqual(len(self.heard()), 1)

    def test_connections_that_break(self):
        for data in (b"", b"mallory", b'mallory: "hi"', b'mallory: "' + b"x" * 3000):
            for _ in range(50):
                connection = connect(self.gateway)
                connection.sendall(data)
                reset(connection)
        self.heard()
        self.wait_quiet()

    def test_a_storm_does_not_keep_others_out(self):
        before = self.metric("process_resident_memory_bytes")
        ends = threading.Event()

        def storm():
            while not ends.is_set():
                with contextlib.suppress(OSError):
                    say(self.gateway, b'"' * 2000)

        threads = [threading.Thread(target=storm) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(50):
                self.assertEqual(self.heard(), [])
                self.assertEqual(call(self.registry, target="/healthz").status, 200)
        finally:
            ends.set()
            for thread in threads:
                thread.join()
        self.wait_quiet()
        self.assertLess(self.metric("process_resident_memory_bytes") - before, GROWTH_MAX)

    def test_users_who_are_not_what_they_seem(self):
        """Records of TCP users at whom messages are aimed: none holds the others up."""
        with contextlib.ExitStack() as stack:
            def user(name, endpoint):
                self.assertIn(b" 200 ", exchange(self.registry,
                                                 netchat_update(f"{name}@{endpoint}")))

            deaf = stack.enter_context(MessageInbox())
            user("deaf", deaf.endpoint)  # takes connections and never reads
            full = socket.create_server(("127.0.0.1", 0), backlog=0)
            stack.enter_context(full)
            jam = [socket.socket() for _ in range(4)]
            for connection in jam:  # his queue of connections is full: nobody gets through
                stack.enter_context(connection)
                connection.setblocking(False)
                connection.connect_ex(full.getsockname())
            user("full", f"127.0.0.1:{full.getsockname()[1]}")
            user("itself", f"127.0.0.1:{self.registry.port}")
            nina = stack.enter_context(MessageInbox())
            user("nina", nina.endpoint)
            user("gone", "127.0.0.1:50001")
            outcomes = {}

            def post_to(name):
                outcomes[name] = post(self.registry, "hi", f"/v1/to/{name}?from=ci").status

            threads = [threading.Thread(target=post_to, args=(name,))
                       for name in ("deaf", "full", "itself", "gone")]
            for thread in threads:
                thread.start()
            clock = Stopwatch()
            for i in range(20):
                self.assertEqual(post(self.registry, f"{i}", "/v1/to/nina?from=ci").status, 202)
                self.assertEqual(nina.take(reads_to_end=True), b'ci: "%d"' % i)
            self.assertLess(clock.seconds, 2.5 * DEADLINE_SCALE)
            for thread in threads:
                thread.join()
            self.assertEqual(outcomes, {"deaf": 202, "full": 504, "itself": 422, "gone": 504})

    def test_more_messages_than_one_user_takes(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            jam = [socket.socket() for _ in range(4)]
            for connection in jam:
                connection.setblocking(False)
                connection.connect_ex(full.getsockname())
                self.addCleanup(connection.close)
            exchange(self.registry, netchat_update(f"full@127.0.0.1:{full.getsockname()[1]}"))
            outcomes = []

            def post_one():
                outcomes.append(post(self.registry, "hi", "/v1/to/full?from=ci").status)

            threads = [threading.Thread(target=post_one) for _ in range(100)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        # 64 wait and one is on its way; the others hear at once.
        self.assertEqual(sorted(set(outcomes)), [503, 504])
        self.assertEqual(outcomes.count(503), 100 - 65)
        self.assertEqual(self.metric("registry_netchat_waiting"), 0)


class ClientTest(IntegrationTest):
    """The listener of our own client, bob."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.bob = start_netchat_peer(self, "bob", self.registry)
        self._words = 0

    def check_serves(self):
        """A good program reaches him, and his commands work."""
        self._words += 1
        say(self.bob, f'ali: "word {self._words}"')
        self.bob.wait_stdout_has(b">>You have a message from ali\n", count=self._words)

    def resident(self):
        with open(f"/proc/{self.bob.pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()

    def test_bytes(self):
        before = self.resident()
        for what, (data, _) in HOSTILE.items():
            with self.subTest(what):
                answer = say(self.bob, data)
                self.assertRegex(answer, rb"^(REFUSED " + ID.encode() + rb"\n)?$")
                self.check_serves()
        self.bob.write("READ mallory")
        self.bob.write("READ ?")
        self.bob.write("LIST")
        self.bob.wait_stdout_has(">>[bob]\n")
        self.assertTrue(is_harmless(self.bob.stdout))
        self.assertTrue(is_harmless(self.bob.stderr))
        for line in self.bob.stdout.decode().splitlines():
            self.assertTrue(line.startswith(">>"), line)
        self.assertLess(self.resident() - before, GROWTH_MAX)
        self.bob.write("EXIT")
        self.assertEqual(self.bob.wait(), 0)

    def test_the_same_with_an_old_program_in_his_place(self):
        """What our client survives, the old one does not: its listener ends for good."""
        old = self.start_netchat_client("old", self.registry)
        say(old, "mallory: hi")
        old.wait_stderr("IndexError")
        say(self.bob, "mallory: hi")
        self.check_serves()

    def test_silent_endless_and_broken_connections(self):
        silent = []
        for i in range(40):
            silent.append(connect(self.bob))
            broken = connect(self.bob)
            broken.sendall(b'mallory: "hi"'[:i % 14])
            reset(broken)
        self.check_serves()
        for connection in silent:
            self.assertEqual(connection.recv(1), b"")
            connection.close()

    def test_connections_are_bounded_and_the_next_are_served_again(self):
        held = [connect(self.bob) for _ in range(300)]
        wait_until(lambda: self.is_served(), "others are served again")
        for connection in held:
            connection.close()

    def is_served(self):
        before = self.bob.stdout.count(b"from ali\n")
        with contextlib.suppress(OSError):
            say(self.bob, 'ali: "hello?"')
        return self.bob.stdout.count(b"from ali\n") > before

    def test_a_flood_of_messages_from_invented_names(self):
        before = self.resident()
        text = "x" * 900
        for i in range(3000):
            say(self.bob, f'eve{i}: "{text}"')
        self.check_serves()
        self.bob.write("READ eve2999")
        self.bob.wait_stdout_has(f">>{text} - eve2999\n")
        self.assertLess(self.resident() - before, GROWTH_MAX)

    def test_a_flood_of_delete_signals(self):
        for _ in range(20):
            say(self.bob, 'mallory: "hi"')
        for _ in range(500):
            say(self.bob, "DELETE_MESSAGE:mallory")  # registered nowhere
        self.check_serves()
        wait_read(self.bob, "mallory", ">>hi - mallory\n" * 20)

    def test_correspondents_who_answer_anything(self):
        answers = {
            "noise": lambda _: NOISE,
            "another's id": lambda _: b"TAKEN " + b"f" * 32 + b"\n",
            "a refusal": lambda data: b"REFUSED " + data[-32:] + b"\n",
            "half a reply": lambda data: b"TAKEN " + data[-32:-1],
            "HTTP": lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000,
            "a command for the terminal": lambda _: b"\x1b[2J\n",
        }
        for number, (what, answer) in enumerate(answers.items(), 1):
            with self.subTest(what), MessageInbox() as mallory:
                exchange(self.registry, netchat_update(f"mallory@{mallory.endpoint}"))
                self.bob.write('SEND mallory "hi"')
                mallory.take(answer=answer)
                self.bob.wait_stdout_has(">>Failed to send message: ", count=number)
        self.assertNotIn(b"sent!", self.bob.stdout)
        self.assertTrue(is_harmless(self.bob.stdout))
        self.check_serves()


if __name__ == "__main__":
    unittest.main()
