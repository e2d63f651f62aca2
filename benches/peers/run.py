#!/usr/bin/env python3
"""Measures shost beside nginx, h2o, lighttpd, static-web-server, Caddy and the machine's limit.

    benches/peers/run.py [--rounds 5] [--seconds 1] [--only h1-1k,page] [--peers nginx,h2o]

It installs nothing. It builds shost, its own client and the limit, makes a site, starts every
server that is there with the configuration in `servers/`, checks that all answer alike, and
measures one workload after the other, the servers in turn within each. Servers are pinned to one
core, the load to another. What counts is the server's CPU time per request: unlike requests per
second it does not depend on how fast the load program is. README.md beside this file says how to
read the figures.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "system"))

import chart
import peer
import report
from content import Site
from loads import Loads
from meter import Disturbance
from workloads import WORKLOADS

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client", "openssl": "openssl", "taskset": "util-linux"}
CLOCK_SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
NEIGHBOUR = ["sh", "-c", "while :; do :; done"]


def main():
    """From the command line to the files of results."""
    options = read_options()
    # An order to end stops the servers as well, as an interrupt does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        sys.exit(f"Missing tools. On Debian: apt-get install {' '.join(missing)}")
    raise_file_limit()
    built = build(options)
    site = Site(options.work / "site")
    print("Making the site, once …", flush=True)
    site.make()
    loads = Loads(options.load_core, options.seconds, options.rate, built["client"])
    with running(options, site, built) as servers:
        check(servers)
        measure_all(options, servers, loads, built)
    print(f"\nWritten: {options.results}/results.json, results.md, results.svg")


def read_options():
    parser = argparse.ArgumentParser(description="Measure shost beside other servers.")
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="rounds of a workload; medians are taken of them")
    add("--seconds", type=float, default=1, help="seconds of a cell")
    add("--rate", type=int, default=4000, help="requests per second where the rate is fixed")
    add("--only", type=names, help=f"workloads: {','.join(w.name for w in WORKLOADS)}")
    add("--peers", type=names, help="servers beside shost")
    add(
        "--quiet", type=float, default=15, help="repeat a cell if others took more of a core, in %%"
    )
    add("--retries", type=int, default=1, help="how often a disturbed cell is repeated")
    add("--server-core", default="0")
    add("--load-core", default="1")
    add("--shost", type=pathlib.Path, help="measure this program instead of building one")
    add("--before", type=pathlib.Path, help="an older build of shost, measured beside it")
    add("--work", type=pathlib.Path, default=PROJECT / "target" / "peers", help="scratch folder")
    add("--results", type=pathlib.Path, default=HERE / "results", help="folder for the results")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.workloads = [w for w in WORKLOADS if not options.only or w.name in options.only]
    return options


def names(text):
    return text.split(",")


def raise_file_limit():
    """A thousand connections need as many descriptors, here and in every server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def build(options):
    """Builds shost, unless one was given, and those programs beside this file that are wanted."""
    shost = options.shost
    if not shost:
        static = PROJECT / "container" / "static"  # what people install: compiled by a profile
        shost = pathlib.Path(subprocess.check_output([static], text=True).strip())
    programs = {"shost": shost.resolve()}
    if options.before:
        programs["before"] = options.before.resolve()
    beside = [name for name in ("limit", "hyper") if not options.peers or name in options.peers]
    return programs | {name: tool(options, name) for name in ("client", *beside)}


def tool(options, name):
    """A program of our own that is not part of shost."""
    target = options.work / f"{name}-build"
    command = ["cargo", "build", "--release", "--locked", "--target-dir", target]
    subprocess.run(command, cwd=HERE / name, check=True)
    return target / "release" / f"peers-{name}"


@contextlib.contextmanager
def running(options, site, built):
    """All servers that are there, started; stopped in the end whatever happens."""
    servers = []
    try:
        for entry in wanted_peers(options, built):
            server = peer.Server(entry, site, built, options.work, options.server_core)
            servers.append(server)
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()


def wanted_peers(options, built):
    """The peers that were asked for and are installed; says what the others need."""
    logs = any(workload.logs for workload in options.workloads)
    for entry in peer.PEERS:
        plain_name = entry.name.removesuffix(report.LOG_SUFFIX)
        if options.peers and plain_name not in ("shost", "before", *options.peers):
            continue
        if (entry.logs and not logs) or (entry.name == "before" and not options.before):
            continue
        if peer.find(entry, built):
            yield entry
        else:
            print(f"{entry.name} is not here. To measure it: {entry.install}")


def check(servers):
    """Figures of servers that answer differently could not be compared."""
    for server in servers:
        faults = server.faults()
        print(f"{server.name}: {'; '.join(faults) or 'answers as it should'}", flush=True)


def measure_all(options, servers, loads, built):
    """Every workload. The results are written after each: a run can be ended early."""
    versions = {server.name: peer.version(server.peer, built) for server in servers}
    cells = {}
    for workload in options.workloads:
        chosen = [server for server in servers if fits(server, workload)]
        cells[workload.name] = measure(options, workload, chosen, loads)
        report.print_workload(workload, report.summarize(workload, cells[workload.name]))
        save(options, versions, cells)
    report.print_log_cost(cells)


def fits(server, workload):
    """Whether a server takes part. Where logs are on, shost without one shows what a log costs."""
    entry = server.peer
    logs = entry.logs == workload.logs or entry.name == "shost"
    wanted = not entry.workloads or workload.name in entry.workloads
    return logs and wanted and server.has(workload.listener)


def measure(options, workload, servers, loads):
    """The rounds of a workload; another server begins each of them."""
    cells = {server.name: [] for server in servers}
    if workload.prepare:
        for server in servers:
            workload.prepare(loads, server)
    for number in range(options.rounds):
        turn = number % max(1, len(servers))
        for server in servers[turn:] + servers[:turn]:
            cell = quietest(options, workload, server, loads)
            if cell:
                cells[server.name].append(cell)
    return cells


def quietest(options, workload, server, loads):
    """One cell; if others disturbed it, the least disturbed of several tries."""
    best = None
    for _ in range(options.retries + 1):
        cell = measure_once(options, workload, server, loads)
        if cell is None:
            return None
        if best is None or cell["noise"] < best["noise"]:
            best = cell
        if best["noise"] <= options.quiet:
            break
    return best


def measure_once(options, workload, server, loads):
    """Makes the load, and reads what the server spent on it."""
    if workload.figure == "memory":
        return {"noise": 0.0} | workload.run(loads, server)
    with neighbour(options) if workload.neighbour else contextlib.nullcontext():
        tree = server.tree(workload.listener)
        disturbance, before = Disturbance([tree]), tree.cpu_ns()
        outcome = workload.run(loads, server)
        spent = tree.cpu_ns() - before
        noise = disturbance.percent()
    if outcome is None:
        return None
    if not outcome.count:
        print(f"! {server.name}, {workload.name}: {outcome.fault}", flush=True)
        return None
    return {
        "cpu": spent / 1e3 / outcome.count,
        "rate": outcome.rate,
        "noise": noise - (100 if workload.neighbour else 0),
        "fault": outcome.fault,
        **outcome.details,
    }


@contextlib.contextmanager
def neighbour(options):
    """Something else that is busy on the server's core all the time."""
    process = subprocess.Popen(
        ["taskset", "-c", options.server_core, *NEIGHBOUR], start_new_session=True
    )
    try:
        yield
    finally:
        peer.end_group(process)


def save(options, versions, cells):
    """Writes results.json, results.md and results.svg of what has been measured so far."""
    workloads = [workload for workload in options.workloads if workload.name in cells]
    summaries = {w.name: report.summarize(w, cells[w.name]) for w in workloads}
    machine = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "congestion_control": kernel_setting("/proc/sys/net/ipv4/tcp_congestion_control"),
        "clock_source": kernel_setting(CLOCK_SOURCE),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "rate": options.rate,
    }
    settings = f"{machine['congestion_control']}, {machine['clock_source']}"
    told = (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, Linux "
        f"{machine['kernel']} ({settings}); medians of {options.rounds} rounds of "
        f"{options.seconds:g} s. In brackets: relative to nginx. `!`: some answers failed. Noise: "
        "CPU time that others took while it was measured, in percent of a core."
    )
    options.results.mkdir(parents=True, exist_ok=True)
    data = {"machine": machine, "versions": versions, "cells": cells}
    (options.results / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    table = report.markdown(workloads, summaries, versions, told)
    (options.results / "results.md").write_text(table)
    (options.results / "results.svg").write_text(chart.draw(workloads, summaries))


def kernel_setting(path):
    """The words of a file of the kernel's; `unknown` where it is not shown."""
    with contextlib.suppress(OSError):
        return pathlib.Path(path).read_text().strip()
    return "unknown"


def processor():
    """The processor's name."""
    with open("/proc/cpuinfo") as file:
        found = [line.split(":", 1)[1] for line in file if line.startswith("model name")]
    return found[0].strip() if found else platform.machine()


if __name__ == "__main__":
    main()
