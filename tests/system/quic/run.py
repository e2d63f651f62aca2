#!/usr/bin/env python3
"""Serves HTTP/3 to aioquic, a client of other authors (PyPI: `pip install aioquic`).

    tests/system/quic/run.py --shost target/debug/shost

Prints one line per check and closes with `N passed, N failed`. Needs aioquic and openssl.
"""

import argparse
import pathlib
import random
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import answers
import connections
import errors
from lib.access_log import AccessLog
from lib.certificate import write_certificate
from lib.client import DOMAIN
from lib.server import Server

CASES = (
    answers.methods,
    answers.conditions,
    answers.ranges,
    answers.codings,
    answers.many_streams,
    answers.large_file,
    connections.resumption,
    connections.early_posts,
    connections.key_updates,
    connections.migration,
    connections.versions,
    errors.closed,
    errors.given_up,
    connections.retry,
    connections.stop,
)
SMALL_BYTES, LARGE_BYTES = 20_000, 8 * 1024 * 1024


class World:
    """A server and what it serves: a page, a small file and a large one."""

    def __init__(self, shost, folder):
        self.site = folder / "sites" / DOMAIN
        self.site.mkdir(parents=True)
        self.small, self.large = random.randbytes(SMALL_BYTES), random.randbytes(LARGE_BYTES)
        self.page = ("<!doctype html><p>" + "A page. " * 500).encode()
        (self.site / "index.html").write_bytes(self.page)
        (self.site / "small.bin").write_bytes(self.small)
        (self.site / "large.bin").write_bytes(self.large)
        self.certificate = write_certificate(folder / "tls" / DOMAIN, DOMAIN)
        self.log = AccessLog(folder / "access.log")
        self.options = [shost, "--sites", folder / "sites", "--tls", folder / "tls"]

    def serve(self):
        """A new server, whose log begins anew."""
        return Server(*self.options, log="text", output=self.log.path.open("w"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shost", required=True, type=pathlib.Path)
    shost = parser.parse_args().shost
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="shost-quic-") as folder:
        world = World(shost, pathlib.Path(folder))
        for case in CASES:
            for fault, told in tried(case, world):
                passed += not fault
                failed += bool(fault)
                print(f"FAIL {told}: {fault}" if fault else f"ok   {told}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def tried(case, world):
    """The faults and names of a case's checks; one that breaks has failed."""
    try:
        with world.serve() as server:
            yield from case(world, server)
    except Exception:
        yield traceback.format_exc(), f"{case.__module__}.{case.__name__}"


if __name__ == "__main__":
    sys.exit(main())
