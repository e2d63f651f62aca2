"""What a hot file costs of system calls that go to the file system, counted by strace."""

import re
import subprocess
import time

from lib.client import DOMAIN
from lib.server import Server

# Everything that asks the disk: names, facts and content. Sockets use none of these.
CALLS = "trace=%file,%fstat,pread64,preadv,preadv2,getdents64"
# An answer is trusted for this long after the last look, to be seen within 100 ms.
TRUST_SECONDS = 0.09
HITS_SECONDS = 5
# The site's folder, and the names around the file, which tell of its siblings, are looked at once a
# second, whatever the load.
LOOKS_A_SECOND = 2
# The rules of a site are seen within 100 ms too: each of the two files is looked at this often.
RULES_SECONDS = 0.05
RULES = ('"_redirects"', '"_headers"')
ATTACH_SECONDS = 10


def traced(server, output, ask):
    """Runs `ask` while strace follows the server; the calls it saw, as (name, line)."""
    command = ["strace", "-f", "-q", "-e", CALLS, "-o", output, "-p", str(server.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    until = time.monotonic() + ATTACH_SECONDS
    while not server.is_traced() and time.monotonic() < until:
        time.sleep(0.01)
    # Attached to the main thread; the others follow at once.
    time.sleep(0.5)
    asked = ask()
    tracer.terminate()
    tracer.wait(ATTACH_SECONDS)
    lines = output.read_text().splitlines()
    # A call that another thread interrupts is told in two lines; the second begins with `<...`.
    calls = [re.match(r"\d+\s+(\w+)\(", line) for line in lines]
    return asked, [(call.group(1), line) for call, line in zip(calls, lines, strict=True) if call]


def hot_hits(shost, folder):
    """One client that asks for one file in a loop."""
    site = folder / "sites" / DOMAIN
    site.mkdir(parents=True)
    (site / "page.html").write_text("<p>hot\n" * 100)
    with Server(shost, "--sites", folder / "sites", "--no-watch") as server:
        client = server.client()

        def loop():
            began, count = time.monotonic(), 0
            while time.monotonic() < began + HITS_SECONDS:
                assert client.ask("/page.html")[0] == 200
                count += 1
            return count, time.monotonic() - began

        loop()
        (count, seconds), calls = traced(server, folder / "trace", loop)
    own = [line for name, line in calls if name == "statx" and '"page.html"' in line]
    others = [line for name, line in calls if name == "statx" and line not in own]
    rules = [line for line in others if any(name in line for name in RULES)]
    looks = [line for line in others if line not in rules]
    other = sorted({name for name, _ in calls if name != "statx"})
    windows = int(seconds / TRUST_SECONDS) + 1
    yield (
        len(own) <= windows,
        (
            f"{count} hot hits in {seconds:.1f} s: {len(own)} statx of the "
            f"file (may be {windows}, one per {TRUST_SECONDS * 1000:.0f} ms)"
        ),
    )
    most = LOOKS_A_SECOND * (int(seconds) + 1)
    yield (
        len(looks) <= most,
        (f"beside them {len(looks)} statx of the site's folder and its names (may be {most})"),
    )
    most = len(RULES) * (int(seconds / RULES_SECONDS) + 1)
    yield (
        len(rules) <= most,
        f"and {len(rules)} statx of the files of rules, which are not there (may be {most})",
    )
    yield (
        not other,
        f"{len(calls) - len(own) - len(others)} opens and reads {' '.join(other)}(may be 0)",
    )
