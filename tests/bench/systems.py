"""Starts what is measured: this project's registry and what it is measured beside.

Each is a context manager that gives an object with `port`, and ends the program. A system that is not
installed is told by `missing()`; nothing here fails for want of one.
"""

import contextlib
import http.client
import os
import re
import shutil
import subprocess
import sys
import time
import types

from lab import ROOT, accepts, cpu_seconds, free_port, wait_for

SUPPORT = ROOT / "tests" / "integration" / "support"
PROGRAMS = {"nginx": "nginx", "redis": "redis-server", "etcd": "etcd", "nats": "nats-server",
            "mosquitto": "mosquitto", "ngircd": "ngircd"}
#: Libraries that a load generator is linked with, when they are there: pkg-config's names, Debian's.
LIBRARIES = {"enet": ("libenet", "libenet-dev"), "toxcore": ("toxcore", "libtoxcore-dev")}
SYSTEMS = (*PROGRAMS, *LIBRARIES)


def find(program):
    """A program's path; servers are in /usr/sbin, which is not on every user's PATH."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def missing(system):
    """Why a system cannot be measured, or an empty string."""
    if system in LIBRARIES:
        return "" if _library_version(system) else f"{LIBRARIES[system][1]} is not installed"
    return "" if find(PROGRAMS[system]) else f"{PROGRAMS[system]} is not installed"


def version(system):
    """One line that names the measured version."""
    if system in LIBRARIES:
        return _library_version(system)
    flag = {"nginx": "-v", "mosquitto": "-h"}.get(system, "--version")
    told = subprocess.run([find(PROGRAMS[system]), flag], capture_output=True, text=True,
                          check=False, timeout=10)
    words = re.search(r"\d+\.\d+\.\d+", told.stdout + told.stderr)
    return words.group(0) if words else "unknown version"


def _library_version(system):
    """An empty string if it is not there."""
    try:
        told = subprocess.run(["pkg-config", "--modversion", LIBRARIES[system][0]],
                              capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def user_name(number):
    return f"user{number:07d}"


def user_lines(count, ports):
    """userlist.txt of that many users, spread over the ports."""
    return "".join(f"{user_name(i)}@127.0.0.1:{ports[i % len(ports)]}\n" for i in range(count))


@contextlib.contextmanager
def registry(lab, users=0, ports=range(20000, 60000)):
    """Our registry with that many users, read from a userlist.txt as a person would write one."""
    with lab.folder("registry") as folder:
        if users:
            (folder / "userlist.txt").write_text(user_lines(users, ports), encoding="ascii")
        log_path = folder / "log"
        with open(log_path, "wb") as log, lab.child(
                [lab.program("registry"), "127.0.0.1:0"], cwd=folder, stderr=log) as process:
            # Its last lines: with many users the log has a line for each.
            wait_for(lambda: b" ready " in _tail(log_path), "our registry", process)
            port = int(re.search(rb"http=\S+:(\d+)", _tail(log_path)).group(1))
            _settle(process.pid)
            yield types.SimpleNamespace(port=port, pid=process.pid, folder=folder,
                                        url=f"http://127.0.0.1:{port}/userlist.txt")


@contextlib.contextmanager
def two_connection(lab, users, cpu=None):
    """Our registry with that many accounts for senders (s0, s1, …) and receivers (r0, …)."""
    with lab.folder("registry") as folder:
        (folder / "accounts").write_text(
            "".join(f"s{i} pw\nr{i} pw\n" for i in range(users)), encoding="ascii")
        (folder / "accounts").chmod(0o600)
        log_path = folder / "log"
        with open(log_path, "wb") as log, lab.child(
                [*_on(cpu), lab.program("registry"), "127.0.0.1:0", "--two-connection",
                 "127.0.0.1:0", "--accounts", "accounts"], cwd=folder, stderr=log) as process:
            wait_for(lambda: b" login=" in _tail(log_path), "our registry", process)
            port = int(re.search(rb"two-connection=\S+:(\d+)", _tail(log_path)).group(1))
            _settle(process.pid)
            yield types.SimpleNamespace(port=port, pid=process.pid)


@contextlib.contextmanager
def relay_loop(lab):
    """The bare epoll loop that speaks the same dialect."""
    with lab.child([lab.program("bench_relay_loop")], stdout=subprocess.PIPE) as process:
        yield types.SimpleNamespace(port=int(process.stdout.readline()), pid=process.pid)


@contextlib.contextmanager
def nats(lab, cpu=None):
    port = free_port()
    with lab.child([*_on(cpu), find("nats-server"), "-a", "127.0.0.1", "-p", str(port)],
                   stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: accepts(port), "nats-server", process)
        yield types.SimpleNamespace(port=port, pid=process.pid)


@contextlib.contextmanager
def mosquitto(lab, cpu=None):
    """Without limits of its own, and nothing kept on disk."""
    with lab.folder("mosquitto") as folder:
        port = free_port()
        (folder / "conf").write_text(f"""listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 1000
max_queued_messages 0
max_connections -1
persistence false
user root
""", encoding="ascii")
        with lab.child([*_on(cpu), find("mosquitto"), "-c", folder / "conf"],
                       stderr=subprocess.DEVNULL) as process:
            wait_for(lambda: accepts(port), "mosquitto", process)
            yield types.SimpleNamespace(port=port, pid=process.pid)


@contextlib.contextmanager
def ngircd(lab):
    """Without its flood protection, which would hold the load up."""
    with lab.folder("ngircd") as folder:
        port = free_port()
        folder.chmod(0o755)  # as root it becomes somebody else
        (folder / "conf").write_text(f"""[Global]
Name = irc.test
Info = bench
AdminInfo1 = bench
AdminInfo2 = bench
AdminEMail = bench@localhost
MotdPhrase = bench
Listen = 127.0.0.1
Ports = {port}
[Limits]
MaxPenaltyTime = 0
MaxJoins = 0
MaxConnections = 0
MaxConnectionsIP = 0
MaxNickLength = 20
[Options]
DNS = no
Ident = no
PAM = no
""", encoding="ascii")
        with lab.child([find("ngircd"), "-n", "-f", folder / "conf"],
                       stdout=subprocess.DEVNULL) as process:
            wait_for(lambda: accepts(port), "ngircd", process)
            yield types.SimpleNamespace(port=port, pid=process.pid)


def _on(cpu):
    return [] if cpu is None else ["taskset", "-c", str(cpu)]


def _settle(pid):
    """Waits until the process has rested for a moment: after its start it writes its list out, which
    with 1,000,000 users would run into the first measurement."""
    spent = -1
    while spent != (now := cpu_seconds(pid)):
        spent = now
        time.sleep(0.2)


def _tail(path):
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 2000))
        return file.read()


@contextlib.contextmanager
def nginx(lab, body):
    """nginx with one worker and a static file of those bytes, nothing logged."""
    with lab.folder("nginx") as folder:
        (folder / "www").mkdir()
        (folder / "www" / "userlist.txt").write_bytes(body)
        port = free_port()
        # As root its worker would be somebody who may not read our folder.
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in
                             ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""
{user} worker_processes 1; daemon off; pid {folder}/pid; error_log /dev/null crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; default_type text/plain;
  keepalive_requests 1000000000; open_file_cache max=16 inactive=1h; {temporary}
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}/www; }}
}}
""", encoding="utf-8")
        with lab.child([find("nginx"), "-p", folder, "-c", folder / "nginx.conf"]) as process:
            wait_for(lambda: accepts(port), "nginx", process)
            yield types.SimpleNamespace(port=port, pid=process.pid,
                                        url=f"http://127.0.0.1:{port}/userlist.txt")


@contextlib.contextmanager
def answer_loop(lab, body):
    """The bare epoll loop that sends the same bytes."""
    with lab.folder("loop") as folder:
        (folder / "body").write_bytes(body)
        with lab.child([lab.program("bench_answer_loop"), folder / "body"],
                       stdout=subprocess.PIPE) as process:
            port = int(process.stdout.readline())
            yield types.SimpleNamespace(port=port, pid=process.pid,
                                        url=f"http://127.0.0.1:{port}/userlist.txt")


@contextlib.contextmanager
def redis(lab):
    """Redis that has each change on disk before it answers."""
    with lab.folder("redis") as folder:
        port = free_port()
        with lab.child([find("redis-server"), "--port", str(port), "--bind", "127.0.0.1",
                        "--dir", folder, "--appendonly", "yes", "--appendfsync", "always",
                        "--save", "", "--daemonize", "no"]) as process:
            wait_for(lambda: accepts(port), "redis", process)
            yield types.SimpleNamespace(port=port)


@contextlib.contextmanager
def etcd(lab):
    """One etcd node, spoken to through its JSON gateway."""
    with lab.folder("etcd") as folder:
        client, peer = free_port(), free_port()
        ours, theirs = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        with lab.child([find("etcd"), "--data-dir", folder / "data", "--name", "bench",
                        "--listen-client-urls", ours, "--advertise-client-urls", ours,
                        "--listen-peer-urls", theirs, "--initial-advertise-peer-urls", theirs,
                        "--initial-cluster", f"bench={theirs}"]) as process:
            wait_for(lambda: _etcd_is_well(client), "etcd", process)
            yield types.SimpleNamespace(port=client)


def _etcd_is_well(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return b"true" in connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def old_server(lab, users, ports):
    """The old registry in Python, with its list in its userlist.txt."""
    with lab.folder("old-server") as folder:
        (folder / "userlist.txt").write_text(user_lines(users, ports), encoding="ascii")
        with lab.child([sys.executable, "-u", SUPPORT / "classic_server.py", "127.0.0.1:0"],
                       cwd=folder, stderr=subprocess.PIPE) as process:
            bound = process.stderr.readline().decode()
            port = int(re.search(r":(\d+)", bound).group(1))
            yield types.SimpleNamespace(port=port)


def fetch_list(server):
    """The list's body as a program of today gets it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/userlist.txt", headers={"User-Agent": "bench"})
    body = connection.getresponse().read()
    connection.close()
    return body
