"""The bodies of the REST face, as the first users spelled them (DESIGN §10). Decides nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from fleet_q.step import StepInfo
from fleet_q.types import State
from fleet_q.views import Stats

__all__ = ["Cancelled", "HealthReport", "Problem", "QueueCounts", "Status", "Submission", "Submitted"]

Priority = Annotated[int, Field(ge=-(2**31), lt=2**31, strict=True)]
Retries = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class Submission(BaseModel):
    """A step to be: either `type` with `args` and `metadata`, or `payload` with `task_type` in it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"type": "resize", "args": {"path": "a.png"}, "metadata": {"user": "alice"}, "priority": 5},
                {"payload": {"task_type": "resize", "path": "a.png"}, "priority": 1},
            ]
        },
    )

    type: str | None = Field(default=None, min_length=1, description="The task's name.")
    args: dict[str, JsonValue] | list[JsonValue] | None = None
    metadata: dict[str, JsonValue] | None = None
    payload: dict[str, JsonValue] | None = Field(
        default=None, description="`task_type` names the task, the rest its arguments."
    )
    priority: Priority | None = Field(default=None, description="Higher goes first.")
    max_retries: Retries | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Submission:
        if (self.type is None) == (self.payload is None):
            raise ValueError('give either "type" (with "args") or "payload" (with "task_type" in it)')
        if self.payload is not None and (self.args is not None or self.metadata is not None):
            raise ValueError('"args" and "metadata" go with "type"; with "payload" put the arguments into it')
        if self.payload is not None and not isinstance(self.payload.get("task_type"), str):
            raise ValueError('"payload" must name its task: {"task_type": "..."}')
        return self

    def step(self) -> dict[str, JsonValue]:
        """Give the step in the shape it came in."""
        if self.payload is not None:
            return self.payload
        return {"type": self.type, "args": self.args or {}, "metadata": self.metadata or {}}


class Submitted(BaseModel):
    """The answer to a submission that was stored."""

    step_id: str
    status: Literal["submitted"] = "submitted"


class Status(BaseModel):
    """A step as it stands. Times are ISO 8601 in UTC, by the database's clock."""

    step_id: str
    status: State
    task: str
    queue: str
    claimed_by: str | None
    payload: dict[str, JsonValue]
    retry_count: int
    max_retries: int
    priority: int
    created_ts: str
    last_update_ts: str | None
    finished_ts: str | None
    progress: JsonValue
    result: JsonValue
    error: str | None
    tags: list[str]

    @classmethod
    def of(cls, step: StepInfo) -> Status:
        """Show a step."""
        return cls(
            step_id=step.step_id,
            status=step.status,
            task=step.task,
            queue=step.queue,
            claimed_by=step.claimed_by,
            payload=step.payload,
            retry_count=step.retry_count,
            max_retries=step.max_retries,
            priority=step.priority,
            created_ts=step.created_ts.isoformat(),
            last_update_ts=None if step.last_update_ts is None else step.last_update_ts.isoformat(),
            finished_ts=None if step.finished_ts is None else step.finished_ts.isoformat(),
            progress=step.progress,
            result=step.result,
            error=None if step.error is None else str(step.error),
            tags=list(step.tags),
        )


class QueueCounts(BaseModel):
    """Steps by state over all queues, as the first users knew it, and by queue."""

    blocked: int
    scheduled: int
    pending: int
    claimed: int
    completed: int
    failed: int
    cancelled: int
    queues: dict[str, dict[State, int]]
    paused: list[str]

    @classmethod
    def of(cls, stats: Stats) -> QueueCounts:
        """Show the counts."""
        return cls(
            blocked=stats.total("blocked"),
            scheduled=stats.total("scheduled"),
            pending=stats.total("pending"),
            claimed=stats.total("claimed"),
            completed=stats.total("completed"),
            failed=stats.total("failed"),
            cancelled=stats.total("cancelled"),
            queues=stats.counts,
            paused=list(stats.paused),
        )


class Cancelled(BaseModel):
    """What became of a wish to cancel: `requested` means it runs and was asked to end."""

    step_id: str
    status: Literal["cancelled", "requested", "completed", "failed"]


class HealthReport(BaseModel):
    """What the process knows of itself without asking the store. Ages and lags are seconds."""

    model_config = ConfigDict(extra="ignore")

    status: str = "stopped"
    pod_id: str | None = None
    leader: str | None = None
    is_leader: bool = False
    last_beat_age_s: float | None = None
    fenced: bool = False
    in_flight: int = 0
    capacity: int = 0
    journal_depth: int = 0
    journal_error: str | None = None
    loop_lag_s: float = 0
    blocked_by: str | None = None
    overdue: list[str] = []
    store_ok: bool | None = None
    live: bool = True
    live_reason: str | None = None
    ready: bool = False
    ready_reason: str | None = None


class Problem(BaseModel):
    """Every error, of every route."""

    detail: str
    error_type: str
    timestamp: str
    path: str
