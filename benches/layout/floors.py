"""Knows where a claim over all queues may begin to look, as `src/rules/floors.rs` does. Locks and asks nothing.

A twin in Python, so that what a pod sends can be measured without a pod; statements of a layout that knows no
floors ignore what it gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from layout.statements import NEVER, Value

__all__ = ["MARGIN_MS", "Floors", "Seen"]

MARGIN_MS = 1_000
FULL_LOOK_MS = 1_000
FULL_LOOK_SHARE = 20
STEPS_PER_LOOK = 256
CLAIMS_PER_LOOK = 8
LOWEST, HIGHEST = -(2**31) - 1, 2**31


@dataclass
class Seen:
    """What the answers of a cycle said."""

    # The first moment of each priority that was asked for; empty if none was.
    fronts: Sequence[int | None]
    due: int | None
    now: int
    spent_ms: int
    # The priorities of the steps that were claimed.
    claimed: Sequence[int]


@dataclass
class Floors:
    """The floor of each priority, and until when they are believed."""

    since: dict[int, int] = field(default_factory=dict[int, int])
    trusted_from: int = 0
    trusted_until: int = NEVER
    # The same for steps that are scheduled, by when they are due.
    due: int = NEVER
    due_from: int = 0
    due_until: int = NEVER
    steps: int = 0
    claims: int = CLAIMS_PER_LOOK

    def asks(self) -> bool:
        """Say whether a cycle asks where the fronts are now."""
        return bool(self.since) and (self.steps >= STEPS_PER_LOOK or self.claims >= CLAIMS_PER_LOOK)

    def given(self, queues: Sequence[str] = ()) -> dict[str, Value]:
        """Give the values by which statements begin at the floors, over all queues or in some."""
        priorities = sorted(self.since, reverse=True)
        below, at = [HIGHEST, *priorities], [*priorities, LOWEST]
        since = [*(self.since[one] for one in priorities), NEVER]
        spans = max(1, len(queues))
        return {
            **self._trusted(),
            "below": below * spans,
            "at": at * spans,
            "since": since * spans,
            "span_queues": [queue for queue in queues for _ in at],
        }

    def asked(self) -> dict[str, Value]:
        """Give the values of the question where the fronts are."""
        return {
            **self._trusted(),
            "queues": [None] * len(self.since),
            "at": list(self.since),
            "since": list(self.since.values()),
        }

    def _trusted(self) -> dict[str, Value]:
        return {
            "trusted_from": self.trusted_from,
            "trusted_until": self.trusted_until,
            "due_floor": self.due,
            "due_from": self.due_from,
            "due_until": self.due_until,
        }

    def learn(self, seen: Seen) -> None:
        """Learn from a cycle that was committed."""
        self._learn_due(seen)
        full = not self.trusted_from <= seen.now <= self.trusted_until
        asked = bool(seen.fronts) or not self.since
        latest = seen.now - MARGIN_MS

        def raised(old: int, front: int | None) -> int:
            new = latest if front is None else min(front, latest)
            return new if full else max(new, old)

        for (priority, since), front in zip(list(self.since.items()), seen.fronts, strict=False):
            self.since[priority] = raised(since, front)
        self.trusted_from = latest
        if full and asked:
            self.trusted_until = seen.now + _pause_ms(seen)
        if asked:
            self.steps, self.claims = 0, 0
        self.steps += len(seen.claimed)
        self.claims = CLAIMS_PER_LOOK if full and not asked else self.claims + 1
        for priority in seen.claimed:
            self.since.setdefault(priority, NEVER)

    def _learn_due(self, seen: Seen) -> None:
        latest = seen.now - MARGIN_MS
        front = latest if seen.due is None else min(seen.due, latest)
        if self.due_from <= seen.now <= self.due_until:
            self.due = max(self.due, front)
        else:
            self.due, self.due_until = front, seen.now + _pause_ms(seen)
        self.due_from = latest


def _pause_ms(seen: Seen) -> int:
    """Say how long after a full look none is needed."""
    return max(FULL_LOOK_MS, seen.spent_ms * FULL_LOOK_SHARE)
