"""How much, how often and where, for curves; from the environment. Reads nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from postgres.settings import CACHE, ROOT, flag

__all__ = ["COMMAND", "KEPT", "LASTS_S", "LATENCIES", "PAGE", "PAGE_ONLY", "PICKED", "QUICK", "REPEATS", "RESUME"]

QUICK = flag("CURVES_QUICK")
REPEATS = 1 if QUICK else int(os.environ.get("CURVES_REPEATS", "3"))
RESUME, PAGE_ONLY = flag("CURVES_RESUME"), flag("CURVES_PAGE_ONLY")
PICKED = frozenset(os.environ.get("CURVES", "").replace("+", " ").split())
"""Names of curves; empty: all of them."""

LASTS_S = 1.0 if QUICK else 4.0
"""How long workers work at one point, at most."""

LATENCIES = 10 if QUICK else 100
KEPT = CACHE / ("curves-quick.json" if QUICK else "curves.json")
PAGE = Path(os.environ.get("CURVES_PAGE", ROOT / "docs" / "benchmarks" / "postgres-curves.md"))
"""Beside it lie its plots."""

COMMAND = f"{'CURVES_QUICK=1' if QUICK else f'CURVES_REPEATS={REPEATS}'} make bench-curves"
