#!/usr/bin/env python3
"""The old client of the rendezvous dialect, re-made from its description with its weaknesses.

Usage: rendezvous_client.py TCP_PORT UDP_PORT [--hello SECONDS] [--port PORT]

docs/protocol/rendezvous.md describes the protocol. Name and password are read from standard input;
the password goes nowhere. Kept on purpose, because our registry must live with it: everything is on
127.0.0.1; four reads from a socket that does not block, so that a half that comes later loses the
place in the stream; a thread ends for good at the first thing it does not expect (a refused
connection, an odd header, an end of file); commands are found anywhere in a typed line, and take its
last word; whatever holds LOGOUTSUCCESS makes it kill itself.
"""

import argparse
import os
import select
import signal
import socket
import sys
import threading
import time

HERE = "127.0.0.1"
HEADER = 5


def log(text, level="INFO"):
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    sys.stderr.write(f"{stamp};{level};{text}\n")
    sys.stderr.flush()


def show_line(text):
    """In one write, since two threads show lines."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def frame(data, first=False):
    data = data.encode()
    return (f"{len(data):<5}" if first else f" {len(data):<4}").encode() + data


class Client:
    def __init__(self, options):
        self.options = options
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((HERE, options.port))
        self.port = self.listener.getsockname()[1]
        self.name = input("enter your username: ")
        input("enter your password: ")
        self.server = socket.create_connection((HERE, options.tcp))
        self.server.setblocking(False)
        self.listener.listen(5)
        log(f"TCP server of client {self.name} is running at {HERE}:{self.port} "
            "and it is listening for connections!")
        self.partners = []
        self.lock = threading.Lock()
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.connect((HERE, options.udp))
        self.server.send(frame(f"&&REGISTER&&|{self.name}|{self.port}", first=True))
        log(f"{self.name} has been successfully added in the server's database")

    def run(self):
        for what in ("send message", "receive server message", "receive peer message",
                     "send status"):
            work = getattr(self, what.replace(" ", "_"))
            threading.Thread(target=self.until_it_breaks, args=(what, work)).start()
            log(f"successfully started {what} thread")

    @staticmethod
    def until_it_breaks(what, work):
        try:
            work()
        except Exception as error:  # the old program's thread is gone, and the others go on
            log(f"the {what} thread ended: {error!r}", "ERROR")

    def send_status(self):
        while True:
            time.sleep(self.options.hello)
            self.udp.send(frame(f"&&HELLO&&|{self.name}"))
            log(f"sending HELLO message to UDP socket of server for user with id - {self.name}")

    # -- what is typed -----------------------------------------------------------------------

    def command(self, line):
        """The data of the command that is found last in the line; None if it is a text."""
        me, word = self.name, line.split(" ")[-1]
        data = None
        if line == "LOGOUT":
            data = "&&LOGOUT&&"
        if "SEARCH" in line:
            data = f"&&SEARCH&&|{word}|{me}"
        if "GROUP CHAT" in line:
            data = f"&&GROUPCHAT&&|{me}|" + "".join(f"{name}|" for name in line.split()[2:])
        if "REJECT GROUP" in line:
            data = f"&&REJECTGROUP&&|{me}|{word}"
        if "OK GROUP" in line:
            data = f"&&OKGROUP&&|{me}|{word}"
        if "CHAT REQUEST" in line:
            data = f"&&CHATREQUEST&&|{word}|{me}"
        if "REJECT" in line and "REJECT GROUP" not in line:
            data = f"&&REJECT&&|{me}|{word}"
        if "OK" in line and "OK GROUP" not in line:
            data = f"&&OK&&|{me}|{word}|{self.port}"
        if line == "EXIT":
            data = f"&&EXIT&&|{me}"
        if line == "EXIT GROUP":
            data = f"&&EXITGROUP&&|{me}"
        return data

    def send_message(self):
        while True:
            line = input()
            data = self.command(line.strip())
            if data:
                self.server.send(frame(data))
                continue
            text = f"{self.name}: {line}"
            with self.lock:
                if self.partners:
                    show_line(text)
                    for partner in self.partners:
                        partner.send(frame(f"&&MESSAGE&&|{text}"))
                else:
                    self.server.send(frame(f"&&MESSAGE&&|{text}"))

    # -- what comes --------------------------------------------------------------------------

    def read_piece(self):
        """A frame in two reads; BlockingIOError wherever there is nothing."""
        size = int(self.server.recv(HEADER).decode())
        return self.server.recv(size).decode()

    def receive_server_message(self):
        while True:
            select.select([self.server], [], [], 1)
            try:
                cause = self.read_piece()
                self.show(cause, self.read_piece())
            except BlockingIOError:
                continue

    def show(self, cause, data):
        if "&&LOGOUTSUCCESS&&" in data:
            log(f"loggin out from session. goodbye {self.name}")
            os.kill(os.getpid(), signal.SIGKILL)
        if "&&CLIENTOK&&" in data:
            port = int(data.split("|")[-1])
            data = data.split("|")[1]
            # The connection before, if nothing else holds it, is closed by this.
            self.latest = socket.create_connection((HERE, port))
            with self.lock:
                self.partners.append(self.latest)
        elif "&&CLIENTEXIT" in data:
            with self.lock:
                self.partners.clear()
            data = data.split("|")[1]
        elif any(f"&&{tag}&&" in data for tag in ("NOTFOUND", "INVALIDSEARCH", "FOUND", "BUSY")):
            data = data.split("|")[1]
        if ":" in data:
            show_line(f"{cause}: {' '.join(data.split(':')[1:]).strip()}")
        else:
            show_line(f"server: {data}")

    def receive_peer_message(self):
        watched = [self.listener]
        while True:
            ready = select.select(watched, [], [])[0]
            link = ready[0]
            if self.listener in ready:
                link = self.listener.accept()[0]
                watched.append(link)
            header = link.recv(HEADER)  # of the newcomer, who may stay silent
            if not header:
                raise EOFError("a partner closed his connection")
            show_line(" ".join(link.recv(int(header)).decode().split("|")[1:]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tcp", type=int)
    parser.add_argument("udp", type=int)
    parser.add_argument("--hello", type=float, default=60)
    parser.add_argument("--port", type=int, default=0)
    Client(parser.parse_args()).run()


if __name__ == "__main__":
    main()
