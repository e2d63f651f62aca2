#!/usr/bin/env python3
"""What one client's work costs another: the tail of requests at a fixed rate, with and without it.

    benches/interference.py [--shost target/release/shost] [--rounds 5] [--seconds 5] [--cores 0]

The server has 2,000 sites and their certificates, and the cores that are given (both of two, if
none are); a client asks for a small page over TLS, 1,000 times a second on 16 connections.
Meanwhile another client works on the same server, as fast as it can: it downloads a large file,
asks for thousands of pages that have to be compressed, shakes hands, or the operator reloads
without pause. All clients run on core 1; the one that is timed goes first there (SCHED_FIFO, which
needs root), so that its figures are the server's doing. Needs `openssl`, `wrk` and `chrt`.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True  # the source tree stays clean
sys.path[:0] = [str(HERE / "peers"), str(HERE.parent / "tests" / "system")]

import start
from content import Site
from lib.server import Server

PROJECT = HERE.parent
TOOLS = {"openssl": "openssl", "wrk": "wrk", "chrt": "util-linux", "taskset": "util-linux"}
LOAD_CORE = "1"
RATE, CONNECTIONS = 1000, 16
SITES = 2_000
START_S = 20
FIELDS = ["-H", "User-Agent: wrk", "-H", "Accept-Encoding: br"]


def main():
    """Makes what is missing, and measures all rounds."""
    options = read_options()
    # Not even this script disturbs the server.
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        sys.exit(f"Missing tools. On Debian: apt-get install {' '.join(missing)}")
    work = PROJECT / "target" / "interference"
    site = Site(PROJECT / "target" / "peers" / "site")
    site.make()
    folder = PROJECT / "target" / "start" / str(SITES)
    start.make(folder, SITES)
    link(folder, site, work)
    client = build()
    found = {name: [] for name in WORKS}
    for number in range(options.rounds):
        names = list(WORKS)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            # Another server each time: what was compressed for one round is new to the next.
            with serving(options, work) as server:
                found[name].append(measure(server, WORKS[name], client, site, options.seconds))
    report(found)


def read_options():
    parser = argparse.ArgumentParser(description="What one client's work costs another.")
    parser.add_argument("--shost", type=pathlib.Path, default=PROJECT / "target/release/shost")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--cores", default="0,1", help="cores of the server")
    return parser.parse_args()


def link(folder, site, work):
    """One folder of all sites, and one of all certificates."""
    for kind, own in ("sites", site.www), ("tls", site.tls / "localhost"):
        links = work / kind
        shutil.rmtree(links, ignore_errors=True)
        links.mkdir(parents=True)
        for one in [*(folder / kind).iterdir(), own]:
            (links / one.name).symlink_to(one)


def build():
    target = PROJECT / "target" / "peers" / "client-build"
    command = ["cargo", "build", "--release", "--locked", "--target-dir", target]
    subprocess.run(command, cwd=HERE / "peers" / "client", check=True)
    return target / "release" / "peers-client"


def serving(options, work):
    """The server, on its cores."""
    folders = ["--sites", work / "sites", "--tls", work / "tls"]
    launcher = ["taskset", "-c", options.cores]
    return Server(options.shost, *folders, launcher=launcher, within=START_S)


class Pinned:
    """How clients are run: on their core, and told where the server is."""

    def __init__(self, client, server, site, seconds):
        self.client, self.site, self.seconds = client, site, seconds
        self.server, self.port = server, server.port

    def load(self, mode, *options, first=()):
        """The command of a load of the benchmarks' own client."""
        return [
            "taskset",
            "-c",
            LOAD_CORE,
            *first,
            self.client,
            mode,
            f"address=127.0.0.1:{self.port}",
            f"host=localhost:{self.port}",
            f"certificate={self.site.certificate}",
            f"seconds={self.seconds}",
            *options,
        ]


def nothing(_, done):
    done.wait()


def until_done(command, done):
    """Runs a load again and again until it is no longer wanted."""
    while not done.is_set():
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as load:
            while load.poll() is None:
                if done.wait(0.05):
                    load.terminate()


def download(run, done):
    until_done(run.load("bulk", "path=/bulk.bin", "connections=1"), done)


def compress(run, done):
    """Thousands of pages that nobody has asked for in this coding."""
    script = HERE / "peers" / "loads" / "distinct.lua"
    url = f"https://localhost:{run.port}/"
    command = [
        "taskset",
        "-c",
        LOAD_CORE,
        "wrk",
        "-t1",
        "-c1",
        f"-d{round(run.seconds) + 2}s",
        *FIELDS,
        "-H",
        f"Host: localhost:{run.port}",
        "-s",
        script,
        url,
    ]
    until_done(command, done)


def shake_hands(run, done):
    until_done(run.load("fresh", "connections=1", "group=hybrid"), done)


def reload(run, done):
    """The next reload as soon as the one before may be over."""
    while not done.wait(0.5):
        run.server.process.send_signal(signal.SIGHUP)


WORKS = {
    "nothing": nothing,
    "a 100 MiB download over TLS": download,
    "pages to compress": compress,
    "full handshakes": shake_hands,
    f"reloads of {SITES:,} sites": reload,
}


def measure(server, work, client, site, seconds):
    """The percentiles of the client that is timed, while the other one works."""
    run, done = Pinned(client, server, site, seconds), threading.Event()
    other = threading.Thread(target=work, args=[run, done])
    other.start()
    try:
        command = run.load(
            "paced",
            "path=/1k.html",
            f"rate={RATE}",
            f"connections={CONNECTIONS}",
            first=["chrt", "-f", "50"],
        )
        timed = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        done.set()
        other.join()
    if timed.returncode:
        sys.exit(f"the load failed: {timed.stderr.strip()}")
    told = json.loads(timed.stdout.splitlines()[-1])
    if told["bad"]:
        sys.exit(f"{told['bad']} bad answers")
    return told


def report(found):
    """Medians of the rounds, and what was added to the tail."""

    def median(name, key):
        return statistics.median(told[key] for told in found[name])

    base = median("nothing", "p999")
    print(f"{'meanwhile':32} {'p50 µs':>8} {'p99 µs':>8} {'p99.9 µs':>9} {'added ms':>9}")
    for name in found:
        figures = [median(name, key) for key in ("p50", "p99", "p999")]
        added = (figures[2] - base) / 1000
        print(f"{name:32} {figures[0]:8.0f} {figures[1]:8.0f} {figures[2]:9.0f} {added:9.2f}")


if __name__ == "__main__":
    main()
