#!/usr/bin/env python3
"""The registry from a shell, with the real curl, as docs/protocol/directory.md promises."""

import json
import shutil
import subprocess
import unittest

from support.harness import DEADLINE, IntegrationTest
from support.raw_http import lookup_body

ALICE = "alice@127.0.0.1:50001"
LOOKUP = lookup_body("127.0.0.1:50001").encode()


@unittest.skipUnless(shutil.which("curl"), "curl is not installed")
class CurlTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.registry = self.start_registry()
        self.url = f"http://{self.registry.address}"

    def curl(self, *words):
        """Status and body of one curl call."""
        done = subprocess.run(["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}",
                               *words], capture_output=True, timeout=DEADLINE, check=True,
                              env=self.environment())
        body, _, status = done.stdout.rpartition(b"\n")
        return int(status), body

    def test_the_lines_of_the_manual_work_as_written(self):
        path = f"{self.url}/userlist.txt"
        self.assertEqual(self.curl("-X", "POST", "--data", f"REGISTER {ALICE}", path)[0], 200)
        self.assertEqual(self.curl(path), (200, f"{ALICE},\r\n\r\n".encode()))
        self.assertEqual(self.curl(f"{path}?username=alice"), (200, LOOKUP))
        self.assertEqual(self.curl("-X", "POST", "--data", f"UPDATE {ALICE}", f"{self.url}/")[0],
                         200)
        self.assertEqual(self.curl(path), (200, f"{ALICE},\r\n\r\n".encode()))
        self.assertEqual(self.curl("-X", "POST", "--data", f"LOGOUT {ALICE}", path)[0], 200)
        self.assertEqual(self.curl(path)[0], 400)

    def test_a_name_is_registered_with_d_and_seen_in_the_list(self):
        self.assertEqual(self.curl("-d", f"REGISTER {ALICE}", f"{self.url}/userlist.txt")[0], 200)
        self.assertEqual(self.curl(f"{self.url}/userlist.txt"),
                         (200, f"{ALICE},\r\n\r\n".encode()))
        self.assertEqual(self.curl("-d", f"REGISTER {ALICE}", f"{self.url}/userlist.txt")[0], 406)

    def test_fail_makes_a_refusal_an_exit_status(self):
        self.curl("-d", f"REGISTER {ALICE}", f"{self.url}/userlist.txt")
        done = subprocess.run(["curl", "--silent", "--fail", "-d", f"REGISTER {ALICE}",
                               f"{self.url}/userlist.txt"], capture_output=True, timeout=DEADLINE,
                              env=self.environment(), check=False)
        self.assertEqual(done.returncode, 22)

    def test_json_is_what_accept_asks_for(self):
        self.curl("-d", f"REGISTER {ALICE}", f"{self.url}/userlist.txt")
        status, body = self.curl("-H", "Accept: application/json", f"{self.url}/userlist.txt")
        self.assertEqual((status, json.loads(body)["users"][0]["name"]), (200, "alice"))

    def test_a_name_in_any_language_survives_the_shell(self):
        self.curl("-d", "REGISTER Göktuğ@127.0.0.1:50001", f"{self.url}/userlist.txt")
        self.assertEqual(self.curl("-G", "--data-urlencode", "username=Göktuğ",
                                   f"{self.url}/userlist.txt"), (200, LOOKUP))

    def test_a_large_body_with_expect_and_a_chunked_one_are_refused_not_hung(self):
        big = self.dir / "big"
        big.write_bytes(b"x" * 2_000_000)
        path = f"{self.url}/userlist.txt"
        self.assertEqual(self.curl("--data-binary", f"@{big}", path)[0], 413)
        self.assertEqual(self.curl("-H", "Transfer-Encoding: chunked", "--data-binary",
                                   f"@{big}", path)[0], 413)

    def test_a_chunked_body_registers(self):
        self.assertEqual(self.curl("-H", "Transfer-Encoding: chunked", "-d", f"REGISTER {ALICE}",
                                   f"{self.url}/userlist.txt")[0], 200)
        self.assertEqual(self.curl(f"{self.url}/userlist.txt")[1], f"{ALICE},\r\n\r\n".encode())

    def test_an_upload_form_is_refused(self):
        self.assertEqual(self.curl("-F", "name=alice", f"{self.url}/userlist.txt")[0], 415)

    def test_one_connection_serves_several_urls(self):
        done = subprocess.run(["curl", "--silent", "--verbose", f"{self.url}/healthz",
                               f"{self.url}/readyz"], capture_output=True, timeout=DEADLINE,
                              env=self.environment(), check=True)
        self.assertIn(b"Re-using existing connection", done.stderr)

    def test_the_hint_that_the_registry_prints_works_as_printed(self):
        found = self.registry.wait_stderr(rb'try="(curl [^"\n]*)"')
        done = subprocess.run(found.group(1).decode(), shell=True, capture_output=True,
                              timeout=DEADLINE, env=self.environment(), check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
