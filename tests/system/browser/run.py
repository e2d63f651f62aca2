#!/usr/bin/env python3
"""Browses examples/site and app/ with a real Chromium, served by a real shost, over HTTP and HTTPS.

    tests/system/browser/run.py --shost target/debug/shost

Needs Python 3, Chromium (Debian: `apt install chromium`) and openssl; no Python package. It prints
one line per check, ends with `N passed, N failed`, and exits 0 only if none failed.

`app` is a single-page application with an isolated page, by the rules that lie in it.

The site is browsed as `site.test`, not as localhost: a browser treats localhost as a secure context
and sends there what it sends over HTTPS, which would hide how plain HTTP on a real host name
behaves.
"""

import argparse
import contextlib
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True  # the source tree stays clean

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import checks
import deltas
import quic
from chromium import Chromium
from lib.access_log import AccessLog
from lib.certificate import key_hash, write_certificate
from lib.server import Server

import rules

SITE = pathlib.Path(__file__).resolve().parents[3] / "examples" / "site"
HOST = "site.test"
APP = pathlib.Path(__file__).resolve().parent / "app"
APP_HOST = "app.test"


def main():
    arguments = argparse.ArgumentParser(description="Browse the example site with Chromium.")
    arguments.add_argument("--shost", required=True, type=pathlib.Path, help="the server to test")
    arguments.add_argument("--chromium", default="chromium", help="the browser to test with")
    given = arguments.parse_args()

    tally = Tally()
    for scenario in SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="shost-browser-") as folder:
            try:
                scenario(tally, given, pathlib.Path(folder))
            except Exception as error:  # one broken scenario must not hide the other's result
                tally.check(
                    f"{scenario.__name__} runs to its end", f"{type(error).__name__}: {error}"
                )
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


@contextlib.contextmanager
def in_the_clear(given, folder, site, host):
    """A site as the one folder that is served, over plain HTTP: a browser and the site's origin."""
    with (
        Server(given.shost, site, log="combined") as server,
        Chromium(given.chromium, folder / "profile") as browser,
    ):
        yield browser, f"http://{host}:{server.port}"


@contextlib.contextmanager
def over_tls(given, folder, site, host, flags=lambda _: (), **log):
    """A copy of a site in a folder of sites, and a folder of certificates: a browser with `flags`,
    which may depend on the port, the site's origin, and the copy."""
    copy = folder / "sites" / host
    shutil.copytree(site, copy)
    pair = folder / "tls" / host
    write_certificate(pair, host)
    arguments = ["--sites", folder / "sites", "--tls", folder / "tls"]
    with (
        Server(given.shost, *arguments, **{"log": "combined", **log}) as server,
        # Chromium is told to trust this one key and goes on judging every other certificate.
        Chromium(given.chromium, folder / "profile", key_hash(pair), flags(server.port)) as browser,
    ):
        yield browser, f"https://{host}:{server.port}", copy


@contextlib.contextmanager
def over_quic(given, folder, flags):
    """The example site for a browser that may speak QUIC: the browser, the site's origin, and the
    server's log."""
    path = folder / "access.log"
    with (
        path.open("w") as output,
        over_tls(given, folder, SITE, HOST, flags, log="text", output=output) as opened,
    ):
        browser, origin, copy = opened
        quic.write_silence(copy / quic.SILENCE)
        yield browser, origin, AccessLog(path)


def over_http(tally, given, folder):
    """The example site, plain HTTP."""
    with in_the_clear(given, folder, SITE, HOST) as (browser, origin):
        checks.browse(tally, browser, origin, protocol="http/1.1")


def over_https(tally, given, folder):
    """The example site, whose copy may be written to."""
    with over_tls(given, folder, SITE, HOST) as (browser, origin, copy):
        checks.browse(tally, browser, origin, protocol="h2")
        checks.freshness(tally, browser, origin, copy / "css" / "site.css")


def over_forced_quic(tally, given, folder):
    """The example site over HTTP/3, by a browser that was told of it."""
    with over_quic(given, folder, lambda port: quic.flags(HOST, port)) as (browser, origin, log):
        checks.crawl(tally.of("h3, "), browser, origin, protocol="h3")
        checks.revalidation(tally.of("h3, "), browser, origin)
        quic.forced(tally, browser, origin, log)
        quic.comes_back(tally, browser, origin, log)


def over_offered_quic(tally, given, folder):
    """The same by a browser that hears of HTTP/3 from the server."""
    with over_quic(given, folder, lambda _: quic.flags(HOST, quic.ANOTHER_PORT)) as (
        browser,
        origin,
        log,
    ):
        quic.offered(tally, browser, origin, log)


def app_over_http(tally, given, folder):
    """The application, plain HTTP: no browser isolates a page there."""
    with in_the_clear(given, folder, APP, APP_HOST) as (browser, origin):
        rules.application(tally, browser, origin)


def app_over_https(tally, given, folder):
    """The application, with its isolated page."""
    with over_tls(given, folder, APP, APP_HOST) as (browser, origin, _):
        rules.application(tally, browser, origin)
        rules.isolated(tally, browser, origin)


def by_offer(tally, given, folder):
    """The example site, whose pages are dictionaries for as long as they are offered for."""
    flags = (deltas.ANY_AUTHORITY, deltas.BY_OFFER)
    with over_tls(given, folder, SITE, HOST, lambda _: flags) as (browser, origin, copy):
        deltas.deltas(tally, browser, origin, copy)


def by_lifetime(tally, given, folder):
    """The example site with a lifetime for its pages, as its rules say."""
    flags = (deltas.ANY_AUTHORITY,)
    with over_tls(given, folder, SITE, HOST, lambda _: flags) as (browser, origin, copy):
        with (copy / "_headers").open("a") as file:
            file.write(deltas.RULES)
        deltas.deltas(tally, browser, origin, copy)


SCENARIOS = (
    over_http,
    over_https,
    over_forced_quic,
    over_offered_quic,
    app_over_http,
    app_over_https,
    by_offer,
    by_lifetime,
)


class Tally:
    """Prints each check as it is made, and counts."""

    def __init__(self, prefix="", whole=None):
        self.passed = 0
        self.failed = 0
        self.prefix = prefix
        self.whole = whole or self

    def of(self, prefix):
        """The same tally, for checks whose names begin with `prefix`."""
        return Tally(prefix, self)

    def check(self, what, *faults):
        """One check; every fault that is not empty says what was seen instead."""
        faults = [fault for fault in faults if fault]
        if faults:
            self.whole.failed += 1
            print(f"FAIL {self.prefix}{what}: {'; '.join(faults)}", flush=True)
        else:
            self.whole.passed += 1
            print(f"ok   {self.prefix}{what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
