#!/usr/bin/env python3
"""An old chat-room server, re-made from its description with all its weaknesses.

Usage: room_server.py [PORT] [--slow]

One thread a client, but the name is read in the accept loop: whoever does not say it has all others
wait. A newcomer hears the others before he has a name. One recv(2048) is one text, whatever is in
it; texts that are not UTF-8 vanish; when a client has gone, his thread goes round its loop at full
speed. --slow: the threads take a text only every 100 ms, so that what comes fast is glued together.
"""

import contextlib
import socket
import sys
import threading
import time

RECEIVE_BYTES = 2048


def say(text):
    sys.stderr.write(text + "\n")  # in one piece, whichever thread says it
    sys.stderr.flush()


class Room:
    def __init__(self, is_slow):
        self.clients = []
        self.is_slow = is_slow

    def broadcast(self, sender, text):
        for client in list(self.clients):
            if client is sender:
                continue
            try:
                client.send(text.encode())
            except OSError:
                client.close()
                self.remove(client)

    def remove(self, client):
        with contextlib.suppress(ValueError):
            self.clients.remove(client)

    def talk(self, client, name):
        while True:
            try:
                if self.is_slow:
                    time.sleep(0.1)
                text = client.recv(RECEIVE_BYTES).decode()
                if text:
                    print(f"<{name}> {text}", end="", flush=True)
                    self.broadcast(client, f"<{name}> {text}")
                else:
                    self.remove(client)
            except (OSError, UnicodeDecodeError):
                continue


def main():
    arguments = [word for word in sys.argv[1:] if word != "--slow"]
    room = Room(is_slow="--slow" in sys.argv)
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", int(arguments[0]) if arguments else 12000))
    server.listen(50)
    say(f"bound to 127.0.0.1:{server.getsockname()[1]}")
    while True:
        client, _ = server.accept()
        room.clients.append(client)
        client.send("Please enter your username: ".encode())
        name = client.recv(RECEIVE_BYTES).decode().rstrip()
        if name:
            print(f"{name} connected", flush=True)
        else:
            print("Could not receive", flush=True)
        client.send("You are connected to chatroom.".encode())
        threading.Thread(target=room.talk, args=(client, name), daemon=True).start()


if __name__ == "__main__":
    main()
