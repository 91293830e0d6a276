#!/usr/bin/env python3
"""The exact bytes of old requests, whole and in two segments, and what old readers can read.

The old programs know nothing of HTTP's finer points: their lengths count characters, four bytes
follow their body, they read once. docs/protocol/directory.md tells what our registry does for
them. Each request here is sent whole and then split at every byte offset, the second part only
after the registry has read the first; the answers and the stored records must be the same.
"""

import random
import re
import unittest
from concurrent.futures import ThreadPoolExecutor

from support import classic_client
from support.harness import IntegrationTest
from support.netchat_http import NetchatRegistry
from support.raw_http import (RawConnection, call, classic_list, classic_post, exchange,
                              java_post, modern, netchat_get, netchat_update, post,
                              split_answer, users)
from support.tcp_queue import wait_server_has_read

THREADS = 16
VOLATILE_HEADERS = re.compile(rb"(?im)^(date|etag): [^\r\n]*\r\n")


def comparable(answer):
    """An answer without the header lines that may differ between equal answers."""
    return VOLATILE_HEADERS.sub(b"", answer)


def exchange_split(server, request, offset):
    """Sends the request in two segments, sure that the first was read alone."""
    with RawConnection(server) as connection:
        connection.send(request[:offset])
        wait_server_has_read(connection.socket)
        connection.send(request[offset:])
        return connection.read_to_end()


def in_parallel(work, items):
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, items))


class SplitAtEveryOffsetTest(IntegrationTest):
    """A request that arrives in two segments means what it means in one."""

    def check_writes(self, registry, request_for, prepare=None, expected=b"HTTP/1.1 200 OK"):
        """request_for(number) makes requests of equal length, each for a name of its own."""
        if prepare:
            prepare(0)
        whole = exchange(registry, request_for(0))
        self.assertTrue(whole.startswith(expected), whole)
        length = len(request_for(0))

        def one(offset):
            if prepare:
                prepare(offset)
            return offset, exchange_split(registry, request_for(offset), offset)

        different = [(offset, answer) for offset, answer in in_parallel(one, range(1, length))
                     if comparable(answer) != comparable(whole)]
        self.assertEqual(different, [], "answers that differ from the whole request's")
        return range(length)

    def check_registered(self, registry, record_for, numbers):
        """Each split request has stored exactly its record: no digit lost, none doubled."""
        listed = users(registry)
        stored = {f"{name}@{user['endpoint']}" for name, user in listed.items()}
        self.assertEqual(stored, {record_for(number) for number in numbers})

    def test_a_classic_register(self):
        registry = self.start_registry()
        record = lambda n: f"a{n:04d}@127.0.0.1:{50001 + n % 10}"
        numbers = self.check_writes(registry, lambda n: classic_post(f"REGISTER {record(n)}"))
        self.check_registered(registry, record, numbers)

    def test_a_classic_register_whose_length_counts_characters(self):
        registry = self.start_registry()
        record = lambda n: f"Ş{n:03d}ule@127.0.0.1:{33251 + n % 10}"
        request = lambda n: classic_post(f"REGISTER {record(n)}")
        self.assertIn(f"Content-Length: {len('REGISTER ' + record(0))}\r\n".encode(), request(0))
        self.assertGreater(len(record(0).encode()), len(record(0)))
        self.check_registered(registry, record, self.check_writes(registry, request))

    def test_a_classic_register_of_a_taken_name(self):
        registry = self.start_registry()
        post(registry, "REGISTER alice@127.0.0.1:50001")
        self.check_writes(registry, lambda _: classic_post("REGISTER alice@127.0.0.1:50002"),
                          expected=b"HTTP/1.1 406 Not Acceptable")

    def test_a_classic_register_of_a_bad_name(self):
        registry = self.start_registry()
        self.check_writes(registry, lambda _: classic_post("REGISTER a:b@127.0.0.1:50002"),
                          expected=b"HTTP/1.1 400 Bad Request")

    def test_a_classic_logout(self):
        registry = self.start_registry()
        record = lambda n: f"a{n:04d}@127.0.0.1:50001"
        self.check_writes(registry, lambda n: classic_post(f"LOGOUT {record(n)}"),
                          prepare=lambda n: post(registry, f"REGISTER {record(n)}"))
        self.assertEqual(users(registry), {})

    def test_a_netchat_update(self):
        registry = self.start_registry()
        record = lambda n: f"a{n:04d}@127.0.1.1:40001"
        numbers = self.check_writes(registry, lambda n: netchat_update(record(n)))
        self.check_registered(registry, record, numbers)

    def test_a_netchat_update_whose_length_counts_characters(self):
        registry = self.start_registry()
        record = lambda n: f"Ğ{n:03d}üş@127.0.1.1:40001"
        numbers = self.check_writes(registry, lambda n: netchat_update(record(n)))
        self.check_registered(registry, record, numbers)

    def test_a_register_of_the_java_relative(self):
        registry = self.start_registry()
        record = lambda n: f"a{n:04d}@127.0.0.1:50001"
        numbers = self.check_writes(registry, lambda n: java_post(f"REGISTER {record(n)}"))
        self.check_registered(registry, record, numbers)

    def check_reads(self, request):
        registry = self.start_registry()
        exchange(registry, classic_post("REGISTER alice@127.0.0.1:50001"))
        exchange(registry, netchat_update("Şule@127.0.1.1:40001"))
        whole = exchange(registry, request)
        self.assertTrue(whole.startswith(b"HTTP/1.1 200 OK\r\n"), whole)
        answers = in_parallel(lambda offset: exchange_split(registry, request, offset),
                              range(1, len(request)))
        different = [a for a in answers if comparable(a) != comparable(whole)]
        self.assertEqual(different, [])

    def test_a_classic_list(self):
        self.check_reads(classic_list())

    def test_a_netchat_list(self):
        self.check_reads(netchat_get())

    def test_a_netchat_lookup(self):
        self.check_reads(netchat_get("?username=Şule"))

    def test_a_modern_register(self):
        registry = self.start_registry()
        record = lambda n: f"a{n:04d}@127.0.0.1:50001"
        numbers = self.check_writes(registry, lambda n: modern(
            registry, "POST", "/userlist.txt", f"REGISTER {record(n)}", ["Connection: close"]))
        self.check_registered(registry, record, numbers)


class ExtraBytesTest(IntegrationTest):
    """The four bytes after an old program's body harm nobody."""

    def test_crlf_crlf_in_a_late_segment_does_not_reset_the_connection(self):
        registry = self.start_registry()
        for number in range(100):
            request = classic_post(f"REGISTER late{number}@127.0.0.1:50001")
            with RawConnection(registry) as connection:
                connection.send(request[:-4])
                wait_server_has_read(connection.socket)
                connection.send(request[-4:])
                self.assertTrue(connection.read_to_end().startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertEqual(len(users(registry)), 100)

    def test_crlf_crlf_after_the_answer_was_read_is_drained(self):
        registry = self.start_registry()
        request = classic_post("REGISTER late@127.0.0.1:50001")
        with RawConnection(registry) as connection:
            connection.send(request[:-4])
            self.assertTrue(connection.read_to_end().startswith(b"HTTP/1.1 200 OK\r\n"))
            connection.send(request[-4:])
            self.assertEqual(connection.read_to_end(), b"")

    def test_a_request_glued_to_an_old_one_is_drained_and_never_run(self):
        registry = self.start_registry()
        answer = exchange(registry, classic_post("REGISTER one@127.0.0.1:50001")
                          + classic_post("REGISTER two@127.0.0.1:50002"))
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1)
        self.assertEqual(list(users(registry)), ["one"])

    def test_an_old_reader_that_leaves_early_does_not_stop_the_registry(self):
        registry = self.start_registry()
        for number in range(300):
            post(registry, f"REGISTER user{number}@127.0.0.1:50001")
        for _ in range(50):
            with RawConnection(registry) as connection:
                connection.send(classic_list())
                connection.socket.recv(16)
        self.assertEqual(len(users(registry)), 300)

    def test_a_connection_without_a_byte_is_closed_in_peace(self):
        registry = self.start_registry()
        for _ in range(20):
            RawConnection(registry).socket.close()
        self.assertEqual(call(registry, target="/healthz").status, 200)


class ListFormsTest(IntegrationTest):
    """The bytes of each form of the list."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def body(self, request):
        return split_answer(exchange(self.registry, request)).body

    def test_an_old_reader_gets_one_comma_line_and_nothing_for_nobody(self):
        empty = exchange(self.registry, classic_list())
        self.assertTrue(empty.startswith(b"HTTP/1.1 400 Bad Request\r\n"), empty)
        self.assertIn(b"\r\n\r\n", empty)
        exchange(self.registry, classic_post("REGISTER alice@127.0.0.1:50001"))
        self.assertEqual(self.body(classic_list()), b"alice@127.0.0.1:50001,\r\n\r\n")
        exchange(self.registry, classic_post("REGISTER bob@127.0.0.1:50002"))
        self.assertEqual(self.body(classic_list()),
                         b"alice@127.0.0.1:50001,bob@127.0.0.1:50002,\r\n\r\n")

    def test_answers_to_old_programs_name_no_other_status_in_the_status_line(self):
        self.assertEqual(exchange(self.registry, classic_post("REGISTER a@127.0.0.1:50001"))
                         .split(b"\r\n")[0], b"HTTP/1.1 200 OK")
        self.assertEqual(exchange(self.registry, classic_post("REGISTER a@127.0.0.1:50001"))
                         .split(b"\r\n")[0], b"HTTP/1.1 406 Not Acceptable")
        self.assertEqual(exchange(self.registry, classic_post("REGISTER a:@127.0.0.1:50001"))
                         .split(b"\r\n")[0], b"HTTP/1.1 400 Bad Request")
        self.assertEqual(exchange(self.registry, classic_post("LOGOUT z@127.0.0.1:50001"))
                         .split(b"\r\n")[0], b"HTTP/1.1 400 Bad Request")

    def test_logout_compares_the_whole_record(self):
        exchange(self.registry, classic_post("REGISTER alice@127.0.0.1:50001"))
        for other in ("alice@127.0.0.1:50002", "alice@127.0.0.2:50001", "alic@127.0.0.1:50001"):
            answer = exchange(self.registry, classic_post(f"LOGOUT {other}"))
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (other, answer))
        answer = exchange(self.registry, classic_post("LOGOUT alice@127.0.0.1:50001"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    def test_a_netchat_reader_gets_lines_and_200_for_nobody(self):
        empty = split_answer(exchange(self.registry, netchat_get()))
        self.assertEqual((empty.status, empty.body), (200, b""))
        exchange(self.registry, netchat_update("alice@127.0.1.1:40001"))
        self.assertEqual(self.body(netchat_get()), b"alice@127.0.1.1:40001")
        exchange(self.registry, netchat_update("bob@127.0.1.1:40002"))
        self.assertEqual(self.body(netchat_get()),
                         b"alice@127.0.1.1:40001\nbob@127.0.1.1:40002")
        self.assertEqual(self.body(netchat_get("?username=bob")), b"127.0.1.1:40002")
        zoe = split_answer(exchange(self.registry, netchat_get("?username=zoe")))
        self.assertEqual(zoe.status, 404)

    def test_asking_for_lines_gives_lines_that_end(self):
        exchange(self.registry, classic_post("REGISTER alice@127.0.0.1:50001"))
        self.assertEqual(call(self.registry, target="/userlist.txt?format=lines").text,
                         "alice@127.0.0.1:50001\n")


class SingleReceiveTest(IntegrationTest):
    """Old readers call recv once: head and body must come together."""

    def one_receive(self, registry, request):
        with RawConnection(registry) as connection:
            connection.send(request)
            return connection.socket.recv(2048)

    def test_head_and_body_arrive_in_one_receive_300_times(self):
        registry = self.start_registry()
        for number in range(20):
            post(registry, f"REGISTER user{number}@127.0.0.1:50001")
        expected = exchange(registry, classic_list())
        self.assertLess(len(expected), 2048)
        for _ in range(300):
            self.assertEqual(comparable(self.one_receive(registry, classic_list())),
                             comparable(expected))

    def test_a_long_list_shows_no_half_record_at_any_alignment(self):
        """Each logout of the first user moves all records by another number of bytes."""
        records = self.records_of_many_lengths(260)
        data = self.dir / "registry"
        data.mkdir()
        (data / "userlist.txt").write_text("".join(f"{r}\n" for r in records))
        registry = self.start_registry(data=data)
        while records:
            self.check_old_reader(registry, records)
            self.check_full_reader(registry, records)
            gone = records.pop(0)
            self.assertEqual(post(registry, f"LOGOUT {gone}").status, 200, gone)

    @staticmethod
    def records_of_many_lengths(count):
        """Names of 4 to about 60 bytes, a third of them with letters of two or three bytes."""
        rng = random.Random(20480)
        fillers = ("a", "a", "ş", "語", "é")
        return [f"u{number:03d}" + rng.choice(fillers) * rng.randrange(0, 19)
                + f"@127.0.0.1:{1024 + rng.randrange(64000)}" for number in range(count)]

    def check_old_reader(self, registry, records):
        received = self.one_receive(registry, classic_list())
        shown = classic_client.parse_list(received.decode())  # a cut character would raise here
        shown = [f"{name}@{address}" for name, address in shown]
        self.assertEqual(shown, records[:len(shown)])
        self.assertIn(len(shown), self.fitting(records, received.index(b"\r\n\r\n") + 4))

    @staticmethod
    def fitting(records, head_bytes):
        """How many records end within 2,048 bytes, with and without the comma behind them."""
        counts, used = [0, 0], head_bytes
        for record in records:
            used += len(record.encode()) + 1
            counts[0] += used <= 2048
            counts[1] += used - 1 <= 2048
        return counts

    def check_full_reader(self, registry, records):
        body = split_answer(exchange(registry, classic_list())).text
        self.assertEqual([item for item in body.strip("\r\n").split(",") if item], records)


class OldReaderSeesOnlyWhatItCanUseTest(IntegrationTest):
    """Records that would crash an old program are left out of its lists."""

    def test_ipv6_records_are_left_out_for_old_programs_and_kept_for_others(self):
        registry = self.start_registry(where="[::1]:0")
        self.assertEqual(post(registry, "REGISTER six@[::1]:50006").status, 200)
        answer = split_answer(exchange(registry, classic_list(host="[::1]")))
        self.assertNotIn(b"six", answer.body)
        netchat = split_answer(exchange(registry, netchat_get()))
        self.assertEqual((netchat.status, netchat.body), (200, b""))
        self.assertIn("six", users(registry))

    def test_a_netchat_record_is_no_datagram_endpoint(self):
        registry = self.start_registry("--gateway-ports", "0")
        self.assertTrue(NetchatRegistry(registry.host, registry.port)
                        .update("can", "127.0.1.1", 40001))
        self.assertTrue(exchange(registry, classic_list()).startswith(b"HTTP/1.1 400 "))
        exchange(registry, classic_post("REGISTER ali@127.0.0.1:50001"))
        self.assertEqual(NetchatRegistry(registry.host, registry.port).list(),
                         {"can": ("127.0.1.1", 40001)})


if __name__ == "__main__":
    unittest.main()
