"""HTTP/2 written by hand (RFC 9113): frames, and requests without a coded word in them."""

import struct

from .client import DOMAIN, USER_AGENT

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
CANCEL = 8
INITIAL_WINDOW_SIZE = 4
WIDEST_WINDOW = 2**31 - 1
FIRST_WINDOW = 65_535
HEAD_BYTES = 9


def frame(kind, flags=0, stream=0, payload=b""):
    """One frame (RFC 9113 §4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(values=()):
    """SETTINGS with these pairs of a number and a value."""
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in values))


def window_update(stream, by):
    """More room: for a stream, or for the connection if it is 0."""
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", by))


def preface(values=()):
    """A client's first bytes, with its settings."""
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings(values)


def literal(name, value):
    """A field that nobody is to remember, its words as they are (RFC 7541 §6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def get(stream=1, target="/", name=DOMAIN, **fields):
    """A whole request."""
    block = b"\x82\x86" + literal(b":authority", name.encode()) + literal(b":path", target.encode())
    named = {"user_agent": USER_AGENT} | fields
    for field, value in named.items():
        block += literal(field.replace("_", "-").encode(), value.encode())
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, block)


def reset(stream):
    """Nobody waits for this answer any more."""
    return frame(RST_STREAM, stream=stream, payload=struct.pack(">I", CANCEL))


def split(buffer):
    """The whole frames at the beginning, as (kind, flags, stream, payload), and what is left."""
    found = []
    while len(buffer) >= HEAD_BYTES:
        end = HEAD_BYTES + int.from_bytes(buffer[:3], "big")
        if len(buffer) < end:
            break
        kind, flags, stream = struct.unpack(">BBI", buffer[3:HEAD_BYTES])
        found.append((kind, flags, stream, buffer[HEAD_BYTES:end]))
        buffer = buffer[end:]
    return found, buffer
