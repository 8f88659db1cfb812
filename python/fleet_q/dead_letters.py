"""Dead letters: the steps that failed for good, as typed records. Pages through them; decides nothing.

The truth is STEP_TRACKER, so the answer is the same from any machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from .exceptions import InvalidArguments
from .options import seconds, text, unix_time, whole
from .types import Json

if TYPE_CHECKING:
    from ._core import FailureFilter
    from .client import Client

__all__ = ["DeadLetter", "DeadLetters", "LocalLetter", "Since", "count_limit", "failure_filter"]

Since: TypeAlias = datetime | timedelta
"""A moment with its time zone, or how long ago by the database's clock."""

PAGE = 500


@dataclass(frozen=True)
class DeadLetter:
    """A step that failed for good. Times are in UTC, by the database's clock."""

    step_id: str
    task: str
    queue: str
    created_ts: datetime
    failed_ts: datetime
    retry_count: int
    max_retries: int
    crash_count: int
    unique_key: str | None
    kind: str
    """How its last run ended: `failure`, `discard`, `timeout`, `crash` or `bad_row`; empty if a hand wrote the row."""
    error_type: str
    message: str
    """At most 500 characters; `fq.handle(step_id).info()` has all of it, the traceback and every earlier failure."""
    pod: str
    """The pod that ran it last."""

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""
        if self.kind == "crash" and not self.message:
            return f"crash: its pod {self.pod} died, the last of {self.crash_count} times"
        said = ": ".join(part for part in (self.error_type, " ".join(self.message.split())) if part)
        return said or self.kind or "no reason was recorded"

    @classmethod
    def read(cls, row: Mapping[str, object]) -> DeadLetter:
        """Read what the core gives for a failed step."""
        return cls(
            step_id=str(row["step_id"]),
            task=str(row["task"]),
            queue=str(row["queue"]),
            created_ts=_time(row["created_ts"]),
            failed_ts=_time(row["failed_ts"]),
            retry_count=cast("int", row["retry_count"]),
            max_retries=cast("int", row["max_retries"]),
            crash_count=cast("int", row["crash_count"]),
            unique_key=cast("str | None", row["unique_key"]),
            kind=str(row["kind"]),
            error_type=str(row["error_type"]),
            message=str(row["message"]),
            pod=str(row["pod"]),
        )


@dataclass(frozen=True)
class LocalLetter:
    """What a leader on this machine wrote down of a step: an orphan it rescued, or a final failure."""

    step_id: str
    task: str
    kind: Literal["orphan", "failure"]
    at: datetime
    evidence: dict[str, Json]
    """Whose it was, how often it had died or been tried, why, and where it went."""

    @classmethod
    def read(cls, row: Mapping[str, object]) -> LocalLetter:
        """Read what the core gives for a local dead letter."""
        evidence = row["evidence"]
        return cls(
            step_id=str(row["step_id"]),
            task=str(row["task"]),
            kind=cast("Literal['orphan', 'failure']", row["kind"]),
            at=_time(row["at_ts"]),
            evidence=cast("dict[str, Json]", evidence) if isinstance(evidence, dict) else {},
        )


class DeadLetters:
    """The failed steps of one FleetQ's store."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find(self, filters: FailureFilter, *, limit: int | None) -> list[DeadLetter]:
        """Give those that match, the latest failure first; without a limit all of them."""
        found: list[DeadLetter] = []
        for page in _pages(filters, found, limit):
            found += map(DeadLetter.read, await self._client.engine().failures(page))
        return found

    def find_sync(self, filters: FailureFilter, *, limit: int | None) -> list[DeadLetter]:
        """Give those that match, from code without an event loop."""
        found: list[DeadLetter] = []
        for page in _pages(filters, found, limit):
            found += map(DeadLetter.read, self._client.engine().failures_sync(page))
        return found

    def replay_sync(self, step_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Replay many, page by page; each with its verdict, as `Engine.replay` spells it."""
        for page in _cut(step_ids):
            yield from zip(page, self._client.engine().replay_sync(page), strict=True)

    def purge_sync(self, step_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Delete many, page by page; each with its verdict, as `Engine.purge_sync` spells it."""
        for page in _cut(step_ids):
            yield from zip(page, self._client.engine().purge_sync(page), strict=True)

    def local(self, limit: int) -> list[LocalLetter]:
        """Read what leaders on this machine wrote down, newest first; asks no database."""
        return [LocalLetter.read(row) for row in self._client.engine().local_letters(limit)]


def failure_filter(
    *, task: str | None = None, queue: str | None = None, error: str | None = None, since: Since | None = None
) -> FailureFilter:
    """Spell filters as the core reads them. Raises InvalidArguments."""
    filters: FailureFilter = {"limit": PAGE}
    if task is not None:
        filters["task"] = text(task, "task")
    if queue is not None:
        filters["queue"] = text(queue, "queue")
    if error is not None:
        filters["error"] = text(error, "error")
    if isinstance(since, timedelta):
        filters["ago"] = seconds(since, "since")
    elif isinstance(since, datetime):
        filters["since"] = unix_time(since, "since")
    elif since is not None:
        raise InvalidArguments(f"since must be a datetime or a timedelta, got {since!r}", path="since")
    return filters


def count_limit(limit: int | None) -> int | None:
    """Check how many are wanted. Raises InvalidArguments."""
    return None if limit is None else whole(limit, "limit", least=1)


def _pages(filters: FailureFilter, found: list[DeadLetter], limit: int | None) -> Iterator[FailureFilter]:
    """Give the next page to ask for, until the last one came short of its limit."""
    while limit is None or len(found) < limit:
        had = len(found)
        page: FailureFilter = {**filters, "limit": PAGE if limit is None else min(PAGE, limit - had)}
        if found:
            page["before"] = (found[-1].failed_ts.timestamp(), found[-1].step_id)
        yield page
        if len(found) - had < page["limit"]:
            return


def _cut(step_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (step_ids[start : start + PAGE] for start in range(0, len(step_ids), PAGE))


def _time(value: object) -> datetime:
    return datetime.fromtimestamp(value if isinstance(value, (int, float)) else 0, timezone.utc)
