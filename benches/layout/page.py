"""Writes what was measured as a page of Markdown. Judges nothing."""

from __future__ import annotations

from layout.results import Results

__all__ = ["written"]


def written(results: Results) -> str:
    """Give the page."""
    return str(len(results.facts))
