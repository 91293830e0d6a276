#!/usr/bin/env python3
"""Some 300 requests that are wrong, ambiguous or too much, each with the answer that was decided.

One connection each, in one segment; a refusal has to close, so that nothing behind it runs, and a
request that is only unfinished has to wait. What each answer should be: RFC 9110 and 9112, and
docs/protocol/directory.md where these leave a choice. `WAITS` are 33 cases after those of the
h1spec project, a public conformance test of HTTP/1.1 servers.
"""

import contextlib
import pathlib
import resource
import unittest

from support.raw_http import RawConnection, call, modern, users
from support.registry_test import RegistryTest
from support.tcp_queue import wait_server_has_read

MIB = 1024
LINE_MAX = HEAD_MAX = 8 * 1024
BODY_MAX = 64 * 1024
REGISTER = b"REGISTER mallory@127.0.0.1:50001"
#: Control characters that no line of a head may have; TAB is allowed in values.
CONTROLS = [*range(0x00, 0x09), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f]
#: ASCII that is neither a token character nor a control character (RFC 9110, 5.6.2).
DELIMITERS = '"(),/;<=>?@[\\]{} '


def get(*fields, target="/healthz", host="Host: localhost", version="HTTP/1.1"):
    """A GET of today with these fields."""
    return _head(f"GET {target} {version}", host, *fields)


def posted(*fields, body=REGISTER, target="/userlist.txt", host="Host: localhost:1"):
    return _head(f"POST {target} HTTP/1.1", host, *fields) + body


def _head(line, host, *fields):
    lines = [line, *([host] if host else []), "User-Agent: raw", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def length(body=REGISTER):
    return f"Content-Length: {len(body)}"


def request_lines():
    """Wrong first lines."""
    yield "no version", b"GET /healthz\r\nHost: a\r\n\r\n", 400
    yield "no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "only a method", b"GET\r\n\r\n", 400
    yield "blank before the method", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "two blanks", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "two blanks before the version", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "blank behind the version", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400
    yield "TAB for a blank", b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "blank in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "a colon in the method", b"GE:T / HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "bytes for a method", b"\xff\xfe / HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400
    yield "SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400
    yield "a mail server's client", b"EHLO here\r\n\r\n", 400
    yield "relative target", b"GET healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "an authority", b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "absolute, no host", b"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", 400
    yield "absolute, another scheme", b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400
    for version, status in (("HTTP/0.9", 505), ("HTTP/1.2", 505), ("HTTP/2.0", 505), ("HTTP/3", 505),
                            ("HTTP/1.1.1", 505), ("HTTP/11", 505), ("HTTP/1,1", 505),
                            ("http/1.1", 400), ("HTTPS/1.1", 400), ("ICY", 400), ("/1.1", 400)):
        yield f"version {version}", get(version=version), status
    for code in CONTROLS:
        yield f"control 0x{code:02x} in the target", get(target=f"/a{chr(code)}b"), 400


def fields():
    """Wrong fields."""
    for character in DELIMITERS:
        yield f"{character!r} in a name", get(f"X{character}Y: 1"), 400
    for code in CONTROLS:
        yield f"control 0x{code:02x} in a value", get(f"X: a{chr(code)}b"), 400
        yield f"control 0x{code:02x} in a name", get(f"X{chr(code)}: a"), 400
    yield "bytes above ASCII in a name", get("X\xe4: 1"), 400
    yield "no name", get(": 1"), 400
    yield "no colon", get("Xfield"), 400
    yield "blank before the colon", get("X : 1"), 400
    yield "TAB before the colon", get("X\t: 1"), 400
    yield "folded by a blank", get("X: 1\r\n 2"), 400
    yield "folded by a TAB", get("X: 1\r\n\t2"), 400
    yield "first field folded", b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400
    yield "bare CR in a value", get("X: a\rb"), 400
    yield "bare LF for a line's end", get("X: a\nY: b"), 400
    yield "all lines end with LF", b"GET / HTTP/1.1\nHost: localhost\n\n", 400
    yield "CR CR LF", b"GET / HTTP/1.1\r\nHost: localhost\r\r\n\r\n", 400
    yield "LF CR", b"GET / HTTP/1.1\n\rHost: localhost\n\r\n\r", 400
    yield "65 fields", get(*[f"X-{i}: 1" for i in range(63)]), 431
    yield "a million fields", get(*["X:"] * 1_000_000), 431
    yield "a field of 8 KiB", get("X: " + "a" * HEAD_MAX), 431
    yield "a field of 10 MB", get("X: " + "a" * 10_000_000), 431
    yield "a target of 8 KiB", get(target="/" + "a" * LINE_MAX), 414
    yield "a target of 10 MB", get(target="/" + "a" * 10_000_000), 414
    yield "a method of 8 KiB", b"G" * LINE_MAX + b"ET / HTTP/1.1\r\n\r\n", 414
    yield "five empty lines first", b"\r\n" * 5 + get(), 400


def hosts():
    """Host: exactly one, and one of ours."""
    yield "none", get(host=None), 400
    yield "two", get("Host: localhost"), 400
    yield "two that differ", get("Host: evil.example"), 400
    for value in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io",
                  "localhost:", "localhost:0x50", "localhost:99999", "localhost:-1", "localhost:80:80",
                  "localhost@evil.example", "user@localhost", "localhost/", "local host", "a,localhost",
                  "[::1", "::1]", "[evil.example]", "[::1]x", "[::1]:", "127.0.0.1.", "127.1", "0x7f000001",
                  "2130706433", "localhost\t.evil.example", "localhost."):
        yield f"Host: {value}", get(host=f"Host: {value}"), 421
    for value in ("localhost", "LocalHost:1", "127.0.0.1", "127.0.0.1:8080", "[::1]", "[::1]:65535",
                  "10.0.0.1"):
        yield f"own host {value}", get(host=f"Host: {value}"), 200


def origins():
    """Pages of other origins change nothing and read nothing."""
    for origin in ("null", "http://evil.example", "https://localhost:1", "http://localhost",
                   "http://localhost:2", "http://localhost:1.evil.example", "http://localhost:1/",
                   "http://user@localhost:1", "HTTP://localhost:1", "localhost:1", "file://", "x"):
        yield f"Origin: {origin}", posted(f"Origin: {origin}", length()), 403
        yield f"Origin: {origin}, reading", get(f"Origin: {origin}", host="Host: localhost:1"), 403
    for site in ("cross-site", "same-site", "x", "none, cross-site"):
        yield f"Sec-Fetch-Site: {site}", posted(f"Sec-Fetch-Site: {site}", length()), 403
    yield "two origins", posted("Origin: http://localhost:1", "Origin: http://evil.example",
                                length()), 403


def lengths():
    """Content-Length in every form that some parser somewhere takes."""
    for value in ("abc", "+32", "-1", "-1234", "-123456789123456789123456789", "0x20", "32 ", " 32x",
                  "3 2", "32,32", "32, 32", "32;", "3.2e1", "32.0", "\u00b2", "'32'", "\"32\"", "", ",", "--32",
                  "1e1", "32\x0b", "\x0032", "٣٢".encode().decode("latin-1")):
        expected = 200 if value.strip(" ") == "32" else 400
        yield f"length {value!r}", posted(f"Content-Length: {value}"), expected
    for value in (BODY_MAX + 1, 2**31, 2**32, 2**32 + 32, 2**63, 2**64, 2**64 + 32, 10**100):
        yield f"length {value}", posted(f"Content-Length: {value}"), 413
    yield "two that differ", posted("Content-Length: 5", length()), 400
    yield "two equal ones", posted(length(), length()), 400
    yield "two in different case", posted(length(), length().upper()), 400


def codings():
    """Transfer-Encoding: `chunked` alone, or nothing."""
    chunks = b"20\r\n" + REGISTER + b"\r\n0\r\n\r\n"

    def coded(value, *more, body=chunks):
        return posted(f"Transfer-Encoding: {value}", *more, body=body)
    for value in ("gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "gzip", "chunked;",
                  "chunked;a=b", "x", "xchunked", "chunkedx", "\"chunked\"", "chunked,", ",chunked", ""):
        yield f"coding {value!r}", coded(value), 501
    yield "coding with a vertical tab", coded("\x0bchunked"), 400
    yield "length and chunked", coded("chunked", length()), 400
    yield "chunked and length", posted(length(), "Transfer-Encoding: chunked", body=chunks), 400
    yield "twice chunked", coded("chunked", "Transfer-Encoding: chunked"), 400
    yield "chunked, then identity", coded("chunked", "Transfer-Encoding: identity"), 400
    yield "folded", coded("\r\n chunked"), 400
    yield "blank before the colon", posted("Transfer-Encoding : chunked", body=chunks), 400
    yield "in HTTP/1.0", coded("chunked").replace(b"HTTP/1.1", b"HTTP/1.0"), 400
    for size in ("-2", "+20", "0x20", " 20", "20 ", "20;a=b", "20;", "2_0", "\t20", "20,", "g", "", "20\x00",
                 "FFFFFFFFFFFFFFFF", "100000000000000020", "000000020", "1.", "٣".encode().decode("latin-1")):
        yield f"chunk size {size!r}", coded("chunked", body=size.encode("latin-1") + chunks[2:]), 400
    yield "chunk over the limit", coded("chunked", body=b"10001\r\n"), 413
    yield "largest size", coded("chunked", body=b"FFFFFFFF\r\n"), 413
    yield "many chunks over the limit", coded("chunked", body=(b"1000\r\n" + b"a" * 0x1000 + b"\r\n")
                                              * 17), 413
    yield "chunk longer than its size", coded("chunked", body=b"1\r\nab\r\n0\r\n\r\n"), 400
    yield "bare LF behind the size", coded("chunked", body=b"1\na\r\n0\r\n\r\n"), 400
    yield "bare LF behind the data", coded("chunked", body=b"1\r\na\n0\r\n\r\n"), 400
    yield "bare LF in a trailer", coded("chunked", body=b"0\r\nX: a\n\r\n"), 400
    yield "a request as a trailer", coded("chunked", body=b"0\r\nGET / HTTP/1.1\r\n\r\n"), 400
    yield "a trailer without end", coded("chunked", body=b"0\r\n" + b"X: a\r\n" * 3000), 431
    for field in ("Content-Encoding: gzip", "Content-Encoding: br", "Content-Encoding: deflate",
                  "Content-Encoding: identity, gzip", "Content-Type: multipart/form-data; boundary=x",
                  "Content-Type: Multipart/Mixed"):
        yield field, posted(field, length()), 415
    for value in ("200-ok", "100-continue, x", "101", ""):
        yield f"Expect: {value}", posted(f"Expect: {value}", length()), 417


#: Unfinished: nothing is answered, and with the rest all is well. The first part of h1spec.
WAITS = ["G", "GET ", "GET /hello", "GET /hello ", "GET /hello HTTP", "GET /hello HTTP/1.1",
         "GET /hello HTTP/1.1\r", "GET /hello HTTP/1.1\r\n", "GET /hello HTTP/1.1\r\nHos",
         "GET /hello HTTP/1.1\r\nHost:", "GET /hello HTTP/1.1\r\nHost: ",
         "GET /hello HTTP/1.1\r\nHost: localhost", "GET /hello HTTP/1.1\r\nHost: localhost\r",
         "GET /hello HTTP/1.1\r\nHost: localhost\r\n", "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r"]
HELLO = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"

#: The second part, with a host that is served here. Without User-Agent and Host's port these look
#: like an old program's, which changes the end of a body and nothing else.
H1SPEC = [
    ("no version", b"GET / \r\n\r\n", 400),
    ("Expect", b"GET / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n", (100, 200)),
    ("valid GET", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
    ("valid edge cases", b"GET / HTTP/1.1\r\nhoSt:\tlocalhost\r\nempty:\r\n\r\n", 200),
    ("brackets in a name", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Invalid[]: test\r\n\r\n", 400),
    ("no Host", b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 400),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n", 400),
    ("overflowing negative length", b"GET / HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Length: -123456789123456789123456789\r\n\r\n", 400),
    ("negative length", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1234\r\n\r\n", 400),
    ("length of letters", b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: abc\r\n\r\n", 400),
    ("empty value", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Empty-Header: \r\n\r\n", 200),
    ("control character", b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Bad: test\x07\r\n\r\n", 400),
    ("HTTP/9.9", b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
    ("text before the method", b"Extra lineGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("a CR that ends nothing", b"GET / HTTP/1.1\r\nHost: localhost\r\n\rSome-Header: Test\r\n\r\n", 400),
    ("valid POST", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 400),
    ("length and coding", b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
     b"Content-Length: 5\r\n\r\n", 400),
    ("a fragment, then the rest", HELLO.encode(), 404),
]

TABLES = (request_lines, fields, hosts, origins, lengths, codings)


class AttackTest(RegistryTest):
    """The registry is the same before and after each case, and not much larger after all."""

    def setUp(self):
        super().setUp()
        # Freed memory that a sanitizer holds back to find late uses would count as growth.
        self.registry.kill()
        options = ":".join(filter(None, [self.environment().get("ASAN_OPTIONS", ""),
                                         "quarantine_size_mb=1"]))
        self.registry = self.start_registry(env=self.environment(ASAN_OPTIONS=options))
        call(self.registry)

    def peak_kib(self):
        status = pathlib.Path("/proc", str(self.registry.pid), "status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0])

    def answer(self, request):
        """The statuses of all answers until the server closes, which a refusal makes it do."""
        statuses = []
        with RawConnection(self.registry) as connection:
            # A refusal may come, and the connection end, before all of a large one is sent.
            with contextlib.suppress(ConnectionError):
                connection.send(request)
            # What lies behind is not run: this would be answered 404.
            with contextlib.suppress(ConnectionError):
                connection.send(modern(self.registry, target="/behind", headers=["Connection: close"]))
            with contextlib.suppress(EOFError):
                while True:
                    statuses.append(connection.read_response().status)
        return statuses

    def check(self, table):
        before = self.peak_kib()
        count = 0
        for name, request, expected in table:
            count += 1
            with self.subTest(f"{name}: {request[:200]!r}"):
                statuses = self.answer(request)
                if expected == 200:
                    self.assertEqual(statuses, [200, 404])
                elif expected in (403, 421):  # understood, so the connection goes on
                    self.assertEqual(statuses, [expected, 404])
                else:
                    self.assertEqual(statuses, [expected])
        self.assertEqual(set(users(self.registry)) - {"mallory"}, set())
        self.assertLess(self.peak_kib() - before, 16 * MIB)
        return count

    def test_each_case_is_answered_as_decided(self):
        count = 0
        for table in TABLES:
            with self.subTest(table.__name__):
                count += self.check(table())
        self.assertGreaterEqual(count, 150)

    def test_h1spec(self):
        for beginning in WAITS:
            with self.subTest(beginning), RawConnection(self.registry) as connection:
                connection.send(beginning.encode())
                wait_server_has_read(connection.socket)
                connection.send(HELLO[len(beginning):].encode())
                # Its one answer is the whole request's.
                self.assertEqual(connection.read_response().status, 404)
        for name, request, expected in H1SPEC:
            expected = expected if isinstance(expected, tuple) else (expected,)
            with self.subTest(name), RawConnection(self.registry) as connection:
                connection.send(request)
                self.assertEqual(tuple(connection.read_response().status for _ in expected),
                                 expected)
        self.assertEqual(len(WAITS) + len(H1SPEC), 33)

    def test_answers_of_any_size_grow_with_nothing_a_stranger_sends(self):
        """Ranges, conditions and long queries are answered like their short forms."""
        plain = len(call(self.registry, target="/metrics").body)
        for headers in (["Range: bytes=" + ",".join(["0-"] * 1500)], ["If-None-Match: " + '"a",' * 1500],
                        ["Accept: " + "text/html;q=0.1," * 400], ["Cookie: " + "a=b;" * 1500]):
            answer = call(self.registry, target="/metrics", headers=headers)
            self.assertEqual(answer.status, 200, headers[0][:40])
            self.assertLess(len(answer.body), 2 * plain)
        for query in ("a=b&" * 1500, "username=" + "a" * 4000, "username=%" * 800, "since=" + "9" * 5000,
                      "format=" + "x" * 5000, "username=a&username=b", "=&=&=", "%00", "username=%00"):
            answer = call(self.registry, target="/userlist.txt?" + query)
            self.assertIn(answer.status, (200, 400, 404), query[:40])
            self.assertLess(len(answer.body), 1000)


class CrowdTest(RegistryTest):
    """Thousands of connections that never get to the point."""

    CONNECTIONS = 5000

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < self.CONNECTIONS + 500:
            self.skipTest(f"only {hard} descriptors are allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        super().setUp()

    def test_5000_unfinished_requests_keep_nobody_out_and_end_by_themselves(self):
        with contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(RawConnection(self.registry))
                     for _ in range(self.CONNECTIONS)]
            for connection in crowd:
                connection.send(b"GET /userlist.txt HTTP/1.1\r\nHost: ")
            wait_server_has_read(crowd[-1].socket)
            for number in range(100):
                self.assertEqual(call(self.registry, "POST", body=f"REGISTER user{number}@127.0.0.1:50001")
                                 .status, 200)
            self.assertEqual(len(users(self.registry)), 100)
            for connection in crowd:
                self.assertEqual(connection.read_response().status, 408)


if __name__ == "__main__":
    unittest.main()
