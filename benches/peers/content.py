"""The site that every server serves: made once, the same bytes on every machine."""

import os
import random
import shutil

from lib.certificate import write_certificate

BULK_MIB = 100
DISTINCT_FILES = 50_000
FILES_PER_FOLDER = 500
MODIFIED = 1_700_000_000  # one time for all files, so that validators do not differ between runs

# What a page refers to besides itself: 20 resources, as many and as large as on a small real site.
RESOURCES = [
    *((f"style-{n}.css", size) for n, size in enumerate((18_000, 6_000))),
    *((f"script-{n}.js", size) for n, size in enumerate((42_000, 15_000, 7_000, 3_000))),
    *((f"font-{n}.woff2", size) for n, size in enumerate((24_000, 22_000))),
    *((f"photo-{n}.webp", size) for n, size in enumerate((48_000, 36_000, 30_000, 24_000, 18_000))),
    *((f"icon-{n}.svg", 1_500) for n in range(5)),
    *((f"picture-{n}.png", 9_000) for n in range(2)),
]


# A site with 20 rules for fields, of which one holds for every path, and 20 for redirects; the same
# for nginx.
FIELDS = """\
/*
  X-Frame-Options: DENY
  Referrer-Policy: strict-origin-when-cross-origin
  Cross-Origin-Opener-Policy: same-origin
  Permissions-Policy: camera=(), geolocation=(), microphone=()
  Content-Security-Policy: default-src 'self'; img-src 'self' data:; object-src 'none'
""" + "".join(f"/folder-{n}/*\n  Cache-Control: public, max-age={n}00\n" for n in range(1, 20))
REDIRECTS = "".join(f"/old-{n}/* /new-{n}/:splat 301\n" for n in range(1, 21))
NGINX_LIFETIMES = "\n".join(
    f'        ~^/folder-{n}/ "public, max-age={n}00";' for n in range(1, 20)
)
NGINX_REWRITES = "\n".join(
    f"        rewrite ^/old-{n}/(.*)$ /new-{n}/$1 permanent;" for n in range(1, 21)
)


class Site:
    """The folders of the site below `folder`; `make` fills them unless that has been done."""

    def __init__(self, folder):
        self.folder = folder
        self.sites = folder / "sites"
        self.www = self.sites / "localhost"
        self.ruled_sites = folder / "ruled"
        self.tls = folder / "tls"
        self.certificate = self.tls / "localhost" / "cert.pem"
        self.key = self.tls / "localhost" / "key.pem"

    def make(self):
        """Writes every file; the last one says that all are there."""
        self.make_all()
        self.make_ruled()

    def make_all(self):
        done = self.folder / "complete"
        if done.exists():
            return
        words = Words(random.Random(7))
        self.www.mkdir(parents=True, exist_ok=True)
        self.write("1k.html", words.document(1024))
        self.write("20k.html", words.document(20 * 1024))
        self.write("text.html", words.document(60_000))
        self.make_page(words)
        self.make_bulk(words.random)
        self.make_distinct(words)
        self.make_certificate()
        done.touch()

    def make_ruled(self):
        """The small files again, in a site with rules."""
        ruled = self.ruled_sites / "localhost"
        for name in ("1k.html", "20k.html", "text.html", "many/00/000.html"):
            (ruled / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.www / name, ruled / name)
        shutil.copytree(self.www / "page", ruled / "page", dirs_exist_ok=True)
        (ruled / "_headers").write_text(FIELDS)
        (ruled / "_redirects").write_text(REDIRECTS)

    def make_page(self, words):
        """A document that refers to 20 resources."""
        names = [name for name, _ in RESOURCES]
        self.write("page/index.html", words.document(12_000, [f"/page/{name}" for name in names]))
        for name, size in RESOURCES:
            packed = name.endswith((".woff2", ".webp", ".png"))
            content = words.random.randbytes(size) if packed else words.text(size)
            self.write(f"page/{name}", content)

    def make_bulk(self, source):
        """A large file that does not compress."""
        with open(self.www / "bulk.bin", "wb") as file:
            for _ in range(BULK_MIB):
                file.write(source.randbytes(1 << 20))
        os.utime(self.www / "bulk.bin", (MODIFIED, MODIFIED))

    def make_distinct(self, words):
        """More files than most caches hold."""
        documents = [words.document(size) for size in (700, 1500, 3000, 6000)]
        for number in range(DISTINCT_FILES):
            name = f"many/{number // FILES_PER_FOLDER:02}/{number % FILES_PER_FOLDER:03}.html"
            self.write(name, words.random.choice(documents))

    def make_certificate(self):
        """ECDSA on P-256, as the public authorities issue them."""
        write_certificate(self.certificate.parent, "localhost", "127.0.0.1", days=3650)

    def write(self, name, content):
        """One file, with the time that all have."""
        path = self.www / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (MODIFIED, MODIFIED))


class Words:
    """Text that compresses about as well as prose with markup does."""

    def __init__(self, source):
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.random = source
        self.words = [
            "".join(source.choices(letters, k=source.randint(2, 10))) for _ in range(3000)
        ]

    def text(self, size):
        """Exactly `size` bytes of words."""
        lines = []
        length = 0
        while length < size:
            lines.append(" ".join(self.random.choices(self.words, k=12)) + "\n")
            length += len(lines[-1])
        return "".join(lines).encode()[:size]

    def document(self, size, resources=()):
        """Exactly `size` bytes of HTML that refers to `resources`."""
        head = "<!doctype html><html><head><title>Benchmark</title>\n"
        head += "".join(f"{reference(path)}\n" for path in resources) + "</head><body>\n"
        paragraphs = []
        length = len(head)
        while length < size:
            paragraphs.append(f"<p>{' '.join(self.random.choices(self.words, k=12))}</p>\n")
            length += len(paragraphs[-1])
        end = "\n</body></html>"
        return (head + "".join(paragraphs)).encode()[: size - len(end)] + end.encode()


def reference(path):
    """The element that makes a browser ask for `path`."""
    if path.endswith(".css"):
        return f'<link rel="stylesheet" href="{path}">'
    if path.endswith(".js"):
        return f'<script defer src="{path}"></script>'
    if path.endswith(".woff2"):
        return f'<link rel="preload" as="font" crossorigin href="{path}">'
    return f'<img alt="" src="{path}">'
