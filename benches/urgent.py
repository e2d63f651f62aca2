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
import socket
import statistics
import struct
import subprocess
import tempfile
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
PAGES = 8
BIG_BYTES = 64 << 20
RECEIVE_BYTES = 64 << 10
START_S = 10
# By then whatever fills up is full.
FIRST_S, BETWEEN_S = 0.5, 0.3
HEADERS, DATA, SETTINGS, WINDOW_UPDATE = 1, 0, 4, 8
END_STREAM, END_HEADERS = 1, 4
WIDEST = 2**31 - 1


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
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [options.shost, "--ip", "127.0.0.1", "--port", str(port), "--log", "none", site]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            waits = measure(connect(port), options.rate * 1e6)
        finally:
            server.terminate()
            server.wait()
    times, ahead = zip(*waits)
    print(f"at {options.rate:g} MB/s an urgent page comes after {1000 * statistics.median(times):.0f}"
          f" ms, at worst {1000 * max(times):.0f}, behind {statistics.median(ahead) / 1024:.0f} KiB")


def connect(port):
    until = time.monotonic() + START_S
    while True:
        stream = socket.socket()
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        try:
            stream.connect(("127.0.0.1", port))
            return stream
        except ConnectionRefusedError:
            stream.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def get(stream, path, priority):
    """A request, its fields without any compression (RFC 7541 §6.2.2)."""
    def field(name, value):
        return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value

    block = (b"\x82\x86" + field(b":authority", b"a.test") + field(b":path", path)
             + field(b"user-agent", b"urgent") + field(b"priority", priority))
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, block)


def measure(connection, rate):
    """For each page the seconds that it took, and the bytes that came before it."""
    connection.sendall(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, WIDEST))
        + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WIDEST - 65535))
        + get(1, b"/big.bin", b"u=7"))
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
            connection.sendall(get(page, b"/page.html", b"u=0"))
            asked = (now, taken)
        while len(buffer) >= 9 and len(buffer) >= 9 + int.from_bytes(buffer[:3], "big"):
            length = 9 + int.from_bytes(buffer[:3], "big")
            kind, flags, stream = buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big")
            if stream == page and kind == DATA and flags & END_STREAM:
                waits.append((now - asked[0], taken - asked[1]))
                asked = None
            buffer = buffer[length:]
    return waits


if __name__ == "__main__":
    main()
