#!/usr/bin/env python3
"""What was acknowledged stays: through kill -9, restarts and edits.

KILLS sets how often the registry is killed under load (default 5).
"""

import os
import random
import re
import shutil
import unittest

from support.data_test import DataTest
from support.harness import wait_until
from support.load import Load
from support.raw_http import (RawConnection, call, classic_post, exchange, modern, netchat_update,
                              post)

KILLS = int(os.environ.get("KILLS", "5"))
RECORD = re.compile(r"[^@:,\s]+@127\.0\.0\.1:\d{4,5}")


class KillTest(DataTest):
    def test_kill_9_under_load_loses_nothing_acknowledged_and_tears_nothing(self):
        rng = random.Random(4090)
        for kill in range(KILLS):
            if kill % 100 == 0:  # else there are more users with each, and more to check
                shutil.rmtree(self.dir / "registry", ignore_errors=True)
                present, gone = set(), set()
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

    def test_an_edit_under_a_running_registry_is_not_read_and_is_written_over(self):
        registry = self.start_registry()
        self.path.write_text("dan@127.0.0.1:50004\n")
        post(registry, "REGISTER eve@127.0.0.1:50005")
        now = {f"{name}@127.0.0.1:50001" for name in ("ann", "bob", "cleo")}
        now.add("eve@127.0.0.1:50005")
        self.assertEqual(self.listed(registry), now)
        wait_until(lambda: set(self.file_lines()) == now, "the file shows the list again")

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


class UnusableTest(DataTest):
    """Data that cannot be used are one sentence and 78, and stay as they are."""

    def refused(self, *options):
        registry = self.start_registry(*options, wait=False)
        self.assertEqual(registry.wait(), 78)
        registry.dispose()
        return self.only_sentence(registry)

    def test_a_folder_that_cannot_be_written(self):
        self.assertIn("/proc/nowhere", self.refused("--data", "/proc/nowhere"))

    def test_a_list_that_is_a_folder_and_a_folder_that_is_a_file(self):
        data = self.dir / "registry"
        (data / "list").mkdir(parents=True)
        (data / "file").touch()
        self.assertIn("list", self.refused("--userlist", "list"))
        self.assertIn("file", self.refused("--data", "file"))

    def test_a_database_that_is_none(self):
        """A list written anew from an empty one would be a loss nobody was told of."""
        self.stop(self.start_registry())
        database = self.dir / "registry" / ".registry" / "directory.1.db"
        for content in (b"no database" * 1000, database.read_bytes()[:3000]):
            database.write_bytes(content)
            self.assertIn(".registry", self.refused())
            self.assertEqual(database.read_bytes(), content)


if __name__ == "__main__":
    unittest.main()
