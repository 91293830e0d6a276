#!/usr/bin/env python3
"""The old NetChat client, re-made from its description with all its weaknesses (D1).

Usage: netchat_client.py NAME HOST:PORT [IP]

docs/protocol/netchat.md and docs/protocol/directory.md describe the protocol. Kept on purpose,
because our programs must live with it: one recv(1024) a message; the text is what stands between
the first two quotes, and a message without a quote, or not in UTF-8, ends the thread that listens;
what the person typed after the name is sent as it is, quotes and all; an address once known is
never asked for again; `>>Message sent!` after a failure, too; deletion by position, for whoever
says the name; EXIT tells nobody; commands match by prefix.

Two things are added: IP in place of the host's own address, and a line on standard error once it
listens, so that a test knows when it can be sent to; and the port is kept from the start, where the
original gives it up and may lose it to somebody else. Before it listens, connections are refused.
"""

import socket
import sys
import threading

from netchat_http import NetchatRegistry

RECEIVE_BYTES = 1024
PROMPT = "Waiting for a command (to exit write EXIT): "


class NetchatClient:
    def __init__(self, name, registry, ip):
        self.name = name
        self.registry = registry
        self.listener = socket.socket()
        self.listener.bind((ip, 0))
        self.ip, self.port = self.listener.getsockname()
        self.addresses = {}
        self.history = {}

    def run(self):
        done = self.registry.update(self.name, self.ip, self.port)
        print(">>User registered in server!" if done else ">>Registration failed!")
        self.fetch_list()
        self.listener.listen()
        print(f"listening on {self.ip}:{self.port}", file=sys.stderr)
        threading.Thread(target=self.receive_all, daemon=True).start()
        while True:
            line = input(PROMPT)
            if line == "EXIT":
                return
            self.run_command(line)

    def fetch_list(self):
        users = self.registry.list()
        if users is None:
            print(">>Failed to get user list!")
        else:
            self.addresses.update(users)

    # -- the listening thread ----------------------------------------------------------------

    def receive_all(self):
        while True:
            connection, _ = self.listener.accept()
            data = connection.recv(RECEIVE_BYTES)
            if data:
                self.take(data.decode())  # bad UTF-8 ends the thread
            connection.close()

    def take(self, text):
        if text.startswith("DELETE_MESSAGE:"):
            sender = text.split(":")[1]
            entries = self.history.get(sender, [])
            self.delete_newest(entries, sender)
            return
        sender = text.split(":")[0]
        entry = text.split('"')[1]  # no quote ends the thread
        self.history.setdefault(sender, []).append(f"{entry} - {sender}")
        print(f"\n\r\033[K>>You have a message from {sender}\n{PROMPT}", end="")

    @staticmethod
    def delete_newest(entries, whose):
        """Marks the newest entry of that side; False if there is none."""
        deleted = f"Deleted - {whose}"
        for i in range(len(entries) - 1, -1, -1):
            if entries[i].endswith(f"- {whose}") and entries[i] != deleted:
                entries[i] = deleted
                return True
        return False

    # -- commands ----------------------------------------------------------------------------

    def run_command(self, line):
        words = line.split(" ")
        if line.startswith("LIST"):
            if len(words) > 1:
                return print(">>Invalid LIST command!")
            self.fetch_list()
            print(f">>[{', '.join(self.addresses)}]")
        elif line.startswith("SEND_MULTI"):
            if len(words) < 3:
                return print(">>Invalid SEND_MULTI command!")
            self.send_multi(words[1].strip("[]").split(","), " ".join(words[2:]))
        elif line.startswith("SEND"):
            if len(words) < 3:
                return print(">>Invalid SEND command!")
            self.send(words[1], " ".join(words[2:]))
            print(">>Message sent!")  # whatever came of it
        elif line.startswith("READ"):
            if len(words) != 2:
                return print("Invalid READ command!")
            self.read(words[1])
        elif line.startswith("DELETE"):
            if len(words) != 2:
                return print(">>Invalid DELETE command!")
            self.delete(words[1])
        else:
            print(">>Unknown command!")

    def say(self, name, text):
        """One message over a connection of its own."""
        with socket.create_connection(self.addresses[name]) as connection:
            connection.sendall(text.encode())

    def send(self, name, text):
        if name not in self.addresses:
            found = self.registry.lookup(name)
            if found is None:
                print(f">>User {name} not found!")
                return print(">>User not found!")
            self.addresses[name] = found
        try:
            self.say(name, f"{self.name}: {text}")
            entry = text.split('"')[1]
            self.history.setdefault(name, []).append(f"{entry} - user")
        except (OSError, IndexError) as error:
            print(f">>Failed to send message: {error}")

    def send_multi(self, names, text):
        unknown = []
        for name in names:
            if name not in self.addresses:
                self.fetch_list()
            if name in self.addresses:
                self.send(name, text)
            else:
                unknown.append(name)
        if unknown:
            print(f">> Error: Message cannot be sent to {', '.join(unknown)}, user does not exist")
        else:
            print(">>Message sent!")

    def read(self, name):
        if name not in self.history:
            return print(">>No messages found!")
        for entry in self.history[name]:
            print(f">>{entry}")

    def delete(self, name):
        if not self.delete_newest(self.history.get(name, []), "user"):
            return print(">>No messages to delete!")
        try:
            self.say(name, f"DELETE_MESSAGE:{self.name}")
        except (OSError, KeyError) as error:
            return print(f">>Failed to send delete notification: {error}")
        self.read(name)


def main():
    host, port = sys.argv[2].split(":")
    ip = sys.argv[3] if len(sys.argv) > 3 else socket.gethostbyname(socket.gethostname())
    NetchatClient(sys.argv[1], NetchatRegistry(host, int(port)), ip).run()


if __name__ == "__main__":
    main()
