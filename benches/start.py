#!/usr/bin/env python3
"""How long a start takes: from exec to the first answer, with a few sites and with many.

    benches/start.py [--shost target/release/shost] [--runs 9]

Each site has a certificate of its own. They are made once, which takes half a minute, and kept in
`target/start`. The first answer is a page over TLS, handshake included, from a client that tries
again each half millisecond until it is there. Needs `openssl`. Prints medians, and the worst of
the runs.
"""

import argparse
import pathlib
import shutil
import statistics
import sys
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(PROJECT / "tests" / "system"))

from lib.certificate import write_certificate
from lib.client import connect, last_answer, trusting
from lib.server import Server, free_port

COUNTS = (10, 2_000)
GIVE_UP_S = 30
PAUSE_S = 0.0005


def main():
    """Makes what is missing, and measures."""
    parser = argparse.ArgumentParser(description="How long a start takes.")
    parser.add_argument("--shost", type=pathlib.Path, default=PROJECT / "target/release/shost")
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    if not shutil.which("openssl"):
        sys.exit("Missing openssl. On Debian: apt-get install openssl")
    for count in COUNTS:
        folder = PROJECT / "target" / "start" / str(count)
        make(folder, count)
        times = [first_answer(options.shost.resolve(), folder, count) for _ in range(options.runs)]
        print(
            f"{count:5} sites and certificates: first answer over TLS after "
            f"{1000 * statistics.median(times):.1f} ms, at worst {1000 * max(times):.1f} ms",
            flush=True,
        )


def name(number):
    return f"site-{number}.test"


def make(folder, count):
    """Sites of one page, and a certificate for each; the last one says that all are there."""
    if (folder / "complete").exists():
        return
    for number in range(count):
        site = folder / "sites" / name(number)
        site.mkdir(parents=True, exist_ok=True)
        (site / "index.html").write_text(f"<p>{name(number)}\n")
        write_certificate(folder / "tls" / name(number), name(number), days=3650)
    (folder / "complete").touch()


def first_answer(shost, folder, count):
    """Seconds from exec until the page of the last site has come."""
    host = name(count - 1)
    context = trusting(certificate=folder / "tls" / host / "cert.pem")
    port = free_port()
    began = time.monotonic()
    # The port is known before, since whoever waits for the `started` line loses time.
    with Server(shost, "--sites", folder / "sites", "--tls", folder / "tls", port=port) as server:
        while True:
            try:
                plain = connect(port)
                break
            except ConnectionRefusedError:
                if server.process.poll() is not None or time.monotonic() > began + GIVE_UP_S:
                    sys.exit("the server did not start")
                time.sleep(PAUSE_S)
        with plain, context.wrap_socket(plain, server_hostname=host) as stream:
            answer = last_answer(stream, host)
        took = time.monotonic() - began
    if host.encode() not in answer:
        sys.exit(f"not the page that was asked for: {answer[:200]!r}")
    return took


if __name__ == "__main__":
    main()
