"""The server: started as its user starts it, watched from outside, stopped with the block."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

from . import client

# A start reads every certificate and opens every site: far below this on any machine.
START_SECONDS = 10
# A stop is promised within ten seconds; the rest is the machine's.
STOP_SECONDS = 15
# The port that is bound first, by the `started` line: that of HTTPS, unless there is none.
STARTED = re.compile(r"\bhttps?=\S*?:(\d+)")


class Server:
    """A running server, which ends with the `with` block.

    `output` takes its access log, `launcher` is a command that becomes the server or watches it,
    and `port` is for who has to know the port before the server says it.
    """

    def __init__(
        self,
        shost,
        *options,
        log="none",
        output=subprocess.DEVNULL,
        launcher=(),
        port=0,
        within=START_SECONDS,
    ):
        command = [*launcher, pathlib.Path(shost).resolve(), "--ip", "127.0.0.1"]
        command += ["--port", port, "--log", log, *options]
        # Of whoever runs the tests, neither options nor a service manager.
        told = {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC"}
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in told and not name.startswith("SHOST_")
        }
        self.events = []
        self.arrived = threading.Condition()
        self.process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
        )
        self.pid = self.process.pid
        self.port = port
        threading.Thread(target=self._collect, daemon=True).start()
        if port == 0:
            try:
                self.port = self._started(within)
            except BaseException:
                self._end()
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code = self.stop()
        # What went wrong in the block says more than how the server ended after it.
        if kind is None and code != 0:
            raise RuntimeError(f"the server ended with {code}: {self._last_events()}")

    def stop(self):
        """Sends SIGTERM, and returns the exit code once the server has ended."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._end()
            raise RuntimeError(f"still there {STOP_SECONDS} s after SIGTERM") from None

    def _end(self):
        self.process.kill()
        self.process.wait()

    def _started(self, within):
        line = self.event(lambda line: "started" in line.split()[:3], within=within)
        return int(STARTED.search(line).group(1))

    def _collect(self):
        for line in self.process.stderr:
            with self.arrived:
                self.events.append(line.rstrip())
                self.arrived.notify_all()

    def _last_events(self):
        return "\n".join(self.events[-20:]) or "it said nothing"

    def event(self, wanted, since=0, within=START_SECONDS):
        """Waits for the first event from number `since` on that is `wanted`."""
        until = time.monotonic() + within
        with self.arrived:
            while True:
                for line in self.events[since:]:
                    if wanted(line):
                        return line
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the event did not come: {self._last_events()}")
                self.arrived.wait(0.1)

    def reload(self):
        """Sends SIGHUP and waits for the line that says what came of it."""
        since = len(self.events)
        self.process.send_signal(signal.SIGHUP)
        return self.event(lambda line: "reload" in line.lower() or "ERROR" in line, since)

    def memory(self, field="VmRSS"):
        """Resident memory in KiB: now, or with `VmHWM` the most there ever was."""
        return self._status(field)

    def descriptors(self):
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def is_traced(self):
        """Whether somebody follows its system calls."""
        return self._status("TracerPid") != 0

    def _status(self, field):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"^{field}:\s+(\d+)", status, re.MULTILINE).group(1))

    def client(self, **options):
        """A kept-alive connection in the clear, or over TLS with `tls=True`."""
        return client.Client(self.port, **options)


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
