"""Shows what the core knows of the fleet as typed values. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal, TypedDict, cast

from .types import Json, State

__all__ = ["Health", "PodInfo", "Stats"]


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
