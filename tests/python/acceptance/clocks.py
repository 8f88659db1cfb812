"""Clocks that lie: a database's that is stepped while it runs, and those of pods that were never right."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest

from acceptance.stores import SCRIPT, PostgresServer, PostgresStore

__all__ = ["SteppedStore", "lying"]

PARTS = SCRIPT.with_name("debian_parts.py")


class SteppedStore(PostgresStore):
    """A schema of a server whose clock is stepped while it runs."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server)
        self._stepping = server

    def step(self, ahead_s: int) -> None:
        """Have the server's clock say so many seconds more than the truth from now on."""
        self._stepping.obey(f"ahead {ahead_s}")
        self.ahead_s = ahead_s

    def close(self) -> None:
        """Leave a server that tells the truth."""
        self.step(0)
        super().close()


def lying(ahead_s: int) -> dict[str, str]:
    """Give the environment of a process whose wall clock says so many seconds more than the truth."""
    if ahead_s == 0:
        return {}
    return {
        "LD_PRELOAD": _library(),
        "FAKETIME": f"{ahead_s:+d}",
        # What counts elapsed time is right, as on any machine whose clock is wrong.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Without, a thread of Python's may wait seconds for the GIL: the library gets its timed waits wrong.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "NO_FAKE_STAT": "1",
    }


@cache
def _library() -> str:
    said = subprocess.run([sys.executable, str(PARTS), "libfaketime"], stdout=subprocess.PIPE, text=True, check=False)
    if said.returncode != 0:
        (pytest.fail if "CI" in os.environ else pytest.skip)("NOT RUN: there is no libfaketime")
    # The last it names is the one for processes of many threads.
    return said.stdout.split()[-1]
