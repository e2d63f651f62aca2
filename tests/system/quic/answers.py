"""Answers in the eyes of aioquic, which decodes them and minds the rules of RFC 9114."""

import zlib

from client import Client

STREAMS, ASKED = 100, 400  # as many as may be open, and as are asked for one behind the other


def is_(found, expected):
    """The fault, if something is not as it should be."""
    return None if found == expected else f"{found!r:.200}, not {expected!r:.200}"


def methods(world, server):
    """GET, HEAD, and what there is not."""
    with Client(server.port, world.certificate) as client:
        answer = client.get("/")
        yield is_((answer.status, answer.content), (200, world.page)), "a page"
        yield is_(answer.fields["content-type"], "text/html; charset=utf-8"), "and its type"
        answer = client.get("/small.bin", method="HEAD")
        length = str(len(world.small))
        head = (answer.status, answer.fields["content-length"], answer.content)
        yield is_(head, (200, length, b"")), "HEAD"
        yield is_(client.get("/nothing").status, 404), "a path that leads to nothing"
        yield is_(client.get("/", method="POST").status, 405), "POST"
        yield is_(client.get("/", method="OPTIONS").status, 204), "OPTIONS"
    lines = world.log.so_many(5)
    others = [line for line in lines if " HTTP/3 " not in line or "TLSv1.3" not in line]
    yield others, "the log names HTTP/3 and TLS 1.3"


def conditions(world, server):
    """A representation that the client has."""
    with Client(server.port, world.certificate) as client:
        tag = client.get("/small.bin").fields["etag"]
        answer = client.get("/small.bin", if_none_match=tag)
        known = (answer.status, answer.content, answer.fields["etag"])
        yield is_(known, (304, b"", tag)), "304 for one that is known"
        yield is_(client.get("/small.bin", if_none_match='"x"').status, 200), "200 for another"
        yield is_(client.get("/small.bin", if_match='"x"').status, 412), "412"


def ranges(world, server):
    """Parts of a small file and of a large one."""
    with Client(server.port, world.certificate) as client:
        for path, whole in (("/small.bin", world.small), ("/large.bin", world.large)):
            answer = client.get(path, range="bytes=1000-4999")
            part = (answer.status, answer.content, answer.fields["content-range"])
            expected = (206, whole[1000:5000], f"bytes 1000-4999/{len(whole)}")
            yield is_(part, expected), f"a range of {path}"
            answer = client.get(path, range="bytes=-5")
            yield is_((answer.status, answer.content), (206, whole[-5:])), f"the end of {path}"
            answer = client.get(path, range=f"bytes={len(whole)}-")
            yield is_(answer.status, 416), f"a range behind {path}"


def codings(world, server):
    """A page that is coded, once it has been."""
    with Client(server.port, world.certificate) as client:

        def coded():
            answer = client.get("/", accept_encoding="gzip")
            return answer.fields.get("content-encoding") == "gzip" and answer

        client.until("a coded form", coded)
        content = zlib.decompress(coded().content, wbits=zlib.MAX_WBITS | 16)
        yield is_(content, world.page), "a page in gzip"


def many_streams(world, server):
    """As many streams as may be at once, and more one behind the other."""
    with Client(server.port, world.certificate) as client:
        client.shake_hands()
        asked = [client.ask("/small.bin") for _ in range(STREAMS)]
        whole = sum(client.answer(stream).content == world.small for stream in asked)
        yield is_(whole, STREAMS), f"{STREAMS} streams at once"
        asked = [client.ask("/") for _ in range(ASKED)]
        whole = sum(client.answer(stream).content == world.page for stream in asked)
        yield is_(whole, ASKED), f"{ASKED} that wait for streams to be free"


def large_file(world, server):
    """A file that is streamed, with a small one asked for meanwhile."""
    with Client(server.port, world.certificate) as client:
        large = client.ask("/large.bin", priority="u=5")
        client.until("its beginning", lambda: large in client.answers)
        small = client.get("/small.bin", priority="u=0")
        overtaken = not client.answers[large].is_whole
        yield is_(small.content, world.small), "a small file beside a large one"
        yield is_(overtaken, True), "which comes first"
        yield is_(client.answer(large).content == world.large, True), "a large file"
