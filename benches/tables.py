"""Writes tables and numbers for pages of Markdown. Knows no figure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["short", "table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Give the lines of a table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def short(value: float) -> str:
    """Write a number with as many digits as one reads."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
