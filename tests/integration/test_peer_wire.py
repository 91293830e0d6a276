#!/usr/bin/env python3
"""What our peer says to the registry, and how little of it: requests, segments, system calls."""

import contextlib
import itertools
import re
import socket
import threading
import unittest

from support import strace
from support.harness import DEADLINE, IntegrationTest, wait_until
from support.netchat import MessageInbox
from support.raw_http import exchange, netchat_update, post
from support.scripted_server import ScriptedServer, answer
from support.udp import Inbox
from support.wire_recorder import WireRecorder


class WireTest(IntegrationTest):
    def crowd(self, count, *inboxes):
        """A registry that lists so many users, in turn at one inbox and the next, and their names."""
        names = [f"user{number:05d}" for number in range(count)]
        data = self.dir / "crowd"
        data.mkdir()
        (data / "userlist.txt").write_text("".join(
            f"{name}@{inbox.endpoint}\n" for name, inbox in zip(names, itertools.cycle(inboxes))))
        return self.start_registry(data=data), names

    @staticmethod
    def sent_to(*names):
        return "".join(f"message is sent to {name}\n" for name in names).encode()


class RequestTest(WireTest):
    def test_each_request_leaves_in_one_segment(self):
        """An old registry reads once: a request in two pieces would get no answer."""
        for registry in (self.start_registry(), self.start_classic_server("--bonus")):
            with self.subTest(registry.label), WireRecorder(registry) as wire:
                bob = self.start_listener("Göktuğ", wire, "-n", "1")
                sender = self.run_sender("ci", wire, stdin='list\nmulticast [Göktuğ, zoe] "x"')
                self.assertEqual(sender.status, 1)
                self.assertEqual(bob.wait(), 0)
                verbs = [re.match("POST|GET", line).group() for line in wire.request_lines()]
                # Bob's peer asks who ci is, where there are keys.
                gets = 4 if registry.label.startswith("registry") else 3
                self.assertEqual(sorted(verbs), ["GET"] * gets + ["POST"] * 2)
                for connection in wire.exchanges:
                    self.assertEqual(connection.segments, len(connection.of(">")))

    def test_a_registration_ends_its_body_with_the_record_alone(self):
        with WireRecorder(self.start_registry()) as wire:
            bob = self.start_listener("bob", wire)
            request, = wire.requests()
            self.assertTrue(request.endswith(f"\r\n\r\nREGISTER bob@127.0.0.1:{bob.port}"
                                             .encode()), request)

    def test_a_lookup_asks_for_one_name(self):
        with Inbox() as inbox:
            registry, names = self.crowd(1000, inbox)
            with WireRecorder(registry) as wire:
                sender = self.run_sender("ci", wire, "unicast", names[-1], "hi")
                self.assertEqual(sender.stdout, self.sent_to(names[-1]))
                self.assertEqual(wire.request_lines(),
                                 [f"GET /userlist.txt?username={names[-1]} HTTP/1.1"])
                answer, = wire.answers()
                self.assertLess(len(answer), 1000)
            with WireRecorder(registry) as wire:
                self.run_sender("ci", wire, "multicast", f"[{names[0]}, Şule]", "hi")
                self.assertEqual(wire.request_lines(),
                                 [f"GET /userlist.txt?username={names[0]} HTTP/1.1",
                                  "GET /userlist.txt?username=%C5%9Eule HTTP/1.1"])

    def test_a_run_of_commands_shares_one_connection(self):
        with Inbox() as inbox:
            registry, names = self.crowd(3, inbox)
            with WireRecorder(registry) as wire:
                self.run_sender("ci", wire, stdin=f'list\nunicast {names[0]} "x"\nlist')
                self.assertEqual(len(wire.exchanges), 1)


class TogetherTest(WireTest):
    """Commands that wait on standard input are looked up together."""

    @staticmethod
    def unicasts(names):
        return "\n".join(f'unicast {name} "to {name}"' for name in names)

    def test_what_waits_is_asked_in_a_few_turns_and_each_gets_its_own(self):
        with Inbox() as inbox:
            registry, names = self.crowd(100, inbox)
            with WireRecorder(registry) as wire:
                wanted = [*names[:50], "zoe", *names[50:]]
                sender = self.run_sender("ci", wire, stdin=self.unicasts(wanted))
                said = [f"message is sent to {name}" for name in wanted]
                said[50] = "user zoe is not found"
                self.assertEqual(sender.stdout.decode().splitlines(), said)
                self.assertEqual(sorted(wire.request_lines()), sorted(
                    f"GET /userlist.txt?username={name} HTTP/1.1" for name in wanted))
                connection, = wire.exchanges
                self.assertLessEqual(len(connection.of(">")), 5)
            for name in names:
                self.assertEqual(inbox.receive(), f"ci: to {name}".encode())

    def test_an_old_registry_is_asked_one_by_one(self):
        with Inbox() as inbox:
            server = self.start_classic_server()
            names = [f"user{number}" for number in range(5)]
            (server.data / "userlist.txt").write_text(
                "".join(f"{name}@{inbox.endpoint}\n" for name in names))
            with WireRecorder(server) as wire:
                sender = self.run_sender("ci", wire, stdin=self.unicasts(names))
                self.assertEqual(sender.stdout, self.sent_to(*names))
                self.assertEqual([len(connection.of(">")) for connection in wire.exchanges],
                                 [1] * len(wire.exchanges))

    def test_a_look_up_that_fails_is_not_made_twice(self):
        with ScriptedServer(b"") as server:
            sender = self.run_sender("ci", server, stdin=self.unicasts("abc"))
            self.assertEqual((sender.status, sender.stdout), (76, b""))
            self.assertLessEqual(len(server.requests), 3)

    def test_only_so_much_is_asked_before_the_answers_are_read(self):
        """Else both sides would wait for the other to read, once all buffers are full."""
        names = [f"user{number}" for number in range(5000)]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            sender = self.start_peer("ci", "127.0.0.1:%d" % listener.getsockname()[1], "send")
            command = f'multicast [{", ".join(names)}] "x"\nlist'
            typing = threading.Thread(target=sender.write, args=(command,))
            typing.start()
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(DEADLINE)
                connection.recv(65536)
                connection.sendall(answer("404 Not Found", '{"code":40401,"http":404,"error":"",'
                                          '"link":"","online":1}'))
                asked = len(connection.recv(65536))  # the next, or the next few
                typing.join()
                sender.wait_idle()
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while piece := connection.recv(65536):
                        asked += len(piece)
                        sender.wait_idle()
                sender.kill()
            self.assertLess(asked, 128 * 1024)


class BroadcastTest(WireTest):
    def test_the_list_is_fetched_once_and_asked_for_again_only_if_it_changed(self):
        with Inbox() as inbox, Inbox() as late:
            registry, names = self.crowd(100, inbox)
            with WireRecorder(registry) as wire:
                sender = self.start_peer("ci", wire, "send")
                for number in (1, 2):
                    sender.write('broadcast "hi"')
                    sender.wait_stdout(self.sent_to(*names) * number)
                post(registry, f"REGISTER late@{late.endpoint}")
                sender.write('broadcast "hi"')
                sender.wait_stdout(self.sent_to(*names) * 3 + self.sent_to("late"))
            self.assertEqual(wire.request_lines(), ["GET /userlist.txt HTTP/1.1"] * 3)
            first, second, third = wire.requests()
            self.assertNotIn(b"If-None-Match", first)
            etags = [re.search(rb"(?i)\r\netag: (\S+)", answer).group(1)
                     for answer in wire.answers()]
            self.assertEqual(etags[0], etags[1])
            self.assertNotEqual(etags[1], etags[2])
            for request in (second, third):
                self.assertIn(b"\r\nIf-None-Match: " + etags[0] + b"\r\n", request)
            self.assertEqual([answer.split(b"\r\n")[0] for answer in wire.answers()],
                             [b"HTTP/1.1 200 OK", b"HTTP/1.1 304 Not Modified",
                              b"HTTP/1.1 200 OK"])
            self.assertTrue(wire.answers()[1].endswith(b"\r\n\r\n"))
            self.assertEqual(len(wire.exchanges), 1, "a 304 keeps the connection")
            self.assertEqual(late.receive(), b"ci: hi")

    def test_a_registry_that_begins_anew_is_not_taken_for_the_one_before(self):
        """Same address, same number of changes, another list: a kept copy would be wrong."""
        with Inbox() as old, Inbox() as new:
            registry = self.start_registry()
            post(registry, f"REGISTER ann@{old.endpoint}")
            sender = self.start_peer("ci", registry, "send")
            sender.write('broadcast "one"')
            sender.wait_stdout(self.sent_to("ann"))
            registry.kill()
            registry = self.start_registry(where=registry.address, data=self.dir / "anew")
            post(registry, f"REGISTER bob@{new.endpoint}")
            sender.write('broadcast "two"')
            sender.wait_stdout(self.sent_to("ann", "bob"))
            self.assertEqual(new.receive(), b"ci: two")

    @unittest.skipIf(strace.why_not(), strace.why_not())
    def test_the_kernel_gets_the_datagrams_in_batches(self):
        with Inbox() as one, Inbox() as other:
            registry, names = self.crowd(1000, one, other)
            trace = strace.Trace(self.dir / "trace", "sendmmsg,sendto,sendmsg,write")
            sender = self.run_sender("ci", registry, "broadcast", "hi", under=trace.words)
            self.assertEqual(sender.stdout, self.sent_to(*names))
            wait_until(lambda: self.sum_sent(trace) == 1000, "1,000 datagrams in the trace")
            calls = [line for line in trace.lines() if "sendmmsg(" in line]
            self.assertLessEqual(len(calls), 1000 // 32, "at least 32 datagrams a call")
            singles = [line for line in trace.lines() if re.search(r"send(to|msg)\(", line)]
            self.assertLessEqual(len(singles), 2, "the request to the registry")

    @unittest.skipIf(strace.why_not(), strace.why_not())
    def test_datagrams_for_one_address_leave_in_one_piece_and_arrive_one_by_one(self):
        with Inbox() as inbox:
            registry, names = self.crowd(200, inbox)
            trace = strace.Trace(self.dir / "trace", "sendmmsg")
            sender = self.run_sender("ci", registry, "broadcast", "hi", under=trace.words)
            self.assertEqual(sender.stdout, self.sent_to(*names))
            wait_until(lambda: self.sum_sent(trace) == 4, "four pieces, of 64 datagrams at most")
            for _ in names:
                self.assertEqual(inbox.receive(), b"ci: hi")
            self.assertTrue(inbox.is_empty())

    @unittest.skipIf(strace.why_not(), strace.why_not())
    def test_where_the_kernel_does_not_cut_each_leaves_by_itself(self):
        with Inbox() as inbox:
            registry, names = self.crowd(100, inbox)
            sender = self.start_peer("ci", registry, "send")
            sender.write("list")
            sender.wait_stdout_has(f"{names[-1]}\n")
            fault = strace.Fault(self, sender, "sendmmsg:error=EIO:when=1")
            for text in ("one", "two"):
                sender.write(f'broadcast "{text}"')
                for _ in names:
                    self.assertEqual(inbox.receive(), f"ci: {text}".encode())
            self.assertTrue(fault.has_come())
            fault.end()
            sender.end_input()
            self.assertEqual(sender.wait(), 0, sender.stderr)
            self.assertEqual(sender.stdout.count(b"message is sent to "), 2 * len(names))
            self.assertTrue(inbox.is_empty())

    @staticmethod
    def sum_sent(trace):
        return sum(int(found.group(1)) for found in
                   (re.search(r"sendmmsg\(.*= (\d+)$", line) for line in trace.lines()) if found)


class TransportTest(WireTest):
    def test_the_registry_hands_on_to_a_user_of_tcp(self):
        registry = self.start_registry()
        with Inbox() as inbox, MessageInbox() as can:
            exchange(registry, netchat_update(f"can@{can.endpoint}"))
            post(registry, f"REGISTER bob@{inbox.endpoint}")
            sender = self.start_peer("ci", registry, "send", "multicast", "[bob, can]", "x")
            self.assertEqual(can.take(reads_to_end=True), b'ci: "x"')
            self.assertEqual(sender.wait(), 0)
            self.assertEqual(sender.stdout, b"message is sent to bob\nmessage is sent to can\n")
            self.assertEqual(inbox.receive(), b"ci: x")


if __name__ == "__main__":
    unittest.main()
