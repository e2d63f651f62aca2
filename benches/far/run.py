#!/usr/bin/env python3
"""First bytes and whole pages far away: shost behind a long line, with losses or without.

    benches/far/run.py [--shost target/release/shost] [--rtt 20,80,200,300] [--loss 0,1,3]
                       [--runs 5] [--servers shost,nginx,h2o,caddy]

The first byte is that of an answer's head, from a client that begins with a connection. The page is
the front page of `examples/site` in Chromium, from navigation to the end of the load event: on a
first visit, on a second one, and after the server was started anew with its `--state`, each over
a new connection. Other servers have the same files, and no state of their own over a restart.
Needs root, `ip` (Debian: iproute2), openssl and Chromium. Prints medians.
"""

import argparse
import collections
import contextlib
import functools
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
from peers import Peer, protocols

HOST = "site.test"
PORT = 443
ANSWER_S = 30
FLUSHES = 5
TIMES = """(() => {
    const told = performance.getEntriesByType('navigation')[0];
    return {
        "first byte": told.responseStart,
        page: told.loadEventEnd,
        protocol: told.nextHopProtocol,
    };
})()"""
WHAT = ("first byte", "page")
# Flags with which Chromium speaks a protocol from its first request on.
PROTOCOLS = {
    "http/1.1": ["--disable-http2"],
    "h2": [],
    "h3": ["--enable-quic", f"--origin-to-force-quic-on={HOST}:{PORT}"],
}


def main():
    """Measures each line that was asked for."""
    parser = argparse.ArgumentParser(description="First bytes and pages behind a long line.")
    parser.add_argument("--shost", type=pathlib.Path, default=PROJECT / "target/release/shost")
    parser.add_argument("--chromium", default="chromium")
    parser.add_argument("--rtt", default="200", help="milliseconds, with commas")
    parser.add_argument("--loss", default="0", help="percent of packets, with commas")
    parser.add_argument("--pages", default=",".join(PROTOCOLS), help="protocols, with commas")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--servers", default="shost", help="shost, nginx, h2o, caddy, with commas")
    given = parser.parse_args()
    others = [name for name in given.servers.split(",") if name != "shost"]
    tools = ("ip", "openssl", given.chromium, *others)
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        packages = "iproute2 openssl chromium"
        sys.exit(f"Missing {', '.join(missing)}. On Debian: apt-get install {packages}")
    print("| round trip | loss | server | visit | first byte | page |\n|---|---|---|---|---|---|")
    for rtt in map(int, given.rtt.split(",")):
        for loss in map(float, given.loss.split(",")):
            for name in given.servers.split(","):
                for visit, runs in measure(given, name, rtt, loss / 100).items():
                    cells = [told(rtt, [run.get(what) for run in runs]) for what in WHAT]
                    cells = [f"{rtt} ms", f"{loss:g}%", name, visit, *cells]
                    print(f"| {' | '.join(cells)} |", flush=True)


def told(rtt, figures):
    """The median of milliseconds, and how many round trips that is."""
    if None in figures:
        return "–"
    median = statistics.median(figures)
    return f"{median:.0f} ms ({median / rtt:.2f})"


def measure(given, name, rtt, loss):
    """Milliseconds of each run, by what kind of visit it was."""
    runs = collections.defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="shost-far-") as folder, Line(rtt, loss) as line:
        place = pathlib.Path(folder)
        shutil.copytree(PROJECT / "examples" / "site", place / "sites" / HOST)
        write_certificate(place / "tls" / HOST, HOST)
        start = Start(given.shost, place, line)
        if name != "shost":
            start = functools.partial(Peer, name, place, line.server, HOST, SERVER, PORT)
        with start():
            for protocol in ("http/1.1", "h2"):
                for _ in range(given.runs):
                    session, elapsed = first_byte(protocol)
                    runs[f"our client, {protocol}"].append({"first byte": elapsed})
                    _, elapsed = first_byte(protocol, session)
                    runs[f"our client, {protocol}, resumed"].append({"first byte": elapsed})
        for protocol in given.pages.split(","):
            if protocol == "h3" and name != "shost" and not protocols(name):
                continue
            for run in range(given.runs):
                profile = place / f"{protocol[-1]}-{run}"
                for visit, elapsed in visits(given, start, profile, protocol, rtt).items():
                    runs[f"Chromium, {protocol}, {visit}"].append(elapsed)
    return runs


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


def visits(given, start, profile, protocol, rtt):
    """Milliseconds of each visit by a new browser, by what kind of visit it is."""
    flags = [*PROTOCOLS[protocol], f"--host-resolver-rules=MAP *.test {SERVER}"]
    trusted = key_hash(profile.parent / "tls" / HOST)
    with Chromium(given.chromium, profile, trusted, flags) as browser:
        with start():
            found = {"first visit": load(browser, protocol, rtt)}
            found["second visit"] = load_anew(browser, protocol, rtt)
        browser.record("Page.navigate", url="about:blank")
        with start():
            found["visit after a restart"] = load(browser, protocol, rtt)
    return found


def load_anew(browser, protocol, rtt):
    """The same as `load`, with the connection ended and the sessions kept."""
    for _ in range(FLUSHES):
        # The page is left for one that may end connections. It does so some time later.
        browser.record("Page.navigate", url="chrome://net-internals/#sockets")
        browser.evaluate("chrome.send('flushSocketPools')")
        with contextlib.suppress(NotAnewError):
            return load(browser, protocol, rtt)
    raise NotAnewError("Chromium does not end its connections")


class NotAnewError(RuntimeError):
    """A page came over a connection that was there already."""


def load(browser, protocol, rtt):
    """Milliseconds from navigation to the first byte and to the end of the load event."""
    browser.record("Page.navigate", url=f"https://{HOST}/")
    times = browser.evaluate(TIMES)
    if times["protocol"] != protocol:
        raise RuntimeError(f"the page came over {times['protocol']}, not over {protocol}")
    # Over TCP a new one costs three round trips, also if the browser began with it beforehand.
    if protocol != "h3" and times["first byte"] < 2 * rtt:
        raise NotAnewError("the page came over a connection that was there already")
    return times


if __name__ == "__main__":
    main()
