"""Holds how a step is enqueued: what `.using()` takes, checked when it is given. Enqueues nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar, cast

from .exceptions import InvalidArguments

if TYPE_CHECKING:
    from ._core import JobSpec
    from .types import JsonIn, Seconds

__all__ = ["UNSET", "Options", "Unset"]


T = TypeVar("T")


class Unset:
    """The type of an option that was not given, where None means something."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


@dataclass(frozen=True)
class Options:
    """How one step is enqueued, valid."""

    task: str
    queue: str = "default"
    priority: int = 0
    max_retries: int | None = None
    timeout: float | None = None
    delay: float | None = None
    at: float | None = None
    unique: str | None = None
    tags: tuple[str, ...] = ()
    step_id: str | None = None
    metadata: Mapping[str, object] | None = None

    def spec(self, payload: bytes) -> JobSpec:
        """Give the core's form of one step with this payload."""
        return {
            "step_id": self.step_id,
            "task": self.task,
            "queue": self.queue,
            "priority": self.priority,
            "payload": payload,
            "max_retries": self.max_retries,
            "delay": self.delay,
            "at": self.at,
            "timeout": self.timeout,
            "unique": self.unique,
            "tags": list(self.tags),
        }

    def using(
        self,
        *,
        delay: Seconds | None | Unset = UNSET,
        at: datetime | float | None | Unset = UNSET,
        queue: str | Unset = UNSET,
        priority: int | Unset = UNSET,
        unique: str | None | Unset = UNSET,
        tags: Sequence[str] | Unset = UNSET,
        step_id: str | None | Unset = UNSET,
        metadata: Mapping[str, JsonIn] | None | Unset = UNSET,
        max_retries: int | None | Unset = UNSET,
    ) -> Options:
        """Give these options with some replaced. Raises InvalidArguments."""
        new = Options(
            task=self.task,
            timeout=self.timeout,
            queue=self.queue if isinstance(queue, Unset) else text(queue, "queue"),
            priority=self.priority if isinstance(priority, Unset) else whole(priority, "priority", least=-(2**31)),
            delay=self.delay if isinstance(delay, Unset) else _optional(seconds, delay, "delay"),
            at=self.at if isinstance(at, Unset) else _optional(unix_time, at, "at"),
            unique=self.unique if isinstance(unique, Unset) else _optional(text, unique, "unique"),
            tags=self.tags if isinstance(tags, Unset) else tag_list(tags),
            step_id=self.step_id if isinstance(step_id, Unset) else _optional(text, step_id, "step_id"),
            metadata=self.metadata if isinstance(metadata, Unset) else _optional(mapping, metadata, "metadata"),
            max_retries=self.max_retries
            if isinstance(max_retries, Unset)
            else _optional(retries, max_retries, "retries"),
        )
        if new.delay is not None and new.at is not None:
            raise InvalidArguments("give delay or at, not both", path="delay")
        return new


def seconds(value: object, name: str) -> float:
    """Read a duration in seconds. Raises InvalidArguments."""
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number < 1e10:
        raise InvalidArguments(
            f"{name} must be seconds (a number not below 0, or a timedelta), got {value!r}", path=name
        )
    return float(number)


def unix_time(value: object, name: str) -> float:
    """Read a moment as Unix time. Raises InvalidArguments, above all for a datetime without a zone."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidArguments(
                f"{name} must say its time zone: use datetime.now(timezone.utc) or add tzinfo=", path=name
            )
        return value.timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise InvalidArguments(f"{name} must be a datetime with a time zone, or Unix time, got {value!r}", path=name)


def text(value: object, name: str) -> str:
    """Read a text that is not empty. Raises InvalidArguments."""
    if not isinstance(value, str) or not value:
        raise InvalidArguments(f"{name} must be a text that is not empty, got {value!r}", path=name)
    return value


def whole(value: object, name: str, *, least: int) -> int:
    """Read a whole number of 32 bits. Raises InvalidArguments."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
        raise InvalidArguments(f"{name} must be a whole number from {least} to {2**31 - 1}, got {value!r}", path=name)
    return value


def retries(value: object, name: str) -> int:
    """Read how often to try again. Raises InvalidArguments."""
    return whole(value, name, least=0)


def tag_list(value: object) -> tuple[str, ...]:
    """Read a list of tags. Raises InvalidArguments, also for a bare text, which is a slip."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return tuple(text(tag, "tags") for tag in cast("list[object]", value))
    raise InvalidArguments(f"tags must be a list of texts, got {value!r}", path="tags")


def mapping(value: object, name: str) -> Mapping[str, object]:
    """Read metadata. Raises InvalidArguments; what is in it the encoder checks."""
    if not isinstance(value, Mapping):
        raise InvalidArguments(f"{name} must be a mapping, got {value!r}", path=name)
    return dict(cast("Mapping[str, object]", value))


def _optional(read: Callable[[object, str], T], value: object, name: str) -> T | None:
    return None if value is None else read(value, name)
