#!/usr/bin/env python3
"""Standard input, output and error that are closed, full, or pipes that nobody empties."""

import os
import pathlib
import signal
import socket
import subprocess
import unittest

from support.harness import DEADLINE, IntegrationTest, our_program, wait_until
from support.raw_http import call, users
from support.scripted_server import ScriptedServer
from support.udp import send_datagram


def stuck_pipe():
    """Both ends of a pipe with no room left."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write_end, True)
    return read_end, write_end


class StreamTest(IntegrationTest):
    def redirected(self, redirections, *command):
        """Starts a program of ours with the shell's redirections."""
        return self.start("redirected", "sh", "-c", f'exec "$@" {redirections}', "sh", *command,
                          is_ours=True)

    def peer(self, redirections, name, registry, *words):
        address = registry if isinstance(registry, str) else registry.address
        return self.redirected(redirections, our_program("peer"), name, address, *words)


class NoErrorStreamTest(StreamTest):
    """What cannot be said is lost, and changes no status."""

    def test_statuses_are_the_same(self):
        registry = self.start_registry()
        for closed in ("2>/dev/full", "2>&-"):
            with self.subTest(closed):
                self.assertEqual(self.peer(closed, "ci", registry, "send", "bogus").wait(), 64)
                self.assertEqual(self.peer(closed, "a", "x:1", "lisen").wait(), 64)
                self.assertEqual(self.peer(closed, "a", registry, "listen", "-W", "0.5").wait(), 124)
                bogus = self.redirected(closed, our_program("registry"), "--bogus")
                self.assertEqual(bogus.wait(), 64)

    def test_a_failing_hook_ends_nobody(self):
        registry = self.start_registry()
        bob = self.peer("2>/dev/full", "bob", registry, "listen", "--exec", "exit 3", "-n", "2")
        bob.host = "127.0.0.1"
        endpoint = wait_until(lambda: users(registry).get("bob"), "bob is listed")["endpoint"]
        bob.port = int(endpoint.rpartition(":")[2])
        send_datagram(bob, "ali: one")
        send_datagram(bob, "ali: two")
        self.assertEqual(bob.wait(), 0)
        self.assertEqual(users(registry), {})

    def test_a_registry_whose_log_nobody_reads_serves_and_stops(self):
        read_end, write_end = stuck_pipe()
        self.addCleanup(os.close, read_end)
        port_file = self.start_registry()  # only to find a port that is free
        where = port_file.address
        port_file.kill()
        folder = self.dir / "stuck"
        folder.mkdir()
        process = subprocess.Popen([our_program("registry"), where], cwd=folder, stderr=write_end,
                                   env=self.environment())
        os.close(write_end)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def is_up():
            try:
                return call(port_file, target="/healthz").status == 200
            except OSError:
                return False
        wait_until(is_up, "it serves")
        process.terminate()
        self.assertEqual(process.wait(DEADLINE), 0)


class ClosedStreamsTest(StreamTest):
    def test_no_file_of_ours_takes_the_place_of_a_closed_stream(self):
        registry = self.start_registry()
        for closed in (">&- 2>&-", "<&- >&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                peer = self.peer(closed, "al", registry, "listen", "-W", "0.5")
                self.assertIn(peer.wait(), (74, 124))  # 124 if nothing was to be printed
                state = pathlib.Path(self.environment()["XDG_STATE_HOME"]) / "peer" / "al"
                token, = state.iterdir()
                self.assertRegex(token.read_text(), r"\A\S+\n\Z")

    def test_a_closed_output_is_74(self):
        registry = self.start_registry()
        for closed in (">&-", ">/dev/full"):
            for words in (["list"], ["unicast", "nobody-there", "x"]):
                with self.subTest(closed + words[0]):
                    self.assertEqual(self.peer(closed, "ci", registry, "send", *words).wait(), 74)
            for program in ("peer", "registry"):
                for flag in ("--help", "--version"):
                    with self.subTest(closed + program + flag):
                        said = self.redirected(closed, our_program(program), flag)
                        self.assertEqual(said.wait(), 74)


class StuckOutputTest(StreamTest):
    """`peer … listen | less`, and nobody turns the page."""

    def start_stuck(self, name, registry, *words):
        read_end, write_end = stuck_pipe()
        self.addCleanup(os.close, read_end)
        process = subprocess.Popen(
            [our_program("peer"), name, registry.address, "listen", *words], stdout=write_end,
            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=self.environment())
        os.close(write_end)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        endpoint = wait_until(lambda: users(registry).get(name), "it is listed")["endpoint"]
        process.host, process.port = "127.0.0.1", int(endpoint.rpartition(":")[2])
        send_datagram(process, "ali: hello")
        return process

    def test_signals_and_w_end_it_and_it_logs_out(self):
        registry = self.start_registry()
        stuck = self.start_stuck("bob", registry)
        stuck.terminate()
        self.assertEqual(stuck.wait(DEADLINE), 143)
        waiting = self.start_stuck("cleo", registry, "-W", "0.5")
        self.assertEqual(waiting.wait(DEADLINE), 124)
        self.assertEqual(users(registry), {})

    def test_the_lease_is_kept(self):
        registry = self.start_registry("--lease", "2")
        self.start_stuck("bob", registry)
        seen = users(registry)["bob"]
        metric = 'registry_requests_total{operation="update",status="200"} '
        wait_until(lambda: metric + "4" in call(registry, target="/metrics").text, "four refreshes")
        self.assertEqual(users(registry)["bob"], seen)


class HangUpTest(StreamTest):
    def test_a_terminal_that_goes_away_logs_out(self):
        registry = self.start_registry()
        bob = self.start_listener("bob", registry)
        bob.signal(signal.SIGHUP)
        self.assertEqual(bob.wait(), 129)
        self.assertEqual(users(registry), {})

    def test_nohup_is_obeyed(self):
        registry = self.start_registry()
        bob = self.start_listener("bob", registry, under=["nohup"])
        bob.signal(signal.SIGHUP)
        send_datagram(bob, "ali: still there")
        bob.wait_stdout("ali: still there\n")


class NoRegistryTest(StreamTest):
    PAGE = (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n"
            b"<html>Welcome</html>")

    def test_a_web_server_is_none(self):
        for words in (["listen", "-W", "5"], ["send", "list"], ["send", "broadcast", "x"],
                      ["send", "unicast", "bob", "x"]):
            with self.subTest(words), ScriptedServer(self.PAGE) as server:
                peer = self.start_peer("ci", server, *words)
                self.assertEqual(peer.wait(), 76, peer.stderr)
                self.assertEqual(peer.stdout, b"")
                peer.wait_stderr("text/html")

    def test_a_silent_one_is_named_when_w_runs_out(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            peer = self.start_peer("ci", address, "listen", "-W", "0.5")
            self.assertEqual(peer.wait(), 69)
            peer.wait_stderr(f"cannot reach the registry at {address}")


class OddFilesTest(StreamTest):
    def test_a_list_that_is_a_pipe_is_refused_and_not_waited_for(self):
        folder = self.dir / "odd"
        folder.mkdir()
        os.mkfifo(folder / "userlist.txt")
        for more in ([], ["--check"]):
            with self.subTest(more):
                registry = self.start_registry(*more, data=folder, wait=False)
                self.assertEqual(registry.wait(), 78)
                registry.wait_stderr("userlist.txt")

    def test_a_list_has_one_registry(self):
        first = self.start_registry()
        second = self.start_registry("--data", "another", data=first.data, wait=False)
        self.assertEqual(second.wait(), 69)
        second.wait_stderr("userlist.txt is in use by another registry")

    def test_a_failed_start_leaves_nothing_beside_what_it_was_given(self):
        folder = self.dir / "empty"
        (folder / "list").mkdir(parents=True)
        registry = self.start_registry("--userlist", "list", data=folder, wait=False)
        self.assertEqual(registry.wait(), 78)
        self.assertEqual([path.name for path in folder.iterdir()], ["list"])

    def test_localhost_is_this_machine_over_ipv6_too(self):
        registry = self.start_registry(where="[::1]:0")
        sender = self.run_sender("ci", f"localhost:{registry.port}", "list")
        self.assertEqual((sender.status, sender.stdout),
                         (0, b"There is no online users!\nThe online users are:\n"))

    def test_numbers_are_decimal(self):
        for words in (["listen", "--port", "020000"], ["listen", "-n", "010"]):
            peer = self.start_peer("ci", "127.0.0.1:1", *words)
            self.assertEqual(peer.wait(), 64)
        registry = self.start_registry("--lease", "0200", wait=False)
        self.assertEqual(registry.wait(), 64)

    def test_a_name_whose_folded_form_is_long_has_its_token(self):
        registry = self.start_registry()
        name = "\ufdfa" * 21
        peer = self.start_peer(name, registry, "listen", "-W", "0.5")
        self.assertEqual(peer.wait(), 124)
        self.assertNotIn(b"no place", peer.stderr)

    def test_an_advertised_host_that_is_none_is_a_wrong_set_up(self):
        registry = self.start_registry()
        peer = self.start_peer("ci", registry, "listen", "--advertise", "nowhere.invalid")
        self.assertEqual(peer.wait(), 78)
        peer.wait_stderr("nowhere.invalid")


if __name__ == "__main__":
    unittest.main()
