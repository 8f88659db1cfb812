"""Finds the event loop that a call came from, says what to do where there is none, and how tasks begin on one."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Coroutine

from .exceptions import ConfigError

__all__ = ["eager_task", "running_loop"]

NO_LOOP = (
    "no asyncio event loop runs here: fleet-q works on asyncio (uvloop, and anyio on its asyncio backend, too), not on "
    "trio; from code without an event loop, use the calls that end in _sync"
)


def running_loop() -> asyncio.AbstractEventLoop:
    """Give the running loop; the core asks here, too. Raises ConfigError."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError as cause:
        raise ConfigError(NO_LOOP, problems=[NO_LOOP]) from cause


def eager_task(
    loop: asyncio.AbstractEventLoop,
) -> Callable[[Coroutine[object, object, None]], asyncio.Task[None]] | None:
    """Give what begins a task at once: a body that waits for nothing then takes no turn of the loop.

    It is a task like any other. None where Python is too old for that, and where somebody else makes the tasks.
    """
    if sys.version_info < (3, 12):
        return None
    if type(loop).create_task is not asyncio.BaseEventLoop.create_task or loop.get_task_factory() is not None:
        return None
    return functools.partial(asyncio.Task, loop=loop, eager_start=True)
