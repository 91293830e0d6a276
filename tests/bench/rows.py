"""The rows of the table: for each number a function that measures it and gives its results."""

import contextlib
import subprocess
import sys

import meters
import systems
from compare import Row, Side, measure, measure_limit
from lab import ROOT, memory_kib

OLD_CLIENT = ROOT / "tests" / "bench" / "old_client.py"
#: One line of what is said; with the name before it about 100 bytes go over the wire.
TEXT = "bench " * 15 + "bench"
SENDER = "sender"
DATAGRAM_BYTES = len(f"{SENDER}: {TEXT}")


def _beside_nginx(lab, number, what, users, loads, reach, aim):
    """A list over HTTP: ours, nginx with a file of the same bytes, and the bare loop."""
    results = []
    with systems.registry(lab, users) as ours:
        body = systems.fetch_list(ours)
        with systems.answer_loop(lab, body) as bare:
            for label, load, connections in loads:
                def side(name, server, *wanted, load=load, connections=connections):
                    return Side(name, lambda: load(lab, server.url, connections), 1, *wanted,
                                pid=server.pid)
                others = []
                row = Row(number, f"{what}, {label}, {connections} connections", "requests/s",
                          side("ours", ours), others)
                with contextlib.ExitStack() as stack:
                    if not systems.missing("nginx"):
                        nginx = stack.enter_context(systems.nginx(lab, body))
                        others.append(side("nginx", nginx, reach, aim))
                    others.append(side("bare loop", bare, None, None))
                    results.append(measure(lab, row))
    return results


def list_kept(lab):
    loads = [("kept connections", meters.requests_per_second, n) for n in (16, 128)]
    return _beside_nginx(lab, 1, "list of 100", 100, loads, 1.1, 1.3)


def list_closed(lab):
    loads = [("one connection each", meters.closing_requests_per_second, n) for n in (16, 128)]
    return _beside_nginx(lab, 2, "list of 100", 100, loads, 0.95, 1.0)


def long_list(lab):
    loads = [("kept connections", meters.requests_per_second, 16)]
    return _beside_nginx(lab, 3, "list of 10,000", 10_000, loads, 1.0, 1.15)


def lookup(lab):
    lab.progress("row 4: a registry with 1,000,000 users starts")
    with systems.registry(lab, 1_000_000) as large, systems.registry(lab, 100) as small:
        def side(name, server, users, *wanted):
            return Side(name, lambda: meters.lookups_per_second(lab, server.url, users, 16), 1,
                        *wanted, pid=server.pid)
        return [measure(lab, Row(4, "one user of 1,000,000", "requests/s",
                                 side("ours", large, 1_000_000),
                                 [side("ours, of 100", small, 100, 0.9, 1.0)]))]


def durable_register(lab):
    clients = 50

    def ours():
        with systems.registry(lab) as server:
            return meters.registrations(lab, "registry", server.port, clients)["per_second"]

    def redis():
        with systems.redis(lab) as server:
            return meters.redis_sets_per_second(lab, server.port, clients)

    def etcd():
        with systems.etcd(lab) as server:
            return meters.registrations(lab, "etcd", server.port, clients)["per_second"]

    others = []
    if not systems.missing("redis"):
        others.append(Side("redis", redis, 1, 0.85, 1.1))
    if not systems.missing("etcd"):
        others.append(Side("4 x etcd", etcd, 4, 0.85, 1.1))
    return [measure(lab, Row(5, f"durable REGISTER, {clients} clients", "changes/s",
                             Side("ours", ours), others))]


def _peer(lab, server):
    return [lab.program("peer"), SENDER, f"127.0.0.1:{server.port}", "send"]


def broadcast(lab):
    """Every command is a broadcast: the list is asked for once each, and is unchanged (304)."""
    results = []
    for users in (1, 1000):
        with meters.sink(lab, users) as sink:
            with systems.registry(lab, users, sink.ports) as server:
                def ours(server=server, sink=sink):
                    lines = f'broadcast "{TEXT}"\n'.encode() * 64
                    with meters.fed(lab, _peer(lab, server), lines):
                        return sink.rate(lab.seconds)

                def bare(sink=sink):
                    ports = " ".join(map(str, sink.ports)).encode()
                    with lab.child([lab.program("bench_sendto"), str(DATAGRAM_BYTES)],
                                   stdin=subprocess.PIPE) as process:
                        process.stdin.write(ports)
                        process.stdin.close()
                        return sink.rate(lab.seconds)
                what = f"datagrams to {users:,} listed {'user' if users == 1 else 'users'}"
                results.append(measure(lab, Row(6, what, "datagrams/s", Side("ours", ours),
                                                [Side("bare sendto", bare, 1, 0.85, 0.95)])))
    return results


def unicast(lab):
    """Every command looks its recipient up."""
    results = []
    for users, reach, aim in ((100, 10, 20), (10_000, 100, 300)):
        lines = meters.unicast_lines(users, 2000, TEXT)
        with meters.sink(lab, 1) as sink:
            with systems.registry(lab, users, sink.ports) as new, \
                    systems.old_server(lab, users, sink.ports) as old:
                def ours(server=new, sink=sink, lines=lines):
                    with meters.fed(lab, _peer(lab, server), lines):
                        return sink.rate(lab.seconds)

                def theirs(server=old, sink=sink, lines=lines):
                    command = [sys.executable, OLD_CLIENT, f"127.0.0.1:{server.port}"]
                    with meters.fed(lab, command, lines):
                        return sink.rate(lab.seconds)
                results.append(measure(lab, Row(7, f"unicast with lookup among {users:,}",
                                                "datagrams/s", Side("ours", ours),
                                                [Side("old client", theirs, 1, reach, aim)])))
    return results


def among_bad_connections(lab):
    """Good requests, 500 a second, while others hold connections and never get to the point."""
    return [_among(lab, idle, slow) for idle, slow in ((1000, 1000), (0, 5000))]


def _among(lab, idle, slow):
    found = []
    rss = []

    def take():
        with systems.registry(lab, 100) as server:
            found.append(meters.crowd(lab, server.port, idle, slow, 500, max(4, 2 * lab.seconds),
                                      lambda: rss.append(memory_kib(server.pid))))
        return found[-1]["p99_ms"]

    what = f"p99 among {idle:,} idle and {slow:,} one-byte-a-second connections"
    result = measure_limit(lab, 16, what, "ms", take, 50, 5)
    result["details"] = found
    result["rss_mib"] = round(max(rss) / 1024, 1)
    share = min(r["answered"] / r["requests"] for r in found)
    p50 = sorted(r["p50_ms"] for r in found)[len(found) // 2]
    lab.note(f"row 16, {slow:,} slow: at least {100 * share:.1f} % answered, p50 {p50:.2f} ms, "
             f"registry's resident memory {result['rss_mib']} MiB")
    return result


def _brokers(lab, stack, *wanted, **settings):
    """Those that are installed, as (name, protocol, server)."""
    found = []
    for name, protocol in wanted:
        if not systems.missing(name):
            server = stack.enter_context(getattr(systems, name)(lab, **settings))
            found.append((name, protocol, server))
    return found


def confirmed_messages(lab):
    """Each sender waits until the recipient's program has said that it has the message."""
    results = []
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(systems.two_connection(lab, 64))
        bare = stack.enter_context(systems.relay_loop(lab))
        brokers = _brokers(lab, stack, ("nats", "nats"), ("mosquitto", "mqtt0"),
                           ("ngircd", "irc"))
        for senders in (16, 64):
            def side(name, protocol, server, *wanted, senders=senders):
                return Side(name, lambda: meters.messages(lab, protocol, server.port, "pairs",
                                                          senders)["per_second"], 1, *wanted,
                            pid=server.pid)
            others = [side(name, protocol, server, 1.15, 1.35)
                      for name, protocol, server in brokers if (name, senders) != ("ngircd", 64)]
            others.append(side("bare relay", "two-connection", bare, None, None))
            results.append(measure(lab, Row(8, f"confirmed messages, {senders} senders",
                                            "messages/s", side("ours", "two-connection", ours),
                                            others)))
    return results


def fan_out(lab):
    receivers = 1000
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(systems.two_connection(lab, receivers))
        bare = stack.enter_context(systems.relay_loop(lab))
        brokers = _brokers(lab, stack, ("mosquitto", "mqtt1"))

        def side(name, protocol, server, factor, *wanted):
            return Side(name, lambda: meters.messages(lab, protocol, server.port, "fan",
                                                      receivers)["per_second"], factor, *wanted,
                        pid=server.pid)
        others = [side("bare relay", "two-connection", bare, 1, 0.7, 0.85)]
        others += [side("3 x mosquitto QoS 1", protocol, server, 3, 1, 1)
                   for _, protocol, server in brokers]
        return [measure(lab, Row(9, f"to all {receivers:,}, every receipt awaited",
                                 "deliveries/s", side("ours", "two-connection", ours, 1),
                                 others))]


def round_trip(lab):
    """On one core: between two, waking the other one is what would be measured."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(systems.two_connection(lab, 1, cpu=1))

        def side(name, protocol, server, *wanted):
            return Side(name, lambda: meters.messages(lab, protocol, server.port, "pairs", 1,
                                                      cpu=1)["p50_us"], 1, *wanted)
        others = []
        if not systems.missing("mosquitto"):
            theirs = stack.enter_context(systems.mosquitto(lab, cpu=1))
            others.append(side("mosquitto QoS 0", "mqtt0", theirs, 0.95, 0.8))
        return [measure(lab, Row(10, "confirmed message, round trip p50", "us",
                                 side("ours", "two-connection", ours), others, is_less=True))]


def idle_memory(lab):
    count = 9000

    def ours():
        with systems.two_connection(lab, count // 3) as server:
            return meters.memory_per_connection(lab, "two-connection", server, count)

    def theirs():
        with systems.mosquitto(lab) as server:
            return meters.memory_per_connection(lab, "mqtt0", server, count // 9)

    result = measure_limit(lab, 11, f"memory per idle connection, {count:,} held", "bytes", ours,
                           2048, 1024)
    if not systems.missing("mosquitto"):
        lab.note(f"row 11: mosquitto {theirs():.0f} bytes a connection, {count // 9:,} held")
    return [result]


#: Unacknowledged at a time. Both are at their best.
SEALED_WINDOW, ENET_WINDOW = 4096, 8000
#: Where toxcore is fastest: with 1,024 or 8,192 it is a fifth slower, with 64 it is at a twentieth.
TOX_WINDOW = 2048


def sealed_datagrams(lab):
    """One message a datagram: what each datagram costs."""
    def side(name, *wanted, load, arguments=()):
        return Side(name, lambda: meters.load(lab, load, *arguments)["per_second"], 1, *wanted)

    ours = side("ours", load="bench_sealed_load",
                arguments=("flood", lab.seconds, 1, SEALED_WINDOW))
    others = []
    if not systems.missing("toxcore"):
        others.append(side("c-toxcore", 20, 28, load="bench_tox_load",
                           arguments=(lab.seconds, TOX_WINDOW)))
    others += [side("bare sealed loop", 0.75, 0.95, load="bench_sealed_loop",
                    arguments=(lab.seconds,)),
               side("the same, segments", load="bench_sealed_loop",
                    arguments=(lab.seconds, "segments"))]
    return [measure(lab, Row(12, "sealed, acknowledged, one a datagram", "messages/s", ours,
                             others))]


def sealed_bulk(lab):
    """As many messages a datagram as there is room for."""
    def side(name, load, arguments, *wanted):
        return Side(name, lambda: meters.load(lab, load, "flood", lab.seconds,
                                              *arguments)["per_second"], 1, *wanted)

    ours = side("ours", "bench_sealed_load", (65535, SEALED_WINDOW))
    others = []
    if not systems.missing("enet"):
        others.append(side("enet, in the clear", "bench_enet_load", (ENET_WINDOW,), 1, 2))
    return [measure(lab, Row(13, "sealed, acknowledged, in bulk", "messages/s", ours, others))]


def sealed_round_trip(lab):
    """On one core, as row 10. A round trip is one of two: until the other side's protocol has
    acknowledged, or until its program has answered by a message. Brokers know only the second."""
    def load(name, program, mode, *wanted):
        return Side(name, lambda: meters.load(lab, program, *mode, cpu=1)["p50_us"], 1, *wanted)

    def row(mode, what, others):
        mode = (mode, lab.seconds)
        if not systems.missing("enet"):
            others = [load("enet, in the clear", "bench_enet_load", mode, 0.75, 0.6), *others]
        return measure(lab, Row(14, what, "us", load("ours", "bench_sealed_load", mode), others,
                                is_less=True))

    def broker(name, protocol, server):
        return Side(name, lambda: meters.messages(lab, protocol, server.port, "pairs", 1,
                                                  cpu=1)["p50_us"])

    bare = load("bare sealed loop", "bench_sealed_loop", (lab.seconds, "single"))
    results = [row("acknowledged", "sealed message until acknowledged, p50", [bare])]
    with contextlib.ExitStack() as stack:
        brokers = _brokers(lab, stack, ("nats", "nats"), ("mosquitto", "mqtt1"), cpu=1)
        labels = {"mosquitto": "mosquitto QoS 1"}
        results.append(row("answered", "sealed message and its answer, p50",
                           [broker(labels.get(name, name), protocol, server)
                            for name, protocol, server in brokers]))
    return results


def sealed_broadcast(lab):
    """With no session to any of them before."""
    peers = 1000

    def ours():
        with lab.folder("pins") as folder:
            return meters.load(lab, "bench_sealed_load", "broadcast", peers, folder)["per_second"]
    arithmetic = Side("handshakes' arithmetic", lambda: meters.load(
        lab, "bench_handshake_arithmetic", peers)["per_second"], 1, 0.6, 0.85)
    return [measure(lab, Row(15, f"sealed, to {peers:,} cold peers, all confirmed", "peers/s",
                             Side("ours", ours), [arithmetic]))]


ROWS = {1: list_kept, 2: list_closed, 3: long_list, 4: lookup, 5: durable_register, 6: broadcast,
        7: unicast, 8: confirmed_messages, 9: fan_out, 10: round_trip, 11: idle_memory, 12: sealed_datagrams,
        13: sealed_bulk, 14: sealed_round_trip, 15: sealed_broadcast, 16: among_bad_connections}
