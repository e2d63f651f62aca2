#!/usr/bin/env python3
"""Counts the instructions of the hot path, and says what changed since the figures in the tree.

    benches/instructions.py             compare with benches/instructions.txt; exit 1 if one grew
    benches/instructions.py --update    write that file
    benches/instructions.py --only "request, 304"

Time depends on the machine and on who else uses it; the number of instructions does not, so a
regression of some per cent shows in review. Steps are counted by callgrind, and so is the whole
server: twice, with N and 2 N requests, so that start and end cancel each other out. Needs
`apt-get install valgrind nghttp2-client openssl`. Whole requests need a Valgrind that knows
openat2(2), with which shost opens files: 3.19 of Debian 12 does not, and counts the pure steps
only.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent
sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(PROJECT / "tests" / "system"))

from lib.certificate import write_certificate
from lib.client import h2load, succeeded
from lib.server import Server

FIGURES = HERE / "instructions.txt"
TOOLS = {"valgrind": "valgrind", "h2load": "nghttp2-client", "openssl": "openssl"}

TIMES = 100  # how often benches/instructions.rs does a step
TRIES = 3  # the least of them counts: in the others the cache may have looked at its file again
REQUESTS = 1000  # N
STEP_TOLERANCE = 0.02  # hash tables are seeded at random; the same program differs by less
SERVER_TOLERANCE = 0.04  # threads meet in another order in each run
START_S = 60  # a server under callgrind starts fifty times slower

# What h2load is told for each row of the whole server.
SERVER_ROWS = {
    "server, HTTP/1.1, 1 KiB": ("http", "/1k.html", ["--h1"]),
    "server, TLS, 1 KiB": ("https", "/1k.html", ["--h1"]),
    "server, TLS, 20 KiB": ("https", "/20k.html", ["--h1"]),
    "server, HTTP/2, 1 KiB": ("https", "/1k.html", []),
    "server, HTTP/2, 20 KiB": ("https", "/20k.html", []),
}


def main():
    """Counts, prints, and judges."""
    options = read_options()
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        sys.exit(f"Missing tools. On Debian: apt-get install {' '.join(missing)}")
    kept = read_figures()
    counted = {}
    for name, count in all_counts(options):
        if count is None:
            print(f"{name:28} not counted: this valgrind does not know openat2", flush=True)
            continue
        counted[name] = count
        print(line(name, count, kept.get(name)), flush=True)
    if options.update:
        FIGURES.write_text("".join(f"{n:28} {c:9}\n" for n, c in (kept | counted).items()))
        return 0
    grown = [name for name, count in counted.items() if has_grown(name, count, kept)]
    if grown:
        print(f"\nMore instructions than in {FIGURES.name}: {'; '.join(grown)}")
        print("If that is meant, keep the new figures with --update.")
    return 1 if grown else 0


def read_options():
    parser = argparse.ArgumentParser(description="Count the instructions of the hot path.")
    parser.add_argument("--update", action="store_true", help="keep the figures")
    parser.add_argument("--only", help="count only what has this in its name")
    return parser.parse_args()


def all_counts(options):
    """Name and instructions of every step, then of the whole server."""

    def wanted(name):
        return not options.only or options.only in name

    programs = build()
    opens = can_open_files(programs["instructions"])
    for name in filter(wanted, step_names()):
        counts = opens or not name.startswith("request")
        yield name, count_step(programs["instructions"], name) if counts else None
    if not opens:
        yield from ((name, None) for name in filter(wanted, SERVER_ROWS))
        return
    with tempfile.TemporaryDirectory(prefix="shost-instructions-") as folder:
        make_site(pathlib.Path(folder))
        for name in filter(wanted, SERVER_ROWS):
            yield name, count_server(programs["shost"], pathlib.Path(folder), *SERVER_ROWS[name])


def step_names():
    """The names in the table of benches/steps/mod.rs."""
    table = (HERE / "steps" / "mod.rs").read_text().partition("const NAMES")[2]
    return re.findall(r'^    "(.+)",$', table, re.MULTILINE)


def build():
    """Builds the benchmark, and with it the server; gives the path of each by its name."""
    done = subprocess.run(
        [
            "cargo",
            "bench",
            "--no-run",
            "--bench",
            "instructions",
            "--locked",
            "--message-format=json",
        ],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = [json.loads(entry) for entry in done.stdout.splitlines() if entry.startswith("{")]
    return {
        entry["target"]["name"]: entry["executable"] for entry in told if entry.get("executable")
    }


def can_open_files(program):
    """Whether shost can open a file under this valgrind."""
    command = ["valgrind", "--tool=none", program, "request, 1 KiB"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def count_step(program, name):
    """Instructions of a step, done once."""
    with tempfile.TemporaryDirectory(prefix="shost-instructions-") as folder:
        out = pathlib.Path(folder) / "out"
        command = [*callgrind(out), "--toggle-collect=*counted*", program, name]
        tries = []
        for _ in range(TRIES):
            subprocess.run(command, check=True, capture_output=True)
            tries.append(total(out))
        return round(min(tries) / TIMES)


def count_server(program, folder, scheme, path, arguments):
    """Instructions of a whole request: the server's, from the socket and back to it."""
    once, twice = (
        run_server(program, folder, scheme, path, arguments, n) for n in (REQUESTS, 2 * REQUESTS)
    )
    return round((twice - once) / REQUESTS)


def run_server(program, folder, scheme, path, arguments, requests):
    out = folder / "out"
    given = ["--sites", folder / "sites", "--threads", "1"]
    if scheme == "https":
        given += ["--tls", folder / "tls"]
    with Server(program, *given, launcher=callgrind(out), within=START_S) as server:
        url = f"{scheme}://localhost:{server.port}{path}"
        load = ["-t1", "-c1", "-m1", f"-n{requests}", *arguments]
        told, _ = h2load(url, server.port, *load).communicate()
        if succeeded(told) != (requests, requests):
            raise RuntimeError(f"h2load: {told}")
    return total(out)


def make_site(folder):
    """A site, and a certificate for it."""
    site = folder / "sites" / "localhost"
    site.mkdir(parents=True)
    for name, size in (("1k.html", 1024), ("20k.html", 20 * 1024)):
        (site / name).write_text("x" * size)
    write_certificate(folder / "tls" / "localhost", "localhost")


def callgrind(out):
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]


def total(out):
    """What callgrind counted in all."""
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[1])


def read_figures():
    """The figures in the tree; none before the first --update."""
    lines = FIGURES.read_text().splitlines() if FIGURES.exists() else []
    pairs = [entry.rsplit(maxsplit=1) for entry in lines]
    return {name.strip(): int(count) for name, count in pairs}


def line(name, count, before):
    change = f"{100 * (count - before) / before:+6.1f}%" if before else "    new"
    return f"{name:28} {count:9} {change}"


def has_grown(name, count, kept):
    tolerance = SERVER_TOLERANCE if name in SERVER_ROWS else STEP_TOLERANCE
    return name not in kept or count > kept[name] * (1 + tolerance)


if __name__ == "__main__":
    sys.exit(main())
