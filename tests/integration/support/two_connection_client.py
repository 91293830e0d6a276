#!/usr/bin/env python3
"""The old client of the two-connection dialect, re-made from its description with its weaknesses.

Usage: two_connection_client.py SERVER_IP SERVER_PORT [a|b]

docs/protocol/two-connection.md describes the protocol. Kept on purpose, because our registry must
live with it: one recv(1024) a reply; the port to be called back on is taken at random, on all
interfaces, before /port is sent; the thread of the push connection is no daemon, so the process
ends only when the server closes that one as well. There were two programs, and they differ:

a  goes by a reply's code; shows what a recv(1024) of the push connection brings, and answers it
   with one receipt, also when it was two lines.
b  compares the whole text of a reply; knows `/broadcast` but not `/broadcastfrom`, so it shows
   broadcasts and gives no receipt for them.
"""

import socket
import sys
import threading

RECEIVE_BYTES = 1024
RECEIPT = "302 Message receipt successful\n"
GOOD_BYE = "310 Bye bye\n"


class ClientA:
    """Understands a reply by its code."""

    def is_reply(self, text, wanted):
        return text.split(" ")[0] == wanted.split(" ")[0]

    def show(self, text):
        """Shows a pushed text; True if it is to be confirmed."""
        for line in text.splitlines():
            words = line.split(" ", 2)
            kind = "message" if words[0] == "/from" else "broadcast"
            print(f"{kind} from {words[1]}: {words[2]}")
        return True


class ClientB:
    """Understands a reply by its whole text."""

    def is_reply(self, text, wanted):
        return text == wanted

    def show(self, text):
        words = text.split(" ")
        print(text, end="")
        return words[0] in ("/from", "/broadcast")


def receive(connection):
    """What one recv brings; empty when the server has gone, however it went."""
    try:
        return connection.recv(RECEIVE_BYTES).decode()
    except OSError as error:
        print(f"connection error: {error}")
        return ""


def ask(connection, line):
    try:
        connection.sendall(f"{line}\n".encode())
    except OSError as error:
        print(f"connection error: {error}")
        return ""
    return receive(connection)


def login(client, la):
    """True once the server takes name and password; asks again as often as it does not."""
    while True:
        name = input("Please input your user name:")
        password = input("Please input your password:")
        reply = ask(la, f"/login {name} {password}")
        print(reply, end="")
        if reply == "":
            return False
        if client.is_reply(reply, "101 Authentication successful\n"):
            return True


def take_pushed(client, listener):
    """The second thread: shows what comes on the push connection until its end."""
    lb, _ = listener.accept()
    while True:
        text = receive(lb)
        if text == "":
            lb.close()
            return
        if client.show(text):
            try:
                lb.sendall(RECEIPT.encode())
            except OSError as error:
                print(f"connection error: {error}")


def command_loop(client, la):
    for line in sys.stdin:
        line = line.rstrip("\n")
        print(line)
        reply = ask(la, line)
        print(reply, end="")
        if reply == "" or client.is_reply(reply, GOOD_BYE):
            return


def main():
    client = {"a": ClientA, "b": ClientB}[sys.argv[3] if len(sys.argv) > 3 else "a"]()
    la = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    if not login(client, la):
        return
    listener = socket.socket()
    listener.bind(("", 0))
    listener.listen(1)
    reply = ask(la, f"/port {listener.getsockname()[1]}")
    print(reply, end="")
    if not client.is_reply(reply, "201 Build connection successful\n"):
        return
    threading.Thread(target=take_pushed, args=(client, listener)).start()
    command_loop(client, la)
    la.close()


if __name__ == "__main__":
    main()
