#!/usr/bin/env python3
"""Many connections of every sort, one after the other: nothing of them stays behind.

CONNECTIONS (a share of what ./scripts/soak makes) or, with MINUTES, as many as come in that time.
Under the address sanitizer the end also says that no memory was lost.
"""

import contextlib
import os
import pathlib
import random
import signal
import time
import unittest

from support.harness import wait_until
from support.raw_http import (RawConnection, call, classic_list, classic_post, exchange, modern,
                              netchat_get, netchat_update, post)
from support.registry_test import RegistryTest

CONNECTIONS = int(os.environ.get("CONNECTIONS", "2000"))
MINUTES = float(os.environ.get("MINUTES", "0"))
USERS = 200


class Traffic:
    """One connection at a time, of a random sort; what a stranger and what a user would do."""

    def __init__(self, registry, seed=1):
        self.registry, self.random = registry, random.Random(seed)
        self.sorts = [self.register, self.log_out, self.old_register, self.netchat, self.read,
                      self.look_up, self.poll, self.pipeline, self.refused, self.cut_short,
                      self.reset, self.half_closed]

    def one(self):
        self.random.choice(self.sorts)()

    def record(self):
        number = self.random.randrange(USERS)
        return f"user{number}@127.0.0.1:{20000 + number}"

    def register(self):
        post(self.registry, f"REGISTER {self.record()}")

    def log_out(self):
        post(self.registry, f"LOGOUT {self.record()}")

    def old_register(self):
        exchange(self.registry, classic_post(f"REGISTER {self.record()}"))

    def netchat(self):
        exchange(self.registry, netchat_update(f"can{self.random.randrange(9)}@127.0.0.1:30000"))
        exchange(self.registry, netchat_get())

    def read(self):
        exchange(self.registry, classic_list())
        call(self.registry, target=self.random.choice(
            ["/", "/userlist.txt", "/userlist.txt?format=json", "/metrics", "/readyz", "/x"]))

    def look_up(self):
        call(self.registry, target=f"/userlist.txt?username=user{self.random.randrange(300)}")

    def poll(self):
        call(self.registry, target=f"/userlist.txt?since={self.random.randrange(1 << 52)}")

    def pipeline(self):
        with RawConnection(self.registry) as connection:
            connection.send(modern(self.registry, target="/healthz") * 20)
            for _ in range(self.random.randrange(20)):
                connection.read_response()

    def refused(self):
        bad = self.random.choice([b"\x16\x03\x01\r\n\r\n", b"GET /\r\n\r\n", b"A" * 20000,
                                  b"POST / HTTP/1.1\r\nHost: a:1\r\nContent-Length: -1\r\n\r\n"])
        with contextlib.suppress(ConnectionError):
            exchange(self.registry, bad)

    def cut_short(self):
        with RawConnection(self.registry) as connection:
            request = modern(self.registry, "POST", body=f"REGISTER {self.record()}")
            connection.send(request[:self.random.randrange(len(request))])

    def reset(self):
        with RawConnection(self.registry) as connection:
            connection.socket.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: close by reset
            connection.send(modern(self.registry, target="/userlist.txt?format=json") * 10)

    def half_closed(self):
        with RawConnection(self.registry) as connection:
            connection.send(modern(self.registry))
            connection.socket.shutdown(1)
            connection.read_to_end()


class EnduranceTest(RegistryTest):
    def size(self):
        """Open descriptors and resident KiB, once all connections are through."""
        self.registry.wait_idle()
        process = pathlib.Path("/proc", str(self.registry.pid))
        status = (process / "status").read_text("ascii")
        return (len(list((process / "fd").iterdir())),
                int(status.partition("VmRSS:")[2].split()[0]))

    def settled_size(self):
        """The same, when what was cut off has been noticed and closed as well."""
        wait_until(lambda: "\nregistry_connections 1\n"
                   in call(self.registry, target="/metrics").text, "only this connection is open")
        return self.size()

    def test_nothing_stays_behind(self):
        traffic = Traffic(self.registry)
        for _ in range(min(CONNECTIONS, 2000)):  # until all tables and pools have their size
            traffic.one()
        files, memory = self.settled_size()
        until = time.monotonic() + 60 * MINUTES
        done = 0
        while time.monotonic() < until if MINUTES else done < CONNECTIONS:
            traffic.one()
            done += 1
        files_after, memory_after = self.settled_size()
        print(f"{done} connections: descriptors {files} to {files_after}, "
              f"resident {memory} to {memory_after} KiB")
        self.assertLessEqual(files_after, files + 2)
        if "ASAN_OPTIONS" not in os.environ:  # it keeps freed memory for a while
            self.assertLess(memory_after - memory, 4096)
        self.registry.signal(signal.SIGTERM)
        self.assertEqual(self.registry.wait(), 0)  # another status is the sanitizer's


if __name__ == "__main__":
    unittest.main()
