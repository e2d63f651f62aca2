"""Clients of every kind. Each worker does one thing, and says what went wrong with it."""

import re
import socket
import struct
import time

from deploys import BIG_BYTES, PAGES, SYNCED
from lib import frames
from lib.client import DOMAIN, get, h2load, shake_hands, succeeded
from lib.client import connect as connect_in_the_clear

# What a browser sends over TLS.
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/153.0",
    "Sec-Fetch-Site": "none",
    "Accept-Encoding": "gzip, deflate, br, zstd",
}


def connect(soak, domain=DOMAIN):
    """A client of HTTP/1.1 over TLS."""
    return soak.server.client(tls=True, name=domain)


def target(source):
    """One of the pages."""
    number = source.randrange(PAGES)
    return f"/{number % 20}/{number}.html", number


def warm_up(soak):
    """What every server grows by at first: a request of each kind."""
    connection = connect(soak)
    for path in ["/", "/big.bin", "/nothing"]:
        connection.ask(path)
    connection.close()


def load(soak, options, domain=DOMAIN):
    """Pages by h2load."""
    with open(soak.site.folder / f"targets-{domain}", "w", encoding="ascii") as targets:
        for number in range(PAGES):
            targets.write(f"https://{domain}:{soak.server.port}/{number % 20}/{number}.html\n")
    report = h2load(None, soak.server.port, "-i", targets.name, "-n", 4000, "-c", 8, *options)
    report = report.communicate()[0]
    total, good = succeeded(report)
    codes = re.search(r"status codes: (\d+) 2xx", report)
    if good == total and codes and int(codes.group(1)) == total:
        return None
    return report[-400:]


def pages_over_http2(soak, _):
    """Ten streams on each connection."""
    return load(soak, ["-m", 10, "-H", "accept-encoding: br, zstd"])


def pages_over_http1(soak, _):
    """From the site that rsync changes."""
    return load(soak, ["--h1"], SYNCED)


def pages_by_browser(soak, source):
    """Whole pages of one version, and the same again if they have not changed."""
    connection = connect(soak)
    wrong = None
    for _ in range(50):
        path, number = target(source)
        status, fields, content = connection.ask(path)
        versions = set(re.findall(rb"page (\d+) version", content))
        if status != 200 or versions != {str(number).encode()}:
            wrong = f"{path}: {status} {content[:80]}"
        if not content.endswith(f"line {number}\n".encode()):
            wrong = f"{path}: broken off, {len(content)} bytes"
        again, _, _ = connection.ask(path, If_None_Match=fields["ETag"])
        if again not in (200, 304):
            wrong = f"{path} again: {again}"
    connection.close()
    return wrong


def ranges(soak, source):
    """Parts of a large file, which never changes."""
    connection = connect(soak)
    start = source.randrange(BIG_BYTES)
    end = min(BIG_BYTES, start + source.randrange(1, 2_000_000))
    status, _, content = connection.ask("/big.bin", Range=f"bytes={start}-{end - 1}")
    connection.close()
    # Between the two renames of a deploy the file has to be there as well.
    if status != 206 or content != soak.site.big[start:end]:
        return f"{start}-{end}: {status}, {len(content)} bytes"
    return None


def aborts(soak, source):
    """Downloads that are given up, politely or not."""
    stream = shake_hands(soak.server.port, DOMAIN, "http/1.1")
    stream.sendall(get("/big.bin"))
    for _ in range(source.randrange(20)):
        stream.recv(65536)
    if source.randrange(2):
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def slow_readers(soak, source):
    """A large file at half a megabyte a second, for some seconds."""
    stream = shake_hands(soak.server.port, DOMAIN, "http/1.1")
    stream.sendall(get("/big.bin"))
    for _ in range(source.randrange(20, 100)):
        if not stream.recv(50_000):
            return "closed"
        soak.pause(0.1)
    stream.close()
    return None


def bots(soak, source):
    """What is refused, and what only looks like it."""
    rows = [
        # Who asks for identity alone may be a browser's player, which sends no more than that.
        ({"User-Agent": "Mozilla/5.0", "Accept-Encoding": "gzip"}, "/", 403),
        ({"User-Agent": "Mozilla/5.0"}, "/", 200),
        ({}, "/wp-login.php", 403),
        ({"User-Agent": "letsencrypt"}, "/", 403),
        ({"User-Agent": ""}, "/", 403),
        ({}, "/nothing/here", 404),
        (BROWSER, "/", 200),
        ({}, "/%2e%2e/%2e%2e/etc/passwd", 400),
        ({"Range": "bytes=9-1"}, "/", 200),
        ({"host": "other.test"}, "/", 421),
    ]
    fields, path, status = source.choice(rows)
    connection = connect(soak)
    answered, _, _ = connection.ask(path, **fields)
    connection.close()
    soak.pause(0.02)
    return None if answered == status else f"{fields} {path}: {answered}"


def silence(soak, _):
    """Connections that say nothing, or half of something."""
    port = soak.server.port
    held = [connect_in_the_clear(port) for _ in range(20)]
    held += [shake_hands(port, DOMAIN, "http/1.1") for _ in range(5)]
    for connection in held[::2]:
        connection.sendall(b"\x16\x03\x01")
    soak.pause(12)
    for connection in held:
        connection.close()


def floods(soak, source):
    """Frames without end over HTTP/2, until the server has enough or five seconds have passed."""
    # A head that never ends: HEADERS without END_HEADERS, then CONTINUATION without a byte.
    head = frames.frame(frames.HEADERS, frames.END_STREAM, 1, b"\x82\x84\x87\x41\x00")
    more = frames.frame(frames.CONTINUATION, stream=1) * 50
    rounds = [
        lambda number: frames.get(2 * number + 1) + frames.reset(2 * number + 1),
        lambda _: frames.frame(frames.PING, payload=b"pingpong") * 50,
        lambda _: frames.settings() * 50,
        lambda number: head if number == 0 else more,
    ]
    flood = source.choice(rounds)
    stream = shake_hands(soak.server.port, DOMAIN, "h2")
    stream.settimeout(1)
    until = time.monotonic() + 5
    try:
        stream.sendall(frames.preface())
        number = 0
        while time.monotonic() < until and not soak.over():
            stream.sendall(flood(number))
            number += 1
    except OSError:
        pass
    stream.close()
    soak.pause(5)


WORKERS = [
    pages_over_http2,
    pages_over_http1,
    pages_by_browser,
    ranges,
    aborts,
    slow_readers,
    slow_readers,
    bots,
    silence,
    floods,
]
