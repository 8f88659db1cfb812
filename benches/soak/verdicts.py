"""Says whether anything grew, and whether a step was lost or recorded twice: the rules that the page states."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

__all__ = ["LIMITS", "SKIPPED", "Limit", "Series", "Verdict", "grown", "judged", "slope"]

Series: TypeAlias = Sequence[tuple[float, float]]
"""Moments, in seconds, and what was seen at each."""

SKIPPED = 0.1
"""Of the time, at its begin: until caches and tables have the size at which they stay."""

PAIRS_OF = 400
"""From more moments than that, as many are taken at even distances."""


@dataclass(frozen=True)
class Limit:
    """How much one thing may grow over the time that is judged."""

    what: str
    metric: str
    at_most: float
    unit: str
    """`%` is of its median."""


LIMITS = (
    Limit("memory of the worker that is not killed", "rss 0", 10.0, "MiB"),
    Limit("p50 of enqueue → start", "p50", 25.0, "%"),
    Limit("p99 of enqueue → start", "p99", 25.0, "%"),
    Limit("tables", "table", 10.0, "%"),
    Limit("indexes", "indexes", 10.0, "%"),
)


@dataclass(frozen=True)
class Verdict:
    """One thing that must hold."""

    what: str
    found: str
    asked: str
    holds: bool


def judged(samples: Sequence[Mapping[str, float]], end: Mapping[str, float]) -> list[Verdict]:
    """Judge what grew, and what became of the steps."""
    verdicts = []
    for limit in LIMITS:
        if (
            more := grown([(one["t"], one[limit.metric]) for one in samples if limit.metric in one], limit)
        ) is not None:
            found, asked = f"{more:+.1f} {limit.unit}", f"≤ {limit.at_most:g} {limit.unit}"
            verdicts.append(Verdict(f"growth: {limit.what}", found, asked, more <= limit.at_most))
    kept = [name for name in ("lost", "recorded twice") if name in end]
    return verdicts + [Verdict(f"steps {name}", f"{end[name]:,.0f}", "0", end[name] == 0) for name in kept]


def grown(series: Series, limit: Limit) -> float | None:
    """Give by how much something grew after the first tenth, if there is enough to say so."""
    if not series:
        return None
    begin, end = series[0][0], series[-1][0]
    rest = [(at, value) for at, value in series if at >= begin + SKIPPED * (end - begin)]
    if len(rest) < 3:
        return None
    more = slope(rest) * (rest[-1][0] - rest[0][0])
    if limit.unit != "%":
        return more
    usual = statistics.median(value for _, value in rest)
    return 100 * more / usual if usual else 0.0


def slope(series: Series) -> float:
    """Give the median slope of all pairs, which a few spikes do not bend, as those after a kill."""
    step = -(-len(series) // PAIRS_OF)
    pairs = combinations(series[::step], 2)
    slopes = [(later - earlier) / (until - since) for (since, earlier), (until, later) in pairs if until > since]
    return statistics.median(slopes) if slopes else 0.0
