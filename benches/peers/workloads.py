"""What is measured: one row of the table for each workload."""

import dataclasses
import subprocess
import time
from collections.abc import Callable

IDLE_CONNECTIONS = 1000
IDLE_S = 4  # how long idle connections are kept: long enough to read a server's memory
SETTLE_S = 0.5  # what a server does after an answer, such as giving memory back, is over by then
PACED_CONNECTIONS = 16
EACH_S = 10  # long enough for the slowest server to give every distinct file
BROWSER = "br, gzip, zstd"


@dataclasses.dataclass(frozen=True)
class Workload:
    """A load, and how its figures are read."""

    name: str
    title: str
    listener: str
    run: Callable
    unit: str = "request"
    # The most that shost may take, as a part of what nginx takes.
    at_most: float | None = None
    logs: bool = False
    neighbour: bool = False
    # What the row compares: "cpu" (µs per unit), "p999" (µs), "memory" (KiB per connection).
    figure: str = "cpu"
    prepare: Callable | None = None


def get(path, listener, **options):
    """Requests for one file over HTTP/1.1."""
    return lambda loads, server: loads.wrk(server, listener, path, **options)


def get_http2(path, listener="tls"):
    return lambda loads, server: loads.h2load(server, path, listener)


def not_modified(loads, server):
    """Conditional requests with the server's own validator."""
    tag = server.get("/1k.html")[0].getheader("ETag")
    if not tag:
        return None
    return loads.wrk(server, "plain", "/1k.html", fields=[f"If-None-Match: {tag}"])


def coded(loads, server):
    """A page that compresses, asked for as browsers do."""
    coding, length = server.coding("/text.html", BROWSER)
    outcome = loads.wrk(server, "coded", "/text.html", fields=[f"Accept-Encoding: {BROWSER}"])
    outcome.details |= {"coding": coding, "bytes": length}
    return outcome


def fresh(listener="tls", mode="fresh", **options):
    """A new connection for every request."""
    return lambda loads, server: loads.client(mode, server, listener, **options)


def resumed(loads, server):
    """New connections with session tickets; a server that resumes none has no figure."""
    outcome = loads.client("resumed", server, "tls", group="hybrid")
    return outcome if outcome.details.get("resumed", 0) > outcome.count / 2 else None


def refused(loads, server):
    """A probe for PHP, on a connection of its own, as bots come. Every answer is to be a no."""
    outcome = loads.client("fresh", server, "plain", path="/wp-login.php")
    refusals = f"{outcome.count:.0f} bad answers"
    outcome.fault = None if outcome.fault == refusals else f"served: {outcome.fault}"
    return outcome


def bulk(listener):
    def run(loads, server):
        return loads.client("bulk", server, listener, "mebibytes", path="/bulk.bin", connections=1)

    return run


def paced(listener, rate_divisor=1):
    """A fixed rate, so that latencies can be compared."""

    def run(loads, server):
        # A slower rate takes longer: one in a thousand has to be more than one.
        options = {
            "rate": loads.rate / rate_divisor,
            "seconds": loads.seconds * rate_divisor,
            "connections": PACED_CONNECTIONS,
        }
        return loads.client("paced", server, listener, **options)

    return run


def page(mode):
    """A document and 20 resources, with the fields of Chromium, on 8 connections."""
    return lambda loads, server: loads.client(
        mode, server, "tls", path="/page/", connections=8, group="hybrid"
    )


def http3(mode, unit="count", **options):
    return lambda loads, server: loads.client(mode, server, "quic", unit, **options)


def ask_for_each(loads, server):
    """Every distinct file once, so that caches are as full as they get. What fails here fails again
    where it is measured, and is told there."""
    loads.wrk(server, "plain", "/", script="each.lua", seconds=EACH_S)


def idle(loads, server):
    """Memory of a server that has just been started, and with 1,000 idle TLS connections."""
    server.stop()
    server.start()
    server.get("/1k.html", "tls")
    time.sleep(SETTLE_S)
    before = server.tree("tls").memory_kib()
    options = {"connections": IDLE_CONNECTIONS, "seconds": IDLE_S}
    command = [loads.client_program, "idle", *loads.client_options(server, "tls", options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        opened = client.stdout.readline().strip() == "open"
        time.sleep(SETTLE_S)
        after = server.tree("tls").memory_kib()
    return {
        "memory": (after - before) / IDLE_CONNECTIONS,
        "start_mib": before / 1024,
        "fault": None if opened else "connections were refused",
    }


WORKLOADS = [
    Workload("h1-1k", "HTTP/1.1, 1 KiB", "plain", get("/1k.html", "plain"), at_most=0.75),
    Workload("h1-20k", "HTTP/1.1, 20 KiB", "plain", get("/20k.html", "plain"), at_most=1.0),
    Workload("tls-1k", "TLS, 1 KiB", "tls", get("/1k.html", "tls"), at_most=0.62),
    Workload("tls-20k", "TLS, 20 KiB", "tls", get("/20k.html", "tls"), at_most=0.50),
    Workload("h2-1k", "HTTP/2, 1 KiB", "tls", get_http2("/1k.html"), at_most=0.75),
    Workload("ruled", "the same, a site with rules", "ruled", get_http2("/1k.html", "ruled")),
    Workload("h2-20k", "HTTP/2, 20 KiB", "tls", get_http2("/20k.html"), at_most=0.80),
    Workload(
        "page", "page with 20 resources, HTTP/2", "tls", page("page"), unit="page", at_most=0.75
    ),
    Workload("visit", "the same, new connection", "tls", page("visit"), unit="page"),
    Workload("h3-1k", "HTTP/3, 1 KiB", "quic", http3("h3", connections=8)),
    Workload("h3-20k", "HTTP/3, 20 KiB", "quic", http3("h3", path="/20k.html", connections=8)),
    Workload(
        "h3-page",
        "page with 20 resources, HTTP/3",
        "quic",
        http3("h3-page", path="/page/", connections=8, group="hybrid"),
        unit="page",
    ),
    Workload("h3-fresh", "full handshake and a GET, HTTP/3", "quic", http3("h3-fresh")),
    Workload(
        "h3-bulk",
        "100 MiB over HTTP/3",
        "quic",
        http3("h3-bulk", "mebibytes", path="/bulk.bin", connections=1),
        unit="MiB",
    ),
    Workload("304", "304 by ETag", "plain", not_modified, at_most=0.85),
    Workload("coded", "60 KB page, compressed", "coded", coded, at_most=0.10),
    Workload("fresh", "full handshake and a GET", "tls", fresh(), at_most=0.46),
    Workload("hybrid", "the same, X25519MLKEM768", "tls", fresh(group="hybrid")),
    Workload("resumed", "resumed handshake and a GET", "tls", resumed),
    Workload("bulk", "100 MiB", "plain", bulk("plain"), unit="MiB", at_most=1.2),
    Workload("bulk-tls", "100 MiB over TLS", "tls", bulk("tls"), unit="MiB", at_most=0.75),
    Workload(
        "distinct",
        "50,000 distinct files",
        "plain",
        get("/", "plain", script="distinct.lua"),
        prepare=ask_for_each,
    ),
    Workload(
        "missing", "404 storm", "plain", get("/", "plain", script="missing.lua", missing=True)
    ),
    Workload("refused", "PHP probe refused", "plain", refused),
    Workload("log", "HTTP/1.1, 1 KiB, access log on", "plain", get("/1k.html", "plain"), logs=True),
    Workload("paced", "p99.9 at a fixed rate", "plain", paced("plain"), figure="p999"),
    Workload("paced-tls", "p99.9 at a fixed rate, TLS", "tls", paced("tls"), figure="p999"),
    Workload(
        "neighbour",
        "p99.9 beside a busy neighbour",
        "tls",
        paced("tls", rate_divisor=4),
        figure="p999",
        neighbour=True,
    ),
    Workload("idle", "memory of an idle TLS connection", "tls", idle, figure="memory"),
]
