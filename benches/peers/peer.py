"""The servers: how each is configured, started, checked and stopped."""

import contextlib
import dataclasses
import getpass
import http.client
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import time
import zlib

import content
from meter import Tree

START_S = 20  # Caddy on a busy machine needs a few seconds
STOP_S = 60  # after that a server is killed, and the counts of a profile are lost
CONNECTIONS = 8192  # what the configurations allow at a time
CODED_S = 10  # a server may compress in the background and answer uncompressed until it has
TEMPLATES = pathlib.Path(__file__).parent / "servers"

# Every server listens in the clear, over TLS, and in the clear with compression of its own; those
# that have rules listen over TLS for a site with rules as well. Who has HTTP/3 listens for it on
# the port of TLS.
LISTENERS = ("plain", "tls", "coded")
ENCRYPTED = ("tls", "ruled", "quic")


@dataclasses.dataclass(frozen=True)
class Program:
    """A process of a peer. `@name@` in the command and the template stands for a setting."""

    command: str
    listeners: tuple
    template: str | None = None
    settings: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Peer:
    """A server to measure."""

    name: str
    executable: str
    install: str
    programs: tuple
    version: str = "--version"
    logs: bool = False
    compresses_everywhere: bool = False
    # How its configuration asks for HTTP/3, and a word in what it says of itself if it was built
    # with it; neither if it always has it.
    http3: tuple | None = None
    # The only workloads that it takes part in.
    workloads: tuple = ()


NGINX = Program(
    "nginx -c @configuration@ -p @work@",
    (*LISTENERS, "ruled"),
    "nginx.conf",
    {"access_log": "off"},
)
SWS = "static-web-server -w @configuration@"
SWS_TEMPLATE = "static-web-server.toml"
SWS_PLAIN = {"port": "@plain@", "encrypted": "false", "compression": "false"}
SWS_TLS = {"port": "@tls@", "encrypted": "true", "compression": "false"}
SWS_CODED = {"port": "@coded@", "encrypted": "false", "compression": "true"}
SHOST_PLAIN = "--sites @sites@ --ip 127.0.0.1 --port @plain@ --log @format@"
SHOST_TLS = "--sites @sites@ --tls @tls_folder@ --ip 127.0.0.1 --port @tls@ --log none"
SHOST_RULED = "--sites @ruled_sites@ --tls @tls_folder@ --ip 127.0.0.1 --port @ruled@ --log none"


def shost(executable):
    """The programs of shost without a log."""
    return (
        Program(f"{executable} {SHOST_PLAIN}", ("plain", "coded"), settings={"format": "none"}),
        Program(f"{executable} {SHOST_TLS}", ("tls",)),
        Program(f"{executable} {SHOST_RULED}", ("ruled",)),
    )


# A listener for HTTP/3, as each configuration names it.
ITSELF = ("", "")
NGINX_HTTP3 = ("listen 127.0.0.1:@tls@ quic reuseport; http3 on; quic_gso on;", "http_v3_module")
H2O_HTTP3 = ("- {type: quic, host: 127.0.0.1, port: @tls@, ssl: *tls}", "fusion:")

PEERS = [
    Peer(
        "shost",
        "@shost@",
        "container/static",
        shost("@shost@"),
        compresses_everywhere=True,
        http3=ITSELF,
    ),
    # Another build of shost, such as the one before a change.
    Peer(
        "before",
        "@before@",
        "--before PROGRAM",
        shost("@before@"),
        compresses_everywhere=True,
        http3=ITSELF,
    ),
    Peer("nginx", "nginx", "apt-get install nginx", (NGINX,), "-v", http3=NGINX_HTTP3),
    Peer(
        "h2o",
        "h2o",
        "apt-get install h2o",
        (Program("h2o -c @configuration@", LISTENERS, "h2o.yaml"),),
        http3=H2O_HTTP3,
    ),
    Peer(
        "lighttpd",
        "lighttpd",
        "apt-get install lighttpd lighttpd-mod-openssl lighttpd-mod-deflate",
        (Program("lighttpd -D -f @configuration@", LISTENERS, "lighttpd.conf"),),
        "-v",
    ),
    Peer(
        "static-web-server",
        "static-web-server",
        "cargo install static-web-server",
        (
            Program(SWS, ("plain",), SWS_TEMPLATE, SWS_PLAIN),
            Program(SWS, ("tls",), SWS_TEMPLATE, SWS_TLS),
            Program(SWS, ("coded",), SWS_TEMPLATE, SWS_CODED),
        ),
    ),
    Peer(
        "caddy",
        "caddy",
        "apt-get install caddy",
        (
            Program(
                "caddy run --config @configuration@ --adapter caddyfile", LISTENERS, "Caddyfile"
            ),
        ),
        "version",
        http3=ITSELF,
    ),
    # The same service, with hyper in place of our own HTTP/1 and HTTP/2.
    Peer(
        "hyper",
        "@hyper@",
        "nothing, it is built here",
        (
            Program(
                "@hyper@ @sites@ @certificate@ @key@ @plain@ @tls@",
                ("plain", "tls"),
            ),
        ),
        "",
        compresses_everywhere=True,
    ),
    # Not a server: what the machine allows.
    Peer(
        "limit",
        "@limit@",
        "nothing, it is built here",
        (Program("@limit@ @www@ @certificate@ @key@ @plain@ @tls@", ("plain", "tls")),),
        "",
        workloads=("h1-1k", "h1-20k", "tls-1k", "tls-20k", "304", "fresh", "neighbour"),
    ),
    Peer(
        "shost, log on",
        "@shost@",
        "container/static",
        (Program(f"@shost@ {SHOST_PLAIN}", ("plain", "coded"), settings={"format": "combined"}),),
        logs=True,
        compresses_everywhere=True,
    ),
    Peer(
        "nginx, log on",
        "nginx",
        "apt-get install nginx",
        (dataclasses.replace(NGINX, settings={"access_log": "@work@/access.log"}),),
        "-v",
        logs=True,
    ),
]


class Server:
    """A peer that runs, pinned to a core."""

    def __init__(self, peer, site, built, work, core):
        self.peer, self.name, self.core = peer, peer.name, core
        self.site = site
        self.work = work / re.sub(r"\W+", "-", peer.name)
        (self.work / "deflate").mkdir(parents=True, exist_ok=True)
        listeners = [name for program in peer.programs for name in program.listeners]
        self.ports = dict(zip(listeners, free_ports(len(listeners)), strict=True))
        if peer.compresses_everywhere:
            self.ports["coded"] = self.ports["plain"]
        if has_http3(peer, built):
            self.ports["quic"] = self.ports["tls"]
        self.settings = {
            **built,
            "sites": site.sites,
            "ruled_sites": site.ruled_sites,
            "tls_folder": site.tls,
            "www": site.www,
            "certificate": site.certificate,
            "key": site.key,
            "work": self.work,
            "lifetimes": content.NGINX_LIFETIMES,
            "rewrites": content.NGINX_REWRITES,
            "user": getpass.getuser(),
            "files": cached_files(),
            "http3": peer.http3[0] if "quic" in self.ports else "",
            **self.ports,
        }
        self.processes = {}

    def start(self):
        """Starts every program, and waits until all listen."""
        for number, program in enumerate(self.peer.programs):
            settings = self.settings | program.settings
            if program.template:
                settings["configuration"] = self.work / f"{number}-{program.template}"
                template = (TEMPLATES / program.template).read_text()
                settings["configuration"].write_text(fill(template, settings))
            command = ["taskset", "-c", self.core, *fill(program.command, settings).split()]
            with open(self.work / "output", "ab") as out, open(self.work / "errors", "ab") as err:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                    env=os.environ | {"HOME": str(self.work), "XDG_DATA_HOME": str(self.work)},
                )
            for listener in program.listeners:
                self.processes[listener] = process
        if self.has("quic"):
            self.processes["quic"] = self.processes["tls"]
        deadline = time.monotonic() + START_S
        while not all(listens(port) for port in self.ports.values()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not listen; see {self.work}/errors")
            time.sleep(0.1)

    def stop(self):
        """Ends every program and all that it started."""
        for process in set(self.processes.values()):
            end_group(process)
        self.processes = {}

    def has(self, listener):
        return listener in self.ports

    def tree(self, listener):
        """The processes behind a listener."""
        return Tree(self.processes[listener].pid)

    def trees(self):
        return [Tree(process.pid) for process in set(self.processes.values())]

    def authority(self, listener):
        """The host and port that clients name."""
        return f"localhost:{self.ports[listener]}"

    def get(self, path, listener="plain", **fields):
        """One GET; gives the response and its content."""
        port = self.ports[listener]
        if listener in ENCRYPTED:
            context = ssl.create_default_context(cafile=self.site.certificate)
            connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=context)
        else:
            connection = http.client.HTTPConnection("localhost", port, timeout=20)
        fields = {"User-Agent": "bench-peers", "Accept-Encoding": "identity", **fields}
        with contextlib.closing(connection):
            connection.request("GET", path, headers=fields)
            response = connection.getresponse()
            return response, response.read()

    def faults(self):
        """What it answers otherwise than the files say; nothing, if its figures may be compared."""
        paths = ["/1k.html", "/20k.html", "/text.html", "/page/", "/many/00/000.html"]
        faults = []
        for listener in self.ports:
            for path in paths:
                faults += self.fault(listener, path)
            if self.get("/missing", listener)[0].status != 404:
                faults.append(f"{listener}: no 404")
        return faults

    def fault(self, listener, path):
        response, content = self.get(path, listener)
        file = self.site.www / (path.lstrip("/") + ("index.html" if path.endswith("/") else ""))
        if response.status != 200 or content != file.read_bytes():
            yield f"{listener}{path}: {response.status}, {len(content)} bytes"
        tag = response.getheader("ETag")
        if tag and self.get(path, listener, **{"If-None-Match": tag})[0].status != 304:
            yield f"{listener}{path}: no 304"

    def coding(self, path, accept):
        """The content coding that it gives, once it has one; checks the content of gzip."""
        deadline = time.monotonic() + CODED_S
        response, content = self.get(path, "coded", **{"Accept-Encoding": accept})
        while not response.getheader("Content-Encoding") and time.monotonic() < deadline:
            time.sleep(0.1)
            response, content = self.get(path, "coded", **{"Accept-Encoding": accept})
        coding = response.getheader("Content-Encoding") or "identity"
        plain = zlib.decompress(content, wbits=31) if coding == "gzip" else None
        if plain is not None and plain != (self.site.www / path.lstrip("/")).read_bytes():
            raise RuntimeError(f"{self.name}: {path} is not the same after gzip")
        return coding, len(content)


def cached_files():
    """How many files a server may keep open: all descriptors but those of connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1000, min(100_000, hard - CONNECTIONS - 1000))


def has_http3(peer, built):
    """Whether this build of a peer has HTTP/3: not every one of nginx's and h2o's does."""
    if peer.http3 is None:
        return False
    if not peer.http3[1]:
        return True
    told = [
        subprocess.run([find(peer, built), option], capture_output=True, text=True, check=False)
        for option in ("-V", "--version")
    ]
    return any(peer.http3[1] in done.stdout + done.stderr for done in told)


def find(peer, built):
    """The executable of a peer, which may have been built; `None` if it has to be installed."""
    return shutil.which(fill(peer.executable, built))


def version(peer, built):
    """What a peer calls itself."""
    if not peer.version:
        return ""
    command = [find(peer, built), peer.version]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout.strip() or done.stderr.strip()
    number = re.search(r"\d+\.\d+(\.\d+)?", text.splitlines()[0] if text else "")
    return number[0] if number else "?"


def fill(text, settings):
    """Puts the settings into a template; a setting's value may name others."""
    for _ in range(2):
        text = re.sub(r"@(\w+)@", lambda match: str(settings.get(match[1], match[0])), text)
    return text


def free_ports(count):
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for entry in sockets:
            entry.bind(("127.0.0.1", 0))
        return [entry.getsockname()[1] for entry in sockets]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def end_group(process):
    """Ends a process that leads a group, and the group with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
