"""Medians with their spread, and how they are written. Measures nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Figure", "Latency", "figure", "latency"]


class Figure(NamedTuple):
    """The median of some repetitions."""

    median: float
    least: float
    most: float
    times: int

    def __str__(self) -> str:
        spread = f" ({_short(self.least)}–{_short(self.most)})"
        return _short(self.median) + (spread if self.times > 1 else "")


class Latency(NamedTuple):
    """Percentiles in milliseconds, each the median of its repetitions."""

    p50_ms: Figure
    p99_ms: Figure

    def __str__(self) -> str:
        return f"{self.p50_ms.median:.1f} / {self.p99_ms.median:.1f}"


def figure(values: Sequence[float]) -> Figure:
    """Sum up repetitions."""
    return Figure(statistics.median(values), min(values), max(values), len(values))


def latency(runs: Sequence[Sequence[float]]) -> Latency:
    """Sum up runs of latencies in milliseconds."""
    return Latency(figure([_percentile(run, 0.50) for run in runs]), figure([_percentile(run, 0.99) for run in runs]))


def _percentile(values: Sequence[float], part: float) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * part))]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
