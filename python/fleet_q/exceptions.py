"""Owns every exception a caller or a task can meet. Decides nothing; the core imports these by name.

Each takes a message first and its facts as keywords, which are attributes of the same name.
Where Python has a natural class for the matter, it is the second parent, so `except TimeoutError`
and `except LookupError` work. All survive pickling.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

__all__ = [
    "ClaimLost",
    "ConfigError",
    "Discard",
    "FleetQError",
    "InvalidArguments",
    "InvalidResult",
    "PayloadTooLarge",
    "ResultTimeout",
    "Retry",
    "SchemaMismatch",
    "Snooze",
    "StepCancelled",
    "StepFailed",
    "StepNotFailed",
    "StepNotFound",
    "StepTimeout",
    "Stopped",
    "StoreUnavailable",
    "UniqueConflict",
    "UnknownTask",
]


class FleetQError(Exception):
    """The root of all that fleet-q raises.

    `step_ids` lists the steps that the failed call stored all the same (or may have stored).

    >>> FleetQError("it broke").message
    'it broke'
    """

    def __init__(self, message: str = "", *, step_ids: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.step_ids = tuple(step_ids)

    def __reduce__(self) -> tuple[object, ...]:
        # Exception's own __reduce__ calls the class with `args` alone and would lose the keywords.
        return _rebuild, (type(self), self.args), self.__dict__


class ConfigError(FleetQError, ValueError):
    """A setting, a registration or a use of the API that cannot work; `problems` names each.

    >>> ConfigError("2 problems", problems=["a", "b"]).problems
    ('a', 'b')
    """

    def __init__(self, message: str = "", *, problems: Iterable[str] = (), step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.problems = tuple(problems) or (message,)


class UnknownTask(FleetQError, LookupError):
    """No pod that lives, and nothing here, has a task of this name."""

    def __init__(self, message: str = "", *, task: str = "", step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.task = task


class InvalidArguments(FleetQError, TypeError, ValueError):
    """Arguments or options that do not fit the task, or that no store can hold.

    `path` names the place, such as `order_id` or `$.args[0].name`.
    """

    def __init__(self, message: str = "", *, path: str | None = None, step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.path = path


class InvalidResult(FleetQError, TypeError):
    """A task returned what cannot be stored as JSON, or does not fit its own annotation."""

    def __init__(self, message: str = "", *, path: str | None = None, step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.path = path


class PayloadTooLarge(FleetQError, ValueError):
    """Arguments or a result longer than PAYLOAD_LIMIT; `size` and `limit` are bytes."""

    def __init__(self, message: str = "", *, size: int = 0, limit: int = 0, step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.size = size
        self.limit = limit


class StoreUnavailable(FleetQError, ConnectionError):
    """The store stayed away for CONNECT_TIMEOUT.

    With `outcome="unknown"` the steps of `step_ids` may be stored: enqueue again with the same
    `step_id` to be safe. With `"not_stored"` they are not.
    """

    def __init__(
        self,
        message: str = "",
        *,
        outcome: Literal["unknown", "not_stored"] = "not_stored",
        step_ids: Iterable[str] = (),
    ) -> None:
        super().__init__(message, step_ids=step_ids)
        self.outcome: Literal["unknown", "not_stored"] = outcome


class SchemaMismatch(FleetQError):
    """The database holds a schema this version cannot work with."""


class ClaimLost(FleetQError):
    """The step is no longer this pod's; its outcome would be dropped."""


class StepNotFound(FleetQError, LookupError):
    """No such step is stored: it never was, or it has been pruned."""

    def __init__(self, message: str = "", *, step_id: str = "", step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.step_id = step_id


class StepNotFailed(FleetQError, ValueError):
    """Only a failed step can be replayed; this one's `status` is another."""

    def __init__(self, message: str = "", *, step_id: str = "", status: str = "", step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.step_id = step_id
        self.status = status


class StepFailed(FleetQError):
    """The step ended `failed`. Raised by `Handle.result`.

    `error_type`, `message` and `traceback` are those of its last failure, `attempts` counts its runs.
    """

    def __init__(
        self,
        message: str = "",
        *,
        step_id: str = "",
        error_type: str = "",
        traceback: str = "",
        attempts: int = 0,
        step_ids: Iterable[str] = (),
    ) -> None:
        super().__init__(message, step_ids=step_ids)
        self.step_id = step_id
        self.error_type = error_type
        self.traceback = traceback
        self.attempts = attempts

    def __str__(self) -> str:
        times = "once" if self.attempts == 1 else f"{self.attempts} times"
        return f"step {self.step_id} failed, tried {times}: {self.error_type}: {self.message}"


class StepTimeout(StepFailed, TimeoutError):
    """The step ended `failed` because its body ran past its timeout."""


class StepCancelled(FleetQError):
    """The step ended `cancelled`. In a body, raise it to give up after `ctx.cancelled` became true."""

    def __init__(self, message: str = "", *, step_id: str = "", step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.step_id = step_id


class ResultTimeout(FleetQError, TimeoutError):
    """The step was not final within the time the caller gave; it goes on."""

    def __init__(self, message: str = "", *, step_id: str = "", step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.step_id = step_id


class UniqueConflict(FleetQError):
    """Another step that is not final holds the unique `key`; `holder` is its id."""

    def __init__(self, message: str = "", *, key: str = "", holder: str = "", step_ids: Iterable[str] = ()) -> None:
        super().__init__(message, step_ids=step_ids)
        self.key = key
        self.holder = holder


class Stopped(FleetQError):
    """This FleetQ was stopped. `start()` opens it again."""


class Retry(Exception):
    """Raise in a task to be run again after `after` seconds; spends a retry.

    Without `after` the task's RetryPolicy says how long.

    >>> Retry(after=2.5).after
    2.5
    """

    def __init__(self, message: str = "asked to be retried", *, after: float | timedelta | None = None) -> None:
        super().__init__(message)
        self.after = None if after is None else _seconds(after, "after")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args), self.__dict__


class Snooze(Exception):
    """Raise in a task to be run again after `delay` seconds; spends no retry.

    >>> Snooze(60).delay
    60.0
    """

    def __init__(self, delay: float | timedelta) -> None:
        self.delay = _seconds(delay, "delay")
        super().__init__(f"snoozed for {self.delay:g} s")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.delay,)


class Discard(Exception):
    """Raise in a task to fail the step for good, whatever retries are left.

    >>> str(Discard("the order was deleted"))
    'the order was deleted'
    """

    def __init__(self, reason: str = "discarded") -> None:
        super().__init__(reason)
        self.reason = reason


def _seconds(value: float | timedelta, name: str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not 0 <= seconds < 1e10:
        raise ValueError(f"{name} must be a number of seconds that is not negative, got {value!r}")
    return seconds


def _rebuild(cls: type[Exception], args: tuple[object, ...]) -> Exception:
    error = cls.__new__(cls, *args)
    error.args = args
    return error
