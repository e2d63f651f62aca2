"""What fails around the server: the reader of its log, and the disk that its sites are on.

A disk that fails is made by strace, which lets chosen system calls on one file fail with EIO.
"""

import http.client
import os
import signal
import statistics
import subprocess
import threading
import time

from lib.client import DOMAIN
from lib.server import Server

# How long the log's reader stands still.
STALL_SECONDS = float(os.environ.get("STALL_SECONDS", "60"))
CLIENTS = 2
# The 99th percentile may be so much above that of the other server, on a machine that does other
# things too; the single worst answer is theirs, but one that waits for the log waits for longer.
SLOWER = 1.5
SLACK_SECONDS = 0.002
WAITED_SECONDS = 1
# More than a spool and a pipe hold together.
TARGET = "/page.html?" + "x" * 2000
REMOUNTED_SECONDS = 2
# Larger than what is held in memory.
STREAMED_BYTES = 5_000_000
MOST_ASKED = 40  # for a file of which each thread fails to read twice
READS = "sendfile,preadv2,pread64"


class Load:
    """Clients that ask without pause, and what became of it."""

    def __init__(self, server):
        self.times, self.failed, self.stop = [], [], threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=[server]) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _ask(self, server):
        try:
            client = server.client()
            while not self.stop.is_set():
                began = time.monotonic()
                status = client.ask(TARGET)[0]
                self.times.append((began, time.monotonic() - began))
                if status != 200:
                    self.failed.append(status)
        except OSError as error:
            self.failed.append(error)

    def end(self):
        """Ends the load."""
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def between(self, start, end):
        """The count, the 99th percentile and the worst of the answers begun in this time."""
        times = [took for began, took in self.times if start <= began < end]
        return len(times), statistics.quantiles(times, n=100)[-1], max(times)


def logging(shost, sites):
    """A server whose log is read by a process of its own."""
    reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    server = Server(shost, "--sites", sites, log="json", output=reader.stdin)
    reader.stdin.close()
    return server, reader


def stalled_log(shost, folder):
    """The log's reader is stopped for a while, and goes on; that of another server is not. Both are
    measured at the same time, so that whatever else the machine does slows both."""
    site = folder / "sites" / DOMAIN
    site.mkdir(parents=True)
    (site / "page.html").write_text("<p>Here\n" * 100)
    server, reader = logging(shost, folder / "sites")
    other, _ = logging(shost, folder / "sites")
    with server, other:
        load, usual = Load(server), Load(other)
        # The first answers are what makes any server slow.
        time.sleep(1)
        began = time.monotonic()
        reader.send_signal(signal.SIGSTOP)
        time.sleep(STALL_SECONDS)
        ended = time.monotonic()
        memory = server.memory()
        reader.send_signal(signal.SIGCONT)
        lost = server.event(lambda line: "log lines were lost" in line)
        load.end()
        usual.end()
    count, slow, worst = load.between(began, ended)
    _, usual_slow, usual_worst = usual.between(began, ended)
    held = not load.failed and slow <= usual_slow * SLOWER + SLACK_SECONDS
    held = held and worst < WAITED_SECONDS
    yield (
        held,
        (
            f"log reader stopped for {STALL_SECONDS:.0f} s: {count} answers meanwhile, "
            f"{len(load.failed)} failed; 99 % within {slow * 1000:.2f} ms, "
            f"worst {worst * 1000:.1f} (beside it, with a reader: {usual_slow * 1000:.2f}, "
            f"worst {usual_worst * 1000:.1f}); {memory / 1024:.1f} MiB resident; "
            f"then told: {lost.split(' ', 2)[2]}"
        ),
    )


def inside(server, script):
    """Runs a shell script in the mount namespace of the server."""
    subprocess.run(["nsenter", "-t", str(server.pid), "-m", "sh", "-ec", script], check=True)


def unmounted(shost, folder):
    """The sites' file system goes away under the server, and comes back: the same, or another."""
    disk, store = folder / "disk", folder / "store"
    disk.mkdir()
    page = f"sites/{DOMAIN}/index.html"
    (store / page).parent.mkdir(parents=True)
    (store / page).write_text("first\n")
    same = f"mount --bind {store} {disk}"
    other = (
        f"mount -t tmpfs none {disk}; mkdir -p {(disk / page).parent}; echo second >{disk / page}"
    )
    # The namespace is the server's own, so that nothing of this is seen by anybody else.
    launcher = [
        "unshare",
        "-m",
        "--propagation",
        "private",
        "sh",
        "-ec",
        same + '; exec "$@"',
        "sh",
    ]
    rows = [
        (same, [], "in the sandbox", True),
        (same, ["--no-sandbox"], "without one", True),
        # A sandbox is made of what was there at the start (server/sandbox.rs).
        (other, [], "in the sandbox", False),
        (other, ["--no-sandbox"], "without one", True),
    ]
    for mount, options, label, served in rows:
        (store / page).write_text("first\n")
        with Server(shost, "--sites", disk / "sites", *options, launcher=launcher) as server:
            client = server.client()

            before = shown(client)
            inside(server, f"umount -l {disk}")
            (store / page).write_text("second\n")
            time.sleep(REMOUNTED_SECONDS)
            gone = shown(client)
            told = server.reload()
            still = shown(client)
            inside(server, mount)
            time.sleep(REMOUNTED_SECONDS)
            back = shown(client)
            if served:
                warned, good = "", back == (200, "second")
            else:
                warned = server.event(lambda line: "out of the sandbox" in line)
                good = back[0] == 403
            again = server.reload()
        held = (
            good
            and before == (200, "first")
            and "ERROR" in told
            and {gone[0], still[0]} <= {200, 404, 503}
            and ("ERROR" in again) != served
        )
        what = "the same" if mount == same else "another"
        yield (
            held,
            (
                f"sites unmounted, and {what} file system mounted, {label}: {before} before, "
                f"{gone} without it, {still} after a reload, then {back} "
                f"{warned and 'and the warning '}({again.split(' ', 1)[1]})"
            ),
        )


def shown(client):
    """Status and content of the index."""
    status, _, content = client.ask("/")
    return status, content.decode().strip()


def disk_errors(shost, folder):
    """The disk fails under one file; the others, and the server, go on."""
    site = folder / "sites" / DOMAIN
    site.mkdir(parents=True)
    content = {
        "good.html": b"<p>good\n" * 9,
        "held.html": b"<p>held\n" * 999,
        "streamed.bin": os.urandom(STREAMED_BYTES),
    }
    for name, text in content.items():
        (site / name).write_bytes(text)
    rows = [
        ("held.html", f"{READS}:error=EIO", "that cannot be read"),
        ("held.html", "statx:error=EIO", "whose facts cannot be read"),
        ("held.html", f"{READS}:error=EIO:when=1..2", "that can be read again"),
        ("streamed.bin", f"{READS}:error=EIO:when=9+", "that fails half-way"),
    ]
    for name, fault, what in rows:
        launcher = ["strace", "-D", "-f", "-qq", "-o", folder / "trace", "-P", site / name]
        launcher += ["-e", f"inject={fault}"]
        with Server(shost, "--sites", folder / "sites", launcher=launcher) as server:
            answers = [whole(server, f"/{name}") for _ in range(4)]
            # strace counts for each thread, and any of a few may read.
            while "1..2" in fault and answers[-1][0] == 503 and len(answers) < MOST_ASKED:
                answers.append(whole(server, f"/{name}"))
            good = whole(server, "/good.html")
            told = server.event(lambda line: "os error 5" in line)
        if name == "streamed.bin":
            # All that came is right, and nobody takes it for the whole. Where already the first
            # read fails, the head that promises the whole is not sent either; and where the file
            # is read for its tag and fails, it is one that cannot be read.
            right = any(status == 200 and part for status, part in answers) and all(
                (status in {200, None} and content[name].startswith(part))
                or (status, part) == (503, b"")
                for status, part in answers
            )
            right = right and all(len(part) < STREAMED_BYTES for _, part in answers)
        elif "when" in fault:
            statuses = [status for status, _ in answers]
            failed = statuses.count(503)
            right = failed >= 2 and statuses == sorted(statuses, reverse=True)
            right = right and answers[-1] == (200, content[name])
        else:
            right = all(answer == (503, b"") for answer in answers)
        held = right and good == (200, content["good.html"]) and name in told
        came = [f"{status or 'closed'} with {len(part)} bytes" for status, part in answers]
        yield (
            held,
            f"a file {what}: {', '.join(came)}; another: {good[0]} ({told.split(' ', 1)[1]})",
        )


def whole(server, target):
    """The status of an answer on a connection of its own, if it came to one, and as much content
    as came."""
    try:
        status, _, content = server.client().ask(target)
        return status, content
    except http.client.RemoteDisconnected:
        return None, b""
    except http.client.IncompleteRead as short:
        return 200, short.partial
