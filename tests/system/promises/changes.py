"""How soon a change is served, without a signal."""

import os
import shutil
import time

from lib.client import DOMAIN
from lib.server import Server

# The longest time until a change is served, in seconds: of a file, and of a whole site folder. That
# is docs/behaviour.md, "Freshness", and as much again as the request and a busy machine take.
FILE_SECONDS = 0.150
ROOT_SECONDS = 1.2
FILE_TRIALS = 20
ROOT_TRIALS = 5
# The site whose folder is a link.
LINKED = "linked.test"
# A change that has not come by then never will.
NEVER_SECONDS = 5
# A time long past, as reproducible builds give to every file.
FIXED_TIME = (1_000_000_000, 1_000_000_000)


def content(version):
    """Pages that all have one size."""
    return f"version {version:08}\n".encode() * 100


def written_in_place(path, version):
    """The same inode, the same size, another time."""
    descriptor = os.open(path, os.O_WRONLY)
    os.pwrite(descriptor, content(version), 0)
    os.close(descriptor)


def disguised(path, version):
    """The same inode, size and modification time."""
    before = os.stat(path)
    written_in_place(path, version)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def truncated(path, version):
    """Emptied, then written."""
    path.write_bytes(content(version))


def renamed_over(path, version):
    """As rsync and most deploys do."""
    beside = path.with_name(".new")
    beside.write_bytes(content(version))
    beside.rename(path)


def renamed_with_fixed_time(path, version):
    """As reproducible builds do: another inode, the same size and modification time."""
    beside = path.with_name(".new")
    beside.write_bytes(content(version))
    os.utime(beside, FIXED_TIME)
    beside.rename(path)


def folder_renamed(path, version):
    """The whole site folder, replaced by a new one."""
    site = path.parent
    beside = site.with_name(".new")
    beside.mkdir()
    (beside / path.name).write_bytes(content(version))
    site.rename(site.with_name(".old"))
    beside.rename(site)
    shutil.rmtree(site.with_name(".old"))


def link_switched(path, version):
    """The site folder is a link, which is switched in one step to a folder beside the first."""
    site = path.parent
    release = site.parent.parent / "releases" / f"{version}"
    release.mkdir(parents=True)
    (release / path.name).write_bytes(content(version))
    link = site.with_name(".link")
    link.symlink_to(release)
    link.rename(site)


def oldest_answer(client, domain, version):
    """Asks until the new content comes; how late the last request with an old answer began."""
    changed = time.monotonic()
    late = 0.0
    while True:
        began = time.monotonic()
        status, _, body = client.ask("/page.html", host=domain)
        if (status, body) == (200, content(version)):
            return late
        late = began - changed
        if late > NEVER_SECONDS:
            return late


def freshness(shost, folder):
    """Every way to change something, many times each."""
    rows = [
        (written_in_place, FILE_TRIALS, FILE_SECONDS),
        (disguised, FILE_TRIALS, FILE_SECONDS),
        (truncated, FILE_TRIALS, FILE_SECONDS),
        (renamed_over, FILE_TRIALS, FILE_SECONDS),
        (renamed_with_fixed_time, FILE_TRIALS, FILE_SECONDS),
        (folder_renamed, ROOT_TRIALS, ROOT_SECONDS),
        (link_switched, ROOT_TRIALS, ROOT_SECONDS),
    ]
    path = folder / "sites" / DOMAIN / "page.html"
    path.parent.mkdir(parents=True)
    path.write_bytes(content(0))
    linked = folder / "sites" / LINKED / "page.html"
    link_switched(linked, 0)
    version = 0
    with Server(shost, "--sites", folder / "sites") as server:
        client = server.client()
        for change, trials, most in rows:
            worst = 0.0
            for _ in range(trials):
                version += 1
                changed = linked if change is link_switched else path
                change(changed, version)
                worst = max(worst, oldest_answer(client, changed.parent.name, version))
            name = change.__name__.replace("_", " ")
            yield (
                worst <= most,
                (
                    f"{name}, {trials} times: an old answer began at most "
                    f"{worst * 1000:.0f} ms later (may be {most * 1000:.0f})"
                ),
            )
