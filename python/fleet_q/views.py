"""Shows what the core knows of the fleet as typed values. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, TypedDict, cast

from .types import Json, State

if TYPE_CHECKING:
    from ._core import SchemaDict

__all__ = ["Health", "PodInfo", "Schema", "Stats"]


@dataclass(frozen=True)
class Stats:
    """How many steps stand where."""

    counts: dict[str, dict[State, int]]
    """By queue, then state; what is absent is zero."""
    paused: tuple[str, ...]

    def total(self, state: State) -> int:
        """Count the steps in this state over all queues."""
        return sum(states.get(state, 0) for states in self.counts.values())

    @classmethod
    def read(cls, row: Mapping[str, object]) -> Stats:
        """Read what the core gives."""
        return cls(cast("dict[str, dict[State, int]]", row["counts"]), tuple(cast("list[str]", row["paused"])))


@dataclass(frozen=True)
class PodInfo:
    """One registration of one process, by the database's clock."""

    pod_id: str
    status: Literal["up", "draining", "dormant", "down"]
    birth_ts: datetime
    last_heartbeat_ts: datetime
    can_lead: bool
    meta: dict[str, Json]

    @classmethod
    def read(cls, row: Mapping[str, object]) -> PodInfo:
        """Read what the core gives for a row of POD_HEALTH."""
        meta = row.get("meta")
        return cls(
            pod_id=str(row["pod_id"]),
            status=cast("Literal['up', 'draining', 'dormant', 'down']", row["status"]),
            birth_ts=_time(row["birth_ts"]),
            last_heartbeat_ts=_time(row["last_heartbeat_ts"]),
            can_lead=bool(row.get("can_lead")),
            meta=cast("dict[str, Json]", meta) if isinstance(meta, dict) else {},
        )


@dataclass(frozen=True)
class Schema:
    """What schema a database has, and what this version of fleet-q would make of it.

    >>> Schema(version=0, min_compatible=0, speaks=1, pending=(1,)).state
    'pending'
    """

    version: int
    """0 without tables."""
    min_compatible: int
    """The oldest schema version that code must speak to work with these tables."""
    speaks: int
    """The version this fleet-q writes."""
    pending: tuple[int, ...]
    """What `migrate` would go through."""

    @property
    def state(self) -> Literal["current", "pending", "newer", "too_new"]:
        """Say whether this fleet-q can work with it: `newer` ones it can, `too_new` ones it cannot."""
        if self.min_compatible > self.speaks:
            return "too_new"
        if self.version > self.speaks:
            return "newer"
        return "pending" if self.pending else "current"

    @classmethod
    def read(cls, row: SchemaDict) -> Schema:
        """Read what the core gives."""
        return cls(row["version"], row["min_compatible"], row["speaks"], tuple(row["pending"]))


class Health(TypedDict):
    """What this process knows of itself without asking the store. Ages and lags are seconds."""

    pod_id: str | None
    status: str
    leader: str | None
    is_leader: bool
    last_beat_age_s: float | None
    fenced: bool
    in_flight: int
    capacity: int
    journal_depth: int
    journal_error: str | None
    loop_lag_s: float
    blocked_by: str | None
    overdue: list[str]
    store_ok: bool | None
    live: bool
    live_reason: str | None
    ready: bool
    ready_reason: str | None


def _time(value: object) -> datetime:
    seconds = value if isinstance(value, (int, float)) else 0
    return datetime.fromtimestamp(seconds, timezone.utc)
