"""`@fq.task` and `@fleet_q.task`: checks a function and its options and registers it. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from .context import Context
from .exceptions import ConfigError, InvalidArguments
from .options import Options, seconds, text, whole
from .policy import RetryPolicy
from .registry import Registry, Run, check_function, is_async
from .task import AnyTask, AsyncTask, Facts, Home, SyncTask

if TYPE_CHECKING:
    from .types import Seconds

__all__ = ["TaskDecorator", "TaskMaker"]

P = ParamSpec("P")
R = TypeVar("R")


class _Nobody:
    """A class nobody names: only a parameter that takes anything (`object`, `Any`) takes it.

    Without it such a first parameter would pass for a Context and be typed away. The arguments of
    these tasks are left to the check at enqueue.
    """


class TaskDecorator(Protocol):
    """What `@task(...)` gives: makes a task of a function, its Context typed away."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[_Nobody, P], Coroutine[object, None, R]], /
    ) -> AsyncTask[..., R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[_Nobody, P], R], /) -> SyncTask[..., R]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[Context, P], Coroutine[object, None, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Context, P], R], /) -> SyncTask[P, R]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[object, None, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...


class TaskMaker:
    """Something that tasks can be registered with."""

    def __init__(self, registry: Registry, home: Home) -> None:
        self._registry = registry
        self._home = home

    @overload
    def task(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[_Nobody, P], Coroutine[object, None, R]], /
    ) -> AsyncTask[..., R]: ...
    @overload
    def task(self, function: Callable[Concatenate[_Nobody, P], R], /) -> SyncTask[..., R]: ...
    @overload
    def task(  # type: ignore[overload-overlap]
        self, function: Callable[Concatenate[Context, P], Coroutine[object, None, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[Concatenate[Context, P], R], /) -> SyncTask[P, R]: ...
    @overload
    def task(  # type: ignore[overload-overlap]
        self, function: Callable[P, Coroutine[object, None, R]], /
    ) -> AsyncTask[P, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...
    @overload
    def task(
        self,
        *,
        name: str | None = None,
        queue: str = "default",
        priority: int = 0,
        retries: int | RetryPolicy | None = None,
        timeout: Seconds | None = None,
        run: Run = "auto",
        on_fence: Literal["stop", "continue"] = "stop",
    ) -> TaskDecorator: ...

    def task(
        self,
        function: Callable[..., object] | None = None,
        *,
        name: str | None = None,
        queue: str = "default",
        priority: int = 0,
        retries: int | RetryPolicy | None = None,
        timeout: Seconds | None = None,
        run: Run = "auto",
        on_fence: Literal["stop", "continue"] = "stop",
    ) -> AnyTask | Callable[[Callable[..., object]], AnyTask]:
        """Register a function as a task: `@fq.task`, or `@fq.task(queue="mail", retries=5)`.

        `name` is the function's own unless given. `retries` is a number or a RetryPolicy; without it
        MAX_RETRIES holds. `timeout` is seconds from the start of a run. `run="auto"` puts `async def` on
        the event loop and `def` in a thread; `run="loop"` puts a short `def` on the loop too.
        `run="process"` puts a `def` at the top of a module in a child process, which can be killed.
        `on_fence="continue"` lets a body go on while its pod has lost touch with the store.
        Raises ConfigError for options or functions that cannot work.
        """

        def register(function: Callable[..., object]) -> AnyTask:
            check_function(function, run=run)
            options = _options(function, name=name, queue=queue, priority=priority, retries=retries, timeout=timeout)
            if on_fence not in ("stop", "continue"):
                raise ConfigError(f"on_fence must be 'stop' or 'continue', got {on_fence!r} for task {options.task!r}")
            facts = Facts(
                options,
                policy=retries if isinstance(retries, RetryPolicy) else RetryPolicy(),
                on_loop=run == "loop" or is_async(function),
                in_process=run == "process",
                continue_on_fence=on_fence == "continue",
            )
            task: AnyTask
            if is_async(function):
                task = AsyncTask(self._home, function, facts)
            else:
                task = SyncTask(self._home, function, facts)
            self._registry.add(task)
            return task

        return register if function is None else register(function)


def _options(
    function: Callable[..., object],
    *,
    name: str | None,
    queue: str,
    priority: int,
    retries: int | RetryPolicy | None,
    timeout: Seconds | None,
) -> Options:
    task = function.__name__ if name is None else name
    try:
        return Options(
            task=text(task, "name"),
            queue=text(queue, "queue"),
            priority=whole(priority, "priority", least=-(2**31)),
            max_retries=_max_retries(retries),
            timeout=None if timeout is None else seconds(timeout, "timeout"),
        )
    except InvalidArguments as cause:
        raise ConfigError(f"task {task!r}: {cause.message}") from cause


def _max_retries(retries: int | RetryPolicy | None) -> int | None:
    if retries is None:
        return None
    if isinstance(retries, RetryPolicy):
        return retries.max_retries
    return whole(retries, "retries", least=0)
