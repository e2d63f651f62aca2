"""The access log of a server that writes it to a file."""

import time

WRITTEN_S = 30  # lines are written beside the answers, on a busy machine some time later


class AccessLog:
    """The lines of the file at `path`."""

    def __init__(self, path):
        self.path = path

    def lines(self, since=0):
        """The lines from number `since` on that are there."""
        return self.path.read_text().splitlines()[since:]

    def until(self, wanted, what, since=0):
        """Waits until `wanted` makes something of the lines from number `since` on."""
        until = time.monotonic() + WRITTEN_S
        while True:
            if found := wanted(self.lines(since)):
                return found
            if time.monotonic() > until:
                raise RuntimeError(f"no {what} in {self.lines(since)}")
            time.sleep(0.01)

    def line(self, *words, since=0):
        """Waits for a line from number `since` on that has all `words`."""

        def first(lines):
            return next((line for line in lines if all(word in line for word in words)), None)

        return self.until(first, f"line with {words}", since)

    def so_many(self, count):
        """Waits until there are so many lines, and gives them all."""
        return self.until(lambda lines: len(lines) >= count and lines, f"{count} lines")
