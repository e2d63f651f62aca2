"""What a visit must show: every answer good, of the right type, and nothing to complain about."""

import os
import pathlib
import time
import urllib.parse

FRESH_S = 0.15  # a change is promised to be seen within 100 ms; the rest is for a busy machine
MISSING = "/no/such/page"
MISSING_TITLE = "Not in this folder"

# The media types a browser, a feed reader or an installer relies on, by the end of the path.
MEDIA_TYPES = {
    ".css": {"text/css"},
    ".js": {"text/javascript"},
    ".svg": {"image/svg+xml"},
    ".png": {"image/png"},
    ".ico": {"image/x-icon", "image/vnd.microsoft.icon"},
    ".xml": {"application/atom+xml", "application/xml", "text/xml"},
    ".txt": {"text/plain"},
    ".webmanifest": {"application/manifest+json"},
}
PAGE_TYPES = {"text/html"}
UTF8_TYPES = ("text/", "image/svg+xml")

# Browsers take zstd and Brotli over TLS only: middle boxes used to break what they did not know.
CODINGS = {"http": "gzip", "https": "zstd"}

# Every address the page points to: its links, and those of crawlers, feed readers and installers.
ADDRESSES = """[...document.querySelectorAll("a[href], link[href]")]
    .map(element => element.href.split("#")[0])
    .filter(address => address.startsWith(location.origin + "/"))"""


def browse(tally, browser, origin, protocol):
    """Visits every page that can be reached from `/`, then the ways a page is asked for by name."""
    scheme = origin.split(":")[0]
    visited = crawl(tally, browser, origin, protocol)
    paths = {address.removeprefix(origin) for address in visited}
    expected = {"/", "/about", "/guide/", "/guide/deploy", "/guide/https", "/feed.xml"}
    lacking = expected - paths
    tally.check(
        f"{scheme}: the links from / lead everywhere", lacking and f"not reached: {sorted(lacking)}"
    )
    fetched(tally, browser, origin, "/robots.txt")
    missing_page(tally, browser, origin)
    revalidation(tally, browser, origin)
    compression(tally, browser, origin)


def crawl(tally, browser, origin, protocol):
    """Follows links from `/` until none is new; the addresses seen."""
    scheme = origin.split(":")[0]
    seen, waiting = set(), [origin + "/"]
    while waiting:
        address = waiting.pop(0)
        if address in seen:
            continue
        seen.add(address)
        path = address.removeprefix(origin)
        if pathlib.PurePosixPath(path).suffix:
            fetched(tally, browser, origin, path)
            continue
        visit = Visit(browser.record("Page.navigate", url=address))
        tally.check(f"{scheme}: {path} and what it loads", *visit.faults(address, protocol))
        tally.check(f"{scheme}: {path} has no broken picture", broken_pictures(browser))
        waiting += browser.evaluate(ADDRESSES)
    return seen


def fetched(tally, browser, origin, path):
    """A file that no page shows by itself: asked for from the open page."""
    visit = Visit(
        browser.record(
            "Runtime.evaluate", awaitPromise=True, expression=f"fetch('{path}').then(r => r.text())"
        )
    )
    tally.check(f"{origin.split(':')[0]}: {path} can be fetched", *visit.faults(origin + path))


def missing_page(tally, browser, origin):
    """A path without a file shows the site's own page, whole, with the status 404."""
    scheme = origin.split(":")[0]
    address = origin + MISSING
    visit = Visit(browser.record("Page.navigate", url=address))
    status = visit.statuses.get(address)
    tally.check(f"{scheme}: {MISSING} has the status 404", status != 404 and f"status {status}")
    heading = browser.evaluate("document.querySelector('h1')?.textContent")
    tally.check(
        f"{scheme}: {MISSING} shows the site's page",
        heading != MISSING_TITLE and f"heading {heading!r}",
    )
    # The status is meant to be 404, so the browser's own remark about it is too.
    faults = [fault for fault in visit.faults(address) if address not in fault]
    tally.check(f"{scheme}: {MISSING} loads what it needs", *faults)


def revalidation(tally, browser, origin):
    """A second look at an unchanged page costs no content."""
    browser.record("Page.navigate", url=origin + "/about")
    visit = Visit(browser.record("Page.reload"))
    for path in ("/about", "/css/site.css", "/js/site.js"):
        status = visit.statuses.get(origin + path)
        tally.check(
            f"{origin.split(':')[0]}: a reload of {path} is answered 304",
            status != 304 and f"status {status}",
        )


def compression(tally, browser, origin):
    """By now text is compressed, with the best coding that the browser takes on this scheme."""
    scheme = origin.split(":")[0]
    visit = Visit(browser.record("Page.reload", ignoreCache=True))
    for path in ("/about", "/css/site.css", "/js/site.js"):
        coding = visit.codings.get(origin + path)
        tally.check(
            f"{scheme}: {path} comes in {CODINGS[scheme]}",
            coding != CODINGS[scheme] and f"coding {coding}",
        )


def freshness(tally, browser, origin, stylesheet):
    """A stylesheet that is rewritten while its page is open: the next reload shows it."""
    original = stylesheet.read_text()
    browser.record("Page.navigate", url=origin + "/")
    for what, colour, keeps_time in (
        ("a rewritten stylesheet", "rgb(1, 2, 3)", False),
        ("one of the same size and time", "rgb(3, 2, 1)", True),
    ):
        before = stylesheet.stat()
        stylesheet.write_text(f"{original}\nbody {{ background: {colour}; }}\n")
        if keeps_time:
            os.utime(stylesheet, ns=(before.st_atime_ns, before.st_mtime_ns))
        time.sleep(FRESH_S)
        browser.record("Page.reload")
        shown = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        tally.check(
            f"https: {what} shows after a reload", shown != colour and f"{shown}, not {colour}"
        )


def broken_pictures(browser):
    """The addresses of pictures that were loaded and could not be drawn."""
    return browser.evaluate(
        "[...document.images].filter(image => !image.complete || !image.naturalWidth)"
        ".map(image => image.src).join(', ')"
    )


class Visit:
    """The answers and complaints that one visit brought."""

    def __init__(self, events):
        self.responses = [
            params["response"] for method, params in events if method == "Network.responseReceived"
        ]
        self.codings = {
            response["url"]: fields_of(response).get("content-encoding")
            for response in self.responses
        }
        self.complaints = [complaint for event in events if (complaint := complaint_of(*event))]
        sent = {
            p["requestId"]: p["request"]["url"]
            for method, p in events
            if method == "Network.requestWillBeSent"
        }
        self.statuses = {response["url"]: response["status"] for response in self.responses}
        for method, params in events:
            # `responseReceived` shows a revalidated answer as the stored 200; this event has the
            # status on the wire.
            if method == "Network.responseReceivedExtraInfo" and params["requestId"] in sent:
                self.statuses[sent[params["requestId"]]] = params["statusCode"]
            if method == "Network.loadingFailed":
                self.complaints.append(
                    f"{sent.get(params['requestId'])} failed: {params['errorText']}"
                )

    def faults(self, address, protocol=None):
        """Everything that is not as it should be."""
        faults = list(self.complaints)
        if address not in self.statuses:
            faults.append(f"no answer for {address}, only for {sorted(self.statuses)}")
        for url, status in self.statuses.items():
            if status not in (200, 304):
                faults.append(f"{url} has the status {status}")
        for response in self.responses:
            # A 304 states no type: the browser goes on with the one it stored, which was checked
            # when it came.
            if self.statuses[response["url"]] != 304:
                faults += type_faults(response)
            if protocol and not response.get("fromDiskCache") and response["protocol"] != protocol:
                faults.append(f"{response['url']} came over {response['protocol']}, not {protocol}")
        return faults


def type_faults(response):
    """A fault if the Content-Type is not that of the path, or lacks the charset of a text."""
    url = response["url"]
    suffix = pathlib.PurePosixPath(urllib.parse.urlsplit(url).path).suffix
    stated = fields_of(response).get("content-type", "")
    media_type = stated.split(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES.get(suffix, PAGE_TYPES):
        return [f"{url} has the type {stated!r}"]
    if media_type.startswith(UTF8_TYPES) and "charset=utf-8" not in stated.lower():
        return [f"{url} is {stated!r}, without charset=utf-8"]
    return []


def fields_of(response):
    """The fields of an answer by their names in lower case."""
    return {name.lower(): value for name, value in response["headers"].items()}


def complaint_of(method, params):
    """What the browser has to say on its console at the level of a warning or above."""
    if method == "Runtime.exceptionThrown":
        return f"exception: {params['exceptionDetails']['text']}"
    if method == "Runtime.consoleAPICalled" and params["type"] in ("warning", "error", "assert"):
        return f"console: {[argument.get('value') for argument in params['args']]}"
    if method == "Log.entryAdded" and params["entry"]["level"] in ("warning", "error"):
        return f"console: {params['entry']['text']} {params['entry'].get('url', '')}"
    return None
