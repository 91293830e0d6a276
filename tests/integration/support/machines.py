"""Several machines on one switch, as network namespaces of this one. Needs root."""

import contextlib
import ctypes
import functools
import json
import os
import shutil
import subprocess
import threading

from support.harness import DEADLINE

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@functools.cache
def why_not():
    """Why there can be no other machines; empty when there can."""
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    if not shutil.which("ip"):
        return "ip is not installed (package iproute2)"
    try:
        with Machines(1):
            return ""
    except subprocess.CalledProcessError as failed:
        return f"no network namespaces here: {failed.stderr.decode().strip()}"


@functools.cache
def why_no_loss():
    """Why no frames can be lost between machines; empty when they can."""
    if why_not():
        return why_not()
    if not shutil.which("nft"):
        return "nft is not installed (package nftables)"
    try:
        with Machines(1, loss=0.5):
            return ""
    except subprocess.CalledProcessError as failed:
        return f"the packet filter cannot lose frames here: {failed.stderr.decode().strip()}"


def _ip(*words, namespace=None):
    within = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *within, *map(str, words)], capture_output=True, check=True,
                   timeout=DEADLINE)


def _nft(namespace, *words, told=""):
    return subprocess.run(["ip", "netns", "exec", namespace, "nft", *words], input=told.encode(),
                          capture_output=True, check=True, timeout=DEADLINE).stdout


def _packets_counted(namespace, family, table):
    listed = json.loads(_nft(namespace, "-j", "list", "table", family, table))["nftables"]
    return sum(part["counter"]["packets"] for item in listed
               for part in item.get("rule", {}).get("expr", []) if "counter" in part)


class Machine:
    """One of them: `words` go in front of a command that is to run there."""

    def __init__(self, namespace, number, with_ipv4):
        self.namespace = namespace
        self.address = f"10.77.0.{number}" if with_ipv4 else None
        self.address6 = f"fd77::{number}"
        self.words = ["ip", "netns", "exec", namespace]

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread opens belong to this machine."""
        own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        with open(own, "rb") as here, open(f"/run/netns/{self.namespace}", "rb") as there:
            _enter(there)
            try:
                yield
            finally:
                _enter(here)

    def unplug(self):
        _ip("link", "set", "lan", "down", namespace=self.namespace)

    def plug_in(self):
        _ip("link", "set", "lan", "up", namespace=self.namespace)

    @contextlib.contextmanager
    def no_way_to(self, host):
        """Whatever goes there is refused at once, as from a router that does not find the host.
        Gives a function that says how many packets were."""
        _nft(self.namespace, "-f", "-",
             told="table inet no_way {\nchain out {\ntype filter hook output priority 0\n"
                  f"ip daddr {host} counter reject with icmpx type host-unreachable\n}}\n}}\n")
        try:
            yield lambda: _packets_counted(self.namespace, "inet", "no_way")
        finally:
            _nft(self.namespace, "delete", "table", "inet", "no_way")


def _enter(namespace):
    if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Machines:
    """So many machines and their switch; all gone at the end of the `with`.

    With `loss`, a share from 0 to 1, the switch loses so many of the frames, any of them.
    """

    def __init__(self, count, with_ipv4=True, loss=None):
        prefix = f"it{os.getpid()}"
        self._switch = f"{prefix}s"
        self._loss = loss
        self._machines = [Machine(f"{prefix}m{number}", number, with_ipv4)
                          for number in range(1, count + 1)]

    def __enter__(self):
        try:
            _ip("netns", "add", self._switch)
            _ip("link", "add", "bridge", "type", "bridge", namespace=self._switch)
            _ip("link", "set", "bridge", "up", namespace=self._switch)
            ports = [f"port{number}" for number in range(len(self._machines))]
            for port, machine in zip(ports, self._machines):
                self._plug_in(machine, port)
            if self._loss is not None:
                self._lose(ports)
        except subprocess.CalledProcessError:
            self.__exit__()
            raise
        return self._machines

    def _plug_in(self, machine, port):
        name = machine.namespace
        _ip("netns", "add", name)
        _ip("link", "add", port, "type", "veth", "peer", "name", "lan", "netns", name,
            namespace=self._switch)
        _ip("link", "set", port, "up", namespace=self._switch)
        _ip("link", "set", port, "master", "bridge", namespace=self._switch)
        _ip("link", "set", "lo", "up", namespace=name)
        _ip("link", "set", "lan", "up", namespace=name)
        if machine.address:
            _ip("address", "add", f"{machine.address}/24", "dev", "lan", namespace=name)
        # Usable at once: nobody else can have it.
        _ip("address", "add", f"{machine.address6}/64", "dev", "lan", "nodad", namespace=name)

    def _lose(self, ports):
        """The kernel's packet filter drops frames where they come in from a machine."""
        chains = [f"chain {port} {{ type filter hook ingress device {port} priority 0; "
                  f"numgen random mod 1000 < {round(self._loss * 1000)} counter drop; }}"
                  for port in ports]
        _nft(self._switch, "-f", "-", told="table netdev loss {\n" + "\n".join(chains) + "\n}\n")
        # A burst that a machine hands over in one piece would be lost in one piece.
        for machine in self._machines:
            _ip("link", "set", "lan", "gso_max_segs", 1, namespace=machine.namespace)

    def frames_lost(self):
        """How many the switch has lost so far."""
        return _packets_counted(self._switch, "netdev", "loss")

    def __exit__(self, *_):
        for name in (*(m.namespace for m in self._machines), self._switch):
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)
