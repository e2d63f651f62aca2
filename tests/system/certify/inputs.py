"""Names, folders and options as people have them, and what becomes of each."""

import os
import subprocess

from authority import Pebble, Proxy
from lib.certificate import write_certificate
from world import World, lead_here


def folders(shost, folder, shared):
    """Site folders as people name them."""
    lead_here(shared, "xn--bcher-kva.test", "upper.test", "c.test", "www.c.test", "d.test")
    with Pebble(shared) as pebble, Proxy(shared, pebble) as proxy:
        sites = ["b\u00fccher.test", "Upper.TEST", "c.test", "www.c.test", "_wildcard.c.test"]
        world = World(shost, folder, proxy, *sites, "two words", ".hidden", "192.0.2.1")
        (world.sites / "notes.txt").write_text("no site")
        (world.sites / "d.test").symlink_to(world.sites / "c.test")
        write_certificate(world.tls / "certbot.test", "certbot.test")
        with world.server():
            run = world.certify()
            made = {path.name for path in world.tls.iterdir()} - {".acme-challenge"}
            expected = {"xn--bcher-kva.test", "upper.test", "c.test", "www.c.test", "d.test"}
            yield made - {"certbot.test"} == expected, f"folders that are names: {made} {run}"
            orders = [path for _, path in proxy.seen if path == "/order-plz"]
            yield len(orders) == len(expected), f"one order for each: {len(orders)}"
            yield "192.0.2.1" in run.err, f"an address that leads elsewhere is told: {run.err}"
            again = world.certify()
            same = made == {path.name for path in world.tls.iterdir()} - {".acme-challenge"}
            yield same, f"and a second run orders nothing: {again}"


def places(shost, folder, shared):
    """Folders that are links, missing, on another disk, or not to be written."""
    lead_here(shared, "a.test")
    with Pebble(shared) as pebble:
        world = World(shost, folder, pebble, "a.test")
        real = folder / "elsewhere"
        world.tls.rename(real)
        world.tls.symlink_to(real)
        with world.server():
            run = world.certify()
            yield run.code == 0 and world.pair("a.test"), f"a TLS folder that is a link: {run}"
        subprocess.run(["rm", "-r", real, world.state, world.tls], check=True)

        world.tls.mkdir(mode=0o750)
        os.chown(world.tls, 0, 65532)
        mount = ["mount", "-t", "tmpfs", "-o", "mode=0750,gid=65532", "none", world.tls]
        subprocess.run(mount, check=True)
        world.state = folder / "deep" / "state"
        try:
            with world.server():
                run = world.certify()
                held = run.code == 0 and world.pair("a.test")
                yield held, f"one on another disk, and a state that is not there yet: {run}"
                subprocess.run(["rm", "-r", world.tls / "a.test"], check=True)
                subprocess.run(["mount", "-o", "remount,ro", world.tls], check=True)
                run = world.certify()
                held = run.code == 1 and "Read-only file system" in run.err
                yield held and str(world.tls) in run.err, f"one that cannot be written: {run}"
        finally:
            subprocess.run(["umount", "-l", world.tls], check=True)
        world.tls.rmdir()
        run = world.certify()
        yield run.code == 1 and str(world.tls) in run.err, f"one that is not there: {run}"


def options(shost, folder, shared):
    """Options that cannot be what was meant."""
    lead_here(shared, "a.test")
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    with Pebble(shared) as pebble, Pebble(shared, 14400, binding={"kid-1": key}) as bound:
        world = World(shost, folder, pebble, "a.test")
        wrong = ["--acme-eab-kid", "kid-1", "--acme-eab-key", "AAAA" * 8]
        table = [
            ("a profile that nobody knows", ["--acme-profile", "nonsense"], "nonsense"),
            ("plain HTTP", ["--acme-directory", "http://localhost:14000/dir"], "https"),
            ("no URL", ["--acme-directory", "letsencrypt"], "https://"),
            ("a page that is no directory", ["--acme-directory", pebble.directory + "x"], "404"),
            ("a wrong key", ["--acme-directory", bound.directory, *wrong], "authority says"),
            ("no base64", [*wrong[:3], "*"], "--acme-eab-key"),
            ("an e-mail that is none", ["--acme-email", "nobody"], "nobody"),
        ]
        with world.server():
            for what, words, told in table:
                run = world.certify(*words)
                held = run.code != 0 and told in run.err and "panicked" not in run.err
                yield held, f"{what}: {run}"
                subprocess.run(["rm", "-rf", world.state], check=True)
            run = world.certify()
            yield run.code == 0 and world.pair("a.test"), f"and none of them lasts: {run}"
