"""What a process tree costs, exactly, and what else went on meanwhile."""

import os
import re
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Tree:
    """A process and all that descend from it."""

    def __init__(self, root):
        self.root = root

    def pids(self):
        """The processes that are there now."""
        children = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                parent = parent_of(int(entry))
                children.setdefault(parent, []).append(int(entry))
        found = [self.root]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu_ns(self):
        """Nanoseconds that they have run, as the scheduler counts it, ended threads included."""
        return sum(process_cpu_ns(pid) for pid in self.pids())

    def memory_kib(self):
        """Proportional set size: pages that several of them share are counted once."""
        return sum(proportional_set_kib(pid) for pid in self.pids())


class Disturbance:
    """What others took of the machine while something was measured."""

    def __init__(self, trees):
        self.trees = trees
        self.start = self.now()

    def now(self):
        ours = children_seconds() + sum(tree.cpu_ns() for tree in self.trees) / 1e9
        return time.monotonic(), machine_seconds(), ours

    def percent(self):
        """CPU time of others and of the hypervisor, in percent of one core."""
        (began, busy_before, ours_before), (now, busy, ours) = self.start, self.now()
        others = (busy - busy_before) - (ours - ours_before)
        return max(0.0, 100 * others / (now - began))


def parent_of(pid):
    """The parent's number; 0 if the process has gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            # The name in parentheses may itself contain spaces and parentheses.
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def process_cpu_ns(pid):
    """The process's CPU clock; its number is made as in clock_getcpuclockid(3)."""
    scheduler_clock = 2
    try:
        return time.clock_gettime_ns((~pid << 3) | scheduler_clock)
    except OSError:
        return 0


def proportional_set_kib(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.MULTILINE)[1])
    except OSError:
        return 0


def machine_seconds():
    """CPU seconds of the whole machine that were not idle; time stolen by a hypervisor too."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def children_seconds():
    """CPU seconds of the load programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
