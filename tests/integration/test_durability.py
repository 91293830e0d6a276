#!/usr/bin/env python3
"""What was acknowledged stays: through kill -9, restarts, edits and a full disk.

KILLS sets how often the registry is killed under load (default 5).
"""

import os
import random
import re
import signal
import subprocess
import unittest

from support.harness import IntegrationTest, wait_until
from support.load import Load
from support.raw_http import (RawConnection, call, classic_post, exchange, modern, netchat_update,
                              post, users)
from support.tcp_queue import wait_server_has_read

KILLS = int(os.environ.get("KILLS", "5"))
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")
RECORD = re.compile(r"[^@:,\s]+@127\.0\.0\.1:\d{4,5}")


class DataTest(IntegrationTest):
    """Helpers around one data folder."""

    def file_lines(self, data=None):
        path = (data or self.dir / "registry") / "userlist.txt"
        return path.read_text().splitlines() if path.exists() else []

    def listed(self, registry):
        return {f"{name}@{user['endpoint']}" for name, user in users(registry).items()}

    def stop(self, registry):
        registry.signal(signal.SIGTERM)
        self.assertEqual(registry.wait(), 0)


    def only_sentence(self, registry):
        lines = [line for line in registry.stderr.decode().splitlines()
                 if line and not LOG_LINE.match(line)]
        sentences = [line for line in lines if not line.startswith("  ")]
        self.assertEqual(len(sentences), 1, lines)
        self.assertTrue(sentences[0].startswith("registry: "), lines)
        self.assertLessEqual(len(lines), 2, lines)
        return sentences[0]


class KillTest(DataTest):
    def test_kill_9_under_load_loses_nothing_acknowledged_and_tears_nothing(self):
        rng = random.Random(4090)
        present, gone = set(), set()
        for kill in range(KILLS):
            registry = self.start_registry()
            self.check(registry, present, gone, set())
            load = Load(registry, f"k{kill}")
            enough = rng.randrange(20, 400)
            wait_until(lambda: load.count >= enough, f"{enough} acknowledged changes")
            registry.kill()
            load.join()
            self.assertEqual(load.refused, [])
            self.check_not_torn()
            # What was under way may have happened; settle it, so that the next round is exact.
            registry = self.start_registry()
            self.check(registry, present | load.present, gone | load.gone, load.uncertain)
            now = self.listed(registry)
            present, gone = now, (gone | load.gone | load.uncertain) - now
            registry.kill()

    def check(self, registry, present, gone, uncertain):
        """List and file hold all acknowledged records and no acknowledged logout.

        A record whose REGISTER was acknowledged and whose LOGOUT was not is uncertain as well.
        """
        listed = self.listed(registry)
        self.assertEqual(present - uncertain - listed, set(), "lost from the list")
        self.assertEqual(gone & listed, set(), "back in the list after LOGOUT")
        self.assertEqual(listed - present - uncertain, set(), "nobody registered these")
        wait_until(lambda: set(self.file_lines()) == listed, "userlist.txt shows the list")

    def check_not_torn(self):
        path = self.dir / "registry" / "userlist.txt"
        text = path.read_text() if path.exists() else ""
        self.assertTrue(text == "" or text.endswith("\n"), text[-80:])
        torn = [line for line in text.splitlines() if not RECORD.fullmatch(line)]
        self.assertEqual(torn, [])

    def test_userlist_txt_is_whole_whenever_it_is_read(self):
        registry = self.start_registry()
        load = Load(registry, "w")
        for enough in range(100, 1500, 100):
            wait_until(lambda: load.count >= enough, f"{enough} changes")
            self.check_not_torn()
        load.stop()
        wait_until(lambda: set(self.file_lines()) == load.present, "the file catches up")

    def test_a_record_keeps_its_transport_and_its_owner_over_a_kill(self):
        owner = "Owner-Token: " + "A" * 43
        registry = self.start_registry()
        exchange(registry, netchat_update("can@127.0.1.1:40001"))
        exchange(registry, classic_post("REGISTER ali@127.0.0.1:50001"))
        post(registry, "REGISTER bob@127.0.0.1:50002", headers=[owner])
        before = call(registry, target="/userlist.txt?format=json").json()
        registry.kill()
        registry = self.start_registry()
        after = call(registry, target="/userlist.txt?format=json").json()
        self.assertEqual(after["users"], before["users"])
        self.assertGreaterEqual(after["version"], before["version"])
        self.assertEqual(post(registry, "REGISTER bob@127.0.0.1:50003").status, 406)
        self.assertEqual(post(registry, "REGISTER bob@127.0.0.1:50003", headers=[owner]).status,
                         200)

    def test_the_version_never_runs_backwards(self):
        last = 0
        for round_number in range(3):
            registry = self.start_registry()
            post(registry, f"REGISTER a{round_number}@127.0.0.1:50001")
            version = call(registry, target="/userlist.txt?format=json").json()["version"]
            self.assertGreater(version, last)
            last = version
            registry.kill()


class TerminationTest(DataTest):
    def test_sigterm_drains_answers_and_exits_0_with_the_file_written(self):
        registry = self.start_registry()
        load = Load(registry, "d")
        wait_until(lambda: load.count >= 200, "some load")
        registry.signal(signal.SIGTERM)
        load.join()
        self.assertEqual(registry.wait(), 0)
        lines = set(self.file_lines())
        self.assertEqual(load.present - lines, set())
        self.assertEqual(load.gone & lines, set())
        self.assertEqual({status for _, _, status in load.refused} - {503}, set())

    def test_a_restart_after_sigterm_shows_the_same_list_in_the_same_order(self):
        registry = self.start_registry()
        for number in range(20):
            post(registry, f"REGISTER user{number}@127.0.0.1:{50001 + number}")
        before = call(registry).body
        self.stop(registry)
        self.assertEqual(call(self.start_registry()).body, before)

    def test_idle_connections_do_not_hold_up_the_exit(self):
        registry = self.start_registry()
        with RawConnection(registry) as idle, RawConnection(registry) as half:
            idle.send(modern(registry, target="/healthz"))
            idle.read_response()
            half.send(b"GET /userlist.txt HTTP/1.1\r\n")
            wait_server_has_read(half.socket)
            self.stop(registry)

    def test_sigint_ends_it_as_well(self):
        registry = self.start_registry()
        registry.signal(signal.SIGINT)
        self.assertIn(registry.wait(), (0, 130))


class EditTest(DataTest):
    def setUp(self):
        super().setUp()
        registry = self.start_registry()
        for name in ("ann", "bob", "cleo"):
            post(registry, f"REGISTER {name}@127.0.0.1:50001")
        self.stop(registry)
        self.path = self.dir / "registry" / "userlist.txt"

    def test_an_edited_file_wins_at_start(self):
        self.assertEqual(self.file_lines(), ["ann@127.0.0.1:50001", "bob@127.0.0.1:50001",
                                             "cleo@127.0.0.1:50001"])
        self.path.write_text("ann@127.0.0.1:50001\nnot a record\ncleo@127.0.0.1:50009\n"
                             "dan@127.0.0.1:50004\n")
        registry = self.start_registry()
        self.assertEqual(self.listed(registry), {"ann@127.0.0.1:50001", "cleo@127.0.0.1:50009",
                                                 "dan@127.0.0.1:50004"})
        registry.wait_stderr(rb"not a record")
        self.stop(registry)
        self.assertEqual(len(self.file_lines()), 3)

    def test_each_kind_of_bad_line_is_skipped_and_the_rest_kept(self):
        bad = ["", "x", "@127.0.0.1:50001", "a@b@127.0.0.1:50001", "a b@127.0.0.1:50001",
               "a@127.0.0.1", "a@127.0.0.1:99999", "user@127.0.0.1:50001", "ann@127.0.0.1:50002",
               "n" * 5000, "\x1b[31mred@127.0.0.1:50001"]
        self.path.write_text("ann@127.0.0.1:50001\n" + "\n".join(bad)
                             + "\ndan@127.0.0.1:50004\n")
        registry = self.start_registry()
        self.assertEqual(self.listed(registry), {"ann@127.0.0.1:50001", "dan@127.0.0.1:50004"})
        self.assertNotIn(b"\x1b", registry.stderr)

    def test_a_last_line_without_its_end_counts(self):
        self.path.write_text("ann@127.0.0.1:50001\ndan@127.0.0.1:50004")
        self.assertEqual(self.listed(self.start_registry()),
                         {"ann@127.0.0.1:50001", "dan@127.0.0.1:50004"})

    def test_bytes_that_are_not_text_do_not_stop_the_start(self):
        self.path.write_bytes(b"ann@127.0.0.1:50001\n\xff\xfe\x00\ndan@127.0.0.1:50004\n")
        self.assertEqual(self.listed(self.start_registry()),
                         {"ann@127.0.0.1:50001", "dan@127.0.0.1:50004"})

    def test_an_unedited_file_is_no_edit_after_a_kill_that_left_it_behind(self):
        registry = self.start_registry()
        post(registry, "REGISTER late@127.0.0.1:50005")
        registry.kill()  # most likely before the file was written
        self.assertIn("late@127.0.0.1:50005", self.listed(self.start_registry()))

    def test_an_edit_survives_a_second_restart(self):
        self.path.write_text("dan@127.0.0.1:50004\n")
        self.start_registry().kill()
        self.assertEqual(self.listed(self.start_registry()), {"dan@127.0.0.1:50004"})


class MoveInTest(DataTest):
    def test_an_old_deployment_with_only_its_file_moves_in(self):
        records = [f"user{number}@127.0.0.1:{50001 + number}" for number in range(50)]
        data = self.dir / "registry"
        data.mkdir()
        (data / "userlist.txt").write_text("".join(f"{record}\n" for record in records))
        registry = self.start_registry()
        self.assertEqual(call(registry, target="/userlist.txt?format=lines").text.splitlines(),
                         records)
        self.assertEqual(post(registry, "REGISTER user7@127.0.0.1:50001").status, 406)
        registry.kill()
        self.assertEqual(self.listed(self.start_registry()), set(records))

    def test_userlist_and_data_options_choose_the_places(self):
        (self.dir / "x").mkdir()
        registry = self.start_registry("--userlist", self.dir / "x" / "people.txt",
                                       "--data", self.dir / "x" / "state")
        post(registry, "REGISTER ann@127.0.0.1:50001")
        self.stop(registry)
        self.assertEqual((self.dir / "x" / "people.txt").read_text(), "ann@127.0.0.1:50001\n")
        self.assertTrue((self.dir / "x" / "state").is_dir())


class TwoRegistriesTest(DataTest):
    def refused(self, registry):
        """The one sentence, apart from log lines; an indented hint may follow it."""
        self.assertEqual(registry.wait(), 69)
        registry.dispose()
        return self.only_sentence(registry)

    def test_a_second_one_on_the_same_data_refuses_with_one_sentence(self):
        first = self.start_registry()
        post(first, "REGISTER ann@127.0.0.1:50001")
        self.refused(self.start_registry(wait=False))
        self.assertEqual(self.listed(first), {"ann@127.0.0.1:50001"})
        self.assertEqual(post(first, "REGISTER bob@127.0.0.1:50002").status, 200)

    def test_a_second_one_on_the_same_port_refuses_with_one_sentence(self):
        first = self.start_registry()
        line = self.refused(self.start_registry(where=first.address, data=self.dir / "second",
                                                wait=False))
        self.assertIn(str(first.port), line)
        self.assertRegex(line, "(?i)in use")

    def test_the_refused_one_leaves_the_data_unharmed(self):
        first = self.start_registry()
        post(first, "REGISTER ann@127.0.0.1:50001")
        for _ in range(3):
            self.refused(self.start_registry(wait=False))
        first.kill()
        self.assertEqual(self.listed(self.start_registry()), {"ann@127.0.0.1:50001"})

    def test_a_killed_ones_port_is_free_at_once(self):
        first = self.start_registry()
        with RawConnection(first) as connection:
            connection.send(modern(first))
            connection.read_response()
            first.kill()
        self.start_registry(where=first.address)


@unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs needs root")
class FullDiskTest(DataTest):
    """A small file system of its own, filled to the last byte."""

    def setUp(self):
        super().setUp()
        self.disk = self.dir / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no tmpfs here: {mounted.stderr.decode().strip()}")

    def tearDown(self):
        for program in self.programs:
            program.dispose()
        subprocess.run(["umount", "-l", self.disk], capture_output=True, check=False)
        super().tearDown()

    def fill(self):
        with open(self.disk / "filler", "ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass

    def register_until_refused(self, registry):
        """What a full disk still takes (space in its files) is acknowledged; then comes a 503."""
        acknowledged = []
        for number in range(5000):
            record = f"user{number}@127.0.0.1:50001"
            status = post(registry, f"REGISTER {record}").status
            if status != 200:
                return acknowledged, status
            acknowledged.append(record)
        return acknowledged, 200

    def test_a_full_disk_answers_503_keeps_reading_and_recovers(self):
        registry = self.start_registry(data=self.disk / "registry")
        post(registry, "REGISTER before@127.0.0.1:50001")
        self.fill()
        acknowledged, status = self.register_until_refused(registry)
        self.assertEqual(status, 503)
        self.assertEqual(self.listed(registry), {"before@127.0.0.1:50001", *acknowledged})
        self.assertEqual(call(registry, target="/healthz").status, 200)
        (self.disk / "filler").unlink()
        wait_until(lambda: post(registry, "REGISTER after@127.0.0.1:50002").status == 200,
                   "registrations are taken again")
        wait_until(lambda: call(registry, target="/readyz").status == 200, "ready again")
        registry.kill()
        registry = self.start_registry(data=self.disk / "registry")
        self.assertEqual(self.listed(registry), {"before@127.0.0.1:50001", *acknowledged,
                                                 "after@127.0.0.1:50002"})

    def test_a_kill_while_the_disk_is_full_loses_nothing_acknowledged(self):
        registry = self.start_registry(data=self.disk / "registry")
        post(registry, "REGISTER before@127.0.0.1:50001")
        self.fill()
        acknowledged, _ = self.register_until_refused(registry)
        registry.kill()
        (self.disk / "filler").unlink()
        registry = self.start_registry(data=self.disk / "registry")
        listed = self.listed(registry)
        self.assertEqual({"before@127.0.0.1:50001", *acknowledged} - listed, set())


class UnwritableTest(DataTest):
    def test_a_folder_that_cannot_be_written_is_one_sentence_and_not_a_crash(self):
        registry = self.start_registry("--data", "/proc/nowhere", wait=False)
        self.assertNotEqual(registry.wait(), 0)
        registry.dispose()
        self.assertIn("/proc/nowhere", self.only_sentence(registry))


if __name__ == "__main__":
    unittest.main()
