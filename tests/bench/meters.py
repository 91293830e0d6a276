"""Takes one figure: runs a load generator against a system that is already there."""

import contextlib
import json
import math
import os
import re
import subprocess
import threading
import time

from lab import BenchError, memory_kib, wait_for
from systems import find, user_name

#: The requests are made before the run, so that making them is not measured.
_LOOKUP_SCRIPT = """
local targets = {{}}
init = function()
  math.randomseed({seed})
  for i = 1, 20000 do
    targets[i] = wrk.format("GET", string.format("/userlist.txt?username=user%07d",
                                                 math.random(0, {users} - 1)))
  end
end
local next = 0
request = function()
  next = next % #targets + 1
  return targets[next]
end
"""


def _number(pattern, out):
    """The figure in what a load generator printed."""
    found = re.search(pattern, out)
    if not found:
        raise BenchError(f"no figure in: {out.strip()[-300:]}")
    return float(found.group(1))


def requests_per_second(lab, url, connections, *options, timeouts_count=True):
    """Requests that `wrk` with one thread gets answered with 2xx."""
    seconds = max(1, math.ceil(lab.seconds))
    out = lab.run([find("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", *options, url],
                  timeout=seconds + 30)
    if "Non-2xx" in out:
        raise BenchError(f"{url} answered other than 2xx")
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    if errors:
        connect, read, write, timeout = map(int, errors.groups())
        if connect + read + write + (timeout if timeouts_count else 0) > 0:
            lab.note(f"wrk {' '.join(options)} -c{connections}: {errors.group(0).lower()}")
    return _number(r"Requests/sec:\s+([\d.]+)", out)


def closing_requests_per_second(lab, url, connections):
    """The same with a connection for each request."""
    return requests_per_second(lab, url, connections, "-H", "Connection: close")


def lookups_per_second(lab, url, users, connections, seed=1):
    """Requests for one user each, spread over all of them."""
    with lab.folder("wrk") as folder:
        script = folder / "lookup.lua"
        script.write_text(_LOOKUP_SCRIPT.format(users=users, seed=seed), encoding="ascii")
        return requests_per_second(lab, url, connections, "-s", str(script))


def registrations(lab, kind, port, connections, first=0):
    """What bench_register found: {"per_second": …, "p50_ms": …, "next": …}."""
    out = lab.run([lab.program("bench_register"), kind, str(port), str(connections),
                   str(lab.seconds), str(first)], timeout=lab.seconds + 30)
    return json.loads(out)


def redis_sets_per_second(lab, port, connections):
    """`redis-benchmark -t set`, over about as long as the others run."""
    def run(count):
        out = lab.run([find("redis-benchmark"), "-p", str(port), "-c", str(connections),
                       "-n", str(count), "-t", "set", "-r", "100000", "-d", "24", "--csv"],
                      timeout=120)
        return _number(r'"SET","([\d.]+)"', out)
    return run(max(1000, int(run(5000) * lab.seconds)))


def crowd(lab, port, idle, slow, per_second, seconds, when_open):
    """What bench_crowd found; when_open() is called while all its connections are."""
    with lab.child([lab.program("bench_crowd"), str(port), str(idle), str(slow), str(per_second),
                    str(seconds)], stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != b"open\n":
            raise BenchError("bench_crowd could not open its connections")
        when_open()
        found = process.stdout.readline()
        when_open()
    return json.loads(found)


def messages(lab, protocol, port, mode, count, cpu=None):
    """What bench_message_load found: {"per_second": …, "p50_us": …, "p99_us": …}."""
    pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
    out = lab.run([*pinned, lab.program("bench_message_load"), protocol, str(port), mode,
                   str(count), str(lab.seconds)], timeout=lab.seconds + 120)
    return json.loads(out)


def load(lab, program, *arguments, cpu=None):
    """What a load generator that needs no server found, as its object."""
    pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
    out = lab.run([*pinned, lab.program(program), *map(str, arguments)],
                  timeout=lab.seconds + 120)
    return json.loads(out)


def memory_per_connection(lab, protocol, server, count):
    """Bytes of the server's resident memory that each of `count` idle connections adds."""
    before = memory_kib(server.pid)
    with lab.child([lab.program("bench_message_load"), protocol, str(server.port), "hold",
                    str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != b"open\n":
            raise BenchError("bench_message_load could not open its connections")
        return (memory_kib(server.pid) - before) * 1024 / count


class Sink:
    """Receives datagrams and counts them."""

    def __init__(self, process):
        self._process = process
        self.ports = [int(port) for port in process.stdout.readline().split()]

    def sample(self):
        """Count so far, how many the kernel dropped, seconds."""
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        count, dropped, nanoseconds = map(int, self._process.stdout.readline().split())
        return count, dropped, nanoseconds / 1e9

    def rate(self, seconds):
        """Datagrams received a second, once they have begun to come."""
        begun = self.sample()[0]
        wait_for(lambda: self.sample()[0] > begun, "no datagram came", seconds=20)
        time.sleep(0.1)
        first, _, from_time = self.sample()
        time.sleep(seconds)
        last, _, to_time = self.sample()
        return (last - first) / (to_time - from_time)


@contextlib.contextmanager
def sink(lab, ports):
    with lab.child([lab.program("bench_sink"), str(ports)], stdin=subprocess.PIPE,
                   stdout=subprocess.PIPE) as process:
        yield Sink(process)


@contextlib.contextmanager
def fed(lab, arguments, lines):
    """A program that reads the same lines over and over on its standard input."""
    with lab.child(arguments, stdin=subprocess.PIPE) as process:
        feeder = threading.Thread(target=_feed, args=(process.stdin.fileno(), lines), daemon=True)
        feeder.start()
        try:
            yield process
        finally:
            process.kill()  # it would read on for ever
            feeder.join()


def _feed(descriptor, lines):
    try:
        while True:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(descriptor, rest):]
    except BrokenPipeError:
        return


def unicast_lines(users, count, text):
    """`unicast` commands to users spread over all: a stride that shares no factor with them."""
    stride = next(s for s in range(users * 2 // 3 + 1, users * 2) if math.gcd(s, users) == 1)
    return "".join(f'unicast {user_name(i * stride % users)} "{text}"\n'
                   for i in range(count)).encode()
