"""Reloads under load: nothing fails, nothing is closed, sessions go on."""

import pathlib
import time

from lib.certificate import write_certificate
from lib.client import DOMAIN, h2load, resume, succeeded
from lib.server import Server

# Reloads spread over so many requests. A server that is through with the requests before all the
# reloads have come gets as many once more.
REQUESTS = 200_000
RELOADS = 20
CONNECTIONS = 10
STREAMS = 10
# Every so many reloads meet a certificate that does not parse.
BAD_EVERY = 5
# Between two reloads, so that they spread over the load.
PAUSE_SECONDS = 0.1


def connected(port):
    """The local ports of the clients that are connected to `port` over IPv4."""
    rows = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    pairs = [row.split()[1:4] for row in rows]
    remote = f"0100007F:{port:04X}"
    return {local for local, peer, state in pairs if peer == remote and state == "01"}


class Load:
    """REQUESTS over TLS, again and again for as long as it is to go on."""

    def __init__(self, port):
        self.port, self.runs, self.seen = port, [], []
        self.go_on()

    def go_on(self):
        """Begins anew if all were made, so that what comes next comes under load."""
        if self.runs and self.runs[-1].poll() is None:
            return
        url = f"https://{DOMAIN}:{self.port}/"
        run = h2load(url, self.port, "-n", REQUESTS, "-c", CONNECTIONS, "-m", STREAMS)
        self.runs.append(run)
        self.seen.append(connected(self.port))
        while len(self.seen[-1]) < CONNECTIONS and run.poll() is None:
            time.sleep(0.01)
            self.look()

    def look(self):
        """Notes whatever connections there are: a closed one would be made anew."""
        self.seen[-1] |= connected(self.port)

    def result(self):
        """All requests, those that succeeded, and the connections that each run was seen with."""
        figures = [succeeded(run.communicate()[0]) for run in self.runs]
        return (
            sum(total for total, _ in figures),
            sum(good for _, good in figures),
            [len(seen) for seen in self.seen],
        )


def under_load(shost, folder):
    """RELOADS signals while h2load makes REQUESTS over TLS, certificates changing meanwhile."""
    site, pair = folder / "sites" / DOMAIN, folder / "tls" / DOMAIN
    site.mkdir(parents=True)
    (site / "index.html").write_text("<p>the same before and after\n" * 40)
    write_certificate(pair, DOMAIN)
    with Server(shost, "--sites", folder / "sites", "--tls", folder / "tls") as server:
        session, _ = resume(server.port)
        load = Load(server.port)
        wrong, resumed = [], 0
        for number in range(1, RELOADS + 1):
            bad = number % BAD_EVERY == 0
            spoil_or_renew(pair, bad)
            load.go_on()
            line = server.reload()
            if ("ERROR" in line) != bad:
                wrong.append(line)
            load.look()
            _, reused = resume(server.port, session)
            resumed += reused
            time.sleep(PAUSE_SECONDS)
        total, good, seen = load.result()
    yield (
        good == total == REQUESTS * len(seen),
        (f"{RELOADS} reloads during {total} HTTP/2 requests over TLS: {good} succeeded"),
    )
    yield (
        seen == [CONNECTIONS] * len(seen),
        (f"{CONNECTIONS} connections at a time: {seen} connections seen"),
    )
    yield (
        not wrong,
        (
            f"{RELOADS} reloads, {RELOADS // BAD_EVERY} of them with a bad certificate: "
            f"{RELOADS - len(wrong)} told so"
        ),
    )
    yield (
        resumed == RELOADS,
        f"a session from before the first reload: resumed {resumed} of {RELOADS}",
    )


def spoil_or_renew(pair, bad):
    """The certificate was renewed, or was spoilt for this one time."""
    write_certificate(pair, DOMAIN)
    if bad:
        (pair / "cert.pem").write_text("not PEM")
