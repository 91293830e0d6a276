#!/usr/bin/env python3
"""The old registry of the rendezvous dialect, re-made from its description with its weaknesses.

Usage: rendezvous_server.py [--limit SECONDS]

docs/protocol/rendezvous.md describes the protocol. Kept on purpose, because our client must live
with it: three threads on one table, each of which ends for good at the first error (a name nobody
has, a number of no room, a HELLO of nobody); one read for a header and one for its data; a newcomer
who says nothing holds up all others; lengths of names in characters; a guest of a group who is named
behind a busy one gets the words for the busy one.
"""

import argparse
import select
import socket
import sys
import threading
import time

HERE = "127.0.0.1"
HEADER = 5
TICK = 0.01


def log(text, level="INFO"):
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    sys.stderr.write(f"{stamp};{level};{text}\n")
    sys.stderr.flush()


def header(size):
    return f" {size:<4}".encode()


class User:
    def __init__(self, link, name, port, limit):
        self.link, self.name, self.port = link, name, port
        self.busy = False
        self.ends_at = time.monotonic() + limit

    def describe(self):
        address = self.link.getpeername()
        return f"{address}:{address[1]} username: {self.name}"


class Registry:
    def __init__(self, limit):
        self.limit = limit
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((HERE, 0))
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.bind((HERE, 0))
        self.tcp.listen(5)
        for kind, bound in (("TCP", self.tcp), ("UDP", self.udp)):
            log(f"{kind} server is running at {HERE}:{bound.getsockname()[1]} "
                "and it is listening for connections!")
        self.users = {}
        self.chats = []
        self.groups = {}
        self.last_group = 0

    def run(self):
        for what in ("register user", "update activity", "process message"):
            work = getattr(self, what.replace(" ", "_"))
            threading.Thread(target=self.until_it_breaks, args=(what, work)).start()
            log(f"successfully started {what} thread")

    @staticmethod
    def until_it_breaks(what, work):
        try:
            while True:
                work()
        except Exception as error:  # the old program's thread is gone, and the others go on
            log(f"the {what} thread ended: {error!r}", "ERROR")

    def named(self, name):
        """The last who came by that name."""
        return [user for user in self.users.values() if user.name == name][-1]

    @staticmethod
    def read(link):
        """One recv for the header, one for the data; None for an end or anything odd."""
        try:
            size = int(link.recv(HEADER).decode())
            return link.recv(size).decode()
        except (OSError, ValueError):
            return None

    # -- the three threads -------------------------------------------------------------------

    def register_user(self):
        link, _ = self.tcp.accept()
        data = self.read(link)  # nobody else comes in meanwhile
        if not data:
            return log("registering the new user failed", "WARNING")
        _, name, port = data.split("|")[:3]
        self.users[link] = user = User(link, name, int(port), self.limit)
        log(f"accepted/registered new connection from {user.describe()}")

    def update_activity(self):
        if self.udp in select.select([self.udp], [], [], TICK)[0]:
            name = self.udp.recv(256).decode().split("|")[-1]
            user = self.named(name)
            user.ends_at = time.monotonic() + self.limit
            return log(f"resetting activity time from {user.describe()}")
        for link, user in list(self.users.items()):
            if time.monotonic() >= user.ends_at:
                log(f"terminating {user.describe()}")
                del self.users[link]

    def process_message(self):
        links = list(self.users)
        if not links:
            return time.sleep(TICK)
        for link in select.select(links, [], [], TICK)[0]:
            user = self.users.get(link)
            data = self.read(link) if user else None
            if data:
                self.obey(user, data)
            elif user:
                time.sleep(TICK)  # who has gone stays until his time is over

    # -- what is said ------------------------------------------------------------------------

    @staticmethod
    def say(user, cause, data):
        data = data.encode()
        user.link.send(header(len(cause)) + cause.encode() + header(len(data)) + data)

    def obey(self, user, data):
        fields = data.split("|")
        word = fields[0].strip("&")
        if word in ("EXIT", "EXITGROUP", "MESSAGE"):
            if user.busy:
                getattr(self, word.lower())(user, fields, data)
        elif not user.busy and word in ("SEARCH", "CHATREQUEST", "OK", "REJECT", "GROUPCHAT",
                                        "OKGROUP", "REJECTGROUP", "LOGOUT"):
            getattr(self, word.lower())(user, fields, data)

    def search(self, user, fields, _):
        wanted, me = fields[-2:]
        found = [other for other in self.users.values() if other.name == wanted]
        if not found:
            answer = "&&NOTFOUND&&|user not found"
        elif wanted == me:
            answer = "&&INVALIDSEARCH&&|you can't search yourself. search for other users"
        else:
            answer = (f"&&FOUND&&|{wanted} found. its address is "
                      f"{found[-1].link.getpeername()}")
        self.say(self.named(me), user.name, answer)

    def chatrequest(self, user, fields, _):
        wanted, me = self.named(fields[-2]), self.named(fields[-1])
        if wanted.busy:
            return self.say(me, user.name, "&&BUSY&&|the user is busy. try again later.")
        self.say(wanted, user.name, f"{me.name} would like to chat with you? (OK/REJECT)")

    def ok(self, user, fields, _):
        me, asker, port = self.named(fields[-3]), self.named(fields[-2]), fields[-1]
        self.chats.append([asker, me])
        asker.busy = me.busy = True
        self.say(asker, user.name, f"&&CLIENTOK&&|{me.name} accepted the chat request. you can "
                                   f"send your message now!|{port}")
        self.say(me, user.name, "&&CLIENTOK&&|you have entered into a private chat with "
                                f"{asker.name}. you can send your message now!|{asker.port}")

    def reject(self, user, fields, _):
        me, asker = self.named(fields[-2]), self.named(fields[-1])
        self.say(me, user.name, "you have rejected the chat request!")
        self.say(asker, user.name, f"{me.name} rejected the chat request!")

    def exit(self, user, fields, _):
        me = self.named(fields[-1])
        chat = [chat for chat in self.chats if me in chat][0]
        other = [member for member in chat if member is not me][0]
        self.chats.remove(chat)
        self.say(me, user.name, "&&CLIENTEXIT&&|you left the chat room.")
        self.say(other, user.name,
                 f"&&CLIENTEXIT&&|{me.name} left the chat room. the chat room has been closed")
        me.busy = other.busy = False

    def groupchat(self, user, fields, _):
        me, names = self.named(fields[1]), fields[2:-1]  # without a bar at the end one is lost
        self.last_group += 1
        number = str(self.last_group)
        self.groups[number] = [me]
        me.busy = True
        self.say(me, user.name, f"you have added yourself to group chat {number}. a request has "
                                "been sent to your added friends. type EXIT GROUP to leave.")
        words = (f"{me.name} would like to add you to group chat room {number}? "
                 "(OK/REJECT GROUP <room_number>)")
        for name in names:
            guest = self.named(name)
            if guest.busy:
                words = f"&&BUSY&&|{name} is busy. try again later."
                self.say(me, user.name, words)
            else:
                self.say(guest, user.name, words)

    def okgroup(self, user, fields, _):
        me, members = self.named(fields[-2]), self.groups[fields[-1]]
        members.append(me)
        me.busy = True
        for member in members:
            self.say(member, user.name, f"{me.name} joined the group chat")

    def rejectgroup(self, user, fields, _):
        me, members = self.named(fields[-2]), self.groups[fields[-1]]
        self.say(me, user.name, "you have rejected the group chat request!")
        self.say(members[0], user.name, f"{me.name} rejected the group chat request!")

    def exitgroup(self, user, fields, _):
        me = self.named(fields[-1])
        number = [number for number, members in self.groups.items() if me in members][0]
        self.groups[number].remove(me)
        me.busy = False
        self.say(me, user.name, "you left the chat room.")
        for member in self.groups[number]:
            self.say(member, user.name, f"{me.name} left the chat room.")
        if not self.groups[number]:
            del self.groups[number]

    def message(self, user, _, data):
        for members in self.groups.values():
            if user in members:
                for member in members:
                    self.say(member, user.name, data)

    def logout(self, user, *_):
        self.say(user, user.name, "&&LOGOUTSUCCESS&&")  # he stays found until his time is over


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limit", type=float, default=200)
    Registry(parser.parse_args().limit).run()


if __name__ == "__main__":
    main()
