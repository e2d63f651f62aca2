#!/usr/bin/env python3
"""How long an urgent page waits behind a download on the same HTTP/2 connection.

    benches/urgent.py [--shost target/release/shost] [--rate 2]

A client takes a large file that is not urgent (RFC 9218: u=7) at a fixed rate, as a slow network
would, and meanwhile asks for a small page that is (u=0). What lies between is what the server had
handed to the system already and nobody can overtake. The receive buffer of the client stands for
the network: 64 KiB.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(PROJECT / "tests" / "system"))

from lib import frames
from lib.client import connect
from lib.server import Server

PAGES = 8
BIG_BYTES = 64 << 20
RECEIVE_BYTES = 64 << 10
# By then whatever fills up is full.
FIRST_S, BETWEEN_S = 0.5, 0.3


def main():
    """Starts the server, and prints what came out."""
    parser = argparse.ArgumentParser(description="How long an urgent page waits.")
    parser.add_argument("--shost", type=pathlib.Path, default=PROJECT / "target/release/shost")
    parser.add_argument("--rate", type=float, default=2, help="MB per second that the client takes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = pathlib.Path(folder)
        (site / "page.html").write_text("x" * 2000)
        (site / "big.bin").write_bytes(os.urandom(BIG_BYTES))
        with Server(options.shost, site) as server:
            waits = measure(connect(server.port, RECEIVE_BYTES), options.rate * 1e6)
    times, ahead = zip(*waits, strict=True)
    print(
        f"at {options.rate:g} MB/s an urgent page comes after {1000 * statistics.median(times):.0f}"
        f" ms, at worst {1000 * max(times):.0f}, behind {statistics.median(ahead) / 1024:.0f} KiB"
    )


def measure(connection, rate):
    """For each page the seconds that it took, and the bytes that came before it."""
    connection.sendall(
        frames.preface([(frames.INITIAL_WINDOW_SIZE, frames.WIDEST_WINDOW)])
        + frames.window_update(0, frames.WIDEST_WINDOW - frames.FIRST_WINDOW)
        + frames.get(1, "/big.bin", priority="u=7")
    )
    waits, buffer, taken, asked = [], b"", 0, None
    began = time.monotonic()
    while len(waits) < PAGES:
        allowed = (time.monotonic() - began) * rate - taken
        if allowed < 4096:
            time.sleep((8192 - allowed) / rate)
            continue
        part = connection.recv(min(int(allowed), 65536))
        taken += len(part)
        buffer += part
        now = time.monotonic()
        page = 2 * len(waits) + 3
        if asked is None and now - began > FIRST_S + BETWEEN_S * len(waits):
            connection.sendall(frames.get(page, "/page.html", priority="u=0"))
            asked = (now, taken)
        came, buffer = frames.split(buffer)
        for kind, flags, stream, _ in came:
            if (kind, stream) == (frames.DATA, page) and flags & frames.END_STREAM:
                waits.append((now - asked[0], taken - asked[1]))
                asked = None
    return waits


if __name__ == "__main__":
    main()
