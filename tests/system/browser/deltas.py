"""What a browser makes of pages that are coded with a page that it has (RFC 9842)."""

import time

from checks import fields_of

# Chromium takes a dictionary only from a host whose certificate is of a public authority.
ANY_AUTHORITY = "--disable-features=CompressionDictionaryTransportRequireKnownRootCert"
# A page that has to be asked for each time is a dictionary only by the lifetime in its offer.
BY_OFFER = "--enable-features=CompressionDictionaryTTL"
# Or by its own.
RULES = "\n/guide/*\n  Cache-Control: max-age=600\n"

WITHIN_S = 20
FIRST, SECOND = "/guide/deploy", "/guide/https"


def deltas(tally, browser, origin, copy):
    """The second page of a folder, and a changed one, are shown as they lie there."""

    def comes_by_dictionary(what, path, changed):
        file = copy / f"{path[1:]}.html"
        for number in attempts():
            # A query of its own, since the browser would go on with the answer that it has stored.
            query = f"{path}?{changed}{number}"
            coding, content = answer(browser, origin + query)
            if coding == "dcz":
                same = content == file.read_text()
                tally.check(f"https: {what} is decoded", not same and f"{content!r}")
                return
        tally.check(f"https: {what} is decoded", f"it came as {coding} for {WITHIN_S} s")

    answer(browser, origin + FIRST)
    comes_by_dictionary("a page that is coded with another", SECOND, "at-first")
    page = copy / f"{FIRST[1:]}.html"
    page.write_text(page.read_text().replace("</main>", "<p>Changed.</p></main>"))
    comes_by_dictionary("a page that has changed", FIRST, "changed")


def attempts():
    """Numbers, for as long as the server may take to make a form."""
    end = time.monotonic() + WITHIN_S
    number = 0
    while time.monotonic() < end:
        yield number
        number += 1


def answer(browser, address):
    """The coding of a page, as it was on the wire, and its content as the browser has it."""
    events = browser.record("Page.navigate", url=address)
    for method, params in events:
        if method == "Network.responseReceived" and params["response"]["url"] == address:
            body = browser.call("Network.getResponseBody", requestId=params["requestId"])["body"]
            return fields_of(params["response"]).get("content-encoding"), body
    raise RuntimeError(f"no answer for {address}")
