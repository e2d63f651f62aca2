"""Certificates for tests, made by openssl: self-signed, ECDSA P-256."""

import base64
import hashlib
import ipaddress
import subprocess

DAYS = 30

# A self-signed certificate that is no authority: a client that trusts it trusts nothing else.
REQUEST = """\
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = {name}
[extensions]
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = hash
subjectAltName = {alternatives}
"""


def write_certificate(folder, *names, days=DAYS):
    """A new `cert.pem` and `key.pem` in `folder`, put in place as a renewal does: one after the
    other. Returns the path of the certificate."""
    folder.mkdir(parents=True, exist_ok=True)
    alternatives = ", ".join(f"{kind(name)}:{name}" for name in names)
    request = REQUEST.format(name=names[0], alternatives=alternatives)
    certificate = folder / "cert.pem"
    command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", str(days), "-config", "/dev/stdin"]
    openssl(*command, "-keyout", folder / "key.pem", "-out", certificate, told=request)
    return certificate


def key_hash(folder):
    """The hash of a pair's public key, by which a browser can be told to trust it alone."""
    key = openssl("pkey", "-in", folder / "key.pem", "-pubout", "-outform", "DER")
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def kind(name):
    """How a subjectAltName calls this kind of name."""
    try:
        ipaddress.ip_address(name)
        return "IP"
    except ValueError:
        return "DNS"


def openssl(*arguments, told=""):
    """The standard output of openssl."""
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, input=told.encode(), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
