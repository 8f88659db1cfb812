"""Chooses what the demo submits: one step per file of the standard library, and one that always fails."""

from __future__ import annotations

import sysconfig
from pathlib import Path

__all__ = ["FAIL_EVERY", "steps"]

FAIL_EVERY = 20
"""One step in this many is told to fail at its first attempt."""


def steps(limit: int | None) -> list[dict[str, object]]:
    """Give the bodies of `POST /submit`."""
    submissions: list[dict[str, object]] = [
        {"type": "analyse", "args": {"path": str(path), "fail_first": number % FAIL_EVERY == 0}}
        for number, path in enumerate(_files()[:limit])
    ]
    submissions.insert(len(submissions) // 2, {"type": "hopeless", "args": {}})
    return submissions


def _files() -> list[Path]:
    stdlib = Path(sysconfig.get_path("stdlib"))
    installed = {"site-packages", "dist-packages"}
    return sorted(path for path in stdlib.rglob("*.py") if installed.isdisjoint(path.parts) and path.is_file())
