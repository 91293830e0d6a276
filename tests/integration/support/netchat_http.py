#!/usr/bin/env python3
"""The HTTP part of the NetChat client (D1): register, list, look one user up.

Usage: netchat_http.py HOST:PORT update NAME IP:PORT | list | lookup NAME

docs/protocol/directory.md describes the protocol. As in the original: one connection a request,
one segment a request, `Connection: close`, the answer is read until the server closes,
Content-Length counts characters and nothing follows the body, the name in a query is not
percent-encoded, and a list line that has not one @ and one : ends the program.
"""

import socket
import sys

PIECE_BYTES = 4096


class NetchatRegistry:
    """The client's side of the HTTP exchange."""

    def __init__(self, host, port, host_header="localhost"):
        self.address = (host, port)
        self.host_header = host_header

    def exchange(self, request):
        """Status and body of one answer, read until the server closes."""
        with socket.create_connection(self.address) as connection:
            connection.sendall(request.encode())
            answer = b""
            while True:
                piece = connection.recv(PIECE_BYTES)
                if not piece:
                    break
                answer += piece
        head, body = answer.decode().split("\r\n\r\n", 1)
        return int(head.split("\r\n")[0].split(" ")[1]), body

    def update(self, name, ip, port):
        body = f"UPDATE {name}@{ip}:{port}"
        status, _ = self.exchange(
            f"POST / HTTP/1.1\r\nHost: {self.host_header}\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}")
        return status == 200

    def list(self):
        """Name to (ip, port), or None where the client prints that it failed."""
        status, body = self.exchange(
            f"GET /userlist.txt HTTP/1.1\r\nHost: {self.host_header}\r\n"
            "Connection: close\r\n\r\n")
        if status != 200:
            return None
        users = {}
        for line in body.split("\n"):
            if line == "":
                continue
            name, endpoint = line.split("@")
            ip, port = endpoint.split(":")
            users[name] = (ip, int(port))
        return users

    def lookup(self, name):
        """(ip, port), or None where the client says that the user is not found."""
        status, body = self.exchange(
            f"GET /userlist.txt?username={name} HTTP/1.1\r\nHost: {self.host_header}\r\n"
            "Connection: close\r\n\r\n")
        if status != 200:
            return None
        ip, port = body.split(":")
        return ip, int(port)


def main():
    host, port = sys.argv[1].split(":")
    registry = NetchatRegistry(host, int(port))
    command = sys.argv[2]
    if command == "update":
        ip, peer_port = sys.argv[4].split(":")
        done = registry.update(sys.argv[3], ip, int(peer_port))
        print(">>User registered in server!" if done else ">>Registration failed!")
    elif command == "list":
        users = registry.list()
        print(">>Failed to get user list!" if users is None else f">>[{', '.join(users)}]")
    elif command == "lookup":
        found = registry.lookup(sys.argv[3])
        print(f">>User {sys.argv[3]} not found!" if found is None else "%s:%d" % found)


if __name__ == "__main__":
    main()
