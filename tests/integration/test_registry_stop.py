#!/usr/bin/env python3
"""How the registry ends: drained by a signal, or at once by the second one."""

import signal
import unittest

from support.data_test import DataTest
from support.harness import DEADLINE_SCALE, wait_until
from support.load import Load
from support.raw_http import RawConnection, call, classic_post, modern, post, split_answer
from support.tcp_queue import wait_server_has_read

# A drained registry gives a request under way 5 s; what need not wait for it takes less.
BELOW_THE_DRAINING_TIME = min(4.0, 2.0 * DEADLINE_SCALE)


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

    def test_sigint_ends_it_as_well(self):
        registry = self.start_registry()
        registry.signal(signal.SIGINT)
        self.assertEqual(registry.wait(), 0)

    def test_an_idle_connection_does_not_hold_up_the_exit(self):
        registry = self.start_registry()
        with RawConnection(registry) as idle:
            idle.send(modern(registry, target="/healthz"))
            idle.read_response()
            registry.signal(signal.SIGTERM)
            self.assertEqual(idle.read_to_end(), b"")
            self.assertEqual(registry.wait(BELOW_THE_DRAINING_TIME), 0)


class DrainingTest(DataTest):
    """Between the signal and the end, while a request is under way."""

    def drain(self, half):
        """A registry that is draining, held up by a connection with this much of a request."""
        registry = self.start_registry()
        connection = RawConnection(registry)
        self.addCleanup(connection.socket.close)
        connection.send(half)
        wait_server_has_read(connection.socket)
        registry.signal(signal.SIGTERM)
        registry.wait_stderr("stopping")
        return registry, connection

    def test_a_request_under_way_is_answered_and_kept(self):
        request = classic_post("REGISTER ann@127.0.0.1:50001")
        registry, connection = self.drain(request[:60])
        connection.send(request[60:])
        self.assertTrue(connection.read_to_end().startswith(b"HTTP/1.1 200 OK\r\n"))
        connection.socket.close()
        self.assertEqual(registry.wait(BELOW_THE_DRAINING_TIME), 0)
        self.assertEqual(self.file_lines(), ["ann@127.0.0.1:50001"])

    def test_readyz_is_503_and_the_connection_ends_after_it(self):
        head = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nUser-Agent: monitor\r\n"
        registry, connection = self.drain(head)
        connection.send(b"\r\n")
        answer = split_answer(connection.read_to_end())
        self.assertEqual((answer.status, answer.headers["connection"]), (503, "close"))
        self.assertIn("retry-after", answer.headers)
        self.assertEqual((answer.json()["http"], answer.json()["error"]), (503, "draining"))
        connection.socket.close()
        self.assertEqual(registry.wait(BELOW_THE_DRAINING_TIME), 0)

    def test_nobody_new_is_let_in(self):
        registry, _ = self.drain(b"GET")

        def is_refused():
            try:
                RawConnection(registry).socket.close()
                return False
            except (ConnectionRefusedError, ConnectionResetError):
                return True
        wait_until(is_refused, "a new connection is refused")
        self.assertTrue(registry.is_running())

    def test_half_a_request_is_waited_for_only_so_long(self):
        registry, _ = self.drain(b"GET /userlist.txt HTTP/1.1\r\n")
        self.assertEqual(registry.wait(), 0)

    def test_a_second_signal_ends_it_at_once_and_nothing_acknowledged_is_lost(self):
        for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(number.name):
                registry, _ = self.drain(b"GET /userlist.txt HTTP/1.1\r\n")
                registry.signal(number)
                self.assertEqual(registry.wait(BELOW_THE_DRAINING_TIME), status)

    def test_what_was_acknowledged_survives_the_second_signal(self):
        registry = self.start_registry()
        with RawConnection(registry) as half:
            half.send(b"GET")
            load = Load(registry, "s")
            wait_until(lambda: load.count >= 100, "some load")
            registry.signal(signal.SIGTERM)
            registry.wait_stderr("stopping")
            registry.signal(signal.SIGTERM)
            self.assertEqual(registry.wait(BELOW_THE_DRAINING_TIME), 143)
        load.join()
        listed = self.listed(self.start_registry())
        self.assertEqual(load.present - load.uncertain - listed, set())
        self.assertEqual(load.gone & listed, set())


if __name__ == "__main__":
    unittest.main()
