"""The server under test: started on a free port, found by its `started` line, stopped by SIGTERM."""

import base64
import hashlib
import re
import signal
import subprocess
import time

START_S = 10  # a debug build on a busy machine takes its first entropy and loads the sites in well under this
STOP_S = 12  # shost promises to be gone within 10 s; the rest is the machine's
STARTED = re.compile(r"\bstarted\b.*?\bhttps?=\S*?:(\d+)")


class Server:
    """`with Server(binary, arguments, folder) as server`: `server.port` is the port it listens on."""

    def __init__(self, binary, arguments, folder):
        self.command = [binary.resolve(), "--ip", "127.0.0.1", "--port", "0", *arguments]
        self.log = folder / "server.log"
        self.port = None
        self.stop_fault = None

    def __enter__(self):
        # Files, not pipes: nobody has to read them for the server to go on.
        with open(self.log, "wb") as log, open(self.log.with_suffix(".access"), "wb") as access:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=access, stderr=log)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            started = STARTED.search(self.log.read_text(errors="replace"))
            if started:
                self.port = int(started.group(1))
                return self
            time.sleep(0.02)
        self.__exit__()
        raise RuntimeError(f"no `started` line from {self.command}: {self.log.read_text(errors='replace')!r}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
            self.stop_fault = None if code == 0 else f"exit code {code}"
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.stop_fault = f"still there {STOP_S} s after SIGTERM"


class Certificate:
    """A self-signed certificate in `folder`, as shost wants it: `cert.pem` and `key.pem`."""

    def __init__(self, folder, name):
        folder.mkdir(parents=True)
        cert, key = folder / "cert.pem", folder / "key.pem"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", key, "-out", cert,
        )
        # Chromium is told to trust this one key and goes on judging every other certificate.
        public_key = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
        self.spki_hash = base64.b64encode(hashlib.sha256(public_key).digest()).decode()


def openssl(*arguments):
    """Runs openssl; its standard output."""
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout
