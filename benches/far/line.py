"""A long line on one machine: two network namespaces, and between them a delay and a loss.

Packets go through a pair of TUN devices, so neither a kernel module nor another machine is needed;
root is. A packet arrives half a round trip after it was sent, or never. The line is as wide as this
program is quick, about 300 Mbit/s.
"""

import collections
import ctypes
import fcntl
import os
import random
import select
import signal
import struct
import subprocess
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
PACKET_BYTES = 65_536
SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
CLONE_NEWNET = 0x40000000
# Lost packets are the same in each run, so that two servers are compared by the same losses.
SEED = 9114


class Line:
    """`with Line(rtt_ms, loss) as line`: inside, this thread's sockets are the client's.

    `line.server` is a command in front of the server's; it is to listen at `SERVER`.
    """

    def __init__(self, rtt_ms, loss=0.0):
        self.delay_s = rtt_ms / 2000
        self.loss = loss
        names = [f"far-{end}-{os.getpid()}" for end in ("server", "client")]
        self.names = names
        self.server = ["ip", "netns", "exec", names[0]]
        self.carrier = None

    def __enter__(self):
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        ends = []
        try:
            for name, address in zip(self.names, (SERVER, CLIENT), strict=True):
                ip("netns", "add", name)
                ends.append(end(name, address))
            self.carrier = os.fork()
            if self.carrier == 0:
                carry(ends, self.delay_s, self.loss)
            enter(f"/run/netns/{self.names[1]}")
        except BaseException:
            self.__exit__()
            raise
        finally:
            for one in ends:
                os.close(one)
        return self

    def __exit__(self, *_):
        setns(self.home)
        os.close(self.home)
        if self.carrier:
            os.kill(self.carrier, signal.SIGKILL)
            os.waitpid(self.carrier, 0)
        for name in self.names:
            ip("netns", "del", name, check=False)


def end(namespace, address):
    """A TUN device in a namespace, whose packets are read and written here."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    name = "far0"
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI))
    # The descriptor stays with the device, wherever it goes.
    ip("link", "set", name, "netns", namespace)
    inside = ("netns", "exec", namespace)
    ip(*inside, "ip", "link", "set", "lo", "up")
    ip(*inside, "ip", "address", "add", f"{address}/24", "dev", name)
    ip(*inside, "ip", "link", "set", name, "up")
    # What one connection learns of the line would make the next one another.
    ip(*inside, "sysctl", "-qw", "net.ipv4.tcp_no_metrics_save=1")
    return device


def carry(ends, delay_s, loss):
    """Hands packets from each end to the other, until it is killed."""
    one, other = ends
    opposite = {one: other, other: one}
    chance = random.Random(SEED)
    waiting = collections.deque()
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, device, packet = waiting.popleft()
            os.write(device, packet)
        left = max(0, waiting[0][0] - now) if waiting else None
        for device in select.select(ends, [], [], left)[0]:
            packet = os.read(device, PACKET_BYTES)
            if chance.random() >= loss:
                waiting.append((time.monotonic() + delay_s, opposite[device], packet))


def enter(path):
    """Moves this thread into the network namespace at `path`."""
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    setns(namespace)
    os.close(namespace)


def setns(namespace):
    """The system call, which Python has from 3.12 on."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def ip(*words, check=True):
    """Runs `ip`, and says why it failed."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
