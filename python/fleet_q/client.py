"""Owns one FleetQ's engine: makes it, again after a fork or a restart, and closes it at exit.

Starts no thread and opens no connection; the engine does, when it is first used.
"""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from ._core import Engine
from .exceptions import ConfigError, Stopped
from .loops import running_loop
from .redirection import as_redirected, told_to_children
from .settings import environment
from .whereabouts import in_child

if TYPE_CHECKING:
    from ._core import Finding, JobSpec

__all__ = ["Client"]

log = logging.getLogger("fleet_q")


class Client:
    """The way from one FleetQ to its core."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = as_redirected(settings)
        self._closed = False
        self._forsaken: list[Engine] = []
        self._adopt(self._made())
        _warn(self._engine)

    def client(self) -> Client:
        """Give itself: a task's home is its FleetQ's client."""
        return self

    def engine(self) -> Engine:
        """Give the engine of this process. Raises Stopped after `close`."""
        if self._stranded:
            raise ConfigError(
                "a child process has no part in its pod's memory:// queue; use sqlite:/// to enqueue here"
            )
        if self._closed:
            raise Stopped("this FleetQ was stopped; `await fq.start()` opens it again")
        if self._engine.pid != os.getpid():
            self._replace(self._made())
        return self._engine

    def open(self) -> Engine:
        """Give the engine of this process, a new one if it was closed."""
        if self._closed:
            self._exchange(self._made())
        return self.engine()

    async def close(self) -> None:
        """Close the engine; later calls raise Stopped."""
        if self._closed:
            return
        self._closed = True
        # `_at_exit` stays: it waits for the last thread, which must not touch a dying interpreter.
        if self._engine.pid == os.getpid():
            await self._engine.close()

    def close_now(self) -> None:
        """Close the engine without an event loop; blocks for some seconds at most."""
        self._closed = True
        self._at_exit()

    @contextmanager
    def redirected(self, settings: Mapping[str, str]) -> Generator[None, None, None]:
        """Let these settings win until the block ends; what was open before is closed, and so is what it opened."""
        before, within = self._settings, {**self._settings, **settings}
        self._settings = within
        try:
            engine = self._made()
        except BaseException:
            self._settings = before
            raise
        self._exchange(engine)
        try:
            with told_to_children(before, within):
                yield
        finally:
            self._settings = before
            self._exchange(self._made())

    @property
    def settings(self) -> dict[str, object]:
        """Every setting in force, secrets masked, durations in seconds."""
        return self._engine.settings

    @property
    def payload_limit(self) -> int:
        """The largest payload or result, in bytes."""
        return self._limit

    @property
    def closed(self) -> bool:
        """Whether it was closed and not opened again."""
        return self._closed

    async def enqueue(self, specs: Sequence[JobSpec]) -> list[str]:
        """Store steps; gives their ids in order, after the commit."""
        loop = running_loop()
        future: asyncio.Future[list[str]] = loop.create_future()
        self.engine().enqueue(specs, loop, future)
        return await future

    def enqueue_sync(self, specs: Sequence[JobSpec]) -> list[str]:
        """Store steps from code without an event loop."""
        return self.engine().enqueue_sync(specs)

    def diagnose_sync(self) -> list[Finding]:
        """Say what is wrong with the queue and its database; opens the store for itself."""
        return self._engine.diagnose_sync()

    def _made(self) -> Engine:
        return Engine(self._settings, environment())

    def _adopt(self, engine: Engine) -> None:
        self._engine = engine
        # Closed at the interpreter's exit, or when nobody can use it any more.
        self._at_exit = weakref.finalize(self, _close_now, engine)
        self._limit = _payload_limit(engine)
        # What it would enqueue, only this process would ever see.
        self._stranded = in_child() and str(self.settings["url"]).startswith("memory:")

    def _exchange(self, engine: Engine) -> None:
        if self._engine.pid == os.getpid():
            self._at_exit()
            self._adopt(engine)
        else:
            self._replace(engine)
        self._closed = False

    def _replace(self, engine: Engine) -> None:
        # In a forked child the parent's engine has no threads: closing or freeing it could wait for ever.
        self._forsaken.append(self._engine)
        self._at_exit.detach()
        self._adopt(engine)


def _close_now(engine: Engine) -> None:
    if engine.pid == os.getpid():
        engine.close_now()


def _warn(engine: Engine) -> None:
    warnings = engine.settings.get("warnings")
    for warning in cast("list[str]", warnings or []):
        log.warning("%s", warning)


def _payload_limit(engine: Engine) -> int:
    limit = engine.settings["payload_limit"]
    if not isinstance(limit, int):
        raise TypeError(f"the core gave the payload limit as {limit!r}")
    return limit
