"""How long, how hard and where, for the soak; from the environment. Reads nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from postgres.settings import CACHE, ROOT, flag

__all__ = [
    "COMMAND",
    "EVERY_S",
    "KEEP_S",
    "KEPT",
    "KILL_S",
    "MINUTES",
    "PAGE",
    "PAGE_ONLY",
    "PEAK_S",
    "QUICK",
    "SHARE",
    "WORKERS",
]

QUICK = flag("SOAK_QUICK")
PAGE_ONLY = flag("SOAK_PAGE_ONLY")
MINUTES = float(os.environ.get("SOAK_MINUTES", "1" if QUICK else "60"))
SHARE = 0.7
"""Of the peak: how much is asked for."""

PEAK_S = 6.0 if QUICK else 60.0
EVERY_S = 3.0 if QUICK else 10.0
"""Between two looks."""

KILL_S = 15.0 if QUICK else 60.0
"""Between two kills."""

WORKERS = 4
KEEP_S = 60
"""How long ended steps are kept: as short as the setting allows, so that the table has a size at which it stays."""

KEPT = CACHE / ("soak-quick.json" if QUICK else "soak.json")
PAGE = Path(os.environ.get("SOAK_PAGE", ROOT / "docs" / "benchmarks" / "soak.md"))
COMMAND = f"SOAK_MINUTES={MINUTES:g} make soak"
