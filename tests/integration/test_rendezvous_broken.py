#!/usr/bin/env python3
"""The rendezvous door and clients that break or mean harm.

After each of them the registry lives, counts what it dropped, and serves others; none of them makes
it grow.
"""

import collections
import contextlib
import pathlib
import random
import resource
import socket
import unittest

from support.harness import DEADLINE_SCALE, wait_until
from support.rendezvous import FOUND_NOBODY, LOGGED_OUT, RendezvousTest, frame

KILO = 1024
REGISTER = frame("&&REGISTER&&|eve|7000", first=True)


def repeated(data, size):
    return data * (size // len(data) + 1)


# Bytes of somebody who connects: (name, bytes, whether the registry closes, what it counts: one
# reason, none, or each with its number).
HOSTILE = (
    ("nothing", b"", False, None),
    ("one byte", b"2", False, None),
    ("half a header", b"21  ", False, None),
    ("a header and no data", b"21   ", False, None),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True, "bad_header"),
    ("TLS", bytes.fromhex("1603010200010001fc0303") + bytes(64), True, "bad_header"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", True, "bad_header"),
    ("NUL", bytes(4096), True, "bad_header"),
    ("0xff", b"\xff" * 4096, True, "bad_header"),
    ("blanks", b" " * 4096, True, "bad_header"),
    ("line ends", b"\n" * 64, True, "bad_header"),
    ("a negative length", b"-1   x", True, "bad_header"),
    ("a signed length", b"+21  x", True, "bad_header"),
    ("hexadecimal", b"0x15 x", True, "bad_header"),
    ("a length with a point", b"2.1  x", True, "bad_header"),
    ("digits of another script", "٢١".encode() + b" ", True, "bad_header"),
    ("the first length too long", b"10000" + b"x" * 10000, True, "overlong_frame"),
    ("the longest length", b"99999", True, "overlong_frame"),
    ("the longest frame of nothing", frame(bytes(9999)), False, "before_register"),
    ("empty frames", repeated(b" 0   ", 64 * KILO), False, {"before_register": 13108}),
    ("no REGISTER", frame("&&SEARCH&&|ali|eve"), False, "before_register"),
    ("REGISTER without fields", frame("&&REGISTER&&"), True, "malformed_name"),
    ("REGISTER with an empty name", frame("&&REGISTER&&||7000"), True, "malformed_name"),
    ("REGISTER without a port", frame("&&REGISTER&&|eve"), True, "port"),
    ("REGISTER with port 0", frame("&&REGISTER&&|eve|0"), True, "port"),
    ("REGISTER with port 22", frame("&&REGISTER&&|eve|22"), True, "port"),
    ("REGISTER with port 65536", frame("&&REGISTER&&|eve|65536"), True, "port"),
    ("REGISTER with port -7000", frame("&&REGISTER&&|eve|-7000"), True, "port"),
    ("REGISTER with a word for a port", frame("&&REGISTER&&|eve|http"), True, "port"),
    ("REGISTER as server", frame("&&REGISTER&&|server|7000"), True, "malformed_name"),
    ("REGISTER as room", frame("&&REGISTER&&|Room|7000"), True, "malformed_name"),
    ("REGISTER as a@b", frame("&&REGISTER&&|a@b|7000"), True, "malformed_name"),
    ("REGISTER as a:b", frame("&&REGISTER&&|a:b|7000"), True, "malformed_name"),
    ("REGISTER as a blank", frame("&&REGISTER&&| |7000"), True, "malformed_name"),
    ("REGISTER as a b", frame("&&REGISTER&&|a b|7000"), True, "malformed_name"),
    ("REGISTER with a line end", frame("&&REGISTER&&|a\nb|7000"), True, "malformed_name"),
    ("REGISTER with an escape", frame("&&REGISTER&&|\x1b[2J|7000"), True, "malformed_name"),
    ("REGISTER with 300 bytes", frame("&&REGISTER&&|" + "x" * 300 + "|7000"), True,
     "malformed_name"),
    ("REGISTER that is not UTF-8", frame(b"&&REGISTER&&|\xff\xfe|7000"), True, "malformed_name"),
    ("REGISTER as the tester's ally", frame("&&REGISTER&&|ALI|7000"), True, "name_taken"),
    ("REGISTER as an account", frame("&&REGISTER&&|carol|7000"), True, "account_name"),
    ("REGISTER twice", REGISTER + frame("&&REGISTER&&|eve2|7001"), False, "register_again"),
    ("10,000 bars", REGISTER + frame("&&GROUPCHAT&&" + "|" * 9000), False, None),
    ("a group of thousands", REGISTER + frame("&&GROUPCHAT&&|eve|" + "a|" * 4900), False, None),
    ("a group of oneself", REGISTER + frame("&&GROUPCHAT&&|eve|" + "eve|" * 100), False, None),
    ("every keyword without fields", REGISTER + b"".join(
        frame(f"&&{word}&&") for word in (
            "HELLO", "SEARCH", "FOUND", "NOTFOUND", "INVALIDSEARCH", "CHATREQUEST", "BUSY", "OK",
            "CLIENTOK", "REJECT", "MESSAGE", "EXIT", "CLIENTEXIT", "GROUPCHAT", "OKGROUP",
            "REJECTGROUP", "EXITGROUP", "LOGOUTSUCCESS", "X")), False,
     {"unknown": 9, "in_no_room": 3}),
    ("every keyword for somebody else", REGISTER + b"".join(
        frame(f"&&{word}&&|ali|ali|ali") for word in (
            "SEARCH", "CHATREQUEST", "OK", "REJECT", "GROUPCHAT", "OKGROUP", "REJECTGROUP", "EXIT",
            "EXITGROUP")), False, {"foreign_name": 7, "in_no_room": 2}),
    ("OK to who did not ask", REGISTER + frame("&&OK&&|eve|ali|7000"), False, None),
    ("numbers of no group", REGISTER + b"".join(
        frame(f"&&OKGROUP&&|eve|{number}") for number in (0, -1, 1, 2**32, 10**50, "x")), False,
     None),
    ("texts outside of rooms", REGISTER + frame("&&MESSAGE&&|eve: " + "x" * 9900) * 10, False,
     {"in_no_room": 10}),
    ("garbage behind REGISTER", REGISTER + b"garbage", True, "bad_header"),
    ("thousands of SEARCHes", REGISTER + frame("&&SEARCH&&|ali|eve") * 3000, False, None),
)


def counted_at_relay_port(said):
    """Each frame but a text of ali's, and what ends the connection."""
    counts = collections.Counter()
    while len(said) >= 5:
        header, said = said[:5].strip(b" "), said[5:]
        if not header.isdigit():
            counts["bad_header"] += 1
            break
        if int(header) > 9999:
            counts["overlong_frame"] += 1
            break
        if len(said) < int(header):
            break
        data, said = said[:int(header)], said[int(header):]
        if not data.startswith(b"&&MESSAGE&&"):
            counts["link_not_message"] += 1
        elif not data.startswith(b"&&MESSAGE&&|ali: "):
            counts["link_foreign_name"] += 1
    return counts


class HostileTest(RendezvousTest):
    @classmethod
    def setUpClass(cls):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],)
                           * 2)

    def setUp(self):
        super().setUp()
        self.registry = self.start_both_doors()
        self.ali = self.join(self.registry, "ali")

    def tearDown(self):
        try:
            if self.registry.is_running():
                self.ali.is_quiet()
                self.check_serves(self.registry)
        finally:
            super().tearDown()

    def memory(self):
        """Resident kilobytes."""
        status = pathlib.Path("/proc", str(self.registry.pid), "status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def drain(self, link):
        """Reads until the registry closes, or says nothing more."""
        link.socket.settimeout(0.2 * DEADLINE_SCALE)
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while link.socket.recv(65536):
                pass
            return True
        return False

    def test_each_hostile_newcomer(self):
        self.assertGreater(len(HOSTILE), 35)
        for name, said, closes, counted in HOSTILE:
            with self.subTest(name):
                before = self.counts(self.registry)
                link = self.connect(self.registry)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    link.send_bytes(said)
                closed = self.drain(link)
                self.assertEqual(closed, closes)
                if not isinstance(counted, dict):
                    counted = {counted: 1} if counted else {}
                self.wait_counted(self.registry, before, counted)
                link.cut()
                self.assertTrue(self.registry.is_running())
                self.ali.is_quiet()
        self.wait_listed(self.registry, "ali")

    def test_each_of_them_byte_by_byte_and_cut_off(self):
        for name, said, *_ in HOSTILE:
            if len(said) > 200:
                continue
            with self.subTest(name):
                link = self.connect(self.registry)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    for byte in said:
                        link.send_bytes(bytes([byte]))
                link.reset()
                self.ali.is_quiet()

    def test_thousands_at_random_make_nothing_grow(self):
        choice = random.Random(5)
        before = None
        for round_number in range(1500):
            _, said, *_ = choice.choice(HOSTILE)
            link = self.connect(self.registry)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.send_bytes(said[:choice.randrange(len(said) + 1)])
            choice.choice((link.cut, link.reset))()
            if round_number == 300:
                self.ali.is_quiet()
                before = self.memory()
        self.ali.is_quiet()
        self.wait_listed(self.registry, "ali")
        self.assertLess(self.memory() - before, 16 * KILO)

    def test_the_relay_port_takes_texts_and_nothing_else(self):
        carol = self.online(self.registry, "carol")
        self.ali.send("&&CHATREQUEST&&|carol|ali")
        port = int(self.ali.read()[1].rpartition("|")[2])
        ours = frame("&&MESSAGE&&|ali: hello") + frame("&&SEARCH&&|ali|ali")
        for name, said in (*((name, said) for name, said, *_ in HOSTILE),
                           ("a text of his, and more", ours)):
            with self.subTest(name):
                before = self.counts(self.registry)
                link = self.connect(self.registry, port=port)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    link.send_bytes(said)
                self.wait_counted(self.registry, before, counted_at_relay_port(said))
                link.cut()
        # Only that one text has passed.
        carol.expect_pushed("/from ali hello\n")
        self.assertEqual(self.metric(self.registry, "relayed_total"), 1)
        self.ali.ask("&&EXIT&&|ali", "&&CLIENTEXIT&&|you left the chat room.")

    def test_datagrams_of_every_kind(self):
        datagrams = [b"", b"x", bytes(65507), b" 13  &&HELLO&&|eve", b" 99  &&HELLO&&|ali",
                     b" 13  &&EXIT&&|ali ", b"garbage" * 100, frame("&&HELLO&&|" + "x" * 300),
                     frame(b"&&HELLO&&|\xff"), frame("&&HELLO&&"), frame("&&LOGOUT&&"),
                     *(said[:60000] for _, said, *_ in HOSTILE)]
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.settimeout(0)
            for _ in range(20):
                for datagram in datagrams:
                    udp.sendto(datagram, ("127.0.0.1", self.registry.udp))
            # One may be lost in the flood.
            wait_until(lambda: self.hello(self.registry, "ali") or
                       self.metric(self.registry, "hellos_total") >= 1, "HELLO")
            with self.assertRaises(BlockingIOError):  # nothing is ever answered
                udp.recv(1)

    def test_silent_connections_hold_up_nobody(self):
        silent = [self.connect(self.registry) for _ in range(500)]
        for link in silent[:250]:
            link.send_bytes(b"21   &&REG")
        self.ali.is_quiet()
        self.check_serves(self.registry)
        for link in silent:
            link.cut()

    def test_who_does_not_read_is_dropped_and_the_group_goes_on(self):
        deaf = self.join(self.registry, "deaf")
        veli = self.join(self.registry, "veli")
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.ali.send("&&GROUPCHAT&&|ali|deaf|veli|")
        self.ali.read()
        for member in (deaf, veli):
            member.read()
            member.send(f"&&OKGROUP&&|{member.name}|1")
            self.ali.read()
        deaf.read()
        before = self.memory()
        text = frame("&&MESSAGE&&|ali: " + "x" * 4000)
        left = ("deaf", "deaf left the chat room.")
        heard = []
        for _ in range(20_000):
            self.ali.send_bytes(text)
            seen = self.ali.read()
            if seen == left:
                heard.append(seen)
                break
        self.assertEqual(heard, [left])
        self.assertLess(self.memory() - before, 64 * KILO)
        wait_until(lambda: self.metric(self.registry, 'closed_total{reason="does_not_read"}') == 1,
                   "the drop is counted")
        self.ali.ask("&&EXITGROUP&&|ali", "&&MESSAGE&&|ali: " + "x" * 4000)
        self.ali.expect("you left the chat room.")
        veli.cut()
        self.wait_listed(self.registry, "ali")

    def test_who_asks_without_end_and_reads_nothing_is_stopped(self):
        eve = self.join(self.registry, "eve")
        eve.socket.settimeout(1.0 * DEADLINE_SCALE)
        before = self.memory()
        said = 0
        with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            for _ in range(2000):
                said += eve.socket.send(frame("&&SEARCH&&|ali|eve") * 500)
        self.ali.is_quiet()
        self.assertLess(self.memory() - before, 64 * KILO)
        eve.cut()

    def test_requests_without_end_are_bounded(self):
        crowd = [self.join(self.registry, f"u{number}") for number in range(80)]
        for user in crowd:
            user.send(f"&&CHATREQUEST&&|ali|{user.name}")
        busy = 0
        for user in crowd:
            user.send("&&SEARCH&&|nobody-of-that-name|" + user.name)
            seen = user.read()
            while seen[1] != FOUND_NOBODY:
                busy += seen[1].startswith("&&BUSY&&")
                seen = user.read()
        self.assertEqual(busy, 80 - 64)
        for _ in range(64):
            self.assertIn("would like to chat with you?", self.ali.read()[1])
        for user in crowd:
            self.ali.send(f"&&CHATREQUEST&&|{user.name}|ali")
        told = [self.ali.read()[1]]
        self.assertEqual(told[0], "too many of your chat requests are not answered yet.")
        for _ in range(80 - 16 - 1):
            told.append(self.ali.read()[1])
        self.assertEqual(len(set(told)), 1)
        for user in crowd:
            user.cut()
        for _ in range(16):
            self.assertIn("did not answer the chat request.", self.ali.read()[1])
        self.wait_listed(self.registry, "ali")

    def test_users_who_come_and_go_leave_nothing_behind(self):
        def one_round(number):
            a, b = self.join(self.registry, f"a{number}"), self.join(self.registry, f"b{number}")
            a.send(f"&&CHATREQUEST&&|{b.name}|{a.name}")
            b.read()
            b.send(f"&&OK&&|{b.name}|{a.name}|{b.port}")
            b.read()
            (a.cut, a.reset)[number % 2]()
            b.read()
            b.ask("&&LOGOUT&&", LOGGED_OUT)
            b.cut()
            a.listener.close()
            b.listener.close()

        for number in range(100):
            one_round(number)
        before = self.memory()
        for number in range(100, 700):
            one_round(number)
        self.wait_listed(self.registry, "ali")
        # The address sanitizer keeps freed memory for a while.
        self.assertLess(self.memory() - before, 8 * KILO * DEADLINE_SCALE)


if __name__ == "__main__":
    unittest.main()
