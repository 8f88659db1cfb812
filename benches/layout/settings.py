"""How large, how often and where; from the environment. Reads nothing else."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = [
    "CLAIM",
    "DRAINED",
    "DRAINS",
    "DRAIN_SECONDS",
    "FINISHED",
    "FOLDER",
    "HOLD_SECONDS",
    "IS_FULL",
    "LAYOUTS",
    "LOADS",
    "PAGE",
    "PENDING",
    "REPEATS",
    "ROOT",
    "ROUNDS",
    "SCHEDULED",
    "SERVER",
    "WORKED",
    "WORKING",
]

ROOT = Path(__file__).parents[2]


QUICK = os.environ.get("LAYOUT_QUICK", "") not in {"", "0"}


def _number(name: str, default: int, quick: int) -> int:
    return int(os.environ.get(f"LAYOUT_{name}", quick if QUICK else default))


def _names(name: str) -> list[str]:
    return os.environ.get(f"LAYOUT_{name}", "").split()


FINISHED = _number("FINISHED", 10_000_000, 300_000)
PENDING = _number("PENDING", 1_000_000, 100_000)
SCHEDULED = _number("SCHEDULED", 1_000_000, 100_000)
IS_FULL = FINISHED >= 10_000_000 and min(PENDING, SCHEDULED) >= 1_000_000

# Steps that wait in every load, so that there is something to claim.
WORKING = _number("WORKING", 10_000, 10_000)
# Steps worked, from enqueue to finish, while an old snapshot is held open.
WORKED = _number("WORKED", 200_000, 40_000)
# For at least so long, so that autovacuum comes by while it is held.
HOLD_SECONDS = _number("HOLD_SECONDS", 120, 20)
DRAINED = _number("DRAINED", 200_000, 40_000)
# How often each load is drained; the empty one always in each round.
DRAINS = _number("DRAINS", 1, 1)
DRAIN_SECONDS = _number("DRAIN_SECONDS", 20, 6)
CLAIM = 100
# Layouts take turns so often, each time with so many repetitions.
ROUNDS = _number("ROUNDS", 3, 1)
REPEATS = _number("REPEATS", 5, 3)

# Empty: all.
LAYOUTS = _names("LAYOUTS")
LOADS = _names("LOADS")

CACHE = Path(os.environ.get("BENCH_CACHE", Path.home() / ".cache" / "fleet-q" / "bench"))
FOLDER = Path(os.environ.get("LAYOUT_FOLDER", CACHE / "layout"))
PAGE = Path(os.environ.get("LAYOUT_PAGE", ROOT / "docs" / "benchmarks" / "postgres-layout.md"))

# All that differs from the server's defaults.
SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB"}
