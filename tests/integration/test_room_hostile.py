#!/usr/bin/env python3
"""The room door and everything that is thrown at it: others are served, nobody's line can be
forged, memory stays bounded."""

import contextlib
import random
import select
import signal
import socket
import threading
import unicodedata
import unittest

from support.harness import DEADLINE_SCALE, wait_until
from support.raw_http import call, users
from support.room import PROMPT, WELCOME, RoomTest
from support.two_connection import DELIVERED, Link, Stopwatch

MEGABYTE = 1 << 20
# The registry is about 10 MB; what one hostile client may add is far below this.
GROWTH_MAX = 48 * MEGABYTE * DEADLINE_SCALE
NOISE = random.Random(12000).randbytes(20_000)
TLS_HELLO = bytes.fromhex("16030100f8010000f40303") + bytes(range(240))
HTTP = b"POST /userlist.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"

# What somebody without a name sends. None of it lets him in.
NAMELESS = {
    "nothing at all": b"",
    "a NUL": b"\0\n",
    "a megabyte without a line end": b"x" * MEGABYTE,
    "a megabyte without a line end, then a name": b"x" * MEGABYTE + b"mallory\n",
    "empty names": b"\n" * 50,
    "empty names without end": b"\n" * 100_000,
    "carriage returns": b"\r" * 1000 + b"\n",
    "blanks": b" \t \n",
    "a name that is not UTF-8": b"mall\xf6ry\n",
    "a cut character": b"mallor\xc3\n",
    "an overlong encoding": b"\xc1\xad\n",
    "an escape sequence": b"\x1b[2Jmallory\n",
    "a right-to-left override": "m\u202eyrolla\n".encode(),
    "an invisible letter": "mal\u200blory\n".encode(),
    "an angle bracket": b"bob> I am\n",
    "two words": b"mallory mallory\n",
    "a name of 65 bytes": b"m" * 65 + b"\n",
    "a name of 64 kilobytes": b"m" * 65536 + b"\n",
    "somebody else's name": b"bob\n",
    "the same in capitals": b"BOB\n",
    "an account's name": b"carol\n",
    "the room's name": b"room\nROOM\n",
    "the other reserved names": b"all\nserver\nuser\n",
    "a login": b"/login carol s3cret\n",
    "an HTTP request": HTTP,
    "a TLS greeting": TLS_HELLO,
    "a telnet negotiation": b"\xff\xfd\x18\xff\xfd\x20\xff\xfb\x03\n",
    "noise": NOISE.replace(b"\n", b" ") + b"\n",
}

# What somebody in the room sends, and what the others hear of it: all, to the byte.
NAMED = {
    "an embedded line": (b"hi\n<bob> forged\n", "<mallory> hi\n<mallory> <bob> forged\n"),
    "a carriage return": (b"hi\r<bob> forged\n", "<mallory> hi\\x0d<bob> forged\n"),
    "clearing the line": (b"\x1b[2K\x1b[G<bob> forged\n",
                          "<mallory> \\x1b[2K\\x1b[G<bob> forged\n"),
    "backspaces": (b"\b" * 10 + b"<bob> forged\n", "<mallory> " + "\\x08" * 10 + "<bob> forged\n"),
    "the clipboard": (b"\x1b]52;c;cm0gLXJm\x07\n", "<mallory> \\x1b]52;c;cm0gLXJm\\x07\n"),
    "C1 controls": ("\u009b2J\u0085<bob> x\n".encode(), "<mallory> <U+009B>2J<U+0085><bob> x\n"),
    "vertical tab and form feed": (b"a\x0b\x0cb\n", "<mallory> a\\x0b\\x0cb\n"),
    "NULs": (b"a\0\0b\n", "<mallory> a\\x00\\x00b\n"),
    "Latin-1": (b"G\xf6ktu\xf0\n", "<mallory> G\\xf6ktu\\xf0\n"),
    "a surrogate": (b"\xed\xa0\x80\n", "<mallory> \\xed\\xa0\\x80\n"),
    "a telnet interrupt": (b"\xff\xf4\xff\xfd\x06\n", "<mallory> \\xff\\xf4\\xff\\xfd\\x06\n"),
    "a line that goes on where old programs stop reading":
        (b"x" * 2032 + b"<bob> forged\n",
         "<mallory> " + "x" * 2032 + "\n<mallory> <bob> forged\n"),
    "the door's own words": ((PROMPT + "\n" + WELCOME + "\n").encode(),
                             f"<mallory> {PROMPT}\n<mallory> {WELCOME}\n"),
    "lines of every line end": (b"a\nb\r\nc\r\r\n\n\r\n",
                                "<mallory> a\n<mallory> b\r\n<mallory> c\\x0d\r\n"
                                "<mallory> \n<mallory> \r\n"),
    "the guests' way out": (b"/leave\n", "<mallory> /leave\n"),
    "a login": (b"/login carol s3cret\n", "<mallory> /login carol s3cret\n"),
}


class HostileTest(RoomTest):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.enter("alice"), self.enter("bob")
        self._words = 0

    def heard(self):
        """What bob has heard since the last time, up to a word of alice's."""
        self._words += 1
        word = f"word {self._words}"
        self.alice.send(word + "\n")
        return self.bob.read_until(f"<alice> {word}\n").decode()

    def resident(self):
        return self.metric("process_resident_memory_bytes")

    def check_lines(self, heard, sender="mallory"):
        """Each line begins with who said it, and commands no terminal."""
        self.assertTrue(heard == "" or heard.endswith("\n"))
        for line in heard.split("\n")[:-1]:
            self.assertTrue(line.startswith(f"<{sender}> "), line)
            commands = [c for c in line.removesuffix("\r") if unicodedata.category(c) == "Cc"]
            self.assertEqual(set(commands) - {"\t"}, set(), line)
            self.assertLessEqual(len(line.encode()) + 1, 2048)

    def throw(self, link, data):
        """Sends as much as the registry takes; it may close meanwhile."""
        with contextlib.suppress(OSError):
            link.socket.sendall(data)


class BytesTest(HostileTest):
    def test_without_a_name_nothing_gets_in(self):
        before = self.resident()
        self.assertEqual(len(NAMELESS), 28)
        for what, data in NAMELESS.items():
            with self.subTest(what):
                mallory = self.come()
                self.throw(mallory, data)
                self.assertEqual(self.heard(), "")
                self.assertEqual(set(users(self.registry)), {"alice", "bob"})
                mallory.cut()
        self.assertLess(self.resident() - before, GROWTH_MAX)

    def test_in_the_room_nobody_speaks_as_somebody_else(self):
        self.assertEqual(len(NAMED), 16)
        mallory = self.enter("mallory")
        for what, (data, heard) in NAMED.items():
            with self.subTest(what):
                mallory.send(data)
                self.alice.read_until(heard)  # he has said it before alice says her word
                self.assertEqual(self.heard(), heard)

    def test_the_same_byte_by_byte(self):
        mallory = self.enter("mallory")
        for what, (data, heard) in NAMED.items():
            if len(data) > 100:
                continue
            with self.subTest(what):
                for byte in data:
                    mallory.send(bytes([byte]))
                self.alice.read_until(heard)
                self.assertEqual(self.heard(), heard)

    def test_noise(self):
        mallory = self.enter("mallory")
        mallory.send(NOISE + b"\nend of noise\n")
        self.alice.read_until("<mallory> end of noise\n")
        self.check_lines(self.heard())

    def test_a_line_of_ten_megabytes(self):
        before = self.resident()
        mallory = self.enter("mallory")
        heard = []
        reader = threading.Thread(
            target=lambda: heard.append(self.bob.read_until("<mallory> end\n")))
        reader.start()
        drain = threading.Thread(target=lambda: self.alice.read_until("<mallory> end\n"))
        drain.start()
        mallory.send(b"y" * (10 * MEGABYTE) + b"\nend\n")
        reader.join()
        drain.join()
        self.check_lines(heard[0].decode())
        self.assertEqual(heard[0].count(b"y"), 10 * MEGABYTE + heard[0].count(b"<mallory>"))
        self.assertLess(self.resident() - before, GROWTH_MAX)


class WaysToGoTest(HostileTest):
    """Connections that end in every way at every step leave nothing behind."""

    def test_every_end_at_every_step(self):
        ends = {"closes": Link.cut, "resets": Link.reset,
                "ends its side": lambda link: link.socket.shutdown(socket.SHUT_WR),
                "stops reading": lambda link: link.socket.shutdown(socket.SHUT_RD)}
        for said in (b"", b"mal", b"mallory\n", b"mallory\nhal", b"mallory\nwhole\n"):
            for how, end in ends.items():
                with self.subTest(f"{how} after {said!r}"):
                    mallory = self.come()
                    mallory.send(said)
                    if b"\n" in said:
                        mallory.expect(WELCOME)
                    end(mallory)
                    if how == "stops reading":
                        mallory.cut()
                    wait_until(lambda: self.room_metric("clients") == 2, "mallory is gone")
                    self.check_lines(self.heard())
        self.assertEqual(set(users(self.registry)), {"alice", "bob"})

    def test_a_client_that_has_ended_its_side_costs_nothing(self):
        mallory = self.enter("mallory")
        mallory.socket.shutdown(socket.SHUT_WR)
        mallory.expect_end()
        self.registry.wait_idle()

    def test_killed_while_it_says_a_line(self):
        client = self.start_room_client("mallory", self.registry.room_address)
        client.write("hi")
        self.bob.expect("<mallory> hi\n")
        client.kill()
        wait_until(lambda: "mallory" not in users(self.registry), "mallory is gone")

    def test_urgent_data(self):
        mallory = self.enter("mallory")
        mallory.socket.send(b"!", socket.MSG_OOB)
        mallory.send("hi\n")
        self.bob.expect("<mallory> hi\n")

    def test_come_and_go_by_the_hundred(self):
        before = self.resident()
        for number in range(300):
            self.enter(f"m{number}").cut()
        wait_until(lambda: self.room_metric("clients") == 2, "they are gone")
        self.assertEqual(self.heard(), "")
        self.assertLess(self.resident() - before, GROWTH_MAX)


class CrowdTest(HostileTest):
    def test_silent_newcomers_keep_nobody_out(self):
        silent = [self.come() for _ in range(300)]
        carla = self.enter("carla")
        carla.send("hi\n")
        self.bob.expect("<carla> hi\n")
        self.assertEqual(self.room_metric("nameless"), 300)
        for link in silent:
            self.assertEqual(select.select([link.socket], [], [], 0)[0], [])  # they hear nothing

    def test_fifty_want_the_same_name_and_one_has_it(self):
        links = [self.come() for _ in range(50)]
        for link in links:
            link.send("mallory\n")
        answers = [link.socket.recv(100).decode() for link in links]
        self.assertEqual(sorted(answers), [PROMPT] * 49 + [WELCOME])

    def test_a_guesser_is_closed_and_another_may_come(self):
        mallory = self.come()
        self.throw(mallory, b"bob\n" * 1000)
        mallory.read_until(PROMPT * 100)
        mallory.expect_end()
        self.assertEqual(self.room_metric("closed_total", "names_refused"), 1)
        self.enter("mallory")


class FloodTest(HostileTest):
    def drain(self, link, until):
        """Reads in the background until that has come; `heard` of the thread counts bytes."""
        thread = threading.Thread(target=lambda: setattr(
            thread, "heard", len(link.read_until(until))))
        thread.start()
        self.addCleanup(thread.join)
        return thread

    def test_one_who_floods_the_room_does_not_keep_others_from_speaking(self):
        before = self.resident()
        readers = [self.drain(link, "<mallory> end\n") for link in (self.alice, self.bob)]
        mallory, zoe, yan = self.enter("mallory"), self.enter("zoe"), self.enter("yan")
        readers.append(self.drain(yan, "<mallory> end\n"))
        flood = threading.Thread(target=self.throw, args=(mallory, b"x\n" * 300_000 + b"end\n"))
        flood.start()
        clock = Stopwatch()
        zoe.send("can you hear me?\n")
        zoe_hears = zoe.read_until("<mallory> end\n")
        flood.join()
        for reader in readers:
            reader.join()
        self.assertEqual(zoe_hears.count(b"<mallory> x\n"), 300_000)
        self.assertEqual(self.room_metric("closed_total", "slow_reader"), 0)
        self.assertLess(self.resident() - before, GROWTH_MAX)
        self.assertLess(clock.seconds, 60 * DEADLINE_SCALE)

    def test_a_reader_who_does_not_read_is_dropped_and_the_others_go_on(self):
        before = self.resident()
        slow = self.enter("slow")
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        readers = [self.drain(link, "<mallory> end\n") for link in (self.alice, self.bob)]
        mallory = self.enter("mallory")
        line = b"z" * 2000 + b"\n"
        self.throw(mallory, line * 12_000 + b"end\n")
        for reader in readers:
            reader.join()
            self.assertGreaterEqual(reader.heard, 12_000 * len(line))
        self.assertEqual(self.room_metric("closed_total", "slow_reader"), 1)
        self.assertNotIn("slow", users(self.registry))
        self.assertLess(self.resident() - before, GROWTH_MAX)

    def test_a_stopped_old_client_is_not_dropped_for_a_few_lines(self):
        client = self.start_room_client("old", self.registry.room_address)
        client.signal(signal.SIGSTOP)
        for number in range(200):
            self.alice.send(f"line {number}\n")
            self.bob.expect(f"<alice> line {number}\n")
        client.signal(signal.SIGCONT)
        client.wait_stdout_has("<alice> line 199\n")
        self.assertEqual(self.room_metric("closed_total", "slow_reader"), 0)

    def test_twenty_who_flood_at_once_take_turns(self):
        before = self.resident()
        readers = [self.drain(link, "<zoe> over\n") for link in (self.alice, self.bob)]
        floods = []
        for number in range(20):
            link = self.enter(f"m{number}")
            readers.append(self.drain(link, "<zoe> over\n"))
            floods.append(threading.Thread(target=self.throw, args=(link, b"x\n" * 500)))
        for flood in floods:
            flood.start()
        for flood in floods:
            flood.join()
        wait_until(lambda: self.room_metric("lines_total") >= 10_000, "all is said")
        self.enter("zoe").send("over\n")
        for reader in readers:
            reader.join()
        self.assertEqual(self.room_metric("lines_total"), 10_001)
        self.assertLess(self.resident() - before, GROWTH_MAX)


class OtherDoorsTest(HostileTest):
    def post(self, name, text):
        return call(self.registry, "POST", f"/v1/to/room?from={name}", body=text)

    def test_posts_to_the_room_are_checked_like_any(self):
        for text, status in ((b"", 400), (b"\x1b[2J", 400), (b"\xff", 400), (b"x" * 4097, 413),
                             (b"two\nlines", 202), (b"<bob> forged", 202), (b"z" * 4096, 202)):
            with self.subTest(text[:10]):
                self.assertEqual(self.post("utku", text).status, status)
        self.bob.expect("<utku> two lines\n<utku> <bob> forged\n")
        self.check_lines(self.heard(), "utku")
        for name in ("room", "all", "a b", "", "%0abob"):
            self.assertEqual(self.post(name, b"hi").status, 400, name)

    def test_leave_of_a_stranger_is_nothing(self):
        carol = self.online("carol")
        carol.ask("/to room hi", DELIVERED)
        self.assertEqual(self.post("utku", "/leave").status, 200)
        self.alice.send("still there?\n")
        carol.expect_pushed("/from room <alice> still there?\n")


if __name__ == "__main__":
    unittest.main()
