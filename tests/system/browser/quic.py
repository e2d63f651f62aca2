"""HTTP/3 in a browser: visits over forced QUIC, one that goes on from an earlier connection, and
the way there by Alt-Svc. The server's log says over which protocol a request came."""

import array
import time
import wave

from chromium import ANSWER_S

# Media that a browser asks for in ranges: a minute of silence.
SILENCE = "silence.wav"
SECONDS, RATE, BYTES = 60, 8_000, 2
# Near the end, far behind what a player fetches at first.
SEEK = f"""new Promise((seen, failed) => {{
    const player = new Audio("/{SILENCE}");
    player.onloadedmetadata = () => player.currentTime = player.duration - 1;
    player.onseeked = () => seen(player.currentTime);
    player.onerror = () => failed(player.error.message);
    player.preload = "metadata";
    player.load();
}})"""
PROTOCOL = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
SOCKETS = "chrome://net-internals/#sockets"


# Certificates of no known authority are taken over QUIC of hosts that are named here, at any port.
ANOTHER_PORT = 1


def flags(host, port):
    """Flags with which Chromium speaks QUIC, with this host and port from the first request on."""
    return ["--enable-quic", f"--origin-to-force-quic-on={host}:{port}"]


def write_silence(path):
    """A recording of nothing."""
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(BYTES)
        recording.setframerate(RATE)
        recording.writeframes(array.array("h", [0] * (SECONDS * RATE)).tobytes())


def forced(tally, browser, origin, log):
    """Everything came over HTTP/3, by what the server says."""
    others = [line for line in log.lines() if " HTTP/3 " not in line]
    tally.check("quic: every request came over HTTP/3", others and f"{others[0]} and others")
    since = len(log.lines())
    browser.record("Page.navigate", url=origin + "/")
    time_ = browser.evaluate(SEEK)
    tally.check("quic: a recording is sought in", time_ < SECONDS - 2 and f"at {time_}")
    log.line("206 GET ", SILENCE, " HTTP/3 ", since=since)


def comes_back(tally, browser, origin, log):
    """A visit after the connections were ended asks before its handshake has: at the latest by the
    time that a browser on a busy machine is quicker than a handshake on the loopback."""
    until = time.monotonic() + ANSWER_S
    line = ""
    while "+early" not in line and time.monotonic() < until:
        end_connections(browser)
        since = len(log.lines())
        browser.record("Page.navigate", url=origin + "/about")
        line = log.line(" /about ", since=since)
    tally.check("quic: who comes back asks at once", "+early" not in line and line)
    shown = browser.evaluate("document.querySelector('h1')?.textContent")
    tally.check("quic: and sees the page", not shown and "no heading")


def end_connections(browser):
    """Ends every connection of the browser, which keeps what it knows of servers."""
    browser.record("Page.navigate", url=SOCKETS)
    browser.evaluate("chrome.send('flushSocketPools')")


def offered(tally, browser, origin, log):
    """A browser that nobody told comes over TCP, and takes up the offer."""
    browser.record("Page.navigate", url=origin + "/")
    first = browser.evaluate(PROTOCOL)
    tally.check("quic: the first page comes over TCP", first != "h2" and first)
    until = time.monotonic() + ANSWER_S
    # The offer is tried beside what is there already; the first that answers is used.
    while (protocol := browser.evaluate(PROTOCOL)) != "h3" and time.monotonic() < until:
        end_connections(browser)
        browser.record("Page.navigate", url=origin + "/about")
    tally.check("quic: a later one over QUIC, as was offered", protocol != "h3" and protocol)
    log.line(" /about ", " HTTP/3 ")
