"""Clients of the server: one that keeps its connection, sockets as they are, h2load and curl."""

import http.client
import re
import socket
import ssl
import subprocess

DOMAIN = "a.test"
USER_AGENT = "shost-test"
# One answer on a machine that is busy with other things.
ANSWER_SECONDS = 30
# A whole site, file by file.
FETCH_SECONDS = 300


class Client:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, port, tls=False, name=DOMAIN):
        self.name = name
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        # Connected here: a connection that the server closes is not made anew in silence.
        self.connection.sock = shake_hands(port, name, "http/1.1") if tls else connect(port)
        self.connection.auto_open = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection."""
        self.connection.close()

    def ask(self, target, host=None, method="GET", **fields):
        """Status, fields and content of one answer; a field's name has `_` where `-` belongs."""
        named = {"Host": host or self.name, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        named.update({name.replace("_", "-"): value for name, value in fields.items()})
        self.connection.request(method, target, headers=named)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()


def connect(port, receive_buffer=None):
    """A connection in the clear."""
    plain = socket.socket()
    plain.settimeout(ANSWER_SECONDS)
    if receive_buffer:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.connect(("127.0.0.1", port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def trusting(*protocols, certificate=None):
    """What a TLS client needs to know: the certificate that it trusts, or none and any will do."""
    if certificate is None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=certificate)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def shake_hands(port, name=DOMAIN, *protocols, receive_buffer=None):
    """A connection over TLS that offers these protocols."""
    plain = connect(port, receive_buffer)
    return trusting(*protocols).wrap_socket(plain, server_hostname=name)


def get(target="/", name=DOMAIN, fields=""):
    """A GET as bytes; `fields` are whole lines."""
    head = f"GET {target} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {USER_AGENT}\r\n{fields}\r\n"
    return head.encode()


def last_answer(stream, name=DOMAIN):
    """Asks for the index, and reads until the server closes."""
    stream.sendall(get(name=name, fields="Connection: close\r\n"))
    answer = b""
    while part := stream.recv(65536):
        answer += part
    return answer


# Sessions belong to the context they were made in.
RESUMING = trusting()


def resume(port, session=None, name=DOMAIN):
    """One TLS connection and one answer over it: the session's ticket, and whether it resumed."""
    wrapped = RESUMING.wrap_socket(connect(port), server_hostname=name, session=session)
    with wrapped as stream:
        reused = stream.session_reused
        last_answer(stream, name)
        # The ticket comes with the first bytes of the server.
        return stream.session, reused


def h2load(url, port, *options):
    """Runs h2load against the loopback and returns its process; it tells no certificate apart."""
    command = ["h2load", f"--connect-to=127.0.0.1:{port}", *map(str, options)]
    if url is not None:
        command.append(url)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def succeeded(report):
    """How many requests h2load was told to make, and how many were answered with 2xx or 3xx."""
    found = re.search(r"requests: (\d+) total, .*?(\d+) succeeded, (\d+) failed", report)
    if not found:
        raise RuntimeError("h2load made no report: " + report)
    return int(found.group(1)), int(found.group(2))


def curl(port, *options, name=DOMAIN, told=None):
    """What curl makes of it: its standard output; `told` is its configuration."""
    command = ["curl", "--silent", "--show-error", "--resolve", f"{name}:{port}:127.0.0.1"]
    command += ["--user-agent", USER_AGENT, *map(str, options)]
    return subprocess.run(
        command, input=told, capture_output=True, timeout=FETCH_SECONDS, check=False
    ).stdout
