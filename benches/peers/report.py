"""What the figures come to: medians, ratios, and the table of them."""

import dataclasses
import statistics

BASE = "nginx"
LOG_SUFFIX = ", log on"
LOG_OFF_SUFFIX = ", log off"

UNITS = {"cpu": "µs CPU per {unit}", "p999": "µs, p99.9", "memory": "KiB per connection"}


@dataclasses.dataclass
class Summary:
    """The rounds of one server in one workload."""

    server: str
    value: float
    ratio: float | None
    rate: float | None
    spread: float
    noise: float
    faults: list
    details: dict

    def line(self):
        """A line for the terminal."""
        ratio = f"×{self.ratio:.2f}" if self.ratio else "-"
        rate = f"{self.rate:11.0f}/s" if self.rate else " " * 13
        text = f"{self.server:20} {self.value:10.2f} {ratio:>7} {rate}"
        text += f"  spread {self.spread:3.0f}%  noise {self.noise:3.0f}%"
        text += "".join(f"  {key} {shown(value)}" for key, value in self.details.items())
        return text + "".join(f"  ! {fault}" for fault in self.faults)


def summarize(workload, cells):
    """One summary for each server, in the order of measurement."""
    base = cells.get(BASE + LOG_SUFFIX if workload.logs else BASE)
    reference = median(base, workload.figure) if base else None
    return [summary(workload, name, rounds, reference) for name, rounds in cells.items() if rounds]


def summary(workload, name, rounds, reference):
    value = median(rounds, workload.figure)
    values = [entry[workload.figure] for entry in rounds]
    skipped = {"cpu", "rate", "noise", "fault", workload.figure}
    details = {
        key: median(rounds, key) if isinstance(rounds[0][key], (int, float)) else rounds[-1][key]
        for key in rounds[0]
        if key not in skipped and rounds[0][key]
    }
    if workload.figure != "cpu" and "cpu" in rounds[0]:
        details["cpu"] = median(rounds, "cpu")
    return Summary(
        server=server_name(workload, name),
        value=value,
        ratio=value / reference if reference else None,
        rate=median(rounds, "rate") if "rate" in rounds[0] else None,
        spread=100 * (max(values) - min(values)) / value if value else 0,
        noise=median(rounds, "noise"),
        faults=sorted({entry["fault"] for entry in rounds if entry["fault"]}),
        details=details,
    )


def server_name(workload, name):
    """Where logs are on, one without is the exception."""
    off = LOG_OFF_SUFFIX if workload.logs and not name.endswith(LOG_SUFFIX) else ""
    return name.removesuffix(LOG_SUFFIX) + off


def median(rounds, key):
    return statistics.median(entry[key] for entry in rounds)


def shown(value):
    return f"{value:.0f}" if isinstance(value, float) else value


def print_workload(workload, summaries):
    """The figures of one workload, as soon as they are there."""
    print(f"\n== {workload.title} ({UNITS[workload.figure].format(unit=workload.unit)})")
    for entry in summaries:
        target = ""
        if entry.server == "shost" and workload.at_most and entry.ratio:
            met = "met" if entry.ratio <= workload.at_most else "NOT MET"
            target = f"  at most ×{workload.at_most:.2f}: {met}"
        print(entry.line() + target, flush=True)


def print_log_cost(cells):
    """What shost's access log costs."""
    log = cells.get("log", {})
    without, logged = log.get("shost"), log.get("shost" + LOG_SUFFIX)
    if without and logged:
        ratio = median(logged, "cpu") / median(without, "cpu")
        print(f"\nshost with its access log on takes ×{ratio:.2f} of the CPU time without")


def markdown(workloads, summaries, versions, told):
    """The table for people: a row for each workload, a column for each server."""
    servers = [name for name in versions if not name.endswith(LOG_SUFFIX)]
    heads = [f"{name} {versions[name]}".strip() for name in servers]
    lines = [
        "| work | unit | " + " | ".join(heads) + " | noise |",
        "|---|---|" + "---|" * len(heads) + "---|",
    ]
    for workload in workloads:
        found = {entry.server: entry for entry in summaries.get(workload.name, [])}
        if found:
            cells = [cell(found.get(name)) for name in servers]
            noise = statistics.median(entry.noise for entry in found.values())
            unit = UNITS[workload.figure].format(unit=workload.unit)
            lines.append(f"| {workload.title} | {unit} | {' | '.join(cells)} | {noise:.0f}% |")
    return "\n".join(lines) + f"\n\n{told}\n"


def cell(entry):
    """A value, its ratio to nginx, and a mark if something failed."""
    if entry is None:
        return "–"
    value = f"{entry.value:.1f}" if entry.value < 100 else f"{entry.value:.0f}"
    ratio = f" ({entry.ratio:.2f})" if entry.ratio and entry.server != BASE else ""
    return value + ratio + (" !" if entry.faults else "")
