"""`--certify`: certificates by the server's own command line, and what becomes of its processes."""

import os
import pathlib
import signal
import threading
import time

from authority import Pebble, Proxy
from lib.server import Server
from world import World, lead_here

from certificates import FIRST_SECONDS

END_SECONDS = 5


def begin(world):
    """The server with certificates by itself."""
    words = world.command()
    words = words[words.index("--sites") :]
    return Server(world.shost, *words, "--certify", port=443)


def children(pid):
    """The processes that a process has started and that have not ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split() if not ended(int(child))]


def ended(pid):
    """Whether a process is no more, or waits to be buried."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return "State:\tZ" in status


def eventually(held, seconds=END_SECONDS):
    """Whether something comes to hold."""
    until = time.monotonic() + seconds
    while not held():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def paused(proxy):
    """Has the authority wait. An event that it was asked, and one for it to go on."""
    asked, go_on = threading.Event(), threading.Event()

    def judge(*_):
        asked.set()
        go_on.wait(30)

    proxy.judge = judge
    return asked, go_on


def one_command(shost, folder, shared):
    """One command serves sites and has their certificates, also those of sites that come later."""
    lead_here(shared, "a.test", "b.test", "www.b.test", "c.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test", "b.test")
        world.tls.rmdir()
        names = ["a.test", "b.test", "www.b.test"]
        with begin(world) as server:
            issued = [
                server.event(
                    lambda line, name=name: f"INFO certify: {name}: certificate from" in line,
                    within=FIRST_SECONDS,
                )
                for name in names
            ]
            yield len(issued) == 3, f"first certificates by one command: {issued[0]}"
            server.event(lambda line: " reloaded " in line and "www.b.test" in line)
            modes = {path.stat().st_mode & 0o777 for path in world.tls.glob("*/key.pem")}
            yield modes == {0o640}, f"keys are the server's and nobody else's: {modes}"
            text = "\n".join(server.events)
            secret = (world.tls / "a.test" / "key.pem").read_text().split("\n")[1]
            account = next((world.state / "accounts").iterdir()).read_text()
            key = account.split('"key_pkcs8":"', 1)[1].split('"', 1)[0]
            yield secret not in text and key not in text, "no key is told"
            world.site("c.test")
            line = server.event(lambda line: "certify: c.test: certificate" in line)
            yield bool(line), f"a site that comes later: {line}"
            (keeper,) = children(server.pid)
            held = eventually(lambda: not children(keeper))
            yield held, "no process is left over from a run"
            code = server.stop()
            yield code == 0 and eventually(lambda: ended(keeper)), "all of it ends with the server"
            bad = [line for line in server.events if "ERROR" in line]
            yield not bad, f"and nothing was wrong: {bad}"


def ends(shost, folder, shared):
    """Each of the three processes is killed."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        world = World(shost, folder, proxy, "a.test")
        asked, go_on = paused(proxy)
        with begin(world) as server:
            asked.wait(30)
            (keeper,) = children(server.pid)
            (run,) = children(keeper)
            status = pathlib.Path(f"/proc/{run}/status").read_text(encoding="ascii")
            yield "NoNewPrivs:\t1" in status, "a run can gain no rights"
            os.kill(run, signal.SIGKILL)
            line = server.event(lambda line: "ERROR certify" in line)
            yield "SIGKILL" in line and "in 10 seconds" in line, f"a run that dies is told: {line}"
            go_on.set()
            line = server.event(lambda line: "certify: a.test: certificate" in line, within=20)
            yield world.pair("a.test") and line, f"and the next one does its work: {line}"
            os.kill(keeper, signal.SIGTERM)
            yield not ended(keeper), "an order to stop is the server's to obey"
            os.kill(keeper, signal.SIGKILL)
            line = server.event(lambda line: "has ended" in line)
            yield "ERROR" in line and "restart" in line, f"one that cannot go on is told: {line}"
            reload = server.reload()
            yield "reloaded" in reload, f"and the server goes on: {reload}"


def killed(shost, folder, shared):
    """The server is killed while a run waits for the authority."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        world = World(shost, folder, proxy, "a.test")
        asked, go_on = paused(proxy)
        server = begin(world)
        try:
            is_asked = asked.wait(30)
            (keeper,) = children(server.pid)
            runs = children(keeper)
        finally:
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
        yield is_asked and len(runs) == 1, f"a run has begun: {server.events}"
        (run,) = runs
        gone = eventually(lambda: ended(keeper) and ended(run))
        yield gone, "a server that is killed takes them along, in the middle of a run"
        go_on.set()
        proxy.forget()
        with begin(world) as server:
            line = server.event(lambda line: "certify: a.test: certificate" in line)
            yield bool(line) and not world.litter(), f"and the next one begins anew: {line}"


def impeded(shost, folder, shared):
    """What keeps certificates away is told, and nothing else is kept."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test")
        words = [word for word in world.command() if word != "--agree-terms"]
        words = words[words.index("--sites") :]
        with Server(shost, *words, "--certify", port=443) as server:
            line = server.event(lambda line: "ERROR certify: a.test" in line)
            yield "--agree-terms" in line, f"terms that nobody has agreed to: {line}"
            line = server.event(lambda line: "tried again" in line)
            yield "10 seconds" in line, f"it is tried again: {line}"
