#!/usr/bin/env python3
"""The old registry, re-made from its description with all its weaknesses (D0).

Usage: classic_server.py HOST:PORT [--bonus]

docs/protocol/directory.md describes the protocol. Kept on purpose, because our peers must live
with it: one request at a time, one recv(2048) a request, the first line after the first empty
line is the body, a request without an empty line or that is not UTF-8 ends the program, answers
are a bare status line, the duplicate test runs before the character test, whatever is not
recognised gets no answer, records survive in userlist.txt, no SO_REUSEADDR.

Only one thing is added: the bound address goes to standard error, so that port 0 can be used.
"""

import socket
import sys

OK = "HTTP/1.1 200 OK\r\n\r\n"
BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\n\r\n"
NOT_ACCEPTABLE = "HTTP/1.1 406 Not Acceptable\r\n\r\n"
RECEIVE_BYTES = 2048
BACKLOG = 10


class ClassicServer:
    """What the old registry answers to one request."""

    def __init__(self, bonus=False, path="userlist.txt"):
        self.bonus = bonus
        self.path = path
        open(self.path, "a", encoding="utf-8").close()  # append mode: never truncated

    def answer(self, request):
        """The answer to one decoded request, or None where the original only closes."""
        lines = request.split("\r\n")
        print(lines)
        body = lines[lines.index("") + 1]  # no empty line: ValueError ends the program
        if "POST" in lines[0] and "REGISTER" in body:
            return self._register(body)
        if self.bonus and "POST" in lines[0] and "LOGOUT" in body:
            return self._logout(body)
        if "GET" in lines[0] and "userlist.txt" in lines[0]:
            return self._list()
        return None

    def _register(self, body):
        record = body[body.find("REGISTER ") + len("REGISTER "):]
        # Without an @, find() gives -1 and the name silently loses its last character.
        name = record[:record.find("@")]
        with open(self.path, encoding="utf-8") as users:
            for known in users.read().split():
                if known[:known.find("@")] == name:
                    return NOT_ACCEPTABLE
        # The published (bonus) program refuses a blank as well.
        if ":" in name or "@" in name or (self.bonus and " " in name):
            return BAD_REQUEST
        with open(self.path, "a", encoding="utf-8", newline="") as users:
            users.write(record + "\n")
        return OK

    def _logout(self, body):
        record = body[body.find("LOGOUT ") + len("LOGOUT "):]
        with open(self.path, encoding="utf-8") as users:
            records = users.read().split("\n")
        if record not in records:
            return BAD_REQUEST
        records.remove(record)
        with open(self.path, "w", encoding="utf-8", newline="") as users:
            users.write("\n".join(records))
        return OK

    def _list(self):
        with open(self.path, encoding="utf-8") as users:
            records = users.readlines()
        if not records:
            return BAD_REQUEST
        # A blank line becomes ",,", which hides every later user from the clients.
        return OK + "".join(record.strip("\n") + "," for record in records) + "\r\n\r\n"


def main():
    host, _, port = sys.argv[1].partition(":")
    server = ClassicServer(bonus="--bonus" in sys.argv[2:])
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((host, int(port)))
    listener.listen(BACKLOG)
    print("bound to %s:%d" % listener.getsockname(), file=sys.stderr)
    while True:
        connection, _ = listener.accept()
        request = connection.recv(RECEIVE_BYTES)
        if request:
            answer = server.answer(request.decode())
            if answer is not None:
                connection.sendall(answer.encode())
        connection.close()


if __name__ == "__main__":
    main()
