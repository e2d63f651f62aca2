"""What the process takes of memory: idle, full, under a storm of files, and after a reload."""

import time

from lib import client, frames
from lib.certificate import write_certificate
from lib.client import DOMAIN, h2load, succeeded
from lib.server import Server

# Memory of an idle server with ten sites; the cache's bound, and files that are far more than it.
IDLE_MIB = 12
BOUND_MIB = 32
FILES = 50_000
FILE_BYTES = 4096
# What the process may take beside its cache: the program, its threads and their stacks, buffers
# of the connections, and the files that are on their way through.
BASE_MIB = 16
# What is known of a file outlives its content: some 70 bytes each, in a table that is half empty
# after it has grown.
TAGS_MIB = 6
MOST_MIB = BOUND_MIB + BASE_MIB + TAGS_MIB
# Connections that each fetch every file, and their streams.
CONNECTIONS = 4
STREAMS = 10
SITES = 10
# Idle connections over TLS, and what they may add.
CLIENTS = 1000
CLIENTS_MIB = 6
# Of what the cache took, the part that has to be back a moment after the reload.
GIVEN_BACK = 0.75
# A moment: freed pages go back in the background.
SETTLE_SECONDS = 3


def text(number):
    """A page of exactly FILE_BYTES that is like no other."""
    line = f"<p>Page {number}: words that a coding makes smaller, {number * 2654435761 % 2**32:x}\n"
    return (line * (FILE_BYTES // len(line) + 1))[:FILE_BYTES].encode()


def mib(kib):
    """KiB as a figure to read."""
    return f"{kib / 1024:.1f} MiB"


def many_files(folder):
    """A site of FILES pages in folders of 500; returns their paths."""
    paths = []
    for number in range(FILES):
        path = f"{number // 500}/{number}.html"
        file = folder / path
        if number % 500 == 0:
            file.parent.mkdir(parents=True)
        file.write_bytes(text(number))
        paths.append("/" + path)
    return paths


def storm(shost, folder):
    """Every file, from several connections, in each of the ways that browsers ask for it."""
    paths = many_files(folder / "site")
    for fields, label in [
        ([], "as they are"),
        (["-H", "accept-encoding: gzip, br, zstd"], "coded"),
    ]:
        figures = {}
        for size in ["0", f"{BOUND_MIB}M"]:
            with Server(shost, "--cache-size", size, folder / "site") as server:
                addresses = folder / "addresses"
                base = f"http://{DOMAIN}:{server.port}"
                addresses.write_text("".join(f"{base}{path}\n" for path in paths))
                load = h2load(
                    None,
                    server.port,
                    "-i",
                    addresses,
                    "-n",
                    CONNECTIONS * FILES,
                    "-c",
                    CONNECTIONS,
                    "-m",
                    STREAMS,
                    *fields,
                )
                total, good = succeeded(load.communicate()[0])
                asking = server.client()
                for number in range(0, FILES, 25):
                    good -= asking.ask(paths[number])[2] != text(number)
                figures[size] = (server.memory("VmHWM"), total, good)
        peak, total, good = figures[f"{BOUND_MIB}M"]
        held = good == total and peak <= MOST_MIB * 1024
        yield (
            held,
            (
                f"{FILES} files of {FILE_BYTES} bytes {label}, bound {BOUND_MIB} MiB: "
                f"{good} of {total} good, at most {mib(peak)} resident "
                f"(may be {MOST_MIB}; without a cache {mib(figures['0'][0])})"
            ),
        )


def idle(shost, folder):
    """Sites and certificates, nobody there."""
    for number in range(SITES):
        name = f"site-{number}.test"
        site = folder / "sites" / name
        site.mkdir(parents=True)
        (site / "index.html").write_bytes(text(number))
        write_certificate(folder / "tls" / name, name)
    with Server(shost, "--sites", folder / "sites", "--tls", folder / "tls") as server:
        time.sleep(SETTLE_SECONDS)
        resident = server.memory()
    yield (
        resident < IDLE_MIB * 1024,
        (f"{SITES} sites with certificates, idle: {mib(resident)} resident (may be {IDLE_MIB})"),
    )


def answered(port, protocol):
    """A connection over TLS that has had its first answer."""
    connection = client.shake_hands(port, DOMAIN, protocol)
    asked = frames.preface() + frames.get() if protocol == "h2" else client.get()
    connection.sendall(asked)
    answer = b""
    while b"<p>" not in answer:
        part = connection.recv(65536)
        assert part, answer
        answer += part
    return connection


def connections(shost, folder):
    """Clients that have shaken hands, asked once, and stay."""
    (folder / "sites" / DOMAIN).mkdir(parents=True)
    (folder / "sites" / DOMAIN / "index.html").write_bytes(text(0))
    write_certificate(folder / "tls" / DOMAIN, DOMAIN)
    for protocol in ["http/1.1", "h2"]:
        with Server(shost, "--sites", folder / "sites", "--tls", folder / "tls") as server:
            # What the first ones cost is not theirs.
            held = [answered(server.port, protocol) for _ in range(20)]
            time.sleep(1)
            before = server.memory()
            held += [answered(server.port, protocol) for _ in range(CLIENTS)]
            time.sleep(1)
            grown = server.memory() - before
            for connection in held:
                connection.close()
        yield (
            grown < CLIENTS_MIB * 1024,
            (
                f"{CLIENTS} idle TLS connections of {protocol}: {mib(grown)}, "
                f"{grown / CLIENTS:.1f} KiB each (may be {CLIENTS_MIB} MiB)"
            ),
        )


def given_back(shost, folder):
    """A cache full of small and of larger files, then a reload."""
    rows = [("small", 4 * 1024, 15_000), ("large", 512 * 1024, 120)]
    for label, size, count in rows:
        sites = folder / label
        site = sites / DOMAIN
        site.mkdir(parents=True)
        for number in range(count):
            (site / f"{number}.txt").write_bytes((text(number) * (size // FILE_BYTES))[:size])
        with Server(shost, "--sites", sites, "--cache-size", "128M") as server:
            time.sleep(1)
            before = server.memory()
            asking = server.client()
            for number in range(count):
                asking.ask(f"/{number}.txt")
            full = server.memory()
            server.reload()
            time.sleep(SETTLE_SECONDS)
            after = server.memory()
        back = (full - after) / max(full - before, 1)
        yield (
            back >= GIVEN_BACK,
            (
                f"{count} {label} files cached, then SIGHUP: {mib(before)} "
                f"before, {mib(full)} full, {mib(after)} after: "
                f"{back:.0%} given back (must be {GIVEN_BACK:.0%})"
            ),
        )
