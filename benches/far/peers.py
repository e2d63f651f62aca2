"""Other servers at the far end of the line, each with what its guide says for files over TLS.

Each says, as shost does, that a page is asked for anew: without that a browser takes what has
been the same for long for granted, and nothing is measured.

A server that has no HTTP/3 is asked over HTTP/2 alone: which of them has, its build decides.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import time

START_S = 20
STOP_S = 5
TYPES = "text/css text/plain application/javascript text/javascript image/svg+xml application/json"

NGINX = """
daemon off;
user root;
pid {work}/pid;
error_log {work}/error.log error;
worker_processes 2;
events {{ worker_connections 1024; }}
http {{
    types {{
        text/html html; text/css css; text/javascript js; image/svg+xml svg; image/png png;
        image/jpeg jpg; image/webp webp; font/woff2 woff2; application/json json;
    }}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65;
    client_body_temp_path {work}/body; proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi; uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_session_cache shared:sessions:4m;
    gzip on;
    gzip_vary on;
    gzip_comp_level 5;
    gzip_types {types};
    server {{
        listen {address}:{port} ssl;
        {quic}
        http2 on;
        server_name {host};
        root {root};
        add_header Cache-Control no-cache;
    }}
}}
"""
# What a build with its module for HTTP/3 has in addition.
NGINX_QUIC = "listen {address}:{port} quic reuseport; http3 on; ssl_early_data on;"

H2O = """
user: root
num-threads: 2
pid-file: {work}/pid
error-log: {work}/error.log
compress: [br, gzip]
ssl-session-resumption:
  mode: all
listen: &tls
  host: {address}
  port: {port}
  ssl: &ssl
    certificate-file: {certificate}
    key-file: {key}
    minimum-version: TLSv1.2
    neverbleed: OFF
    ocsp-update-interval: 0
hosts:
  "{host}:{port}":
    listen:
      - <<: *tls
      - host: {address}
        port: {port}
        type: quic
        ssl: *ssl
    paths:
      "/":
        file.dir: {root}
        header.set: "Cache-Control: no-cache"
"""

CADDY = """
{{
	admin off
	auto_https off
}}
https://{host}:{port} {{
	bind {address}
	tls {certificate} {key}
	root * {root}
	header Cache-Control no-cache
	encode zstd gzip
	file_server
}}
"""


class Peer:
    """`with Peer(name, …) as started:` is the server `name` at the far end."""

    def __init__(self, name, place, launcher, host, address, port):
        self.name, self.launcher, self.at = name, launcher, (address, port)
        work = place / name
        work.mkdir(exist_ok=True)
        self.configuration = work / "configuration"
        quic = NGINX_QUIC if "http3" in protocols("nginx") else ""
        settings = {
            "work": work,
            "certificate": place / "tls" / host / "cert.pem",
            "key": place / "tls" / host / "key.pem",
            "root": place / "sites" / host,
            "types": TYPES,
            "address": address,
            "port": port,
            "host": host,
            "quic": quic.format(address=address, port=port),
        }
        template = {"nginx": NGINX, "h2o": H2O, "caddy": CADDY}[name]
        self.configuration.write_text(template.format(**settings))
        self.work = work

    def __enter__(self):
        words = {
            "nginx": ["nginx", "-c", self.configuration, "-p", self.work],
            "h2o": ["h2o", "-c", self.configuration],
            "caddy": ["caddy", "run", "--config", self.configuration, "--adapter", "caddyfile"],
        }[self.name]
        self.log = (self.work / "log").open("wb")
        command = [str(word) for word in (*self.launcher, *words)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        until = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(self.at, START_S):
                return self
            if self.process.poll() is not None or time.monotonic() > until:
                said = (self.work / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} does not start: {said}")
            time.sleep(0.05)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def protocols(name):
    """What the program says that it has beside HTTP/2; nothing if it is not installed."""
    if not shutil.which(name):
        return ""
    if name != "nginx":
        return "http3"
    said = subprocess.run([name, "-V"], capture_output=True, text=True, check=False)
    return "http3" if "http_v3_module" in said.stderr else ""
