#!/usr/bin/env python3
"""The registry's command line and its log."""

import json
import re
import signal
import unittest

from support.harness import IntegrationTest, our_program
from support.raw_http import call, post


class OptionsTest(IntegrationTest):
    def run_registry(self, *words):
        (self.dir / "empty").mkdir(exist_ok=True)
        program = self.start("registry", our_program("registry"), *words, is_ours=True,
                             cwd=self.dir / "empty")
        status = program.wait()
        program.dispose()
        return status, program.stdout.decode(), program.stderr.decode()

    def test_help_is_one_screen_and_names_every_option(self):
        status, out, _ = self.run_registry("--help")
        self.assertEqual(status, 0)
        self.assertLessEqual(out.count("\n"), 24)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)
        for option in ("--userlist", "--data", "--lease", "--classic-lease", "--host",
                       "--allow-foreign-address", "--log-format", "--check", "--version"):
            self.assertIn(option, out)

    def test_version_is_one_line(self):
        status, out, _ = self.run_registry("--version")
        self.assertEqual((status, out.count("\n")), (0, 1))
        self.assertRegex(out, r"\d+\.\d+")

    def test_a_wrong_option_or_address_is_a_usage_error(self):
        for words in (["--nonsense"], ["--lease"], ["--lease", "abc"], ["--lease", "-1"],
                      ["--log-format", "xml"], ["127.0.0.1:99999"], ["nonsense:::1"],
                      ["127.0.0.1:0", "extra"]):
            status, out, err = self.run_registry(*words)
            self.assertEqual((status, out), (64, ""), words)
            self.assertTrue(err.strip(), words)

    def test_check_says_that_all_is_well_and_touches_nothing(self):
        folder = self.dir / "empty"
        status, out, err = self.run_registry("127.0.0.1:0", "--check")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("in order", out)
        self.assertEqual(list(folder.iterdir()), [])
        running = self.start_registry()
        status, _, err = self.run_registry(running.address, "--check", "--userlist",
                                           running.data / "userlist.txt")
        self.assertEqual(status, 0, err)  # one that runs is no mistake in the options

    def test_check_names_each_thing_that_is_wrong(self):
        folder = self.dir / "empty"
        folder.mkdir()
        (folder / "userlist.txt").write_text("ann@127.0.0.1:50001\nbad\nbob@127.0.0.1:1\n")
        status, out, err = self.run_registry("no-such-host.invalid:80", "--data", "userlist.txt/x",
                                             "--check")
        self.assertEqual((status, out), (78, ""))
        for part in ("no-such-host.invalid", "cannot write to", "line 2", "line 3"):
            self.assertIn(part, err)
        self.assertNotIn("line 1:", err)
        self.assertTrue(all(line.startswith("registry: ") for line in err.splitlines()), err)
        status, _, _ = self.run_registry("127.0.0.1:0", "--check", "--lease", "abc")
        self.assertEqual(status, 64)

    def test_the_data_lies_beside_the_userlist_unless_told_otherwise(self):
        (self.dir / "x").mkdir()
        registry = self.start_registry("--userlist", self.dir / "x" / "people.txt")
        self.assertTrue((self.dir / "x" / ".registry").is_dir())
        self.assertEqual(list(registry.data.iterdir()), [])
        self.assertEqual((self.dir / "x" / ".registry").stat().st_mode & 0o077, 0)

    def test_leases_are_told_to_who_asks_for_json(self):
        registry = self.start_registry("--lease", "30", "--classic-lease", "500")
        accept, token = "Accept: application/json", "Owner-Token: " + "A" * 43
        self.assertEqual([post(registry, f"REGISTER {name}@127.0.0.1:50001", headers=headers)
                          .json()["lease_s"] for name, headers in
                          (("ann", [accept, token]), ("bob", [accept]))], [30, 500])

    def test_the_text_log_has_time_level_and_event(self):
        registry = self.start_registry()
        lines = registry.stderr.decode().splitlines()
        self.assertRegex(lines[0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info  \S+ ")
        self.assertIn("127.0.0.1", "".join(lines))

    def test_the_json_log_is_one_object_a_line_whatever_is_asked(self):
        registry = self.start_registry("--log-format", "json")
        post(registry, "REGISTER Göktuğ@127.0.0.1:50001")
        call(registry, target="/%22%0a%5c")
        post(registry, 'REGISTER a"\\b\n@127.0.0.1:50001')
        post(registry, "LOGOUT Göktuğ@127.0.0.1:50001")
        registry.signal(signal.SIGTERM)
        self.assertEqual(registry.wait(), 0)
        registry.dispose()
        entries = [json.loads(line) for line in registry.stderr.decode().splitlines()]
        for entry in entries:
            self.assertLessEqual({"ts", "level", "event"}, set(entry))
        listening, = [entry for entry in entries if entry["event"] == "listening"]
        self.assertEqual(listening["http"], registry.address)
        self.assertEqual([(e["event"], e["user"], e["endpoint"]) for e in entries if "user" in e],
                         [(event, "Göktuğ", "127.0.0.1:50001")
                          for event in ("user registered", "user logged out")])

    def test_no_token_is_ever_logged(self):
        registry = self.start_registry()
        token = "Tok" * 14 + "A"
        for body in ("REGISTER ann@127.0.0.1:50001", "LOGOUT ann@127.0.0.1:50001", "DANCE"):
            post(registry, body, headers=[f"Owner-Token: {token}"])
        registry.signal(signal.SIGTERM)
        registry.wait()
        registry.dispose()
        self.assertNotIn(token[:12].encode(), registry.stderr)

    def test_ipv6_is_listened_on(self):
        registry = self.start_registry(where="[::1]:0")
        self.assertTrue(re.fullmatch(r"\[::1\]:\d+", registry.address), registry.address)
        self.assertEqual(call(registry, target="/healthz").status, 200)

    def test_the_wildcard_of_ipv6_takes_both_families(self):
        registry = self.start_registry(where="[::]:0")
        for host in ("127.0.0.1", "[::1]"):
            registry.host = host
            self.assertEqual(call(registry, target="/healthz").status, 200)

    def test_an_open_registry_says_so(self):
        self.start_registry(where="0.0.0.0:0").wait_stderr("warn  open registration")
        self.assertNotIn(b"warn", self.start_registry(data=self.dir / "local").stderr)

    def test_a_host_name_is_resolved(self):
        registry = self.start_registry(where="localhost:0")
        self.assertEqual(call(registry, target="/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
