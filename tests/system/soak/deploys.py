"""Sites that change while they are served, and the orders of their operator."""

import shutil
import subprocess

from lib.certificate import write_certificate
from lib.client import DOMAIN

# The site that is deployed by rsync, file by file; DOMAIN is replaced whole, by a rename.
SYNCED = "synced.test"
PAGES = 400
BIG_BYTES = 20_000_000
# So often something is deployed, and the server reloaded.
DEPLOY_SECONDS = 2
RELOAD_SECONDS = 5
# Certificates renewed and sites added or taken away, once in so many reloads.
RENEWED = 4


def page(number, version):
    """A page that says what it is."""
    return f"<!doctype html><p>page {number} version {version}\n" + f"line {number}\n" * 200


class Sites:
    """Two sites with certificates, and where the next version of each is made."""

    def __init__(self, folder):
        self.folder, self.sites, self.tls = folder, folder / "sites", folder / "tls"
        self.version = 0
        # Content that never changes, so that whatever comes of it can be compared.
        self.big = bytes(range(256)) * (BIG_BYTES // 256)
        for name in (DOMAIN, SYNCED):
            self.write(self.sites / name)
            write_certificate(self.tls / name, name)

    def write(self, folder):
        """A whole site."""
        self.version += 1
        for number in range(PAGES):
            path = folder / str(number % 20) / f"{number}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page(number, self.version))
        (folder / "index.html").write_text(page("index", self.version))
        (folder / "404.html").write_text("<p>Not here\n" * 20)
        (folder / "big.bin").write_bytes(self.big)


def deploy_by_rename(soak, _):
    """The folder is replaced by another: two renames, between which the name leads nowhere. The old
    one stays among the sites, hidden: elsewhere the sandbox does not reach it, and who asks between
    the renames is refused."""
    site = soak.site
    new, old = site.folder / "new", site.sites / ".old"
    site.write(new)
    (site.sites / DOMAIN).rename(old)
    new.rename(site.sites / DOMAIN)
    # Answers in flight, and those of the second in which the old folder is trusted, are its own.
    soak.pause(DEPLOY_SECONDS)
    shutil.rmtree(old)


def deploy_by_rsync(soak, source):
    """Files are replaced one by one, or written in place."""
    made = soak.site.folder / "made"
    soak.site.write(made)
    options = source.choice([["--inplace"], []])
    subprocess.run(
        ["rsync", "-rt", "--delete", *options, f"{made}/", soak.site.sites / SYNCED], check=True
    )
    soak.pause(DEPLOY_SECONDS)


def reload(soak, source):
    """SIGHUP, sometimes with something to see."""
    if source.randrange(RENEWED) == 0:
        extra = soak.site.sites / "extra.test"
        if extra.exists():
            shutil.rmtree(extra)
        else:
            extra.mkdir()
            (extra / "index.html").write_text("extra")
        write_certificate(soak.site.tls / "renewed.test", "renewed.test")
    told = soak.server.reload()
    soak.pause(RELOAD_SECONDS)
    return None if "reloaded" in told else told


WORKERS = [deploy_by_rename, deploy_by_rsync, reload]
