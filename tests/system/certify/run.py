#!/usr/bin/env python3
"""Tries `shost certify` with pebble: certificates, renewals, and everything that may go wrong.

    tests/system/certify/run.py --shost target/debug/shost [--only first]

Prints one line per promise and closes with `N passed, N failed`. Needs root, for network and mount
namespaces of its own (ports 80 and 443 and the names in them are not the machine's); pebble,
openssl and strace; and a binary that is linked dynamically, for the clock to be changed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import authority
import beside
import faults
import inputs
import world

import certificates

CASES = {
    "first": [certificates.three_names, certificates.two_at_once, certificates.left_alone],
    "renewal": [certificates.renewal, certificates.rehearsal, certificates.second_authority],
    "names": [certificates.names_elsewhere, certificates.by_the_dns, certificates.binding],
    "inputs": [inputs.folders, inputs.places, inputs.options],
    "beside": [beside.one_command, beside.ends, beside.killed, beside.impeded],
    "faults": [faults.requests, faults.rates, faults.nonsense, faults.down, faults.refused],
    "ends": [faults.killed_at_requests, faults.writes, faults.clock],
}
INSIDE = "SHOST_TEST_INSIDE"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--shost", required=True, type=pathlib.Path)
    arguments.add_argument("--only", choices=CASES, action="append")
    arguments = arguments.parse_args()
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    del os.environ[INSIDE]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        shared = pathlib.Path(folder)
        world.take_names(shared)
        authority.make_keys(shared)
        with authority.Names():
            for name in arguments.only or CASES:
                for case in CASES[name]:
                    for held, told in tried(case, arguments.shost.resolve(), shared):
                        passed += bool(held)
                        failed += not held
                        print("held  " if held else "FAILED", name, "-", told, flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def tried(case, shost, shared):
    """What a case says; one that breaks has failed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            yield from case(shost, pathlib.Path(folder), shared)
        except Exception:
            yield False, f"{case.__name__}: {traceback.format_exc()}"


if __name__ == "__main__":
    main()
