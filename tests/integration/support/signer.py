"""A user with a key, written from docs/protocol/sealed-datagram.md and directory.md alone."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def _raw(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Signer:
    """An identity and its current session certificate."""

    def __init__(self, name, serial):
        self.name = name
        self.identity = Ed25519PrivateKey.generate()
        self.serial = serial
        self.renew()

    def renew(self):
        """A new session key, and a certificate for it."""
        self.serial += 1
        name = self.name.encode()
        start = (b"UMC1" + bytes([len(name)]) + name + _raw(self.identity)
                 + _raw(X25519PrivateKey.generate()) + self.serial.to_bytes(8, "little")
                 + (self.serial // 1000 + 7200).to_bytes(8, "little"))
        signed = start + self.identity.sign(b"UMC1-session-cert\0" + start)
        self.certificate = base64.b64encode(signed).decode()

    def fields(self, host, body, target="/userlist.txt", method="POST"):
        """The header fields of a request with the next serial."""
        self.serial += 1
        message = b"UMC1-reg\0"
        for part in (host, method, target, body):
            message += len(part.encode()).to_bytes(4, "little") + part.encode()
        message += self.serial.to_bytes(8, "little")
        signature = base64.b64encode(self.identity.sign(message)).decode()
        return (f"Session-Certificate: {self.certificate}", f"Request-Serial: {self.serial}",
                f"Request-Signature: {signature}")
