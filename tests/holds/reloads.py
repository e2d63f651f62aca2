"""Reloads under load: nothing fails, nothing is closed, sessions go on."""

import pathlib
import time

from server import DOMAIN, Server, h2load, shake_hands, succeeded, write_certificate

# The mission's own figures.
REQUESTS = 200_000
RELOADS = 20
CONNECTIONS = 10
STREAMS = 10
# Every so many reloads meet a certificate that does not parse.
BAD_EVERY = 5
# Between two reloads, so that they spread over the load: short enough that it outlasts them all.
PAUSE_SECONDS = 0.1


def connected(port):
    """The local ports of the clients that are connected to `port` over IPv4."""
    rows = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    pairs = [row.split()[1:4] for row in rows]
    remote = f"0100007F:{port:04X}"
    return {local for local, peer, state in pairs if peer == remote and state == "01"}


def under_load(shost, folder):
    """RELOADS signals while h2load makes REQUESTS over TLS, certificates changing meanwhile."""
    site, pair = folder / "sites" / DOMAIN, folder / "tls" / DOMAIN
    site.mkdir(parents=True)
    (site / "index.html").write_text("<p>the same before and after\n" * 40)
    write_certificate(pair, DOMAIN)
    with Server(shost, "--sites", folder / "sites", "--tls", folder / "tls") as server:
        session, _ = shake_hands(server.port)
        url = f"https://{DOMAIN}:{server.port}/"
        load = h2load(url, server.port, "-n", REQUESTS, "-c", CONNECTIONS, "-m", STREAMS)
        while len(seen := connected(server.port)) < CONNECTIONS and load.poll() is None:
            time.sleep(0.01)
        wrong, resumed, in_time = [], 0, 0
        for number in range(1, RELOADS + 1):
            bad = number % BAD_EVERY == 0
            line = reload_with(server, pair, bad)
            if ("ERROR" in line) != bad:
                wrong.append(line)
            _, reused = shake_hands(server.port, session)
            resumed += reused
            in_time += load.poll() is None
            seen |= connected(server.port)
            time.sleep(PAUSE_SECONDS)
        report, _ = load.communicate()
    total, good = succeeded(report)
    yield good == total == REQUESTS and in_time == RELOADS, (
        f"{in_time} of {RELOADS} reloads during {total} HTTP/2 requests over TLS: {good} succeeded")
    yield len(seen) == CONNECTIONS, (
        f"{CONNECTIONS} connections under reload: {len(seen)} connections seen")
    yield not wrong, (f"{RELOADS} reloads, {RELOADS // BAD_EVERY} of them with a bad certificate: "
                      f"{RELOADS - len(wrong)} told so")
    yield resumed == RELOADS, f"a session from before the first reload: resumed {resumed} of {RELOADS}"


def reload_with(server, pair, bad):
    """A reload after the certificate was renewed, or was spoilt for this one time."""
    write_certificate(pair, DOMAIN)
    if bad:
        (pair / "cert.pem").write_text("not PEM")
    return server.reload()
