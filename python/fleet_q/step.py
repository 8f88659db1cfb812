"""Shows a stored step to Python: one frozen record, read from the core's dict. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import cast

from .types import FINAL_STATES, Json, State

__all__ = ["HIDDEN_METADATA", "StepError", "StepInfo"]

HIDDEN_METADATA = "fleet_q."
"""Keys of a payload's metadata that begin so are ours and are not shown."""


@dataclass(frozen=True)
class StepError:
    """One failure in a step's history."""

    kind: str
    """`failure`, `retry`, `discard`, `timeout` or `crash`."""
    error_type: str
    message: str
    traceback: str
    pod: str
    attempt: int
    at: datetime | None

    def __str__(self) -> str:
        return f"{self.error_type}: {self.message}"


@dataclass(frozen=True)
class StepInfo:
    """A step as it stood when it was read. Times are in UTC, by the database's clock."""

    step_id: str
    task: str
    queue: str
    status: State
    priority: int
    payload: dict[str, Json]
    retry_count: int
    max_retries: int
    crash_count: int
    claimed_by: str | None
    created_ts: datetime
    available_ts: datetime | None
    claimed_ts: datetime | None
    last_update_ts: datetime | None
    finished_ts: datetime | None
    timeout: float | None
    result: Json
    errors: tuple[StepError, ...]
    progress: Json
    unique_key: str | None
    tags: tuple[str, ...]
    cancel_requested: bool

    @property
    def error(self) -> StepError | None:
        """The last failure."""
        return self.errors[-1] if self.errors else None

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen to it, save a replay."""
        return self.status in FINAL_STATES

    @property
    def attempts(self) -> int:
        """How many runs have ended or died, the last one included once the step is final."""
        crashed_last = self.status == "failed" and self.error is not None and self.error.kind == "crash"
        ended = self.status in ("completed", "failed") and not crashed_last
        return self.retry_count + self.crash_count + int(ended)

    @classmethod
    def read(cls, row: Mapping[str, object]) -> StepInfo:
        """Read what the core gives for a row of STEP_TRACKER."""
        timeout = row.get("timeout")
        return cls(
            step_id=str(row["step_id"]),
            task=str(row["task"]),
            queue=str(row["queue"]),
            status=cast("State", row["status"]),
            priority=_int(row.get("priority")),
            payload=as_submitted(str(row["task"]), row.get("payload")),
            retry_count=_int(row.get("retry_count")),
            max_retries=_int(row.get("max_retries")),
            crash_count=_int(row.get("crash_count")),
            claimed_by=_text(row.get("claimed_by")),
            created_ts=_time(row["created_ts"]) or datetime.fromtimestamp(0, timezone.utc),
            available_ts=_time(row.get("available_ts")),
            claimed_ts=_time(row.get("claimed_ts")),
            last_update_ts=_time(row.get("last_update_ts")),
            finished_ts=_time(row.get("finished_ts")),
            timeout=float(timeout) if isinstance(timeout, (int, float)) else None,
            result=cast("Json", row.get("result")),
            errors=tuple(_error(entry) for entry in _list(row.get("error"))),
            progress=cast("Json", row.get("progress")),
            unique_key=_text(row.get("unique_key")),
            tags=tuple(str(tag) for tag in _list(row.get("tags"))),
            cancel_requested=bool(row.get("cancel_requested")),
        )


def as_submitted(task: str, payload: object) -> dict[str, Json]:
    """Give a payload in the shape it was submitted in: the seeds know two (DESIGN §10)."""
    if not isinstance(payload, dict):
        return {"type": task, "args": cast("Json", payload), "metadata": {}}
    parts = cast("dict[str, Json]", payload)
    args, kwargs, metadata = (parts.get(key) for key in ("args", "kwargs", "metadata"))
    marks = metadata if isinstance(metadata, dict) else {}
    shown = {key: value for key, value in marks.items() if not key.startswith(HIDDEN_METADATA)}
    if marks.get(f"{HIDDEN_METADATA}shape") == "task_type" and isinstance(kwargs, dict):
        return {"task_type": task, **kwargs}
    if not args or not kwargs:
        return {"type": task, "args": kwargs or args or {}, "metadata": shown}
    return {"type": task, "args": args, "kwargs": kwargs, "metadata": shown}


def _error(entry: object) -> StepError:
    parts = cast("dict[str, object]", entry) if isinstance(entry, dict) else {"message": entry}
    return StepError(
        kind=_text(parts.get("kind")) or "failure",
        error_type=_text(parts.get("error_type")) or "",
        message=_text(parts.get("message")) or "",
        traceback=_text(parts.get("traceback")) or "",
        pod=_text(parts.get("pod")) or "",
        attempt=_int(parts.get("attempt")),
        at=_time(parts.get("ts")),
    )


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _time(value: object) -> datetime | None:
    return datetime.fromtimestamp(value, timezone.utc) if isinstance(value, (int, float)) else None
