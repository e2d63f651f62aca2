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
from chromium import Chromium
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
    for scenario in (over_http, over_https, app_over_http, app_over_https):
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
def over_tls(given, folder, site, host):
    """A copy of a site in a folder of sites, and a folder of certificates: a browser, the site's
    origin, and the copy."""
    copy = folder / "sites" / host
    shutil.copytree(site, copy)
    pair = folder / "tls" / host
    write_certificate(pair, host)
    arguments = ["--sites", folder / "sites", "--tls", folder / "tls"]
    with (
        Server(given.shost, *arguments, log="combined") as server,
        # Chromium is told to trust this one key and goes on judging every other certificate.
        Chromium(given.chromium, folder / "profile", key_hash(pair)) as browser,
    ):
        yield browser, f"https://{host}:{server.port}", copy


def over_http(tally, given, folder):
    """The example site, plain HTTP."""
    with in_the_clear(given, folder, SITE, HOST) as (browser, origin):
        checks.browse(tally, browser, origin, protocol="http/1.1")


def over_https(tally, given, folder):
    """The example site, whose copy may be written to."""
    with over_tls(given, folder, SITE, HOST) as (browser, origin, copy):
        checks.browse(tally, browser, origin, protocol="h2")
        checks.freshness(tally, browser, origin, copy / "css" / "site.css")


def app_over_http(tally, given, folder):
    """The application, plain HTTP: no browser isolates a page there."""
    with in_the_clear(given, folder, APP, APP_HOST) as (browser, origin):
        rules.application(tally, browser, origin)


def app_over_https(tally, given, folder):
    """The application, with its isolated page."""
    with over_tls(given, folder, APP, APP_HOST) as (browser, origin, _):
        rules.application(tally, browser, origin)
        rules.isolated(tally, browser, origin)


class Tally:
    """Prints each check as it is made, and counts."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, *faults):
        """One check; every fault that is not empty says what was seen instead."""
        faults = [fault for fault in faults if fault]
        if faults:
            self.failed += 1
            print(f"FAIL {what}: {'; '.join(faults)}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
