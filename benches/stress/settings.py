"""How much, how long and where, for stress; from the environment. Reads nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from postgres.settings import CACHE, ROOT, flag

__all__ = ["COMMAND", "HELD_S", "IDLE_S", "KEPT", "LASTS_S", "PAGE", "PAGE_ONLY", "QUICK", "REPEATS", "RESUME", "WAKES"]

QUICK = flag("STRESS_QUICK")
REPEATS = 1 if QUICK else int(os.environ.get("STRESS_REPEATS", "3"))
RESUME, PAGE_ONLY = flag("STRESS_RESUME"), flag("STRESS_PAGE_ONLY")
LASTS_S = 1.0 if QUICK else 12.0
"""How long pods claim, at most."""

HELD_S = float(os.environ.get("STRESS_HELD_S", "10" if QUICK else "600"))
"""How long an old snapshot is held."""

WAKES = 6 if QUICK else 30
"""How many single steps idle pods are woken for."""

IDLE_S = 6.0 if QUICK else 30.0
"""How long they are watched while there is nothing."""

KEPT = CACHE / ("stress-quick.json" if QUICK else "stress.json")
PAGE = Path(os.environ.get("STRESS_PAGE", ROOT / "docs" / "benchmarks" / "postgres-stress.md"))
COMMAND = f"{'STRESS_QUICK=1' if QUICK else f'STRESS_REPEATS={REPEATS}'} make bench-stress"
