#!/usr/bin/env python3
"""HTTP as programs of today, careless ones and hostile ones write it, byte by byte.

docs/protocol/directory.md says what the registry answers; what could be read in two ways is
refused, and every refusal leaves the registry alive.
"""

import re
import unittest

from support.harness import IntegrationTest, wait_until
from support.raw_http import (RawConnection, call, exchange, lookup_body, modern, post,
                              split_answer, users)
from support.tcp_queue import wait_server_has_read

HEAD_BYTES_MAX = 8 * 1024
BODY_BYTES_MAX = 64 * 1024
FIELDS_MAX = 64


class RawTest(IntegrationTest):
    """A registry, and shorthand for requests that end with a close."""

    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()

    def tearDown(self):
        if self.registry.is_running():
            self.assertEqual(call(self.registry, target="/healthz").status, 200, "still alive")
        super().tearDown()

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

    def test_connection_close_is_kept(self):
        answer = exchange(self.registry, modern(self.registry, headers=["Connection: close"]))
        self.assertEqual(split_answer(answer).headers["connection"].lower(), "close")

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


class ErrorFormTest(RawTest):
    """Errors are JSON for who asked for JSON, else one short line."""

    JSON = ["Accept: application/json"]

    def check(self, code, *request, **more):
        answer = call(self.registry, *request, headers=self.JSON, **more)
        self.assertTrue(answer.headers["content-type"].startswith("application/json"))
        error = answer.json()
        self.assertEqual((error["code"], error["http"]), (code, answer.status))
        self.assertEqual(answer.status, code // 100)
        self.assertIsInstance(error["error"], str)
        self.assertIsInstance(error["link"], str)
        return error

    def test_json_errors_have_code_http_error_and_link(self):
        error = self.check(40401, target="/userlist.txt?username=zoe")
        self.assertEqual(error["error"], "user zoe is not found")

    def test_every_refusal_has_the_json_form(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        for status, request in {
                400: ("POST", "/userlist.txt", "REGISTER a@b@127.0.0.1:50001"),
                406: ("POST", "/userlist.txt", "REGISTER alice@127.0.0.1:50002"),
                404: ("GET", "/nothing"), 405: ("DELETE", "/userlist.txt")}.items():
            answer = call(self.registry, *request, headers=self.JSON)
            self.assertEqual(answer.status, status)
            self.assertEqual(set(answer.json()) >= {"code", "http", "error", "link"}, True)

    def test_text_errors_are_one_short_line(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        for request in (("GET", "/userlist.txt?username=zoe"), ("GET", "/nothing"),
                        ("POST", "/userlist.txt", "REGISTER alice@127.0.0.1:50002"),
                        ("POST", "/userlist.txt", "DANCE")):
            text = call(self.registry, *request).text
            self.assertRegex(text, r"\A[^\r\n]{1,200}\n?\Z")

    def test_an_error_about_a_hostile_name_is_harmless_json(self):
        answer = call(self.registry, target="/userlist.txt?username=%22%1b%5b31m%0d%0aX:y",
                      headers=self.JSON)
        self.assertIn(answer.status, (400, 404))
        self.assertNotIn(b"\x1b", answer.body)
        self.assertIn("error", answer.json())
        self.assertNotIn("x", answer.headers)


class ListTest(RawTest):
    """The list for programs of today."""

    def test_json_names_each_user_in_full_and_is_an_empty_array_for_nobody(self):
        empty = call(self.registry, headers=["Accept: application/json"])
        self.assertEqual((empty.status, empty.json()["users"], empty.json()["v"]), (200, [], 1))
        post(self.registry, "REGISTER bob@127.0.0.1:50002")
        for request in ({"headers": ["Accept: application/json"]},
                        {"target": "/userlist.txt?format=json"}):
            answer = call(self.registry, **request)
            self.assertTrue(answer.headers["content-type"].startswith("application/json"))
            listed = answer.json()
            self.assertIsInstance(listed["version"], int)
            user, = listed["users"]
            since = user.pop("since")
            self.assertEqual(user, {"name": "bob", "endpoint": "127.0.0.1:50002",
                                    "transport": "udp", "door": "classic"})
            self.assertRegex(since, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")

    def test_one_user_in_json_is_the_object_alone(self):
        post(self.registry, "REGISTER Göktuğ@127.0.0.1:50002")
        answer = call(self.registry, target="/userlist.txt?username=G%C3%B6ktu%C4%9F&format=json")
        self.assertEqual((answer.json()["name"], answer.json()["endpoint"]),
                         ("Göktuğ", "127.0.0.1:50002"))

    def test_a_lookup_answers_the_endpoint_404_or_400(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        self.assertEqual(call(self.registry, target="/userlist.txt?username=alice").text,
                         lookup_body("127.0.0.1:50001"))
        self.assertEqual(call(self.registry, target="/userlist.txt?username=zoe").status, 404)
        for name in ("a%40b", "", "a%20b", "x" * 65, "%ff"):
            self.assertEqual(call(self.registry, target=f"/userlist.txt?username={name}").status,
                             400, name)

    def test_format_decides_before_accept(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        answer = call(self.registry, target="/userlist.txt?format=lines",
                      headers=["Accept: application/json"])
        self.assertEqual(answer.text, "alice@127.0.0.1:50001\n")
        self.assertEqual(call(self.registry, target="/userlist.txt?format=dance").status, 400)

    def test_an_unchanged_list_is_304_and_a_changed_one_is_not(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        for target in ("/userlist.txt", "/userlist.txt?format=json",
                       "/userlist.txt?format=lines"):
            etag = call(self.registry, target=target).headers["etag"]
            same = call(self.registry, target=target, headers=[f"If-None-Match: {etag}"])
            self.assertEqual((same.status, same.body), (304, b""))
            self.assertEqual(same.headers["etag"], etag)
            other = call(self.registry, target=target, headers=['If-None-Match: "other"'])
            self.assertEqual(other.status, 200)
            listed = call(self.registry, target=target,
                          headers=[f'If-None-Match: "other", {etag}'])
            self.assertEqual(listed.status, 304)
        post(self.registry, "REGISTER bob@127.0.0.1:50002")
        changed = call(self.registry, target=target, headers=[f"If-None-Match: {etag}"])
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.headers["etag"], etag)

    def test_etags_of_different_forms_differ(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        etags = {call(self.registry, target=f"/userlist.txt{query}").headers["etag"]
                 for query in ("", "?format=json", "?format=lines")}
        self.assertEqual(len(etags), 3)
        self.assertEqual(call(self.registry).headers["vary"].lower(), "accept, user-agent")

    def test_since_tells_what_changed_and_what_went(self):
        post(self.registry, "REGISTER ann@127.0.0.1:50001")
        post(self.registry, "REGISTER stays@127.0.0.1:50002")
        version = call(self.registry, target="/userlist.txt?format=json").json()["version"]
        post(self.registry, "LOGOUT ann@127.0.0.1:50001")
        post(self.registry, "REGISTER bob@127.0.0.1:50003")
        query = f"/userlist.txt?format=json&since={version}"
        changes = call(self.registry, target=query).json()
        self.assertEqual([u["name"] for u in changes["users"]], ["bob"])
        self.assertEqual(changes["removed"], ["ann"])
        self.assertFalse(changes.get("full", False))
        now = changes["version"]
        self.assertGreater(now, version)
        nothing = call(self.registry, target=f"/userlist.txt?format=json&since={now}")
        if nothing.status != 304:
            self.assertEqual((nothing.json()["users"], nothing.json()["removed"]), ([], []))

    def test_since_a_version_nobody_knows_gives_the_full_list(self):
        post(self.registry, "REGISTER ann@127.0.0.1:50001")
        answer = call(self.registry, target="/userlist.txt?format=json&since=999999").json()
        self.assertTrue(answer["full"])
        self.assertEqual([u["name"] for u in answer["users"]], ["ann"])
        self.assertEqual(call(self.registry, target="/userlist.txt?format=json&since=x").status,
                         400)


class HealthTest(RawTest):
    """What a monitor asks."""

    def test_healthz_and_readyz_are_200(self):
        self.assertEqual(call(self.registry, target="/healthz").status, 200)
        self.assertEqual(call(self.registry, target="/readyz").status, 200)

    def test_metrics_are_prometheus_text(self):
        post(self.registry, "REGISTER alice@127.0.0.1:50001")
        answer = call(self.registry, target="/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith("text/plain"))
        sample = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eE]+(Inf|NaN)?( \d+)?$')
        lines = answer.text.splitlines()
        self.assertTrue(any(line.startswith("# TYPE ") for line in lines))
        for line in lines:
            self.assertTrue(line.startswith("#") or line == "" or sample.match(line), line)

    def test_no_request_and_no_name_becomes_a_log_line_of_its_own(self):
        exchange(self.registry, b"POST /userlist.txt HTTP/1.1\r\nHost: a\r\n"
                                b"Content-Length: 40\r\n\r\n"
                                b"REGISTER evil\ninfo forged@127.0.0.1:50001\r\n\r\n")
        call(self.registry, target="/a%0ainfo%20forged%1b%5b31m")
        wait_until(lambda: call(self.registry, target="/healthz").status == 200, "an answer")
        self.assertNotIn(b"\ninfo forged", self.registry.stderr)
        self.assertNotIn(b"\x1b", self.registry.stderr)


if __name__ == "__main__":
    unittest.main()
