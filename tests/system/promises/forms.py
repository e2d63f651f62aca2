"""Codings, tags and ranges of a real page, decoded by curl."""

import time

from lib.client import DOMAIN, curl
from lib.server import Server

CODINGS = {"zstd": "-zst", "br": "-br", "gzip": "-gz"}
PAGE_BYTES = 200_000
# A form is made in the background; a debug build takes a second for the slowest.
MADE_SECONDS = 10
RANGES = 50


def page():
    """Text whose every part differs from every other."""
    lines = (f"<p>line {number}: {number * 2654435761 % 2**32:x}\n" for number in range(10**6))
    text = ""
    while len(text) < PAGE_BYTES:
        text += next(lines)
    return text[:PAGE_BYTES].encode()


def decoded(server, coding):
    """The page as curl decodes it."""
    url = f"http://{DOMAIN}:{server.port}/page.html"
    return curl(server.port, "--compressed", "--header", f"Accept-Encoding: {coding}", url)


def forms(shost, folder):
    """Each coding decodes to the file and has its own tag; ranges are of the identity."""
    site, content = folder / "sites" / DOMAIN, page()
    site.mkdir(parents=True)
    (site / "page.html").write_bytes(content)
    with Server(shost, "--sites", folder / "sites") as server:
        client = server.client()
        tags = {"identity": client.ask("/page.html")[1]["ETag"]}
        same, sizes = 0, []
        for coding in CODINGS:
            until = time.monotonic() + MADE_SECONDS
            fields = {}
            while fields.get("Content-Encoding") != coding and time.monotonic() < until:
                _, fields, body = client.ask("/page.html", Accept_Encoding=coding)
            tags[coding] = fields["ETag"]
            sizes.append(f"{coding} {len(body)}")
            same += fields.get("Content-Encoding") == coding and decoded(server, coding) == content
        yield (
            same == len(CODINGS),
            (
                f"{same} of {len(CODINGS)} codings decode to the file of "
                f"{PAGE_BYTES} bytes: {', '.join(sizes)}"
            ),
        )
        right = [
            client.ask("/page.html", Accept_Encoding=coding, If_None_Match=tag)
            for tag in tags.values()
            for coding in ["identity", *CODINGS]
        ]
        good = sum(status == 304 for status, _, _ in right)
        yield (
            good == len(right) and len(set(tags.values())) == len(tags),
            (
                f"{len(set(tags.values()))} tags, asked for with every coding: "
                f"{good} of {len(right)} are 304"
            ),
        )
        exact = 0
        for number in range(RANGES):
            first, coding = number * PAGE_BYTES // RANGES, list(CODINGS)[number % len(CODINGS)]
            status, fields, body = client.ask(
                "/page.html", Accept_Encoding=coding, Range=f"bytes={first}-{first + 999}"
            )
            exact += (status, body) == (206, content[first : first + 1000]) and (
                "Content-Encoding" not in fields
            )
        yield (
            exact == RANGES,
            f"{exact} of {RANGES} ranges with a coding accepted are bytes of identity",
        )
