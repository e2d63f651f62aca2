"""What can be seen of a server from outside."""

import dataclasses
import time

SAMPLE_SECONDS = 5
# A line on the terminal for so many samples.
SHOWN = 6
# What the workers do on purpose is told of as such.
EXPECTED = ["more connections than there may be", "log lines were lost", "remotely-reset"]


@dataclasses.dataclass
class Sample:
    """The server at one time; memory is in KiB."""

    at: float
    memory: int
    descriptors: int
    threads: int


class Watch:
    """Samples a server."""

    def __init__(self, server):
        self.server, self.began = server, time.monotonic()

    def sample(self):
        """The server as it is now."""
        server = self.server
        at = time.monotonic() - self.began
        return Sample(at, server.memory(), server.descriptors(), server.threads())

    def until(self, soak):
        """Samples until the end, and shows some of them."""
        samples = []
        while not soak.over():
            sample = self.sample()
            if len(samples) % SHOWN == 0:
                print(
                    f"{sample.at:6.0f} s  {sample.memory / 1024:6.1f} MiB  "
                    f"{sample.descriptors:4} descriptors  {sample.threads:3} threads  "
                    f"{sum(soak.done.values()):8} things done  {len(soak.errors)} errors",
                    flush=True,
                )
            samples.append(sample)
            soak.pause(SAMPLE_SECONDS)
        return samples

    def bad_events(self):
        """Errors and warnings that nobody provoked."""
        told = [line for line in self.server.events if " ERROR " in line or " WARN " in line]
        return [line for line in told if not any(event in line for event in EXPECTED)]
