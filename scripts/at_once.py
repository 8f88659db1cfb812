#!/usr/bin/env python3
"""Runs commands at the same time, for tests that mostly wait, and prints what each said when it has ended.

`at_once.py 'COMMAND' 'COMMAND'…` ends with 0 if all did, else with the code of the first that did not. Every
command runs to its end, so that one failure does not hide another.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def main() -> int:
    """Run, wait, tell."""
    commands = sys.argv[1:]
    with ThreadPoolExecutor(len(commands)) as pool:
        codes = list(pool.map(_run, commands))
    return next((code for code in codes if code), 0)


def _run(command: str) -> int:
    begun = time.monotonic()
    ran = subprocess.run(
        shlex.split(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    # One call of print, so that two do not mix.
    print(f"--- {command}: {time.monotonic() - begun:.0f} s, code {ran.returncode}\n{ran.stdout}", flush=True)
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
