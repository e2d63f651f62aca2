"""Errors of a client, and the codes that it hears of them (RFC 9114 §8.1, RFC 9000 §20.1)."""

from answers import is_
from client import Client

CONTROL, ENCODER, DECODER, REQUEST = 2, 6, 10, 0
OURS = 3
STREAM_LIMIT_ERROR = 0x4
BEYOND_LIMITS = 4 * 1000
# HEADERS of GET https://a.test/, of the static table but for the authority.
GET = bytes.fromhex("01 0d 0000 d1 d7 c1 50 06") + b"a.test"


def frame(kind, payload=b""):
    """A frame of a type and length below 64."""
    return bytes([kind, len(payload)]) + payload


# A stream, what is sent on it behind what aioquic has sent, and the code.
CLOSED = {
    "content before a head": (REQUEST, frame(0, b"x"), 0x105),
    "SETTINGS on a request's stream": (REQUEST, frame(4), 0x105),
    "GOAWAY on a request's stream": (REQUEST, GET + frame(7, b"\0"), 0x105),
    "PING of HTTP/2": (REQUEST, frame(6, b"12345678"), 0x105),
    "a section that needs a table": (REQUEST, frame(1, b"\x02\0\x80"), 0x200),
    "SETTINGS again": (CONTROL, frame(4), 0x105),
    "DATA on the control stream": (CONTROL, frame(0), 0x105),
    "GOAWAY of nothing": (CONTROL, frame(7), 0x106),
    "GOAWAY of more than before": (CONTROL, frame(7, b"\0") + frame(7, b"\1"), 0x108),
    "MAX_PUSH_ID of less": (CONTROL, frame(13, b"\1") + frame(13, b"\0"), 0x108),
    "CANCEL_PUSH of any": (CONTROL, frame(3, b"\0"), 0x108),
    "an insertion": (ENCODER, b"\x41a\x01b", 0x201),
    "an acknowledgement": (DECODER, b"\x80", 0x202),
    "a second control stream": (14, b"\0", 0x103),
    "a push": (14, b"\1", 0x103),
}


def closed(world, server):
    """Errors that end the connection."""
    for name, (stream, sent, code) in CLOSED.items():
        client = Client(server.port, world.certificate).shake_hands()
        client.quic.send_stream_data(stream, sent)
        yield is_(code_of(client), code), name
    yield is_(code_of(end_of_control(world, server)), 0x104), "the end of the control stream"
    yield is_(code_of(stop_of_ours(world, server)), 0x104), "an order to end ours"
    code = code_of(beyond_limits(world, server))
    yield is_(code, STREAM_LIMIT_ERROR), "a stream beyond the limit"


def code_of(client):
    """The code with which the server ends a connection."""
    with client:
        client.until("the end", lambda: client.ended)
        return client.ended.error_code


def end_of_control(world, server):
    """A client that ends its control stream."""
    client = Client(server.port, world.certificate).shake_hands()
    client.quic.send_stream_data(CONTROL, b"", end_stream=True)
    return client


def stop_of_ours(world, server):
    """A client that asks the server to end its control stream."""
    client = Client(server.port, world.certificate)
    client.get("/")
    client.quic.stop_stream(OURS, 0)
    return client


def beyond_limits(world, server):
    """A client that opens a stream which it may not."""
    client = Client(server.port, world.certificate).shake_hands()
    # aioquic minds the limit itself, unless it believes another.
    client.quic._remote_max_streams_bidi = BEYOND_LIMITS
    client.quic.send_stream_data(BEYOND_LIMITS - 4, GET)
    return client


def given_up(world, server):
    """Errors that cost one stream."""
    for name, sent, code in (
        ("a request without a path", frame(1, b"\0\0\xd1\xd7\x50\x06a.test"), 0x10E),
        ("a request without a head", b"", 0x10D),
    ):
        with Client(server.port, world.certificate) as client:
            client.shake_hands().quic.send_stream_data(REQUEST, sent, end_stream=True)
            client.until("an error", lambda client=client: client.given_up or client.ended)
            yield is_(client.given_up.get(REQUEST), code), name
            yield is_(client.get("/").content, world.page), "and the connection goes on"
    with Client(server.port, world.certificate) as client:
        client.shake_hands()
        client.quic.send_stream_data(14, b"\x21any")
        client.until("an order to stop", lambda: client.unwanted or client.ended)
        yield is_(client.unwanted, {14: 0x103}), "a stream of an unknown type is not read"
        broken_off = client.ask("/large.bin")
        client.until("its beginning", lambda: broken_off in client.answers)
        client.quic.stop_stream(broken_off, 0x10C)
        yield is_(client.get("/small.bin").content, world.small), "an answer that is broken off"
