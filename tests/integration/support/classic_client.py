#!/usr/bin/env python3
"""The old client, re-made from its description with all its weaknesses (D0).

Usage: classic_client.py NAME HOST:PORT listen|send [--bonus]

docs/protocol/directory.md and docs/protocol/classic-datagrams.md describe the protocol. Kept on
purpose, because our registry must live with it: Content-Length counts characters, four bytes
CRLF CRLF follow the declared body, one recv(2048) an answer, the status is looked for as a
substring, the list is the line after the first empty line up to the first empty item, the UDP
port is the number of the ephemeral TCP port and is bound only after the 200, commands match by
substring anywhere in the line, anything missing crashes.

--bonus asks `Do you want to log out?[y/n]` after every fifth message, and blocks for the answer.
Two things are added: a listener names its bound UDP address on standard error, so that a test
knows when it can be sent to; and it connects from a port whose UDP twin is free, where the original
takes any and sometimes crashes because somebody else has it.
"""

import socket
import sys

RECEIVE_BYTES = 2048
MESSAGES_A_QUESTION = 5


class Registry:
    """The client's side of the HTTP exchange: one connection, one send, one recv a request."""

    def __init__(self, address):
        self.host, port = address.split(":")  # an IPv6 address breaks here
        self.port = int(port)

    def _connect(self):
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.connect((self.host, self.port))
        return connection

    def _connect_for_udp(self):
        """A connection from a port that was free for UDP a moment ago."""
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
                free.bind(("", 0))
                port = free.getsockname()[1]
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                connection.bind(("", port))
            except OSError:  # free for UDP, but not for TCP
                connection.close()
                continue
            connection.connect((self.host, self.port))
            return connection

    def _post(self, connection, body):
        request = (f"POST /userlist.txt HTTP/1.1\r\nHost: {self.host}\r\n"
                   f"Content-Type: text/*\r\nContent-Length: {len(body)}\r\n\r\n"
                   f"{body}\r\n\r\n")
        connection.send(request.encode())
        answer = connection.recv(RECEIVE_BYTES).decode()
        connection.close()
        return answer.split("\r\n")[0]

    def register(self, name):
        """Registers the local end of this very connection; returns status line and endpoint."""
        connection = self._connect_for_udp()
        ip, port = connection.getsockname()
        return self._post(connection, f"REGISTER {name}@{ip}:{port}"), (ip, port)

    def logout(self, name, endpoint):
        return self._post(self._connect(), f"LOGOUT {name}@{endpoint[0]}:{endpoint[1]}")

    def fetch(self):
        """The listed users as pairs of name and `ip:port`."""
        connection = self._connect()
        connection.send(f"GET /userlist.txt HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        answer = connection.recv(RECEIVE_BYTES).decode()
        connection.close()
        return parse_list(answer)


def parse_list(answer):
    """Reads a list answer as the original does; prints its complaint about an empty one."""
    lines = answer.split("\r\n")
    users = []
    if "200" in lines[0]:
        for item in lines[lines.index("") + 1].split(","):
            if item == "":
                break
            parts = item.split("@")
            users.append((parts[0], parts[1]))
    elif "400" in lines[0]:
        print("There is no online users!")
    return users


def listen(name, registry, bonus):
    status, endpoint = registry.register(name)
    if "200" in status:
        receive(name, registry, endpoint, bonus)
    elif "400" in status:
        print("Invalid username character!")
    elif "406" in status:
        print("This user already exists!")


def receive(name, registry, endpoint, bonus):
    inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inbox.bind(endpoint)
    print("bound to %s:%d" % endpoint, file=sys.stderr)
    count = 0
    while True:
        datagram, _ = inbox.recvfrom(RECEIVE_BYTES)
        print(datagram.decode())  # one bad byte ends the listener
        count += 1
        if bonus and count % MESSAGES_A_QUESTION == 0 and wants_to_leave():
            if "200" not in registry.logout(name, endpoint):
                print("ERROR: You are not in the list!")
            return


def wants_to_leave():
    while True:
        answer = input("Do you want to log out?[y/n]").lower()
        if answer in ("y", "n"):
            return answer == "y"
        print("Invalid input!")


def send(name, registry):
    while True:
        line = input("")
        if "list" in line:
            users = registry.fetch()
            print("The online users are:")
            for user, _ in users:
                print(user)
        elif "unicast" in line:
            unicast(name, registry.fetch(), line)
        elif "broadcast" in line:
            broadcast(name, registry.fetch(), line)
        elif "multicast" in line:
            multicast(name, registry.fetch(), line)
        elif "exit" in line:
            return
        else:
            print("Invalid command!")


def unicast(name, users, line):
    send_to(name, users, line.split()[1], message_of(line))


def broadcast(name, users, line):
    text = message_of(line)
    if not users:
        print("there is no online user")
    for user, address in users:
        send_datagram(name, address, text)
        print(f"message is sent to {user}")


def multicast(name, users, line):
    text = message_of(line)
    wanted = [part.strip() for part in line[line.index("[") + 1:line.index("]")].split(",")]
    if not wanted:
        print("please enter a user in []")  # unreachable, as in the original
    for user in wanted:
        send_to(name, users, user, text)


def message_of(line):
    """From the first to the last double quote; none at all crashes."""
    return line[line.index('"') + 1:line.rindex('"')]


def send_to(name, users, wanted, text):
    for user, address in users:
        if user == wanted:
            send_datagram(name, address, text)
            print(f"message is sent to {user}")
            return
    print(f"user {wanted} is not found")


def send_datagram(name, address, text):
    ip, port = address.split(":")
    outbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # a fresh port each time
    outbox.sendto(f"{name}: {text}".encode(), (ip, int(port)))
    outbox.close()


def main():
    name, address, mode = sys.argv[1], sys.argv[2], sys.argv[3]  # a missing one crashes
    if ":" in name or "@" in name or " " in name:
        print("Invalid username!")
        return
    registry = Registry(address)
    if mode == "listen":
        listen(name, registry, "--bonus" in sys.argv[4:])
    elif mode == "send":
        send(name, registry)
    else:
        print("Invalid mode!")


if __name__ == "__main__":
    main()
