#!/usr/bin/env python3
"""Lets a server live through a mixed load for a while, and watches what becomes of it.

    tests/system/soak/run.py --shost target/release/shost --minutes 20

Browsers over HTTP/1.1 and HTTP/2, downloads in ranges, aborts, slow readers, bots, silent
connections, floods, reloads, and deploys in place and by rename, all at once. Prints memory,
descriptors and errors as time goes by; fails on an answer that is wrong, on a descriptor that is
not given back, and on memory that grows. Needs h2load (nghttp2-client), openssl and rsync.
"""

import argparse
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import clients
import deploys
from lib.server import Server
from watch import Watch

# Memory of the last third of the time may be above that of the second by so much: allocators
# settle for a while, and what leaks in minutes is far more in the end.
GROWTH = 0.05
GROWTH_MIB = 4
# Descriptors that may be open at the end beyond those at the start: cached sites, a log.
DESCRIPTORS = 8
# Connections end by their deadlines when everybody has gone, the idle ones at once.
SETTLE_SECONDS = 15


class Soak:
    """What all the workers share."""

    def __init__(self, server, site, seconds):
        self.server, self.site = server, site
        self.until = time.monotonic() + seconds
        self.errors, self.done = [], {}
        self.lock = threading.Lock()

    def over(self):
        """Whether it is time to end."""
        return time.monotonic() > self.until

    def note(self, worker, error=None):
        """Counts a thing done, or keeps what went wrong."""
        with self.lock:
            self.done[worker] = self.done.get(worker, 0) + 1
            if error is not None:
                self.errors.append(f"{worker}: {error}")

    def pause(self, seconds):
        """Waits, but not beyond the end."""
        time.sleep(max(0, min(seconds, self.until - time.monotonic())))


def run(soak, worker):
    """Has a worker do its thing again and again."""
    source = random.Random(worker.__name__)
    while not soak.over():
        try:
            soak.note(worker.__name__, worker(soak, source))
        except Exception as error:  # whatever it is, a client has seen it
            soak.note(worker.__name__, f"{type(error).__name__}: {error}")


def verdict(samples, start, end):
    """What is wrong with the figures, a line each."""
    third = len(samples) // 3
    middle = statistics.median(sample.memory for sample in samples[third : 2 * third])
    last = statistics.median(sample.memory for sample in samples[2 * third :])
    bound = middle * (1 + GROWTH) + GROWTH_MIB * 1024
    print(
        f"memory: {start.memory / 1024:.1f} MiB at the start, median {middle / 1024:.1f} in the "
        f"second third, {last / 1024:.1f} in the last (may be {bound / 1024:.1f}), "
        f"{end.memory / 1024:.1f} when all have gone"
    )
    print(
        f"descriptors: {start.descriptors} at the start, at most "
        f"{max(sample.descriptors for sample in samples)}, {end.descriptors} when all have gone"
    )
    if last > bound:
        yield "memory grows"
    if end.descriptors > start.descriptors + DESCRIPTORS:
        yield "descriptors are not given back"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--shost", required=True, type=pathlib.Path)
    arguments.add_argument("--minutes", type=float, default=20)
    arguments.add_argument("--cache-size", default="16M")
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = deploys.Sites(pathlib.Path(folder))
        with Server(
            arguments.shost.resolve(),
            "--sites",
            site.sites,
            "--tls",
            site.tls,
            "--cache-size",
            arguments.cache_size,
            log="combined",
        ) as server:
            watch = Watch(server)
            soak = Soak(server, site, arguments.minutes * 60)
            clients.warm_up(soak)
            time.sleep(1)
            start = watch.sample()
            workers = [*clients.WORKERS, *deploys.WORKERS]
            threads = [threading.Thread(target=run, args=[soak, worker]) for worker in workers]
            for thread in threads:
                thread.start()
            samples = watch.until(soak)
            for thread in threads:
                thread.join()
            time.sleep(SETTLE_SECONDS)
            end = watch.sample()
            bad_events = watch.bad_events()
    for worker, count in sorted(soak.done.items()):
        print(f"{worker.replace('_', ' ')}: {count}")
    wrong = [*verdict(samples, start, end), *bad_events, *soak.errors]
    for line in wrong[:20]:
        print("FAILED", line)
    print(f"{len(wrong)} things went wrong" if wrong else "nothing went wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
