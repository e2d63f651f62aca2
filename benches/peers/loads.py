"""The programs that make load: wrk, h2load, and the client beside this file."""

import dataclasses
import json
import pathlib
import re
import subprocess

from peer import ENCRYPTED

SCRIPTS = pathlib.Path(__file__).parent / "loads"
TIMEOUT_S = 120  # far above any load's own duration


@dataclasses.dataclass
class Outcome:
    """What a load came to: units done (requests, pages, MiB), units per second, and what failed."""

    count: float
    rate: float
    fault: str | None = None
    details: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Loads:
    """Makes loads of `seconds`, on `core`."""

    core: str
    seconds: float
    rate: int
    client_program: pathlib.Path

    def run(self, *command):
        pinned = ["taskset", "-c", self.core, *map(str, command)]
        return subprocess.run(
            pinned, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )

    def whole_seconds(self):
        """wrk and h2load know no fractions."""
        return max(1, round(self.seconds))

    def wrk(self, server, listener, path, fields=(), script=None, missing=False, seconds=None):
        """HTTP/1.1 on 64 connections that are kept, one request on each at a time."""
        scheme = "https" if listener == "tls" else "http"
        command = ["wrk", "-t1", "-c64", f"-d{seconds or self.whole_seconds()}s"]
        # wrk names itself nowhere, and a client without a name is refused as a bot.
        for field in (f"Host: {server.authority(listener)}", "User-Agent: wrk", *fields):
            command += ["-H", field]
        if script:
            command += ["-s", SCRIPTS / script]
        done = self.run(*command, f"{scheme}://{server.authority(listener)}{path}")
        text = done.stdout
        count = number(r"(\d+) requests in", text)
        others = number(r"Non-2xx or 3xx responses: (\d+)", text)
        fault = re.search(r"Socket errors: .*", text)
        if not count:
            fault = f"no answers: {done.stderr.strip()[-200:]}"
        elif others != (count if missing else 0):
            fault = f"{others:.0f} of {count:.0f} answers had another status than they should"
        elif fault:
            fault = fault[0]
        return Outcome(count, number(r"Requests/sec:\s+([\d.]+)", text), fault)

    def h2load(self, server, path, listener="tls"):
        """HTTP/2 on 50 connections, ten streams at a time on each."""
        command = ["h2load", "-t1", "-c50", "-m10", "-D", self.whole_seconds()]
        text = self.run(*command, f"https://{server.authority(listener)}{path}").stdout
        good = number(r"status codes: (\d+) 2xx", text)
        others = [int(n) for n in re.findall(r"(\d+) (?:3xx|4xx|5xx)", text)]
        fault = None
        if "Application protocol: h2" not in text:
            fault = "no HTTP/2"
        elif not good or sum(others):
            fault = f"{good:.0f} good answers, {sum(others)} others"
        return Outcome(good, number(r"([\d.]+) req/s", text), fault)

    def client(self, mode, server, listener, unit="count", **options):
        """A load of the client beside this file."""
        command = [self.client_program, mode, *self.client_options(server, listener, options)]
        done = self.run(*command)
        if done.returncode:
            return Outcome(0, 0, done.stderr.strip()[-200:])
        told = json.loads(done.stdout.splitlines()[-1])
        fault = f"{told['bad']} bad answers" if told["bad"] else None
        rate = told["rate"] if unit == "count" else told[f"{unit}_per_second"]
        details = {key: told[key] for key in ("p50", "p99", "p999", "resumed", "group")}
        return Outcome(told[unit], rate, fault, details)

    def client_options(self, server, listener, options):
        """The client's arguments."""
        given = {
            "address": f"127.0.0.1:{server.ports[listener]}",
            "host": server.authority(listener),
            "seconds": self.seconds,
            **options,
        }
        if listener in ENCRYPTED:
            given["certificate"] = server.site.certificate
        return [f"{key}={value}" for key, value in given.items()]


def number(pattern, text):
    """The number that a pattern finds; 0 if it finds none."""
    match = re.search(pattern, text)
    return float(match[1]) if match else 0.0
