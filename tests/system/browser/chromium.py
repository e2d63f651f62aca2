"""A headless Chromium, driven over the DevTools protocol on a pair of pipes.

Chromium reads commands from descriptor 3 and writes answers and events to descriptor 4, each a JSON
text that ends with a NUL (`--remote-debugging-pipe`). So no driver, no port and no package is
needed.
"""

import fcntl
import json
import os
import select
import signal
import subprocess
import time

ANSWER_S = 30  # the first answer waits for the browser's start, slow on a busy machine
QUIET_S = 0.3  # a page without an open request for this long has finished loading
CLOSE_S = 10
READ_BYTES = 1 << 16
FIRST_FREE_FD = 10  # above the two descriptors that Chromium is given

FLAGS = [
    "--headless=new",
    "--no-sandbox",  # CI runs as root, where the sandbox refuses to start
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
]


class Chromium:
    """`with Chromium(binary, profile) as browser`: one tab, whose events are recorded."""

    def __init__(self, binary, profile, trusted_spki_hash=None, flags=()):
        # The last of two flags of one name counts, but one that takes something away always does.
        own = [flag for flag in FLAGS if flag.replace("disable", "enable") not in flags]
        self.command = [binary, *own, *flags, f"--user-data-dir={profile}"]
        if trusted_spki_hash:
            self.command.append(f"--ignore-certificate-errors-spki-list={trusted_spki_hash}")
        self.unread = b""
        self.last_id = 0
        self.session = None
        self.events = []

    def __enter__(self):
        theirs_in, self.to_browser = high_pipe()
        self.from_browser, theirs_out = high_pipe()

        # The shell gives the pipe the numbers that Chromium knows.
        hand_over = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", hand_over, "chromium", *self.command],
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self.session = attached["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(CLOSE_S)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            os.killpg(
                self.process.pid, signal.SIGKILL
            )  # its own session: the browser and its children
            self.process.wait()
        os.close(self.to_browser)
        os.close(self.from_browser)

    def call(self, method, **params):
        """Sends one command and waits for its answer; events that come first are kept."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        unsent = json.dumps(message).encode() + b"\0"
        while unsent:
            unsent = unsent[os.write(self.to_browser, unsent) :]
        deadline = time.monotonic() + ANSWER_S
        while True:
            answer = self.receive(deadline)
            if answer is None:
                raise RuntimeError(f"no answer to {method} within {ANSWER_S} s")
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def receive(self, deadline):
        """The next message, or None at the deadline; an event is recorded as well."""
        while b"\0" not in self.unread:
            left = max(0, deadline - time.monotonic())
            if not select.select([self.from_browser], [], [], left)[0]:
                return None
            piece = os.read(self.from_browser, READ_BYTES)
            if not piece:
                raise RuntimeError("the browser has gone")
            self.unread += piece
        text, self.unread = self.unread.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message

    def record(self, method, **params):
        """Sends a command that loads something, waits until all is quiet; returns the events."""
        self.events = []
        answer = self.call(method, **params)
        if answer.get("errorText"):
            raise RuntimeError(f"{method} {params}: {answer['errorText']}")
        deadline = time.monotonic() + ANSWER_S
        while self.receive(time.monotonic() + QUIET_S) or self.is_loading():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{method} {params}: still loading after {ANSWER_S} s")
        return self.events

    def is_loading(self):
        """Whether a page has begun and not ended, or a request has no outcome yet."""
        seen = [method for method, _ in self.events]
        if "Page.frameStartedLoading" in seen and "Page.loadEventFired" not in seen:
            return True
        begun = {
            params["requestId"]
            for method, params in self.events
            if method == "Network.requestWillBeSent"
        }
        ended = {
            params["requestId"]
            for method, params in self.events
            if method in ("Network.loadingFinished", "Network.loadingFailed")
        }
        return bool(begun - ended)

    def evaluate(self, script):
        """The value of a JavaScript expression in the page; a promise is awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{script}: {answer['exceptionDetails']['text']}")
        return answer["result"].get("value")


def high_pipe():
    """A pipe whose descriptors stay clear of 3 and 4, and are closed in children."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_FD) for end in ends)
    for end in ends:
        os.close(end)
    return moved
