#!/usr/bin/env python3
"""The old client of the chat room, re-made from its description with its weaknesses.

Usage: room_client.py IP PORT

docs/protocol/room.md describes the protocol. Kept on purpose, because our registry must live with
it: it prints whatever one recv(2048) brings, and a line end; it sends each line of standard input as
it is, its name first, and shows none of it; it does not notice that the server has closed, and goes
round its loop printing empty lines.
"""

import select
import socket
import sys

RECEIVE_BYTES = 2048


def main():
    if len(sys.argv) != 3:
        print("Please enter IP address and port number")
        return
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.connect((sys.argv[1], int(sys.argv[2])))
    while True:
        ready, _, _ = select.select([sys.stdin, server], [], [])
        for source in ready:
            if source is server:
                print(server.recv(RECEIVE_BYTES).decode())
            else:
                server.send(sys.stdin.readline().encode())


if __name__ == "__main__":
    main()
