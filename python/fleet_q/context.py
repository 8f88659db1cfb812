"""What a running body may know and say about its step. Decides nothing; the core keeps the facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import uuid4

from .types import Json

__all__ = ["Context"]

_Teller = Callable[[float, "str | None"], None]


class Context:
    """The step that a body runs for. Take it as the first parameter: `def resize(ctx: Context, path: str)`.

    A direct call of such a task gets a detached context, whose `progress` goes nowhere.

    >>> ctx = Context(step_id="0190163d-8694-739b-aea5-966c26f8ad91", task="resize")
    >>> ctx.idempotency_key
    '0190163d-8694-739b-aea5-966c26f8ad91'
    """

    __slots__ = ("_tell", "cancelled", "fence", "max_retries", "metadata", "queue", "retry_count", "step_id", "task")

    def __init__(
        self,
        *,
        step_id: str,
        task: str,
        queue: str = "default",
        retry_count: int = 0,
        max_retries: int = 0,
        fence: str = "",
        metadata: Mapping[str, Json] | None = None,
        tell: _Teller | None = None,
    ) -> None:
        self.step_id = step_id
        self.task = task
        self.queue = queue
        self.retry_count = retry_count
        """How many runs of this step failed before this one."""
        self.max_retries = max_retries
        self.fence = fence
        """The claim's id: fresh for every run. Pass it where a later run must be able to shut this one out."""
        self.metadata: Mapping[str, Json] = metadata or {}
        self.cancelled = False
        """Whether this body should end now. A body in a thread looks at it; raise StepCancelled to give up."""
        self._tell = tell

    @classmethod
    def detached(cls, task: str) -> Context:
        """Make the context of a direct call."""
        return cls(step_id=str(uuid4()), task=task)

    @property
    def idempotency_key(self) -> str:
        """The same over all runs of this step: give it to services that refuse to do a thing twice."""
        return self.step_id

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Say how far the body is, from 0 to 1. Returns at once; only the latest word is stored."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction must be from 0 to 1, got {fraction!r}")
        if self._tell is not None:
            self._tell(float(fraction), message)

    def __repr__(self) -> str:
        return f"<Context {self.task} step={self.step_id} retry_count={self.retry_count}>"
