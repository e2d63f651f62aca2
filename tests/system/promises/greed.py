"""Clients that ask for a lot and take nothing, two hundred at a time, beside one that is honest.

Under 256 MiB of memory and 1,024 descriptors the honest one loses nothing, and nothing restarts.
"""

import contextlib
import multiprocessing
import os
import pathlib
import resource
import select
import socket
import ssl
import statistics
import time

from lib import frames
from lib.certificate import write_certificate
from lib.client import DOMAIN, get
from lib.server import Server

# What the server may have.
MEMORY_MIB = 256
DESCRIPTORS = 1024
# Each of them comes from an address of its own.
ATTACKERS = 200
ATTACK_SECONDS = float(os.environ.get("ATTACK_SECONDS", "60"))
# The honest client: its answers, and the time that 99 of 100 of them may take.
PAUSE_SECONDS = 0.02
ANSWER_SECONDS = 0.100
PATIENCE_SECONDS = 10
# Files too large to be held, and more of those that can be than the cache takes.
BIG_BYTES = 8 << 20
HELD_BYTES = 1 << 20
HELD_FILES = 300
STREAMS = 100
PING = frames.frame(frames.PING, payload=b"greedily")
# A head of many fields, each of which costs one byte (RFC 7541 §6.1, §6.2.1).
FIELDS = 90


def site(folder):
    """Small, large and many files."""
    root = folder / "site"
    root.mkdir()
    (root / "small.txt").write_text("x" * 500)
    (root / "big.bin").write_bytes(os.urandom(BIG_BYTES))
    for number in range(HELD_FILES):
        (root / f"{number}.jpg").write_bytes(os.urandom(HELD_BYTES - number))
    return root


def windowless():
    """A client's first bytes, with no room for any answer."""
    return frames.preface([(frames.INITIAL_WINDOW_SIZE, 0)])


def ask(target, number):
    """The request with this number."""
    return frames.get(1 + 2 * number, target)


class Attack:
    """One connection: what it begins with, and what it says each second."""

    def begin(self, number):
        """Its first bytes."""
        raise NotImplementedError

    def go_on(self, second):
        """What it says then."""
        return PING if second % 4 == 0 else b""

    def heard(self, _data):
        """What it says to what the server said."""
        return b""


class Pings(Attack):
    """Answers that are not taken, and pings to keep them."""

    def begin(self, _number):
        return windowless() + b"".join(ask("/big.bin", index) for index in range(STREAMS))


class Crumbs(Pings):
    """Each second a byte of each of a hundred files."""

    def go_on(self, second):
        some = range(second % 2, STREAMS, 2)
        return b"".join(frames.window_update(1 + 2 * index, 1) for index in some)


class Pins(Crumbs):
    """Files of the cache, so many that it drops them, of each a little."""

    def begin(self, number):
        target = [f"/{(number * STREAMS + index) % HELD_FILES}.jpg" for index in range(STREAMS)]
        return windowless() + b"".join(map(ask, target, range(STREAMS)))


class Heads(Attack):
    """A hundred heads of a hundred fields, each sent as one byte."""

    def begin(self, _number):
        added = [
            b"\x40" + frames.literal(name, value)[1:]
            for name, value in [
                (b":path", b"/big.bin"),
                (b":authority", b"a.test"),
                (b"user-agent", b"u" * 120),
                (b"a", b""),
            ]
        ]
        first = b"\x82\x86" + b"".join(added) + b"\xbe" * FIELDS
        later = b"\x82\x86\xc1\xc0\xbf" + b"\xbe" * FIELDS
        flags = frames.END_STREAM | frames.END_HEADERS
        blocks = [first] + [later] * (STREAMS - 1)
        return windowless() + b"".join(
            frames.frame(frames.HEADERS, flags, 1 + 2 * index, block)
            for index, block in enumerate(blocks)
        )


class Looks(Attack):
    """HEAD of one file after another, one at a time."""

    def begin(self, number):
        self.number = number
        return self.heard(b"") * 2

    def go_on(self, _second):
        return b""

    def heard(self, _data):
        self.number += 7
        return get(f"/{self.number % HELD_FILES}.jpg").replace(b"GET", b"HEAD", 1)


ATTACKS = [Pings, Crumbs, Pins, Heads, Looks]


class Halves(Attack):
    """Field blocks without an end, beside an answer that is not taken."""

    def begin(self, _number):
        block = frames.frame(frames.HEADERS, frames.END_STREAM, 3, b"x" * 16_000)
        more = frames.frame(frames.CONTINUATION, 0, 3, b"x" * 16_000)
        return windowless() + ask("/big.bin", 0) + block + more + more + more[:-1]


class Queues(Attack):
    """Small answers, more than the system takes, of which nothing is read."""

    def begin(self, _number):
        room = frames.window_update(0, 1 << 30)
        return frames.preface() + room + b"".join(ask("/small.txt", index) for index in range(900))

    def heard(self, _data):
        return b""


class Heads1(Attack):
    """Heads of HTTP/1.1 that do not end."""

    def begin(self, _number):
        return b"GET / HTTP/1.1\r\nHost: a.test\r\n" + b"a: b\r\n" * 90 + b"c: " + b"d" * 30_000

    def go_on(self, second):
        return b"d" if second % 4 == 0 else b""


class Hellos(Attack):
    """Client hellos that do not end."""

    def begin(self, _number):
        hello = b"\x01\x00\xff\xf0\x03\x03" + bytes(59_000)
        records = [hello[at : at + 16_000] for at in range(0, len(hello), 16_000)]
        return b"".join(b"\x16\x03\x01" + len(r).to_bytes(2, "big") + r for r in records)

    def go_on(self, _second):
        return b""


# Many connections of few clients, where there are descriptors for them.
CROWDS = [Halves, Queues, Heads1, Hellos]
CROWD_ADDRESSES = 2
CROWD_CONNECTIONS = 2000
CROWD_DESCRIPTORS = 20_000
CROWD_SECONDS = 15
# A frame for each connection, the share of heads, and what the server takes by itself.
CROWD_MIB = 64 + 32 + 24
# To accept thousands at once is work by itself, on a machine that also makes them.
CROWD_ANSWER_SECONDS = 0.250


def crowd(kind, port, seconds):
    """Two clients with thousands of connections each, none of which reads."""
    wanted = CROWD_ADDRESSES * CROWD_CONNECTIONS + 100
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    began, held, last = time.monotonic(), {}, 0
    while time.monotonic() < began + seconds:
        second = int(time.monotonic() - began)
        for number in range(CROWD_ADDRESSES * CROWD_CONNECTIONS):
            with contextlib.suppress(OSError):
                if number in held:
                    if second > last:
                        held[number][1].send(held[number][0].go_on(second))
                    continue
                connection, one = socket.socket(), kind()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.bind((f"127.2.0.{1 + number % CROWD_ADDRESSES}", 0))
                connection.connect(("127.0.0.1", port))
                connection.setblocking(False)
                connection.send(one.begin(number))
                held[number] = one, connection
        last = second
        time.sleep(0.05)


def attack(kind, port, seconds):
    """Two hundred clients of this kind; whoever is closed comes again at the next second."""
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    began, second, open_ones, watch = time.monotonic(), 0, {}, select.epoll()
    free = list(range(ATTACKERS))
    while time.monotonic() < began + seconds:
        if time.monotonic() > began + second:
            second += 1
            for number in free:
                with contextlib.suppress(OSError):
                    connection = socket.socket()
                    connection.bind((f"127.1.{number // 200}.{1 + number % 200}", 0))
                    connection.connect(("127.0.0.1", port))
                    connection.setblocking(False)
                    one = kind()
                    connection.send(one.begin(number))
                    watch.register(connection, select.EPOLLIN)
                    open_ones[connection.fileno()] = (connection, one, number)
            free = []
            for connection, one, _ in open_ones.values():
                with contextlib.suppress(OSError):
                    connection.send(one.go_on(second))
        for descriptor, _ in watch.poll(0.05):
            connection, one, number = open_ones[descriptor]
            try:
                data = connection.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                with contextlib.suppress(OSError):
                    connection.send(one.heard(data))
            else:
                del open_ones[descriptor]
                connection.close()
                free.append(number)


def honest(port, until, target="/small.txt", secure=False):
    """The times of answers, each on a connection of its own, and how many there were none of."""
    times, lost = [], 0
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while time.monotonic() < until:
        began = time.monotonic()
        try:
            with contextlib.ExitStack() as stack:
                asking = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
                stack.enter_context(asking)
                if secure:
                    asking = context.wrap_socket(asking, server_hostname=DOMAIN)
                    stack.enter_context(asking)
                asking.sendall(get(target, fields="Connection: close\r\n"))
                answer = b""
                while part := asking.recv(65536):
                    answer += part
            lost += not answer.startswith(b"HTTP/1.1 200 ") or len(answer) < 500
        except OSError:
            lost += 1
        times.append(time.monotonic() - began)
        time.sleep(PAUSE_SECONDS)
    return times, lost


class Group:
    """A control group with a limit of memory, of either version; without one, a limit of data."""

    def __init__(self):
        self.folder, self.limit, self.peak = None, None, None
        for parent, limit, peak in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
            ("/sys/fs/cgroup", "memory.max", "memory.peak"),
        ]:
            folder = pathlib.Path(parent) / f"shost-test-{os.getpid()}"
            try:
                folder.mkdir()
                (folder / limit).write_text(str(MEMORY_MIB << 20))
                self.folder, self.peak = folder, peak
                return
            except OSError:
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def launcher(self, descriptors):
        """What becomes the server."""
        limits = f"ulimit -n {descriptors}; "
        if self.folder:
            limits += f"echo $$ >{self.folder}/cgroup.procs; "
        else:
            limits += f"ulimit -d {MEMORY_MIB << 10}; "
        return ["sh", "-ec", limits + 'exec "$@"', "sh"]

    def most(self, server):
        """The most MiB that there ever were, and where that is from."""
        if self.folder and (self.folder / self.peak).exists():
            return int((self.folder / self.peak).read_text()) >> 20, "of the control group"
        return server.memory("VmHWM") >> 10, "resident"

    def remove(self):
        """Ends the group; the server has ended."""
        if self.folder:
            self.folder.rmdir()


def greed(shost, folder):
    """Each kind of attack in turn, and the honest client beside it."""
    root = site(folder)
    tls = folder / "tls"
    (tls / DOMAIN).mkdir(parents=True)
    write_certificate(tls / DOMAIN, DOMAIN)
    sites = folder / "sites"
    sites.mkdir()
    (sites / DOMAIN).symlink_to(root)
    clients = f"{ATTACKERS} clients"
    plans = [
        (kind, attack, clients, DESCRIPTORS, ATTACK_SECONDS, ANSWER_SECONDS, MEMORY_MIB)
        for kind in ATTACKS
    ]
    clients = f"{CROWD_ADDRESSES} clients with {CROWD_CONNECTIONS} connections each"
    seconds = min(CROWD_SECONDS, ATTACK_SECONDS)
    plans += [
        (kind, crowd, clients, CROWD_DESCRIPTORS, seconds, CROWD_ANSWER_SECONDS, CROWD_MIB)
        for kind in CROWDS
    ]
    for kind, attacking, clients, most_descriptors, seconds, within, most_mib in plans:
        group = Group()
        secure = kind is Hellos
        served = ["--sites", sites, "--tls", tls] if secure else [root]
        try:
            launcher = group.launcher(most_descriptors)
            with Server(shost, *served, "--bots", "off", launcher=launcher) as server:
                honest(server.port, time.monotonic() + 1, secure=secure)
                attackers = multiprocessing.Process(
                    target=attacking, args=(kind, server.port, seconds)
                )
                attackers.start()
                times, lost = honest(server.port, time.monotonic() + seconds, secure=secure)
                descriptors, resident = server.descriptors(), server.memory("VmHWM") >> 10
                attackers.join()
                most, whose = group.most(server)
        finally:
            group.remove()
        slow = statistics.quantiles(times, n=100)[-1]
        held = lost == 0 and slow < within and most <= most_mib
        yield (
            held,
            f"{clients}: {kind.__doc__.rstrip('.').lower()}, {seconds:.0f} s: "
            f"{len(times)} answers beside them, {lost} lost, 99 % within {slow * 1000:.1f} ms, "
            f"worst {max(times) * 1000:.0f} (99 % may take {within * 1000:.0f}); at most "
            f"{most} MiB {whose} (may be {most_mib}), {resident} MiB resident, "
            f"{descriptors} descriptors (may be {most_descriptors})",
        )
