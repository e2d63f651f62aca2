#!/usr/bin/env python3
"""Fetches every file of a real site over HTTP/1.1, and over HTTP/2 with TLS, and compares it byte
for byte.

    tests/real/run.py --shost target/debug/shost --site /usr/share/doc/python3-doc/html

The site is any folder; the HTML of Debian's python3-doc has about a thousand files. It is served
to HTTP/1.1 as the one site, and to HTTP/2 as a domain that is a link to it. Needs curl and openssl.
Prints one line per protocol and closes with `N passed, N failed`.
"""

import argparse
import http.client
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

HOST = "docs.test"
USER_AGENT = "shost-real-input"
START_SECONDS = 10
FETCH_SECONDS = 300


def start(shost, *arguments):
    """The server and its port, which it tells in its `started` event."""
    command = [shost, "--ip", "127.0.0.1", "--port", "0", "--log", "none", *arguments]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in server.stderr:
        found = re.search(r"\bstarted\b.*\bhttps?=\S*?:(\d+)", line)
        if found:
            return server, int(found.group(1))
    server.wait(START_SECONDS)
    sys.exit(f"{shost} did not start (exit code {server.returncode})")


def domain(folder, site):
    """The options that serve `site` as a domain over HTTPS, from folders made beneath `folder`."""
    sites, pair = folder / "sites", folder / "tls" / HOST
    sites.mkdir()
    pair.mkdir(parents=True)
    (sites / HOST).symlink_to(site)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={HOST}",
                    "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", pair / "key.pem",
                    "-out", pair / "cert.pem"], check=True, capture_output=True)
    return ["--sites", str(sites), "--tls", str(folder / "tls")], pair / "cert.pem"


def address(site, file):
    """The path that a file is served at: a folder's index is the folder itself."""
    name = "/" + file.relative_to(site).as_posix()
    if file.name == "index.html":
        name = name[: -len("index.html")]
    return urllib.parse.quote(name)


def hidden(site, file):
    """Names with a leading dot are never served."""
    return any(part.startswith(".") for part in file.relative_to(site).parts)


def over_http1(port, _, paths):
    """Bodies over one kept-alive HTTP/1.1 connection, by path; None where the status was not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    bodies = {}
    for path in paths:
        connection.request("GET", path, headers={"User-Agent": USER_AGENT})
        response = connection.getresponse()
        body = response.read()
        bodies[path] = body if response.status == 200 else None
    return bodies


def over_http2(port, certificate, paths):
    """Bodies over HTTP/2 and TLS, by path, fetched by one curl."""
    with tempfile.TemporaryDirectory() as folder:
        config = []
        for index, path in enumerate(paths):
            config.append(f'url = "https://{HOST}:{port}{path}"\noutput = "{folder}/{index}"\n')
        command = ["curl", "--silent", "--show-error", "--fail", "--cacert", certificate,
                   "--resolve", f"{HOST}:{port}:127.0.0.1", "--user-agent", USER_AGENT, "--write-out", "%{http_version} %{http_code}\n",
                   "--config", "-"]
        fetched = subprocess.run(command, input="".join(config), capture_output=True, text=True,
                                 timeout=FETCH_SECONDS)
        told = fetched.stdout.split("\n")[:-1]
        bodies = {}
        for index, path in enumerate(paths):
            file = pathlib.Path(folder, str(index))
            right = index < len(told) and told[index] == "2 200"
            # curl makes no file of an empty body.
            bodies[path] = (file.read_bytes() if file.exists() else b"") if right else None
        return bodies


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--shost", required=True)
    arguments.add_argument("--site", required=True, type=pathlib.Path)
    arguments = arguments.parse_args()
    site = arguments.site.resolve()
    files = [file for file in sorted(site.rglob("*")) if file.is_file() and not hidden(site, file)]
    # A link that leaves the folder is not served, on purpose.
    files = [file for file in files if file.resolve().is_relative_to(site)]
    if len(files) < 100:
        sys.exit(f"{site}: only {len(files)} files, which is no real site")
    paths = {address(site, file): file for file in files}
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        options, certificate = domain(pathlib.Path(folder), site)
        rows = [("HTTP/1.1", over_http1, [str(site)]), ("HTTP/2", over_http2, options)]
        for protocol, fetch, options in rows:
            server, port = start(arguments.shost, *options)
            try:
                bodies = fetch(port, certificate, list(paths))
            finally:
                server.terminate()
                code = server.wait(START_SECONDS)
            if code != 0:
                sys.exit(f"the server ended with {code}")
            wrong = [path for path, file in paths.items() if bodies[path] != file.read_bytes()]
            failed += len(wrong)
            print(f"{protocol}: {len(paths) - len(wrong)} of {len(paths)} files the same", *wrong[:5])
    print(f"{2 * len(paths) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
