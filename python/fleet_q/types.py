"""Names the types that cross the public surface. Holds no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal, TypeAlias, Union

__all__ = ["FINAL_STATES", "Json", "JsonIn", "Seconds", "State", "StopReason"]

State: TypeAlias = Literal["blocked", "scheduled", "pending", "claimed", "completed", "failed", "cancelled"]
"""Where a step stands."""

StopReason: TypeAlias = Literal["cancel", "timeout", "shutdown", "fenced", "lost"]
"""Why a body should end early."""

Json: TypeAlias = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]  # noqa: UP007 - it names itself
"""What JSON text becomes when it is read."""

JsonIn: TypeAlias = Union[  # noqa: UP007 - it names itself
    None, bool, int, float, str, Sequence["JsonIn"], Mapping[str, "JsonIn"]
]
"""What may be written as JSON."""

Seconds: TypeAlias = float | timedelta
"""A duration: seconds, or a timedelta."""

FINAL_STATES: frozenset[State] = frozenset(("completed", "failed", "cancelled"))
"""States that no outcome leaves."""
