#!/usr/bin/env python3
"""The registry's command line and its log."""

import json
import re
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
        self.assertLessEqual(out.count("\n"), 40)
        self.assertLessEqual(max(map(len, out.splitlines())), 100)
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

    def test_check_validates_and_leaves_nothing_running(self):
        status, _, err = self.run_registry("127.0.0.1:0", "--check")
        self.assertEqual(status, 0, err)
        status, _, _ = self.run_registry("127.0.0.1:0", "--check", "--lease", "abc")
        self.assertEqual(status, 64)

    def test_the_text_log_has_time_level_and_event(self):
        registry = self.start_registry()
        lines = registry.stderr.decode().splitlines()
        self.assertRegex(lines[0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info  \S+ ")
        self.assertIn("127.0.0.1", "".join(lines))

    def test_the_json_log_is_one_object_a_line(self):
        registry = self.start_registry("--log-format", "json")
        post(registry, "REGISTER Göktuğ@127.0.0.1:50001")
        call(registry, target='/%22%0a%5c')
        registry.kill()
        registry.dispose()
        entries = [json.loads(line) for line in registry.stderr.decode().splitlines()]
        for entry in entries:
            self.assertLessEqual({"ts", "level", "event"}, set(entry))
        listening, = [entry for entry in entries if entry["event"] == "listening"]
        self.assertEqual(listening["http"], registry.address)

    def test_ipv6_is_listened_on(self):
        registry = self.start_registry(where="[::1]:0")
        self.assertTrue(re.fullmatch(r"\[::1\]:\d+", registry.address), registry.address)
        self.assertEqual(call(registry, target="/healthz").status, 200)

    def test_a_host_name_is_resolved(self):
        registry = self.start_registry(where="localhost:0")
        self.assertEqual(call(registry, target="/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
