"""Connections: early data, keys and ports that change, versions, Retry and the end."""

import contextlib
import signal

from answers import is_
from client import Client

# A version that nobody speaks (RFC 9000 §15), and the first one.
RESERVED, FIRST = 0x1A2A3A4A, 1
LONG_HEADER, RETRY = 0x80, 3
# So many handshakes may wait before who comes next has to show where it is.
HALF_OPEN = 64
NO_ERROR = 0x100


def ticket(world, server):
    """A session to come back with."""
    with Client(server.port, world.certificate) as client:
        client.get("/")
        client.until("a ticket", lambda: client.tickets)
        return client.tickets[0]


def resumption(world, server):
    """A client that comes back asks before its handshake has ended."""
    known = ticket(world, server)
    with Client(server.port, world.certificate, known) as client:
        answer = client.get("/small.bin")
        yield is_(answer.content, world.small), "a request in early data"
        told = client.handshake
        yield is_((told.session_resumed, told.early_data_accepted), (True, True)), "it was taken"
    # Lines of two connections may change places.
    early = sum("TLSv1.3+early" in line for line in world.log.so_many(2))
    yield is_(early, 1), "and the log says so"
    with Client(server.port, world.certificate, known) as client:
        yield is_(client.get("/small.bin").content, world.small), "the same ticket again"
        yield is_(client.handshake.early_data_accepted, False), "its early data is not taken"


def early_posts(world, server):
    """What is not to be repeated has to wait (RFC 8470)."""
    with Client(server.port, world.certificate, ticket(world, server)) as client:
        yield is_(client.get("/", method="POST").status, 425), "425 for POST in early data"
        yield is_(client.get("/", method="POST").status, 405), "and not after it"


def key_updates(world, server):
    """New keys in the middle of a connection, twice (RFC 9001 §6)."""
    with Client(server.port, world.certificate) as client:
        client.get("/")
        for update in ("first", "second"):
            client.quic.request_key_update()
            answers = [client.get("/small.bin").content == world.small for _ in range(3)]
            yield is_(answers, [True] * 3), f"after the {update} update of keys"
        large = client.ask("/large.bin")
        client.until("its beginning", lambda: large in client.answers)
        client.quic.request_key_update()
        yield is_(client.answer(large).content == world.large, True), "and within an answer"


def migration(world, server):
    """A client that goes on from another port (RFC 9000 §9), with another connection ID or not."""
    with Client(server.port, world.certificate) as client:
        client.get("/")
        client.move()
        yield is_(client.get("/small.bin").content, world.small), "a new port"
        client.move()
        client.quic.change_connection_id()
        yield is_(client.get("/small.bin").content, world.small), "with a new connection ID"
        large = client.ask("/large.bin")
        client.until("its beginning", lambda: large in client.answers)
        client.move()
        client.quic.change_connection_id()
        client.quic.send_ping(1)
        yield is_(client.answer(large).content == world.large, True), "within an answer"


def versions(world, server):
    """Version negotiation (RFC 9000 §6)."""
    options = {"supported_versions": [RESERVED, FIRST], "original_version": RESERVED}
    with Client(server.port, world.certificate, **options) as client:
        yield is_(client.get("/").content, world.page), "a version that nobody speaks comes first"
    with Client(server.port, world.certificate, supported_versions=[RESERVED]) as client:
        client.until("the end", lambda: client.ended)
        reason = client.ended.reason_phrase
        yield is_(reason, "Could not find a common protocol version"), "and alone"


def retry(world, server):
    """Where many handshakes wait, a client has to show where it is (RFC 9000 §8.1.2)."""
    with contextlib.ExitStack() as waiting:
        for _ in range(2 * HALF_OPEN):
            waiting.enter_context(Client(server.port, world.certificate)).send()
        client = waiting.enter_context(Client(server.port, world.certificate))
        yield is_(client.get("/").content, world.page), "a page behind many handshakes"
        first = client.first_bytes[0]
        yield is_((first & LONG_HEADER, first >> 4 & 3), (LONG_HEADER, RETRY)), "by way of Retry"


def stop(world, server):
    """SIGTERM: what is in flight is finished, and the client told."""
    with Client(server.port, world.certificate) as client:
        client.get("/")
        large = client.ask("/large.bin")
        client.until("its beginning", lambda: large in client.answers)
        server.process.send_signal(signal.SIGTERM)
        yield is_(client.answer(large).content == world.large, True), "an answer during a stop"
        client.until("the end", lambda: client.ended)
        yield is_(client.ended.error_code, NO_ERROR), "and then H3_NO_ERROR"
