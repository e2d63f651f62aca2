#!/usr/bin/env python3
"""First bytes and whole pages far away: shost behind a long line, with losses or without.

    benches/far/run.py [--shost target/release/shost] [--rtt 80,200,300] [--loss 0,1,3] [--runs 5]

The first byte is that of an answer's head, from a client that begins with a connection. The page is
the front page of `examples/site` in Chromium, from navigation to the end of the load event: on a
first visit, and on a second one after the server was started anew, as by a deploy, with `--state`.
Needs root, `ip` (Debian: iproute2), openssl and Chromium. Prints medians.
"""

import argparse
import pathlib
import shutil
import socket
import statistics
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True  # the source tree stays clean
sys.path[:0] = [str(PROJECT / "tests" / "system"), str(PROJECT / "tests" / "system" / "browser")]

from chromium import Chromium
from lib import frames
from lib.certificate import key_hash, write_certificate
from lib.client import get, trusting
from lib.server import Server
from line import SERVER, Line

HOST = "site.test"
PORT = 443
ANSWER_S = 30
TIMES = """(() => {
    const told = performance.getEntriesByType('navigation')[0];
    return [told.loadEventEnd, told.connectEnd - told.connectStart];
})()"""


def main():
    """Measures each line that was asked for."""
    parser = argparse.ArgumentParser(description="First bytes and pages behind a long line.")
    parser.add_argument("--shost", type=pathlib.Path, default=PROJECT / "target/release/shost")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--rtt", default="200", help="milliseconds, with commas")
    parser.add_argument("--loss", default="0", help="percent of packets, with commas")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    missing = [tool for tool in ("ip", "openssl", given.chromium) if not shutil.which(tool)]
    if missing:
        packages = "iproute2 openssl chromium"
        sys.exit(f"Missing {', '.join(missing)}. On Debian: apt-get install {packages}")
    print("| round trip | loss | what | median | round trips |\n|---|---|---|---|---|")
    for rtt in map(int, given.rtt.split(",")):
        for loss in map(float, given.loss.split(",")):
            for what, figures in measure(given, rtt, loss / 100).items():
                median = statistics.median(figures)
                trips = f"{median / rtt:.2f}"
                print(f"| {rtt} ms | {loss:g}% | {what} | {median:.0f} ms | {trips} |", flush=True)


def measure(given, rtt, loss):
    """Milliseconds of each run, by what was measured."""
    figures = {}
    with tempfile.TemporaryDirectory(prefix="shost-far-") as folder, Line(rtt, loss) as line:
        place = pathlib.Path(folder)
        shutil.copytree(PROJECT / "examples" / "site", place / "sites" / HOST)
        write_certificate(place / "tls" / HOST, HOST)
        start = Start(given.shost, place, line)
        with start():
            for protocol in ("http/1.1", "h2"):
                for _ in range(given.runs):
                    session, elapsed = first_byte(protocol)
                    figures.setdefault(f"first byte, {protocol}", []).append(elapsed)
                    _, elapsed = first_byte(protocol, session)
                    figures.setdefault(f"first byte, {protocol}, resumed", []).append(elapsed)
        for protocol, flags in (("http/1.1", ["--disable-http2"]), ("h2", [])):
            for run in range(given.runs):
                profile = place / f"{protocol[-1]}-{run}"
                first, second = visits(given, start, profile, flags)
                figures.setdefault(f"page, {protocol}, first visit", []).append(first)
                figures.setdefault(f"page, {protocol}, second visit", []).append(second)
    return figures


class Start:
    """`with start():` is a server at the far end, the same each time but for its process."""

    def __init__(self, shost, place, line):
        self.place = place
        self.words = [shost, "--ip", SERVER, "--sites", place / "sites", "--tls", place / "tls"]
        self.words += ["--state", place / "state"]
        self.launcher = line.server

    def __call__(self):
        server = Server(*self.words, launcher=self.launcher, port=PORT)
        server.event(lambda line: "started" in line.split()[:3])
        return server


# Sessions belong to the context they were made in.
CONTEXTS = {protocol: trusting(protocol) for protocol in ("http/1.1", "h2")}


def first_byte(protocol, session=None):
    """The session of a new connection, and the milliseconds until the head of an answer begins."""
    begun = time.monotonic()
    plain = socket.create_connection((SERVER, PORT), ANSWER_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with CONTEXTS[protocol].wrap_socket(plain, server_hostname=HOST, session=session) as stream:
        if (session is not None) != stream.session_reused:
            raise RuntimeError(f"{protocol}: resumed is {stream.session_reused}")
        if protocol == "h2":
            stream.sendall(frames.preface() + frames.get(name=HOST))
            answered, unread = [], b""
            while not any(kind == frames.HEADERS for kind, *_ in answered):
                answered, unread = frames.split(unread + stream.recv(65536))
        else:
            stream.sendall(get(name=HOST))
            stream.recv(1)
        return stream.session, 1000 * (time.monotonic() - begun)


def visits(given, start, profile, flags):
    """Milliseconds of a first visit by a new browser, and of a second after a restart."""
    flags = [*flags, f"--host-resolver-rules=MAP *.test {SERVER}"]
    trusted = key_hash(profile.parent / "tls" / HOST)
    with Chromium(given.chromium, profile, trusted, flags) as browser:
        with start():
            first = load(browser)
        # The page is left, so that the second visit is one.
        browser.record("Page.navigate", url="about:blank")
        with start():
            return first, load(browser)


def load(browser):
    """Milliseconds from the navigation to the end of the load event, over a new connection."""
    browser.record("Page.navigate", url=f"https://{HOST}/")
    loaded, connecting = browser.evaluate(TIMES)
    if connecting <= 0:
        raise RuntimeError("the page came over a connection that was there already")
    return loaded


if __name__ == "__main__":
    main()
