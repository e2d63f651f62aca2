#!/usr/bin/env python3
"""Measures what shost promises of its cache, its freshness and its reload.

    tests/system/promises/run.py --shost target/release/shost [--only memory]

Prints one line per promise with its figure and closes with `N passed, N failed`. Memory is only
worth measuring on a release build. Needs curl, h2load (nghttp2-client), nft, openssl and strace.
"""

import argparse
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import changes
import deadlines
import disk
import faults
import forms
import forwarding
import greed
import memory
import reloads

PROMISES = {
    "reload": [reloads.under_load],
    "freshness": [changes.freshness],
    "disk": [disk.hot_hits],
    "memory": [memory.idle, memory.connections, memory.given_back, memory.storm],
    "forms": [forms.forms],
    "forwarding": [forwarding.redirects],
    "greed": [greed.greed],
    "faults": [faults.disk_errors, faults.stalled_log, faults.unmounted],
    "deadlines": [deadlines.crowds, deadlines.stalled, deadlines.patience],
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--shost", required=True, type=pathlib.Path)
    arguments.add_argument("--only", choices=PROMISES, action="append")
    arguments = arguments.parse_args()
    passed = failed = 0
    for name in arguments.only or PROMISES:
        for measure in PROMISES[name]:
            with tempfile.TemporaryDirectory() as folder:
                for held, figure in measure(arguments.shost.resolve(), pathlib.Path(folder)):
                    passed += held
                    failed += not held
                    print("held  " if held else "FAILED", name, "-", figure, flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
