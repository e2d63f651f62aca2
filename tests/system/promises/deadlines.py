"""Clients that say nothing, too little or too slowly, or take nothing: each is closed in its time,
and nobody else notices."""

import contextlib
import select
import socket
import ssl
import statistics
import struct
import threading
import time

from lib import frames
from lib.certificate import write_certificate
from lib.client import DOMAIN, RESUMING, connect, get, resume, shake_hands
from lib.server import Server

# The deadlines of docs/behaviour.md, "Limits", in seconds.
HEAD = HANDSHAKE = 10
IDLE = 65
STALL = 30
# What a deadline may be late by: the coarse timer's step, a last round of politeness (a connection
# that is told to end has another ten seconds to), and a busy machine.
LATE = 3
POLITE = 10
CROWD = 200
# Answers over HTTP/2 that are not taken.
WINDOWLESS = 20
# The longest median of another client's answers meanwhile.
ANSWER_SECONDS = 0.050
TRICKLE_SECONDS = 1
# A slow but steady reader.
SLOW_BYTES = 1_000_000
FILE_BYTES = 100_000_000
GET = get()
PREFACE = frames.preface()
PROXY = b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n"


def serve(shost, folder):
    """A server of one site over HTTPS, whose plain port sends to HTTPS, and one in the clear."""
    site = folder / "sites" / DOMAIN
    site.mkdir(parents=True)
    (site / "index.html").write_text("<p>Here\n" * 10)
    with open(site / "big", "wb") as file:
        for start in range(0, FILE_BYTES, SLOW_BYTES):
            file.write(struct.pack(">Q", start) * (SLOW_BYTES // 8))
    write_certificate(folder / "tls" / DOMAIN, DOMAIN)
    secure = Server(shost, "--sites", folder / "sites", "--tls", folder / "tls")
    return secure, Server(shost, "--sites", folder / "sites")


def proxied(shost, folder):
    """A server behind a proxy that sends PROXY headers."""
    return Server(shost, "--sites", folder / "sites", "--trusted-proxy", "127.0.0.1")


def hello():
    """The first message of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = RESUMING.wrap_bio(incoming, outgoing, server_hostname=DOMAIN)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def is_closed(connection):
    """Whether the server has closed; what it has said before, an alert for one, is dropped."""
    try:
        while data := connection.recv(65536, socket.MSG_DONTWAIT):
            assert data
        return True
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True


class Crowd:
    """Connections that begin alike, and when each was closed."""

    def __init__(self, label, deadline, port, begin, trickle=None):
        self.label, self.deadline, self.trickle = label, deadline, trickle
        self.open, self.lives = {}, []
        for _ in range(CROWD):
            connection = connect(port)
            # Looked at only when there is something to see.
            connection.settimeout(None)
            connection.sendall(begin)
            self.open[connection] = time.monotonic()

    def look(self):
        """Notes who has been closed."""
        ready = select.poll()
        by_number = {connection.fileno(): connection for connection in self.open}
        for number in by_number:
            ready.register(number, select.POLLIN | select.POLLHUP | select.POLLERR)
        for number, _ in ready.poll(0):
            connection = by_number[number]
            if is_closed(connection):
                self.lives.append(time.monotonic() - self.open.pop(connection))
                connection.close()

    def drip(self, count):
        """A byte more of the head."""
        for connection in list(self.open) if self.trickle else ():
            with contextlib.suppress(OSError):
                connection.send(self.trickle[count % len(self.trickle) :][:1])

    def result(self):
        """Whether all were closed in time, and a line that says so."""
        least, most = min(self.lives, default=0), max(self.lives, default=0)
        held = not self.open and least >= self.deadline - LATE and most <= self.deadline + LATE
        return held, (
            f"{CROWD} {self.label}: {CROWD - len(self.open)} closed, after {least:.1f} "
            f"to {most:.1f} s (must be {self.deadline})"
        )


def ask(port):
    """One answer on a connection of its own, and how long it took."""
    began = time.monotonic()
    with connect(port) as connection:
        connection.sendall(GET)
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return time.monotonic() - began


def crowds(shost, folder):
    """Silent, trickling and half-shaken connections, all at once."""
    secure, clear = serve(shost, folder)
    with secure, clear, proxied(shost, folder) as behind:
        ask(clear.port)
        first = hello()
        head = GET[:40] + b"X-Trickle: " + b"x" * 100
        everybody = [
            Crowd("silent connections in the clear", HEAD, clear.port, b""),
            Crowd("trickling heads", HEAD, clear.port, head[:1], head[1:]),
            Crowd(
                "trickling heads of a second request", HEAD, clear.port, GET + head[:1], head[1:]
            ),
            Crowd("silent connections to HTTPS", HANDSHAKE, secure.port, b""),
            Crowd("half of a first TLS message", HANDSHAKE, secure.port, first[: len(first) // 2]),
            Crowd("half-shaken hands", HANDSHAKE, secure.port, first),
            Crowd("proxies that say nothing", HEAD, behind.port, b""),
            Crowd("halves of a PROXY header", HEAD, behind.port, PROXY[:20]),
            Crowd("trickling PROXY headers", HEAD, behind.port, PROXY[:1], PROXY[1:]),
            Crowd("PROXY headers and no request", HEAD, behind.port, PROXY),
        ]
        began = time.monotonic()
        waits, resumed, drops = [], [], 0
        while time.monotonic() < began + HEAD + 2 * LATE and any(one.open for one in everybody):
            waits.append(ask(clear.port))
            started = time.monotonic()
            resume(secure.port)
            resumed.append(time.monotonic() - started)
            if time.monotonic() > began + drops * TRICKLE_SECONDS:
                drops += 1
                for one in everybody:
                    one.drip(drops)
            for one in everybody:
                one.look()
            time.sleep(0.05)
    for one in everybody:
        yield one.result()
    for label, times in [("in the clear", waits), ("with a TLS handshake", resumed)]:
        middle = statistics.median(times)
        yield (
            middle < ANSWER_SECONDS,
            (
                f"meanwhile {len(times)} answers {label}: median {middle * 1000:.1f} ms, worst "
                f"{max(times) * 1000:.1f} ms (median must be below {ANSWER_SECONDS * 1000:.0f} ms)"
            ),
        )


def life(connection, limit):
    """How long it takes the server to close the connection; what it sends is read."""
    began = time.monotonic()
    while time.monotonic() < began + limit:
        readable, _, _ = select.select([connection], [], [], 0.1)
        if readable:
            try:
                if not connection.recv(65536):
                    return time.monotonic() - began
            except OSError:
                return time.monotonic() - began
    return None


def idle(label, connection, begin):
    """A connection without a request is kept for its time, and not for longer."""
    connection.sendall(begin)
    lasted = life(connection, IDLE + POLITE + 2 * LATE)
    held = lasted is not None and IDLE - LATE <= lasted <= IDLE + POLITE + LATE
    shown = "never" if lasted is None else f"after {lasted:.1f} s"
    return held, f"idle {label}: closed {shown} (must be {IDLE}, {POLITE} more to be polite)"


def flooded(port):
    """Questions whose answers are not read, until the server takes no more."""
    connection = connect(port)
    connection.sendall(PREFACE)
    connection.settimeout(1)
    try:
        while True:
            connection.sendall(frames.frame(frames.PING, payload=b"pingpong") * 1000)
    except OSError:
        return connection


def is_held(port, connection):
    """Whether the server still holds its end, by the kernel's books (proc(5), net/tcp): a client
    that reads nothing sees no end."""
    own = connection.getsockname()[1]
    ends = f":{port:04X} 0100007F:{own:04X} 01 "
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(ends in line for line in table)


class Windowless:
    """Answers that get no window (RFC 9113 §6.5.2), beside one that is taken byte by byte and pings
    all the time; and when each was reset."""

    def __init__(self, port):
        self.connection = connect(port)
        self.began, self.resets, self.pings, self.rest = time.monotonic(), {}, 0, b""
        self.connection.sendall(frames.preface([(frames.INITIAL_WINDOW_SIZE, 0)]))
        for stream in range(1, 2 * WINDOWLESS, 2):
            self.connection.sendall(frames.get(stream, "/big"))
        self.connection.setblocking(False)

    def look(self):
        """Says something, and reads what comes."""
        if time.monotonic() > self.began + self.pings:
            self.pings += 1
            self.connection.sendall(
                frames.frame(frames.PING, payload=b"not over") + frames.window_update(1, 1)
            )
        try:
            self.rest += self.connection.recv(65536)
        except BlockingIOError:
            return
        found, self.rest = frames.split(self.rest)
        for kind, _, stream, _ in found:
            if kind == frames.RST_STREAM:
                self.resets[stream] = time.monotonic() - self.began

    def all_reset(self):
        """Whether all but the first were reset."""
        return len(self.resets) == WINDOWLESS - 1 and 1 not in self.resets

    def result(self):
        """Whether they were in time, and a line that says so."""
        times = self.resets.values()
        least, most = min(times, default=0), max(times, default=0)
        held = self.all_reset()
        held = held and least >= STALL - LATE and most <= STALL + LATE
        return held, (
            f"{WINDOWLESS - 1} answers without a window beside one that is taken, and pings: "
            f"{len(times)} reset, after {least:.1f} to {most:.1f} s (must be {STALL})"
        )


def stalled(shost, folder):
    """Answers of which not a byte is taken."""
    secure, clear = serve(shost, folder)
    with secure, clear:
        taken_in = connect(clear.port)
        taken_in.sendall(get("/big"))
        windowless = Windowless(clear.port)
        rows = [
            ("answer that is not taken", taken_in, STALL, STALL),
            ("flood of pings whose answers are not read", flooded(clear.port), 0, IDLE + POLITE),
        ]
        began, ends = time.monotonic(), {}
        limit = began + IDLE + POLITE + 2 * LATE
        while time.monotonic() < limit:
            if len(ends) == len(rows) and windowless.all_reset():
                break
            for label, connection, _, _ in rows:
                if label not in ends and not is_held(clear.port, connection):
                    ends[label] = time.monotonic() - began
            windowless.look()
            time.sleep(0.1)
        windowless.connection.close()
        for _, connection, _, _ in rows:
            connection.close()
    for label, _, least, most in rows:
        held = label in ends and least - LATE <= ends[label] <= most + LATE
        shown = f"after {ends[label]:.1f} s" if label in ends else "never"
        yield held, f"{label}: closed {shown} (may be {most})"
    yield windowless.result()


def slow(label, connection):
    """A reader of SLOW_BYTES a second gets the whole file."""
    connection.sendall(get("/big"))
    stream = connection.makefile("rb")
    while stream.readline() != b"\r\n":
        pass
    began, whole = time.monotonic(), True
    for start in range(0, FILE_BYTES, SLOW_BYTES):
        whole = whole and stream.read(SLOW_BYTES) == struct.pack(">Q", start) * (SLOW_BYTES // 8)
        time.sleep(max(0, began + (start + SLOW_BYTES) / SLOW_BYTES - time.monotonic()))
    lasted = time.monotonic() - began
    return whole, (
        f"a reader of {SLOW_BYTES / 1e6:.0f} MB/s {label}: {FILE_BYTES / 1e6:.0f} MB in "
        f"{lasted:.0f} s, {'whole' if whole else 'broken off'}"
    )


def patience(shost, folder):
    """What takes minutes, all at once."""
    secure, clear = serve(shost, folder)
    with secure, clear:
        small = 64 * 1024
        tasks = [
            lambda: idle("in the clear", connect(clear.port), GET),
            lambda: idle("over TLS", shake_hands(secure.port, DOMAIN, "http/1.1"), GET),
            lambda: idle(
                "over HTTP/2", shake_hands(secure.port, DOMAIN, "h2"), PREFACE + frames.get()
            ),
            lambda: slow("in the clear", connect(clear.port, small)),
            lambda: slow("over TLS", shake_hands(secure.port, DOMAIN, "http/1.1")),
        ]
        results = [None] * len(tasks)

        def run(index):
            results[index] = tasks[index]()

        threads = [threading.Thread(target=run, args=[index]) for index in range(len(tasks))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for index, result in enumerate(results):
        yield result or (False, f"task {index} failed")
