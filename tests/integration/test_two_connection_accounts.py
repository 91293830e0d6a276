#!/usr/bin/env python3
"""Accounts of the two-connection door: the file, passwd, SIGHUP, guessing, second logins."""

import contextlib
import shutil
import signal
import statistics
import subprocess
import unittest

from support import machines
from support.harness import DEADLINE, DEADLINE_SCALE, IntegrationTest, our_program, wait_until
from support.machines import Machines
from support.raw_http import call
from support.tmux import Tmux
from support.two_connection import (ACCOUNTS, AT_ONCE, DELIVERED, LOGGED_IN, LOGIN_FAILED,
                                    NOT_DELIVERED, PASSWORDS, RECEIPT_LATEST, RECEIPT_TIME,
                                    DoorTest, Stopwatch)

BAD_INPUT, CONFIGURATION, USAGE = 65, 78, 64
# What a login of a name waits for when the first one's machine does not answer.
REPLACED_WITHIN = 5.0 * DEADLINE_SCALE


class PasswdTest(IntegrationTest):
    """`registry passwd FILE USER`."""

    def setUp(self):
        super().setUp()
        self.file = self.dir / "accounts.txt"

    def passwd(self, user, stdin):
        done = subprocess.run([our_program("registry"), "passwd", self.file, user], input=stdin,
                              capture_output=True, timeout=DEADLINE, env=self.environment(),
                              check=False)
        self.assertEqual(done.stdout, b"")
        return done

    def test_it_makes_a_private_file_and_adds_a_hash(self):
        done = self.passwd("carol", b"s3cret\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(self.file.read_text(), r"\Acarol \$argon2id\$\S+\n\Z")
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(b"s3cret", done.stderr)

    def test_it_changes_that_users_line_and_no_other(self):
        self.file.write_text("erin one\nCarol two\nnonsense\r\ndave three")
        self.assertEqual(self.passwd("carol", b"s3cret").returncode, 0)
        self.assertRegex(self.file.read_text(),
                         r"\Aerin one\ncarol \$argon2id\$\S+\nnonsense\r?\ndave three\n\Z")

    def test_passwords_that_no_line_can_carry_are_refused_and_nothing_changes(self):
        self.file.write_text("carol s3cret\n")
        for password in (b"", b"\n", b"two words\n", b"tab\there\n", b"\xff\xfe\n",
                         b"x" * 5000 + b"\n", b"bell\a\n"):
            self.assertEqual(self.passwd("carol", password).returncode, BAD_INPUT, password)
        self.assertEqual(self.file.read_text(), "carol s3cret\n")

    def test_wrong_arguments_are_usage_errors(self):
        self.assertEqual(self.passwd("a@b", b"x\n").returncode, USAGE)
        self.assertEqual(self.passwd("all", b"x\n").returncode, USAGE)
        self.assertFalse(self.file.exists())

    def test_a_folder_in_place_of_the_file_is_a_configuration_error(self):
        self.file.mkdir()
        self.assertEqual(self.passwd("carol", b"x\n").returncode, CONFIGURATION)


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class PasswdAtTerminalTest(DoorTest):
    def at_terminal(self, user):
        terminal = Tmux(self.dir / f"{user}.tmux", self.environment(TERM="screen"),
                        [our_program("registry"), "passwd", self.accounts_file, user])
        self.addCleanup(terminal.__exit__)
        return terminal

    def answer(self, terminal, prompt, password):
        terminal.wait_screen(prompt)
        terminal.type(password)
        terminal.press("Enter")

    def test_the_password_is_asked_for_twice_and_never_shown(self):
        terminal = self.at_terminal("carol")
        self.answer(terminal, "New password for carol:", "n0t-shown")
        self.answer(terminal, "Once more:", "n0t-shown")
        self.assertEqual(terminal.wait_status(), 0)
        self.assertNotIn("n0t-shown", terminal.screen())
        self.registry.signal(signal.SIGHUP)
        wait_until(lambda: self.registry.stderr.count(b"accounts read") == 2, "read anew")
        self.connect().ask("/login carol n0t-shown", LOGGED_IN)

    def test_two_different_ones_change_nothing(self):
        terminal = self.at_terminal("carol")
        self.answer(terminal, "New password for carol:", "one")
        self.answer(terminal, "Once more:", "two")
        self.assertEqual(terminal.wait_status(), BAD_INPUT)
        self.assertEqual(self.accounts_file.read_text(), ACCOUNTS)

    def test_control_c_changes_nothing(self):
        for name, key, typed in (("carol", "C-c", ""), ("dave", "C-c", "half a pass"),
                                 ("erin", "C-\\", "x")):
            terminal = self.at_terminal(name)
            terminal.wait_screen(f"New password for {name}:")
            terminal.type(typed)
            terminal.press(key)
            self.assertEqual(terminal.wait_status(), BAD_INPUT)
        self.assertEqual(self.accounts_file.read_text(), ACCOUNTS)


class HashedTest(DoorTest):
    """A file with hashes; helpers for it."""

    def hash_passwords(self, *names):
        for name in names:
            subprocess.run([our_program("registry"), "passwd", self.accounts_file, name],
                           input=PASSWORDS[name].encode(), capture_output=True, check=True,
                           timeout=DEADLINE, env=self.environment())

    def reload(self):
        before = self.registry.stderr.count(b"accounts")
        self.registry.signal(signal.SIGHUP)
        wait_until(lambda: self.registry.stderr.count(b"accounts") > before
                   and self.registry.stderr.endswith(b"\n"), "SIGHUP is dealt with")
        self.registry.wait_idle()


class AccountsFileTest(HashedTest):
    def check_login(self, name, password, answer):
        user = self.connect()
        user.ask(f"/login {name} {password}", answer)
        if answer == LOGGED_IN:
            user.leave()

    def start_with(self, text, *options):
        """Another registry with another file; returns it once it has ended."""
        self.write_accounts(text)
        registry = self.start_registry("--two-connection", "127.0.0.1:0", "--accounts",
                                       self.accounts_file, *options, data=self.dir / "other",
                                       wait=False)
        return registry, registry.wait()

    def test_plain_and_hashed_lines_side_by_side(self):
        self.hash_passwords("dave", "heidi")
        self.assertNotIn(PASSWORDS["heidi"], self.accounts_file.read_text())
        self.reload()
        for name in ("carol", "dave", "heidi"):
            self.check_login(name, PASSWORDS[name], LOGGED_IN)
            self.check_login(name, "wrong", LOGIN_FAILED)
        hashed = self.accounts_file.read_text().split("dave ")[1].split("\n")[0]
        self.check_login("dave", hashed, LOGIN_FAILED)  # the hash itself is no password

    def test_bad_lines_are_reported_and_skipped(self):
        self.write_accounts(b"carol s3cret\r\n\nalone\na@b x\nfrank two words\nerin \n"
                            b"CAROL again\nheidi $argon2id$broken\ngrace \xff\n room x\n"
                            b"ivan i-van\njudy j.u.d.y")
        self.reload()
        for line in (3, 4, 5, 6, 7, 8, 9, 10):
            self.registry.wait_stderr(f"line {line} is skipped")
        for line in (1, 2, 11, 12):
            self.assertNotIn(f"line {line} is".encode(), self.registry.stderr)
        self.registry.wait_stderr("accounts read .*count=3")
        self.check_login("carol", "s3cret", LOGGED_IN)
        for login in ("carol again", "erin ", "frank two", "heidi $argon2id$broken"):
            user = self.connect()
            user.la.send(f"/login {login}\n")
            self.assertIn(user.la.read_line()[:3], ("102", "401"))

    def test_plain_passwords_and_an_open_file_are_warned_of_and_never_shown(self):
        self.registry.wait_stderr(f"plain passwords in .*: {len(PASSWORDS)}; registry passwd")
        self.accounts_file.chmod(0o644)
        self.reload()
        self.registry.wait_stderr("others can read .*accounts.txt")
        self.connect().ask("/login carol typing-error", LOGIN_FAILED)
        self.check_login("carol", "s3cret", LOGGED_IN)
        for password in (*PASSWORDS.values(), "typing-error"):
            if len(password) > 3:
                self.assertNotIn(password.encode(), self.registry.stderr)

    def test_strict_takes_no_plain_password(self):
        registry, status = self.start_with("carol s3cret\n", "--strict")
        self.assertEqual(status, CONFIGURATION)
        self.assertIn(b"--strict", registry.stderr)
        registry, status = self.start_with("carol s3cret\n", "--strict", "--check")
        self.assertEqual(status, CONFIGURATION)

    def test_strict_takes_hashes_and_stays_strict_at_sighup(self):
        self.write_accounts("")
        self.hash_passwords("carol", "ivan", "judy")
        self.registry.kill()
        self.registry = self.start_door("--strict", accounts=self.accounts_file.read_text())
        self.check_login("carol", "s3cret", LOGGED_IN)
        self.write_accounts(ACCOUNTS)
        self.reload()
        self.registry.wait_stderr("accounts stay as they were")
        self.check_login("dave", PASSWORDS["dave"], LOGIN_FAILED)
        self.check_login("carol", "s3cret", LOGGED_IN)

    def test_a_file_that_is_missing_ends_the_start(self):
        registry = self.start_registry("--two-connection", "127.0.0.1:0", "--accounts",
                                       self.dir / "nowhere", data=self.dir / "other", wait=False)
        self.assertEqual(registry.wait(), CONFIGURATION)
        self.assertIn(b"nowhere", registry.stderr)

    def test_door_and_accounts_go_together(self):
        for options in (("--two-connection", "127.0.0.1:0"), ("--accounts", self.accounts_file)):
            registry = self.start_registry(*options, data=self.dir / "other", wait=False)
            self.assertEqual(registry.wait(), USAGE)

    def test_a_door_port_in_use_is_said_with_the_option_that_names_it(self):
        registry = self.start_registry(
            "--two-connection", f"127.0.0.1:{self.registry.door_port}", "--accounts",
            self.accounts_file, data=self.dir / "other", wait=False)
        self.assertEqual(registry.wait(), 69)
        self.assertIn(b"Choose another: registry --two-connection 127.0.0.1:", registry.stderr)


class ReloadTest(HashedTest):
    def test_sighup_brings_new_accounts_and_passwords_and_takes_old_ones_away(self):
        carol, dave = self.online("carol"), self.online("dave").confirm_all()
        self.write_accounts("dave changed\nzoe z\nivan i-van\njudy j.u.d.y\n")
        self.reload()
        self.registry.wait_stderr("accounts read .*count=4")
        carol.ask("/to dave still here", DELIVERED)  # who is logged in stays
        zoe = self.connect()
        zoe.ask("/login zoe z", LOGGED_IN)
        zoe.leave()
        carol.leave()
        dave.leave()
        self.connect().ask("/login carol s3cret", LOGIN_FAILED)
        self.connect().ask(f"/login dave {PASSWORDS['dave']}", LOGIN_FAILED)
        self.connect().ask("/login dave changed", LOGGED_IN)

    def test_sighup_with_a_file_that_cannot_be_read_changes_nothing(self):
        self.accounts_file.unlink()
        self.reload()
        self.registry.wait_stderr("accounts stay as they were .*cannot read")
        self.accounts_file.mkdir()
        self.reload()
        self.log_in("carol").leave()

    def test_sighup_with_an_empty_file_leaves_no_account(self):
        self.write_accounts("")
        self.reload()
        self.connect().ask("/login carol s3cret", LOGIN_FAILED)
        self.write_accounts(ACCOUNTS)
        self.reload()
        self.log_in("carol").leave()

    def test_without_a_door_sighup_ends_the_registry(self):
        registry = self.start_registry(data=self.dir / "other")
        registry.signal(signal.SIGHUP)
        self.assertEqual(registry.wait(), 128 + signal.SIGHUP)


    def test_sighup_while_it_starts_does_not_end_it(self):
        self.registry.kill()
        self.registry = self.start_registry("--two-connection", "127.0.0.1:0", "--accounts",
                                            self.accounts_file, wait=False)
        self.registry.wait_stderr("starting")
        for _ in range(20):
            self.registry.signal(signal.SIGHUP)
        self.registry.wait_ready()
        self.registry.door_host = "127.0.0.1"
        found = self.registry.wait_stderr(rb"two-connection=127.0.0.1:(\d+)")
        self.registry.door_port = int(found.group(1))
        wait_until(lambda: self.registry.stderr.count(b"accounts read") >= 2, "read anew")


class GuessingTest(HashedTest):
    def guess(self, user, name, times):
        for number in range(times):
            user.ask(f"/login {name} guess{number}", LOGIN_FAILED)

    def check_serves(self):
        """From another address: this one has guessed too much."""
        self.online("ivan", source="127.0.0.3").leave()

    def test_five_failures_are_free_and_then_each_waits_twice_as_long(self):
        user, clock = self.connect(), Stopwatch()
        self.guess(user, "carol", 5)
        self.assertLess(clock.seconds, 1.0)
        for delay in (1.0, 2.0):
            clock = Stopwatch()
            user.ask("/login carol guess", LOGIN_FAILED)
            self.assertGreaterEqual(clock.seconds, delay)
            self.assertLess(clock.seconds, delay + AT_ONCE)
        self.assertEqual(self.metric("registry_two_connection_throttled_logins_total"), 2)

    def check_told_late(self, name, source):
        clock = Stopwatch()
        self.connect(source).ask(f"/login {name} guess", LOGIN_FAILED)
        self.assertGreaterEqual(clock.seconds, 1.0)

    def test_the_owner_gets_in_at_once_whoever_has_guessed(self):
        self.guess(self.connect("127.0.0.2"), "carol", 6)
        for name, source in (("dave", "127.0.0.2"), ("carol", "127.0.0.4"), ("carol", "127.0.0.2")):
            clock = Stopwatch()
            self.log_in(name, source).leave()
            self.assertLess(clock.seconds, 1.0)

    def test_an_account_guessed_from_many_addresses_is_slowed_down_as_well(self):
        for number in range(5):
            self.guess(self.connect(f"127.0.1.{number + 1}"), "carol", 1)
        self.check_told_late("carol", "127.0.2.1")

    def test_many_accounts_guessed_from_one_address_are_slowed_down_as_well(self):
        for name in ("carol", "dave", "erin", "frank", "grace"):
            self.guess(self.connect("127.0.0.2"), name, 1)
        self.check_told_late("heidi", "127.0.0.2")

    def test_hanging_up_saves_a_guesser_nothing(self):
        """As many as can be begun in two seconds: five free ones, then five at a time."""
        clock, begun = Stopwatch(), 0
        while clock.seconds < 2.0:
            user = self.connect("127.0.0.2")
            user.la.send("/login carol guess\n")
            try:  # the free ones are answered at once
                user.la.socket.settimeout(0.05)
                user.la.read_line()
            except AssertionError:
                pass
            user.la.reset()
            begun += 1
        self.assertGreater(begun, 20)
        counted = self.metric('registry_two_connection_logins_total{result="password"}') + \
            self.metric("registry_two_connection_throttled_logins_total")
        self.assertLessEqual(counted, 15)
        self.connect("127.0.0.2").ask("/list", "401 Unrecognized message\n")
        self.assertEqual(self.names(), set())

    def test_an_unknown_user_is_answered_like_a_wrong_password_and_as_slowly(self):
        self.write_accounts("")
        self.hash_passwords("carol", "ivan")
        self.reload()
        seconds = {}
        for third, name in enumerate(("carol", "nobody")):
            times = []
            for number in range(5):
                user = self.connect(f"127.0.{10 + third}.{number + 1}")
                clock = Stopwatch()
                user.ask(f"/login {name} guess", LOGIN_FAILED)
                times.append(clock.seconds)
            seconds[name] = statistics.median(times)
        ratio = seconds["nobody"] / seconds["carol"]
        self.assertGreater(ratio, 1 / 3, seconds)
        self.assertLess(ratio, 3, seconds)


class SecondLoginTest(DoorTest):
    def test_the_second_login_of_a_user_who_is_there_is_102(self):
        first, dave = self.online("carol"), self.online("dave")
        for name in ("carol", "CAROL"):
            second, clock = self.connect(), Stopwatch()
            second.ask(f"/login {name} s3cret", LOGIN_FAILED)
            self.assertLess(clock.seconds, AT_ONCE)
        dave.la.send("/to carol you are the one\n")
        first.expect_pushed("/from dave you are the one\n")
        dave.la.expect(DELIVERED)
        first.leave()
        second.ask("/login carol s3cret", LOGGED_IN)
        self.assertEqual(self.metric('registry_two_connection_logins_total{result="in use"}'), 2)

    def test_a_stopped_program_still_has_its_name(self):
        """Its machine answers for it."""
        client = self.start_old_client("carol")
        client.signal(signal.SIGSTOP)
        self.connect().ask("/login carol s3cret", LOGIN_FAILED)
        client.signal(signal.SIGCONT)
        client.write("/list")
        client.wait_stdout_has("301 carol\n")

    def test_after_the_first_was_killed_the_second_is_in(self):
        for variant in "ab":
            client = self.start_old_client("carol", variant)
            client.kill()
            self.log_in("carol").leave()

    def test_a_hundred_at_once_and_one_is_in(self):
        contenders = [self.connect() for _ in range(100)]
        for user in contenders:
            user.la.send("/login carol s3cret\n")
        answers = [user.la.read_line() for user in contenders]
        self.assertEqual((answers.count(LOGGED_IN), answers.count(LOGIN_FAILED)), (1, 99))


@unittest.skipIf(machines.why_not(), machines.why_not())
class OtherMachinesTest(DoorTest):
    """The registry on the first machine, its users on two others."""

    def setUp(self):
        lan = Machines(3)
        self.home, self.second, self.third = lan.__enter__()
        self.addCleanup(lan.__exit__)
        super().setUp()

    def tearDown(self):
        with self.third.inside():
            super().tearDown()

    def start_door(self, *options, **more):
        registry = super().start_door(*options, door="0.0.0.0:0", where="0.0.0.0:0",
                                      under=self.home.words, **more)
        registry.host = registry.door_host = self.home.address
        return registry

    def test_the_registry_calls_users_on_their_machines(self):
        with self.second.inside():
            carol = self.online("carol")
        with self.third.inside():
            dave = self.online("dave")
        carol.la.send("/to dave hi\n")
        dave.expect_pushed("/from carol hi\n")
        carol.la.expect(DELIVERED)

    def test_a_client_whose_machine_was_cut_off_is_replaced_within_five_seconds(self):
        with self.second.inside():
            first = self.online("carol")
        self.second.unplug()
        with self.third.inside():
            dave, clock = self.online("dave"), Stopwatch()
            second = self.log_in("carol")
            self.assertLess(clock.seconds, REPLACED_WITHIN)
            second.go_online()
        dave.la.send("/to carol the new one\n")
        second.expect_pushed("/from dave the new one\n")
        dave.la.expect(DELIVERED)
        self.second.plug_in()
        with contextlib.suppress(ConnectionError):
            first.la.send("/list\n")
        first.la.expect_end()

    def test_a_message_to_a_machine_that_was_cut_off_is_304_in_time(self):
        with self.second.inside():
            self.online("carol")
        with self.third.inside():
            dave = self.online("dave")
        self.second.unplug()
        clock = Stopwatch()
        dave.ask("/to carol hi", NOT_DELIVERED)
        self.assertGreaterEqual(clock.seconds, RECEIPT_TIME)
        self.assertLess(clock.seconds, RECEIPT_LATEST)

    def test_passwords_from_public_addresses_are_refused_unless_allowed(self):
        for machine, address in ((self.home, "203.0.113.1/24"), (self.second, "203.0.113.2/24")):
            subprocess.run(["ip", "-n", machine.namespace, "address", "add", address, "dev", "lan"],
                           check=True, timeout=DEADLINE)
        self.registry.door_host = "203.0.113.1"
        with self.second.inside():
            self.connect().ask("/login carol s3cret", LOGIN_FAILED)
        self.registry.wait_stderr('login refused .*reason="public address"')
        self.registry.kill()
        self.registry = self.start_door("--allow-public-login")
        self.registry.door_host = "203.0.113.1"
        with self.second.inside():
            self.online("carol").leave()
        self.registry.door_host = self.home.address
        with self.third.inside():
            self.assertEqual(call(self.registry, target="/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
