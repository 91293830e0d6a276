#!/usr/bin/env python3
"""Users of the two-connection door who come and go in every way: nothing of them stays behind.

CONNECTIONS (a share of what ./scripts/soak makes; a session counts as one) or, with MINUTES, as many as
come in that time. Under the address sanitizer the end also says that no memory was lost.
"""

import os
import pathlib
import random
import signal
import socket
import time
import unittest

from support.harness import wait_until
from support.raw_http import call, post
from support.two_connection import (BYE, DELIVERED, LOGGED_IN, LOGIN_FAILED, NOT_DELIVERED,
                                    PASSWORDS, UNRECOGNIZED, DoorTest)

CONNECTIONS = int(os.environ.get("CONNECTIONS", "2000")) // 10
MINUTES = float(os.environ.get("MINUTES", "0"))


class Crowd:
    """Users that are online, and one thing at a time that one of them does."""

    def __init__(self, test, seed=1):
        self.test, self.random = test, random.Random(seed)
        self.online = {}
        self.sorts = [self.come, self.come, self.leave, self.break_off, self.break_push, self.write,
                      self.write, self.write, self.write_to_all, self.write_from_outside, self.list,
                      self.say_nonsense, self.fail_to_log_in, self.knock]

    def one(self):
        self.random.choice(self.sorts)()
        # The test keeps what it is to clean up; so many sessions would be kept to the end.
        self.test.doCleanupsOf(self.online.values())

    def somebody(self):
        return self.random.choice(sorted(self.online)) if self.online else None

    def come(self):
        name = self.random.choice(sorted(PASSWORDS))
        if name not in self.online:
            self.online[name] = self.test.online(name)

    def leave(self):
        if name := self.somebody():
            user = self.online.pop(name)
            user.leave()
            user.cut()

    def break_off(self):
        if name := self.somebody():
            user = self.online.pop(name)
            user.la.reset() if self.random.random() < 0.5 else user.la.cut()
            user.lb.expect_end()
            user.cut()

    def break_push(self):
        if name := self.somebody():
            user = self.online.pop(name)
            user.lb.reset() if self.random.random() < 0.5 else user.lb.socket.shutdown(1)
            user.la.expect_end()
            user.cut()

    def write(self):
        sender, to = self.somebody(), self.random.choice(sorted(PASSWORDS))
        if not sender:
            return
        self.online[sender].la.send(f"/to {to} hello\n")
        if to in self.online:
            self.online[to].expect_pushed(f"/from {sender} hello\n")
        self.online[sender].la.expect(DELIVERED if to in self.online else NOT_DELIVERED)

    def write_to_all(self):
        if not (sender := self.somebody()):
            return
        self.online[sender].la.send("/toall tea\n")
        for name, user in self.online.items():
            if name != sender:
                user.expect_pushed(f"/broadcastfrom {sender} tea\n")
        self.online[sender].la.expect(DELIVERED)

    def write_from_outside(self):
        if not (name := self.somebody()):
            return
        address = call(self.test.registry, target=f"/userlist.txt?username={name}").text
        host, _, port = address.rpartition(":")
        with socket.socket(type=socket.SOCK_DGRAM) as out:
            out.sendto(b"utku: selam", (host, int(port)))
        self.online[name].expect_pushed("/from utku selam\n")

    def list(self):
        if name := self.somebody():
            self.online[name].la.send("/list\n")
            listed = self.online[name].la.read_line().split()
            self.test.assertEqual(listed[0], "301")
            self.test.assertEqual(set(listed[1:]), set(self.online))

    def say_nonsense(self):
        if name := self.somebody():
            self.online[name].ask(self.random.choice(["", "/dance", "/to x", "x" * 5000]),
                                  UNRECOGNIZED)

    def fail_to_log_in(self):
        # From anywhere and as anybody, or the answers would come later and later.
        number = self.random.getrandbits(22)
        user = self.test.connect(f"127.{1 + number % 200}.{number // 200 % 256}.9")
        user.ask(f"/login nobody{number} wrong", LOGIN_FAILED)
        user.cut()

    def knock(self):
        user = self.test.connect()
        user.la.send(self.random.randbytes(self.random.randrange(100)))
        user.la.reset()


class DoorEnduranceTest(DoorTest):
    def doCleanupsOf(self, kept):
        """Forgets all that was to be cleaned up but the connections of these users."""
        stay = {id(link) for user in kept for link in (user.la, user.lb)}
        done = [entry for entry in self._cleanups
                if getattr(entry[0], "__name__", "") in ("cut", "close")
                and id(getattr(entry[0], "__self__", None)) not in stay]
        for entry in done:
            self._cleanups.remove(entry)
            entry[0]()

    def files(self):
        return len(os.listdir(f"/proc/{self.registry.pid}/fd"))

    def size(self):
        self.registry.wait_idle()
        status = pathlib.Path(f"/proc/{self.registry.pid}/status").read_text("ascii")
        return self.files(), int(status.partition("VmRSS:")[2].split()[0])

    def settled_size(self):
        """Open descriptors and resident KiB once nobody is there."""
        wait_until(lambda: "\nregistry_two_connection_clients 0\n"
                   in call(self.registry, target="/metrics").text, "everybody has gone", 30)
        wait_until(lambda: "\nregistry_connections 1\n"
                   in call(self.registry, target="/metrics").text, "only this connection is open")
        return self.size()

    def clear(self, crowd):
        while crowd.online:
            _, user = crowd.online.popitem()
            user.leave()
            user.cut()

    def test_nothing_stays_behind(self):
        crowd = Crowd(self)
        post(self.registry, "REGISTER lara@127.0.0.1:50010")
        post(self.registry, "LOGOUT lara@127.0.0.1:50010")
        for _ in range(min(CONNECTIONS, 2000)):  # until all tables and pools have their size
            crowd.one()
        self.clear(crowd)
        files, memory = self.settled_size()
        until = time.monotonic() + 60 * MINUTES
        done = 0
        while time.monotonic() < until if MINUTES else done < CONNECTIONS:
            crowd.one()
            done += 1
        self.clear(crowd)
        wait_until(lambda: self.files() <= files + 2, "what was let go of is closed")
        files_after, memory_after = self.settled_size()
        print(f"{done} steps of users who come and go: descriptors {files} to {files_after}, "
              f"resident {memory} to {memory_after} KiB")
        if "ASAN_OPTIONS" not in os.environ:  # it keeps freed memory for a while
            self.assertLess(memory_after - memory, 4096)
        self.registry.signal(signal.SIGTERM)
        self.assertEqual(self.registry.wait(), 0)  # another status is the sanitizer's


if __name__ == "__main__":
    unittest.main()
