"""Runs the bodies of a pod: `async def` on its event loop, `def` in threads, or in child processes.

Catches whatever a body raises, `SystemExit` and `KeyboardInterrupt` too: asyncio would let those two
out of the loop and take the pod down. Decides nothing: how each ended goes to the core.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import threading
from collections.abc import Mapping
from types import CoroutineType
from typing import TYPE_CHECKING, cast

from . import outcome
from .context import Context
from .exceptions import Stopped
from .executors import Outbox, Threads
from .loops import eager_task
from .processes import Processes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from ._core import Engine, Job, Report
    from .seats import Limits
    from .task import AnyTask
    from .types import Json, StopReason

__all__ = ["Runner"]

log = logging.getLogger("fleet_q.runner")

UNEXPLAINED_GRACE_S = 0.2
"""How long a cancellation that nobody explains waits for the end of its event loop to explain it."""


class _Body:
    """One step that runs or waits for its turn."""

    __slots__ = ("aio", "begun", "context", "job", "slot", "stop", "task")

    def __init__(self, job: Job, task: AnyTask) -> None:
        self.job = job
        self.slot = job.slot
        self.task = task
        self.context: Context | None = None
        self.stop: StopReason | None = None
        self.aio: asyncio.Task[None] | None = None
        self.begun = False


class Runner:
    """What the core calls, one call per batch, always on the event loop of `start()`."""

    def __init__(
        self,
        engine: Engine,
        tasks: Mapping[str, AnyTask],
        loop: asyncio.AbstractEventLoop,
        *,
        threads: int,
        limit: int,
        processes: Limits | None = None,
    ) -> None:
        self._engine = engine
        self._tasks = tasks
        self._loop = loop
        self._thread = threading.get_ident()
        self._limit = limit
        self._threads = Threads(threads, name="fleet-q-body")
        self._processes = None if processes is None else self._with_children(processes)
        self._outbox = Outbox(self._send)
        self._reports: list[Report] = []
        self._bodies: dict[int, _Body] = {}
        # Bodies see the context variables of whoever started the pod, each its own copy.
        self._origin = contextvars.copy_context()

    def deliver(self, jobs: list[Job], stops: list[tuple[int, StopReason]]) -> None:
        """Begin these steps and ask those to end. Returns at once."""
        on_loop: list[_Body] = []
        for job in jobs:
            task = self._tasks.get(job.task)
            if task is None:
                # The core claims only what it was told; given back, the step finds a pod that knows it.
                self._report(outcome.stopped(job.slot))
            elif task.in_process and self._processes is not None:
                self._processes.submit(job, task)
            elif task.on_loop:
                on_loop.append(_Body(job, task))
            else:
                self._begin_in_thread(_Body(job, task))
        if on_loop:
            # Inside the origin's context, of which each task makes a copy.
            self._origin.run(self._begin_on_loop, on_loop)
        for slot, reason in stops:
            body = self._bodies.get(slot)
            if body is not None:
                _tell(body, reason)
        self.stop_processes(stops)

    def stop_processes(self, stops: list[tuple[int, StopReason]]) -> None:
        """Ask those of these that run in children to end. Any thread: a blocked event loop delays it not."""
        if self._processes is not None:
            for slot, reason in stops:
                self._processes.stop(slot, reason)

    def pong(self, token: int) -> None:
        """Answer at once: the core measures how late the loop runs."""
        self._engine.pong(token)

    def close(self) -> None:
        """Let the threads go that have nothing to do, and every child process."""
        self._threads.close()
        if self._processes is not None:
            self._processes.close()

    def _with_children(self, limits: Limits) -> Processes:
        tasks = [task for task in self._tasks.values() if task.in_process]
        return Processes(limits, core=self._engine, send=self._send, tasks=tasks, result_limit=self._limit)

    def _begin_on_loop(self, bodies: list[_Body]) -> None:
        begin = eager_task(self._loop) or self._loop.create_task
        for body in bodies:
            self._bodies[body.slot] = body
            body.aio = begin(self._on_loop(body))
        # What is called soon is called in turn: by then each of these has run its first line, or never will.
        self._loop.call_soon(self._look_for_unbegun, bodies)

    def _begin_in_thread(self, body: _Body) -> None:
        self._bodies[body.slot] = body
        context = self._origin.copy()
        self._threads.submit(lambda: context.run(self._in_thread, body))

    async def _on_loop(self, body: _Body) -> None:
        """Run one body to its end. Raises nothing, whatever the body does."""
        body.begun = True
        slot, codec = body.slot, body.task.codec
        try:
            if body.stop is None and self._engine.begin(slot):
                value: object = self._called(body) if body.task.is_async else await self._called_inside(body)
                if type(value) is CoroutineType or inspect.isawaitable(value):
                    value = await cast("Awaitable[object]", value)
                report = outcome.encoded(slot, codec, value, self._limit)
            else:
                report = outcome.stopped(slot)
        except GeneratorExit as error:
            if not _is_current(body):
                return  # the loop is gone and this coroutine is thrown away; the core gives the step back
            report = outcome.raised(slot, error, told=body.stop is not None)
        except asyncio.CancelledError as error:
            if body.stop is None and _is_cancelled_from_outside(body):
                self._unexplained(body, error)
                return
            report = outcome.raised(slot, error, told=body.stop is not None)
        except BaseException as error:  # noqa: BLE001 - a body's end is data here, whatever it raised
            report = outcome.raised(slot, error, told=body.stop is not None)
        self._ended(body, report)

    async def _called_inside(self, body: _Body) -> object:
        """Call a `def` on the loop: like an `async def`, it lets no StopIteration out."""
        return self._called(body)

    def _in_thread(self, body: _Body) -> None:
        """Run one body to its end in this thread. Raises nothing, whatever the body does."""
        slot = body.slot
        try:
            if body.stop is not None or not self._engine.begin(slot):
                report = outcome.stopped(slot)
            else:
                report = outcome.encoded(slot, body.task.codec, self._called(body), self._limit)
        except BaseException as error:  # noqa: BLE001 - a body's end is data here, whatever it raised
            report = outcome.raised(slot, error, told=body.stop is not None)
        self._bodies.pop(slot, None)
        self._outbox.put(report)

    def _called(self, body: _Body) -> object:
        job, task = body.job, body.task
        payload = task.codec.decode(job.payload)
        if not task.wants_context:
            return task.function(*payload.args, **payload.kwargs)
        context = Context(
            step_id=job.step_id,
            task=job.task,
            queue=job.queue,
            retry_count=job.retry_count,
            max_retries=job.max_retries,
            fence=job.claim_id,
            metadata=cast("Mapping[str, Json]", payload.metadata),
            tell=functools.partial(self._engine.progress, job.slot),
        )
        body.context = context
        # A stop that came before there was a context to mark.
        context.cancelled = body.stop is not None
        return task.function(context, *payload.args, **payload.kwargs)

    def _unexplained(self, body: _Body, error: asyncio.CancelledError) -> None:
        """Settle a cancellation that came neither from the core nor out of the body itself.

        If the event loop is ending, the step has not failed and the core gives it back. If the loop
        lives on, somebody cancelled the body's task, and that is a failure, or it would run for ever.
        """
        report = outcome.raised(body.slot, error, told=False)
        self._loop.call_later(UNEXPLAINED_GRACE_S, self._ended, body, report)

    def _look_for_unbegun(self, bodies: list[_Body]) -> None:
        """Notice tasks that somebody cancelled before they ran their first line."""
        for body in bodies:
            if not body.begun and body.aio is not None:
                # Called soon, or at once, for it is done; the task of a loop that keeps no turns, when it is.
                body.aio.add_done_callback(functools.partial(self._gone, body))

    def _gone(self, body: _Body, _: asyncio.Task[None]) -> None:
        if not body.begun:
            self._unexplained(body, asyncio.CancelledError())

    def _ended(self, body: _Body, report: Report) -> None:
        self._bodies.pop(body.slot, None)
        self._report(report)

    def _report(self, report: Report) -> None:
        """Gather the reports of this turn of the loop and send them together."""
        self._reports.append(report)
        if len(self._reports) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        reports, self._reports = self._reports, []
        self._send(reports)

    def _send(self, reports: Sequence[Report]) -> None:
        """Pass ends on, from any thread, and begin the steps whose turn has come by that."""
        while reports:
            try:
                jobs = self._engine.report(reports)
            except Stopped:
                log.debug("%d ends came after the core was closed", len(reports))
                return
            reports = self._deliver_from_here(jobs)

    def _deliver_from_here(self, jobs: list[Job]) -> list[Report]:
        """Begin these steps, whatever thread this is; gives the ends of those that cannot begin any more."""
        if threading.get_ident() == self._thread:
            self.deliver(jobs, [])
            return []
        self.deliver([job for job in jobs if not self._is_on_loop(job)], [])
        there = [job for job in jobs if self._is_on_loop(job)]
        try:
            if there:
                self._loop.call_soon_threadsafe(lambda: self.deliver(there, []))
        except RuntimeError:
            # The loop is closed: they go back.
            return [outcome.stopped(job.slot) for job in there]
        return []

    def _is_on_loop(self, job: Job) -> bool:
        task = self._tasks.get(job.task)
        return task is None or task.on_loop


def _tell(body: _Body, reason: StopReason) -> None:
    body.stop = reason
    if body.context is not None:
        body.context.cancelled = True
    # Cancelled before its first line, a coroutine would end without a report; it looks at `stop` itself.
    if body.aio is not None and body.begun:
        body.aio.cancel()


def _is_current(body: _Body) -> bool:
    try:
        # None as long as a task that began at once has not waited for anything.
        return body.aio is None or asyncio.current_task() is body.aio
    except RuntimeError:
        return False


def _is_cancelled_from_outside(body: _Body) -> bool:
    # Before Python 3.11 a task does not know; then every such cancellation gets the grace.
    cancelling = getattr(body.aio or asyncio.current_task(), "cancelling", None)
    return cancelling is None or cancelling() > 0
