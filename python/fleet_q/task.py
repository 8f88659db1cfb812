"""A registered function: callable as it is, enqueueable with its own types. Runs no step itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, ParamSpec, Protocol, TypeVar

from .codec import Codec
from .context import Context
from .handle import Handle
from .options import UNSET, Options, Unset
from .registry import is_async, wants_context

if TYPE_CHECKING:
    from typing import TypeAlias

    from .client import Client
    from .policy import RetryPolicy
    from .types import JsonIn, Seconds

__all__ = ["AnyTask", "AsyncTask", "Enqueuer", "Job", "SyncTask", "Task"]

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Home(Protocol):
    """Where a task lives; the one of `@fleet_q.task` is found when it is needed."""

    def client(self) -> Client:
        """Give the client to enqueue with. Raises ConfigError if there is no FleetQ yet."""
        ...


@dataclass(frozen=True)
class Facts:
    """What `@task(...)` said of a function."""

    options: Options
    policy: RetryPolicy
    on_loop: bool
    in_process: bool
    continue_on_fence: bool


class Job(Generic[R_co]):
    """One call to be enqueued, arguments already checked. For `FleetQ.enqueue_many`."""

    __slots__ = ("_codec", "_options", "_payload")

    def __init__(self, options: Options, payload: bytes, codec: Codec) -> None:
        self._options = options
        self._payload = payload
        self._codec = codec

    @property
    def options(self) -> Options:
        """How it will be enqueued."""
        return self._options

    @property
    def payload(self) -> bytes:
        """The encoded arguments."""
        return self._payload

    @property
    def codec(self) -> Codec:
        """What reads its result back."""
        return self._codec


class Enqueuer(Generic[P, R_co]):
    """A task with the options of one call. Made by `task.using(...)`."""

    def __init__(self, home: Home, codec: Codec, options: Options) -> None:
        self._home = home
        self._codec = codec
        self._options = options

    @property
    def options(self) -> Options:
        """How its steps are enqueued."""
        return self._options

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Handle[R_co]:
        """Store one step; when this returns, it is durable.

        Raises InvalidArguments, PayloadTooLarge, UniqueConflict, StoreUnavailable or Stopped.
        """
        client = self._home.client()
        payload = self._codec.encode(args, kwargs, metadata=self._options.metadata, limit=client.payload_limit)
        (step_id,) = await client.enqueue([self._options.spec(payload)])
        return Handle(client, step_id, self._codec)

    def enqueue_sync(self, *args: P.args, **kwargs: P.kwargs) -> Handle[R_co]:
        """Store one step from code without an event loop. Raises as `enqueue` does."""
        client = self._home.client()
        payload = self._codec.encode(args, kwargs, metadata=self._options.metadata, limit=client.payload_limit)
        (step_id,) = client.enqueue_sync([self._options.spec(payload)])
        return Handle(client, step_id, self._codec)

    def job(self, *args: P.args, **kwargs: P.kwargs) -> Job[R_co]:
        """Check and encode one call without storing it. Raises InvalidArguments or PayloadTooLarge."""
        limit = self._home.client().payload_limit
        payload = self._codec.encode(args, kwargs, metadata=self._options.metadata, limit=limit)
        return Job(self._options, payload, self._codec)

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
    ) -> Enqueuer[P, R_co]:
        """Give the task with options for one call: `await t.using(delay=60).enqueue(42)`.

        `delay` is seconds or a timedelta, `at` a datetime with a zone or Unix time. `unique` refuses a
        second step under the key until the first is final. `step_id` makes your own retry of a call safe.
        Raises InvalidArguments.
        """
        options = self._options.using(
            delay=delay,
            at=at,
            queue=queue,
            priority=priority,
            unique=unique,
            tags=tags,
            step_id=step_id,
            metadata=metadata,
        )
        return Enqueuer(self._home, self._codec, options)


class Task(Enqueuer[P, R_co]):
    """A registered function. Made by `@fq.task` and `@fleet_q.task`."""

    def __init__(self, home: Home, function: Callable[..., object], facts: Facts) -> None:
        self.name = facts.options.task
        self.function = function
        self.is_async = is_async(function)
        self.wants_context = wants_context(function)
        self.policy = facts.policy
        self.on_loop = facts.on_loop
        self.in_process = facts.in_process
        self.continue_on_fence = facts.continue_on_fence
        self.__wrapped__ = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        super().__init__(home, Codec(function, task=self.name, skip=int(self.wants_context)), facts.options)

    @property
    def codec(self) -> Codec:
        """What encodes its arguments and results."""
        return self._codec

    def _called(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        """Call the plain function; where it takes a Context and none is given, with a detached one."""
        if self.wants_context and not (args and isinstance(args[0], Context)):
            args = (Context.detached(self.name), *args)
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name} {self.function.__module__}.{self.function.__qualname__}>"


class AsyncTask(Task[P, R_co]):
    """A task made of an `async def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, None, R_co]:
        """Call the plain function; nothing is queued."""
        return self._called(args, kwargs)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


class SyncTask(Task[P, R_co]):
    """A task made of a `def`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the plain function; nothing is queued."""
        return self._called(args, kwargs)  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


if TYPE_CHECKING:
    AnyTask: TypeAlias = Task[..., object]
else:
    AnyTask = Task
