#!/usr/bin/env python3
"""HTTP as programs of today, careless ones and hostile ones write it, byte by byte.

docs/protocol/directory.md says what the registry answers; what could be read in two ways is
refused, and every refusal leaves the registry alive.
"""

import unittest

from support import strace
from support.harness import wait_until
from support.raw_http import (RawConnection, call, exchange, lookup_body, modern, post,
                              split_answer, users)
from support.registry_test import RegistryTest
from support.tcp_queue import wait_server_has_read

HEAD_BYTES_MAX = 8 * 1024
BODY_BYTES_MAX = 64 * 1024
FIELDS_MAX = 64


class RawTest(RegistryTest):
    """Shorthand for requests that end with a close."""

    def status(self, request):
        """The status of the first answer to these bytes, whatever follows."""
        with RawConnection(self.registry) as connection:
            connection.send(request)
            return connection.read_response().status

    def raw(self, *lines, body=b""):
        """A request head of these lines, which may be as wrong as the test likes."""
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def head(self, *fields, method="GET", target="/userlist.txt"):
        return (f"{method} {target} HTTP/1.1", f"Host: {self.registry.address}",
                "User-Agent: raw", *fields)


class ConnectionTest(RawTest):
    """Keep-alive, pipelining and bodies in pieces, for those who can."""

    def test_a_connection_serves_many_requests(self):
        with RawConnection(self.registry) as connection:
            for number in range(50):
                connection.send(modern(self.registry, "POST", "/userlist.txt",
                                       f"REGISTER user{number}@127.0.0.1:50001"))
                self.assertEqual(connection.read_response().status, 200)
            connection.send(modern(self.registry, target="/userlist.txt?format=lines"))
            self.assertEqual(connection.read_response().text.count("\n"), 50)

    def test_pipelined_requests_are_answered_in_order(self):
        records = [f"user{number}@127.0.0.1:{50001 + number}" for number in range(40)]
        requests, expected = b"", []
        for record in records:
            name, endpoint = record.split("@")
            requests += modern(self.registry, "POST", "/userlist.txt", f"REGISTER {record}")
            requests += modern(self.registry, target=f"/userlist.txt?username={name}")
            requests += modern(self.registry, "POST", "/userlist.txt", f"LOGOUT {record}")
            requests += modern(self.registry, target=f"/userlist.txt?username={name}")
            expected += [(200, None), (200, lookup_body(endpoint)), (200, None), (404, None)]
        with RawConnection(self.registry) as connection:
            connection.send(requests)
            for status, body in expected:
                answer = connection.read_response()
                self.assertEqual(answer.status, status)
                if body is not None:
                    self.assertEqual(answer.text, body)

    def test_answers_larger_than_what_may_wait_are_all_given(self):
        """Long lists, asked for together: the first must leave before the next is made."""
        data = self.dir / "many"
        data.mkdir()
        lines = (f"user{number:05}@127.0.0.1:50001\n" for number in range(10_000))
        (data / "userlist.txt").write_text("".join(lines))
        registry = self.start_registry(data=data)
        with RawConnection(registry) as connection:
            connection.send(modern(registry) * 20)
            bodies = {connection.read_response().body for _ in range(20)}
        self.assertEqual([body.count(b"@") for body in bodies], [10_000])

    @unittest.skipIf(strace.why_not(), strace.why_not())
    def test_bytes_behind_a_request_that_waits_for_the_disk_are_kept(self):
        """An old program's body without its end is taken when no more of it comes for 250 ms; then
        something comes all the same, while the answer waits."""
        fault = strace.Fault(self, self.registry, "fdatasync:delay_enter=1000000")
        body = b"REGISTER alice@127.0.0.1:50001"
        with RawConnection(self.registry) as connection:
            connection.send(b"POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + body)
            wait_until(fault.has_come, "the change is on its way to the disk")
            connection.send(b"\r\nGET /behind HTTP/1.1\r\n")
            self.assertEqual(split_answer(connection.read_to_end()).status, 200)
        fault.end()
        self.assertEqual(set(users(self.registry)), {"alice"})

    def test_connection_close_is_kept(self):
        answer = exchange(self.registry, modern(self.registry, headers=["Connection: close"]))
        self.assertEqual(split_answer(answer).headers["connection"].lower(), "close")

    def test_http_1_0_closes_unless_asked_to_stay(self):
        def ask(*fields):
            return self.raw("GET /healthz HTTP/1.0", "Host: localhost", "User-Agent: raw", *fields)
        answer = split_answer(exchange(self.registry, ask()))
        self.assertEqual(answer.status, 200)
        with RawConnection(self.registry) as connection:
            for _ in range(2):
                connection.send(ask("Connection: keep-alive"))
                answer = connection.read_response()
                self.assertEqual((answer.status, answer.headers["connection"]),
                                 (200, "keep-alive"))

    def test_one_sign_of_a_program_of_today_keeps_the_connection(self):
        """A port in Host, any Accept… or a User-Agent; only what lacks all is old."""
        post(self.registry, "REGISTER ann@127.0.0.1:50001")
        for fields in ((f"Host: {self.registry.address}",), ("Host: localhost", "Accept: */*"),
                       ("Host: localhost", "accept-encoding: br"),
                       ("Host: localhost", "User-Agent: x")):
            with self.subTest(fields), RawConnection(self.registry) as connection:
                for _ in range(2):
                    connection.send(self.raw("GET /userlist.txt HTTP/1.1", *fields))
                    self.assertIn("etag", connection.read_response().headers)
        old = split_answer(exchange(self.registry, self.raw("GET /userlist.txt HTTP/1.1",
                                                            "Host: localhost")))
        self.assertEqual((old.status, old.headers["connection"]), (200, "close"))
        self.assertNotIn("etag", old.headers)

    def test_expect_100_continue_is_answered_before_the_body(self):
        body = b"REGISTER alice@127.0.0.1:50001"
        with RawConnection(self.registry) as connection:
            connection.send(self.raw(*self.head(
                "Expect: 100-continue", f"Content-Length: {len(body)}", method="POST")))
            self.assertEqual(connection.read_response().status, 100)
            connection.send(body)
            self.assertEqual(connection.read_response().status, 200)

    def test_a_chunked_body_is_decoded(self):
        chunks = b"9\r\nREGISTER \r\n6\r\nalice@\r\nF\r\n127.0.0.1:50001\r\n0\r\n\r\n"
        request = self.raw(*self.head("Transfer-Encoding: chunked", method="POST"), body=chunks)
        with RawConnection(self.registry) as connection:
            connection.send(request + modern(self.registry, target="/userlist.txt?username=alice"))
            self.assertEqual(connection.read_response().status, 200)
            self.assertEqual(connection.read_response().text, lookup_body("127.0.0.1:50001"))

    def test_a_modern_body_ends_where_its_length_says(self):
        """A GET with a body must not have that body run as the next request."""
        smuggled = modern(self.registry, "POST", "/userlist.txt", "REGISTER x@127.0.0.1:50001")
        with RawConnection(self.registry) as connection:
            connection.send(self.raw(*self.head(f"Content-Length: {len(smuggled)}",
                                                "Connection: close")))
            wait_server_has_read(connection.socket)
            connection.send(smuggled)
            self.assertEqual(connection.read_to_end().count(b"HTTP/1.1 "), 1)
        self.assertEqual(users(self.registry), {})

    def test_half_a_request_on_200_connections_delays_nobody(self):
        connections = [RawConnection(self.registry) for _ in range(200)]
        try:
            for connection in connections:
                connection.send(b"POST /userlist.txt HTTP/1.1\r\nHost: ")
            self.assertEqual(post(self.registry, "REGISTER a@127.0.0.1:50001").status, 200)
            self.assertEqual(call(self.registry).status, 200)
        finally:
            for connection in connections:
                connection.socket.close()


class RefusedTest(RawTest):
    """What is malformed, ambiguous or too large is refused with the status that fits."""

    def test_a_body_over_the_limit_is_413(self):
        self.assertEqual(self.status(self.raw(*self.head(
            f"Content-Length: {BODY_BYTES_MAX + 1}", method="POST"))), 413)
        piece = b"1000\r\n" + b"a" * 0x1000 + b"\r\n"
        self.assertEqual(self.status(self.raw(*self.head(
            "Transfer-Encoding: chunked", method="POST"), body=piece * 17)), 413)

    def test_a_body_at_the_limit_is_read(self):
        self.assertEqual(self.status(self.raw(*self.head(
            f"Content-Length: {BODY_BYTES_MAX}", method="POST"),
            body=b"x" * BODY_BYTES_MAX)), 400)

    def test_an_old_programs_endless_body_is_refused(self):
        request = (b"POST /userlist.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                   b"Content-Length: 9999999\r\n\r\n" + b"x" * (BODY_BYTES_MAX + 4096))
        self.assertEqual(self.status(request), 413)

    def test_a_head_over_8_kib_is_431(self):
        self.assertEqual(self.status(self.raw(*self.head("X-Long: " + "a" * HEAD_BYTES_MAX))), 431)
        # Without any end in sight it is refused as well.
        self.assertEqual(self.status(b"GET /userlist.txt HTTP/1.1\r\nX-Long: "
                                     + b"a" * (2 * HEAD_BYTES_MAX)), 431)

    def test_a_request_line_over_8_kib_is_refused(self):
        self.assertIn(self.status(self.raw(*self.head(target="/" + "a" * HEAD_BYTES_MAX))),
                      (414, 431))

    def test_more_than_64_fields_are_431(self):
        enough = [f"X-{number}: 1" for number in range(FIELDS_MAX - 2)]  # Host and User-Agent
        self.assertEqual(self.status(self.raw(*self.head(*enough, target="/healthz"))), 200)
        self.assertIn(self.status(self.raw(*self.head(*enough, "X-More: 1"))), (431, 400))

    def test_host_must_be_there_once(self):
        self.assertEqual(self.status(self.raw("GET /healthz HTTP/1.1", "User-Agent: raw")), 400)
        self.assertEqual(self.status(self.raw(*self.head("Host: localhost"))), 400)

    def test_ambiguous_framing_is_400(self):
        body = b"REGISTER alice@127.0.0.1:50001"
        length = f"Content-Length: {len(body)}"
        cases = {
            "length and chunked": (length, "Transfer-Encoding: chunked"),
            "blank before the colon": ("X-Field : 1", length),
            "blank before Host's colon": ("Host : 127.0.0.1", length),
            "folded field": ("X-Field: 1\r\n folded", length),
            "length not a number": ("Content-Length: abc",),
            "length with a sign": ("Content-Length: +4",),
            "negative length": ("Content-Length: -1",),
            "two lengths": ("Content-Length: 4", "Content-Length: 5"),
            "two equal lengths": (length, length),
            "a list of lengths": ("Content-Length: 30, 30",),
            "control character in a value": ("X-Field: a\x01b", length),
            "blank in a name": ("X Field: 1", length),
            "no colon": ("Xfield", length),
            "bare CR in a value": ("X-Field: a\rb", length),
        }
        for name, fields in cases.items():
            with self.subTest(name):
                self.assertEqual(self.status(self.raw(*self.head(*fields, method="POST"),
                                                      body=body)), 400)
        self.assertEqual(users(self.registry), {})

    def test_bad_chunks_are_400(self):
        for name, chunks in {
                "negative size": b"-2\r\nxx\r\n0\r\n\r\n",
                "sign": b"+4\r\nabcd\r\n0\r\n\r\n",
                "not hexadecimal": b"zz\r\nabcd\r\n0\r\n\r\n",
                "hexadecimal prefix": b"0x4\r\nabcd\r\n0\r\n\r\n",
                "size larger than the world": b"FFFFFFFFFFFFFFFF\r\nabcd\r\n0\r\n\r\n",
                "no line end after the data": b"4\r\nabcdXX0\r\n\r\n",
                "empty size": b"\r\nabcd\r\n0\r\n\r\n",
        }.items():
            with self.subTest(name):
                self.assertIn(self.status(self.raw(*self.head(
                    "Transfer-Encoding: chunked", method="POST"), body=chunks)), (400, 413))

    def test_codings_nobody_needs_are_refused(self):
        body = b"REGISTER alice@127.0.0.1:50001"
        length = f"Content-Length: {len(body)}"
        self.assertEqual(self.status(self.raw(*self.head(
            length, "Content-Encoding: gzip", method="POST"), body=body)), 415)
        self.assertEqual(self.status(self.raw(*self.head(
            length, "Content-Type: multipart/form-data; boundary=x", method="POST"),
            body=body)), 415)
        self.assertIn(self.status(self.raw(*self.head(
            "Transfer-Encoding: gzip, chunked", method="POST"), body=body)), (400, 501))

    def test_junk_is_refused(self):
        for junk in (b"\x00\x01\x02\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n",
                     b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", b"\xff\xfe / HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1 x\r\nHost: a\r\n\r\n"):
            with self.subTest(junk):
                self.assertIn(self.status(junk), (400, 501, 505))

    def test_2500_ranges_are_not_amplified(self):
        for number in range(100):
            post(self.registry, f"REGISTER user{number}@127.0.0.1:50001")
        plain = exchange(self.registry, modern(self.registry, headers=["Connection: close"]))
        ranges = "Range: bytes=" + ",".join(["0-"] * 2500)
        for target in ("/userlist.txt", "/userlist.txt?format=json", "/metrics"):
            one = exchange(self.registry, modern(self.registry, target=target,
                                                 headers=["Connection: close"]))
            many = exchange(self.registry, modern(self.registry, target=target,
                                                  headers=["Connection: close", ranges]))
            self.assertLess(len(many), 2 * len(one) + 500)
        self.assertIn(b"user99@", plain)


class RoutingTest(RawTest):
    """Paths, methods, origins and hosts."""

    def test_an_unknown_path_is_404(self):
        self.assertEqual(call(self.registry, target="/nothing").status, 404)
        self.assertEqual(call(self.registry, target="/userlist.txt/../../etc/passwd").status, 404)

    def test_a_wrong_method_is_405_and_names_the_right_ones(self):
        for method in ("DELETE", "PUT", "PATCH"):
            answer = call(self.registry, method)
            self.assertEqual(answer.status, 405)
            self.assertIn("GET", answer.headers["allow"])
            self.assertIn("POST", answer.headers["allow"])

    def test_head_is_get_without_the_body(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        for target in ("/userlist.txt", "/userlist.txt?format=json", "/healthz"):
            get, head = (call(self.registry, method, target) for method in ("GET", "HEAD"))
            self.assertEqual((head.status, head.headers["content-length"]),
                             (200, str(len(get.body))))
            self.assertEqual(head.headers.get("etag"), get.headers.get("etag"))
        with RawConnection(self.registry) as connection:  # and no body follows
            connection.send(modern(self.registry, "HEAD") + modern(self.registry))
            connection.read_response(is_head=True)
            self.assertEqual(connection.read_response().text, "alice@127.0.0.1:50001,\r\n\r\n")

    def test_a_web_page_of_another_origin_is_403(self):
        body = "REGISTER alice@127.0.0.1:50001"
        for field in ("Origin: http://evil.example", "Origin: null",
                      "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"):
            self.assertEqual(post(self.registry, body, headers=[field]).status, 403, field)
        self.assertEqual(users(self.registry), {})
        own = f"Origin: http://{self.registry.address}"
        self.assertEqual(post(self.registry, body, headers=[own]).status, 200)

    def test_no_answer_lets_other_origins_read(self):
        answer = call(self.registry, headers=[f"Origin: http://{self.registry.address}"])
        self.assertFalse([h for h in answer.headers if h.startswith("access-control-")])

    def test_a_foreign_host_is_421_and_the_known_ones_are_served(self):
        def with_host(host, registry=self.registry):
            with RawConnection(registry) as connection:
                connection.send(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n"
                                "User-Agent: raw\r\n\r\n".encode())
                return connection.read_response().status

        port = self.registry.port
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example",
                     "localhost.evil.example"):
            self.assertEqual(with_host(host), 421, host)
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "LOCALHOST:80",
                     f"10.1.2.3:{port}"):
            self.assertEqual(with_host(host), 200, host)
        named = self.start_registry("--host", "chat.example", "--host", "other.example",
                                    data=self.dir / "named")
        self.assertEqual(with_host("chat.example", named), 200)
        self.assertEqual(with_host("Other.Example:80", named), 200)
        self.assertEqual(with_host("third.example", named), 421)

    def test_an_old_program_may_name_any_host(self):
        answer = exchange(self.registry, b"GET /userlist.txt HTTP/1.1\r\nHost: lab\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)  # nobody online, not 421


if __name__ == "__main__":
    unittest.main()
