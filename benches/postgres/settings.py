"""How much, how often and where; from the environment. Reads nothing else."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = [
    "CACHE",
    "COMMAND",
    "IDLE_S",
    "IS_WHOLE",
    "LASTS_S",
    "LONG",
    "ONLY",
    "PAGE",
    "PART",
    "QUICK",
    "REPEATS",
    "RESUME",
    "ROOT",
    "SCRATCH",
    "WHEEL",
    "flag",
]

ROOT = Path(__file__).parents[2]


def flag(name: str) -> bool:
    """Say whether a variable switches something on."""
    return os.environ.get(name, "") not in {"", "0"}


QUICK = flag("BENCH_QUICK")
REPEATS = int(os.environ.get("BENCH_REPEATS", "1" if QUICK else "5"))
PART = 15 if QUICK else 1
"""By how much a quick run divides what is enqueued and drained."""

LASTS_S = float(os.environ.get("BENCH_LASTS", "4"))
"""About how long a repetition of a full run takes, if the most that it may take is not less."""

IDLE_S = 4.0 if QUICK else 20.0
LONG = 20_000 if QUICK else int(os.environ.get("BENCH_LONG", "1000000"))
"""After so many steps of one drain memory is looked at once more."""

ONLY = frozenset(os.environ.get("BENCH_ONLY", "").replace(",", " ").split())
"""Names of scenes, or of their groups; empty: all of them."""

RESUME = flag("BENCH_RESUME")
CACHE = Path(os.environ.get("BENCH_CACHE", Path.home() / ".cache" / "fleet-q" / "bench"))
WHEEL = Path(os.environ.get("BENCH_WHEEL") or next((CACHE / "dist").glob("*.whl"), CACHE / "dist"))
SCRATCH = Path(os.environ.get("BENCH_FOLDER_ROOT", "/var/tmp"))  # noqa: S108 - a folder of its own is made in it
"""On the disk that is measured, and open to the account of the server: a home often is not."""

PAGE = Path(os.environ.get("BENCH_PAGE_POSTGRES", ROOT / "docs" / "benchmarks" / "postgres.md"))
"""Beside it lie its plots, and the figures that the page of the next change is compared with."""

IS_WHOLE = not QUICK and not ONLY
SHOWN = ("BENCH_LASTS", "BENCH_LONG", "BENCH_REPEATS")
SAID = [f"{name}={os.environ[name]}" for name in SHOWN if name in os.environ]
COMMAND = " ".join([*(["BENCH_QUICK=1"] if QUICK else []), *SAID, "make bench STORE=postgres"])
