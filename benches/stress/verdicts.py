"""Says what must hold under stress, and whether it did. Measures nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["HANDFUL", "HELD_LEAST", "PODS_LEAST", "Verdict", "handful", "held", "many_pods"]

PODS_LEAST = 0.8
"""Of the peak: what the most pods must reach together."""

HELD_LEAST = 0.7
"""Of the rate without it: what is left beside an old snapshot."""

HANDFUL = 8.0
"""Transactions that one step may cause among pods that are idle, beside those that they do anyhow."""


@dataclass(frozen=True)
class Verdict:
    """One target, what was measured, and whether that is enough."""

    what: str
    found: str
    asked: str
    reached: bool


def many_pods(rates: Mapping[float, float], when: str) -> Verdict | None:
    """Compare the rate of the most pods with the best one."""
    if not rates:
        return None
    most, best = max(rates), max(rates.values())
    ratio = rates[most] / best if best else 0.0
    return Verdict(f"{most:g} pods ÷ the best, {when}", f"{ratio:.2f}", f"≥ {PODS_LEAST}", ratio >= PODS_LEAST)


def handful(woken: float | None) -> Verdict | None:
    """Say whether one step wakes few."""
    if woken is None:
        return None
    asked = f"≤ {HANDFUL:g}"
    return Verdict("transactions that one step causes among idle pods", f"{woken:.1f}", asked, woken <= HANDFUL)


def held(beside: float | None, without: float | None, what: str) -> Verdict | None:
    """Compare the rate beside an old snapshot with the one without."""
    if beside is None or not without:
        return None
    ratio = beside / without
    asked = f"≥ {HELD_LEAST}"
    return Verdict(f"with an old snapshot ÷ without, {what}", f"{ratio:.2f}", asked, ratio >= HELD_LEAST)
