#!/usr/bin/env python3
"""Fetches every file of a real site over HTTP/1.1, and over HTTP/2 with TLS, and compares it byte
for byte.

    tests/system/corpus/run.py --shost target/debug/shost --site /usr/share/doc/python3-doc/html

The site is any folder; the HTML of Debian's python3-doc has about a thousand files. It is served
to HTTP/1.1 as the one site, and to HTTP/2 as a domain that is a link to it. Needs curl and openssl.
Prints one line per protocol and closes with `N passed, N failed`.
"""

import argparse
import pathlib
import sys
import tempfile
import urllib.parse

sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lib.certificate import write_certificate
from lib.client import Client, curl
from lib.server import Server

HOST = "docs.test"


def domain(folder, site):
    """The options that serve `site` as a domain over HTTPS, from folders made beneath `folder`."""
    sites = folder / "sites"
    sites.mkdir()
    (sites / HOST).symlink_to(site)
    certificate = write_certificate(folder / "tls" / HOST, HOST)
    return ["--sites", sites, "--tls", folder / "tls"], certificate


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
    """Bodies over one HTTP/1.1 connection, by path; None where the status was not 200."""
    bodies = {}
    with Client(port) as client:
        for path in paths:
            status, _, body = client.ask(path)
            bodies[path] = body if status == 200 else None
    return bodies


def over_http2(port, certificate, paths):
    """Bodies over HTTP/2 and TLS, by path, fetched by one curl."""
    with tempfile.TemporaryDirectory() as folder:
        config = []
        for index, path in enumerate(paths):
            config.append(f'url = "https://{HOST}:{port}{path}"\noutput = "{folder}/{index}"\n')
        options = ["--fail", "--cacert", certificate, "--write-out"]
        options += ["%{http_version} %{http_code}\n", "--config", "-"]
        told = curl(port, *options, name=HOST, told="".join(config).encode())
        told = told.decode().split("\n")[:-1]
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
        rows = [("HTTP/1.1", over_http1, [site]), ("HTTP/2", over_http2, options)]
        for protocol, fetch, options in rows:
            with Server(arguments.shost, *options) as server:
                bodies = fetch(server.port, certificate, list(paths))
            wrong = [path for path, file in paths.items() if bodies[path] != file.read_bytes()]
            failed += len(wrong)
            print(
                f"{protocol}: {len(paths) - len(wrong)} of {len(paths)} files the same", *wrong[:5]
            )
    print(f"{2 * len(paths) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
