#!/usr/bin/env python3
"""An old two-connection account server, re-made from its description with all its weaknesses.

Clients log in on one connection; the server then connects back to deliver messages. One thread per
client, one recv() per command, the whole text of a receipt compared, one lock per receiver. What old
servers did differently from each other is an option.

    two_connection_server.py CREDENTIALS [--short] [--broadcast] [--refuse 102|103|401]
        [--receipt-time SECONDS] [--gone-at login|port|command|exit] [--silent-at STEP]
        [--no-connection] [--stranger] [--close-messages] [--bind ADDRESS]
        [--own-address ADDRESS]
"""

import argparse
import socket
import sys
import threading
import time

RECEIPT = b"302 Message receipt successful\n"


def say(text):
    sys.stderr.write(text + "\n")  # in one piece, whichever thread says it
    sys.stderr.flush()


class Receiver:
    """The second connection of one user."""

    def __init__(self, connection):
        self.connection = connection
        self.lock = threading.Lock()


class Server:
    def __init__(self, options):
        self.options = options
        self.accounts = dict(line.split() for line in open(options.credentials) if line.strip())
        self.online = {}
        family = socket.AF_INET6 if ":" in options.bind else socket.AF_INET
        self.listener = socket.create_server((options.bind, 0), family=family, backlog=16)
        host, port = self.listener.getsockname()[:2]
        say(f"bound to {host}:{port}")

    def serve(self):
        while True:
            connection, address = self.listener.accept()
            threading.Thread(target=self.talk, args=(connection, address), daemon=True).start()

    def talk(self, connection, address):
        name = None
        try:
            name = self.log_in(connection)
            if name and self.connect_back(connection, address, name):
                self.obey(connection, name)
        except OSError as error:
            say(f"{name}: {error}")
        finally:
            receiver = self.online.pop(name, None)
            if receiver:
                receiver.connection.close()
            connection.close()
            say(f"{name} is gone")

    def stops_at(self, step):
        """True if the connection ends here; a silent server says nothing more."""
        if self.options.silent_at == step:
            time.sleep(3600)
        return self.options.gone_at == step

    def read(self, connection):
        """One recv is one command, whatever is in it."""
        command = connection.recv(1024).decode()
        say(f"got {command!r}")
        return command

    def log_in(self, connection):
        while True:
            command = self.read(connection)
            if not command or self.stops_at("login"):
                return None
            words = command.rstrip("\n").split(" ")
            if len(words) != 3 or words[0] != "/login":
                connection.sendall(b"401 Unrecognized message\n")
            elif words[1] in self.online:
                connection.sendall(b"103 You are already logged in\n")
            elif self.accounts.get(words[1]) != words[2]:
                connection.sendall({"102": b"102 Authentication failed\n",
                                    "103": b"103 You are already logged in\n",
                                    "401": b"401 Authentication failed\n"}[self.options.refuse])
            else:
                self.online[words[1]] = None
                connection.sendall(b"101 Authentication successful\n")
                return words[1]

    def connect_back(self, connection, address, name):
        command = self.read(connection)
        if not command or self.stops_at("port"):
            return False
        port = int(command.rstrip("\n").split(" ")[1])
        try:
            if self.options.no_connection:
                raise ConnectionRefusedError("not even tried")
            if self.options.stranger:
                self.stranger(port, name)
            here = self.options.own_address
            back = socket.create_connection((here or address[0], port),
                                            source_address=here and (here, 0))
        except OSError as error:
            say(f"no connection to {name}: {error}")
            connection.sendall(b"202 Build connection failed\n")
            return False
        self.online[name] = Receiver(back)
        connection.sendall(b"201 Build connection successful\n")
        if self.options.close_messages:
            back.close()
        return True

    @staticmethod
    def stranger(port, name):
        """Somebody else finds the port first, and speaks as if he were the server."""
        stranger = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
        try:
            stranger.sendall(b"/from mallory give me your password\n")
            stranger.settimeout(15)
            said = stranger.recv(1024)
        except OSError:
            said = b""
        say(f"stranger at {name} got {said!r}")
        stranger.close()

    def obey(self, connection, name):
        while True:
            command = self.read(connection)
            if not command or self.stops_at("command"):
                return
            if command == "/exit\n":
                if self.stops_at("exit"):
                    return
                connection.sendall(b"310 Bye bye\n")
                return
            connection.sendall(self.answer(command, name).encode())

    def answer(self, command, name):
        done = "303 Message delivery success" + ("\n" if self.options.short else "ful\n")
        words = command.rstrip("\n").split(" ")
        if words == ["/list"]:
            return "301 " + " ".join(self.online) + "\n"
        if words[0] == "/to" and len(words) > 2:
            text = f"/from {name} {' '.join(words[2:])}\n"
            return done if self.deliver(words[1], text) else "304 Message delivery failed\n"
        if words[0] == "/toall" and len(words) > 1:
            verb = "/broadcast" if self.options.broadcast else "/broadcastfrom"
            text = f"{verb} {name} {' '.join(words[1:])}\n"
            others = [other for other in list(self.online) if other != name]
            return done if all([self.deliver(o, text) for o in others]) else (
                "304 Message delivery failed\n")
        return "401 Unrecognized message\n"

    def deliver(self, target, text):
        receiver = self.online.get(target)
        if not receiver:
            return False
        with receiver.lock:
            try:
                receiver.connection.settimeout(self.options.receipt_time)
                receiver.connection.sendall(text.encode())
                receipt = receiver.connection.recv(1024)
            except OSError as error:
                say(f"{target}: {error}")
                return False
        say(f"{target} receipted {receipt!r}")
        return receipt == RECEIPT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("credentials")
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--short", action="store_true", help="303 Message delivery success")
    parser.add_argument("--broadcast", action="store_true", help="/broadcast for /broadcastfrom")
    parser.add_argument("--refuse", default="102", choices=("102", "103", "401"))
    parser.add_argument("--receipt-time", type=float, default=None)
    parser.add_argument("--gone-at", choices=("login", "port", "command", "exit"))
    parser.add_argument("--silent-at", choices=("login", "port", "command", "exit"))
    parser.add_argument("--no-connection", action="store_true")
    parser.add_argument("--stranger", action="store_true")
    parser.add_argument("--own-address", help="connect back to this address of the one machine")
    parser.add_argument("--close-messages", action="store_true")
    Server(parser.parse_args()).serve()


if __name__ == "__main__":
    main()
