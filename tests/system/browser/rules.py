"""What a browser makes of a site with rules: a single-page application, and an isolated page."""

from checks import Visit

SHOWN = "document.querySelector('main')?.textContent"
BACK = """new Promise(done => {
    addEventListener("popstate", () => done(true), { once: true });
    history.back();
})"""
NOT_ISOLATED = "Cross-Origin-Opener-Policy header has been ignored"
ASSET = "/app.1a2b3c4d.js"  # of the release before, which an open page may still ask for


def application(tally, browser, origin):
    """One document for every path, with history; a missing asset stays missing."""
    scheme = origin.split(":")[0]

    def shows(what, path):
        shown = browser.evaluate(SHOWN)
        tally.check(f"{scheme}: {what} shows {path}", shown != f"At {path}" and f"{shown!r}")

    def answers(what, events, path):
        faults = Visit(events).faults(f"{origin}{path}")
        # The browser says that it isolates no page over plain HTTP, and is right.
        faults = [fault for fault in faults if scheme == "https" or NOT_ISOLATED not in fault]
        tally.check(f"{scheme}: {what} answers", *faults)

    deep = "/notes/7?from=mail"
    answers("a deep link", browser.record("Page.navigate", url=origin + deep), deep)
    shows("a deep link", "/notes/7")
    browser.evaluate("document.querySelector('a').click()")
    shows("a link of the page", "/notes/8")
    answers("a reload there", browser.record("Page.reload"), "/notes/8")
    shows("a reload", "/notes/8")
    browser.evaluate(BACK)
    shows("the way back", "/notes/7")
    browser.record("Page.navigate", url=f"{origin}/old-notes/9")
    shows("a redirect", "/notes/9")
    # A name with a dot is a page all the same to who asks for one.
    browser.record("Page.navigate", url=f"{origin}/notes/john.doe")
    shows("a path with a dot", "/notes/john.doe")
    status = browser.evaluate(f"fetch('{ASSET}').then(answer => answer.status)")
    tally.check(f"{scheme}: a missing asset is 404", status != 404 and f"status {status}")


def isolated(tally, browser, origin):
    """A page that may share memory with its workers."""
    address = f"{origin}/isolated"
    visit = Visit(browser.record("Page.navigate", url=address))
    tally.check("https: an isolated page and what it loads", *visit.faults(address))
    is_isolated = browser.evaluate("crossOriginIsolated")
    tally.check("https: it is isolated", not is_isolated and "crossOriginIsolated is false")
    shared = browser.evaluate("share()")
    tally.check("https: it shares memory with a worker", shared != 42 and f"{shared!r}, not 42")
