"""Many threads that register and log out names, and remember what was acknowledged.

What the registry said with a 200 must survive anything. A request whose answer never came may
have happened or not: its name is `uncertain` and proves nothing either way.
"""

import threading

from support.raw_http import RawConnection, modern


class Load:
    """Starts at once; ends by stop(), or by itself when the registry dies."""

    def __init__(self, registry, prefix, threads=8, acknowledged=()):
        self.present = set(acknowledged)  # records acknowledged by REGISTER
        self.gone = set()                 # records acknowledged by LOGOUT
        self.uncertain = set()
        self.count = 0                    # acknowledged changes
        self.refused = []
        self._registry = registry
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"{prefix}t{n}",), daemon=True)
                         for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        self.join()

    def join(self):
        for thread in self._threads:
            thread.join()

    def _work(self, prefix):
        try:
            with RawConnection(self._registry) as connection:
                number = 0
                while not self._stop.is_set():
                    number += 1
                    record = f"{prefix}n{number}@127.0.0.1:{1024 + number % 60000}"
                    self._change(connection, "REGISTER", record)
                    if number % 3 == 0:
                        self._change(connection, "LOGOUT", record)
        except (OSError, EOFError):
            pass  # the registry was killed

    def _change(self, connection, verb, record):
        with self._lock:
            self.uncertain.add(record)
        connection.send(modern(self._registry, "POST", "/userlist.txt", f"{verb} {record}"))
        status = connection.read_response().status
        with self._lock:
            self.uncertain.discard(record)
            if status != 200:
                self.refused.append((verb, record, status))
                return
            self.count += 1
            into, out_of = ((self.present, self.gone) if verb == "REGISTER"
                            else (self.gone, self.present))
            out_of.discard(record)
            into.add(record)
