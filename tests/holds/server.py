"""The server under measure, and clients that ask it."""

import http.client
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

DOMAIN = "a.test"
USER_AGENT = "shost-holds"
# A start reads every certificate and opens every site: far below this on any machine.
START_SECONDS = 10
# One answer on a machine that is busy with other things.
ANSWER_SECONDS = 30


class Server:
    """A running server; ends with the `with` block it is made in."""

    def __init__(self, shost, *options, log="none", output=subprocess.DEVNULL, launcher=()):
        command = [*launcher, shost, "--ip", "127.0.0.1", "--port", "0", "--log", log]
        self.process = subprocess.Popen([*command, *map(str, options)], stdout=output,
                                        stderr=subprocess.PIPE, text=True)
        self.events = []
        self.arrived = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()
        started = self.event(lambda line: "started" in line.split()[:3])
        self.port = int(re.search(r"\bhttps?=\S*?:(\d+)", started).group(1))
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(START_SECONDS + 5)

    def _collect(self):
        for line in self.process.stderr:
            with self.arrived:
                self.events.append(line.rstrip())
                self.arrived.notify_all()

    def event(self, wanted, since=0):
        """Waits for the first event from number `since` on that is `wanted`."""
        until = time.monotonic() + START_SECONDS
        with self.arrived:
            while True:
                for line in self.events[since:]:
                    if wanted(line):
                        return line
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the event did not come: " + "\n".join(self.events))
                self.arrived.wait(0.1)

    def reload(self):
        """Sends SIGHUP and waits for the line that says what came of it."""
        since = len(self.events)
        self.process.send_signal(signal.SIGHUP)
        return self.event(lambda line: "reload" in line.lower() or "ERROR" in line, since)

    def memory(self, field="VmRSS"):
        """Resident memory in KiB: now, or with `VmHWM` the most there ever was."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE).group(1))

    def client(self):
        """A kept-alive connection in the clear."""
        return Client(self.port)


class Client:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, target, host=DOMAIN, **fields):
        """Status, fields and content of one answer."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        named.setdefault("Accept-Encoding", "identity")
        self.connection.request("GET", target, headers={"Host": host, "User-Agent": USER_AGENT,
                                                        **named})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()


def shake_hands(port, session=None, name=DOMAIN):
    """One TLS connection and one answer over it: the session's ticket, and whether it resumed."""
    context = shake_hands.context
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as plain:
        with context.wrap_socket(plain, server_hostname=name, session=session) as stream:
            reused = stream.session_reused
            stream.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: {USER_AGENT}\r\n"
                           "Connection: close\r\n\r\n".encode())
            while stream.recv(65536):
                pass
            # The ticket comes with the first bytes of the server.
            return stream.session, reused


# Sessions belong to the context they were made in; the certificates are nobody's.
shake_hands.context = ssl.create_default_context()
shake_hands.context.check_hostname = False
shake_hands.context.verify_mode = ssl.CERT_NONE


def write_certificate(folder, name):
    """A new pair for `name`, put in place as a renewal does: key and chain one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)


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
