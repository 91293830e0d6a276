#!/usr/bin/env python3
"""A registry as the old NetChat client expects one (D1); its own program is not handed down.

Usage: netchat_server.py HOST:PORT

It knows what the client needs and nothing more: `POST /` with UPDATE, which adds or replaces; the
list as one record a line; `?username=` as a bare ip:port. One request at a time, one recv each, the
connection is closed after the answer, anything else is 400. It names its address on standard error.
"""

import socket
import sys
import urllib.parse

RECEIVE_BYTES = 4096


def answer(users, request):
    head, _, body = request.partition("\r\n\r\n")
    method, target, *_ = head.split("\r\n")[0].split(" ")
    path, _, query = target.partition("?")
    if method == "POST" and path == "/" and body.startswith("UPDATE "):
        name, _, endpoint = body.removeprefix("UPDATE ").partition("@")
        users[name] = endpoint
        return "200 OK", ""
    if method == "GET" and path == "/userlist.txt":
        if not query:
            return "200 OK", "\n".join(f"{name}@{at}" for name, at in users.items())
        endpoint = users.get(urllib.parse.unquote(query.removeprefix("username=")))
        if endpoint is not None:
            return "200 OK", endpoint
        return "404 Not Found", ""
    return "400 Bad Request", ""


def main():
    host, port = sys.argv[1].split(":")
    listener = socket.create_server((host, int(port)))
    print("bound to %s:%d" % listener.getsockname(), file=sys.stderr)
    users = {}
    while True:
        connection, _ = listener.accept()
        request = connection.recv(RECEIVE_BYTES).decode()
        if request:
            status, body = answer(users, request)
            connection.sendall(f"HTTP/1.1 {status}\r\n\r\n{body}".encode())
        connection.close()


if __name__ == "__main__":
    main()
