"""A client of HTTP/3 over aioquic, which knows nothing of shost: it keeps the time and the socket
itself, so that it can go on from another port or look at each datagram."""

import select
import socket
import time

from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    StopSendingReceived,
    StreamReset,
)
from lib.client import ANSWER_SECONDS, DOMAIN, USER_AGENT

WINDOW = 16 * 1024 * 1024
DATAGRAM_BYTES = 65536


class Http(H3Connection):
    """HTTP/3 that knows that an answer to HEAD has no content, however long it says this is
    (RFC 9110 §8.6); to aioquic 1.7 it is malformed."""

    def __init__(self, quic):
        super().__init__(quic)
        self.heads = set()

    def _check_content_length(self, stream):
        if stream.stream_id not in self.heads:
            super()._check_content_length(stream)


class Client:
    """One connection. What has come of an answer is in `answers` by stream."""

    def __init__(self, port, certificate, ticket=None, **options):
        configuration = QuicConfiguration(
            alpn_protocols=H3_ALPN,
            server_name=DOMAIN,
            session_ticket=ticket,
            max_data=WINDOW,
            max_stream_data=WINDOW,
            **options,
        )
        configuration.load_verify_locations(cafile=str(certificate))
        self.address = ("127.0.0.1", port)
        self.tickets, self.answers = [], {}
        # The events that there is one of, and codes of streams that were given up or not wanted.
        self.handshake, self.ended, self.given_up, self.unwanted = None, None, {}, {}
        # The first byte of each datagram, which tells the type of its first packet.
        self.first_bytes = []
        self.socket = elsewhere()
        self.quic = QuicConnection(
            configuration=configuration, session_ticket_handler=self.tickets.append
        )
        self.quic.connect(self.address, now=time.time())
        self.http = Http(self.quic)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.ended is None:
            self.quic.close()
            self.send()
        self.socket.close()

    def move(self):
        """Goes on from another port."""
        self.socket.close()
        self.socket = elsewhere()

    def send(self):
        """Sends what there is to send."""
        for datagram, address in self.quic.datagrams_to_send(now=time.time()):
            self.socket.sendto(datagram, address)

    def step(self):
        """Sends, and takes what comes until the next moment that counts."""
        self.send()
        due = self.quic.get_timer()
        wait = ANSWER_SECONDS if due is None else max(0, due - time.time())
        if select.select([self.socket], [], [], wait)[0]:
            datagram, address = self.socket.recvfrom(DATAGRAM_BYTES)
            self.first_bytes.append(datagram[0])
            self.quic.receive_datagram(datagram, address, now=time.time())
        if due is not None and time.time() >= due:
            self.quic.handle_timer(now=time.time())
        while event := self.quic.next_event():
            self.note(event)
        # aioquic tells of it when its own timers for the end have run out.
        self.ended = self.ended or self.quic._close_event

    def note(self, event):
        """Notes what has happened."""
        match event:
            case HandshakeCompleted():
                self.handshake = event
            case ConnectionTerminated():
                self.ended = event
            case StreamReset():
                self.given_up[event.stream_id] = event.error_code
            case StopSendingReceived():
                self.unwanted[event.stream_id] = event.error_code
        for told in self.http.handle_event(event):
            if isinstance(told, (HeadersReceived, DataReceived)):
                self.answers.setdefault(told.stream_id, Answer()).take(told)

    def until(self, what, done):
        """Waits for something to be so."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise RuntimeError(f"it took too long: {what}; {self.ended}")
            self.step()

    def shake_hands(self):
        """Waits for the end of the handshake."""
        self.until("the handshake", lambda: self.handshake or self.ended)
        if self.ended:
            raise RuntimeError(f"no handshake: {self.ended}")
        return self

    def ask(self, path="/", method="GET", **fields):
        """Sends a request; the number of its stream. A field's name has `_` where `-` belongs."""
        head = {":method": method, ":scheme": "https", ":authority": DOMAIN, ":path": path}
        head |= {"user-agent": USER_AGENT}
        head |= {name.replace("_", "-"): value for name, value in fields.items()}
        stream = self.quic.get_next_available_stream_id()
        if method == "HEAD":
            self.http.heads.add(stream)
        encoded = [(name.encode(), value.encode()) for name, value in head.items()]
        self.http.send_headers(stream, encoded, end_stream=True)
        return stream

    def answer(self, stream):
        """Waits for an answer."""

        def is_over():
            answer = self.answers.get(stream)
            return self.ended or stream in self.given_up or (answer and answer.is_whole)

        self.until(f"the answer on stream {stream}", is_over)
        answer = self.answers.get(stream)
        if not answer or not answer.is_whole:
            raise RuntimeError(f"no answer on stream {stream}: {self.ended or self.given_up}")
        return answer

    def get(self, path="/", **fields):
        """Asks, and waits for the answer."""
        return self.answer(self.ask(path, **fields))


class Answer:
    """Status, fields and content, as far as they have come."""

    def __init__(self):
        self.status, self.fields, self.content, self.is_whole = None, {}, b"", False
        self.pieces = []

    def take(self, event):
        """Takes a part of it."""
        if isinstance(event, HeadersReceived):
            self.fields = {name.decode(): value.decode() for name, value in event.headers}
            self.status = int(self.fields.pop(":status"))
        else:
            self.pieces.append(event.data)
        if event.stream_ended:
            self.content, self.is_whole = b"".join(self.pieces), True


def elsewhere():
    """A socket at a port that is free."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    # Some of what comes at once would not fit into the usual one.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
    return opened
