"""load.py CA SECONDS: asks for example.com without a pause and prints what came of it.

Every failure counts, save one that clients must expect: a kept-alive connection that the server
has closed while it was idle. It is counted apart, and the request is sent again on a new one.
"""

import http.client
import json
import ssl
import sys
import threading
import time

HOST = "example.com"
PATIENCE_SECONDS = 60
PAUSE_SECONDS = 0.002


class Worker(threading.Thread):
    """One client: keeps its connection or makes a new one for each request."""

    def __init__(self, context, until, kept, tls):
        super().__init__()
        self.context, self.until, self.kept, self.tls = context, until, kept, tls
        self.requests = self.reconnects = 0
        self.slowest = 0.0
        self.failures = []

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection(HOST, timeout=PATIENCE_SECONDS, context=self.context)
        return http.client.HTTPConnection(HOST, timeout=PATIENCE_SECONDS)

    def ask(self, connection):
        connection.request("GET", "/", headers={"User-Agent": "load"})
        answer = connection.getresponse()
        body = answer.read()
        wanted = 200 if self.tls else 301
        if answer.status != wanted or (self.tls and b"Hello" not in body):
            raise RuntimeError(f"status {answer.status}, {len(body)} bytes")
        if not self.kept or answer.will_close:
            connection.close()
            return None
        return connection

    def once(self, connection):
        """One request, on the kept connection if there is one."""
        if connection is not None:
            try:
                return self.ask(connection)
            except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError):
                connection.close()
                self.reconnects += 1
        return self.ask(self.connect())

    def run(self):
        connection = None
        while time.monotonic() < self.until:
            start = time.monotonic()
            try:
                connection = self.once(connection)
            except Exception as error:  # whatever it is, a user has seen it
                kind = f"{'kept' if self.kept else 'fresh'} {'https' if self.tls else 'http'}"
                self.failures.append(f"{kind}: {type(error).__name__}: {error}")
                connection = None
            self.requests += 1
            self.slowest = max(self.slowest, time.monotonic() - start)
            time.sleep(PAUSE_SECONDS)


def main():
    context = ssl.create_default_context(cafile=sys.argv[1])
    until = time.monotonic() + float(sys.argv[2])
    kinds = [(kept, tls) for kept in (False, True) for tls in (False, True)]
    workers = [Worker(context, until, kept, tls) for kept, tls in kinds]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    failures = [failure for worker in workers for failure in worker.failures]
    print(
        json.dumps(
            {
                "requests": sum(worker.requests for worker in workers),
                "failures": len(failures),
                "reconnects": sum(worker.reconnects for worker in workers),
                "slowest": round(max(worker.slowest for worker in workers), 2),
                "first_failures": failures[:5],
            }
        )
    )
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
