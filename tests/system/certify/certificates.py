"""Certificates as they should come: first ones, renewals, other authorities, other proofs."""

import re
import socket
import ssl
import subprocess
import time

from authority import CHALLENGES, Fault, Pebble, Proxy
from lib.certificate import openssl, write_certificate
from world import DAY, World, lead_here

# By one command, three names have their certificates within this time.
FIRST_SECONDS = 15


def three_names(shost, folder, shared):
    """Two sites and one counterpart."""
    lead_here(shared, "a.test", "b.test", "www.b.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test", "b.test")
        names = ["a.test", "b.test", "www.b.test"]
        with world.server() as server:
            run = world.certify()
            serials = [world.pair(name) for name in names]
            held = run.code == 0 and all(serials) and run.seconds < FIRST_SECONDS
            yield held, f"first certificates for three names: {run}"
            yield not world.litter(), f"nothing is left behind: {world.litter()}"
            key = world.state / "accounts" / "localhost_14000_dir.json"
            yield key.stat().st_mode & 0o777 == 0o600, "the account's key is nobody else's"
            secret = (world.tls / "a.test" / "key.pem").read_text().split("\n")[1]
            yield secret not in run.out + run.err, "no key is told"
            server.reload()
            trusted = ssl.create_default_context(cafile=pebble.root())
            served = [serial(name, trusted) for name in names]
            yield served == serials, f"they are served, and a client trusts them: {served}"
        again = world.certify()
        same = [world.pair(name) for name in names] == serials
        yield again.code == 0 and same, f"what is good is left alone: {again}"
        listed = world.certify("--list")
        rows = [line for line in listed.out.splitlines() if re.search(r" renew 20\d\d-", line)]
        yield len(rows) == 3 and listed.code == 0, f"they are listed:\n{listed.out}"


def serial(name, context):
    """The serial number of the certificate that is served for a name."""
    plain = socket.create_connection(("127.0.0.1", 443), 10)
    with context.wrap_socket(plain, server_hostname=name) as stream:
        pem = ssl.DER_cert_to_PEM_cert(stream.getpeercert(binary_form=True))
    return openssl("x509", "-noout", "-serial", told=pem).decode().strip()


def two_at_once(shost, folder, shared):
    """The second run says so and ends."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        world = World(shost, folder, proxy, "a.test")
        with world.server():
            second = []

            def judge(number, _method, _path):
                if number == 3:
                    second.append(world.certify())

            proxy.judge = judge
            first = world.certify()
        second = second[0]
        held = second.code == 1 and "another shost certify is running" in second.err
        yield held and second.seconds < 5, f"a second run at a time: {second}"
        yield first.code == 0 and world.pair("a.test"), f"the first one goes on: {first}"


def left_alone(shost, folder, shared):
    """Certificates that certify did not make, or that somebody copied over its own."""
    lead_here(shared, "a.test", "b.test", "www.b.test", "x.c.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test", "b.test", "x.c.test")
        foreign = write_certificate(world.tls / "b.test", "b.test", "www.b.test", days=1)
        wildcard = write_certificate(world.tls / "_wildcard.c.test", "*.c.test")
        before = foreign.read_bytes(), wildcard.read_bytes()
        with world.server():
            run = world.certify()
            after = foreign.read_bytes(), wildcard.read_bytes()
            made = {path.name for path in world.tls.iterdir()} - {".acme-challenge"}
            held = run.code == 0 and before == after
            held = held and made == {"a.test", "b.test", "_wildcard.c.test"}
            yield held, f"others' certificates and what they cover are left alone: {run} {made}"
            copied = write_certificate(world.tls / "a.test", "a.test", days=1).read_bytes()
            run = world.certify()
            kept = (world.tls / "a.test" / "cert.pem").read_bytes() == copied
            yield run.code == 0 and kept, f"one that is copied over its own is not its own: {run}"


def renewal(shost, folder, shared):
    """The authority says when (RFC 9773), and is told what is replaced."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        world = World(shost, folder, proxy, "a.test")
        now = time.time()
        proxy.window = now + 300 * DAY, now + 301 * DAY
        with world.server():
            first = world.certify()
            old = world.pair("a.test")
            run = world.certify()
            asked = [path for _, path in proxy.seen if path.startswith("/renewal/")]
            held = first.code == run.code == 0 and world.pair("a.test") == old and len(asked) == 1
            yield held, f"a window in the future is waited for: {first} {run} {asked}"
            proxy.forget()
            proxy.window = now - DAY, now - 60
            run = world.certify()
            known = [path.rsplit("/", 1)[1] for _, path in proxy.seen if "/renewal/" in path]
            held = run.code == 0 and world.pair("a.test") != old and proxy.replaced == known[:1]
            yield held, f"one that has come is renewed, as a replacement: {run} {proxy.replaced}"
            # An authority that does not want to hear of it gets an order like any other.
            proxy.forget()

            def judge(_number, _method, path):
                if path == "/order-plz" and len([it for it in proxy.seen if it[1] == path]) == 1:
                    return Fault.problem(409, "alreadyReplaced")
                return None

            proxy.judge = judge
            old = world.pair("a.test")
            run = world.certify()
            held = run.code == 0 and world.pair("a.test") != old
            yield held, f"replaced already, so ordered without: {run}"


def rehearsal(shost, folder, shared):
    """After a refusal, the staging directory is asked first."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:  # noqa: SIM117
        with Pebble(shared, 14200) as staging:
            world = World(shost, folder, proxy, "a.test")
            options = ["--acme-staging", staging.directory]
            with world.server():
                proxy.judge = lambda _number, _method, path: (
                    Fault.problem(403, "unauthorized") if path == "/order-plz" else None
                )
                run = world.certify(*options)
                accounts = list((world.state / "accounts").iterdir())
                held = run.code == 1 and "a.test" in run.err and len(accounts) == 1
                yield held, f"a refusal is told, and staging not asked yet: {run}"
                listed = world.certify("--list", *options).out
                yield "as the test wants it (unauthorized)" in listed, f"it is listed:\n{listed}"
                proxy.forget()
                run = world.certify(*options)
                log = (shared / "pebble-14200.log").read_text()
                held = run.code == 0 and world.pair("a.test") and "Issued certificate" in log
                yield held, f"the retry is rehearsed, then made: {run}"
                mark = (world.tls / "a.test" / "certify.json").read_text()
                yield proxy.directory in mark, f"what is kept is not staging's: {mark}"


def second_authority(shost, folder, shared):
    """Another authority takes over from one that refuses or is down."""
    lead_here(shared, "a.test")
    with Pebble(shared, 14300) as pebble:
        world = World(shost, folder, pebble, "a.test")
        options = ["--acme-directory", f"https://localhost:14999/dir,{pebble.directory}"]
        with world.server():
            run = world.certify(*options)
            held = run.code == 0 and "localhost:14300" in run.out
            yield held and world.pair("a.test"), f"the second authority: {run}"


def names_elsewhere(shost, folder, shared):
    """Names that do not lead here cost no order."""
    lead_here(shared, "a.test", "127.0.0.2 b.test", "127.0.0.1 www.c.test", "127.0.0.2 c.test")
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        world = World(shost, folder, proxy, "a.test", "b.test", "nowhere.test", "www.c.test")
        # It answers on 127.0.0.1 alone: nobody is at 127.0.0.2.
        with world.server():
            run = world.certify()
            lines = dict(
                line.removeprefix("error: ").split(": ", 1)
                for line in (run.err + run.out).splitlines()
                if ": " in line.removeprefix("error: ")
            )
            orders = [path for _, path in proxy.seen if path == "/order-plz"]
            yield (
                run.code == 1 and len(orders) == 2,
                f"two orders for the two that lead here: {run}",
            )
            yield "127.0.0.2" in lines["b.test"], f"elsewhere: {lines['b.test']}"
            yield "DNS" in lines["nowhere.test"], f"nowhere: {lines['nowhere.test']}"
            told = lines["c.test"].startswith("left out")
            yield told, f"a counterpart elsewhere is no failure: {lines['c.test']}"
            last = run.err.strip().splitlines()[-1]
            expected = "error: no certificate for b.test, nowhere.test"
            yield last == expected, f"the failed names are named: {last}"
            proxy.forget()
            lead_here(shared, "a.test", "b.test", "nowhere.test", "www.c.test")
            run = world.certify()
            held = run.code == 0 and world.pair("b.test") and world.pair("nowhere.test")
            yield held, f"once they do, they are not kept waiting: {run}"


def by_the_dns(shost, folder, shared):
    """A wildcard, proved by a program that changes the DNS."""
    lead_here(shared)
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "_wildcard.d.test", "e.test")
        calls = folder / "calls"
        hook = folder / "hook"
        hook.write_text(
            "#!/bin/sh\nset -eu\n"
            f'echo "$@" >> {calls}\n'
            f"at=http://127.0.0.1:{CHALLENGES}\n"
            'case "$1" in\n'
            '  add) curl -sf -d "{\\"host\\":\\"$2.\\",\\"value\\":\\"$3\\"}" $at/set-txt ;;\n'
            '  remove) curl -sf -d "{\\"host\\":\\"$2.\\"}" $at/clear-txt ;;\n'
            "esac\n"
        )
        hook.chmod(0o755)
        run = world.certify()
        yield "--dns-hook" in run.out and run.code == 1, f"a wildcard takes a program: {run}"
        run = world.certify("--dns-hook", str(hook))
        held = run.code == 0 and world.pair("_wildcard.d.test") and world.pair("e.test")
        yield held, f"by the DNS, without a server: {run}"
        told = sorted(line.split()[:2] for line in calls.read_text().splitlines())
        expected = [
            [it, f"_acme-challenge.{name}"]
            for it in ("add", "remove")
            for name in ("d.test", "e.test")
        ]
        yield told == expected, f"the program is called to add and to remove: {told}"
        hook.write_text("#!/bin/sh\nexit 3\n")
        for path in world.tls.iterdir():
            subprocess.run(["rm", "-r", path], check=True)
        run = world.certify("--dns-hook", str(hook))
        yield run.code == 1 and "exit status: 3" in run.err, f"a program that fails is named: {run}"


def binding(shost, folder, shared):
    """An authority that wants to be told of an account elsewhere, and one that wants agreement."""
    lead_here(shared, "a.test")
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    with Pebble(shared, 14400, binding={"kid-1": key}) as pebble:
        world = World(shost, folder, pebble, "a.test")
        with world.server():
            words = [word for word in world.command() if word != "--agree-terms"]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            told = done.stderr.strip()
            yield "--agree-terms" in told and "data:text/plain" in told, f"terms: {told}"
            run = world.certify()
            yield run.code == 1 and "--acme-eab-kid" in run.err, f"without the account: {run}"
            run = world.certify("--acme-eab-kid", "kid-1", "--acme-eab-key", key)
            yield run.code == 0 and world.pair("a.test"), f"with it: {run}"
