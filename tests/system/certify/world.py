"""What certify runs in: folders, a server on port 80, names that lead to it, and an authority."""

import contextlib
import os
import pathlib
import stat
import subprocess
import time

from lib.certificate import openssl
from lib.server import Server

RUN_SECONDS = 120
# The server's group, which owns the folder of certificates and nothing else.
GROUP = 65532
DAY = 24 * 60 * 60


class Run:
    """How one run of certify went."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def __str__(self):
        return f"exit {self.code} after {self.seconds:.1f} s: {self.out.strip()} {self.err.strip()}"


class World:
    """Folders of sites, certificates and state below `folder`."""

    def __init__(self, shost, folder, authority, *sites):
        self.shost, self.folder, self.authority = shost, folder, authority
        self.sites, self.tls, self.state = (folder / name for name in ("sites", "tls", "state"))
        for path in (self.sites, self.tls):
            path.mkdir()
        os.chown(self.tls, 0, GROUP)
        self.tls.chmod(0o750)
        for site in sites:
            self.site(site)

    def site(self, name):
        """A new site."""
        (self.sites / name).mkdir()
        (self.sites / name / "index.html").write_text(name)

    @contextlib.contextmanager
    def server(self):
        """The server on ports 80 and 443, without a certificate if there is none yet."""
        options = ["--sites", self.sites, "--tls", self.tls, "--http-port", "80"]
        with Server(self.shost, *options, port=443) as server:
            server.event(lambda line: "started" in line.split()[:3])
            yield server

    def command(self, *options):
        """The words of a run."""
        keys = self.authority.folder / "ca.pem"
        words = [self.shost, "certify", "--sites", self.sites, "--tls", self.tls]
        words += ["--state", self.state, "--acme-ca", keys, "--agree-terms"]
        if "--acme-directory" not in options:
            words += ["--acme-directory", self.authority.directory]
        return [str(word) for word in (*words, *options)]

    def certify(self, *options, launcher=(), environment=None):
        """One run."""
        began = time.monotonic()
        done = subprocess.run(
            [*map(str, launcher), *self.command(*options)],
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            env=dict(os.environ, **(environment or {})),
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def pair(self, name):
        """The serial number of the certificate for a name, if its pair is whole and safe."""
        folder = self.tls / name
        certificate, key = folder / "cert.pem", folder / "key.pem"
        if not folder.exists():
            return None
        of_key = openssl("pkey", "-in", key, "-pubout")
        of_certificate = openssl("x509", "-in", certificate, "-noout", "-pubkey")
        if of_key != of_certificate:
            raise AssertionError(f"{name}: half a pair")
        for path in folder.iterdir():
            facts = path.stat()
            if stat.S_IMODE(facts.st_mode) != 0o640 or facts.st_gid != GROUP:
                raise AssertionError(f"{path}: mode {facts.st_mode:o}, group {facts.st_gid}")
        if stat.S_IMODE(folder.stat().st_mode) != 0o750 or folder.stat().st_gid != GROUP:
            raise AssertionError(f"{folder}: not only for the server's group")
        return openssl("x509", "-in", certificate, "-noout", "-serial").decode().strip()

    def litter(self):
        """What a run should have taken away."""
        left = [path.name for path in self.tls.glob(".certify-*")]
        return left + [path.name for path in self.tls.glob(".acme-challenge/*")]


def lead_here(folder, *names):
    """Lets these names lead to 127.0.0.1, for this mount namespace; a name with an address leads
    there. No other name is known to anybody."""
    hosts = folder / "hosts"
    lines = [name if " " in name else f"127.0.0.1 {name}" for name in names]
    hosts.write_text("127.0.0.1 localhost\n" + "\n".join(lines) + "\n")


def take_names(folder):
    """Puts files of our own in the place of the machine's names, for this mount namespace."""
    lead_here(folder)
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    for name in ("hosts", "resolv.conf", "nsswitch.conf"):
        path = pathlib.Path("/etc") / name
        if path.exists():
            subprocess.run(["mount", "--bind", folder / name, path.resolve()], check=True)
