"""What may go wrong: afterwards the old pair is whole, and the next run succeeds."""

import os
import re
import signal
import subprocess
import time

from authority import Fault, Pebble, Proxy
from lib.certificate import write_certificate
from world import DAY, RUN_SECONDS, World, lead_here

# An authority that is down is given up on within this time.
GIVEN_UP_SECONDS = 5
MEMORY_KIB = 64 * 1024


class Renewal:
    """A world in which `a.test` has a certificate that is due for renewal at each run."""

    def __init__(self, shost, folder, shared, proxy):
        lead_here(shared, "a.test")
        self.proxy = proxy
        self.world = World(shost, folder, proxy, "a.test")

    def begin(self):
        """The first certificate."""
        self.proxy.window = time.time() - DAY, time.time() - 60
        run = self.world.certify()
        if run.code:
            raise RuntimeError(f"there is no first certificate: {run}")
        self.proxy.forget()

    def recovers(self, before, what):
        """Whether the old pair is whole, the next run succeeds and nothing is left behind."""
        if self.world.pair("a.test") != before:
            return f"{what}: the old pair has gone"
        self.proxy.forget()
        run = self.world.certify()
        if run.code or self.world.pair("a.test") == before:
            return f"{what}: the next run failed: {run}"
        if self.world.litter():
            return f"{what}: left behind: {self.world.litter()}"
        return None


def requests(shost, folder, shared):
    """Each request of a renewal fails once, in each of these ways."""
    ways = {
        "500": lambda: Fault.problem(500, "serverInternal"),
        "503 of a proxy": lambda: Fault(503, b"<html>busy</html>", Retry_After="1"),
        "garbage": lambda: Fault(200, b"\x00\xff{[garbage", Replay_Nonce="x"),
        "cut off": lambda: "cut",
    }
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        renewal = Renewal(shost, folder, shared, proxy)
        with renewal.world.server():
            renewal.begin()
            before = renewal.world.pair("a.test")
            run = renewal.world.certify()
            count = len(proxy.seen)
            yield run.code == 0 and count > 8, f"a renewal takes {count} requests"
            for way, fault in ways.items():
                broken, survived = [], 0
                for number in range(1, count + 1):
                    proxy.forget()
                    proxy.judge = lambda at, _method, _path, n=number, f=fault: (
                        f() if at == n else None
                    )
                    before = renewal.world.pair("a.test")
                    run = renewal.world.certify()
                    if run.code == 0:
                        survived += renewal.world.pair("a.test") != before
                        continue
                    if "a.test" not in run.err or "panicked" in run.err:
                        broken.append(f"{number}: {run}")
                    problem = renewal.recovers(before, number)
                    if problem:
                        broken.append(problem)
                told = f"{way} at each of {count} requests, {survived} renewed all the same"
                yield not broken, f"{told} {broken or ''}"


def rates(shost, folder, shared):
    """badNonce is tried again at once, a rate limit when the authority says."""
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        renewal = Renewal(shost, folder, shared, proxy)
        with renewal.world.server():
            renewal.begin()
            seen = set()

            def once(_number, method, path):
                if method != "POST" or path in seen:
                    return None
                seen.add(path)
                return Fault.problem(400, "badNonce", Replay_Nonce="bad")

            proxy.judge = once
            before = renewal.world.pair("a.test")
            run = renewal.world.certify()
            held = run.code == 0 and renewal.world.pair("a.test") != before
            yield held, f"badNonce once at each of {len(seen)} addresses: {run}"

            proxy.forget()
            limit = Fault.problem(429, "rateLimited", Retry_After="3")
            proxy.judge = lambda _number, _method, path: limit if path == "/order-plz" else None
            before = renewal.world.pair("a.test")
            run = renewal.world.certify()
            held = run.code == 1 and "rateLimited" in run.err
            yield held and renewal.world.pair("a.test") == before, f"a rate limit is told: {run}"
            proxy.forget()
            run = renewal.world.certify()
            orders = [path for _, path in proxy.seen if path == "/order-plz"]
            held = run.code == 1 and not orders and "not tried again before" in run.err
            yield held, f"nothing is ordered before its time: {run}"
            time.sleep(3)
            yield not (told := renewal.recovers(before, "rate limit")), f"then it is: {told or ''}"
            for wait in ("18446744073709551615", "-1", "soon", "Fri, 31 Dec 9999 23:59:59 GMT"):
                proxy.forget()
                odd = Fault.problem(503, "serverInternal", Retry_After=wait)
                proxy.judge = lambda at, _method, _path, fault=odd: fault if at == 3 else None
                run = renewal.world.certify()
                yield "panicked" not in run.err, f"Retry-After: {wait}: {run}"


def nonsense(shost, folder, shared):
    """An authority that answers with a hundred megabytes, or with the certificate of another."""
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        renewal = Renewal(shost, folder, shared, proxy)
        with renewal.world.server():
            renewal.begin()
            before = renewal.world.pair("a.test")
            proxy.judge = lambda _number, _method, path: (
                Fault(200, b" " * 100_000_000) if path.startswith("/certZ/") else None
            )
            run = renewal.world.certify(
                launcher=["/usr/bin/env", "time", "-f", "%M KiB"]
                if os.path.exists("/usr/bin/time")
                else []
            )
            held = run.code == 1 and "longer than" in run.err
            yield held, f"100 MB instead of a certificate: {run}"
            used = re.search(r"(\d+) KiB\s*$", run.err)
            if used:
                yield int(used.group(1)) < MEMORY_KIB, f"without taking them in: {used.group()}"
            problem = renewal.recovers(before, "100 MB")
            yield not problem, f"and the next run succeeds {problem or ''}"
            other = write_certificate(folder / "other", "a.test").read_bytes()
            for what, body in {
                "somebody else's": other,
                "no": b"-----BEGIN CERTIFICATE-----",
            }.items():
                before = renewal.world.pair("a.test")
                proxy.forget()
                proxy.judge = lambda _number, _method, path, body=body: (
                    Fault(200, body, Replay_Nonce="x") if path.startswith("/certZ/") else None
                )
                run = renewal.world.certify()
                held = run.code == 1 and "cannot be served" in run.err
                yield held, f"{what} certificate: {run}"
                problem = renewal.recovers(before, what)
                yield not problem, f"and the next run succeeds {problem or ''}"


def down(shost, folder, shared):
    """No authority at all."""
    lead_here(shared, "a.test", "b.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test", "b.test")
        with world.server():
            run = world.certify("--acme-directory", "https://localhost:14999/dir")
            held = run.code == 1 and "refused" in run.err and run.seconds < GIVEN_UP_SECONDS
            yield held and "a.test, b.test" in run.err, f"an authority that is down: {run}"
            run = world.certify()
            yield run.code == 0 and world.pair("a.test"), f"one that is back: {run}"
        with world.server():
            # It has forgotten the account.
            with Pebble(shared, 14500) as other:
                options = ["--acme-directory", other.directory]
                first = world.certify(*options)
            subprocess.run(["rm", "-r", world.tls / "a.test"], check=True)
            with Pebble(shared, 14500) as other:
                run = world.certify(*options)
            held = first.code == run.code == 0 and world.pair("a.test")
            yield held, f"one that has forgotten the account: {run}"


def refused(shost, folder, shared):
    """The authority does not see what it should."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test")
        # Without the look beforehand, and without a server.
        run = world.certify("--no-self-check")
        held = run.code == 1 and "the authority says" in run.err and "connection refused" in run.err
        yield held, f"a challenge that fails is told in the authority's words: {run}"
        yield not world.litter(), f"nothing is left behind: {world.litter()}"
        run = world.certify()
        yield run.code == 1 and "--http-port 80" in run.err, f"the look beforehand: {run}"
        with world.server():
            run = world.certify()
        yield run.code == 0 and world.pair("a.test"), f"the next run: {run}"


def killed_at_requests(shost, folder, shared):
    """SIGKILL at each request."""
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        renewal = Renewal(shost, folder, shared, proxy)
        with renewal.world.server():
            renewal.begin()
            renewal.world.certify()
            count = len(proxy.seen)
            broken = []
            for number in range(1, count + 1):
                proxy.forget()
                process = subprocess.Popen(
                    renewal.world.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )

                def kill(at, _method, _path, n=number, process=process):
                    if at == n:
                        process.send_signal(signal.SIGKILL)
                        process.wait()
                        return "cut"
                    return None

                proxy.judge = kill
                before = renewal.world.pair("a.test")
                process.wait(RUN_SECONDS)
                problem = renewal.recovers(before, number)
                if problem:
                    broken.append(problem)
            yield not broken, f"killed at each of {count} requests {broken or ''}"


WRITES = "write,fsync,rename,renameat2,mkdir,fchmod,chmod,fchown,chown,unlink,unlinkat"


def writes(shost, folder, shared):
    """The disk is full, or the process is killed, at each call that changes a file."""
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        renewal = Renewal(shost, folder, shared, proxy)
        world = renewal.world
        with world.server():
            renewal.begin()
            trace = folder / "trace"
            strace = ["strace", "-f", "-qq", "-o", trace, "-e", f"trace={WRITES}"]
            world.certify(launcher=strace)
            calls = {}
            for call in re.findall(r"^\d+ +(\w+)\(.*?= 0|^\d+ +(\w+)\(", trace.read_text(), re.M):
                name = call[0] or call[1]
                calls[name] = calls.get(name, 0) + 1
            # Writes go to sockets too: those are the requests, which are tried elsewhere.
            for way in ("error=ENOSPC", "signal=SIGKILL"):
                broken, tried = [], 0
                for call in sorted(set(calls) - {"write"}):
                    for number in range(1, calls[call] + 1):
                        proxy.forget()
                        before = world.pair("a.test")
                        inject = ["-e", f"inject={call}:{way}:when={number}"]
                        run = world.certify(launcher=[*strace, *inject])
                        tried += 1
                        if "panicked" in run.err:
                            broken.append(f"{call} {number}: {run}")
                        # Whole, old or new: from the exchange on it is the new one.
                        after = world.pair("a.test")
                        if after is None:
                            broken.append(f"{call} {number}: no pair: {run}")
                        problem = renewal.recovers(after, f"{call} {number} {before == after}")
                        if problem:
                            broken.append(problem)
                yield not broken and tried > 5, f"{way} at each of {tried} calls {broken or ''}"
    yield from full_disk(shost, folder / "full", shared)


def full_disk(shost, folder, shared):
    """A disk that is full for real."""
    folder.mkdir()
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test")
        mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0750,gid=65532", "none", world.tls]
        subprocess.run(mount, check=True)
        try:
            with world.server():
                first = world.certify()
                before = world.pair("a.test")
                filler = world.tls / ".filler"
                with open(filler, "wb", buffering=0) as file:
                    try:
                        while file.write(b"x" * 4096):
                            pass
                    except OSError:
                        pass
                (world.tls / "a.test" / "certify.json").write_text(
                    (world.tls / "a.test" / "certify.json").read_text().replace("/dir", "/dix")
                )
                run = world.certify()
                held = first.code == 0 and run.code == 1 and "No space left" in run.err
                yield held and world.pair("a.test") == before, f"a full disk: {run}"
                filler.unlink()
                run = world.certify()
                held = run.code == 0 and world.pair("a.test") != before
                yield held, f"and one with room again: {run}"
        finally:
            subprocess.run(["umount", "-l", world.tls], check=True)


def clock(shost, folder, shared):
    """A clock that is years behind, or ahead, and right again."""
    lead_here(shared, "a.test")
    library = subprocess.run(
        ["sh", "-c", "ls /usr/lib/*/faketime/libfaketime.so.1"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if not library:
        raise RuntimeError("Debian's faketime is not installed")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test")
        with world.server():
            for offset in ("-20y", "+20y"):
                fake = {"LD_PRELOAD": library, "FAKETIME": offset}
                options = ["--no-sandbox"]
                first = world.certify(*options, environment=fake)
                held = first.code == 1 and "clock" in first.err
                yield held, f"{offset}, without a certificate: {first}"
                run = world.certify()
                before = world.pair("a.test")
                yield run.code == 0 and before, f"the clock is right again: {run}"
                run = world.certify(*options, environment=fake)
                held = run.code == 1 and "clock" in run.err and world.pair("a.test") == before
                yield held, f"{offset}, with one: {run}"
                run = world.certify()
                held = run.code == 0 and world.pair("a.test") == before
                yield held, f"and right again: {run}"
                subprocess.run(["rm", "-r", world.tls / "a.test"], check=True)
