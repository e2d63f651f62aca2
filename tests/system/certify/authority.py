"""Certificate authorities for tests: pebble, and a proxy in front of it that does what a real one
may do on a bad day, or knows what pebble does not (RFC 9773)."""

import base64
import http.client
import http.server
import json
import os
import socket
import socketserver
import ssl
import subprocess
import threading
import time

from lib.certificate import openssl

START_SECONDS = 20
MANAGEMENT = 15000
DNS = 8053
CHALLENGES = 8055


def make_keys(folder):
    """An authority for the HTTPS of the authorities themselves, and their certificate."""
    root, key = folder / "ca.pem", folder / "ca.key"
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", key, "-out", root, "-days", 3650, "-subj", "/CN=ca")
    request = folder / "ca.csr"
    openssl("req", *new, "-keyout", folder / "ca-server.key", "-out", request, "-subj", "/CN=x")
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signing = ["-CA", root, "-CAkey", key, "-CAcreateserial", "-days", 3650, "-extfile", names]
    openssl("x509", "-req", "-in", request, *signing, "-out", folder / "ca-server.pem")


def wait_for(port):
    """Waits until somebody listens."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


class Pebble:
    """pebble, which ends with the block. Names lead to 127.0.0.1, as far as it knows."""

    def __init__(self, folder, port=14000, binding=None):
        self.folder, self.port, self.binding = folder, port, binding
        self.directory = f"https://localhost:{port}/dir"
        self.process = None

    def __enter__(self):
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.port + MANAGEMENT - 14000}",
            "certificate": str(self.folder / "ca-server.pem"),
            "privateKey": str(self.folder / "ca-server.key"),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": self.binding is not None,
            "externalAccountMACKeys": self.binding or {},
        }
        path = self.folder / f"pebble-{self.port}.json"
        path.write_text(json.dumps({"pebble": config}))
        environment = dict(os.environ, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="0")
        environment["PEBBLE_AUTHZREUSE"] = "0"
        log = open(self.folder / f"pebble-{self.port}.log", "ab")
        command = ["pebble", "-config", path, "-dnsserver", f"127.0.0.1:{DNS}"]
        self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_for(self.port)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(START_SECONDS)

    def root(self):
        """The root certificate that its certificates lead to; a new one with each start."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        port = self.port + MANAGEMENT - 14000
        connection = http.client.HTTPSConnection("localhost", port, context=context)
        connection.request("GET", "/roots/0")
        path = self.folder / "root.pem"
        path.write_bytes(connection.getresponse().read())
        return path


class Names:
    """pebble's own DNS, which ends with the block."""

    def __enter__(self):
        command = ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""]
        command += ["-dns01", f"127.0.0.1:{DNS}", "-management", f"127.0.0.1:{CHALLENGES}"]
        command += ["-http01", "", "-https01", "", "-tlsalpn01", ""]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
        wait_for(CHALLENGES)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(START_SECONDS)


class Fault:
    """What is done to one request instead of passing it on, or to one answer."""

    def __init__(self, status, body, **fields):
        self.status, self.body, self.fields = status, body, fields

    @staticmethod
    def problem(status, kind, **fields):
        """A problem document (RFC 8555 §6.7)."""
        body = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": "as the test wants it"}
        return Fault(status, json.dumps(body).encode(), **fields)


class Proxy:
    """Passes requests on to pebble, save those that `judge` has a fault for: it is called with the
    number of the request, its method and its path, and may also do something else in between."""

    def __init__(self, folder, pebble, port=14100):
        self.folder, self.pebble, self.port = folder, pebble, port
        self.directory = f"https://localhost:{port}/dir"
        self.judge = lambda *_: None
        # The window that is suggested for renewals, and what was replaced.
        self.window, self.replaced = None, []
        self.seen = []

    def __enter__(self):
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                proxy.answer(self)

            do_HEAD = do_POST = do_GET  # noqa: N815 (the library's names)

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "ca-server.pem", self.folder / "ca-server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def forget(self):
        """Counts requests anew, and passes all of them on."""
        self.seen, self.replaced = [], []
        self.judge = lambda *_: None

    def answer(self, handler):
        """Answers one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.seen.append((handler.command, handler.path))
        fault = self.judge(len(self.seen), handler.command, handler.path)
        if fault == "cut":
            handler.close_connection = True
            handler.connection.close()
            return
        if fault is None and handler.path.startswith("/renewal/"):
            fault = self.renewal()
        if fault is not None:
            self.send(handler, fault.status, fault.fields, fault.body)
            return
        self.send(handler, *self.passed_on(handler, body))

    def passed_on(self, handler, body):
        """What pebble makes of a request, with what it does not know added."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        connection = http.client.HTTPSConnection("localhost", self.pebble.port, context=context)
        connection.request(handler.command, handler.path, body, dict(handler.headers))
        answer = connection.getresponse()
        text = answer.read()
        if handler.path == "/dir" and self.window:
            listed = json.loads(text)
            listed["renewalInfo"] = f"https://localhost:{self.port}/renewal"
            text = json.dumps(listed).encode()
        if handler.path == "/order-plz" and answer.status == 201:
            wish = json.loads(body)["payload"]
            wish = json.loads(base64.urlsafe_b64decode(wish + "=" * (-len(wish) % 4)))
            if "replaces" in wish:
                self.replaced.append(wish["replaces"])
                text = json.dumps(dict(json.loads(text), replaces=wish["replaces"])).encode()
        dropped = {"content-length", "transfer-encoding", "connection"}
        fields = {name: value for name, value in answer.getheaders() if name.lower() not in dropped}
        return answer.status, fields, text

    def renewal(self):
        """The suggested window (RFC 9773 §4.2)."""
        if not self.window:
            return Fault.problem(404, "malformed")
        times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in self.window]
        window = {"suggestedWindow": dict(zip(("start", "end"), times, strict=True))}
        return Fault(200, json.dumps(window).encode(), Retry_After="21600")

    @staticmethod
    def send(handler, status, fields, body):
        """Sends an answer."""
        handler.send_response(status)
        for name, value in fields.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
