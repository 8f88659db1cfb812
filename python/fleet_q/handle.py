"""A step that was enqueued, to ask after. Knows no database; every question goes to the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, TypeVar, cast

from .exceptions import StepCancelled, StepFailed, StepTimeout
from .options import seconds
from .step import StepInfo

if TYPE_CHECKING:
    from .client import Client
    from .codec import Codec
    from .types import Seconds, State

__all__ = ["CancelAnswer", "Handle"]

R_co = TypeVar("R_co", covariant=True)

CancelAnswer = Literal["cancelled", "requested", "completed", "failed", "unknown"]
"""`requested`: it runs, and was asked to end. `completed` and `failed`: too late."""


class Handle(Generic[R_co]):
    """One step, by its id. Given by `enqueue` and by `fq.handle(step_id)`."""

    __slots__ = ("_client", "_codec", "id")

    def __init__(self, client: Client, step_id: str, codec: Codec | None) -> None:
        self.id = step_id
        """The step's id, a UUID. It outlives this process: `fq.handle(id)` finds the step again."""
        self._client = client
        self._codec = codec

    async def status(self) -> State:
        """Give the state it stands in. Raises StepNotFound or StoreUnavailable."""
        return (await self.info()).status

    def status_sync(self) -> State:
        """Give the state it stands in, from code without an event loop."""
        return self.info_sync().status

    async def info(self) -> StepInfo:
        """Read the whole step. Raises StepNotFound or StoreUnavailable."""
        return StepInfo.read(await self._client.engine().get(self.id))

    def info_sync(self) -> StepInfo:
        """Read the whole step, from code without an event loop."""
        return StepInfo.read(self._client.engine().get_sync(self.id))

    async def result(self, *, timeout: Seconds | None = None) -> R_co:
        """Wait until the step is final and give what its body returned.

        `timeout` is seconds; None waits for ever. Raises StepFailed, StepTimeout, StepCancelled,
        ResultTimeout (the step goes on), StepNotFound or StoreUnavailable.
        """
        return self._outcome(await self._client.engine().wait(self.id, _limit(timeout)))

    def result_sync(self, *, timeout: Seconds | None = None) -> R_co:
        """Wait for the result, from code without an event loop. Raises as `result` does."""
        return self._outcome(self._client.engine().wait_sync(self.id, _limit(timeout)))

    async def cancel(self) -> CancelAnswer:
        """Cancel the step if it waits, ask it to end if it runs. Raises StoreUnavailable."""
        return cast("CancelAnswer", (await self._client.engine().cancel([self.id]))[0])

    def cancel_sync(self) -> CancelAnswer:
        """Cancel the step, from code without an event loop."""
        return cast("CancelAnswer", self._client.engine().cancel_sync([self.id])[0])

    async def replay(self) -> None:
        """Put the failed step back to `pending`: its retries anew, its error history kept.

        Raises StepNotFailed, StepNotFound, StoreUnavailable, or UniqueConflict when a step that is
        not final holds its unique key.
        """
        await self._client.engine().replay_one(self.id)

    def replay_sync(self) -> None:
        """Put the failed step back to `pending`, from code without an event loop. Raises as `replay` does."""
        self._client.engine().replay_one_sync(self.id)

    def _outcome(self, row: dict[str, object]) -> R_co:
        step = StepInfo.read(row)
        if step.status == "cancelled":
            raise StepCancelled(f"step {step.step_id} of task {step.task!r} was cancelled", step_id=step.step_id)
        if step.status == "failed":
            raise _failure(step)
        result: object = step.result
        return cast("R_co", result if self._codec is None else self._codec.decode_result(result))

    def __repr__(self) -> str:
        return f"<Handle {self.id}>"


def _limit(timeout: Seconds | None) -> float | None:
    return None if timeout is None else seconds(timeout, "timeout")


def _failure(step: StepInfo) -> StepFailed:
    error = step.error
    kind = StepTimeout if error is not None and error.kind == "timeout" else StepFailed
    return kind(
        error.message if error is not None else "no reason was recorded",
        step_id=step.step_id,
        error_type=error.error_type if error is not None else "",
        traceback=error.traceback if error is not None else "",
        attempts=step.attempts,
    )
