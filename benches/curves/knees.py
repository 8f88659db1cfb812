"""Says where a curve bends, and how fast a run was in between: the rules that pages state. Measures nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["ENOUGH", "FALLEN", "Knee", "knee", "steady"]

ENOUGH = 0.9
"""Of the best: who reached it gains at most a tenth by going on."""

FALLEN = 0.8
"""Of the best: who is below it has lost what is worth a thought."""

EDGE = 10
"""One of so many bodies is left out at either end: workers start, and backlogs end, one after the other."""


@dataclass(frozen=True)
class Knee:
    """The bends of one curve, as values of its axis."""

    best: float
    best_at: float
    enough_at: float
    """The least x whose rate is at least ENOUGH of the best."""
    fallen_at: float | None
    """The first x beyond the best from which on every rate is below FALLEN of the best, if the curve falls so far."""


def knee(rates: Mapping[float, float]) -> Knee | None:
    """Find the bends of a curve, if it has a point."""
    if not rates:
        return None
    points = sorted(rates.items())
    best_at, best = max(points, key=lambda point: point[1])
    enough_at = next(x for x, rate in points if rate >= ENOUGH * best)
    fallen_at = None
    for x, rate in reversed(points):
        if x <= best_at or rate >= FALLEN * best:
            break
        fallen_at = x
    return Knee(best, best_at, enough_at, fallen_at)


def steady(began_ns: Sequence[int]) -> float:
    """Give the rate of the bodies in the middle, of those that began at these moments, in order; 0 if it has none."""
    edge = len(began_ns) // EDGE
    middle = began_ns[edge : len(began_ns) - edge]
    if len(middle) < 2 or middle[-1] == middle[0]:
        return 0.0
    return (len(middle) - 1) * 1e9 / (middle[-1] - middle[0])
