"""Holds a task's retry policy and checks it. Waits for nothing: the core computes the delays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from .exceptions import ConfigError

__all__ = ["RetryPolicy"]


@dataclass(frozen=True)
class RetryPolicy:
    """Say how often a failed step is tried again, and how long it waits before each try.

    Retry `n` (from 0) waits `min(cap, base * factor**n)` seconds, spread by `jitter`: `full` draws
    from zero to that, `equal` from its half to that, `none` takes it as it is.
    Raises ConfigError naming every problem.

    >>> RetryPolicy(max_retries=5, base=0.05, cap=30).factor
    2
    """

    max_retries: int = 3
    base: float = 1
    factor: float = 2
    cap: float = 300
    jitter: Literal["full", "equal", "none"] = "full"

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError("RetryPolicy: " + "; ".join(problems), problems=problems)

    def _problems(self) -> list[str]:
        problems: list[str] = []
        if not _is_int(self.max_retries) or not 0 <= self.max_retries <= 10_000:
            problems.append(f"max_retries must be a whole number from 0 to 10000, got {self.max_retries!r}")
        for name, value, least in (("base", self.base, 0), ("factor", self.factor, 1), ("cap", self.cap, 0)):
            if not _is_number(value) or value < least:
                problems.append(f"{name} must be a number of at least {least}, got {value!r}")
        if not problems and self.cap < self.base:
            problems.append(f"cap must not be less than base, got cap={self.cap!r}, base={self.base!r}")
        if self.jitter not in ("full", "equal", "none"):
            problems.append(f"jitter must be 'full', 'equal' or 'none', got {self.jitter!r}")
        return problems


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
