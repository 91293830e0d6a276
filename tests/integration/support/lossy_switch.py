"""A switch that loses frames, between network namespaces of this machine. Needs root.

Kernels for containers often lack netem; this one is a thread that carries frames from port to
port itself and leaves out some of them. Which ones follows from the seed and the order of frames.
"""

import random
import select
import socket
import threading

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23


class LossySwitch:
    """Carries frames between these interfaces of the namespace in which it is made."""

    def __init__(self, interfaces, loss, seed):
        self._loss, self._random = loss, random.Random(seed)
        self.carried = self.lost = 0
        self._ports = [self._open(name) for name in interfaces]
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def _open(interface):
        port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        # With each frame the note that its checksum is still to be computed: veth never computes it.
        port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        port.bind((interface, 0))
        return port

    def _run(self):
        while True:
            ready, _, _ = select.select([*self._ports, self._ended], [], [])
            if self._ended in ready:
                return
            for port in ready:
                self._carry(port.recv(1 << 17), port)

    def _carry(self, frame, source):
        if self._random.random() < self._loss:
            self.lost += 1
            return
        self.carried += 1
        for port in self._ports:
            if port is not source:
                port.send(frame)

    def close(self):
        self._end.close()
        self._thread.join()
        for port in (*self._ports, self._ended):
            port.close()
