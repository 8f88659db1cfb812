"""Starts, stops and serves one FleetQ as a pod of this process. Loops and drains are the core's."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from .exceptions import ConfigError
from .garbage import spared
from .loops import running_loop
from .runner import Runner
from .seats import Limits
from .signals import heard
from .whereabouts import in_child

if TYPE_CHECKING:
    from ._core import TaskSpec
    from .client import Client
    from .policy import RetryPolicy
    from .task import AnyTask

__all__ = ["Life"]


class _Running(NamedTuple):
    loop: asyncio.AbstractEventLoop
    runner: Runner | None
    pid: int


class Life:
    """The time between `start` and `stop`."""

    def __init__(self, client: Client, tasks: Callable[[], Mapping[str, AnyTask]]) -> None:
        self._client = client
        self._tasks = tasks
        self._running: _Running | None = None
        self.retries: RetryPolicy | None = None
        """How long every retry waits, whatever its task says; for tests, which do not wait."""

    @property
    def is_running(self) -> bool:
        """Whether it was started in this process and not stopped."""
        return self._running is not None and self._running.pid == os.getpid()

    async def start(self) -> str | None:
        """Start; gives the pod id, or None for a producer, which is no pod."""
        loop = running_loop()
        _refuse_in_child()
        self._refuse_second_start(loop)
        engine = self._client.open()
        if self._client.settings["role"] == "producer":
            self._running = _Running(loop, None, os.getpid())
            return await self._begun(engine.connect(), None)
        tasks = self._tasks()
        for task in tasks.values():
            task.codec.ready()
        threads, children = self._threads(), self._children()
        limit, in_process = self._client.payload_limit, any(task.in_process for task in tasks.values())
        if in_process and sys.platform == "win32":
            raise ConfigError("run='process' is not built for Windows; use a thread there")
        runner = Runner(engine, tasks, loop, threads=threads, limit=limit, processes=children if in_process else None)
        self._running = _Running(loop, runner, os.getpid())
        specs = [_spec(task, self.retries or task.policy) for task in tasks.values()]
        return await self._begun(engine.start(loop, runner, specs, threads, children.size), runner)

    async def stop(self, grace: float | None) -> None:
        """Drain and close; idempotent. A second call with a smaller grace shortens the first."""
        running = self._running
        if running is None or running.pid != os.getpid():
            self._running = None
            await self._client.close()
            return
        if running.loop is not running_loop():
            raise ConfigError("this FleetQ was started on another event loop; stop it there")
        if self._client.closed:
            return
        try:
            if running.runner is not None:
                await self._client.engine().stop(grace)
        finally:
            await self._closed(running)

    async def pause(self, grace: float | None) -> None:
        """End the pod and leave the client open, so that what its steps became can be read."""
        running, self._running = self._running, None
        if running is None or running.runner is None:
            return
        try:
            await self._client.engine().stop(grace)
        finally:
            running.runner.close()

    def stop_now(self) -> None:
        """Close without an event loop; blocks for some seconds at most."""
        running, self._running = self._running, None
        # First, so that no child still runs a step that has gone back.
        if running is not None and running.runner is not None and running.pid == os.getpid():
            running.runner.close()
        self._client.close_now()

    def serve(self) -> None:
        """Run until SIGINT or SIGTERM, then drain; a second signal ends the drain."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            with spared():
                asyncio.run(self._serve())
        else:
            raise ConfigError("run() blocks and this thread has a running event loop: await start() instead")

    async def _serve(self) -> None:
        ending, hurry = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            (hurry if ending.is_set() else ending).set()

        with heard(asyncio.get_running_loop(), on_signal):
            ended = asyncio.ensure_future(ending.wait())
            starting = asyncio.ensure_future(self.start())
            await asyncio.wait({starting, ended}, return_when=asyncio.FIRST_COMPLETED)
            try:
                if starting.done():
                    starting.result()
                    await ended
            finally:
                starting.cancel()
                ended.cancel()
                await self._drain(hurry)

    async def _drain(self, hurry: asyncio.Event) -> None:
        draining = asyncio.ensure_future(self.stop(None))
        hurried = asyncio.ensure_future(hurry.wait())
        await asyncio.wait({draining, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            await self.stop(0)
        hurried.cancel()
        await draining

    async def _begun(self, starting: Awaitable[str | None], runner: Runner | None) -> str | None:
        try:
            return await starting
        except BaseException:
            self._running = None
            if runner is not None:
                runner.close()
            raise

    async def _closed(self, running: _Running) -> None:
        try:
            await self._client.close()
        finally:
            if running.runner is not None:
                running.runner.close()
            if self._running is running:
                self._running = None

    def _refuse_second_start(self, loop: asyncio.AbstractEventLoop) -> None:
        running = self._running
        if running is None or running.pid != os.getpid():
            return
        if running.loop.is_closed():
            # Its loop ended without stop(): nothing of it can run any more.
            self._client.close_now()
            self._running = None
            return
        if running.loop is not loop:
            raise ConfigError(
                "this FleetQ runs on another event loop of this process; a FleetQ has one loop: "
                "stop it there first, or make a second FleetQ"
            )
        raise ConfigError("this FleetQ was already started; `await fq.stop()` comes first")

    def _threads(self) -> int:
        threads = self._client.settings["max_parallelism"]
        return threads if isinstance(threads, int) else 1

    def _children(self) -> Limits:
        settings = self._client.settings
        size, steps, rss = (settings[name] for name in ("max_processes", "max_steps", "max_rss"))
        return Limits(
            size if isinstance(size, int) else min(_cpus(), self._threads()),
            max_steps=steps if isinstance(steps, int) else None,
            max_rss=rss if isinstance(rss, int) else None,
        )


def _cpus() -> int:
    """How many CPUs this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _refuse_in_child() -> None:
    if in_child():
        raise ConfigError(
            "this is a child process, which a pod started to run its bodies, and it imports your module: "
            'start the FleetQ below `if __name__ == "__main__":`'
        )


def _spec(task: AnyTask, policy: RetryPolicy) -> TaskSpec:
    return {
        "name": task.name,
        "executor": "loop" if task.on_loop else "process" if task.in_process else "thread",
        "base": policy.base,
        "factor": policy.factor,
        "cap": policy.cap,
        "jitter": policy.jitter,
        "on_fence": "continue" if task.continue_on_fence else "stop",
    }
