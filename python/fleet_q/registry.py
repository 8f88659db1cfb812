"""Holds the tasks of one FleetQ by name and refuses what cannot be a task. Runs nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, get_type_hints

from .context import Context
from .exceptions import ConfigError, UnknownTask
from .whereabouts import check_findable

if TYPE_CHECKING:
    from .task import AnyTask

__all__ = ["Registry", "Run", "check_function", "is_async", "wants_context"]

Run = Literal["auto", "loop", "thread", "process"]


class Registry:
    """The tasks of one FleetQ, or those of `@fleet_q.task` that wait for the default one."""

    def __init__(self) -> None:
        self._tasks: dict[str, AnyTask] = {}

    def add(self, task: AnyTask) -> None:
        """Take a task. Raises ConfigError if another function has its name."""
        known = self._tasks.get(task.name)
        if known is not None and not _same(known.function, task.function):
            raise ConfigError(
                f"two functions want the task name {task.name!r}: {_place(known.function)} and "
                f"{_place(task.function)}; give one of them @task(name=...)"
            )
        self._tasks[task.name] = task

    def get(self, name: str) -> AnyTask | None:
        """Give the task of this name."""
        return self._tasks.get(name)

    def __getitem__(self, name: str) -> AnyTask:
        task = self._tasks.get(name)
        if task is None:
            known = ", ".join(sorted(self._tasks)) or "none"
            raise UnknownTask(f"no task {name!r} is registered; known here: {known}", task=name)
        return task

    def __iter__(self) -> Iterator[AnyTask]:
        return iter(tuple(self._tasks.values()))

    def __len__(self) -> int:
        return len(self._tasks)


def check_function(function: Callable[..., object], *, run: Run) -> None:
    """Refuse what cannot be a task. Raises ConfigError."""
    if not inspect.isfunction(function):
        raise ConfigError(
            f"@task goes above a function (def or async def), not above {function!r}; "
            "wrap methods, classes and partials in a function"
        )
    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise ConfigError(f"{_place(function)} is a generator; a task returns one value")
    if run not in ("auto", "loop", "thread", "process"):
        raise ConfigError(f"run must be 'auto', 'loop', 'thread' or 'process', got {run!r} for {_place(function)}")
    if run in ("thread", "process") and is_async(function):
        raise ConfigError(f"{_place(function)} is `async def` and runs on the event loop: drop run={run!r}")
    if run == "process":
        check_findable(function)


def is_async(function: Callable[..., object]) -> bool:
    """Whether a call gives an awaitable, also through a plain wrapper around an `async def`."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(inspect.unwrap(function))


def wants_context(function: Callable[..., object]) -> bool:
    """Whether the first parameter is annotated as the Context. Raises ConfigError if a later one is."""
    parameters = list(inspect.signature(function).parameters.values())
    found = [index for index, parameter in enumerate(parameters) if _is_context(function, parameter)]
    if found and found != [0]:
        raise ConfigError(f"{_place(function)}: the Context must be the first parameter, and only that")
    return bool(found)


def _is_context(function: Callable[..., object], parameter: inspect.Parameter) -> bool:
    annotation: object = parameter.annotation
    if not isinstance(annotation, str):
        return annotation is Context
    if "Context" not in annotation:
        return False
    try:
        return get_type_hints(inspect.unwrap(function)).get(parameter.name) is Context
    except NameError:
        # Another annotation cannot be resolved yet; the spelling has to do.
        return annotation.rpartition(".")[2] == "Context"


def _same(known: Callable[..., object], new: Callable[..., object]) -> bool:
    """Whether it is one function defined again, as a reload or a notebook does."""
    if known is new:
        return True
    spelled = [(f.__module__, f.__qualname__) for f in (known, new)]
    return spelled[0] == spelled[1] and "<locals>" not in known.__qualname__


def _place(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
