#!/usr/bin/env python3
"""A disk that is full or broken: 503, nothing acknowledged is lost, and it ends by itself.

The full disk is a small file system of its own (mounting it needs root), the broken one is made
by strace, which lets chosen system calls fail.
"""

import os
import re
import signal
import subprocess
import unittest

from support import strace
from support.data_test import DataTest
from support.harness import wait_until
from support.raw_http import call, post


class FaultTest(DataTest):
    def check_after_kill(self, registry, data, records):
        """What was acknowledged, and nothing else, is there after a kill."""
        self.assertEqual(self.listed(registry), records)
        registry.kill()
        self.assertEqual(self.listed(self.start_registry(data=data)), records)
        wait_until(lambda: set(self.file_lines(data)) == records, "userlist.txt shows the list")

    @staticmethod
    def is_ready(registry):
        return call(registry, target="/readyz").status == 200


@unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs needs root")
class FullDiskTest(FaultTest):
    """A small file system of its own, filled to the last byte."""

    def setUp(self):
        super().setUp()
        self.disk = self.dir / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no tmpfs here: {mounted.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)
        self.data = self.disk / "registry"
        self.registry = self.start_registry(data=self.data)
        self.records = {"before@127.0.0.1:50001"}
        post(self.registry, "REGISTER before@127.0.0.1:50001")

    def fill(self):
        with open(self.disk / "filler", "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def free(self):
        (self.disk / "filler").unlink()

    def fill_until_refused(self):
        """What a full disk still takes (space in its files) is acknowledged; then comes a 503."""
        self.fill()
        for number in range(5000):
            record = f"user{number}@127.0.0.1:50001"
            answer = post(self.registry, f"REGISTER {record}", headers=["Accept: application/json"])
            if answer.status != 200:
                self.assertEqual((answer.status, answer.json()["http"]), (503, 503))
                return
            self.records.add(record)
        self.fail("the full disk takes everything")

    def test_changes_are_503_and_reads_go_on_until_there_is_space_again(self):
        self.fill_until_refused()
        self.assertEqual(self.listed(self.registry), self.records)
        self.assertEqual(call(self.registry, target="/healthz").status, 200)
        self.assertEqual(call(self.registry, target="/readyz").status, 503)
        self.registry.wait_stderr("store full")
        self.free()
        wait_until(lambda: post(self.registry, "REGISTER after@127.0.0.1:50002").status == 200,
                   "registrations are taken again")
        wait_until(lambda: self.is_ready(self.registry), "ready again")
        self.registry.wait_stderr("store recovered")
        self.check_after_kill(self.registry, self.data,
                              {*self.records, "after@127.0.0.1:50002"})

    def test_it_is_ready_again_without_anybody_trying_a_change(self):
        """A balancer sends changes to the ready only: waiting for one would be waiting for ever."""
        self.fill_until_refused()
        self.free()
        wait_until(lambda: self.is_ready(self.registry), "ready again by itself")

    def test_refreshing_an_unchanged_record_needs_no_disk(self):
        self.fill_until_refused()
        self.assertEqual(post(self.registry, "UPDATE before@127.0.0.1:50001").status, 200)

    def test_a_refused_name_is_free_and_a_refused_logout_leaves_the_record(self):
        self.fill_until_refused()
        for _ in range(3):
            self.assertEqual(post(self.registry, "REGISTER late@127.0.0.1:50002").status, 503)
            self.assertEqual(post(self.registry, "LOGOUT before@127.0.0.1:50001").status, 503)
        self.assertEqual(self.listed(self.registry), self.records)
        self.free()
        wait_until(lambda: post(self.registry, "LOGOUT before@127.0.0.1:50001").status == 200,
                   "the logout is taken")
        self.assertEqual(post(self.registry, "REGISTER late@127.0.0.1:50002").status, 200)

    def test_a_kill_while_the_disk_is_full_loses_nothing_acknowledged(self):
        self.fill_until_refused()
        self.registry.kill()
        self.free()
        self.assertEqual(self.listed(self.start_registry(data=self.data)), self.records)


@unittest.skipIf(strace.why_not(), strace.why_not())
class BrokenDiskTest(FaultTest):
    """System calls of the registry that fail, some of them or all for a while."""

    # What the calls are counted in is a commit, an export of userlist.txt or a rebuild, as it
    # happens; the outcome must be right for each.
    TRANSIENT = (
        "fdatasync:error=EIO:when=1",
        "fdatasync:error=EIO:when=4..6",
        "fsync:error=EIO:when=1..3",
        "pwrite64:error=EIO:when=6",
        "pwrite64:error=EIO:when=3+5",
        "pwrite64:error=ENOSPC:when=2..9",
        "rename:error=EIO:when=1..2",
        "openat:error=EIO:when=1..3",
        "openat:error=EMFILE:when=2",
    )

    #: In the long runs each of the first so many calls of each kind fails once.
    FAULTS = int(os.environ.get("FAULTS", "0"))

    @classmethod
    def rules(cls):
        return [*cls.TRANSIENT, *(f"{call}:error=EIO:when={number}"
                                  for call in ("pwrite64", "fdatasync", "fsync", "rename", "openat")
                                  for number in range(1, cls.FAULTS + 1))]

    class Load:
        """Changes of one registry, and what was acknowledged."""

        def __init__(self, test, name):
            self._test, self._next = test, 0
            self.data = test.dir / name
            self.registry = test.start_registry(data=self.data)
            self.records, self.refused = set(), set()

        def drive(self, count):
            for _ in range(count):
                self._next += 1
                record = f"user{self._next}@127.0.0.1:50001"
                self._change("REGISTER", record)
                if self._next % 4 == 0 and record in self.records:
                    self._change("LOGOUT", record)

        def _change(self, verb, record):
            status = post(self.registry, f"{verb} {record}").status
            self._test.assertIn(status, (200, 503), (verb, record))
            if status == 503:
                self.refused.add(record)
            elif verb == "REGISTER":
                self.records.add(record)
            else:
                self.records.discard(record)

        def drive_until(self, condition):
            wait_until(lambda: self.drive(1) or condition(), "the fault has come")

        def check_recovered(self):
            test, registry = self._test, self.registry
            wait_until(lambda: test.is_ready(registry), "ready again by itself")
            last = "last@127.0.0.1:50002"
            wait_until(lambda: post(registry, f"REGISTER {last}").status == 200,
                       "changes are taken again")
            test.check_after_kill(registry, self.data, {*self.records, last})

    def test_calls_that_fail_once_or_a_few_times(self):
        """Each fault in a registry of its own, some at once, so that their waits overlap."""
        rules = self.rules()
        for first in range(0, len(rules), 10):
            self.check_faults(first, rules[first:first + 10])

    def check_faults(self, first, rules):
        runs = []
        for number, rule in enumerate(rules, first):
            load = self.Load(self, f"faulty{number}")
            load.drive(3)
            runs.append((rule, load, strace.Fault(self, load.registry, rule)))
        for _, load, fault in runs:
            load.drive_until(fault.has_come)
            load.drive(10)
        for rule, load, fault in runs:
            with self.subTest(rule):
                if "+" in rule:
                    fault.end()
                load.check_recovered()

    def test_a_disk_that_takes_nothing_for_a_while(self):
        for call_name in ("fdatasync", "pwrite64"):
            with self.subTest(call_name):
                load = self.Load(self, call_name)
                load.drive(5)
                fault = strace.Fault(self, load.registry, f"{call_name}:error=EIO")
                before = set(load.records)
                load.drive(5)
                self.assertEqual(load.records, before, "nothing is acknowledged")
                self.assertEqual(self.listed(load.registry), before, "reads go on")
                self.assertEqual(call(load.registry, target="/readyz").status, 503)
                load.registry.wait_stderr("store still down")  # it has tried in vain
                fault.end()
                load.check_recovered()

    def test_a_kill_before_the_recovery_loses_nothing_acknowledged(self):
        for call_name in ("fdatasync", "pwrite64"):
            with self.subTest(call_name):
                load = self.Load(self, call_name)
                load.drive(20)
                strace.Fault(self, load.registry, f"{call_name}:error=EIO")
                load.drive(3)
                load.registry.kill()
                listed = self.listed(self.start_registry(data=load.data))
                self.assertEqual(load.records - listed, set())
                self.assertEqual(listed - load.records - load.refused, set())


@unittest.skipIf(strace.why_not(), strace.why_not())
class ExportTest(FaultTest):
    def test_an_export_that_is_in_place_but_not_known_to_be_is_still_our_own(self):
        """The folder's synchronisation fails, then the registry is killed before the next export
        gets its name: the file is none that the database calls the last, and no person's edit."""
        data = self.dir / "killed"
        under = ["strace", "-D", "-qq", "-f", "-o", self.dir / "trace", "-e", "trace=fsync,rename",
                 "-e", "inject=fsync:error=EIO:when=4", "-e", "inject=rename:signal=SIGKILL:when=3"]
        registry = self.start_registry(data=data, under=under)
        post(registry, "REGISTER first@127.0.0.1:50001")
        wait_until(lambda: self.file_lines(data) == ["first@127.0.0.1:50001"], "its export")
        post(registry, "REGISTER second@127.0.0.1:50002")
        registry.wait()
        again = self.start_registry(data=data)
        self.assertEqual(self.listed(again), {"first@127.0.0.1:50001", "second@127.0.0.1:50002"})


@unittest.skipIf(strace.why_not(), strace.why_not())
class OrderTest(FaultTest):
    """What a power cut would find: a file is on disk before it gets its name, and the name then."""

    def test_userlist_txt_and_its_folder_are_synchronised_around_the_rename(self):
        trace = strace.Trace(self.dir / "trace", "openat,fsync,rename,exit_group")
        registry = self.start_registry(data=self.dir / "traced", under=trace.words)
        post(registry, "REGISTER alice@127.0.0.1:50001")
        wait_until(lambda: self.file_lines(registry.data) == ["alice@127.0.0.1:50001"], "the export")
        # Not by SIGKILL: the writer's last call is to return.
        registry.signal(signal.SIGTERM)
        registry.wait()
        wait_until(lambda: any("exit_group(" in line for line in trace.lines()), "the whole trace")
        calls = [line.split(maxsplit=1) for line in trace.lines()]
        writer, = {thread for thread, call in calls if call.startswith("rename(")}
        calls = [call for thread, call in calls if thread == writer]
        renames = [i for i, call in enumerate(calls)
                   if re.match(r'rename\(.*userlist.txt"\) += 0', call)]
        self.assertTrue(renames)
        for i in renames:
            opened = re.match(r'openat\(.*userlist.txt.new", .* = (\d+)', calls[i - 2])
            self.assertTrue(opened, calls[i - 2])
            self.assertRegex(calls[i - 1], rf"fsync\({opened.group(1)}\) += 0")
            folder = re.match(r"openat\(.*O_DIRECTORY.* = (\d+)", calls[i + 1])
            self.assertTrue(folder, calls[i + 1])
            self.assertRegex(calls[i + 2], rf"fsync\({folder.group(1)}\) += 0")


if __name__ == "__main__":
    unittest.main()
